"""`siwei chain …`: place firms on the industry chain, and say how well that works."""

import os
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from siwei.city.home import resolve_pack
from siwei.cli.app import Json, app
from siwei.cli.city_words import line
from siwei.cli.output import console, print_json, print_line, print_table, shown
from siwei.errors import EnvironmentMissing, InputError, Problem

if TYPE_CHECKING:
    import polars as pl

    from siwei.chain.evaluation import HalfReport, Quality, Share
    from siwei.chain.vocabulary import Vocabulary

chain_app = App(name="chain", help="The industry chain: place firms, look for gaps.")
app.command(chain_app)
Pack = Annotated[str, Parameter(help="A built-in pack's name, or a folder with a pack.")]


def _load(pack: str) -> tuple["pl.DataFrame", "Vocabulary"]:
    from siwei.chain.segments import load_segments
    from siwei.chain.vocabulary import load_vocabulary

    directory = resolve_pack(pack) / "chain"
    segments = load_segments(directory / "segments.csv")
    return segments, load_vocabulary(directory / "vocabulary.yaml", segments)


@chain_app.command
def classify(
    *,
    source: Annotated[Path, Parameter(name="--in")],
    target: Annotated[Path, Parameter(name="--out")],
    pack: Pack = "shenzhen",
    json: Json = False,
) -> None:
    """Place every firm of a table on its segments; a firm placed nowhere has no row.

    Rows with a blank or repeated id, or that cannot be split, go to TARGET.rejects.csv with their reason.

    Parameters
    ----------
    source: CSV (also gzipped), Parquet or XLSX with columns id, name, scope, profile (scope and profile may be missing)
    target: .csv or .parquet, with columns id, segment, layer, confidence, evidence
    """
    from siwei.chain.classify import classify as place_firms
    from siwei.chain.tables import check_target, read_firms, write_placements, write_table

    check_target(target)
    started = perf_counter()
    _, vocabulary = _load(pack)
    table = read_firms(source)
    firms = table.firms
    placements = place_firms(firms, vocabulary)
    write_placements(placements, target)
    rejects = target.with_name(f"{target.stem}.rejects.csv")
    if table.rejects.height:
        write_table(table.rejects, rejects)
    else:
        rejects.unlink(missing_ok=True)
    counts = {
        "read": firms.height + table.rejects.height,
        "rejected": table.rejects.height,
        "firms": firms.height,
        "placed": placements["id"].n_unique(),
        "none": firms.height - placements["id"].n_unique(),
        "placements": placements.height,
        "seconds": round(perf_counter() - started, 2),
        "vocabulary": vocabulary.version,
    }
    if json:
        print_json(counts)
    else:
        print_line(f"{shown(line('placed', **counts))} → {target}")
        if table.rejects.height:
            print_line(f"{shown(line('rows_rejected', count=table.rejects.height))} → {rejects}")


@chain_app.command
def evaluate(
    *,
    labels: Path = Path("tests/chain/labels"),
    half: str = "",
    pack: Pack = "shenzhen",
    json: Json = False,
) -> None:
    """Compare placements with labelled firms, the fresh ones first; needs SIWEI_DATA, the folder of real inputs.

    Parameters
    ----------
    labels: folder with sample.csv, a.csv, b.csv, gold.csv and a folder fresh/ of the same
    half: fresh, spent, dev or test alone; without it all, fresh first. Only fresh was kept from tuning: look seldom
    """
    from siwei.chain.classify import classify as place_firms
    from siwei.chain.evaluation import HALVES, evaluate_half, label_agreement
    from siwei.chain.tables import read_labels, read_profiles

    if half and half not in HALVES:
        raise InputError([Problem(f"no half {half!r}", f"use one of {', '.join(HALVES)}", field="half")])
    profiles = read_profiles(_real_profiles())
    segments, vocabulary = _load(pack)
    layers: dict[str, str] = dict(segments.select("id", "layer").iter_rows())
    evaluated = []
    for name in (half,) if half else HALVES:
        marks = read_labels(labels / "fresh" if name in ("fresh", "spent") else labels)
        marks = marks.filter(marks["half"] == name)
        firms = profiles.join(marks, left_on="id", right_on="code", how="semi")
        report = evaluate_half(marks, place_firms(firms, vocabulary), layers, name)
        evaluated.append((report, label_agreement(marks, layers)))
    if json:
        reports = [{"report": asdict(report), "kappa": kappa} for report, kappa in evaluated]
        print_json({"reports": reports, "vocabulary": vocabulary.version})
        return
    for report, kappa in evaluated:
        _print_report(report, kappa)


@chain_app.command
def fit(
    *,
    labels: Path = Path("tests/chain/labels"),
    pack: Pack = "shenzhen",
    penalty: float = 1.0,
    json: Json = False,
) -> None:
    """Fit the confidence on all labels but the fresh half, and print it; needs SIWEI_DATA. Changes no file.

    Parameters
    ----------
    labels: folder with sample.csv, a.csv, b.csv, gold.csv, tuning.csv and a folder fresh/
    penalty: weight of the squares of the coefficients
    """
    from siwei.chain.classify import find_candidates
    from siwei.chain.fitting import fit_confidence
    from siwei.chain.tables import mark_candidates, read_profiles, read_tuned_labels

    _, vocabulary = _load(pack)
    known = read_tuned_labels(labels)
    firms = read_profiles(_real_profiles()).join(known, left_on="id", right_on="code", how="semi")
    candidates = mark_candidates(find_candidates(firms, vocabulary), known)
    intercept, coefficients = fit_confidence(candidates, penalty=penalty)
    if json:
        print_json({"intercept": intercept, "coefficients": coefficients, "candidates": candidates.height})
        return
    console.print(f"intercept: {intercept:.3f}", highlight=False)
    parts = ", ".join(f"{name}: {value:.3f}" for name, value in coefficients.items())
    console.print(f"coefficients: {{{parts}}}", highlight=False, soft_wrap=True)


def _real_profiles() -> Path:
    data = os.environ.get("SIWEI_DATA")
    if not data:
        raise EnvironmentMissing(
            "the labelled firms' texts are not here → set SIWEI_DATA to the folder of real inputs",
            "此处没有已标注企业的文本 → 请将 SIWEI_DATA 设为真实数据的文件夹",
        )
    return Path(data) / "firms" / "shenzhen_profiles.csv.gz"


def _print_report(report: "HalfReport", agreement: dict[str, float | None]) -> None:
    rows: list[tuple[str, str, str]] = [("segment", *_shown(report.segment)), ("layer", *_shown(report.layer))]
    rows += [(f"layer {name}", *_shown(quality)) for name, quality in report.by_layer.items()]
    print_table(
        f"{report.half}: {report.firms} firms, {report.disputed} disputed ones left out",
        ("unit", "precision", "recall"),
        rows,
    )
    print_table(
        "weighted by stratum",
        ("unit", "precision", "recall"),
        [
            ("segment", _number(report.weighted_segment_precision), _number(report.weighted_segment_recall)),
            ("layer", _number(report.weighted_layer_precision), _number(report.weighted_layer_recall)),
        ],
    )
    console.print(f"{report.abstentions} firms placed nowhere, {report.right_abstentions} of them rightly (label none)")
    print_table(
        "Cohen's kappa of the two labellers", ("judgement", "kappa"), [(k, _number(v)) for k, v in agreement.items()]
    )


def _shown(quality: "Quality") -> tuple[str, str]:
    return _interval(quality.precision), _interval(quality.recall)


def _interval(share: "Share") -> str:
    return f"{_number(share.value)} [{_number(share.low)}, {_number(share.high)}] ({share.hits}/{share.trials})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"

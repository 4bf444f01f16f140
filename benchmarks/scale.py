"""Generated organisations through import, classification and all programmes; sizes side by side.

    python -m benchmarks.scale --rows 10000 100000 1000000 [--json] [--pack DIR] [--folder DIR] [--no-peers]

Every stage runs in a process of its own and hands the next one files, so that each has its own peak memory. Times
include reading and writing those files, and leave out starting Python. See README.md for what is in each stage.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.measuring import in_child, machine, peak_memory_mb, timed

PACK = Path(__file__).resolve().parent.parent / "src" / "siwei" / "packs" / "shenzhen"
AS_OF = date(2026, 11, 23)
SEED = 20261123
SLICE_ROWS = 100_000


def generate_population(folder: Path, rows: int, pack_directory: Path) -> dict[str, Any]:
    """A CSV of the generic shape: what any city could bring. One firm in ten is in AI."""
    from siwei.city.pack import load_pack
    from siwei.city.population import generate, write_population

    pack, result = load_pack(pack_directory), {}
    with timed(result):
        frame = generate(rows, rows // 10, SEED, pack=pack, as_of=AS_OF)
        write_population(frame, folder / "firms.csv")
    return {**result, "file_mb": (folder / "firms.csv").stat().st_size / 1e6}


def import_rows(folder: Path, rows: int, pack_directory: Path) -> dict[str, Any]:
    """CSV → checked, cleaned, merged organisations, and facts written by slices. The pure part; no database."""
    from siwei.city.firms import build_gazetteer, read_files
    from siwei.city.pack import load_pack

    pack, result = load_pack(pack_directory), {}
    gazetteer = build_gazetteer(pack.districts, pack.tables["places"], city=pack.identity.name_zh)
    with timed(result):
        imported = read_files(
            [folder / "firms.csv"], attributes=pack.attributes, gazetteer=gazetteer,
            now=datetime(2026, 11, 23, tzinfo=UTC), origin="generated",
        )  # fmt: skip
        imported.organisations.write_parquet(folder / "organisations.parquet")
        facts = 0
        for number, part in enumerate(imported.fact_slices(SLICE_ROWS)):
            part.write_parquet(folder / f"facts-{number:04d}.parquet")
            facts += part.height
    counts = imported.counts
    return {
        **result, "read": counts.read, "created": counts.created, "merged": counts.merged, "rejected": counts.rejected,
        "facts": facts,
    }  # fmt: skip


def widen_facts(folder: Path, rows: int, pack_directory: Path) -> dict[str, Any]:
    """Facts → the wide table of subjects, one column per attribute and one for its proof, slice by slice."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "siwei.portal.django_settings")
    os.environ.setdefault("SIWEI_CITY", str(folder))
    import django

    django.setup()
    from siwei.city.pack import load_pack
    from siwei.exchange.facts.subjects import widen

    pack, result = load_pack(pack_directory), {}
    attributes = {name: each for name, each in pack.attributes.items() if each.subject == "organisation"}
    with timed(result):
        organisations = pl.read_parquet(folder / "organisations.parquet", columns=["key", "name"]).with_row_index("id")
        for path in sorted(folder.glob("facts-*.parquet")):
            facts = pl.read_parquet(path).join(organisations.select("key", organisation_id="id"), on="key")
            facts = facts.with_columns(
                pl.col("valid_from", "known_at").cast(pl.String), pl.col("organisation_id").cast(pl.Int64)
            ).with_row_index("id")
            part = organisations.join(facts.select("key").unique(), on="key", how="semi")
            widen(part.with_columns(pl.col("id").cast(pl.Int64)), facts, attributes).write_parquet(
                folder / path.name.replace("facts", "subjects")
            )
    return result


def place_on_chain(folder: Path, rows: int, pack_directory: Path) -> dict[str, Any]:
    from siwei.chain.classify import classify
    from siwei.chain.vocabulary import load_vocabulary
    from siwei.city.pack import load_pack

    vocabulary = load_vocabulary(pack_directory / "chain" / "vocabulary.yaml", load_pack(pack_directory).segments)
    result: dict[str, Any] = {}
    with timed(result):
        firms = pl.read_parquet(folder / "subjects-*.parquet", columns=["key", "name", "scope", "profile"])
        placements = classify(firms.rename({"key": "id"}), vocabulary)
        placements.write_parquet(folder / "placements.parquet")
    return {**result, "placed": placements["id"].n_unique(), "placements": placements.height}


def decide_all(folder: Path, rows: int, pack_directory: Path) -> dict[str, Any]:
    from siwei.city.pack import load_pack
    from siwei.policy import decide, load_programmes

    programmes, result = load_programmes(pack_directory / "programmes", load_pack(pack_directory).attributes), {}
    read = sorted({name for programme in programmes for name in programme.attributes})
    with timed(result):
        columns = ["key", *read, *(f"{name}__status" for name in read)]
        table = pl.scan_parquet(folder / "subjects-*.parquet").select(columns).rename({"key": "id"})
        decisions = decide(programmes, table, AS_OF)
        decisions.wide.write_parquet(folder / "decisions.parquet")
    verdicts = decisions.awards.group_by(pl.col("verdict").cast(pl.String)).len().sort("verdict")
    return {
        **result, "programmes": len(programmes), "clauses": sum(len(each.clauses) for each in programmes),
        **dict(verdicts.iter_rows()),
    }  # fmt: skip


def measure_indicators(folder: Path, rows: int, pack_directory: Path) -> dict[str, Any]:
    """Every indicator over what the other stages made."""
    from siwei.city.pack import load_pack
    from siwei.indicators import Snapshot, measure, pack_tables
    from siwei.policy import load_programmes
    from siwei.policy.decide import Decisions

    pack, result = load_pack(pack_directory), {}
    programmes = load_programmes(pack_directory / "programmes", pack.attributes)
    with timed(result):
        placements = pl.read_parquet(folder / "placements.parquet").rename({"id": "key"})
        decisions = Decisions(programmes, AS_OF, pl.read_parquet(folder / "decisions.parquet"))
        snapshot = Snapshot(
            as_of=AS_OF, official=pack.official_firm_count, placements=placements, awards=decisions.awards,
            organisations=pl.read_parquet(folder / "organisations.parquet"),
            staff=pl.read_parquet(folder / "subjects-*.parquet", columns=["key", "employees", "research_staff"]),
            **pack_tables(pack),
        )  # fmt: skip
        measured = measure(snapshot)
    return {**result, "measured": measured.filter(pl.col("state") == "measured").height}


STAGES: dict[str, Callable[[Path, int, Path], dict[str, Any]]] = {
    "generate": generate_population,
    "import": import_rows,
    "subjects": widen_facts,
    "classify": place_on_chain,
    "decide": decide_all,
    "indicators": measure_indicators,
}


def measure_size(rows: int, folder: Path, pack_directory: Path) -> list[dict[str, Any]]:
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    for stage in STAGES:
        found = in_child(
            "benchmarks.scale", "--stage", stage, "--rows", str(rows), "--folder", str(folder),
            "--pack", str(pack_directory),
        )  # fmt: skip
        results.append({"stage": stage, "rows": rows, **found, "rows_per_second": round(rows / found["seconds"])})
        last = results[-1]
        print(
            f"{stage:>11} {rows:>10,} rows {last['seconds']:8.2f} s {last['rows_per_second']:>10,} rows/s "
            f"{last['peak_mb']:7.0f} MB",
            file=sys.stderr, flush=True,
        )  # fmt: skip
    return results


def print_results(results: list[dict[str, Any]], peers: list[dict[str, Any]]) -> None:
    sizes = sorted({result["rows"] for result in results})
    print(f"{'':>11}" + "".join(f"{size:>33,}" for size in sizes))
    print(f"{'stage':>11}" + "".join(f"{'s':>10}{'rows/s':>13}{'peak MB':>10}" for _ in sizes))
    for stage in STAGES:
        cells = [next(each for each in results if (each["stage"], each["rows"]) == (stage, size)) for size in sizes]
        figures = (f"{each['seconds']:>10.2f}{each['rows_per_second']:>13,}{each['peak_mb']:>10.0f}" for each in cells)
        print(f"{stage:>11}{''.join(figures)}")
    for peer in peers:
        print(
            f"\n{peer['what']} ({peer['rows']:,} rows): ours {peer['ours_rows_per_second']:,} rows/s, "
            f"{peer['peer']} {peer['peer_rows_per_second']:,} rows/s, ratio {peer['ratio']:.1f}"
            + (f"; {peer['agreement']}" if peer.get("agreement") else "")
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--pack", type=Path, default=PACK)
    parser.add_argument("--folder", type=Path, help="where to keep the files between stages; default: a temporary one")
    parser.add_argument("--no-peers", action="store_true", help="do not measure the peers")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        found = STAGES[options.stage](options.folder, options.rows[0], options.pack)
        print(json.dumps({**found, "peak_mb": round(peak_memory_mb(), 1)}))
        return
    about = machine()
    with tempfile.TemporaryDirectory(prefix="siwei-scale-") as temporary:
        base = options.folder or Path(temporary)
        results = [each for rows in options.rows for each in measure_size(rows, base / str(rows), options.pack)]
        peers: list[dict[str, Any]] = []
        if not options.no_peers:
            folder = base / str(min(options.rows))
            peers = in_child("benchmarks.peers", "--folder", str(folder), "--pack", str(options.pack))["peers"]
    if options.json:
        print(json.dumps({"machine": about, "results": results, "peers": peers}, ensure_ascii=False))
    else:
        print_results(results, peers)


if __name__ == "__main__":
    main()

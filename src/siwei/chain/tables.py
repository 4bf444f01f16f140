"""Tables of firms in, tables of placements out; the same guarded readers as the import of firms."""

import gzip
import io
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from siwei.chain.classify import FIRMS_SCHEMA, PLACEMENTS_SCHEMA
from siwei.chain.evaluation import DISPUTED, LABELS_SCHEMA
from siwei.city.firms.delimited import read_delimited
from siwei.city.firms.opening import open_file
from siwei.city.firms.parquet import read_parquet
from siwei.city.firms.spreadsheets import neutralise_formulas
from siwei.city.firms.tables import BROKEN, ROW, RawTable, cell_column
from siwei.city.firms.workbook import read_workbook
from siwei.errors import ImportRefused, InputError, Problem

WRITE_SUFFIXES = (".csv", ".parquet")
REQUIRED = ("id", "name")
COLUMNS_TO_NAME = "name the columns id, name, and where there are any scope, profile"


@dataclass(frozen=True, slots=True)
class FirmsTable:
    """`firms`: FIRMS_SCHEMA, each id whole and single; `rejects`: row (as a person finds it), field, reason, record."""

    firms: pl.DataFrame
    rejects: pl.DataFrame


def read_firms(path: Path) -> FirmsTable:
    """CSV (any usual encoding and delimiter), gzipped CSV, Parquet or XLSX with id, name and maybe scope, profile.

    Other columns are left aside. A row that cannot be split, whose id is blank or stands twice is rejected with its
    reason. Raises ImportRefused where the file cannot be read or lacks a column.
    """
    opened = open_file(path, path.name)
    with opened.handle:
        readers = {"workbook": read_workbook, "parquet": read_parquet}
        try:
            table: RawTable = readers.get(opened.kind, read_delimited)(opened, tuple(FIRMS_SCHEMA))
        except ImportRefused as refused:
            raise ImportRefused([_with_our_columns(problem) for problem in refused.problems]) from None
    missing = [column for column in REQUIRED if column not in table.header]
    if missing:
        message = f"column missing: {', '.join(missing)}; the header has {', '.join(table.header[:8])}"
        raise ImportRefused([Problem(message, COLUMNS_TO_NAME, path.name, 1)])
    cells = table.cells.select(
        ROW,
        *(
            pl.col(cell_column(name)).alias(name) if name in table.header else pl.lit(None, dtype=pl.String).alias(name)
            for name in FIRMS_SCHEMA
        ),
    ).with_columns(pl.col("id").str.strip_chars())
    is_blank = pl.col("id").is_null() | (pl.col("id") == "")
    reason = (
        pl.when(is_blank)
        .then(pl.lit("blank id"))
        .when(pl.col("id").is_duplicated())
        .then(pl.format("id {} stands more than once", pl.col("id")))
    )
    judged = cells.with_columns(reason=reason)
    bad = judged.filter(pl.col("reason").is_not_null()).select(
        pl.col(ROW).cast(pl.UInt32),
        pl.lit("id").alias("field"),
        "reason",
        pl.struct(list(FIRMS_SCHEMA)).struct.json_encode().alias("record"),
    )
    rejects = pl.concat([table.broken.select(list(BROKEN)), bad.select(list(BROKEN))]).sort(ROW)
    return FirmsTable(judged.filter(pl.col("reason").is_null()).select(list(FIRMS_SCHEMA)), rejects)


def _with_our_columns(problem: Problem) -> Problem:
    """The readers name the shapes of the import; a table to place has four columns and no other shape."""
    if not problem.message.startswith("missing columns"):
        return problem
    seen = problem.message.partition("; seen")[2] or problem.message.partition("; columns are")[2]
    return replace(problem, message=f"columns missing: id, name; seen{seen}", fix=COLUMNS_TO_NAME)


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """CSV or Parquet by the ending, whole or not at all; what a spreadsheet would run gets an apostrophe in CSV."""
    draft = path.with_name(path.name + ".part")
    try:
        if path.suffix.lower() == ".parquet":
            frame.write_parquet(draft)
        else:
            _as_plain_text(frame).write_csv(draft)
        draft.replace(path)
    except OSError as error:
        raise InputError([Problem(f"cannot be written: {error.strerror}", "choose another place", str(path))]) from None
    finally:
        draft.unlink(missing_ok=True)


def write_placements(placements: pl.DataFrame, path: Path) -> None:
    """Exactly the columns of PLACEMENTS_SCHEMA."""
    check_target(path)
    write_table(placements.select(PLACEMENTS_SCHEMA.names()), path)


def _as_plain_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Only cells that may begin a formula are looked at one by one; there are few of them."""
    suspicious = r"^[ \u{3000}\u{feff}]*[=+\-@\t\r＝＋－＠]"
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(suspicious))
        .then(pl.col(name).map_elements(neutralise_formulas, return_dtype=pl.String, skip_nulls=True))
        .otherwise(pl.col(name))
        .alias(name)
        for name, dtype in frame.schema.items()
        if dtype == pl.String
    )


def check_target(path: Path) -> None:
    """Refuse an unknown ending or a missing folder before the work, not after it."""
    if not path.name.lower().endswith(WRITE_SUFFIXES):
        fix = f"use one of {', '.join(WRITE_SUFFIXES)}"
        raise InputError([Problem(f"unknown kind of table {path.name!r}", fix, str(path))])
    if not path.parent.is_dir():
        raise InputError([Problem(f"no such folder {path.parent}", "make it, or choose another place", str(path))])


def read_labels(directory: Path) -> pl.DataFrame:
    """LABELS_SCHEMA from sample.csv, a.csv, b.csv, gold.csv. Raises ImportRefused where a file or a code is missing."""
    frames = {}
    for name in ("sample", "a", "b", "gold"):
        path = directory / f"{name}.csv"
        if not path.is_file():
            raise ImportRefused([Problem("no such file", "give the folder of labels", str(path))])
        frames[name] = pl.read_csv(path, infer_schema=False)
    labels = frames["sample"]
    for name in ("a", "b", "gold"):
        labels = labels.join(frames[name].rename({"segments": name}), on="code", how="left")
    lost = labels.filter(pl.any_horizontal(pl.col("a", "b", "gold").is_null()))["code"].to_list()
    if lost:
        raise ImportRefused([Problem(f"no label for {code}", "label it", str(directory)) for code in lost])
    return labels.select([pl.col(name).cast(dtype) for name, dtype in LABELS_SCHEMA.items()])


def read_tuning(directory: Path) -> pl.DataFrame:
    """`code, gold` of firms that help to fit the confidence and are never evaluated on."""
    path = directory / "tuning.csv"
    if not path.is_file():
        raise ImportRefused([Problem("no such file", "give the folder of labels", str(path))])
    return pl.read_csv(path, infer_schema=False).select("code", gold="segments")


def read_tuned_labels(directory: Path) -> pl.DataFrame:
    """`code, gold` of all that may be tuned on: the older labels, the spent half of `fresh`, and `tuning.csv`."""
    spent = read_labels(directory / "fresh").filter((pl.col("half") == "spent") & (pl.col("gold") != DISPUTED))
    parts = [read_labels(directory), spent, read_tuning(directory)]
    return pl.concat([part.select("code", "gold") for part in parts])


def mark_candidates(candidates: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Candidates with `is_right`: whether `known` (code, gold) gives the firm that segment."""
    gold = known.select(pl.col("code").alias("id"), segment=pl.col("gold").str.split(" ")).explode("segment")
    right = gold.with_columns(is_right=pl.lit(True))
    return candidates.join(right, on=["id", "segment"], how="left").with_columns(pl.col("is_right").fill_null(False))


def read_profiles(path: Path) -> pl.DataFrame:
    """FIRMS_SCHEMA from the profile sample; codes are cut to their 18 characters, the first of each is kept."""
    frame = pl.read_csv(io.BytesIO(gzip.decompress(path.read_bytes())), infer_schema=False)
    return frame.select(
        id=pl.col("统一信用代码").str.strip_chars().str.head(18),
        name=pl.col("公司名称"),
        scope=pl.lit(None, dtype=pl.String),
        profile=pl.col("公司介绍"),
    ).unique("id", keep="first", maintain_order=True)

"""Tables of firms in, tables of placements out: CSV (also gzipped), Parquet, XLSX."""

import gzip
import io
from pathlib import Path

import polars as pl

from siwei.chain.classify import FIRMS_SCHEMA, PLACEMENTS_SCHEMA
from siwei.chain.evaluation import LABELS_SCHEMA
from siwei.errors import ImportRefused, InputError, Problem

LARGEST_BYTES = 4 * 1024**3
READ_SUFFIXES = (".csv", ".csv.gz", ".parquet", ".xlsx")
WRITE_SUFFIXES = (".csv", ".parquet")


def read_firms(path: Path) -> pl.DataFrame:
    """FIRMS_SCHEMA from a table with columns id, name, scope, profile; scope and profile may be missing, cells empty.

    Raises ImportRefused where the file cannot be read or lacks a column; other columns are left aside.
    """
    if not path.is_file():
        raise ImportRefused([Problem("no such file", "check the path", str(path))])
    suffix = _suffix(path, READ_SUFFIXES)
    try:
        frame = _read(path, suffix)
    except UnicodeDecodeError as error:
        raise ImportRefused([Problem(f"not UTF-8 (byte {error.start})", "save it as UTF-8", str(path))]) from None
    except (pl.exceptions.PolarsError, OSError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ImportRefused(
            [Problem(f"cannot be read: {reason}", "check that it is whole and of the kind its ending says", str(path))]
        ) from None
    except Exception as error:  # fastexcel's own errors share no public base class
        if not type(error).__module__.startswith("fastexcel"):
            raise
        raise ImportRefused([Problem(f"cannot be read: {error}", "save it again as XLSX or CSV", str(path))]) from None
    missing = [column for column in ("id", "name") if column not in frame.columns]
    if missing:
        fix = f"the header has {', '.join(frame.columns[:8]) or 'nothing'}; name the columns id, name, scope, profile"
        raise ImportRefused([Problem(f"column missing: {', '.join(missing)}", fix, str(path), 1)])
    return frame.select(
        pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in FIRMS_SCHEMA.items()
    )


def _suffix(path: Path, known: tuple[str, ...]) -> str:
    for suffix in known:
        if path.name.lower().endswith(suffix):
            return suffix
    raise InputError([Problem(f"unknown kind of table {path.name!r}", f"use one of {', '.join(known)}", str(path))])


def _read(path: Path, suffix: str) -> pl.DataFrame:
    if suffix == ".parquet":
        return pl.read_parquet(path)
    if suffix == ".xlsx":
        return pl.read_excel(path, engine="calamine", infer_schema_length=0)
    if suffix == ".csv":
        content = path.read_bytes()
    else:
        with gzip.open(path) as file:
            content = file.read(LARGEST_BYTES + 1)
            if len(content) > LARGEST_BYTES:
                raise ValueError(f"unpacks to more than {LARGEST_BYTES} bytes")
    content.decode("utf-8")
    return pl.read_csv(content, infer_schema=False)


def write_placements(placements: pl.DataFrame, path: Path) -> None:
    """PLACEMENTS_SCHEMA as CSV or Parquet by the ending, whole or not at all; formulas in CSV are neutralised."""
    suffix = _suffix(path, WRITE_SUFFIXES)
    frame = placements.select(PLACEMENTS_SCHEMA.names())
    draft = path.with_name(path.name + ".part")
    try:
        if suffix == ".parquet":
            frame.write_parquet(draft)
        else:
            neutralise_formulas(frame).write_csv(draft)
        draft.replace(path)
    except OSError as error:
        raise InputError([Problem(f"cannot be written: {error.strerror}", "choose another place", str(path))]) from None
    finally:
        draft.unlink(missing_ok=True)


def neutralise_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Text cells that begin with = + - @ tab or return get a leading apostrophe (OWASP, CSV injection)."""
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(r"^[=+\-@\t\r]"))
        .then(pl.concat_str(pl.lit("'"), pl.col(name)))
        .otherwise(pl.col(name))
        .alias(name)
        for name, dtype in frame.schema.items()
        if dtype == pl.String
    )


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


def read_profiles(path: Path) -> pl.DataFrame:
    """FIRMS_SCHEMA from the profile sample; codes are cut to their 18 characters, the first of each is kept."""
    frame = pl.read_csv(io.BytesIO(gzip.decompress(path.read_bytes())), infer_schema=False)
    return frame.select(
        id=pl.col("统一信用代码").str.strip_chars().str.head(18),
        name=pl.col("公司名称"),
        scope=pl.lit(None, dtype=pl.String),
        profile=pl.col("公司介绍"),
    ).unique("id", keep="first", maintain_order=True)


def check_target(path: Path) -> None:
    """Refuse an unknown ending or a missing folder before the work, not after it."""
    _suffix(path, WRITE_SUFFIXES)
    if not path.parent.is_dir():
        raise InputError([Problem(f"no such folder {path.parent}", "make it, or choose another place", str(path))])

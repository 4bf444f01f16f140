"""The segments of the industry chain, as a pack lists them."""

from pathlib import Path

import polars as pl

from siwei.errors import PackError, Problem

LAYERS = ("base", "technology", "application")
SEGMENTS_SCHEMA = pl.Schema({"id": pl.String, "layer": pl.String, "name_zh": pl.String, "name_en": pl.String})


def load_segments(path: Path) -> pl.DataFrame:
    """SEGMENTS_SCHEMA (further columns kept as text), in the file's order. Raises PackError with every problem."""
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise PackError([Problem("the pack has no segments", "add chain/segments.csv", file=str(path))]) from None
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise PackError([Problem(f"cannot be read as CSV: {error}", "save it as UTF-8 CSV", file=str(path))]) from None
    missing = [column for column in SEGMENTS_SCHEMA if column not in frame.columns]
    if missing:
        raise PackError([Problem(f"column missing: {', '.join(missing)}", "add it to the header", file=str(path))])
    problems = []
    seen: set[str] = set()
    for line, (segment, layer) in enumerate(frame.select("id", "layer").iter_rows(), start=2):
        if not segment or segment in seen:
            problems.append(
                Problem(f"segment id blank or repeated: {segment!r}", "give every segment its own id", str(path), line)
            )
        if layer not in LAYERS:
            problems.append(
                Problem(f"unknown layer {layer!r}", f"use one of {', '.join(LAYERS)}", str(path), line, field="layer")
            )
        seen.add(segment)
    if problems:
        raise PackError(problems)
    return frame

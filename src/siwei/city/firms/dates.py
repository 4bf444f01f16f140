"""Days as people and spreadsheets write them, to ISO dates; an impossible or future day is a problem, not a guess."""

from datetime import date

import polars as pl

from siwei.city.firms.amounts import UNSTATED

EARLIEST = date(1800, 1, 1)
EPOCH = date(1970, 1, 1)
SPREADSHEET_EPOCH = date(1899, 12, 30)

DAYS = {"day": pl.Date, "problem": pl.String}

DAY = r"^(\d{4})(?:[-/.年])(\d{1,2})(?:[-/.月])(\d{1,2})日?(?:[T ]?\d{1,2}[:时].*)?$"
COMPACT_DAY = r"^(\d{4})(\d{2})(\d{2})$"
SERIAL_DAY = r"^(\d{5})(?:\.0+)?$"


def parse_days(texts: pl.Series, *, today: date | None) -> pl.DataFrame:
    """`DAYS` for each text, in order. With `today`, a later day is a problem; None lets the future through.

    1970-01-01 is refused because databases write it for an empty clock. Five digits are a spreadsheet's day number.
    """
    found = texts.cast(pl.String).fill_null("")
    clean = found.str.normalize("NFKC").str.strip_chars()
    written, compact = clean.str.extract_groups(DAY), clean.str.extract_groups(COMPACT_DAY)
    parts = [
        pl.coalesce(written.struct.field(str(part)), compact.struct.field(str(part))).cast(pl.Int32, strict=False)
        for part in (1, 2, 3)
    ]
    cells = pl.DataFrame({"clean": clean, "shown": found.str.slice(0, 40)}).with_columns(
        year=parts[0], month=parts[1], day_of_month=parts[2], absent=clean.str.to_uppercase().is_in(UNSTATED)
    )
    padded = pl.format(
        "{}-{}-{}", pl.col("year"), pl.col("month").cast(pl.String).str.pad_start(2, "0"),
        pl.col("day_of_month").cast(pl.String).str.pad_start(2, "0"),
    )  # fmt: skip
    serial = clean.str.extract(SERIAL_DAY, 1).cast(pl.Int64, strict=False)
    cells = cells.with_columns(written=pl.col("year").is_not_null() | serial.is_not_null(), serial=serial).with_columns(
        day=pl.coalesce(
            padded.str.to_date("%Y-%m-%d", strict=False),
            pl.lit(SPREADSHEET_EPOCH) + pl.duration(days=pl.col("serial")),
        )
    )
    problem = (
        pl.when("absent")
        .then(None)
        .when(~pl.col("written"))
        .then(pl.format("date '{}' cannot be read; write YYYY-MM-DD", pl.col("shown")))
        .when(pl.col("day").is_null())
        .then(pl.format("date '{}' does not exist in the calendar", pl.col("shown")))
        .when(pl.col("day") < EARLIEST)
        .then(pl.format("date '{}' is before 1800", pl.col("shown")))
        .when(pl.col("day") == EPOCH)
        .then(pl.format("date '{}' is what a database writes for an empty clock", pl.col("shown")))
        .when(pl.col("day") > (today or date.max))
        .then(pl.format("date '{}' is in the future", pl.col("shown")))
        .cast(pl.String)
    )
    return cells.select(day=pl.when(problem.is_null() & ~pl.col("absent")).then("day"), problem=problem)

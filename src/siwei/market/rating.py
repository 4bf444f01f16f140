"""Rating and settling many lines at once, by column: the same integers, to the fen, as `rate` and `settle` give.

A line here has at most one voucher's hold and one of its own money, as agreements on the exchange have.
"""

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from siwei.errors import InputError

READINGS_SCHEMA: Mapping[str, pl.DataType] = MappingProxyType({"line": pl.Int64(), "quantity": pl.Int64()})
"""Meter readings, any number of a line."""
LINES_SCHEMA: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "line": pl.Int64(),
        "unit_price_fen": pl.Int64(),
        "price_quantity": pl.Int64(),
        "voucher_fen": pl.Int64(),
        "voucher_captured_fen": pl.Int64(),
        "own_fen": pl.Int64(),
        "own_captured_fen": pl.Int64(),
    }
)
"""One row a line: its price, what each hold is in all, and what earlier settlements captured of it; zero for none."""
SETTLED_SCHEMA: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "line": pl.Int64(),
        "readings": pl.UInt32(),
        "quantity": pl.Int64(),
        "gross_fen": pl.Int64(),
        "voucher_due_fen": pl.Int64(),
        "own_due_fen": pl.Int64(),
        "released_fen": pl.Int64(),
        "uncollected_fen": pl.Int64(),
    }
)
"""`voucher_due_fen` and `own_due_fen` are captured now, `released_fen` what would be left of both holds at the end."""
WIDE = pl.Int128
"""A quantity times a price, or a share of a hold, passes 64 bits before it is divided."""
MOST = 2**62


def settle_lines(readings: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """What every line has come to and who pays it now (SETTLED_SCHEMA), in the order of `lines`.

    Raises InputError for a negative number, a price of nothing, more captured than held, a line named twice or not at
    all, or an amount that the ledger's integers do not hold.
    """
    _check(readings, lines)
    metered = readings.group_by("line").agg(
        pl.len().cast(pl.UInt32).alias("readings"), pl.col("quantity").cast(WIDE).sum().alias("quantity")
    )
    frame = lines.join(metered, on="line", how="left", maintain_order="left").with_columns(
        pl.col("readings").fill_null(0), pl.col("quantity").fill_null(0)
    )
    gross = (2 * pl.col("quantity") * pl.col("unit_price_fen").cast(WIDE) + pl.col("price_quantity")) // (
        2 * pl.col("price_quantity").cast(WIDE)
    )
    frame = frame.with_columns(gross.alias("gross_fen"))
    if frame.height and (frame["gross_fen"].max() >= MOST or frame["quantity"].max() >= MOST):  # type: ignore[operator]
        raise InputError("a line came to more than the ledger carries")
    return _shared(frame).select(pl.col(name).cast(dtype) for name, dtype in SETTLED_SCHEMA.items())


def _shared(frame: pl.DataFrame) -> pl.DataFrame:
    """`siwei.market.settlement.settle`, step by step: what each hold bears in all, less what it bore before."""
    voucher, own = pl.col("voucher_fen").cast(WIDE), pl.col("own_fen").cast(WIDE)
    total = voucher + own
    frame = frame.with_columns(charge=pl.min_horizontal(pl.col("gross_fen"), total), parts=pl.max_horizontal(total, 1))
    frame = frame.with_columns(
        voucher_share=pl.col("charge") * voucher // pl.col("parts"), own_share=pl.col("charge") * own // pl.col("parts")
    )
    # The fen left over: the own share first, as far as its hold reaches.
    left = pl.col("charge") - pl.col("voucher_share") - pl.col("own_share")
    to_own = pl.min_horizontal(left, own - pl.col("own_share"))
    frame = frame.with_columns(left=left, to_own=to_own)
    left = pl.col("left") - pl.col("to_own")
    to_voucher = pl.min_horizontal(left, voucher - pl.col("voucher_share"), pl.lit(1, WIDE))
    frame = frame.with_columns(
        own_share=pl.col("own_share") + pl.col("to_own"), voucher_share=pl.col("voucher_share") + to_voucher
    )
    return _after_earlier(frame)


def _after_earlier(frame: pl.DataFrame) -> pl.DataFrame:
    """Each side's part now, so that both pay what is due: cut from the voucher first, topped up by the own first."""
    captured = {side: pl.col(f"{side}_captured_fen").cast(WIDE) for side in ("voucher", "own")}
    room = {side: pl.col(f"{side}_fen").cast(WIDE) - captured[side] for side in captured}
    now = {
        side: pl.min_horizontal(
            pl.max_horizontal(pl.col(f"{side}_share") - captured[side], pl.lit(0, WIDE)), room[side]
        )
        for side in captured
    }
    due = pl.max_horizontal(pl.col("charge") - captured["voucher"] - captured["own"], pl.lit(0, WIDE))
    frame = frame.with_columns(due=due, voucher_now=now["voucher"], own_now=now["own"])
    for side in ("voucher", "own"):
        over = pl.max_horizontal(pl.col("voucher_now") + pl.col("own_now") - pl.col("due"), pl.lit(0, WIDE))
        frame = frame.with_columns(
            (pl.col(f"{side}_now") - pl.min_horizontal(over, pl.col(f"{side}_now"))).alias(f"{side}_now")
        )
    for side in ("own", "voucher"):
        short = pl.max_horizontal(pl.col("due") - pl.col("voucher_now") - pl.col("own_now"), pl.lit(0, WIDE))
        more = pl.min_horizontal(short, room[side] - pl.col(f"{side}_now"))
        frame = frame.with_columns((pl.col(f"{side}_now") + more).alias(f"{side}_now"))
    released = room["voucher"] + room["own"] - pl.col("voucher_now") - pl.col("own_now")
    return frame.with_columns(
        voucher_due_fen=pl.col("voucher_now"), own_due_fen=pl.col("own_now"), released_fen=released,
        uncollected_fen=pl.col("gross_fen") - pl.col("charge"),
    )  # fmt: skip


def _check(readings: pl.DataFrame, lines: pl.DataFrame) -> None:
    for frame, schema in ((readings, READINGS_SCHEMA), (lines, LINES_SCHEMA)):
        wrong = [name for name, dtype in schema.items() if frame.schema.get(name) != dtype]
        if wrong:
            raise InputError(f"columns {', '.join(wrong)} are missing or not of 64-bit integers")
        if any(frame.select(pl.col(*schema).null_count()).row(0)):
            raise InputError("a reading or a line has an empty field")
    if lines["line"].is_duplicated().any():
        raise InputError("a line is named twice")
    if (
        readings.filter(pl.col("quantity") < 0).height
        or lines.filter(
            pl.any_horizontal(pl.col(*(name for name in LINES_SCHEMA if name != "line")) < 0)
            | (pl.col("price_quantity") < 1)
        ).height
    ):
        raise InputError("a quantity, a price or an amount is negative; corrections are postings of their own")
    if lines.filter(
        (pl.col("voucher_captured_fen") > pl.col("voucher_fen")) | (pl.col("own_captured_fen") > pl.col("own_fen"))
    ).height:
        raise InputError("more was captured than held")
    if strange := readings.join(lines, on="line", how="anti").height:
        raise InputError(f"{strange} readings are of no line that was given")

"""Many lines by column come out as one by one: every fen, every payer, whatever the holds and earlier captures."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.errors import InputError
from siwei.market.kind import Price
from siwei.market.pricing import rate
from siwei.market.rating import LINES_SCHEMA, READINGS_SCHEMA, SETTLED_SCHEMA, settle_lines
from siwei.market.settlement import Held, settle

FEN = st.integers(0, 7) | st.integers(0, 10**12) | st.integers(10**15, 10**16)
LINE = st.tuples(
    st.lists(st.integers(0, 5) | st.integers(0, 10**9), max_size=5),
    st.integers(0, 5) | st.integers(0, 10**8),
    st.integers(1, 7) | st.sampled_from([3600, 10**6]),
    *(st.tuples(FEN, st.floats(0, 1)).map(lambda hold: (hold[0], int(hold[0] * hold[1]))) for _ in range(2)),
)


def frames(drawn: list[tuple]) -> tuple[pl.DataFrame, pl.DataFrame]:
    readings = [(number, each) for number, line in enumerate(drawn) for each in line[0]]
    lines = [
        (number, price, per, voucher[0], min(voucher), own[0], min(own))
        for number, (_, price, per, voucher, own) in enumerate(drawn)
    ]
    return (
        pl.DataFrame(readings, schema=dict(READINGS_SCHEMA), orient="row"),
        pl.DataFrame(lines, schema=dict(LINES_SCHEMA), orient="row"),
    )


@given(st.lists(LINE, max_size=6))
@settings(max_examples=400, deadline=None)
def test_by_column_is_as_one_by_one(drawn: list[tuple]) -> None:
    readings, lines = frames(drawn)
    found = settle_lines(readings, lines)
    assert dict(found.schema) == dict(SETTLED_SCHEMA)
    expected = []
    for number, (quantities, price, per, voucher, own) in enumerate(drawn):
        gross = rate(sum(quantities), Price(price, per))
        holds = [Held("v", "voucher", voucher[0], min(voucher)), Held("o", "own", own[0], min(own))]
        done = settle(holds, gross)
        paid = {each.payer: each.captured_fen for each in done.captures}
        expected.append(
            (
                number, len(quantities), sum(quantities), gross, paid["voucher"], paid["own"], done.released_fen,
                done.uncollected_fen,
            )
        )  # fmt: skip
    assert found.rows() == expected


def test_nothing_is_nothing() -> None:
    readings, lines = frames([])
    assert settle_lines(readings, lines).is_empty()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unit_price_fen": -1}, "negative"),
        ({"price_quantity": 0}, "negative"),
        ({"own_captured_fen": 9}, "more was captured than held"),
        ({"unit_price_fen": 2**62}, "more than the ledger carries"),
        ({"own_fen": None}, "empty field"),
        ({"line": 2}, "of no line"),
    ],
)
def test_what_cannot_be_is_refused(change: dict, words: str) -> None:
    readings, lines = frames([([3], 1, 1, (2, 1), (5, 5))])
    changed = lines.with_columns(pl.lit(value, pl.Int64).alias(name) for name, value in change.items())
    with pytest.raises(InputError, match=words):
        settle_lines(readings, changed)


def test_other_columns_are_said() -> None:
    readings, lines = frames([([3], 1, 1, (2, 1), (5, 5))])
    with pytest.raises(InputError, match="quantity"):
        settle_lines(readings.with_columns(pl.col("quantity").cast(pl.Float64)), lines)
    with pytest.raises(InputError, match="named twice"):
        settle_lines(readings, pl.concat([lines, lines]))

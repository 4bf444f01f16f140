"""What the day and the parameters alone decide is the same in every row: exact beside columns, and in either engine."""

from datetime import date

import polars as pl
import pytest

from siwei.policy.language.check import Checker
from siwei.policy.language.compile import Plan
from siwei.policy.language.compiled import Context
from siwei.policy.language.types import BOOL, DOUBLE, INT

DAY = date(2026, 11, 23)
PARAMETERS = {"three": 3, "most": 2**63 - 1, "gone": None}
CHECKER = Checker({"n": INT, "x": DOUBLE, "u": BOOL}, tuple(PARAMETERS))
NUMBERS = [0.0, -0.0, 5.0, 0.1, -7.3, 1e308]
TABLE = pl.DataFrame(
    {"n": list(range(6)), "x": NUMBERS, "u": [True, False, None] * 2},
    schema={"n": pl.Int64, "x": pl.Float64, "u": pl.Boolean},
)


def answers(text: str, engine: str) -> list[object]:
    plan = Plan()
    result = plan.add(CHECKER.check(text).tree, Context(DAY, PARAMETERS))
    error = pl.lit(False) if result.error is None else result.error
    keep = [pl.col("n"), result.value.alias("value"), error.alias("error")]
    frame = plan.apply(TABLE.lazy(), keep).collect(engine=engine)  # type: ignore[call-overload]
    return ["error" if failed else value for _, value, failed in frame.rows()]


@pytest.mark.parametrize("engine", ["streaming", "in-memory"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x / double(p.three)", [number / 3.0 for number in NUMBERS]),
        ("x + double(p.three - p.three)", [number + 0.0 for number in NUMBERS]),
        ("p.three == as_of.getMonth() - 7", [True] * 6),
        ("2 == n / 100", [False] * 6),
        ("2 <= int(x) / 7", [False] * 5 + ["error"]),
        ("-1 > (n > 9 ? n : 5)", [False] * 6),
        ("p.most + p.three > n", ["error"] * 6),
        ("p.gone > n", ["error"] * 6),
        ("p.gone + 1 > p.three || u", [True, "error", None] * 2),
        ("false && p.gone > 1", [False] * 6),
        ("u ? p.most * 2 : p.three", ["error", 3, None] * 2),
    ],
)
def test_it_is_exact_and_has_a_row_for_every_row(text: str, expected: list[object], engine: str) -> None:
    assert list(map(repr, answers(text, engine))) == list(map(repr, expected))

"""What the units of an expression may do together, and where it is told that they may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.policy.language.bands import Band, make_table
from siwei.policy.language.check import Checker, ExpressionRefused
from siwei.policy.language.types import BOOL, DATE, INT, STRING
from siwei.policy.language.units import BASE_UNITS, parse_unit

TABLE = make_table([Band(500, below=100), Band(300, from_=100)], "fen", "basis_point")
CHECKER = Checker(
    {"spent": INT, "income": INT, "capital": INT, "staff": INT, "plain": INT, "hours": INT, "on": DATE, "name": STRING,
     "yes": BOOL},
    ("rate", "per_head", "age", "half", "most"),
    units={
        "spent": "fen", "income": "fen", "capital": "minor", "staff": "people", "plain": None,
        "hours": "accelerator_hour",
        "p.rate": "basis_point", "p.per_head": "fen/people", "p.age": "year", "p.half": "percent", "p.most": "fen",
    },
    tables={"ratio": TABLE},
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "spent > 100",
        "spent + income > p.most",
        "staff * 10000 >= staff * p.rate",
        "10000 * spent >= income * p.rate",
        "spent * 100 >= income * p.half",
        "spent * 10000 >= income * band(income, t.ratio)",
        "spent * 10000 >= income * band(income, [100, 200], [500, 400, 300])",
        "reaches(spent, income, p.rate)",
        "spent / income >= 2",
        "years_between(on, as_of) >= p.age",
        "years_between(on, as_of) < 3",
        "on.getFullYear() + p.age > 2020",
        "spent in [100, p.most]",
        "(yes ? spent : 0) > p.most",
        "min(spent, p.most, 500) == clamp(income, 0, p.most)",
        "staff * p.per_head < spent",
        "share(spent, staff, 10) > 0 && share(spent, p.rate, 10000) > income",
        "size(name) > 3 && name == 'a'",
        "plain * 3 > 4",
        "round_down(spent, 10000) > p.most",
        "-spent < p.most && int(double(spent)) == spent",
        "[100, 200].exists(x, x == spent)",
    ],
)
def test_right(text: str) -> None:
    assert CHECKER.check(text, BOOL).tree.type == BOOL


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("spent + staff > 0", "fen and people cannot be added", 7),
        ("years_between(on, as_of) > p.most", "year and fen cannot be compared", 26),
        ("spent > p.rate", "fen and basis_point cannot be compared", 7),
        ("spent > capital", "fen and minor cannot be compared", 7),
        ("spent > plain", "fen and a plain number cannot be compared", 7),
        ("spent * spent > income", "fen^2 and fen cannot be compared", 15),
        ("spent * 1000 >= income * p.rate", "fen and basis_point*fen cannot be compared", 14),
        ("spent - years_between(on, as_of) > 0", "fen and year cannot be subtracted", 7),
        ("spent in [100, p.age]", "fen and year cannot be compared", 7),
        ("(yes ? spent : staff) > 0", "fen and people cannot be given in two branches", 6),
        ("basis_points(spent, p.most) > 0", "this is in fen, a rate in basis_point is needed", 21),
        ("reaches(spent, staff, p.rate)", "fen and people cannot be compared", 8),
        ("reaches(spent, income, 100 * p.most)", "this is in fen, a rate in basis_point is needed", 28),
        (
            "share(spent, p.rate, 100) > income",
            "a share of 100, and the part is in basis_point, 10000 to the whole",
            22,
        ),
        (
            "share(spent, p.rate + 100, 1000) > income",
            "a share of 1000, and the part is in basis_point, 10000 to the whole",
            28,
        ),
        ("share(spent, staff, income) > 0", "people and fen cannot be part and whole of a share", 14),
        ("band(staff, t.ratio) > 0", "people and fen cannot be compared", 5),
        ("band(spent, t.ratio) > p.most", "basis_point and fen cannot be compared", 22),
        ("min(spent, staff) > 0", "fen and people cannot be arguments of min", 4),
        ("clamp(spent, 0, hours) > 0", "fen and accelerator_hour cannot be arguments of clamp", 6),
        ("[1, 2].all(x, x * spent > staff)", "fen and people cannot be compared", 25),
        ("spent / staff > p.most", "fen/people and fen cannot be compared", 15),
        ("spent % staff == 0", "fen and people cannot be divided", 7),
    ],
)
def test_wrong(text: str, message: str, column: int) -> None:
    with pytest.raises(ExpressionRefused) as caught:
        CHECKER.check(text, BOOL)
    assert [(fault.message, fault.line, fault.column) for fault in caught.value.faults] == [(message, 1, column)]


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ExpressionRefused) as caught:
        CHECKER.check("spent > staff || income < p.age", BOOL)
    assert [fault.column for fault in caught.value.faults] == [7, 25]


@pytest.mark.parametrize(
    "text", ["spent", "100", "staff * p.per_head", "basis_points(spent, p.rate)", "spent * 2 - p.most"]
)
def test_an_award_in_fen(text: str) -> None:
    assert CHECKER.check(text, INT, unit="fen").tree.type == INT


@pytest.mark.parametrize(
    ("text", "found"),
    [("staff", "people"), ("p.rate", "basis_point"), ("spent * p.rate", "basis_point*fen"), ("staff * 5", "people"),
     ("plain", "a plain number"), ("spent / staff", "fen/people"), ("spent / income", "a plain number"),
     ("basis_points(p.rate, p.rate)", "basis_point"), ("capital", "minor")],
)  # fmt: skip
def test_an_award_in_anything_else(text: str, found: str) -> None:
    with pytest.raises(ExpressionRefused, match=f"this is in {found.replace('*', '[*]')}, fen is needed"):
        CHECKER.check(text, INT, unit="fen")


@given(st.sampled_from(BASE_UNITS), st.sampled_from(BASE_UNITS))
def test_units_read_back(above: str, below: str) -> None:
    written = f"{above}/{below}"
    assert str(parse_unit(written)) == (written if above != below else "a plain number")


@pytest.mark.parametrize("text", ["", "yuan", "fen/", "/fen", "fen/people/year", "fen*people", "FEN"])
def test_no_units(text: str) -> None:
    with pytest.raises(ValueError, match="is no unit"):
        parse_unit(text)

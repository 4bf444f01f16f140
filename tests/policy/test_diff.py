"""Two texts compared over the same subjects: every row counted once, money exact, and the change that did it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siwei.city.attributes import Attribute
from siwei.policy import Programme, decide, load_programme
from siwei.policy.diffs.diff import ProgrammeDifference, diff
from siwei.policy.diffs.dimensions import with_dimensions

DAY = date(2026, 3, 1)
Make = Callable[..., Programme]


@pytest.fixture
def edited(write_programme: Callable[..., Path], attributes: dict[str, Attribute]) -> Make:
    """The trial programme with texts of its file replaced."""

    def edit(*replaced: tuple[str, str], **changes: str) -> Programme:
        path = write_programme(**changes)
        text = path.read_text(encoding="utf-8")
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        return load_programme(path, attributes)

    return edit


def table(**columns: list[object]) -> pl.DataFrame:
    height = len(next(iter(columns.values())))
    typed = {"spent": pl.Int64, "staff": pl.Int64, "listed": pl.Boolean, "district": pl.String, "founded_on": pl.Date}
    series = [pl.Series(name, values, dtype=typed[name]) for name, values in columns.items()]
    return pl.DataFrame([pl.Series("id", [f"firm-{row}" for row in range(height)]), *series])


def reasons(difference: ProgrammeDifference) -> list[tuple[object, ...]]:
    return difference.reasons.rows()


def test_a_parameter_alone_explains_who_gains(edited: Make) -> None:
    before = edited(cap='"5000"')
    after = edited(("value: 5000}", "value: 6000}"), cap='"5000"')
    (found,) = diff((before,), (after,), table(spent=[1000, 2000, 0, 20_000, None]), DAY)
    assert found.counts == {"gains": 2, "loses": 0, "same": 3, "undecided": 0}
    assert (found.cost_before_fen, found.cost_after_fen) == (500 + 1000 + 5000, 600 + 1200 + 5000)
    assert [change.name for change in found.changes] == ["parameter rate"]
    assert reasons(found) == [("parameter rate", 2, 0, 0, 300)]
    assert found.examples.rows() == [
        ("firm-1", "gains", "eligible", "eligible", 1000, 1200, "parameter rate"),
        ("firm-0", "gains", "eligible", "eligible", 500, 600, "parameter rate"),
    ]


def test_each_row_has_its_own_reason(edited: Make) -> None:
    """The cap cuts the large, the clause shuts out the small; who needs both changes is told so."""
    before = edited(clause="spent > 0", cap='"5000"')
    after = edited(("value: 5000}", "value: 4000}"), clause="spent > 500", cap='"3000"')
    (found,) = diff((before,), (after,), table(spent=[100, 1000, 100_000, 7000]), DAY)
    assert found.counts == {"gains": 0, "loses": 4, "same": 0, "undecided": 0}
    # 7,000 fen: 3,500 before; 2,800 by the rate and 3,000 by the cap, so the rate alone gives the new amount.
    assert sorted(found.examples.select("id", "award_after_fen", "reason").rows()) == [
        ("firm-0", 0, "clause first"),
        ("firm-1", 400, "parameter rate"),
        ("firm-2", 3000, "cap"),
        ("firm-3", 2800, "parameter rate"),
    ]


def test_changes_that_only_work_together(edited: Make) -> None:
    second = "  - id: second\n    expr: staff > 5\n    words: {zh: 二, en: Second}\n"
    before = edited(("award:\n", f"{second}award:\n"), clause="spent > 1000")
    after = edited(("award:\n", f"{second}award:\n"), ("staff > 5", "staff > 3"), clause="spent > 500")
    rows = table(spent=[600, 600, 2000], staff=[4, 6, 4])
    (found,) = diff((before,), (after,), rows, DAY)
    assert sorted(found.examples.select("id", "reason").rows()) == [
        ("firm-0", "clause first with clause second"), ("firm-1", "clause first"), ("firm-2", "clause second"),
    ]  # fmt: skip


def test_unknown_on_one_side_is_undecided(edited: Make) -> None:
    before = edited(clause="spent > 0")
    after = edited(clause="spent > 0 && staff > 0")
    rows = table(spent=[100, 100, None, 0], staff=[None, 1, None, None])
    (found,) = diff((before,), (after,), rows, DAY)
    assert found.counts == {"gains": 0, "loses": 0, "same": 3, "undecided": 1}
    assert found.examples.rows() == [("firm-0", "undecided", "eligible", "cannot_tell", 50, None, "clause first")]


def test_programmes_that_come_and_go(edited: Make) -> None:
    old, new = edited(), edited(id="other", award="spent")
    gone, come = diff((old,), (new,), table(spent=[100, 0]), DAY)[::-1]
    assert (gone.programme, gone.counts["loses"], reasons(gone)) == (
        "trial", 1, [("the programme is gone", 0, 1, 0, -50)],
    )  # fmt: skip
    assert (come.programme, come.counts["gains"], reasons(come)) == (
        "other",
        1,
        [("the programme is new", 1, 0, 0, 100)],
    )


def test_groups_add_up_to_the_whole(edited: Make, attributes: dict[str, Attribute]) -> None:
    before, after = edited(), edited(("value: 5000}", "value: 6000}"))
    rows = table(
        spent=[100, 200, 300, 400],
        district=["longhua", "longhua", None, "nanshan"],
        founded_on=[date(2025, 3, 2), date(2025, 3, 1), date(2010, 1, 1), None],
    ).with_columns(employees=pl.Series([9, 10, 300, None]), segment=pl.Series(["a", "a", "b", "b"]))
    prepared = with_dimensions(rows.lazy(), attributes, DAY).collect()
    (found,) = diff((before,), (after,), prepared, DAY)
    for dimension in ("by_district", "by_size", "by_age", "by_segment"):
        mine = found.groups.filter(dimension=dimension)
        assert (mine["subjects"].sum(), mine["gains"].sum()) == (4, 4)
        assert (int(mine["before_fen"].sum()), int(mine["after_fen"].sum())) == (500, 600)
    shown = found.groups.filter(dimension="by_age").select("group", "subjects").rows()
    assert sorted(shown) == [("1–2 years", 1), ("not known", 1), ("over 10 years", 1), ("under 1 year", 1)]


def test_the_same_text_changes_nothing(edited: Make) -> None:
    (found,) = diff((edited(),), (edited(),), table(spent=[1, None, 0]), DAY)
    assert (found.counts["same"], found.changes, found.reasons.height, found.examples.height) == (3, (), 0, 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.integers(0, 3000)), st.one_of(st.none(), st.integers(0, 5))), max_size=20
    ),
    st.sampled_from(["spent > 0", "spent > 800", "spent > 800 || staff > 2"]),
    st.sampled_from(["4000", "5000"]),
    st.sampled_from(["400", "1000000"]),
)
def test_every_row_is_counted_once_and_every_reason_holds(
    edited: Make, rows: list[tuple[int | None, int | None]], clause: str, rate: str, cap: str
) -> None:
    """Against a plain comparison of the two decisions."""
    before = edited(clause="spent > 500 && staff > 0")
    after = edited(("value: 5000}", f"value: {rate}}}"), clause=clause, cap=f'"{cap}"')
    subjects = table(spent=[row[0] for row in rows], staff=[row[1] for row in rows])
    (found,) = diff((before,), (after,), subjects, DAY)
    old, new = (decide((side,), subjects, DAY).awards for side in (before, after))
    counts = {"gains": 0, "loses": 0, "same": 0, "undecided": 0}
    for first, second in zip(old.iter_rows(named=True), new.iter_rows(named=True), strict=True):
        if (first["verdict"], first["award_fen"]) == (second["verdict"], second["award_fen"]):
            counts["same"] += 1
        elif first["award_fen"] is None or second["award_fen"] is None:
            counts["undecided"] += 1
        else:
            more = (second["award_fen"], second["verdict"] == "eligible") > (
                first["award_fen"], first["verdict"] == "eligible",
            )  # fmt: skip
            counts["gains" if more else "loses"] += 1
    assert found.counts == counts
    moved = counts["gains"] + counts["loses"] + counts["undecided"]
    assert int(found.reasons.select(pl.sum_horizontal("gains", "loses", "undecided").sum()).item()) == moved
    change = int(found.reasons["change_fen"].sum() or 0)
    assert change == found.cost_after_fen - found.cost_before_fen
    named = {change.name for change in found.changes}
    assert {
        part for reason in found.reasons["reason"] for part in reason.replace(" or ", " with ").split(" with ")
    } <= named

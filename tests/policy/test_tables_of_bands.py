"""Tables of bands and of size classes: their files, what is refused, and that columns and definition agree."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siwei.city.attributes import Attribute
from siwei.city.home import PACKS
from siwei.errors import PolicyError
from siwei.policy import FactValue, Programme, check_programmes, decide, diff, explain, load_programme
from siwei.policy.documents.loading_language import load_size_classes
from siwei.policy.language.bands import Band, find_band_problems, make_table
from siwei.policy.language.check import Checker, ExpressionRefused
from siwei.policy.language.tree import render
from siwei.policy.language.types import INT, INT64_MAX, INT64_MIN, STRING

from .interpreter import compute

Write = Callable[..., Path]
SIZES = load_size_classes(PACKS / "shenzhen" / "programmes")
assert SIZES is not None
TYPES = {"industry": STRING, "people": INT, "revenue": INT, "assets": INT}
CHECKER = Checker(TYPES, size_classes=SIZES)
MILLION_YUAN = 100_000_000
BANDS = "{to: 499, result: 500}, {from: 500, below: 900, result: 400}, {above: 899, result: 300}"
TABLE = """\
tables:
  ratio:
    value_unit: fen
    result_unit: basis_point
    words: {zh: 比例, en: Ratio}
    citation: {document: Trial rules}
    bands: [BANDS]
clauses:"""


def with_table(path: Path, bands: str) -> Path:
    path.write_text(path.read_text(encoding="utf-8").replace("clauses:", TABLE.replace("BANDS", bands), 1), "utf-8")
    return path


def problems(path: Path, attributes: dict[str, Attribute]) -> list[tuple[str, int | None, str]]:
    with pytest.raises(PolicyError) as caught:
        load_programme(path, attributes)
    return [(problem.message, problem.line, problem.field) for problem in caught.value.problems]


def test_a_table_is_read_by_band(write_programme: Write, attributes: dict[str, Attribute]) -> None:
    path = write_programme(
        clause="reaches(spent, 1000, band(spent, t.ratio))", award="basis_points(spent, band(spent, t.ratio))"
    )
    programme: Programme = load_programme(
        with_table(path, BANDS),
        attributes,
    )
    assert (programme.tables[0].bands.limits, programme.tables[0].bands.results) == ((499, 899), (500, 400, 300))
    assert programme.is_draft is False


@pytest.mark.parametrize(
    ("bands", "message", "place"),
    [
        ("{to: 10, result: 1}, {above: 11, result: 2}", "no band holds 11", 1),
        ("{to: 10, result: 1}, {from: 20, result: 2}", "no band holds 11 to 19", 1),
        ("{to: 10, result: 1}, {from: 10, result: 2}", "two bands hold 10 to 10", 1),
        ("{below: 1, result: 1}, {from: 1, to: 0, result: 2}, {from: 1, result: 3}", "this band holds no number", 1),
        ("{from: 0, to: 10, result: 1}, {above: 10, result: 2}", "no band holds -1 and what is below", 0),
        ("{to: 10, result: 1}, {above: 10, to: 20, result: 2}", "no band holds 21 and more", 1),
        ("{to: 1, below: 2, result: 1}, {above: 1, result: 2}", "a band starts by `from` or `above` and ends by", 0),
    ],
)
def test_gaps_and_overlaps(
    write_programme: Write, attributes: dict[str, Attribute], bands: str, message: str, place: int
) -> None:
    found = problems(with_table(write_programme(), bands), attributes)
    assert [each[2] for each in found] == [f"tables.ratio.bands.{place}"]
    assert found[0][0].startswith(message)


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        ("band(staff, t.ratio) > 0", "people and fen cannot be compared"),
        ("size(t.ratio) > 0", "t.ratio is a table"),
        ("band(spent, t.ratios) > 0", "undeclared reference to 't.ratios'"),
        ("band(spent, [1, 2]) > 0", "this is no table"),
    ],
)
def test_a_table_read_wrongly(
    write_programme: Write, attributes: dict[str, Attribute], clause: str, message: str
) -> None:
    path = with_table(write_programme(clause=clause), "{to: 9, result: 1}, {above: 9, result: 2}")
    assert problems(path, attributes)[0][0].startswith(message)


DATED = """\
tables:
  ratio:
    value_unit: fen
    result_unit: basis_point
    words: {zh: 比例, en: Ratio}
    citation: {document: Trial rules}
    values:
      - {start: FIRST, bands: [{to: 499, result: 500}, {above: 499, result: 400}]}
      - {start: 2026-07-01, bands: [{to: 999, result: 600}, {above: 999, result: LATER}]}
clauses:"""


def with_dated_table(path: Path, first: str = "2026-01-01", later: str = "300") -> Path:
    table = DATED.replace("FIRST", first).replace("LATER", later)
    path.write_text(path.read_text(encoding="utf-8").replace("clauses:", table, 1), "utf-8")
    return path


def test_a_table_changes_with_the_day(write_programme: Write, attributes: dict[str, Attribute]) -> None:
    path = with_dated_table(write_programme(award="basis_points(spent, band(spent, t.ratio))"))
    programme = load_programme(path, attributes)
    table = pl.DataFrame({"id": ["a", "b", "c"], "spent": [400, 900, 10_000]})
    for day, expected in ((date(2026, 6, 30), [20, 36, 400]), (date(2026, 7, 1), [24, 54, 300])):
        assert decide((programme,), table, day).awards["award_fen"].to_list() == expected
        steps = explain(programme, {"spent": FactValue(900)}, day).award.steps
        assert [step.value for step in steps][:1] == [400 if day.month == 6 else 600]


def test_days_without_bands_are_told(write_programme: Write, attributes: dict[str, Attribute]) -> None:
    award = "basis_points(spent, band(spent, t.ratio))"
    found = problems(with_dated_table(write_programme(award=award), "2026-02-01"), attributes)
    assert found == [(found[0][0], 22, "tables.ratio.values")]
    assert found[0][0].startswith("table ratio has no bands from 2026-01-01 to 2026-02-01")
    path = with_dated_table(write_programme(award=award))
    path.write_text(
        path.read_text("utf-8").replace("{start: 2026-01-01, end: 2026-12-31}", "{end: 2026-06-30}"), "utf-8"
    )
    told = {(each.kind, each.problem.field) for each in check_programmes(path.parent, attributes, date(2026, 3, 1))}
    assert {("table_missing", "tables.ratio.values"), ("value_never_used", "tables.ratio.values.1")} <= told


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{above: 999, result: 300}", "{above: 1000, result: 300}", "no band holds 1000"),
        ("start: 2026-07-01", "start: 2025-07-01", "values must ascend"),
        ("    values:\n", "    bands: [{to: 1, result: 1}, {above: 1, result: 2}]\n    values:\n", "give `bands`, or"),
    ],
)  # fmt: skip
def test_a_wrong_dated_table(
    write_programme: Write, attributes: dict[str, Attribute], old: str, new: str, message: str
) -> None:
    path = with_dated_table(write_programme(award="basis_points(spent, band(spent, t.ratio))"))
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert problems(path, attributes)[0][0].startswith(message)


def test_a_table_that_differs_is_a_reason(write_programme: Write, attributes: dict[str, Attribute]) -> None:
    award = "basis_points(spent, band(spent, t.ratio))"
    before = load_programme(with_dated_table(write_programme(award=award)), attributes)
    after = load_programme(with_dated_table(write_programme(award=award), later="200"), attributes)
    rows = pl.DataFrame({"id": ["a", "b"], "spent": [900, 10_000]})
    (found,) = diff((before,), (after,), rows, date(2026, 7, 1))
    assert [(each.name, each.before, each.after) for each in found.changes] == [
        ("table ratio", "up to [999]: [600, 300]", "up to [999]: [600, 200]"),
    ]  # fmt: skip
    assert found.reasons.rows() == [("table ratio", 0, 1, 0, -100)]


@given(
    st.lists(st.integers(INT64_MIN, INT64_MAX - 1), min_size=1, max_size=6, unique=True).map(sorted), st.integers(-9, 9)
)
def test_bands_that_meet_have_no_problem_and_any_shift_has_one(limits: list[int], shift: int) -> None:
    starts: list[int | None] = [None, *limits]
    bands = [
        Band(place, above=start, to=end) for place, (start, end) in enumerate(zip(starts, [*limits, None], strict=True))
    ]
    assert find_band_problems(bands) == []
    assert make_table(bands).limits == tuple(limits)
    moved = limits[0] + shift
    if shift and INT64_MIN <= moved < INT64_MAX:
        assert find_band_problems([bands[0], Band(1, above=moved, to=bands[1].to), *bands[2:]]) != []


@pytest.mark.parametrize(
    ("people", "revenue", "expected"),
    [
        (300, 100, "large"), (299, 100, "medium"), (300, 99, "medium"), (100, 10, "medium"), (99, 10, "small"),
        (100, 9, "small"), (10, 1, "small"), (9, 1, "micro"), (10, 0, "micro"), (0, 0, "micro"),
    ],
)  # fmt: skip
def test_the_software_industry(people: int, revenue: int, expected: str) -> None:
    """300 people and 100 million yuan; 100 and 10 million; 10 and half a million."""
    row: dict[str, object] = {
        "industry": "software",
        "people": people,
        "revenue": revenue * MILLION_YUAN,
        "assets": None,
    }
    (answer,) = compute(CHECKER, "size_class('software', people, revenue)", [row], TYPES)
    assert answer.value == repr(expected)


def test_a_small_firm_is_small_whatever_its_revenue() -> None:
    row: dict[str, object] = {"industry": None, "people": 9, "revenue": None, "assets": None}
    (answer,) = compute(CHECKER, "size_class('software', people, revenue)", [row], TYPES)
    assert (answer.status, answer.value) == ("ok", "'micro'")
    (answer,) = compute(CHECKER, "size_class('software', people, revenue)", [row | {"people": 10}], TYPES)
    assert (answer.status, answer.missing) == ("unknown", ("revenue",))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([*sorted(SIZES.rows), "nothing"]),
    st.integers(0, 2100),
    st.integers(0, 2100).map(lambda hundred: hundred * MILLION_YUAN),
    st.integers(0, 1300).map(lambda hundred: hundred * MILLION_YUAN),
)
def test_columns_agree_with_the_definition(industry: str, people: int, revenue: int, assets: int) -> None:
    assert SIZES is not None
    row: dict[str, object] = {"industry": industry, "people": people, "revenue": revenue, "assets": assets}
    (answer,) = compute(CHECKER, "size_class(industry, people, revenue, assets)", [row], TYPES)
    if industry == "nothing":
        assert answer.status == "error"
    else:
        assert answer.value == repr(SIZES.find_class(industry, people, revenue, assets))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size_class('softwear', people, revenue)", "no industry 'softwear' in size_classes.csv"),
        ("size_class('construction', people, revenue)", "size classes of construction need the assets"),
        ("size_class('software', people)", "undeclared reference to 'size_class'"),
    ],
)
def test_size_classes_read_wrongly(text: str, message: str) -> None:
    with pytest.raises(ExpressionRefused, match=message):
        CHECKER.check(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("software,s,s,small,10,50,", "software,s,s,tiny,10,50,", "'tiny' is no size"),
        ("software,s,s,small,10,50,", "software,s,s,small,,,", "no threshold"),
        ("software,s,s,small,10,50,", "software,s,s,small,ten,50,", "'ten' is not a whole number"),
        ("software,s,s,small,10,50,", "software,s,s,medium,10,50,", "software has medium twice"),
        ("software,s,s,small,10,50,", "software,s,s,small,200,50,", "software: medium needs less employees than small"),
        (",2026-01-01,false", ",yesterday,false", "'yesterday' is no day"),
        (",2026-01-01,false", ",2026-01-01,perhaps", "'perhaps' is neither true nor false"),
    ],
)
def test_a_wrong_file_of_size_classes(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = "industry,name_zh,name_en,size,employees,revenue,assets,source,as_of,verified\n" + "".join(
        f"software,s,s,{size},{people},{revenue},,us,2026-01-01,false\n"
        for size, people, revenue in (("large", 300, 1000), ("medium", 100, 100), ("small", 10, 50))
    )
    assert old in text
    (tmp_path / "size_classes.csv").write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(PolicyError) as caught:
        load_size_classes(tmp_path)
    assert message in [problem.message for problem in caught.value.problems]


def test_what_is_known_of_the_size_classes_is_said() -> None:
    assert SIZES is not None
    assert len(SIZES.rows) == 16
    assert {row.verified for row in SIZES.rows.values()} == {False}
    assert {row.source for row in SIZES.rows.values()} == {"工信部联企业〔2011〕300号, from memory"}


bands_of_a_day = st.tuples(
    st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True).map(sorted),
    st.lists(st.integers(0, 9), min_size=7),
).map(lambda made: (made[0], made[1][: len(made[0]) + 1]))


def written(limits: list[int], results: list[int]) -> str:
    starts = ["", *(f"above: {limit}, " for limit in limits)]
    ends = [*(f"to: {limit}, " for limit in limits), ""]
    return ", ".join(
        f"{{{start}{end}result: {result}}}" for start, end, result in zip(starts, ends, results, strict=True)
    )


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(versions=st.lists(bands_of_a_day, min_size=2, max_size=4), others=bands_of_a_day)
def test_a_table_may_have_more_bands_on_one_day_than_on_another(
    write_programme: Write, attributes: dict[str, Attribute], versions: list[tuple[list[int], list[int]]],
    others: tuple[list[int], list[int]],
) -> None:  # fmt: skip
    days = [date(2026, month, 1) for month in range(1, len(versions) + 1)]
    values = "".join(
        f"\n      - {{start: {day}, bands: [{written(*version)}]}}" for day, version in zip(days, versions, strict=True)
    )
    table = DATED.partition("    values:")[0] + f"    values:{values}\nclauses:"

    def load(text: str) -> Programme:
        path = write_programme(award="band(spent, t.ratio) * 100")
        path.write_text(path.read_text("utf-8").replace("clauses:", text, 1).replace("basis_point", "fen"), "utf-8")
        return load_programme(path, attributes)

    programme = load(table)
    rows = pl.DataFrame({"id": [str(n) for n in range(70)], "spent": list(range(70))})
    for day, (limits, results) in zip(days, versions, strict=True):
        found = decide((programme,), rows, day).awards["award_fen"].to_list()
        expected = [results[sum(value > limit for limit in limits)] * 100 for value in range(70)]
        assert [amount for amount, value in zip(found, range(70), strict=True) if value] == expected[1:]
    # Another text whose last version has as many bands as it likes: the table is the whole reason.
    last = f"start: {days[-1]}, bands: [{written(*versions[-1])}]"
    changed = load(table.replace(last, f"start: {days[-1]}, bands: [{written(*others)}]"))
    (told,) = diff((programme,), (changed,), rows, days[-1])
    assert {each[0] for each in told.reasons.rows()} <= {"table ratio"}
    assert told.cost_after_fen == sum(decide((changed,), rows, days[-1]).awards["award_fen"].to_list())


def test_what_reads_a_dated_table_is_rendered_by_its_name(
    write_programme: Write, attributes: dict[str, Attribute]
) -> None:
    programme = load_programme(
        with_dated_table(write_programme(award="basis_points(spent, band(spent, t.ratio))")), attributes
    )
    assert render(programme.award.expression.tree) == "basis_points(spent, band(spent, t.ratio))"

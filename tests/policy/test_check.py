"""What `check` finds: certain contradictions, dates, awards; and that it claims nothing that is not so."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.policy.checks.check import check_programmes
from siwei.policy.checks.satisfiability import is_possible
from siwei.policy.constants import Setting, bounds_of
from siwei.policy.documents.findings import Finding
from siwei.policy.documents.loading import cel_types
from siwei.policy.language.check import Checker
from siwei.policy.language.compile import Plan
from siwei.policy.language.compiled import Context
from siwei.policy.language.types import BOOL, INT

TODAY = date(2026, 11, 23)
Write = Callable[..., Path]


@pytest.fixture
def attributes(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    """With two facts in one unit, so that they can be compared."""
    return {**attributes, "staff": replace(attributes["staff"], unit="fen")}


def kinds(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(str(finding.severity), finding.kind) for finding in findings]


def checked(path: Path, attributes: dict[str, Attribute], today: date = TODAY) -> tuple[Finding, ...]:
    return check_programmes(path.parent, attributes, today)


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("spent > 0", []),
        ("spent > 10 && spent < 5", [("error", "never_true")]),
        ("spent > 10 && spent < 12 && spent != 11", [("error", "never_true")]),
        ("spent in [1, 2] && spent > 2", [("error", "never_true")]),
        ("district == 'a' && district == 'b'", [("error", "never_true")]),
        ("district in ['a', 'b'] && district != 'a' && district != 'b'", [("error", "never_true")]),
        ("listed && !listed", [("error", "never_true")]),
        ("listed != listed", [("error", "never_true")]),
        ("spent < staff && staff <= spent", [("error", "never_true")]),
        ("as_of > timestamp('2027-01-01T00:00:00Z')", [("error", "never_true")]),
        ("max(0, spent) < 0", [("error", "never_true")]),
        ("spent % 10 > 9", [("error", "never_true")]),
        ("size(district) < 0", [("error", "never_true")]),
        ("(listed ? 5 : 7) > 8", [("error", "never_true")]),
        ("spent > 5 || spent < 10", [("warning", "never_false")]),
        ("!(spent > 5 && spent < 3)", [("warning", "never_false")]),
        ("listed || !listed", [("warning", "never_false")]),
        ("basis_points(spent, p.rate) > 5000 && spent < 10000", [("warning", "never_true_somewhen")]),
        ("spent * 1 > 5 && spent < 5", []),
        ("district.startsWith('a') && !district.startsWith('ab')", []),
    ],
)
def test_a_clause_alone(
    write_programme: Write, attributes: dict[str, Attribute], clause: str, expected: list[tuple[str, str]]
) -> None:
    """The last two could not both be so for everybody, but that is not certain to the checker: it keeps silent."""
    found = kinds(checked(write_programme(clause=json.dumps(clause)), attributes))
    allowed = [] if expected == [("warning", "never_true_somewhen")] else expected
    assert [each for each in found if each[1] in ("never_true", "never_false")] == allowed


def with_clauses(path: Path, *clauses: str) -> None:
    """Further clauses besides the first."""
    added = "".join(
        f"  - id: more-{place}\n    expr: {json.dumps(clause)}\n    words: {{zh: 又, en: More}}\n"
        f"    citation: {{document: Trial rules}}\n"
        for place, clause in enumerate(clauses)
    )
    path.write_text(path.read_text(encoding="utf-8").replace("award:\n", f"{added}award:\n", 1), encoding="utf-8")


def test_two_clauses_that_exclude_each_other_are_shown_with_a_caret(
    write_programme: Write, attributes: dict[str, Attribute]
) -> None:
    path = write_programme(clause="spent > 100")
    with_clauses(path, "district == 'a'", "staff > 1 && spent <= 100")
    (finding,) = checked(path, attributes)
    assert (str(finding.severity), finding.kind) == ("error", "contradiction")
    text = str(finding.problem)
    assert "clauses 'first' and 'more-1' can never both be yes" in text
    line = path.read_text(encoding="utf-8").split("\n").index('    expr: "staff > 1 && spent <= 100"') + 1
    assert (finding.problem.line, finding.problem.column) == (line, 12 + len("staff > 1 "))
    assert re.search(r"\n    staff > 1 && spent <= 100\n {14}\^\n", text) is not None


def test_three_clauses_that_only_together_exclude(write_programme: Write, attributes: dict[str, Attribute]) -> None:
    path = write_programme(clause="spent > 100 || staff > 5")
    with_clauses(path, "spent <= 100", "staff <= 5", "listed")
    (finding,) = checked(path, attributes)
    assert "clauses 'first', 'more-0', 'more-1' can never all be yes" in finding.problem.message


def test_a_clause_that_decides_nothing(write_programme: Write, attributes: dict[str, Attribute]) -> None:
    path = write_programme(clause="spent > 100")
    with_clauses(path, "spent > 50")
    (finding,) = checked(path, attributes)
    assert (finding.kind, "'more-0'" in finding.problem.message) == ("implied", True)
    path = write_programme(clause="spent > 100")
    with_clauses(path, "spent > 100")
    assert kinds(checked(path, attributes)) == [("warning", "implied")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"award": "0 - spent", "clause": "spent > 5"}, [("error", "award_negative")]),
        ({"award": "spent - 10", "clause": "spent > 5"}, [("warning", "award_cannot_be_paid")]),
        ({"award": "spent - 10", "clause": "spent >= 10"}, []),
        ({"award": "basis_points(spent, p.rate)", "clause": "staff > 5"}, [("warning", "award_cannot_be_paid")]),
        ({"award": "max(0, basis_points(spent, p.rate))", "clause": "staff > 5"}, []),
        ({"cap": "0 - 5"}, [("error", "cap_negative")]),
        ({"cap": "'5'", "clause": "spent >= 20"}, [("warning", "cap_always_binds")]),
        ({"cap": "'600'", "clause": "spent > 0 && spent <= 1000"}, [("warning", "cap_never_binds")]),
    ],
)
def test_the_award(
    write_programme: Write, attributes: dict[str, Attribute], changes: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    quoted = {name: value if name == "cap" else json.dumps(value) for name, value in changes.items()}
    assert [
        each for each in kinds(checked(write_programme(**quoted), attributes)) if "param" not in each[1]
    ] == expected


def test_dates_parameters_and_sources(write_programme: Write, attributes: dict[str, Attribute]) -> None:
    path = write_programme(award="spent")
    assert kinds(checked(path, attributes)) == [("warning", "unused_parameter")]
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("as_of: 2026-01-01", "as_of: 2027-01-01").replace("award:\n  expr: spent",
        "award:\n  expr: basis_points(spent, p.rate)"), encoding="utf-8")  # fmt: skip
    assert kinds(checked(path, attributes)) == [("warning", "source_in_the_future")]
    late = checked(write_programme(), attributes, date(2028, 6, 1))
    assert kinds(late) == [("warning", "source_old"), ("warning", "period_over")]
    open_period = write_programme().read_text(encoding="utf-8").replace("period: {start: 2026-01-01, ", "period: {")
    path.write_text(open_period.replace("start: 2026-07-01", "start: 2027-07-01"), encoding="utf-8")
    assert kinds(checked(path, attributes)) == [("warning", "parameter_missing"), ("warning", "value_never_used")]


def test_bands_whose_limits_cross(write_programme: Write, attributes: dict[str, Attribute]) -> None:
    path = write_programme(award=json.dumps("band(spent, [5500, p.rate], [1, 2, 2000000])"))
    path.write_text(path.read_text(encoding="utf-8").replace("unit: basis_point", "unit: fen"), encoding="utf-8")
    (finding,) = checked(path, attributes)
    assert (finding.kind, "from 2026-01-01 to 2026-06-30: 5000 follows 5500" in finding.problem.message) == (
        "band_overlap", True,
    )  # fmt: skip


def test_everything_wrong_is_told_at_once(write_programme: Write, attributes: dict[str, Attribute]) -> None:
    write_programme(id="one", clause="spend > 0")
    write_programme(id="two", clause="spent > 0 && spent < 0")
    path = write_programme(id="three", award="spent")
    assert kinds(checked(path, attributes)) == [
        ("error", "refused"), ("error", "never_true"), ("warning", "unused_parameter"),
    ]  # fmt: skip


def test_a_fault_hides_no_contradiction_and_is_told_once(
    write_programme: Write, attributes: dict[str, Attribute]
) -> None:
    """A name that nobody knows, a wrong table that a clause reads, and beside them what can never be."""
    path = write_programme(clause="spnt > 0")
    with_clauses(
        path, "spent > 10 && spent < 5", "listed || !listed", "band(spent, t.steps) > 0", "spent > 1", "spent < 1"
    )
    table = "tables:\n  steps: {value_unit: fen, result_unit: fen, words: {zh: 表, en: T}, "
    bands = "bands: [{result: 1, below: 10}, {result: 2, from: 11}]}\n"
    path.write_text(path.read_text(encoding="utf-8") + table + bands, encoding="utf-8")
    found = checked(path, attributes)
    assert [(finding.kind, finding.problem.field) for finding in found] == [
        ("refused", "clauses.0.expr"), ("never_true", "clauses.1.expr"), ("contradiction", "clauses.5.expr"),
        ("refused", "tables.steps.bands.1"), ("never_false", "clauses.2.expr"),
    ]  # fmt: skip


def contradictions(findings: tuple[Finding, ...]) -> list[str]:
    return [each.problem.message.partition("\n")[0] for each in findings if each.kind == "contradiction"]


def test_what_contradicts_on_all_days_is_not_said_of_some(
    write_programme: Write, attributes: dict[str, Attribute]
) -> None:
    """The rate changes in July: two clauses exclude each other all year, two others until then."""
    path = write_programme(clause="spent > 10")
    with_clauses(path, "spent < 5", "p.rate > 5500")
    assert contradictions(checked(path, attributes)) == ["clauses 'first' and 'more-0' can never both be yes"]
    path = write_programme(clause="spent > 5500")
    with_clauses(path, "spent < basis_points(10000, p.rate)")
    assert contradictions(checked(path, attributes)) == [
        "clauses 'first' and 'more-0' can never both be yes from 2026-01-01 to 2026-06-30"
    ]


def test_an_expired_document(write_programme: Write, attributes: dict[str, Attribute], tmp_path: Path) -> None:
    folder = tmp_path / "pack" / "programmes"
    folder.mkdir(parents=True)
    path = write_programme().rename(folder / "trial.yaml")
    (folder.parent / "documents.csv").write_text("name_zh,valid_to\nTrial rules,2026-06-30\n", encoding="utf-8")
    assert kinds(checked(path, attributes)) == [("warning", "source_expired")]
    assert kinds(checked(path, attributes, date(2026, 6, 30))) == []


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"name_zh,valid_to\nA,b,c,d\n", 2, "4 cells under 2 columns"),
        (b'name_zh,valid_to\n"A,2026-01-01\n', 2, "cannot be read from here on"),
        (b"name_zh,valid_to\nA,2020-1-1\nTrial rules,2026-06-30\n", 2, "'2020-1-1' is not a date"),
        (b"name_zh,valid\n", 1, "unknown column 'valid'"),
        (b"", 1, "is empty"),
        (b"\xff\xfe", 1, "is UTF-16"),
    ],
)
def test_documents_that_cannot_be_read_are_a_fault(
    write_programme: Write, attributes: dict[str, Attribute], tmp_path: Path, content: bytes, line: int, message: str
) -> None:
    folder = tmp_path / "pack" / "programmes"
    folder.mkdir(parents=True)
    path = write_programme().rename(folder / "trial.yaml")
    (folder.parent / "documents.csv").write_bytes(content)
    fault, *others = checked(path, attributes)
    assert (fault.severity, fault.kind, fault.programme, fault.problem.line) == (
        "error", "refused", "documents.csv", line,
    )  # fmt: skip
    assert message in fault.problem.message
    assert kinds(tuple(others)) == ([("warning", "source_expired")] if b"Trial" in content else [])


@pytest.mark.parametrize("function", ["days_between", "months_between", "years_between"])
def test_a_clause_on_an_age_hides_no_award_that_cannot_be_paid(
    write_programme: Write, attributes: dict[str, Attribute], function: str
) -> None:
    award = "(spent + basis_points(spent, p.rate)) / 0"
    path = write_programme(clause=f"{function}(founded_on, as_of) == 7", award=award)
    assert kinds(checked(path, attributes)) == [("warning", "award_cannot_be_paid")]


def test_shenzhen_has_no_faults() -> None:
    pack = PACKS / "shenzhen"
    found = check_programmes(pack / "programmes", load_attributes(pack), TODAY)
    assert [finding for finding in found if finding.severity == "error"] == []


NUMBERS = st.integers(-3, 8)
ATOMS = st.one_of(
    st.builds(
        "{} {} {}".format, st.sampled_from(["x", "y"]), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS
    ),
    st.builds("x in [{}, {}]".format, NUMBERS, NUMBERS),
    st.sampled_from(["x < y", "x == y", "b", "s == 'a'", "s in ['a', 'b']", "max(x, 2) > 3", "x + y > 4",
                     "b == (x > 2)",
                     "(b ? x : y) >= 5", "x % 3 == 2", "x * y < 0", "share(x, 1, 2) > 1"]),
)  # fmt: skip
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=6,
)
CHECKER = Checker(
    cel_types(
        {
            name: Attribute(name, "organisation", kind, None, name, name, True, True, "", "", "", None, None, True)
            for name, kind in (("x", "int"), ("y", "int"), ("b", "bool"), ("s", "string"))
        }
    )
)
DOMAIN = (
    pl.DataFrame({"x": list(range(-4, 10))})
    .join(pl.DataFrame({"y": list(range(-4, 10))}), how="cross")
    .join(pl.DataFrame({"b": [True, False]}), how="cross")
    .join(pl.DataFrame({"s": ["a", "b", "c"]}), how="cross")
)


@settings(max_examples=150, deadline=None)
@given(CONDITIONS, st.booleans())
def test_what_is_called_impossible_never_happens(text: str, wanted: bool) -> None:
    """Sound: over a small domain, tried whole."""
    expression = CHECKER.check(text, BOOL)
    plan = Plan()
    value = plan.add(expression.tree, Context(TODAY)).value
    happens = plan.apply(DOMAIN.lazy(), [value.alias("value")]).collect().filter(pl.col("value") == wanted).height > 0
    possible = is_possible([(expression.tree, wanted)], Setting(TODAY, TODAY))
    assert possible or not happens


@settings(max_examples=100, deadline=None)
@given(st.recursive(
    st.sampled_from(["x", "y", "3", "-2", "0"]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "%"]), inner),
        st.builds("min({}, {})".format, inner, inner),
        st.builds("max({}, {})".format, inner, inner),
        st.builds("basis_points({}, 3333)".format, inner),
        st.builds("share({}, {}, 3)".format, inner, inner),
        st.builds("(b ? {} : {})".format, inner, inner),
        st.builds("band({}, [0, 4], [{}, 1, {}])".format, inner, inner, inner),
    ),
    max_leaves=6,
))  # fmt: skip
def test_bounds_hold(text: str) -> None:
    expression = CHECKER.check(text, INT)
    plan = Plan()
    value = plan.add(expression.tree, Context(TODAY)).value
    values = plan.apply(DOMAIN.lazy(), [value.alias("value")]).collect()["value"].drop_nulls()
    low, high = bounds_of(expression.tree, Setting(TODAY, TODAY), {"x": (-4, 9), "y": (-4, 9)})
    assert [each for each in values if not low <= each <= high] == []


def test_a_table_that_nobody_reads(write_programme: Write, attributes: dict[str, Attribute]) -> None:
    path = write_programme(award='"band(spent, t.steps)"')
    table = (
        "tables:\n  steps:\n    value_unit: fen\n    result_unit: fen\n    words: {zh: 档, en: Steps}\n"
        "    citation: {document: Trial rules}\n    bands: [{to: 100, result: 2000}, {above: 100, result: 2000000}]\n"
    )
    text = path.read_text(encoding="utf-8").replace("clauses:\n", f"{table}clauses:\n", 1)
    path.write_text(text, encoding="utf-8")
    assert kinds(checked(path, attributes)) == [("warning", "unused_parameter")]
    path.write_text(text.replace("band(spent, t.steps)", "basis_points(spent, p.rate)"), encoding="utf-8")
    assert kinds(checked(path, attributes)) == [("warning", "unused_table")]

"""What `check` finds in stacking.yaml: each fault where it is written, and nothing in rules that are right."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.policy.checks.check import check_programmes
from siwei.policy.documents.findings import Finding

SHENZHEN = PACKS / "shenzhen"
TODAY = date(2026, 11, 23)
CITED = "citation: {document: Trial rules}"
WORDS = "words: {zh: 限, en: Limit}"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Four programmes: `one` and `two` in force in 2026, `late` from 2030, `maybe` a draft."""
    (tmp_path / "programmes").mkdir()
    return tmp_path


@pytest.fixture
def findings(
    pack: Path, write_programme: Callable[..., Path], attributes: dict[str, Attribute]
) -> Callable[[str], tuple[Finding, ...]]:
    for name in ("one", "two", "late", "maybe", "saved"):
        path = write_programme(id=name, clause="'spent > 0'")
        text = path.read_text(encoding="utf-8")
        path.unlink()
        if name == "late":
            text = text.replace("2026-", "2030-").replace("as_of: 2030", "as_of: 2026")
        if name == "maybe":
            text = text.replace('version: "1"', 'version: "1"\nstate: draft')
        if name == "saved":
            text = text.replace("kind: grant", "kind: tax_saving")
        (pack / "programmes" / path.name).write_text(text, encoding="utf-8")

    def check(stacking: str) -> tuple[Finding, ...]:
        (pack / "stacking.yaml").write_text(stacking, encoding="utf-8")
        found = check_programmes(pack / "programmes", attributes, TODAY)
        return tuple(each for each in found if each.problem.file.endswith("stacking.yaml"))

    return check


def group(programmes: str = "[one, two]", limit: str = "spent", rest: str = f"{WORDS}\n    {CITED}") -> str:
    named = f"programmes: {programmes}\n    limit: {limit}\n    reduce: {programmes}"
    return f"groups:\n  - id: first\n    {named}\n    {rest}\n"


def either(programmes: str = "[one, two]", rest: str = f"{WORDS}\n    {CITED}") -> str:
    return f"either_or:\n  - id: rule\n    programmes: {programmes}\n    {rest}\n"


PARAMETER = f"parameters:\n  most:\n    unit: fen\n    {WORDS}\n    {CITED}\n    values: "


@pytest.mark.parametrize(
    ("stacking", "expected"),
    [
        (group(), []),
        (either(), []),
        (group() + either("[one, late, two]"), []),
        # Faults of what can be read.
        (group(rest=f"applies_from: 3\n    {WORDS}\n    {CITED}"), [("error", "never_binds", 6, 19)]),
        (either(rest=f"most: 2\n    {WORDS}\n    {CITED}"), [("error", "never_binds", 4, 11)]),
        (group("[one, late]", rest=f"applies_from: 2\n    {WORDS}\n    {CITED}"), [("error", "never_binds", 2, 5)]),
        (either("[one, late]"), [("error", "never_binds", 2, 5)]),
        (
            group(rest=f"applies_from: 2\n    {WORDS}\n    {CITED}") + either(),
            [("error", "never_binds", 2, 5)],
        ),
        (group(limit="p.most") + PARAMETER + "[{start: 2026-03-01, value: 5}]\n",
         [("error", "parameter_missing", 13, 14)]),
        # Worth knowing.
        (group("[one, maybe]"), [("warning", "draft_in_rule", 3, 23)]),
        (group("[one, saved]"), [("warning", "saving_beside_money", 3, 23)]),
        (group(rest=WORDS), [("warning", "uncited", 2, 5)]),
        (either(rest=WORDS), [("warning", "uncited", 2, 5)]),
        (group(limit="'0'"), [("warning", "limit_never_positive", 4, 13)]),
        (group(limit="'2000000'"), [("warning", "never_reached", 4, 13)]),
        (group(limit="'1999999'"), []),
        (group() + PARAMETER + "[{value: 5}]\n", [("warning", "unused_parameter", 10, 5)]),
        (group(limit="p.most") + PARAMETER + "[{value: 5}]\n", []),
        (group(limit="p.most") + PARAMETER + "[{start: 2026-01-01, value: 5}]\n", []),
        (either() + "  - id: again\n    programmes: [two, one]\n    most: 1\n    " + f"{WORDS}\n    {CITED}\n",
         [("warning", "implied", 6, 9)]),
        ("related_parties: {share_from_bp: 2500, words: {zh: 关联, en: Related}}\n", [("warning", "uncited", 1, 18)]),
    ],
)  # fmt: skip
def test_each_is_found_where_it_stands(
    findings: Callable[[str], tuple[Finding, ...]], stacking: str, expected: list[tuple[str, str, int, int]]
) -> None:
    found = [(str(each.severity), each.kind, each.problem.line, each.problem.column) for each in findings(stacking)]
    assert found == expected


def test_all_that_cannot_be_read_is_told_at_once_with_its_caret(
    findings: Callable[[str], tuple[Finding, ...]],
) -> None:
    """Unknown ids with the nearest name, a unit and a type that are wrong, a name twice, an order that is not whole."""
    found = findings(
        """\
groups:
  - id: first
    programmes: [one, too, one]
    limit: staff
    reduce: [one, two]
    words: {zh: 限, en: Limit}
  - id: second
    programmes: [one, two]
    limit: |
      listed ||
      spend > 1
    reduce: [two, one, late]
    words: {zh: 限, en: Limit}
either_or:
  - id: first
    programmes: [two, two]
    words: {zh: 限, en: Limit}
"""
    )
    kinds = {(str(each.severity), each.kind, each.programme) for each in found}
    assert kinds == {("error", "refused", "stacking.yaml")}
    told = [(each.problem.line, each.problem.column, each.problem.message.split("\n")[0]) for each in found]
    assert told == [
        (3, 23, "no programme 'too'"),
        (3, 28, "'one' stands twice"),
        (4, 12, "this is in people, fen is needed"),
        (5, 13, "too not ordered"),
        (5, 19, "'two' is not of this group"),
        (11, 7, "undeclared reference to 'spend'"),
        (12, 24, "'late' is not of this group"),
        (15, 9, "another rule is called 'first'"),
        (16, 23, "'two' stands twice"),
    ]
    assert found[0].problem.message == "no programme 'too'\n    too\n    ^\n   "
    assert found[0].problem.fix == "did you mean 'two'?"


def test_the_pack_of_shenzhen_has_no_fault_of_stacking() -> None:
    found = check_programmes(SHENZHEN / "programmes", load_attributes(SHENZHEN), TODAY)
    assert [each.problem for each in found if each.programme == "stacking.yaml"] == []


def test_a_fault_of_form_does_not_hide_a_limit_s(findings: Callable[[str], tuple[Finding, ...]]) -> None:
    text = group(limit="spend + p.most") + PARAMETER + "[{value: 5}]\n"
    found = findings(text.replace("reduce:", "reduces:"))
    assert [each.problem.field for each in found] == ["groups.0.reduce", "groups.0.limit", "groups.0.reduces"]
    # A limit that reads a parameter which is wrong itself is not judged by that.
    assert [each.problem.field for each in findings(text.replace("value: 5", "value: five"))] == [
        "parameters.most.values.0.value"
    ]

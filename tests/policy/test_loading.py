"""What a wrong programme file is answered with."""

import codecs
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from siwei.city.attributes import Attribute
from siwei.errors import PolicyError, Problem
from siwei.policy import FactStatus, Programme, load_programme, load_programmes, programme_schema, stacking_schema

Write = Callable[..., Path]
Attributes = dict[str, Attribute]


def problems(path: Path, attributes: Attributes) -> tuple[Problem, ...]:
    with pytest.raises(PolicyError) as caught:
        load_programme(path, attributes)
    return caught.value.problems


def replace(path: Path, old: str, new: str) -> Path:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_a_right_programme_is_read_whole(make_programme: Callable[..., Programme]) -> None:
    programme = make_programme(requires="verified", to="yuan", mode="half_up")
    assert programme.attributes == ("spent",)
    assert programme.clauses[0].requires is FactStatus.VERIFIED
    assert programme.rounding.multiple_fen == 100
    assert [programme.parameters[0].value_on(date(2026, *day)) for day in ((1, 1), (6, 30), (7, 1))] == [
        5000,
        5000,
        6000,
    ]
    assert programme.parameters[0].value_on(date(2025, 12, 31)) is None
    assert not programme.is_draft


@pytest.mark.parametrize(
    ("clause", "message", "fix", "column"),
    [
        ("spend > 0", "undeclared reference to 'spend'", "did you mean 'spent'?", 11),
        ("spent > 'a'", "found no matching overload for '_>_' applied to '(int, string)'", "the two sides", 17),
        ("spent >", "Syntax error", "see the syntax of CEL", 18),
        ("p.rat > 0", "undeclared reference to 'p.rat'", "did you mean 'p.rate'?", 12),
        ("spent", "this is int, bool is needed", "a clause is a yes or no", 11),
        ("district.matches('(')", "not a regular expression", "RE2 syntax", 28),
        ("district.matches(district)", "matches(string, string) is not supported", "write the pattern", 27),
        ("[staff, 2].exists(n, n == 1)", "a macro over anything but a list of literals", "use && and ||", 28),
        ("[1, 2].map(n, n + staff) == [3]", "map and filter over attributes", "use all, exists", 21),
        ("{'a': staff}['a'] > 1", "a map is not supported", "use band()", 11),
        ("band(staff, [5, 5], [1, 2, 3]) > 1", "the limits of a band must ascend", "order them", 27),
        ("band(staff, [5], [1]) > 1", "band(int, list(int), list(int)) is not supported", "one more result", 15),
        ("bytes(district) == b'b'", "bytes(string) is not supported", "language.md lists", 16),
        ("timestamp(district) > as_of", "timestamp(string) is not supported", "write timestamp('…')", 20),
    ],
)
def test_a_wrong_expression_is_shown_with_line_column_and_fix(
    write_programme: Write, attributes: Attributes, clause: str, message: str, fix: str, column: int
) -> None:
    path = write_programme(clause=f'"{clause}"')
    found = problems(path, attributes)[0]
    assert found.message.startswith(message)
    assert fix in found.fix
    assert (found.file, found.line, found.field) == (str(path), 17, "clauses.0.expr")
    assert found.column == column + 1
    written, caret = found.message.split("\n")[1:3]
    assert written.strip() == clause
    assert caret.index("^") - 4 == found.column - 12


def test_the_caret_stands_below_its_place_after_chinese_text(write_programme: Write, attributes: Attributes) -> None:
    (found,) = problems(write_programme(clause="district == '深圳' && spend > 0"), attributes)
    assert found.message.split("\n")[1:3] == ["    district == '深圳' && spend > 0", "    " + " " * 22 + "^"]


def test_places_inside_a_block_scalar(write_programme: Write, attributes: Attributes) -> None:
    path = write_programme(clause="|\n      spent > 0\n      && spend > 0")
    (found,) = problems(path, attributes)
    assert (found.line, found.column) == (19, 10)


def test_every_fault_is_told_at_once(write_programme: Write, attributes: Attributes) -> None:
    path = write_programme(clause="spend > 0 && stuff > 1", award="spnt", cap="spent > 1")
    assert [problem.field for problem in problems(path, attributes)] == [
        "clauses.0.expr",
        "clauses.0.expr",
        "award.expr",
        "award.cap",
    ]


def test_all_files_are_told_of_together(write_programme: Write, attributes: Attributes, tmp_path: Path) -> None:
    write_programme(id="one", clause="spend > 0")
    write_programme(id="two", clause="stuff > 0")
    write_programme(id="three")
    with pytest.raises(PolicyError) as caught:
        load_programmes(tmp_path, attributes)
    assert [Path(problem.file).stem for problem in caught.value.problems] == ["one", "two"]


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("kind: grant", "kinds: grant", "kind is missing", 1),
        ("kind: grant", "kind: gift", "'gift': Input should be 'grant', 'voucher' or 'tax_saving'", 4),
        ("words: {zh: 条件一, en: First}", "words: {zh: 条件一}", "en is missing", 18),
        ("id: first", "id: First!", "'First!': String should match pattern", 16),
        ("kind: grant", "kind: grant\nkind: grant", "key 'kind' appears twice", 5),
        ("kind: grant", "kind: &x grant", "uses a YAML anchor or alias", 4),
        ("kind: grant", "kind: !!python/object:os.system grant", "uses the YAML tag", 4),
        ("kind: grant", "kind: {", "is not YAML", 6),
        ("end: 2026-12-31", "end: 2025-12-31", "end lies before start", 7),
        ("start: 2026-07-01", "start: 2025-07-01", "values must ascend", 11),
        ("start: 2026-01-01, value: 5000", "start: 2026-02-01, value: 5000", "parameter rate has no value", 14),
        ("value: 5000", "value: 5e3", "'5e3': Input should be a valid integer", 14),
        ("id: trial", "id: other", "id 'other' is not the file's name", 1),
    ],
)
def test_a_wrong_field_is_told_with_its_line(
    write_programme: Write, attributes: Attributes, old: str, new: str, message: str, line: int
) -> None:
    found = problems(replace(write_programme(), old, new), attributes)
    assert [(each.message[: len(message)], each.line) for each in found if each.message.startswith(message)] == [
        (message, line)
    ]


def test_a_long_wrong_value_is_cut_and_still_quoted(write_programme: Write, attributes: Attributes) -> None:
    path = write_programme()
    text = path.read_text(encoding="utf-8").replace("value: 5000", f"value: {'9' * 400}")
    path.write_text(text.replace("kind: grant", f"kind: grant\n{'x' * 400}: y"), encoding="utf-8")
    found = sorted(str(problem.message) for problem in problems(path, attributes))
    assert found[0].startswith(f"'{'9' * 79}…': Input should be")
    assert found[1].startswith(f"no such field '{'x' * 79}…'")


def test_a_misspelt_field_is_told_the_nearest(write_programme: Write, attributes: Attributes) -> None:
    found = problems(replace(write_programme(), "requires: declared", "requirs: declared"), attributes)
    assert [(each.message, each.fix, each.line) for each in found] == [
        (
            "no such field 'requirs'\n        requirs: declared\n                 ^\n   ",
            "did you mean 'requires'?",
            20,
        )
    ]


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("(" * 1000 + "true" + ")" * 1000, id="a thousand brackets"),
        pytest.param("!" * 1001 + "true", id="a thousand negations"),
        pytest.param(" && ".join(["spent > 0"] * 3000), id="thirty thousand characters"),
        pytest.param(" + ".join(["1"] * 1000) + " > 0", id="a sum of a thousand terms"),
        pytest.param("true ? true : " * 500 + "true", id="five hundred conditionals"),
        pytest.param("[" * 500 + "]" * 500 + " == []", id="five hundred lists"),
    ],
)
def test_monstrous_expressions_are_answered_in_bounded_time(
    write_programme: Write, attributes: Attributes, expression: str
) -> None:
    path = write_programme(clause=f'"{expression}"')
    started = time.process_time()
    try:
        load_programme(path, attributes)
    except PolicyError as error:
        assert len(error.problems) == 1
    assert time.process_time() - started < 5


def test_a_file_of_100_megabytes_is_refused_without_being_read(attributes: Attributes, tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    started = time.process_time()
    assert [problem.message for problem in problems(path, attributes)] == ["is larger than 256 KiB"]
    assert time.process_time() - started < 1


def test_deep_yaml_and_wrong_encoding_are_refused(attributes: Attributes, tmp_path: Path) -> None:
    deep = tmp_path / "deep.yaml"
    deep.write_text("a: " + "[" * 100_000, encoding="utf-8")
    assert problems(deep, attributes)[0].message.startswith("is nested deeper")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_bytes("id: trial\ntitle: 训力券\n".encode("gb18030"))
    assert [(problem.message, problem.line) for problem in problems(wrong, attributes)] == [("is not UTF-8", 2)]


@pytest.mark.parametrize(("before", "place"), [("# 中a", (1, 5)), ("中文", (1, 3)), ("", (1, 1)), ("a: 1\n中", (2, 2))])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_bad_byte_is_placed_the_same_after_a_byte_order_mark(
    attributes: Attributes, tmp_path: Path, mark: bytes, before: str, place: tuple[int, int]
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_bytes(mark + before.encode() + b"\xff\n")
    (found,) = problems(wrong, attributes)
    assert (found.message, found.line, found.column) == ("is not UTF-8", *place)


def test_a_folder_that_is_not_there(attributes: Attributes, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no such folder of programmes"):
        load_programmes(tmp_path / "nowhere", attributes)


def test_without_a_source_a_programme_is_a_draft(write_programme: Write, attributes: Attributes) -> None:
    path = replace(write_programme(), "    citation: {document: Trial rules}\n    requires", "    requires")
    programme = load_programme(path, attributes)
    assert (programme.is_draft, programme.unsourced) == (True, ("first",))


def test_every_field_of_the_schema_is_described() -> None:
    def fields(schema: dict[str, object]) -> list[str]:
        found = []
        for name, definition in [("programme", schema), *schema["$defs"].items()]:  # type: ignore[attr-defined]
            for field, details in definition["properties"].items():
                found += [] if details.get("description") else [f"{name}.{field}"]
        return found

    assert fields(programme_schema()) == []


def test_every_fault_of_the_file_shows_its_line_and_a_caret(write_programme: Write, attributes: Attributes) -> None:
    """Under the place as a terminal shows it: a Chinese character is two columns wide."""
    (found,) = problems(
        replace(write_programme(), "requires: declared", "requires: 深圳\n    深圳: {a: &b 1}"), attributes
    )
    assert (found.message.split("\n")[0], found.column) == ("uses a YAML anchor or alias", 13)
    shown, caret = found.message.split("\n")[1:3]
    assert shown == "        深圳: {a: &b 1}"
    # Four columns of the message and twelve characters before the place, two of which are wide.
    assert caret == " " * (4 + 12 + 2) + "^"


def test_what_a_reader_cannot_see_is_refused(write_programme: Write, attributes: Attributes) -> None:
    for unseen in ("\u202e", "\u200b", "\u2066"):
        (found,) = problems(replace(write_programme(), "requires: declared", f"requires: decl{unseen}ared"), attributes)
        assert found.message.startswith(f"holds the unseen character U+{ord(unseen):04X}")


def test_a_fault_of_form_does_not_hide_those_of_expressions(write_programme: Write, attributes: Attributes) -> None:
    """A field misspelt, a field missing, a kind unknown: and every expression is checked all the same."""
    path = write_programme(clause="spend > 0", award="basis_points(spent, p.rat)", cap="spent > 1")
    for old, new in (
        ("kind: grant", "kind: gift"),
        ("    words: {zh: 条件一, en: First}\n", ""),
        ("issuer:", "isuer:"),
    ):
        replace(path, old, new)
    found = problems(path, attributes)
    assert {each.field for each in found} == {
        "kind", "issuer", "isuer", "clauses.0.words", "clauses.0.expr", "award.expr", "award.cap",
    }  # fmt: skip
    assert all(each.line and each.column and "^" in each.message for each in found)


def test_what_reads_something_wrong_is_not_wrong_by_that(write_programme: Write, attributes: Attributes) -> None:
    path = replace(write_programme(clause="spend > 0"), "value: 5000", "value: many")
    assert [each.field for each in problems(path, attributes)] == ["parameters.rate.values.0.value", "clauses.0.expr"]
    other = replace(write_programme(id="other", clause="spent > 0"), "words: {zh: 比例, en: Rate}", "words: x")
    assert [each.field for each in problems(other, attributes)] == ["parameters.rate.words"]


@pytest.mark.parametrize(
    "text", ["[]", "a", "clauses: [1, [2], {expr: [3]}]", "parameters: [1]\naward: 5", "{}", "tables: {a: {}}"]
)
def test_a_file_of_any_form_is_told_of(tmp_path: Path, attributes: Attributes, text: str) -> None:
    path = tmp_path / "trial.yaml"
    path.write_text(text, encoding="utf-8")
    assert "id is missing" in str(problems(path, attributes)) or text in ("[]", "a")


def test_a_clause_id_that_stands_twice_is_told_at_the_clause(write_programme: Write, attributes: Attributes) -> None:
    more = "  - {id: first, expr: spend > 1, words: {zh: 二, en: Second}}\n"
    more += "  - {id: award, expr: 'true', words: {zh: 三, en: Third}}\n"
    path = replace(write_programme(), "award:\n", f"{more}award:\n")
    found = {each.field: (each.message.split("\n")[0], each.line, each.column) for each in problems(path, attributes)}
    assert found["clauses.1.id"] == ("another clause is called 'first'", 21, 10)
    assert found["clauses.2.id"] == ("no clause may be called 'award'", 22, 10)
    assert "clauses.1.expr" in found
    replace(path, "kind: grant", "kind: gift")
    assert {"clauses.1.id", "clauses.2.id", "clauses.1.expr", "kind"} == {
        each.field for each in problems(path, attributes)
    }


@pytest.mark.parametrize(
    ("old", "new", "message", "field"),
    [
        ("kind: grant", "kind: grant\nstate: ended", "a version that has ended needs", "state"),
        ("rounding:", "voucher: {kinds: [compute], rate: '5000', words: {zh: 券, en: V}}\nrounding:",
         "voucher terms in a programme of kind grant", "voucher"),
    ],
)  # fmt: skip
def test_what_no_field_alone_is_wrong_about(
    write_programme: Write, attributes: Attributes, old: str, new: str, message: str, field: str
) -> None:
    path = replace(write_programme(), old, new)
    if field == "state":
        replace(path, ", end: 2026-12-31", "")
    found = problems(path, attributes)
    assert [(each.message[: len(message)], each.field) for each in found] == [(message, field)]


def test_editors_take_what_the_loader_takes(write_programme: Write, attributes: Attributes) -> None:
    """A number without quotes where text is asked for, and a whole number in quotes."""
    path = replace(replace(write_programme(cap="1000000", clause="true"), 'version: "1"', "version: 1"),
                   "value: 5000", "value: '5000'")  # fmt: skip
    assert load_programme(path, attributes).version == "1"
    for schema, title in ((programme_schema(), "Siwei programme"), (stacking_schema(), "Siwei stacking")):
        assert schema["title"] == title
    schema = programme_schema()
    assert schema["properties"]["version"]["type"] == ["string", "number", "boolean"]  # type: ignore[index]
    assert schema["properties"]["id"]["type"] == "string"  # type: ignore[index]
    parts = schema["$defs"]
    assert parts["AwardDocument"]["properties"]["cap"]["anyOf"][0]["type"] == ["string", "number", "boolean"]  # type: ignore[index]
    assert parts["ClauseDocument"]["properties"]["expr"]["type"] == ["string", "number", "boolean"]  # type: ignore[index]
    assert parts["ParameterValueDocument"]["properties"]["value"]["type"] == ["integer", "string"]  # type: ignore[index]
    assert parts["ParameterValueDocument"]["properties"]["start"]["anyOf"][0] == {"format": "date", "type": "string"}  # type: ignore[index]

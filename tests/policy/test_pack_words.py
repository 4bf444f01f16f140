"""What a file or an expression is refused for is said in English and Chinese: by tables of our own, and where CEL or
the library that checks the form of a file says it."""

import ast
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import siwei.policy.language
from siwei.chain.vocabulary_words import FAULTS
from siwei.city.table_words import CELLS, DELIMITERS, PACK
from siwei.city.table_words import FORMS as CELL_FORMS
from siwei.city.table_words import TABLES as TABLE_WORDS
from siwei.errors import Said, Saying
from siwei.policy.documents.cases import CasesDocument
from siwei.policy.documents.document import ProgrammeDocument
from siwei.policy.documents.document_stacking import StackingDocument
from siwei.policy.documents.form_words import FORMS, form_fault
from siwei.policy.files.file_words import FILES
from siwei.policy.language.cel_words import MESSAGES, in_both
from siwei.policy.language.check import Checker, ExpressionRefused
from siwei.policy.language.expression_words import REFUSALS
from siwei.policy.language.failure_words import FAILURES, failure_in_both
from siwei.policy.language.types import BOOL, INT, STRING
from siwei.policy.money_words import MONEY
from siwei.policy.pack_words import REFUSED, nearest
from siwei.policy.row_words import ROWS, TIES

CHINESE = re.compile(r"[\u4e00-\u9fff]")
TABLES: Mapping[str, Saying] = {
    f"{place}:{key}": saying
    for place, table in (("pack", REFUSED), ("expression", REFUSALS), ("rows", ROWS), ("money", MONEY),
                         ("files", FILES), ("table", TABLE_WORDS), ("cell", CELLS), ("city pack", PACK),
                         ("vocabulary", FAULTS))
    for key, saying in table.items()
}  # fmt: skip
TOKENS = [
    "a",
    "b",
    "s",
    "1",
    "1u",
    "1.5",
    "'x'",
    "b'x'",
    "&&",
    "||",
    "+",
    "-",
    "*",
    "/",
    "%",
    "==",
    "<",
    "in",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    ".",
    "size",
    "has",
    "all",
    "exists",
    "map",
    "filter",
    "x",
    "null",
    "true",
    "p.rate",
    "unknown",
    "timestamp",
    "'",
    "\\",
    "#",
    "1e999",
    "99999999999999999999",
    "0x",
    "[1,2]",
    "{1:2}",
    "!",
    "a.b",
    "a[0]",
    "dyn",
    "int",
    "as",
    "while",
    "@",
    "`x`",
    "?.",
    "$",
]
BROKEN = (
    "(" * 50 + "a" + ")" * 50, "a" + "+a" * 200, "a" + "+a" * 6_000, "[1,2].all(1,true)", "has(a)", "a.exists(x,x)",
    "Foo{}",
    "a.b.c()", "'\\q'", "'\\ud800'", "b'\\u1234'", "s.matches('(')", "s.matches(s)", "-9223372036854775809",
    "99999999999999999999u", "'\ud800'", "{'a': a}", "b'x'", "[a].map(x, x)", "1 / 0", "[1, 2].exists(x, x)",
    "band(a, [3, 1], [1, 2, 3])", "band(s, [1], [1, 2])", "size_class(s, a, a)", "timestamp(s)", "a == s",
    "s.matches('\\\\pX')",
    "timestamp('2026-01-01T00:00:00.000000001Z') == as_of", "s.matches('(?i)ß')",
)  # fmt: skip


def test_what_stands_in_such_a_line_is_said_in_both() -> None:
    for said in (*TIES.values(), *DELIMITERS.values(), *CELL_FORMS.values()):
        assert (CHINESE.search(said), CHINESE.search(said.zh) is not None) == (None, True), said


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TABLES)
def test_every_kind_has_both_texts_with_the_same_values(key: str) -> None:
    saying = TABLES[key]
    assert (names(saying.en), names(saying.fix_en)) == (names(saying.zh), names(saying.fix_zh))
    assert CHINESE.search(saying.en + saying.fix_en) is None
    for text in (saying.zh, saying.fix_zh):  # of what is a value alone the value knows both
        assert CHINESE.search(text) or re.fullmatch(r"\{\w+\}", text), text


def test_a_name_that_nobody_knows_is_answered_in_both_languages() -> None:
    assert (nearest("revenu", ["revenue", "staff"]), nearest("revenu", ["revenue"]).zh) == (
        "did you mean 'revenue'?", "是否应为 'revenue'？",
    )  # fmt: skip
    assert (nearest("x", ["revenue"]), nearest("x", []).zh) == ("one of revenue", "可选：无")


def test_whatever_cel_or_our_compiler_says_of_an_expression_is_said_in_both() -> None:
    """Four thousand heaps of tokens, and each kind of fault by itself."""
    checker = Checker({"a": INT, "b": BOOL, "s": STRING}, ("rate",))
    chance = random.Random(7)
    texts = [" ".join(chance.choices(TOKENS, k=chance.randint(1, 8))) for _ in range(4_000)]
    refused = 0
    for text in (*BROKEN, *texts):
        try:
            checker.check(text, BOOL)
        except ExpressionRefused as error:
            refused += 1
            for fault in error.faults:
                for said in (fault.message, fault.fix):
                    assert isinstance(said, Said), (text, said)
                    assert CHINESE.search(said.zh), (text, said.zh)
        else:
            assert text not in BROKEN
    assert refused > 3_000


def test_what_cel_quotes_is_kept_and_what_is_not_known_stays() -> None:
    assert len(MESSAGES) > 20
    found = in_both("found no matching overload for '_+_' applied to '(int, string)'")
    assert isinstance(found, Said)
    assert found.zh == "'_+_' 不能用于这些类型：int, string"
    assert type(in_both("something new")) is str


def raised() -> Iterator[str]:
    """Every message that the evaluator raises, or a function of ours that it calls, with a value in its braces."""
    errors = {"EvaluationError", "PatternRefused", "TooMuchWork", "NotTaken"}
    for path in sorted(Path(siwei.policy.language.__file__).parent.glob("*.py")):
        named = errors | ({"ValueError"} if path.stem in ("functions", "size_classes") else set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in named:
                yield _message(node.args[0])


def _message(node: ast.expr) -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(
        str(part.value) if isinstance(part, ast.Constant)
        else "'x'" if isinstance(part, ast.FormattedValue) and part.conversion == ord("r") else "7"
        for part in parts
    )  # fmt: skip


def test_whatever_fails_in_an_evaluation_is_said_in_chinese_too() -> None:
    messages = {*raised()} - {"7: 7"}  # the name of a function before what is wrong
    assert len(messages) > 40
    for message in messages:
        for said in (failure_in_both(message), failure_in_both(f"share: {message}")):
            assert isinstance(said, Said), message
            assert CHINESE.search(said.zh), message
    used = {pattern for pattern in FAILURES if any(re.fullmatch(pattern, message) for message in messages)}
    assert used == {*FAILURES}
    found = failure_in_both("share: share needs a denominator above zero")
    assert isinstance(found, Said)
    assert found.zh == "share：share 的分母须大于零"
    assert type(failure_in_both("something new")) is str


WRONG: tuple[Any, ...] = (
    None, "", "no such thing", "9" * 40, "1" + "0" * 5_000, "true", "2026-02-30", "0000-01-01",
    "2026-01-01T00:00:00+08:00",
    "-1", "1.5", {}, [], [["x"]], {"x": "y"}, "x" * 12_000, "\ud800", ["1"] * 300,
)  # fmt: skip


@pytest.mark.parametrize("model", [ProgrammeDocument, StackingDocument, CasesDocument])
def test_every_fault_of_a_file_s_form_has_its_chinese(model: Any) -> None:
    """Every field of every part of the three files, given each wrong thing."""
    tried: set[str] = set()

    def fields(part: Any) -> None:
        for field in part.model_fields.values():
            adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
            for wrong in WRONG:
                try:
                    adapter.validate_python(wrong)
                except ValidationError as error:
                    for detail in error.errors(include_url=False):
                        tried.add(detail["type"])
                        if detail["type"] not in ("missing", "extra_forbidden", "model_type"):
                            said = form_fault(dict(detail))
                            assert isinstance(said, Said), detail
                            assert CHINESE.search(said.zh), said.zh

    parts, seen = [model], set()
    while parts:
        part = parts.pop()
        if part in seen:
            continue
        seen.add(part)
        fields(part)
        parts += [each for field in part.model_fields.values() for each in models_in(field.annotation)]
    assert len(tried & {*FORMS}) > 5


def models_in(annotation: Any) -> list[Any]:
    from typing import get_args

    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [model for each in get_args(annotation) for model in models_in(each)]

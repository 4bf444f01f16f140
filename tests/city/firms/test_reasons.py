"""Every reason a row is rejected or mended for can be read in Chinese."""

import ast
from pathlib import Path

import pytest

import siwei.city.firms
from siwei.city.firms.reasons import WORDS, in_chinese

SOURCES = Path(siwei.city.firms.__file__).parent
NOT_REASONS = {"{}-{}-{}", "{} row {}"}
"""A day put together (dates.py), and where a fact was read (reading.py)."""


def written_reasons() -> set[str]:
    """The texts that `pl.format` makes, and the plain ones of several words, in the room's source."""
    found = set()
    for path in SOURCES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
                continue
            first = node.args[0]
            if isinstance(first, ast.BinOp) and isinstance(
                first.left, ast.Constant
            ):  # "… more than " + str(LONGEST_NAME)
                first = ast.Constant(f"{first.left.value}200")
            text = first.value if isinstance(first, ast.Constant) else None
            is_reason = node.func.attr == "format" or (node.func.attr == "lit" and " " in str(text))
            if is_reason and isinstance(text, str):
                found.add(text)
    return found - NOT_REASONS


def test_every_reason_is_translated() -> None:
    reasons = written_reasons()
    assert len(reasons) > 25
    examples = [reason.replace("{}", "x1") for reason in sorted(reasons)]
    assert [example for example in examples if in_chinese(example) == example] == []


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("code 91X has 3 characters, a code has 18", "代码 91X 有 3 位，应为 18 位"),
        ("name of 201 characters, more than 200", "名称有 201 个字，多于 200 个"),
        ("date 'it's' is before 1800", "日期“it's”早于 1800 年"),
        ("another thing", "another thing"),
        ("no name; code 91X has 3 characters, a code has 18", "没有名称；代码 91X 有 3 位，应为 18 位"),
        (
            "name of 201 characters, more than 200; date 'a; b' cannot be read; write YYYY-MM-DD",
            "名称有 201 个字，多于 200 个；日期“a; b”无法识别；请写成 YYYY-MM-DD",
        ),
        ("another thing; no name", "another thing；没有名称"),
        ("another; thing", "another; thing"),
    ],
)
def test_what_is_quoted_stays(reason: str, expected: str) -> None:
    assert in_chinese(reason) == expected


def test_places_agree() -> None:
    assert [english for english, chinese in WORDS if english.count("{}") != chinese.count("{}")] == []

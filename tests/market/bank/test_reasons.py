"""Every reason why an entry of a bank's file is not taken has its Chinese: read off the code, none is forgotten."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from siwei.market import bank
from siwei.market.bank.reasons import reason_in_chinese


def texts(value: ast.expr) -> Iterator[str]:
    """What an expression may say, with something in every gap."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from texts(value.body)
        yield from texts(value.orelse)
    elif isinstance(value, ast.JoinedStr):
        said = ""
        for part in value.values:
            if isinstance(part, ast.Constant):
                said += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                names = {each.id for each in ast.walk(part.value) if isinstance(each, ast.Name)}
                said += "'7'" if part.conversion == ord("r") else "the same entry" if names == {"same"} else "7"
        yield said


def reasons() -> Iterator[str]:
    for path in sorted(Path(bank.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in ("ValueError", "Unreadable") and node.args:
                yield from texts(node.args[0])
            elif node.func.id == "BankReject" and len(node.args) > 1:
                yield from texts(node.args[1])


FOUND = sorted(set(reasons()))


def test_the_reasons_are_found() -> None:
    assert {"an amount on both sides", "'7' is not a date", "7 cells, the header has 7"} <= set(FOUND)


@pytest.mark.parametrize("reason", FOUND)
def test_a_reason_is_said_in_chinese(reason: str) -> None:
    told = reason_in_chinese(reason)
    assert told != reason
    assert not any(word.isascii() and word.isalpha() for word in told.split()), told


def test_what_it_quotes_stays_as_it_is() -> None:
    assert reason_in_chinese("'five yuan' is not an amount") == "“five yuan”不是金额"
    assert reason_in_chinese("something else") == "something else"

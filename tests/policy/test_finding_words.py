"""Every finding of `siwei policy check` is said in English and Chinese."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from string import Formatter

import pytest

import siwei.policy
from siwei.city.attributes import Attribute
from siwei.errors import Said
from siwei.policy.checks.check import check_programmes
from siwei.policy.documents.finding_words import FINDINGS, kind_of, told

POLICY = Path(siwei.policy.__file__).parent
SOURCES = [*POLICY.glob("checks/check_*.py"), POLICY / "documents" / "releases.py"]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
COMMANDS = {"never_released"}
"""What to do is a command."""


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", FINDINGS)
def test_every_kind_has_both_texts_with_the_same_values(key: str) -> None:
    saying = FINDINGS[key]
    assert names(saying.en) == names(saying.zh)
    assert names(saying.fix_en) == names(saying.fix_zh)
    assert (CHINESE.search(saying.zh) is not None, CHINESE.search(saying.en + saying.fix_en)) == (True, None)
    assert saying.fix_en
    assert CHINESE.search(saying.fix_zh) or kind_of(key) in COMMANDS
    values = {name: Said("en", "中") if name in ("when", "what") else "x" for name in names(saying.en + saying.fix_en)}
    message, _ = told(key, **values)
    for name in ("when", "what"):
        if f"{{{name}}}" in saying.en:
            assert ("en" in message, "中" in message.zh) == (True, True)


def test_the_table_holds_what_is_found_and_nothing_else() -> None:
    """Each line of it stands once or more in the checks, and nothing is found that has no line."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    named = {found for found in re.findall(r"\"([a-z_]+(?::[a-z_]+)?)\"", text) if found in FINDINGS}
    assert named == set(FINDINGS)
    found = re.findall(r"Severity\.[A-Z]+,\s*\"([a-z_:]+)\"", text)
    assert found
    assert {kind_of(each) for each in found} <= {kind_of(key) for key in FINDINGS}


def test_what_is_found_knows_both_languages(
    write_programme: Callable[..., Path], attributes: dict[str, Attribute]
) -> None:
    path = write_programme(clause="spent > 10 && spent < 5")
    (finding,) = (
        each for each in check_programmes(path.parent, attributes, date(2026, 11, 23)) if each.kind == "never_true"
    )
    told_ = finding.as_dict()
    assert str(told_["message"]).startswith(
        "clause 'first' can never be yes, so nobody can be eligible\n    spent > 10"
    )
    assert str(told_["message_zh"]).startswith("条件 'first' 永远不会满足，因此无人符合\n    spent > 10")
    assert (told_["fix"], told_["fix_zh"]) == ("mend the comparison or the parameter", "请改正比较或参数")

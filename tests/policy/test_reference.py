"""The reference page names every field, function and command, and its example is a right programme."""

import re
from pathlib import Path
from typing import Any

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.cli.policy import policy_app
from siwei.policy import load_programme, programme_schema
from siwei.policy.language.check import function_names

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "programme.md"
TEXT = PAGE.read_text(encoding="utf-8")
PROSE = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
WORDS = set(re.findall(r"[A-Za-z_]+", " ".join(re.findall(r"`[^`]+`", PROSE))))


def fields(schema: dict[str, Any]) -> set[str]:
    return {name for each in (schema, *schema["$defs"].values()) for name in each["properties"]}


def test_every_field_is_on_the_page() -> None:
    assert sorted(fields(programme_schema()) - WORDS) == []


def test_every_function_is_on_the_page() -> None:
    assert sorted(set(function_names()) - WORDS - {"bool", "duration", "timestamp"}) == []


def test_every_command_is_on_the_page() -> None:
    commands = [name for name in policy_app if not name.startswith("-")]
    assert [name for name in commands if f"siwei policy {name}" not in TEXT] == []


def test_the_example_is_right(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "corpus.yaml"
    path.write_text(example, encoding="utf-8")
    programme = load_programme(path, load_attributes(PACKS / "shenzhen"))
    assert (programme.is_draft, programme.attributes) == (False, ("corpus_purchase",))

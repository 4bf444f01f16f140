"""The reference page names every field, function and command, and its example is a right programme."""

import re
from pathlib import Path
from typing import Any

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.cli.policy import policy_app
from siwei.policy import load_programme, load_programmes, programme_schema, stacking_schema
from siwei.policy.checks import check_stacking
from siwei.policy.documents.finding_words import FINDINGS
from siwei.policy.documents.loading_stacking import load_stacking
from siwei.policy.language.check import function_names

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "programme.md"
TEXT = PAGE.read_text(encoding="utf-8")


STACKING_TEXT = PAGE.with_name("stacking.md").read_text(encoding="utf-8")


def words(text: str) -> set[str]:
    """The names a page sets in code, its blocks apart."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return set(re.findall(r"[A-Za-z_]+", " ".join(re.findall(r"`[^`]+`", prose))))


def fields(schema: dict[str, Any]) -> set[str]:
    return {name for each in (schema, *schema["$defs"].values()) for name in each["properties"]}


def test_every_field_is_on_the_page() -> None:
    assert sorted(fields(programme_schema()) - words(TEXT)) == []


def test_every_function_is_on_the_page() -> None:
    assert sorted(set(function_names()) - words(TEXT) - {"bool", "duration", "timestamp"}) == []


def test_every_command_is_on_the_page() -> None:
    commands = [name for name in policy_app if not name.startswith("-")]
    assert [name for name in commands if f"siwei policy {name}" not in TEXT] == []


def test_the_example_is_right(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "corpus.yaml"
    path.write_text(example, encoding="utf-8")
    programme = load_programme(path, load_attributes(PACKS / "shenzhen"))
    assert (programme.is_draft, programme.attributes) == (False, ("corpus_purchase",))


def test_every_field_and_finding_of_stacking_is_on_its_page() -> None:
    written = (Path(check_stacking.__file__)).read_text(encoding="utf-8")
    kinds = {key.partition(":")[0] for key in re.findall(r'"([a-z_:]+)"', written) if key in FINDINGS}
    assert len(kinds) > 8
    # Words people read, `zh` and `en`, are told of programmes.
    wanted = fields(stacking_schema()) | kinds
    assert sorted(wanted - words(STACKING_TEXT) - words(TEXT)) == []
    assert sorted(kinds - words(STACKING_TEXT)) == []


def test_the_example_of_stacking_is_right(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", STACKING_TEXT, re.DOTALL)
    (tmp_path / "stacking.yaml").write_text(example, encoding="utf-8")
    attributes = load_attributes(PACKS / "shenzhen")
    stacking = load_stacking(tmp_path, attributes, load_programmes(PACKS / "shenzhen" / "programmes", attributes))
    assert [rule.id for rule in stacking.rules] == ["compute-contract", "one-corpus-award"]

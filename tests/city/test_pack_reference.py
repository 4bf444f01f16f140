"""The reference names every file, column and word that a pack may hold, and nothing that it may not."""

import re
from pathlib import Path

import pytest

from siwei.city.rows import PackIdentity
from siwei.city.tables import PROVENANCE, TABLES, TableSchema

REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference" / "pack.md"


def sections() -> dict[str, str]:
    parts = re.split(r"^## ", REFERENCE.read_text(), flags=re.MULTILINE)[1:]
    return {part.split()[0]: part for part in parts}


def words_in_code(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.id)
def test_every_column_is_described(table: TableSchema) -> None:
    section = sections()[table.path]
    own = {column for column in table.columns if column not in PROVENANCE}
    assert own - words_in_code(section) == set()
    assert ("(required)" in section.splitlines()[0]) is table.required


def test_every_key_of_the_identity_is_described() -> None:
    assert set(PackIdentity.model_fields) - words_in_code(sections()["pack.yaml"]) == set()


def test_no_table_is_described_that_is_not_read() -> None:
    described = {name for name in sections() if name.endswith(".csv")}
    assert described == {table.path for table in TABLES}


def test_the_last_three_columns_are_described() -> None:
    head = REFERENCE.read_text().split("## pack.yaml")[0]
    assert set(PROVENANCE) - words_in_code(head) == set()

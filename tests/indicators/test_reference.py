"""The reference names every indicator as it is."""

from pathlib import Path

import pytest

from siwei.indicators import INDICATORS, TABLES, Indicator

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "indicators.md"


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda entry: entry.id)
def test_an_indicator_is_in_the_reference_as_it_is(indicator: Indicator) -> None:
    line = next(line for line in REFERENCE.read_text().splitlines() if line.startswith(f"| `{indicator.id}`"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[0] == f"`{indicator.id}`<br>{indicator.name.en}<br>{indicator.name.zh}"
    assert cells[2] == f"{indicator.formula.en}<br>{indicator.formula.zh}"
    assert cells[3] == indicator.statistic.value
    assert cells[5] == indicator.unit + (", restricted" if indicator.restricted else "")


def test_the_reference_names_no_indicator_that_is_not_there() -> None:
    named = {line.split("`")[1] for line in REFERENCE.read_text().splitlines() if line.startswith("| `")}
    assert named == {entry.id for entry in INDICATORS}


def test_every_table_of_a_snapshot_is_used_by_a_query_or_the_report() -> None:
    queries = " ".join(entry.query for entry in INDICATORS)
    shown = {"statistics", "facilities"}
    assert {name for name in TABLES if name not in queries} == shown

"""What is held already, given in files: counted as the market counts it, weighed by `explain`, refused where wrong."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from siwei.errors import ImportRefused
from siwei.policy.holdings import Held, holdings_on, read_holdings

from .test_joint import DAY
from .test_joint import pack as pack
from .test_joint_commands import EXPLAIN, OTHERS
from .test_joint_commands import folder as folder
from .test_joint_commands import siwei as siwei

KINDS = {"own": "organisation", "city": "claim", "talent": "person"}
HEAD = "subject,programme,held_fen,period,organisation\n"


def write(folder: Path, text: str) -> Path:
    rows = folder / "rows"
    rows.mkdir(exist_ok=True)
    (rows / "holdings.csv").write_text(text, encoding="utf-8")
    return rows


def test_years_are_counted_as_the_market_counts_them() -> None:
    """Of an organisation and a person those of the year; of a contract all, of which joint limits count the year's."""
    rows = [
        Held("a", "own", 5, "2026"), Held("a", "own", 7, "2026-H2"), Held("a", "own", 90, "2025"),
        Held("c1", "city", 3, "2025"), Held("c1", "city", 4), Held("p", "talent", 8, "2025"), Held("x", "gone", 9),
    ]  # fmt: skip
    found = holdings_on(rows, DAY, KINDS)
    assert found.held == {("organisation", "a"): {"own": 12}, ("claim", "c1"): {"city": 7}}
    assert found.earlier == {("claim", "c1"): {"city": 3}}
    assert holdings_on(rows, date(2025, 5, 5), KINDS).of("person", "p") == {"talent": 8}


def test_explain_weighs_what_is_held_of_the_rule_and_of_the_joint_limit(siwei: Any, folder: Path) -> None:
    before = siwei(EXPLAIN + OTHERS + " --json")
    assert (before["held_fen"], before["bindings"][0]["after_fen"]) == ({}, 4_000)
    # Of a contract that has no row any more, and of an organisation that is another's.
    write(folder, HEAD + "gone,city,1500,2026,a\nc8,city,9000,2026,b\n")
    told = siwei(EXPLAIN + OTHERS + " --rows {t}/rows --json")
    assert (told["joint_limits"][0]["held_fen"], told["bindings"][0]["after_fen"]) == (1_500, 2_500)
    own = before["bindings"][0]
    write(folder, HEAD + "c2,city,4800,2026,\n")
    told = siwei(EXPLAIN + OTHERS + " --rows {t}/rows --json")
    assert told["held_fen"] == {"city": 4_800}
    assert (own["before_fen"], told["bindings"][0]["after_fen"]) == (5_000, 4_800)
    words = siwei(EXPLAIN + OTHERS + " --rows {t}/rows").replace(" ", "")
    assert "其中已持有city政策48元" in words


@pytest.mark.parametrize(
    ("text", "field", "told"),
    [
        ("subject,programme\na,own\n", "", "no column 'held_fen'"),
        (HEAD.replace("period", "perod") + "a,own,5,2026,\n", "perod", "did you mean 'period'"),
        (HEAD + "a,owm,5,2026,\n", "programme", "did you mean 'own'"),
        (HEAD + ",own,5,2026,\n", "subject", "is empty"),
        (HEAD + "a,own,-5,2026,\n", "held_fen", "-5 is less than nothing"),
        (HEAD + "a,own,,2026,\n", "held_fen", "is not an amount"),
        (HEAD + 'a,own,"1,000",2026,\n', "held_fen", "'1,000' is not a whole number"),
        (HEAD + "a,own,5,last year,\n", "period", "declares no days"),
    ],
)
def test_a_holding_that_nobody_would_count_is_refused_with_its_place(
    pack: Any, tmp_path: Path, text: str, field: str, told: str
) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_holdings(write(tmp_path, text), pack[1])
    problem = refused.value.problems[0]
    assert told in f"{problem.message} → {problem.fix}"
    assert (problem.field or "", str(problem.file).endswith("holdings.csv")) == (field, True)


def test_a_folder_without_holdings_has_none_and_their_columns_are_told(
    pack: Any, tmp_path: Path, siwei: Callable[[str], Any]
) -> None:
    assert read_holdings(tmp_path, pack[1]) == ()
    columns = siwei("schema {pack} --json")["holdings_columns"]
    assert [each["column"] for each in columns] == HEAD.strip().split(",")

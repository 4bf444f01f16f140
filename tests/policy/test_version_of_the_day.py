"""Commands decide by the version that was in force on the day they decide for, and say when its text is another one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from siwei.city.home import PACKS
from siwei.cli import policy_author, policy_diff, policy_money
from siwei.cli.policy import policy_app
from siwei.cli.policy_explain import explain as registered

assert registered and policy_author and policy_diff and policy_money
FACTS = "id,legal_form,longhua_compute_paid,district\na,firm,1000000,longhua\n"
Ask = Callable[..., str]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    def run(*arguments: str | Path) -> str:
        with pytest.raises(SystemExit) as left:
            policy_app([*map(str, arguments)])
        assert left.value.code in (0, None)
        return capsys.readouterr().out

    return run


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Longhua's support at 30 % until June 2026, at 20 % from July on."""
    folder = tmp_path / "pack" / "programmes"
    folder.mkdir(parents=True)
    (folder.parent / "attributes.csv").write_bytes((PACKS / "shenzhen" / "attributes.csv").read_bytes())
    text = (PACKS / "shenzhen" / "programmes" / "longhua-compute.yaml").read_text(encoding="utf-8")
    old = text.replace("period: {}", "period: {end: 2026-06-30}")
    new = text.replace("period: {}", "period: {start: 2026-07-01}").replace('version: "1"', 'version: "2"')
    assert old != text and "value: 3000" in new
    (folder / "longhua-compute@1.yaml").write_text(old, encoding="utf-8")
    (folder / "longhua-compute@2.yaml").write_text(new.replace("value: 3000", "value: 2000"), encoding="utf-8")
    return folder.parent


@pytest.mark.parametrize(("day", "version", "award"), [("2026-06-30", "1", 300_000), ("2026-07-01", "2", 200_000)])
def test_the_version_of_the_day_decides(
    ask: Ask, pack: Path, tmp_path: Path, day: str, version: str, award: int
) -> None:
    table, target = tmp_path / "table.csv", tmp_path / "awards.csv"
    table.write_text(FACTS, encoding="utf-8")
    where = ("--pack", pack, "--in", table, "--as-of", day)
    ask("decide", *where, "--out", target)
    assert pl.read_csv(target)["award_fen"].to_list() == [award]
    told = json.loads(ask("explain", "longhua-compute", *where, "--id", "a", "--json"))
    assert (told["version"], told["in_force"], told["award"]["award_fen"]) == (version, True, award)
    assert json.loads(ask("combine", *where, "--json"))["kept_fen"] == award
    found = ask("schema", "--pack", pack, "--as-of", day, "--json")
    assert "longhua_compute_paid" in {each["column"] for each in json.loads(found)["columns"]}


def test_a_table_of_the_schema_can_be_decided_on_any_day(ask: Ask, pack: Path, tmp_path: Path) -> None:
    """The older version reads a fact that the newer does not."""
    path = pack / "programmes" / "longhua-compute@1.yaml"
    text = path.read_text(encoding="utf-8")
    clause = "district == 'longhua'"
    assert clause in text
    path.write_text(text.replace(clause, f"{clause} && employees > 0"), encoding="utf-8")

    def columns(*arguments: str) -> set[str]:
        return {each["column"] for each in json.loads(ask("schema", "--pack", pack, *arguments, "--json"))["columns"]}

    assert "employees" in columns()
    assert ("employees" in columns("--as-of", "2026-06-30"), "employees" in columns("--as-of", "2026-07-01")) == (
        True, False,
    )  # fmt: skip
    table = tmp_path / "table.csv"
    table.write_text(f"{','.join(sorted(columns()))}\n", encoding="utf-8")
    for day in ("2026-06-30", "2026-07-01"):
        assert (
            " 0 rows decided"
            in f" {ask('decide', '--pack', pack, '--in', table, '--out', tmp_path / 'o.csv', '--as-of', day)}"
        )


def test_a_changed_text_is_a_draft_where_it_is_compared(ask: Ask, pack: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(FACTS, encoding="utf-8")
    ask("release", "longhua-compute", "2", "--pack", pack)
    same = tmp_path / "same"
    shutil.copytree(pack, same)
    path = pack / "programmes" / "longhua-compute@2.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("value: 2000", "value: 9000"), encoding="utf-8")
    where = ("--pack", pack, "--in", table, "--as-of", "2026-07-01", "--json")
    version = "longhua-compute@2"
    costs = {
        (before, after): json.loads(ask("diff", before, after, *where))["costs"]
        for before, after in ((version, version), (str(same), str(pack)))
    }
    assert [(each["kind"], each["before_fen"], each["after_fen"]) for each in costs[version, version]] == [
        ("draft", 900_000, 900_000)
    ]
    assert {(each["kind"], each["before_fen"], each["after_fen"]) for each in costs[str(same), str(pack)]} == {
        ("paid", 200_000, 0), ("draft", 0, 900_000),
    }  # fmt: skip


def test_a_changed_text_is_told_where_it_decides(ask: Ask, pack: Path, tmp_path: Path) -> None:
    table, target = tmp_path / "table.csv", tmp_path / "awards.csv"
    table.write_text(FACTS, encoding="utf-8")
    decide = ("decide", "--pack", pack, "--in", table, "--out", target, "--as-of", "2026-07-01")
    ask("release", "longhua-compute", "2", "--pack", pack)
    assert "its file has changed" not in ask(*decide)
    path = pack / "programmes" / "longhua-compute@2.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("value: 2000", "value: 9000"), encoding="utf-8")
    assert "its file has changed since" in " ".join(ask(*decide).split())
    (told,) = json.loads(ask(*decide, "--json"))["programmes"]
    assert told["draft"] is True

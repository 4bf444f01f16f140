"""`siwei ledger …` as a command: exit codes, JSON, and heads that the worker exports by itself."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import forking
import pytest
from forking import SIWEI
from openpyxl import load_workbook

PREPARE = """
import django; django.setup()
from datetime import UTC, datetime
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.actors import PLATFORM
given = {"actor": PLATFORM, "now": datetime(2026, 11, 23, tzinfo=UTC)}
ledger.open_account("budget", unit="CNY", purpose="budget", floor=-1_000)
ledger.open_account("firm", unit="CNY", purpose="own-share")
ledger.post_transfer("budget", "firm", 100, idempotency_key="one", **given)
"""
TAMPER = """
import django; django.setup()
from django.db import connection
from siwei.exchange.guards import drop_guards, install_guards
with connection.schema_editor() as editor:
    drop_guards(None, editor)
    editor.execute("UPDATE exchange_transfer SET amount = 99")
    install_guards(None, editor)
"""


@pytest.fixture
def city(tmp_path: Path, lay_city: Callable[[Path], None]) -> Iterator[dict[str, str]]:
    values = {key: value for key, value in os.environ.items() if key != "SIWEI_DATABASE_URL"} | {
        "SIWEI_CITY": str(tmp_path / "city"),
        "SIWEI_BLOCK_HEADS": str(tmp_path / "elsewhere"),
        "DJANGO_SETTINGS_MODULE": "siwei.portal.django_settings",
    }
    lay_city(tmp_path / "city")
    script(values, PREPARE)
    return values


def run(values: dict[str, str], *arguments: str, expected: int = 0, anew: bool = False) -> str:
    done = forking.run([*SIWEI, *arguments], env=values, anew=anew)
    assert done.returncode == expected, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def script(values: dict[str, str], text: str) -> None:
    forking.run([sys.executable, "-c", text], env=values, check=True)


def test_from_worker_to_verification(city: dict[str, str], tmp_path: Path) -> None:
    heads = tmp_path / "elsewhere" / "block-heads.jsonl"
    run(city, "worker", "--once", anew=True)
    assert json.loads(heads.read_text())["transfers"] == 1
    told = json.loads(run(city, "ledger", "verify", "--heads", str(heads), "--json", anew=True))
    assert (told["is_whole"], told["rows"]["heads"], told["last_seal"]["number"]) == (True, 1, 1)
    assert "0 heads added" in run(city, "ledger", "heads", "--out", str(heads))
    script(city, TAMPER)
    said = run(city, "ledger", "verify", "--heads", str(heads), expected=1)
    assert "✗ account firm: balance is 100, its entries come to 99" in said
    assert "✗ seal 1: sha256 is" in said
    told = json.loads(run(city, "ledger", "verify", "--json", expected=1))
    found = [(each["check"], each["row"], each["what"]) for each in told["findings"]]
    assert ("account", "budget", "balance is -100, its entries come to -99") in found


def test_what_cannot_be_read_or_written(city: dict[str, str], tmp_path: Path) -> None:
    run(city, "worker", "--once")
    (tmp_path / "bad").write_text("no heads\n")
    assert "bad:1: not the head of a block" in run(
        city, "ledger", "verify", "--heads", str(tmp_path / "bad"), expected=3
    )
    run(city, "ledger", "verify", "--heads", str(tmp_path / "nowhere"), expected=4)
    assert "cannot be written" in run(city, "ledger", "heads", "--out", "/proc/nowhere/heads", expected=7)


def test_reading_accounts(city: dict[str, str], tmp_path: Path) -> None:
    proof = json.loads(run(city, "ledger", "balance", "firm", "--json"))
    assert (proof["is_proven"], proof["balance"], proof["by_kind"]["post"]["entries"]) == (True, 100, 1)
    assert "Proven; available 100" in run(city, "ledger", "balance", "firm")
    told = json.loads(run(city, "ledger", "statement", "firm", "--from", "2026-11-23", "--json"))
    assert [told["opening"]["balance"], told["entries"][0]["change"], told["closing"]["balance"]] == [0, 100, 100]
    for name in ("s.csv", "s.xlsx", "s.json"):
        assert "1 entries" in run(city, "ledger", "statement", "firm", "--out", str(tmp_path / name))
    assert (tmp_path / "s.csv").read_text("utf-8-sig").splitlines()[1].startswith("firm,CNY,,,opening")
    assert [row["balance"] for row in json.loads((tmp_path / "s.json").read_text())] == [0, 100, 100]
    cells = list(load_workbook(tmp_path / "s.xlsx").active.iter_rows(values_only=True))
    assert [row[4] for row in cells] == ["kind", "opening", "post", "closing"]
    assert cells[2][3] == datetime(2026, 11, 23, 8)  # in the city's time
    units = json.loads(run(city, "ledger", "trial-balance", "--json"))["units"]
    assert [(unit["unit"], unit["accounts"], unit["balance"]) for unit in units] == [("CNY", 2, 0)]
    assert json.loads(run(city, "ledger", "trace", "one", "--json")) == {"subject": "one", "money": None, "rows": []}
    script(city, TAMPER)
    assert "NOT what its entries come to" in run(city, "ledger", "balance", "firm", expected=1)


def test_reading_what_is_not_there(city: dict[str, str], tmp_path: Path) -> None:
    assert "no account 'x'" in run(city, "ledger", "balance", "x", expected=4)
    assert "no pot, voucher, job or transfer" in run(city, "ledger", "trace", "x", expected=4)
    backwards = ("--from", "2026-11-24", "--to", "2026-11-23")
    assert "end on the day" in run(city, "ledger", "statement", "firm", *backwards, expected=3)
    for name in ("s.txt", "nowhere/s.csv"):
        run(city, "ledger", "statement", "firm", "--out", str(tmp_path / name), expected=3)

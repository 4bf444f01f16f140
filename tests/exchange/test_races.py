"""Several processes, two threads each, at the same accounts at once: on a database of their own, with real commits."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PROCESSES = 3
CONTENDERS = PROCESSES * 2
ROUNDS = 15
PREPARE = """
import django; django.setup()
from datetime import datetime, timedelta, UTC
from django.core.management import call_command
call_command("migrate", verbosity=0)
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.actors import PLATFORM
now = datetime(2026, 11, 23, tzinfo=UTC)
for code, floor in (("bank", -10**6), ("purse", 0), ("shop", 0), ("left", 0), ("right", 0)):
    ledger.open_account(code, unit="CNY", purpose="test", floor=floor)
for code, amount in (("purse", 1_120), ("left", 500), ("right", 500)):
    ledger.post_transfer("bank", code, amount, actor=PLATFORM, now=now, idempotency_key="fund-" + code)
ledger.hold("purse", "shop", 100, expires_at=now + timedelta(days=1), actor=PLATFORM, now=now, idempotency_key="h")
"""
REPORT = """
import django, json; django.setup()
from siwei.exchange.models import Account, Hold, Transfer
print(json.dumps({
    "accounts": {a.code: [a.balance, a.held] for a in Account.objects.all()},
    "hold": list(Hold.objects.values_list("captured", "released")[0]),
    "kinds": [list(row) for row in Transfer.objects.values_list("idempotency_key", "kind", "amount")],
}))
"""


@pytest.fixture
def environment(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """A city of its own for the contenders; on PostgreSQL a database of its own on the same server."""
    values = os.environ | {"SIWEI_CITY": str(tmp_path), "DJANGO_SETTINGS_MODULE": "siwei.portal.django_settings"}
    url = os.environ.get("SIWEI_DATABASE_URL", "")
    if not url:
        yield values
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS siwei_race")
        server.execute("CREATE DATABASE siwei_race")
    yield values | {"SIWEI_DATABASE_URL": url.rsplit("/", 1)[0] + "/siwei_race"}
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("DROP DATABASE siwei_race WITH (FORCE)")


def python(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def race(environment: dict[str, str], tmp_path: Path) -> list[list[Any]]:
    shot = tmp_path / "shot"
    contenders = [
        subprocess.Popen(
            [sys.executable, str(HERE / "race_worker.py"), str(number), str(shot)],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(PROCESSES)
    ]
    deadline = time.monotonic() + 60
    while not all((tmp_path / f"shot.ready{number}").exists() for number in range(PROCESSES)):
        assert time.monotonic() < deadline, "the contenders did not start"
        time.sleep(0.02)
    shot.touch()
    results: list[list[Any]] = []
    for contender in contenders:
        out, err = contender.communicate(timeout=120)
        assert contender.returncode == 0, err
        results += json.loads(out)
    return results


@pytest.mark.database
def test_no_race_breaks_the_ledger(environment: dict[str, str], tmp_path: Path) -> None:
    python(PREPARE, environment)
    results = race(environment, tmp_path)
    report = json.loads(python(REPORT, environment))
    counted = Counter((name, type(result).__name__ if isinstance(result, int) else result) for name, result in results)
    # The purse has 1,120, of which 100 are held: 20 spendings of 50 at first, and 40 more fen while releases come in.
    spent = counted["spend", "int"]
    captures, releases = counted["capture", "int"], counted["release", "int"]
    assert report["hold"] == [captures * 7, releases * 5]
    assert 100 - 4 <= captures * 7 + releases * 5 <= 100
    balance, held = report["accounts"]["purse"]
    assert balance == 1_120 - 50 * spent - 7 * captures
    assert 0 <= held == 100 - captures * 7 - releases * 5
    assert 0 <= balance - held < 50
    assert report["accounts"]["shop"] == [50 * spent + 7 * captures, 0]
    # One transfer for each shared key, and everybody was told of that one.
    for turn in range(ROUNDS):
        told = {result for name, result in results if name == f"same-{turn}"}
        assert len(told) == 1
        assert all(isinstance(result, int) for result in told)
    # Opposite ways between two accounts: nobody waits for ever, nobody is refused.
    assert counted["opposite", "int"] == CONTENDERS * ROUNDS
    assert report["accounts"]["left"] == [500 - ROUNDS, 0]
    assert sum(balance for balance, _ in report["accounts"].values()) == 0
    strange = {words for name, words in results if isinstance(words, str) and words != "refused"}
    assert strange == set()


POOLED = """
import django; django.setup()
import json, os, socket
from django.db import connection
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger import transfer_rows
from siwei.exchange.actors import PLATFORM
from siwei.exchange.audit import action
from siwei.exchange.models import Transfer
from datetime import datetime, UTC
told = []
def spend(key, amount=1):
    try:
        now = datetime(2026, 11, 23, tzinfo=UTC)
        told.append(ledger.post_transfer("bank", "shop", amount, actor=PLATFORM, now=now, idempotency_key=key).amount)
    except Exception as error:
        told.append(type(error).__name__)
spend("before")
with connection.cursor() as cursor:
    cursor.execute("DEALLOCATE ALL")
spend("forgotten")
transfer_rows._prepared.clear()
spend("again")
transfer_rows._prepared.clear()
spend("twice")
spend("twice")
spend("twice", 2)
spend("much", 10**7)
spend("after")
# An edition before this one prepared another text, under the name that said nothing of it.
with connection.cursor() as cursor:
    cursor.execute("PREPARE siwei_transfer_alone AS SELECT 1")
transfer_rows._prepared.clear()
spend("edition")
# The connection is cut off: told as any lost connection is, so that an action tries again on a new one.
def cut():
    with socket.socket(fileno=os.dup(connection.connection.pgconn.socket)) as wire:
        wire.shutdown(socket.SHUT_RDWR)
cut()
spend("lost")
connection.close()
spend("found")
tries = []
@action
def try_twice():
    tries.append(len(tries) + 1)
    if tries == [1]:
        cut()
    now = datetime(2026, 11, 23, tzinfo=UTC)
    ledger.post_transfer("bank", "shop", 1, actor=PLATFORM, now=now, idempotency_key="tried")
try_twice()
told.append([len(tries), Transfer.objects.filter(idempotency_key="tried").count()])
print(json.dumps(told))
"""


@pytest.mark.database
@pytest.mark.skipif(not os.environ.get("SIWEI_DATABASE_URL"), reason="only PostgreSQL has prepared statements")
def test_a_pooler_may_give_another_server_or_one_that_knows_the_statement(environment: dict[str, str]) -> None:
    python(PREPARE, environment)
    told = json.loads(python(POOLED, environment))
    assert told == [1, 1, 1, 1, 1, "Conflict", "InsufficientFunds", 1, 1, "OperationalError", 1, [2, 1]]


def told_by(script: str, environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(HERE / script)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.database
@pytest.mark.skipif(not os.environ.get("SIWEI_DATABASE_URL"), reason="SQLite has one writer")
def test_whoever_comes_second_sees_what_the_first_did(environment: dict[str, str]) -> None:
    told = told_by("at_once.py", environment)
    matched = {"first": "Match", "second": "list", "is": ["introduced"]}
    assert told.pop("introduced, then ranked") == matched
    assert told.pop("ranked, then introduced") == matched | {"first": "list", "second": "Match"}
    refused = {name: told.pop(name) for name in ("an auditor admitted", "one admitted made auditor")}
    assert refused["an auditor admitted"]["second"].startswith("Conflict: rita audits"), refused
    assert refused["one admitted made auditor"]["second"].startswith("Conflict: rosa represents"), refused
    assert told.pop("a key, then disabled") == {"first": "AccessKey", "second": "Person"}
    late = told.pop("disabled, then a key")
    assert (late["first"], late["second"][:29]) == ("Person", "Conflict: the account of kai "), late
    assert told.pop("a key with money, then a lost factor") == {"first": "AccessKey", "second": "Person"}
    assert told.pop("two lost factors") == {"first": "Person", "second": "Person"}
    assert told.pop("keys that stand") == 0
    # What remains of the hold that was captured meanwhile waits for the next run, the other does not.
    assert told.pop("spending, then expired") == {"first": "Transfer", "second": "int"}
    assert (told.pop("left"), told.pop("next run")) == ([[7, 0], [0, 100]], [1, [[7, 93], [0, 100]]])
    last = told.pop("two operators")
    assert (last["first"], last["second"][:33]) == ("Person", "Conflict: olive is the last opera"), last
    assert told == {}


@pytest.mark.database
@pytest.mark.skipif(not os.environ.get("SIWEI_DATABASE_URL"), reason="SQLite has one writer")
def test_a_session_that_ends_sets_nothing_up_and_does_not_live_on(environment: dict[str, str]) -> None:
    told = told_by("at_once_pages.py", environment)
    gone = {"first": "Person", "second": "str", "in": False}
    for name, rest in (
        ("lost, then set up", {"kinds": []}),
        ("lost, then taken away", {"kinds": []}),
        ("lost, then a new password", {"changed": False}),
    ):
        found = told.pop(name)
        assert found.pop("answer").startswith("302 /accounts/login/?next="), (name, found)
        assert found == gone | rest, name
    assert told.pop("set up twice") == {
        "first": "HttpResponseRedirect", "second": "str", "answer": "302 /accounts/2fa/totp/deactivate/",
        "kinds": ["recovery_codes", "totp"],
    }  # fmt: skip
    assert told == {}


@pytest.mark.database
@pytest.mark.skipif(not os.environ.get("SIWEI_DATABASE_URL"), reason="SQLite has one writer")
def test_who_may_act_is_asked_of_what_stands_when_it_is_ones_turn(environment: dict[str, str]) -> None:
    told = told_by("at_once_people.py", environment)
    assert told.pop("a key, then leaves") == {"first": "AccessKey", "second": "Representative"}
    assert told.pop("keys that stand") == 0
    for name, first, second in (
        ("owners who end each other", "Representative", "Conflict: your own role at 甲"),
        ("demoted, then promotes", "Representative", "Conflict: your own role at 甲"),
        ("the sender leaves, then accepted", "Representative", "NotFound: this invitation is not valid"),
        ("leaves, then a key", "Representative", "Conflict: your own role at 甲"),
        ("an operator, then disabled", "Person", "NotAllowed: oda holds an office"),
        ("disabled, then enables", "Person", "Conflict: oona is disabled"),
        ("an auditor, then registered", "Person", "Conflict: rita audits"),
    ):
        found = told.pop(name)
        assert (found["first"], found["second"][: len(second)]) == (first, second), (name, found)
    assert told == {}


@pytest.mark.database
@pytest.mark.skipif(not os.environ.get("SIWEI_DATABASE_URL"), reason="SQLite has one writer")
def test_what_comes_back_is_shared_once_and_a_claim_stands_on_its_latest_decision(environment: dict[str, str]) -> None:
    told = told_by("at_once_returns.py", environment)
    shared = told.pop("two supplements")
    # 75 of 100 million came back, and one claim wanted 25 more.
    assert (shared.pop("shared"), shared.pop("left")) == ([25_000_000], 50_000_000)
    assert (shared["first"], shared["second"][:21]) == ("SharingRound", "Conflict: nobody wait")
    assert told.pop("a rest granted, then trued up") == {"first": "Voucher", "second": "TrueUp", "worth": 110_000_000}
    assert told.pop("both trued up") == {
        "first": "TrueUp", "second": "TrueUp", "worth": 50_000_000, "left": 100_000_000
    }  # fmt: skip
    assert told == {}


@pytest.mark.database
@pytest.mark.skipif(not os.environ.get("SIWEI_DATABASE_URL"), reason="SQLite has one writer")
def test_an_award_is_granted_taken_back_and_repaid_once(environment: dict[str, str]) -> None:
    told = told_by("at_once_claw_backs.py", environment)
    left = told.pop("left, read while granted")
    assert left["then"] <= left["before"] == left["after"] == 100_000
    assert told.pop("granted twice") == {"first": "Grant", "second": "Grant", "grants": 1, "left": [100_000, 100_000]}
    for name, second, owed in (
        ("clawed back twice", "Conflict: ¥1,000.00 is left of the grant", 200_000),
        ("repaid twice", "Conflict: ¥1,500.00 came in, and ¥500.00 is owed", 50_000),
        ("clawed back, then repaid", "BankEntry", 0),
    ):
        found = told.pop(name)
        assert (found["second"][: len(second)], found["owed"]) == (second, owed), (name, found)
    assert told == {}


@pytest.mark.database
@pytest.mark.skipif(not os.environ.get("SIWEI_DATABASE_URL"), reason="SQLite has one writer")
def test_what_is_known_is_written_once_and_none_of_it_is_lost(environment: dict[str, str]) -> None:
    told = told_by("at_once_facts.py", environment)
    both = {"first": "ImportSummary", "second": "ImportSummary"}
    # By its code in one file, by its name in the other: one organisation, as if one had come after the other.
    assert told.pop("two files of one firm") == both | {"is": 1}
    assert told.pop("one file twice") == both | {"is": 1}
    assert told.pop("two merges undone") == {"first": "Organisation", "second": "Organisation", "counts": [2, 2, 0]}
    assert told.pop("two declarations") == {"first": "list", "second": "list"}
    assert told.pop("two proofs") == {
        "first": "list", "second": "list", "again": [["10"], ["11"], ["10"], ["11"]], "alike": 0
    }  # fmt: skip
    assert told["decided twice"].pop("facts") == 2
    assert told["decided, then erased"].pop("left") == 0
    assert told["one file twice over"].pop("files") == 1
    for name, first, second in (
        ("asked twice", "PersonProof", "Conflict: person_income_tax waits to be proven already"),
        ("decided twice", "PersonProof", "NotFound: no proof"),
        ("taken back, then decided", "PersonProof", "NotFound: no proof"),
        ("decided, then erased", "PersonProof", "Consent"),
        ("erased, then a file", "Consent", "Conflict: no consent to keep facts of yourself stands"),
        ("one file twice over", "PersonFile", "PersonFile"),
    ):
        found = told.pop(name)
        assert (found["first"], found["second"][: len(second)]) == (first, second), (name, found)
    assert told == {}


@pytest.mark.database
@pytest.mark.skipif(not os.environ.get("SIWEI_DATABASE_URL"), reason="SQLite has one writer")
def test_money_is_promised_and_given_once(environment: dict[str, str]) -> None:
    told = told_by("at_once_money.py", environment)
    # What an own share has left from before is taken by one, and the other pays from the declared budget.
    assert told.pop("what was left over, twice") == {"first": "Agreement", "second": "Agreement"}
    assert told["two under one cap"].pop("left") == 5_000
    assert told.pop("two true-ups") == {"first": "TrueUp", "second": "TrueUp", "worth": 28_000}
    assert told["money, and a voucher"].pop("granted") == [1, 0]
    assert told.pop("applied, then shared") == {"first": "Application", "second": "SharingRound", "among": 2}
    for name, first, second in (
        ("signed, then capped", "Agreement", "InsufficientFunds: the cap of firm has ¥99.99 left"),
        ("capped, then signed", "Cap", "InsufficientFunds: the cap of firm has ¥50.00 left"),
        ("a job, then capped", "Job", "InsufficientFunds: the cap of firm (alice) has 119 accelerator-seconds left"),
        ("capped, then a job", "Cap", "InsufficientFunds: the cap of firm (alice) has 10 accelerator-seconds left"),
        ("two under one cap", "Agreement", "InsufficientFunds: the cap of firm has ¥50.00 left"),
        ("one voucher, two agreements", "Agreement", "InsufficientFunds: voucher voucher has ¥84.00 left"),
        ("money, and a voucher", "Grant", "Conflict: the award of decision both was granted as money"),
        ("objected, then awarded", "Objection", "Conflict: 1 objections are undecided"),
        ("awarded, then objected", "SharingRound", "Conflict: application-n-firm is not in a public notice"),
        ("closed, then approved", "Upstream", "Conflict: upstream upstream was closed"),
        ("withdrawn, then revised", "Listing", "Conflict: model-offer was withdrawn"),
    ):
        found = told.pop(name)
        assert (found["first"], found["second"][: len(second)]) == (first, second), (name, found)
    assert told == {}

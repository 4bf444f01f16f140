"""Caps: what an organisation, a project and a person may commit, held by the ledger; what is not needed comes back."""

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from exchange_cast import make_person
from exchange_deal import SPEC, Deal
from test_races import environment, python  # noqa: F401 — a fixture

from siwei.compute import JobSpec
from siwei.errors import InputError, InsufficientFunds, NotAllowed, NotFound
from siwei.exchange.actors import Role
from siwei.exchange.models import Agreement, Cap, CapAlert, Hold, Job, Transfer
from siwei.exchange.trading import agreements, caps, jobs, settlement
from siwei.exchange.trading.agreements import LineTerms, PartyTerms

YEAR = {"starts_on": date(2026, 1, 1), "ends_on": date(2026, 12, 31)}


def set_cap(deal: Deal, amount: int, actor: Any = None, key: str = "cap", **given: Any) -> Cap:
    return caps.set_cap(
        "n-firm", amount, **YEAR | given, actor=actor or deal.cast.alice, now=deal.now, idempotency_key=key
    )


def left() -> dict[str, int]:
    return {f"{caps.words_of(cap)} {cap.unit}": cap.left for cap in Cap.objects.select_related("account")}


def test_a_signature_that_would_pass_a_hard_cap_is_not_taken(deal: Deal) -> None:
    set_cap(deal, 14_400)
    with pytest.raises(InsufficientFunds, match=r"has ¥144\.00 left until 2026-12-31, this takes ¥144\.01"):
        deal.signed()
    assert not Hold.objects.exists()
    set_cap(deal, 14_401, key="more")
    deal.sign(deal.cast.alice)
    assert deal.sign(deal.cast.bob).state == "signed"
    assert left() == {"甲公司 fen": 0}


def test_a_soft_cap_warns_and_lets_through(deal: Deal) -> None:
    set_cap(deal, 15_000, is_hard=False)
    deal.signed()
    # 14,401 of 15,000 are 96 %.
    assert list(CapAlert.objects.order_by("per_cent").values_list("per_cent", "used")) == [(75, 14_401), (90, 14_401)]
    set_cap(deal, 14_401, key="lower", is_hard=False)
    assert CapAlert.objects.filter(per_cent=100, amount=14_401).count() == 1


def test_what_was_not_needed_comes_back_once(deal: Deal) -> None:
    set_cap(deal, 20_000)
    set_cap(deal, 4_000, key="seconds", unit="accelerator-second")
    deal.signed()
    assert left() == {"甲公司 fen": 20_000 - 14_401, "甲公司 accelerator-second": 400}
    deal.submit()
    deal.finish()
    for _ in range(2):
        deal.settle()
        # 481 fen of its own for 120 s.
        assert left() == {"甲公司 fen": 20_000 - 481, "甲公司 accelerator-second": 4_000 - 120}


def test_a_cancelled_agreement_gives_all_back(deal: Deal) -> None:
    set_cap(deal, 20_000)
    deal.signed()
    agreements.cancel_agreement("deal", because="changed plans", actor=deal.cast.alice, now=deal.now)
    assert left() == {"甲公司 fen": 20_000}


def test_what_was_signed_and_never_begun_is_closed_and_gives_all_back(deal: Deal) -> None:
    set_cap(deal, 20_000)
    deal.signed()
    late = deal.now + timedelta(days=30) + settlement.METERING_GRACE
    just_before = late - timedelta(seconds=1)
    given: dict[str, Any] = {"as_of": late.date(), "actor": deal.cast.olive}
    assert (settlement.is_due(just_before), settlement.settle_day(**given, now=just_before).closed) == (False, 0)
    assert settlement.is_due(late)
    done = settlement.settle_day(**given, now=late)
    assert (done.closed, done.gross_fen, done.faults) == (1, 0, ())
    assert left() == {"甲公司 fen": 20_000}
    assert sum(hold.remaining for hold in Hold.objects.all()) == 0
    assert (Agreement.objects.get().state, settlement.is_due(late)) == ("settled", False)


def test_a_member_and_a_project_are_capped_where_jobs_begin(deal: Deal) -> None:
    deal.signed()
    project = caps.open_project("n-firm", "视觉", actor=deal.cast.alice, now=deal.now, idempotency_key="p")
    make_person("mia", deal.cast.firm, Role.MEMBER)
    set_cap(deal, 180, key="mia", unit="accelerator-second", person="mia")
    set_cap(deal, 130, key="project", unit="accelerator-second", project="视觉")
    from siwei.exchange.models import Person

    mia = Person.objects.get(username="mia").as_actor()
    given: dict[str, Any] = {"engine": deal.engine, "engine_name": "fake", "actor": mia, "now": deal.now}
    jobs.submit_job("deal", 1, SPEC, **given, idempotency_key="one", project=project)
    assert left() == {"甲公司 (mia) accelerator-second": 60, "甲公司 (project 视觉) accelerator-second": 10}
    with pytest.raises(InsufficientFunds, match=r"mia\) has 60 accelerator-seconds left"):
        jobs.submit_job("deal", 1, SPEC, **given, idempotency_key="two")
    small = JobSpec(command=("x",), wall_limit_s=60)
    with pytest.raises(InsufficientFunds, match=r"视觉\) has 10"):
        jobs.submit_job("deal", 1, small, **given, idempotency_key="two", project=project)
    assert Job.objects.count() == 1
    deal.finish("one")
    # 61 s measured are two started minutes, as promised: nothing comes back.
    assert left()["甲公司 (mia) accelerator-second"] == 60


def test_a_job_the_engine_refuses_gives_all_back(deal: Deal) -> None:
    deal.signed()
    set_cap(deal, 120, unit="accelerator-second", person="alice")
    deal.engine.refuses = True
    assert deal.submit().state == "failed"
    assert left() == {"甲公司 (alice) accelerator-second": 120}


def test_a_cap_set_late_counts_what_was_signed(deal: Deal) -> None:
    deal.signed()
    with pytest.raises(InsufficientFunds, match=r"this takes ¥144\.01 → ask"):
        set_cap(deal, 14_000)
    assert not Cap.objects.exists()
    set_cap(deal, 15_000)
    assert left() == {"甲公司 fen": 599}


def test_a_cap_set_late_counts_what_is_over_as_it_was_used(deal: Deal) -> None:
    deal.signed()
    deal.submit()
    deal.finish()
    deal.settle()
    with pytest.raises(InsufficientFunds, match=r"this takes ¥4\.81"):
        set_cap(deal, 480)
    set_cap(deal, 20_000)
    set_cap(deal, 4_000, key="seconds", unit="accelerator-second")
    assert left() == {"甲公司 fen": 20_000 - 481, "甲公司 accelerator-second": 4_000 - 120}


def test_what_was_cancelled_or_signed_in_another_time_is_not_counted_late(deal: Deal) -> None:
    deal.signed()
    set_cap(deal, 9, starts_on=date(2026, 11, 24))
    agreements.cancel_agreement("deal", because="changed plans", actor=deal.cast.alice, now=deal.now)
    set_cap(deal, 8, key="whole")
    assert list(Cap.objects.values_list("amount", "account__balance").order_by("amount")) == [(8, 0), (9, 0)]


def test_jobs_begun_before_their_members_and_their_projects_cap_count_once(deal: Deal) -> None:
    deal.signed()
    project = caps.open_project("n-firm", "视觉", actor=deal.cast.alice, now=deal.now, idempotency_key="p")
    given: dict[str, Any] = {"engine": deal.engine, "engine_name": "fake", "actor": deal.cast.alice, "now": deal.now}
    for key in ("over", "running"):
        jobs.submit_job(
            "deal", 1, JobSpec(command=("x",), wall_limit_s=300), **given, idempotency_key=key, project=project
        )
    deal.finish("over")
    seconds: dict[str, Any] = {"unit": "accelerator-second"}
    set_cap(deal, 1_000, key="alice", person="alice", **seconds)
    set_cap(deal, 1_000, key="project", project="视觉", **seconds)
    set_cap(deal, 10_000, key="fen", person="alice")
    # 120 s used, 300 s that the other may take.
    counted = {"甲公司 (alice) accelerator-second": 580, "甲公司 (project 视觉) accelerator-second": 580}
    assert left() == {**counted, "甲公司 (alice) fen": 10_000 - 481 - 1_201}
    deal.finish("running")
    used = {"甲公司 (alice) accelerator-second": 760, "甲公司 (project 视觉) accelerator-second": 760}
    assert left() == {**used, "甲公司 (alice) fen": 10_000 - 2 * 481}


def test_what_a_member_signed_before_their_cap_counts(deal: Deal) -> None:
    deal.budget()
    agreements.propose_agreement(
        "service", [PartyTerms("consumer", "n-firm"), PartyTerms("provider", "n-centre")],
        lines=[LineTerms("n-centre", "n-firm", "x", 2, "day", 150)], ends_at=deal.now + timedelta(days=9),
        actor=deal.cast.alice, now=deal.now, idempotency_key="deal",
    )  # fmt: skip
    deal.sign(deal.cast.alice)
    deal.sign(deal.cast.bob)
    make_person("mo", deal.cast.firm, Role.MANAGER)
    set_cap(deal, 1_000, key="alice", person="alice")
    set_cap(deal, 1_000, key="mo", person="mo")
    assert left() == {"甲公司 (alice) fen": 700, "甲公司 (mo) fen": 1_000}


def test_a_hard_cap_is_not_lowered_below_what_is_committed(deal: Deal) -> None:
    set_cap(deal, 20_000)
    deal.signed()
    words = r"¥144\.00 is less than the ¥144\.01 committed under the cap of 甲公司 already → set ¥144\.01 or more"
    with pytest.raises(InsufficientFunds, match=words):
        set_cap(deal, 14_400, key="lower")
    assert left() == {"甲公司 fen": 20_000 - 14_401}


def test_another_period_is_not_touched(deal: Deal) -> None:
    set_cap(deal, 1, starts_on=date(2027, 1, 1), ends_on=date(2027, 12, 31))
    assert deal.signed().state == "signed"
    assert not CapAlert.objects.exists()


def test_who_sets_caps_and_with_what(deal: Deal) -> None:
    manager = make_person("mo", deal.cast.firm, Role.MANAGER).as_actor()
    for actor in (manager, deal.cast.bob, deal.cast.olive):
        with pytest.raises(NotAllowed):
            set_cap(deal, 1, actor)
    for wrong in ({"amount": -1}, {"amount": 1, "unit": "hour"}, {"amount": 1, "ends_on": date(2025, 1, 1)}):
        with pytest.raises(InputError):
            set_cap(deal, **wrong)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        set_cap(deal, 1, person="bob")
    with pytest.raises(NotFound):
        set_cap(deal, 1, project="none")
    assert set_cap(deal, 5) == set_cap(deal, 5)


def test_the_caps_own_units_sum_to_zero_and_touch_no_money(deal: Deal) -> None:
    set_cap(deal, 20_000)
    deal.signed()
    from django.db.models import Sum

    from siwei.exchange.models import Account

    assert dict(Account.objects.values_list("unit").annotate(Sum("balance"))) == {"CNY": 0, "cap:fen": 0}
    assert Transfer.objects.filter(unit="cap:fen").count() == 1


PREPARE = """
import django; django.setup()
from datetime import datetime, timedelta, date, UTC
from django.core.management import call_command
call_command("migrate", verbosity=0)
import sys; sys.path.insert(0, {here!r})
from exchange_cast import make_organisation, make_person, NOW
from siwei.exchange.trading import agreements
from siwei.exchange.trading import caps
from siwei.exchange.trading.agreements import LineTerms, PartyTerms
firm, centre = make_organisation("n-firm", "甲"), make_organisation("n-centre", "乙")
alice, bob = make_person("alice", firm).as_actor(), make_person("bob", centre).as_actor()
agreements.declare_budget("n-firm", 10**9, actor=alice, now=NOW, idempotency_key="b")
caps.set_cap("n-firm", 1_000, starts_on=date(2026, 1, 1), ends_on=date(2026, 12, 31), actor=alice, now=NOW,
             idempotency_key="c")
for number in range(18):
    key = "a" + str(number)
    agreements.propose_agreement("service", [PartyTerms("consumer", "n-firm"), PartyTerms("provider", "n-centre")],
        lines=[LineTerms("n-centre", "n-firm", "x", 1, "day", 150)], ends_at=NOW + timedelta(days=9), actor=alice,
        now=NOW, idempotency_key=key)
    agreements.sign_agreement(key, actor=bob, now=NOW)
"""
SIGN = """
import django; django.setup()
import sys; sys.path.insert(0, {here!r})
from exchange_cast import NOW
from siwei.errors import Conflict, InsufficientFunds
from siwei.exchange.trading import agreements
from siwei.exchange.models import Person
alice = Person.objects.get(username="alice").as_actor()
said = []
for number in range({first}, 18, 3):
    for _ in range(20):
        try:
            said.append(agreements.sign_agreement("a" + str(number), actor=alice, now=NOW).state)
            break
        except InsufficientFunds:
            said.append("refused")
            break
        except Conflict as error:
            assert "lost against another writer" in str(error), error
print(" ".join(said))
"""


@pytest.mark.database
def test_signers_at_one_moment_do_not_pass_a_cap(environment: dict[str, str], tmp_path: Path) -> None:  # noqa: F811
    here = str(Path(__file__).parent)
    python(PREPARE.format(here=here), environment)
    signers = [
        subprocess.Popen(
            [sys.executable, "-c", SIGN.format(here=here, first=first)],
            env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for first in range(3)
    ]  # fmt: skip
    said: list[str] = []
    for signer in signers:
        out, err = signer.communicate(timeout=120)
        assert signer.returncode == 0, err
        said += out.split()
    # 1,000 fen are six agreements of 150.
    assert sorted(said) == ["refused"] * 12 + ["signed"] * 6
    report = python(
        "import django, json; django.setup()\n"
        "from siwei.exchange.models import Agreement, Cap, Hold\n"
        "print(json.dumps([Cap.objects.get().left, Hold.objects.count(),"
        " Agreement.objects.filter(state='signed').count()]))",
        environment,
    )
    assert json.loads(report) == [100, 6, 6]

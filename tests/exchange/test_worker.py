"""The worker: what nobody waits for is finished all the same, once, whatever happens to the worker."""

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from siwei.compute import JobPhase, Usage
from siwei.errors import Conflict
from siwei.exchange import ledger
from siwei.exchange.actors import PLATFORM
from siwei.exchange.audit import verify_seals
from siwei.exchange.models import Hold, Job, Seal, Voucher
from siwei.exchange.models import Usage as Metered
from siwei.exchange.worker import Ticked, only_worker, tick, work

DAY = date(2026, 11, 23)


def look(deal: Any, now: datetime | None = None, as_of: date = DAY) -> Ticked:
    return tick(engine=deal.engine, engine_name="fake", now=now or deal.now, as_of=as_of)


def test_a_job_that_nobody_awaits_is_finished_metered_and_visible(deal: Any) -> None:
    deal.signed()
    job = deal.submit()
    deal.engine.phases[job.engine_job_id] = JobPhase.RUNNING
    first = look(deal)
    states = [Job.objects.visible_to(deal.cast.alice).get(key="job").state]
    deal.engine.phases[job.engine_job_id] = JobPhase.SUCCEEDED
    second, third = look(deal), look(deal)
    states.append(Job.objects.visible_to(deal.cast.alice).get(key="job").state)
    assert (first, second, third) == (Ticked(jobs=1, seals=1), Ticked(jobs=1, ended=1, seals=1), Ticked())
    assert states == ["running", "succeeded"]
    assert list(Metered.objects.values_list("reading", "quantity")) == [(job.engine_job_id, 120)]
    assert verify_seals() == []


def test_another_engines_jobs_are_left_to_it(deal: Any) -> None:
    deal.signed()
    deal.submit()
    assert tick(engine=deal.engine, now=deal.now, as_of=DAY).jobs == 0


def test_one_bad_job_does_not_stop_the_others(
    deal: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    deal.signed()
    bad, good = deal.submit("bad"), deal.submit("good")
    deal.engine.phases |= {bad.engine_job_id: JobPhase.SUCCEEDED, good.engine_job_id: JobPhase.SUCCEEDED}
    usage = deal.engine.usage

    def failing(job_id: str) -> Usage:
        if job_id == bad.engine_job_id:
            raise OSError("the meter's file is gone")
        return usage(job_id)

    monkeypatch.setattr(deal.engine, "usage", failing)
    assert look(deal) == Ticked(jobs=2, ended=1, seals=1, failed=1)
    assert dict(Job.objects.values_list("key", "state")) == {"bad": "queued", "good": "succeeded"}
    assert "job bad failed" in caplog.text
    monkeypatch.undo()
    assert look(deal) == Ticked(jobs=1, ended=1, seals=1)


class Killed(BaseException):
    """What a process that is killed does to the code it runs: no handler of ours sees it."""


@pytest.mark.parametrize("step", ["state", "usage"])
def test_a_worker_killed_while_it_looks_loses_nothing(deal: Any, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    deal.signed()
    job = deal.submit()
    deal.engine.phases[job.engine_job_id] = JobPhase.SUCCEEDED

    def dying(job_id: str) -> None:
        raise Killed

    monkeypatch.setattr(deal.engine, step, dying)
    with pytest.raises(Killed):
        look(deal)
    assert (Job.objects.get(key="job").state, Metered.objects.count()) == ("queued", 0)
    monkeypatch.undo()
    assert look(deal).ended == 1
    assert Metered.objects.count() == 1


def test_what_ran_out_is_given_back_once(deal: Any) -> None:
    voucher: Voucher = deal.voucher()
    code = voucher.account.code
    ledger.open_account("shop", unit="CNY", purpose="receivable")
    ledger.hold(
        code,
        "shop",
        10_000,
        expires_at=deal.now + timedelta(hours=1),
        actor=PLATFORM,
        now=deal.now,
        idempotency_key="hold",
    )
    assert look(deal) == Ticked(seals=1)
    later = deal.now + timedelta(hours=2)
    after_its_end = date(2027, 1, 1)
    assert look(deal, later, after_its_end) == Ticked(expired_holds=1, returned_vouchers=1, seals=1)
    assert look(deal, later, after_its_end) == Ticked()
    voucher.account.refresh_from_db()
    voucher.pot.account.refresh_from_db()
    assert (voucher.account.balance, voucher.pot.account.balance, Hold.objects.get().remaining) == (0, 1_000_000, 0)


def test_one_worker_at_a_time(tmp_path: Path) -> None:
    stop = threading.Event()
    with only_worker(tmp_path), pytest.raises(Conflict, match="another worker"):
        work(tmp_path, step=Ticked, interval_s=0, stop=stop)
    with only_worker(tmp_path):
        pass


def test_a_tick_that_fails_is_not_the_end(tmp_path: Path) -> None:
    """The database may be away for a while; the worker waits for it."""
    stop = threading.Event()
    seen: list[Ticked] = []
    answers = iter([ConnectionError("database is away"), Ticked(jobs=3)])

    def step() -> Ticked:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def report(ticked: Ticked) -> None:
        seen.append(ticked)
        stop.set()

    work(tmp_path, step=step, interval_s=0, stop=stop, report=report)
    assert seen == [Ticked(jobs=3)]


def test_nothing_to_do_makes_no_seal(deal: Any) -> None:
    assert (look(deal, datetime(2026, 11, 23, tzinfo=UTC)), Seal.objects.count()) == (Ticked(), 0)

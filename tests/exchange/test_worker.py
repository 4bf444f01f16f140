"""The worker: what nobody waits for is finished all the same, once, whatever happens to the worker."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django_tasks_db.models import DBTaskResult

from siwei.compute import JobPhase, Usage
from siwei.exchange import queue, tasks, worker
from siwei.exchange.actors import PLATFORM
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger.seals import verify_seals
from siwei.exchange.models import Hold, Job, Schedule, Seal, Voucher, Worker
from siwei.exchange.models import Usage as Metered
from siwei.exchange.tasks import Workplace
from siwei.exchange.worker import Done, work, work_once

DAY = date(2026, 11, 23)
Clock = Callable[[], datetime]


def place_of(deal: Any, now: datetime | None = None, as_of: date = DAY, engine_name: str = "fake") -> Workplace:
    return Workplace(deal.engine, engine_name, lambda: now or deal.now, as_of)


def look(deal: Any, now: datetime | None = None, as_of: date = DAY) -> dict[str, dict[str, int]]:
    return {kind: counts for kind, counts in work_once(place_of(deal, now, as_of)).as_dict().items() if counts}


def results() -> dict[str, Any]:
    """Of the last run of each task."""
    return {row.task_name: row.return_value for row in DBTaskResult.objects.order_by("enqueued_at")}


def test_a_job_that_nobody_awaits_is_finished_metered_and_visible(deal: Any) -> None:
    deal.signed()
    job = deal.submit()
    deal.engine.phases[job.engine_job_id] = JobPhase.RUNNING
    both = {"succeeded": {"follow_jobs": 1, "seal": 1}}
    first = look(deal)
    states = [Job.objects.visible_to(deal.cast.alice).get(key="job").state]
    deal.engine.phases[job.engine_job_id] = JobPhase.SUCCEEDED
    second, third = look(deal), look(deal)
    states.append(Job.objects.visible_to(deal.cast.alice).get(key="job").state)
    assert (first, second, third) == (both, both, {})
    assert results() == {"follow_jobs": {"jobs": 1, "ended": 1}, "seal": 2}
    assert states == ["running", "succeeded"]
    assert list(Metered.objects.values_list("reading", "quantity")) == [(job.engine_job_id, 120)]
    assert list(verify_seals()) == []


def test_another_engines_jobs_are_left_to_it(deal: Any) -> None:
    deal.signed()
    deal.submit()
    done = work_once(place_of(deal, engine_name="local"))
    assert done == Done(succeeded=done.succeeded.__class__(seal=1))


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
    # The bad one gets a task of its own, which is tried again later and keeps its reason.
    assert look(deal) == {"succeeded": {"follow_jobs": 1, "seal": 1}, "retried": {"follow_job": 1}}
    assert dict(Job.objects.values_list("key", "state")) == {"bad": "queued", "good": "succeeded"}
    assert "job bad could not be followed" in caplog.text
    waiting = DBTaskResult.objects.get(task_path__endswith="follow_job")
    assert (waiting.args_kwargs["args"], "the meter's file is gone" in waiting.traceback) == (["bad"], True)
    monkeypatch.undo()
    assert look(deal, deal.now + timedelta(seconds=5))["succeeded"]["follow_job"] == 1
    assert dict(Job.objects.values_list("key", "state")) == {"bad": "succeeded", "good": "succeeded"}


class Killed(BaseException):
    """What a process that is killed does to the code it runs: no handler of ours sees it."""


@pytest.mark.parametrize("step", ["state", "usage"])
def test_a_worker_killed_in_a_task_leaves_it_to_the_next(deal: Any, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    deal.signed()
    job = deal.submit()
    deal.engine.phases[job.engine_job_id] = JobPhase.SUCCEEDED

    def dying(job_id: str) -> None:
        raise Killed

    monkeypatch.setattr(deal.engine, step, dying)
    with pytest.raises(Killed):
        look(deal)
    assert (Job.objects.get(key="job").state, Metered.objects.count()) == ("queued", 0)
    assert DBTaskResult.objects.get(task_path__endswith="follow_jobs").status == "RUNNING"
    monkeypatch.undo()
    assert look(deal)["succeeded"]["follow_jobs"] == 1
    assert (Metered.objects.count(), DBTaskResult.objects.filter(status="RUNNING").count()) == (1, 0)


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
    assert look(deal) == {"succeeded": {"seal": 1}}
    later = deal.now + timedelta(hours=2)
    after_its_end = date(2027, 1, 1)
    assert look(deal, later, after_its_end) == {"succeeded": {"expire_holds": 1, "return_vouchers": 1, "seal": 1}}
    assert results() | {"seal": None} == {"expire_holds": 1, "return_vouchers": 1, "seal": None}
    assert look(deal, later, after_its_end) == {}
    voucher.account.refresh_from_db()
    voucher.pot.account.refresh_from_db()
    assert (voucher.account.balance, voucher.pot.account.balance, Hold.objects.get().remaining) == (0, 1_000_000, 0)


def test_nothing_to_do_leaves_no_rows(deal: Any) -> None:
    idle = look(deal, datetime(2026, 11, 23, tzinfo=UTC))
    assert (idle, Seal.objects.count(), DBTaskResult.objects.count()) == ({}, 0, 0)


def test_a_worker_says_when_it_began_and_stopped(deal: Any) -> None:
    look(deal)
    one = Worker.objects.get()
    assert (one.started_at, one.stopped_at) == (deal.now, deal.now)


def test_it_works_until_it_is_told_to_stop(deal: Any) -> None:
    """What is in hand is finished; what waits is left to others."""
    deal.signed()
    deal.submit()
    stop = threading.Event()
    seen: list[tuple[str, str]] = []

    def report(name: str, status: str, value: Any) -> None:
        seen.append((name, status))
        stop.set()

    work(place_of(deal), stop=stop, poll_s=0, report=report)
    assert seen == [("follow_jobs", "SUCCESSFUL")]
    assert [row.task_name for row in DBTaskResult.objects.filter(status="READY")] == ["seal"]
    assert set(Schedule.objects.values_list("name", flat=True)) == {"follow_jobs", "seal"}


def test_a_worker_whose_clock_is_put_back_goes_on_looking_for_what_the_dead_left(deal: Any) -> None:
    stop, asked = threading.Event(), 0
    clock = [deal.now + timedelta(days=365)]

    def now() -> datetime:
        nonlocal asked
        asked += 1
        if asked > 1_000:  # it would never look again
            stop.set()
        return clock[0]

    def report(name: str, status: str, value: Any) -> None:
        if clock[0] == deal.now:
            stop.set()
            return
        clock[0] = deal.now
        tasks.seal.enqueue()
        assert queue.claim("dead", deal.now) is not None

    tasks.seal.enqueue()
    work(Workplace(deal.engine, "fake", now), stop=stop, poll_s=0, recurring=(), report=report)
    assert list(DBTaskResult.objects.values_list("status", flat=True)) == ["SUCCESSFUL"] * 2


def test_a_database_that_is_away_is_waited_for(deal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, answers = threading.Event(), iter([OperationalError("database is away"), None])
    looked: list[str] = []

    def enqueue(*args: Any, **kwargs: Any) -> None:
        answer = next(answers)
        looked.append("away" if answer else "back")
        if answer:
            raise answer
        stop.set()

    monkeypatch.setattr(worker, "enqueue_recurring", enqueue)
    monkeypatch.setattr(worker.connections, "close_all", lambda: None)  # the test's transaction must outlive it
    work(place_of(deal), stop=stop, poll_s=0)
    assert looked == ["away", "back"]


def test_every_task_has_a_name_of_its_own_and_its_place_in_the_table() -> None:
    names = [each.name for each in tasks.RECURRING]
    assert sorted(set(names)) == sorted(names)

"""A city's workers, killed at random: test_workers.py runs this on a city of its own; it prints what became of it.

Usage: workers_killed.py WORKERS KILLS SEED JOBS. Workers are forks that have opened no connection yet.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import django

sys.path.append(str(Path(__file__).parents[1]))  # what all rooms' tests share
os.environ["DJANGO_SETTINGS_MODULE"] = "siwei.portal.django_settings"
django.setup()

from conftest import Cast  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.utils import timezone  # noqa: E402
from exchange_cast import make_organisation, make_person  # noqa: E402
from exchange_deal import Deal  # noqa: E402
from exchange_fakes import FakeEngine  # noqa: E402

from siwei.compute import JobPhase  # noqa: E402
from siwei.exchange import tasks, worker  # noqa: E402
from siwei.exchange.actors import PLATFORM  # noqa: E402
from siwei.exchange.ledger import actions as ledger  # noqa: E402
from siwei.exchange.ledger.seals import verify_seals  # noqa: E402
from siwei.exchange.models import (  # noqa: E402
    Account,
    AgreementLine,
    Hold,
    Job,
    OrganisationKind,
    Transfer,
    Usage,
    Worker,
)
from siwei.exchange.trading.settlement import settle_agreement  # noqa: E402

LEASE = timedelta(seconds=1)
HOLDS = 40


class DoneEngine(FakeEngine):
    """Every job it is asked of has succeeded: what is left to do is the exchange's own work."""

    def state(self, job_id: str) -> Any:
        self.phases[job_id] = JobPhase.SUCCEEDED
        time.sleep(0.05)  # so that many a kill hits a task in the middle
        return super().state(job_id)


PLACE = tasks.Workplace(DoneEngine(), "fake", timezone.now, date(2026, 11, 23))
RECURRING = tuple(replace(each, every=timedelta(seconds=0.3)) for each in tasks.RECURRING)


def fill(jobs: int) -> None:
    call_command("migrate", verbosity=0)
    firm, centre = make_organisation("n-firm", "甲"), make_organisation("n-centre", "乙", OrganisationKind.CENTRE)
    outsider = make_organisation("n-outsider", "丙")
    people = [make_person("alice", firm), make_person("bob", centre), make_person("charlie", outsider)]
    people += [make_person("olive", is_operator=True), make_person("ann", is_auditor=True)]
    deal = Deal(Cast(firm, centre, outsider, *(each.as_actor() for each in people)), timezone.now())
    deal.signed()
    for number in range(jobs):
        deal.submit(f"job-{number}")
        tasks.follow_job.enqueue(f"job-{number}")
    ledger.open_account("bank", unit="CNY", purpose="test", floor=-(10**6))
    ledger.open_account("shop", unit="CNY", purpose="test")
    for number in range(HOLDS):
        soon = timezone.now() + timedelta(seconds=0.5 + number * 0.05)
        ledger.hold(
            "bank", "shop", 7, expires_at=soon, actor=PLATFORM, now=timezone.now(), idempotency_key=f"h{number}"
        )
    connections.close_all()


def start() -> int:
    # A worker that is told to stop before it has begun waits with the signal until it knows what to do about it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pid = os.fork()
    stop = threading.Event()
    if not pid:
        signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    if pid:
        return pid
    try:
        worker.work(PLACE, stop=stop, poll_s=0.05, lease=LEASE, recurring=RECURRING)
    finally:
        os._exit(0)


def is_left() -> bool:
    waiting = tasks.queue.DBTaskResult.objects.filter(status__in=("READY", "RUNNING")).exists()
    live = Hold.objects.filter(transfer__idempotency_key__startswith="h").exclude(amount=tasks.F("released")).exists()
    connections.close_all()
    return waiting or live


def main() -> None:
    workers, kills, seed, jobs = (int(each) for each in sys.argv[1:5])
    fill(jobs)
    chance = random.Random(seed)
    living = [start() for _ in range(workers)]
    for _ in range(kills):
        time.sleep(chance.uniform(0.02, 0.4))
        victim = living.pop(chance.randrange(len(living)))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        living.append(start())
    deadline = time.monotonic() + 120
    while is_left() and time.monotonic() < deadline:
        time.sleep(0.2)
    for pid in living:
        os.kill(pid, signal.SIGTERM)
    exits = [os.waitpid(pid, 0)[1] for pid in living]
    worker.work_once(PLACE, lease=LEASE)
    settle_agreement("deal", actor=PLATFORM, now=timezone.now())
    rows = tasks.queue.DBTaskResult.objects
    unit = Account.objects.filter(unit="CNY").values_list("balance", flat=True)
    report = {
        "exits": exits,
        "stopped": Worker.objects.exclude(stopped_at=None).count(),
        "killed": Worker.objects.filter(stopped_at=None).count(),
        "taken_over": sum(len(row.worker_ids) > 1 for row in rows.all()),
        "statuses": sorted(set(rows.values_list("status", flat=True))),
        "jobs": sorted(set(Job.objects.values_list("state", flat=True))),
        "metered": Usage.objects.count(),
        "charged_fen": sum(Transfer.objects.filter(kind="capture").values_list("amount", flat=True)),
        "agreed_fen": AgreementLine.objects.get().gross_fen,
        "expired": Transfer.objects.filter(kind="release", idempotency_key__startswith="expire:h").count(),
        "sum": sum(unit),
        "seals": [str(fault) for fault in verify_seals()],
    }
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()

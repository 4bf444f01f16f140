"""A day's run over usage records in the exchange's own tables, as a worker does it: rated, captured, settled.

    python -m benchmarks.settlement_day --rows 1000000 --agreements 20000 --days 2 [--json]
    scripts/with-postgres python -m benchmarks.settlement_day …

A city is filled with agreements, their holds and their readings, which is not counted. Then the worker's own task
`settle_day` runs once for each day, in a process of its own; a day's rows are new, and the agreements are the same.
`recorded` is a reading taken one by one through `record_usage`, as a meter brings it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.measuring import in_child, machine, peak_memory_mb

TESTS = Path(__file__).resolve().parent.parent / "tests" / "exchange"
SIWEI = [sys.executable, "-c", "from siwei.cli import main; main()"]
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
AT_ONCE = 1_000
"""Agreements made in one batch."""
RECORDED = 200
COLUMNS = (
    "reading", "line_id", "quantity", "unit", "measured", "recorded_at", "meter", "is_held"
)  # fmt: skip


def fill(agreements: int) -> dict[str, Any]:
    """So many agreements that are delivering, with a line and two holds each; and a few readings, one by one."""
    from exchange_cast import make_organisation
    from exchange_days import Days

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.models import AgreementLine, OrganisationKind
    from siwei.exchange.trading.jobs import record_usage

    firm, centre = make_organisation("n-firm", "甲公司"), make_organisation("n-centre", "乙", OrganisationKind.CENTRE)
    days = Days(SimpleNamespace(firm=firm, centre=centre), NOW)
    for start in range(0, agreements, AT_ONCE):
        days.deliver(min(AT_ONCE, agreements - start))
    key = AgreementLine.objects.values_list("agreement__key", flat=True).order_by("pk")[0]
    began = time.process_time()
    for number in range(RECORDED):
        record_usage(key, 1, reading=f"alone:{number}", quantity=0, measured={}, actor=PLATFORM, now=NOW)
    return {"recorded_processor_ms": (time.process_time() - began) * 1000 / RECORDED}


def meter(rows: int, day: int) -> dict[str, Any]:
    """A day's readings, in turn over all lines; what a line holds is not passed by them."""
    from django.db import connection, transaction

    from siwei.exchange.bulk import insert_rows
    from siwei.exchange.models import AgreementLine, Usage

    lines = list(AgreementLine.objects.order_by("pk").values_list("pk", "unit", "quantity"))
    at = connection.ops.adapt_datetimefield_value(NOW + timedelta(days=day, hours=-1))
    readings = (
        (f"{day}:{number}", pk, 1 + number % 5, unit, "{}", at, "", False)
        for number in range(rows)
        for pk, unit, _ in (lines[number % len(lines)],)
    )
    with transaction.atomic():
        insert_rows(Usage, COLUMNS, readings)
    return {}


def settle(day: int) -> dict[str, Any]:
    """The worker's task, where a worker stands."""
    from siwei.exchange import tasks
    from siwei.exchange.models import Account, Usage

    now = NOW + timedelta(days=day)
    place = tasks.Workplace(engine=None, engine_name="", now=lambda: now)  # type: ignore[arg-type]
    memory, clock, processor = peak_memory_mb(), time.perf_counter(), time.process_time()
    with tasks.at_work(place):
        done = tasks.settle_day.func()
    seconds, processor_s = time.perf_counter() - clock, time.process_time() - processor
    return done | {
        "day": day,
        "seconds": seconds,
        "processor_s": processor_s,
        "start_mb": round(memory),
        "peak_mb": round(peak_memory_mb()),
        "left": Usage.objects.filter(settlement=None).count(),
        "sum": sum(Account.objects.values_list("balance", flat=True)),
    }


def measure(rows: int, agreements: int, days: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        os.environ["SIWEI_CITY"] = f"{directory}/city"
        subprocess.run([*SIWEI, "init", f"{directory}/city"], check=True, capture_output=True)

        def child(*arguments: object) -> dict[str, Any]:
            print(*arguments, file=sys.stderr, flush=True)
            return in_child("benchmarks.settlement_day", "--child", *map(str, arguments))

        recorded = child("fill", agreements)
        runs = []
        for day in range(1, days + 1):
            child("meter", rows // days, day)
            runs.append(child("settle", day))
    for run in runs:
        run["rows_per_second"] = round(rows // days / run["seconds"])
        run["rows_per_processor_second"] = round(rows // days / run["processor_s"])
    database = "other" if os.environ.get("SIWEI_DATABASE_URL") else "sqlite"
    return {"machine": machine(), "database": database, "rows": rows, "agreements": agreements, "runs": runs} | recorded


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.settlement_day", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--agreements", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        import django

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "siwei.portal.django_settings")
        django.setup()
        sys.path.insert(0, str(TESTS))
        name, *numbers = given.child
        print(json.dumps({"fill": fill, "meter": meter, "settle": settle}[name](*map(int, numbers))))
        return
    found = measure(given.rows, given.agreements, given.days)
    if given.json:
        print(json.dumps(found, indent=1))
        return
    print(f"{given.rows:,} readings under {given.agreements:,} agreements; {found['database']}; {found['machine']}")
    print(f"{'day':>4}{'charged':>9}{'s':>9}{'processor s':>13}{'rows/s':>10}{'peak MB':>9}{'at start':>10}{'left':>6}")
    for each in found["runs"]:
        print(
            f"{each['day']:>4}{each['charged']:>9,}{each['seconds']:>9.2f}{each['processor_s']:>13.2f}"
            f"{each['rows_per_second']:>10,}{each['peak_mb']:>9,}{each['start_mb']:>10,}{each['left']:>6,}"
        )
    print(f"a reading taken one by one: {found['recorded_processor_ms']:.2f} ms of the processor")


if __name__ == "__main__":
    main()

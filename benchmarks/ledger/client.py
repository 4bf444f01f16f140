"""One client, a process of its own: makes its connection, says `ready`, waits for a line, works for so many seconds.

    python -m benchmarks.ledger.client batched|single|hordak NUMBER SECONDS BATCH

The last line it prints is JSON: what it did, and how long it took by its own clock.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import django

ACCOUNTS = 2_000
PROVIDERS = 200
FUNDS = 10**12


def ours(number: int, batch: int, prepare_only: bool = False) -> dict[str, Callable[[], int]]:
    """Vouchers of 2,000 firms, receivables of 200 providers: each transfer draws one of both."""
    django.setup()
    from siwei.exchange.ledger.actions import Chain, Entry, of_hold, open_account, write_batch, write_transfer
    from siwei.exchange.models import Account, TransferKind

    now = datetime(2026, 11, 23, tzinfo=UTC)
    if prepare_only:
        budget = open_account("CNY:budget:bench:2026", unit="CNY", purpose="budget", floor=-FUNDS * ACCOUNTS)
        firms = [open_account(f"CNY:voucher:{n}", unit="CNY", purpose="voucher") for n in range(ACCOUNTS)]
        for each in range(PROVIDERS):
            open_account(f"CNY:receivable:{each}", unit="CNY", purpose="receivable")
        grants = [Chain(f"grant:{f.pk}", (Entry(TransferKind.POST, budget, f, FUNDS),)) for f in firms]
        assert all(outcome.refusal is None for outcome in write_batch(grants, now=now))
        return {}
    firms = list(Account.objects.filter(purpose="voucher"))
    providers = list(Account.objects.filter(purpose="receivable"))
    chance = random.Random(number)
    until = now + timedelta(days=30)
    causes = {"agreement": "bench", "line": 1}
    turn = 0

    def hold() -> tuple[str, Entry]:
        nonlocal turn
        turn += 1
        firm, provider = chance.choice(firms), chance.choice(providers)
        amount = chance.randrange(1, 10_000)
        placed = Entry(TransferKind.HOLD, firm, provider, amount, expires_at=until, memo="voucher share", causes=causes)
        return f"bench:{number}:{turn}", placed

    def batched() -> int:
        chains = []
        for _ in range(batch):
            key, placed = hold()
            chains.append(Chain(key, (placed, of_hold(TransferKind.CAPTURE, placed, placed.amount))))
        assert all(outcome.refusal is None for outcome in write_batch(chains, now=now))
        return batch

    def single() -> int:
        key, entry = hold()
        placed = write_transfer(entry, key=f"{key}:hold", now=now)
        write_transfer(of_hold(TransferKind.CAPTURE, placed, entry.amount), key=f"{key}:capture", now=now)
        return 1

    return {"batched": batched, "single": single}


def hordak(number: int, prepare_only: bool = False) -> dict[str, Callable[[], int]]:
    """Its own `Account.transfer_to` between as many accounts: a transaction of two legs."""
    import os

    import dj_database_url
    from django.conf import settings

    settings.configure(
        DATABASES={"default": dj_database_url.parse(os.environ["SIWEI_DATABASE_URL"], conn_max_age=None)},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "mptt", "hordak"],
        USE_TZ=True,
        SECRET_KEY="benchmark",
        DEFAULT_CURRENCY="CNY",
        CURRENCIES=["CNY"],
    )
    django.setup()
    from django.core.management import call_command
    from django.db import transaction
    from hordak.models import Account
    from moneyed import Money

    if prepare_only:
        call_command("migrate", verbosity=0)
        for kind, count, type_ in (("firm", ACCOUNTS // 10, "LI"), ("provider", PROVIDERS, "LI")):
            for each in range(count):
                Account.objects.create(name=f"{kind} {each}", type=type_, code=None, currencies=["CNY"])
        return {}
    firms = list(Account.objects.filter(name__startswith="firm"))
    providers = list(Account.objects.filter(name__startswith="provider"))
    chance = random.Random(number)

    def transfer() -> int:
        with transaction.atomic():
            amount = Money(chance.randrange(1, 10_000), "CNY")
            chance.choice(firms).transfer_to(chance.choice(providers), amount)
        return 1

    return {"hordak": transfer}


def main() -> None:
    what, number, seconds, batch = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    prepare = what.startswith("prepare-")
    name = what.removeprefix("prepare-")
    if prepare and name == "ours":
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
    work = hordak(number, prepare) if name == "hordak" else ours(number, batch, prepare)
    if prepare:
        return
    act: Any = work[name]
    act()
    print("ready", flush=True)
    sys.stdin.readline()
    done, started, own = 0, time.perf_counter(), time.process_time()
    while (took := time.perf_counter() - started) < seconds:
        done += act()
    took = time.perf_counter() - started
    print(json.dumps({"done": done, "seconds": took, "own_seconds": time.process_time() - own}), flush=True)


if __name__ == "__main__":
    main()

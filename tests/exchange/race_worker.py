"""One contender, run as a process of its own by test_races.py: waits for the shot, tries, writes what it got."""

import json
import os
import sys
import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "siwei.portal.django_settings"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
ROUNDS = 15


def contend(number: int, shot: Path, results: list[Any]) -> None:
    from django.db import connection, transaction

    from siwei.errors import Conflict, InsufficientFunds
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.ledger import actions as ledger

    def attempt(act: Any, *args: Any, key: str) -> Any:
        # Each second one in a transaction of the caller's: that is another way into the database.
        try:
            with transaction.atomic() if turn % 2 else nullcontext():
                return act(*args, actor=PLATFORM, now=NOW, idempotency_key=key).pk
        except InsufficientFunds:
            return "refused"
        except Conflict as error:
            return str(error)

    while not shot.exists():
        time.sleep(0.005)
    for turn in range(ROUNDS):
        mine = f"{number}-{turn}"
        results.append(["spend", attempt(ledger.post_transfer, "purse", "shop", 50, key=f"spend-{mine}")])
        results.append([f"same-{turn}", attempt(ledger.post_transfer, "left", "right", 1, key=f"same-{turn}")])
        results.append(["capture", attempt(ledger.capture, "h", 7, key=f"capture-{mine}")])
        results.append(["release", attempt(ledger.release, "h", 5, key=f"release-{mine}")])
        ways = ("left", "right") if number % 2 else ("right", "left")
        results.append(["opposite", attempt(ledger.post_transfer, *ways, 3, key=f"opposite-{mine}")])
    connection.close()


def main() -> None:
    django.setup()
    number, shot = int(sys.argv[1]), Path(sys.argv[2])
    results: list[Any] = []
    threads = [threading.Thread(target=contend, args=(number * 2 + n, shot, results)) for n in range(2)]
    Path(f"{shot}.ready{number}").touch()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    main()

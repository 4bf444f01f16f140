"""Fills the city of $SIWEI_CITY with something of everything that is kept; or writes to it until it is told to stop.

Usage: backup_city.py fill | write NUMBER
"""

import io
import os
import sys
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "siwei.portal.django_settings"
django.setup()

import polars as pl  # noqa: E402

from siwei.city.home import open_home  # noqa: E402
from siwei.exchange.actors import PLATFORM  # noqa: E402
from siwei.exchange.facts.runs import save_run  # noqa: E402
from siwei.exchange.files import store_file  # noqa: E402
from siwei.exchange.ledger.actions import open_account, post_transfer  # noqa: E402
from siwei.exchange.ledger.seals import seal  # noqa: E402
from siwei.exchange.models import Person  # noqa: E402
from siwei.exchange.trading.disputes import open_dispute  # noqa: E402
from siwei.exchange.trading.evidence import attach_evidence  # noqa: E402

PAPER = b"%PDF-1.7 evidence"
SHOWN = "日期,读数\n2026-11-23,3600\n".encode()


def fill() -> None:
    tests = Path(__file__).parents[1]
    sys.path += [str(tests / "portal"), str(tests / "exchange")]
    from portal_city import fill_city

    home, now = open_home(Path(os.environ["SIWEI_CITY"])), datetime.now(UTC)
    city = fill_city()
    city.deal.signed()
    city.deal.submit()
    frame = pl.DataFrame({"id": ["n-1", "n-2"], "award_fen": [1, 2]})
    save_run("awards", frame, runs=home.runs, as_of=date(2026, 11, 23), inputs_sha256="0" * 64, actor=PLATFORM, now=now)
    alice = Person.objects.get(username="alice")
    store_file(io.BytesIO(PAPER), "licence.pdf", directory=home.files, person=alice, now=now)
    given: dict[str, Any] = {"actor": alice.as_actor(), "now": now, "idempotency_key": "d"}
    dispute = open_dispute("deal", reason="读数偏高", evidence="见附件", **given)
    attach_evidence("deal", io.BytesIO(SHOWN), "reading.csv", directory=home.files, dispute=dispute.key, **given)
    (home.files / ".siwei-draft-1").mkdir()
    (home.files / ".siwei-draft-1" / "file").write_bytes(b"half")
    work = home.jobs / "job-1" / "work"
    work.mkdir(parents=True)
    (work / "model.new").write_bytes(b"weights")
    (home.jobs / ".draft-1").mkdir()
    (home.jobs / "job-1" / "result.json.new").write_text("half")
    open_account("bank", unit="CNY", purpose="test", floor=-(10**12))
    open_account("shop", unit="CNY", purpose="test")
    seal(actor=PLATFORM, now=now)


def write(name: str) -> None:
    """Each post is a transfer, two balances and, now and then, a seal over them: halves would show."""
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    for number in count():
        now = datetime.now(UTC)
        post_transfer("bank", "shop", number + 1, actor=PLATFORM, now=now, idempotency_key=f"{name}-{number}")
        if number % 20 == 0:
            seal(actor=PLATFORM, now=now)


if __name__ == "__main__":
    fill() if sys.argv[1] == "fill" else write(sys.argv[2])

"""Two at once, in an order that is certain: test_races.py runs this on a city of its own in PostgreSQL and reads what
it prints. The first acts in a transaction that ends when the second waits for it, or has ended."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "siwei.portal.django_settings"
django.setup()

import psycopg  # noqa: E402
from allauth.mfa.models import Authenticator  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, connection, transaction  # noqa: E402
from exchange_cast import NOW, make_organisation, make_person  # noqa: E402

from siwei.errors import SiweiError  # noqa: E402
from siwei.exchange.actors import PLATFORM, Role  # noqa: E402
from siwei.exchange.ledger import actions as ledger  # noqa: E402
from siwei.exchange.models import AccessKey, Hold, Match, Organisation, Person, Representative  # noqa: E402
from siwei.exchange.people.disabling import disable_account  # noqa: E402
from siwei.exchange.people.keys import create_access_key  # noqa: E402
from siwei.exchange.people.mandates import set_mandate  # noqa: E402
from siwei.exchange.people.offices import Office, appoint, dismiss  # noqa: E402
from siwei.exchange.trading import listings  # noqa: E402
from siwei.portal.second_factors import remove_second_factor  # noqa: E402

DAY = date(2026, 11, 23)
GIVEN: dict[str, Any] = {"actor": PLATFORM, "now": NOW}


def words_of(act: Callable[[], Any]) -> str:
    try:
        return type(act()).__name__
    except (SiweiError, DatabaseError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def at_once(
    first: Callable[[], Any], second: Callable[[], Any], then: Callable[[], Any] | None = None
) -> dict[str, str]:
    """`then` is what the first does while the second waits."""
    told: dict[str, str] = {}

    def run_second() -> None:
        told["second"] = words_of(second)
        connection.close()

    waiter = threading.Thread(target=run_second)

    def run_first() -> Any:
        with transaction.atomic():
            done = first()
            waiter.start()
            wait_for(waiter)
            return then() if then else done

    told["first"] = words_of(run_first)
    waiter.join()
    return told


def wait_for(waiter: threading.Thread) -> None:
    deadline = time.monotonic() + 120
    with psycopg.connect(os.environ["SIWEI_DATABASE_URL"], autocommit=True) as other:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while waiter.is_alive() and time.monotonic() < deadline:
            if other.execute(waiting).fetchone() != (0,):
                return
            time.sleep(0.05)


def fill() -> None:
    call_command("migrate", verbosity=0)
    firm, centre = make_organisation("n-firm", "甲"), make_organisation("n-centre", "乙")
    make_person("alice", firm)
    make_person("bob", centre)
    for username in ("rita", "rosa", "kim", "kai", "kit"):
        make_person(username)
    for username in ("oona", "olive"):
        make_person(username, is_operator=True)
    for person in Person.objects.filter(username__in=("kit", "oona", "olive")):
        Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={})
    bodies = {
        "need": {"title": "门诊分诊", "sector": "health", "capabilities": ["分诊"], "weeks": 12},
        "offer": {"title": "分诊助手", "sectors": ["health"], "capabilities": ["分诊"], "weeks": 8},
    }
    for number in ("1", "2"):
        for side, organisation in (("need", "n-firm"), ("offer", "n-centre")):
            if side == "offer" and number == "2":
                continue
            listings.publish_listing(
                "scenario", side, title_zh="分诊", title_en="triage", body=bodies[side], organisation=organisation,
                idempotency_key=f"{side}{number}", **GIVEN,
            )  # fmt: skip
        match(number)
    for code, floor in (("bank", -(10**6)), ("purse", 0), ("shop", 0)):
        ledger.open_account(code, unit="CNY", purpose="test", floor=floor)
    ledger.post_transfer("bank", "purse", 500, idempotency_key="fund", **GIVEN)
    for key in ("h1", "h2"):
        until = NOW + timedelta(days=1)
        ledger.hold("purse", "shop", 100, expires_at=until, idempotency_key=key, **GIVEN)


def match(number: str) -> list[Match]:
    return listings.match_need(f"need{number}", as_of=DAY, **GIVEN)


def introduce(number: str) -> Match:
    return listings.introduce_match(f"need{number}", "offer1", **GIVEN)


def introduced(number: str) -> list[str]:
    introduce(number)
    return list(Match.objects.filter(need__key=f"need{number}").values_list("state", flat=True))


def admit(username: str) -> Representative:
    with transaction.atomic():
        person = Person.objects.get(username=username)
        return set_mandate(person, Organisation.objects.get(key="n-firm"), Role.MEMBER, NOW)


def audit(username: str) -> Person:
    return appoint(username, Office.AUDITOR, because="asked", idempotency_key=username, **GIVEN)


def dismissed(username: str) -> Person:
    return dismiss(username, Office.OPERATOR, because="asked", idempotency_key=username, **GIVEN)


def make_key(username: str, scope: str = "read") -> AccessKey:
    actor = Person.objects.get(username=username).as_actor()
    until = NOW + timedelta(days=9)
    made = create_access_key("k", [scope], expires_at=until, actor=actor, now=NOW, idempotency_key=username)
    return made.key


def disable(username: str) -> Person:
    actor = Person.objects.get(username="olive").as_actor()
    return disable_account(username, because="left", actor=actor, now=NOW, idempotency_key=username)


def factor_lost(username: str, by: str) -> Person:
    actor = Person.objects.get(username=by).as_actor()
    return remove_second_factor(username, because="lost", actor=actor, now=NOW, idempotency_key=f"lost {username}")


def holds() -> list[list[int]]:
    return [list(row) for row in Hold.objects.order_by("pk").values_list("captured", "released")]


def main() -> None:
    fill()
    told: dict[str, Any] = {}
    told["introduced, then ranked"] = at_once(lambda: introduce("1"), lambda: match("1")) | {"is": introduced("1")}
    told["ranked, then introduced"] = at_once(lambda: match("2"), lambda: introduce("2")) | {"is": introduced("2")}
    told["an auditor admitted"] = at_once(lambda: audit("rita"), lambda: admit("rita"))
    told["one admitted made auditor"] = at_once(lambda: admit("rosa"), lambda: audit("rosa"))
    told["a key, then disabled"] = at_once(lambda: make_key("kim"), lambda: disable("kim"))
    told["disabled, then a key"] = at_once(lambda: disable("kai"), lambda: make_key("kai"))
    told["a key with money, then a lost factor"] = at_once(
        lambda: make_key("kit", "money"), lambda: factor_lost("kit", "olive")
    )
    told["two lost factors"] = at_once(lambda: factor_lost("oona", "olive"), lambda: factor_lost("olive", "oona"))
    told["keys that stand"] = AccessKey.objects.filter(revoked_at=None).count()
    late = GIVEN | {"now": NOW + timedelta(days=1)}
    told["spending, then expired"] = at_once(
        lambda: ledger.post_transfer("purse", "shop", 1, idempotency_key="spend", **GIVEN),
        lambda: ledger.expire_holds(**late),
        then=lambda: ledger.capture("h1", 7, idempotency_key="take", **GIVEN),
    )
    told["left"] = holds()
    told["next run"] = [ledger.expire_holds(**late), holds()]
    told["two operators"] = at_once(lambda: dismissed("oona"), lambda: dismissed("olive"))
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()

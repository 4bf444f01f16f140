"""Two at once at an award of a person: granted, clawed back, repaid, in an order that is certain. test_races.py runs
this."""

import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from at_once import at_once
from at_once_money import gather
from django.core.management import call_command
from django.db import connection
from exchange_cast import NOW
from exchange_persons import Persons

from siwei.exchange.actors import Actor
from siwei.exchange.awards import grants
from siwei.exchange.awards.round_claims import left_in
from siwei.exchange.models import (
    Account,
    Application,
    BankEntry,
    ClawBack,
    Grant,
    Pot,
    SharingRound,
)
from siwei.exchange.payments.claw_backs import claw_back_grant, owed_fen
from siwei.exchange.payments.repayments import repay_claw_back

Told = dict[str, dict[str, Any]]


def left_while(pot: Pot, key: str, operator: Actor) -> int:
    """What is left, when an award is granted on another connection between what is read of promises and of the pot."""
    threads: list[threading.Thread] = []

    def grant() -> None:
        grants.grant_award(key, actor=operator, now=NOW)
        connection.close()

    def between(execute: Any, sql: str, *rest: Any) -> Any:
        if "exchange_account" in sql and not threads:
            threads.append(threading.Thread(target=grant))
            threads[0].start()
            threads[0].join()
        return execute(sql, *rest)

    with connection.execute_wrapper(between):
        left = left_in(pot)
    assert threads
    return left


def persons(cast: Any, told: Told, folder: Path) -> None:
    made = Persons(cast, folder)
    made.awarded()
    made.city_account()
    for actor in (cast.charlie, cast.alice):
        made.account(actor)
    one = Application.objects.get(pseudonym__person_id=cast.charlie.person_id)
    promised = left_in(made.pot)

    def grant() -> Any:
        return grants.grant_award(one.key, actor=cast.olive, now=made.now)

    other = Application.objects.get(pseudonym__person_id=cast.alice.person_id)
    told["left, read while granted"] = {"before": promised, "then": left_while(made.pot, other.key, cast.olive)}
    told["left, read while granted"]["after"] = left_in(made.pot)
    told["granted twice"] = at_once(grant, grant)
    told["granted twice"]["grants"] = Grant.objects.filter(application=one).count()
    told["granted twice"]["left"] = [promised, left_in(made.pot)]
    grants.grant_round(SharingRound.objects.get(pot=made.pot), actor=cast.olive, now=made.now)
    made.exported()
    made.says(made.paid(made.order_of(cast.charlie)))

    def back(fen: int, key: str) -> ClawBack:
        return claw_back_grant(one.key, fen, because="审计", actor=cast.olive, now=made.now, idempotency_key=key)

    told["clawed back twice"] = at_once(lambda: back(200_000, "a"), lambda: back(200_000, "b"))
    granted = Grant.objects.get(application=one)
    told["clawed back twice"]["owed"] = owed_fen(granted)
    order = made.order_of(cast.charlie)
    made.says(made.came_back(order, 150_000, "R-1", ""), made.came_back(order, 150_000, "R-2", ""))

    def repay(reference: str) -> BankEntry:
        entry = BankEntry.objects.get(reference=reference)
        given: dict[str, Any] = {"because": "退款", "actor": cast.olive, "now": made.now}
        return repay_claw_back(entry.account_number, reference, one.key, **given)

    told["repaid twice"] = at_once(lambda: repay("R-1"), lambda: repay("R-2"))
    told["repaid twice"]["owed"] = owed_fen(granted)
    told["clawed back, then repaid"] = at_once(lambda: back(100_000, "c"), lambda: repay("R-2"))
    told["clawed back, then repaid"]["owed"] = owed_fen(granted)
    account = Account.objects.get(code=f"CNY:claw-back:{granted.granted_to.key}")
    told["clawed back, then repaid"]["account"] = -account.balance


def main() -> None:
    call_command("migrate", verbosity=0)
    told: Told = {}
    with tempfile.TemporaryDirectory() as folder:
        persons(gather(), told, Path(folder))
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()

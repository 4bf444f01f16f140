"""An award of money taken back: unpaid it is in the pot again, paid it is owed until a statement shows the money."""

import re
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from exchange_persons import CHARLIE, LATER, TAX, Persons

from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.awards import grants, rounds
from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import Account, Application, BankEntry, ClawBack, Grant, Transfer
from siwei.exchange.payments import order_rests
from siwei.exchange.payments import payment_batches as payments
from siwei.exchange.payments.claw_backs import claw_back_grant, owed_fen
from siwei.exchange.payments.reconciliation import explain_entry
from siwei.exchange.payments.repayments import owed_awards, repay_claw_back
from siwei.exchange.trading.payments_due import payments_due
from siwei.market.bank import exact_yuan

pytestmark = pytest.mark.django_db


@pytest.fixture
def payable(cast: Any, tmp_path: Path) -> Persons:
    made = Persons(cast, tmp_path)
    made.payable()
    return made


def key_of(persons: Persons) -> str:
    return Application.objects.get(pseudonym__person_id=persons.cast.charlie.person_id).key


def take(persons: Persons, fen: int, key: str = "c", actor: Actor | None = None, because: str = "审计发现") -> ClawBack:
    return claw_back_grant(
        key_of(persons), fen, because=because, actor=actor or persons.cast.olive, now=persons.now, idempotency_key=key
    )


def pot() -> int:
    return Account.objects.get(code="CNY:pot:talent-subsidy:2026").balance


def due() -> list[int]:
    return [each.amount_fen for each in payments_due(None)]


def test_what_is_not_paid_is_in_the_pot_again_and_due_no_more(payable: Persons) -> None:
    before = pot()
    made = take(payable, 120_000)
    assert take(payable, 120_000).pk == made.pk
    assert (made.returned_fen, made.owed_fen, pot() - before, due()) == (120_000, 0, 120_000, [180_000, 100_000])
    batch = payable.exported()
    assert batch.total_fen == 280_000
    with pytest.raises(Conflict, match="under way"):
        take(payable, 1, "more")
    payable.says(payable.paid(payable.order_of(payable.cast.charlie)))
    with pytest.raises(Conflict, match=r"¥1,800\.00 is left of the grant"):
        take(payable, 180_001, "more")
    assert verify_ledger(actor=payable.cast.olive).findings == ()


def test_the_whole_of_it_before_it_is_paid(payable: Persons) -> None:
    take(payable, TAX[CHARLIE])
    assert due() == [100_000]
    with pytest.raises(Conflict, match=r"¥0\.00 is left"):
        take(payable, 1, "more")


def test_what_was_paid_is_owed_and_comes_back_by_a_statement(payable: Persons) -> None:
    payable.exported()
    order = payable.order_of(payable.cast.charlie)
    payable.says(payable.paid(order))
    before = pot()
    made = take(payable, 50_000)
    grant = Grant.objects.get(application__key=key_of(payable))
    assert (made.returned_fen, made.owed_fen, pot() - before, owed_fen(grant)) == (0, 50_000, 50_000, 50_000)
    payable.says(payable.came_back(order, 30_000, "B-5", ""), payable.came_back(order, 30_000, "B-6", ""))
    first, second = BankEntry.objects.filter(direction="in").order_by("pk")
    for entries in ([first], [first, second, second]):
        with CaptureQueriesContext(connection) as asked:
            told = owed_awards(entries)
        assert len(asked) == 2  # debtors and grants; no firm owes, so no voucher is read
        assert [[(each.application, each.voucher, each.owed_fen) for each in mine] for mine in told] == [
            [(grant.application.key, "", 50_000)]
        ] * len(entries)

    def repay(entry: BankEntry, actor: Actor = payable.cast.olive, key: str = "") -> BankEntry:
        return repay_claw_back(
            entry.account_number, entry.reference, key or grant.application.key, because="退款", actor=actor,
            now=payable.now,
        )  # fmt: skip

    for actor in (payable.cast.charlie, payable.cast.bob):
        with pytest.raises(NotFound):
            repay(first, actor)
    with pytest.raises(NotFound, match="nothing was granted"):
        repay(first, key="none")
    assert (repay(first).state, repay(first).state, owed_fen(grant)) == ("matched", "matched", 20_000)
    with pytest.raises(Conflict, match=r"¥200\.00 is owed"):
        repay(second)
    assert owed_awards([second]) == [[]]
    explain_entry(second.account_number, "B-6", because="多退", actor=payable.cast.olive, now=payable.now)
    with pytest.raises(Conflict, match="explained already"):
        repay(second)
    assert Account.objects.get(code="CNY:bank-difference:city").balance == 0
    assert sum(Account.objects.filter(unit="CNY").values_list("balance", flat=True)) == 0
    assert verify_ledger(actor=payable.cast.olive).findings == ()


def test_bad_amounts_reasons_and_others_are_refused(payable: Persons) -> None:
    entries = Transfer.objects.count()
    for fen in (0, -1):
        with pytest.raises(InputError, match="a positive amount"):
            take(payable, fen)
    with pytest.raises(InputError, match="a reason is wanted"):
        take(payable, 1, because=" ")
    for actor in (payable.cast.charlie, payable.cast.alice, payable.cast.ann):
        with pytest.raises(NotAllowed):
            take(payable, 1, actor=actor)
    with pytest.raises(NotFound, match="nothing was granted"):
        claw_back_grant("none", 1, because="x", actor=payable.cast.olive, now=payable.now, idempotency_key="k")
    take(payable, 1)
    with pytest.raises(Conflict, match="used for another"):
        take(payable, 2)
    assert Transfer.objects.count() == entries + 1


def test_who_sees_it(payable: Persons) -> None:
    take(payable, 1)
    cast = payable.cast
    seen = [ClawBack.objects.visible_to(each).count() for each in (cast.charlie, cast.alice, cast.bob, cast.ann)]
    assert seen == [1, 0, 0, 1]
    batch = payable.make()
    assert payments.find_batch(batch.message_id, cast.olive).total_fen == sum(TAX.values()) - 1


def test_of_two_grants_in_one_order_each_gives_back_its_own(cast: Any, tmp_path: Path) -> None:
    persons = Persons(cast, tmp_path)
    persons.ready(cast.charlie)
    first = persons.apply(cast.charlie, claim_fen=100_000)
    second = persons.apply(cast.charlie, claim_fen=200_000, idempotency_key="again")
    made = persons.notice()
    rounds.award_round(made, as_of=LATER, actor=cast.olive, now=persons.now, idempotency_key="award")
    grants.grant_round(made, actor=cast.olive, now=persons.now)
    persons.city_account()
    persons.account(cast.charlie)
    persons.exported()
    order = persons.order_of(cast.charlie)
    assert order.amount_fen == 300_000

    def back(application: Application, fen: int, key: str) -> ClawBack:
        return claw_back_grant(
            application.key, fen, because="审计发现", actor=cast.olive, now=persons.now, idempotency_key=key
        )

    # Paid in part, and no more: the earlier grant was paid first.
    persons.says(persons.paid(order, 250_000))
    persons.now += timedelta(days=30)
    persons.says(("2026-12-20", "0.05", "", "手续费", "99", "FEE", "", "手续费"))
    order_rests.write_off(order.end_to_end_id, because="退款", actor=cast.olive, now=persons.now)
    for actor in (persons.otto, persons.oscar):
        order_rests.approve_write_off(order.end_to_end_id, 50_000, actor=actor, now=persons.now)
    earlier, later = Grant.objects.order_by("pk")
    left = 250_000 - earlier.amount_fen
    for grant, fen in ((earlier, earlier.amount_fen), (later, left)):
        with pytest.raises(Conflict, match=re.escape(f"{exact_yuan(fen)} is left")):
            back(grant.application, fen + 1, "more")
        assert back(grant.application, fen, f"c-{grant.pk}").owed_fen == fen
        with pytest.raises(Conflict, match=r"^¥0\.00 is left"):
            back(grant.application, 1, "more")
    assert {first.pk, second.pk} == {earlier.application_id, later.application_id}
    assert [owed_fen(each) for each in (earlier, later)] == [earlier.amount_fen, left]
    assert verify_ledger(actor=cast.olive).findings == ()
    _is_paid_back_award_by_award(persons, earlier, later)


def _is_paid_back_award_by_award(persons: Persons, earlier: Grant, later: Grant) -> None:
    """What pays one of them back hides nothing that is owed of the other."""
    order = persons.order_of(persons.cast.charlie)
    whole, rest = owed_fen(earlier), owed_fen(later)

    def comes_in(fen: int, reference: str) -> BankEntry:
        persons.says(persons.came_back(order, fen, reference, ""))
        return BankEntry.objects.get(reference=reference)

    def repay(entry: BankEntry, grant: Grant) -> BankEntry:
        return repay_claw_back(
            entry.account_number, entry.reference, grant.application.key, because="退款", actor=persons.cast.olive,
            now=persons.now,
        )  # fmt: skip

    def owed() -> list[int]:
        return [owed_fen(each) for each in (earlier, later)]

    first = comes_in(rest - 20_000, "R-1")
    told = [(each.application, each.owed_fen, each.in_all_fen) for each in owed_awards([first])[0]]
    # Which of the two was granted first is not said: what owes no less than came in stands first.
    expected = [(earlier.application.key, whole, whole + rest), (later.application.key, rest, whole + rest)]
    assert told == sorted(expected, key=lambda each: each[1] < first.amount_fen)
    assert [repay(first, later).state for _ in range(2)] == ["matched", "matched"]
    assert owed() == [whole, 20_000]
    second = comes_in(whole + 5_000, "R-2")
    assert [repay(second, earlier).state for _ in range(2)] == ["matched", "matched"]
    assert owed() == [0, 15_000]
    came = Transfer.objects.filter(memo="repaid").order_by("pk").values_list("causes__application", "amount")
    assert list(came) == [
        (later.application.key, rest - 20_000), (earlier.application.key, whole), (later.application.key, 5_000)
    ]  # fmt: skip
    third = comes_in(15_000, "R-3")
    with pytest.raises(Conflict, match=f"nothing is owed any more for {earlier.application.key}"):
        repay(third, earlier)
    with pytest.raises(IntegrityError), transaction.atomic():
        ClawBack.objects.filter(grant=later).update(repaid_fen=rest + 1)
    kept = list(ClawBack.objects.order_by("pk").values_list("repaid_fen", flat=True))
    ClawBack.objects.update(repaid_fen=0)
    import_module("siwei.exchange.migrations.0049_repayments_by_award").by_award(apps, None)
    assert list(ClawBack.objects.order_by("pk").values_list("repaid_fen", flat=True)) == kept
    assert repay(third, later).state == "matched"
    assert owed() == [0, 0]
    assert verify_ledger(actor=persons.cast.olive).findings == ()

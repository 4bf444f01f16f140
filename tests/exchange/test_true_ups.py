"""An award decided again: more, or less; what is unspent goes back, what is spent is owed."""

import json
from dataclasses import replace
from typing import Any

import pytest
from exchange_deal import Deal
from exchange_payments import NUMBERS, Desk

from siwei.cli.payments import repaid
from siwei.errors import Conflict, InputError, InsufficientFunds, NotAllowed, NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.awards import true_ups
from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import Account, BankEntry, Decision, Event, TrueUp, Voucher
from siwei.exchange.payments import repayments, statement_imports


@pytest.fixture
def spent(deal: Deal) -> Deal:
    """A voucher of 50,000 of which 719 fen are spent."""
    deal.signed()
    deal.submit()
    deal.finish()
    deal.settle()
    return deal


def again(deal: Deal, award: int | None, verdict: str = "eligible", key: str = "again", actor: Any = None) -> TrueUp:
    decision = Decision.objects.filter(key=key).first() or deal.decision(key=key, award_fen=award, verdict=verdict)
    return true_ups.true_up_voucher(
        Voucher.objects.get(), decision, because="年度清算", actor=actor or deal.cast.olive, now=deal.now,
        idempotency_key=key,
    )  # fmt: skip


def balances() -> tuple[int, ...]:
    codes = ("CNY:pot:xunli:2026", "CNY:voucher:voucher", "CNY:claw-back:n-firm")
    return tuple(Account.objects.filter(code=code).values_list("balance", flat=True).first() or 0 for code in codes)


def test_more_comes_from_the_pot(spent: Deal) -> None:
    for _ in range(2):
        done = again(spent, 60_000)
    assert (done.added_fen, done.after_fen, balances()) == (10_000, 60_000, (940_000, 59_281, 0))


def test_less_is_taken_from_what_is_unspent(spent: Deal) -> None:
    done = again(spent, 719)
    assert (done.returned_fen, done.clawed_back_fen, balances()) == (49_281, 0, (999_281, 0, 0))


def test_what_is_spent_is_claimed_back(spent: Deal) -> None:
    done = again(spent, None, "not_eligible")
    assert (done.returned_fen, done.clawed_back_fen, balances()) == (49_281, 719, (1_000_000, 0, -719))
    # Found eligible again after all: the next starts from there.
    more = again(spent, 500, key="third")
    assert (more.before_fen, more.added_fen, balances()) == (0, 500, (999_500, 500, -719))


def test_the_pot_pays_no_more_than_it_has(spent: Deal) -> None:
    with pytest.raises(InsufficientFunds):
        again(spent, 10_000_000)
    assert not TrueUp.objects.exists()


def test_what_is_under_way_settles_first(deal: Deal) -> None:
    deal.signed()
    with pytest.raises(Conflict, match=r"¥216\.00 of voucher voucher is held"):
        again(deal, 0)
    assert again(deal, 30_000, key="enough").returned_fen == 20_000


def test_what_is_no_ground(spent: Deal) -> None:
    for actor in (spent.cast.alice, spent.cast.ann):
        with pytest.raises(NotAllowed):
            again(spent, 1, actor=actor)
    with pytest.raises(Conflict, match="not final"):
        again(spent, None, "cannot_tell", "unknown")
    with pytest.raises(Conflict, match="stands on decision"):
        again(spent, None, key="decision")
    other = spent.decision(key="other", organisation=spent.cast.centre)
    with pytest.raises(Conflict, match="organisation and programme"):
        again(spent, None, key=other.key)
    with pytest.raises(InputError):
        true_ups.true_up_voucher(
            Voucher.objects.get(), spent.decision(key="x"), because=" ", actor=spent.cast.olive, now=spent.now,
            idempotency_key="x",
        )  # fmt: skip


def comes_in(deal: Deal, fen: int, reference: str, name: str = "") -> BankEntry:
    """On the city's account, from `name` (the firm)."""
    head = "交易日期,借方金额,贷方金额,对方户名,对方账号,流水号,客户流水号,摘要"
    row = f"2026-11-25,,{fen / 100:.2f},{name or deal.cast.firm.name},{NUMBERS['n-firm']},{reference},,退回"
    given = {"actor": deal.cast.olive, "now": deal.now}
    statement_imports.import_statement(None, f"{head}\n{row}\n".encode(), f"{reference}.csv", **given)
    return BankEntry.objects.get(reference=reference)


def repay(deal: Deal, entry: BankEntry, voucher: str = "voucher", actor: Actor | None = None, **given: Any) -> Any:
    return repayments.repay_claw_back(
        entry.account_number, entry.reference, **{"voucher_key": voucher, "because": "退款", **given},
        actor=actor or deal.cast.olive, now=deal.now,
    )  # fmt: skip


def test_what_is_claimed_back_is_paid_back_by_the_bank(spent: Deal) -> None:
    desk = Desk(spent)
    desk.accounts()
    again(spent, None, "not_eligible")
    first, second = comes_in(spent, 300, "B-1"), comes_in(spent, 419, "B-2")
    assert [(each.payee.key, each.owed_fen, each.voucher) for each in repayments.owed_awards([first])[0]] == [
        ("n-firm", 719, "voucher")
    ]
    assert [repay(spent, first).state for _ in range(2)] == ["matched", "matched"]
    assert balances() == (1_000_000, 0, -419)
    event = Event.objects.visible_to(spent.cast.alice).get(action="repay_claw_back")
    assert (event.payload["amount_fen"], event.payload["because"]) == (300, "退款")
    assert repay(spent, second).state == "matched"
    assert balances() == (1_000_000, 0, 0)
    assert Account.objects.get(code="CNY:bank-difference:city").balance == 0
    late = comes_in(spent, 1, "B-3")
    assert repayments.owed_awards([late]) == [[]]
    with pytest.raises(Conflict, match=r"¥0\.01 came in, and ¥0\.00 is owed"):
        repay(spent, late)
    assert verify_ledger(actor=spent.cast.olive).findings == ()


def test_what_pays_no_voucher_back_is_refused(spent: Deal) -> None:
    desk = Desk(spent)
    desk.accounts()
    again(spent, None, "not_eligible")
    entry = comes_in(spent, 720, "B-1", "别人")
    with pytest.raises(Conflict, match=r"¥7\.20 came in, and ¥7\.19 is owed"):
        repay(spent, entry)
    with pytest.raises(NotFound, match="no voucher 'none'"):
        repay(spent, entry, "none")
    with pytest.raises(NotFound, match="nothing was granted on 'none'"):
        repay(spent, entry, "", application_key="none")
    for named in ({"voucher": ""}, {"application_key": "x"}):
        with pytest.raises(InputError, match="name an application or a voucher"):
            repay(spent, entry, **named)
    with pytest.raises(InputError, match="a reason is wanted"):
        repay(spent, comes_in(spent, 1, "B-2"), because=" ")
    both = replace(spent.cast.olive, roles=spent.cast.alice.roles)
    for actor, refusal in (
        (both, NotAllowed),
        (spent.cast.alice, NotFound),
        (spent.cast.bob, NotFound),
        (spent.cast.ann, NotAllowed),
    ):
        with pytest.raises(refusal):
            repay(spent, entry, actor=actor)
    assert balances() == (1_000_000, 0, -719)


def test_by_the_command(spent: Deal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk(spent)
    desk.accounts()
    again(spent, None, "not_eligible")
    comes_in(spent, 300, "B-1")
    monkeypatch.setattr("siwei.cli.payments.open_city", lambda city: None)
    monkeypatch.setattr("django.utils.timezone.now", lambda: spent.now)
    named: tuple[dict[str, str], ...] = ({}, {"voucher": "voucher", "dispute": "d"})
    for each in named:
        with pytest.raises(InputError, match="a --dispute, a --voucher or an --application"):
            repaid("B-1", because="退款", **each)
    for _ in range(2):  # again, nothing changes
        repaid("B-1", voucher="voucher", because="退款", json=True)
        (told,) = json.loads(capsys.readouterr().out)
        assert (told["pays_back"], told["amount_fen"], told["state"]) == ("voucher", 300, "matched")
    assert balances() == (1_000_000, 0, -419)

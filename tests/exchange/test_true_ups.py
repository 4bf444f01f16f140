"""An award decided again: more, or less; what is unspent goes back, what is spent is owed."""

from typing import Any

import pytest
from exchange_deal import Deal

from siwei.errors import Conflict, InputError, InsufficientFunds, NotAllowed
from siwei.exchange import true_ups
from siwei.exchange.models import Account, Decision, TrueUp, Voucher


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

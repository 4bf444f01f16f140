"""The actions of the ledger: what they do, and what they refuse in words."""

from datetime import datetime, timedelta

import pytest

from siwei.errors import Conflict, InputError, InsufficientFunds, NotAllowed, NotFound
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.models import Account, Hold, Transfer


@pytest.fixture
def accounts(cast) -> None:
    ledger.open_account("budget", unit="CNY", purpose="budget", floor=-10_000)
    ledger.open_account("firm", unit="CNY", purpose="own-share", owner=cast.firm)
    ledger.open_account("centre", unit="CNY", purpose="receivable", owner=cast.centre)
    ledger.open_account("seats", unit="seat:course", purpose="seats")


def balances() -> dict[str, tuple[int, int]]:
    return {account.code: (account.balance, account.held) for account in Account.objects.all()}


@pytest.mark.usefixtures("accounts")
class TestLedger:
    def fund(self, cast, now: datetime, amount: int = 1_000) -> Transfer:
        return ledger.post_transfer("budget", "firm", amount, actor=cast.olive, now=now, idempotency_key="fund")

    def place(self, cast, now: datetime, amount: int = 600) -> Transfer:
        return ledger.hold(
            "firm", "centre", amount, expires_at=now + timedelta(days=1), actor=cast.olive, now=now, idempotency_key="h"
        )

    def test_post_moves_the_amount(self, cast, now) -> None:
        self.fund(cast, now)
        assert balances() == {"budget": (-1_000, 0), "firm": (1_000, 0), "centre": (0, 0), "seats": (0, 0)}

    def test_same_key_and_content_is_one_transfer(self, cast, now) -> None:
        assert self.fund(cast, now) == self.fund(cast, now + timedelta(hours=1))
        assert Transfer.objects.count() == 1

    def test_same_key_with_other_content_is_a_conflict(self, cast, now) -> None:
        self.fund(cast, now)
        with pytest.raises(Conflict, match="other content"):
            self.fund(cast, now, 2_000)

    def test_hold_capture_and_release(self, cast, now) -> None:
        self.fund(cast, now)
        self.place(cast, now)
        assert balances()["firm"] == (1_000, 600)
        ledger.capture("h", 200, actor=cast.olive, now=now, idempotency_key="c1")
        ledger.capture("h", 150, actor=cast.olive, now=now, idempotency_key="c2")
        ledger.release("h", 250, actor=cast.olive, now=now, idempotency_key="r")
        assert balances() == {"budget": (-1_000, 0), "firm": (650, 0), "centre": (350, 0), "seats": (0, 0)}
        held = Hold.objects.get()
        assert (held.amount, held.captured, held.released, held.remaining) == (600, 350, 250, 0)

    def test_overdraft_is_refused_and_leaves_nothing(self, cast, now) -> None:
        self.fund(cast, now)
        self.place(cast, now)
        before = balances()
        with pytest.raises(InsufficientFunds, match="less than that available"):
            ledger.post_transfer("firm", "centre", 401, actor=cast.olive, now=now, idempotency_key="x")
        with pytest.raises(InsufficientFunds):
            ledger.post_transfer("budget", "firm", 9_001, actor=cast.olive, now=now, idempotency_key="y")
        assert balances() == before

    def test_no_more_than_the_hold(self, cast, now) -> None:
        self.fund(cast, now)
        self.place(cast, now)
        ledger.capture("h", 600, actor=cast.olive, now=now, idempotency_key="c1")
        for action in (ledger.capture, ledger.release):
            with pytest.raises(InsufficientFunds, match="remains of the hold"):
                action("h", 1, actor=cast.olive, now=now, idempotency_key="c2")

    def test_an_expired_hold_is_released_once_and_never_captured(self, cast, now) -> None:
        self.fund(cast, now)
        self.place(cast, now)
        ledger.capture("h", 100, actor=cast.olive, now=now, idempotency_key="c1")
        late = now + timedelta(days=1)
        with pytest.raises(Conflict, match="expired"):
            ledger.capture("h", 1, actor=cast.olive, now=late, idempotency_key="c2")
        assert ledger.expire_holds(actor=cast.olive, now=late - timedelta(seconds=1)) == 0
        assert ledger.expire_holds(actor=cast.olive, now=late) == 1
        assert ledger.expire_holds(actor=cast.olive, now=late) == 0
        assert balances()["firm"] == (900, 0)

    @pytest.mark.parametrize("amount", [0, -1, 1.0, True, 10**16 + 1, "5"])
    def test_amounts_are_positive_integers(self, cast, now, amount) -> None:
        with pytest.raises(InputError, match="amount is"):
            ledger.post_transfer("budget", "firm", amount, actor=cast.olive, now=now, idempotency_key="x")

    def test_units_do_not_mix(self, cast, now) -> None:
        with pytest.raises(Conflict, match="another unit"):
            ledger.post_transfer("budget", "seats", 1, actor=cast.olive, now=now, idempotency_key="x")

    def test_nobody_pays_himself(self, cast, now) -> None:
        with pytest.raises(Conflict, match="cannot pay itself"):
            ledger.post_transfer("budget", "budget", 1, actor=cast.olive, now=now, idempotency_key="x")

    def test_a_naive_time_is_refused(self, cast, now) -> None:
        with pytest.raises(InputError, match="no time zone"):
            ledger.post_transfer(
                "budget", "firm", 1, actor=cast.olive, now=now.replace(tzinfo=None), idempotency_key="x"
            )

    def test_what_is_not_there(self, cast, now) -> None:
        with pytest.raises(NotFound, match="no account 'nobody'"):
            ledger.post_transfer("nobody", "firm", 1, actor=cast.olive, now=now, idempotency_key="x")
        with pytest.raises(NotFound, match="no hold 'nothing'"):
            ledger.capture("nothing", 1, actor=cast.olive, now=now, idempotency_key="x")

    def test_a_post_is_not_a_hold(self, cast, now) -> None:
        self.fund(cast, now)
        with pytest.raises(NotFound, match="no hold 'fund'"):
            ledger.capture("fund", 1, actor=cast.olive, now=now, idempotency_key="x")

    def test_only_the_operator_moves_money_by_hand(self, cast, now) -> None:
        self.fund(cast, now)
        self.place(cast, now)
        for actor in (cast.alice, cast.bob, cast.charlie, cast.ann):
            given = {"actor": actor, "now": now}
            with pytest.raises(NotAllowed):
                ledger.post_transfer("budget", "firm", 1, idempotency_key="a", **given)
            with pytest.raises(NotAllowed):
                ledger.hold("firm", "centre", 1, expires_at=now, idempotency_key="b", **given)
            with pytest.raises(NotAllowed):
                ledger.capture("h", 1, idempotency_key="c", **given)
            with pytest.raises(NotAllowed):
                ledger.release("h", 1, idempotency_key="d", **given)
            with pytest.raises(NotAllowed):
                ledger.expire_holds(**given)

"""An agreement's money set aside: placed by the last signature, given back by a cancellation."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from siwei.errors import InsufficientFunds
from siwei.exchange.actors import Actor
from siwei.exchange.ledger.accounts import commitment_account, own_share_account, receivable_account
from siwei.exchange.ledger.actions import Entry, of_hold, write_transfer
from siwei.exchange.models import Account, Agreement, AgreementLine, Hold, Transfer, TransferKind, Voucher
from siwei.exchange.trading.terms import checked_context
from siwei.market.bank import exact_yuan

SETTLEMENT_GRACE = timedelta(days=30)
"""How long after an agreement's end its holds stay: what began in time is still metered and charged."""


def place_holds(agreement: Agreement, now: datetime, day: date, actor: Actor) -> None:
    """Hold the voucher's share and the firm's own of every line; `InsufficientFunds` where either is not there."""
    voucher = agreement.voucher
    if agreement.match is not None and voucher is not None:
        # Ties and lists may have changed since it was proposed.
        checked_context(agreement.match, voucher, day, actor)
    for line in agreement.lines.select_related("provider", "consumer").order_by("number"):
        receivable = receivable_account(line.provider)
        causes = {"agreement": agreement.key, "line": line.number}
        if line.voucher_fen and voucher is not None:
            entry = Entry(
                TransferKind.HOLD,
                voucher.account,
                receivable,
                line.voucher_fen,
                None,
                agreement.ends_at + SETTLEMENT_GRACE,
                "voucher share",
                causes,
            )
            line.voucher_hold = _hold_of_voucher(voucher, entry, f"sign:{agreement.key}:{line.number}:voucher", now)
        if line.own_fen:
            line.own_hold = _hold_own_share(line, receivable, causes, now)
        line.save(update_fields=["voucher_hold", "own_hold"])


def release_holds(agreement: Agreement, now: datetime) -> None:
    for line in agreement.lines.all():
        for placed in (line.voucher_hold, line.own_hold):
            if placed is not None and (remaining := Hold.objects.get(pk=placed.pk).remaining):
                entry = of_hold(TransferKind.RELEASE, placed, remaining, "cancelled")
                write_transfer(entry, key=f"cancel:{placed.idempotency_key}", now=now)


def extend_holds(agreement: Agreement, until: datetime, why: str, now: datetime) -> int:
    """Put off the expiry of what is still held: a hold's expiry never changes, so each is released and placed anew for
    what remains, in one transaction. Doing it again under the same `why` changes nothing. How many it put off."""
    moved = 0
    for line in agreement.lines.order_by("number"):
        for payer, placed in (("voucher", line.voucher_hold), ("own", line.own_hold)):
            if placed is None:
                continue
            progress = Hold.objects.get(pk=placed.pk)
            if not progress.remaining or not now < progress.expires_at < until:
                continue
            key = f"extend:{why}:{line.number}:{payer}"
            write_transfer(
                of_hold(TransferKind.RELEASE, placed, progress.remaining, "extended"), key=f"{key}:off", now=now
            )
            entry = Entry(
                TransferKind.HOLD, placed.debit_account, placed.credit_account, progress.remaining, None, until,
                "extended", placed.causes,
            )  # fmt: skip
            line.earlier_holds = [*line.earlier_holds, placed.pk]
            setattr(line, f"{payer}_hold", write_transfer(entry, key=key, now=now))
            moved += 1
        line.save(update_fields=["voucher_hold", "own_hold", "earlier_holds"])
    return moved


def _hold_of_voucher(voucher: Voucher, entry: Entry, key: str, now: datetime) -> Transfer:
    try:
        return write_transfer(entry, key=key, now=now)
    except InsufficientFunds:
        voucher.account.refresh_from_db()
        left, share = exact_yuan(voucher.account.available), exact_yuan(entry.amount or 0)
        raise InsufficientFunds(
            f"voucher {voucher.key} has {left} left that is not set aside, its share here is {share} "
            "→ have it quoted and proposed again, or wait until what else it pays is settled",
            f"券 {voucher.key} 未冻结的余额为 {left}，此处应付 {share} → 请重新报价并提出，或等该券的其他支付结算之后",
        ) from None


def _hold_own_share(line: AgreementLine, receivable: Account, causes: Mapping[str, Any], now: datetime) -> Transfer:
    """Commit what the own-share account lacks from the firm's declared budget, then hold it."""
    account, commitment = own_share_account(line.consumer), commitment_account(line.consumer)
    # What another signature takes at this moment is not there to be counted on: both accounts, in the ledger's order.
    locked = Account.objects.select_for_update().filter(pk__in=(account.pk, commitment.pk)).order_by("pk")
    account = next(each for each in locked if each.pk == account.pk)
    key = f"sign:{causes['agreement']}:{line.number}:own"
    short = line.own_fen - account.available
    if short > 0:
        entry = Entry(TransferKind.POST, commitment, account, short, memo="own share", causes=causes)
        try:
            write_transfer(entry, key=f"{key}:commit", now=now)
        except InsufficientFunds:
            own = exact_yuan(line.own_fen)  # not what is missing: the other side may be who signs last
            raise InsufficientFunds(
                f"{line.consumer.name} must pay {own} itself and its declared budget has less left "
                "→ have it declare a larger budget",
                f"{line.consumer.name} 须自付 {own}，其申报预算余额不足 → 请由其申报更大的预算",
            ) from None
    entry = Entry(
        TransferKind.HOLD,
        account,
        receivable,
        line.own_fen,
        None,
        line.agreement.ends_at + SETTLEMENT_GRACE,
        "own share",
        causes,
    )
    return write_transfer(entry, key=key, now=now)

"""One payment order: written with its hold on the ledger, found again, and ended with what is still held released."""

from datetime import datetime, timedelta
from typing import Any

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.ledger.accounts import grant_account, paid_account, receivable_account
from siwei.exchange.ledger.actions import Entry, of_hold, write_transfer
from siwei.exchange.models import Hold, OrderState, PaymentBatch, PaymentItem, PaymentOrder, Pseudonym, TransferKind
from siwei.exchange.trading.overpayments import set_off
from siwei.exchange.trading.payments_due import Due

HELD_FOR = timedelta(days=3650)
"""An order's hold outlasts any bank."""


def find_order(end_to_end_id: str, actor: Actor) -> PaymentOrder:
    """To whom may not see it, it is not there."""
    found = PaymentOrder.objects.visible_to(actor).select_related(
        "batch__payer", "payee", "pseudonym", "hold", "creditor", "person_creditor__pseudonym"
    )
    order = found.filter(end_to_end_id=end_to_end_id).first()
    if order is None:
        raise NotFound(f"no payment order {end_to_end_id!r:.60}", f"没有付款指令 {end_to_end_id!r:.60}")
    return order


def end_order(order: PaymentOrder, state: OrderState, reason: str, now: datetime) -> None:
    """Release what of the order is still held; what it was to pay is due again. Inside the caller's transaction."""
    left = Hold.objects.get(pk=order.hold_id).remaining
    if left:
        entry = of_hold(TransferKind.RELEASE, order.hold, left, str(state))
        write_transfer(entry, key=f"order:{order.end_to_end_id}:release", now=now)
    PaymentOrder.objects.filter(pk=order.pk).update(state=state, reason=reason)
    PaymentItem.objects.filter(order=order).update(is_live=False)
    order.state, order.reason = state, reason


def write_order(batch: PaymentBatch, number: int, due: Due, now: datetime) -> None:
    assert due.account is not None
    identifier = f"{batch.message_id}-{number}"
    what = f"{'扶持资金' if due.is_grant else '结算款'}{'余款' if due.items[0].rest else ''}"
    if isinstance(due.payee, Pseudonym) or due.is_grant:
        source = grant_account(due.payee)
    else:
        source = receivable_account(due.payee)
    causes = {"order": identifier, "batch": batch.message_id}
    entry = Entry(
        TransferKind.HOLD,
        source,
        paid_account(due.payee),
        due.amount_fen,
        None,
        now + HELD_FOR,
        "payment order",
        causes,
    )
    if isinstance(due.payee, Pseudonym):
        to: dict[str, Any] = {"pseudonym": due.payee, "person_creditor": due.account}
    else:
        to = {"payee": due.payee, "creditor": due.account}
    order = PaymentOrder.objects.create(
        batch=batch, number=number, end_to_end_id=identifier, **to, amount_fen=due.amount_fen,
        remittance=f"{identifier} {what}", hold=write_transfer(entry, key=f"order:{identifier}", now=now),
    )  # fmt: skip
    set_off(due, identifier, now)
    PaymentItem.objects.bulk_create(
        PaymentItem(
            order=order, part=item.part, settlement=item.settlement, line=item.line, dispute=item.dispute,
            grant=item.grant, rest=item.rest, amount_fen=item.amount_fen,
        )
        for item in due.items
    )  # fmt: skip

"""A part of an order that came back: booked against it by somebody's word, the part is due again.

An order whose whole amount comes back is due again by itself (`reconciliation`); of a part nobody but a person knows
whether it is that order's.
"""

from datetime import datetime

from django.db.models import Sum

from siwei.errors import Conflict, Said, chinese_of
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action
from siwei.exchange.ledger.accounts import paid_account
from siwei.exchange.ledger.actions import Entry, of_reversal, write_transfer
from siwei.exchange.models import (
    BankEntry,
    EntryState,
    Finding,
    OrderRest,
    PaymentOrder,
    RestKind,
    RestState,
    Transfer,
    TransferKind,
)
from siwei.exchange.payments.payment_batches import locked_batch, reason_of
from siwei.exchange.payments.payment_orders import find_order
from siwei.exchange.payments.reconciliation import PAID_SOMETHING, decide_entry, key_of, open_entry, tell_of
from siwei.exchange.state_words import word_zh
from siwei.market.bank import Direction, exact_yuan


@money_action
def return_entry(
    account_number: str, reference: str, end_to_end_id: str, *, because: str, actor: Actor, now: datetime
) -> BankEntry:
    """Say that money which came in is a part of what was paid by this order. Its difference goes, exactly that part is
    due again, and stands as an order by itself in the next batch. Again: nothing changes."""
    entry = open_entry(account_number, reference, actor, Said("book the return of", "登记退回："))
    order = find_order(end_to_end_id, actor)
    if entry.state != EntryState.OPEN:
        if entry.order_id == order.pk and OrderRest.objects.filter(entry=entry).exists():
            return entry
        raise Conflict(
            f"entry {reference} is {entry.state} already", f"流水 {reference} 已处于“{word_zh(entry.state)}”"
        )
    if order.batch.payer_id != entry.organisation_id:
        raise Conflict(
            f"order {end_to_end_id} is paid from another account", f"付款指令 {end_to_end_id} 由另一账户支付"
        )
    if entry.direction != Direction.IN or entry.finding != Finding.RECEIVED:
        raise Conflict(
            f"entry {reference} is {entry.finding}: only what came in is booked as a return",
            f"流水 {reference} 为“{word_zh(entry.finding)}”：只有收到的款项才记为退回",
        )
    if entry.order is not None and entry.order_id != order.pk:
        raise Conflict(
            f"the bank says that {reference} is of {entry.order.end_to_end_id} → book it against that",
            f"银行称 {reference} 属于 {entry.order.end_to_end_id} → 请记到那一笔",
        )
    locked_batch(order.batch.message_id, actor)
    order = find_order(end_to_end_id, actor)
    _check_paid(entry, order)
    reason = reason_of(because)
    OrderRest.objects.create(
        order=order, number=order.rests.count() + 1, kind=RestKind.RETURNED, state=RestState.DUE, entry=entry,
        amount_fen=entry.amount_fen, reason=reason, made_by_id=actor.person_id, made_at=now,
    )  # fmt: skip
    assert entry.difference is not None
    key = key_of(entry)
    write_transfer(of_reversal(entry.difference, memo="matched"), key=f"{key}:matched", now=now)
    source = Transfer.objects.select_related("debit_account").get(pk=order.hold_id).debit_account
    causes = {"order": end_to_end_id, "batch": order.batch.message_id, "bank_entry": key}
    back = Entry(
        TransferKind.POST, paid_account(order.paid_to), source, entry.amount_fen, memo="returned", causes=causes
    )  # fmt: skip
    write_transfer(back, key=f"{key}:returned", now=now)
    changed = decide_entry(entry, EntryState.MATCHED, reason, actor, now, order=order, finding=Finding.RETURNED)
    tell_of("return_entry", key, changed, order, now, actor, reason)
    return changed


def returned_fen(order: PaymentOrder) -> int:
    found = order.rests.filter(kind=RestKind.RETURNED).aggregate(fen=Sum("amount_fen"))
    return found["fen"] or 0


def _check_paid(entry: BankEntry, order: PaymentOrder) -> None:
    if order.state not in PAID_SOMETHING:
        raise Conflict(
            f"order {order.end_to_end_id} is {order.state}: nothing of it is paid that could come back",
            f"付款指令 {order.end_to_end_id} 处于“{word_zh(order.state)}”：没有已付款可退回",
        )
    left = order.paid_fen - returned_fen(order)
    if entry.amount_fen > left:
        raise Conflict(
            f"{exact_yuan(entry.amount_fen)} came in, and no more than {exact_yuan(left)} of "
            f"{order.end_to_end_id} can return",
            f"收到 {exact_yuan(entry.amount_fen)}，而 {order.end_to_end_id} 可退回的不超过 {exact_yuan(left)}",
        )
    too_much = BankEntry.objects.filter(
        order=order, state=EntryState.OPEN, finding__in=(Finding.OVERPAID, Finding.PAID_TWICE)
    ).first()
    if too_much is not None:
        told = Said(
            f"the bank paid {exact_yuan(too_much.difference_fen)} too much by {order.end_to_end_id}",
            f"银行按 {order.end_to_end_id} 多付了 {exact_yuan(too_much.difference_fen)}",
        )
        raise Conflict(
            f"{told}, entry {too_much.reference} → explain both as what came back of that",
            f"{chinese_of(told)}，见流水 {too_much.reference} → 请把两条都说明为该笔的退回",
        )

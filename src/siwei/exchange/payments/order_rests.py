"""What becomes of the rest of an order that the bank paid in part: ordered anew, or written off by two people.

Neither while the bank may still pay it. What was held for it is released. Ordered anew, it is due by itself, and a
further order of exactly it stands in the next batch; written off, it leaves the payee's account for `written-off`.
"""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from siwei.errors import Conflict, Said, chinese_of
from siwei.exchange.access import require
from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.audit import money_action, record_event
from siwei.exchange.ledger.accounts import written_off_account
from siwei.exchange.ledger.actions import Entry, of_hold, write_transfer
from siwei.exchange.models import (
    BankEntry,
    EntryState,
    Finding,
    OrderRest,
    OrderState,
    Outcome,
    PaymentOrder,
    RestKind,
    RestState,
    StatementFile,
    StatusLine,
    Transfer,
    TransferKind,
)
from siwei.exchange.payments.payment_batches import keeps_money_of, locked_batch, payer_of, reason_of
from siwei.exchange.payments.payment_orders import find_order
from siwei.exchange.payments.reconciliation import LATE_AFTER_DAYS
from siwei.exchange.payments.suggestions import suggestions
from siwei.exchange.people.mandates import is_same_person
from siwei.exchange.state_words import word_zh
from siwei.market.bank.pain002 import ACCEPTED, REJECTED


@money_action
def order_rest(end_to_end_id: str, *, because: str, actor: Actor, now: datetime) -> OrderRest:
    """Order anew what the bank did not pay of an order: exactly that is due, and stands in the next batch, which two
    people approve as any other. Again: nothing changes."""
    order = _kept(end_to_end_id, actor, Said("order the rest of", "另行下单余款："))
    earlier = _decided(order)
    if earlier is not None and earlier.state == RestState.DUE:
        return earlier
    _check_open(order, earlier, now)
    rest = _missing(order, RestState.DUE, reason_of(because), actor, now)
    _end(rest, "ordered anew", now)
    _record("order_rest", rest, actor, now)
    return rest


@money_action
def write_off(end_to_end_id: str, *, because: str, actor: Actor, now: datetime) -> OrderRest:
    """Ask that what the bank did not pay of an order is not paid at all, with the reason; two others approve it."""
    order = _kept(end_to_end_id, actor, Said("write off the rest of", "核销余款："))
    earlier = _decided(order)
    if earlier is not None and earlier.state in (RestState.ASKED, RestState.WRITTEN_OFF):
        return earlier
    _check_open(order, earlier, now)
    rest = _missing(order, RestState.ASKED, reason_of(because), actor, now)
    _record("write_off", rest, actor, now)
    return rest


@money_action
def approve_write_off(end_to_end_id: str, amount_fen: int, *, actor: Actor, now: datetime) -> OrderRest:
    """The first or the second of two people who did not ask for it; with the second the rest is written off.
    `amount_fen` is what the approver was shown. Again by the same person: nothing changes."""
    order = _kept(end_to_end_id, actor, Said("approve what is written off of", "批准核销："))
    rest = _decided(order)
    if rest is None or rest.state == RestState.DUE:
        raise Conflict(f"nobody asked to write off the rest of {end_to_end_id}", f"无人申请核销 {end_to_end_id} 的余款")
    if actor.person_id is None:
        raise Conflict(
            "people approve, never the platform itself → approve it on the page of its batch",
            "批准须由人作出，平台自己不能 → 请在其批次页面批准",
        )
    if actor.person_id in (rest.first_by_id, rest.second_by_id):
        return rest
    if rest.state == RestState.WRITTEN_OFF:
        raise Conflict(f"the rest of {end_to_end_id} is written off already", f"{end_to_end_id} 的余款已核销")
    if is_same_person(rest.made_by_id, actor.person_id):
        raise Conflict("you asked for it → two other people approve it", "这是您申请的 → 由另外两人批准")
    if is_same_person(rest.first_by_id, actor.person_id):
        raise Conflict(
            "you approved it with another account → another person approves it", "您已用另一账号批准 → 由另一人批准"
        )
    if not amount_fen == rest.amount_fen == order.amount_fen - order.paid_fen:
        raise Conflict(
            f"what is missing of {end_to_end_id} is not what you were shown → look at it again",
            f"{end_to_end_id} 的欠付金额与显示给您的不同 → 请重新查看",
        )
    _check_waiting(order, now)
    if rest.first_by_id is None:
        _change(rest, first_by_id=actor.person_id, first_at=now)
    else:
        _change(rest, second_by_id=actor.person_id, second_at=now, state=RestState.WRITTEN_OFF)
        _end(rest, "written off", now)
        source = Transfer.objects.select_related("debit_account").get(pk=order.hold_id).debit_account
        causes = {"order": end_to_end_id, "batch": order.batch.message_id}
        entry = Entry(
            TransferKind.POST, source, written_off_account(order.paid_to), rest.amount_fen, memo="written off",
            causes=causes,
        )  # fmt: skip
        write_transfer(entry, key=f"order:{end_to_end_id}:written-off", now=now)
    place = "second" if rest.second_by_id else "first"
    _record("approve_write_off", rest, actor, now, place)
    return rest


@money_action
def withdraw_write_off(end_to_end_id: str, *, because: str, actor: Actor, now: datetime) -> OrderRest:
    """It is not written off after all: before two people have approved it. Again: nothing changes."""
    order = _kept(end_to_end_id, actor, Said("withdraw what is to be written off of", "撤回核销申请："))
    rest = order.rests.filter(kind=RestKind.UNPAID).order_by("-number").first()
    if rest is None or rest.state in (RestState.DUE, RestState.WRITTEN_OFF):
        raise Conflict(f"nothing waits to be written off of {end_to_end_id}", f"{end_to_end_id} 没有等待核销的余款")
    if rest.state == RestState.ASKED:
        reason = reason_of(because)
        _change(rest, state=RestState.WITHDRAWN)
        _record("withdraw_write_off", rest, actor, now, because=reason)
    return rest


def why_it_may_still_be_paid(order: PaymentOrder, now: datetime) -> str:
    """Empty where the bank will not pay the rest any more: it said so after its last payment, or has said and paid
    nothing for some days, of which a statement is imported."""
    for entry in BankEntry.objects.filter(
        organisation=order.batch.payer_id, state=EntryState.OPEN, direction="out",
        amount_fen=order.amount_fen - order.paid_fen, finding__in=(Finding.NOT_ORDERED, Finding.OTHER_PAYEE),
    ).select_related("organisation"):  # fmt: skip
        if entry.order_id == order.pk or order in suggestions(entry):
            return Said(
                f"the bank's entry {entry.reference} may be that payment → match or explain it first",
                f"银行流水 {entry.reference} 可能就是该付款 → 请先对上或说明",
            )
    paid = BankEntry.objects.filter(order=order, direction="out", finding__in=(Finding.PAID, Finding.PART_PAID))
    payment = paid.select_related("file").order_by("-booked_on", "-pk").first()
    words = StatusLine.objects.filter(order=order, outcome__in=(Outcome.NOTED, Outcome.UNCHANGED))
    word = (
        words.filter(code__in=ACCEPTED | REJECTED).select_related("file").order_by("-file__imported_at", "-pk").first()
    )
    last = order.paid_on or order.batch.execute_on
    if word is not None and (payment is None or word.file.imported_at >= payment.file.imported_at):
        if word.code in REJECTED:
            return ""
        last = max(last, timezone.localdate(word.file.imported_at))
    until = last + timedelta(days=LATE_AFTER_DAYS)
    if timezone.localdate(now) < until:
        return Said(
            f"the bank has until {until} to pay it → wait, or import its report that it will not",
            f"银行在 {until} 之前仍可支付 → 请等待，或导入银行不再支付的回执",
        )
    files = StatementFile.objects.filter(organisation=order.batch.payer_id, is_whole=True)
    if not any(timezone.localdate(file.imported_at) >= until for file in files.order_by("-imported_at")[:1]):
        return Said(
            f"no statement imported since {until} says that it did not → import the bank's statement first",
            f"{until} 以来没有导入对账单证明未付 → 请先导入银行对账单",
        )
    return ""


def _kept(end_to_end_id: str, actor: Actor, what: str) -> PaymentOrder:
    """The order with its batch locked, for those who keep the payer's money."""
    batch = locked_batch(find_order(end_to_end_id, actor).batch.message_id, PLATFORM)
    require(
        keeps_money_of(actor, batch),
        actor,
        Said(f"{what} payments of {payer_of(batch)}", f"{chinese_of(what)}{chinese_of(payer_of(batch))} 的付款"),
    )
    return find_order(end_to_end_id, actor)


def _decided(order: PaymentOrder) -> OrderRest | None:
    found = order.rests.filter(kind=RestKind.UNPAID).exclude(state=RestState.WITHDRAWN)
    return found.select_related("order__batch", "order__payee", "order__pseudonym").first()


def _check_open(order: PaymentOrder, earlier: OrderRest | None, now: datetime) -> None:
    if earlier is not None:
        what = {RestState.DUE: Said("ordered anew", "已另行下单"), RestState.WRITTEN_OFF: Said("written off", "已核销")}
        told = what.get(RestState(earlier.state), "to be written off → withdraw that first")
        raise Conflict(
            f"the rest of {order.end_to_end_id} is {told}", f"{order.end_to_end_id} 的余款{chinese_of(told)}"
        )
    _check_waiting(order, now)


def _check_waiting(order: PaymentOrder, now: datetime) -> None:
    if order.state != OrderState.PART_PAID:
        raise Conflict(
            f"order {order.end_to_end_id} is {order.state}: it has no rest that waits",
            f"付款指令 {order.end_to_end_id} 处于“{word_zh(order.state)}”：没有等待处理的余款",
        )
    why = why_it_may_still_be_paid(order, now)
    if why:
        raise Conflict(
            f"the rest of {order.end_to_end_id} may still be paid: {why}",
            f"{order.end_to_end_id} 的余款仍可能支付：{chinese_of(why)}",
        )


def _missing(order: PaymentOrder, state: RestState, reason: str, actor: Actor, now: datetime) -> OrderRest:
    return OrderRest.objects.create(
        order=order, number=order.rests.count() + 1, kind=RestKind.UNPAID, state=state, reason=reason,
        amount_fen=order.amount_fen - order.paid_fen, made_by_id=actor.person_id, made_at=now,
    )  # fmt: skip


def _end(rest: OrderRest, memo: str, now: datetime) -> None:
    """Release what is held for the rest; the order ends with what was paid of it, and its items stay as they are."""
    order = rest.order
    entry = of_hold(TransferKind.RELEASE, order.hold, rest.amount_fen, memo)
    write_transfer(entry, key=f"order:{order.end_to_end_id}:rest", now=now)
    same = PaymentOrder.objects.filter(pk=order.pk, state=OrderState.PART_PAID, paid_fen=order.paid_fen)
    if not same.update(state=OrderState.ENDED, reason=rest.reason):
        raise Conflict(
            f"order {order.end_to_end_id} was changed by somebody else → look again",
            f"付款指令 {order.end_to_end_id} 已被他人更改 → 请重新查看",
        )
    order.state, order.reason = OrderState.ENDED, rest.reason


def _change(rest: OrderRest, **values: Any) -> None:
    """Only where nobody changed it meanwhile."""
    same = OrderRest.objects.filter(pk=rest.pk, state=rest.state, first_by_id=rest.first_by_id)
    if not same.update(**values):
        raise Conflict(
            f"the rest of {rest.order.end_to_end_id} was decided by somebody else → look again",
            f"{rest.order.end_to_end_id} 的余款已由他人处理 → 请重新查看",
        )
    for name, value in values.items():
        setattr(rest, name, value)


def _record(name: str, rest: OrderRest, actor: Actor, now: datetime, place: str = "", because: str = "") -> None:
    """The payer's people and the payee's read what became of their order."""
    order = rest.order
    batch = order.batch
    key = ":".join(filter(None, (order.end_to_end_id, str(rest.number), place)))
    record_event(
        name, key, {}, subject=f"payment_order:{order.end_to_end_id}", actor=actor, now=now,
        organisations=[each for each in (batch.payer, order.payee) if each is not None],
        payload={"amount_fen": rest.amount_fen, "because": because or rest.reason},
    )  # fmt: skip

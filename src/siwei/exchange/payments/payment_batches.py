"""Payment orders: due → batch → approved by two people → written for the bank → paid, rejected, returned.

A batch is made whole; what it says is hashed, and an approval is of that hash. The amount of each order is held on the
ledger from then on, and captured when the bank's statement says that it was paid (`reconciliation`).
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from siwei.errors import Conflict, InputError, NotFound, Problem, Said, chinese_of
from siwei.exchange.access import can_act_for, can_commit_money_for, can_operate, require
from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.audit import action, money_action, record_event, repeated
from siwei.exchange.canonical import sha256_of
from siwei.exchange.models import (
    BatchState,
    OrderState,
    Organisation,
    PaymentBatch,
    PaymentFile,
    PaymentFileForm,
    PaymentItem,
    PaymentOrder,
    PaymentPart,
)
from siwei.exchange.parties import find_organisation
from siwei.exchange.payments.bank_accounts import account_of
from siwei.exchange.payments.payment_files import hold_payees, write_files
from siwei.exchange.payments.payment_orders import end_order, find_order, write_order
from siwei.exchange.people.mandates import is_same_person
from siwei.exchange.state_words import word_zh
from siwei.exchange.trading.overpayments import lock_receivables
from siwei.exchange.trading.payments_due import Due, DueItem, payments_due
from siwei.market.bank import exact_yuan

MOST_ORDERS = 2_000


@action
def make_batch(
    payer: str | None,
    *,
    execute_on: date,
    payees: Collection[str] | None = None,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> PaymentBatch:
    """Order what is due from `payer` (None: the city) to everybody with a bank account, or to `payees` alone.

    For the payer's own people and the operator; it pays nothing before two others approve it. `Conflict` where nothing
    can be ordered, or the payer has no bank account.
    """
    owner = find_organisation(payer) if payer is not None else None
    allowed = can_act_for(actor, owner.pk) if owner else can_operate(actor)
    require(
        allowed,
        actor,
        Said(
            f"order payments of {owner.name if owner else 'the city'}", f"为{owner.name if owner else '本市'}下付款指令"
        ),
    )
    wanted = sorted(payees) if payees is not None else None
    content = {"payer": payer, "execute_on": execute_on, "payees": wanted}
    if repeated("make_batch", idempotency_key, content):
        return PaymentBatch.objects.get(key=idempotency_key)
    if abs(execute_on - timezone.localdate(now)) > timedelta(days=400):
        raise InputError(
            [
                Problem(
                    Said(f"{execute_on} is far from today", f"{execute_on} 离今天太远"),
                    Said("the day of payment", "付款日期"),
                    field="execute_on",
                )
            ]
        )
    debtor = account_of(owner)
    if debtor is None:
        raise Conflict(
            f"{owner.name if owner else 'the city'} has no bank account here → enter it first",
            f"{owner.name if owner else '本市'}在此没有银行账户 → 请先录入",
        )
    orders = _to_order(owner, wanted)
    lock_receivables([due.payee for due in orders])
    orders = _to_order(owner, wanted)
    if not orders:
        raise Conflict(
            "nothing is due that can be ordered → see what is missing on the payment desk",
            "没有可下指令的应付款 → 缺少什么见付款工作台",
        )
    message_id = f"SW{execute_on:%Y%m%d}-{hashlib.sha256(idempotency_key.encode()).hexdigest()[:8].upper()}"
    orders = orders[:MOST_ORDERS]
    batch = PaymentBatch.objects.create(
        key=idempotency_key, message_id=message_id, payer=owner, debtor=debtor, execute_on=execute_on,
        orders_count=len(orders), total_fen=sum(due.amount_fen for due in orders),
        content_sha256=sha256_of(_planned(message_id, debtor.key, execute_on, orders)),
        made_by_id=actor.person_id, made_at=now,
    )  # fmt: skip
    for number, due in enumerate(orders, 1):
        write_order(batch, number, due, now)
    _record("make_batch", idempotency_key, content, batch, actor, now)
    return batch


def _to_order(payer: Organisation | None, wanted: Collection[str] | None) -> list[Due]:
    return [due for due in payments_due(payer) if not due.hindrance and (wanted is None or due.payee.key in wanted)]


@money_action
def approve_batch(message_id: str, content_sha256: str, *, actor: Actor, now: datetime) -> PaymentBatch:
    """Approve what the batch says, told by its hash: the first of two people, or the second. Again: nothing changes.

    For those who keep the payer's money (the city's: operators), never for who made it.
    """
    batch = locked_batch(message_id, actor)
    require(
        actor.person_id is not None and keeps_money_of(actor, batch),
        actor,
        Said(f"approve payments of {payer_of(batch)}", f"批准{chinese_of(payer_of(batch))} 的付款"),
    )
    if actor.person_id in (batch.first_by_id, batch.second_by_id):
        return batch
    if is_same_person(batch.made_by_id, actor.person_id):
        raise Conflict("you made this batch → two other people approve it", "该批次由您制作 → 由另外两人批准")
    if is_same_person(batch.first_by_id, actor.person_id):
        raise Conflict(
            "you approved this batch with another account → another person approves it",
            "您已用另一账号批准该批次 → 由另一人批准",
        )
    if batch.state != BatchState.OPEN:
        raise Conflict(
            f"batch {batch.message_id} is {batch.state}: nothing to approve",
            f"批次 {batch.message_id} 处于“{word_zh(batch.state)}”：没有可批准的",
        )
    _check_content(batch, content_sha256)
    place = "first" if batch.first_by_id is None else "second"
    values: dict[str, Any] = {
        f"{place}_by_id": actor.person_id, f"{place}_at": now, f"{place}_sha256": content_sha256
    }  # fmt: skip
    if place == "second":
        values["state"] = BatchState.APPROVED
    _change(batch, **values)
    _record("approve_batch", f"{batch.message_id}:{place}", {}, batch, actor, now)
    return batch


@money_action
def withdraw_batch(message_id: str, *, because: str, actor: Actor, now: datetime) -> PaymentBatch:
    """Take a batch back before it went to the bank: what it held is free, and due again."""
    batch = locked_batch(message_id, actor)
    own = actor.person_id is not None and batch.made_by_id == actor.person_id
    require(
        keeps_money_of(actor, batch) or own,
        actor,
        Said(f"withdraw payments of {payer_of(batch)}", f"撤回{chinese_of(payer_of(batch))} 的付款"),
    )
    if batch.state == BatchState.WITHDRAWN:
        return batch
    if batch.state == BatchState.EXPORTED:
        raise Conflict(
            f"batch {batch.message_id} went to the bank → say of each order what the bank did with it",
            f"批次 {batch.message_id} 已送银行 → 请逐笔说明银行如何处理",
        )
    reason = reason_of(because)
    for order in batch.orders.select_related("hold").order_by("number"):
        end_order(order, OrderState.WITHDRAWN, reason, now)
    _change(batch, state=BatchState.WITHDRAWN, reason=reason)
    _record("withdraw_batch", batch.message_id, {}, batch, actor, now, because=reason)
    return batch


@money_action
def export_batch(message_id: str, form: str, *, actor: Actor, now: datetime) -> PaymentFile:
    """The approved batch for the bank, as `pain001` or `csv`. The first time it is written and counts as sent; from
    then on it is the same bytes (`payment_files.sent_content`)."""
    batch = locked_batch(message_id, actor)
    require(
        keeps_money_of(actor, batch),
        actor,
        Said(f"export payments of {payer_of(batch)}", f"导出{chinese_of(payer_of(batch))} 的付款"),
    )
    if form not in PaymentFileForm.values:
        raise InputError(
            [
                Problem(
                    Said(f"no form {form!r:.20}", f"没有格式 {form!r:.20}"),
                    Said(f"one of {', '.join(PaymentFileForm.values)}", f"{'、'.join(PaymentFileForm.values)} 之一"),
                    field="form",
                )
            ]
        )
    if batch.state != BatchState.EXPORTED:
        if batch.state != BatchState.APPROVED:
            raise Conflict(
                f"batch {batch.message_id} is {batch.state} → two people approve it first",
                f"批次 {batch.message_id} 处于“{word_zh(batch.state)}” → 须先由两人批准",
            )
        hold_payees(batch)
        _check_content(batch, batch.content_sha256)
        write_files(batch, now)
        _change(batch, state=BatchState.EXPORTED, exported_by_id=actor.person_id, exported_at=now)
        _record("export_batch", batch.message_id, {}, batch, actor, now)
    return PaymentFile.objects.get(batch=batch, form=form)


@money_action
def reject_order(end_to_end_id: str, *, because: str, actor: Actor, now: datetime) -> PaymentOrder:
    """The bank did not pay an exported order: its amount is released, and due again. Of one that it paid in part the
    rest is decided apart (`order_rests`)."""
    # The payee sees the order, and not the batch: that it is not theirs to say is told below.
    batch = locked_batch(find_order(end_to_end_id, actor).batch.message_id, PLATFORM)
    require(
        keeps_money_of(actor, batch),
        actor,
        Said(f"say what became of payments of {payer_of(batch)}", f"说明{chinese_of(payer_of(batch))} 的付款结果"),
    )
    # Read again under the lock: the bank's statement may have matched it while this waited.
    order = find_order(end_to_end_id, actor)
    if order.state == OrderState.REJECTED:
        return order
    if batch.state != BatchState.EXPORTED or order.state not in (OrderState.ORDERED, OrderState.PART_PAID):
        raise Conflict(
            f"order {end_to_end_id} is {order.state}, its batch {batch.state}",
            f"付款指令 {end_to_end_id} 处于“{word_zh(order.state)}”，其批次处于“{word_zh(batch.state)}”",
        )
    if order.paid_fen:
        told = Said(
            f"the bank paid {exact_yuan(order.paid_fen)} of {end_to_end_id}",
            f"银行已付 {end_to_end_id} 中的 {exact_yuan(order.paid_fen)}",
        )
        raise Conflict(
            f"{told} → order the rest anew, or ask that it be written off",
            f"{chinese_of(told)} → 请将余款另行下单，或申请核销",
        )
    end_order(order, OrderState.REJECTED, reason_of(because), now)
    _record("reject_order", end_to_end_id, {}, batch, actor, now, because=because)
    return order


def find_batch(message_id: str, actor: Actor) -> PaymentBatch:
    found = (
        PaymentBatch.objects.visible_to(actor).select_related("payer", "debtor").filter(message_id=message_id).first()
    )
    if found is None:
        raise NotFound(f"no batch {message_id!r:.60}", f"没有批次 {message_id!r:.60}")
    return found


def content_of(batch: PaymentBatch) -> str:
    """The hash of what the batch says now: account, day, and every order with its reasons."""
    orders = []
    related = batch.orders.select_related("payee", "creditor", "pseudonym", "person_creditor")
    for order in related.order_by("number"):
        items = order.items.select_related(
            "settlement__agreement", "dispute", "grant__application", "rest__order", "rest__entry"
        ).order_by("pk")
        reasons = [(_cause(item), item.amount_fen) for item in items]
        orders.append((order.end_to_end_id, order.paid_to.key, order.account.key, order.amount_fen, sorted(reasons)))
    return sha256_of([batch.message_id, batch.debtor.key, batch.execute_on, orders])


def _planned(message_id: str, debtor_key: str, execute_on: date, orders: Sequence[Due]) -> list[Any]:
    """As `content_of` reads it back."""
    told = []
    for number, due in enumerate(orders, 1):
        assert due.account is not None
        reasons = sorted((item.cause, item.amount_fen) for item in due.items)
        told.append((f"{message_id}-{number}", due.payee.key, due.account.key, due.amount_fen, reasons))
    return [message_id, debtor_key, execute_on, told]


def _cause(item: PaymentItem) -> str:
    part = PaymentPart(item.part)
    return DueItem(part, item.amount_fen, item.settlement, item.line, item.dispute, item.grant, item.rest).cause


def _check_content(batch: PaymentBatch, content_sha256: str) -> None:
    """What is approved or exported must be what was made, and go to accounts that still stand."""
    if content_sha256 != batch.content_sha256 or content_of(batch) != batch.content_sha256:
        raise Conflict(
            f"batch {batch.message_id} is not what you were shown → look at it again",
            f"批次 {batch.message_id} 与显示给您的不同 → 请重新查看",
        )
    ended = Q(creditor__ended_at__isnull=False) | Q(person_creditor__ended_at__isnull=False)
    changed = batch.orders.filter(ended).select_related("payee", "pseudonym").first()
    if changed is not None:
        # A person's may also have ended with their consent.
        raise Conflict(
            f"{changed.paid_to.name} has changed its bank account since → withdraw the batch, make it anew",
            f"{changed.paid_to.name} 此后更换了银行账户 → 请撤回该批次，重新制作",
        )
    if batch.debtor.ended_at is not None:
        raise Conflict(
            f"{payer_of(batch)} has changed its bank account since → withdraw the batch, make it anew",
            f"{chinese_of(payer_of(batch))} 此后更换了银行账户 → 请撤回该批次，重新制作",
        )


def locked_batch(message_id: str, actor: Actor) -> PaymentBatch:
    """To whom may not see it, it is not there."""
    found = PaymentBatch.objects.visible_to(actor).select_for_update(of=("self",)).select_related("payer", "debtor")
    batch = found.filter(message_id=message_id).first()
    if batch is None:
        raise NotFound(f"no batch {message_id!r:.60}", f"没有批次 {message_id!r:.60}")
    return batch


def _change(batch: PaymentBatch, **values: Any) -> None:
    """Only where nobody changed it meanwhile: SQLite has no row locks to rely on."""
    same = PaymentBatch.objects.filter(pk=batch.pk, state=batch.state, first_by_id=batch.first_by_id)
    if not same.update(**values):
        raise Conflict(
            f"batch {batch.message_id} was changed by somebody else → look again",
            f"批次 {batch.message_id} 已被他人更改 → 请重新查看",
        )
    batch.refresh_from_db()


def keeps_money_of(actor: Actor, batch: PaymentBatch) -> bool:
    """Whether the actor keeps the money that the batch pays."""
    return can_operate(actor) if batch.payer_id is None else can_commit_money_for(actor, batch.payer_id)


def payer_of(batch: PaymentBatch) -> str:
    return batch.payer.name if batch.payer else Said("the city", "本市")


def reason_of(because: str) -> str:
    if not 0 < len(because.strip()) <= 1_000:
        raise InputError(
            [
                Problem(
                    Said("a reason is wanted", "须说明理由"),
                    Said("say in a few words why", "请用几句话说明原因"),
                    field="because",
                )
            ]
        )
    return because.strip()


def _record(
    name: str,
    key: str,
    content: dict[str, Any],
    batch: PaymentBatch,
    actor: Actor,
    now: datetime,
    because: str = "",
) -> None:
    organisations: list[Organisation] = [batch.payer] if batch.payer else []
    payload: dict[str, Any] = {"orders": batch.orders_count, "total_fen": batch.total_fen}
    payload |= {"sha256": batch.content_sha256, **({"because": because} if because else {})}
    record_event(
        name, key, content, subject=f"payment_batch:{batch.message_id}", actor=actor, now=now,
        organisations=organisations, payload=payload,
    )  # fmt: skip

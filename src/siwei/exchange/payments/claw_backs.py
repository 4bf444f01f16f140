"""An award of money taken back, of an organisation or a person: by entries, with the reason.

What is not paid leaves the grant account for the pot again; what was paid is owed: the payee's `claw-back` account goes
below zero by it, and comes back to zero when a statement shows the money (`repayments`). Both go on from the pot by the
programme's rule (`returns`).
"""

from datetime import datetime

from django.db.models import QuerySet, Sum

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action, record_event, repeated
from siwei.exchange.awards.applications import organisations_of
from siwei.exchange.awards.returns import Coming, bring_back, rule_of
from siwei.exchange.ledger.accounts import claw_back_account, grant_account
from siwei.exchange.models import (
    ClawBack,
    Grant,
    OrderRest,
    PaymentItem,
    PaymentOrder,
    RestKind,
    RestState,
)
from siwei.exchange.payments.payment_batches import reason_of
from siwei.exchange.payments.reconciliation import WAITING
from siwei.market.bank import exact_yuan


@money_action
def claw_back_grant(
    application_key: str, amount_fen: int, *, because: str, actor: Actor, now: datetime, idempotency_key: str
) -> ClawBack:
    """Take `amount_fen` of what was granted on an application back, for the city: from what is not paid yet first.

    `Conflict` for more than is left of the grant, and while an order of it is on its way: withdraw its batch, or wait
    for the bank. InputError without a reason.
    """
    require(can_operate(actor), actor, Said("take awards back", "收回扶持"))
    content = {"application": application_key, "amount_fen": amount_fen, "because": because}
    if repeated("claw_back_grant", idempotency_key, content):
        return ClawBack.objects.get(key=idempotency_key)
    reason = reason_of(because)
    grant = Grant.objects.select_for_update(of=("self",)).filter(application__key=application_key).first()
    if grant is None:
        raise NotFound(
            f"nothing was granted on {application_key!r:.130}", f"申报 {application_key!r:.130} 没有已给予的资金"
        )
    if type(amount_fen) is not int or amount_fen <= 0:
        told = Said(f"an amount of {exact_yuan(amount_fen)}", f"金额 {exact_yuan(amount_fen)}")
        raise InputError([Problem(told, Said("a positive amount", "请填正数金额"), field="amount")])
    unpaid, paid = _unpaid(grant), paid_fen(grant) - _taken(grant, "owed_fen")
    if amount_fen > unpaid + paid:
        raise Conflict(
            f"{exact_yuan(unpaid + paid)} is left of the grant on {application_key}, "
            f"{exact_yuan(amount_fen)} is too much",
            f"申报 {application_key} 的资金只余 {exact_yuan(unpaid + paid)}，{exact_yuan(amount_fen)} 超出",
        )
    returned = min(amount_fen, unpaid)
    payee, pot = grant.granted_to, grant.application.pot
    causes = {"application": application_key, "claw_back": idempotency_key}
    key = f"claw-back:{idempotency_key}"
    coming = (
        Coming(f"{key}:returned", grant_account(payee), returned, "claw-back: returned"),
        Coming(f"{key}:owed", claw_back_account(payee), amount_fen - returned, "claw-back: owed"),
    )
    rule = rule_of(grant.application)
    bring_back(pot, rule, coming, onward_key=f"{key}:treasury", causes=causes, now=now)
    made = ClawBack.objects.create(
        key=idempotency_key, grant=grant, returned_fen=returned, owed_fen=amount_fen - returned, reason=reason,
        made_by_id=actor.person_id, at=now,
    )  # fmt: skip
    record_event(
        "claw_back_grant", idempotency_key, content, subject=f"application:{application_key}", actor=actor, now=now,
        organisations=organisations_of(grant.application),
        payload={"returned_fen": returned, "owed_fen": made.owed_fen, "because": reason, "goes_to": str(rule)},
    )  # fmt: skip
    return made


def taken_back_fen(grant: Grant) -> int:
    """What of it is in the pot again, and was never paid."""
    return _taken(grant, "returned_fen")


def owed_fen(grant: Grant) -> int:
    """What of this grant its payee owes still."""
    return _taken(grant, "owed_fen") - _taken(grant, "repaid_fen")


def paid_fen(grant: Grant) -> int:
    """What the bank paid of it and did not bring back. An order may pay several grants: of one that is not paid whole
    the earlier grants are paid first."""
    paid = 0
    for item in PaymentItem.objects.filter(grant=grant):
        before = PaymentItem.objects.filter(order=item.order_id, pk__lt=item.pk).aggregate(fen=Sum("amount_fen"))
        paid += min(max(_paid_by(item.order_id) - (before["fen"] or 0), 0), item.amount_fen)
    return paid


def _paid_by(order_id: int) -> int:
    """An order, and those that paid what was missing of it."""
    orders = _with_rests({order_id})
    paid = orders.aggregate(fen=Sum("paid_fen"))["fen"] or 0
    back = OrderRest.objects.filter(order__in=orders, kind=RestKind.RETURNED).aggregate(fen=Sum("amount_fen"))
    return paid - (back["fen"] or 0)


def _unpaid(grant: Grant) -> int:
    """What of it can still leave the grant account. `Conflict` while a bank may pay it, or a part of it waits to be
    ordered anew."""
    orders = _orders(grant)
    rests = OrderRest.objects.filter(order__in=orders)
    waits = rests.filter(state=RestState.DUE).exclude(payments__is_live=True).exists()
    if waits or rests.filter(state=RestState.ASKED).exists() or orders.filter(state__in=WAITING).exists():
        raise Conflict(
            f"an order of the grant on {grant.application.key} is under way → withdraw its batch, or wait for the bank",
            f"申报 {grant.application.key} 的付款指令正在办理 → 请撤回批次，或等银行结果",
        )
    live = PaymentItem.objects.filter(grant=grant, is_live=True).exists()
    return 0 if live else grant.amount_fen - taken_back_fen(grant)


def _orders(grant: Grant) -> QuerySet[PaymentOrder]:
    """That paid it, with what was missing of one before, however often."""
    return _with_rests(set(PaymentItem.objects.filter(grant=grant).values_list("order", flat=True)))


def _with_rests(found: set[int]) -> QuerySet[PaymentOrder]:
    fresh = found
    while fresh:
        rests = PaymentItem.objects.filter(rest__order__in=fresh).values_list("order", flat=True)
        fresh = set(rests) - found
        found |= fresh
    return PaymentOrder.objects.filter(pk__in=found)


def _taken(grant: Grant, what: str) -> int:
    return grant.claw_backs.aggregate(fen=Sum(what))["fen"] or 0

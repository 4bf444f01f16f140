"""What people do to payments, bank entries, settlement statements and awards of money: acts, as `acts` has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from siwei.errors import NotFound
from siwei.exchange.awards import grants, true_ups
from siwei.exchange.models import Decision, Voucher
from siwei.exchange.models.payments import CITY
from siwei.exchange.payments import (
    bank_accounts,
    claw_backs,
    invoices,
    order_rests,
    partial_returns,
    reconciliation,
    repayments,
)
from siwei.exchange.payments import payment_batches as payments
from siwei.market import bank
from siwei.portal.given import Given


def bank_account(g: Given) -> object:
    """`key` is the organisation's, or `city`; likewise of the next."""
    account = bank.BankAccount(g.text("name"), g.text("account"), g.text("bank_code"), g.text("bank_name"))
    return bank_accounts.enter_bank_account(holder_of(g), account, actor=g.actor, now=g.now, idempotency_key=g.token)


def order(g: Given) -> object:
    return payments.make_batch(
        holder_of(g), execute_on=g.day("starts_on"), actor=g.actor, now=g.now, idempotency_key=g.token
    )


def approve_batch(g: Given) -> object:
    """`key` is the batch's identifier, `text` the hash of what was shown."""
    return payments.approve_batch(g.key, g.text("text"), actor=g.actor, now=g.now)


def withdraw_batch(g: Given) -> object:
    return payments.withdraw_batch(g.key, because=g.text("text"), actor=g.actor, now=g.now)


def export_batch(g: Given) -> object:
    return payments.export_batch(g.key, "pain001", actor=g.actor, now=g.now).batch


def reject_order(g: Given) -> object:
    """`key` is the order's identifier."""
    return payments.reject_order(g.key, because=g.text("text"), actor=g.actor, now=g.now).batch


def order_rest(g: Given) -> object:
    """`key` is the order's identifier, `text` the reason; likewise of the next."""
    return order_rests.order_rest(g.key, because=g.text("text"), actor=g.actor, now=g.now).order.batch


def write_off(g: Given) -> object:
    return order_rests.write_off(g.key, because=g.text("text"), actor=g.actor, now=g.now).order.batch


def approve_write_off(g: Given) -> object:
    """`key` is the order's identifier, `amount` the fen that were shown."""
    return order_rests.approve_write_off(g.key, g.wanted("amount"), actor=g.actor, now=g.now).order.batch


def withdraw_write_off(g: Given) -> object:
    return order_rests.withdraw_write_off(g.key, because=g.text("text"), actor=g.actor, now=g.now).order.batch


def match_entry(g: Given) -> object:
    """`key` is the bank's reference, `account` the number, `order` the order's identifier."""
    return reconciliation.match_entry(
        g.text("account"), g.key, g.text("order"), because=g.text("text"), actor=g.actor, now=g.now
    )


def return_entry(g: Given) -> object:
    """As `match_entry`, of what came in."""
    return partial_returns.return_entry(
        g.text("account"), g.key, g.text("order"), because=g.text("text"), actor=g.actor, now=g.now
    )


def explain_entry(g: Given) -> object:
    return reconciliation.explain_entry(g.text("account"), g.key, because=g.text("text"), actor=g.actor, now=g.now)


def issue(g: Given) -> object:
    """`key` is the issuer's."""
    return invoices.issue_invoices(g.key, g.text("period"), actor=g.actor, now=g.now)


def tax_number(g: Given) -> object:
    return invoices.enter_tax_number(
        g.key, g.wanted("number"), g.text("text"), actor=g.actor, now=g.now, idempotency_key=g.token
    )


def grant(g: Given) -> object:
    """`key` is the application's."""
    return grants.grant_award(g.key, actor=g.actor, now=g.now)


def claw_back(g: Given) -> object:
    """`key` is the application's, `amount` in fen (or as `amount_in` says), `text` the reason."""
    return claw_backs.claw_back_grant(
        g.key, g.wanted_amount("amount"), because=g.text("text"), actor=g.actor, now=g.now, idempotency_key=g.token
    )


def repay(g: Given) -> object:
    """`key` is the bank's reference, `account` the number, `application` or `voucher` what it pays back, `text` why."""
    return repayments.repay_claw_back(
        g.text("account"), g.key, g.text("application"), g.text("voucher"), because=g.text("text"), actor=g.actor,
        now=g.now,
    )  # fmt: skip


def repay_overpayment(g: Given) -> object:
    """`key` is the bank's reference, `account` the number, `dispute` what found that too much was paid, `text` why."""
    return repayments.repay_overpayment(
        g.text("account"), g.key, g.text("dispute"), because=g.text("text"), actor=g.actor, now=g.now
    )


def true_up(g: Given) -> object:
    """`key` is the voucher's, `decision` that of the later decision, `text` the reason."""
    voucher = (
        Voucher.objects.visible_to(g.actor).select_related("pot__account", "organisation").filter(key=g.key).first()
    )
    decision = Decision.objects.visible_to(g.actor).filter(key=g.text("decision")).first()
    if voucher is None or decision is None:
        raise NotFound(
            f"no voucher {g.key!r} with a decision {g.text('decision')!r} that you may see",
            f"没有您可查看的、依据判定 {g.text('decision')!r} 的券 {g.key!r}",
        )
    return true_ups.true_up_voucher(
        voucher, decision, because=g.text("text"), actor=g.actor, now=g.now, idempotency_key=g.token
    )


def holder_of(g: Given) -> str | None:
    return None if g.key == CITY else g.key


ON_PAYMENTS: Mapping[str, Callable[[Given], object]] = {
    each.__name__: each
    for each in (
        bank_account, order, approve_batch, withdraw_batch, export_batch, reject_order, order_rest, write_off,
        approve_write_off, withdraw_write_off, match_entry, return_entry, explain_entry, issue, tax_number, grant,
        true_up, claw_back, repay, repay_overpayment,
    )
}  # fmt: skip

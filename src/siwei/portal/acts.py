"""What people do to an agreement, from a form or by the API: the same acts, by the same names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from siwei.errors import InputError, NotFound, Problem, Said
from siwei.exchange import (
    agreements,
    approvals,
    bank_accounts,
    call_collection,
    caps,
    claw_backs,
    deliveries,
    disputes,
    grants,
    invoices,
    listings,
    order_rests,
    partial_returns,
    payments,
    quotes,
    readings,
    reconciliation,
    settlement,
    true_ups,
    vouchers,
)
from siwei.exchange.actors import Actor
from siwei.exchange.models import Decision, Usage, Voucher
from siwei.exchange.models.payments import CITY
from siwei.market import bank
from siwei.portal import launching
from siwei.portal.city_pack import chain, decided_on
from siwei.portal.entries import amount_entry
from siwei.portal.proposals import propose_quote


@dataclass(frozen=True, slots=True)
class Given:
    """What was typed or sent, every value a text; an empty one was left out."""

    actor: Actor
    now: datetime
    key: str
    token: str
    """The idempotency key, already the actor's own."""
    values: Mapping[str, str]

    def text(self, name: str) -> str:
        return self.values.get(name, "").strip()

    def number(self, name: str) -> int | None:
        written = self.text(name)
        if not written:
            return None
        if not (written.isascii() and written.isdigit() and len(written) <= 17):
            raise InputError(
                [
                    Problem(
                        Said(f"{written!r:.40} is not a whole number", f"{written!r:.40} 不是整数"),
                        Said("digits alone", "只用数字"),
                        field=name,
                    )
                ]
            )
        return int(written)

    def wanted(self, name: str) -> int:
        found = self.number(name)
        if found is None:
            raise InputError([Problem(Said("a number is wanted", "须填数字"), Said("give one", "请填写"), field=name)])
        return found

    def amount(self, name: str) -> int | None:
        """A quantity, or fen; typed in 元 or 万元 where a form says so (`<name>_in`)."""
        written, unit = self.text(name), self.text(f"{name}_in")
        return amount_entry(written, unit, name) if written and unit else self.number(name)

    def wanted_amount(self, name: str) -> int:
        found = self.amount(name)
        return self.wanted(name) if found is None else found

    def day(self, name: str) -> date:
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise InputError(
                [
                    Problem(
                        Said(f"{self.text(name)!r:.40} is not a date", f"{self.text(name)!r:.40} 不是日期"),
                        "2026-11-28",
                        field=name,
                    )
                ]
            ) from None

    def voucher(self) -> Voucher | None:
        """One that the actor may see."""
        key = self.text("voucher")
        if not key:
            return None
        if not Voucher.objects.filter(key=key).visible_to(self.actor).exists():
            raise NotFound(f"no voucher {key!r} that you may see", f"没有您可查看的券 {key!r}")
        return vouchers.find_voucher(key)


def sign(g: Given) -> object:
    return agreements.sign_agreement(g.key, actor=g.actor, now=g.now, as_of=decided_on())


def approve(g: Given) -> object:
    return approvals.approve_agreement(g.key, actor=g.actor, now=g.now, as_of=decided_on())


def refuse(g: Given) -> object:
    return approvals.refuse_approval(g.key, because=g.text("text"), actor=g.actor, now=g.now)


def cancel(g: Given) -> object:
    return agreements.cancel_agreement(g.key, because=g.text("text"), actor=g.actor, now=g.now)


def submit(g: Given) -> object:
    return deliveries.submit_delivery(
        g.key, g.wanted("number"), evidence=g.text("text"), quantity=g.number("quantity"), actor=g.actor, now=g.now,
        idempotency_key=g.token,
    )  # fmt: skip


def accept(g: Given) -> object:
    return deliveries.accept_delivery(g.key, g.wanted("number"), actor=g.actor, now=g.now)


def reject(g: Given) -> object:
    return deliveries.reject_delivery(
        g.key, g.wanted("number"), because=g.text("text"), actor=g.actor, now=g.now, idempotency_key=g.token
    )


def counter(g: Given) -> object:
    """What the consumer read of the same thing."""
    if not Usage.objects.visible_to(g.actor).filter(reading=g.text("reading")).exists():
        raise NotFound(
            f"no reading {g.text('reading')!r} that you may see", f"没有您可查看的读数 {g.text('reading')!r}"
        )
    return readings.counter_reading(
        g.text("reading"), g.wanted("amount"), measured={"note": g.text("text")} if g.text("text") else {},
        actor=g.actor, now=g.now,
    )  # fmt: skip


def complete(g: Given) -> object:
    return deliveries.complete_agreement(g.key, actor=g.actor, now=g.now)


def settle(g: Given) -> object:
    return settlement.settle_agreement(g.key, actor=g.actor, now=g.now)


def stop_calls(g: Given) -> object:
    """Admit no further call of a model under the agreement."""
    return call_collection.stop_calls(g.key, actor=g.actor, now=g.now)


def dispute(g: Given) -> object:
    """Of a `reading`, of a delivery by `number`, or at large; a form names either as `about`."""
    what, _colon, which = g.text("about").partition(":")
    number = int(which) if what == "delivery" and which.isascii() and which.isdigit() else g.number("number")
    return disputes.open_dispute(
        g.key, reason=g.text("text"), evidence=g.text("evidence"), delivery=number,
        reading=(which if what == "reading" else g.text("reading")) or None,
        # Of a reading it is a quantity, whatever unit of money stands beside it.
        claimed=g.number("amount") if what == "reading" else g.amount("amount"),
        actor=g.actor, now=g.now, idempotency_key=g.token,
    )  # fmt: skip


def answer(g: Given) -> object:
    return disputes.answer_dispute(
        g.text("dispute"), answer=g.text("text"), proposed=g.amount("amount"), actor=g.actor, now=g.now,
        idempotency_key=g.token,
    )  # fmt: skip


def agree(g: Given) -> object:
    return disputes.agree_on_dispute(g.text("dispute"), actor=g.actor, now=g.now)


def resolve(g: Given) -> object:
    return disputes.resolve_dispute(
        g.text("dispute"), outcome=g.amount("amount"), because=g.text("text"), actor=g.actor, now=g.now
    )


def withdraw(g: Given) -> object:
    return disputes.withdraw_dispute(g.text("dispute"), because=g.text("text"), actor=g.actor, now=g.now)


def cap(g: Given) -> object:
    """`key` is the organisation's."""
    return caps.set_cap(
        g.key, g.wanted_amount("amount"), starts_on=g.day("starts_on"), ends_on=g.day("ends_on"),
        unit=g.text("unit") or "fen", is_hard=g.text("soft") != "yes", project=g.text("project") or None,
        person=g.text("person") or None, actor=g.actor, now=g.now, idempotency_key=g.token,
    )  # fmt: skip


def rule(g: Given) -> object:
    """`key` is the organisation's; without an amount the rule is lifted."""
    return approvals.set_approval_rule(
        g.key, g.text("role"), g.amount("amount"), actor=g.actor, now=g.now, idempotency_key=g.token
    )


def project(g: Given) -> object:
    """`key` is the organisation's."""
    return caps.open_project(g.key, g.text("text"), actor=g.actor, now=g.now, idempotency_key=g.token)


def launch(g: Given) -> object:
    """The job that the agreement was proposed for."""
    return launching.launch_agreed(g.key, actor=g.actor, now=g.now, idempotency_key=g.token)


def stop(g: Given) -> object:
    """`key` is the job's."""
    return launching.stop(g.key, actor=g.actor, now=g.now)


def reporter(g: Given) -> object:
    """`key` is the organisation's."""
    return readings.register_reporter(
        g.key, g.text("text"), g.text("public_key"), actor=g.actor, now=g.now, idempotency_key=g.token
    )


def revoke_reporter(g: Given) -> object:
    """`text` is the reporter's id, `key` its organisation's."""
    return readings.revoke_reporter(g.text("text"), actor=g.actor, now=g.now)


def budget(g: Given) -> object:
    """`key` is the organisation's."""
    return agreements.declare_budget(
        g.key, g.wanted_amount("amount"), actor=g.actor, now=g.now, idempotency_key=g.token
    )


def match(g: Given) -> object:
    """`key` is the need's."""
    supplies = [(edge["from"], edge["to"]) for edge in chain().edges if edge["type"] == "supplies"]
    return listings.match_need(
        g.key, as_of=decided_on(), actor=g.actor, now=g.now, voucher=g.voucher(), supplies=supplies
    )


def introduce(g: Given) -> object:
    """`need` and `offer` name the match; `key` is the listing it is done from."""
    return listings.introduce_match(g.text("need"), g.text("offer"), actor=g.actor, now=g.now)


def decline(g: Given) -> object:
    return listings.decline_match(g.text("need"), g.text("offer"), because=g.text("text"), actor=g.actor, now=g.now)


def withdraw_listing(g: Given) -> object:
    return listings.withdraw_listing(g.key, actor=g.actor, now=g.now)


def quote(g: Given) -> object:
    return quotes.quote_match(
        g.text("need"), g.text("offer"), voucher=g.voucher(), as_of=decided_on(), actor=g.actor, now=g.now,
        idempotency_key=g.token,
    )  # fmt: skip


def propose(g: Given) -> object:
    """`key` is the quote's, which says who, what and at which price."""
    return propose_quote(
        g.key, ends_on=g.day("ends_on"), project=g.text("project"), contract=g.text("contract"), actor=g.actor,
        now=g.now, idempotency_key=g.token,
    )  # fmt: skip


ON_AGREEMENTS: Mapping[str, Callable[[Given], object]] = {
    each.__name__: each
    for each in (
        sign, approve, refuse, cancel, submit, accept, reject, complete, settle, dispute, answer, agree, resolve,
        withdraw, launch, counter, stop_calls,
    )
}  # fmt: skip
ON_ORGANISATIONS: Mapping[str, Callable[[Given], object]] = {
    each.__name__: each for each in (cap, rule, project, budget, reporter, revoke_reporter)
}
ON_LISTINGS: Mapping[str, Callable[[Given], object]] = {
    each.__name__: each for each in (match, introduce, decline, withdraw_listing, quote, propose)
}
"""`quote` and `propose`, and `launch`, lead on to what they made."""
ON_JOBS: Mapping[str, Callable[[Given], object]] = {each.__name__: each for each in (stop,)}


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
    """`key` is the bank's reference, `account` the number, `application` whose grant it pays back, `text` why."""
    return claw_backs.repay_claw_back(
        g.text("account"), g.key, g.text("application"), because=g.text("text"), actor=g.actor, now=g.now
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
        true_up, claw_back, repay,
    )
}  # fmt: skip
ACTS = {**ON_AGREEMENTS, **ON_ORGANISATIONS, **ON_LISTINGS, **ON_JOBS, **ON_PAYMENTS}


def do(act: str, given: Given) -> object:
    if act not in ACTS:
        raise NotFound(
            f"nothing is done by {act!r}; there are {', '.join(ACTS)}", f"没有操作 {act!r}；可用的有 {', '.join(ACTS)}"
        )
    return ACTS[act](given)

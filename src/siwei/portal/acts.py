"""What people do to agreements, organisations, listings and jobs, from a form or by the API: the same acts, by the same
names; and everything that is done so, payments (`payment_acts`) too."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from siwei.errors import NotFound
from siwei.exchange.trading import (
    agreements,
    approvals,
    call_collection,
    caps,
    deliveries,
    disputes,
    fitting,
    listings,
    quotes,
    readings,
    settlement,
)
from siwei.portal import launching
from siwei.portal.city_pack import decided_on, supplies
from siwei.portal.given import Given
from siwei.portal.payment_acts import ON_PAYMENTS
from siwei.portal.proposals import propose_quote
from siwei.portal.queries.disputes import disputed_unit


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
    reading = (which if what == "reading" else g.text("reading")) or None
    return disputes.open_dispute(
        g.key, reason=g.text("text"), evidence=g.text("evidence"), delivery=number,
        reading=reading, claimed=g.disputed("amount", disputed_unit(g.actor, reading=reading) if reading else ""),
        actor=g.actor, now=g.now, idempotency_key=g.token,
    )  # fmt: skip


def answer(g: Given) -> object:
    return disputes.answer_dispute(
        g.text("dispute"), answer=g.text("text"), idempotency_key=g.token,
        proposed=g.disputed("amount", disputed_unit(g.actor, dispute=g.text("dispute"))), actor=g.actor, now=g.now,
    )  # fmt: skip


def agree(g: Given) -> object:
    return disputes.agree_on_dispute(g.text("dispute"), actor=g.actor, now=g.now)


def resolve(g: Given) -> object:
    return disputes.resolve_dispute(
        g.text("dispute"), outcome=g.disputed("amount", disputed_unit(g.actor, dispute=g.text("dispute"))),
        because=g.text("text"), actor=g.actor, now=g.now,
    )  # fmt: skip


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
    return listings.match_need(
        g.key, as_of=decided_on(), actor=g.actor, now=g.now, voucher=g.voucher(), supplies=supplies()
    )


def introduce(g: Given) -> object:
    """`need` and `offer` name the match; `key` is the listing it is done from."""
    return listings.introduce_match(g.text("need"), g.text("offer"), actor=g.actor, now=g.now)


def approach(g: Given) -> object:
    """`key` is the offer's, `need` the need's: to bring the offer before it; for a position, to apply."""
    return fitting.approach_need(
        g.text("need"), g.key, as_of=decided_on(), actor=g.actor, now=g.now, supplies=supplies()
    )


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
    each.__name__: each for each in (match, introduce, approach, decline, withdraw_listing, quote, propose)
}
"""`quote` and `propose`, and `launch`, lead on to what they made."""
ON_JOBS: Mapping[str, Callable[[Given], object]] = {each.__name__: each for each in (stop,)}
ACTS = {**ON_AGREEMENTS, **ON_ORGANISATIONS, **ON_LISTINGS, **ON_JOBS, **ON_PAYMENTS}


def do(act: str, given: Given) -> object:
    if act not in ACTS:
        raise NotFound(
            f"nothing is done by {act!r}; there are {', '.join(ACTS)}", f"没有操作 {act!r}；可用的有 {', '.join(ACTS)}"
        )
    return ACTS[act](given)

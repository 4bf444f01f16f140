"""An agreement's workspace: who did what when, with what it led to, and what waits for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from siwei.exchange.access import can_act_for, can_sign_for, can_speak_for
from siwei.exchange.actors import Actor
from siwei.exchange.models import AgreementParty, Delivery, DeliveryState, Dispute, Event, Transfer
from siwei.exchange.trading.agreements import can_cancel
from siwei.exchange.trading.approvals import decidable
from siwei.exchange.trading.deliveries import can_complete, decider_of
from siwei.exchange.trading.settlement import can_settle
from siwei.market.life import possible_steps
from siwei.portal.city_pack import decided_on
from siwei.portal.languages import is_chinese
from siwei.portal.queries.market import AgreementView
from siwei.portal.subjects import delivery_name
from siwei.portal.words import word

BEGUN = ("signed", "delivering")
SHOWN = 500


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened. `at` of what is known to the day only is its beginning. `who` is empty for money, which
    moves because somebody did something."""

    at: datetime
    who: str
    what: str
    detail: str
    link: str
    amount: int | None = None
    unit: str = ""
    is_money: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whose turn it is. `is_mine`: the reader acts for them."""

    who: str
    what: str
    since: datetime | None
    due: date | None
    link: str
    is_mine: bool

    @property
    def is_overdue(self) -> bool:
        return self.due is not None and self.due < decided_on()


def possible_acts(view: AgreementView, actor: Actor, now: datetime) -> frozenset[str]:
    """What the reader may do to the agreement as it stands; none is refused for who asks. Of a delivery's or an
    approval's acts the page asks one by one."""
    if not actor.may_write:
        return frozenset()
    parties, lines = view.parties, view.lines
    begun = any(not each.ended_at for each in view.jobs) or any(
        each.state == DeliveryState.SUBMITTED for each in view.deliveries
    )
    allowed = {
        "complete": not begun and can_complete(actor, parties, lines),
        "settle": not begun and can_settle(actor, view.agreement, parties, now),
        "stop_calls": any(can_act_for(actor, each.organisation_id) for each in parties),
        "launch": not view.jobs
        and "job" in view.agreement.terms
        and any(can_act_for(actor, each.consumer_id) for each in lines),
        "dispute": any(can_speak_for(actor, each) for each in parties),
        "cancel": can_cancel(actor, parties),
    }
    steps = set(possible_steps(view.agreement.state))
    steps |= {"launch"} if "deliver" in steps else set()
    steps |= {"stop_calls"} if "settle" in steps and view.agreement.kind == "model" else set()
    return frozenset(each for each in steps if allowed.get(each, True))


def timeline(view: AgreementView, actor: Actor) -> list[Moment]:
    """Oldest first: what the actor may see of the events of the agreement and of what hangs on it, and its money. One
    query."""
    subjects = [f"agreement:{view.agreement.key}"]
    subjects += [f"delivery:{view.agreement.key}:{each.number}" for each in view.deliveries]
    subjects += [f"dispute:{each.key}" for each in view.disputes]
    subjects += [f"job:{each.key}" for each in view.jobs]
    subjects += [f"usage:{each.reading}" for each in view.usages]
    if view.agreement.quote_id is not None and view.agreement.quote is not None:
        subjects.append(f"quote:{view.agreement.quote.key}")
    events = Event.objects.visible_to(actor).filter(subject__in=subjects).order_by("pk")[:SHOWN]
    titles = {each.title: delivery_name(each) for each in view.deliveries}
    moments = [_of_event(each, titles) for each in events]
    moments += [_of_transfer(each) for each in view.transfers]
    return sorted(moments, key=lambda each: (each.at, each.is_money))


def waiting(view: AgreementView, actor: Actor) -> list[Waiting]:
    """Nothing is done by itself but the day's settlement: everything else waits for somebody."""
    return [
        *_signatures(view, actor), *_approvals(view, actor), *_deliveries(view, actor), *_disputes(view, actor),
        *_jobs(view, actor), *_settlement(view),
    ]  # fmt: skip


def _of_event(event: Event, titles: Mapping[str, str]) -> Moment:
    payload: dict[str, Any] = event.payload
    subject, _colon, key = event.subject.partition(":")
    links = {
        "job": lambda: reverse("job", args=[key]),
        "quote": lambda: reverse("quote", args=[key]),
        "delivery": lambda: f"#delivery-{key.rpartition(':')[2]}",
        "dispute": lambda: f"#dispute-{key}",
        "usage": lambda: f"#reading-{key}",
    }
    amounts = [payload[name] for name in ("gross_fen", "amount_fen") if payload.get(name)]
    texts = [str(payload[name]) for name in ("title", "reason", "because") if payload.get(name)]
    texts = [titles.get(text, text) for text in texts]
    if "role" in payload:
        texts.insert(0, word("role", str(payload["role"])))
    quantity, unit = payload.get("quantity"), str(payload.get("unit", ""))
    link = links[subject]() if subject in links else ""
    words = " · ".join(texts)
    if amounts:
        return Moment(event.at, event.actor_name, word("action", event.action), words, link, int(amounts[0]), "CNY")
    known = isinstance(quantity, int) and bool(unit)
    return Moment(
        event.at, event.actor_name, word("action", event.action), words, link, quantity if known else None,
        unit if known else "",
    )  # fmt: skip


def _of_transfer(transfer: Transfer) -> Moment:
    words = word("memo", transfer.memo)
    return Moment(
        transfer.at, "", word("transfer", transfer.kind), words, f"#entry-{transfer.pk}", transfer.amount,
        transfer.unit, is_money=True,
    )  # fmt: skip


def is_mine(party: AgreementParty, actor: Actor) -> bool:
    own = actor.person_id is not None and party.person_id == actor.person_id
    return own or actor.role_in(party.organisation_id) is not None


def _signatures(view: AgreementView, actor: Actor) -> Iterator[Waiting]:
    if view.agreement.state in ("proposed", "awaiting-approval"):
        for party in view.parties:
            if party.signed_at is None:
                what = _("the signature of an owner or a manager") if party.organisation_id else _("the signature")
                yield Waiting(party.name, what, view.agreement.proposed_at, None, "#acts", can_sign_for(actor, party))


def _approvals(view: AgreementView, actor: Actor) -> Iterator[Waiting]:
    parties = {each.pk: each for each in view.parties}
    mine = {each.pk for each in decidable(view.approvals, actor)}
    for each in view.approvals:
        party = parties[each.party_id]
        what = _("the approval of %(role)s") % {"role": word("role", each.role)}
        yield Waiting(party.name, what, each.requested_at, None, "#acts", each.pk in mine)


def _deliveries(view: AgreementView, actor: Actor) -> Iterator[Waiting]:
    # While it is disputed nothing is handed over or accepted.
    if view.agreement.state not in BEGUN:
        return
    for each in view.deliveries:
        party, what, since = _turn_of(each)
        if party is not None:
            link = f"#delivery-{each.number}"
            told = f"{each.number}. {delivery_name(each)}{'：' if is_chinese() else ': '}{what}"
            yield Waiting(party.name, told, since, each.due_on, link, is_mine(party, actor))


def _turn_of(delivery: Delivery) -> tuple[AgreementParty | None, str, datetime | None]:
    if delivery.state == DeliveryState.SUBMITTED:
        return decider_of(delivery), _("accept it, or send it back"), delivery.submitted_at
    if delivery.state == DeliveryState.REJECTED:
        return delivery.giver, _("mend it and hand it over again"), delivery.decided_at
    if delivery.state == DeliveryState.PLANNED:
        return delivery.giver, _("hand it over"), None
    return None, "", None


def _disputes(view: AgreementView, actor: Actor) -> Iterator[Waiting]:
    for each in view.disputes:
        if each.is_open:
            for party in _answering(each, view):
                what = _("agree to what is proposed, or answer") if each.proposed is not None else _("answer")
                what = _("a dispute: %(what)s") % {"what": what}
                yield Waiting(party.name, what, each.opened_at, None, f"#dispute-{each.key}", is_mine(party, actor))


def _answering(dispute: Dispute, view: AgreementView) -> list[AgreementParty]:
    """The other side of who spoke last."""
    last = dispute.proposed_by_id or dispute.opener_id
    return [party for party in view.parties if party.pk != last]


def _jobs(view: AgreementView, actor: Actor) -> Iterator[Waiting]:
    if view.agreement.state in BEGUN and "job" in view.agreement.terms and not view.jobs:
        consumers = {line.consumer_id for line in view.lines}
        for party in view.parties:
            if party.organisation_id in consumers:
                yield Waiting(party.name, _("launch the job"), view.agreement.signed_at, None, "#acts", is_mine(
                    party, actor
                ))  # fmt: skip
    elif view.agreement.state in BEGUN and view.jobs and all(each.ended_at for each in view.jobs):
        ended = max(each.ended_at for each in view.jobs if each.ended_at)
        providers = {line.provider_id for line in view.lines}
        for party in view.parties:
            if party.organisation_id in providers:
                what = _("say that all is delivered, so that it is settled")
                yield Waiting(party.name, what, ended, None, "#acts", is_mine(party, actor))


def _settlement(view: AgreementView) -> Iterator[Waiting]:
    if view.agreement.state == "completed":
        yield Waiting(_("the city"), _("the day's settlement, which comes by itself"), None, None, "", False)

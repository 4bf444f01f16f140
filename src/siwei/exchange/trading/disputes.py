"""Disputes: opened by either side with reason and evidence, answered, resolved by the operator or by both agreeing.

While anything is disputed the agreement is, and nothing of it is settled; its holds are put off so that they do not
run out meanwhile. What turns out to have been paid too much comes back by entries of its own.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_operate, can_sign_for, can_speak_for, require, require_disinterested
from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.audit import action, money_action, record_event, repeated
from siwei.exchange.models import (
    Agreement,
    AgreementParty,
    AgreementState,
    Delivery,
    Dispute,
    DisputeState,
    Usage,
)
from siwei.exchange.models.ledger import AMOUNT_LIMIT
from siwei.exchange.state_words import word_zh
from siwei.exchange.states import lock_agreement, move, require_step
from siwei.exchange.trading.corrections import correct_delivery, correct_usage
from siwei.exchange.trading.holds import extend_holds

EXTENSION = timedelta(days=180)
OPEN = (DisputeState.OPEN, DisputeState.ANSWERED)
TEXT_LIMIT = 4_000


@action
def open_dispute(
    agreement: str,
    *,
    reason: str,
    evidence: str,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    reading: str | None = None,
    delivery: int | None = None,
    claimed: int | None = None,
) -> Dispute:
    """Say that a reading, a delivery or the agreement at large is not right. For any party; `claimed` is what it says
    is right: a quantity of a reading, fen of a delivery."""
    deal = lock_agreement(agreement, actor)
    parties = list(deal.parties.select_related("organisation"))
    opener = next((party for party in parties if can_speak_for(actor, party)), None)
    require(opener is not None, actor, Said(f"dispute {agreement}", f"对 {agreement} 提出争议"))
    content = {
        "agreement": agreement, "reason": reason, "evidence": evidence, "reading": reading, "delivery": delivery,
        "claimed": claimed,
    }  # fmt: skip
    if repeated("open_dispute", idempotency_key, content):
        return Dispute.objects.get(key=idempotency_key)
    _check_text(reason, "reason")
    _check_amount(claimed, "claimed")
    require_step(deal, "dispute")
    of_usage = _usage_of(deal, reading) if reading is not None else None
    of_delivery = _delivery_of(deal, delivery) if delivery is not None else None
    if of_usage is not None and of_delivery is not None:
        raise InputError(
            [
                Problem(
                    Said("a dispute is of a reading or of a delivery", "争议须针对一条读数或一项交付"),
                    Said("name one", "请指定其一"),
                    field="delivery",
                )
            ]
        )
    dispute = Dispute(
        key=idempotency_key, usage=of_usage, delivery=of_delivery, opener=opener, reason=reason, evidence=evidence,
        claimed=claimed,
    )  # fmt: skip
    return _open(deal, dispute, content, actor, now)


def open_by_sources(
    usage: Usage, opener: AgreementParty | None, claimed: int, reason: str, actor: Actor, now: datetime
) -> Dispute:
    """Part of an action that found two sources at odds about a reading; it holds the agreement's lock."""
    # That action judged its actor; a reading at odds is held back whoever brought it.
    deal = lock_agreement(usage.line.agreement.key, PLATFORM)
    existing = Dispute.objects.filter(usage=usage, state__in=OPEN).first()
    if existing is not None:
        return existing
    require_step(deal, "dispute")
    digest = hashlib.sha256(usage.reading.encode()).hexdigest()[:24]
    key = f"reading-{digest}-{Dispute.objects.filter(usage=usage).count() + 1}"
    dispute = Dispute(key=key, usage=usage, opener=opener, reason=reason, claimed=claimed)
    return _open(deal, dispute, {"reading": usage.reading, "claimed": claimed}, actor, now)


@action
def answer_dispute(
    key: str, *, answer: str, actor: Actor, now: datetime, idempotency_key: str, proposed: int | None = None
) -> Dispute:
    """Answer, and say what one would settle for. For a party; a proposal of its own replaces the one before."""
    dispute, deal = _find_locked(key, actor)
    party = next((each for each in deal.parties.all() if can_speak_for(actor, each)), None)
    require(party is not None, actor, Said(f"answer dispute {key}", f"答复争议 {key}"))
    content = {"key": key, "answer": answer, "proposed": proposed}
    if repeated("answer_dispute", idempotency_key, content):
        return dispute
    _require_open(dispute)
    _check_text(answer, "answer")
    _check_amount(proposed, "proposed")
    values: dict[str, Any] = {
        "state": DisputeState.ANSWERED, "answer": answer, "answered_by": party, "answered_at": now
    }  # fmt: skip
    if proposed is not None:
        values |= {"proposed": proposed, "proposed_by": party}
    Dispute.objects.filter(pk=dispute.pk).update(**values)
    _record("answer_dispute", idempotency_key, content, deal, dispute, actor, now)
    dispute.refresh_from_db()
    return dispute


@money_action
def agree_on_dispute(key: str, *, actor: Actor, now: datetime) -> Dispute:
    """Take what the other side proposed: the dispute is resolved so. Doing it again changes nothing."""
    dispute, deal = _find_locked(key, actor)
    others = deal.parties.exclude(pk=dispute.proposed_by_id or 0)
    require(
        any(can_sign_for(actor, party) for party in others),
        actor,
        Said(f"agree on dispute {key}", f"就争议 {key} 达成一致"),
    )
    if dispute.state == DisputeState.RESOLVED:
        return dispute
    _require_open(dispute)
    if dispute.proposed is None:
        raise Conflict(
            f"nobody has proposed an outcome of {key} yet → answer it with one",
            f"{key} 尚无人提出处理结果 → 请在答复中提出",
        )
    return _resolve(dispute, deal, dispute.proposed, "agreed by both sides", "agree_on_dispute", actor, now)


@money_action
def resolve_dispute(key: str, *, outcome: int | None, because: str, actor: Actor, now: datetime) -> Dispute:
    """The operator's word: a quantity of a reading, fen of a delivery, None where neither is disputed."""
    require(can_operate(actor), actor, Said(f"resolve dispute {key}", f"裁定争议 {key}"))
    dispute, deal = _find_locked(key, actor)
    parties = deal.parties.values_list("organisation_id", "person_id")
    organisations, persons = zip(*parties, strict=True)
    require_disinterested(actor, Said(f"resolve dispute {key}", f"裁定争议 {key}"), organisations, persons)
    if dispute.state == DisputeState.RESOLVED:
        return dispute
    _require_open(dispute)
    _check_text(because, "because")
    _check_amount(outcome, "outcome")
    if (outcome is None) != (dispute.usage_id is None and dispute.delivery_id is None):
        fix = Said(
            "give what is to be billed, or none where no reading or delivery is disputed",
            "请填应计的数；争议不针对读数或交付时留空",
        )
        raise InputError(
            [Problem(Said("the outcome does not fit what is disputed", "处理结果与争议内容不符"), fix, field="outcome")]
        )
    return _resolve(dispute, deal, outcome, because, "resolve_dispute", actor, now)


@action
def withdraw_dispute(key: str, *, because: str, actor: Actor, now: datetime) -> Dispute:
    """Take one's own dispute back: what was metered or delivered stands. For whoever opened it."""
    dispute, deal = _find_locked(key, actor)
    opener = dispute.opener
    require(
        opener is not None and can_speak_for(actor, opener), actor, Said(f"withdraw dispute {key}", f"撤回争议 {key}")
    )
    if dispute.state == DisputeState.WITHDRAWN:
        return dispute
    _require_open(dispute)
    _check_text(because, "because")
    Dispute.objects.filter(pk=dispute.pk).update(
        state=DisputeState.WITHDRAWN, resolution=because, resolved_at=now, resolved_by=actor.person_id
    )
    _go_on(dispute, deal)
    _record("withdraw_dispute", key, {}, deal, dispute, actor, now)
    dispute.refresh_from_db()
    return dispute


def find_dispute(key: str, actor: Actor) -> Dispute:
    found = Dispute.objects.visible_to(actor).select_related("agreement", "usage__line", "delivery", "opener")
    try:
        return found.get(key=key)
    except Dispute.DoesNotExist:
        raise NotFound(f"no dispute {key!r}", f"没有争议 {key!r}") from None


def _open(deal: Agreement, dispute: Dispute, content: dict[str, Any], actor: Actor, now: datetime) -> Dispute:
    taken = Dispute.objects.filter(agreement=deal, state__in=OPEN, usage=dispute.usage, delivery=dispute.delivery)
    if (dispute.usage or dispute.delivery) and (earlier := taken.first()):
        raise Conflict(
            f"this is disputed already ({earlier.key}) → answer that one",
            f"此事已有争议（{earlier.key}） → 请在其中答复",
        )
    dispute.agreement, dispute.opened_at = deal, now
    dispute.save(force_insert=True)
    if dispute.usage is not None:
        Usage.objects.filter(pk=dispute.usage.pk).update(is_held=True)
    if deal.state != AgreementState.DISPUTED:
        move(deal, "dispute", AgreementState.DISPUTED, disputed_from=deal.state)
    extend_holds(deal, now + EXTENSION, dispute.key, now)
    _record("open_dispute", dispute.key, content, deal, dispute, actor, now)
    return dispute


def _resolve(
    dispute: Dispute, deal: Agreement, outcome: int | None, because: str, name: str, actor: Actor, now: datetime
) -> Dispute:
    values: dict[str, Any] = {}
    if dispute.usage is not None and outcome is not None:
        values = correct_usage(dispute.usage, outcome, dispute.key, now)
    elif dispute.delivery is not None and outcome is not None:
        values = correct_delivery(deal, dispute.delivery, outcome, dispute.key, because, now)
    Dispute.objects.filter(pk=dispute.pk).update(
        state=DisputeState.RESOLVED, outcome=outcome, resolution=because, resolved_by=actor.person_id, resolved_at=now,
        **values,
    )  # fmt: skip
    _go_on(dispute, deal)
    _record(name, dispute.key, {}, deal, dispute, actor, now)
    dispute.refresh_from_db()
    return dispute


def _go_on(dispute: Dispute, deal: Agreement) -> None:
    """With its last open dispute gone, the agreement goes back to where it was disputed."""
    if dispute.usage is not None:
        Usage.objects.filter(pk=dispute.usage.pk).update(is_held=False)
    if not Dispute.objects.filter(agreement=deal, state__in=OPEN).exists():
        move(deal, "resolve", deal.disputed_from, disputed_from="")


def _find_locked(key: str, actor: Actor) -> tuple[Dispute, Agreement]:
    dispute = find_dispute(key, actor)
    deal = lock_agreement(dispute.agreement.key, actor)
    dispute.refresh_from_db(fields=["state", "proposed", "proposed_by"])
    return dispute, deal


def _require_open(dispute: Dispute) -> None:
    if not dispute.is_open:
        raise Conflict(
            f"dispute {dispute.key} is {dispute.state}; nothing more is said in it",
            f"争议 {dispute.key} 处于“{word_zh(dispute.state)}”，不再接受发言",
        )


def _usage_of(deal: Agreement, reading: str) -> Usage:
    usage = Usage.objects.filter(line__agreement=deal, reading=reading).first()
    if usage is None:
        raise NotFound(f"no reading {reading!r} under {deal.key}", f"{deal.key} 下没有读数 {reading!r}")
    return usage


def _delivery_of(deal: Agreement, number: int) -> Delivery:
    delivery = Delivery.objects.filter(agreement=deal, number=number).first()
    if delivery is None:
        raise NotFound(f"agreement {deal.key!r} has no delivery {number}", f"协议 {deal.key!r} 没有交付 {number}")
    return delivery


def _check_text(text: str, field: str) -> None:
    if not 0 < len(text.strip()) <= TEXT_LIMIT:
        raise InputError(
            [
                Problem(
                    Said(f"a text of {len(text.strip())} characters", f"文字有 {len(text.strip())} 个字符"),
                    Said(f"1 to {TEXT_LIMIT}", f"1 至 {TEXT_LIMIT} 个字符"),
                    field=field,
                )
            ]
        )


def _check_amount(amount: int | None, field: str) -> None:
    if amount is not None and (type(amount) is not int or not 0 <= amount <= AMOUNT_LIMIT):
        raise InputError(
            [
                Problem(
                    Said(f"{amount!r}", f"{amount!r} 不成立"),
                    Said("an integer, not negative", "不为负的整数"),
                    field=field,
                )
            ]
        )


def _record(
    name: str,
    key: str,
    content: dict[str, Any],
    deal: Agreement,
    dispute: Dispute,
    actor: Actor,
    now: datetime,
) -> None:
    parties = deal.parties.filter(organisation__isnull=False).values_list("organisation_id", flat=True)
    record_event(
        name,
        key,
        content,
        subject=f"dispute:{dispute.key}",
        actor=actor,
        now=now,
        organisations=list(parties),
        payload={"agreement": deal.key},
    )

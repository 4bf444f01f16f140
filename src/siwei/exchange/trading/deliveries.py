"""What is handed over, or happened: planned with the agreement (`delivery_plans`), submitted with evidence, accepted or
sent back.

Nothing is accepted by itself, however long it waits: who disagrees with silence opens a dispute. Acceptance of a
delivery that pays captures its part of the line's holds.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from siwei.errors import Conflict, InputError, NotFound, Problem, Said, chinese_of
from siwei.exchange.access import can_act_for, can_sign_for, can_speak_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, money_action, record_event, repeated
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    AgreementParty,
    AgreementState,
    Delivery,
    DeliveryForm,
    DeliveryState,
    Job,
)
from siwei.exchange.state_words import word_zh
from siwei.exchange.states import lock_agreement, move, require_step
from siwei.exchange.trading.charges import charge_lines, lines_of
from siwei.exchange.trading.jobs import ACTIVE

TEXT_LIMIT = 4_000


@action
def submit_delivery(
    agreement: str,
    number: int,
    *,
    evidence: str,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    quantity: int | None = None,
) -> Delivery:
    """Hand a delivery over, or report that an event took place, with what shows it.

    A milestone is its giver's to submit; an event either side may report. Of an event with a quantity, a smaller one
    leaves the rest planned as a delivery of its own.
    """
    deal = lock_agreement(agreement, actor)
    delivery = find_delivery(deal, number)
    party = next((side for side in reporters_of(delivery) if can_speak_for(actor, side)), None)
    require(
        party is not None, actor, Said(f"submit delivery {number} of {agreement}", f"提交 {agreement} 的交付 {number}")
    )
    assert party is not None
    content = {"agreement": agreement, "number": number, "evidence": evidence, "quantity": quantity}
    if repeated("submit_delivery", idempotency_key, content):
        return delivery
    _check_text(
        evidence,
        "evidence",
        Said("say what shows it: a report, a protocol, a link, a date", "请说明依据：报告、记录、链接、日期"),
    )
    require_step(deal, "deliver")
    if delivery.state not in (DeliveryState.PLANNED, DeliveryState.REJECTED):
        raise Conflict(
            f"delivery {number} of {agreement} is {delivery.state}; only a planned or rejected one is submitted",
            f"{agreement} 的交付 {number} 处于“{word_zh(delivery.state)}”；只有已计划或被退回的可以提交",
        )
    if quantity is not None and quantity != delivery.quantity:
        _split(delivery, quantity)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.SUBMITTED, evidence=evidence, reason="", submitted_at=now, submitted_by=actor.person_id,
        reported_by=party, decided_at=None, decided_by=None,
    )  # fmt: skip
    move(deal, "deliver", AgreementState.DELIVERING)
    _record("submit_delivery", idempotency_key, content, deal, delivery, actor, now)
    delivery.refresh_from_db()
    return delivery


@money_action
def accept_delivery(agreement: str, number: int, *, actor: Actor, now: datetime) -> Delivery:
    """Take a submitted delivery as good, or confirm an event: for the side that did not report it, and for another
    person than the one who did. What it pays is captured; accepting again changes nothing."""
    deal = lock_agreement(agreement, actor)
    delivery = find_delivery(deal, number)
    require(
        can_sign_for(actor, decider_of(delivery)),
        actor,
        Said(f"accept delivery {number} of {agreement}", f"验收 {agreement} 的交付 {number}"),
    )
    if delivery.state == DeliveryState.ACCEPTED:
        return delivery
    _check_decidable(deal, delivery, actor)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.ACCEPTED, decided_at=now, decided_by=actor.person_id
    )
    if delivery.line_id is not None and delivery.amount_fen:
        lines = [line for line in lines_of(deal) if line.pk == delivery.line_id]
        settlement = charge_lines(deal, lines, f"delivery:{number}", now)
        if settlement is not None and any(each["uncollected_fen"] for each in settlement.detail):
            raise Conflict(
                f"what was held for {agreement} has expired and no longer pays delivery {number} → agree anew",
                f"为 {agreement} 冻结的款项已到期，不再支付交付 {number} → 请重新签约",
            )
    _complete_if_all_accepted(deal)
    _record("accept_delivery", f"{agreement}:{number}", {}, deal, delivery, actor, now)
    delivery.refresh_from_db()
    return delivery


@action
def reject_delivery(
    agreement: str, number: int, *, because: str, actor: Actor, now: datetime, idempotency_key: str
) -> Delivery:
    """Send a submitted delivery back with a reason; it may be submitted again. For the side that did not report it."""
    deal = lock_agreement(agreement, actor)
    delivery = find_delivery(deal, number)
    allowed = can_speak_for(actor, decider_of(delivery))
    require(allowed, actor, Said(f"reject delivery {number} of {agreement}", f"退回 {agreement} 的交付 {number}"))
    content = {"agreement": agreement, "number": number, "because": because}
    if repeated("reject_delivery", idempotency_key, content):
        return delivery
    _check_text(because, "because", Said("say what is missing, so that it can be mended", "请说明缺少什么，以便补正"))
    _check_decidable(deal, delivery, actor)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.REJECTED, reason=because, decided_at=now, decided_by=actor.person_id
    )
    _record("reject_delivery", idempotency_key, content, deal, delivery, actor, now)
    delivery.refresh_from_db()
    return delivery


@action
def complete_agreement(key: str, *, actor: Actor, now: datetime) -> Agreement:
    """Say that all is delivered: nothing more is metered or submitted, and it can be settled.

    For the providers and the operator (of an agreement without lines, for any party). Saying it again changes nothing.
    """
    agreement = lock_agreement(key, actor)
    parties = list(agreement.parties.select_related("organisation"))
    lines = list(agreement.lines.all())
    require(can_complete(actor, parties, lines), actor, Said(f"complete {key}", f"完成 {key}"))
    if agreement.state in (AgreementState.COMPLETED, AgreementState.SETTLED):
        return agreement
    require_step(agreement, "complete")
    if running := Job.objects.filter(line__agreement=agreement, state__in=ACTIVE).count():
        raise Conflict(
            f"{running} job(s) under {key} have not ended → wait, or cancel them",
            f"{key} 下还有 {running} 个作业未结束 → 请等待，或取消",
        )
    if waiting := agreement.deliveries.filter(state=DeliveryState.SUBMITTED).count():
        raise Conflict(
            f"{waiting} delivery(ies) under {key} wait for a word → accept or reject them, or dispute",
            f"{key} 下有 {waiting} 项交付等待答复 → 请验收、退回或提出争议",
        )
    move(agreement, "complete", AgreementState.COMPLETED)
    record_event(
        "complete_agreement",
        key,
        {},
        subject=f"agreement:{key}",
        actor=actor,
        now=now,
        organisations=[party.organisation for party in parties if party.organisation],
    )
    return agreement


def can_complete(actor: Actor, parties: Iterable[AgreementParty], lines: Sequence[AgreementLine]) -> bool:
    if lines:
        return any(can_act_for(actor, line.provider_id) for line in lines)
    return actor.is_operator or any(can_speak_for(actor, party) for party in parties)


def reporters_of(delivery: Delivery) -> list[AgreementParty]:
    """The sides that may submit it."""
    return [delivery.giver] if delivery.form == DeliveryForm.MILESTONE else [delivery.giver, delivery.receiver]


def decider_of(delivery: Delivery) -> AgreementParty:
    """The side whose word a submitted delivery waits for."""
    return delivery.giver if delivery.reported_by_id == delivery.receiver_id else delivery.receiver


def find_delivery(agreement: Agreement, number: int) -> Delivery:
    found = Delivery.objects.select_related("giver__organisation", "receiver__organisation", "line")
    try:
        return found.get(agreement=agreement, number=number)
    except Delivery.DoesNotExist:
        raise NotFound(
            f"agreement {agreement.key!r} has no delivery {number}", f"协议 {agreement.key!r} 没有交付 {number}"
        ) from None


def _split(delivery: Delivery, quantity: int) -> None:
    """Leave what is not delivered yet planned under the next number; amounts part by quantity, to the fen."""
    whole = delivery.quantity
    if whole is None or type(quantity) is not int or not 0 < quantity < whole:
        fix = (
            Said(f"give 1 to {whole}", f"请填 1 至 {whole}")
            if whole is not None
            else Said("a milestone is handed over whole", "里程碑须整个交付")
        )
        raise InputError(
            [Problem(Said(f"a quantity of {quantity!r}", f"数量 {quantity!r} 不成立"), fix, field="quantity")]
        )
    part_fen = delivery.amount_fen * quantity // whole
    last = delivery.agreement.deliveries.order_by("-number").values_list("number", flat=True)[0]
    rest = Delivery(
        agreement_id=delivery.agreement_id, number=last + 1, line=delivery.line, form=delivery.form,
        title=delivery.title, giver=delivery.giver, receiver=delivery.receiver, quantity=whole - quantity,
        amount_fen=delivery.amount_fen - part_fen, due_on=delivery.due_on,
    )  # fmt: skip
    rest.save(force_insert=True)
    Delivery.objects.filter(pk=delivery.pk).update(quantity=quantity, amount_fen=part_fen)


def _check_decidable(agreement: Agreement, delivery: Delivery, actor: Actor) -> None:
    require_step(agreement, "deliver")
    if delivery.state != DeliveryState.SUBMITTED:
        raise Conflict(
            f"delivery {delivery.number} of {agreement.key} is {delivery.state}, nothing to decide on",
            f"{agreement.key} 的交付 {delivery.number} 处于“{word_zh(delivery.state)}”，没有可决定的",
        )
    require(
        delivery.submitted_by_id is None or delivery.submitted_by_id != actor.person_id,
        actor,
        Said("decide on what they reported themselves", "决定自己所报的内容"),
    )


def _complete_if_all_accepted(agreement: Agreement) -> None:
    if agreement.deliveries.exclude(state=DeliveryState.ACCEPTED).exists():
        return
    if not agreement.lines.filter(deliveries=None).exists():
        move(agreement, "complete", AgreementState.COMPLETED)


def _check_text(text: str, field: str, fix: str) -> None:
    if not 0 < len(text.strip()) <= TEXT_LIMIT:
        raise InputError(
            [
                Problem(
                    Said(f"a text of {len(text.strip())} characters", f"文字有 {len(text.strip())} 个字符"),
                    Said(f"{fix} (1 to {TEXT_LIMIT})", f"{chinese_of(fix)}（1 至 {TEXT_LIMIT} 个字符）"),
                    field=field,
                )
            ]
        )


def _record(
    name: str,
    key: str,
    content: dict[str, object],
    agreement: Agreement,
    delivery: Delivery,
    actor: Actor,
    now: datetime,
) -> None:
    sides = (delivery.giver.organisation, delivery.receiver.organisation)
    record_event(
        name,
        key,
        content,
        subject=f"delivery:{agreement.key}:{delivery.number}",
        actor=actor,
        now=now,
        organisations=[side for side in sides if side is not None],
        payload={"title": delivery.title, "amount_fen": delivery.amount_fen},
    )

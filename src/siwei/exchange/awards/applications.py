"""Applications on a pot, up to the closing of its window; and alerts where one document is claimed for twice."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce

from siwei.city.attributes import Attribute
from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_act_for, can_operate, can_review, require, require_disinterested
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.awards.held_awards import LIVE, Room, room_for
from siwei.exchange.facts.decisions import record_decision
from siwei.exchange.models import (
    Application,
    ApplicationState,
    ClaimedDocument,
    Decision,
    Organisation,
    Pot,
    Pseudonym,
    RoundState,
    SharingRound,
    Voucher,
)
from siwei.exchange.models.applications import NUMBER_LIMIT
from siwei.exchange.state_words import word_zh
from siwei.market.bank import exact_yuan
from siwei.policy import Programme, Verdict
from siwei.policy.stacking import Stacking

KINDS = ("contract", "invoice")
MOST_DOCUMENTS = 200


def apply_for_award(
    programme: Programme,
    organisation: Organisation,
    pot: Pot,
    *,
    claim_fen: int,
    documents: Iterable[tuple[str, str]],
    attributes: Mapping[str, Attribute],
    as_of: date,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    stacking: Stacking,
    subject: str = "",
) -> Application:
    """Have the programme decided for the organisation (or its claim or project `subject`) and claim from its pot on
    that decision. Two actions under one key: a process killed between them goes on when it is asked again."""
    decision = record_decision(
        programme, organisation, subject=subject, as_of=as_of, attributes=attributes, actor=actor, now=now,
        idempotency_key=idempotency_key,
    )  # fmt: skip
    return apply_to_pot(
        programme, decision, pot, claim_fen=claim_fen, documents=documents, stacking=stacking, attributes=attributes,
        as_of=as_of, actor=actor, now=now, idempotency_key=idempotency_key,
    )  # fmt: skip


@action
def apply_to_pot(
    programme: Programme,
    decision: Decision,
    pot: Pot,
    *,
    claim_fen: int,
    documents: Iterable[tuple[str, str]],
    stacking: Stacking,
    attributes: Mapping[str, Attribute],
    as_of: date,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> Application:
    """Claim at most what a decision awards from its programme's pot, for contracts and invoices (kind, number).

    `Conflict` outside the window, for a draft, for a decision that awards less (with what was claimed from the pot
    before) or of another text, or one that was used already; and where the rules on stacking, weighed with what the
    organisation holds of other programmes, or the programme's own limits leave less: the refusal names the rule.
    """
    require(
        can_act_for(actor, decision.organisation_id),
        actor,
        Said(f"apply for {decision.organisation.name}", f"为 {decision.organisation.name} 申报"),
    )
    written = {(kind, reference_of(kind, number)): number.strip() for kind, number in documents}
    named = sorted(written)
    if len(named) > MOST_DOCUMENTS:
        message = Said(
            f"{len(named)} documents, more than {MOST_DOCUMENTS}", f"有 {len(named)} 份文件，超过 {MOST_DOCUMENTS} 份"
        )
        raise InputError(
            [Problem(message, Said("claim for them in several applications", "请分几次申报"), field="documents")]
        )
    content = {"decision": decision.key, "pot": str(pot.pk), "claim_fen": claim_fen, "documents": named}
    if repeated("apply_to_pot", idempotency_key, content):
        return Application.objects.get(key=idempotency_key)
    # Two applications at once would both find nothing claimed before, from this pot or another: on PostgreSQL the
    # second waits here, on SQLite the transaction itself does. Only changes are locked out: a round that holds the pot
    # makes rows that refer to the organisation, and each would wait for the other.
    Organisation.objects.select_for_update(no_key=True).get(pk=decision.organisation_id)
    pot = locked_pot(pot)
    _check_application(programme, decision, pot, claim_fen, as_of)
    room = room_for(
        programme, pot, decision.organisation, decision.award_fen or 0, subject=decision.subject, stacking=stacking,
        as_of=as_of, attributes=attributes,
    )  # fmt: skip
    check_room(room, programme, claimed_from(pot, decision.organisation, decision.subject), claim_fen)
    held = dict(sorted(room.held_fen.items()))
    application = Application.objects.create(
        key=idempotency_key,
        organisation=decision.organisation,
        pot=pot,
        decision=decision,
        claim_fen=claim_fen,
        applied_at=now,
    )
    ClaimedDocument.objects.bulk_create(
        ClaimedDocument(
            application=application,
            organisation=decision.organisation,
            kind=kind,
            reference=reference,
            number=written[kind, reference],
        )
        for kind, reference in named
    )
    record_event(
        "apply_to_pot",
        idempotency_key,
        content,
        subject=f"application:{application.key}",
        actor=actor,
        now=now,
        organisations=[decision.organisation],
        payload={"programme": pot.programme, "claim_fen": claim_fen, **({"held": held} if held else {})},
    )
    return application


def reference_of(kind: str, number: str) -> str:
    """A document's number as it is compared: letters and digits, in capitals."""
    reference = "".join(sign for sign in number if sign.isalnum()).upper()
    if kind not in KINDS or not 0 < len(reference) <= 120 or len(number.strip()) > NUMBER_LIMIT:
        message = Said(f"{kind} {number[:60]!r} is no document", f"{kind} {number[:60]!r} 不是文件")
        raise InputError(
            [
                Problem(
                    message,
                    Said(f"give a {' or '.join(KINDS)} and its number", f"请填 {'、'.join(KINDS)} 之一及其编号"),
                    field="documents",
                )
            ]
        )
    return reference


def locked_pot(pot: Pot) -> Pot:
    """Whoever applies or shares waits; a voucher granted meanwhile, which refers to the pot, does not (`left_in`)."""
    return Pot.objects.select_for_update(no_key=True).get(pk=pot.pk)


def check_call(programme: Programme, pot: Pot, as_of: date) -> None:
    """`Conflict` where the pot takes no applications on the day, or is of another programme."""
    if programme.id != pot.programme:
        raise Conflict(
            f"this is {programme.id}, the pot of {pot.programme}", f"这是 {programme.id}，资金池属于 {pot.programme}"
        )
    if programme.is_draft or pot.is_draft:
        raise Conflict(
            f"programme {programme.id} is a draft: a draft releases no money", f"政策 {programme.id} 是草案：草案不放款"
        )
    if not programme.period.contains(as_of):
        raise Conflict(f"{programme.id} is not in force on {as_of}", f"{programme.id} 在 {as_of} 不在有效期内")
    if programme.window is not None and not programme.window.contains(as_of):
        first, last = programme.window.start or "…", programme.window.end or "…"
        raise Conflict(
            f"{programme.id} takes applications from {first} to {last}, not on {as_of}",
            f"{programme.id} 的申报期为 {first} 至 {last}，{as_of} 不在其中",
        )
    if SharingRound.objects.filter(pot=pot, state=RoundState.SHARED).exists():
        raise Conflict(
            f"the pot of {pot.programme} is being shared: later applications come after its notice",
            f"{pot.programme} 的资金池正在分配：公示之后再接受新的申报",
        )


def _check_application(programme: Programme, decision: Decision, pot: Pot, claim_fen: int, as_of: date) -> None:
    if programme.id != pot.programme or decision.programme != pot.programme:
        raise Conflict(
            f"decision {decision.key} is of {decision.programme}, the pot of {pot.programme}",
            f"判定 {decision.key} 属于 {decision.programme}，资金池属于 {pot.programme}",
        )
    if programme.sha256 != decision.version_sha256:
        raise Conflict(
            f"decision {decision.key} was made by another version of {programme.id} → decide again",
            f"判定 {decision.key} 是按 {programme.id} 的另一版本作出的 → 请重新判定",
        )
    check_call(programme, pot, as_of)
    if decision.verdict != Verdict.ELIGIBLE or decision.award_fen is None:
        raise Conflict(
            f"decision {decision.key} is {decision.verdict}: nothing to apply for",
            f"判定 {decision.key} 的结果是“{word_zh(decision.verdict)}”：没有可申领的",
        )
    if type(claim_fen) is not int or not 0 < claim_fen <= decision.award_fen:
        most, asked = exact_yuan(decision.award_fen), exact_yuan(claim_fen)
        raise Conflict(
            f"the decision awards {most}, claimed were {asked} → claim more than 0 and at most {most}",
            f"判定给予 {most}，申领的是 {asked} → 申领金额须大于 0、不超过 {most}",
        )
    if Application.objects.filter(decision=decision).exists() or Voucher.objects.filter(decision=decision).exists():
        raise Conflict(f"decision {decision.key} was applied on already", f"判定 {decision.key} 已用于申报")
    before = claimed_from(pot, decision.organisation, decision.subject)
    if before + claim_fen > decision.award_fen:
        awarded, earlier = exact_yuan(decision.award_fen), exact_yuan(before)
        left = exact_yuan(max(0, decision.award_fen - before))
        raise Conflict(
            f"the decision awards {awarded}, of which {earlier} were claimed from this pot before "
            f"→ claim at most {left}",
            f"判定给予 {awarded}，此前已从该资金池申领 {earlier} → 至多再申领 {left}",
        )


def check_room(room: Room, programme: Programme, before_fen: int, claim_fen: int) -> None:
    if room.most_fen is not None and before_fen + claim_fen <= room.most_fen:
        return
    words = room.words
    rule = Said(
        f"{room.rule!r} ({words.en if words else 'no words'})", f" {room.rule!r}（{words.zh if words else '无说明'}）"
    )
    if room.most_fen is None:
        named = Said(f": {', '.join(room.missing)}", f"：{'、'.join(room.missing)}") if room.missing else Said("", "")
        raise Conflict(
            f"{programme.id}: the limit of {rule} is not known → enter the facts it is worked out from{named}",
            f"{programme.id}：规则{rule.zh}的上限未知 → 请录入计算所需的事实{named.zh}",
        )
    held = Said(
        ", ".join(f"{name} {exact_yuan(fen)}" for name, fen in sorted(room.held_fen.items())),
        "、".join(f"{name} {exact_yuan(fen)}" for name, fen in sorted(room.held_fen.items())),
    )
    beside = Said(f"beside {held} " if held else "", f"除已有的 {held.zh}外，" if held else "")
    left = exact_yuan(max(0, room.most_fen - before_fen))
    raise Conflict(
        f"{programme.id}: {beside}the rule {rule} leaves {left}, claimed {exact_yuan(claim_fen)}",
        f"{programme.id}：{beside.zh}规则{rule.zh}只余 {left}，申领 {exact_yuan(claim_fen)}",
    )


def claimed_from(pot: Pot, organisation: Organisation, subject: str = "") -> int:
    """What the organisation (for itself, or for one claim or project) has claimed from the pot and not lost again: an
    entitlement is paid once, however often it is applied for."""
    mine = {"pot": pot, "organisation": organisation, "decision__subject": subject}
    applied = Application.objects.filter(state__in=LIVE, **mine).aggregate(
        sum=Sum(Coalesce(F("shared_fen"), F("claim_fen")))
    )
    # Of vouchers that were granted on an application the application counts.
    granted = Voucher.objects.filter(decision__application=None, **mine).aggregate(sum=Sum("cap_fen"))
    return (applied["sum"] or 0) + (granted["sum"] or 0)


def claimed_by(pot: Pot, pseudonym: Pseudonym) -> int:
    """The same of a person, whose awards are money."""
    applied = Application.objects.filter(state__in=LIVE, pot=pot, pseudonym=pseudonym)
    return applied.aggregate(sum=Sum(Coalesce(F("shared_fen"), F("claim_fen"))))["sum"] or 0


def can_choose_again(application: Application, programme: Programme) -> bool:
    """Whether it may be given up though its pot was shared: the programme says so, it got less than it asked for, and
    its round is on public notice. What another text says since does not count."""
    made = application.round
    if made is None or programme.pot is None or not programme.pot.choose_again:
        return False
    is_cut = application.state == ApplicationState.SHARED and (application.shared_fen or 0) < application.claim_fen
    return is_cut and made.state == RoundState.NOTICE and made.version_sha256 == programme.sha256


@action
def withdraw_application(
    application: Application, *, actor: Actor, now: datetime, idempotency_key: str, programme: Programme | None = None
) -> Application:
    """Give an application up, as long as the pot was not shared; after that only where its `programme` lets those
    choose again who got less than they asked for. What it would have had stays in the pot."""
    own = can_act_for(actor, application.organisation_id) or is_of(application, actor)
    require(own, actor, Said(f"withdraw {application.key}", f"撤回 {application.key}"))
    # A person's acts on their own money are told of their pseudonym.
    told = Actor(name=application.pseudonym.key) if application.pseudonym else actor
    content = {"application": application.key}
    if repeated("withdraw_application", idempotency_key, content):
        return Application.objects.get(pk=application.pk)
    mine = Application.objects.filter(pk=application.pk)
    given_up = mine.filter(state=ApplicationState.APPLIED).update(state=ApplicationState.WITHDRAWN)
    current = mine.select_related("round").get()
    if not given_up and programme is not None and can_choose_again(current, programme):
        # The round is looked at in the same statement: it may be awarded meanwhile.
        shared = mine.filter(state=ApplicationState.SHARED, round__state=RoundState.NOTICE)
        given_up = shared.update(state=ApplicationState.WITHDRAWN)
    if not given_up:
        raise Conflict(
            f"{application.key} can no longer be withdrawn: its pot was shared",
            f"{application.key} 不能再撤回：其资金池已分配",
        )
    record_event(
        "withdraw_application",
        idempotency_key,
        content,
        subject=f"application:{application.key}",
        actor=told,
        now=now,
        organisations=organisations_of(application),
    )
    return Application.objects.get(pk=application.pk)


def is_of(application: Application, actor: Actor) -> bool:
    """Whether it is the application of the person who acts, signed in themselves."""
    pseudonym = application.pseudonym
    mine = pseudonym is not None and pseudonym.person_id is not None and pseudonym.person_id == actor.person_id
    return mine and not actor.by_key


def organisations_of(application: Application) -> list[Organisation]:
    """Whom an event about it concerns, of organisations."""
    return [application.organisation] if application.organisation else []


@action
def score_application(
    application: Application, score: int, *, actor: Actor, now: datetime, idempotency_key: str
) -> Application:
    """Record the score of a review, where the pot is shared by merit."""
    require(can_operate(actor) or can_review(actor), actor, Said("score applications", "给申报评分"))
    own = application.pseudonym.person_id if application.pseudonym else None
    require_disinterested(actor, Said("score this application", "给该申报评分"), [application.organisation_id], [own])
    content = {"application": application.key, "score": score}
    if repeated("score_application", idempotency_key, content):
        return Application.objects.get(pk=application.pk)
    if type(score) is not int or not 0 <= score <= 1_000_000:
        raise InputError(
            [
                Problem(
                    Said(f"a score of {score!r}", f"评分 {score!r} 不成立"),
                    Said("give 0 to 1,000,000", "请填 0 至 1,000,000"),
                    field="score",
                )
            ]
        )
    if not Application.objects.filter(pk=application.pk, state=ApplicationState.APPLIED).update(score=score):
        raise Conflict(
            f"{application.key} can no longer be scored: its pot was shared",
            f"{application.key} 不能再评分：其资金池已分配",
        )
    record_event(
        "score_application",
        idempotency_key,
        content,
        subject=f"application:{application.key}",
        actor=actor,
        now=now,
        organisations=organisations_of(application),
        payload={"score": score},
    )
    return Application.objects.get(pk=application.pk)


def duplicate_documents(actor: Actor) -> list[tuple[str, str, list[str]]]:
    """Alerts: each contract or invoice that is claimed in more than one application, whatever the programme: (kind,
    number, keys of the applications). For the offices, who alone see everybody's documents."""
    require(actor.sees_all, actor, Said("see alerts of duplicate funding", "查看重复资助的提示"))
    live = ClaimedDocument.objects.exclude(
        application__state__in=(ApplicationState.REFUSED, ApplicationState.WITHDRAWN)
    )
    twice = live.values("kind", "reference").annotate(count=Count("application", distinct=True)).filter(count__gt=1)
    return [
        (
            row["kind"],
            row["reference"],
            sorted(
                live.filter(kind=row["kind"], reference=row["reference"]).values_list("application__key", flat=True)
            ),
        )
        for row in twice.order_by("kind", "reference")
    ]


def find_application(key: str, actor: Actor) -> Application:
    try:
        found = Application.objects.visible_to(actor).select_related("round", "pot", "organisation", "pseudonym")
        return found.get(key=key)
    except Application.DoesNotExist:
        raise NotFound(f"no application {key!r}", f"没有申报 {key!r}") from None

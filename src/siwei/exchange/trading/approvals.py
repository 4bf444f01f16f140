"""A second person's word: from what amount on, whose, and that nobody gives it to themselves."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db.models import Sum
from django.utils import timezone

from siwei.errors import Conflict, InputError, Problem, Said, chinese_of
from siwei.exchange.access import can_approve_for, can_manage_people_of, require
from siwei.exchange.actors import Actor, Role
from siwei.exchange.audit import money_action, record_event, repeated
from siwei.exchange.models import (
    Agreement,
    AgreementParty,
    AgreementState,
    Approval,
    ApprovalRule,
    ApprovalState,
)
from siwei.exchange.models.ledger import AMOUNT_LIMIT
from siwei.exchange.parties import find_organisation
from siwei.exchange.people.mandates import accounts_of_person, is_same_person
from siwei.exchange.states import lock_agreement, move, require_step
from siwei.exchange.trading.signing import conclude_signing
from siwei.market.bank import exact_yuan


@money_action
def set_approval_rule(
    organisation: str, role: str, from_fen: int | None, *, actor: Actor, now: datetime, idempotency_key: str
) -> ApprovalRule | None:
    """From `from_fen` of the organisation's own share on, `role` must approve besides the signature; None lifts the
    rule. For owners: a rule is not lifted by whom it binds."""
    owner = find_organisation(organisation)
    require(
        can_manage_people_of(actor, owner.pk, Role.OWNER),
        actor,
        Said(f"say who approves what at {owner.name}", f"规定 {owner.name} 由谁批准什么"),
    )
    content = {"organisation": organisation, "role": role, "from_fen": from_fen}
    if repeated("set_approval_rule", idempotency_key, content):
        return ApprovalRule.objects.filter(organisation=owner, role=role).first()
    if role not in (Role.OWNER, Role.MANAGER, Role.FINANCE):
        raise InputError(
            [
                Problem(
                    Said(f"no approval by {role!r}", f"没有由 {role!r} 批准的做法"),
                    Said("owner, manager or finance", "owner（所有者）、manager（管理者）或 finance（财务）"),
                    field="role",
                )
            ]
        )
    if from_fen is not None and (type(from_fen) is not int or not 0 <= from_fen <= AMOUNT_LIMIT):
        raise InputError(
            [
                Problem(
                    Said(f"an amount of {exact_yuan(from_fen)}", f"金额 {exact_yuan(from_fen)} 不成立"),
                    Said("an integer, not negative", "不为负的整数"),
                    field="from_fen",
                )
            ]
        )
    rule = None
    if from_fen is None:
        ApprovalRule.objects.filter(organisation=owner, role=role).delete()
    else:
        rule, _ = ApprovalRule.objects.update_or_create(organisation=owner, role=role, defaults={"from_fen": from_fen})
    record_event(
        "set_approval_rule", idempotency_key, content, subject=f"organisation:{organisation}", actor=actor, now=now,
        organisations=[owner], payload={"role": role, "from_fen": from_fen},
    )  # fmt: skip
    return rule


@money_action
def approve_agreement(key: str, *, actor: Actor, now: datetime, as_of: date | None = None) -> Agreement:
    """Give the approval the actor is asked for; with the last one the holds are placed, as by a last signature.

    Each person gives one, none to what they asked for themselves. Giving it again changes nothing.
    """
    agreement = lock_agreement(key, actor)
    waiting = _open_approvals(agreement)
    mine = [each for each in waiting if can_approve_for(actor, each.party.organisation_id, Role(each.role))]
    # One's own role before one that an owner could stand in for.
    mine.sort(key=lambda each: actor.role_in(each.party.organisation_id) != each.role)
    if not mine:
        given = Approval.objects.filter(agreement=agreement, decided_by_id=actor.person_id, state=ApprovalState.GIVEN)
        require(actor.person_id is not None and given.exists(), actor, Said(f"approve {key}", f"批准 {key}"))
        return agreement
    require_step(agreement, "approve")
    chosen = mine[0]
    _require_another(chosen, actor, Said("approve", "批准"))
    given = Approval.objects.filter(party=chosen.party, state=ApprovalState.GIVEN)
    if any(is_same_person(each, actor.person_id) for each in given.values_list("decided_by_id", flat=True)):
        raise Conflict(
            f"two people are asked for, and {actor.name} has approved {key} already → ask the other",
            f"须两人批准，{actor.name} 已批准过 {key} → 请由另一人批准",
        )
    Approval.objects.filter(pk=chosen.pk).update(
        state=ApprovalState.GIVEN, decided_by_id=actor.person_id, decided_at=now
    )
    _record("approve_agreement", chosen, actor, now)
    conclude_signing(agreement, "approve", now, as_of or timezone.localdate(now), actor)
    return agreement


@money_action
def refuse_approval(key: str, *, because: str, actor: Actor, now: datetime) -> Agreement:
    """Say no, with a reason: the organisation's signature is taken back, and the agreement is open again."""
    agreement = lock_agreement(key, actor)
    waiting = _open_approvals(agreement)
    mine = [each for each in waiting if can_approve_for(actor, each.party.organisation_id, Role(each.role))]
    require(bool(mine), actor, Said(f"refuse {key}", f"拒绝 {key}"))
    require_step(agreement, "refuse")
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
    chosen = mine[0]
    _require_another(chosen, actor, Said("refuse", "拒绝"))
    Approval.objects.filter(pk=chosen.pk).update(
        state=ApprovalState.REFUSED, decided_by_id=actor.person_id, decided_at=now, reason=because
    )
    party = Approval.objects.filter(party=chosen.party)
    party.filter(state__in=(ApprovalState.OPEN, ApprovalState.GIVEN)).update(state=ApprovalState.LAPSED)
    AgreementParty.objects.filter(pk=chosen.party_id).update(signed_at=None, signed_by=None)
    move(agreement, "refuse", AgreementState.PROPOSED)
    _record("refuse_approval", chosen, actor, now, because)
    return agreement


def ask_for_approvals(agreement: Agreement, party: AgreementParty, actor: Actor, now: datetime) -> list[Approval]:
    """Open the approvals that the party's own rules ask for, given what it pays itself."""
    if party.organisation_id is None or actor.person_id is None:
        return []
    amount = own_share_of(agreement, party.organisation_id)
    asked = {"amount_fen": amount, "requested_by_id": actor.person_id, "requested_at": now}
    return [
        Approval.objects.create(agreement=agreement, party=party, role=rule.role, **asked)
        for rule in rules_for(party.organisation_id, amount)
    ]


def rules_for(organisation_id: int, own_fen: int) -> Sequence[ApprovalRule]:
    """The rules that an own share of `own_fen` falls under."""
    found = ApprovalRule.objects.filter(organisation_id=organisation_id, from_fen__lte=own_fen)
    return list(found.order_by("from_fen", "role")) if own_fen else []


def own_share_of(agreement: Agreement, organisation_id: int) -> int:
    total = agreement.lines.filter(consumer_id=organisation_id).aggregate(fen=Sum("own_fen"))["fen"]
    return total or 0


def decidable(approvals: Iterable[Approval], actor: Actor) -> list[Approval]:
    """Those of which the actor's word is wanted: their role's, and not of what they asked for themselves."""
    in_role = [each for each in approvals if can_approve_for(actor, each.party.organisation_id, Role(each.role))]
    own = accounts_of_person(actor.person_id, {each.requested_by_id for each in in_role})
    return [each for each in in_role if each.requested_by_id not in own]


def _open_approvals(agreement: Agreement) -> list[Approval]:
    found = Approval.objects.filter(agreement=agreement, state=ApprovalState.OPEN)
    return list(found.select_related("party__organisation", "requested_by").order_by("pk"))


def _require_another(approval: Approval, actor: Actor, what: str) -> None:
    own = is_same_person(approval.requested_by_id, actor.person_id)
    require(
        not own,
        actor,
        Said(
            f"{what} what they asked for themselves (another person's word is wanted)",
            f"{chinese_of(what)}自己提出的事（须由另一人作出）",
        ),
    )


def _record(name: str, approval: Approval, actor: Actor, now: datetime, because: str = "") -> None:
    organisation = approval.party.organisation
    record_event(
        name,
        f"{approval.agreement.key}:{approval.pk}",
        {},
        subject=f"agreement:{approval.agreement.key}",
        actor=actor,
        now=now,
        # Among themselves: the other side learns of the outcome only.
        organisations=[organisation] if organisation else [],
        payload={"role": approval.role, **({"because": because} if because else {})},
    )

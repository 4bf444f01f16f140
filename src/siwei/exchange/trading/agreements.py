"""Propose, sign, cancel. The last signature places the holds: the voucher's share and the firm's own."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from siwei.errors import Conflict, InputError, InsufficientFunds, Problem, Said
from siwei.exchange.access import can_act_for, can_commit_money_for, can_sign_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, money_action, record_event, repeated
from siwei.exchange.ledger.accounts import commitment_account
from siwei.exchange.ledger.actions import change_floor
from siwei.exchange.models import (
    Account,
    Agreement,
    AgreementParty,
    AgreementState,
    ApprovalState,
    Match,
    ModelCall,
    Organisation,
    Person,
    Project,
    Quote,
    Voucher,
)
from siwei.exchange.models.ledger import AMOUNT_LIMIT
from siwei.exchange.parties import find_organisation
from siwei.exchange.states import lock_agreement, move, require_step
from siwei.exchange.trading.approvals import ask_for_approvals
from siwei.exchange.trading.call_meters import close_meters
from siwei.exchange.trading.caps import give_back_agreement
from siwei.exchange.trading.delivery_plans import DeliveryTerms, plan_deliveries
from siwei.exchange.trading.holds import release_holds
from siwei.exchange.trading.listings import find_kind
from siwei.exchange.trading.quotes import require_valid
from siwei.exchange.trading.signing import conclude_signing
from siwei.exchange.trading.terms import (
    LineTerms,
    PartyTerms,
    check_match,
    check_proposal,
    claimed_contract,
    find_party,
    plain_line,
    quoted_line,
)
from siwei.market.bank import exact_yuan


@money_action
def declare_budget(organisation: str, budget_fen: int, *, actor: Actor, now: datetime, idempotency_key: str) -> Account:
    """How much of its own money outside a firm may commit here; its commitment account may go down to that.

    A later declaration replaces it, but never below what is already committed (`Conflict`).
    """
    owner = find_organisation(organisation)
    require(
        can_commit_money_for(actor, owner.pk), actor, Said(f"commit money of {owner.name}", f"动用 {owner.name} 的资金")
    )
    content = {"organisation": organisation, "budget_fen": budget_fen}
    account = commitment_account(owner)
    if repeated("declare_budget", idempotency_key, content):
        return account
    if type(budget_fen) is not int or not 0 <= budget_fen <= AMOUNT_LIMIT:
        raise InputError(
            [
                Problem(
                    Said(f"a budget of {exact_yuan(budget_fen)}", f"预算 {exact_yuan(budget_fen)} 不成立"),
                    fix=Said("give an integer, not negative", "请填不为负的整数"),
                    field="budget_fen",
                )
            ]
        )
    try:
        change_floor(account, -budget_fen)
    except InsufficientFunds:
        account.refresh_from_db()
        least = exact_yuan(account.held - account.balance)
        raise InsufficientFunds(
            f"{exact_yuan(budget_fen)} is less than the {least} that {owner.name} has committed already "
            f"→ declare {least} or more",
            f"{exact_yuan(budget_fen)} 少于 {owner.name} 已承诺的 {least} → 请申报 {least}或以上",
        ) from None
    record_event(
        "declare_budget",
        idempotency_key,
        content,
        subject=f"account:{account.code}",
        actor=actor,
        now=now,
        organisations=[owner],
        payload={"budget_fen": budget_fen},
    )
    return account


@action
def propose_agreement(
    kind: str,
    parties: Sequence[PartyTerms],
    *,
    ends_at: datetime,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    lines: Sequence[LineTerms] = (),
    match: Match | None = None,
    voucher: Voucher | None = None,
    as_of: date | None = None,
    terms: Mapping[str, Any] | None = None,
    deliveries: Sequence[DeliveryTerms] = (),
    project: Project | None = None,
    told: Quote | None = None,
    contract: str = "",
) -> Agreement:
    """Lay an agreement before its parties; the proposer must be one of them (or the operator).

    With a `match` of a kind priced by quantity, its line is quoted by the market, the voucher paying its share; `told`
    is a quote that still holds, whose match, voucher and price are taken. `lines` are further ones, paid by their
    consumers. `deliveries` are what is handed over against acceptance, with its part of the price; those a kind is
    delivered by are planned without being named (`plan_deliveries`). `contract` is the number of the contract a voucher
    is claimed for, once in the city. Raises InputError (bad terms) or Conflict (the voucher may not pay this).
    """
    if told is not None:
        match, voucher = told.match, told.voucher if told.voucher_fen else None
    owners = [find_party(party) for party in parties]
    allowed = actor.is_operator or any(can_act_for(actor, o.pk) for o in owners if isinstance(o, Organisation))
    allowed = allowed or any(o.pk == actor.person_id for o in owners if isinstance(o, Person))
    require(allowed, actor, Said("propose an agreement between others", "为他人提出协议"))
    content: dict[str, Any] = {
        "kind": kind,
        "parties": [[p.role, p.organisation, p.person_id] for p in parties],
        "ends_at": ends_at,
        "lines": [[getattr(line, name) for name in LineTerms.__slots__] for line in lines],
        "terms": dict(terms or {}),
        "match": match.key if match else None,
        "voucher": voucher.key if voucher else None,
        **(
            {"deliveries": [[getattr(each, name) for name in DeliveryTerms.__slots__] for each in deliveries]}
            if deliveries
            else {}
        ),
    }
    if told is not None:
        content["quote"] = told.key
    if contract:
        content["contract"] = contract
    if project is not None:
        content["project"] = [project.organisation.key, project.name]
        require(
            actor.represents(project.organisation_id),
            actor,
            Said(f"name the project {project.name}", f"指定项目 {project.name}"),
        )
    if repeated("propose_agreement", idempotency_key, content):
        return Agreement.objects.get(key=idempotency_key)
    check_proposal(kind, parties, lines, ends_at, now)
    if match is not None:
        check_match(match, kind, parties)
    if told is not None:
        require_valid(told, now)
    number = claimed_contract(contract) if contract and voucher is not None else ""
    agreement = Agreement.objects.create(
        key=idempotency_key,
        kind=kind,
        match=match,
        voucher=voucher,
        quote=told,
        project=project,
        contract_number=number,
        terms=dict(terms or {}),
        proposed_at=now,
        ends_at=ends_at,
    )
    members = []
    for party, owner in zip(parties, owners, strict=True):
        organisation, person = (owner, None) if isinstance(owner, Organisation) else (None, owner)
        members.append(AgreementParty(agreement=agreement, organisation=organisation, person=person, role=party.role))
        members[-1].save(force_insert=True)
    _write_lines(agreement, lines, as_of or timezone.localdate(now), actor, told)
    plan_deliveries(agreement, find_kind(kind), members, deliveries)
    record_event(
        "propose_agreement",
        idempotency_key,
        content,
        subject=f"agreement:{agreement.key}",
        actor=actor,
        now=now,
        organisations=[o for o in owners if isinstance(o, Organisation)],
        payload={"kind": kind},
    )
    return agreement


@money_action
def sign_agreement(key: str, *, actor: Actor, now: datetime, as_of: date | None = None) -> Agreement:
    """Sign for every party the actor represents. The last signature places the holds, or the last of the approvals that
    the organisations' own rules ask for; where the money is not there, or a cap has less left, it is not taken
    (`InsufficientFunds`). Signing again changes nothing."""
    agreement = lock_agreement(key, actor)
    parties = list(agreement.parties.select_related("organisation", "person").order_by("pk"))
    own = [party for party in parties if can_sign_for(actor, party)]
    require(bool(own), actor, Said(f"sign {key}", f"签署 {key}"))
    unsigned = [party for party in own if party.signed_at is None]
    if not unsigned:
        return agreement
    require_step(agreement, "sign")
    if agreement.ends_at <= now:
        raise Conflict(
            f"{key} was to end on {timezone.localdate(agreement.ends_at)} → propose it again with a later end",
            f"{key} 应于 {timezone.localdate(agreement.ends_at)} 结束 → 请以更晚的结束日期重新提出",
        )
    AgreementParty.objects.filter(pk__in=[party.pk for party in unsigned]).update(
        signed_at=now, signed_by_id=actor.person_id
    )
    organisations = [party.organisation for party in parties if party.organisation]
    for party in unsigned:
        refused = party.approvals.filter(state=ApprovalState.REFUSED).order_by("-pk")
        record_event(
            "sign_agreement",
            # Signed again after a refusal, it is another signature.
            ":".join(map(str, (key, party.pk, *refused.values_list("pk", flat=True)[:1]))),
            {},
            subject=f"agreement:{key}",
            actor=actor,
            now=now,
            organisations=organisations,
            payload={"role": party.role},
        )
        ask_for_approvals(agreement, party, actor, now)
    conclude_signing(agreement, "sign", now, as_of or timezone.localdate(now), actor)
    return agreement


@action
def cancel_agreement(key: str, *, because: str, actor: Actor, now: datetime) -> Agreement:
    """End an agreement under which nothing was delivered yet, and release its holds. For any party, or the operator."""
    agreement = lock_agreement(key, actor)
    parties = list(agreement.parties.select_related("organisation"))
    require(can_cancel(actor, parties), actor, Said(f"cancel {key}", f"取消 {key}"))
    if agreement.state == AgreementState.CANCELLED:
        return agreement
    require_step(agreement, "cancel")
    close_meters(agreement, now=now)
    if ModelCall.objects.filter(line__agreement=agreement, cost_microfen__gt=0).exists():
        raise Conflict(f"calls were made under {key} → settle it instead", f"{key} 下已有调用 → 请改为结算")
    release_holds(agreement, now)
    give_back_agreement(agreement, now)
    agreement.approvals.filter(state=ApprovalState.OPEN).update(state=ApprovalState.LAPSED)
    move(agreement, "cancel", AgreementState.CANCELLED)
    record_event(
        "cancel_agreement",
        key,
        {},
        subject=f"agreement:{key}",
        actor=actor,
        now=now,
        organisations=[p.organisation for p in parties if p.organisation],
        payload={"because": because[:1_000]},
    )
    return agreement


def can_cancel(actor: Actor, parties: Iterable[AgreementParty]) -> bool:
    return actor.is_operator or any(can_sign_for(actor, party) for party in parties)


def _write_lines(agreement: Agreement, lines: Sequence[LineTerms], day: date, actor: Actor, told: Quote | None) -> None:
    match, voucher = agreement.match, agreement.voucher
    quoted = (
        [quoted_line(agreement, match, voucher, day, actor, told)] if match and find_kind(agreement.kind).price else []
    )
    if voucher is not None and not quoted:
        raise Conflict(
            f"a voucher pays for what is priced by quantity; a {agreement.kind} is not, or it has no match",
            f"券只用于按数量计价的供需；这一项（{agreement.kind}）不是，或没有对应的匹配",
        )
    for number, line in enumerate([*quoted, *(plain_line(agreement, line) for line in lines)], 1):
        line.number = number
        line.save(force_insert=True)

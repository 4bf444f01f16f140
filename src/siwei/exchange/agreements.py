"""Propose, sign, cancel. The last signature places the holds: the voucher's share and the firm's own."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone

from siwei.errors import Conflict, InputError, InsufficientFunds, NotFound, Problem
from siwei.exchange.access import can_act_for, can_commit_money_for, can_sign_for, require
from siwei.exchange.accounts import commitment_account, own_share_account, receivable_account
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, money_action, record_event, repeated
from siwei.exchange.ledger import CNY, Entry, change_floor, of_hold, write_transfer
from siwei.exchange.listings import find_kind
from siwei.exchange.models import (
    Account,
    Agreement,
    AgreementLine,
    AgreementParty,
    AgreementState,
    Hold,
    Job,
    Match,
    Organisation,
    Person,
    Transfer,
    TransferKind,
    Usage,
    Voucher,
)
from siwei.exchange.models.ledger import AMOUNT_LIMIT
from siwei.exchange.parties import find_organisation
from siwei.exchange.terms import (
    LineTerms,
    PartyTerms,
    check_match,
    check_proposal,
    checked_context,
    find_party,
    plain_line,
    quoted_line,
)

SETTLEMENT_GRACE = timedelta(days=30)
"""How long after an agreement's end its holds stay: what began in time is still metered and charged."""


@money_action
def declare_budget(organisation: str, budget_fen: int, *, actor: Actor, now: datetime, idempotency_key: str) -> Account:
    """How much of its own money outside a firm may commit here; its commitment account may go down to that.

    A later declaration replaces it, but never below what is already committed (`Conflict`).
    """
    owner = find_organisation(organisation)
    require(can_commit_money_for(actor, owner.pk), actor, f"commit money of {owner.name}")
    content = {"organisation": organisation, "budget_fen": budget_fen}
    account = commitment_account(owner)
    if repeated("declare_budget", idempotency_key, content):
        return account
    if type(budget_fen) is not int or not 0 <= budget_fen <= AMOUNT_LIMIT:
        raise InputError(
            [Problem(f"a budget of {budget_fen!r} fen", fix="give an integer, not negative", field="budget_fen")]
        )
    change_floor(account, -budget_fen)
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
) -> Agreement:
    """Lay an agreement before its parties; the proposer must be one of them (or the operator).

    With a `match` of a kind priced by quantity, its line is quoted by the market, the voucher paying its share; `lines`
    are further ones, paid by their consumers. Raises InputError (bad terms) or Conflict (the voucher may not pay this).
    """
    owners = [find_party(party) for party in parties]
    allowed = actor.is_operator or any(can_act_for(actor, o.pk) for o in owners if isinstance(o, Organisation))
    allowed = allowed or any(o.pk == actor.person_id for o in owners if isinstance(o, Person))
    require(allowed, actor, "propose an agreement between others")
    content = {
        "kind": kind,
        "parties": [[p.role, p.organisation, p.person_id] for p in parties],
        "ends_at": ends_at,
        "lines": [[getattr(line, name) for name in LineTerms.__slots__] for line in lines],
        "terms": dict(terms or {}),
        "match": match.key if match else None,
        "voucher": voucher.key if voucher else None,
    }
    if repeated("propose_agreement", idempotency_key, content):
        return Agreement.objects.get(key=idempotency_key)
    check_proposal(kind, parties, lines, ends_at, now)
    if match is not None:
        check_match(match, kind, parties)
    agreement = Agreement.objects.create(
        key=idempotency_key,
        kind=kind,
        match=match,
        voucher=voucher,
        terms=dict(terms or {}),
        proposed_at=now,
        ends_at=ends_at,
    )
    for party, owner in zip(parties, owners, strict=True):
        organisation, person = (owner, None) if isinstance(owner, Organisation) else (None, owner)
        AgreementParty.objects.create(agreement=agreement, organisation=organisation, person=person, role=party.role)
    _write_lines(agreement, lines, as_of or timezone.localdate(now))
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
    """Sign for every party the actor represents. The last signature places the holds; where the money is not there the
    signature is not taken (`InsufficientFunds`). Signing again changes nothing."""
    agreement = lock_agreement(key)
    parties = list(agreement.parties.select_related("organisation", "person").order_by("pk"))
    own = [party for party in parties if can_sign_for(actor, party)]
    require(bool(own), actor, f"sign {key}")
    unsigned = [party for party in own if party.signed_at is None]
    if not unsigned:
        return agreement
    if agreement.state != AgreementState.PROPOSED:
        raise Conflict(f"{key} is {agreement.state}, no longer open for signature")
    if agreement.ends_at <= now:
        raise Conflict(f"{key} was to end on {agreement.ends_at:%Y-%m-%d} → propose it again with a later end")
    AgreementParty.objects.filter(pk__in=[party.pk for party in unsigned]).update(
        signed_at=now, signed_by_id=actor.person_id
    )
    organisations = [party.organisation for party in parties if party.organisation]
    for party in unsigned:
        record_event(
            "sign_agreement",
            f"{key}:{party.pk}",
            {},
            subject=f"agreement:{key}",
            actor=actor,
            now=now,
            organisations=organisations,
            payload={"role": party.role},
        )
    if not agreement.parties.filter(signed_at=None).exists():
        _place_holds(agreement, now, as_of or timezone.localdate(now))
        Agreement.objects.filter(pk=agreement.pk).update(state=AgreementState.SIGNED, signed_at=now)
        agreement.refresh_from_db()
    return agreement


@action
def cancel_agreement(key: str, *, because: str, actor: Actor, now: datetime) -> Agreement:
    """End an agreement under which nothing was delivered yet, and release its holds. For any party, or the operator."""
    agreement = lock_agreement(key)
    parties = list(agreement.parties.select_related("organisation"))
    require(actor.is_operator or any(can_sign_for(actor, party) for party in parties), actor, f"cancel {key}")
    if agreement.state == AgreementState.CANCELLED:
        return agreement
    started = (
        Job.objects.filter(line__agreement=agreement).exists()
        or Usage.objects.filter(line__agreement=agreement).exists()
    )
    if agreement.state not in (AgreementState.PROPOSED, AgreementState.SIGNED) or started:
        raise Conflict(f"{key} is {agreement.state} and something was delivered → settle it instead")
    for line in agreement.lines.all():
        for placed in (line.voucher_hold, line.own_hold):
            if placed is not None and (remaining := Hold.objects.get(pk=placed.pk).remaining):
                entry = of_hold(TransferKind.RELEASE, placed, remaining, "cancelled")
                write_transfer(entry, key=f"cancel:{placed.idempotency_key}", now=now)
    Agreement.objects.filter(pk=agreement.pk).update(state=AgreementState.CANCELLED)
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
    agreement.refresh_from_db()
    return agreement


def lock_agreement(key: str) -> Agreement:
    """The agreement, locked against other writers where the database can (on SQLite the transaction already is)."""
    try:
        return Agreement.objects.select_for_update().get(key=key)
    except Agreement.DoesNotExist:
        raise NotFound(f"no agreement {key!r}") from None


def _write_lines(agreement: Agreement, lines: Sequence[LineTerms], day: date) -> None:
    match, voucher = agreement.match, agreement.voucher
    quoted = [quoted_line(agreement, match, voucher, day)] if match and find_kind(agreement.kind).price else []
    if voucher is not None and not quoted:
        raise Conflict(f"a voucher pays for what is priced by quantity; a {agreement.kind} is not, or it has no match")
    for number, line in enumerate([*quoted, *(plain_line(agreement, line) for line in lines)], 1):
        line.number = number
        line.save(force_insert=True)


def _place_holds(agreement: Agreement, now: datetime, day: date) -> None:
    voucher = agreement.voucher
    if agreement.match is not None and voucher is not None:
        # Ties and lists may have changed since it was proposed.
        checked_context(agreement.match, voucher, day)
    for line in agreement.lines.select_related("provider", "consumer").order_by("number"):
        receivable = receivable_account(line.provider)
        causes = {"agreement": agreement.key, "line": line.number}
        if line.voucher_fen and voucher is not None:
            entry = Entry(
                TransferKind.HOLD,
                voucher.account,
                receivable,
                line.voucher_fen,
                None,
                agreement.ends_at + SETTLEMENT_GRACE,
                "voucher share",
                causes,
            )
            line.voucher_hold = write_transfer(entry, key=f"sign:{agreement.key}:{line.number}:voucher", now=now)
        if line.own_fen:
            line.own_hold = _hold_own_share(line, receivable, causes, now)
        line.save(update_fields=["voucher_hold", "own_hold"])


def _hold_own_share(line: AgreementLine, receivable: Account, causes: Mapping[str, Any], now: datetime) -> Transfer:
    """Commit what the own-share account lacks from the firm's declared budget, then hold it."""
    account = own_share_account(line.consumer)
    key = f"sign:{causes['agreement']}:{line.number}:own"
    short = line.own_fen - account.available
    if short > 0:
        entry = Entry(
            TransferKind.POST, commitment_account(line.consumer), account, short, memo="own share", causes=causes
        )
        try:
            write_transfer(entry, key=f"{key}:commit", now=now)
        except InsufficientFunds:
            raise InsufficientFunds(
                f"{line.consumer.name} must pay {line.own_fen} fen ({CNY}) itself and its declared budget has less "
                "left → declare a larger budget"
            ) from None
    entry = Entry(
        TransferKind.HOLD,
        account,
        receivable,
        line.own_fen,
        None,
        line.agreement.ends_at + SETTLEMENT_GRACE,
        "own share",
        causes,
    )
    return write_transfer(entry, key=key, now=now)

"""Propose, sign, cancel. The last signature places the holds: the voucher's share and the firm's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from siwei.errors import Conflict, InputError, InsufficientFunds, NotFound, Problem
from siwei.exchange.access import can_act_for, can_sign_for, require
from siwei.exchange.accounts import commitment_account, own_share_account, receivable_account
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.ledger import CNY, Entry, change_floor, of_hold, write_transfer
from siwei.exchange.listings import deal_context, find_kind, parse_listing
from siwei.exchange.models import (
    Account,
    Agreement,
    AgreementLine,
    AgreementParty,
    AgreementState,
    Hold,
    Job,
    ListingState,
    Match,
    MatchState,
    Organisation,
    Person,
    Transfer,
    TransferKind,
    Usage,
    Voucher,
)
from siwei.exchange.models.ledger import AMOUNT_LIMIT
from siwei.exchange.parties import find_organisation
from siwei.market.kind import Price
from siwei.market.pricing import BOUND_WORDS, quote, rate, voucher_refusal


@dataclass(frozen=True, slots=True)
class PartyTerms:
    """An organisation (by key) or a person (by id) in a role: provider, consumer, lead, member, employer, candidate …"""

    role: str
    organisation: str | None = None
    person_id: int | None = None


@dataclass(frozen=True, slots=True)
class LineTerms:
    """`quantity` of `unit` at `unit_price_fen` per `price_quantity` of it, paid by the consumer itself."""

    provider: str
    consumer: str
    description: str
    quantity: int
    unit: str
    unit_price_fen: int
    price_quantity: int = 1


@action
def declare_budget(organisation: str, budget_fen: int, *, actor: Actor, now: datetime, idempotency_key: str) -> Account:
    """How much of its own money outside a firm may commit here; its commitment account may go down to that.

    A later declaration replaces it, but never below what is already committed (`Conflict`).
    """
    owner = find_organisation(organisation)
    require(actor.represents(owner.pk), actor, f"commit money of {owner.name}")
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
    owners = [_owner(party) for party in parties]
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
    _check_proposal(kind, parties, lines, ends_at, now)
    if match is not None:
        _check_match(match, kind, parties)
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
    day = as_of or timezone.localdate(now)
    quoted = [_quoted_line(agreement, match, voucher, day)] if match and find_kind(kind).price else []
    if voucher is not None and not quoted:
        raise Conflict(f"a voucher pays for what is priced by quantity; a {kind} is not, or it has no match")
    plain = [_plain_line(agreement, line) for line in lines]
    for number, line in enumerate([*quoted, *plain], 1):
        line.number = number
        line.save(force_insert=True)
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


@action
def sign_agreement(key: str, *, actor: Actor, now: datetime, as_of: date | None = None) -> Agreement:
    """Sign for every party the actor represents. The last signature places the holds; where the money is not there the
    signature is not taken (`InsufficientFunds`). Signing again changes nothing."""
    agreement = lock_agreement(key)
    parties = list(agreement.parties.select_related("organisation", "person").order_by("pk"))
    # The operator signs for nobody: a signature is the party's own.
    own = [party for party in parties if can_sign_for(actor, party) and not _only_as_operator(actor, party)]
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
    """End an agreement under which nothing was delivered yet, and release what it held. Any party may, or the operator."""
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


def _owner(party: PartyTerms) -> Organisation | Person:
    if (party.organisation is None) == (party.person_id is None):
        raise InputError([Problem("a party is an organisation or a person", fix="give exactly one", field="parties")])
    if party.organisation is not None:
        return find_organisation(party.organisation)
    try:
        return Person.objects.get(pk=party.person_id)
    except Person.DoesNotExist:
        raise NotFound(f"no person {party.person_id}") from None


def _only_as_operator(actor: Actor, party: AgreementParty) -> bool:
    own = party.person_id is not None and party.person_id == actor.person_id
    return not own and (party.organisation_id is None or not actor.represents(party.organisation_id))


def _check_proposal(
    kind: str, parties: Sequence[PartyTerms], lines: Sequence[LineTerms], ends_at: datetime, now: datetime
) -> None:
    find_kind(kind)
    problems: list[Problem] = []
    if len({(party.organisation, party.person_id) for party in parties}) < 2:
        problems.append(Problem("an agreement needs two parties", field="parties"))
    problems += [
        Problem(f"a role of {len(party.role)} characters", fix="give 1 to 40", field="parties")
        for party in parties
        if not 0 < len(party.role.strip()) <= 40
    ]
    if ends_at.tzinfo is None or ends_at <= now:
        problems.append(
            Problem(f"it would end at {ends_at}", fix="give a later moment with a time zone", field="ends_at")
        )
    members = {party.organisation for party in parties}
    for number, line in enumerate(lines, 1):
        place = f"lines[{number}]"
        if not {line.provider, line.consumer} <= members or line.provider == line.consumer:
            problems.append(Problem("a line runs between two different parties of the agreement", field=place))
        numbers = (line.quantity, line.unit_price_fen, line.price_quantity)
        if any(type(value) is not int or not 0 <= value <= AMOUNT_LIMIT for value in numbers) or not (
            line.quantity and line.price_quantity
        ):
            problems.append(Problem("quantity and price are positive integers", fix="amounts in fen", field=place))
        elif rate(line.quantity, Price(line.unit_price_fen, line.price_quantity)) > AMOUNT_LIMIT:
            problems.append(Problem("the line is worth more than the ledger carries", field=place))
        if not 0 < len(line.unit) <= 80 or len(line.description) > 200:
            problems.append(Problem("a unit has 1 to 80 characters, a description up to 200", field=place))
    if problems:
        raise InputError(problems)


def _check_match(match: Match, kind: str, parties: Sequence[PartyTerms]) -> None:
    if match.need.kind != kind or match.state == MatchState.DECLINED:
        raise Conflict(f"match {match.key} is of kind {match.need.kind} and {match.state}")
    for listing in (match.need, match.offer):
        if listing.state != ListingState.OPEN:
            raise Conflict(f"listing {listing.key} was withdrawn")
        owner = (listing.organisation.key if listing.organisation else None, listing.person_id)
        if owner not in {(party.organisation, party.person_id) for party in parties}:
            raise Conflict(f"the owner of {listing.key} is not a party → name it among the parties")


def _quoted_line(agreement: Agreement, match: Match, voucher: Voucher | None, day: date) -> AgreementLine:
    need, offer = parse_listing(match.need), parse_listing(match.offer)
    provider, consumer = match.offer.organisation, match.need.organisation
    if provider is None or consumer is None:
        raise Conflict("money moves between organisations only; a person's listing has no price here")
    context = _checked_context(match, voucher, day)
    price = quote(find_kind(agreement.kind), offer, need, context.voucher, context)
    if price.gross_fen > AMOUNT_LIMIT:
        raise Conflict(f"{match.key} would cost {price.gross_fen} fen, more than the ledger carries")
    # Accelerators of two models are never one unit.
    model = getattr(offer.body, "accelerator", None)
    return AgreementLine(
        agreement=agreement,
        offer=match.offer,
        provider=provider,
        consumer=consumer,
        description=match.offer.title_zh,
        quantity=price.quantity,
        unit=f"{price.unit}:{model}" if model else price.unit,
        unit_price_fen=price.price.amount_fen,
        price_quantity=price.price.per,
        gross_fen=price.gross_fen,
        voucher_fen=price.voucher_fen,
        own_fen=price.own_fen,
    )


def _checked_context(match: Match, voucher: Voucher | None, day: date) -> Any:
    if voucher is not None and voucher.organisation_id != match.need.organisation_id:
        raise Conflict(f"voucher {voucher.key} belongs to another organisation")
    offer, need = parse_listing(match.offer), parse_listing(match.need)
    context = deal_context(day, frozenset({offer.party, need.party}), voucher)
    refusal = voucher_refusal(offer, need, context.voucher, context)
    if voucher is not None and refusal:
        words = BOUND_WORDS[refusal]
        raise Conflict(
            f"voucher {voucher.key} may not pay this: {words.en} ({words.zh}) → choose another provider, or pay it all"
        )
    return context


def _plain_line(agreement: Agreement, line: LineTerms) -> AgreementLine:
    gross = rate(line.quantity, Price(line.unit_price_fen, line.price_quantity))
    return AgreementLine(
        agreement=agreement,
        provider=find_organisation(line.provider),
        consumer=find_organisation(line.consumer),
        description=line.description,
        quantity=line.quantity,
        unit=line.unit,
        unit_price_fen=line.unit_price_fen,
        price_quantity=line.price_quantity,
        gross_fen=gross,
        own_fen=gross,
    )


def _place_holds(agreement: Agreement, now: datetime, day: date) -> None:
    voucher = agreement.voucher
    if agreement.match is not None and voucher is not None:
        # Ties and lists may have changed since it was proposed.
        _checked_context(agreement.match, voucher, day)
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
                agreement.ends_at,
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
                f"{line.consumer.name} must pay {line.own_fen} fen ({CNY}) itself and its declared budget has less left "
                "→ declare a larger budget"
            ) from None
    entry = Entry(
        TransferKind.HOLD, account, receivable, line.own_fen, None, line.agreement.ends_at, "own share", causes
    )
    return write_transfer(entry, key=key, now=now)

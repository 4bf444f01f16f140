"""What an agreement is proposed on: its parties and lines, checked, quoted by the market, and the voucher's limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from siwei.errors import Conflict, InputError, NotFound, Problem
from siwei.exchange.actors import Actor
from siwei.exchange.applications import reference_of
from siwei.exchange.listings import deal_context, find_kind, parse_listing
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    AgreementState,
    ClaimedDocument,
    ListingState,
    Match,
    MatchState,
    Organisation,
    Person,
    Quote,
    Voucher,
)
from siwei.exchange.models.ledger import AMOUNT_LIMIT
from siwei.exchange.parties import find_organisation
from siwei.exchange.relations import path_words, relation_path
from siwei.market.kind import Price
from siwei.market.listing import Context, Words
from siwei.market.pricing import BOUND_WORDS, quote, rate, voucher_refusal

LONGEST = timedelta(days=3_653)


@dataclass(frozen=True, slots=True)
class PartyTerms:
    """An organisation (by key) or a person (by id) in a role: provider, consumer, lead, member, employer …"""

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


def find_party(party: PartyTerms) -> Organisation | Person:
    if (party.organisation is None) == (party.person_id is None):
        raise InputError([Problem("a party is an organisation or a person", fix="give exactly one", field="parties")])
    if party.organisation is not None:
        return find_organisation(party.organisation)
    try:
        return Person.objects.get(pk=party.person_id)
    except Person.DoesNotExist:
        raise NotFound(f"no person {party.person_id}") from None


def check_proposal(
    kind: str, parties: Sequence[PartyTerms], lines: Sequence[LineTerms], ends_at: datetime, now: datetime
) -> None:
    find_kind(kind)
    problems: list[Problem] = []
    if len({(party.organisation, party.person_id) for party in parties}) < 2:
        problems.append(Problem("an agreement needs two parties", field="parties"))
    if len(set(parties)) < len(parties):
        problems.append(Problem("a party is named twice in one role", fix="name it once", field="parties"))
    problems += [
        Problem(f"a role of {len(party.role)} characters", fix="give 1 to 40", field="parties")
        for party in parties
        if not 0 < len(party.role.strip()) <= 40
    ]
    if ends_at.tzinfo is None or not now < ends_at <= now + LONGEST:
        fix = "give a later moment with a time zone, within ten years"
        problems.append(Problem(f"it would end at {ends_at}", fix=fix, field="ends_at"))
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


def check_match(match: Match, kind: str, parties: Sequence[PartyTerms]) -> None:
    if match.need.kind != kind or match.state == MatchState.DECLINED:
        raise Conflict(f"match {match.key} is of kind {match.need.kind} and {match.state}")
    personal = match.need.person_id is not None or match.offer.person_id is not None
    if personal and match.state != MatchState.INTRODUCED:
        raise Conflict(f"match {match.key} was not introduced by the person it is about")
    for listing in (match.need, match.offer):
        if listing.state != ListingState.OPEN:
            raise Conflict(f"listing {listing.key} was withdrawn")
        owner = (listing.organisation.key if listing.organisation else None, listing.person_id)
        if owner not in {(party.organisation, party.person_id) for party in parties}:
            raise Conflict(f"the owner of {listing.key} is not a party → name it among the parties")


def claimed_contract(number: str) -> str:
    """The contract's number as claims keep it; `Conflict` where a voucher or an application claims it already."""
    reference = reference_of("contract", number)
    live = Agreement.objects.filter(contract_number=reference, voucher__isnull=False)
    if live.exclude(state=AgreementState.CANCELLED).exists():
        raise Conflict(f"contract {number} has been claimed for a voucher already → a contract is claimed once")
    if ClaimedDocument.objects.filter(kind="contract", reference=reference).exists():
        raise Conflict(f"contract {number} stands in an application → what is claimed there is not claimed here too")
    return reference


def quoted_line(
    agreement: Agreement, match: Match, voucher: Voucher | None, day: date, actor: Actor, told: Quote | None = None
) -> AgreementLine:
    need, offer = parse_listing(match.need), parse_listing(match.offer)
    provider, consumer = match.offer.organisation, match.need.organisation
    if provider is None or consumer is None:
        raise Conflict("money moves between organisations only; a person's listing has no price here")
    context = checked_context(match, voucher, day, actor)
    line = AgreementLine(
        agreement=agreement, offer=match.offer, provider=provider, consumer=consumer, description=match.offer.title_zh,
        offered=told.offered if told is not None else match.offer.body,
    )  # fmt: skip
    if told is not None:
        for name in ("quantity", "unit", "unit_price_fen", "price_quantity", "gross_fen", "voucher_fen", "own_fen"):
            setattr(line, name, getattr(told, name))
        return line
    price = quote(find_kind(agreement.kind), offer, need, context.voucher, context)
    if price.gross_fen > AMOUNT_LIMIT:
        raise Conflict(f"{match.key} would cost {price.gross_fen} fen, more than the ledger carries")
    # Accelerators of two models are never one unit.
    model = getattr(offer.body, "accelerator", None)
    line.quantity, line.unit = price.quantity, f"{price.unit}:{model}" if model else price.unit
    line.unit_price_fen, line.price_quantity = price.price.amount_fen, price.price.per
    line.gross_fen, line.voucher_fen, line.own_fen = price.gross_fen, price.voucher_fen, price.own_fen
    return line


def checked_context(match: Match, voucher: Voucher | None, day: date, actor: Actor) -> Context:
    """What the deal is judged in. `Conflict` where the voucher may not pay it, with the path of related parties."""
    if voucher is not None and voucher.organisation_id != match.need.organisation_id:
        raise Conflict(f"voucher {voucher.key} belongs to another organisation")
    offer, need = parse_listing(match.offer), parse_listing(match.need)
    context = deal_context(day, frozenset({offer.party, need.party}), voucher)
    refusal = voucher_refusal(offer, need, context.voucher, context)
    if voucher is not None and refusal:
        words = BOUND_WORDS[refusal]
        if refusal == "related_party":
            path = path_words(relation_path(day, offer.party, need.party, actor))
            words = Words(f"{words.zh}：{path.zh}", f"{words.en}: {path.en}")
        raise Conflict(
            f"voucher {voucher.key} may not pay this: {words.en} ({words.zh}) → choose another provider, or pay it all"
        )
    return context


def plain_line(agreement: Agreement, line: LineTerms) -> AgreementLine:
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

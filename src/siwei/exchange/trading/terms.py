"""What an agreement is proposed on: its parties and lines, checked, quoted by the market, and the voucher's limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.actors import Actor
from siwei.exchange.awards.applications import reference_of
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
from siwei.exchange.state_words import word_zh
from siwei.exchange.trading.listings import deal_context, find_kind, parse_listing
from siwei.market.bank import exact_yuan
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
        raise InputError(
            [
                Problem(
                    Said("a party is an organisation or a person", "一方须为机构或个人"),
                    fix=Said("give exactly one", "请恰好填一个"),
                    field="parties",
                )
            ]
        )
    if party.organisation is not None:
        return find_organisation(party.organisation)
    try:
        return Person.objects.get(pk=party.person_id)
    except Person.DoesNotExist:
        raise NotFound(f"no person {party.person_id}", f"没有个人 {party.person_id}") from None


def check_proposal(
    kind: str, parties: Sequence[PartyTerms], lines: Sequence[LineTerms], ends_at: datetime, now: datetime
) -> None:
    find_kind(kind)
    problems: list[Problem] = []
    if len({(party.organisation, party.person_id) for party in parties}) < 2:
        problems.append(Problem(Said("an agreement needs two parties", "协议须有两方"), field="parties"))
    if len(set(parties)) < len(parties):
        problems.append(
            Problem(
                Said("a party is named twice in one role", "一方以同一角色出现两次"),
                fix=Said("name it once", "只写一次"),
                field="parties",
            )
        )
    problems += [
        Problem(
            Said(f"a role of {len(party.role)} characters", f"角色名有 {len(party.role)} 个字符"),
            fix=Said("give 1 to 40", "请填 1 至 40 个"),
            field="parties",
        )
        for party in parties
        if not 0 < len(party.role.strip()) <= 40
    ]
    if ends_at.tzinfo is None or not now < ends_at <= now + LONGEST:
        fix = Said("give a later moment with a time zone, within ten years", "请给出更晚的、带时区的时刻，十年之内")
        problems.append(Problem(Said(f"it would end at {ends_at}", f"结束时间为 {ends_at}"), fix=fix, field="ends_at"))
    members = {party.organisation for party in parties}
    for number, line in enumerate(lines, 1):
        place = f"lines[{number}]"
        if not {line.provider, line.consumer} <= members or line.provider == line.consumer:
            problems.append(
                Problem(
                    Said("a line runs between two different parties of the agreement", "一行须在协议的两个不同方之间"),
                    field=place,
                )
            )
        numbers = (line.quantity, line.unit_price_fen, line.price_quantity)
        if any(type(value) is not int or not 0 <= value <= AMOUNT_LIMIT for value in numbers) or not (
            line.quantity and line.price_quantity
        ):
            problems.append(
                Problem(
                    Said("quantity and price are positive integers", "数量和价格须为正整数"),
                    fix=Said("amounts in fen", "金额以分计"),
                    field=place,
                )
            )
        elif rate(line.quantity, Price(line.unit_price_fen, line.price_quantity)) > AMOUNT_LIMIT:
            problems.append(
                Problem(Said("the line is worth more than the ledger carries", "该行金额超出账本所能记载"), field=place)
            )
        if not 0 < len(line.unit) <= 80 or len(line.description) > 200:
            problems.append(
                Problem(
                    Said(
                        "a unit has 1 to 80 characters, a description up to 200",
                        "单位为 1 至 80 个字符，说明不超过 200 个",
                    ),
                    field=place,
                )
            )
    if problems:
        raise InputError(problems)


def check_match(match: Match, kind: str, parties: Sequence[PartyTerms]) -> None:
    if match.need.kind != kind or match.state == MatchState.DECLINED:
        raise Conflict(
            f"match {match.key} is of kind {match.need.kind} and {match.state}",
            f"匹配 {match.key} 的类别为 {match.need.kind}，处于“{word_zh(match.state)}”",
        )
    personal = match.need.person_id is not None or match.offer.person_id is not None
    if personal and match.state != MatchState.INTRODUCED:
        raise Conflict(
            f"match {match.key} was not introduced by the person it is about", f"匹配 {match.key} 未由当事人引见"
        )
    for listing in (match.need, match.offer):
        if listing.state != ListingState.OPEN:
            raise Conflict(f"listing {listing.key} was withdrawn", f"供需 {listing.key} 已撤回")
        owner = (listing.organisation.key if listing.organisation else None, listing.person_id)
        if owner not in {(party.organisation, party.person_id) for party in parties}:
            raise Conflict(
                f"the owner of {listing.key} is not a party → name it among the parties",
                f"{listing.key} 的发布者不是协议一方 → 请把它列入各方",
            )


def claimed_contract(number: str) -> str:
    """The contract's number as claims keep it; `Conflict` where a voucher or an application claims it already."""
    reference = reference_of("contract", number)
    live = Agreement.objects.filter(contract_number=reference, voucher__isnull=False)
    if live.exclude(state=AgreementState.CANCELLED).exists():
        raise Conflict(
            f"contract {number} has been claimed for a voucher already → a contract is claimed once",
            f"合同 {number} 已用于申领券 → 一份合同只申领一次",
        )
    if ClaimedDocument.objects.filter(kind="contract", reference=reference).exists():
        raise Conflict(
            f"contract {number} stands in an application → what is claimed there is not claimed here too",
            f"合同 {number} 已在一项申报中 → 在那里申领的不能在此再申领",
        )
    return reference


def quoted_line(
    agreement: Agreement, match: Match, voucher: Voucher | None, day: date, actor: Actor, told: Quote | None = None
) -> AgreementLine:
    need, offer = parse_listing(match.need), parse_listing(match.offer)
    provider, consumer = match.offer.organisation, match.need.organisation
    if provider is None or consumer is None:
        raise Conflict(
            "money moves between organisations only; a person's listing has no price here",
            "资金只在机构之间流动；个人的供需在此没有价格",
        )
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
        raise Conflict(
            f"{match.key} would cost {exact_yuan(price.gross_fen)}, more than the ledger carries",
            f"{match.key} 需 {exact_yuan(price.gross_fen)}，超出账本所能记载",
        )
    # Accelerators of two models are never one unit.
    model = getattr(offer.body, "accelerator", None)
    line.quantity, line.unit = price.quantity, f"{price.unit}:{model}" if model else price.unit
    line.unit_price_fen, line.price_quantity = price.price.amount_fen, price.price.per
    line.gross_fen, line.voucher_fen, line.own_fen = price.gross_fen, price.voucher_fen, price.own_fen
    return line


def checked_context(match: Match, voucher: Voucher | None, day: date, actor: Actor) -> Context:
    """What the deal is judged in. `Conflict` where the voucher may not pay it, with the path of related parties."""
    if voucher is not None and voucher.organisation_id != match.need.organisation_id:
        raise Conflict(f"voucher {voucher.key} belongs to another organisation", f"券 {voucher.key} 属于另一机构")
    offer, need = parse_listing(match.offer), parse_listing(match.need)
    context = deal_context(day, frozenset({offer.party, need.party}), voucher)
    refusal = voucher_refusal(offer, need, context.voucher, context)
    if voucher is not None and refusal:
        words = BOUND_WORDS[refusal]
        if refusal == "related_party":
            path = path_words(relation_path(day, offer.party, need.party, actor))
            words = Words(f"{words.zh}：{path.zh}", f"{words.en}: {path.en}")
        raise Conflict(
            f"voucher {voucher.key} may not pay this: {words.en} ({words.zh}) → choose another provider, or pay it all",
            f"券 {voucher.key} 不能支付此项：{words.zh} → 请另选供给方，或全额自付",
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

"""Listings, matches and agreements, as the actor may see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils.translation import gettext

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    AgreementParty,
    Approval,
    Delivery,
    Dispute,
    EvidenceFile,
    Job,
    Listing,
    Match,
    Settlement,
    Transfer,
    Usage,
)
from siwei.exchange.relations import RelationStep, relation_paths
from siwei.exchange.trading.overpayments import repayment_keys
from siwei.market.kinds import KINDS
from siwei.portal.city_pack import chain, decided_on
from siwei.portal.languages import choose, comma
from siwei.portal.listing_fields import CHOICE_FIELDS, FIELD_NAMES
from siwei.portal.words import word

FILES = Prefetch("files", EvidenceFile.objects.select_related("file", "party__organisation").order_by("number"))
"""Of a delivery or a dispute that may be seen: its files are seen by whoever sees it."""


def listings(actor: Actor, kind: str = "", side: str = "") -> QuerySet[Listing]:
    found = Listing.objects.visible_to(actor).select_related("organisation").order_by("-published_at", "key")
    if kind:
        found = found.filter(kind=kind)
    return found.filter(side=side) if side else found


def own_listings(actor: Actor) -> QuerySet[Listing]:
    """Of the organisations one represents, and one's own as a person."""
    own = Q(organisation_id__in=actor.organisation_ids)
    if actor.person_id is not None:
        own |= Q(person_id=actor.person_id)
    return listings(actor).filter(own)


def listings_on(segment_id: str, actor: Actor, limit: int = 20) -> list[Listing]:
    """Open listings whose body names a segment, in `segment` or among `segments`."""
    names = Q(body__segment=segment_id) | Q(body__segments__icontains=f'"{segment_id}"')
    return list(listings(actor).filter(names, state="open")[:limit])


def listing_counts(actor: Actor) -> dict[str, dict[str, int]]:
    """Open listings by kind and side."""
    rows = Listing.objects.visible_to(actor).filter(state="open").values_list("kind", "side").annotate(n=Count("pk"))
    counts: dict[str, dict[str, int]] = {kind: {"offer": 0, "need": 0} for kind in KINDS}
    for kind, side, count in rows:
        counts.setdefault(kind, {"offer": 0, "need": 0})[side] = count
    return counts


def listing_or_missing(key: str, actor: Actor) -> Listing:
    listing = Listing.objects.visible_to(actor).select_related("organisation", "person").filter(key=key).first()
    if listing is None:
        raise NotFound(f"no listing {key!r} that you may see", f"没有您可查看的供需 {key!r}")
    return listing


def related_paths(matches: list[Match], actor: Actor) -> dict[str, tuple[RelationStep, ...]]:
    """By the match's key, the ties that make its two parties related, where they are: no voucher pays between them."""
    pairs = {
        match.key: (match.need.organisation.key, match.offer.organisation.key)
        for match in matches
        if match.need.organisation is not None and match.offer.organisation is not None
    }
    paths = relation_paths(decided_on(), set(pairs.values()), actor) if pairs else {}
    return {key: paths[pair] for key, pair in pairs.items() if pair in paths}


def matches_of(listing: Listing, actor: Actor) -> list[Match]:
    return list(
        Match.objects.visible_to(actor)
        .filter(Q(need=listing) | Q(offer=listing))
        .select_related("need__organisation", "offer__organisation")
        .order_by("rank", "pk")
    )


@dataclass(frozen=True, slots=True)
class AgreementView:
    """An agreement with everything that hangs on it."""

    agreement: Agreement
    parties: list[AgreementParty]
    lines: list[AgreementLine]
    jobs: list[Job]
    usages: list[Usage]
    deliveries: list[Delivery]
    settlements: list[Settlement]
    disputes: list[Dispute]
    approvals: list[Approval]
    """Those still open, for the organisation that asks alone."""
    transfers: list[Transfer]


def agreement_view(key: str, actor: Actor) -> AgreementView:
    """Fifteen queries, whatever the number of parties, lines and entries."""
    agreement = (
        Agreement.objects.visible_to(actor)
        .select_related("voucher__decision", "voucher__pot", "voucher__organisation", "match__need", "quote", "project")
        .filter(key=key)
        .first()
    )
    if agreement is None:
        raise NotFound(f"no agreement {key!r} that you may see", f"没有您可查看的协议 {key!r}")
    lines = list(
        agreement.lines.select_related("agreement__match__offer", "provider", "consumer", "offer").order_by("number")
    )
    disputes = list(
        Dispute.objects.visible_to(actor)
        .filter(agreement=agreement)
        .select_related("agreement__match__need", "usage", "delivery", "opener__organisation")
        .prefetch_related(FILES, "overpayments__payee", "agreement__parties")
        .order_by("pk")
    )
    return AgreementView(
        agreement,
        list(agreement.parties.select_related("organisation", "person").order_by("pk")),
        lines,
        list(
            Job.objects.visible_to(actor)
            .filter(line__agreement=agreement)
            .select_related("line__agreement__match__need")
            .order_by("pk")
        ),
        list(
            Usage.objects.visible_to(actor)
            .filter(line__agreement=agreement)
            .select_related("line", "job", "settlement", "counter_reading")
            .prefetch_related("reports__reporter")
            .order_by("pk")
        ),
        list(
            Delivery.objects.visible_to(actor)
            .filter(agreement=agreement)
            .select_related(
                "agreement",
                *(
                    f"{side}__{who}"
                    for side in ("giver", "receiver", "reported_by")
                    for who in ("organisation", "person")
                ),
                "line__offer",
                "line__agreement__match__offer",
            )
            .prefetch_related(FILES)
            .order_by("number")
        ),
        list(Settlement.objects.visible_to(actor).filter(agreement=agreement).order_by("pk")),
        disputes,
        list(Approval.objects.visible_to(actor).filter(agreement=agreement, state="open").order_by("pk")),
        money_trail(lines, [each.key for each in disputes]),
    )


def line_or_missing(agreement: str, number: int, actor: Actor) -> AgreementLine:
    found = AgreementLine.objects.visible_to(actor).select_related("consumer", "provider")
    line = found.filter(agreement__key=agreement, number=number).first()
    if line is None:
        raise NotFound(
            f"no line {number} of an agreement {agreement!r} that you may see",
            f"没有您可查看的协议 {agreement!r} 的第 {number} 行",
        )
    return line


def money_trail(lines: list[AgreementLine], disputes: Iterable[str] = ()) -> list[Transfer]:
    """Every ledger entry of these lines: the holds, what settled them, and what the disputes brought back. One
    query."""
    holds = [hold for line in lines for hold in (line.voucher_hold_id, line.own_hold_id) if hold is not None]
    holds += [hold for line in lines for hold in line.earlier_holds]
    paid_back = [key for dispute in disputes for key in repayment_keys(dispute)]
    return list(
        Transfer.objects.filter(Q(pk__in=holds) | Q(hold_id__in=holds) | Q(idempotency_key__in=paid_back))
        .select_related("debit_account__owner", "credit_account__owner")
        .order_by("pk")
    )


def agreements(actor: Actor, organisation_id: int | None = None) -> QuerySet[Agreement]:
    found = (
        Agreement.objects.visible_to(actor)
        .select_related("match__need")
        .prefetch_related("parties__organisation")
        .order_by("-proposed_at", "key")
    )
    return found.filter(parties__organisation_id=organisation_id).distinct() if organisation_id else found


@dataclass(frozen=True, slots=True)
class BodyLine:
    """One field of a listing: its name for people, and its value; `fen` where it is money."""

    name: str
    text: str
    fen: int | None = None


def as_lines(body: dict[str, Any]) -> list[BodyLine]:
    """A listing's body for people, what is empty left out; the title stands above already."""
    lines = []
    for field, value in body.items():
        if field == "title" or value in (None, "", [], {}):
            continue
        name = gettext(FIELD_NAMES[field]) if field in FIELD_NAMES else field
        if isinstance(value, int) and not isinstance(value, bool) and "_fen" in field:
            lines.append(BodyLine(name, "", value))
        else:
            lines.append(BodyLine(name, value_text(field, value)))
    return lines


def value_text(field: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, dict):
        return "; ".join(f"{key}: {value_text(key, part)}" for key, part in value.items())
    if isinstance(value, list):
        return comma().join(value_text(field, part) for part in value)
    if field in CHOICE_FIELDS:
        return word("choice", value)
    segment = chain().segments.get(value) if "segment" in field and isinstance(value, str) else None
    return choose(segment["name_zh"], segment["name_en"]) if segment else str(value)

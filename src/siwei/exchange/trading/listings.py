"""Publish, withdraw, match, introduce: the same for every kind."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import Q

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_act_for, can_change_listing, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.awards.vouchers import voucher_terms
from siwei.exchange.models import Listing, ListingState, Match, MatchState, Organisation, Person, Side, Voucher
from siwei.exchange.parties import find_organisation
from siwei.exchange.relations import related_pairs
from siwei.exchange.state_words import word_zh
from siwei.market import kinds, ranking
from siwei.market.kind import Kind
from siwei.market.listing import Context, Need, Offer

MATCHES_KEPT = 20
PERSONAL_KINDS = frozenset({"position", "course"})
"""Kinds in which a person may offer (skills) or need (a course) for themselves."""


def find_kind(kind: str) -> Kind:
    try:
        return kinds.KINDS[kind]
    except KeyError:
        known = ", ".join(sorted(kinds.KINDS))
        raise InputError(
            [
                Problem(
                    Said(f"no kind {kind!r}", f"没有类别 {kind!r}"),
                    fix=Said(f"one of {known}", f"{known} 之一"),
                    field="kind",
                )
            ]
        ) from None


@action
def publish_listing(
    kind: str,
    side: str,
    *,
    title_zh: str,
    title_en: str,
    body: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    organisation: str | None = None,
) -> Listing:
    """Publish an offer or a need for an organisation (by key), or for the acting person where `organisation` is None.

    `body` is checked by its kind's schema: `InputError` with every problem.
    """
    owner = find_organisation(organisation) if organisation is not None else None
    if owner is not None:
        require(can_act_for(actor, owner.pk), actor, Said(f"publish for {owner.name}", f"为 {owner.name} 发布"))
    else:
        require(
            actor.person_id is not None and kind in PERSONAL_KINDS,
            actor,
            Said(f"publish a {kind} in their own name", f"以个人名义发布 {kind}"),
        )
    content = {
        "kind": kind,
        "side": side,
        "organisation": organisation,
        "person": None if owner else actor.person_id,
        "title_zh": title_zh,
        "title_en": title_en,
        "body": dict(body),
    }
    if repeated("publish_listing", idempotency_key, content):
        return Listing.objects.get(key=idempotency_key)
    _check_listing(kind, side, title_zh, title_en)
    listing = Listing(
        key=idempotency_key,
        kind=kind,
        side=side,
        organisation=owner,
        title_zh=title_zh,
        title_en=title_en,
        person_id=None if owner else actor.person_id,
        body=dict(body),
        published_at=now,
    )
    parsed = parse_listing(listing)
    listing.body = parsed.body.model_dump(mode="json")
    listing.save(force_insert=True)
    record_event(
        "publish_listing",
        idempotency_key,
        content,
        subject=f"listing:{listing.key}",
        actor=actor,
        now=now,
        organisations=[owner] if owner else [],
        payload={"kind": kind, "side": side},
    )
    return listing


@action
def revise_listing(key: str, *, body: Mapping[str, Any], actor: Actor, now: datetime, idempotency_key: str) -> Listing:
    """Say it anew: another price, another capacity. What was quoted, proposed or signed keeps its own terms."""
    listing = find_listing(key, actor)
    require(can_change_listing(actor, listing), actor, Said(f"revise {key}", f"修改 {key}"))
    content = {"key": key, "body": dict(body)}
    if repeated("revise_listing", idempotency_key, content):
        return listing
    listing = (
        Listing.objects.select_for_update(of=("self",), no_key=True).select_related("organisation").get(pk=listing.pk)
    )
    if listing.state != ListingState.OPEN:
        raise Conflict(f"{key} was withdrawn → publish it anew", f"{key} 已撤回 → 请重新发布")
    before = listing.body
    listing.body = dict(body)
    listing.body = parse_listing(listing).body.model_dump(mode="json")
    Listing.objects.filter(pk=listing.pk).update(body=listing.body)
    record_event(
        "revise_listing",
        idempotency_key,
        content,
        subject=f"listing:{key}",
        actor=actor,
        now=now,
        organisations=[listing.organisation] if listing.organisation else [],
        payload={"before": {name: value for name, value in before.items() if listing.body.get(name) != value}},
    )
    return listing


@action
def withdraw_listing(key: str, *, actor: Actor, now: datetime) -> Listing:
    """Take a listing off the market; agreements already made go on. Withdrawing again changes nothing."""
    listing = find_listing(key, actor)
    require(can_change_listing(actor, listing), actor, Said(f"withdraw {key}", f"撤回 {key}"))
    if Listing.objects.filter(pk=listing.pk, state=ListingState.OPEN).update(
        state=ListingState.WITHDRAWN, withdrawn_at=now
    ):
        record_event(
            "withdraw_listing",
            key,
            {},
            subject=f"listing:{key}",
            actor=actor,
            now=now,
            organisations=[listing.organisation] if listing.organisation else [],
        )
    listing.refresh_from_db()
    return listing


@action
def match_need(
    key: str,
    *,
    as_of: date,
    actor: Actor,
    now: datetime,
    voucher: Voucher | None = None,
    supplies: Iterable[tuple[str, str]] = (),
) -> list[Match]:
    """Rank the open offers of the need's kind and keep the best; returns those the actor may see (a person's offer
    not before that person applies). Ranking again replaces what was only suggested, and not quoted yet.

    `supplies` holds the chain's edges (upstream segment, downstream segment), for the kinds that look at them.
    """
    need = find_listing(key, actor)
    require(can_change_listing(actor, need), actor, Said(f"match {key}", f"匹配 {key}"))
    if need.side != Side.NEED or need.state != ListingState.OPEN:
        raise Conflict(f"{key} is not an open need → publish one", f"{key} 不是开放的需求 → 请发布一条")
    if voucher is not None and voucher.organisation_id != need.organisation_id:
        raise Conflict(f"voucher {voucher.key} belongs to another organisation", f"券 {voucher.key} 属于另一机构")
    parsed = parse_listing(need)
    by_key = open_offers(need.kind)
    found = ranking.match(
        find_kind(need.kind),
        parsed,
        [parse_listing(offer) for offer in by_key.values()],
        deal_context(as_of, frozenset({parsed.party}), voucher, supplies),
    )
    lock_matches_of(need)
    Match.objects.filter(need=need, state=MatchState.SUGGESTED, agreements=None, quotes=None).delete()
    for ranked in found.ranked[:MATCHES_KEPT]:
        Match.objects.update_or_create(need=need, offer=by_key[ranked.offer.id], defaults=kept_of(ranked, now))
    shown = Match.objects.filter(need=need).visible_to(actor)
    return list(shown.select_related("need", "offer").order_by("rank", "pk"))


def lock_matches_of(need: Listing) -> None:
    """Whoever replaces or changes the matches of a need waits here. Django deletes by the numbers it read before: what
    was introduced in between would be deleted, and be a suggestion again that nobody can introduce."""
    Listing.objects.select_for_update(no_key=True).get(pk=need.pk)


def open_offers(kind: str) -> dict[str, Listing]:
    """By key, whoever's they are: for ranking, never to be shown."""
    offers = Listing.objects.select_related("organisation", "person").filter(
        kind=kind, side=Side.OFFER, state=ListingState.OPEN
    )
    return {offer.key: offer for offer in offers.order_by("key")}


def kept_of(ranked: ranking.RankedOffer, now: datetime) -> dict[str, Any]:
    """What a match keeps of its ranking."""
    return {
        "rank": ranked.rank,
        "score": ranked.score,
        "parts": part_rows(ranked.parts),
        "reason_zh": ranked.reason.zh,
        "reason_en": ranked.reason.en,
        "matched_at": now,
    }


def part_rows(parts: Iterable[ranking.ScoredPart]) -> list[dict[str, Any]]:
    return [
        {
            "id": part.id,
            "words": part.words.as_dict(),
            "weight": part.weight,
            "score": part.score,
            "points": part.points,
        }
        for part in parts
    ]


@action
def introduce_match(need_key: str, offer_key: str, *, actor: Actor, now: datetime) -> Match:
    """Bring the two parties of a match together: from now on both see it. For either side; where one is a person, for
    that person alone: applying for a position is this act, and nobody applies for another."""
    match = find_match(need_key, offer_key, actor)
    personal = [each for each in (match.need, match.offer) if each.person_id is not None]
    if personal:
        allowed = all(each.person_id == actor.person_id for each in personal)
    else:
        allowed = can_change_listing(actor, match.need) or can_change_listing(actor, match.offer)
    require(allowed, actor, Said(f"introduce {need_key} to {offer_key}", f"引见 {need_key} 与 {offer_key}"))
    return _change_match(match, MatchState.INTRODUCED, "introduce_match", actor, now)


@action
def decline_match(need_key: str, offer_key: str, *, because: str, actor: Actor, now: datetime) -> Match:
    """Say "not for us", and why."""
    match = find_match(need_key, offer_key, actor)
    allowed = can_change_listing(actor, match.need) or can_change_listing(actor, match.offer)
    require(allowed, actor, Said(f"decline {need_key} with {offer_key}", f"谢绝 {need_key} 与 {offer_key}"))
    if not because.strip():
        raise InputError(
            [
                Problem(
                    Said("a reason is wanted", "须说明理由"),
                    fix=Said("say in a few words why it does not fit", "请用几句话说明为何不合适"),
                    field="because",
                )
            ]
        )
    return _change_match(match, MatchState.DECLINED, "decline_match", actor, now, {"because": because[:1_000]})


def parse_listing(listing: Listing) -> Any:
    """The market's own view of a listing: an `Offer` or a `Need` with a checked body."""
    kind = find_kind(listing.kind)
    given = {"id": listing.key, "party": party_of(listing), "body": listing.body}
    return kind.parse_offer(**given) if listing.side == Side.OFFER else kind.parse_need(**given)


def party_of(listing: Listing) -> str:
    owner: Organisation | Person | None = listing.organisation or listing.person
    return owner.key if isinstance(owner, Organisation) else f"person:{owner.pk if owner else ''}"


def deal_context(
    as_of: date, parties: frozenset[str], voucher: Voucher | None, supplies: Iterable[tuple[str, str]] = ()
) -> Context:
    """What the market may look at besides the two listings; `parties` are those whose ties matter."""
    terms = voucher_terms(voucher, as_of) if voucher is not None else None
    return Context(as_of, voucher=terms, related=related_pairs(as_of, parties), supplies=frozenset(supplies))


def find_listing(key: str, actor: Actor) -> Listing:
    """To whom may not see it, it is not there: nobody learns of a person's listing, or of a withdrawn one."""
    try:
        return Listing.objects.visible_to(actor).select_related("organisation", "person").get(key=key)
    except Listing.DoesNotExist:
        raise NotFound(f"no listing {key!r}", f"没有供需 {key!r}") from None


def find_match(need_key: str, offer_key: str, actor: Actor) -> Match:
    """To whom it does not concern it is not there: whether two listings were matched is theirs to know. An offer's own
    organisation may name the need of another that it would be introduced to; never a person's, who is matched unseen.
    """
    seen = Match.objects.visible_to(actor).values("pk")
    offered = Q(offer__organisation_id__in=actor.organisation_ids, need__person=None)
    try:
        return Match.objects.select_related("need__organisation", "offer__organisation").get(
            Q(pk__in=seen) | offered, need__key=need_key, offer__key=offer_key
        )
    except Match.DoesNotExist:
        raise NotFound(
            f"{offer_key!r} was not matched to {need_key!r} → match the need first",
            f"{offer_key!r} 未与 {need_key!r} 匹配 → 请先匹配该需求",
        ) from None


def _check_listing(kind: str, side: str, title_zh: str, title_en: str) -> None:
    find_kind(kind)
    problems = [
        Problem(
            Said(f"a title of {len(title.strip())} characters", f"标题有 {len(title.strip())} 个字符"),
            fix=Said("give 1 to 200", "请填 1 至 200 个"),
            field=name,
        )
        for name, title in (("title_zh", title_zh), ("title_en", title_en))
        if not 0 < len(title.strip()) <= 200
    ]
    if side not in Side.values:
        problems.append(
            Problem(
                Said(f"no side {side!r}", f"没有 {side!r} 这一侧"),
                fix=Said("offer or need", "offer（供给）或 need（需求）"),
                field="side",
            )
        )
    if problems:
        raise InputError(problems)


def _change_match(
    match: Match, state: MatchState, name: str, actor: Actor, now: datetime, payload: Mapping[str, Any] | None = None
) -> Match:
    lock_matches_of(match.need)
    # Ranked again meanwhile, the same two have another row, or none.
    match = find_match(match.need.key, match.offer.key, actor)
    if match.state == state:
        return match
    if match.state != MatchState.SUGGESTED:
        raise Conflict(f"the match is already {match.state}", f"该匹配已处于“{word_zh(match.state)}”")
    Match.objects.filter(pk=match.pk).update(state=state)
    match.state = state
    organisations = [each for each in (match.need.organisation, match.offer.organisation) if each is not None]
    record_event(
        name,
        match.key,
        {},
        subject=f"match:{match.key}",
        actor=actor,
        now=now,
        organisations=organisations,
        payload=payload,
    )
    return match


__all__ = [
    "Need",
    "Offer",
    "deal_context",
    "decline_match",
    "find_kind",
    "find_listing",
    "find_match",
    "introduce_match",
    "lock_matches_of",
    "match_need",
    "parse_listing",
    "publish_listing",
    "revise_listing",
    "withdraw_listing",
]

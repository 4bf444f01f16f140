"""Why a price is what it is: list price, every subsidy with its decision and what bound it, own share, what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from siwei.exchange.actors import Actor
from siwei.exchange.ledger.units import CNY
from siwei.exchange.models import (
    Account,
    Agreement,
    ApprovalRule,
    Project,
    Quote,
    Voucher,
)
from siwei.exchange.relations import RelationStep, relation_path
from siwei.exchange.trading.cap_room import CapLeft, caps_left
from siwei.exchange.trading.quotes import approvals_wanted
from siwei.market.listing import Words
from siwei.market.pricing import BOUND_WORDS
from siwei.portal.proposals import find_quote


@dataclass(frozen=True, slots=True)
class Subsidy:
    """A voucher's part of a price. `left_fen` is what the voucher has unpromised now."""

    voucher: Voucher
    amount_fen: int
    left_fen: int
    bound: str
    words: Words
    related_path: tuple[RelationStep, ...]

    @property
    def after_fen(self) -> int:
        return self.left_fen - self.amount_fen


@dataclass(frozen=True, slots=True)
class QuoteView:
    """A price with its reasons. `budget_fen` is what the organisation may still commit of its own money; None where no
    budget was declared. `caps` hold what each would have left."""

    quote: Quote
    subsidies: tuple[Subsidy, ...]
    bound: Words
    caps: Sequence[CapLeft]
    approvals: Sequence[ApprovalRule]
    budget_fen: int | None
    is_valid: bool
    agreements: list[Agreement]
    projects: list[Project]

    @property
    def refusing(self) -> list[CapLeft]:
        """Hard caps that would refuse the signature, whatever project it is for."""
        return [each for each in self.caps if each.is_refusing and each.cap.project_id is None]

    @property
    def budget_after_fen(self) -> int:
        return (self.budget_fen or 0) - self.quote.own_fen

    @property
    def is_within_budget(self) -> bool:
        return (self.budget_fen or 0) >= self.quote.own_fen


def quotes_of(actor: Actor) -> QuerySet[Quote]:
    """Newest first."""
    found = Quote.objects.visible_to(actor).select_related("match__need", "match__offer__organisation", "voucher")
    return found.order_by("-quoted_at", "key")


def quote_view(key: str, actor: Actor, now: datetime) -> QuoteView:
    quote = find_quote(key, actor)
    owner = quote.match.need.organisation
    assert owner is not None, "a quote is of an organisation's need"
    words = BOUND_WORDS[quote.bound]
    path: tuple[RelationStep, ...] = ()
    provider = quote.match.offer.organisation
    if quote.bound == "related_party" and provider is not None:
        path = relation_path(quote.as_of, owner.key, provider.key, actor)
    subsidies = tuple(
        Subsidy(voucher, quote.voucher_fen, voucher.account.available, quote.bound, words, path)
        for voucher in (quote.voucher,)
        if voucher is not None
    )
    return QuoteView(
        quote,
        subsidies,
        words,
        caps_left(owner.pk, quote.own_fen, quote.quantity, quote.unit, quote.as_of, actor.person_id),
        approvals_wanted(owner.pk, quote.own_fen),
        _may_commit(owner.key),
        quote.valid_until > now,
        list(Agreement.objects.visible_to(actor).filter(quote=quote).order_by("-pk")),
        list(Project.objects.visible_to(actor).filter(organisation=owner).order_by("name")),
    )


def usable_vouchers(organisation_ids: Sequence[int] | frozenset[int], kind: str, actor: Actor, on: object) -> list[
    Voucher
]:  # fmt: skip
    """Vouchers of those organisations that may pay for the kind on that day and have something left, fullest first."""
    found = Voucher.objects.filter(organisation_id__in=organisation_ids, valid_from__lte=on, valid_to__gte=on)
    visible = found.visible_to(actor).select_related("account", "pot")
    usable = [each for each in visible.order_by("key") if kind in each.kinds and each.account.available > 0]
    return sorted(usable, key=lambda each: -each.account.available)


def _may_commit(organisation: str) -> int | None:
    """What is left of the declared budget, with what lies on the own-share account already."""
    codes = (f"{CNY}:commitment:{organisation}", f"{CNY}:own-share:{organisation}")
    accounts = list(Account.objects.filter(code__in=codes))
    return sum(account.available for account in accounts) if accounts else None

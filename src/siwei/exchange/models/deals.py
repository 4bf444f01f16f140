"""The market's own records: listings, matches, agreements with parties and lines. One shape for every kind of deal."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.awards import Voucher
from siwei.exchange.models.ledger import AMOUNT_LIMIT, Transfer
from siwei.exchange.models.parties import Organisation, Person
from siwei.market import life

ONE_OWNER = Q(organisation__isnull=False, person=None) | Q(organisation=None, person__isnull=False)


class Side(models.TextChoices):
    OFFER = "offer"
    NEED = "need"


class ListingState(models.TextChoices):
    OPEN = "open"
    WITHDRAWN = "withdrawn"


class ListingQuerySet(models.QuerySet["Listing"]):
    def visible_to(self, actor: Actor) -> Self:
        """Organisations' open listings are public; a person's only for the person and those it was introduced to."""
        if actor.sees_all:
            return self
        mine = actor.organisation_ids
        introduced = Match.objects.filter(need__organisation_id__in=mine, state=MatchState.INTRODUCED)
        visible = Q(organisation__isnull=False, state=ListingState.OPEN) | Q(organisation_id__in=mine)
        visible |= Q(pk__in=introduced.values("offer_id"), state=ListingState.OPEN)
        if actor.person_id is not None:
            visible |= Q(person_id=actor.person_id)
        return self.filter(visible)


class Listing(models.Model):
    """An offer or a need of some kind; `body` passed the schema of `siwei.market.kinds` when it was published."""

    key = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=20, db_index=True)
    side = models.CharField(max_length=5, choices=Side)
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="listings")
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="listings")
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200)
    body = models.JSONField()
    state = models.CharField(max_length=10, choices=ListingState, default=ListingState.OPEN)
    published_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    objects = ListingQuerySet.as_manager()

    class Meta:
        constraints = (models.CheckConstraint(condition=ONE_OWNER, name="listing_one_owner"),)
        indexes = (models.Index(fields=["state", "kind", "side"]),)

    def __str__(self) -> str:
        return self.title_zh


class MatchState(models.TextChoices):
    SUGGESTED = "suggested"
    INTRODUCED = "introduced"
    DECLINED = "declined"


class MatchQuerySet(models.QuerySet["Match"]):
    def visible_to(self, actor: Actor) -> Self:
        """Who asked sees its suggestions, who offers sees one once introduced. A person's listing is matched unseen:
        only that person sees it, until that person has it introduced."""
        if actor.sees_all:
            return self
        mine = actor.organisation_ids
        introduced = Q(state=MatchState.INTRODUCED)
        visible = Q(need__organisation_id__in=mine) & (introduced | Q(offer__person=None))
        visible |= Q(offer__organisation_id__in=mine) & introduced
        if actor.person_id is not None:
            visible |= Q(need__person_id=actor.person_id) | Q(offer__person_id=actor.person_id)
        return self.filter(visible)


class Match(models.Model):
    """An offer ranked for a need, with every part of its score (0..1) and one line of reason."""

    need = models.ForeignKey(Listing, on_delete=models.PROTECT, related_name="matches")
    offer = models.ForeignKey(Listing, on_delete=models.PROTECT, related_name="matched_to")
    rank = models.PositiveIntegerField()
    score = models.FloatField()
    parts = models.JSONField()
    reason_zh = models.TextField()
    reason_en = models.TextField()
    state = models.CharField(max_length=10, choices=MatchState, default=MatchState.SUGGESTED)
    matched_at = models.DateTimeField()

    objects = MatchQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["need", "offer"], name="one_match_per_pair"),)

    @property
    def key(self) -> str:
        return f"{self.need.key}/{self.offer.key}"


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(organisation_id__in=actor.organisation_ids)


class Project(models.Model):
    """A piece of an organisation's work that agreements and jobs may name, and that may have a cap of its own."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="projects")
    name = models.CharField(max_length=80)
    opened_at = models.DateTimeField()

    objects = ProjectQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organisation", "name"], name="one_project_per_name"),)

    def __str__(self) -> str:
        return self.name


class AgreementState(models.TextChoices):
    """The states of `siwei.market.life`, which says what leads from one to the other."""

    PROPOSED = life.PROPOSED
    AWAITING_APPROVAL = life.AWAITING_APPROVAL
    SIGNED = life.SIGNED
    DELIVERING = life.DELIVERING
    COMPLETED = life.COMPLETED
    DISPUTED = life.DISPUTED
    SETTLED = life.SETTLED
    CANCELLED = life.CANCELLED


def of_visible_agreements(actor: Actor, prefix: str) -> Q:
    """Rows hanging on an agreement (reached through `prefix`) that one of the actor's parties is in."""
    parties = Q(organisation_id__in=actor.organisation_ids)
    if actor.person_id is not None:
        parties |= Q(person_id=actor.person_id)
    return Q(**{f"{prefix}__in": AgreementParty.objects.filter(parties).values("agreement_id")})


class AgreementQuerySet(models.QuerySet["Agreement"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "pk"))


class Agreement(models.Model):
    """What parties agreed on; money, if any, stands on its lines."""

    key = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=20)
    match = models.ForeignKey(Match, null=True, on_delete=models.PROTECT, related_name="agreements")
    voucher = models.ForeignKey(Voucher, null=True, on_delete=models.PROTECT, related_name="agreements")
    contract_number = models.CharField(max_length=120, blank=True)
    """Of the contract a voucher is claimed for, letters and digits only: one contract is never claimed twice."""
    quote = models.ForeignKey("Quote", null=True, on_delete=models.PROTECT, related_name="agreements")
    """The price it was proposed at, where one was told before."""
    project = models.ForeignKey(Project, null=True, on_delete=models.PROTECT, related_name="agreements")
    """Of one of the parties, to whom alone it matters: its caps count the agreement."""
    terms = models.JSONField(default=dict)
    state = models.CharField(max_length=20, choices=AgreementState, default=AgreementState.PROPOSED)
    disputed_from = models.CharField(max_length=20, blank=True)
    """Where it goes back to once nothing is disputed any more; empty in every other state."""
    proposed_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)
    signed_on = models.DateField(null=True)
    """The city's day of the last signature, by which programmes count the contract."""
    ends_at = models.DateTimeField()
    """Nothing is begun after it; the holds stay a while longer (`SETTLEMENT_GRACE`), so that it can be charged."""

    objects = AgreementQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(state__in=life.STATES), name="agreement_state_known"),
            models.UniqueConstraint(
                fields=["contract_number"],
                condition=~Q(contract_number="") & Q(voucher__isnull=False) & ~Q(state=life.CANCELLED),
                name="one_voucher_per_contract",
            ),
            models.CheckConstraint(
                condition=Q(state=life.DISPUTED, disputed_from__in=life.DISPUTABLE)
                | (~Q(state=life.DISPUTED) & Q(disputed_from="")),
                name="agreement_disputed_from_somewhere",
            ),
        )

    def __str__(self) -> str:
        return self.key


class AgreementPartyQuerySet(models.QuerySet["AgreementParty"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "agreement_id"))


class AgreementParty(models.Model):
    """One party in one role; `signed_by` is the representative who signed for it."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="parties")
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="agreement_roles")
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="agreement_roles")
    role = models.CharField(max_length=40)
    signed_at = models.DateTimeField(null=True)
    signed_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="signatures")

    objects = AgreementPartyQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=ONE_OWNER, name="agreement_party_is_one"),
            models.UniqueConstraint(fields=["agreement", "organisation", "role"], name="one_role_per_organisation"),
            models.UniqueConstraint(fields=["agreement", "person", "role"], name="one_role_per_person"),
        )

    @property
    def name(self) -> str:
        """The organisation's, or the person's user name."""
        return self.organisation.name if self.organisation else self.person.username if self.person else ""


class AgreementLineQuerySet(models.QuerySet["AgreementLine"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "agreement_id"))


class AgreementLine(models.Model):
    """What one party delivers to another: at most `quantity` of `unit` at `unit_price_fen` per `price_quantity` of it.

    `voucher_hold` and `own_hold` are placed by the last signature.
    """

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="lines")
    number = models.PositiveIntegerField()
    offer = models.ForeignKey(Listing, null=True, on_delete=models.PROTECT, related_name="lines")
    offered = models.JSONField(default=dict)
    """What the offer said when it was quoted: whatever it says later, this is what was agreed."""
    provider = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="lines_provided")
    consumer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="lines_consumed")
    description = models.CharField(max_length=200)
    quantity = models.BigIntegerField()
    unit = models.CharField(max_length=80)
    unit_price_fen = models.BigIntegerField()
    price_quantity = models.BigIntegerField(default=1)
    gross_fen = models.BigIntegerField()
    voucher_fen = models.BigIntegerField(default=0)
    own_fen = models.BigIntegerField()
    voucher_hold = models.ForeignKey(Transfer, null=True, on_delete=models.PROTECT, related_name="lines_by_voucher")
    own_hold = models.ForeignKey(Transfer, null=True, on_delete=models.PROTECT, related_name="lines_by_own_share")
    earlier_holds = models.JSONField(default=list)
    """Ids of holds that a later one replaced, so that they did not run out under a dispute."""
    settled_quantity = models.BigIntegerField(default=0)
    """Of the readings that a settlement has charged, as they are billed now; with the next three the running totals
    that a bill is reckoned from (`charges`), so that it reads no settled row again."""
    settled_metered_fen = models.BigIntegerField(default=0)
    """What settlements charged for the line, less what disputes took back; and who paid of it."""
    settled_voucher_fen = models.BigIntegerField(default=0)
    settled_own_fen = models.BigIntegerField(default=0)

    objects = AgreementLineQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["agreement", "number"], name="one_line_per_number"),
            models.CheckConstraint(
                condition=Q(
                    quantity__gt=0,
                    price_quantity__gt=0,
                    unit_price_fen__gte=0,
                    voucher_fen__gte=0,
                    own_fen__gte=0,
                    gross_fen__lte=AMOUNT_LIMIT,
                    gross_fen=models.F("voucher_fen") + models.F("own_fen"),
                ),
                name="line_shares_sum_to_gross",
            ),
            models.CheckConstraint(condition=~Q(provider=models.F("consumer")), name="line_between_two"),
            models.CheckConstraint(
                condition=Q(settled_quantity__gte=0, settled_voucher_fen__gte=0, settled_own_fen__gte=0)
                & Q(settled_metered_fen__gte=models.F("settled_voucher_fen") + models.F("settled_own_fen")),
                name="line_totals_add_up",
            ),
        )

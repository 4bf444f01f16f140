"""A claim on a programme's pot, from application to award, and what people object in the public notice."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.awards import Decision, OwnedQuerySet, Pot
from siwei.exchange.models.parties import Organisation, Person
from siwei.exchange.models.pseudonyms import Pseudonym, is_own


class RoundState(models.TextChoices):
    SHARED = "shared"
    NOTICE = "notice"
    AWARDED = "awarded"


class SharingRoundQuerySet(models.QuerySet["SharingRound"]):
    def visible_to(self, actor: Actor) -> Self:
        """Public from the public notice on; before, for the offices."""
        return self if actor.sees_all else self.exclude(state=RoundState.SHARED)


class SharingRound(models.Model):
    """A pot shared once among the applications on it. With `sharing`, `seed` and the applications it can be shared
    again by anyone."""

    key = models.CharField(max_length=120, unique=True)
    pot = models.ForeignKey(Pot, on_delete=models.PROTECT, related_name="rounds")
    version_sha256 = models.CharField(max_length=64)
    sharing = models.CharField(max_length=20)
    seed = models.CharField(max_length=200, blank=True)
    budget_fen = models.BigIntegerField()
    """What was shared: what the pot had, and no earlier round had promised."""
    earlier = models.JSONField(null=True)
    """What earlier awards counted in the pot's reserves and quotas then (`pot_counts`); None where it has neither."""
    returns = models.CharField(max_length=20, default="pot")
    """Where money goes that comes back of its awards (`siwei.policy.programmes.Returns`), as that version says."""
    is_supplementary = models.BooleanField(default=False)
    """What came back, shared among those of earlier rounds who waited for it."""
    state = models.CharField(max_length=20, choices=RoundState, default=RoundState.SHARED)
    shared_on = models.DateField()
    notice_from = models.DateField(null=True)
    notice_until = models.DateField(null=True)
    """The last day on which one may object."""
    awarded_on = models.DateField(null=True)

    objects = SharingRoundQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(notice_until=None) | Q(notice_until__gte=F("notice_from")), name="notice_in_order"
            ),
        )


class ApplicationState(models.TextChoices):
    APPLIED = "applied"
    SHARED = "shared"
    AWARDED = "awarded"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, actor: Actor) -> Self:
        """One's own; and everybody's once it stands in a public notice (公示)."""
        if actor.sees_all:
            return self
        public = Q(round__state__in=(RoundState.NOTICE, RoundState.AWARDED))
        return self.filter(Q(organisation_id__in=actor.organisation_ids) | is_own(actor) | public)


class Application(models.Model):
    """A claim on a pot, for at most what was decided: by an organisation on its decision, or by a person under their
    pseudonym, on a decision that is sealed with their name (`siwei.exchange.awards.person_awards`)."""

    key = models.CharField(max_length=120, unique=True)
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="applications")
    pseudonym = models.ForeignKey(Pseudonym, null=True, on_delete=models.PROTECT, related_name="applications")
    pot = models.ForeignKey(Pot, on_delete=models.PROTECT, related_name="applications")
    decision = models.OneToOneField(Decision, null=True, on_delete=models.PROTECT, related_name="application")
    sealed = models.BinaryField(null=True)
    """Of a person's: name, and the decision with its inputs. None once it was erased."""
    round = models.ForeignKey(SharingRound, null=True, on_delete=models.PROTECT, related_name="applications")
    supplement_to = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="supplements")
    """The application whose claim it is the rest of, in a supplementary round."""
    claim_fen = models.BigIntegerField()
    score = models.IntegerField(null=True)
    """Of its review, where the pot is shared by merit."""
    shared_fen = models.BigIntegerField(null=True)
    bound_by = models.CharField(max_length=80, blank=True)
    reserved = models.JSONField(default=dict)
    """What of its share came out of a reserve, by the reserve's id."""
    state = models.CharField(max_length=20, choices=ApplicationState, default=ApplicationState.APPLIED)
    applied_at = models.DateTimeField()

    objects = ApplicationQuerySet.as_manager()

    @property
    def standing_fen(self) -> int | None:
        """What it gets as things stand: nothing is left of its share once it is refused, or was taken back."""
        return None if self.state in (ApplicationState.REFUSED, ApplicationState.WITHDRAWN) else self.shared_fen

    @property
    def applicant(self) -> Organisation | Pseudonym:
        found = self.organisation or self.pseudonym
        assert found is not None
        return found

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(organisation__isnull=False, decision__isnull=False, pseudonym=None, sealed=None)
                | Q(organisation=None, decision=None, pseudonym__isnull=False),
                name="application_of_one",
            ),
            models.CheckConstraint(condition=Q(claim_fen__gt=0), name="application_claims_something"),
            models.CheckConstraint(
                condition=Q(shared_fen=None) | Q(shared_fen__gte=0, shared_fen__lte=F("claim_fen")),
                name="application_gets_no_more_than_it_claims",
            ),
        )


NUMBER_LIMIT = 200


class ClaimedDocument(models.Model):
    """A contract or invoice an application claims for. The same one in two applications is an alert."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="documents")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=[("contract", "contract"), ("invoice", "invoice")])
    reference = models.CharField(max_length=120, db_index=True)
    """Its number, letters and digits only, in capitals: however somebody spaces it, it is the same document."""
    number = models.CharField(max_length=NUMBER_LIMIT, default="")
    """As it was written; empty of those claimed for before it was kept."""

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["application", "kind", "reference"], name="one_document_per_application"),
        )

    @property
    def written(self) -> str:
        return self.number or self.reference


class ObjectionQuerySet(models.QuerySet["Objection"]):
    def visible_to(self, actor: Actor) -> Self:
        """Who objects is known to the offices, and to itself; never to whom it objects against."""
        return self if actor.sees_all else self.filter(person_id=actor.person_id, person__isnull=False)


class Objection(models.Model):
    """What somebody says against an award in its public notice; `upheld` is null until it is decided."""

    key = models.CharField(max_length=120, unique=True)
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="objections")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="objections")
    text = models.TextField()
    upheld = models.BooleanField(null=True)
    reason = models.TextField(blank=True)
    raised_at = models.DateTimeField()

    objects = ObjectionQuerySet.as_manager()

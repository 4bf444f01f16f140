"""Models served through the gateway: where they are served, who may call them, and every call with what it cost.

The ledger's hold of an agreement's line is placed at signing. Below it a `CallMeter` says how much of that hold calls
have used and how much is set aside for those under way; a call is admitted by one conditional update of it, so that a
call costs no ledger entry and no call can pass the hold. Amounts are microfen (a millionth of a fen).
"""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.deals import AgreementLine, Listing, of_visible_agreements
from siwei.exchange.models.delivery import Usage
from siwei.exchange.models.keys import AccessKey
from siwei.exchange.models.parties import Organisation


class UpstreamQuerySet(models.QuerySet["Upstream"]):
    def visible_to(self, actor: Actor) -> Self:
        """Its provider and the offices: where a model is served is nobody else's concern."""
        return self if actor.sees_all else self.filter(organisation_id__in=actor.organisation_ids)


class Upstream(models.Model):
    """Where an offered model is served. `credential` names an entry of the operator's secrets."""

    key = models.CharField(max_length=120, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="upstreams")
    offer = models.OneToOneField(Listing, on_delete=models.PROTECT, related_name="upstream")
    model = models.CharField(max_length=120, db_index=True)
    """As callers name it: the offer's own word."""
    served_as = models.CharField(max_length=120)
    """As the upstream names it."""
    base_url = models.CharField(max_length=300)
    credential = models.CharField(max_length=60, blank=True)
    deadline_s = models.PositiveIntegerField(default=300)
    registered_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    """In a row, as the gateway that met the last one counts them; 0 since one answered again."""
    failed_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=40, blank=True)
    """How the last failed call ended, in the words of `ModelCall.outcome`."""
    spared_until = models.DateTimeField(null=True)
    """A gateway sends nobody there before (its breaker is open)."""
    probed_at = models.DateTimeField(null=True)
    """When a worker last asked whether it is there; only an idle one is asked."""
    probe_failure = models.CharField(max_length=40, blank=True, default="")
    """How that failed; empty where it answered."""
    seen_at = models.DateTimeField(null=True)
    """When it last answered a worker."""

    objects = UpstreamQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(deadline_s__gte=1, deadline_s__lte=3600), name="upstream_deadline_bounded"
            ),
        )

    def __str__(self) -> str:
        return self.key


class ModelKeyQuerySet(models.QuerySet["ModelKey"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(organisation_id__in=actor.organisation_ids)


class ModelKey(models.Model):
    """What an access key with the scope `call` may spend, and what it has: its limits and counters.

    The rates count in windows of a clock minute (`window` is its number), written with each call, so that they hold
    across processes; two windows' worth can meet at their border. Money also counts by the city's day and month
    (`day`: days since year 1; `month`: months since year 0), what is set aside with what is spent.
    """

    access = models.OneToOneField(AccessKey, on_delete=models.PROTECT, related_name="calling")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="model_keys")
    models_allowed = models.JSONField(default=list)
    """Empty: every model of the organisation's agreements."""
    endpoints_allowed = models.JSONField(default=list)
    requests_per_minute = models.BigIntegerField(null=True)
    tokens_per_minute = models.BigIntegerField(null=True)
    cap_microfen = models.BigIntegerField(null=True)
    """What may be spent with this key in all; what the agreements hold bounds it in any case."""
    keeps_days = models.PositiveIntegerField(default=0)
    """For how many days requests and answers are kept for the project to read; 0: they are not kept at all."""
    spent_microfen = models.BigIntegerField(default=0)
    reserved_microfen = models.BigIntegerField(default=0)
    day_cap_microfen = models.BigIntegerField(null=True)
    month_cap_microfen = models.BigIntegerField(null=True)
    window = models.BigIntegerField(default=0)
    window_requests = models.BigIntegerField(default=0)
    window_tokens = models.BigIntegerField(default=0)
    day = models.BigIntegerField(default=0)
    day_microfen = models.BigIntegerField(default=0)
    month = models.BigIntegerField(default=0)
    month_microfen = models.BigIntegerField(default=0)

    objects = ModelKeyQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(
                    spent_microfen__gte=0, reserved_microfen__gte=0, day_microfen__gte=0, month_microfen__gte=0
                ),
                name="model_key_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(cap_microfen=None) | Q(cap_microfen__gte=F("spent_microfen") + F("reserved_microfen")),
                name="model_key_cap_not_passed",
            ),
        )

    def __str__(self) -> str:
        return self.access.identifier


class CallMeterQuerySet(models.QuerySet["CallMeter"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "line__agreement_id"))


class CallMeter(models.Model):
    """How far calls have used a line, and what is set aside for those under way; never more than the line's quantity.

    `closed_at`: the agreement is being settled or cancelled, and no further call is admitted.
    """

    line = models.OneToOneField(AgreementLine, on_delete=models.PROTECT, related_name="meter")
    limit_microfen = models.BigIntegerField()
    used_microfen = models.BigIntegerField(default=0)
    reserved_microfen = models.BigIntegerField(default=0)
    closed_at = models.DateTimeField(null=True)

    objects = CallMeterQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(used_microfen__gte=0, reserved_microfen__gte=0)
                & Q(limit_microfen__gte=F("used_microfen") + F("reserved_microfen")),
                name="call_meter_not_passed",
            ),
        )

    @property
    def left_microfen(self) -> int:
        return self.limit_microfen - self.used_microfen - self.reserved_microfen


class CallState(models.TextChoices):
    OPEN = "open"
    """Admitted and under way: its bound is set aside."""
    DONE = "done"
    SWEPT = "swept"
    """The process that made it did not end it in time; charged by what it had last written down."""


class ModelCallQuerySet(models.QuerySet["ModelCall"]):
    def visible_to(self, actor: Actor) -> Self:
        """The caller's organisation and the provider, as parties of the agreement."""
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "line__agreement_id"))


class ModelCall(models.Model):
    """One call: its bound before, its charge after. Says nothing of what was asked or answered."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=40, unique=True)
    """Given by the gateway, and to the caller as `x-request-id`."""
    key = models.ForeignKey(ModelKey, on_delete=models.PROTECT, related_name="calls", db_index=False)
    line = models.ForeignKey(AgreementLine, on_delete=models.PROTECT, related_name="calls", db_index=False)
    model = models.CharField(max_length=120)
    endpoint = models.CharField(max_length=20)
    is_streamed = models.BooleanField()
    state = models.CharField(max_length=10, choices=CallState, default=CallState.OPEN)
    bound_input = models.BigIntegerField()
    bound_output = models.BigIntegerField()
    input_fen_per_million = models.BigIntegerField()
    output_fen_per_million = models.BigIntegerField()
    reserved_microfen = models.BigIntegerField()
    request_bytes = models.BigIntegerField()
    pieces = models.BigIntegerField(default=0)
    """Of a stream: how many pieces had been passed on when it was last written down."""
    window = models.BigIntegerField()
    input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    cost_microfen = models.BigIntegerField(null=True)
    basis = models.CharField(max_length=10, blank=True)
    outcome = models.CharField(max_length=40, blank=True)
    """`ok`, or in one word why not: the upstream's status, `disconnected`, `cut`, `deadline`."""
    started_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    usage = models.ForeignKey(Usage, null=True, on_delete=models.PROTECT, related_name="calls")

    objects = ModelCallQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(state="open", cost_microfen=None)
                | Q(
                    state__in=["done", "swept"],
                    cost_microfen__isnull=False,
                    cost_microfen__gte=0,
                    cost_microfen__lte=F("reserved_microfen"),
                ),
                name="model_call_within_its_bound",
            ),
        )
        indexes = (
            models.Index(fields=["key", "started_at"], name="model_call_by_key"),
            models.Index(fields=["line", "ended_at"], name="model_call_by_line"),
            models.Index(fields=["expires_at"], condition=Q(state="open"), name="model_call_open"),
            models.Index(fields=["line"], condition=Q(usage=None, cost_microfen__gt=0), name="model_call_uncollected"),
        )


class KeptCallQuerySet(models.QuerySet["KeptCall"]):
    def visible_to(self, actor: Actor) -> Self:
        """The project's organisation alone: neither the provider nor the offices read what was asked."""
        return self.filter(call__key__organisation_id__in=actor.organisation_ids)


class KeptCall(models.Model):
    """What was asked and answered, kept because the key says so, until `expires_at`."""

    call = models.OneToOneField(ModelCall, on_delete=models.PROTECT, related_name="kept")
    request = models.TextField()
    answer = models.TextField()
    expires_at = models.DateTimeField(db_index=True)

    objects = KeptCallQuerySet.as_manager()

"""Public technical services: what is offered, who may call it and up to what, every call with what it cost, and where
models are served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Avg, Count, F, Max, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from siwei.errors import InputError, NotFound, Problem, Said
from siwei.exchange.actors import Actor
from siwei.exchange.calls.call_routes import OPEN_AGREEMENTS
from siwei.exchange.models import AgreementLine, KeptCall, Listing, ModelCall, ModelKey, Upstream
from siwei.exchange.trading.call_meters import spending_windows

MOST_DAYS = 366
SHOWN = 500
MOST_ROWS = 20_000
FIGURES = ("calls", "failed", "input_tokens", "output_tokens", "cost_microfen")
FAILED = ("deadline", "unreachable", "cut", "setup", "paused", "swept")
"""How a call ends that the upstream did not answer; a status of 500 or more stands beside them."""


def models_offered(actor: Actor) -> QuerySet[Listing]:
    """Open offers of models, newest first; each with its upstream, where it has one."""
    found = Listing.objects.visible_to(actor).filter(kind="model", side="offer", state="open")
    return found.select_related("organisation", "upstream").order_by("-published_at", "key")


def services_offered(actor: Actor) -> QuerySet[Listing]:
    """Open offers of services by the day: testing, evaluation, tuning, certification."""
    found = Listing.objects.visible_to(actor).filter(kind="service", side="offer", state="open")
    return found.select_related("organisation").order_by("-published_at", "key")


def is_served(offer: Listing) -> bool:
    """Whether the gateway sends calls there: an upstream that the operator approved and nobody closed."""
    upstream: Upstream | None = getattr(offer, "upstream", None)
    return upstream is not None and upstream.approved_at is not None and upstream.closed_at is None


def model_keys(actor: Actor) -> QuerySet[ModelKey]:
    found = ModelKey.objects.visible_to(actor).select_related("access__person", "organisation")
    return found.order_by("organisation__name", "access__project", "-access__created_at", "pk")


def model_key_or_missing(identifier: str, actor: Actor) -> ModelKey:
    key = model_keys(actor).filter(access__identifier=identifier).first()
    if key is None:
        raise NotFound(
            f"no key {identifier!r:.40} that calls models and that you may see",
            f"没有您可查看的模型调用密钥 {identifier!r:.40}",
        )
    return key


def spent_now(key: ModelKey, now: datetime) -> tuple[int, int]:
    """Microfen spent and set aside on the city's day and in its month; another day's counter counts for nothing."""
    windows = spending_windows(now)
    return (
        key.day_microfen if key.day >= windows["day"] else 0,
        key.month_microfen if key.month >= windows["month"] else 0,
    )


def callable_lines(actor: Actor) -> QuerySet[AgreementLine]:
    """Lines of signed agreements under which models are called; each with its meter once the first call was made."""
    found = AgreementLine.objects.visible_to(actor).filter(offer__kind="model", agreement__state__in=OPEN_AGREEMENTS)
    return found.select_related("agreement", "provider", "consumer", "offer", "meter").order_by(
        "agreement__ends_at", "pk"
    )


@dataclass(frozen=True, slots=True)
class Balance:
    """What the ledger holds for calls under a line, in microfen."""

    line: AgreementLine
    limit: int
    used: int
    reserved: int
    is_closed: bool

    @property
    def left(self) -> int:
        return self.limit - self.used - self.reserved


def balances(actor: Actor) -> list[Balance]:
    found = []
    for line in callable_lines(actor)[:SHOWN]:
        meter = getattr(line, "meter", None)
        if meter is None:
            found.append(Balance(line, line.quantity, 0, 0, False))
        else:
            closed = meter.closed_at is not None
            found.append(Balance(line, meter.limit_microfen, meter.used_microfen, meter.reserved_microfen, closed))
    return found


@dataclass(frozen=True, slots=True)
class Span:
    """Days, both included, in the city's time."""

    first: date
    last: date

    @property
    def moments(self) -> tuple[datetime, datetime]:
        return _midnight(self.first), _midnight(self.last + timedelta(days=1))


def span_of(first: date | None, last: date | None, today: date) -> Span:
    """The last 31 days where nothing is said; a year at most. Raises InputError."""
    ends = last or max(today, first or today)
    begins = first or ends - timedelta(days=30)
    if not timedelta(0) <= ends - begins < timedelta(days=MOST_DAYS) or not 1970 <= begins.year <= ends.year <= 9998:
        fix = Said(f"the first day before the last, {MOST_DAYS} days at most", f"首日须在末日之前，至多 {MOST_DAYS} 天")
        raise InputError([Problem(Said("these days cannot be shown", "无法显示这些日期"), fix, field="since")])
    return Span(begins, ends)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A day's calls with one key of one model. `key` is None for the provider: which key a caller used is its own."""

    day: date
    organisation: str
    """The caller's key."""
    organisation_name: str
    project: str | None
    key: str | None
    key_name: str | None
    model: str
    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost_microfen: int


def usage(actor: Actor, span: Span, *, key: str = "", model: str = "") -> list[UsageRow]:
    """By day, key and model, the newest day first. Raises InputError for more rows than can be shown."""
    begin, end = span.moments
    rows = calls(actor, key=key, model=model).filter(started_at__gte=begin, started_at__lt=end).order_by()
    grouped = (
        rows.annotate(day=TruncDate("started_at"))
        .values("day", "key_id", "line__consumer__key", "line__consumer__name", "model")
        .annotate(
            calls=Count("pk"), failed=Count("pk", filter=_failed()), input_tokens=Sum("input_tokens"),
            output_tokens=Sum("output_tokens"), cost_microfen=Sum("cost_microfen"),
        )
        .order_by("-day", "line__consumer__name", "key_id", "model")
    )  # fmt: skip
    found = list(grouped[: MOST_ROWS + 1])
    if len(found) > MOST_ROWS:
        raise InputError(
            [
                Problem(
                    Said("too many rows", "行数过多"),
                    Said("ask for fewer days, one key or one model", "请减少天数，或只选一把密钥、一个模型"),
                    field="since",
                )
            ]
        )
    own = {each.pk: each for each in ModelKey.objects.visible_to(actor).select_related("access").filter(
        pk__in={row["key_id"] for row in found}
    )}  # fmt: skip
    return _merged(_usage_row(row, own.get(row["key_id"])) for row in found)


def _usage_row(row: Mapping[str, Any], key: ModelKey | None) -> UsageRow:
    return UsageRow(
        day=row["day"],
        organisation=row["line__consumer__key"],
        organisation_name=row["line__consumer__name"],
        project=key.access.project if key else None,
        key=key.access.identifier if key else None,
        key_name=key.access.name if key else None,
        model=row["model"],
        **{name: row[name] or 0 for name in FIGURES},
    )


def _merged(rows: Iterable[UsageRow]) -> list[UsageRow]:
    """Rows alike but for their figures are one: a caller's keys that the reader may not tell apart."""
    found: dict[tuple[object, ...], UsageRow] = {}
    for row in rows:
        told = (row.day, row.organisation, row.key, row.model)
        if (before := found.get(told)) is None:
            found[told] = row
            continue
        found[told] = replace(before, **{name: getattr(before, name) + getattr(row, name) for name in FIGURES})
    return list(found.values())


def calls(actor: Actor, *, key: str = "", model: str = "") -> QuerySet[ModelCall]:
    """Calls of agreements the actor is a party to, newest first; by key only where the key is the actor's to see."""
    found = ModelCall.objects.visible_to(actor)
    if key:
        found = found.filter(key__in=ModelKey.objects.visible_to(actor).filter(access__identifier=key))
    if model:
        found = found.filter(model=model)
    return found.select_related("line__agreement", "line__consumer", "line__provider", "key__access").order_by("-pk")


@dataclass(frozen=True, slots=True)
class CallView:
    """One call whole. `key` where it is the reader's to see; `kept` where it was kept and is the reader's to read."""

    call: ModelCall
    key: ModelKey | None
    kept: KeptCall | None

    @property
    def given_back(self) -> int | None:
        """Of what was set aside, what the call did not take."""
        cost = self.call.cost_microfen
        return None if cost is None else self.call.reserved_microfen - cost


def call_or_missing(name: str, actor: Actor) -> CallView:
    call = calls(actor).select_related("usage", "line__offer").filter(name=name).first()
    if call is None:
        raise NotFound(f"no call {name!r:.60} that you may see", f"没有您可查看的调用 {name!r:.60}")
    key = ModelKey.objects.visible_to(actor).select_related("access").filter(pk=call.key_id).first()
    return CallView(call, key, KeptCall.objects.visible_to(actor).filter(call=call).first())


def own_keys(actor: Actor, found: Iterable[ModelCall]) -> set[int]:
    """Of these calls' keys, those the actor may see."""
    return set(
        ModelKey.objects.visible_to(actor).filter(pk__in={each.key_id for each in found}).values_list("pk", flat=True)
    )


@dataclass(frozen=True, slots=True)
class UpstreamView:
    """An upstream, and how it did in the last 24 hours."""

    upstream: Upstream
    state: str
    """`waiting` (for the operator), `closed`, `spared`, `failing` or `serving`."""
    calls: int
    failed: int
    mean_s: float | None
    answered_at: datetime | None
    """The last call that it answered."""
    seen_at: datetime | None
    """When it was last seen well: it answered a call, or a worker that asked."""


def last_seen(offers: Iterable[Listing], now: datetime) -> dict[int, datetime]:
    """When the upstreams of offers that are served were last seen well, by the offer's key in the database."""
    served: list[Upstream] = [each.upstream for each in offers if is_served(each)]
    return {each.upstream.offer_id: each.seen_at for each in _views(served, now) if each.seen_at is not None}


def upstream_view(key: str, actor: Actor, now: datetime) -> UpstreamView:
    return _views([upstream_or_missing(key, actor)], now)[0]


def upstreams(actor: Actor, now: datetime) -> list[UpstreamView]:
    """Those in use first."""
    found = Upstream.objects.visible_to(actor).select_related("organisation", "offer").order_by("model", "pk")
    return _views(sorted(found, key=lambda each: each.closed_at is not None), now)


def _views(found: list[Upstream], now: datetime) -> list[UpstreamView]:
    recent = ModelCall.objects.filter(line__offer__upstream__in=found, ended_at__gte=now - timedelta(hours=24)).values(
        "line__offer__upstream"
    )
    figures = {
        row["line__offer__upstream"]: row
        for row in recent.order_by().annotate(
            calls=Count("pk"),
            failed=Count("pk", filter=_failed()),
            mean=Avg(F("ended_at") - F("started_at"), filter=Q(outcome="ok")),
            answered=Max("ended_at", filter=Q(outcome="ok")),
        )
    }
    return [_upstream_view(each, figures.get(each.pk, {}), now) for each in found]


def _upstream_view(upstream: Upstream, row: Mapping[str, Any], now: datetime) -> UpstreamView:
    mean: timedelta | None = row.get("mean")
    answered: datetime | None = row.get("answered")
    return UpstreamView(
        upstream,
        upstream_state(upstream, now, answered),
        row.get("calls", 0),
        row.get("failed", 0),
        mean.total_seconds() if mean is not None else None,
        answered,
        max(filter(None, (answered, upstream.seen_at)), default=None),
    )


def upstream_state(upstream: Upstream, now: datetime, answered: datetime | None = None) -> str:
    """`answered`: when it last answered a call, which may be later than a worker's asking in vain."""
    if upstream.closed_at is not None:
        return "closed"
    if upstream.approved_at is None:
        return "waiting"
    if upstream.spared_until is not None and upstream.spared_until > now:
        return "spared"
    asked_in_vain = upstream.probed_at if upstream.probe_failure else None
    is_away = asked_in_vain is not None and (answered is None or answered < asked_in_vain)
    return "failing" if upstream.failures or is_away else "serving"


def upstreams_waiting(actor: Actor) -> int:
    """How many wait for the operator's approval, of those one may see."""
    return Upstream.objects.visible_to(actor).filter(approved_at=None, closed_at=None).count()


def upstream_or_missing(key: str, actor: Actor) -> Upstream:
    found = Upstream.objects.visible_to(actor).select_related("organisation", "offer").filter(key=key).first()
    if found is None:
        raise NotFound(f"no upstream {key!r:.120} that you may see", f"没有您可查看的上游 {key!r:.120}")
    return found


def offers_to_serve(actor: Actor) -> QuerySet[Listing]:
    """The actor's own open offers of models that have no upstream yet."""
    return models_offered(actor).filter(organisation_id__in=actor.organisation_ids, upstream=None)


def _failed() -> Q:
    return Q(outcome__in=FAILED) | Q(outcome__regex=r"^[5-9][0-9][0-9]$")


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))

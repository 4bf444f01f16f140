"""Public technical services: models offered, keys with their limits, calls and what they cost, upstreams."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router

from siwei.exchange.calls.model_keys import change_limits
from siwei.exchange.calls.model_upstreams import approve_upstream, close_upstream, register_upstream
from siwei.exchange.models import Listing, ModelCall, ModelKey
from siwei.portal.access import actor_of
from siwei.portal.api import service_schemas
from siwei.portal.api.answers import PageNumber, answers, bounds, own_key
from siwei.portal.queries import services

router = Router()
KeyIdentifier = Annotated[str, Query(max_length=40, description="A key's identifier; empty: all")]
ModelName = Annotated[str, Query(max_length=120, description="A model's name; empty: all")]


@router.get("/services", response=answers(service_schemas.Offered))
def list_services(request: HttpRequest) -> Any:
    """Public technical services on offer: models by the token, and services by the day. The newest 500 of each."""
    actor = actor_of(request)
    return {
        "models": [_model_row(each) for each in services.models_offered(actor)[: services.SHOWN]],
        "services": [_service_row(each) for each in services.services_offered(actor)[: services.SHOWN]],
    }


@router.get("/model-keys", response=answers(service_schemas.ModelKeys))
def list_model_keys(request: HttpRequest) -> Any:
    """Keys that call models, with their limits and what they have spent; and what agreements hold for calls. One makes
    a key by POST to `/api/keys` with the scope `call`."""
    actor, now = actor_of(request), timezone.now()
    keys = [key_row(each, now) for each in services.model_keys(actor)[: services.SHOWN]]
    return {"keys": keys, "balances": [_balance_row(each) for each in services.balances(actor)]}


@router.post("/model-keys/{identifier}/limits", response=answers(service_schemas.ModelKey))
def set_limits(request: HttpRequest, identifier: str, given: service_schemas.NewLimits) -> Any:
    """Replace a key's limits; what is left out is no limit any more. For those who commit the organisation's money."""
    actor, now = actor_of(request), timezone.now()
    services.model_key_or_missing(identifier, actor)
    change_limits(
        identifier, given.limits(), actor=actor, now=now, idempotency_key=own_key(actor, given.idempotency_key)
    )
    return key_row(services.model_key_or_missing(identifier, actor), now)


@router.get("/model-usage", response=answers(service_schemas.ModelUsage))
def get_usage(
    request: HttpRequest,
    since: date | None = None,
    until: date | None = None,
    key: KeyIdentifier = "",
    model: ModelName = "",
) -> Any:
    """Calls, tokens and cost by day, key and model; the last 31 days where none are named, 366 at most."""
    span = services.span_of(since, until, timezone.localdate())
    rows = services.usage(actor_of(request), span, key=key, model=model)
    fields = ("day", "organisation", "project", "key", "model", *services.FIGURES)
    found = [{name: getattr(row, name) for name in fields} for row in rows]
    return {"since": span.first, "until": span.last, "rows": found}


@router.get("/model-calls", response=answers(service_schemas.ModelCalls))
def list_calls(request: HttpRequest, key: KeyIdentifier = "", model: ModelName = "", page: PageNumber = 1) -> Any:
    """Calls of agreements one is a party to, newest first: what was set aside before each, what was charged after."""
    actor = actor_of(request)
    found = services.calls(actor, key=key, model=model)
    calls = list(found[bounds(page)])
    own = services.own_keys(actor, calls)
    items = [call_row(each, each.key if each.key_id in own else None) for each in calls]
    return {"count": found.count(), "page": page, "items": items}


@router.get("/model-calls/{name}", response=answers(service_schemas.ModelCallDetail))
def get_call(request: HttpRequest, name: str) -> Any:
    """One call, with what was asked and answered where that was kept and is one's own."""
    view = services.call_or_missing(name, actor_of(request))
    return {
        **call_row(view.call, view.key),
        "reading": view.call.usage.reading if view.call.usage else None,
        "request": view.kept.request if view.kept else None,
        "answer": view.kept.answer if view.kept else None,
    }


@router.get("/upstreams", response=answers(list[service_schemas.Upstream]))
def list_upstreams(request: HttpRequest) -> Any:
    """Where models are served and how they fare: for their providers, the operator and the auditor."""
    return [_upstream_row(each) for each in services.upstreams(actor_of(request), timezone.now())]


@router.post("/upstreams", response=answers(service_schemas.Upstream))
def register(request: HttpRequest, new: service_schemas.NewUpstream) -> Any:
    """Say where the model of one's offer is served; it serves once the operator has approved it. A secret is never sent
    here: `credential` names it."""
    actor, now = actor_of(request), timezone.now()
    made = register_upstream(
        new.offer, base_url=new.base_url, served_as=new.served_as, credential=new.credential,
        deadline_s=new.deadline_s, actor=actor, now=now, idempotency_key=own_key(actor, new.idempotency_key),
    )  # fmt: skip
    return _upstream_row(services.upstream_view(made.key, actor, now))


@router.post("/upstream", response=answers(service_schemas.Upstream))
def act_on_upstream(request: HttpRequest, given: service_schemas.UpstreamAct) -> Any:
    """Approve an upstream (the operator), or close it (its provider, the operator)."""
    actor, now = actor_of(request), timezone.now()
    services.upstream_or_missing(given.upstream, actor)
    (approve_upstream if given.act == "approve" else close_upstream)(given.upstream, actor=actor, now=now)
    return _upstream_row(services.upstream_view(given.upstream, actor, now))


def _model_row(offer: Listing) -> dict[str, Any]:
    names = (
        *("model", "endpoints", "input_fen_per_million", "output_fen_per_million"),
        *("context_tokens", "most_output_tokens"),
    )
    return {**_offer_row(offer), **{name: offer.body[name] for name in names}, "is_served": services.is_served(offer)}


def _service_row(offer: Listing) -> dict[str, Any]:
    names = ("services", "price_fen_per_day", "days_per_month", "accredited")
    return {**_offer_row(offer), **{name: offer.body[name] for name in names}}


def _offer_row(offer: Listing) -> dict[str, Any]:
    return {
        "offer": offer.key,
        "title": {"zh": offer.title_zh, "en": offer.title_en},
        "provider": offer.organisation.key if offer.organisation else None,
    }


def _balance_row(balance: services.Balance) -> dict[str, Any]:
    line = balance.line
    return {
        "agreement": line.agreement.key,
        "line": line.number,
        "model": line.offer.body["model"] if line.offer else "",
        "provider": line.provider.key,
        "consumer": line.consumer.key,
        "limit_microfen": balance.limit,
        "used_microfen": balance.used,
        "reserved_microfen": balance.reserved,
        "is_closed": balance.is_closed,
        "ends_at": line.agreement.ends_at,
    }


def key_row(key: ModelKey, now: datetime) -> dict[str, Any]:
    today, month = services.spent_now(key, now)
    own = (
        *("requests_per_minute", "tokens_per_minute", "cap_microfen", "day_cap_microfen", "month_cap_microfen"),
        *("keeps_days", "spent_microfen", "reserved_microfen"),
    )
    of_access = ("identifier", "name", "project", "created_at", "expires_at", "last_used_at", "revoked_at")
    return {
        "organisation": key.organisation.key,
        "models": key.models_allowed,
        "endpoints": key.endpoints_allowed,
        "today_microfen": today,
        "month_microfen": month,
        **{name: getattr(key, name) for name in own},
        **{name: getattr(key.access, name) for name in of_access},
    }


def call_row(call: ModelCall, key: ModelKey | None) -> dict[str, Any]:
    own = (
        *("name", "model", "endpoint", "is_streamed", "state", "outcome", "basis", "reserved_microfen"),
        *("input_tokens", "output_tokens", "cost_microfen", "started_at", "ended_at"),
    )
    return {
        "agreement": call.line.agreement.key,
        "line": call.line.number,
        "consumer": call.line.consumer.key,
        "key": key.access.identifier if key else None,
        "bound_input_tokens": call.bound_input,
        "bound_output_tokens": call.bound_output,
        **{name: getattr(call, name) for name in own},
    }


def _upstream_row(view: services.UpstreamView) -> dict[str, Any]:
    upstream = view.upstream
    own = (
        *("key", "model", "served_as", "base_url", "credential", "deadline_s", "failures", "failure", "failed_at"),
        *("probed_at", "probe_failure", "spared_until", "registered_at", "approved_at", "closed_at"),
    )
    return {
        "offer": upstream.offer.key,
        "organisation": upstream.organisation.key,
        "state": view.state,
        "calls_24h": view.calls,
        "failed_24h": view.failed,
        "mean_s": view.mean_s,
        "answered_at": view.answered_at,
        "seen_at": view.seen_at,
        **{name: getattr(upstream, name) for name in own},
    }

"""Public technical services: what is offered, keys with their limits, what calls cost, where models are served."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import polars as pl
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from siwei.errors import InputError, Problem
from siwei.exchange.calls.model_keys import ENDPOINTS, KeyLimits, change_limits, create_model_key
from siwei.exchange.calls.model_upstreams import approve_upstream, close_upstream, register_upstream
from siwei.exchange.models import ModelKey, Organisation
from siwei.exchange.people.keys import LONGEST, revoke_access_key
from siwei.market.model_calls import MICROFEN_PER_FEN
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.entries import amount_entry
from siwei.portal.exports import export_response
from siwei.portal.pages.account import shown_keys
from siwei.portal.pages.paging import page_of, text_parameter
from siwei.portal.problem_words import lines_of
from siwei.portal.queries import services
from siwei.portal.queries.organisations import concerns_generated
from siwei.portal.returning import only_post

DAYS = (30, 90, 180, LONGEST.days)
CAPS = ("cap", "day_cap", "month_cap")
USAGE_SCHEMA = pl.Schema(
    {
        "day": pl.Date,
        "organisation": pl.String,
        "organisation_name": pl.String,
        "project": pl.String,
        "key": pl.String,
        "key_name": pl.String,
        "model": pl.String,
        "calls": pl.Int64,
        "failed": pl.Int64,
        "input_tokens": pl.Int64,
        "output_tokens": pl.Int64,
        "cost_microfen": pl.Int64,
    }
)


@require_safe
def services_page(request: HttpRequest) -> HttpResponse:
    """Every model and service that is offered: price, limits, who provides it."""
    actor = actor_of(request)
    offers = list(services.models_offered(actor)[: services.SHOWN])
    days = list(services.services_offered(actor)[: services.SHOWN])
    seen = services.last_seen(offers, timezone.now())
    context = {
        "offers": [(offer, services.is_served(offer), seen.get(offer.pk)) for offer in offers],
        "days": days,
        "generated": any(each.organisation is not None and each.organisation.is_generated for each in [*offers, *days]),
    }
    return render(request, "portal/services/list.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def keys_page(request: HttpRequest) -> HttpResponse:
    """Keys that call models, by project, and what agreements hold for them. POST makes one: it is in this answer and
    nowhere else, so the answer is a page and no redirect."""
    if request.method != "POST":
        return _keys(request)
    form, now, actor = request.POST, timezone.now(), actor_of(request)
    days = form.get("days", "")
    try:
        made = create_model_key(
            form.get("organisation", ""),
            form.get("project", "").strip(),
            form.get("name", "").strip(),
            expires_at=now + timedelta(days=int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0),
            actor=actor,
            now=now,
            idempotency_key=own_key(actor, form.get("token", "")),
            limits=limits_typed(form, form.getlist("endpoints")),
        )
    except InputError as error:
        return _keys(request, problems=error, status=400)
    return _keys(request, secret=made.secret)


def _keys(
    request: HttpRequest, *, secret: str = "", problems: InputError | None = None, status: int = 200
) -> HttpResponse:
    actor, now = actor_of(request), timezone.now()
    keys = list(services.model_keys(actor)[: services.SHOWN])
    own = Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids).order_by("name")
    context = {
        "keys": [(key, *services.spent_now(key, now)) for key in keys],
        "balances": services.balances(actor),
        "organisations": own,
        "endpoints": ENDPOINTS,
        "days": DAYS,
        "secret": secret,
        "problems": lines_of(problems.problems) if problems else [],
        "typed": request.POST if problems else {},
        "chosen": request.POST.getlist("endpoints") if problems else [],
        "token": uuid.uuid4().hex,
        "now": now,
        "generated": any(each.is_generated for each in own),
    }
    return render(request, "portal/services/keys.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def key_page(request: HttpRequest, identifier: str) -> HttpResponse:
    """One key: its limits (POST changes them), what it has spent, its last calls. One that calls no models stands on
    the page of the account."""
    actor = actor_of(request)
    if request.method != "POST" and shown_keys(actor, identifier).filter(identifier=identifier).exists():
        return redirect(f"{reverse('account')}?{urlencode({'key': identifier})}#key-{identifier}")
    key = services.model_key_or_missing(identifier, actor)
    if request.method != "POST":
        return _key(request, key)
    try:
        change_limits(
            identifier,
            limits_typed(request.POST, request.POST.getlist("endpoints")),
            actor=actor,
            now=timezone.now(),
            idempotency_key=own_key(actor, request.POST.get("token", "")),
        )
    except InputError as error:
        return _key(request, key, problems=error, status=400)
    messages.success(request, _("The limits are changed: they hold from the next call on."))
    return redirect("model-key", identifier=identifier)


def _key(request: HttpRequest, key: ModelKey, *, problems: InputError | None = None, status: int = 200) -> HttpResponse:
    actor, now = actor_of(request), timezone.now()
    today, month = services.spent_now(key, now)
    span = services.span_of(None, None, timezone.localdate(now))
    context = {
        "key": key,
        "today": today,
        "month": month,
        "rows": services.usage(actor, span, key=key.access.identifier),
        "calls": services.calls(actor, key=key.access.identifier)[:20],
        "endpoints": ENDPOINTS,
        "problems": lines_of(problems.problems) if problems else [],
        "typed": request.POST if problems else typed_of(key),
        "chosen": request.POST.getlist("endpoints") if problems else key.endpoints_allowed,
        "is_over": key.access.revoked_at is not None or key.access.expires_at <= now,
        "token": uuid.uuid4().hex,
        "generated": key.organisation.is_generated,
    }
    return render(request, "portal/services/key.html", context, status=status)


@only_post("model-key", "identifier")
@login_required
def revoke(request: HttpRequest, identifier: str) -> HttpResponse:
    actor = actor_of(request)
    services.model_key_or_missing(identifier, actor)
    revoke_access_key(identifier, actor=actor, now=timezone.now())
    messages.success(request, _("The key is revoked: no call is admitted with it from now on."))
    return redirect("model-key", identifier=identifier)


@login_required
@require_safe
def usage_page(request: HttpRequest) -> HttpResponse:
    """What was called, by day, key and model, with what it cost; `?export=csv`, `xlsx` or `parquet`."""
    actor, today = actor_of(request), timezone.localdate()
    key, model = text_parameter(request, "key"), text_parameter(request, "model", 120)
    span = services.span_of(_day(request, "since"), _day(request, "until"), today)
    rows = services.usage(actor, span, key=key, model=model)
    if "export" in request.GET:
        frame = pl.DataFrame(
            [[getattr(row, name) for name in USAGE_SCHEMA] for row in rows], schema=USAGE_SCHEMA, orient="row"
        )
        return export_response(frame, f"model-usage-{span.first}-{span.last}", request.GET["export"])
    context = {
        "page": page_of(request, rows, 100),
        "span": span,
        "key": key,
        "model": model,
        "keys": services.model_keys(actor)[: services.SHOWN],
        "total": {name: sum(getattr(row, name) for row in rows) for name in services.FIGURES},
        "exports": True,
        "generated": concerns_generated(actor),
    }
    return render(request, "portal/services/usage.html", context)


@login_required
@require_safe
def call_list(request: HttpRequest) -> HttpResponse:
    """Each call: what was set aside before it, what it was charged after."""
    actor = actor_of(request)
    key, model = text_parameter(request, "key"), text_parameter(request, "model", 120)
    page = page_of(request, services.calls(actor, key=key, model=model))
    context = {
        "page": page,
        "own": services.own_keys(actor, page.object_list),
        "key": key,
        "model": model,
        "generated": concerns_generated(actor),
    }
    return render(request, "portal/services/calls.html", context)


@login_required
@require_safe
def call_page(request: HttpRequest, name: str) -> HttpResponse:
    actor = actor_of(request)
    view = services.call_or_missing(name, actor)
    context = {"view": view, "call": view.call, "generated": concerns_generated(actor)}
    return render(request, "portal/services/call.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upstreams_page(request: HttpRequest) -> HttpResponse:
    """Where models are served, and how they fare: for their providers and the offices. POST registers one."""
    if request.method != "POST":
        return _upstreams(request)
    form, actor = request.POST, actor_of(request)
    try:
        register_upstream(
            form.get("offer", ""),
            base_url=form.get("base_url", "").strip(),
            served_as=form.get("served_as", "").strip(),
            credential=form.get("credential", "").strip(),
            deadline_s=_whole(form, "deadline_s") or 300,
            actor=actor,
            now=timezone.now(),
            idempotency_key=own_key(actor, form.get("token", "")),
        )
    except InputError as error:
        return _upstreams(request, problems=error, status=400)
    messages.success(request, _("The upstream is registered: it serves once the operator has approved it."))
    return redirect("upstreams")


def _upstreams(request: HttpRequest, *, problems: InputError | None = None, status: int = 200) -> HttpResponse:
    actor = actor_of(request)
    context = {
        "views": services.upstreams(actor, timezone.now()),
        "offers": services.offers_to_serve(actor)[: services.SHOWN],
        "generated": concerns_generated(actor),
        "problems": lines_of(problems.problems) if problems else [],
        "typed": request.POST if problems else {},
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/services/upstreams.html", context, status=status)


@only_post("upstreams")
@login_required
def approve(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    services.upstream_or_missing(key, actor)
    approve_upstream(key, actor=actor, now=timezone.now())
    messages.success(request, _("The upstream is open to calls."))
    return redirect("upstreams")


@only_post("upstreams")
@login_required
def close(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    services.upstream_or_missing(key, actor)
    close_upstream(key, actor=actor, now=timezone.now())
    messages.success(request, _("The upstream is closed: no further call goes there."))
    return redirect("upstreams")


def limits_typed(form: Mapping[str, Any], endpoints: list[str]) -> KeyLimits:
    """What a form says of a key's limits: amounts in yuan, exact; an empty field is no limit. Raises InputError."""
    caps = {
        f"{name}_fen": amount_entry(form[name], "yuan", name) if str(form.get(name, "")).strip() else None
        for name in CAPS
    }
    return KeyLimits(
        models=tuple(each for each in re.split(r"[\s,，、;；]+", form.get("models", "")) if each),
        endpoints=tuple(endpoints),
        requests_per_minute=_whole(form, "requests_per_minute"),
        tokens_per_minute=_whole(form, "tokens_per_minute"),
        keeps_days=_whole(form, "keeps_days") or 0,
        **caps,
    )


def typed_of(key: ModelKey) -> dict[str, str]:
    """A key's limits as its form would have been filled in."""
    typed = {"models": " ".join(key.models_allowed), "keeps_days": str(key.keeps_days)}
    for name in ("requests_per_minute", "tokens_per_minute"):
        value = getattr(key, name)
        typed[name] = "" if value is None else str(value)
    for name in CAPS:
        value = getattr(key, f"{name}_microfen")
        yuan, fen = divmod((value or 0) // MICROFEN_PER_FEN, 100)
        typed[name] = "" if value is None else f"{yuan}.{fen:02d}"
    return typed


def _whole(form: Mapping[str, Any], name: str) -> int | None:
    written = unicodedata.normalize("NFKC", str(form.get(name, ""))).strip()
    if not written:
        return None
    if not (written.isascii() and written.isdigit() and len(written) <= 17):
        raise InputError([Problem(_("This is not a number"), _("digits alone"), field=name)])
    return int(written)


def _day(request: HttpRequest, name: str) -> date | None:
    written = text_parameter(request, name)
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise InputError([Problem(_("This is no day"), "2026-11-28", field=name)]) from None

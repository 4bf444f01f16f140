"""Calls of models: admitted against what is held, ended by what was delivered, collected into the agreement's usage.

A call is two short transactions. `admit_call` sets its bound aside on the key and on the line's meter by conditional
updates, so that no number of processes can pass a limit; `end_call` puts the charge in its place, once. What no process
ends (it was killed) `sweep_calls` ends. `collect_calls` turns ended calls into one meter reading of the line.
"""

import hashlib
import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import OperationalError, transaction
from django.db.models import Max, Min, Sum

from siwei.errors import CallRefused, Conflict
from siwei.exchange.access import can_act_for, can_operate, require
from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.audit import action, record_event
from siwei.exchange.call_meters import (
    CHARGE_KEY,
    CHARGE_LINE,
    COUNT_ON_KEY,
    COUNT_ON_LINE,
    close_meters,
    run,
    spending_windows,
)
from siwei.exchange.canonical import canonical_json
from siwei.exchange.jobs import record_usage
from siwei.exchange.keys import SHAPE, USED_EVERY, hash_of_secret
from siwei.exchange.models import (
    AccessKey,
    Agreement,
    AgreementLine,
    AgreementState,
    CallMeter,
    CallState,
    KeptCall,
    ModelCall,
    ModelKey,
    Upstream,
)
from siwei.exchange.states import lock_agreement
from siwei.market.model_calls import Charge, Delivered, TokenPrice, Tokens, bound_tokens, charge

OPEN_AGREEMENTS = (AgreementState.SIGNED, AgreementState.DELIVERING)
SWEEP_GRACE = timedelta(seconds=60)
"""How long after its deadline a call may still be ended by the process that made it."""
COLLECT_AFTER = timedelta(hours=1)
"""Ended calls wait this long, so that an hour of them is one reading."""
LONGEST_KEPT_BYTES = 1_000_000
KNOWN_FOR = timedelta(seconds=1)
MOST_KNOWN = 1_000
R = TypeVar("R")
TRIES = 5


_KNOWN: dict[tuple[str, str, str], tuple[datetime, ModelKey, list[tuple[AgreementLine, Upstream]]]] = {}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for, as far as money is concerned. `most_output_tokens` is None where it does not say."""

    model: str
    endpoint: str
    request_bytes: int
    most_output_tokens: int | None = None
    choices: int = 1
    is_streamed: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Where an admitted call goes, and until when it must have ended."""

    upstream: str
    base_url: str
    served_as: str
    credential: str
    deadline_s: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that may be made. `most_output_tokens` is what the upstream is to be told for each choice."""

    call: str
    route: Route
    bound: Tokens
    price: TokenPrice
    most_output_tokens: int
    keeps: bool


def admit_call(secret: str, wanted: Wanted, *, name: str, now: datetime) -> Admitted:
    """Set aside what the call may cost at most, on its key and on an agreement's line. `name` is the call's own.

    Raises CallRefused: the key is unknown, revoked or expired, has not this scope, passes its rate or cap; no agreement
    has the model, or none has as much left.
    """
    key, found = _recently_known(secret, wanted, now)
    if not found:
        raise CallRefused("model_not_found", f"no agreement of your organisation has the model {wanted.model!r}")
    for line, upstream in found:
        body = line.offered
        most = min(wanted.most_output_tokens or body["most_output_tokens"], body["most_output_tokens"])
        if wanted.endpoint == "embeddings":
            most = 0
        bound = bound_tokens(wanted.request_bytes, most, wanted.choices)
        price = TokenPrice(body["input_fen_per_million"], body["output_fen_per_million"])
        call = ModelCall(
            name=name,
            key=key,
            line=line,
            model=wanted.model,
            endpoint=wanted.endpoint,
            is_streamed=wanted.is_streamed,
            bound_input=bound.input,
            bound_output=bound.output,
            input_fen_per_million=price.input_fen_per_million,
            output_fen_per_million=price.output_fen_per_million,
            reserved_microfen=price.cost(bound),
            request_bytes=wanted.request_bytes,
            window=_window(now),
            started_at=now,
            expires_at=now + timedelta(seconds=upstream.deadline_s) + SWEEP_GRACE,
        )
        if _again(lambda call=call: _reserve(key, call, now)):  # type: ignore[misc]
            route = Route(upstream.key, upstream.base_url, upstream.served_as, upstream.credential, upstream.deadline_s)
            return Admitted(name, route, bound, price, most, key.keeps_days > 0)
    raise CallRefused("insufficient_quota", "what the agreements for this model hold is used up or set aside")


def find_caller(secret: str, now: datetime) -> ModelKey:
    """The key of this secret, in force, of somebody who still acts for its organisation. Raises CallRefused."""
    shape = SHAPE.fullmatch(secret)
    keys = ModelKey.objects.select_related("access__person")
    key = keys.filter(access__identifier=shape[1]).first() if shape else None
    fits = hmac.compare_digest(key.access.secret_sha256 if key else "", hash_of_secret(shape[2]) if shape else "-")
    if (
        key is None
        or not fits
        or key.access.revoked_at is not None
        or key.access.expires_at <= now
        or not key.access.person.is_active
        or not key.access.person.as_actor().represents(key.organisation_id)
    ):
        raise CallRefused("invalid_api_key", "the key is unknown, revoked or expired")
    return key


def callable_models(key: ModelKey) -> list[tuple[str, str, int]]:
    """(model, provider's key, since when as a Unix time) that a key may call now."""
    found = _lines(key).order_by("agreement__signed_at", "pk")
    models: dict[str, tuple[str, str, int]] = {}
    for line in found:
        name = str(line.offered.get("model", ""))
        if name and (not key.models_allowed or name in key.models_allowed):
            signed = line.agreement.signed_at
            models.setdefault(name, (name, line.provider.key, int(signed.timestamp()) if signed else 0))
    return list(models.values())


def end_call(
    name: str,
    delivered: Delivered,
    *,
    outcome: str,
    now: datetime,
    state: CallState = CallState.DONE,
    kept: tuple[str, str] | None = None,
) -> Charge | None:
    """Put the charge in the place of what was set aside; None where somebody had ended the call before.

    `kept` is (request, answer), written only where the key says so.
    """
    return _again(lambda: _end(name, delivered, outcome, now, state, kept))


def note_progress(name: str, pieces: int) -> None:
    """Write down how far a stream has come, for a sweep to charge should this process not live to end it."""
    _again(lambda: ModelCall.objects.filter(name=name, state=CallState.OPEN).update(pieces=pieces))


def sweep_calls(*, actor: Actor, now: datetime) -> int:
    """End the calls whose process did not: a stream by the pieces last written down, the rest at no charge."""
    require(can_operate(actor), actor, "sweep calls")
    overdue = ModelCall.objects.filter(state=CallState.OPEN, expires_at__lte=now).order_by("pk")
    swept = 0
    for name, size, pieces in list(overdue.values_list("name", "request_bytes", "pieces")):
        delivered = Delivered(None, size if pieces else 0, 0, pieces)
        swept += end_call(name, delivered, outcome="swept", now=now, state=CallState.SWEPT) is not None
    return swept


def collect_due_calls(*, actor: Actor, now: datetime) -> int:
    """Collect the lines whose oldest uncollected call ended an hour ago, and throw away what was kept long enough."""
    require(can_operate(actor), actor, "collect calls")
    KeptCall.objects.filter(expires_at__lte=now).delete()
    waiting = _uncollected().values("line").annotate(oldest=Min("ended_at")).filter(oldest__lte=now - COLLECT_AFTER)
    lines = AgreementLine.objects.filter(pk__in=waiting.values("line")).select_related("agreement").order_by("pk")
    return sum(collect_calls(line, now=now) > 0 for line in lines)


@action
def collect_calls(line: AgreementLine, *, now: datetime) -> int:
    """One meter reading over all ended calls of the line that none covers yet; how many it covers.

    The reading and the mark on its calls are one transaction, so that no call is in two readings or in none.
    """
    calls = _uncollected().filter(line=line)
    ids = list(calls.order_by("pk").values_list("pk", flat=True))
    if not ids:
        return 0
    covered = ModelCall.objects.filter(pk__in=ids)
    by_model = covered.values("model").order_by("model")
    totals = list(
        by_model.annotate(
            input_tokens=Sum("input_tokens"), output_tokens=Sum("output_tokens"), cost_microfen=Sum("cost_microfen")
        )
    )
    span = covered.aggregate(first=Min("ended_at"), last=Max("ended_at"))
    digest = hashlib.sha256()
    for row in covered.order_by("pk").values_list("name", "cost_microfen"):
        digest.update(canonical_json(list(row)).encode())
    usage = record_usage(
        line.agreement.key,
        line.number,
        reading=f"model-calls:{line.agreement.key}:{line.number}:{ids[-1]}",
        quantity=sum(row["cost_microfen"] for row in totals),
        measured={
            "calls": len(ids),
            "models": totals,
            "from": span["first"].isoformat(),
            "until": span["last"].isoformat(),
            "sha256": digest.hexdigest(),
        },
        actor=PLATFORM,
        now=now,
    )
    covered.update(usage=usage)
    return len(ids)


@action
def stop_calls(agreement: str, *, actor: Actor, now: datetime) -> None:
    """Admit no further call under an agreement, so that it can be settled once those under way have ended.

    For its parties and the operator. Stopping again changes nothing.
    """
    deal = lock_agreement(agreement)
    parties = deal.parties.values_list("organisation_id", flat=True)
    require(any(can_act_for(actor, each) for each in parties), actor, f"stop calls under {agreement}")
    was_open = deal.lines.filter(offer__kind="model", meter__closed_at=None).exists()
    with suppress(Conflict):
        close_meters(deal, now=now)
    if was_open:
        record_event(
            "stop_calls",
            agreement,
            {},
            subject=f"agreement:{agreement}",
            actor=actor,
            now=now,
            organisations=[each for each in parties if each is not None],
        )


def is_calling(agreement: Agreement) -> bool:
    return ModelCall.objects.filter(line__agreement=agreement, state=CallState.OPEN).exists()


def has_due_calls(now: datetime) -> bool:
    """Whether `collect_due_calls` would find anything to do."""
    return (
        _uncollected().filter(ended_at__lte=now - COLLECT_AFTER).exists()
        or KeptCall.objects.filter(expires_at__lte=now).exists()
    )


def close_calls(agreement: Agreement, *, now: datetime) -> None:
    """Admit no further call and collect those that ended; part of settling. Conflict while one is under way."""
    close_meters(agreement, now=now)
    for line in agreement.lines.filter(meter__isnull=False).select_related("agreement").order_by("number"):
        collect_calls(line, now=now)


def _uncollected() -> Any:
    return ModelCall.objects.filter(usage=None, cost_microfen__gt=0)


def _lines(key: ModelKey) -> Any:
    return AgreementLine.objects.filter(
        consumer_id=key.organisation_id,
        offer__kind="model",
        agreement__state__in=OPEN_AGREEMENTS,
        offer__upstream__approved_at__isnull=False,
        offer__upstream__closed_at=None,
    ).select_related("agreement", "offer", "provider")


def _routes(key: ModelKey, wanted: Wanted) -> list[tuple[AgreementLine, Upstream]]:
    """Lines that have the model, the agreement signed first before the others."""
    lines = _lines(key).filter(offer__upstream__model=wanted.model).select_related("agreement", "offer__upstream")
    found = []
    for line in lines.order_by("agreement__signed_at", "pk"):
        upstream = line.offer.upstream
        if wanted.endpoint not in line.offered["endpoints"]:
            raise CallRefused("endpoint_not_served", f"{wanted.model} does not serve {wanted.endpoint}")
        found.append((line, upstream))
    return found


def _recently_known(
    secret: str, wanted: Wanted, now: datetime
) -> tuple[ModelKey, list[tuple[AgreementLine, Upstream]]]:
    """The key and its lines for a model, as they were at most KNOWN_FOR ago: reading them is most of a call's cost.

    Rates, caps, revocation, expiry and what a line has left are judged at each call by the conditional updates; only a
    change of scopes, mandates, agreements or upstreams is seen this much later.
    """
    known = (hash_of_secret(secret), wanted.model, wanted.endpoint)
    kept = _KNOWN.get(known)
    if kept is not None and kept[0] <= now < kept[0] + KNOWN_FOR:
        return kept[1], kept[2]
    key = find_caller(secret, now)
    _check_scope(key, wanted)
    found = _routes(key, wanted)
    if len(_KNOWN) >= MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN[known] = (now, key, found)
    return key, found


def _check_scope(key: ModelKey, wanted: Wanted) -> None:
    if key.models_allowed and wanted.model not in key.models_allowed:
        raise CallRefused("model_not_found", f"this key may not call {wanted.model!r}")
    if key.endpoints_allowed and wanted.endpoint not in key.endpoints_allowed:
        raise CallRefused("endpoint_not_allowed", f"this key may not use {wanted.endpoint}")


def _reserve(key: ModelKey, call: ModelCall, now: datetime) -> bool:
    """Whether the line had enough left. CallRefused where the key's own limits do not let it through."""
    if call.line.agreement.ends_at <= now:
        return False
    with transaction.atomic():
        tokens = call.bound_input + call.bound_output
        if not _count_on_key(key, call, tokens, now):
            raise _why_not(key, call, tokens, now)
        if not _count_on_line(call):
            transaction.set_rollback(True)
            return False
        call.save(force_insert=True)
        if key.access.last_used_at is None or key.access.last_used_at < now - USED_EVERY:
            AccessKey.objects.filter(pk=key.access_id).update(last_used_at=now)
        return True


def _count_on_line(call: ModelCall) -> bool:
    if run(COUNT_ON_LINE, line=call.line_id, reserved=call.reserved_microfen):
        return True
    if CallMeter.objects.filter(line=call.line).exists():
        return False
    CallMeter.objects.get_or_create(line=call.line, defaults={"limit_microfen": call.line.quantity})
    return run(COUNT_ON_LINE, line=call.line_id, reserved=call.reserved_microfen)


def _count_on_key(key: ModelKey, call: ModelCall, tokens: int, now: datetime) -> bool:
    return run(
        COUNT_ON_KEY,
        window=call.window,
        tokens=tokens,
        reserved=call.reserved_microfen,
        key=key.pk,
        now=now,
        **spending_windows(now),
    )


def _why_not(key: ModelKey, call: ModelCall, tokens: int, now: datetime) -> CallRefused:
    key.refresh_from_db()
    if not AccessKey.objects.filter(pk=key.access_id, revoked_at=None, expires_at__gt=now).exists():
        return CallRefused("invalid_api_key", "the key is unknown, revoked or expired")
    spent = key.spent_microfen + key.reserved_microfen + call.reserved_microfen
    if key.cap_microfen is not None and spent > key.cap_microfen:
        return CallRefused("insufficient_quota", "the call could pass this key's spending cap")
    windows = spending_windows(now)
    for name, words in (("day", "for the day"), ("month", "for the month")):
        cap, counted = getattr(key, f"{name}_cap_microfen"), getattr(key, f"{name}_microfen")
        before = counted if getattr(key, name) >= windows[name] else 0
        if cap is not None and before + call.reserved_microfen > cap:
            return CallRefused("insufficient_quota", f"the call could pass this key's spending cap {words}")
    if key.tokens_per_minute is not None and tokens > key.tokens_per_minute:
        return CallRefused(
            "tokens_per_call",
            f"the call may take {tokens} tokens and the key's limit is {key.tokens_per_minute} a minute",
        )
    return CallRefused("rate_limit_exceeded", "the key's rate is reached for this minute", 60 - now.second)


def _end(
    name: str,
    delivered: Delivered,
    outcome: str,
    now: datetime,
    state: CallState,
    kept: tuple[str, str] | None,
) -> Charge | None:
    call = ModelCall.objects.get(name=name)
    bound = Tokens(call.bound_input, call.bound_output)
    price = TokenPrice(call.input_fen_per_million, call.output_fen_per_million)
    made = charge(price, bound, delivered)
    with transaction.atomic():
        ended = ModelCall.objects.filter(pk=call.pk, state=CallState.OPEN).update(
            state=state,
            input_tokens=made.tokens.input,
            output_tokens=made.tokens.output,
            cost_microfen=made.cost_microfen,
            basis=made.basis,
            pieces=delivered.pieces,
            outcome=outcome,
            ended_at=now,
        )
        if not ended:
            return None
        over = max(bound.total - made.tokens.total, 0)
        amounts = {"reserved": call.reserved_microfen, "cost": made.cost_microfen}
        windows = {"window": call.window, **spending_windows(call.started_at)}
        unspent = call.reserved_microfen - made.cost_microfen
        run(CHARGE_KEY, key=call.key_id, over=over, unspent=unspent, **windows, **amounts)
        run(CHARGE_LINE, line=call.line_id, **amounts)
        if kept is not None:
            _keep(call, kept, now)
    return made


def _keep(call: ModelCall, kept: tuple[str, str], now: datetime) -> None:
    days = ModelKey.objects.values_list("keeps_days", flat=True).get(pk=call.key_id)
    if days:
        request, answer = (text.replace("\0", "�")[:LONGEST_KEPT_BYTES] for text in kept)
        KeptCall.objects.create(call=call, request=request, answer=answer, expires_at=now + timedelta(days=days))


def _window(now: datetime) -> int:
    return int(now.timestamp()) // 60


def _again(act: Callable[[], R]) -> R:
    """A database that was busy or lost a deadlock is asked again; both steps of a call may be done twice."""
    for attempt in range(1, TRIES + 1):
        try:
            return act()
        except OperationalError:
            if attempt == TRIES:
                raise
    raise AssertionError("unreachable")

"""Calls of models: admitted against what is held, ended by what was delivered, collected into the agreement's usage.

A call is two short transactions. `admit_call` sets its bound aside on the key and on the line's meter by conditional
updates, so that no number of processes can pass a limit; `end_call` puts the charge in its place, once. What no process
ends (it was killed) `sweep_calls` ends. `siwei.exchange.trading.call_collection` turns ended calls into usage.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from django.db import OperationalError

from siwei.errors import CallRefused, Said, chinese_of
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.calls.call_routes import Caller, PayingLine, Route, Wanted, recently_known
from siwei.exchange.models import AccessKey, CallMeter, CallState, ModelCall, ModelKey
from siwei.exchange.people.keys import USED_EVERY
from siwei.exchange.trading.call_meters import (
    CHARGE_KEY,
    CHARGE_LINE,
    COUNT_ON_KEY,
    COUNT_ON_LINE,
    DAYS_KEPT,
    END_CALL,
    KEEP_CALL,
    OPEN_CALL,
    SEE_KEY_USED,
    Statements,
    short_transaction,
    spending_windows,
)
from siwei.market.model_calls import Charge, Delivered, TokenPrice, Tokens, bound_tokens, charge

SWEEP_GRACE = timedelta(seconds=60)
"""How long after its deadline a call may still be ended by the process that made it."""
LONGEST_KEPT_BYTES = 1_000_000
R = TypeVar("R")
TRIES = 5


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call under way, as far as ending it needs: whose it is, what is set aside for it and when that was counted."""

    name: str
    key_id: int
    line_id: int
    bound: Tokens
    price: TokenPrice
    window: int
    started_at: datetime

    @property
    def reserved_microfen(self) -> int:
        return self.price.cost(self.bound)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that may be made. `most_output_tokens` is what the upstream is to be told for each choice."""

    open: OpenCall
    route: Route
    most_output_tokens: int
    keeps: bool

    @property
    def call(self) -> str:
        return self.open.name


def admit_call(secret: str, wanted: Wanted, *, name: str, now: datetime) -> Admitted:
    """Set aside what the call may cost at most, on its key and on an agreement's line. `name` is the call's own.

    Raises CallRefused: the key is unknown, revoked or expired, has not this scope, passes its rate or cap; no agreement
    has the model, or none has as much left.
    """
    key, found = recently_known(secret, wanted, now)
    if not found:
        raise CallRefused(
            "model_not_found",
            Said(
                f"no agreement of your organisation has the model {wanted.model!r}",
                f"贵机构没有包含模型 {wanted.model!r} 的协议",
            ),
        )
    for line in found:
        most = 0
        if wanted.endpoint != "embeddings":
            most = min(wanted.most_output_tokens or line.most_output_tokens, line.most_output_tokens)
        bound = bound_tokens(wanted.request_bytes, most, wanted.choices)
        call = OpenCall(name, key.key_id, line.line_id, bound, line.price, int(now.timestamp()) // 60, now)
        until = now + timedelta(seconds=line.route.deadline_s) + SWEEP_GRACE
        if line.ends_at > now and _again(partial(_reserve, key, line, call, wanted, until)):
            return Admitted(call, line.route, most, key.keeps_days > 0)
    raise CallRefused(
        "insufficient_quota",
        Said(
            "what the agreements for this model hold is used up or set aside", "该模型的协议所冻结的额度已用完或已预留"
        ),
    )


def end_call(
    call: OpenCall | str,
    delivered: Delivered,
    *,
    outcome: str,
    now: datetime,
    state: CallState = CallState.DONE,
    kept: tuple[str, str] | None = None,
) -> Charge | None:
    """Put the charge in the place of what was set aside; None where somebody had ended the call before. By its name a
    call is read first, which whoever admitted it need not do.

    `kept` is (request, answer), written only where the key says so.
    """
    known = find_open_call(call) if isinstance(call, str) else call
    return _again(partial(_end, known, delivered, outcome, now, state, kept))


def find_open_call(name: str) -> OpenCall:
    """What is to be known of a call to end it, as it was written down."""
    row = ModelCall.objects.get(name=name)
    price = TokenPrice(row.input_fen_per_million, row.output_fen_per_million)
    bound = Tokens(row.bound_input, row.bound_output)
    return OpenCall(name, row.key_id, row.line_id, bound, price, row.window, row.started_at)


def note_progress(name: str, pieces: int) -> None:
    """Write down how far a stream has come, for a sweep to charge should this process not live to end it."""
    _again(lambda: ModelCall.objects.filter(name=name, state=CallState.OPEN).update(pieces=pieces))


def sweep_calls(*, actor: Actor, now: datetime) -> int:
    """End the calls whose process did not: a stream by the pieces last written down, the rest at no charge."""
    require(can_operate(actor), actor, Said("sweep calls", "清理调用"))
    overdue = ModelCall.objects.filter(state=CallState.OPEN, expires_at__lte=now).order_by("pk")
    swept = 0
    for name, size, pieces in list(overdue.values_list("name", "request_bytes", "pieces")):
        delivered = Delivered(None, size if pieces else 0, 0, pieces)
        swept += end_call(name, delivered, outcome="swept", now=now, state=CallState.SWEPT) is not None
    return swept


class _NothingLeft(Exception):
    """The line has not as much left, or no meter yet."""


def _reserve(key: Caller, line: PayingLine, call: OpenCall, wanted: Wanted, until: datetime) -> bool:
    """Whether the line had enough left. CallRefused where the key's own limits do not let it through."""
    try:
        _set_aside(key, call, wanted, until)
    except _NothingLeft:
        if CallMeter.objects.filter(line_id=line.line_id).exists():
            return False
        CallMeter.objects.get_or_create(line_id=line.line_id, defaults={"limit_microfen": line.quantity})
        try:
            _set_aside(key, call, wanted, until)
        except _NothingLeft:
            return False
    return True


def _set_aside(key: Caller, call: OpenCall, wanted: Wanted, until: datetime) -> None:
    now = call.started_at
    with short_transaction() as statements:
        if not _count_on_key(statements, call):
            raise _why_not(call)
        if not statements.run(COUNT_ON_LINE, line=call.line_id, reserved=call.reserved_microfen):
            raise _NothingLeft
        statements.run(
            OPEN_CALL,
            name=call.name,
            key=call.key_id,
            line=call.line_id,
            model=wanted.model,
            endpoint=wanted.endpoint,
            is_streamed=wanted.is_streamed,
            state=CallState.OPEN.value,
            bound_input=call.bound.input,
            bound_output=call.bound.output,
            input_price=call.price.input_fen_per_million,
            output_price=call.price.output_fen_per_million,
            reserved=call.reserved_microfen,
            request_bytes=wanted.request_bytes,
            window=call.window,
            started_at=now,
            expires_at=until,
        )
        if is_use_news := key.last_used_at is None or key.last_used_at < now - USED_EVERY:
            statements.run(SEE_KEY_USED, access=key.access_id, now=now)
    if is_use_news:
        # Remembered with the key: the calls of the same second need not write it again.
        key.last_used_at = now


def _count_on_key(statements: Statements, call: OpenCall) -> bool:
    return statements.run(
        COUNT_ON_KEY,
        window=call.window,
        tokens=call.bound.total,
        reserved=call.reserved_microfen,
        key=call.key_id,
        now=call.started_at,
        **spending_windows(call.started_at),
    )


def _why_not(call: OpenCall) -> CallRefused:
    now, tokens = call.started_at, call.bound.total
    key = ModelKey.objects.get(pk=call.key_id)
    if not AccessKey.objects.filter(pk=key.access_id, revoked_at=None, expires_at__gt=now).exists():
        return CallRefused(
            "invalid_api_key", Said("the key is unknown, revoked or expired", "该密钥未知、已吊销或已过期")
        )
    spent = key.spent_microfen + key.reserved_microfen + call.reserved_microfen
    if key.cap_microfen is not None and spent > key.cap_microfen:
        return CallRefused(
            "insufficient_quota", Said("the call could pass this key's spending cap", "该调用可能超出此密钥的花费上限")
        )
    windows = spending_windows(now)
    for name, words in (("day", Said("for the day", "当日")), ("month", Said("for the month", "当月"))):
        cap, counted = getattr(key, f"{name}_cap_microfen"), getattr(key, f"{name}_microfen")
        before = counted if getattr(key, name) >= windows[name] else 0
        if cap is not None and before + call.reserved_microfen > cap:
            return CallRefused(
                "insufficient_quota",
                Said(
                    f"the call could pass this key's spending cap {words}",
                    f"该调用可能超出此密钥{chinese_of(words)}的花费上限",
                ),
            )
    if key.tokens_per_minute is not None and tokens > key.tokens_per_minute:
        return CallRefused(
            "tokens_per_call",
            Said(
                f"the call may take {tokens} tokens and the key's limit is {key.tokens_per_minute} a minute",
                f"该调用可能需 {tokens} 个 token，而密钥的上限为每分钟 {key.tokens_per_minute} 个",
            ),
        )
    return CallRefused(
        "rate_limit_exceeded",
        Said("the key's rate is reached for this minute", "该密钥本分钟的速率已达上限"),
        60 - now.second,
    )


def _end(
    call: OpenCall,
    delivered: Delivered,
    outcome: str,
    now: datetime,
    state: CallState,
    kept: tuple[str, str] | None,
) -> Charge | None:
    made = charge(call.price, call.bound, delivered)
    with short_transaction() as statements:
        ended = statements.run(
            END_CALL,
            name=call.name,
            state=state.value,
            open=CallState.OPEN.value,
            input_tokens=made.tokens.input,
            output_tokens=made.tokens.output,
            cost=made.cost_microfen,
            basis=made.basis,
            pieces=delivered.pieces,
            outcome=outcome,
            ended_at=now,
        )
        if not ended:
            return None
        over = max(call.bound.total - made.tokens.total, 0)
        amounts = {"reserved": call.reserved_microfen, "cost": made.cost_microfen}
        windows = {"window": call.window, **spending_windows(call.started_at)}
        unspent = call.reserved_microfen - made.cost_microfen
        statements.run(CHARGE_KEY, key=call.key_id, over=over, unspent=unspent, **windows, **amounts)
        statements.run(CHARGE_LINE, line=call.line_id, **amounts)
        if kept is not None:
            _keep(statements, call, kept, now)
    return made


def _keep(statements: Statements, call: OpenCall, kept: tuple[str, str], now: datetime) -> None:
    if days := statements.read_number(DAYS_KEPT, key=call.key_id):
        request, answer = (text.replace("\0", "�")[:LONGEST_KEPT_BYTES] for text in kept)
        statements.run(KEEP_CALL, name=call.name, request=request, answer=answer, expires_at=now + timedelta(days=days))


def _again(act: Callable[[], R]) -> R:
    """A database that was busy or lost a deadlock is asked again; both steps of a call may be done twice."""
    for attempt in range(1, TRIES + 1):
        try:
            return act()
        except OperationalError:
            if attempt == TRIES:
                raise
    raise AssertionError("unreachable")

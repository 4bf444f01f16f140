"""Public technical services on pages and in the API: who sees whose keys, calls and upstreams; what forms do."""

import io
import re
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from exchange_models import ModelDeal
from portal_city import City, signed_in

from siwei.errors import CallRefused
from siwei.exchange.calls import model_upstreams
from siwei.exchange.models import AccessKey, CallMeter, Event, ModelCall, ModelKey, Upstream

pytestmark = pytest.mark.django_db
ASKED, ANSWERED = "问：甲乙丙 <b>", "答：子丑寅"
PEOPLE = ("alice", "bob", "charlie", "olive", "ann")
LIMITS = {"day_cap": "5", "month_cap": "12.5", "cap": "", "requests_per_minute": "60", "models": "text，other"}


class Called(ModelDeal):
    """An agreement for a model, a key of the firm, an ended call with it and one under way."""

    def __init__(self, city: City) -> None:
        super().__init__(city, timezone.now())
        self.signed()
        self.made = self.key("客服", day_cap_fen=500, keeps_days=3)
        self.end(self.admit(self.made.secret).call, 20, 30, kept=(ASKED, ANSWERED))
        self.admit(self.made.secret)

    @property
    def identifier(self) -> str:
        return self.made.key.identifier


@pytest.fixture
def called(city: City) -> Called:
    return Called(city)


def reader(city: City, who: str) -> Client:
    return Client() if who == "visitor" else signed_in(getattr(city, who))


def seen_by(city: City, address: str, text: str) -> set[str]:
    """Of all people, those whom `address` shows `text`."""
    return {who for who in (*PEOPLE, "visitor") if text in reader(city, who).get(address).content.decode()}


def test_what_is_offered_is_public(called: Called, city: City) -> None:
    page = Client().get("/services").content.decode()
    assert ("文本生成" in page or "模型" in page, "¥2.00" in page, "¥8.00" in page, "✓" in page) == (True,) * 4
    offered = Client().get("/api/services").json()["models"]
    assert [(each["model"], each["input_fen_per_million"], each["is_served"]) for each in offered] == [
        ("text", 200, True)
    ]
    model_upstreams.close_upstream("upstream", actor=city.bob, now=called.now)
    assert [each["is_served"] for each in Client().get("/api/services").json()["models"]] == [False]


def test_keys_are_seen_by_their_organisation_and_the_offices(called: Called, city: City) -> None:
    for address in ("/services/keys", f"/services/keys/{called.identifier}"):
        assert seen_by(city, address, "客服") == {"alice", "olive", "ann"}
    assert seen_by(city, "/api/model-keys", called.identifier) == {"alice", "olive", "ann"}


def test_a_call_is_seen_by_its_parties_and_what_was_asked_by_the_caller_alone(called: Called, city: City) -> None:
    for prefix in ("/services/calls/", "/api/model-calls/"):
        statuses = {who: reader(city, who).get(f"{prefix}call-1").status_code for who in PEOPLE}
        assert statuses == {"alice": 200, "bob": 200, "charlie": 404, "olive": 200, "ann": 200}
    assert seen_by(city, "/services/calls", "call-1") == {"alice", "bob", "olive", "ann"}
    assert seen_by(city, "/api/model-calls", "call-1") == {"alice", "bob", "olive", "ann"}
    assert seen_by(city, "/services/calls/call-1", "子丑寅") == {"alice"}
    answers = {who: reader(city, who).get("/api/model-calls/call-1").json().get("answer") for who in PEOPLE}
    assert answers == dict.fromkeys(PEOPLE) | {"alice": ANSWERED}


def test_which_key_a_caller_used_is_not_the_providers(called: Called, city: City) -> None:
    for address in ("/services/usage", "/services/calls", "/services/calls/call-1"):
        assert seen_by(city, address, "客服") == {"alice", "olive", "ann"}
    for address in ("/api/model-usage", "/api/model-calls", "/api/model-calls/call-1"):
        assert seen_by(city, address, called.identifier) == {"alice", "olive", "ann"}
    # Nor does asking for it tell anything.
    assert reader(city, "bob").get(f"/api/model-calls?key={called.identifier}").json()["count"] == 0
    assert reader(city, "alice").get(f"/api/model-calls?key={called.identifier}").json()["count"] == 2


def test_a_call_shows_hold_charge_and_what_was_given_back(called: Called, city: City) -> None:
    page = re.sub(r"\s+", " ", signed_in(city.alice).get("/services/calls/call-1").content.decode())
    # 744 bytes and 256 read at 2 yuan a million, 500 written at 8: 0.006; then 20 and 30.
    assert all(figure in page for figure in ("¥0.006<", "¥0.00028<", "¥0.00572<", "&lt;b&gt;"))
    call = signed_in(city.bob).get("/api/model-calls/call-1").json()
    assert (call["reserved_microfen"], call["cost_microfen"], call["basis"]) == (600_000, 28_000, "reported")
    waiting = signed_in(city.alice).get("/services/calls/call-2").content.decode()
    assert ("¥0.006<" in waiting, "¥0.00572<" in waiting) == (True, False)


def test_usage_adds_up(called: Called, city: City) -> None:
    other = called.key("other")
    called.end(called.admit(other.secret).call, 1, 1)
    own = signed_in(city.alice).get("/api/model-usage").json()["rows"]
    assert [(row["key"], row["calls"], row["cost_microfen"]) for row in own] == [
        (called.identifier, 2, 28_000),
        (other.key.identifier, 1, 1000),
    ]
    theirs = signed_in(city.bob).get("/api/model-usage").json()["rows"]
    assert [(row["key"], row["calls"], row["cost_microfen"], row["project"]) for row in theirs] == [
        (None, 3, 29_000, None)
    ]
    assert signed_in(city.charlie).get("/api/model-usage").json()["rows"] == []
    meter = CallMeter.objects.get()
    assert meter.used_microfen == sum(row["cost_microfen"] for row in own)


def test_usage_is_taken_away_as_a_table(called: Called, city: City) -> None:
    got = signed_in(city.alice).get("/services/usage?export=csv").content
    frame = pl.read_csv(io.BytesIO(got))
    assert frame.select("key_name", "calls", "cost_microfen").rows() == [("客服", 2, 28_000)]


@pytest.mark.parametrize(
    "wrong", ["since=x", "since=2026-02-30", "since=2026-01-02&until=2026-01-01", "since=2020-01-01"]
)
def test_days_that_cannot_be_are_said(called: Called, city: City, wrong: str) -> None:
    client = signed_in(city.alice)
    page, api = client.get(f"/services/usage?{wrong}"), client.get(f"/api/model-usage?{wrong}")
    assert (page.status_code, api.status_code in (400, 422), "Traceback" in page.content.decode()) == (400, True, False)


def test_where_models_are_served_is_seen_by_provider_and_offices(called: Called, city: City) -> None:
    for address in ("/services/upstreams", "/api/upstreams"):
        assert seen_by(city, address, "models.example") == {"bob", "olive", "ann"}


def test_how_an_upstream_fares(called: Called, city: City) -> None:
    def state() -> Any:
        return signed_in(city.bob).get("/api/upstreams").json()[0]

    assert (state()["state"], state()["calls_24h"], state()["failed_24h"]) == ("serving", 1, 0)
    now = timezone.now()
    model_upstreams.note_health("upstream", failures=5, failure="unreachable", spared_s=30, now=now)
    page = signed_in(city.bob).get("/services/upstreams").content.decode()
    assert ("连续失败 5 次" in page, "无法连接" in page, state()["state"]) == (True, True, "spared")
    Upstream.objects.update(spared_until=now - timedelta(seconds=1))
    assert state()["state"] == "failing"
    # A worker asked in vain, and then it answered: both are seen, the time by everybody.
    Upstream.objects.update(failures=0, probed_at=now, probe_failure="deadline", seen_at=now - timedelta(hours=2))
    page = signed_in(city.bob).get("/services/upstreams").content.decode()
    assert ("探测未应答" in page, state()["state"]) == (True, "failing")
    assert state()["seen_at"] == state()["answered_at"]
    Upstream.objects.update(probe_failure="", seen_at=now + timedelta(minutes=1))
    assert (state()["state"], state()["probe_failure"]) == ("serving", "")
    assert "最近正常" in Client().get("/services").content.decode()
    model_upstreams.close_upstream("upstream", actor=city.bob, now=now)
    assert state()["state"] == "closed"


def made_by_form(client: Client, city: City, **changes: str) -> Any:
    form = {"organisation": city.firm.key, "project": "vision", "name": "nightly", "days": "30", "token": "t", **LIMITS}
    return client.post("/services/keys", form | changes)


def test_a_key_is_made_by_a_form_and_shown_once(called: Called, city: City) -> None:
    client = signed_in(city.alice)
    shown = re.search(r"siwei_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", made_by_form(client, city).content.decode())
    assert shown is not None
    key = ModelKey.objects.get(access__name="nightly")
    assert (key.day_cap_microfen, key.month_cap_microfen, key.cap_microfen) == (500_000_000, 1_250_000_000, None)
    assert (key.requests_per_minute, key.models_allowed, key.access.project) == (60, ["text", "other"], "vision")
    assert called.admit(shown[0]).most_output_tokens == 500
    # After `siwei_` and the twelve of its name: the secret itself may hold an underscore.
    secret = shown[0].split("_", 2)[2]
    for address in ("/services/keys", f"/services/keys/{key.access.identifier}", "/desk", "/account"):
        assert secret not in client.get(address).content.decode()
    assert made_by_form(client, city).status_code == 409


@pytest.mark.parametrize(
    "wrong",
    [
        {"day_cap": "1.001"}, {"day_cap": "-1"}, {"month_cap": "x"}, {"cap": "9" * 25}, {"requests_per_minute": "0"},
        {"requests_per_minute": "1.5"}, {"keeps_days": "366"}, {"name": " "}, {"days": "0"}, {"days": "9999"},
        {"models": "x" * 121},
    ],
)  # fmt: skip
def test_what_is_typed_wrongly_is_said_beside_what_was_typed(called: Called, city: City, wrong: dict[str, str]) -> None:
    response = made_by_form(signed_in(city.alice), city, **wrong)
    page = response.content.decode()
    assert (response.status_code, 'role="alert"' in page, 'value="vision"' in page) == (400, True, True)
    assert AccessKey.objects.count() == 1


def test_limits_are_changed_by_a_form_and_by_the_api(called: Called, city: City) -> None:
    client, address = signed_in(city.alice), f"/services/keys/{called.identifier}"
    assert client.post(address, LIMITS | {"token": "a", "endpoints": ["chat"]}).status_code == 302
    key = ModelKey.objects.get()
    assert (key.day_cap_microfen, key.endpoints_allowed, key.keeps_days) == (500_000_000, ["chat"], 0)
    assert 'value="12.50"' in client.get(address).content.decode()
    body = {"day_cap_fen": 0, "idempotency_key": "b"}
    answer = client.post(f"/api/model-keys/{called.identifier}/limits", body, content_type="application/json")
    assert (answer.status_code, answer.json()["day_cap_microfen"], answer.json()["endpoints"]) == (200, 0, [])
    with pytest.raises(CallRefused, match="for the day"):
        called.admit(called.made.secret)


def test_a_revoked_key_admits_nothing(called: Called, city: City) -> None:
    assert signed_in(city.alice).post(f"/services/keys/{called.identifier}/revoke").status_code == 302
    with pytest.raises(CallRefused):
        called.admit(called.made.secret)
    page = signed_in(city.alice).get(f"/services/keys/{called.identifier}").content.decode()
    assert "/revoke" not in page


def test_an_upstream_is_registered_approved_and_closed(city: City) -> None:
    deal = ModelDeal(city, timezone.now())
    deal._listing("offer", city.centre.key, {**MODEL}, city.bob, "offer-2")
    bob, olive = signed_in(city.bob), signed_in(city.olive)
    form = {"offer": "offer-2", "base_url": "https://models.example/v1", "credential": "centre", "token": "t"}
    for wrong in ({"base_url": "http://10.0.0.1/v1"}, {"credential": "sk-Secret!"}, {"deadline_s": "0x"}):
        refused = bob.post("/services/upstreams", form | wrong)
        assert (refused.status_code, 'role="alert"' in refused.content.decode()) == (400, True)
    assert bob.post("/services/upstreams", form).status_code == 302
    upstream = Upstream.objects.get()
    assert (upstream.model, upstream.credential, upstream.approved_at) == ("text", "centre", None)
    waits = "1 个模型上游等待运营方批准"
    desks = {
        who: waits in signed_in(getattr(city, who)).get("/desk").content.decode() for who in ("olive", "bob", "alice")
    }
    assert desks == {"olive": True, "bob": True, "alice": False}
    assert bob.post(f"/services/upstreams/{upstream.key}/approve").status_code == 403
    assert olive.post(f"/services/upstreams/{upstream.key}/approve").status_code == 302
    assert waits not in olive.get("/desk").content.decode()
    body = {"upstream": upstream.key, "act": "close"}
    assert bob.post("/api/upstream", body, content_type="application/json").json()["state"] == "closed"
    assert olive.post(f"/services/upstreams/{upstream.key}/approve").status_code == 409


MODEL = {
    "title": "文本", "model": "text", "endpoints": ["chat"], "input_fen_per_million": 1, "output_fen_per_million": 1,
    "context_tokens": 100, "most_output_tokens": 10,
}  # fmt: skip


@pytest.mark.parametrize("who", ["bob", "charlie", "ann", "visitor"])
def test_an_outsider_does_nothing_to_keys(called: Called, city: City, who: str) -> None:
    client, key = reader(city, who), called.identifier
    before = (Event.objects.count(), list(ModelKey.objects.values()), AccessKey.objects.filter(revoked_at=None).count())
    made = [
        made_by_form(client, city),
        client.post(f"/services/keys/{key}", LIMITS | {"token": "t"}),
        client.post(f"/services/keys/{key}/revoke"),
        client.post(f"/api/model-keys/{key}/limits", {"idempotency_key": "i"}, content_type="application/json"),
        client.post(f"/api/keys/{key}/revocation"),
    ]
    assert {each.status_code for each in made} <= {302 if who == "visitor" else 403, 401, 403, 404}
    after = (Event.objects.count(), list(ModelKey.objects.values()), AccessKey.objects.filter(revoked_at=None).count())
    assert after == before


@pytest.mark.parametrize("who", ["alice", "charlie", "ann", "visitor"])
def test_an_outsider_does_nothing_to_upstreams(called: Called, city: City, who: str) -> None:
    client = reader(city, who)
    before = (Event.objects.count(), list(Upstream.objects.values()))
    new = {"offer": "model-offer", "base_url": "https://evil.example/v1", "token": "t", "idempotency_key": "i"}
    made = [
        client.post("/services/upstreams", new),
        client.post("/services/upstreams/upstream/approve"),
        client.post("/services/upstreams/upstream/close"),
        client.post("/api/upstreams", new, content_type="application/json"),
        client.post("/api/upstream", {"upstream": "upstream", "act": "close"}, content_type="application/json"),
    ]
    assert {each.status_code for each in made} <= {302 if who == "visitor" else 403, 401, 403, 404}
    assert (Event.objects.count(), list(Upstream.objects.values())) == before


def test_calls_are_stopped_from_the_agreement(called: Called, city: City) -> None:
    page = signed_in(city.bob).get("/agreements/model-deal").content.decode()
    assert "/acts/stop_calls" in page
    given = {"key": "model-deal", "token": "t"}
    assert signed_in(city.charlie).post("/acts/stop_calls", given).status_code == 404
    assert signed_in(city.bob).post("/acts/stop_calls", given).status_code == 302
    with pytest.raises(CallRefused, match="used up"):
        called.admit(called.made.secret)


@pytest.mark.parametrize(
    "address", ["/services", "/services/keys", "/services/usage", "/services/calls", "/services/upstreams"]
)
def test_more_rows_ask_no_more_queries(called: Called, city: City, address: str) -> None:
    client = signed_in(city.alice)

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    count()
    one = count()
    for number in range(2):
        made = called.key(f"more-{number}")
        called.end(called.admit(made.secret).call, 1, 1)
    assert (count(), ModelCall.objects.count()) == (one, 4)

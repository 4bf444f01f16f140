"""Programs on the API: an access key shows what its person may see, and writes what it was granted."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from portal_city import City, signed_in

from siwei.errors import CallRefused
from siwei.exchange.calls.call_routes import Wanted
from siwei.exchange.calls.model_calls import admit_call
from siwei.exchange.models import AccessKey, ModelKey
from siwei.exchange.people.keys import create_access_key

pytestmark = pytest.mark.django_db


def made(city: City, scope: str, who: str = "alice", **changes: Any) -> str:
    now = timezone.now()
    return create_access_key(
        "test",
        [scope],
        expires_at=now + timedelta(days=1),
        actor=getattr(city, who),
        now=now,
        idempotency_key=f"{who}-{scope}",
        **changes,
    ).secret


def bearer(secret: str) -> Client:
    return Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {secret}"})


def declaring(client: Client, city: City) -> int:
    body = {"values": {"compute_rental": {"value": "100", "evidence": "合同"}}, "idempotency_key": "once"}
    address = f"/api/organisations/{city.firm.key}/declarations"
    return client.post(address, body, content_type="application/json").status_code


def test_a_key_sees_what_its_person_sees(dealt: City) -> None:
    wallet = f"/api/organisations/{dealt.firm.key}/wallet"
    assert [bearer(made(dealt, "read", who)).get(wallet).status_code for who in ("alice", "charlie")] == [200, 403]


def test_writing_asks_for_the_scope(city: City) -> None:
    assert [declaring(bearer(made(city, scope)), city) for scope in ("read", "write")] == [403, 200]


@pytest.mark.parametrize("address", ["/api/city", "/api/organisations/n-00000000000000aa/wallet", "/api/agreements"])
def test_a_wrong_key_is_not_taken_for_a_visitor(city: City, address: str) -> None:
    response = bearer("siwei_0000_wrong").get(address)
    assert (response.status_code, "无效" in response.json()["detail"]) == (401, True)


def calling(city: City, **changes: Any) -> Any:
    body = {"name": "客服", "scopes": ["call"], "days": 30, "organisation": city.firm.key, "idempotency_key": "k"}
    return signed_in(city.alice).post("/api/keys", body | changes, content_type="application/json")


def test_a_key_that_calls_services_reads_nothing_else(city: City) -> None:
    client = bearer(calling(city).json()["secret"])
    assert client.get("/api/city").status_code == 403


def test_a_key_that_calls_services_has_its_limits(city: City) -> None:
    answer = calling(city, project="vision", limits={"day_cap_fen": 500, "requests_per_minute": 60})
    assert (answer.status_code, answer.json()["key"]["scopes"]) == (200, ["call"])
    key = ModelKey.objects.get(access__identifier=answer.json()["key"]["identifier"])
    assert (key.organisation, key.day_cap_microfen, key.requests_per_minute) == (city.firm, 500_000_000, 60)
    with pytest.raises(CallRefused) as refused:
        admit_call(answer.json()["secret"], Wanted("text", "chat", 10), name="c", now=timezone.now())
    # It is known, and there is no agreement yet.
    assert refused.value.code == "model_not_found"


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": ["call", "read"]},
        {"organisation": None},
        {"scopes": ["read"], "limits": {}},
        {"limits": {"cap_fen": -1}},
        {"limits": {"day_cap_fen": 10**18}},
    ],
)
def test_no_key_calls_without_its_limits(city: City, wrong: dict[str, Any]) -> None:
    assert calling(city, **wrong).status_code in (400, 422)
    assert (AccessKey.objects.count(), ModelKey.objects.count()) == (0, 0)


@pytest.mark.parametrize("who", ["bob", "charlie", "ann"])
def test_nobody_else_makes_a_key_that_spends(city: City, who: str) -> None:
    body = {"name": "x", "scopes": ["call"], "days": 30, "organisation": city.firm.key, "idempotency_key": "k"}
    client = signed_in(getattr(city, who))
    assert client.post("/api/keys", body, content_type="application/json").status_code == 403
    assert AccessKey.objects.count() == 0


def test_a_key_opens_no_pages(city: City) -> None:
    assert bearer(made(city, "money")).get("/desk").status_code == 302


def test_an_organisation_reads_what_was_done_in_its_name(dealt: City) -> None:
    def read(client: Client, rest: str = "") -> list[tuple[str, str, list[str]]]:
        items = client.get(f"/api/events{rest}").json()["items"]
        return [(each["action"], each["by"], each["organisations"]) for each in items]

    firm, centre = dealt.firm.key, dealt.centre.key
    own = read(signed_in(dealt.alice), "?subject=agreement:deal")
    assert ("sign_agreement", "bob", [firm]) in own  # the other side's act, and not the other's name beside it
    assert {by for _, by, _ in own} == {"alice", "bob"}
    assert ("sign_agreement", "alice", [firm, centre]) in read(signed_in(dealt.ann), "?subject=agreement:deal")
    assert (read(Client()), read(signed_in(dealt.charlie))) == ([], [])

"""Programs on the API: an access key shows what its person may see, and writes what it was granted."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from portal_city import City

from siwei.exchange.keys import create_access_key

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
    assert (response.status_code, "not valid" in response.json()["detail"]) == (401, True)


def test_a_key_that_calls_services_reads_nothing_else(city: City) -> None:
    client = bearer(made(city, "call", organisation=city.firm.key))
    assert client.get("/api/city").status_code == 403


def test_a_key_opens_no_pages(city: City) -> None:
    assert bearer(made(city, "money")).get("/desk").status_code == 302

"""The API keeps to its own description, for any input, whoever asks."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache, lru_cache

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from portal_city import City, signed_in
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.schemas import BaseSchema

from siwei.exchange.people.keys import create_access_key
from siwei.portal.api import api

pytestmark = pytest.mark.django_db
OPERATIONS = sorted(
    (re.sub(r"{[^}:]+:", "{", re.sub("/+", "/", "/".join(filter(None, ("/api", bound.prefix, path))))), method.lower())
    for bound in api._get_bound_routers()
    for path, view in bound.path_operations.items()
    for operation in view.operations
    for method in operation.methods
)
"""Asked of the routers: to describe them takes seconds, and every process that runs any test reads this file."""
FORM = "application/x-www-form-urlencoded"
ADDRESSES = {
    "operator": [
        "/api/city",
        "/api/money",
        "/api/search?q=jia",
        "/api/organisations",
        "/api/organisations/n-00000000000000aa/dossier",
        "/api/organisations/n-00000000000000aa/entitlements/xunli/application",
        "/api/organisations/n-00000000000000aa/claims",
        "/api/claim?id=deal/1",
        "/api/chain",
        "/api/chain/edges",
        "/api/segments/machine-vision",
        "/api/segments/machine-vision/members",
        "/api/programmes",
        "/api/listings",
        "/api/matches?listing=need",
        "/api/agreements",
        "/api/agreement?key=deal",
        "/api/jobs",
        "/api/kinds",
        "/api/quotes",
        "/api/quote?key=told",
        "/api/caps",
        "/api/approvals",
        "/api/deliveries",
        "/api/disputes",
        "/api/readings",
        "/api/true-ups",
        "/api/jobs/job",
        "/api/indicators",
        "/api/imports",
        "/api/policy/columns",
        "/api/policy/schema",
    ],
}


def resolved(schema: dict, root: dict) -> dict:
    while "$ref" in schema:
        node: dict = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        schema = node
    return schema


def test_every_operation_is_described() -> None:
    document = json.loads(json.dumps(api.get_openapi_schema()))
    assert sorted((path, method) for path, methods in document["paths"].items() for method in methods) == OPERATIONS
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert {"200", "401", "403", "404", "422"} <= set(operation["responses"]), path
            assert resolved(operation["responses"]["200"]["content"]["application/json"]["schema"], document) != {}


@pytest.mark.parametrize("address", ADDRESSES["operator"])
def test_every_answer_is_what_the_description_says(dealt: City, address: str) -> None:
    """ninja validates each answer against its schema; a field that is missing or of another type would be a 500."""
    response = signed_in(dealt.olive).get(address)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json; charset=utf-8")


@pytest.fixture
def one_connection() -> Iterator[None]:
    """A request ends with its connection closed; the test's transaction must outlive it."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@cache
def described() -> BaseSchema:
    """What the API says of itself, asked for once: to write it anew for each operation takes longer than to test it."""
    return schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application())


CHECKED = ("not_a_server_error", "status_code_conformance", "response_schema_conformance", "content_type_conformance")


@lru_cache(maxsize=1)
def cases(path: str, method: str) -> list[tuple[Case, dict[str, str]]]:
    """What the description allows and what it does not, each with its headers: the same whoever sends it, and as long
    in the making as in the answering."""
    operation = described()[path][method.upper()]
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    made: list[tuple[Case, dict[str, str]]] = []

    @given(data=st.data())
    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    def run(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from(modes))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        made.append((case, dict(case.headers or {})))

    run()
    return made


@pytest.mark.parametrize("who", ["visitor", "alice", "olive"])  # next to one another: they send the same cases
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_any_input_gets_a_described_answer(dealt: City, one_connection: None, path: str, method: str, who: str) -> None:
    """schemathesis sends what the description allows and what it does not, as a visitor, as the firm's owner and as the
    operator, by access keys that may do all they may; no answer may be undescribed or a 500."""
    made = cases(path, method)
    checks = CHECKS.get_by_names(CHECKED)
    headers = {} if who == "visitor" else {"Authorization": f"Bearer {key_of(dealt, who)}"}
    for case, own in made:
        case.headers = {**own, **headers}
        case.call_and_validate(checks=checks)


def key_of(city: City, who: str) -> str:
    now = timezone.now()
    return create_access_key(
        "schemathesis",
        ["money"],
        expires_at=now + timedelta(days=1),
        actor=getattr(city, who),
        now=now,
        idempotency_key=who,
    ).secret


UNSTORABLE = [('{"application": "a\\u0000"}', "application/json"), ('{"a\\ud800": 1}', "text/plain"), ("a=%00", FORM)]


@pytest.mark.parametrize(("body", "content_type"), UNSTORABLE)
def test_what_no_database_keeps_is_refused_before_any_query(dealt: City, body: str, content_type: str) -> None:
    client = signed_in(dealt.alice)
    response = client.post("/api/application/withdrawal", data=body, content_type=content_type)
    assert (response.status_code, "NUL 或半个字符" in response.json()["detail"]) == (400, True)


def test_money_is_integer_fen(client: Client, dealt: City) -> None:
    totals = client.get("/api/money").json()["totals"]
    assert {name: type(value) for name, value in totals.items()} == dict.fromkeys(totals, int)


def test_entitlements_say_the_same_as_the_page(dealt: City) -> None:
    client = signed_in(dealt.alice)
    found = client.get(f"/api/organisations/{dealt.firm.key}/entitlements/xunli").json()
    assert (found["verdict"], found["award"]["award_fen"]) == ("eligible", 128_000_000)
    text = client.get(f"/organisations/{dealt.firm.key}/programmes/xunli").content.decode()
    assert found["sentence"]["zh"] in text


def test_a_log_that_is_not_here(dealt: City) -> None:
    response = signed_in(dealt.alice).get("/api/jobs/job/log")
    assert (response.status_code, "不在本机" in response.json()["detail"]) == (404, True)

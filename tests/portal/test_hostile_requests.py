"""Every operation of the API and every act, sent what nobody would in good faith: the answer is a fault in words, never
a breakdown, and to those it does not concern nothing of the firm's is in it."""

import json
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from django.test import Client
from portal_city import City, call_models, make_person, signed_in
from portal_operations import operations
from test_outsiders import MARKS, undone

from siwei.exchange.actors import Role
from siwei.exchange.models import Person

pytestmark = pytest.mark.django_db
VALUES: tuple[Any, ...] = (
    10**40, 2**63, -1, 0.5, True, None, [[]], {"": {}}, "文" * 100_000, "'\"><script>{{7*7}}\u202e\r\n", "１２",
    "\udc80", "a\x00b", "1e400", "../../etc/passwd",
)  # fmt: skip
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
BODIES: dict[str, tuple[str | bytes, str]] = {
    "deep": ("[" * 50_000 + "]" * 50_000, JSON),
    "half a document": ('{"a":', JSON),
    "NaN": ('{"amount": NaN, "number": Infinity, "days": -Infinity}', JSON),
    "no UTF-8": (b'{"name": "\xff\xfe"}', JSON),
    "another type": ("<a/>", "text/xml"),
    "a form": ("name=1&key=2&key=3", FORM),
    "parts without end": ("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1", "multipart/form-data; boundary=x"),
    "parts without a boundary": ("x", "multipart/form-data"),
    "nothing": ("", JSON),
}
FIRM = "/api/organisations/n-00000000000000aa"
PEOPLE = ("visitor", "alice", "mia", "charlie", "rita", "ann", "olive")


@pytest.fixture
def full(dealt: City) -> City:
    call_models(dealt)
    make_person("mia", dealt.firm, Role.MEMBER)
    make_person("rita", is_reviewer=True)
    return dealt


def client_of(who: str) -> Client:
    client = Client() if who == "visitor" else signed_in(Person.objects.get(username=who).as_actor())
    client.raise_request_exception = False
    return client


def faults_of(name: str, answer: Any, who: str) -> Iterator[str]:
    text = answer.content.decode(errors="replace")
    if answer.status_code >= 500 and answer.status_code != 503:
        yield f"{name}: {answer.status_code}"
    if "Traceback" in text:
        yield f"{name}: a traceback"
    if answer.status_code >= 400 and not answer.json().get("detail"):
        yield f"{name}: no words"
    if who in ("visitor", "charlie", "rita") and any(mark in text for mark in MARKS):
        yield f"{name}: tells {[mark for mark in MARKS if mark in text]}"


@pytest.mark.parametrize("who", PEOPLE)
def test_no_value_breaks_an_operation(full: City, who: str) -> None:
    """Each field of each in turn, the values going round, so that every field of a kind meets every value somewhere."""
    client, values, found = client_of(who), cycle(VALUES), []
    for each in operations():
        if each.method != "GET" and isinstance(each.body, dict):
            for name in each.body:
                body = json.dumps({**each.body, name: next(values)})
                with undone():
                    answer = getattr(client, each.method.lower())(each.address, body, content_type=JSON)
                    found += faults_of(f"{each} {name}", answer, who)
    assert found == []


@pytest.mark.parametrize("who", ["visitor", "alice", "olive"])
def test_no_body_breaks_an_operation(full: City, who: str) -> None:
    client, found = client_of(who), []
    for each in operations():
        if each.method == "GET" or ("/acts/" in str(each) and not str(each).endswith("/acts/sign")):
            continue  # the acts take their bodies in one place
        for name, (body, kind) in BODIES.items():
            with undone():
                answer = getattr(client, each.method.lower())(each.address, body, content_type=kind)
                found += faults_of(f"{each} {name}", answer, who)
    assert found == []


def test_more_than_the_server_takes(full: City) -> None:
    for who in ("visitor", "alice"):
        for address, name in (("/api/invitation", "secret"), ("/api/keys", "name"), ("/api/acts/sign", "key")):
            body = f'{{"{name}": "{"x" * 5_000_000}"}}'
            for language, words in (("en", "more than 4 MB"), ("zh-Hans", "超过 4 MB")):
                headers = {"Accept-Language": language}
                answer = client_of(who).post(address, body, content_type=JSON, headers=headers)
                assert (answer.status_code, words in answer.json()["detail"]) == (413, True), address
        page = client_of(who).post("/accounts/login/", {"login": "x" * 5_000_000})
        assert (page.status_code, "超过 4 MB" in page.content.decode()) == (413, True)


def test_a_session_without_its_token_or_that_is_over_writes_nothing(full: City) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(Person.objects.get(username="alice"), backend="django.contrib.auth.backends.ModelBackend")
    body = {"invitee": "a", "organisation": full.firm.key, "role": "member", "idempotency_key": "k"}
    for headers in ({}, {"X-CSRFToken": "stale" * 8}):
        assert client.post("/api/invitations", body, content_type=JSON, headers=headers).status_code == 403
    client.session.flush()
    assert client.post("/api/invitations", body, content_type=JSON).status_code in (401, 403)


def test_a_form_of_another_session_is_out_of_date_and_says_so(full: City) -> None:
    client = Client(enforce_csrf_checks=True)
    form = client.get("/accounts/login/").content.decode()
    assert 'name="csrfmiddlewaretoken"' in form
    client.force_login(Person.objects.get(username="alice"), backend="django.contrib.auth.backends.ModelBackend")
    told = client.post(
        "/acts/sign", {"key": "deal"},
        headers={"referer": "http://testserver/agreements/deal?a=1", "accept-language": "en"},
    )  # fmt: skip
    text = told.content.decode()
    assert (told.status_code, "This form is out of date" in text) == (403, True)
    assert 'href="/agreements/deal?a=1"' in text
    elsewhere = client.post("/acts/sign", {"key": "deal"}, headers={"referer": "http://elsewhere.example/x"})
    assert ('href="/desk"' in elsewhere.content.decode(), "elsewhere.example" in elsewhere.content.decode()) == (
        True,
        False,
    )


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(full: City) -> None:
    told = Client().post("/acts/sign", {"key": "deal"}, headers={"referer": "http://testserver/agreements/deal"})
    assert told.headers["Location"] == "/accounts/login/?next=%2Fagreements%2Fdeal&unsent=1"
    page = Client().get(told.headers["Location"], headers={"accept-language": "en"}).content.decode()
    assert ("was not done" in page, 'name="next" value="/agreements/deal"' in page) == (True, True)
    assert "unsent" not in Client().get("/desk").headers["Location"]


def test_a_key_used_again_with_another_body_is_refused(full: City) -> None:
    client = client_of("alice")
    for address, body, other in (
        (
            f"/api/organisations/{full.firm.key}/people/role",
            {"username": "mia", "role": "manager"},
            {"role": "finance"},
        ),
        ("/api/acts/budget", {"key": full.firm.key, "amount": 10**9}, {"amount": 2 * 10**9}),
        ("/api/acts/rule", {"key": full.firm.key, "role": "finance", "amount": 1}, {"amount": 2}),
        ("/api/acts/project", {"key": full.firm.key, "text": "a"}, {"text": "b"}),
    ):
        given = {**body, "idempotency_key": "same"}
        assert client.post(address, given, content_type=JSON).status_code == 200, address
        assert client.post(address, {**given, **other}, content_type=JSON).status_code == 409, address

"""Everything the portal can be asked to do, asked by a visitor and by a member of another organisation, of things that
are the firm's. What there is to ask is read from the API's description, the acts and the URL table: a new operation is
tried without anybody remembering it, and is refused or stands in a table here with its reason."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from portal_addresses import addresses
from portal_city import City, call_models, signed_in
from portal_operations import FIRM, IDENTIFIERS, Operation, operations

from siwei.exchange.digest import digest
from siwei.exchange.models import Event, Transfer
from siwei.portal.acts import ACTS

REFUSED = (403, 404)
OF_ONESELF = {
    "POST /api/policy/check": "nothing of what is sent is kept",
    "POST /api/policy/test": "nothing of what is sent is kept",
    "POST /api/policy/combine": "nothing of what is sent is kept",
    "POST /api/policy/decide": "nothing of what is sent is kept",
    "POST /api/policy/explain": "nothing of what is sent is kept",
    "POST /api/policy/share": "nothing of what is sent is kept",
    "POST /api/policy/diff": "nothing of what is sent is kept",
    "POST /api/person/consent": "one's own consent",
    "POST /api/person/declarations": "facts of oneself",
    "POST /api/person/files": "a file for a fact of oneself",
    "POST /api/person/decisions": "a decision about oneself",
    "POST /api/consents": "one's own consent",
    "POST /api/organisation-claims": "asks to represent; the operator decides (test_representatives.py)",
    "POST /api/person/proofs": "a fact of oneself",
    "POST /api/person/proofs/consent": "one's own consent",
    "POST /api/person/awards/consent": "one's own consent",
    "POST /api/person/awards/applications": "an application for oneself (test_person_awards_pages.py)",
    "POST /api/person/awards/account": "where oneself is paid (test_person_awards_pages.py)",
}
"""Operations that name nothing of anybody else's: whoever is signed in may ask them."""
OF_VISITORS = ("POST /api/invitation", "POST /api/invitation/account")
"""Whoever holds an invitation's link has no account yet: without one there is nothing (404)."""
NOT_THERE = {
    "test_deals.py": ("submit", "accept", "reject", "answer", "agree", "withdraw", "approve", "refuse"),
    "test_payment_pages.py": (
        "approve_batch", "withdraw_batch", "export_batch", "reject_order", "match_entry", "explain_entry",
        "tax_number", "order_rest", "write_off", "approve_write_off", "withdraw_write_off", "return_entry",
        "repay_overpayment",
    ),
    "test_true_up_pages.py": ("true_up",),
    "test_trading_api.py": ("counter", "revoke_reporter", "/usage-reports", "/counter-readings", "/revocation"),
    "test_calls.py": ("/application/", "/round", "/rounds", "/objection/", "grant", "resolve", "/returned"),
    "test_services.py": ("/limits", "/upstream"),
    "test_dataset_pages.py": ("/datasets/{key}/",),
    "test_fact_files.py": ("/api/fact-files",),
    "test_person.py": ("/person/erasure",),
    "test_task_pages.py": ("/tasks/retry",),
    "test_proof_pages.py": ("/person/proofs/",),
    "test_person_awards_pages.py": ("/person/awards/", "repay", "claw_back"),
    "test_api_keys.py": ("/keys/{identifier}/revocation",),
    "test_representatives.py": (
        "/api/invitation", "/invitations/{identifier}", "/organisation-claims/", "/consents/withdrawal",
    ),
}  # fmt: skip
"""Operations on what this city has not (a batch, a round, a dispute …), by the test that has it and tries outsiders:
there they are not merely missing."""
MARKS = ('"deal"', '"key":"job"', '"told"', '"灵巧手"', "CNY:commitment", "CNY:own-share", "256000000", '"alice"')
"""Of the firm alone: keys of its agreement, job, quote, project; its accounts; its private facts; who acts for it."""
OWN_PAGES = ("accounts/", "languages/", "account/keys", "desk/dossier", "desk/awards")
"""Forms about whoever sends them: signing in and out, a language, a key and facts of one's own."""


@pytest.fixture
def full(dealt: City) -> City:
    call_models(dealt)
    return dealt


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def written() -> tuple[int, int]:
    """Every action writes an event, and no money moves without an entry."""
    return Event.objects.count(), Transfer.objects.count()


@pytest.mark.django_db
def test_a_visitor_does_nothing(full: City) -> None:
    before, visitor = digest()["sha256"], Client()
    answers = {str(each): each.ask(visitor).status_code for each in operations() if each.method != "GET"}
    assert {name: code for name, code in answers.items() if code != 401} == dict.fromkeys(OF_VISITORS, 404)
    assert digest()["sha256"] == before


@pytest.mark.django_db
def test_a_member_of_another_organisation_does_nothing_to_the_firms(full: City) -> None:
    before, outsider = digest()["sha256"], signed_in(full.charlie)
    answers = {
        str(each): each.ask(outsider).status_code
        for each in operations()
        if each.method != "GET" and str(each) not in OF_ONESELF
    }
    assert {name: code for name, code in answers.items() if code not in REFUSED} == {}
    assert digest()["sha256"] == before


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["visitor", "charlie"])
def test_no_answer_tells_an_outsider_what_is_the_firms(full: City, who: str) -> None:
    client = Client() if who == "visitor" else signed_in(full.charlie)
    told = {}
    for each in operations():
        if each.method == "GET":
            answer = each.ask(client)
            text = answer.content.decode(errors="replace") if answer.status_code == 200 else ""
            told[str(each)] = [mark for mark in MARKS if mark in text.replace(": ", ":")]
    assert {name: marks for name, marks in told.items() if marks} == {}


@pytest.mark.django_db
def test_the_same_requests_get_further_for_those_they_concern(full: City) -> None:
    """Or an outsider would be refused by a mistake in the request, not for being one."""
    clients = [signed_in(each) for each in (full.alice, full.bob, full.olive)]

    def gets_further(each: Operation) -> bool:
        for client in clients:
            with undone():
                if each.ask(client).status_code not in (401, *REFUSED):
                    return True
        return False

    elsewhere = tuple(part for parts in NOT_THERE.values() for part in parts)
    stuck = [str(each) for each in operations() if each.method != "GET" and not gets_further(each)]
    assert [name for name in stuck if not any(_is_of(part, name) for part in elsewhere)] == []


def _is_of(part: str, name: str) -> bool:
    return part in name if part.startswith("/") else name.endswith(f"/acts/{part}")


def forms() -> Iterator[str]:
    """Every page's address with the firm's things in it, each act by its name."""
    for route in addresses(get_resolver().url_patterns):
        if route.startswith(("api/", *OWN_PAGES)):
            continue
        for act in ACTS if route.startswith("acts/") else ("",):
            names = re.findall(r"<(?:\w+:)?(\w+)>", route)
            yield "/" + re.sub(r"<.*?>", "{}", route).format(*(_named(name, route) or act for name in names))


def _named(name: str, route: str) -> str:
    if name == "key":
        beginnings = {
            "organisations/": FIRM, "listings/": "need", "revise/": "need", "quotes/": "told", "jobs/": "job",
            "projects/": f"{FIRM}/灵巧手", "services/upstreams/": "upstream",
        }  # fmt: skip
        return next((key for start, key in beginnings.items() if route.startswith(start)), "deal")
    given = {"act": "", "form": "pdf", "message_id": "none", "dimension": "source", "name": "none"}
    return str(given.get(name, IDENTIFIERS.get(name, "none")))


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["visitor", "charlie"])
def test_no_form_sent_by_an_outsider_does_anything(full: City, who: str) -> None:
    client = Client() if who == "visitor" else signed_in(full.charlie)
    sent: dict[str, Any] = {**IDENTIFIERS, "key": "deal", "act": "approve", "token": "t", "dispute": "none"}
    before, state = written(), digest()["sha256"]
    did = {}
    for address in forms():
        answer = client.post(address, sent)
        assert answer.status_code < 500, address
        if (now := written()) != before:
            did[address], before = answer.status_code, now
    assert did == {}
    assert digest()["sha256"] == state

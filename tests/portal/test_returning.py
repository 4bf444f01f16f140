"""Pages that answer a form can be read again: in another language, after signing in, by their own address."""

import re
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from portal_city import PASSWORD, City, make_person, signed_in
from test_people_pages import accept, invited

from siwei.exchange.actors import Role

pytestmark = pytest.mark.django_db
PARTS = {"int": "1", "slug": "n-00000000000000aa", "str": "x", "path": "x", "uuid": "0" * 32}


def pages(patterns: Sequence[URLPattern | URLResolver], prefix: str = "/") -> Iterator[str]:
    """Every address of the portal's own pages and of allauth's, its parts filled in."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from pages(pattern.url_patterns, route)
        elif not route.startswith("/api/") and "(" not in route and "^" not in route:
            yield re.sub(r"<(?:(\w+):)?\w+>", lambda part: PARTS[part[1] or "str"], route)


def language_form(page: str) -> str:
    """Where the languages of a page lead back to."""
    found = re.search(r'class="languages".*?name="next" value="([^"]*)"', page, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def in_english(client: Client, answer: Any) -> Any:
    back = language_form(answer.content.decode())
    return client.post("/languages/setlang/", {"language": "en", "next": back}, follow=True)


@pytest.mark.parametrize("who", ["visitor", "alice", "olive"])
def test_no_page_answers_only_to_a_form(dealt: City, who: str) -> None:
    client = Client() if who == "visitor" else signed_in(getattr(dealt, who))
    client.raise_request_exception = False
    found = {address: client.get(address).status_code for address in set(pages(get_resolver().url_patterns))}
    assert len(found) > 90
    assert {address: status for address, status in found.items() if status == 405 or status >= 500} == {}


def test_the_language_changes_after_a_refused_invitation(city: City) -> None:
    link = invited(city.alice)
    ann = signed_in(city.ann)
    for _ in range(2):
        refused = accept(ann, link)
        assert (refused.status_code, language_form(refused.content.decode())) == (403, link)
    shown = in_english(ann, refused)
    assert (shown.status_code, 'lang="en"' in shown.content.decode()) == (200, True)
    visitor = Client()
    wrong = accept(visitor, link, act="account", username="", password="x")
    assert wrong.status_code == 400
    assert in_english(visitor, wrong).status_code == 200


def test_a_refused_act_leads_back_to_the_page_that_held_its_form(dealt: City) -> None:
    client = signed_in(dealt.alice)
    form = {"key": "deal", "token": "t"}
    for referer, back in (
        ("http://testserver/agreements/deal?page=1", "/agreements/deal?page=1"),
        ("https://elsewhere.example/agreements/deal", "/desk"),
        ("", "/desk"),
    ):
        refused = client.post("/acts/complain", form, headers={"Referer": referer})
        assert (refused.status_code, language_form(refused.content.decode())) == (404, back)
        assert in_english(client, refused).status_code == 200


def test_a_key_that_was_not_made_leads_back_to_the_account(city: City) -> None:
    client = signed_in(city.alice)
    refused = client.post("/account/keys", {"name": "", "scopes": ["read"], "days": "1", "token": "t"})
    assert refused.status_code == 400
    shown = in_english(client, refused)
    assert (shown.status_code, shown.redirect_chain[-1][0]) == (200, "/account")


def test_a_session_that_ran_out_before_a_form_was_sent(city: City) -> None:
    """Signing in leads to the page of the form: what was typed is gone, and nothing was done without the reader."""
    make_person("mia", city.firm, Role.MEMBER)
    client = Client()
    asked = client.post("/acts/sign", {"key": "deal", "token": "t"})
    assert asked.status_code == 302
    entered = client.post(asked.headers["Location"], {"login": "mia", "password": PASSWORD}, follow=True)
    assert (entered.status_code, entered.redirect_chain[-1][0]) == (200, "/desk")

"""The pages of an organisation's people and of invitations: what each may do there, a link from its making to its end,
and what outsiders get."""

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from portal_city import PASSWORD, City, make_person, signed_in

from siwei.city.home import CityHome
from siwei.exchange.actors import Actor, Role
from siwei.exchange.models import Consent, Event, Invitation, Organisation, Person, Representative
from siwei.portal import django_settings

pytestmark = pytest.mark.django_db
FIRM = "n-00000000000000aa"
PAGE = f"/organisations/{FIRM}/people"


def roles(organisation: Organisation) -> dict[str, str]:
    living = Representative.objects.filter(organisation=organisation, approved_at__isnull=False)
    return dict(living.values_list("person__username", "role"))


def send(who: Actor | Client, **form: Any) -> Any:
    client = who if isinstance(who, Client) else signed_in(who)
    return client.post(PAGE, {"token": "t", **form}, headers={"Accept-Language": "en"})


def link_of(response: Any) -> str:
    assert response.status_code == 200, response.content.decode()
    found = re.search(r"http://testserver(/invitations/\S+?)<", response.content.decode())
    assert found is not None
    return found[1]


def invited(who: Actor, **form: Any) -> str:
    return link_of(send(who, **{"act": "invite", "invitee": "小李", "role": "member", **form}))


def told(who: Client, link: str) -> tuple[int, str]:
    response = who.get(link, headers={"Accept-Language": "en"})
    return response.status_code, response.content.decode()


def accept(who: Client, link: str, **form: Any) -> Any:
    given = {"secret": link.rpartition("/")[2], "act": "accept", **form}
    return who.post("/invitation", given, headers={"Accept-Language": "en"})


def test_the_page_offers_what_each_may_do(city: City) -> None:
    make_person("max", city.firm, Role.MANAGER)
    mia = make_person("mia", city.firm, Role.MEMBER)

    def offered(who: Actor) -> tuple[int, int, bool]:
        page = signed_in(who).get(PAGE).content.decode()
        return page.count('value="role"'), page.count('value="end"'), 'value="invite"' in page

    assert offered(city.alice) == (2, 2, True)  # not of herself: the last owner
    assert offered(Person.objects.get(username="max").as_actor()) == (2, 2, True)
    assert offered(mia) == (0, 1, False)  # she may leave
    assert (offered(city.olive), offered(city.ann)) == ((0, 2, False), (0, 0, False))


def test_a_role_is_given_and_a_mandate_ended_by_forms(city: City) -> None:
    make_person("mia", city.firm, Role.MEMBER)
    change = {"act": "role", "username": "mia", "role": "finance"}
    assert send(city.alice, **change).headers["Location"] == PAGE
    assert (send(city.alice, **change).status_code, roles(city.firm)["mia"]) == (302, "finance")
    assert Event.objects.filter(action="change_role").count() == 1
    assert send(city.alice, act="role", username="mia", role="king", token="u").status_code == 400
    assert send(city.alice, act="role", username="alice", role="member", token="v").status_code == 409
    ended = send(city.alice, act="end", username="mia", because="left the firm", token="w")
    assert (ended.headers["Location"], roles(city.firm)) == (PAGE, {"alice": "owner"})
    assert "left the firm" in str(Event.objects.get(action="end_mandate").payload)


def test_whoever_leaves_lands_on_their_desk(city: City) -> None:
    client = signed_in(make_person("mia", city.firm, Role.MEMBER))
    assert send(client, act="end", username="mia").headers["Location"] == "/desk"
    assert (client.get(PAGE).status_code, roles(city.firm)) == (403, {"alice": "owner"})


def test_outsiders_do_nothing_by_the_forms(city: City) -> None:
    mia = make_person("mia", city.firm, Role.MEMBER)
    link = invited(city.alice)
    identifier, events = Invitation.objects.get().identifier, Event.objects.count()
    for who in (city.bob, city.charlie, city.ann, Client(), mia):
        forms: tuple[dict[str, str], ...] = (
            {"act": "role", "username": "alice", "role": "member"},
            {"act": "end", "username": "alice"},
            {"act": "invite", "invitee": "x", "role": "member"},
            {"act": "revoke", "identifier": identifier},
        )
        for form in forms:
            answer = send(who, **{"token": "o", **form})
            assert answer.status_code in (403, 404) or "/accounts/login/" in answer.headers["Location"], (who, form)
        client = who if isinstance(who, Client) else signed_in(who)
        sent = [client.post("/invitations", {"act": act, "identifier": identifier, "invitee": "x", "token": "o"})
                for act in ("revoke", "invite")]  # fmt: skip
        assert all(each.status_code in (302, 403, 404) for each in sent)
    assert (Event.objects.count(), told(Client(), link)[0]) == (events, 200)
    assert roles(city.firm) == {"alice": "owner", "mia": "member"}


def test_a_link_is_shown_once_and_taken_back(city: City) -> None:
    link = invited(city.alice)
    secret = link.rpartition("/")[2].partition("-")[2]  # after the twelve of its name: it may hold a "-" itself
    alice = signed_in(city.alice)
    assert (secret in alice.get(PAGE).content.decode(), "小李" in alice.get(PAGE).content.decode()) == (False, True)
    again = send(alice, act="invite", invitee="小李", role="member")
    assert (again.status_code, secret in again.content.decode(), Invitation.objects.count()) == (409, False, 1)
    identifier = Invitation.objects.get().identifier
    for _time in range(2):
        assert send(alice, act="revoke", identifier=identifier).status_code == 302
    status, page = told(Client(), link)
    assert (status, "was taken back" in page) == (410, True)
    assert accept(signed_in(city.bob), link).status_code == 404


def test_a_visitor_signs_in_and_comes_back(city: City) -> None:
    link = invited(city.alice)
    visitor = Client()
    status, page = told(visitor, link)
    assert (status, "alice" in page, "小李" in page, city.firm.name in page) == (200, True, True, True)
    assert f"/accounts/login/?next={link}" in page
    assert accept(visitor, link).headers["Location"] == f"/accounts/login/?next={link}"
    entered = visitor.post("/accounts/login/", {"login": "bob", "password": PASSWORD, "next": link})
    assert entered.headers["Location"] == link
    assert "Accept the invitation" in told(visitor, link)[1]
    for _time in range(2):
        assert accept(visitor, link).headers["Location"] == PAGE
    assert roles(city.firm) == {"alice": "owner", "bob": "member"}
    assert Event.objects.filter(action="accept_invitation").count() == 1
    assert "You accepted it" in told(visitor, link)[1]
    status, page = told(signed_in(city.charlie), link)
    assert (status, "accepted before" in page, "Accept the invitation" in page) == (410, True, False)
    assert accept(signed_in(city.charlie), link).status_code == 404


def test_a_new_account_by_the_page(city: City) -> None:
    link, visitor = invited(city.alice), Client()
    wrong = accept(visitor, link, act="account", username="li", password="short", consents=["account"])
    assert (wrong.status_code, 'value="li"' in wrong.content.decode(), Consent.objects.count()) == (400, True, 0)
    chinese = visitor.post("/invitation", {"secret": link.rpartition("/")[2], "act": "account", "username": "bob",
                                           "password": "short"}).content.decode()  # fmt: skip
    assert ("该用户名已被使用" in chinese, "密码太短：至少 8 个字符" in chinese) == (True, True)
    without = accept(visitor, link, act="account", username="li", password=PASSWORD)
    assert (without.status_code, Person.objects.filter(username="li").exists()) == (400, False)
    made = accept(visitor, link, act="account", username="li", password=PASSWORD, consents=["account"])
    assert made.headers["Location"] == f"/accounts/login/?next={PAGE}"
    assert roles(city.firm) == {"alice": "owner", "li": "member"}
    visitor.post("/accounts/login/", {"login": "li", "password": PASSWORD})
    assert visitor.get(PAGE).status_code == 200


def test_whose_it_is_not_is_told_why(city: City) -> None:
    link = invited(city.alice)
    assert "represents this organisation already" in told(signed_in(city.alice), link)[1]
    assert "can represent nobody" in told(signed_in(city.ann), link)[1]
    olive = signed_in(city.olive)
    made = olive.post("/invitations", {"act": "invite", "invitee": "小王", "token": "t"})
    to_the_city = link_of(made)
    assert "for a new account" in told(signed_in(city.bob), to_the_city)[1]
    assert accept(signed_in(city.bob), to_the_city).status_code == 409
    assert accept(signed_in(city.ann), link).status_code == 403
    assert accept(Client(), to_the_city, act="account", username="wang", password=PASSWORD,
                  consents=["account"]).headers["Location"] == "/accounts/login/?next=/desk"  # fmt: skip
    assert (roles(city.firm), "wang" in olive.get("/invitations").content.decode()) == ({"alice": "owner"}, True)


def test_what_became_of_a_link(city: City) -> None:
    sender = make_person("max", city.firm, Role.MANAGER)
    lapsed, over = invited(sender), invited(city.alice, invitee="小赵", token="u")
    invitee = Invitation.objects.filter(invitee="小赵")
    made = invitee.get()
    invitee.update(invited_at=made.invited_at - timedelta(30), expires_at=made.expires_at - timedelta(15))
    send(city.alice, act="end", username="max", token="v")
    status, page = told(Client(), lapsed)
    assert (status, "may not invite to that role any more" in page) == (410, True)
    status, page = told(Client(), over)
    assert (status, "is over" in page) == (410, True)
    wrong = over[:-4] + "AAAA"
    for each in (wrong, "/invitations/none"):
        status, page = told(Client(), each)
        assert (status, "no such invitation" in page, city.firm.name in page) == (404, True, False)
    assert [accept(signed_in(city.bob), each).status_code for each in (lapsed, over, wrong)] == [404, 404, 404]
    assert roles(city.firm) == {"alice": "owner"}


def test_roles_that_keep_money_ask_for_a_second_factor(
    city: City, home: CityHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_person("mia", city.firm, Role.MEMBER)
    monkeypatch.setattr(django_settings, "home", replace(home, asks_second_factor=True))
    for form in (
        {"act": "role", "username": "mia", "role": "owner"},
        {"act": "invite", "invitee": "x", "role": "finance"},
    ):
        asked = send(city.alice, **form)
        assert (asked.status_code, "/accounts/2fa/" in asked.content.decode()) == (403, True)
    assert (roles(city.firm)["mia"], Invitation.objects.count()) == ("member", 0)
    assert send(city.alice, act="role", username="mia", role="manager").status_code == 302
    assert send(city.alice, act="invite", invitee="x", role="member", token="u").status_code == 200


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logger = logging.getLogger("django.request")
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.DEBUG)
    logger.propagate = True
    yield caplog
    logger.setLevel(level)
    logger.propagate = propagate


def test_no_log_holds_a_link(city: City, logged: pytest.LogCaptureFixture) -> None:
    link = invited(city.alice)
    secret = link.rpartition("/")[2]
    visitor = Client()
    accept(visitor, link, act="account", username="li", password="short")
    told(visitor, link[:-1])
    send(city.alice, act="revoke", identifier=secret[:12])
    told(visitor, link)
    accept(visitor, link, act="account", username="li", password=PASSWORD, consents=["account"])
    visitor.get("/nowhere")
    assert "/nowhere" in logged.text  # the log is being read
    assert secret[13:-1] not in logged.text

"""Representing an organisation by the API: its people, invitations, claims with evidence, consents; each refused to
those it does not concern."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from portal_city import PASSWORD, City, make_person, signed_in

from siwei.city.home import CityHome
from siwei.exchange.actors import Actor, Role
from siwei.exchange.models import AccessKey, Claim, Consent, Event, Invitation, Organisation, Person, Representative
from siwei.portal import django_settings

pytestmark = pytest.mark.django_db
FIRM, OUTSIDER = "n-00000000000000aa", "n-00000000000000cc"
PEOPLE = f"/api/organisations/{FIRM}/people"
CODE = "91440300MA5EXAMP0C"
"""It checks."""
PDF = base64.b64encode(b"%PDF-1.7\nlicence").decode()


def send(who: Actor | Client, address: str, body: dict[str, Any]) -> tuple[int, Any]:
    client = who if isinstance(who, Client) else signed_in(who)
    response = client.post(address, body, content_type="application/json")
    return response.status_code, response.json()


def read(who: Actor | Client, address: str) -> tuple[int, Any]:
    client = who if isinstance(who, Client) else signed_in(who)
    response = client.get(address)
    return response.status_code, response.json()


def roles(organisation: Organisation) -> dict[str, str]:
    living = Representative.objects.filter(organisation=organisation, approved_at__isnull=False)
    return dict(living.values_list("person__username", "role"))


def test_people_and_what_may_be_made_of_them(city: City) -> None:
    max_, mia = make_person("max", city.firm, Role.MANAGER), make_person("mia", city.firm, Role.MEMBER)

    def grantable(who: Actor) -> dict[str, list[str]]:
        status, people = read(who, PEOPLE)
        assert status == 200
        return {each["username"]: each["may_grant"] for each in people}

    every = [str(role) for role in Role]
    assert grantable(city.alice) == {"alice": every, "max": every, "mia": every}
    assert grantable(max_) == {"alice": [], "max": ["manager", "member"], "mia": ["manager", "member"]}
    assert grantable(mia) == grantable(city.olive) == grantable(city.ann) == {"alice": [], "max": [], "mia": []}
    assert [read(who, PEOPLE)[0] for who in (city.charlie, Client())] == [403, 403]


def test_a_role_is_given_once_whatever_came_between(city: City) -> None:
    make_person("mia", city.firm, Role.MEMBER)
    to = {"username": "mia", "role": "finance", "idempotency_key": "k"}
    status, people = send(city.alice, f"{PEOPLE}/role", to)
    assert (status, [each["role"] for each in people if each["username"] == "mia"]) == (200, ["finance"])
    send(city.alice, f"{PEOPLE}/role", to | {"role": "member", "idempotency_key": "l"})
    assert (send(city.alice, f"{PEOPLE}/role", to)[0], roles(city.firm)["mia"]) == (200, "member")
    assert send(city.alice, f"{PEOPLE}/role", to | {"role": "owner"})[0] == 409  # the key was another's
    assert roles(city.firm)["mia"] == "member"


def test_outsiders_hear_the_same_of_people_there_are_and_people_there_are_not(city: City) -> None:
    for who in (city.bob, city.charlie):
        for address, more in ((f"{PEOPLE}/role", {"role": "member"}), (f"{PEOPLE}/end", {"because": "x"})):
            told = []
            for name in ("alice", "ghost"):
                status, answer = send(who, address, {"username": name, "idempotency_key": name, **more})
                told.append((status, answer["detail"].replace(name, "?")))
            assert (told[0], told[0][0]) == (told[1], 404)
    assert roles(city.firm) == {"alice": "owner"}


def test_whoever_leaves_sees_nobody_left(city: City) -> None:
    mia = make_person("mia", city.firm, Role.MEMBER)
    leave = {"username": "mia", "because": "moving", "idempotency_key": "k"}
    client = signed_in(mia)
    assert send(client, f"{PEOPLE}/end", leave) == (200, [])
    assert (send(client, f"{PEOPLE}/end", leave), read(client, PEOPLE)[0]) == ((200, []), 403)
    assert Event.objects.filter(action="end_mandate").count() == 1


def test_the_last_owner_neither_goes_nor_steps_down(city: City) -> None:
    make_person("max", city.firm, Role.MANAGER)
    down = {"username": "alice", "role": "member", "idempotency_key": "k"}
    assert send(city.alice, f"{PEOPLE}/role", down)[0] == 409
    for who in (city.alice, city.olive):
        assert send(who, f"{PEOPLE}/end", {"username": "alice", "idempotency_key": "k"})[0] == 409
    send(city.alice, f"{PEOPLE}/role", {"username": "max", "role": "owner", "idempotency_key": "up"})
    assert send(city.alice, f"{PEOPLE}/role", down | {"idempotency_key": "again"})[0] == 200
    assert roles(city.firm) == {"alice": "member", "max": "owner"}
    up = {"username": "alice", "role": "owner", "idempotency_key": "back"}
    assert send(city.alice, f"{PEOPLE}/role", up)[0] == 403  # what was given away is not taken back


def invited(who: Actor, **changes: Any) -> str:
    given = {"invitee": "小李", "organisation": FIRM, "role": "member", "idempotency_key": "i"} | changes
    status, made = send(who, "/api/invitations", given)
    assert status == 200, made
    return str(made["secret"])


def account(secret: str, **changes: Any) -> dict[str, Any]:
    return {"secret": secret, "username": "li", "password": PASSWORD, "consents": ["account"]} | changes


def test_an_invitation_from_the_link_to_the_account(city: City) -> None:
    secret = invited(city.alice)
    told = read(city.alice, "/api/invitations")[1]
    assert ([each["invitee"] for each in told], secret[13:] in str(told)) == (["小李"], False)
    status, shown = send(Client(), "/api/invitation", {"secret": secret})
    assert (status, shown["organisation"], shown["role"]) == (200, FIRM, "member")
    wrong = send(Client(), "/api/invitation/account", account(secret, password="short", consents=[]))
    assert (wrong[0], "同意" in wrong[1]["detail"] or "密码" in wrong[1]["detail"]) == (400, True)
    assert send(Client(), "/api/invitation/account", account(secret)) == (200, {"username": "li"})
    assert (roles(city.firm), Consent.objects.count()) == ({"alice": "owner", "li": "member"}, 1)
    again = send(Client(), "/api/invitation/account", account(secret, username="li2"))
    assert (again[0], Person.objects.filter(username="li2").exists()) == (404, False)


def test_an_invitation_ends_with_its_senders_right(city: City) -> None:
    sender = make_person("max", city.firm, Role.MANAGER)
    secrets = [invited(sender, idempotency_key=key) for key in "ab"]
    send(city.alice, f"{PEOPLE}/role", {"username": "max", "role": "member", "idempotency_key": "down"})
    assert [send(Client(), "/api/invitation/account", account(each))[0] for each in secrets] == [404, 404]
    assert send(city.bob, "/api/invitation/acceptance", {"secret": secrets[0]})[0] == 404
    assert roles(city.firm) == {"alice": "owner", "max": "member"}


def test_somebody_known_accepts_as_themselves_by_no_key(city: City) -> None:
    secret = invited(city.alice)
    made = send(city.bob, "/api/keys", {"name": "k", "scopes": ["write"], "days": 1, "idempotency_key": "k"})[1]
    by_key = Client(headers={"Authorization": f"Bearer {made['secret']}"})
    assert send(by_key, "/api/invitation/acceptance", {"secret": secret})[0] == 403
    assert send(city.ann, "/api/invitation/acceptance", {"secret": secret})[0] == 403
    assert send(city.bob, "/api/invitation/acceptance", {"secret": secret}) == (200, {"username": "bob"})
    assert send(city.charlie, "/api/invitation/acceptance", {"secret": secret})[0] == 404
    assert roles(city.firm) == {"alice": "owner", "bob": "member"}


def test_who_may_invite_and_revoke(city: City) -> None:
    given = {"invitee": "小李", "organisation": FIRM, "role": "member", "idempotency_key": "i"}
    mia = make_person("mia", city.firm, Role.MEMBER)
    for who in (city.bob, city.charlie, mia, city.olive, city.ann):
        assert send(who, "/api/invitations", given)[0] == 403
    to_the_city = {"invitee": "小李", "idempotency_key": "i"}
    assert [send(who, "/api/invitations", to_the_city)[0] for who in (city.alice, city.olive)] == [403, 200]
    secret = invited(city.alice)
    identifier = secret[:12]
    for who in (city.bob, city.charlie, mia):
        assert send(who, f"/api/invitations/{identifier}/revocation", {})[0] == 404
        assert read(who, "/api/invitations") == (200, [])
    assert send(city.ann, f"/api/invitations/{identifier}/revocation", {})[0] == 403
    status, gone = send(city.alice, f"/api/invitations/{identifier}/revocation", {})
    assert (status, gone["revoked_at"] is not None) == (200, True)
    assert send(Client(), "/api/invitation", {"secret": secret})[0] == 404
    assert (send(city.alice, "/api/invitations", given)[0], Invitation.objects.count()) == (409, 2)


def claimed(who: Actor | Client, **changes: Any) -> tuple[int, Any]:
    given = {
        "organisation": OUTSIDER, "code": CODE, "representative_name": "王某", "contact": "0755-1",
        "file": {"name": "licence.pdf", "base64": PDF}, "idempotency_key": "c",
    }  # fmt: skip
    return send(who, "/api/organisation-claims", given | changes)


def test_a_claim_from_its_evidence_to_the_mandate(city: City) -> None:
    dora = make_person("dora")
    Representative.objects.filter(organisation=city.outsider).delete()
    assert claimed(Client())[0] == 401
    status, claim = claimed(dora)
    assert (status, claim["state"]) == (200, "asked")
    assert claimed(dora)[1]["key"] == claim["key"]
    assert claimed(dora, contact="0755-2")[0] == 409
    address = f"/api/organisation-claims/evidence?claim={claim['key']}"
    assert [read(who, address)[0] for who in (dora, city.olive, city.ann)] == [200, 200, 200]
    assert read(city.olive, address)[1]["base64"] == PDF
    assert [read(who, address)[0] for who in (city.alice, city.bob, Client())] == [404, 404, 404]
    decision = {"claim": claim["key"], "approve": True, "because": "licence seen"}
    for who in (dora, city.alice, city.bob, city.ann):
        assert send(who, "/api/organisation-claims/decision", decision)[0] == 403
        assert read(who, "/api/organisation-claims")[1] == ([] if who in (city.alice, city.bob) else [claim])
    for who in (city.alice, city.olive):
        assert send(who, "/api/organisation-claims/withdrawal", {"claim": claim["key"]})[0] == 404
    assert send(city.olive, "/api/organisation-claims/decision", decision | {"because": " "})[0] == 400
    status, decided = send(city.olive, "/api/organisation-claims/decision", decision)
    assert (status, decided["state"], roles(city.outsider)) == (200, "approved", {"dora": "owner"})
    assert send(dora, "/api/organisation-claims/withdrawal", {"claim": claim["key"]})[0] == 409


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": "1"}, "code"),
        ({"file": {"name": "x", "base64": "###"}}, "base64"),
        ({"file": {"name": "x", "base64": base64.b64encode(b"MZ").decode()}}, "file"),
        ({"file": None}, "file"),
        ({"contact": " "}, "contact"),
    ],
)
def test_a_claim_that_cannot_be(city: City, changes: dict[str, Any], field: str) -> None:
    status, answer = claimed(make_person("dora"), **changes)
    assert (status, f"[{field}]" in answer["detail"], Claim.objects.count()) == (400, True, 0)


def test_consents_are_ones_own(city: City) -> None:
    assert send(city.alice, "/api/consents", {"purpose": "contact"})[0] == 200
    given = {each["purpose"]: each["given_at"] is not None for each in read(city.alice, "/api/consents")[1]}
    others = ("account", "person-award", "person-facts", "person-proof")
    assert given == {"contact": True} | dict.fromkeys(others, False)
    for who in (city.charlie, city.olive):
        assert all(each["given_at"] is None for each in read(who, "/api/consents")[1])
        assert send(who, "/api/consents/withdrawal", {"purpose": "contact"})[0] == 404
    assert send(city.alice, "/api/consents/withdrawal", {"purpose": "contact"})[0] == 200
    assert Consent.objects.filter(withdrawn_at=None).count() == 0


def test_roles_that_keep_money_are_given_after_a_second_factor(
    city: City, home: CityHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a session without one would make itself a treasurer that has one."""
    make_person("mia", city.firm, Role.MEMBER)
    dora = make_person("dora")
    Representative.objects.filter(organisation=city.outsider).delete()
    claim = claimed(dora)[1]
    monkeypatch.setattr(django_settings, "home", replace(home, asks_second_factor=True))
    given = {"invitee": "小李", "organisation": FIRM, "role": "finance", "idempotency_key": "i"}
    refused = [
        send(city.alice, f"{PEOPLE}/role", {"username": "mia", "role": "finance", "idempotency_key": "k"}),
        send(city.alice, "/api/invitations", given),
        send(city.olive, "/api/organisation-claims/decision",
             {"claim": claim["key"], "approve": True, "because": "seen"}),
    ]  # fmt: skip
    assert [(status, "第二重验证" in answer["detail"]) for status, answer in refused] == [(403, True)] * 3
    assert (Invitation.objects.count(), Authenticator.objects.count()) == (0, 0)
    assert send(city.alice, "/api/invitations", given | {"role": "member"})[0] == 200
    assert send(city.alice, f"{PEOPLE}/role", {"username": "mia", "role": "manager", "idempotency_key": "l"})[0] == 200
    assert (AccessKey.objects.count(), roles(city.outsider)) == (0, {})

"""The operator's pages, API and command of people's accounts."""

from dataclasses import replace

import pytest
from django.core.cache import cache
from django.test import Client
from portal_city import PASSWORD, City, signed_in
from test_second_factor import set_up, shown_again

from siwei.city.home import CityHome
from siwei.errors import Conflict
from siwei.exchange.actors import Role
from siwei.exchange.models import Agreement, Person, Representative
from siwei.portal import django_settings

pytestmark = pytest.mark.django_db
ALICE = "/people/alice"
BODY = {"username": "alice", "because": "she left", "idempotency_key": "k"}


def act(client: Client, act: str, token: str = "t", **more: str) -> int:
    return client.post(ALICE, {"act": act, "because": "she left", "token": token, **more}).status_code


def is_in(client: Client) -> bool:
    return client.get("/desk").status_code == 200


def test_she_is_out_at_once_and_in_again_when_enabled(dealt: City) -> None:
    olive, alice = signed_in(dealt.olive), signed_in(dealt.alice)
    assert (is_in(alice), act(olive, "disable"), is_in(alice)) == (True, 302, False)
    entered = Client()
    entered.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert not is_in(entered)
    page = olive.get(ALICE, headers={"Accept-Language": "en"}).content.decode()
    assert ("Enable the account" in page, "she left" in page, "Account disabled" in page) == (True, True, True)
    assert Agreement.objects.get(key="deal").state == "settled"
    assert (act(olive, "enable", "u"), is_in(alice)) == (302, False)  # that session is gone for good
    entered.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert is_in(entered)
    told = entered.get("/api/events?subject=person:alice").json()["items"]
    assert [each["action"] for each in told] == ["enable_account", "disable_account"]
    assert told[1]["said"]["because"] == "she left"


def test_the_list_finds_people_by_name_and_state(dealt: City) -> None:
    Representative.objects.filter(person__username="alice").update(name="王小明")
    olive = signed_in(dealt.olive)
    act(olive, "disable")

    def names(query: str) -> list[str]:
        return [each["username"] for each in olive.get(f"/api/people?{query}").json()["items"]]

    assert (names("q=王小"), names("state=disabled"), "alice" in names("state=active")) == (["alice"], ["alice"], False)
    [row] = olive.get("/api/people?q=ali").json()["items"]
    assert (row["is_active"], row["mandates"]) == (False, [{"organisation": dealt.firm.key, "role": "owner"}])
    page = olive.get("/people?q=ali", headers={"Accept-Language": "en"}).content.decode()
    assert (">alice</a>" in page, ">bob</a>" in page, "disabled" in page) == (True, False, True)
    assert olive.get("/people?q=%00").status_code == 400
    assert "Nobody is called" in olive.get("/people?q=zzz", headers={"Accept-Language": "en"}).content.decode()


@pytest.mark.parametrize("who", ["visitor", "alice", "bob", "charlie", "ann"])
def test_nobody_else_disables_or_enables(city: City, who: str) -> None:
    client = Client() if who == "visitor" else signed_in(getattr(city, who))
    assert act(client, "disable") in (302, 403)
    for name in ("disabling", "enabling"):
        answer = client.post(f"/api/people/{name}", BODY, content_type="application/json")
        assert answer.status_code == (401 if who == "visitor" else 403)
    assert Person.objects.get(username="alice").is_active


def test_by_the_api_and_what_is_wrong_is_said_in_both_languages(city: City) -> None:
    olive = signed_in(city.olive)

    def post(name: str, **more: str) -> tuple[int, str]:
        answer = olive.post(f"/api/people/{name}", BODY | more, content_type="application/json")
        return answer.status_code, answer.json().get("detail", "")

    assert post("disabling")[0] == 200
    assert (post("disabling")[0], post("disabling", idempotency_key="l")) == (200, (409, "alice 已停用"))
    assert post("disabling", username="olive", idempotency_key="m")[0] == 409
    assert post("enabling", because=" ", idempotency_key="n")[0] == 400
    assert post("enabling", username="nobody", idempotency_key="n")[0] == 404
    assert post("enabling", idempotency_key="n")[0] == 200
    assert act(olive, "disable", because=" ") == 400


def test_it_asks_for_the_operators_second_factor(city: City, home: CityHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django_settings, "home", replace(home, asks_second_factor=True))
    cache.clear()
    olive = signed_in(city.olive)
    assert (act(olive, "disable"), Person.objects.get(username="alice").is_active) == (403, True)
    shown_again(olive, set_up(olive))
    assert (act(olive, "disable"), Person.objects.get(username="alice").is_active) == (302, False)


def test_the_page_warns_of_an_organisation_left_without_an_owner(city: City) -> None:
    olive = signed_in(city.olive)
    warning = "Nobody else can manage"
    assert warning in olive.get(ALICE, headers={"Accept-Language": "en"}).content.decode()
    bob = Person.objects.get(username="bob")
    made = Representative.objects.create(
        person=bob, organisation=city.firm, role=Role.OWNER, approved_at="2026-01-01T00:00Z"
    )
    assert warning not in olive.get(ALICE, headers={"Accept-Language": "en"}).content.decode()
    Person.objects.filter(pk=made.person_id).update(is_active=False)
    assert warning in olive.get(ALICE, headers={"Accept-Language": "en"}).content.decode()
    people = signed_in(city.alice).get(f"/organisations/{city.firm.key}/people", headers={"Accept-Language": "en"})
    assert ("account disabled" in people.content.decode(), "the last owner" in people.content.decode()) == (True, True)
    own = olive.get("/people/olive", headers={"Accept-Language": "en"}).content.decode()
    assert ("`siwei people disable`" in own, "<textarea" in own) == (True, False)


@pytest.mark.parametrize("who", ["ann", "oscar"])
def test_no_operator_alone_shuts_out_an_office(city: City, who: str) -> None:
    Person.objects.create(username="oscar", is_operator=True)
    olive = signed_in(city.olive)
    page = olive.get(f"/people/{who}").content.decode()
    assert ("用 `siwei people disable` 停用" in page, "<textarea" in page) == (True, False)
    answer = olive.post("/api/people/disabling", BODY | {"username": who}, content_type="application/json")
    assert (answer.status_code, "siwei people disable" in answer.json()["detail"]) == (403, True)
    assert Person.objects.get(username=who).is_active


def test_the_command_lists_disables_and_enables(
    city: City, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from siwei.cli import people

    monkeypatch.setattr(people, "open_city", lambda city: None)
    people.disable("alice", because="she left", json=True)
    assert '"disabled"' in capsys.readouterr().out
    people.accounts(state="disabled", json=True)
    out = capsys.readouterr().out
    assert (f"{city.firm.key}:owner" in out, "bob" in out) == (True, False)
    with pytest.raises(Conflict, match="last operator"):
        people.disable("olive", because="x")
    people.enable("alice", because="back")
    assert (capsys.readouterr().out, Person.objects.get(username="alice").is_active) == ("alice: active\n", True)

"""The second factor: set up through the pages, asked for at sign-in and before money, kept unreadable."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from portal_city import HALF_MINUTE, PASSWORD, City, make_person, signed_in

from siwei.city.home import CityHome
from siwei.exchange.models import AccessKey, Event
from siwei.portal import django_settings

pytestmark = pytest.mark.django_db
MONEY_KEY = {"name": "payments", "scopes": ["money"], "days": "30", "token": "t"}


@pytest.fixture(autouse=True)
def asking(home: CityHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """A city that handles real money; no attempts counted from another test."""
    monkeypatch.setattr(django_settings, "home", replace(home, asks_second_factor=True))
    cache.clear()


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, HALF_MINUTE))


def set_up(client: Client) -> str:
    """The authenticator app's secret, after setting it up as a person does."""
    apps = Authenticator.objects.filter(type="totp")
    before = apps.count()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    secret = str(page.context["form"].secret)
    client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert apps.count() == before + 1
    return secret


def make_money_key(client: Client) -> Any:
    return client.post("/account/keys", MONEY_KEY)


def forget_use() -> None:
    """A code is taken once; the next ten seconds of a test are the same half minute."""
    cache.clear()


def test_without_a_factor_money_is_refused_and_says_how(city: City) -> None:
    response = make_money_key(signed_in(city.alice))
    assert (response.status_code, AccessKey.objects.count()) == (403, 0)
    assert "/accounts/2fa/" in response.content.decode()


def test_reading_and_ordinary_acts_ask_for_none(city: City) -> None:
    client = signed_in(city.alice)
    made = client.post("/account/keys", MONEY_KEY | {"scopes": ["write"]})
    assert (client.get("/desk").status_code, made.status_code) == (200, 200)


def test_a_factor_shown_a_moment_ago_opens_money(city: City) -> None:
    client = signed_in(city.alice)
    set_up(client)
    response = make_money_key(client)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/2fa/reauthenticate/")


def test_after_the_factor_the_form_that_was_sent_goes_on(city: City) -> None:
    client = signed_in(city.alice)
    secret = set_up(client)
    asked = make_money_key(client).headers["Location"]
    forget_use()
    wrong = client.post(asked, {"code": "000000", "next": "/account/keys"})
    assert (wrong.status_code, AccessKey.objects.count()) == (200, 0)
    shown = client.post(asked, {"code": code_of(secret), "next": "/account/keys"})
    made = AccessKey.objects.get()
    assert (shown.status_code, f"siwei_{made.identifier}_" in shown.content.decode()) == (200, True)
    assert (make_money_key(client).status_code, made.scopes) == (409, ["money"])  # the same form again


def test_a_form_with_a_file_is_sent_once_more_from_its_page(city: City) -> None:
    """A session keeps no files: what would come back without its file is not sent at all, and that is said."""
    client = signed_in(city.olive)
    secret = set_up(client)
    given = {"holder": "-city", "file": SimpleUploadedFile("flow.csv", "日期,金额\n".encode())}
    asked = client.post("/differences", given, headers={"Referer": "http://testserver/differences"})
    assert asked.headers["Location"] == "/accounts/2fa/reauthenticate/?next=%2Fdifferences"
    assert "验证期间不保留文件" in client.get(asked.headers["Location"]).content.decode()
    forget_use()
    done = client.post(asked.headers["Location"], {"code": code_of(secret), "next": "/differences"})
    assert (done.status_code, done.headers["Location"]) == (302, "/differences")


def test_a_form_that_waited_is_not_sent_after_one_with_a_file(city: City) -> None:
    client = signed_in(city.olive)
    secret = set_up(client)
    assert make_money_key(client).status_code == 302
    given = {"holder": "-city", "file": SimpleUploadedFile("flow.csv", "日期,金额\n".encode())}
    asked = client.post("/differences", given, headers={"Referer": "http://testserver/differences"})
    forget_use()
    done = client.post(asked.headers["Location"], {"code": code_of(secret), "next": "/differences"})
    assert (done.headers["Location"], AccessKey.objects.count()) == ("/differences", 0)


def test_the_form_that_waits_for_the_factor_lies_sealed(city: City) -> None:
    """In it may be what a person says to nobody else: their bank account."""
    client = signed_in(city.alice)
    secret = set_up(client)
    kept = {"name": "7559000123401234"}
    asked = client.post("/account/keys", MONEY_KEY | kept).headers["Location"]
    for code in ("", "000000"):
        if code:
            client.post(asked, {"code": code, "next": "/account/keys"})
        rows = [json.dumps(each.get_decoded()) for each in Session.objects.all()]
        assert sum("sealed" in row for row in rows) == 1
        assert [row for row in rows if kept["name"] in row or client.cookies["sessionid"].value in row] == []
    forget_use()
    shown = client.post(asked, {"code": code_of(secret), "next": "/account/keys"})
    assert (shown.status_code, AccessKey.objects.get().name) == (200, kept["name"])
    assert all("sealed" not in each.get_decoded() for each in Session.objects.all())


def test_the_factor_goes_stale(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in(city.alice)
    secret = set_up(client)
    forget_use()
    client.post("/accounts/2fa/reauthenticate/", {"code": code_of(secret)})
    assert make_money_key(client).status_code == 200
    now = time.time()
    monkeypatch.setattr("siwei.portal.sign_in.time.time", lambda: now + 15 * 60 + 1)
    again = client.post("/account/keys", MONEY_KEY | {"token": "u"})
    assert (again.status_code, AccessKey.objects.count()) == (302, 1)


def test_signing_in_asks_for_the_factor(city: City) -> None:
    secret = set_up(signed_in(city.alice))
    forget_use()
    client = Client()
    asked = client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert (asked.headers["Location"], client.get("/desk").status_code) == ("/accounts/2fa/authenticate/", 302)
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert (client.get("/desk").status_code, make_money_key(client).status_code) == (200, 200)


def test_a_session_of_the_api_is_refused_in_words(city: City) -> None:
    client = signed_in(city.alice)
    response = client.post("/api/keys", {"name": "x", "scopes": ["money"], "days": 30, "idempotency_key": "k"},
                           content_type="application/json")  # fmt: skip
    assert (response.status_code, "第二重验证" in response.json()["detail"]) == (403, True)


def test_an_apps_seed_is_not_readable_in_the_database(city: City) -> None:
    client = signed_in(city.alice)
    secret = set_up(client)
    kept = Authenticator.objects.get(type="totp").data["secret"]
    assert (secret in kept, kept.startswith("gAAAA")) == (False, True)


def test_a_demonstration_asks_for_none_and_says_so(city: City, home: CityHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django_settings, "home", home)
    client = signed_in(city.alice)
    assert make_money_key(client).status_code == 200
    monkeypatch.setattr(django_settings, "home", replace(home, asks_second_factor=True))
    words = ("没有要求第二重验证", "演示")
    assert all(word not in client.get("/account").content.decode() for word in words)
    monkeypatch.setattr(django_settings, "home", home)
    assert any(word in client.get("/account").content.decode() for word in words)


def test_guessing_passwords_is_slowed_down(city: City) -> None:
    client = Client()
    for _ in range(6):
        last = client.post("/accounts/login/", {"login": "alice", "password": "wrong"})
    right = client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert (last.status_code, right.status_code, client.get("/desk").status_code) == (200, 200, 302)


def test_the_password_alone_undoes_no_factor(city: City) -> None:
    """Or whoever has a session and the password sets up a factor of their own, and pays with it."""
    client = signed_in(city.alice)
    secret = set_up(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    for address in ("totp/deactivate/", "recovery-codes/generate/", "recovery-codes/", "recovery-codes/download/"):
        for ask in (client.get, client.post):
            answer = ask(f"/accounts/2fa/{address}")
            assert (answer.status_code, "/2fa/reauthenticate/" in answer.headers.get("Location", "")) == (302, True)
    assert Authenticator.objects.filter(type="totp").count() == 1
    forget_use()
    client.post("/accounts/2fa/reauthenticate/", {"code": code_of(secret)})
    client.post("/accounts/2fa/totp/deactivate/")
    assert Authenticator.objects.count() == 0


def test_half_way_through_signing_in_is_not_signed_in(city: City) -> None:
    set_up(signed_in(city.alice))
    client = Client()
    client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    given = {"key": "n-00000000000000aa", "amount": 1, "idempotency_key": "k"}
    assert client.post("/api/acts/budget", given, content_type="application/json").status_code == 401
    assert client.get("/accounts/2fa/totp/deactivate/").status_code in (302, 404)
    assert client.get("/api/organisations/n-00000000000000aa/wallet").status_code == 403
    assert Authenticator.objects.filter(type="totp").count() == 1


@pytest.mark.parametrize(
    "address", ["email/", "password/reset/", "password/reset/key/1-set-password/", "confirm-email/x/"]
)
def test_no_way_in_by_mail(city: City, address: str) -> None:
    for client in (Client(), signed_in(city.alice)):
        assert client.get(f"/accounts/{address}").status_code == 404
        assert client.post(f"/accounts/{address}", {"email": "a@b.cn"}).status_code == 404


LOST = {"username": "alice", "because": "came to the desk with her licence", "token": "t"}


def shown_again(client: Client, secret: str) -> Client:
    forget_use()
    client.post("/accounts/2fa/reauthenticate/", {"code": code_of(secret)})
    return client


@pytest.mark.parametrize("address", ["/accounts/password/change/", "/accounts/reauthenticate/"])
def test_no_link_leads_to_a_new_password_by_mail(city: City, address: str) -> None:
    text = signed_in(city.alice).get(address).content.decode()
    assert ("/accounts/password/reset/" in text, "忘记密码：请向运营方索取新密码。" in text) == (False, True)


def test_the_operator_removes_a_lost_factor_with_the_reason(city: City) -> None:
    set_up(signed_in(city.alice))
    olive, kept = signed_in(city.olive), Authenticator.objects.filter(user_id=city.alice.person_id)
    before = kept.count()
    assert olive.post("/second-factors", LOST).status_code == 403  # without a factor of their own
    shown_again(olive, set_up(olive))
    assert olive.post("/second-factors", LOST | {"because": " "}).status_code == 400
    assert olive.post("/second-factors", LOST | {"username": "ghost"}).status_code == 404
    assert olive.post("/second-factors", LOST | {"username": "olive"}).status_code == 409
    assert kept.count() == before
    assert olive.post("/second-factors", LOST).headers["Location"] == "/second-factors"
    assert kept.count() == 0
    assert "came to the desk" in str(Event.objects.visible_to(city.alice).get(action="remove_second_factor").payload)
    assert not Event.objects.visible_to(city.charlie).filter(action="remove_second_factor").exists()
    assert olive.post("/second-factors", LOST).status_code == 302  # the same again is there once
    assert Event.objects.filter(action="remove_second_factor").count() == 1
    assert olive.post("/second-factors", LOST | {"token": "u"}).status_code == 409
    entered = Client()
    login = entered.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert (login.status_code, make_money_key(entered).status_code) == (302, 403)  # money waits for another factor


def test_nobody_else_removes_a_factor(city: City) -> None:
    set_up(signed_in(city.alice))
    body = {"username": "alice", "because": "x", "idempotency_key": "k"}
    mia = make_person("mia", city.firm)
    for who in (city.alice, mia, city.charlie, city.ann):
        client = signed_in(who)
        by_api = client.post("/api/second-factors/removal", body, content_type="application/json")
        assert (client.post("/second-factors", LOST).status_code, by_api.status_code) == (403, 403)
    assert Client().post("/second-factors", LOST).status_code == 302
    assert Authenticator.objects.filter(user_id=city.alice.person_id).exists()

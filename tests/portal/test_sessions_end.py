"""Whoever loses a way in loses what was opened with it: other sessions, and keys with money. What stands goes on."""

from dataclasses import replace

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client
from portal_city import PASSWORD, City, signed_in
from test_second_factor import MONEY_KEY, forget_use, make_money_key, set_up, shown_again

from siwei.city.home import CityHome
from siwei.exchange.actors import Actor
from siwei.exchange.models import AccessKey, Event, Person
from siwei.portal import django_settings

pytestmark = pytest.mark.django_db
NEW = "Another-pass-phrase-7"


@pytest.fixture(autouse=True)
def asking(home: CityHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django_settings, "home", replace(home, asks_second_factor=True))
    cache.clear()


def is_in(client: Client) -> bool:
    return client.get("/desk").status_code == 200


def opens(secret: str) -> bool:
    return Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/keys").status_code == 200


def key_of(client: Client, *scopes: str) -> str:
    body = {"name": "k", "scopes": scopes, "days": 30, "idempotency_key": f"k-{'-'.join(scopes)}"}
    made = client.post("/api/keys", body, content_type="application/json")
    assert made.status_code == 200, made.content
    return str(made.json()["secret"])


def with_everything(who: Actor) -> tuple[Client, str, str, str]:
    """A session that showed its factor, the factor's secret, a key that reads and one with money."""
    client = signed_in(who)
    secret = set_up(client)
    shown_again(client, secret)
    return client, secret, key_of(client, "read"), key_of(client, "read", "money")


def test_a_lost_factor_ends_every_session_and_the_keys_with_money(city: City) -> None:
    client, _secret, reads, spends = with_everything(city.alice)
    other, stranger = signed_in(city.alice), signed_in(city.bob)
    olive = signed_in(city.olive)
    shown_again(olive, set_up(olive))
    lost = {"username": "alice", "because": "her telephone was stolen", "token": "t"}
    assert olive.post("/second-factors", lost).status_code == 302
    assert [is_in(each) for each in (client, other, stranger, olive)] == [False, False, True, True]
    assert (opens(reads), opens(spends)) == (True, False)
    told = Event.objects.visible_to(city.alice).get(action="remove_second_factor").payload
    assert told["keys"] == AccessKey.objects.exclude(revoked_at=None).count() == 1
    assert Event.objects.filter(action="revoke_access_key").count() == 1
    assert is_in(signed_in(city.alice))
    assert olive.post("/second-factors", lost).status_code == 302  # the same again ends nothing new
    assert AccessKey.objects.exclude(revoked_at=None).count() == 1


def test_ones_own_factor_taken_away_leaves_this_session_alone(city: City) -> None:
    client, secret, reads, spends = with_everything(city.alice)
    other = signed_in(city.alice)
    forget_use()
    shown_again(client, secret)
    client.post("/accounts/2fa/totp/deactivate/")
    assert (is_in(client), is_in(other)) == (True, False)
    assert (opens(reads), opens(spends)) == (True, False)
    assert make_money_key(client).status_code == 403


def test_what_a_session_showed_counts_no_more_than_the_factor_it_was(city: City) -> None:
    """However a session got past the end of its factor: it opens no money, with none in its place or another."""
    client, _secret, _reads, _spends = with_everything(city.alice)
    person = Person.objects.get(username="alice")
    assert make_money_key(client).status_code == 200
    Authenticator.objects.filter(user=person).delete()
    again = MONEY_KEY | {"token": "u"}
    assert client.post("/account/keys", again).status_code == 403
    Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={})
    asked = client.post("/account/keys", again)
    assert (asked.status_code, asked.headers["Location"][:29]) == (302, "/accounts/2fa/reauthenticate/")
    assert client.get("/accounts/2fa/recovery-codes/").status_code == 302


def test_a_new_password_ends_other_sessions_and_no_key(city: City) -> None:
    """Programs were given their own secrets, and are revoked one by one under the account."""
    client, other = signed_in(city.alice), signed_in(city.alice)
    reads = key_of(client, "read")
    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert client.post("/accounts/password/change/", form).status_code == 302
    assert (is_in(client), is_in(other), opens(reads)) == (True, False, True)
    entered = Client()
    entered.post("/accounts/login/", {"login": "alice", "password": NEW})
    assert is_in(entered)


def test_a_disabled_account_is_out_at_once(city: City) -> None:
    client = signed_in(city.alice)
    reads = key_of(client, "read")
    Person.objects.filter(username="alice").update(is_active=False)
    assert (is_in(client), opens(reads)) == (False, False)
    answer = client.post("/account/keys", MONEY_KEY)
    assert (answer.status_code, AccessKey.objects.count()) == (302, 1)
    entered = Client()
    entered.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert not is_in(entered)

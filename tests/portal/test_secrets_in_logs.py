"""What is secret is in no log: signing in, access keys, bank accounts, and faults in the midst of them."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from portal_city import PASSWORD, City, signed_in

from siwei.errors import EnvironmentMissing
from siwei.exchange.models import BankAccount
from siwei.exchange.people import keys
from siwei.portal import access
from siwei.portal.pages import representatives

pytestmark = pytest.mark.django_db
NUMBER = "7559000123401234"
WRONG = "wrong-but-almost-right"


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """Everything that any logger says at any level, with its traceback, however the city's own settings filter it."""
    levels = {}
    for name in ("", "django", "django.request", "django.security", "siwei", "allauth", "waitress"):
        logger = logging.getLogger(name)
        levels[name] = (logger.level, logger.propagate)
        logger.setLevel(logging.DEBUG)
        logger.propagate = True
    yield caplog
    for name, (level, propagate) in levels.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).propagate = propagate


def said(logged: pytest.LogCaptureFixture) -> str:
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(
        f"{formatter.format(record)} {record.args!r} {record.__dict__.get('request', '')!r}"
        for record in logged.records
    )


def test_passwords(city: City, logged: pytest.LogCaptureFixture) -> None:
    client = Client(raise_request_exception=False)
    for password in (WRONG, PASSWORD):
        client.post("/accounts/login/", {"login": "alice", "password": password})
    assert client.get("/desk").status_code == 200
    client.get("/nowhere")
    text = said(logged)
    assert "/nowhere" in text  # the log is being read
    assert [secret for secret in (PASSWORD, WRONG, client.cookies["sessionid"].value) if secret in text] == []


def test_access_keys(city: City, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"name": "n", "scopes": ["read"], "days": 1, "idempotency_key": "k"}
    secret = signed_in(city.alice).post("/api/keys", body, content_type="application/json").json()["secret"]
    wrong = secret[:-4] + "AAAA"
    for each in (secret, wrong):
        Client(headers={"Authorization": f"Bearer {each}"}).get("/api/agreements")
    # A fault of ours while the key is in hand: its traceback names files and lines, and holds no value.
    monkeypatch.setattr(access, "read_access_key", lambda text, now: 1 // 0)
    failing = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {secret}"})
    assert failing.get("/api/agreements").status_code == 500
    text = said(logged)
    assert "ZeroDivisionError" in text
    hidden = secret.split("_", 2)[2]  # after the identifier, which is no secret; it may hold a "_" itself
    assert len(hidden) == 43
    assert [each for each in (secret, wrong, hidden) if each in text] == []


def test_links_of_invitations(city: City, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret stands in the address; so does a key that somebody put there."""
    made = signed_in(city.olive).post(
        "/api/invitations", {"invitee": "Dora", "idempotency_key": "i"}, content_type="application/json"
    )
    found = re.search(r"[0-9a-f]{12}-[A-Za-z0-9_-]{43}", made.content.decode())
    assert found is not None
    link, key = found[0], keys.new_secret()
    visitor = Client(enforce_csrf_checks=True, raise_request_exception=False)
    for ask in (visitor.get, visitor.post, visitor.put, visitor.delete):
        for address in (f"/invitations/{link}", f"/invitations/{link[:-4]}AAAA", f"/invitations/{link}/more"):
            assert ask(address).status_code in (200, 403, 404, 405)
        assert ask(f"/api/{key}").status_code in (403, 404)
    # A fault of ours while the link is in hand, and one that says it had none.
    monkeypatch.setattr(representatives, "find_invitation", lambda secret: 1 // 0)
    assert visitor.get(f"/invitations/{link}").status_code == 500
    monkeypatch.setattr(representatives, "find_invitation", missing)
    assert visitor.get(f"/invitations/{link}").status_code == 503
    text = said(logged)
    told = ("ZeroDivisionError", "Forbidden (CSRF", "GET /invitations/", f"/api/{key[:19]}…")
    assert [each for each in told if each not in text] == []
    assert [line for line in text.splitlines() if link[13:-4] in line or key[19:] in line] == []


def missing(secret: str) -> None:
    raise EnvironmentMissing("something is missing", "缺少某物")


def test_bank_accounts(city: City, logged: pytest.LogCaptureFixture) -> None:
    body = {
        "key": city.firm.key, "idempotency_key": "b", "name": city.firm.name, "account": NUMBER, "number": 1,
        "account_number": NUMBER, "bank_code": "105584000021", "bank_name": "示例银行",
    }  # fmt: skip
    alice = signed_in(city.alice)
    answers = [alice.post("/api/acts/bank_account", body, content_type="application/json").status_code]
    answers.append(alice.post("/acts/bank_account", body).status_code)
    answers.append(signed_in(city.charlie).post("/acts/bank_account", body).status_code)
    assert max(answers) < 500
    assert BankAccount.objects.filter(number=NUMBER).exists()
    assert NUMBER not in said(logged)

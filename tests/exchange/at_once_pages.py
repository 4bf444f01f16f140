"""Two requests at once at one account, in an order that is certain: test_races.py runs this, as it does at_once.py."""

import json
import sys
import time
from types import SimpleNamespace
from typing import Any

from at_once import GIVEN, at_once  # sets Django up

from allauth.mfa.adapter import get_adapter  # isort: skip
from allauth.mfa.models import Authenticator  # isort: skip
from allauth.mfa.totp.internal import auth  # isort: skip
from django.conf import settings
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from exchange_cast import make_person

from siwei.exchange.models import Person
from siwei.portal.second_factors import remove_second_factor

HALF_MINUTE = 60_000_000
METHODS = "account_authentication_methods"
PASSWORD, NEW = "A-pass-phrase-of-9", "Another-pass-phrase-7"


def browser(username: str, secret: str = "", shows_factor: bool = False) -> Client:
    """A session of somebody who showed their password a moment ago, and perhaps a factor; setting up `secret`."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(Person.objects.get(username=username))
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    session = client.session
    shown = {"method": "mfa", "at": time.time(), "reauthenticated": True}
    session[METHODS] = [*session[METHODS], shown] if shows_factor else session[METHODS]
    session[auth.SECRET_SESSION_KEY] = secret
    session.save()
    return client


def code_of(secret: str) -> str:
    return auth.format_hotp_value(auth.hotp_value(secret, HALF_MINUTE))


def told_of(response: HttpResponse) -> str:
    return f"{response.status_code} {response.headers.get('Location', '')}"


def factor_lost(username: str) -> Person:
    actor = Person.objects.get(username="olive").as_actor()
    given = GIVEN | {"actor": actor}
    return remove_second_factor(username, because="lost", idempotency_key=f"lost {username}", **given)


def is_in(client: Client) -> bool:
    return client.get("/account").status_code == 200


def kinds(username: str) -> list[str]:
    return sorted(Authenticator.objects.filter(user__username=username).values_list("type", flat=True))


def fill() -> None:
    call_command("migrate", verbosity=0)
    for username in ("kim", "kai", "kit", "kat"):
        person = make_person(username, is_operator=False)
        person.set_password(PASSWORD)
        person.save()
    make_person("olive", is_operator=True)
    encrypt = get_adapter().encrypt
    for username, kind in (("kim", "recovery_codes"), ("kai", "totp"), ("kat", "recovery_codes")):
        person = Person.objects.get(username=username)
        data = {"seed": encrypt("5eed"), "used_mask": 0} if kind == "recovery_codes" else {"secret": encrypt("S")}
        Authenticator.objects.create(user=person, type=kind, data=data)


def main() -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    auth.time = SimpleNamespace(time=lambda: 30 * HALF_MINUTE + 15)
    fill()
    told: dict[str, Any] = {}
    secret = auth.generate_totp_secret()
    answers: dict[str, str] = {}

    def post(client: Client, address: str, form: dict[str, str]) -> Any:
        def run() -> Any:
            answers["second"] = told_of(client.post(f"/accounts/{address}", form))
            return answers["second"]

        return run

    setting_up = {"code": code_of(secret)}
    kim = browser("kim", secret)
    told["lost, then set up"] = at_once(lambda: factor_lost("kim"), post(kim, "2fa/totp/activate/", setting_up))
    told["lost, then set up"] |= {"answer": answers["second"], "kinds": kinds("kim"), "in": is_in(kim)}
    kai = browser("kai", shows_factor=True)
    told["lost, then taken away"] = at_once(lambda: factor_lost("kai"), post(kai, "2fa/totp/deactivate/", {}))
    told["lost, then taken away"] |= {"answer": answers["second"], "kinds": kinds("kai"), "in": is_in(kai)}
    kat = browser("kat")
    change = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    told["lost, then a new password"] = at_once(lambda: factor_lost("kat"), post(kat, "password/change/", change))
    changed = Person.objects.get(username="kat").check_password(NEW)
    told["lost, then a new password"] |= {"answer": answers["second"], "changed": changed, "in": is_in(kat)}
    one, other = browser("kit", secret), browser("kit", secret)
    told["set up twice"] = at_once(
        lambda: one.post("/accounts/2fa/totp/activate/", setting_up), post(other, "2fa/totp/activate/", setting_up)
    )
    told["set up twice"] |= {"answer": answers["second"], "kinds": kinds("kit")}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()

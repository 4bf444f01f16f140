"""Two acts on people at once, in an order that is certain: test_races.py runs this, as it does at_once.py."""

import json
import sys
from datetime import timedelta
from typing import Any

from at_once import GIVEN, at_once
from django.core.management import call_command
from exchange_cast import NOW, make_organisation, make_person

from siwei.exchange.actors import Actor, Role
from siwei.exchange.models import AccessKey, Person, Representative
from siwei.exchange.people.disabling import disable_account, enable_account
from siwei.exchange.people.invitations import accept_as_self, invite
from siwei.exchange.people.keys import create_access_key
from siwei.exchange.people.mandates import change_role, end_mandate
from siwei.exchange.people.offices import Office, appoint
from siwei.exchange.people.registration import register_person


def actor_of(username: str) -> Actor:
    """As a request has it from its beginning on."""
    return Person.objects.get(username=username).as_actor()


def given_by(actor: Actor, key: str) -> dict[str, Any]:
    return {"actor": actor, "now": NOW, "idempotency_key": key}


def leaves(username: str, actor: Actor) -> Representative:
    return end_mandate("n-firm", username, because="left", **given_by(actor, f"end {username}"))


def make_key(actor: Actor) -> AccessKey:
    until = NOW + timedelta(days=9)
    made = create_access_key("k", ["read"], expires_at=until, organisation="n-firm", **given_by(actor, actor.name))
    return made.key


def made_operator(username: str) -> Person:
    return appoint(username, Office.OPERATOR, because="asked", **given_by(GIVEN["actor"], f"appoint {username}"))


def disabled(username: str, actor: Actor) -> Person:
    return disable_account(username, because="left", **given_by(actor, f"disable {username}"))


def main() -> None:
    call_command("migrate", verbosity=0)
    firm = make_organisation("n-firm", "甲")
    for username in ("ada", "abe", "amy"):
        make_person(username, firm)
    Person.objects.create(username="eve", is_active=False)
    for username in ("max", "moe"):
        make_person(username, firm, Role.MANAGER)
    make_person("mia", firm, Role.MEMBER)
    for username in ("kim", "kai"):
        make_person(username, firm, Role.FINANCE)
    for username in ("dora", "rita", "oda"):
        make_person(username)
    for username in ("olive", "oona"):
        make_person(username, is_operator=True)
    ada, abe, kim, kai, olive, oona = (actor_of(each) for each in ("ada", "abe", "kim", "kai", "olive", "oona"))
    max_, moe, dora = actor_of("max"), actor_of("moe"), actor_of("dora")
    link = invite("Dora", organisation="n-firm", role=Role.MEMBER, **given_by(moe, "invite")).secret
    told: dict[str, Any] = {}
    told["owners who end each other"] = at_once(lambda: leaves("abe", ada), lambda: leaves("ada", abe))
    told["demoted, then promotes"] = at_once(
        lambda: change_role("n-firm", "max", Role.MEMBER, **given_by(ada, "demote")),
        lambda: change_role("n-firm", "mia", Role.MANAGER, **given_by(max_, "promote")),
    )
    told["the sender leaves, then accepted"] = at_once(
        lambda: leaves("moe", ada), lambda: accept_as_self(link, actor=dora, now=NOW)
    )
    told["a key, then leaves"] = at_once(lambda: make_key(kim), lambda: leaves("kim", ada))
    told["leaves, then a key"] = at_once(lambda: leaves("kai", ada), lambda: make_key(kai))
    told["keys that stand"] = AccessKey.objects.filter(revoked_at=None).count()
    told["an operator, then disabled"] = at_once(lambda: made_operator("oda"), lambda: disabled("oda", olive))
    told["disabled, then enables"] = at_once(
        lambda: disabled("oona", GIVEN["actor"]),
        lambda: enable_account("eve", because="back", **given_by(oona, "enable eve")),
    )
    told["an auditor, then registered"] = at_once(
        lambda: appoint("rita", Office.AUDITOR, because="asked", **given_by(GIVEN["actor"], "rita")),
        lambda: register_person("rita", password=None, organisation=firm, actor=GIVEN["actor"], now=NOW),
    )
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()

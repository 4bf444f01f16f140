"""The portal's cast and its small city: a firm, a centre that serves it, an outsider; one deal of theirs.

Run as a program (`python portal_city.py`), it fills the city of $SIWEI_CITY with them, for a real server to show.
"""

import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "exchange"))  # the deal that the exchange's tests tell

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "siwei.portal.django_settings"
    import django

    django.setup()

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.utils import timezone
from exchange_datasets import DatasetDeal
from exchange_deal import DAY, Deal
from exchange_models import ModelDeal

from siwei.exchange.actors import Actor, Role
from siwei.exchange.calls import model_upstreams
from siwei.exchange.models import (
    Fact,
    ImportFile,
    Merge,
    Organisation,
    OrganisationKind,
    Origin,
    Person,
    Placement,
    Project,
    Reject,
    Representative,
    Voucher,
)
from siwei.exchange.payments.bank_accounts import enter_bank_account
from siwei.exchange.payments.invoices import issue_invoices
from siwei.exchange.trading.quotes import quote_match
from siwei.market.bank import BankAccount
from siwei.portal import django_settings

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
HALF_MINUTE = 60_000_000
"""The one in which the portal's tests stand: codes of second factors change every 30 seconds and would grow old."""
PASSWORD = "a-long-password-for-tests"
HOSTILE = '<script>alert("甲")</script>'
FACTS = {
    "legal_form": ("firm", True),
    "founded_on": ("2019-05-06", True),
    "district": ("nanshan", True),
    "registered_capital": ("500000000", True),
    "registered_capital_currency": ("CNY", True),
    "compute_rental": ("300000000", False),
    "compute_rental_from_listed": ("256000000", False),
    "compute_other_support": ("0", False),
    "listed_provider": ("false", True),
}


@dataclass(frozen=True)
class City:
    firm: Organisation
    centre: Organisation
    outsider: Organisation
    alice: Actor
    bob: Actor
    charlie: Actor
    olive: Actor
    ann: Actor
    deal: Deal
    sha256: str


def make_organisation(
    key: str, name: str, kind: str = OrganisationKind.FIRM, origin: str = Origin.IMPORTED
) -> Organisation:
    return Organisation.objects.create(
        key=key,
        name=name,
        name_normalised=name,
        kind=kind,
        origin=origin,
        district="nanshan",
        founded_on=date(2019, 5, 6),
    )


@cache
def hashed(hasher: str) -> str:
    """All have the same: a real city's hash takes a third of a second, for each of five people."""
    return make_password(PASSWORD)


def make_person(
    username: str, organisation: Organisation | None = None, role: Role = Role.OWNER, **rights: bool
) -> Actor:
    person = Person.objects.create(username=username, **rights)
    person.password = hashed(settings.PASSWORD_HASHERS[0])
    person.save()
    if organisation is not None:
        Representative.objects.create(person=person, organisation=organisation, role=role, approved_at=NOW)
    return person.as_actor()


def place(organisation: Organisation, segment: str, layer: str) -> None:
    evidence = json.dumps([{"source": "profile", "term": "机器视觉", "position": 3}], ensure_ascii=False)
    Placement.objects.create(organisation=organisation, segment=segment, layer=layer, confidence=0.9, evidence=evidence)


def know(organisation: Organisation, attribute: str, value: str, *, is_public: bool) -> None:
    Fact.objects.create(
        organisation=organisation,
        attribute=attribute,
        value=value,
        known_at=NOW,
        source="测试申报",
        source_ref="第 3 行",
        status=2,
        is_public=is_public,
    )


def fill_import(organisation: Organisation) -> str:
    sha256 = "ab" * 32
    file = ImportFile.objects.create(
        name="firms.csv", sha256=sha256, shape="generic", read=3, created=1, merged=1, rejected=1
    )
    Merge.objects.create(file=file, row=2, organisation=organisation, reason="code", record={"name": "甲"})
    record = {"name": "=HYPERLINK(1)", "note": HOSTILE}
    Reject.objects.create(file=file, row=3, field="code", reason="check character is 5, expected 3", record=record)
    return sha256


def fill_city() -> City:
    firm = make_organisation("n-00000000000000aa", "深圳市甲视觉科技有限公司")
    centre = make_organisation("n-00000000000000bb", "乙智算中心", OrganisationKind.CENTRE)
    outsider = make_organisation("n-00000000000000cc", HOSTILE, origin=Origin.GENERATED)
    place(firm, "machine-vision", "technology")
    place(outsider, "machine-vision", "technology")
    for attribute, (value, is_public) in FACTS.items():
        know(firm, attribute, value, is_public=is_public)
    people = (
        make_person("alice", firm),
        make_person("bob", centre),
        make_person("charlie", outsider),
        make_person("olive", is_operator=True),
        make_person("ann", is_auditor=True),
    )
    cast = City(firm, centre, outsider, *people, deal=None, sha256=fill_import(firm))  # type: ignore[arg-type]
    return City(firm, centre, outsider, *people, deal=Deal(cast, NOW), sha256=cast.sha256)


def settle_deal(city: City) -> None:
    """The deal delivered and settled: voucher, agreement, job, usage, settlement; a price told before it; and a project
    of the firm."""
    Project.objects.create(organisation=city.firm, name="灵巧手", opened_at=NOW)
    city.deal.signed()
    city.deal.submit()
    city.deal.finish()
    city.deal.settle()
    quote_match(
        "need", "offer", voucher=Voucher.objects.get(), as_of=DAY, actor=city.alice, now=timezone.now(),
        idempotency_key="told",
    )  # fmt: skip


def signed_in(actor: Actor) -> Client:
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id), backend="django.contrib.auth.backends.ModelBackend")
    return client


def call_models(city: City) -> None:
    """An agreement for a model, a key, calls with it, of yesterday and under way; an upstream that failed once."""
    deal = ModelDeal(city, timezone.now())
    deal.signed()
    made = deal.key("客服问答", day_cap_fen=500, month_cap_fen=8_000, requests_per_minute=60)
    for hours, read in ((25, 612), (2, 88), (1, 130)):
        began = deal.now - timedelta(hours=hours)
        deal.end(deal.admit(made.secret, now=began).call, read, read // 2, now=began + timedelta(seconds=2))
    deal.admit(made.secret)
    model_upstreams.note_health("upstream", failures=1, failure="deadline", spared_s=0, now=deal.now)


def hand_over_data(city: City) -> None:
    """A dataset of the centre's in two versions, its terms accepted, a file of it had."""
    deal = DatasetDeal(city, timezone.now(), django_settings.home.directory)
    deal.offer()
    for number in (1, 2):
        version = deal.publish(number)
    deal.accept(version)
    deal.have(version)


def pay(city: City) -> None:
    """The month's statement is issued; the firm's bank account is entered, the centre's waits."""
    now = timezone.now()
    issue_invoices(city.centre.key, f"{NOW:%Y-%m}", actor=city.bob, now=now)
    account = BankAccount(city.firm.name, "755900012310", "105584000021", "示例银行")
    enter_bank_account(city.firm.key, account, actor=city.alice, now=now, idempotency_key="account")


if __name__ == "__main__":
    filled = fill_city()
    settle_deal(filled)
    call_models(filled)
    hand_over_data(filled)
    pay(filled)

"""One's own dossier as a person, on its page and by the API: consent, facts, decisions, erasure; for nobody else."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from portal_city import City, signed_in

from siwei.exchange.models import Event, PersonDecision, PersonFact, PersonKey
from siwei.exchange.people.keys import create_access_key
from siwei.policy.checks.drafts import load_stacking_text
from siwei.policy.programmes import Citation, Kind, State
from siwei.portal import city_pack
from siwei.portal.queries import together

pytestmark = pytest.mark.django_db
PAGE = "/desk/dossier"
VALUES = {"gba_talent": "true", "person_taxable_income": "123456700", "person_income_tax": "34567800"}
AWARD = 34_567_800 - 123_456_700 * 15 // 100
HIDDEN = ("34567800", "345,678", "34.5678", str(AWARD))


def call(client: Client, what: str, **given: Any) -> Any:
    body = json.dumps(given)
    return client.post(f"/api/person/{what}", body, content_type="application/json")


def declare(client: Client, key: str = "k") -> Any:
    return call(
        client, "declarations", idempotency_key=key, values={name: {"value": each} for name, each in VALUES.items()}
    )


@pytest.fixture
def charlie(city: City) -> Client:
    """Consented and declared."""
    client = signed_in(city.charlie)
    assert (call(client, "consent").status_code, declare(client).status_code) == (200, 200)
    return client


def test_from_consent_to_verdict_on_the_page(city: City) -> None:
    client = signed_in(city.charlie)
    text = client.get(PAGE).content.decode()
    assert ("粤港澳大湾区个人所得税优惠" in text, "孔雀计划（个人奖励）" in text, "value-gba_talent" in text) == (
        True, True, False,
    )  # fmt: skip
    given = {"act": "declare", "token": "t", "value-gba_talent": "true", "value-person_taxable_income": "123.4567",
             "unit-person_taxable_income": "wan", "value-person_income_tax": "34.5678", "unit-person_income_tax": "wan",
             "evidence-person_income_tax": "完税证明.pdf"}  # fmt: skip
    assert client.post(PAGE, given).status_code == 409
    assert client.post(PAGE, {"act": "consent"}).status_code == 400
    assert client.post(PAGE, {"act": "consent", "agreed": "yes"}).status_code == 302
    for _ in range(2):
        assert client.post(PAGE, given).status_code == 302
    assert PersonFact.objects.count() == 3
    text = client.get(PAGE).content.decode()
    assert ("本人申报" in text, "完税证明.pdf" in text, "已缴个人所得税超过应纳税所得额的 15%" in text) == (
        True,
        True,
        True,
    )
    assert client.post(PAGE, {"act": "keep", "programme": "gba-income-tax", "token": "t2"}).status_code == 302
    assert "结果一致" in client.get(PAGE).content.decode()
    assert client.post(PAGE, {"act": "erase"}).status_code == 302
    text = client.get(PAGE).content.decode()
    assert ("已删除" in text, "34.5678" in text, "完税证明" in text) == (True, False, False)
    assert (PersonFact.objects.count(), PersonKey.objects.count()) == (0, 0)


def test_a_refused_form_keeps_what_was_typed_and_nothing_else_does(charlie: Client) -> None:
    response = charlie.post(PAGE, {"act": "declare", "token": "t", "value-person_income_tax": "much"})
    assert (response.status_code, 'value="much"' in response.content.decode()) == (400, True)
    assert response.headers["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    for wrong in ({"act": "other"}, {"act": "keep", "programme": "none"}):
        assert charlie.post(PAGE, {"token": "t", **wrong}).status_code == 404


def test_the_api_says_the_same_and_erases(charlie: Client) -> None:
    found = charlie.get("/api/person/dossier").json()
    gba = next(each for each in found["explanations"] if each["programme"] == "gba-income-tax")
    assert (gba["verdict"], gba["award"]["award_fen"]) == ("eligible", AWARD)
    assert gba["applications"]["en"].startswith("but applications closed on 2026-03-31")
    kept = call(charlie, "decisions", idempotency_key="d", programme="gba-income-tax").json()["kept"]
    assert [(each["verdict"], each["award_fen"], each["is_same"]) for each in kept] == [("eligible", AWARD, True)]
    erased = call(charlie, "erasure").json()
    assert (erased["consented_at"], [each["value"] for each in erased["fields"] if each["value"]]) == (None, [])
    assert [(each["verdict"], each["award_fen"], each["is_erased"]) for each in erased["kept"]] == [(None, None, True)]
    assert (declare(charlie, "again").status_code, PersonFact.objects.count()) == (409, 0)
    assert call(charlie, "erasure").status_code == 404


RULES = """\
groups:
  - id: one-income
    programmes: [gba-income-tax, other-income]
    limit: person_income_tax / 2
    reduce: [other-income, gba-income-tax]
    words: {zh: 合计不超过所缴税额的一半, en: Together at most half of the tax paid}
    citation: {document: Trial}
"""


def test_ones_awards_together_on_the_page_and_by_the_api(charlie: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    found = charlie.get("/api/person/dossier").json()
    # A draft: shown apart, and in no sum.
    assert (found["together"], found["alone_fen"], found["paid_together_fen"]) == ([], {}, 0)
    (told,) = found["drafts"]
    assert (told["programme"], told["entitled_fen"], told["gain_fen"]) == ("gba-income-tax", AWARD, AWARD)
    assert told["sentence"]["zh"] in charlie.get(PAGE).content.decode()
    draft = city_pack.programmes()["gba-income-tax"]
    clauses = tuple(replace(each, citation=each.citation or Citation("Trial rules", "1")) for each in draft.clauses)
    programme = replace(draft, kind=Kind.GRANT, state=State.IN_FORCE, clauses=clauses)
    other = replace(programme, id="other-income")
    rules = load_stacking_text(RULES, city_pack.pack().attributes, [programme, other])
    for each in (programme, other):
        monkeypatch.setitem(city_pack.programmes(), each.id, each)
    monkeypatch.setattr(together, "stacking", lambda: rules)
    found = charlie.get("/api/person/dossier").json()
    (part,) = found["together"]
    half = 34_567_800 // 2
    assert half < 2 * AWARD
    assert (part["best"]["total_fen"], part["entitled_fen"]) == (
        half, {"gba-income-tax": AWARD, "other-income": AWARD},
    )  # fmt: skip
    assert (found["alone_fen"], found["paid_together_fen"], found["drafts"]) == ({}, half, [])
    page = charlie.get(PAGE).content.decode()
    assert ("合计不超过所缴税额的一半" in page, part["sentence"]["zh"] in page) == (True, True)
    assert call(charlie, "erasure").status_code == 200
    found = charlie.get("/api/person/dossier").json()
    (part,) = found["together"]
    assert (part["entitled_fen"], part["best"]["total_fen"]) == ({"gba-income-tax": None, "other-income": None}, 0)


@pytest.mark.parametrize("who", ["alice", "bob", "olive", "ann"])
def test_nobody_else_sees_any_of_it(city: City, charlie: Client, who: str) -> None:
    call(charlie, "decisions", idempotency_key="d", programme="gba-income-tax")
    client = signed_in(getattr(city, who))
    for address in (PAGE, "/api/person/dossier", "/desk", "/search?q=charlie", "/api/agreements"):
        text = client.get(address).content.decode()
        assert [told for told in HIDDEN if told in text] == []
    assert client.get("/api/person/dossier").json()["kept"] == []
    told = "".join(f"{each.subject}{each.payload}" for each in Event.objects.all())
    assert [value for value in HIDDEN if value in told] == []


def test_a_visitor_and_a_program_are_refused(city: City, charlie: Client) -> None:
    now = timezone.now()
    key = create_access_key(
        "k", ["write"], expires_at=now + timedelta(days=30), actor=city.charlie, now=now, idempotency_key="key"
    )
    by_key = Client(headers={"Authorization": f"Bearer {key.secret}"})
    for client, status in ((Client(), (401, 403)), (by_key, (403,))):
        assert client.get("/api/person/dossier").status_code in status
        for what in ("consent", "declarations", "decisions", "erasure"):
            given: dict[str, Any] = {"idempotency_key": "z"}
            given |= {"values": {"gba_talent": {"value": "true"}}} if what == "declarations" else {}
            given |= {"programme": "gba-income-tax"} if what == "decisions" else {}
            assert call(client, what, **given).status_code in status, what
    assert Client().get(PAGE).status_code == 302
    assert (PersonFact.objects.count(), PersonDecision.objects.count()) == (3, 0)


def test_a_programme_for_organisations_is_not_decided_for_a_person(charlie: Client) -> None:
    response = call(charlie, "decisions", idempotency_key="d", programme="xunli")
    assert (response.status_code, PersonDecision.objects.count()) == (400, 0)

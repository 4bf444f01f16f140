"""A person applies, is awarded and paid, on pages and by the API; who sees what of it, and nobody's name where it may
not stand."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from exchange_payments import CODE, NUMBERS
from exchange_persons import ACCOUNTS, CHARLIE, load
from portal_city import NOW, City, make_person, signed_in

from siwei.exchange.awards import grants, rounds
from siwei.exchange.awards.vouchers import open_pot
from siwei.exchange.models import Application, PaymentBatch, PaymentOrder, Pot, Pseudonym, SharingRound
from siwei.exchange.payments import bank_accounts
from siwei.exchange.payments import payment_batches as payments
from siwei.exchange.people.keys import create_access_key
from siwei.market import bank
from siwei.policy import Quota, Sharing
from siwei.policy.language.check import Checker
from siwei.policy.language.types import INT
from siwei.policy.programmes import Reserve
from siwei.portal.city_pack import pack, programmes

pytestmark = pytest.mark.django_db
PAGE, API, CALL = "/desk/awards", "/api/person/awards", "/calls/talent-subsidy/2026"
DAY = date(2026, 11, 23)
ACCOUNT = {"name": CHARLIE, "number": ACCOUNTS[CHARLIE], "bank_code": CODE, "bank_name": "示例银行营业部"}


@pytest.fixture
def open_call(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> City:
    """The pack has a programme for persons in force, and its pot is open."""
    programme, _ = load(tmp_path)
    assert programme.window is not None
    made = replace(programme, window=replace(programme.window, end=date(2026, 11, 30)))
    monkeypatch.setitem(programmes(), made.id, made)
    open_pot(made, "2026", 500_000, actor=city.olive, now=NOW, idempotency_key="pot")
    return city


def post(client: Client, path: str, **given: Any) -> Any:
    return client.post(path, json.dumps(given), content_type="application/json")


def ready(client: Client) -> None:
    assert post(client, "/api/person/consent").status_code == 200
    values = {"person_income_tax": {"value": "300000"}}
    assert post(client, "/api/person/declarations", idempotency_key="k", values=values).status_code == 200


def applied(city: City) -> Client:
    client = signed_in(city.charlie)
    ready(client)
    assert post(client, f"{API}/consent").status_code == 200
    answer = post(
        client, f"{API}/applications", idempotency_key="a", programme="talent-subsidy", name=CHARLIE, claim_fen=300_000
    )
    assert answer.status_code == 200, answer.content
    return client


def noticed(city: City, key: str = "") -> SharingRound:
    made = rounds.share_applications(
        programmes()["talent-subsidy"], Pot.objects.get(), attributes=pack().attributes, as_of=date(2026, 12, 1),
        actor=city.olive, now=NOW, idempotency_key=f"round{key}",
    )  # fmt: skip
    return rounds.open_notice(
        made,
        until=date(2026, 12, 8),
        as_of=date(2026, 12, 1),
        actor=city.olive,
        now=NOW,
        idempotency_key=f"notice{key}",
    )


def awarded(city: City) -> None:
    made = noticed(city)
    rounds.award_round(made, as_of=date(2026, 12, 9), actor=city.olive, now=NOW, idempotency_key="award")
    grants.grant_round(made, actor=city.olive, now=NOW)


def exported(city: City) -> PaymentBatch:
    bank_accounts.enter_bank_account(
        None, bank.BankAccount("示例市财政专户", NUMBERS[None], CODE), actor=city.olive, now=NOW, idempotency_key="city"
    )
    batch = payments.make_batch(None, execute_on=DAY, actor=city.olive, now=NOW, idempotency_key="batch")
    for name in ("otto", "oscar"):
        actor = make_person(name, is_operator=True)
        payments.approve_batch(batch.message_id, batch.content_sha256, actor=actor, now=NOW)
    payments.export_batch(batch.message_id, "csv", actor=city.olive, now=NOW)
    return batch


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return str(answer.content.decode())


def test_from_consent_to_application_on_the_page(open_call: City) -> None:
    client = signed_in(open_call.charlie)
    ready(client)
    shown = text(client, PAGE)
    assert ("人才补贴（测试）" in shown, "自会计年度终了起留存 30 年" in shown, 'value="apply"' in shown) == (
        True, True, False,
    )  # fmt: skip
    given = {
        "act": "apply", "token": "t", "programme": "talent-subsidy", "name": CHARLIE, "claim": "3000", "unit": "yuan",
    }  # fmt: skip
    assert client.post(PAGE, given).status_code == 409
    assert client.post(PAGE, {"act": "consent"}).status_code == 400
    assert client.post(PAGE, {"act": "consent", "agreed": "yes"}).status_code == 302
    assert 'value="apply"' in text(client, PAGE)
    assert client.post(PAGE, given | {"name": ""}).status_code == 400
    assert client.post(PAGE, given | {"claim": "3000.01"}).status_code == 409
    for _ in range(2):
        assert client.post(PAGE, given).status_code == 302
    application = Application.objects.get()
    pseudonym = Pseudonym.objects.get()
    shown = text(client, PAGE)
    assert (pseudonym.key in shown, CHARLIE in shown, f"/applications/{application.key}" in shown) == (
        True, False, True,
    )  # fmt: skip
    own = text(client, f"/applications/{application.key}")
    assert (CHARLIE in own, "已缴个人所得税" in own, 'value="withdraw"' in own) == (True, True, True)
    assert client.post(PAGE, {"act": "nothing"}).status_code == 404
    assert "/desk/awards" in text(client, CALL)
    assert client.post(f"/applications/{application.key}", {"act": "withdraw", "token": "w"}).status_code == 302
    application.refresh_from_db()
    assert application.state == "withdrawn"


def test_the_operator_reads_it_the_auditor_a_pseudonym_and_others_nothing(open_call: City) -> None:
    applied(open_call)
    key, pseudonym = Application.objects.get().key, Pseudonym.objects.get().key
    page, by_api = f"/applications/{key}", f"/api/application?key={key}"
    for actor in (open_call.alice, open_call.bob):
        client = signed_in(actor)
        assert [client.get(page).status_code, client.get(by_api).status_code] == [404, 404]
        assert client.get(API).json()["applications"] == []
    assert [Client().get(page).status_code, Client().get(by_api).status_code] == [404, 404]
    office, audit = text(signed_in(open_call.olive), page), text(signed_in(open_call.ann), page)
    assert (CHARLIE in office, pseudonym in office, "已缴个人所得税" in office) == (True, True, True)
    assert (CHARLIE in audit, "张" in audit, pseudonym in audit, "3,000" in audit) == (False, False, True, True)
    for actor in (open_call.olive, open_call.ann):
        row = signed_in(actor).get(by_api).json()
        assert (row["organisation"], row["pseudonym"], row["decision"]) == (None, pseudonym, None)
        assert CHARLIE not in text(signed_in(actor), CALL)
        assert CHARLIE not in text(signed_in(actor), "/events")


def test_the_notice_says_the_first_character_the_programme_and_the_amount(open_call: City) -> None:
    applied(open_call)
    made = noticed(open_call)
    pseudonym = Pseudonym.objects.get().key
    for client in (Client(), signed_in(open_call.bob)):
        shown = text(client, f"/notices/{made.key}")
        assert ("张*" in shown, CHARLIE in shown, pseudonym in shown, "charlie" in shown) == (True, False, False, False)
        (line,) = client.get(f"/api/round?key={made.key}").json()["lines"]
        assert (line["name"], line["organisation"], line["shared_fen"]) == ("张*", None, 300_000)
    given = {"act": "object", "token": "o", "application": Application.objects.get().key, "text": "重复领取"}
    assert signed_in(open_call.bob).post(f"/notices/{made.key}", given).status_code == 302
    shown = text(signed_in(open_call.olive), f"/notices/{made.key}")
    assert ("重复领取" in shown, CHARLIE in shown) == (True, False)
    client = signed_in(open_call.charlie)
    # Nothing was owed to them: not even they are told by the pseudonym any more.
    assert post(client, f"{API}/withdrawal").json()["applications"] == []
    assert Application.objects.get().state == "withdrawn"
    shown = text(Client(), f"/notices/{made.key}")
    assert ("张*" in shown, "已删除" in shown) == (False, True)


def test_earlier_awards_by_a_sealed_value_are_told_to_the_offices_alone(
    open_call: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = programmes()["talent-subsidy"]
    assert made.pot is not None
    sealed = ("person_income_tax", "person_taxable_income")
    quotas = tuple(Quota(by, 10_000, made.pot.words, None) for by in sealed)
    pot = replace(made.pot, sharing=Sharing.FIRST_COME, quotas=quotas)
    monkeypatch.setitem(programmes(), made.id, replace(made, pot=pot))
    for actor, claim in ((open_call.charlie, 240_000), (open_call.alice, 100_000)):
        client = signed_in(actor)
        assert post(client, "/api/person/consent").status_code == 200
        values = {name: {"value": "300000"} for name in sealed}
        assert post(client, "/api/person/declarations", idempotency_key="k", values=values).status_code == 200
        assert post(client, f"{API}/consent").status_code == 200
        given = {"programme": made.id, "name": CHARLIE, "claim_fen": claim}
        assert post(client, f"{API}/applications", idempotency_key="a", **given).status_code == 200
        last = noticed(open_call, str(claim))
    page, api = f"/notices/{last.key}", f"/api/round?key={last.key}"
    for client in (Client(), signed_in(open_call.bob), signed_in(open_call.charlie)):
        shown = text(client, page)
        assert ("¥2,400.00" in shown, "个人应纳税所得额" in shown) == (False, False)
        assert client.get(api).json()["earlier"] == {
            "budget_fen": 500_000, "taken_fen": 240_000, "reserves": {}, "quotas": {},
        }  # fmt: skip
        assert all(not each["earlier"]["quotas"] for each in client.get("/api/rounds").json())
    counted = {name: [["300000", 240_000]] for name in sealed}
    for actor in (open_call.olive, open_call.ann):
        client = signed_in(actor)
        assert client.get(api).json()["earlier"]["quotas"] == counted
        shown = re.sub("<[^>]+>", "", text(client, page))
        told = shown[shown.index("已缴个人所得税：") :].split("\n")[0]
        assert told == "已缴个人所得税：3,000 元 ¥2,400.00; 个人应纳税所得额：3,000 元 ¥2,400.00"


def test_who_is_in_a_reserve_is_told_to_the_offices_and_to_themselves(
    open_call: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is in a reserve has what it asks for, and beside a masked name stands how much they got out of it."""
    made = programmes()["talent-subsidy"]
    assert made.pot is not None
    where = Checker({"person_income_tax": INT}).check("person_income_tax >= 300000")
    reserve = Reserve("taxed", 5_000, where, made.pot.words, None)
    pot = replace(made.pot, sharing=Sharing.FIRST_COME, reserves=(reserve,))
    monkeypatch.setitem(programmes(), made.id, replace(made, pot=pot))
    keys = []
    for actor, tax in ((open_call.charlie, "300000"), (open_call.alice, "300000"), (open_call.bob, "200000")):
        client = signed_in(actor)
        assert post(client, "/api/person/consent").status_code == 200
        values = {"person_income_tax": {"value": tax}}
        assert post(client, "/api/person/declarations", idempotency_key="k", values=values).status_code == 200
        assert post(client, f"{API}/consent").status_code == 200
        given = {"programme": made.id, "name": CHARLIE, "claim_fen": 100_000}
        assert post(client, f"{API}/applications", idempotency_key="a", **given).status_code == 200
        keys.append(Application.objects.latest("pk").key)
        if actor is open_call.charlie:
            first = noticed(open_call, "first")
    last = noticed(open_call, "last")

    def seen(client: Client, round_key: str) -> tuple[bool, dict[str, Any], dict[str, Any]]:
        told = client.get(f"/api/round?key={round_key}").json()
        listed = {each["key"]: each for each in client.get("/api/rounds").json()}
        assert listed[round_key]["earlier"] == told["earlier"]
        amounts = {line["application"]: line["reserved_fen"] for line in told["lines"]}
        return "出自预留" in text(client, f"/notices/{round_key}"), amounts, told["earlier"]["reserves"]

    charlie, alice, bob = keys
    for actor in (open_call.olive, open_call.ann):
        client = signed_in(actor)
        assert seen(client, first.key) == (True, {charlie: 100_000}, {"taxed": 0})
        assert seen(client, last.key) == (True, {alice: 100_000, bob: 0}, {"taxed": 100_000})
        assert "taxed" in json.dumps(client.get(f"/api/round?key={last.key}").json()["earlier"])
    for client in (Client(), signed_in(open_call.bob), signed_in(open_call.charlie)):
        assert seen(client, last.key)[::2] == (False, {})
        assert seen(client, last.key)[1][alice] is None
    assert seen(signed_in(open_call.charlie), first.key) == (True, {charlie: 100_000}, {})
    assert seen(signed_in(open_call.alice), last.key) == (True, {alice: 100_000, bob: None}, {})
    assert seen(Client(), first.key) == (False, {charlie: None}, {})


def test_paid_and_no_name_where_it_may_not_stand(open_call: City) -> None:
    client = applied(open_call)
    assert post(client, f"{API}/account", idempotency_key="x", **ACCOUNT).status_code == 409
    awarded(open_call)
    assert "填写收款账户后方可付款" in text(client, PAGE)
    assert client.post(PAGE, {"act": "account", "token": "t", **ACCOUNT, "number": "1"}).status_code == 400
    assert client.post(PAGE, {"act": "account", "token": "t", **ACCOUNT}).status_code == 302
    answer = client.get(API).json()
    assert (answer["account"], ACCOUNTS[CHARLIE] in json.dumps(answer)) == (ACCOUNTS[CHARLIE][-4:], False)
    pseudonym = Pseudonym.objects.get().key
    operator, auditor = signed_in(open_call.olive), signed_in(open_call.ann)
    assert pseudonym in text(operator, "/payments")
    batch = exported(open_call)
    page = f"/payments/{batch.message_id}"
    for reader in (operator, auditor):
        shown = text(reader, page)
        assert (pseudonym in shown, CHARLIE in shown, ACCOUNTS[CHARLIE] in shown) == (True, False, False)
        rows = reader.get(f"/api/payments/batches/{batch.message_id}").json()["items"]
        assert [(row["payee"], row["account"]) for row in rows] == [(pseudonym, "")]
    for form in ("csv", "pain001"):
        assert CHARLIE in text(operator, f"{page}/{form}")
        kept = text(auditor, f"{page}/{form}")
        assert (CHARLIE in kept, ACCOUNTS[CHARLIE] in kept, pseudonym in kept) == (False, False, True)
        by_api = auditor.get(f"/api/payments/batches/{batch.message_id}/file?form={form}").json()
        assert by_api["content"] and ACCOUNTS[CHARLIE] not in str(by_api)
    for other in (signed_in(open_call.alice), client):
        assert [other.get(each).status_code for each in (page, f"{page}/csv")] == [404, 404]
    own = text(client, f"/applications/{Application.objects.get().key}")
    assert PaymentOrder.objects.get().end_to_end_id in own
    assert post(client, f"{API}/withdrawal").json()["kept_until"] == "2057-01-01"
    assert "2057-01-01" in text(client, PAGE)


def test_outsiders_visitors_and_programs_do_nothing_here(open_call: City) -> None:
    applied(open_call)
    asked = {
        "consent": {}, "withdrawal": {}, "account": {"idempotency_key": "k", **ACCOUNT},
        "applications": {
            "idempotency_key": "k", "programme": "talent-subsidy", "name": "某人", "claim_fen": 300_000
        },
    }  # fmt: skip
    assert Client().get(PAGE).status_code == 302
    assert Client().get(API).status_code in (401, 403)
    for what, given in asked.items():
        assert post(Client(), f"{API}/{what}", **given).status_code in (401, 403)
    made = create_access_key(
        "program", ["read", "write", "money"], expires_at=timezone.now() + timedelta(days=30), actor=open_call.charlie,
        now=timezone.now(),
        idempotency_key="key",
    )  # fmt: skip
    program = Client(headers={"Authorization": f"Bearer {made.secret}"})
    assert program.get(API).status_code == 403
    for what, given in asked.items():
        assert post(program, f"{API}/{what}", **given).status_code == 403
    # Somebody else's act touches their own alone.
    alice = signed_in(open_call.alice)
    assert post(alice, f"{API}/withdrawal").status_code == 404
    key = Application.objects.get().key
    assert post(alice, "/api/application/withdrawal", application=key, idempotency_key="w").status_code == 404
    assert Application.objects.get().state == "applied"
    assert post(signed_in(open_call.ann), f"{API}/consent").status_code == 403


def test_the_operator_grants_and_takes_back_on_the_page(open_call: City) -> None:
    applied(open_call)
    made = noticed(open_call)
    rounds.award_round(made, as_of=date(2026, 12, 9), actor=open_call.olive, now=NOW, idempotency_key="award")
    page, key = f"/applications/{Application.objects.get().key}", Application.objects.get().key
    operator = signed_in(open_call.olive)
    assert "/acts/grant" in text(operator, page)
    assert "/acts/" not in text(signed_in(open_call.charlie), page)
    answer = operator.post("/acts/grant", {"key": key, "token": "g"})
    assert (answer.status_code, answer.headers["Location"]) == (302, page)
    given = {"key": key, "token": "c", "amount": "1000", "amount_in": "yuan", "text": "审计发现"}
    for other in (open_call.charlie, open_call.alice, open_call.ann):
        assert signed_in(other).post("/acts/claw_back", given).status_code == 403
    assert operator.post("/acts/claw_back", given).status_code == 302
    assert "审计发现" in text(operator, page) and "审计发现" in text(signed_in(open_call.charlie), page)
    for reader in (operator, signed_in(open_call.charlie)):
        assert reader.get("/true-ups").status_code == 200
    given_fen = Application.objects.get().shared_fen or 0
    assert Client().get("/api/money").json()["totals"]["awarded_fen"] == given_fen - 100_000 > 0
    told = text(Client(), "/money")
    assert "资金扶持" in told and ">开放</td>" in told
    entry = {"key": "B-1", "token": "r", "account": NUMBERS[None], "application": key, "text": "退款"}
    for actor, status in ((open_call.charlie, 404), (open_call.alice, 404), (open_call.ann, 403)):
        assert signed_in(actor).post("/acts/repay", entry).status_code == status

"""The life of a call on pages and through the API: pot, application, sharing, notice, objection, award; for whom."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from portal_city import NOW, City, know, make_person, signed_in

from siwei.city.home import CityHome
from siwei.exchange.awards.applications import apply_for_award
from siwei.exchange.awards.grants import grant_round
from siwei.exchange.awards.rounds import award_round, open_notice, share_applications
from siwei.exchange.awards.vouchers import open_pot
from siwei.exchange.models import Application, ClawBack, Decision, Grant, Objection, Person, Pot, SharingRound
from siwei.exchange.payments.claw_backs import claw_back_grant
from siwei.policy import Sharing
from siwei.policy.programmes import Returns
from siwei.portal import django_settings
from siwei.portal.city_pack import pack, programmes, stacking

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 23)
CALL = "/calls/longhua-compute/2026"
APPLY = "/organisations/n-00000000000000aa/programmes/longhua-compute/apply"
AWARD = 30_000_000
"""30 % of a million yuan."""


@pytest.fixture
def ready(city: City) -> City:
    """Alice's firm and Charlie's may have 300,000 yuan each."""
    for organisation in (city.firm, city.outsider):
        for name, value in (("district", "longhua"), ("longhua_compute_paid", "100000000")):
            know(
                organisation, name, value, is_public=False
            ) if name != "district" or organisation is city.outsider else None
    city.firm.facts.filter(attribute="district").update(value="longhua")
    return city


def pot(city: City, budget_fen: int = 40_000_000) -> Pot:
    return open_pot(
        programmes()["longhua-compute"], "2026", budget_fen, actor=city.olive, now=NOW, idempotency_key="pot"
    )


def apply(city: City, organisation: Any, actor: Any, contract: str = "HT-1", as_of: date = DAY) -> Application:
    return apply_for_award(
        programmes()["longhua-compute"], organisation, Pot.objects.get(), claim_fen=AWARD,
        documents=[("contract", contract)], attributes=pack().attributes, stacking=stacking(), as_of=as_of,
        actor=actor, now=NOW, idempotency_key=f"apply-{organisation.key}",
    )  # fmt: skip


def shared(city: City, as_of: date = DAY) -> SharingRound:
    apply(city, city.firm, city.alice, as_of=as_of)
    apply(city, city.outsider, city.charlie, as_of=as_of)
    return share_applications(
        programmes()["longhua-compute"], Pot.objects.get(), attributes=pack().attributes, as_of=as_of,
        actor=city.olive, now=NOW, idempotency_key="round",
    )  # fmt: skip


def noticed(city: City, days_ago: int = 0, until: int = 7) -> SharingRound:
    day = DAY - timedelta(days=days_ago)
    return open_notice(
        shared(city, day), until=DAY + timedelta(days=until), as_of=day, actor=city.olive, now=NOW,
        idempotency_key="notice",
    )  # fmt: skip


def form(address: str, client: Client, **given: str) -> Any:
    return client.post(address, {"token": "t", **given})


def call_api(client: Client, address: str, **given: Any) -> Any:
    return client.post(address, json.dumps({"idempotency_key": "k", **given}), content_type="application/json")


def test_a_firm_applies_from_its_entitlement_and_once(ready: City) -> None:
    pot(ready)
    client = signed_in(ready.alice)
    entitlement = client.get(f"/organisations/{ready.firm.key}/programmes/longhua-compute").content.decode()
    assert APPLY in entitlement
    assert "30.00 万元" in client.get(APPLY).content.decode()
    given = {"claim": "30", "unit": "wan", "contracts": "HT-1\nHT 2", "invoices": ""}
    for _ in range(2):
        response = form(APPLY, client, **given)
        assert response.status_code == 302
    (application,) = Application.objects.all()
    assert response.headers["Location"] == f"/applications/{application.key}"
    assert (application.claim_fen, application.documents.count()) == (AWARD, 2)
    assert application.decision.award_fen == AWARD
    # All of it is claimed: another form finds nothing left, and the exchange refuses it too.
    assert "已全部申报" in client.get(APPLY).content.decode()
    assert client.post(APPLY, {"token": "other", **given}).status_code == 409
    assert Application.objects.count() == 1
    assert "已申报" in client.get("/desk").content.decode()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"claim": "30", "unit": "wan"}, "请填写所申报的合同或发票"),
        ({"claim": "much", "unit": "wan", "contracts": "HT-1"}, "这不是数字"),
        ({"claim": "1", "unit": "", "contracts": "HT-1"}, "金额缺少单位"),
    ],
)
def test_a_form_that_cannot_be_used_says_why_and_keeps_what_was_typed(ready: City, given: dict, words: str) -> None:
    pot(ready)
    response = form(APPLY, signed_in(ready.alice), **given)
    text = response.content.decode()
    assert (response.status_code, words in text, given["claim"] in text) == (400, True, True)
    assert (Application.objects.count(), Decision.objects.count()) == (0, 0)


def test_more_than_is_decided_is_refused(ready: City) -> None:
    pot(ready)
    response = form(APPLY, signed_in(ready.alice), claim="30.000001", unit="wan", contracts="HT-1")
    assert (response.status_code, Application.objects.count()) == (409, 0)


def test_withdrawn_it_can_be_applied_for_again(ready: City) -> None:
    pot(ready)
    key = apply(ready, ready.firm, ready.alice).key
    assert form(f"/applications/{key}", signed_in(ready.alice), act="withdraw").status_code == 302
    assert Application.objects.get().state == "withdrawn"
    assert form(APPLY, signed_in(ready.alice), claim="30", unit="wan", contracts="HT-1").status_code == 302


def test_who_gets_less_may_choose_again(ready: City, monkeypatch: pytest.MonkeyPatch) -> None:
    pot(ready)
    mine = apply(ready, ready.firm, ready.alice)
    apply(ready, ready.outsider, ready.charlie)
    noticed(ready)
    address, client = f"/applications/{mine.key}", signed_in(ready.alice)
    assert 'value="withdraw"' not in client.get(address).content.decode()
    made = programmes()["longhua-compute"]
    assert made.pot is not None
    lets = replace(made, pot=replace(made.pot, choose_again=True))
    monkeypatch.setitem(programmes(), "longhua-compute", lets)
    text = client.get(address).content.decode()
    assert ('value="withdraw"' in text, "可放弃本申报，另作选择" in text) == (True, True)
    assert signed_in(ready.charlie).get(address).status_code == 404
    answer = call_api(client, "/api/application/withdrawal", application=mine.key)
    assert (answer.status_code, answer.json()["state"]) == (200, "withdrawn")
    assert 'value="withdraw"' not in client.get(address).content.decode()


def test_a_call_offers_to_apply_only_where_something_can_be_claimed(ready: City) -> None:
    pot(ready)
    client = signed_in(ready.alice)
    assert f'role="button" class="plain" href="{APPLY}"' in client.get(CALL).content.decode()
    apply(ready, ready.firm, ready.alice)
    text = client.get(CALL).content.decode()
    assert f"{ready.firm.name} 在此没有可申领的金额" in text and 'role="button" class="plain" href="' not in text
    entitlement = f"/organisations/{ready.firm.key}/programmes/longhua-compute"
    assert f'class="plain" href="{APPLY}"' not in client.get(entitlement).content.decode()


def test_a_documents_number_is_shown_as_it_was_written(ready: City) -> None:
    """It is compared by letters and digits alone, but nobody's contract is called by another number."""
    pot(ready)
    made = apply(ready, ready.firm, ready.alice, contract=" 深租〔2026〕第 8-1 号 ")
    assert made.documents.get().reference == "深租2026第81号"
    for person, address in ((ready.alice, f"/applications/{made.key}"), (ready.olive, CALL)):
        assert "深租〔2026〕第 8-1 号" in signed_in(person).get(address).content.decode()
    refused = form(APPLY, signed_in(ready.alice), claim="1", unit="yuan", contracts="-" * 200 + "1")
    assert (refused.status_code, Application.objects.count()) == (400, 1)


def test_by_merit_each_is_scored_first(ready: City, monkeypatch: pytest.MonkeyPatch) -> None:
    pot(ready)
    apply(ready, ready.firm, ready.alice)
    made = programmes()["longhua-compute"]
    assert made.pot is not None
    monkeypatch.setitem(
        programmes(), "longhua-compute", replace(made, pot=replace(made.pot, sharing=Sharing.NOT_KNOWN))
    )
    response = form(CALL, signed_in(ready.olive), act="share", sharing="merit", seed="")
    assert (response.status_code, SharingRound.objects.count()) == (400, 0)
    assert "1 份申报尚未评分" in response.content.decode() and "column" not in response.content.decode()


def test_nobody_chooses_another_rule_than_the_programmes_own(ready: City) -> None:
    pot(ready)
    apply(ready, ready.firm, ready.alice)
    olive, own = signed_in(ready.olive), programmes()["longhua-compute"].pot
    assert own is not None and own.sharing is Sharing.PRO_RATA
    by_api = call_api(olive, "/api/calls/longhua-compute/2026/rounds", sharing="lottery", seed="mine")
    assert (by_api.status_code, form(CALL, olive, act="share", sharing="lottery", seed="mine").status_code) == (
        409, 409,
    )  # fmt: skip
    assert "按其政策文本的规定分配（按比例）" in by_api.json()["detail"] and SharingRound.objects.count() == 0
    assert call_api(olive, "/api/calls/longhua-compute/2026/rounds", sharing="pro_rata").status_code == 200


def test_the_operator_shares_and_opens_the_notice(ready: City) -> None:
    pot(ready)
    apply(ready, ready.firm, ready.alice)
    apply(ready, ready.outsider, ready.charlie)
    client = signed_in(ready.olive)
    desk = client.get(CALL).content.decode()
    # One contract claimed twice is an alert on both lines.
    assert desk.count("重复资助提示") == 2
    response = form(CALL, client, act="share", sharing="", seed="")
    made = SharingRound.objects.get()
    assert response.headers["Location"] == f"/notices/{made.key}"
    assert Client().get(f"/notices/{made.key}").status_code == 404
    form(f"/notices/{made.key}", client, act="open", until="2026-11-30")
    text = Client().get(f"/notices/{made.key}").content.decode()
    # 400,000 among two claims of 300,000 each.
    assert text.count(">¥200,000.00<") == 2
    assert ("刚才重新分配，结果一致" in text, "HT-1" in text, "重复资助" in text) == (True, False, False)
    assert made.key in Client().get("/calls").content.decode()


def test_anybody_signed_in_objects_and_only_the_offices_know_who(ready: City) -> None:
    pot(ready)
    made = noticed(ready)
    address, key = f"/notices/{made.key}", Application.objects.get(organisation=ready.firm).key
    assert form(address, Client(), act="object", application=key, text="x").status_code == 403
    for _ in range(2):
        assert (
            form(address, signed_in(ready.bob), act="object", application=key, text="自己租给自己").status_code == 302
        )
    objection = Objection.objects.get()
    seen = {
        name: "自己租给自己" in signed_in(getattr(ready, name)).get(address).content.decode()
        for name in ("alice", "bob", "charlie", "olive", "ann")
    }
    assert seen == {"alice": False, "bob": True, "charlie": False, "olive": True, "ann": True}
    assert (
        form(
            address, signed_in(ready.charlie), act="decide", objection=objection.key, upheld="yes", reason="r"
        ).status_code
        == 404
    )
    assert (
        form(address, signed_in(ready.bob), act="decide", objection=objection.key, upheld="no", reason="r").status_code
        == 403
    )
    given = {"act": "decide", "objection": objection.key, "upheld": "yes", "reason": "查明属实"}
    assert form(address, signed_in(ready.olive), **given).status_code == 302
    assert Objection.objects.get().upheld is True


def test_the_award_comes_after_the_notice_and_the_applicant_sees_it(ready: City) -> None:
    pot(ready)
    made = noticed(ready, days_ago=20, until=-1)
    text = signed_in(ready.olive).get(f"/notices/{made.key}").content.decode()
    assert "确认扶持" in text
    award_round(made, as_of=DAY, actor=ready.olive, now=NOW, idempotency_key="award")
    key = Application.objects.get(organisation=ready.firm).key
    page = signed_in(ready.alice).get(f"/applications/{key}").content.decode()
    assert ("已扶持" in page, "¥200,000.00" in page, "资金池余额" in page) == (True, True, True)
    # What was not given may be claimed again, and no more than that.
    assert "10.00 万元" in signed_in(ready.alice).get(APPLY).content.decode()


def test_an_awarded_round_waits_on_the_desk_until_it_is_paid_out_from_its_notice(ready: City) -> None:
    pot(ready)
    made = noticed(ready, days_ago=20, until=-1)
    address, olive = f"/notices/{made.key}", signed_in(ready.olive)
    assert form(address, olive, act="pay").status_code == 409
    award_round(made, as_of=DAY, actor=ready.olive, now=NOW, idempotency_key="award")
    waits = "资金尚未转为应付"
    desks = [signed_in(each).get("/desk").content.decode() for each in (ready.olive, ready.alice)]
    assert [waits in desk for desk in desks] == [True, False]
    assert 'value="pay"' not in signed_in(ready.alice).get(address).content.decode()
    for who in (ready.alice, ready.bob, ready.charlie, ready.ann):
        assert form(address, signed_in(who), act="pay").status_code == 403
    assert not Grant.objects.exists()
    assert "拨付 2 项扶持资金" in olive.get(address).content.decode()
    for _ in range(2):
        response = form(address, olive, act="pay")
        assert (response.status_code, response.headers["Location"]) == (302, "/payments")
    assert sorted(Grant.objects.values_list("amount_fen", flat=True)) == [20_000_000, 20_000_000]
    assert 'value="pay"' not in olive.get(address).content.decode()
    assert waits not in olive.get("/desk").content.decode()


def test_the_api_grants_a_whole_round_once(ready: City) -> None:
    pot(ready)
    made = noticed(ready, days_ago=20, until=-1)
    olive = signed_in(ready.olive)
    assert call_api(olive, "/api/round/grants", round=made.key).status_code == 409
    award_round(made, as_of=DAY, actor=ready.olive, now=NOW, idempotency_key="award")
    for who in (ready.alice, ready.bob, ready.charlie, ready.ann):
        assert call_api(signed_in(who), "/api/round/grants", round=made.key).status_code == 403
    assert (call_api(Client(), "/api/round/grants", round=made.key).status_code, Grant.objects.count()) == (401, 0)
    assert call_api(olive, "/api/round/grants", round="none").status_code == 404
    first = call_api(olive, "/api/round/grants", round=made.key).json()
    assert call_api(olive, "/api/round/grants", round=made.key).json() == first
    keys = sorted(Application.objects.values_list("key", flat=True))
    assert [(each["application"], each["amount_fen"]) for each in first] == [(key, 20_000_000) for key in keys]
    assert {each["payee"] for each in first} == {ready.firm.key, ready.outsider.key}
    assert sorted(Grant.objects.values_list("amount_fen", flat=True)) == [20_000_000, 20_000_000]


def test_money_acts_ask_for_a_second_factor(ready: City, home: CityHome, monkeypatch: pytest.MonkeyPatch) -> None:
    pot(ready)
    made = noticed(ready, days_ago=20, until=-1)
    monkeypatch.setattr(django_settings, "home", replace(home, asks_second_factor=True))
    client = signed_in(ready.olive)
    response = form(f"/notices/{made.key}", client, act="award")
    assert response.status_code != 200
    assert SharingRound.objects.get().state == "notice"
    assert form("/programmes/moxing/pot", client, period="2026", budget="1", unit="wan").status_code != 200
    assert Pot.objects.count() == 1


@pytest.mark.parametrize("who", ["visitor", "alice", "bob", "charlie", "ann"])
def test_outsiders_write_nothing(ready: City, who: str) -> None:
    pot(ready)
    apply(ready, ready.firm, ready.alice)
    key = Application.objects.get().key
    client = Client() if who == "visitor" else signed_in(getattr(ready, who))
    acts = {
        CALL: {"act": "share", "sharing": "", "seed": ""},
        "/programmes/moxing/pot": {"period": "2026", "budget": "1", "unit": "wan"},
        **({f"/applications/{key}": {"act": "withdraw"}} if who != "alice" else {}),
        **({APPLY: {"claim": "1", "unit": "wan", "contracts": "X"}} if who != "alice" else {}),
    }
    for address, given in acts.items():
        assert form(address, client, **given).status_code in (302, 403, 404), address
    score = {"act": "score", "application": key, "score": "5"}
    assert form(CALL, client, **score).status_code in (403, 404)
    assert (SharingRound.objects.count(), Pot.objects.count(), Application.objects.get().state) == (0, 1, "applied")
    assert Application.objects.get().score is None


def test_a_page_without_its_token_of_the_session_is_refused(ready: City) -> None:
    pot(ready)
    client = Client(enforce_csrf_checks=True)
    person = Person.objects.get(pk=ready.alice.person_id)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    assert form(APPLY, client, claim="30", unit="wan", contracts="HT-1").status_code == 403
    assert call_api(
        client,
        f"/api/organisations/{ready.firm.key}/applications",
        programme="longhua-compute",
        claim_fen=AWARD,
        documents=[{"kind": "contract", "number": "1"}],
    ).status_code in (401, 403)
    assert Application.objects.count() == 0


def test_the_api_does_what_the_pages_do(ready: City) -> None:
    pot(ready)
    alice, charlie, olive = (signed_in(each) for each in (ready.alice, ready.charlie, ready.olive))
    given = {"programme": "longhua-compute", "claim_fen": AWARD, "documents": [{"kind": "contract", "number": "HT 1"}]}
    address = f"/api/organisations/{ready.firm.key}/applications"
    first = call_api(alice, address, **given).json()
    assert call_api(alice, address, **given).json() == first
    assert (first["state"], first["decided_fen"], first["shared_fen"]) == ("applied", AWARD, None)
    assert call_api(charlie, address, **given).status_code == 403
    assert call_api(charlie, f"/api/organisations/{ready.outsider.key}/applications", **given).status_code == 200
    assert [each["key"] for each in alice.get("/api/applications").json()] == [first["key"]]
    assert charlie.get("/api/application", {"key": first["key"]}).status_code == 404
    assert [each["number"] for each in olive.get("/api/duplicates").json()] == ["HT1"]
    assert alice.get("/api/duplicates").status_code == 403
    assert call_api(olive, "/api/application/score", application=first["key"], score=7).json()["score"] == 7
    assert call_api(alice, "/api/calls/longhua-compute/2026/rounds").status_code == 403
    made = call_api(olive, "/api/calls/longhua-compute/2026/rounds").json()
    assert [line["shared_fen"] for line in made["lines"]] == [20_000_000, 20_000_000]
    assert alice.get("/api/application", {"key": first["key"]}).json()["shared_fen"] is None
    assert alice.get("/api/round", {"key": made["key"]}).status_code == 404
    opened = call_api(olive, "/api/round/notice", round=made["key"], until="2026-11-30").json()
    assert (opened["state"], opened["is_same"]) == ("notice", True)
    assert Client().get("/api/round", {"key": made["key"]}).json() == opened
    objection = call_api(charlie, "/api/application/objections", application=first["key"], text="why").json()
    assert (charlie.get("/api/objections").json(), alice.get("/api/objections").json()) == ([objection], [])
    decided = call_api(olive, "/api/objection/decision", objection=objection["key"], upheld=False, reason="so").json()
    assert decided["upheld"] is False
    assert call_api(olive, "/api/application/withdrawal", application=first["key"]).status_code == 409
    assert call_api(charlie, "/api/round/award", round=made["key"]).status_code == 403


def test_nothing_of_a_refused_applicants_share_is_shown(ready: City) -> None:
    """Two share 400,000 yuan by halves; against one an objection is upheld: its former share stands nowhere."""
    pot(ready)
    made = noticed(ready, days_ago=20, until=-1)
    mine = Application.objects.get(organisation=ready.firm)
    Objection.objects.create(
        key="o", application=mine, person_id=ready.bob.person_id or 0, text="…", upheld=True, reason="r", raised_at=NOW
    )
    award_round(made, as_of=DAY, actor=ready.olive, now=NOW, idempotency_key="award")
    page = Client().get(f"/notices/{made.key}").content.decode()
    (row,) = re.findall(rf'<tr id="a-{mine.key}">.*?</tr>', page)
    assert ("¥200,000.00" in row, "¥300,000.00" in row, "异议成立" in row) == (False, True, True)
    found = Client().get("/api/round", {"key": made.key}).json()
    assert {line["state"]: (line["shared_fen"], line["bound_by"]) for line in found["lines"]} == {
        "refused": (None, ""), "awarded": (20_000_000, "pot"),
    }  # fmt: skip
    assert found["is_same"] is True
    # "Given" is what is given, and the applicant's own page and list say the same.
    assert page.count("¥200,000.00") == 2
    client = signed_in(ready.alice)
    assert client.get("/api/application", {"key": mine.key}).json()["shared_fen"] is None
    for address in (f"/applications/{mine.key}", "/desk"):
        assert "¥200,000.00" not in client.get(address).content.decode(), address


def test_a_call_lists_what_is_asked_and_until_when(ready: City) -> None:
    pot(ready)
    text = Client().get(CALL).content.decode()
    assert ("注册地在龙华区" in text, "40.00 万元" in text, "评审台" in text) == (True, True, False)
    (call,) = Client().get("/api/calls").json()
    assert (call["programme"], call["is_open"], call["left_fen"]) == ("longhua-compute", True, 40_000_000)
    # The text names no budget; the call has what the operator put in, and everything says that alike.
    assert (call["budget_fen"], call["text_budget_fen"]) == (40_000_000, None)
    whence = "开立资金池时设定；政策条文未写明预算"
    entitled = signed_in(ready.alice).get(f"/organisations/{ready.firm.key}/programmes/longhua-compute")
    programme = Client().get("/programmes/longhua-compute").content.decode()
    for shown in (text, programme, entitled.content.decode()):
        assert ("40.00 万元" in shown, whence in shown, "政策条文：预算金额未知" in shown) == (True, True, True)
    assert Client().get("/api/calls/longhua-compute/2025").status_code == 404


def test_a_lottery_can_be_drawn_again_from_the_notice(ready: City) -> None:
    from siwei.policy import lottery_digest

    open_pot(programmes()["xunli"], "2026", 200_000_000, actor=ready.olive, now=NOW, idempotency_key="x")
    application = Application.objects.create(
        key="a1", organisation=ready.firm, pot=Pot.objects.get(), claim_fen=5, applied_at=NOW,
        decision=ready.deal.decision(award_fen=5, version_sha256=programmes()["xunli"].sha256),
    )  # fmt: skip
    made = share_applications(
        programmes()["xunli"], Pot.objects.get(), attributes=pack().attributes, as_of=DAY, sharing=Sharing.LOTTERY,
        seed="2026-11-23 大乐透 <1>", actor=ready.olive, now=NOW, idempotency_key="r",
    )  # fmt: skip
    open_notice(made, until=DAY, as_of=DAY, actor=ready.olive, now=NOW, idempotency_key="n")
    text = Client().get("/notices/r").content.decode()
    assert lottery_digest(made.seed, application.key) in text
    assert re.search(r"大乐透 &lt;1&gt;", text)


def test_a_reviewer_sees_on_the_desk_what_waits_for_a_score(ready: City) -> None:
    pot(ready)
    apply(ready, ready.firm, ready.alice)
    rita = make_person("rita", is_reviewer=True)
    told = signed_in(rita).get("/desk").content.decode()
    assert ("1 份申报待评分" in told, f'href="{CALL}"' in told) == (True, True)
    assert "待评分" not in signed_in(ready.bob).get("/desk").content.decode()
    Application.objects.update(score=80)
    assert "待评分" not in signed_in(rita).get("/desk").content.decode()


def test_no_more_is_put_into_a_pot_than_the_programmes_text_has(ready: City) -> None:
    known = programmes()["yuliao"].pot
    assert known is not None and known.budget_fen == 5_000_000_000
    given = {"period": "2026", "budget": "50000", "unit": "wan"}
    answer = form("/programmes/yuliao/pot", signed_in(ready.olive), **given)
    assert (answer.status_code, "¥50,000,000.00" in answer.content.decode()) == (400, True)
    assert not Pot.objects.exists()
    assert form("/programmes/yuliao/pot", signed_in(ready.olive), **given | {"budget": "5000"}).status_code == 302


def test_a_claim_beyond_the_decision_is_told_what_can_be_claimed(ready: City) -> None:
    pot(ready)
    for claim in ("-1", "0", "300000.01"):
        given = {"claim": claim, "unit": "yuan", "contracts": "HT-1", "invoices": ""}
        answer = form(APPLY, signed_in(ready.alice), **given)
        assert (answer.status_code, "不超过 ¥300,000.00" in answer.content.decode()) == (409, True)
    assert not Application.objects.exists()


def returned(city: City, monkeypatch: pytest.MonkeyPatch) -> Application:
    """Both asked for 300,000 yuan of 400,000 and have 200,000; what one had came back. Returns who waits."""
    known = programmes()["longhua-compute"]
    assert known.pot is not None
    rule = replace(known, pot=replace(known.pot, returns=Returns.WAITING))
    known_all = {**programmes(), rule.id: rule}
    for module in ("siwei.portal.queries.calls", "siwei.portal.queries.notices"):
        monkeypatch.setattr(f"{module}.programmes", lambda: known_all)
    pot(city)
    shared(city)
    SharingRound.objects.update(returns="waiting")
    made = open_notice(
        SharingRound.objects.get(), until=DAY, as_of=DAY, actor=city.olive, now=NOW, idempotency_key="notice"
    )
    award_round(made, as_of=DAY + timedelta(days=1), actor=city.olive, now=NOW, idempotency_key="award")
    lost = Application.objects.get(organisation=city.firm)
    grant_round(made, actor=city.olive, now=NOW)
    claw_back_grant(
        lost.key, lost.shared_fen or 0, because="审计", actor=city.olive, now=NOW, idempotency_key="claw-back"
    )
    return Application.objects.get(organisation=city.outsider)


def test_what_came_back_is_proposed_and_shared_on_the_calls_page(ready: City, monkeypatch: pytest.MonkeyPatch) -> None:
    first = returned(ready, monkeypatch)
    olive, ann, charlie = (signed_in(each) for each in (ready.olive, ready.ann, ready.charlie))
    page = olive.get(CALL).content.decode()
    assert "给予未足额获得的申报者" in page
    section = page[page.index("分配退回的资金") :]
    assert ("200,000.00" in section, "100,000.00" in section, "分配给他们" in section) == (True, True, True)
    seen = ann.get(CALL).content.decode()
    assert ("分配退回的资金" in seen, "分配给他们" in seen) == (True, False)
    assert "分配退回的资金" not in charlie.get(CALL).content.decode()
    assert "另有申报者等待" in olive.get("/calls").content.decode()
    assert form(CALL, charlie, act="share_returned").status_code == 403
    for _ in range(2):
        response = form(CALL, olive, act="share_returned")
        assert response.status_code == 302
    made = SharingRound.objects.get(is_supplementary=True)
    assert response.headers["Location"] == f"/notices/{made.key}"
    notice = olive.get(f"/notices/{made.key}").content.decode()
    assert ("补充轮次" in notice, "再次分配结果一致" in notice or "✓" in notice) == (True, True)
    extra = made.applications.get()
    assert (extra.supplement_to, extra.shared_fen) == (first, 10_000_000)
    assert f"/applications/{first.key}" in olive.get(f"/applications/{extra.key}").content.decode()
    assert "分配退回的资金" not in olive.get(CALL).content.decode()


def test_what_came_back_is_proposed_and_shared_through_the_api(ready: City, monkeypatch: pytest.MonkeyPatch) -> None:
    first = returned(ready, monkeypatch)
    address = "/api/calls/longhua-compute/2026/returned"
    olive, charlie = signed_in(ready.olive), signed_in(ready.charlie)
    assert olive.get(address).json() == {
        "budget_fen": 20_000_000,
        "sharing": "pro_rata",
        "waiting": [{"application": first.key, "wanted_fen": 10_000_000, "share_fen": 10_000_000}],
        "unscored": [],
    }
    for client in (charlie, signed_in(ready.bob)):
        assert (client.get(address).status_code, call_api(client, address).status_code) == (403, 403)
    assert Client().get(address).status_code in (401, 403)
    for _ in range(2):
        made = call_api(olive, address).json()
    assert (made["is_supplementary"], made["returns"], made["budget_fen"], made["is_same"]) == (
        True, "waiting", 20_000_000, True,
    )  # fmt: skip
    told = olive.get(f"/api/application?key={made['lines'][0]['application']}").json()
    assert (told["supplement_to"], told["claim_fen"], told["shared_fen"]) == (first.key, 10_000_000, 10_000_000)
    assert olive.get(address).json() == {"budget_fen": 0, "sharing": None, "waiting": [], "unscored": []}
    assert call_api(olive, address, idempotency_key="more").status_code == 409
    assert olive.get("/api/calls/longhua-compute/2026").json()["returns"] == "waiting"


def test_a_pot_that_cannot_be_shared_says_so_on_its_page_and_takes_no_desk_down(
    ready: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    returned(ready, monkeypatch)
    SharingRound.objects.update(sharing="not_known")
    olive = signed_in(ready.olive)
    response = olive.get(CALL)
    assert (response.status_code, 'role="alert"' in response.content.decode()) == (200, True)
    for address in ("/calls", "/desk"):
        assert "另有申报者等待" in olive.get(address).content.decode()
    assert form(CALL, olive, act="share_returned").status_code == 400


def test_by_merit_the_page_tells_who_waits_without_a_score(ready: City, monkeypatch: pytest.MonkeyPatch) -> None:
    returned(ready, monkeypatch)
    SharingRound.objects.update(sharing="merit")
    olive = signed_in(ready.olive)
    page = olive.get(CALL).content.decode()
    assert ("目前均不能获得" in page, "分配给他们" in page) == (True, False)
    # Another that waits has a score: it gets what is there.
    lost = Application.objects.get(organisation=ready.firm)
    ClawBack.objects.all().delete()
    Application.objects.filter(pk=lost.pk).update(score=90)
    page = olive.get(CALL).content.decode()
    assert ("另有 1 份申报等待但不参与分配" in page, "分配给他们" in page) == (True, True)
    answer = olive.get("/api/calls/longhua-compute/2026/returned").json()
    assert ([each["application"] for each in answer["waiting"]], len(answer["unscored"])) == ([lost.key], 1)


def test_later_applications_are_not_offered_to_be_shared_before_what_came_back(
    ready: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    returned(ready, monkeypatch)
    for name, value in (("district", "longhua"), ("longhua_compute_paid", "100000000")):
        know(ready.centre, name, value, is_public=False)
    apply(ready, ready.centre, ready.bob, contract="HT-9")
    olive, offered = signed_in(ready.olive), 'name="act" value="share"'
    page = olive.get(CALL).content.decode()
    assert ("请先分配退回的资金" in page, offered in page) == (True, False)
    assert form(CALL, olive, act="share").status_code == 409
    assert form(CALL, olive, act="share_returned").status_code == 302
    page = olive.get(CALL).content.decode()
    assert ("请先分配退回的资金" in page, offered in page) == (False, True)


def test_an_earlier_years_call_leads_to_the_current_one(ready: City) -> None:
    pot(ready)
    open_pot(programmes()["longhua-compute"], "2025", 40_000_000, actor=ready.olive, now=NOW, idempotency_key="before")
    alice = signed_in(ready.alice)
    before = alice.get("/calls/longhua-compute/2025").content.decode()
    assert (APPLY in before, f'href="{CALL}">' in before, "当前的征集" in before) == (False, True, True)
    page = alice.get(CALL).content.decode()
    assert (APPLY in page, "当前的征集" in page) == (True, False)

"""Projects on pages and by the API: opened, described, decided clause by clause; and applied for."""

import json
import shutil
from dataclasses import replace
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from portal_city import NOW, City, know, signed_in

from siwei.city.home import PACKS
from siwei.exchange.awards.vouchers import open_pot
from siwei.exchange.models import Application, Fact, Project, ProjectFact, Voucher
from siwei.market.bank import exact_yuan
from siwei.policy import load_programme
from siwei.policy.checks.drafts import load_stacking_text
from siwei.policy.programmes import Citation, Programme, State
from siwei.portal import city_pack
from siwei.portal.api import calls as calls_api
from siwei.portal.queries import calls as calls_queries
from siwei.portal.queries import entitlements, together

pytestmark = pytest.mark.django_db
KEY = "n-00000000000000aa/灵巧手"
PAGE = "/projects/n-00000000000000aa/灵巧手"
FACTS = {
    "project_field": "key_technology", "project_months": "24", "project_budget": "100000000",
    "project_own_funds": "20000000", "project_funded_elsewhere": "false", "project_partners": "2",
    "project_has_firm": "true",
}  # fmt: skip
APPLY = "/organisations/n-00000000000000aa/programmes/{programme}/apply"


@pytest.fixture
def opened(city: City) -> City:
    response = signed_in(city.alice).post(
        "/projects", {"organisation": city.firm.key, "name": "灵巧手", "token": "one"}
    )
    assert (response.status_code, Project.objects.count()) == (302, 1)
    return city


def declare(client: Client, **values: str) -> Any:
    body = {"project": KEY, "idempotency_key": "k", "values": {name: {"value": each} for name, each in values.items()}}
    return client.post("/api/project/declarations", json.dumps(body), content_type="application/json")


def released(programme_id: str, monkeypatch: pytest.MonkeyPatch) -> Programme:
    """The programme as if its text had sources: in force, so that it may release money."""
    made, cited = city_pack.programmes()[programme_id], Citation("试验", "")
    changed = replace(
        made,
        state=State.IN_FORCE,
        clauses=tuple(replace(each, citation=cited) for each in made.clauses),
        award=replace(made.award, citation=cited),
        parameters=tuple(replace(each, citation=cited) for each in made.parameters),
        limits=tuple(replace(each, citation=cited) for each in made.limits),
    )
    assert not changed.is_draft
    monkeypatch.setitem(city_pack.programmes(), programme_id, changed)
    entitlements._explained.cache_clear()
    return changed


def test_a_project_is_described_on_its_page_and_decided_there(opened: City) -> None:
    client = signed_in(opened.alice)
    text = client.get(PAGE).content.decode()
    assert ("联合研究课题资助" in text, "孔雀计划（团队资助）" in text, "参与单位数" in text) == (True, True, True)
    form = {
        f"value-{name}": value for name, value in FACTS.items() if name not in ("project_budget", "project_own_funds")
    }
    money = {"value-project_budget": "100", "unit-project_budget": "wan", "value-project_own_funds": "20",
             "unit-project_own_funds": "wan"}  # fmt: skip
    for _ in range(2):
        assert client.post(PAGE, {"token": "t", **form, **money}).status_code == 302
    assert ProjectFact.objects.count() == len(FACTS)
    found = client.get("/api/project", {"key": KEY}).json()
    topic = next(each for each in found["explanations"] if each["programme"] == "research-topic")
    assert (topic["verdict"], topic["award"]["award_fen"], found["partners"]) == (
        "eligible", 50_000_000, [opened.firm.key],
    )  # fmt: skip
    # Designed by us, so drafts: shown apart, and in no sum.
    assert (found["together"], set(found["alone_fen"].values()), found["paid_together_fen"]) == ([], {None}, 0)
    told = next(each for each in found["drafts"] if each["programme"] == "research-topic")
    assert (told["entitled_fen"], told["kept_fen"], told["gain_fen"]) == (50_000_000, 50_000_000, 50_000_000)
    page = client.get(PAGE).content.decode()
    assert ('id="together"' in page, told["sentence"]["zh"] in page) == (True, True)
    assert topic["sentence"]["zh"] in page
    assert "50.00 万元" in page


def test_a_form_that_cannot_be_used_keeps_what_was_typed(opened: City) -> None:
    response = signed_in(opened.alice).post(PAGE, {"value-project_months": "many", "token": "t"})
    text = response.content.decode()
    assert (response.status_code, 'value="many"' in text, "这不是数字" in text) == (400, True, True)
    assert ProjectFact.objects.count() == 0


@pytest.mark.parametrize(("who", "sees"), [("bob", 404), ("charlie", 404), ("olive", 200), ("ann", 200)])
def test_a_project_is_its_leaders_and_the_offices_alone(opened: City, who: str, sees: int) -> None:
    client = signed_in(getattr(opened, who))
    assert client.get(PAGE).status_code == sees
    assert client.get("/api/project", {"key": KEY}).status_code == sees
    assert declare(client, project_months="1").status_code in (403, 404)
    assert len(client.get("/api/projects").json()) == (1 if sees == 200 else 0)
    assert (
        client.post("/projects", {"organisation": opened.firm.key, "name": "别人的", "token": "x"}).status_code == 403
    )
    assert (ProjectFact.objects.count(), Project.objects.count()) == (0, 1)


def test_a_visitor_signs_in_first(opened: City) -> None:
    assert (Client().get("/projects").status_code, Client().get(PAGE).status_code) == (302, 404)


def test_a_project_is_applied_for_from_its_page(opened: City, monkeypatch: pytest.MonkeyPatch) -> None:
    programme = released("research-topic", monkeypatch)
    open_pot(programme, "2026", 900_000_000, actor=opened.olive, now=NOW, idempotency_key="pot")
    client = signed_in(opened.alice)
    assert declare(client, **FACTS).status_code == 200
    page = client.get(PAGE).content.decode()
    address = APPLY.format(programme="research-topic")
    assert f"{address}?subject=n-00000000000000aa%2F" in page
    given = {"token": "t", "claim": "50", "unit": "wan", "contracts": "任务书 1"}
    assert client.get(address, {"subject": KEY}).status_code == 200
    response = client.post(f"{address}?subject={KEY}", given)
    application = Application.objects.get()
    assert response.headers["Location"] == f"/applications/{application.key}"
    assert (application.decision.subject, application.claim_fen) == (KEY, 50_000_000)
    shown = client.get(f"/applications/{application.key}").content.decode()
    assert ("属于基础研究或关键技术" in shown, "灵巧手" in shown) == (True, True)
    # Neither for the organisation itself, nor for a project that is not there, nor twice.
    assert client.post(address, given).status_code == 404
    assert client.post(f"{address}?subject={opened.firm.key}/none", given).status_code == 404
    assert client.post(f"{address}?subject={KEY}", {**given, "token": "u"}).status_code == 409


def test_a_contract_is_applied_for_from_the_agreements_page(dealt: City, monkeypatch: pytest.MonkeyPatch) -> None:
    programme = released("compute-contract", monkeypatch)
    open_pot(programme, "2026", 900_000_000, actor=dealt.olive, now=NOW, idempotency_key="pot-cc")
    client = signed_in(dealt.alice)
    address = APPLY.format(programme="compute-contract")
    page = client.get("/agreements/deal").content.decode()
    assert f"{address}?subject=deal%2F1" in page
    (explanation,) = client.get("/api/claim?id=deal/1").json()["explanations"]
    award = explanation["award"]["award_fen"]
    assert award
    form = client.get(address, {"subject": "deal/1"}).content.decode()
    assert ('rows="3" maxlength="5000">deal</textarea>' in form, "deal/1" in form) == (True, True)
    body = {"programme": "compute-contract", "subject": "deal/1", "claim_fen": award, "idempotency_key": "k",
            "documents": [{"kind": "contract", "number": "deal"}]}  # fmt: skip
    api = f"/api/organisations/{dealt.firm.key}/applications"
    refused = signed_in(dealt.bob).post(api, json.dumps(body), content_type="application/json")
    assert refused.status_code == 403
    made = client.post(api, json.dumps(body), content_type="application/json")
    assert (made.status_code, made.json()["subject"], made.json()["claim_fen"]) == (200, "deal/1", award)
    again = client.post(api, json.dumps({**body, "idempotency_key": "l"}), content_type="application/json")
    assert (again.status_code, "此前已从该资金池申领" in again.json()["detail"]) == (409, True)
    more = client.post(api, json.dumps({**body, "claim_fen": award + 1}), content_type="application/json")
    assert more.status_code == 409


def test_limits_over_several_contracts_bind_what_is_applied_for(dealt: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 10 fen per organisation and year, as if the programme said so."""
    programme = released("compute-contract", monkeypatch)
    small = tuple(
        replace(each, values=((date.min, 10),)) if each.id == "per_year" else each for each in programme.parameters
    )
    programme = replace(programme, parameters=small)
    monkeypatch.setitem(city_pack.programmes(), "compute-contract", programme)
    open_pot(programme, "2026", 900_000_000, actor=dealt.olive, now=NOW, idempotency_key="pot-cc")
    client = signed_in(dealt.alice)
    page = client.get(APPLY.format(programme="compute-contract"), {"subject": "deal/1"}).content.decode()
    assert "每家单位每年合计最高 5 万元" in page
    body = {"programme": "compute-contract", "subject": "deal/1", "claim_fen": 11, "idempotency_key": "k",
            "documents": [{"kind": "contract", "number": "deal"}]}  # fmt: skip
    api = f"/api/organisations/{dealt.firm.key}/applications"
    refused = client.post(api, json.dumps(body), content_type="application/json")
    assert (refused.status_code, "'organisation-year'" in refused.json()["detail"]) == (409, True)
    body |= {"claim_fen": 10}
    assert client.post(api, json.dumps(body), content_type="application/json").status_code == 200


def test_what_is_held_already_is_weighed_and_the_rule_named(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the contracts may be supported in all: 1.28 of 2.56 million yuan. With 1.2 million of Longhua's, the
    voucher gives 80,000."""
    for name, value in (("longhua_compute_paid", "400000000"),):
        know(city.firm, name, value, is_public=False)
    city.firm.facts.filter(attribute="district").update(value="longhua")
    for name in ("longhua-compute", "xunli"):
        made = released(name, monkeypatch)
        changed = replace(made, window=None)
        monkeypatch.setitem(city_pack.programmes(), name, changed)
        open_pot(changed, "2026", 900_000_000, actor=city.olive, now=NOW, idempotency_key=f"pot-{name}")
    client = signed_in(city.alice)

    def apply(programme: str, claim_fen: int, key: str) -> Any:
        body = {"programme": programme, "claim_fen": claim_fen, "idempotency_key": key,
                "documents": [{"kind": "contract", "number": f"HT-{key}"}]}  # fmt: skip
        address = f"/api/organisations/{city.firm.key}/applications"
        return client.post(address, json.dumps(body), content_type="application/json")

    xunli = APPLY.format(programme="xunli")
    assert "叠加规则" not in client.get(xunli).content.decode()
    assert apply("longhua-compute", 120_000_000, "lh").status_code == 200
    page = client.get(xunli).content.decode()
    assert ("叠加规则" in page, "同一算力合同获其他财政支持的" in page, "8.00 万元" in page) == (True, True, True)
    entitlement = client.get(xunli.removesuffix("/apply")).content.decode()
    assert "同一算力合同获其他财政支持的" in entitlement
    refused = apply("xunli", 8_000_001, "x1")
    detail = refused.json()["detail"]
    assert (refused.status_code, "'compute-contract'" in detail, "只余 ¥80,000.00" in detail) == (409, True, True)
    assert apply("xunli", 8_000_000, "x2").status_code == 200
    assert "没有可申领的金额" in client.get(xunli).content.decode()
    # What is withdrawn is held no more.
    key = Application.objects.get(pot__programme="longhua-compute").key
    client.post(f"/applications/{key}", {"act": "withdraw", "token": "w"})
    assert "叠加规则" not in client.get(xunli).content.decode()


SUMS = """\
aggregates:
  staff: {of: members, sum: employees, unit: people, words: {zh: 集团人数, en: Staff of the group}}
"""


def test_pages_and_the_api_say_what_a_sum_waits_for(
    dealt: City, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of a contract, a project and an organisation: the firm has not said how many people it has."""
    Fact.objects.filter(organisation=dealt.firm, attribute="employees").delete()
    Project.objects.create(organisation=dealt.firm, name="p", opened_at=NOW)
    known, texts = city_pack.pack().attributes, PACKS / "shenzhen" / "programmes"
    shutil.copy(texts / "size_classes.csv", tmp_path)
    for name in ("compute-contract", "research-topic", "xunli"):
        text = (texts / f"{name}.yaml").read_text(encoding="utf-8")
        text = (
            text.replace("aggregates:\n", SUMS)
            if "aggregates:" in text
            else text.replace("clauses:\n", SUMS + "clauses:\n")
        )
        text = text.replace("expr: ", "expr: staff >= 0 && ", 1)
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        monkeypatch.setitem(city_pack.programmes(), name, load_programme(tmp_path / f"{name}.yaml", known))
    entitlements._explained.cache_clear()
    client = signed_in(dealt.alice)
    api = {
        "/api/claim?id=deal/1": lambda found: found["explanations"],
        f"/api/project?key={dealt.firm.key}/p": lambda found: found["explanations"],
        f"/api/organisations/{dealt.firm.key}/entitlements/xunli": lambda found: [found],
    }
    for address, explanations in api.items():
        found = client.get(address)
        assert found.status_code == 200, (address, found.content)
        gaps = [gap for each in explanations(found.json()) for gap in each["not_added_up"]]
        assert [(gap["aggregate"], gap["row"], gap["attributes"]) for gap in gaps] == [
            ("staff", dealt.firm.key, ["employees"])
        ], address
    told = "“Staff of the group” cannot be added up yet"
    for address in (
        "/agreements/deal",
        f"/projects/{dealt.firm.key}/p",
        f"/organisations/{dealt.firm.key}/programmes/xunli",
    ):
        found = client.get(address, headers={"accept-language": "en"})
        assert (found.status_code, told in found.content.decode()) == (200, True), address
    # Whoever may not see the contract's claim is told nothing of it.
    page = signed_in(dealt.charlie).get("/agreements/deal", headers={"accept-language": "en"})
    assert told not in page.content.decode()


def test_a_limit_that_cannot_be_told_names_the_facts_it_waits_for(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Longhua and the voucher may give together hangs on what nobody said of the firm's R&D."""
    text = (PACKS / "shenzhen" / "stacking.yaml").read_text(encoding="utf-8")
    rules = load_stacking_text(
        text.replace("- compute_other_support", "- rd_expensed"), city_pack.pack().attributes,
        [*city_pack.programmes().values()],
    )  # fmt: skip
    for module in (calls_api, calls_queries, entitlements):
        monkeypatch.setattr(module, "stacking", lambda: rules)
    entitlements._combined.cache_clear()
    know(city.firm, "longhua_compute_paid", "400000000", is_public=False)
    city.firm.facts.filter(attribute="district").update(value="longhua")
    for name in ("longhua-compute", "xunli"):
        changed = replace(released(name, monkeypatch), window=None)
        monkeypatch.setitem(city_pack.programmes(), name, changed)
        open_pot(changed, "2026", 900_000_000, actor=city.olive, now=NOW, idempotency_key=f"pot-{name}")
    client, firm = signed_in(city.alice), f"/organisations/{city.firm.key}"

    def apply(programme: str, fen: int) -> Any:
        body = {"programme": programme, "claim_fen": fen, "idempotency_key": programme,
                "documents": [{"kind": "contract", "number": programme}]}  # fmt: skip
        return client.post(f"/api{firm}/applications", json.dumps(body), content_type="application/json")

    found = client.get(f"/api{firm}/entitlements").json()
    (rule,) = [each for part in found["combination"]["parts"] for each in part["rules"]]
    assert (rule["limit_fen"], rule["missing"]) == (None, ["rd_expensed"])
    assert apply("longhua-compute", 120_000_000).status_code == 200
    attribute = city_pack.pack().attributes["rd_expensed"]
    for address in (firm, APPLY.format(programme="xunli")):
        for language, told, name in (
            ("en", "To be given:", attribute.name_en),
            ("zh-hans", "需提供：", attribute.name_zh),
        ):
            page = client.get(address, headers={"accept-language": language}).content.decode()
            assert f"{told} {escape(name)}" in page, (address, language)
    refused = apply("xunli", 1)
    assert (refused.status_code, "计算所需的事实：rd_expensed" in refused.json()["detail"]) == (409, True)
    entitlements._combined.cache_clear()


ONE_CONTRACT = """\
groups:
  - id: one-contract
    programmes: [compute-contract, district-contract]
    limit: contract_own_paid * 15 / 100
    reduce: [district-contract, compute-contract]
    words: {zh: 同一合同合计不超过自付的 15%, en: At most 15 % of one contract's own payments}
    citation: {document: Trial}
"""


def test_a_rule_on_contracts_weighs_what_is_held_of_the_same_contract(
    dealt: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two programmes each give 10 % of what was paid on a contract; together at most 15 %."""
    programme = released("compute-contract", monkeypatch)
    other = replace(programme, id="district-contract")
    monkeypatch.setitem(city_pack.programmes(), other.id, other)
    rules = load_stacking_text(ONE_CONTRACT, city_pack.pack().attributes, [programme, other])
    for module in (calls_api, calls_queries, together):
        monkeypatch.setattr(module, "stacking", lambda: rules)
    for each in (programme, other):
        open_pot(each, "2026", 900_000_000, actor=dealt.olive, now=NOW, idempotency_key=f"pot-{each.id}")
    client = signed_in(dealt.alice)
    found = client.get("/api/claim?id=deal/1").json()
    award = found["explanations"][0]["award"]["award_fen"]
    (part,) = found["together"]
    both = part["rules"][0]["limit_fen"]
    assert (part["best"]["total_fen"], award < both < 2 * award) == (both, True)
    page = client.get("/agreements/deal").content.decode()
    assert "同一合同合计不超过自付的 15%" in page

    def apply(name: str, claim_fen: int, key: str) -> Any:
        body = {"programme": name, "subject": "deal/1", "claim_fen": claim_fen, "idempotency_key": key,
                "documents": [{"kind": "contract", "number": key}]}  # fmt: skip
        address = f"/api/organisations/{dealt.firm.key}/applications"
        return client.post(address, json.dumps(body), content_type="application/json")

    assert apply("compute-contract", award, "one").status_code == 200
    refused = apply("district-contract", both - award + 1, "two")
    assert refused.status_code == 409
    assert all(
        each in refused.json()["detail"]
        for each in ("one-contract", f"compute-contract {exact_yuan(award)}", "除已有的")
    )
    form = client.get(APPLY.format(programme="district-contract"), {"subject": "deal/1"}).content.decode()
    assert "同一合同合计不超过自付的 15%" in form
    assert apply("district-contract", both - award, "three").status_code == 200
    (part,) = client.get("/api/claim?id=deal/1").json()["together"]
    assert part["held_fen"] == {"compute-contract": award, "district-contract": both - award}
    assert (part["best"]["total_fen"], "held already" in part["sentence"]["en"]) == (both, True)


ONE_FIRM = """\
joint:
  - id: one-firm
    programmes: [district-contract, compute-contract, xunli]
    limit: "{limit}"
    reduce: [district-contract, compute-contract, xunli]
    words: {{zh: 每家一年合计, en: One firm in a year}}
    citation: {{document: Trial}}
"""


def test_a_joint_limit_weighs_what_the_firm_and_all_its_contracts_hold(
    dealt: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    programme = released("compute-contract", monkeypatch)
    other = replace(programme, id="district-contract")
    monkeypatch.setitem(city_pack.programmes(), other.id, other)
    known = [programme, other, city_pack.programmes()["xunli"]]
    client = signed_in(dealt.alice)
    award = client.get("/api/claim?id=deal/1").json()["explanations"][0]["award"]["award_fen"]
    # The firm itself holds a training voucher of the year.
    held = sum(
        Voucher.objects.filter(organisation=dealt.firm, pot__programme="xunli").values_list("cap_fen", flat=True)
    )
    rules = load_stacking_text(ONE_FIRM.format(limit=held + award + 7), city_pack.pack().attributes, known)
    for module in (calls_api, calls_queries, together):
        monkeypatch.setattr(module, "stacking", lambda: rules)
    for each in (programme, other):
        open_pot(each, "2026", 900_000_000, actor=dealt.olive, now=NOW, idempotency_key=f"pot-{each.id}")

    def apply(name: str, claim_fen: int, key: str) -> Any:
        body = {"programme": name, "subject": "deal/1", "claim_fen": claim_fen, "idempotency_key": key,
                "documents": [{"kind": "contract", "number": key}]}  # fmt: skip
        address = f"/api/organisations/{dealt.firm.key}/applications"
        return client.post(address, json.dumps(body), content_type="application/json")

    assert apply("compute-contract", award, "one").status_code == 200
    refused = apply("district-contract", 8, "two")
    assert refused.status_code == 409
    told = ("one-firm", f"compute-contract {exact_yuan(award)}", f"xunli {exact_yuan(held)}", "只余 ¥0.07")
    assert (held > 0, [each for each in told if each not in refused.json()["detail"]]) == (True, [])
    form = client.get(APPLY.format(programme="district-contract"), {"subject": "deal/1"}).content.decode()
    assert "每家一年合计" in form
    assert apply("district-contract", 7, "three").status_code == 200

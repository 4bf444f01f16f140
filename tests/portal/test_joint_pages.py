"""Joint limits on pages and in the API: what the organisation, its contracts and its projects get together, who of them
takes how much, and what is left; a person's awards with what they hold."""

import json
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from portal_city import NOW, City, signed_in
from test_person_awards_pages import applied, open_call, post, ready
from test_project_pages import FACTS, KEY, declare, released

from siwei.exchange.awards.vouchers import open_pot
from siwei.exchange.models import AgreementLine, Application, Pot, Pseudonym, Usage, Voucher
from siwei.policy.checks.drafts import load_stacking_text
from siwei.policy.combinations.combination import CombinationExplanation
from siwei.policy.programmes import Programme, State
from siwei.portal import city_pack
from siwei.portal.api import calls as calls_api
from siwei.portal.queries import calls, entitlements, programmes, together
from siwei.portal.queries.claims import claims_explained

__all__ = ["open_call"]
pytestmark = pytest.mark.django_db
FIRM = "/organisations/n-00000000000000aa"
RULES = """\
joint:
  - id: one-firm
    programmes: [compute-contract, research-topic, xunli]
    limit: "{limit}"
    reduce: [research-topic, compute-contract, xunli]
    words: {{zh: 每家一年合计, en: One firm in a year}}
    citation: {{document: Trial}}
"""


@pytest.fixture
def known(dealt: City, monkeypatch: pytest.MonkeyPatch) -> dict[str, Programme]:
    """Programmes for the firm, its contracts and its projects in force; the firm has a project that is eligible."""
    client = signed_in(dealt.alice)
    client.post("/projects", {"organisation": dealt.firm.key, "name": "灵巧手", "token": "one"})
    assert declare(client, **FACTS).status_code == 200
    found = {name: released(name, monkeypatch) for name in ("compute-contract", "research-topic")}
    return found | {"xunli": city_pack.programmes()["xunli"]}


@pytest.fixture
def limited(known: dict[str, Programme], monkeypatch: pytest.MonkeyPatch) -> Any:
    def put(limit: str) -> None:
        rules = load_stacking_text(RULES.format(limit=limit), city_pack.pack().attributes, [*known.values()])
        for module in (calls_api, calls, entitlements, programmes, together):
            monkeypatch.setattr(module, "stacking", lambda: rules)

    return put


def held_of(city: City) -> int:
    return sum(Voucher.objects.filter(organisation=city.firm, pot__programme="xunli").values_list("cap_fen", flat=True))


def alone(client: Client) -> dict[str, int]:
    """What each gives by itself."""
    claim = client.get("/api/claim?id=deal/1").json()["explanations"]
    project = client.get("/api/project", {"key": KEY}).json()["explanations"]
    own = client.get(f"/api{FIRM}/entitlements").json()["explanations"]
    return {each["programme"]: each["award"]["award_fen"] for each in (*claim, *project, *own)}


def test_the_limit_and_what_is_left_stand_on_every_page(dealt: City, known: Any, limited: Any) -> None:
    client = signed_in(dealt.alice)
    awards, held = alone(client), held_of(dealt)
    contract, topic, own = (awards[name] for name in ("compute-contract", "research-topic", "xunli"))
    assert min(contract, topic, held) > 0
    mine = max(own, held)
    # The project is cut first, by all but 7 fen of what is left beside the contract and the firm's own.
    limit = mine + contract + 7
    limited(str(limit))
    claim = client.get("/api/claim?id=deal/1").json()
    project = client.get("/api/project", {"key": KEY}).json()
    firm = client.get(f"/api{FIRM}/entitlements").json()["combination"]
    for found in (claim, project, firm):
        (joint,) = found["joint"]
        assert (joint["limit_fen"], joint["held_fen"], joint["counted_fen"], joint["kept_fen"], joint["left_fen"]) == (
            limit, held, mine + contract + topic, limit, 0,
        )  # fmt: skip
        assert {(each["kind"], each["id"]): each["kept_fen"] for each in joint["awards"]} == {
            ("organisation", dealt.firm.key): mine, ("claim", "deal/1"): contract, ("project", KEY): 7,
        }  # fmt: skip
    assert [part["best"]["total_fen"] for part in (*claim["together"], *project["together"])] == [contract, 7]
    assert project["paid_together_fen"] == 7
    for address in (FIRM, f"{FIRM}/dossier", "/agreements/deal", f"/projects/{KEY}"):
        page = client.get(address).content.decode()
        assert ("每家一年合计" in page, 'id="joint-one-firm"' in page, "尚余" in page) == (True, True, True), address
        # By what was needed and by the project's name, not by their ids.
        assert ('href="/agreements/deal">合同 “' in page, ">项目 “灵巧手”</a>" in page) == (True, True), address
    # One of the agreement's other party, or nobody, sees what the firm gets of it.
    for who in ("bob", "charlie"):
        other = signed_in(getattr(dealt, who))
        for address in (FIRM, "/agreements/deal", f"/projects/{KEY}", f"{FIRM}/programmes/xunli"):
            text = other.get(address).content.decode()
            assert [told for told in ("joint-one-firm", "每家一年合计") if told in text] == [], (who, address)


def test_a_firms_contracts_are_decided_once_however_many_are_shown(dealt: City, known: Any, limited: Any) -> None:
    """Each of its lines gets what it gets when it is asked for alone."""
    line = AgreementLine.objects.get(agreement__key="deal", number=1)
    for number in (2, 3):
        line.pk, line.number = None, number
        line.save()
        for usage in Usage.objects.filter(line__agreement__key="deal", line__number=1):
            usage.pk, usage.line, usage.reading = None, line, f"{usage.reading}.{number}"
            usage.save()
    limited("100000")
    ids = [f"deal/{number}" for number in (1, 2, 3)]
    alone: dict[str, CombinationExplanation] = {}
    for id in ids:
        with CaptureQueriesContext(connection) as one:
            alone |= together.together(dealt.firm, "claim", [id])
    with CaptureQueriesContext(connection) as all_of_them:
        assert together.together(dealt.firm, "claim", ids) == alone
    assert alone["deal/1"].parts
    assert (len(one) > 10, len(all_of_them)) == (True, len(one))
    lines = list(
        AgreementLine.objects.filter(agreement__key="deal").select_related("agreement", "provider", "consumer")
    )
    claims = claims_explained(lines, dealt.alice)
    assert {each.id: each.together for each in claims} == alone


def test_the_page_of_an_entitlement_names_who_takes_the_rest(dealt: City, known: Any, limited: Any) -> None:
    client = signed_in(dealt.alice)
    awards, held = alone(client), held_of(dealt)
    own, contract = awards["xunli"], awards["compute-contract"]
    limited(str(held + contract // 2))
    found = client.get(f"/api{FIRM}/entitlements/xunli").json()
    (joint,) = [each for each in found["bindings"] if each["kind"] == "joint"]
    # The contract and the project are cut before the firm's own, of which what is held is not cut.
    assert (joint["rule"], joint["before_fen"], joint["after_fen"]) == ("one-firm", own, held + contract // 2)
    assert {(each["kind"], each["id"]): each["kept_fen"] for each in joint["others"]} == {
        ("claim", "deal/1"): 0, ("project", KEY): 0,
    }  # fmt: skip
    assert "同一机构的其他扶持未占用此上限" in client.get(f"{FIRM}/programmes/xunli").content.decode()
    limited(str(own + contract // 2))
    (part,) = client.get("/api/claim?id=deal/1").json()["together"]
    assert (part["best"]["kept_fen"], part["best"]["cuts"]) == (
        {"compute-contract": contract // 2},
        [{"programme": "compute-contract", "group": "one-firm", "amount_fen": contract - contract // 2}],
    )
    assert "因“每家一年合计”核减" in client.get("/agreements/deal").content.decode()


def test_a_limit_that_is_not_known_is_said(dealt: City, known: Any, limited: Any) -> None:
    limited("rd_expensed")
    client = signed_in(dealt.alice)
    (part,) = client.get("/api/project", {"key": KEY}).json()["together"]
    assert (part["best"], "not known yet" in part["sentence"]["en"]) == (None, True)
    page = client.get(f"/projects/{KEY}").content.decode()
    assert "上限所需的事实未知" in page


def test_what_is_applied_for_takes_of_the_limit(dealt: City, known: Any, limited: Any) -> None:
    """The best of all is weighed with what is held, and the market gives exactly what is left beside it."""
    client = signed_in(dealt.alice)
    awards, held = alone(client), held_of(dealt)
    limited(str(max(awards["xunli"], held) + awards["compute-contract"]))
    open_pot(known["compute-contract"], "2026", 900_000_000, actor=dealt.olive, now=NOW, idempotency_key="pot-cc")
    body = {"programme": "compute-contract", "subject": "deal/1", "claim_fen": awards["compute-contract"],
            "idempotency_key": "one", "documents": [{"kind": "contract", "number": "one"}]}  # fmt: skip
    made = client.post(f"/api{FIRM}/applications", json.dumps(body), content_type="application/json")
    assert made.status_code == 200, made.content
    (limit,) = client.get("/api/project", {"key": KEY}).json()["joint"]
    assert limit["held_fen"] == held + awards["compute-contract"]
    assert {each["programme"]: each["held_fen"] for each in limit["awards"]} == {
        "compute-contract": awards["compute-contract"], "research-topic": 0, "xunli": held,
    }  # fmt: skip


def test_what_a_contract_holds_of_another_year_does_not_count(dealt: City, known: Any, limited: Any) -> None:
    """It stays the contract's, and takes nothing of this year's limit."""
    client = signed_in(dealt.alice)
    awards, held = alone(client), held_of(dealt)
    contract, own = awards["compute-contract"], max(awards["xunli"], held)
    open_pot(known["compute-contract"], "2026", 900_000_000, actor=dealt.olive, now=NOW, idempotency_key="pot-cc")
    body = {"programme": "compute-contract", "subject": "deal/1", "claim_fen": contract, "idempotency_key": "one",
            "documents": [{"kind": "contract", "number": "one"}]}  # fmt: skip
    made = client.post(f"/api{FIRM}/applications", json.dumps(body), content_type="application/json")
    assert made.status_code == 200, made.content
    Pot.objects.filter(programme="compute-contract").update(period="2025")
    limited(str(own + 7))
    claim = client.get("/api/claim?id=deal/1").json()
    (limit,), (part,) = claim["joint"], claim["together"]
    assert (part["held_fen"], part["best"]["kept_fen"]) == (
        {"compute-contract": contract},
        {"compute-contract": contract},
    )
    assert (limit["held_fen"], limit["kept_fen"]) == (held, own + 7)
    assert {each["programme"]: (each["kept_fen"], each["counted_fen"]) for each in limit["awards"]} == {
        "compute-contract": (contract, 0), "research-topic": (7, 7), "xunli": (own, own),
    }  # fmt: skip


GROUPED = """\
groups:
  - id: own-together
    programmes: [xunli, yuliao]
    limit: "9000000000 * 1"
    applies_from: 1
    reduce: [xunli, yuliao]
    words: {zh: 本企业合计, en: The firm itself}
    citation: {document: Trial}
"""


@pytest.mark.parametrize("text", [RULES.format(limit="9000000000 * 1"), GROUPED])
def test_a_draft_adds_what_is_held_of_it_and_nothing_more_to_what_is_paid(
    dealt: City, known: Any, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    client = signed_in(dealt.alice)
    own, held = alone(client)["xunli"], held_of(dealt)
    assert own > held > 0
    rules = load_stacking_text(text, city_pack.pack().attributes, city_pack.programmes().values())
    monkeypatch.setattr(entitlements, "stacking", lambda: rules)
    before = entitlements.entitlements(dealt.firm, dealt.alice).combination
    draft = replace(city_pack.programmes()["xunli"], state=State.DRAFT)
    monkeypatch.setitem(city_pack.programmes(), "xunli", draft)
    entitlements._explained.cache_clear()
    entitlements._combined.cache_clear()
    found = entitlements.entitlements(dealt.firm, dealt.alice).combination
    assert before is not None
    assert found is not None
    (line,) = [each for each in found.lines if each.programme == "xunli"]
    assert (line.is_draft, line.together_fen, line.held_fen) == (True, held, held)
    assert (before.paid_fen or 0) - (found.paid_fen or 0) == own - held
    page = client.get(FIRM).content.decode()
    if found.explanation.joint:
        section = page[page.index('id="joint-one-firm"') :]
        rows = section[: section.index("</section>")].split("<tr>")[2:]
        assert ["机构本身" in each for each in rows] == ['<span class="tag tag-draft">' in each for each in rows]
        assert '<span class="tag tag-draft">' in section
    entitlements._explained.cache_clear()
    entitlements._combined.cache_clear()


def test_rules_that_bear_on_a_programme_stand_on_its_page(dealt: City, known: Any, limited: Any) -> None:
    limited("revenue / 10")
    page = Client().get("/programmes/xunli").content.decode()
    assert ('id="beside"' in page, "每家一年合计" in page, "revenue / 10" in page) == (True, True, True)
    assert 'href="/programmes/research-topic"' in page
    assert 'id="beside"' not in Client().get("/programmes/yuliao").content.decode()


def test_a_draft_says_exactly_what_has_no_source(city: City) -> None:
    page = Client().get("/programmes/peacock").content.decode()
    start = page.index('id="draft"')
    notice = page[start : page.index("</div>", start)]
    assert ("不拨付资金" in notice, "<code>level</code>" in notice, notice.count("<li>")) == (True, True, 1)
    found = Client().get("/api/programmes/peacock").json()
    assert [(each["part"], each["id"]) for each in found["unsourced"]] == [("clause", "level")]
    state = Client().get("/programmes/rd-super-deduction-chips").content.decode()
    assert "各处均有出处，但尚未生效" in state
    for name, programme in city_pack.programmes().items():
        told = Client().get(f"/api/programmes/{name}").json()
        assert len(told["unsourced"]) == len(programme.unsourced), name
        assert told["is_draft"] or not told["unsourced"], name
        text = Client().get(f"/programmes/{name}").content.decode()
        assert ('id="draft"' in text) == programme.is_draft, name


def test_the_api_tells_the_same_of_a_released_programme(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    made = released("peacock", monkeypatch)
    monkeypatch.setitem(city_pack.programmes(), "peacock", replace(made, id="peacock"))
    assert Client().get("/api/programmes/peacock").json()["unsourced"] == []


PERSON_RULES = """\
groups:
  - id: one-person
    programmes: [talent-subsidy, other-subsidy]
    limit: person_income_tax + 5
    reduce: [other-subsidy, talent-subsidy]
    words: {zh: 个人合计, en: One person}
    citation: {document: Trial}
"""


def test_a_persons_best_combination_counts_what_they_hold(open_call: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 300,000 applied for and as much again, 5 fen may be had besides: to the fen what the market would give."""
    client = signed_in(open_call.charlie)
    ready(client)
    before = client.get("/api/person/dossier").json()
    assert (before["held_fen"], before["paid_together_fen"]) == ({}, 300_000)
    charlie = applied(open_call)
    found = charlie.get("/api/person/dossier").json()
    assert (found["held_fen"], found["alone_fen"]["talent-subsidy"], found["paid_together_fen"]) == (
        {"talent-subsidy": 300_000}, 300_000, 300_000,
    )  # fmt: skip
    programme = city_pack.programmes()["talent-subsidy"]
    other = replace(programme, id="other-subsidy")
    rules = load_stacking_text(PERSON_RULES, city_pack.pack().attributes, [programme, other])
    monkeypatch.setitem(city_pack.programmes(), other.id, other)
    monkeypatch.setattr(together, "stacking", lambda: rules)
    found = charlie.get("/api/person/dossier").json()
    (part,) = found["together"]
    assert (part["held_fen"], part["best"]["kept_fen"], found["paid_together_fen"]) == (
        {"talent-subsidy": 300_000}, {"other-subsidy": 5, "talent-subsidy": 300_000}, 300_005,
    )  # fmt: skip
    page = charlie.get("/desk/dossier").content.decode()
    assert (f"其中已持有{programme.title.zh} 3,000 元" in page, "已申报或已获得的部分计入" in page) == (True, True)
    # What they declare less of now takes nothing away of what is held.
    values = {"person_income_tax": {"value": "100000"}}
    assert post(charlie, "/api/person/declarations", idempotency_key="less", values=values).status_code == 200
    (part,) = charlie.get("/api/person/dossier").json()["together"]
    assert part["best"]["kept_fen"]["talent-subsidy"] == 300_000
    # It is theirs alone: for another who asks there is nothing held, nor a pseudonym.
    key = Pseudonym.objects.get().key
    for who in ("alice", "bob", "olive", "ann"):
        other_person = signed_in(getattr(open_call, who))
        assert other_person.get("/api/person/dossier").json()["held_fen"] == {}
        assert key not in other_person.get("/desk/dossier").content.decode()
    assert Client().get("/api/person/dossier").status_code in (401, 403)
    # What is withdrawn is held no more.
    application = Application.objects.get()
    charlie.post(f"/applications/{application.key}", {"act": "withdraw", "token": "w"})
    assert charlie.get("/api/person/dossier").json()["held_fen"] == {}

"""Acting on an agreement from its page and by the API; and that an outsider does nothing to it."""

import html
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from exchange_deal import DAY
from portal_city import NOW, City, signed_in
from pytest_django import DjangoDbBlocker
from telling import told

from siwei.exchange.models import Agreement, Cap, Dispute, Event, Transfer, Usage
from siwei.exchange.trading import caps
from siwei.exchange.trading.jobs import record_usage
from siwei.exchange.trading.listings import withdraw_listing
from siwei.exchange.trading.quotes import quote_match
from siwei.exchange.trading.settlement import settle_day
from siwei.portal.acts import ACTS, ON_AGREEMENTS, ON_JOBS, ON_LISTINGS

FIRM = "n-00000000000000aa"


def act(client: Client, name: str, key: str = "deal", /, **given: Any) -> Any:
    return client.post(f"/acts/{name}", {"key": key, "token": f"t-{name}-{sorted(given)}", **given})


def call(client: Client, name: str, key: str = "deal", /, **given: Any) -> Any:
    body = {"key": key, "idempotency_key": f"i-{name}", **given}
    return client.post(f"/api/acts/{name}", body, content_type="application/json")


@pytest.fixture(scope="module")
def signed_once(city_once: City, django_db_blocker: DjangoDbBlocker) -> Iterator[City]:
    city = deepcopy(city_once)
    with told(django_db_blocker, city.deal.signed):
        yield city


@pytest.fixture
def signed(signed_once: City, db: None) -> City:
    return deepcopy(signed_once)


def given_for(name: str) -> dict[str, Any]:
    return {
        "number": 1, "text": "x", "dispute": "d", "amount": 1, "role": "finance", "starts_on": "2026-01-01",
        "ends_on": "2026-12-31", "need": "need", "offer": "offer",
        "reading": Usage.objects.values_list("reading", flat=True).first() or "",
        "name": "深圳市甲视觉科技有限公司",
        "decision": "decision", "period": "2026-11", "account": "755900012310", "bank_code": "105584000021",
        "order": "x",
    }  # fmt: skip


def key_for(city: City, name: str) -> str:
    """What the act is on: the agreement, the firm, a listing of the firm's, a quote or a voucher of its."""
    if name == "propose":
        return quote_match("need", "offer", as_of=DAY, actor=city.alice, now=NOW, idempotency_key="told").key
    if name == "counter":
        city.deal.submit()
        city.deal.finish()
    if name == "true_up":
        return "voucher"
    if name in ON_JOBS:
        return city.deal.submit().key
    return "deal" if name in ON_AGREEMENTS else "need" if name in ON_LISTINGS else FIRM


@pytest.mark.parametrize("name", sorted(ACTS))
def test_an_outsider_does_nothing(signed: City, name: str) -> None:
    key = key_for(signed, name)
    before = (Event.objects.count(), Transfer.objects.count(), Agreement.objects.get().state)
    # To resolve is the operator's, of whatever dispute: that is asked first. Open listings are public.
    is_hidden = name in {*ON_JOBS, *ON_AGREEMENTS, "introduce", "decline", "quote", "propose"} - {"resolve"}
    of_charlie = (404,) if is_hidden else (403, 404)
    for client, refused in ((signed_in(signed.charlie), of_charlie), (signed_in(signed.ann), (403,))):
        assert act(client, name, key, **given_for(name)).status_code in refused
        assert call(client, name, key, **given_for(name)).status_code in refused
    assert call(Client(), name, key, **given_for(name)).status_code == 401
    assert act(Client(), name, key, **given_for(name)).status_code == 302
    assert (Event.objects.count(), Transfer.objects.count(), Agreement.objects.get().state) == before


@pytest.mark.parametrize("name", sorted({*ON_AGREEMENTS, *ON_LISTINGS, *ON_JOBS, "true_up"}))
def test_an_outsider_does_not_learn_what_there_is(signed: City, name: str) -> None:
    """An act on what is others' is answered as one on what is nowhere: by the same status and the same words."""
    there = hidden_from_charlie(signed, name)
    answers = []
    for named in (there, {each: f"no-such-{each}" for each in there}):
        client, given = signed_in(signed.charlie), given_for(name) | named
        key = given.pop("key")
        by_form, by_program = act(client, name, key, **given), call(client, name, key, **given)
        texts = [words(by_form.content.decode()), json.dumps(by_program.json(), ensure_ascii=False)]
        for each in named:
            texts = [text.replace(f"no-such-{each}", there[each]) for text in texts]
        answers.append((by_form.status_code, by_program.status_code, *texts))
    assert answers[0] == answers[1]
    assert answers[0][:2] == ((403, 403) if name == "resolve" else (404, 404))


def hidden_from_charlie(signed: City, name: str) -> dict[str, str]:
    """What the act names: others', and not on the market."""
    if name in ON_LISTINGS:
        key = key_for(signed, name) if name == "propose" else "offer" if name == "approach" else "need"
        for each, owner in (("need", signed.alice), ("offer", signed.bob)):
            withdraw_listing(each, actor=owner, now=NOW)
        return {"key": key, "need": "need", "offer": "offer"}
    if name not in ON_AGREEMENTS:
        return {"key": key_for(signed, name), "decision": "decision"}
    signed.deal.submit()
    signed.deal.finish()
    reading = Usage.objects.get().reading
    disputed = {"text": "x", "reading": reading, "idempotency_key": "quarrel"}
    assert call(signed_in(signed.alice), "dispute", **disputed).status_code == 200
    return {"key": "deal", "dispute": Dispute.objects.get().key, "reading": reading}


def words(page: str) -> str:
    """What a page says, without its tags."""
    return html.unescape(" ".join(re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL).split()))


def test_from_signature_to_cancellation_by_forms(city: City) -> None:
    deal = city.deal
    deal.now = timezone.now()  # it is signed by the clock, so it ends a month after that
    deal.propose(deal.match())
    deal.budget()
    page = signed_in(city.alice).get("/agreements/deal").content.decode()
    assert "/acts/sign" in page
    assert "/acts/settle" not in page
    for person in (city.alice, city.bob):
        assert act(signed_in(person), "sign").status_code == 302
    assert Agreement.objects.get().state == "signed"
    assert act(signed_in(city.alice), "cancel", text="").status_code in (302, 400)
    assert Agreement.objects.get().state == "cancelled"


def test_a_dispute_from_a_page_to_its_outcome(signed: City) -> None:
    assert act(signed_in(signed.alice), "dispute", text="读数偏高 <b>").status_code == 302
    dispute = Dispute.objects.get()
    for person in (signed.alice, signed.bob, signed.olive):
        page = signed_in(person).get("/disputes").content.decode()
        assert ("读数偏高 &lt;b&gt;" in page, "<b>" in page.partition("<main")[2].replace("<b>生成", "")) == (
            True,
            False,
        )
    assert "读数偏高" not in signed_in(signed.charlie).get("/disputes").content.decode()
    assert call(signed_in(signed.bob), "settle").status_code == 409
    assert call(signed_in(signed.bob), "answer", dispute=dispute.key, text="已复核").status_code == 200
    assert call(signed_in(signed.olive), "resolve", dispute=dispute.key, text="核定").status_code == 200
    assert Agreement.objects.get().state == "signed"


def offered(person: Any) -> set[str]:
    """Which acts of a dispute the page has forms for."""
    page = signed_in(person).get("/agreements/deal").content.decode()
    named = set(re.findall(r'action="/acts/(\w+)"', page)) & {"answer", "agree", "resolve", "withdraw"}
    return named | ({"attach"} if 'action="/evidence"' in page else set())


def test_in_a_dispute_each_is_offered_what_they_may_do(signed: City) -> None:
    act(signed_in(signed.alice), "dispute", text="读数偏高")
    dispute = Dispute.objects.get()
    assert [offered(each) for each in (signed.alice, signed.bob, signed.olive, signed.ann)] == [
        {"answer", "attach", "withdraw"}, {"answer", "attach"}, {"resolve"}, set(),
    ]  # fmt: skip
    assert call(signed_in(signed.bob), "answer", dispute=dispute.key, text="已复核", amount=1).status_code == 200
    assert [offered(each) - {"answer", "attach"} for each in (signed.alice, signed.bob)] == [
        {"agree", "withdraw"}, set(),
    ]  # fmt: skip
    assert call(signed_in(signed.olive), "resolve", dispute=dispute.key, text="核定").status_code == 200
    assert [offered(each) for each in (signed.alice, signed.bob, signed.olive)] == [set(), set(), set()]


def test_what_a_dispute_brought_back_stands_beside_what_was_paid(signed: City) -> None:
    deal = signed.deal
    record_usage("deal", 1, reading="r", quantity=3_600, measured={}, actor=deal.cast.bob, now=deal.now)
    settle_day(as_of=deal.now.date(), actor=deal.cast.olive, now=deal.now)
    # A quantity of a reading, though the form has a unit of money beside it for deliveries.
    given = {"text": "读数偏高", "about": "reading:r", "amount": "1800", "amount_in": "wan"}
    assert act(signed_in(signed.alice), "dispute", **given).status_code == 302
    dispute = Dispute.objects.get()
    assert dispute.claimed == 1_800
    assert act(signed_in(signed.olive), "resolve", dispute=dispute.key, text="核定", amount="1800").status_code == 302
    assert (Dispute.objects.get().returned_voucher_fen, Dispute.objects.get().returned_own_fen) == (10_800, 7_200)
    page = signed_in(signed.alice).get("/agreements/deal").content.decode()
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr.*?</tr>", page)]
    assert [row[1:5] for row in rows if "已退回" in row] == [["−¥180.00", "−¥180.00", "−¥108.00", "−¥72.00"]]
    trail = page.partition('id="entry-')[2]
    assert ("¥108.00" in trail, "¥72.00" in trail, trail.count("争议裁定") >= 2) == (True, True, True)


def test_a_cap_is_set_and_shown_to_its_own_people(signed: City) -> None:
    given = {"amount": "2000000", "starts_on": "2026-01-01", "ends_on": "2026-12-31"}
    assert act(signed_in(signed.alice), "cap", FIRM, **given).status_code == 302
    assert Cap.objects.get().amount == 2_000_000
    row = signed.firm.name + "</th>"
    assert row in signed_in(signed.alice).get("/budgets").content.decode()
    assert row not in signed_in(signed.bob).get("/budgets").content.decode()


def test_what_an_alert_is_of_stands_with_it_and_on_the_desk(signed: City) -> None:
    """Of 14,401 fen that the firm pays itself."""
    given: dict[str, Any] = {"starts_on": date(2026, 1, 1), "ends_on": date(2026, 12, 31), "actor": signed.alice}
    given["now"] = signed.deal.now
    caps.open_project(FIRM, "视觉", actor=signed.alice, now=signed.deal.now, idempotency_key="p")
    caps.set_cap(FIRM, 15_000, **given, is_hard=False, idempotency_key="soft")
    caps.set_cap(FIRM, 3_600, **given, unit="accelerator-second", idempotency_key="seconds")
    caps.set_cap(FIRM, 15_000, **given, project="视觉", idempotency_key="project")
    said = {}
    for page in ("/budgets", "/desk"):
        for name in ("alice", "bob"):
            text = signed_in(getattr(signed, name)).get(page).content.decode()
            lines = re.findall(r"<li>.*? % ?[:：].*?</li>", text)
            said[page, name] = [" ".join(re.sub(r"<[^>]+>", " ", line).split()[2:]) for line in lines]
    firm = signed.firm.name
    period, hour = "2026-01-01 – 2026-12-31", "3,600 加速卡秒（1.00 小时）"
    fen, seconds = f"¥144.01 / ¥150.00 {period}", f"{hour} / {hour} {period}"
    assert said == {
        ("/budgets", "alice"): [
            *(f"{firm} · {per_cent} %：{seconds}" for per_cent in (100, 90, 75)),
            *(f"{firm} · {per_cent} %：{fen}" for per_cent in (90, 75)),
        ],
        ("/desk", "alice"): [f"{firm} · 100 %：{seconds}", f"{firm} · 90 %：{fen}"],
        ("/budgets", "bob"): [], ("/desk", "bob"): [],
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong", [{"amount": "-1"}, {"amount": "1.5"}, {"amount": "9" * 30}, {"amount": ""}, {"starts_on": "never"}]
)
def test_what_is_typed_wrongly_is_said(signed: City, wrong: dict[str, str]) -> None:
    given = {"amount": "1", "starts_on": "2026-01-01", "ends_on": "2026-12-31"} | wrong
    response = act(signed_in(signed.alice), "cap", FIRM, **given)
    assert (response.status_code, "Traceback" in response.content.decode()) == (400, False)
    assert not Cap.objects.exists()


def test_an_unknown_act_names_those_there_are(signed: City) -> None:
    response = call(signed_in(signed.alice), "dance")
    assert (response.status_code, "sign, approve" in response.json()["detail"]) == (404, True)


def test_what_happened_leads_to_what_it_happened_to(signed: City) -> None:
    for step in (signed.deal.submit, signed.deal.finish, signed.deal.settle):
        step()
    client = signed_in(signed.alice)
    text = client.get("/desk").content.decode()
    section = text[text.index("动态") :]
    addresses = set(re.findall(r'<a href="([^"#]+)', section[: section.index("</ul>")]))
    assert "/agreements/deal" in addresses
    assert {client.get(address).status_code for address in addresses} == {200}

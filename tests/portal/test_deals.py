"""Acting on an agreement from its page and by the API; and that an outsider does nothing to it."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from exchange_deal import DAY
from portal_city import NOW, City, signed_in

from siwei.exchange.models import Agreement, Cap, Dispute, Event, Transfer, Usage
from siwei.exchange.quotes import quote_match
from siwei.portal.acts import ACTS, ON_AGREEMENTS, ON_JOBS, ON_LISTINGS

FIRM = "n-00000000000000aa"


def act(client: Client, name: str, key: str = "deal", /, **given: Any) -> Any:
    return client.post(f"/acts/{name}", {"key": key, "token": f"t-{name}-{sorted(given)}", **given})


def call(client: Client, name: str, key: str = "deal", /, **given: Any) -> Any:
    body = {"key": key, "idempotency_key": f"i-{name}", **given}
    return client.post(f"/api/acts/{name}", body, content_type="application/json")


@pytest.fixture
def signed(city: City) -> City:
    city.deal.signed()
    return city


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
    for client, allowed in ((signed_in(signed.charlie), (403, 404)), (signed_in(signed.ann), (403,))):
        assert act(client, name, key, **given_for(name)).status_code in allowed
        assert call(client, name, key, **given_for(name)).status_code in allowed
    assert call(Client(), name, key, **given_for(name)).status_code == 401
    assert act(Client(), name, key, **given_for(name)).status_code == 302
    assert (Event.objects.count(), Transfer.objects.count(), Agreement.objects.get().state) == before


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


def test_a_cap_is_set_and_shown_to_its_own_people(signed: City) -> None:
    given = {"amount": "2000000", "starts_on": "2026-01-01", "ends_on": "2026-12-31"}
    assert act(signed_in(signed.alice), "cap", FIRM, **given).status_code == 302
    assert Cap.objects.get().amount == 2_000_000
    row = signed.firm.name + "</th>"
    assert row in signed_in(signed.alice).get("/budgets").content.decode()
    assert row not in signed_in(signed.bob).get("/budgets").content.decode()


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


def test_what_happened_leads_to_what_it_happened_to(dealt: City) -> None:
    client = signed_in(dealt.alice)
    text = client.get("/desk").content.decode()
    section = text[text.index("动态") :]
    addresses = set(re.findall(r'<a href="([^"#]+)', section[: section.index("</ul>")]))
    assert "/agreements/deal" in addresses
    assert {client.get(address).status_code for address in addresses} == {200}

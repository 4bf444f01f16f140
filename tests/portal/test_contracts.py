"""Contracts as claims, and the path between related parties: on pages and in the API, and for whom."""

from datetime import date

import pytest
from portal_city import NOW, City, signed_in

from siwei.exchange.models import Relation
from siwei.exchange.trading.agreements import sign_agreement

pytestmark = pytest.mark.django_db
CLAIM = "/api/claim?id=deal/1"


def tie(city: City, *, is_public: bool = False) -> None:
    Relation.objects.create(
        organisation=city.firm, other=city.centre, basis="shareholding", share_bp=5100, source="工商登记", known_at=NOW,
        is_public=is_public,
    )  # fmt: skip


def test_a_settled_contract_is_decided_on_the_page_and_by_the_api_alike(dealt: City) -> None:
    client = signed_in(dealt.alice)
    (explanation,) = client.get(CLAIM).json()["explanations"]
    assert (explanation["programme"], explanation["verdict"]) == ("compute-contract", "eligible")
    (line,) = client.get(f"/api/organisations/{dealt.firm.key}/claims").json()
    (verdict,) = line["verdicts"]
    assert (verdict["verdict"], verdict["award_fen"]) == ("eligible", explanation["award"]["award_fen"])
    assert line["facts"]["contract_paid"] == dealt.deal.settle().gross_fen
    page = client.get("/agreements/deal").content.decode()
    assert explanation["sentence"]["zh"] in page
    assert "本单位各算力合同自付合计" in page
    assert "deal/1" in client.get(f"/organisations/{dealt.firm.key}").content.decode()


def test_the_provider_sees_the_contract_and_not_what_its_consumer_is_entitled_to(dealt: City) -> None:
    page = signed_in(dealt.bob).get("/agreements/deal").content.decode()
    assert ("deal" in page, "算力合同自付补助" in page) == (True, False)


def test_a_related_provider_is_refused_with_the_path(dealt: City) -> None:
    tie(dealt)
    client = signed_in(dealt.alice)
    found = client.get(CLAIM).json()
    assert found["explanations"][0]["verdict"] == "not_eligible"
    assert [(step["holder"], step["held"], step["share_bp"]) for step in found["related_path"]] == [
        (dealt.firm.key, dealt.centre.key, 5100)
    ]
    words = f"{dealt.firm.name} 持有 {dealt.centre.name} 51%"
    assert words in client.get("/agreements/deal").content.decode()
    assert words in client.get("/listings/need").content.decode()
    (match,) = client.get("/api/matches?listing=need").json()
    assert match["related_path"][0]["words"]["en"] == f"{dealt.firm.name} holds 51% of {dealt.centre.name}"
    english = client.get("/listings/need", headers={"Accept-Language": "en"}).content.decode()
    assert "No subsidy flows between them:" in english


@pytest.mark.parametrize("key", ["deal/2", "deal/x", "deal", "/", "nobody/1", "deal/99999999999999999999"])
def test_a_claim_that_is_not_there(dealt: City, key: str) -> None:
    response = signed_in(dealt.alice).get("/api/claim", {"id": key})
    assert (response.status_code, "没有您可查看的申领项" in response.json()["detail"]) == (404, True)


def test_an_agreement_signed_after_the_city_s_day_has_a_page(city: City) -> None:
    """It is no claim yet, and its page says the rest all the same."""
    deal = city.deal
    deal.propose(deal.match())
    deal.budget()
    for person in (city.alice, city.bob):
        sign_agreement("deal", actor=person, now=deal.now, as_of=date(2026, 11, 30))
    assert signed_in(city.alice).get("/agreements/deal").status_code == 200

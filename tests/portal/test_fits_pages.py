"""The page and the API of the needs that fit an offer, and the act that applies."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from portal_city import NOW, City, make_person, signed_in

from siwei.exchange.actors import Actor
from siwei.exchange.models import Match
from siwei.exchange.trading.listings import publish_listing

pytestmark = pytest.mark.django_db
WANTED = {"title": "算法工程师", "skills": ["pytorch"], "experience_months": 12}
CAN = {"title": "求职", "skills": ["pytorch", "cuda"], "experience_months": 30}


def publish(side: str, key: str, body: dict[str, object], actor: Actor, owner: str | None) -> None:
    publish_listing(
        "position", side, title_zh=str(body["title"]), title_en=key, body=body, organisation=owner, actor=actor,
        now=NOW, idempotency_key=key,
    )  # fmt: skip


@pytest.fixture
def seeker(city: City) -> Actor:
    actor = make_person("seeker")
    publish("need", "vacancy", WANTED, city.alice, city.firm.key)
    publish("need", "doctor", {**WANTED, "degree": "doctor"}, city.bob, city.centre.key)
    publish("offer", "mine", CAN, actor, None)
    return actor


def text_of(client: Client, address: str) -> str:
    answer = client.get(address, headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_job_seeker_finds_applies_and_is_seen_from_then_on(city: City, seeker: Actor) -> None:
    client, alice = signed_in(seeker), signed_in(city.alice)
    assert "/fits?offer=mine" in text_of(client, "/listings/mine")
    assert "/fits?offer=mine" in text_of(client, "/listings/vacancy")
    page = text_of(client, "/fits?offer=mine")
    assert ("Apply for it" in page, "below the degree required" in page, "skills covered" in page) == (True, True, True)
    assert alice.get("/listings/mine").status_code == 404
    form = {"key": "mine", "need": "vacancy", "token": "t"}
    done = client.post("/acts/approach", form)
    assert (done.status_code, done.headers["Location"]) == (302, "/listings/mine")
    assert "Introduced" in text_of(client, "/fits?offer=mine")
    assert "/listings/mine" in text_of(alice, "/listings/vacancy")
    assert alice.get("/listings/mine").status_code == 200


def test_the_api_says_the_same(city: City, seeker: Actor) -> None:
    client = signed_in(seeker)
    told = client.get("/api/fitting-needs?offer=mine").json()
    [fit] = told["fitting"]
    assert (fit["need"], fit["rank"], fit["state"], told["rejected_count"]) == ("vacancy", 1, None, 1)
    assert told["rejected"] == [{"need": "doctor", "reason": {"zh": "学历未达要求", "en": "below the degree required"}}]
    body = {"key": "mine", "need": "vacancy", "idempotency_key": "k"}
    assert client.post("/api/acts/approach", body, content_type="application/json").status_code == 200
    assert client.get("/api/fitting-needs?offer=mine").json()["fitting"][0]["state"] == "introduced"
    refused = client.post("/api/acts/approach", {**body, "need": "doctor"}, content_type="application/json")
    assert (refused.status_code, "学历未达要求" in refused.json()["detail"]) == (409, True)


@pytest.mark.parametrize("who", ["visitor", "alice", "bob", "charlie"])
def test_outsiders_learn_nothing_of_a_persons_offer(city: City, seeker: Actor, who: str) -> None:
    client = Client() if who == "visitor" else signed_in(getattr(city, who))
    assert client.get("/fits?offer=mine").status_code == (302 if who == "visitor" else 404)
    assert client.get("/api/fitting-needs?offer=mine").status_code == 404
    answer = client.post("/api/acts/approach", {"key": "mine", "need": "vacancy", "idempotency_key": "k"},
                         content_type="application/json")  # fmt: skip
    assert (answer.status_code, Match.objects.count()) == (401 if who == "visitor" else 404, 0)
    assert "mine" not in text_of(client, "/listings/vacancy").replace("determine", "")


def test_the_auditor_reads_and_does_not_apply(city: City, seeker: Actor) -> None:
    ann = signed_in(city.ann)
    assert "Apply for it" not in text_of(ann, "/fits?offer=mine")
    assert ann.post("/acts/approach", {"key": "mine", "need": "vacancy", "token": "t"}).status_code == 403


def test_queries_do_not_grow_with_needs(city: City, seeker: Actor) -> None:
    client = signed_in(seeker)

    def count() -> int:
        client.get("/fits?offer=mine")
        with CaptureQueriesContext(connection) as captured:
            client.get("/fits?offer=mine")
        return len(captured)

    before = count()
    for number in range(5):
        publish("need", f"more-{number}", WANTED, city.alice, city.firm.key)
    assert count() == before

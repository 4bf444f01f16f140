"""The API does what the pages of a deal do: publish, quote, propose, meter, limit, launch; for whom, and only once."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.utils import timezone
from exchange_deal import DAY, NEED, OFFER
from portal_city import NOW, City, signed_in

from siwei.exchange.models import (
    Agreement,
    Dispute,
    Event,
    Job,
    Listing,
    Quote,
    TrueUp,
    Usage,
    Voucher,
)
from siwei.exchange.trading import agreements, approvals, caps
from siwei.exchange.trading.terms import LineTerms, PartyTerms
from siwei.market.kinds import KINDS

pytestmark = pytest.mark.django_db
FIRM, CENTRE = "n-00000000000000aa", "n-00000000000000bb"
LATER = (timezone.now() + timedelta(days=40)).isoformat()


def post(client: Client, address: str, **given: Any) -> Any:
    body = {"idempotency_key": "k", **given}
    return client.post(f"/api/{address}", json.dumps(body), content_type="application/json")


def listing(side: str, body: dict[str, Any], organisation: str) -> dict[str, Any]:
    return {
        "kind": "compute", "side": side, "organisation": organisation, "title_zh": "算力", "title_en": "Compute",
        "body": body,
    }  # fmt: skip


@pytest.fixture
def metered(city: City) -> City:
    """A signed agreement for service-days, which no engine meters."""
    agreements.propose_agreement(
        "service",
        [PartyTerms("consumer", FIRM), PartyTerms("provider", CENTRE)],
        ends_at=NOW + timedelta(days=30), lines=[LineTerms(CENTRE, FIRM, "检测", 20, "service-day", 1_000)],
        actor=city.alice, now=NOW, idempotency_key="service",
    )  # fmt: skip
    city.deal.budget()
    for person in (city.alice, city.bob):
        agreements.sign_agreement("service", actor=person, now=NOW, as_of=DAY)
    return city


class TestFromNeedToAgreement:
    def test_the_whole_way_and_each_step_once(self, city: City) -> None:
        alice, bob, charlie = (signed_in(each) for each in (city.alice, city.bob, city.charlie))
        voucher = city.deal.voucher()
        offer = post(bob, "listings", **listing("offer", OFFER, CENTRE)).json()
        need = post(alice, "listings", **listing("need", NEED, FIRM)).json()
        assert post(alice, "listings", **listing("need", NEED, FIRM)).json() == need
        assert post(alice, "listings", **listing("need", NEED | {"count": 2}, FIRM)).status_code == 409
        assert post(alice, "acts/match", key=need["key"], voucher=voucher.key).json()["made"] is None
        (match,) = alice.get("/api/matches", {"listing": need["key"]}).json()
        assert match["offer"] == offer["key"]
        asked = {"need": need["key"], "offer": offer["key"], "voucher": voucher.key}
        told = post(alice, "quotes", **asked).json()
        assert post(alice, "quotes", **asked).json() == told
        assert (told["gross_fen"], told["voucher_fen"], told["bound"], told["decision"]) == (
            36_001, 21_600, "rate", "decision",
        )  # fmt: skip
        assert alice.get("/api/quote", {"key": told["key"]}).json() == told
        assert [each["key"] for each in alice.get("/api/quotes").json()["items"]] == [told["key"]]
        assert charlie.get("/api/quote", {"key": told["key"]}).status_code == 404
        deal = post(alice, "agreements", kind="compute", quote=told["key"], ends_at=LATER).json()
        assert post(alice, "agreements", kind="compute", quote=told["key"], ends_at=LATER).json() == deal
        assert (Agreement.objects.count(), Quote.objects.count()) == (1, 1)
        assert alice.get("/api/quote", {"key": told["key"]}).json()["agreements"] == [deal["key"]]
        dearer = {"listing": offer["key"], "body": OFFER | {"price_fen_per_hour": 1}}
        assert post(bob, "listing/revision", **dearer).json()["body"]["price_fen_per_hour"] == 1
        assert Agreement.objects.get().lines.get().gross_fen == 36_001

    def test_a_proposal_with_money_by_milestone(self, city: City) -> None:
        given = {
            "kind": "scenario", "ends_at": LATER, "terms": {"验收": "按标准"},
            "parties": [{"role": "opener", "organisation": FIRM}, {"role": "solver", "organisation": CENTRE}],
            "lines": [
                {"provider": CENTRE, "consumer": FIRM, "description": "巡检", "quantity": 1, "unit": "milestone",
                 "unit_price_fen": 300},
            ],
            "deliveries": [
                {"title": "样机", "line": 1, "amount_fen": 100, "due_on": "2026-12-31"},
                {"title": "上线", "line": 1, "amount_fen": 200},
            ],
        }  # fmt: skip
        made = post(signed_in(city.bob), "agreements", **given)
        assert made.status_code == 200, made.content
        rows = signed_in(city.bob).get("/api/deliveries", {"agreement": made.json()["key"]}).json()["items"]
        assert [(each["title"], each["amount_fen"], each["waits_for"]) for each in rows] == [
            ("样机", 100, CENTRE), ("上线", 200, CENTRE),
        ]  # fmt: skip
        wrong = given | {"deliveries": given["deliveries"][:1], "idempotency_key": "other"}
        assert post(signed_in(city.bob), "agreements", **wrong).status_code == 400
        outside = post(signed_in(city.charlie), "agreements", **given)
        assert (outside.status_code, Agreement.objects.count()) == (403, 1)

    def test_kinds_say_what_they_ask(self, client: Client) -> None:
        found = {each["id"]: each for each in client.get("/api/kinds").json()}
        assert set(found) == set(KINDS)
        assert "accelerator" in found["compute"]["offer"]["properties"]


class TestMeters:
    def report(self, secret: Ed25519PrivateKey, reporter: str, quantity: int = 5, **given: Any) -> dict[str, Any]:
        said = {
            "agreement": "service", "line": 1, "meter": "days", "from": NOW.isoformat(),
            "to": (NOW + timedelta(days=1)).isoformat(), "quantity": quantity, "measured": {},
        }  # fmt: skip
        payload = json.dumps(said | given)
        return {"reporter": reporter, "payload": payload, "signature": secret.sign(payload.encode()).hex()}

    def registered(self, city: City) -> tuple[Ed25519PrivateKey, str]:
        secret = Ed25519PrivateKey.generate()
        given = {"organisation": CENTRE, "name": "工时表", "public_key": secret.public_key().public_bytes_raw().hex()}
        assert post(signed_in(city.alice), "reporters", **given).status_code == 403
        made = post(signed_in(city.bob), "reporters", **given).json()
        assert post(signed_in(city.bob), "reporters", **given).json() == made
        return secret, made["key_id"]

    def test_a_signed_report_is_taken_once_and_argued_with(self, metered: City) -> None:
        secret, reporter = self.registered(metered)
        bob, alice, charlie = (signed_in(each) for each in (metered.bob, metered.alice, metered.charlie))
        sent = self.report(secret, reporter)
        first = post(bob, "usage-reports", **sent)
        assert first.status_code == 200, first.content
        assert post(bob, "usage-reports", **sent).json() == first.json()
        assert (first.json()["quantity"], first.json()["reporters"], Usage.objects.count()) == (5, [reporter], 1)
        assert post(bob, "usage-reports", **self.report(secret, reporter, 6)).status_code == 409
        forged = sent | {"signature": "00" * 64}
        for client, given in ((bob, forged), (alice, sent), (charlie, sent)):
            assert post(client, "usage-reports", **given).status_code == 403
        reading = first.json()["reading"]
        for client in (bob, charlie):
            refused = post(client, "counter-readings", reading=reading, quantity=4)
            assert refused.status_code == (404 if client is charlie else 403)
        held = post(alice, "counter-readings", reading=reading, quantity=4).json()
        assert (held["counter_quantity"], held["is_held"]) == (4, True)
        assert post(alice, "counter-readings", reading=reading, quantity=4).json() == held
        (dispute,) = alice.get("/api/disputes").json()
        assert (dispute["reading"], dispute["claimed"], dispute["state"]) == (reading, 4, "open")
        assert charlie.get("/api/disputes").json() == []
        assert charlie.get("/api/readings").json()["count"] == 0
        agreed = post(bob, "acts/answer", key="service", dispute=dispute["key"], text="是 4 天", amount=4)
        assert agreed.status_code == 200
        assert post(alice, "acts/agree", key="service", dispute=dispute["key"]).status_code == 200
        assert Dispute.objects.get().outcome == Usage.objects.get().quantity == 4

    def test_a_revoked_key_signs_nothing_new(self, metered: City) -> None:
        secret, reporter = self.registered(metered)
        assert post(signed_in(metered.charlie), f"reporters/{reporter}/revocation").status_code == 403
        revoked = post(signed_in(metered.bob), f"reporters/{reporter}/revocation").json()
        assert revoked["revoked_at"] is not None
        assert post(signed_in(metered.bob), "usage-reports", **self.report(secret, reporter)).status_code == 403
        assert Client().get("/api/reporters", {"organisation": CENTRE}).json() == [revoked]
        assert Usage.objects.count() == 0

    def test_many_are_taken_at_once_and_each_that_is_not_says_why(self, metered: City) -> None:
        secret, reporter = self.registered(metered)
        bob, alice, charlie = (signed_in(each) for each in (metered.bob, metered.alice, metered.charlie))
        good, other = self.report(secret, reporter), self.report(secret, reporter, 6)
        sent = [{name: each[name] for name in ("payload", "signature")} for each in (good, other, good)]
        for client in (alice, charlie):
            assert post(client, "usage-reports/batch", reporter=reporter, reports=sent).status_code == 403
        assert post(Client(), "usage-reports/batch", reporter=reporter, reports=sent).status_code == 401
        assert Usage.objects.count() == 0
        for _ in range(2):
            answer = post(bob, "usage-reports/batch", reporter=reporter, reports=sent)
            assert answer.status_code == 200, answer.content
            first, refused, again = answer.json()
            assert (first, first["reading"]["quantity"], first["refused"]) == (again, 5, None)
            assert (refused["reading"], "record_usage" in refused["refused"]) == (None, True)
            assert Usage.objects.count() == 1
        for wrong in ([], sent * 200):
            assert post(bob, "usage-reports/batch", reporter=reporter, reports=wrong).status_code == 422

    @pytest.mark.parametrize(
        "wrong",
        [{"quantity": -1}, {"quantity": 1.5}, {"line": 9}, {"agreement": "none"}, {"to": "soon"}, {"more": 1}],
    )
    def test_a_report_that_cannot_be_used_is_refused(self, metered: City, wrong: dict[str, Any]) -> None:
        secret, reporter = self.registered(metered)
        response = post(signed_in(metered.bob), "usage-reports", **self.report(secret, reporter, **wrong))
        assert (response.status_code in (400, 404), Usage.objects.count()) == (True, 0)


class TestDisputes:
    def test_who_opens_one_is_told_its_key_and_can_go_on_with_it(self, metered: City) -> None:
        alice, bob = signed_in(metered.alice), signed_in(metered.bob)
        opened = post(alice, "acts/dispute", key="service", text="太慢").json()
        assert opened["made"] == Dispute.objects.get().key
        assert post(alice, "acts/dispute", key="service", text="太慢").json() == opened
        answered = post(bob, "acts/answer", key="service", dispute=opened["made"], text="已加快").json()
        assert answered["made"] == opened["made"]


class TestLimits:
    def test_caps_rules_and_approvals_are_their_own(self, city: City) -> None:
        now = timezone.now()
        caps.set_cap(FIRM, 20_000, starts_on=DAY, ends_on=DAY, actor=city.alice, now=now, idempotency_key="c")
        approvals.set_approval_rule(FIRM, "finance", 1, actor=city.alice, now=now, idempotency_key="r")
        city.deal.propose(city.deal.match())
        city.deal.budget()
        city.deal.sign(city.alice)
        seen = {}
        for name in ("alice", "bob", "charlie", "olive", "ann"):
            client = signed_in(getattr(city, name))
            seen[name] = [len(client.get(f"/api/{each}").json()) for each in ("caps", "approval-rules", "approvals")]
        assert seen == {"alice": [1, 1, 1], "bob": [0] * 3, "charlie": [0] * 3, "olive": [1] * 3, "ann": [1] * 3}
        assert [len(Client().get(f"/api/{each}").json()) for each in ("caps", "approval-rules", "approvals")] == [0] * 3
        (approval,) = signed_in(city.alice).get("/api/approvals", {"state": "open"}).json()
        assert (approval["role"], approval["requested_by"], approval["decided_by"]) == ("finance", "alice", None)

    def test_a_voucher_is_trued_up_by_the_operator(self, dealt: City) -> None:
        voucher = Voucher.objects.get()
        later = dealt.deal.decision(key="later", award_fen=60_000)
        given = {"voucher": voucher.key, "decision": later.key, "because": "年度清算"}
        before = Event.objects.count()
        for name in ("alice", "bob", "charlie", "ann"):
            assert post(signed_in(getattr(dealt, name)), "true-ups", **given).status_code in (403, 404)
        assert Event.objects.count() == before
        done = post(signed_in(dealt.olive), "true-ups", **given).json()
        assert (done["before_fen"], done["after_fen"], done["added_fen"]) == (50_000, 60_000, 10_000)
        assert post(signed_in(dealt.olive), "true-ups", **given).json() == done
        assert TrueUp.objects.count() == 1
        assert signed_in(dealt.alice).get("/api/true-ups").json() == [done]
        assert signed_in(dealt.bob).get("/api/true-ups").json() == []


class TestLaunch:
    def test_places_are_told_and_nothing_is_written(self, city: City) -> None:
        city.deal.offer()
        before = (Event.objects.count(), Listing.objects.count())
        asked = {"organisation": FIRM, "accelerator": "cpu", "count": 1, "minutes": 2}
        (place,) = post(signed_in(city.alice), "launch/places", **asked).json()["ranked"]
        assert (place["offer"], place["own_fen"], place["ahead"]) == ("offer", 1_200, 0)
        for name in ("bob", "charlie"):
            assert post(signed_in(getattr(city, name)), "launch/places", **asked).status_code == 403
        assert (Event.objects.count(), Listing.objects.count()) == before

    def test_who_launches(self, city: City) -> None:
        city.deal.signed()
        given = {"agreement": "deal", "line": 1, "specification": {"command": ["python", "-c", "1"]}}
        for name, status in (("charlie", 404), ("bob", 403), ("ann", 403)):
            assert post(signed_in(getattr(city, name)), "jobs", **given).status_code == status
        assert post(Client(), "jobs", **given).status_code == 401
        for wrong in ({"command": "python"}, {"command": []}, {"command": ["x"], "rank": 1}, {}):
            assert post(signed_in(city.alice), "jobs", **given | {"specification": wrong}).status_code == 400
        dear = given | {"specification": {"command": ["x"], "wall_limit_s": 7_200}}
        assert post(signed_in(city.alice), "jobs", **dear).status_code == 409
        assert Job.objects.count() == 0

"""From a need typed into a form to a signed agreement, in a browser's way: forms, redirects, what pages then say."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "market"))  # the bodies that the market's tests draw

import pytest
from bodies import body as any_body
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from exchange_deal import DAY, NEED, OFFER
from hypothesis import given, settings
from hypothesis import strategies as st
from portal_city import City, signed_in

from siwei.exchange.models import Agreement, Delivery, Event, Listing, Match, Quote
from siwei.exchange.trading import approvals, caps
from siwei.market.kinds import KINDS
from siwei.portal.listing_forms import body_of, form_fields, typed_body

pytestmark = pytest.mark.django_db
FIRM, CENTRE = "n-00000000000000aa", "n-00000000000000bb"
IN_A_MONTH, IN_HALF_A_YEAR = ((timezone.localdate() + timedelta(days=days)).isoformat() for days in (30, 180))
SIDES = [(kind, side) for kind in KINDS for side in ("offer", "need")]


def as_typed(body: dict[str, Any]) -> dict[str, Any]:
    """What a person would type to say this body."""
    typed: dict[str, Any] = {}
    for name, value in body.items():
        if value is None or value is False or name == "title":
            continue
        if "_fen" in name:
            typed[name], typed[f"unit-{name}"] = f"{value // 100}.{value % 100:02d}", "yuan"
        else:
            typed[name] = [str(each) for each in value] if isinstance(value, list | tuple) else str(value)
    return {**typed, **{name: "true" for name, value in body.items() if value is True}}


def posted(typed: dict[str, Any]) -> QueryDict:
    found = QueryDict(mutable=True)
    for name, value in typed.items():
        found.setlist(name, value if isinstance(value, list) else [value])
    return found


def publish(client: Client, kind: str, side: str, body: dict[str, Any], **given: Any) -> Any:
    named = {"title_zh": body["title"], "title_en": "A title", "token": f"{kind}{side}"}
    return client.post(f"/publish/{kind}/{side}", {**named, **as_typed(body), **given})


def act(client: Client, name: str, key: str, **given: Any) -> Any:
    return client.post(f"/acts/{name}", {"key": key, "token": f"t-{name}", **given})


class TestForms:
    @pytest.mark.parametrize(("kind", "side"), SIDES)
    def test_what_is_typed_is_what_is_published(self, kind: str, side: str) -> None:
        """Any body a schema allows, typed into its form, comes back the same; a filled form gives it again."""
        schema = body_of(KINDS[kind], side)

        @given(drawn=any_body(schema))
        @settings(max_examples=15, deadline=None, derandomize=True, database=None)
        def run(drawn: dict[str, Any]) -> None:
            wanted = schema.model_validate(drawn)
            read = typed_body(KINDS[kind], side, posted(as_typed(drawn)))
            assert schema.model_validate(read | {"title": drawn["title"]}) == wanted
            filled = {}
            for field in form_fields(KINDS[kind], side, None, wanted.model_dump(mode="json")):
                filled[field.name] = list(field.values) if field.form == "choices" else field.text
                filled[f"unit-{field.name}"] = field.unit
            again = typed_body(KINDS[kind], side, posted(filled))
            assert schema.model_validate(again | {"title": drawn["title"]}) == wanted

        run()

    @pytest.mark.parametrize(("kind", "side"), SIDES)
    def test_every_form_opens(self, city: City, kind: str, side: str) -> None:
        text = signed_in(city.alice).get(f"/publish/{kind}/{side}").content.decode()
        fields = body_of(KINDS[kind], side).model_fields
        assert [name for name in fields if name != "title" and f'name="{name}"' not in text] == []

    def test_faults_stand_at_their_fields_and_nothing_typed_is_lost(self, city: City) -> None:
        typed = as_typed(NEED) | {"count": "1.5", "budget_fen": "many", "seconds": ""}
        response = signed_in(city.alice).post(
            "/publish/compute/need", {**typed, "title_zh": "训练 <b>", "owner": FIRM, "token": "t"}
        )
        text = response.content.decode()
        assert (response.status_code, Listing.objects.count()) == (400, 0)
        assert [f'id="problem-{name}"' in text for name in ("count", "budget_fen", "seconds", "memory_gb")] == [
            True, True, True, False,
        ]  # fmt: skip
        assert ('value="1.5"' in text, 'value="many"' in text, "训练 &lt;b&gt;" in text) == (True, True, True)

    @given(text=st.text(max_size=40))
    @settings(max_examples=30, deadline=None, derandomize=True, database=None)
    def test_whatever_is_typed_is_read_or_refused(self, text: str) -> None:
        from siwei.errors import InputError

        typed = dict.fromkeys(("count", "memory_gb", "price_fen_per_hour", "accelerator", "residence"), text)
        try:
            found = typed_body(KINDS["compute"], "offer", posted(typed | {"unit-price_fen_per_hour": text}))
        except InputError as error:
            assert {problem.field for problem in error.problems} <= set(typed)
        else:
            assert isinstance(found["count"], int)


class TestFromNeedToSignature:
    def published(self, city: City) -> tuple[str, str]:
        """The two keys, offer and need."""
        assert publish(signed_in(city.bob), "compute", "offer", OFFER, owner=CENTRE).status_code == 302
        response = publish(signed_in(city.alice), "compute", "need", NEED, owner=FIRM)
        need = Listing.objects.get(side="need")
        assert response.headers["Location"] == f"/listings/{need.key}"
        return Listing.objects.get(side="offer").key, need.key

    def quoted(self, city: City, **given: str) -> Quote:
        offer, need = self.published(city)
        alice = signed_in(city.alice)
        assert act(alice, "match", need).status_code == 302
        page = alice.get(f"/listings/{need}").content.decode()
        assert "/acts/quote" in page
        response = act(alice, "quote", need, need=need, offer=offer, **given)
        quote = Quote.objects.get()
        assert response.headers["Location"] == f"/quotes/{quote.key}"
        return quote

    def test_the_whole_way(self, city: City) -> None:
        voucher = city.deal.voucher()
        quote = self.quoted(city, voucher=voucher.key)
        caps.set_cap(
            FIRM, 20_000, starts_on=DAY, ends_on=DAY, actor=city.alice, now=timezone.now(), idempotency_key="c"
        )
        approvals.set_approval_rule(FIRM, "finance", 10_000, actor=city.alice, now=timezone.now(), idempotency_key="r")
        alice, bob = signed_in(city.alice), signed_in(city.bob)
        text = alice.get(f"/quotes/{quote.key}").content.decode()
        # 36,001 fen, of which the voucher pays 60 % rounded down; the cap of 20,000 would have 5,599 left.
        for said in (
            "¥360.01",
            "¥216.00",
            "¥144.01",
            "¥55.99",
            "券按比例承担",
            "财务",
            "尚未申报",
            "/programmes/xunli",
        ):
            assert said in text, (said, text[text.find("需要谁同意") :][:900])
        assert act(alice, "budget", FIRM, amount="1000000").status_code == 302
        assert "¥9,855.99" in alice.get(f"/quotes/{quote.key}").content.decode()
        ends_on = (timezone.localdate() + timedelta(days=20)).isoformat()
        response = act(alice, "propose", quote.key, ends_on=ends_on)
        deal = Agreement.objects.get()
        assert (response.headers["Location"], deal.quote) == (f"/agreements/{deal.key}", quote)
        assert timezone.localtime(deal.ends_at).date().isoformat() == ends_on
        for client in (alice, bob):
            assert act(client, "sign", deal.key).status_code == 302
        deal.refresh_from_db()
        assert deal.state == "awaiting-approval"
        assert deal.key in alice.get(f"/quotes/{quote.key}").content.decode()

    def test_sent_twice_it_is_one(self, city: City) -> None:
        quote = self.quoted(city)
        for _ in range(2):
            act(signed_in(city.alice), "propose", quote.key, ends_on="2099-01-01")
        assert Agreement.objects.count() == 0
        for _ in range(2):
            ends_on = (timezone.localdate() + timedelta(days=20)).isoformat()
            assert act(signed_in(city.alice), "propose", quote.key, ends_on=ends_on).status_code == 302
        assert Agreement.objects.count() == 1

    def test_what_a_cap_refuses_is_marked_before(self, city: City) -> None:
        quote = self.quoted(city)
        caps.set_cap(FIRM, 1, starts_on=DAY, ends_on=DAY, actor=city.alice, now=timezone.now(), idempotency_key="c")
        text = signed_in(city.alice).get(f"/quotes/{quote.key}").content.decode()
        assert ("−¥360.00" in text, "最后一方签署会被拒绝" in text) == (True, True)

    def test_caps_of_the_signer_and_of_projects_are_told_before_too(self, city: City) -> None:
        quote = self.quoted(city)
        given: dict[str, Any] = {"starts_on": DAY, "ends_on": DAY, "actor": city.alice, "now": timezone.now()}
        for name in ("视觉", "语音"):
            caps.open_project(FIRM, name, actor=city.alice, now=timezone.now(), idempotency_key=name)
            caps.set_cap(FIRM, 36_000, **given, project=name, idempotency_key=f"c{name}")
        caps.set_cap(FIRM, 1, **given, person="alice", idempotency_key="alice")
        caps.set_cap(FIRM, 40_000, **given, idempotency_key="all")
        alice = signed_in(city.alice)
        assert act(alice, "budget", FIRM, amount="1000000").status_code == 302
        text = alice.get(f"/quotes/{quote.key}").content.decode()
        # Of compute a member is counted when jobs begin; that a project's cap refuses is no refusal of another's.
        assert ("视觉" in text, "语音" in text, "−¥0.01" in text, "¥39.99" in text) == (True,) * 4
        assert "最后一方签署会被拒绝" not in text
        ends_on = (timezone.localdate() + timedelta(days=20)).isoformat()
        assert act(alice, "propose", quote.key, ends_on=ends_on, project="视觉").status_code == 302
        key = Agreement.objects.get().key
        page = alice.get(f"/agreements/{key}").content.decode()
        assert ("视觉" in page, "语音" in page, "−¥0.01" in page, "¥39.99" in page) == (True, False, True, True)
        told = alice.get("/api/agreement", {"key": key}).json()["caps"]
        assert [(each["project"], each["before"], each["after"]) for each in told] == [
            (None, 40_000, 3_999), ("视觉", 36_000, -1)
        ]  # fmt: skip
        assert signed_in(city.bob).get("/api/agreement", {"key": key}).json()["caps"] == []
        assert "¥39.99" not in signed_in(city.bob).get(f"/agreements/{key}").content.decode()

    def test_over_it_is_quoted_again(self, city: City) -> None:
        quote = self.quoted(city)
        Quote.objects.update(
            quoted_at=timezone.now() - timedelta(days=9), valid_until=timezone.now() - timedelta(days=2)
        )
        text = signed_in(city.alice).get(f"/quotes/{quote.key}").content.decode()
        assert ("/acts/propose" in text, "/acts/quote" in text) == (False, True)
        response = act(signed_in(city.alice), "propose", quote.key, ends_on=IN_A_MONTH)
        assert (response.status_code, Agreement.objects.count()) == (409, 0)

    def test_a_revision_is_asked_from_now_on(self, city: City) -> None:
        quote = self.quoted(city)
        offer = Listing.objects.get(side="offer")
        bob = signed_in(city.bob)
        assert 'value="360.01"' in bob.get(f"/revise/{offer.key}").content.decode()
        dearer = as_typed(OFFER | {"price_fen_per_hour": 72_002})
        assert bob.post(f"/revise/{offer.key}", {**dearer, "token": "r"}).status_code == 302
        offer.refresh_from_db()
        assert (offer.body["price_fen_per_hour"], offer.body["title"]) == (72_002, "算力池")
        quote.refresh_from_db()
        assert (quote.gross_fen, quote.offered["price_fen_per_hour"]) == (36_001, 36_001)
        wrong = bob.post(f"/revise/{offer.key}", {**dearer, "count": "0", "token": "r2"})
        assert (wrong.status_code, 'id="problem-count"' in wrong.content.decode()) == (400, True)

    def test_who_revises(self, city: City) -> None:
        self.published(city)
        offer = Listing.objects.get(side="offer").key
        opened = {
            name: signed_in(getattr(city, name)).get(f"/revise/{offer}").status_code
            for name in ("alice", "bob", "charlie", "olive", "ann")
        }
        assert opened == {"alice": 403, "bob": 200, "charlie": 403, "olive": 200, "ann": 403}
        assert Client().get(f"/revise/{offer}").status_code == 302
        dearer = {**as_typed(OFFER | {"count": 1}), "token": "x"}
        before = Listing.objects.get(key=offer).body
        assert signed_in(city.charlie).post(f"/revise/{offer}", dearer).status_code == 403
        assert Listing.objects.get(key=offer).body == before

    @pytest.mark.parametrize("owner", [CENTRE, "n-00000000000000cc", "me", ""])
    def test_nobody_publishes_for_another(self, city: City, owner: str) -> None:
        response = publish(signed_in(city.alice), "compute", "need", NEED, owner=owner)
        assert (response.status_code in (403, 404), Listing.objects.count()) == (True, 0)

    def test_withdrawn_it_is_off_the_market(self, city: City) -> None:
        offer, need = self.published(city)
        assert act(signed_in(city.bob), "withdraw_listing", offer).status_code == 302
        act(signed_in(city.alice), "match", need)
        assert (Listing.objects.get(key=offer).state, Match.objects.count()) == ("withdrawn", 0)


SCENARIO = {"title": "病房巡检", "sector": "health", "capabilities": ["视觉"], "weeks": 12}
ANSWER = {"title": "巡检机器人", "sectors": ["health"], "capabilities": ["视觉"], "weeks": 8}


class TestMilestones:
    def matched(self, city: City) -> tuple[str, str]:
        publish(signed_in(city.bob), "scenario", "offer", ANSWER, owner=CENTRE)
        publish(signed_in(city.alice), "scenario", "need", SCENARIO, owner=FIRM)
        need, offer = Listing.objects.get(side="need").key, Listing.objects.get(side="offer").key
        act(signed_in(city.alice), "match", need)
        return need, offer

    def test_a_scenario_is_paid_by_milestone(self, city: City) -> None:
        need, offer = self.matched(city)
        alice, bob = signed_in(city.alice), signed_in(city.bob)
        address = f"/propose?need={need}&offer={offer}"
        assert address.replace("&", "&amp;") in alice.get(f"/listings/{need}").content.decode()
        rows = {
            "title-1": "样机", "amount-1": "1.5", "due-1": IN_A_MONTH, "title-2": "上线", "amount-2": "2",
            "unit": "wan", "ends_on": IN_HALF_A_YEAR, "token": "m",
        }  # fmt: skip
        response = alice.post(address, rows)
        deal = Agreement.objects.get()
        assert response.headers["Location"] == f"/agreements/{deal.key}"
        found = [(each.title, each.amount_fen) for each in Delivery.objects.order_by("number")]
        assert found == [("样机", 1_500_000), ("上线", 2_000_000)]
        assert deal.lines.get().own_fen == 3_500_000
        act(alice, "budget", FIRM, amount="3500000")
        for client in (alice, bob):
            assert act(client, "sign", deal.key).status_code == 302
        assert act(bob, "submit", deal.key, number="1", text="验收报告").status_code == 302
        assert act(alice, "accept", deal.key, number="1").status_code == 302
        assert deal.settlements.get().own_fen == 1_500_000

    @pytest.mark.parametrize(
        "wrong",
        [{"amount-3": "1"}, {"amount-1": "x"}, {"due-1": "soon"}, {"ends_on": ""}, {"ends_on": "2000-01-01"}],
    )
    def test_what_cannot_be_used_is_said_and_kept(self, city: City, wrong: dict[str, str]) -> None:
        need, offer = self.matched(city)
        rows = {"title-1": "样机 <i>", "amount-1": "1", "unit": "wan", "ends_on": IN_HALF_A_YEAR, "token": "m"} | wrong
        response = signed_in(city.alice).post(f"/propose?need={need}&offer={offer}", rows)
        assert (response.status_code, "样机 &lt;i&gt;" in response.content.decode()) == (400, True)
        assert not Agreement.objects.exists()

    def test_only_the_two_propose(self, city: City) -> None:
        need, offer = self.matched(city)
        address = f"/propose?need={need}&offer={offer}"
        before = Event.objects.count()
        for person in (city.charlie, city.ann):
            response = signed_in(person).post(address, {"ends_on": IN_HALF_A_YEAR, "token": "m"})
            assert response.status_code in (403, 404)
        assert (Event.objects.count(), Agreement.objects.count()) == (before, 0)

"""An agreement's workspace: what happened, in order, as each side may know it, and whose turn it is."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from exchange_deal import DAY
from portal_city import NOW, City, make_person, signed_in

from siwei.errors import NotAllowed
from siwei.exchange.actors import Actor, Role
from siwei.exchange.models import (
    Account,
    Agreement,
    AgreementParty,
    Approval,
    Cap,
    CounterReading,
    Dispute,
    Event,
    Organisation,
    Person,
    Reporter,
)
from siwei.exchange.trading import agreements, approvals, deliveries, jobs
from siwei.exchange.trading.agreements import PartyTerms
from siwei.exchange.trading.delivery_plans import DeliveryTerms
from siwei.exchange.trading.disputes import open_dispute
from siwei.exchange.trading.terms import LineTerms
from siwei.market.bank import exact_yuan
from siwei.portal.pages.desk import approvals_waiting
from siwei.portal.queries.market import agreement_view
from siwei.portal.queries.workspace import possible_acts, timeline, waiting
from siwei.portal.subjects import line_name

pytestmark = pytest.mark.django_db
FIRM, CENTRE = "n-00000000000000aa", "n-00000000000000bb"


def page(actor: Any, key: str = "deal") -> str:
    return signed_in(actor).get(f"/agreements/{key}").content.decode()


def turns(city: City, key: str, actor: Any) -> list[tuple[str, str, bool]]:
    return [(each.who, each.what, each.is_mine) for each in waiting(agreement_view(key, actor), actor)]


def milestones(city: City) -> None:
    agreements.propose_agreement(
        "scenario",
        [PartyTerms("opener", FIRM), PartyTerms("solver", CENTRE)],
        ends_at=NOW + timedelta(days=60), lines=[LineTerms(CENTRE, FIRM, "巡检", 1, "milestone", 300)],
        deliveries=[
            DeliveryTerms("样机 <b>", 1, 100, DAY - timedelta(days=1)),
            DeliveryTerms("上线", 1, 200, DAY + timedelta(days=9)),
        ],
        actor=city.alice, now=NOW, idempotency_key="scene",
    )  # fmt: skip
    city.deal.budget()
    for person in (city.alice, city.bob):
        agreements.sign_agreement("scene", actor=person, now=NOW, as_of=DAY)


def test_once_its_jobs_are_over_the_provider_says_that_all_is_delivered(city: City) -> None:
    city.deal.signed()
    city.deal.submit()
    assert turns(city, "deal", city.alice) == []
    city.deal.finish()
    ((who, _what, mine),) = turns(city, "deal", city.alice)
    assert (who, mine) == (city.centre.name, False)
    assert [mine for _who, _what, mine in turns(city, "deal", city.bob)] == [True]
    assert [mine for _who, _what, mine in turns(city, "deal", city.olive)] == [False]


def test_what_is_offered_is_refused_to_nobody_for_who_they_are(city: City) -> None:
    """The consumer may settle what an engine metered, but not say that all is delivered; a reader may do nothing."""

    def offered(actor: Actor) -> set[str]:
        return set(possible_acts(agreement_view("deal", actor), actor, NOW)) & {
            "launch", "complete", "settle", "stop_calls", "dispute", "cancel"
        }  # fmt: skip

    city.deal.signed()
    assert offered(city.alice) == {"dispute", "cancel"} and offered(city.bob) == {
        "complete", "settle", "dispute", "cancel"
    }  # fmt: skip
    city.deal.submit()
    assert offered(city.alice) == {"dispute"} == offered(city.bob)
    city.deal.finish()
    assert offered(city.alice) == {"settle", "dispute"} and offered(city.bob) == {"complete", "settle", "dispute"}
    assert (offered(city.olive), offered(city.ann)) == ({"complete", "settle"}, set())
    with pytest.raises(NotAllowed):
        deliveries.complete_agreement("deal", actor=city.alice, now=NOW)
    deliveries.complete_agreement("deal", actor=city.bob, now=NOW)
    assert offered(city.alice) == {"settle", "dispute"}


def test_a_line_is_told_in_the_readers_language(city: City) -> None:
    city.deal.signed()
    line = agreement_view("deal", city.alice).lines[0]
    assert line.offer is not None
    with override("en"):
        assert line_name(line) == line.offer.title_en == "A pool"
        line.description = "as agreed before"
        assert line_name(line) == "as agreed before"
    with override("zh-hans"):
        line.description = line.offer.title_zh
        assert line_name(line) == line.offer.title_zh


def test_everything_that_happened_stands_in_its_order(dealt: City) -> None:
    view = agreement_view("deal", dealt.alice)
    told = timeline(view, dealt.alice)
    assert [each.at for each in told] == sorted(each.at for each in told)
    done = [each.what for each in told if not each.is_money]
    actions = Event.objects.filter(subject__in=["agreement:deal", "job:job"]).values_list("action", flat=True)
    assert set(actions) == {"propose_agreement", "sign_agreement", "submit_job", "settle_agreement"}
    assert len(done) == len(actions) + 1  # and the usage
    assert len(told) - len(done) == len(view.transfers) > 0
    assert {each.link for each in told if each.link.startswith("/jobs/")} == {"/jobs/job"}
    text = page(dealt.alice)
    for each in view.transfers:
        assert f'id="entry-{each.pk}"' in text
        assert f'href="#entry-{each.pk}"' in text


def test_what_one_side_deliberates_the_other_does_not_read(city: City) -> None:
    approvals.set_approval_rule(FIRM, "finance", 1, actor=city.alice, now=NOW, idempotency_key="r")
    city.deal.propose(city.deal.match())
    city.deal.budget()
    city.deal.sign(city.alice)
    mine, theirs = (turns(city, "deal", actor) for actor in (city.alice, city.bob))
    assert [who for who, _, _ in mine] == [city.centre.name, city.firm.name]
    assert [(who, own) for who, _, own in theirs] == [(city.centre.name, True)]
    assert [own for _, _, own in mine] == [False, False]  # Alice asked for it herself


def test_whose_turn_it_is_moves_with_each_step(city: City) -> None:
    milestones(city)
    assert [(who, own) for who, _, own in turns(city, "scene", city.bob)] == [(city.centre.name, True)] * 2
    text = page(city.bob, "scene")
    assert ("样机 &lt;b&gt;" in text, "<b>" in text.partition("<main")[2], text.count("已逾期")) == (True, False, 1)
    deliveries.submit_delivery("scene", 1, evidence="报告\n第二行", actor=city.bob, now=NOW, idempotency_key="s")
    assert [who for who, _, _ in turns(city, "scene", city.alice)] == [city.firm.name, city.centre.name]
    deliveries.reject_delivery("scene", 1, because="缺测试", actor=city.alice, now=NOW, idempotency_key="j")
    assert [who for who, _, _ in turns(city, "scene", city.alice)] == [city.centre.name] * 2
    text = page(city.alice, "scene")
    assert ("报告<br>第二行" in text, "缺测试" in text) == (True, True)
    deliveries.submit_delivery("scene", 1, evidence="再交", actor=city.bob, now=NOW, idempotency_key="s2")
    open_dispute("scene", reason="尺寸不符", evidence="", delivery=1, actor=city.alice, now=NOW, idempotency_key="d")
    # Nothing is handed over meanwhile: the other side's answer alone is waited for.
    assert [(who, own) for who, _, own in turns(city, "scene", city.bob)] == [(city.centre.name, True)]
    assert f"#dispute-{Dispute.objects.get().key}" in page(city.bob, "scene")


def test_the_workspace_costs_the_same_however_much_happened(city: City, django_assert_max_num_queries: Any) -> None:
    city.deal.signed()
    for number in range(3):
        city.deal.submit(f"job-{number}")
        city.deal.finish(f"job-{number}")
    client = signed_in(city.alice)
    client.get("/agreements/deal")
    with django_assert_max_num_queries(45):
        client.get("/agreements/deal")


def service(city: City) -> str:
    agreements.propose_agreement(
        "service",
        [PartyTerms("consumer", FIRM), PartyTerms("provider", CENTRE)],
        ends_at=NOW + timedelta(days=30), lines=[LineTerms(CENTRE, FIRM, "检测", 20, "service-day", 1_000)],
        actor=city.alice, now=NOW, idempotency_key="service",
    )  # fmt: skip
    city.deal.budget()
    for person in (city.alice, city.bob):
        agreements.sign_agreement("service", actor=person, now=NOW, as_of=DAY)
    jobs.record_usage("service", 1, reading="day-1", quantity=3, measured={}, actor=city.bob, now=NOW)
    return "day-1"


def test_a_counter_reading_is_entered_where_the_reading_stands(city: City) -> None:
    reading = service(city)
    entered = [("/acts/counter" in page(person, "service")) for person in (city.alice, city.bob)]
    assert (*entered,) == (
        True,
        False,
    )
    sent = {"key": "service", "token": "c", "reading": reading, "amount": "2", "text": "只来了两天"}
    for person, status in ((city.charlie, 404), (city.bob, 403), (city.ann, 403)):
        assert signed_in(person).post("/acts/counter", sent).status_code == status
    assert not CounterReading.objects.exists()
    assert signed_in(city.alice).post("/acts/counter", sent).status_code == 302
    assert (CounterReading.objects.get().quantity, Dispute.objects.get().state) == (2, "open")
    assert "暂缓：有争议" in page(city.bob, "service")


def test_a_meter_s_key_is_registered_and_revoked(city: City) -> None:
    bob = signed_in(city.bob)
    key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    given = {"key": CENTRE, "token": "k", "text": "工时表", "public_key": key}
    assert signed_in(city.alice).post("/acts/reporter", given).status_code == 403
    assert bob.post("/acts/reporter", given | {"public_key": "zz"}).status_code == 400
    assert bob.post("/acts/reporter", given).headers["Location"] == "/meters"
    reporter = Reporter.objects.get()
    assert reporter.key_id in bob.get("/meters").content.decode()
    assert reporter.key_id not in signed_in(city.alice).get("/meters").content.decode()
    assert bob.post("/acts/revoke_reporter", {"key": CENTRE, "token": "r", "text": reporter.key_id}).status_code == 302
    assert Reporter.objects.get().revoked_at is not None


def test_readings_are_listed_to_those_they_concern(city: City) -> None:
    service(city)
    seen = {
        name: "service</a>" in signed_in(getattr(city, name)).get("/meters").content.decode()
        for name in ("alice", "bob", "charlie", "olive", "ann")
    }
    assert seen == {"alice": True, "bob": True, "charlie": False, "olive": True, "ann": True}
    assert Client().get("/meters").status_code == 302


def test_a_dispute_names_what_it_is_about_and_money_is_typed_in_yuan(city: City) -> None:
    milestones(city)
    deliveries.submit_delivery("scene", 1, evidence="报告", actor=city.bob, now=NOW, idempotency_key="s")
    sent = {"key": "scene", "token": "d", "text": "尺寸不符", "evidence": "照片", "amount_in": "yuan"}
    alice = signed_in(city.alice)
    assert 'value="delivery:1"' in page(city.alice, "scene")
    assert alice.post("/acts/dispute", sent | {"about": "delivery:1", "amount": "0.601"}).status_code == 400
    assert alice.post("/acts/dispute", sent | {"about": "delivery:1", "amount": "0.60"}).status_code == 302
    dispute = Dispute.objects.get()
    assert (dispute.delivery_id is not None, dispute.claimed, dispute.evidence) == (True, 60, "照片")
    assert "主张 ¥0.60" in page(city.bob, "scene")
    answer = {"key": "scene", "token": "a", "dispute": dispute.key, "text": "可", "amount": "0.6", "amount_in": "yuan"}
    assert signed_in(city.bob).post("/acts/answer", answer).status_code == 302
    assert alice.post("/acts/agree", {"key": "scene", "token": "g", "dispute": dispute.key}).status_code == 302
    assert Dispute.objects.get().outcome == 60


def test_of_a_reading_a_quantity_is_claimed(city: City) -> None:
    reading = service(city)
    sent = {"key": "service", "token": "d", "text": "只来两天", "about": f"reading:{reading}", "amount": "2"}
    assert signed_in(city.alice).post("/acts/dispute", sent | {"amount_in": "wan"}).status_code == 302
    assert (Dispute.objects.get().claimed, Dispute.objects.get().usage is not None) == (2, True)


def test_budgets_are_typed_in_yuan(city: City) -> None:
    alice = signed_in(city.alice)
    sent = {"key": FIRM, "token": "b", "amount": "12.5", "amount_in": "wan"}
    assert alice.post("/acts/budget", sent).status_code == 302
    assert Account.objects.get(code=f"CNY:commitment:{FIRM}").floor == -12_500_000
    year = {"starts_on": "2026-01-01", "ends_on": "2026-12-31"}
    assert alice.post("/acts/cap", {**sent, **year, "amount": "1,000.01", "amount_in": "yuan"}).status_code == 302
    seconds = {"key": FIRM, "token": "s", **year, "amount": "3600", "unit": "accelerator-second"}
    assert alice.post("/acts/cap", seconds).status_code == 302
    assert list(Cap.objects.order_by("pk").values_list("unit", "amount")) == [
        ("fen", 100_001), ("accelerator-second", 3_600),
    ]  # fmt: skip
    text = alice.get("/budgets").content.decode()
    assert ("¥1,000.01" in text, "3,600 加速卡秒" in text) == (True, True)
    assert "已申报 ¥125,000.00，其中已承诺 ¥0.00" in text
    assert "尚未申报预算" in signed_in(city.bob).get("/budgets").content.decode()


def test_an_approval_is_the_turn_of_whoever_may_give_it_alone(city: City) -> None:
    fay = make_person("fay", city.firm, Role.FINANCE)
    mia = make_person("mia", city.firm, Role.MEMBER)
    approvals.set_approval_rule(FIRM, "finance", 1, actor=city.alice, now=NOW, idempotency_key="r")
    city.deal.propose(city.deal.match())
    city.deal.budget()
    # A signature is an owner's or a manager's.
    assert [turns(city, "deal", each)[0][2] for each in (city.alice, fay, mia)] == [True, False, False]
    assert 'action="/acts/sign"' not in page(fay) + page(mia)
    city.deal.sign(city.alice)
    form = 'action="/acts/approve"'
    for actor, may in ((city.alice, False), (fay, True), (mia, False)):
        assert any(mine for who, _, mine in turns(city, "deal", actor) if who == city.firm.name) == may
        assert (form in page(actor)) == may
        assert (form in signed_in(actor).get("/approvals").content.decode()) == may
        assert ("1 份签署等您批准" in signed_in(actor).get("/desk").content.decode()) == may


def asked_by(people: list[Person], firm: Organisation, role: str, start: int) -> None:
    """One approval asked for by each, on an agreement of its own."""
    for number, person in enumerate(people, start):
        since = NOW - timedelta(days=1) + timedelta(minutes=number)
        kept = Agreement.objects.create(key=f"asked-{number}", kind="scenario", proposed_at=since, ends_at=NOW)
        party = AgreementParty.objects.create(agreement=kept, organisation=firm, role="consumer")
        Approval.objects.create(
            agreement=kept, party=party, role=role, amount_fen=1, requested_by=person, requested_at=since
        )


def test_approvals_cost_the_same_however_many_asked(city: City) -> None:
    """And an operator's own are counted and shown, however many others' there are in the city."""
    people = [Person(username=f"p{number}", email=f"p{number}@example.org") for number in range(202)]
    people = Person.objects.bulk_create(people)
    Person.objects.filter(pk=city.alice.person_id).update(email="Alice@example.org")
    fay = make_person("fay", city.firm, Role.FINANCE)
    costs = []
    for part in (people[:1], people[1:5]):
        asked_by(part, city.firm, "finance", Approval.objects.count())
        with CaptureQueriesContext(connection) as asked:
            found = approvals_waiting(fay)
        assert found == Approval.objects.count()
        costs.append(len(asked))
    assert costs == [3, 3]
    asked_by(people[5:], city.centre, "finance", 5)
    Person.objects.filter(pk=people[0].pk).update(email="alice@example.org")
    operator = replace(city.olive, person_id=city.alice.person_id, roles=city.alice.roles)
    # One was asked for by another account of theirs.
    assert (operator.sees_all, approvals_waiting(operator), approvals_waiting(city.alice)) == (True, 4, 4)
    Approval.objects.filter(party__organisation=city.firm).update(requested_at=NOW)
    Person.objects.filter(pk=city.alice.person_id).update(is_operator=True)
    text = signed_in(city.alice).get("/approvals").content.decode()
    assert [f"/agreements/asked-{number}" in text for number in range(5)] == [True] * 5
    assert text.count('action="/acts/approve"') == 4


def test_a_budget_that_is_too_small_is_told_in_yuan(city: City) -> None:
    city.deal.now = timezone.now()  # it is signed by the clock, so it ends a month after that
    city.deal.propose(city.deal.match())
    agreements.declare_budget(FIRM, 100, actor=city.alice, now=NOW, idempotency_key="b")
    city.deal.sign(city.alice)
    own = agreement_view("deal", city.alice).lines[0].own_fen
    answer = signed_in(city.bob).post("/acts/sign", {"key": "deal", "token": "s"})
    text = answer.content.decode()
    assert answer.status_code == 409
    assert f"须自付 {exact_yuan(own)}，其申报预算余额不足 → 请由其申报更大的预算" in text


def test_what_is_typed_wrong_is_told_with_what_to_do_and_the_way_back(city: City) -> None:
    city.deal.signed()
    alice = signed_in(city.alice)
    page = {"HTTP_REFERER": "http://testserver/budgets"}

    def told(act: str, **typed: str) -> tuple[int, str]:
        sent = {"key": FIRM, "token": uuid.uuid4().hex, "amount_in": "yuan"} | typed
        answer = alice.post(f"/acts/{act}", sent, **page)
        text = answer.content.decode()
        assert 'href="/budgets"' in text and "CNY:" not in text
        return answer.status_code, text

    committed = Account.objects.get(code=f"CNY:commitment:{FIRM}")
    least = exact_yuan(committed.held - committed.balance)
    assert committed.held - committed.balance > 1
    status, text = told("budget", amount="0.01")
    assert (status, f"请申报 {least}或以上" in text) == (409, True)
    assert Account.objects.get(pk=committed.pk).floor == committed.floor
    status, text = told("budget", amount="9" * 20)
    assert (status, "数字过大" in text) == (400, True)
    year = {"starts_on": "2026-01-01", "ends_on": "2026-12-31", "amount": "1"}
    status, text = told("cap", **year, person="nobody")
    assert (status, "没有找到" in text, "没有这个页面" in text) == (404, True, False)


def test_only_the_side_whose_turn_it_is_has_the_form(city: City) -> None:
    milestones(city)
    offered = {who: 'action="/acts/submit"' in page(getattr(city, who), "scene") for who in ("alice", "bob")}
    assert offered == {"alice": False, "bob": True}
    deliveries.submit_delivery("scene", 1, evidence="x", actor=city.bob, now=NOW, idempotency_key="handed over")
    offered = {who: 'action="/acts/accept"' in page(getattr(city, who), "scene") for who in ("alice", "bob")}
    assert offered == {"alice": True, "bob": False}

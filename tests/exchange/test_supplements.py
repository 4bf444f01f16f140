"""What comes back shared among those of earlier rounds who wait for it, where the programme says so."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from exchange_cast import make_organisation, make_person
from exchange_persons import ALICE, CHARLIE, TAX, Persons
from pytest_django import DjangoAssertNumQueries
from test_pot_counts import same_again, voucher_of
from test_rounds import AWARD, BUDGET, FACTS, LATER, City, attributes, programme

from siwei.city.attributes import Attribute
from siwei.errors import Conflict, NotAllowed
from siwei.exchange.awards import rounds, vouchers
from siwei.exchange.awards.applications import claimed_from, score_application, withdraw_application
from siwei.exchange.awards.grants import grant_round
from siwei.exchange.awards.person_awards import open_application
from siwei.exchange.awards.round_claims import claims_of, left_in
from siwei.exchange.awards.supplements import share_returned
from siwei.exchange.awards.waiting_claims import count_waiting, propose, waiting_claims
from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import Application, Decision, Fact, Pot, SharingRound
from siwei.exchange.payments.claw_backs import claw_back_grant
from siwei.exchange.payments.traces import money_of
from siwei.exchange.people.consents import PERSON_AWARD, withdraw_consent
from siwei.policy import Payment, Programme, Quota, Sharing, Text, share_pot
from siwei.policy.pots.pot_event_tables import follow_table
from siwei.policy.programmes import Pot as PotRule
from siwei.policy.programmes import Returns
from siwei.policy.stacking import Stacking
from siwei.portal.queries import true_ups

__all__ = ["attributes", "programme"]
pytestmark = pytest.mark.database
WORDS = Text("试验", "Trial")
PAST = date(2026, 7, 1)
RULE = PotRule(None, "year", Sharing.PRO_RATA, WORDS, None, returns=Returns.WAITING)


@pytest.fixture
def made(cast: Any, now: datetime, programme: Programme, attributes: dict[str, Attribute]) -> Any:
    """A city whose pot was shared between two that claimed more than it has: 75 of 150 each, awarded."""

    def make(**changes: Any) -> City:
        city = City(cast, now, replace(programme, pot=replace(RULE, **changes)), attributes)
        city.both()
        finish(city, city.share(sharing=None))
        return city

    return make


def finish(city: City, made: SharingRound) -> None:
    rounds.open_notice(
        made, until=LATER, as_of=LATER, actor=city.cast.olive, now=city.now, idempotency_key=f"n-{made.key}"
    )
    rounds.award_round(made, as_of=PAST, actor=city.cast.olive, now=city.now, idempotency_key=f"a-{made.key}")


def of(name: str) -> Application:
    return Application.objects.get(organisation__key=name, supplement_to=None)


def lapse(city: City, name: str = "n-firm") -> None:
    """Its voucher was granted, and not spent in its time."""
    voucher_of(city, of(name))
    vouchers.return_expired_vouchers(as_of=PAST, actor=city.cast.olive, now=city.now)


def test_who_chooses_again_leaves_it_to_who_waits_as_siwei_policy_share_rehearses(
    cast: Any, now: datetime, programme: Programme, attributes: dict[str, Attribute]
) -> None:
    """75 of 100 each; one has 80 elsewhere and gives it up on public notice, the other gets the rest of its claim."""
    city = City(cast, now, replace(programme, pot=replace(RULE, choose_again=True)), attributes)
    mine, other = city.both()
    made = city.share(sharing=None)
    rounds.open_notice(
        made, until=LATER, as_of=LATER, actor=city.cast.olive, now=city.now, idempotency_key=f"n-{made.key}"
    )
    withdraw_application(mine, actor=city.cast.alice, now=city.now, idempotency_key="choose", programme=city.programme)
    rounds.award_round(made, as_of=PAST, actor=city.cast.olive, now=city.now, idempotency_key=f"a-{made.key}")
    finish(city, again(city))
    awarded = Application.objects.filter(state="awarded").values_list("organisation__key", "shared_fen")
    platform = {key: sum(fen for of, fen in awarded if of == key) for key, _ in awarded}
    table = claims_of(city.programme, [mine, other], attributes)
    table = table.with_columns(instead_fen=pl.Series([80_000_000, 0], dtype=pl.Int64))
    shares = share_pot(city.programme, table, LATER, budget_fen=BUDGET)
    followed = follow_table(city.programme, table, shares, None, LATER)
    assert followed is not None
    rehearsed = dict(zip([cast.firm.key, cast.outsider.key], followed.table["paid_fen"], strict=True))
    assert rehearsed == {cast.firm.key: 0, **platform} == {cast.firm.key: 0, cast.outsider.key: AWARD}
    assert followed.state.left_fen == left_in(city.pot) == BUDGET - AWARD


def apply_late(city: City) -> Application:
    late = make_organisation("n-late", "后来公司")
    for name, value in FACTS.items():
        Fact.objects.create(organisation=late, attribute=name, value=value, status=2, source="test", known_at=city.now)
    return city.apply(late, make_person("lee", late).as_actor())


def again(city: City, key: str = "again", actor: Any = None, stacking: Stacking | None = None, **more: Any) -> Any:
    return share_returned(
        city.programme, city.pot, attributes=city.attributes, stacking=stacking or Stacking(), as_of=PAST,
        actor=actor or city.cast.olive, now=city.now, idempotency_key=key, **more,
    )  # fmt: skip


def told(city: City) -> list[tuple[str, int]]:
    found = propose(city.programme, city.pot, attributes=city.attributes, stacking=Stacking(), as_of=PAST)
    return [(each.application.key, fen) for each, fen in found.rows] if found else []


def test_what_a_lapsed_voucher_gives_back_goes_to_who_waits(made: Any) -> None:
    city = made()
    assert (told(city), left_in(city.pot)) == ([], 0)
    lapse(city)
    # Whose own award came back waits for nothing; the other has 75 of 100.
    assert told(city) == [("application-n-outsider", 25_000_000)]
    for _ in range(2):
        shared = again(city)
    assert (shared.is_supplementary, shared.budget_fen, shared.returns) == (True, 75_000_000, "waiting")
    (extra,) = shared.applications.all()
    assert (extra.state, extra.shared_fen, extra.supplement_to, extra.documents.count()) == (
        "shared", 25_000_000, of("n-outsider"), 0,
    )  # fmt: skip
    assert claimed_from(city.pot, city.cast.outsider) == AWARD
    assert (told(city), count_waiting(city.programme, city.pot)) == ([], 0)
    finish(city, shared)
    first = voucher_of(city, of("n-outsider"))
    second = voucher_of(city, Application.objects.get(pk=extra.pk))
    assert (first.cap_fen, second.cap_fen, left_in(city.pot)) == (75_000_000, 25_000_000, 50_000_000)
    assert true_ups.waiting(city.cast.olive) == []
    same_again(city)
    assert money_of(Pot.objects.get()).adds_up
    assert verify_ledger(actor=city.cast.olive).findings == ()


def test_later_applications_come_after_those_who_wait(made: Any) -> None:
    city = made()
    apply_late(city)
    lapse(city)
    with pytest.raises(Conflict, match=r"1 applications of earlier rounds of xunli wait, and ¥750,000\.00 is there"):
        city.share(sharing=None, idempotency_key="second")
    finish(city, again(city))
    assert city.share(sharing=None, idempotency_key="second").budget_fen == 50_000_000


@pytest.mark.parametrize("returns", [Returns.POT, Returns.TREASURY])
def test_under_another_rule_nobody_waits(made: Any, returns: Returns) -> None:
    city = made(returns=returns)
    lapse(city)
    assert told(city) == []
    with pytest.raises(Conflict, match="nobody waits"):
        again(city)
    assert Application.objects.count() == 2


def test_what_objections_take_from_one_is_there_for_the_others(
    cast: Any, now: datetime, programme: Programme, attributes: dict[str, Attribute]
) -> None:
    city = City(cast, now, replace(programme, pot=RULE), attributes)
    first, _ = city.both()
    shared = city.share(sharing=None)
    city.notice(shared)
    city.answer(city.object(first, cast.charlie), upheld=True)
    city.award(shared)
    assert told(city) == [("application-n-outsider", 25_000_000)]
    # It was upheld against the supplement as well: it waits no more.
    extra = again(city)
    rounds.open_notice(extra, until=LATER, as_of=LATER, actor=cast.olive, now=now, idempotency_key="n")
    objection = rounds.object_to(
        extra.applications.get(), "x", as_of=LATER, actor=cast.alice, now=now, idempotency_key="o"
    )
    rounds.decide_objection(objection, upheld=True, reason="y", actor=cast.olive, now=now, idempotency_key="d")
    rounds.award_round(extra, as_of=PAST, actor=cast.olive, now=now, idempotency_key="a")
    assert (told(city), left_in(city.pot)) == ([], BUDGET - 75_000_000)


def test_first_come_whole_awards_wait_in_the_order_they_came(made: Any) -> None:
    city = made(sharing=Sharing.FIRST_COME, payment=Payment.WHOLE_OR_NEXT)
    assert sorted(Application.objects.values_list("state", "shared_fen")) == [("awarded", AWARD), ("refused", 0)]
    (served,) = Application.objects.filter(state="awarded")
    lapse(city, served.organisation.key)  # type: ignore[union-attr]
    shared = again(city)
    assert [each.shared_fen for each in shared.applications.all()] == [AWARD]
    assert shared.applications.get().organisation != served.organisation


def test_a_quota_holds_what_comes_back_too(made: Any) -> None:
    city = made(quotas=(Quota("legal_form", 6000, WORDS, None),))
    assert [each.shared_fen for each in Application.objects.all()] == [45_000_000] * 2
    assert told(city) == []
    lapse(city)
    assert told(city) == [("application-n-outsider", 45_000_000)]
    finish(city, again(city))
    assert (told(city), left_in(city.pot)) == ([], 60_000_000)
    same_again(city)


def test_what_the_rules_leave_now_is_the_most(made: Any) -> None:
    city = made()
    lapse(city)
    decision = of("n-outsider").decision
    assert decision is not None
    type(decision).objects.filter(pk=decision.pk).update(award_fen=80_000_000)
    found = waiting_claims(city.programme, city.pot, attributes=city.attributes, stacking=Stacking(), as_of=PAST)
    assert [each.wanted_fen for each in found] == [5_000_000]


def test_another_version_of_the_text_shares_nothing_of_this_ones(made: Any) -> None:
    city = made()
    lapse(city)
    city.programme = replace(city.programme, sha256="0" * 64)
    assert told(city) == []


def test_a_lottery_is_drawn_with_a_seed_of_its_own(made: Any) -> None:
    city = made()
    SharingRound.objects.update(sharing="lottery", seed="before")
    lapse(city)
    shared = again(city, seed="after")
    assert (shared.sharing, shared.seed, shared.applications.get().shared_fen) == ("lottery", "after", 25_000_000)


@pytest.mark.parametrize("who", ["alice", "charlie", "ann", "bob"])
def test_only_the_operator_shares_what_came_back(made: Any, who: str) -> None:
    city = made()
    lapse(city)
    with pytest.raises(NotAllowed):
        again(city, actor=getattr(city.cast, who))


@pytest.fixture
def short(cast: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Persons:
    """500,000 fen for two persons who claim 600,000 and 200,000; what the second had is taken back."""
    for name, fen in ((CHARLIE, 600_000), (ALICE, 200_000)):
        monkeypatch.setitem(TAX, name, fen)
    persons = Persons(cast, tmp_path)
    persons.granted()
    SharingRound.objects.update(returns="waiting")
    taken = Application.objects.get(pseudonym__person_id=cast.alice.person_id)
    claw_back_grant(taken.key, 125_000, because="审计", actor=cast.olive, now=persons.now, idempotency_key="c")
    return persons


def share_among_persons(persons: Persons) -> SharingRound:
    return share_returned(
        persons.programme, persons.pot, attributes=persons.attributes, stacking=Stacking(), as_of=PAST,
        actor=persons.cast.olive, now=persons.now, idempotency_key="again",
    )  # fmt: skip


def test_a_persons_share_is_sealed_like_the_first(short: Persons) -> None:
    cast, now = short.cast, short.now
    shared = share_among_persons(short)
    (extra,) = shared.applications.all()
    first = extra.supplement_to
    assert first is not None
    assert (extra.pseudonym, extra.decision, extra.claim_fen, extra.shared_fen) == (
        first.pseudonym, None, 225_000, 125_000,
    )  # fmt: skip
    opened = open_application(extra, cast.charlie)
    assert (opened, opened.name) == (open_application(first, cast.charlie), CHARLIE)
    rounds.share_again(shared, short.programme, short.attributes)
    rounds.open_notice(shared, until=LATER, as_of=LATER, actor=cast.olive, now=now, idempotency_key="n")
    rounds.award_round(shared, as_of=PAST, actor=cast.olive, now=now, idempotency_key="a")
    assert [each.amount_fen for each in grant_round(shared, actor=cast.olive, now=now)] == [125_000]
    assert (left_in(short.pot), money_of(Pot.objects.get()).granted) == (0, 500_000)
    assert verify_ledger(actor=cast.olive).findings == ()


def test_nothing_of_a_person_who_withdrew_their_consent_is_used(short: Persons) -> None:
    withdraw_consent(PERSON_AWARD, actor=short.cast.charlie, now=short.now)
    with pytest.raises(Conflict, match="nobody waits"):
        share_among_persons(short)


@pytest.fixture
def by_merit(cast: Any, now: datetime, programme: Programme, attributes: dict[str, Attribute]) -> City:
    """The text does not say how: first shared pro rata, without scores, then by merit, with nothing left for the one
    that was scored."""
    city = City(cast, now, replace(programme, pot=replace(RULE, sharing=Sharing.NOT_KNOWN)), attributes)
    city.both()
    finish(city, city.share(sharing=Sharing.PRO_RATA))
    late = apply_late(city)
    score_application(late, 80, actor=cast.olive, now=now, idempotency_key="score")
    finish(city, city.share(sharing=Sharing.MERIT, idempotency_key="second"))
    lapse(city)
    return city


def test_by_merit_those_without_a_score_get_nothing_and_are_told(by_merit: City) -> None:
    city = by_merit
    found = propose(city.programme, city.pot, attributes=city.attributes, stacking=Stacking(), as_of=PAST)
    assert found is not None
    assert [each.application.key for each in found.unscored] == ["application-n-outsider"]
    assert told(city) == [("application-n-late", 75_000_000)]
    shared = again(city)
    assert [(each.supplement_to, each.shared_fen, each.score) for each in shared.applications.all()] == [
        (of("n-late"), 75_000_000, 80)
    ]
    finish(city, shared)
    same_again(city)


def test_where_none_who_waits_has_a_score_later_applications_are_shared(by_merit: City) -> None:
    Application.objects.update(score=None)
    assert told(by_merit) == []
    with pytest.raises(Conflict, match="nobody waits"):
        again(by_merit)
    with pytest.raises(Conflict, match="no application waits"):
        by_merit.share(sharing=Sharing.MERIT, idempotency_key="third")


def test_whether_somebody_waits_is_told_in_as_many_queries_for_one_as_for_three(
    made: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    city = made()
    lapse(city)
    with django_assert_num_queries(2):
        assert count_waiting(city.programme, city.pot) == 1
    first = of("n-outsider")
    names = [field.name for field in Decision._meta.concrete_fields if field.name not in ("id", "key")]
    for number in range(2):
        own = {name: getattr(first, name) for name in ("organisation", "pot", "round", "state", "claim_fen")}
        copy = Decision.objects.create(key=f"more-{number}", **{name: getattr(first.decision, name) for name in names})
        Application.objects.create(key=f"more-{number}", shared_fen=1, applied_at=city.now, decision=copy, **own)
    with django_assert_num_queries(2):
        assert count_waiting(city.programme, city.pot) == 3


def locks(asked: CaptureQueriesContext) -> set[str]:
    return {each["sql"].rpartition(" FOR ")[2] for each in asked if " FOR " in each["sql"].rpartition("WHERE")[2]}


def test_who_applies_and_who_shares_do_not_wait_for_each_other(made: Any) -> None:
    """Each holds what the other's new rows refer to: only changes are locked out, not references. SQLite has no such
    locks."""
    city = made()
    lapse(city)
    expected = {"NO KEY UPDATE"} if connection.vendor == "postgresql" else set()
    with CaptureQueriesContext(connection) as asked:
        apply_late(city)
    assert locks(asked) == expected
    with CaptureQueriesContext(connection) as asked:
        again(city)
    assert locks(asked) == expected

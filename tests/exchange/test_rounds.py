"""The life of applications: applied, shared, on notice, awarded; and who sees what of it when."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from exchange_cast import make_person

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import resolve_pack
from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import VISITOR, Actor, Role
from siwei.exchange.awards import rounds, vouchers
from siwei.exchange.awards.applications import (
    apply_to_pot,
    duplicate_documents,
    find_application,
    score_application,
    withdraw_application,
)
from siwei.exchange.awards.held_awards import held_on
from siwei.exchange.facts.decisions import record_decision
from siwei.exchange.models import (
    Application,
    ApplicationState,
    ClaimedDocument,
    Event,
    Fact,
    Objection,
    Organisation,
    Pot,
    RoundState,
    SharingRound,
)
from siwei.policy import Programme, Sharing, load_programme
from siwei.policy.stacking import Stacking

IN_WINDOW, AFTER, NOTICE_END, LATER = (date(2026, 5, 20), date(2026, 6, 8), date(2026, 6, 15), date(2026, 6, 16))
FACTS = {
    "legal_form": "firm", "compute_rental": "200000000", "compute_rental_from_listed": "200000000",
    "compute_other_support": "0", "listed_provider": "false", "founded_on": "2020-01-02",
}  # fmt: skip
BUDGET = 150_000_000
AWARD = 100_000_000
"""Half of the rental."""


@pytest.fixture(scope="module")
def attributes() -> dict[str, Attribute]:
    return load_attributes(resolve_pack("shenzhen"))


@pytest.fixture(scope="module")
def programme(attributes: dict[str, Attribute]) -> Programme:
    path: Path = resolve_pack("shenzhen") / "programmes" / "xunli.yaml"
    made = load_programme(path, attributes)
    assert made.window is not None
    return replace(made, window=replace(made.window, start=date(2026, 5, 6), end=date(2026, 6, 5)))


class City:
    def __init__(self, cast: Any, now: datetime, programme: Programme, attributes: dict[str, Attribute]) -> None:
        self.cast, self.now, self.programme, self.attributes = cast, now, programme, attributes
        for organisation in (cast.firm, cast.outsider):
            for name, value in FACTS.items():
                Fact.objects.create(
                    organisation=organisation, attribute=name, value=value, status=2, source="test", known_at=now
                )
        self.pot: Pot = vouchers.open_pot(programme, "2026", BUDGET, actor=cast.olive, now=now, idempotency_key="pot")

    def decide(self, organisation: Organisation, actor: Actor) -> Any:
        return record_decision(
            self.programme, organisation, as_of=IN_WINDOW, attributes=self.attributes, actor=actor, now=self.now,
            idempotency_key=f"decision-{organisation.key}",
        )  # fmt: skip

    def apply(
        self, organisation: Organisation, actor: Actor, *, as_of: date = IN_WINDOW, **changes: Any
    ) -> Application:
        given = {"claim_fen": AWARD, "documents": [("contract", f"HT-{organisation.key}")], **changes}
        return apply_to_pot(
            self.programme, self.decide(organisation, actor), self.pot, stacking=Stacking(),
            attributes=self.attributes, as_of=as_of, actor=actor, now=self.now,
            idempotency_key=f"application-{organisation.key}", **given,
        )  # fmt: skip

    def both(self) -> tuple[Application, Application]:
        return self.apply(self.cast.firm, self.cast.alice), self.apply(self.cast.outsider, self.cast.charlie)

    def share(self, *, as_of: date = AFTER, actor: Actor | None = None, **changes: Any) -> SharingRound:
        given: dict[str, Any] = {"sharing": Sharing.PRO_RATA, "idempotency_key": "round", **changes}
        return rounds.share_applications(
            self.programme, self.pot, attributes=self.attributes, as_of=as_of, actor=actor or self.cast.olive,
            now=self.now, **given,
        )  # fmt: skip

    def notice(self, made: SharingRound, actor: Actor | None = None) -> SharingRound:
        return rounds.open_notice(
            made, until=NOTICE_END, as_of=AFTER, actor=actor or self.cast.olive, now=self.now, idempotency_key="notice"
        )

    def object(
        self, application: Application, actor: Actor, *, as_of: date = AFTER, text: str = "rents from itself"
    ) -> Objection:
        return rounds.object_to(application, text, as_of=as_of, actor=actor, now=self.now, idempotency_key="objection")

    def answer(self, objection: Objection, upheld: bool, actor: Actor | None = None) -> Objection:
        return rounds.decide_objection(
            objection, upheld=upheld, reason="checked", actor=actor or self.cast.olive, now=self.now,
            idempotency_key="answer",
        )  # fmt: skip

    def award(self, made: SharingRound, *, as_of: date = LATER, actor: Actor | None = None) -> SharingRound:
        return rounds.award_round(
            made, as_of=as_of, actor=actor or self.cast.olive, now=self.now, idempotency_key="award"
        )


@pytest.fixture
def city(cast: Any, now: datetime, programme: Programme, attributes: dict[str, Attribute]) -> City:
    return City(cast, now, programme, attributes)


def states() -> list[tuple[str, int | None]]:
    return list(Application.objects.order_by("key").values_list("state", "shared_fen"))


def test_from_application_to_voucher(city: City) -> None:
    application, _ = city.both()
    made = city.share()
    assert (made.budget_fen, made.sharing, states()) == (BUDGET, "pro_rata", [("shared", 75_000_000)] * 2)
    city.notice(made)
    objection = city.object(Application.objects.get(organisation=city.cast.outsider), city.cast.alice)
    with pytest.raises(Conflict, match="1 objections are undecided"):
        city.award(made)
    city.answer(objection, upheld=True)
    assert city.award(made).state == RoundState.AWARDED
    assert states() == [("awarded", 75_000_000), ("refused", 75_000_000)]
    # What was refused is in the pot again, what is awarded is promised until its voucher is granted.
    assert rounds.left_in(city.pot) == 75_000_000
    grant: dict[str, Any] = {
        "rate_bp": 5000, "kinds": ["compute"], "listed_providers_only": True, "valid_from": LATER,
        "valid_to": date(2026, 12, 31), "actor": city.cast.olive, "now": city.now,
    }  # fmt: skip
    with pytest.raises(Conflict, match=r"its share ¥750,000\.00"):
        vouchers.grant_voucher(application.decision, city.pot, amount_fen=AWARD, idempotency_key="v", **grant)
    vouchers.grant_voucher(application.decision, city.pot, amount_fen=75_000_000, idempotency_key="v", **grant)
    assert rounds.left_in(city.pot) == 75_000_000
    refused = Application.objects.get(organisation=city.cast.outsider)
    with pytest.raises(Conflict, match="is refused"):
        vouchers.grant_voucher(refused.decision, city.pot, amount_fen=1, idempotency_key="w", **grant)


def test_every_step_again_under_its_key_changes_nothing(city: City) -> None:
    for _ in range(2):
        application, _ = city.both()
        made = city.share()
        city.notice(made)
        city.answer(city.object(application, city.cast.charlie), upheld=False)
        city.award(made)
    done = Event.objects.exclude(action__in=("open_pot", "record_decision")).order_by("pk")
    assert list(done.values_list("action", flat=True)) == [
        "apply_to_pot", "apply_to_pot", "share_applications", "open_notice", "object_to", "decide_objection",
        "award_round",
    ]  # fmt: skip
    assert states() == [("awarded", 75_000_000)] * 2


def test_nothing_happens_out_of_its_time(city: City) -> None:
    with pytest.raises(Conflict, match="takes applications from 2026-05-06 to 2026-06-05, not on 2026-06-08"):
        city.apply(city.cast.firm, city.cast.alice, as_of=AFTER)
    with pytest.raises(Conflict, match="no application waits"):
        city.share()
    application, _ = city.both()
    with pytest.raises(Conflict, match="is open until 2026-06-05"):
        city.share(as_of=IN_WINDOW)
    with pytest.raises(Conflict, match="is not in a public notice"):
        city.object(application, city.cast.charlie)
    made = city.share()
    with pytest.raises(Conflict, match="its notice until not opened"):
        city.award(made)
    with pytest.raises(Conflict, match="can no longer be withdrawn"):
        withdraw_application(application, actor=city.cast.alice, now=city.now, idempotency_key="w")
    city.notice(made)
    with pytest.raises(Conflict, match="its notice until 2026-06-15"):
        city.award(made, as_of=NOTICE_END)
    with pytest.raises(Conflict, match="is not in a public notice on 2026-06-16"):
        city.object(application, city.cast.charlie, as_of=LATER)
    with pytest.raises(InputError, match="an objection without reasons"):
        city.object(application, city.cast.charlie, text="  ")


def give_up(city: City, application: Application, programme: Programme | None, key: str = "again") -> Application:
    return withdraw_application(
        application, actor=city.cast.alice, now=city.now, idempotency_key=key, programme=programme
    )


def test_who_gets_less_chooses_again_where_the_programme_says_so(city: City) -> None:
    """Each of two asks for 1 million CNY of 1.5 and gets 0.75; one gives it up, and what it would have had stays."""
    assert city.programme.pot is not None
    lets = replace(city.programme, pot=replace(city.programme.pot, choose_again=True))
    application, other = city.both()
    made = city.share()
    refused = "can no longer be withdrawn"
    with pytest.raises(Conflict, match=refused):  # its share is not public yet
        give_up(city, application, lets)
    city.notice(made)
    with pytest.raises(Conflict, match=refused):
        give_up(city, application, city.programme)
    with pytest.raises(Conflict, match=refused):  # what a later text says does not count
        give_up(city, application, replace(lets, sha256="0" * 64))
    with pytest.raises(NotAllowed):
        give_up(city, other, lets)
    for _ in range(2):
        assert give_up(city, application, lets).state == "withdrawn"
    assert held_on(city.cast.firm, AFTER) == {}
    assert rounds.left_in(city.pot) == BUDGET - 75_000_000
    again = rounds.share_again(made, city.programme, city.attributes)
    assert again.table["paid_fen"].to_list() == [75_000_000] * 2
    city.award(made)
    assert dict(Application.objects.values_list("organisation__key", "state")) == {
        city.cast.firm.key: "withdrawn", city.cast.outsider.key: "awarded",
    }  # fmt: skip


def test_who_gets_all_does_not_choose_again(city: City) -> None:
    assert city.programme.pot is not None
    lets = replace(city.programme, pot=replace(city.programme.pot, choose_again=True))
    application = city.apply(city.cast.firm, city.cast.alice)
    city.notice(city.share())
    with pytest.raises(Conflict, match="can no longer be withdrawn"):
        give_up(city, application, lets)


def test_an_award_is_not_given_up(city: City) -> None:
    assert city.programme.pot is not None
    lets = replace(city.programme, pot=replace(city.programme.pot, choose_again=True))
    application, _ = city.both()
    made = city.notice(city.share())
    city.award(made)
    with pytest.raises(Conflict, match="can no longer be withdrawn"):
        give_up(city, application, lets)


def test_nobody_of_the_offices_judges_their_own_matter(city: City) -> None:
    judge = make_person("jo", city.cast.firm, Role.MEMBER, is_operator=True).as_actor()
    scorer = make_person("rey", city.cast.firm, Role.MEMBER, is_reviewer=True).as_actor()
    mine, other = city.both()
    for actor in (judge, scorer):
        with pytest.raises(NotAllowed, match="their own matter"):
            score_application(mine, 9, actor=actor, now=city.now, idempotency_key="s")
        score_application(other, 9, actor=actor, now=city.now, idempotency_key=actor.name)
    city.notice(city.share())
    objection = city.object(mine, city.cast.bob)
    with pytest.raises(NotAllowed, match="their own matter"):
        city.answer(objection, False, judge)
    raised = rounds.object_to(other, "x", as_of=AFTER, actor=judge, now=city.now, idempotency_key="theirs")
    with pytest.raises(NotAllowed, match="their own matter"):
        city.answer(raised, True, judge)
    assert city.answer(objection, False).upheld is False


@pytest.mark.parametrize("who", ["alice", "charlie", "ann"])
def test_only_the_operator_runs_a_round(city: City, who: str) -> None:
    actor = getattr(city.cast, who)
    application, _ = city.both()
    with pytest.raises(NotAllowed):
        city.share(actor=actor)
    with pytest.raises(NotAllowed):
        score_application(application, 1, actor=actor, now=city.now, idempotency_key="s")
    made = city.share()
    with pytest.raises(NotAllowed):
        city.notice(made, actor=actor)
    city.notice(made)
    objection = city.object(application, city.cast.bob)
    with pytest.raises(NotAllowed):
        city.answer(objection, True, actor=actor)
    city.answer(objection, False)
    with pytest.raises(NotAllowed):
        city.award(made, actor=actor)


def test_outsiders_neither_apply_nor_withdraw_for_others(city: City) -> None:
    application = city.apply(city.cast.firm, city.cast.alice)
    with pytest.raises(NotAllowed):
        city.apply(city.cast.firm, city.cast.charlie)
    with pytest.raises(NotAllowed):
        withdraw_application(application, actor=city.cast.charlie, now=city.now, idempotency_key="w")
    with pytest.raises(NotAllowed):
        duplicate_documents(city.cast.charlie)


def seen(actor: Actor) -> list[int]:
    models: tuple[Any, ...] = (Application, ClaimedDocument, SharingRound, Objection)
    return [model.objects.visible_to(actor).count() for model in models]


def test_the_public_notice_shows_awards_and_never_contracts_or_who_objects(city: City) -> None:
    application, _ = city.both()
    bob, alice, olive, ann = city.cast.bob, city.cast.alice, city.cast.olive, city.cast.ann
    assert [seen(actor) for actor in (VISITOR, bob, alice, olive, ann)] == [
        [0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [2, 2, 0, 0], [2, 2, 0, 0],
    ]  # fmt: skip
    with pytest.raises(NotFound):
        find_application(application.key, bob)
    city.notice(city.share())
    with pytest.raises(NotAllowed, match="sign in"):
        city.object(application, VISITOR)
    city.object(application, bob)
    assert [seen(actor) for actor in (VISITOR, bob, alice, olive)] == [
        [2, 0, 1, 0], [2, 0, 1, 1], [2, 1, 1, 0], [2, 2, 1, 1],
    ]  # fmt: skip
    assert find_application(application.key, bob).shared_fen == 75_000_000
    # The event of an objection is for the offices alone: it names the person.
    assert Event.objects.visible_to(alice).filter(action="object_to").count() == 0


def test_a_document_claimed_twice_is_an_alert(city: City) -> None:
    city.apply(city.cast.firm, city.cast.alice, documents=[("contract", "HT 2026/001"), ("invoice", "0044")])
    second = city.apply(
        city.cast.outsider, city.cast.charlie, documents=[("contract", "ht-2026-001"), ("contract", "0044")]
    )
    alert = ("contract", "HT2026001", ["application-n-firm", "application-n-outsider"])
    assert duplicate_documents(city.cast.olive) == [alert]
    withdraw_application(second, actor=city.cast.charlie, now=city.now, idempotency_key="w")
    assert duplicate_documents(city.cast.ann) == []


def test_by_merit_the_scores_of_the_reviews_decide(city: City) -> None:
    first, second = city.both()
    for application, score in ((first, 70), (second, 90)):
        score_application(application, score, actor=city.cast.olive, now=city.now, idempotency_key=application.key)
    city.share(sharing=Sharing.MERIT)
    assert states() == [("shared", 50_000_000), ("shared", 100_000_000)]


def test_what_is_not_an_award_is_refused(city: City) -> None:
    for claim in (0, AWARD + 1, True):
        with pytest.raises(Conflict, match=r"awards ¥1,000,000\.00, claimed"):
            city.apply(city.cast.firm, city.cast.alice, claim_fen=claim)
    with pytest.raises(InputError, match="is no document"):
        city.apply(city.cast.firm, city.cast.alice, documents=[("receipt", "1")])
    city.apply(city.cast.firm, city.cast.alice)
    with pytest.raises(Conflict, match="was applied on already"):
        apply_to_pot(
            city.programme, city.decide(city.cast.firm, city.cast.alice), city.pot, claim_fen=1, documents=[],
            stacking=Stacking(), attributes=city.attributes, as_of=IN_WINDOW, actor=city.cast.alice, now=city.now,
            idempotency_key="again",
        )  # fmt: skip


def test_a_draft_shares_nothing(city: City) -> None:
    city.both()
    Pot.objects.update(is_draft=True)
    city.pot.refresh_from_db()
    with pytest.raises(Conflict, match="a draft releases no money"):
        city.share()
    assert states() == [(ApplicationState.APPLIED, None)] * 2

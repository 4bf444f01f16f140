"""A person is awarded money under a pseudonym: consent, window, who sees what, notice, objection, withdrawal."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exchange_persons import AFTER, ALICE, CHARLIE, IN_WINDOW, LATER, TAX, Persons

from siwei.errors import Conflict, InputError, NotAllowed
from siwei.exchange.actors import VISITOR, Actor
from siwei.exchange.awards import grants, rounds
from siwei.exchange.awards.applications import withdraw_application
from siwei.exchange.awards.person_awards import open_application, shown_name
from siwei.exchange.awards.rounds import left_in
from siwei.exchange.models import Account, Application, ApplicationState, Event, Grant, PersonFact, Pseudonym, Transfer
from siwei.exchange.people.consents import PERSON_AWARD, PERSON_FACTS, give_consent
from siwei.exchange.people.vault import Erased
from siwei.policy import Sharing

pytestmark = pytest.mark.django_db


@pytest.fixture
def persons(cast: Any, tmp_path: Path) -> Persons:
    return Persons(cast, tmp_path)


def states() -> dict[str, str]:
    rows = Application.objects.select_related("pseudonym__person")
    return {each.pseudonym.person.username: each.state for each in rows if each.pseudonym and each.pseudonym.person}


def test_from_facts_to_money_on_a_pseudonymous_account(persons: Persons) -> None:
    persons.granted()
    assert states() == {"charlie": "awarded", "alice": "awarded"}
    charlie = Pseudonym.objects.get(person_id=persons.cast.charlie.person_id)
    account = Account.objects.get(code=f"CNY:grant:{charlie.key}")
    assert (account.balance, account.owner_id, account.pseudonym_id) == (TAX[CHARLIE], None, charlie.pk)
    assert Account.objects.get(code="CNY:pot:talent-subsidy:2026").balance == 500_000 - sum(TAX.values())
    grants.grant_round(rounds.SharingRound.objects.get(), actor=persons.cast.olive, now=persons.now)
    assert Grant.objects.count() == 2
    assert list(Account.objects.visible_to(persons.cast.charlie).values_list("code", flat=True)) == [account.code]
    assert Transfer.objects.visible_to(persons.cast.charlie).get().credit_account_id == account.pk
    assert not Grant.objects.visible_to(persons.cast.bob).exists()


def test_the_same_application_again_is_a_look_up_and_the_key_given_stands_nowhere(persons: Persons) -> None:
    persons.ready(persons.cast.charlie)
    first = persons.apply(persons.cast.charlie, idempotency_key="charlie-zhang-san-feng")
    assert persons.apply(persons.cast.charlie, idempotency_key="charlie-zhang-san-feng").pk == first.pk
    with pytest.raises(Conflict, match="used for another"):
        persons.apply(persons.cast.charlie, idempotency_key="charlie-zhang-san-feng", claim_fen=1)
    event = Event.objects.get(action="apply_as_person")
    assert (event.person_id, event.actor_name) == (None, Pseudonym.objects.get().key)
    assert "charlie" not in f"{event.key}{event.subject}{event.payload}{first.key}"


def test_without_consent_outside_the_window_or_for_more_it_is_refused(persons: Persons) -> None:
    charlie = persons.cast.charlie
    give_consent(PERSON_FACTS, actor=charlie, now=persons.now)
    with pytest.raises(Conflict, match="no consent to apply"):
        persons.apply(charlie)
    give_consent(PERSON_AWARD, actor=charlie, now=persons.now)
    with pytest.raises(Conflict, match="cannot_tell for you"):
        persons.apply(charlie)
    persons.declare(charlie, TAX[CHARLIE])
    with pytest.raises(Conflict, match="takes applications from"):
        persons.apply(charlie, as_of=AFTER)
    with pytest.raises(Conflict, match=r"leaves ¥3,000\.00, claimed ¥3,000\.01"):
        persons.apply(charlie, claim_fen=TAX[CHARLIE] + 1)
    for fen in (0, -1):
        with pytest.raises(InputError, match="a positive amount"):
            persons.apply(charlie, claim_fen=fen)
    for name in ("", " ", "张\n三", "名" * 61):
        with pytest.raises(InputError, match="not a name"):
            persons.apply(charlie, name=name)
    persons.apply(charlie, claim_fen=200_000)
    with pytest.raises(Conflict, match=r"leaves ¥1,000\.00"):
        persons.apply(charlie, claim_fen=100_001, idempotency_key="again")
    assert persons.apply(charlie, claim_fen=100_000, idempotency_key="rest").claim_fen == 100_000


def test_a_programme_for_others_a_program_and_whoever_audits_are_refused(persons: Persons) -> None:
    persons.ready(persons.cast.charlie)
    by_key = replace(persons.cast.charlie, by_key="key")
    for actor in (VISITOR, by_key, persons.cast.ann):
        with pytest.raises(NotAllowed):
            persons.apply(actor)
    persons.programme = replace(persons.programme, applies_to="organisation")
    with pytest.raises(InputError, match="not for a person"):
        persons.apply(persons.cast.charlie)


def test_who_reads_what_of_an_application(persons: Persons) -> None:
    cast = persons.cast
    mine, _ = persons.applied()

    def sees(actor: Actor) -> bool:
        return Application.objects.visible_to(actor).filter(pk=mine.pk).exists()

    assert [sees(each) for each in (cast.charlie, cast.alice, cast.bob, cast.olive, cast.ann, VISITOR)] == [
        True, False, False, True, True, False,
    ]  # fmt: skip
    for actor in (cast.charlie, cast.olive):
        opened = open_application(mine, actor)
        assert (opened.name, opened.inputs["person_income_tax"]["value"]) == (CHARLIE, "300000")
    for actor in (cast.alice, cast.bob, cast.ann, VISITOR, replace(cast.olive, by_key="key")):
        with pytest.raises(NotAllowed, match="the person's own"):
            open_application(mine, actor)
    assert shown_name(mine) == "张*"


def test_an_upheld_objection_refuses_the_award(persons: Persons) -> None:
    mine, _ = persons.applied()
    made = persons.notice()
    public = Application.objects.visible_to(VISITOR).get(pk=mine.pk)
    objection = rounds.object_to(
        public, "已在别处领取", as_of=AFTER, actor=persons.cast.bob, now=persons.now, idempotency_key="o"
    )
    rounds.decide_objection(
        objection, upheld=True, reason="属实", actor=persons.cast.olive, now=persons.now, idempotency_key="d"
    )
    rounds.award_round(made, as_of=LATER, actor=persons.cast.olive, now=persons.now, idempotency_key="award")
    assert states() == {"charlie": "refused", "alice": "awarded"}
    with pytest.raises(Conflict, match="refused: nothing to pay"):
        grants.grant_award(mine.key, actor=persons.cast.olive, now=persons.now)
    assert left_in(persons.pot) == 500_000 - TAX[ALICE]


def test_a_round_is_shared_again_to_the_same(persons: Persons) -> None:
    persons.applied()
    made = persons.share()
    shares = rounds.share_again(made, persons.programme, persons.attributes)
    assert (shares.paid_fen, shares.sharing) == (sum(TAX.values()), Sharing.PRO_RATA)


def test_the_person_withdraws_and_nobody_else_does(persons: Persons) -> None:
    mine, _ = persons.applied()
    for actor in (persons.cast.alice, persons.cast.bob, VISITOR):
        with pytest.raises(NotAllowed):
            withdraw_application(mine, actor=actor, now=persons.now, idempotency_key=f"w-{actor.name}")
    taken = withdraw_application(mine, actor=persons.cast.charlie, now=persons.now, idempotency_key="w")
    assert taken.state == ApplicationState.WITHDRAWN
    event = Event.objects.get(action="withdraw_application")
    assert (event.person_id, event.actor_name) == (None, Pseudonym.objects.get(pk=mine.pseudonym_id).key)


def test_withdrawing_the_consent_gives_up_what_is_not_awarded(persons: Persons) -> None:
    mine, other = persons.applied()
    persons.notice()
    persons.withdraw(persons.cast.charlie)
    mine.refresh_from_db()
    assert (mine.state, mine.sealed, shown_name(Application.objects.get(pk=mine.pk))) == ("withdrawn", None, "")
    with pytest.raises(Erased):
        open_application(Application.objects.get(pk=mine.pk), persons.cast.olive)
    # Nothing was owed: nobody can tell any more who the pseudonym was.
    assert list(Pseudonym.objects.filter(pk=mine.pseudonym_id).values_list("person", "secret")) == [(None, None)]
    assert left_in(persons.pot) == 500_000 - TAX[ALICE]
    rounds.award_round(
        rounds.SharingRound.objects.get(), as_of=LATER, actor=persons.cast.olive, now=persons.now,
        idempotency_key="award",
    )  # fmt: skip
    assert dict(Application.objects.values_list("key", "state")) == {mine.key: "withdrawn", other.key: "awarded"}
    assert PersonFact.objects.filter(person_id=persons.cast.charlie.person_id).exists()


def test_withdrawing_the_consent_to_facts_leaves_what_was_applied_for(persons: Persons) -> None:
    mine, _ = persons.applied()
    persons.withdraw(persons.cast.charlie, PERSON_FACTS)
    mine.refresh_from_db()
    assert (mine.state, open_application(mine, persons.cast.olive).name) == ("applied", CHARLIE)
    assert not PersonFact.objects.filter(person_id=persons.cast.charlie.person_id).exists()
    with pytest.raises(Conflict, match="no consent to apply"):
        persons.apply(persons.cast.charlie, idempotency_key="more", as_of=IN_WINDOW)


def test_a_new_pseudonym_after_all_was_erased(persons: Persons) -> None:
    mine, _ = persons.applied()
    persons.withdraw(persons.cast.charlie)
    persons.consent(persons.cast.charlie)
    again = persons.apply(persons.cast.charlie, idempotency_key="again")
    assert again.pseudonym_id != mine.pseudonym_id

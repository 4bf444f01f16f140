"""A person's own facts: with consent, for that person alone, sealed; decided, kept, replayed, and erased."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import VISITOR
from siwei.exchange.facts.declared import Declaration
from siwei.exchange.facts.person_facts import (
    declare_person_facts,
    explain_for_person,
    person_values,
    read_person_decision,
    record_person_decision,
    replay_person_decision,
)
from siwei.exchange.facts.replays import replay_decisions
from siwei.exchange.models import Consent, Event, PersonDecision, PersonFact, PersonKey
from siwei.exchange.people.consents import PERSON_FACTS, give_consent, has_consented, withdraw_consent
from siwei.exchange.people.vault import Erased, commit, seal, unseal
from siwei.policy import Programme, load_programmes

DAY = date(2026, 11, 23)
INCOME, TAX = "123456700", "34567800"
VALUES = {"gba_talent": "true", "person_taxable_income": INCOME, "person_income_tax": TAX}
AWARD = int(TAX) - int(INCOME) * 15 // 100
MODELS = (PersonKey, PersonFact, PersonDecision)


@pytest.fixture(scope="module")
def attributes() -> dict[str, Attribute]:
    return load_attributes(Path(PACKS / "shenzhen"))


@pytest.fixture(scope="module")
def programmes(attributes: dict[str, Attribute]) -> dict[str, Programme]:
    found = load_programmes(PACKS / "shenzhen" / "programmes", attributes, DAY)
    return {each.id: each for each in found if each.applies_to == "person"}


class Self:
    """What Charlie does for himself."""

    def __init__(self, cast: Any, now: datetime, attributes: Any, programmes: Any) -> None:
        self.actor, self.now, self.attributes, self.programmes = cast.charlie, now, attributes, programmes

    def declare(self, values: Any = VALUES, **changes: Any) -> int:
        told = {name: Declaration(value, "完税证明.pdf") for name, value in values.items()}
        terms: dict[str, Any] = {
            "attributes": self.attributes, "valid_from": DAY, "actor": self.actor, "now": self.now,
            "idempotency_key": "form",
        }  # fmt: skip
        return declare_person_facts(told, **terms | changes)

    def record(self, key: str = "kept", **changes: Any) -> PersonDecision:
        terms: dict[str, Any] = {
            "as_of": DAY, "attributes": self.attributes, "actor": self.actor, "now": self.now, "idempotency_key": key,
        }  # fmt: skip
        return record_person_decision(self.programmes["gba-income-tax"], **terms | changes)

    def withdraw(self) -> None:
        withdraw_consent(PERSON_FACTS, actor=self.actor, now=self.now)


@pytest.fixture
def oneself(cast: Any, now: datetime, attributes: Any, programmes: Any) -> Self:
    made = Self(cast, now, attributes, programmes)
    give_consent(PERSON_FACTS, actor=cast.charlie, now=now)
    return made


def test_every_programme_for_persons_is_decided_clause_by_clause(oneself: Self) -> None:
    oneself.declare()
    found = {
        name: explain_for_person(programme, DAY, oneself.attributes, actor=oneself.actor)
        for name, programme in oneself.programmes.items()
    }
    assert {name: str(each.verdict) for name, each in found.items()} == {
        "gba-income-tax": "eligible", "peacock": "not_eligible",
    }  # fmt: skip
    gba = found["gba-income-tax"]
    assert gba.award.award_fen == AWARD
    assert [(clause.id, str(clause.verdict)) for clause in gba.clauses] == [("talent", "yes"), ("taxed-above", "yes")]
    (talent,) = gba.clauses[0].saw
    assert talent.fact is not None
    assert (talent.fact.value, talent.fact.source, talent.fact.source_ref) == (
        True, "declared by the person", "完税证明.pdf",
    )  # fmt: skip


def test_nothing_is_kept_before_consent_and_consent_can_be_given_anew(
    cast: Any, now: datetime, attributes: Any, programmes: Any
) -> None:
    oneself = Self(cast, now, attributes, programmes)
    for act in (oneself.declare, oneself.record):
        with pytest.raises(Conflict, match="no consent"):
            act()
    assert [model.objects.count() for model in MODELS] == [0, 0, 0]
    first = give_consent(PERSON_FACTS, actor=cast.charlie, now=now)
    assert give_consent(PERSON_FACTS, actor=cast.charlie, now=now).pk == first.pk
    assert Event.objects.filter(action="give_consent").count() == 1
    # To words that were others a consent does not count.
    Consent.objects.update(text_sha256="0" * 64)
    assert not has_consented(cast.charlie.person_id, PERSON_FACTS)
    assert give_consent(PERSON_FACTS, actor=cast.charlie, now=now).pk != first.pk
    with pytest.raises(NotFound):
        give_consent("tracking", actor=cast.charlie, now=now)


def test_the_latest_word_counts(oneself: Self) -> None:
    oneself.declare()
    oneself.declare({"person_income_tax": "1"}, idempotency_key="later", now=oneself.now + timedelta(hours=1))
    assert person_values(DAY, oneself.attributes, actor=oneself.actor)["person_income_tax"].value == 1
    assert oneself.declare() == 3  # the first form again enters nothing
    assert PersonFact.objects.count() == 4
    with pytest.raises(Conflict, match="was used"):
        oneself.declare({"person_income_tax": "2"})


@pytest.mark.parametrize("who", ["alice", "olive", "ann"])
def test_nobody_else_sees_it_whatever_they_are(cast: Any, oneself: Self, who: str) -> None:
    oneself.declare()
    oneself.record()
    actor = getattr(cast, who)
    assert [model.objects.visible_to(actor).count() for model in MODELS] == [0, 0, 0]
    assert person_values(DAY, oneself.attributes, actor=actor) == {}
    assert [model.objects.visible_to(oneself.actor).count() for model in MODELS] == [1, 3, 1]


def test_no_program_acts_on_it(oneself: Self) -> None:
    oneself.declare()
    by_key = replace(oneself.actor, by_key="0123456789ab")
    for actor in (by_key, VISITOR):
        with pytest.raises(NotAllowed, match="sign in yourself"):
            person_values(DAY, oneself.attributes, actor=actor)
        with pytest.raises(NotAllowed):
            oneself.declare(actor=actor, idempotency_key="other")
        with pytest.raises(NotAllowed):
            give_consent(PERSON_FACTS, actor=actor, now=oneself.now)
        with pytest.raises(NotAllowed):
            withdraw_consent(PERSON_FACTS, actor=actor, now=oneself.now)
    assert PersonFact.objects.visible_to(by_key).count() == 0


def whole_database() -> bytes:
    """Every value of every table, as bytes and as text."""
    found = b""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                for value in row:
                    is_bytes = isinstance(value, bytes | memoryview)
                    found += (bytes(value) if is_bytes else str(value).encode("utf-8", "surrogatepass")) + b"\n"
    return found


def test_values_stand_nowhere_in_the_database_or_the_log(oneself: Self, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        oneself.declare()
        oneself.record()
        with pytest.raises(InputError):
            oneself.declare({"person_income_tax": "987654321.5"}, idempotency_key="wrong")
    kept = whole_database()
    for told in (INCOME, TAX, str(AWARD), "完税证明", "987654321"):
        assert told.encode() not in kept
        assert told not in caplog.text
    done = Event.objects.filter(action__in=("declare_person_facts", "record_person_decision")).order_by("pk")
    assert [(each.subject, each.payload) for each in done] == [
        ("person:charlie", {"facts": 3}), ("person:charlie", {}),
    ]  # fmt: skip


def test_a_kept_decision_replays_and_what_was_put_in_its_place_does_not(oneself: Self) -> None:
    oneself.declare()
    made = oneself.record()
    assert oneself.record().pk == made.pk
    programme = oneself.programmes["gba-income-tax"]
    assert replay_person_decision(made, programme, oneself.attributes).award.award_fen == AWARD
    oneself.declare({"person_income_tax": "1"}, idempotency_key="later")
    assert read_person_decision(made)["result"]["award"]["award_fen"] == AWARD
    other = oneself.record("another")
    PersonDecision.objects.filter(pk=made.pk).update(sealed=other.sealed)
    made.refresh_from_db()
    with pytest.raises(Conflict, match="changed, or sealed under another key"):
        read_person_decision(made)
    with pytest.raises(Conflict, match="another version"):
        replay_person_decision(other, replace(programme, sha256="0" * 64), oneself.attributes)


def test_erased_it_is_gone_and_a_replay_says_so(oneself: Self) -> None:
    oneself.declare()
    oneself.record()
    same = replay_decisions(PACKS / "shenzhen", oneself.attributes)
    assert [(each.decision, each.reason, each.is_erased) for each in same] == [("kept", "", False)]
    oneself.withdraw()
    assert [model.objects.count() for model in MODELS] == [0, 0, 1]
    left = PersonDecision.objects.get()
    assert (left.sealed, left.erased_at) == (None, oneself.now)
    with pytest.raises(Erased, match="erased"):
        read_person_decision(left)
    erased = replay_decisions(PACKS / "shenzhen", oneself.attributes, ["kept"])
    assert [(each.decision, each.reason, each.is_erased) for each in erased] == [("kept", "", True)]
    assert person_values(DAY, oneself.attributes, actor=oneself.actor) == {}
    with pytest.raises(Conflict, match="no consent"):
        oneself.declare(idempotency_key="after")
    # Anew it is another key, and nothing of before comes back.
    give_consent(PERSON_FACTS, actor=oneself.actor, now=oneself.now)
    oneself.declare({"person_income_tax": "5"}, idempotency_key="anew")
    assert list(person_values(DAY, oneself.attributes, actor=oneself.actor)) == ["person_income_tax"]
    left.refresh_from_db()
    with pytest.raises(Erased):
        read_person_decision(left)


def test_every_problem_is_said(oneself: Self) -> None:
    with pytest.raises(InputError) as caught:
        oneself.declare({"person_income": "1", "employees": "3", "gba_talent": "maybe", "person_income_tax": "1.5"})
    assert [problem.field for problem in caught.value.problems] == [
        "person_income", "employees", "gba_talent", "person_income_tax",
    ]  # fmt: skip
    assert PersonFact.objects.count() == 0


def test_the_seal_holds_what_it_was_given_and_for_that_alone() -> None:
    key, other = b"k" * 32, b"o" * 32
    sealed = seal(key, "fact:a", {"value": "1"})
    assert unseal(key, "fact:a", sealed) == {"value": "1"}
    assert seal(key, "fact:a", {"value": "1"}) != sealed
    for wrong in ((other, "fact:a", sealed), (key, "fact:b", sealed), (key, "fact:a", sealed[:-1] + b"x")):
        with pytest.raises(Conflict):
            unseal(*wrong)
    assert commit(key, {"a": 1}) == commit(key, {"a": 1})
    assert commit(key, {"a": 1}) not in (commit(other, {"a": 1}), commit(key, {"a": 2}))

"""Facts proven by an office: of organisations and projects beside what was declared, of persons sealed again."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import VISITOR, Role
from siwei.exchange.facts.decisions import facts_of
from siwei.exchange.facts.declared import Declaration
from siwei.exchange.facts.person_facts import (
    declare_person_facts,
    person_values,
    record_person_decision,
    replay_person_decision,
)
from siwei.exchange.facts.person_proofs import ask_for_proof, decide_proof, shown_proofs, take_back_proof
from siwei.exchange.facts.projects import declare_project_facts, project_values
from siwei.exchange.facts.proofs import proof_of, prove_facts
from siwei.exchange.models import Event, Fact, FactStatus, PersonFact, PersonProof, Project, ProjectFact
from siwei.exchange.people.consents import PERSON_FACTS, PERSON_PROOF, give_consent, withdraw_consent
from siwei.exchange.people.vault import find_key
from siwei.exchange.trading import caps
from siwei.policy import load_programmes

DAY = date(2026, 11, 23)
TAX = "34567800"
PAPER = "税务局 2026-03 完税证明"


@pytest.fixture(scope="module")
def attributes() -> dict[str, Attribute]:
    return load_attributes(Path(PACKS / "shenzhen"))


@pytest.fixture
def project(cast: Any, now: datetime) -> Project:
    return caps.open_project(cast.firm.key, "灵巧手", actor=cast.alice, now=now, idempotency_key="project")


def prove(cast: Any, now: datetime, attributes: Any, of: Any, values: Any, **changes: Any) -> Any:
    terms: dict[str, Any] = {
        "attributes": attributes, "valid_from": DAY, "actor": cast.olive, "now": now, "idempotency_key": "proof",
    }  # fmt: skip
    told = {name: Declaration(value, PAPER) for name, value in values.items()}
    return prove_facts(of, told, terms.pop("status", FactStatus.VERIFIED), **terms | changes)


def test_a_proven_fact_goes_before_what_was_declared_and_changes_nothing(
    cast: Any, now: datetime, attributes: Any, project: Project
) -> None:
    declare_project_facts(
        project, {"project_months": Declaration("24")}, attributes=attributes, valid_from=DAY, actor=cast.alice,
        now=now, idempotency_key="form",
    )  # fmt: skip
    for _ in range(2):
        (made,) = prove(cast, now, attributes, project, {"project_months": "18"})
    found = project_values(project, DAY, attributes)["project_months"]
    assert (found.value, found.status, found.source) == (18, FactStatus.VERIFIED, "proven before olive")
    assert (made.source_ref, ProjectFact.objects.count()) == (f"#1 2026-11-23 {PAPER}", 2)
    assert Event.objects.filter(action="prove_facts").count() == 1
    (fact,) = prove(cast, now, attributes, cast.firm, {"employees": "12"}, idempotency_key="firm")
    assert facts_of(cast.firm, DAY, attributes)["employees"].value == 12
    assert (Fact.objects.get(pk=fact.pk).is_public, fact.status) == (
        attributes["employees"].public, FactStatus.VERIFIED,
    )  # fmt: skip


def test_the_operator_alone_proves_and_nobody_for_those_they_act_for(
    cast: Any, now: datetime, attributes: Any, project: Project
) -> None:
    own = replace(cast.olive, roles={cast.firm.pk: Role.MEMBER})
    for actor in (cast.alice, cast.charlie, cast.ann, VISITOR, own):
        with pytest.raises(NotAllowed):
            prove(cast, now, attributes, project, {"project_months": "18"}, actor=actor)
    assert ProjectFact.objects.count() == 0


def test_what_is_wrong_is_told_at_once_and_nothing_is_entered(
    cast: Any, now: datetime, attributes: Any, project: Project
) -> None:
    values = {"project_months": Declaration("many", PAPER), "project_field": Declaration("other", " ")}
    with pytest.raises(InputError) as refused:
        prove_facts(
            project, values, FactStatus.DECLARED, attributes=attributes, valid_from=DAY, actor=cast.olive, now=now,
            idempotency_key="wrong",
        )  # fmt: skip
    assert [problem.field for problem in refused.value.problems] == ["project_months", "project_field", "proof"]
    with pytest.raises(InputError, match="declared"):
        proof_of("declared")
    assert ProjectFact.objects.count() == 0


class Charlie:
    def __init__(self, cast: Any, now: datetime, attributes: Any) -> None:
        self.cast, self.actor, self.now, self.attributes = cast, cast.charlie, now, attributes
        give_consent(PERSON_FACTS, actor=self.actor, now=now)
        declare_person_facts(
            {"person_income_tax": Declaration(TAX, "完税证明.pdf"), "gba_talent": Declaration("true")},
            attributes=attributes, valid_from=DAY, actor=self.actor, now=now, idempotency_key="form",
        )  # fmt: skip

    def ask(self, attribute: str = "person_income_tax", key: str = "ask") -> PersonProof:
        give_consent(PERSON_PROOF, actor=self.actor, now=self.now)
        return ask_for_proof(attribute, actor=self.actor, now=self.now, idempotency_key=key)

    def decide(self, number: int, outcome: str = "verified", key: str = "decide", **changes: Any) -> PersonProof:
        terms = {"today": DAY, "actor": self.cast.olive, "now": self.now + timedelta(hours=1), "idempotency_key": key}
        return decide_proof(number, outcome, changes.pop("evidence", PAPER), **terms | changes)

    def status(self) -> tuple[Any, ...]:
        fact = person_values(DAY, self.attributes, actor=self.actor)["person_income_tax"]
        return fact.value, int(fact.status), fact.source


@pytest.fixture
def charlie(cast: Any, now: datetime, attributes: Any) -> Charlie:
    return Charlie(cast, now, attributes)


def seen_by(actor: Any) -> int:
    return PersonProof.objects.visible_to(actor).count()


def test_a_person_has_a_fact_proven_and_it_is_theirs_alone_again(charlie: Charlie, cast: Any) -> None:
    with pytest.raises(Conflict, match="no consent"):
        ask_for_proof("person_income_tax", actor=cast.charlie, now=charlie.now, idempotency_key="early")
    proof = charlie.ask()
    assert charlie.ask().pk == proof.pk
    with pytest.raises(Conflict, match="waits"):
        charlie.ask(key="other")
    assert [seen_by(each) for each in (cast.charlie, cast.olive, cast.alice, cast.ann, VISITOR)] == [1, 1, 0, 0, 0]
    (shown,) = shown_proofs(PersonProof.objects.visible_to(cast.olive))
    assert (shown.fact.value, shown.fact.source_ref) == (TAX, "完税证明.pdf")
    assert charlie.status() == (int(TAX), 0, "declared by the person")
    for _ in range(2):
        charlie.decide(proof.pk)
    assert charlie.status() == (int(TAX), 2, "proven before olive")
    assert (seen_by(cast.olive), PersonFact.objects.count()) == (0, 3)
    with pytest.raises(NotFound):
        charlie.decide(proof.pk, key="again")
    told = "".join(f"{each.subject}{each.payload}" for each in Event.objects.all())
    assert (TAX in told, PAPER in told, "person_income_tax" in told) == (False, False, False)


def test_a_refusal_says_why_to_the_person_and_enters_nothing(charlie: Charlie, cast: Any) -> None:
    proof = charlie.ask()
    charlie.decide(proof.pk, "refused", evidence="看不清")
    (shown,) = shown_proofs(PersonProof.objects.visible_to(cast.charlie))
    assert (shown.proof.state, shown.because, charlie.status()[1]) == ("refused", "看不清", 0)
    assert "看不清".encode() not in bytes(shown.proof.sealed or b"")
    assert charlie.ask(key="once more").pk != proof.pk


def test_taken_back_it_is_seen_no_more(charlie: Charlie, cast: Any) -> None:
    proof = charlie.ask()
    with pytest.raises(NotFound):
        take_back_proof(proof.pk, actor=cast.bob, now=charlie.now)
    for _ in range(2):
        assert take_back_proof(proof.pk, actor=cast.charlie, now=charlie.now).state == "withdrawn"
    with pytest.raises(NotFound):
        charlie.decide(proof.pk)
    charlie.ask(key="second")
    withdraw_consent(PERSON_PROOF, actor=cast.charlie, now=charlie.now)
    assert (seen_by(cast.olive), charlie.status()[1]) == (0, 0)


def test_who_decides_and_with_what(charlie: Charlie, cast: Any) -> None:
    proof = charlie.ask()
    oneself = replace(cast.olive, person_id=cast.charlie.person_id)
    by_key = replace(cast.olive, by_key="key")
    for actor in (cast.charlie, cast.alice, cast.ann, VISITOR, oneself, by_key):
        with pytest.raises(NotAllowed):
            charlie.decide(proof.pk, actor=actor)
    for wrong in ({"outcome": "declared"}, {"evidence": " "}, {"evidence": "x" * 121}, {"evidence": "a\nb"}):
        with pytest.raises(InputError):
            charlie.decide(proof.pk, **wrong)
    with pytest.raises(NotFound, match="nothing was declared"):
        charlie.ask("highest_degree", "none")
    assert charlie.status()[1] == 0


def test_erasing_reaches_what_was_proven_and_what_was_decided_on_it(charlie: Charlie, cast: Any) -> None:
    programme = next(
        each for each in load_programmes(PACKS / "shenzhen" / "programmes", charlie.attributes, DAY)
        if each.id == "gba-income-tax"
    )  # fmt: skip
    charlie.decide(charlie.ask().pk)
    kept = record_person_decision(
        programme, as_of=DAY, attributes=charlie.attributes, actor=cast.charlie, now=charlie.now, idempotency_key="kept"
    )
    replay_person_decision(kept, programme, charlie.attributes)
    charlie.ask("gba_talent", "second")
    withdraw_consent(PERSON_FACTS, actor=cast.charlie, now=charlie.now)
    assert (PersonFact.objects.count(), PersonProof.objects.count()) == (0, 0)
    assert find_key(cast.charlie.person_id) is None
    with pytest.raises(NotFound):
        charlie.decide(1, key="late")
    with pytest.raises(Conflict, match="no consent"):
        ask_for_proof("gba_talent", actor=cast.charlie, now=charlie.now, idempotency_key="late")

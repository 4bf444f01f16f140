"""Projects decided: what their leader declares, what signed consortia say, and who may say and see what."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.facts.claim_decisions import projects_to_decide
from siwei.exchange.facts.decisions import record_decision, replay_decision, subject_facts
from siwei.exchange.facts.declared import Declaration
from siwei.exchange.facts.projects import declare_project_facts, partners_of, project_id, project_values
from siwei.exchange.models import Event, Fact, Project, ProjectFact
from siwei.exchange.trading import agreements, caps
from siwei.exchange.trading.terms import PartyTerms
from siwei.policy import Programme, decide, load_programmes
from siwei.policy.decide import VERDICTS, award_column, verdict_column

DAY = date(2026, 11, 23)
TOPIC = {
    "project_field": "key_technology", "project_months": "24", "project_budget": "100000000",
    "project_own_funds": "20000000", "project_funded_elsewhere": "false",
}  # fmt: skip


@pytest.fixture(scope="module")
def attributes() -> dict[str, Attribute]:
    return load_attributes(Path(PACKS / "shenzhen"))


@pytest.fixture(scope="module")
def programme(attributes: dict[str, Attribute]) -> Programme:
    found = load_programmes(PACKS / "shenzhen" / "programmes", attributes)
    return next(each for each in found if each.id == "research-topic")


@pytest.fixture
def project(cast: Any, now: datetime) -> Project:
    return caps.open_project(cast.firm.key, "灵巧手/一期", actor=cast.alice, now=now, idempotency_key="project")


def declare(cast: Any, now: Any, attributes: Any, project: Project, values: Any = TOPIC, **changes: Any) -> Any:
    terms: dict[str, Any] = {
        "attributes": attributes, "valid_from": DAY, "actor": cast.alice, "now": now, "idempotency_key": "form",
    }  # fmt: skip
    told = {name: Declaration(value) for name, value in values.items()}
    return declare_project_facts(project, told, **terms | changes)


def consortium(cast: Any, now: datetime, project: Project, kind: str = "research", sign: bool = True) -> None:
    agreements.propose_agreement(
        kind, [PartyTerms("lead", cast.firm.key), PartyTerms("member", cast.centre.key)],
        ends_at=now + timedelta(days=300), project=project, as_of=DAY, actor=cast.alice, now=now,
        idempotency_key=f"deal-{kind}",
    )  # fmt: skip
    for actor in (cast.alice, cast.bob) if sign else (cast.alice,):
        agreements.sign_agreement(f"deal-{kind}", actor=actor, now=now, as_of=DAY)


def test_a_project_is_decided_by_what_is_declared_and_signed(
    cast: Any, now: datetime, project: Project, programme: Programme, attributes: Any
) -> None:
    declare(cast, now, attributes, project)
    decide_it: dict[str, Any] = {"as_of": DAY, "attributes": attributes, "actor": cast.alice, "now": now}
    before = record_decision(programme, cast.firm, subject=project_id(project), idempotency_key="d1", **decide_it)
    missing = {one["attribute"] for clause in before.result["clauses"] for one in clause["missing"]}
    assert (before.verdict, missing) == (
        "cannot_tell", {"project_partners", "project_has_firm", "project_lead_form"},
    )  # fmt: skip
    consortium(cast, now, project)
    Fact.objects.create(
        organisation=cast.firm, attribute="legal_form", value="firm", known_at=now, source="登记", status=2
    )
    after = record_decision(programme, cast.firm, subject=project_id(project), idempotency_key="d2", **decide_it)
    assert (after.verdict, after.award_fen, after.subject) == ("eligible", 50_000_000, f"{cast.firm.key}/灵巧手/一期")
    assert after.inputs["project_partners"] == {
        "value": "2", "status": 1, "source": "this exchange", "source_ref": "deal-research",
        "valid_from": DAY.isoformat(),
    }  # fmt: skip
    assert replay_decision(after, programme, attributes).award.award_fen == 50_000_000
    assert replay_decision(before, programme, attributes).award.award_fen is None


def test_whoever_sells_compute_to_it_or_has_not_signed_takes_no_part(
    cast: Any, now: datetime, project: Project, attributes: Any
) -> None:
    consortium(cast, now, project, sign=False)
    consortium(cast, now, project, kind="service")
    assert [each.key for each in partners_of(project, DAY)] == [cast.firm.key]
    assert "project_partners" not in project_values(project, DAY, attributes)


def test_what_is_signed_goes_before_what_is_declared(
    cast: Any, now: datetime, project: Project, attributes: Any
) -> None:
    declare(cast, now, attributes, project, {"project_partners": "9", "project_has_firm": "false"})
    assert project_values(project, DAY, attributes)["project_partners"].value == 9
    consortium(cast, now, project)
    found = project_values(project, DAY, attributes)
    assert (found["project_partners"].value, found["project_has_firm"].value) == (2, True)


def test_the_bulk_run_says_the_same_as_the_recorded_decision(
    cast: Any, now: datetime, project: Project, programme: Programme, attributes: Any
) -> None:
    declare(cast, now, attributes, project)
    consortium(cast, now, project)
    Fact.objects.create(
        organisation=cast.firm, attribute="legal_form", value="university", known_at=now, source="登记", status=2
    )
    table = projects_to_decide([programme], DAY, attributes)
    (row,) = decide([programme], table, DAY).wide.iter_rows(named=True)
    made = record_decision(
        programme, cast.firm, subject=project_id(project), as_of=DAY, attributes=attributes, actor=cast.alice, now=now,
        idempotency_key="d",
    )  # fmt: skip
    assert (VERDICTS[row[verdict_column("research-topic")]], row[award_column("research-topic")]) == (
        made.verdict, made.award_fen,
    )  # fmt: skip


@pytest.mark.parametrize("who", ["bob", "charlie", "olive", "ann"])
def test_nobody_else_declares_of_it_and_only_the_offices_see_it(
    cast: Any, now: datetime, project: Project, attributes: Any, who: str
) -> None:
    declare(cast, now, attributes, project)
    actor = getattr(cast, who)
    with pytest.raises(NotAllowed):
        declare(cast, now, attributes, project, actor=actor, idempotency_key="other")
    assert ProjectFact.objects.visible_to(actor).exists() is (who in ("olive", "ann"))
    assert ProjectFact.objects.count() == len(TOPIC)


def test_declared_once_under_a_key_with_every_problem_said(
    cast: Any, now: datetime, project: Project, attributes: Any
) -> None:
    first = declare(cast, now, attributes, project)
    assert [each.pk for each in declare(cast, now, attributes, project)] == [each.pk for each in first]
    with pytest.raises(Conflict):
        declare(cast, now, attributes, project, {"project_months": "12"})
    with pytest.raises(InputError) as caught:
        declare(
            cast, now, attributes, project, {"project_month": "1", "employees": "3", "project_months": "-1"},
            idempotency_key="wrong",
        )  # fmt: skip
    assert [problem.field for problem in caught.value.problems] == ["project_month", "employees", "project_months"]
    event = Event.objects.get(action="declare_project_facts")
    assert "100000000" not in str(event.payload)


def test_another_organisations_project_and_none_at_all(
    cast: Any, now: datetime, project: Project, programme: Programme, attributes: Any
) -> None:
    for subject in (project_id(project), "n-centre/nothing", "", "灵巧手/一期"):
        with pytest.raises(NotFound):
            subject_facts(programme, cast.centre, DAY, attributes, subject)

"""Declaring facts: one's own word, dated, once, all of it or nothing; and nobody else's."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.facts.decisions import facts_of
from siwei.exchange.facts.declared import Declaration, declare_facts
from siwei.exchange.models import Event, Fact, FactStatus
from siwei.exchange.parties import listed_providers

DAY = date(2026, 11, 23)
VALUES = {"employees": Declaration("40", "社保清单.pdf"), "revenue": Declaration("680000000")}


@pytest.fixture(scope="session")
def attributes() -> dict[str, Attribute]:
    return load_attributes(Path(PACKS / "shenzhen"))


def declare(cast: Any, now: Any, attributes: Any, values: Any = VALUES, actor: Any = None, **changes: Any) -> Any:
    terms: dict[str, Any] = {
        "organisation": cast.firm.key, "values": values, "attributes": attributes, "valid_from": DAY,
        "actor": actor or cast.alice, "now": now, "idempotency_key": "form-1",
    }  # fmt: skip
    return declare_facts(**terms | changes)


def test_what_is_declared_is_kept_dated_with_its_evidence(cast: Any, now: Any, attributes: Any) -> None:
    declare(cast, now, attributes)
    kept = Fact.objects.order_by("attribute").values_list(
        "attribute", "value", "valid_from", "known_at", "source", "source_ref", "status", "is_public"
    )
    assert list(kept) == [
        ("employees", "40", DAY, now, "declared by 甲公司", "#1 2026-11-23 社保清单.pdf", 0, False),
        ("revenue", "680000000", DAY, now, "declared by 甲公司", "#1 2026-11-23", 0, False),
    ]
    event = Event.objects.get(action="declare_facts")
    assert (event.person_id, event.subject, [each.key for each in event.organisations.all()]) == (
        cast.alice.person_id, f"organisation:{cast.firm.key}", [cast.firm.key],
    )  # fmt: skip
    assert event.payload == {"facts": {"employees": "#1 2026-11-23 社保清单.pdf", "revenue": "#1 2026-11-23"}}


def test_a_later_word_stands_beside_the_earlier_and_is_read(cast: Any, now: Any, attributes: Any) -> None:
    declare(cast, now, attributes)
    declare(
        cast, now + timedelta(hours=1), attributes, {"employees": Declaration("55")}, idempotency_key="form-2"
    )  # fmt: skip
    history = Fact.objects.filter(attribute="employees").order_by("pk").values_list("value", "source_ref")
    assert list(history) == [("40", "#1 2026-11-23 社保清单.pdf"), ("55", "#2 2026-11-23")]
    assert facts_of(cast.firm, DAY, attributes)["employees"].value == 55


def test_a_proven_fact_outweighs_ones_own_word(cast: Any, now: Any, attributes: Any) -> None:
    Fact.objects.create(
        organisation=cast.firm, attribute="employees", value="38", known_at=now, source="社保局",
        status=FactStatus.VERIFIED,
    )  # fmt: skip
    declare(cast, now, attributes)
    assert facts_of(cast.firm, DAY, attributes)["employees"].value == 38


def test_the_same_form_sent_twice_is_entered_once(cast: Any, now: Any, attributes: Any) -> None:
    first = declare(cast, now, attributes)
    again = declare(cast, now + timedelta(minutes=1), attributes)
    assert ([fact.pk for fact in again], Fact.objects.count()) == ([fact.pk for fact in first], 2)
    with pytest.raises(Conflict, match="key 'form-1' was used"):
        declare(cast, now, attributes, {"employees": Declaration("41")})


@pytest.mark.parametrize("who", ["bob", "charlie", "olive", "ann"])
def test_nobody_declares_for_another(cast: Any, now: Any, attributes: Any, who: str) -> None:
    with pytest.raises(NotAllowed, match="may not declare facts"):
        declare(cast, now, attributes, actor=getattr(cast, who))
    assert Fact.objects.count() == 0


def test_every_problem_is_said_and_nothing_is_entered(cast: Any, now: Any, attributes: Any) -> None:
    wrong = {
        "employes": Declaration("3"),
        "revenue": Declaration("12.5"),
        "research_staff": Declaration("-1"),
        "founded_on": Declaration("2026-02-30"),
        "high_tech_field": Declaration("yes"),
        "project_budget": Declaration("1"),
        "profile": Declaration("  "),
        "core_ip": Declaration("1", "two\nlines"),
        "employees": Declaration("40"),
    }
    with pytest.raises(InputError) as caught:
        declare(cast, now, attributes, wrong)
    assert [(problem.field, problem.message) for problem in caught.value.problems] == [
        ("employes", "no fact 'employes' of an organisation"),
        ("revenue", "'12.5' is not a whole number within 64 bits"),
        ("research_staff", "-1 people"),
        ("founded_on", "'2026-02-30' is not a date YYYY-MM-DD"),
        ("high_tech_field", "'yes' is not true or false"),
        ("project_budget", "no fact 'project_budget' of an organisation"),
        ("profile", "a text of 0 characters"),
        ("core_ip", "evidence of 9 characters"),
    ]
    assert caught.value.problems[0].fix == "did you mean employees?"
    assert (Fact.objects.count(), Event.objects.count()) == (0, 0)


@pytest.mark.parametrize("text", ["甲\0乙", "\ud800", "x" * 5_001])
def test_texts_no_database_keeps_are_refused(cast: Any, now: Any, attributes: Any, text: str) -> None:
    with pytest.raises(InputError):
        declare(cast, now, attributes, {"profile": Declaration(text)})
    assert Fact.objects.count() == 0


def test_nothing_declared_and_an_unknown_organisation(cast: Any, now: Any, attributes: Any) -> None:
    with pytest.raises(InputError, match="nothing was declared"):
        declare(cast, now, attributes, {})
    with pytest.raises(NotFound):
        declare(cast, now, attributes, organisation="n-none")


def test_a_provider_does_not_list_itself(cast: Any, now: Any, attributes: Any) -> None:
    """Vouchers for listed providers only would else be paid to whoever says so."""
    declare(
        cast, now, attributes, {"listed_provider": Declaration("true")}, actor=cast.bob, organisation=cast.centre.key
    )
    assert listed_providers(DAY) == frozenset()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=60), evidence=st.text(max_size=130))
def test_whatever_is_typed_is_kept_as_it_is_or_refused(
    cast: Any, now: Any, attributes: Any, text: str, evidence: str
) -> None:
    Fact.objects.all().delete()
    key = f"form-{Event.objects.count()}"
    try:
        (fact,) = declare(cast, now, attributes, {"profile": Declaration(text, evidence)}, idempotency_key=key)
    except InputError:
        assert Fact.objects.count() == 0
        return
    fact.refresh_from_db()
    assert (fact.value, fact.source_ref) == (text, f"#1 2026-11-23 {evidence}".rstrip())

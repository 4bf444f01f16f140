"""What somebody acts on: a programme decided for an organisation, its claim or its project, recorded so that it can be
replayed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from siwei.city.attributes import Attribute, canonical_text, parse_value
from siwei.errors import Conflict, InputError, Problem, Said
from siwei.exchange.access import can_act_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.facts.aggregates import aggregate_facts, read_attributes
from siwei.exchange.facts.contract_claims import claim_facts, claim_table, find_claim
from siwei.exchange.facts.projects import find_project_of, project_values
from siwei.exchange.facts.subjects import best_values, facts_on, of_subject
from siwei.exchange.models import Decision, Organisation
from siwei.exchange.relations import related_around
from siwei.exchange.state_words import word_zh
from siwei.policy import Explanation, FactStatus, FactValue, Programme, explain


def facts_of(
    organisation: Organisation, as_of: date, attributes: Mapping[str, Attribute], *, known_by: datetime | None = None
) -> dict[str, FactValue]:
    """The best fact of each attribute as it stood on the day, by the order `subjects` uses."""
    facts = facts_on(as_of, known_by=known_by).filter(organisation=organisation, attribute__in=list(attributes))
    return best_values(facts, attributes)


def subject_facts(
    programme: Programme,
    organisation: Organisation,
    as_of: date,
    attributes: Mapping[str, Attribute],
    subject: str = "",
) -> dict[str, FactValue]:
    """All that `programme` reads of the organisation, or of its claim or project `subject`: facts, contracts and
    aggregates.

    Raises InputError for a programme that is not decided for such a subject, NotFound for a claim or a project that is
    not the organisation's.
    """
    read = {name: attributes[name] for name in (*programme.attributes, *programme.pot_attributes) if name in attributes}
    own = of_subject(read, "organisation")
    facts = facts_of(organisation, as_of, own)
    if programme.applies_to == "claim":
        graph = related_around(as_of, frozenset((organisation.key,)))
        claims = claim_table(as_of, attributes=attributes, graph=graph, organisation_ids=[organisation.pk])
        facts |= claim_facts(find_claim(claims, subject), attributes)
    elif programme.applies_to == "project":
        facts |= project_values(find_project_of(organisation, subject), as_of, attributes)
    elif programme.applies_to != "organisation" or subject:
        message = Said(
            f"{programme.id} is for a {programme.applies_to}, not for {subject or organisation.key}",
            f"{programme.id} 面向{word_zh(programme.applies_to)}，不面向 {subject or organisation.key}",
        )
        raise InputError(
            [Problem(message, Said("name what it is to be decided for", "请写明为谁判定"), field="subject")]
        )
    facts |= aggregate_facts([programme], organisation, as_of, attributes, facts)
    names = {*programme.attributes, *programme.pot_attributes}
    return {name: fact for name, fact in facts.items() if name in names}


@action
def record_decision(
    programme: Programme,
    organisation: Organisation,
    *,
    subject: str = "",
    as_of: date,
    attributes: Mapping[str, Attribute],
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> Decision:
    """Decide `programme` for the organisation, or its claim or project `subject`, on the day and keep inputs (sums over
    other rows among them), version and the whole explanation.

    The same key gives the decision as it was made then, whatever is known since. For the organisation's own people
    and the operator.
    """
    require(
        can_act_for(actor, organisation.pk),
        actor,
        Said(f"ask decisions for {organisation.name}", f"为 {organisation.name} 请求判定"),
    )
    content = {"programme": programme.id, "organisation": organisation.key, "as_of": as_of}
    content |= {"subject": subject} if subject else {}
    if repeated("record_decision", idempotency_key, content):
        return Decision.objects.get(key=idempotency_key)
    facts = subject_facts(programme, organisation, as_of, attributes, subject)
    explanation = explain(programme, facts, as_of, read_attributes(programme, attributes))
    decision = Decision.objects.create(
        key=idempotency_key,
        organisation=organisation,
        subject=subject,
        programme=programme.id,
        version_sha256=programme.sha256,
        is_draft=programme.is_draft,
        as_of=as_of,
        verdict=str(explanation.verdict),
        award_fen=explanation.award.award_fen,
        inputs={name: plain_fact(fact) for name, fact in sorted(facts.items())},
        result=explanation.to_dict(),
        decided_at=now,
    )
    record_event(
        "record_decision",
        idempotency_key,
        content,
        subject=f"decision:{decision.key}",
        actor=actor,
        now=now,
        organisations=[organisation],
        payload={"programme": programme.id, "verdict": decision.verdict, "award_fen": decision.award_fen},
    )
    return decision


def replay_decision(decision: Decision, programme: Programme, attributes: Mapping[str, Attribute]) -> Explanation:
    """Decide again from the recorded inputs. `Conflict` where the text is another version or the result differs."""
    if programme.sha256 != decision.version_sha256:
        raise Conflict(
            f"{decision.key} was made by version {decision.version_sha256[:12]} of {decision.programme}, "
            f"this is {programme.sha256[:12]} → replay it with the programme's text of that day",
            f"{decision.key} 由 {decision.programme} 的版本 {decision.version_sha256[:12]} 作出，"
            f"此处为 {programme.sha256[:12]} → 请用当日的政策文本重放",
        )
    known = read_attributes(programme, attributes)
    facts = {name: fact_from_plain(known[name], fact) for name, fact in decision.inputs.items()}
    explanation = explain(programme, facts, decision.as_of, known)
    if explanation.to_dict() != decision.result:
        raise Conflict(
            f"{decision.key} does not replay: the rules' own code decides differently now",
            f"{decision.key} 重放不一致：规则代码现在得出不同结果",
        )
    return explanation


def plain_fact(fact: FactValue) -> dict[str, Any]:
    assert fact.value is not None
    assert not isinstance(fact.value, float)
    return {
        "value": canonical_text(fact.value),
        "status": int(fact.status),
        "source": fact.source,
        "source_ref": fact.source_ref,
        "valid_from": fact.valid_from.isoformat() if fact.valid_from else None,
    }


def fact_from_plain(attribute: Attribute, plain: Mapping[str, Any]) -> FactValue:
    return FactValue(
        parse_value(attribute, plain["value"]),
        FactStatus(plain["status"]),
        plain["source"],
        plain["source_ref"],
        date.fromisoformat(plain["valid_from"]) if plain["valid_from"] else None,
    )

"""What an office proved of an organisation or a project: stated beside what was declared, with what was looked at.

Nothing is changed: a proof is a fact of its own, of status documented (a paper was seen) or verified (it was compared
with its source), and a better proven fact goes before a declared one wherever facts are read.
"""

from collections.abc import Mapping
from datetime import date, datetime

from siwei.city.attributes import Attribute
from siwei.errors import InputError, NotAllowed, Problem, Said
from siwei.exchange.access import can_prove_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.facts.declared import (
    SOURCE_LENGTH,
    Declaration,
    check_declarations,
    reference_of,
    those_entered,
)
from siwei.exchange.facts.projects import project_id
from siwei.exchange.models import Fact, FactStatus, KnownValue, Organisation, Project, ProjectFact
from siwei.exchange.parties import PROVEN_BY

PROOFS = {"documented": FactStatus.DOCUMENTED, "verified": FactStatus.VERIFIED}


def proof_of(word: str) -> FactStatus:
    """Raises InputError for what is no proof."""
    if word not in PROOFS:
        problem = Problem(
            Said(f"{word!r:.40} is no proof", f"{word!r:.40} 不是证明程度"),
            Said(f"one of {', '.join(PROOFS)}", f"{'、'.join(PROOFS)} 之一"),
            field="proof",
        )
        raise InputError([problem])
    return PROOFS[word]


def check_proven(values: Mapping[str, Declaration], attributes: Mapping[str, Attribute], subject: str) -> list[Problem]:
    """As what is declared is checked; and each needs what proves it."""
    problems = check_declarations(values, attributes, subject)
    return problems + [
        Problem(
            Said("no evidence was named", "没有写明依据"),
            Said("say which paper or register was looked at", "请写明看过哪份材料或登记"),
            field=name,
        )
        for name, each in values.items()
        if not each.evidence.strip()
    ]


@action
def prove_facts(
    of: Organisation | Project,
    values: Mapping[str, Declaration],
    status: FactStatus,
    *,
    attributes: Mapping[str, Attribute],
    valid_from: date,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> list[KnownValue]:
    """Enter facts that the operator saw proven, each with its evidence. Nobody proves facts of those they act for. The
    same key again gives the facts entered then. Raises InputError with every problem; all is entered, or nothing."""
    owner = of if isinstance(of, Organisation) else of.organisation
    subject = "organisation" if isinstance(of, Organisation) else "project"
    id = of.key if isinstance(of, Organisation) else project_id(of)
    require(actor.is_operator, actor, Said(f"prove facts of {owner.name}", f"核验 {owner.name} 的事实"))
    if not can_prove_for(actor, owner.pk):
        raise NotAllowed(
            f"{actor.name} acts for {owner.name} → somebody else has to prove its facts",
            f"{actor.name} 代表 {owner.name} → 其事实须由他人核验",
        )
    content = {
        "of": f"{subject}:{id}",
        "status": int(status),
        "valid_from": valid_from,
        "values": {name: [each.value, each.evidence] for name, each in values.items()},
    }
    source = f"{PROVEN_BY}{actor.name}"[:SOURCE_LENGTH]
    if earlier := repeated("prove_facts", idempotency_key, content):
        return list(those_entered(of.facts.filter(source=source), earlier))
    problems = check_proven(values, attributes, subject)
    if status not in PROOFS.values():
        problems.append(
            Problem(
                Said("a proof is documented or verified", "证明程度为 documented（有材料）或 verified（已核实）"),
                Said("declared is the owner's own word", "declared（申报）是机构自己的话"),
                field="proof",
            )
        )
    if problems:
        raise InputError(problems)
    facts = [
        _proven(of, attributes[name], each, source, status, valid_from, now) for name, each in sorted(values.items())
    ]
    for fact in facts:
        fact.save(force_insert=True)
    record_event(
        "prove_facts",
        idempotency_key,
        content,
        subject=f"{subject}:{id}",
        actor=actor,
        now=now,
        organisations=[owner],
        payload={"facts": {fact.attribute: fact.source_ref for fact in facts}, "status": int(status)},
    )
    return facts


def _proven(
    of: Organisation | Project,
    attribute: Attribute,
    each: Declaration,
    source: str,
    status: FactStatus,
    valid_from: date,
    now: datetime,
) -> KnownValue:
    earlier = of.facts.filter(attribute=attribute.id, source=source).count()
    reference = reference_of(earlier, valid_from, each.evidence.strip())
    if isinstance(of, Project):
        return ProjectFact(
            project=of, attribute=attribute.id, value=each.value, valid_from=valid_from, known_at=now, source=source,
            source_ref=reference, status=status,
        )  # fmt: skip
    return Fact(
        organisation=of, attribute=attribute.id, value=each.value, valid_from=valid_from, known_at=now, source=source,
        source_ref=reference, status=status, is_public=attribute.public,
    )  # fmt: skip

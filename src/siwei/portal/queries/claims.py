"""An organisation's claims: its contracts on the exchange, and what programmes decide of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.facts.claim_decisions import claims_to_decide
from siwei.exchange.facts.contract_claims import CLAIMED, claim_id
from siwei.exchange.facts.decisions import subject_facts
from siwei.exchange.models import AgreementLine, AgreementState, Organisation
from siwei.exchange.relations import RelationStep, relation_paths
from siwei.policy.aggregating.aggregate_gaps import Gap
from siwei.policy.aggregating.limits import apply_limits, limited_column
from siwei.policy.combinations.combination import CombinationExplanation
from siwei.policy.decide import VERDICTS, award_column, decide, verdict_column
from siwei.policy.explanation import Explanation
from siwei.policy.programmes import Programme, Verdict
from siwei.policy.sources import IS_RELATED, PROVIDER
from siwei.policy.subjects import ID
from siwei.portal.access import can_see_private, require_private
from siwei.portal.city_pack import decided_on, pack, programmes
from siwei.portal.queries.calls import Call, current_calls
from siwei.portal.queries.entitlements import explained
from siwei.portal.queries.sums import gaps_of
from siwei.portal.queries.together import together


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """`limited_by` is the programme's limit that cut the award, as where many contracts of a year come together."""

    programme: Programme
    verdict: Verdict
    award_fen: int | None
    limited_by: str | None


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """`facts` are the contract's, by attribute; null where not known."""

    id: str
    agreement: str
    provider: Organisation
    is_related: bool | None
    facts: Mapping[str, Any]
    verdicts: list[ClaimVerdict]


@dataclass(frozen=True, slots=True)
class ClaimExplained:
    """`path` says by which ties the provider is a related party; empty where none is known."""

    line: AgreementLine
    id: str
    explanations: list[Explanation]
    path: tuple[RelationStep, ...]
    calls: Mapping[str, Call]
    """By programme, the pot it can be applied for."""
    together: CombinationExplanation
    """What rules of stacking, and limits over the firm's other subjects too, leave of the awards for this contract."""
    gaps: Mapping[str, tuple[Gap, ...]]
    """By programme, what its sums wait for that are not known."""


def claim_programmes() -> tuple[Programme, ...]:
    return tuple(each for each in programmes().values() if each.applies_to == "claim")


def claim_lines(organisation: Organisation, actor: Actor) -> list[ClaimLine]:
    """Decided together, so that limits over several contracts are kept. Raises NotAllowed for those outside."""
    require_private(actor, organisation.pk)
    decided = claim_programmes()
    table = claims_to_decide(decided, decided_on(), pack().attributes, organisation)
    if table.is_empty():
        return []
    wide = apply_limits(decide(decided, table, decided_on()), table).wide
    providers = Organisation.objects.in_bulk(table[PROVIDER].unique().to_list(), field_name="key")
    names = [name for name, each in pack().attributes.items() if each.subject == "agreement"]
    return [
        ClaimLine(
            row[ID],
            row[ID].rpartition("/")[0],
            providers[row[PROVIDER]],
            row[IS_RELATED],
            {name: row[name] for name in names},
            [_verdict(programme, decision) for programme in decided],
        )
        for row, decision in zip(table.iter_rows(named=True), wide.iter_rows(named=True), strict=True)
    ]


def _verdict(programme: Programme, decision: Mapping[str, Any]) -> ClaimVerdict:
    return ClaimVerdict(
        programme,
        VERDICTS[decision[verdict_column(programme.id)]],
        decision[award_column(programme.id)],
        decision.get(limited_column(programme.id)),
    )


def claims_explained(lines: list[AgreementLine], actor: Actor) -> list[ClaimExplained]:
    """Those lines of a signed agreement that the actor may know as claims of their consumer, each programme's decision
    explained."""
    mine = [
        line
        for line in lines
        if AgreementState(line.agreement.state) in CLAIMED
        and can_see_private(actor, line.consumer_id)
        # One signed after the city's day is no claim yet: there is nothing to decide of it.
        and not (line.agreement.signed_on is not None and line.agreement.signed_on > decided_on())
    ]
    if not mine:
        return []
    ids: dict[Organisation, list[str]] = {}
    for line in mine:
        ids.setdefault(line.consumer, []).append(claim_id(line.agreement.key, line.number))
    # All contracts of a firm are decided together, once for whichever of them are shown.
    best = {id: each for firm, own in ids.items() for id, each in together(firm, "claim", own).items()}
    paths = relation_paths(decided_on(), {(line.consumer.key, line.provider.key) for line in mine}, actor)
    calls = current_calls(claim_programmes(), actor)
    return [_explained(line, paths, calls, best) for line in mine]


def claim_or_missing(id: str, actor: Actor) -> ClaimExplained:
    agreement, _, number = id.rpartition("/")
    lines = AgreementLine.objects.visible_to(actor).select_related("agreement", "provider", "consumer")
    found = list(lines.filter(agreement__key=agreement, number=int(number) if number.isdecimal() else 0))
    if not (claims := claims_explained(found, actor)):
        raise NotFound(f"no claim {id!r} that you may see", f"没有您可查看的申领项 {id!r}")
    return claims[0]


def _explained(
    line: AgreementLine, paths: Mapping[tuple[str, str], tuple[RelationStep, ...]], calls: Mapping[str, Call],
    best: Mapping[str, CombinationExplanation],
) -> ClaimExplained:  # fmt: skip
    day, id = decided_on(), claim_id(line.agreement.key, line.number)
    facts = {
        programme: subject_facts(programme, line.consumer, day, pack().attributes, id)
        for programme in claim_programmes()
    }
    found = [explained(programme, mine) for programme, mine in facts.items()]
    gaps = {programme.id: gaps_of(programme, line.consumer, mine) for programme, mine in facts.items()}
    path = paths.get((line.consumer.key, line.provider.key), ())
    return ClaimExplained(line, id, found, path, calls, best[id], gaps)

"""What an organisation is entitled to and why, worked out now from its facts as of the city's day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

import polars as pl

from siwei.exchange.actors import Actor
from siwei.exchange.awards.held_awards import held_on
from siwei.exchange.awards.joint_awards import within_joint_limits
from siwei.exchange.facts.aggregates import aggregate_facts, read_attributes
from siwei.exchange.facts.decisions import facts_of
from siwei.exchange.facts.subjects import AnyFact
from siwei.exchange.models import Organisation
from siwei.policy.aggregating.aggregate_gaps import Gap
from siwei.policy.combinations.combination import CombinationExplanation, WithinOf, explain_combination
from siwei.policy.combinations.draft_shown import DraftShown, draft_shown
from siwei.policy.decide import decide
from siwei.policy.explaining.binding import Binding, bound_by_cap, bound_by_stacking
from siwei.policy.explaining.explain import explain, failures
from siwei.policy.explaining.failures import Failure
from siwei.policy.explaining.nearest import nearest_change
from siwei.policy.explaining.unlock import unlock
from siwei.policy.explanation import Explanation, FactValue, SeenValue
from siwei.policy.programmes import Kind, Programme, Verdict
from siwei.policy.stacking import Stacking
from siwei.policy.windows import deadline_of
from siwei.portal.access import require_private
from siwei.portal.city_pack import attributes, decided_on, pack, programmes, stacking
from siwei.portal.queries.sums import gaps_of

Bare = tuple[tuple[str, FactValue], ...]
ORDER = {Verdict.ELIGIBLE: 0, Verdict.CANNOT_TELL: 1, Verdict.NOT_ELIGIBLE: 2}


@dataclass(frozen=True, slots=True)
class Unlocking:
    """A set of facts that, given or proven, would decide `programmes`; the bounds are null where none can be known."""

    facts: list[dict[str, Any]]
    programmes: list[Programme]
    paid_at_most_fen: int | None
    tax_saving_at_most_fen: int | None


@dataclass(frozen=True, slots=True)
class CombinedLine:
    """One award of the combination. `held_fen` is what is held of it already, and `together_fen` what it comes to with
    that, which is what counts towards the total: null where a limit is not known,
    of a draft, which releases no money, what is held; `is_ruled` says whether a rule of stacking speaks of it."""

    programme: str
    alone_fen: int | None
    together_fen: int | None
    held_fen: int
    is_tax_saving: bool
    is_draft: bool
    is_ruled: bool


@dataclass(frozen=True, slots=True)
class Combination:
    """What the organisation may have together with what it holds already: awards with what is kept of each, best choice
    first in `parts`.

    `lines` are all awards it is entitled to or holds, drafts that it holds nothing of left out, so that money paid adds
    up to `paid_fen` and tax saved to `tax_saving_fen`; `paid_fen` is null where a limit that bears on it is not known.
    """

    explanation: CombinationExplanation
    lines: tuple[CombinedLine, ...]
    paid_fen: int | None
    tax_saving_fen: int

    @property
    def is_bound(self) -> bool:
        """Whether a rule of stacking bears on any of its awards, or would were a draft in force."""
        return bool(self.explanation.parts) or any(each.programme in _ruled_names() for each in self.explanation.drafts)

    @property
    def held_fen(self) -> int:
        return sum(line.held_fen for line in self.lines)


@dataclass(frozen=True, slots=True)
class Entitlements:
    """Best first, what can still be applied for before what cannot. The sums add what each programme alone would give,
    before pots are shared; tax saved is apart. `shut_fen` is the part of `paid_fen` whose window has closed."""

    explanations: list[Explanation]
    paid_fen: int
    shut_fen: int
    tax_saving_fen: int
    unlocking: list[Unlocking]
    combination: Combination | None


def best_facts(facts: list[AnyFact]) -> list[AnyFact]:
    """The order in which policy reads them: better proven, then valid later, then known later, then written later."""
    return sorted(
        facts, key=lambda fact: (fact.status, fact.valid_from or date.min, fact.known_at, fact.pk), reverse=True
    )


def organisation_programmes() -> tuple[Programme, ...]:
    """Those that are decided for an organisation, and not for a claim, a project or a person."""
    return tuple(programme for programme in programmes().values() if programme.applies_to == "organisation")


def known_facts(organisation: Organisation) -> dict[str, FactValue]:
    """Attribute → its best fact on the city's day, as decisions read it (one query), and what programmes add up."""
    day, known = decided_on(), pack().attributes
    facts = facts_of(organisation, day, known)
    return facts | aggregate_facts(organisation_programmes(), organisation, day, known, facts)


def entitlements(organisation: Organisation, actor: Actor) -> Entitlements:
    """Raises NotAllowed for those outside the organisation."""
    require_private(actor, organisation.pk)
    row = known_facts(organisation)
    found = [explained(programme, row) for programme in organisation_programmes()]
    shut = {each.programme for each in found if deadline_of(programmes()[each.programme], decided_on()).is_shut}
    found.sort(
        key=lambda each: (
            ORDER[each.verdict], each.programme in shut, -(each.award.award_fen or 0), each.programme,
        )
    )  # fmt: skip
    eligible = [each for each in found if each.verdict is Verdict.ELIGIBLE]
    # A draft is shown with its amount, and adds nothing: it releases no money.
    tax = sum(each.award.award_fen or 0 for each in eligible if each.kind is Kind.TAX_SAVING and not each.is_draft)
    granted = [each for each in eligible if each.kind is not Kind.TAX_SAVING and not each.is_draft]
    paid = sum(each.award.award_fen or 0 for each in granted)
    closed = sum(each.award.award_fen or 0 for each in granted if each.programme in shut)
    together = combination(row, found, held_on(organisation, decided_on()), within(organisation))
    return Entitlements(found, paid, closed, tax, unlocking(row, found), together)


def entitlement(organisation: Organisation, programme: Programme, actor: Actor) -> Explanation:
    """With the nearest change that would make it a yes. Raises NotAllowed for those outside the organisation."""
    require_private(actor, organisation.pk)
    row = known_facts(organisation)
    found = explained(programme, row)
    if found.verdict is Verdict.ELIGIBLE:
        return found
    return replace(found, nearest=nearest_change(programme, row, decided_on(), pack().attributes))


def in_error(organisation: Organisation, explanation: Explanation, actor: Actor) -> tuple[Failure, ...]:
    """What fails of what the explanation says is in error. Raises NotAllowed for those outside the organisation."""
    require_private(actor, organisation.pk)
    return failures(programmes()[explanation.programme], known_facts(organisation), explanation)


def not_added_up(organisation: Organisation, programme: Programme, actor: Actor) -> tuple[Gap, ...]:
    """What the programme's sums wait for. Raises NotAllowed for those outside the organisation."""
    require_private(actor, organisation.pk)
    return gaps_of(programme, organisation, known_facts(organisation)) if programme.aggregates else ()


@dataclass(frozen=True, slots=True)
class Binds:
    """`drafts`: the award's own, where its programme is one, and those that would change what is kept of it."""

    bindings: tuple[Binding, ...]
    drafts: tuple[DraftShown, ...]


def what_binds(organisation: Organisation, explanation: Explanation, actor: Actor) -> Binds:
    """The cap and the rules of stacking that hold the award down; pots are shared later. Raises NotAllowed for those
    outside the organisation."""
    require_private(actor, organisation.pk)
    capped = tuple(bound_by_cap(explanation))
    if explanation.programme not in _ruled_names() or not explanation.award.award_fen:
        return Binds(capped, ())
    held, limits = held_on(organisation, decided_on()), within(organisation)
    found = _combination_of(known_facts(organisation), held, limits)
    return Binds(
        (*capped, *bound_by_stacking(explanation.programme, found)), found.drafts_beside(explanation.programme)
    )


def within(organisation: Organisation) -> WithinOf | None:
    """The joint limits over the organisation's own awards, its contracts' and its projects'; None where there are
    none."""
    return within_joint_limits(
        organisation, "organisation", organisation.key, programmes=programmes().values(), stacking=stacking(),
        as_of=decided_on(), attributes=pack().attributes,
    )  # fmt: skip


def explained(programme: Programme, row: Mapping[str, FactValue]) -> Explanation:
    """`explain`, remembered by what it depends on. Where a fact comes from changes no verdict, so that two firms with
    the same values are worked out once, and their sources are put in afterwards."""
    found = _explained(programme.id, programme.sha256, _bare(row, programme.attributes), decided_on())
    clauses = tuple(replace(clause, saw=_with_sources(clause.saw, row)) for clause in found.clauses)
    return replace(found, clauses=clauses, award=replace(found.award, saw=_with_sources(found.award.saw, row)))


@lru_cache(maxsize=4096)
def _explained(programme_id: str, sha256: str, row: Bare, day: date) -> Explanation:
    programme = programmes()[programme_id]
    return explain(programme, dict(row), day, read_attributes(programme, pack().attributes))


def _with_sources(saw: tuple[SeenValue, ...], row: Mapping[str, FactValue]) -> tuple[SeenValue, ...]:
    return tuple(each if each.fact is None else replace(each, fact=row[each.attribute]) for each in saw)


def combination(
    row: Mapping[str, FactValue], explanations: list[Explanation], held: Mapping[str, int],
    limits: WithinOf | None = None,
) -> Combination | None:  # fmt: skip
    """The best lawful combination of its awards with what it holds; None where these are too few for any rule of
    stacking to bind."""
    rules = _rules()
    fewest = min([2, *(group.applies_from for group in rules.groups), *(1 for _ in rules.joint)])
    ruled = {each.programme for each in explanations if each.award.award_fen} | {*held}
    ruled &= _ruled_names()
    if not ruled or len(ruled) < fewest:
        return None
    found = _combination_of(row, held, limits)
    kept = {
        each.programme: max(each.award.award_fen or 0, held.get(each.programme, 0))
        for each in explanations
        if each.verdict is Verdict.ELIGIBLE and not each.is_draft
    }
    for part in found.parts:
        if part.best is not None:
            kept |= dict.fromkeys(part.entitled_fen, 0) | dict(part.best.kept_fen)
    kept = {**held, **kept}
    unknown = {name for part in found.parts if part.best is None for name in part.entitled_fen}
    ruled_names = {name for part in found.parts for name in (*part.entitled_fen, *part.held_fen)}
    lines = tuple(
        CombinedLine(
            each.programme,
            each.award.award_fen,
            None if each.programme in unknown else kept.get(each.programme, 0),
            held.get(each.programme, 0),
            each.kind is Kind.TAX_SAVING,
            each.is_draft,
            each.programme in ruled_names,
        )
        for each in explanations
        if (each.verdict is Verdict.ELIGIBLE and each.award.award_fen != 0 and not each.is_draft)
        or held.get(each.programme)
    )
    tax = sum(line.together_fen or 0 for line in lines if line.is_tax_saving)
    paid = sum(line.together_fen or 0 for line in lines if not line.is_tax_saving)
    found = replace(found, drafts=(*found.drafts, *_drafts_alone(explanations, held)))
    return Combination(found, lines, None if unknown else paid, tax)


def _drafts_alone(explanations: list[Explanation], held: Mapping[str, int]) -> Iterator[DraftShown]:
    """Of drafts that no rule of stacking speaks of: each would be kept whole."""
    for each in explanations:
        amount, mine = each.award.award_fen, held.get(each.programme, 0)
        if each.is_draft and each.programme not in _ruled_names() and each.verdict is Verdict.ELIGIBLE and amount:
            after = {each.programme: max(amount, mine)}
            yield draft_shown(each.programme, each.title, amount, {each.programme: mine}, after, {})


def _combination_of(
    row: Mapping[str, FactValue], held: Mapping[str, int], limits: WithinOf | None
) -> CombinationExplanation:
    read = {name for programme in _ruled() for name in programme.attributes}
    read |= {name for group in _rules().groups for name in group.limit.attributes}
    mine = tuple(sorted((name, fen) for name, fen in held.items() if name in _ruled_names()))
    if limits is not None:  # what other subjects take hangs on more than the organisation's facts: not remembered
        return _explain_combined(_bare(row, read), decided_on(), mine, limits)
    return _combined(tuple(programme.sha256 for programme in _ruled()), _bare(row, read), decided_on(), mine)


def unlocking(row: Mapping[str, FactValue], explanations: list[Explanation]) -> list[Unlocking]:
    """The few missing facts that would decide the most, best first."""
    waiting = {
        each.programme
        for each in explanations
        if each.verdict is Verdict.CANNOT_TELL or (each.verdict is Verdict.ELIGIBLE and each.award.award_fen is None)
    }
    known = {programme.id: programme for programme in organisation_programmes() if programme.id in waiting}
    if not known:
        return []
    read = {name for programme in known.values() for name in programme.attributes}
    versions = tuple((programme.id, programme.sha256) for programme in known.values())
    rows = attributes()
    return [
        Unlocking(
            [rows[name] for name in found["facts"]],
            [known[name] for name in found["programmes"]],
            found["paid_at_most_fen"],
            found["tax_saving_at_most_fen"],
        )
        for found in _unlocked(versions, _bare(row, read), decided_on())
    ]


def _ruled() -> tuple[Programme, ...]:
    return tuple(programme for programme in organisation_programmes() if programme.id in _ruled_names())


def _ruled_names() -> frozenset[str]:
    """Programmes that a rule of stacking or a joint limit speaks of."""
    rules = _rules()
    return frozenset(rules.programmes) | {name for limit in rules.joint for name in limit.programmes}


def _rules() -> Stacking:
    """Those on organisations' own awards."""
    return stacking().of("organisation")


@lru_cache(maxsize=4096)
def _combined(
    versions: tuple[str, ...], row: Bare, day: date, held: tuple[tuple[str, int], ...]
) -> CombinationExplanation:
    return _explain_combined(row, day, held, None)


def _explain_combined(
    row: Bare, day: date, held: tuple[tuple[str, int], ...], limits: WithinOf | None
) -> CombinationExplanation:
    table = one_row(row, {name for group in _rules().groups for name in group.limit.attributes}, _ruled())
    return explain_combination(_rules(), decide(_ruled(), table, day), table, "", dict(held), limits)


@lru_cache(maxsize=4096)
def _unlocked(versions: tuple[tuple[str, str], ...], row: Bare, day: date) -> list[dict[str, Any]]:
    known = tuple(programmes()[name] for name, _ in versions)
    return unlock(known, one_row(row, set(), known), day).to_dicts()


def _bare(row: Mapping[str, FactValue], names: Iterable[str]) -> Bare:
    """The values and their proof, without where they come from."""
    return tuple(
        (name, replace(row[name], source="", source_ref="", valid_from=None)) for name in sorted(names) if name in row
    )


def one_row(row: Bare, names: set[str], known: tuple[Programme, ...]) -> pl.DataFrame:
    """The facts as the one-row table that `decide` takes, with a column for whatever is read of it."""
    facts = dict(row)
    columns = {"id": pl.Series([""])}
    readable = {**pack().attributes}
    for programme in known:
        readable |= read_attributes(programme, pack().attributes)
    for name in sorted(names | {each for programme in known for each in programme.attributes}):
        if (attribute := readable.get(name)) is None:
            continue
        fact = facts.get(name)
        columns[name] = pl.Series([fact.value if fact else None], dtype=attribute.dtype)
        columns[f"{name}__status"] = pl.Series([int(fact.status) if fact else None], dtype=pl.UInt8)
    return pl.DataFrame(columns)

"""Why a combination of awards is the best: what was cut by which rule, and what the other lawful choices would give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

import polars as pl

from siwei.errors import NotFound
from siwei.policy.combining import UNKNOWN, combine, group_limits, kept_column
from siwei.policy.decide import Decisions
from siwei.policy.explanation import plain, yuan
from siwei.policy.joint_shown import JointShown, Within
from siwei.policy.programmes import Citation, Text
from siwei.policy.stacking import (
    EitherOr,
    JointLimit,
    Linked,
    Stacking,
    StackingGroup,
    is_lawful,
    lawful_choices,
    linked,
)
from siwei.policy.subjects import ID

MOST_ALTERNATIVES = 10


@dataclass(frozen=True, slots=True)
class Cut:
    """What a limit takes from an award."""

    programme: str
    group: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A lawful set of awards and what it comes to."""

    programmes: tuple[str, ...]
    kept_fen: Mapping[str, int]
    total_fen: int
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class RuleShown:
    """A limit or exclusion that bears on the choice; `limit_fen` is None for an exclusion, or where it is not known.
    `is_joint`: over the organisation's other subjects too (`joint` of the explanation says who takes how much)."""

    id: str
    words: Text
    citation: Citation | None
    programmes: tuple[str, ...]
    limit_fen: int | None
    is_joint: bool = False


@dataclass(frozen=True, slots=True)
class PartExplanation:
    """Awards that bear on one another. `best` is None where a limit is not known. `alternatives` are the other lawful
    choices, best first, at most MOST_ALTERNATIVES of the `lawful` there are. `held_fen` is what is held of them
    already: every choice keeps it, whatever a limit leaves, and its amounts count it."""

    entitled_fen: Mapping[str, int | None]
    rules: tuple[RuleShown, ...]
    best: Choice | None
    alternatives: tuple[Choice, ...]
    lawful: int
    sentence: Text
    held_fen: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CombinationExplanation:
    id: str
    parts: tuple[PartExplanation, ...]
    unbound_fen: Mapping[str, int | None]
    """Awards no rule of stacking speaks of."""
    kind: str = ""
    joint: tuple[JointShown, ...] = ()
    """Joint limits that bear on its awards, where they were weighed; then `kind` says what the subject is."""

    def to_dict(self) -> dict[str, object]:
        made = plain(self)
        assert isinstance(made, dict)
        return made


def explain_combination(
    stacking: Stacking,
    decisions: Decisions,
    table: pl.DataFrame | pl.LazyFrame,
    id: str,
    held: Mapping[str, int] = MappingProxyType({}),
    within: Within | None = None,
) -> CombinationExplanation:
    """For one subject of `decisions`, made from `table`; the best that may be had in all where it holds `held` already
    (fen by programme), which is neither given back nor cut any more, and `within` joint limits, where they are given.
    Raises NotFound."""
    row = decisions.wide.filter(pl.col(ID) == id)
    if row.is_empty():
        raise NotFound(f"no subject {id!r} among those decided")
    mine = Decisions(decisions.programmes, decisions.as_of, row)
    facts = table.lazy().filter(pl.col(ID) == id)
    combined = combine(stacking, mine, facts)
    entitled: dict[str, int | None] = combined.entitled.row(0, named=True)
    concerned = {*held, *(programme.id for programme in decisions.programmes)}
    parts = [part for part in linked(stacking) if concerned & {*part.programmes}]
    limits = {name: int(values[0]) for name, values in group_limits(stacking, parts, mine, facts).items()}
    bound = {name for part in parts for name in part.programmes}
    if within is not None:
        under = sorted((concerned & {name for each in within.limits for name in each.programmes}) - bound)
        parts += [Linked((name,), (), ()) for name in under]
        bound |= {*under}
    kept = {name: combined.wide[kept_column(name)].item() for name in combined.programmes}
    made = [_explain_part(part, entitled, limits, kept, held, within) for part in parts]
    found = tuple(each for each in made if each is not None)
    unbound = {name: amount for name, amount in entitled.items() if name not in bound}
    if within is None:
        return CombinationExplanation(id, found, unbound)
    bearing = within.bearing([name for part in found for name in (*part.entitled_fen, *part.held_fen)])
    shown = tuple(within.shown[each.id] for each in bearing)
    return CombinationExplanation(within.id, found, unbound, within.kind, shown)


@dataclass(frozen=True, slots=True)
class Beside:
    """What may be had of an award beside what is held already. `rule` is what keeps it from the whole; `kept_fen` is
    None where that rule's limit is not known."""

    programme: str
    asked_fen: int
    kept_fen: int | None
    held_fen: Mapping[str, int]
    """What is held of the programmes that a rule links with it."""
    rule: RuleShown | None


def award_beside(
    stacking: Stacking, held: Mapping[str, int], programme: str, asked_fen: int, table: pl.DataFrame, as_of: date
) -> Beside:
    """What of `asked_fen` the rules on stacking leave beside `held` (fen by programme), which is not cut any more: by
    the very reckoning that finds the best lawful combination. `table` is the subject's one row, as it is decided."""
    part = next((each for each in linked(stacking) if programme in each.programmes), None)
    if part is None:
        return Beside(programme, asked_fen, asked_fen, {}, None)
    mine = {name: amount for name, amount in held.items() if name in part.programmes and name != programme and amount}
    choice = tuple(sorted({*mine, programme}))
    for exclusion in part.either_or:
        if programme in exclusion.programmes and not is_lawful(choice, (exclusion,)):
            return Beside(programme, asked_fen, 0, mine, _shown(exclusion, None))
    limits = _limits(stacking, part, table, as_of)
    binding = [group for group in part.groups if programme in group.programmes and _applies(group, choice)]
    if (unknown := next((group for group in binding if limits[group.id] == UNKNOWN), None)) is not None:
        return Beside(programme, asked_fen, None, mine, _shown(unknown, None))
    found = reckon(part, choice, {**mine, programme: asked_fen}, limits, held=mine)
    cut = next((each.group for each in found.cuts if each.programme == programme), None)
    rule = next((_shown(group, limits[group.id]) for group in binding if group.id == cut), None)
    return Beside(programme, asked_fen, found.kept_fen[programme], mine, rule)


def _limits(stacking: Stacking, part: Linked, table: pl.DataFrame, as_of: date) -> dict[str, int]:
    row = Decisions((), as_of, table.select(ID))
    return {name: int(values[0]) for name, values in group_limits(stacking, (part,), row, table).items()}


def _applies(group: StackingGroup, choice: Sequence[str]) -> bool:
    return len(set(choice) & set(group.programmes)) >= group.applies_from


def _shown(rule: StackingGroup | EitherOr, limit: int | None) -> RuleShown:
    return RuleShown(rule.id, rule.words, rule.citation, rule.programmes, _shown_limit(limit))


def _shown_joint(limit: JointLimit, shown: JointShown) -> RuleShown:
    return RuleShown(limit.id, limit.words, limit.citation, limit.programmes, shown.limit_fen, is_joint=True)


def _explain_part(
    part: Linked,
    entitled: Mapping[str, int | None],
    limits: Mapping[str, int],
    kept: Mapping[str, int | None],
    held: Mapping[str, int],
    within: Within | None,
) -> PartExplanation | None:
    """None where the subject is entitled to none of the part's awards, and holds none."""
    mine = {name: entitled[name] for name in part.programmes if name in entitled and entitled[name] != 0}
    has = {name: held[name] for name in part.programmes if held.get(name)}
    if not mine and not has:
        return None
    known = {name: amount for name, amount in mine.items() if amount is not None}
    rules = tuple(_shown(rule, limits.get(rule.id)) for rule in part.rules)
    own = None if any(kept[name] is None for name in known) else choices_of(part, known, limits, has)
    joint = () if within is None else within.bearing([*mine, *has])
    if within is not None:
        rules += tuple(_shown_joint(each, within.shown[each.id]) for each in joint)
    if own is None:
        sentence = Text(
            "上限所需的事实未知，尚不能选定组合。", "A fact that a limit needs is not known: no choice yet."
        )
        return PartExplanation(mine, rules, None, (), 0, sentence, has)
    # The same rule, worked out here for one subject and there for all: they may not differ.
    best = max(own, key=lambda choice: choice.total_fen)
    assert has or {name: best.kept_fen.get(name, 0) for name in known} == {name: kept[name] for name in known}
    if within is not None and within.untold & {*known, *has}:
        doubted = next(each for each in joint if within.shown[each.id].is_open)
        return PartExplanation(mine, rules, None, (), 0, within.shown[doubted.id].sentence, has)
    lawful = len(own)
    if within is not None:  # another choice that counts under a limit in doubt has no amount to be shown
        own = [each for each in own if within.is_told(each.kept_fen)]
    choices = own if within is None else [_cut_jointly(choice, part, joint, within, has) for choice in own]
    taken = best.kept_fen if within is None else {name: within.chosen.get(name) for name in part.programmes}
    is_chosen = [{name: each.kept_fen.get(name) for name in taken} == {**taken} for each in own]
    ranked = [each for _, each in sorted(zip(is_chosen, choices, strict=True), key=_preferred)]
    best = ranked[0]
    others = tuple(ranked[1 : MOST_ALTERNATIVES + 1])
    return PartExplanation(mine, rules, best, others, lawful, _sentence(best, ranked[1:], mine, has), has)


def _preferred(choice: tuple[bool, Choice]) -> tuple[int, bool]:
    """The greatest total; of equal ones what the best of all together takes, then the order of choices."""
    return -choice[1].total_fen, not choice[0]


def _cut_jointly(
    choice: Choice, part: Linked, joint: Sequence[JointLimit], within: Within, held: Mapping[str, int]
) -> Choice:
    """What joint limits leave of a choice beside what the organisation's other subjects take of the best of all."""
    kept, cuts = dict(choice.kept_fen), list(choice.cuts)
    for limit in joint:
        if within.shown[limit.id].is_open:  # nothing of the choice counts under it
            continue
        mine = [name for name in limit.reduce if name in kept]
        excess = sum(within.counted(name, kept[name]) for name in mine) - within.room(limit, part.programmes)
        for name in mine:
            cut = min(max(kept[name] - held.get(name, 0), 0), max(excess, 0))
            if cut:
                cuts.append(Cut(name, limit.id, cut))
            kept[name] -= cut
            excess -= cut
    return Choice(choice.programmes, kept, sum(kept.values()), tuple(cuts))


def choices_of(
    part: Linked, known: Mapping[str, int], limits: Mapping[str, int], held: Mapping[str, int]
) -> list[Choice] | None:
    """Every lawful choice of awards that are known and of what is held, the preferred of equal ones first; None where a
    limit on what is held is not known."""
    # What is held stays held where the facts of today would give less.
    amounts = {**known, **{name: max(fen, known.get(name, 0)) for name, fen in held.items()}}
    if held and _is_limit_unknown(part, amounts, limits):
        return None
    return [reckon(part, choice, amounts, limits, held) for choice in _choices_beside(part, amounts, held)]


def _is_limit_unknown(part: Linked, amounts: Mapping[str, int], limits: Mapping[str, int]) -> bool:
    return any(_applies(group, list(amounts)) and limits[group.id] == UNKNOWN for group in part.groups)


def _choices_beside(part: Linked, amounts: Mapping[str, int], held: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Every lawful choice that keeps what is held. Where that itself breaks an exclusion nothing is added to the
    programmes of it."""
    broken = [rule for rule in part.either_or if not is_lawful(held, (rule,))]
    barred = {name for rule in broken for name in rule.programmes} - {*held}
    standing = [rule for rule in part.either_or if rule not in broken]
    choices = lawful_choices([name for name in amounts if name not in barred], standing)
    return [choice for choice in choices if {*held} <= {*choice}]


def reckon(
    part: Linked,
    choice: Sequence[str],
    entitled: Mapping[str, int],
    limits: Mapping[str, int],
    held: Mapping[str, int] = MappingProxyType({}),
) -> Choice:
    """What a lawful choice comes to after every limit in its order. What is `held` counts and is not cut any more."""
    kept = {name: entitled[name] for name in choice}
    cuts = []
    for group in part.groups:
        taken = [name for name in group.reduce if name in kept]
        if len(taken) < group.applies_from:
            continue
        excess = max(sum(kept[name] for name in taken) - limits[group.id], 0)
        for name in taken:
            cut = min(max(kept[name] - held.get(name, 0), 0), excess)
            if cut:
                cuts.append(Cut(name, group.id, cut))
            kept[name] -= cut
            excess -= cut
    return Choice(tuple(choice), kept, sum(kept.values()), tuple(cuts))


def _shown_limit(limit: int | None) -> int | None:
    return None if limit is None or limit == UNKNOWN else limit


def _sentence(
    best: Choice, others: Sequence[Choice], entitled: Mapping[str, int | None], held: Mapping[str, int]
) -> Text:
    left_out = [name for name in entitled if entitled[name] is not None and name not in best.programmes]
    waiting = [name for name, amount in entitled.items() if amount is None]
    zh = f"最优组合为{'、'.join(best.programmes) or '无'}，合计 {yuan(best.total_fen)} 元"
    en = f"The best lawful combination is {', '.join(best.programmes) or 'none'}: {yuan(best.total_fen)} CNY"
    if held:
        zh += f"（其中已持有{'、'.join(f'{name} {yuan(fen)} 元' for name, fen in held.items())}）"
        en += f" (of it held already: {', '.join(f'{name} {yuan(fen)} CNY' for name, fen in held.items())})"
    for cut in best.cuts:
        zh += f"；{cut.programme} 因“{cut.group}”核减 {yuan(cut.amount_fen)} 元"
        en += f"; {cut.programme} is cut by {yuan(cut.amount_fen)} CNY under {cut.group}"
    if left_out:
        zh, en = f"{zh}；不选{'、'.join(left_out)}", f"{en}; leaves out {', '.join(left_out)}"
    if others:
        zh += f"；次优为{'、'.join(others[0].programmes) or '无'}，{yuan(others[0].total_fen)} 元"
        en += f"; the next best, {', '.join(others[0].programmes) or 'none'}, gives {yuan(others[0].total_fen)} CNY"
    if waiting:
        zh, en = f"{zh}；{'、'.join(waiting)}尚不能判定", f"{en}; {', '.join(waiting)} cannot be told yet"
    return Text(zh + "。", en + ".")

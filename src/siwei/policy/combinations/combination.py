"""Why a combination of awards is the best: what was cut by which rule, what the other lawful choices would give, and
what a draft, which has no part in it, would change were it put in force."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import polars as pl

from siwei.errors import NotFound
from siwei.policy.combinations.choices import Choice, Cut, choices_of
from siwei.policy.combinations.choosing import UNKNOWN, kept_column
from siwei.policy.combinations.combining import combine, group_limits
from siwei.policy.combinations.draft_shown import DraftShown, draft_shown
from siwei.policy.combinations.joint_shown import JointShown, Within
from siwei.policy.decide import Decisions
from siwei.policy.explanation import plain, yuan
from siwei.policy.programmes import Citation, Text
from siwei.policy.stacking import EitherOr, JointLimit, Linked, Stacking, StackingGroup, linked
from siwei.policy.subjects import ID
from siwei.policy.titles import Titles, listed, title_of, titles_of

MOST_ALTERNATIVES = 10

WithinOf = Callable[[frozenset[str]], Within]
"""One subject within the joint limits, were these drafts in force."""


@dataclass(frozen=True, slots=True)
class RuleShown:
    """A limit or exclusion that bears on the choice; `limit_fen` is None for an exclusion, or where it is not known.
    `is_joint`: over the organisation's other subjects too (`joint` of the explanation says who takes how much).
    `missing` are the attributes that a limit needs and that are not known of the subject, where it cannot be told."""

    id: str
    words: Text
    citation: Citation | None
    programmes: tuple[str, ...]
    limit_fen: int | None
    is_joint: bool = False
    missing: tuple[str, ...] = ()


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
    drafts: tuple[DraftShown, ...] = ()
    """Awards of drafts: they release no money, so that they are in no choice and in no sum."""
    kind: str = ""
    joint: tuple[JointShown, ...] = ()
    """Joint limits that bear on its awards, where they were weighed; then `kind` says what the subject is."""

    def drafts_beside(self, programme: str) -> tuple[DraftShown, ...]:
        """The programme's own, where it is a draft, and those that would change what is kept of it."""
        return tuple(
            each for each in self.drafts
            if each.programme == programme or any(change.programme == programme for change in each.changes)
        )  # fmt: skip

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
    within: WithinOf | None = None,
    in_force: Collection[str] = (),
) -> CombinationExplanation:
    """For one subject of `decisions`, made from `table`; the best that may be had in all where it holds `held` already
    (fen by programme), which is neither given back nor cut any more, and `within` joint limits, where they are given.
    Raises NotFound."""
    row = decisions.wide.filter(pl.col(ID) == id)
    if row.is_empty():
        raise _not_decided(id)
    mine = Decisions(decisions.programmes, decisions.as_of, row)
    facts = table.lazy().filter(pl.col(ID) == id)
    return Combinations(stacking, mine, facts, held, in_force).explain(id, held, within)


def _not_decided(id: str) -> NotFound:
    return NotFound(f"no subject {id!r} among those decided", f"已判定的主体中没有 {id!r}")


class Combinations:
    """Subjects to be explained one after the other: what is worked out over all of them is worked out once."""

    def __init__(
        self,
        stacking: Stacking,
        decisions: Decisions,
        table: pl.DataFrame | pl.LazyFrame,
        holds: Collection[str] = (),
        in_force: Collection[str] = (),
    ) -> None:
        """`decisions` are of these subjects alone, made from `table`; `holds` are programmes of which any of them holds
        something, `in_force` drafts taken to be in force."""
        self.titles = titles_of(decisions.programmes)
        self.combined = combine(stacking, decisions, table, in_force)
        self.places = {id: place for place, id in enumerate(decisions.wide[ID])}
        concerned = {*holds, *(programme.id for programme in decisions.programmes)}
        self.parts = [part for part in linked(stacking) if concerned & {*part.programmes}]
        self.limits = group_limits(stacking, self.parts, decisions, table)
        read = {name for part in self.parts for group in part.groups for name in group.limit.attributes}
        self.unknown = unknown_of(table, read)

    def explain(
        self, id: str, held: Mapping[str, int] = MappingProxyType({}), within: WithinOf | None = None
    ) -> CombinationExplanation:
        """As `explain_combination`. Raises NotFound."""
        if id not in self.places:
            raise _not_decided(id)
        return _Subject(self, self.places[id], held, within).explain(id)


class _Subject:
    def __init__(self, of: Combinations, place: int, held: Mapping[str, int], within: WithinOf | None) -> None:
        combined = of.combined
        everything: dict[str, int | None] = combined.entitled.row(place, named=True)
        self.titles, self.held, self.within = of.titles, held, within
        self.entitled = {name: fen for name, fen in everything.items() if name not in combined.drafts}
        self.drafts = {name: fen for name, fen in everything.items() if name in combined.drafts and fen != 0}
        self.limits = {name: int(values[place]) for name, values in of.limits.items()}
        self.unknown = of.unknown[place]
        self.kept = {name: combined.wide[kept_column(name)][place] for name in self.entitled}
        self.parts = list(of.parts)
        self.limited = None if within is None else within(frozenset())
        if self.limited is not None:
            counted = {name for each in self.limited.limits for name in each.programmes}
            bound = {name for part in self.parts for name in part.programmes}
            self.parts += [Linked((name,), (), ()) for name in sorted(({*held, *everything} & counted) - bound)]

    def explain(self, id: str) -> CombinationExplanation:
        made = {part.programmes: self._part(part) for part in self.parts}
        found = tuple(each for each in made.values() if each is not None)
        bound = {name for part in self.parts for name in part.programmes}
        unbound = {name: amount for name, amount in self.entitled.items() if name not in bound}
        drafts = tuple(self._draft(name, made) for name in self.drafts)
        if self.limited is None:
            return CombinationExplanation(id, found, unbound, drafts)
        bearing = self.limited.bearing([name for part in found for name in (*part.entitled_fen, *part.held_fen)])
        shown = tuple(self.limited.shown[each.id] for each in bearing)
        return CombinationExplanation(self.limited.id, found, unbound, drafts, self.limited.kind, shown)

    def _part(self, part: Linked) -> PartExplanation | None:
        found = _explain_part(part, self.entitled, self.limits, self.unknown, self.held, self.limited, self.titles)
        # The same rule, worked out here for one subject and there for all: they may not differ.
        if found is not None and self.limited is None and not found.held_fen:
            known = {name for name, fen in found.entitled_fen.items() if fen is not None}
            kept = None if found.best is None else {name: found.best.kept_fen.get(name, 0) for name in known}
            mine = {name: self.kept[name] for name in known}
            assert kept == (None if None in mine.values() else mine)
        return found

    def _draft(self, name: str, made: Mapping[tuple[str, ...], PartExplanation | None]) -> DraftShown:
        """What would change were this one draft put in force."""
        amount, title = self.drafts[name], title_of(self.titles, name)
        part = next((each for each in self.parts if name in each.programmes), None)
        if amount is None or part is None:
            mine = self.held.get(name, 0)
            alone = None if amount is None else {name: max(amount, mine)}
            return draft_shown(name, title, amount, {name: mine}, alone, self.titles)
        limited = None if self.within is None else self.within(frozenset((name,)))
        entitled = {**self.entitled, name: amount}
        then = _explain_part(part, entitled, self.limits, self.unknown, self.held, limited, self.titles)
        now = made[part.programmes]
        assert then is not None
        before: Mapping[str, int] = {} if now is None or now.best is None else now.best.kept_fen
        is_open = then.best is None or (now is not None and now.best is None)
        after = None if then.best is None or is_open else then.best.kept_fen
        sums = None if limited is None or self.limited is None else (self.limited.total_fen, limited.total_fen)
        return draft_shown(name, title, amount, before, after, self.titles, sums)


def unknown_of(table: pl.DataFrame | pl.LazyFrame, names: Collection[str]) -> list[frozenset[str]]:
    """Which of these facts are not known, of each row."""
    frame = table.lazy()
    there = [name for name in frame.collect_schema().names() if name in names]
    masks = frame.select(pl.col(ID).alias(":id"), *(pl.col(name).is_null() for name in there))
    return [frozenset(name for name in there if row[name]) for row in masks.collect().iter_rows(named=True)]


def rule_shown(rule: StackingGroup | EitherOr, limit: int | None, unknown: Collection[str] = ()) -> RuleShown:
    """`unknown` are facts that are not known of the subject."""
    missing: tuple[str, ...] = ()
    if isinstance(rule, StackingGroup) and limit in (None, UNKNOWN):
        missing = tuple(sorted({*rule.limit.attributes} & {*unknown}))
    return RuleShown(rule.id, rule.words, rule.citation, rule.programmes, _shown_limit(limit), missing=missing)


def _shown_joint(limit: JointLimit, shown: JointShown) -> RuleShown:
    return RuleShown(limit.id, limit.words, limit.citation, limit.programmes, shown.limit_fen, is_joint=True)


def _explain_part(
    part: Linked,
    entitled: Mapping[str, int | None],
    limits: Mapping[str, int],
    unknown: Collection[str],
    held: Mapping[str, int],
    within: Within | None,
    titles: Titles,
) -> PartExplanation | None:
    """None where the subject is entitled to none of the part's awards, and holds none."""
    mine = {name: entitled[name] for name in part.programmes if name in entitled and entitled[name] != 0}
    has = {name: held[name] for name in part.programmes if held.get(name)}
    if not mine and not has:
        return None
    known = {name: amount for name, amount in mine.items() if amount is not None}
    rules = tuple(rule_shown(rule, limits.get(rule.id), unknown) for rule in part.rules)
    own = choices_of(part, known, limits, has)
    joint = () if within is None else within.bearing([*mine, *has])
    if within is not None:
        rules += tuple(_shown_joint(each, within.shown[each.id]) for each in joint)
    if own is None:
        sentence = Text(
            "上限所需的事实未知，尚不能选定组合。", "A fact that a limit needs is not known: no choice yet."
        )
        return PartExplanation(mine, rules, None, (), 0, sentence, has)
    best = max(own, key=lambda choice: choice.total_fen)
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
    sentence = _sentence(best, ranked[1:], mine, has, {rule.id: rule.words for rule in rules}, titles)
    return PartExplanation(mine, rules, best, others, lawful, sentence, has)


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


def _shown_limit(limit: int | None) -> int | None:
    return None if limit is None or limit == UNKNOWN else limit


def _sentence(
    best: Choice,
    others: Sequence[Choice],
    entitled: Mapping[str, int | None],
    held: Mapping[str, int],
    rules: Mapping[str, Text],
    titles: Titles,
) -> Text:
    left_out = [name for name in entitled if entitled[name] is not None and name not in best.programmes]
    waiting = [name for name, amount in entitled.items() if amount is None]
    taken = listed(titles, best.programmes)
    zh = f"最优组合为{taken.zh}，合计 {yuan(best.total_fen)} 元"
    en = f"The best lawful combination is {taken.en}: {yuan(best.total_fen)} CNY"
    if held:
        of = {name: title_of(titles, name) for name in held}
        zh += f"（其中已持有{'、'.join(f'{of[name].zh} {yuan(fen)} 元' for name, fen in held.items())}）"
        en += f" (of it held already: {', '.join(f'{of[name].en} {yuan(fen)} CNY' for name, fen in held.items())})"
    for cut in best.cuts:
        title, words = title_of(titles, cut.programme), rules[cut.group]
        zh += f"；{title.zh}因“{words.zh}”核减 {yuan(cut.amount_fen)} 元"
        en += f"; {title.en} is cut by {yuan(cut.amount_fen)} CNY under “{words.en}”"
    if left_out:
        names = listed(titles, left_out)
        zh, en = f"{zh}；不选{names.zh}", f"{en}; leaves out {names.en}"
    if others:
        names = listed(titles, others[0].programmes)
        zh += f"；次优为{names.zh}，{yuan(others[0].total_fen)} 元"
        en += f"; the next best, {names.en}, gives {yuan(others[0].total_fen)} CNY"
    if waiting:
        names = listed(titles, waiting)
        zh, en = f"{zh}；{names.zh}尚不能判定", f"{en}; {names.en} cannot be told yet"
    return Text(zh + "。", en + ".")

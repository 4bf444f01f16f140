"""One programme explained for one row of a table, and what held its award down: its cap, a limit over the table's rows,
rules of stacking, joint limits over the organisation's other subjects, the pot among the table's awards."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from siwei.errors import ImportRefused
from siwei.policy.aggregating.aggregate_gaps import Gap, aggregate_gaps
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.aggregating.related_shown import RelatedShown, related_shown
from siwei.policy.combinations.combination import CombinationExplanation, explain_combination
from siwei.policy.combinations.draft_shown import DraftShown
from siwei.policy.combinations.holdings import Held, holdings_on
from siwei.policy.combinations.joint_shown import JointShown
from siwei.policy.combinations.joint_tables import Family, KindTables
from siwei.policy.decide import award_column, decide, verdict_column
from siwei.policy.deciding.asked import Asked
from siwei.policy.deciding.row_parts import RowParts
from siwei.policy.explaining.binding import Binding, bound_by_cap, bound_by_limit, bound_by_stacking, left_open_by_limit
from siwei.policy.explaining.explain import explain, failures
from siwei.policy.explaining.failures import Failure
from siwei.policy.explaining.pot_explanation import explain_pot
from siwei.policy.explanation import Explanation, FactValue, plain
from siwei.policy.files.tables import added_names
from siwei.policy.pots.claim_tables import typed_order
from siwei.policy.pots.share import APPLIED_AT, CLAIM, SCORE
from siwei.policy.programmes import FactStatus, Programme, Text, Verdict
from siwei.policy.stacking import Stacking
from siwei.policy.subjects import ID, attribute_dtypes, read_dtypes
from siwei.policy.windows import Deadline, deadline_of

ORDERS = (APPLIED_AT, SCORE)
"""What a pot is shared by: columns that no expression reads."""


@dataclass
class Told:
    """Beside what binds: what cannot be told from the tables (`open_`), how the pot is shared, the joint limits, what
    drafts would change were they in force, and the combination where something of it is held already. `gone_through`
    are the tables of which all rows were decided."""

    open_: list[Text] = field(default_factory=list)
    pot: list[Text] = field(default_factory=list)
    joint: list[JointShown] = field(default_factory=list)
    drafts: list[DraftShown] = field(default_factory=list)
    held_fen: dict[str, int] = field(default_factory=dict)
    together: list[Text] = field(default_factory=list)
    gone_through: list[RowParts] = field(default_factory=list)

    def tell(self, programme: str, found: CombinationExplanation) -> Iterator[Binding]:
        """What a combination says of one of its programmes, and what binds it."""
        self.joint += found.joint
        self.drafts += found.drafts_beside(programme)
        for part in found.parts:
            if part.held_fen and programme in {*part.entitled_fen, *part.held_fen}:
                self.held_fen |= part.held_fen
                self.together.append(part.sentence)
        yield from bound_by_stacking(programme, found)


@dataclass(frozen=True)
class AskedExplained:
    """`failures` say what fails of what is in error; `gaps` are what sums wait for, `related` the ties to the
    contract's provider."""

    explanation: Explanation
    failures: tuple[Failure, ...]
    bindings: tuple[Binding, ...]
    told: Told
    related: RelatedShown | None
    gaps: tuple[Gap, ...]
    deadline: Deadline

    @property
    def sentences(self) -> list[Text]:
        """What is told beside the clauses, the award and what binds it."""
        told = self.told
        return [
            *(each.sentence for each in self.failures), *(each.sentence for each in self.gaps),
            *([] if self.related is None else [self.related.sentence]),
            *told.together, *(each.sentence for each in told.joint), *(each.sentence for each in told.drafts),
            *told.pot, *told.open_,
        ]  # fmt: skip

    def beside_dict(self) -> dict[str, Any]:
        """What stands beside the explanation itself."""
        told = self.told
        return {
            "failures": plain(self.failures), "bindings": plain(self.bindings),
            "pot_told": plain(told.pot), "not_told": plain(told.open_),
            "joint_limits": plain(told.joint), "drafts": plain(told.drafts), "related": plain(self.related),
            "not_added_up": plain(self.gaps), "held_fen": told.held_fen, "applications": asdict(self.deadline),
        }  # fmt: skip


def explain_asked(
    programme: Programme,
    asked: Asked,
    pack: tuple[Programme, ...],
    rules: Callable[[], Stacking],
    tables: KindTables,
    held: tuple[Held, ...] = (),
    seed: str | None = None,
) -> AskedExplained:
    """Of the row that was asked for, with the nearest change that would make a no a yes. `pack` are all programmes of
    the day; `rules` gives their rules of stacking, and is asked for an award above nothing alone; `tables` hold the
    organisation's other subjects, `held` is what is held already, `seed` the published seed of a lottery.

    Only that row is read. Where it is to get an award under a limit, or out of a pot with a budget, all rows that can
    be used are decided too. Raises NotFound where the row is not there, ImportRefused where it cannot be used.
    """
    frame = asked.row((programme,), of_pots(programme))
    row = frame.row(0, named=True)
    place = asked.table.place.name
    facts = {
        name: FactValue(row[name], FactStatus(row.get(f"{name}__status") or 0), place, f"id {asked.id}")
        for name in programme.attributes
    }
    explanation = explain(programme, facts, asked.day, asked.attributes, with_nearest=True)
    gaps = aggregate_gaps(programme, frame, asked.given, asked.day, asked.attributes)
    told, bindings = Told(), [*bound_by_cap(explanation)]
    if explanation.verdict is Verdict.ELIGIBLE and explanation.award.award_fen:
        bindings += _Award(programme, pack, asked, rules, tables, held, seed).bindings(frame, told)
    related = related_shown(row, None if asked.given is None else asked.given.related)
    deadline = deadline_of(programme, asked.day)
    failed = failures(programme, facts, explanation)
    return AskedExplained(explanation, failed, tuple(bindings), told, related, tuple(gaps), deadline)


def of_pots(programme: Programme) -> set[str]:
    """What its pot may be shared by, where the table has it."""
    return {*programme.pot_attributes, *ORDERS}


@dataclass(frozen=True)
class _Award:
    """An award above nothing, and what is needed to say what held it down after its cap."""

    programme: Programme
    pack: tuple[Programme, ...]
    asked: Asked
    rules: Callable[[], Stacking]
    tables: KindTables
    held: tuple[Held, ...]
    seed: str | None

    def bindings(self, row: pl.DataFrame, told: Told) -> Iterator[Binding]:
        mine, asked = (self.programme,), self.asked
        has_budget = self.programme.pot is not None and self.programme.pot.budget_fen is not None
        if self.programme.limits or has_budget:
            before, table = asked.every_row(mine, of_pots(self.programme), told.gone_through)
        else:
            before, table = decide(mine, row, asked.day), row
        after = apply_limits(before, table)
        yield from bound_by_limit(self.programme, before, after, asked.id)
        told.open_ += left_open_by_limit(self.programme, before, table, asked.id)
        yield from self._stacking(told)
        yield from self._pot(after.wide, table, told.pot)

    def _stacking(self, told: Told) -> Iterator[Binding]:
        asked, kind = self.asked, self.programme.applies_to
        everything = self.rules()
        family = Family(everything, self.programme, self.pack, self.tables, self.held)
        if (jointly := family.explain(asked, told.open_, told.gone_through)) is not None:
            yield from told.tell(self.programme.id, jointly)
            return
        stacking = everything.of(kind)
        if self.programme.id not in stacking.programmes:
            return
        ruled = tuple(each for each in self.pack if each.id in stacking.programmes)
        limits = read_dtypes(group.limit for group in stacking.groups)
        added = () if asked.given is None else added_names(ruled)
        if lacking := asked.table.lacking({*attribute_dtypes(ruled), *limits} - {*added}):
            told.open_.append(Text(
                f"叠加规则涉及此项；文件缺少 {'、'.join(lacking)}，不能判定其结果。",
                f"Rules on stacking bear on it; what they leave cannot be told: the file lacks {', '.join(lacking)}.",
            ))  # fmt: skip
            return
        try:
            row = asked.row(ruled, limits)
        except ImportRefused:
            told.open_.append(Text(
                "叠加规则涉及此项；该行其他政策的数据有误，不能判定其结果。",
                "Rules on stacking bear on it; what they leave cannot be told: the row has other faults.",
            ))  # fmt: skip
            return
        if any(each.limits for each in ruled):
            decisions = apply_limits(*asked.every_row(ruled, (), told.gone_through))
        else:
            decisions = decide(ruled, row, asked.day)
        kinds = {each.id: each.applies_to for each in self.pack}
        held = holdings_on(self.held, asked.day, kinds).of(kind, asked.id)
        yield from told.tell(self.programme.id, explain_combination(stacking, decisions, row, asked.id, held))

    def _pot(self, wide: pl.DataFrame, table: pl.DataFrame, pot: list[Text]) -> Iterator[Binding]:
        """As if all eligible rows of the table were the claims on the pot."""
        name = self.programme.id
        eligible, award = wide[verdict_column(name)] == 1, wide[award_column(name)]
        amount = pl.when(eligible).then(award).fill_null(0)
        beside = [each for each in of_pots(self.programme) if each in table.columns]
        claims = table.select(ID, *sorted(beside)).with_columns(wide.select(amount.alias(CLAIM))[CLAIM])
        claims = typed_order(claims.filter(pl.col(CLAIM) > 0), self.asked.table.place)
        found = explain_pot(self.programme, claims, self.asked.day, self.asked.id, self.seed)
        pot += found.told
        others = eligible & award.is_null() & (wide[ID] != self.asked.id)
        has_budget = self.programme.pot is not None and self.programme.pot.budget_fen is not None
        if has_budget and others.any() and self.asked.id in claims[ID]:
            pot.append(Text(
                f"未计入资金池：{others.sum()} 行符合条件而金额未知。",
                f"Not counted in the pot: {others.sum()} eligible rows whose award is not known.",
            ))  # fmt: skip
        yield from found.bindings

"""What the cases of a programme never reached: clauses that decided none of them, branches that none took."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from siwei.errors import Said, chinese_of
from siwei.policy.decide import clause_column, decide, programme_context
from siwei.policy.documents.cases import Case, case_table
from siwei.policy.language.compile import Plan
from siwei.policy.language.tree import Call, Expression, ListLiteral, Node, Parameter, children, render
from siwei.policy.language.types import BOOL
from siwei.policy.programmes import FactStatus, Programme
from siwei.policy.subjects import ID

BRANCH = ("where", "branch", "branch_zh")
PLACES = {"award": "金额", "cap": "封顶"}
"""Of an expression that is no clause, in Chinese."""
ABOVE_CAP, UP_TO_CAP = Said("above the cap", "高于封顶"), Said("at most the cap", "不高于封顶")


@dataclass(frozen=True, slots=True)
class ClauseCoverage:
    """In how many cases a clause came out so; `alone_no` counts those where it is no and every other clause yes, so
    that it alone decides."""

    clause: str
    yes: int
    no: int
    unknown: int
    error: int
    alone_no: int


@dataclass(frozen=True, slots=True)
class BranchCoverage:
    """A way an expression may go (`where` is a clause's id, `award` or `cap`), and how many cases went it. `branch` is
    said in both languages."""

    where: str
    branch: str
    cases: int


@dataclass(frozen=True, slots=True)
class Coverage:
    clauses: tuple[ClauseCoverage, ...]
    branches: tuple[BranchCoverage, ...]

    @property
    def gaps(self) -> tuple[Said, ...]:
        """What no case shows, in words."""
        found: list[Said] = []
        for each in self.clauses:
            name = each.clause
            found += [Said(f"{name} is never yes", f"{name} 从未“符合”")] if each.yes == 0 else []
            found += [Said(f"{name} is never no", f"{name} 从未“不符合”")] if each.no == 0 else []
            if each.no and each.alone_no == 0:
                found += [Said(f"{name} is never the only no", f"{name} 从未是唯一“不符合”的条款")]
            found += [Said(f"{name} is never unknown", f"{name} 从未“待补材料”")] if each.unknown == 0 else []
        for way in self.branches:
            if way.cases == 0:
                where = PLACES.get(way.where, way.where)
                found.append(Said(f"{way.where}: never {way.branch}", f"{where}：从未{chinese_of(way.branch)}"))
        return tuple(found)

    @property
    def share_covered(self) -> float:
        """Of all that could be shown, how much is."""
        wanted = 4 * len(self.clauses) + len(self.branches)
        never_no = sum(1 for each in self.clauses if each.no == 0)
        return 1 - (len(self.gaps) + never_no) / wanted


def measure_coverage(programme: Programme, cases: tuple[Case, ...]) -> Coverage:
    """Over the cases, each on its own day."""
    wides, branches = [], []
    for day in sorted({case.as_of for case in cases}):
        mine = tuple(case for case in cases if case.as_of == day)
        table = case_table(programme, mine)
        wides.append(decide((programme,), table, day).wide)
        branches.append(_branches(programme, table, day))
    wide, counted = pl.concat(wides), pl.concat(branches).group_by(*BRANCH, maintain_order=True).sum()
    taken = tuple(BranchCoverage(where, Said(en, zh), cases) for where, en, zh, cases in counted.iter_rows())
    return Coverage(tuple(_clauses(programme, wide)), taken)


def _clauses(programme: Programme, wide: pl.DataFrame) -> Iterator[ClauseCoverage]:
    codes = {clause.id: wide[clause_column(programme.id, clause.id)] for clause in programme.clauses}
    for name, mine in codes.items():
        alone = mine == 0
        for other, codes_of_other in codes.items():
            if other != name:
                alone = alone & (codes_of_other == 1)
        counts = [int((mine == code).sum()) for code in (1, 0, 2, 3)]
        yes, no, unknown, error = counts
        yield ClauseCoverage(name, yes, no, unknown, error, int(alone.sum()))


def _branches(programme: Programme, table: pl.DataFrame, day: date) -> pl.DataFrame:
    """The columns of BRANCH, and `cases`."""
    plan = Plan()
    keep: list[pl.Expr] = []
    named: list[tuple[str, Said]] = []
    for where, expression, requires in _expressions(programme):
        context = programme_context(programme, day, requires, frozenset(table.columns))
        for text, conditions in _ways(expression.tree, (), context.parameters):
            reached = pl.lit(True)
            for node, wanted in conditions:
                value = plan.add(node, context).value
                reached = reached & (value if wanted else ~value).fill_null(False)
            keep.append(reached.sum().alias(str(len(named))))
            named.append((where, text))
    if programme.award.cap is not None:
        context = programme_context(programme, day, programme.award.requires, frozenset(table.columns))
        amount = plan.add(programme.award.expression.tree, context).value
        cap = plan.add(programme.award.cap.tree, context).value
        for text, reached in ((ABOVE_CAP, amount > cap), (UP_TO_CAP, amount <= cap)):
            keep.append(reached.fill_null(False).sum().alias(str(len(named))))
            named.append(("cap", text))
    counts = plan.apply(table.lazy(), [*keep, pl.col(ID).len().alias("all")]).collect().row(0)
    rows = [(where, str(text), text.zh, count) for (where, text), count in zip(named, counts, strict=False)]
    return pl.DataFrame(rows, schema={**dict.fromkeys(BRANCH, pl.String()), "cases": pl.Int64()}, orient="row")


def _expressions(programme: Programme) -> Iterator[tuple[str, Expression, FactStatus]]:
    for clause in programme.clauses:
        yield clause.id, clause.expression, clause.requires
    yield "award", programme.award.expression, programme.award.requires
    if programme.award.cap is not None:
        yield "cap", programme.award.cap, programme.award.requires


Condition = tuple[Node, bool]
Way = tuple[Said, tuple[Condition, ...]]


def _ways(node: Node, before: tuple[Condition, ...], figures: Mapping[str, int | None]) -> Iterator[Way]:
    """Each side of each conditional, with the tests that lead there; each step of a band as it is on the day whose
    `figures` are given."""
    match node:
        case Call(function="_?_:_", arguments=(test, then, otherwise)):
            yield from _ways(test, before, figures)
            for side, wanted in ((then, True), (otherwise, False)):
                taken = (*before, (test, wanted))
                text = render(test)
                yield Said(f"{text} is {'yes' if wanted else 'no'}", f"{text} 为{'真' if wanted else '假'}"), taken
                yield from _ways(side, taken, figures)
        case Call(function="band", arguments=(subject, ListLiteral(items=limits), ListLiteral())):
            yield from _steps(subject, _apart(limits, figures), before)
        case _:
            for child in children(node):
                yield from _ways(child, before, figures)


def _apart(limits: tuple[Node, ...], figures: Mapping[str, int | None]) -> tuple[Node, ...]:
    """Without those that a table of the day has not, which repeat its last one."""
    values = [figures.get(each.name, each.name) if isinstance(each, Parameter) else each for each in limits]
    return tuple(each for place, each in enumerate(limits) if place == 0 or values[place] != values[place - 1])


def _steps(subject: Node, limits: tuple[Node, ...], before: tuple[Condition, ...]) -> Iterator[Way]:
    value = render(subject)
    within = [Call("_<=_", (subject, limit), BOOL, subject.offset) for limit in limits]
    for place, limit in enumerate(limits):
        below = () if place == 0 else ((within[place - 1], False),)
        most = render(limit)
        yield Said(f"{value} up to {most}", f"{value} 至多 {most}"), (*before, *below, (within[place], True))
    most = render(limits[-1])
    yield Said(f"{value} above {most}", f"{value} 高于 {most}"), (*before, (within[-1], False))

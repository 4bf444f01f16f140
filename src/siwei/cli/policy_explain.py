"""`siwei policy explain`: one programme for one row of a table, and what held its award down."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from siwei.cli.app import Json
from siwei.cli.output import print_json, print_line, print_table, shown
from siwei.cli.policy import (
    AsOf,
    Pack,
    RowFolder,
    Source,
    _day,
    _load,
    _related_rows,
    no_programme,
    pack_folder,
    policy_app,
)
from siwei.cli.policy_joint import Claims, Family, KindFiles, Organisations, Projects, kind_files
from siwei.cli.policy_rows import Rejects, tell_rejected
from siwei.cli.policy_words import code, heading, headings, in_both, line
from siwei.errors import ImportRefused

if TYPE_CHECKING:
    import polars as pl

    from siwei.city.attributes import Attribute
    from siwei.policy import Explanation, Programme
    from siwei.policy.aggregating.aggregates import Rows
    from siwei.policy.combinations.combination import CombinationExplanation
    from siwei.policy.combinations.draft_shown import DraftShown
    from siwei.policy.combinations.holdings import Held
    from siwei.policy.combinations.joint_shown import JointShown
    from siwei.policy.decide import Decisions
    from siwei.policy.explaining.binding import Binding
    from siwei.policy.explanation import ClauseExplanation, SeenValue
    from siwei.policy.programmes import Citation, Text


@policy_app.command
def explain(
    programme: str,
    /,
    *,
    source: Source,
    id: str,
    pack: Pack = "shenzhen",
    rows: RowFolder = None,
    as_of: AsOf = None,
    rejects: Rejects = None,
    seed: str | None = None,
    organisations: Organisations = None,
    claims: Claims = None,
    projects: Projects = None,
    json: Json = False,
) -> None:
    """Explain PROGRAMME for one row of a table: every clause, what it saw, how the award was worked out, and the cap,
    limit, rule of stacking or pot that held it down.

    Only that row is read. Where it is to get an award under a limit, or out of a pot with a budget, all rows that can
    be used are decided too, in bounded memory; the others are told and do not matter. A rule of stacking needs the
    columns of the other programmes it speaks of; a joint limit the files of the organisation's other subjects
    (--organisations, --claims, --projects): then is told what these take of it. What is held already is weighed with it
    where the folder of --rows has `holdings` (`siwei policy schema` lists their columns). A pot is shared in its own
    way: first come by the column applied_at, merit by score, a lottery by --seed; without them is said what the order
    leaves open.

    Parameters
    ----------
    id: the row's id
    seed: the published seed of a lottery
    """
    from siwei.policy import FactStatus, FactValue, Verdict
    from siwei.policy import explain as explain_row
    from siwei.policy.aggregating.aggregate_gaps import aggregate_gaps
    from siwei.policy.aggregating.related_shown import related_shown
    from siwei.policy.combinations.holdings import read_holdings
    from siwei.policy.explaining.binding import bound_by_cap
    from siwei.policy.explanation import plain
    from siwei.policy.windows import deadline_of

    attributes, programmes = _load(pack, _day(as_of))
    found = next((each for each in programmes if each.id == programme), None)
    if found is None:
        raise no_programme(programme, programmes)
    held = () if rows is None else read_holdings(rows, programmes)
    files = kind_files(found.applies_to, source, organisations=organisations, claims=claims, projects=projects)
    given = None if rows is None else _related_rows(pack, attributes, rows, _day(as_of))
    table = _Table(source, attributes, id, given, _day(as_of))
    if rejects is not None:
        table.write_rejects((found,), rejects)
    frame = table.row((found,), _of_pots(found))
    row = frame.row(0, named=True)
    facts = {
        name: FactValue(row[name], FactStatus(row.get(f"{name}__status") or 0), source.name, f"id {id}")
        for name in found.attributes
    }
    explanation = explain_row(found, facts, _day(as_of), attributes, with_nearest=True)
    gaps = aggregate_gaps(found, frame, given, _day(as_of), attributes)
    related = related_shown(row, None if given is None else given.related)
    told, bindings = Told(), [*bound_by_cap(explanation)]
    if explanation.verdict is Verdict.ELIGIBLE and explanation.award.award_fen:
        bindings += _Award(found, programmes, table, pack_folder(pack), seed, files, held).bindings(frame, told)
    deadline = deadline_of(found, _day(as_of))
    if json:
        print_json({
            **explanation.to_dict(), "bindings": plain(bindings), "pot": plain(told.pot), "not_told": plain(told.open_),
            "joint_limits": plain(told.joint), "drafts": plain(told.drafts), "related": plain(related),
            "not_added_up": plain(gaps),
            "held_fen": told.held_fen, "applications": asdict(deadline),
        })  # fmt: skip
        return
    shown = [
        *(each.sentence for each in gaps), *([] if related is None else [related.sentence]), *told.together,
        *(each.sentence for each in told.joint), *(each.sentence for each in told.drafts), *told.pot,
        *told.open_,
    ]  # fmt: skip
    _print_explanation(explanation, bindings, shown)
    if deadline.words is not None and explanation.verdict is not Verdict.NOT_ELIGIBLE:
        print_line(in_both(deadline.words))


def _of_pots(programme: "Programme") -> set[str]:
    """What its pot may be shared by, where the table has it."""
    from siwei.policy.pots.share import APPLIED_AT, SCORE

    return {*programme.pot_attributes, APPLIED_AT, SCORE}


@dataclass
class _Table:
    """The file, of which one row is asked for; `given` are the rows that are added up."""

    source: Path
    attributes: "dict[str, Attribute]"
    id: str
    given: "Rows | None"
    day: date
    has_told: bool = False

    def row(self, programmes: "tuple[Programme, ...]", besides: "Collection[str]") -> "pl.DataFrame":
        """The one row. Raises NotFound where it is not there, ImportRefused where it cannot be used."""
        from siwei.policy.deciding.row_parts import Added
        from siwei.policy.files.tables import read_row

        found = read_row(self.source, self.id, programmes, self.attributes, besides, self._added(programmes))
        return Added(programmes, self.given, self.day).to(found)

    def every_row(
        self, programmes: "tuple[Programme, ...]", besides: "Collection[str]"
    ) -> "tuple[Decisions, pl.DataFrame]":
        """All rows that can be used, decided before any limit, with the few columns that are needed of them all."""
        from siwei.policy.deciding.row_parts import Added, RowParts, decide_narrowly

        parts = RowParts(self.source, programmes, self.attributes, besides, self._added(programmes))
        added = Added(programmes, self.given, self.day)
        found = decide_narrowly(programmes, self.day, map(added.to, parts.read()), besides)
        if not self.has_told:
            tell_rejected(parts, None)
        return found

    def write_rejects(self, programmes: "tuple[Programme, ...]", rejects: Path) -> None:
        from siwei.policy.deciding.decide_files import check_places
        from siwei.policy.deciding.row_parts import RowParts

        check_places(self.source, [rejects])
        parts = RowParts(self.source, programmes, self.attributes, (), self._added(programmes))
        for _ in parts.read(rejects):
            pass
        tell_rejected(parts, rejects)
        self.has_told = True

    def _added(self, programmes: "tuple[Programme, ...]") -> "frozenset[str]":
        from siwei.policy.files.tables import added_names

        return frozenset() if self.given is None else added_names(programmes)


@dataclass
class Told:
    """Beside what binds: what cannot be told from the table (`open_`), how the pot is shared, the joint limits, what
    drafts would change were they in force, and the combination where something of it is held already."""

    open_: "list[Text]" = field(default_factory=list)
    pot: "list[Text]" = field(default_factory=list)
    joint: "list[JointShown]" = field(default_factory=list)
    drafts: "list[DraftShown]" = field(default_factory=list)
    held_fen: "dict[str, int]" = field(default_factory=dict)
    together: "list[Text]" = field(default_factory=list)

    def tell(self, programme: str, found: "CombinationExplanation") -> "Iterator[Binding]":
        """What a combination says of one of its programmes, and what binds it."""
        from siwei.policy.explaining.binding import bound_by_stacking

        self.joint += found.joint
        self.drafts += found.drafts_beside(programme)
        for part in found.parts:
            if part.held_fen and programme in {*part.entitled_fen, *part.held_fen}:
                self.held_fen |= part.held_fen
                self.together.append(part.sentence)
        yield from bound_by_stacking(programme, found)


@dataclass(frozen=True)
class _Award:
    """An award above nothing, and what is needed to say what held it down after its cap."""

    programme: "Programme"
    programmes: "tuple[Programme, ...]"
    table: _Table
    pack: Path
    seed: str | None
    files: KindFiles
    held: "tuple[Held, ...]"

    def bindings(self, row: "pl.DataFrame", told: Told) -> "Iterator[Binding]":
        from siwei.policy import decide
        from siwei.policy.aggregating.limits import apply_limits
        from siwei.policy.explaining.binding import bound_by_limit, left_open_by_limit

        mine = (self.programme,)
        has_budget = self.programme.pot is not None and self.programme.pot.budget_fen is not None
        if self.programme.limits or has_budget:
            before, table = self.table.every_row(mine, _of_pots(self.programme))
        else:
            before, table = decide(mine, row, self.table.day), row
        after = apply_limits(before, table)
        yield from bound_by_limit(self.programme, before, after, self.table.id)
        told.open_ += left_open_by_limit(self.programme, before, table, self.table.id)
        yield from self._stacking(told)
        yield from self._pot(after.wide, table, told.pot)

    def _stacking(self, told: Told) -> "Iterator[Binding]":
        from siwei.policy import decide
        from siwei.policy.aggregating.limits import apply_limits
        from siwei.policy.combinations.combination import explain_combination
        from siwei.policy.combinations.holdings import holdings_on
        from siwei.policy.documents.loading_stacking import load_stacking
        from siwei.policy.files.subject_files import open_subjects
        from siwei.policy.files.tables import added_names
        from siwei.policy.programmes import Text
        from siwei.policy.subjects import attribute_dtypes, read_dtypes

        of_table = self.table
        everything = load_stacking(self.pack, of_table.attributes, self.programmes)
        family = Family(everything, self.programme, self.programmes, self.files, self.held)
        if (jointly := family.explain(of_table, told.open_)) is not None:
            yield from told.tell(self.programme.id, jointly)
            return
        stacking = everything.of(self.programme.applies_to)
        if self.programme.id not in stacking.programmes:
            return
        ruled = tuple(each for each in self.programmes if each.id in stacking.programmes)
        limits = read_dtypes(group.limit for group in stacking.groups)
        added = () if of_table.given is None else added_names(ruled)
        wanted = {*attribute_dtypes(ruled), *limits} - {*added}
        lacking = sorted(wanted - {*open_subjects(of_table.source).columns})
        if lacking:
            told.open_.append(Text(
                f"叠加规则涉及此项；文件缺少 {'、'.join(lacking)}，不能判定其结果。",
                f"Rules on stacking bear on it; what they leave cannot be told: the file lacks {', '.join(lacking)}.",
            ))  # fmt: skip
            return
        try:
            row = of_table.row(ruled, limits)
        except ImportRefused:
            told.open_.append(Text(
                "叠加规则涉及此项；该行其他政策的数据有误，不能判定其结果。",
                "Rules on stacking bear on it; what they leave cannot be told: the row has other faults.",
            ))  # fmt: skip
            return
        if any(each.limits for each in ruled):
            decisions = apply_limits(*of_table.every_row(ruled, ()))
        else:
            decisions = decide(ruled, row, of_table.day)
        kind = self.programme.applies_to
        kinds = {each.id: each.applies_to for each in self.programmes}
        held = holdings_on(self.held, of_table.day, kinds).of(kind, of_table.id)
        yield from told.tell(self.programme.id, explain_combination(stacking, decisions, row, of_table.id, held))

    def _pot(self, wide: "pl.DataFrame", table: "pl.DataFrame", pot: "list[Text]") -> "Iterator[Binding]":
        """As if all eligible rows of the table were the claims on the pot."""
        import polars as pl

        from siwei.policy.decide import award_column, verdict_column
        from siwei.policy.explaining.pot_explanation import explain_pot
        from siwei.policy.pots.claim_tables import typed_order
        from siwei.policy.pots.share import CLAIM

        name = self.programme.id
        amount = pl.when(wide[verdict_column(name)] == 1).then(wide[award_column(name)]).fill_null(0)
        beside = [each for each in _of_pots(self.programme) if each in table.columns]
        claims = table.select("id", *sorted(beside)).with_columns(wide.select(amount.alias(CLAIM))[CLAIM])
        claims = typed_order(claims.filter(pl.col(CLAIM) > 0), self.table.source)
        found = explain_pot(self.programme, claims, self.table.day, self.table.id, self.seed)
        pot += found.told
        yield from found.bindings


def _print_explanation(explanation: "Explanation", bindings: "list[Binding]", open_: "list[Text]") -> None:
    print_line(in_both(explanation.sentence))
    rows = [
        (code(str(clause.verdict)), _condition(clause), ", ".join(map(_seen, clause.saw)), _source(clause.citation))
        for clause in explanation.clauses
    ]
    print_table(in_both(explanation.title), headings(("verdict", "condition", "saw", "source")), rows)
    award = explanation.award
    steps = [(step.expression, step.value if step.status == "ok" else code(step.status)) for step in award.steps]
    if award.cap_fen is not None:
        steps.append((heading("cap"), award.cap_fen))
    steps.append((line("award_cut" if award.bound_by == "cap" else "award"), award.award_fen))
    print_table(line("worked_out"), headings(("step", "value")), steps)
    for sentence in (*(each.sentence for each in bindings), *open_):
        print_line(in_both(sentence))
    if explanation.nearest is not None:
        print_line(in_both(explanation.nearest.sentence))


def _condition(clause: "ClauseExplanation") -> str:
    """In words, and whether it is to be reviewed as fair competition asks."""
    words = shown(in_both(clause.words))
    if not clause.favours_local:
        return words
    return f"{words}\n{shown(line('favours_local'))} {clause.review or shown(line('not_known'))}"


def _seen(seen: "SeenValue") -> str:
    return f"{seen.attribute} = {seen.fact.value if seen.fact else '?'}"


def _source(citation: "Citation | None") -> str:
    if citation is None:
        return line("no_source")
    place = line("no_place") if citation.locator == "not known" else citation.locator
    return f"{citation.document}, {shown(place)}"

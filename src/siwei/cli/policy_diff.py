"""`siwei policy diff`: two packs, or two versions of a programme, over every row of a table."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from siwei.cli.app import Json
from siwei.cli.output import print_json, print_line, print_table, shown
from siwei.cli.policy import AsOf, Pack, RowFolder, Source, _day, pack_folder, policy_app
from siwei.cli.policy_held import holdings_in, tell_nowhere, tell_otherwise
from siwei.cli.policy_joint import Claims, Projects, kind_files
from siwei.cli.policy_rows import Rejects, parts_as_dict, tell_rejected
from siwei.cli.policy_words import code, headings, in_both, line
from siwei.cli.words import joined
from siwei.errors import NotFound

if TYPE_CHECKING:
    import polars as pl

    from siwei.city.attributes import Attribute
    from siwei.policy import Programme
    from siwei.policy.combinations.joint_choices import Holdings
    from siwei.policy.diffs.changes import Change
    from siwei.policy.diffs.diff import ProgrammeDifference, Side
    from siwei.policy.diffs.diff_joint import JointDifference
    from siwei.policy.diffs.diff_stacking import KeptDifference
    from siwei.policy.diffs.joint_rows import JointRows

CODED = frozenset({"dimension", "group", "outcome", "verdict_before", "verdict_after"})
"""Columns of a comparison that hold codes; the groups are districts and segments by their ids besides."""
Kind = Annotated[
    Literal["organisation", "claim", "project", "person"] | None,
    Parameter(name="--applies-to", help="What a row is; of packs, default: organisation."),
]


@policy_app.command
def diff(
    before: str,
    after: str,
    /,
    *,
    source: Source,
    pack: Pack = "shenzhen",
    applies_to: Kind = None,
    rows: RowFolder = None,
    as_of: AsOf = None,
    ignore_period: bool = False,
    drafts_in_force: bool = False,
    rejects: Rejects = None,
    claims: Claims = None,
    projects: Projects = None,
    json: Json = False,
) -> None:
    """Compare two packs, or two versions of a programme, over every row of a table: who gains, who loses, and why.

    Awards are cut by the programmes' own limits. Of two packs, what is kept under each one's stacking.yaml
    is compared besides; with --claims and --projects also what organisations keep in all under joint limits, which are
    not weighed without: that is said. What is held already is kept on both sides, where the folder of --rows has
    `holdings`; of two versions of a programme what is held of it. Rows that cannot be used are told; the others are
    compared, part by part.

    Parameters
    ----------
    before: a pack's name or folder, or PROGRAMME@VERSION of --pack
    after: the same
    ignore_period: compare the rules as if both sides were in force on the day
    drafts_in_force: take drafts as in force; else they release no money, so that nothing is kept of them
    """
    from siwei.policy.deciding.decide_files import check_places
    from siwei.policy.deciding.row_parts import RowParts
    from siwei.policy.diffs.diff import total_costs
    from siwei.policy.diffs.diff_files import diff_parts
    from siwei.policy.diffs.dimensions import SOURCES, with_dimensions
    from siwei.policy.diffs.joint_rows import JointRows
    from siwei.policy.files.tables import added_names
    from siwei.policy.programmes import Period
    from siwei.policy.stacking import Stacking
    from siwei.policy.subjects import read_dtypes

    day, is_pack = _day(as_of), "@" not in before and "@" not in after
    kind = applies_to or ("organisation" if is_pack else None)
    files = kind_files(kind or "organisation", source, claims=claims, projects=projects)
    (old_attributes, old, old_pack), (new_attributes, new, new_pack) = (
        _side(each, pack, day, rows) for each in (before, after)
    )
    holdings = holdings_in(rows, [*new_pack, *old_pack], day)
    if ignore_period:
        old, new = (
            replace(side, programmes=tuple(replace(each, period=Period(None, None)) for each in side.programmes))
            for side in (old, new)
        )
    if drafts_in_force:
        old, new = (replace(side, in_force=frozenset(each.id for each in side.programmes)) for side in (old, new))
    attributes = {**old_attributes, **new_attributes}
    together = JointRows((old, new), files, attributes, day, rows is not None, is_pack, holdings)
    together.check()
    if kind is not None:
        old, new = (_of(side, kind) for side in (old, new))
    if not old.programmes and not new.programmes:
        raise NotFound(
            f"no programme of {before!r} or {after!r} applies to {kind} → name another --applies-to",
            f"{before!r} 与 {after!r} 中都没有面向 {kind} 的政策 → 请另指定 --applies-to",
        )
    both = (*old.programmes, *new.programmes)
    if not is_pack:
        old, new = (replace(side, stacking=Stacking()) for side in (old, new))
    held_of = kind or both[0].applies_to
    held, not_weighed_held = _weighed(holdings, held_of, None if is_pack else {each.id for each in both})
    combined = bool(held) or (is_pack and bool(old.stacking.rules or new.stacking.rules))
    limits = read_dtypes(each.limit for side in (old, new) for each in side.stacking.groups) if combined else {}
    added = () if rows is None else added_names(both)
    check_places(source, [] if rejects is None else [rejects])
    parts = RowParts(source, both, attributes, [*limits, *SOURCES], added)
    grouped = (with_dimensions(part.lazy(), attributes, day).collect() for part in parts.read(rejects))
    found = diff_parts(old, new, grouped, day, held_of if combined else None, held)
    tell_rejected(parts, rejects)
    differences, stacking, jointly = found.programmes, found.stacking, together.difference()
    for each in together.gone_through:
        tell_rejected(each, None)
    nowhere = {each for each in found.without_row if (held_of, each) not in holdings.organisations}
    nowhere |= set() if jointly is None else {*jointly.held_without_row}
    tell_nowhere(sorted(nowhere))
    tell_otherwise(() if jointly is None else jointly.held_said_otherwise)
    not_weighed = [] if jointly is not None else together.not_weighed({each.id for each in both})
    if json:
        costs = [
            {"kind": name, "before_fen": one, "after_fen": other}
            for name, one, other in total_costs(differences, old.in_force | new.in_force)
        ]
        listed = [difference.as_dict() for difference in differences]
        told = {"as_of": day, "subjects": found.subjects, **parts_as_dict(parts, rejects), "costs": costs}
        print_json({
            **told, "programmes": listed, "stacking": None if stacking is None else stacking.as_dict(),
            "joint": None if jointly is None else jointly.as_dict(), "joint_limits_not_weighed": not_weighed,
            "joint_kinds_not_given": [] if jointly is None else together.lacking,
            "held_without_row": sorted(nowhere), "held_not_weighed": not_weighed_held,
        })  # fmt: skip
        return
    _print_differences(differences, found.subjects, day, old.in_force | new.in_force)
    if stacking is not None:
        _print_changes("stacking.yaml", stacking.changes)
        _print_kept(stacking.kept, "kept_together", "kept")
    if jointly is not None:
        _print_jointly(jointly, together, with_changes=stacking is None)
    if not_weighed_held:
        print_line(line("held_not_weighed", programmes=joined(not_weighed_held)))
    if not_weighed:
        how = line("give_files" if is_pack and kind == "organisation" else "compare_packs")
        print_line(line("not_weighed", limits=joined(not_weighed), how=how))


def _of(side: "Side", kind: str) -> "Side":
    mine = tuple(each for each in side.programmes if each.applies_to == kind)
    return replace(side, programmes=mine, stacking=side.stacking.of(kind))


def _weighed(
    holdings: "Holdings", kind: str, only: "Collection[str] | None"
) -> "tuple[dict[str, dict[str, int]], list[str]]":
    """What subjects of a kind hold, of these programmes `only`; and of which else they hold something."""
    everything = {id: {name: fen for name, fen in mine.items() if fen} for id, mine in holdings.of_kind(kind).items()}
    if only is None:
        return everything, []
    mine = {id: {name: fen for name, fen in each.items() if name in only} for id, each in everything.items()}
    others = {name for each in everything.values() for name in each} - {*only}
    return {id: each for id, each in mine.items() if each}, sorted(others)


def _side(
    text: str, pack: str, day: date, rows: Path | None
) -> "tuple[dict[str, Attribute], Side, tuple[Programme, ...]]":
    """With all programmes of its pack."""
    from siwei.city.attributes import load_attributes
    from siwei.policy import load_programmes
    from siwei.policy.aggregating.row_files import read_row_folder
    from siwei.policy.diffs.diff import Side
    from siwei.policy.documents.loading_stacking import load_stacking
    from siwei.policy.documents.releases import as_released, find_version

    programme, at, version = text.partition("@")
    directory = pack_folder(pack if at else text)
    attributes, folder = load_attributes(directory), directory / "programmes"
    everything = as_released(folder, load_programmes(folder, attributes, day))
    stacking = load_stacking(directory, attributes, everything)
    chosen = as_released(folder, [find_version(folder, attributes, programme, version)]) if at else everything
    given = None if rows is None else read_row_folder(rows, attributes, stacking.related_parties, day)
    return attributes, Side(chosen, stacking, given), everything


def _print_differences(
    differences: "tuple[ProgrammeDifference, ...]", subjects: int, day: date, in_force: "frozenset[str]"
) -> None:
    from siwei.policy.checks.sourcing import draft_sentences
    from siwei.policy.diffs.diff import budget, total_costs
    from siwei.policy.explanation import yuan

    columns = ("programme", "before", "after", "gains", "loses", "same", "undecided", "cost before", "cost after",
               "pot before", "pot after")  # fmt: skip
    rows = []
    for each in differences:
        pots = [None if side is None else budget(side.pot) for side in (each.before, each.after)]
        rows.append(
            (each.programme, each.before and each.before.version, each.after and each.after.version,
             *each.counts.values(), yuan(each.cost_before_fen), yuan(each.cost_after_fen),
             *(None if pot is None else yuan(pot) for pot in pots))
        )  # fmt: skip
    print_table(line("compared", subjects=subjects, day=day), headings(columns), rows)
    for each in differences:
        if each.counts["same"] == subjects and not each.changes:
            continue
        _print_changes(each.programme, each.changes)
        _print_frame(line("why", what=each.programme), each.reasons)
        if each.counts["same"] != subjects:
            _print_frame(line("for_whom", what=each.programme), each.groups)
        _print_frame(line("examples", what=each.programme), each.examples)
    for side in (side for each in differences for side in (each.before, each.after)):
        if side is not None and side.lacks_release and (why := draft_sentences(side)) is not None:
            print_line(in_both(why))
    for kind, before, after in total_costs(differences, in_force):
        print_line(line("cost", kind=line(f"cost_{kind}"), before=yuan(before), after=yuan(after)))


def _print_jointly(jointly: "JointDifference", together: "JointRows", *, with_changes: bool) -> None:
    from siwei.policy.combinations.joint_tables import told_not_given
    from siwei.policy.explanation import yuan

    if with_changes:
        _print_changes("stacking.yaml", jointly.changes)
    _print_kept(jointly.kept, "kept_jointly", "kept_by_organisations")
    columns = ("joint limit", "side", "organisations", "cut", "cut, CNY", "cannot tell")
    rows = [
        (id, code(side), each.organisations, each.cut, yuan(each.cut_fen), each.cannot_tell)
        for id, outcomes in jointly.limits.items()
        for side, each in zip(("before", "after"), outcomes, strict=True)
        if each is not None
    ]
    print_table(line("joint_limits"), headings(columns), rows)
    for kind, count in jointly.left_out.items():
        if count:
            print_line(line("of_others", count=count, kind=code(kind)))
    if together.lacking:
        print_line(f"! {shown(in_both(told_not_given(together.limits, together.lacking, together.tables)))}")


def _print_kept(kept: "Sequence[KeptDifference]", title: str, sentence: str) -> None:
    """`title` and `sentence` are keys of lines."""
    from siwei.policy.explanation import yuan

    for each in kept:
        what = line(title, kind=line(f"cost_{each.kind}"))
        _print_frame(line("why", what=what), each.reasons)
        if each.counts["gains"] or each.counts["loses"]:
            _print_frame(line("for_whom", what=what), each.groups)
        _print_frame(line("examples", what=what), each.examples)
        counts = joined(line("count", count=count, what=code(name)) for name, count in each.counts.items())
        before, after = yuan(each.kept_before_fen), yuan(each.kept_after_fen)
        print_line(line(sentence, programmes=joined(each.programmes), before=before, after=after, counts=counts))
        if each.held_fen:
            print_line(line("held_of_it", held=yuan(each.held_fen)))


def _print_changes(what: str, changes: "Sequence[Change]") -> None:
    if changes:
        rows = [(each.name, each.before, each.after) for each in changes]
        print_table(line("changed", what=what), headings(("part", "before", "after")), rows)


def _print_frame(title: str, frame: "pl.DataFrame") -> None:
    from siwei.policy.diffs.change_words import reason_in_both
    from siwei.policy.explanation import yuan

    def cell(name: str, value: object) -> object:
        if name == "reason":
            return reason_in_both(str(value))
        if name.endswith("_fen") and isinstance(value, int):
            return yuan(value)
        return code(value) if name in CODED else value

    if frame.height:
        columns = [column.removesuffix("_fen") for column in frame.columns]
        rows = [[cell(name, value) for name, value in row.items()] for row in frame.iter_rows(named=True)]
        print_table(title, headings(columns), rows)

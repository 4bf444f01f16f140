"""`siwei policy diff`: two packs, or two versions of a programme, over every row of a table."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from siwei.cli.app import Json
from siwei.cli.output import console, print_json, print_table
from siwei.cli.policy import AsOf, Pack, RowFolder, Source, _day, pack_folder, policy_app
from siwei.cli.policy_rows import Rejects, parts_as_dict, tell_rejected
from siwei.errors import NotFound

if TYPE_CHECKING:
    import polars as pl

    from siwei.city.attributes import Attribute
    from siwei.policy.changes import Change
    from siwei.policy.diff import ProgrammeDifference, Side
    from siwei.policy.diff_stacking import StackingDifference

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
    rejects: Rejects = None,
    json: Json = False,
) -> None:
    """Compare two packs, or two versions of a programme, over every row of a table: who gains, who loses, and why.

    Awards are cut by the programmes' own limits. Of two packs, what is kept under each one's stacking.yaml
    is compared besides. Rows that cannot be used are told; the others are compared,
    part by part.

    Parameters
    ----------
    before: a pack's name or folder, or PROGRAMME@VERSION of --pack
    after: the same
    ignore_period: compare the rules as if both sides were in force on the day
    """
    from siwei.policy.decide_files import check_places
    from siwei.policy.diff import total_costs
    from siwei.policy.diff_files import diff_parts
    from siwei.policy.dimensions import SOURCES, with_dimensions
    from siwei.policy.programmes import Period
    from siwei.policy.row_parts import RowParts
    from siwei.policy.subjects import read_dtypes
    from siwei.policy.tables import aggregate_names

    day, is_pack = _day(as_of), "@" not in before and "@" not in after
    kind = applies_to or ("organisation" if is_pack else None)
    (old_attributes, old), (new_attributes, new) = (_side(each, pack, day, kind, rows) for each in (before, after))
    if not old.programmes and not new.programmes:
        raise NotFound(f"no programme of {before!r} or {after!r} applies to {kind} → name another --applies-to")
    if ignore_period:
        old, new = (
            replace(side, programmes=tuple(replace(each, period=Period(None, None)) for each in side.programmes))
            for side in (old, new)
        )
    attributes, both = {**old_attributes, **new_attributes}, (*old.programmes, *new.programmes)
    if kind is not None:
        old, new = (replace(side, stacking=side.stacking.of(kind)) for side in (old, new))
    combined = is_pack and bool(old.stacking.rules or new.stacking.rules)
    limits = read_dtypes(each.limit for side in (old, new) for each in side.stacking.groups) if combined else {}
    added = () if rows is None else aggregate_names(both)
    check_places(source, [] if rejects is None else [rejects])
    parts = RowParts(source, both, attributes, [*limits, *SOURCES], added)
    grouped = (with_dimensions(part.lazy(), attributes, day).collect() for part in parts.read(rejects))
    found = diff_parts(old, new, grouped, day, kind if combined else None)
    tell_rejected(parts, rejects)
    differences, stacking = found.programmes, found.stacking
    if json:
        costs = [{"kind": name, "before_fen": one, "after_fen": other} for name, one, other in total_costs(differences)]
        listed = [difference.as_dict() for difference in differences]
        told = {"as_of": day, "subjects": found.subjects, **parts_as_dict(parts, rejects), "costs": costs}
        print_json({**told, "programmes": listed, "stacking": None if stacking is None else stacking.as_dict()})
        return
    _print_differences(differences, found.subjects, day)
    if stacking is not None:
        _print_stacking(stacking)


def _side(text: str, pack: str, day: date, kind: str | None, rows: Path | None) -> "tuple[dict[str, Attribute], Side]":
    from siwei.city.attributes import load_attributes
    from siwei.policy import load_programmes
    from siwei.policy.diff import Side
    from siwei.policy.loading_stacking import load_stacking
    from siwei.policy.releases import find_version
    from siwei.policy.row_files import read_row_folder

    programme, at, version = text.partition("@")
    directory = pack_folder(pack if at else text)
    attributes = load_attributes(directory)
    everything = load_programmes(directory / "programmes", attributes, day)
    stacking = load_stacking(directory, attributes, everything)
    found = (find_version(directory / "programmes", attributes, programme, version),) if at else everything
    chosen = tuple(each for each in found if kind is None or each.applies_to == kind)
    given = None if rows is None else read_row_folder(rows, attributes, stacking.related_parties, day)
    return attributes, Side(chosen, stacking, given)


def _print_differences(differences: "tuple[ProgrammeDifference, ...]", subjects: int, day: date) -> None:
    from siwei.policy.diff import budget, total_costs
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
    print_table(f"{subjects} rows on {day}; CNY before pots are shared", columns, rows)
    for each in differences:
        if each.counts["same"] == subjects and not each.changes:
            continue
        _print_changes(f"{each.programme}: what changed", each.changes)
        _print_frame(f"{each.programme}: why", each.reasons)
        if each.counts["same"] != subjects:
            _print_frame(f"{each.programme}: for whom", each.groups)
        _print_frame(f"{each.programme}: examples", each.examples)
    for kind, before, after in total_costs(differences):
        console.print(f"{kind}: {yuan(before)} → {yuan(after)} CNY", highlight=False)


def _print_stacking(stacking: "StackingDifference") -> None:
    from siwei.policy.explanation import yuan

    _print_changes("stacking.yaml: what changed", stacking.changes)
    for each in stacking.kept:
        _print_frame(f"kept together, {each.kind}: why", each.reasons)
        if each.counts["gains"] or each.counts["loses"]:
            _print_frame(f"kept together, {each.kind}: for whom", each.groups)
        _print_frame(f"kept together, {each.kind}: examples", each.examples)
        counts = ", ".join(f"{count} {name}" for name, count in each.counts.items())
        amounts = f"{yuan(each.kept_before_fen)} → {yuan(each.kept_after_fen)} CNY"
        console.print(f"kept of {', '.join(each.programmes)}: {amounts}; {counts}", highlight=False, markup=False)


def _print_changes(title: str, changes: "Sequence[Change]") -> None:
    if changes:
        print_table(title, ("part", "before", "after"), [(each.name, each.before, each.after) for each in changes])


def _print_frame(title: str, frame: "pl.DataFrame") -> None:
    from siwei.policy.explanation import yuan

    if frame.height:
        columns = [column.removesuffix("_fen") for column in frame.columns]
        shown = [[yuan(cell) if name.endswith("_fen") and cell is not None else cell for name, cell in row.items()]
                 for row in frame.iter_rows(named=True)]  # fmt: skip
        print_table(title, columns, shown)

"""`siwei policy share` and `combine`: share out a pot; find the best lawful combination of awards."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from siwei.cli.app import Json
from siwei.cli.output import print_json, print_line, print_table, shown
from siwei.cli.policy import (
    AppliesTo,
    AsOf,
    Pack,
    RowFolder,
    Source,
    _day,
    _load,
    _load_for,
    _related_rows,
    find_programme,
    pack_folder,
    policy_app,
)
from siwei.cli.policy_held import holdings_in, tell_nowhere, tell_otherwise
from siwei.cli.policy_joint import Claims, Projects, kind_files
from siwei.cli.policy_rows import Rejects, parts_as_dict, tell_rejected
from siwei.cli.policy_words import code, heading, headings, in_both, line
from siwei.cli.words import joined
from siwei.errors import PolicyError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

Mode = Literal["first_come", "merit", "pro_rata", "lottery"]


@policy_app.command
def share(
    *,
    programme: Annotated[str, Parameter(help="Whose pot is shared.")],
    source: Annotated[
        Path, Parameter(name="--in", help="Claims: id, claim_fen (or what `decide` or `combine` wrote); CSV, Parquet.")
    ],
    target: Annotated[Path, Parameter(name="--out", help="What each claim is paid: .csv or .parquet.")],
    pack: Pack = "shenzhen",
    budget: Annotated[int | None, Parameter(help="Fen, in place of the file's budget.")] = None,
    mode: Annotated[Mode | None, Parameter(help="A way of sharing to try, in place of the file's.")] = None,
    seed: Annotated[str | None, Parameter(help="The published seed of a lottery.")] = None,
    earlier: Annotated[
        list[Path] | None,
        Parameter(help="Awards of an earlier sharing of the pot; give it for each of them.", negative=""),
    ] = None,
    events: Annotated[Path | None, Parameter(help="What happened to the pot afterwards.")] = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Share a programme's pot among claims: first come, by merit, pro rata or by lottery, exactly to the fen.

    With --earlier the rest of the period's budget is shared, and reserves and quotas are still parts of the whole of
    it: what earlier awards took of them counts. A file is what an earlier `share` wrote, with `paid_fen` lowered by
    what came back since (and, where the text sends that to the treasury, `treasury_fen` raised by it); what was put
    in since is to be in --budget. It holds its own round only: before a third round give --earlier twice.

    With --events the pot is followed from there, and what each claim has in the end is written: money put in (fund),
    later claims, claw-backs, true-ups and withdrawals, a row each, by day. What comes back goes where the programme's
    text says: to those who wait, to the pot, or to the treasury. Columns: on, kind, id, claim_fen (claim, true_up),
    amount_fen (fund, claw_back), and of later claims what reserves and quotas read. An event may name an award of a
    file of --earlier: what is written then has a row, marked `earlier`, that tells by how much that award changed, so
    that the earlier file stays as it is. Who waits are the claims of this sharing and later ones.

    Where the text says `choose_again`, whoever gets less than they claim may give it up while the sharing is on public
    notice: an event `give_up`, before all others. With a column `instead_fen` of the claims (what a claimant has of
    other awards without this one, as `combine` writes it) whoever has more instead gives it up. What they would have
    had stays in the pot, and goes to those who wait, where the text sends there what comes back.
    """
    from siwei.policy import Sharing, share_pot
    from siwei.policy.deciding.decide_files import check_places
    from siwei.policy.files.table_files import write_table
    from siwei.policy.pots.claim_tables import read_claims, read_earlier
    from siwei.policy.pots.pot_event_tables import follow_table, read_events
    from siwei.policy.pots.pot_shown import followed_as_dict, shares_as_dict
    from siwei.policy.pots.share import with_counted

    check_places(source, [target])
    for each in earlier or ():
        check_places(each, [target])
    attributes, found = find_programme(pack, programme, _day(as_of))
    claims, left_out = read_claims(source, found, attributes)
    sharing = None if mode is None else Sharing(mode)
    before = None if not earlier else read_earlier(earlier, found, attributes, budget)
    shares = share_pot(
        found, claims, _day(as_of), budget_fen=budget if before is None else before.left_fen, sharing=sharing,
        seed=seed, earlier=before,
    )  # fmt: skip
    if events is not None:
        check_places(events, [target])
    happened = None if events is None else read_events(events, found, attributes)
    followed = follow_table(found, claims, shares, happened, _day(as_of), before)
    write_table(with_counted(found, claims, shares) if followed is None else followed.table, target)
    summary = {**shares_as_dict(found, shares, seed, before), "left_out": left_out}
    afterwards = {} if followed is None else followed_as_dict(found, followed)
    if json:
        print_json({**summary, **afterwards})
        return
    _print_summary(f"{shown(in_both(found.title))} → {target}", summary)
    if followed is not None:
        _print_summary(line("after_events"), afterwards["after_events"])
    if found.is_draft:
        print_line(line("rehearsal"))


def _print_summary(title: str, summary: "Mapping[str, object]") -> None:
    print_table(title, headings(("what", "value")), [(heading(name), code(value)) for name, value in summary.items()])


@policy_app.command
def combine(
    *,
    source: Source,
    target: Annotated[
        Path | None, Parameter(name="--out", help="What is kept of each award: .csv or .parquet.")
    ] = None,
    id: Annotated[str | None, Parameter(help="Explain the choice of this row.")] = None,
    pack: Pack = "shenzhen",
    rows: RowFolder = None,
    as_of: AsOf = None,
    rejects: Rejects = None,
    applies_to: AppliesTo = None,
    claims: Claims = None,
    projects: Projects = None,
    drafts_in_force: bool = False,
    json: Json = False,
) -> None:
    """Find every subject's best lawful combination of awards under the pack's stacking.yaml: every organisation's, or
    with --applies-to every contract's, project's or person's. With --claims and --projects that of all an organisation,
    its contracts and its projects get together, under the joint limits too. What is held already is kept and weighed
    where the folder of --rows has `holdings`, as `explain` does. A draft releases no money, so that nothing
    is kept of it and it displaces nothing: what it would give is told apart.

    A row that cannot be used goes to TARGET.rejects.csv (or to --rejects), with every reason; the others go on, part by
    part.

    Parameters
    ----------
    drafts_in_force: take drafts as in force
    """
    from siwei.policy.combinations.combine_files import combine_file
    from siwei.policy.deciding.decide_files import check_places, rejects_file
    from siwei.policy.deciding.row_parts import RowParts
    from siwei.policy.documents.loading_stacking import load_stacking
    from siwei.policy.files.tables import added_names
    from siwei.policy.money_words import of_money
    from siwei.policy.subjects import read_dtypes

    if claims is not None or projects is not None:
        if id is not None:
            raise PolicyError([Problem(*of_money("id_alone", explain="`siwei policy explain`"), field="--id")])
        others = {"claim": claims, "project": projects}
        _combine_jointly(pack, source, others, target, rows, _day(as_of), rejects, drafts_in_force, json)
        return
    attributes, programmes = _load_for(pack, applies_to, _day(as_of))
    kind = programmes[0].applies_to
    stacking = load_stacking(pack_folder(pack), attributes, _load(pack, _day(as_of))[1]).of(kind)
    added = () if rows is None else added_names(programmes)
    apart = rejects_file(target) if rejects is None and target is not None else rejects
    check_places(source, [place for place in (target, apart) if place is not None])
    parts = RowParts(source, programmes, attributes, read_dtypes(group.limit for group in stacking.groups), added)
    given = None if rows is None else _related_rows(pack, attributes, rows, _day(as_of))
    in_force = [each.id for each in programmes if drafts_in_force]
    holdings = holdings_in(rows, _load(pack, _day(as_of))[1], _day(as_of))
    done = combine_file(
        stacking, parts, _day(as_of), given=given, target=target, rejects=apart, id=id, in_force=in_force,
        held=holdings.of_kind(kind),
    )  # fmt: skip
    tell_rejected(parts, apart)
    nowhere = [each for each in done.without_row if (kind, each) not in holdings.organisations]
    tell_nowhere(nowhere)
    explanation = done.explanation
    summary = {
        **parts_as_dict(parts, apart),
        "awards": done.awards,
        "entitled_fen": done.entitled_fen,
        "kept_fen": done.kept_fen,
        "cut_or_declined": done.cut_or_declined,
        "cannot_tell": done.cannot_tell,
        "drafts": done.drafts,
        "draft_fen": done.draft_fen,
        "held_fen": done.held_fen,
        "held_without_row": nowhere,
    }
    left_out = [limit.id for limit in stacking.joint if {*limit.programmes} & {each.id for each in programmes}]
    if left_out and not json:
        print_line(line("not_weighed", limits=joined(left_out), how=line("give_files")))
    if json:
        print_json(
            {
                **summary,
                "joint_limits_not_weighed": left_out,
                "explanation": None if explanation is None else explanation.to_dict(),
            }
        )
        return
    told = {name: value for name, value in summary.items() if name not in ("rejects", "held_without_row")}
    _print_summary(line("combined"), told)
    for part in () if explanation is None else explanation.parts:
        print_line(in_both(part.sentence))
        choices = [choice for choice in (part.best, *part.alternatives) if choice is not None]
        listed = [(joined(choice.programmes) or code("none"), choice.total_fen) for choice in choices]
        print_table(line("choices", count=part.lawful), headings(("awards", "fen")), listed)
    for draft in () if explanation is None else explanation.drafts:
        print_line(in_both(draft.sentence))


def _combine_jointly(
    pack: str, source: Path, others: dict[str, Path | None], target: Path | None, rows: Path | None, day: date,
    rejects: Path | None, drafts_in_force: bool, json: bool,
) -> None:  # fmt: skip
    from siwei.policy.combinations.combine_files import without_drafts
    from siwei.policy.combinations.joint_files import combine_files_jointly
    from siwei.policy.combinations.joint_tables import parts_by_kind, told_not_given
    from siwei.policy.deciding.decide_files import check_places, rejects_file
    from siwei.policy.documents.loading_stacking import load_stacking
    from siwei.policy.sharing import sum_exactly

    files = {"organisation": source, **{kind: file for kind, file in others.items() if file is not None}}
    attributes, everything = _load(pack, day)
    stacking = load_stacking(pack_folder(pack), attributes, everything)
    apart = rejects_file(target) if rejects is None and target is not None else rejects
    aside = {} if apart is None else {kind: apart.with_suffix(f".{kind}.csv") for kind in files}
    for file in files.values():
        check_places(file, [place for place in (target, *aside.values()) if place is not None])
    for kind in files:
        _load_for(pack, kind, day)  # says where no programme is for such rows
    tables = kind_files("organisation", source, claims=others["claim"], projects=others["project"])
    parts = parts_by_kind(stacking, tables, everything, attributes, adds=rows is not None)
    given = None if rows is None else _related_rows(pack, attributes, rows, day)
    in_force = [each.id for each in everything if drafts_in_force]
    done = combine_files_jointly(
        stacking, parts, day, given=given, target=target, rejects=aside, in_force=in_force,
        holdings=holdings_in(rows, everything, day),
    )  # fmt: skip
    for kind, each in parts.items():
        tell_rejected(each, aside.get(kind))
    tell_nowhere(done.without_row)
    tell_otherwise(done.said_otherwise)
    summary = {}
    for kind, awards in done.awards.items():
        kept, drafts = without_drafts(awards)
        summary[kind] = {
            "rows": parts[kind].rows - parts[kind].rejected,
            "entitled_fen": sum_exactly(kept["entitled_fen"]),
            "kept_fen": sum_exactly(awards["kept_fen"]),
            "cannot_tell": kept["kept_fen"].null_count(),
            "draft_fen": sum_exactly(drafts["entitled_fen"]),
            "held_fen": sum_exactly(awards["held_fen"]),
        }
    limits_told = done.limits.to_dicts()
    lacking = tables.lacking(stacking.joint, everything)
    if json:
        print_json({
            "kinds": summary, "joint_limits": limits_told, "joint_kinds_not_given": lacking,
            "held_without_row": done.without_row, "held_said_otherwise": done.said_otherwise,
        })  # fmt: skip
        return
    if lacking:
        print_line(f"! {shown(in_both(told_not_given(stacking.joint, lacking, tables)))}")
    columns = ("rows", "entitled_fen", "kept_fen", "cannot_tell", "draft_fen", "held_fen")
    rows_told = [(code(kind), *(each[name] for name in columns)) for kind, each in summary.items()]
    print_table(line("combined"), headings(("what", *columns)), rows_told)
    print_table(line("joint_limits"), headings(done.limits.columns), [tuple(each.values()) for each in limits_told])

"""`siwei policy share` and `combine`: share out a pot; find the best lawful combination of awards."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from siwei.cli.app import Json
from siwei.cli.output import console, print_json, print_table
from siwei.cli.policy import (
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
from siwei.cli.policy_rows import Rejects, rejects_as_dict, usable_rows

Mode = Literal["first_come", "merit", "pro_rata", "lottery"]


@policy_app.command
def share(
    *,
    programme: Annotated[str, Parameter(help="Whose pot is shared.")],
    source: Annotated[
        Path, Parameter(name="--in", help="Claims: id, claim_fen (or what `decide` wrote); CSV, Parquet.")
    ],
    target: Annotated[Path, Parameter(name="--out", help="What each claim is paid: .csv or .parquet.")],
    pack: Pack = "shenzhen",
    budget: Annotated[int | None, Parameter(help="Fen, in place of the file's budget.")] = None,
    mode: Annotated[Mode | None, Parameter(help="A way of sharing to try, in place of the file's.")] = None,
    seed: Annotated[str | None, Parameter(help="The published seed of a lottery.")] = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Share a programme's pot among claims: first come, by merit, pro rata or by lottery, exactly to the fen."""
    from siwei.policy import Sharing, share_pot
    from siwei.policy.claim_tables import read_claims
    from siwei.policy.table_files import check_target, write_table

    check_target(target)
    attributes, found = find_programme(pack, programme)
    claims, left_out = read_claims(source, found, attributes)
    sharing = None if mode is None else Sharing(mode)
    shares = share_pot(found, claims, _day(as_of), budget_fen=budget, sharing=sharing, seed=seed)
    write_table(shares.table, target)
    table = shares.table
    summary = {
        "programme": found.id,
        "sharing": str(shares.sharing),
        "seed": seed if shares.sharing is Sharing.LOTTERY else None,
        "budget_fen": shares.budget_fen,
        "claims": table.height,
        "left_out": left_out,
        "claimed_fen": shares.claimed_fen,
        "paid_fen": shares.paid_fen,
        "left_fen": shares.left_fen,
        "paid_in_full": table.filter(table["paid_fen"] == table["claim_fen"]).height,
        "paid_in_part": table.filter((table["paid_fen"] > 0) & (table["paid_fen"] < table["claim_fen"])).height,
        "draft": found.is_draft,
    }
    if json:
        print_json(summary)
        return
    print_table(f"{found.title.zh} {found.title.en} → {target}", ("what", "value"), list(summary.items()))
    if found.is_draft:
        console.print("A draft releases no money: this is a rehearsal.")


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
    json: Json = False,
) -> None:
    """Find every organisation's best lawful combination of awards under the pack's stacking.yaml.

    A row that cannot be used goes to TARGET.rejects.csv (or to --rejects), with every reason; the others go on,
    all in memory.
    """
    from siwei.policy.combination import explain_combination
    from siwei.policy.combining import combine as combine_awards
    from siwei.policy.decide_files import rejects_file
    from siwei.policy.diff import Subjects
    from siwei.policy.loading_stacking import load_stacking
    from siwei.policy.sharing import sum_exactly
    from siwei.policy.subjects import read_dtypes
    from siwei.policy.table_files import check_target, write_table
    from siwei.policy.tables import aggregate_names

    if target is not None:
        check_target(target)
    attributes, programmes = _load_for(pack, "organisation")
    stacking = load_stacking(pack_folder(pack), attributes, _load(pack)[1])
    added = () if rows is None else aggregate_names(programmes)
    limits = read_dtypes(group.limit for group in stacking.groups)
    apart = rejects_file(target) if rejects is None and target is not None else rejects
    found = usable_rows(source, programmes, attributes, limits, added, apart)
    given = None if rows is None else _related_rows(pack, attributes, rows, _day(as_of))
    decisions, table = Subjects(found.table, _day(as_of)).decisions(programmes, given)
    kept = combine_awards(stacking, decisions, table).rows
    if target is not None:
        write_table(kept, target)
    explanation = None if id is None else explain_combination(stacking, decisions, table, id)
    less = kept.filter(kept["kept_fen"] < kept["entitled_fen"])
    summary = {
        **rejects_as_dict(found, apart),
        "awards": kept.height,
        "entitled_fen": sum_exactly(kept["entitled_fen"]),
        "kept_fen": sum_exactly(kept["kept_fen"]),
        "cut_or_declined": less.height,
        "cannot_tell": kept["kept_fen"].null_count(),
    }
    if json:
        print_json({**summary, "explanation": None if explanation is None else explanation.to_dict()})
        return
    lines = [(name, value) for name, value in summary.items() if name != "rejects"]
    print_table("awards combined", ("what", "value"), lines)
    for part in () if explanation is None else explanation.parts:
        console.print(part.sentence.zh, part.sentence.en, sep="\n", highlight=False, markup=False)
        choices = [choice for choice in (part.best, *part.alternatives) if choice is not None]
        shown = [(", ".join(choice.programmes) or "none", choice.total_fen) for choice in choices]
        print_table(f"{part.lawful} lawful choices", ("awards", "fen"), shown)

"""`siwei policy share`: share out a pot among the claims on it."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from siwei.cli.app import Json
from siwei.cli.output import console, print_json, print_table
from siwei.cli.policy import AsOf, Pack, _day, find_programme, policy_app

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
    from siwei.policy.tables import check_target, write_table

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

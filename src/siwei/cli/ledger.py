"""`siwei ledger …`: prove the ledger, keep copies of its block heads."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from siwei.cli.app import City, Json, app, open_city
from siwei.cli.output import console, error_console, print_json

if TYPE_CHECKING:
    from siwei.exchange.verification import Verification

ledger_app = App(name="ledger", help="Prove the ledger, read it, follow its money.")
app.command(ledger_app)


@ledger_app.command
def verify(
    *,
    heads: Annotated[Path | None, Parameter(help="Exported block heads to hold the seals against.")] = None,
    city: City = None,
    json: Json = False,
) -> None:
    """Check the whole ledger and its audit trail; every fault is printed with its row, and the exit code is then 1.

    Every balance and hold is computed anew from its entries, each entry held to the rules, every block hashed again;
    guards, constraints and keys must be in place. Only `--heads`, from a place that whoever owns the database cannot
    write, shows that all of it was rewritten together.
    """
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.verification import verify_ledger

    result = verify_ledger(actor=PLATFORM, heads=heads)
    if json:
        print_json(verification_as_dict(result))
    else:
        for finding in result.findings:
            error_console.print(f"✗ {finding}", highlight=False, markup=False, soft_wrap=True)
        console.print(", ".join(f"{count} {name}" for name, count in result.rows.items()), highlight=False)
        last = result.last_seal
        sealed = f"sealed up to block {last.number} {last.sha256}" if last else "nothing is sealed yet"
        rest = " and ".join(f"{count} {name}" for name, count in result.unsealed.items())
        console.print(f"{sealed}; not sealed yet: {rest}", highlight=False, soft_wrap=True)
        console.print("Whole." if result.is_whole else f"{len(result.findings)} findings", highlight=False)
    if not result.is_whole:
        sys.exit(1)


@ledger_app.command
def heads(
    *,
    target: Annotated[Path, Parameter(name="--out", help="File to append to: one JSON object a line.")],
    city: City = None,
    json: Json = False,
) -> None:
    """Append to a file the heads of sealed blocks that it does not have yet. Keep it away from the database.

    The worker does so by itself after every block where SIWEI_BLOCK_HEADS names a directory.
    """
    open_city(city)
    from siwei.exchange.models import Seal
    from siwei.exchange.seals import export_heads

    added = export_heads(target)
    last = Seal.objects.order_by("-number").first()
    if json:
        print_json({"file": str(target), "added": added, "last": last.number if last else None})
    else:
        console.print(f"{target}: {added} heads added, the last is of block {last.number if last else '–'}")


def verification_as_dict(result: "Verification") -> dict[str, Any]:
    last = result.last_seal
    return {
        "is_whole": result.is_whole,
        "rows": result.rows,
        "unsealed": result.unsealed,
        "last_seal": {"number": last.number, "sha256": last.sha256, "at": last.at.isoformat()} if last else None,
        "findings": [{"check": finding.check, "row": finding.row, "what": finding.what} for finding in result.findings],
    }

"""`siwei ledger …`: prove the ledger, keep copies of its block heads, read accounts, follow money."""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from siwei.cli.app import City, Json, app, open_city
from siwei.cli.city_words import code, coded, heading, headings, line
from siwei.cli.output import print_json, print_line, print_table, shown
from siwei.cli.words import joined
from siwei.errors import InputError, Problem, Said

if TYPE_CHECKING:
    import polars as pl


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
    guards, constraints, keys, floors must be as set. Only `--heads`, from a place that whoever owns the database cannot
    write, shows that all of it was rewritten together.
    """
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.ledger.findings import CHECKS
    from siwei.exchange.ledger.verification import verify_ledger

    result = verify_ledger(actor=PLATFORM, heads=heads)
    if json:
        print_json(result.as_dict())
    else:
        for finding in result.findings:
            check = Said(finding.check, CHECKS.get(finding.check, finding.check))
            told = line("finding", check=check, row=finding.row, what=Said(finding.what, finding.what_zh))
            print_line(f"✗ {shown(told)}", error=True)
        print_line(joined(line("count", count=count, what=heading(name)) for name, count in result.rows.items()))
        last = result.last_seal
        sealed = line("sealed", number=last.number, sha256=last.sha256) if last else line("not_sealed")
        left = [line("count", count=count, what=heading(name)) for name, count in result.unsealed.items()]
        rest = Said(" and ".join(left), joined(left).zh)
        print_line(line("unsealed", sealed=sealed, rest=rest))
        print_line(line("whole") if result.is_whole else line("findings", count=len(result.findings)))
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
    from siwei.exchange.ledger.seals import export_heads
    from siwei.exchange.models import Seal

    added = export_heads(target)
    last = Seal.objects.order_by("-number").first()
    if json:
        print_json({"file": str(target), "added": added, "last": last.number if last else None})
    else:
        told = line("heads", count=added, last=last.number if last else "–")
        print_line(f"{target}: {shown(told)}")


@ledger_app.command
def balance(account: str, /, *, city: City = None, json: Json = False) -> None:
    """Prove the balance of ACCOUNT from nothing but its entries; the exit code is 1 where they do not come to it."""
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.ledger.books import prove_balance

    proof = prove_balance(account, actor=PLATFORM)
    stands = proof.account
    if json:
        print_json(proof.as_dict())
    else:
        rows: list[tuple[object, ...]] = [(code(kind), *values) for kind, values in proof.by_kind.items()]
        rows += [
            (code("sum"), proof.entries, proof.balance, proof.held),
            (code("account"), "", stands.balance, stands.held),
        ]
        title = line("account", account=stands.code, unit=stands.unit)
        print_table(title, headings(("kind", "entries", "balance", "held")), rows)
        figures = {"available": stands.available, "floor": stands.floor, "sealed": proof.sealed}
        print_line(line("proven" if proof.is_proven else "not_proven", entries=proof.entries, **figures))
    if not proof.is_proven:
        sys.exit(1)


@ledger_app.command
def statement(
    account: str,
    /,
    *,
    start: Annotated[date | None, Parameter(name="--from", help="First day; default: the first entry's.")] = None,
    end: Annotated[date | None, Parameter(name="--to", help="Last day; default: until now.")] = None,
    target: Annotated[Path | None, Parameter(name="--out", help="Write it there: .csv, .xlsx or .json.")] = None,
    city: City = None,
    json: Json = False,
) -> None:
    """Every entry of ACCOUNT in a period with the running balance, between what stood before and after it."""
    if target is not None:
        _check_target(target)
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.ledger.books import as_table, make_statement

    made = make_statement(account, start, end, actor=PLATFORM)
    table = as_table(made)
    if target is not None:
        _write(table, target)
    told = {
        "account": made.account.code, "unit": made.account.unit, "from": start, "to": end,
        "opening": {"balance": made.opening[0], "held": made.opening[1]},
        "closing": {"balance": made.closing[0], "held": made.closing[1]},
        "entries": made.entries.height,
    }  # fmt: skip
    if json:
        print_json(told if target else {**told, "entries": made.entries.to_dicts()})
    elif target is not None:
        print_line(f"{shown(line('entries', count=made.entries.height))} → {target}")
    else:
        columns = ("number", "at", "kind", "other", "change", "held_change", "balance", "held", "memo")
        title = line("account", account=made.account.code, unit=made.account.unit)
        rows = [(*row[:2], code(row[2]), *row[3:]) for row in table.select(columns).rows()]
        print_table(title, headings(columns), rows)


@ledger_app.command
def trial_balance(
    *,
    as_of: Annotated[date | None, Parameter(help="As it stood at the end of that day; default: now.")] = None,
    city: City = None,
    json: Json = False,
) -> None:
    """Every account by unit with what it received, gave and holds; a unit whose balances do not sum to zero exits 1."""
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.ledger import books

    trial = books.trial_balance(as_of, actor=PLATFORM)
    totals = books.totals_of(trial)
    if json:
        print_json({"as_of": as_of, "accounts": trial.to_dicts(), "units": totals.to_dicts()})
    else:
        print_table(line("trial_balance", day=as_of or ""), headings(trial.columns), coded(trial.columns, trial.rows()))
        print_table(line("by_unit"), headings(totals.columns), totals.rows())
    if totals["balance"].ne(0).any():
        sys.exit(1)


@ledger_app.command
def trace(subject: str, /, *, city: City = None, json: Json = False) -> None:
    """Follow the money of SUBJECT: a pot (PROGRAMME:PERIOD), a voucher, a transfer or a job, by its key.

    Pot → voucher → hold → capture → the readings (and jobs) or the delivery it paid; each capture is shared over its
    readings by their quantities, exactly to the fen. For a pot: where all of its money is now.
    """
    open_city(city)
    from dataclasses import asdict

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.payments.traces import trace as follow
    from siwei.market.bank import exact_yuan

    found = follow(subject, actor=PLATFORM)
    money = {**asdict(found.money), "adds_up": found.money.adds_up} if found.money else None
    if json:
        print_json({"subject": subject, "money": money, "rows": found.rows.to_dicts()})
    else:
        if money is not None:
            amounts = [(heading(name), exact_yuan(amount)) for name, amount in money.items()]
            print_table(subject, headings(("what", "amount")), amounts)
        columns = (
            "pot", "voucher", "hold", "capture", "reading", "job", "delivery", "quantity", "unit", "fen", "generated",
        )  # fmt: skip
        title = line("rows_of", subject=subject, count=found.rows.height)
        print_table(title, headings(columns), found.rows.select(columns).rows())
    if money is not None and not money["adds_up"]:
        sys.exit(1)


def _check_target(target: Path) -> None:
    if target.suffix not in (".csv", ".xlsx", ".json"):
        message = Said("a statement is written as .csv, .xlsx or .json", "对账单写成 .csv、.xlsx 或 .json")
        raise InputError([Problem(message, Said("name the file so", "请如此命名文件"), str(target))])
    if target.is_dir() or not target.resolve().parent.is_dir():
        fix = Said("make it first, and name a file in it", "请先建立，并指定其中的文件")
        raise InputError([Problem(Said("no such folder", "没有此文件夹"), fix, str(target))])


def _write(table: "pl.DataFrame", target: Path) -> None:
    from django.utils.timezone import get_default_timezone_name

    from siwei.portal.exports import neutralised, xlsx_bytes

    try:
        if target.suffix == ".csv":
            target.write_bytes(b"\xef\xbb\xbf" + neutralised(table).write_csv().encode())
        elif target.suffix == ".xlsx":
            naive = table.with_columns(
                table["at"].dt.convert_time_zone(get_default_timezone_name()).dt.replace_time_zone(None)
            )
            target.write_bytes(xlsx_bytes(neutralised(naive)))
        else:
            target.write_text(table.write_json(), encoding="utf-8")
    except OSError as error:
        message = Said(f"cannot be written: {error.strerror}", f"无法写入：{error.strerror}")
        raise InputError([Problem(message, "", str(target))]) from None

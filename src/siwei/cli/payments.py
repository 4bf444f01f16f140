"""`siwei payments`: what is due, payment orders for the bank, bank statements, differences, settlement statements."""

import json as json_module
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from siwei.cli.app import City, Json, app, open_city
from siwei.cli.city_words import coded, headings, line
from siwei.cli.output import print_json, print_line, print_table
from siwei.errors import InputError, Problem, Said

payments_app = App(name="payments", help="Pay what is due by orders two people approve; read what the bank did.")
app.command(payments_app)
Payer = Annotated[str | None, Parameter(help="An organisation's key; left out, the city.")]


@payments_app.command
def due(*, payer: Payer = None, city: City = None, json: Json = False) -> None:
    """List what is due and in no order yet."""
    open_city(city)
    from siwei.exchange.parties import find_organisation
    from siwei.exchange.trading.payments_due import payments_due

    found = payments_due(find_organisation(payer) if payer else None)
    rows = [(each.payee.key, each.payee.name, each.amount_fen, len(each.items), each.hindrance) for each in found]
    names = ("payee", "name", "amount_fen", "reasons", "hindrance")
    _show(line("due_from", payer=payer or line("the_city")), names, rows, json)


@payments_app.command
def order(*, on: date, key: str, payer: Payer = None, city: City = None, json: Json = False) -> None:
    """Order what is due, in one batch that two people then approve on its page.

    Parameters
    ----------
    on: the day of payment
    key: sent again, it is the same batch
    """
    open_city(city)
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.payments.payment_batches import make_batch

    batch = make_batch(payer, execute_on=on, actor=PLATFORM, now=timezone.now(), idempotency_key=key)
    rows = [(batch.message_id, batch.orders_count, batch.total_fen, batch.state, batch.content_sha256)]
    _show(line("ordered"), ("batch", "orders", "total_fen", "state", "sha256"), rows, json)


@payments_app.command
def batches(*, city: City = None, json: Json = False) -> None:
    """List batches with their approvals and what of them is paid."""
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.portal.queries.payments import batches as all_batches

    rows = [
        (
            each.message_id, each.payer.key if each.payer else "city", each.execute_on.isoformat(), each.total_fen,
            each.state, " ".join(by.username for by in (each.first_by, each.second_by) if by),
            f"{each.paid_count}/{each.orders_count}",  # type: ignore[attr-defined]  # annotated by the query
        )
        for each in all_batches(PLATFORM)
    ]  # fmt: skip
    _show(line("batches"), ("batch", "payer", "on", "total_fen", "state", "approved_by", "paid"), rows, json)


@payments_app.command
def export(batch: str, *, out: Path, form: Literal["pain001", "csv"] = "pain001", city: City = None) -> None:
    """Write an approved batch for the bank; written again, it is the same bytes.

    Parameters
    ----------
    batch: its identifier
    out: the file to write
    form: pain.001.001.09 or CSV
    """
    open_city(city)
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.payments.payment_batches import export_batch
    from siwei.exchange.payments.payment_files import sent_content

    if not out.parent.is_dir():
        raise InputError(
            [
                Problem(
                    Said(f"there is no folder {out.parent}", f"没有文件夹 {out.parent}"),
                    Said("make it first", "请先建立"),
                    field="--out",
                )
            ]
        )
    file = export_batch(batch, form, actor=PLATFORM, now=timezone.now())
    out.write_bytes(sent_content(file).encode())
    print_line(line("wrote", file=out, sha256=file.sha256))


@payments_app.command(name="import")
def import_(
    file: Path,
    *,
    holder: Annotated[str | None, Parameter(help="Whose account: an organisation's key; left out, the city's.")] = None,
    columns: Annotated[Path | None, Parameter(help="JSON: which heading of a CSV means what.")] = None,
    city: City = None,
    json: Json = False,
) -> None:
    """Import a bank statement (camt.053 or CSV) and match it with the orders. The same file again changes nothing.

    Parameters
    ----------
    file: the bank's file
    """
    open_city(city)
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.payments.statement_imports import import_statement
    from siwei.market.bank.statements import LIMIT_BYTES

    content = _read(file, LIMIT_BYTES)
    mapping = json_module.loads(_read(columns, 100_000)) if columns else None
    made = import_statement(holder, content, file.name[:200], columns=mapping, actor=PLATFORM, now=timezone.now())
    rows = [(made.name, made.read, made.added, made.rejected, made.is_whole)]
    _show(line("statement"), ("file", "read", "added", "rejected", "whole"), rows, json)
    for each in made.rejects.order_by("row"):
        print_line(f"{file.name}:{each.row}: {each.reason}")


@payments_app.command
def report(
    file: Path,
    *,
    holder: Annotated[str | None, Parameter(help="An organisation's key; without it, the city's.")] = None,
    city: City = None,
    json: Json = False,
) -> None:
    """Import a bank's report on orders (pain.002): what it refused is due again. The same file again changes nothing.

    Parameters
    ----------
    file: the bank's file
    """
    open_city(city)
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.payments.status_reports import import_status_report
    from siwei.market.bank.statements import LIMIT_BYTES

    content = _read(file, LIMIT_BYTES)
    made = import_status_report(holder, content, file.name[:200], actor=PLATFORM, now=timezone.now())
    lines = made.lines.select_related("order").order_by("position")
    rows = [(each.order.end_to_end_id if each.order else "", each.outcome, each.code, each.reason) for each in lines]
    _show(line("bank_report"), ("order", "outcome", "code", "reason"), rows, json)


@payments_app.command
def rest(
    order: str, *, act: Literal["order", "write-off", "withdraw"], because: str, city: City = None, json: Json = False
) -> None:
    """Order anew what the bank did not pay of an order, or ask that it be written off, which two people then approve.

    Parameters
    ----------
    order: its identifier
    act: order the rest anew, in the next batch; ask to write it off; or withdraw that
    because: the reason
    """
    open_city(city)
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.payments import order_rests

    acts = {"order": order_rests.order_rest, "write-off": order_rests.write_off}
    made = acts.get(act, order_rests.withdraw_write_off)(order, because=because, actor=PLATFORM, now=timezone.now())
    rows = [(made.order.end_to_end_id, made.amount_fen, made.state, made.reason)]
    _show(line("rest"), ("order", "amount_fen", "state", "reason"), rows, json)


@payments_app.command(name="return")
def return_(
    entry: str, *, order: str, because: str, account: str | None = None, city: City = None, json: Json = False
) -> None:
    """Book money that came in as a part of what was paid by an order: exactly that part is due again.

    Parameters
    ----------
    entry: the reference of the bank's entry, as `siwei payments differences` lists it
    order: the order's identifier
    because: the reason
    account: the number of the account it came in on; needed where entries of several have this reference
    """
    open_city(city)
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.payments.partial_returns import return_entry

    number = _account_of(entry, account)
    booked = return_entry(number, entry, order, because=because, actor=PLATFORM, now=timezone.now())
    rows = [(booked.reference, order, booked.amount_fen, booked.state, booked.finding)]
    _show(line("return"), ("entry", "order", "amount_fen", "state", "finding"), rows, json)


@payments_app.command
def repaid(
    entry: str, *, dispute: str | None = None, voucher: str | None = None, application: str | None = None,
    because: str, account: str | None = None, city: City = None, json: Json = False,
) -> None:  # fmt: skip
    """Book money that came in as what is owed: what a dispute found that a provider was paid too much, or an award
    taken back after it was paid, a voucher or the grant of an application. Name one of them.

    Parameters
    ----------
    entry: the reference of the bank's entry, as `siwei payments differences` lists it
    dispute: the dispute's key
    voucher: the voucher's key
    application: the application's key
    because: the reason
    account: the number of the account it came in on; needed where entries of several have this reference
    """
    open_city(city)
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.payments.repayments import repay_claw_back, repay_overpayment

    named = [each for each in (dispute, voucher, application) if each]
    if len(named) != 1:
        fix = Said(
            "name a --dispute, a --voucher or an --application, one of them",
            "请指定 --dispute、--voucher、--application 其中之一",
        )
        message = Said(f"{len(named)} things are named that are paid back", f"指定了 {len(named)} 项归还的对象")
        raise InputError([Problem(message, fix)])
    number, now = _account_of(entry, account), timezone.now()
    if dispute:
        booked = repay_overpayment(number, entry, dispute, because=because, actor=PLATFORM, now=now)
    else:
        of = application or "", voucher or ""
        booked = repay_claw_back(number, entry, *of, because=because, actor=PLATFORM, now=now)
    rows = [(booked.reference, named[0], booked.amount_fen, booked.state)]
    _show(line("repaid"), ("entry", "pays_back", "amount_fen", "state"), rows, json)


def _account_of(entry: str, account: str | None) -> str:
    """Of the bank's entry of that reference, where no account is named."""
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.models import BankEntry

    found = BankEntry.objects.visible_to(PLATFORM).filter(reference=entry)
    accounts = sorted(set(found.values_list("account_number", flat=True)))
    if account is None and len(accounts) > 1:
        message = Said(
            f"{len(accounts)} accounts have an entry {entry!r:.80}", f"{len(accounts)} 个账户都有分录 {entry!r:.80}"
        )
        raise InputError([Problem(message, Said("name one with --account", "请用 --account 指定其一"))])
    return account or (accounts[0] if accounts else "")


@payments_app.command
def differences(*, city: City = None, json: Json = False) -> None:
    """List bank entries that agree with no order, and orders that are late."""
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.portal.queries.payments import differences as all_differences

    found = all_differences(PLATFORM)
    rows = [
        (
            each.reference, each.booked_on.isoformat(), each.direction, each.amount_fen, each.finding,
            each.difference_fen, each.name,
        )
        for each, *_ in found.waiting
    ]  # fmt: skip
    rows += [(str(each), each.batch.execute_on.isoformat(), "", each.amount_fen, "late", 0, each.paid_to.name)
             for each in found.late]  # fmt: skip
    names = ("reference", "on", "direction", "amount_fen", "finding", "difference_fen", "name")
    _show(line("differences"), names, rows, json)


@payments_app.command
def invoices(
    issuer: str,
    period: str,
    *,
    out: Annotated[Path | None, Parameter(help="Folder for them as PDF, CSV and XLSX, in both languages.")] = None,
    city: City = None,
    json: Json = False,
) -> None:
    """Issue an organisation's settlement statements (结算单) of a month; issued again, nothing new is numbered.

    Parameters
    ----------
    issuer: the organisation's key
    period: a month, such as 2026-11
    """
    open_city(city)
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.payments.invoices import issue_invoices

    found = issue_invoices(issuer, period, actor=PLATFORM, now=timezone.now())
    if out is not None:
        from siwei.portal.settlement_papers import MEDIA_TYPES, invoice_file

        out.mkdir(parents=True, exist_ok=True)
        for invoice in found:
            for form in MEDIA_TYPES:
                for language, short in (("zh-hans", "zh"), ("en", "en")):
                    (out / f"{invoice.name}-{short}.{form}").write_bytes(invoice_file(invoice, form, language))
    rows = [(each.name, each.recipient.name, each.gross_fen, each.voucher_fen, each.own_fen) for each in found]
    names = ("number", "recipient", "gross_fen", "voucher_fen", "own_fen")
    _show(line("settlements", issuer=issuer, period=period), names, rows, json)


def _show(title: str, names: tuple[str, ...], rows: Sequence[tuple[object, ...]], json: bool) -> None:
    if json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table(title, headings(names), coded(names, rows))


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        message = Said(f"cannot be read ({error.strerror})", f"无法读取（{error.strerror}）")
        raise InputError([Problem(message, Said("name the file", "请指定文件"), file=str(path))]) from None
    if len(content) > limit:
        message = Said(f"more than {limit:,} bytes", f"超过 {limit:,} 字节")
        raise InputError([Problem(message, Said("give a shorter file", "请给出较短的文件"), file=str(path))])
    return content

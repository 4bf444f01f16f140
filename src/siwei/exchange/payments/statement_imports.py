"""A bank's statement into the database: every entry once, whatever file it came in, each matched as it comes."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from siwei.errors import Conflict, ImportRefused, InputError, Problem, Said
from siwei.exchange.access import can_commit_money_for, can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action, record_event
from siwei.exchange.canonical import check_storable
from siwei.exchange.models import BankAccount, BankEntry, Organisation, StatementFile, StatementReject
from siwei.exchange.models.payments import CITY
from siwei.exchange.parties import find_organisation
from siwei.exchange.payments.person_entries import Persons, told_of
from siwei.exchange.payments.reconciliation import key_of, take_entry
from siwei.market import bank
from siwei.market.bank import BankReject, BankStatement, ColumnMapping, StatementEntry


@money_action
def import_statement(
    holder: str | None,
    content: bytes,
    name: str,
    *,
    columns: Mapping[str, str | list[str]] | None = None,
    actor: Actor,
    now: datetime,
) -> StatementFile:
    """Read a camt.053 or CSV statement of the account of `holder` (None: the city), and match its entries with orders.

    The same file again changes nothing; an entry that another file had is known by its reference. Half a file keeps its
    good rows. `columns` says which heading means what where the bank is no ordinary one. Raises ImportRefused.
    """
    owner = find_organisation(holder) if holder is not None else None
    allowed = can_commit_money_for(actor, owner.pk) if owner else can_operate(actor)
    require(
        allowed,
        actor,
        Said(
            f"import bank statements of {owner.name if owner else 'the city'}",
            f"导入{owner.name if owner else '本市'}的银行对账单",
        ),
    )
    accounts = BankAccount.objects.filter(holder=owner.key if owner else CITY).order_by("-pk")
    numbers = list(accounts.values_list("number", flat=True))
    if not numbers:
        raise Conflict(
            f"{owner.name if owner else 'the city'} has no bank account here → enter it first",
            f"{owner.name if owner else '本市'}在此没有银行账户 → 请先录入",
        )
    check_storable(name, "name")
    if not 0 < len(name) <= 200:
        raise InputError(
            [
                Problem(
                    Said("the file needs a name", "文件须有名称"),
                    Said("1 to 200 characters", "1 至 200 个字符"),
                    field="name",
                )
            ]
        )
    sha256 = hashlib.sha256(content).hexdigest()
    earlier = StatementFile.objects.filter(sha256=sha256, account_number__in=numbers).first()
    if earlier is not None:
        return earlier
    form = "camt053" if content.lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t\0").startswith(b"<") else "csv"
    mapping = ColumnMapping.from_names(columns) if columns else bank.MAPPINGS["ordinary"]
    if form == "camt053":
        statement = bank.read_camt053(content, name)
        if statement.account not in numbers:
            message = Said(
                f"this is of the account ending in {statement.account[-4:]}, which is not {_named(owner)}",
                f"这是尾号 {statement.account[-4:]} 账户的对账单，不是{_named(owner).zh}的",
            )
            raise ImportRefused(
                [Problem(message, Said("give the statement of this account", "请给出该账户的对账单"), file=name)]
            )
    else:
        statement = bank.read_statement_csv(content, numbers[0], mapping, name)
    return _keep(statement, owner, sha256, name, form, actor, now)


def _keep(
    statement: BankStatement,
    owner: Organisation | None,
    sha256: str,
    name: str,
    form: str,
    actor: Actor,
    now: datetime,
) -> StatementFile:
    known, persons = _known(statement), Persons()
    rejects = list(statement.rejects)
    fresh: list[StatementEntry] = []
    for entry in statement.entries:
        told = known.get(entry.reference)
        if told is None:
            fresh.append(entry)
        elif told != entry.contents:
            reason = f"reference {entry.reference} is known from another file, with other contents"
            rejects.append(BankReject(entry.row, reason, " · ".join(entry.contents)))
    file = StatementFile.objects.create(
        organisation=owner, account_number=statement.account, sha256=sha256, name=name, form=form,
        read=len(statement.entries), added=len(fresh), rejected=len(rejects), is_whole=statement.is_whole,
        opening_fen=statement.balances.get("opening"), closing_fen=statement.balances.get("closing"),
        imported_by_id=actor.person_id, imported_at=now,
    )  # fmt: skip
    StatementReject.objects.bulk_create(
        StatementReject(
            file=file,
            row=each.row,
            reason=_shown(each.reason, persons, owner),
            record=_shown(each.record, persons, owner),
        )
        for each in rejects
    )
    # In the bank's order: a second payment of one order is the later one.
    for entry in sorted(fresh, key=lambda each: (each.booked_on, each.row)):
        take_entry(file, entry, persons, now)
    record_event(
        "import_statement", f"{statement.account[-4:]}:{sha256[:60]}", {}, actor=actor, now=now,
        subject=f"statement:{sha256[:16]}", organisations=[owner] if owner else [],
        payload={"read": file.read, "added": file.added, "rejected": file.rejected, "whole": file.is_whole},
    )  # fmt: skip
    return file


def _known(statement: BankStatement) -> dict[str, tuple[str, ...]]:
    """What earlier files said under the same references."""
    references = {entry.reference for entry in statement.entries}
    rows = BankEntry.objects.filter(account_number=statement.account)
    if len(references) < 500:
        rows = rows.filter(reference__in=references)
    found: dict[str, tuple[str, ...]] = {}
    said = {entry.reference: entry.contents for entry in statement.entries}
    for row in rows.select_related("pseudonym").iterator():
        if row.reference not in references:
            continue
        if row.pseudonym is not None and row.sealed is None:
            # Erased: it is known, and what it said is not to be compared any more.
            found[row.reference] = said[row.reference]
            continue
        told = told_of(row, key_of(row))
        found[row.reference] = (
            row.booked_on.isoformat(), row.direction, str(row.amount_fen), told.name, told.counter_account,
            row.end_to_end_id, told.remittance,
        )  # fmt: skip
    return found


def _shown(text: str, persons: Persons, owner: Organisation | None) -> str:
    """Rejected records are kept as they came and never deleted, but for what they say of persons whom the city pays."""
    return persons.redacted(text) if owner is None else text


def _named(owner: Organisation | None) -> Said:
    return Said(f"of {owner.name}", f" {owner.name} ") if owner else Said("the city's", "本市")

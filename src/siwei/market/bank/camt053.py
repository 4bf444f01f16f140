"""camt.053 (BankToCustomerStatement), versions 001.02 and 001.08: ISO 20022's statement of a day.

Read as a stream, with entities, document types and the network off: a bomb is refused before it grows, and of a file
that ends in the middle the entries before are kept.
"""

from datetime import date

from siwei.errors import Said
from siwei.market.bank.amounts import exact_yuan, fen_of
from siwei.market.bank.iso20022 import (
    BrokenOff,
    Element,
    Unreadable,
    amount_of,
    first,
    found,
    record,
    refused,
    stream,
)
from siwei.market.bank.orders import CURRENCY
from siwei.market.bank.statements import (
    LIMIT_BYTES,
    LIMIT_ENTRIES,
    BankReject,
    BankStatement,
    Direction,
    StatementEntry,
    balance_fault,
    with_references,
)

NAMESPACES = {
    f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}": f"camt.053.001.{version}" for version in ("02", "08")
}
WANTED = [("BkToCstmrStmt", "Stmt", tag) for tag in ("Acct", "Bal", "Ntry")]
BALANCES = {"OPBD": "opening", "PRCD": "opening", "CLBD": "closing"}
DIRECTIONS = {"DBIT": Direction.OUT, "CRDT": Direction.IN}
NOT_PROVIDED = "NOTPROVIDED"


def read_camt053(content: bytes, name: str = "", account: str | None = None) -> BankStatement:
    """Booked entries and rejects. Raises ImportRefused for what is no such file, too large, a bomb, or of several
    accounts (of another one, where `account` is given)."""
    if len(content) > LIMIT_BYTES:
        raise refused(
            name,
            Said(f"{len(content):,} bytes", f"有 {len(content):,} 字节"),
            Said(
                f"at most {LIMIT_BYTES:,}: ask the bank for single days", f"至多 {LIMIT_BYTES:,}：请向银行要单日的文件"
            ),
        )
    reading = _Reading(name)
    is_whole = True
    try:
        for element in stream(content, name, namespaces=NAMESPACES, wanted=WANTED):
            reading.take(element)
    except BrokenOff as error:
        words = str(error).splitlines()[0]
        if not (reading.entries or reading.rejects):
            raise refused(
                name,
                Said(f"this is not readable XML ({words})", f"无法读取此 XML（{words}）"),
                Said("take the file from the bank again", "请从银行重新取文件"),
            ) from None
        is_whole = False
        reading.rejects.append(BankReject(reading.number + 1, f"the file ends in the middle ({words})"))
    return reading.result(is_whole, account)


class _Reading:
    """What was read of one file so far."""

    def __init__(self, name: str) -> None:
        self.name, self.number = name, 0
        self.accounts: list[str] = []
        self.balances: dict[str, int] = {}
        self.entries: list[StatementEntry] = []
        self.rejects: list[BankReject] = []

    def take(self, element: Element) -> None:
        if element.tag == "Acct":
            self._take_account(element)
        elif element.tag == "Bal":
            self._take_balance(element)
        else:
            self.number += 1
            if self.number > LIMIT_ENTRIES:
                raise refused(
                    self.name,
                    Said(f"more than {LIMIT_ENTRIES:,} entries", f"超过 {LIMIT_ENTRIES:,} 条"),
                    Said("ask the bank for single days", "请向银行要单日的文件"),
                )
            try:
                self.entries += _entries_of(element, self.number)
            except Unreadable as error:
                self.rejects.append(BankReject(self.number, str(error), record(element)))

    def _take_account(self, element: Element) -> None:
        number = first(element, "Id/Othr/Id", "Id/IBAN")
        currency = first(element, "Ccy") or CURRENCY
        if currency != CURRENCY:
            raise refused(
                self.name,
                Said(f"the account is in {currency:.10}", f"账户币种为 {currency:.10}"),
                Said(f"give the statement of a {CURRENCY} account", f"请给出 {CURRENCY} 账户的对账单"),
            )
        if number and number not in self.accounts:
            self.accounts.append(number)
        if len(self.accounts) > 1:
            raise refused(
                self.name,
                Said(f"statements of {len(self.accounts)} accounts", f"含 {len(self.accounts)} 个账户的对账单"),
                Said("one account a file", "一个文件一个账户"),
            )

    def _take_balance(self, element: Element) -> None:
        kind = BALANCES.get(first(element, "Tp/CdOrPrtry/Cd"))
        amount = element.find("Amt")
        if kind is None or amount is None:
            return
        try:
            fen = fen_of(amount.text or "")
        except ValueError as error:
            self.rejects.append(BankReject(0, f"the {kind} balance: {error}", record(element)))
            return
        signed = -fen if first(element, "CdtDbtInd") == "DBIT" else fen
        # Several statements in one file: opened by the first, closed by the last.
        if kind == "closing" or kind not in self.balances:
            self.balances[kind] = signed

    def result(self, is_whole: bool, account: str | None) -> BankStatement:
        number = self.accounts[0] if self.accounts else ""
        if not number:
            raise refused(
                self.name,
                Said("no account is named", "没有写明账户"),
                Said("ask the bank for a file with the account's number", "请向银行要写明账号的文件"),
            )
        if account is not None and number != account:
            ending = number[-4:]
            raise refused(
                self.name,
                Said(f"this is of the account ending in {ending}", f"这是尾号 {ending} 账户的"),
                Said("give the statement of this one", "请给出本账户的对账单"),
            )
        entries, doubled = with_references(self.entries)
        rejects = [*self.rejects, *doubled]
        if is_whole and not rejects and (fault := balance_fault(self.balances, entries)):
            rejects.append(BankReject(0, fault))
        return BankStatement(number, tuple(entries), tuple(rejects), is_whole, self.balances)


def _entries_of(element: Element, row: int) -> list[StatementEntry]:
    """The transactions of an entry, or the entry itself where it has at most one; raises Unreadable."""
    status = first(element, "Sts/Cd", "Sts/Prtry", "Sts")
    if status and status != "BOOK":
        raise Unreadable(f"status {status:.20}: not booked yet")
    total = amount_of(element.find("Amt"))
    direction = _direction(element)
    booked_on = _day(element)
    reference = first(element, "AcctSvcrRef", "NtryRef")
    details = element.findall("NtryDtls/TxDtls")
    if len(details) <= 1:
        detail = details[0] if details else element
        own = reference or first(detail, "Refs/AcctSvcrRef")
        return [_entry(detail, row, own, booked_on, direction, total)]
    parts: list[StatementEntry] = []
    for number, detail in enumerate(details, 1):
        amount = amount_of(found(detail, "Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"))
        own = first(detail, "Refs/AcctSvcrRef") or (f"{reference}/{number}" if reference else "")
        parts.append(_entry(detail, row, own, booked_on, direction, amount))
    if sum(part.amount_fen for part in parts) != total:
        came_to = sum(part.amount_fen for part in parts)
        raise Unreadable(
            f"its {len(parts)} transactions come to {exact_yuan(came_to)}, the entry to {exact_yuan(total)}"
        )
    return parts


def _entry(
    detail: Element, row: int, reference: str, booked_on: date, direction: Direction, amount_fen: int
) -> StatementEntry:
    party = "Cdtr" if direction == Direction.OUT else "Dbtr"
    end_to_end = first(detail, "Refs/EndToEndId")
    remittance = " ".join(text.text.strip() for text in detail.findall("RmtInf/Ustrd") if text.text)
    return StatementEntry(
        row=row,
        reference=reference[:70],
        booked_on=booked_on,
        direction=direction,
        amount_fen=amount_fen,
        name=first(detail, f"RltdPties/{party}/Pty/Nm", f"RltdPties/{party}/Nm")[:140],
        account=first(detail, f"RltdPties/{party}Acct/Id/Othr/Id", f"RltdPties/{party}Acct/Id/IBAN")[:40],
        end_to_end_id="" if end_to_end == NOT_PROVIDED else end_to_end[:35],
        remittance=remittance[:500],
    )


def _direction(element: Element) -> Direction:
    told = first(element, "CdtDbtInd")
    if told not in DIRECTIONS:
        raise Unreadable(f"neither debit nor credit: {told!r:.20}")
    return DIRECTIONS[told]


def _day(element: Element) -> date:
    told = first(element, "BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm")
    try:
        return date.fromisoformat(told[:10])
    except ValueError:
        raise Unreadable(f"{told!r:.30} is no booking date") from None

"""camt.053 (BankToCustomerStatement), versions 001.02 and 001.08: ISO 20022's statement of a day.

Read as a stream, with entities, document types and the network off: a bomb is refused before it grows, and of a file
that ends in the middle the entries before are kept.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from lxml import etree

from siwei.errors import ImportRefused, Problem
from siwei.market.bank.amounts import fen_of
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

NAMESPACES = {f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}": version for version in ("02", "08")}
BALANCES = {"OPBD": "opening", "PRCD": "opening", "CLBD": "closing"}
DIRECTIONS = {"DBIT": Direction.OUT, "CRDT": Direction.IN}
NOT_PROVIDED = "NOTPROVIDED"
DEEPEST = 40
SMALL_BYTES = 4_096
"""How much is given to the parser at once: what it had read before a fault is kept."""
Element = Any
"""lxml's element: it ships no types."""


class Unreadable(ValueError):
    """One entry cannot be taken; its words are the reject's reason."""


def read_camt053(content: bytes, name: str = "", account: str | None = None) -> BankStatement:
    """Booked entries and rejects. Raises ImportRefused for what is no such file, too large, a bomb, or of several
    accounts (of another one, where `account` is given)."""
    if len(content) > LIMIT_BYTES:
        raise _refused(name, f"{len(content):,} bytes", f"at most {LIMIT_BYTES:,}: ask the bank for single days")
    reading = _Reading(name)
    is_whole = True
    try:
        for element in _stream(content, name):
            reading.take(element)
    except etree.XMLSyntaxError as error:
        words = str(error).splitlines()[0]
        if not (reading.entries or reading.rejects):
            raise _refused(name, f"this is not readable XML ({words})", "take the file from the bank again") from None
        is_whole = False
        reading.rejects.append(BankReject(reading.number + 1, f"the file ends in the middle ({words})"))
    return reading.result(is_whole, account)


def _stream(content: bytes, name: str) -> Iterator[Element]:
    """Every whole `Acct`, `Bal` and `Ntry` of a statement, with plain tags. Anything deeper is part of one of them."""
    parser = etree.XMLPullParser(
        events=("start", "end"), resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    path: list[str] = []
    for start in range(0, len(content), SMALL_BYTES):
        parser.feed(content[start : start + SMALL_BYTES])
        yield from _finished(parser, path, name)
    parser.close()
    yield from _finished(parser, path, name)


def _finished(parser: Any, path: list[str], name: str) -> Iterator[Element]:
    for event, element in parser.read_events():
        if event == "start":
            if not path:
                _check_root(element, name)
            path.append(etree.QName(element).localname)
            if len(path) > DEEPEST:
                raise _refused(name, f"elements nested more than {DEEPEST} deep", "take the file from the bank again")
            continue
        if len(path) == 4 and path[2] == "Stmt" and path[3] in ("Acct", "Bal", "Ntry"):
            for each in element.iter(etree.Element):
                each.tag = etree.QName(each).localname
            yield element
            element.clear()
        path.pop()


def _check_root(root: Element, name: str) -> None:
    if root.getroottree().docinfo.doctype:
        raise _refused(name, "the file declares a document type", "ask the bank for a plain file, without entities")
    if root.tag not in {f"{{{namespace}}}Document" for namespace in NAMESPACES}:
        known = ", ".join(f"camt.053.001.{version}" for version in NAMESPACES.values())
        raise _refused(name, f"the root is {root.tag!r:.90}", f"one of {known}")


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
                raise _refused(self.name, f"more than {LIMIT_ENTRIES:,} entries", "ask the bank for single days")
            try:
                self.entries += _entries_of(element, self.number)
            except Unreadable as error:
                self.rejects.append(BankReject(self.number, str(error), _record(element)))

    def _take_account(self, element: Element) -> None:
        number = _first(element, "Id/Othr/Id", "Id/IBAN")
        currency = _first(element, "Ccy") or CURRENCY
        if currency != CURRENCY:
            raise _refused(
                self.name, f"the account is in {currency:.10}", f"give the statement of a {CURRENCY} account"
            )
        if number and number not in self.accounts:
            self.accounts.append(number)
        if len(self.accounts) > 1:
            raise _refused(self.name, f"statements of {len(self.accounts)} accounts", "one account a file")

    def _take_balance(self, element: Element) -> None:
        kind = BALANCES.get(_first(element, "Tp/CdOrPrtry/Cd"))
        amount = element.find("Amt")
        if kind is None or amount is None:
            return
        try:
            fen = fen_of(amount.text or "")
        except ValueError as error:
            self.rejects.append(BankReject(0, f"the {kind} balance: {error}", _record(element)))
            return
        signed = -fen if _first(element, "CdtDbtInd") == "DBIT" else fen
        # Several statements in one file: opened by the first, closed by the last.
        if kind == "closing" or kind not in self.balances:
            self.balances[kind] = signed

    def result(self, is_whole: bool, account: str | None) -> BankStatement:
        found = self.accounts[0] if self.accounts else ""
        if not found:
            raise _refused(self.name, "no account is named", "ask the bank for a file with the account's number")
        if account is not None and found != account:
            ending = found[-4:]
            raise _refused(self.name, f"this is of the account ending in {ending}", "give the statement of this one")
        entries, doubled = with_references(self.entries)
        rejects = [*self.rejects, *doubled]
        if is_whole and not rejects and (fault := balance_fault(self.balances, entries)):
            rejects.append(BankReject(0, fault))
        return BankStatement(found, tuple(entries), tuple(rejects), is_whole, self.balances)


def _entries_of(element: Element, row: int) -> list[StatementEntry]:
    """The transactions of an entry, or the entry itself where it has at most one; raises Unreadable."""
    status = _first(element, "Sts/Cd", "Sts/Prtry", "Sts")
    if status and status != "BOOK":
        raise Unreadable(f"status {status:.20}: not booked yet")
    total = _amount(element.find("Amt"))
    direction = _direction(element)
    booked_on = _day(element)
    reference = _first(element, "AcctSvcrRef", "NtryRef")
    details = element.findall("NtryDtls/TxDtls")
    if len(details) <= 1:
        detail = details[0] if details else element
        own = reference or _first(detail, "Refs/AcctSvcrRef")
        return [_entry(detail, row, own, booked_on, direction, total)]
    parts: list[StatementEntry] = []
    for number, detail in enumerate(details, 1):
        amount = _amount(_found(detail, "Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"))
        own = _first(detail, "Refs/AcctSvcrRef") or (f"{reference}/{number}" if reference else "")
        parts.append(_entry(detail, row, own, booked_on, direction, amount))
    if sum(part.amount_fen for part in parts) != total:
        came_to = sum(part.amount_fen for part in parts)
        raise Unreadable(f"its {len(parts)} transactions come to {came_to} fen, the entry to {total}")
    return parts


def _entry(
    detail: Element, row: int, reference: str, booked_on: date, direction: Direction, amount_fen: int
) -> StatementEntry:
    party = "Cdtr" if direction == Direction.OUT else "Dbtr"
    end_to_end = _first(detail, "Refs/EndToEndId")
    remittance = " ".join(text.text.strip() for text in detail.findall("RmtInf/Ustrd") if text.text)
    return StatementEntry(
        row=row,
        reference=reference[:70],
        booked_on=booked_on,
        direction=direction,
        amount_fen=amount_fen,
        name=_first(detail, f"RltdPties/{party}/Pty/Nm", f"RltdPties/{party}/Nm")[:140],
        account=_first(detail, f"RltdPties/{party}Acct/Id/Othr/Id", f"RltdPties/{party}Acct/Id/IBAN")[:40],
        end_to_end_id="" if end_to_end == NOT_PROVIDED else end_to_end[:35],
        remittance=remittance[:500],
    )


def _amount(element: Element | None) -> int:
    if element is None:
        raise Unreadable("no amount")
    currency = element.get("Ccy", "")
    if currency != CURRENCY:
        raise Unreadable(f"an amount in {currency or 'no currency':.12}, not {CURRENCY}")
    try:
        fen = fen_of(element.text or "")
    except ValueError as error:
        raise Unreadable(str(error)) from None
    if fen <= 0:
        raise Unreadable(f"an amount of {fen} fen")
    return fen


def _direction(element: Element) -> Direction:
    told = _first(element, "CdtDbtInd")
    if told not in DIRECTIONS:
        raise Unreadable(f"neither debit nor credit: {told!r:.20}")
    return DIRECTIONS[told]


def _day(element: Element) -> date:
    told = _first(element, "BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm")
    try:
        return date.fromisoformat(told[:10])
    except ValueError:
        raise Unreadable(f"{told!r:.30} is no booking date") from None


def _found(element: Element, *paths: str) -> Element | None:
    return next((found for path in paths if (found := element.find(path)) is not None), None)


def _first(element: Element, *paths: str) -> str:
    texts = ((element.findtext(path) or "").strip() for path in paths)
    return next((_printable(text) for text in texts if text), "")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _record(element: Element) -> str:
    texts = (_printable(text) for text in element.itertext())
    return " · ".join(text for text in texts if text)[:500]


def _refused(name: str, message: str, fix: str) -> ImportRefused:
    return ImportRefused([Problem(message, fix, file=name)])

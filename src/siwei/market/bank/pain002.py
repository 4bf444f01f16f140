"""pain.002 (CustomerPaymentStatusReport), versions 001.03 and 001.10: a bank's word on the orders it was sent.

It says what was taken in and what was not, and why; that money moved is the statement's to say (`camt053`). A group or
a payment of which no order is named stands for every order of it.
"""

from dataclasses import dataclass
from enum import StrEnum

from siwei.errors import Said
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
from siwei.market.bank.statements import LIMIT_BYTES, LIMIT_ENTRIES, BankReject

NAMESPACES = {
    f"urn:iso:std:iso:20022:tech:xsd:pain.002.001.{version}": f"pain.002.001.{version}" for version in ("03", "10")
}
GROUP = ("CstmrPmtStsRpt", "OrgnlGrpInfAndSts")
PAYMENT = ("CstmrPmtStsRpt", "OrgnlPmtInfAndSts")
WANTED = (GROUP, PAYMENT, (*PAYMENT, "TxInfAndSts"))
ACCEPTED = frozenset(("RCVD", "PDNG", "ACTC", "ACCP", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC"))
REJECTED = frozenset(("RJCT", "CANC"))
PARTLY = "PART"


class Word(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """`end_to_end_id` is empty where the bank speaks of every order of the message. `reason` is the bank's code and
    words. `amount_fen` is none where it repeats no amount."""

    row: int
    message_id: str
    end_to_end_id: str
    word: Word
    code: str
    reason: str = ""
    amount_fen: int | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """`is_whole` is false where the file ends in the middle: what was said of single orders before is here; what was
    said of all of them is not, as exceptions to it may have stood in what is missing."""

    message_id: str
    statuses: tuple[OrderStatus, ...]
    rejects: tuple[BankReject, ...]
    is_whole: bool = True


def is_pain002(content: bytes) -> bool:
    """Whether the beginning of a file names this message."""
    return any(namespace.encode() in content[:4_096] for namespace in NAMESPACES)


def read_pain002(content: bytes, name: str = "") -> StatusReport:
    """What was said, and what could not be read. Raises ImportRefused for what is no such file or too large."""
    if len(content) > LIMIT_BYTES:
        fix = Said(
            f"at most {LIMIT_BYTES:,}: ask the bank for one batch a file",
            f"至多 {LIMIT_BYTES:,}：请向银行要一个批次一个文件",
        )
        raise refused(name, Said(f"{len(content):,} bytes", f"有 {len(content):,} 字节"), fix)
    reading = _Reading(name)
    is_whole = True
    try:
        for element in stream(content, name, namespaces=NAMESPACES, wanted=WANTED):
            reading.take(element)
    except BrokenOff as error:
        words = str(error).splitlines()[0]
        if not reading.message_id:
            raise refused(
                name,
                Said(f"this is not readable XML ({words})", f"无法读取此 XML（{words}）"),
                Said("take the file from the bank again", "请从银行重新取文件"),
            ) from None
        is_whole = False
        reading.rejects.append(BankReject(reading.number + 1, f"the file ends in the middle ({words})"))
    return reading.result(is_whole)


class _Reading:
    """What was read of one file so far."""

    def __init__(self, name: str) -> None:
        self.name, self.number = name, 0
        self.message_id = ""
        self.group: OrderStatus | None = None
        self.single: list[OrderStatus] = []
        self.of_payments: list[OrderStatus] = []
        self.singles_before = 0
        self.rejects: list[BankReject] = []

    def take(self, element: Element) -> None:
        self.number += 1
        if self.number > LIMIT_ENTRIES:
            raise refused(
                self.name,
                Said(f"more than {LIMIT_ENTRIES:,} orders", f"超过 {LIMIT_ENTRIES:,} 笔"),
                Said("ask the bank for one batch a file", "请向银行要一个批次一个文件"),
            )
        try:
            if element.tag == "OrgnlGrpInfAndSts":
                self._take_group(element)
            elif element.tag == "OrgnlPmtInfAndSts":
                self._take_payment(element)
            else:
                self.single.append(self._single(element))
        except Unreadable as error:
            self.rejects.append(BankReject(self.number, str(error), record(element)))

    def _take_group(self, element: Element) -> None:
        message_id = first(element, "OrgnlMsgId")
        if not message_id:
            raise Unreadable("it names no message that it answers")
        if self.message_id and self.message_id != message_id:
            raise refused(
                self.name,
                Said("it answers several messages", "它答复了几份报文"),
                Said("ask the bank for one batch a file", "请向银行要一个批次一个文件"),
            )
        self.message_id = message_id[:35]
        self.group = self._status(element, "GrpSts", "")

    def _take_payment(self, element: Element) -> None:
        """Comes when it ends: its orders, if it names any, were taken already."""
        named, self.singles_before = len(self.single) - self.singles_before, len(self.single)
        status = self._status(element, "PmtInfSts", "")
        if status is not None and not named:
            self.of_payments.append(status)

    def _single(self, element: Element) -> OrderStatus:
        identifier = first(element, "OrgnlEndToEndId", "OrgnlInstrId")
        if not identifier:
            raise Unreadable("it names no order")
        status = self._status(element, "TxSts", identifier[:35])
        if status is None:
            raise Unreadable(f"of {identifier:.40} it says neither yes nor no")
        return status

    def _status(self, element: Element, tag: str, identifier: str) -> OrderStatus | None:
        code = first(element, tag)
        if code in ("", PARTLY):
            return None
        if code not in ACCEPTED | REJECTED:
            raise Unreadable(f"status {code!r:.20} is not known")
        told = found(element, "OrgnlTxRef/Amt/InstdAmt") if identifier else None
        amount = amount_of(told) if told is not None else None
        reasons = [
            " ".join(filter(None, (first(each, "Rsn/Cd", "Rsn/Prtry"), *_words(each))))
            for each in element.findall("StsRsnInf")
        ]
        word = Word.REJECTED if code in REJECTED else Word.ACCEPTED
        reason = "; ".join(filter(None, reasons))[:900]
        return OrderStatus(self.number, self.message_id, identifier, word, code, reason, amount)

    def result(self, is_whole: bool) -> StatusReport:
        if not self.message_id:
            raise refused(
                self.name,
                Said("it does not say which message it answers", "它没有说明答复哪份报文"),
                Said("ask the bank for a full report", "请向银行要完整的回执"),
            )
        every = self.of_payments or ([self.group] if self.group else [])
        # An order that is named, or could not be read, is an exception to what is said of all.
        if self.single or self.rejects or not is_whole:
            every = []
        statuses = [*self.single, *every]
        return StatusReport(self.message_id, tuple(statuses), tuple(self.rejects), is_whole)


def _words(reason: Element) -> list[str]:
    return [each.text.strip() for each in reason.findall("AddtlInf") if each.text and each.text.strip()]

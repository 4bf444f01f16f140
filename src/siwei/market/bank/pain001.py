"""pain.001.001.09: a customer's credit transfers as ISO 20022 (CustomerCreditTransferInitiationV09).

Written for domestic CNY transfers: accounts as `Othr`, banks by their CNAPS member number, charges shared by the rules
of the service. The same batch gives the same bytes.
"""

import xml.etree.ElementTree as ET  # it only writes
from datetime import UTC

from siwei.errors import InputError
from siwei.market.bank.amounts import yuan_text
from siwei.market.bank.orders import CURRENCY, BankAccount, OrderBatch, TransferOrder, check_batch

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"


def write_pain001(batch: OrderBatch) -> bytes:
    """The file for the bank, UTF-8. Raises InputError with everything for which it would be refused."""
    if problems := check_batch(batch):
        raise InputError(problems)
    root = ET.Element("Document", {"xmlns": NAMESPACE})
    initiation = ET.SubElement(root, "CstmrCdtTrfInitn")
    count, total = str(len(batch.orders)), yuan_text(batch.total_fen)
    header = ET.SubElement(initiation, "GrpHdr")
    _text(header, "MsgId", batch.message_id)
    _text(header, "CreDtTm", f"{batch.made_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    _text(header, "NbOfTxs", count)
    _text(header, "CtrlSum", total)
    _party(header, "InitgPty", batch.debtor)
    payment = ET.SubElement(initiation, "PmtInf")
    _text(payment, "PmtInfId", batch.message_id)
    _text(payment, "PmtMtd", "TRF")
    # Each order is booked by itself, or no statement could say which was paid.
    _text(payment, "BtchBookg", "false")
    _text(payment, "NbOfTxs", count)
    _text(payment, "CtrlSum", total)
    _text(ET.SubElement(payment, "ReqdExctnDt"), "Dt", batch.execute_on.isoformat())
    _party(payment, "Dbtr", batch.debtor)
    _account(payment, "DbtrAcct", batch.debtor)
    _bank(payment, "DbtrAgt", batch.debtor)
    _text(payment, "ChrgBr", "SLEV")
    for order in batch.orders:
        _order(payment, order)
    ET.indent(root, " ")
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _order(payment: ET.Element, order: TransferOrder) -> None:
    transfer = ET.SubElement(payment, "CdtTrfTxInf")
    identifiers = ET.SubElement(transfer, "PmtId")
    _text(identifiers, "InstrId", order.end_to_end_id)
    _text(identifiers, "EndToEndId", order.end_to_end_id)
    amount = ET.SubElement(ET.SubElement(transfer, "Amt"), "InstdAmt", {"Ccy": CURRENCY})
    amount.text = yuan_text(order.amount_fen)
    _bank(transfer, "CdtrAgt", order.creditor)
    _party(transfer, "Cdtr", order.creditor)
    _account(transfer, "CdtrAcct", order.creditor)
    if order.remittance:
        _text(ET.SubElement(transfer, "RmtInf"), "Ustrd", order.remittance)


def _party(parent: ET.Element, name: str, account: BankAccount) -> None:
    _text(ET.SubElement(parent, name), "Nm", account.name)


def _account(parent: ET.Element, name: str, account: BankAccount) -> None:
    element = ET.SubElement(parent, name)
    _text(ET.SubElement(ET.SubElement(element, "Id"), "Othr"), "Id", account.number)
    _text(element, "Ccy", CURRENCY)


def _bank(parent: ET.Element, name: str, account: BankAccount) -> None:
    institution = ET.SubElement(ET.SubElement(parent, name), "FinInstnId")
    member = ET.SubElement(institution, "ClrSysMmbId")
    _text(ET.SubElement(member, "ClrSysId"), "Cd", "CNAPS")
    _text(member, "MmbId", account.bank_code)
    if account.bank_name:
        _text(institution, "Nm", account.bank_name)


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text

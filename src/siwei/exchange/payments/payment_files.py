"""What went to the bank, kept: the file as it was written, what it says of persons taken out of it and sealed.

The text that is kept has a mark where a person's account stood, and can be read by whoever audits; the parts are sealed
under the person's secret. Put back they give the bytes that went to the bank, of which the hash is kept: as long as the
person's records are (`award_erasure`), by whichever version of the writer.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from siwei.exchange.models import PaymentBatch, PaymentFile, PaymentFileForm, PaymentOrder, Pseudonym, SealedPart
from siwei.exchange.payments.bank_accounts import as_bank_account
from siwei.exchange.payments.person_bank_accounts import opened_account
from siwei.exchange.people.pseudonyms import open_for, seal_for
from siwei.market import bank

WRITERS: Mapping[PaymentFileForm, Callable[[bank.OrderBatch], bytes]] = {
    PaymentFileForm.PAIN001: bank.write_pain001,
    PaymentFileForm.CSV: bank.write_orders_csv,
}


def hold_payees(batch: PaymentBatch) -> None:
    """Part of an action: a withdrawal of consent waits until the file is written, and then keeps what the bank was
    told; one before has ended the account, which is looked at afterwards."""
    found = Pseudonym.objects.filter(payment_orders__batch=batch).values("pk")
    list(Pseudonym.objects.select_for_update().filter(pk__in=found).order_by("pk"))


def write_files(batch: PaymentBatch, now: datetime) -> None:
    """Part of an action: both forms of a batch that two people approved. Names and accounts of persons are opened here
    and nowhere before."""
    related = batch.orders.select_related("creditor", "pseudonym", "person_creditor__pseudonym")
    orders = list(related.order_by("number"))
    written = bank.OrderBatch(
        batch.message_id, now, batch.execute_on, as_bank_account(batch.debtor), tuple(_told(each) for each in orders)
    )
    persons = [each for each in orders if each.pseudonym is not None]
    for form, write in WRITERS.items():
        content = write(written).decode()
        kept = _kept(content, written, persons, write)
        file = PaymentFile.objects.create(
            batch=batch, form=form, content=kept.content, sha256=hashlib.sha256(content.encode()).hexdigest()
        )
        for order, part in zip(persons, kept.parts, strict=True):
            assert order.pseudonym is not None
            sealed = seal_for(order.pseudonym, _sealed_as(file, order), {"text": part})
            SealedPart.objects.create(file=file, order=order, sealed=sealed)


def sent_content(file: PaymentFile) -> str:
    """As it went to the bank. Raises Erased where the records of a person in it are destroyed. Whoever asks must have
    looked at who may read it."""
    content = file.content
    for part in file.parts.select_related("order__pseudonym").order_by("order__number"):
        pseudonym = part.order.pseudonym
        assert pseudonym is not None
        told = open_for(pseudonym, _sealed_as(file, part.order), part.sealed)["text"]
        content = content.replace(_mark(part.order), told, 1)
    return content


def creditor_of(order: PaymentOrder) -> bank.BankAccount:
    """Raises Erased. Whoever asks must have looked at who may read it."""
    if order.creditor is not None:
        return as_bank_account(order.creditor)
    assert order.person_creditor is not None
    return opened_account(order.person_creditor)


@dataclass(frozen=True, slots=True)
class _Kept:
    content: str
    parts: Sequence[str]


def _kept(
    content: str,
    written: bank.OrderBatch,
    persons: Sequence[PaymentOrder],
    write: Callable[[bank.OrderBatch], bytes],
) -> _Kept:
    """The text with a mark for each person's account, and what stood there, whatever the writer makes of it: the same
    batch is written once more with other accounts in these places, which tells where they are."""
    if not persons:
        return _Kept(content, ())
    numbers = {each.number for each in persons}
    orders = tuple(
        replace(order, creditor=_placeholder()) if number in numbers else order
        for number, order in enumerate(written.orders, 1)
    )
    other = write(replace(written, orders=orders)).decode()
    parts: list[str] = []
    kept, read, read_other = "", 0, 0
    places = [_place(other, orders[each.number - 1].creditor) for each in persons]
    for order, (begins, ends), (following, _) in zip(persons, places, (*places[1:], (len(other), 0)), strict=True):
        before, after = other[read_other:begins], other[ends:following]
        assert content.startswith(before, read)
        start = read + len(before)
        end = len(content) - len(after) if following == len(other) else content.index(after, start)
        assert content.startswith(after, end)
        parts.append(content[start:end])
        kept += before + _mark(order)
        read, read_other = end, ends
    return _Kept(kept + content[read:], parts)


def _place(text: str, account: bank.BankAccount) -> tuple[int, int]:
    """From where to where the account's words stand, each of which stands there once."""
    words = (account.name, account.number, account.bank_code, account.bank_name)
    assert all(text.count(word) == 1 for word in words)
    begins = [text.index(word) for word in words]
    return min(begins), max(start + len(word) for start, word in zip(begins, words, strict=True))


def _placeholder() -> bank.BankAccount:
    """An account that is nobody's, at random, so that its words are found again."""
    digits = str(secrets.randbelow(9 * 10**31) + 10**31)
    token = secrets.token_hex(16)
    return bank.BankAccount(f"name{token}", digits, str(secrets.randbelow(9 * 10**11) + 10**11), f"bank{token}")


def _mark(order: PaymentOrder) -> str:
    assert order.pseudonym is not None
    return f"[[{order.pseudonym.key} {order.end_to_end_id}]]"


def _told(order: PaymentOrder) -> bank.TransferOrder:
    return bank.TransferOrder(order.end_to_end_id, creditor_of(order), order.amount_fen, order.remittance)


def _sealed_as(file: PaymentFile, order: PaymentOrder) -> str:
    return f"payment-file:{file.form}:{order.end_to_end_id}"

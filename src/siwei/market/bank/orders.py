"""What is paid: a batch of transfer orders from one account, and what makes it fit to be sent to a bank."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from siwei.errors import Problem
from siwei.market.bank.amounts import LARGEST_FEN

CURRENCY = "CNY"
LONGEST_NAME = 140
LONGEST_IDENTIFIER = 35
CNAPS_DIGITS = 12
ACCOUNT_DIGITS = range(8, 33)
IDENTIFIER_EXTRA = frozenset("/-?:().,'+ ")
"""Besides letters and digits, the characters of ISO 20022 identifiers that every bank passes on."""
RUNS_AS_FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class BankAccount:
    """`bank_code` is the branch's CNAPS number (联行号), 12 digits."""

    name: str
    number: str
    bank_code: str
    bank_name: str = ""


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """`end_to_end_id` comes back in the bank's statement and tells which order was paid."""

    end_to_end_id: str
    creditor: BankAccount
    amount_fen: int
    remittance: str = ""


@dataclass(frozen=True, slots=True)
class OrderBatch:
    """`message_id` is the batch's own; the bank refuses a second file with the same."""

    message_id: str
    made_at: datetime
    execute_on: date
    debtor: BankAccount
    orders: tuple[TransferOrder, ...]

    @property
    def total_fen(self) -> int:
        return sum(order.amount_fen for order in self.orders)


def account_number(text: str) -> str:
    """The digits of an account number as people type it, without blanks and hyphens between them."""
    return "".join(character for character in text.strip() if not character.isspace() and character not in "-‐–—")


def check_account(account: BankAccount, place: str = "") -> list[Problem]:
    """Everything wrong with an account, to be told at once. A company's account number carries no check digit."""
    problems = list(_text_problems(account.name, "name", place, LONGEST_NAME))
    number, code = account.number, account.bank_code
    if not (number.isascii() and number.isdigit() and len(number) in ACCOUNT_DIGITS):
        fix = f"{ACCOUNT_DIGITS.start} to {ACCOUNT_DIGITS.stop - 1} digits, as on the account's licence (开户许可证)"
        problems.append(Problem(f"{number!r:.40} is not an account number", fix, field=f"{place}number"))
    elif len(set(number)) == 1:
        problems.append(Problem("the account number is one digit repeated", "copy it again", field=f"{place}number"))
    if not (code.isascii() and code.isdigit() and len(code) == CNAPS_DIGITS):
        fix = f"{CNAPS_DIGITS} digits (联行号): ask the bank's branch"
        problems.append(Problem(f"{code!r:.40} is not a CNAPS bank code", fix, field=f"{place}bank_code"))
    if account.bank_name:
        problems += _text_problems(account.bank_name, "bank_name", place, LONGEST_NAME)
    return problems


def check_batch(batch: OrderBatch) -> list[Problem]:
    """Everything for which a bank, or the schema of pain.001, would refuse the batch."""
    problems = [*_identifier_problems(batch.message_id, "message_id"), *check_account(batch.debtor, "debtor.")]
    if not batch.orders:
        problems.append(Problem("a batch without orders", "make it when something is due", field="orders"))
    if batch.made_at.tzinfo is None:
        problems.append(Problem("the moment has no time zone", "give one", field="made_at"))
    if batch.total_fen > LARGEST_FEN:
        problems.append(Problem("the batch is larger than any bank books", "make several", field="orders"))
    seen: set[str] = set()
    for index, order in enumerate(batch.orders):
        place = f"orders[{index}]."
        problems += _identifier_problems(order.end_to_end_id, f"{place}end_to_end_id")
        problems += check_account(order.creditor, f"{place}creditor.")
        if order.end_to_end_id in seen:
            words = f"{order.end_to_end_id!r:.40} names two orders"
            problems.append(Problem(words, "one identifier an order", field=f"{place}end_to_end_id"))
        seen.add(order.end_to_end_id)
        if type(order.amount_fen) is not int or not 0 < order.amount_fen <= LARGEST_FEN:
            words = f"an amount of {order.amount_fen!r:.40} fen"
            problems.append(Problem(words, "a positive integer of fen", field=f"{place}amount_fen"))
        if order.remittance:
            problems += _text_problems(order.remittance, "remittance", place, LONGEST_NAME)
        if order.creditor.number == batch.debtor.number and order.creditor.bank_code == batch.debtor.bank_code:
            problems.append(Problem("an account pays itself", "name the payee's own", field=f"{place}creditor.number"))
    return problems


def _text_problems(text: str, field: str, place: str, longest: int) -> Iterator[Problem]:
    if not 0 < len(text) <= longest or text != text.strip():
        yield Problem(f"a text of {len(text)} characters", f"1 to {longest}, no blanks around it", field=place + field)
    if any(not character.isprintable() for character in text):
        yield Problem("a text holds control characters", "type it again", field=place + field)
    if text.startswith(RUNS_AS_FORMULA):
        yield Problem(f"{text!r:.40} would run as a formula", "leave out its first character", field=place + field)


def _identifier_problems(text: str, field: str) -> Iterator[Problem]:
    plain = all(c.isascii() and (c.isalnum() or c in IDENTIFIER_EXTRA) for c in text)
    if not (0 < len(text) <= LONGEST_IDENTIFIER and plain) or text.startswith("/") or "//" in text:
        fix = f"1 to {LONGEST_IDENTIFIER} letters, digits or hyphens"
        yield Problem(f"{text!r:.60} is no identifier for a bank", fix, field=field)

"""What is paid: a batch of transfer orders from one account, and what makes it fit to be sent to a bank."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from siwei.errors import Problem, Said
from siwei.market.bank.amounts import LARGEST_FEN, exact_yuan

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
        fix = Said(
            f"{ACCOUNT_DIGITS.start} to {ACCOUNT_DIGITS.stop - 1} digits, as on the account's licence (开户许可证)",
            f"{ACCOUNT_DIGITS.start} 至 {ACCOUNT_DIGITS.stop - 1} 位数字，见开户许可证",
        )
        problems.append(
            Problem(
                Said(f"{number!r:.40} is not an account number", f"{number!r:.40} 不是账号"),
                fix,
                field=f"{place}number",
            )
        )
    elif len(set(number)) == 1:
        problems.append(
            Problem(
                Said("the account number is one digit repeated", "账号是同一数字的重复"),
                Said("copy it again", "请重新抄写"),
                field=f"{place}number",
            )
        )
    if not (code.isascii() and code.isdigit() and len(code) == CNAPS_DIGITS):
        fix = Said(
            f"{CNAPS_DIGITS} digits (联行号): ask the bank's branch", f"联行号为 {CNAPS_DIGITS} 位数字：请询问开户行"
        )
        problems.append(
            Problem(
                Said(f"{code!r:.40} is not a CNAPS bank code", f"{code!r:.40} 不是联行号"),
                fix,
                field=f"{place}bank_code",
            )
        )
    if account.bank_name:
        problems += _text_problems(account.bank_name, "bank_name", place, LONGEST_NAME)
    return problems


def check_batch(batch: OrderBatch) -> list[Problem]:
    """Everything for which a bank, or the schema of pain.001, would refuse the batch."""
    problems = [*_identifier_problems(batch.message_id, "message_id"), *check_account(batch.debtor, "debtor.")]
    if not batch.orders:
        problems.append(
            Problem(
                Said("a batch without orders", "批次中没有付款指令"),
                Said("make it when something is due", "有应付款时再制作"),
                field="orders",
            )
        )
    if batch.made_at.tzinfo is None:
        problems.append(
            Problem(Said("the moment has no time zone", "时刻没有时区"), Said("give one", "请给出"), field="made_at")
        )
    if batch.total_fen > LARGEST_FEN:
        problems.append(
            Problem(
                Said("the batch is larger than any bank books", "批次金额超过银行所能记账"),
                Said("make several", "请分成几批"),
                field="orders",
            )
        )
    seen: set[str] = set()
    for index, order in enumerate(batch.orders):
        place = f"orders[{index}]."
        problems += _identifier_problems(order.end_to_end_id, f"{place}end_to_end_id")
        problems += check_account(order.creditor, f"{place}creditor.")
        if order.end_to_end_id in seen:
            words = Said(f"{order.end_to_end_id!r:.40} names two orders", f"{order.end_to_end_id!r:.40} 指两笔付款")
            problems.append(
                Problem(words, Said("one identifier an order", "一笔付款一个标识"), field=f"{place}end_to_end_id")
            )
        seen.add(order.end_to_end_id)
        if type(order.amount_fen) is not int or not 0 < order.amount_fen <= LARGEST_FEN:
            words = Said(f"an amount of {exact_yuan(order.amount_fen)}", f"金额 {exact_yuan(order.amount_fen)} 不成立")
            problems.append(
                Problem(words, Said("a positive integer of fen", "正整数，以分计"), field=f"{place}amount_fen")
            )
        if order.remittance:
            problems += _text_problems(order.remittance, "remittance", place, LONGEST_NAME)
        if order.creditor.number == batch.debtor.number and order.creditor.bank_code == batch.debtor.bank_code:
            problems.append(
                Problem(
                    Said("an account pays itself", "账户付给自己"),
                    Said("name the payee's own", "请写收款方自己的账户"),
                    field=f"{place}creditor.number",
                )
            )
    return problems


def _text_problems(text: str, field: str, place: str, longest: int) -> Iterator[Problem]:
    if not 0 < len(text) <= longest or text != text.strip():
        yield Problem(
            Said(f"a text of {len(text)} characters", f"文字有 {len(text)} 个字符"),
            Said(f"1 to {longest}, no blanks around it", f"1 至 {longest} 个，首尾无空格"),
            field=place + field,
        )
    if any(not character.isprintable() for character in text):
        yield Problem(
            Said("a text holds control characters", "文字中有控制字符"),
            Said("type it again", "请重新输入"),
            field=place + field,
        )
    if text.startswith(RUNS_AS_FORMULA):
        yield Problem(
            Said(f"{text!r:.40} would run as a formula", f"{text!r:.40} 会被当作公式执行"),
            Said("leave out its first character", "请去掉第一个字符"),
            field=place + field,
        )


def _identifier_problems(text: str, field: str) -> Iterator[Problem]:
    plain = all(c.isascii() and (c.isalnum() or c in IDENTIFIER_EXTRA) for c in text)
    if not (0 < len(text) <= LONGEST_IDENTIFIER and plain) or text.startswith("/") or "//" in text:
        fix = Said(
            f"1 to {LONGEST_IDENTIFIER} letters, digits or hyphens", f"1 至 {LONGEST_IDENTIFIER} 个字母、数字或连字符"
        )
        yield Problem(
            Said(f"{text!r:.60} is no identifier for a bank", f"{text!r:.60} 不能用作银行标识"), fix, field=field
        )

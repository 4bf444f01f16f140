"""Writing one transfer to the ledger; sets and batches are in `batches`.

Nothing here asks who may; the actions that call it have. Every write carries a key; the same key again is a look-up.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection
from django.db.models.base import ModelState
from django.utils import timezone

from siwei.errors import Conflict, InputError, InsufficientFunds, Problem, Said, SiweiError
from siwei.exchange.canonical import check_storable
from siwei.exchange.ledger.transfer_rows import COLUMNS, insert_row
from siwei.exchange.models import Account, Transfer, TransferKind
from siwei.exchange.models.ledger import AMOUNT_LIMIT
from siwei.exchange.state_words import word_zh

_JSON = json.JSONEncoder(ensure_ascii=False).encode
"""Made once: `json.dumps` would make it anew for every value."""
REFUSALS: dict[str, tuple[type[SiweiError], Said]] = {
    "account_not_overdrawn": (InsufficientFunds, Said("the account has less than that available", "账户可用余额不足")),
    "account_balance_bounded": (Conflict, Said("the account would pass its bound", "账户将超出其上限")),
    "hold_not_exceeded": (InsufficientFunds, Said("more than what remains of the hold", "超过冻结的余额")),
    # Of an account with no other hold the same is said of the account first.
    "account_held_not_negative": (InsufficientFunds, Said("more than what remains of the hold", "超过冻结的余额")),
    "ledger: hold expired": (
        Conflict,
        Said("the hold has expired; its remainder can only be released", "冻结已到期，余额只能解冻"),
    ),
    "ledger: hold already expired": (Conflict, Said("a hold must end after it begins", "冻结的结束须晚于开始")),
    "ledger: units differ": (Conflict, Said("the accounts keep another unit", "两个账户的单位不同")),
    "ledger: no such account": (Conflict, Said("an account is not there → open it first", "有账户不存在 → 请先开立")),
    "ledger: not a hold of these accounts": (
        Conflict,
        Said("that is not a hold between these accounts, or it came later", "那不是这两个账户之间的冻结，或时间更晚"),
    ),
    "ledger: not a reversal of that transfer": (
        Conflict,
        Said(
            "only a post or a capture is reversed, between its own accounts and not before it",
            "只有记账或入账可以冲正，须在原账户之间，且不早于它",
        ),
    ),
    "ledger: more than was transferred": (Conflict, Said("more than the transfer had moved", "超过该转账所转的数额")),
    "ledger: already reversed": (Conflict, Said("that transfer is reversed already", "该转账已冲正")),
    "ledger: that number lies in a sealed block": (
        Conflict,
        Said("its number lies in a block that was sealed meanwhile → try again", "其编号落入此间已封存的区块 → 请重试"),
    ),
    "ledger: refused": (
        Conflict,
        Said("the accounts changed at that very moment → try again", "账户恰在此时有变动 → 请重试"),
    ),
    "transfer_reversed_once": (Conflict, Said("that transfer is reversed already", "该转账已冲正")),
    "transfer_two_accounts": (Conflict, Said("an account cannot pay itself", "账户不能付给自己")),
    "transfer_amount_positive": (
        InputError,
        Said(f"an amount is an integer from 1 to {AMOUNT_LIMIT}", f"金额须为 1 至 {AMOUNT_LIMIT} 的整数"),
    ),
}
"""What the database says → the error and the words for it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer to be written. `amount` is in minor units; `hold` is the hold that is captured or released, `reverses`
    the post or capture that is taken back: a transfer, or an earlier entry of the same set."""

    kind: TransferKind
    debit: Account
    credit: Account
    amount: int
    hold: "Transfer | Entry | None" = None
    expires_at: datetime | None = None
    memo: str = ""
    causes: Mapping[str, Any] = field(default_factory=dict)
    reverses: "Transfer | Entry | None" = None


def of_hold(
    kind: TransferKind, placed: Transfer | Entry, amount: int, memo: str = "", causes: Mapping[str, Any] | None = None
) -> Entry:
    """The entry that captures or releases `amount` of a hold."""
    debit, credit = accounts_of(placed)
    return Entry(kind, debit, credit, amount, hold=placed, memo=memo, causes=causes or placed.causes)


def of_reversal(
    placed: Transfer | Entry, amount: int | None = None, memo: str = "", causes: Mapping[str, Any] | None = None
) -> Entry:
    """The entry that takes back a post or a capture, whole or `amount` of it."""
    debit, credit = accounts_of(placed)
    amount = placed.amount if amount is None else amount
    kind = TransferKind.REVERSE
    return Entry(kind, credit, debit, amount, memo=memo, causes=causes or placed.causes, reverses=placed)


def accounts_of(placed: Transfer | Entry) -> tuple[Account, Account]:
    if isinstance(placed, Entry):
        return placed.debit, placed.credit
    return placed.debit_account, placed.credit_account


def write_transfer(entry: Entry, *, key: str, now: datetime) -> Transfer:
    """Write one entry, or return the equal one already written under `key`. Asks nobody's permission.

    Raises `Conflict` (key used for something else, hold expired or finished, units differ) or `InsufficientFunds`.
    """
    check_entry(entry, key, now)
    if isinstance(entry.hold, Entry) or isinstance(entry.reverses, Entry):
        raise InputError(
            Said(
                "an entry of a set is written with its set → write_transfers",
                "一组中的分录须随整组写入 → write_transfers",
            )
        )
    try:
        number = insert_row(_row(entry, key, now))
    except IntegrityError as error:
        # A key used before is refused like anything else; whatever else is wrong, an equal transfer is the answer.
        earlier = Transfer.objects.filter(idempotency_key=key).first()
        if earlier is None:
            raise refusal(str(error), entry) from error
        return _same(earlier, entry)
    return as_written(number, entry, key, now)


def _row(entry: Entry, key: str, now: datetime) -> tuple[Any, ...]:
    """The entry as COLUMNS hold it, but for its number."""
    adapt = connection.ops.adapt_datetimefield_value
    hold, reverses = entry.hold, entry.reverses
    return (
        key,
        str(entry.kind),
        entry.debit.id,
        entry.credit.id,
        entry.amount,
        entry.debit.unit,
        hold.id if isinstance(hold, Transfer) else None,
        reverses.id if isinstance(reverses, Transfer) else None,
        adapt(entry.expires_at) if entry.expires_at else None,
        entry.memo,
        _JSON(dict(entry.causes)),
        adapt(now),
    )


def as_written(
    number: int,
    entry: Entry,
    key: str,
    now: datetime,
    *,
    hold: Transfer | None = None,
    reverses: Transfer | None = None,
) -> Transfer:
    hold = entry.hold if isinstance(entry.hold, Transfer) else hold
    reverses = entry.reverses if isinstance(entry.reverses, Transfer) else reverses
    # What `from_db` does, without a call for each column: it was a tenth of a transfer's cost here.
    written = Transfer.__new__(Transfer)
    written._state = ModelState()
    written._state.db, written._state.adding = "default", False
    values = (
        number, key, entry.kind, entry.debit.id, entry.credit.id, entry.amount, entry.debit.unit,
        hold.id if hold else None, reverses.id if reverses else None, entry.expires_at, entry.memo,
        dict(entry.causes), now,
    )  # fmt: skip
    written.__dict__.update(zip(COLUMNS, values, strict=True))
    written._state.fields_cache = {
        "debit_account": entry.debit, "credit_account": entry.credit, "hold": hold, "reverses": reverses
    }  # fmt: skip
    return written


def check_entry(entry: Entry, key: str, now: datetime, knows_causes: bool = False) -> None:
    """`InputError` with every problem of the entry as it was given; what the world refuses comes later.

    `knows_causes`: the same mapping was checked before.
    """
    amount, memo = entry.amount, entry.memo
    longest = LONGEST_HOLD_KEY if entry.kind == TransferKind.HOLD else LONGEST_KEY
    if (
        type(amount) is int
        and 0 < amount <= AMOUNT_LIMIT
        and 0 < len(key) <= longest
        and len(memo) <= LONGEST_MEMO
        and now.tzinfo is not None
        and (entry.expires_at is None or entry.expires_at.tzinfo is not None)
    ):
        check_storable(f"{key}{memo}", "transfer")
        if not knows_causes:
            check_storable(entry.causes, "transfer")
        return
    raise InputError(_problems(entry, key, now, longest))


LONGEST_KEY = LONGEST_MEMO = 200
LONGEST_HOLD_KEY = 190
"""A hold's key must still fit when its expiry is written as `expire:<key>`."""


def _problems(entry: Entry, key: str, now: datetime, longest: int) -> list[Problem]:
    problems = []
    if type(entry.amount) is not int or not 0 < entry.amount <= AMOUNT_LIMIT:
        fix = Said(
            f"give an integer from 1 to {AMOUNT_LIMIT} in minor units (fen for CNY)",
            f"请填 1 至 {AMOUNT_LIMIT} 的整数，以最小单位计（人民币为分）",
        )
        problems.append(
            Problem(Said(f"amount is {entry.amount!r}", f"金额为 {entry.amount!r}"), fix=fix, field="amount")
        )
    if not key or len(key) > longest:
        fix = Said(f"give 1 to {longest}", f"请给 1 至 {longest} 个")
        problems.append(
            Problem(
                Said(f"idempotency key has {len(key)} characters", f"幂等键有 {len(key)} 个字符"),
                fix=fix,
                field="idempotency_key",
            )
        )
    if len(entry.memo) > LONGEST_MEMO:
        problems.append(
            Problem(
                Said(f"memo has {len(entry.memo)} characters", f"附言有 {len(entry.memo)} 个字符"),
                fix=Said(f"give at most {LONGEST_MEMO}", f"不超过 {LONGEST_MEMO} 个"),
                field="memo",
            )
        )
    for name, moment in (("now", now), ("expires_at", entry.expires_at)):
        if moment is not None and moment.tzinfo is None:
            problems.append(
                Problem(
                    Said(f"{name} has no time zone", f"{name} 没有时区"),
                    fix=Said("give an aware datetime", "请给带时区的时刻"),
                    field=name,
                )
            )
    return problems


def _same(earlier: Transfer, entry: Entry) -> Transfer:
    hold = entry.hold.pk if isinstance(entry.hold, Transfer) else None
    reverses = entry.reverses.pk if isinstance(entry.reverses, Transfer) else None
    if not is_same(earlier, entry, hold, reverses):
        raise other_content(earlier)
    return earlier


def is_same(earlier: Transfer, entry: Entry, hold: int | None, reverses: int | None) -> bool:
    before = (earlier.kind, earlier.debit_account_id, earlier.credit_account_id, earlier.amount, earlier.expires_at)
    asked = (entry.kind, entry.debit.pk, entry.credit.pk, entry.amount, entry.expires_at)
    return (
        before == asked
        and (earlier.hold_id, earlier.reverses_id, earlier.memo) == (hold, reverses, entry.memo)
        # As JSON gives it back: a tuple came as a list.
        and earlier.causes == json.loads(json.dumps(dict(entry.causes)))
    )


def other_content(earlier: Transfer) -> Conflict:
    return Conflict(
        f"key {earlier.idempotency_key!r} was used on {timezone.localdate(earlier.at)} for a {earlier.kind} of "
        f"{earlier.amount} {earlier.unit} with other content → use a new key for a new transfer",
        f"键 {earlier.idempotency_key!r} 已于 {timezone.localdate(earlier.at)} 用于内容不同的 "
        f"{earlier.kind}（{earlier.amount} {earlier.unit}） → 新的转账请用新键",
    )


def refusal(said: str, entry: Entry) -> SiweiError:
    """The error for what the database (or `posting`) said of an entry."""
    amount = f"{entry.amount} {entry.debit.unit}"
    what = Said(
        f"{entry.kind} of {amount} from {entry.debit.code}", f"从 {entry.debit.code} {word_zh(entry.kind)} {amount} "
    )
    for sign, (error, words) in REFUSALS.items():
        if sign in said:
            return error(Said(f"{what} refused: {words}", f"{what.zh}被拒：{words.zh}"))
    return Conflict(
        f"{what} refused by the database: {said.splitlines()[0]}", f"{what.zh}被数据库拒绝：{said.splitlines()[0]}"
    )

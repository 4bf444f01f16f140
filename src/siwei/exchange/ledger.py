"""The ledger's actions: post, hold, capture, release, expire.

CNY entries are commitments, not cash: cash moves by payment orders outside the platform.
The public actions are the operator's. Other actions of this room (a signature, a settlement) write through
`write_transfer`, after they have asked who may.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from siwei.errors import Conflict, InputError, InsufficientFunds, NotFound, Problem
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.canonical import check_storable
from siwei.exchange.models import Account, Hold, Organisation, Transfer, TransferKind
from siwei.exchange.models.ledger import AMOUNT_LIMIT

CNY = "CNY"
REFUSALS = {
    "account_not_overdrawn": (InsufficientFunds, "the account has less than that available"),
    "account_balance_bounded": (Conflict, "the account would pass its bound"),
    "hold_not_exceeded": (InsufficientFunds, "more than what remains of the hold"),
    "ledger: hold expired": (Conflict, "the hold has expired; its remainder can only be released"),
    "ledger: hold already expired": (Conflict, "a hold must end after it begins"),
    "ledger: units differ": (Conflict, "the accounts keep another unit"),
    "ledger: not a hold of these accounts": (Conflict, "that is not a hold between these accounts, or it came later"),
    "transfer_two_accounts": (Conflict, "an account cannot pay itself"),
    "transfer_amount_positive": (InputError, f"an amount is an integer from 1 to {AMOUNT_LIMIT}"),
}
"""What the database says → the error and the words for it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer to be written. `amount` is in minor units; `hold` is the hold that is captured or released."""

    kind: TransferKind
    debit: Account
    credit: Account
    amount: int
    hold: Transfer | None = None
    expires_at: datetime | None = None
    memo: str = ""
    causes: Mapping[str, Any] = field(default_factory=dict)


def open_account(code: str, *, unit: str, purpose: str, owner: Organisation | None = None, floor: int = 0) -> Account:
    """The account of this code, made when it is not there; `Conflict` when it is there for something else."""
    account, _ = Account.objects.get_or_create(
        code=code, defaults={"unit": unit, "purpose": purpose, "owner": owner, "floor": floor}
    )
    if (account.unit, account.purpose, account.owner_id) != (unit, purpose, owner.pk if owner else None):
        raise Conflict(f"account {code} exists for {account.purpose} in {account.unit}, not for {purpose} in {unit}")
    return account


def change_floor(account: Account, floor: int) -> None:
    """How far below zero the account may go; refused where it is already lower."""
    try:
        with transaction.atomic():
            Account.objects.filter(pk=account.pk).update(floor=floor)
    except IntegrityError as error:
        raise _refusal(error, f"floor {floor} of {account.code}") from error
    account.refresh_from_db()


def write_transfer(entry: Entry, *, key: str, now: datetime) -> Transfer:
    """Write one entry, or return the equal one already written under `key`. Asks nobody's permission.

    Raises `Conflict` (key used for something else, hold expired or finished, units differ) or `InsufficientFunds`.
    """
    _check(entry, key, now)
    earlier = Transfer.objects.filter(idempotency_key=key).first()
    if earlier is not None:
        return _same(earlier, entry)
    try:
        with transaction.atomic():
            return Transfer.objects.create(
                idempotency_key=key,
                kind=entry.kind,
                debit_account=entry.debit,
                credit_account=entry.credit,
                amount=entry.amount,
                unit=entry.debit.unit,
                hold=entry.hold,
                expires_at=entry.expires_at,
                memo=entry.memo,
                causes=dict(entry.causes),
                at=now,
            )
    except IntegrityError as error:
        # Another writer may have used the key since we looked.
        earlier = Transfer.objects.filter(idempotency_key=key).first()
        if earlier is not None:
            return _same(earlier, entry)
        raise _refusal(error, f"{entry.kind} of {entry.amount} {entry.debit.unit} from {entry.debit.code}") from error


def post_transfer(
    debit_code: str,
    credit_code: str,
    amount: int,
    *,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    memo: str = "",
    causes: Mapping[str, Any] | None = None,
) -> Transfer:
    """Move `amount` from one account to the other at once."""
    require(can_operate(actor), actor, "post transfers")
    entry = Entry(
        TransferKind.POST, find_account(debit_code), find_account(credit_code), amount, memo=memo, causes=causes or {}
    )
    return write_transfer(entry, key=idempotency_key, now=now)


def hold(
    debit_code: str,
    credit_code: str,
    amount: int,
    *,
    expires_at: datetime,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    memo: str = "",
    causes: Mapping[str, Any] | None = None,
) -> Transfer:
    """Set `amount` aside on the debit account for the credit account, until `expires_at`."""
    require(can_operate(actor), actor, "place holds")
    entry = Entry(
        TransferKind.HOLD,
        find_account(debit_code),
        find_account(credit_code),
        amount,
        expires_at=expires_at,
        memo=memo,
        causes=causes or {},
    )
    return write_transfer(entry, key=idempotency_key, now=now)


def capture(
    hold_key: str,
    amount: int,
    *,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    memo: str = "",
    causes: Mapping[str, Any] | None = None,
) -> Transfer:
    """Move `amount` of a hold to its credit account; may be called several times while anything remains."""
    require(can_operate(actor), actor, "capture holds")
    return write_transfer(
        of_hold(TransferKind.CAPTURE, find_hold(hold_key), amount, memo, causes), key=idempotency_key, now=now
    )


def release(
    hold_key: str,
    amount: int,
    *,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    memo: str = "",
    causes: Mapping[str, Any] | None = None,
) -> Transfer:
    """Give `amount` of a hold back to its debit account."""
    require(can_operate(actor), actor, "release holds")
    return write_transfer(
        of_hold(TransferKind.RELEASE, find_hold(hold_key), amount, memo, causes), key=idempotency_key, now=now
    )


def expire_holds(*, actor: Actor, now: datetime) -> int:
    """Release what remains of every hold that has expired; returns how many. Running it again does nothing."""
    require(can_operate(actor), actor, "expire holds")
    expired = 0
    due = Hold.objects.filter(expires_at__lte=now, amount__gt=F("captured") + F("released"))
    for pk in list(due.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            # Locked (on PostgreSQL), or a capture or release in between would make the remainder wrong.
            progress = Hold.objects.select_for_update().get(pk=pk)
            if progress.remaining == 0:
                continue
            placed = Transfer.objects.select_related("debit_account", "credit_account").get(pk=pk)
            entry = of_hold(TransferKind.RELEASE, placed, progress.remaining, "expired", placed.causes)
            write_transfer(entry, key=f"expire:{placed.idempotency_key}", now=now)
            expired += 1
    return expired


def of_hold(
    kind: TransferKind, placed: Transfer, amount: int, memo: str = "", causes: Mapping[str, Any] | None = None
) -> Entry:
    """The entry that captures or releases `amount` of a hold."""
    return Entry(
        kind,
        placed.debit_account,
        placed.credit_account,
        amount,
        hold=placed,
        memo=memo,
        causes=causes or placed.causes,
    )


def find_account(code: str) -> Account:
    try:
        return Account.objects.get(code=code)
    except Account.DoesNotExist:
        raise NotFound(f"no account {code!r} → open it first") from None


def find_hold(key: str) -> Transfer:
    holds = Transfer.objects.select_related("debit_account", "credit_account").filter(kind=TransferKind.HOLD)
    try:
        return holds.get(idempotency_key=key)
    except Transfer.DoesNotExist:
        raise NotFound(f"no hold {key!r}") from None


def _check(entry: Entry, key: str, now: datetime) -> None:
    problems = []
    if type(entry.amount) is not int or not 0 < entry.amount <= AMOUNT_LIMIT:
        fix = f"give an integer from 1 to {AMOUNT_LIMIT} in minor units (fen for CNY)"
        problems.append(Problem(f"amount is {entry.amount!r}", fix=fix, field="amount"))
    # A hold's key must still fit when its expiry is written as `expire:<key>`.
    longest = 190 if entry.kind == TransferKind.HOLD else 200
    if not key or len(key) > longest:
        fix = f"give 1 to {longest}"
        problems.append(Problem(f"idempotency key has {len(key)} characters", fix=fix, field="idempotency_key"))
    if len(entry.memo) > 200:
        problems.append(Problem(f"memo has {len(entry.memo)} characters", fix="give at most 200", field="memo"))
    for name, moment in (("now", now), ("expires_at", entry.expires_at)):
        if moment is not None and moment.tzinfo is None:
            problems.append(Problem(f"{name} has no time zone", fix="give an aware datetime", field=name))
    if problems:
        raise InputError(problems)
    check_storable([key, entry.memo, entry.causes], "transfer")


def _same(earlier: Transfer, entry: Entry) -> Transfer:
    before = (
        earlier.kind,
        earlier.debit_account_id,
        earlier.credit_account_id,
        earlier.amount,
        earlier.hold_id,
        earlier.expires_at,
        earlier.memo,
        earlier.causes,
    )
    asked = (
        entry.kind,
        entry.debit.pk,
        entry.credit.pk,
        entry.amount,
        entry.hold.pk if entry.hold else None,
        entry.expires_at,
        entry.memo,
        dict(entry.causes),
    )
    if before != asked:
        raise Conflict(
            f"key {earlier.idempotency_key!r} was used on {earlier.at:%Y-%m-%d} for a {earlier.kind} of "
            f"{earlier.amount} {earlier.unit} with other content → use a new key for a new transfer"
        )
    return earlier


def _refusal(error: IntegrityError, what: str) -> Exception:
    said = str(error)
    for sign, (refusal, words) in REFUSALS.items():
        if sign in said:
            return refusal(f"{what} refused: {words}")
    return Conflict(f"{what} refused by the database: {said.splitlines()[0]}")

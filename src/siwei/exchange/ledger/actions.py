"""The ledger's actions: post, hold, capture, release, reverse, expire; one at a time, as linked sets, as batches.

CNY entries are commitments, not cash: cash moves by payment orders outside the platform.
The public actions are the operator's. Other actions of this room (a signature, a settlement) write through
`write_transfer` and `write_transfers`, after they have asked who may.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from siwei.errors import Conflict, InsufficientFunds, NotFound, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.ledger.batches import Chain, Outcome, write_batch, write_transfers
from siwei.exchange.ledger.transfers import Entry, of_hold, of_reversal, write_transfer
from siwei.exchange.ledger.units import CNY, check_unit
from siwei.exchange.models import Account, Hold, Organisation, Pseudonym, Transfer, TransferKind

__all__ = [
    "CNY",
    "Chain",
    "Entry",
    "Outcome",
    "capture",
    "change_floor",
    "expire_holds",
    "find_account",
    "find_hold",
    "find_transfer",
    "hold",
    "of_hold",
    "of_reversal",
    "open_account",
    "post_batch",
    "post_set",
    "post_transfer",
    "release",
    "reverse",
    "write_batch",
    "write_transfer",
    "write_transfers",
]


def open_account(
    code: str,
    *,
    unit: str,
    purpose: str,
    owner: Organisation | None = None,
    pseudonym: Pseudonym | None = None,
    floor: int = 0,
) -> Account:
    """The account of this code, made when it is not there; `Conflict` when it is there for something else."""
    check_unit(unit)
    account, _ = Account.objects.get_or_create(
        code=code,
        defaults={"unit": unit, "purpose": purpose, "owner": owner, "pseudonym": pseudonym, "floor": floor},
    )
    told = (unit, purpose, owner.pk if owner else None, pseudonym.pk if pseudonym else None)
    if (account.unit, account.purpose, account.owner_id, account.pseudonym_id) != told:
        raise Conflict(
            f"account {code} exists for {account.purpose} in {account.unit}, not for {purpose} in {unit}",
            f"账户 {code} 用于 {account.purpose}、以 {account.unit} 计，不是 {purpose}、{unit}",
        )
    return account


def change_floor(account: Account, floor: int) -> None:
    """How far below zero the account may go; refused where it is already lower."""
    try:
        with transaction.atomic():
            Account.objects.filter(pk=account.pk).update(floor=floor)
    except IntegrityError as error:
        if "account_not_overdrawn" in str(error):
            raise InsufficientFunds(
                f"floor {floor} of {account.code} refused: {account.code} stands lower already",
                f"{account.code} 的下限 {floor} 被拒：{account.code} 的余额已低于它",
            ) from error
        raise Conflict(
            f"floor {floor} of {account.code} refused: a floor is from -4·10¹⁸ to 0",
            f"{account.code} 的下限 {floor} 被拒：下限须在 -4·10¹⁸ 与 0 之间",
        ) from error
    account.refresh_from_db()


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
    require(can_operate(actor), actor, Said("post transfers", "记入转账"))
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
    require(can_operate(actor), actor, Said("place holds", "冻结款项"))
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
    require(can_operate(actor), actor, Said("capture holds", "将冻结入账"))
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
    require(can_operate(actor), actor, Said("release holds", "解冻"))
    return write_transfer(
        of_hold(TransferKind.RELEASE, find_hold(hold_key), amount, memo, causes), key=idempotency_key, now=now
    )


def reverse(
    transfer_key: str,
    amount: int | None = None,
    *,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    memo: str = "",
    causes: Mapping[str, Any] | None = None,
) -> Transfer:
    """Take back what a post or a capture moved, whole or `amount` of it, by a new entry; once for each.

    A hold whose capture is taken back stays captured: what came back is free on its debit account.
    """
    require(can_operate(actor), actor, Said("reverse transfers", "冲正转账"))
    entry = of_reversal(find_transfer(transfer_key), amount, memo, causes)
    return write_transfer(entry, key=idempotency_key, now=now)


def post_set(entries: Sequence[Entry], *, actor: Actor, now: datetime, idempotency_key: str) -> list[Transfer]:
    """Write linked entries, all or none; a later one may use what an earlier one brought."""
    require(can_operate(actor), actor, Said("post transfers", "记入转账"))
    return write_transfers(entries, key=idempotency_key, now=now)


def post_batch(chains: Sequence[Chain], *, actor: Actor, now: datetime) -> list[Outcome]:
    """Write each set that can be written; a bad one is told with its reason and the others go on."""
    require(can_operate(actor), actor, Said("post transfers", "记入转账"))
    return write_batch(chains, now=now)


def expire_holds(*, actor: Actor, now: datetime) -> int:
    """Release what remains of every hold that has expired; returns how many. Running it again does nothing.

    Nothing is locked before it is written: a transfer locks its accounts, then the hold, and so would be waited for the
    other way round. Where somebody was quicker the database refuses, and what remains is the next run's."""
    require(can_operate(actor), actor, Said("expire holds", "使冻结到期"))
    expired = 0
    due = Hold.objects.filter(expires_at__lte=now, amount__gt=F("captured") + F("released"))
    for pk in list(due.order_by("pk").values_list("pk", flat=True)):
        remaining = Hold.objects.get(pk=pk).remaining
        if remaining == 0:
            continue
        placed = Transfer.objects.select_related("debit_account", "credit_account").get(pk=pk)
        entry = of_hold(TransferKind.RELEASE, placed, remaining, "expired", placed.causes)
        try:
            write_transfer(entry, key=f"expire:{placed.idempotency_key}", now=now)
        except (Conflict, InsufficientFunds):
            if Hold.objects.get(pk=pk).remaining == remaining:
                raise
            continue
        expired += 1
    return expired


def find_account(code: str) -> Account:
    try:
        return Account.objects.get(code=code)
    except Account.DoesNotExist:
        raise NotFound(f"no account {code!r} → open it first", f"没有账户 {code!r} → 请先开立") from None


def find_transfer(key: str) -> Transfer:
    try:
        return Transfer.objects.select_related("debit_account", "credit_account").get(idempotency_key=key)
    except Transfer.DoesNotExist:
        raise NotFound(f"no transfer {key!r}", f"没有转账 {key!r}") from None


def find_hold(key: str) -> Transfer:
    holds = Transfer.objects.select_related("debit_account", "credit_account").filter(kind=TransferKind.HOLD)
    try:
        return holds.get(idempotency_key=key)
    except Transfer.DoesNotExist:
        raise NotFound(f"no hold {key!r}", f"没有冻结 {key!r}") from None

"""The ledger's rules over plain numbers: would this entry be taken, and what would stand afterwards?

Pure. A batch plays its entries here first, on the accounts it has locked, so that a bad one is told from the good ones
around it. The database holds the same rules once more (`migrations/sql/guards_*.sql`) and has the last word.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from siwei.exchange.models.ledger import BALANCE_LIMIT, TransferKind

POST, HOLD, CAPTURE, RELEASE, REVERSE = (
    TransferKind(name) for name in ("post", "hold", "capture", "release", "reverse")
)
MOVING = frozenset({POST, CAPTURE, REVERSE})
"""Kinds that move a balance; the others only set aside or free."""


@dataclass(slots=True)
class Standing:
    """An account as it stands."""

    unit: str
    floor: int
    balance: int
    held: int


@dataclass(slots=True)
class Placed:
    """An earlier transfer that a later one may capture, release or reverse; `remaining` of a hold."""

    kind: TransferKind
    debit: int
    credit: int
    amount: int
    at: datetime
    expires_at: datetime | None = None
    remaining: int = 0
    is_reversed: bool = False


class Row(NamedTuple):
    """A transfer as it would be written; `earlier` is the hold or the transfer reversed, by its number."""

    number: int
    kind: TransferKind
    debit: int
    credit: int
    amount: int
    unit: str
    at: datetime
    earlier: int | None = None
    expires_at: datetime | None = None


@dataclass(slots=True)
class Book:
    """Accounts by id, and earlier transfers by number, as far as a batch touches them."""

    accounts: dict[int, Standing] = field(default_factory=dict)
    placed: dict[int, Placed] = field(default_factory=dict)

    def post(self, row: Row) -> str | None:
        """Apply the row; or leave everything as it was and say, in the database's words, why it is refused."""
        refusal = self._shape(row) or self._funds(row)
        if refusal is None:
            self._apply(row, 1)
            if row.kind is not RELEASE and row.kind is not REVERSE:
                self.placed[row.number] = Placed(
                    row.kind, row.debit, row.credit, row.amount, row.at, row.expires_at, row.amount
                )
        return refusal

    def undo(self, row: Row) -> None:
        """Take back the row that was applied last."""
        self._apply(row, -1)
        self.placed.pop(row.number, None)

    def _shape(self, row: Row) -> str | None:
        debit, credit = self.accounts.get(row.debit), self.accounts.get(row.credit)
        if debit is None or credit is None:
            return "ledger: no such account"
        if row.debit == row.credit:
            return "transfer_two_accounts"
        if not debit.unit == credit.unit == row.unit:
            return "ledger: units differ"
        if row.kind is HOLD and (row.expires_at is None or row.expires_at <= row.at):
            return "ledger: hold already expired"
        if row.kind is CAPTURE or row.kind is RELEASE:
            return self._of_hold(row)
        return self._reversal(row) if row.kind is REVERSE else None

    def _of_hold(self, row: Row) -> str | None:
        hold = self.placed.get(row.earlier or 0)
        if hold is None or hold.kind is not HOLD or (hold.debit, hold.credit) != (row.debit, row.credit):
            return "ledger: not a hold of these accounts"
        if hold.at > row.at:
            return "ledger: not a hold of these accounts"
        if row.kind is CAPTURE and hold.expires_at is not None and hold.expires_at <= row.at:
            return "ledger: hold expired"
        return "hold_not_exceeded" if row.amount > hold.remaining else None

    def _reversal(self, row: Row) -> str | None:
        placed = self.placed.get(row.earlier or 0)
        if placed is None or placed.kind not in (POST, CAPTURE) or placed.at > row.at:
            return "ledger: not a reversal of that transfer"
        if (placed.credit, placed.debit) != (row.debit, row.credit):
            return "ledger: not a reversal of that transfer"
        if row.amount > placed.amount:
            return "ledger: more than was transferred"
        return "transfer_reversed_once" if placed.is_reversed else None

    def _funds(self, row: Row) -> str | None:
        debit, credit = self.accounts[row.debit], self.accounts[row.credit]
        is_new = row.kind is not CAPTURE and row.kind is not RELEASE
        if is_new and debit.balance - debit.held - debit.floor < row.amount:
            return "account_not_overdrawn"
        if row.kind in MOVING and not (
            credit.balance + row.amount <= BALANCE_LIMIT and debit.balance - row.amount >= -BALANCE_LIMIT
        ):
            return "account_balance_bounded"
        return None

    def _apply(self, row: Row, sign: int) -> None:
        debit, amount = self.accounts[row.debit], row.amount * sign
        if row.kind in MOVING:
            debit.balance -= amount
            self.accounts[row.credit].balance += amount
        if row.kind is HOLD:
            debit.held += amount
        elif row.kind is REVERSE:
            self.placed[row.earlier or 0].is_reversed = sign > 0
        elif row.kind is not POST:
            debit.held -= amount
            self.placed[row.earlier or 0].remaining -= amount

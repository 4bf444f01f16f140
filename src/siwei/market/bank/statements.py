"""What a bank says was booked: entries, and what of its file could not be read, each with its place and reason."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from siwei.market.bank.amounts import exact_yuan

LIMIT_BYTES = 8 * 1024 * 1024
LIMIT_ENTRIES = 100_000


class Direction(StrEnum):
    OUT = "out"
    IN = "in"


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """`row` is the line of a CSV file, or the number of the entry in a camt.053. `reference` is the bank's own where it
    gives one, else made of the contents. `amount_fen` is positive; `direction` says which way it went."""

    row: int
    reference: str
    booked_on: date
    direction: Direction
    amount_fen: int
    name: str = ""
    account: str = ""
    end_to_end_id: str = ""
    remittance: str = ""

    @property
    def contents(self) -> tuple[str, ...]:
        """All but where it stood."""
        return (
            self.booked_on.isoformat(), self.direction, str(self.amount_fen), self.name, self.account,
            self.end_to_end_id, self.remittance,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BankReject:
    """What was not taken; `record` is as much of it as could be read."""

    row: int
    reason: str
    record: str = ""


@dataclass(frozen=True, slots=True)
class BankStatement:
    """`is_whole` is false where the file ends in the middle: what came before is here all the same."""

    account: str
    entries: tuple[StatementEntry, ...]
    rejects: tuple[BankReject, ...]
    is_whole: bool = True
    balances: dict[str, int] = field(default_factory=dict)
    """In fen, by `opening` and `closing`, where the file says so."""


def with_references(entries: Sequence[StatementEntry]) -> tuple[list[StatementEntry], list[BankReject]]:
    """Every entry with a reference of its own. Where the bank gave none it is made of the contents and of how often
    the same stood there before: the same file gives the same ones. One used twice is a reject from the second on."""
    taken: list[StatementEntry] = []
    rejects: list[BankReject] = []
    first: dict[str, StatementEntry] = {}
    times: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        if not entry.reference:
            times[entry.contents] += 1
            text = "\n".join((*entry.contents, str(times[entry.contents])))
            entry = replace(entry, reference="sha-" + hashlib.sha256(text.encode()).hexdigest()[:28])
        earlier = first.get(entry.reference)
        if earlier is not None:
            same = "the same entry" if earlier.contents == entry.contents else "another entry"
            reason = f"reference {entry.reference} is in row {earlier.row} already, of {same}"
            rejects.append(BankReject(entry.row, reason, " · ".join(entry.contents)))
            continue
        first[entry.reference] = entry
        taken.append(entry)
    return taken, rejects


def balance_fault(balances: dict[str, int], entries: Sequence[StatementEntry]) -> str:
    """In words, where opening balance and entries do not come to the closing balance; empty where they do or where the
    file does not say."""
    if not {"opening", "closing"} <= balances.keys():
        return ""
    moved = sum(each.amount_fen if each.direction == Direction.IN else -each.amount_fen for each in entries)
    missing = balances["closing"] - balances["opening"] - moved
    return f"opening balance and entries miss the closing balance by {exact_yuan(missing)}" if missing else ""

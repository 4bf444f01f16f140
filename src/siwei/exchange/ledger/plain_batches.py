"""A batch in which nothing looks wrong, written by one statement: nothing is read before, the database alone judges.

Most batches are right. Reading accounts and keys, and playing the entries first (`batches`), is what tells the bad
chain of a batch that the database refused from the good ones; both ways keep the same rules, which are the database's.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from siwei.errors import InputError
from siwei.exchange.canonical import UNSTORABLE, check_storable
from siwei.exchange.ledger.chains import (
    LONGEST_SET,
    SPECIAL,
    Chain,
    Line,
    Moments,
    Outcome,
    absent,
    draw_numbers,
    insert,
    number_of,
)
from siwei.exchange.ledger.transfers import LONGEST_HOLD_KEY, LONGEST_MEMO
from siwei.exchange.models import TransferKind
from siwei.exchange.models.ledger import AMOUNT_LIMIT

NOT_PLAIN = re.compile(f"{SPECIAL.pattern}|{UNSTORABLE.pattern}")
LONGEST_PLAIN_KEY = LONGEST_HOLD_KEY - len(f"#{LONGEST_SET}")
REVERSE = TransferKind.REVERSE


def write_plain(chains: Sequence[Chain], now: datetime) -> list[Outcome] | None:
    """Write all of it, in the present transaction. None, with nothing written, where it must be looked at closer: a
    text or an amount that may be none, a key used before in another shape, a key twice. An IntegrityError of the
    database's says as much; the transaction is then the caller's to take back."""
    keys = [chain.key for chain in chains]
    if not keys or not all(keys) or len(set(keys)) < len(keys) or now.tzinfo is None:
        return None
    if len(max(keys, key=len)) > LONGEST_PLAIN_KEY or NOT_PLAIN.search("".join(keys)):
        return None
    # A key's other shape: what was written alone is no set, what was written as a set is nothing alone.
    others = [chain.key if len(chain.entries) > 1 else f"{chain.key}#1" for chain in chains]
    numbers = draw_numbers(sum(len(chain.entries) for chain in chains), others)
    if numbers is None:
        return None
    rows = _Rows(now, iter(numbers))
    outcomes = []
    for chain in chains:
        written = rows.add(chain)
        if written is None:
            return None
        outcomes.append(Outcome(chain.key, written))
    if not rows.are_plain():
        return None
    insert(rows.lines, are_plain=True)
    return outcomes


class _Rows:
    """The rows of a batch, as they gather."""

    def __init__(self, now: datetime, numbers: Iterator[int]) -> None:
        self.lines: list[Line] = []
        self.numbers = numbers
        self.moments = Moments()
        self.at = self.moments[now]
        self.absent = absent()
        self.causes: dict[int, str] = {}
        self.texts: set[str] = set()

    def add(self, chain: Chain) -> tuple[int, ...] | None:
        """The numbers of the chain's rows; None where an entry is not plainly right."""
        absent, ids = self.absent, dict[int, int]()
        if not 0 < len(chain.entries) <= LONGEST_SET:
            return None
        for entry, key in zip(chain.entries, chain.keys(), strict=True):
            amount, debit, until = entry.amount, entry.debit, entry.expires_at
            if (
                type(amount) is not int
                or not 0 < amount <= AMOUNT_LIMIT
                or (until is not None and until.tzinfo is None)
            ):
                return None
            causes = self.causes.get(id(entry.causes)) or self._write_causes(entry.causes)
            if causes is None:
                return None
            hold = reverses = absent
            if entry.hold is not None or entry.reverses is not None:
                earlier: Any = number_of(entry.hold if entry.hold is not None else entry.reverses, ids)
                hold, reverses = (absent, earlier) if entry.kind is REVERSE else (earlier, absent)
            number = ids[id(entry)] = next(self.numbers)
            self.texts.add(debit.unit)
            self.texts.add(entry.memo)
            self.lines.append((
                number, key, entry.kind._value_, debit.id, entry.credit.id, amount, debit.unit, hold, reverses,
                absent if until is None else self.moments[until], entry.memo, causes, self.at,
            ))  # fmt: skip
        # The same entry twice in a set has but one place here.
        return tuple(ids.values()) if len(ids) == len(chain.entries) else None

    def _write_causes(self, causes: Mapping[str, Any]) -> str | None:
        # Entries of one cause share one mapping more often than not.
        try:
            check_storable(causes)
        except InputError:
            return None
        text = self.causes[id(causes)] = json.dumps(dict(causes), ensure_ascii=False)
        self.texts.add(text)
        return text

    def are_plain(self) -> bool:
        return max(
            map(len, self.texts - set(self.causes.values())), default=0
        ) <= LONGEST_MEMO and not NOT_PLAIN.search("".join(self.texts))

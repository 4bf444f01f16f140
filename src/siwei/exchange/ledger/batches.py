"""Linked sets of transfers (all or nothing) and batches of them (each set for itself, the good ones go on).

A batch is first written as it is (`plain_batches`). Where the database refuses any of it, it is played: it locks the
accounts it touches in order of id, looks its keys up, plays its entries on plain numbers (`posting`) to tell
the bad from the good, and writes the good ones with one statement. The database checks that statement again.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction

from siwei.errors import Conflict, InputError, Problem, Said
from siwei.exchange.ledger.chains import (
    LONGEST_SET,
    Chain,
    Line,
    Moments,
    Outcome,
    absent,
    draw_numbers,
    insert,
    number_of,
    parts,
    select,
)
from siwei.exchange.ledger.plain_batches import write_plain
from siwei.exchange.ledger.posting import Book, Placed, Row, Standing
from siwei.exchange.ledger.transfers import Entry, as_written, check_entry, is_same, other_content, refusal
from siwei.exchange.models import Transfer, TransferKind

__all__ = ["Chain", "Outcome", "write_batch", "write_transfers"]

TRIES = 3


def write_transfers(entries: Sequence[Entry], *, key: str, now: datetime) -> list[Transfer]:
    """Write all entries or none. The same key with the same entries answers the first result again.

    Raises what the first entry refused raises: `InputError`, `Conflict`, `InsufficientFunds`.
    """
    chain = Chain(key, tuple(entries))
    outcome = write_batch([chain], now=now)[0]
    if outcome.refusal is not None:
        raise outcome.refusal
    written: dict[int, Transfer] = {}
    for number, entry, name in zip(outcome.transfer_ids, chain.entries, chain.keys(), strict=True):
        hold = written.get(id(entry.hold)) if isinstance(entry.hold, Entry) else None
        reverses = written.get(id(entry.reverses)) if isinstance(entry.reverses, Entry) else None
        written[id(entry)] = as_written(number, entry, name, now, hold=hold, reverses=reverses)
    return list(written.values())


def write_batch(chains: Sequence[Chain], *, now: datetime) -> list[Outcome]:
    """Write every chain that can be written; one outcome a chain, in their order.

    Chains are taken in order, so a later one may use what an earlier one brought. Everything is one transaction: killed
    in between, nothing of it stands, and the same batch again answers for each chain what it would have.
    """
    try:
        with transaction.atomic():
            written = write_plain(chains, now)
        if written is not None:
            return written
    except (IntegrityError, OperationalError):
        pass  # somewhere in it something is wrong: what, is told by playing it
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                return _Batch(chains, now).write()
        except (IntegrityError, OperationalError) as error:
            # Another writer used one of the keys in the moment between, or two batches waited for each other.
            if attempt == TRIES:
                words = str(error).splitlines()[0]
                raise Conflict(
                    f"a batch of {len(chains)} lost against another writer ({words}) → try again",
                    f"一批 {len(chains)} 条与他人同时写入而未成功（{words}） → 请重试",
                ) from error
    raise AssertionError("unreachable")


class _Batch:
    """One attempt at one batch, inside a transaction."""

    def __init__(self, chains: Sequence[Chain], now: datetime) -> None:
        self.chains, self.now = chains, now
        self.outcomes: dict[str, tuple[Chain, Outcome]] = {}
        self.keys: set[str] = set()
        self.lines: list[Line] = []
        self.texts: dict[int, str] = {}
        self.moments, self.absent = Moments(), absent()

    def write(self) -> list[Outcome]:
        self.checked: set[int] = set()
        problems = [self._problem(chain) for chain in self.chains]
        good = [chain for chain, problem in zip(self.chains, problems, strict=True) if problem is None]
        entries = [entry for chain in good for entry in chain.entries]
        # First, for the lock that keeps seals away is taken with them.
        self.next = iter(draw_numbers(len(entries)) or ())
        self.book = Book(_lock_accounts(entries), _load_placed(entries))
        self.earlier = _load_earlier(good)
        answers = [
            Outcome(chain.key, refusal=problem) if problem is not None else self._take(chain)
            for chain, problem in zip(self.chains, problems, strict=True)
        ]
        insert(self.lines)
        return answers

    def _problem(self, chain: Chain) -> InputError | None:
        size = len(chain.entries)
        if not 0 < size <= LONGEST_SET:
            return InputError(
                [
                    Problem(
                        Said(f"a set of {size}", f"一组有 {size} 条"),
                        fix=Said(f"give 1 to {LONGEST_SET}", f"请给 1 至 {LONGEST_SET} 条"),
                        field="entries",
                    )
                ]
            )
        if len({id(entry) for entry in chain.entries}) < size:
            return InputError(
                [
                    Problem(
                        Said("the same entry twice in a set", "同一条分录在一组中出现两次"),
                        fix=Said("make it anew", "请重新生成"),
                        field="entries",
                    )
                ]
            )
        try:
            for entry, name in zip(chain.entries, chain.keys(), strict=True):
                check_entry(entry, name, self.now, id(entry.causes) in self.checked)
                self.checked.add(id(entry.causes))
        except InputError as error:
            return error
        return None

    def _take(self, chain: Chain) -> Outcome:
        if chain.key in self.outcomes:
            before, outcome = self.outcomes[chain.key]
            if before.entries == chain.entries:
                return outcome
            return Outcome(
                chain.key,
                refusal=Conflict(
                    f"key {chain.key!r} is twice in the batch with other content",
                    f"键 {chain.key!r} 在同一批中出现两次而内容不同",
                ),
            )
        outcome = self._repeat(chain) or self._post(chain)
        self.outcomes[chain.key] = (chain, outcome)
        return outcome

    def _repeat(self, chain: Chain) -> Outcome | None:
        """The outcome of before, where the key was used before."""
        if not self.earlier:
            return None
        found = [self.earlier.get(name) for name in (*chain.keys(), chain.key, f"{chain.key}#1")]
        if not any(found):
            return None
        size = len(chain.entries)
        ids: dict[int, int] = {}
        beyond = self.earlier.get(f"{chain.key}#{size + 1}" if size > 1 else f"{chain.key}#1")
        for entry, transfer in zip(chain.entries, found[:size], strict=True):
            hold, reverses = (number_of(each, ids) for each in (entry.hold, entry.reverses))
            if beyond is not None or transfer is None or not is_same(transfer, entry, hold, reverses):
                return Outcome(chain.key, refusal=other_content(next(each for each in found if each is not None)))
            ids[id(entry)] = transfer.pk
        return Outcome(chain.key, tuple(ids.values()))

    def _post(self, chain: Chain) -> Outcome:
        rows: list[Row] = []
        ids: dict[int, int] = {}
        names = chain.keys()
        said = None if self.keys.isdisjoint(names) else "a key of it is in the batch already"
        for place, entry in enumerate(chain.entries):
            number = next(self.next)
            earlier = number_of(entry.hold if entry.hold is not None else entry.reverses, ids)
            row = Row(
                number, TransferKind(entry.kind), entry.debit.id, entry.credit.id, entry.amount, entry.debit.unit,
                self.now, earlier, entry.expires_at,
            )  # fmt: skip
            said = said or self.book.post(row)
            if said is not None:
                for taken in reversed(rows):
                    self.book.undo(taken)
                return Outcome(chain.key, refusal=refusal(said, entry), refused_entry=place)
            rows.append(row)
            ids[id(entry)] = number
        self.keys.update(names)
        self.lines.extend(self._line(*each) for each in zip(rows, chain.entries, names, strict=True))
        return Outcome(chain.key, tuple(ids.values()))

    def _line(self, row: Row, entry: Entry, name: str) -> Line:
        # Entries of one cause share one mapping more often than not.
        causes = self.texts.get(id(entry.causes))
        if causes is None:
            causes = self.texts[id(entry.causes)] = json.dumps(dict(entry.causes), ensure_ascii=False)
        earlier: Any = self.absent if row.earlier is None else row.earlier
        hold, reverses = (self.absent, earlier) if row.kind is TransferKind.REVERSE else (earlier, self.absent)
        until = self.absent if row.expires_at is None else self.moments[row.expires_at]
        return (
            row.number, name, row.kind._value_, row.debit, row.credit, row.amount, row.unit, hold, reverses,
            until, entry.memo, causes, self.moments[row.at],
        )  # fmt: skip


def _lock_accounts(entries: Sequence[Entry]) -> dict[int, Standing]:
    ids = {entry.debit.pk for entry in entries} | {entry.credit.pk for entry in entries}
    # In order of id, as the triggers lock them: two batches never wait for each other.
    lock = "ORDER BY id FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""
    rows = select("SELECT id, unit, floor, balance, held FROM exchange_account WHERE id", ids, lock)
    return {pk: Standing(unit, floor, balance, held) for pk, unit, floor, balance, held in rows}


def _load_placed(entries: Sequence[Entry]) -> dict[int, Placed]:
    """Holds and transfers to be reversed that stand already. Under the accounts' locks nobody else changes them."""
    given = [each for entry in entries for each in (entry.hold, entry.reverses) if isinstance(each, Transfer)]
    ids = {each.pk for each in given}
    progress = "SELECT transfer_id, amount - captured - released FROM exchange_hold WHERE transfer_id"
    remaining: dict[int, int] = dict(select(progress, ids))
    reversed_before = {row[0] for row in select("SELECT reverses_id FROM exchange_transfer WHERE reverses_id", ids)}
    return {
        placed.pk: Placed(
            TransferKind(placed.kind),
            placed.debit_account_id,
            placed.credit_account_id,
            placed.amount,
            placed.at,
            placed.expires_at,
            remaining.get(placed.pk, 0),
            placed.pk in reversed_before,
        )
        for placed in given
    }


def _load_earlier(chains: Sequence[Chain]) -> dict[str, Transfer]:
    """Transfers under keys of these chains: few look-ups for new ones, everything where a first key is known."""
    first = {name for chain in chains for name in (chain.key, f"{chain.key}#1")}
    known = {row[0] for row in select("SELECT idempotency_key FROM exchange_transfer WHERE idempotency_key", first)}
    if not known:
        return {}
    whole: set[str] = set()
    for chain in chains:
        if chain.key in known or f"{chain.key}#1" in known:
            whole.update(chain.keys(), (chain.key, f"{chain.key}#1", f"{chain.key}#{len(chain.entries) + 1}"))
    return {
        transfer.idempotency_key: transfer
        for part in parts(whole)
        for transfer in Transfer.objects.filter(idempotency_key__in=part)
    }

"""Seals: events, transfers, accounts and whom events concern, hashed in blocks; and copies of the blocks' heads.

Each block is over the one before. Whoever owns the database can rewrite rows and seals alike. A copy of the heads
somewhere else is what shows it.
"""

import fcntl
import hashlib
import json
import os
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

from django.db import OperationalError, connection, transaction

from siwei.errors import Conflict, EnvironmentMissing, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action
from siwei.exchange.canonical import canonical_json
from siwei.exchange.ledger.findings import Finding
from siwei.exchange.ledger.sealed_rows import Part, SealedRows
from siwei.exchange.models import Account, Event, Seal, Transfer

NEVER_CHANGES = ("id", "code", "unit", "purpose", "owner_id")
"""What is sealed of an account; its balance is proven by its entries."""
HEADS_FILE = "block-heads.jsonl"
LONGEST_HEAD = 4_096
LATER_IN_HEADS = ("concerned", "last_concerned_id")
"""Younger than the first heads, told only by a block that covers some: older copies stay what is told today."""
HEAD = (
    "number", "previous_sha256", "sha256", "events", "transfers", "accounts", "last_event_id", "last_transfer_id",
    "last_account_id", *LATER_IN_HEADS,
)  # fmt: skip
LOCK_WAIT_MS, LOCK_PAUSE_S, LOCK_TRIES = 200, 0.05, 50
LOCK_NOT_AVAILABLE = "55P03"
SEALED = (
    ("events", "last_event_id"), ("transfers", "last_transfer_id"), ("accounts", "last_account_id"),
    ("concerned", "last_concerned_id"),
)  # fmt: skip
"""How many rows of each table a block holds, and where it ends; in the order of `_rows_after`."""


@action
def seal(*, actor: Actor, now: datetime) -> Seal | None:
    """Hash what is new since the last seal into a block; None where no event and no transfer is.

    Run off the hot path; keep the block heads elsewhere too, or nobody can tell that all of them were rewritten.
    """
    require(can_operate(actor), actor, Said("seal the audit trail", "封存审计记录"))
    _wait_for_writers()
    last = Seal.objects.order_by("-number").first()
    with ExitStack() as opened:
        block = _hash_block(last, [opened.enter_context(rows).until(None) for rows in _rows_after(last)])
    if block["events"] == block["transfers"] == 0:
        return None
    return Seal.objects.create(number=last.number + 1 if last else 1, at=now, **block)


def verify_seals() -> Iterator[Finding]:
    """Every seal that no longer fits what it covers; nothing when all is well. One pass over the rows."""
    previous: Seal | None = None
    with ExitStack() as opened:
        tables = [opened.enter_context(rows) for rows in _rows_after(None)]
        for current in Seal.objects.order_by("number").iterator(chunk_size=2_000):
            taken = [rows.until(getattr(current, last)) for rows, (_, last) in zip(tables, SEALED, strict=True)]
            block = _hash_block(previous, taken)
            if current.number != (previous.number + 1 if previous else 1):
                yield Finding("seal", str(current.number), "seal_before_missing")
            for name, value in block.items():
                if value != (sealed := getattr(current, name)):
                    values = {"name": name, "stands": value, "due": sealed}
                    yield Finding("seal", str(current.number), "seal_differs", values)
            previous = current


def verify_concerned() -> Iterator[Finding]:
    """Rows that say an event concerned somebody, and stand in a later block than their event: added afterwards."""
    covering = Seal.objects.filter(last_concerned_id__gt=0).order_by("number")
    blocks = list(covering.values_list("last_concerned_id", "last_event_id"))
    if not blocks:
        return
    ends = [last for last, _ in blocks]
    # The first block that covers any covers all there were, of whatever age their events.
    later = Event.organisations.through.objects.filter(pk__gt=ends[0]).order_by("pk")
    for row, event in later.values_list("pk", "event_id").iterator(chunk_size=2_000):
        if event <= blocks[bisect_left(ends, row) - 1][1]:
            yield Finding("event", str(event), "concerned_late", {"row": row})


def heads(after: int = 0) -> Iterator[dict[str, Any]]:
    """Heads of the blocks after that one, in order, as exported."""
    rows = Seal.objects.filter(number__gt=after).order_by("number").values(*HEAD, "at")
    for row in rows.iterator(chunk_size=2_000):
        yield json.loads(canonical_json(_as_told(row)))


def _as_told(head: Mapping[str, Any]) -> dict[str, Any]:
    covers = head.get("last_concerned_id", 0) != 0
    return {name: value for name, value in head.items() if covers or name not in LATER_IN_HEADS}


def export_heads(target: Path) -> int:
    """Append to `target` the heads it does not have yet, one JSON object a line; returns how many.

    A line that a crash left half written is completed. Raises Conflict where the file's last head is not the
    database's (nothing is written then), InputError where it is no such file, EnvironmentMissing where it cannot be
    written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            last, half = _ending(file, target)
            known = [canonical_json(head) for head in heads(last["number"] - 1 if last else 0)]
            if last is not None and (not known or known.pop(0) != canonical_json(last)):
                raise _disagree(target, f"head {last['number']}")
            text = "".join(line + "\n" for line in known).encode()
            if not text.startswith(half):
                raise _disagree(target, "the line it ends with")
            file.write(text[len(half) :])
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise EnvironmentMissing(
            f"block heads cannot be written to {target}: {error.strerror}", f"块头无法写入 {target}：{error.strerror}"
        ) from error
    return len(known)


def _ending(file: BinaryIO, target: Path) -> tuple[dict[str, Any] | None, bytes]:
    """The last whole head in the file, and what of a line comes after it."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST_HEAD))
    whole, _, half = file.read().rpartition(b"\n")
    last = whole.rpartition(b"\n")[2]
    return (_head_of(last, target, None) if last else None), half


def _head_of(line: bytes | str, source: Path, number: int | None) -> dict[str, Any]:
    try:
        head = json.loads(line)
    except ValueError:
        head = None
    early = {*HEAD, "at"}.difference(LATER_IN_HEADS)
    known = isinstance(head, dict) and set(head) in (early, early.union(LATER_IN_HEADS))
    if not known or type(head["number"]) is not int:
        raise InputError(
            [
                Problem(
                    Said("not the head of a block", "不是块头"),
                    Said("take a copy of the file", "请用该文件的副本"),
                    str(source),
                    number,
                )
            ]
        )
    return _as_told(head)


def _disagree(target: Path, where: str) -> Conflict:
    return Conflict(
        f"{target} and the database disagree in {where} → siwei ledger verify --heads {target}",
        f"{target} 与数据库在 {where} 处不一致 → siwei ledger verify --heads {target}",
    )


def read_heads(source: Path) -> list[dict[str, Any]]:
    """Heads from an exported file. InputError where a line is none; a last one without its end is left out."""
    try:
        lines = source.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise NotFound(
            f"no file {source} → siwei ledger heads --out {source}",
            f"没有文件 {source} → siwei ledger heads --out {source}",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            [
                Problem(
                    Said(f"cannot be read: {error}", f"无法读取：{error}"),
                    Said("give a file of exported heads", "请给出导出的块头文件"),
                    str(source),
                )
            ]
        ) from None
    problems: list[Problem] = []
    told: list[dict[str, Any]] = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            told.append(_head_of(line, source, number))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems[:20])
    return told


def compare_heads(told: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Where exported heads and the database's seals differ."""
    for earlier, later in pairwise(told):
        if later["number"] != earlier["number"] + 1 or later["previous_sha256"] != earlier["sha256"]:
            yield Finding("head", str(later["number"]), "head_order", {"before": earlier["number"]})
    standing = heads()
    stands = next(standing, None)
    for head in told:
        while stands is not None and stands["number"] < head["number"]:
            stands = next(standing, None)
        if stands is None or stands["number"] != head["number"]:
            yield Finding("head", str(head["number"]), "head_unsealed")
            continue
        for name in (*HEAD, "at"):
            if stands.get(name, 0) != head.get(name, 0):
                values = {"name": name, "stands": stands.get(name, 0), "due": head.get(name, 0)}
                yield Finding("head", str(head["number"]), "head_differs", values)


def _rows_after(previous: Seal | None) -> list[SealedRows]:
    """In the order of SEALED."""
    return [
        SealedRows(Event, previous.last_event_id if previous else None),
        SealedRows(Transfer, previous.last_transfer_id if previous else None),
        SealedRows(Account, previous.last_account_id if previous else None, NEVER_CHANGES),
        SealedRows(Event.organisations.through, previous.last_concerned_id if previous else None),
    ]


def _hash_block(previous: Seal | None, taken: Sequence[Iterable[Part]]) -> dict[str, Any]:
    before = previous.sha256 if previous else ""
    digest = hashlib.sha256(before.encode())
    block: dict[str, Any] = {"previous_sha256": before}
    for parts, (name, last_name) in zip(taken, SEALED, strict=True):
        count, last = 0, getattr(previous, last_name) if previous else 0
        for rows, number, lines in parts:
            digest.update(lines)
            count, last = count + rows, number
        block |= {name: count, last_name: last}
    return {**block, "sha256": digest.hexdigest()}


def _wait_for_writers() -> None:
    """On PostgreSQL a smaller id may still be uncommitted while a larger one is visible; SQLite has one writer.

    Whoever writes takes these tables in an order of its own, so the one that seals must never wait for long while it
    holds one of them: it lets go well before PostgreSQL looks for a deadlock (1 s) and would end a writer.
    """
    if connection.vendor != "postgresql":
        return
    for _ in range(LOCK_TRIES):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'")
                cursor.execute(
                    "LOCK TABLE exchange_account, exchange_event, exchange_event_organisations, exchange_transfer "
                    "IN SHARE ROW EXCLUSIVE MODE"
                )
                cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
            return
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            time.sleep(LOCK_PAUSE_S)
    raise Conflict("others are writing without a pause → seal again in a moment", "他人正在不断写入 → 请稍后再封存")

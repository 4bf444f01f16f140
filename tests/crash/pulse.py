"""How far a process has got, in memory that its killer reads; and the step at which it is to die.

A step is a moment before or after a statement, a commit, a rollback, a request or a piece of a stream. At the step that
is written for it a process sends itself SIGKILL: a point in the middle of its work that no clock would hit. Where it
was when it died stays readable afterwards.
"""

import mmap
import os
import signal
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

STARTING, BETWEEN, IN_TRANSACTION, COMMITTING, STREAMING = range(5)
PLACES = ("start-up", "between", "transaction", "commit", "stream")
SLOT = struct.Struct("=III")
NOT_WORK = ("exchange_worker", "PRAGMA", "django_migrations")
"""Statements that only say that a process is there."""


class Pulses:
    """One slot for each name: steps done, the step of its death (0: none is planned), and the place it is at."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.names = names
        if not path.exists():
            path.write_bytes(bytes(SLOT.size * len(names)))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), SLOT.size * len(names))

    def reset(self, name: str, steps: int) -> None:
        SLOT.pack_into(self.memory, self._at(name), 0, steps, STARTING)

    def spare(self, name: str) -> None:
        struct.pack_into("=I", self.memory, self._at(name) + 4, 0)

    def place(self, name: str) -> str:
        return PLACES[SLOT.unpack_from(self.memory, self._at(name))[2]]

    def _at(self, name: str) -> int:
        return SLOT.size * self.names.index(name)


class Pulse:
    """A process's own slot, and its eye on every database connection the process opens."""

    def __init__(self, pulses: Pulses, name: str) -> None:
        self.memory, self.at = pulses.memory, pulses._at(name)
        self.has_begun, self.done = False, 0
        self.in_transaction: set[int] = set()
        self.lock = threading.Lock()

    def begin(self, **_signal: Any) -> None:
        """From here on it does what it is there for; before, it was starting."""
        if not self.has_begun:
            self.has_begun = True
            self._mark(BETWEEN)

    def step(self, place: int | None = None) -> None:
        if not self.has_begun:
            return
        with self.lock:
            self.done += 1
            self._mark(place if place is not None else IN_TRANSACTION if self.in_transaction else BETWEEN)
            struct.pack_into("=I", self.memory, self.at, self.done)
            doom = struct.unpack_from("=I", self.memory, self.at + 4)[0]
            if 0 < doom <= self.done:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, *, begins_by_itself: bool, polls: bool) -> None:
        """Count the steps of every connection of this process; with `begins_by_itself` the first statement that is
        work begins. Of one that `polls`, what it looks at outside transactions is no step: it looks all day."""
        connection_created.connect(self._watch_connection, weak=False)
        self.begins_by_itself, self.polls = begins_by_itself, polls
        for name in ("commit", "rollback"):
            setattr(BaseDatabaseWrapper, name, self._stepping(getattr(BaseDatabaseWrapper, name)))

    def _watch_connection(self, connection: BaseDatabaseWrapper, **_signal: Any) -> None:
        if self._statement not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._statement)

    def _statement(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        connection = context["connection"]
        if self.begins_by_itself and not self.has_begun and not any(word in str(sql) for word in NOT_WORK):
            self.begin()
        self._set(connection, connection.in_atomic_block)
        if self.polls and not connection.in_atomic_block:
            return execute(sql, params, many, context)
        self.step()
        answer = execute(sql, params, many, context)
        self.step()
        return answer

    def _stepping(self, end: Callable[[BaseDatabaseWrapper], None]) -> Callable[[BaseDatabaseWrapper], None]:
        def stepping(connection: BaseDatabaseWrapper) -> None:
            self._set(connection, True)
            self.step(COMMITTING)
            end(connection)
            self._set(connection, False)
            self.step()

        return stepping

    def _set(self, connection: BaseDatabaseWrapper, is_open: bool) -> None:
        (self.in_transaction.add if is_open else self.in_transaction.discard)(id(connection))

    def _mark(self, place: int) -> None:
        struct.pack_into("=I", self.memory, self.at + 8, place)

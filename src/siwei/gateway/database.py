"""The database from an event loop: short work in a few threads, each with a connection that stays open."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection

R = TypeVar("R")
THREADS = 4
Work = tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[[], Any]]


class Database:
    """A queue and its threads: handing work over through an executor's futures takes twice the processor time.

    One thread where the database is SQLite: it lets one write at a time, and those who wait for it poll. In a queue
    they do not, and the one connection's pages stay known, which another's write would make it read again.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"siwei-gateway-database-{number}", daemon=True)
            for number in range(1 if connection.vendor == "sqlite" else THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, act: Callable[..., R], *args: Any, **kwargs: Any) -> asyncio.Future[R]:
        """What `act` returns or raises, to be awaited; work that was cancelled before a thread took it is not begun."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._queue.put((loop, future, partial(act, *args, **kwargs)))
        return future

    def close(self) -> None:
        """Wait until all work handed over is done."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            loop, future, act = work
            if future.cancelled():
                continue
            try:
                answer = partial(_answer, future, act())
            except BaseException as error:
                if isinstance(error, InterfaceError | OperationalError):
                    # The next call makes a new connection: a database that went away and came back is found again.
                    connection.close()
                answer = partial(_fail, future, error)
            # A loop that has ended waits for nothing.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(answer)
            del work, future, act, answer
        connection.close()


def _answer(future: asyncio.Future[R], result: R) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)

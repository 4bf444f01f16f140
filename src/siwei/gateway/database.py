"""The database from an event loop: short work in a few threads, each with a connection that stays open."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection

R = TypeVar("R")
THREADS = 4


class Database:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="siwei-gateway-database")

    async def run(self, act: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(_act, act, *args, **kwargs))

    def close(self) -> None:
        self._threads.shutdown()


def _act(act: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    try:
        return act(*args, **kwargs)
    except (InterfaceError, OperationalError):
        # The next call makes a new connection: a database that went away and came back is found again.
        connection.close()
        raise

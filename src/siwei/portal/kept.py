"""Results kept in this process for a while, so that a page need not work out again what has hardly changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from django.db import connections

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """At most `size` values, each for `seconds`. Only what every reader may see: nothing is kept per actor."""

    def __init__(self, seconds: float, size: int = 256) -> None:
        self.seconds, self.size = seconds, size
        self._values: dict[Key, tuple[float, Value]] = {}
        self._lock = threading.Lock()
        self._refreshing: set[Key] = set()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The kept value, or a new one that this caller waits for."""
        found = self._values.get(key)
        if found is not None and time.monotonic() - found[0] < self.seconds:
            return found[1]
        return self._put(key, make())

    def get_or_stale(self, key: Key, make: Callable[[], Value]) -> Value:
        """Like `get`, but who finds an old value gets it, while a thread makes the new one: only the first waits."""
        found = self._values.get(key)
        if found is None:
            with self._lock:  # of many first readers one makes it
                found = self._values.get(key)
                return found[1] if found is not None else self._put(key, make())
        if time.monotonic() - found[0] >= self.seconds and key not in self._refreshing:
            self._refreshing.add(key)
            threading.Thread(target=self._refresh, args=(key, make), daemon=True).start()
        return found[1]

    def clear(self) -> None:
        self._values.clear()

    def _refresh(self, key: Key, make: Callable[[], Value]) -> None:
        try:
            self._put(key, make())
        finally:
            self._refreshing.discard(key)
            connections.close_all()

    def _put(self, key: Key, value: Value) -> Value:
        if len(self._values) >= self.size and key not in self._values:
            self._values.pop(next(iter(self._values)), None)
        self._values[key] = (time.monotonic(), value)
        return value

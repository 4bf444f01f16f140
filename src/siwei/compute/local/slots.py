"""A slot is one processor of this machine; a job holds as many as it asks for while it runs, and runs on them only."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def processors() -> list[int]:
    return sorted(os.sched_getaffinity(0))


@contextmanager
def claim_slots(directory: Path, total: int, count: int) -> Iterator[list[int]]:
    """The slots got, `count` of them or none. They fall free when their holder dies, however it dies.

    All are claimed under one lock, so that two jobs never wait for each other with half of what they need.
    """
    directory.mkdir(parents=True, exist_ok=True)
    held: list[tuple[int, int]] = []
    with (directory / "claim").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        for slot in range(total):
            descriptor = os.open(directory / f"{slot}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held.append((slot, descriptor))
            except BlockingIOError:
                os.close(descriptor)
            if len(held) == count:
                break
        if len(held) < count:
            _let_go(held)
            held = []
    try:
        yield [slot for slot, _ in held]
    finally:
        _let_go(held)


def _let_go(held: list[tuple[int, int]]) -> None:
    for _, descriptor in held:
        os.close(descriptor)

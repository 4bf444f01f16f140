"""What a file of tests begins with is told to the database once, in a transaction around those of its tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import transaction
from pytest_django import DjangoDbBlocker

Told = TypeVar("Told")


@contextmanager
def told(blocker: DjangoDbBlocker, tell: Callable[[], Told]) -> Iterator[Told]:
    """What `tell` writes is there until the end of the block; a test that asks for no database still gets none."""
    with blocker.unblock():
        around = transaction.atomic()
        around.__enter__()
    try:
        with blocker.unblock():
            story = tell()
        yield story
    finally:
        with blocker.unblock():
            transaction.set_rollback(True)
            around.__exit__(None, None, None)

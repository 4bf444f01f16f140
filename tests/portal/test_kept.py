"""What a process keeps: for a time, for one key, and never making readers wait for what is merely old."""

import threading

import pytest

from siwei.portal.kept import Kept


def test_a_value_is_made_once_while_it_is_fresh() -> None:
    kept: Kept[str, int] = Kept(seconds=60)
    made = iter(range(9))
    assert [kept.get("a", lambda: next(made)) for _ in range(3)] + [kept.get("b", lambda: next(made))] == [0, 0, 0, 1]


def test_an_old_value_is_made_again() -> None:
    kept: Kept[str, int] = Kept(seconds=0)
    made = iter(range(9))
    assert [kept.get("a", lambda: next(made)) for _ in range(3)] == [0, 1, 2]


@pytest.mark.django_db
def test_who_finds_an_old_value_does_not_wait() -> None:
    kept: Kept[str, int] = Kept(seconds=0)
    gate, done = threading.Event(), threading.Event()

    def slow() -> int:
        gate.wait(120)
        done.set()
        return 2

    assert kept.get_or_stale("a", lambda: 1) == 1
    assert [kept.get_or_stale("a", slow), kept.get_or_stale("a", slow)] == [1, 1]
    gate.set()
    assert done.wait(120)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon and "_refresh" in thread.name:
            thread.join(120)
    assert kept.get_or_stale("a", lambda: 3) == 2


def test_no_more_than_its_size() -> None:
    kept: Kept[int, int] = Kept(seconds=60, size=2)
    for key in range(5):
        kept.get(key, lambda: 0)
    assert sorted(kept._values) == [3, 4]

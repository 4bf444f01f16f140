"""The queue: who takes a task, what happens when it fails or its worker dies, when what comes back is due."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_tasks import task
from django_tasks_db.models import DBTaskResult

from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange import queue
from siwei.exchange.models import Event, Schedule, Worker

LEASE = timedelta(seconds=30)
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
calls: list[str] = []


@task()
def note(word: str) -> str:
    calls.append(word)
    if word.startswith("bad"):
        raise OSError(f"{word} luck")
    if word == "wrong":
        raise InputError("a wrong word")
    return word.upper()


@pytest.fixture(autouse=True)
def no_calls(db: None) -> None:
    calls.clear()


def alive(name: str, seen_at: datetime = NOW) -> str:
    Worker.objects.create(name=name, started_at=seen_at, seen_at=seen_at)
    return name


def clock() -> datetime:
    return NOW


def rows() -> list[tuple[str, list[str]]]:
    return [(row.status, row.worker_ids) for row in DBTaskResult.objects.order_by("enqueued_at")]


def test_a_task_is_taken_once_and_its_result_is_kept() -> None:
    note.enqueue("one")
    taken = queue.claim("w1", NOW)
    assert taken is not None
    assert queue.claim("w2", NOW) is None
    assert queue.run(taken, clock) == "SUCCESSFUL"
    row = DBTaskResult.objects.get()
    assert (row.return_value, row.worker_ids, row.finished_at, calls) == ("ONE", ["w1"], NOW, ["one"])


def test_a_failing_task_is_tried_again_ever_later_and_then_given_up() -> None:
    note.enqueue("bad")
    now, waits = NOW, []
    while (taken := queue.claim("w", now)) is not None:
        at = now
        status = queue.run(taken, lambda at=at: at)  # type: ignore[misc]
        if status == queue.READY:
            row = DBTaskResult.objects.get()
            waits.append((row.run_after - now).total_seconds())
            assert queue.claim("w", row.run_after - timedelta(milliseconds=1)) is None
            now = row.run_after
    row = DBTaskResult.objects.get()
    assert (waits, row.status, len(calls)) == ([5, 10, 20, 40, 80], "FAILED", 6)
    assert (queue.reason_of(row), row.exception_class_path) == ("bad luck", "builtins.OSError")


def test_what_trying_again_cannot_help_fails_at_once() -> None:
    note.enqueue("wrong")
    taken = queue.claim("w", NOW)
    assert taken is not None
    assert (queue.run(taken, clock), len(calls)) == ("FAILED", 1)
    assert queue.reason_of(DBTaskResult.objects.get()) == "a wrong word"


def test_a_task_whose_code_is_gone_is_a_failed_task_not_a_dead_worker() -> None:
    note.enqueue("one")
    DBTaskResult.objects.update(task_path="siwei.exchange.tasks.no_longer_there")
    taken = queue.claim("w", NOW)
    assert taken is not None
    assert queue.run(taken, clock) == "READY"


def test_what_a_dead_worker_had_taken_is_taken_over_and_the_livings_is_not() -> None:
    for word in ("a", "b", "c"):
        note.enqueue(word)
    living, silent = alive("living", NOW - LEASE / 2), alive("silent", NOW - LEASE)
    for name in (living, silent, "never heard of"):
        assert queue.claim(name, NOW)
    assert queue.take_over(LEASE, NOW) == 2
    assert rows() == [("RUNNING", ["living"]), ("READY", ["silent"]), ("READY", ["never heard of"])]


def test_a_worker_taken_for_dead_does_not_end_what_another_does_now() -> None:
    note.enqueue("one")
    slow = queue.claim("slow", NOW)
    assert slow is not None
    queue.take_over(LEASE, NOW)
    second = queue.claim("second", NOW)
    assert second is not None
    assert queue.run(slow, clock) == ""
    assert rows() == [("RUNNING", ["slow", "second"])]
    assert queue.run(second, clock) == "SUCCESSFUL"
    assert (queue.run(slow, clock), rows()) == ("", [("SUCCESSFUL", ["slow", "second"])])


def test_a_task_that_kills_its_workers_is_given_up() -> None:
    note.enqueue("one")
    for number in range(queue.TRIES):
        assert queue.claim(f"w{number}", NOW)
        queue.take_over(LEASE, NOW)
    row = DBTaskResult.objects.get()
    assert (row.status, queue.reason_of(row)) == ("FAILED", "its worker died each of 6 times")


def test_what_comes_back_is_enqueued_once_when_it_is_due() -> None:
    every = timedelta(minutes=1)

    def due(now: datetime) -> bool:
        return queue.enqueue_due("note", note, every, now)

    assert [due(NOW), due(NOW), due(NOW + every)] == [True, False, False]  # the first still waits
    DBTaskResult.objects.update(status="SUCCESSFUL")
    assert [due(NOW + every), due(NOW + 2 * every), due(NOW + 2 * every)] == [False, True, False]
    assert queue.not_yet_due({"note": every}, NOW + 2 * every) == {"note"}


AHEAD = timedelta(days=365)


def test_a_clock_that_ran_ahead_stops_nothing_once_it_is_put_back() -> None:
    every = timedelta(minutes=1)
    assert queue.enqueue_due("note", note, every, NOW + AHEAD)
    DBTaskResult.objects.update(status="SUCCESSFUL")
    assert queue.not_yet_due({"note": every}, NOW) == set()
    assert [queue.enqueue_due("note", note, every, NOW) for _ in range(2)] == [True, False]
    assert Schedule.objects.get().next_at == NOW + every


def test_clocks_that_agree_within_a_minute_do_nothing_more_often() -> None:
    every = timedelta(seconds=5)
    assert queue.enqueue_due("note", note, every, NOW + timedelta(seconds=50))
    DBTaskResult.objects.update(status="SUCCESSFUL")
    assert queue.not_yet_due({"note": every}, NOW) == {"note"}
    assert not queue.enqueue_due("note", note, every, NOW)


def test_a_task_put_off_by_a_clock_that_ran_ahead_is_tried_again_now() -> None:
    note.enqueue("bad")
    taken = queue.claim("w", NOW + AHEAD)
    assert taken is not None
    assert queue.run(taken, lambda: NOW + AHEAD) == queue.READY
    assert queue.claim("w", NOW) is not None


def test_a_dead_worker_that_was_seen_at_a_time_to_come_keeps_no_task() -> None:
    note.enqueue("one")
    assert queue.claim(alive("dead", NOW + AHEAD), NOW)
    assert queue.take_over(LEASE, NOW) == 1
    note.enqueue("two")
    assert queue.claim(alive("a little ahead", NOW + LEASE / 2), NOW)
    assert queue.claim("another", NOW) is not None
    assert queue.take_over(LEASE, NOW) == 1  # of the one nobody has heard of


def test_the_operator_tries_a_failed_task_again(cast: Any) -> None:
    note.enqueue("wrong")
    taken = queue.claim("w", NOW)
    assert taken is not None
    with pytest.raises(Conflict, match="running, not failed"):
        queue.retry_task(str(taken.id), actor=cast.olive, now=NOW)
    queue.run(taken, clock)
    for actor in (cast.alice, cast.charlie):
        with pytest.raises(NotAllowed):
            queue.retry_task(str(taken.id), actor=actor, now=NOW)
    queue.retry_task(str(taken.id), actor=cast.olive, now=NOW)
    assert rows() == [("READY", [])]
    assert Event.objects.get().payload == {"arguments": {"args": ["wrong"], "kwargs": {}}, "reason": "a wrong word"}
    with pytest.raises(NotFound):
        queue.retry_task("00000000-0000-0000-0000-000000000000", actor=cast.olive, now=NOW)
    with pytest.raises(NotFound):
        queue.retry_task("not an id", actor=cast.olive, now=NOW)


def test_only_the_offices_see_the_queue(cast: Any) -> None:
    note.enqueue("one")
    seen = [queue.tasks_visible_to(each).count() for each in (cast.alice, cast.charlie, cast.olive, cast.ann)]
    assert seen == [0, 0, 1, 1]


def test_old_tasks_are_forgotten_and_young_ones_kept() -> None:
    ages = {"SUCCESSFUL": (23, 25), "FAILED": (29 * 24, 31 * 24)}
    for status, hours in ages.items():
        for age in hours:
            note.enqueue("one")
            DBTaskResult.objects.filter(status="READY").update(status=status, finished_at=NOW - timedelta(hours=age))
    note.enqueue("one")
    assert (queue.has_old(NOW), queue.prune(now=NOW), queue.has_old(NOW)) == (True, 2, False)
    assert sorted(status for status, _ in rows()) == ["FAILED", "READY", "SUCCESSFUL"]


def test_waiting_is_told_by_task_and_arguments() -> None:
    note.enqueue("one")
    assert (queue.is_waiting(note, ["one"]), queue.is_waiting(note, ["two"]), queue.is_waiting(note)) == (
        True,
        False,
        False,
    )


def test_a_claimed_task_knows_when_it_began() -> None:
    note.enqueue("one")
    before = timezone.now()
    taken = queue.claim("w", NOW)
    assert taken is not None
    assert before <= taken.started_at <= timezone.now()


def test_the_last_result_that_is_still_read_is_kept() -> None:
    ended = []
    for number, word in enumerate(["one", "two", "bad"]):
        note.enqueue(word)
        taken = queue.claim("w", NOW)
        assert taken is not None
        at = NOW + timedelta(minutes=number)
        ended.append(queue.run(taken, lambda at=at: at))  # type: ignore[misc]
    assert ended == ["SUCCESSFUL", "SUCCESSFUL", "READY"]
    later = NOW + timedelta(days=2)
    assert queue.has_old(later, (note,))
    assert queue.prune(now=later, keep_last=(note,)) == 1
    assert not queue.has_old(later, (note,))
    assert set(DBTaskResult.objects.values_list("return_value", flat=True)) == {"TWO", None}
    assert queue.prune(now=later) == 1

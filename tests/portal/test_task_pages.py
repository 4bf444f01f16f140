"""The operator's page of the city's own work, and its API: what failed is seen, with its reason, and tried again."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from portal_city import City, signed_in

from siwei.exchange import queue, tasks
from siwei.exchange.models import Event, Worker

pytestmark = pytest.mark.django_db
ENGLISH = {"Accept-Language": "en"}


def failed(key: str = "job-1") -> str:
    """A task given up for good, as a worker leaves it."""
    tasks.follow_job.enqueue(key)
    row = DBTaskResult.objects.get(args_kwargs__args=[key])
    row.worker_ids, row.status, row.finished_at = ["w"] * queue.TRIES, queue.FAILED, timezone.now()
    row.traceback = "Traceback (most recent call last):\n  File x\nsiwei.errors.NotFound: no <job> here"
    row.save()
    return str(row.pk)


def page(who: Client, query: str = "") -> str:
    return who.get(f"/tasks{query}", headers=ENGLISH).content.decode()


def test_a_failed_task_is_seen_with_its_reason_and_tried_again(city: City) -> None:
    task, olive = failed(), signed_in(city.olive)
    assert "1 task of the city's own work failed" in olive.get("/desk", headers=ENGLISH).content.decode()
    shown = page(olive, "?state=failed")
    assert ("no &lt;job&gt; here" in shown, "Traceback" in shown, "6 / 6" in shown) == (True, False, True)
    for _time in range(2):
        answer = olive.post("/tasks", {"task": task})
    assert answer.status_code == 409
    row = DBTaskResult.objects.get(pk=task)
    assert (row.status, row.worker_ids, Event.objects.filter(action="retry_task").count()) == (queue.READY, [], 1)
    assert "Nothing is in the queue." in page(olive, "?state=failed")
    assert "own work failed" not in olive.get("/desk", headers=ENGLISH).content.decode()


def test_the_same_by_the_api(city: City) -> None:
    task, olive = failed(), signed_in(city.olive)
    tasks.follow_job.enqueue("job-2")
    [first, second] = olive.get("/api/tasks").json()["items"]
    told: tuple[Any, ...] = (first["id"], first["state"], first["name"], first["arguments"], first["tries"])
    assert told == (task, "failed", "follow_job", ["job-1"], queue.TRIES)
    assert (first["reason"], second["state"], second["next_at"]) == ("no <job> here", "ready", None)
    body = {"task": task}
    answers = [olive.post("/api/tasks/retry", body, content_type="application/json") for _time in range(2)]
    assert [each.status_code for each in answers] == [200, 409]
    assert olive.get("/api/tasks?state=failed").json()["count"] == 0
    assert olive.get("/api/tasks?state=lost").status_code == 422


def test_one_that_waits_for_its_next_try_says_when_and_why(city: City) -> None:
    row = DBTaskResult.objects.get(pk=failed())
    row.status, row.worker_ids, row.run_after = queue.READY, ["w"], timezone.now() + timedelta(hours=1)
    row.save()
    [told] = signed_in(city.olive).get("/api/tasks").json()["items"]
    assert (told["next_at"] is not None, told["reason"], told["tries"]) == (True, "no <job> here", 1)


@pytest.mark.parametrize("who", ["visitor", "alice", "bob", "charlie", "ann"])
def test_nobody_else_tries_again(city: City, who: str) -> None:
    task = failed()
    client = Client() if who == "visitor" else signed_in(getattr(city, who))
    assert client.post("/tasks", {"task": task}).status_code in (302, 403)
    assert client.post("/api/tasks/retry", {"task": task}, content_type="application/json").status_code in (401, 403)
    assert DBTaskResult.objects.get(pk=task).status == queue.FAILED
    assert client.get("/tasks").status_code == (200 if who == "ann" else 302 if who == "visitor" else 403)
    assert ("Try again" in page(client)) is False


def test_who_is_at_work_is_told(city: City) -> None:
    olive, now = signed_in(city.olive), timezone.now()
    assert "No worker was seen for a day" in page(olive)
    for name, age, stopped in (("a", 0, None), ("b", 7200, None), ("c", 60, now)):
        seen = now - timedelta(seconds=age)
        Worker.objects.create(name=name, started_at=seen, seen_at=seen, stopped_at=stopped)
    shown = page(olive)
    assert ("at work" in shown, "not heard of" in shown, "stopped" in shown) == (True, True, True)


@pytest.mark.parametrize("wrong", ["", "x", "0" * 3000, "00000000-0000-0000-0000-000000000000"])
def test_a_task_that_is_none(city: City, wrong: str) -> None:
    assert signed_in(city.olive).post("/tasks", {"task": wrong}).status_code == 404

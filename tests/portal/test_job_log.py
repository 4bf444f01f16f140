"""The log of a job that really runs, as the page and the API read it."""

import shutil
import time
from datetime import UTC, datetime

import pytest
from portal_city import City, signed_in

from siwei.city.home import CityHome
from siwei.compute import JobSpec
from siwei.compute.local import LocalEngine
from siwei.errors import EnvironmentMissing
from siwei.exchange import jobs
from siwei.exchange.models import Job, JobState

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed: apt-get install bubblewrap"),
]
SCRIPT = """
import json
print("第一行 <b>")
print(chr(27) + "[31mred")
print("长" * 30_000)
json.dump({"loss": 0.5, "bad": [1]}, open("metrics.json", "w"))
"""
LIMIT_S = 60


def run_job(city: City, home: CityHome) -> Job:
    engine = LocalEngine(home.jobs)
    city.deal.signed()
    spec = JobSpec(command=("python", "-c", SCRIPT), wall_limit_s=30)
    try:
        jobs.submit_job(
            "deal",
            1,
            spec,
            engine=engine,
            engine_name="local",
            actor=city.alice,
            now=datetime.now(UTC),
            idempotency_key="job",
        )
    except EnvironmentMissing as error:
        pytest.skip(str(error))
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        job = jobs.refresh_job("job", engine=engine, actor=city.alice, now=datetime.now(UTC))
        if JobState(job.state).is_final:
            return job
        time.sleep(0.1)
    pytest.fail("the job did not end")


def test_a_log_is_read_whole_and_in_parts(city: City, home: CityHome) -> None:
    assert run_job(city, home).state == "succeeded"
    client = signed_in(city.alice)
    page = client.get("/jobs/job").content.decode()
    found = "第一行 &lt;b&gt;" in page, chr(27) in page, "<dt>loss</dt>" in page, "<dt>bad</dt>" in page
    assert found == (True, False, True, False)
    text, offset, follow = "", 0, True
    while follow:
        log = client.get(f"/api/jobs/job/log?offset={offset}").json()
        assert len(log["text"].encode()) <= 64 * 1024
        text, offset, follow = text + log["text"], log["next_offset"], log["follow"]
    assert text == "第一行 <b>\n[31mred\n" + "长" * 30_000 + "\n"

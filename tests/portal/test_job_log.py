"""The log of a job that really runs, as the page and the API read it."""

import shutil
import time
from datetime import UTC, datetime

import pytest
from django.test import Client
from portal_city import City, signed_in

from siwei.city.home import CityHome
from siwei.compute import JobSpec
from siwei.compute.local import LocalEngine
from siwei.errors import EnvironmentMissing
from siwei.exchange.models import Job, JobState
from siwei.exchange.trading import jobs

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
import os
os.mkdir("out")
open("out/模型 1.bin", "wb").write(bytes(range(256)) * 8192)
open("out/结果图.bin", "wb").write(b"1")
open("out/page.html", "w").write("<script>alert(1)</script>")
open("out/" + "a" + chr(10) + "b", "w").write("a name over two lines")
os.symlink("/etc/passwd", "out/link")
"""
LIMIT_S = 240


def run_job(city: City, home: CityHome) -> Job:
    engine = LocalEngine(home.jobs)
    city.deal.now = datetime.now(UTC)  # the agreement ends a month after it was signed
    city.deal.signed()
    spec = JobSpec(command=("python", "-c", SCRIPT), wall_limit_s=240)
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


def test_what_a_job_made_is_had_by_its_consumer_alone(city: City, home: CityHome) -> None:
    assert run_job(city, home).state == "succeeded"
    url, alice = "/api/jobs/job/files/out/%E6%A8%A1%E5%9E%8B%201.bin", signed_in(city.alice)
    assert f'href="{url}"' in alice.get("/jobs/job").content.decode()
    assert {"path": "out/模型 1.bin", "bytes": 2_097_152} in alice.get("/api/jobs/job").json()["files"]
    answer = alice.get(url)
    assert b"".join(answer) == bytes(range(256)) * 8192
    assert answer.headers["Content-Disposition"].startswith("attachment")
    part = alice.get(url, headers={"Range": "bytes=256-257"})
    assert (part.status_code, b"".join(part), part.headers["Content-Range"]) == (206, b"\0\1", "bytes 256-257/2097152")
    assert alice.get(url, headers={"Range": "bytes=9999999-"}).status_code == 416
    page = alice.get("/api/jobs/job/files/out/page.html")
    assert (page.headers["Content-Type"], page.headers["X-Content-Type-Options"]) == (
        "application/octet-stream",
        "nosniff",
    )
    assert b"".join(page) == b"<script>alert(1)</script>"
    for path in ("out/link", "out", "out/none", "../spec.json", "%2e%2e/spec.json", "/etc/passwd"):
        assert alice.get(f"/api/jobs/job/files/{path}").status_code in (400, 404, 422)
    # A name is a file's, whatever language the page is in.
    for reader in (city.alice, city.bob):
        shown = signed_in(reader).get("/jobs/job", headers={"Accept-Language": "zh-hant"}).content.decode()
        assert ("作業" in shown, ">out/结果图.bin<" in shown) == (True, True)
    # The provider sees that there is a file, not what is in it; outsiders see no job.
    assert url not in signed_in(city.bob).get("/jobs/job").content.decode()
    seen = {each.name: signed_in(each).get(url).status_code for each in (city.bob, city.charlie, city.olive, city.ann)}
    assert seen == {"bob": 403, "charlie": 404, "olive": 403, "ann": 403}
    assert Client().get(url).status_code == 401

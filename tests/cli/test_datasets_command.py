"""`siwei datasets`: a large file in little memory, a kill that publishes nothing, and what the commands say."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forking
import pytest

HERE = Path(__file__).parent
SIWEI = str(Path(sys.executable).with_name("siwei"))
MEMORY = """
import atexit, resource, sys
from siwei.cli import main
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))
main()
"""
FILL = """
import os, django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "siwei.portal.django_settings")
django.setup()
from django.utils import timezone
from siwei.exchange.trading import listings
from siwei.exchange.models import Organisation, Origin, Person, Representative
now = timezone.now()
owner = Organisation.objects.create(key="n-centre", name="乙", name_normalised="乙", origin=Origin.GENERATED)
person = Person.objects.create(username="bob")
Representative.objects.create(person=person, organisation=owner, role="owner", approved_at=now)
body = {"title": "影像", "modality": "image", "records": 3, "uses": ["training"], "has_personal_data": False,
        "price_fen_per_licence": 0}
listings.publish_listing("dataset", "offer", organisation="n-centre", title_zh="影像", title_en="Images", body=body,
                         actor=person.as_actor(), now=now, idempotency_key="data-offer")
"""
PART = os.urandom(1024 * 1024)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, lay_city: Callable[[Path], None]) -> Path:
    directory = tmp_path_factory.mktemp("datasets") / "city"
    lay_city(directory)
    forking.run([sys.executable, "-c", FILL], env=environment(directory), check=True)
    return directory


def environment(city: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIWEI_")}
    return kept | {"SIWEI_CITY": str(city)}


def siwei(city: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = forking.run([*forking.SIWEI, "datasets", *words], env=environment(city))
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    return done


def given(folder: Path, megabytes: int, **changes: Any) -> list[str]:
    """A description, its terms and its file of so many megabytes; the words that publish them."""
    folder.mkdir()
    digest = hashlib.sha256()
    with (folder / "rows.bin").open("wb") as file:
        for number in range(megabytes):
            part = number.to_bytes(4, "big") + PART[4:]
            digest.update(part)
            file.write(part)
    described = {
        "@context": {
            "@vocab": "https://schema.org/", "sc": "https://schema.org/", "cr": "http://mlcommons.org/croissant/",
        },
        "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0", "name": "rows",
        "description": "rows",
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "distribution": [
            {
                "@type": "cr:FileObject", "@id": "rows.bin", "name": "rows.bin", "contentUrl": "rows.bin",
                "encodingFormat": "application/octet-stream", "sha256": digest.hexdigest(),
            }
        ],
        **changes,
    }  # fmt: skip
    (folder / "croissant.json").write_text(json.dumps(described), encoding="utf-8")
    (folder / "terms.txt").write_text("仅供训练。\n", encoding="utf-8")
    return ["publish", "data-offer", str(folder / "croissant.json"), "--terms", str(folder / "terms.txt")]


def versions(city: Path) -> list[dict[str, Any]]:
    return json.loads(siwei(city, "list", "--json").stdout)


def test_a_large_file_takes_no_more_memory_than_a_small_one(city: Path, tmp_path: Path) -> None:
    peaks = []
    for name, megabytes in (("small", 1), ("large", 150)):
        words = given(tmp_path / name, megabytes)
        command = [sys.executable, "-c", MEMORY, "datasets", *words, "--json"]
        done = subprocess.run(command, env=environment(city), capture_output=True, text=True, check=True)
        peaks.append(int(done.stderr.split()[-1]) / 1024)
        published = json.loads(done.stdout)
        assert published["files"][0]["bytes"] == megabytes * 1024 * 1024
        again = json.loads(siwei(city, *words, "--json").stdout)
        assert again == published
    assert peaks[1] - peaks[0] < 40
    [dataset] = versions(city)
    assert (dataset["version"], dataset["bytes"], dataset["provider"]) == (2, 150 * 1024 * 1024, "乙")


def test_killed_midway_nothing_is_published_and_the_next_one_publishes_it(city: Path, tmp_path: Path) -> None:
    words = given(tmp_path / "killed", 250, name="killed")
    before = versions(city)
    process = subprocess.Popen([SIWEI, "datasets", *words], env=environment(city), stdout=subprocess.DEVNULL)
    given_up = time.monotonic() + 120
    while not list(city.glob("datasets/.*/file")) and time.monotonic() < given_up and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert versions(city) == before
    for draft in city.glob("datasets/.*"):
        os.utime(draft, (time.time() - 120,) * 2)  # a fresh one may be somebody's
    siwei(city, *words)
    assert [each["name"] for each in versions(city)] == ["killed"]
    # What the killed one had begun is gone, and every file is what was published.
    assert list(city.glob("datasets/.*")) == []
    assert {each["state"] for each in json.loads(siwei(city, "verify", "--json").stdout)} == {"whole"}


def test_what_is_wrong_is_said(city: Path, tmp_path: Path) -> None:
    words = given(tmp_path / "wrong", 1, name="wrong")
    before = versions(city)
    (tmp_path / "wrong" / "rows.bin").write_bytes(b"another")
    assert "another checksum than described" in siwei(city, *words, code=3).stderr
    (tmp_path / "wrong" / "rows.bin").unlink()
    assert "the file 'rows.bin' is missing" in siwei(city, *words, code=3).stderr
    assert "cannot be read" in siwei(city, *words[:-1], str(tmp_path / "no.txt"), code=3).stderr
    siwei(city, "publish", "no-offer", *words[2:], code=4)
    siwei(city, "show", "nothing", code=4)
    assert versions(city) == before


def test_a_version_is_shown_withdrawn_and_its_damage_found(city: Path, tmp_path: Path) -> None:
    made = json.loads(siwei(city, *given(tmp_path / "shown", 2, name="shown"), "--json").stdout)
    shown = json.loads(siwei(city, "show", made["dataset"], "--version", str(made["version"]), "--json").stdout)
    assert (shown["name"], shown["files"], shown["accepted"]) == ("shown", made["files"], [])
    assert "rows.bin" in siwei(city, "show", made["dataset"]).stdout
    for _ in range(2):
        siwei(city, "withdraw", made["dataset"], str(made["version"]))
    assert json.loads(siwei(city, "show", made["dataset"], "--json").stdout)["withdrawn_at"]
    sha256 = made["files"][0]["sha256"]
    path = city / "datasets" / sha256[:2] / sha256
    path.write_bytes(b"x" * path.stat().st_size)
    found = siwei(city, "verify", "--json", code=6)
    assert [each["sha256"] for each in json.loads(found.stdout) if each["state"] != "whole"] == [sha256]
    path.unlink()
    assert "restore them from a backup" in siwei(city, "verify", code=6).stderr

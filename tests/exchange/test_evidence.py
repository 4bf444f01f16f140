"""Files that show a delivery or what is disputed: whole or not there, of few kinds, for the parties and the offices."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from exchange_deal import Deal
from test_deliveries import Scenario

from siwei.city.drafts import DRAFTS
from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import VISITOR
from siwei.exchange.digest import digest
from siwei.exchange.files import LIMIT_BYTES, keep_parts
from siwei.exchange.models import Event, EvidenceFile, StoredFile
from siwei.exchange.trading import deliveries, disputes, evidence

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 a report"
FOREVER = """
import os, sys
from pathlib import Path
from itertools import chain, repeat
os.environ["DJANGO_SETTINGS_MODULE"] = "siwei.portal.django_settings"
import django
django.setup()
from siwei.exchange.files import keep_parts
keep_parts(chain([b"%PDF-"], repeat(b"0" * 65536)), Path(sys.argv[1]), check=lambda path, kept: None)
"""


class Papers:
    def __init__(self, scenario: Scenario, directory: Path) -> None:
        self.scenario, self.directory, self.cast = scenario, directory, scenario.cast
        scenario.signed()

    def attach(self, content: bytes = PDF, name: str = "报告.pdf", actor: Any = None, **given: Any) -> EvidenceFile:
        asked = {"delivery": 1, "idempotency_key": "e"} | given
        return evidence.attach_evidence(
            "s", io.BytesIO(content), name, directory=self.directory, actor=actor or self.cast.alice,
            now=self.scenario.now, **asked,
        )  # fmt: skip

    def dispute(self) -> str:
        given = {"actor": self.cast.bob, "now": self.scenario.now, "idempotency_key": "x"}
        return disputes.open_dispute("s", reason="不符", evidence="", delivery=1, **given).key

    def files(self) -> list[Path]:
        return [each for each in self.directory.rglob("*") if each.is_file()]


@pytest.fixture
def papers(cast: Any, now: Any, tmp_path: Path) -> Papers:
    return Papers(Scenario(cast, now), tmp_path / "files")


def zipped(*members: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return made.getvalue()


def test_a_file_is_attached_told_and_had_again(papers: Papers) -> None:
    attached = papers.attach()
    sha256 = hashlib.sha256(PDF).hexdigest()
    assert (attached.number, attached.name, attached.file.sha256) == (1, "报告.pdf", sha256)
    assert [(each.relative_to(papers.directory).parts, each.stat().st_mode & 0o777) for each in papers.files()] == [
        ((sha256[:2], sha256), 0o600)
    ]
    event = Event.objects.get(action="attach_evidence")
    assert (event.subject, event.payload["sha256"], event.payload["size_bytes"]) == ("delivery:s:1", sha256, len(PDF))
    for actor in (papers.cast.alice, papers.cast.bob, papers.cast.olive, papers.cast.ann):
        found, path = evidence.read_evidence("s", 1, directory=papers.directory, actor=actor)
        assert (found, path.read_bytes()) == (attached, PDF)
        assert Event.objects.visible_to(actor).filter(pk=event.pk).exists()
    for actor in (papers.cast.charlie, VISITOR):
        with pytest.raises(NotFound):
            evidence.read_evidence("s", 1, directory=papers.directory, actor=actor)


def test_who_may_attach_to_what(papers: Papers) -> None:
    assert papers.attach(actor=papers.cast.bob, idempotency_key="b").party.organisation == papers.cast.centre
    for actor in (papers.cast.olive, papers.cast.ann):
        with pytest.raises(NotAllowed):
            papers.attach(actor=actor, idempotency_key=actor.name)
        with pytest.raises(NotAllowed):
            papers.attach(actor=actor, idempotency_key=actor.name, delivery=99)
    for number in (1, 99):
        with pytest.raises(NotFound, match="no agreement 's'"):
            papers.attach(actor=papers.cast.charlie, idempotency_key="charlie", delivery=number)
    with pytest.raises(NotFound):
        papers.attach(delivery=99, idempotency_key="none")
    with pytest.raises(InputError, match="name one"):
        papers.attach(delivery=None, idempotency_key="none")
    with pytest.raises(NotFound, match="no dispute"):
        papers.attach(delivery=None, dispute="none", idempotency_key="none")
    assert EvidenceFile.objects.count() == 1


def test_the_same_again_changes_nothing_and_another_is_told(papers: Papers) -> None:
    first = papers.attach()
    before = digest()["sha256"]
    assert papers.attach() == first
    assert papers.attach(name="copy.pdf", idempotency_key="other") == first
    assert digest()["sha256"] == before
    with pytest.raises(Conflict, match="another attach_evidence"):
        papers.attach(PDF + b" changed")
    assert (EvidenceFile.objects.count(), StoredFile.objects.count()) == (1, 1)


def test_what_is_over_takes_no_more(papers: Papers) -> None:
    papers.scenario.submit(1)
    papers.attach()
    papers.scenario.accept(1)
    with pytest.raises(Conflict, match="is accepted"):
        papers.attach(b"%PDF-late", idempotency_key="late")
    key = papers.dispute()
    shown = papers.attach(b"%PDF-dispute", delivery=None, dispute=key, actor=papers.cast.bob, idempotency_key="d")
    assert (shown.dispute.key if shown.dispute else "", shown.delivery) == (key, None)
    with pytest.raises(Conflict, match="accepted"):
        papers.attach(b"%PDF-late", idempotency_key="late")
    disputes.withdraw_dispute(key, because="已澄清", actor=papers.cast.bob, now=papers.scenario.now)
    with pytest.raises(Conflict, match="nothing more is said"):
        papers.attach(b"%PDF-later", delivery=None, dispute=key, idempotency_key="later")
    assert EvidenceFile.objects.count() == 2


def test_a_dispute_takes_no_file_of_another_agreement(papers: Papers, deal: Deal) -> None:
    deal.signed()
    given = {"actor": deal.cast.alice, "now": deal.now, "idempotency_key": "other"}
    other = disputes.open_dispute("deal", reason="不符", evidence="", **given)
    with pytest.raises(NotFound, match="has no dispute"):
        papers.attach(delivery=None, dispute=other.key)


def test_more_files_than_anybody_reads_are_not_taken(papers: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MOST_FILES", 2)
    for number in (1, 2):
        papers.attach(b"%%PDF-%d" % number, idempotency_key=f"n{number}")
    papers.attach(b"%PDF-1", idempotency_key="again")
    with pytest.raises(Conflict, match="one archive"):
        papers.attach(b"%PDF-3", idempotency_key="n3")


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (PDF, "../../etc/passwd", ("application/pdf", "passwd.pdf")),
        (PDF, 'a"b\r\nc.html', ("application/pdf", "abc.pdf")),
        (b"\x89PNG\r\n\x1a\n0", "照片.PNG", ("image/png", "照片.png")),
        (b"\xff\xd8\xff\xe0", "x.jpg", ("image/jpeg", "x.jpg")),
        (zipped(("word/document.xml", b"<w/>")), "report.docx", ("application/zip", "report.docx")),
        ("读数,1\n".encode(), "readings.csv", ("text/plain", "readings.csv")),
        (b"<html><script>alert(1)</script>", "page.html", ("text/plain", "page.txt")),
    ],
)
def test_kinds_are_told_by_bytes_and_names_are_plain(
    papers: Papers, content: bytes, name: str, expected: tuple[str, str]
) -> None:
    attached = papers.attach(content, name)
    assert (attached.file.media_type, attached.name) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"", b"MZ\x90\x00", b"GIF89a\x01\x00\xff", b"text \x00 text", "半".encode()[:2], "中".encode("gb18030"),
        b"%PDF-" + b"0" * LIMIT_BYTES, b"PK\x03\x04 half", zipped(("../escape", b"")), zipped(("/etc/passwd", b"")),
        zipped(("bomb", b"0" * 30_000_000)),
    ],
    ids=["empty", "exe", "gif", "nul", "half", "gb", "large", "half-zip", "escape", "absolute", "bomb"],
)  # fmt: skip
def test_what_is_not_taken_leaves_nothing(papers: Papers, content: bytes) -> None:
    with pytest.raises(InputError) as refused:
        papers.attach(content)
    assert {each.field for each in refused.value.problems} == {"file"}
    assert (EvidenceFile.objects.count(), StoredFile.objects.count(), papers.files()) == (0, 0, [])


def test_bytes_changed_or_gone_are_not_shown(papers: Papers) -> None:
    papers.attach()
    path = papers.files()[0]
    path.write_bytes(b"%PDF-forged")
    with pytest.raises(NotFound, match="changed on disk"):
        evidence.read_evidence("s", 1, directory=papers.directory, actor=papers.cast.alice)
    path.unlink()
    with pytest.raises(NotFound, match="not on this machine"):
        evidence.read_evidence("s", 1, directory=papers.directory, actor=papers.cast.alice)


def test_the_database_itself_keeps_evidence_of_one_thing(papers: Papers) -> None:
    from django.db import DatabaseError, transaction

    attached = papers.attach()
    key = papers.dispute()
    dispute = disputes.find_dispute(key, papers.cast.olive)
    for wrong in ({"delivery": None}, {"dispute": dispute}):
        with pytest.raises(DatabaseError), transaction.atomic():
            EvidenceFile.objects.filter(pk=attached.pk).update(**wrong)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_one_killed_midway_leaves_nothing_half(tmp_path: Path, end: signal.Signals) -> None:
    directory = tmp_path / "files"
    environment = os.environ | {"SIWEI_CITY": str(tmp_path)}
    command = [sys.executable, "-c", FOREVER, str(directory)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as running:
        while not any(each.stat().st_size > 2**20 for each in directory.rglob("file")):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(end)
        running.wait()
    left = list(directory.iterdir())
    assert all(each.name.startswith(DRAFTS) for each in left)
    assert len(left) == (end is signal.SIGKILL)
    for each in left:
        os.utime(each, (0, 0))
    keep_parts([PDF], directory, check=lambda path, kept: None)
    sha256 = hashlib.sha256(PDF).hexdigest()
    assert [each.name for each in directory.iterdir()] == [sha256[:2]]


def test_a_clock_that_jumps_back_attaches_all_the_same(papers: Papers) -> None:
    papers.attach()
    papers.scenario.now = papers.scenario.now.replace(year=2020)
    assert papers.attach(b"%PDF-2", idempotency_key="back").number == 2


def test_what_was_sent_back_keeps_its_papers(papers: Papers) -> None:
    papers.attach()
    papers.scenario.submit(1)
    papers.attach(b"%PDF-missing", actor=papers.cast.bob, idempotency_key="why")
    papers.scenario.reject(1)
    papers.attach(b"%PDF-better", idempotency_key="again")
    found = deliveries.find_delivery(EvidenceFile.objects.all()[0].agreement, 1)
    assert list(found.files.order_by("number").values_list("number", flat=True)) == [1, 2, 3]

"""Datasets: published whole or not at all, handed over under accepted terms, paid by agreement, every access told."""

import gzip
import io
import json
import random
import tarfile
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from exchange_cast import make_person
from exchange_datasets import ROWS, DatasetDeal, described, sha256
from hypothesis import given
from hypothesis import strategies as st
from test_readings import Meter

from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import Role
from siwei.exchange.archives import check_archive
from siwei.exchange.files import UnsatisfiableRange, read_part, wanted_range
from siwei.exchange.models import Account, DatasetAccess, DatasetFile, DatasetVersion, Event, TermsAcceptance, Usage
from siwei.exchange.trading import agreements, dataset_publication, datasets, settlement

pytestmark = pytest.mark.django_db


@pytest.fixture
def data(cast: Any, now: Any, tmp_path: Path) -> DatasetDeal:
    return DatasetDeal(cast, now, tmp_path)


def test_a_free_dataset_from_its_description_to_its_bytes(data: DatasetDeal) -> None:
    data.offer()
    version = data.publish()
    assert (version.number, version.name, version.licence) == (
        1, "weld-images", "https://creativecommons.org/licenses/by/4.0/",
    )  # fmt: skip
    assert list(version.files.values_list("number", "path", "size_bytes", "url")) == [
        (1, "data/rows.csv", len(ROWS), ""),
        (2, "images.zip", 1024, "https://data.example/images.zip"),
    ]
    with pytest.raises(NotAllowed, match="accept them first"):
        data.have(version)
    accepted = data.accept(version)
    assert (accepted.role, accepted.person.username, accepted.terms_sha256) == ("owner", "alice", version.terms_sha256)
    handed = data.have(version, part=(2, 8))
    assert b"".join(read_part(handed.file.sha256, data.directory / "datasets", 2, 8)) == ROWS[2:9]
    assert data.have(version, file=2).file.url == "https://data.example/images.zip"
    assert list(DatasetAccess.objects.order_by("pk").values_list("file__number", "first_byte", "person__username")) == [
        (1, 2, "alice"), (2, None, "alice"),
    ]  # fmt: skip
    assert Usage.objects.count() == 0


def test_publishing_and_accepting_again_change_nothing(data: DatasetDeal) -> None:
    data.offer()
    first, again = data.publish(), data.publish()
    assert (first.pk, first.number) == (again.pk, 1)
    assert data.accept(first).pk == data.accept(first).pk
    assert Event.objects.filter(action__in=["publish_dataset", "accept_terms"]).count() == 2
    with pytest.raises(Conflict):
        data.publish(terms="anders")


@pytest.mark.parametrize("who", ["charlie", "olive", "ann", "bob"])
def test_nobody_accepts_or_has_files_for_the_firm(data: DatasetDeal, who: str) -> None:
    data.offer()
    version = data.publish()
    with pytest.raises(NotAllowed):
        data.accept(version, who)
    data.accept(version)
    with pytest.raises(NotAllowed):
        data.have(version, who)
    assert DatasetAccess.objects.count() == 0


def test_a_member_has_files_but_binds_nobody(data: DatasetDeal) -> None:
    data.offer()
    version = data.publish()
    mia = make_person("mia", data.cast.firm, Role.MEMBER).as_actor()
    with pytest.raises(NotAllowed):
        data.accept(version, actor=mia)
    data.accept(version)
    assert data.have(version, actor=mia).access.person.username == "mia"


@pytest.mark.parametrize("who", ["alice", "charlie", "ann"])
def test_nobody_publishes_or_withdraws_for_the_provider(data: DatasetDeal, who: str) -> None:
    data.offer()
    version, actor = data.publish(), getattr(data.cast, who)
    with pytest.raises(NotAllowed):
        dataset_publication.publish_dataset(
            "data-offer", metadata=b"{}", terms="x", files={}, directory=data.directory, actor=actor, now=data.now,
            idempotency_key="theirs",
        )  # fmt: skip
    with pytest.raises(NotAllowed):
        datasets.withdraw_terms(version.dataset.key, 1, actor=actor, now=data.now)


def test_a_new_version_asks_again_and_the_old_one_stays(data: DatasetDeal) -> None:
    data.offer()
    first = data.publish()
    data.accept(first)
    second = data.publish(2, terms="新条款", content=b"id,text\n3,x\n", version="2.0.0")
    assert second.number == 2
    with pytest.raises(NotAllowed, match="version 2"):
        data.have(second)
    data.have(first)
    other = make_person("zoe", data.cast.outsider).as_actor()
    with pytest.raises(Conflict, match="newer version"):
        datasets.accept_terms(
            first.dataset.key, 1, data.cast.outsider.key, terms_sha256=first.terms_sha256, actor=other, now=data.now
        )
    with pytest.raises(Conflict, match="not the terms"):
        data.accept(second, terms_sha256=first.terms_sha256)
    data.accept(second)
    data.have(second)


def test_withdrawn_terms_hand_nothing_over(data: DatasetDeal) -> None:
    data.offer()
    version = data.publish()
    data.accept(version)
    for _ in range(2):
        datasets.withdraw_terms(version.dataset.key, 1, actor=data.cast.bob, now=data.now)
    assert Event.objects.filter(action="withdraw_terms").count() == 1
    with pytest.raises(NotAllowed, match="withdrawn"):
        data.have(version)
    again = data.publish(2)
    with pytest.raises(NotAllowed):
        data.have(again)
    data.accept(again)
    data.have(again)


def test_a_price_is_paid_by_voucher_and_own_share_with_the_first_access(data: DatasetDeal, deal: Any) -> None:
    voucher = deal.voucher()
    type(voucher).objects.update(kinds=["dataset"])
    voucher.refresh_from_db()
    data.offer(price_fen_per_licence=1_005)
    version = data.publish()
    with pytest.raises(Conflict, match="has a price"):
        data.accept(version)
    data.signed(voucher)
    accepted = data.accept(version)
    assert (accepted.agreement and accepted.agreement.key, Usage.objects.count()) == ("data-deal", 0)
    for _ in range(3):
        data.have(version)
    usage = Usage.objects.get()
    assert (usage.quantity, usage.unit, usage.measured["version"]) == (2, "licence", 1)
    settled = settlement.settle_agreement("data-deal", actor=data.cast.bob, now=data.now)
    assert (settled.gross_fen, settled.voucher_fen, settled.own_fen) == (2_010, 1_206, 804)
    assert Account.objects.get(code="CNY:receivable:n-centre").balance == 2_010
    # What was paid for stays to be had.
    data.have(version)
    assert Usage.objects.count() == 1


def test_a_signed_report_on_the_line_keeps_nobody_from_what_was_bought(data: DatasetDeal, deal: Any) -> None:
    data.offer(price_fen_per_licence=100)
    version = data.publish()
    data.signed()
    data.accept(version)
    meter, start = Meter(deal), data.now.isoformat()
    until = (data.now + timedelta(minutes=1)).isoformat()
    meter.send(meter.payload(agreement="data-deal", quantity=0, **{"from": start, "to": until}))
    data.have(version)
    assert sorted(Usage.objects.values_list("quantity", flat=True)) == [0, 2]


def test_nothing_is_had_under_an_agreement_that_is_over(data: DatasetDeal) -> None:
    data.offer(price_fen_per_licence=100)
    version = data.publish()
    data.signed()
    data.accept(version)
    with pytest.raises(Conflict, match="ended"):
        data.have(version, now=data.now + timedelta(days=31))
    agreements.cancel_agreement("data-deal", because="", actor=data.cast.alice, now=data.now)
    with pytest.raises(Conflict, match="cancelled"):
        data.have(version)
    assert (DatasetAccess.objects.count(), Usage.objects.count()) == (0, 0)


def test_who_sees_acceptances_and_accesses(data: DatasetDeal) -> None:
    data.offer()
    version = data.publish()
    data.accept(version)
    data.have(version)
    people = ("alice", "bob", "charlie", "olive", "ann")
    for model in (TermsAcceptance, DatasetAccess):
        seen = {who: model.objects.visible_to(getattr(data.cast, who)).count() for who in people}  # type: ignore[attr-defined]
        assert seen == {"alice": 1, "bob": 1, "charlie": 0, "olive": 1, "ann": 1}


def test_the_provider_has_its_own_files(data: DatasetDeal) -> None:
    data.offer()
    version = data.publish()
    data.have(version, "bob", organisation=data.cast.centre.key)
    with pytest.raises(Conflict, match="itself"):
        datasets.accept_terms(
            version.dataset.key, 1, data.cast.centre.key, terms_sha256=version.terms_sha256, actor=data.cast.bob,
            now=data.now,
        )  # fmt: skip
    with pytest.raises(NotFound):
        data.have(version, file=3)


@pytest.mark.parametrize(
    ("given", "changes", "said"),
    [
        ({}, {}, "is missing"),
        ({"data/rows.csv": b"other"}, {}, "another checksum"),
        ({"data/rows.csv": ROWS, "more.csv": b"x"}, {}, "names no file"),
        ({"data/rows.csv": ROWS}, {"license": ""}, "licence"),
    ],
)
def test_a_dataset_is_published_whole_or_not_at_all(
    data: DatasetDeal, given: dict[str, bytes], changes: dict[str, Any], said: str
) -> None:
    data.offer()
    files = {}
    for number, (name, content) in enumerate(given.items()):
        files[name] = data.directory / str(number)
        files[name].write_bytes(content)
    with pytest.raises(InputError, match=said):
        dataset_publication.publish_dataset(
            "data-offer", metadata=json.dumps(described(**changes)).encode(), terms="x", files=files,
            directory=data.directory / "kept", actor=data.cast.bob, now=data.now, idempotency_key="k",
        )  # fmt: skip
    assert (DatasetVersion.objects.count(), DatasetFile.objects.count()) == (0, 0)
    assert [path.name for path in (data.directory / "kept").rglob("*") if path.suffix == ".new"] == []


def packed(kind: str, name: str, content: bytes = b"x", link: bool = False) -> bytes:
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o120777 if link else 0o100644) << 16
            archive.writestr(info, content)
    else:
        with tarfile.open(fileobj=file, mode="w:gz") as tar:
            info_ = tarfile.TarInfo(name)
            info_.size = 0 if link else len(content)
            info_.type, info_.linkname = (tarfile.SYMTYPE, "/etc/passwd") if link else (tarfile.REGTYPE, "")
            tar.addfile(info_, None if link else io.BytesIO(content))
    return file.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("name", "link"),
    [("../x", False), ("/etc/passwd", False), ("a/../../x", False), ("C:\\x", False), ("a\\..\\x", False),
     ("con.txt", False), ("a\u202egpj.exe", False), ("link", True)],
)  # fmt: skip
def test_archives_that_lead_elsewhere_are_refused(tmp_path: Path, kind: str, name: str, link: bool) -> None:
    path = tmp_path / "given"
    path.write_bytes(packed(kind, name, link=link))
    with pytest.raises(InputError, match="place"):
        check_archive(path, "place")
    path.write_bytes(packed(kind, "good/名.txt"))
    check_archive(path, "place")


def test_an_archive_that_grows_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    path.write_bytes(packed("zip", "zeros", b"\0" * 20_000_000))
    with pytest.raises(InputError, match="unpacks"):
        check_archive(path, "place")
    path.write_bytes(b"PK\x03\x04" + b"\0" * 100 + b"PK\x05\x06" + b"\xff" * 18)
    with pytest.raises(InputError, match="cannot be read"):
        check_archive(path, "place")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_packed_tar_is_not_unpacked_to_find_that_it_grows_without_end(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "bomb"
    with tarfile.open(path, mode) as archive:
        member = tarfile.TarInfo("zeros")
        member.size = 30_000_000
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    with pytest.raises(InputError, match="unpacks to too much"):
        check_archive(path, "place")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_would_fill_the_memory_is_not_read(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "bomb.tar.gz"
    header = tarfile.TarInfo("name")
    header.type, header.size = kind, 40_000_000
    with gzip.open(path, "wb") as file:
        file.write(header.tobuf() + bytes(header.size))
    with pytest.raises(InputError, match="too long"):
        check_archive(path, "place")


def test_what_is_no_archive_or_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "given"
    for content in (b"", b"BZhello", b"\x1f\x8b rubbish", gzip.compress(b"a,b\n" * 500), bytes(10_240)):
        path.write_bytes(content)
        check_archive(path, "place")
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("noise")
        member.size = 400_000
        archive.addfile(member, io.BytesIO(random.Random(1).randbytes(member.size)))
    check_archive(path, "place")
    path.write_bytes(path.read_bytes()[:200_000])
    with pytest.raises(InputError, match="cannot be read"):
        check_archive(path, "place")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None), ("bytes=0-0", (0, 0)), ("bytes=5-", (5, 9)), ("bytes=-3", (7, 9)), ("bytes=-99", (0, 9)),
        ("bytes=2-99", (2, 9)), ("bytes=0-1,3-4", None), ("bytes=4-2", None), ("lines=1-2", None), ("bytes=-", None),
    ],
)  # fmt: skip
def test_parts_of_ten_bytes(header: str, expected: tuple[int, int] | None) -> None:
    assert wanted_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_parts_that_are_not_there(header: str) -> None:
    with pytest.raises(UnsatisfiableRange):
        wanted_range(header, 10)


@given(st.binary(max_size=60), st.integers(0, 70), st.integers(0, 70))
def test_a_part_is_the_files_own(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, first: int, last: int
) -> None:
    directory = tmp_path_factory.mktemp("part")
    path = directory / sha256(content)[:2] / sha256(content)
    path.parent.mkdir()
    path.write_bytes(content)
    try:
        part = wanted_range(f"bytes={first}-{last}", len(content))
    except UnsatisfiableRange:
        assert first >= len(content)
        return
    if part is not None:
        assert b"".join(read_part(sha256(content), directory, *part)) == content[first : last + 1]


def test_the_database_keeps_one_acceptance(data: DatasetDeal) -> None:
    data.offer()
    accepted = data.accept(data.publish())
    accepted.pk = None
    with pytest.raises(DatabaseError), transaction.atomic():
        accepted.save(force_insert=True)
    assert connection.vendor in ("sqlite", "postgresql")

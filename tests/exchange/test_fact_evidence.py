"""Files that show facts: of an organisation and its projects for their people and the offices; of a person sealed, read
by the operator while the fact is before them, and erased with the consent."""

import hashlib
import io
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import VISITOR
from siwei.exchange.digest import digest
from siwei.exchange.facts import person_files
from siwei.exchange.facts.declared import Declaration, declare_facts
from siwei.exchange.facts.fact_files import MOST_FILES, attach_fact_file, fact_files_of, read_fact_file
from siwei.exchange.facts.person_facts import declare_person_facts
from siwei.exchange.facts.person_files import attach_person_file, label_files, read_person_file
from siwei.exchange.facts.person_proofs import ask_for_proof, decide_proof, take_back_proof
from siwei.exchange.facts.projects import declare_project_facts
from siwei.exchange.models import Event, FactFile, PersonFile, StoredFile
from siwei.exchange.people.consents import PERSON_FACTS, PERSON_PROOF, give_consent, withdraw_consent
from siwei.exchange.people.vault import find_key
from siwei.exchange.trading import caps

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 23)
PDF = b"%PDF-1.7 audited"


@pytest.fixture(scope="module")
def attributes() -> dict[str, Attribute]:
    return load_attributes(Path(PACKS / "shenzhen"))


class Desk:
    """A firm with a project, and Charlie, who consented; each declared one fact."""

    def __init__(self, cast: Any, now: datetime, attributes: Any, directory: Path) -> None:
        self.cast, self.now, self.attributes, self.directory = cast, now, attributes, directory
        self.project = caps.open_project(cast.firm.key, "灵巧手", actor=cast.alice, now=now, idempotency_key="project")
        self.declare("12", "firm")
        declare_project_facts(
            self.project, {"project_months": Declaration("18")}, attributes=attributes, valid_from=DAY,
            actor=cast.alice, now=now, idempotency_key="project",
        )  # fmt: skip
        give_consent(PERSON_FACTS, actor=cast.charlie, now=now)
        declare_person_facts(
            {"person_income_tax": Declaration("34567800")}, attributes=attributes, valid_from=DAY, actor=cast.charlie,
            now=now, idempotency_key="own",
        )  # fmt: skip

    def declare(self, employees: str, key: str) -> None:
        declare_facts(
            self.cast.firm.key, {"employees": Declaration(employees)}, attributes=self.attributes, valid_from=DAY,
            actor=self.cast.alice, now=self.now, idempotency_key=key,
        )  # fmt: skip

    def attach(self, content: bytes = PDF, name: str = "审计.pdf", **changes: Any) -> FactFile:
        of, attribute = changes.pop("of", self.cast.firm), changes.pop("attribute", "employees")
        terms = {"actor": self.cast.alice, "now": self.now, "idempotency_key": "e", "directory": self.directory}
        return attach_fact_file(of, attribute, io.BytesIO(content), name, **terms | changes)

    def attach_own(self, content: bytes = PDF, name: str = "完税证明.pdf", **changes: Any) -> PersonFile:
        terms = {"actor": self.cast.charlie, "now": self.now, "idempotency_key": "e"}
        attribute = changes.pop("attribute", "person_income_tax")
        return attach_person_file(attribute, io.BytesIO(content), name, **terms | changes)

    def ask(self) -> int:
        give_consent(PERSON_PROOF, actor=self.cast.charlie, now=self.now)
        asked = ask_for_proof("person_income_tax", actor=self.cast.charlie, now=self.now, idempotency_key="ask")
        return int(asked.pk)


@pytest.fixture
def desk(cast: Any, now: datetime, attributes: Any, tmp_path: Path) -> Desk:
    return Desk(cast, now, attributes, tmp_path / "files")


def test_a_file_is_attached_once_to_what_was_declared_last(desk: Desk) -> None:
    before = digest()["tables"]["FactFile"]
    desk.declare("14", "again")
    for _ in range(2):
        attached = desk.attach()
    assert desk.attach(idempotency_key="other", name="another name.pdf") == attached
    assert (attached.shows.value, attached.name, attached.file.sha256) == (
        "14", "审计.pdf", hashlib.sha256(PDF).hexdigest(),
    )  # fmt: skip
    found, path = read_fact_file(attached.pk, directory=desk.directory, actor=desk.cast.olive)
    assert (found, path.read_bytes()) == (attached, PDF)
    assert [each.pk for each in fact_files_of(desk.cast.firm, DAY)] == [attached.pk]
    event = Event.objects.get(action="attach_fact_file")
    assert event.payload == {
        "attribute": "employees", "source_ref": "#2 2026-11-23", "title": "审计.pdf",
        "sha256": attached.file.sha256, "size_bytes": len(PDF),
    }  # fmt: skip
    assert digest()["tables"]["FactFile"] != before
    of_project = desk.attach(of=desk.project, attribute="project_months", idempotency_key="p")
    assert (of_project.shows.value, fact_files_of(desk.project, DAY)) == ("18", [of_project])


def test_its_own_people_and_the_offices_alone_read_it_though_the_fact_be_public(desk: Desk) -> None:
    ours = [desk.attach(), desk.attach(of=desk.project, attribute="project_months", idempotency_key="p")]
    desk.cast.firm.facts.update(is_public=True)
    seen = {
        name: list(FactFile.objects.visible_to(actor).order_by("pk"))
        for name, actor in {**vars(desk.cast), "visitor": VISITOR}.items()
        if name in ("alice", "bob", "charlie", "olive", "ann", "visitor")
    }
    assert seen == {"alice": ours, "olive": ours, "ann": ours, "bob": [], "charlie": [], "visitor": []}
    for actor in (desk.cast.bob, desk.cast.charlie, VISITOR):
        with pytest.raises(NotFound):
            read_fact_file(ours[0].pk, directory=desk.directory, actor=actor)
    for actor in (desk.cast.bob, desk.cast.charlie, desk.cast.olive, desk.cast.ann, VISITOR):
        with pytest.raises(NotAllowed):
            desk.attach(b"%PDF-2", actor=actor, idempotency_key="x")


def test_what_cannot_be_taken_is_refused_and_nothing_is_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (b"", b"MZ\x90\x00", b"PK\x03\x04cut"):
        with pytest.raises(InputError):
            desk.attach(wrong)
        with pytest.raises(InputError):
            desk.attach_own(wrong)
    with pytest.raises(NotFound, match="nothing was declared"):
        desk.attach(attribute="revenue")
    with pytest.raises(NotFound, match="nothing was declared"):
        desk.attach_own(attribute="gba_talent")
    monkeypatch.setattr(person_files, "LIMIT_BYTES", 10)
    with pytest.raises(InputError, match="too large"):
        desk.attach_own()
    assert (FactFile.objects.count(), PersonFile.objects.count(), StoredFile.objects.count()) == (0, 0, 0)
    desk.attach()
    with pytest.raises(Conflict, match="was used for another"):
        desk.attach(b"%PDF-2")
    for n in range(1, MOST_FILES):
        desk.attach(PDF + b"%d" % n, idempotency_key=f"{n}")
    with pytest.raises(Conflict, match="one archive"):
        desk.attach(PDF + b"more", idempotency_key="more")
    with pytest.raises(IntegrityError), transaction.atomic():
        FactFile.objects.update(project_fact=desk.project.facts.get())


def test_a_persons_file_is_sealed_and_had_by_that_person_alone(desk: Desk) -> None:
    for _ in range(2):
        attached = desk.attach_own()
    assert desk.attach_own(idempotency_key="again") == attached
    row = PersonFile.objects.get()
    for told in (PDF, "完税证明".encode(), hashlib.sha256(PDF).hexdigest().encode()):
        assert told not in bytes(row.sealed) + bytes(row.label)
    label, content = read_person_file(row.pk, actor=desk.cast.charlie)
    assert (label.name, label.attribute, label.value, content) == (
        "完税证明.pdf", "person_income_tax", "34567800", PDF,
    )  # fmt: skip
    event = Event.objects.get(action="attach_person_file")
    assert (event.payload, "完税" in str(event.payload)) == ({"file": row.pk}, False)
    for actor in (desk.cast.alice, desk.cast.bob, desk.cast.olive, desk.cast.ann, VISITOR):
        assert PersonFile.objects.visible_to(actor).count() == 0
        with pytest.raises(NotFound):
            read_person_file(row.pk, actor=actor)
    assert (StoredFile.objects.count(), list(desk.directory.rglob("*"))) == (0, [])


def test_the_operator_reads_it_while_the_fact_is_before_them(desk: Desk) -> None:
    number, file = desk.ask(), desk.attach_own().pk
    other = desk.cast.olive
    assert read_person_file(file, actor=other)[1] == PDF
    for actor in (desk.cast.ann, desk.cast.alice, desk.cast.bob):
        assert PersonFile.objects.visible_to(actor).count() == 0
    take_back_proof(number, actor=desk.cast.charlie, now=desk.now)
    assert PersonFile.objects.visible_to(other).count() == 0
    again = ask_for_proof("person_income_tax", actor=desk.cast.charlie, now=desk.now, idempotency_key="again").pk
    assert PersonFile.objects.visible_to(other).count() == 1
    decide_proof(
        again, "verified", "税务局", today=DAY, actor=other, now=desk.now, idempotency_key="decide"
    )  # fmt: skip
    assert PersonFile.objects.visible_to(other).count() == 0
    assert [each.name for each in label_files(PersonFile.objects.visible_to(desk.cast.charlie))] == ["完税证明.pdf"]


def test_withdrawing_the_consent_erases_it_and_nothing_can_be_attached_after(desk: Desk) -> None:
    desk.ask()
    file = desk.attach_own()
    withdraw_consent(PERSON_FACTS, actor=desk.cast.charlie, now=desk.now)
    assert (PersonFile.objects.count(), find_key(file.person_id)) == (0, None)
    with pytest.raises(Conflict, match="no consent"):
        desk.attach_own()
    give_consent(PERSON_FACTS, actor=desk.cast.charlie, now=desk.now)
    with pytest.raises(Conflict):
        desk.attach_own()


def test_what_was_put_in_anothers_place_is_not_read(desk: Desk) -> None:
    first, second = desk.attach_own(), desk.attach_own(b"%PDF-other", idempotency_key="other")
    PersonFile.objects.filter(pk=first.pk).update(sealed=PersonFile.objects.get(pk=second.pk).sealed)
    with pytest.raises(Conflict, match="cannot be read"):
        read_person_file(first.pk, actor=desk.cast.charlie)
    attached = desk.attach()
    path = read_fact_file(attached.pk, directory=desk.directory, actor=desk.cast.alice)[1]
    path.write_bytes(b"%PDF-1.7 changed")
    with pytest.raises(NotFound, match="was changed on disk"):
        read_fact_file(attached.pk, directory=desk.directory, actor=desk.cast.alice)

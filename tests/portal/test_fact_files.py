"""Files that show facts, on pages and by the API: attached with the fact, read by who proves it, packed into the
application; and had by nobody whom they do not concern."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from portal_city import NOW, City, signed_in

from siwei.city.home import CityHome
from siwei.exchange.models import Fact, FactFile, PersonFile, StoredFile
from siwei.exchange.people.keys import create_access_key
from siwei.exchange.trading import caps
from siwei.portal import django_settings

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 lease"
SHA256 = hashlib.sha256(PDF).hexdigest()
PROJECT = "n-00000000000000aa/灵巧手"


@pytest.fixture
def place(city: City, home: CityHome, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> City:
    monkeypatch.setattr(django_settings, "home", replace(home, directory=tmp_path))
    caps.open_project(city.firm.key, "灵巧手", actor=city.alice, now=NOW, idempotency_key="project")
    return city


@pytest.fixture
def charlie(place: City) -> Client:
    client = signed_in(place.charlie)
    assert call(client, "person/consent").status_code == 200
    values = {"person_income_tax": {"value": "34567800"}, "gba_talent": {"value": "true"}}
    assert call(client, "person/declarations", idempotency_key="k", values=values).status_code == 200
    return client


def paper(content: bytes = PDF, name: str = "租赁合同.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/html")


def call(client: Client, address: str, **given: Any) -> Any:
    return client.post(f"/api/{address}", json.dumps(given), content_type="application/json")


def dossier(city: City) -> str:
    return f"/organisations/{city.firm.key}/dossier"


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_declared_with_its_paper_proven_and_packed(place: City) -> None:
    alice, olive = signed_in(place.alice), signed_in(place.olive)
    given = {"token": "t", "value-compute_rental": "256", "unit-compute_rental": "wan"}
    for _ in range(2):
        done = alice.post(dossier(place), {**given, "file-compute_rental": [paper(), paper(b"%PDF-2", "发票.pdf")]})
        assert done.status_code == 302
    first, _second = FactFile.objects.order_by("pk")
    address = f"/api/fact-files/{first.pk}/content"
    for client in (alice, olive, signed_in(place.ann)):
        assert address in client.get(dossier(place)).content.decode()
        assert body(client.get(address)) == PDF
    part = olive.get(address, headers={"Range": "bytes=0-3"})
    assert (part.status_code, body(part), "attachment" in part.headers["Content-Disposition"]) == (206, PDF[:4], True)
    proof = {"token": "p", "proof": "verified", "value-compute_rental": "256", "unit-compute_rental": "wan",
             "evidence-compute_rental": "租赁合同"}  # fmt: skip
    assert olive.post(dossier(place), {**proof, "file-compute_rental": paper()}).status_code == 400
    assert olive.post(dossier(place), proof).status_code == 302
    packed = alice.get(f"/organisations/{place.firm.key}/programmes/xunli/application.zip")
    archive = zipfile.ZipFile(io.BytesIO(body(packed)))
    name = "evidence/compute_rental/01-租赁合同.pdf"
    assert (archive.testzip(), archive.read(name), archive.getinfo(name).date_time[:3]) == (None, PDF, (2026, 11, 23))
    assert archive.read("evidence/compute_rental/02-发票.pdf") == b"%PDF-2"
    (line,) = [
        each
        for each in json.loads(archive.read("explanation.json"))["evidence"]
        if each["attribute"] == "compute_rental"
    ]
    assert (line["fact"]["status"], line["files"][0]) == (
        "verified",
        {"name": name, "media_type": "application/pdf", "size_bytes": len(PDF), "sha256": SHA256},
    )
    inner = zipfile.ZipFile(io.BytesIO(archive.read("application-zh.docx"))).read("word/document.xml").decode()
    assert ("租赁合同.pdf" in inner, SHA256[:16] in inner, "所附文件" in inner) == (True, True, True)


def test_a_paper_of_another_value_is_not_packed(place: City) -> None:
    alice = signed_in(place.alice)
    given = {"token": "t", "value-compute_rental": "256", "unit-compute_rental": "wan"}
    assert alice.post(dossier(place), {**given, "file-compute_rental": paper()}).status_code == 302
    found = alice.get(f"/api/organisations/{place.firm.key}/entitlements/xunli/application").json()
    assert (found["evidence"], len(alice.get(f"/api/fact-files?organisation={place.firm.key}").json())) == ([], 1)
    # What counts is the better proven 300; the word that does not count shows its own paper.
    (field,) = [
        each
        for each in alice.get(f"/api/organisations/{place.firm.key}/dossier").json()["fields"]
        if each["attribute"] == "compute_rental"
    ]
    assert (field["value"], [each["name"] for each in field["files"]]) == ("300000000", ["租赁合同.pdf"])


def test_files_alone_go_to_what_was_declared_before_and_a_refused_one_takes_nothing_in(place: City) -> None:
    alice, page = signed_in(place.alice), f"/projects/{PROJECT}"
    before = Fact.objects.count()
    for wrong in (b"MZ\x90", b""):
        typed = {"token": "t", "value-employees": "12", "file-employees": paper(wrong)}
        response = alice.post(dossier(place), typed)
        shown = response.content.decode()
        assert (response.status_code, 'id="problem-employees"' in shown) == (400, True)
    assert (Fact.objects.count(), FactFile.objects.count(), StoredFile.objects.count()) == (before, 0, 0)
    assert alice.post(page, {"token": "f", "file-project_months": paper()}).status_code == 404
    assert alice.post(page, {"token": "v", "value-project_months": "18"}).status_code == 302
    assert alice.post(page, {"token": "f", "file-project_months": paper()}).status_code == 302
    assert f"/api/fact-files/{FactFile.objects.get().pk}/content" in alice.get(page).content.decode()
    assert alice.post(page, {"token": "n"}).status_code == 400


def test_the_api_takes_and_hands_out_the_same(place: City) -> None:
    alice = signed_in(place.alice)
    given = {"organisation": place.firm.key, "attribute": "compute_rental", "idempotency_key": "k"}
    assert alice.post("/api/fact-files", given | {"file": paper()}).status_code == 404
    values = {"compute_rental": {"value": "300000000"}}
    assert call(alice, f"organisations/{place.firm.key}/declarations", idempotency_key="d", values=values).status_code
    made = alice.post("/api/fact-files", given | {"file": paper()}).json()
    assert alice.post("/api/fact-files", given | {"file": paper()}).json() == made
    assert (made["sha256"], made["by"], body(alice.get(made["content"]))) == (SHA256, "alice", PDF)
    assert alice.post("/api/fact-files", given | {"file": paper(b"%PDF-2")}).status_code == 409
    assert alice.post("/api/fact-files", given | {"project": PROJECT, "file": paper()}).status_code == 400
    assert alice.get("/api/fact-files").status_code == 400
    assert alice.get(f"/api/fact-files?organisation={place.firm.key}").json() == [made]
    assert alice.get(f"/api/fact-files?project={PROJECT}").json() == []
    package = alice.get(f"/api/organisations/{place.firm.key}/entitlements/xunli/application").json()
    assert package["evidence"] == [made | {"name": "evidence/compute_rental/01-租赁合同.pdf"}]


def test_outsiders_have_none_of_it(place: City) -> None:
    given = {"organisation": place.firm.key, "attribute": "compute_rental", "idempotency_key": "k"}
    alice = signed_in(place.alice)
    values = {"compute_rental": {"value": "300000000"}}
    call(alice, f"organisations/{place.firm.key}/declarations", idempotency_key="d", values=values)
    made = alice.post("/api/fact-files", given | {"file": paper()}).json()
    for who in (place.bob, place.charlie):
        other = signed_in(who)
        assert other.get(made["content"]).status_code == 404
        assert other.get(f"/api/fact-files?organisation={place.firm.key}").status_code == 403
        assert other.get(f"/api/fact-files?project={PROJECT}").status_code == 404
        assert other.post("/api/fact-files", given | {"file": paper()}).status_code == 403
        assert other.post("/api/fact-files", {**given, "organisation": "", "project": PROJECT, "file": paper()})
    assert Client().get(made["content"]).status_code == 401
    for who in (place.olive, place.ann):
        assert signed_in(who).post("/api/fact-files", given | {"file": paper()}).status_code == 403
    assert FactFile.objects.count() == 1


def test_a_persons_paper_goes_with_the_fact_and_with_nobody_else(place: City, charlie: Client) -> None:
    page = "/desk/dossier"
    assert charlie.post(page, {"token": "f", "file-person_income_tax": paper(name="完税证明.pdf")}).status_code == 302
    file = PersonFile.objects.get()
    address = f"/api/person/files/{file.pk}/content"
    assert ("完税证明.pdf" in charlie.get(page).content.decode(), body(charlie.get(address))) == (True, PDF)
    assert (charlie.head(address).content, charlie.get(address).headers["X-Content-Type-Options"]) == (b"", "nosniff")
    olive = signed_in(place.olive)
    others = [olive, *(signed_in(each) for each in (place.alice, place.bob, place.ann))]
    assert [each.get(address).status_code for each in others] == [404] * 4
    assert Client().get(address).status_code == 401
    now = timezone.now()
    key = create_access_key(
        "k", ["write"], expires_at=now + timedelta(days=30), actor=place.charlie, now=now, idempotency_key="key"
    )
    assert Client().get(address, headers={"Authorization": f"Bearer {key.secret}"}).status_code == 404
    packed = charlie.get("/desk/dossier/gba-income-tax/application.zip")
    archive = zipfile.ZipFile(io.BytesIO(body(packed)))
    assert archive.read("evidence/person_income_tax/01-完税证明.pdf") == PDF
    call(charlie, "person/proofs/consent")
    number = call(charlie, "person/proofs", idempotency_key="a", attribute="person_income_tax").json()["proofs"][0]
    assert (address in olive.get("/desk/proofs").content.decode(), body(olive.get(address))) == (True, PDF)
    (waiting,) = olive.get("/api/person/proofs/waiting").json()
    assert waiting["files"][0]["content"] == address
    assert call(charlie, f"person/proofs/{number['number']}/withdrawal").status_code == 200
    assert (olive.get(address).status_code, charlie.get(address).status_code) == (404, 200)
    given = {"attribute": "gba_talent", "idempotency_key": "g"}
    found = charlie.post("/api/person/files", given | {"file": paper(b"%PDF-card", "卡.pdf")}).json()
    (field,) = [each for each in found["fields"] if each["attribute"] == "gba_talent"]
    assert [each["name"] for each in field["files"]] == ["卡.pdf"]
    assert call(charlie, "person/erasure").status_code == 200
    assert (PersonFile.objects.count(), charlie.get(address).status_code) == (0, 404)
    assert charlie.post("/api/person/files", given | {"file": paper()}).status_code == 409

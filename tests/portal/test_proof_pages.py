"""Facts proven on pages and by the API, and applications of projects and persons to take away."""

import io
import json
import zipfile
from typing import Any

import pytest
from django.test import Client
from portal_city import NOW, City, signed_in
from pypdf import PdfReader

from siwei.exchange.models import PersonFact, PersonProof, Project, ProjectFact
from siwei.exchange.trading import caps

pytestmark = pytest.mark.django_db
PROJECT = "n-00000000000000aa/灵巧手"
PAGE = f"/projects/{PROJECT}"
PACKAGE = ["application-en.docx", "application-en.pdf", "application-zh.docx", "application-zh.pdf", "explanation.json"]
PAPER = "任务书第 3 页"


def call(client: Client, address: str, **given: Any) -> Any:
    return client.post(f"/api/{address}", json.dumps(given), content_type="application/json")


@pytest.fixture
def project(city: City) -> Project:
    return caps.open_project(city.firm.key, "灵巧手", actor=city.alice, now=NOW, idempotency_key="project")


@pytest.fixture
def charlie(city: City) -> Client:
    client = signed_in(city.charlie)
    assert call(client, "person/consent").status_code == 200
    values = {"person_income_tax": {"value": "34567800", "evidence": "完税证明.pdf"}, "gba_talent": {"value": "true"}}
    assert call(client, "person/declarations", idempotency_key="k", values=values).status_code == 200
    return client


def test_the_operator_proves_a_projects_fact_on_its_page(city: City, project: Project) -> None:
    client = signed_in(city.olive)
    text = client.get(PAGE).content.decode()
    assert ("录入为已证明" in text, "申报这些事实" in text, 'name="proof"' in text) == (True, False, True)
    typed = {"token": "t", "proof": "documented", "value-project_months": "18", "evidence-project_months": PAPER}
    for _ in range(2):
        assert client.post(PAGE, typed).status_code == 302
    (fact,) = ProjectFact.objects.all()
    assert (fact.value, fact.status, PAPER in fact.source_ref) == ("18", 1, True)
    text = client.get(PAGE).content.decode()
    assert (PAPER in text, "有文件" in text, "经olive核验" in text) == (True, True, True)
    for wrong in ({"proof": ""}, {"evidence-project_months": ""}, {"value-project_months": "many"}):
        response = client.post(PAGE, {**typed, "token": "u", **wrong})
        assert (response.status_code, 'role="alert"' in response.content.decode()) == (400, True)
    assert "录入为已证明" not in signed_in(city.alice).get(PAGE).content.decode()


def test_and_by_the_api_of_projects_and_organisations(city: City, project: Project) -> None:
    given = {
        "idempotency_key": "k",
        "proof": "verified",
        "values": {"project_months": {"value": "18", "evidence": PAPER}},
    }
    client = signed_in(city.olive)
    found = call(client, "project/proofs", project=PROJECT, **given).json()
    (field,) = [each for each in found["fields"] if each["attribute"] == "project_months"]
    assert (field["value"], field["status"]) == ("18", "verified")
    given["values"] = {"employees": {"value": "12", "evidence": PAPER}}
    given["idempotency_key"] = "other"
    (fact,) = call(client, f"organisations/{city.firm.key}/proofs", **given).json()
    assert (fact["value"], fact["status"]) == ("12", "verified")
    for who in (city.alice, city.bob, city.ann):
        other = signed_in(who)
        assert call(other, f"organisations/{city.firm.key}/proofs", **given).status_code == 403
        assert call(other, "project/proofs", project=PROJECT, **given).status_code in (403, 404)


def test_a_persons_fact_is_proven_from_page_to_page(city: City, charlie: Client) -> None:
    page = "/desk/dossier"
    ask = {"act": "ask", "token": "a", "attribute": "person_income_tax"}
    assert charlie.post(page, ask).status_code == 409
    assert charlie.post(page, {"act": "show"}).status_code == 400
    assert charlie.post(page, {"act": "show", "agreed": "yes"}).status_code == 302
    assert charlie.post(page, ask).status_code == 302
    number = PersonProof.objects.get().pk
    olive = signed_in(city.olive)
    text = olive.get("/desk/proofs").content.decode()
    assert ("34.5678" in text, "完税证明.pdf" in text, "gba" in text) == (True, True, False)
    wrong = olive.post("/desk/proofs", {"proof": number, "outcome": "verified", "evidence": "", "token": "d"})
    assert wrong.status_code == 400
    assert olive.post("/desk/proofs", {"proof": "x", "token": "d"}).status_code == 400
    decided = {"proof": number, "outcome": "verified", "evidence": PAPER, "token": "d"}
    for _ in range(2):
        assert olive.post("/desk/proofs", decided).status_code == 302
    text = olive.get("/desk/proofs").content.decode()
    assert ("34.5678" in text, PAPER in text) == (False, False)
    text = charlie.get(page).content.decode()
    assert ("已核验" in text, PAPER in text, "经olive核验" in text, "已证明" in text) == (True, True, True, True)
    assert charlie.post(page, {"act": "take-back", "proof": number}).status_code == 409
    assert charlie.post(page, {"act": "erase"}).status_code == 302
    assert (PersonProof.objects.count(), PersonFact.objects.count()) == (0, 0)


def test_the_api_says_the_same_and_others_see_nothing(city: City, charlie: Client) -> None:
    assert call(charlie, "person/proofs", idempotency_key="a", attribute="gba_talent").status_code == 409
    assert call(charlie, "person/proofs/consent").status_code == 200
    found = call(charlie, "person/proofs", idempotency_key="a", attribute="person_income_tax").json()
    (proof,) = found["proofs"]
    assert (proof["state"], proof["value"]) == ("asked", "34567800")
    olive = signed_in(city.olive)
    (waiting,) = olive.get("/api/person/proofs/waiting").json()
    assert (waiting["number"], waiting["value"]) == (proof["number"], "34567800")
    outcome = {"idempotency_key": "d", "outcome": "documented", "evidence": PAPER}
    for who in (city.alice, city.bob, city.ann):
        client = signed_in(who)
        assert client.get("/api/person/proofs/waiting").status_code == 403
        assert call(client, f"person/proofs/{proof['number']}/outcome", **outcome).status_code == 403
        assert client.get("/desk/proofs").status_code == 403
        assert call(client, f"person/proofs/{proof['number']}/withdrawal").status_code in (403, 404)
    assert call(olive, f"person/proofs/{proof['number']}/outcome", **outcome).json() == []
    found = charlie.get("/api/person/dossier").json()
    (field,) = [each for each in found["fields"] if each["attribute"] == "person_income_tax"]
    assert (field["status"], found["proofs"][0]["state"]) == ("documented", "proven")
    assert call(charlie, "person/proofs/withdrawal").json()["proof_consented_at"] is None


def package(response: Any) -> dict[str, Any]:
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert (archive.testzip(), sorted(archive.namelist())) == (None, PACKAGE)
    told: dict[str, Any] = json.loads(archive.read("explanation.json"))
    return told


def test_a_projects_application_is_taken_away(city: City, project: Project) -> None:
    alice = signed_in(city.alice)
    address = "/project-applications/research-topic/application."
    text = alice.get(PAGE).content.decode()
    assert f"{address}zip?project=n-00000000000000aa%2F%E7%81%B5%E5%B7%A7%E6%89%8B" in text
    response = alice.get(f"{address}zip", {"project": PROJECT})
    told = package(response)
    assert (told["applicant"]["project"], told["applicant"]["key"], told["applicant"]["partners"]) == (
        "灵巧手", PROJECT, [city.firm.name],
    )  # fmt: skip
    assert {each["attribute"] for each in told["evidence"]} >= {"project_months", "project_budget"}
    assert 'filename="research-topic-n-00000000000000aa.zip"' in response.headers["Content-Disposition"]
    assert alice.get(f"{address}zip", {"project": PROJECT}).content == response.content
    pdf = alice.get(f"{address}pdf", {"project": PROJECT, "language": "en"}).content
    assert "Who takes part" in "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    by_api = alice.get("/api/project/application", {"key": PROJECT, "programme": "research-topic"}).json()
    assert sorted(each["name"] for each in by_api["files"]) == PACKAGE
    for wrong in ("xunli", "gba-income-tax"):
        assert alice.get("/api/project/application", {"key": PROJECT, "programme": wrong}).status_code == 404
    for client in (signed_in(city.bob), Client()):
        assert client.get(f"{address}zip", {"project": PROJECT}).status_code in (403, 404)


def test_a_persons_application_is_theirs_alone(city: City, charlie: Client) -> None:
    address = "/desk/dossier/gba-income-tax/application."
    assert f"{address}zip" in charlie.get("/desk/dossier").content.decode()
    response = charlie.get(f"{address}zip")
    told = package(response)
    assert (told["applicant"]["kind"], told["applicant"]["name"]) == ("person", "charlie")
    assert ("no-store" in response.headers["Cache-Control"], charlie.get(f"{address}exe").status_code) == (True, 400)
    evidence = {each["attribute"]: each["state"] for each in told["evidence"]}
    assert evidence["person_taxable_income"] == "to_give"
    by_api = charlie.get("/api/person/application", {"programme": "gba-income-tax"}).json()
    assert sorted(each["name"] for each in by_api["files"]) == PACKAGE
    assert charlie.get("/desk/dossier/xunli/application.zip").status_code == 404
    mine = signed_in(city.olive).get(f"{address}json").content.decode()
    assert ("34567800" in mine, "charlie" in mine) == (False, False)
    assert Client().get(f"{address}zip").status_code == 302
    assert Client().get("/api/person/application", {"programme": "gba-income-tax"}).status_code in (401, 403)

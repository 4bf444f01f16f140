"""申报书: the same facts give the same bytes, all of it is said, and no text in it can be anything but text."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import date

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from portal_city import HOSTILE, City, know, signed_in
from pypdf import PdfReader

from siwei.exchange.models import Fact
from siwei.portal.application import Application, application_files, application_package
from siwei.portal.application.blocks import Document, Paragraph, Table, plain
from siwei.portal.application.content import write_document
from siwei.portal.application.docx_file import write_docx
from siwei.portal.application.pdf_file import write_pdf
from siwei.portal.queries.application import application_of
from siwei.traditional import traditional

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 23)
NAMES = ["application-en.docx", "application-en.pdf", "application-zh.docx", "application-zh.pdf", "explanation.json"]
NASTY = 'A & B <b onload="x">"甲"</b> {{ 7*7 }} =cmd|calc \u202egpj.exe %s ]]>'


def application(city: City, programme: str = "xunli") -> Application:
    return application_of(city.firm, programme, city.alice)


def docx_text(content: bytes) -> str:
    """Every text of a DOCX's body in its order, tables cell by cell."""
    file = docx.Document(io.BytesIO(content))
    return "\n".join(node.text or "" for node in file.element.body.iter() if node.tag.endswith("}t"))


def document_text(made: Application, language: str) -> str:
    parts = []
    for block in write_document(made, language).blocks:
        parts += [cell for row in block.rows for cell in row] if isinstance(block, Table) else [block.text]
    return "\n".join(parts)


def test_the_same_facts_give_the_same_bytes(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    first = application_package(application(city))
    monkeypatch.setenv("TZ", "America/New_York")
    assert application_package(application(city)) == first
    know(city.firm, "employees", "40", is_public=False)  # a fact this programme does not read
    assert application_package(application(city)) == first
    Fact.objects.filter(attribute="compute_other_support").update(value="100")
    assert application_package(application(city)) != first


def test_the_package_holds_everything_whole(city: City) -> None:
    response = signed_in(city.alice).get(f"/organisations/{city.firm.key}/programmes/xunli/application.zip")
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert (archive.testzip(), sorted(archive.namelist())) == (None, NAMES)
    assert {part.date_time for part in archive.infolist()} == {(2026, 11, 23, 0, 0, 0)}
    assert response.headers["Content-Disposition"] == f'attachment; filename="xunli-{city.firm.key}.zip"'
    assert "no-store" in response.headers["Cache-Control"]
    for name in ("application-zh.docx", "application-en.docx"):
        inner = zipfile.ZipFile(io.BytesIO(archive.read(name)))
        assert (inner.testzip(), {part.date_time for part in inner.infolist()}) == (None, {(2026, 11, 23, 0, 0, 0)})
    told = json.loads(archive.read("explanation.json"))
    assert (told["explanation"]["award"]["award_fen"], told["generated"]) == (128_000_000, False)
    assert {line["attribute"] for line in told["evidence"]} == set(application(city).programme.attributes)


def test_it_says_who_what_why_and_what_to_attach(city: City) -> None:
    made = application(city)
    text = docx_text(application_files(made)["application-zh.docx"])
    headings = ["申报单位", "政策与结果", "事实", "逐条判定", "金额如何算出", "应附证明材料", "声明"]
    places = [text.index(f"\n{heading}\n") for heading in headings]
    assert places == sorted(places)
    for said in (
        "非官方表格。根据截至 2026-11-23 的事实生成，使用前请与公开发布的规则核对。",
        city.firm.name,
        "¥1,280,000.00",
        "测试申报 第 3 行",
        "已核验",
        "√ 符合".replace("√", "✓"),
        *(clause.words.zh for clause in made.programme.clauses),
        *(clause.citation.document for clause in made.programme.clauses if clause.citation),
    ):
        assert said in text, said


def test_both_files_say_the_same_in_every_language(city: City) -> None:
    made = application(city)
    for language in ("zh-hans", "zh-hant", "en"):
        document = write_document(made, language)
        pages = PdfReader(io.BytesIO(write_pdf(document))).pages
        assert 1 <= len(pages) <= 6
        text = docx_text(write_docx(document, DAY))
        assert all(cell in text for cell in document_text(made, language).split("\n"))
    assert "applicant" in document_text(made, "en").lower()
    assert document_text(made, "zh-hant") == traditional(document_text(made, "zh-hans"))


def test_generated_data_is_labelled(city: City) -> None:
    made = application(city)
    outsider = replace(made, applicant=replace(made.applicant, is_generated=True))
    assert "Generated data: this organisation is made up" in document_text(outsider, "en")
    assert "Generated data" not in document_text(made, "en")
    assert json.loads(application_files(outsider)["explanation.json"])["generated"] is True


def test_a_draft_says_so(city: City) -> None:
    assert "Draft:" in document_text(application(city, "high-tech-enterprise"), "en")
    assert "Draft:" not in document_text(application(city), "en")


def test_hostile_text_stays_text(city: City) -> None:
    city.firm.name = NASTY
    city.firm.save()
    Fact.objects.filter(attribute="compute_rental").update(source=HOSTILE, source_ref=NASTY)
    files = application_files(application(city))
    shown = plain(NASTY)
    assert "\u202e" not in shown
    text = docx_text(files["application-zh.docx"])
    assert (shown in text, HOSTILE in text) == (True, True)
    inner = zipfile.ZipFile(io.BytesIO(files["application-zh.docx"]))
    xml = inner.read("word/document.xml").decode()
    assert ("<script" in xml, "<b onload" in xml, "&lt;script&gt;" in xml) == (False, False, True)
    assert sorted(name for name in inner.namelist() if "vba" in name.lower() or "embed" in name) == []
    pdf = files["application-zh.pdf"]
    assert [mark for mark in (b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/OpenAction") if mark in pdf] == []
    assert json.loads(files["explanation.json"])["applicant"]["name"] == NASTY


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.text(min_size=1, max_size=200), value=st.text(max_size=3_000))
def test_any_text_can_be_written(city: City, name: str, value: str) -> None:
    made = application(city)
    facts = {key: replace(fact, source=value, source_ref=name) for key, fact in made.facts.items()}
    document = write_document(replace(made, applicant=replace(made.applicant, name=name), facts=facts), "zh-hans")
    assert plain(name) in docx_text(write_docx(document, DAY))
    assert len(PdfReader(io.BytesIO(write_pdf(document))).pages) >= 1


def test_a_text_longer_than_a_page_is_cut_and_says_so(city: City) -> None:
    Fact.objects.filter(attribute="compute_rental").update(source="长" * 200, source_ref="a" * 200)
    made = application(city)
    facts = {key: replace(fact, source="长" * 9_000) for key, fact in made.facts.items()}
    document = write_document(replace(made, facts=facts), "en")
    assert any(
        "长 …" in cell for block in document.blocks if isinstance(block, Table) for row in block.rows for cell in row
    )
    assert len(PdfReader(io.BytesIO(write_pdf(document))).pages) < 12


@pytest.mark.parametrize(
    ("form", "query", "status"),
    [
        ("docx", "", 200), ("pdf", "?language=en", 200), ("pdf", "?language=zh-hant", 200), ("json", "", 200),
        ("exe", "", 400), ("pdf", "?language=fr", 400),
    ],
)  # fmt: skip
def test_forms_and_languages(city: City, form: str, query: str, status: int) -> None:
    address = f"/organisations/{city.firm.key}/programmes/xunli/application.{form}{query}"
    assert signed_in(city.alice).get(address).status_code == status


@pytest.mark.parametrize("programme", ["none", "peacock", "research-topic"])
def test_what_is_not_for_an_organisation_has_no_application(city: City, programme: str) -> None:
    address = f"/organisations/{city.firm.key}/programmes/{programme}/application.zip"
    assert signed_in(city.alice).get(address).status_code == 404


def test_every_programme_of_an_organisation_can_be_applied_for(city: City) -> None:
    client = signed_in(city.alice)
    for line in client.get(f"/api/organisations/{city.firm.key}/dossier").json()["programmes"]:
        address = f"/api/organisations/{city.firm.key}/entitlements/{line['programme']}/application"
        files = client.get(address).json()["files"]
        assert sorted(file["name"] for file in files) == NAMES, line["programme"]


def test_every_page_says_which_of_how_many_it_is() -> None:
    document = Document("题目", "zh-hans", "页脚", tuple(Paragraph(f"第 {line} 行。" * 40) for line in range(60)))
    written = write_pdf(document)
    assert written == write_pdf(document)
    pages = PdfReader(io.BytesIO(written)).pages
    assert len(pages) > 2
    for number, page in enumerate(pages, start=1):
        text = page.extract_text()
        assert "页脚" in text and f"{number} / {len(pages)}" in text

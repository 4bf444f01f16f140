"""Evidence on the agreement's page and by the API: attached with the act it shows, had by the parties alone."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from portal_city import City, signed_in
from test_workspace import milestones

from siwei.city.home import CityHome
from siwei.exchange.models import Delivery, Dispute, Event, EvidenceFile
from siwei.portal import django_settings

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 protocol"


@pytest.fixture
def scene(city: City, home: CityHome, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> City:
    monkeypatch.setattr(django_settings, "home", replace(home, directory=tmp_path))
    milestones(city)
    return city


def paper(content: bytes = PDF, name: str = "验收 <b>.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/html")


def act(client: Client, act: str, *files: Any, **given: Any) -> Any:
    return client.post(f"/acts/{act}", {"key": "scene", "token": "t", "files": list(files), **given})


def page(actor: Any) -> str:
    return signed_in(actor).get("/agreements/scene").content.decode()


def test_handed_over_with_its_papers(scene: City) -> None:
    bob = signed_in(scene.bob)
    done = act(bob, "submit", paper(), paper(b"\x89PNG\r\n\x1a\n1", "现场.png"), number="1", text="验收记录")
    assert done.status_code == 302
    assert Delivery.objects.get(number=1).state == "submitted"
    assert list(EvidenceFile.objects.order_by("number").values_list("name", flat=True)) == ["验收 b.pdf", "现场.png"]
    for actor in (scene.alice, scene.bob, scene.olive, scene.ann):
        shown = page(actor)
        assert ("验收 b.pdf" in shown, "/api/evidence/scene/2/content" in shown) == (True, True)
    answer = signed_in(scene.alice).get("/api/evidence/scene/1/content")
    assert (answer.status_code, b"".join(answer.streaming_content)) == (200, PDF)
    told = {name: answer.headers[name] for name in ("Content-Type", "X-Content-Type-Options", "Cache-Control")}
    assert told == {
        "Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }  # fmt: skip
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    part = signed_in(scene.alice).get("/api/evidence/scene/1/content", headers={"Range": "bytes=0-3"})
    assert (part.status_code, b"".join(part.streaming_content)) == (206, PDF[:4])


def test_nobody_else_has_them(scene: City) -> None:
    act(signed_in(scene.bob), "submit", paper(), number="1", text="验收记录")
    charlie = signed_in(scene.charlie)
    assert charlie.get("/api/evidence/scene/1/content").status_code == 404
    assert Client().get("/api/evidence/scene/1/content").status_code == 401
    assert charlie.get("/api/evidence").json() == []
    given = {"key": "scene", "token": "c", "number": "1", "files": [paper()]}
    assert charlie.post("/evidence", given).status_code == 404
    assert Client().post("/evidence", given).status_code == 302
    asked = {"agreement": "scene", "delivery": 1, "idempotency_key": "c", "file": paper()}
    assert charlie.post("/api/evidence", asked).status_code == 404
    assert Client().post("/api/evidence", asked | {"file": paper()}).status_code == 401
    assert EvidenceFile.objects.count() == 1


def test_a_file_that_is_not_taken_takes_the_act_back(scene: City) -> None:
    before = Event.objects.count()
    refused = act(signed_in(scene.bob), "submit", paper(), paper(b"MZ\x00", "run.exe"), number="1", text="验收记录")
    assert (refused.status_code, Delivery.objects.get(number=1).state) == (400, "planned")
    assert (EvidenceFile.objects.count(), Event.objects.count()) == (0, before)
    assert act(signed_in(scene.bob), "complete", paper()).status_code == 400
    assert Event.objects.count() == before


def test_a_dispute_opened_and_answered_with_papers(scene: City) -> None:
    assert (
        act(signed_in(scene.alice), "dispute", paper(name="对账.pdf"), text="不符", about="delivery:1").status_code
        == 302
    )
    dispute = Dispute.objects.get()
    answered = act(signed_in(scene.bob), "answer", paper(b"%PDF-2", "复核.pdf"), dispute=dispute.key, text="已复核")
    assert answered.status_code == 302
    more = signed_in(scene.alice).post(
        "/evidence", {"key": "scene", "token": "m", "dispute": dispute.key, "files": [paper(b"%PDF-3", "补充.pdf")]}
    )
    assert more.status_code == 302
    for address in ("/disputes", "/agreements/scene"):
        text = signed_in(scene.alice).get(address).content.decode()
        assert [name in text for name in ("对账.pdf", "复核.pdf", "补充.pdf")] == [True] * 3
    assert Event.objects.filter(subject=f"dispute:{dispute.key}", action="attach_evidence").count() == 3


def test_by_the_api(scene: City) -> None:
    asked = {"agreement": "scene", "delivery": 1, "idempotency_key": "k"}
    bob = signed_in(scene.bob)
    made = bob.post("/api/evidence", asked | {"file": paper()}).json()
    assert (made["number"], made["media_type"], made["by"]) == (1, "application/pdf", "bob")
    assert bob.post("/api/evidence", asked | {"file": paper()}).json() == made
    assert bob.post("/api/evidence", asked | {"file": paper(b"%PDF-other")}).status_code == 409
    assert bob.post("/api/evidence", asked).status_code == 422
    assert signed_in(scene.alice).get("/api/evidence?agreement=scene").json() == [made]
    for number in ("x", "9" * 20, "-1"):
        given = {"key": "scene", "token": "n", "number": number, "files": [paper()]}
        assert bob.post("/evidence", given).status_code == 400
    assert bob.post("/evidence", {"key": "scene", "token": "n", "number": "1"}).status_code == 400

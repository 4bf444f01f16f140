"""Datasets on pages and in the API: published, accepted, had by range, every access shown; and outsiders do nothing."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from exchange_datasets import ROWS, TERMS, DatasetDeal, described
from portal_city import City, signed_in

from siwei.city.home import CityHome
from siwei.exchange.models import DatasetAccess, DatasetVersion, Event, TermsAcceptance
from siwei.exchange.people.keys import create_access_key
from siwei.portal import django_settings

pytestmark = pytest.mark.django_db
PEOPLE = ("alice", "bob", "charlie", "olive", "ann")


@pytest.fixture
def data(city: City, home: CityHome, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> DatasetDeal:
    monkeypatch.setattr(django_settings, "home", replace(home, directory=tmp_path))
    deal = DatasetDeal(city, timezone.now(), tmp_path)
    deal.offer()
    return deal


def reader(city: City, who: str) -> Client:
    return Client() if who == "visitor" else signed_in(getattr(city, who))


def content(version: DatasetVersion, file: int = 1) -> str:
    return f"/api/datasets/{version.dataset.key}/{version.number}/files/{file}/content"


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def sent(client: Client, metadata: Any, **files: bytes) -> Any:
    def named(name: str, given: bytes) -> io.BytesIO:
        file = io.BytesIO(given)
        file.name = name
        return file

    document = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    form = {"offer": "data-offer", "terms": TERMS, "token": "t", "metadata": named("croissant.json", document)}
    given = [named(name.replace("__", "."), each) for name, each in files.items()]
    return client.post("/datasets/publish", form | {"files": given})


def test_from_the_form_to_the_bytes(data: DatasetDeal, city: City) -> None:
    assert sent(signed_in(city.bob), described(), rows__csv=ROWS).status_code == 302
    version = DatasetVersion.objects.get()
    page = f"/datasets/{version.dataset.key}"
    assert "weld-images" in Client().get("/datasets").content.decode()
    shown = Client().get(page).content.decode()
    assert (TERMS in shown, "/accept" in shown, "/content" in shown) == (True, False, False)
    alice = signed_in(city.alice)
    assert "/accept" in alice.get(page).content.decode()
    assert alice.get(content(version)).status_code == 403
    form = {"organisation": city.firm.key, "terms_sha256": version.terms_sha256}
    assert alice.post(f"{page}/1/accept", form).status_code == 302
    whole = alice.get(content(version))
    assert (whole.status_code, body(whole), whole.headers["ETag"]) == (200, ROWS, f'"{version.files.all()[0].sha256}"')
    assert whole.headers["Content-Disposition"] == 'attachment; filename="rows.csv"'
    part = alice.get(content(version), headers={"Range": "bytes=3-6"})
    assert (part.status_code, body(part), part.headers["Content-Range"]) == (206, ROWS[3:7], f"bytes 3-6/{len(ROWS)}")
    assert alice.get(content(version), headers={"Range": "bytes=9999-"}).status_code == 416
    elsewhere = alice.get(content(version, 2))
    assert (elsewhere.status_code, elsewhere.headers["Location"]) == (302, "https://data.example/images.zip")
    assert DatasetAccess.objects.count() == 3


def test_the_description_goes_out_with_addresses_of_here(data: DatasetDeal, city: City) -> None:
    version = data.publish()
    got = Client().get(f"/datasets/{version.dataset.key}/1/croissant.json")
    document = json.loads(got.content)
    assert document["distribution"][0]["contentUrl"] == f"http://testserver{content(version)}"
    assert document["recordSet"] == described()["recordSet"]


def test_a_program_has_files_by_its_key(data: DatasetDeal, city: City) -> None:
    version = data.publish()
    data.accept(version)
    for scope, status in (("read", 403), ("write", 200)):
        made = create_access_key(
            "load", [scope], expires_at=timezone.now() + timedelta(days=1), actor=city.alice, now=timezone.now(),
            idempotency_key=scope,
        )  # fmt: skip
        response = Client().get(content(version), headers={"Authorization": f"Bearer {made.secret}"})
        assert response.status_code == status
    assert DatasetAccess.objects.get().by_key == made.key.identifier


def test_accesses_are_seen_by_both_sides_and_the_offices(data: DatasetDeal, city: City) -> None:
    version = data.publish()
    data.accept(version)
    data.have(version)
    counts = {who: len(reader(city, who).get("/api/dataset-accesses").json()) for who in (*PEOPLE, "visitor")}
    assert counts == {"alice": 1, "bob": 1, "charlie": 0, "olive": 1, "ann": 1, "visitor": 0}
    page = f"/datasets/{version.dataset.key}/1"
    shown = {
        who for who in (*PEOPLE, "visitor") if "data/rows.csv</span>" in reader(city, who).get(page).content.decode()
    }
    assert shown == {"alice", "bob", "olive", "ann"}
    accepted = {who: len(reader(city, who).get(f"/api{page}").json()["acceptances"]) for who in PEOPLE}
    assert accepted == {"alice": 1, "bob": 1, "charlie": 0, "olive": 1, "ann": 1}


@pytest.mark.parametrize("who", ["charlie", "olive", "ann", "visitor"])
def test_an_outsider_does_nothing(data: DatasetDeal, city: City, who: str) -> None:
    version = data.publish()
    data.accept(version)
    client, page = reader(city, who), f"/datasets/{version.dataset.key}/1"
    before = (Event.objects.count(), DatasetVersion.objects.count(), TermsAcceptance.objects.count())
    given = {"organisation": city.firm.key, "terms_sha256": version.terms_sha256}
    new = {"offer": "data-offer", "metadata": described(), "terms": "x", "idempotency_key": "i"}
    json_type = {"content_type": "application/json"}
    made = [
        client.get(content(version)),
        client.get(f"{content(version)}?organisation={city.firm.key}"),
        client.post(f"{page}/accept", given),
        client.post(f"/api{page}/acceptance", given, **json_type),
    ]
    if who != "olive":  # the operator acts for anybody, as the audit trail shows
        made += [
            client.post(f"{page}/withdraw"),
            client.post(f"/api{page}/withdrawal"),
            client.post("/api/datasets", new, **json_type),
        ]
    assert {each.status_code for each in made} <= {302 if who == "visitor" else 403, 401, 403, 404}
    assert (Event.objects.count(), DatasetVersion.objects.count(), TermsAcceptance.objects.count()) == before
    assert DatasetAccess.objects.count() == 0


def test_the_api_accepts_and_withdraws(data: DatasetDeal, city: City) -> None:
    new = {"offer": "data-offer", "terms": TERMS, "idempotency_key": "i"}
    document = described()
    del document["distribution"][0]
    document["recordSet"] = []
    made = signed_in(city.bob).post("/api/datasets", new | {"metadata": document}, content_type="application/json")
    assert made.status_code == 200, made.content
    key, terms = made.json()["key"], made.json()["terms_sha256"]
    given = {"organisation": city.firm.key, "terms_sha256": terms}
    accepted = signed_in(city.alice).post(f"/api/datasets/{key}/1/acceptance", given, content_type="application/json")
    assert [each["person"] for each in accepted.json()["acceptances"]] == ["alice"]
    assert signed_in(city.bob).post(f"/api/datasets/{key}/1/withdrawal").json()["withdrawn_at"] is not None


@pytest.mark.parametrize(
    ("metadata", "files", "said"),
    [
        (b"{", {}, "croissant.json"),
        (described(name=""), {"rows__csv": ROWS}, "名称："),
        (described(), {}, "缺少文件"),
        (described(), {"rows__csv": b"other"}, "校验和与描述不符"),
        (described(), {"rows__csv": ROWS, "more__csv": b"x"}, "描述中没有文件"),
        (b"x" * (1024 * 1024 + 1), {}, "数据集描述："),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_published(
    data: DatasetDeal, city: City, metadata: Any, files: dict[str, bytes], said: str
) -> None:
    response = sent(signed_in(city.bob), metadata, **files)
    page = response.content.decode()
    assert (response.status_code, said in page, 'role="alert"' in page, TERMS in page) == (400, True, True, True)
    assert DatasetVersion.objects.count() == 0


def test_a_providers_words_cannot_run(data: DatasetDeal, city: City) -> None:
    version = data.publish(terms="<script>alert(1)</script>", name='"><img src=x onerror=alert(1)>')
    page = signed_in(city.alice).get(f"/datasets/{version.dataset.key}").content.decode()
    assert ("<script>alert" in page, "<img src=x" in page) == (False, False)

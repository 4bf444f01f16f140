"""Claiming an organisation by the pages: the form with its file, what became of it, the operator's decision; and what
outsiders get."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from portal_city import City, make_person, signed_in

from siwei.city.home import CityHome
from siwei.exchange.actors import Actor
from siwei.exchange.models import Claim, Event, Organisation, Person, Representative
from siwei.portal import django_settings

pytestmark = pytest.mark.django_db
CODE = "91440300MA5EXAMP0C"
"""It checks."""
OUTSIDER = "n-00000000000000cc"
FORM = f"/organisations/{OUTSIDER}/claim"
PAPER = b"%PDF-1.7\nlicence"


def roles(organisation: Organisation) -> dict[str, str]:
    living = Representative.objects.filter(organisation=organisation, approved_at__isnull=False)
    return dict(living.values_list("person__username", "role"))


def client_of(who: Actor | Client) -> Client:
    return who if isinstance(who, Client) else signed_in(who)


def claimed(who: Actor | Client, *, paper: bytes | None = PAPER, address: str = FORM, **changes: Any) -> Any:
    form = {"act": "claim", "code": CODE, "representative_name": "王某", "contact": "0755-1", "token": "t", **changes}
    if paper is not None:
        form["file"] = SimpleUploadedFile("执照.pdf", paper)
    return client_of(who).post(address, form, headers={"Accept-Language": "en"})


def post(who: Actor | Client, address: str, **form: str) -> Any:
    return client_of(who).post(address, form, headers={"Accept-Language": "en"})


def read(who: Actor | Client, address: str) -> tuple[int, str]:
    response = client_of(who).get(address, headers={"Accept-Language": "en"})
    return response.status_code, response.content.decode(errors="replace")


@pytest.fixture
def dora(city: City) -> Actor:
    """Somebody with an account and no organisation; and nobody represents the outsider."""
    Representative.objects.filter(organisation=city.outsider).delete()
    return make_person("dora")


def test_a_claim_from_the_form_to_the_mandate(city: City, dora: Actor) -> None:
    asked = Client().get(FORM).headers["Location"]
    assert asked == f"/accounts/login/?next={FORM}"
    address = claimed(dora).headers["Location"]
    assert claimed(dora).headers["Location"] == address  # the same form again
    assert (Claim.objects.count(), Event.objects.filter(action="claim_organisation").count()) == (1, 1)
    status, page = read(dora, FORM)
    assert (status, address in page, 'name="code"' in page) == (200, True, False)
    status, page = read(dora, address)
    assert (status, "Waits for the operator" in page, 'value="withdraw"' in page, 'value="approve"' in page) == (
        200, True, True, False,
    )  # fmt: skip
    assert "1 claim of yours waits" in read(dora, "/desk")[1]
    assert "1 claim to an organisation waits" in read(city.olive, "/desk")[1]
    assert address in read(city.olive, "/claims")[1]
    file = signed_in(city.olive).get(f"{address}/evidence")
    assert (file.content, file.headers["Content-Type"]) == (PAPER, "application/octet-stream")
    assert post(city.olive, address, act="approve", because=" ").status_code == 400
    for _time in range(2):
        assert post(city.olive, address, act="approve", because="licence seen").headers["Location"] == address
    assert (roles(city.outsider), Event.objects.filter(action="approve_claim").count()) == ({"dora": "owner"}, 1)
    dora = Person.objects.get(username="dora").as_actor()
    assert ["licence seen" in read(dora, each)[1] for each in (address, FORM)] == [True, True]
    assert "You represent it already" in read(dora, FORM)[1]
    assert post(dora, address, act="withdraw").status_code == 409


def test_a_refused_claim_says_why_and_is_made_again(city: City, dora: Actor) -> None:
    address = claimed(dora).headers["Location"]
    assert post(city.olive, address, act="refuse", because="the paper is another firm's").status_code == 302
    page = read(dora, FORM)[1]
    assert ("the paper is another firm&#x27;s" in page, 'name="code"' in page) == (True, True)
    again = claimed(dora, token="u").headers["Location"]
    assert post(dora, again, act="withdraw").status_code == 302
    assert post(city.olive, again, act="approve", because="x").status_code == 409
    assert (roles(city.outsider), Claim.objects.count()) == ({}, 2)


def test_where_there_is_an_owner_the_operator_says_which_role(city: City) -> None:
    firm = f"/organisations/{city.firm.key}/claim"
    dora = make_person("dora")
    address = claimed(dora, address=firm).headers["Location"]
    assert "alice" not in read(dora, address)[1]  # whether anybody represents it is not theirs to know
    assert 'name="role"' in read(city.olive, address)[1]
    assert post(city.olive, address, act="approve", because="seen", role="king").status_code == 400
    assert post(city.olive, address, act="approve", because="seen", role="manager").status_code == 302
    assert roles(city.firm) == {"alice": "owner", "dora": "manager"}


def test_whom_a_claim_does_not_concern(city: City, dora: Actor) -> None:
    address = claimed(dora).headers["Location"]
    before = Event.objects.count()
    for who in (city.alice, city.bob, city.charlie):
        assert [read(who, each)[0] for each in (address, f"{address}/evidence")] == [404, 404]
        assert address not in read(who, "/claims")[1] + read(who, FORM)[1]
        assert [post(who, address, act=act, because="x").status_code for act in ("approve", "refuse", "withdraw")] == [
            404, 404, 404,
        ]  # fmt: skip
    for each in (address, f"{address}/evidence", "/claims"):
        assert "/accounts/login/" in Client().get(each).headers["Location"]
    assert [post(who, address, act="approve", because="x").status_code for who in (dora, city.ann)] == [403, 403]
    assert [post(who, address, act="withdraw").status_code for who in (city.olive, city.ann)] == [404, 403]
    assert claimed(city.ann).status_code == 403
    assert (Event.objects.count(), Claim.objects.get().state, roles(city.outsider)) == (before, "asked", {})


def test_nobody_decides_their_own(city: City) -> None:
    Representative.objects.filter(organisation=city.outsider).delete()
    address = claimed(city.olive).headers["Location"]
    assert 'value="approve"' not in read(city.olive, address)[1]
    assert post(city.olive, address, act="approve", because="x").status_code == 409
    Person.objects.filter(username="olive").update(email="o@example.com")
    other = make_person("olga", is_operator=True)
    Person.objects.filter(username="olga").update(email="O@example.com")
    status, page = read(other, address)
    assert (status, "by another account" in page, 'value="approve"' in page) == (200, True, False)
    assert (post(other, address, act="approve", because="x").status_code, roles(city.outsider)) == (409, {})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": "1"}, "this code does not check"),
        ({"paper": b"MZ"}, "the file is no PDF"),
        ({"paper": None}, "evidence is needed"),
        ({"contact": " "}, "a contact is needed"),
        ({"representative_name": ""}, "the representative needs a name"),
    ],
)
def test_a_claim_that_cannot_be_keeps_what_was_typed(
    city: City, dora: Actor, changes: dict[str, Any], said: str
) -> None:
    answer = claimed(dora, **changes)
    page = answer.content.decode()
    assert (answer.status_code, said in page, Claim.objects.count()) == (400, True, 0)
    assert changes.get("code", CODE) in page


def test_making_an_owner_asks_for_a_second_factor(
    city: City, dora: Actor, home: CityHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = claimed(dora).headers["Location"]
    monkeypatch.setattr(django_settings, "home", replace(home, asks_second_factor=True))
    asked = post(city.olive, address, act="approve", because="seen")
    assert (asked.status_code, "/accounts/2fa/" in asked.content.decode(), roles(city.outsider)) == (403, True, {})
    assert post(city.olive, address, act="refuse", because="not seen").status_code == 302

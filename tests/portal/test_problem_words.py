"""What is wrong with a form is told by what the form calls its fields, in the reader's language, with what to do."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation import override
from portal_city import City, signed_in

import siwei
from siwei.errors import Problem, Said
from siwei.portal.problem_words import label_of, lines_of

SOURCE = Path(siwei.__file__).parent
ROOMS = ("exchange", "portal", "market/bank")
READS = {"number", "wanted", "amount", "wanted_amount", "disputed", "day"}
"""How acts read a form (`siwei.portal.given`)."""
NO_FORM = {
    "applies_to": "the API's own",
    "base64": "the API's own",
    "claims": "the API's own",
    "events": "the API's own",
    "limits": "the API's own",
    "reports": "the API's own",
    "reading": "of what code enters",
    "columns": "of a bank's file",
    "made_at": "of the orders for a bank",
    "orders": "of the orders for a bank",
    "type": "of a city's pack",
    "id": "of a run kept beside the database",
    "SIWEI_GATEWAY_PRIVATE_UPSTREAMS": "a setting",
}


def calls() -> Iterator[ast.Call]:
    for room in ROOMS:
        for path in (SOURCE / room).rglob("*.py"):
            yield from (
                each for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(each, ast.Call)
            )


def fields() -> set[str]:
    found: set[str] = set()
    for call in calls():
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        given = [each.value for each in call.keywords if each.arg == "field"] if name == "Problem" else []
        of_form = isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "g" and name in READS
        given += call.args[:1] if of_form else []
        found |= {str(each.value) for each in given if isinstance(each, ast.Constant)}
    return found


def test_every_field_that_something_may_be_wrong_with_has_a_label() -> None:
    assert {"outcome", "because", "starts_on"} <= fields()
    for language in ("zh-hans", "en"):
        with override(language):
            without = sorted(each for each in fields() - set(NO_FORM) if label_of(each) == each)
            assert without == [], language
    assert sorted(set(NO_FORM) - fields()) == []


def test_a_part_of_a_field_is_told_with_its_place() -> None:
    with override("en"):
        assert [label_of(each) for each in ("lines[2]", "parties", "orders[1].bank_code", "nobody_knows")] == [
            "Lines 2", "Parties", "orders 1, Bank code", "nobody_knows",
        ]  # fmt: skip
        told = lines_of([Problem("it is wrong", "mend it", field="outcome"), Problem("no", file="a.csv", line=3)])
    assert told == ["Outcome: it is wrong → mend it", "a.csv:3: no"]
    with override("zh-hans"):
        said = Problem(Said("it is wrong", "不对"), Said("mend it", "请更正"), field="outcome")
        assert lines_of([said]) == ["裁定：不对 → 请更正"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "title", "label"),
    [
        ("zh-hans", "表单有误，请更正", "金额或数量："),
        ("zh-hant", "表單有誤，請更正", "金額或數量："),
        ("en", "Something in the form has to be corrected", "Amount or quantity: "),
    ],
)
def test_a_wrong_form_says_in_its_own_words_what_to_correct(city: City, language: str, title: str, label: str) -> None:
    client = signed_in(city.alice)
    client.cookies["siwei_language"] = language
    answer = client.post("/acts/budget", {"key": city.firm.key, "amount": "lots", "token": "t"})
    page = answer.content.decode()
    assert (answer.status_code, f"<h1>{title}</h1>" in page, label in page) == (400, True, True), page
    assert "[amount]" not in page


@pytest.mark.django_db
def test_a_program_is_told_the_name_it_sent(city: City) -> None:
    client = signed_in(city.alice)
    body = {
        "key": city.firm.key,
        "amount": 1,
        "starts_on": "2026-12-31",
        "ends_on": "2026-01-01",
        "idempotency_key": "t",
    }
    answer = client.post("/api/acts/cap", body, content_type="application/json")
    assert (answer.status_code, "[ends_on]" in answer.json()["detail"]) == (400, True)


@pytest.mark.django_db
def test_a_wrong_address_is_told_as_one(city: City) -> None:
    client = signed_in(city.olive)
    client.cookies["siwei_language"] = "en"
    answer = client.get("/organisations?export=docx", headers={"Accept": "text/html"})
    page = answer.content.decode()
    assert (answer.status_code, "<h1>Something in the address has to be corrected</h1>" in page) == (400, True), page
    assert "Form of the table: " in page
    assert "[export]" in client.get("/organisations?export=docx").content.decode()

"""What is wrong with a request is said by field, with what to do, in the asker's language."""

from typing import Any

import pytest
from django.test import Client
from portal_city import City, signed_in

from siwei.portal.api.invalid import field_of
from siwei.schema_faults import FAULTS

KEY: dict[str, Any] = {"name": "k", "scopes": ["read"], "days": 1, "idempotency_key": "k"}


def answer(client: Client, changes: dict[str, Any], language: str) -> Any:
    response = client.post(
        "/api/keys", KEY | changes, content_type="application/json", headers={"Accept-Language": language}
    )
    assert response.status_code == 422
    return response.json()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "field", "english", "chinese"),
    [
        ({"days": 0}, "days", "this is too small [days] → 1 at least", "过小 [days] → 不小于 1"),
        ({"days": "x"}, "days", "not a whole number", "不是整数"),
        ({"days": 1.5}, "days", "not a whole number", "不是整数"),
        ({"days": 10**30}, "days", "366 at most", "不大于 366"),
        ({"name": "x" * 81}, "name", "80 characters at most", "至多 80 个字符"),
        ({"name": None}, "name", "not a text", "不是文本"),
        ({"scopes": []}, "scopes", "1 at least", "至少 1 项"),
        ({"scopes": ["all"]}, "scopes[0]", "one of: read, write, money, call", "可选：read、write、money、call"),
        ({"limits": {"cap_fen": -1}}, "limits.cap_fen", "0 at least", "不小于 0"),
        ({"limits": {"models": 1}}, "limits.models", "not a list", "不是列表"),
    ],
)
def test_field_fault_and_remedy(city: City, changes: dict[str, Any], field: str, english: str, chinese: str) -> None:
    client = signed_in(city.alice)
    for language, words in (("en", english), ("zh-Hans", chinese)):
        said = answer(client, changes, language)
        assert words in said["detail"]
        assert [each["field"] for each in said["problems"]] == [field]
        assert all(each["message"] and each["fix"] for each in said["problems"])


@pytest.mark.django_db
def test_traditional_is_derived_and_what_was_sent_is_not_repeated(city: City) -> None:
    client = signed_in(city.alice)
    said = answer(client, {"days": "秘密", "scopes": ["秘密"]}, "zh-Hant")
    assert [each["message"] for each in said["problems"]] == ["不在可選值之內", "不是整數"]
    assert "秘密" not in str(said)


@pytest.mark.django_db
def test_every_problem_at_once_and_a_body_that_is_none(city: City) -> None:
    client = signed_in(city.alice)
    said = client.post("/api/keys", {}, content_type="application/json", headers={"Accept-Language": "en"}).json()
    assert {each["field"] for each in said["problems"]} == {"name", "scopes", "days", "idempotency_key"}
    for body in ("", "{", "[]", '"x"', "null"):
        response = client.post("/api/keys", body, content_type="application/json", headers={"Accept-Language": "en"})
        assert (response.status_code in (400, 422), bool(response.json()["detail"])) == (True, True), body


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (("body", "given", "lines", 0, "amount"), "lines[0].amount"),
        (("body", "given"), ""),
        (("query", "page"), "page"),
        (("path", "number"), "number"),
        ((), ""),
    ],
)
def test_places(place: tuple[Any, ...], field: str) -> None:
    assert field_of(place) == field


def test_every_code_is_one_that_pydantic_has() -> None:
    from typing import get_args

    from pydantic_core.core_schema import ErrorType

    assert sorted(set(FAULTS) - set(get_args(ErrorType))) == []

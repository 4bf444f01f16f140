"""Tables to take away: the same rows in each form, labelled, and nothing in them runs."""

import io

import polars as pl
import pytest
from django.http import HttpResponse
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from portal_city import NOW, City, signed_in

from siwei.city.home import CityHome
from siwei.errors import InputError
from siwei.exchange.facts.runs import save_run
from siwei.portal.exports import FORMULA_START, export_response, neutralised, with_generated
from siwei.portal.queries.indicators import measurements


def read_back(response: HttpResponse, form: str) -> pl.DataFrame:
    content = io.BytesIO(response.content)
    if form == "csv":
        return pl.read_csv(content, infer_schema=False)
    return pl.read_parquet(content) if form == "parquet" else pl.read_excel(content)


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_every_form_has_every_row_and_says_what_is_generated(client: Client, city: City, form: str) -> None:
    response = client.get("/organisations", {"export": form})
    frame = read_back(response, form).sort("key")
    assert response.headers["Content-Disposition"] == f'attachment; filename="organisations.{form}"'
    assert frame["key"].to_list() == [city.firm.key, city.centre.key, city.outsider.key]
    assert [str(value).lower() for value in frame["generated"]] == ["false", "false", "true"]


@pytest.mark.django_db
def test_an_export_follows_the_search(client: Client, city: City) -> None:
    frame = read_back(client.get("/organisations", {"export": "csv", "q": "jiashijue"}), "csv")
    assert frame["key"].to_list() == [city.firm.key]


@pytest.mark.django_db
def test_an_unknown_form_is_refused(client: Client, city: City) -> None:
    response = client.get("/organisations", {"export": "exe"})
    assert (response.status_code, "csv、xlsx 或 parquet" in response.content.decode()) == (400, True)


@pytest.mark.django_db
def test_rows_without_an_origin_are_labelled_by_whom_they_name(city: City) -> None:
    keys = [city.firm.key, city.outsider.key]
    named = with_generated(pl.DataFrame({"organisation": keys, "part": [1, 2]}))
    assert (named["generated"].to_list(), named["part"].to_list()) == ([False, True], [1, 2])
    assert with_generated(pl.DataFrame({"segment": ["speech"]}))["generated"].to_list() == [True]


@pytest.mark.django_db
def test_decisions_are_taken_away_by_the_operator_only(city: City, home: CityHome) -> None:
    rows = {
        "id": [city.firm.key, city.outsider.key],
        "programme": ["xunli"] * 2,
        "verdict": ["eligible", "cannot_tell"],
    }
    frame = pl.DataFrame({**rows, "award_fen": [128_000_000, None]})
    save_run("awards", frame, runs=home.runs, as_of=home.as_of, inputs_sha256="0" * 64, actor=city.olive, now=NOW)
    taken = read_back(signed_in(city.olive).get("/programmes/xunli?export=parquet"), "parquet")
    assert taken["name"].to_list() == [city.firm.name, city.outsider.name]
    assert taken["generated"].to_list() == [False, True]
    assert signed_in(city.alice).get("/programmes/xunli?export=parquet").status_code == 403


@pytest.mark.django_db
def test_rejects_can_be_taken_away_as_they_were_read(city: City) -> None:
    response = signed_in(city.olive).get(f"/imports/{city.sha256}", {"export": "parquet"})
    row = read_back(response, "parquet").row(0, named=True)
    assert (row["row"], row["field"], '"=HYPERLINK(1)"' in row["record"]) == (3, "code", True)


@given(st.lists(st.text(max_size=12), max_size=8))
def test_no_cell_starts_a_formula(texts: list[str]) -> None:
    frame = neutralised(pl.DataFrame({"text": texts}, schema={"text": pl.String}))
    assert [cell for cell in frame["text"] if cell.startswith(FORMULA_START)] == []
    kept = [
        cell[1:] if text.startswith(FORMULA_START) else cell for cell, text in zip(frame["text"], texts, strict=True)
    ]
    assert kept == texts


@pytest.mark.django_db
def test_xlsx_takes_control_characters() -> None:
    frame = read_back(export_response(pl.DataFrame({"text": ["a\x01b", "=1+1"]}), "t", "xlsx"), "xlsx")
    assert frame["text"].to_list() == ["ab", "'=1+1"]


@pytest.mark.django_db
def test_generated_is_not_written_twice() -> None:
    frame = with_generated(pl.DataFrame({"origin": ["generated"]}))
    assert with_generated(frame).columns == ["origin", "generated"]


@pytest.mark.django_db
def test_a_sheet_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("siwei.portal.exports.XLSX_ROWS", 1)
    with pytest.raises(InputError, match="take CSV or Parquet"):
        export_response(pl.DataFrame({"text": ["a", "b"]}), "t", "xlsx")


@pytest.mark.django_db
def test_rows_of_single_organisations_are_refused_as_what_was_asked_for(client: Client, city: City) -> None:
    """A program gets the status and a line of text, a browser the status and a page; nobody a page under 200."""
    restricted = [each.indicator.id for each in measurements() if each.indicator.restricted]
    assert restricted
    for name in restricted:
        assert client.get(f"/indicators/{name}").status_code == 200
        asked = {"accept": "*/*;q=0.1, text/csv", "accept-language": "en"}
        refused = client.get(f"/indicators/{name}", {"export": "csv"}, headers=asked)
        assert (refused.status_code, "operator" in refused.content.decode()) == (403, True)
    told = client.get(f"/indicators/{restricted[0]}", {"export": "csv"}, headers={"accept": "text/csv"})
    assert (told.status_code, told.headers["Content-Type"]) == (403, "text/plain; charset=utf-8")
    shown = client.get(f"/indicators/{restricted[0]}", {"export": "csv"}, headers={"accept": "text/html"})
    assert (shown.status_code, "<h1" in shown.content.decode()) == (403, True)

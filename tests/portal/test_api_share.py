"""`/api/policy/share` shares a pot as `siwei policy share` does: the same claims, earlier rounds and events, the same
fen, and the same words where something is wrong."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.test import Client
from portal_city import City, signed_in

from siwei.city.home import PACKS, CityHome
from siwei.cli.policy import policy_app
from siwei.cli.policy_money import share as registered
from siwei.errors import SiweiError
from siwei.portal import city_pack, django_settings
from siwei.portal.api.policy_schemas import MOST_EVENTS, MOST_STEPS

assert registered
pytestmark = pytest.mark.django_db
KEPT = (city_pack.pack, city_pack._versions, city_pack._programmes_on, city_pack._stacking_on)
QUOTA = "quotas: [{by: district, most_bp: 4000, words: {zh: 限, en: Quota}}]"
RESERVE = "reserves: [{id: north, share_bp: 5000, where: 'district == \"x\"', words: {zh: 留, en: Kept}}]"
FIRST = [("a", 300, "1", "x"), ("b", 100, "2", "y")]
SECOND = [("c", 900, "1", "x"), ("d", 250, "2", "y"), ("e", 900, "3", "z")]
EVENTS = [
    {"on": "2026-07-01", "kind": "claw_back", "id": "c", "amount_fen": 50},
    {"on": "2026-07-02", "kind": "true_up", "id": "d", "claim_fen": 100},
    {"on": "2026-07-03", "kind": "claim", "id": "f", "claim_fen": 500, "district": "w"},
    {"on": "2026-07-04", "kind": "fund", "amount_fen": 120},
    {"on": "2026-07-05", "kind": "withdraw", "id": "e"},
    {"on": "2026-07-06", "kind": "claw_back", "id": "a", "amount_fen": 30},
]
"""The last is of an award of the first round."""
Rows = list[dict[str, Any]]


class Pot:
    """Longhua's programme with a pot of 1,000 fen, shared by the command and over the API."""

    def __init__(self, folder: Path, client: Client) -> None:
        self.folder, self.client = folder, client

    def command(
        self,
        claims: Rows,
        capsys: pytest.CaptureFixture[str],
        earlier: list[Path],
        events: Rows | None,
        target: Path,
        *more: str,
    ) -> tuple[dict[str, Any], Rows]:
        """What it prints, and the rows it writes."""
        options: list[str | Path] = [option for each in earlier for option in ("--earlier", each)]
        if events is not None:
            options += ["--events", write(self.folder / "events.csv", events)]
        capsys.readouterr()
        policy_app([*map(str, (
            "share", "--programme", "longhua-compute", "--pack", self.folder / "pack", "--as-of", "2026-06-01", "--in",
            write(self.folder / "claims.csv", claims), "--out", target, "--json", *options, *more,
        ))], result_action="return_value")  # fmt: skip
        return json.loads(capsys.readouterr().out), pl.read_parquet(target).to_dicts()

    def api(self, claims: Rows, language: str = "en", **body: Any) -> Any:
        made = [{**{name: row[name] for name in ("id", "claim_fen", "applied_at", "instead_fen") if name in row},
                 "more": {"district": row["district"]}} for row in claims]  # fmt: skip
        return self.client.post(
            "/api/policy/share",
            {"programme": "longhua-compute", "as_of": "2026-06-01", "claims": made, **body},
            content_type="application/json", headers={"accept-language": language},
        )  # fmt: skip


def write(path: Path, rows: Rows) -> Path:
    pl.DataFrame(rows, infer_schema_length=None).write_csv(path)
    return path


def claims_of(rows: list[tuple[Any, ...]]) -> Rows:
    return [dict(zip(("id", "claim_fen", "applied_at", "district"), row, strict=True)) for row in rows]


@pytest.fixture
def pot_of(city: City, home: CityHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pot]]:
    pack = tmp_path / "pack"
    shutil.copytree(PACKS / "shenzhen", pack)
    path = pack / "programmes" / "longhua-compute.yaml"
    text = path.read_text(encoding="utf-8")

    def forget() -> None:
        for kept in KEPT:
            kept.cache_clear()

    def make(rules: str) -> Pot:
        pot = f"pot: {{budget_fen: 1000, sharing: first_come, words: {{zh: 池, en: Pot}}, {rules}}}\n"
        path.write_text(text[: text.index("pot:")] + pot + text[text.index("notes:") :], encoding="utf-8")
        monkeypatch.setattr(django_settings, "home", replace(home, pack=str(pack)))
        forget()
        return Pot(tmp_path, signed_in(city.alice))

    yield make
    forget()


@pytest.mark.parametrize(
    "rules",
    [
        "returns: pot",
        f"returns: waiting, {QUOTA}, {RESERVE}",
        f"returns: treasury, {QUOTA}",
        f"returns: pot, {RESERVE}",
    ],
)
def test_two_rounds_and_what_happened_then_come_to_the_same(
    pot_of: Callable[..., Pot], rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pot, first = pot_of(rules), tmp_path / "first.parquet"
    _, written = pot.command(claims_of(FIRST), capsys, [], None, first)
    told = pot.api(claims_of(FIRST)).json()
    assert told["shares"] == written
    assert (told["after_events"], told["movements"], told["followed"]) == (None, [], [])
    printed, after = pot.command(claims_of(SECOND), capsys, [first], EVENTS, tmp_path / "after.parquet")
    second = pot.api(claims_of(SECOND), earlier=[told["shares"]], events=EVENTS)
    assert second.status_code == 200, second.content
    found = second.json()
    assert found["followed"] == after
    same = {*printed} - {"claims", "left_out", "draft", "movements"}
    assert {name: found[name] for name in same} == {name: printed[name] for name in same}
    # In a CSV the header is line 1.
    moved = [{**each, "event": each["event"] and each["event"] - 1} for each in printed["movements"]]
    assert found["movements"] == moved
    # A third round counts both; what was put in since is in its budget.
    third, both = claims_of([("g", 900, "1", "w"), ("h", 900, "2", "x")]), [first, tmp_path / "after.parquet"]
    _, written = pot.command(third, capsys, both, None, tmp_path / "third.parquet", "--budget", "1120")
    answer = pot.api(third, earlier=[told["shares"], found["followed"]], budget_fen=1120)
    assert answer.json()["shares"] == written


def test_who_chooses_again_does_so_over_the_api_too(
    pot_of: Callable[..., Pot], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """d gets 100 of 250 and has 101 elsewhere; e, which got nothing, has nothing there and waits."""
    pot = pot_of("returns: waiting, choose_again: true")
    claims = [{**row, "instead_fen": fen} for row, fen in zip(claims_of(SECOND), (9, 101, None), strict=True)]
    printed, written = pot.command(claims, capsys, [], None, tmp_path / "after.parquet")
    found = pot.api(claims).json()
    assert (found["followed"], found["after_events"]) == (written, printed["after_events"])
    assert {row["id"]: row["paid_fen"] for row in written} == {"c": 900, "d": 0, "e": 100}
    assert (found["choose_again"], found["after_events"]["given_up_fen"]) == (True, 100)
    events = [{"on": "2026-06-10", "kind": "give_up", "id": "d"}]
    assert pot.api(claims_of(SECOND), events=events).json()["followed"] == written
    wrong = pot.api([{**claims[0], "instead_fen": -1}])
    assert wrong.status_code == 422


@pytest.mark.parametrize(
    ("earlier", "events", "said"),
    [
        ([{"id": "a", "paid_fen": -1, "district": "x"}], None, "1: an earlier award's paid_fen is no amount"),
        ([{"id": "a", "paid_fen": None, "district": "x"}], None, "1: an earlier award's paid_fen is no amount"),
        ([{"id": "a", "district": "x"}], None, "earlier awards have no column 'paid_fen'"),
        ([{"id": "a", "paid_fen": 5}], None, "earlier awards have no column 'district'"),
        ([{"id": "b", "paid_fen": 1.5, "district": "y"}], None,
         "1: '1.5' is not a whole number within 64 bits"),
        ([{"id": "a", "paid_fen": 1001, "district": "x"}], None, "earlier awards take 1001 fen of a budget of 1000"),
        (None, [{"on": "2026-07-01", "kind": "true_up", "id": "c"}], "1: a true_up needs its claim_fen"),
        (None, [{"on": "2026-07-01", "kind": "fund", "amount_fen": 5},
                {"on": "2026-07-01", "kind": "claim", "id": "n", "claim_fen": 5}], "2: a claim needs its district"),
        (None, [{"on": "2026-07-01", "kind": "award", "id": "c"}], "1: 'award' is no kind"),
        (None, [{"on": "1 July", "kind": "fund", "amount_fen": 1, "id": None}], "1: '1 July' is not YYYY-MM-DD"),
        (None, [{"kind": "fund", "amount_fen": 1, "id": None}], "no column 'on'"),
        (None, [{"on": "2026-07-01", "kind": "withdraw", "id": "nobody"}],
         "1: the withdraw of nobody on 2026-07-01 names no known claim"),
        (None, [{"on": "2026-07-01", "kind": "claw_back", "id": "c", "amount_fen": 900}],
         "1: the claw_back of c on 2026-07-01 takes back more than the 400 fen that it has"),
        (None, [{"on": "2026-05-01", "kind": "fund", "amount_fen": 1, "id": None}], "1: the fund on 2026-05-01"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_the_same_words(
    pot_of: Callable[..., Pot], earlier: Rows | None, events: Rows | None, said: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    pot = pot_of(f"returns: pot, {QUOTA}")
    files = [] if earlier is None else [write(tmp_path / "first.csv", earlier)]
    with pytest.raises(SiweiError) as refused:
        pot.command(claims_of(SECOND), capsys, files, events, tmp_path / "out.parquet")
    body = {name: value for name, value in (("earlier", earlier and [earlier]), ("events", events)) if value}
    for language, told in (("en", str(refused.value)), ("zh-hans", refused.value.in_chinese())):
        answer = pot.api(claims_of(SECOND), language, **body)
        assert answer.status_code == 400, answer.content
        detail = answer.json()["detail"]
        assert of_rows(detail, {"earlier[1]", "events"}, 0) == of_rows(
            told, {*map(str, files), str(tmp_path / "events.csv")}, 1
        )
        assert language != "en" or said in detail


def of_rows(told: str, places: set[str], header: int) -> str:
    """Without what the table is called, and rows counted from the first."""
    for place in places:
        for row in range(1, 4):
            told = told.replace(f"{place}:{row + header}", f"*:{row}")
        told = told.replace(place, "*")
    return told


def test_a_name_that_is_nobodys_is_refused_with_the_nearest(pot_of: Callable[..., Pot]) -> None:
    pot = pot_of("returns: pot")
    for body, near in (
        ({"earlier": [[{"id": "a", "paid_fem": 5}]]}, "paid_fen"),
        ({"events": [{"on": "2026-07-01", "kind": "fund", "amount": 5}]}, "amount_fen"),
    ):
        answer = pot.api(claims_of(FIRST), **body)
        assert (answer.status_code, f"did you mean {near!r}?" in answer.json()["detail"]) == (400, True)


def test_no_more_is_followed_than_can_be_in_bounded_time(pot_of: Callable[..., Pot]) -> None:
    pot = pot_of("returns: waiting")
    fund = {"on": "2026-07-01", "kind": "fund", "amount_fen": 1}
    assert pot.api(claims_of(FIRST), events=[fund] * (MOST_EVENTS + 1)).status_code == 422
    many = claims_of([(str(each), 5, "1", "x") for each in range(MOST_STEPS // MOST_EVENTS + 1)])
    refused = pot.api(many, events=[{**fund}] * MOST_EVENTS)
    assert (refused.status_code, f"more than {MOST_STEPS}" in refused.json()["detail"]) == (400, True)
    assert "之积超过" in pot.api(many, "zh-hans", events=[{**fund}] * MOST_EVENTS).json()["detail"]
    assert pot.api(claims_of(FIRST), earlier=[[]] * 21).status_code == 422

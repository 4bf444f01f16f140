"""`/api/policy/combine`, `diff`, `check`, `schema` and `columns` answer what the commands of the same names do."""

import json
import shutil
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from portal_city import City, signed_in
from test_api_explain import CONTRACTS, FIRMS, JOINT, NAMES, PROJECTS, Both
from test_api_explain import both as both

import siwei.cli.policy_diff
import siwei.cli.policy_money  # noqa: F401  (registers `combine`)
from siwei.city.home import PACKS
from siwei.cli.policy import policy_app

pytestmark = pytest.mark.django_db
Make = Callable[..., Both]


def post(asked: Both, call: str, language: str = "en", **body: Any) -> Any:
    sent = {"content_type": "application/json", "headers": {"accept-language": language}}
    return asked.client.post(f"/api/policy/{call}", body, **sent)


def combined(asked: Both, rows: list[dict[str, Any]], others: dict[str, Any], *more: str) -> tuple[Any, Any]:
    """What the command prints and writes."""
    target = asked.folder / "kept.parquet"
    options = [option for kind, mine in others.items() for option in (f"--{NAMES[kind]}", asked.write(kind, mine))]
    asked.capsys.readouterr()
    policy_app([*map(str, (
        "combine", "--pack", asked.folder / "pack", "--as-of", "2026-06-30", "--in", asked.write("own", rows), "--out",
        target, "--json", *options, *more,
    ))], result_action="return_value")  # fmt: skip
    return json.loads(asked.capsys.readouterr().out), pl.read_parquet(target).to_dicts()


@pytest.mark.parametrize("given", [("claim", "project"), ("claim",), ("project",)])
def test_an_organisation_s_rows_of_all_kinds_are_combined(both: Make, given: tuple[str, ...]) -> None:
    asked, tables = both(), {"claim": CONTRACTS, "project": PROJECTS}
    others = {kind: tables[kind] for kind in given}
    printed, written = combined(asked, FIRMS, others)
    found = post(
        asked, "combine", rows=FIRMS, as_of="2026-06-30", **{NAMES[kind]: each for kind, each in others.items()}
    )
    assert found.status_code == 200, found.content
    answer = found.json()
    assert [
        {name: value for name, value in row.items() if name not in ("kind", "instead_fen")} for row in answer["awards"]
    ] == written
    assert (answer["joint_limits"], answer["joint_kinds_not_given"]) == (
        printed["joint_limits"], printed["joint_kinds_not_given"],
    )  # fmt: skip
    if given == ("claim", "project"):
        kept = {(row["kind"], row["id"], row["programme"]): row["kept_fen"] for row in answer["awards"]}
        assert (kept["claim", "c1", "city"], kept["claim", "c2", "city"], kept["project", "p1", "topic"]) == (
            6000,
            4000,
            700,
        )


def test_an_empty_list_says_that_there_are_none(both: Make) -> None:
    answer = post(both(), "combine", rows=FIRMS, claims=[], projects=[], as_of="2026-06-30").json()
    assert ({row["kind"] for row in answer["awards"]}, answer["joint_kinds_not_given"]) == ({"organisation"}, [])
    assert {row["id"]: row["kept_fen"] for row in answer["awards"] if row["programme"] == "own"}["a"] == 500


def test_rows_that_cannot_be_used_say_of_which_list_they_are(both: Make) -> None:
    bad = [{"id": f"x{each}", "organisation": "a", "contract_amount": "?"} for each in range(30)]
    answer = post(both(), "combine", rows=FIRMS, claims=[*CONTRACTS, *bad], as_of="2026-06-30").json()
    assert [(row["of"], row["id"]) for row in answer["rejects"]] == [("claims", row["id"]) for row in bad]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"applies_to": "claim"}, "claims and projects stand beside organisations"),
        ({"id": "a"}, "one row is explained without claims and projects"),
        ({"claims": [{"id": "c", "contract_amout": 1}]}, "did you mean 'contract_amount'?"),
    ],
)
def test_what_cannot_be_combined_is_refused(both: Make, body: dict[str, Any], said: str) -> None:
    answer = post(both(), "combine", **{"rows": FIRMS, "claims": CONTRACTS, **body})
    assert (answer.status_code, said in answer.json()["detail"]) == (400, True), answer.content
    assert (
        said not in post(both(), "combine", "zh-hans", **{"rows": FIRMS, "claims": CONTRACTS, **body}).json()["detail"]
    )


def test_the_choice_of_a_row_is_explained(both: Make) -> None:
    words = "words: {zh: 合计, en: Both}"
    group = f"groups:\n  - {{id: both, programmes: [own, more], limit: '600', reduce: [own, more], {words}}}\n"
    asked = both(group)
    printed, written = combined(asked, FIRMS, {}, "--id", "a")
    answer = post(asked, "combine", rows=FIRMS, id="a", as_of="2026-06-30").json()
    assert answer["explanation"] == printed["explanation"]
    assert [
        {name: value for name, value in row.items() if name not in ("kind", "instead_fen")} for row in answer["awards"]
    ] == written
    assert post(asked, "combine", rows=FIRMS, id="z", as_of="2026-06-30").status_code == 404


def test_decisions_are_counted_by_programme(both: Make, city: City) -> None:
    asked = both()
    found = post(asked, "decide", rows=FIRMS, as_of="2026-06-30").json()["programmes"]
    asked.capsys.readouterr()
    out = asked.folder / "decided.csv"
    policy_app([*map(str, (
        "decide", "--pack", asked.folder / "pack", "--as-of", "2026-06-30", "--in", asked.write("own", FIRMS), "--out",
        out, "--json",
    ))], result_action="return_value")  # fmt: skip
    assert found == json.loads(asked.capsys.readouterr().out)["programmes"]


def test_rows_of_a_named_programme_need_not_say_what_they_are(both: Make) -> None:
    # As they are sent to be explained: with titles, and by what a pot is shared.
    rows = [{**row, "applied_at": "2026-05-01"} for row in CONTRACTS]
    found = post(both(), "decide", rows=rows, programmes=["city"], as_of="2026-06-30").json()
    assert [row["award_fen"] for row in found["awards"]] == [6_000, 5_000, 6_000]


def test_rules_of_stacking_are_checked_as_a_text(city: City) -> None:
    client = signed_in(city.alice)
    text = (PACKS / "shenzhen" / "stacking.yaml").read_text(encoding="utf-8")

    def check(**body: Any) -> Any:
        return client.post(
            "/api/policy/check", body, content_type="application/json", headers={"accept-language": "en"}
        )

    assert check(stacking=text).json()["ok"] is True
    found = check(stacking=text.replace("compute_rental", "compute_rentel", 1)).json()
    assert (found["ok"], {each["file"] for each in found["problems"]}) == (False, {"stacking.yaml"})
    assert "did you mean 'compute_rental" in found["problems"][0]["fix"]
    assert check().status_code == 400
    assert check(stacking="a: &a [*a]\n").json()["ok"] is False
    assert check(stacking="x" * 300_000).status_code in (400, 422)


def test_schemas_and_columns_of_any_day(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    client = signed_in(city.alice)

    def printed(*options: str) -> Any:
        capsys.readouterr()
        policy_app(["schema", "--json", *options], result_action="return_value")
        return json.loads(capsys.readouterr().out)

    assert client.get("/api/policy/schema?of=stacking").json() == printed("--stacking-file")
    assert client.get("/api/policy/schema").json() == printed("--programme-file")
    for kind in ("organisation", "claim", "project", "person"):
        told = client.get(f"/api/policy/columns?applies_to={kind}&any_day=true").json()
        assert [each["column"] for each in told] == [
            each["column"] for each in printed("--applies-to", kind)["columns"]
        ]
    assert client.get("/api/policy/schema?of=nothing").status_code == 422


@pytest.mark.parametrize("held", [[], [{"subject": "gone", "programme": "city", "held_fen": 500, "organisation": "a"}]])
def test_what_organisations_keep_in_all_is_compared(both: Make, held: list[dict[str, Any]]) -> None:
    """The joint limit goes by half the revenue: the first contract alone takes more than is left."""
    asked, changed = both(), JOINT.replace("limit: revenue", "limit: revenue / 2")
    shutil.copytree(asked.folder / "pack", asked.folder / "changed")
    (asked.folder / "changed" / "stacking.yaml").write_text(changed, encoding="utf-8")
    (asked.folder / "rows").mkdir()
    held_file = {} if not held else {"--rows": asked.write("rows/holdings", held).parent}
    options = {"--in": asked.write("own", FIRMS), "--claims": asked.write("claim", CONTRACTS),
               "--projects": asked.write("project", PROJECTS), "--as-of": "2026-06-30", **held_file}  # fmt: skip
    asked.capsys.readouterr()
    policy_app(
        ["diff", str(asked.folder / "pack"), str(asked.folder / "changed"), "--json",
         *(str(each) for option in options.items() for each in option)],
        result_action="return_value",
    )  # fmt: skip
    printed = json.loads(asked.capsys.readouterr().out)
    body = {"programme": "own", "rows": FIRMS, "stacking": changed, "as_of": "2026-06-30", "holdings": held}
    found = post(asked, "diff", **body, claims=CONTRACTS, projects=PROJECTS).json()
    assert found["joint"] == printed["joint"]
    assert found["joint"]["kept"][0]["kept_before_fen"] > found["joint"]["kept"][0]["kept_after_fen"]
    mine = [each for each in printed["programmes"] if each["programme"] == "own"]
    assert [found["difference"]] == mine
    assert (found["joint_limits_not_weighed"], found["joint_kinds_not_given"]) == ([], [])
    alone = post(asked, "diff", **body).json()
    assert (alone["joint"], alone["joint_limits_not_weighed"]) == (None, ["firm"])
    part = post(asked, "diff", **body, claims=CONTRACTS).json()
    assert part["joint_kinds_not_given"] == ["project"]
    wrong = post(asked, "diff", **{**body, "programme": "city", "rows": CONTRACTS}, projects=PROJECTS)
    assert (wrong.status_code, "claims and projects stand beside organisations" in wrong.json()["detail"]) == (
        400,
        True,
    )

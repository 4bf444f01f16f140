"""`/api/policy/explain` tells of an award what `siwei policy explain` tells: the same rows of every kind, limits, pots
and words."""

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
from siwei.cli.policy_explain import explain as registered
from siwei.portal import city_pack, django_settings
from siwei.portal.api.policy_schemas import MOST_ROWS

assert registered
pytestmark = pytest.mark.django_db
KEPT = (city_pack.pack, city_pack._versions, city_pack._programmes_on, city_pack._stacking_on)
ONE = """\
id: {name}
version: "1"
title: {{zh: {name}政策, en: Trial of {name}}}
kind: grant
issuer: {{zh: 试验, en: Trial}}
source: {{document: Trial rules, as_of: 2026-01-01, verified: false}}
period: {{}}
applies_to: {applies_to}
clauses:
  - {{id: one, expr: {award} > 0, words: {{zh: 一, en: One}}, citation: {{document: Trial rules}}}}
award: {{expr: {award}, words: {{zh: 全额, en: All}}, citation: {{document: Trial rules}}}}
{more}rounding: {{mode: down, to: fen}}
"""
YEAR = """\
limits:
  - {id: firm-year, per: [organisation], at_most: '5500', order: [contract_signed_on], words: {zh: 每家, en: Each firm},
     citation: {document: Trial rules}}
"""
JOINT = """\
joint:
  - {id: firm, programmes: [own, city], limit: revenue, reduce: [own, city], order: [contract_signed_on],
     words: {zh: 每家合计, en: Each firm together}, citation: {document: Trial rules}}
  - {id: research, programmes: [more, topic], limit: rd_expensed, reduce: [more, topic],
     words: {zh: 研发合计, en: Research together}, citation: {document: Trial rules}}
"""
AWARDS = {"own": ("organisation", "compute_other_support"), "more": ("organisation", "compute_rental"),
          "city": ("claim", "contract_amount"), "topic": ("project", "project_budget")}  # fmt: skip
FIRMS = [
    {"id": "a", "compute_other_support": 500, "compute_rental": 400, "revenue": 10_000, "rd_expensed": 700},
    {"id": "b", "compute_other_support": 0, "compute_rental": 0, "revenue": 10_000, "rd_expensed": 0},
]
CONTRACTS = [
    {"id": "c1", "organisation": "a", "contract_amount": 6_000, "contract_signed_on": "2026-01-01", "title": "训练"},
    {"id": "c2", "organisation": "a", "contract_amount": 5_000, "contract_signed_on": "2026-01-02"},
    {"id": "c3", "organisation": "b", "contract_amount": 6_000, "contract_signed_on": "2026-01-01"},
]
PROJECTS = [{"id": "p1", "organisation": "a", "project_budget": 900}]
TABLES = {"organisation": FIRMS, "claim": CONTRACTS, "project": PROJECTS}
NAMES = {"organisation": "organisations", "claim": "claims", "project": "projects"}
Rows = list[dict[str, Any]]
Told = tuple[dict[str, Any], dict[str, Any]]


class Both:
    """One question put to the command and to the API."""

    def __init__(self, folder: Path, client: Client, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.client, self.capsys = folder, client, capsys

    def write(self, name: str, rows: Rows) -> Path:
        path = self.folder / f"{name}.csv"
        pl.DataFrame(rows, infer_schema_length=None).write_csv(path)
        return path

    def ask(
        self, programme: str, kind: str, rows: Rows, id: str, others: dict[str, Rows], *, seed: str | None = None,
        holdings: Rows | None = None,
    ) -> Told:  # fmt: skip
        options: list[str | Path] = []
        for other, mine in others.items():
            options += [f"--{NAMES[other]}", self.write(other, mine)]
        options += [] if seed is None else ["--seed", seed]
        if holdings is not None:
            (self.folder / "rows").mkdir(exist_ok=True)
            self.write("rows/holdings", holdings)
            options += ["--rows", self.folder / "rows"]
        self.capsys.readouterr()
        policy_app([*map(str, (
            "explain", programme, "--pack", self.folder / "pack", "--as-of", "2026-06-30", "--in",
            self.write("own", rows), "--id", id, "--json", *options,
        ))], result_action="return_value")  # fmt: skip
        command = json.loads(self.capsys.readouterr().out)
        answer = self.api(programme, rows, id, others, seed=seed, holdings=holdings or [])
        assert answer.status_code == 200, answer.content
        return command, answer.json()

    def api(self, programme: str, rows: Rows, id: str, others: dict[str, Rows], **body: Any) -> Any:
        (mine,) = [row for row in rows if row["id"] == id]
        sent: dict[str, Any] = {"programme": programme, "row": mine, "rows": [row for row in rows if row["id"] != id],
                "as_of": "2026-06-30", **{NAMES[kind]: rows for kind, rows in others.items()}, **body}  # fmt: skip
        return self.client.post(
            "/api/policy/explain", sent, content_type="application/json", headers={"accept-language": "en"}
        )


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """What both tell, but for what the tables are called."""
    whole = answer.get("explanation", answer)
    explanation = {name: value for name, value in whole.items() if name not in BESIDE}
    text = json.dumps([explanation, {name: answer[name] for name in BESIDE}], ensure_ascii=False)
    for name, other in WORDS.items():
        text = text.replace(name, other)
    made: dict[str, Any] = json.loads(text)
    return made


WORDS = {
    "own.csv": "rows", "--": "", "no file": "no row", "相关机构的文件": "相关机构的行", "未提供其文件": "未提供其行",
}  # fmt: skip
BESIDE = (
    "failures", "bindings", "pot_told", "not_told", "joint_limits", "drafts", "related", "not_added_up", "held_fen",
    "applications",
)  # fmt: skip


@pytest.fixture
def both(
    city: City, home: CityHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Both]]:
    pack = tmp_path / "pack"
    shutil.copytree(PACKS / "shenzhen", pack)

    def forget() -> None:
        for kept in KEPT:
            kept.cache_clear()

    def make(stacking: str = JOINT, **more: str) -> Both:
        shutil.rmtree(pack / "programmes")
        (pack / "programmes").mkdir()
        for name, (applies_to, award) in AWARDS.items():
            text = ONE.format(name=name, applies_to=applies_to, award=award, more=more.get(name, ""))
            (pack / "programmes" / f"{name}.yaml").write_text(text, encoding="utf-8")
        (pack / "stacking.yaml").write_text(stacking, encoding="utf-8")
        monkeypatch.setattr(django_settings, "home", replace(home, pack=str(pack)))
        forget()
        return Both(tmp_path, signed_in(city.alice), capsys)

    yield make
    forget()


@pytest.mark.parametrize(
    ("programme", "kind", "id", "given", "bound"),
    [
        ("city", "claim", "c2", ("organisation", "project"), [("joint", "firm", 5_000, 4_000)]),
        ("city", "claim", "c3", ("organisation", "project"), []),
        ("own", "organisation", "a", ("claim", "project"), [("joint", "firm", 500, 0)]),
        ("more", "organisation", "a", ("project",), [("joint", "research", 400, 0)]),
        ("topic", "project", "p1", ("organisation",), [("joint", "research", 900, 700)]),
        ("city", "claim", "c2", (), []),
        ("own", "organisation", "a", (), []),
    ],
)
def test_joint_limits_are_told_as_the_command_tells_them(
    both: Callable[..., Both], programme: str, kind: str, id: str, given: tuple[str, ...], bound: list[Any]
) -> None:
    others = {each: TABLES[each] for each in given}
    command, answer = both().ask(programme, kind, TABLES[kind], id, others)
    assert told(answer) == told(command)
    assert [
        tuple(each[name] for name in ("kind", "rule", "before_fen", "after_fen")) for each in answer["bindings"]
    ] == bound
    assert bool(answer["not_told"]) is (not given)
    assert answer["rejects"] == []


def test_what_is_held_counts_under_the_joint_limit(both: Callable[..., Both]) -> None:
    held = [{"subject": "gone", "programme": "city", "held_fen": 1_500, "period": "2026", "organisation": "a"}]
    others = {"organisation": FIRMS, "project": PROJECTS}
    command, answer = both().ask("city", "claim", CONTRACTS, "c2", others, holdings=held)
    assert told(answer) == told(command)
    (binding,) = answer["bindings"]
    assert (binding["after_fen"], answer["joint_limits"][0]["held_fen"]) == (2_500, 1_500)


def test_a_limit_over_the_other_rows_is_told(both: Callable[..., Both]) -> None:
    """6,000 of 5,500 are the first contract's, so that nothing is left; with joint limits nothing changes that."""
    command, answer = both("{}", city=YEAR).ask("city", "claim", CONTRACTS, "c2", {})
    assert told(answer) == told(command)
    assert [(each["kind"], each["rule"], each["after_fen"]) for each in answer["bindings"]] == [
        ("limit", "firm-year", 0)
    ]
    command, answer = both("{}", city=YEAR).ask("city", "claim", CONTRACTS[1:], "c2", {})
    assert (told(answer) == told(command), answer["bindings"]) == (True, [])


POTS = [
    ("sharing: pro_rata", {}, None),
    ("sharing: first_come", {"applied_at": ["2026-05-03", "2026-05-02", "2026-05-01"]}, None),
    ("sharing: first_come", {}, None),
    ("sharing: merit", {"score": [70, 80, 90]}, None),
    ("sharing: lottery", {}, "2026-11-23"),
    ("sharing: lottery", {}, None),
    ("sharing: first_come, payment: whole_or_next", {"applied_at": ["1", "2", "3"]}, None),
]


@pytest.mark.parametrize(("sharing", "columns", "seed"), POTS)
def test_a_pot_is_shared_among_the_rows(
    both: Callable[..., Both], sharing: str, columns: dict[str, list[Any]], seed: str | None
) -> None:
    pot = f"pot: {{budget_fen: 9000, {sharing}, words: {{zh: 池, en: Pot}}, citation: {{document: Trial rules}}}}\n"
    rows = [{**row, **{name: cells[place] for name, cells in columns.items()}} for place, row in enumerate(CONTRACTS)]
    asked = both("{}", city=pot)
    for id in ("c1", "c2", "c3"):
        command, answer = asked.ask("city", "claim", rows, id, {}, seed=seed)
        assert told(answer) == told(command)
        assert answer["pot_told"], "of 17,000 in awards 9,000 are in the pot"


def test_rows_that_cannot_be_used_are_told_and_the_others_go_on(both: Callable[..., Both]) -> None:
    asked = both()
    rows = [*CONTRACTS, {"id": "c4", "organisation": "a", "contract_amount": "much"}]
    others = {"organisation": [*FIRMS, {"id": "z", "revenue": 1.5}]}
    answer = asked.api("city", rows, "c2", others).json()
    assert answer["bindings"][0]["after_fen"] == 4_000
    firms = [each for each in answer["rejects"] if each["of"] == "organisations"]
    assert [(each["row"], each["column"], each["value"]) for each in firms] == [(3, "revenue", "1.5")]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"claims": []}, 400, "claims gives rows for a claim a second time"),
        ({"organisations": [{"id": "a", "revenu": 1}]}, 400, "did you mean 'revenue'?"),
        ({"row": {"id": "c2", "contract_amount": 1.5}}, 400, "rows:1"),
        ({"organisations": [{"id": "a"}] * (MOST_ROWS + 1)}, 422, "organisations"),
        ({"holdings": [{"subject": "c9", "programme": "citi", "held_fen": 1}]}, 400, "did you mean 'city'?"),
        ({"organisations": []}, 200, ""),
        ({"organisations": FIRMS, "projects": []}, 200, ""),
    ],
)
def test_what_cannot_be_meant_is_refused(
    both: Callable[..., Both], body: dict[str, Any], status: int, said: str
) -> None:
    answer = both().api("city", CONTRACTS[1:2], "c2", {}, **body)
    assert (answer.status_code, said in answer.content.decode()) == (status, True), answer.content

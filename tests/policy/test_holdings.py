"""What is held already, given in files: counted as the market counts it, weighed by `explain`, refused where wrong."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.errors import ImportRefused
from siwei.policy import decide
from siwei.policy.combinations.combination import explain_combination
from siwei.policy.combinations.combining import combine
from siwei.policy.combinations.held_combining import combine_beside
from siwei.policy.combinations.holdings import Held, holdings_on, read_holdings

from .test_drafts_beside import drafted
from .test_joint import AWARDS, DAY, SCHEMAS, contract
from .test_joint import pack as pack
from .test_joint_commands import EXPLAIN, OTHERS
from .test_joint_commands import folder as folder
from .test_joint_commands import siwei as siwei
from .test_joint_explanation import lawful

KINDS = {"own": "organisation", "city": "claim", "talent": "person"}
HEAD = "subject,programme,held_fen,period,organisation\n"


def write(folder: Path, text: str) -> Path:
    rows = folder / "rows"
    rows.mkdir(exist_ok=True)
    (rows / "holdings.csv").write_text(text, encoding="utf-8")
    return rows


def test_years_are_counted_as_the_market_counts_them() -> None:
    """Of an organisation and a person those of the year; of a contract all, of which joint limits count the year's."""
    rows = [
        Held("a", "own", 5, "2026"), Held("a", "own", 7, "2026-H2"), Held("a", "own", 90, "2025"),
        Held("c1", "city", 3, "2025"), Held("c1", "city", 4), Held("p", "talent", 8, "2025"), Held("x", "gone", 9),
    ]  # fmt: skip
    found = holdings_on(rows, DAY, KINDS)
    assert found.held == {("organisation", "a"): {"own": 12}, ("claim", "c1"): {"city": 7}}
    assert found.earlier == {("claim", "c1"): {"city": 3}}
    assert holdings_on(rows, date(2025, 5, 5), KINDS).of("person", "p") == {"talent": 8}


def test_explain_weighs_what_is_held_of_the_rule_and_of_the_joint_limit(
    siwei: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = siwei(EXPLAIN + OTHERS + " --json")
    assert (before["held_fen"], before["bindings"][0]["after_fen"]) == ({}, 4_000)
    # Of a contract that has no row any more, and of an organisation that is another's.
    write(folder, HEAD + "gone,city,1500,2026,a\nc8,city,9000,2026,b\n")
    told = siwei(EXPLAIN + OTHERS + " --rows {t}/rows --json")
    assert (told["joint_limits"][0]["held_fen"], told["bindings"][0]["after_fen"]) == (1_500, 2_500)
    own = before["bindings"][0]
    write(folder, HEAD + "c2,city,4800,2026,\n")
    told = siwei(EXPLAIN + OTHERS + " --rows {t}/rows --json")
    assert told["held_fen"] == {"city": 4_800}
    assert (own["before_fen"], told["bindings"][0]["after_fen"]) == (5_000, 4_800)
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    words = siwei(EXPLAIN + OTHERS + " --rows {t}/rows").replace(" ", "")
    assert "其中已持有city政策48元" in words


held_amounts = st.dictionaries(st.sampled_from(["city", "district", "park"]), st.integers(0, 9))


@settings(deadline=None, max_examples=60)
@given(
    contracts=st.lists(st.tuples(contract, held_amounts), min_size=1, max_size=5),
    drafts=st.frozensets(st.sampled_from(["district", "park"]), max_size=1),
)
def test_combined_beside_what_is_held_as_each_is_explained(pack: Any, contracts: Any, drafts: frozenset[str]) -> None:
    """Every choice tried by hand, and the row's own explanation; what nobody holds is as without holdings."""
    _, programmes, everything = pack
    rows = [{"id": f"c{n}", **each} for n, (each, _) in enumerate(contracts)]
    held = {f"c{n}": mine for n, (_, mine) in enumerate(contracts)}
    stacking = everything.of("claim")
    mine = tuple(each for each in drafted(programmes, drafts) if each.applies_to == "claim")
    table = pl.DataFrame(rows, schema=SCHEMAS["claim"])
    decisions = decide(mine, table, DAY)
    found = combine_beside(stacking, decisions, table, held)
    plain_rows = {(row["id"], row["programme"]): row for row in combine(stacking, decisions, table).rows.to_dicts()}
    told = {(row["id"], row["programme"]): row for row in found.rows.to_dicts()}
    assert {key: row["held_fen"] for key, row in told.items() if row["held_fen"]} == {
        (id, name): fen for id, each in held.items() for name, fen in each.items() if fen
    }
    for row in rows:
        id, has = row["id"], {name: fen for name, fen in held[row["id"]].items() if fen}
        kept = {name: each["kept_fen"] for (of, name), each in told.items() if of == id}
        entitled = {**row, **{AWARDS[name][1]: 0 for name in drafts}}
        assert sum(kept.values()) == max(sum(each.values()) for each in lawful("claim", entitled, has))
        assert all(kept[name] >= fen for name, fen in has.items())
        explained = explain_combination(stacking, decisions, table, id, has)
        of_parts = {name: fen for part in explained.parts if part.best for name, fen in part.best.kept_fen.items()}
        assert {name: fen for name, fen in kept.items() if fen} == {name: fen for name, fen in of_parts.items() if fen}
        for name, fen in kept.items():
            by, rest = told[id, name]["bound_by"], told[id, name]["entitled_fen"]
            assert (by is not None) == (fen < rest), (name, by)
            if not has:
                assert told[id, name] == plain_rows[id, name]


def test_combine_weighs_what_is_held_and_names_what_counts_nowhere(siwei: Any, folder: Path, capsys: Any) -> None:
    base = "combine {pack} {day} --in {t}/contracts.csv --applies-to claim --rows {t}/rows --json"
    write(folder, HEAD)
    before = siwei(base)
    write(folder, HEAD + "c2,city,9000,2025,\nmisspelt,city,1,2026,\ngone,city,5,2026,a\na,own,7,2026,\n")
    told = siwei(base + " --id c2 --out {t}/kept.csv")
    assert (told["held_fen"], told["kept_fen"] - before["kept_fen"]) == (9_000, 4_000)
    assert told["held_without_row"] == ["misspelt"]
    assert told["explanation"]["parts"][0]["held_fen"] == {"city": 9_000}
    (kept,) = [row for row in pl.read_csv(folder / "kept.csv").to_dicts() if row["id"] == "c2"]
    assert (kept["entitled_fen"], kept["kept_fen"], kept["held_fen"], kept["chosen"]) == (5_000, 9_000, 9_000, True)


def test_combine_weighs_it_under_joint_limits_as_explain_does(siwei: Any, folder: Path) -> None:
    base = "combine {pack} {day} --in {t}/firms.csv --claims {t}/contracts.csv --projects {t}/projects.csv --json"
    write(folder, HEAD + "gone,city,1500,2026,a\nc8,city,9000,2026,b\nnobody,city,4,2026,\nc1,city,6100,2026,\n")
    told = siwei(base + " --rows {t}/rows --out {t}/kept.csv")
    assert told["held_without_row"] == ["nobody"]
    firm = {each["organisation"]: each for each in told["joint_limits"] if each["limit"] == "firm"}
    assert (firm["a"]["counted_fen"], firm["a"]["kept_fen"]) == (1_500 + 6_100 + 5_000 + 500, 10_000)
    kept = {(row["id"], row["programme"]): row["kept_fen"] for row in pl.read_csv(folder / "kept.csv").to_dicts()}
    explained = siwei(EXPLAIN + OTHERS + " --rows {t}/rows --json")
    (binding,) = explained["bindings"]
    assert (kept["c1", "city"], kept["c2", "city"], kept["a", "own"]) == (6_100, binding["after_fen"], 0)
    assert kept["c2", "city"] == 10_000 - 1_500 - 6_100
    assert kept["c3", "city"] == 1_000  # 9,000 of 10,000 are held of a contract that is no more


def test_what_names_another_organisation_than_its_row_counts_for_the_rows_one_everywhere(
    siwei: Any, folder: Path, capsys: Any
) -> None:
    """c1 is a's by its row; b has a contract c3, and no other."""
    base = "combine {pack} {day} --in {t}/firms.csv --claims {t}/contracts.csv --projects {t}/projects.csv --json"
    write(folder, HEAD + "c1,city,6100,2026,b\n")
    told = siwei(base + " --rows {t}/rows --out {t}/kept.csv")
    assert (told["held_without_row"], told["held_said_otherwise"]) == ([], ["c1"])
    kept = {(row["id"], row["programme"]): row["kept_fen"] for row in pl.read_csv(folder / "kept.csv").to_dicts()}
    for id, organisation in (("c2", "a"), ("c3", "b")):
        explained = siwei(EXPLAIN.replace("--id c2", f"--id {id}") + OTHERS + " --rows {t}/rows --json")
        limits = {each["id"]: each["held_fen"] for each in explained["joint_limits"]}
        assert limits["firm"] == (6_100 if organisation == "a" else 0)
        left = [each["after_fen"] for each in explained["bindings"]] or [explained["award"]["award_fen"]]
        assert kept[id, "city"] == left[-1]
        assert "holdings name another organisation than the rows of 1 subjects do" in explained["not_told"][0]["en"]
    # Of a firm that has nothing to do with it nothing is said; where the row names nobody, what is held says whose.
    write(folder, HEAD + "c1,city,6100,2026,a\n")
    assert siwei(EXPLAIN + OTHERS + " --rows {t}/rows --json")["not_told"] == []


def test_diff_weighs_what_is_held_as_combine_does(siwei: Any, folder: Path, capsys: Any) -> None:
    other = folder / "other"
    shutil.copytree(folder / "pack", other)
    text = (other / "stacking.yaml").read_text("utf-8")
    (other / "stacking.yaml").write_text(text.replace("limit: revenue", "limit: revenue / 2"), "utf-8")
    write(folder, HEAD + "c1,city,5800,2026,\ngone,city,150,2026,a\nnobody,city,4,2026,\nc2,city,40,2025,b\n")
    files = "--in {t}/firms.csv --claims {t}/contracts.csv --projects {t}/projects.csv --rows {t}/rows --json {day}"
    told = siwei("diff {t}/pack {t}/other " + files)
    assert (told["held_without_row"], told["joint"]["held_said_otherwise"]) == (["nobody"], ["c2"])
    (kept,) = told["joint"]["kept"]
    sums = []
    for name in ("pack", "other"):
        siwei(f"combine --pack {folder}/{name} --out {folder}/kept.csv {files}")
        sums.append(pl.read_csv(folder / "kept.csv")["kept_fen"].sum())
        capsys.readouterr()
    assert [kept["kept_before_fen"], kept["kept_after_fen"]] == sums
    assert (kept["held_fen"], kept["loses"]) == (5_840, 2)
    # Of two versions of a programme what is held of it is kept, and the others' is told.
    programmes = folder / "pack" / "programmes"
    text = (programmes / "city.yaml").read_text("utf-8").replace('version: "1"', 'version: "2"')
    (programmes / "city@2.yaml").write_text(
        text.replace("  expr: contract_amount\n", "  expr: contract_amount / 2\n"), "utf-8"
    )
    write(folder, HEAD + "c1,city,5800,2026,\nc1,park,5,2026,\na,own,7,2026,\n")
    command = "diff city@1 city@2 {pack} {day} --in {t}/contracts.csv --rows {t}/rows"
    told = siwei(command + " --json")
    assert told["held_not_weighed"] == ["park"]
    (kept,) = told["stacking"]["kept"]
    (of_programme,) = told["programmes"]
    assert (kept["kept_before_fen"], kept["kept_after_fen"], kept["held_fen"]) == (
        of_programme["cost_before_fen"], of_programme["cost_after_fen"] + 5_800 - 3_000, 5_800,
    )  # fmt: skip
    words = siwei(command)
    assert "of it held already: 58" in words
    assert "! not weighed here: what is held of park → compare packs" in words


@pytest.mark.parametrize(
    ("text", "field", "told"),
    [
        (HEAD + "c1,city,5,2026,a\nc1,city,5,2026,\nc1,city,5,2026,b\n", "organisation", "is 'b', and 'c1' is of 'a'"),
        (HEAD + "a,own,5,2026,b\n", "organisation", "is 'b', and 'a' is of 'a'"),
        ("subject,programme\na,own\n", "", "no column 'held_fen'"),
        (HEAD.replace("period", "perod") + "a,own,5,2026,\n", "perod", "did you mean 'period'"),
        (HEAD + "a,owm,5,2026,\n", "programme", "did you mean 'own'"),
        (HEAD + ",own,5,2026,\n", "subject", "is empty"),
        (HEAD + "a,own,-5,2026,\n", "held_fen", "-5 is less than nothing"),
        (HEAD + "a,own,,2026,\n", "held_fen", "is not an amount"),
        (HEAD + 'a,own,"1,000",2026,\n', "held_fen", "'1,000' is not a whole number"),
        (HEAD + "a,own,5,last year,\n", "period", "declares no days"),
        (HEAD + f"a,own,{2**63 - 1},,\n" * 2, "held_fen", f"comes to {2**64 - 2} fen in all"),
    ],
)
def test_a_holding_that_nobody_would_count_is_refused_with_its_place(
    pack: Any, tmp_path: Path, text: str, field: str, told: str
) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_holdings(write(tmp_path, text), pack[1])
    problem = refused.value.problems[0]
    assert told in f"{problem.message} → {problem.fix}"
    assert (problem.field or "", str(problem.file).endswith("holdings.csv")) == (field, True)


def test_a_folder_without_holdings_has_none_and_their_columns_are_told(
    pack: Any, tmp_path: Path, siwei: Callable[[str], Any]
) -> None:
    assert read_holdings(tmp_path, pack[1]) == ()
    columns = siwei("schema {pack} --json")["holdings_columns"]
    assert [each["column"] for each in columns] == HEAD.strip().split(",")

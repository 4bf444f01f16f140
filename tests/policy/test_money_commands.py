"""`siwei policy decide --rows` and `combine`, run as a person runs them."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from siwei.city.home import PACKS
from siwei.cli.policy import policy_app
from siwei.cli.policy_diff import diff as registered_diff
from siwei.cli.policy_explain import explain as registered_explain
from siwei.cli.policy_money import combine as registered
from siwei.errors import ImportRefused, InputError
from siwei.policy.pots.share import lottery_digest

assert all((registered, registered_diff, registered_explain))
CLAUSE = "compute_rental >= p.least_rental"


def run(*arguments: str | Path) -> None:
    with pytest.raises(SystemExit) as left:
        policy_app([*map(str, arguments)])
    assert left.value.code in (0, None)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Shenzhen with the training voucher's least rental added up from claims, those to related parties left out."""
    made = tmp_path / "pack"
    made.mkdir()
    shenzhen = PACKS / "shenzhen"
    attributes = (shenzhen / "attributes.csv").read_text(encoding="utf-8")
    tail = "true,true,,x,x,test,2026-01-01,false\n"
    attributes += f"rental_paid,agreement,int,fen,已付租金,Rental paid,{tail}"
    (made / "attributes.csv").write_text(attributes, encoding="utf-8")
    (made / "programmes").mkdir()
    text = (shenzhen / "programmes" / "xunli.yaml").read_text(encoding="utf-8")
    assert CLAUSE in text
    text = text.replace(CLAUSE, "rented >= p.least_rental") + (
        "aggregates:\n  rented: {of: claims, sum: rental_paid, where: '!is_related', words: {zh: 租金, en: Rental}}\n"
    )
    (made / "programmes" / "xunli.yaml").write_text(text, encoding="utf-8")
    shutil.copy(shenzhen / "programmes" / "longhua-compute.yaml", made / "programmes")
    stacking = (shenzhen / "stacking.yaml").read_text(encoding="utf-8")
    (made / "stacking.yaml").write_text(stacking.replace(", guangming-compute]", "]"), encoding="utf-8")
    return made


@pytest.fixture
def firms(tmp_path: Path) -> Path:
    path = tmp_path / "firms.csv"
    path.write_text(
        "id,legal_form,listed_provider,compute_rental_from_listed,compute_other_support,founded_on,district,"
        "longhua_compute_paid,compute_rental\n"
        "a,firm,false,2400000000,0,2020-01-01,longhua,1000000000,1\n"
        "b,firm,false,2400000000,0,2020-01-01,futian,1000000000,1\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "claims.csv").write_text(
        "id,organisation,provider,rental_paid\n1,a,p,2400000000\n2,b,q,2400000000\n3,b,p,1\n", encoding="utf-8"
    )
    (folder / "ties.csv").write_text("holder,held,kind,share_bp\nh,q,share,2500\nh,b,share,6000\n", encoding="utf-8")
    return folder


def test_spending_with_a_related_party_does_not_count(pack: Path, firms: Path, rows: Path, tmp_path: Path) -> None:
    target = tmp_path / "awards.csv"
    run("decide", "--pack", pack, "--in", firms, "--out", target, "--rows", rows, "--as-of", "2026-06-01", "--json")
    found = pl.read_csv(target).filter(programme="xunli")
    assert found.select("id", "verdict", "award_fen").rows() == [
        ("a", "eligible", 1_000_000_000),
        ("b", "not_eligible", 0),
    ]


def test_the_best_combination_and_why(
    pack: Path, firms: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "kept.parquet"
    arguments = ("--pack", pack, "--in", firms, "--rows", rows, "--as-of", "2026-06-01")
    run("combine", *arguments, "--out", target, "--id", "a", "--json")
    assert pl.read_parquet(target).select("id", "programme", "kept_fen", "bound_by").rows() == [
        ("a", "longhua-compute", 300_000_000, None),
        ("a", "xunli", 900_000_000, "compute-contract"),
    ]
    answer = json.loads(capsys.readouterr().out)
    assert (answer["entitled_fen"], answer["kept_fen"], answer["cut_or_declined"]) == (1_300_000_000, 1_200_000_000, 1)
    (part,) = answer["explanation"]["parts"]
    assert part["best"]["cuts"] == [{"programme": "xunli", "group": "compute-contract", "amount_fen": 100_000_000}]
    assert [choice["total_fen"] for choice in part["alternatives"]] == [1_000_000_000, 300_000_000, 0]
    run("combine", *arguments, "--id", "a")
    assert "The best lawful combination is" in capsys.readouterr().out


def test_a_folder_that_cannot_be_used(pack: Path, firms: Path, rows: Path, tmp_path: Path) -> None:
    arguments = ("decide", "--pack", pack, "--in", firms, "--out", tmp_path / "awards.csv", "--rows")
    with pytest.raises(ImportRefused, match="no such folder"):
        policy_app([*map(str, arguments), str(tmp_path / "nowhere")])
    shutil.copy(rows / "claims.csv", rows / "claims.csv.gz")
    with pytest.raises(ImportRefused, match=r"both claims.csv, claims.csv.gz"):
        policy_app([*map(str, arguments), str(rows)])
    (rows / "claims.csv.gz").unlink()
    stacking = pack / "stacking.yaml"
    text = stacking.read_text(encoding="utf-8")
    stacking.write_text(text[: text.index("related_parties:")], encoding="utf-8")
    with pytest.raises(ImportRefused, match="does not say which make parties related"):
        policy_app([*map(str, arguments), str(rows)])


def test_combine_keeps_bad_rows_apart(
    pack: Path, firms: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with firms.open("a", encoding="utf-8") as file:
        file.write("c,firm,perhaps,1,0,2020-01-01,longhua,1,1\n")
    target = tmp_path / "kept.csv"
    run("combine", "--pack", pack, "--in", firms, "--rows", rows, "--as-of", "2026-06-01", "--out", target, "--json")
    answer = json.loads(capsys.readouterr().out)
    assert (answer["rows"], answer["rejected"], answer["rejects"]) == (2, 1, str(tmp_path / "kept.rejects.csv"))
    assert pl.read_csv(tmp_path / "kept.rejects.csv").select("row", "id", "column", "value").rows() == [
        (4, "c", "listed_provider", "perhaps")
    ]


def test_packs_are_compared_with_their_rules_of_stacking(
    pack: Path, firms: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copytree(pack, tmp_path / "other")
    stacking = (other / "stacking.yaml").read_text(encoding="utf-8")
    (other / "stacking.yaml").write_text(stacking.replace("value: 5000}", "value: 4000}"), encoding="utf-8")
    with firms.open("a", encoding="utf-8") as file:
        file.write("c,firm,perhaps,1,0,2020-01-01,longhua,1,1\n")
    arguments = ("diff", pack, other, "--in", firms, "--rows", rows, "--as-of", "2026-06-01")
    run(*arguments, "--json")
    answer = json.loads(capsys.readouterr().out)
    assert (answer["subjects"], answer["rejected"]) == (2, 1)
    assert [each["same"] for each in answer["programmes"]] == [2, 2]
    assert answer["stacking"]["changes"] == [
        {
            "kind": "parameter",
            "id": "total_support",
            **dict.fromkeys(("before", "before_zh"), "5000"),
            **dict.fromkeys(("after", "after_zh"), "4000"),
        }
    ]
    (kept,) = answer["stacking"]["kept"]
    # Of 2,400,000,000 fen of rental 50 %; where it is 40 %, the voucher of 1,000,000,000 alone is the better choice.
    assert (kept["kept_before_fen"], kept["kept_after_fen"]) == (1_200_000_000, 1_000_000_000)
    assert (kept["gains"], kept["loses"], kept["same"], kept["undecided"]) == (0, 1, 1, 0)
    assert kept["reasons"][0]["reason"] == "parameter total_support"
    run(*arguments)
    assert "kept of longhua-compute, xunli: 12,000,000 → 10,000,000 CNY" in capsys.readouterr().out.replace("\n", " ")


def test_the_share_that_makes_parties_related_is_a_reason(
    pack: Path, firms: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From 30 % on, b and its provider are no longer related, and what b paid it counts."""
    other = shutil.copytree(pack, tmp_path / "other")
    stacking = (other / "stacking.yaml").read_text(encoding="utf-8")
    (other / "stacking.yaml").write_text(stacking.replace("share_from_bp: 2500", "share_from_bp: 3000"), "utf-8")
    run("diff", pack, other, "--in", firms, "--rows", rows, "--as-of", "2026-06-01", "--json")
    answer = json.loads(capsys.readouterr().out)
    xunli = next(each for each in answer["programmes"] if each["programme"] == "xunli")
    assert (xunli["gains"], [each["reason"] for each in xunli["reasons"]]) == (1, ["related parties"])
    assert [each["reason"] for each in answer["stacking"]["kept"][0]["reasons"]] == ["related parties"]


def explained(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    capsys.readouterr()
    run("explain", *arguments, "--as-of", "2026-06-01", "--json")
    made = json.loads(capsys.readouterr().out)
    assert isinstance(made, dict)
    return made


def test_explain_names_what_held_the_award_down(
    pack: Path, firms: Path, rows: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of 24 million CNY is cut by the cap, then by the rule on one contract; the pot is large enough."""
    arguments = ("xunli", "--pack", pack, "--in", firms, "--rows", rows, "--id", "a")
    answer = explained(capsys, *arguments)
    assert [(each["kind"], each["rule"], each["before_fen"], each["after_fen"]) for each in answer["bindings"]] == [
        ("cap", "", 1_200_000_000, 1_000_000_000), ("stacking", "compute-contract", 1_000_000_000, 900_000_000),
    ]  # fmt: skip
    assert answer["not_told"] == []
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    run("explain", *arguments, "--as-of", "2026-06-01")
    shown = capsys.readouterr().out.replace("\n", "")
    assert "受叠加规则约束：同一算力合同获其他财政支持的" in shown
    assert "由 10,000,000 元减为 9,000,000 元。" in shown


def test_explain_says_what_the_table_cannot_tell(
    pack: Path, firms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    narrow = tmp_path / "narrow.csv"
    pl.read_csv(firms, infer_schema=False).select("id", "district", "longhua_compute_paid").write_csv(narrow)
    (open_,) = explained(capsys, "longhua-compute", "--pack", pack, "--in", narrow, "--id", "a")["not_told"]
    assert "the file lacks compute_other_support, compute_rental_from_listed" in open_["en"]


def test_explain_takes_a_limit_and_a_pot_over_all_rows(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pack / "programmes" / "longhua-compute.yaml"
    text = path.read_text(encoding="utf-8")
    limit = "limits:\n  - {id: by-district, per: [district], at_most: '4000', words: {zh: 每区, en: By district}}\n"
    pot = "pot: {budget_fen: 3000, sharing: pro_rata, words: {zh: 池, en: Pot}}\n"
    path.write_text(text[: text.index("pot:")] + pot + text[text.index("notes:") :] + limit, encoding="utf-8")
    (pack / "stacking.yaml").unlink()
    source = tmp_path / "paid.csv"
    source.write_text("id,district,longhua_compute_paid\na,longhua,10000\nb,longhua,10000\n", encoding="utf-8")
    arguments = ("longhua-compute", "--pack", pack, "--in", source, "--id")
    found = {id: explained(capsys, *arguments, id)["bindings"] for id in ("a", "b")}
    # 3,000 each by the rules, 4,000 for the district: 3,000 and 1,000; of 3,000 in the pot three quarters each.
    assert {id: [(each["kind"], each["before_fen"], each["after_fen"]) for each in found[id]] for id in found} == {
        "a": [("pot", 3000, 2250)], "b": [("limit", 3000, 1000), ("pot", 1000, 750)],
    }  # fmt: skip
    assert found["b"][0]["sentence"]["en"] == "Held down by a limit: By district; from 30 to 10 CNY."


def test_explain_says_how_many_awards_of_a_pot_are_not_known(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pack / "programmes" / "longhua-compute.yaml"
    text = path.read_text(encoding="utf-8")
    limit = "limits:\n  - {id: by-form, per: [legal_form], at_most: '4000', words: {zh: 每类, en: By form}}\n"
    pot = "pot: {budget_fen: 3000, sharing: pro_rata, words: {zh: 池, en: Pot}}\n"
    path.write_text(text[: text.index("pot:")] + pot + text[text.index("notes:") :] + limit, encoding="utf-8")
    (pack / "stacking.yaml").unlink()
    source = tmp_path / "paid.csv"
    source.write_text(
        "id,district,longhua_compute_paid,legal_form\na,longhua,10000,x\nb,longhua,,x\nc,longhua,10000,x\n"
        "d,nanshan,,y\n",
        encoding="utf-8",
    )
    arguments = ("longhua-compute", "--pack", pack, "--in", source, "--id")
    (told,) = explained(capsys, *arguments, "a")["pot_told"]
    assert told["en"] == "Not counted in the pot: 1 eligible rows whose award is not known."
    assert explained(capsys, *arguments, "c")["pot_told"] == []


def test_explain_says_whose_awards_a_limit_waits_for(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pack / "programmes" / "longhua-compute.yaml"
    text = path.read_text(encoding="utf-8")
    limit = (
        "limits:\n  - {id: by-form, per: [legal_form], at_most: '4000', words: {zh: 每类, en: By form}}\n"
        "  - {id: by-rent, per: [district], at_most: corpus_purchase, words: {zh: 每区, en: By district}}\n"
    )
    path.write_text(text[: text.index("pot:")] + text[text.index("notes:") :] + limit, encoding="utf-8")
    (pack / "stacking.yaml").unlink()
    source = tmp_path / "paid.csv"
    rows = ["a,longhua,10000,x,5000", "b,longhua,,x,5000", "c,longhua,100,x,5000", "d,longhua,100,,5000"]
    rows += ["e,longhua,100,y,"]
    header = "id,district,longhua_compute_paid,legal_form,corpus_purchase\n"
    source.write_text(header + "\n".join(rows) + "\n", encoding="utf-8")

    def told(id: str) -> list[str]:
        found = explained(capsys, "longhua-compute", "--pack", pack, "--in", source, "--id", id)
        return [each["en"] for each in found["not_told"]]

    waits = "what it leaves cannot be told: it waits for the awards of rows that come first, b."
    unknown = "what it leaves cannot be told: it, or what it goes by, is unknown."
    assert told("c") == [f"Under a limit: By form; {waits}"]
    assert told("d") == [f"Under a limit: By form; {unknown}"]
    # The first limit leaves `a` and `e` all of their awards; the second is not known of the whole district.
    assert told("a") == [f"Under a limit: By district; {unknown}"]
    assert told("e") == [f"Under a limit: By district; {waits[:-1]}, c, d."]
    source.write_text(header + rows[0] + "\n", encoding="utf-8")
    assert told("a") == []


def shared_by(pack: Path, pot: str) -> None:
    path = pack / "programmes" / "longhua-compute.yaml"
    text = path.read_text(encoding="utf-8")
    told = f"pot: {{{pot}, words: {{zh: 池, en: Pot}}}}\n"
    path.write_text(text[: text.index("pot:")] + told + text[text.index("notes:") :], encoding="utf-8")
    (pack / "stacking.yaml").unlink(missing_ok=True)


ROWS = "id,district,longhua_compute_paid{more}\na,longhua,10000{a}\nb,longhua,10000{b}\nc,longhua,10000{c}\n"


@pytest.mark.parametrize(
    ("pot", "cells", "arguments", "paid", "said"),
    [
        ("budget_fen: 4000, sharing: first_come", [",applied_at", ",2026-05-03", ",2026-05-01", ",2026-05-02"], (),
         {"a": 0, "b": 3000, "c": 1000},
         "first come, first served, all awards of the rows given taken as its claims, 2 of 3"),
        ("budget_fen: 4000, sharing: merit", [",score", ",1", ",2", ",9.5"], (),
         {"a": 0, "b": 1000, "c": 3000}, "by merit, all awards of the rows given taken as its claims, 1 of 3 in order"),
        ("budget_fen: 4000, sharing: lottery", ["", "", "", ""], ("--seed", "seed of the day"), None, "by lottery"),
        ("budget_fen: 4000, sharing: merit, payment: whole_or_next", [",score", ",1", ",2", ",9.5"], (),
         {"a": 0, "b": 0, "c": 3000}, "by merit"),
        ("budget_fen: 4500, sharing: first_come, quotas: [{by: district, most_bp: 5000, words: {zh: 限, en: Quota}}]",
         [",applied_at", ",3", ",1", ",2"], (), {"a": 0, "b": 2250, "c": 0}, "first come"),
    ],
)  # fmt: skip
def test_explain_shares_a_pot_in_its_own_way(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], pot: str, cells: list[str],
    arguments: tuple[str, ...], paid: dict[str, int] | None, said: str,
) -> None:  # fmt: skip
    shared_by(pack, pot)
    source = tmp_path / "paid.csv"
    source.write_text(ROWS.format(**dict(zip(("more", "a", "b", "c"), cells, strict=True))), encoding="utf-8")
    if paid is None:
        drawn = sorted("abc", key=lambda id: lottery_digest("seed of the day", id))
        paid = dict(zip(drawn, (3000, 1000, 0), strict=True))
    for id, expected in paid.items():
        answer = explained(capsys, "longhua-compute", "--pack", pack, "--in", source, "--id", id, *arguments)
        found = [each["after_fen"] for each in answer["bindings"]]
        assert (found, answer["not_told"]) == ([] if expected == 3000 else [expected], [])
        told = " ".join(each["en"] for each in answer["pot_told"])
        assert f"{expected / 100:,.2f}".rstrip("0").rstrip(".") in told
        assert said.partition(", 1 of")[0].partition(", 2 of")[0] in told
    assert any(said in each["en"] for id in paid for each in explained(
        capsys, "longhua-compute", "--pack", pack, "--in", source, "--id", id, *arguments)["pot_told"])  # fmt: skip


@pytest.mark.parametrize(
    ("pot", "said"),
    [
        ("budget_fen: 7000, sharing: first_come", "Served first it gets 30 CNY, served last 10 CNY."),
        (
            "budget_fen: 4000, sharing: merit",
            "no row has a score (score), and before applications close",
        ),
        ("budget_fen: 4000, sharing: lottery", "no published seed was given"),
        ("budget_fen: 4000, sharing: lottery, payment: whole_or_next", "Served first it gets 30 CNY."),
        ("budget_fen: 2000, sharing: first_come, payment: whole_or_next", "Served first it gets 0 CNY."),
    ],
)
def test_what_the_order_leaves_open_is_said(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], pot: str, said: str
) -> None:
    shared_by(pack, pot)
    source = tmp_path / "paid.csv"
    source.write_text(ROWS.format(more="", a="", b="", c=""), encoding="utf-8")
    answer = explained(capsys, "longhua-compute", "--pack", pack, "--in", source, "--id", "a")
    (told,) = answer["pot_told"]
    assert (said in told["en"], answer["bindings"]) == (True, [])


def test_cells_the_pot_is_shared_by_are_judged(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared_by(pack, "budget_fen: 4000, sharing: merit")
    source = tmp_path / "paid.csv"
    source.write_text(ROWS.format(more=",score", a=",much", b=",1", c=",2"), encoding="utf-8")
    with pytest.raises(ImportRefused, match="'much' is not a number"):
        run("explain", "longhua-compute", "--pack", pack, "--in", source, "--id", "b", "--as-of", "2026-06-01")


def test_share_counts_earlier_awards_in_the_whole_budget(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared_by(
        pack,
        "budget_fen: 10000, sharing: first_come, "
        "quotas: [{by: district, most_bp: 5000, words: {zh: 限, en: Quota}}], "
        "reserves: [{id: north, share_bp: 2000, where: 'district == \"longhua\"', words: {zh: 留, en: Kept}}]",
    )
    claims, first, second = (tmp_path / name for name in ("claims.csv", "first.csv", "second.csv"))
    claims.write_text("id,claim_fen,applied_at,district\na,4000,1,longhua\nb,9000,2,futian\n", encoding="utf-8")
    given = ("--programme", "longhua-compute", "--pack", pack, "--in", claims, "--as-of", "2026-06-01")
    run("share", *given, "--out", first)
    assert first.read_text(encoding="utf-8") == (
        "id,claim_fen,paid_fen,reserved_fen,rank,bound_by,reserve:north,district\n"
        "a,4000,4000,2000,1,,2000,longhua\nb,9000,5000,0,2,quota:district,0,futian\n"
    )
    claims.write_text("id,claim_fen,applied_at,district\nc,4000,1,longhua\nd,9000,2,futian\n", encoding="utf-8")
    capsys.readouterr()
    run("share", *given, "--out", second, "--earlier", first, "--json")
    told = json.loads(capsys.readouterr().out)
    # Of the whole 10,000: longhua has 1,000 of its half left, futian nothing.
    assert (told["taken_before_fen"], told["budget_fen"], told["paid_fen"]) == (9000, 1000, 1000)
    assert pl.read_csv(second)["paid_fen"].to_list() == [1000, 0]
    # 500 of the first came back: it is shared again, and may go to its own district.
    first.write_text(first.read_text(encoding="utf-8").replace("9000,5000", "9000,4500"), encoding="utf-8")
    run("share", *given, "--out", second, "--earlier", first)
    assert pl.read_csv(second)["paid_fen"].to_list() == [1000, 500]
    claims.write_text("id,paid_fen\na,1\n", encoding="utf-8")
    with pytest.raises(InputError, match="earlier awards have no column 'reserve:north'"):
        run(
            "share",
            "--programme",
            "longhua-compute",
            "--pack",
            pack,
            "--in",
            first,
            "--out",
            second,
            "--earlier",
            claims,
        )


@pytest.mark.parametrize(
    ("returns", "paid", "left", "treasury"),
    [
        # c wants 2,500, and finds 1,000 of what b gave back: a's give-back serves the rest of it, or not.
        ("waiting", [3000, 3000, 2500], 1500, 0),
        ("pot", [3000, 3000, 1000], 3000, 0),
        ("treasury", [3000, 3000, 0], 0, 4000),
    ],
)
def test_a_shared_pot_is_followed_through_its_events(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], returns: str, paid: list[int], left: int,
    treasury: int,
) -> None:  # fmt: skip
    shared_by(
        pack,
        f"budget_fen: 10000, sharing: first_come, returns: {returns}, "
        "quotas: [{by: district, most_bp: 7000, words: {zh: 限, en: Quota}}]",
    )
    claims, events, out = (tmp_path / name for name in ("claims.csv", "events.csv", "after.csv"))
    claims.write_text("id,claim_fen,applied_at,district\na,6000,1,longhua\nb,4000,2,futian\n", encoding="utf-8")
    given = ("--programme", "longhua-compute", "--pack", pack, "--in", claims, "--out", out, "--as-of", "2026-06-01")
    events.write_text(
        "on,kind,id,claim_fen,amount_fen,district\n"
        "2026-07-01,claw_back,b,,1000,\n2026-07-02,claim,c,2500,,longhua\n2026-07-03,claw_back,a,,3000,\n",
        encoding="utf-8",
    )
    text = (pack / "programmes" / "longhua-compute.yaml").read_text(encoding="utf-8")
    assert f"returns: {returns}" in text
    capsys.readouterr()
    run("share", *given, "--events", events, "--json")
    told = json.loads(capsys.readouterr().out)
    after = told["after_events"]
    assert after["put_in_fen"] == after["paid_fen"] + after["left_fen"] + after["treasury_fen"]
    assert (after["returns"], after["left_fen"], after["treasury_fen"]) == (returns, left, treasury)
    table = pl.read_csv(out)
    assert (table["id"].to_list(), table["paid_fen"].to_list()) == (["a", "b", "c"], paid)
    gone = ["treasury_fen"] if returns == "treasury" else []
    assert table.columns == ["id", "claim_fen", "paid_fen", *gone, "district"]
    assert sum(table["treasury_fen"].to_list() if gone else []) == treasury
    assert sum(each["amount_fen"] for each in told["movements"]) == after["paid_fen"]
    run("share", *given, "--events", events)
    for wrong, message in (
        ("on,kind\n2026-07-01,fund\n", "no column 'id'"),
        ("on,kind,id\n2026-07-01,award,a\n", "'award' is no kind"),
        ("on,kind,id\n2026-02-30,fund,\n", "'2026-02-30' is not YYYY-MM-DD"),
        ("on,kind,id,amount_fen\n2026-07-01,claw_back,z,1\n", "names no known claim"),
        ("on,kind,id,claim_fen,district\n2026-07-01,claim,c,1,\n", r"events.csv:2: a claim needs its district"),
    ):
        events.write_text(wrong, encoding="utf-8")
        with pytest.raises((ImportRefused, InputError), match=message):
            run("share", *given, "--events", events)


def test_nothing_is_written_over_what_it_is_made_of(
    pack: Path, firms: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = firms.read_bytes()
    kept = tmp_path / "kept.csv"
    for arguments in (("--out", firms), ("--out", kept, "--rejects", firms), ("--out", kept, "--rejects", kept)):
        with pytest.raises(ImportRefused, match=r"overwritten|one file"):
            policy_app(["combine", *map(str, ("--pack", pack, "--in", firms, "--rows", rows, *arguments))])
    with pytest.raises(ImportRefused, match="overwritten"):
        policy_app(["diff", *map(str, (pack, pack, "--in", firms, "--rows", rows, "--rejects", firms))])
    assert firms.read_bytes() == before

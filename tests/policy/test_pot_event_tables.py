"""A pot followed by a file of events, which is read strictly: `siwei policy share --events`."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from siwei.city.home import PACKS
from siwei.cli.policy import policy_app
from siwei.cli.policy_money import share as registered
from siwei.errors import ImportRefused, InputError

assert registered
DISTRICTS = "quotas: [{by: district, most_bp: 4000, words: {zh: 限, en: Quota}}]"
HEADER = "on,kind,id,claim_fen,amount_fen,district\n"


class Pot:
    """A city with one pot of 1,000 fen, and its files."""

    def __init__(self, folder: Path, rules: str) -> None:
        self.folder, self.pack = folder, folder / "pack"
        shenzhen = PACKS / "shenzhen"
        (self.pack / "programmes").mkdir(parents=True)
        shutil.copy(shenzhen / "attributes.csv", self.pack)
        text = (shenzhen / "programmes" / "longhua-compute.yaml").read_text(encoding="utf-8")
        pot = f"pot: {{budget_fen: 1000, sharing: first_come, words: {{zh: 池, en: Pot}}, {rules}}}\n"
        (self.pack / "programmes" / "longhua-compute.yaml").write_text(
            text[: text.index("pot:")] + pot + text[text.index("notes:") :], encoding="utf-8"
        )

    def share(
        self, claims: str, out: str, *arguments: str | Path, header: str = "id,claim_fen,applied_at,district\n"
    ) -> pl.DataFrame:
        """What is written, read back as text."""
        source, target = self.folder / f"claims-{out}", self.folder / out
        source.write_text(header + claims, encoding="utf-8")
        with pytest.raises(SystemExit) as left:
            policy_app([*map(str, (
                "share", "--programme", "longhua-compute", "--pack", self.pack, "--in", source, "--out", target,
                "--as-of", "2026-06-01", "--json", *arguments,
            ))])  # fmt: skip
        assert left.value.code in (0, None)
        return pl.read_csv(target)

    def events(self, rows: str, header: str = HEADER) -> Path:
        path = self.folder / "events.csv"
        path.write_text(header + rows, encoding="utf-8")
        return path


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (HEADER, "2026-07-01,fund,,,5,\n2026-07-02,true_up,a,,,\n", "events.csv:3: a true_up needs its claim_fen"),
        (HEADER, "2026-07-01,claim,c,,9,x\n", "events.csv:2: a claim needs its claim_fen"),
        (HEADER, "2026-07-01,claw_back,a,9,,\n", "events.csv:2: a claw_back needs its amount_fen"),
        (HEADER, "2026-07-01,fund,,9,,\n", "events.csv:2: a fund needs its amount_fen"),
        (HEADER, "2026-07-01,fund,,,-9,\n", "events.csv:2: -9 is no amount_fen"),
        (HEADER, "2026-07-01,fund,,,1.5,\n", "events.csv:2: '1.5' is not a whole number"),
        (HEADER, "2026-07-01,withdraw,,,,\n", "events.csv:2: a withdraw needs its id"),
        ("on,kind,id\n", "2026-07-01,true_up,a\n", "events.csv:2: a true_up needs its claim_fen"),
        ("on,kind,id\n", "2026-07-01,claw_back,a\n", "events.csv:2: a claw_back needs its amount_fen"),
        ("on,kind,id\n", "2026-07-01,,a\n", "events.csv:2: None is no kind"),
    ],
)
def test_what_an_event_needs_is_no_0_where_it_is_blank(tmp_path: Path, header: str, rows: str, said: str) -> None:
    pot = Pot(tmp_path, "returns: pot")
    with pytest.raises(ImportRefused) as refused:
        pot.share("a,600,1,x\n", "out.csv", "--events", pot.events(rows, header))
    assert said in str(refused.value)
    assert not (tmp_path / "out.csv").exists()
    assert "→ 列为 on、kind" in refused.value.in_chinese() or "请改正" in refused.value.in_chinese()


def test_a_true_up_to_0_that_is_written_takes_the_award_back(tmp_path: Path) -> None:
    pot = Pot(tmp_path, "returns: pot")
    made = pot.share("a,600,1,x\n", "out.csv", "--events", pot.events("2026-07-01,true_up,a,0,,\n"))
    assert made.rows() == [("a", 0, 0)]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"on": ["2026-07-01"]}, "column on is String, not Date"),
        ({"on": [20260701]}, "column on is Int64, not Date"),
        ({"kind": [1]}, "column kind is Int64, not String"),
        ({"id": [1.0]}, "column id is Float64, not String"),
        ({"amount_fen": ["9"]}, "column amount_fen is String, not Int64"),
        ({"amount_fen": [9.0]}, "column amount_fen is Float64, not Int64"),
        ({"amount_fen": [None]}, "events.parquet:1: a claw_back needs its amount_fen"),
        ({"on": [None]}, "events.parquet:1: None is no on"),
        ({"kind": [None]}, "events.parquet:1: None is no kind"),
        ({"amount_fen": pl.Series([2**63], dtype=pl.UInt64)}, "column amount_fen is UInt64, not Int64"),
        ({"district": [7]}, "column district is Int64, not String"),
    ],
)
def test_the_types_of_a_parquet_file_are_checked(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    pot = Pot(tmp_path, f"returns: pot, {DISTRICTS}")
    events = tmp_path / "events.parquet"
    row = {"on": [date(2026, 7, 1)], "kind": ["claw_back"], "id": ["7"], "amount_fen": [100]}
    pl.DataFrame({**row, **columns}).write_parquet(events)
    with pytest.raises(ImportRefused) as refused:
        pot.share("7,400,1,x\n", "out.csv", "--events", events)
    assert said in str(refused.value)


def test_a_parquet_file_whose_ids_are_numbers_names_the_claims(tmp_path: Path) -> None:
    pot = Pot(tmp_path, "returns: pot")
    events = tmp_path / "events.parquet"
    pl.DataFrame({"on": [date(2026, 7, 1)], "kind": ["claw_back"], "id": [7], "amount_fen": [100]}).write_parquet(
        events
    )
    assert pot.share("7,400,1,x\n", "out.csv", "--events", events)["paid_fen"].to_list() == [300]


def test_what_comes_back_in_a_second_round_passes_no_quota_of_the_whole_budget(tmp_path: Path) -> None:
    pot = Pot(tmp_path, f"returns: waiting, {DISTRICTS}")
    assert pot.share("a,400,1,x\n", "first.csv")["paid_fen"].to_list() == [400]
    second = "b,600,1,x\nc,300,2,y\n"
    earlier = ("--earlier", tmp_path / "first.csv")
    assert pot.share(second, "second.csv", *earlier)["paid_fen"].to_list() == [0, 300]
    # District x has its 400 of 1,000 from the first round: nothing of what comes back is for it.
    back = "2026-07-01,withdraw,c,,,\n"
    after = pot.share(second, "after.csv", *earlier, "--events", pot.events(back))
    assert after["paid_fen"].to_list() == [0, 0]
    # Of 500 more in the pot 200 are x's.
    more = back + "2026-07-02,fund,,,500,\n"
    after = pot.share(second, "after.csv", *earlier, "--events", pot.events(more))
    assert after["paid_fen"].to_list() == [200, 0]
    # A district that has nothing yet gets its part of the whole, not of the rest.
    later = "2026-07-01,claim,d,900,,z\n"
    after = pot.share(second, "after.csv", *earlier, "--events", pot.events(later))
    assert after["paid_fen"].to_list() == [0, 300, 300]


def test_what_went_to_the_treasury_is_shared_no_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pot = Pot(tmp_path, f"returns: treasury, {DISTRICTS}")
    back = pot.events("2026-07-01,claw_back,a,,150,\n2026-07-02,true_up,a,200,,\n")
    made = pot.share("a,400,1,x\nb,100,2,y\n", "first.csv", "--events", back)
    assert made.rows() == [("a", 200, 200, 200, "x"), ("b", 100, 100, 0, "y")]
    capsys.readouterr()
    earlier = ("--earlier", tmp_path / "first.csv")
    again = pot.share("c,900,1,z\nd,900,2,w\n", "second.csv", *earlier)
    told = json.loads(capsys.readouterr().out)
    # Of 1,000 are 300 awarded, and 200 are gone; a quota is still 400, of the whole.
    assert (told["taken_before_fen"], told["treasury_before_fen"], told["budget_fen"]) == (300, 200, 500)
    assert again.select("id", "paid_fen", "treasury_fen").rows() == [("c", 400, 0), ("d", 100, 0)]
    first = tmp_path / "first.csv"
    text = first.read_text(encoding="utf-8")
    for wrong, said in (
        (text.replace("treasury_fen", "note"), "first.csv: earlier awards have no column 'treasury_fen'"),
        (text.replace("200,200,200", "200,200,"), "first.csv:2: an earlier award's treasury_fen is no amount"),
        (text.replace("200,200,200", "200,200,900"), "first.csv: earlier awards take 1200 fen of a budget of 1000"),
    ):
        first.write_text(wrong, encoding="utf-8")
        with pytest.raises(InputError) as refused:
            pot.share("c,900,1,z\n", "second.csv", *earlier)
        assert said in str(refused.value)


def test_a_third_round_counts_the_first_and_the_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = "reserves: [{id: north, share_bp: 5000, where: 'district == \"x\"', words: {zh: 留, en: Kept}}]"
    pot = Pot(tmp_path, f"returns: pot, {DISTRICTS}, {kept}")
    pot.share("a,300,1,x\n", "first.csv")
    one, two = ("--earlier", tmp_path / "first.csv"), ("--earlier", tmp_path / "second.parquet")
    pot.share("b,300,1,y\n", "second.csv", *one)
    pl.read_csv(tmp_path / "second.csv").write_parquet(tmp_path / "second.parquet")
    capsys.readouterr()
    third = pot.share("c,900,1,x\nd,900,2,y\ne,900,3,z\n", "third.csv", *one, *two)
    told = json.loads(capsys.readouterr().out)
    assert (told["taken_before_fen"], told["budget_fen"]) == (600, 400)
    assert third["paid_fen"].to_list() == [100, 100, 200]
    with pytest.raises(ImportRefused, match=r"first.csv: is given twice"):
        pot.share("c,900,1,x\n", "third.csv", *one, *one)
    pot.share("b,700,1,z\nf,400,2,y\n", "other.csv")
    with pytest.raises(InputError, match="earlier awards take 1100 fen of a budget of 1000"):
        pot.share("c,900,1,x\n", "third.csv", *one, "--earlier", tmp_path / "other.csv")
    numbers = pl.read_csv(tmp_path / "second.csv").with_columns(district=pl.lit(7))
    numbers.write_parquet(tmp_path / "second.parquet")
    with pytest.raises(InputError, match=r"second.parquet: column district is Int32, not String"):
        pot.share("c,900,1,x\n", "third.csv", *one, *two)


@pytest.mark.parametrize(
    ("rows", "said", "zh"),
    [
        ("2026-07-01,fund,,,5,\n2026-07-02,claw_back,z,,1,\n",
         "events.csv:3: the claw_back of z on 2026-07-02 names no known claim",
         "events.csv:3: 2026-07-02 z claw_back的申报不存在"),
        ("2026-07-02,claim,a,7,,x\n", "events.csv:2: the claim of a on 2026-07-02 names a claim that there is already",
         "2026-07-02 a claim的申报此前已有"),
        ("2026-07-02,claw_back,a,,401,\n",
         "events.csv:2: the claw_back of a on 2026-07-02 takes back more than the 400 fen that it has",
         "收回的多于其所得的 400 分"),
        ("2026-05-31,fund,,,5,\n",
         "events.csv:2: the fund on 2026-05-31 lies before the sharing on 2026-06-01 → give --as-of",
         "2026-05-31 fund早于分配之日（2026-06-01） → 请用 --as-of 给出分配之日"),
        ("2026-07-01,fund,,,5,\n2026-06-30,fund,,,5,\n",
         "events.csv:3: the fund on 2026-06-30 lies before what precedes it, on 2026-07-01 → order events by day",
         "早于其前一事件（2026-07-01）"),
        ("2026-07-01,fund,,,5,\n2026-07-02,claim,c,7,,\n", "events.csv:3: a claim needs its district",
         "claim 须写明 district"),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_is_named_by_its_row(tmp_path: Path, rows: str, said: str, zh: str) -> None:
    pot = Pot(tmp_path, f"returns: pot, {DISTRICTS}")
    with pytest.raises(ImportRefused) as refused:
        pot.share("a,600,1,x\n", "out.csv", "--events", pot.events(rows))
    assert said in str(refused.value)
    assert zh in refused.value.in_chinese()


def test_movements_name_the_row_that_caused_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pot = Pot(tmp_path, f"returns: waiting, {DISTRICTS}")
    rows = "2026-07-01,fund,,,100,\n2026-07-02,withdraw,a,,,\n"
    capsys.readouterr()
    pot.share("a,600,1,x\nb,100,2,x\n", "out.csv", "--events", pot.events(rows))
    moved = [
        (each["event"], each["claim"], each["amount_fen"]) for each in json.loads(capsys.readouterr().out)["movements"]
    ]
    assert moved == [(None, "a", 400), (2, "a", 40), (3, "a", -440), (3, "b", 100)]


KEPT = "reserves: [{id: north, share_bp: 5000, where: 'district == \"x\"', words: {zh: 留, en: Kept}}]"


@pytest.mark.parametrize(
    ("returns", "events", "second", "third_budget"),
    [
        # What comes back of the first round's award of 400 (300 of it out of the reserve) waits for b and then c.
        ("waiting", "2026-07-01,claw_back,a,,150,\n",
         [("b", 700, 600, 0, "y", None), ("a", None, -150, -50, "x", True)], 150),
        ("pot", "2026-07-01,withdraw,a,,,\n",
         [("b", 700, 600, 0, "y", None), ("a", None, -400, -300, "x", True)], 400),
        # A later true-up gives more again, of what is left in the pot: back into the reserve first.
        ("pot", "2026-07-01,claw_back,a,,150,\n2026-07-02,true_up,a,350,,\n",
         [("b", 700, 600, 0, "y", None), ("a", None, -50, 50, "x", True)], 50),
    ],
)  # fmt: skip
def test_an_event_takes_back_of_an_award_of_an_earlier_round(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], returns: str, events: str, second: list, third_budget: int
) -> None:
    quota = "quotas: [{by: district, most_bp: 6000, words: {zh: 限, en: Quota}}]"
    pot = Pot(tmp_path, f"returns: {returns}, {quota}, {KEPT}")
    pot.share("a,400,1,x\n", "first.csv")
    first = pl.read_csv(tmp_path / "first.csv").with_columns(pl.lit(300).alias("reserve:north"))
    first.write_csv(tmp_path / "first.csv")
    one = ("--earlier", tmp_path / "first.csv")
    capsys.readouterr()
    made = pot.share("b,700,1,y\n", "second.csv", *one, "--events", pot.events(events))
    assert made.select("id", "claim_fen", "paid_fen", "reserve:north", "district", "earlier").rows() == second
    after = json.loads(capsys.readouterr().out)["after_events"]
    back = second[1][2]
    assert (after["paid_fen"], after["earlier_awards_fen"], after["put_in_fen"]) == (600, back, 600)
    assert after["left_fen"] == -back
    # The two files together are what the pot holds now: the first stays as it was.
    two = ("--earlier", tmp_path / "second.csv")
    third = pot.share("c,900,1,z\n", "third.csv", *one, *two)
    told = json.loads(capsys.readouterr().out)
    assert (told["taken_before_fen"], told["budget_fen"]) == (1000 + back, third_budget)
    assert third["paid_fen"].to_list() == [third_budget]
    # An event of the third round finds the award as the second left it.
    with pytest.raises(ImportRefused, match=f"takes back more than the {400 + back} fen that it has"):
        pot.share(
            "c,900,1,z\n", "third.csv", *one, *two,
            "--events", pot.events(f"2026-08-01,claw_back,a,,{401 + back},\n"),
        )  # fmt: skip
    pl.read_csv(tmp_path / "second.csv").write_parquet(tmp_path / "second.parquet")
    again = pot.share("c,900,1,z\n", "third.csv", *one, "--earlier", tmp_path / "second.parquet")
    assert again.equals(third)
    with pytest.raises(InputError, match="the award of a is changed, and is of none of the earlier rounds given"):
        pot.share("c,900,1,z\n", "third.csv", *two)


def test_what_comes_back_of_an_earlier_award_goes_to_the_treasury(tmp_path: Path) -> None:
    pot = Pot(tmp_path, f"returns: treasury, {DISTRICTS}")
    pot.share("a,400,1,x\n", "first.csv")
    one = ("--earlier", tmp_path / "first.csv")
    made = pot.share("b,900,1,y\n", "second.csv", *one, "--events", pot.events("2026-07-01,claw_back,a,,150,\n"))
    columns = ["id", "paid_fen", "treasury_fen", "district", "earlier"]
    assert made.select(columns).rows() == [("b", 400, 0, "y", None), ("a", -150, 150, "x", True)]
    third = pot.share("c,900,1,z\n", "third.csv", *one, "--earlier", tmp_path / "second.csv")
    # Of 1,000 a has 250, b 400 and the treasury 150.
    assert third["paid_fen"].to_list() == [200]


def test_what_comes_back_of_an_earlier_award_is_for_those_who_wait(tmp_path: Path) -> None:
    pot = Pot(tmp_path, "returns: waiting")
    pot.share("a,400,1,x\n", "first.csv")
    one = ("--earlier", tmp_path / "first.csv")
    made = pot.share("b,700,1,y\n", "second.csv", *one, "--events", pot.events("2026-07-01,claw_back,a,,150,\n"))
    assert made.select("id", "paid_fen").rows() == [("b", 700), ("a", -150)]


def test_an_id_of_several_rounds_names_none_of_their_awards(tmp_path: Path) -> None:
    pot = Pot(tmp_path, "returns: pot")
    pot.share("a,400,1,x\nb,100,2,y\n", "first.csv")
    pot.share("b,100,1,y\n", "second.csv", "--earlier", tmp_path / "first.csv")
    earlier = ("--earlier", tmp_path / "first.csv", "--earlier", tmp_path / "second.csv")
    for id in ("a", "b"):
        with pytest.raises(ImportRefused, match=f"the withdraw of {id} on 2026-07-01 names a claim of several rounds"):
            pot.share("a,100,1,x\n", "third.csv", *earlier, "--events", pot.events(f"2026-07-01,withdraw,{id},,,\n"))
    again = pot.events("2026-07-01,claim,a,5,,x\n2026-07-02,withdraw,a,,,\n")
    with pytest.raises(ImportRefused, match=r"events.csv:3: the withdraw of a on 2026-07-02 names a claim of several"):
        pot.share("c,100,1,x\n", "third.csv", *earlier, "--events", again)

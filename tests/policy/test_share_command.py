"""`siwei policy share`, run as a person runs it."""

import json
from pathlib import Path

import polars as pl
import pytest

from siwei.cli.policy import policy_app
from siwei.cli.policy_money import share as registered
from siwei.errors import ImportRefused, InputError, NotFound

assert registered


def share(tmp_path: Path, text: str, *arguments: str, programme: str = "xunli") -> pl.DataFrame:
    source, target = tmp_path / "claims.csv", tmp_path / "shares.parquet"
    source.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        policy_app(["share", "--programme", programme, "--in", str(source), "--out", str(target), "--json", *arguments])
    assert left.value.code in (0, None)
    return pl.read_parquet(target)


CLAIMS = (
    "id,claim_fen,applied_at,score\na,60,2026-05-07T09:00:00+08:00,80\n"
    "b,60,2026-05-06T09:00:00+08:00,90\nc,0,2026-05-06T08:00:00+08:00,70\n"
)


def test_first_come_by_time_with_zone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paid = share(tmp_path, CLAIMS, "--mode", "first_come", "--budget", "100")
    assert paid.select("id", "paid_fen", "rank").rows() == [("a", 40, 3), ("b", 60, 2), ("c", 0, 1)]
    summary = json.loads(capsys.readouterr().out)
    assert summary == {
        "programme": "xunli", "sharing": "first_come", "seed": None, "budget_fen": 100, "claims": 3, "left_out": 0,
        "claimed_fen": 120, "paid_fen": 100, "left_fen": 0, "paid_in_full": 2, "paid_in_part": 1, "draft": False,
        "taken_before_fen": 0, "treasury_before_fen": 0, "choose_again": False,
    }  # fmt: skip


def test_the_file_s_own_rule_and_what_decide_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "id,programme,verdict,award_fen\na,longhua-compute,eligible,100\nb,longhua-compute,eligible,300\n"
        "c,longhua-compute,cannot_tell,\nd,xunli,eligible,7\ne,longhua-compute,eligible,\n"
    )
    paid = share(tmp_path, text, "--budget", "200", programme="longhua-compute")
    assert paid.select("id", "paid_fen").rows() == [("a", 50), ("b", 150)]
    assert json.loads(capsys.readouterr().out)["left_out"] == 2


@pytest.mark.parametrize(
    ("text", "arguments", "error", "message"),
    [
        (CLAIMS, [], InputError, "how the pot is shared is not known"),
        (CLAIMS.replace("60", "6e1"), ["--mode", "merit"], ImportRefused, r"claims.csv:2: '6e1' is not a whole number"),
        (CLAIMS.replace("claim_fen", "claim"), ["--mode", "merit"], ImportRefused, "no column 'claim_fen'"),
        (CLAIMS.replace("90", "high"), ["--mode", "merit"], ImportRefused, "'high' is not a number"),
        (CLAIMS.replace("2026-05-07T09:00:00+08:00", "7 May"), ["--mode", "first_come"], ImportRefused, "'7 May'"),
        (CLAIMS, ["--mode", "lottery"], InputError, "a lottery needs its published seed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(
    tmp_path: Path, text: str, arguments: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        share(tmp_path, text, *arguments)


def test_a_programme_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no programme 'xunly'"):
        share(tmp_path, CLAIMS, programme="xunly")

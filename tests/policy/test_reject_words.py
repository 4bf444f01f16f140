"""Why a row cannot be used is said in English and Chinese; an id with characters that nobody sees is such a row."""

import json
import re
from datetime import date
from pathlib import Path
from string import Formatter

import polars as pl
import pytest

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.errors import ImportRefused
from siwei.policy import load_programme
from siwei.policy.deciding.decide_files import decide_file, rejects_file
from siwei.policy.deciding.given_rows import judge_rows
from siwei.policy.files.reject_words import REASONS, reason
from siwei.policy.files.subject_batches import REJECTS_SCHEMA, reject_problem
from siwei.policy.pots.claim_tables import claims_given, read_claims

ATTRIBUTES = load_attributes(PACKS / "shenzhen")
PROGRAMME = load_programme(PACKS / "shenzhen" / "programmes" / "longhua-compute.yaml", ATTRIBUTES)
DAY = date(2026, 3, 1)
UNSEEN = ["a\x00", "a\nb", "a\tb", "a\x7f", "a\x85", "a\u2028b", "\u202eab", "a\u200f"]


@pytest.mark.parametrize("kind", REASONS)
def test_every_reason_has_both_texts_with_the_same_values(kind: str) -> None:
    en, zh = REASONS[kind]
    names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (en, zh)]
    assert names[0] == names[1]
    assert (re.search(r"[\u4e00-\u9fff]", zh) is not None, re.search(r"[\u4e00-\u9fff]", en)) == (True, None)
    assert reason(kind, **dict.fromkeys(names[0], 7)).zh == zh.format(**dict.fromkeys(names[0], 7))


def frame(ids: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"id": ids, "district": ["longhua"] * len(ids), "longhua_compute_paid": [5] * len(ids)})


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".arrow"])
def test_an_id_with_what_nobody_sees_is_rejected_and_the_others_go_on(tmp_path: Path, ending: str) -> None:
    source, target = tmp_path / f"rows{ending}", tmp_path / "out.csv"
    made = frame([*UNSEEN, "good", "良 好"])
    if ending == ".csv":
        made.write_csv(source)
    elif ending == ".parquet":
        made.write_parquet(source)
    else:
        made.write_ipc(source)
    done = decide_file((PROGRAMME,), ATTRIBUTES, source, target, DAY)
    assert (done.rows, done.rejected) == (len(UNSEEN) + 2, len(UNSEEN))
    assert pl.read_csv(target)["id"].to_list() == ["good", "良 好"]
    rejects = pl.read_csv(rejects_file(target))
    assert rejects.schema.names() == REJECTS_SCHEMA.names()
    assert {*rejects["reason"]} == {REASONS["control_in_id"][0]}
    assert {*rejects["reason_zh"]} == {REASONS["control_in_id"][1]}


def test_rows_given_by_a_program_are_judged_alike() -> None:
    """JSON holds halves of characters besides."""
    rows: list[dict[str, int | float | bool | str | None]]
    rows = [{"id": id, "district": "longhua", "longhua_compute_paid": 5} for id in [*UNSEEN, "x\ud800", "good"]]
    rows[-1]["district"] = json.loads('"\\udc00"')
    batch = judge_rows(rows, (PROGRAMME,), ATTRIBUTES)
    told = batch.rejects.select("row", "column", "reason").rows()
    halved = REASONS["no_unicode"][0]
    assert [each for each in told if each[2] == halved] == [(9, "id", halved), (10, "district", halved)]
    assert (batch.good.height, batch.rejects["row"].n_unique()) == (0, 10)


def test_claims_on_a_pot_with_such_ids_are_refused_with_their_rows(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["a", "a\x00b"], "claim_fen": [1, 2]}).write_csv(tmp_path / "claims.csv")
    with pytest.raises(ImportRefused, match="control or direction") as refused:
        read_claims(tmp_path / "claims.csv", PROGRAMME, ATTRIBUTES)
    (problem,) = refused.value.problems
    assert (problem.line, problem.field) == (3, "id")
    with pytest.raises(ImportRefused, match="control or direction"):
        claims_given([{"id": "a\nb", "claim_fen": 1}], PROGRAMME, ATTRIBUTES)
    with pytest.raises(ImportRefused, match="half a character"):
        claims_given([{"id": "\udfff", "claim_fen": 1}], PROGRAMME, ATTRIBUTES)


def test_a_rejected_row_is_told_in_both_languages() -> None:
    row = {"row": 3, "id": "a", "column": "revenue", "value": "1e3", "reason": "not whole", "reason_zh": "不是整数"}
    problem = reject_problem(row, Path("rows.csv"))
    assert str(problem) == "rows.csv:3: '1e3': not whole [revenue] → mend it"
    assert str(problem.in_chinese()) == "rows.csv:3: '1e3': 不是整数 [revenue] → 请改正"

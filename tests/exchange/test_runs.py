"""Bulk results on disk and in the database."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from siwei.errors import Conflict, InputError, NotAllowed
from siwei.exchange.facts.runs import PLACEMENT_COLUMNS, load_run, run_path, save_placements, save_run
from siwei.exchange.models import Placement, Run

FRAME = pl.DataFrame({"id": ["a", "b"], "award_fen": [1, None]})


def save(frame: pl.DataFrame, cast: Any, now: datetime, runs: Path, **given: Any) -> Run:
    values: dict[str, Any] = {"as_of": date(2026, 11, 23), "inputs_sha256": "0" * 64, "actor": cast.olive}
    return save_run(given.pop("kind", "awards"), frame, runs=runs, now=now, **values | given)


def test_a_run_is_kept_under_the_hash_of_its_rows(cast: Any, now: datetime, tmp_path: Path) -> None:
    run = save(FRAME, cast, now, tmp_path / "runs", summary={"eligible": 1})
    assert (run.rows, run.summary) == (2, {"eligible": 1})
    assert load_run(tmp_path / "runs", run).collect().equals(FRAME)
    assert save(FRAME, cast, now, tmp_path / "runs") == run
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [f"awards-{run.sha256[:16]}.parquet"]


def test_other_inputs_are_another_run(cast: Any, now: datetime, tmp_path: Path) -> None:
    save(FRAME, cast, now, tmp_path)
    other = save(FRAME.head(1), cast, now, tmp_path, inputs_sha256="1" * 64)
    assert Run.objects.count() == 2
    assert load_run(tmp_path, other).collect().height == 1


def test_a_missing_file_is_told(cast: Any, now: datetime, tmp_path: Path) -> None:
    run = save(FRAME, cast, now, tmp_path)
    run_path(tmp_path, run).unlink()
    with pytest.raises(Conflict, match="siwei run"):
        load_run(tmp_path, run)


@pytest.mark.parametrize("kind", ["", "../x", "a/b", "k" * 41])
def test_a_kind_names_a_file(cast: Any, now: datetime, tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match="names a file"):
        save(FRAME, cast, now, tmp_path, kind=kind)


def placements(*rows: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=PLACEMENT_COLUMNS, orient="row")


def test_placements_are_replaced_as_a_whole(cast: Any, now: datetime) -> None:
    first = placements(("n-firm", "vision", "technology", 0.9, "视觉"), ("n-centre", "compute", "base", 0.8, "算力"))
    assert save_placements(first, actor=cast.olive, now=now) == 2
    assert save_placements(placements(("n-firm", "speech", "technology", 0.7, "语音")), actor=cast.olive, now=now) == 1
    assert list(Placement.objects.values_list("organisation__key", "segment")) == [("n-firm", "speech")]


def test_wrong_placements_change_nothing(cast: Any, now: datetime) -> None:
    save_placements(placements(("n-firm", "vision", "technology", 0.9, "视觉")), actor=cast.olive, now=now)
    with pytest.raises(InputError, match="'nobody'"):
        save_placements(placements(("nobody", "vision", "technology", 0.9, "x")), actor=cast.olive, now=now)
    with pytest.raises(InputError, match="column missing"):
        save_placements(FRAME, actor=cast.olive, now=now)
    assert Placement.objects.count() == 1


def test_only_the_operator(cast: Any, now: datetime, tmp_path: Path) -> None:
    for actor in (cast.alice, cast.charlie, cast.ann):
        with pytest.raises(NotAllowed):
            save_run("awards", FRAME, runs=tmp_path, as_of=now.date(), inputs_sha256="", actor=actor, now=now)
        with pytest.raises(NotAllowed):
            save_placements(placements(), actor=actor, now=now)
    assert list(tmp_path.iterdir()) == []

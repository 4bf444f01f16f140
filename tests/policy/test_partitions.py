"""Deciding a table cut into files: the same as deciding it whole, the same bytes every time, and what is refused."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from siwei.errors import EnvironmentMissing, InputError
from siwei.policy import Programme, decide
from siwei.policy.deciding.partitions import Decide, DecidedPart, decide_partitions, spread_on_ray

DAY = date(2026, 3, 1)
Make = Callable[..., Programme]


@pytest.fixture
def table() -> pl.DataFrame:
    rows = 1_000
    spent = [None if row % 7 == 0 else row * 100 for row in range(rows)]
    return pl.DataFrame({"id": [f"{row:04d}" for row in range(rows)], "spent": spent})


@pytest.fixture
def sources(table: pl.DataFrame, tmp_path: Path) -> list[Path]:
    """Three parts, the last one smaller, one of them in an order of names that is not the table's."""
    folder = tmp_path / "subjects"
    folder.mkdir()
    paths = [folder / name for name in ("b.parquet", "a.parquet", "c.parquet")]
    for number, path in enumerate(paths):
        table.slice(number * 400, 400).write_parquet(path)
    return paths


def backwards(decide_one: Decide, sources: Sequence[Path]) -> Iterator[DecidedPart]:
    """As a cluster may: out of order, and one part decided twice because its worker was thought dead."""
    decide_one(sources[1])
    return map(decide_one, reversed(sources))


def test_parts_decided_are_the_table_decided(
    make_programme: Make, table: pl.DataFrame, sources: list[Path], tmp_path: Path
) -> None:
    programmes = (make_programme(clause="spent > 5000"),)
    parts = decide_partitions(programmes, sources, tmp_path / "decided", DAY)
    assert [(part.source, part.rows) for part in parts] == [(sources[0], 400), (sources[1], 400), (sources[2], 200)]
    together = pl.concat(pl.read_parquet(part.target) for part in parts)
    assert together.equals(decide(programmes, table, DAY).wide)


def test_the_bytes_do_not_depend_on_who_decides_when(make_programme: Make, sources: list[Path], tmp_path: Path) -> None:
    programmes = (make_programme(),)
    first = decide_partitions(programmes, sources, tmp_path / "first", DAY)
    second = decide_partitions(programmes, sources, tmp_path / "second", DAY, backwards)
    assert [part.source for part in second] == sources
    assert [part.sha256 for part in first] == [part.sha256 for part in second]
    for part in (*first, *second):
        assert hashlib.sha256(part.target.read_bytes()).hexdigest() == part.sha256


def test_what_a_killed_worker_left_is_cleared_away(make_programme: Make, sources: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "decided"
    folder.mkdir()
    (folder / ".a.parquet.0123.part").write_bytes(b"half a file")
    (folder / ".other.part").write_bytes(b"not ours")
    decide_partitions((make_programme(),), sources, folder, DAY)
    assert sorted(path.name for path in folder.iterdir()) == [".other.part", "a.parquet", "b.parquet", "c.parquet"]


def test_every_bad_source_is_named_before_any_work(make_programme: Make, sources: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "again"
    other.mkdir()
    (other / "a.parquet").write_bytes(sources[1].read_bytes())
    bad = [sources[1], tmp_path / "gone.parquet", tmp_path / "table.csv", other / "a.parquet"]
    with pytest.raises(InputError) as refused:
        decide_partitions((make_programme(),), bad, tmp_path / "decided", DAY)
    assert [(problem.message, problem.file) for problem in refused.value.problems] == [
        ("no such file", str(bad[1])),
        ("is not .parquet", str(bad[2])),
        ("another part has the same name", str(bad[3])),
    ]
    assert not (tmp_path / "decided").exists()
    with pytest.raises(InputError, match="would be overwritten by its own result"):
        decide_partitions((make_programme(),), sources, sources[0].parent, DAY)
    with pytest.raises(InputError, match="no parts to decide"):
        decide_partitions((make_programme(),), [], tmp_path / "decided", DAY)


def test_a_part_that_cannot_be_read_leaves_no_file(make_programme: Make, sources: list[Path], tmp_path: Path) -> None:
    sources[2].write_bytes(sources[2].read_bytes()[:-50])
    folder = tmp_path / "decided"
    with pytest.raises(InputError, match=r"c\.parquet: cannot be decided"):
        decide_partitions((make_programme(),), sources, folder, DAY)
    assert sorted(path.name for path in folder.iterdir()) == ["a.parquet", "b.parquet"]
    pl.DataFrame({"id": ["x"], "spend": [1]}).write_parquet(sources[2])
    with pytest.raises(InputError, match="rename column 'spend'"):
        decide_partitions((make_programme(),), sources, folder, DAY)


def test_without_a_cluster_ray_is_refused(make_programme: Make, sources: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (pip install 'siwei[bench]')")
    with pytest.raises(EnvironmentMissing, match="no Ray cluster is connected"):
        decide_partitions((make_programme(),), sources, tmp_path / "decided", DAY, spread_on_ray)

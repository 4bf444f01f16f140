"""Decide a table that is cut into Parquet files, one result file per part: here, or on a Ray cluster.

A part is decided on its own and its file appears whole or not at all, so a part whose worker died is simply decided
again; the bytes written depend on the part, the programmes and the day alone, wherever and however often it is done.
"""

import glob
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

import polars as pl

from siwei.errors import EnvironmentMissing, InputError, Problem
from siwei.policy.decide import decide_lazily
from siwei.policy.files.file_words import of_file
from siwei.policy.programmes import Programme
from siwei.policy.row_words import of_rows

ROWS_IN_WORK = 300_000
"""Over all programmes: what is held at once grows with rows and with programmes, so many programmes take fewer rows
at a time. Polars' own 100,000 rows hold some hundred megabytes of intermediate columns for sixty programmes."""
GROUP_OF_MORSELS = 5
"""Rows the writer keeps until it writes them, in morsels; fixed, so that the same part gives the same bytes."""
MOST_TRIES = 5


@dataclass(frozen=True, slots=True)
class DecidedPart:
    """`target` holds the wide frame of `Decisions` for the rows of `source`; `sha256` is of its bytes."""

    source: Path
    target: Path
    rows: int
    sha256: str


Decide = Callable[[Path], DecidedPart]
Spread = Callable[[Decide, Sequence[Path]], Iterable[DecidedPart]]
"""Applies the first argument to each of the second, in whatever order and wherever it likes."""


def decide_partitions(
    programmes: tuple[Programme, ...], sources: Sequence[Path], folder: Path, as_of: date, spread: Spread | None = None
) -> tuple[DecidedPart, ...]:
    """Decide every file of `sources` (Parquet, as `decide` takes it) into a file of the same name in `folder`, in the
    order of `sources`. Without `spread`, one after the other in this process, in bounded memory; with
    `spread_on_ray`, on the cluster this process is connected to, whose nodes must all see the same paths.

    Raises InputError with every source that is missing, is not Parquet by name, would be overwritten, or has the name
    of another.
    """
    problems = list(_problems(sources, folder))
    if problems:
        raise InputError(problems)
    folder.mkdir(parents=True, exist_ok=True)

    def decide_one(source: Path) -> DecidedPart:
        return decide_part(programmes, source, folder / source.name, as_of)

    found = {part.source: part for part in (spread or _one_by_one)(decide_one, sources)}
    for source in sources:
        # What workers left that were killed while they wrote.
        for draft in folder.glob(f".{glob.escape(source.name)}.*.part"):
            draft.unlink(missing_ok=True)
    return tuple(found[source] for source in sources)


def decide_part(programmes: tuple[Programme, ...], source: Path, target: Path, as_of: date) -> DecidedPart:
    """One file into one file. Raises InputError where its columns are not what the programmes read, or it cannot be
    read."""
    draft = target.with_name(f".{target.name}.{uuid4().hex}.part")
    morsel = max(1_000, min(50_000, ROWS_IN_WORK // max(1, len(programmes))))
    try:
        # Polars reads this setting when a query starts, for the whole process.
        with pl.Config(streaming_chunk_size=morsel):
            plan = decide_lazily(programmes, pl.scan_parquet(source, glob=False), as_of)
            # At its default level zstd takes a tenth longer, for files no smaller.
            plan.sink_parquet(draft, compression_level=1, row_group_size=GROUP_OF_MORSELS * morsel, maintain_order=True)
        with draft.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        rows = int(pl.scan_parquet(draft, glob=False).select(pl.len()).collect().item())
        draft.replace(target)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError([Problem(*of_rows("part_undecided", why=reason), str(source))]) from None
    finally:
        draft.unlink(missing_ok=True)
    return DecidedPart(source, target, rows, digest)


def spread_on_ray(decide_one: Decide, sources: Sequence[Path]) -> Iterator[DecidedPart]:
    """One Ray task per part, yielded as they end. A part whose worker or node died is decided again elsewhere, up to
    MOST_TRIES times; an error of the part itself is raised as it is. Raises EnvironmentMissing without Ray, or where
    no cluster is connected."""
    try:
        import ray
    except ImportError:
        raise EnvironmentMissing(
            "Ray is not installed → pip install ray==2.60.0, or decide without it",
            "未安装 Ray → 请运行 pip install ray==2.60.0，或不用它判定",
        ) from None
    if not ray.is_initialized():
        raise EnvironmentMissing(
            "no Ray cluster is connected → call ray.init(address=…) first",
            "未连接 Ray 集群 → 请先调用 ray.init(address=…)",
        )
    task = ray.remote(num_cpus=1, max_retries=MOST_TRIES)(decide_one)
    waiting = [task.remote(source) for source in sources]
    try:
        while waiting:
            done, waiting = ray.wait(waiting, num_returns=1)
            yield ray.get(done[0])
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    finally:
        for reference in waiting:
            ray.cancel(reference, force=True)


def _one_by_one(decide_one: Decide, sources: Sequence[Path]) -> Iterator[DecidedPart]:
    return map(decide_one, sources)


def _problems(sources: Sequence[Path], folder: Path) -> Iterator[Problem]:
    if not sources:
        yield Problem(*of_rows("no_parts"))
    seen: set[str] = set()
    for source in sources:
        if source.suffix != ".parquet":
            yield Problem(*of_rows("not_parquet"), str(source))
        elif not source.is_file():
            yield Problem(*of_file("no_file"), str(source))
        elif source.name in seen:
            yield Problem(*of_rows("part_twice"), str(source))
        elif (folder / source.name).exists() and (folder / source.name).samefile(source):
            yield Problem(*of_rows("part_overwritten"), str(source))
        seen.add(source.name)

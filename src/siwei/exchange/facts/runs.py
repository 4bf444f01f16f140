"""Results of deciding in bulk: content-addressed Parquet beside the database, and the placements that pages read."""

import hashlib
import os
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from siwei.errors import Conflict, InputError, Problem, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action
from siwei.exchange.models import Organisation, Placement, Run

PLACEMENT_COLUMNS = {
    "id": pl.String(),
    "segment": pl.String(),
    "layer": pl.String(),
    "confidence": pl.Float64(),
    "evidence": pl.String(),
}
BATCH_ROWS = 5_000


def run_path(runs: Path, run: Run) -> Path:
    return runs / f"{run.kind}-{run.sha256[:16]}.parquet"


def load_run(runs: Path, run: Run) -> pl.LazyFrame:
    """The rows of a run; `Conflict` where the file is gone."""
    path = run_path(runs, run)
    if not path.is_file():
        raise Conflict(
            f"{path} of run {run.kind} {run.as_of} is missing → run `siwei run` again",
            f"运行 {run.kind} {run.as_of} 缺少 {path} → 请再次运行 `siwei run`",
        )
    return pl.scan_parquet(path)


@action
def save_run(
    kind: str,
    frame: pl.DataFrame,
    *,
    runs: Path,
    as_of: date,
    inputs_sha256: str,
    actor: Actor,
    now: datetime,
    summary: Mapping[str, Any] | None = None,
) -> Run:
    """Write the frame once under the hash of its bytes and record it; the same inputs again replace nothing.

    The file is on disk before the row is, so that a row never points at a file that a power cut took away.
    """
    require(can_operate(actor), actor, Said("record bulk results", "记录批量结果"))
    if not kind.replace("-", "").isalnum() or len(kind) > 40:
        raise InputError(
            [
                Problem(
                    Said(f"a run's kind {kind!r} names a file", f"运行类别 {kind!r} 要用作文件名"),
                    fix=Said("letters, digits and dashes", "字母、数字和短横线"),
                    field="kind",
                )
            ]
        )
    sha256, rows = _write_parquet(runs, kind, frame), frame.height
    same: dict[str, Any] = {"kind": kind, "as_of": as_of, "inputs_sha256": inputs_sha256}
    run, _ = Run.objects.update_or_create(
        **same, defaults={"sha256": sha256, "rows": rows, "summary": dict(summary or {})}
    )
    return run


@action
def save_placements(frame: pl.DataFrame, *, actor: Actor, now: datetime) -> int:
    """Replace all placements by these (columns of PLACEMENT_COLUMNS, `id` an organisation's key); returns how many."""
    require(can_operate(actor), actor, Said("place firms on the chain", "在产业链上定位企业"))
    missing = [name for name in PLACEMENT_COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(
            [
                Problem(
                    Said("column missing from the placements", "定位结果缺少列"),
                    fix=Said("see siwei.chain.classify", "见 siwei.chain.classify"),
                    field=n,
                )
                for n in missing
            ]
        )
    ids = dict(Organisation.objects.filter(merged_into=None).values_list("key", "pk"))
    unknown = sorted(set(frame["id"].unique().to_list()) - ids.keys())
    if unknown:
        raise InputError(
            [
                Problem(
                    Said(
                        f"placement of an organisation that is not there: {key!r}", f"定位结果中有不存在的机构：{key!r}"
                    ),
                    field="id",
                )
                for key in unknown[:20]
            ]
        )
    Placement.objects.all().delete()
    rows = frame.select(list(PLACEMENT_COLUMNS)).sort("id", "segment").iter_rows()
    Placement.objects.bulk_create(
        (
            Placement(organisation_id=ids[key], segment=segment, layer=layer, confidence=confidence, evidence=evidence)
            for key, segment, layer, confidence, evidence in rows
        ),
        batch_size=BATCH_ROWS,
    )
    return frame.height


def _write_parquet(runs: Path, kind: str, frame: pl.DataFrame) -> str:
    runs.mkdir(parents=True, exist_ok=True)
    draft = runs / f".{kind}-{os.getpid()}.new"
    try:
        # No statistics of the writer's own and one compression: the same rows give the same bytes.
        frame.write_parquet(draft, compression="zstd", statistics=False)
        with draft.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        draft.replace(runs / f"{kind}-{sha256[:16]}.parquet")
    finally:
        draft.unlink(missing_ok=True)
    directory = os.open(runs, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return sha256

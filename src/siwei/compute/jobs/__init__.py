"""Jobs that come with the platform, as specifications ready to submit."""

from pathlib import Path

from siwei.compute.specification import JobSpec, WorkingFile

PROGRAM = Path(__file__).with_name("train_classifier.py")


def training_job(*, seed: int = 20260701, epochs: int = 40, rows: int = 100_000, wall_limit_s: int = 600) -> JobSpec:
    """A small classifier trained on data it makes itself; leaves metrics.json, history.jsonl and model.npz."""
    words = ("--seed", str(seed), "--epochs", str(epochs), "--rows", str(rows))
    return JobSpec(
        command=("python", PROGRAM.name, *words),
        files=(WorkingFile(PROGRAM.name, PROGRAM.read_bytes()),),
        wall_limit_s=wall_limit_s,
        cpu_limit_s=wall_limit_s,
        memory_mb=512,
        disk_mb=64,
        processes=16,
    )

"""Memory: many programmes over many rows from Parquet to Parquet, every clause's verdict kept.

    python -m benchmarks.policy.streaming [--json] [--rows N --programmes M]

Without --rows, two shapes: 60 programmes × 5,000,000 rows, and 6 programmes × 50,000,000 rows. Programmes beyond the
six are the same six with other figures, so that no work is shared but what real programmes share too.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import in_child, machine, peak_memory_mb
from benchmarks.policy.data import BLOCK, write_rows
from benchmarks.policy.rules import AS_OF, CLAUSES, PACK

SHAPES = ((60, 5_000_000), (6, 50_000_000))
PART_ROWS = 500_000
SMALLEST_FIGURE = 10_000
"""Literals and parameters from this on are amounts; smaller ones are rates, counts and years, which must keep sense."""


def write_programmes(folder: Path, count: int) -> None:
    """`count` files: the six, then the six with every amount a few per cent larger, and so on."""
    texts = {path.stem: path.read_text() for path in sorted((PACK / "programmes").glob("*.yaml"))}
    for number in range(count):
        name, variant = sorted(texts)[number % len(texts)], number // len(texts)

        def larger(found: re.Match[str], variant: int = variant) -> str:
            amount = int(found[0])
            is_amount = amount >= SMALLEST_FIGURE and amount != 10_000
            return str(amount * (100 + 3 * variant) // 100) if is_amount else found[0]

        body = "\n".join(
            re.sub(r"(?<![\w-])\d+(?![\w-])", larger, line) if re.match(r"\s+(- \{|expr|values)", line) else line
            for line in texts[name].splitlines()
        )
        body = body.replace(f"id: {name}\n", f"id: {name}-{variant}\n", 1)
        (folder / f"{name}-{variant}.yaml").write_text(body + "\n")


def write_parts(folder: Path, rows: int) -> None:
    """The table in files of PART_ROWS rows, as a large one is kept."""
    folder.mkdir()
    for number in range(-(-rows // PART_ROWS)):
        size = min(PART_ROWS, rows - number * PART_ROWS)
        write_rows(folder / f"part-{number:05d}.parquet", size, first_block=number * (PART_ROWS // BLOCK))


def decide_all(folder: Path) -> dict[str, Any]:
    """In a process of its own: load the programmes, decide part by part; its peak against what it held before."""
    from siwei.city.attributes import load_attributes
    from siwei.policy import load_programmes
    from siwei.policy.deciding.partitions import decide_partitions

    before_mb, started = peak_memory_mb(), time.perf_counter()
    programmes = load_programmes(folder / "programmes", load_attributes(PACK, today=AS_OF))
    parts = decide_partitions(programmes, sorted((folder / "subjects").iterdir()), folder / "decided", AS_OF)
    return {
        "end_to_end_s": time.perf_counter() - started, "process_cpu_s": time.process_time(), "before_mb": before_mb,
        "peak_rss_mb": peak_memory_mb(), "written_rows": sum(part.rows for part in parts),
    }  # fmt: skip


def size_mb(folder: Path) -> float:
    return round(sum(path.stat().st_size for path in folder.iterdir()) / 1e6, 1)


def measure(programmes: int, rows: int, folder: Path) -> dict[str, Any]:
    (folder / "programmes").mkdir(parents=True)
    write_programmes(folder / "programmes", programmes)
    write_parts(folder / "subjects", rows)
    found = in_child("benchmarks.policy.streaming", "--stage", str(folder))
    clauses = programmes * len(next(iter(CLAUSES.values())))
    return {
        "programmes": programmes, "rows": rows, "clauses": clauses,
        **{key: round(value, 2) for key, value in found.items()},
        "above_start_mb": round(found["peak_rss_mb"] - found["before_mb"], 1),
        "input_files_mb": size_mb(folder / "subjects"), "output_files_mb": size_mb(folder / "decided"),
        "row_rules_per_s": round(rows * (clauses + programmes) / found["end_to_end_s"]),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy.streaming", description=__doc__)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--programmes", type=int, default=60)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--stage", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(decide_all(options.stage)))
        return
    print(json.dumps(machine()), file=sys.stderr)
    shapes = ((options.programmes, options.rows),) if options.rows else SHAPES
    results = []
    for programmes, rows in shapes:
        with tempfile.TemporaryDirectory(prefix="siwei-streaming-") as temporary:
            results.append(measure(programmes, rows, Path(temporary) / "shape"))
    if options.json:
        print(json.dumps(results))
        return
    print(f"{'programmes':>11}{'rows':>12}{'clauses':>9}{'end to end s':>14}{'before MB':>11}{'peak MB':>9}"
          f"{'above MB':>10}"
          f"{'in MB':>8}{'out MB':>8}{'M row·rules/s':>15}")  # fmt: skip
    for each in results:
        print(
            f"{each['programmes']:>11}{each['rows']:>12,}{each['clauses']:>9}{each['end_to_end_s']:>14.1f}"
            f"{each['before_mb']:>11.0f}{each['peak_rss_mb']:>9.0f}{each['above_start_mb']:>10.0f}"
            f"{each['input_files_mb']:>8.0f}{each['output_files_mb']:>8.0f}{each['row_rules_per_s'] / 1e6:>15.1f}"
        )


if __name__ == "__main__":
    main()

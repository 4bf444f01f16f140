"""One system, measured in this process alone; the figures are printed as JSON.

python -m benchmarks.policy.child --system ours --rows N --source FILE --target FILE --part end_to_end|evaluate
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.measuring import peak_memory_mb
from benchmarks.policy.rules import RESULT_COLUMNS
from benchmarks.policy.systems import System, find_system, write_result

EVALUATIONS = 5
LONG_S = 5.0
"""A system that takes longer than this once is not asked again in the same process."""


def end_to_end(system: System, source: Path, rows: int, target: Path) -> dict[str, Any]:
    """Load, compile, decide, write; imports are done."""
    started, processor = time.perf_counter(), time.process_time()
    if system.stream:
        system.stream(source, rows, target)
    else:
        compiled = system.compile()
        write_result(system.as_frame(system.evaluate(compiled, system.load(source, rows))), target)
    return {
        "end_to_end_s": time.perf_counter() - started, "end_to_end_cpu_s": time.process_time() - processor,
        "peak_rss_mb": peak_memory_mb(),
    }  # fmt: skip


def evaluate(system: System, source: Path, rows: int) -> dict[str, Any]:
    """The evaluation alone, inputs loaded and rules compiled; the median of several after one to warm up."""
    compiled, inputs = system.compile(), system.load(source, rows)
    seconds, processor_seconds = [], []
    for _ in range(EVALUATIONS + 1):
        started, processor = time.perf_counter(), time.process_time()
        system.evaluate(compiled, inputs)
        seconds.append(time.perf_counter() - started)
        processor_seconds.append(time.process_time() - processor)
        if seconds[-1] > LONG_S:
            break
    kept = slice(1, None) if len(seconds) > 1 else slice(None)
    return {
        "evaluate_s": statistics.median(seconds[kept]), "evaluate_cpu_s": statistics.median(processor_seconds[kept]),
        "evaluate_all_s": seconds[kept],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy.child", description=__doc__)
    parser.add_argument("--system", required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--part", choices=["end_to_end", "evaluate"], required=True)
    options = parser.parse_args()
    system = find_system(options.system)
    if options.part == "evaluate":
        found = evaluate(system, options.source, options.rows)
    else:
        found = end_to_end(system, options.source, options.rows, options.target)
    print(json.dumps(found))


def read_result(path: Path) -> pl.DataFrame:
    """The columns of a written result in the order of the rows asked for, whatever order a system wrote them in."""
    frame = pl.read_parquet(path)
    if "id" in frame.columns:
        frame = frame.sort("id")
    return frame.select(name for name in RESULT_COLUMNS if name in frame.columns)


if __name__ == "__main__":
    main()

"""A day's metering rated and settled: by column (`siwei.market.rating`) and by a plain loop over the same rows.

    python -m benchmarks.settlement --rows 1000000 --lines 20000 --json

Both are given the same Parquet files, each in a process of its own, in turn; both must come to the same fen.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from benchmarks.measuring import in_child, machine, peak_memory_mb
from siwei.market.kind import Price
from siwei.market.pricing import rate
from siwei.market.rating import LINES_SCHEMA, READINGS_SCHEMA, settle_lines
from siwei.market.settlement import Held, settle

SYSTEMS = ("columns", "loop")
SEED = 20261129


def make(folder: Path, rows: int, lines: int) -> None:
    """Readings spread unevenly over lines; two lines in three with a voucher, one in four partly captured before."""
    draw = random.Random(SEED)
    prices = []
    for number in range(lines):
        own, voucher = draw.randrange(10**4, 10**8), draw.randrange(10**4, 10**8) if number % 3 else 0
        share = draw.random() if number % 4 == 0 else 0.0
        prices.append(
            (number, draw.randrange(500, 20_000), 3_600, voucher, int(voucher * share), own, int(own * share))
        )
    readings = [(int(lines * draw.random() ** 2), draw.randrange(0, 60) * 60) for _ in range(rows)]
    pl.DataFrame(prices, schema=dict(LINES_SCHEMA), orient="row").write_parquet(folder / "lines.parquet")
    pl.DataFrame(readings, schema=dict(READINGS_SCHEMA), orient="row").write_parquet(folder / "readings.parquet")


def by_columns(folder: Path) -> list[tuple[int, ...]]:
    settled = settle_lines(pl.read_parquet(folder / "readings.parquet"), pl.read_parquet(folder / "lines.parquet"))
    return settled.select("line", "gross_fen", "voucher_due_fen", "own_due_fen", "released_fen").rows()


def by_loop(folder: Path) -> list[tuple[int, ...]]:
    """As somebody would write it first: a dictionary of sums, then `rate` and `settle` once a line."""
    quantities: dict[int, int] = {}
    for line, quantity in pl.read_parquet(folder / "readings.parquet").iter_rows():
        quantities[line] = quantities.get(line, 0) + quantity
    found: list[tuple[int, ...]] = []
    for line, price, per, voucher, voucher_before, own, own_before in pl.read_parquet(
        folder / "lines.parquet"
    ).iter_rows():
        gross = rate(quantities.get(line, 0), Price(price, per))
        done = settle([Held("voucher", "voucher", voucher, voucher_before), Held("own", "own", own, own_before)], gross)
        paid = {each.payer: each.captured_fen for each in done.captures}
        found.append((line, gross, paid["voucher"], paid["own"], done.released_fen))
    return found


def child(folder: Path, system: str) -> None:
    work = {"columns": by_columns, "loop": by_loop}[system]
    before = peak_memory_mb()
    clock, processor = time.perf_counter(), time.process_time()
    rows = work(folder)
    seconds, processor_s = time.perf_counter() - clock, time.process_time() - processor
    sums = [sum(row[place] for row in rows) for place in range(1, 5)]
    print(
        json.dumps(
            {
                "seconds": seconds,
                "processor_s": processor_s,
                "peak_mb": peak_memory_mb(),
                "start_mb": before,
                "sums": sums,
            }
        )
    )


def measure(rows: int, lines: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        print(f"making {rows:,} readings of {lines:,} lines", file=sys.stderr)
        make(folder, rows, lines)
        runs: dict[str, list[dict[str, Any]]] = {system: [] for system in SYSTEMS}
        for number in range(rounds):
            for system in SYSTEMS:
                print(f"round {number + 1}: {system}", file=sys.stderr)
                runs[system].append(in_child("benchmarks.settlement", "--child", system, "--folder", place))
    systems = {
        system: {
            "seconds": median(run["seconds"] for run in found),
            "processor_s": median(run["processor_s"] for run in found),
            "rows_per_second": round(rows / median(run["seconds"] for run in found)),
            "peak_mb": round(max(run["peak_mb"] for run in found)),
            "start_mb": round(max(run["start_mb"] for run in found)),
        }
        for system, found in runs.items()
    }
    return {
        "machine": machine(),
        "rows": rows,
        "lines": lines,
        "rounds": rounds,
        "systems": systems,
        "ratio": systems["loop"]["seconds"] / systems["columns"]["seconds"],
        "ratio_processor": systems["loop"]["processor_s"] / systems["columns"]["processor_s"],
        "agrees": len({json.dumps(run["sums"]) for found in runs.values() for run in found}) == 1,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.settlement", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.folder, given.child)
        return
    found = measure(given.rows, given.lines, given.rounds)
    if given.json:
        print(json.dumps(found, indent=1))
        return
    print(f"{given.rows:,} readings of {given.lines:,} lines, {given.rounds} rounds; {found['machine']}")
    print(f"{'system':10}{'s':>9}{'processor s':>13}{'rows/s':>13}{'peak MB':>10}{'at start':>10}")
    for name, each in found["systems"].items():
        print(
            f"{name:10}{each['seconds']:>9.3f}{each['processor_s']:>13.3f}{each['rows_per_second']:>13,}"
            f"{each['peak_mb']:>10,}{each['start_mb']:>10,}"
        )
    print(
        f"the loop takes {found['ratio']:.1f}× ({found['ratio_processor']:.1f}× of processor); "
        f"the same fen: {'yes' if found['agrees'] else 'NO'}"
    )


if __name__ == "__main__":
    main()

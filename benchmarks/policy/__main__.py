"""Six programmes × five clauses, awards and stacking, by every system on the same rows.

    python -m benchmarks.policy --rows 1000000 [--json [--every-figure]] [--systems ours polars …] [--rounds 3]

With `--json` one list of `{system, rows, rules, evaluate_s, end_to_end_s, peak_rss_mb, agrees}`, with `--every-figure`
of more, of the systems whose packages are installed; the others are told on standard error. See README.md.
"""

import argparse
import json
import statistics
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.measuring import in_child, machine
from benchmarks.policy.child import read_result
from benchmarks.policy.data import write_rows
from benchmarks.policy.rules import RULES
from benchmarks.policy.systems import NAMES

MOST_ROWS = {
    "zen_engine": 100_000, "zen_engine:decision": 10_000, "rust_cel": 100_000, "cel_expr_python": 50_000,
    "python": 200_000,
}  # fmt: skip
"""Row-by-row systems are asked for fewer of the same rows; all figures of theirs are for those."""


FIELDS = ("system", "rows", "rules", "evaluate_s", "end_to_end_s", "peak_rss_mb", "agrees")
PACKAGES = {"openfisca": "openfisca_core", "zen_engine": "zen", "rust_cel": "cel", "duckdb": "duckdb"}
"""What a system imports beside what the platform needs; `cel` is common-expression-language."""


def missing_package(name: str) -> str | None:
    package = PACKAGES.get(name.partition(":")[0])
    return None if package is None or find_spec(package) else package


def tell_missing(name: str, package: str) -> None:
    print(f"{name:>22} not measured: {package!r} is not installed → pip install -e '.[bench]'", file=sys.stderr)


def measure_once(name: str, rows: int, folder: Path) -> dict[str, Any]:
    """Each part in a process of its own, so that the peak is of the end-to-end work alone."""
    arguments = ("--system", name, "--rows", str(rows), "--source", str(folder / "subjects.parquet"),
                 "--target", str(folder / f"{name}.parquet"))  # fmt: skip
    figures: dict[str, Any] = {}
    for part in ("end_to_end", "evaluate"):
        figures |= in_child("benchmarks.policy.child", *arguments, "--part", part)
    print(
        f"{name:>22} {rows:>10,} rows  evaluate {figures['evaluate_s']:8.3f} s  end to end "
        f"{figures['end_to_end_s']:8.3f} s {figures['peak_rss_mb']:7.0f} MB",
        file=sys.stderr, flush=True,
    )  # fmt: skip
    return figures


def count_differences(ours: pl.DataFrame, theirs: pl.DataFrame) -> dict[str, int]:
    """Cells that differ, by column, over the rows and columns both have; a null equals a null."""
    rows = min(ours.height, theirs.height)
    counts = {
        name: int((~ours[name].head(rows).eq_missing(theirs[name].head(rows))).sum())
        for name in theirs.columns if name in ours.columns
    }  # fmt: skip
    return {name: count for name, count in counts.items() if count}


def count_rows_that_differ(ours: pl.DataFrame, theirs: pl.DataFrame, columns: list[str]) -> int:
    if not columns:
        return 0
    rows = min(ours.height, theirs.height)
    return int(pl.select(
        pl.any_horizontal([~ours[name].head(rows).eq_missing(theirs[name].head(rows)) for name in columns]).sum()
    ).item())  # fmt: skip


def combine(name: str, rows: int, rounds: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    medians = {
        key: statistics.median(figures[key] for figures in rounds)
        for key in ("evaluate_s", "end_to_end_s", "peak_rss_mb", "evaluate_cpu_s", "end_to_end_cpu_s")
    }
    ours, theirs = read_result(folder / "ours.parquet"), read_result(folder / f"{name}.parquet")
    differences = count_differences(ours, theirs)
    evaluations = [seconds for figures in rounds for seconds in figures["evaluate_all_s"]]
    ends = [figures["end_to_end_s"] for figures in rounds]
    return {
        "system": name, "rows": rows, "rules": RULES, **{key: round(value, 4) for key, value in medians.items()},
        "agrees": not differences and theirs.height == rows,
        "rows_that_differ": count_rows_that_differ(ours, theirs, list(differences)), "differences": differences,
        "row_rules_per_s": round(rows * RULES / medians["evaluate_s"]),
        "evaluate_range_s": [round(min(evaluations), 4), round(max(evaluations), 4)],
        "end_to_end_range_s": [round(min(ends), 4), round(max(ends), 4)],
    }  # fmt: skip


def print_results(results: list[dict[str, Any]]) -> None:
    print(f"{'system':>22}{'rows':>12}{'evaluate s':>12}{'cpu s':>9}{'end to end s':>14}{'cpu s':>9}{'peak MB':>9}"
          f"{'M row·rules/s':>15}{'ours is':>9}  agrees")  # fmt: skip
    ours = next((each for each in results if each["system"] == "ours"), None)
    for each in results:
        ratio = f"{ours['row_rules_per_s'] / each['row_rules_per_s']:.2f}×" if ours else ""
        agrees = "yes" if each["agrees"] else f"no, {each['rows_that_differ']:,} rows"
        print(
            f"{each['system']:>22}{each['rows']:>12,}{each['evaluate_s']:>12.3f}{each['evaluate_cpu_s']:>9.3f}"
            f"{each['end_to_end_s']:>14.3f}{each['end_to_end_cpu_s']:>9.3f}{each['peak_rss_mb']:>9.0f}"
            f"{each['row_rules_per_s'] / 1e6:>15.2f}{ratio:>9}  {agrees}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--every-figure", action="store_true", help="JSON with processor time, ranges and differences")
    parser.add_argument("--systems", nargs="+", choices=NAMES, default=list(NAMES), help="`ours` is always measured")
    parser.add_argument("--rounds", type=int, default=3, help="every system once a round; medians are of all rounds")
    options = parser.parse_args()
    if options.rows < 1 or options.rounds < 1:
        parser.error("--rows and --rounds are at least 1")
    names = [name for name in NAMES if name == "ours" or name in options.systems]
    print(json.dumps(machine()), file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="siwei-policy-") as temporary:
        folder = Path(temporary)
        write_rows(folder / "subjects.parquet", options.rows)
        absent = {name: package for name in names if (package := missing_package(name)) is not None}
        present = [name for name in names if name not in absent]
        for name, package in absent.items():
            tell_missing(name, package)
        measured: dict[str, list[dict[str, Any]]] = {name: [] for name in present}
        asked = {name: min(options.rows, MOST_ROWS.get(name, options.rows)) for name in names}
        # Round by round and not system by system: what else the machine does then falls on all of them alike.
        for _ in range(options.rounds):
            for name in present:
                measured[name].append(measure_once(name, asked[name], folder))
        results = [combine(name, asked[name], measured[name], folder) for name in present]
    if options.json:
        print(json.dumps(results if options.every_figure else [{key: each[key] for key in FIELDS} for each in results]))
    else:
        print_results(results)


if __name__ == "__main__":
    main()

"""Explaining one row of many: what is read and held for it.

    python -m benchmarks.policy.explaining [--rows 1000000] [--json]

`siwei policy explain` over the same made-up organisations as Parquet and as CSV, each in a process of its own: by
itself, and where a pot with a budget makes every row matter. `read MB` is what the command read of files, `above MB`
its peak over what the process held when all was imported.
"""

import argparse
import contextlib
import io
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.measuring import in_child, machine, peak_memory_mb
from benchmarks.policy.data import write_rows
from benchmarks.policy.rules import AS_OF, PACK

PROGRAMME = "compute-voucher"
POT = "pot: {budget_fen: 50000000000, sharing: pro_rata, words: {zh: 虚构资金池, en: A made-up pot}}\n"


def read_mb() -> float:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("rchar"))) / 2**20


def explain(pack: Path, source: Path, id: str) -> dict[str, Any]:
    import siwei.policy.deciding.row_parts
    from siwei.cli.policy import policy_app
    from siwei.cli.policy_explain import explain as registered

    assert registered and siwei.policy.deciding.row_parts
    before_mb, read_before, out = peak_memory_mb(), read_mb(), io.StringIO()
    started, processor = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        policy_app(["explain", PROGRAMME, "--pack", str(pack), "--in", str(source), "--id", id,
                    "--as-of", str(AS_OF), "--json"])  # fmt: skip
    return {
        "explain_s": round(time.perf_counter() - started, 3),
        "explain_cpu_s": round(time.process_time() - processor, 3),
        "read_mb": round(read_mb() - read_before, 1), "above_start_mb": round(peak_memory_mb() - before_mb, 1),
        "verdict": json.loads(out.getvalue())["verdict"],
    }  # fmt: skip


def eligible_id(source: Path) -> str:
    """The last of the table that is to get an award, so that nothing is found early."""
    from siwei.city.attributes import load_attributes
    from siwei.policy import decide, load_programmes

    programmes = load_programmes(PACK / "programmes", load_attributes(PACK, today=AS_OF))
    mine = tuple(each for each in programmes if each.id == PROGRAMME)
    awards = decide(mine, pl.read_parquet(source), AS_OF).awards
    return str(awards.filter(pl.col("award_fen") > 0)["id"][-1])


def packs(folder: Path) -> dict[str, Path]:
    """The pack, and the same with a pot."""
    shared = Path(shutil.copytree(PACK, folder / "shared"))
    programme = shared / "programmes" / f"{PROGRAMME}.yaml"
    programme.write_text(programme.read_text() + POT)
    return {"row": PACK, "pot": shared}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy.explaining", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--stage", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        pack, source, id = options.stage
        print(json.dumps(explain(Path(pack), Path(source), id)))
        return
    print(json.dumps(machine()), file=sys.stderr)
    results = []
    with tempfile.TemporaryDirectory(prefix="siwei-explaining-") as temporary:
        folder = Path(temporary)
        source = folder / "subjects.parquet"
        write_rows(source, options.rows)
        pl.scan_parquet(source).sink_csv(folder / "subjects.csv")
        id = eligible_id(source)
        for what, pack in packs(folder).items():
            for path in (source, folder / "subjects.csv"):
                found = in_child("benchmarks.policy.explaining", "--stage", str(pack), str(path), id)
                results.append({"what": what, "kind": path.suffix[1:], "rows": options.rows, **found})
    if options.json:
        print(json.dumps(results))
        return
    print(f"{'what':>5}{'kind':>9}{'rows':>12}{'s':>8}{'cpu s':>8}{'read MB':>9}{'above MB':>10}  verdict")
    for each in results:
        print(
            f"{each['what']:>5}{each['kind']:>9}{each['rows']:>12,}{each['explain_s']:>8.2f}{each['explain_cpu_s']:>8.2f}"
            f"{each['read_mb']:>9.1f}{each['above_start_mb']:>10.1f}  {each['verdict']}"
        )


if __name__ == "__main__":
    main()

"""The same parts decided here and on a local Ray cluster of several nodes, one of which is killed midway.

    python -m benchmarks.policy.ray_cluster [--rows 2000000] [--parts 20] [--nodes 3] [--json]

Prints the times and whether every result file has the same bytes. The nodes are processes of this machine: what is
shown is that work is spread and survives, not that it gets faster.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import machine
from benchmarks.policy.data import BLOCK, write_rows
from benchmarks.policy.rules import AS_OF, PACK
from siwei.city.attributes import load_attributes
from siwei.policy import load_programmes
from siwei.policy.deciding.partitions import Decide, DecidedPart, decide_partitions, spread_on_ray


def write_parts(folder: Path, rows: int, parts: int) -> list[Path]:
    folder.mkdir()
    size, blocks = rows // parts, -(-rows // parts // BLOCK)
    for number in range(parts):
        write_rows(folder / f"part-{number:03d}.parquet", size, first_block=number * blocks)
    return sorted(folder.iterdir())


class Killing:
    """Spreads on Ray, and takes a node away, ungracefully, once a quarter of the parts are done."""

    def __init__(self, cluster: Any, victim: Any) -> None:
        self.cluster, self.victim = cluster, victim
        self.killed_after: int | None = None

    def __call__(self, decide_one: Decide, sources: Sequence[Path]) -> Iterator[DecidedPart]:
        for done, part in enumerate(spread_on_ray(decide_one, sources), start=1):
            if self.killed_after is None and done * 4 >= len(sources):
                self.cluster.remove_node(self.victim, allow_graceful=False)
                self.killed_after = done
            yield part


def measure(rows: int, parts: int, nodes: int, folder: Path) -> dict[str, Any]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    programmes = load_programmes(PACK / "programmes", load_attributes(PACK, today=AS_OF))
    sources = write_parts(folder / "subjects", rows, parts)
    started = time.perf_counter()
    here = decide_partitions(programmes, sources, folder / "here", AS_OF)
    here_s = time.perf_counter() - started
    # The head takes no work, so that every part runs on a node that could be lost.
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    victims = [cluster.add_node(num_cpus=1) for _ in range(nodes)]
    try:
        ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
        cluster.wait_for_nodes()
        spread = Killing(cluster, victims[-1])
        started = time.perf_counter()
        there = decide_partitions(programmes, sources, folder / "there", AS_OF, spread)
        there_s = time.perf_counter() - started
        alive = sum(node["Alive"] for node in ray.nodes())
    finally:
        ray.shutdown()
        cluster.shutdown()
    left = [path.name for path in (folder / "there").iterdir() if path.suffix != ".parquet"]
    same = [one.sha256 == other.sha256 for one, other in zip(here, there, strict=True)]
    same_bytes = [(folder / "here" / path.name).read_bytes() == (folder / "there" / path.name).read_bytes()
                  for path in sources]  # fmt: skip
    return {
        "rows": sum(part.rows for part in there), "parts": parts, "nodes": nodes,
        "killed_after_parts": spread.killed_after,
        "nodes_alive_at_end": alive - 1, "here_s": round(here_s, 2), "ray_s": round(there_s, 2),
        "same_bytes": all(same) and all(same_bytes), "drafts_left": len(left),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy.ray_cluster", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--parts", type=int, default=20)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if options.nodes < 2 or options.parts < 1 or options.rows < options.parts:
        parser.error("at least two nodes, one part, and a row per part")
    print(json.dumps(machine()), file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="siwei-ray-") as temporary:
        result = measure(options.rows, options.parts, options.nodes, Path(temporary))
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:>22}  {value}")
    if not result["same_bytes"]:
        sys.exit("the bytes differ")


if __name__ == "__main__":
    main()

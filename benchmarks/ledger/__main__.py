"""Two-phase transfers a second: ours, in batches and one at a time, beside pgbench and django-hordak.

    python -m benchmarks.ledger [--clients 4] [--seconds 10] [--batch 1000] [--fsync on|off] [--json]

Starts a PostgreSQL of its own (`scripts/with-postgres`), which all of them use one after another, with as many clients.

  postgres_batched_tps  a hold and its whole capture, in batches of --batch such pairs, each batch one transaction
  postgres_single_tps   a hold, committed, then its capture, committed: two calls, two transactions
  pgbench_tps           pgbench's own TPC-B-like transaction: three updates, a select, an insert
  hordak_tps            django-hordak's Account.transfer_to: one transaction of two legs (no hold, no floor, no key)
  sqlite_batched_tps    entries (a hold is one, a capture another) a second of one process on a file, same batches
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.measuring import machine

ROOT = Path(__file__).parents[2]
CHILD = "SIWEI_LEDGER_BENCHMARK_CHILD"
AIMS = {"batched / pgbench": 5.0, "single / pgbench": 0.5, "batched / hordak": 20.0, "sqlite entries / s": 10_000.0}


def run_clients(what: str, environment: dict[str, str], options: argparse.Namespace, clients: int) -> dict[str, Any]:
    """All clients begin together; the rate is the sum of theirs."""
    command = [sys.executable, "-m", "benchmarks.ledger.client", what]
    rest = [str(options.seconds), str(options.batch)]
    started = [
        subprocess.Popen(
            [*command, str(number), *rest], env=environment, cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(clients)
    ]  # fmt: skip
    for client in started:
        if client.stdout is None or client.stdout.readline().strip() != "ready":
            sys.exit(f"a client for {what} did not start")
    for client in started:
        assert client.stdin is not None
        client.stdin.write("go\n")
        client.stdin.flush()
    results = []
    for client in started:
        out, _ = client.communicate(timeout=options.seconds * 10 + 120)
        if client.returncode:
            sys.exit(f"a client for {what} failed")
        results.append(json.loads(out.splitlines()[-1]))
    rate = sum(result["done"] / result["seconds"] for result in results)
    own = sum(result["own_seconds"] for result in results) / max(1, sum(result["done"] for result in results))
    print(f"{what:>10} {rate:12,.0f} /s", file=sys.stderr, flush=True)
    return {"tps": rate, "done": sum(result["done"] for result in results), "client_us_each": round(own * 1e6, 1)}


def prepare(what: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "benchmarks.ledger.client", f"prepare-{what}", "0", "0", "1"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"preparing {what} failed:\n{done.stderr[-3000:]}")


def database(url: str, name: str) -> str:
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    return url.rsplit("/", 1)[0] + f"/{name}"


def pgbench(url: str, options: argparse.Namespace) -> float:
    program = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))[-1]
    scale = max(10, options.clients)
    subprocess.run([program, "-i", "-q", "-s", str(scale), url], check=True, capture_output=True)
    threads = min(options.clients, len(os.sched_getaffinity(0)))
    done = subprocess.run(
        [program, "-n", "-c", str(options.clients), "-j", str(threads), "-T", str(round(options.seconds)), url],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps ="))
    rate = float(line.split()[2])
    print(f"{'pgbench':>10} {rate:12,.0f} /s", file=sys.stderr, flush=True)
    return rate


def settings_of(url: str) -> dict[str, str]:
    import psycopg

    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_level")
    with psycopg.connect(url) as server:
        return {name: server.execute(f"SHOW {name}").fetchone()[0] for name in names}  # type: ignore[index]


def sums_of(environment: dict[str, str]) -> dict[str, int]:
    """Speed that breaks the books is none: both are zero where what was just written adds up."""
    code = (
        "import django, json; django.setup()\n"
        "from django.db.models import F, Sum\n"
        "from siwei.exchange.models import Account, Hold\n"
        "accounts = Account.objects.aggregate(b=Sum('balance'), h=Sum('held'))\n"
        "open_ = Hold.objects.aggregate(s=Sum(F('amount') - F('captured') - F('released')))['s'] or 0\n"
        "print(json.dumps({'balances': int(accounts['b']), 'held_beyond_holds': int(accounts['h'] - open_)}))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    url = os.environ["SIWEI_DATABASE_URL"]
    about = machine()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        base = os.environ | {"DJANGO_SETTINGS_MODULE": "siwei.portal.django_settings", "SIWEI_CITY": folder}
        ours = base | {"SIWEI_DATABASE_URL": database(url, "bench_ours")}
        peer = {key: value for key, value in base.items() if key != "DJANGO_SETTINGS_MODULE"}
        peer["SIWEI_DATABASE_URL"] = database(url, "bench_hordak")
        sqlite = base | {"SIWEI_DATABASE_URL": ""}
        prepare("ours", ours)
        prepare("ours", sqlite)
        pgbench_url = database(url, "bench_pgbench")
        pgbench_first = pgbench(pgbench_url, options)
        batched = run_clients("batched", ours, options, options.clients)
        single = run_clients("single", ours, options, options.clients)
        pgbench_last = pgbench(pgbench_url, options)
        peer_found: dict[str, Any] = {"tps": None}
        if find_spec("hordak"):
            prepare("hordak", peer)
            peer_found = run_clients("hordak", peer, options, options.clients)
        else:
            print("django-hordak is not installed: pip install -e '.[bench]'", file=sys.stderr)
        local = run_clients("batched", sqlite, options, 1)
        sums = {"postgres": sums_of(ours), "sqlite": sums_of(sqlite)}
    # pgbench runs before and after ours, so that a machine growing busier favours neither.
    rate = (pgbench_first + pgbench_last) / 2
    hordak_rate = peer_found["tps"]
    return {
        "postgres_batched_tps": round(batched["tps"], 1),
        "postgres_single_tps": round(single["tps"], 1),
        "pgbench_tps": round(rate, 1),
        "hordak_tps": None if hordak_rate is None else round(hordak_rate, 1),
        "sqlite_batched_tps": round(2 * local["tps"], 1),
        "ratios": {
            "batched / pgbench": round(batched["tps"] / rate, 2),
            "single / pgbench": round(single["tps"] / rate, 2),
            "batched / hordak": None if hordak_rate is None else round(batched["tps"] / hordak_rate, 1),
            "single / hordak": None if hordak_rate is None else round(single["tps"] / hordak_rate, 1),
        },
        "pgbench_runs": [pgbench_first, pgbench_last],
        "rows": {
            "postgres": 2 * (batched["done"] + single["done"]),
            "sqlite": 2 * local["done"],
            "hordak": peer_found.get("done"),
        },
        "client_us_each": {name: each.get("client_us_each") for name, each in
                           (("batched", batched), ("single", single), ("hordak", peer_found), ("sqlite", local))},
        "sums": sums,
        "clients": options.clients, "seconds": options.seconds, "batch": options.batch,
        "postgresql": settings_of(url), "sqlite": {"journal_mode": "WAL", "synchronous": "NORMAL"},
        "machine": about | {"load_at_end": round(os.getloadavg()[0], 2)},
    }  # fmt: skip


def print_results(found: dict[str, Any]) -> None:
    rows = (
        ("two-phase, batched (PostgreSQL)", found["postgres_batched_tps"]),
        ("two-phase, one at a time (PostgreSQL)", found["postgres_single_tps"]),
        ("pgbench, TPC-B-like", found["pgbench_tps"]),
        ("django-hordak, transfer_to", found["hordak_tps"]),
        ("entries, batched (SQLite)", found["sqlite_batched_tps"]),
    )
    for name, rate in rows:
        print(f"{name:<40}" + ("not installed" if rate is None else f"{rate:>12,.0f} /s"))
    for name, ratio in found["ratios"].items():
        aim = f"   (aim {AIMS[name]:g})" if name in AIMS else ""
        print(f"{name:<40}" + ("–" if ratio is None else f"{ratio:>12} ×{aim}"))
    about = found["machine"]
    print(
        f"{found['clients']} clients, {found['seconds']:g} s each, fsync {found['postgresql']['fsync']}; "
        f"{about['cores']} cores, load {about['load_at_start']} to {about['load_at_end']}; sums {found['sums']}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ledger", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--batch", type=int, default=1_000, help="two-phase transfers in a batch")
    parser.add_argument("--fsync", choices=("on", "off"), default="on", help="of the PostgreSQL it starts")
    parser.add_argument("--folder", type=Path, help="where the SQLite file lies while measuring; default: /tmp")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    if os.environ.get(CHILD):
        found = measure(options)
        print(json.dumps(found, ensure_ascii=False)) if options.json else print_results(found)
        return
    environment = os.environ | {CHILD: "1", "POSTGRES_FSYNC": options.fsync}
    command = ["scripts/with-postgres", sys.executable, "-m", "benchmarks.ledger", *sys.argv[1:]]
    sys.exit(subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()

"""How fast the pages answer with many organisations, and how many queries each makes.

    python -m benchmarks.pages [--organisations 100000] [--requests 300] [--json]
    scripts/with-postgres python -m benchmarks.pages          (the same on PostgreSQL)

A city of generated organisations is imported, placed and decided once, and kept in --folder for the next time;
then pages are asked for through Django's test client in this process: the whole of the middleware, views, queries and
templates, without a socket. "Own" is this process's processor time: what the rest of the machine does is not in it, nor
is what PostgreSQL does. Organisations are drawn at random (fixed seed), a different one for each request.
"""

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from benchmarks.measuring import machine, peak_memory_mb

AS_OF = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
SEED = 20261123
WARM_UP = 10


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 100) // 100) - 1)]


def open_city(folder: Path) -> Any:
    """Make or open the city in `folder` and point Django at it."""
    from siwei.city.home import create_home

    home = create_home(folder, "shenzhen", AS_OF)
    os.environ["SIWEI_CITY"] = str(home.directory)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "siwei.portal.django_settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    return home


def fill_city(home: Any, organisations: int) -> dict[str, float]:
    """The main job's own stages over a generated population of this size. Doing it again does nothing."""
    from siwei.city.pack import load_pack
    from siwei.city.population import generate, source_of, write_population
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.facts.imports import import_firms
    from siwei.exchange.models import Origin
    from siwei.policy import load_programmes
    from siwei.run.chain import place_firms
    from siwei.run.city import save_city
    from siwei.run.programmes import decide_programmes
    from siwei.run.stage import Job

    pack = load_pack(home.pack_directory)
    programmes = load_programmes(home.pack_directory / "programmes", pack.attributes)
    job = Job(home, pack, programmes, None, lambda: NOW)
    file = home.directory / f"generated-{organisations}.csv"
    if not file.exists():
        write_population(generate(organisations, organisations // 10, SEED, pack=pack, as_of=AS_OF), file)

    def bring_in() -> None:
        import_firms([file], actor=PLATFORM, now=NOW, pack=pack, origin=Origin.GENERATED, source=source_of(SEED))

    stages: dict[str, Callable[[], object]] = {
        "city": lambda: save_city(job), "import": bring_in, "chain": lambda: place_firms(job),
        "programmes": lambda: decide_programmes(job),
    }  # fmt: skip
    seconds = {}
    for name, work in stages.items():
        started = time.perf_counter()
        work()
        seconds[name] = round(time.perf_counter() - started, 2)
        print(f"{name:>11} {seconds[name]:8.2f} s", file=sys.stderr, flush=True)
    return seconds


def ask(client: Any, path: str) -> tuple[float, int, int, float]:
    """Milliseconds, queries, bytes and this thread's own milliseconds of one request; all but 200 end the benchmark."""
    from django.db import connection

    queries = 0

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        started, own = time.perf_counter(), time.thread_time()
        response = client.get(path)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        took, own = (time.perf_counter() - started) * 1000, (time.thread_time() - own) * 1000
    if response.status_code != 200:
        sys.exit(f"{path} answered {response.status_code}")
    return took, queries, len(body), own


def measure_pages(requests: int) -> list[dict[str, Any]]:
    from django.conf import settings
    from django.test import Client

    from siwei.exchange.models import Organisation, Person, Placement

    settings.ALLOWED_HOSTS = ["*"]
    chance = random.Random(SEED)
    keys = list(Organisation.objects.filter(merged_into=None).values_list("key", flat=True))
    placed = list(Placement.objects.values_list("organisation__key", flat=True).distinct())
    segments = list(Placement.objects.values_list("segment", flat=True).distinct())
    visitor, operator = Client(), Client()
    person, _ = Person.objects.get_or_create(username="benchmark-operator", defaults={"is_operator": True})
    operator.force_login(person)
    pages: list[tuple[str, Any, Callable[[], str]]] = [
        ("organisation (visitor)", visitor, lambda: f"/organisations/{chance.choice(keys)}"),
        ("organisation on the chain (visitor)", visitor, lambda: f"/organisations/{chance.choice(placed)}"),
        ("organisation (operator, with entitlements)", operator, lambda: f"/organisations/{chance.choice(keys)}"),
        ("chain map", visitor, lambda: "/chain"),
        ("segment", visitor, lambda: f"/chain/{chance.choice(segments)}"),
        ("organisations, first page", visitor, lambda: "/organisations"),
        ("city at a glance", visitor, lambda: "/"),
    ]
    return [measure_page(name, client, path, requests) for name, client, path in pages]


def measure_page(name: str, client: Any, path: Callable[[], str], requests: int) -> dict[str, Any]:
    first = ask(client, path())[0]
    for _ in range(WARM_UP):
        ask(client, path())
    answers = [ask(client, path()) for _ in range(requests)]
    times, queries, own = ([each[place] for each in answers] for place in (0, 1, 3))
    result = {
        "page": name, "requests": requests, "first_ms": round(first, 1), "p50_ms": round(percentile(times, 0.5), 1),
        "p95_ms": round(percentile(times, 0.95), 1), "p95_own_ms": round(percentile(own, 0.95), 1),
        "slowest_ms": round(max(times), 1), "least_queries": min(queries), "most_queries": max(queries),
        "kilobytes": round(answers[0][2] / 1000, 1),
    }  # fmt: skip
    figures = "  ".join(f"{key} {result[key]:7.1f}" for key in ("p50_ms", "p95_ms", "p95_own_ms"))
    print(f"{name:>44} {figures}", file=sys.stderr, flush=True)
    return result


def print_results(found: dict[str, Any]) -> None:
    print(
        f"{found['organisations']:,} organisations, {found['facts']:,} facts on {found['database']}; in-process client"
    )
    header = ("first ms", "p50 ms", "p95 ms", "p95 own", "slowest", "queries", "kB")
    print(f"{'page':<46}" + "".join(f"{name:>10}" for name in header))
    for page in found["pages"]:
        queries = f"{page['least_queries']}–{page['most_queries']}"
        figures = (
            page["first_ms"],
            page["p50_ms"],
            page["p95_ms"],
            page["p95_own_ms"],
            page["slowest_ms"],
            queries,
            page["kilobytes"],
        )
        print(f"{page['page']:<46}" + "".join(f"{figure:>10}" for figure in figures))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--organisations", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--folder", type=Path, help="the city's directory; default: var/benchmark-pages-<database>")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    database = "postgresql" if os.environ.get("SIWEI_DATABASE_URL", "").startswith("postgres") else "sqlite"
    about = machine()
    folder = options.folder or Path("var") / f"benchmark-pages-{database}-{options.organisations}"
    home = open_city(folder)
    filling = fill_city(home, options.organisations)
    from siwei.exchange.models import Fact, Organisation

    found = {
        "machine": about, "database": database, "organisations": Organisation.objects.filter(merged_into=None).count(),
        "facts": Fact.objects.count(), "filling_seconds": filling, "pages": measure_pages(options.requests),
        "peak_mb": round(peak_memory_mb()),
    }  # fmt: skip
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print_results(found)


if __name__ == "__main__":
    main()

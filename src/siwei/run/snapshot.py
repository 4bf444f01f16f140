"""The city at one moment, as the tables that indicators read."""

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
from django.db.models import Count, Q, QuerySet

from siwei.chain.concentration import coverage
from siwei.city.home import CityHome
from siwei.city.pack import Pack
from siwei.exchange.facts.runs import load_run
from siwei.exchange.facts.subjects import subjects
from siwei.exchange.models import (
    Agreement,
    AgreementParty,
    Fact,
    Job,
    Listing,
    Match,
    Organisation,
    Placement,
    Representative,
    Run,
    Transfer,
    Usage,
)
from siwei.indicators import TABLES, Snapshot, pack_tables
from siwei.policy.programmes import Programme

STAFF = ("employees", "research_staff")
CAPITAL = ("registered_capital", "registered_capital_currency")


def city_snapshot(home: CityHome, pack: Pack, programmes: Iterable[Programme]) -> Snapshot:
    """Every table of `siwei.indicators.TABLES`, as of the city's day."""
    placements = read("placements", Placement.objects, "organisation__key", "segment", "layer", "confidence")
    known = subjects(home.as_of, attributes={name: pack.attributes[name] for name in (*STAFF, *CAPITAL)})
    official = pack.official_firm_count
    return Snapshot(
        as_of=home.as_of,
        official=official,
        organisations=read(
            "organisations", Organisation.objects.filter(merged_into=None),
            "key", "name", "kind", "district", "origin", "founded_on",
        ),
        placements=placements,
        coverage=segment_coverage(placements, known, pack),
        programmes=table(
            "programmes",
            [(each.id, each.title.zh, each.title.en, str(each.kind), each.is_draft) for each in programmes],
        ),
        awards=latest_awards(home),
        listings=read("listings", Listing.objects, "key", "kind", "side", "state", "organisation__key", "title_zh"),
        matches=read("matches", Match.objects, "need__key", "offer__key", "score"),
        agreements=read("agreements", Agreement.objects, "key", "kind", "state"),
        parties=read(
            "parties", AgreementParty.objects.exclude(organisation=None), "agreement__key", "organisation__key", "role"
        ),
        transfers=read(
            "transfers", Transfer.objects, "idempotency_key", "kind", "unit", "amount", "debit_account__purpose",
            "debit_account__owner__origin",
        ),
        jobs=read("jobs", Job.objects, "key", "line__agreement__key", "state"),
        usage=read("usage", Usage.objects, "reading", "unit", "quantity", "line__consumer__origin"),
        staff=known.select("key", *STAFF).filter(pl.any_horizontal(pl.col(STAFF).is_not_null())),
        facts=table(
            "facts",
            Fact.objects.values_list("attribute", "status")
            .annotate(facts=Count("pk"), generated=Count("pk", filter=Q(organisation__origin="generated")))
            .order_by("attribute", "status"),
        ),
        representatives=read(
            "representatives", Representative.objects.filter(approved_at__isnull=False), "organisation__key"
        ),
        **pack_tables(pack),
    )  # fmt: skip


def segment_coverage(placements: pl.DataFrame, known: pl.DataFrame, pack: Pack) -> pl.DataFrame:
    """`siwei.chain`'s coverage, weighted by registered capital where it is stated in the city's own currency."""
    capital = (
        pl.when(pl.col("registered_capital_currency") == pack.identity.currency)
        .then(pl.col("registered_capital"))
        .alias("weight")
    )
    organisations = known.select(pl.col("key").alias("id"), "name", capital)
    official = pack.official_firm_count
    return coverage(
        placements.rename({"key": "id"}), organisations, pack.segments, official.value if official else None
    )


def latest_awards(home: CityHome) -> pl.DataFrame:
    run = Run.objects.filter(kind="awards").order_by("-pk").first()
    return load_run(home.runs, run).collect() if run is not None else table("awards", [])


def read(name: str, query: "QuerySet[Any, Any] | Any", *columns: str) -> pl.DataFrame:
    return table(name, query.order_by("pk").values_list(*columns))


def table(name: str, rows: "Iterable[Sequence[Any]]") -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(TABLES[name]), orient="row")

"""Stage 1: the pack's own parties. Institutions and listed voucher providers become organisations (origin: pack)."""

import polars as pl

from siwei.exchange.actors import PLATFORM
from siwei.exchange.models import FactStatus, OrganisationKind, Origin
from siwei.exchange.people.registration import FactStatement, Registration, register_organisations
from siwei.run.stage import Counts, Job

NO_SOURCE = "city pack, no source given (draft)"


def save_city(job: Job) -> Counts:
    pack = job.pack
    job.progress("institutions and providers", 0, None)
    registrations = [*institutions(pack.institutions), *providers(pack.voucher_providers)]
    register_organisations(registrations, origin=Origin.PACK, actor=PLATFORM, now=job.now())
    drafts = sum(int(frame["draft"].sum()) for frame in pack.tables.values())
    return {
        "rows": sum(frame.height for frame in pack.tables.values()),
        "drafts": drafts,
        "unverified": sum(int((~frame["verified"]).sum()) for frame in pack.tables.values()),
        "segments": pack.segments.height,
        "edges": pack.edges.height,
        "programmes": len(job.programmes),
        "parties": len(registrations),
    }


def institutions(table: pl.DataFrame) -> list[Registration]:
    return [
        Registration(
            name=row["name_zh"],
            kind=row["kind"] if row["kind"] in OrganisationKind.values else OrganisationKind.INSTITUTION,
            source=(row["source"] or NO_SOURCE)[:200],
            source_ref=f"institutions.csv {row['id']}",
            code=row["code"],
            district=row["district"] or "",
        )
        for row in table.iter_rows(named=True)
    ]


def providers(table: pl.DataFrame) -> list[Registration]:
    """Being listed is a published fact; whether the list itself is sourced is said with it."""
    return [
        Registration(
            name=row["name_zh"],
            kind=OrganisationKind.FIRM,
            source=(row["source"] or NO_SOURCE)[:200],
            source_ref=f"voucher_providers.csv {row['id']}",
            facts=(FactStatement("listed_provider", "true", FactStatus.DECLARED, row["as_of"], is_public=True),),
        )
        for row in table.iter_rows(named=True)
    ]

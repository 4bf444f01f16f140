"""The city as a whole: who it is, search, public money, indicators, imports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from ninja import Router

from siwei.city.firms.reasons import in_chinese
from siwei.errors import NotFound
from siwei.exchange.models import ImportFile, Reject
from siwei.indicators import Measurement
from siwei.portal.access import actor_of, require_operator
from siwei.portal.api import schemas
from siwei.portal.api.answers import PAGE_SIZE, PageNumber, Text, answers, bounds, named
from siwei.portal.city_pack import decided_on, official_firms, pack
from siwei.portal.directory import current_directory
from siwei.portal.queries.indicators import measurement_or_missing, measurements
from siwei.portal.queries.money import pots, public_money
from siwei.portal.queries.search import search_everything

router = Router()


@router.get("/city", response=answers(schemas.City))
def get_city(request: HttpRequest) -> Any:
    """Which city this is, the day it decides for, and whether any of its data is generated."""
    identity, directory, official = pack().identity, current_directory(), official_firms()
    return {
        "id": identity.id,
        "name": {"zh": identity.name_zh, "en": identity.name_en},
        "pack_version": identity.version,
        "pack_sha256": pack().sha256,
        "decided_on": decided_on(),
        "organisations": directory.frame.height,
        "has_generated": directory.has_generated,
        "official_firms": official.value if official else None,
        "languages": list(identity.languages),
    }


@router.get("/search", response=answers(schemas.Found))
def search(request: HttpRequest, q: Text) -> Any:
    """Keys of what matches: organisations (the best 20, and how many), segments, programmes, one's own jobs."""
    found = search_everything(q, actor_of(request))
    return {
        "organisations": [each.key for each in found.organisations],
        "organisation_count": found.organisation_count,
        "segments": [each["id"] for each in found.segments],
        "programmes": [each.id for each in found.programmes],
        "jobs": [each.key for each in found.jobs],
    }


@router.get("/money", response=answers(schemas.PublicMoney))
def get_money(request: HttpRequest) -> Any:
    """Public support in fen: totals of the city, and each pot."""
    rows = [
        {
            "programme": each.programme,
            "period": each.period,
            "budget_fen": each.budget_fen,
            "available_fen": each.account.available,
            "is_draft": each.is_draft,
        }
        for each in pots(actor_of(request))
    ]
    return {"totals": asdict(public_money()), "pots": rows}


@router.get("/indicators", response=answers(list[schemas.Indicator]))
def list_indicators(request: HttpRequest) -> Any:
    """Every indicator with its value, formula and coverage."""
    return [indicator_row(each) for each in measurements()]


def indicator_row(measurement: Measurement) -> dict[str, Any]:
    indicator = measurement.indicator
    return {
        "id": indicator.id,
        "dimension": indicator.dimension.value,
        "element": indicator.element.value,
        "name": named(indicator.name),
        "formula": named(indicator.formula),
        "unit": indicator.unit,
        "value": measurement.value,
        "numerator": None if measurement.numerator is None else str(measurement.numerator),
        "denominator": None if measurement.denominator is None else str(measurement.denominator),
        "coverage": named(measurement.coverage),
        "rows": measurement.rows.height,
        "restricted": indicator.restricted,
    }


@router.get("/indicators/{indicator_id}", response=answers(schemas.Indicator))
def get_indicator(request: HttpRequest, indicator_id: str) -> Any:
    """One indicator."""
    return indicator_row(measurement_or_missing(indicator_id))


@router.get("/indicators/{indicator_id}/rows", response=answers(schemas.Rows))
def list_indicator_rows(request: HttpRequest, indicator_id: str, page: PageNumber = 1) -> Any:
    """What was counted. Rows that tell of one organisation's own affairs are for the operator and the auditor."""
    measurement = measurement_or_missing(indicator_id)
    if measurement.indicator.restricted:
        require_operator(actor_of(request))
    rows = measurement.rows
    items = [list(row) for row in rows.slice((page - 1) * PAGE_SIZE, PAGE_SIZE).iter_rows()]
    return {"count": rows.height, "page": page, "columns": rows.columns, "items": items}


@router.get("/imports", response=answers(list[schemas.ImportedFile]))
def list_imports(request: HttpRequest) -> Any:
    """For the operator and the auditor."""
    actor = actor_of(request)
    require_operator(actor)
    return [
        {
            name: getattr(each, name)
            for name in ("sha256", "name", "shape", "read", "created", "merged", "rejected", "imported_at")
        }
        for each in ImportFile.objects.visible_to(actor).order_by("-imported_at", "-pk")[:1000]
    ]


@router.get("/imports/{sha256}/rejects", response=answers(schemas.RejectedPage))
def list_rejects(request: HttpRequest, sha256: str, page: PageNumber = 1) -> Any:
    """Rows that could not be used, as they were read. For the operator and the auditor."""
    actor = actor_of(request)
    require_operator(actor)
    file = ImportFile.objects.visible_to(actor).filter(sha256=sha256).first()
    if file is None:
        raise NotFound("no such import", "没有这次导入")
    found = Reject.objects.visible_to(actor).filter(file=file).order_by("row")
    items = [
        {
            "row": each.row,
            "field": each.field,
            "reason": each.reason,
            "reason_zh": in_chinese(each.reason),
            "record": each.record,
        }
        for each in found[bounds(page)]
    ]
    return {"count": found.count(), "page": page, "items": items}

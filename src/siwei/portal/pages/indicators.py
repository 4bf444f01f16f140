"""Indicators: value, formula, and the rows that were counted."""

from __future__ import annotations

import polars as pl
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from siwei.errors import NotAllowed
from siwei.portal.access import actor_of
from siwei.portal.directory import current_directory
from siwei.portal.exports import export_response
from siwei.portal.languages import is_chinese
from siwei.portal.pages.paging import page_of, text_parameter
from siwei.portal.queries.indicators import measurement_or_missing, measurements
from siwei.portal.words import MARKS

NAMES = ("name", "title", "name_zh", "title_zh", "supplier_zh", "customer_zh")
KEYS = ("key", "id", "segment", "district", "organisation", "supplier", "customer")
"""What a row is known by where it has one of NAMES."""


def indicator_list(request: HttpRequest) -> HttpResponse:
    found = measurements()
    groups = [(code, [each for each in found if each.indicator.dimension == code]) for code in MARKS]
    return render(
        request,
        "portal/indicators/list.html",
        {"groups": [group for group in groups if group[1]], "generated": current_directory().has_generated},
    )


def indicator_page(request: HttpRequest, indicator_id: str) -> HttpResponse:
    """Rows that name an organisation's own affairs are for the operator and the auditor; everybody sees the formula."""
    actor = actor_of(request)
    measurement = measurement_or_missing(indicator_id)
    shows_rows = actor.sees_all or not measurement.indicator.restricted
    rows = measurement.rows if shows_rows else measurement.rows.clear()
    export = text_parameter(request, "export")
    if export:
        if not shows_rows:
            raise NotAllowed(
                "these rows tell of single organisations: they are for the operator and the auditor",
                "这些明细涉及单个机构：只供运营方和审计查看",
            )
        return export_response(rows, f"indicator-{indicator_id}", export)
    page = page_of(request, range(rows.height))
    start = max(page.start_index() - 1, 0)
    shown = names_first(in_one_language(rows.slice(start, len(page))))
    is_number = [dtype.is_numeric() for dtype in shown.dtypes]
    context = {
        "item": measurement,
        "page": page,
        "columns": list(zip(shown.columns, is_number, strict=True)),
        "rows": [list(zip(row, shown.columns, is_number, strict=True)) for row in shown.rows()],
        "shows_rows": shows_rows,
        "generated": current_directory().has_generated,
    }
    return render(request, "portal/indicators/detail.html", context)


def names_first(rows: pl.DataFrame) -> pl.DataFrame:
    """What a person knows a row by before all else, what only programs know it by after: a phone shows a row as a card
    under its first column."""
    named = [each for each in NAMES if each in rows.columns]
    keys = [each for each in KEYS if named and each in rows.columns]
    return rows.select(*named, *(each for each in rows.columns if each not in (*named, *keys)), *keys)


def in_one_language(rows: pl.DataFrame) -> pl.DataFrame:
    """`name_zh` and `name_en` as the reader's own `name`; an export keeps both. A text of one language alone stays."""
    own, other = ("_zh", "_en") if is_chinese() else ("_en", "_zh")
    names = [each.removesuffix(own) for each in rows.columns if each.endswith(own)]
    doubled = [each for each in names if f"{each}{other}" in rows.columns and each not in rows.columns]
    return rows.drop(f"{each}{other}" for each in doubled).rename({f"{each}{own}": each for each in doubled})

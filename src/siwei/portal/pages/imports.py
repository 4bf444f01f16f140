"""What was read from files: every row accounted for, the rejected ones to take away and mend. For the operator."""

from __future__ import annotations

import json
from collections.abc import Iterable

import polars as pl
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from siwei.city.firms.reasons import in_chinese
from siwei.errors import NotFound
from siwei.exchange.models import ImportFile, Merge, Reject
from siwei.portal.access import actor_of, require_operator
from siwei.portal.directory import current_directory
from siwei.portal.exports import export_response
from siwei.portal.pages.paging import page_of, text_parameter


def import_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require_operator(actor)
    page = page_of(request, ImportFile.objects.visible_to(actor).order_by("-imported_at", "-pk"))
    return render(request, "portal/imports/list.html", {"page": page, "generated": current_directory().has_generated})


def import_page(request: HttpRequest, sha256: str) -> HttpResponse:
    actor = actor_of(request)
    require_operator(actor)
    file = ImportFile.objects.visible_to(actor).filter(sha256=sha256).first()
    if file is None:
        raise NotFound("no such import", "没有这次导入")
    rejects = Reject.objects.visible_to(actor).filter(file=file).order_by("row")
    merges = Merge.objects.visible_to(actor).filter(file=file).select_related("organisation").order_by("row")
    export = text_parameter(request, "export")
    if export:
        return export_response(
            reject_frame(rejects.values_list("row", "field", "reason", "record")), f"rejects-{sha256[:12]}", export
        )
    context = {
        "file": file,
        "page": page_of(request, rejects),
        "merges": page_of(request, merges),
        "generated": current_directory().has_generated,
    }
    return render(request, "portal/imports/detail.html", context)


def reject_frame(rows: Iterable[tuple[int, str, str, object]]) -> pl.DataFrame:
    """`row, field, reason, reason_zh, record`: the record as it was read, as JSON, to be mended and read again."""
    schema = {"row": pl.Int64, "field": pl.String, "reason": pl.String, "reason_zh": pl.String, "record": pl.String}
    data = [
        (row, field, reason, in_chinese(reason), json.dumps(record, ensure_ascii=False))
        for row, field, reason, record in rows
    ]
    return pl.DataFrame(data, schema=schema, orient="row")

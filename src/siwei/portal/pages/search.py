"""One box for everything: organisations, segments, programmes, one's own jobs. Chinese, pinyin or English."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from siwei.portal.access import actor_of
from siwei.portal.pages.paging import text_parameter
from siwei.portal.queries.search import search_everything


def search_page(request: HttpRequest) -> HttpResponse:
    text = text_parameter(request, "q")
    found = search_everything(text, actor_of(request))
    context = {
        "search_text": text,
        "found": found,
        "generated": any(organisation.is_generated for organisation in found.organisations),
    }
    return render(request, "portal/search.html", context)

"""Cutting long lists into pages; a page number that cannot be is the nearest one that can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest


def page_of(request: HttpRequest, rows: Sequence[Any] | Any, size: int = 50) -> Page[Any]:
    return Paginator(rows, size).get_page(request.GET.get("page", "1"))


def text_parameter(request: HttpRequest, name: str, limit: int = 100) -> str:
    """A query parameter as one bounded line of text, without control characters."""
    return "".join(character for character in request.GET.get(name, "") if character.isprintable())[:limit].strip()

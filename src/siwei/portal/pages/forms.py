"""What forms that act have in common: what was typed, under which key it acts once, which act it asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from siwei.errors import InputError, Problem
from siwei.exchange.actors import Actor
from siwei.exchange.canonical import sha256_of

Act = Callable[[HttpRequest, Any, Actor], str]


def typed(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").strip()


def key_of(request: HttpRequest, *scope: str) -> str:
    """A form sent twice acts once; sent again with other values (after going back) it is another act."""
    told = {name: value for name, value in request.POST.items() if name != "csrfmiddlewaretoken"}
    return sha256_of([request.path, *scope, told])


def day_typed(request: HttpRequest, name: str) -> date:
    try:
        return date.fromisoformat(typed(request, name))
    except ValueError:
        raise InputError([Problem(_("This is not a day"), _("such as 2026-11-30"), field=name)]) from None


def acted(request: HttpRequest, acts: dict[str, Act], subject: Any, actor: Actor) -> str:
    """Do what the form asks (`act`); returns where to go then."""
    act = acts.get(request.POST.get("act", ""))
    if act is None:
        raise InputError([Problem(_("This form is not known here"), _("reload the page"), field="act")])
    return act(request, subject, actor)

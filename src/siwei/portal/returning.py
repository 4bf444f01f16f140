"""Where a reader goes back to: addresses that take forms alone have a page that they belong to."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from siwei.portal.faults import page_before

View = Callable[..., HttpResponseBase]


def only_post(back: str, *kept: str) -> Callable[[View], View]:
    """For a view that takes a form alone. Whoever reads its address (reloads a refusal, signs in after all, changes the
    language of a page that answered a form) goes to the page `back`, named with the parts `kept` of the address."""

    def decorate(view: View) -> View:
        posted = require_POST(view)

        @wraps(view)
        def run(request: HttpRequest, *args: Any, **parts: Any) -> HttpResponseBase:
            if request.method in ("GET", "HEAD"):
                return redirect(back, **{name: parts[name] for name in kept})
            return posted(request, *args, **parts)

        return run

    return decorate


def return_to(request: HttpRequest) -> str:
    """The address at which what is shown now can be read again: its own; of an answer to a form what its view says
    (`request.shown_at`), or the page that held the form."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    return getattr(request, "shown_at", "") or page_before(request)

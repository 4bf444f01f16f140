"""What a person sees when something cannot be done: what happened, and what to do next; never a traceback."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.translation import gettext as _

from siwei.errors import (
    ConfirmationNeeded,
    Conflict,
    EnvironmentMissing,
    InputError,
    NotAllowed,
    NotFound,
    SignInNeeded,
    SiweiError,
)
from siwei.exchange.canonical import check_storable
from siwei.portal.languages import in_asked_language, words_of
from siwei.portal.problem_words import lines_of
from siwei.portal.sign_in import ask_confirmation

logger = logging.getLogger(__name__)
STATUS: tuple[tuple[type[SiweiError], int], ...] = (
    (NotFound, 404),
    (SignInNeeded, 401),
    (NotAllowed, 403),
    (Conflict, 409),
    (InputError, 400),
    (EnvironmentMissing, 503),
)
SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


def status_of(error: SiweiError) -> int:
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def fault_page(request: HttpRequest, status: int, detail: str = "", *, is_corrected: bool = False) -> HttpResponse:
    """`is_corrected`: what is wrong is named, and the reader can put it right."""
    title, advice = {
        400: (_("This cannot be read"), _("Correct what is named below and try again. Nothing was changed.")),
        403: (
            _("This is not open to you"),
            _("Sign in as somebody who represents the organisation, or go back to what is public."),
        ),
        404: (_("There is no such page here"), _("Search for it above, or start from the city at a glance.")),
        409: (
            _("This cannot be done now"),
            _("What stands in the way is named below. Nothing was changed."),
        ),
        413: (_("This is too large"), _("Nothing was changed.")),
        503: (_("This machine lacks something"), _("Ask the operator to do what is named below.")),
    }.get(
        status,
        (
            _("Something went wrong on our side"),
            _("It has been written to the log. Nothing you did was lost; try again in a moment."),
        ),
    )
    back = page_before(request) if request.method == "POST" else request.get_full_path()
    if request.method == "POST" and status == 404:
        # Of a form it is no page that is missing, but what the form named.
        title, advice = _("This is not there"), _("Correct what is named below and try again. Nothing was changed.")
    if is_corrected and request.method == "POST":
        title = _("Something in the form has to be corrected")
        advice = _("Correct what is named below in the form and send it again. Nothing was changed.")
    elif is_corrected:
        title = _("Something in the address has to be corrected")
    context = {"status": status, "title": title, "advice": advice, "detail": in_asked_language(detail), "back": back}
    return render(request, "portal/fault.html", context, status=status)


def factor_page(request: HttpRequest) -> HttpResponse:
    context = {
        "status": 403,
        "title": _("This needs a second factor"),
        "advice": _("Acts with money ask for one, and your account has none. Set it up, then do this again."),
        "ahead": (reverse("mfa_index"), _("Set up an authenticator app")),
    }
    return render(request, "portal/fault.html", context, status=403)


def out_of_date(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose token is not this session's: somebody signed in or out since its page was opened."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": f"{reason} → send the token of this session as X-CSRFToken"}, status=403)
    context = {
        "status": 403,
        "title": _("This form is out of date"),
        "advice": _(
            "Somebody signed in or out here since its page was opened, or cookies are refused. Nothing was done. "
            "Go back to copy what you wrote, then open the page anew."
        ),
        "ahead": (page_before(request), _("Open the page anew")),
    }
    return render(request, "portal/fault.html", context, status=403)


def page_before(request: HttpRequest) -> str:
    """The page of ours whose form was sent, by path and query; one's own desk where it is not told."""
    before = urlsplit(request.META.get("HTTP_REFERER", ""))
    if before.netloc != request.get_host():
        return reverse("desk")
    return urlunsplit(("", "", before.path, before.query, ""))


def unsent(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """A form sent after the session ended: signing in says that nothing was sent, and leads back to the form's page,
    not to the address it was sent to, which shows nothing."""
    sign_in, going = resolve_url(settings.LOGIN_URL), urlsplit(response.get("Location", ""))
    # Who was sent to sign in by what the form did (a new account) is led elsewhere than to its address.
    is_refused = parse_qs(going.query).get("next") == [request.get_full_path()]
    if request.method == "POST" and going.path == sign_in and is_refused:
        response["Location"] = f"{sign_in}?{urlencode({'next': page_before(request), 'unsent': '1'})}"
    return response


def fault_of(request: HttpRequest, error: SiweiError) -> HttpResponse:
    """The answer to an error of ours. A program is told the fields by the names it sent them under, a person by what
    the form calls them."""
    if not isinstance(error, InputError) or is_for_program(request):
        return fault_response(request, status_of(error), words_of(error))
    return fault_page(request, status_of(error), "\n".join(lines_of(error.problems)), is_corrected=True)


def is_for_program(request: HttpRequest) -> bool:
    """The API; or a table fetched by a program, which must not take a page for one: a browser says that it reads
    pages."""
    asks_table = "export" in request.GET and "text/html" not in request.headers.get("Accept", "")
    return request.path.startswith("/api/") or asks_table


def fault_response(request: HttpRequest, status: int, detail: str = "") -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": in_asked_language(detail) or f"status {status}"}, status=status)
    if is_for_program(request):
        return HttpResponse(f"{in_asked_language(detail)}\n", status=status, content_type="text/plain; charset=utf-8")
    return fault_page(request, status, detail)


def sent_values(request: HttpRequest) -> object:
    """What a form or a JSON body says; nothing where there is none, or where it cannot be read (the view says so)."""
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return dict(request.POST.lists())
    # Only an escape, or the byte itself, can hold what is refused: any other body is read once, by the view.
    if b"\\u" not in request.body and b"\0" not in request.body:
        return None
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        return None


class FaultMiddleware:
    """Turns the errors of `siwei.errors` into pages, and sets the headers every answer carries."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # No name, key or text of ours holds a NUL, and PostgreSQL refuses one with an error of its own.
        if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            response: HttpResponseBase = JsonResponse({"detail": "the address holds a NUL character"}, status=400)
        else:
            response = unsent(request, self.get_response(request))
        response.headers.setdefault("Content-Security-Policy", SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Refuses texts that a database could not give back as they were, before any query sees them."""
        try:
            check_storable(sent_values(request))
        except InputError as error:
            return fault_of(request, error)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, SiweiError):
            return None
        if isinstance(error, ConfirmationNeeded) and not request.path.startswith("/api/"):
            asked = ask_confirmation(request, error, page_before(request))
            return asked or factor_page(request)
        status = status_of(error)
        if status >= 500:
            logger.error("%s %s: %s", request.method, request.path, error)
        return fault_of(request, error)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024 // 1024
        said = _("the request holds more than %(n)s MB beside its files → send less at once, or send it as a file")
        return fault_response(request, 413, said % {"n": most})
    if isinstance(exception, TooManyFieldsSent | TooManyFilesSent):
        return fault_response(request, 400, _("the form has too many fields or files → send fewer at once"))
    return fault_response(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return fault_response(request, 403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return fault_response(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return fault_response(request, 500)

"""A job's page; its state and log are fetched again while it runs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from siwei.portal.access import actor_of
from siwei.portal.queries.jobs import job_or_missing, job_view, list_files, read_log, read_metrics


def job_page(request: HttpRequest, key: str) -> HttpResponse:
    view = job_view(key, actor_of(request))
    line = view.job.line
    context = {
        "view": view,
        "log": read_log(view.job, 0),
        "metrics": read_metrics(view.job) if view.is_ended else [],
        "files": list_files(view.job) if view.is_ended else [],
        "generated": line.consumer.is_generated or line.provider.is_generated,
    }
    return render(request, "portal/jobs/detail.html", context)


def job_state(request: HttpRequest, key: str) -> HttpResponse:
    """While it runs its page asks for this; once it has ended the page is read again, with its readings and files."""
    view = job_view(key, actor_of(request))
    response = render(request, "portal/jobs/state.html", {"view": view})
    if view.is_ended and request.headers.get("HX-Request"):
        response.headers["HX-Refresh"] = "true"
    return response


def job_log(request: HttpRequest, key: str) -> HttpResponse:
    """The log from `?offset=`: text and, while more may come, the element that asks for the next part."""
    job = job_or_missing(key, actor_of(request))
    asked = request.GET.get("offset", "0")
    offset = min(int(asked), 2**40) if asked.isascii() and asked.isdigit() else 0
    return render(request, "portal/jobs/log_part.html", {"job": job, "log": read_log(job, offset)})

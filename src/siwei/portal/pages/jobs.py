"""A job's page; its state and log are fetched again while it runs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from siwei.errors import SignInNeeded
from siwei.portal.access import actor_of
from siwei.portal.downloads import hand_over_open
from siwei.portal.queries.jobs import (
    job_or_missing,
    job_view,
    list_files,
    may_have_files,
    open_file,
    read_log,
    read_metrics,
)


def job_page(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    view = job_view(key, actor)
    line = view.job.line
    context = {
        "view": view,
        "log": read_log(view.job, 0),
        "metrics": read_metrics(view.job) if view.is_ended else [],
        "files": list_files(view.job) if view.is_ended else [],
        "may_have_files": may_have_files(view.job, actor),
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


@require_safe
def job_file(request: HttpRequest, key: str, path: str) -> HttpResponseBase:
    """A file that a job left, whole or the part that `Range` asks for. Under /api/, so that a program has it by its
    access key; a browser by its session."""
    actor = actor_of(request)
    if actor.person_id is None:
        raise SignInNeeded("sign in, or send an access key, to have files", "取文件须登录，或发送访问密钥")
    return hand_over_open(request, path.rpartition("/")[2], open_file(job_or_missing(key, actor), path, actor))

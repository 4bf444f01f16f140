"""The page of the city's own work: what failed is tried again from here."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from siwei.exchange.queue import retry_task
from siwei.portal.access import actor_of
from siwei.portal.pages.paging import page_of, text_parameter
from siwei.portal.queries.tasks import STATES, schedules, task_counts, task_view, tasks, workers


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tasks_page(request: HttpRequest) -> HttpResponse:
    """`?state=`. POST: `task`, to be tried again."""
    actor, now = actor_of(request), timezone.now()
    state = text_parameter(request, "state", 20)
    if request.method == "POST":
        retry_task(request.POST.get("task", ""), actor=actor, now=now)
        messages.success(request, _("The task is in the queue again."))
        return redirect("tasks")
    page = page_of(request, tasks(actor, state))
    context = {
        "page": page,
        "lines": [task_view(row, now) for row in page.object_list],
        "counts": task_counts(actor),
        "state": state,
        "states": STATES,
        "workers": workers(actor, now),
        "schedules": schedules(actor),
        "may_act": actor.is_operator and actor.may_write,
    }
    return render(request, "portal/tasks.html", context)

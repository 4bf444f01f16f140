"""Projects: one's own, and one project with its facts, its partners and what programmes decide of it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from siwei.errors import InputError, Problem
from siwei.exchange.access import can_declare_for, can_manage_people_of, can_prove_for
from siwei.exchange.actors import Actor
from siwei.exchange.facts.projects import declare_project_facts, project_id
from siwei.exchange.models import Organisation, Project
from siwei.exchange.trading.caps import open_project
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.city_pack import decided_on, pack
from siwei.portal.languages import problems_of
from siwei.portal.pages.fact_form import (
    attach_typed,
    declarations_typed,
    form_key,
    problem_context,
    prove_from_form,
    refuse_files,
    told_attached,
    told_entered,
)
from siwei.portal.pages.paging import page_of
from siwei.portal.queries.organisations import concerns_generated
from siwei.portal.queries.projects import project_or_missing, project_view, projects


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def project_list(request: HttpRequest) -> HttpResponse:
    """One's own projects, for the offices everybody's; whoever manages an organisation opens another."""
    actor = actor_of(request)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST":
        try:
            made = open_project(
                request.POST.get("organisation", ""), request.POST.get("name", "").strip(), actor=actor,
                now=timezone.now(), idempotency_key=own_key(actor, request.POST.get("token", "")),
            )  # fmt: skip
            return redirect("project", key=project_id(made))
        except InputError as error:
            problems = problems_of(error)
    managed = [each for each in actor.organisation_ids if can_manage_people_of(actor, each)]
    context = {
        "page": page_of(request, projects(actor)),
        "organisations": Organisation.objects.visible_to(actor).filter(pk__in=managed).order_by("name"),
        "problems": problems,
        "typed": request.POST,
        "token": uuid.uuid4().hex,
        "generated": concerns_generated(actor),
    }
    return render(request, "portal/projects/list.html", context, status=400 if problems else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def project_page(request: HttpRequest, key: str) -> HttpResponse:
    """Its leader's people, the operator and the auditor read it; its leader's people declare facts, the operator
    proves them."""
    actor = actor_of(request)
    project = project_or_missing(key, actor)
    if request.method != "POST":
        return project_response(request, project, actor)
    try:
        n, files = enter_from_form(request, project, key, actor)
    except InputError as error:
        return project_response(request, project, actor, problems_of(error), 400)
    if n:
        messages.success(request, told_entered(request, n))
    if files:
        messages.success(request, told_attached(files))
    return redirect("project", key=key)


def enter_from_form(request: HttpRequest, project: Project, key: str, actor: Actor) -> tuple[int, int]:
    """How many facts were entered and files attached: all of it, or nothing."""
    values = declarations_typed(request, "project")
    if "proof" in request.POST:
        refuse_files(request)
        return len(prove_from_form(request, project, values, key, actor)), 0
    with transaction.atomic():
        entered = declare_project_facts(
            project, values, attributes=pack().attributes, valid_from=decided_on(), actor=actor, now=timezone.now(),
            idempotency_key=form_key(key, values, request),
        ) if values else []  # fmt: skip
        return len(entered), attach_typed(request, project, actor)


def project_response(
    request: HttpRequest, project: Project, actor: Actor, problems: tuple[Problem, ...] = (), status: int = 200
) -> HttpResponse:
    view = project_view(project, actor)
    context = {
        "view": view,
        "project": project,
        "leader": project.organisation,
        "groups": [("facts", _("Facts of the project"), view.fields)],
        "can_declare": can_declare_for(actor, project.organisation_id),
        "can_prove": can_prove_for(actor, project.organisation_id),
        **problem_context(request, problems),
        "token": uuid.uuid4().hex,
        "generated": any(each.is_generated for each in view.partners),
    }
    return render(request, "portal/projects/detail.html", context, status=status)

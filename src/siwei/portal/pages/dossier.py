"""The dossier: facts entered once, every programme with what it asks and until when, applications to take away."""

from __future__ import annotations

import re
import tempfile
import uuid
from collections.abc import Sequence

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from siwei.errors import InputError, Problem
from siwei.exchange.access import can_declare_for, can_prove_for
from siwei.exchange.actors import Actor
from siwei.exchange.facts.declared import declare_facts
from siwei.exchange.models import KnownValue, Organisation
from siwei.portal.access import actor_of, require_private
from siwei.portal.application.content import Application, attached_files
from siwei.portal.application.package import MEDIA_TYPES, application_file, check_form, write_package
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
from siwei.portal.pages.paging import text_parameter
from siwei.portal.queries.application import application_of, person_application, project_application
from siwei.portal.queries.dossier import GROUPS, dossier
from siwei.portal.queries.entitlements import known_facts
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.queries.projects import project_or_missing
from siwei.portal.queries.size_class import size_class_of


@require_http_methods(["GET", "HEAD", "POST"])
def dossier_page(request: HttpRequest, key: str) -> HttpResponse:
    """Its own people, the operator and the auditor read it; its own people declare facts, the operator proves them."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    require_private(actor, organisation.pk)
    if organisation.key != key:
        return redirect("dossier", key=organisation.key)
    if request.method != "POST":
        return dossier_response(request, organisation, actor)
    try:
        facts, files = enter_from_form(request, organisation, actor)
    except InputError as error:
        return dossier_response(request, organisation, actor, problems_of(error), status=400)
    if facts:
        messages.success(request, told_entered(request, len(facts)))
    if files:
        messages.success(request, told_attached(files))
    return redirect("dossier", key=organisation.key)


def dossier_response(
    request: HttpRequest,
    organisation: Organisation,
    actor: Actor,
    problems: tuple[Problem, ...] = (),
    status: int = 200,
) -> HttpResponse:
    """The page; after a refused form with what was typed, and what is wrong beside it."""
    known = known_facts(organisation)
    found = dossier(organisation, actor, known)
    titles = {
        "asked": _("Would decide the most money"),
        "registered": _("Registration and public profile"),
        "yearly": _("Figures of the year"),
        "other": _("Other facts"),
    }
    context = {
        "organisation": organisation,
        "dossier": found,
        "size": size_class_of(known),
        "groups": [(name, titles[name], fields) for name, fields in found.groups if name in GROUPS],
        "entitlements": found.entitlements,
        "can_declare": can_declare_for(actor, organisation.pk),
        "can_prove": can_prove_for(actor, organisation.pk),
        **problem_context(request, problems),
        "token": uuid.uuid4().hex,
        "generated": organisation.is_generated,
    }
    return render(request, "portal/organisations/dossier.html", context, status=status)


def enter_from_form(request: HttpRequest, organisation: Organisation, actor: Actor) -> tuple[Sequence[KnownValue], int]:
    """The facts entered, and how many files were attached: all of it, or nothing."""
    values = declarations_typed(request, "organisation")
    if "proof" in request.POST:
        refuse_files(request)
        return prove_from_form(request, organisation, values, organisation.key, actor), 0
    with transaction.atomic():
        facts = declare_facts(
            organisation.key,
            values,
            attributes=pack().attributes,
            valid_from=decided_on(),
            actor=actor,
            now=timezone.now(),
            idempotency_key=form_key(organisation.key, values, request),
        ) if values else []  # fmt: skip
        return facts, attach_typed(request, organisation, actor)


@require_safe
def application_download(request: HttpRequest, key: str, programme_id: str, form: str) -> HttpResponseBase:
    """`application.zip`, `.docx`, `.pdf` or `.json`; `?language=` zh-hans, zh-hant or en, else the reader's."""
    actor = actor_of(request)
    return download(request, application_of(organisation_or_missing(key, actor), programme_id, actor), form)


@require_safe
def project_application_download(request: HttpRequest, programme_id: str, form: str) -> HttpResponseBase:
    """The same of a project: `?project=` its leader and name, as its page's address has them."""
    actor = actor_of(request)
    project = project_or_missing(text_parameter(request, "project"), actor)
    return download(request, project_application(project, programme_id, actor), form)


@login_required
@never_cache
@require_safe
def person_application_download(request: HttpRequest, programme_id: str, form: str) -> HttpResponseBase:
    """The same of whoever is signed in, for nobody else."""
    return download(request, person_application(programme_id, actor_of(request)), form)


def download(request: HttpRequest, application: Application, form: str) -> HttpResponseBase:
    language = text_parameter(request, "language") or get_language() or "zh-hans"
    check_form(form, language)
    short = "" if form in ("zip", "json") else f"-{language}"
    # A project's name and a person's may be in any letters; a header's are ASCII.
    plain_key = re.sub(r"[^0-9A-Za-z-]+", "-", application.applicant.key).strip("-")
    name = f"{application.explanation.programme}-{plain_key}{short}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    if form != "zip" or not any(attached_files(application)):
        content = application_file(application, form, language)
        return HttpResponse(content, content_type=MEDIA_TYPES[form], headers=headers)
    # On disk and without a name, because of the files in it; it is gone once it was sent.
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
    write_package(application, file)
    file.seek(0)
    return FileResponse(file, content_type=MEDIA_TYPES[form], headers=headers)

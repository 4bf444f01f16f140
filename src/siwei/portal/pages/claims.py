"""Claims to represent an organisation (认领): asking with evidence, what became of it, the operator's decision."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from siwei.errors import InputError, NotFound, Problem
from siwei.exchange.actors import Actor, Role
from siwei.exchange.files import LIMIT_BYTES
from siwei.exchange.models import Claim, ClaimState, Organisation
from siwei.exchange.people.claims import Evidence, claim_organisation, decide_claim, withdraw_claim
from siwei.exchange.people.mandates import has_owner, is_same_person
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.city_pack import asks_second_factor, home_or_missing
from siwei.portal.downloads import Handed, headed
from siwei.portal.languages import problems_of
from siwei.portal.pages.paging import page_of
from siwei.portal.pages.representatives import role_typed
from siwei.portal.queries import people as queries
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.words_of_people import told


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def claim_form_page(request: HttpRequest, key: str) -> HttpResponse:
    """Ask to represent an organisation, and what became of one's asking."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    if request.method != "POST":
        return _form(request, organisation, actor)
    form = request.POST
    if form.get("act") != "claim":
        raise NotFound("this form is not known here", "这里没有这样的表单")
    try:
        made = claim_organisation(
            organisation.key, evidence_typed(request), directory=home_or_missing().files, actor=actor,
            now=timezone.now(), idempotency_key=own_key(actor, form.get("token", "")),
        )  # fmt: skip
    except InputError as error:
        return _form(request, organisation, actor, problems=problems_of(error), status=400)
    messages.success(request, _("Your claim is with the operator. What they decide stands here."))
    return redirect("organisation-claim", key=made.key)


def evidence_typed(request: HttpRequest) -> Evidence:
    form, file = request.POST, request.FILES.get("file")
    content, name = None, ""
    if isinstance(file, UploadedFile):
        if (file.size or 0) > LIMIT_BYTES:
            fix = _("%(n)s MB at most") % {"n": LIMIT_BYTES // 1024 // 1024}
            raise InputError([Problem(_("this file is too large"), fix, field="file")])
        content, name = file.read(), (file.name or "file")[:200]
    return Evidence(
        form.get("code", ""), form.get("representative_name", ""), form.get("contact", ""), form.get("note", ""), name,
        content,
    )  # fmt: skip


def _form(
    request: HttpRequest,
    organisation: Organisation,
    actor: Actor,
    *,
    problems: tuple[Problem, ...] = (),
    status: int = 200,
) -> HttpResponse:
    own = list(queries.organisation_claims(actor).filter(organisation=organisation, person_id=actor.person_id or 0))
    context = {
        "organisation": organisation,
        "claims": own,
        "is_open": any(each.state == ClaimState.ASKED for each in own),
        "represents": actor.represents(organisation.pk),
        "problems": told(problems),
        "typed": request.POST if problems else {},
        "token": uuid.uuid4().hex,
        "limit_mb": LIMIT_BYTES // 1024 // 1024,
        "generated": organisation.is_generated,
    }
    return render(request, "portal/people/claim_form.html", context, status=status)


@login_required
@never_cache
@require_safe
def claims_page(request: HttpRequest) -> HttpResponse:
    """One's own; the operator's and the auditor's: everybody's, those that wait for a decision first."""
    page = page_of(request, queries.organisation_claims(actor_of(request)))
    context = {"page": page, "generated": any(each.organisation.is_generated for each in page.object_list)}
    return render(request, "portal/people/claims.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def claim_page(request: HttpRequest, key: str) -> HttpResponse:
    """One claim, for whoever made it, the operator and the auditor."""
    actor = actor_of(request)
    claim = queries.claim_or_missing(key, actor)
    if request.method != "POST":
        return _claim(request, claim, actor)
    act = ACTS.get(request.POST.get("act", ""))
    if act is None:
        raise NotFound("this form is not known here", "这里没有这样的表单")
    try:
        messages.success(request, act(request, claim, actor))
    except InputError as error:
        return _claim(request, claim, actor, problems=problems_of(error), status=400)
    return redirect("organisation-claim", key=claim.key)


def decide(request: HttpRequest, claim: Claim, actor: Actor, *, approve: bool) -> str:
    role: Role | None = role_typed(request) if request.POST.get("role") else None
    decide_claim(
        claim.key, approve=approve, because=request.POST.get("because", ""), role=role, actor=actor, now=timezone.now()
    )
    return _("Approved: they represent the organisation now.") if approve else _("Refused, with your reason.")


def take_back(request: HttpRequest, claim: Claim, actor: Actor) -> str:
    withdraw_claim(claim.key, actor=actor, now=timezone.now())
    return _("Your claim is taken back.")


ACTS: dict[str, Callable[[HttpRequest, Claim, Actor], str]] = {
    "approve": lambda request, claim, actor: decide(request, claim, actor, approve=True),
    "refuse": lambda request, claim, actor: decide(request, claim, actor, approve=False),
    "withdraw": take_back,
}


def _claim(
    request: HttpRequest, claim: Claim, actor: Actor, *, problems: tuple[Problem, ...] = (), status: int = 200
) -> HttpResponse:
    waits = claim.state == ClaimState.ASKED
    own = claim.person_id == actor.person_id
    operates = actor.is_operator and actor.may_write and waits
    same = operates and is_same_person(claim.person_id, actor.person_id)
    context = {
        "claim": claim,
        "own": own,
        "may_withdraw": waits and own and actor.may_write,
        "may_decide": operates and not same,
        "is_same_person": same and not own,
        "has_owner": has_owner(claim.organisation) if operates else False,
        "roles": list(Role),
        "asks_second_factor": asks_second_factor(),
        "problems": told(problems),
        "typed": request.POST if problems else {},
        "generated": claim.organisation.is_generated,
    }
    return render(request, "portal/people/claim.html", context, status=status)


@login_required
@never_cache
@require_safe
def evidence_file(request: HttpRequest, key: str) -> HttpResponseBase:
    stored, content = queries.evidence_of_claim(key, actor_of(request))
    return headed(HttpResponse(content), Handed(stored.name, stored.sha256, len(content)))

"""The form on which facts are entered, declared or proven: of an organisation, a project or a person."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from siwei.errors import InputError, Problem
from siwei.exchange.actors import Actor
from siwei.exchange.canonical import sha256_of
from siwei.exchange.facts.declared import Declaration, check_declarations
from siwei.exchange.facts.fact_files import attach_fact_file
from siwei.exchange.facts.person_files import attach_person_file
from siwei.exchange.facts.proofs import PROOFS, proof_of, prove_facts
from siwei.exchange.files import sha256_of_source
from siwei.exchange.models import KnownValue, Organisation, Project
from siwei.portal.api.answers import own_key
from siwei.portal.city_pack import decided_on, districts, home_or_missing, pack
from siwei.portal.entries import canonical_entry
from siwei.portal.languages import problems_of
from siwei.portal.problem_words import lines_of

LONGEST_ENTRY = 6_000


def declarations_typed(request: HttpRequest, subject: str) -> dict[str, Declaration]:
    """Fields left empty say nothing. Raises InputError with every problem of every field."""
    typed = {
        name.removeprefix("value-"): str(text)
        for name, text in request.POST.items()
        if name.startswith("value-") and str(text).strip()
    }
    values: dict[str, Declaration] = {}
    problems: list[Problem] = []
    for name, text in typed.items():
        evidence = request.POST.get(f"evidence-{name}", "").strip()
        try:
            values[name] = Declaration(entry(name, text, request.POST.get(f"unit-{name}", "")), evidence)
        except InputError as error:
            problems += problems_of(error)
    # Files alone are for what was declared before.
    if values or not (problems or files_typed(request)):
        problems += check_declarations(values, pack().attributes, subject)
    if problems:
        raise InputError(problems)
    return values


def files_typed(request: HttpRequest) -> dict[str, list[UploadedFile]]:
    """The files chosen beside each fact."""
    found = {
        name.removeprefix("file-"): [each for each in request.FILES.getlist(name) if isinstance(each, UploadedFile)]
        for name in request.FILES
        if name.startswith("file-")
    }
    return {name: files for name, files in found.items() if files}


def attach_typed(request: HttpRequest, of: Organisation | Project | None, actor: Actor) -> int:
    """The files of a form, each to the latest own word on its fact: of an organisation, a project, or (None) of
    oneself. How many there were. Raises InputError, beside the fact."""
    n = 0
    for name, files in files_typed(request).items():
        for each in files:
            n += 1
            # As with values: another file after going back is another entry.
            told = f"{request.POST.get('token', '')[:60]}:{name}:{sha256_of_source(each)}"
            key = own_key(actor, hashlib.sha256(told.encode("utf-8", "replace")).hexdigest())
            title, now = (each.name or "file")[:200], timezone.now()
            try:
                if of is None:
                    attach_person_file(name, each, title, actor=actor, now=now, idempotency_key=key)
                else:
                    attach_fact_file(
                        of, name, each, title, directory=home_or_missing().files, actor=actor, now=now,
                        idempotency_key=key,
                    )  # fmt: skip
            except InputError as error:
                raise InputError([replace(problem, field=name) for problem in error.problems]) from error
    return n


def entry(name: str, text: str, unit: str) -> str:
    """Canonical text of one field. Raises InputError."""
    attribute = pack().attributes.get(name)
    if attribute is None or len(text) > LONGEST_ENTRY:
        raise InputError([Problem(_("This cannot be entered"), field=name)])
    if attribute.id == "district" and text not in districts():
        raise InputError([Problem(_("This is not one of the choices"), field=name)])
    return canonical_entry(attribute, text, unit)


def prove_from_form(
    request: HttpRequest, of: Organisation | Project, values: Mapping[str, Declaration], key: str, actor: Actor
) -> list[KnownValue]:
    """What the operator saw proven of an organisation or a project, called `key`. Raises InputError."""
    proof = request.POST.get("proof", "")
    return prove_facts(
        of, values, proof_of(proof), attributes=pack().attributes, valid_from=decided_on(), actor=actor,
        now=timezone.now(), idempotency_key=form_key(f"{proof}:{key}", values, request),
    )  # fmt: skip


def refuse_files(request: HttpRequest) -> None:
    """Where facts are entered as proven: what was looked at is named; its owner attaches it."""
    if name := next(iter(files_typed(request)), ""):
        raise InputError([Problem(_("files are attached by those who declare the fact"), field=name)])


def told_attached(n: int) -> str:
    return ngettext("%(n)s file attached.", "%(n)s files attached.", n) % {"n": n}


def told_entered(request: HttpRequest, n: int) -> str:
    if "proof" in request.POST:
        return ngettext("%(n)s fact entered as proven.", "%(n)s facts entered as proven.", n) % {"n": n}
    return ngettext("%(n)s fact declared.", "%(n)s facts declared.", n) % {"n": n}


def form_key(of: str, values: Mapping[str, Declaration], request: HttpRequest) -> str:
    """The form sent twice is entered once; sent again with other values (after going back) it is another entry."""
    told = sha256_of({name: [each.value, each.evidence] for name, each in values.items()})
    return hashlib.sha256(f"{of}:{request.POST.get('token', '')}:{told}".encode("utf-8", "replace")).hexdigest()


def problem_context(request: HttpRequest, problems: tuple[Problem, ...]) -> dict[str, Any]:
    """What a refused form shows: what was typed, and what is wrong beside it."""
    return {
        "typed": request.POST,
        "problems": {problem.field: problem for problem in problems if problem.field and problem.field != "proof"},
        "faults": lines_of(problem for problem in problems if not problem.field or problem.field == "proof"),
        "proofs": [(name, int(status)) for name, status in PROOFS.items()],
    }

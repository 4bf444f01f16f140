"""Files that show what an organisation declared of itself or of its project. Their bytes are had at `content`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, File, Form, Query, Router, Schema
from ninja.files import UploadedFile

from siwei.errors import InputError, Problem, Said
from siwei.exchange.actors import Actor
from siwei.exchange.facts.fact_files import attach_fact_file
from siwei.exchange.models import Organisation, Project
from siwei.portal.access import actor_of, require_private
from siwei.portal.api.answers import IdempotencyKey, answers, own_key
from siwei.portal.city_pack import home_or_missing
from siwei.portal.queries.fact_files import ShownFile, shown_file, shown_files
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.queries.projects import project_or_missing

router = Router()


class FactFileRow(Schema):
    number: int
    attribute: str
    value: str = Field(description="What the fact says that the file shows, canonical")
    name: str
    media_type: str = Field(description="As its bytes say")
    size_bytes: int
    sha256: str
    at: datetime
    by: str = Field(description="The person who gave it; empty where it is one's own")
    content: str = Field(description="Where its bytes are had")


class NewFactFile(Schema):
    """Of an organisation's fact, by its key, or of a project's, by `organisation/name`."""

    organisation: Annotated[str, Field(max_length=120)] = ""
    project: Annotated[str, Field(max_length=160)] = ""
    attribute: Annotated[str, Field(min_length=1, max_length=60)]
    idempotency_key: IdempotencyKey


@router.get("/fact-files", response=answers(list[FactFileRow]))
def list_fact_files(
    request: HttpRequest,
    organisation: Annotated[str, Query(max_length=120)] = "",
    project: Annotated[str, Query(max_length=160)] = "",
) -> Any:
    """Files of facts that hold today, of an organisation or of a project. Its own people, the operator and the
    auditor."""
    return [file_row(each) for each in shown_files(_subject(organisation, project, actor_of(request)))]


@router.post("/fact-files", response=answers(FactFileRow))
def attach(request: HttpRequest, given: Form[NewFactFile], file: File[UploadedFile]) -> Any:
    """Attach a file to the latest own word on a fact, for its representatives alone: PDF, PNG, JPEG, ZIP, a document of
    an office program, or plain text; 20 MB at most, 10 of a fact."""
    actor = actor_of(request)
    made = attach_fact_file(
        _subject(given.organisation, given.project, actor), given.attribute, file, (file.name or "file")[:200],
        directory=home_or_missing().files, actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return file_row(shown_file(made))


def _subject(organisation: str, project: str, actor: Actor) -> Organisation | Project:
    if bool(organisation) == bool(project):
        fix = Said(
            "name an organisation, or a project by organisation/name", "请指明一个机构，或以 机构/名称 指明一个项目"
        )
        what = Said("files are of an organisation's facts or of a project's", "文件须属于机构或项目的事实")
        raise InputError([Problem(what, fix, field="organisation")])
    if project:
        return project_or_missing(project, actor)
    found = organisation_or_missing(organisation, actor)
    require_private(actor, found.pk)
    return found


def file_row(file: ShownFile) -> dict[str, Any]:
    return {
        "number": file.number,
        "attribute": file.attribute,
        "value": file.value,
        "name": file.name,
        "media_type": file.media_type,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "at": file.at,
        "by": file.by,
        "content": file.address,
    }

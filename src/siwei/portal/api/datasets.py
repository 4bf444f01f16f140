"""Datasets: what there is, under which terms; accepting them, and who had what. Files are had at `content`."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from ninja import Field, Router, Schema

from siwei.exchange.models import DatasetAccess
from siwei.exchange.trading.dataset_publication import publish_dataset
from siwei.exchange.trading.datasets import accept_terms, withdraw_terms
from siwei.portal.access import actor_of
from siwei.portal.api.answers import IdempotencyKey, answers, own_key
from siwei.portal.city_pack import home_or_missing
from siwei.portal.queries import datasets as queries

router = Router()
SHOWN = 500


class DatasetRow(Schema):
    key: str
    offer: str
    organisation: str
    name: str
    licence: str
    version: int
    price_fen: int


class DatasetFileRow(Schema):
    number: int
    path: str
    media_type: str
    sha256: str
    size_bytes: int | None
    is_elsewhere: bool
    content: str = Field(description="Where it is had, with an access key of the scope write; answers `Range`")


class DatasetAcceptance(Schema):
    organisation: str
    person: str
    role: str
    agreement: str | None
    terms_sha256: str
    accepted_at: datetime


class DatasetDetail(DatasetRow):
    versions: list[int]
    description: str
    terms: str
    terms_sha256: str
    published_at: datetime
    withdrawn_at: datetime | None
    metadata: dict[str, Any] = Field(description="Croissant 1.0, as the provider gave it")
    files: list[DatasetFileRow]
    acceptances: list[DatasetAcceptance]


class DatasetAccessRow(Schema):
    dataset: str
    version: int
    file: str
    organisation: str
    person: str
    by_key: str
    first_byte: int | None
    last_byte: int | None
    at: datetime


class NewDataset(Schema):
    """Files that the description names lie at https addresses; those handed over come by the page."""

    offer: Annotated[str, Field(max_length=120)]
    metadata: dict[str, Any]
    terms: Annotated[str, Field(min_length=1, max_length=200_000)]
    idempotency_key: IdempotencyKey


class NewAcceptance(Schema):
    organisation: Annotated[str, Field(max_length=64)]
    terms_sha256: Annotated[str, Field(max_length=64, description="Of the text that was read")]


@router.get("/datasets", response=answers(list[DatasetRow]))
def list_datasets(request: HttpRequest) -> Any:
    """Datasets published, each with its newest version. The newest 500."""
    return [_row(each, list(each.versions.all())[-1]) for each in queries.datasets(actor_of(request))[:SHOWN]]


@router.post("/datasets", response=answers(DatasetDetail))
def publish(request: HttpRequest, new: NewDataset) -> Any:
    """Publish what an offer of a dataset hands over, or a new version of it, with its Croissant 1.0 description."""
    actor, home = actor_of(request), home_or_missing()
    version = publish_dataset(
        new.offer, metadata=json.dumps(new.metadata, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        terms=new.terms, files={}, directory=home.datasets, actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, new.idempotency_key),
    )  # fmt: skip
    return _detail(queries.version_view(version.dataset.key, version.number, actor))


@router.get("/datasets/{key}", response=answers(DatasetDetail))
def get_dataset(request: HttpRequest, key: str) -> Any:
    """The newest version of a dataset: description, terms, files."""
    return _detail(queries.version_view(key, None, actor_of(request)))


@router.get("/datasets/{key}/{number}", response=answers(DatasetDetail))
def get_version(request: HttpRequest, key: str, number: Annotated[int, Field(ge=1, le=10**6)]) -> Any:
    """One version of a dataset."""
    return _detail(queries.version_view(key, number, actor_of(request)))


@router.post("/datasets/{key}/{number}/acceptance", response=answers(DatasetDetail))
def accept(request: HttpRequest, key: str, number: Annotated[int, Field(ge=1, le=10**6)], given: NewAcceptance) -> Any:
    """Accept the terms of a version for an organisation one signs for. By the session, not by a key."""
    actor = actor_of(request)
    queries.version_or_missing(key, number, actor)
    accept_terms(
        key, number, given.organisation, terms_sha256=given.terms_sha256, actor=actor, now=timezone.now()
    )  # fmt: skip
    return _detail(queries.version_view(key, number, actor))


@router.post("/datasets/{key}/{number}/withdrawal", response=answers(DatasetDetail))
def withdraw(request: HttpRequest, key: str, number: Annotated[int, Field(ge=1, le=10**6)]) -> Any:
    """Withdraw a version's terms: nothing more is handed over under them. For the provider."""
    actor = actor_of(request)
    queries.version_or_missing(key, number, actor)
    withdraw_terms(key, number, actor=actor, now=timezone.now())
    return _detail(queries.version_view(key, number, actor))


@router.get("/dataset-accesses", response=answers(list[DatasetAccessRow]))
def list_accesses(request: HttpRequest) -> Any:
    """Who was handed which file: for its provider, for whom it was, and the offices. The newest 500."""
    return [_access_row(each) for each in queries.accesses(actor_of(request))[:SHOWN]]


def _row(dataset: Any, version: Any) -> dict[str, Any]:
    return {
        "key": dataset.key,
        "offer": dataset.offer.key,
        "organisation": dataset.organisation.key,
        "name": version.name,
        "licence": version.licence,
        "version": version.number,
        "price_fen": dataset.offer.body["price_fen_per_licence"],
    }


def _detail(view: queries.VersionView) -> dict[str, Any]:
    version, key = view.version, view.version.dataset.key
    own = ("description", "terms", "terms_sha256", "published_at", "withdrawn_at", "metadata")
    of_file = ("number", "path", "media_type", "sha256", "size_bytes")
    files = [
        {
            **{name: getattr(each, name) for name in of_file},
            "is_elsewhere": bool(each.url),
            "content": reverse("dataset-content", args=[key, version.number, each.number]),
        }
        for each in view.files
    ]
    acceptances = [
        {
            "organisation": each.organisation.key,
            "person": each.person.username,
            "role": each.role,
            "agreement": each.agreement.key if each.agreement else None,
            "terms_sha256": each.terms_sha256,
            "accepted_at": each.accepted_at,
        }
        for each in view.acceptances
    ]
    return {
        **_row(version.dataset, version),
        **{name: getattr(version, name) for name in own},
        "versions": view.numbers,
        "files": files,
        "acceptances": acceptances,
    }


def _access_row(access: DatasetAccess) -> dict[str, Any]:
    version = access.file.version
    return {
        "dataset": version.dataset.key,
        "version": version.number,
        "file": access.file.path,
        "organisation": access.organisation.key,
        "person": access.person.username,
        **{name: getattr(access, name) for name in ("by_key", "first_byte", "last_byte", "at")},
    }

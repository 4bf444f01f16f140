"""Datasets as their readers may see them: versions, files, the terms, who accepted them, every access."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.models import (
    Agreement,
    Dataset,
    DatasetAccess,
    DatasetFile,
    DatasetVersion,
    Listing,
    Organisation,
    TermsAcceptance,
)
from siwei.exchange.trading.datasets import paying_agreement, price_of
from siwei.market.croissant import read_croissant, written_croissant

SHOWN = 200


def datasets(actor: Actor) -> QuerySet[Dataset]:
    found = Dataset.objects.visible_to(actor).select_related("organisation", "offer")
    return found.prefetch_related(Prefetch("versions", DatasetVersion.objects.order_by("number"))).order_by(
        "-published_at", "key"
    )


def version_or_missing(key: str, number: int | None, actor: Actor) -> DatasetVersion:
    """The newest where no number is named."""
    found = DatasetVersion.objects.visible_to(actor).filter(dataset__key=key).order_by("-number")
    found = found.select_related("dataset__offer", "dataset__organisation")
    version = (found if number is None else found.filter(number=number)).first()
    if version is None:
        raise NotFound(
            f"no version {number or ''} of a dataset {key!r:.120} that you may see",
            f"没有您可查看的数据集 {key!r:.120} 的版本 {number or ''}",
        )
    return version


@dataclass(frozen=True, slots=True)
class Taker:
    """An organisation of the reader's, and how it stands to a version."""

    organisation: Organisation
    acceptance: TermsAcceptance | None
    agreement: Agreement | None
    is_provider: bool

    @property
    def may_have(self) -> bool:
        return self.is_provider or self.acceptance is not None


@dataclass(frozen=True, slots=True)
class VersionView:
    version: DatasetVersion
    numbers: list[int]
    price_fen: int
    files: list[DatasetFile]
    takers: list[Taker]
    acceptances: list[TermsAcceptance]
    accesses: list[DatasetAccess]


def version_view(key: str, number: int | None, actor: Actor) -> VersionView:
    version = version_or_missing(key, number, actor)
    own = Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids).order_by("name")
    accepted = TermsAcceptance.objects.visible_to(actor).filter(version=version)
    acceptances = list(accepted.select_related("organisation", "person").order_by("-pk")[:SHOWN])
    by_owner = {each.organisation_id: each for each in acceptances}
    takers = [
        Taker(each, by_owner.get(each.pk), paying_agreement(version, each), each.pk == version.dataset.organisation_id)
        for each in own
    ]
    return VersionView(
        version,
        list(version.dataset.versions.order_by("-number").values_list("number", flat=True)),
        price_of(version),
        list(version.files.order_by("number")),
        takers,
        acceptances,
        list(accesses(actor).filter(file__version=version)[:50]),
    )


def accesses(actor: Actor) -> QuerySet[DatasetAccess]:
    found = DatasetAccess.objects.visible_to(actor).select_related("file__version__dataset", "organisation", "person")
    return found.order_by("-pk")


def offers_to_fill(actor: Actor) -> QuerySet[Listing]:
    """The actor's own open offers of datasets."""
    found = Listing.objects.visible_to(actor).filter(kind="dataset", side="offer", state="open")
    return found.filter(organisation_id__in=actor.organisation_ids).order_by("-published_at")


def croissant_of(version: DatasetVersion, addresses: Mapping[str, str], page: str) -> str:
    """The description for others: files at their addresses here, and where the terms stand."""
    found = read_croissant(json.dumps(version.metadata, ensure_ascii=False))
    return written_croissant(found, addresses, {"usageInfo": page})

"""Datasets published: a version made of its description, its terms and its files, which are kept under their hash."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from siwei.errors import Conflict, InputError, Problem, Said
from siwei.exchange.access import can_act_for, require, require_writer
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.files import KeptFile
from siwei.exchange.models import Dataset, DatasetFile, DatasetVersion, ListingState, Side
from siwei.exchange.state_words import word_zh
from siwei.exchange.trading.dataset_files import keep_file
from siwei.exchange.trading.listings import find_listing
from siwei.market.croissant import Croissant, FileObject, read_croissant

MOST_TERMS = 200_000


def publish_dataset(
    offer: str,
    *,
    metadata: bytes,
    terms: str,
    files: Mapping[str, Path],
    directory: Path,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    progress: Callable[[str, int, int], None] | None = None,
) -> DatasetVersion:
    """Publish what an offer of a dataset hands over, or a new version of it. For the offer's owner.

    `files` are those that the description names by a path, by that path; they are kept under their hash in `directory`.
    `progress` is told a file's path, the bytes read of it and of how many. Raises InputError with every fault of the
    description, or the first of the files.
    """
    require_writer(actor, Said("publish dataset", "发布数据集"))
    content = {"offer": offer, "metadata": hashlib.sha256(metadata).hexdigest(), "terms": _sha256(terms)}
    if earlier := _published(offer, content, actor, idempotency_key):
        return earlier
    found = read_croissant(metadata)
    if not 0 < len(terms.strip()) <= MOST_TERMS:
        raise InputError(
            [
                Problem(
                    Said("the terms are missing", "缺少条款"),
                    Said(f"1 to {MOST_TERMS} characters", f"1 至 {MOST_TERMS} 个字符"),
                    field="terms",
                )
            ]
        )
    # Before the transaction: no other writer waits for gigabytes. Until the rows name them the files are nobody's.
    kept = _keep_all(found, files, directory, progress)
    return _publish(offer, content, found, kept, terms, actor=actor, now=now, idempotency_key=idempotency_key)


def _published(offer: str, content: Mapping[str, str], actor: Actor, idempotency_key: str) -> DatasetVersion | None:
    """What the same request published before. Raises where the actor may not, or the offer cannot."""
    listing = find_listing(offer, actor)
    require(
        can_act_for(actor, listing.organisation_id),
        actor,
        Said(f"publish the dataset of {offer}", f"发布 {offer} 的数据集"),
    )
    if earlier := repeated("publish_dataset", idempotency_key, content):
        return DatasetVersion.objects.select_related("dataset").get(
            dataset__offer=listing, number=earlier.payload["version"]
        )
    if (listing.kind, listing.side, listing.state) != ("dataset", Side.OFFER, ListingState.OPEN):
        raise Conflict(
            f"a dataset belongs to an open offer of one, and {offer} is a {listing.state} {listing.kind}",
            f"数据集属于一条开放的数据集供给，而 {offer} 是{word_zh(listing.state)}的 {listing.kind}",
        )
    if listing.organisation is None:
        raise Conflict("an organisation offers a dataset, not a person", "提供数据集的是机构，不是个人")
    return None


@action
def _publish(
    offer: str,
    content: Mapping[str, str],
    found: Croissant,
    kept: Mapping[str, KeptFile],
    terms: str,
    *,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> DatasetVersion:
    # Asked again: much may have happened while the files were copied.
    if earlier := _published(offer, content, actor, idempotency_key):
        return earlier
    listing = find_listing(offer, actor)
    assert listing.organisation is not None
    dataset, _ = Dataset.objects.get_or_create(
        offer=listing,
        defaults={"key": idempotency_key, "organisation": listing.organisation, "published_at": now},
    )
    # Locked, so that two versions published at once have two numbers.
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=dataset.versions.count() + 1,
        name=found.name,
        description=found.description,
        licence=found.licence,
        terms=terms,
        terms_sha256=_sha256(terms),
        metadata=dict(found.document),
        published_at=now,
    )
    DatasetFile.objects.bulk_create(
        _row(version, number, each, kept.get(each.id)) for number, each in enumerate(_handed_over(found), 1)
    )
    record_event(
        "publish_dataset",
        idempotency_key,
        content,
        subject=f"dataset:{dataset.key}",
        actor=actor,
        now=now,
        organisations=[listing.organisation],
        payload={"offer": offer, "version": version.number, "licence": found.licence},
    )
    return version


def _handed_over(found: Croissant) -> list[FileObject]:
    """Files by themselves; what lies inside another is had with that."""
    return [each for each in found.files if not each.contained_in]


def _keep_all(
    found: Croissant,
    files: Mapping[str, Path],
    directory: Path,
    progress: Callable[[str, int, int], None] | None,
) -> dict[str, KeptFile]:
    named = {each.path: each for each in _handed_over(found) if each.path is not None}
    problems = [
        Problem(
            Said(f"the file {path!r:.80} is missing", f"缺少文件 {path!r:.80}"),
            Said("give it, or its https address", "请提供文件，或其 https 地址"),
            field="distribution",
        )
        for path in named
        if path not in files
    ]
    problems += [
        Problem(
            Said(f"the description names no file {path!r:.80}", f"描述中没有文件 {path!r:.80}"),
            Said("describe it, or leave it out", "请补充描述，或去掉该文件"),
            field="files",
        )
        for path in files
        if path not in named
    ]
    if problems:
        raise InputError(problems[:50])
    return {
        each.id: keep_file(
            files[path],
            each.sha256,
            directory,
            f"distribution {each.id!r:.60}",
            partial(progress, path) if progress else None,
        )
        for path, each in named.items()
        if path is not None
    }


def _row(version: DatasetVersion, number: int, each: FileObject, kept: KeptFile | None) -> DatasetFile:
    return DatasetFile(
        version=version,
        number=number,
        identifier=each.id,
        path=each.path or each.name,
        media_type=each.media_type,
        sha256=each.sha256,
        size_bytes=kept.size_bytes if kept else each.size_bytes,
        url=each.url,
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

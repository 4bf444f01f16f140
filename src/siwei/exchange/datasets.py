"""Datasets handed over under terms: published with a description, accepted by who may, every access written down.

A version's terms bind whoever accepted them; a new version, or terms that were withdrawn, ask for acceptance anew.
What has a price also asks for a signed agreement on its offer: the first access under it is the meter reading of the
licences agreed on, which settlement captures from voucher and own share as for every other kind.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from django.db.models import QuerySet

from siwei.errors import Conflict, InputError, NotAllowed, NotFound, Problem, Said
from siwei.exchange.access import SIGNERS, can_act_for, require, require_writer
from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.dataset_files import keep_file
from siwei.exchange.files import KeptFile
from siwei.exchange.jobs import record_usage
from siwei.exchange.listings import find_listing
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    AgreementState,
    Dataset,
    DatasetAccess,
    DatasetFile,
    DatasetVersion,
    ListingState,
    Organisation,
    Person,
    Side,
    TermsAcceptance,
    Usage,
)
from siwei.exchange.parties import find_organisation
from siwei.exchange.state_words import word_zh
from siwei.market.croissant import Croissant, FileObject, read_croissant

MOST_TERMS = 200_000
IN_FORCE = (AgreementState.SIGNED, AgreementState.DELIVERING, AgreementState.COMPLETED, AgreementState.SETTLED)


@dataclass(frozen=True, slots=True)
class Handed:
    """A file somebody may have now."""

    file: DatasetFile
    access: DatasetAccess


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
    listing = find_listing(offer)
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
    listing = find_listing(offer)
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


@action
def withdraw_terms(dataset: str, number: int, *, actor: Actor, now: datetime) -> DatasetVersion:
    """Hand nothing more over under a version's terms. For the provider. Withdrawing again changes nothing."""
    version = find_version(dataset, number)
    require(
        can_act_for(actor, version.dataset.organisation_id),
        actor,
        Said(f"withdraw the terms of {version}", f"撤回 {version} 的条款"),
    )
    if DatasetVersion.objects.filter(pk=version.pk, withdrawn_at=None).update(withdrawn_at=now):
        accepted = version.acceptances.values_list("organisation", flat=True)
        record_event(
            "withdraw_terms", f"{dataset}:{number}", {}, subject=f"dataset:{dataset}", actor=actor, now=now,
            organisations={version.dataset.organisation_id, *accepted},
            payload={"version": number},
        )  # fmt: skip
    version.refresh_from_db()
    return version


@action
def accept_terms(
    dataset: str, number: int, organisation: str, *, terms_sha256: str, actor: Actor, now: datetime
) -> TermsAcceptance:
    """Take the terms of a version on for an organisation. For those who sign for it (owner, manager), in person.

    `terms_sha256` says which text was read. What has a price needs a signed agreement on its offer: `Conflict` before.
    Accepting again changes nothing.
    """
    owner = find_organisation(organisation)
    role = actor.role_in(owner.pk)
    require(
        role in SIGNERS and not actor.by_key,
        actor,
        Said(f"accept terms for {owner.name}", f"以 {owner.name} 名义接受条款"),
    )
    version = find_version(dataset, number)
    if owner.pk == version.dataset.organisation_id:
        raise Conflict(
            f"{owner.name} is the provider: its own terms are not accepted by itself",
            f"{owner.name} 就是提供方：自己的条款不由自己接受",
        )
    if earlier := TermsAcceptance.objects.filter(version=version, organisation=owner).first():
        return earlier
    _require_newest(version)
    if terms_sha256 != version.terms_sha256:
        raise Conflict(
            "these are not the terms of this version → read them again, and accept what is shown now",
            "这不是该版本的条款 → 请重新阅读，并接受现在显示的内容",
        )
    agreement = paying_agreement(version, owner)
    if agreement is None and price_of(version):
        raise Conflict(
            f"{version.name} has a price → sign an agreement on {version.dataset.offer.key} first",
            f"{version.name} 须付费 → 请先就 {version.dataset.offer.key} 签署协议",
        )
    made = TermsAcceptance.objects.create(
        version=version,
        organisation=owner,
        person=Person.objects.get(pk=actor.person_id),
        role=str(role),
        agreement=agreement,
        terms_sha256=terms_sha256,
        accepted_at=now,
    )
    record_event(
        "accept_terms",
        f"{version.pk}:{owner.pk}",
        {"terms": terms_sha256},
        subject=f"dataset:{dataset}",
        actor=actor,
        now=now,
        organisations=[owner, version.dataset.organisation_id],
        payload={"version": number, "terms_sha256": terms_sha256},
    )
    return made


@action
def hand_over(
    dataset: str,
    number: int,
    file: int,
    organisation: str,
    *,
    actor: Actor,
    now: datetime,
    part: tuple[int, int] | None = None,
) -> Handed:
    """Write down that a file (or a part of it) is handed to an organisation, if it may have it; its bytes come after.

    For the organisation's own people where its acceptance stands, and for the provider's. Raises NotAllowed with what
    is missing, Conflict where the agreement that pays is over.
    """
    owner = find_organisation(organisation)
    require(
        actor.represents(owner.pk) and actor.person_id is not None,
        actor,
        Said(f"have files for {owner.name}", f"为 {owner.name} 取文件"),
    )
    version = find_version(dataset, number)
    found = version.files.filter(number=file).first()
    if found is None:
        raise NotFound(
            f"version {number} of {dataset} has no file {file}", f"{dataset} 的版本 {number} 没有文件 {file}"
        )
    if owner.pk != version.dataset.organisation_id:
        _require_acceptance(version, owner, now)
    access = DatasetAccess.objects.create(
        file=found,
        organisation=owner,
        person_id=actor.person_id or 0,
        by_key=actor.by_key,
        first_byte=part[0] if part else None,
        last_byte=part[1] if part else None,
        at=now,
    )
    return Handed(found, access)


def find_version(dataset: str, number: int) -> DatasetVersion:
    try:
        return DatasetVersion.objects.select_related("dataset__offer", "dataset__organisation").get(
            dataset__key=dataset, number=number
        )
    except DatasetVersion.DoesNotExist:
        raise NotFound(
            f"no version {number} of a dataset {dataset!r:.120}", f"数据集 {dataset!r:.120} 没有版本 {number}"
        ) from None


def price_of(version: DatasetVersion) -> int:
    """Fen a licence, as the offer asks now."""
    return int(version.dataset.offer.body["price_fen_per_licence"])


def paying_agreement(version: DatasetVersion, organisation: Organisation) -> Agreement | None:
    """The organisation's agreement on the dataset's offer that is signed and not cancelled; the newest."""
    line = _paying_lines(version, organisation).order_by("-agreement__signed_at", "-pk").first()
    return line.agreement if line else None


def _paying_lines(version: DatasetVersion, organisation: Organisation) -> QuerySet[AgreementLine]:
    """An agreement pays for the versions published before it ended."""
    lines = AgreementLine.objects.filter(offer=version.dataset.offer, consumer=organisation)
    return lines.filter(agreement__state__in=IN_FORCE, agreement__ends_at__gte=version.published_at).select_related(
        "agreement"
    )


def _require_acceptance(version: DatasetVersion, owner: Organisation, now: datetime) -> None:
    accepted = TermsAcceptance.objects.filter(version=version, organisation=owner).select_related("agreement").first()
    if version.withdrawn_at is not None:
        raise NotAllowed(
            f"the terms of version {version.number} were withdrawn → accept those of a newer version",
            f"版本 {version.number} 的条款已撤回 → 请接受更新版本的条款",
        )
    if accepted is None:
        raise NotAllowed(
            f"{owner.name} has not accepted the terms of version {version.number} → accept them first",
            f"{owner.name} 尚未接受版本 {version.number} 的条款 → 请先接受",
        )
    if accepted.agreement is not None:
        _meter(version, owner, accepted.agreement, now)


def _meter(version: DatasetVersion, owner: Organisation, agreement: Agreement, now: datetime) -> None:
    """The licences agreed on are delivered with the first access under the agreement: one reading, once. Conflict where
    nothing was had yet and the agreement delivers no more."""
    for line in agreement.lines.filter(offer=version.dataset.offer, consumer=owner).order_by("number"):
        reading = f"licence:{agreement.key}:{line.number}"
        if Usage.objects.filter(reading=reading).exists():
            continue
        if agreement.state not in (AgreementState.SIGNED, AgreementState.DELIVERING) or agreement.ends_at <= now:
            raise Conflict(
                f"{agreement.key} is {agreement.state} or has ended, and nothing was had under it",
                f"{agreement.key} 处于“{word_zh(agreement.state)}”或已到期，其下未取得任何内容",
            )
        measured = {"dataset": version.dataset.key, "version": version.number, "terms_sha256": version.terms_sha256}
        record_usage(
            agreement.key, line.number, reading=reading, quantity=line.quantity, measured=measured, actor=PLATFORM,
            now=now,
        )  # fmt: skip


def _require_newest(version: DatasetVersion) -> None:
    if version.withdrawn_at is not None:
        raise Conflict(f"the terms of version {version.number} were withdrawn", f"版本 {version.number} 的条款已撤回")
    if version.dataset.versions.filter(number__gt=version.number).exists():
        raise Conflict(
            f"there is a newer version than {version.number} → accept its terms",
            f"已有比 {version.number} 更新的版本 → 请接受其条款",
        )


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

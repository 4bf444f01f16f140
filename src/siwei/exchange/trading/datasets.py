"""Datasets handed over under terms: published (`dataset_publication`), accepted by who may, every access written down.

A version's terms bind whoever accepted them; a new version, or terms that were withdrawn, ask for acceptance anew.
What has a price also asks for a signed agreement on its offer: the first access under it is the meter reading of the
licences agreed on, which settlement captures from voucher and own share as for every other kind.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from siwei.errors import Conflict, NotAllowed, NotFound, Said
from siwei.exchange.access import SIGNERS, can_act_for, require
from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.audit import action, record_event
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    AgreementState,
    DatasetAccess,
    DatasetFile,
    DatasetVersion,
    Organisation,
    Person,
    TermsAcceptance,
    Usage,
)
from siwei.exchange.parties import find_organisation
from siwei.exchange.state_words import word_zh
from siwei.exchange.states import find_line, lock_agreement
from siwei.exchange.trading.usage import write_usage

IN_FORCE = (AgreementState.SIGNED, AgreementState.DELIVERING, AgreementState.COMPLETED, AgreementState.SETTLED)


@dataclass(frozen=True, slots=True)
class Handed:
    """A file somebody may have now."""

    file: DatasetFile
    access: DatasetAccess


@action
def withdraw_terms(dataset: str, number: int, *, actor: Actor, now: datetime) -> DatasetVersion:
    """Hand nothing more over under a version's terms. For the provider. Withdrawing again changes nothing."""
    version = find_version(dataset, number, actor)
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
    version = find_version(dataset, number, actor)
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
    version = find_version(dataset, number, actor)
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


def find_version(dataset: str, number: int, actor: Actor) -> DatasetVersion:
    try:
        return (
            DatasetVersion.objects.visible_to(actor)
            .select_related("dataset__offer", "dataset__organisation")
            .get(dataset__key=dataset, number=number)
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
        # The city's own word, whoever else may report on the line.
        terms = find_line(lock_agreement(agreement.key, PLATFORM), line.number)
        write_usage(terms, None, reading, terms.quantity, measured, PLATFORM, now)


def _require_newest(version: DatasetVersion) -> None:
    if version.withdrawn_at is not None:
        raise Conflict(f"the terms of version {version.number} were withdrawn", f"版本 {version.number} 的条款已撤回")
    if version.dataset.versions.filter(number__gt=version.number).exists():
        raise Conflict(
            f"there is a newer version than {version.number} → accept its terms",
            f"已有比 {version.number} 更新的版本 → 请接受其条款",
        )

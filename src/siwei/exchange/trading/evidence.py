"""Files that show what was delivered, or what is not right: attached by a party, seen by parties and offices."""

from datetime import datetime
from pathlib import Path

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_speak_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.files import Source, plain_name, sha256_of_source, store_file, whole_path
from siwei.exchange.models import (
    Agreement,
    AgreementParty,
    Delivery,
    DeliveryState,
    Dispute,
    EvidenceFile,
    Person,
)
from siwei.exchange.state_words import word_zh
from siwei.exchange.states import lock_agreement, require_step
from siwei.exchange.trading.deliveries import find_delivery
from siwei.exchange.trading.disputes import find_dispute

MOST_FILES = 20
"""Of one delivery, or one dispute."""


@action
def attach_evidence(
    agreement: str,
    source: Source,
    name: str,
    *,
    directory: Path,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    delivery: int | None = None,
    dispute: str | None = None,
) -> EvidenceFile:
    """Attach a file to a delivery (by number; for its two sides, until it is accepted) or to an open dispute (by key;
    for every party). The same bytes again by the same person are there once, whatever they are called.

    InputError for a file that is too large or of no kind that is taken (`siwei.exchange.files`).
    """
    deal = lock_agreement(agreement, actor)
    about, party = _about(deal, delivery, dispute, actor)
    told = {"agreement": agreement, "delivery": delivery, "dispute": dispute}
    content = {**told, "name": name, "sha256": sha256_of_source(source)}
    if repeated("attach_evidence", idempotency_key, content):
        return EvidenceFile.objects.select_related("file").get(key=idempotency_key)
    _check_open(deal, about)
    require(actor.person_id is not None, actor, Said("attach files without being a person", "不以个人身份附文件"))
    person = Person.objects.get(pk=actor.person_id)
    stored = store_file(source, name, directory=directory, person=person, now=now)
    mine = {"delivery": about} if isinstance(about, Delivery) else {"dispute": about}
    earlier = EvidenceFile.objects.select_related("file").filter(file=stored, **mine).first()
    if earlier is not None:
        return earlier
    if EvidenceFile.objects.filter(**mine).count() >= MOST_FILES:
        raise Conflict(
            f"{MOST_FILES} files are attached already → put what is left into one archive",
            f"已附 {MOST_FILES} 个文件 → 其余的请合成一个压缩包",
        )
    attached = EvidenceFile.objects.create(
        key=idempotency_key, agreement=deal, number=deal.evidence_files.count() + 1, party=party, file=stored,
        name=plain_name(name, stored.media_type), at=now, **mine,
    )  # fmt: skip
    organisations = deal.parties.filter(organisation__isnull=False).values_list("organisation_id", flat=True)
    record_event(
        "attach_evidence", idempotency_key, content, subject=_subject(deal, about), actor=actor, now=now,
        organisations=list(organisations),
        payload={**told, "title": attached.name, "sha256": stored.sha256, "size_bytes": stored.size_bytes},
    )  # fmt: skip
    return attached


def read_evidence(agreement: str, number: int, *, directory: Path, actor: Actor) -> tuple[EvidenceFile, Path]:
    """The file and where its bytes lie, compared with their hash. NotFound for whom it does not concern."""
    found = EvidenceFile.objects.visible_to(actor).select_related("file")
    evidence = found.filter(agreement__key=agreement, number=number).first()
    if evidence is None:
        raise NotFound(
            f"no file {number} of an agreement {agreement!r:.120} that you may see",
            f"协议 {agreement!r:.120} 没有您可查看的文件 {number}",
        )
    return evidence, whole_path(evidence.file.sha256, directory)


def _about(
    deal: Agreement, delivery: int | None, dispute: str | None, actor: Actor
) -> tuple[Delivery | Dispute, AgreementParty]:
    """What the file is of, and the party that the actor speaks for."""
    about: Delivery | Dispute
    # Who is no party learns nothing of what there is.
    parties = list(deal.parties.select_related("organisation"))
    require(
        any(can_speak_for(actor, each) for each in parties),
        actor,
        Said(f"attach evidence to {deal.key}", f"为 {deal.key} 附证据"),
    )
    if (delivery is None) == (dispute is None):
        raise InputError(
            [
                Problem(
                    Said("evidence is of a delivery or of a dispute", "证据须属于一项交付或一项争议"),
                    Said("name one of them", "请指定其一"),
                    field="delivery",
                )
            ]
        )
    if delivery is not None:
        about = find_delivery(deal, delivery)
        parties = [about.giver, about.receiver]
    else:
        about = find_dispute(dispute or "", actor)
        if about.agreement_id != deal.pk:
            raise NotFound(
                f"agreement {deal.key!r} has no dispute {dispute!r:.120}",
                f"协议 {deal.key!r} 没有争议 {dispute!r:.120}",
            )
    party = next((each for each in parties if can_speak_for(actor, each)), None)
    require(party is not None, actor, Said(f"attach evidence to {about}", f"为 {about} 附证据"))
    assert party is not None
    return about, party


def _check_open(deal: Agreement, about: Delivery | Dispute) -> None:
    if isinstance(about, Dispute):
        if not about.is_open:
            raise Conflict(
                f"dispute {about.key} is {about.state}; nothing more is said in it",
                f"争议 {about.key} 处于“{word_zh(about.state)}”，不再接受发言",
            )
        return
    if about.state == DeliveryState.ACCEPTED:
        raise Conflict(
            f"delivery {about.number} of {deal.key} is accepted → what shows more belongs to a dispute",
            f"{deal.key} 的交付 {about.number} 已验收 → 补充证明请放在争议中",
        )
    require_step(deal, "deliver")


def _subject(deal: Agreement, about: Delivery | Dispute) -> str:
    return f"dispute:{about.key}" if isinstance(about, Dispute) else f"delivery:{deal.key}:{about.number}"

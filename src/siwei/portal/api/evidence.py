"""Files attached to deliveries and disputes. Their bytes are had at `content`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from ninja import Field, File, Form, Query, Router, Schema
from ninja.files import UploadedFile

from siwei.errors import EnvironmentMissing
from siwei.exchange.models import EvidenceFile
from siwei.exchange.trading.evidence import attach_evidence
from siwei.portal.access import actor_of
from siwei.portal.api.answers import IdempotencyKey, answers, own_key
from siwei.portal.city_pack import current_home

router = Router()
SHOWN = 500


class EvidenceRow(Schema):
    agreement: str
    number: int
    delivery: int | None
    dispute: str | None
    by: str = Field(description="The person who gave it")
    name: str
    media_type: str = Field(description="As its bytes say")
    size_bytes: int
    sha256: str
    at: datetime
    content: str = Field(description="Where its bytes are had; answers `Range`")


class NewEvidence(Schema):
    """Of a delivery, by its number, or of a dispute, by its key."""

    agreement: Annotated[str, Field(max_length=120)]
    delivery: Annotated[int | None, Field(ge=1, le=10**6)] = None
    dispute: Annotated[str | None, Field(max_length=120)] = None
    idempotency_key: IdempotencyKey


@router.get("/evidence", response=answers(list[EvidenceRow]))
def list_evidence(request: HttpRequest, agreement: Annotated[str, Query(max_length=120)] = "") -> Any:
    """Files attached to deliveries and disputes of agreements one is a party to, newest first; the newest 500."""
    found = EvidenceFile.objects.visible_to(actor_of(request)).select_related(
        "agreement", "delivery", "dispute", "file__person"
    )
    if agreement:
        found = found.filter(agreement__key=agreement)
    return [evidence_row(each) for each in found.order_by("-at", "-pk")[:SHOWN]]


@router.post("/evidence", response=answers(EvidenceRow))
def attach(request: HttpRequest, given: Form[NewEvidence], file: File[UploadedFile]) -> Any:
    """Attach a file to a delivery or a dispute, for its parties: PDF, PNG, JPEG, ZIP, a document of an office program,
    or plain text; 20 MB at most."""
    actor, home = actor_of(request), current_home()
    if home is None:
        raise EnvironmentMissing(
            "this portal has no city's directory → start it with siwei serve",
            "本门户没有城市目录 → 请用 siwei serve 启动",
        )
    made = attach_evidence(
        given.agreement, file, (file.name or "file")[:200], directory=home.files, delivery=given.delivery,
        dispute=given.dispute, actor=actor, now=timezone.now(), idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return evidence_row(made)


def evidence_row(evidence: EvidenceFile) -> dict[str, Any]:
    return {
        "agreement": evidence.agreement.key,
        "number": evidence.number,
        "delivery": evidence.delivery.number if evidence.delivery else None,
        "dispute": evidence.dispute.key if evidence.dispute else None,
        "by": evidence.file.person.username,
        "name": evidence.name,
        "media_type": evidence.file.media_type,
        "size_bytes": evidence.file.size_bytes,
        "sha256": evidence.file.sha256,
        "at": evidence.at,
        "content": reverse("evidence-content", args=[evidence.agreement.key, evidence.number]),
    }

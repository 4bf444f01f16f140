"""Rows of what is offered and matched, agreed, approved, delivered, called and settled."""

from collections.abc import Callable, Iterator
from typing import Any

from siwei.exchange.digest.rows import values
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    AgreementParty,
    Approval,
    ApprovalRule,
    CallMeter,
    Cap,
    CapAlert,
    CounterReading,
    Dataset,
    DatasetAccess,
    DatasetFile,
    DatasetVersion,
    Delivery,
    Dispute,
    EvidenceFile,
    Job,
    Listing,
    Match,
    ModelCall,
    ModelKey,
    Quote,
    Settlement,
    TermsAcceptance,
    Upstream,
    Usage,
    UsageReport,
)


def _usages() -> Iterator[Any]:
    """By the job or, without one, the reading: a reading of a job names the attempt that was not lost. One of calls is
    named by the last of them in order of arrival, which lost attempts count in."""
    fields = ("line__agreement__key", "line__number", "quantity", "unit", "is_held", "job__key", "reading")
    for *rest, job, reading in Usage.objects.values_list(*fields).iterator():
        yield [*rest, job or (reading.rpartition(":")[0] if reading.startswith("model-calls:") else reading)]


DEALS: dict[str, Callable[[], Iterator[Any]]] = {
    "Agreement": values(
        Agreement.objects.all(),
        "key",
        "kind",
        "match__need__key",
        "match__offer__key",
        "voucher__key",
        "project__name",
        "terms",
        "state",
        "disputed_from",
        "signed_on",
    ),
    "AgreementLine": values(
        AgreementLine.objects.all(),
        *(
            "agreement__key",
            "number",
            "offer__key",
            "offered",
            "provider__key",
            "consumer__key",
            "description",
            "quantity",
            "unit",
        ),
        *("unit_price_fen", "price_quantity", "gross_fen", "voucher_fen", "own_fen"),
        *("voucher_hold__idempotency_key", "own_hold__idempotency_key"),
    ),
    "AgreementParty": values(
        AgreementParty.objects.all(),
        "agreement__key",
        "organisation__key",
        "person__username",
        "role",
        "signed_by__username",
    ),
    "Approval": values(
        Approval.objects.all(),
        *("agreement__key", "party__organisation__key", "role", "amount_fen", "state", "requested_by__username"),
        *("decided_by__username", "reason"),
    ),
    "ApprovalRule": values(ApprovalRule.objects.all(), "organisation__key", "role", "from_fen"),
    "Cap": values(
        Cap.objects.all(),
        *("key", "organisation__key", "project__name", "person__username", "unit", "amount", "is_hard"),
        *("starts_on", "ends_on", "account__code"),
    ),
    "CapAlert": values(CapAlert.objects.all(), "cap__key", "per_cent", "amount", "used"),
    "CallMeter": values(
        CallMeter.objects.all(),
        *("line__agreement__key", "line__number", "limit_microfen", "used_microfen", "reserved_microfen"),
    ),
    "Dataset": values(Dataset.objects.all(), "key", "organisation__key", "offer__key"),
    "DatasetAccess": values(
        DatasetAccess.objects.all(),
        *("file__version__dataset__key", "file__version__number", "file__number", "organisation__key"),
        *("person__username", "first_byte", "last_byte"),
    ),
    "DatasetFile": values(
        DatasetFile.objects.all(),
        *("version__dataset__key", "version__number", "number", "identifier", "path", "media_type", "sha256"),
        *("size_bytes", "url"),
    ),
    "DatasetVersion": values(
        DatasetVersion.objects.all(),
        *("dataset__key", "number", "name", "description", "licence", "terms_sha256", "metadata"),
    ),
    "Delivery": values(
        Delivery.objects.all(),
        *("agreement__key", "number", "line__number", "form", "title", "giver__role", "receiver__role", "quantity"),
        *("amount_fen", "due_on", "state", "evidence", "reason", "reported_by__role"),
    ),
    "CounterReading": values(CounterReading.objects.all(), "usage__reading", "party__role", "quantity", "measured"),
    "Dispute": values(
        Dispute.objects.all(),
        *("key", "agreement__key", "usage__reading", "delivery__number", "opener__role", "reason", "evidence"),
        *("claimed", "state", "answer", "proposed", "outcome", "resolution"),
        *("returned_metered_fen", "returned_voucher_fen", "returned_own_fen"),
    ),
    "EvidenceFile": values(
        EvidenceFile.objects.all(),
        *("agreement__key", "number", "delivery__number", "dispute__key", "party__role", "file__sha256", "name"),
    ),
    "Job": values(
        Job.objects.all(), "key", "line__agreement__key", "line__number", "spec", "engine", "state", "exit_code"
    ),
    "Listing": values(
        Listing.objects.all(),
        *("key", "kind", "side", "organisation__key", "person__username", "title_zh", "title_en", "body", "state"),
    ),
    "Match": values(
        Match.objects.all(), "need__key", "offer__key", "rank", "score", "parts", "reason_zh", "reason_en", "state"
    ),
    "ModelCall": values(
        # One that a killed gateway lost, at no charge, is an attempt lost.
        ModelCall.objects.exclude(state="swept", cost_microfen=0),
        *("key__access__name", "line__agreement__key", "line__number", "model", "endpoint", "is_streamed", "state"),
        *("input_tokens", "output_tokens", "cost_microfen", "basis", "outcome"),
    ),
    "ModelKey": values(
        ModelKey.objects.all(),
        *("access__name", "access__project", "organisation__key", "models_allowed", "endpoints_allowed"),
        *(
            "requests_per_minute",
            "tokens_per_minute",
            "cap_microfen",
            "day_cap_microfen",
            "month_cap_microfen",
            "keeps_days",
            "spent_microfen",
            "reserved_microfen",
        ),
    ),
    "Quote": values(
        Quote.objects.all(),
        *("key", "match__need__key", "match__offer__key", "voucher__key", "as_of", "quantity", "unit"),
        *("unit_price_fen", "price_quantity", "gross_fen", "voucher_fen", "own_fen", "bound", "offered"),
    ),
    "Settlement": values(
        Settlement.objects.all(),
        *("agreement__key", "period", "metered_fen", "gross_fen", "voucher_fen", "own_fen", "released_fen", "detail"),
    ),
    "TermsAcceptance": values(
        TermsAcceptance.objects.all(),
        *("version__dataset__key", "version__number", "organisation__key", "person__username", "role"),
        *("agreement__key", "terms_sha256"),
    ),
    "Upstream": values(
        Upstream.objects.all(), "key", "organisation__key", "offer__key", "model", "served_as", "base_url", "credential"
    ),
    "Usage": _usages,
    "UsageReport": values(
        UsageReport.objects.all(), "usage__reading", "reporter__key_id", "payload", "signature", "quantity"
    ),
}

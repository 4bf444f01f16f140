"""One hash over the whole city, and one for each table, so that a difference can be found.

Rows are told by their natural keys; left out are clocks, measured durations, random ids, attempts lost and what only
says how often or in which order something was done. Two cities that went the same way have the same digest, however
often either was killed on it.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Max, QuerySet

from siwei.exchange.canonical import canonical_json, sha256_of
from siwei.exchange.models import (
    Account,
    Agreement,
    AgreementLine,
    AgreementParty,
    Application,
    Approval,
    ApprovalRule,
    BankAccount,
    BankEntry,
    CallMeter,
    Cap,
    CapAlert,
    ClaimedDocument,
    ClawBack,
    CounterReading,
    Dataset,
    DatasetAccess,
    DatasetFile,
    DatasetVersion,
    Decision,
    Delivery,
    Dispute,
    Event,
    EvidenceFile,
    Fact,
    FactFile,
    Grant,
    Hold,
    ImportFile,
    Invoice,
    InvoiceLine,
    Job,
    Listing,
    Match,
    Merge,
    ModelCall,
    ModelKey,
    Objection,
    OrderRest,
    Organisation,
    PaymentBatch,
    PaymentItem,
    PaymentOrder,
    Person,
    Placement,
    Pot,
    Project,
    ProjectFact,
    Quote,
    Reject,
    Relation,
    Reporter,
    Representative,
    RowWarning,
    Run,
    Settlement,
    SharingRound,
    StatementFile,
    StatementReject,
    StatusFile,
    StatusLine,
    TermsAcceptance,
    Transfer,
    TrueUp,
    Upstream,
    Usage,
    UsageReport,
    Voucher,
)

LEFT_OUT = {
    "AccessKey": "random, and no part of the city's state: its events are covered",
    "Consent": "a person's own, under PIPL; not the city's state",
    "PersonKey": "random, and a person's own: nobody else reads what it seals",
    "PersonFact": "a person's own, sealed under that person's key",
    "PersonFile": "a person's own, sealed under that person's key",
    "PersonProof": "a person's own, sealed under that person's key",
    "PersonDecision": "a person's own, sealed under that person's key",
    "Pseudonym": "random; awards, accounts and orders are covered by it",
    "PersonBankAccount": "a person's own, sealed; orders are covered by its key",
    "SealedPart": "what a file for the bank says of a person, sealed",
    "Invitation": "random, and no part of the city's state: its events are covered",
    "StoredFile": "a person's own papers, named by their hash in the events of claims and of evidence",
    "Claim": "a person's own papers; what was decided is in the events and in the mandates",
    "PaymentFile": "what a batch says, written with the moment of its export; the batch and its orders are covered",
    "Schedule": "clocks only",
    "Worker": "which processes were at work, and when",
    "KeptCall": "what was asked and answered is kept for a while only",
    "Seal": "blocks end where a clock or an operator ended them; verify_seals checks them",
}
"""Tables of this room that no digest covers, and why."""

LOST_ATTEMPTS = ("lose_attempt",)


def digest() -> dict[str, Any]:
    """`{"tables": {name: {"rows": n, "sha256": …}}, "sha256": …}`; the total is over the tables' own."""
    tables = {name: _table(rows) for name, rows in sorted(ROWS.items())}
    return {"tables": tables, "sha256": sha256_of({name: table["sha256"] for name, table in tables.items()})}


def _table(rows: Callable[[], Iterator[Any]]) -> dict[str, Any]:
    # Sorted by the rows themselves: databases disagree on how text sorts. A digest a row, not the row, is kept.
    hashes = sorted(hashlib.sha256(canonical_json(row).encode("utf-8", "surrogatepass")).digest() for row in rows())
    return {"rows": len(hashes), "sha256": hashlib.sha256(b"".join(hashes)).hexdigest()}


def _values(query: "QuerySet[Any]", *fields: str) -> Callable[[], Iterator[Any]]:
    def rows() -> Iterator[Any]:
        # Cloned: a query set at the module's level would remember what it read.
        return iter(query.all().order_by().values_list(*fields).iterator(chunk_size=10_000))

    return rows


def _latest_runs() -> Iterator[Any]:
    """A run replaced by a later one of its kind is history."""
    latest = Run.objects.values("kind").annotate(last=Max("pk")).values("last")
    return iter(
        Run.objects.filter(pk__in=latest).values_list("kind", "as_of", "sha256", "inputs_sha256", "rows", "summary")
    )


def _usages() -> Iterator[Any]:
    """By the job or, without one, the reading: a reading of a job names the attempt that was not lost. One of calls is
    named by the last of them in order of arrival, which lost attempts count in."""
    fields = ("line__agreement__key", "line__number", "quantity", "unit", "is_held", "job__key", "reading")
    for *rest, job, reading in Usage.objects.values_list(*fields).iterator():
        yield [*rest, job or (reading.rpartition(":")[0] if reading.startswith("model-calls:") else reading)]


def _transfers() -> Iterator[Any]:
    fields = ("idempotency_key", "kind", "debit_account__code", "credit_account__code", "amount", "unit")
    for *rest, hold, memo, causes in Transfer.objects.values_list(
        *fields, "reverses__idempotency_key", "hold__idempotency_key", "memo", "causes"
    ).iterator():
        yield [*rest, hold, memo, causes]


def _events() -> Iterator[Any]:
    """What was done to what. Not its order, nor who asked first; readings are named by attempt, keys at random."""
    done = Event.objects.exclude(action__in=LOST_ATTEMPTS)
    for name, subject in done.values_list("action", "subject").iterator():
        is_random = name == "record_usage" or subject.startswith("access_key:")
        yield [name, subject.split(":", 1)[0] if is_random else subject]


ROWS: dict[str, Callable[[], Iterator[Any]]] = {
    "Account": _values(Account.objects.all(), "code", "owner__key", "unit", "purpose", "floor", "balance", "held"),
    "Agreement": _values(
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
    "AgreementLine": _values(
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
    "AgreementParty": _values(
        AgreementParty.objects.all(),
        "agreement__key",
        "organisation__key",
        "person__username",
        "role",
        "signed_by__username",
    ),
    "Application": _values(
        Application.objects.all(),
        *(
            "key",
            "organisation__key",
            "pseudonym__key",
            "pot__programme",
            "pot__period",
            "decision__key",
            "round__key",
            "claim_fen",
        ),
        *("score", "shared_fen", "bound_by", "state"),
    ),
    "Approval": _values(
        Approval.objects.all(),
        *("agreement__key", "party__organisation__key", "role", "amount_fen", "state", "requested_by__username"),
        *("decided_by__username", "reason"),
    ),
    "ApprovalRule": _values(ApprovalRule.objects.all(), "organisation__key", "role", "from_fen"),
    "BankAccount": _values(
        BankAccount.objects.filter(ended_at=None), "holder", "name", "number", "bank_code", "bank_name"
    ),
    "BankEntry": _values(
        BankEntry.objects.all(),
        *("account_number", "reference", "booked_on", "direction", "amount_fen", "name", "counter_account"),
        *("end_to_end_id", "remittance", "finding", "state", "order__end_to_end_id", "difference_fen", "reason"),
    ),
    "Cap": _values(
        Cap.objects.all(),
        *("key", "organisation__key", "project__name", "person__username", "unit", "amount", "is_hard"),
        *("starts_on", "ends_on", "account__code"),
    ),
    "CapAlert": _values(CapAlert.objects.all(), "cap__key", "per_cent", "amount", "used"),
    "CallMeter": _values(
        CallMeter.objects.all(),
        *("line__agreement__key", "line__number", "limit_microfen", "used_microfen", "reserved_microfen"),
    ),
    "ClaimedDocument": _values(ClaimedDocument.objects.all(), "application__key", "kind", "reference"),
    "ClawBack": _values(ClawBack.objects.all(), "key", "grant__application__key", "returned_fen", "owed_fen", "reason"),
    "Dataset": _values(Dataset.objects.all(), "key", "organisation__key", "offer__key"),
    "DatasetAccess": _values(
        DatasetAccess.objects.all(),
        *("file__version__dataset__key", "file__version__number", "file__number", "organisation__key"),
        *("person__username", "first_byte", "last_byte"),
    ),
    "DatasetFile": _values(
        DatasetFile.objects.all(),
        *("version__dataset__key", "version__number", "number", "identifier", "path", "media_type", "sha256"),
        *("size_bytes", "url"),
    ),
    "DatasetVersion": _values(
        DatasetVersion.objects.all(),
        *("dataset__key", "number", "name", "description", "licence", "terms_sha256", "metadata"),
    ),
    "Decision": _values(
        Decision.objects.all(),
        *("key", "organisation__key", "programme", "version_sha256", "is_draft", "as_of", "verdict", "award_fen"),
        *("subject", "inputs", "result"),
    ),
    "Delivery": _values(
        Delivery.objects.all(),
        *("agreement__key", "number", "line__number", "form", "title", "giver__role", "receiver__role", "quantity"),
        *("amount_fen", "due_on", "state", "evidence", "reason", "reported_by__role"),
    ),
    "CounterReading": _values(CounterReading.objects.all(), "usage__reading", "party__role", "quantity", "measured"),
    "Dispute": _values(
        Dispute.objects.all(),
        *("key", "agreement__key", "usage__reading", "delivery__number", "opener__role", "reason", "evidence"),
        *("claimed", "state", "answer", "proposed", "outcome", "resolution"),
        *("returned_metered_fen", "returned_voucher_fen", "returned_own_fen"),
    ),
    "Event": _events,
    "EvidenceFile": _values(
        EvidenceFile.objects.all(),
        *("agreement__key", "number", "delivery__number", "dispute__key", "party__role", "file__sha256", "name"),
    ),
    "Fact": _values(
        Fact.objects.all(),
        *(
            "organisation__key",
            "attribute",
            "value",
            "valid_from",
            "valid_to",
            "source",
            "source_ref",
            "status",
            "is_public",
        ),
    ),
    "FactFile": _values(
        FactFile.objects.all(),
        *("fact__organisation__key", "fact__attribute", "fact__source", "fact__source_ref"),
        *("project_fact__project__organisation__key", "project_fact__project__name", "project_fact__attribute"),
        *("project_fact__source", "project_fact__source_ref", "file__sha256", "name"),
    ),
    "Grant": _values(Grant.objects.all(), "application__key", "organisation__key", "pseudonym__key", "amount_fen"),
    "Hold": _values(Hold.objects.all(), "transfer__idempotency_key", "amount", "captured", "released"),
    "ImportFile": _values(ImportFile.objects.all(), "name", "sha256", "shape", "read", "created", "merged", "rejected"),
    "Invoice": _values(
        Invoice.objects.all(),
        *("issuer__key", "number", "recipient__key", "gross_fen", "voucher_fen", "own_fen", "tax_number"),
    ),
    "InvoiceLine": _values(
        InvoiceLine.objects.all(),
        *("invoice__issuer__key", "invoice__number", "position", "line__agreement__key", "line__number"),
        *("settlement__period", "dispute__key", "quantity", "gross_fen", "voucher_fen", "own_fen"),
    ),
    "Job": _values(
        Job.objects.all(), "key", "line__agreement__key", "line__number", "spec", "engine", "state", "exit_code"
    ),
    "Listing": _values(
        Listing.objects.all(),
        *("key", "kind", "side", "organisation__key", "person__username", "title_zh", "title_en", "body", "state"),
    ),
    "Match": _values(
        Match.objects.all(), "need__key", "offer__key", "rank", "score", "parts", "reason_zh", "reason_en", "state"
    ),
    "Merge": _values(Merge.objects.all(), "file__sha256", "row", "organisation__key", "reason", "record"),
    "ModelCall": _values(
        # One that a killed gateway lost, at no charge, is an attempt lost.
        ModelCall.objects.exclude(state="swept", cost_microfen=0),
        *("key__access__name", "line__agreement__key", "line__number", "model", "endpoint", "is_streamed", "state"),
        *("input_tokens", "output_tokens", "cost_microfen", "basis", "outcome"),
    ),
    "ModelKey": _values(
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
    "Objection": _values(
        Objection.objects.all(), "key", "application__key", "person__username", "text", "upheld", "reason"
    ),
    "Organisation": _values(
        Organisation.objects.all(),
        *("key", "code", "name", "name_normalised", "kind", "district", "founded_on", "origin", "merged_into__key"),
    ),
    "PaymentBatch": _values(
        PaymentBatch.objects.all(),
        *("key", "payer__key", "debtor__number", "execute_on", "orders_count", "total_fen", "state", "reason"),
        *("made_by__username", "first_by__username", "second_by__username", "exported_by__username"),
    ),
    "OrderRest": _values(
        OrderRest.objects.all(),
        *("order__end_to_end_id", "number", "kind", "state", "amount_fen", "entry__reference", "reason"),
        *("made_by__username", "first_by__username", "second_by__username"),
    ),
    "PaymentItem": _values(
        PaymentItem.objects.all(),
        *("order__batch__key", "order__number", "part", "settlement__agreement__key", "settlement__period", "line"),
        *("dispute__key", "grant__application__key", "rest__order__end_to_end_id", "rest__number"),
        *("amount_fen", "is_live"),
    ),
    "PaymentOrder": _values(
        PaymentOrder.objects.all(),
        *("batch__key", "number", "payee__key", "creditor__number", "pseudonym__key", "person_creditor__key"),
        *("amount_fen", "state", "paid_fen", "paid_on", "reason"),
    ),
    "Person": _values(Person.objects.all(), "username", "is_operator", "is_auditor", "is_reviewer", "is_active"),
    "Placement": _values(Placement.objects.all(), "organisation__key", "segment", "layer", "confidence", "evidence"),
    "Pot": _values(
        Pot.objects.all(), "programme", "period", "version_sha256", "is_draft", "budget_fen", "account__code"
    ),
    "Project": _values(Project.objects.all(), "organisation__key", "name"),
    "ProjectFact": _values(
        ProjectFact.objects.all(),
        *("project__organisation__key", "project__name", "attribute", "value", "valid_from", "valid_to", "source"),
        *("source_ref", "status"),
    ),
    "Quote": _values(
        Quote.objects.all(),
        *("key", "match__need__key", "match__offer__key", "voucher__key", "as_of", "quantity", "unit"),
        *("unit_price_fen", "price_quantity", "gross_fen", "voucher_fen", "own_fen", "bound", "offered"),
    ),
    "Reject": _values(Reject.objects.all(), "file__sha256", "row", "field", "reason", "record"),
    "Relation": _values(
        Relation.objects.all(),
        "organisation__key",
        "other__key",
        "basis",
        "share_bp",
        "source",
        "is_public",
        "valid_from",
        "valid_to",
    ),
    "Reporter": _values(Reporter.objects.all(), "key_id", "organisation__key", "name", "public_key"),
    "Representative": _values(
        Representative.objects.all(), "person__username", "organisation__key", "role", "evidence"
    ),
    "RowWarning": _values(RowWarning.objects.all(), "file__sha256", "row", "field", "message"),
    "Run": _latest_runs,
    "Settlement": _values(
        Settlement.objects.all(),
        *("agreement__key", "period", "metered_fen", "gross_fen", "voucher_fen", "own_fen", "released_fen", "detail"),
    ),
    "SharingRound": _values(
        SharingRound.objects.all(),
        *("key", "pot__programme", "pot__period", "version_sha256", "sharing", "seed", "budget_fen", "state"),
        *("shared_on", "notice_from", "notice_until", "awarded_on"),
    ),
    "StatementFile": _values(
        StatementFile.objects.all(), "account_number", "sha256", "name", "form", "read", "added", "rejected", "is_whole"
    ),
    "StatementReject": _values(StatementReject.objects.all(), "file__sha256", "row", "reason", "record"),
    "StatusFile": _values(StatusFile.objects.all(), "batch__key", "sha256", "name", "is_whole"),
    "StatusLine": _values(
        StatusLine.objects.all(),
        *("file__batch__key", "file__sha256", "position", "order__number", "code", "reason", "outcome"),
    ),
    "TermsAcceptance": _values(
        TermsAcceptance.objects.all(),
        *("version__dataset__key", "version__number", "organisation__key", "person__username", "role"),
        *("agreement__key", "terms_sha256"),
    ),
    "Transfer": _transfers,
    "TrueUp": _values(
        TrueUp.objects.all(),
        *("key", "voucher__key", "decision__key", "before_fen", "after_fen", "added_fen", "returned_fen"),
        *("clawed_back_fen", "reason"),
    ),
    "Upstream": _values(
        Upstream.objects.all(), "key", "organisation__key", "offer__key", "model", "served_as", "base_url", "credential"
    ),
    "Usage": _usages,
    "UsageReport": _values(
        UsageReport.objects.all(), "usage__reading", "reporter__key_id", "payload", "signature", "quantity"
    ),
    "Voucher": _values(
        Voucher.objects.all(),
        *("key", "decision__key", "pot__programme", "pot__period", "organisation__key", "account__code", "cap_fen"),
        *("rate_bp", "kinds", "listed_providers_only", "valid_from", "valid_to"),
    ),
}
"""For each table, its rows as a digest sees them."""

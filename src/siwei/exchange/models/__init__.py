"""The live market's state. One module per subject; every model can say what an actor may see (`visible_to`)."""

from siwei.exchange.models.applications import (
    Application,
    ApplicationState,
    ClaimedDocument,
    Objection,
    RoundState,
    SharingRound,
)
from siwei.exchange.models.awards import Decision, Pot, Relation, Voucher
from siwei.exchange.models.claw_backs import ClawBack
from siwei.exchange.models.datasets import Dataset, DatasetAccess, DatasetFile, DatasetVersion, TermsAcceptance
from siwei.exchange.models.deals import (
    Agreement,
    AgreementLine,
    AgreementParty,
    AgreementState,
    Listing,
    ListingState,
    Match,
    MatchState,
    Project,
    Side,
)
from siwei.exchange.models.delivery import Delivery, DeliveryForm, DeliveryState, Job, JobState, Settlement, Usage
from siwei.exchange.models.disputes import CounterReading, Dispute, DisputeState, Reporter, UsageReport
from siwei.exchange.models.events import Event, Seal
from siwei.exchange.models.evidence import EvidenceFile, FactFile
from siwei.exchange.models.facts import Fact, FactStatus, KnownValue, ProjectFact
from siwei.exchange.models.imports import ImportFile, Merge, Reject, RowWarning
from siwei.exchange.models.invoices import Invoice, InvoiceLine
from siwei.exchange.models.keys import AccessKey, Scope
from siwei.exchange.models.ledger import Account, Hold, Transfer, TransferKind
from siwei.exchange.models.model_calls import CallMeter, CallState, KeptCall, ModelCall, ModelKey, Upstream
from siwei.exchange.models.order_rests import OrderRest, RestKind, RestState
from siwei.exchange.models.overpayments import Overpayment
from siwei.exchange.models.parties import Organisation, OrganisationKind, Origin, Person, Representative
from siwei.exchange.models.payments import (
    BankAccount,
    BatchState,
    Grant,
    OrderState,
    PaymentBatch,
    PaymentFile,
    PaymentFileForm,
    PaymentItem,
    PaymentOrder,
    PaymentPart,
    SealedPart,
)
from siwei.exchange.models.people import Claim, ClaimState, Consent, Invitation, StoredFile
from siwei.exchange.models.personal import PersonDecision, PersonFact, PersonFile, PersonKey, PersonProof, ProofState
from siwei.exchange.models.pseudonyms import PersonBankAccount, Pseudonym
from siwei.exchange.models.quotes import Quote, TrueUp
from siwei.exchange.models.reconciliation import (
    BankEntry,
    EntryState,
    Finding,
    StatementFile,
    StatementReject,
)
from siwei.exchange.models.runs import Placement, Run
from siwei.exchange.models.spending import Approval, ApprovalRule, ApprovalState, Cap, CapAlert, CapUnit
from siwei.exchange.models.status_reports import Outcome, StatusFile, StatusLine
from siwei.exchange.models.work import Schedule, Worker

__all__ = [
    "AccessKey",
    "Account",
    "Agreement",
    "AgreementLine",
    "AgreementParty",
    "AgreementState",
    "Application",
    "ApplicationState",
    "Approval",
    "ApprovalRule",
    "ApprovalState",
    "BankAccount",
    "BankEntry",
    "BatchState",
    "CallMeter",
    "CallState",
    "Cap",
    "CapAlert",
    "CapUnit",
    "Claim",
    "ClaimState",
    "ClaimedDocument",
    "ClawBack",
    "Consent",
    "CounterReading",
    "Dataset",
    "DatasetAccess",
    "DatasetFile",
    "DatasetVersion",
    "Decision",
    "Delivery",
    "DeliveryForm",
    "DeliveryState",
    "Dispute",
    "DisputeState",
    "EntryState",
    "Event",
    "EvidenceFile",
    "Fact",
    "FactFile",
    "FactStatus",
    "Finding",
    "Grant",
    "Hold",
    "ImportFile",
    "Invitation",
    "Invoice",
    "InvoiceLine",
    "Job",
    "JobState",
    "KeptCall",
    "KnownValue",
    "Listing",
    "ListingState",
    "Match",
    "MatchState",
    "Merge",
    "ModelCall",
    "ModelKey",
    "Objection",
    "OrderRest",
    "OrderState",
    "Organisation",
    "OrganisationKind",
    "Origin",
    "Outcome",
    "Overpayment",
    "PaymentBatch",
    "PaymentFile",
    "PaymentFileForm",
    "PaymentItem",
    "PaymentOrder",
    "PaymentPart",
    "Person",
    "PersonBankAccount",
    "PersonDecision",
    "PersonFact",
    "PersonFile",
    "PersonKey",
    "PersonProof",
    "Placement",
    "Pot",
    "Project",
    "ProjectFact",
    "ProofState",
    "Pseudonym",
    "Quote",
    "Reject",
    "Relation",
    "Reporter",
    "Representative",
    "RestKind",
    "RestState",
    "RoundState",
    "RowWarning",
    "Run",
    "Schedule",
    "Scope",
    "Seal",
    "SealedPart",
    "Settlement",
    "SharingRound",
    "Side",
    "StatementFile",
    "StatementReject",
    "StatusFile",
    "StatusLine",
    "StoredFile",
    "TermsAcceptance",
    "Transfer",
    "TransferKind",
    "TrueUp",
    "Upstream",
    "Usage",
    "UsageReport",
    "Voucher",
    "Worker",
]

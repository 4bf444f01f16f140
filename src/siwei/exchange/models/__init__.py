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
from siwei.exchange.models.facts import Fact, FactStatus
from siwei.exchange.models.imports import ImportFile, Merge, Reject, RowWarning
from siwei.exchange.models.keys import AccessKey, Scope
from siwei.exchange.models.ledger import Account, Hold, Transfer, TransferKind
from siwei.exchange.models.model_calls import CallMeter, CallState, KeptCall, ModelCall, ModelKey, Upstream
from siwei.exchange.models.parties import Organisation, OrganisationKind, Origin, Person, Representative
from siwei.exchange.models.people import Claim, ClaimState, Consent, Invitation, StoredFile
from siwei.exchange.models.quotes import Quote, TrueUp
from siwei.exchange.models.runs import Placement, Run
from siwei.exchange.models.spending import Approval, ApprovalRule, ApprovalState, Cap, CapAlert, CapUnit
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
    "CallMeter",
    "CallState",
    "Cap",
    "CapAlert",
    "CapUnit",
    "Claim",
    "ClaimState",
    "ClaimedDocument",
    "Consent",
    "CounterReading",
    "Decision",
    "Delivery",
    "DeliveryForm",
    "DeliveryState",
    "Dispute",
    "DisputeState",
    "Event",
    "Fact",
    "FactStatus",
    "Hold",
    "ImportFile",
    "Invitation",
    "Job",
    "JobState",
    "KeptCall",
    "Listing",
    "ListingState",
    "Match",
    "MatchState",
    "Merge",
    "ModelCall",
    "ModelKey",
    "Objection",
    "Organisation",
    "OrganisationKind",
    "Origin",
    "Person",
    "Placement",
    "Pot",
    "Project",
    "Quote",
    "Reject",
    "Relation",
    "Reporter",
    "Representative",
    "RoundState",
    "RowWarning",
    "Run",
    "Schedule",
    "Scope",
    "Seal",
    "Settlement",
    "SharingRound",
    "Side",
    "StoredFile",
    "Transfer",
    "TransferKind",
    "TrueUp",
    "Upstream",
    "Usage",
    "UsageReport",
    "Voucher",
    "Worker",
]

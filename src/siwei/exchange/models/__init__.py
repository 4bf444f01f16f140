"""The live market's state. One module per subject; every model can say what an actor may see (`visible_to`)."""

from siwei.exchange.models.facts import Fact, FactStatus
from siwei.exchange.models.imports import ImportFile, Merge, Reject
from siwei.exchange.models.parties import Organisation, OrganisationKind, Origin, Person, Representative
from siwei.exchange.models.runs import Placement, Run

__all__ = [
    "Fact", "FactStatus", "ImportFile", "Merge", "Organisation", "OrganisationKind", "Origin", "Person", "Placement",
    "Reject", "Representative", "Run",
]

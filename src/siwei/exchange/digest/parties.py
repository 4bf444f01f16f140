"""Rows of who takes part, what is known of them, what was read in and what was done."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Max

from siwei.exchange.digest.rows import values
from siwei.exchange.models import (
    Event,
    Fact,
    FactFile,
    ImportFile,
    Merge,
    Organisation,
    Person,
    Placement,
    Project,
    ProjectFact,
    Reject,
    Relation,
    Reporter,
    Representative,
    RowWarning,
    Run,
)

LOST_ATTEMPTS = ("lose_attempt",)


def _latest_runs() -> Iterator[Any]:
    """A run replaced by a later one of its kind is history."""
    latest = Run.objects.values("kind").annotate(last=Max("pk")).values("last")
    return iter(
        Run.objects.filter(pk__in=latest).values_list("kind", "as_of", "sha256", "inputs_sha256", "rows", "summary")
    )


def _events() -> Iterator[Any]:
    """What was done to what. Not its order, nor who asked first; readings are named by attempt, keys at random."""
    done = Event.objects.exclude(action__in=LOST_ATTEMPTS)
    for name, subject in done.values_list("action", "subject").iterator():
        is_random = name == "record_usage" or subject.startswith("access_key:")
        yield [name, subject.split(":", 1)[0] if is_random else subject]


PARTIES: dict[str, Callable[[], Iterator[Any]]] = {
    "Event": _events,
    "Fact": values(
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
    "FactFile": values(
        FactFile.objects.all(),
        *("fact__organisation__key", "fact__attribute", "fact__source", "fact__source_ref"),
        *("project_fact__project__organisation__key", "project_fact__project__name", "project_fact__attribute"),
        *("project_fact__source", "project_fact__source_ref", "file__sha256", "name"),
    ),
    "ImportFile": values(ImportFile.objects.all(), "name", "sha256", "shape", "read", "created", "merged", "rejected"),
    "Merge": values(Merge.objects.all(), "file__sha256", "row", "organisation__key", "reason", "record"),
    "Organisation": values(
        Organisation.objects.all(),
        *("key", "code", "name", "name_normalised", "kind", "district", "founded_on", "origin", "merged_into__key"),
    ),
    "Person": values(Person.objects.all(), "username", "is_operator", "is_auditor", "is_reviewer", "is_active"),
    "Placement": values(Placement.objects.all(), "organisation__key", "segment", "layer", "confidence", "evidence"),
    "Project": values(Project.objects.all(), "organisation__key", "name"),
    "ProjectFact": values(
        ProjectFact.objects.all(),
        *("project__organisation__key", "project__name", "attribute", "value", "valid_from", "valid_to", "source"),
        *("source_ref", "status"),
    ),
    "Reject": values(Reject.objects.all(), "file__sha256", "row", "field", "reason", "record"),
    "Relation": values(
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
    "Reporter": values(Reporter.objects.all(), "key_id", "organisation__key", "name", "public_key"),
    "Representative": values(Representative.objects.all(), "person__username", "organisation__key", "role", "evidence"),
    "RowWarning": values(RowWarning.objects.all(), "file__sha256", "row", "field", "message"),
    "Run": _latest_runs,
}

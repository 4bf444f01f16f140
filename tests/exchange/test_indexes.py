"""Indexes of the tables that most rows are written to: none is written for nothing, and the frequent questions have
one."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, models

from siwei.exchange.models import Event, Fact, Hold, ModelCall, Settlement, Transfer, Usage, UsageReport

WRITTEN_MOST: tuple[type[models.Model], ...] = (
    Transfer, Hold, Event, Usage, UsageReport, Settlement, ModelCall, Fact
)  # fmt: skip
QUESTIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "readings that nothing charged": (
        lambda: Usage.objects.filter(line__in=[1, 2], settlement=None, is_held=False).values("line_id").order_by(),
        "usage_unsettled",
    ),
    "what a settlement charged": (lambda: Usage.objects.filter(settlement=1), "usage_settled"),
    "a line's readings": (lambda: Usage.objects.filter(line=1), "exchange_us_line_id"),
    "a reading's reports": (lambda: UsageReport.objects.filter(usage=1), "one_report_per_reporter"),
    "an agreement's settlements": (lambda: Settlement.objects.filter(agreement=1), "one_settlement_per_period"),
    "a key's calls": (lambda: ModelCall.objects.filter(key=1), "model_call_by_key"),
    "a line's calls": (lambda: ModelCall.objects.filter(line=1), "model_call_by_line"),
    "calls in no reading yet": (
        lambda: ModelCall.objects.filter(line=1, usage=None, cost_microfen__gt=0), "model_call_uncollected"
    ),
    "what is known of an organisation": (lambda: Fact.objects.filter(organisation=1), "one_fact_per_source"),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("model", WRITTEN_MOST, ids=lambda model: model.__name__)
def test_no_index_is_the_beginning_of_another(model: type[models.Model]) -> None:
    """Of those over all rows; one over some of them (a condition) is smaller, and that is what it is for."""
    partial = {each.name for each in (*model._meta.indexes, *model._meta.constraints) if getattr(each, "condition", 0)}
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    whole = {
        name: tuple(each["columns"])
        for name, each in found.items()
        if (each["index"] or each["unique"]) and each["columns"] and all(each["columns"]) and name not in partial
    }
    # PostgreSQL keeps a second one of a text, for what begins with something.
    whole = {name: columns for name, columns in whole.items() if not name.endswith("_like")}
    covered = [
        f"{name} {columns} by {other}"
        for name, columns in whole.items()
        for other, more in whole.items()
        if other != name and not found[name]["unique"] and more[: len(columns)] == columns
    ]
    assert covered == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", QUESTIONS)
def test_what_is_asked_often_has_its_index(name: str) -> None:
    question, index = QUESTIONS[name]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # a table of no rows is read whole otherwise
    asked = question()
    plan = asked.explain()
    # SQLite names the index of a constraint itself.
    assert index in plan or f"sqlite_autoindex_{asked.model._meta.db_table}" in plan, plan

"""Meter readings, who signs them, what the other side read; and vouchers decided again."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Query, Router

from siwei.errors import NotFound
from siwei.exchange.awards.true_ups import true_up_voucher
from siwei.exchange.models import Decision, Reporter, TrueUp, Usage
from siwei.exchange.trading.reading_batches import Signed, report_usages
from siwei.exchange.trading.readings import counter_reading, register_reporter, report_usage, revoke_reporter
from siwei.portal.access import actor_of
from siwei.portal.api import deal_schemas
from siwei.portal.api.answers import PageNumber, answers, bounds, own_key
from siwei.portal.api.trading import voucher_or_missing
from siwei.portal.languages import in_asked_language, words_of
from siwei.portal.queries.meters import readings_of

router = Router()
SHOWN = 500


@router.get("/readings", response=answers(deal_schemas.ReadingPage))
def list_readings(
    request: HttpRequest,
    agreement: Annotated[str, Query(max_length=120, description="Only of this agreement")] = "",
    page: PageNumber = 1,
) -> Any:
    """Meter readings of agreements one is a party to, with who signed them and what the consumer read; newest first."""
    found = readings_of(actor_of(request), agreement)
    return {"count": found.count(), "page": page, "items": [reading_row(each) for each in found[bounds(page)]]}


def reading_row(usage: Usage) -> dict[str, Any]:
    """Reads `reports` and `counter_reading`: fetch them for lists."""
    counter = getattr(usage, "counter_reading", None)
    names = ("reading", "quantity", "unit", "measured", "meter", "window_start", "window_end", "recorded_at", "is_held")
    return {
        **{name: getattr(usage, name) for name in names},
        "agreement": usage.line.agreement.key,
        "line": usage.line.number,
        "is_settled": usage.settlement_id is not None,
        "reporters": sorted(report.reporter.key_id for report in usage.reports.all()),
        "counter_quantity": counter.quantity if counter else None,
    }


@router.post("/usage-reports", response=answers(deal_schemas.Reading))
def report(request: HttpRequest, given: deal_schemas.Report) -> Any:
    """Send a reading signed by its reporter, for its organisation's people. The payload is JSON: agreement, line,
    meter, from, to, quantity, measured, and job where an engine metered it too. The same window again changes
    nothing."""
    actor = actor_of(request)
    usage = report_usage(given.reporter, given.payload, given.signature, actor=actor, now=timezone.now())
    return reading_row(readings_of(actor).get(pk=usage.pk))


@router.post("/usage-reports/batch", response=answers(list[deal_schemas.TakenReport]))
def report_many(request: HttpRequest, given: deal_schemas.ReportBatch) -> Any:
    """Send many readings signed by one reporter, 500 at most: each is taken or refused as by itself, in the order they
    were sent. Sent again, what was taken stays as it is."""
    actor = actor_of(request)
    reports = [Signed(each.payload, each.signature) for each in given.reports]
    taken = report_usages(given.reporter, reports, actor=actor, now=timezone.now())
    rows = readings_of(actor).filter(pk__in=[each.pk for each in taken if isinstance(each, Usage)])
    readings = {each.pk: reading_row(each) for each in rows}
    return [
        {"reading": readings[each.pk], "refused": None}
        if isinstance(each, Usage)
        else {"reading": None, "refused": in_asked_language(words_of(each))}
        for each in taken
    ]


@router.post("/counter-readings", response=answers(deal_schemas.Reading))
def read_against(request: HttpRequest, given: deal_schemas.CounterReading) -> Any:
    """What the consumer read of the same thing, once. One that differs holds the reading back and opens a dispute."""
    actor = actor_of(request)
    counter_reading(given.reading, given.quantity, measured=given.measured, actor=actor, now=timezone.now())
    return reading_row(readings_of(actor).get(reading=given.reading))


@router.get("/reporters", response=answers(list[deal_schemas.Reporter]))
def list_reporters(request: HttpRequest, organisation: Annotated[str, Query(max_length=64)] = "") -> Any:
    """Public keys by which meters sign: public, so that whoever was billed can check. The newest 500."""
    found = Reporter.objects.visible_to(actor_of(request)).select_related("organisation").order_by("-registered_at")
    return [
        reporter_row(each) for each in (found.filter(organisation__key=organisation) if organisation else found)[:SHOWN]
    ]


def reporter_row(reporter: Reporter) -> dict[str, Any]:
    names = ("key_id", "name", "public_key", "registered_at", "revoked_at")
    return {**{name: getattr(reporter, name) for name in names}, "organisation": reporter.organisation.key}


@router.post("/reporters", response=answers(deal_schemas.Reporter))
def register(request: HttpRequest, given: deal_schemas.NewReporter) -> Any:
    """Let an organisation's meter sign with this key: what it signs will be billed. For its owners and treasurers."""
    actor = actor_of(request)
    reporter = register_reporter(
        given.organisation, given.name, given.public_key, actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return reporter_row(reporter)


@router.post("/reporters/{key_id}/revocation", response=answers(deal_schemas.Reporter))
def revoke(request: HttpRequest, key_id: Annotated[str, Path(max_length=16)]) -> Any:
    """From now on nothing signed with this key is taken. For any of its organisation's people, and the operator."""
    return reporter_row(revoke_reporter(key_id, actor=actor_of(request), now=timezone.now()))


@router.get("/true-ups", response=answers(list[deal_schemas.TrueUp]))
def list_true_ups(request: HttpRequest) -> Any:
    """Vouchers decided again, of the organisations one represents; the newest 500."""
    found = TrueUp.objects.visible_to(actor_of(request)).select_related("voucher", "decision").order_by("-at", "-pk")
    return [true_up_row(each) for each in found[:SHOWN]]


def true_up_row(done: TrueUp) -> dict[str, Any]:
    amounts = ("before_fen", "after_fen", "added_fen", "returned_fen", "clawed_back_fen", "repaid_fen")
    values = {name: getattr(done, name) for name in ("key", *amounts, "reason", "at")}
    return {**values, "voucher": done.voucher.key, "decision": done.decision.key}


@router.post("/true-ups", response=answers(deal_schemas.TrueUp))
def true_up(request: HttpRequest, given: deal_schemas.NewTrueUp) -> Any:
    """Bring a voucher to what a later decision awards: more from the pot, or back what is unspent, then what is spent
    is owed. For the operator."""
    actor = actor_of(request)
    voucher = voucher_or_missing(given.voucher, actor)
    decision = Decision.objects.visible_to(actor).filter(key=given.decision).first()
    if voucher is None or decision is None:
        raise NotFound(f"no decision {given.decision!r} that you may see", f"没有您可查看的判定 {given.decision!r}")
    done = true_up_voucher(
        voucher, decision, because=given.because, actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return true_up_row(done)

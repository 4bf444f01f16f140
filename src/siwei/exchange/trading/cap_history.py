"""What counts against caps: how much of each unit an agreement's line or a job commits, and what was committed in a
cap's time before the cap was set."""

from collections.abc import Iterator, Mapping
from datetime import date

from django.db.models import Q, QuerySet, Sum

from siwei.compute import JobSpec, most_billed
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    AgreementParty,
    AgreementState,
    Cap,
    CapUnit,
    Event,
    Job,
    JobState,
    Settlement,
)
from siwei.market.kind import Price
from siwei.market.pricing import rate

COUNTING = (
    AgreementState.SIGNED, AgreementState.DELIVERING, AgreementState.COMPLETED, AgreementState.DISPUTED,
    AgreementState.SETTLED,
)  # fmt: skip
"""Cancelled ones gave all back."""
Amounts = Mapping[str, int]
"""By `CapUnit`."""


def is_by_job(line: AgreementLine) -> bool:
    """Whoever runs the jobs is counted then, not who signed."""
    return line.unit.startswith(CapUnit.ACCELERATOR_SECOND)


def subject_of_line(line: AgreementLine) -> str:
    return f"a:{line.agreement.key}:{line.number}"


def subject_of_job(job: Job) -> str:
    return f"j:{job.key}"


def committed_by_line(line: AgreementLine) -> Amounts:
    """What its signature commits: the consumer's own share, and accelerator-seconds where that is what it buys."""
    amounts = {CapUnit.FEN.value: line.own_fen}
    return amounts | {CapUnit.ACCELERATOR_SECOND.value: line.quantity} if is_by_job(line) else amounts


def used_by_lines(agreement: Agreement) -> dict[str, Amounts]:
    """By subject: what the lines of an agreement that is over came to."""
    details = Settlement.objects.filter(agreement=agreement).values_list("detail", flat=True)
    own: dict[int, int] = {}
    for each in (row for rows in details for row in rows):
        own[each["line"]] = own.get(each["line"], 0) + each["own_fen"]
    used: dict[str, Amounts] = {}
    for line in agreement.lines.select_related("agreement").annotate(metered=Sum("usages__quantity")):
        amounts = {CapUnit.FEN.value: own.get(line.number, 0), CapUnit.ACCELERATOR_SECOND.value: line.metered or 0}
        used[subject_of_line(line)] = amounts
    return used


def amounts_of_job(job: Job, quantity: int) -> Amounts:
    return amounts_of_use(job.line, quantity)


def amounts_of_use(line: AgreementLine, quantity: int) -> Amounts:
    """Accelerator-seconds under a line, and the own share of what they cost."""
    cost = rate(quantity, Price(line.unit_price_fen, line.price_quantity))
    own = -(-cost * line.own_fen // line.gross_fen) if line.gross_fen else 0
    return {CapUnit.FEN.value: own, CapUnit.ACCELERATOR_SECOND.value: quantity}


def committed_before(cap: Cap) -> Iterator[tuple[str, int]]:
    """Subject and amount of all that would have been counted against the cap, had it been set before its first day:
    what is under way as it was committed, what is over as it was used."""
    yield from _of_agreements(cap)
    if cap.project_id is not None or cap.person_id is not None:
        yield from _of_jobs(cap)


def _of_agreements(cap: Cap) -> Iterator[tuple[str, int]]:
    for agreement in _agreements_of(cap):
        used = used_by_lines(agreement) if agreement.state == AgreementState.SETTLED else {}
        for line in agreement.lines.filter(consumer=cap.organisation).select_related("agreement").order_by("number"):
            if cap.person_id is not None and is_by_job(line):
                continue
            committed = committed_by_line(line)
            subject = subject_of_line(line)
            # What its unit does not commit it does not use of that cap either.
            if cap.unit in committed:
                yield subject, used.get(subject, committed).get(cap.unit, 0)


def _agreements_of(cap: Cap) -> QuerySet[Agreement]:
    by_clock = Q(signed_on=None, signed_at__date__gte=cap.starts_on, signed_at__date__lte=cap.ends_on)
    in_time = Q(signed_on__gte=cap.starts_on, signed_on__lte=cap.ends_on) | by_clock
    found = Agreement.objects.filter(in_time, state__in=COUNTING, lines__consumer=cap.organisation)
    if cap.project_id is not None:
        found = found.filter(project=cap.project)
    if cap.person_id is not None:
        signed = AgreementParty.objects.filter(organisation=cap.organisation, signed_by=cap.person)
        found = found.filter(pk__in=signed.values("agreement"))
    return found.distinct().order_by("pk")


def _of_jobs(cap: Cap) -> Iterator[tuple[str, int]]:
    found = Job.objects.filter(line__consumer=cap.organisation, **_within("submitted_at", cap.starts_on, cap.ends_on))
    if cap.project_id is not None:
        # Of the agreement's own project it was counted with the agreement.
        found = found.filter(project=cap.project).exclude(line__agreement__project=cap.project)
    else:
        submitted = Event.objects.filter(action="submit_job", person=cap.person)
        found = found.filter(key__in=submitted.values("key"))
    for job in found.select_related("line__agreement").annotate(metered=Sum("usages__quantity")).order_by("pk"):
        is_over = JobState(job.state).is_final
        quantity = (job.metered or 0) if is_over else most_billed(JobSpec.from_dict(job.spec))
        yield subject_of_job(job), amounts_of_job(job, quantity)[cap.unit]


def _within(field: str, first: date, last: date) -> dict[str, date]:
    return {f"{field}__date__gte": first, f"{field}__date__lte": last}

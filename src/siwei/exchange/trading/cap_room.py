"""What caps would have left after an order, for whoever is about to place it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from siwei.exchange.models import Agreement, AgreementLine, Cap, CapUnit
from siwei.exchange.trading.cap_history import Amounts, amounts_of_use, committed_by_line, is_by_job


@dataclass(frozen=True, slots=True)
class CapLeft:
    """A cap, what is left of it now, and what would be after the order; below zero where it would be passed."""

    cap: Cap
    before: int
    after: int

    @property
    def is_refusing(self) -> bool:
        """Whether the order would not be taken. A project's cap is asked only of what is ordered for that project."""
        return self.after < 0 and self.cap.is_hard


def caps_left(
    organisation_id: int, own_fen: int, quantity: int, unit: str, day: date, person_id: int | None = None
) -> Sequence[CapLeft]:
    """Of the organisation, of the person who would sign, and of every project that the order could be for."""
    amounts: Amounts = {CapUnit.FEN.value: own_fen}
    by_job = unit.startswith(CapUnit.ACCELERATOR_SECOND)
    if by_job:
        amounts = {**amounts, CapUnit.ACCELERATOR_SECOND.value: quantity}
    return _left(organisation_id, amounts, {} if by_job else amounts, day, Q(project__isnull=False), person_id)


def caps_left_by(
    agreement: Agreement, organisation_id: int, day: date, person_id: int | None = None
) -> Sequence[CapLeft]:
    """The same of a proposed agreement, for one of its consumers: of its own project, if it has one there."""
    amounts: dict[str, int] = {}
    of_signer: dict[str, int] = {}
    for line in agreement.lines.filter(consumer_id=organisation_id):
        for unit, amount in committed_by_line(line).items():
            amounts[unit] = amounts.get(unit, 0) + amount
            if not is_by_job(line):
                of_signer[unit] = of_signer.get(unit, 0) + amount
    projects = Q(project_id=agreement.project_id, project__isnull=False)
    return _left(organisation_id, amounts, of_signer, day, projects, person_id)


def caps_left_by_job(
    lines: Sequence[AgreementLine], quantity: int, day: date, person_id: int | None
) -> dict[int, Sequence[CapLeft]]:
    """By line: what the caps of the person would have left, once they ran a job there that may take so much."""
    caps: list[Cap] = []
    if person_id is not None:
        consumers = {line.consumer_id for line in lines}
        found = Cap.objects.filter(person_id=person_id, organisation_id__in=consumers)
        found = found.filter(starts_on__lte=day, ends_on__gte=day).order_by("account_id")
        caps = list(found.select_related("account", "organisation", "project", "person"))
    room: dict[int, Sequence[CapLeft]] = {}
    for line in lines:
        amounts = amounts_of_use(line, quantity)
        own = [cap for cap in caps if cap.organisation_id == line.consumer_id]
        room[line.pk] = [CapLeft(cap, (left := cap.amount - cap.used), left - amounts[cap.unit]) for cap in own]
    return room


def _left(
    organisation_id: int, amounts: Amounts, of_signer: Amounts, day: date, projects: Q, person_id: int | None
) -> Sequence[CapLeft]:
    whose = Q(project=None, person=None) | projects
    if person_id is not None:
        whose |= Q(person_id=person_id, unit__in=list(of_signer))
    found = Cap.objects.filter(
        whose, organisation_id=organisation_id, unit__in=list(amounts), starts_on__lte=day, ends_on__gte=day
    )
    room = []
    # The organisation's first.
    for cap in found.select_related("account", "organisation", "project", "person").order_by("account_id"):
        taken = (of_signer if cap.person_id is not None else amounts)[cap.unit]
        room.append(CapLeft(cap, cap.amount - cap.used, cap.amount - cap.used - taken))
    return sorted(room, key=lambda each: (each.cap.person_id is not None, each.cap.project_id is not None))

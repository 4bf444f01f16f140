"""What an applicant holds already, and what the rules on stacking and the programme's own limits leave beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from siwei.city.attributes import Attribute
from siwei.exchange.claim_decisions import claims_to_decide, projects_to_decide
from siwei.exchange.models import Application, ApplicationState, Organisation, Pot, Voucher
from siwei.exchange.subjects import subjects
from siwei.policy import Programme, Text, decide
from siwei.policy.combination import Beside, award_beside
from siwei.policy.decide import award_column
from siwei.policy.limits import apply_limits, limited_column
from siwei.policy.stacking import Stacking
from siwei.policy.subjects import ID

LIVE = (ApplicationState.APPLIED, ApplicationState.SHARED, ApplicationState.AWARDED)
YEAR_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Room:
    """What may be claimed of an award in all: `most_fen` is None where a limit that bears on it is not known. `words`
    name the rule that keeps it from the whole."""

    most_fen: int | None
    rule: str
    words: Text | None
    held_fen: Mapping[str, int]


def room_for(
    programme: Programme,
    pot: Pot,
    organisation: Organisation,
    award_fen: int,
    *,
    subject: str = "",
    stacking: Stacking,
    as_of: date,
    attributes: Mapping[str, Attribute],
) -> Room:
    """What of an award decided for an organisation, or for its claim or project `subject`, can be claimed: beside what
    it holds of other programmes in the pot's year, and within the programme's limits over several claims."""
    if subject:
        return _within_limits(programme, organisation, subject, award_fen, as_of, attributes)
    read = {name for group in stacking.groups for name in group.limit.attributes if name in attributes}
    known = {name: attributes[name] for name in sorted(read)}
    table = subjects(as_of, attributes=known, organisation_ids=[organisation.pk]).rename({"key": ID})
    held = held_of_others(pot, organisation)
    found: Beside = award_beside(stacking, held, programme.id, award_fen, table, as_of)
    if found.rule is None:
        return Room(award_fen, "", None, found.held_fen)
    return Room(found.kept_fen, found.rule.id, found.rule.words, found.held_fen)


def held_of_others(pot: Pot, organisation: Organisation) -> dict[str, int]:
    """Fen by programme: what the organisation itself applied for or was granted from pots of other programmes for the
    same year, and has not lost again."""
    same_year = Q(pot__period__startswith=pot.period[:YEAR_DIGITS]) & ~Q(pot__programme=pot.programme)
    mine = Q(organisation=organisation, decision__subject="") & same_year
    applied = (
        Application.objects.filter(mine, state__in=LIVE)
        .values("pot__programme")
        .annotate(sum=Sum(Coalesce(F("shared_fen"), F("claim_fen"))))
    )
    # Of vouchers that were granted on an application the application counts.
    granted = (
        Voucher.objects.filter(mine, decision__application=None).values("pot__programme").annotate(sum=Sum("cap_fen"))
    )
    held: dict[str, int] = {}
    for row in (*applied.order_by("pot__programme"), *granted.order_by("pot__programme")):
        held[row["pot__programme"]] = held.get(row["pot__programme"], 0) + row["sum"]
    return held


def _within_limits(
    programme: Programme,
    organisation: Organisation,
    subject: str,
    award_fen: int,
    as_of: date,
    attributes: Mapping[str, Attribute],
) -> Room:
    """All claims of the organisation are decided together, in the order in which the limit serves them."""
    if not programme.limits:
        return Room(award_fen, "", None, {})
    if programme.applies_to == "claim":
        table = claims_to_decide([programme], as_of, attributes, organisation)
    else:
        table = projects_to_decide([programme], as_of, attributes, organisation)
    wide = apply_limits(decide((programme,), table, as_of), table).wide
    row = next(each for each in wide.iter_rows(named=True) if each[ID] == subject)
    cut = row.get(limited_column(programme.id))
    words = next((each.words for each in programme.limits if each.id == cut), None)
    return Room(row[award_column(programme.id)], cut or "", words, {})

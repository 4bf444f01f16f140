"""What an applicant holds already, and what the rules on stacking and the programme's own limits leave beside it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from siwei.city.attributes import Attribute
from siwei.exchange.facts.claim_decisions import claims_to_decide, projects_to_decide
from siwei.exchange.facts.subjects import subjects
from siwei.exchange.models import Application, ApplicationState, Organisation, Pot, Pseudonym, Voucher
from siwei.exchange.people.pseudonyms import pseudonym_of
from siwei.policy import FactValue, Programme, Text, decide
from siwei.policy.aggregating.limits import apply_limits, limited_column
from siwei.policy.combinations.beside import Beside, award_beside
from siwei.policy.combinations.combination import unknown_of
from siwei.policy.combinations.joint import joint_limits
from siwei.policy.decide import award_column
from siwei.policy.pot_periods import are_weighed, is_weighed_on
from siwei.policy.stacking import Stacking
from siwei.policy.subjects import ID

PERSON = "person"
"""The one row of a table of one person."""
LIVE = (ApplicationState.APPLIED, ApplicationState.SHARED, ApplicationState.AWARDED)


@dataclass(frozen=True, slots=True)
class Room:
    """What may be claimed of an award in all: `most_fen` is None where a limit that bears on it is not known, which
    waits for the attributes `missing`. `words` name the rule that keeps it from the whole."""

    most_fen: int | None
    rule: str
    words: Text | None
    held_fen: Mapping[str, int]
    missing: tuple[str, ...] = ()


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
    """What of an award decided for an organisation, or for its claim or project `subject`, can be claimed: within the
    programme's limits over several claims, beside what the same subject holds of other programmes, and within the joint
    limit over the organisation, its contracts and its projects. Of an organisation that is what it holds of pots that
    count in the same year; of a contract or a project whatever it holds, since the rule is of that one contract or
    project; under a joint limit what all of them hold of pots that count in the same year. Nothing of a contract that
    was cancelled since."""
    found = _room_of_subject(programme, pot, organisation, award_fen, subject, stacking, as_of, attributes)
    return _within_joint(found, programme, pot, organisation, subject, stacking, as_of, attributes)


def _room_of_subject(
    programme: Programme, pot: Pot, organisation: Organisation, award_fen: int, subject: str, stacking: Stacking,
    as_of: date, attributes: Mapping[str, Attribute],
) -> Room:  # fmt: skip
    rules = stacking.of(programme.applies_to)
    read = sorted({name for group in rules.groups for name in group.limit.attributes if name in attributes})
    if not subject:
        known = {name: attributes[name] for name in read}
        table = subjects(as_of, attributes=known, organisation_ids=[organisation.pk]).rename({"key": ID})
        return _beside(rules, programme, held_of_others(pot, organisation), award_fen, table, as_of)
    table = _claims_of(programme, organisation, as_of, attributes, read)
    if subject not in table[ID]:
        return Room(0, "", None, {})
    within = _within_limits(programme, table, subject, award_fen, as_of)
    if not within.most_fen or programme.id not in rules.programmes:
        return within
    held = held_of_subject(organisation, subject, programme.id)
    found = _beside(rules, programme, held, within.most_fen, table.filter(pl.col(ID) == subject), as_of)
    return replace(within, held_fen=found.held_fen) if not found.rule else found


def room_of_person(
    programme: Programme,
    pot: Pot,
    pseudonym: Pseudonym | None,
    award_fen: int,
    facts: Mapping[str, FactValue],
    *,
    stacking: Stacking,
    as_of: date,
    attributes: Mapping[str, Attribute],
) -> Room:
    """The same of an award decided for a person, of whom `facts` are known."""
    rules = stacking.of(programme.applies_to)
    read = sorted({name for group in rules.groups for name in group.limit.attributes if name in attributes})
    columns = {
        name: pl.Series([facts[name].value if name in facts else None], dtype=attributes[name].dtype) for name in read
    }
    table = pl.DataFrame({ID: pl.Series([PERSON], dtype=pl.String), **columns})
    held = {} if pseudonym is None else _applied_for(Q(pseudonym=pseudonym, pot__in=_weighed_with(pot)))
    return _beside(rules, programme, held, award_fen, table, as_of)


def _within_joint(
    found: Room, programme: Programme, pot: Pot, organisation: Organisation, subject: str, stacking: Stacking,
    as_of: date, attributes: Mapping[str, Attribute],
) -> Room:  # fmt: skip
    limit = next((each for each in stacking.joint if programme.id in each.programmes), None)
    if limit is None or not found.most_fen:
        return found
    read = {name: attributes[name] for each in stacking.joint for name in each.limit.attributes if name in attributes}
    table = subjects(as_of, attributes=read, organisation_ids=[organisation.pk]).rename({"key": ID})
    most = joint_limits(stacking, table, as_of).get(organisation.key, {}).get(limit.id)
    weighed = [pk for pk, period in Pot.objects.values_list("pk", "period") if are_weighed(period, pot.period)]
    others = Q(organisation=organisation, pot__in=weighed, pot__programme__in=limit.programmes)
    held = _held(others & ~Q(pot__programme=programme.id, decision__subject=subject))
    if most is None:
        (unknown,) = unknown_of(table, read) or [frozenset[str]()]
        missing = tuple(sorted({*limit.limit.attributes} & unknown))
        return Room(None, limit.id, limit.words, held, missing)
    left = max(most - sum(held.values()), 0)
    return found if found.most_fen <= left else Room(left, limit.id, limit.words, held)


def _beside(
    rules: Stacking, programme: Programme, held: Mapping[str, int], award_fen: int, table: pl.DataFrame, as_of: date
) -> Room:
    found: Beside = award_beside(rules, held, programme.id, award_fen, table, as_of)
    if found.rule is None:
        return Room(award_fen, "", None, found.held_fen)
    return Room(found.kept_fen, found.rule.id, found.rule.words, found.held_fen, found.rule.missing)


def held_of_others(pot: Pot, organisation: Organisation) -> dict[str, int]:
    """Fen by programme: what the organisation itself applied for or was granted from pots of other programmes that
    count in the same year (`pot_periods`), and has not lost again."""
    return _held(Q(organisation=organisation, decision__subject="", pot__in=_weighed_with(pot)))


def _weighed_with(pot: Pot) -> list[int]:
    """Pots of other programmes that count in the same year."""
    others = Pot.objects.exclude(programme=pot.programme).values_list("pk", "period")
    return [pk for pk, period in others if are_weighed(period, pot.period)]


def held_on(organisation: Organisation, day: date) -> dict[str, int]:
    """The same of all programmes, from pots that count in the year of the day."""
    weighed = [pk for pk, period in Pot.objects.values_list("pk", "period") if is_weighed_on(period, day)]
    return _held(Q(organisation=organisation, decision__subject="", pot__in=weighed))


def held_by_person(person_id: int | None, day: date) -> dict[str, int]:
    """Fen by programme: what a person applied for or was granted under their pseudonym, from pots that count in the
    year of the day, and has not lost again. For the person alone."""
    pseudonym = pseudonym_of(person_id)
    if pseudonym is None:
        return {}
    weighed = [pk for pk, period in Pot.objects.values_list("pk", "period") if is_weighed_on(period, day)]
    return _applied_for(Q(pseudonym=pseudonym, pot__in=weighed))


def held_of_subject(organisation: Organisation, subject: str, besides: str = "") -> dict[str, int]:
    """Fen by programme: what was applied for or granted for one contract or project, and not lost again; not of the
    programme `besides`."""
    held = held_of_subjects(organisation, [subject])[subject]
    return {name: fen for name, fen in held.items() if name != besides}


def held_of_subjects(organisation: Organisation, subjects: Collection[str]) -> dict[str, dict[str, int]]:
    """The same of each of several contracts or projects. Two queries, however many there are."""
    held: dict[str, dict[str, int]] = {each: {} for each in subjects}
    mine = Q(organisation=organisation, decision__subject__in=held)
    applied = Application.objects.filter(mine, state__in=LIVE).annotate(fen=Coalesce(F("shared_fen"), F("claim_fen")))
    # Of vouchers that were granted on an application the application counts.
    granted = Voucher.objects.filter(mine, decision__application=None).annotate(fen=F("cap_fen"))
    names = ("decision__subject", "pot__programme")
    for rows in (applied, granted):
        for subject, programme, fen in rows.values_list(*names).annotate(sum=Sum("fen")).order_by(*names):
            held[subject][programme] = held[subject].get(programme, 0) + fen
    return held


def _held(mine: Q) -> dict[str, int]:
    held = _applied_for(mine)
    # Of vouchers that were granted on an application the application counts.
    granted = (
        Voucher.objects.filter(mine, decision__application=None).values("pot__programme").annotate(sum=Sum("cap_fen"))
    )
    for row in granted.order_by("pot__programme"):
        held[row["pot__programme"]] = held.get(row["pot__programme"], 0) + row["sum"]
    return held


def _applied_for(mine: Q) -> dict[str, int]:
    applied = (
        Application.objects.filter(mine, state__in=LIVE)
        .values("pot__programme")
        .annotate(sum=Sum(Coalesce(F("shared_fen"), F("claim_fen"))))
    )
    return {row["pot__programme"]: row["sum"] for row in applied.order_by("pot__programme")}


def _claims_of(
    programme: Programme,
    organisation: Organisation,
    as_of: date,
    attributes: Mapping[str, Attribute],
    besides: Sequence[str],
) -> pl.DataFrame:
    """All contracts, or all projects, of the organisation, as the programme decides them and rules of stacking read
    them."""
    decide_over = claims_to_decide if programme.applies_to == "claim" else projects_to_decide
    return decide_over([programme], as_of, attributes, organisation, besides)


def _within_limits(programme: Programme, table: pl.DataFrame, subject: str, award_fen: int, as_of: date) -> Room:
    """All claims of the organisation are decided together, in the order in which the limit serves them."""
    if not programme.limits:
        return Room(award_fen, "", None, {})
    wide = apply_limits(decide((programme,), table, as_of), table).wide
    row = next(each for each in wide.iter_rows(named=True) if each[ID] == subject)
    cut = row.get(limited_column(programme.id))
    words = next((each.words for each in programme.limits if each.id == cut), None)
    return Room(row[award_column(programme.id)], cut or "", words, {})

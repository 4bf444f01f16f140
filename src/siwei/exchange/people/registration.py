"""Bringing organisations and people in by hand or from a pack: one that is known is found again, never made twice."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from siwei.city.firms.codes import check_codes
from siwei.city.firms.names import name_key, normalise_names
from siwei.errors import Conflict, InputError, Problem, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor, Role
from siwei.exchange.audit import action, record_event
from siwei.exchange.models import (
    Event,
    Fact,
    FactStatus,
    Organisation,
    OrganisationKind,
    Origin,
    Person,
    Representative,
)


@dataclass(frozen=True, slots=True)
class FactStatement:
    """One thing said of an organisation; `value` is canonical text (docs/design/README.md)."""

    attribute: str
    value: str
    status: FactStatus = FactStatus.DECLARED
    valid_from: date | None = None
    is_public: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """Who is registered; `source` and `source_ref` say where that is written."""

    name: str
    kind: str
    source: str
    source_ref: str = ""
    code: str | None = None
    district: str = ""
    founded_on: date | None = None
    facts: tuple[FactStatement, ...] = field(default_factory=tuple)


@action
def register_organisations(
    registrations: Iterable[Registration], *, origin: Origin, actor: Actor, now: datetime
) -> dict[str, Organisation]:
    """Registered organisations by the name given. One that is known already (by code, then by normalised name) is kept
    as it is and only gains the facts it lacks. `InputError` names every wrong code and every kind that is not one."""
    require(can_operate(actor), actor, Said("register organisations", "登记机构"))
    wanted = tuple(registrations)
    _check(wanted)
    normalised = normalise_names(pl.Series([each.name for each in wanted], dtype=pl.String)).to_list()
    registered: dict[str, Organisation] = {}
    for each, folded in zip(wanted, normalised, strict=True):
        organisation = _find(each.code, folded) or _create(each, folded, origin, actor, now)
        _add_facts(organisation, each, now)
        registered[each.name] = organisation
    return registered


@action
def register_person(
    username: str,
    *,
    password: str | None,
    organisation: Organisation | None = None,
    role: Role = Role.OWNER,
    evidence: str = "",
    is_operator: bool = False,
    is_auditor: bool = False,
    is_reviewer: bool = False,
    actor: Actor,
    now: datetime,
) -> Person:
    """A person who can sign in, with an approved mandate for `organisation` in `role`. Again: a new password, nothing
    else, and no event."""
    require(can_operate(actor), actor, Said("register people", "登记个人"))
    person, created = Person.objects.get_or_create(
        username=username,
        defaults={"is_operator": is_operator, "is_auditor": is_auditor, "is_reviewer": is_reviewer},
    )
    if password is not None:
        person.set_password(password)
    elif created:
        person.set_unusable_password()
    person.save(update_fields=["password"])
    is_new = created
    if organisation is not None:
        # Locked, as whoever appoints an auditor does.
        person = Person.objects.select_for_update(no_key=True).get(pk=person.pk)
        if person.is_auditor:
            raise Conflict(
                f"{username} audits and can represent nobody → register another account",
                f"{username} 是审计，不能代表任何机构 → 请登记另一账号",
            )
        _, is_mandated = Representative.objects.get_or_create(
            person=person,
            organisation=organisation,
            defaults={"role": role, "evidence": evidence, "approved_at": now},
        )
        is_new = is_new or is_mandated
    if is_new:
        offices = {"operator": is_operator, "auditor": is_auditor, "reviewer": is_reviewer}
        told: dict[str, object] = {"offices": [name for name, held in offices.items() if held and created]}
        _record_person(person, organisation, told | ({"role": str(role)} if organisation else {}), actor, now)
    return person


def _record_person(
    person: Person, organisation: Organisation | None, told: dict[str, object], actor: Actor, now: datetime
) -> None:
    whom = f"{person.username}:{organisation.key if organisation else ''}"
    # A mandate that ended and was given anew is another event.
    before = Event.objects.filter(action="register_person", subject=f"person:{person.username}").count()
    record_event(
        "register_person", f"{hashlib.sha256(whom.encode()).hexdigest()[:32]}:{before}", {},
        subject=f"person:{person.username}", actor=actor, now=now,
        organisations=[organisation] if organisation else [], payload=told,
    )  # fmt: skip


def _check(registrations: tuple[Registration, ...]) -> None:
    problems = [
        Problem(
            Said(f"no kind of organisation {each.kind!r}", f"没有机构类型 {each.kind!r}"),
            Said(f"one of {', '.join(OrganisationKind.values)}", f"{'、'.join(OrganisationKind.values)} 之一"),
            field="kind",
        )
        for each in registrations
        if each.kind not in OrganisationKind.values
    ]
    coded = [each for each in registrations if each.code is not None]
    checked = check_codes(pl.Series([each.code for each in coded], dtype=pl.String))
    problems += [
        Problem(
            Said(f"{each.name}: code {each.code!r} does not check", f"{each.name}：代码 {each.code!r} 校验不通过"),
            Said("compare it with the licence", "请与执照核对"),
            field="code",
        )
        for each, code in zip(coded, checked["code"].to_list(), strict=True)
        if code != each.code
    ]
    if problems:
        raise InputError(problems)


def _find(code: str | None, name_normalised: str) -> Organisation | None:
    living = Organisation.objects.filter(merged_into=None)
    found = living.filter(code=code).first() if code is not None else None
    if found is None:
        by_name = living.filter(name_normalised=name_normalised)
        found = (by_name.filter(code=None) if code is not None else by_name).order_by("key").first()
    return found


def _create(each: Registration, name_normalised: str, origin: Origin, actor: Actor, now: datetime) -> Organisation:
    organisation = Organisation.objects.create(
        key=each.code or name_key(name_normalised),
        code=each.code,
        name=each.name,
        name_normalised=name_normalised,
        kind=each.kind,
        district=each.district,
        founded_on=each.founded_on,
        origin=origin,
    )
    record_event(
        "register_organisation",
        organisation.key,
        {"source": each.source},
        subject=f"organisation:{organisation.key}",
        actor=actor,
        now=now,
        organisations=[organisation],
        payload={"source": each.source, "ref": each.source_ref},
    )
    return organisation


def _add_facts(organisation: Organisation, each: Registration, now: datetime) -> None:
    Fact.objects.bulk_create(
        [
            Fact(
                organisation=organisation,
                attribute=fact.attribute,
                value=fact.value,
                valid_from=fact.valid_from,
                known_at=now,
                source=each.source,
                source_ref=each.source_ref,
                status=fact.status,
                is_public=fact.is_public,
            )
            for fact in each.facts
        ],
        ignore_conflicts=True,  # the same fact of the same source is known already
    )

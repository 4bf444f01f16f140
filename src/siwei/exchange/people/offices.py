"""Offices of the city: who operates it, reviews applications, audits it. Given and taken on the city's own machine
(`siwei people`), never over the web: a stolen session, or an operator acting alone, makes nobody an operator.

An auditor is nothing else, to the city or to any organisation; a city that has an operator always has one.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from siwei.errors import Conflict, InputError, NotAllowed, NotFound, Problem, Said
from siwei.exchange.access import can_operate
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.models import Person, Representative


class Office(StrEnum):
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"


FIELDS = {Office.OPERATOR: "is_operator", Office.REVIEWER: "is_reviewer", Office.AUDITOR: "is_auditor"}
OFFICE_ZH = {Office.OPERATOR: "运营", Office.REVIEWER: "评审", Office.AUDITOR: "审计"}


def offices_of(person: Person) -> tuple[Office, ...]:
    return tuple(office for office, field in FIELDS.items() if getattr(person, field))


@action
def appoint(
    username: str, office: Office, *, because: str, actor: Actor, now: datetime, idempotency_key: str
) -> Person:
    """Who holds it already keeps it, and nothing is recorded. The same key again gives back nothing taken since."""
    _require_machine(actor)
    content = _content(username, office, because)
    person = _find(username)
    if repeated("appoint", idempotency_key, content) or office in offices_of(person):
        return person
    held = offices_of(person)
    if held and Office.AUDITOR in (office, *held):
        raise Conflict(
            f"{username} is {held[0]}, and an auditor is nothing else → dismiss first, or appoint another account",
            f"{username} 已任{OFFICE_ZH[held[0]]}，审计不得兼任 → 请先免去，或任命另一账号",
        )
    if office == Office.AUDITOR and Representative.objects.filter(person=person, approved_at__isnull=False).exists():
        raise Conflict(
            f"{username} represents an organisation, and an auditor represents nobody → end the mandate first, "
            "or appoint another account",
            f"{username} 是某机构的经办人，审计不得代表任何机构 → 请先终止其代表身份，或任命另一账号",
        )
    _set(person, office, True)
    _record("appoint", idempotency_key, content, person, actor, now)
    return person


@action
def dismiss(
    username: str, office: Office, *, because: str, actor: Actor, now: datetime, idempotency_key: str
) -> Person:
    """Who does not hold it stays as they are. The same key again takes nothing given since."""
    _require_machine(actor)
    content = _content(username, office, because)
    if office == Office.OPERATOR:
        _operators()  # before the person, who is one of them
    person = _find(username)
    if repeated("dismiss", idempotency_key, content) or office not in offices_of(person):
        return person
    if office == Office.OPERATOR and all(each.pk == person.pk for each in _operators()):
        raise Conflict(
            f"{username} is the last operator → appoint another first",
            f"{username} 是最后一位运营人员 → 请先任命另一人",
        )
    _set(person, office, False)
    _record("dismiss", idempotency_key, content, person, actor, now)
    return person


def _require_machine(actor: Actor) -> None:
    if actor.person_id is not None or not can_operate(actor):
        raise NotAllowed(
            "offices are given on the city's own machine → siwei people appoint NAME OFFICE",
            "职务只能在本市自己的机器上任免 → siwei people appoint 用户名 职务",
        )


def _content(username: str, office: Office, because: str) -> dict[str, str]:
    if not 0 < len(because.strip()) <= 1_000:
        raise InputError(
            [
                Problem(
                    Said("an office is given and taken for a reason", "任免须说明理由"),
                    Said("one sentence, 1 to 1,000 characters", "一句话，1 至 1000 个字符"),
                    field="because",
                )
            ]
        )
    return {"person": username, "office": str(office), "because": because.strip()}


def _operators() -> list[Person]:
    """Locked in one order: two dismissed at once would leave nobody."""
    return list(Person.objects.select_for_update().filter(is_operator=True, is_active=True).order_by("pk"))


def _find(username: str) -> Person:
    person = Person.objects.select_for_update().filter(username=username).first()
    if person is None:
        raise NotFound(
            f"nobody is called {username!r} here → siwei people invite NAME, then they make their account",
            f"这里没有名为 {username!r} 的人 → siwei people invite 姓名，由其自行开户",
        )
    return person


def _set(person: Person, office: Office, held: bool) -> None:
    changes: dict[str, Any] = {FIELDS[office]: held}
    Person.objects.filter(pk=person.pk).update(**changes)
    person.refresh_from_db()


def _record(name: str, key: str, content: dict[str, str], person: Person, actor: Actor, now: datetime) -> None:
    record_event(
        name, key, content, subject=f"person:{person.username}", actor=actor, now=now, payload=content
    )  # fmt: skip

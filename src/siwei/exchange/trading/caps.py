"""What may be spent: caps of an organisation, its projects and its people, on the ledger itself.

Each cap has an account in a unit of its own (`cap:fen`, `cap:accelerator-second`), which what is committed goes out of.
Its floor is the cap, so the database refuses what would pass it, whoever else signs at the same moment. What an
agreement or a job did not need in the end comes back.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q

from siwei.errors import Conflict, InputError, InsufficientFunds, NotFound, Problem, Said
from siwei.exchange.access import can_commit_money_for, can_manage_people_of, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, money_action, record_event, repeated
from siwei.exchange.ledger.actions import Entry, change_floor, open_account, write_transfer
from siwei.exchange.models import (
    Agreement,
    Cap,
    CapAlert,
    CapUnit,
    Job,
    Organisation,
    Person,
    Project,
    Representative,
    Transfer,
    TransferKind,
)
from siwei.exchange.models.ledger import AMOUNT_LIMIT, BALANCE_LIMIT
from siwei.exchange.parties import find_organisation
from siwei.exchange.trading.cap_history import (
    amounts_of_job,
    committed_before,
    committed_by_line,
    is_by_job,
    subject_of_job,
    subject_of_line,
    used_by_lines,
)
from siwei.market.bank import exact_yuan

ALERTS = (75, 90, 100)


@dataclass(frozen=True, slots=True)
class Commitment:
    """What is asked of an organisation's caps at once: amounts by `CapUnit`, for a project and a person, if any."""

    organisation_id: int
    amounts: Mapping[str, int]
    project_id: int | None = None
    person_id: int | None = None
    for_organisation: bool = True
    """False where the organisation's caps have counted it already (a job under a signed agreement)."""


@action
def open_project(organisation: str, name: str, *, actor: Actor, now: datetime, idempotency_key: str) -> Project:
    """A project of an organisation, which agreements, jobs and caps may name. For its managers and owners."""
    owner = find_organisation(organisation)
    require(
        can_manage_people_of(actor, owner.pk),
        actor,
        Said(f"open projects of {owner.name}", f"为 {owner.name} 建立项目"),
    )
    content = {"organisation": organisation, "name": name}
    if repeated("open_project", idempotency_key, content):
        return find_project(organisation, name, actor)
    if not 0 < len(name.strip()) <= 80 or name != name.strip():
        raise InputError(
            [
                Problem(
                    Said(
                        f"a project's name of {len(name.strip())} characters", f"项目名称有 {len(name.strip())} 个字符"
                    ),
                    Said("1 to 80", "1 至 80 个"),
                    field="name",
                )
            ]
        )
    if Project.objects.filter(organisation=owner, name=name).exists():
        raise Conflict(f"{owner.name} has a project {name!r} already", f"{owner.name} 已有名为 {name!r} 的项目")
    project = Project.objects.create(organisation=owner, name=name, opened_at=now)
    record_event(
        "open_project", idempotency_key, content, subject=f"project:{organisation}:{name}", actor=actor, now=now,
        organisations=[owner],
    )  # fmt: skip
    return project


@money_action
def set_cap(
    organisation: str,
    amount: int,
    *,
    starts_on: date,
    ends_on: date,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    unit: str = CapUnit.FEN,
    is_hard: bool = True,
    project: str | None = None,
    person: str | None = None,
) -> Cap:
    """Set, or change, what the organisation (one of its projects, one of its people by user name) may commit from
    `starts_on` to `ends_on`. What was signed or run in that time already counts: what is over, as it was used. A hard
    cap is never below what is committed (`InsufficientFunds`)."""
    owner = find_organisation(organisation)
    require(
        can_commit_money_for(actor, owner.pk), actor, Said(f"set caps of {owner.name}", f"设定 {owner.name} 的上限")
    )
    content = {
        "organisation": organisation, "amount": amount, "starts_on": starts_on, "ends_on": ends_on, "unit": unit,
        "is_hard": is_hard, "project": project, "person": person,
    }  # fmt: skip
    code = f"cap:{unit}:{organisation}:{project or ''}:{person or ''}:{starts_on}:{ends_on}"
    key = hashlib.sha256(code.encode()).hexdigest()[:16]
    if repeated("set_cap", idempotency_key, content):
        return Cap.objects.select_related("account").get(key=key)
    _check_cap(amount, unit, starts_on, ends_on, project, person)
    of_project = find_project(organisation, project, actor) if project else None
    of_person = _find_member(owner, person) if person else None
    _lock_spenders([owner.pk])
    floor = -amount if is_hard else -BALANCE_LIMIT
    cap = Cap.objects.select_related("account").filter(key=key).first()
    if cap is None:
        account = open_account(f"cap:{key}", unit=f"cap:{unit}", purpose="cap", floor=floor)
        cap = Cap.objects.create(
            key=key, organisation=owner, project=of_project, person=of_person, unit=unit, amount=amount,
            is_hard=is_hard, starts_on=starts_on, ends_on=ends_on, account=account, set_at=now,
        )  # fmt: skip
        # So that a cap set late is not blind.
        for subject, counted in committed_before(cap):
            if counted:
                _commit_to(cap, counted, subject, now)
    else:
        _change_floor(cap, amount, floor)
        Cap.objects.filter(pk=cap.pk).update(amount=amount, is_hard=is_hard, set_at=now)
        cap.refresh_from_db()
    record_event(
        "set_cap", idempotency_key, content, subject=f"cap:{key}", actor=actor, now=now, organisations=[owner],
        payload={name: str(value) for name, value in content.items() if value is not None},
    )  # fmt: skip
    _alert(cap, now)
    return cap


def commit(commitment: Commitment, subject: str, now: datetime, day: date) -> None:
    """Count a commitment against every cap it falls under; `InsufficientFunds` where a hard one has less left.

    `subject` names what it is for (`a:<agreement>:<line>`, `j:<job>`) and makes doing it again a look-up.
    """
    for cap in caps_for(commitment, day):
        amount = commitment.amounts.get(cap.unit, 0)
        if amount:
            _commit_to(cap, amount, subject, now)


def give_back(subject: str, used: Mapping[str, int], now: datetime) -> None:
    """Return to the caps what `subject` committed and did not use: `used` is what it came to, by `CapUnit`."""
    found = Transfer.objects.filter(causes__cap_of=subject, kind=TransferKind.POST)
    for entry in found.select_related("debit_account", "credit_account").order_by("pk"):
        unit = entry.unit.removeprefix("cap:")
        back = entry.amount - min(entry.amount, used.get(unit, 0))
        if back and not entry.memo.startswith("returned"):
            returned = Entry(
                TransferKind.POST, entry.credit_account, entry.debit_account, back, memo="returned to cap",
                causes={"returned_of": subject},
            )  # fmt: skip
            write_transfer(returned, key=f"back:{entry.idempotency_key}", now=now)


def caps_for(commitment: Commitment, day: date) -> list[Cap]:
    """The caps of that day that a commitment counts against, the organisation's first."""
    whose = Q(project=None, person=None) if commitment.for_organisation else Q(pk=None)
    if commitment.project_id is not None:
        whose |= Q(project_id=commitment.project_id)
    if commitment.person_id is not None:
        whose |= Q(person_id=commitment.person_id)
    found = Cap.objects.filter(whose, organisation_id=commitment.organisation_id, starts_on__lte=day, ends_on__gte=day)
    # In order of the account, as the ledger locks them.
    return list(found.select_related("account", "organisation", "project", "person").order_by("account_id"))


def commit_agreement(agreement: Agreement, now: datetime, day: date) -> None:
    """Count what each consumer of a signed agreement pays itself, for its organisation, the project, and its signer."""
    _lock_spenders(agreement.lines.values_list("consumer_id", flat=True))
    signers = dict(agreement.parties.filter(organisation__isnull=False).values_list("organisation_id", "signed_by_id"))
    for line in agreement.lines.select_related("agreement", "consumer").order_by("number"):
        own_project = agreement.project is not None and agreement.project.organisation_id == line.consumer_id
        commitment = Commitment(
            line.consumer_id,
            committed_by_line(line),
            agreement.project_id if own_project else None,
            None if is_by_job(line) else signers.get(line.consumer_id),
        )
        commit(commitment, subject_of_line(line), now, day)


def _lock_spenders(organisations: Iterable[int]) -> None:
    """A cap counts what was committed before it was set, and a signature or a job asks the caps there are: at once,
    neither would see the other, and a hard cap would be passed from its beginning."""
    list(Organisation.objects.select_for_update(no_key=True).filter(pk__in=list(organisations)).order_by("pk"))


def give_back_agreement(agreement: Agreement, now: datetime) -> None:
    """What a settled or cancelled agreement did not need goes back to the caps it was counted against."""
    for subject, used in used_by_lines(agreement).items():
        give_back(subject, used, now)


def commit_job(job: Job, most: int, person_id: int | None, now: datetime, day: date) -> None:
    """Count the most a job may take against whoever runs it and its project, where the agreement's is another."""
    line = job.line
    other = job.project_id if job.project_id != line.agreement.project_id else None
    _lock_spenders([line.consumer_id])
    commitment = Commitment(line.consumer_id, amounts_of_job(job, most), other, person_id, for_organisation=False)
    commit(commitment, subject_of_job(job), now, day)


def give_back_job(job: Job, quantity: int, now: datetime) -> None:
    give_back(subject_of_job(job), amounts_of_job(job, quantity), now)


def find_project(organisation: str, name: str, actor: Actor) -> Project:
    """To whom may not see it, it is not there: what an organisation works on is its own to tell."""
    try:
        return Project.objects.visible_to(actor).get(organisation__key=organisation, name=name)
    except Project.DoesNotExist:
        raise NotFound(
            f"{organisation} has no project {name!r} → open it first", f"{organisation} 没有项目 {name!r} → 请先建立"
        ) from None


def _change_floor(cap: Cap, amount: int, floor: int) -> None:
    try:
        change_floor(cap.account, floor)
    except InsufficientFunds:
        used = _shown(cap, cap.used)
        raise InsufficientFunds(
            f"{_shown(cap, amount)} is less than the {used} committed under the cap of {words_of(cap)} already "
            f"→ set {used} or more, or have it warn only",
            f"{_shown(cap, amount).zh} 少于 {words_of(cap).zh} 的上限内已承诺的 {used.zh} "
            f"→ 请设 {used.zh} 或以上，或只作提醒",
        ) from None


def _shown(cap: Cap, amount: int) -> Said:
    if cap.unit == CapUnit.FEN:
        return Said(f"{exact_yuan(amount)}", f"{exact_yuan(amount)}")
    return Said(f"{amount} accelerator-seconds", f"{amount} 加速卡秒")


def _commit_to(cap: Cap, amount: int, subject: str, now: datetime) -> None:
    spent = open_account(f"cap:spent:{cap.unit}:{cap.organisation.key}", unit=cap.account.unit, purpose="cap-spent")
    entry = Entry(TransferKind.POST, cap.account, spent, amount, memo="counted", causes={"cap_of": subject})
    try:
        write_transfer(entry, key=f"cap:{cap.key}:{subject}", now=now)
    except InsufficientFunds:
        cap.account.refresh_from_db()
        raise InsufficientFunds(
            f"the cap of {words_of(cap)} has {_shown(cap, cap.left)} left until {cap.ends_on}, "
            f"this takes {_shown(cap, amount)} → ask whoever keeps its money to raise it, or take less",
            f"{words_of(cap).zh} 的上限到 {cap.ends_on} 只余 {_shown(cap, cap.left).zh}，"
            f"此次需 {_shown(cap, amount).zh} → 请管理资金的人提高上限，或减少用量",
        ) from None
    cap.account.refresh_from_db()
    _alert(cap, now)


def words_of(cap: Cap) -> Said:
    name, of = cap.organisation.name, cap.person.username if cap.person else ""
    if cap.project:
        return Said(f"{name} (project {cap.project.name})", f"{name}（项目 {cap.project.name}）")
    return Said(f"{name} ({of})", f"{name}（{of}）") if of else Said(name, name)


def _alert(cap: Cap, now: datetime) -> None:
    cap.account.refresh_from_db()
    for per_cent in ALERTS:
        if cap.used and cap.used * 100 >= per_cent * cap.amount:
            given = {"used": cap.used, "at": now}
            CapAlert.objects.get_or_create(cap=cap, per_cent=per_cent, amount=cap.amount, defaults=given)


def _find_member(owner: Organisation, username: str) -> Person:
    mandate = Representative.objects.filter(organisation=owner, person__username=username, approved_at__isnull=False)
    found = mandate.select_related("person").first()
    if found is None:
        raise NotFound(f"{owner.name} has nobody named {username!r}", f"{owner.name} 没有名为 {username!r} 的人")
    return found.person


def _check_cap(amount: int, unit: str, starts_on: date, ends_on: date, project: str | None, person: str | None) -> None:
    problems: list[Problem] = []
    if type(amount) is not int or not 0 <= amount <= AMOUNT_LIMIT:
        problems.append(
            Problem(
                Said(f"a cap of {amount!r}", f"上限 {amount!r} 不成立"),
                Said("an integer, not negative", "不为负的整数"),
                field="amount",
            )
        )
    if unit not in CapUnit.values:
        problems.append(
            Problem(
                Said(f"no unit {unit!r}", f"没有单位 {unit!r}"),
                Said(f"one of {', '.join(CapUnit.values)}", f"{'、'.join(CapUnit.values)} 之一"),
                field="unit",
            )
        )
    if ends_on < starts_on:
        problems.append(
            Problem(
                Said(f"it would end on {ends_on}", f"结束日期为 {ends_on}"),
                Said("not before it begins", "不得早于开始日期"),
                field="ends_on",
            )
        )
    if project and person:
        problems.append(
            Problem(
                Said("a cap is of a project or of a person", "上限须针对一个项目或一个人"),
                Said("name one of them", "请指定其一"),
                field="project",
            )
        )
    if problems:
        raise InputError(problems)

"""Access keys: made, shown once, used, revoked. A key is `siwei_<identifier>_<secret>`; only its hash is kept."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from siwei.errors import Conflict, InputError, NotFound, Problem, Said, SignInNeeded
from siwei.exchange.access import can_commit_money_for, can_manage_people_of, require, require_confirmation
from siwei.exchange.actors import Actor, Confirmation
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.models import AccessKey, Organisation, Person, Scope
from siwei.exchange.parties import find_organisation, lock_active, require_standing

LONGEST = timedelta(days=366)
USED_EVERY = timedelta(minutes=1)
SHAPE = re.compile(r"siwei_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
SPENDING = frozenset({Scope.MONEY, Scope.CALL})


@dataclass(frozen=True, slots=True)
class MadeKey:
    """`secret` is the whole text a program sends; it cannot be shown again."""

    key: AccessKey
    secret: str

    def __repr__(self) -> str:
        return f"MadeKey({self.key})"


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose key was shown: the key's row, and the person as it lets them act."""

    key: AccessKey
    actor: Actor


@action
def create_access_key(
    name: str,
    scopes: Iterable[Scope | str],
    *,
    expires_at: datetime,
    organisation: str | None = None,
    project: str = "",
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> MadeKey:
    """A key for oneself. One with `money` needs a second factor shown a moment ago; one that calls services has
    limits and is made by `siwei.exchange.calls.model_keys.create_model_key`. A repeat is a `Conflict`: a secret is
    shown once."""
    wanted = list(scopes)
    if Scope.CALL in wanted:
        fix = Said("make it as a model key, alone, with its limits", "请作为模型密钥单独创建，并设限额")
        raise InputError(
            [
                Problem(
                    Said("a key that calls services is made by itself", "调用服务的密钥须单独创建"), fix, field="scopes"
                )
            ]
        )
    return make_key(
        name, wanted, expires_at=expires_at, organisation=organisation, project=project, actor=actor, now=now,
        idempotency_key=idempotency_key,
    )  # fmt: skip


@action
def make_key(
    name: str,
    scopes: Iterable[Scope | str],
    *,
    expires_at: datetime,
    organisation: str | None,
    project: str,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    secret: str | None = None,
) -> MadeKey:
    """What making any key shares. `call` is for one organisation, by those who may commit its money.

    A program that must find its key again after being killed keeps a `new_secret()` first and gives it here: a repeat
    with the same one is then answered with the same key.
    """
    require(
        actor.person_id is not None and not actor.by_key,
        actor,
        Said("make a key by a key → sign in", "用密钥创建密钥 → 请登录"),
    )
    assert actor.person_id is not None
    # A key not committed yet while the account's keys are ended would outlast them.
    person = lock_active(actor.person_id)
    granted = sorted({str(scope) for scope in scopes})
    owner = find_organisation(organisation) if organisation is not None else None
    _check(name, granted, expires_at, owner, project, now)
    if owner is not None:
        require(actor.represents(owner.pk), actor, Said(f"make a key for {owner.name}", f"为 {owner.name} 创建密钥"))
        require_standing(actor, owner)
    if SPENDING.intersection(granted):
        require_confirmation(actor, Said("make a key that spends", "创建可花费的密钥"))
    if Scope.CALL in granted:
        require(
            can_commit_money_for(actor, owner.pk if owner else None),
            actor,
            Said("make a key that spends", "创建可花费的密钥"),
        )
    content = {"name": name, "scopes": granted, "organisation": organisation, "project": project}
    if repeated("create_access_key", idempotency_key, content):
        if (made := _made_with(secret, actor)) is not None:
            return made
        raise Conflict(
            "this key was made before and its secret was shown then → revoke it and make another",
            "该密钥此前已生成，密文当时已显示 → 请吊销后另建一把",
        )
    shape = SHAPE.fullmatch(secret or new_secret())
    if shape is None:
        raise InputError(
            [
                Problem(
                    Said("that is no key's secret", "这不是密钥的密文"),
                    Said("one that new_secret() made", "须由 new_secret() 生成"),
                    field="secret",
                )
            ]
        )
    identifier = shape[1]
    key = AccessKey.objects.create(
        identifier=identifier,
        secret_sha256=hash_of_secret(shape[2]),
        person=person,
        organisation=owner,
        project=project,
        name=name,
        scopes=granted,
        created_at=now,
        expires_at=expires_at,
    )
    record_event(
        "create_access_key",
        idempotency_key,
        content,
        subject=f"access_key:{identifier}",
        actor=actor,
        now=now,
        organisations=[owner] if owner else [],
        payload={
            "name": name,
            "scopes": granted,
            "project": project,
            "expires_at": f"{timezone.localdate(expires_at)}",
        },
    )
    return MadeKey(key, shape[0])


def new_secret() -> str:
    """The whole text of a key that nobody has yet."""
    return f"siwei_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"


def _made_with(secret: str | None, actor: Actor) -> MadeKey | None:
    shape = SHAPE.fullmatch(secret or "")
    if shape is None or actor.person_id is None:
        return None
    own = AccessKey.objects.filter(person_id=actor.person_id, identifier=shape[1])
    key = own.filter(secret_sha256=hash_of_secret(shape[2])).first()
    return MadeKey(key, shape[0]) if key is not None else None


@action
def revoke_access_key(identifier: str, *, actor: Actor, now: datetime) -> AccessKey:
    """For whoever made it, those who manage the organisation's people or money, and the operator. For good."""
    key = AccessKey.objects.visible_to(actor).select_for_update().filter(identifier=identifier).first()
    if key is None:
        raise NotFound(f"no access key {identifier!r}", f"没有访问密钥 {identifier!r}")
    own = key.person_id == actor.person_id
    governed = can_manage_people_of(actor, key.organisation_id) or can_commit_money_for(actor, key.organisation_id)
    require(own or governed or actor.is_operator, actor, Said(f"revoke key {identifier}", f"吊销密钥 {identifier}"))
    if key.revoked_at is not None:
        return key
    AccessKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)
    record_event(
        "revoke_access_key",
        identifier,
        {},
        subject=f"access_key:{identifier}",
        actor=actor,
        now=now,
        organisations=[key.organisation_id] if key.organisation_id else [],
        payload={"name": key.name},
    )
    key.refresh_from_db()
    return key


def end_money_keys(person: Person, actor: Actor, now: datetime) -> list[str]:
    """Keys with money were made on the strength of a second factor and end with it; part of the action that takes it
    away. Their identifiers."""
    return end_keys(person, actor, now, because="second factor removed", scope=Scope.MONEY)


def end_keys(
    person: Person,
    actor: Actor,
    now: datetime,
    *,
    because: str,
    scope: Scope | None = None,
    organisation: Organisation | None = None,
) -> list[str]:
    """Revoke a person's keys, those that call models too, or those with one scope, or for one organisation; part of the
    action that has the reason. Their identifiers."""
    standing = AccessKey.objects.select_for_update().filter(person=person, revoked_at=None).order_by("pk")
    if organisation is not None:
        standing = standing.filter(organisation=organisation)
    ended = [each for each in standing if scope is None or scope in each.scopes]
    AccessKey.objects.filter(pk__in=[each.pk for each in ended]).update(revoked_at=now)
    for each in ended:
        record_event(
            "revoke_access_key", each.identifier, {}, subject=f"access_key:{each.identifier}", actor=actor, now=now,
            organisations=[each.organisation_id] if each.organisation_id else [],
            payload={"name": each.name, "because": because},
        )  # fmt: skip
    return [each.identifier for each in ended]


def read_access_key(text: str, now: datetime) -> KeyHolder:
    """Who shows this key. `SignInNeeded` for one that is wrong, over or revoked, all in the same words: whoever
    guesses learns nothing."""
    shape = SHAPE.fullmatch(text)
    keys = AccessKey.objects.select_related("person", "organisation")
    found = keys.filter(identifier=shape[1]).first() if shape else None
    fits = hmac.compare_digest(found.secret_sha256 if found else "", hash_of_secret(shape[2]) if shape else "-")
    if (
        found is None
        or not fits
        or found.revoked_at is not None
        or found.expires_at <= now
        or not found.person.is_active
        or (found.organisation is not None and found.organisation.merged_into_id is not None)
    ):
        raise SignInNeeded(
            "this access key is not valid (any more) → make one under your account, and send it whole",
            "该访问密钥无效（或已失效） → 请在您的账号下新建，并完整发送",
        )
    # Asked in the row that was read: on SQLite an update that changes nothing still waits for every writer.
    if found.last_used_at is None or found.last_used_at < now - USED_EVERY:
        AccessKey.objects.filter(
            Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY), pk=found.pk, revoked_at=None
        ).update(last_used_at=now)
    return KeyHolder(found, _narrowed(found.person.as_actor(), found))


def _narrowed(actor: Actor, key: AccessKey) -> Actor:
    roles = dict(actor.roles)
    if key.organisation_id is not None:
        roles = {each: role for each, role in roles.items() if each == key.organisation_id}
    # A key made for an organisation acts for it alone, whatever its maker is to the city.
    of_the_city = key.organisation_id is None
    return replace(
        actor,
        roles=roles,
        is_operator=actor.is_operator and of_the_city,
        is_auditor=actor.is_auditor and of_the_city,
        is_reviewer=actor.is_reviewer and of_the_city,
        reads_only=not {Scope.WRITE, Scope.MONEY}.intersection(key.scopes),
        by_key=key.identifier,
        confirmation=Confirmation.GIVEN if Scope.MONEY in key.scopes else Confirmation.NOT_GRANTED,
    )


def _check(
    name: str, scopes: list[str], expires_at: datetime, owner: Organisation | None, project: str, now: datetime
) -> None:
    problems: list[Problem] = []
    if not 0 < len(name.strip()) <= 80:
        problems.append(
            Problem(
                Said("a key needs a name", "密钥须有名称"),
                Said("1 to 80 characters: what it is for", "1 至 80 个字符：写明用途"),
                field="name",
            )
        )
    if not scopes or set(scopes) - set(Scope.values):
        problems.append(
            Problem(
                Said("no such scope", "没有这样的权限范围"),
                Said(f"some of {', '.join(Scope.values)}", f"{'、'.join(Scope.values)} 中的若干"),
                field="scopes",
            )
        )
    if Scope.CALL in scopes and (len(scopes) > 1 or owner is None):
        problems.append(
            Problem(
                Said("a key that calls services does only that", "调用服务的密钥只作此用"),
                Said("give it an organisation, no other scope", "请指定机构，不加其他权限"),
                field="scopes",
            )
        )
    if project and owner is None:
        problems.append(
            Problem(
                Said("a project needs its organisation", "项目须写明所属机构"),
                Said("name the organisation", "请写明机构"),
                field="organisation",
            )
        )
    if len(project) > 80:
        problems.append(
            Problem(
                Said("the project's name is too long", "项目名称过长"),
                Said("80 characters at most", "不超过 80 个字符"),
                field="project",
            )
        )
    if not now < expires_at <= now + LONGEST:
        problems.append(
            Problem(
                Said("a key ends", "密钥须有期限"),
                Said(f"within {LONGEST.days} days from now", f"自现在起 {LONGEST.days} 天之内"),
                field="expires_at",
            )
        )
    if problems:
        raise InputError(problems)


def hash_of_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

"""Invitations: the one way to an account. A link, shown once, kept as a hash, used once, for one person.

The operator invites to the city (the person then claims an organisation); owners and managers invite to their own
organisation, in a role they may grant. Whoever accepts says to what they consent.
"""

import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_manage_people_of, can_operate, require
from siwei.exchange.actors import Actor, Role
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.models import Invitation, Organisation, Person, Representative
from siwei.exchange.parties import find_organisation
from siwei.exchange.people.consents import check_consents, record_consents
from siwei.exchange.people.keys import hash_of_secret
from siwei.exchange.people.mandates import confirm_grant, lock_people_of, set_mandate
from siwei.exchange.state_words import word_zh

LIVES = timedelta(days=14)
NOT_VALID = Said(
    "this invitation is not valid (any more) → ask whoever sent it for another",
    "该邀请无效（或已失效） → 请向发送人再要一份",
)
SHAPE = re.compile(r"([0-9a-f]{12})-([A-Za-z0-9_-]{43})")


class InvitationState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"
    LAPSED = "lapsed"
    """Whoever sent it could not send it any more."""


@dataclass(frozen=True, slots=True)
class MadeInvitation:
    """`secret` is the end of the link (/invitations/<secret>); it cannot be shown again."""

    invitation: Invitation
    secret: str

    def __repr__(self) -> str:
        return f"MadeInvitation({self.invitation})"


@action
def invite(
    invitee: str,
    *,
    organisation: str | None = None,
    role: Role | None = None,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> MadeInvitation:
    """For whom (`invitee`: a name, for those who manage people to know whose link it is). A repeat is a `Conflict`."""
    if not 0 < len(invitee.strip()) <= 80:
        raise InputError(
            [
                Problem(
                    Said("an invitation is for somebody", "邀请须写明给谁"),
                    Said("their name, 1 to 80 characters", "其姓名，1 至 80 个字符"),
                    field="invitee",
                )
            ]
        )
    owner = find_organisation(organisation) if organisation is not None else None
    if (owner is None) != (role is None):
        raise InputError(
            [
                Problem(
                    Said("an organisation and a role go together", "机构与角色须同时填写"),
                    Said("give both or neither", "请都填或都不填"),
                    field="role",
                )
            ]
        )
    if owner is None:
        require(can_operate(actor), actor, Said("invite people to the city", "邀请人加入本市"))
    else:
        allowed = can_manage_people_of(actor, owner.pk, Role(role)) if role is not None else False
        require(
            allowed, actor, Said(f"invite {role} to {owner.name}", f"邀请他人任 {owner.name} 的{word_zh(role or '')}")
        )
        confirm_grant(role, actor)
    content = {"invitee": invitee, "organisation": organisation, "role": str(role or "")}
    if repeated("invite", idempotency_key, content):
        raise Conflict(
            "this invitation was made before and its link was shown then → revoke it and make another",
            "该邀请此前已生成，链接当时已显示 → 请撤销后另发一份",
        )
    identifier, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        identifier=identifier,
        secret_sha256=hash_of_secret(secret),
        organisation=owner,
        role=role or "",
        invitee=invitee.strip(),
        invited_by_id=actor.person_id,
        invited_at=now,
        expires_at=now + LIVES,
    )
    _record("invite", idempotency_key, content, invitation, actor, now, {"invitee": invitee.strip()})
    return MadeInvitation(invitation, f"{identifier}-{secret}")


@action
def revoke_invitation(identifier: str, *, actor: Actor, now: datetime) -> Invitation:
    invitation = Invitation.objects.visible_to(actor).select_for_update().filter(identifier=identifier).first()
    if invitation is None:
        raise NotFound(f"no invitation {identifier!r}", f"没有邀请 {identifier!r}")
    managed = invitation.role and can_manage_people_of(actor, invitation.organisation_id, Role(invitation.role))
    require(
        actor.is_operator or bool(managed), actor, Said(f"revoke invitation {identifier}", f"撤销邀请 {identifier}")
    )
    if invitation.accepted_at is not None:
        raise Conflict(
            "this invitation was accepted → end the person's mandate instead", "该邀请已被接受 → 请改为终止其代表身份"
        )
    if invitation.revoked_at is None:
        Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(revoked_at=now)
        _record("revoke_invitation", identifier, {}, invitation, actor, now, {})
        invitation.refresh_from_db()
    return invitation


def find_invitation(secret: str) -> Invitation:
    """The invitation of a link, whatever became of it: for whoever holds the link. `NotFound` for a wrong one."""
    shape = SHAPE.fullmatch(secret)
    people = Invitation.objects.select_related("organisation", "invited_by")
    found = people.filter(identifier=shape[1]).first() if shape else None
    fits = hmac.compare_digest(found.secret_sha256 if found else "", hash_of_secret(shape[2]) if shape else "-")
    if found is None or not fits:
        raise NotFound(NOT_VALID)
    return found


def read_invitation(secret: str, now: datetime) -> Invitation:
    """What a link invites to. `NotFound`, always in the same words, for one that is wrong, over, used or revoked."""
    found = find_invitation(secret)
    if found.expires_at <= now or found.accepted_at is not None or found.revoked_at is not None:
        raise NotFound(NOT_VALID)
    return found


def state_of(invitation: Invitation, now: datetime) -> InvitationState:
    if invitation.accepted_at is not None:
        return InvitationState.ACCEPTED
    if invitation.revoked_at is not None:
        return InvitationState.REVOKED
    if invitation.expires_at <= now:
        return InvitationState.EXPIRED
    return InvitationState.OPEN if _may_still_be_sent(invitation) else InvitationState.LAPSED


@action
def accept_as_new(
    secret: str, username: str, password: str, *, consents: Collection[str], actor: Actor, now: datetime
) -> Person:
    """A new account by an invitation, with the mandate it grants. For a visitor."""
    require(
        actor.person_id is None,
        actor,
        Said(
            "make a second account → sign out first, or accept as yourself", "开第二个账号 → 请先退出，或以本人身份接受"
        ),
    )
    invitation = _taken(secret, now)
    _check_account(username, password)
    check_consents(consents)
    person = Person(username=username)
    person.set_password(password)
    person.save(force_insert=True)
    record_consents(person, consents, now)
    return _accepted(invitation, person, now, sorted(consents))


@action
def accept_as_self(secret: str, *, actor: Actor, now: datetime) -> Person:
    """The mandate an invitation grants, for whoever is signed in."""
    require(
        actor.person_id is not None and not actor.by_key,
        actor,
        Said("accept this without signing in", "在未登录时接受"),
    )
    invitation = _taken(secret, now)
    if invitation.organisation is None:
        raise Conflict(
            "this invitation is for a new account, and you have one → give it back to whoever sent it",
            "该邀请用于开新账号，而您已有账号 → 请退回给发送人",
        )
    return _accepted(invitation, Person.objects.get(pk=actor.person_id), now, [])


def _taken(secret: str, now: datetime) -> Invitation:
    """The invitation, if nobody took it meanwhile, and if whoever sent it could still send it: asked under the lock
    that ending their mandate takes."""
    invitation = read_invitation(secret, now)
    if not Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(accepted_at=now):
        raise NotFound(NOT_VALID)
    if invitation.organisation is not None:
        lock_people_of(invitation.organisation)
    if invitation.invited_by is not None:
        invitation.invited_by.refresh_from_db()
    if not _may_still_be_sent(invitation):
        raise NotFound(NOT_VALID)
    return invitation


def _may_still_be_sent(invitation: Invitation) -> bool:
    sender = invitation.invited_by
    if sender is None:  # from the city's own machine
        return True
    if not sender.is_active:
        return False
    if invitation.organisation_id is None:
        return sender.is_operator
    return can_manage_people_of(sender.as_actor(), invitation.organisation_id, Role(invitation.role))


def _accepted(invitation: Invitation, person: Person, now: datetime, consents: list[str]) -> Person:
    Invitation.objects.filter(pk=invitation.pk).update(accepted_by=person)
    if invitation.organisation is not None:
        set_mandate(person, invitation.organisation, Role(invitation.role), now, name=invitation.invitee)
    told: dict[str, object] = {"person": person.username, "role": invitation.role, "consents": consents}
    _record("accept_invitation", invitation.identifier, {}, invitation, person.as_actor(), now, told)
    return person


def _check_account(username: str, password: str) -> None:
    problems: list[Problem] = []
    try:
        UnicodeUsernameValidator()(username or "-")
    except ValidationError:
        problems.append(
            Problem(
                Said("this cannot be a user name", "这不能作用户名"),
                Said("letters, digits and @ . + - _ only", "只能用字母、数字和 @ . + - _"),
                field="username",
            )
        )
    if not 0 < len(username) <= 150:
        problems.append(
            Problem(
                Said("a user name has 1 to 150 characters", "用户名为 1 至 150 个字符"),
                Said("shorten it", "请缩短") if username else Said("choose one", "请填写"),
                field="username",
            )
        )
    elif Person.objects.filter(username__iexact=username).exists():
        problems.append(
            Problem(
                Said("this user name is taken", "该用户名已被使用"),
                Said("choose another", "请换一个"),
                field="username",
            )
        )
    try:
        validate_password(password, Person(username=username))
    except ValidationError as error:
        problems += [
            Problem(message, Said("choose another", "请换一个"), field="password") for message in error.messages
        ]
    if len(password) > 200:
        problems.append(
            Problem(
                Said("the password is too long", "密码过长"),
                Said("200 characters at most", "不超过 200 个字符"),
                field="password",
            )
        )
    if problems:
        raise InputError(problems)


def _record(
    name: str,
    key: str,
    content: dict[str, str | None],
    invitation: Invitation,
    actor: Actor,
    now: datetime,
    told: dict[str, object],
) -> None:
    owner: Organisation | None = invitation.organisation
    record_event(
        name,
        key,
        content,
        subject=f"organisation:{owner.key}" if owner else f"invitation:{invitation.identifier}",
        actor=actor,
        now=now,
        organisations=[owner] if owner else [],
        payload={"invitation": invitation.identifier, "role": invitation.role, **told},
    )


def people_of(organisation: Organisation, actor: Actor) -> list[Representative]:
    """Who represents it, for its own people, the operator and the auditor; nobody for anybody else."""
    visible = Representative.objects.visible_to(actor).filter(organisation=organisation, approved_at__isnull=False)
    return list(visible.select_related("person").order_by("role", "person__username"))

"""Mandates: who represents an organisation in which role, changed and ended by those who manage its people.

An organisation that has an owner always has one: the last cannot leave, be demoted or be revoked.
"""

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from siwei.errors import Conflict, NotFound, Said
from siwei.exchange.access import can_manage_people_of, require, require_confirmation
from siwei.exchange.actors import TREASURERS, Actor, Role
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.models import Event, Organisation, Person, Representative, Scope
from siwei.exchange.parties import find_organisation, lock_active, require_standing
from siwei.exchange.people.keys import end_keys
from siwei.exchange.state_words import word_zh


@action
def change_role(
    organisation: str, username: str, role: Role, *, actor: Actor, now: datetime, idempotency_key: str
) -> Representative:
    """Whoever grants a role must be one who may grant it, and take the one it replaces. Who keeps the organisation's
    money no more keeps no keys that spend it by calls. The same key again changes nothing more, whatever was changed
    since."""
    content = {"organisation": organisation, "person": username, "role": str(role)}
    owner = find_organisation(organisation)
    lock_people_of(owner)
    if done := _done_before("change_role", idempotency_key, content, owner, username, actor):
        return done
    mandate = _find(owner, username, actor)
    allowed = all(can_manage_people_of(actor, owner.pk, each) for each in (role, Role(mandate.role)))
    require(
        allowed,
        actor,
        Said(f"make {username} {role} of {owner.name}", f"让 {username} 任 {owner.name} 的{word_zh(role)}"),
    )
    if repeated("change_role", idempotency_key, content):
        return mandate
    require_standing(actor, owner)
    confirm_grant(role, actor)
    if mandate.role == role:
        return mandate
    before = mandate.role
    _keep_an_owner(mandate, role)
    if role not in TREASURERS:
        _end_keys(mandate, actor, now, "role changed", Scope.CALL)
    Representative.objects.filter(pk=mandate.pk).update(role=role)
    told = {"role": str(role), "before": before}
    _record("change_role", idempotency_key, content, owner, mandate.person, actor, now, told)
    mandate.refresh_from_db()
    return mandate


@action
def end_mandate(
    organisation: str, username: str, *, because: str, actor: Actor, now: datetime, idempotency_key: str
) -> Representative:
    """Revoke somebody's mandate, or leave. The operator may end any (a person who is no longer with the firm), but the
    last owner's only by approving another's claim first. The person's keys for the organisation end with it, for good.
    The same key again ends no mandate granted since."""
    content = {"organisation": organisation, "person": username}
    owner = find_organisation(organisation)
    lock_people_of(owner)
    if done := _done_before("end_mandate", idempotency_key, content, owner, username, actor):
        return done
    mandate = _find(owner, username, actor)
    own = mandate.person_id == actor.person_id
    allowed = own or actor.is_operator or can_manage_people_of(actor, owner.pk, Role(mandate.role))
    require(
        allowed,
        actor,
        Said(f"end the mandate of {username} for {owner.name}", f"终止 {username} 在 {owner.name} 的代表身份"),
    )
    if repeated("end_mandate", idempotency_key, content):
        return mandate
    if not own:
        require_standing(actor, owner)
    _keep_an_owner(mandate, None)
    _end_keys(mandate, actor, now, "mandate ended")
    Representative.objects.filter(pk=mandate.pk).update(approved_at=None, ended_at=now)
    told = {"role": mandate.role, "because": because.strip()[:1_000]}
    _record("end_mandate", idempotency_key, content, owner, mandate.person, actor, now, told)
    mandate.refresh_from_db()
    return mandate


def is_same_person(one_id: int | None, other_id: int | None) -> bool:
    """Whether two accounts are one person as far as the city can tell: the same account, or the same e-mail address on
    them or given with a mandate. Where two people's words are wanted, such two count as one."""
    return one_id is not None and one_id in accounts_of_person(other_id, {one_id})


def accounts_of_person(person_id: int | None, among: Collection[int]) -> set[int]:
    """Those of the accounts `among` others that are the same person's. Two queries, however many there are."""
    others = set(among) - {person_id}
    if person_id is None or not others:
        return set(among) & {person_id}
    addresses = _mail_addresses({person_id, *others})
    return {each for each in among if each == person_id or addresses[each] & addresses[person_id]}


def _mail_addresses(people: Collection[int]) -> dict[int, set[str]]:
    """A telephone may be the office's, shared by all who sit there; a mailbox is read by one."""
    found: dict[int, set[str]] = {each: set() for each in people}
    told = [
        *Person.objects.filter(pk__in=people).values_list("pk", "email"),
        *Representative.objects.filter(person_id__in=people).values_list("person_id", "contact"),
    ]
    for person_id, text in told:
        found[person_id] |= {word.strip("<>()[],;，；").casefold() for word in text.split() if "@" in word}
    return found


def confirm_grant(role: Role | None, actor: Actor) -> None:
    """A role that keeps money is handed out like money: or a session without its second factor would make itself a
    treasurer that has one."""
    if role in TREASURERS:
        require_confirmation(actor, Said(f"make anybody {role}", f"让人任{word_zh(role)}"))


def lock_people_of(organisation: Organisation) -> None:
    """Two owners leaving at once would leave none: whoever changes the people of an organisation waits here. What only
    names the organisation (an event, a key) does not wait."""
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)


def has_owner(organisation: Organisation) -> bool:
    return owners_of(organisation.pk).exists()


def owners_of(organisation_id: int) -> QuerySet[Representative]:
    """Those who can act: an owner whose account is disabled manages nobody."""
    owners = Representative.objects.filter(organisation_id=organisation_id, role=Role.OWNER)
    return owners.filter(approved_at__isnull=False, person__is_active=True)


def set_mandate(
    person: Person, organisation: Organisation, role: Role, now: datetime, *, name: str = "", contact: str = ""
) -> Representative:
    """Part of the action that admits somebody. `Conflict` for an auditor, a disabled account, and where they represent
    it already."""
    person = lock_active(person.pk)
    if person.is_auditor:
        raise Conflict(
            f"{person.username} audits and can represent nobody", f"{person.username} 是审计，不能代表任何机构"
        )
    mandate, created = Representative.objects.get_or_create(
        person=person,
        organisation=organisation,
        defaults={"role": role, "approved_at": now, "name": name, "contact": contact},
    )
    if not created:
        if mandate.approved_at is not None:
            raise Conflict(
                f"{person.username} represents {organisation.name} already",
                f"{person.username} 已是 {organisation.name} 的经办人",
            )
        changes = {"role": role, "approved_at": now, "ended_at": None, "name": name, "contact": contact}
        Representative.objects.filter(pk=mandate.pk).update(**changes)
        mandate.refresh_from_db()
    return mandate


def _find(owner: Organisation, username: str, actor: Actor) -> Representative:
    """Outsiders hear the same whether or not that person represents it."""
    visible = Representative.objects.visible_to(actor).filter(approved_at__isnull=False)
    mandate = visible.filter(organisation=owner, person__username=username).select_related("person").first()
    if mandate is None:
        raise NotFound(
            f"{username} does not represent {owner.name}, as far as you may know",
            f"就您可知的范围，{username} 不是 {owner.name} 的经办人",
        )
    return mandate


def _done_before(
    name: str, key: str, content: dict[str, str], owner: Organisation, username: str, actor: Actor
) -> Representative | None:
    """What this very actor did by the same key before, whatever they may still do: the mandate may be gone, or their
    own role. That somebody else used the key is not told before it is known that they may know."""
    own = Event.objects.filter(action=name, key=key, actor_name=actor.name)
    own = own.filter(person=actor.person_id) if actor.person_id is not None else own.filter(person=None)
    if own.exists() and repeated(name, key, content):
        return Representative.objects.get(organisation=owner, person__username=username)
    return None


def _end_keys(mandate: Representative, actor: Actor, now: datetime, because: str, scope: Scope | None = None) -> None:
    """Whoever makes a key locks their own row: one that is made at this moment is there before us, and ends."""
    person = Person.objects.select_for_update(no_key=True).get(pk=mandate.person_id)
    end_keys(person, actor, now, because=because, scope=scope, organisation=mandate.organisation)


def _keep_an_owner(mandate: Representative, role: Role | None) -> None:
    if mandate.role != Role.OWNER or role == Role.OWNER:
        return
    if not owners_of(mandate.organisation_id).exclude(pk=mandate.pk).exists():
        raise Conflict(
            "this is the last owner → make somebody else owner first", "这是最后一位所有者 → 请先让另一人成为所有者"
        )


def _record(
    name: str,
    key: str,
    content: dict[str, str],
    organisation: Organisation,
    person: Person,
    actor: Actor,
    now: datetime,
    told: dict[str, str],
) -> None:
    record_event(
        name,
        key,
        content,
        subject=f"organisation:{organisation.key}",
        actor=actor,
        now=now,
        organisations=[organisation],
        payload={"person": person.username, **told},
    )

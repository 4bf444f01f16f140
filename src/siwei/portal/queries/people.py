"""Who represents an organisation, whom it invited, who asks to: each as far as the reader may know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import F, QuerySet

from siwei.errors import NotFound
from siwei.exchange.access import can_manage_people_of
from siwei.exchange.actors import Actor, Role
from siwei.exchange.files import whole_path
from siwei.exchange.models import Claim, Consent, Invitation, Organisation, Person, Representative, StoredFile
from siwei.exchange.people.consents import PURPOSES, Purpose
from siwei.exchange.people.invitations import InvitationState, people_of, state_of
from siwei.portal.access import require_private
from siwei.portal.city_pack import home_or_missing

SHOWN = 200


@dataclass(frozen=True, slots=True)
class PersonLine:
    mandate: Representative
    grantable: tuple[Role, ...]
    """The roles that the reader may give this person; none: the reader may change nothing here."""
    may_end: bool
    is_last_owner: bool = False
    """Who stays owner, whoever asks."""


@dataclass(frozen=True, slots=True)
class InvitationLine:
    invitation: Invitation
    state: InvitationState
    may_revoke: bool


@dataclass(frozen=True, slots=True)
class ConsentLine:
    purpose: Purpose
    given_at: datetime | None


def people_lines(organisation: Organisation, actor: Actor) -> list[PersonLine]:
    """For its own people, the operator and the auditor."""
    require_private(actor, organisation.pk)
    people = people_of(organisation, actor)
    owners = {each.pk for each in people if each.role == Role.OWNER and each.person.is_active}
    return [
        replace(_line(each, actor), is_last_owner=each.role == Role.OWNER and owners <= {each.pk}) for each in people
    ]


def people_now(organisation: Organisation, actor: Actor) -> list[PersonLine]:
    """The same after an act, as the actor then stands: empty for whoever has just left."""
    standing = Person.objects.get(pk=actor.person_id).as_actor() if actor.person_id is not None else actor
    now = replace(actor, roles={each: standing.roles[each] for each in standing.roles if each in actor.roles})
    return [_line(each, now) for each in people_of(organisation, now)]


def _line(mandate: Representative, actor: Actor) -> PersonLine:
    managed = can_manage_people_of(actor, mandate.organisation_id, Role(mandate.role))
    own = mandate.person_id == actor.person_id
    may_end = actor.may_write and (managed or own or actor.is_operator)
    return PersonLine(mandate, grantable_roles(actor, mandate.organisation_id) if managed else (), may_end)


def grantable_roles(actor: Actor, organisation_id: int) -> tuple[Role, ...]:
    if not actor.may_write:
        return ()
    return tuple(role for role in Role if can_manage_people_of(actor, organisation_id, role))


def invitations(actor: Actor, organisation: Organisation | None = None) -> QuerySet[Invitation]:
    """Newest first; of one organisation where it is given."""
    found = Invitation.objects.visible_to(actor).select_related("organisation", "invited_by", "accepted_by")
    if organisation is not None:
        found = found.filter(organisation=organisation)
    return found.order_by("-invited_at", "-pk")


def invitation_lines(actor: Actor, organisation: Organisation | None, now: datetime) -> list[InvitationLine]:
    """The newest `SHOWN`, with what became of each."""
    return [_invitation_line(each, actor, now) for each in invitations(actor, organisation)[:SHOWN]]


def _invitation_line(invitation: Invitation, actor: Actor, now: datetime) -> InvitationLine:
    state = state_of(invitation, now)
    role = Role(invitation.role) if invitation.role else None
    managed = role is not None and can_manage_people_of(actor, invitation.organisation_id, role)
    waits = state in (InvitationState.OPEN, InvitationState.LAPSED)
    return InvitationLine(invitation, state, waits and actor.may_write and (actor.is_operator or managed))


def organisation_claims(actor: Actor) -> QuerySet[Claim]:
    """One's own; for the operator and the auditor everybody's. Those that wait for a decision first."""
    found = Claim.objects.visible_to(actor).select_related("organisation", "person", "file", "decided_by")
    return found.order_by(F("decided_at").desc(nulls_first=True), "-asked_at", "-pk")


def claim_or_missing(key: str, actor: Actor) -> Claim:
    claim = organisation_claims(actor).filter(key=key).first()
    if claim is None:
        raise NotFound(f"no claim {key!r} that you may see", f"没有您可查看的认领 {key!r}")
    return claim


def evidence_of_claim(key: str, actor: Actor) -> tuple[StoredFile, bytes]:
    claim = claim_or_missing(key, actor)
    if claim.file is None:
        raise NotFound("nothing was shown with this claim but its note", "该认领除备注外没有其他材料")
    return claim.file, whole_path(claim.file.sha256, home_or_missing().files).read_bytes()


def consents_of(actor: Actor) -> list[ConsentLine]:
    """Every purpose, and since when whoever is signed in consents to its words as they are now; to a visitor, who may
    be about to, the words alone."""
    found = Consent.objects.visible_to(actor).filter(person_id=actor.person_id or 0, withdrawn_at=None)
    given = {(each.purpose, each.text_sha256): each.given_at for each in found}
    return [ConsentLine(each, given.get((each.id, each.sha256))) for each in PURPOSES]

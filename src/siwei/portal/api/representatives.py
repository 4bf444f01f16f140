"""Representing an organisation: its people and their roles, invitations, claims with evidence, consents."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router

from siwei.errors import InputError, Problem, Said
from siwei.exchange.actors import Actor, Role
from siwei.exchange.models import Claim, Invitation, Organisation
from siwei.exchange.people.claims import Evidence, claim_organisation, decide_claim, withdraw_claim
from siwei.exchange.people.consents import give_consent, withdraw_consent
from siwei.exchange.people.invitations import accept_as_new, accept_as_self, invite, read_invitation, revoke_invitation
from siwei.exchange.people.mandates import change_role, end_mandate
from siwei.portal.access import actor_of
from siwei.portal.api import representative_schemas as schemas
from siwei.portal.api.answers import answers, own_key
from siwei.portal.city_pack import home_or_missing
from siwei.portal.queries import people as queries
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.second_factors import remove_second_factor

router = Router()
SHOWN = 500


@router.get("/organisations/{key}/people", response=answers(list[schemas.Representative]))
def list_people(request: HttpRequest, key: str) -> Any:
    """Who represents the organisation, in which role. Its own people, the operator and the auditor."""
    actor = actor_of(request)
    return people_rows(organisation_or_missing(key, actor), actor)


@router.post("/organisations/{key}/people/role", response=answers(list[schemas.Representative]))
def give_role(request: HttpRequest, key: str, given: schemas.NewRole) -> Any:
    """Give one of its people another role. Owners give any; managers manage managers and members. A role that keeps
    money (owner, finance) asks for a second factor. The last owner stays one."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    change_role(
        organisation.key, given.username, Role(given.role), actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return rows_left(organisation, actor)


@router.post("/organisations/{key}/people/end", response=answers(list[schemas.Representative]))
def end_somebodys_mandate(request: HttpRequest, key: str, given: schemas.EndOfMandate) -> Any:
    """End somebody's mandate, or leave: at once, and what they signed stays signed. The last owner cannot go. Answers
    who is left, as far as whoever asks may still know."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    end_mandate(
        organisation.key, given.username, because=given.because, actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return rows_left(organisation, actor)


def rows_left(organisation: Organisation, actor: Actor) -> list[dict[str, Any]]:
    """As the actor stands now: whoever left, or was another's manager until a moment ago, sees what is left to see."""
    return [_person_row(each) for each in queries.people_now(organisation, actor)]


def people_rows(organisation: Organisation, actor: Actor) -> list[dict[str, Any]]:
    return [_person_row(each) for each in queries.people_lines(organisation, actor)]


def _person_row(line: queries.PersonLine) -> dict[str, Any]:
    mandate = line.mandate
    return {
        "username": mandate.person.username,
        "name": mandate.name,
        "contact": mandate.contact,
        "role": mandate.role,
        "since": mandate.approved_at,
        "may_grant": [str(role) for role in line.grantable],
    }


@router.get("/invitations", response=answers(list[schemas.Invitation]))
def list_invitations(request: HttpRequest) -> Any:
    """Invitations of organisations whose people one manages; all for the operator and the auditor. Never the link. The
    newest 500."""
    return [_invitation_row(each) for each in queries.invitations(actor_of(request))[:SHOWN]]


@router.post("/invitations", response=answers(schemas.MadeInvitation))
def make_invitation(request: HttpRequest, given: schemas.NewInvitation) -> Any:
    """Invite somebody to an organisation, in a role one may grant; or, for the operator, to the city. `secret` is shown
    in this answer only: the link is `/invitations/<secret>`. It is good once, for 14 days, and as long as whoever sent
    it could still send it. The same `idempotency_key` again is refused (409). A role that keeps money asks for a second
    factor."""
    actor = actor_of(request)
    made = invite(
        given.invitee, organisation=given.organisation, role=Role(given.role) if given.role else None, actor=actor,
        now=timezone.now(), idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return {"invitation": _invitation_row(made.invitation), "secret": made.secret}


@router.post("/invitations/{identifier}/revocation", response=answers(schemas.Invitation))
def revoke(request: HttpRequest, identifier: str) -> Any:
    """Revoke an invitation that nobody accepted yet. For whoever manages that role there, and the operator."""
    return _invitation_row(revoke_invitation(identifier, actor=actor_of(request), now=timezone.now()))


@router.post("/invitation", response=answers(schemas.Invited), auth=None)
def read(request: HttpRequest, given: schemas.InvitationSecret) -> Any:
    """What a link invites to, for whoever holds it; sent, so that it stands in no log of addresses. One that is wrong,
    over, used or revoked is not there (404), always in the same words."""
    found = read_invitation(given.secret, timezone.now())
    owner = found.organisation
    return {
        "invitee": found.invitee,
        "organisation": owner.key if owner else None,
        "organisation_name": owner.name if owner else None,
        "role": found.role or None,
        "expires_at": found.expires_at,
    }


@router.post("/invitation/account", response=answers(schemas.MadeAccount), auth=None)
def make_account(request: HttpRequest, given: schemas.NewAccount) -> Any:
    """Accept an invitation with a new account, by whoever is not signed in. `consents` are purposes of `/api/consents`;
    without those that are needed there is no account."""
    person = accept_as_new(
        given.secret, given.username, given.password, consents=given.consents, actor=actor_of(request),
        now=timezone.now(),
    )  # fmt: skip
    return {"username": person.username}


@router.post("/invitation/acceptance", response=answers(schemas.MadeAccount))
def accept(request: HttpRequest, given: schemas.InvitationSecret) -> Any:
    """Accept an invitation to an organisation as whoever is signed in. By the session alone."""
    return {"username": accept_as_self(given.secret, actor=actor_of(request), now=timezone.now()).username}


def _invitation_row(invitation: Invitation) -> dict[str, Any]:
    own = ("identifier", "invitee", "invited_at", "expires_at", "accepted_at", "revoked_at")
    return {
        **{name: getattr(invitation, name) for name in own},
        "organisation": invitation.organisation.key if invitation.organisation else None,
        "role": invitation.role or None,
        "invited_by": invitation.invited_by.username if invitation.invited_by else None,
        "accepted_by": invitation.accepted_by.username if invitation.accepted_by else None,
    }


@router.get("/organisation-claims", response=answers(list[schemas.OrganisationClaim]))
def list_claims(request: HttpRequest) -> Any:
    """Claims to represent an organisation (认领): one's own; all for the operator and the auditor. Open ones first."""
    return [_claim_row(each) for each in queries.organisation_claims(actor_of(request))[:SHOWN]]


@router.post("/organisation-claims", response=answers(schemas.OrganisationClaim))
def claim(request: HttpRequest, given: schemas.NewClaim) -> Any:
    """Ask to represent an organisation, as its named representative (经办人), with its code and evidence: a file (about
    2.8 MB at most by this way; the page takes 20) or a note that says where it is. By the session alone."""
    actor = actor_of(request)
    file = given.file
    shown = Evidence(
        given.code, given.representative_name, given.contact, given.note, file.name if file else "",
        decoded(file.base64) if file else None,
    )  # fmt: skip
    made = claim_organisation(
        given.organisation, shown, directory=home_or_missing().files, actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return _claim_row(made)


def decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NoBase64, ValueError):
        raise InputError(
            [
                Problem(
                    Said("the file is no Base64", "文件不是 Base64"),
                    Said("encode the file's bytes", "请对文件的字节编码"),
                    field="base64",
                )
            ]
        ) from None


@router.post("/organisation-claims/withdrawal", response=answers(schemas.OrganisationClaim))
def withdraw(request: HttpRequest, given: schemas.ClaimWithdrawal) -> Any:
    """Take one's own claim back."""
    return _claim_row(withdraw_claim(given.claim, actor=actor_of(request), now=timezone.now()))


@router.post("/organisation-claims/decision", response=answers(schemas.OrganisationClaim))
def decide(request: HttpRequest, given: schemas.ClaimDecision) -> Any:
    """Approve or refuse, with the reason, which the claimant reads. The first approved becomes owner. For the operator,
    never on their own claim; approving into a role that keeps money asks for a second factor."""
    made = decide_claim(
        given.claim, approve=given.approve, because=given.because, role=Role(given.role) if given.role else None,
        actor=actor_of(request), now=timezone.now(),
    )  # fmt: skip
    return _claim_row(made)


@router.get("/organisation-claims/evidence", response=answers(schemas.ClaimEvidence))
def get_evidence(request: HttpRequest, claim: Annotated[str, Query(max_length=120)]) -> Any:
    """What was shown with a claim (`?claim=`). For whoever claims, the operator and the auditor."""
    stored, content = queries.evidence_of_claim(claim, actor_of(request))
    return {
        "name": stored.name,
        "media_type": stored.media_type,
        "sha256": stored.sha256,
        "base64": b64encode(content).decode(),
    }


def _claim_row(claim: Claim) -> dict[str, Any]:
    own = ("key", "code", "representative_name", "contact", "note", "state", "reason", "asked_at", "decided_at")
    return {
        **{name: getattr(claim, name) for name in own},
        "organisation": claim.organisation.key,
        "person": claim.person.username,
        "file": claim.file.sha256 if claim.file else None,
    }


@router.post("/second-factors/removal", response=answers(schemas.MadeAccount))
def remove_factor(request: HttpRequest, given: schemas.LostFactor) -> Any:
    """Take away the second factor of somebody who lost it, with the reason, which the audit log of the organisations
    they represent shows. For the operator, never their own; asks for a second factor."""
    actor = actor_of(request)
    person = remove_second_factor(
        given.username, because=given.because, actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return {"username": person.username}


@router.get("/consents", response=answers(list[schemas.Consent]))
def list_consents(request: HttpRequest) -> Any:
    """What people are asked to consent to, and to what whoever is signed in does."""
    return consent_rows(actor_of(request))


@router.post("/consents", response=answers(list[schemas.Consent]))
def consent(request: HttpRequest, given: schemas.ToConsent) -> Any:
    """Consent to a purpose. Given again, it is the one that stands. By the session alone."""
    actor = actor_of(request)
    give_consent(given.purpose, actor=actor, now=timezone.now())
    return consent_rows(actor)


@router.post("/consents/withdrawal", response=answers(list[schemas.Consent]))
def take_consent_back(request: HttpRequest, given: schemas.ToConsent) -> Any:
    """Withdraw a consent that is free to give. What was kept under `person-facts` is erased with it. By the session
    alone."""
    actor = actor_of(request)
    withdraw_consent(given.purpose, actor=actor, now=timezone.now())
    return consent_rows(actor)


def consent_rows(actor: Actor) -> list[dict[str, Any]]:
    return [
        {
            "purpose": each.purpose.id,
            "text": {"zh": each.purpose.zh, "en": each.purpose.en},
            "is_needed": each.purpose.is_needed,
            "given_at": each.given_at,
        }
        for each in queries.consents_of(actor)
    ]

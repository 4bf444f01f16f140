"""Who may do what. Predicates are small and named `can_*`; `require` turns a no into words."""

from siwei.errors import NotAllowed
from siwei.exchange.actors import Actor
from siwei.exchange.models import AgreementParty, Listing


def require(allowed: bool, actor: Actor, what: str) -> None:
    if not allowed:
        raise NotAllowed(f"{actor.name} may not {what} → act for the organisation concerned, or ask the operator")


def can_operate(actor: Actor) -> bool:
    return actor.is_operator


def can_act_for(actor: Actor, organisation_id: int | None) -> bool:
    """For the organisation's approved representatives, and the operator (whose acts the audit trail shows as such)."""
    return organisation_id is not None and (actor.is_operator or actor.represents(organisation_id))


def can_declare_for(actor: Actor, organisation_id: int) -> bool:
    """For the organisation's approved representatives alone: what a firm declares is its own word."""
    return actor.represents(organisation_id)


def can_change_listing(actor: Actor, listing: Listing) -> bool:
    own = actor.person_id is not None and listing.person_id == actor.person_id
    return own or can_act_for(actor, listing.organisation_id)


def can_sign_for(actor: Actor, party: AgreementParty) -> bool:
    own = actor.person_id is not None and party.person_id == actor.person_id
    return own or can_act_for(actor, party.organisation_id)

"""Who may do what. Predicates are small and named `can_*`; `require` turns a no into words.

    role      ordinary acts   sign   commit money   manage people
    owner          ✓            ✓          ✓              ✓
    manager        ✓            ✓          –              ✓ (members and managers)
    finance        ✓            –          ✓              –
    member         ✓            –          –              –

The city's own: an operator runs the exchange and may do ordinary acts for anybody, but signs, declares and commits
money for nobody, and judges nothing that concerns those they act for; a reviewer scores what is put before reviewers;
an auditor reads everything and writes nothing, which every action asks first (`forbid_readers`), whatever else it asks.
"""

import functools
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from siwei.errors import ConfirmationNeeded, NotAllowed, Said, chinese_of
from siwei.exchange.actors import TREASURERS, Actor, Confirmation, Role
from siwei.exchange.models import AgreementParty, Listing

P = ParamSpec("P")
R = TypeVar("R")
SIGNERS = frozenset({Role.OWNER, Role.MANAGER})
MANAGES: dict[Role, frozenset[Role]] = {
    Role.OWNER: frozenset(Role),
    # Not finance: whoever hands out a right to money must have it.
    Role.MANAGER: frozenset({Role.MANAGER, Role.MEMBER}),
}
"""Role → the roles it may grant, change and revoke."""


def require(allowed: bool, actor: Actor, what: str) -> None:
    if not allowed:
        raise NotAllowed(
            f"{actor.name} may not {what} → act for the organisation concerned, or ask the operator",
            f"{actor.name} 不能{chinese_of(what)} → 请以相关机构的身份操作，或联系运营方",
        )


def require_disinterested(
    actor: Actor, what: str, organisations: Iterable[int | None], persons: Iterable[int | None] = ()
) -> None:
    """What the city's people judge (a dispute, an objection, a score) is judged by nobody whose own matter it is."""
    own = any(each is not None and actor.represents(each) for each in organisations)
    if own or (actor.person_id is not None and actor.person_id in set(persons)):
        raise NotAllowed(
            f"{actor.name} may not {what}: it is their own matter → another one of the city's people decides it",
            f"{actor.name} 不能{chinese_of(what)}：此事与其本人或其所代表的机构有关 → 由本市另一人决定",
        )


def require_writer(actor: Actor, what: str) -> None:
    if not actor.may_write:
        reason = (
            Said("an auditor reads everything and writes nothing", "审计查阅一切，不作更改")
            if actor.is_auditor
            else Said("this access key only reads", "该访问密钥只能读取")
        )
        raise NotAllowed(f"{actor.name} may not {what} → {reason}", f"{actor.name} 不能做此事 → {chinese_of(reason)}")


def require_confirmation(actor: Actor, what: str) -> None:
    """For acts with money: `ConfirmationNeeded` unless a second factor was shown a moment ago."""
    words = {
        Confirmation.NO_FACTOR: Said(
            "set up a second factor under your account's security first", "请先在账号安全中设置第二重验证"
        ),
        Confirmation.STALE: Said("confirm with your second factor again", "请再次用第二重验证确认"),
        Confirmation.NOT_GRANTED: Said("use an access key with the scope money", "请使用有 money 权限的访问密钥"),
    }
    if actor.confirmation != Confirmation.GIVEN:
        raise ConfirmationNeeded(
            Said(
                f"{actor.name} may not {what} yet → {words[actor.confirmation]}",
                f"{actor.name} 尚不能做此事 → {chinese_of(words[actor.confirmation])}",
            ),
            actor.confirmation,
        )


def forbid_readers(function: Callable[P, R]) -> Callable[P, R]:
    """For what writes but is not one transaction (`siwei.exchange.audit.action` asks the same)."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        actor = kwargs.get("actor")
        if isinstance(actor, Actor):
            require_writer(actor, function.__name__.replace("_", " "))
        return function(*args, **kwargs)

    return run


def can_operate(actor: Actor) -> bool:
    return actor.is_operator


def can_review(actor: Actor) -> bool:
    return actor.is_reviewer


def can_see(actor: Actor, organisation_id: int | None) -> bool:
    """More of an organisation than its public facts: its own people, the operator, the auditor."""
    return actor.sees_all or actor.role_in(organisation_id) is not None


def can_act_for(actor: Actor, organisation_id: int | None) -> bool:
    """For the organisation's approved representatives, and the operator (whose acts the audit trail shows as such)."""
    return organisation_id is not None and (actor.is_operator or actor.represents(organisation_id))


def can_declare_for(actor: Actor, organisation_id: int) -> bool:
    """For the organisation's approved representatives alone: what a firm declares is its own word."""
    return actor.represents(organisation_id)


def can_prove_for(actor: Actor, organisation_id: int) -> bool:
    """For the operator, and of nobody whom they act for themselves."""
    return actor.is_operator and not actor.represents(organisation_id)


def can_commit_money_for(actor: Actor, organisation_id: int | None) -> bool:
    """Budgets, caps, approvals of money, keys that spend: the organisation's own treasurers and nobody else."""
    return actor.role_in(organisation_id) in TREASURERS


def can_manage_people_of(actor: Actor, organisation_id: int | None, role: Role = Role.MEMBER) -> bool:
    """Whether the actor may grant, change or revoke `role` there. The operator decides on claims, not on members."""
    own = actor.role_in(organisation_id)
    return own is not None and role in MANAGES.get(own, frozenset())


def can_approve_for(actor: Actor, organisation_id: int | None, role: Role) -> bool:
    """Whether the actor's word is that of `role` there: the role itself, or an owner."""
    return actor.role_in(organisation_id) in (role, Role.OWNER)


def can_change_listing(actor: Actor, listing: Listing) -> bool:
    own = actor.person_id is not None and listing.person_id == actor.person_id
    return own or can_act_for(actor, listing.organisation_id)


def can_speak_for(actor: Actor, party: AgreementParty) -> bool:
    """For ordinary words of a party to the others: the person, or any of the organisation's own; no operator."""
    own = actor.person_id is not None and party.person_id == actor.person_id
    return own or actor.role_in(party.organisation_id) is not None


def can_sign_for(actor: Actor, party: AgreementParty) -> bool:
    """A signature is the party's own: the person's, or an owner's or manager's of the organisation; no operator's."""
    own = actor.person_id is not None and party.person_id == actor.person_id
    return own or actor.role_in(party.organisation_id) in SIGNERS

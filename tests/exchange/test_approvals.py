"""A second person's word: asked for by amount, given by role, never to oneself."""

import dataclasses
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from exchange_cast import make_person
from exchange_deal import DAY, Deal

from siwei.errors import ConfirmationNeeded, Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import Actor, Confirmation, Role
from siwei.exchange.models import Approval, ApprovalRule, Hold, Person
from siwei.exchange.people import mandates
from siwei.exchange.trading import agreements, approvals


@dataclasses.dataclass
class Firm:
    deal: Deal
    owner: Actor
    manager: Actor
    finance: Actor

    def rule(self, role: Role, from_fen: int | None, actor: Actor | None = None) -> ApprovalRule | None:
        return approvals.set_approval_rule(
            "n-firm", role, from_fen, actor=actor or self.owner, now=self.deal.now, idempotency_key=f"{role}{from_fen}"
        )

    def approve(self, actor: Actor) -> Any:
        return approvals.approve_agreement("deal", actor=actor, now=self.deal.now, as_of=DAY)

    def refuse(self, actor: Actor, because: str = "too dear") -> Any:
        return approvals.refuse_approval("deal", because=because, actor=actor, now=self.deal.now)

    def propose(self) -> None:
        voucher = self.deal.voucher()
        self.deal.propose(self.deal.match(voucher), voucher)
        self.deal.budget()
        self.deal.sign(self.deal.cast.bob)


@pytest.fixture
def firm(deal: Deal) -> Firm:
    members = {role: make_person(role, deal.cast.firm, role).as_actor() for role in (Role.MANAGER, Role.FINANCE)}
    return Firm(deal, deal.cast.alice, members[Role.MANAGER], members[Role.FINANCE])


def test_from_a_threshold_on_a_signature_waits_for_a_second_person(firm: Firm) -> None:
    firm.rule(Role.FINANCE, 14_401)
    firm.propose()
    assert firm.deal.sign(firm.manager).state == "awaiting-approval"
    assert not Hold.objects.exists()
    with pytest.raises(NotAllowed):
        firm.approve(firm.manager)
    assert firm.approve(firm.finance).state == "signed"
    assert Hold.objects.count() == 2
    assert firm.approve(firm.finance).state == "signed"


def test_below_the_threshold_nobody_else_is_asked(firm: Firm) -> None:
    firm.rule(Role.FINANCE, 14_402)
    firm.propose()
    assert firm.deal.sign(firm.manager).state == "signed"
    assert not Approval.objects.exists()


def test_nobody_approves_what_they_asked_for(firm: Firm) -> None:
    firm.rule(Role.OWNER, 1)
    firm.propose()
    firm.deal.sign(firm.owner)
    with pytest.raises(NotAllowed, match="asked for themselves"):
        firm.approve(firm.owner)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.update(state="given", decided_by=firm.owner.person_id)
    other = make_person("second", firm.deal.cast.firm).as_actor()
    assert firm.approve(other).state == "signed"


def test_two_words_are_of_two_people(firm: Firm) -> None:
    firm.rule(Role.FINANCE, 1)
    firm.rule(Role.OWNER, 10_000)
    firm.propose()
    firm.deal.sign(firm.manager)
    assert firm.approve(firm.owner).state == "awaiting-approval"
    with pytest.raises(Conflict, match="two people"):
        firm.approve(firm.owner)
    assert firm.approve(firm.finance).state == "signed"
    assert set(Approval.objects.values_list("role", "decided_by__username")) == {
        ("finance", "finance"), ("owner", "alice"),
    }  # fmt: skip


def test_a_refusal_takes_the_signature_back(firm: Firm) -> None:
    firm.rule(Role.FINANCE, 1)
    firm.rule(Role.OWNER, 1)
    firm.propose()
    firm.deal.sign(firm.manager)
    firm.approve(firm.owner)
    with pytest.raises(InputError):
        firm.refuse(firm.finance, " ")
    assert firm.refuse(firm.finance).state == "proposed"
    assert set(Approval.objects.values_list("state", flat=True)) == {"lapsed", "refused"}
    # Signing again asks both anew.
    assert firm.deal.sign(firm.manager).state == "awaiting-approval"
    firm.approve(firm.finance)
    assert firm.approve(firm.owner).state == "signed"


def test_an_approval_that_comes_before_the_other_side_signs_waits_for_it(firm: Firm) -> None:
    firm.rule(Role.FINANCE, 1)
    voucher = firm.deal.voucher()
    firm.deal.propose(firm.deal.match(voucher), voucher)
    firm.deal.budget()
    assert firm.deal.sign(firm.manager).state == "proposed"
    assert firm.approve(firm.finance).state == "proposed"
    assert firm.deal.sign(firm.deal.cast.bob).state == "signed"


def test_a_cancelled_agreement_asks_nobody_any_more(firm: Firm) -> None:
    firm.rule(Role.FINANCE, 1)
    firm.propose()
    firm.deal.sign(firm.manager)
    agreements.cancel_agreement("deal", because="changed", actor=firm.manager, now=firm.deal.now)
    assert set(Approval.objects.values_list("state", flat=True)) == {"lapsed"}
    with pytest.raises(NotAllowed):
        firm.approve(firm.finance)


def test_who_makes_rules(firm: Firm) -> None:
    for actor in (firm.manager, firm.finance, firm.deal.cast.bob, firm.deal.cast.olive):
        with pytest.raises(NotAllowed):
            firm.rule(Role.FINANCE, 1, actor)
    with pytest.raises(ConfirmationNeeded):
        firm.rule(Role.FINANCE, 1, dataclasses.replace(firm.owner, confirmation=Confirmation.STALE))
    with pytest.raises(InputError):
        firm.rule(Role.MEMBER, 1)
    with pytest.raises(InputError):
        firm.rule(Role.FINANCE, -1)
    assert firm.rule(Role.FINANCE, 1) == firm.rule(Role.FINANCE, 1)
    assert firm.rule(Role.FINANCE, None) is None
    assert not ApprovalRule.objects.exists()


def test_the_other_side_sees_no_approval(firm: Firm) -> None:
    firm.rule(Role.FINANCE, 1)
    firm.propose()
    firm.deal.sign(firm.manager)
    seen = [
        Approval.objects.visible_to(actor).count()
        for actor in (firm.finance, firm.deal.cast.ann, firm.deal.cast.bob, firm.deal.cast.charlie)
    ]
    assert seen == [1, 1, 0, 0]


def test_another_account_of_the_same_mailbox_is_no_second_person(firm: Firm) -> None:
    firm.rule(Role.FINANCE, 1)
    Person.objects.filter(pk__in=(firm.manager.person_id, firm.finance.person_id)).update(email="li@firm.cn")
    firm.propose()
    firm.deal.sign(firm.manager)
    for act in (firm.approve, firm.refuse):
        with pytest.raises(NotAllowed, match="asked for themselves"):
            act(firm.finance)
    assert firm.approve(firm.owner).state == "signed"


def test_of_two_words_one_mailbox_gives_one(firm: Firm) -> None:
    firm.rule(Role.FINANCE, 1)
    firm.rule(Role.OWNER, 1)
    Person.objects.filter(pk__in=(firm.owner.person_id, firm.finance.person_id)).update(email="li@firm.cn")
    firm.propose()
    firm.deal.sign(firm.manager)
    firm.approve(firm.finance)
    with pytest.raises(Conflict, match="two people are asked for"):
        firm.approve(firm.owner)
    assert not Hold.objects.exists()


def test_who_approves_is_asked_when_they_do_it_and_who_signed_may_have_left(firm: Firm) -> None:
    firm.rule(Role.FINANCE, 1)
    firm.propose()
    firm.deal.sign(firm.manager)
    for name in ("finance", "manager"):
        mandates.end_mandate(
            "n-firm", name, because="left", actor=firm.owner, now=firm.deal.now, idempotency_key=f"end-{name}"
        )
    with pytest.raises(NotFound):  # who has left no longer sees what it is about
        firm.approve(Person.objects.get(username="finance").as_actor())
    assert not Hold.objects.exists()
    successor = make_person("successor", firm.deal.cast.firm, Role.FINANCE).as_actor()
    assert firm.approve(successor).state == "signed"

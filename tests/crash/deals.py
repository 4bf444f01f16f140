"""Agreements between two that need no listing: milestones, and one whose time runs out; and what may happen to any."""

import random
import time
from datetime import UTC, datetime, timedelta

from siwei.errors import Conflict
from siwei.exchange.models import Agreement, AgreementState, Approval, ApprovalState, Hold
from siwei.exchange.trading import agreements, approvals, deliveries, disputes
from siwei.exchange.trading.agreements import LineTerms, PartyTerms
from siwei.exchange.trading.delivery_plans import DeliveryTerms
from siwei.exchange.trading.holds import SETTLEMENT_GRACE
from siwei.portal.proposals import end_of
from tests.crash.asking import PATIENCE_S, Api, GivenUp, patiently
from tests.crash.town import Party, Town, actor

Ended = tuple[str, str]


def sign(api: Api, key: str, name: str, firm: Party, centre: Party, chance: random.Random) -> None:
    """Both sign, in any order. Where the firm's rule asks for a second person, that one says no first, now and then."""
    for each in chance.sample((firm, centre), 2):
        api.act("sign", key, each, f"sign-{name}-{each.key}")
    is_hesitant = chance.random() < 0.3
    if not patiently(lambda: Approval.objects.filter(agreement__key=key).exists(), "approvals"):
        return
    given, refused = (
        patiently(lambda state=state: Approval.objects.filter(agreement__key=key, state=state).exists(), "approvals")
        for state in (ApprovalState.GIVEN, ApprovalState.REFUSED)
    )
    second = firm.treasurers[0]
    if is_hesitant and not given and not refused:
        patiently(
            lambda: approvals.refuse_approval(key, because="超预算", actor=actor(second), now=datetime.now(UTC)),
            "refuse",
        )
        api.act("sign", key, firm, f"sign-{name}-again")
    patiently(lambda: approvals.approve_agreement(key, actor=actor(second), now=datetime.now(UTC)), "approve")


def scenario(api: Api, name: str, town: Town, firm: Party, centre: Party, chance: random.Random) -> Ended:
    """Milestones of the centre's, paid by the firm; one may be sent back first, one disputed, the first also after it
    was accepted. (With the last accepted all is delivered: a worker may settle it at any moment.)"""
    key, first, second = f"scenario-{name}", chance.randint(1, 90_000), chance.randint(1, 90_000)
    propose(key, firm, centre, (first, second), end_of(town.ends_on), datetime.now(UTC))
    sign(api, key, name, firm, centre, chance)
    for number, amount in ((1, first), (2, second)):
        api.act("submit", key, centre, f"submit-{name}-{number}", number=number, text="报告")
        course = chance.choices(("good", "sent back", "disputed", "regretted"), (4, 2, 2, 4 if number == 1 else 0))[0]
        if course == "sent back":
            api.act("reject", key, firm, f"reject-{name}-{number}", number=number, text="缺记录")
            api.act("submit", key, centre, f"again-{name}-{number}", number=number, text="补齐")
        if course == "disputed":
            haggle(api, key, f"{name}-{number}", number, chance.randint(0, amount), firm, centre, chance)
        else:
            api.act("accept", key, firm, f"accept-{name}-{number}", number=number)
        if course == "regretted":
            # It may be on its way to the bank by then, or paid.
            time.sleep(chance.uniform(0, 6))
            haggle(api, key, f"{name}-{number}", number, chance.randint(0, amount), firm, centre, chance)
    api.act("settle", key, centre, f"settle-{name}")
    return key, "settled"


def haggle(
    api: Api, key: str, name: str, number: int, amount: int, firm: Party, centre: Party, chance: random.Random
) -> None:
    """The firm takes a milestone for less: both agree on it, or the operator decides."""
    dispute = api.act("dispute", key, firm, f"dispute-{name}", number=number, text="不合格", amount=amount)["made"]
    api.act("answer", key, centre, f"answer-{name}", dispute=dispute, text="可以商量", amount=amount)
    if chance.random() < 0.5:
        api.act("agree", key, firm, f"agree-{name}", dispute=dispute)
    else:
        patiently(
            lambda: disputes.resolve_dispute(
                dispute, outcome=amount, because="按记录", actor=actor("olive"), now=datetime.now(UTC)
            ),
            "resolve",
        )


def grumble(api: Api, key: str, name: str, firm: Party, chance: random.Random) -> None:
    """A dispute of nothing in particular, taken back or decided."""
    dispute = api.act("dispute", key, firm, f"grumble-{name}", text="太慢")["made"]
    if chance.random() < 0.5:
        api.act("withdraw", key, firm, f"withdraw-{name}", dispute=dispute, text="已说明")
    else:
        patiently(
            lambda: disputes.resolve_dispute(
                dispute, outcome=None, because="无依据", actor=actor("olive"), now=datetime.now(UTC)
            ),
            "resolve",
        )


def lapse(api: Api, name: str, firm: Party, centre: Party, chance: random.Random) -> Ended:
    """Signed a month ago, so that its holds run out in a moment: it is cancelled in a race with the worker that gives
    them back, or something is delivered too late to be paid; or the day's run was quicker, and closed what was signed
    and never begun."""
    key, amount = f"lapse-{name}", chance.randint(1, 90_000)
    is_delivered, wait_s = chance.random() < 0.5, chance.uniform(0, 2)
    known = patiently(lambda: Agreement.objects.filter(key=key).first(), "agreement")
    ends_at = known.ends_at if known else datetime.now(UTC) - SETTLEMENT_GRACE + timedelta(seconds=1)
    then = ends_at - timedelta(seconds=1)
    propose(key, firm, centre, (amount,), ends_at, then)
    for each in (firm.owner, centre.owner):
        patiently(lambda each=each: agreements.sign_agreement(key, actor=actor(each), now=then), "sign")
    if patiently(lambda: Approval.objects.filter(agreement__key=key).exists(), "approvals"):
        second = firm.treasurers[0]
        patiently(lambda: approvals.approve_agreement(key, actor=actor(second), now=then), "approve")
    if not is_delivered:
        time.sleep(wait_s)
        told = api.act("cancel", key, firm, f"cancel-{name}", lambda: is_settled(key), text="过期")
        return key, "settled" if told is None else "cancelled"
    given = {"number": 1, "text": "迟到的报告"}
    if api.act("submit", key, centre, f"submit-{name}", lambda: is_settled(key), **given) is None:
        return key, "settled"
    wait_for_release(key)
    refuse_to_pay(key, firm)
    api.act("reject", key, firm, f"reject-{name}", number=1, text="已过期")
    api.act("settle", key, centre, f"settle-{name}")
    return key, "settled"


def is_settled(key: str) -> bool:
    return Agreement.objects.filter(key=key, state=AgreementState.SETTLED).exists()


def wait_for_release(key: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    placed = Hold.objects.filter(transfer__causes__agreement=key)
    while patiently(lambda: any(hold.remaining for hold in placed.all()), "holds"):
        if time.monotonic() > deadline:
            raise GivenUp(f"the holds of {key} ran out and are still held")
        time.sleep(0.1)


def refuse_to_pay(key: str, firm: Party) -> None:
    """What has run out pays nothing, whoever accepts it."""

    def accept() -> bool:
        if Agreement.objects.get(key=key).state == AgreementState.SETTLED:
            return True
        try:
            deliveries.accept_delivery(key, 1, actor=actor(firm.owner), now=datetime.now(UTC))
        except Conflict:
            return True
        return False

    if not patiently(accept, "accept"):
        raise GivenUp(f"{key} was paid from holds that had run out")


def propose(key: str, firm: Party, centre: Party, amounts: tuple[int, ...], ends_at: datetime, now: datetime) -> None:
    stages = [DeliveryTerms(f"第{number}阶段", 1, amount) for number, amount in enumerate(amounts, 1)]
    line = LineTerms(centre.key, firm.key, "试点", 1, "project", sum(amounts))
    patiently(
        lambda: agreements.propose_agreement(
            "scenario", [PartyTerms("owner", firm.key), PartyTerms("supplier", centre.key)], lines=[line],
            deliveries=stages, ends_at=ends_at, actor=actor(firm.owner), now=now, idempotency_key=key,
        ),
        "propose",
    )  # fmt: skip

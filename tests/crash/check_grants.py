"""What the database says of money awarded to persons: each award granted once out of its pot, and each fen of a grant
paid, owed, waiting or back in the pot."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from siwei.exchange.models import (
    Account,
    Application,
    ApplicationState,
    BankEntry,
    ClawBack,
    Grant,
    PaymentItem,
    PersonBankAccount,
    Pot,
    RoundState,
    SharingRound,
    Transfer,
)


def forgotten_rounds(ended: Sequence[str]) -> list[str]:
    """Rounds that the office ended, and the city knows otherwise: not awarded, or an award of it not granted; and
    supplementary ones that were begun, and not ended."""
    states = dict(SharingRound.objects.values_list("key", "state"))
    awarded = Application.objects.filter(state=ApplicationState.AWARDED, grant=None, shared_fen__gt=0)
    waiting = set(awarded.values_list("round__key", flat=True))
    found = [f"{key}: {states.get(key)}" for key in ended if states.get(key) != RoundState.AWARDED]
    begun = SharingRound.objects.filter(is_supplementary=True).exclude(state=RoundState.AWARDED)
    found += [f"{made.key}: begun, and {made.state}" for made in begun if made.key not in ended]
    return [*found, *(f"{key}: not granted" for key in ended if key in waiting)]


def granted_twice() -> dict[str, Counter[Any]]:
    moved = Transfer.objects.filter(kind="post", memo="grant").values_list("causes__application")
    live = PaymentItem.objects.filter(is_live=True)
    taken = Transfer.objects.filter(kind="post", memo__startswith="claw-back").values_list("causes__claw_back", "memo")
    rests = Application.objects.exclude(supplement_to=None)
    return {
        "grant": Counter(moved),
        "supplement": Counter(rests.values_list("round", "supplement_to")),
        "order of a grant": Counter(live.filter(rest=None).exclude(grant=None).values_list("grant")),
        "order of a rest": Counter(live.exclude(rest=None).values_list("rest")),
        "claw-back": Counter(taken),
        "to the treasury": Counter(Transfer.objects.filter(memo="treasury").values_list("causes__claw_back")),
        "repayment of an award": Counter(
            _repaid().values_list("causes__bank_entry", "causes__application", "causes__voucher")
        ),
    }


def misplaced_grants() -> dict[str, int]:
    """Fen that are not where they belong, by where."""
    found: dict[str, int] = {}
    granted, back, owed = (defaultdict[str, int](int) for _ in range(3))
    for grant in Grant.objects.select_related("pseudonym", "organisation", "transfer", "application"):
        payee = grant.granted_to.key
        granted[payee] += grant.amount_fen
        found[f"grant of {grant.application.key}: moved"] = grant.transfer.amount - grant.amount_fen
        found[f"grant of {grant.application.key}: shared"] = grant.amount_fen - (grant.application.shared_fen or 0)
        of_grant = ClawBack.objects.filter(grant=grant)
        taken = list(of_grant.values_list("returned_fen", "owed_fen"))
        came_back = _repaid().filter(causes__application=grant.application.key)
        kept = sum(of_grant.values_list("repaid_fen", flat=True))
        found[f"grant of {grant.application.key}: paid back"] = kept - sum(came_back.values_list("amount", flat=True))
        back[payee] += sum(returned for returned, _ in taken)
        owed[payee] += sum(owing for _, owing in taken)
        left = grant.amount_fen - sum(returned + owing for returned, owing in taken)
        found[f"grant of {grant.application.key}: clawed back beyond"] = min(0, left)
    for payee, fen in granted.items():
        paid = _paid(payee)
        found[f"grants of {payee}: not paid"] = _balance(f"CNY:grant:{payee}") - (fen - back[payee] - paid)
        repaid = sum(_repaid().filter(credit_account__code=f"CNY:claw-back:{payee}").values_list("amount", flat=True))
        found[f"grants of {payee}: owed"] = -_balance(f"CNY:claw-back:{payee}") - (owed[payee] - repaid)
        found[f"grants of {payee}: paid back beyond"] = max(0, repaid - owed[payee])
        found[f"grants of {payee}: owed beyond what was paid"] = max(0, owed[payee] - _ever_paid(payee))
    came = BankEntry.objects.filter(reference__startswith="award-", state="matched").values_list(
        "amount_fen", flat=True
    )
    found["paid back of awards"] = sum(came) - sum(_repaid().values_list("amount", flat=True))
    for pot in Pot.objects.all():
        into = Transfer.objects.filter(credit_account=pot.account_id, memo__startswith="claw-back")
        onward = Transfer.objects.filter(debit_account=pot.account_id, memo="treasury")
        due = sum(into.values_list("amount", flat=True)) if pot.returns == "treasury" else 0
        found[f"pot of {pot.programme}: to the treasury"] = sum(onward.values_list("amount", flat=True)) - due
    found |= _beyond_claims()
    for made in SharingRound.objects.prefetch_related("applications"):
        shared = sum(each.shared_fen or 0 for each in made.applications.all())
        found[f"{made.key}: shared beyond"] = max(0, shared - made.budget_fen)
    return {where: fen for where, fen in found.items() if fen}


def _beyond_claims() -> dict[str, int]:
    """Fen that a claim got of its first round and of supplementary ones, net of what came back, beyond it."""
    standing = (ApplicationState.SHARED, ApplicationState.AWARDED)
    got: dict[int, int] = defaultdict(int)
    for pk, first, shared in Application.objects.filter(state__in=standing).values_list(
        "pk", "supplement_to", "shared_fen"
    ):
        got[first or pk] += shared or 0
    taken = ClawBack.objects.values_list(
        "grant__application", "grant__application__supplement_to", "returned_fen", "owed_fen"
    )
    for pk, first, returned, owed in taken:
        got[first or pk] -= returned + owed
    claims = dict(Application.objects.filter(pk__in=list(got)).values_list("pk", "claim_fen"))
    return {f"claim {pk}: beyond it": max(0, fen - claims[pk]) for pk, fen in got.items()}


def paid_to_nobody() -> list[str]:
    """Accounts that ended before any bank was told of them, and are still readable."""
    over = PersonBankAccount.objects.exclude(ended_at=None).exclude(sealed=None)
    return list(over.exclude(orders__batch__state="exported").values_list("key", flat=True))


def _repaid() -> QuerySet[Transfer]:
    """What came in for awards taken back and was booked as that."""
    return Transfer.objects.filter(memo="repaid", credit_account__purpose="claw-back")


def _balance(code: str) -> int:
    found = Account.objects.filter(code=code).first()
    return found.balance if found else 0


def _paid(payee: str) -> int:
    account = Account.objects.filter(code=f"CNY:paid:{payee}")
    into = Transfer.objects.filter(kind="capture", credit_account__in=account).values_list("amount", flat=True)
    back = Transfer.objects.filter(kind="reverse", debit_account__in=account).values_list("amount", flat=True)
    return sum(into) - sum(back)


def _ever_paid(payee: str) -> int:
    account = Account.objects.filter(code=f"CNY:paid:{payee}")
    return sum(Transfer.objects.filter(kind="capture", credit_account__in=account).values_list("amount", flat=True))

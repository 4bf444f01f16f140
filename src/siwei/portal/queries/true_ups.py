"""Awards decided again: what changed, why, by which entries; and what waits for the operator's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from siwei.exchange.actors import Actor
from siwei.exchange.awards.true_ups import award_of, awarded_by, has_acted
from siwei.exchange.models import Account, ClawBack, Decision, Transfer, TrueUp, Voucher
from siwei.exchange.payments.repayments import Debt
from siwei.policy.programmes import Verdict
from siwei.portal.languages import choose

MOST_ENTRIES = 4
"""Of one true-up: more from the pot, back to it, claimed back, on to the treasury."""
SHOWN = 100


@dataclass(frozen=True, slots=True)
class TrueUpLine:
    done: TrueUp
    entries: list[Transfer]

    @property
    def sentence(self) -> str:
        return _sentence(self.done.decision)


@dataclass(frozen=True, slots=True)
class Owed:
    """What a payee is to pay back of one award, and how much of it came."""

    account: Account
    programme: str
    application: str
    """Or empty, where a voucher was taken back."""
    voucher: str
    owed_fen: int
    repaid_fen: int

    @property
    def claimed_fen(self) -> int:
        return self.owed_fen + self.repaid_fen


@dataclass(frozen=True, slots=True)
class Waiting:
    """A later decision on what a voucher was granted for, which nobody acted on yet."""

    voucher: Voucher
    decision: Decision
    before_fen: int
    after_fen: int

    @property
    def sentence(self) -> str:
        return _sentence(self.decision)


def true_ups(actor: Actor) -> QuerySet[TrueUp]:
    found = TrueUp.objects.visible_to(actor).select_related("voucher__pot", "voucher__organisation", "decision")
    return found.order_by("-at", "-pk")


def with_entries(found: Sequence[TrueUp]) -> list[TrueUpLine]:
    """One query, whatever their number."""
    keys = {f"true-up:{each.key}:{number}": each.pk for each in found for number in range(MOST_ENTRIES)}
    entries = Transfer.objects.filter(idempotency_key__in=list(keys)).select_related(
        "debit_account__owner", "credit_account__owner"
    )
    by_owner: dict[int, list[Transfer]] = {}
    for entry in entries.order_by("pk"):
        by_owner.setdefault(keys[entry.idempotency_key], []).append(entry)
    return [TrueUpLine(each, by_owner.get(each.pk, [])) for each in found]


def owed(actor: Actor) -> list[Owed]:
    """What organisations and persons owe, or have paid back, award by award, for what was taken back after it was spent
    or paid: what is owed first."""
    taken = ClawBack.objects.visible_to(actor).filter(owed_fen__gt=0).select_related("grant__application__pot")
    spent = TrueUp.objects.visible_to(actor).filter(clawed_back_fen__gt=0).select_related("voucher__pot")
    debts = [*map(Debt, taken.order_by("-at")), *map(Debt, spent.order_by("-at"))]
    accounts = {
        (each.owner_id, each.pseudonym_id): each
        for each in Account.objects.filter(purpose="claw-back").select_related("owner", "pseudonym")
    }
    found: dict[tuple[str, str], Owed] = {}
    for debt in debts:
        before = found.get(debt.award)
        owed_fen, repaid_fen = (before.owed_fen, before.repaid_fen) if before else (0, 0)
        found[debt.award] = Owed(
            accounts[debt.payee_ids], debt.programme, *debt.award, owed_fen + debt.left_fen,
            repaid_fen + debt.claim.repaid_fen,
        )  # fmt: skip
    return sorted(found.values(), key=lambda each: (-each.owed_fen, each.account.code))[:SHOWN]


def waiting(actor: Actor) -> list[Waiting]:
    """Final decisions on a voucher's organisation and programme, later than the one it was granted on, where they
    award something else than it is worth now."""
    later = Decision.objects.filter(
        organisation=OuterRef("organisation"), programme=OuterRef("pot__programme"), is_draft=False,
        decided_at__gt=OuterRef("decision__decided_at"),
    )  # fmt: skip
    vouchers = Voucher.objects.visible_to(actor).filter(Exists(later))
    found: list[Waiting] = []
    for voucher in vouchers.select_related("pot", "organisation", "decision").order_by("-pk")[:SHOWN]:
        decisions = Decision.objects.visible_to(actor).filter(
            organisation=voucher.organisation, programme=voucher.pot.programme, is_draft=False,
            subject=voucher.decision.subject,
            decided_at__gt=voucher.decision.decided_at,
        )  # fmt: skip
        used = voucher.true_ups.values("decision")
        latest = decisions.exclude(verdict=Verdict.CANNOT_TELL).exclude(pk__in=used).order_by("-decided_at").first()
        if latest is None or has_acted(latest, voucher):
            continue
        after = awarded_by(latest, voucher)
        if after != award_of(voucher):
            found.append(Waiting(voucher, latest, award_of(voucher), after))
    return found


def _sentence(decision: Decision) -> str:
    """Why, as the decision says it."""
    told = decision.result.get("sentence") or {}
    return choose(told.get("zh"), told.get("en"))

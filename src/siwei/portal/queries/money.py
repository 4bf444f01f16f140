"""Money as it stands on the ledger: public pots, and an organisation's own accounts."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F, Q, Sum

from siwei.exchange.actors import Actor
from siwei.exchange.models import Account, Hold, Pot, Transfer, TransferKind, Voucher
from siwei.exchange.payments.traces import Money, money_of


@dataclass(frozen=True, slots=True)
class PublicMoney:
    """Public support: granted as vouchers, held for signed agreements, paid for metered use, returned unspent; and
    granted as money, to be paid by order."""

    budget_fen: int
    granted_fen: int
    awarded_fen: int
    held_fen: int
    paid_fen: int
    returned_fen: int


def public_money() -> PublicMoney:
    """Sums over the whole city. Only totals leave here: what one firm was paid is scoped."""
    holds = Hold.objects.filter(transfer__lines_by_voucher__isnull=False).aggregate(
        held=Sum(F("amount") - F("captured") - F("released")), paid=Sum("captured"), returned=Sum("released")
    )
    granted = Voucher.objects.aggregate(total=Sum("cap_fen"))["total"]
    budget = Pot.objects.aggregate(total=Sum("budget_fen"))["total"]
    return PublicMoney(
        budget or 0, granted or 0, _awarded_fen(), holds["held"] or 0, holds["paid"] or 0, holds["returned"] or 0
    )


def _awarded_fen() -> int:
    """Out of the pots as money, less what was taken back into them before it was paid."""
    moving = Transfer.objects.filter(kind__in=(TransferKind.POST, TransferKind.REVERSE))
    out = moving.filter(debit_account__purpose="pot", credit_account__purpose="grant").aggregate(fen=Sum("amount"))
    back = moving.filter(debit_account__purpose="grant", credit_account__purpose="pot").aggregate(fen=Sum("amount"))
    return (out["fen"] or 0) - (back["fen"] or 0)


def pots(actor: Actor, programme: str = "") -> list[Pot]:
    found = Pot.objects.visible_to(actor).select_related("account").order_by("programme", "period")
    return list(found.filter(programme=programme) if programme else found)


@dataclass(frozen=True, slots=True)
class PotBoard:
    """A pot and where its money is; `key` is what a trace of it is asked by."""

    key: str
    programme: str
    period: str
    money: Money
    returns: str
    """Where what comes back goes, by the version that opened it."""


def pot_boards(actor: Actor) -> list[PotBoard]:
    """For the operator and the auditor."""
    return [
        PotBoard(f"{pot.programme}:{pot.period}", pot.programme, pot.period, money_of(pot), pot.returns)
        for pot in pots(actor)
    ]


def accounts_of(organisation_id: int, actor: Actor) -> list[Account]:
    return list(Account.objects.visible_to(actor).filter(owner_id=organisation_id).order_by("code"))


def entries_of(organisation_id: int, actor: Actor, limit: int = 50) -> list[Transfer]:
    """The latest entries on an organisation's accounts, newest first."""
    return list(
        Transfer.objects.visible_to(actor)
        .filter(Q(debit_account__owner_id=organisation_id) | Q(credit_account__owner_id=organisation_id))
        .select_related("debit_account__owner", "credit_account__owner")
        .order_by("-pk")[:limit]
    )


def vouchers_of(organisation_id: int, actor: Actor) -> list[Voucher]:
    return list(
        Voucher.objects.visible_to(actor)
        .filter(organisation_id=organisation_id)
        .select_related("account", "decision")
        .order_by("key")
    )

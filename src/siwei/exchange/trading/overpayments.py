"""What a decided dispute takes back: from what its payer has not ordered yet; the rest was paid, or is on its way, and
the provider owes it. Nobody else's money pays it: a provider's receivable holds what all its customers owe.
"""

from collections.abc import Collection
from datetime import datetime

from django.db.models import F

from siwei.exchange.ledger.accounts import Payee, overpaid_account, receivable_account
from siwei.exchange.ledger.actions import Entry, write_transfer
from siwei.exchange.models import (
    Account,
    AgreementLine,
    Dispute,
    Organisation,
    Overpayment,
    PaymentPart,
    TransferKind,
)
from siwei.exchange.trading.payments_due import Due, unordered_fen

PARTS = (PaymentPart.VOUCHER, PaymentPart.OWN)
OVERPAID = ":overpaid"


def repayment_key(dispute: str, part: PaymentPart, suffix: str = "") -> str:
    return f"dispute:{dispute}:{part}{suffix}"


def repayment_keys(dispute: str) -> list[str]:
    """Under which what a dispute took back is entered, as far as there is any."""
    return [repayment_key(dispute, part, suffix) for part in PARTS for suffix in ("", OVERPAID)]


def take_back(
    dispute: str, line: AgreementLine, part: PaymentPart, amount_fen: int, to: Account, now: datetime
) -> None:
    """Move so much of what the line was settled for to whom it came from. Part of an action that decides the dispute;
    once for each part."""
    payer = line.consumer if part == PaymentPart.OWN else None
    receivable, overpaid = receivable_account(line.provider), overpaid_account(line.provider)
    codes = [receivable.code, overpaid.code, to.code]
    locked = {each.code: each for each in Account.objects.select_for_update().filter(code__in=codes).order_by("pk")}
    there = min(amount_fen, max(0, unordered_fen(payer, line.provider)), locked[receivable.code].available)
    causes = {"agreement": line.agreement.key, "line": line.number, "dispute": dispute}
    for source, fen, suffix in ((receivable, there, ""), (overpaid, amount_fen - there, OVERPAID)):
        if fen:
            entry = Entry(TransferKind.POST, source, to, fen, memo="dispute resolved", causes=causes)
            write_transfer(entry, key=repayment_key(dispute, part, suffix), now=now)
    if amount_fen > there:
        Overpayment.objects.create(
            dispute=Dispute.objects.get(key=dispute), part=part, payer=payer, payee=line.provider,
            amount_fen=amount_fen - there,
        )  # fmt: skip


def lock_receivables(payees: Collection[Payee]) -> None:
    """Until the transaction ends no dispute takes back what is about to be ordered, and no other order counts it."""
    keys = [each.pk for each in payees if isinstance(each, Organisation)]
    accounts = Account.objects.filter(owner__in=keys, purpose__in=("receivable", "overpaid"))
    list(accounts.select_for_update().order_by("pk").values_list("pk"))


def set_off(due: Due, order: str, now: datetime) -> None:
    """What the payee owes for the disputes among the reasons of an order leaves its receivable with it: the order is
    that much smaller. Withdrawn or not paid, the order's reasons are due again, and this is done already."""
    disputes = {(item.dispute.pk, item.part): item.dispute.key for item in due.items if item.dispute is not None}
    if not disputes:
        return
    owed = Overpayment.objects.select_for_update(of=("self",)).filter(dispute__in={pk for pk, _ in disputes})
    for each in owed.select_related("payee").order_by("pk"):
        key, fen = disputes.get((each.dispute_id, PaymentPart(each.part))), each.owed_fen
        if key is not None and fen:
            accounts = receivable_account(each.payee), overpaid_account(each.payee)
            causes = {"dispute": key, "order": order}
            entry = Entry(TransferKind.POST, *accounts, fen, memo="set off", causes=causes)
            write_transfer(entry, key=f"set-off:{key}:{each.part}", now=now)
            Overpayment.objects.filter(pk=each.pk).update(set_off_fen=F("set_off_fen") + fen)

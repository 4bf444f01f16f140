"""Money that comes in because somebody was paid too much (`overpayments`, `claw_backs`): a person books it."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import F

from siwei.errors import Conflict, NotFound, Said
from siwei.exchange.accounts import bank_account, overpaid_account
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action
from siwei.exchange.ledger import Entry, write_transfer
from siwei.exchange.models import Account, BankEntry, EntryState, Finding, Overpayment, TransferKind
from siwei.exchange.reconciliation import decide_entry, key_of, open_entry, tell_of
from siwei.exchange.state_words import word_zh
from siwei.market.bank import Direction, exact_yuan


@money_action
def repay_overpayment(
    account_number: str, reference: str, dispute: str, *, because: str, actor: Actor, now: datetime
) -> BankEntry:
    """Say that money which came in is what a provider was paid too much, as that dispute found: its difference goes,
    and as much of what is owed. For those who keep the account's money. Again: nothing changes."""
    entry = open_entry(account_number, reference, actor, Said("book the repayment of", "登记还款："))
    found = Overpayment.objects.filter(dispute__key=dispute, payer=entry.organisation_id).select_related("payee")
    owed = found.first()
    if owed is None:
        raise NotFound(
            f"nothing that was paid from this account is owed for dispute {dispute!r:.130}",
            f"该账户没有因争议 {dispute!r:.130} 而应收回的款项",
        )
    account = Account.objects.select_for_update().get(pk=overpaid_account(owed.payee).pk)
    owed = found.select_for_update(of=("self",)).get()
    causes = {"dispute": dispute}
    booked = book_repayment(entry, account, owed.owed_fen, causes, "repay_overpayment", because, actor, now)
    if booked is None:
        return entry
    Overpayment.objects.filter(pk=owed.pk).update(repaid_fen=F("repaid_fen") + entry.amount_fen)
    return booked


def book_repayment(
    entry: BankEntry,
    account: Account,
    owed_fen: int,
    causes: Mapping[str, str],
    name: str,
    because: str,
    actor: Actor,
    now: datetime,
) -> BankEntry | None:
    """Move what came in from the difference it is to the (locked) account that stands below zero by what is owed; None
    where this entry repaid it before. Part of the action `name`, whose event it writes."""
    key, reference = key_of(entry), entry.reference
    if entry.state != EntryState.OPEN:
        if account.credits.filter(idempotency_key=f"{key}:repaid").exists():
            return None
        raise Conflict(
            f"entry {reference} is {entry.state} already", f"流水 {reference} 已处于“{word_zh(entry.state)}”"
        )
    if entry.direction != Direction.IN or entry.finding != Finding.RECEIVED:
        raise Conflict(
            f"entry {reference} is {entry.finding}: only what came in repays what is owed",
            f"流水 {reference} 为“{word_zh(entry.finding)}”：只有收款才能抵还",
        )
    if entry.amount_fen > owed_fen:
        came, left = exact_yuan(entry.amount_fen), exact_yuan(owed_fen)
        raise Conflict(
            f"{came} came in, and {left} is owed → explain the entry",
            f"收到 {came}，应还 {left} → 请对该流水作说明",
        )
    difference = bank_account("bank-difference", entry.organisation)
    moved = Entry(
        TransferKind.POST, difference, account, entry.amount_fen, memo="repaid", causes={"bank_entry": key, **causes}
    )
    write_transfer(moved, key=f"{key}:repaid", now=now)
    changed = decide_entry(entry, EntryState.MATCHED, because, actor, now)
    tell_of(name, key, changed, None, now, actor, because)
    return changed


def overpaid_to(entry: BankEntry) -> list[Overpayment]:
    """What an entry that came in may pay back: owed to its account, and no less than it brought."""
    if entry.direction != Direction.IN or entry.finding != Finding.RECEIVED or entry.state != EntryState.OPEN:
        return []
    owed = F("amount_fen") - F("set_off_fen") - F("repaid_fen")
    found = Overpayment.objects.filter(payer=entry.organisation_id).annotate(left_fen=owed)
    return list(found.filter(left_fen__gte=entry.amount_fen).select_related("dispute", "payee").order_by("pk")[:5])

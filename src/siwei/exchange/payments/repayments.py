"""Money that comes in because somebody was paid too much (`overpayments`, `claw_backs`): a person books it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import require_disinterested
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action
from siwei.exchange.ledger.accounts import Payee, bank_account, claw_back_account, overpaid_account
from siwei.exchange.ledger.actions import Entry, write_transfer
from siwei.exchange.models import (
    Account,
    BankEntry,
    ClawBack,
    EntryState,
    Finding,
    Grant,
    Overpayment,
    TransferKind,
    TrueUp,
    Voucher,
)
from siwei.exchange.payments.reconciliation import decide_entry, key_of, open_entry, tell_of
from siwei.exchange.state_words import word_zh
from siwei.market.bank import Direction, exact_yuan

SUGGESTED = 5


@dataclass(frozen=True, slots=True)
class OwedAward:
    """What a payee owes of its awards, and the one of them that was claimed back last."""

    payee: Payee
    owed_fen: int
    programme: str
    application: str = ""
    voucher: str = ""


@money_action
def repay_claw_back(
    account_number: str,
    reference: str,
    application_key: str = "",
    voucher_key: str = "",
    *,
    because: str,
    actor: Actor,
    now: datetime,
) -> BankEntry:
    """Say that money which came in is what is owed for an award taken back: the grant of an application, or a voucher.
    Its difference goes, and as much of what its payee owes of all its awards. Again: nothing changes."""
    entry = open_entry(account_number, reference, actor, Said("book the repayment of", "登记还款："))
    payee = _payee_of(entry, application_key, voucher_key)
    account = Account.objects.select_for_update().get(pk=claw_back_account(payee).pk)
    causes = {"application": application_key} if application_key else {"voucher": voucher_key}
    return book_repayment(entry, account, -account.balance, causes, "repay_claw_back", because, actor, now) or entry


def _payee_of(entry: BankEntry, application_key: str, voucher_key: str) -> Payee:
    if bool(application_key) == bool(voucher_key):
        told = Said("which award is paid back is not said", "未说明退还的是哪一项扶持")
        raise InputError([Problem(told, Said("name an application or a voucher", "请填写一份申报或一张券"))])
    if application_key:
        grants = Grant.objects.select_related("organisation", "pseudonym")
        grant = grants.filter(application__key=application_key).first()
        if grant is None or entry.organisation_id is not None:
            raise NotFound(
                f"nothing was granted on {application_key!r:.130} from this account",
                f"该账户没有为申报 {application_key!r:.130} 给予资金",
            )
        return grant.granted_to
    voucher = Voucher.objects.select_related("organisation").filter(key=voucher_key).first()
    if voucher is None or entry.organisation_id is not None:
        raise NotFound(
            f"no voucher {voucher_key!r:.130} is paid from this account", f"该账户没有支付过券 {voucher_key!r:.130}"
        )
    return voucher.organisation


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
    if entry.organisation_id is None:
        # Or an office could say of somebody else's money that it pays what its own firm owes.
        persons = [account.pseudonym.person_id] if account.pseudonym else []
        require_disinterested(actor, Said("book this repayment", "登记该笔还款"), [account.owner_id], persons)
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
    tell_of(name, key, changed, None, now, actor, because, payee_id=account.owner_id)
    return changed


def overpaid_to(entry: BankEntry) -> list[Overpayment]:
    """What an entry that came in may pay back: owed to its account, and no less than it brought."""
    if not _may_repay(entry):
        return []
    owed = F("amount_fen") - F("set_off_fen") - F("repaid_fen")
    found = Overpayment.objects.filter(payer=entry.organisation_id).annotate(left_fen=owed)
    return list(found.filter(left_fen__gte=entry.amount_fen).select_related("dispute", "payee").order_by("pk")[:5])


def owed_awards(entries: Sequence[BankEntry]) -> list[list[OwedAward]]:
    """Whose awards taken back each entry of the city's account may pay back: who owes no less than it brought, whom it
    names first. Three queries at most, however many entries there are."""
    may = [entry.organisation_id is None and _may_repay(entry) for entry in entries]
    if not any(may):
        return [[] for _ in entries]
    accounts = Account.objects.filter(purpose="claw-back", balance__lt=0).select_related("owner", "pseudonym")
    owing = list(accounts.order_by("pk"))
    debtors = [_debtors_of(entry, owing) if able else [] for entry, able in zip(entries, may, strict=True)]
    owed = _last_awards({account.pk: account for each in debtors for account in each})
    return [[owed[account.pk] for account in each] for each in debtors]


def _debtors_of(entry: BankEntry, owing: Sequence[Account]) -> list[Account]:
    def is_other(account: Account) -> bool:
        if entry.name:
            return account.owner is None or account.owner.name != entry.name
        return account.pseudonym_id is None or account.pseudonym_id != entry.pseudonym_id

    return sorted((each for each in owing if -each.balance >= entry.amount_fen), key=is_other)[:SUGGESTED]


def _last_awards(accounts: Mapping[int, Account]) -> dict[int, OwedAward]:
    """By account: what its holder owes, and the award that was claimed back last."""
    firms = [each.owner_id for each in accounts.values() if each.owner_id]
    persons = [each.pseudonym_id for each in accounts.values() if each.pseudonym_id]
    of_payees = Q(grant__organisation__in=firms) | Q(grant__pseudonym__in=persons)
    taken = ClawBack.objects.filter(of_payees, owed_fen__gt=0).select_related("grant__application__pot").order_by("at")
    grants = {(each.grant.organisation_id, each.grant.pseudonym_id): each for each in taken}
    done = TrueUp.objects.filter(voucher__organisation__in=firms, clawed_back_fen__gt=0)
    vouchers = {each.voucher.organisation_id: each for each in done.select_related("voucher__pot").order_by("at")}
    return {
        pk: _owed_by(each, grants.get((each.owner_id, each.pseudonym_id)), vouchers.get(each.owner_id or 0))
        for pk, each in accounts.items()
    }


def _owed_by(account: Account, grant: ClawBack | None, voucher: TrueUp | None) -> OwedAward:
    payee = account.owner or account.pseudonym
    assert payee is not None, account.code
    if voucher is not None and (grant is None or voucher.at > grant.at):
        return OwedAward(payee, -account.balance, voucher.voucher.pot.programme, voucher=voucher.voucher.key)
    assert grant is not None, account.code
    application = grant.grant.application
    return OwedAward(payee, -account.balance, application.pot.programme, application=application.key)


def _may_repay(entry: BankEntry) -> bool:
    return entry.direction == Direction.IN and entry.finding == Finding.RECEIVED and entry.state == EntryState.OPEN

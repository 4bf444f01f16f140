"""Money that comes in because somebody was paid too much (`overpayments`, `claw_backs`): a person books it."""

from collections.abc import Callable, Mapping, Sequence
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
    """What is owed still of one award that was taken back, and what its payee owes of all of them."""

    payee: Payee
    owed_fen: int
    in_all_fen: int
    programme: str
    application: str = ""
    voucher: str = ""


@dataclass(frozen=True, slots=True)
class Debt:
    """A claim for what was paid or spent of one award; `left_fen` of it did not come in yet."""

    claim: ClawBack | TrueUp

    @property
    def left_fen(self) -> int:
        return self.claim.left_fen

    @property
    def award(self) -> tuple[str, str]:
        """The application's key, or the voucher's."""
        if isinstance(self.claim, ClawBack):
            return self.claim.grant.application.key, ""
        return "", self.claim.voucher.key

    @property
    def programme(self) -> str:
        if isinstance(self.claim, ClawBack):
            return self.claim.grant.application.pot.programme
        return self.claim.voucher.pot.programme

    @property
    def payee_ids(self) -> tuple[int | None, int | None]:
        """The organisation's, or the pseudonym's."""
        if isinstance(self.claim, ClawBack):
            return self.claim.grant.organisation_id, self.claim.grant.pseudonym_id
        return self.claim.voucher.organisation_id, None


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
    Its difference goes, and as much of what is owed of that award; what is left of it goes to the payee's other awards
    that were taken back, the oldest claim first, each by an entry of its own. Again: nothing changes."""
    entry = open_entry(account_number, reference, actor, Said("book the repayment of", "登记还款："))
    payee = _payee_of(entry, application_key, voucher_key)
    account = Account.objects.select_for_update().get(pk=claw_back_account(payee).pk)
    # Under the account's lock, which whoever claims something back takes too.
    debts = sorted(_debts_of([account]), key=lambda debt: debt.award != (application_key, voucher_key))
    if not is_to_be_booked(entry, account, sum(debt.left_fen for debt in debts), actor):
        return entry
    if not debts or debts[0].award != (application_key, voucher_key):
        raise Conflict(
            f"nothing is owed any more for {application_key or voucher_key} → name an award that is owed for",
            f"{application_key or voucher_key} 已无应退款项 → 请填写仍有应退款项的扶持",
        )
    shares = _share_out(entry.amount_fen, debts)
    for debt, fen in shares:
        type(debt.claim).objects.filter(pk=debt.claim.pk).update(repaid_fen=F("repaid_fen") + fen)
    return book_repayment(entry, account, _by_award(shares), "repay_claw_back", because, actor, now)


def _share_out(amount_fen: int, debts: Sequence[Debt]) -> list[tuple[Debt, int]]:
    """In their order, each up to what is left of it."""
    shares = []
    for debt in debts:
        fen = min(amount_fen, debt.left_fen)
        if fen:
            shares.append((debt, fen))
        amount_fen -= fen
    assert amount_fen == 0, amount_fen
    return shares


def _by_award(shares: Sequence[tuple[Debt, int]]) -> list[tuple[dict[str, str], int]]:
    """What each entry names, and its amount: one for an award, however often it was claimed back."""
    found: dict[tuple[str, str], int] = {}
    for debt, fen in shares:
        found[debt.award] = found.get(debt.award, 0) + fen
    return [
        ({"application": application} if application else {"voucher": voucher}, fen)
        for (application, voucher), fen in found.items()
    ]


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
    if not is_to_be_booked(entry, account, owed.owed_fen, actor):
        return entry
    Overpayment.objects.filter(pk=owed.pk).update(repaid_fen=F("repaid_fen") + entry.amount_fen)
    parts = [({"dispute": dispute}, entry.amount_fen)]
    return book_repayment(entry, account, parts, "repay_overpayment", because, actor, now)


def is_to_be_booked(entry: BankEntry, account: Account, owed_fen: int, actor: Actor) -> bool:
    """False where this entry repaid that (locked) account before; `Conflict` where it cannot."""
    if entry.organisation_id is None:
        # Or an office could say of somebody else's money that it pays what its own firm owes.
        persons = [account.pseudonym.person_id] if account.pseudonym else []
        require_disinterested(actor, Said("book this repayment", "登记该笔还款"), [account.owner_id], persons)
    key, reference = key_of(entry), entry.reference
    if entry.state != EntryState.OPEN:
        if account.credits.filter(idempotency_key=f"{key}:repaid").exists():
            return False
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
    return True


def book_repayment(
    entry: BankEntry,
    account: Account,
    parts: Sequence[tuple[Mapping[str, str], int]],
    name: str,
    because: str,
    actor: Actor,
    now: datetime,
) -> BankEntry:
    """Move what came in, part by part, from the difference it is to the (locked) account that stands below zero by what
    is owed. Part of the action `name`, whose event it writes."""
    difference, key = bank_account("bank-difference", entry.organisation), key_of(entry)
    for number, (causes, fen) in enumerate(parts, 1):
        moved = Entry(TransferKind.POST, difference, account, fen, memo="repaid", causes={"bank_entry": key, **causes})
        write_transfer(moved, key=f"{key}:repaid" + (f":{number}" if number > 1 else ""), now=now)
    changed = decide_entry(entry, EntryState.MATCHED, because, actor, now)
    tell_of(name, key, changed, None, now, actor, because, payee_id=account.owner_id)
    return changed


def overpaid_to(entries: Sequence[BankEntry]) -> list[list[Overpayment]]:
    """What each entry that came in may pay back: owed to its account, and no less than it brought. One query."""
    may = [each for each in entries if _may_repay(each)]
    if not may:
        return [[] for _ in entries]
    payers = {each.organisation_id for each in may}
    firms = Q(payer__in=[each for each in payers if each is not None])
    owed = F("amount_fen") - F("set_off_fen") - F("repaid_fen")
    found = Overpayment.objects.annotate(left_fen=owed).filter(
        firms | Q(payer=None) if None in payers else firms, left_fen__gte=min(each.amount_fen for each in may)
    )
    owing: list[Overpayment] = list(found.select_related("dispute__agreement", "payee").order_by("pk"))

    def of(entry: BankEntry) -> list[Overpayment]:
        mine = [each for each in owing if each.payer_id == entry.organisation_id and each.owed_fen >= entry.amount_fen]
        return mine[:SUGGESTED] if _may_repay(entry) else []

    return [of(entry) for entry in entries]


def owed_awards(entries: Sequence[BankEntry]) -> list[list[OwedAward]]:
    """Which awards taken back each entry of the city's account may pay back: those of whoever owes no less than it
    brought, whom it names first, and of whom those first that are owed exactly that. Three queries at most."""
    may = [entry.organisation_id is None and _may_repay(entry) for entry in entries]
    if not any(may):
        return [[] for _ in entries]
    accounts = Account.objects.filter(purpose="claw-back", balance__lt=0).select_related("owner", "pseudonym")
    owing = list(accounts.order_by("pk"))
    debtors = [_debtors_of(entry, owing) if able else [] for entry, able in zip(entries, may, strict=True)]
    named = {account.pk: account for each in debtors for account in each}
    owed: dict[int, list[OwedAward]] = {pk: [] for pk in named}
    for award in _owed_by(list(named.values())):
        owed[award[0]].append(award[1])
    return [
        [award for account in each for award in sorted(owed[account.pk], key=_other_than(entry.amount_fen))][:SUGGESTED]
        for entry, each in zip(entries, debtors, strict=True)
    ]


def _other_than(amount_fen: int) -> Callable[[OwedAward], tuple[bool, bool]]:
    return lambda award: (award.owed_fen != amount_fen, award.owed_fen < amount_fen)


def _debtors_of(entry: BankEntry, owing: Sequence[Account]) -> list[Account]:
    def is_other(account: Account) -> bool:
        if entry.name:
            return account.owner is None or account.owner.name != entry.name
        return account.pseudonym_id is None or account.pseudonym_id != entry.pseudonym_id

    return sorted((each for each in owing if -each.balance >= entry.amount_fen), key=is_other)[:SUGGESTED]


def _debts_of(accounts: Sequence[Account]) -> list[Debt]:
    """What is owed still by the holders of these `claw-back` accounts, claim by claim, the oldest first."""
    firms = [each.owner_id for each in accounts if each.owner_id]
    persons = [each.pseudonym_id for each in accounts if each.pseudonym_id]
    of_payees = Q(grant__organisation__in=firms) | Q(grant__pseudonym__in=persons)
    taken = ClawBack.objects.filter(of_payees, owed_fen__gt=F("repaid_fen"))
    spent = TrueUp.objects.filter(voucher__organisation__in=firms, clawed_back_fen__gt=F("repaid_fen"))
    found = [
        *(Debt(each) for each in taken.select_related("grant__application__pot").order_by("at", "pk")),
        *(Debt(each) for each in spent.select_related("voucher__pot").order_by("at", "pk")),
    ]
    return sorted(found, key=lambda debt: debt.claim.at)


def _owed_by(accounts: Sequence[Account]) -> list[tuple[int, OwedAward]]:
    """With the account of who owes it."""
    by_holder = {(each.owner_id, each.pseudonym_id): each for each in accounts}
    left: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], Debt] = {}
    for debt in _debts_of(accounts):
        left[debt.award] = left.get(debt.award, 0) + debt.left_fen
        first.setdefault(debt.award, debt)
    found = []
    for award, debt in first.items():
        account = by_holder[debt.payee_ids]
        payee = account.owner or account.pseudonym
        assert payee is not None, account.code
        found.append((account.pk, OwedAward(payee, left[award], -account.balance, debt.programme, *award)))
    return found


def _may_repay(entry: BankEntry) -> bool:
    return entry.direction == Direction.IN and entry.finding == Finding.RECEIVED and entry.state == EntryState.OPEN

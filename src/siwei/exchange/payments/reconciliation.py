"""What the bank did beside what was ordered: matched by end-to-end id, then by a person's word; what is left over
stands on the ledger as a difference until somebody explains it. Nothing is lost.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from siwei.errors import Conflict, InputError, NotFound, Problem, Said, chinese_of
from siwei.exchange.access import can_commit_money_for, can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action, record_event
from siwei.exchange.ledger.accounts import Payee, bank_account, paid_account
from siwei.exchange.ledger.actions import Entry, of_hold, of_reversal, write_transfer
from siwei.exchange.models import (
    BankEntry,
    BatchState,
    EntryState,
    Finding,
    OrderRest,
    OrderState,
    Organisation,
    PaymentItem,
    PaymentOrder,
    RestKind,
    StatementFile,
    Transfer,
    TransferKind,
)
from siwei.exchange.payments.payment_files import creditor_of
from siwei.exchange.payments.payment_orders import find_order
from siwei.exchange.payments.person_entries import Persons, columns_of
from siwei.exchange.people.vault import Erased
from siwei.exchange.state_words import word_zh
from siwei.market.bank import Direction, StatementEntry, exact_yuan

LATE_AFTER_DAYS = 5
RELATED = ("payee", "creditor", "pseudonym", "person_creditor__pseudonym")
"""Of an order: whom it pays, and where."""
WAITING = (OrderState.ORDERED, OrderState.PART_PAID)
PAID_SOMETHING = (OrderState.PAID, OrderState.PART_PAID, OrderState.ENDED)
IDENTIFIER = re.compile(r"SW\d{8}-[0-9A-F]{8}-\d{1,4}")
"""As `payments.make_batch` makes them; some banks give only the remittance text back."""


@dataclass(slots=True)
class Match:
    """What an entry turned out to be. `to` is where its unordered money went on the ledger, if it is a payee's."""

    finding: Finding
    order: PaymentOrder | None = None
    difference_fen: int = 0
    to: Payee | None = None


def take_entry(file: StatementFile, entry: StatementEntry, persons: Persons, now: datetime) -> BankEntry:
    """Write an entry of a statement, with what it means for the order it names; what it says of one of `persons` is
    sealed. Inside the importer's transaction."""
    order = _named_order(entry, file.organisation)
    key = _key(file.account_number, entry.reference)
    match = _paid_out(entry, order, key, now) if entry.direction == Direction.OUT else _came_in(entry, order, key, now)
    difference = _post_difference(match, entry.direction, file.organisation, key, now)
    of = match.order.pseudonym if match.order else None
    if of is None and file.organisation is None:
        of = persons.find(entry)
    row = BankEntry.objects.create(
        file=file, row=entry.row, organisation=file.organisation, account_number=file.account_number,
        reference=entry.reference, booked_on=entry.booked_on, direction=entry.direction, amount_fen=entry.amount_fen,
        end_to_end_id=entry.end_to_end_id, **columns_of(entry, of, key),
        finding=match.finding, state=EntryState.OPEN if difference else EntryState.MATCHED, order=match.order,
        difference_fen=match.difference_fen, difference=difference,
    )  # fmt: skip
    if match.order is not None:
        tell_of(f"bank_{match.finding}".replace("-", "_"), key, row, match.order, now)
    return row


@money_action
def match_entry(
    account_number: str, reference: str, end_to_end_id: str, *, because: str, actor: Actor, now: datetime
) -> BankEntry:
    """Say that an unordered payment was this order's: by amount and name, and a person's word. Its difference goes."""
    entry = open_entry(account_number, reference, actor, Said("match", "对上"))
    order = find_order(end_to_end_id, actor)
    if entry.state != EntryState.OPEN:
        if entry.order_id == order.pk and entry.state == EntryState.MATCHED:
            return entry
        raise Conflict(
            f"entry {reference} is {entry.state} already", f"流水 {reference} 已处于“{word_zh(entry.state)}”"
        )
    if order.batch.payer_id != entry.organisation_id:
        raise Conflict(
            f"order {end_to_end_id} is paid from another account", f"付款指令 {end_to_end_id} 由另一账户支付"
        )
    left = order.amount_fen - order.paid_fen
    if entry.direction != Direction.OUT or entry.finding not in (Finding.NOT_ORDERED, Finding.OTHER_PAYEE):
        raise Conflict(
            f"entry {reference} is {entry.finding}: only a payment that names no order is matched by hand",
            f"流水 {reference} 为“{word_zh(entry.finding)}”：只有未写明指令的付款才由人工对上",
        )
    if order.state not in WAITING or order.batch.state != BatchState.EXPORTED or left != entry.amount_fen:
        raise Conflict(
            f"order {end_to_end_id} is {order.state}, {exact_yuan(left)} of it open; "
            f"paid was {exact_yuan(entry.amount_fen)}",
            f"付款指令 {end_to_end_id} 处于“{word_zh(order.state)}”，未付 {exact_yuan(left)}；"
            f"此次支付 {exact_yuan(entry.amount_fen)}",
        )
    assert entry.difference is not None
    key = _key(entry.account_number, entry.reference)
    write_transfer(of_reversal(entry.difference, memo="matched"), key=f"{key}:matched", now=now)
    _capture(order, entry.amount_fen, entry.booked_on, key, now)
    changed = decide_entry(entry, EntryState.MATCHED, because, actor, now, order=order, finding=Finding.PAID)
    tell_of("match_entry", key, changed, order, now, actor, because)
    return changed


@money_action
def explain_entry(account_number: str, reference: str, *, because: str, actor: Actor, now: datetime) -> BankEntry:
    """Close a difference by saying what it was (a bank's fee, an advance of the treasury, money claimed back)."""
    entry = open_entry(account_number, reference, actor, Said("explain", "说明"))
    if entry.state == EntryState.EXPLAINED:
        return entry
    if entry.state != EntryState.OPEN:
        raise Conflict(
            f"entry {reference} is {entry.state}: there is no difference to explain",
            f"流水 {reference} 处于“{word_zh(entry.state)}”：没有可说明的差异",
        )
    key = f"{_key(entry.account_number, entry.reference)}:explained"
    accounts = bank_account("bank-explained", entry.organisation), bank_account("bank-difference", entry.organisation)
    debit, credit = accounts if entry.direction == Direction.OUT else accounts[::-1]
    causes = {"bank_entry": entry.reference}
    written = Entry(TransferKind.POST, debit, credit, entry.difference_fen, memo="explained", causes=causes)
    write_transfer(written, key=key, now=now)
    changed = decide_entry(entry, EntryState.EXPLAINED, because, actor, now)
    tell_of("explain_entry", key, changed, entry.order, now, actor, because)
    return changed


def late_orders(actor: Actor, as_of: date, days: int = LATE_AFTER_DAYS) -> Sequence[PaymentOrder]:
    """Exported, to be paid `days` ago or longer, and not (wholly) paid as far as statements say."""
    found = PaymentOrder.objects.visible_to(actor).filter(
        state__in=WAITING, batch__state=BatchState.EXPORTED, batch__execute_on__lte=as_of - timedelta(days=days)
    )
    return list(found.select_related("batch__payer", *RELATED).order_by("batch__execute_on", "pk"))


def _named_order(entry: StatementEntry, holder: Organisation | None) -> PaymentOrder | None:
    """The order whose identifier the bank gave back, of this holder's and gone to the bank."""
    told = [entry.end_to_end_id, *IDENTIFIER.findall(entry.remittance)]
    found = PaymentOrder.objects.select_related("batch__payer", "hold", *RELATED)
    for identifier in filter(None, told):
        order = found.filter(end_to_end_id=identifier, batch__payer=holder, batch__state=BatchState.EXPORTED).first()
        if order is not None:
            return order
    return None


def _paid_out(entry: StatementEntry, order: PaymentOrder | None, key: str, now: datetime) -> Match:
    amount = entry.amount_fen
    if order is None:
        return Match(Finding.NOT_ORDERED, None, amount)
    if entry.account and _is_other_account(entry.account, order):
        return Match(Finding.OTHER_PAYEE, order, amount)
    if order.state == OrderState.PAID:
        return Match(Finding.PAID_TWICE, order, amount, order.paid_to)
    if order.state not in WAITING:
        # Said to be rejected or returned, and paid all the same: nothing is held for it any more.
        return Match(Finding.NOT_ORDERED, order, amount, order.paid_to)
    left = order.amount_fen - order.paid_fen
    _capture(order, min(amount, left), entry.booked_on, key, now)
    if amount > left:
        return Match(Finding.OVERPAID, order, amount - left, order.paid_to)
    return Match(Finding.PAID if amount == left else Finding.PART_PAID, order)


def _is_other_account(number: str, order: PaymentOrder) -> bool:
    try:
        return creditor_of(order).number != number
    except Erased:
        # A person's records are destroyed long after any bank pays; then the identifier alone is known.
        return False


def _came_in(entry: StatementEntry, order: PaymentOrder | None, key: str, now: datetime) -> Match:
    amount = entry.amount_fen
    if order is None:
        return Match(Finding.RECEIVED, None, amount)
    too_much = BankEntry.objects.filter(
        order=order, state=EntryState.OPEN, finding__in=(Finding.OVERPAID, Finding.PAID_TWICE), difference_fen=amount
    ).first()
    if too_much is not None:
        assert too_much.difference is not None
        write_transfer(of_reversal(too_much.difference, memo="returned"), key=f"{key}:returned", now=now)
        reason = f"returned on {entry.booked_on}, {entry.reference}"
        BankEntry.objects.filter(pk=too_much.pk).update(state=EntryState.MATCHED, reason=reason, decided_at=now)
        return Match(Finding.RETURNED, order)
    if order.state not in (OrderState.PAID, OrderState.PART_PAID) or amount != order.paid_fen:
        return Match(Finding.RECEIVED, order, amount)
    if OrderRest.objects.filter(order=order, kind=RestKind.RETURNED).exists():
        # A part came back before: how much of this is that order's is for a person to say (`partial_returns`).
        return Match(Finding.RECEIVED, order, amount)
    captured = Transfer.objects.filter(hold=order.hold, kind=TransferKind.CAPTURE, reversals=None)
    for number, transfer in enumerate(captured.select_related("debit_account", "credit_account").order_by("pk")):
        write_transfer(of_reversal(transfer, memo="returned"), key=f"{key}:returned:{number}", now=now)
    _release_rest(order, key, now)
    values = {"state": OrderState.RETURNED, "paid_fen": 0, "reason": f"returned by the bank on {entry.booked_on}"}
    PaymentOrder.objects.filter(pk=order.pk).update(**values)
    PaymentItem.objects.filter(order=order).update(is_live=False)
    return Match(Finding.RETURNED, order)


def _key(account_number: str, reference: str) -> str:
    """Told by account and reference; the number itself is not for everybody who reads events and transfers."""
    return f"bank:{hashlib.sha256(account_number.encode()).hexdigest()[:12]}:{reference}"


def key_of(entry: BankEntry) -> str:
    return _key(entry.account_number, entry.reference)


def _release_rest(order: PaymentOrder, key: str, now: datetime) -> None:
    left = order.amount_fen - order.paid_fen
    if left:
        write_transfer(of_hold(TransferKind.RELEASE, order.hold, left, "returned"), key=f"{key}:rest", now=now)


def _capture(order: PaymentOrder, amount: int, on: date, key: str, now: datetime) -> None:
    """The bank paid so much of the order; with the last fen it is paid."""
    causes = {"order": order.end_to_end_id, "batch": order.batch.message_id, "bank_entry": key}
    write_transfer(of_hold(TransferKind.CAPTURE, order.hold, amount, "paid", causes), key=f"{key}:paid", now=now)
    paid = order.paid_fen + amount
    state = OrderState.PAID if paid == order.amount_fen else OrderState.PART_PAID
    same = PaymentOrder.objects.filter(pk=order.pk, state=order.state, paid_fen=order.paid_fen)
    if not same.update(state=state, paid_fen=paid, paid_on=on):
        raise Conflict(
            f"order {order.end_to_end_id} was changed by somebody else → import the statement again",
            f"付款指令 {order.end_to_end_id} 已被他人更改 → 请重新导入对账单",
        )
    order.state, order.paid_fen, order.paid_on = state, paid, on


def _post_difference(
    match: Match, direction: str, holder: Organisation | None, key: str, now: datetime
) -> Transfer | None:
    if not match.difference_fen:
        return None
    other = paid_account(match.to) if match.to else bank_account("bank-unordered", holder)
    difference = bank_account("bank-difference", holder)
    debit, credit = (difference, other) if direction == Direction.OUT else (other, difference)
    causes = {"bank_entry": key, "finding": str(match.finding)}
    causes |= {"order": match.order.end_to_end_id} if match.order else {}
    entry = Entry(TransferKind.POST, debit, credit, match.difference_fen, memo="bank difference", causes=causes)
    return write_transfer(entry, key=f"{key}:difference", now=now)


def open_entry(account_number: str, reference: str, actor: Actor, what: str) -> BankEntry:
    found = BankEntry.objects.visible_to(actor).select_related("organisation", "order", "difference", "pseudonym")
    entry = found.filter(account_number=account_number, reference=reference).first()
    if entry is None:
        raise NotFound(f"no bank entry {reference!r:.80}", f"没有银行流水 {reference!r:.80}")
    own = entry.organisation_id
    allowed = can_operate(actor) if own is None else can_commit_money_for(actor, own)
    require(allowed, actor, Said(f"{what} entries of this account", f"{chinese_of(what)}该账户的流水"))
    return entry


def decide_entry(
    entry: BankEntry, state: EntryState, because: str, actor: Actor, now: datetime, **values: Any
) -> BankEntry:
    if not 0 < len(because.strip()) <= 1_000:
        raise InputError(
            [
                Problem(
                    Said("a reason is wanted", "须说明理由"),
                    Said("say in a few words why", "请用几句话说明原因"),
                    field="because",
                )
            ]
        )
    values |= {"state": state, "reason": because.strip(), "decided_by_id": actor.person_id, "decided_at": now}
    if not BankEntry.objects.filter(pk=entry.pk, state=EntryState.OPEN).update(**values):
        raise Conflict(
            f"entry {entry.reference} was decided by somebody else → look again",
            f"流水 {entry.reference} 已由他人处理 → 请重新查看",
        )
    return BankEntry.objects.select_related("organisation", "order").get(pk=entry.pk)


def tell_of(
    name: str,
    key: str,
    entry: BankEntry,
    order: PaymentOrder | None,
    now: datetime,
    actor: Actor | None = None,
    because: str = "",
    payee_id: int | None = None,
) -> None:
    """The payer's people and the payee's read what became of their order, or of what the payee paid back."""
    organisations = {entry.organisation_id, order.payee_id if order else None, payee_id} - {None}
    payload: dict[str, Any] = {"amount_fen": entry.amount_fen, "booked_on": entry.booked_on.isoformat()}
    payload |= {"because": because} if because else {}
    record_event(
        name, key, {}, subject=f"payment_order:{order.end_to_end_id}" if order else f"bank_entry:{entry.reference}",
        actor=actor or Actor(name="bank"), now=now, organisations=[each for each in organisations if each is not None],
        payload=payload,
    )  # fmt: skip

"""What entries of a bank that agree with no order may have been: told beside them, and decided by a person."""

from collections.abc import Sequence

from django.db.models import F, Q

from siwei.exchange.models import BankEntry, BatchState, EntryState, PaymentOrder
from siwei.exchange.payments.bank_accounts import normalised
from siwei.exchange.payments.payment_files import creditor_of
from siwei.exchange.payments.person_entries import Told, told_of
from siwei.exchange.payments.reconciliation import PAID_SOMETHING, RELATED, WAITING, key_of
from siwei.exchange.people.vault import Erased
from siwei.market import bank
from siwei.market.bank import Direction

LOOKED_AT = 2_000
"""Orders, at most, among which it is looked what entries may have been."""


def suggestions(entry: BankEntry) -> list[PaymentOrder]:
    """Orders that an unordered payment may have been: the same amount, and the same name or account. Of what came in,
    orders that it may be a part of: the one that the bank named, or those that paid that name or account as much."""
    return suggestions_of([entry])[0]


def suggestions_of(entries: Sequence[BankEntry]) -> list[list[PaymentOrder]]:
    """Of each what `suggestions` says, by three queries however many they are, and among the LOOKED_AT that were
    exported first, or paid last."""
    open_ = [each for each in entries if each.state == EntryState.OPEN]
    out = [each for each in open_ if each.direction != Direction.IN]
    came = [each for each in open_ if each.direction == Direction.IN]
    unpaid, paid, named = _unpaid_like(out), _paid_like([each for each in came if each.order_id is None]), _named(came)
    creditors: dict[int, bank.BankAccount | None] = {}

    def of(entry: BankEntry) -> list[PaymentOrder]:
        if entry.state != EntryState.OPEN:
            return []
        if entry.direction == Direction.IN and entry.order_id is not None:
            order = named.get(entry.order_id)
            return [order] if order is not None and order.paid_fen >= entry.amount_fen else []
        told = told_of(entry, key_of(entry))
        if entry.direction == Direction.IN:
            fits = [each for each in paid if each.paid_fen >= entry.amount_fen]
            return _paid_to(told, [each for each in fits if _pays(each, entry)], creditors)[:5]
        fits = [each for each in unpaid if each.amount_fen - each.paid_fen == entry.amount_fen]
        return _paid_to(told, [each for each in fits if _pays(each, entry)], creditors)

    return [of(entry) for entry in entries]


def _unpaid_like(entries: Sequence[BankEntry]) -> list[PaymentOrder]:
    """Exported orders that wait for what one of these moved."""
    if not entries:
        return []
    waiting = PaymentOrder.objects.annotate(left_fen=F("amount_fen") - F("paid_fen")).filter(
        _of_payers(entries), batch__state=BatchState.EXPORTED, state__in=WAITING,
        left_fen__in={each.amount_fen for each in entries},
    )  # fmt: skip
    return list(waiting.select_related("batch", *RELATED).order_by("batch__exported_at", "number")[:LOOKED_AT])


def _paid_like(entries: Sequence[BankEntry]) -> list[PaymentOrder]:
    """Orders of which as much was paid as the least of these brought."""
    if not entries:
        return []
    paid = PaymentOrder.objects.filter(
        _of_payers(entries), state__in=PAID_SOMETHING, paid_fen__gte=min(each.amount_fen for each in entries)
    )
    return list(paid.select_related("batch", *RELATED).order_by("-paid_on", "-pk")[:LOOKED_AT])


def _named(entries: Sequence[BankEntry]) -> dict[int, PaymentOrder]:
    numbers = {each.order_id for each in entries if each.order_id is not None}
    if not numbers:
        return {}
    found = PaymentOrder.objects.filter(pk__in=numbers, state__in=PAID_SOMETHING)
    return {order.pk: order for order in found.select_related(*RELATED)}


def _of_payers(entries: Sequence[BankEntry]) -> Q:
    payers = {each.organisation_id for each in entries}
    firms = Q(batch__payer__in=[each for each in payers if each is not None])
    return firms | Q(batch__payer=None) if None in payers else firms


def _pays(order: PaymentOrder, entry: BankEntry) -> bool:
    return order.batch.payer_id == entry.organisation_id


def _paid_to(
    told: Told, orders: Sequence[PaymentOrder], creditors: dict[int, bank.BankAccount | None]
) -> list[PaymentOrder]:
    """Those of `orders` that went to whom an entry tells of. A person's account is opened once, for all entries."""
    name = normalised(told.name)

    def is_payee(order: PaymentOrder) -> bool:
        if order.pk not in creditors:
            creditors[order.pk] = _creditor_of(order)
        creditor = creditors[order.pk]
        if creditor is None:
            return False
        return creditor.number == told.counter_account or bool(name and normalised(creditor.name) == name)

    return [order for order in orders if is_payee(order)]


def _creditor_of(order: PaymentOrder) -> bank.BankAccount | None:
    try:
        return creditor_of(order)
    except Erased:
        return None

"""The payment desk, differences and invoices, as pages and the API show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Prefetch, Q, QuerySet, prefetch_related_objects
from django.utils import timezone

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.models import (
    Application,
    BankAccount,
    BankEntry,
    BatchState,
    EntryState,
    Invoice,
    OrderRest,
    Organisation,
    Overpayment,
    PaymentBatch,
    PaymentFile,
    PaymentOrder,
    StatementFile,
    StatementReject,
    StatusFile,
    StatusLine,
)
from siwei.exchange.models.payments import CITY
from siwei.exchange.payments.payment_batches import find_batch, keeps_money_of
from siwei.exchange.payments.payment_files import sent_content
from siwei.exchange.payments.reconciliation import late_orders
from siwei.exchange.payments.repayments import OwedAward, overpaid_to, owed_awards
from siwei.exchange.payments.suggestions import suggestions_of
from siwei.exchange.trading.payments_due import Due, dues_of, payments_due

SHOWN = 200


@dataclass(frozen=True, slots=True)
class PayerDesk:
    """What one payer (none: the city) has to pay, and from which account."""

    payer: Organisation | None
    due: list[Due]
    account: BankAccount | None

    @property
    def key(self) -> str:
        return self.payer.key if self.payer else CITY

    @property
    def orderable_fen(self) -> int:
        return sum(due.amount_fen for due in self.due if not due.hindrance)


@dataclass(frozen=True, slots=True)
class Desk:
    payers: list[PayerDesk]
    batches: list[PaymentBatch]
    received: list[PaymentOrder]
    accounts: list[tuple[str, str, BankAccount | None]]
    """Holder's key, name, and the account as it stands, of those whose money the actor keeps."""


@dataclass(frozen=True, slots=True)
class BatchView:
    batch: PaymentBatch
    orders: list[PaymentOrder]
    files: list[PaymentFile]
    can_see_numbers: bool
    may_pay: bool
    """Whether the reader keeps the payer's money: approves, sends, withdraws."""
    reports: list[StatusFile]
    """What the bank said of it, newest first."""


@dataclass(frozen=True, slots=True)
class Differences:
    waiting: list[tuple[BankEntry, list[PaymentOrder], list[Overpayment], list[OwedAward]]]
    """Each with the orders it may have been, and what it may pay back: to a provider's customer, or of awards."""
    decided: list[BankEntry]
    late: list[PaymentOrder]
    files: list[StatementFile]
    rejects: list[StatementReject]


def desks_of(payers: Sequence[Organisation | None], actor: Actor) -> list[PayerDesk]:
    """What these have to pay; the city's stands there with nothing due as well."""
    accounts = _accounts(actor)
    due = dues_of([payer for payer in payers if payer is not None])
    desks = [
        PayerDesk(payer, due[payer.pk], accounts.get(payer.key)) if payer else
        PayerDesk(None, payments_due(None), accounts.get(CITY))
        for payer in payers
    ]  # fmt: skip
    return [each for each in desks if each.due or each.payer is None]


def payment_desk(actor: Actor, payers: Sequence[Organisation | None]) -> Desk:
    """With what the `payers` have to pay, of those that the actor sees."""
    accounts = _accounts(actor)
    kept = Organisation.objects.visible_to(actor).filter(pk__in=actor.treasury_ids).order_by("name", "pk")
    holders = [(each.key, each.name) for each in kept] + ([(CITY, "")] if actor.sees_all else [])
    received = PaymentOrder.objects.visible_to(actor).filter(payee_id__in=actor.organisation_ids)
    return Desk(
        desks_of(payers, actor),
        list(batches(actor)[:SHOWN]),
        list(received.select_related("batch__payer", "payee").order_by("-batch__made_at", "-pk")[:SHOWN]),
        [(key, name, accounts.get(key)) for key, name in holders],
    )


def _accounts(actor: Actor) -> dict[str, BankAccount]:
    return {each.holder: each for each in BankAccount.objects.visible_to(actor).filter(ended_at=None)}


def batches(actor: Actor) -> QuerySet[PaymentBatch]:
    """Newest first, with how many orders are paid."""
    found = PaymentBatch.objects.visible_to(actor).select_related("payer", "debtor", "first_by", "second_by", "made_by")
    return found.annotate(paid_count=Count("orders", filter=Q(orders__state="paid"))).order_by("-made_at", "-pk")


def batch_view(message_id: str, actor: Actor) -> BatchView:
    find_batch(message_id, actor)
    batch = batches(actor).get(message_id=message_id)
    orders = batch.orders.select_related("payee", "creditor", "pseudonym", "person_creditor").prefetch_related(
        "items__settlement__agreement", "items__dispute__agreement", "items__grant__application__pot",
        "items__rest__order__batch", "items__rest__entry", _rests(),
    )  # fmt: skip
    files = PaymentFile.objects.visible_to(actor).filter(batch=batch).order_by("form")
    sees = actor.sees_all or batch.payer_id in actor.treasury_ids
    lines = StatusLine.objects.select_related("order").order_by("position")
    reports = StatusFile.objects.visible_to(actor).filter(batch=batch).prefetch_related(Prefetch("lines", lines))
    return BatchView(
        batch, list(orders.order_by("number")), list(files), sees, actor.may_write and keeps_money_of(actor, batch),
        list(reports.order_by("-imported_at", "-pk")),
    )  # fmt: skip


def _rests() -> Prefetch[str]:
    found = OrderRest.objects.select_related("made_by", "first_by", "second_by", "entry").order_by("number")
    return Prefetch("rests", found)


def payment_file(message_id: str, form: str, actor: Actor) -> PaymentFile:
    """As it went to the bank."""
    batch = find_batch(message_id, actor)
    found = PaymentFile.objects.visible_to(actor).filter(batch=batch, form=form).first()
    if found is None:
        raise NotFound(
            f"batch {message_id} was not written as {form!r:.20} → export it first",
            f"批次 {message_id} 未写成 {form!r:.20} → 请先导出",
        )
    return found


def file_text(file: PaymentFile, actor: Actor) -> str:
    """As it went to the bank; for the auditor without what it says of persons. Raises Erased where the records of one
    are destroyed."""
    return file.content if actor.is_auditor else sent_content(file)


def orders_of(application: Application, actor: Actor) -> list[PaymentOrder]:
    """That paid, or are to pay, what was granted on it: also what was missing of one before; newest first."""
    orders = PaymentOrder.objects.visible_to(actor)
    grants = orders.filter(items__grant__application=application)
    rests = orders.filter(items__rest__order__items__grant__application=application)
    return sorted({*grants, *rests}, key=lambda order: -order.pk)


def differences(actor: Actor) -> Differences:
    entries = BankEntry.objects.visible_to(actor).select_related(
        "organisation", "order__payee", "order__pseudonym", "file", "decided_by", "pseudonym"
    )
    waiting = list(entries.filter(state=EntryState.OPEN).order_by("booked_on", "pk")[:SHOWN])
    decided = entries.exclude(state=EntryState.OPEN).exclude(reason="").order_by("-decided_at", "-pk")[:50]
    files = StatementFile.objects.visible_to(actor).select_related("organisation").order_by("-imported_at", "-pk")[:50]
    rejects = StatementReject.objects.visible_to(actor).select_related("file").order_by("-pk")[:50]
    late = late_orders(actor, timezone.localdate())[:SHOWN]
    prefetch_related_objects(late, _rests())
    owed = owed_awards(waiting)
    told = zip(waiting, suggestions_of(waiting), overpaid_to(waiting), owed, strict=True)
    return Differences(list(told), list(decided), list(late), list(files), list(rejects))


def open_work(actor: Actor) -> dict[str, int]:
    """What of money waits for somebody here."""
    kept = Q(payer_id__in=actor.treasury_ids) | (Q(payer=None) if actor.is_operator else Q(pk=None))
    found = PaymentBatch.objects.visible_to(actor).filter(kept)
    done = Q(made_by_id=actor.person_id or 0) | Q(first_by_id=actor.person_id or 0)
    return {
        "to_approve": found.filter(state=BatchState.OPEN).exclude(done).count(),
        "to_export": found.filter(state=BatchState.APPROVED).count(),
        "differences": BankEntry.objects.visible_to(actor).filter(state=EntryState.OPEN).count(),
    }


def invoices(actor: Actor) -> QuerySet[Invoice]:
    found = Invoice.objects.visible_to(actor).select_related("issuer", "recipient")
    return found.order_by("-issued_at", "issuer__key", "-number")

"""What becomes of a person's awards and payments when they withdraw their consent, and when the records' time is over.

An application that is not awarded is given up. What no bank was told is erased at once. What went to a bank is the
record of a payment, which the law on accounting archives has kept for years (`retention`): until then it stays sealed,
is put to no other use (PIPL article 47), and its time over it is destroyed with its secret. Money that was awarded
stays awarded: it waits on the pseudonym's account until the person consents again and says where to pay it.
"""

from datetime import date, datetime

from django.db.models import Max, QuerySet
from django.utils import timezone

from siwei.errors import Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event
from siwei.exchange.models import (
    Application,
    ApplicationState,
    BankEntry,
    BatchState,
    PaymentOrder,
    PersonBankAccount,
    Pseudonym,
    SealedPart,
)
from siwei.exchange.people.retention import kept_until
from siwei.exchange.people.vault import overwrite_deleted


def give_up_awards(person_id: int, now: datetime) -> None:
    """Part of an action: the withdrawal of the consent to be awarded and paid."""
    pseudonym = Pseudonym.objects.select_for_update().filter(person_id=person_id).first()
    if pseudonym is None:
        return
    overwrite_deleted()
    mine = Application.objects.filter(pseudonym=pseudonym)
    # Its share stays in the pot: only what is shared or awarded is promised.
    undecided = mine.filter(state__in=(ApplicationState.APPLIED, ApplicationState.SHARED))
    undecided.update(state=ApplicationState.WITHDRAWN)
    accounts = PersonBankAccount.objects.filter(pseudonym=pseudonym)
    # Batches that would pay to it can neither be approved nor exported any more.
    accounts.filter(ended_at=None).update(ended_at=now)
    sent = PaymentOrder.objects.filter(pseudonym=pseudonym, batch__state=BatchState.EXPORTED)
    grants = list(sent.filter(items__grant__isnull=False).values_list("items__grant", flat=True))
    mine.exclude(grant__in=grants).update(sealed=None)
    accounts.exclude(orders__in=list(sent.values_list("pk", flat=True))).update(sealed=None)
    last = sent.aggregate(last=Max("batch__exported_at"))["last"]
    if last is None:
        _destroy(pseudonym)
    else:
        paid = sent.aggregate(last=Max("paid_on"))["last"]
        pseudonym.kept_until = kept_until(max(filter(None, (timezone.localdate(last), paid))))
        pseudonym.save(update_fields=["kept_until"])


@action
def destroy_old_records(*, as_of: date, actor: Actor, now: datetime) -> int:
    """Destroy what is kept of payments to persons who withdrew their consent, once its time is over; returns of how
    many."""
    require(can_operate(actor), actor, Said("destroy records of payments", "销毁付款记录"))
    overwrite_deleted()
    due = records_to_destroy(as_of).select_for_update(of=("self",))
    destroyed = 0
    for pseudonym in due.order_by("pk"):
        key = f"{pseudonym.key}:{pseudonym.kept_until}"
        _destroy(pseudonym)
        record_event("destroy_old_records", key, {}, subject=f"pseudonym:{pseudonym.key}", actor=actor, now=now)
        destroyed += 1
    return destroyed


def records_to_destroy(as_of: date) -> QuerySet[Pseudonym]:
    return Pseudonym.objects.filter(kept_until__lte=as_of, person__isnull=False)


def _destroy(pseudonym: Pseudonym) -> None:
    """The secret, everything sealed under it and, where no award waits for its person, who they were."""
    for sealed in (
        Application.objects.filter(pseudonym=pseudonym),
        BankEntry.objects.filter(pseudonym=pseudonym),
        SealedPart.objects.filter(order__pseudonym=pseudonym),
        PersonBankAccount.objects.filter(pseudonym=pseudonym),
    ):
        sealed.exclude(sealed=None).update(sealed=None)
    pseudonym.secret, pseudonym.kept_until = None, None
    if not _is_owed(pseudonym):
        pseudonym.person = None
    pseudonym.save(update_fields=["secret", "kept_until", "person"])


def _is_owed(pseudonym: Pseudonym) -> bool:
    """Whether something was awarded and is not paid yet."""
    if Application.objects.filter(pseudonym=pseudonym, state=ApplicationState.AWARDED, grant=None).exists():
        return True
    return pseudonym.accounts.filter(purpose="grant", balance__gt=0).exists()

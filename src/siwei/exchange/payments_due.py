"""What is due: parts of settlements and grants that no order pays yet, by who pays and who is paid.

The voucher's part of a settlement is the city's to pay, the own part the consumer's. A settlement tells its lines' own
amounts (only its quantities are running totals). What disputes took back is set off against the same payee.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from siwei.exchange.actors import Actor
from siwei.exchange.models import (
    AgreementLine,
    AgreementState,
    BankAccount,
    Dispute,
    Grant,
    Organisation,
    PaymentItem,
    PaymentPart,
    Settlement,
)


@dataclass(frozen=True, slots=True)
class DueItem:
    """One reason why something is due; `amount_fen` is below zero for a dispute."""

    part: PaymentPart
    amount_fen: int
    settlement: Settlement | None = None
    line: int | None = None
    dispute: Dispute | None = None
    grant: Grant | None = None

    @property
    def cause(self) -> str:
        """By natural keys."""
        if self.settlement is not None:
            return f"settlement:{self.settlement.agreement.key}:{self.settlement.period}:{self.line}:{self.part}"
        if self.dispute is not None:
            return f"dispute:{self.dispute.key}:{self.part}"
        assert self.grant is not None
        return f"grant:{self.grant.application.key}"


@dataclass(slots=True)
class Due:
    """What one payer (None: the city) owes one payee out of one account; to be one order. `amount_fen` may be below
    zero, where more was paid than is left of it."""

    payer: Organisation | None
    payee: Organisation
    is_grant: bool
    items: list[DueItem] = field(default_factory=list)
    account: BankAccount | None = None

    @property
    def amount_fen(self) -> int:
        return sum(item.amount_fen for item in self.items)

    @property
    def hindrance(self) -> str:
        """Why it cannot be ordered now: a word for pages and programs, empty where it can."""
        if self.amount_fen <= 0:
            return "nothing-left"
        return "" if self.account is not None else "no-account"


def payments_due(payer: Organisation | None) -> list[Due]:
    """By payee, largest first. Nothing of an agreement in dispute is due."""
    due: dict[tuple[int, bool], Due] = {}
    for payee, is_grant, item in (*_of_settlements(payer), *_of_disputes(payer), *_of_grants(payer)):
        found = due.setdefault((payee.pk, is_grant), Due(payer, payee, is_grant))
        found.items.append(item)
    accounts = BankAccount.objects.filter(organisation_id__in={payee for payee, _ in due}, ended_at=None)
    by_owner = {account.organisation_id: account for account in accounts}
    for each in due.values():
        each.account = by_owner.get(each.payee.pk)
    return sorted(due.values(), key=lambda each: (-each.amount_fen, each.payee.key, each.is_grant))


def payers(actor: Actor) -> list[Organisation | None]:
    """Who may have something to pay that the actor can see: their own organisations; for the offices, everybody who
    owes a part of a settlement, and the city."""
    if not actor.sees_all:
        own = Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids)
        return list(own.order_by("name", "pk"))
    consumers = AgreementLine.objects.filter(Exists(_open_settlements().filter(agreement=OuterRef("agreement"))))
    found = Organisation.objects.filter(pk__in=consumers.exclude(own_fen=0).values("consumer"))
    return [None, *found.order_by("name", "pk")]


def _open_settlements() -> QuerySet[Settlement]:
    """Settlements of which something is in no order."""
    live = PaymentItem.objects.filter(settlement=OuterRef("pk"), is_live=True).order_by().values("settlement")
    ordered = Coalesce(Subquery(live.annotate(fen=Sum("amount_fen")).values("fen")), 0)
    found = Settlement.objects.annotate(ordered_fen=ordered).filter(gross_fen__gt=F("ordered_fen"))
    return found.exclude(agreement__state=AgreementState.DISPUTED)


def _of_settlements(payer: Organisation | None) -> Iterator[tuple[Organisation, bool, DueItem]]:
    part, amount = (PaymentPart.VOUCHER, "voucher_fen") if payer is None else (PaymentPart.OWN, "own_fen")
    found = _open_settlements().filter(**{f"{amount}__gt": 0})
    if payer is not None:
        found = found.filter(agreement__lines__consumer=payer).distinct()
    settlements = list(found.select_related("agreement").order_by("pk"))
    lines = _lines({each.agreement_id for each in settlements})
    taken = set(
        PaymentItem.objects.filter(settlement__in=[each.pk for each in settlements], is_live=True, part=part)
        .values_list("settlement_id", "line")
    )  # fmt: skip
    for settlement in settlements:
        for detail in settlement.detail:
            line = lines[settlement.agreement_id, detail["line"]]
            if detail[amount] > 0 and (settlement.pk, line.number) not in taken and _pays(payer, line):
                yield line.provider, False, DueItem(part, detail[amount], settlement=settlement, line=line.number)


def _of_disputes(payer: Organisation | None) -> Iterator[tuple[Organisation, bool, DueItem]]:
    part, amount = (
        (PaymentPart.VOUCHER, "returned_voucher_fen") if payer is None else (PaymentPart.OWN, "returned_own_fen")
    )
    live = PaymentItem.objects.filter(dispute=OuterRef("pk"), part=part, is_live=True)
    found = Dispute.objects.filter(~Exists(live), **{f"{amount}__gt": 0})
    for dispute in found.select_related(
        "usage__line__provider", "usage__line__consumer", "delivery__line__provider", "delivery__line__consumer"
    ).order_by("pk"):
        line = dispute.usage.line if dispute.usage else dispute.delivery.line if dispute.delivery else None
        if line is not None and _pays(payer, line):
            yield line.provider, False, DueItem(part, -getattr(dispute, amount), dispute=dispute)


def _of_grants(payer: Organisation | None) -> Iterator[tuple[Organisation, bool, DueItem]]:
    if payer is not None:
        return
    live = PaymentItem.objects.filter(grant=OuterRef("pk"), is_live=True)
    found = Grant.objects.filter(~Exists(live)).select_related("organisation", "application__pot")
    for grant in found.order_by("pk"):
        yield grant.organisation, True, DueItem(PaymentPart.GRANT, grant.amount_fen, grant=grant)


def _pays(payer: Organisation | None, line: AgreementLine) -> bool:
    return payer is None or line.consumer_id == payer.pk


def _lines(agreement_ids: Iterable[int]) -> dict[tuple[int, int], AgreementLine]:
    found = AgreementLine.objects.filter(agreement_id__in=agreement_ids).select_related("provider", "consumer")
    return {(line.agreement_id, line.number): line for line in found}

"""What is due: parts of settlements and grants that no order pays yet, by who pays and who is paid.

The voucher's part of a settlement is the city's to pay, the own part the consumer's. A settlement tells its lines' own
amounts (only its quantities are running totals). What disputes took back is set off against the same payee, unless it
has paid it back.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from siwei.exchange.actors import Actor
from siwei.exchange.ledger.accounts import Payee
from siwei.exchange.models import (
    AgreementLine,
    AgreementState,
    BankAccount,
    ClawBack,
    Dispute,
    Grant,
    OrderRest,
    Organisation,
    Overpayment,
    PaymentItem,
    PaymentPart,
    PersonBankAccount,
    Pseudonym,
    RestKind,
    RestState,
    Settlement,
)

MANY = 1_000
"""From here on all are read: a database takes only so many values in one question."""


@dataclass(frozen=True, slots=True)
class DueItem:
    """One reason why something is due; `amount_fen` is below zero for a dispute."""

    part: PaymentPart
    amount_fen: int
    settlement: Settlement | None = None
    line: int | None = None
    dispute: Dispute | None = None
    grant: Grant | None = None
    rest: OrderRest | None = None

    @property
    def cause(self) -> str:
        """By natural keys."""
        if self.settlement is not None:
            return f"settlement:{self.settlement.agreement.key}:{self.settlement.period}:{self.line}:{self.part}"
        if self.dispute is not None:
            return f"dispute:{self.dispute.key}:{self.part}"
        if self.rest is not None:
            return cause_of_rest(self.rest)
        assert self.grant is not None
        return f"grant:{self.grant.application.key}"


def cause_of_rest(rest: OrderRest) -> str:
    """The order that it is missing of, and what brought it back where it was paid before."""
    returned = f":{rest.entry.reference}" if rest.kind == RestKind.RETURNED and rest.entry is not None else ""
    return f"{'returned' if returned else 'rest'}:{rest.order.end_to_end_id}{returned}"


@dataclass(slots=True)
class Due:
    """What one payer (None: the city) owes one payee out of one account; to be one order, as the missing part of an
    earlier order is by itself. `amount_fen` may be below zero, where more was paid than is left of it."""

    payer: Organisation | None
    payee: Payee
    is_grant: bool
    items: list[DueItem] = field(default_factory=list)
    account: BankAccount | PersonBankAccount | None = None

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
    if payer is not None:
        return dues_of([payer])[payer.pk]
    found = (*_of_settlements(None), *_of_disputes(None), *_of_grants(), *_of_rests(None))
    return _collected({None: None}, found)[None]


def dues_of(payers: Collection[Organisation]) -> dict[int, list[Due]]:
    """What each has to pay, by its id, as `payments_due` tells it; as many queries for one as for thousands."""
    known = {payer.pk: payer for payer in payers}
    found = _collected(known, (*_of_settlements(known), *_of_disputes(known), *_of_rests(known)))
    return {payer.pk: found[payer.pk] for payer in payers}


def unordered_fen(payer: Organisation | None, payee: Organisation) -> int:
    """What of the payee's receivable is of this payer: in no order, and also what is in dispute. Missing parts of
    orders (`OrderRest`) are not in it: they are ordered by themselves."""
    payers = None if payer is None else {payer.pk: payer}
    lines = AgreementLine.objects.filter(agreement=OuterRef("agreement"), provider=payee)
    settlements = _of_settlements(payers, _unordered_settlements().filter(Exists(lines)))
    disputes = _of_disputes(payers)
    due = sum(item.amount_fen for _, to, _, item in (*settlements, *disputes) if to == payee)
    owed = F("amount_fen") - F("set_off_fen") - F("repaid_fen")
    found = Overpayment.objects.filter(payee=payee, payer=payer).aggregate(fen=Sum(owed))
    return due + (found["fen"] or 0)


Found = tuple[int | None, Payee, bool, DueItem]
"""Who pays, who is paid, whether it is a grant, why."""


def _collected(payers: Mapping[Any, Organisation | None], found: Iterable[Found]) -> dict[int | None, list[Due]]:
    due: dict[tuple[int | None, str, bool, int | None], Due] = {}
    for payer, payee, is_grant, item in found:
        one = (payer, payee.key, is_grant, item.rest.pk if item.rest else None)
        due.setdefault(one, Due(payers[payer], payee, is_grant)).items.append(item)
    by_payee = _accounts([each.payee for each in due.values()])
    told: dict[int | None, list[Due]] = {payer: [] for payer in payers}
    for (payer, payee_key, _is_grant, _rest), each in due.items():
        each.account = by_payee.get(payee_key)
        told[payer].append(each)
    for dues in told.values():
        dues.sort(key=lambda each: (-each.amount_fen, each.payee.key, each.is_grant, each.items[0].cause))
    return told


def _accounts(payees: Collection[Payee]) -> dict[str, BankAccount | PersonBankAccount]:
    """By the payee's key, as they stand."""
    accounts = BankAccount.objects.filter(organisation__isnull=False, ended_at=None)
    persons = PersonBankAccount.objects.filter(ended_at=None)
    if len(payees) < MANY:
        accounts = accounts.filter(organisation_id__in={each.pk for each in payees if isinstance(each, Organisation)})
        persons = persons.filter(pseudonym_id__in={each.pk for each in payees if isinstance(each, Pseudonym)})
    found: dict[str, BankAccount | PersonBankAccount] = {each.holder: each for each in accounts}
    if any(isinstance(each, Pseudonym) for each in payees):
        found |= {each.pseudonym.key: each for each in persons.select_related("pseudonym")}
    return found


def payers(actor: Actor) -> list[Organisation | None]:
    """Who may have something to pay that the actor can see: their own organisations; for the offices, everybody who
    owes a part of a settlement, and the city."""
    if not actor.sees_all:
        own = Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids)
        return list(own.order_by("name", "pk"))
    consumers = AgreementLine.objects.filter(Exists(_open_settlements().filter(agreement=OuterRef("agreement"))))
    owing = Q(pk__in=consumers.exclude(own_fen=0).values("consumer"))
    owing |= Q(pk__in=_open_rests().exclude(order__batch__payer=None).values("order__batch__payer"))
    found = Organisation.objects.filter(owing)
    return [None, *found.order_by("name", "pk")]


def _open_settlements() -> QuerySet[Settlement]:
    return _unordered_settlements().exclude(agreement__state=AgreementState.DISPUTED)


def _unordered_settlements() -> QuerySet[Settlement]:
    """Of which something is in no order."""
    live = PaymentItem.objects.filter(settlement=OuterRef("pk"), is_live=True).order_by().values("settlement")
    ordered = Coalesce(Subquery(live.annotate(fen=Sum("amount_fen")).values("fen")), 0)
    return Settlement.objects.annotate(ordered_fen=ordered).filter(gross_fen__gt=F("ordered_fen"))


def _of_settlements(
    payers: Mapping[int, Organisation] | None, found: QuerySet[Settlement] | None = None
) -> Iterator[Found]:
    part, amount = (PaymentPart.VOUCHER, "voucher_fen") if payers is None else (PaymentPart.OWN, "own_fen")
    found = (_open_settlements() if found is None else found).filter(**{f"{amount}__gt": 0})
    if payers is not None and len(payers) < MANY:
        mine = AgreementLine.objects.filter(agreement=OuterRef("agreement"), consumer__in=list(payers))
        found = found.filter(Exists(mine))
    # Read first: on PostgreSQL a later statement sees what was settled or ordered meanwhile. What is settled after this
    # is due the next time; what was ordered whole has no line any more, and no line can be ordered twice.
    settlements = list(found.select_related("agreement").order_by("pk"))
    live = PaymentItem.objects.filter(settlement__in=found.values("pk"), is_live=True, part=part)
    taken = set(live.values_list("settlement_id", "line"))
    lines = _lines(found.values("agreement"))
    for settlement in settlements:
        for detail in settlement.detail:
            line = lines.get((settlement.agreement_id, detail["line"]))
            if line is None or (settlement.pk, line.number) in taken:
                continue
            if detail[amount] > 0 and _pays(payers, line):
                item = DueItem(part, detail[amount], settlement=settlement, line=line.number)
                yield _payer(payers, line), line.provider, False, item


def _of_disputes(payers: Mapping[int, Organisation] | None) -> Iterator[Found]:
    part, amount = (
        (PaymentPart.VOUCHER, "returned_voucher_fen") if payers is None else (PaymentPart.OWN, "returned_own_fen")
    )
    live = PaymentItem.objects.filter(dispute=OuterRef("pk"), part=part, is_live=True)
    repaid = Overpayment.objects.filter(dispute=OuterRef("pk"), part=part).values("repaid_fen")
    left = F(amount) - Coalesce(Subquery(repaid), 0)
    found = Dispute.objects.annotate(left_fen=left).filter(~Exists(live), left_fen__gt=0)
    for dispute in found.select_related(
        "usage__line__provider", "usage__line__consumer", "delivery__line__provider", "delivery__line__consumer"
    ).order_by("pk"):
        line = dispute.usage.line if dispute.usage else dispute.delivery.line if dispute.delivery else None
        if line is not None and _pays(payers, line):
            item = DueItem(part, -dispute.left_fen, dispute=dispute)
            yield _payer(payers, line), line.provider, False, item


def _of_grants() -> Iterator[Found]:
    live = PaymentItem.objects.filter(grant=OuterRef("pk"), is_live=True)
    taken = ClawBack.objects.filter(grant=OuterRef("pk")).order_by().values("grant").annotate(fen=Sum("returned_fen"))
    left = F("amount_fen") - Coalesce(Subquery(taken.values("fen")), 0)
    open_ = Grant.objects.filter(~Exists(live)).annotate(left_fen=left).filter(left_fen__gt=0)
    found = open_.select_related("organisation", "pseudonym", "application__pot")
    for grant in found.order_by("pk"):
        yield None, grant.granted_to, True, DueItem(PaymentPart.GRANT, grant.left_fen, grant=grant)


def _open_rests() -> QuerySet[OrderRest]:
    """Missing parts of orders that are in no order again."""
    live = PaymentItem.objects.filter(rest=OuterRef("pk"), is_live=True)
    disputed = PaymentItem.objects.filter(
        order=OuterRef("order"), settlement__agreement__state=AgreementState.DISPUTED
    )  # fmt: skip
    return OrderRest.objects.filter(~Exists(live), ~Exists(disputed), state=RestState.DUE)


def _of_rests(payers: Mapping[int, Organisation] | None) -> Iterator[Found]:
    found = _open_rests().filter(order__batch__payer__isnull=payers is None)
    if payers is not None and len(payers) < MANY:
        found = found.filter(order__batch__payer__in=list(payers))
    part = PaymentItem.objects.filter(order=OuterRef("order")).order_by("pk").values("part")[:1]
    related = found.select_related("order__batch", "order__payee", "order__pseudonym", "entry").annotate(
        part=Subquery(part)
    )
    for rest in related.order_by("pk"):
        if payers is None or rest.order.batch.payer_id in payers:
            item = DueItem(PaymentPart(rest.part), rest.amount_fen, rest=rest)
            yield rest.order.batch.payer_id, rest.order.paid_to, item.part == PaymentPart.GRANT, item


def _pays(payers: Mapping[int, Organisation] | None, line: AgreementLine) -> bool:
    return payers is None or line.consumer_id in payers


def _payer(payers: Mapping[int, Organisation] | None, line: AgreementLine) -> int | None:
    return None if payers is None else line.consumer_id


def _lines(agreements: QuerySet[Any, Any]) -> dict[tuple[int, int], AgreementLine]:
    found = AgreementLine.objects.filter(agreement__in=agreements).select_related("provider", "consumer")
    return {(line.agreement_id, line.number): line for line in found}

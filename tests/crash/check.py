"""What the database alone says of a city after a siege. Everything is counted anew from entries, readings and
deliveries; no total that the platform keeps is believed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import F, Sum
from django.utils import timezone

from siwei.exchange.actors import PLATFORM
from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import (
    Account,
    Agreement,
    AgreementLine,
    AgreementState,
    ClawBack,
    Consent,
    Delivery,
    DeliveryState,
    Dispute,
    Grant,
    Hold,
    Job,
    JobState,
    ModelCall,
    OrderState,
    Organisation,
    Overpayment,
    PaymentBatch,
    PaymentItem,
    PaymentOrder,
    Settlement,
    SharingRound,
    Transfer,
    Usage,
    Voucher,
)
from siwei.exchange.queue import DBTaskResult
from siwei.exchange.trading.payments_due import dues_of, payments_due
from siwei.market.kind import Price
from siwei.market.life import STATES
from siwei.market.model_calls import MICROFEN_PER_FEN
from siwei.market.pricing import rate
from tests.crash.check_calls import forgotten_calls, misplaced_microfen, open_calls, uncollected_calls
from tests.crash.check_grants import forgotten_rounds, granted_twice, misplaced_grants, paid_to_nobody
from tests.crash.check_quantities import misplaced_quantities

MOVES = ("post", "capture", "reverse")
HOLDING = (AgreementState.SIGNED, AgreementState.DELIVERING, AgreementState.COMPLETED, AgreementState.DISPUTED)


def examine(
    promised: Iterable[tuple[str, str]], answered: Iterable[Sequence[str]], awarded: Iterable[str]
) -> dict[str, Any]:
    """`promised` are the agreements of which a client was told that they were settled, or cancelled; `answered` the
    calls of models that were answered whole (`tests.crash.callers`); `awarded` the rounds that the office ended."""
    states = dict(Agreement.objects.values_list("key", "state"))
    twice, lost, microfen = doubled(), misplaced() | misplaced_grants(), misplaced_microfen()
    orphans, due = [*orphan_holds(), *open_calls()], [*unsettled(), *uncollected_calls()]
    forgotten = [f"{key}: {state}" for key, state in promised if states.get(key) != state]
    unbegun = closed_unbegun()
    told: dict[str, Any] = {
        "agreements": sum(state != AgreementState.CANCELLED for state in states.values()) - unbegun,
        "settled": sum(state == AgreementState.SETTLED for state in states.values()) - unbegun,
        "unbegun": unbegun,
        "reported": len(_reported()),
        "doubled": len(twice),
        "lost_fen": sum(abs(fen) for fen in lost.values()) + -(-sum(map(abs, microfen.values())) // MICROFEN_PER_FEN),
        "orphan_holds": len(orphans),
        "cancelled": sum(state == AgreementState.CANCELLED for state in states.values()),
        "unlawful": unlawful(),
        "unsettled": len(due),
        "forgotten": [*forgotten, *forgotten_calls(answered), *forgotten_rounds(list(awarded))],
        "units": sum(Usage.objects.filter(job=None).exclude(meter="").values_list("quantity", flat=True)),
        "calls": dict(Counter(ModelCall.objects.values_list("outcome", flat=True))),
        "disputes": Dispute.objects.count(),
        "grants": Grant.objects.count(),
        "supplements": SharingRound.objects.filter(is_supplementary=True, state="awarded").count(),
        "claw_backs": ClawBack.objects.count(),
        "awards_repaid": Transfer.objects.filter(memo="repaid", credit_account__purpose="claw-back").count(),
        "repented": Consent.objects.exclude(withdrawn_at=None).count(),
        "orders": PaymentOrder.objects.count(),
        "paid": PaymentOrder.objects.filter(state=OrderState.PAID).count(),
        "overpaid_fen": Overpayment.objects.aggregate(
            amount=Sum("amount_fen"), set_off=Sum("set_off_fen"), repaid=Sum("repaid_fen")
        ),
        "expired": Transfer.objects.filter(kind="release", memo="expired").count(),
        "taken_over": sum(len(ids) > 1 for ids in DBTaskResult.objects.values_list("worker_ids", flat=True)),
    }
    failed = DBTaskResult.objects.exclude(status="SUCCESSFUL").values_list("task_path", "status", "traceback")
    told["faults"] = [
        *(f"task {path}: {status} {trace[-300:]}" for path, status, trace in failed),
        *(str(finding) for finding in verify_ledger(actor=PLATFORM).findings),
        *(f"doubled: {each}" for each in twice[:10]),
        *(f"{where}: {fen} fen" for where, fen in list(lost.items())[:10]),
        *(f"{where}: {amount} microfen" for where, amount in list(microfen.items())[:10]),
        *(f"{account}: {amount} beyond what was settled" for account, amount in misplaced_quantities().items()),
        *(f"orphan hold {each}" for each in orphans[:10]),
        *(f"not settled: {each}" for each in due[:10]),
        *(f"not given back: {each}" for each in overdue()[:10]),
        *(f"still readable: {each}" for each in paid_to_nobody()[:10]),
    ]
    disputed = sum(state == AgreementState.DISPUTED for state in states.values())
    told["unfinished"] = told["agreements"] - told["settled"] - disputed
    told["ok"] = not any(told[name] for name in ("unlawful", "forgotten", "unfinished", "faults"))
    return told


def doubled() -> list[str]:
    """What was done more than once: a capture for one reason, a job metered, a window read, a thing ordered paid."""
    reasons = Counter(
        (cause["agreement"], cause["line"], cause["settlement"], hold)
        for cause, hold in Transfer.objects.filter(kind="capture").values_list("causes", "hold_id")
        if "settlement" in cause
    )
    paid = Transfer.objects.filter(kind="capture", causes__has_key="bank_entry")
    live = PaymentItem.objects.filter(is_live=True)
    counted: dict[str, Counter[Any]] = {
        "capture": reasons,
        "job metered": Counter(Usage.objects.exclude(job=None).values_list("job__key")),
        "window": Counter(Usage.objects.exclude(meter="").values_list("line", "meter", "window_start")),
        "settlement": Counter(Settlement.objects.values_list("agreement", "period")),
        "order": Counter(live.exclude(settlement=None).values_list("settlement", "line", "part")),
        "payment": Counter(paid.values_list("hold_id", "causes__bank_entry")),
        "batch": Counter(PaymentBatch.objects.values_list("key")),
        **granted_twice(),
    }
    return [f"{what} {each}" for what, found in counted.items() for each, times in found.items() if times > 1]


def misplaced() -> dict[str, int]:
    """Fen that are not where they belong, by where; zero everywhere when all is well."""
    found: dict[str, int] = {}
    for unit in Account.objects.values_list("unit", flat=True).distinct():
        found[f"sum of {unit}"] = sum(Account.objects.filter(unit=unit).values_list("balance", flat=True))
    found |= _accounts()
    found |= _bills()
    found |= _orders()
    found |= _overpaid()
    found |= _totals()
    return {where: fen for where, fen in found.items() if fen}


def _totals() -> dict[str, int]:
    """What a line keeps of its settlements (`charges`), against their rows and the readings they charged."""
    settled = Usage.objects.exclude(settlement=None).values_list("line_id")
    quantities = dict(settled.annotate(sum=Sum("quantity")))
    names = ("metered_fen", "voucher_fen", "own_fen")
    paid: dict[tuple[int, int, str], int] = defaultdict(int)
    for agreement, detail in Settlement.objects.values_list("agreement_id", "detail"):
        for each in detail:
            for name in names:
                paid[agreement, each["line"], name] += each[name]
    back: dict[tuple[int, str], int] = defaultdict(int)
    given = [f"returned_{name}" for name in names]
    for used, delivered, *fen in Dispute.objects.values_list("usage__line_id", "delivery__line_id", *given):
        for name, amount in zip(names, fen, strict=True):
            back[used or delivered or 0, name] += amount
    found: dict[str, int] = {}
    for line in AgreementLine.objects.all():
        found[f"line {line.pk}: settled quantity"] = line.settled_quantity - quantities.get(line.pk, 0)
        for name in names:
            kept: int = getattr(line, f"settled_{name}")
            found[f"line {line.pk}: settled {name}"] = (
                kept - paid[line.agreement_id, line.number, name] + back[line.pk, name]
            )
    return found


def _accounts() -> dict[str, int]:
    """Each account against its entries and its holds."""
    balance: dict[int, int] = defaultdict(int)
    held: dict[int, int] = defaultdict(int)
    for debit, credit, amount in Transfer.objects.filter(kind__in=MOVES).values_list(
        "debit_account", "credit_account", "amount"
    ):
        balance[debit] -= amount
        balance[credit] += amount
    settled: dict[int, int] = defaultdict(int)
    for hold, amount in Transfer.objects.filter(kind__in=("capture", "release")).values_list("hold_id", "amount"):
        settled[hold] += amount
    for number, account, amount in Transfer.objects.filter(kind="hold").values_list("pk", "debit_account", "amount"):
        held[account] += amount - settled[number]
    differences = {}
    for account in Account.objects.all():
        differences[f"balance of {account.code}"] = account.balance - balance[account.pk]
        differences[f"held of {account.code}"] = account.held - held[account.pk]
    return differences


def _bills() -> dict[str, int]:
    """What each agreement's readings and deliveries come to, against what was captured and what was settled."""
    captured: dict[str, int] = defaultdict(int)
    for cause, amount in Transfer.objects.filter(kind="capture").values_list("causes", "amount"):
        captured[cause.get("agreement", "")] += amount
    settled: dict[str, int] = defaultdict(int)
    for key, gross in Settlement.objects.values_list("agreement__key", "gross_fen"):
        settled[key] += gross
    returned: dict[str, int] = defaultdict(int)
    for key, voucher, own in Dispute.objects.values_list("agreement__key", "returned_voucher_fen", "returned_own_fen"):
        returned[key] += voucher + own
    differences = {}
    bills = _due()
    for key, state in Agreement.objects.values_list("key", "state"):
        differences[f"{key}: captured, not settled"] = captured[key] - settled[key]
        if state == AgreementState.SETTLED:
            differences[f"{key}: settled, not due"] = settled[key] - returned[key] - bills[key]
    return differences


def _due() -> Mapping[str, int]:
    quantities: dict[int, int] = defaultdict(int)
    for line, quantity in Usage.objects.filter(is_held=False).values_list("line", "quantity"):
        quantities[line] += quantity
    accepted: dict[int, int] = defaultdict(int)
    for line, fen in Delivery.objects.filter(state=DeliveryState.ACCEPTED).values_list("line", "amount_fen"):
        accepted[line] += fen
    bills: dict[str, int] = defaultdict(int)
    for line in AgreementLine.objects.select_related("agreement"):
        metered = rate(quantities[line.pk], Price(line.unit_price_fen, line.price_quantity))
        bills[line.agreement.key] += accepted[line.pk] or min(metered, line.gross_fen)
    return bills


def _orders() -> dict[str, int]:
    """What is ordered of a settlement is never more than it came to, and each live order's amount is held."""
    """As well: what is called paid was captured by the bank's word, and what came back was reversed."""
    differences: dict[str, int] = {}
    paid: dict[int, int] = defaultdict(int)
    for hold, amount in Transfer.objects.filter(kind="capture").values_list("hold_id", "amount"):
        paid[hold] += amount
    for hold, amount in Transfer.objects.filter(kind="reverse").values_list("reverses__hold_id", "amount"):
        paid[hold] -= amount
    for order in PaymentOrder.objects.select_related("hold"):
        differences[f"order {order.end_to_end_id}: paid"] = order.paid_fen - paid[order.hold_id]
        left = Hold.objects.get(pk=order.hold_id).remaining
        wanted = order.amount_fen - order.paid_fen if order.state in ("ordered", "part-paid") else 0
        differences[f"order {order.end_to_end_id}: held"] = left - wanted
    ordered: dict[int, int] = defaultdict(int)
    for settlement, amount in PaymentItem.objects.filter(is_live=True).values_list("settlement", "amount_fen"):
        ordered[settlement] += amount
    for number, gross in Settlement.objects.values_list("pk", "gross_fen"):
        differences[f"settlement {number}: ordered beyond"] = max(0, ordered[number] - gross)
    return differences


def _overpaid() -> dict[str, int]:
    """What providers owe of disputes stands on their `overpaid` accounts; what is due to them is there."""
    differences: dict[str, int] = {}
    owed: dict[str, int] = defaultdict(int)
    for each in Overpayment.objects.select_related("payee"):
        owed[each.payee.key] -= each.owed_fen
    for key, balance in Account.objects.filter(purpose="overpaid").values_list("owner__key", "balance"):
        differences[f"overpaid to {key}"] = balance - owed[key]
    due: dict[str, int] = defaultdict(int)
    payers = Organisation.objects.filter(pk__in=AgreementLine.objects.values("consumer"))
    for each in [*payments_due(None), *(due for dues in dues_of(list(payers)).values() for due in dues)]:
        if not each.is_grant:
            due[each.payee.key] += max(0, each.amount_fen)
    for account in Account.objects.filter(purpose="receivable").select_related("owner"):
        differences[f"due to {account.owner.key}, not there"] = max(0, due[account.owner.key] - account.available)
    return differences


def orphan_holds() -> list[str]:
    """Holds with something left that stand for no agreement under way and no payment order."""
    lines = AgreementLine.objects.filter(agreement__state__in=HOLDING)
    known = {hold for pair in lines.values_list("voucher_hold", "own_hold") for hold in pair if hold}
    known |= set(PaymentOrder.objects.filter(state__in=("ordered", "part-paid")).values_list("hold", flat=True))
    left = Hold.objects.filter(amount__gt=F("captured") + F("released")).exclude(pk__in=known)
    return list(left.values_list("transfer__idempotency_key", flat=True))


def unsettled() -> list[str]:
    """Reported, under an agreement that is over, and neither settled nor held for a dispute."""
    over = Usage.objects.filter(line__agreement__state=AgreementState.SETTLED, settlement=None, is_held=False)
    waiting = Delivery.objects.filter(agreement__state=AgreementState.SETTLED, state=DeliveryState.SUBMITTED)
    return [*over.values_list("reading", flat=True), *(str(each) for each in waiting)]


def overdue() -> list[str]:
    """Holds and vouchers whose time is over, with something left in them."""
    now = timezone.now()
    holds = Hold.objects.filter(amount__gt=F("captured") + F("released"), expires_at__lte=now)
    rest = F("account__held") + F("account__floor")
    late = Voucher.objects.filter(valid_to__lt=now.date(), account__balance__gt=rest)
    return [*holds.values_list("transfer__idempotency_key", flat=True), *late.values_list("key", flat=True)]


def unlawful() -> list[str]:
    """Agreements whose state and facts do not go together."""
    found = []
    jobs = set(Job.objects.exclude(state__in=[s for s in JobState if s.is_final]).values_list("line__agreement_id"))
    for agreement in Agreement.objects.prefetch_related("parties", "settlements"):
        signed = [party.signed_at is not None for party in agreement.parties.all()]
        final = any(each.period == "final" for each in agreement.settlements.all())
        is_wrong = (
            agreement.state not in STATES
            or (agreement.state in HOLDING and not all(signed))
            or (agreement.state == AgreementState.SETTLED) != final
            or (agreement.state == AgreementState.SETTLED and (agreement.pk,) in jobs)
            or (agreement.state == AgreementState.DISPUTED) != _is_disputed(agreement)
        )
        if is_wrong:
            found.append(f"{agreement.key} is {agreement.state}")
    return found


def _is_disputed(agreement: Agreement) -> bool:
    return Dispute.objects.filter(agreement=agreement, state__in=("open", "answered")).exists()


def closed_unbegun() -> int:
    """Agreements that lapsed, of which nothing was ever reported: the day's run closed them, and they came to
    nothing."""
    lapsed = Agreement.objects.filter(state=AgreementState.SETTLED, key__startswith="lapse-")
    nothing = lapsed.exclude(pk__in=_reported()).exclude(settlements__gross_fen__gt=0)
    return nothing.count()


def _reported() -> set[int]:
    """Agreements of which something was metered, delivered or run."""
    used = set(Usage.objects.values_list("line__agreement", flat=True))
    return used | set(Delivery.objects.exclude(state=DeliveryState.PLANNED).values_list("agreement", flat=True))

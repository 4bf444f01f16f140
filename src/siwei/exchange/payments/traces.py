"""Following money: what each fen of a pot bought, down to the reading and its job, and from there back to the pot.

pot → voucher → hold → capture → what it charged: readings of a meter (a job's, where one ran), or a delivery. A capture
is shared over the readings it charged in proportion to their quantities, exactly to the fen.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db.models import Q, Sum

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.ledger.verification import snapshot
from siwei.exchange.models import Account, Delivery, Job, Origin, Pot, Transfer, TransferKind, Usage, Voucher
from siwei.policy.sharing import share_groups_pro_rata

TRACE = {
    "pot": pl.String,
    "voucher": pl.String,
    "account": pl.String,
    "hold": pl.String,
    "capture": pl.String,
    "agreement": pl.String,
    "line": pl.Int64,
    "settlement": pl.String,
    "reading": pl.String,
    "job": pl.String,
    "delivery": pl.Int64,
    "quantity": pl.Int64,
    "unit": pl.String,
    "fen": pl.Int64,
    "generated": pl.Boolean,
}
"""One row for each reading (or delivery) that a capture paid: `fen` of it came this way. A capture that charged nothing
measured is one row without reading; what was taken back of a capture is a row of its own, below zero. `generated`: who
paid or who was paid was made up."""

CAPTURES = {
    "number": pl.Int64, **{name: TRACE[name] for name in list(TRACE)[:8]}, "amount": pl.Int64,
    "generated": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Money:
    """Where a pot's money is, in fen: what came in is in the pot, promised in vouchers, held, captured, granted, or
    went on to the treasury."""

    came_in: int
    in_pot: int
    in_vouchers: int
    """Granted and neither held nor spent."""
    held: int
    captured: int
    """Paid for what was delivered, less what was taken back."""
    granted: int
    """Awarded as money, which payment orders pay."""
    returned: int
    """What vouchers gave back to the pot, which is in the pot again, or went on to the treasury."""
    treasury: int
    """What came back and left the pot for good, by the programme's rule."""

    @property
    def adds_up(self) -> bool:
        there = self.in_pot + self.in_vouchers + self.held + self.captured + self.granted + self.treasury
        return self.came_in == there


@dataclass(frozen=True, slots=True)
class Trace:
    """`subject` is what was asked for; `money` of a pot alone; `rows` as `TRACE`."""

    subject: str
    rows: pl.DataFrame
    money: Money | None = None


def trace(subject: str, *, actor: Actor) -> Trace:
    """Follow a pot (`programme:period`), a voucher, a transfer or a job, by its key: what was bought with it, or what
    it was paid with. An organisation follows its own money alone. NotFound where the actor sees nothing so named."""
    with snapshot():
        programme, _, period = subject.rpartition(":")
        pot = Pot.objects.visible_to(actor).filter(programme=programme, period=period).select_related("account").first()
        if pot is not None:
            return Trace(subject, _trace(_captures(actor, pot), actor), money_of(pot) if actor.sees_all else None)
        if (voucher := Voucher.objects.visible_to(actor).filter(key=subject).first()) is not None:
            return Trace(subject, _trace(_captures(actor).filter(debit_account=voucher.account_id), actor))
        job = Job.objects.visible_to(actor).select_related("line").filter(key=subject).first()
        if job is not None:
            holds = [job.line.voucher_hold_id, job.line.own_hold_id, *job.line.earlier_holds]
            rows = _trace(_captures(actor).filter(hold__in=[each for each in holds if each]), actor)
            return Trace(subject, rows.filter(pl.col("job") == subject))
        transfer = Transfer.objects.visible_to(actor).filter(idempotency_key=subject).first()
        if transfer is None:
            raise NotFound(
                f"no pot, voucher, job or transfer {subject!r} → a pot is PROGRAMME:PERIOD",
                f"没有资金池、券、作业或转账 {subject!r} → 资金池写作 PROGRAMME:PERIOD",
            )
        return Trace(subject, _trace(_of_transfer(transfer, actor), actor))


def _captures(actor: Actor, pot: Pot | None = None) -> Any:
    found = Transfer.objects.visible_to(actor).filter(kind=TransferKind.CAPTURE)
    if pot is not None:
        found = found.filter(debit_account__in=Voucher.objects.filter(pot=pot).values("account_id"))
    return found


def _of_transfer(transfer: Transfer, actor: Actor) -> Any:
    """The captures that a transfer is, led to, or takes back."""
    captures = _captures(actor)
    if transfer.kind == TransferKind.CAPTURE:
        return captures.filter(pk=transfer.pk)
    if transfer.kind == TransferKind.HOLD:
        return captures.filter(hold=transfer.pk)
    if transfer.kind == TransferKind.RELEASE:
        return captures.filter(hold=transfer.hold_id)
    if transfer.kind == TransferKind.REVERSE:
        return captures.filter(pk=transfer.reverses_id)
    accounts = (transfer.debit_account_id, transfer.credit_account_id)
    if transfer.debit_account.purpose in ("delivered", "used"):  # what was charged: the captures that paid for it
        of_settlement = {f"causes__{name}": transfer.causes.get(name) for name in ("agreement", "line", "settlement")}
        return captures.filter(**of_settlement)
    if (agreement := transfer.causes.get("agreement")) is not None:
        return captures.filter(debit_account__in=accounts, causes__agreement=agreement)
    # Into a voucher (an award, a true-up) or out of it; or into a pot.
    if (voucher := Voucher.objects.filter(account_id__in=accounts).first()) is not None:
        return captures.filter(debit_account=voucher.account_id)
    pot = Pot.objects.filter(account_id__in=accounts).first()
    return _captures(actor, pot) if pot is not None else captures.none()


def _trace(captures: Any, actor: Actor) -> pl.DataFrame:
    columns = (
        "pk", "idempotency_key", "hold__idempotency_key", "amount", "debit_account__code",
        "debit_account__voucher__key", "debit_account__voucher__pot__programme", "debit_account__voucher__pot__period",
        "causes", "debit_account__owner__origin", "credit_account__owner__origin",
    )  # fmt: skip
    paid, keys = [], set()
    for number, key, hold, amount, code, voucher, programme, period, causes, *origins in captures.order_by(
        "pk"
    ).values_list(*columns):
        pot = f"{programme}:{period}" if programme else None
        deal = (causes.get("agreement"), causes.get("line"), causes.get("settlement"))
        keys.add(deal[0])
        paid.append((number, pot, voucher, code, hold, key, *deal, amount, Origin.GENERATED in origins))
    frame = pl.DataFrame(paid, schema=CAPTURES, orient="row")
    charged = _charged(keys - {None})
    shared = share_captures(frame, charged)
    return pl.concat([shared, _taken_back(frame, actor)]).select(*TRACE)


def share_captures(captures: pl.DataFrame, charged: pl.DataFrame) -> pl.DataFrame:
    """Each capture's amount over what it charged (`charged`: agreement, line, settlement and what was measured), in
    proportion to the quantities; a delivery takes it whole. Pure; what comes out of a capture sums to it."""
    deal = ["agreement", "line", "settlement"]
    rows = captures.with_row_index("group").join(charged, on=deal, how="left", maintain_order="left_right")
    rows = rows.with_columns(weight=pl.col("quantity").fill_null(0))
    is_first = pl.int_range(pl.len()).over("group") == 0
    # Where nothing was measured, or only nothing, the first row stands for all of it.
    rows = rows.with_columns(
        weight=pl.when(pl.col("weight").sum().over("group") == 0).then(is_first.cast(pl.Int64)).otherwise("weight")
    )
    ids = pl.Series("order", range(rows.height), dtype=pl.Int64)
    fen = share_groups_pro_rata(rows["weight"], ids, rows["group"], captures["amount"])
    return rows.with_columns(fen.alias("fen")).select(*TRACE)


def _charged(agreements: set[str]) -> pl.DataFrame:
    """What the settlements of these agreements charged: readings with their jobs, deliveries."""
    usages = Usage.objects.filter(settlement__agreement__key__in=agreements).order_by("pk")
    rows: list[tuple[Any, ...]] = [
        (*row[:6], None, *row[6:])
        for row in usages.values_list(
            "line__agreement__key", "line__number", "settlement__period", "reading", "job__key", "quantity", "unit"
        )
    ]
    rows = [(*row[:5], row[6], row[5], row[7]) for row in rows]
    deliveries = Delivery.objects.filter(agreement__key__in=agreements, line__isnull=False).order_by("pk")
    for agreement, line, number, quantity, unit in deliveries.values_list(
        "agreement__key", "line__number", "number", "quantity", "line__unit"
    ):
        rows.append((agreement, line, f"delivery:{number}", None, None, number, quantity, unit))
    names = ("agreement", "line", "settlement", "reading", "job", "delivery", "quantity", "unit")
    return pl.DataFrame(rows, schema={name: TRACE[name] for name in names}, orient="row")


def _taken_back(captures: pl.DataFrame, actor: Actor) -> pl.DataFrame:
    """Reversals of these captures, and what resolved disputes gave back to their accounts, below zero."""
    back = dict(
        Transfer.objects.visible_to(actor)
        .filter(reverses__in=captures["number"].to_list())
        .values_list("reverses_id")
        .annotate(total=Sum("amount"))
    )
    rows = captures.filter(pl.col("number").is_in(list(back)))
    rows = rows.with_columns(fen=-pl.col("number").replace_strict(back, return_dtype=pl.Int64, default=0))
    accounts = captures["account"].unique().to_list()
    returned = Transfer.objects.visible_to(actor).filter(
        kind=TransferKind.POST, credit_account__code__in=accounts, causes__dispute__isnull=False
    )
    known = captures.select("account", "pot", "voucher", "generated")
    of_account = {row["account"]: row for row in known.iter_rows(named=True)}
    extra = [
        {**of_account[code], "capture": key, "agreement": causes.get("agreement"), "line": causes.get("line"),
         "fen": -amount}
        for code, key, causes, amount in returned.order_by("pk").values_list(
            "credit_account__code", "idempotency_key", "causes", "amount"
        )
    ]  # fmt: skip
    given = pl.DataFrame(extra, schema={name: TRACE[name] for name in extra[0]}) if extra else pl.DataFrame()
    return pl.concat([rows.drop("number", "amount"), given, pl.DataFrame(schema=TRACE)], how="diagonal").select(*TRACE)


def money_of(pot: Pot) -> Money:
    """Where the pot's money is, by its entries."""
    vouchers = Voucher.objects.filter(pot=pot)
    stands = vouchers.aggregate(balance=Sum("account__balance"), held=Sum("account__held"))
    accounts = vouchers.values("account_id")
    held = stands["held"] or 0

    def moved(rows: Q) -> int:
        return Transfer.objects.filter(rows).aggregate(total=Sum("amount"))["total"] or 0

    out = moved(Q(kind=TransferKind.CAPTURE, debit_account__in=accounts))
    back = moved(Q(kind=TransferKind.REVERSE, reverses__kind=TransferKind.CAPTURE, credit_account__in=accounts))
    back += moved(Q(kind=TransferKind.POST, credit_account__in=accounts, causes__dispute__isnull=False))
    grants = Account.objects.filter(purpose="grant").values("pk")
    to_grant = Q(debit_account=pot.account_id, credit_account__in=grants)
    from_grant = Q(credit_account=pot.account_id, debit_account__in=grants)
    from_outside = Q(credit_account=pot.account_id) & ~Q(debit_account__in=accounts) & ~from_grant
    budget = Account.objects.filter(purpose="budget").values("pk")
    to_treasury = Q(debit_account=pot.account_id, credit_account__in=budget)
    to_outside = Q(debit_account=pot.account_id) & ~Q(credit_account__in=accounts) & ~to_grant & ~to_treasury
    moving = Q(kind__in=(TransferKind.POST, TransferKind.REVERSE))
    return Money(
        came_in=moved(from_outside & moving) - moved(to_outside & moving),
        in_pot=pot.account.balance,
        in_vouchers=(stands["balance"] or 0) - held,
        held=held,
        captured=out - back,
        granted=moved(to_grant & moving) - moved(from_grant & moving),
        returned=moved(Q(credit_account=pot.account_id, debit_account__in=accounts) & moving),
        treasury=moved(to_treasury & moving),
    )

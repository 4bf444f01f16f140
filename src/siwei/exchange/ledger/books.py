"""Reading the ledger: the proof of a balance, an account's statement, the trial balance.

What the database sums it sums; an account's entries come as columns (`STATEMENT`), and balances run over them at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl
from django.db import connection
from django.utils import timezone

from siwei.errors import InputError, NotFound, Problem, Said
from siwei.exchange.access import require
from siwei.exchange.actors import Actor
from siwei.exchange.ledger.verification import LEGS, snapshot
from siwei.exchange.models import Account, Organisation, Origin, Seal

STATEMENT: dict[str, Any] = {
    "number": pl.Int64,
    "at": pl.Datetime("us", "UTC"),
    "kind": pl.String,
    "other": pl.String,
    "change": pl.Int64,
    "held_change": pl.Int64,
    "balance": pl.Int64,
    "held": pl.Int64,
    "memo": pl.String,
    "key": pl.String,
    "causes": pl.String,
}
"""An account's entries in order of time: what each changed (minor units), what stood after it; `causes` as JSON."""
TRIAL_BALANCE = {
    "unit": pl.String,
    "account": pl.String,
    "purpose": pl.String,
    "entries": pl.Int64,
    "received": pl.Int64,
    "given": pl.Int64,
    "balance": pl.Int64,
    "held": pl.Int64,
    "generated": pl.Boolean,
}
ENTRIES = """
SELECT entry.id, entry.at, entry.kind, other.code, {change}, {held}, entry.memo, entry.idempotency_key, entry.causes
FROM exchange_transfer AS entry JOIN exchange_account AS other ON other.id = entry.{other}
WHERE entry.{own} = %s AND entry.at >= %s AND entry.at < %s {kinds}
"""
DEBITS = ENTRIES.format(
    own="debit_account_id",
    other="credit_account_id",
    kinds="",
    change="CASE WHEN entry.kind IN ('hold', 'release') THEN 0 ELSE -entry.amount END",
    held="CASE entry.kind WHEN 'hold' THEN entry.amount WHEN 'capture' THEN -entry.amount "
    "WHEN 'release' THEN -entry.amount ELSE 0 END",
)
CREDITS = ENTRIES.format(
    own="credit_account_id",
    other="debit_account_id",
    kinds="AND entry.kind IN ('post', 'capture', 'reverse')",
    change="entry.amount",
    held="0",
)
OPENING = f"SELECT sum(balance), sum(held) FROM ({LEGS}) AS legs WHERE account_id = %s AND at < %s"  # noqa: S608
BY_KIND = f"""
SELECT kind, count(*), sum(legs.balance), sum(legs.held), sum(CASE WHEN id <= %s THEN 1 ELSE 0 END)
FROM ({LEGS.replace("SELECT id,", "SELECT kind, id,")}) AS legs WHERE account_id = %s GROUP BY kind ORDER BY kind
"""  # noqa: S608
TURNOVER = f"""
SELECT account.unit, account.code, account.purpose, count(*),
  sum(CASE WHEN legs.balance > 0 THEN legs.balance ELSE 0 END),
  sum(CASE WHEN legs.balance < 0 THEN -legs.balance ELSE 0 END), sum(legs.balance), sum(legs.held),
  COALESCE((SELECT origin FROM exchange_organisation AS owner WHERE owner.id = account.owner_id), '')
FROM ({LEGS}) AS legs JOIN exchange_account AS account ON account.id = legs.account_id WHERE legs.at < %s
GROUP BY account.id, account.unit, account.code, account.purpose, account.owner_id
"""  # noqa: S608
BEGINNING, END = date(1970, 1, 1), date(9999, 1, 1)


@dataclass(frozen=True, slots=True)
class Proof:
    """A balance beside what its entries come to; `by_kind`: kind → (entries, change of the balance, change of held)."""

    account: Account
    balance: int
    held: int
    by_kind: dict[str, tuple[int, int, int]]
    sealed: int
    """How many of its entries lie in sealed blocks."""

    @property
    def is_proven(self) -> bool:
        return (self.account.balance, self.account.held) == (self.balance, self.held)

    @property
    def entries(self) -> int:
        return sum(count for count, _, _ in self.by_kind.values())

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it: what `siwei ledger balance --json` and the API tell."""
        stands = self.account
        return {
            "account": stands.code, "unit": stands.unit, "is_proven": self.is_proven, "balance": stands.balance,
            "held": stands.held, "floor": stands.floor, "available": stands.available,
            "from_entries": {"balance": self.balance, "held": self.held},
            "by_kind": {
                kind: {"entries": count, "balance": change, "held": held}
                for kind, (count, change, held) in self.by_kind.items()
            },
            "entries": self.entries, "sealed": self.sealed,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """Entries from `start` to before the day after `end`; `entries` has the columns of `STATEMENT`."""

    account: Account
    start: date | None
    end: date | None
    opening: tuple[int, int]
    """Balance and held before the first entry."""
    entries: pl.DataFrame

    @property
    def closing(self) -> tuple[int, int]:
        if self.entries.is_empty():
            return self.opening
        last = self.entries.row(-1, named=True)
        return last["balance"], last["held"]


def prove_balance(code: str, *, actor: Actor) -> Proof:
    """Sum an account's balance from nothing but its entries. NotFound where the actor sees no such account."""
    with snapshot():
        account = find_visible(code, actor)
        seal = Seal.objects.order_by("-number").first()
        rows = _rows(BY_KIND, [seal.last_transfer_id if seal else 0, account.pk])
    by_kind = {kind: (int(count), int(balance), int(held)) for kind, count, balance, held, _ in rows}
    return Proof(
        account,
        sum(balance for _, balance, _ in by_kind.values()),
        sum(held for _, _, held in by_kind.values()),
        by_kind,
        sum(int(row[4]) for row in rows),
    )


def make_statement(code: str, start: date | None, end: date | None, *, actor: Actor) -> Statement:
    """An account's entries of a period (both days included; None: from its beginning, until now).

    NotFound where the actor sees no such account, InputError for a period that ends before it begins.
    """
    if start and end and end < start:
        raise InputError(
            [
                Problem(
                    Said(f"from {start} to {end}", f"从 {start} 到 {end}"),
                    Said("end on the day it begins or later", "结束日期不得早于开始日期"),
                    field="to",
                )
            ]
        )
    since, until = (
        _moment(max(start or BEGINNING, BEGINNING)),
        _moment(end + timedelta(days=1) if end and end < END else END),
    )
    with snapshot():
        account = find_visible(code, actor)
        before = _rows(OPENING, [account.pk, since])[0]
        rows = _rows(f"{DEBITS} UNION ALL {CREDITS} ORDER BY 2, 1", [account.pk, since, until] * 2)
    opening = (int(before[0] or 0), int(before[1] or 0))
    return Statement(account, start, end, opening, run_balance(rows, opening))


def run_balance(rows: Sequence[Any], opening: tuple[int, int]) -> pl.DataFrame:
    """Entries in order → the same with what stood after each, as `STATEMENT`. Pure."""
    given = [name for name in STATEMENT if name not in ("balance", "held")]
    moments: Any = pl.String if rows and isinstance(rows[0][1], str) else STATEMENT["at"]
    schema = {name: moments if name == "at" else STATEMENT[name] for name in given}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    if moments == pl.String:  # as SQLite keeps them
        frame = frame.with_columns(
            pl.col("at").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", time_zone="UTC")
        )
    return frame.with_columns(
        (pl.col("change").cum_sum() + opening[0]).alias("balance"),
        (pl.col("held_change").cum_sum() + opening[1]).alias("held"),
    ).select(*STATEMENT)


def as_table(statement: Statement) -> pl.DataFrame:
    """The statement as it is taken away: a row for the opening, one for each entry, one for the closing; and
    whether it is of somebody made up."""

    def edge(kind: str, stands: tuple[int, int]) -> pl.DataFrame:
        row = {"kind": kind, "balance": stands[0], "held": stands[1]}
        return pl.DataFrame([row], schema={name: STATEMENT[name] for name in row})

    edges = edge("opening", statement.opening), edge("closing", statement.closing)
    rows = pl.concat([edges[0], statement.entries, edges[1]], how="diagonal").select(*STATEMENT)
    owner = statement.account.owner
    return rows.with_columns(
        pl.lit(statement.account.code).alias("account"),
        pl.lit(statement.account.unit).alias("unit"),
        pl.lit(owner.is_generated if owner else has_generated()).alias("generated"),
    ).select("account", "unit", *STATEMENT, "generated")


def has_generated() -> bool:
    """Whether any organisation of the city was made up."""
    return Organisation.objects.filter(origin=Origin.GENERATED).exists()


def trial_balance(as_of: date | None = None, *, actor: Actor) -> pl.DataFrame:
    """Every account with what it received and gave until the end of that day, as `TRIAL_BALANCE`; each unit's balances
    sum to zero. An account of an organisation that was made up is `generated`; one of nobody's (a pot, a budget) where
    the city has such organisations. For the operator and auditors."""
    require(actor.sees_all, actor, Said("read the trial balance", "查看试算平衡表"))
    until = _moment(as_of + timedelta(days=1) if as_of and as_of < END else END)
    rows = _rows(TURNOVER, [until])
    ownerless = has_generated()
    plain = [
        (*row[:3], *(int(value) for value in row[3:8]), row[8] == Origin.GENERATED if row[8] else ownerless)
        for row in rows
    ]
    # Sorted here: databases sort text differently.
    return pl.DataFrame(plain, schema=TRIAL_BALANCE, orient="row").sort("unit", "account")


def totals_of(trial: pl.DataFrame) -> pl.DataFrame:
    """A trial balance's sums by unit. Pure."""
    summed = [pl.col(name).sum() for name in ("entries", "received", "given", "balance", "held")]
    return trial.group_by("unit").agg(pl.len().cast(pl.Int64).alias("accounts"), *summed).sort("unit")


def find_visible(code: str, actor: Actor) -> Account:
    account = Account.objects.visible_to(actor).select_related("owner").filter(code=code).first()
    if account is None:
        raise NotFound(
            f"no account {code!r} → siwei ledger trial-balance lists them",
            f"没有账户 {code!r} → 可用 siwei ledger trial-balance 列出",
        )
    return account


def _moment(day: date) -> Any:
    """Where a day begins in the city's own time, as the database keeps it."""
    begins = datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone())
    return connection.ops.adapt_datetimefield_value(begins)


def _rows(sql: str, values: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()

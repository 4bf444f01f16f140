"""Whether the ledger is what its entries say, its guards stand, and its seals and their copies fit: every fault of it.

Reads only, from one moment of the database, and does not hold up writers. Sums are the database's own: an account or a
hold comes out of it, not an entry, wherever all is well.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection, transaction

from siwei.errors import Said
from siwei.exchange.access import require
from siwei.exchange.actors import Actor
from siwei.exchange.guards import SUBJECTS, missing_guards
from siwei.exchange.ledger.constraints import missing_constraints
from siwei.exchange.ledger.findings import Finding
from siwei.exchange.ledger.floors import verify_floors
from siwei.exchange.ledger.seals import compare_heads, read_heads, verify_concerned, verify_seals
from siwei.exchange.models import Account, Event, Hold, Seal, Transfer
from siwei.exchange.models.ledger import AMOUNT_LIMIT

MOST = 1_000
"""Findings of one check that are listed; the last says how many more there are."""
LEGS = """
SELECT id, at, debit_account_id AS account_id,
  CASE WHEN kind IN ('hold', 'release') THEN 0 ELSE -amount END AS balance,
  CASE kind WHEN 'hold' THEN amount WHEN 'capture' THEN -amount WHEN 'release' THEN -amount ELSE 0 END AS held
  FROM exchange_transfer
UNION ALL
SELECT id, at, credit_account_id, amount, 0 FROM exchange_transfer WHERE kind IN ('post', 'capture', 'reverse')
"""
"""What each entry changes on each of its accounts."""
ACCOUNTS = f"""
SELECT account.id, code, unit, floor, account.balance, account.held, last_transfer_id,
  COALESCE(summed.balance, 0), COALESCE(summed.held, 0), COALESCE(summed.last, 0), CASE WHEN EXISTS (
    SELECT 1 FROM exchange_transfer AS entry WHERE entry.id = account.last_transfer_id
    AND account.id IN (entry.debit_account_id, entry.credit_account_id)
  ) THEN 1 ELSE 0 END
FROM exchange_account AS account LEFT JOIN (
  SELECT account_id, sum(balance) AS balance, sum(held) AS held, max(id) AS last FROM ({LEGS}) AS legs
  GROUP BY account_id
) AS summed ON summed.account_id = account.id ORDER BY account.id
"""  # noqa: S608
HOLDS = """
SELECT hold.transfer_id, placed.idempotency_key, hold.amount, placed.amount, hold.captured,
  COALESCE(summed.captured, 0), hold.released, COALESCE(summed.released, 0), hold.expires_at, placed.expires_at
FROM exchange_hold AS hold
LEFT JOIN exchange_transfer AS placed ON placed.id = hold.transfer_id AND placed.kind = 'hold'
LEFT JOIN (
  SELECT hold_id, sum(CASE WHEN kind = 'capture' THEN amount ELSE 0 END) AS captured,
    sum(CASE WHEN kind = 'release' THEN amount ELSE 0 END) AS released
  FROM exchange_transfer WHERE hold_id IS NOT NULL GROUP BY hold_id
) AS summed ON summed.hold_id = hold.transfer_id
WHERE placed.id IS NULL OR hold.amount <> placed.amount
  OR hold.expires_at <> placed.expires_at OR hold.captured <> COALESCE(summed.captured, 0)
  OR hold.released <> COALESCE(summed.released, 0) OR hold.captured + hold.released > hold.amount
ORDER BY 1
"""
HOLDS_GONE = """
SELECT id, idempotency_key FROM exchange_transfer
WHERE kind = 'hold' AND NOT EXISTS (SELECT 1 FROM exchange_hold WHERE transfer_id = exchange_transfer.id) ORDER BY id
"""
HOLDS_LAST = """
SELECT hold.transfer_id, placed.idempotency_key FROM exchange_hold AS hold
JOIN exchange_transfer AS placed ON placed.id = hold.transfer_id
WHERE NOT EXISTS (
  SELECT 1 FROM exchange_transfer AS entry WHERE entry.id = hold.last_transfer_id
  AND (entry.id = hold.transfer_id OR entry.hold_id = hold.transfer_id)
) ORDER BY 1
"""
"""Which of its entries came last is told by a lock, not by their numbers; but it is one of them."""
ENTRIES = f"""
SELECT id, idempotency_key, wrong FROM (
  SELECT entry.id, entry.idempotency_key, CASE
    WHEN {{no_integer}} THEN 'amount_no_integer'
    WHEN entry.amount IS NULL OR entry.amount NOT BETWEEN 1 AND {AMOUNT_LIMIT} THEN 'amount_out_of_bounds'
    WHEN debit.id IS NULL OR credit.id IS NULL THEN 'account_gone'
    WHEN entry.debit_account_id = entry.credit_account_id THEN 'same_account'
    WHEN debit.unit <> entry.unit OR credit.unit <> entry.unit THEN 'other_unit'
    WHEN entry.kind NOT IN ('post', 'hold', 'capture', 'release', 'reverse') THEN 'kind_unknown'
    WHEN (entry.kind = 'hold') <> (entry.expires_at IS NOT NULL)
      OR (entry.kind IN ('capture', 'release')) <> (entry.hold_id IS NOT NULL)
      OR (entry.kind = 'reverse') <> (entry.reverses_id IS NOT NULL) THEN 'wrong_shape'
    WHEN entry.kind = 'hold' AND entry.expires_at <= entry.at THEN 'ends_before'
    WHEN entry.hold_id IS NOT NULL AND (placed.id IS NULL OR placed.kind <> 'hold' OR placed.id >= entry.id
      OR placed.at > entry.at OR placed.debit_account_id <> entry.debit_account_id
      OR placed.credit_account_id <> entry.credit_account_id) THEN 'not_of_hold'
    WHEN entry.kind = 'capture' AND placed.expires_at <= entry.at THEN 'hold_expired'
    WHEN entry.reverses_id IS NOT NULL AND (placed.id IS NULL OR placed.kind NOT IN ('post', 'capture')
      OR placed.id >= entry.id OR placed.at > entry.at OR placed.amount < entry.amount
      OR placed.debit_account_id <> entry.credit_account_id
      OR placed.credit_account_id <> entry.debit_account_id) THEN 'not_a_reversal'
  END AS wrong
  FROM exchange_transfer AS entry
  LEFT JOIN exchange_account AS debit ON debit.id = entry.debit_account_id
  LEFT JOIN exchange_account AS credit ON credit.id = entry.credit_account_id
  LEFT JOIN exchange_transfer AS placed ON placed.id = COALESCE(entry.hold_id, entry.reverses_id)
) AS judged WHERE wrong IS NOT NULL ORDER BY id
"""  # noqa: S608
REPEATED = (
    ("transfer", "idempotency_key", "exchange_transfer", "key_repeated"),
    ("transfer", "reverses_id", "exchange_transfer", "reversed_repeatedly"),
    ("account", "code", "exchange_account", "code_repeated"),
    ("event", "action || ' ' || key", "exchange_event", "key_repeated"),
    ("seal", "number", "exchange_seal", "number_repeated"),
)


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, in rows; the last block; what is not sealed yet; and everything found wrong."""

    rows: dict[str, int]
    unsealed: dict[str, int]
    last_seal: Seal | None
    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it: what `siwei ledger verify --json`, the API and the queue tell."""
        last = self.last_seal
        return {
            "is_whole": self.is_whole,
            "rows": self.rows,
            "unsealed": self.unsealed,
            "last_seal": {"number": last.number, "sha256": last.sha256, "at": last.at.isoformat()} if last else None,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def verify_ledger(*, actor: Actor, heads: Path | None = None) -> Verification:
    """Check everything there is to check; `heads` is an exported file of block heads. For the operator and auditors.

    Raises InputError or NotFound for a file of heads that cannot be read.
    """
    require(actor.sees_all, actor, Said("verify the ledger", "核验账本"))
    told = read_heads(heads) if heads is not None else []
    with snapshot():
        findings = tuple(chain(_run("guard", _guards), _run("constraint", _constraints), verify_rows(told)))
        last = Seal.objects.order_by("-number").first()
        events, transfers = (last.last_event_id, last.last_transfer_id) if last else (0, 0)
        return Verification(
            rows={
                "accounts": Account.objects.count(), "transfers": Transfer.objects.count(),
                "holds": Hold.objects.count(), "events": Event.objects.count(), "seals": Seal.objects.count(),
                "heads": len(told),
            },
            unsealed={
                "events": Event.objects.filter(pk__gt=events).count(),
                "transfers": Transfer.objects.filter(pk__gt=transfers).count(),
            },
            last_seal=last,
            findings=findings,
        )  # fmt: skip


def verify_rows(heads: Sequence[Mapping[str, Any]] = ()) -> Iterator[Finding]:
    """What is to be checked of the rows alone, whatever guards them."""
    checks: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("account", _accounts), ("account", verify_floors), ("hold", _holds), ("transfer", _entries),
        ("key", _repeated), ("seal", verify_seals), ("event", verify_concerned), ("head", lambda: compare_heads(heads)),
    ]  # fmt: skip
    for name, check in checks:
        yield from _run(name, check)


@contextmanager
def snapshot() -> Iterator[None]:
    """One moment of the database for all queries inside, without holding up writers."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield
    else:
        # Django's own would be IMMEDIATE: nobody could write meanwhile.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def _run(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What the check finds; that it cannot be made at all (a text where a number should be …) is a finding too."""
    try:
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            rest = iter(check())
            found = list(islice(rest, MOST))
            if more := sum(1 for _ in rest):
                found.append(Finding(name, "…", "more", {"count": more}))
    except (DatabaseError, ValueError, TypeError, OverflowError) as error:
        return [Finding(name, "all", "uncheckable", {"reason": str(error).splitlines()[0]})]
    return found


def _guards() -> Iterator[Finding]:
    for subject in SUBJECTS:
        for name in missing_guards(connection, subject):
            yield Finding("guard", name, "guard_missing")


def _constraints() -> Iterator[Finding]:
    for table, name in missing_constraints(connection):
        yield Finding("constraint", table, "constraint_missing", {"name": name})


def _accounts() -> Iterator[Finding]:
    sums: dict[str, int] = {}
    for _, code, unit, floor, balance, held, last, balance_due, held_due, last_due, is_own in _rows(ACCOUNTS):
        sums[unit] = sums.get(unit, 0) + balance
        if connection.vendor == "postgresql" and is_own:
            # An entry gets its number before it gets its account's lock: of two at once the smaller may come last.
            last_due = last
        for name, stands, due in (
            ("balance", balance, balance_due), ("held", held, held_due), ("last entry", last, last_due)
        ):  # fmt: skip
            if stands != due:
                yield Finding("account", code, "differs", {"name": name, "stands": stands, "due": due})
        if held < 0 or balance - held < floor:
            yield Finding("account", code, "below_floor", {"balance": balance, "held": held, "floor": floor})
    for unit, total in sorted(sums.items()):
        if total:
            yield Finding("account", unit, "unit_sum", {"total": total})


def _holds() -> Iterator[Finding]:
    for number, key, *pairs in _rows(HOLDS):
        amount, placed, captured, _, released, _, _, _ = pairs
        row = f"{number} {key or ''}".strip()
        if placed is None:
            yield Finding("hold", row, "hold_unplaced")
            continue
        for place, name in enumerate(("amount", "captured", "released", "end")):
            stands, due = pairs[2 * place : 2 * place + 2]
            if stands != due:
                yield Finding("hold", row, "differs", {"name": name, "stands": stands, "due": due})
        if captured + released > amount:
            values = {"captured": captured, "released": released, "amount": amount}
            yield Finding("hold", row, "hold_exceeded", values)
    for number, key in _rows(HOLDS_GONE):
        yield Finding("hold", f"{number} {key}", "hold_gone")
    for number, key in _rows(HOLDS_LAST):
        yield Finding("hold", f"{number} {key}", "hold_last_other")


def _entries() -> Iterator[Finding]:
    no_integer = "typeof(entry.amount) <> 'integer'" if connection.vendor == "sqlite" else "FALSE"
    for number, key, wrong in _rows(ENTRIES.format(no_integer=no_integer)):
        yield Finding("transfer", f"{number} {key}", wrong)


def _repeated() -> Iterator[Finding]:
    for subject, column, table, code in REPEATED:
        for value, count in _rows(
            f"SELECT {column}, count(*) FROM {table} WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1"  # noqa: S608
        ):
            yield Finding(subject, str(value), code, {"count": count})


def _rows(sql: str) -> Iterator[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        while part := cursor.fetchmany(2_000):
            yield from part

"""Share a pot among the claims on it: first come, by merit, pro rata or by lottery; reserves, quotas, whole or in part.

Reserves are shared first, each among the claims it is kept for; what is left of them and the rest of the pot is then
shared among all. Nothing is paid twice, no claim gets more than it claims, and what is paid adds up to the fen. Both
are parts of the period's whole budget, however often its pot is shared (`earlier_awards`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from siwei.errors import InputError, Problem
from siwei.policy.decide import programme_context
from siwei.policy.language.compile import Plan
from siwei.policy.money_words import of_money
from siwei.policy.pots.earlier_awards import RESERVE, TREASURY, Earlier
from siwei.policy.pots.rounds import QuotaLeft, ReserveLeft, serve_pot
from siwei.policy.programmes import FactStatus, Payment, Pot, Programme, Quota, Reserve, Returns, Sharing
from siwei.policy.sharing import sum_exactly
from siwei.policy.subjects import ID, column_problem, read_dtypes

CLAIM, APPLIED_AT, SCORE = "claim_fen", "applied_at", "score"
SHARES_SCHEMA: dict[str, pl.DataType] = {
    ID: pl.String(), CLAIM: pl.Int64(), "paid_fen": pl.Int64(), "reserved_fen": pl.Int64(),
    "rank": pl.UInt32(), "bound_by": pl.String(),
}  # fmt: skip
LONGEST_SEED = 200
INT64 = 2**63


@dataclass(frozen=True)
class Shares:
    """`table` has a row per claim in the order given: what it gets, how much of that out of reserves, its rank (from
    1; null where all are cut alike), and what kept it from more (`pot`, `quota:<attribute>`; null where paid in full).
    """

    sharing: Sharing
    budget_fen: int
    table: pl.DataFrame
    reserved: Mapping[str, list[int]] = field(default_factory=dict)
    """What of `reserved_fen` came out of each reserve, by its id; rows as in `table`."""

    @property
    def claimed_fen(self) -> int:
        return sum_exactly(self.table[CLAIM])

    @property
    def paid_fen(self) -> int:
        return sum_exactly(self.table["paid_fen"])

    @property
    def left_fen(self) -> int:
        return self.budget_fen - self.paid_fen


def share_pot(
    programme: Programme,
    claims: pl.DataFrame,
    as_of: date,
    *,
    budget_fen: int | None = None,
    sharing: Sharing | None = None,
    seed: str | None = None,
    earlier: Earlier | None = None,
) -> Shares:
    """Share the programme's pot among `claims`: `id` (String), `claim_fen` (Int64), and as the rules need them
    `applied_at` (a date, a time or a number; first come), `score` (a number; merit) and the attributes that reserves
    and quotas read.

    `budget_fen` and `sharing` stand for what the file does not know, or are tried in a rehearsal. With `earlier` the
    pot was shared before: `budget_fen` is then what is shared now, and reserves and quotas are parts of the period's
    budget that `earlier` tells, less what it says was taken. Raises InputError with every problem.
    """
    pot = programme.pot
    if pot is None:
        raise InputError([Problem(*of_money("no_pot", programme=programme.id), field="pot")])
    mode = sharing or pot.sharing
    budget = pot.budget_fen if budget_fen is None else budget_fen
    _check(pot, claims, mode, budget, seed)
    assert budget is not None
    before = earlier or Earlier(budget)
    paid, reserved, bound, order = _share(programme, pot, claims, as_of, mode, budget, seed, before)
    out_of = [sum(amounts) for amounts in zip(*reserved.values(), strict=True)] or [0] * len(paid)
    return Shares(mode, budget, _table(claims, paid, out_of, bound, order), reserved)


def with_counted(programme: Programme, claims: pl.DataFrame, shares: Shares) -> pl.DataFrame:
    """`shares.table` with what a later sharing of the same pot counts (`earlier_awards`), where reserves or quotas do:
    what came out of each reserve, and the value of each quota's attribute; and a column for what goes to the treasury,
    where what comes back does."""
    assert programme.pot is not None
    gone = [pl.lit(0, pl.Int64).alias(TREASURY)] if programme.pot.returns is Returns.TREASURY else []
    out_of = [pl.Series(f"{RESERVE}{id}", paid, dtype=pl.Int64) for id, paid in shares.reserved.items()]
    return shares.table.with_columns(*gone, *out_of, *(claims[quota.by] for quota in programme.pot.quotas))


def lottery_digest(seed: str, id: str) -> str:
    """Hex SHA-256 of the seed, a line feed and the id, in UTF-8. Claims are drawn by it, ascending, so that anyone who
    has the published seed can draw again: `printf '%s\\n%s' SEED ID | sha256sum`."""
    return hashlib.sha256(f"{seed}\n{id}".encode()).hexdigest()


def _share(
    programme: Programme, pot: Pot, claims: pl.DataFrame, as_of: date, mode: Sharing, budget: int, seed: str | None,
    earlier: Earlier,
) -> tuple[list[int], dict[str, list[int]], list[str | None], list[int] | None]:  # fmt: skip
    """By claim: paid, of that out of each reserve, bound by; and the places in order."""
    wanted: list[int] = claims[CLAIM].cast(pl.Int64).to_list()
    ids = claims[ID].cast(pl.String)
    order = None if mode is Sharing.PRO_RATA else _order(claims, mode, seed)
    quotas = [_quota_left(quota, earlier, claims) for quota in pot.quotas]

    reserves = [
        ReserveLeft(reserve.id, earlier.left_of_reserve(reserve), matches(programme, reserve, claims, as_of))
        for reserve in pot.reserves
    ]
    served = serve_pot(wanted, ids, order, budget, pot.payment, reserves, quotas)
    return served.paid, served.reserved, served.bound, order


def _table(
    claims: pl.DataFrame, paid: list[int], reserved: list[int], bound: list[str | None], order: list[int] | None
) -> pl.DataFrame:
    ranks: list[int | None] = [None] * len(paid)
    for rank, place in enumerate(order or (), start=1):
        ranks[place] = rank
    columns = (claims[ID].cast(pl.String), claims[CLAIM].cast(pl.Int64), paid, reserved, ranks, bound)
    return pl.DataFrame(dict(zip(SHARES_SCHEMA, columns, strict=True)), schema=SHARES_SCHEMA)


def _order(claims: pl.DataFrame, mode: Sharing, seed: str | None) -> list[int]:
    """The places of the claims as they are served; what would tie goes by the id, so that no order is by chance."""
    frame = claims.select(pl.col(ID).cast(pl.String), *(name for name in (APPLIED_AT, SCORE) if name in claims.columns))
    if mode is Sharing.LOTTERY:
        assert seed is not None
        digests = [lottery_digest(seed, id) for id in frame[ID]]
        frame = frame.with_columns(pl.Series("drawn", digests, dtype=pl.String))
        keys, descending = ["drawn", ID], [False, False]
    elif mode is Sharing.MERIT:
        # Of equal merit the earlier goes first, where it is known.
        keys = [SCORE, *((APPLIED_AT,) if APPLIED_AT in frame.columns else ()), ID]
        descending = [True, *[False] * (len(keys) - 1)]
    else:
        keys, descending = [APPLIED_AT, ID], [False, False]
    return frame.with_row_index("place").sort(keys, descending=descending)["place"].to_list()


def _quota_left(quota: Quota, earlier: Earlier, claims: pl.DataFrame) -> QuotaLeft:
    values = claims[quota.by].to_list()
    return QuotaLeft(f"quota:{quota.by}", values, {value: earlier.left_of_quota(quota, value) for value in set(values)})


def matches(programme: Programme, reserve: Reserve, claims: pl.DataFrame, as_of: date) -> list[bool]:
    """Of which claims `where` is true; unknown and in error are not."""
    plan = Plan()
    context = programme_context(programme, as_of, FactStatus.DECLARED, frozenset(claims.columns))
    where = plan.add(reserve.where.tree, context)
    types = read_dtypes([reserve.where])
    typed = claims.lazy().with_columns(pl.col(name).cast(dtype) for name, dtype in types.items())
    return plan.apply(typed, [where.value.fill_null(False).alias("kept")]).collect()["kept"].to_list()


def _check(pot: Pot, claims: pl.DataFrame, mode: Sharing, budget: int | None, seed: str | None) -> None:
    problems = [*_check_rules(pot, mode, budget, seed), *_check_amounts(claims)]
    needed = {Sharing.FIRST_COME: APPLIED_AT, Sharing.MERIT: SCORE}.get(mode)
    for name in [*((needed,) if needed else ()), *(quota.by for quota in pot.quotas)]:
        problems += _check_filled(claims, name)
    for name, dtype in read_dtypes(reserve.where for reserve in pot.reserves).items():
        found = column_problem(name, dtype, claims.schema)
        problems += [found] if found else []
    if problems:
        raise InputError(list(dict.fromkeys(problems)))


def _check_rules(pot: Pot, mode: Sharing, budget: int | None, seed: str | None) -> list[Problem]:
    problems = []
    if mode is Sharing.NOT_KNOWN:
        problems.append(Problem(*of_money("mode"), field="sharing"))
    if mode is Sharing.PRO_RATA and (pot.payment is not Payment.PARTIAL or len(pot.quotas) > 1):
        problems.append(Problem(*of_money("pro_rata"), field="sharing"))
    if budget is None:
        problems.append(Problem(*of_money("no_budget"), field="budget_fen"))
    elif not 0 <= budget < INT64:
        problems.append(Problem(*of_money("budget", budget=budget), field="budget"))
    if mode is Sharing.LOTTERY and (seed is None or not 0 < len(seed) <= LONGEST_SEED or not seed.isprintable()):
        problems.append(Problem(*of_money("seed", most=LONGEST_SEED), field="seed"))
    return problems


def _check_amounts(claims: pl.DataFrame) -> list[Problem]:
    problems = [Problem(*of_money("no_column", name=name), field=name) for name in (ID, CLAIM) if name not in claims]
    if problems:
        return problems
    if claims[ID].null_count() or claims[ID].n_unique() != claims.height:
        problems.append(Problem(*of_money("ids"), field=ID))
    amounts = claims[CLAIM]
    if claims.height and not amounts.dtype.is_integer():
        problems.append(Problem(*of_money("claims_type", type=amounts.dtype), field=CLAIM))
    elif amounts.null_count():
        problems.append(Problem(*of_money("claims_null", count=amounts.null_count()), field=CLAIM))
    elif claims.height and (int(amounts.min()) < 0 or int(amounts.max()) >= INT64):  # type: ignore[arg-type]
        problems.append(Problem(*of_money("claims_range"), field=CLAIM))
    return problems


def _check_filled(claims: pl.DataFrame, name: str) -> list[Problem]:
    if name not in claims.columns:
        return [Problem(*of_money("order_column", name=name), field=name)]
    column = claims[name]
    missing = column.null_count() + (int(column.is_nan().sum()) if column.dtype.is_float() else 0)
    if name == SCORE and claims.height and not column.dtype.is_numeric():
        return [Problem(*of_money("order_type", name=name, type=column.dtype), field=name)]
    return [Problem(*of_money("order_missing", count=missing, name=name), field=name)] if missing else []

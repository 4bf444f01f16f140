"""What a voucher pays: its rate for every subject, and the terms of one granted on a day."""

from datetime import date, timedelta

import polars as pl

from siwei.policy.decide import programme_context
from siwei.policy.explanation import VoucherExplanation
from siwei.policy.language.compile import Plan
from siwei.policy.programmes import Programme, Voucher
from siwei.policy.subjects import ID, prepare_subjects

WHOLE_BP = 10_000


def voucher_rates(programme: Programme, table: pl.DataFrame | pl.LazyFrame, as_of: date) -> pl.DataFrame:
    """`id, rate_bp` (Int64, 0 to 10,000), in the table's order: the part of each bill a voucher of the subject pays.

    Null where a fact it waits for is missing, the expression fails, or the rate is none. The proof asked of facts is
    the award's. `table` as `decide` takes it.
    """
    assert programme.voucher is not None, f"{programme.id} has no voucher terms"
    subjects = prepare_subjects(table, (programme,))
    columns = frozenset(subjects.collect_schema().names())
    plan = Plan()
    context = programme_context(programme, as_of, programme.award.requires, columns)
    rate = plan.add(programme.voucher.rate.tree, context).value
    possible = pl.when(rate.is_between(0, WHOLE_BP)).then(rate).alias("rate_bp")
    return plan.apply(subjects, [pl.col(ID), possible]).collect()


def voucher_terms(programme: Programme, row: pl.DataFrame, as_of: date) -> VoucherExplanation | None:
    """For a one-row table; None where the programme has no voucher terms."""
    voucher = programme.voucher
    if voucher is None:
        return None
    return VoucherExplanation(
        voucher.kinds,
        voucher_rates(programme, row, as_of)["rate_bp"].item(),
        voucher.listed_providers_only,
        as_of,
        last_day(programme, voucher, as_of),
        voucher.words,
        voucher.citation,
    )


def last_day(programme: Programme, voucher: Voucher, granted_on: date) -> date | None:
    """The last day of a voucher granted on a day; None where the programme does not say."""
    if voucher.valid_days is not None:
        # The day of the grant is the first.
        return granted_on + timedelta(days=voucher.valid_days - 1)
    if voucher.valid_until == "year_end":
        return date(granted_on.year, 12, 31)
    return programme.period.end if voucher.valid_until == "period_end" else None

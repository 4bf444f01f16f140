"""Plain Python: a loop over rows, None for unknown. Whole numbers of any size, so exact throughout."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.policy.rules import (
    ATTRIBUTES,
    CHOICES,
    CITY,
    CLAUSES,
    FIELDS,
    FIVE_YEARS_AGO,
    ONE_YEAR_AGO,
    RESULT_SCHEMA,
    SIX_YEARS_AGO,
    STACKED,
    YEAR_2025,
)  # fmt: skip
from benchmarks.policy.systems import System

Amount = int | None
Told = bool | None
CITY_SET, FIELD_SET, FORM_SET = frozenset(CITY), frozenset(FIELDS), frozenset(["firm", "institute"])


def either(left: Told, right: Told) -> Told:
    if left or right:
        return True
    return None if left is None or right is None else False


def negated(value: Told) -> Told:
    return None if value is None else not value


def conditions(
    district: str | None, form: str | None, industry: str | None, founded: date | None, employees: Amount,
    researchers: Amount, patents: Amount, revenue: Amount, rd: Amount, high_tech: Amount, income: Amount,
    compute: Amount, corpus: Amount, model: Amount, _rent: Amount, violation: Told, listed: Told,
) -> list[Told]:  # fmt: skip
    """The thirty clauses in the order of `rules.CLAUSES`."""
    orderly = negated(violation)
    year_old = None if founded is None else founded <= ONE_YEAR_AGO
    model_fits = None if model is None or revenue is None else model * 2 <= revenue
    ratio = rd_ratio = None
    if rd is not None and revenue is not None:
        ratio = rd * 10_000 >= revenue * 300
        rate = 500 if revenue <= 5_000_000_000 else 400 if revenue <= 20_000_000_000 else 300
        rd_ratio = rd * 10_000 >= revenue * rate
    return [
        None if district is None else district in CITY_SET,
        None if form is None else form in FORM_SET,
        None if compute is None else compute >= 1_000_000,
        orderly,
        year_old,
        None if corpus is None else corpus > 0,
        None if industry is None else industry.startswith("I6"),
        either(None if employees is None else employees >= 10, None if researchers is None else researchers >= 5),
        None if district is None else district != "outside",
        negated(listed),
        None if model is None else model >= 10_000,
        either(model_fits, None if researchers is None else researchers > 20),
        None if district is None else district == "nanshan" or district == "futian",
        None if employees is None else 0 < employees < 5000,
        orderly,
        ratio,
        None if researchers is None or employees is None else researchers * 10 >= employees,
        either(None if patents is None else patents >= 1, None if rd is None else rd >= 1_000_000_000),
        None if form is None else form == "firm",
        None if founded is None else founded < YEAR_2025,
        None if founded is None else founded > FIVE_YEARS_AGO,
        None if employees is None else employees <= 100,
        None if revenue is None else revenue < 2_000_000_000,
        negated(either(violation, listed)),
        None if industry is None else industry in FIELD_SET,
        None if income is None else income > 0,
        None if high_tech is None or revenue is None else high_tech * 100 >= revenue * 60,
        rd_ratio,
        None if patents is None else patents > 0,
        year_old,
    ]


def amounts(row: tuple[Any, ...]) -> list[Amount]:
    """The six awards under their caps, before the verdict."""
    founded, employees, rd, income = row[3], row[4], row[8], row[10]
    compute, corpus, model, rent = row[11:15]
    uncut: list[Amount] = [None] * 6
    if compute is not None and founded is not None:
        uncut[0] = min(compute * (6000 if founded > SIX_YEARS_AGO else 5000) // 10_000, 1_000_000_000)
    if corpus is not None:
        uncut[1] = min(corpus * 3000 // 10_000, 200_000_000)
    if model is not None:
        rate = 3000 if model <= 10_000_000 else 2500 if model <= 100_000_000 else 2000
        uncut[2] = min(model * rate // 10_000, 100_000_000)
    if rd is not None:
        uncut[3] = min(rd * 1000 // 10_000, 500_000_000)
    if employees is not None and rent is not None:
        uncut[4] = min(employees * 500_000, rent, 30_000_000)
    if income is not None:
        uncut[5] = min(income * 10 // 100, 100_000_000_000)
    return uncut


def settle(codes: list[int], uncut: list[Amount], compute: Amount, corpus: Amount, model: Amount) -> tuple[Any, ...]:
    """Clause codes and uncut awards → a row of the result. Shared by every system that works row by row."""
    verdicts = []
    for start in range(0, 30, 5):
        part = codes[start : start + 5]
        verdicts.append(0 if 0 in part else 1 if part == [1, 1, 1, 1, 1] else 2)
    awards = [amount if verdict == 1 else 0 if verdict == 0 else None
              for verdict, amount in zip(verdicts, uncut, strict=True)]  # fmt: skip
    limit = None if compute is None or corpus is None or model is None else (compute + corpus + model) // 2
    return (*codes, *verdicts, *awards, *stack(awards[:3], limit))


def stack(awards: list[Amount], limit: Amount) -> list[Amount]:
    amounts = [award or 0 for award in awards]
    total = sum(amounts)
    if limit is None:
        return [0 if award == 0 else None for award in awards]
    if total <= limit:
        return awards
    # The last of CHOICES is all of them, which reaches every total.
    best = next(choice for choice in CHOICES if sum([amounts[place] for place in choice]) >= limit)
    kept: list[Amount] = [None if award is None else 0 for award in awards]
    for place in best:
        if awards[place] is not None:
            kept[place] = min(amounts[place], limit)
            limit -= kept[place] or 0
    return kept


def load(source: Path, rows: int) -> list[tuple[Any, ...]]:
    return pl.read_parquet(source, n_rows=rows).select(ATTRIBUTES).rows()


def evaluate(_compiled: None, table: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    code = {None: 2, False: 0, True: 1}
    return [settle([code[each] for each in conditions(*row)], amounts(row), *row[11:14]) for row in table]


def as_frame(result: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(result, schema=RESULT_SCHEMA, orient="row")


assert tuple(CLAUSES)[:3] == STACKED, "`settle` takes the first three awards"
SYSTEMS = {"whole": System(lambda: None, load, evaluate, as_frame)}

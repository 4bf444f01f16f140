"""The six made-up programmes as every system sees them: names, columns of a result, and their text in standard CEL.

`pack/` is the definition. The texts here say the same without our own functions, for interpreters that know only what
CEL itself has; that they say the same is what `agrees` measures.
"""

from datetime import date
from pathlib import Path

import polars as pl

PACK = Path(__file__).resolve().parent / "pack"
AS_OF = date(2026, 11, 23)
ONE_YEAR_AGO, FIVE_YEARS_AGO, SIX_YEARS_AGO = date(2025, 11, 23), date(2021, 11, 23), date(2020, 11, 23)
"""Founded on or before the first: a year old or more. After the second: not yet five. After the third: not yet six."""
YEAR_2025 = date(2025, 1, 1)

CITY = ["nanshan", "futian", "longhua", "longgang", "guangming", "baoan"]
FIELDS = ["I64", "I65", "C39", "M73"]

CLAUSES: dict[str, tuple[str, ...]] = {
    "compute-voucher": ("in-city", "legal-form", "spent", "no-violation", "one-year"),
    "corpus-voucher": ("bought", "software", "staffed", "not-outside", "not-provider"),
    "model-voucher": ("bought", "within-means", "central", "size", "no-violation"),
    "research-grant": ("ratio", "researchers", "proven", "firm", "before-2025"),
    "start-up": ("young", "small", "little-revenue", "in-order", "field"),
    "tax-relief": ("profit", "high-tech", "ratio", "patents", "one-year"),
}
STACKED = ("compute-voucher", "corpus-voucher", "model-voucher")
"""Together at most half of what was spent on compute, corpora and models, the last one cut first. Of all sets of
them the best is taken: the greatest total, of equal ones the fewest awards, then the first in this order. An award
that is not known is left out and stays so; where the limit is not known, no award above 0 can be told."""
CHOICES = ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))
"""Sets of STACKED in the order of preference. One limit over all of them: a set comes to its sum or the limit, so the
best total is that of all three, and the first set whose sum reaches it is the one taken."""
RULES = sum(map(len, CLAUSES.values())) + len(CLAUSES) + 1
"""Clauses, awards and the stacking."""

CLAUSE_COLUMNS = [f"{programme}:{clause}" for programme, clauses in CLAUSES.items() for clause in clauses]
AWARD_COLUMNS = [f"{programme}:award_fen" for programme in CLAUSES]
STACKED_COLUMNS = [f"{programme}:stacked_fen" for programme in STACKED]
SUMMARY_COLUMNS = [*CLAUSES, *AWARD_COLUMNS, *STACKED_COLUMNS]
RESULT_COLUMNS = [*CLAUSE_COLUMNS, *SUMMARY_COLUMNS]
"""Clauses: 0 no, 1 yes, 2 unknown. Programmes: 0 not eligible, 1 eligible, 2 cannot tell. Amounts: fen, 0 where not
eligible, null where not known."""

CODES = [*CLAUSE_COLUMNS, *CLAUSES]
RESULT_SCHEMA = {name: pl.UInt8() if name in CODES else pl.Int64() for name in RESULT_COLUMNS}

ATTRIBUTES = (
    "district", "legal_form", "industry", "founded_on", "employees", "research_staff", "patents", "revenue",
    "rd_expense", "high_tech_revenue", "taxable_income", "compute_spend", "corpus_spend", "model_spend", "rent_spend",
    "serious_violation", "listed_provider",
)  # fmt: skip

CEL_CLAUSES: dict[str, tuple[str, ...]] = {
    "compute-voucher": (
        "district in ['nanshan', 'futian', 'longhua', 'longgang', 'guangming', 'baoan']",
        "legal_form in ['firm', 'institute']",
        "compute_spend >= 1000000",
        "!serious_violation",
        "founded_on <= timestamp('2025-11-23T00:00:00Z')",
    ),
    "corpus-voucher": (
        "corpus_spend > 0",
        "industry.startsWith('I6')",
        "employees >= 10 || research_staff >= 5",
        "district != 'outside'",
        "!listed_provider",
    ),
    "model-voucher": (
        "model_spend >= 10000",
        "model_spend * 2 <= revenue || research_staff > 20",
        "district == 'nanshan' || district == 'futian'",
        "employees > 0 && employees < 5000",
        "!serious_violation",
    ),
    "research-grant": (
        "rd_expense * 10000 >= revenue * 300",
        "research_staff * 10 >= employees",
        "patents >= 1 || rd_expense >= 1000000000",
        "legal_form == 'firm'",
        "founded_on < timestamp('2025-01-01T00:00:00Z')",
    ),
    "start-up": (
        "founded_on > timestamp('2021-11-23T00:00:00Z')",
        "employees <= 100",
        "revenue < 2000000000",
        "!(serious_violation || listed_provider)",
        "industry in ['I64', 'I65', 'C39', 'M73']",
    ),
    "tax-relief": (
        "taxable_income > 0",
        "high_tech_revenue * 100 >= revenue * 60",
        "rd_expense * 10000 >= revenue * (revenue <= 5000000000 ? 500 : revenue <= 20000000000 ? 400 : 300)",
        "patents > 0",
        "founded_on <= timestamp('2025-11-23T00:00:00Z')",
    ),
}
CEL_AWARDS: dict[str, tuple[str, int]] = {
    "compute-voucher": (
        "compute_spend * (founded_on > timestamp('2020-11-23T00:00:00Z') ? 6000 : 5000) / 10000",
        1_000_000_000,
    ),
    "corpus-voucher": ("corpus_spend * 3000 / 10000", 200_000_000),
    "model-voucher": (
        "model_spend * (model_spend <= 10000000 ? 3000 : model_spend <= 100000000 ? 2500 : 2000) / 10000",
        100_000_000,
    ),
    "research-grant": ("rd_expense * 1000 / 10000", 500_000_000),
    "start-up": ("employees * 500000 < rent_spend ? employees * 500000 : rent_spend", 30_000_000),
    "tax-relief": ("taxable_income * 10 / 100", 100_000_000_000),
}
"""The award, and the cap, which the interpreters' callers take themselves: CEL has no `min`."""

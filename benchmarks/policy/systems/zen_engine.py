"""GoRules Zen, once a row: one compiled expression, a list of every rule's answer (the fastest way it has), and, as
`decision`, a decision model with an expression node (the way it is sold). Numbers are decimals, so exact.

It has no unknown and a comparison with null fails, so every condition is guarded and answers 0, 1 or 2.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl
import zen

from benchmarks.policy.rules import ATTRIBUTES, CLAUSE_COLUMNS, CLAUSES
from benchmarks.policy.systems import System
from benchmarks.policy.systems.python import as_frame, settle


def guarded(condition: str, *names: str) -> str:
    unknown = " or ".join(f"{name} == null" for name in names)
    return f"{unknown} ? 2 : ({condition} ? 1 : 0)"


def either(left: str, left_names: tuple[str, ...], right: str, right_names: tuple[str, ...]) -> str:
    left_known = " and ".join(f"{name} != null" for name in left_names)
    right_known = " and ".join(f"{name} != null" for name in right_names)
    yes = f"({left_known} and ({left})) or ({right_known} and ({right}))"
    return f"{yes} ? 1 : ({left_known} and {right_known} ? 0 : 2)"


YEAR_OLD = guarded("date(founded_on) <= date('2025-11-23')", "founded_on")
ORDERLY = guarded("not serious_violation", "serious_violation")
CONDITIONS: dict[str, tuple[str, ...]] = {
    "compute-voucher": (
        guarded("district in ['nanshan', 'futian', 'longhua', 'longgang', 'guangming', 'baoan']", "district"),
        guarded("legal_form in ['firm', 'institute']", "legal_form"),
        guarded("compute_spend >= 1000000", "compute_spend"),
        ORDERLY,
        YEAR_OLD,
    ),
    "corpus-voucher": (
        guarded("corpus_spend > 0", "corpus_spend"),
        guarded("startsWith(industry, 'I6')", "industry"),
        either("employees >= 10", ("employees",), "research_staff >= 5", ("research_staff",)),
        guarded("district != 'outside'", "district"),
        guarded("not listed_provider", "listed_provider"),
    ),
    "model-voucher": (
        guarded("model_spend >= 10000", "model_spend"),
        either("model_spend * 2 <= revenue", ("model_spend", "revenue"), "research_staff > 20", ("research_staff",)),
        guarded("district == 'nanshan' or district == 'futian'", "district"),
        guarded("employees > 0 and employees < 5000", "employees"),
        ORDERLY,
    ),
    "research-grant": (
        guarded("rd_expense * 10000 >= revenue * 300", "rd_expense", "revenue"),
        guarded("research_staff * 10 >= employees", "research_staff", "employees"),
        either("patents >= 1", ("patents",), "rd_expense >= 1000000000", ("rd_expense",)),
        guarded("legal_form == 'firm'", "legal_form"),
        guarded("date(founded_on) < date('2025-01-01')", "founded_on"),
    ),
    "start-up": (
        guarded("date(founded_on) > date('2021-11-23')", "founded_on"),
        guarded("employees <= 100", "employees"),
        guarded("revenue < 2000000000", "revenue"),
        "serious_violation == true or listed_provider == true ? 0 : "
        "(serious_violation == null or listed_provider == null ? 2 : 1)",
        guarded("industry in ['I64', 'I65', 'C39', 'M73']", "industry"),
    ),
    "tax-relief": (
        guarded("taxable_income > 0", "taxable_income"),
        guarded("high_tech_revenue * 100 >= revenue * 60", "high_tech_revenue", "revenue"),
        guarded(
            "rd_expense * 10000 >= revenue * (revenue <= 5000000000 ? 500 : (revenue <= 20000000000 ? 400 : 300))",
            "rd_expense", "revenue",
        ),
        guarded("patents > 0", "patents"),
        YEAR_OLD,
    ),
}  # fmt: skip


def capped(amount: str, cap: int, *names: str) -> str:
    unknown = " or ".join(f"{name} == null" for name in names)
    return f"{unknown} ? null : min([{amount}, {cap}])"


AWARDS: dict[str, str] = {
    "compute-voucher": capped(
        "floor(compute_spend * (date(founded_on) > date('2020-11-23') ? 6000 : 5000) / 10000)", 1_000_000_000,
        "compute_spend", "founded_on",
    ),
    "corpus-voucher": capped("floor(corpus_spend * 3000 / 10000)", 200_000_000, "corpus_spend"),
    "model-voucher": capped(
        "floor(model_spend * (model_spend <= 10000000 ? 3000 : (model_spend <= 100000000 ? 2500 : 2000)) / 10000)",
        100_000_000, "model_spend",
    ),
    "research-grant": capped("floor(rd_expense * 1000 / 10000)", 500_000_000, "rd_expense"),
    "start-up": capped("min([employees * 500000, rent_spend])", 30_000_000, "employees", "rent_spend"),
    "tax-relief": capped("floor(taxable_income * 10 / 100)", 100_000_000_000, "taxable_income"),
}  # fmt: skip
KEYS = [f"rule{place}" for place in range(len(CLAUSE_COLUMNS) + len(CLAUSES))]


def rule_texts() -> list[str]:
    return [*(text for conditions in CONDITIONS.values() for text in conditions), *AWARDS.values()]


def compile_expression() -> Any:
    return zen.compile_expression(f"[{', '.join(f'({text})' for text in rule_texts())}]")


def compile_decision() -> Any:
    expressions = [
        {"id": key, "key": key, "value": text} for key, text in zip(KEYS, rule_texts(), strict=True)
    ]  # fmt: skip
    nodes = [
        {"id": "in", "name": "in", "type": "inputNode", "content": {}},
        {"id": "rules", "name": "rules", "type": "expressionNode", "content": {"expressions": expressions}},
        {"id": "out", "name": "out", "type": "outputNode", "content": {}},
    ]
    edges = [
        {"id": "first", "sourceId": "in", "targetId": "rules", "type": "edge"},
        {"id": "second", "sourceId": "rules", "targetId": "out", "type": "edge"},
    ]
    content = zen.ZenDecisionContent(json.dumps({"nodes": nodes, "edges": edges}))
    return zen.ZenEngine().create_decision(content)


def load(source: Path, rows: int) -> list[dict[str, Any]]:
    table = pl.read_parquet(source, n_rows=rows).select(ATTRIBUTES)
    return table.with_columns(pl.col("founded_on").cast(pl.String)).to_dicts()


def settled(row: dict[str, Any], found: list[Any]) -> tuple[Any, ...]:
    """Zen hands numbers back as doubles; every amount here is below 2**53, so none is rounded."""
    codes = [int(value) for value in found[: len(CLAUSE_COLUMNS)]]
    uncut = [None if value is None else int(value) for value in found[len(CLAUSE_COLUMNS) :]]
    return settle(codes, uncut, row["compute_spend"], row["corpus_spend"], row["model_spend"])


def evaluate_expression(expression: Any, table: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The limit is taken by the caller, as for every system that works row by row."""
    return [settled(row, expression.evaluate(row)) for row in table]


def evaluate_decision(decision: Any, table: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    result = []
    for row in table:
        found = decision.evaluate(row)["result"]
        # A null answer leaves its key out.
        result.append(settled(row, [found.get(key) for key in KEYS]))
    return result


SYSTEMS = {
    "whole": System(compile_expression, load, evaluate_expression, as_frame),
    "decision": System(compile_decision, load, evaluate_decision, as_frame),
}

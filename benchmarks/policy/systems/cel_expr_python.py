"""cel-expr-python (Google's cel-cpp): one checked expression a clause, evaluated row by row."""

from typing import Any

import polars as pl
from cel_expr_python import cel

from benchmarks.policy.data import make_block
from benchmarks.policy.rules import ATTRIBUTES, CEL_AWARDS, CEL_CLAUSES
from benchmarks.policy.systems import System
from benchmarks.policy.systems.cel_rows import load
from benchmarks.policy.systems.python import as_frame, settle

Compiled = tuple[cel.Env, list[cel.Expression], list[tuple[cel.Expression, int]]]
TYPES = {pl.Int64: cel.Type.INT, pl.Boolean: cel.Type.BOOL, pl.String: cel.Type.STRING, pl.Date: cel.Type.TIMESTAMP}


def compile_rules() -> Compiled:
    schema = make_block(0).schema
    environment = cel.NewEnv(variables={name: TYPES[type(schema[name])] for name in ATTRIBUTES})
    clauses = [environment.compile(text) for texts in CEL_CLAUSES.values() for text in texts]
    return environment, clauses, [(environment.compile(text), cap) for text, cap in CEL_AWARDS.values()]


def evaluate(compiled: Compiled, table: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    environment, clauses, awards = compiled
    result = []
    for row in table:
        # One activation per row: the values cross into C++ once and not once per expression.
        activation = environment.Activation(row)
        codes = []
        for expression in clauses:
            value = expression.eval(activation).plain_value()
            codes.append(int(value) if isinstance(value, bool) else 2)
        uncut: list[int | None] = []
        for expression, cap in awards:
            value = expression.eval(activation).plain_value()
            uncut.append(min(value, cap) if isinstance(value, int) else None)
        result.append(settle(codes, uncut, row.get("compute_spend"), row.get("corpus_spend"), row.get("model_spend")))
    return result


SYSTEMS = {"whole": System(compile_rules, load, evaluate, as_frame)}

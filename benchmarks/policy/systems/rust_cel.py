"""Rust CEL (common-expression-language on PyPI): one program a clause, a context per row."""

from typing import Any

from cel import Context, Program, compile

from benchmarks.policy.rules import CEL_AWARDS, CEL_CLAUSES
from benchmarks.policy.systems import System
from benchmarks.policy.systems.cel_rows import load
from benchmarks.policy.systems.python import as_frame, settle

Compiled = tuple[list[Program], list[tuple[Program, int]]]
NOT_KNOWN = (RuntimeError, TypeError, ValueError)
"""What the binding raises where a name is not there; the rows hold nothing that could fail otherwise."""


def compile_rules() -> Compiled:
    clauses = [compile(text) for texts in CEL_CLAUSES.values() for text in texts]
    return clauses, [(compile(text), cap) for text, cap in CEL_AWARDS.values()]


def evaluate(compiled: Compiled, table: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    clauses, awards = compiled
    result = []
    for row in table:
        context = Context(variables=row)
        codes = []
        for program in clauses:
            try:
                codes.append(int(program.execute(context)))
            except NOT_KNOWN:
                codes.append(2)
        uncut: list[int | None] = []
        for program, cap in awards:
            try:
                uncut.append(min(program.execute(context), cap))
            except NOT_KNOWN:
                uncut.append(None)
        result.append(settle(codes, uncut, row.get("compute_spend"), row.get("corpus_spend"), row.get("model_spend")))
    return result


SYSTEMS = {"whole": System(compile_rules, load, evaluate, as_frame)}

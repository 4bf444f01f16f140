"""OpenFisca-Core: an organisation is the person entity, every clause, verdict and award a variable of its own.

Its numbers are float32 (its integers int32, too small for fen), so amounts differ from ours. It has no unknown:
amounts and counts use NaN for it, days NaT, words and yes/no an item of their enumeration; a clause is a number,
1 yes, 0 no, NaN unknown, and `least` and `most` below are Kleene's and and or on those.

It is asked in two ways. By the fastest way found, words become items of an enumeration in Polars, past OpenFisca's own
encoder, and the simulation is one of `count` nameless persons. As its documentation loads a table ("run a simulation on
data"), identifiers are declared and every column is given to `set_input` as an array, which encodes words; Polars still
reads the file, faster than the pandas of the documentation would.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from openfisca_core.entities import build_entity
from openfisca_core.indexed_enums import Enum, EnumArray
from openfisca_core.periods import DateUnit
from openfisca_core.simulation_builder import SimulationBuilder
from openfisca_core.taxbenefitsystems import TaxBenefitSystem
from openfisca_core.variables import Variable

from benchmarks.policy.data import DISTRICTS, FORMS, INDUSTRIES
from benchmarks.policy.rules import ATTRIBUTES, CHOICES, CITY, CLAUSES, CODES, FIELDS, RESULT_COLUMNS, STACKED
from benchmarks.policy.systems import System

PERIOD = "2026-11"
Values = np.ndarray[Any, Any]
Formula = Callable[[Any, Any], Values]
ORGANISATION = build_entity("organisation", "organisations", "An organisation", is_person=True)
UNKNOWN_WORD = "unknown"
ENUMERATIONS = {
    name: Enum(name.title(), {word: word for word in [*words, UNKNOWN_WORD]})
    for name, words in {
        "district": DISTRICTS, "legal_form": FORMS, "industry": INDUSTRIES,
        "serious_violation": ["false", "true"], "listed_provider": ["false", "true"],
    }.items()
}  # fmt: skip


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def told(answer: Values, *seen: Values) -> Values:
    """A comparison as 1, 0, or NaN where something it saw is unknown."""
    known = np.asarray(answer, dtype=np.float32)
    for values in seen:
        known = np.where(np.isnat(values) if values.dtype.kind == "M" else np.isnan(values), np.float32(np.nan), known)
    return known


def among(name: str, words: list[str]) -> Formula:
    """Whether an enumeration is one of the words: its index looked up in a table of answers."""
    items = [item.name for item in ENUMERATIONS[name]]
    answers = np.array([np.nan if item == UNKNOWN_WORD else float(item in words) for item in items], dtype=np.float32)
    return lambda firm, period: answers[firm(name, period).view(np.ndarray)]


def compared(test: Callable[..., Values], *names: str) -> Formula:
    def formula(firm: Any, period: Any) -> Values:
        seen = [firm(name, period) for name in names]
        return told(test(*seen), *seen)

    return formula


def least(*parts: Formula) -> Formula:
    """And: no where any part is no, else unknown where any is."""

    def formula(firm: Any, period: Any) -> Values:
        values = [part(firm, period) for part in parts]
        any_no = np.logical_or.reduce([value == 0 for value in values])
        return np.where(any_no, np.float32(0), sum(values) / np.float32(len(values)))

    return formula


def most(*parts: Formula) -> Formula:
    """Or: yes where any part is yes, else unknown where any is."""

    def formula(firm: Any, period: Any) -> Values:
        values = [part(firm, period) for part in parts]
        any_yes = np.logical_or.reduce([value == 1 for value in values])
        return np.where(any_yes, np.float32(1), sum(values))

    return formula


def negated(part: Formula) -> Formula:
    return lambda firm, period: 1 - part(firm, period)


def stored(name: str) -> Formula:
    return lambda firm, period: firm(name, period)


VIOLATION, LISTED = among("serious_violation", ["true"]), among("listed_provider", ["true"])
YEAR_OLD = compared(lambda founded: founded <= day("2025-11-23"), "founded_on")
CONDITIONS: dict[str, tuple[Formula, ...]] = {
    "compute-voucher": (
        among("district", CITY),
        among("legal_form", ["firm", "institute"]),
        compared(lambda spent: spent >= 1_000_000, "compute_spend"),
        negated(VIOLATION),
        YEAR_OLD,
    ),
    "corpus-voucher": (
        compared(lambda spent: spent > 0, "corpus_spend"),
        among("industry", [code for code in INDUSTRIES if code.startswith("I6")]),
        most(compared(lambda n: n >= 10, "employees"), compared(lambda n: n >= 5, "research_staff")),
        among("district", [name for name in DISTRICTS if name != "outside"]),
        negated(LISTED),
    ),
    "model-voucher": (
        compared(lambda spent: spent >= 10_000, "model_spend"),
        most(
            compared(lambda spent, revenue: spent * 2 <= revenue, "model_spend", "revenue"),
            compared(lambda n: n > 20, "research_staff"),
        ),
        among("district", ["nanshan", "futian"]),
        compared(lambda n: (n > 0) & (n < 5000), "employees"),
        negated(VIOLATION),
    ),
    "research-grant": (
        compared(lambda rd, revenue: rd * 10_000 >= revenue * 300, "rd_expense", "revenue"),
        compared(lambda staff, n: staff * 10 >= n, "research_staff", "employees"),
        most(compared(lambda n: n >= 1, "patents"), compared(lambda rd: rd >= 1_000_000_000, "rd_expense")),
        among("legal_form", ["firm"]),
        compared(lambda founded: founded < day("2025-01-01"), "founded_on"),
    ),
    "start-up": (
        compared(lambda founded: founded > day("2021-11-23"), "founded_on"),
        compared(lambda n: n <= 100, "employees"),
        compared(lambda revenue: revenue < 2_000_000_000, "revenue"),
        negated(most(VIOLATION, LISTED)),
        among("industry", FIELDS),
    ),
    "tax-relief": (
        compared(lambda income: income > 0, "taxable_income"),
        compared(lambda high, revenue: high * 100 >= revenue * 60, "high_tech_revenue", "revenue"),
        compared(
            lambda rd, revenue: rd * 10_000
            >= revenue * np.where(revenue <= 5e9, np.float32(500), np.where(revenue <= 2e10, 400, 300)),
            "rd_expense", "revenue",
        ),
        compared(lambda n: n > 0, "patents"),
        YEAR_OLD,
    ),
}  # fmt: skip


def rated(rate: Callable[..., Any], name: str, *others: str) -> Formula:
    def formula(firm: Any, period: Any) -> Values:
        amount = firm(name, period)
        return np.floor(amount * rate(amount, *(firm(other, period) for other in others)) / 10_000)

    return formula


UNCUT: dict[str, tuple[Formula, float]] = {
    "compute-voucher": (
        rated(
            lambda _amount, founded: np.where(
                np.isnat(founded), np.nan, np.where(founded > day("2020-11-23"), 6000, 5000)
            ).astype(np.float32),
            "compute_spend", "founded_on",
        ),
        1e9,
    ),
    "corpus-voucher": (rated(lambda _amount: 3000, "corpus_spend"), 2e8),
    "model-voucher": (
        rated(
            lambda amount: np.where(amount <= 1e7, np.float32(3000), np.where(amount <= 1e8, 2500, 2000)),
            "model_spend",
        ),
        1e8,
    ),
    "research-grant": (rated(lambda _amount: 1000, "rd_expense"), 5e8),
    "start-up": (lambda firm, period: np.minimum(firm("employees", period) * 500_000, firm("rent_spend", period)), 3e7),
    "tax-relief": (rated(lambda _amount: 1000, "taxable_income"), 1e11),
}  # fmt: skip


def award(programme: str) -> Formula:
    uncut, cap = UNCUT[programme]

    def formula(firm: Any, period: Any) -> Values:
        verdict = firm(variable_name(programme), period)
        # NaN passes through `minimum`, and an unknown verdict through the product.
        return np.where(verdict == 0, np.float32(0), np.minimum(uncut(firm, period), np.float32(cap)) * verdict)

    return formula


def stacked(place: int) -> Formula:
    def formula(firm: Any, period: Any) -> Values:
        limit = np.floor(
            (firm("compute_spend", period) + firm("corpus_spend", period) + firm("model_spend", period)) / 2
        )
        awards = [firm(variable_name(f"{name}:award_fen"), period) for name in STACKED]
        amounts = [np.nan_to_num(award) for award in awards]
        target = np.minimum(limit, amounts[0] + amounts[1] + amounts[2])
        reached = [sum(amounts[one] for one in choice) >= target for choice in CHOICES[:-1]]
        taken = np.select(reached, [sum(1 << one for one in choice) for choice in CHOICES[:-1]], 7)
        before = sum((amounts[one] * ((taken >> one) & 1) for one in range(place)), np.float32(0))
        kept = np.minimum(amounts[place], np.maximum(limit - before, np.float32(0))) * ((taken >> place) & 1)
        # Where the limit is NaN so is what is kept; an award of 0 is known all the same.
        return np.where(awards[place] == 0, np.float32(0), kept + 0 * (limit + awards[place]))

    return formula


def variable_name(column: str) -> str:
    return column.replace("-", "_").replace(":", "__")


def declare(name: str, formula: Formula | None, value_type: type, **more: Any) -> type[Variable]:
    members = {
        "value_type": value_type,
        "entity": ORGANISATION,
        "definition_period": DateUnit.MONTH,
        "label": name,
        **more,
    }
    if formula is not None:
        # OpenFisca reads the number of arguments from the code object, so each formula gets one of its own.
        members["formula"] = lambda firm, period: formula(firm, period)
    return type(name, (Variable,), members)


def compile_rules() -> TaxBenefitSystem:
    from datetime import date

    system = TaxBenefitSystem([ORGANISATION])
    for name in ATTRIBUTES:
        if name in ENUMERATIONS:
            possible = ENUMERATIONS[name]
            system.add_variable(
                declare(name, None, Enum, possible_values=possible, default_value=possible[UNKNOWN_WORD])
            )
        else:
            system.add_variable(declare(name, None, date if name == "founded_on" else float))
    for programme, clauses in CLAUSES.items():
        names = [variable_name(f"{programme}:{clause}") for clause in clauses]
        for name, formula in zip(names, CONDITIONS[programme], strict=True):
            system.add_variable(declare(name, formula, float))
        system.add_variable(declare(variable_name(programme), least(*map(stored, names)), float))
        system.add_variable(declare(variable_name(f"{programme}:award_fen"), award(programme), float))
    for place, name in enumerate(STACKED):
        system.add_variable(declare(variable_name(f"{name}:stacked_fen"), stacked(place), float))
    return system


def load(source: Path, rows: int) -> dict[str, Any]:
    """`id` is a Series, which the result takes over; the others are arrays."""
    table = pl.read_parquet(source, n_rows=rows)
    inputs: dict[str, Any] = {"id": table["id"]}
    for name in ATTRIBUTES:
        if name in ENUMERATIONS:
            items = [item.name for item in ENUMERATIONS[name]]
            words = table[name].cast(pl.String).fill_null(UNKNOWN_WORD).cast(pl.Enum(items))
            inputs[name] = EnumArray(words.to_physical().cast(pl.Int16).to_numpy(), ENUMERATIONS[name])
        elif name == "founded_on":
            inputs[name] = table[name].to_numpy().astype("datetime64[D]")
        else:
            inputs[name] = table[name].cast(pl.Float32).to_numpy()
    return inputs


def evaluate(system: TaxBenefitSystem, inputs: dict[str, Any]) -> dict[str, Any]:
    """A new simulation each time, since one keeps what it has worked out; its inputs are taken as they are."""
    simulation = SimulationBuilder().build_default_simulation(system, count=len(inputs["founded_on"]))
    for name in ATTRIBUTES:
        simulation.set_input(name, PERIOD, inputs[name])
    return calculated(simulation, inputs)


def calculated(simulation: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    found = {column: simulation.calculate(variable_name(column), PERIOD) for column in RESULT_COLUMNS}
    return {"id": inputs["id"], **found}


def load_arrays(source: Path, rows: int) -> dict[str, Any]:
    """The identifiers and every column as arrays, with something in place of null, which OpenFisca's do not have."""
    table = pl.read_parquet(source, n_rows=rows)
    inputs: dict[str, Any] = {"id": table["id"], "identifiers": table["id"].to_numpy()}
    for name in ATTRIBUTES:
        if name in ENUMERATIONS:
            inputs[name] = table[name].cast(pl.String).fill_null(UNKNOWN_WORD).to_numpy().astype(str)
        elif name == "founded_on":
            inputs[name] = table[name].to_numpy().astype("datetime64[D]")
        else:
            inputs[name] = table[name].to_numpy()
    return inputs


def evaluate_arrays(system: TaxBenefitSystem, inputs: dict[str, Any]) -> dict[str, Any]:
    builder = SimulationBuilder()
    builder.create_entities(system)
    builder.declare_person_entity(ORGANISATION.key, inputs["identifiers"])
    simulation = builder.build(system)
    for name in ATTRIBUTES:
        simulation.set_input(name, PERIOD, inputs[name])
    return calculated(simulation, inputs)


def as_frame(result: dict[str, Any]) -> pl.DataFrame:
    frame = pl.DataFrame({name: pl.Series(result[name]).fill_nan(None) for name in RESULT_COLUMNS})
    codes = [pl.col(name).fill_null(2).cast(pl.UInt8) for name in CODES]
    amounts = [pl.col(name).cast(pl.Int64) for name in RESULT_COLUMNS if name not in CODES]
    return frame.select(result["id"], *codes, *amounts).select("id", *RESULT_COLUMNS)


SYSTEMS = {
    "whole": System(compile_rules, load, evaluate, as_frame),
    "documented": System(compile_rules, load_arrays, evaluate_arrays, as_frame),
}

"""What the compiler accepts: for each function and types, the type of the answer and how it is built.

One table serves the check and the compilation, so what passes the check can always be compiled. What is absent here
is refused when a programme is checked, with its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from siwei.policy.language import arithmetic, policy_functions, text_and_time
from siwei.policy.language.bands import MOST_BANDS
from siwei.policy.language.comparison import COMPARISONS, comparison, literal_membership, membership
from siwei.policy.language.compiled import Builder, both, conditional, either, strict
from siwei.policy.language.types import BOOL, DOUBLE, DURATION, INT, STRING, TIMESTAMP, UINT, CelType

DAY_OR_INSTANT = ("date", "timestamp")
MOST_EXTREMES = 6


@dataclass(frozen=True, slots=True)
class Overload:
    result: CelType
    build: Builder


Table = dict[tuple[str, tuple[str, ...]], Overload]


def _arithmetic() -> Table:
    table: Table = {}
    for name, operation in arithmetic.INTEGER_OPERATIONS.items():
        table[name, ("int", "int")] = Overload(INT, arithmetic.integer_operation(operation))
        table[name, ("uint", "uint")] = Overload(UINT, arithmetic.unsigned_operation(name))
    for name, operation in arithmetic.DOUBLE_OPERATIONS.items():
        table[name, ("double", "double")] = Overload(DOUBLE, arithmetic.double_operation(operation))
    table["_/_", ("int", "int")] = Overload(INT, arithmetic.integer_division)
    table["_%_", ("int", "int")] = Overload(INT, arithmetic.integer_modulus)
    table["_/_", ("uint", "uint")] = Overload(UINT, arithmetic.unsigned_division)
    table["_%_", ("uint", "uint")] = Overload(UINT, arithmetic.unsigned_modulus)
    table["-_", ("int",)] = Overload(INT, arithmetic.integer_negation)
    table["-_", ("double",)] = Overload(DOUBLE, arithmetic.double_negation)
    table["share", ("int", "int", "int")] = Overload(INT, arithmetic.share)
    table["basis_points", ("int", "int")] = Overload(INT, arithmetic.basis_points)
    for count in range(2, MOST_EXTREMES + 1):
        table["min", ("int",) * count] = Overload(INT, arithmetic.extreme(largest=False))
        table["max", ("int",) * count] = Overload(INT, arithmetic.extreme(largest=True))
    return table


def _text_and_time() -> Table:
    table: Table = {
        ("_+_", ("string", "string")): Overload(STRING, text_and_time.concatenation),
        ("size", ("string",)): Overload(INT, text_and_time.string_size),
        ("matches", ("string", "string")): Overload(BOOL, text_and_time.matches),
        ("years_between", ("date", "date")): Overload(INT, text_and_time.years_between),
    }
    for name in ("contains", "startsWith", "endsWith"):
        table[name, ("string", "string")] = Overload(BOOL, text_and_time.string_test(name))
    for name in text_and_time.TIME_PARTS:
        table[name, ("timestamp",)] = Overload(INT, text_and_time.time_part(name))
    table["_+_", ("duration", "duration")] = Overload(DURATION, text_and_time.duration_sum(1))
    table["_-_", ("duration", "duration")] = Overload(DURATION, text_and_time.duration_sum(-1))
    for day in DAY_OR_INSTANT:
        moment = CelType(day)
        for name in text_and_time.DATE_PARTS:
            table[name, (day,)] = Overload(INT, text_and_time.date_part(name))
        table["_+_", (day, "duration")] = Overload(TIMESTAMP, text_and_time.shifted(moment, 1))
        table["_-_", (day, "duration")] = Overload(TIMESTAMP, text_and_time.shifted(moment, -1))
        for other in DAY_OR_INSTANT:
            table["_-_", (day, other)] = Overload(DURATION, text_and_time.elapsed(moment, CelType(other)))
    return table


def _conversions() -> Table:
    table: Table = {
        ("int", ("double",)): Overload(INT, text_and_time.double_as_integer),
        ("int", ("uint",)): Overload(INT, text_and_time.narrowed(pl.Int64)),
        ("uint", ("int",)): Overload(UINT, text_and_time.narrowed(pl.UInt64)),
        ("double", ("int",)): Overload(DOUBLE, text_and_time.as_double),
        ("double", ("uint",)): Overload(DOUBLE, text_and_time.as_double),
        ("string", ("int",)): Overload(STRING, text_and_time.integer_as_string),
        ("string", ("uint",)): Overload(STRING, text_and_time.integer_as_string),
    }
    for same in (INT, UINT, DOUBLE, STRING, BOOL, TIMESTAMP, DURATION):
        table[same.kind, (same.kind,)] = Overload(same, text_and_time.identity)
    return table


def _policy() -> Table:
    modes = {"round_down": "down", "round_up": "up", "round_half_up": "half_up", "round_half_even": "half_even"}
    table: Table = {(name, ("int", "int")): Overload(INT, policy_functions.rounded(modes[name])) for name in modes}
    table["reaches", ("int", "int", "int")] = Overload(BOOL, policy_functions.reaches)
    table["clamp", ("int", "int", "int")] = Overload(INT, policy_functions.clamp)
    table["months_between", ("date", "date")] = Overload(INT, policy_functions.months_between)
    table["days_between", ("date", "date")] = Overload(INT, policy_functions.days_between)
    table["unlisted", ("string",)] = Overload(STRING, policy_functions.unlisted)
    table["string", ("bool",)] = Overload(STRING, policy_functions.bool_as_string)
    return table


_logic: Table = {
    ("_&&_", ("bool", "bool")): Overload(BOOL, both),
    ("_||_", ("bool", "bool")): Overload(BOOL, either),
    ("!_", ("bool",)): Overload(BOOL, lambda arguments, _context: strict(arguments, ~arguments[0].value)),
}
TABLE = {**_logic, **_arithmetic(), **_text_and_time(), **_conversions(), **_policy()}


def find_overload(function: str, types: Sequence[CelType]) -> Overload | None:
    """None where the function is not accepted for these types. Lists are not arguments here: see
    `find_list_overload`."""
    kinds = tuple(argument.kind for argument in types)
    if (function, kinds) in TABLE:
        return TABLE[function, kinds]
    if function == "dyn" and len(types) == 1:
        return Overload(types[0], text_and_time.identity)
    if function in COMPARISONS and len(types) == 2:
        build = comparison(function, types[0], types[1])
        return None if build is None else Overload(BOOL, build)
    if function == "_?_:_" and types[0] == BOOL and types[1] == types[2]:
        return Overload(types[1], conditional)
    return None


def find_membership(element: CelType, items: Sequence[CelType], all_literal: bool) -> Overload | None:
    """`element in [items]`."""
    if all_literal and element.kind not in ("double", "null") and all(item == element for item in items):
        return Overload(BOOL, literal_membership)
    if any(comparison("_==_", element, item) is None for item in items):
        return None
    return Overload(BOOL, membership(element, tuple(items)))


def find_band(subject: CelType, limits: Sequence[CelType], results: Sequence[CelType]) -> Overload | None:
    """`band(subject, [limits], [results])`, one more result than limits."""
    all_int = all(argument == INT for argument in (subject, *limits, *results))
    if not all_int or len(results) != len(limits) + 1 or len(limits) > MOST_BANDS:
        return None
    return Overload(INT, arithmetic.band(len(limits)))

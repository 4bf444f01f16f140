"""The types an expression may have: CEL's scalars, lists of them, and a calendar date of our own.

CEL has no date. An attribute of type `date` is declared to the checker as a timestamp, and stays a day here, so that
it is compared and aged as a day; mixed with a true timestamp it is midnight UTC of that day.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CelType:
    """`element` is the element type of a list, None otherwise (and for the empty list)."""

    kind: str
    element: "CelType | None" = None

    def __str__(self) -> str:
        return f"list({self.element})" if self.kind == "list" and self.element else self.kind


BOOL = CelType("bool")
INT = CelType("int")
UINT = CelType("uint")
DOUBLE = CelType("double")
STRING = CelType("string")
NULL = CelType("null")
DATE = CelType("date")
TIMESTAMP = CelType("timestamp")
DURATION = CelType("duration")
EMPTY_LIST = CelType("list")

NUMERIC = ("int", "uint", "double")
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
UINT64_MAX = 2**64 - 1

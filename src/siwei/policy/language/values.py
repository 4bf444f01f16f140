"""CEL's values in plain Python: bool, int, float, str, bytes, None and tuple (a list) as they are, the others here.

Equality and order are CEL's: numbers compare across their types, a list or map compares by its items, and values of
different types are simply not equal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

from siwei.policy.language.types import INT64_MAX, INT64_MIN, UINT64_MAX


class EvaluationError(Exception):
    """An evaluation that fails: CEL's own error, which `&&`, `||` and the macros may absorb."""


@dataclass(frozen=True, slots=True)
class Uint:
    value: int


@dataclass(frozen=True, slots=True)
class Timestamp:
    """Nanoseconds since 1970-01-01T00:00:00Z."""

    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Duration:
    nanoseconds: int


@dataclass(frozen=True, slots=True)
class TypeName:
    name: str


class CelMap:
    """A map in the order it was written. A key is a bool, an int, a uint or a string; 1 and 1u are one key."""

    __slots__ = ("_entries",)

    def __init__(self, entries: tuple[tuple["Value", "Value"], ...]) -> None:
        """Raises EvaluationError for a key that cannot be one, or that comes twice."""
        self._entries: dict[object, tuple[Value, Value]] = {}
        for key, value in entries:
            canonical = _canonical_key(key)
            if canonical is None or isinstance(key, float):
                raise EvaluationError(f"a key of a map cannot be a {type_name(key)}")
            if canonical in self._entries:
                raise EvaluationError("a map holds a key twice")
            self._entries[canonical] = (key, value)

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> Iterator["Value"]:
        return (key for key, _ in self._entries.values())

    def items(self) -> Iterator[tuple["Value", "Value"]]:
        return iter(self._entries.values())

    def find(self, key: "Value") -> "tuple[Value, Value] | None":
        """The entry of a key, looked up across numeric types. Raises EvaluationError for what can be no key."""
        canonical = _canonical_key(key)
        if canonical is None:
            raise EvaluationError(f"a {type_name(key)} is no key of a map")
        return self._entries.get(canonical)


Value = Union[  # noqa: UP007  (a recursive alias)
    bool, int, float, str, bytes, None, tuple["Value", ...], Uint, Timestamp, Duration, TypeName, CelMap
]


def _canonical_key(key: Value) -> object | None:
    match key:
        case bool():
            return ("bool", key)
        case int():
            return ("number", key)
        case Uint(value=value):
            return ("number", value)
        case float():
            # Never in a map; looked up where it is a whole number, and 2.5 is simply not there.
            return ("number", int(key)) if key.is_integer() else ("number", None)
        case str():
            return ("string", key)
        case _:
            return None


def type_name(value: Value) -> str:
    """CEL's name of a value's type."""
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case Uint():
            return "uint"
        case float():
            return "double"
        case str():
            return "string"
        case bytes():
            return "bytes"
        case None:
            return "null_type"
        case tuple():
            return "list"
        case CelMap():
            return "map"
        case Timestamp():
            return "google.protobuf.Timestamp"
        case Duration():
            return "google.protobuf.Duration"
        case TypeName():
            return "type"


TYPE_NAMES = frozenset(
    {
        "bool", "int", "uint", "double", "string", "bytes", "null_type", "list", "map", "type",
        "google.protobuf.Timestamp", "google.protobuf.Duration",
    }
)  # fmt: skip


def is_number(value: Value) -> bool:
    return isinstance(value, int | float | Uint) and not isinstance(value, bool)


def _comparable_numbers(left: Value, right: Value) -> tuple[int | float, int | float]:
    """Whole numbers exactly; beside a double the other as a double, as cel-cpp and the conformance suite have it."""
    plain = [side.value if isinstance(side, Uint) else side for side in (left, right)]
    numbers = [side for side in plain if isinstance(side, int | float)]
    if any(isinstance(number, float) for number in numbers):
        return float(numbers[0]), float(numbers[1])
    return numbers[0], numbers[1]


def equal(left: Value, right: Value) -> bool:
    if is_number(left) and is_number(right):
        numbers = _comparable_numbers(left, right)
        return numbers[0] == numbers[1]
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, CelMap) and isinstance(right, CelMap):
        if len(left) != len(right):
            return False
        found = ((value, right.find(key)) for key, value in left.items())
        return all(entry is not None and equal(value, entry[1]) for value, entry in found)
    return type(left) is type(right) and left == right


def ordered(left: Value, right: Value) -> tuple[bool, bool]:
    """Whether `left` is less, and whether it is greater; neither for equals and beside NaN. Raises EvaluationError
    where the two have no order."""
    if is_number(left) and is_number(right):
        first, second = _comparable_numbers(left, right)
        return first < second, first > second
    match left, right:
        case (bool(), bool()) | (str(), str()) | (bytes(), bytes()):
            return left < right, left > right  # type: ignore[operator]
        case (Timestamp(nanoseconds=one), Timestamp(nanoseconds=other)):
            return one < other, one > other
        case (Duration(nanoseconds=one), Duration(nanoseconds=other)):
            return one < other, one > other
    raise EvaluationError(f"no order between {type_name(left)} and {type_name(right)}")


def checked_int(value: int) -> int:
    if not INT64_MIN <= value <= INT64_MAX:
        raise EvaluationError("integer overflow")
    return value


def checked_uint(value: int) -> Uint:
    if not 0 <= value <= UINT64_MAX:
        raise EvaluationError("unsigned integer overflow")
    return Uint(value)

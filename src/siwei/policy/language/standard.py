"""The functions of CEL over exact values, and which way each may be called."""

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from cel_expr_python import cel

from siwei.policy.language import conversions, moments
from siwei.policy.language.values import (
    CelMap,
    Duration,
    EvaluationError,
    Timestamp,
    TypeName,
    Uint,
    Value,
    checked_int,
    checked_uint,
    equal,
    is_number,
    ordered,
    type_name,
)

Function = Callable[..., Value]
LONGEST_PATTERN = 1_000


def no_overload(name: str, arguments: tuple[Value, ...]) -> EvaluationError:
    return EvaluationError(f"no {name} of {', '.join(map(type_name, arguments)) or 'nothing'}")


def _whole(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def add(left: Value, right: Value) -> Value:
    match left, right:
        case (str(), str()) | (bytes(), bytes()) | (tuple(), tuple()):
            return left + right  # type: ignore[operator]
        case (Timestamp(nanoseconds=moment), Duration(nanoseconds=length)):
            return moments.timestamp_of(moment + length)
        case (Duration(nanoseconds=length), Timestamp(nanoseconds=moment)):
            return moments.timestamp_of(moment + length)
        case (Duration(nanoseconds=one), Duration(nanoseconds=other)):
            return moments.duration_of(one + other)
    return _arithmetic("_+_", operator.add, left, right)


def subtract(left: Value, right: Value) -> Value:
    match left, right:
        case (Timestamp(nanoseconds=moment), Duration(nanoseconds=length)):
            return moments.timestamp_of(moment - length)
        case (Timestamp(nanoseconds=one), Timestamp(nanoseconds=other)):
            return moments.duration_of(one - other)
        case (Duration(nanoseconds=one), Duration(nanoseconds=other)):
            return moments.duration_of(one - other)
    return _arithmetic("_-_", operator.sub, left, right)


def multiply(left: Value, right: Value) -> Value:
    return _arithmetic("_*_", operator.mul, left, right)


def _arithmetic(name: str, operation: Callable[..., int | float], left: Value, right: Value) -> Value:
    if isinstance(left, float) and isinstance(right, float):
        return float(operation(left, right))
    if isinstance(left, Uint) and isinstance(right, Uint):
        return checked_uint(int(operation(left.value, right.value)))
    if _whole(left) and _whole(right):
        return checked_int(int(operation(left, right)))
    raise no_overload(name, (left, right))


def divide(left: Value, right: Value) -> Value:
    """Whole numbers toward zero; doubles by IEEE, so by zero is infinite or NaN."""
    if isinstance(left, float) and isinstance(right, float):
        return _ieee_quotient(left, right)
    if isinstance(left, Uint) and isinstance(right, Uint):
        return Uint(left.value // _not_zero(right.value))
    if isinstance(left, int) and isinstance(right, int) and _whole(left) and _whole(right):
        quotient = abs(left) // abs(_not_zero(right))
        return checked_int(quotient if (left < 0) == (right < 0) else -quotient)
    raise no_overload("_/_", (left, right))


def _ieee_quotient(left: float, right: float) -> float:
    if right != 0.0:
        return left / right
    if left == 0.0 or left != left:
        return float("nan")
    negative = (left < 0) != (str(right)[0] == "-")
    return float("-inf") if negative else float("inf")


def modulo(left: Value, right: Value) -> Value:
    """The sign of the dividend; the smallest int modulo -1 is an overflow, as in cel-cpp."""
    if isinstance(left, Uint) and isinstance(right, Uint):
        return Uint(left.value % _not_zero(right.value))
    if isinstance(left, int) and isinstance(right, int) and _whole(left) and _whole(right):
        rest = abs(left) % abs(_not_zero(right))
        if right == -1:
            checked_int(-left)
        return -rest if left < 0 else rest
    raise no_overload("_%_", (left, right))


def _not_zero(divisor: int) -> int:
    if divisor == 0:
        raise EvaluationError("division by zero")
    return divisor


def negate(value: Value) -> Value:
    if isinstance(value, float):
        return -value
    if isinstance(value, int) and _whole(value):
        return checked_int(-value)
    raise no_overload("-_", (value,))


def negate_bool(value: Value) -> Value:
    if isinstance(value, bool):
        return not value
    raise no_overload("!_", (value,))


def contained(element: Value, container: Value) -> Value:
    if isinstance(container, tuple):
        return any(equal(element, item) for item in container)
    if isinstance(container, CelMap):
        return container.find(element) is not None
    raise no_overload("@in", (element, container))


def index(container: Value, key: Value) -> Value:
    if isinstance(container, CelMap):
        entry = container.find(key)
        if entry is None:
            raise EvaluationError("no such key")
        return entry[1]
    if isinstance(container, tuple) and is_number(key):
        number = key.value if isinstance(key, Uint) else key
        if isinstance(number, float) and not number.is_integer():
            raise EvaluationError("an index that is not a whole number")
        assert isinstance(number, int | float)
        if not 0 <= number < len(container):
            raise EvaluationError("an index outside the list")
        return container[int(number)]
    raise no_overload("_[_]", (container, key))


def size(value: Value) -> Value:
    """Of a string in code points, never bytes."""
    if isinstance(value, str | bytes | tuple | CelMap):
        return len(value)
    raise no_overload("size", (value,))


def _text_test(name: str, test: Callable[[str, str], bool]) -> Function:
    def apply(text: Value, part: Value) -> Value:
        if isinstance(text, str) and isinstance(part, str):
            return test(text, part)
        raise no_overload(name, (text, part))

    return apply


@lru_cache(maxsize=1)
def _pattern_matcher() -> cel.Expression:
    variables = {"text": cel.Type.STRING, "pattern": cel.Type.STRING}
    return cel.NewEnv(variables=variables).compile("text.matches(pattern)")


def matches(text: Value, pattern: Value) -> Value:
    """By RE2 itself, inside cel-cpp: linear in the text, and a pattern that would need too much memory is an error."""
    if not isinstance(text, str) or not isinstance(pattern, str):
        raise no_overload("matches", (text, pattern))
    if len(pattern) > LONGEST_PATTERN:
        raise EvaluationError(f"a pattern of more than {LONGEST_PATTERN} characters")
    found = _pattern_matcher().eval(data={"text": text, "pattern": pattern})
    if found.type() == cel.Type.ERROR:
        raise EvaluationError("not a regular expression of RE2")
    return bool(found.plain_value())


def _part(name: str) -> Function:
    def apply(moment: Value, *zone: Value) -> Value:
        match moment, zone:
            case (Timestamp(), ()):
                return moments.timestamp_part(name, moment)
            case (Timestamp(), (str() as zone_name,)):
                return moments.timestamp_part(name, moment, zone_name)
            case (Duration(), ()):
                return moments.duration_part(name, moment)
        raise no_overload(name, (moment, *zone))

    return apply


def _order(name: str, holds: Callable[[bool, bool], bool]) -> Function:
    def apply(left: Value, right: Value) -> Value:
        less, greater = ordered(left, right)
        # Beside NaN nothing holds, and `<=` is not the opposite of `>`.
        return holds(less, greater) if less or greater or equal(left, right) else False

    return apply


GLOBAL: Mapping[str, Function] = MappingProxyType({
    "_+_": add, "_-_": subtract, "_*_": multiply, "_/_": divide, "_%_": modulo, "-_": negate, "!_": negate_bool,
    "_==_": equal, "_!=_": lambda left, right: not equal(left, right),
    "_<_": _order("_<_", lambda less, _: less), "_<=_": _order("_<=_", lambda _, greater: not greater),
    "_>_": _order("_>_", lambda _, greater: greater), "_>=_": _order("_>=_", lambda less, _: not less),
    "@in": contained, "_[_]": index, "size": size, "matches": matches,
    "int": conversions.to_int, "uint": conversions.to_uint, "double": conversions.to_double,
    "string": conversions.to_string, "bytes": conversions.to_bytes, "bool": conversions.to_bool,
    "timestamp": conversions.to_timestamp, "duration": conversions.to_duration,
    "dyn": lambda value: value, "type": lambda value: TypeName(type_name(value)),
})  # fmt: skip
MEMBER: Mapping[str, Function] = MappingProxyType({
    "size": size, "matches": matches,
    "contains": _text_test("contains", lambda text, part: part in text),
    "startsWith": _text_test("startsWith", str.startswith), "endsWith": _text_test("endsWith", str.endswith),
    **{name: _part(name) for name in moments.PARTS},
})  # fmt: skip

"""Our functions over exact values, for the evaluator: the definitions of `functions`, with the checks of types and
range that the interpreter of cel-cpp makes around them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from siwei.policy.language import functions
from siwei.policy.language.moments import EPOCH, NANOSECONDS
from siwei.policy.language.standard import Function, no_overload
from siwei.policy.language.values import EvaluationError, Timestamp, Value, checked_int


def meanings(rounding: str) -> dict[str, Function]:
    """By name, for a programme whose divisions round by `rounding`."""
    return {name: _lifted(name, meaning) for name, meaning in functions.definitions(rounding).items()}


def _lifted(name: str, meaning: Callable[..., object]) -> Function:
    def apply(*arguments: Value) -> Value:
        try:
            result = meaning(*(_plain(name, argument, arguments) for argument in arguments))
        except (ValueError, TypeError) as error:
            raise EvaluationError(f"{name}: {error}") from None
        if isinstance(result, int) and not isinstance(result, bool):
            return checked_int(result)
        assert isinstance(result, bool | str)
        return result

    return apply


def _plain(name: str, value: Value, arguments: tuple[Value, ...]) -> object:
    if isinstance(value, Timestamp):
        seconds, nanoseconds = divmod(value.nanoseconds, NANOSECONDS)
        moment: datetime = EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
        return moment.astimezone(UTC)
    if isinstance(value, tuple):
        return [_plain(name, item, arguments) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise no_overload(name, arguments)
    return value

"""What the database says of the calls of models: each ended once, charged for what was delivered, and in the bill."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from siwei.exchange.models import AgreementState, CallMeter, CallState, ModelCall, ModelKey, Usage


def forgotten_calls(answered: Iterable[Sequence[str]]) -> list[str]:
    """What a client was answered (agreement, call, tokens read and written or "-") and the city knows otherwise."""
    known = {
        name: (agreement, state, read, written)
        for name, agreement, state, read, written in ModelCall.objects.values_list(
            "name", "line__agreement__key", "state", "input_tokens", "output_tokens"
        )
    }
    found = []
    for agreement, call, read, written in answered:
        here = known.get(call)
        is_told = here is not None and here[:2] == (agreement, CallState.DONE)
        if not is_told or (read != "-" and here[2:] != (int(read), int(written))):
            found.append(f"{call} was answered with {read} and {written} tokens under {agreement}: {here}")
    return found


def open_calls() -> list[str]:
    """Calls that nobody ended, and what is still set aside where no call is."""
    left = list(ModelCall.objects.filter(state=CallState.OPEN).values_list("name", flat=True))
    for what, rows in (("meter", CallMeter.objects), ("key", ModelKey.objects)):
        left += [f"{what} {number}" for number in rows.exclude(reserved_microfen=0).values_list("pk", flat=True)]
    return left


def uncollected_calls() -> list[str]:
    """Charged, under an agreement that is settled, and in no reading."""
    over = ModelCall.objects.filter(line__agreement__state=AgreementState.SETTLED, usage=None, cost_microfen__gt=0)
    return list(over.values_list("name", flat=True))


def misplaced_microfen() -> dict[str, int]:
    """Each call's tokens against its cost, and the calls against their line's meter, their key and their readings."""
    found: dict[str, int] = {}
    by_line, by_key, by_usage = (defaultdict[int, int](int) for _ in range(3))
    for call in ModelCall.objects.exclude(state=CallState.OPEN):
        cost = call.cost_microfen or 0
        tokens = call.input_tokens * call.input_fen_per_million + call.output_tokens * call.output_fen_per_million
        found[f"{call.name}: cost"] = cost - min(tokens, call.reserved_microfen)
        by_line[call.line_id] += cost
        by_key[call.key_id] += cost
        by_usage[call.usage_id or 0] += cost
    for line, used in CallMeter.objects.values_list("line", "used_microfen"):
        found[f"meter of line {line}"] = used - by_line[line]
    for key, spent in ModelKey.objects.values_list("pk", "spent_microfen"):
        found[f"key {key}"] = spent - by_key[key]
    for number, quantity in Usage.objects.filter(reading__startswith="model-calls:").values_list("pk", "quantity"):
        found[f"calls of reading {number}"] = quantity - by_usage[number]
    return {where: microfen for where, microfen in found.items() if microfen}

"""What accounts say was used, in accelerator-seconds and tokens, against the readings and calls that were settled."""

from collections import Counter

from siwei.exchange.models import Account, ModelCall, Usage


def misplaced_quantities() -> dict[str, int]:
    """By account: how much more it has than what was settled for its owner; empty when all is well."""
    found: Counter[str] = Counter()
    for unit, consumer, quantity in Usage.objects.exclude(settlement=None).values_list(
        "line__unit", "line__consumer__key", "quantity"
    ):
        if unit.startswith("accelerator-second:"):
            found[f"{unit}:used:{consumer}"] -= quantity
    for model, consumer, read, written in ModelCall.objects.filter(usage__settlement__isnull=False).values_list(
        "model", "line__consumer__key", "input_tokens", "output_tokens"
    ):
        found[f"token:{model}:used:{consumer}"] -= (read or 0) + (written or 0)
    for code, balance in Account.objects.filter(purpose="used").values_list("code", "balance"):
        found[code] += balance
    return {code: amount for code, amount in found.items() if amount}

"""Units of account. An amount is an integer of the unit's smallest part; amounts of two units never meet.

CNY                            fen
accelerator-second:<model>     one second of one accelerator of that model
token:<model>                  one token of that model
seat:<course>                  one seat on that course
voucher:<voucher>              a voucher's own unit: what it counts, where it does not count money
cap:<unit>                     what a spending cap has room for (`caps`); never exchanged for what it counts
"""

from siwei.errors import InputError, Problem, Said

CNY = "CNY"
NAMED = ("accelerator-second", "token", "seat", "voucher", "cap")
"""Units that name what they count."""
LONGEST = 80


def unit_of(kind: str, name: str) -> str:
    """`<kind>:<name>`, checked."""
    unit = f"{kind}:{name}"
    check_unit(unit)
    return unit


def check_unit(unit: str) -> None:
    """`InputError` for what is no unit of account."""
    kind, _, name = unit.partition(":")
    known = unit == CNY or (kind in NAMED and bool(name.strip()) and name == name.strip())
    if not known or len(unit) > LONGEST:
        fix = Said(
            f"give {CNY}, or one of {', '.join(f'{each}:<name>' for each in NAMED)}, up to {LONGEST} characters",
            f"请填 {CNY}，或 {', '.join(f'{each}:<name>' for each in NAMED)} 之一，不超过 {LONGEST} 个字符",
        )
        raise InputError(
            [
                Problem(
                    Said(f"{unit!r:.100} is no unit of account", f"{unit!r:.100} 不是记账单位"), fix=fix, field="unit"
                )
            ]
        )

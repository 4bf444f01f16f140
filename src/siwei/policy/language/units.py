"""Units: whether people are added to money, years compared with fen, or a rate passed where an amount is due.

A unit is a product of base units with exponents: `fen`, `fen/people`, `people*basis_point`. Rules:
- a number written in the expression has none and adopts the other side's; in a product it changes nothing;
- `+ - %`, comparison, `in`, `min`, `max`, `clamp`, `band`'s limits, and both branches of `? :` need one unit;
- `*` multiplies units and `/` divides them;
- 10000 is also a whole in basis points and 100 a whole in percent: `staff * 10000 >= all * p.rate` is right, and
  a share of a rate in basis points is one of 10000: `share(paid, p.rate, 100)` is wrong;
- what has no unit (an attribute that declares none) is a plain number, which is not money.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from siwei.errors import Said
from siwei.policy.language.tree import Attribute, Call, ListLiteral, Literal, Node, Parameter

BASE_UNITS = (
    "fen", "minor", "basis_point", "percent", "people", "item", "year", "month", "day", "accelerator_hour",
    "accelerator_second", "token",
)  # fmt: skip
UNIT_PATTERN = rf"(?:{'|'.join(BASE_UNITS)})(?:/(?:{'|'.join(BASE_UNITS)}))?"
_WHOLES = {10_000: "basis_point", 100: "percent"}
Exponents = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """`adopts` where only numbers written in the expression are in it; `wholes` are the ratio units that a factor of
    10000 or 100 in it may stand for."""

    exponents: Exponents = ()
    adopts: bool = False
    wholes: frozenset[str] = frozenset()

    def __str__(self) -> str:
        above = "*".join(name if power == 1 else f"{name}^{power}" for name, power in self.exponents if power > 0)
        below = "".join(f"/{name}" * -power for name, power in self.exponents if power < 0)
        return (above or "1") + below if self.exponents else "a plain number"

    @property
    def zh(self) -> str:
        return str(self) if self.exponents else "无单位的数"


@dataclass(frozen=True, slots=True)
class UnitFault:
    offset: int
    message: str
    fix: str


def parse_unit(text: str) -> Unit:
    """`fen`, `fen/people`. Raises ValueError."""
    if not re.fullmatch(UNIT_PATTERN, text):
        known = ", ".join(BASE_UNITS)
        near = difflib.get_close_matches(text, BASE_UNITS, n=1, cutoff=0.5)
        meant = Said(f"; did you mean {near[0]!r}?", f"；是否应为 {near[0]!r}？") if near else Said("", "")
        raise ValueError(
            Said(
                f"this is no unit: it is one of {known}, or one over another like fen/people{meant}",
                f"这不是单位：应为 {known} 之一，或两者之比，如 fen/people{meant.zh}",
            )
        )
    above, _, below = text.partition("/")
    return _times(Unit(((above, 1),)), Unit(((below, 1),)), -1) if below else Unit(((above, 1),))


def check_units(tree: Node, units: Mapping[str, str | None], expected: str | None = None) -> list[UnitFault]:
    """Every fault in a typed tree; with `expected` the result must be in that unit."""
    reader = _Reader(units)
    found = reader.unit(tree)
    if expected is not None and not reader.faults and _meet(found, parse_unit(expected)) is None:
        message = Said(f"this is in {found}, {expected} is needed", f"此处单位是 {found.zh}，应为 {expected}")
        fix = Said(
            "multiply by a parameter in the unit that is missing (fen/people …)",
            "请乘以带所缺单位的参数（如 fen/people）",
        )
        return [UnitFault(tree.offset, message, fix)]
    return reader.faults


def _times(left: Unit, right: Unit, sign: int = 1) -> Unit:
    powers = dict(left.exponents)
    for name, power in right.exponents:
        powers[name] = powers.get(name, 0) + sign * power
    exponents = tuple(sorted((name, power) for name, power in powers.items() if power))
    # A whole in a divisor cancels a rate above it: share(x, rate, 10000).
    return Unit(exponents, left.adopts and right.adopts, left.wholes | right.wholes if sign > 0 else left.wholes)


def _readings(unit: Unit) -> list[Exponents]:
    """What a unit may be read as: itself, or with one of its wholes."""
    with_whole = [_times(unit, Unit(((whole, 1),))).exponents for whole in sorted(unit.wholes)]
    return [unit.exponents, *with_whole]


def _meet(left: Unit, right: Unit) -> Unit | None:
    """The one unit of two sides; None where they have none in common."""
    if left.adopts:
        return right
    if right.adopts:
        return left
    common = [each for each in _readings(left) if each in _readings(right)]
    return Unit(common[0], wholes=left.wholes & right.wholes) if common else None


NUMBER = Unit()
ADOPTING = Unit(adopts=True)
_SAME = frozenset({
    "_+_", "_-_", "_%_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "min", "max", "clamp", "round_down", "round_up",
    "round_half_up", "round_half_even", "@in",
})  # fmt: skip
_TRUTHS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"})
_SPANS = {"years_between": "year", "months_between": "month", "days_between": "day", "getFullYear": "year"}
_KEEPING = frozenset({"-_", "int", "uint", "double", "dyn"})
_WORDS = {
    "_+_": "added", "_-_": "subtracted", "_%_": "divided", "_==_": "compared", "_!=_": "compared", "_<_": "compared",
    "_<=_": "compared", "_>_": "compared", "_>=_": "compared", "@in": "compared", "_?_:_": "given in two branches",
}  # fmt: skip


class _Reader:
    def __init__(self, units: Mapping[str, str | None]) -> None:
        self.units = units
        self.faults: list[UnitFault] = []

    def unit(self, node: Node) -> Unit:
        match node:
            case Literal(unit=str() as unit):
                return parse_unit(unit)
            case Literal(value=value):
                whole = _WHOLES.get(value) if isinstance(value, int) and not isinstance(value, bool) else None
                return replace(ADOPTING, wholes=frozenset({whole} if whole else ()))
            case Attribute(name=name):
                return self._declared(name)
            case Parameter(name=name):
                return self._declared(f"p.{name}")
            case ListLiteral(items=items):
                return self._one_of("compared", node.offset, [self.unit(item) for item in items])
            case Call():
                return self._call(node)
            case _:
                return NUMBER

    def _declared(self, name: str) -> Unit:
        written = self.units.get(name)
        return NUMBER if written is None else parse_unit(written)

    def _call(self, node: Call) -> Unit:
        units = [self.unit(argument) for argument in node.arguments]
        match node.function:
            case "_*_":
                return _times(units[0], units[1])
            case "_/_":
                return _times(units[0], units[1], -1)
            case "_?_:_":
                return self._one_of(_WORDS["_?_:_"], node.offset, units[1:])
            case "share":
                self._one_of("part and whole of a share", node.arguments[1].offset, units[1:])
                self._need_whole(node.arguments[2], units[1])
                return replace(units[0], wholes=frozenset())
            case "basis_points":
                self._need(node.arguments[1], units[1], "basis_point")
                return replace(units[0], wholes=frozenset())
            case "reaches":
                self._one_of("compared", node.offset, units[:2])
                self._need(node.arguments[2], units[2], "basis_point")
                return NUMBER
            case "band":
                self._one_of("compared", node.offset, units[:2])
                return units[2]
            case "size_class" | "unlisted":
                return NUMBER
            case function if function in _SPANS:
                return parse_unit(_SPANS[function])
            case function if function in _KEEPING:
                return units[0]
            case function if function in _SAME and _is_numeric(node):
                one = self._one_of(_WORDS.get(function, f"arguments of {function}"), node.offset, units)
                return NUMBER if function in _TRUTHS else one
        return NUMBER

    def _need_whole(self, written: Node, part: Unit) -> None:
        """A rate is a share of 10000 or of 100; another number written beside it is a slip of a factor."""
        whole = next((number for number, unit in _WHOLES.items() if part.exponents == ((unit, 1),)), None)
        if whole is None or not isinstance(written, Literal) or written.unit is not None or written.value == whole:
            return
        message = Said(
            f"a share of {written.value}, and the part is in {part}, {whole} to the whole",
            f"此处以 {written.value} 为整体，而比率以 {part} 计，整体为 {whole}",
        )
        fix = Said(f"write {whole}", f"请写 {whole}")
        self.faults.append(UnitFault(written.offset, message, fix))

    def _need(self, node: Node, found: Unit, wanted: str) -> None:
        if _meet(found, parse_unit(wanted)) is None:
            message = Said(
                f"this is in {found}, a rate in {wanted} is needed", f"此处单位是 {found.zh}，应为以 {wanted} 计的比率"
            )
            fix = Said("1 % is 100 basis points", "1% 即 100 个基点")
            self.faults.append(UnitFault(node.offset, message, fix))

    def _one_of(self, how: str, offset: int, units: list[Unit]) -> Unit:
        """The one unit that all of them have; a fault where there is none."""
        one = ADOPTING
        for unit in units:
            met = _meet(one, unit)
            if met is None:
                message = Said(f"{one} and {unit} cannot be {how}", f"{one.zh} 与 {unit.zh} 的单位不合，不能一同运算")
                fix = Said(
                    "bring both to one unit; `siwei policy schema` shows each attribute's",
                    "请统一单位；`siwei policy schema` 列出各属性的单位",
                )
                self.faults.append(UnitFault(offset, message, fix))
                return one
            one = met
        return one


def _is_numeric(node: Call) -> bool:
    """Text, days, instants and truths have no unit."""
    first = node.arguments[0]
    return first.type.kind in ("int", "uint", "double")

"""From text to a typed tree, or to problems with their line, column and caret.

CEL's own parser and checker come first (`parsing`), then our table of overloads, which refuses what the compiler cannot
do exactly (`typed_tree`), then units.
"""

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache

from cel_expr_python import cel

from siwei.errors import Said
from siwei.policy.language import functions
from siwei.policy.language.bands import BandTable
from siwei.policy.language.overloads import TABLE
from siwei.policy.language.parsing import ExpressionRefused, Fault, Parser, place
from siwei.policy.language.size_classes import SizeClasses
from siwei.policy.language.tree import Attribute, Expression, Parameter, walk
from siwei.policy.language.typed_tree import Converter, Refusal, Setting
from siwei.policy.language.types import CelType
from siwei.policy.language.units import check_units

__all__ = ["Checker", "ExpressionRefused", "Fault", "function_names"]
_CEL_TYPES = {
    "bool": cel.Type.BOOL, "int": cel.Type.INT, "uint": cel.Type.UINT, "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING, "date": cel.Type.TIMESTAMP, "timestamp": cel.Type.TIMESTAMP,
    "duration": cel.Type.DURATION, "null": cel.Type.NULL,
}  # fmt: skip


class Checker:
    """One environment (attributes with their types, parameters, rounding), made once and used for many expressions.

    `units` gives the unit of an attribute, of `p.<parameter>`, and of a table `t.<table>` its value's; what is not
    among them has none. Without `units` nothing is checked of them.
    """

    def __init__(
        self,
        attributes: Mapping[str, CelType],
        parameters: tuple[str, ...] = (),
        rounding: str = "down",
        units: Mapping[str, str | None] | None = None,
        tables: Mapping[str, BandTable] | None = None,
        size_classes: SizeClasses | None = None,
    ) -> None:
        self.attributes, self.parameters, self.units = dict(attributes), tuple(parameters), units
        self.setting = Setting(self.attributes, self.parameters, rounding, dict(tables or {}), size_classes)
        variables = {name: _CEL_TYPES[kind.kind] for name, kind in self.attributes.items()}
        variables |= {f"p.{name}": cel.Type.INT for name in self.parameters} | {"as_of": cel.Type.TIMESTAMP}
        variables |= {f"t.{name}": cel.Type.List(cel.Type.INT) for name in self.setting.tables}
        self.parser = Parser(variables, functions.declarations(rounding, size_classes), self._suggest)

    @property
    def environment(self) -> cel.Env:
        """CEL's own, for comparison with its interpreter."""
        return self.parser.environment

    def check(
        self, text: str, expected: CelType | None = None, disable_check: bool = False, unit: str | None = None
    ) -> Expression:
        """Raises `ExpressionRefused` with every fault; `disable_check` leaves out CEL's checker, never our own; with
        `unit` the result must be in it."""
        syntax = self.parser.parse(text, disable_check)
        try:
            tree = Converter(self.setting).convert(syntax)
        except Refusal as refusal:
            fault = Fault(refusal.message, refusal.fix, *place(text, refusal.offset))
            raise ExpressionRefused((fault,)) from None
        if expected is not None and tree.type != expected:
            message = Said(f"this is {tree.type}, {expected} is needed", f"此处类型是 {tree.type}，应为 {expected}")
            fix = Said("a clause is a yes or no, an amount an integer of fen", "条款的结果是真或假，金额是以分计的整数")
            raise ExpressionRefused((Fault(message, fix, *place(text, tree.offset)),))
        if self.units is not None:
            faults = check_units(tree, self.units, unit)
            if faults:
                raise ExpressionRefused(
                    Fault(each.message, each.fix, *place(text, each.offset)) for each in dict.fromkeys(faults)
                )
        nodes = list(walk(tree))
        names = sorted({node.name for node in nodes if isinstance(node, Attribute)})
        parameters = sorted({node.name for node in nodes if isinstance(node, Parameter)})
        return Expression(text, tree, tuple(names), tuple(parameters))

    def _suggest(self, message: str) -> str:
        undeclared = re.search(r"undeclared reference to '([^']*)'", message)
        if not undeclared:
            return ""
        if undeclared.group(1) in function_names():
            return Said(
                "it takes other arguments; docs/reference/programme.md lists them",
                "它的参数不是这样的；见 docs/reference/programme.md",
            )
        names = [*self.attributes, *(f"p.{name}" for name in self.parameters)]
        known = [*names, *(f"t.{name}" for name in self.setting.tables), "as_of", *function_names()]
        near = difflib.get_close_matches(undeclared.group(1), known, n=1, cutoff=0.5)
        if near:
            return Said(f"did you mean {near[0]!r}?", f"是否应为 {near[0]!r}？")
        return Said("`siwei policy schema` lists the attributes that exist", "`siwei policy schema` 列出现有的属性")


@lru_cache(maxsize=1)
def function_names() -> list[str]:
    """Every function an expression may name, sorted."""
    internal = {"unlisted"}
    return sorted({name for name, _ in TABLE if name.isidentifier()} - internal | {"band", "size_class"})

"""Size classes of enterprises (大型 / 中型 / 小型 / 微型) by industry, from a table of the pack.

`size_class('software', employees, revenue)` is written out as conditions, so CEL's rules hold for it too: with few
employees known, a firm is not large whatever its revenue is. Source of the shape: 工信部联企业〔2011〕300号, under
which an enterprise that misses one threshold of a class falls to the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from siwei.policy.language.expression_words import refusal
from siwei.policy.language.tree import Call, Literal, Node
from siwei.policy.language.types import BOOL, INT, STRING

CLASSES = ("large", "medium", "small")
"""With thresholds of their own; below them all is `micro`."""
MEASURES: Mapping[str, str] = {"employees": "people", "revenue": "fen", "assets": "fen"}
"""What is measured, in the order of the function's arguments, with its unit."""


@dataclass(frozen=True, slots=True)
class SizeRow:
    """`thresholds` are, by class and measure, the least that the class needs; a measure that is absent does not count
    in this industry. `main_industries` are the values of the fact `main_industry` that it may stand for."""

    industry: str
    thresholds: Mapping[str, Mapping[str, int]]
    source: str | None
    as_of: date | None
    verified: bool
    name_zh: str = ""
    name_en: str = ""
    main_industries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SizeClasses:
    rows: Mapping[str, SizeRow]

    def problem(self, arguments: tuple[Node, ...]) -> tuple[str, str] | None:
        """What is wrong with `size_class(industry, employees, revenue[, assets])`, and what to do."""
        if not 3 <= len(arguments) <= 4 or arguments[0].type != STRING or {a.type for a in arguments[1:]} != {INT}:
            return refusal("size_class")
        asked = self._rows_for(arguments[0])
        if not asked:
            known = ", ".join(sorted(self.rows))
            return refusal("no_industry", name=arguments[0].value, known=known)  # type: ignore[union-attr]
        needy = [row.industry for row in asked if any("assets" in least for least in row.thresholds.values())]
        if needy and len(arguments) == 3:
            return refusal("needs_assets", names=", ".join(needy))
        return None

    def find_class(self, industry: str, employees: int, revenue: int, assets: int | None = None) -> str:
        """The class of one enterprise, every measure known: the definition that the conditions are compared with."""
        if industry not in self.rows:
            raise ValueError(f"no industry {industry!r} in size_classes.csv")
        measured = {"employees": employees, "revenue": revenue, "assets": assets or 0}
        for size in CLASSES:
            if all(measured[measure] >= least for measure, least in self.rows[industry].thresholds[size].items()):
                return size
        return "micro"

    def _rows_for(self, industry: Node) -> list[SizeRow]:
        if isinstance(industry, Literal):
            return [self.rows[str(industry.value)]] if industry.value in self.rows else []
        return list(self.rows.values())

    def expand(self, arguments: tuple[Node, ...], offset: int) -> Node:
        """The conditions; an industry that is not in the table is an error."""
        industry, measures = arguments[0], dict(zip(MEASURES, arguments[1:], strict=False))
        rows = self._rows_for(industry)
        if isinstance(industry, Literal):
            return _of_industry(rows[0], measures, offset)
        chosen: Node = Call("unlisted", (industry,), STRING, offset)
        for row in reversed(rows):
            test = Call("_==_", (industry, Literal(row.industry, STRING, offset)), BOOL, offset)
            chosen = Call("_?_:_", (test, _of_industry(row, measures, offset), chosen), STRING, offset)
        return chosen


def _of_industry(row: SizeRow, measures: Mapping[str, Node], offset: int) -> Node:
    chosen: Node = Literal("micro", STRING, offset)
    for size in reversed(CLASSES):
        tests: list[Node] = [
            Call("_>=_", (measures[measure], Literal(least, INT, offset, MEASURES[measure])), BOOL, offset)
            for measure, least in row.thresholds[size].items()
        ]
        test = tests[0]
        for each in tests[1:]:
            test = Call("_&&_", (test, each), BOOL, offset)
        chosen = Call("_?_:_", (test, Literal(size, STRING, offset), chosen), STRING, offset)
    return chosen

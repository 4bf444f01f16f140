"""What an indicator is: a question, the rows it counts, and how those rows become one value.

The rows come first. An indicator's query gives one row per thing counted, with two whole-number columns:
`part` (what the row adds above the line) and `whole` (what it adds below). The value is computed from those rows
and nothing else, so that whoever shows or exports the rows shows where the number comes from.
"""

from dataclasses import dataclass
from enum import StrEnum

from siwei.market.listing import Words


class Dimension(StrEnum):
    SOURCE = "source"
    ROAD = "road"
    BASE = "base"
    WING = "wing"
    EVOLVE = "evolve"


class Element(StrEnum):
    """科技、人、建构, which grow together. `institution`: business process, law and policy, culture, governance."""

    TECHNOLOGY = "technology"
    PEOPLE = "people"
    INSTITUTION = "institution"


class Statistic(StrEnum):
    """How rows become a value.

    share  Σpart / Σwhole, 0 to 1 (part never above whole)
    ratio  Σpart / Σwhole, may pass 1
    total  Σpart, in the indicator's unit
    gini   Gini coefficient of `part` over the rows (see `inequality`)
    hhi    Herfindahl-Hirschman index of `part` over the rows, 0 to 1
    """

    SHARE = "share"
    RATIO = "ratio"
    TOTAL = "total"
    GINI = "gini"
    HHI = "hhi"


@dataclass(frozen=True, slots=True)
class Indicator:
    """`query` is SQL (DuckDB's) over the snapshot's tables; `needs` are tables without which there is nothing to say.

    `restricted`: its rows say of a named organisation what only it and the operator may see.
    `coverage` is a sentence with places for counts: see `measure.coverage_counts`.
    """

    id: str
    dimension: Dimension
    element: Element
    name: Words
    formula: Words
    statistic: Statistic
    unit: str
    method: Words
    query: str
    needs: tuple[str, ...]
    empty: Words
    coverage: Words
    restricted: bool = False

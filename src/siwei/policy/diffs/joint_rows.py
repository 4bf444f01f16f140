"""The tables of all kinds over which joint limits of two sides are compared, organisation by organisation."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import InputError, Problem, Said
from siwei.policy.combinations.joint_choices import NOTHING_HELD, Holdings
from siwei.policy.combinations.joint_tables import KindTables, limits_read, served_by
from siwei.policy.deciding.row_parts import RowParts
from siwei.policy.diffs.diff import Side
from siwei.policy.diffs.diff_joint import JointDifference, diff_jointly, programmes_under_joint_limits
from siwei.policy.diffs.dimensions import SOURCES, with_dimensions
from siwei.policy.files.tables import added_names
from siwei.policy.sources import ORGANISATION
from siwei.policy.stacking import JointLimit


@dataclass
class JointRows:
    """`sides` hold programmes of all kinds; with `adds` what is added up of other rows may be absent. `gone_through`
    are the tables of contracts and projects, once they are compared."""

    sides: tuple[Side, Side]
    tables: KindTables
    attributes: Mapping[str, Attribute]
    day: date
    adds: bool
    can_be_weighed: bool = True
    holdings: Holdings = NOTHING_HELD
    gone_through: list[RowParts] = field(default_factory=list)

    @property
    def limits(self) -> list[JointLimit]:
        """Of either side, the later text of one id."""
        return [*{limit.id: limit for side in self.sides for limit in side.stacking.joint}.values()]

    @property
    def lacking(self) -> list[str]:
        return self.tables.lacking(self.limits, [each for side in self.sides for each in side.programmes])

    def not_weighed(self, programmes: Collection[str]) -> list[str]:
        """The joint limits that bear on any of the programmes."""
        return [limit.id for limit in self.limits if {*limit.programmes} & {*programmes}]

    @property
    def others(self) -> list[str]:
        return [kind for kind in self.tables.tables if kind != self.tables.own]

    def check(self) -> None:
        """Raises InputError where contracts or projects stand beside rows that are no organisations."""
        if self.others and (not self.can_be_weighed or self.tables.own != ORGANISATION):
            option = self.tables.options[self.others[0]]
            message = Said(f"{option} weighs joint limits over organisations", f"{option} 用于就机构权衡合计上限")
            fix = Said(
                "compare two packs, whose rows are organisations, or leave it out",
                "请比较两个以机构为行的政策包，或删去",
            )
            raise InputError([Problem(message, fix)])

    def difference(self) -> JointDifference | None:
        """None where there is no joint limit, or no table of contracts or projects was given. Raises ImportRefused for
        a table."""
        if not self.others or not self.limits:
            return None
        tables = {kind: self._table(kind) for kind in self.tables.tables}
        return diff_jointly(*self.sides, tables, self.day, self.holdings)

    def _table(self, kind: str) -> pl.DataFrame:
        """All rows that can be used: any of an organisation may bear on any other of its own."""
        names = programmes_under_joint_limits(*self.sides)
        mine = tuple(
            each for side in self.sides for each in side.programmes if each.applies_to == kind and each.id in names
        )
        besides = [name for side in self.sides for name in (
            *limits_read(kind, side.stacking), *served_by(kind, side.stacking, side.programmes),
        )]  # fmt: skip
        table = self.tables.tables[kind]
        wanted = [*besides, *(table.having(SOURCES) if kind == ORGANISATION else [ORGANISATION])]
        added = added_names(mine) if self.adds else frozenset[str]()
        parts = RowParts(table, mine, self.attributes, dict.fromkeys(wanted), added)
        rows = pl.concat([*parts.read()])
        if kind != ORGANISATION:
            self.gone_through.append(parts)
            return rows
        return with_dimensions(rows.lazy(), self.attributes, self.day).collect()

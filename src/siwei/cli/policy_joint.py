"""The files of an organisation's other subjects, by which `siwei policy explain` and `diff` weigh joint limits."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from siwei.cli.policy_rows import tell_rejected
from siwei.errors import InputError, Problem, Said

if TYPE_CHECKING:
    import polars as pl

    from siwei.city.attributes import Attribute
    from siwei.policy.combinations.joint_choices import Holdings
    from siwei.policy.combinations.joint_tables import KindTables
    from siwei.policy.diffs.diff import Side
    from siwei.policy.diffs.diff_joint import JointDifference
    from siwei.policy.stacking import JointLimit

OPTIONS = {"organisation": "--organisations", "claim": "--claims", "project": "--projects"}
Organisations = Annotated[
    Path | None, Parameter(help="The organisations whose contracts or projects the rows are, for joint limits.")
]
Claims = Annotated[Path | None, Parameter(help="Contracts of these organisations, for joint limits.")]
Projects = Annotated[Path | None, Parameter(help="Projects of these organisations, for joint limits.")]


def kind_files(
    own: str, source: Path, *, organisations: Path | None = None, claims: Path | None = None,
    projects: Path | None = None,
) -> "KindTables":  # fmt: skip
    """Raises InputError where a file is given twice for one kind, or stands beside persons."""
    from siwei.policy.combinations.joint_tables import KindTables, check_kinds
    from siwei.policy.deciding.subject_tables import FileTable

    others = {"organisation": organisations, "claim": claims, "project": projects}
    given = {kind: file for kind, file in others.items() if file is not None}
    check_kinds(own, given, OPTIONS, "--in")
    tables = {kind: FileTable(file) for kind, file in {own: source, **given}.items()}
    return KindTables(own, tables, OPTIONS)


@dataclass(frozen=True)
class JointFiles:
    """The files of all kinds over which joint limits of two sides are compared, organisation by organisation. `sides`
    hold programmes of all kinds."""

    sides: "tuple[Side, Side]"
    files: "KindTables"
    attributes: "dict[str, Attribute]"
    day: date
    has_rows: bool
    can_be_weighed: bool
    holdings: "Holdings"

    @property
    def limits(self) -> "list[JointLimit]":
        """Of either side, the later text of one id."""
        return [*{limit.id: limit for side in self.sides for limit in side.stacking.joint}.values()]

    @property
    def lacking(self) -> list[str]:
        return self.files.lacking(self.limits, [each for side in self.sides for each in side.programmes])

    def not_weighed(self, programmes: "Collection[str]") -> list[str]:
        """The joint limits that bear on any of the programmes."""
        return [limit.id for limit in self.limits if {*limit.programmes} & {*programmes}]

    @property
    def others(self) -> list[str]:
        return [kind for kind in self.files.tables if kind != self.files.own]

    def check(self) -> None:
        """Raises InputError where contracts or projects stand beside rows that are no organisations."""
        if self.others and (not self.can_be_weighed or self.files.own != "organisation"):
            option = OPTIONS[self.others[0]]
            message = Said(f"{option} weighs joint limits over organisations", f"{option} 用于就机构权衡合计上限")
            fix = Said(
                "compare two packs, whose rows are organisations, or leave it out",
                "请比较两个以机构为行的政策包，或删去",
            )
            raise InputError([Problem(message, fix)])

    def difference(self) -> "JointDifference | None":
        """None where there is no joint limit, or no file of contracts or projects was given. Raises ImportRefused for
        a file."""
        from siwei.policy.diffs.diff_joint import diff_jointly

        if not self.others or not self.limits:
            return None
        tables = {kind: self._table(kind) for kind in self.files.tables}
        return diff_jointly(*self.sides, tables, self.day, self.holdings)

    def _table(self, kind: str) -> "pl.DataFrame":
        """All rows that can be used: any of an organisation may bear on any other of its own."""
        import polars as pl

        from siwei.policy.combinations.joint_tables import limits_read, served_by
        from siwei.policy.deciding.row_parts import RowParts
        from siwei.policy.diffs.diff_joint import programmes_under_joint_limits
        from siwei.policy.diffs.dimensions import SOURCES, with_dimensions
        from siwei.policy.files.tables import added_names

        names = programmes_under_joint_limits(*self.sides)
        mine = tuple(
            each for side in self.sides for each in side.programmes if each.applies_to == kind and each.id in names
        )
        besides = [name for side in self.sides for name in (
            *limits_read(kind, side.stacking), *served_by(kind, side.stacking, side.programmes),
        )]  # fmt: skip
        wanted = [*besides, *(SOURCES if kind == "organisation" else ["organisation"])]
        added = added_names(mine) if self.has_rows else frozenset[str]()
        parts = RowParts(self.files.tables[kind], mine, self.attributes, dict.fromkeys(wanted), added)
        table = pl.concat([*parts.read()])
        if kind != "organisation":
            tell_rejected(parts, None)
            return table
        return with_dimensions(table.lazy(), self.attributes, self.day).collect()

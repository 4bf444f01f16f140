"""The files of an organisation's other subjects, by which `siwei policy explain` and `diff` weigh joint limits."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

from cyclopts import Parameter

from siwei.cli.policy_held import said_otherwise
from siwei.cli.policy_rows import tell_rejected
from siwei.errors import ImportRefused, InputError, Problem, Said

if TYPE_CHECKING:
    import polars as pl

    from siwei.city.attributes import Attribute
    from siwei.policy import Programme
    from siwei.policy.aggregating.aggregates import Rows
    from siwei.policy.combinations.combination import CombinationExplanation
    from siwei.policy.combinations.holdings import Held
    from siwei.policy.combinations.joint_choices import Holdings
    from siwei.policy.deciding.row_parts import RowParts
    from siwei.policy.diffs.diff import Side
    from siwei.policy.diffs.diff_joint import JointDifference
    from siwei.policy.programmes import Text
    from siwei.policy.stacking import JointLimit, Stacking

OPTIONS = {"organisation": "--organisations", "claim": "--claims", "project": "--projects"}
Organisations = Annotated[
    Path | None, Parameter(help="The organisations whose contracts or projects the rows are, for joint limits.")
]
Claims = Annotated[Path | None, Parameter(help="Contracts of these organisations, for joint limits.")]
Projects = Annotated[Path | None, Parameter(help="Projects of these organisations, for joint limits.")]


@dataclass(frozen=True)
class KindFiles:
    """By kind the file that holds its rows; `own` is the kind of the rows that were asked for."""

    own: str
    files: Mapping[str, Path]

    def lacking(self, limits: "Collection[JointLimit]", programmes: "Collection[Programme]") -> list[str]:
        """Kinds that the limits count, or read, and no file holds."""
        from siwei.policy.combinations.joint_explanation import kinds_counted

        wanted = kinds_counted(limits, programmes) | ({"organisation"} if limits else set())
        return [kind for kind in OPTIONS if kind in wanted and kind not in self.files]


def kind_files(
    own: str, source: Path, *, organisations: Path | None = None, claims: Path | None = None,
    projects: Path | None = None,
) -> KindFiles:  # fmt: skip
    """Raises InputError where a file is given twice for one kind, or stands beside persons."""
    others = {"organisation": organisations, "claim": claims, "project": projects}
    given = {kind: file for kind, file in others.items() if file is not None}
    if own in given:
        message = Said(
            f"{OPTIONS[own]} names a second file of rows for a {own}", f"{OPTIONS[own]} 指定了同类行的第二个文件"
        )
        fix = Said("--in holds them already", "--in 已含这些行")
        raise InputError([Problem(message, fix, str(given[own]))])
    if own == "person" and given:
        name = next(OPTIONS[kind] for kind in given)
        fix = Said("no joint limit counts what a person has: leave it out", "合计上限不计个人所得：请删去")
        raise InputError([Problem(Said(f"{name} beside persons", f"个人旁边不得有 {name}"), fix)])
    return KindFiles(own, {own: source, **given})


def served_by(kind: str, stacking: "Stacking", programmes: "Collection[Programme]") -> list[str]:
    """`organisation`, and the columns by which joint limits serve rows of a kind; none of organisations."""
    if kind == "organisation":
        return []
    mine = {each.id for each in programmes if each.applies_to == kind}
    return ["organisation", *(name for limit in stacking.joint if mine & {*limit.programmes} for name in limit.order)]


def limits_read(kind: str, stacking: "Stacking") -> list[str]:
    """What rules of stacking and joint limits read of rows of a kind."""
    from siwei.policy.subjects import read_dtypes

    limits = [group.limit for group in stacking.of(kind).groups]
    limits += [limit.limit for limit in stacking.joint] if kind == "organisation" else []
    return list(read_dtypes(limits))


def limits_named(limits: "Collection[JointLimit]") -> "Text":
    """In their own words."""
    from siwei.policy.programmes import Text

    return Text(
        "、".join(f"“{limit.words.zh}”" for limit in limits), ", ".join(f"“{limit.words.en}”" for limit in limits)
    )


def told_not_given(limits: "Collection[JointLimit]", lacking: "Collection[str]") -> "Text":
    """That joint limits were not weighed, or only in part, and what to give."""
    from siwei.policy.combinations.joint_shown import KIND_WORDS
    from siwei.policy.programmes import Text

    names, options = limits_named(limits), " ".join(OPTIONS[kind] for kind in lacking)
    if "organisation" in lacking:
        return Text(
            f"合计上限{names.zh}涉及此项，未予权衡：未提供相关机构的文件（{options}）。",
            f"The joint limits {names.en} bear on it and were not weighed: no file of the organisations was given "
            f"({options}).",
        )
    zh = "、".join(KIND_WORDS[kind].zh for kind in lacking)
    en = " and ".join(f"{KIND_WORDS[kind].en}s" for kind in lacking)
    return Text(
        f"合计上限{names.zh}未计入{zh}的扶持：未提供其文件（{options}）。",
        f"The joint limits {names.en} were weighed without awards of {en}: no file of them was given ({options}).",
    )


class Asked(Protocol):
    """The table of which one row was asked for."""

    @property
    def source(self) -> Path: ...
    @property
    def attributes(self) -> "dict[str, Attribute]": ...
    @property
    def id(self) -> str: ...
    @property
    def given(self) -> "Rows | None": ...
    @property
    def day(self) -> date: ...
    def row(self, programmes: "tuple[Programme, ...]", besides: "Collection[str]") -> "pl.DataFrame": ...


@dataclass(frozen=True)
class Family:
    """The joint limits that bear on one programme's awards, and the files they are weighed over."""

    stacking: "Stacking"
    programme: "Programme"
    programmes: "tuple[Programme, ...]"
    files: KindFiles
    held: "tuple[Held, ...]"

    def explain(self, asked: Asked, open_: "list[Text]") -> "CombinationExplanation | None":
        """None where no joint limit bears on the programme, or it cannot be weighed: why is added to `open_`."""
        from siwei.policy.combinations.holdings import holdings_on
        from siwei.policy.combinations.joint_choices import NOTHING_HELD
        from siwei.policy.combinations.joint_explanation import explain_together, joint_family
        from siwei.policy.combinations.joint_files import read_family
        from siwei.policy.programmes import Text

        stacking, names = joint_family(self.stacking, {self.programme.id})
        if not names:
            return None
        mine = tuple(each for each in self.programmes if each.id in names)
        if lacking := self.files.lacking(stacking.joint, mine):
            open_.append(told_not_given(stacking.joint, lacking))
            if "organisation" in lacking:
                return None
        parts = self._parts(stacking, mine, asked, open_)
        if parts is None:
            return None
        organisation = self._organisation(stacking, mine, asked, open_)
        if organisation is None:
            return None
        everything = holdings_on(self.held, asked.day, {each.id: each.applies_to for each in self.programmes})
        rows = read_family(parts, organisation, asked.day, asked.given, everything.held)
        for kind, each in parts.items():
            if kind != self.files.own:
                tell_rejected(each, None)
        holdings = everything.by_organisation(rows.owners).get(organisation, NOTHING_HELD)
        otherwise = [
            id for kind, id in everything.said_otherwise(rows.owners)
            if organisation in (rows.owners[kind, id], everything.organisations[kind, id])
        ]  # fmt: skip
        if otherwise:
            words = said_otherwise(otherwise)
            open_.append(Text(words.zh, str(words)))
        return explain_together(stacking, rows.decided, organisation, self.files.own, asked.id, asked.day, holdings)

    def _parts(
        self, stacking: "Stacking", programmes: "tuple[Programme, ...]", asked: Asked, open_: "list[Text]"
    ) -> "dict[str, RowParts] | None":
        from siwei.policy.deciding.row_parts import RowParts
        from siwei.policy.files.subject_files import open_subjects
        from siwei.policy.files.tables import added_names
        from siwei.policy.programmes import Text
        from siwei.policy.subjects import attribute_dtypes
        from siwei.policy.titles import TITLE_COLUMNS

        parts = {}
        for kind, file in self.files.files.items():
            mine = tuple(each for each in programmes if each.applies_to == kind)
            if not mine and kind != "organisation":
                continue
            besides = [*limits_read(kind, stacking), *served_by(kind, stacking, programmes)]
            added = frozenset() if asked.given is None else added_names(mine)
            lacking = sorted({*attribute_dtypes(mine), *besides} - {*added} - {*open_subjects(file).columns})
            if lacking:
                names = limits_named(stacking.joint)
                open_.append(Text(
                    f"合计上限{names.zh}未予权衡：{file.name} 缺少 {'、'.join(lacking)}。",
                    f"The joint limits {names.en} were not weighed: {file.name} lacks {', '.join(lacking)}.",
                ))  # fmt: skip
                return None
            parts[kind] = RowParts(file, mine, asked.attributes, dict.fromkeys([*besides, *TITLE_COLUMNS]), added)
        return parts

    def _organisation(
        self, stacking: "Stacking", programmes: "tuple[Programme, ...]", asked: Asked, open_: "list[Text]"
    ) -> str | None:
        """Whose the row is."""
        from siwei.policy.programmes import Text

        own = self.files.own
        mine = tuple(each for each in programmes if each.applies_to == own)
        besides = [*limits_read(own, stacking), *served_by(own, stacking, programmes)]
        try:
            row = asked.row(mine, besides)
        except ImportRefused:
            row = None
        organisation: str | None = (
            None if row is None else row["id" if own == "organisation" else "organisation"].item()
        )
        if organisation is None:
            names = limits_named(stacking.joint)
            open_.append(Text(
                f"合计上限{names.zh}未予权衡：该行其他数据有误，或未写明所属机构。",
                f"The joint limits {names.en} were not weighed: the row has other faults, or names no organisation.",
            ))  # fmt: skip
        return organisation


@dataclass(frozen=True)
class JointFiles:
    """The files of all kinds over which joint limits of two sides are compared, organisation by organisation. `sides`
    hold programmes of all kinds."""

    sides: "tuple[Side, Side]"
    files: KindFiles
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
        return [kind for kind in self.files.files if kind != self.files.own]

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
        tables = {kind: self._table(kind) for kind in self.files.files}
        return diff_jointly(*self.sides, tables, self.day, self.holdings)

    def _table(self, kind: str) -> "pl.DataFrame":
        """All rows that can be used: any of an organisation may bear on any other of its own."""
        import polars as pl

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
        parts = RowParts(self.files.files[kind], mine, self.attributes, dict.fromkeys(wanted), added)
        table = pl.concat([*parts.read()])
        if kind != "organisation":
            tell_rejected(parts, None)
            return table
        return with_dimensions(table.lazy(), self.attributes, self.day).collect()

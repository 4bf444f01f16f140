"""The joint limits that bear on one subject's award, weighed over tables of the organisation's other subjects."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, InputError, Problem, Said
from siwei.policy.combinations.combination import CombinationExplanation
from siwei.policy.combinations.holdings import Held, holdings_on
from siwei.policy.combinations.joint_choices import KINDS, NOTHING_HELD
from siwei.policy.combinations.joint_explanation import explain_together, joint_family, kinds_counted
from siwei.policy.combinations.joint_files import read_family
from siwei.policy.combinations.joint_shown import KIND_WORDS
from siwei.policy.deciding.asked import Asked
from siwei.policy.deciding.given_rows import Given
from siwei.policy.deciding.row_parts import RowParts
from siwei.policy.deciding.subject_tables import GivenTable, SubjectTable
from siwei.policy.files.tables import added_names
from siwei.policy.programmes import Programme, Text
from siwei.policy.stacking import JointLimit, Stacking
from siwei.policy.subjects import attribute_dtypes, read_dtypes
from siwei.policy.titles import TITLE_COLUMNS

MOST_TOLD = 20


@dataclass(frozen=True)
class KindTables:
    """By kind the table that holds its rows; `own` is the kind of the rows that were asked for. `options` are the names
    by which each is given, `one` what it is then."""

    own: str
    tables: Mapping[str, SubjectTable]
    options: Mapping[str, str]
    one: tuple[str, str] = ("文件", "file")

    def lacking(self, limits: Collection[JointLimit], programmes: Collection[Programme]) -> list[str]:
        """Kinds that the limits count, or read, and no table holds."""
        wanted = kinds_counted(limits, programmes) | ({"organisation"} if limits else set())
        return [kind for kind in KINDS if kind in wanted and kind not in self.tables]


GIVEN = {"organisation": "organisations", "claim": "claims", "project": "projects"}
"""By kind the field in which a program sends its rows."""


def kind_tables(
    own: str, rows: Sequence[Given], pack: tuple[Programme, ...], others: Mapping[str, Sequence[Given] | None],
    beside: tuple[str, ...] = (),
) -> KindTables:  # fmt: skip
    """Of rows as a program sends them, those of the kind that was asked about and those of others, by kind, None where
    they are not given; `beside` are columns that no expression reads. Raises InputError where `others`
    has the kind itself, or stands beside persons."""
    given = {kind: each for kind, each in others.items() if each is not None}
    check_kinds(own, given, GIVEN, "rows")
    tables = {own: GivenTable(Path("rows"), own, rows, pack, beside)}
    tables |= {kind: GivenTable(Path(GIVEN[kind]), kind, each, pack, beside) for kind, each in given.items()}
    return KindTables(own, tables, GIVEN, ("行", "row"))


def check_kinds(own: str, others: Collection[str], options: Mapping[str, str], rows: str) -> None:
    """What was given beside the rows of a kind, which are given as `rows`. Raises InputError where it cannot be."""
    if own in others:
        told = Said(f"{options[own]} gives rows for a {own} a second time", f"{options[own]} 第二次给出了同类的行")
        raise InputError([Problem(told, Said(f"{rows} has them already", f"{rows} 已含这些行"), field=options[own])])
    if own == "person" and others:
        name = next(options[kind] for kind in others)
        fix = Said("no joint limit counts what a person has: leave it out", "合计上限不计个人所得：请删去")
        raise InputError([Problem(Said(f"{name} beside persons", f"个人旁边不得有 {name}"), fix, field=name)])


def served_by(kind: str, stacking: Stacking, programmes: Collection[Programme]) -> list[str]:
    """`organisation`, and the columns by which joint limits serve rows of a kind; none of organisations."""
    if kind == "organisation":
        return []
    mine = {each.id for each in programmes if each.applies_to == kind}
    return ["organisation", *(name for limit in stacking.joint if mine & {*limit.programmes} for name in limit.order)]


def limits_read(kind: str, stacking: Stacking) -> list[str]:
    """What rules of stacking and joint limits read of rows of a kind."""
    limits = [group.limit for group in stacking.of(kind).groups]
    limits += [limit.limit for limit in stacking.joint] if kind == "organisation" else []
    return list(read_dtypes(limits))


def limits_named(limits: Collection[JointLimit]) -> Text:
    """In their own words."""
    return Text(
        "、".join(f"“{limit.words.zh}”" for limit in limits), ", ".join(f"“{limit.words.en}”" for limit in limits)
    )


def told_not_given(limits: Collection[JointLimit], lacking: Collection[str], tables: KindTables) -> Text:
    """That joint limits were not weighed, or only in part, and what to give."""
    names, options = limits_named(limits), " ".join(tables.options[kind] for kind in lacking)
    one_zh, one_en = tables.one
    if "organisation" in lacking:
        return Text(
            f"合计上限{names.zh}涉及此项，未予权衡：未提供相关机构的{one_zh}（{options}）。",
            f"The joint limits {names.en} bear on it and were not weighed: no {one_en} of the organisations was given "
            f"({options}).",
        )
    zh = "、".join(KIND_WORDS[kind].zh for kind in lacking)
    en = " and ".join(f"{KIND_WORDS[kind].en}s" for kind in lacking)
    return Text(
        f"合计上限{names.zh}未计入{zh}的扶持：未提供其{one_zh}（{options}）。",
        f"The joint limits {names.en} were weighed without awards of {en}: no {one_en} of them was given ({options}).",
    )


def told_otherwise(subjects: Collection[str]) -> Text:
    """Of whose rows another organisation is read than their holdings say."""
    shown = ", ".join(map(repr, [*subjects][:MOST_TOLD]))
    return Text(
        f"holdings 中 {len(subjects)} 个对象写明的所属机构与其行不符，以行为准：{shown}",
        f"holdings name another organisation than the rows of {len(subjects)} subjects do; the rows' counts: {shown}",
    )


def parts_by_kind(
    stacking: Stacking, tables: KindTables, pack: tuple[Programme, ...], attributes: Mapping[str, Attribute],
    adds: bool,
) -> dict[str, RowParts]:  # fmt: skip
    """All rows of every kind as joint limits combine them; with `adds` what is added up of other rows may be absent."""
    parts = {}
    for kind, table in tables.tables.items():
        mine = tuple(each for each in pack if each.applies_to == kind)
        besides = [*limits_read(kind, stacking), *served_by(kind, stacking, pack)]
        added = added_names(mine) if adds else frozenset[str]()
        parts[kind] = RowParts(table, mine, attributes, dict.fromkeys(besides), added)
    return parts


@dataclass(frozen=True)
class Family:
    """The joint limits that bear on one programme's awards, and the tables they are weighed over."""

    stacking: Stacking
    programme: Programme
    programmes: tuple[Programme, ...]
    tables: KindTables
    held: tuple[Held, ...]

    def explain(self, asked: Asked, open_: list[Text], gone_through: list[RowParts]) -> CombinationExplanation | None:
        """None where no joint limit bears on the programme, or it cannot be weighed: why is added to `open_`. The
        tables of other kinds go into `gone_through`."""

        stacking, names = joint_family(self.stacking, {self.programme.id})
        if not names:
            return None
        mine = tuple(each for each in self.programmes if each.id in names)
        if lacking := self.tables.lacking(stacking.joint, mine):
            open_.append(told_not_given(stacking.joint, lacking, self.tables))
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
        gone_through += [each for kind, each in parts.items() if kind != self.tables.own]
        holdings = everything.by_organisation(rows.owners).get(organisation, NOTHING_HELD)
        otherwise = [
            id for kind, id in everything.said_otherwise(rows.owners)
            if organisation in (rows.owners[kind, id], everything.organisations[kind, id])
        ]  # fmt: skip
        if otherwise:
            open_.append(told_otherwise(otherwise))
        return explain_together(stacking, rows.decided, organisation, self.tables.own, asked.id, asked.day, holdings)

    def _parts(
        self, stacking: Stacking, programmes: tuple[Programme, ...], asked: Asked, open_: list[Text]
    ) -> dict[str, RowParts] | None:

        parts = {}
        for kind, table in self.tables.tables.items():
            mine = tuple(each for each in programmes if each.applies_to == kind)
            if not mine and kind != "organisation":
                continue
            besides = [*limits_read(kind, stacking), *served_by(kind, stacking, programmes)]
            added = frozenset() if asked.given is None else added_names(mine)
            lacking = table.lacking({*attribute_dtypes(mine), *besides} - {*added})
            if lacking:
                names = limits_named(stacking.joint)
                open_.append(Text(
                    f"合计上限{names.zh}未予权衡：{table.place.name} 缺少 {'、'.join(lacking)}。",
                    f"The joint limits {names.en} were not weighed: {table.place.name} lacks {', '.join(lacking)}.",
                ))  # fmt: skip
                return None
            parts[kind] = RowParts(table, mine, asked.attributes, dict.fromkeys([*besides, *TITLE_COLUMNS]), added)
        return parts

    def _organisation(
        self, stacking: Stacking, programmes: tuple[Programme, ...], asked: Asked, open_: list[Text]
    ) -> str | None:
        """Whose the row is."""

        own = self.tables.own
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

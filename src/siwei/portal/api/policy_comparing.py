"""Two texts of a programme compared for programs, over rows of one kind and over all of an organisation."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from siwei.errors import InputError, Problem, Said
from siwei.policy import Programme, diff
from siwei.policy.aggregating.aggregates import Rows
from siwei.policy.checks.drafts import load_stacking_text
from siwei.policy.combinations.joint_choices import Holdings
from siwei.policy.combinations.joint_tables import kind_tables
from siwei.policy.deciding.row_parts import RowParts
from siwei.policy.diffs.diff import Side
from siwei.policy.diffs.diff_stacking import diff_stacking
from siwei.policy.diffs.dimensions import SOURCES, with_dimensions
from siwei.policy.diffs.joint_rows import JointRows
from siwei.policy.explaining.explain_asked import ORDERS
from siwei.policy.files.tables import added_names
from siwei.policy.money_words import of_money
from siwei.policy.programmes import Period
from siwei.policy.subjects import read_dtypes
from siwei.portal.api.policy_schemas import VersionsToCompare
from siwei.portal.city_pack import attribute_types, programmes_on, stacking


def compare_sides(
    body: VersionsToCompare, before: Programme, after: Programme, day: date, given: Rows | None, holdings: Holdings
) -> dict[str, Any]:
    """`after` has the id of `before`. Raises InputError where contracts or projects stand beside rows that are no
    organisations, ImportRefused where no row can be used."""
    pack = tuple(programmes_on(day).values())
    rules = stacking(day) if body.stacking is None else load_stacking_text(body.stacking, attribute_types(), pack)
    together = _together(body, (before, after), (stacking(day), rules), pack, day, given, holdings)
    kind, held = before.applies_to, holdings.of_kind(before.applies_to)
    is_weighed = body.stacking is not None or bool(held) or bool(together.others)
    ruled = {*stacking(day).programmes, *rules.programmes, *(name for mine in held.values() for name in mine)}
    ruled = {before.id, *(ruled if is_weighed else ())}
    old, new = (
        replace(
            side, stacking=side.stacking.of(kind),
            programmes=tuple(each for each in side.programmes if each.id in ruled and each.applies_to == kind),
        )
        for side in together.sides
    )  # fmt: skip
    parts, table = _rows(old, new, together, given is not None)
    found = next(each for each in diff(old, new, table, day) if each.programme == before.id)
    kept = diff_stacking(old, new, table, day, kind, held).as_dict() if is_weighed else None
    jointly = together.difference()
    compared = {each.id for side in (old, new) for each in side.programmes}
    without_row = {*held} - {*table["id"]}
    if jointly is not None:
        without_row = {*jointly.held_without_row}
    return {
        "as_of": day,
        "rows": table.height,
        "difference": found.as_dict(),
        "stacking": kept,
        "joint": None if jointly is None else jointly.as_dict(),
        "held_without_row": sorted(without_row),
        "joint_limits_not_weighed": [] if jointly is not None else together.not_weighed(compared),
        "joint_kinds_not_given": [] if jointly is None else together.lacking,
        "rejects": [
            {"of": each.source.name, **row} for each in (parts, *together.gone_through) for row in each.told.to_dicts()
        ],
    }


def _together(
    body: VersionsToCompare, versions: tuple[Programme, Programme], rules: tuple[Any, Any],
    pack: tuple[Programme, ...], day: date, given: Rows | None, holdings: Holdings,
) -> JointRows:  # fmt: skip
    """Both sides with all programmes of the day, of which one differs, and the rows of all kinds."""
    if body.ignore_period:
        versions = (replace(versions[0], period=Period(None, None)), replace(versions[1], period=Period(None, None)))
    one, other = (
        Side(
            tuple(version if each.id == version.id else each for each in pack), rule, given,
            frozenset(each.id for each in pack) if body.drafts_in_force else frozenset(),
        )
        for version, rule in zip(versions, rules, strict=True)
    )  # fmt: skip
    kind = versions[0].applies_to
    # What either side reads may stand in a row.
    read = (*one.programmes, *(each for each in other.programmes if each not in one.programmes))
    given_too = {"claim": body.claims, "project": body.projects}
    if kind != "organisation" and any(each is not None for each in given_too.values()):
        fix = Said(f"{versions[0].id} applies to {kind}: leave them out", f"{versions[0].id} 面向 {kind}：请去掉它们")
        raise InputError([Problem(*of_money("beside_organisations", fix=fix), field="claims")])
    tables = kind_tables(kind, body.rows, read, given_too, ORDERS)
    return JointRows((one, other), tables, attribute_types(), day, given is not None, holdings=holdings)


def _rows(old: Side, new: Side, together: JointRows, adds: bool) -> tuple[RowParts, pl.DataFrame]:
    """The rows that can be used, and by what they are grouped."""
    both = (*old.programmes, *new.programmes)
    limits = read_dtypes(group.limit for side in (old, new) for group in side.stacking.groups)
    table = together.tables.tables[together.tables.own]
    added = added_names(both) if adds else frozenset[str]()
    parts = RowParts(table, both, attribute_types(), [*limits, *table.having(SOURCES)], added)
    rows = pl.concat([*parts.read()])
    return parts, with_dimensions(rows.lazy(), attribute_types(), together.day).collect()

"""Awards combined for programs, of rows of one kind and of an organisation's rows of all kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from siwei.errors import InputError, NotFound, Problem, Said
from siwei.policy import Programme, decide
from siwei.policy.aggregating.aggregates import Rows, add_aggregates
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.combinations.combination import explain_combination
from siwei.policy.combinations.combine_files import row_by_row
from siwei.policy.combinations.held_combining import combine_beside
from siwei.policy.combinations.instead import with_instead
from siwei.policy.combinations.joint_choices import Holdings
from siwei.policy.combinations.joint_files import combine_files_jointly
from siwei.policy.combinations.joint_tables import GIVEN, kind_tables, parts_by_kind
from siwei.policy.deciding.given_rows import judge_rows
from siwei.policy.explaining.explain_asked import ORDERS
from siwei.policy.files.tables import added_names
from siwei.policy.money_words import of_money
from siwei.policy.stacking import Stacking
from siwei.policy.subjects import read_dtypes
from siwei.portal.api.policy_schemas import RowsToCombine
from siwei.portal.city_pack import attribute_types

OWN = "organisation"


def combine_kind(
    body: RowsToCombine, stacking: Stacking, chosen: tuple[Programme, ...], day: date, given: Rows | None,
    holdings: Holdings,
) -> dict[str, Any]:  # fmt: skip
    """Of rows of the kind that `chosen` apply to. Raises NotFound where no row that can be used is `body.id`."""
    kind = chosen[0].applies_to
    rules = stacking.of(kind)
    added = () if given is None else added_names(chosen)
    limits = read_dtypes(each.limit for each in rules.groups)
    batch = judge_rows(body.rows, chosen, attribute_types(), limits, added, ORDERS)
    table = batch.good if given is None else add_aggregates(chosen, batch.good, given, day).table
    decisions = apply_limits(decide(chosen, table, day), table)
    in_force, held = [each.id for each in chosen if body.drafts_in_force], holdings.of_kind(kind)
    mine, there, explanation = {each.id for each in chosen}, {*table["id"]}, None
    if body.id is not None:
        if body.id not in there:
            raise NotFound(
                f"no row with id {body.id!r} among those that can be used → check the id",
                f"可用的行中没有 id 为 {body.id!r} 的 → 请检查 id",
            )
        held_by = held.get(body.id, {})
        explanation = explain_combination(rules, decisions, table, body.id, held_by, in_force=in_force).to_dict()
    combined = combine_beside(rules, decisions, table, held, in_force)
    return {
        "as_of": day,
        "awards": _of_kind(kind, row_by_row(combined, with_instead(rules, combined, decisions, table)).to_dicts()),
        "rejects": _rejects("rows", batch.rejects.to_dicts()),
        "joint_limits_not_weighed": [each.id for each in rules.joint if mine & {*each.programmes}],
        "held_without_row": sorted(
            each for each in {*held} - there if (kind, each) not in holdings.organisations
        ),
        "explanation": explanation,
    }  # fmt: skip


def combine_kinds(
    body: RowsToCombine, stacking: Stacking, pack: tuple[Programme, ...], day: date, given: Rows | None,
    holdings: Holdings,
) -> dict[str, Any]:  # fmt: skip
    """Of organisations, their contracts and their projects together. Raises InputError where the rows are of another
    kind, or one row is to be explained."""
    if body.applies_to not in (None, OWN):
        fix = Said("leave `applies_to` out, or these", "请去掉 `applies_to`，或去掉它们")
        raise InputError([Problem(*of_money("beside_organisations", fix=fix), field="applies_to")])
    if body.id is not None:
        raise InputError([Problem(*of_money("id_alone", explain="`/api/policy/explain`"), field="id")])
    tables = kind_tables(OWN, body.rows, pack, {"claim": body.claims, "project": body.projects}, ORDERS)
    parts = parts_by_kind(stacking, tables, pack, attribute_types(), adds=given is not None)
    in_force = [each.id for each in pack if body.drafts_in_force]
    done = combine_files_jointly(stacking, parts, day, given=given, in_force=in_force, holdings=holdings)
    names = {OWN: "rows", **{kind: name for kind, name in GIVEN.items() if kind != OWN}}
    return {
        "as_of": day,
        "awards": [row for kind, awards in done.awards.items() for row in _of_kind(kind, awards.to_dicts())],
        "rejects": [row for kind, each in parts.items() for row in _rejects(names[kind], each.told.to_dicts())],
        "joint_limits": done.limits.to_dicts(),
        "joint_limits_not_weighed": [],
        "joint_kinds_not_given": tables.lacking(stacking.joint, pack),
        "held_without_row": [*done.without_row],
        "held_said_otherwise": [*done.said_otherwise],
    }


def _of_kind(kind: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"kind": kind, **row} for row in rows]


def _rejects(of: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"of": of, **row} for row in rows]

"""What `siwei policy …` does, for programs: nothing is kept, and no decision made here counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Literal

import polars as pl
from django.http import HttpRequest
from django.utils.timezone import localdate
from ninja import Router

from siwei.errors import InputError, NotFound, Problem, Said
from siwei.policy import FactStatus, Programme, Sharing, decide, programme_schema, share_pot, stacking_schema
from siwei.policy.aggregating.aggregates import Rows, add_aggregates
from siwei.policy.aggregating.columns import columns_of_rows
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.checks.drafts import check_stacking_text, check_text, load_text, run_text_cases
from siwei.policy.combinations.holdings import Held, checked_holdings, holdings_on
from siwei.policy.combinations.joint_choices import Holdings
from siwei.policy.combinations.joint_tables import kind_tables
from siwei.policy.deciding.asked import Asked
from siwei.policy.deciding.given_rows import judge_rows, other_rows
from siwei.policy.documents.findings import Severity
from siwei.policy.documents.releases import as_released, find_version
from siwei.policy.documents.scaffold import scaffold
from siwei.policy.explaining.explain_asked import ORDERS, explain_asked
from siwei.policy.files.tables import added_names
from siwei.policy.money_words import of_money
from siwei.policy.pots.claim_tables import claims_given, earlier_given
from siwei.policy.pots.pot_event_tables import events_given, follow_table
from siwei.policy.pots.pot_shown import followed_as_dict, shares_as_dict
from siwei.policy.pots.share import with_counted
from siwei.policy.sharing import sum_exactly
from siwei.policy.versions import of_any_day
from siwei.portal.api import policy_schemas as schemas
from siwei.portal.api.answers import answers
from siwei.portal.api.policy_combining import combine_kind, combine_kinds
from siwei.portal.api.policy_comparing import compare_sides
from siwei.portal.city_pack import all_versions, attribute_types, decided_on, pack_directory, programmes_on, stacking
from siwei.portal.queries.programmes import programme_or_missing

router = Router()


@router.get("/columns", response=answers(list[schemas.Column]))
def list_columns(
    request: HttpRequest, applies_to: schemas.Kind = None, as_of: date | None = None, any_day: bool = False
) -> Any:
    """What a row to be decided holds: name, type, unit, meaning, and which programmes read it; on one day, or with
    `any_day` what any day needs."""
    chosen = _chosen((), applies_to, as_of or decided_on())
    return [
        {
            "column": each.name,
            "type": each.type,
            "unit": each.unit,
            "meaning": {"zh": each.meaning.zh, "en": each.meaning.en},
            "read_by": list(each.read_by),
            "added_up_of": each.added_up_of,
        }
        for each in columns_of_rows(of_any_day(chosen, all_versions()) if any_day else chosen, attribute_types())
    ]


@router.get("/schema", response=answers(dict[str, Any]))
def get_schema(request: HttpRequest, of: Literal["programme", "stacking"] = "programme") -> Any:
    """The JSON Schema of a programme's YAML file, or of a pack's stacking.yaml."""
    return programme_schema() if of == "programme" else stacking_schema()


@router.post("/check", response=answers(schemas.Checked))
def check(request: HttpRequest, body: schemas.DraftText) -> Any:
    """Check a programme's YAML, or a pack's stacking.yaml beside the city's programmes: faults and warnings, each with
    line, column and caret."""
    if body.yaml is None and body.stacking is None:
        told = Said("there is nothing to check", "没有可检查的内容")
        raise InputError([Problem(told, Said("send `yaml`, `stacking` or both", "请给出 `yaml` 或 `stacking`"))])
    pack, known, today = pack_directory(), attribute_types(), localdate()
    found = [
        *(() if body.yaml is None else check_text(body.yaml, pack, known, today)),
        *(() if body.stacking is None else check_stacking_text(body.stacking, pack, known, all_versions(), today)),
    ]
    faults = [each.as_dict() for each in found if each.severity is Severity.ERROR]
    warnings = [each.as_dict() for each in found if each.severity is not Severity.ERROR]
    return {"ok": not faults, "problems": faults, "warnings": warnings}


@router.get("/new", response=answers(schemas.Started))
def start(request: HttpRequest, id: str) -> Any:
    """A programme's YAML to start from: every required field explained. It checks, and is a draft."""
    return {"programme": id, "yaml": scaffold(id, attribute_types(), decided_on())}


@router.post("/test", response=answers(schemas.Tested))
def test_text(request: HttpRequest, body: schemas.TextToTest) -> Any:
    """Run cases on a programme's YAML: what came out beside what was expected, and what no case shows."""
    run = run_text_cases(body.yaml, body.cases, pack_directory(), attribute_types())
    return {"ok": not run.failed, "result": run.as_dict()}


@router.post("/combine", response=answers(schemas.RowsKept))
def combine_rows(request: HttpRequest, body: schemas.RowsToCombine) -> Any:
    """The best lawful combination of awards of every row, under the city's rules of stacking; with `claims` or
    `projects` that of all an organisation, its contracts and its projects get, under the joint limits too."""
    day = body.as_of or decided_on()
    given, held = _others(body.others, day), _counted(_held(body.holdings, day), day)
    pack, rules = tuple(programmes_on(day).values()), stacking(day)
    if body.claims is not None or body.projects is not None:
        return combine_kinds(body, rules, pack, day, given, held)
    return combine_kind(body, rules, _chosen((), body.applies_to, day), day, given, held)


@router.post("/decide", response=answers(schemas.Decided))
def decide_rows(request: HttpRequest, body: schemas.RowsToDecide) -> Any:
    """Decide the city's programmes for rows of facts. A row that cannot be used is among `rejects`, with every reason;
    the others are decided."""
    day = body.as_of or decided_on()
    chosen = _chosen(tuple(body.programmes), body.applies_to, day)
    given = _others(body.others, day)
    added = () if given is None else added_names(chosen)
    batch = judge_rows(body.rows, chosen, attribute_types(), added=added, known=ORDERS)
    table = batch.good if given is None else add_aggregates(chosen, batch.good, given, day).table
    decisions = apply_limits(decide(chosen, table, day), table)
    return {
        "as_of": day,
        "programmes": [_counts(each, decisions.awards) for each in chosen],
        "awards": decisions.awards.to_dicts(),
        "clauses": decisions.clauses.to_dicts() if body.clauses else [],
        "rejects": batch.rejects.to_dicts(),
    }


def _counts(programme: Programme, awards: pl.DataFrame) -> dict[str, Any]:
    mine = awards.filter(pl.col("programme").cast(pl.String) == programme.id)
    verdicts = mine["verdict"].cast(pl.String).to_list()
    counts = {name: verdicts.count(name) for name in ("eligible", "not_eligible", "cannot_tell")}
    paid = sum_exactly(mine["award_fen"].drop_nulls())
    return {"programme": programme.id, **counts, "award_fen": paid, "draft": programme.is_draft}


@router.post("/explain", response=answers(schemas.Explained))
def explain_row(request: HttpRequest, body: schemas.RowToExplain) -> Any:
    """Explain a programme for one row of facts: every clause, what it saw, how the award is worked out, which cap,
    limit, rule of stacking, joint limit or pot holds it down, and the nearest change that would make a no a yes."""
    day = body.as_of or decided_on()
    programme, pack = programme_or_missing(body.programme, day), tuple(programmes_on(day).values())
    mine = {**body.row, "id": body.row.get("id") or "row"}
    given = _others(body.others, day)
    tables = kind_tables(
        programme.applies_to, [mine, *body.rows], pack,
        {"organisation": body.organisations, "claim": body.claims, "project": body.projects}, ORDERS,
    )  # fmt: skip
    asked = Asked(tables.tables[programme.applies_to], attribute_types(), str(mine["id"]), given, day)
    found = explain_asked(programme, asked, pack, lambda: stacking(day), tables, _held(body.holdings, day), body.seed)
    rejects = {
        (each["row"], each["column"], each["reason"], parts.source.name): {**each, "of": parts.source.name}
        for parts in found.told.gone_through
        for each in parts.told.to_dicts()
    }
    return {"explanation": found.explanation.to_dict(), **found.beside_dict(), "rejects": [*rejects.values()]}


@router.post("/share", response=answers(schemas.Shared))
def share(request: HttpRequest, body: schemas.ClaimsToShare) -> Any:
    """Share a programme's pot among claims: first come, by merit, pro rata or by lottery, exactly to the fen. With
    `earlier` the rest of the period's budget is shared; with `events` the pot is followed from there, as with what
    claimants have `instead_fen`, where the programme lets them choose again."""
    day, known = body.as_of or decided_on(), attribute_types()
    programme = programme_or_missing(body.programme, day)
    given = [{**each.more, **each.dict(exclude={"more"})} for each in body.claims]
    claims = claims_given(given, programme, known)
    mode = None if body.mode is None else Sharing(body.mode)
    before = earlier_given(body.earlier, programme, known, body.budget_fen) if body.earlier else None
    budget = body.budget_fen if before is None else before.left_fen
    shares = share_pot(programme, claims, day, budget_fen=budget, sharing=mode, seed=body.seed, earlier=before)
    told = shares_as_dict(programme, shares, body.seed, before)
    answer = {**told, "is_draft": told["draft"], "shares": with_counted(programme, claims, shares).to_dicts()}
    if (len(body.claims) + sum(map(len, body.earlier))) * len(body.events or ()) > schemas.MOST_STEPS:
        raise InputError([Problem(*of_money("events_many", most=schemas.MOST_STEPS), field="events")])
    events = None if body.events is None else events_given(body.events, programme, known)
    followed = follow_table(programme, claims, shares, events, day, before)
    if followed is None:
        return answer
    return {**answer, **followed_as_dict(programme, followed), "followed": followed.table.to_dicts()}


@router.post("/diff", response=answers(schemas.Difference))
def compare(request: HttpRequest, body: schemas.VersionsToCompare) -> Any:
    """Compare a programme as the city has it with another version, or with a draft, over rows of facts: who gains, who
    loses, what it costs, and why. With another `stacking`, or with `holdings`, what is kept of all awards of that kind
    that the rules speak of too, beside what is held already; with `claims` or `projects` also what organisations keep
    in all under joint limits."""
    day, known = body.as_of or decided_on(), attribute_types()
    before = programme_or_missing(body.programme, day)
    folder = pack_directory() / "programmes"
    if body.yaml is not None:
        after = load_text(body.yaml, pack_directory(), known)
    else:
        after = find_version(folder, known, body.programme, body.version or before.version)
    # Under whatever id a text comes, it is compared as one of this programme, whose releases it is held against.
    (after,) = as_released(folder, [replace(after, id=before.id)])
    return compare_sides(body, before, after, day, _others(body.others, day), _counted(_held(body.holdings, day), day))


def _held(given: list[schemas.HeldAward], day: date) -> tuple[Held, ...]:
    """Raises ImportRefused for a programme or a period that is none."""
    rows = [Held(each.subject, each.programme, each.held_fen, each.period, each.organisation) for each in given]
    return checked_holdings(rows, programmes_on(day).values(), "holdings")


def _counted(held: tuple[Held, ...], day: date) -> Holdings:
    """As the rules of each subject count it."""
    return holdings_on(held, day, {each.id: each.applies_to for each in programmes_on(day).values()})


def _others(others: schemas.Others | None, day: date) -> Rows | None:
    if others is None:
        return None
    lists = {name: rows for name, rows in others.dict(exclude={"proof"}).items() if rows is not None}
    return other_rows(lists, attribute_types(), stacking(day).related_parties, FactStatus[others.proof.upper()], day)


def _chosen(ids: tuple[str, ...], applies_to: str | None, day: date) -> tuple[Programme, ...]:
    chosen = [programme_or_missing(each, day) for each in dict.fromkeys(ids)] or list(programmes_on(day).values())
    kinds = {each.applies_to for each in chosen}
    kind = applies_to or (next(iter(kinds)) if len(kinds) == 1 else "organisation")
    found = tuple(each for each in chosen if each.applies_to == kind)
    if not found:
        raise NotFound(
            f"none of these programmes applies to {kind} → leave `programmes` out, or name others",
            f"这些政策都不适用于 {kind} → 请去掉 `programmes`，或换其他政策",
        )
    return found

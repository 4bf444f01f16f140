"""Rules of stacking on awards for contracts and projects: applied row by row, to the fen, and with what is held."""

from dataclasses import replace
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.errors import PolicyError
from siwei.policy import Programme, decide, load_programme
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.checks.check import check_programmes
from siwei.policy.combinations.choices import reckon
from siwei.policy.combinations.choosing import bound_column, kept_column
from siwei.policy.combinations.combination import explain_combination
from siwei.policy.combinations.combining import combine, combine_lazily
from siwei.policy.decide import award_column
from siwei.policy.diffs.diff import Side
from siwei.policy.diffs.diff_stacking import diff_stacking
from siwei.policy.documents.loading_stacking import load_stacking
from siwei.policy.stacking import Stacking, lawful_choices, linked

DAY = date(2026, 6, 30)
ATTRIBUTES = load_attributes(PACKS / "shenzhen")
ONE = """\
id: {name}
version: "1"
title: {{zh: {name}政策, en: Trial of {name}}}
kind: grant
issuer: {{zh: 试验, en: Trial}}
source: {{document: Trial rules, as_of: 2026-01-01, verified: false}}
period: {{}}
applies_to: {applies_to}
clauses:
  - id: compute
    expr: {clause}
    words: {{zh: 条件, en: Condition}}
    citation: {{document: Trial rules}}
award:
  expr: {award}
  words: {{zh: 金额, en: Amount}}
  citation: {{document: Trial rules}}
{more}rounding: {{mode: down, to: fen}}
"""
YEAR = """\
limits:
  - id: firm
    per: [organisation]
    at_most: "1000"
    order: [contract_signed_on]
    words: {zh: 每家合计, en: Each firm together}
    citation: {document: Trial rules}
"""
AWARDS = {"city": "contract_amount * 3 / 10", "district": "contract_paid / 2", "park": "contract_own_paid"}
RULES = """\
parameters:
  total:
    unit: basis_point
    words: {zh: 合计, en: Total}
    citation: {document: Trial rules}
    values: [{value: 5000}]
groups:
  - id: one-contract
    programmes: [city, district, park]
    limit: basis_points(contract_amount, p.total)
    applies_from: 2
    reduce: [park, city, district]
    words: {zh: 同一合同合计不超过 50%, en: At most 50 % of one contract}
    citation: {document: Trial rules}
either_or:
  - id: one-of-two
    programmes: [district, park]
    most: 1
    words: {zh: 两项择一, en: One of the two}
    citation: {document: Trial rules}
"""


def write(
    folder: Path, name: str, applies_to: str = "claim", award: str = "", more: str = "", clause: str = ""
) -> Programme:
    path = folder / "programmes" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    told = {"name": name, "applies_to": applies_to, "award": award or AWARDS[name], "more": more}
    path.write_text(ONE.format(**told, clause=clause or "contract_kind == 'compute'"), encoding="utf-8")
    return load_programme(path, ATTRIBUTES)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Programme, ...], Stacking]:
    folder = tmp_path_factory.mktemp("pack")
    programmes = (write(folder, "city", more=YEAR), write(folder, "district"), write(folder, "park"))
    (folder / "stacking.yaml").write_text(RULES, encoding="utf-8")
    return folder, programmes, load_stacking(folder, ATTRIBUTES, programmes)


def test_a_rule_is_of_what_its_programmes_are_for(pack: Any) -> None:
    _, _, rules = pack
    assert [each.applies_to for each in rules.rules] == ["claim", "claim"]
    assert (rules.of("claim"), rules.of("organisation").rules) == (rules, ())


contract = st.fixed_dictionaries(
    {
        "organisation": st.sampled_from(["a", "b"]),
        "contract_amount": st.integers(0, 5_000),
        "contract_paid": st.integers(0, 3_000),
        "contract_own_paid": st.integers(0, 3_000),
        "contract_signed_on": st.dates(date(2026, 1, 1), date(2026, 1, 9)),
        "contract_kind": st.sampled_from(["compute", "compute", "service"]),
    }
)


def table_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([{"id": f"c{place}/1", **row} for place, row in enumerate(rows)])


def entitled_by_hand(rows: list[dict[str, Any]]) -> list[dict[str, int]]:
    """Each contract's awards under the firm's own limit of 1,000 on `city`, served by day and then by id."""
    left = {"a": 1_000, "b": 1_000}
    found: list[dict[str, int]] = [{} for _ in rows]
    for place in sorted(range(len(rows)), key=lambda place: (rows[place]["contract_signed_on"], f"c{place}/1")):
        row = rows[place]
        if row["contract_kind"] == "compute":
            city = min(row["contract_amount"] * 3 // 10, left[row["organisation"]])
            left[row["organisation"]] -= city
            found[place] = {"city": city, "district": row["contract_paid"] // 2, "park": row["contract_own_paid"]}
    return found


def best_by_trial(entitled: dict[str, int], limit: int) -> int:
    known = [name for name, amount in entitled.items() if amount]
    totals = [0]
    for size in range(1, len(known) + 1):
        for chosen in combinations(known, size):
            if {"district", "park"} <= {*chosen}:
                continue
            total = sum(entitled[name] for name in chosen)
            totals.append(min(total, limit) if size >= 2 else total)
    return max(totals)


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(contract, min_size=1, max_size=7))
def test_every_contract_keeps_the_best_that_is_lawful_to_the_fen(pack: Any, rows: list[dict[str, Any]]) -> None:
    _, programmes, rules = pack
    table = table_of(rows)
    decisions = apply_limits(decide(programmes, table, DAY), table)
    wide = combine(rules, decisions, table).wide
    entitled = entitled_by_hand(rows)
    for place, (row, mine, found) in enumerate(zip(rows, entitled, wide.iter_rows(named=True), strict=True)):
        limit = row["contract_amount"] // 2
        kept = {name: found[kept_column(name)] for name in AWARDS}
        assert sum(kept.values()) == best_by_trial(mine, limit)
        for name, amount in mine.items():
            assert 0 <= kept[name] <= amount
        taken = [name for name in mine if mine[name] and found[bound_column(name)] != "declined"]
        assert not {"district", "park"} <= {*taken}
        assert len(taken) < 2 or sum(kept.values()) <= limit
        told = explain_combination(rules, decisions, table, f"c{place}/1")
        assert sum(part.best.total_fen for part in told.parts if part.best) == sum(kept.values())


def test_deciding_and_combining_contracts_in_one_pass_says_the_same(pack: Any) -> None:
    _, programmes, rules = pack
    unlimited = tuple(replace(each, limits=()) for each in programmes)
    rows = [
        {"organisation": "a", "contract_amount": 1000 * n, "contract_paid": 700 * n, "contract_own_paid": 400,
         "contract_signed_on": DAY, "contract_kind": "compute"}
        for n in range(5)
    ]  # fmt: skip
    table = table_of(rows)
    expected = combine(rules, decide(unlimited, table, DAY), table).wide
    found = combine_lazily(rules, unlimited, table.lazy(), DAY).collect()
    assert found.select(expected.columns).cast(dict(expected.schema)).equals(expected)


amounts = st.fixed_dictionaries({name: st.integers(0, 60) for name in AWARDS})


@settings(deadline=None, max_examples=150)
@given(entitled=amounts, held=amounts, limit=st.integers(0, 100))
def test_what_is_held_stays_and_the_rest_is_the_best_beside_it(
    pack: Any, entitled: dict[str, int], held: dict[str, int], limit: int
) -> None:
    """Against every set and every way of cutting tried: the sum over programmes of an amount between what is held and
    the greater of both, within the limit unless what is held is beyond it."""
    _, programmes, rules = pack
    row = {"organisation": "a", "contract_amount": 2 * limit, "contract_paid": 0, "contract_own_paid": 0,
           "contract_signed_on": DAY, "contract_kind": "compute"}  # fmt: skip
    table = table_of([row])
    decisions = decide(tuple(replace(each, limits=()) for each in programmes), table, DAY)
    wide = decisions.wide.with_columns(
        pl.lit(entitled[name]).cast(pl.Int64).alias(award_column(name)) for name in AWARDS
    )
    has = {name: amount for name, amount in held.items() if amount}
    told = explain_combination(rules, replace(decisions, wide=wide), table, "c0/1", has)
    most = {name: max(entitled[name], held[name]) for name in AWARDS if entitled[name] or held[name]}
    best = 0
    for size in range(len(most) + 1):
        for chosen in combinations(most, size):
            both = {"district", "park"}
            if not {*has} <= {*chosen} or (both <= {*chosen} and not both <= {*has}):
                continue
            total = sum(most[name] for name in chosen)
            floor = sum(has.values())
            best = max(best, max(min(total, limit), floor) if size >= 2 else total)
    if not most:
        assert told.parts == ()
        return
    (part,) = told.parts
    assert part.best is not None
    assert part.best.total_fen == best
    assert all(part.best.kept_fen[name] >= amount for name, amount in has.items())
    assert ("held already" in part.sentence.en) == bool(has)


def test_rules_for_different_subjects_are_refused_where_they_are_written(tmp_path: Path) -> None:
    write(tmp_path, "city")
    write(tmp_path, "topic", "project", "project_budget / 10", clause="project_months > 0")
    text = RULES.replace("programmes: [city, district, park]", "programmes: [city, topic]")
    text = text.replace("reduce: [park, city, district]", "reduce: [city, topic]")
    text = text.partition("either_or")[0]
    (tmp_path / "stacking.yaml").write_text(text, encoding="utf-8")
    known = [load_programme(path, ATTRIBUTES) for path in sorted((tmp_path / "programmes").iterdir())]
    with pytest.raises(
        PolicyError, match=r"(?s)stacking.yaml:9:\d+: topic is for a project, city for a claim.*each kind"
    ):
        load_stacking(tmp_path, ATTRIBUTES, known)
    (found,) = [each for each in check_programmes(tmp_path / "programmes", ATTRIBUTES, DAY) if each.kind == "refused"]
    assert "topic is for a project" in str(found.problem)


def test_a_programme_that_cannot_be_read_makes_no_fault_of_the_rule(tmp_path: Path) -> None:
    for name in ("city", "district"):
        write(tmp_path, name)
        path = tmp_path / "programmes" / f"{name}.yaml"
        path.write_text(path.read_text("utf-8").replace("contract_kind == 'compute'", "nonsense("), encoding="utf-8")
    text = RULES.replace(", park]", "]").replace("[park, ", "[").partition("either_or")[0]
    (tmp_path / "stacking.yaml").write_text(text, encoding="utf-8")
    found = check_programmes(tmp_path / "programmes", ATTRIBUTES, DAY)
    assert [each.problem.file for each in found if each.kind == "refused" and "stacking" in each.problem.file] == []


@pytest.mark.parametrize(
    ("limit", "message"), [("project_budget", "project_budget"), ("contract_kind", "this is string, int is needed")]
)
def test_a_limit_reads_what_a_contract_has(pack: Any, tmp_path: Path, limit: str, message: str) -> None:
    _, programmes, _ = pack
    text = RULES.replace("basis_points(contract_amount, p.total)", limit)
    (tmp_path / "stacking.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=message):
        load_stacking(tmp_path, ATTRIBUTES, programmes)


def test_nothing_is_found_wrong_with_rules_on_contracts(pack: Any) -> None:
    folder, _, _ = pack
    found = check_programmes(folder / "programmes", ATTRIBUTES, DAY)
    assert [str(each.problem) for each in found if each.problem.file.endswith("stacking.yaml")] == []


def test_two_packs_of_contracts_programmes_are_compared_by_what_is_kept(pack: Any) -> None:
    _, programmes, rules = pack
    wider = replace(rules, groups=tuple(replace(each, applies_from=4) for each in rules.groups))
    rows = [
        {"organisation": name, "contract_amount": 1_000, "contract_paid": paid, "contract_own_paid": 0,
         "contract_signed_on": DAY, "contract_kind": "compute"}
        for name, paid in (("a", 600), ("b", 100))
    ]  # fmt: skip
    found = diff_stacking(Side(programmes, rules), Side(programmes, wider), table_of(rows), DAY, "claim")
    (kept,) = found.kept
    # 300 of the city and 300 of the district may come to 500; the city's is cut.
    assert (kept.counts["gains"], kept.kept_before_fen, kept.kept_after_fen) == (1, 500 + 350, 600 + 350)
    nothing = diff_stacking(Side(programmes, rules), Side(programmes, wider), table_of(rows), DAY)
    assert (nothing.changes, nothing.kept) == ((), ())


def test_reckoning_never_cuts_below_what_is_held(pack: Any) -> None:
    _, _, rules = pack
    (part,) = linked(rules)
    found = reckon(part, ("city", "park"), {"city": 50, "park": 40}, {"one-contract": 30}, {"park": 25})
    assert (dict(found.kept_fen), found.total_fen) == ({"city": 5, "park": 25}, 30)
    assert len(lawful_choices(["city", "district", "park"], part.either_or)) == 6

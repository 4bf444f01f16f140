"""The best lawful combination, against every choice tried one by one, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.errors import InputError, NotFound, PolicyError
from siwei.policy import Programme, Text, attribute_dtypes, decide, load_programme, load_programmes
from siwei.policy.combinations.choosing import UNKNOWN, bound_column, choose, kept_column, limit_column, search
from siwei.policy.combinations.combination import explain_combination
from siwei.policy.combinations.combining import combine, combine_lazily
from siwei.policy.combinations.one_limit import has_one_limit, one_limit_layers
from siwei.policy.decide import Decisions, award_column, verdict_column
from siwei.policy.documents.loading_stacking import load_stacking
from siwei.policy.language.check import Checker
from siwei.policy.language.types import INT
from siwei.policy.stacking import EitherOr, Stacking, StackingGroup, linked

SHENZHEN = PACKS / "shenzhen"
DAY = date(2026, 6, 30)
WORDS = Text("试验", "Trial")
NAMES = ("a", "b", "c", "d", "e")
LIMITS = ("first", "second", "third")
CHECKER = Checker(dict.fromkeys(LIMITS, INT))
Row = dict[str, int | None]


def group(place: int, programmes: list[str], applies_from: int) -> StackingGroup:
    name = LIMITS[place]
    ordered = tuple(sorted(programmes))
    return StackingGroup(name, ordered, CHECKER.check(name), applies_from, tuple(programmes), WORDS, None)


some_names = st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True)
groups = st.lists(st.tuples(some_names, st.integers(1, 3)), max_size=3).map(
    lambda made: tuple(group(place, names, least) for place, (names, least) in enumerate(made))
)
exclusions = st.lists(st.tuples(some_names, st.integers(1, 2)), max_size=2).map(
    lambda made: tuple(
        EitherOr(f"or{place}", tuple(names), most, WORDS, None) for place, (names, most) in enumerate(made)
    )
)
amount = st.one_of(st.none(), st.just(0), st.integers(0, 30), st.integers(0, 10**14))
subjects = st.lists(st.fixed_dictionaries(dict.fromkeys((*NAMES, *LIMITS), amount)), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def model() -> Programme:
    return load_programmes(SHENZHEN / "programmes", load_attributes(SHENZHEN))[0]


def named(model: Programme, name: str) -> Programme:
    return replace(model, id=name, title=Text(f"{name.upper()}政策", f"Programme {name.upper()}"))


def decided(model: Programme, rows: list[Row]) -> tuple[Decisions, pl.DataFrame]:
    ids = [f"s{place}" for place in range(len(rows))]
    wide: dict[str, pl.Series] = {"id": pl.Series(ids, dtype=pl.String)}
    for name in NAMES:
        wide[verdict_column(name)] = pl.Series(
            [1 if row[name] else 2 if row[name] is None else 0 for row in rows], dtype=pl.UInt8
        )
        wide[award_column(name)] = pl.Series([row[name] for row in rows], dtype=pl.Int64)
    table = pl.DataFrame(
        {"id": ids, **{name: pl.Series([row[name] for row in rows], dtype=pl.Int64) for name in LIMITS}}
    )
    return Decisions(tuple(named(model, name) for name in NAMES), DAY, pl.DataFrame(wide)), table


def best_by_trial(stacking: Stacking, row: Row) -> int:
    """The greatest total of all 2^n sets, each checked and reduced by the words of the rules."""
    known = [name for name in NAMES if row[name]]
    totals = []
    for size in range(len(known) + 1):
        for chosen in combinations(known, size):
            if any(sum(name in rule.programmes for name in chosen) > rule.most for rule in stacking.either_or):
                continue
            kept = {name: row[name] or 0 for name in chosen}
            for rule in stacking.groups:
                inside = [name for name in rule.reduce if name in chosen]
                over = sum(kept[name] for name in inside) - (row[rule.id] or 0)
                for name in inside if len(inside) >= rule.applies_from else []:
                    less = max(0, min(over, kept[name]))
                    kept[name], over = kept[name] - less, over - less
            totals.append(sum(kept.values()))
    return max(totals)


@settings(deadline=None, max_examples=200)
@given(limits=groups, rules=exclusions, rows=subjects)
def test_the_best_is_the_best_of_all_lawful_choices(
    model: Programme, limits: tuple[StackingGroup, ...], rules: tuple[EitherOr, ...], rows: list[Row]
) -> None:
    stacking = Stacking(limits, rules)
    rows = [{**row, **{name: row[name] or 0 for name in LIMITS}} for row in rows]
    decisions, table = decided(model, rows)
    combined = combine(stacking, decisions, table)
    for row, found in zip(rows, combined.wide.iter_rows(named=True), strict=True):
        kept = {name: found[kept_column(name)] for name in NAMES}
        assert [name for name in NAMES if kept[name] is None] == [name for name in NAMES if row[name] is None]
        amounts = {name: value or 0 for name, value in kept.items()}
        assert sum(amounts.values()) == best_by_trial(stacking, row)
        chosen = [name for name in NAMES if row[name] and found.get(bound_column(name)) != "declined"]
        for rule in rules:
            assert len(set(chosen) & set(rule.programmes)) <= rule.most
        for rule in limits:
            inside = [name for name in chosen if name in rule.programmes]
            assert len(inside) < rule.applies_from or sum(amounts[name] for name in inside) <= (row[rule.id] or 0)
        linked_names = {name for rule in (*limits, *rules) for name in rule.programmes}
        assert found["open"] == any(row[name] is None for name in linked_names)
    explained = explain_combination(stacking, decisions, table, "s0")
    shown = sum(part.best.total_fen for part in explained.parts if part.best) + sum(
        amount or 0 for amount in explained.unbound_fen.values()
    )
    assert shown == best_by_trial(stacking, rows[0])


@settings(deadline=None)
@given(limits=groups, rules=exclusions, rows=subjects)
def test_an_unknown_limit_leaves_open_only_what_it_bears_on(
    model: Programme, limits: tuple[StackingGroup, ...], rules: tuple[EitherOr, ...], rows: list[Row]
) -> None:
    stacking = Stacking(limits, rules)
    decisions, table = decided(model, rows)
    combined = combine(stacking, decisions, table)
    for row, found in zip(rows, combined.wide.iter_rows(named=True), strict=True):
        known = {name for name in NAMES if row[name]}
        bears = [
            rule for rule in limits if row[rule.id] is None and len(known & set(rule.programmes)) >= rule.applies_from
        ]
        if not bears:
            assert [name for name in known if found[kept_column(name)] is None] == []
        for rule in bears:
            assert {found[kept_column(name)] for name in known & set(rule.programmes)} == {None}


def test_a_start_up_is_better_off_with_one_voucher_alone(model: Programme) -> None:
    """60 % alone beats 50 % with a second support, which a search of the largest sets only would miss."""
    stacking = Stacking((group(0, ["a", "b"], 2),))
    decisions, table = decided(
        model, [{"a": 60, "b": 30, "c": 7, "d": 0, "e": None, "first": 50, "second": 0, "third": 0}]
    )
    combined = combine(stacking, decisions, table)
    assert combined.rows.drop("held_fen").rows() == [
        ("s0", "a", 60, True, 60, None), ("s0", "b", 30, False, 0, "declined"), ("s0", "c", 7, True, 7, None),
    ]  # fmt: skip
    (part,) = explain_combination(stacking, decisions, table, "s0").parts
    assert part.best is not None
    assert [(choice.programmes, choice.total_fen) for choice in (part.best, *part.alternatives)] == [
        (("a",), 60), (("a", "b"), 50), (("b",), 30), ((), 0),
    ]  # fmt: skip
    cut = part.alternatives[0].cuts[0]
    assert (cut.programme, cut.group, cut.amount_fen) == ("a", "first", 40)
    assert part.sentence.en == (
        "The best lawful combination is Programme A: 0.60 CNY; leaves out Programme B; the next best, Programme A, "
        "Programme B, gives 0.50 CNY."
    )


def test_another_table_is_refused(model: Programme) -> None:
    decisions, table = decided(model, [dict.fromkeys((*NAMES, *LIMITS), 1)] * 2)
    with pytest.raises(InputError, match="not the one that was decided"):
        combine(Stacking((group(0, ["a", "b"], 1),)), decisions, table.reverse())
    with pytest.raises(InputError, match="no column 'first'"):
        combine(Stacking((group(0, ["a", "b"], 1),)), decisions, table.drop("first"))
    with pytest.raises(NotFound, match="no subject 'other'"):
        explain_combination(Stacking(), decisions, table, "other")


def test_the_pack_s_own_rules() -> None:
    """24 million CNY of rental: 10 million by the voucher and 3 by Longhua may come to 12; the voucher is cut first."""
    attributes = load_attributes(SHENZHEN)
    programmes = load_programmes(SHENZHEN / "programmes", attributes)
    chosen = tuple(each for each in programmes if each.id in ("xunli", "longhua-compute"))
    stacking = load_stacking(SHENZHEN, attributes, programmes)
    assert [rule.id for rule in stacking.groups] == ["compute-contract"]
    table = pl.DataFrame(
        {"id": ["f"], "legal_form": ["firm"], "compute_rental": [2_400_000_000],
         "compute_rental_from_listed": [2_400_000_000],
         "listed_provider": [False], "compute_other_support": [0], "founded_on": [date(2020, 1, 1)],
         "district": ["longhua"], "longhua_compute_paid": [1_000_000_000]}
    )  # fmt: skip
    combined = combine(stacking, decide(chosen, table, DAY), table)
    assert combined.rows.select("programme", "entitled_fen", "kept_fen", "bound_by").rows() == [
        ("longhua-compute", 300_000_000, 300_000_000, None),
        ("xunli", 1_000_000_000, 900_000_000, "compute-contract"),
    ]


STACKING = """\
groups:
  - id: first
    programmes: [trial, {second}]
    limit: {limit}
    reduce: [{reduce}]
    words: {{zh: 限, en: Limit}}
"""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"second": "tryal"}, "reduce must order exactly"),
        ({"second": "tryal", "reduce": "trial, tryal"}, r"(?s)stacking.yaml:3:\d+: no programme 'tryal'.*did you mean"),
        ({"limit": "spend"}, "undeclared reference to 'spend'"),
        ({"limit": "listed"}, "this is bool, int is needed"),
        ({"reduce": "other"}, "at least 2 items"),
    ],
)
def test_wrong_rules_are_refused_where_they_are_written(
    tmp_path: Path,
    write_programme: Callable[..., Path],
    attributes: dict[str, Attribute],
    changes: dict[str, str],
    message: str,
) -> None:
    programmes = [load_programme(write_programme(id=name), attributes) for name in ("trial", "other")]
    right = {"second": "other", "limit": "spent", "reduce": "other, trial"}
    (tmp_path / "stacking.yaml").write_text(STACKING.format(**right), encoding="utf-8")
    assert load_stacking(tmp_path, attributes, programmes).groups[0].reduce == ("other", "trial")
    (tmp_path / "stacking.yaml").write_text(STACKING.format(**{**right, **changes}), encoding="utf-8")
    with pytest.raises(PolicyError, match=message):
        load_stacking(tmp_path, attributes, programmes)


@settings(deadline=None, max_examples=60)
@given(limits=groups, rules=exclusions, rows=subjects)
def test_who_needs_no_search_is_told_the_same(
    model: Programme, limits: tuple[StackingGroup, ...], rules: tuple[EitherOr, ...], rows: list[Row]
) -> None:
    decisions, table = decided(model, rows)
    for part in linked(Stacking(limits, rules)):
        facts = decisions.wide.select(pl.col(award_column(name)).alias(name) for name in part.programmes)
        facts = facts.with_columns(
            table[rule.id].fill_null(UNKNOWN).alias(limit_column(rule.id)) for rule in part.groups
        )
        kept = choose(part, facts)
        for name, (amounts, codes) in search(part, facts).items():
            assert kept[kept_column(name)].fill_null(UNKNOWN).to_list() == amounts.tolist()
            names = [None, "declined", *(rule.id for rule in part.groups)]
            assert kept[bound_column(name)].to_list() == [names[code] for code in codes]


@settings(deadline=None, max_examples=100)
@given(names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True), rows=subjects)
def test_one_limit_over_all_is_told_by_columns_as_by_the_search(
    model: Programme, names: list[str], rows: list[Row]
) -> None:
    (part,) = linked(Stacking((group(0, names, 1),)))
    assert has_one_limit(part)
    decisions, table = decided(model, rows)
    limit = limit_column(part.groups[0].id)
    frame = decisions.wide.lazy().with_columns(table[LIMITS[0]].clip(0).alias(limit))
    awards, kept, bound = (
        {name: column(name) for name in names} for column in (award_column, kept_column, bound_column)
    )
    facts = frame.select(limit, **{name: pl.col(column) for name, column in awards.items()}).collect()
    by = pl.Enum(["declined", part.groups[0].id])
    for layer in one_limit_layers(part, awards, limit, kept, bound, by):
        frame = frame.with_columns(layer)
    found = frame.collect()
    for name, column in choose(part, facts.with_columns(pl.col(limit).fill_null(UNKNOWN))).items():
        assert found[name].to_list() == column.to_list(), name


def test_rules_beyond_one_limit_over_all_are_left_to_the_search() -> None:
    assert not has_one_limit(linked(Stacking((group(0, ["a", "b"], 2),)))[0])
    assert not has_one_limit(linked(Stacking((group(0, ["a", "b"], 1), group(1, ["b", "c"], 1))))[0])
    assert not has_one_limit(linked(Stacking((group(0, list(NAMES), 1),)))[0])
    rule = EitherOr("or", ("a", "b"), 1, WORDS, None)
    assert not has_one_limit(linked(Stacking((group(0, ["a", "b"], 1),), (rule,)))[0])


def test_deciding_and_combining_in_one_pass_says_the_same() -> None:
    attributes = load_attributes(SHENZHEN)
    programmes = tuple(load_programmes(SHENZHEN / "programmes", attributes))
    chosen = tuple(each for each in programmes if each.id in ("xunli", "longhua-compute", "guangming-compute"))
    rental = [2_400_000_000, 100_000, None, 2_400_000_000]
    table = pl.DataFrame(
        {"id": ["a", "b", "c", "d"], "legal_form": ["firm"] * 4, "compute_rental": rental,
         "compute_rental_from_listed": rental, "listed_provider": [False, None, False, False],
         "compute_other_support": [0, 0, 0, None], "founded_on": [date(2020, 1, 1)] * 4,
         "district": ["longhua", "guangming", "longhua", "longhua"], "longhua_compute_paid": [1_000_000_000] * 4}
    )  # fmt: skip
    missing = {name: dtype for name, dtype in attribute_dtypes(chosen).items() if name not in table.columns}
    table = table.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in missing.items())
    stacking = load_stacking(SHENZHEN, attributes, programmes)
    decisions = decide(chosen, table, DAY)
    from_the_first = replace(stacking, groups=tuple(replace(each, applies_from=1) for each in stacking.groups))
    for rules in (from_the_first, stacking):
        expected = combine(rules, decisions, table).wide
        for given_table in (table, table.lazy()):
            found = combine_lazily(rules, chosen, given_table, DAY).collect(engine="streaming")
            assert found.select(decisions.wide.columns).equals(decisions.wide)
            assert found.select(expected.columns).cast(dict(expected.schema)).equals(expected)
    assert expected[kept_column("xunli")].null_count() < expected.height

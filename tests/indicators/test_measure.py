"""Every indicator by hand on a small city; and what each says when there is nothing to measure."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import polars as pl
import pytest

from siwei.errors import InputError
from siwei.indicators import INDICATORS, MEASURED, TABLES, Dimension, Element, Snapshot, Statistic, measure, rows_of
from siwei.indicators.measure import evaluate, measure_each
from siwei.market.life import STATES

BY_HAND = {
    "source.chain-coverage": (2, 3),
    "source.single-firm": (1, 2),
    "source.research-staff": (30, 100),
    "source.concentrated-segments": (1, 1),
    "source.district-inequality": (2, 3),  # 0, 0 and 2 firms: f4 is placed but has no district
    "source.official-share": (2, 2000),
    "road.supply-links": (1, 2),
    "road.matched-needs": (1, 2),
    "road.mixed-agreements": (1, 2),
    "road.agreements-signed": (1, 2),
    "base.jobs-succeeded": (1, 2),
    "base.accelerator-models": (5, 8),
    "base.organisations-reached": (2, 3),
    "base.decisions-made": (4, 6),
    "base.money-captured": (120, 600),
    "base.award-inequality": (1, 4),
    "wing.courses-per-position": (None, None),
    "wing.positions-answered": (None, None),
    "wing.institutions-taking-part": (0, 1),
    "evolve.documented-pairs": (1, 4),
    "evolve.represented-organisations": (1, 4),
    "evolve.proven-facts": (6, 8),
    "evolve.sourced-programmes": (1, 2),
    "evolve.verified-rows": (1, 6),
}


def test_every_indicator_by_hand(city: Snapshot) -> None:
    measured = measure(city)
    assert dict(measured.schema) == MEASURED
    assert {row["indicator"]: (row["numerator"], row["denominator"]) for row in measured.to_dicts()} == BY_HAND


@pytest.mark.parametrize(
    ("state", "counted"),
    [(state, state not in ("proposed", "awaiting-approval", "cancelled")) for state in STATES],
)
def test_what_all_have_signed_stays_signed_until_it_is_settled(city: Snapshot, state: str, counted: bool) -> None:
    alike = replace(city, agreements=city.agreements.with_columns(pl.lit(state).alias("state")))
    measured = {entry.indicator.id: entry for entry in measure_each(alike)}["road.agreements-signed"]
    assert measured.numerator == (2 if counted else 0)


def test_nothing_to_measure_is_said_and_never_zero() -> None:
    measured = measure(Snapshot(as_of=date(2026, 11, 23)))
    assert set(measured["state"]) == {"not_measured"}
    assert measured.select("value", "numerator", "denominator").null_count().row(0) == (measured.height,) * 3
    assert measured.filter(pl.col("indicator") == "wing.positions-answered")["coverage_en"].item() == (
        "not measured: no position yet"
    )
    assert measured.filter(~pl.col("coverage_zh").str.starts_with("未测量：")).is_empty()


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda entry: entry.id)
def test_the_rows_shown_give_the_value(city: Snapshot, indicator) -> None:  # type: ignore[no-untyped-def]
    measured = {entry.indicator.id: entry for entry in measure_each(city)}[indicator.id]
    rows = rows_of(city, indicator)
    if measured.is_measured:
        assert evaluate(indicator.statistic, rows) == (measured.numerator, measured.denominator)
    if indicator.statistic is Statistic.SHARE:
        assert 0 <= rows["part"].sum() <= rows["whole"].sum()


def test_the_row_order_of_a_table_does_not_matter(city: Snapshot) -> None:
    turned = Snapshot(city.as_of, city.official, **{name: frame.reverse() for name, frame in city.tables.items()})
    assert measure(turned).equals(measure(city))
    for indicator in INDICATORS:
        assert rows_of(turned, indicator).equals(rows_of(city, indicator)), indicator.id


def test_four_wings_by_three_elements_and_evolve() -> None:
    assert {(entry.dimension, entry.element) for entry in INDICATORS} == {
        (dimension, element) for dimension in Dimension for element in Element
    }
    assert len({entry.id for entry in INDICATORS}) == len(INDICATORS)
    for entry in INDICATORS:
        assert entry.id.startswith(f"{entry.dimension}.")
        assert set(entry.needs) <= {*TABLES, "official"}


def test_values_stay_exact_past_sixty_four_bits(city: Snapshot) -> None:
    huge = 2**62
    rows = pl.DataFrame({"part": [huge, huge - 1, 1], "whole": [huge, huge, huge]})
    assert evaluate(Statistic.SHARE, rows) == (2 * huge, 3 * huge)
    assert Fraction(*evaluate(Statistic.HHI, rows)) == Fraction(huge**2 + (huge - 1) ** 2 + 1, (2 * huge) ** 2)


def test_inconsistent_staff_is_left_out_and_says_so(city: Snapshot) -> None:
    rows = rows_of(city, next(entry for entry in INDICATORS if entry.id == "source.research-staff"))
    assert rows.select("key", "part", "whole").rows() == [("f1", 30, 100), ("f2", 0, 0)]
    assert rows["note"].to_list() == ["", "left out: research staff above employees, or negative"]


def test_a_wrong_snapshot_is_refused_with_every_fault() -> None:
    with pytest.raises(InputError) as caught:
        Snapshot(
            as_of=date(2026, 11, 23),
            jobs=pl.DataFrame({"id": ["1"], "state": ["lost"]}),
            transfers=pl.DataFrame(
                {"id": ["1"], "kind": ["hold"], "unit": ["CNY"], "amount": ["many"], "purpose": [""], "origin": [""]}
            ),
            usage={"job": []},  # type: ignore[arg-type]
        )
    assert [(problem.file, problem.field, problem.message) for problem in caught.value.problems] == [
        ("transfers", "amount", "column is String and cannot be read as Int64"),
        ("jobs", "agreement", "column agreement is missing (there are: id, state)"),
        ("usage", "", "table usage is a dict"),
    ]


def test_numbers_in_narrower_types_are_taken_and_further_columns_kept() -> None:
    snapshot = Snapshot(
        as_of=date(2026, 11, 23),
        usage=pl.DataFrame({"reading": ["1"], "unit": ["seats"], "quantity": [60], "origin": [""], "note": ["x"]}).cast(
            {"quantity": pl.UInt32}
        ),
    )
    assert dict(snapshot.usage.schema) == {
        "reading": pl.String, "unit": pl.String, "quantity": pl.Int64, "origin": pl.String,
        "note": pl.String,
    }  # fmt: skip


def test_values_that_count_generated_organisations_say_so(city: Snapshot) -> None:
    marked = {entry.indicator.id for entry in measure_each(city) if entry.is_measured and entry.holds_generated}
    # f4, generated, stands on the chain and has a fact, and takes part in nothing else.
    assert marked == {
        "source.chain-coverage", "source.single-firm", "source.concentrated-segments", "road.supply-links",
        "evolve.proven-facts",
    }  # fmt: skip


def test_a_person_is_never_named(city: Snapshot) -> None:
    for entry in measure_each(city):
        assert "某人求职" not in entry.rows.write_csv(), entry.indicator.id

"""What is found part by part is what is found of all rows together: combined, compared, rejected."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siwei.errors import ImportRefused, NotFound
from siwei.policy import Programme, attribute_dtypes, decide
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.combinations.combine_files import combine_file, without_drafts
from siwei.policy.combinations.combining import combine
from siwei.policy.deciding.row_parts import RowParts
from siwei.policy.diffs.diff import Side, diff
from siwei.policy.diffs.diff_files import diff_parts
from siwei.policy.diffs.diff_stacking import diff_stacking
from siwei.policy.documents.loading_stacking import load_stacking
from siwei.policy.programmes import Limit, Text
from siwei.policy.stacking import Stacking

from .shenzhen import ATTRIBUTES
from .shenzhen import PACK as SHENZHEN
from .shenzhen import PROGRAMMES as KNOWN

DAY = date(2026, 6, 30)
HEADER = "id,district,longhua_compute_paid\n"
CHOSEN = tuple(each for each in KNOWN if each.id in ("xunli", "longhua-compute", "guangming-compute"))
RULES = load_stacking(SHENZHEN, ATTRIBUTES, KNOWN)

firm = st.fixed_dictionaries(
    {
        "compute_rental": st.sampled_from([0, 10**8, 24 * 10**8, None]),
        "longhua_compute_paid": st.sampled_from([0, 10**7, 10**9, None]),
        "district": st.sampled_from(["longhua", "guangming", "nanshan"]),
        "founded_on": st.dates(date(2010, 1, 1), date(2026, 1, 1)),
        "by_district": st.sampled_from(["longhua", "guangming", None]),
    }
)


def table_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    table = pl.DataFrame([{"id": f"f{place}", **row} for place, row in enumerate(rows)], infer_schema_length=None)
    table = table.with_columns(
        pl.col("compute_rental").alias("compute_rental_from_listed"), pl.lit("firm").alias("legal_form"),
        pl.lit(False).alias("listed_provider"), pl.lit(0).alias("compute_other_support"),
    )  # fmt: skip
    wanted = attribute_dtypes(CHOSEN)
    lacking = {name: dtype for name, dtype in wanted.items() if name not in table.columns}
    table = table.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in lacking.items())
    return table.with_columns(pl.col(name).cast(dtype) for name, dtype in wanted.items())


def limited(programmes: tuple[Programme, ...]) -> tuple[Programme, ...]:
    """The first under a limit of ten million yuan for each district."""
    first = next(each for each in programmes if each.id == "xunli")
    at_most = replace(first.award.expression)
    limit = Limit("by-district", ("district",), at_most, ("founded_on",), Text("每区", "By district"), None)
    return tuple(replace(each, limits=(limit,)) if each is first else each for each in programmes)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(firm, min_size=1, max_size=9), size=st.integers(1, 4), is_limited=st.booleans())
def test_combined_in_parts_as_in_one(tmp_path: Path, rows: list[dict[str, Any]], size: int, is_limited: bool) -> None:
    programmes, table, source = limited(CHOSEN) if is_limited else CHOSEN, table_of(rows), tmp_path / "rows.parquet"
    table.write_parquet(source)
    expected = combine(RULES, apply_limits(decide(programmes, table, DAY), table), table)
    parts = RowParts(source, programmes, ATTRIBUTES, rows_per_part=size)
    target = tmp_path / "kept.parquet"
    done = combine_file(RULES, parts, DAY, target=target, id="f0")
    found = pl.read_parquet(target)
    assert found.sort("id", "programme").equals(expected.rows.sort("id", "programme"))
    assert found["id"].to_list() == sorted(found["id"].to_list(), key=lambda id: int(id[1:]))
    paid, drafts = without_drafts(expected.rows)
    assert (done.awards, done.drafts, done.kept_fen) == (paid.height, drafts.height, int(paid["kept_fen"].sum()))
    assert done.explanation is not None
    assert parts.rows == len(rows)


def with_rate(value: int) -> tuple[Programme, ...]:
    """Another text: the parameters of one programme are halved, and so is the limit of what may stand together."""
    first = next(each for each in CHOSEN if each.id == "longhua-compute")
    less = tuple(
        replace(each, values=tuple((start, figure // value) for start, figure in each.values))
        for each in first.parameters
    )
    return tuple(replace(first, parameters=less) if each is first else each for each in CHOSEN)


@settings(deadline=None, max_examples=12)
@given(
    rows=st.lists(firm, min_size=1, max_size=12), size=st.integers(1, 5), kinds=st.tuples(st.booleans(), st.booleans()),
    held=st.integers(0, 10**9),
)  # fmt: skip
def test_compared_in_parts_as_in_one(
    rows: list[dict[str, Any]], size: int, kinds: tuple[bool, bool], held: int
) -> None:
    is_limited, has_other_rules = kinds
    before, after, table = CHOSEN, with_rate(2), table_of(rows)
    if is_limited:
        before, after = limited(before), limited(after)
    other = RULES
    if has_other_rules:
        other = replace(RULES, groups=tuple(replace(each, applies_from=1) for each in RULES.groups))
    sides = Side(before, RULES), Side(after, other)
    parts = [table.slice(first, size) for first in range(0, table.height, size)]
    holders = {table["id"][0]: {"longhua-compute": held}, "nobody": {"xunli": 5}} if held % 2 else {}
    found = diff_parts(*sides, parts, DAY, "organisation", holders)
    expected, kept = diff(*sides, table, DAY), diff_stacking(*sides, table, DAY, held=holders)
    assert found.without_row == (("nobody",) if holders else ())
    assert found.subjects == table.height
    assert [each.as_dict() for each in found.programmes] == [each.as_dict() for each in expected]
    assert found.stacking is not None
    assert found.stacking.as_dict() == kept.as_dict()


def test_without_rules_nothing_is_kept_together() -> None:
    found = diff_parts(Side(CHOSEN), Side(CHOSEN), [table_of([{"compute_rental": 0, "longhua_compute_paid": 0,
        "district": "longhua", "founded_on": DAY, "by_district": None}])], DAY)  # fmt: skip
    assert (found.stacking, len(found.programmes)) == (None, 3)


@pytest.fixture
def source(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "rows.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_rejected_rows_are_counted_and_written_once(source: Callable[[str], Path], tmp_path: Path) -> None:
    (programme,) = (each for each in CHOSEN if each.id == "longhua-compute")
    path = source(
        "id,district,longhua_compute_paid\na,longhua,5\nb,longhua,x\na2,longhua,7\na2,longhua,8\nc,longhua,9\n"
    )
    parts = RowParts(path, (programme,), ATTRIBUTES, rows_per_part=1)
    rejects = tmp_path / "rejects.csv"
    combine_file(Stacking(), parts, DAY, rejects=rejects)
    assert (parts.rows, parts.rejected, parts.told["row"].to_list()) == (5, 3, [3, 4, 5])
    assert pl.read_csv(rejects)["row"].to_list() == [3, 4, 5]
    with pytest.raises(NotFound, match="no row with id 'b'"):
        combine_file(Stacking(), RowParts(path, (programme,), ATTRIBUTES), DAY, id="b")
    clean = source(f"{HEADER}a,longhua,5\n")
    combine_file(Stacking(), RowParts(clean, (programme,), ATTRIBUTES), DAY, rejects=rejects)
    assert not rejects.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,district,longhua_compute_paid\n", "holds no row"),
        ("id,district,longhua_compute_paid\na,longhua,x\n", "none of"),
    ],
)
def test_a_file_of_which_nothing_can_be_used_is_refused(source: Callable[[str], Path], text: str, message: str) -> None:
    (programme,) = (each for each in CHOSEN if each.id == "longhua-compute")
    with pytest.raises(ImportRefused, match=message):
        combine_file(Stacking(), RowParts(source(text), (programme,), ATTRIBUTES), DAY)


def test_what_is_told_is_data() -> None:
    found = diff_parts(Side(CHOSEN, RULES), Side(with_rate(3), RULES), [table_of([{"compute_rental": 24 * 10**8,
        "longhua_compute_paid": 10**9, "district": "longhua", "founded_on": DAY, "by_district": "longhua"}])], DAY,
        "organisation")  # fmt: skip
    assert json.dumps([each.as_dict() for each in found.programmes], default=str)

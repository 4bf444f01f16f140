"""Whatever is in its files, a pack loads or is refused with problems that name their file: never a traceback."""

import csv
import io
import json
import shutil
import tempfile
from datetime import date
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.city.pack import Pack, load_pack
from siwei.city.rows import PackIdentity
from siwei.errors import PackError

TINY = Path(__file__).parent.parent / "fixtures" / "packs" / "tiny"
TODAY = date(2026, 11, 23)
CSV_FILES = sorted(str(path.relative_to(TINY)) for path in TINY.rglob("*.csv"))
FILES = [*CSV_FILES, "pack.yaml"]
CELLS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "true", "false", "1", "-1", "1e999", "nan", "9" * 400, "2026-02-30", "9999-12-31", "chip", "=1+1", "{0}"]
    ),
)


def load_with(relative: str, content: bytes) -> Pack | PackError:
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(shutil.copytree(TINY, Path(directory) / "pack"))
        (copy / relative).write_bytes(content)
        try:
            return load_pack(copy, today=TODAY)
        except PackError as error:
            assert error.problems
            assert all(Path(problem.file).is_relative_to(copy) for problem in error.problems)
            assert all(problem.fix for problem in error.problems)
            return error


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_cell(data: st.DataObject) -> None:
    relative = data.draw(st.sampled_from(CSV_FILES))
    rows = list(csv.reader(io.StringIO((TINY / relative).read_text())))
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(rows[row]) - 1))
    rows[row][column] = data.draw(CELLS)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    result = load_with(relative, text.getvalue().encode("utf-8", "surrogatepass"))
    if isinstance(result, Pack):
        assert all(frame["draft"].null_count() == 0 for frame in result.tables.values())


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*PackIdentity.model_fields, "other", "nmae_zh"]),
        st.recursive(
            CELLS | st.none() | st.booleans() | st.integers(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CELLS, inner, max_size=3),
            max_leaves=5,
        ),
        min_size=1,
    )
)
def test_any_identity(values: dict[str, object]) -> None:
    # JSON is YAML, and nests what a pack.yaml should not.
    assert isinstance(load_with("pack.yaml", json.dumps(values).encode()), PackError)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_bytes_anywhere(data: st.DataObject) -> None:
    relative = data.draw(st.sampled_from(FILES))
    raw = (TINY / relative).read_bytes()
    start = data.draw(st.integers(0, len(raw)))
    stop = data.draw(st.integers(start, min(len(raw), start + 20)))
    load_with(relative, raw[:start] + data.draw(st.binary(max_size=20)) + raw[stop:])

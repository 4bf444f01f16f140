"""Croissant 1.0: a whole description is read and written out again; every fault of a hostile one has its place."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.errors import InputError
from siwei.market.croissant import read_croissant, written_croissant
from siwei.market.file_names import name_fault
from siwei.market.json_ld import LIMIT_BYTES

sys.path.append(str(Path(__file__).parents[1] / "exchange"))

from exchange_datasets import described


def places(document: Any) -> list[str]:
    content = document if isinstance(document, bytes | str) else json.dumps(document)
    with pytest.raises(InputError) as refused:
        read_croissant(content)
    assert all(problem.file == "croissant.json" and problem.message for problem in refused.value.problems)
    return [problem.field for problem in refused.value.problems]


def changed(index: int, **changes: Any) -> dict[str, Any]:
    document = described()
    document["distribution"][index] |= changes
    return document


def test_a_whole_description() -> None:
    found = read_croissant(json.dumps(described()))
    assert (found.name, found.version, found.fields) == ("weld-images", "1.0.0", 1)
    assert [(each.id, each.path, each.url, each.size_bytes) for each in found.files] == [
        ("rows.csv", "data/rows.csv", "", None),
        ("images.zip", None, "https://data.example/images.zip", 1024),
    ]


def test_it_is_written_out_as_it_came_but_for_where_files_are_had() -> None:
    found = read_croissant(json.dumps(described()))
    written = json.loads(written_croissant(found, {"rows.csv": "https://city.example/1"}, {"usageInfo": "x"}))
    expected = described() | {"usageInfo": "x"}
    expected["distribution"][0]["contentUrl"] = "https://city.example/1"
    assert written == expected
    assert read_croissant(json.dumps(written)).files[0].url == "https://city.example/1"


@pytest.mark.parametrize("missing", ["@type", "conformsTo", "name", "description", "license", "distribution"])
def test_what_is_required_is_asked_for(missing: str) -> None:
    document = described()
    del document[missing]
    assert missing in places(document)


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (described(conformsTo="http://mlcommons.org/croissant/0.8"), "conformsTo"),
        (described(name=["x"]), "name"),
        (described(name="x" * 201), "name"),
        (described(description={"a": 1}), "description"),
        (described(license=[]), "license"),
        (described(url="javascript:alert(1)"), "url"),
        (described(version=[1]), "version"),
        (described(distribution=[1, "x"]), "distribution"),
        (described(distribution="x"), "distribution"),
        (described(recordSet="x"), "recordSet"),
        (changed(0, contentUrl="../../etc/passwd"), "distribution[0].contentUrl"),
        (changed(0, contentUrl="/etc/passwd"), "distribution[0].contentUrl"),
        (changed(0, contentUrl="a\\..\\b"), "distribution[0].contentUrl"),
        (changed(0, contentUrl="http://data.example/x"), "distribution[0].contentUrl"),
        (changed(0, contentUrl="https://user:key@data.example/x"), "distribution[0].contentUrl"),
        (changed(0, contentUrl="file:///etc/passwd"), "distribution[0].contentUrl"),
        (changed(0, contentUrl="//data.example/x"), "distribution[0].contentUrl"),
        (changed(0, contentUrl=None), "distribution[0].contentUrl"),
        (changed(0, sha256="abc"), "distribution[0].sha256"),
        (changed(0, sha256=["a" * 64]), "distribution[0].sha256"),
        (changed(0, encodingFormat=1), "distribution[0].encodingFormat"),
        (changed(0, contentSize="many"), "distribution[0].contentSize"),
        (changed(1, **{"@id": "rows.csv"}), "distribution[1].@id"),
        (changed(1, **{"@type": "sc:Person"}), "distribution[1].@type"),
        (changed(2, containedIn={"@id": "none"}), "distribution[2].containedIn"),
        (changed(2, includes=""), "distribution[2].includes"),
        (changed(2, includes=["../*"]), "distribution[2].includes"),
        (changed(1, containedIn={"@id": "images"}), "distribution[1].containedIn"),
    ],
)
def test_every_fault_has_its_place(document: dict[str, Any], place: str) -> None:
    assert place in places(document)


def test_sources_name_files_that_are_there() -> None:
    document = described()
    document["recordSet"][0]["field"][0]["source"] = {"fileObject": {"@id": "gone"}}
    assert places(document) == ["recordSet[0].field[0].source"]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{", b'"x"', b"\xff\xfe", b"x" * (LIMIT_BYTES + 1), b'{"a": NaN}', b'{"a": 1, "a": 2}',
        b'{"a": 1e999}', b'{"a": "\\u0000"}', b'{"\\ud800": 1}', b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}", b'{"a": [' + b"1," * 60_000 + b"1]}", b'{"a": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_whole(content: bytes) -> None:
    assert places(content) == [""]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["@id", "@type", "contentUrl", "field", "source", "x"]), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(st.sampled_from(sorted(described())), JSON, st.integers(0, 2), st.booleans())
def test_any_value_anywhere_is_read_or_refused_in_words(name: str, value: Any, index: int, inside: bool) -> None:
    document = described()
    if inside:
        document["distribution"][index] |= {name: value, "contentUrl": value}
    else:
        document[name] = value
    try:
        found = read_croissant(json.dumps(document))
    except InputError as refused:
        assert refused.problems
    else:
        assert json.loads(written_croissant(found, {}, {})) == document


@given(st.text(max_size=30))
def test_no_name_that_is_taken_leads_out(name: str) -> None:
    if not name_fault(name):
        base = Path("/base/of/files")
        assert (base / name).resolve().is_relative_to(base)
        assert "\\" not in name

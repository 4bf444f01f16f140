"""Names in memory: found by Chinese, pinyin, initials; fresh after a change."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_city import City, make_organisation

from siwei.portal.directory import DIRECTORY_SCHEMA, current_directory, matching, syllable


def frame_of(names: list[str]) -> pl.DataFrame:
    rows = [
        {
            "id": index,
            "key": f"k{index}",
            "code": None,
            "name": name,
            "kind": "firm",
            "district": "",
            "origin": "imported",
            "folded": name.lower(),
            "pinyin": "".join(map(syllable, name)),
            "initials": "".join(syllable(c)[:1] for c in name),
        }
        for index, name in enumerate(names)
    ]
    return pl.DataFrame(rows, schema=DIRECTORY_SCHEMA)


NAMES = frame_of(["深圳市腾讯计算机系统有限公司", "腾讯云", "华为技术有限公司", "Tencent AI Lab"])


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("腾讯", [1, 0]),
        ("tengxun", [1, 0]),
        ("TengXun", [1, 0]),
        ("txy", [1]),
        ("騰訊", [1, 0]),
        ("ai tencent", [3]),
        ("腾讯 系统", [0]),
        ("没有", []),
    ],
)
def test_matching(text: str, ids: list[int]) -> None:
    assert matching(NAMES, text)["id"].to_list() == ids


@given(st.text(alphabet="深圳市智能科技有限公司abcXYZ019（）-. ", min_size=1, max_size=16).filter(str.strip))
def test_a_name_is_found_by_itself(name: str) -> None:
    assert matching(frame_of([name]), name)["id"].to_list() == [0]


@pytest.mark.django_db
def test_new_and_merged_organisations_show_at_once(city: City) -> None:
    before = current_directory()
    assert current_directory() is before
    added = make_organisation("n-00000000000000dd", "丁公司")
    assert current_directory().frame["key"].to_list()[-1] == added.key
    added.merged_into = city.firm
    added.save()
    assert current_directory().frame["key"].to_list() == before.frame["key"].to_list()

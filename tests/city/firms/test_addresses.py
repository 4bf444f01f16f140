"""The district an address lies in today."""

import polars as pl
import pytest

from siwei.city.firms import Gazetteer, find_districts

SMALL = Gazetteer(
    districts={
        "罗湖": "luohu",
        "宝安": "baoan",
        "龙岗": "longgang",
        "龙华": "longhua",
        "坪山": "pingshan",
        "大鹏": "dapeng",
        "深汕": "shenshan",
    },
    places={"民治": "longhua", "布吉": "longgang", "坑梓": "pingshan", "石岩": "baoan"},
    split_from={"longhua": "baoan", "pingshan": "longgang", "dapeng": "longgang"},
    city="深圳",
)


@pytest.mark.parametrize(
    ("address", "district"),
    [
        ("深圳市罗湖区宝安北路1号", "luohu"),
        ("广东省深圳市龙岗区坂田1号", "longgang"),
        ("深圳市宝安区龙华镇1号", "longhua"),
        ("深圳市宝安区民治街道1号", "longhua"),
        ("深圳市龙岗区坑梓镇", "pingshan"),
        ("深圳市龙岗区布吉坪山一街", "longgang"),
        ("深圳市大鹏新区葵涌", "dapeng"),
        ("深圳市深汕特别合作区鹅埠镇", "shenshan"),
        ("石岩水田村", "baoan"),
        ("深圳龙华民治", "longhua"),
        ("深圳市 罗湖区", "luohu"),
        ("深圳市某路1号", None),
        ("广州市天河区宝安大厦", None),
        ("广东省东莞市大岭山镇", None),
        ("", None),
        (None, None),
    ],
)
def test_districts(address: str | None, district: str | None) -> None:
    assert find_districts(pl.Series([address], dtype=pl.String), SMALL).to_list() == [district]


def test_an_empty_gazetteer_says_nothing() -> None:
    assert find_districts(pl.Series(["深圳市罗湖区"]), Gazetteer()).to_list() == [None]


def test_every_district_of_the_pack_is_found_by_its_own_name(gazetteer: Gazetteer, pack: object) -> None:
    districts = pack.districts  # type: ignore[attr-defined]
    addresses = pl.select(pl.lit("深圳市") + districts["name_zh"] + pl.lit("某地1号")).to_series()
    assert find_districts(addresses, gazetteer).to_list() == districts["id"].to_list()

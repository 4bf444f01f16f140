"""The district an address lies in today, read from the words of the address and the pack's tables.

Old addresses name the district of their time (宝安区龙华镇 is today's 龙华区): a place whose own district was split
from
the district that is named, wins. A road is not a place: 罗湖区宝安北路 lies in 罗湖区.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

ROADS = "(?:[东西南北中一二三四五六七八九十0-9]{0,3})(?:路|大道|大街|大厦|花园|广场|立交)"
OTHER_CITY = r"^(?:[\p{Han}]{2,3}省)?([\p{Han}]{2,3})市"


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """`districts`: word → district id, for names of districts without 区; `places`: word → district id;
    `split_from`: district → the district it was part of; `city`: the city's own name, without 市."""

    districts: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    split_from: Mapping[str, str] = field(default_factory=dict)
    city: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.districts and not self.places


def build_gazetteer(districts: pl.DataFrame, places: pl.DataFrame, *, city: str) -> Gazetteer:
    """From a pack's frames: districts (`id, name_zh, split_from`) and places (`keyword, district, kind`)."""
    names = {_stem(name): identifier for identifier, name in districts.select("id", "name_zh").iter_rows()}
    words = dict(places.select("keyword", "district").iter_rows())
    kinds = dict(places.select("keyword", "kind").iter_rows())
    names |= {_stem(word): district for word, district in words.items() if kinds[word] == "district"}
    split = {identifier: parent for identifier, parent in districts.select("id", "split_from").iter_rows() if parent}
    return Gazetteer(
        {name: identifier for name, identifier in names.items() if name},
        {word: district for word, district in words.items() if kinds[word] == "place"},
        split,
        city.removesuffix("市"),
    )


def _stem(name: str) -> str:
    return re.sub(r"(特别合作区|新区|区|县)$", "", name)


def _alternatives(words: Iterable[str]) -> str:
    """A group of words, longest first, so that 大鹏新区 is not read as a shorter name inside it."""
    return "(" + "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word))) + ")"


def find_districts(addresses: pl.Series, gazetteer: Gazetteer) -> pl.Series:
    """District id for each address, or null where the words do not say, or name another city."""
    if gazetteer.is_empty:
        return pl.Series(addresses.name, [None] * len(addresses), dtype=pl.String)
    text = addresses.cast(pl.String).fill_null("").str.normalize("NFKC").str.replace_all(r"\s", "")
    other = text.str.extract(OTHER_CITY, 1)
    text = text.str.replace(rf"^(?:[\p{{Han}}]{{2,3}}省)?{re.escape(gazetteer.city)}(?:特区|经济特区)?市?", "")
    everything = {**gazetteer.places, **gazetteer.districts}
    stated = text.str.extract(_alternatives(gazetteer.districts) + "(?:新区|区|县|特别合作区)", 1)
    # Names of roads only mislead once no district is stated in full.
    plain = text.str.replace_all(_alternatives(everything) + ROADS, "…")
    cells = pl.DataFrame({"text": plain, "other": other}).with_columns(
        stated=stated.replace_strict(gazetteer.districts, default=None, return_dtype=pl.String),
        implied=plain.str.extract(_alternatives(everything), 1).replace_strict(
            everything, default=None, return_dtype=pl.String
        ),
    )
    elsewhere = pl.col("other").is_not_null() & (pl.col("other") != gazetteer.city)
    district = pl.coalesce(*_split_off(gazetteer, everything), pl.col("stated"), pl.col("implied"))
    return cells.select(pl.when(~elsewhere).then(district).alias(addresses.name)).to_series()


def _split_off(gazetteer: Gazetteer, everything: Mapping[str, str]) -> list[pl.Expr]:
    """For each district that lost parts: today's district of the first part named after it."""
    expressions: list[pl.Expr] = []
    for parent in sorted(set(gazetteer.split_from.values())):
        children = {child for child, of in gazetteer.split_from.items() if of == parent}
        words = {word: district for word, district in everything.items() if district in children}
        own = {word: parent for word, district in everything.items() if district == parent}
        if words:
            # The parent's own places compete: in 龙岗区布吉坪山路 the first place named is 布吉.
            places = {word: district for word, district in own.items() if word not in gazetteer.districts}
            first = pl.col("text").str.extract(_alternatives({**words, **places}), 1)
            found = first.replace_strict({**words, **places}, default=None, return_dtype=pl.String)
            expressions.append(pl.when(pl.col("stated") == parent).then(found))
    return expressions or [pl.lit(None, dtype=pl.String)]

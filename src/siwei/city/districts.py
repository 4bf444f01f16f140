"""Which district an address lies in, by the words of the pack's `districts.csv` and `places.csv`.

Old addresses need care: 龙华, 光明 were split from 宝安, and 坪山, 大鹏 from 龙岗, so "宝安区龙华镇" lies in today's 龙华区.
The rules, in order:

1. An address that names another city, and not this one, has no district here.
2. Where a district is named ("宝安区"), the first place word that belongs to it, or to a district split from it, decides;
   where there is none, the named district does. Place words of other districts are street or building names and count for
   nothing ("罗湖区宝安南路" lies in 罗湖).
3. Where no district is named, the first place word decides; of two that begin at one position, the longer. A short name
   ("宝安") counts as a named district, so that "宝安龙华镇" is read like "宝安区龙华镇".
"""

import re
from collections.abc import Iterable

import polars as pl

ANOTHER_CITY = r"^(?:中国)?(?:\p{Han}{2,8}?(?:省|自治区))?\p{Han}{2,4}?市[^场政]"


def district_expression(address: pl.Expr, *, districts: pl.DataFrame, places: pl.DataFrame, city_name: str) -> pl.Expr:
    """Column of addresses → column of district ids (String), null where none can be told.

    `districts` and `places` are the frames of a `Pack`; `city_name` its `identity.name_zh`, such as 深圳市.
    """
    names = {name: identifier for identifier, name in districts.select("id", "name_zh").iter_rows()}
    named = {**names, **_words(places, "district")}
    short = _words(places, "short")
    inside = _words(places, "place")
    words = {**named, **short, **inside}
    word = _first_word(address, words)
    district = pl.coalesce(_home(_first_word(address, named), named), _home(word, short))
    result = _home(word, words)
    for identifier, split in _splits(districts).items():
        nearer = {
            **{place: home for place, home in inside.items() if home in {identifier, *split}},
            **{place: home for place, home in short.items() if home in split},
        }
        within = pl.coalesce(_home(_first_word(address, nearer), nearer), pl.lit(identifier))
        result = pl.when(district == identifier).then(within if split else pl.lit(identifier)).otherwise(result)
    elsewhere = address.str.contains(ANOTHER_CITY) & ~address.str.contains(city_name.removesuffix("市"), literal=True)
    return pl.when(elsewhere.fill_null(False)).then(None).otherwise(result)


def _splits(districts: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """District → those split from it."""
    pairs = list(districts.select("id", "split_from").iter_rows())
    return {identifier: tuple(child for child, parent in pairs if parent == identifier) for identifier, _ in pairs}


def _words(places: pl.DataFrame, kind: str) -> dict[str, str]:
    return {row["keyword"]: row["district"] for row in places.iter_rows(named=True) if row["kind"] == kind}


def _first_word(address: pl.Expr, words: Iterable[str]) -> pl.Expr:
    """The leftmost, then longest, of the words in the address."""
    alternation = "|".join(_longest_first(words))
    return address.str.extract(f"({alternation})") if alternation else pl.lit(None, dtype=pl.String)


def _home(word: pl.Expr, homes: dict[str, str]) -> pl.Expr:
    return word.replace_strict(list(homes), list(homes.values()), default=None, return_dtype=pl.String)


def _longest_first(words: Iterable[str]) -> list[str]:
    # An alternation takes the first branch that matches at a position, so the longer word must come first.
    return [re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word))]

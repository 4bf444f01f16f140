"""Every organisation's name in memory, searchable by Chinese, pinyin and initials in milliseconds.

Databases differ in how they search Chinese, and none knows pinyin; a frame of names behaves the same beside each. It
holds public columns only, is built on first use and again whenever organisations were added or merged. Pinyin is by
character (a polyphonic one has its commonest reading), because by phrase it would take a hundred times as long.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache

import polars as pl
from django.db.models import Max
from pypinyin import Style, lazy_pinyin

from siwei.exchange.actors import VISITOR
from siwei.exchange.models import Organisation
from siwei.portal.languages import to_simplified

DIRECTORY_SCHEMA = pl.Schema(
    {
        "id": pl.Int64,
        "key": pl.String,
        "code": pl.String,
        "name": pl.String,
        "kind": pl.String,
        "district": pl.String,
        "origin": pl.String,
        "folded": pl.String,
        "pinyin": pl.String,
        "initials": pl.String,
    }
)
COLUMNS = ("id", "key", "code", "name", "kind", "district", "origin")
Signature = tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class Directory:
    signature: Signature
    frame: pl.DataFrame
    has_generated: bool


_lock = threading.Lock()
_current: Directory | None = None


def organisations_signature() -> Signature:
    """How many were merged and the newest: nothing is ever deleted, so no other organisation can come or go.

    Both are read from an index. Counting those that stand would read the whole table, for every page.
    """
    merged = Organisation.objects.exclude(merged_into=None).count()
    return merged, Organisation.objects.aggregate(newest=Max("pk"))["newest"]


def current_directory() -> Directory:
    """The directory as of now; two small queries when nothing changed."""
    global _current
    signature = organisations_signature()
    directory = _current
    if directory is not None and directory.signature == signature:
        return directory
    with _lock:
        if _current is None or _current.signature != signature:
            _current = build_directory(signature)
        return _current


def build_directory(signature: Signature) -> Directory:
    rows = Organisation.objects.visible_to(VISITOR).order_by("pk").values_list(*COLUMNS)
    frame = pl.DataFrame(list(rows), schema={name: DIRECTORY_SCHEMA[name] for name in COLUMNS}, orient="row")
    names = frame.get_column("name")
    frame = frame.with_columns(
        names.str.to_lowercase().alias("folded"),
        pl.Series("pinyin", ["".join(syllable(character) for character in name) for name in names], dtype=pl.String),
        pl.Series(
            "initials", ["".join(syllable(character)[:1] for character in name) for name in names], dtype=pl.String
        ),
    )
    return Directory(signature, frame, bool((frame.get_column("origin") == "generated").any()))


@cache
def syllable(character: str) -> str:
    """`shen` for 深; the character itself, in lower case, where it has no pinyin."""
    return lazy_pinyin(character, style=Style.NORMAL)[0].lower()


def matching(frame: pl.DataFrame, text: str) -> pl.DataFrame:
    """Rows whose name or code holds every word of `text`; letters also match pinyin and initials. Best first."""
    words = to_simplified().convert(text).lower().split()[:8]
    if not words:
        return frame
    kept = pl.lit(True)
    rank = pl.lit(0)
    for word in words:
        in_name = pl.col("folded").str.contains(word, literal=True)
        hit = in_name | (pl.col("code").fill_null("").str.to_lowercase() == word)
        if word.isascii():
            hit = hit | pl.col("pinyin").str.contains(word, literal=True)
            if len(word) > 1:
                hit = hit | pl.col("initials").str.contains(word, literal=True)
        kept = kept & hit
        rank = rank + pl.when(pl.col("folded").str.starts_with(word)).then(0).when(in_name).then(1).otherwise(2)
    return (
        frame.filter(kept)
        .with_columns(rank.alias("rank"), pl.col("name").str.len_chars().alias("length"))
        .sort("rank", "length", "id")
        .drop("rank", "length")
    )

"""Place firms on the segments of the industry chain, with the words that say so.

Words of the curated vocabulary are found in name, scope and profile. Each speaks for a segment with its weight, less
where its surroundings say that it names a customer, a means or a trade. A logistic model of a few features, the same
for all segments and fitted on labelled firms (`siwei.chain.fitting`), turns a firm's words for a segment into a
confidence; below the threshold the firm is not placed. "None" is an answer and gives no row.
"""

from collections.abc import Iterator

import polars as pl

from siwei.chain.features import measure_candidates
from siwei.chain.occurrences import find_occurrences, weigh_occurrences
from siwei.chain.vocabulary import FEATURES, SOURCES, Vocabulary
from siwei.errors import InputError, Problem

FIRMS_SCHEMA = pl.Schema({"id": pl.String, "name": pl.String, "scope": pl.String, "profile": pl.String})
PLACEMENTS_SCHEMA = pl.Schema(
    {"id": pl.String, "segment": pl.String, "layer": pl.String, "confidence": pl.Float64, "evidence": pl.String}
)
CANDIDATES_SCHEMA = pl.Schema(
    {"id": pl.String, "segment": pl.String, "layer": pl.String}
    | dict.fromkeys(FEATURES, pl.Float64)
    | {"confidence": pl.Float64, "evidence": pl.String}
)
# Memory grows with the characters looked at together, so firms are taken by characters, not by rows.
CHUNK_CHARACTERS = 3_000_000
LONGEST_TEXT = 2_000


def classify(firms: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """`firms`: FIRMS_SCHEMA (name, scope and profile may be null). Out: PLACEMENTS_SCHEMA, sorted by id, best first.

    `confidence` estimates the chance that a careful reader would agree; `evidence` is a JSON list of
    {source, term, position, weight}, the term as the text has it and its position in characters from 0.
    Only the first LONGEST_TEXT characters of a text are read. Raises InputError for ids that are blank or stand twice.
    """
    check_firms(firms)
    parts = [_place(find_candidates(chunk, vocabulary), vocabulary) for chunk in _chunks(firms)]
    placed = pl.concat(parts) if parts else PLACEMENTS_SCHEMA.to_frame()
    return placed.sort(["id", "confidence", "segment"], descending=[False, True, False])


def _chunks(firms: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Consecutive firms of about CHUNK_CHARACTERS together."""
    lengths = (
        pl.col(source).cast(pl.String).str.len_chars().fill_null(0).clip(0, LONGEST_TEXT) + 1 for source in SOURCES
    )
    chunk = pl.sum_horizontal(lengths).cast(pl.Int64).cum_sum() // CHUNK_CHARACTERS
    sizes = firms.select(chunk=chunk).group_by("chunk", maintain_order=True).len()["len"]
    start = 0
    for size in sizes:
        yield firms.slice(start, size)
        start += size


def _place(candidates: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    rules = vocabulary.rules
    ranked = (
        candidates.filter(pl.col("confidence") >= rules.threshold)
        .with_columns(pl.col("confidence").round(3))
        .sort(["id", "confidence", "segment"], descending=[False, True, False])
    )
    return ranked.filter(pl.int_range(pl.len()).over("id") < rules.at_most).select(PLACEMENTS_SCHEMA.names())


def find_candidates(firms: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """Every segment that any word speaks for, with features and confidence, before the threshold: CANDIDATES_SCHEMA."""
    numbered = firms.select(pl.col(name).cast(dtype) for name, dtype in FIRMS_SCHEMA.items()).with_row_index("row")
    texts = (
        numbered.unpivot(on=list(SOURCES), index="row", variable_name="source", value_name="text")
        .with_columns(pl.col("text").str.head(LONGEST_TEXT))
        .filter(pl.col("text").is_not_null())
    )
    occurrences = weigh_occurrences(find_occurrences(texts, vocabulary), vocabulary)
    names = numbered.select("row", name=pl.col("name").fill_null(""))
    measured = measure_candidates(occurrences, names, vocabulary)
    log_odds = pl.lit(vocabulary.rules.intercept)
    for feature in FEATURES:
        log_odds += vocabulary.rules.coefficients[feature] * pl.col(feature)
    return (
        measured.with_columns(confidence=1 / (1 + (-log_odds).exp()))
        .join(_evidence(occurrences, texts), on=["row", "segment"])
        .join(numbered.select("row", "id"), on="row")
        .select([pl.col(name).cast(dtype) for name, dtype in CANDIDATES_SCHEMA.items()])
        .sort("id", "segment")
    )


def _evidence(occurrences: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """Per firm and segment the eight strongest words, each once, as the text has them and not as they were folded."""
    order = pl.Enum(SOURCES)
    strongest_first = ["row", "segment", "weight", "source", "position"]
    downwards = [False, False, True, False, False]
    strongest = (
        occurrences.with_columns(pl.col("source").cast(order))
        .sort(strongest_first, descending=downwards)
        .unique(["row", "segment", "term"], keep="first", maintain_order=True)
        .filter(pl.int_range(pl.len()).over("row", "segment") < 8)
    )
    shown = strongest.join(
        texts.with_columns(pl.col("source").cast(order)), on=["row", "source"], how="left"
    ).with_columns(
        term=pl.col("text").str.slice(pl.col("position"), pl.col("end") - pl.col("position")),
        weight=pl.col("weight").round(3),
    )
    items = shown.sort(strongest_first, descending=downwards).with_columns(
        item=pl.struct("source", "term", "position", "weight").struct.json_encode()
    )
    return items.group_by("row", "segment").agg(
        evidence=pl.concat_str(pl.lit("["), pl.col("item").str.join(","), pl.lit("]"))
    )


def check_firms(firms: pl.DataFrame) -> None:
    """Raises InputError: a column is missing, an id is blank or stands twice."""
    missing = [column for column in FIRMS_SCHEMA if column not in firms.columns]
    if missing:
        raise InputError([Problem(f"column missing: {', '.join(missing)}", "give id, name, scope, profile")])
    numbered = firms.select(pl.col("id").cast(pl.String)).with_row_index("row", offset=1)
    is_blank = pl.col("id").is_null() | (pl.col("id").str.strip_chars() == "")
    problems = [
        Problem(f"row {row}: blank id", "give every firm its own id", field="id")
        for row in numbered.filter(is_blank)["row"]
    ]
    twice = numbered.filter(pl.col("id").is_duplicated() & ~is_blank)
    problems += [Problem(f"row {row}: id {key!r} stands twice", "keep one", field="id") for row, key in twice.rows()]
    if problems:
        raise InputError(problems)

"""What is measured of a firm's words for one segment; the confidence is a logistic function of these."""

import polars as pl

from siwei.chain.vocabulary import FEATURES, Vocabulary

MEASURES_SCHEMA = pl.Schema(
    {"row": pl.UInt32, "segment": pl.String, "layer": pl.String} | dict.fromkeys(FEATURES, pl.Float64)
)

# Chosen among 0.2, 0.4 and 0.6 by cross-validation; it matters little.
CLEAR_RIVAL = 0.4


def measure_candidates(occurrences: pl.DataFrame, names: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """`occurrences` as weighed; `names`: row, name. Out: MEASURES_SCHEMA, a row per firm and segment, about [0, 1].

    strength: noisy-or of the words' weights (Pearl 1988, *Probabilistic Reasoning in Intelligent Systems*, 4.3.2);
    distinct: how many different words (log2, halved); mentions: how often (log2 over 3); share: of all weight in the
    firm; best: no other segment weighs more; early: 1 at the start of the text, 0.5 at 60 characters; first: no other
    segment's word stands earlier; focused: best weight said soon after "is a", "makes" and the like; plain: best
    weight not before another noun that it modifies; unpreceded: best weight of a word that does not go on with
    an enumeration; stated: best weight said right after "develops" and before "systems" and the like;
    listed: the least commas of enumeration in a sentence (log2 over 3); excluded: the name says investment, holding
    and the like; ordinary: else it says an ordinary trade; outdone: of a broad segment, and another speaks clearly.
    """
    strongest = occurrences.sort(
        ["row", "segment", "term", "weight", "position"], descending=[False, False, False, True, False]
    ).unique(["row", "segment", "term"], keep="first", maintain_order=True)
    weight = pl.col("weight")
    in_text = pl.col("source") != "name"
    start = pl.col("position").filter(in_text).min()
    grouped = strongest.group_by("row", "segment").agg(
        pl.col("layer").first(),
        strength=1 - (1 - weight).product(),
        distinct=(pl.len() + 1).log(2) / 2,
        total=weight.sum(),
        start=pl.col("position").filter(in_text & (weight >= 0.3)).min(),
        early=(1 / (1 + start / 60)),
        focused=(weight * pl.col("focus")).max(),
        plain=weight.filter(~pl.col("is_modifier")).max(),
        unpreceded=weight.filter(in_text & ~pl.col("is_preceded")).max(),
        stated=weight.filter(in_text & pl.col("is_stated")).max(),
        listed=(pl.col("enumerated").filter(in_text).min() + 1).log(2) / 3,
    )
    mentions = occurrences.group_by("row", "segment").agg(mentions=(pl.len() + 1).log(2) / 3)
    measured = grouped.join(mentions, on=["row", "segment"]).with_columns(
        best=(pl.col("total") == pl.col("total").max().over("row")).cast(pl.Float64),
        share=pl.col("total") / pl.col("total").sum().over("row"),
        first=(pl.col("start") == pl.col("start").min().over("row")).cast(pl.Float64),
        outdone=_outdone(vocabulary.broad),
    )
    marks = names.join(measured.select("row").unique(), on="row", how="semi").select(
        "row",
        excluded=_says(vocabulary.excluded_names).cast(pl.Float64),
        ordinary=(_says(vocabulary.ordinary_names) & ~_says(vocabulary.excluded_names)).cast(pl.Float64),
    )
    return measured.join(marks, on="row").select(
        [
            pl.col(name).fill_null(0.0).cast(dtype) if name in FEATURES else pl.col(name).cast(dtype)
            for name, dtype in MEASURES_SCHEMA.items()
        ]
    )


def _says(words: tuple[str, ...]) -> pl.Expr:
    return pl.col("name").str.contains_any(list(words)) if words else pl.lit(False)


def _outdone(broad: tuple[str, ...]) -> pl.Expr:
    """1 where a broad segment, whose words many firms use, stands beside another one that is strong and early."""
    force = pl.col("strength").fill_null(0) * (pl.col("early").fill_null(0) + pl.col("focused").fill_null(0))
    # The firm's best other force: the second best where this one is the best.
    best, count = force.max().over("row"), (force == force.max()).sum().over("row")
    second = force.top_k(2).min().over("row")
    rival = pl.when((force == best) & (count == 1)).then(second).otherwise(best)
    is_alone = pl.len().over("row") == 1
    return (pl.col("segment").is_in(list(broad)) & ~is_alone & (rival > CLEAR_RIVAL)).cast(pl.Float64)

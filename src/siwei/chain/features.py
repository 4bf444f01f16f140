"""What is measured of a firm's words for one segment; the confidence is a logistic function of these."""

import polars as pl

from siwei.chain.vocabulary import FEATURES, Vocabulary

MEASURES_SCHEMA = pl.Schema(
    {"row": pl.UInt32, "segment": pl.String, "layer": pl.String} | dict.fromkeys(FEATURES, pl.Float64)
)


def measure_candidates(occurrences: pl.DataFrame, names: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """`occurrences` as weighed; `names`: row, name. Out: MEASURES_SCHEMA, a row per firm and segment, about [0, 1].

    strength: noisy-or of the words' weights (Pearl 1988, *Probabilistic Reasoning in Intelligent Systems*, 4.3.2);
    distinct: how many different words (log2, halved); mentions: how often (log2 over 3); share: of all weight in the
    firm; best: no other segment weighs more; early: 1 at the start of the text, 0.5 at 60 characters; first: no other
    segment's word stands earlier; focused: best weight said soon after "is a", "makes" and the like; named: in the
    firm's name; plain: best weight not before another noun that it modifies; conditioned: only words that need others
    beside them; crowded: how much else is spoken for; excluded: the name says investment, holding and the like.
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
        named=weight.filter(~in_text).max(),
        plain=weight.filter(~pl.col("is_modifier")).max(),
        conditioned=pl.col("has_near").all().cast(pl.Float64),
    )
    rivals = pl.col("strength").sum().over("row") - pl.col("strength")
    mentions = occurrences.group_by("row", "segment").agg(mentions=(pl.len() + 1).log(2) / 3)
    measured = grouped.join(mentions, on=["row", "segment"]).with_columns(
        best=(pl.col("total") == pl.col("total").max().over("row")).cast(pl.Float64),
        share=pl.col("total") / pl.col("total").sum().over("row"),
        first=(pl.col("start") == pl.col("start").min().over("row")).cast(pl.Float64),
        crowded=(rivals + 1).log(2) / 3,
    )
    excluded = (
        pl.col("name").str.contains_any(list(vocabulary.excluded_names)) if vocabulary.excluded_names else pl.lit(False)
    )
    return measured.join(names.select("row", excluded=excluded.cast(pl.Float64)), on="row").select(
        [
            pl.col(name).fill_null(0.0).cast(dtype) if name in FEATURES else pl.col(name).cast(dtype)
            for name, dtype in MEASURES_SCHEMA.items()
        ]
    )

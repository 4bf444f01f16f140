"""Who in the data stands nearest to a segment that is empty or rests on one firm.

A reading aid, not a forecast: three parts, each in [0, 1] and kept apart, are added with the stated shares.
"""

import polars as pl

NEAREST_SCHEMA = pl.Schema(
    {
        "segment": pl.String,
        "rank": pl.Int64,
        "id": pl.String,
        "score": pl.Float64,
        "words": pl.Float64,
        "neighbour": pl.Float64,
        "layer": pl.Float64,
        "neighbour_segment": pl.String,
        "edge_type": pl.String,
        "evidence": pl.String,
    }
)
# Judgement of the designers, not measured: what a firm says of itself counts most.
SHARES = {"words": 0.6, "neighbour": 0.3, "layer": 0.1}
# A substitute is made with the same skills; suppliers and users know the product from one side.
EDGE_NEARNESS = {"substitutes": 1.0, "supplies": 0.6, "uses": 0.6}


def gap_segments(placements: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """`segment, layer, firms` of the segments with no firm or one firm, in the order of `segments`."""
    firms = placements.group_by("segment").agg(firms=pl.col("id").n_unique().cast(pl.Int64))
    counted = segments.select(pl.col("id").alias("segment"), "layer").join(
        firms, on="segment", how="left", maintain_order="left"
    )
    return counted.with_columns(pl.col("firms").fill_null(0)).filter(pl.col("firms") <= 1)


def nearest(
    placements: pl.DataFrame, candidates: pl.DataFrame, segments: pl.DataFrame, edges: pl.DataFrame, *, limit: int = 5
) -> pl.DataFrame:
    """`placements`: id, segment, layer, confidence; `candidates`: id, segment, confidence, evidence (as find_candidates
    gives them, also those below the threshold); `segments`: id, layer; `edges`: from, to, type.
    Out: NEAREST_SCHEMA, at most `limit` firms per gap segment, best first, ties by id.

    `words`: the confidence of the firm's own words for the segment, short of the threshold; `neighbour`: its best
    placement on a segment one edge away, times EDGE_NEARNESS (unknown types 0.5); `layer`: its best placement in the
    same layer.
    Only firms with words or a neighbouring segment are named; a firm already on the segment is not.
    """
    gaps = gap_segments(placements, segments)
    pairs = pl.concat(
        [
            _word_pairs(candidates, gaps),
            _neighbour_pairs(placements, gaps, edges),
        ],
        how="diagonal",
    )
    merged = pairs.group_by("segment", "id").agg(
        pl.col("words").max(),
        pl.col("evidence").drop_nulls().first(),
        pl.col("neighbour").max(),
        pl.col("neighbour_segment")
        .sort_by("neighbour", "neighbour_segment", descending=[True, False])
        .drop_nulls()
        .first(),
        pl.col("edge_type").sort_by("neighbour", "neighbour_segment", descending=[True, False]).drop_nulls().first(),
    )
    in_layer = placements.group_by("id", "layer").agg(in_layer=pl.col("confidence").max())
    parts = (
        merged.join(placements.select("segment", "id"), on=["segment", "id"], how="anti")
        .join(gaps.select("segment", "layer"), on="segment")
        .join(in_layer, on=["id", "layer"], how="left")
        .drop("layer")
        .rename({"in_layer": "layer"})
        .with_columns(pl.col("words", "neighbour", "layer").fill_null(0.0))
    )
    score = pl.sum_horizontal(pl.col(part) * share for part, share in SHARES.items())
    order = pl.Enum(segments["id"].to_list())
    ranked = (
        parts.with_columns(score=score)
        .sort([pl.col("segment").cast(order), -pl.col("score"), pl.col("id")])
        .with_columns(rank=pl.int_range(1, pl.len() + 1).over("segment"))
        .filter(pl.col("rank") <= limit)
    )
    return ranked.select([pl.col(name).cast(dtype) for name, dtype in NEAREST_SCHEMA.items()])


def _word_pairs(candidates: pl.DataFrame, gaps: pl.DataFrame) -> pl.DataFrame:
    return candidates.join(gaps, on="segment", how="semi").select(
        "segment", "id", words=pl.col("confidence"), evidence=pl.col("evidence")
    )


def _neighbour_pairs(placements: pl.DataFrame, gaps: pl.DataFrame, edges: pl.DataFrame) -> pl.DataFrame:
    """Both directions of every edge that touches a gap, joined with who stands at its other end."""
    ends = edges.select("from", "to", "type")
    both = pl.concat([ends, ends.select(pl.col("to").alias("from"), pl.col("from").alias("to"), "type")]).unique()
    nearness = pl.col("edge_type").replace_strict(EDGE_NEARNESS, default=0.5, return_dtype=pl.Float64)
    touching = both.rename({"from": "segment", "to": "neighbour_segment", "type": "edge_type"}).join(
        gaps, on="segment", how="semi"
    )
    at_other_end = placements.select("id", pl.col("segment").alias("neighbour_segment"), "confidence")
    return touching.join(at_other_end, on="neighbour_segment").select(
        "segment", "id", "neighbour_segment", "edge_type", neighbour=pl.col("confidence") * nearness
    )

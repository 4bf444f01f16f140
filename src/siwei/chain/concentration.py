"""How firms spread over the chain in the data at hand: how many per segment, how concentrated, who leads.

A gap here is a gap in the data: every sentence states how many firms the data holds.
Herfindahl-Hirschman index: O. C. Herfindahl, *Concentration in the Steel Industry* (1950); Σ sᵢ², 1/n to 1.
"""

import polars as pl

from siwei.errors import InputError, Problem

COVERAGE_SCHEMA = pl.Schema(
    {
        "segment": pl.String(),
        "layer": pl.String(),
        "name_zh": pl.String(),
        "name_en": pl.String(),
        "firms": pl.Int64(),
        "weighed_firms": pl.Int64(),
        "hhi": pl.Float64(),
        "top3_share": pl.Float64(),
        "is_empty": pl.Boolean(),
        "is_single": pl.Boolean(),
        "leaders": pl.List(pl.String()),
        "firms_in_data": pl.Int64(),
        "official_firm_count": pl.Int64(),
    }
)


def coverage(
    placements: pl.DataFrame, organisations: pl.DataFrame, segments: pl.DataFrame, official_firm_count: int | None
) -> pl.DataFrame:
    """`placements`: id, segment; `organisations`: id, weight (registered capital in one unit, null where unknown);
    `segments`: id, layer, name_zh, name_en. Out: COVERAGE_SCHEMA, a row per segment in the order of `segments`.

    `hhi` and `top3_share` are by declared weight over the firms whose weight is known and positive (`weighed_firms` of
    them), null where there is none; a firm's whole weight counts in each of its segments. `leaders` are the three
    heaviest, then by id. `firms_in_data` counts firms placed anywhere.
    Raises InputError: an unknown segment or organisation, an id twice, a negative weight.
    """
    _check(placements, organisations, segments)
    placed = (
        placements.select("id", "segment")
        .unique()
        .join(organisations.select("id", pl.col("weight").cast(pl.Float64)), on="id")
        .sort(["segment", "weight", "id"], descending=[False, True, False], nulls_last=True)
    )
    known = pl.col("weight").filter(pl.col("weight") > 0)
    # Shares first: squares of capital in fen leave the exact range of a float.
    share = known / known.sum()
    per_segment = placed.group_by("segment", maintain_order=True).agg(
        firms=pl.len().cast(pl.Int64),
        weighed_firms=known.len().cast(pl.Int64),
        hhi=pl.when(known.len() > 0).then((share * share).sum().clip(0.0, 1.0)),
        top3_share=pl.when(known.len() > 0).then(share.top_k(3).sum().clip(0.0, 1.0)),
        leaders=pl.col("id").head(3),
    )
    frame = segments.select(pl.col("id").alias("segment"), "layer", "name_zh", "name_en").join(
        per_segment, on="segment", how="left", maintain_order="left"
    )
    firms = pl.col("firms").fill_null(0)
    return frame.with_columns(
        firms=firms,
        weighed_firms=pl.col("weighed_firms").fill_null(0),
        is_empty=firms == 0,
        is_single=firms == 1,
        leaders=pl.col("leaders").fill_null([]),
        firms_in_data=pl.lit(placed["id"].n_unique(), dtype=pl.Int64),
        official_firm_count=pl.lit(official_firm_count, dtype=pl.Int64),
    ).select([pl.col(name).cast(dtype) for name, dtype in COVERAGE_SCHEMA.items()])


def describe_coverage(firms_in_data: int, official_firm_count: int | None) -> tuple[str, str]:
    """The words, Chinese and English, that stand before every statement about gaps."""
    if official_firm_count is None:
        return (
            f"本数据（{firms_in_data:,} 家，官方家数未知）",
            f"in this data ({firms_in_data:,} firms; no official count)",
        )
    return (
        f"本数据（{firms_in_data:,} 家，官方统计约 {official_firm_count:,} 家）",
        f"in this data ({firms_in_data:,} firms of about {official_firm_count:,} in the official count)",
    )


def _check(placements: pl.DataFrame, organisations: pl.DataFrame, segments: pl.DataFrame) -> None:
    problems = [
        Problem(f"placement on an unknown segment {segment!r}", "use the pack's segments", field="segment")
        for segment in sorted(set(placements["segment"]) - set(segments["id"]))
    ]
    unknown = placements.join(organisations, on="id", how="anti")["id"].unique().sort().to_list()
    problems += [
        Problem(f"placement of an unknown organisation {key!r}", "give it", field="id") for key in unknown[:20]
    ]
    twice = organisations.filter(pl.col("id").is_duplicated())["id"].unique().sort().to_list()
    problems += [Problem(f"organisation {key!r} stands twice", "keep one", field="id") for key in twice[:20]]
    negative = organisations.filter(pl.col("weight") < 0)["id"].to_list()
    problems += [
        Problem(f"organisation {key!r} has a negative weight", "correct it", field="weight") for key in negative[:20]
    ]
    if problems:
        raise InputError(problems)

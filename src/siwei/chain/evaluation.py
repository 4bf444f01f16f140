"""How well firms are placed, against labels: precision and recall with their uncertainty, and how far labellers agree.

Wilson's interval: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
Kappa: J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import polars as pl

from siwei.chain.segments import LAYERS

LABELS_SCHEMA = pl.Schema(
    {
        "code": pl.String,
        "stratum": pl.String,
        "stratum_size": pl.Int64,
        "half": pl.String,
        "a": pl.String,
        "b": pl.String,
        "gold": pl.String,
    }
)
Labels = Mapping[str, frozenset[str]]
DISPUTED = "disputed"
# Only the first was kept from all tuning.
HALVES = ("fresh", "spent", "dev", "test")


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `trials`, with Wilson's 95 % interval; all None where there was no trial."""

    hits: int
    trials: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    precision: Share
    recall: Share


@dataclass(frozen=True, slots=True)
class HalfReport:
    """Firms without a placement are abstentions: right ones have gold label none; the rest count against recall.

    `disputed` firms, on which the labellers share no label, are in none of the other figures.
    """

    half: str
    firms: int
    disputed: int
    abstentions: int
    right_abstentions: int
    segment: Quality
    layer: Quality
    by_layer: dict[str, Quality]
    weighted_segment_precision: float | None
    weighted_segment_recall: float | None
    weighted_layer_precision: float | None
    weighted_layer_recall: float | None


def wilson(hits: int, trials: int, z: float = 1.959964) -> Share:
    """Wilson's score interval; z is the normal quantile of the wanted coverage."""
    if trials == 0:
        return Share(hits, trials, None, None, None)
    share = hits / trials
    centre = share + z * z / (2 * trials)
    spread = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return Share(hits, trials, share, max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale))


def cohen_kappa(first: Sequence[bool], second: Sequence[bool]) -> float | None:
    """Agreement of two yes/no judgements beyond chance; None where chance alone would agree always."""
    if len(first) != len(second) or not first:
        raise ValueError("two judgements of the same, not empty, things are needed")
    agreed = sum(one == two for one, two in zip(first, second, strict=True)) / len(first)
    yes_first, yes_second = sum(first) / len(first), sum(second) / len(second)
    chance = yes_first * yes_second + (1 - yes_first) * (1 - yes_second)
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def parse_label(text: str | None) -> frozenset[str]:
    """`segment segment …` or `none`."""
    return frozenset((text or "").split()) - {"none"}


def settle_labels(first: str, second: str) -> str:
    """One label of two labellers without a third: theirs where equal, else what both gave, else `disputed`."""
    one, two = parse_label(first), parse_label(second)
    if one == two:
        return first
    both = [segment for segment in first.split() if segment in one & two]
    return " ".join(both) or DISPUTED


def label_agreement(labels: pl.DataFrame, layers: Mapping[str, str]) -> dict[str, float | None]:
    """Cohen's kappa of labellers a and b: placed or none, each layer's presence, all firm and segment pairs."""
    first = [parse_label(text) for text in labels["a"]]
    second = [parse_label(text) for text in labels["b"]]
    found: dict[str, float | None] = {
        "placed": cohen_kappa([bool(one) for one in first], [bool(two) for two in second])
    }
    for layer in LAYERS:
        inside = frozenset(segment for segment, of in layers.items() if of == layer)
        found[layer] = cohen_kappa([bool(one & inside) for one in first], [bool(two & inside) for two in second])
    found["segment"] = cohen_kappa(
        [segment in one for one in first for segment in layers],
        [segment in two for two in second for segment in layers],
    )
    return found


def evaluate_half(labels: pl.DataFrame, placements: pl.DataFrame, layers: Mapping[str, str], half: str) -> HalfReport:
    """Compare placements (id, segment) with `gold` of the labels of one half."""
    of_half = labels.filter(pl.col("half") == half)
    part = of_half.filter(pl.col("gold") != DISPUTED)
    truth = {code: parse_label(text) for code, text in part.select("code", "gold").iter_rows()}
    found: dict[str, frozenset[str]] = {
        key: frozenset(segments) for key, segments in placements.group_by("id").agg("segment").iter_rows()
    }
    placed = {code: found.get(code, frozenset()) for code in truth}
    in_layers = [
        {code: frozenset(layers[one] for one in marks) for code, marks in side.items()} for side in (truth, placed)
    ]
    sizes = part.group_by("stratum").agg(pl.col("stratum_size").first(), pl.len().alias("sampled"))
    per_stratum = {name: size / sampled for name, size, sampled in sizes.iter_rows()}
    weights = {code: per_stratum[stratum] for code, stratum in part.select("code", "stratum").iter_rows()}
    segment_weighted = _weighted(truth, placed, weights)
    layer_weighted = _weighted(in_layers[0], in_layers[1], weights)
    return HalfReport(
        half=half,
        firms=part.height,
        disputed=of_half.height - part.height,
        abstentions=sum(not marks for marks in placed.values()),
        right_abstentions=sum(not placed[code] and not truth[code] for code in truth),
        segment=_quality(truth, placed),
        layer=_quality(*in_layers),
        by_layer={
            layer: _quality(*({code: marks & {layer} for code, marks in side.items()} for side in in_layers))
            for layer in LAYERS
        },
        weighted_segment_precision=segment_weighted[0],
        weighted_segment_recall=segment_weighted[1],
        weighted_layer_precision=layer_weighted[0],
        weighted_layer_recall=layer_weighted[1],
    )


def _quality(truth: Labels, placed: Labels) -> Quality:
    right = sum(len(truth[code] & placed[code]) for code in truth)
    return Quality(
        wilson(right, sum(len(marks) for marks in placed.values())),
        wilson(right, sum(len(marks) for marks in truth.values())),
    )


def _weighted(truth: Labels, placed: Labels, weights: Mapping[str, float]) -> tuple[float | None, float | None]:
    """Precision and recall for all firms sampled from: each stands for stratum size / sampled (Horvitz-Thompson)."""
    right = sum(weights[code] * len(truth[code] & placed[code]) for code in truth)
    claimed = sum(weights[code] * len(placed[code]) for code in truth)
    wanted = sum(weights[code] * len(truth[code]) for code in truth)
    return (right / claimed if claimed else None, right / wanted if wanted else None)

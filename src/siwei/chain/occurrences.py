"""Where a vocabulary's words stand in texts: one Aho-Corasick pass, then the tests that need surroundings.

Every position is a 0-based count of characters in the text as it was given.
"""

import re
from functools import lru_cache

import jieba
import polars as pl

from siwei.chain.folding import fold
from siwei.chain.vocabulary import Frame, Term, Vocabulary

BREAKS = "。；;！？!?\\n\\r"

CLAUSE_BREAKS = BREAKS + "，,、:："
REACH = 80
WINDOW = 18
OCCURRENCES_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32,
        "source": pl.String,
        "term": pl.String,
        "segment": pl.String,
        "weight": pl.Float64,
        "position": pl.Int64,
        "end": pl.Int64,
        "before": pl.String,
        "after": pl.String,
        "has_near": pl.Boolean,
    }
)
WEIGHED_SCHEMA = pl.Schema(
    dict(OCCURRENCES_SCHEMA)
    | {
        "layer": pl.String,
        "focus": pl.Float64,
        "is_modifier": pl.Boolean,
        "is_preceded": pl.Boolean,
        "is_stated": pl.Boolean,
        "enumerated": pl.UInt32,
    }
)


def find_occurrences(texts: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """`texts`: row (UInt32), source, text. Out: OCCURRENCES_SCHEMA, one row per place and segment.

    `before` and `after` are the rest of the sentence around it, at most REACH characters, folded.
    A word inside a longer word of the vocabulary does not count; nor one that straddles the words of a sentence.
    """
    words = sorted({term.text for term in vocabulary.terms} | set(vocabulary.ignored))
    search = {"overlapping": True}
    folded = texts.select("row", "source", text=fold(pl.col("text")))
    places = (
        folded.with_columns(
            byte=pl.col("text").str.find_many(words, **search), term=pl.col("text").str.extract_many(words, **search)
        )
        .filter(pl.col("byte").list.len() > 0)
        .explode("byte", "term")
    )
    if places.is_empty():
        return OCCURRENCES_SCHEMA.to_frame()
    places = _surroundings(places)
    places = places.filter(~_inside_latin_word())
    terms = _terms_frame(vocabulary)
    known = places.join(terms, on="term", how="left")
    known = _keep_in_context(known, vocabulary.terms)
    known = _drop_contained(known).filter(pl.col("segment").is_not_null())
    known = _drop_straddling(known)
    return known.select([pl.col(name).cast(dtype) for name, dtype in OCCURRENCES_SCHEMA.items()])


def _terms_frame(vocabulary: Vocabulary) -> pl.DataFrame:
    terms = vocabulary.terms
    return pl.DataFrame(
        {
            "term": [term.text for term in terms],
            "segment": [term.segment for term in terms],
            "weight": [term.weight for term in terms],
            "index": range(len(terms)),
            "has_near": [bool(term.near) for term in terms],
        },
        schema={
            "term": pl.String,
            "segment": pl.String,
            "weight": pl.Float64,
            "index": pl.UInt32,
            "has_near": pl.Boolean,
        },
    )


def _surroundings(places: pl.DataFrame) -> pl.DataFrame:
    """Byte offsets to character positions, and the sentence on both sides.

    Characters are counted from place to place: prefixes of a long text with many words would fill the memory.
    """
    text = ["row", "source"]
    previous = pl.col("byte").shift(1).over(text).fill_null(0)
    between = pl.col("text").cast(pl.Binary).bin.slice(previous, pl.col("byte") - previous).cast(pl.String)
    start = (pl.col("position") - REACH).clip(lower_bound=0)
    return (
        places.sort(*text, "byte")
        .with_columns(between=between)
        .with_columns(position=pl.col("between").str.len_chars().cast(pl.Int64).cum_sum().over(text))
        .with_columns(end=pl.col("position") + pl.col("term").str.len_chars())
        .with_columns(
            before=pl.col("text").str.slice(start, pl.col("position") - start).str.extract(f"([^{BREAKS}]*)$"),
            after=pl.col("text").str.slice(pl.col("end"), REACH).str.extract(f"^([^{BREAKS}]*)"),
        )
        .drop("between", "byte", "text")
    )


def _inside_latin_word() -> pl.Expr:
    """Latin words have letters as boundaries: not `mes` in `Semiconductors: Simmesix`."""
    head = pl.col("term").str.contains("^[a-z]") & pl.col("before").str.contains("[a-z]$")
    return head | (pl.col("term").str.contains("[a-z]$") & pl.col("after").str.contains("^[a-z]"))


def _keep_in_context(known: pl.DataFrame, terms: tuple[Term, ...]) -> pl.DataFrame:
    """Keep words whose `near` stands in the window around them and whose `unless` does not."""
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for index, term in enumerate(terms):
        if term.near or term.unless:
            groups.setdefault((term.near, term.unless), []).append(index)
    window = pl.concat_str(
        pl.col("before").str.tail(WINDOW).str.extract(f"([^{CLAUSE_BREAKS}]*)$"),
        pl.lit("\n"),
        pl.col("after").str.head(WINDOW).str.extract(f"^([^{CLAUSE_BREAKS}]*)"),
    )
    conditioned = [index for indices in groups.values() for index in indices]
    kept = [known.filter(pl.col("index").is_null() | ~pl.col("index").is_in(conditioned))]
    candidates = known.filter(pl.col("index").is_in(conditioned)).with_columns(window=window)
    for (near, unless), indices in groups.items():
        test = pl.col("index").is_in(indices)
        if near:
            test &= pl.col("window").str.contains_any(list(near))
        if unless:
            test &= ~pl.col("window").str.contains_any(list(unless))
        kept.append(candidates.filter(test).drop("window"))
    return pl.concat(kept)


def _drop_contained(known: pl.DataFrame) -> pl.DataFrame:
    """Of nested words only the longest speaks: 服务机器人 is not also 机器人."""
    spans = (
        known.select("row", "source", "position", "end")
        .unique()
        .sort("row", "source", "position", "end", descending=[False, False, False, True])
        .with_columns(covered=pl.col("end").cum_max().shift(1).over("row", "source"))
        .filter(pl.col("covered").is_null() | (pl.col("end") > pl.col("covered")))
        .drop("covered")
    )
    return known.join(spans, on=["row", "source", "position", "end"], how="semi")


def _drop_straddling(known: pl.DataFrame) -> pl.DataFrame:
    """A short Chinese word counts only where dictionary segmentation has a word boundary: not 人脸 in 中国人脸谱."""
    short = pl.col("term").str.contains(r"^\p{Han}{2,4}$")
    windows = (
        known.filter(short)
        .select("before", "after", "term")
        .select(left=pl.col("before").str.tail(6), word="term", right=pl.col("after").str.head(6))
        .unique()
    )
    straddling = [row for row in windows.iter_rows() if straddles(*row)]
    if not straddling:
        return known
    bad = pl.DataFrame(straddling, schema={"left": pl.String, "term": pl.String, "right": pl.String}, orient="row")
    keyed = known.with_columns(left=pl.col("before").str.tail(6), right=pl.col("after").str.head(6))
    return keyed.join(bad, on=["left", "term", "right"], how="anti").drop("left", "right")


@lru_cache(maxsize=1)
def _segmenter() -> jieba.Tokenizer:
    """jieba with its own dictionary, read afresh: its cache is a marshal file that anybody may leave in /tmp."""
    segmenter = jieba.Tokenizer()
    segmenter.FREQ, segmenter.total = segmenter.gen_pfdict(segmenter.get_dict_file())
    segmenter.initialized = True
    return segmenter


@lru_cache(maxsize=200_000)
def straddles(left: str, word: str, right: str) -> bool:
    """Whether a dictionary word overlaps one end of `word` and stops, or starts, in the middle of it."""
    start, end = len(left), len(left) + len(word)
    position = 0
    for token in _segmenter().cut(left + word + right, HMM=False):
        token_end = position + len(token)
        cut_before, cut_after = position < start < token_end, position < end < token_end
        if (cut_before and token_end < end) or (cut_after and position > start):
            return True
        if cut_before and cut_after and len(word) == 2:  # 压电 within 低压电器
            return True
        position = token_end
    return False


def weigh_occurrences(occurrences: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """Occurrences with `weight` after source and surroundings, in (0, 0.97], and what stands around: WEIGHED_SCHEMA."""
    layers = pl.DataFrame(
        {"segment": list(vocabulary.layers), "layer": list(vocabulary.layers.values())},
        schema={"segment": pl.String, "layer": pl.String},
    )
    in_text = pl.col("source") != "name"
    framed = occurrences.join(layers, on="segment", how="left")
    factor = pl.col("source").replace_strict(vocabulary.rules.source_factors, return_dtype=pl.Float64)
    for frame in vocabulary.frames:
        factor *= pl.when(in_text & _in_frame(frame)).then(frame.factor).otherwise(1.0)
    tail = pl.col("before").str.extract(f"(?s).*(?:{_any_of(vocabulary.focus)})(.*)$", 1)
    gap_chars = tail.str.len_chars()
    focused = pl.when(in_text & gap_chars.is_not_null()).then(1 / (1 + gap_chars / 25)).otherwise(0.0)
    weighed = framed.with_columns(weight=(pl.col("weight") * factor).clip(0.0, 0.97), focus=focused)
    followers = occurrences.select("row", "source", "segment", end="position").unique().with_columns(follows=True)
    other = weighed.join(followers.rename({"segment": "next"}), on=["row", "source", "end"], how="inner")
    modifiers = (
        other.group_by("row", "source", "segment", "position", "end")
        .agg(is_modifier=(pl.col("next") != pl.col("segment")).all())
        .filter("is_modifier")
    )
    heads = "^(" + "|".join(re.escape(word) for word in vocabulary.heads) + ")" if vocabulary.heads else "$^"
    return (
        weighed.join(modifiers, on=["row", "source", "segment", "position", "end"], how="left")
        .with_columns(
            is_modifier=in_text & (pl.col("is_modifier").fill_null(False) | pl.col("after").str.contains(heads)),
            **_place_in_sentence(vocabulary),
        )
        .filter(pl.col("weight") > 0)
        .select([pl.col(name).cast(dtype) for name, dtype in WEIGHED_SCHEMA.items()])
    )


def _commas(text: pl.Expr) -> pl.Expr:
    return text.str.count_matches("、", literal=True)


def _place_in_sentence(vocabulary: Vocabulary) -> dict[str, pl.Expr]:
    """Whether a word goes on with an enumeration, how long that is, and whether the word itself is stated.

    Scopes are enumerations by nature, so that there it says nothing.
    "Stated": right after one of `openings` (some `fillers` between) and right before one of `carriers`.
    """
    before, after = pl.col("before"), pl.col("after")
    is_profile = pl.col("source") == "profile"
    stated = pl.lit(False)
    if vocabulary.openings and vocabulary.carriers:
        between = f"(?:{_any_of(vocabulary.fillers)}){{0,2}}" if vocabulary.fillers else ""
        stated = before.str.contains(f"(?:{_any_of(vocabulary.openings)}){between}$") & after.str.contains(
            f"^(?:{_any_of(vocabulary.carriers)})"
        )
    return {
        "is_preceded": is_profile & before.str.ends_with("、"),
        "is_stated": stated,
        "enumerated": pl.when(is_profile).then(_commas(before) + _commas(after)).otherwise(0),
    }


def _in_frame(frame: Frame) -> pl.Expr:
    """Whether the frame's last word before the place opens it, and what must follow stands after it."""
    before, after = pl.col("before"), pl.col("after")
    if frame.reach == "clause":
        before = before.str.extract(f"([^{CLAUSE_BREAKS}]*)$")
        after = after.str.extract(f"^([^{CLAUSE_BREAKS}]*)")
    inside = pl.lit(True)
    if frame.opens:
        last = before.str.extract(f"(?s).*({_any_of(frame.opens + frame.closes)})", 1)
        inside = last.is_in(list(frame.opens)).fill_null(False)
    if frame.layers:
        inside &= pl.col("layer").is_in(list(frame.layers))
    if frame.sources:
        inside &= pl.col("source").is_in(list(frame.sources))
    if frame.follows:
        first = after.str.extract(f"(?s)^.*?({_any_of(frame.follows + frame.stops)})", 1)
        inside &= first.is_in(list(frame.follows)).fill_null(False)
    # An industry word that needs a technical word beside it (医院 … 系统) is said of customers by nature.
    return inside & ~(pl.col("has_near") & (pl.col("layer") == "application"))


def _any_of(words: tuple[str, ...]) -> str:
    """A regular expression's alternatives, the longest first."""
    return "|".join(re.escape(word) for word in sorted(set(words), key=lambda word: (-len(word), word)))

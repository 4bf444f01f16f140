"""Names: what is shown, and the normalised form by which two spellings are one name."""

import hashlib

import polars as pl

LONGEST_NAME = 200
BLANK_NAMES = ("", "-", "--", "—", "/", "0", "无", "暂无", "未知", "N/A", "NULL", "NONE", "NAN")


def clean_names(texts: pl.Series) -> pl.Series:
    """As written, less invisible characters and outer blanks; runs of blanks become one."""
    return texts.cast(pl.String).fill_null("").str.replace_all(r"[\p{Cf}\p{Cc}\s]+", " ").str.strip_chars()


def normalise_names(texts: pl.Series) -> pl.Series:
    """NFKC (full width, brackets), one form of each bracket, dash, dot and quote, no blanks, upper case, no trailing
    stop.

    A prefix such as 深圳市 is kept: 深圳市甲公司 and 甲公司 may be two firms.
    """
    folded = (
        texts.cast(pl.String).fill_null("").str.normalize("NFKC").str.to_uppercase()
        .str.replace_all(r"[\s\p{Cf}\p{Cc}]", "")
        .str.replace_all(r"[\[{【〔〖]", "(").str.replace_all(r"[\]}】〕〗]", ")")
        .str.replace_all(r"[‐‑‒–—―－﹣-]+", "-").str.replace_all(r"[•‧・∙●]", "·")
        .str.replace_all("[“”„‟‘’'`´]", '"')
    )  # fmt: skip
    # What stood apart may compose once blanks are gone: without this, normalising twice would differ from once.
    return folded.str.normalize("NFKC").str.strip_chars_end('.,;:。，；：、·`"*〓-')


def name_key(name_normalised: str) -> str:
    """The key of an organisation without a code: `n-` and 16 hex digits of the SHA-256 of its normalised name."""
    return "n-" + hashlib.sha256(name_normalised.encode()).hexdigest()[:16]


def separate_key(name_normalised: str, source_ref: str) -> str:
    """The key of an organisation taken out of a merge, whose name another already has."""
    return name_key(f"{name_normalised}\n{source_ref}")

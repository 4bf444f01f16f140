"""Unified social credit codes (统一社会信用代码), checked a column at a time.

GB 32100-2015: 18 characters of a 31-letter alphabet (no I, O, S, V, Z); the last is a check character, the weighted
sum of the first 17 (weights 3^i mod 31) subtracted from 31. Characters 9 to 17 are an organisation code with its own
check character (GB 11714-1997, mod 11), which a valid code may still break: it is reported, never a reason to reject.
"""

import numpy as np
import polars as pl

CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CODE_LENGTH = 18
WEIGHTS = np.array([pow(3, position, 31) for position in range(17)], dtype=np.int64)

INNER_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
INNER_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
INNER_CHECKS = "0123456789X"

NO_CODE_WORDS = (
    "",
    "-",
    "--",
    "—",
    "/",
    "0",
    "无",
    "暂无",
    "未知",
    "未公开",
    "未公示",
    "N/A",
    "NA",
    "NULL",
    "NONE",
    "NAN",
)

CHECKED_CODES = {
    "code": pl.String,  # the checked 18 characters, or null
    "problem": pl.String,  # why the row cannot be used, or null
    "warning": pl.String,  # what was repaired or left aside, or null
}


def _lookup(alphabet: str) -> np.ndarray:
    table = np.full(256, -1, dtype=np.int64)
    for value, character in enumerate(alphabet):
        table[ord(character)] = value
    return table


_CODE_VALUES = _lookup(CODE_ALPHABET)
_INNER_VALUES = _lookup(INNER_ALPHABET)


def _characters(texts: pl.Series, length: int) -> np.ndarray:
    """Bytes of texts that are all ASCII and `length` long, as an array of rows × length."""
    joined = "".join(texts.to_list()).encode("ascii")
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(texts), length)


def check_characters(bodies: pl.Series) -> pl.Series:
    """The check character for each 17-character body; null where a character is outside the alphabet."""
    values = _CODE_VALUES[_characters(bodies, 17)]
    checks = (31 - (values @ WEIGHTS) % 31) % 31
    letters = np.array(list(CODE_ALPHABET), dtype=object)[checks]
    letters[(values < 0).any(axis=1)] = None
    return pl.Series(bodies.name, letters.tolist(), dtype=pl.String)


def inner_check_characters(bodies: pl.Series) -> pl.Series:
    """GB 11714's check character for each 8-character body of digits and capitals."""
    remainders = 11 - (_INNER_VALUES[_characters(bodies, 8)] @ INNER_WEIGHTS) % 11
    # 10 is written X, and 11 is written 0.
    return pl.Series(
        bodies.name, np.array(list(INNER_CHECKS + "0"), dtype=object)[remainders].tolist(), dtype=pl.String
    )


def with_inner_check(bodies: pl.Series) -> pl.Series:
    """Nine-character organisation codes from their first eight (for generated firms)."""
    return bodies + inner_check_characters(bodies)


def inner_check_holds(codes: pl.Series) -> pl.Series:
    """Whether characters 9 to 17 satisfy GB 11714 (18-character codes in, Boolean out)."""
    return codes.str.slice(16, 1) == inner_check_characters(codes.str.slice(8, 8))


def normalise_codes(texts: pl.Series) -> pl.Series:
    """Full-width, lower case, blanks, hyphens and invisible characters undone; nothing else is guessed."""
    return texts.fill_null("").str.normalize("NFKC").str.replace_all(r"[\s\p{Cf}\p{Cc}·'`-]", "").str.to_uppercase()


def check_codes(texts: pl.Series) -> pl.DataFrame:
    """`CHECKED_CODES` for each text, in order. An empty cell is neither a code nor a problem."""
    cells = pl.DataFrame({"found": texts.cast(pl.String).fill_null(""), "code": normalise_codes(texts.cast(pl.String))})
    code = pl.col("code")
    cells = cells.with_columns(
        absent=code.is_in(NO_CODE_WORDS) | pl.col("found").str.strip_chars().is_in(NO_CODE_WORDS),
        shown=pl.col("found").str.slice(0, 40),
        in_alphabet=code.str.contains(f"^[{CODE_ALPHABET}]{{18}}.?$"),
        length=code.str.len_chars(),
        expected=pl.lit(None, dtype=pl.String),
    )
    candidates = cells["in_alphabet"]
    if candidates.any():
        bodies = cells["code"].filter(candidates).str.slice(0, 17)
        expected = cells["expected"].scatter(candidates.arg_true(), check_characters(bodies))
        cells = cells.with_columns(expected=expected)
    valid = (pl.col("in_alphabet") & (code.str.slice(17, 1) == pl.col("expected"))).fill_null(False)
    registration = code.str.contains(r"^\d{13}(\d{2})?(\.0)?$")
    cells = cells.with_columns(
        valid=valid,
        repaired=valid & (pl.col("length") == CODE_LENGTH + 1),
        registration=registration & ~pl.col("absent"),
    )
    return _verdicts(cells)


def _verdicts(cells: pl.DataFrame) -> pl.DataFrame:
    code, shown = pl.col("code"), pl.col("shown")
    outside = code.str.extract(f"([^{CODE_ALPHABET}])", 1)
    rounded = code.str.contains(r"^\d{15}0{3}$") | code.str.contains(r"^\d\.\d+E\+?\d+$")
    problem = (
        pl.when(pl.col("valid") | pl.col("absent") | pl.col("registration"))
        .then(None)
        .when(rounded)
        .then(
            pl.format(
                "code {} looks rounded by a spreadsheet (digits after the 15th lost): correct it from the licence",
                shown,
            )
        )
        .when(~pl.col("length").is_between(CODE_LENGTH, CODE_LENGTH + 1))
        .then(pl.format("code {} has {} characters, a code has 18", shown, pl.col("length")))
        .when(outside.is_not_null())
        .then(pl.format("code {} holds '{}', which GB 32100 does not use", shown, outside))
        .otherwise(
            pl.format(
                "code {} fails its check: character 18 is {}, expected {}",
                shown,
                code.str.slice(17, 1),
                pl.col("expected"),
            )
        )
    )
    checked = cells.select(
        code=pl.when("valid").then(code.str.slice(0, CODE_LENGTH)),
        problem=problem.cast(pl.String),
        warning=pl.when("repaired")
        .then(pl.format("code {} has a 19th character; the first 18 pass their check and were kept", shown))
        .when("registration")
        .then(pl.format("{} is a registration number, not a code: the firm is kept without a code", shown))
        .cast(pl.String),
    )
    return _with_inner_warnings(checked)


def _with_inner_warnings(checked: pl.DataFrame) -> pl.DataFrame:
    valid = checked["code"].is_not_null()
    if not valid.any():
        return checked
    codes = checked["code"].filter(valid)
    broken = pl.Series("broken", [False] * len(checked)).scatter(valid.arg_true(), ~inner_check_holds(codes))
    note = pl.format("code {} is valid, but the organisation code inside it fails GB 11714", pl.col("code"))
    return checked.with_columns(
        warning=pl.when(broken & pl.col("warning").is_null()).then(note).otherwise(pl.col("warning"))
    )


def with_check_characters(bodies: pl.Series) -> pl.Series:
    """Whole codes from 17-character bodies (for generated firms)."""
    return bodies + check_characters(bodies)

"""Money as people write it (`39,076.8700(万元人民币)`, `600（万元）`, `100万港币`) to minor units, exactly.

All arithmetic is on integers: the digits are read as one whole number and shifted by powers of ten; an amount finer
than
the currency's minor unit, or beyond 64 bits, is a problem and never a rounding.
"""

import polars as pl

# ISO 4217 minor-unit exponents, for the currencies met in registry extracts.
MINOR_DIGITS = {
    "CNY": 2,
    "HKD": 2,
    "USD": 2,
    "EUR": 2,
    "GBP": 2,
    "JPY": 0,
    "TWD": 2,
    "MOP": 2,
    "SGD": 2,
    "AUD": 2,
    "CAD": 2,
    "CHF": 2,
    "KRW": 0,
    "NZD": 2,
    "MYR": 2,
    "THB": 2,
    "RUB": 2,
    "DKK": 2,
    "SEK": 2,
    "NOK": 2,
}
CURRENCY_WORDS = {
    "": "CNY",
    "元": "CNY",
    "圆": "CNY",
    "人民币": "CNY",
    "人民币元": "CNY",
    "元人民币": "CNY",
    "RMB": "CNY",
    "CNY": "CNY",
    "¥": "CNY",
    "元RMB": "CNY",
    "元CNY": "CNY",
    "港币": "HKD",
    "港元": "HKD",
    "元港币": "HKD",
    "元港元": "HKD",
    "港币元": "HKD",
    "香港元": "HKD",
    "元香港元": "HKD",
    "HKD": "HKD",
    "HK$": "HKD",
    "美元": "USD",
    "美金": "USD",
    "元美元": "USD",
    "元美金": "USD",
    "美元元": "USD",
    "USD": "USD",
    "US$": "USD",
    "欧元": "EUR",
    "EUR": "EUR",
    "€": "EUR",
    "英镑": "GBP",
    "GBP": "GBP",
    "£": "GBP",
    "日元": "JPY",
    "日圆": "JPY",
    "JPY": "JPY",
    "韩元": "KRW",
    "韩圆": "KRW",
    "KRW": "KRW",
    "新台币": "TWD",
    "新台币元": "TWD",
    "台币": "TWD",
    "TWD": "TWD",
    "澳门元": "MOP",
    "澳门币": "MOP",
    "MOP": "MOP",
    "新加坡元": "SGD",
    "新加坡币": "SGD",
    "新元": "SGD",
    "SGD": "SGD",
    "澳大利亚元": "AUD",
    "澳元": "AUD",
    "AUD": "AUD",
    "加拿大元": "CAD",
    "加元": "CAD",
    "CAD": "CAD",
    "瑞士法郎": "CHF",
    "CHF": "CHF",
    "新西兰元": "NZD",
    "NZD": "NZD",
    "马来西亚林吉特": "MYR",
    "林吉特": "MYR",
    "MYR": "MYR",
    "泰铢": "THB",
    "THB": "THB",
    "卢布": "RUB",
    "RUB": "RUB",
    "丹麦克朗": "DKK",
    "DKK": "DKK",
    "瑞典克朗": "SEK",
    "SEK": "SEK",
    "挪威克朗": "NOK",
    "NOK": "NOK",
}
MULTIPLE_DIGITS = {
    "": 0,
    "十": 1,
    "百": 2,
    "千": 3,
    "万": 4,
    "十万": 5,
    "百万": 6,
    "千万": 7,
    "亿": 8,
    "十亿": 9,
    "百亿": 10,
    "千亿": 11,
    "万亿": 12,
}

AMOUNT = r"^([A-Z¥€£$]{0,3}|[\p{Han}]{2,4}元?)(\d+)(?:\.(\d+))?(万亿|[十百千]?亿|[十百千]?万|[十百千])?([^\d.]*)$"
THOUSANDS = r"^[^\d,]*\d{1,3}(,\d{3})+(\.\d+)?[^\d,.]*$"
LARGEST_DIGITS = 18  # every number of 18 digits fits in 64 bits

AMOUNTS = {
    "minor": pl.Int64,  # minor units of `currency`
    "currency": pl.String,  # ISO 4217
    "problem": pl.String,  # why not, or null; an empty cell is null in all three
}
UNSTATED = (
    "",
    "-",
    "--",
    "—",
    "/",
    "无",
    "暂无",
    "未知",
    "未公开",
    "未公示",
    "不详",
    "N/A",
    "NA",
    "NULL",
    "NONE",
    "NAN",
)


def parse_amounts(texts: pl.Series, *, unit_required: bool = True) -> pl.DataFrame:
    """`AMOUNTS` for each text, in order.

    With `unit_required` a bare number is a problem (it may be yuan or ten thousand yuan); without it, a bare whole
    number is already in minor units of CNY.
    """
    bare_problem = pl.format("amount '{}' has no unit (元, 万元, 万美元 …)", pl.col("shown"))
    cells = _split(texts)
    digits = pl.col("scale") - pl.col("fraction").str.len_chars().cast(pl.Int64)
    whole = (pl.col("whole") + pl.col("fraction")).str.strip_chars_start("0")
    cells = cells.with_columns(shift=digits, figures=pl.when(whole == "").then(pl.lit("0")).otherwise(whole))
    cells = cells.with_columns(length=pl.col("figures").str.len_chars().cast(pl.Int64) + pl.col("shift"))
    problem = (
        pl.when("absent")
        .then(None)
        .when(pl.col("whole").is_null())
        .then(pl.format("amount '{}' cannot be read", pl.col("shown")))
        .when(pl.col("bare") & pl.lit(unit_required))
        .then(bare_problem)
        .when(pl.col("currency").is_null())
        .then(pl.format("amount '{}' has an unknown unit or currency '{}'", pl.col("shown"), pl.col("tail")))
        .when(pl.col("shift") < 0)
        .then(pl.format("amount '{}' is finer than the currency's smallest unit", pl.col("shown")))
        .when(pl.col("length") > LARGEST_DIGITS)
        .then(pl.format("amount '{}' is too large", pl.col("shown")))
        .cast(pl.String)
    )
    readable = problem.is_null() & ~pl.col("absent")
    power = pl.col("shift").replace_strict(
        {n: 10**n for n in range(LARGEST_DIGITS + 1)}, default=0, return_dtype=pl.Int64
    )
    minor = pl.when(readable).then(pl.col("figures")).cast(pl.Int64, strict=False) * power
    return cells.select(minor=minor, currency=pl.when(readable).then("currency"), problem=problem)


def _split(texts: pl.Series) -> pl.DataFrame:
    """Each text as whole digits, fraction digits, scale (powers of ten to the minor unit) and currency."""
    found = texts.cast(pl.String).fill_null("")
    clean = found.str.normalize("NFKC").str.replace_all(r"[\s\p{Cf}()\[\]]", "").str.to_uppercase()
    # `1,5万` may be one and a half: a comma is only ever a separator of thousands, or the amount is unreadable.
    grouped = clean.str.replace_all(",", "")
    parts = pl.select(pl.when(~clean.str.contains(",") | clean.str.contains(THOUSANDS)).then(grouped)).to_series()
    parts = parts.str.extract_groups(AMOUNT)
    cells = pl.DataFrame({"clean": clean, "shown": found.str.slice(0, 40)}).with_columns(
        head=parts.struct.field("1"),
        whole=parts.struct.field("2"),
        fraction=parts.struct.field("3").fill_null("").str.strip_chars_end("0"),
        multiple=parts.struct.field("4").fill_null(""),
        tail=parts.struct.field("5").fill_null(""),
    )
    head_currency = pl.col("head").replace_strict(CURRENCY_WORDS, default=None, return_dtype=pl.String)
    tail_currency = pl.col("tail").replace_strict(CURRENCY_WORDS, default=None, return_dtype=pl.String)
    bare = (pl.col("head") == "") & (pl.col("multiple") == "") & (pl.col("tail") == "")
    # A word before the number and a word after it must not disagree (`USD 100万元` is refused, not guessed).
    currency = (
        pl.when(pl.col("head") == "")
        .then(tail_currency)
        .when(pl.col("tail").is_in(["", "元", "圆"]) | (head_currency == tail_currency))
        .then(head_currency)
    )
    cells = cells.with_columns(absent=clean.is_in(UNSTATED), bare=bare.fill_null(False), currency=currency)
    minor_digits = pl.col("currency").replace_strict(MINOR_DIGITS, default=0, return_dtype=pl.Int64)
    multiple_digits = pl.col("multiple").replace_strict(MULTIPLE_DIGITS, default=0, return_dtype=pl.Int64)
    scale = pl.when("bare").then(pl.lit(0, dtype=pl.Int64)).otherwise(minor_digits + multiple_digits)
    return cells.with_columns(scale=scale)

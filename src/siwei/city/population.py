"""A made-up population of firms, for a city without files and for scale: deterministic in its seed, never to be taken
for real.

Every name and address holds 「示例」; every code is of the class `Y` (other registering authority), under which no
firm is registered, with valid check characters. AI firms number as the pack's official count says, and their revenue
adds up to its core AI industry. Everything else (sizes, shares, gaps) is a guess of ours, labelled `generated`.
"""

from datetime import date
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl

from siwei.city.firms.codes import with_check_characters, with_inner_check
from siwei.city.pack import Pack
from siwei.city.population_texts import AI_SECTORS, BRANDS, COMMON_SCOPES, OTHER_SECTORS, Sector
from siwei.errors import InputError, Problem, Said

MARK = "示例"
CODE_CLASS = "Y1"
SECTORS = (*AI_SECTORS, *OTHER_SECTORS)
BODY_STEP, BODY_SPACE = 61_803_399, 10**8  # coprime: a walk through all eight-digit bodies without repeat
BRAND_STEP = 1_000_003  # a prime, coprime to any power of the number of brand characters
AI_SHARE_OF_REPORTED, OTHER_SHARE_OF_REPORTED = 0.8, 0.3
STATUS_SHARES = (0.55, 0.33, 0.12)  # declared, documented, verified
CORE_REVENUE_STATISTIC = "ai-core-2022"
HUNDRED_MILLION_FEN = 10**10


def source_of(seed: int) -> str:
    return f"generated population, seed {seed}"


def generate(count: int, ai_count: int, seed: int, *, pack: Pack, as_of: date) -> pl.DataFrame:
    """`count` firms, `ai_count` of them in AI, as a table of the generic shape (our attribute ids as columns).

    Columns `<attribute>__status` say how well each fact is proven (0 declared, 1 documented, 2 verified). Money in fen.
    The same arguments give the same table.
    """
    if not 0 <= ai_count <= count <= BODY_SPACE // 2:
        raise InputError(
            [
                Problem(
                    Said(
                        f"cannot make {ai_count:,} AI firms among {count:,}",
                        f"无法在 {count:,} 家企业中生成 {ai_count:,} 家人工智能企业",
                    ),
                    Said("0 ≤ AI firms ≤ firms ≤ 50,000,000", "0 ≤ 人工智能企业 ≤ 企业 ≤ 50,000,000"),
                )
            ]
        )
    random = np.random.Generator(np.random.PCG64([seed, count, ai_count]))
    sector = _sectors(random, count, ai_count)
    is_ai = sector < len(AI_SECTORS)
    founded = _founded(random, is_ai, as_of)
    identity = _identity(random, sector, is_ai, seed, pack)
    registered = _registered(random, identity, sector, is_ai, founded)
    finances = _finances(random, is_ai, founded, as_of, _ai_revenue_fen(pack, ai_count))
    purchases = _purchases(random, is_ai, identity["district"], finances["revenue"].to_numpy())
    support = _support(seed, sector, is_ai, identity["district"], finances, purchases)
    frame = pl.concat([identity, registered, finances, purchases, support], how="horizontal")
    frame = _with_gaps(random, frame, is_ai, founded, as_of)
    return frame.with_columns(valid_from=pl.lit(date(as_of.year, 1, 1)))


def sector_ids(count: int, ai_count: int, seed: int) -> pl.DataFrame:
    """`sector, is_ai` of each row of `generate` with the same arguments: what the texts were made from.

    The sector of an AI firm is the id of a segment of the chain.
    """
    random = np.random.Generator(np.random.PCG64([seed, count, ai_count]))
    sector = _sectors(random, count, ai_count)
    ids = pl.Series([each.id for each in SECTORS]).gather(pl.Series(sector))
    return pl.DataFrame({"sector": ids, "is_ai": sector < len(AI_SECTORS)})


def write_population(frame: pl.DataFrame, path: Path) -> None:
    """As CSV: the same rows give the same bytes, whatever the version of the writer; `.parquet` for large ones."""
    if path.suffix == ".parquet":
        frame.write_parquet(path, compression="zstd")
    else:
        frame.write_csv(path)


def _ai_revenue_fen(pack: Pack, ai_count: int) -> float:
    """What `ai_count` firms turn over, when all AI firms of the official count make up the official core industry."""
    core = pack.statistics.filter(pl.col("id") == CORE_REVENUE_STATISTIC)["value"].to_list()
    official = pack.official_firm_count
    if not core or official is None:
        return ai_count * 1_500_000_000.0
    return float(core[0]) * HUNDRED_MILLION_FEN * ai_count / official.value


def _sectors(random: np.random.Generator, count: int, ai_count: int) -> np.ndarray:
    def draw(sectors: tuple[Sector, ...], size: int) -> np.ndarray:
        weights = np.array([sector.weight for sector in sectors])
        return random.choice(len(sectors), size=size, p=weights / weights.sum())

    drawn = np.concatenate([draw(AI_SECTORS, ai_count), draw(OTHER_SECTORS, count - ai_count) + len(AI_SECTORS)])
    return random.permutation(drawn)


def _founded(random: np.random.Generator, is_ai: np.ndarray, as_of: date) -> np.ndarray:
    """Days: AI firms mostly of the last twelve years, the others of the last thirty-five."""
    age_days = np.where(is_ai, random.gamma(2.2, 900, len(is_ai)), random.gamma(1.8, 2_400, len(is_ai)))
    last = np.datetime64(as_of) - np.timedelta64(1, "D")
    return last - np.minimum(age_days, 45 * 365).astype("timedelta64[D]")


def _pick(random: np.random.Generator, sector: np.ndarray, field: str) -> pl.Series:
    """One text of the sector's list for each firm."""
    lists = [getattr(each, field) for each in SECTORS]
    flat = pl.Series([text for texts in lists for text in texts])
    starts, lengths = _extents(lists)
    return flat.gather(pl.Series(starts[sector] + (random.random(len(sector)) * lengths[sector]).astype(np.int64)))


def _extents(lists: list[tuple[str, ...]]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([len(texts) for texts in lists], dtype=np.int64)
    return np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths


def _identity(
    random: np.random.Generator, sector: np.ndarray, is_ai: np.ndarray, seed: int, pack: Pack
) -> pl.DataFrame:
    count = len(sector)
    index = np.arange(count, dtype=np.int64)
    # Far-apart beginnings, so that the populations of two seeds do not share codes.
    begin = int.from_bytes(sha256(str(seed).encode()).digest()[:8]) % BODY_SPACE
    bodies = pl.Series((index + begin) * BODY_STEP % BODY_SPACE).cast(pl.String).str.pad_start(8, "0")
    division = pack.identity.division_code.ljust(6, "0")[:6]
    codes = with_check_characters(pl.select(pl.lit(CODE_CLASS + division) + with_inner_check(bodies)).to_series())
    letters, width = pl.Series(list(BRANDS)), 3 if count <= len(BRANDS) ** 3 else 4
    place = (index * BRAND_STEP + begin) % len(BRANDS) ** width
    brand = [letters.gather(pl.Series(place // len(BRANDS) ** position % len(BRANDS))) for position in range(width)]
    form_of_firm = random.choice(4, count, p=(0.9, 0.04, 0.05, 0.01))
    form_of_firm = np.where(is_ai & (form_of_firm == 2), 0, form_of_firm)
    suffixes = pl.Series(["有限公司", "股份有限公司", "经营部", "有限公司分公司"])
    forms = pl.Series(["firm", "firm", "individual", "branch"])
    districts = pack.districts["id"]
    weights = 1 / np.arange(1, len(districts) + 1)
    district = random.choice(len(districts), count, p=weights / weights.sum())
    parts = pl.DataFrame({f"brand{position}": each for position, each in enumerate(brand)}).with_columns(
        word=_pick(random, sector, "names"), suffix=suffixes.gather(pl.Series(form_of_firm))
    )
    return pl.DataFrame(
        {
            "name": parts.select(pl.concat_str(pl.lit(pack.identity.name_zh + MARK), *parts.columns)).to_series(),
            "code": codes,
            "legal_form": forms.gather(pl.Series(form_of_firm)),
            "district": districts.gather(pl.Series(district)),
            "district_name": pack.districts["name_zh"].gather(pl.Series(district)),
            "city": pl.Series([pack.identity.name_zh]).new_from_index(0, count),
        }
    )


def _registered(
    random: np.random.Generator, identity: pl.DataFrame, sector: np.ndarray, is_ai: np.ndarray, founded: np.ndarray
) -> pl.DataFrame:
    """What a registry extract would hold, and for some firms a profile. Takes the district's name out of `identity`."""
    count = len(sector)
    capital_wan = np.round(np.exp(random.normal(np.where(is_ai, 6.2, 5.0), 1.3))).astype(np.int64).clip(1, 10**7)
    number = pl.Series(random.integers(1, 2_000, count)).cast(pl.String)
    address = pl.concat_str("city", "district_name", pl.lit(MARK + "路"), pl.lit(number), pl.lit("号"))
    says = random.random(count) < np.where(is_ai, 0.6, 0.2)
    year = pl.Series(founded).dt.year().cast(pl.String)
    told = identity.select(
        "name", "city", year=year, claim=_pick(random, sector, "claims"), customers=_pick(random, sector, "customers")
    )
    profile = _profiles(told, pl.Series(random.integers(0, 4, count)))
    return identity.select(
        founded_on=pl.lit(pl.Series(founded)),
        address=address,
        registered_capital=pl.lit(pl.Series(capital_wan * 10_000 * 100)),
        registered_capital_currency=pl.lit("CNY"),
        enterprise_type=pl.col("legal_form").replace_strict(
            {"firm": "有限责任公司", "individual": "个体工商户", "branch": "分公司"}
        ),
        industry=pl.lit(pl.Series([each.industry for each in SECTORS]).gather(pl.Series(sector))),
        scope=pl.lit(_scopes(random, sector, is_ai)),
        profile=pl.when(pl.lit(pl.Series(says))).then(pl.lit(profile)),
    )


def _profiles(told: pl.DataFrame, manner: pl.Series) -> pl.Series:
    """`told`: name, city, year, claim, customers. The same said in four ways, for not all firms speak alike."""
    ways = (
        pl.format("{}成立于{}年，{}，主要客户为{}。", "name", "year", "claim", "customers"),
        pl.format("公司{}年在{}注册，{}。服务对象以{}为主。", "year", "city", "claim", "customers"),
        pl.format("{}，{}是主要客户；{}自{}年经营至今。", "claim", "customers", "name", "year"),
        pl.format("{}（{}年设立）：{}；目前服务于{}等。", "name", "year", "claim", "customers"),
    )
    said = pl.coalesce(pl.when(pl.lit(manner) == number).then(way) for number, way in enumerate(ways))
    return told.select(pl.concat_str(said, pl.lit("（生成的示例，并非真实企业）"))).to_series()


def _scopes(random: np.random.Generator, sector: np.ndarray, is_ai: np.ndarray) -> pl.Series:
    """Two to five lines of the sector (a run from a random start, so none repeats) and a few that any firm registers.

    One AI firm in eight registers as a plain software firm; such firms are found by their profile or not at all.
    """
    count = len(sector)
    plain = next(position for position, each in enumerate(SECTORS) if each.id == "software")
    source = np.where(is_ai & (random.random(count) < 0.125), plain, sector)
    lists = [each.scopes for each in SECTORS]
    flat = pl.Series([text for texts in lists for text in texts])
    starts, lengths = _extents(lists)
    begin, lines = random.integers(0, 60, count), np.minimum(random.integers(2, 6, count), lengths[source])
    columns = []
    for position in range(5):
        chosen = flat.gather(pl.Series(starts[source] + (begin + position) % lengths[source]))
        columns.append(pl.select(pl.when(pl.Series(lines > position)).then(chosen)).to_series().alias(f"own{position}"))
    common, extra, some = (
        pl.Series(COMMON_SCOPES),
        random.integers(0, len(COMMON_SCOPES), count),
        random.integers(0, 3, count),
    )
    for position in range(2):
        chosen = common.gather(pl.Series((extra + position) % len(COMMON_SCOPES)))
        columns.append(
            pl.select(pl.when(pl.Series(some > position)).then(chosen)).to_series().alias(f"common{position}")
        )
    return pl.DataFrame(columns).select(pl.concat_str(pl.all(), separator="；", ignore_nulls=True)).to_series()


def _finances(
    random: np.random.Generator, is_ai: np.ndarray, founded: np.ndarray, as_of: date, ai_revenue_fen: float
) -> pl.DataFrame:
    count = len(is_ai)
    employees = np.round(np.exp(random.normal(np.where(is_ai, 3.3, 2.3), 1.1))).astype(np.int64).clip(1, 50_000)
    yuan_per_head = np.exp(random.normal(12.6, 0.7, count))
    revenue = employees * yuan_per_head * 100
    if is_ai.any():
        revenue = np.where(is_ai, revenue * (ai_revenue_fen / revenue[is_ai].sum()), revenue)
    revenue = _whole_yuan(revenue)
    years = np.minimum(3, as_of.year - founded.astype("datetime64[Y]").astype(np.int64) - 1970).clip(0)
    revenue_3y = _whole_yuan(revenue * np.select([years >= 3, years == 2], [2.6, 1.8], 1.0))
    intensity = np.where(is_ai, random.beta(2, 10, count), random.beta(0.6, 40, count))
    research = _whole_yuan(revenue_3y * intensity)
    margin = random.normal(np.where(is_ai, 0.02, 0.06), 0.12)
    return pl.DataFrame(
        {
            "employees": employees,
            "research_staff": (
                employees * np.where(is_ai, random.beta(4, 5, count), random.beta(0.7, 12, count))
            ).astype(np.int64),
            "revenue": revenue,
            "revenue_3y": revenue_3y,
            "rd_expense_3y": research,
            "rd_expense_3y_in_china": _whole_yuan(research * random.beta(12, 1.5, count)),
            "high_tech_revenue": _whole_yuan(
                revenue * np.where(is_ai, random.beta(6, 2, count), random.beta(0.5, 6, count))
            ),
            "core_ip": random.poisson(np.where(is_ai, 6, 0.4)),
            "high_tech_field": random.random(count) < np.where(is_ai, 0.92, 0.12),
            "serious_violation": random.random(count) < 0.01,
            "taxable_income": _whole_yuan(np.maximum(revenue * margin, 0)),
        }
    )


def _purchases(
    random: np.random.Generator, is_ai: np.ndarray, district: pl.Series, revenue: np.ndarray
) -> pl.DataFrame:
    """What vouchers pay for; a firm spends at most a share of what it turns over."""
    count = len(is_ai)

    def spent(ai_share: float, other_share: float, of_revenue: float) -> np.ndarray:
        buys = random.random(count) < np.where(is_ai, ai_share, other_share)
        return _whole_yuan(np.where(buys, revenue * random.beta(1.5, 6, count) * of_revenue, 0))

    rental = spent(0.35, 0.004, 0.4)
    in_longhua = (district == "longhua").to_numpy()
    return pl.DataFrame(
        {
            "listed_provider": is_ai & (random.random(count) < 0.006),
            "compute_rental": rental,
            "compute_rental_from_listed": _whole_yuan(rental * random.beta(4, 2, count)),
            "compute_other_support": _whole_yuan(np.where(random.random(count) < 0.1, rental * 0.1, 0)),
            "corpus_purchase": spent(0.12, 0.001, 0.1),
            "model_purchase": spent(0.3, 0.03, 0.08),
            "longhua_compute_paid": _whole_yuan(np.where(in_longhua, rental * random.beta(6, 2, count), 0)),
        }
    )


MAIN_INDUSTRIES = {
    "软件和信息技术服务业": "software_it_services", "批发业": "wholesale_retail", "零售业": "wholesale_retail",
    "住宿和餐饮业": "accommodation_catering", "房地产业": "real_estate", "商务服务业": "leasing_business_services",
}  # fmt: skip
CHIP_SECTORS = ("chip-gpu", "chip-npu", "chip-edge", "chip-power", "chip-eda", "chip-packaging", "semi-equipment")


def _support(
    seed: int, sector: np.ndarray, is_ai: np.ndarray, district: pl.Series, finances: pl.DataFrame,
    purchases: pl.DataFrame,
) -> pl.DataFrame:  # fmt: skip
    """What districts' compute support and the R&D deduction read. A generator of its own, so that what was drawn
    before these facts were thought of stays as it was."""
    count = len(sector)
    random = np.random.Generator(np.random.PCG64([seed, count, int(is_ai.sum()), 1]))
    industries = pl.Series([MAIN_INDUSTRIES.get(each.industry, "other") for each in SECTORS])
    makes_chips = np.array([each.id in CHIP_SECTORS for each in SECTORS])[sector]
    research = finances["rd_expense_3y"].to_numpy() * random.uniform(0.3, 0.5, count)
    kept = np.where(random.random(count) < 0.15, random.beta(2, 6, count), 0.0)
    profit = finances["taxable_income"].to_numpy() + np.where(is_ai, research * 0.8, 0)
    paid = _whole_yuan(purchases["compute_rental"].to_numpy() * random.beta(6, 2, count))
    in_longhua = (district == "longhua").to_numpy()
    years = np.where((district == "guangming").to_numpy(), random.integers(0, 5, count), 0)
    return pl.DataFrame(
        {
            "main_industry": industries.gather(pl.Series(sector)),
            "chip_or_machine_tool": makes_chips & (random.random(count) < 0.5),
            "rd_expensed": _whole_yuan(research * (1 - kept)),
            "rd_amortisation": _whole_yuan(research * kept * 0.1),
            "taxable_income_before_rd": _whole_yuan(profit),
            "income_tax_rate": np.where(is_ai & (random.random(count) < 0.4), 1500, 2500),
            "compute_paid": np.where(in_longhua, purchases["longhua_compute_paid"].to_numpy(), paid),
            "guangming_support_years": years,
        }
    )


def _whole_yuan(fen: np.ndarray) -> np.ndarray:
    return np.floor(fen / 100).astype(np.int64) * 100


REGISTERED = (
    "founded_on", "district", "address", "registered_capital", "registered_capital_currency", "enterprise_type",
    "legal_form",
    "industry", "scope",
)  # fmt: skip
IDENTITY = ("name", "code", "profile")


def _with_gaps(
    random: np.random.Generator, frame: pl.DataFrame, is_ai: np.ndarray, founded: np.ndarray, as_of: date
) -> pl.DataFrame:
    """Most firms report little: drop facts at random, none of last year for firms of this year; give each its
    status."""
    count = len(is_ai)
    reports = random.random(count) < np.where(is_ai, AI_SHARE_OF_REPORTED, OTHER_SHARE_OF_REPORTED)
    existed = founded < np.datetime64(date(as_of.year, 1, 1))
    frame = frame.drop("district_name", "city")
    columns: list[pl.Series] = []
    for name in frame.columns:
        column = frame[name]
        if name in IDENTITY:
            columns.append(column)
            continue
        if name in REGISTERED:
            columns += [column, pl.Series(f"{name}__status", np.ones(count, dtype=np.uint8))]
            continue
        known = pl.Series(reports & existed & (random.random(count) < 0.85))
        status = pl.Series(random.choice(3, count, p=STATUS_SHARES).astype(np.uint8))
        columns.append(pl.select(pl.when(known).then(column)).to_series().alias(name))
        columns.append(pl.select(pl.when(known).then(status)).to_series().alias(f"{name}__status"))
    return pl.DataFrame(columns)

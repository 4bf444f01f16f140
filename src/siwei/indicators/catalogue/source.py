"""源: how much of the chain the city's firms cover, how concentrated it is, who works on it."""

# ruff: noqa: S608  (queries are put together from this file's constants only)
from siwei.indicators.definition import Dimension, Element, Indicator, Statistic
from siwei.market.listing import Words

CHAIN_COVERAGE = Words(
    "本数据中 {placed} 家机构上链（{official_zh}）；空缺指本数据空缺，不等于城市没有",
    "{placed} organisations placed in this data ({official_en}); empty here does not mean empty in the city",
)
NO_PLACEMENT = Words("尚无上链企业", "no firm placed on the chain yet")
DESIGN = Words("四维平台设计（docs/reference/indicators.md）", "Siwei's own (docs/reference/indicators.md)")

FIRMS_BY_SEGMENT = """
SELECT segments.id AS segment, segments.layer, segments.name_zh, segments.name_en,
       count(DISTINCT placements.key) AS firms,
       count(DISTINCT placements.key) FILTER (organisations.origin = 'generated') AS generated
FROM segments LEFT JOIN placements ON placements.segment = segments.id
LEFT JOIN organisations ON organisations.key = placements.key
GROUP BY ALL
"""

INDICATORS = (
    Indicator(
        id="source.chain-coverage",
        dimension=Dimension.SOURCE,
        element=Element.TECHNOLOGY,
        name=Words("产业链覆盖率", "Chain coverage"),
        formula=Words("至少有一家企业的环节数 ÷ 环节总数", "segments with at least one firm ÷ all segments"),
        statistic=Statistic.SHARE,
        unit="segment",
        method=DESIGN,
        query=f"""
SELECT *, (firms > 0)::BIGINT AS part, 1 AS whole FROM ({FIRMS_BY_SEGMENT}) ORDER BY firms, segment""",
        needs=("segments", "placements"),
        empty=NO_PLACEMENT,
        coverage=CHAIN_COVERAGE,
    ),
    Indicator(
        id="source.single-firm",
        dimension=Dimension.SOURCE,
        element=Element.TECHNOLOGY,
        name=Words("单点环节占比", "Segments resting on one firm"),
        formula=Words(
            "恰有一家企业的环节数 ÷ 有企业的环节数", "segments with exactly one firm ÷ segments with any firm"
        ),
        statistic=Statistic.SHARE,
        unit="segment",
        method=DESIGN,
        query=f"""
SELECT *, (firms = 1)::BIGINT AS part, 1 AS whole FROM ({FIRMS_BY_SEGMENT}) WHERE firms > 0 ORDER BY firms, segment""",
        needs=("segments", "placements"),
        empty=NO_PLACEMENT,
        coverage=CHAIN_COVERAGE,
    ),
    Indicator(
        id="source.research-staff",
        dimension=Dimension.SOURCE,
        element=Element.PEOPLE,
        name=Words("链上企业研发人员占比", "Research staff on the chain"),
        formula=Words(
            "研发人员 ÷ 从业人员（上链且两项均已申报、且研发人员不多于从业人员的企业合计）",
            "research staff ÷ employees, summed over firms on the chain that state both, staff not above employees",
        ),
        statistic=Statistic.SHARE,
        unit="person",
        method=Words(
            "科技人员占比的口径同《高新技术企业认定管理办法》，此处按企业合计",
            "the ratio used when high-tech enterprises are recognised, here summed over firms",
        ),
        query="""
SELECT staff.key, organisations.name, organisations.origin, staff.research_staff, staff.employees,
       CASE WHEN consistent THEN staff.research_staff ELSE 0 END AS part,
       CASE WHEN consistent THEN staff.employees ELSE 0 END AS whole,
       CASE WHEN consistent THEN '' ELSE 'left out: research staff above employees, or negative' END AS note
FROM (SELECT *, research_staff BETWEEN 0 AND employees AS consistent FROM staff) AS staff
JOIN organisations USING (key)
WHERE staff.key IN (SELECT key FROM placements) AND employees IS NOT NULL AND research_staff IS NOT NULL
ORDER BY staff.key""",
        needs=("placements", "staff"),
        empty=Words(
            "链上企业尚未同时申报从业人员和研发人员", "no firm on the chain states both employees and research staff"
        ),
        coverage=Words(
            "{placed} 家上链机构中 {rows} 家两项均已申报", "{rows} of {placed} organisations on the chain state both"
        ),
        restricted=True,
    ),
    Indicator(
        id="source.concentrated-segments",
        dimension=Dimension.SOURCE,
        element=Element.INSTITUTION,
        name=Words("高度集中环节占比", "Highly concentrated segments"),
        formula=Words(
            "HHI > 0.18 的环节数 ÷ 可计算 HHI 的环节数（按注册资本）",
            "segments with HHI > 0.18 ÷ segments whose HHI can be computed (by registered capital)",
        ),
        statistic=Statistic.SHARE,
        unit="segment",
        method=Words(
            "阈值：美国司法部与联邦贸易委员会《并购指南》（2023）指引一，HHI 超过 1800 为高度集中",
            "threshold: US DOJ and FTC, Merger Guidelines (2023), Guideline 1: above 1,800 is highly concentrated",
        ),
        query=f"""
SELECT coverage.segment, segments.name_zh, segments.name_en, coverage.firms, counted.generated, coverage.hhi,
       (coverage.hhi > 0.18)::BIGINT AS part, 1 AS whole
FROM coverage JOIN segments ON segments.id = coverage.segment
LEFT JOIN ({FIRMS_BY_SEGMENT}) AS counted ON counted.segment = coverage.segment
WHERE coverage.hhi IS NOT NULL ORDER BY coverage.hhi DESC, coverage.segment""",
        needs=("segments", "coverage"),
        empty=Words("尚无可计算集中度的环节", "no segment whose concentration can be computed yet"),
        coverage=CHAIN_COVERAGE,
    ),
    Indicator(
        id="source.district-inequality",
        dimension=Dimension.SOURCE,
        element=Element.INSTITUTION,
        name=Words("各区上链企业基尼系数", "Gini of chain firms over districts"),
        formula=Words(
            "G = Σ(2i − n − 1)xᵢ ÷ (nΣxᵢ)，xᵢ 为各区上链企业数（升序，含零）",
            "G = Σ(2i − n − 1)xᵢ ÷ (nΣxᵢ), xᵢ the firms on the chain in each district, upwards, zeros included",
        ),
        statistic=Statistic.GINI,
        unit="index",
        method=Words("基尼系数（1912）的离散形式", "discrete form of the Gini coefficient (1912)"),
        query="""
SELECT districts.id AS district, districts.name_zh, districts.name_en,
       count(DISTINCT placed.key) AS firms,
       count(DISTINCT placed.key) FILTER (placed.origin = 'generated') AS generated,
       count(DISTINCT placed.key) AS part, 0 AS whole
FROM districts LEFT JOIN (
    SELECT organisations.key, organisations.district, organisations.origin FROM organisations
    WHERE organisations.key IN (SELECT key FROM placements)
) AS placed ON placed.district = districts.id
GROUP BY ALL ORDER BY district""",
        needs=("districts", "placements"),
        empty=NO_PLACEMENT,
        coverage=Words(
            "{placed_with_district}/{placed} 家上链机构有所在区",
            "{placed_with_district} of {placed} organisations have a district",
        ),
    ),
    Indicator(
        id="source.official-share",
        dimension=Dimension.SOURCE,
        element=Element.INSTITUTION,
        name=Words("数据对官方口径的覆盖", "This data against the official count"),
        formula=Words(
            "真实的上链机构数 ÷ 官方公布的人工智能企业数",
            "real organisations placed on the chain ÷ officially counted AI firms",
        ),
        statistic=Statistic.RATIO,
        unit="organisation",
        method=Words(
            "官方口径见“官方数据”一节；两者口径不同，只作数据覆盖的参考",
            "see official figures; definitions differ, so this only says how far the data reaches",
        ),
        query="""
SELECT organisations.key, organisations.name, organisations.district, organisations.origin,
       1 AS part, 0 AS whole, '' AS note
FROM organisations WHERE organisations.origin <> 'generated' AND organisations.key IN (SELECT key FROM placements)
UNION ALL
SELECT 'official', '', '', '', 0, official.firms, official.qualifier || official.firms || ' · ' || official.source
FROM official WHERE EXISTS (
    SELECT 1 FROM organisations WHERE origin <> 'generated' AND key IN (SELECT key FROM placements)
)
ORDER BY key""",
        needs=("placements", "official"),
        empty=Words("没有真实的上链企业，或没有官方口径", "no real firm placed, or no official count"),
        coverage=Words(
            "上链环节含电子元器件等，宽于官方“人工智能企业”口径（{official_zh}）",
            "the chain reaches to components and the like, wider than the official “AI firms” ({official_en})",
        ),
    ),
)

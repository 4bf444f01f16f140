"""演: whether technology, people and institutions move together; how far what is said here is proven."""

from siwei.indicators.definition import Dimension, Element, Indicator, Statistic
from siwei.market.listing import Words

DESIGN = Words("四维平台设计（docs/reference/indicators.md）", "Siwei's own (docs/reference/indicators.md)")

INDICATORS = (
    Indicator(
        id="evolve.documented-pairs",
        dimension=Dimension.EVOLVE,
        element=Element.TECHNOLOGY,
        name=Words("有适配记录的框架×加速器组合", "Framework × accelerator pairs on record"),
        formula=Words(
            "有适配记录的组合数 ÷ 框架数×加速器数", "pairs recorded as working together ÷ frameworks × accelerators"
        ),
        statistic=Statistic.SHARE,
        unit="pair",
        method=Words(
            "城市包的适配表；没有记录不等于不兼容",
            "the pack's table of compatibility; not on record does not mean incompatible",
        ),
        query="""
SELECT frameworks.id AS framework, accelerators.id AS accelerator,
       EXISTS (SELECT 1 FROM compatibility WHERE compatibility.framework = frameworks.id
               AND compatibility.accelerator = accelerators.id)::BIGINT AS part, 1 AS whole
FROM frameworks CROSS JOIN accelerators ORDER BY framework, accelerator""",
        needs=("frameworks", "accelerators", "compatibility"),
        empty=Words("城市包没有适配表", "the pack has no table of compatibility"),
        coverage=Words("{rows} 个组合", "pairs: {rows}"),
    ),
    Indicator(
        id="evolve.represented-organisations",
        dimension=Dimension.EVOLVE,
        element=Element.PEOPLE,
        name=Words("有经办人的参与机构", "Participants with a named representative"),
        formula=Words(
            "有已核准经办人的发布机构数 ÷ 发布过供需的机构数",
            "publishing organisations with an approved representative ÷ organisations that published",
        ),
        statistic=Statistic.SHARE,
        unit="organisation",
        method=DESIGN,
        query="""
SELECT listings.organisation AS key, organisations.name, organisations.origin, count(*) AS listings,
       (listings.organisation IN (SELECT organisation FROM representatives))::BIGINT AS part, 1 AS whole
FROM listings LEFT JOIN organisations ON organisations.key = listings.organisation
WHERE listings.organisation IS NOT NULL
GROUP BY listings.organisation, organisations.name, organisations.origin ORDER BY key""",
        needs=("listings",),
        empty=Words("尚无机构发布供需", "no organisation has published yet"),
        coverage=Words("{rows} 家发布机构", "publishing organisations: {rows}"),
        restricted=True,
    ),
    Indicator(
        id="evolve.proven-facts",
        dimension=Dimension.EVOLVE,
        element=Element.INSTITUTION,
        name=Words("有证明的事实", "Facts with proof"),
        formula=Words("有文件或经核验的事实数 ÷ 事实总数", "facts documented or verified ÷ all facts"),
        statistic=Statistic.SHARE,
        unit="fact",
        method=DESIGN,
        query="""
SELECT attribute, status, facts, generated, CASE WHEN status >= 1 THEN facts ELSE 0 END AS part, facts AS whole
FROM facts ORDER BY attribute, status""",
        needs=("facts",),
        empty=Words("尚无事实", "no fact yet"),
        coverage=Words("{organisations} 家机构的事实", "organisations: {organisations}"),
    ),
    Indicator(
        id="evolve.sourced-programmes",
        dimension=Dimension.EVOLVE,
        element=Element.INSTITUTION,
        name=Words("依据齐全的政策", "Programmes with every clause sourced"),
        formula=Words(
            "非草案政策数 ÷ 政策数（任一条款无出处即为草案，不放款）",
            "programmes that are no draft ÷ programmes (one clause without a source makes a draft, which pays nothing)",
        ),
        statistic=Statistic.SHARE,
        unit="programme",
        method=DESIGN,
        query="""
SELECT id, title_zh, title_en, kind, draft, (NOT draft)::BIGINT AS part, 1 AS whole FROM programmes ORDER BY id""",
        needs=("programmes",),
        empty=Words("城市包没有政策", "the pack has no programme"),
        coverage=Words("{rows} 项政策", "programmes: {rows}"),
    ),
    Indicator(
        id="evolve.verified-rows",
        dimension=Dimension.EVOLVE,
        element=Element.INSTITUTION,
        name=Words("城市包已核实的行", "Rows of the city pack that are verified"),
        formula=Words("已核实行数 ÷ 城市包总行数", "rows verified ÷ all rows of the city pack"),
        statistic=Statistic.SHARE,
        unit="row",
        method=DESIGN,
        query="""
SELECT "table", rows, verified, draft, verified AS part, rows AS whole FROM sources ORDER BY "table\"""",
        needs=("sources",),
        empty=Words("没有城市包", "no city pack"),
        coverage=Words("{rows} 张表", "tables: {rows}"),
    ),
)

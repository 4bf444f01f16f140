"""路: whether upstream and downstream meet, who works with whom, how far deals get."""

from siwei.indicators.definition import Dimension, Element, Indicator, Statistic
from siwei.market.listing import Words

DESIGN = Words("四维平台设计（docs/reference/indicators.md）", "Siwei's own (docs/reference/indicators.md)")

INDICATORS = (
    Indicator(
        id="road.supply-links",
        dimension=Dimension.ROAD,
        element=Element.TECHNOLOGY,
        name=Words("两端都有企业的供应关系", "Supply links with firms at both ends"),
        formula=Words(
            "上下游环节都有企业的供应边数 ÷ 供应边总数",
            "supply edges whose two segments both have firms ÷ all supply edges",
        ),
        statistic=Statistic.SHARE,
        unit="edge",
        method=DESIGN,
        query="""
WITH present AS (
    SELECT segment, count(*) FILTER (organisations.origin = 'generated') AS generated
    FROM placements LEFT JOIN organisations USING (key) GROUP BY segment
)
SELECT edges."from" AS supplier, upstream.name_zh AS supplier_zh,
       edges."to" AS customer, downstream.name_zh AS customer_zh,
       (up.segment IS NOT NULL)::BIGINT AS supplier_present, (down.segment IS NOT NULL)::BIGINT AS customer_present,
       coalesce(up.generated, 0) + coalesce(down.generated, 0) AS generated,
       supplier_present * customer_present AS part, 1 AS whole
FROM edges
JOIN segments AS upstream ON upstream.id = edges."from"
JOIN segments AS downstream ON downstream.id = edges."to"
LEFT JOIN present AS up ON up.segment = edges."from"
LEFT JOIN present AS down ON down.segment = edges."to"
WHERE edges.type = 'supplies' ORDER BY supplier, customer""",
        needs=("edges", "segments", "placements"),
        empty=Words("尚无上链企业或供应边", "no firm placed, or no supply edge"),
        coverage=Words(
            "产业链 {rows} 条供应边，本数据 {placed} 家机构",
            "{rows} supply edges; {placed} organisations placed in this data",
        ),
    ),
    Indicator(
        id="road.matched-needs",
        dimension=Dimension.ROAD,
        element=Element.TECHNOLOGY,
        name=Words("已获匹配的需求", "Needs with a match"),
        formula=Words(
            "至少有一个匹配供给的需求数 ÷ 已发布需求数", "needs with at least one matched offer ÷ published needs"
        ),
        statistic=Statistic.SHARE,
        unit="listing",
        method=DESIGN,
        query="""
SELECT listings.id, listings.kind,
       CASE WHEN listings.organisation IS NULL THEN '' ELSE listings.title_zh END AS title_zh,
       listings.organisation, organisations.origin, listings.state,
       (listings.id IN (SELECT need FROM matches))::BIGINT AS part, 1 AS whole
FROM listings LEFT JOIN organisations ON organisations.key = listings.organisation
WHERE listings.side = 'need' AND listings.state <> 'withdrawn' ORDER BY listings.id""",
        needs=("listings",),
        empty=Words("尚无需求发布", "no need published yet"),
        coverage=Words("{rows} 项需求", "needs: {rows}"),
        restricted=True,
    ),
    Indicator(
        id="road.mixed-agreements",
        dimension=Dimension.ROAD,
        element=Element.PEOPLE,
        name=Words("跨界协作协议占比", "Agreements across kinds of party"),
        formula=Words(
            "参与方涉及两类及以上机构（企业、高校、实验室、医院、中心、政府…）的协议数 ÷ 协议数",
            "agreements whose parties are of two or more kinds (firm, university, laboratory, hospital …) ÷ agreements",
        ),
        statistic=Statistic.SHARE,
        unit="agreement",
        method=Words("政产学研用协同的最小度量，四维平台设计", "the least measure of 政产学研用, Siwei's own"),
        query="""
SELECT agreements.id, agreements.kind, agreements.state,
       string_agg(DISTINCT organisations.kind, ', ' ORDER BY organisations.kind) AS kinds_of_party,
       bool_or(organisations.origin = 'generated') AS generated,
       (count(DISTINCT organisations.kind) > 1)::BIGINT AS part, 1 AS whole
FROM agreements JOIN parties ON parties.agreement = agreements.id
JOIN organisations ON organisations.key = parties.organisation
GROUP BY agreements.id, agreements.kind, agreements.state ORDER BY agreements.id""",
        needs=("agreements", "parties", "organisations"),
        empty=Words("尚无协议", "no agreement yet"),
        coverage=Words("{rows} 份协议", "agreements: {rows}"),
        restricted=True,
    ),
    Indicator(
        id="road.agreements-signed",
        dimension=Dimension.ROAD,
        element=Element.INSTITUTION,
        name=Words("协议签署率", "Agreements that were signed"),
        formula=Words(
            "各方均已签署的协议数（含交付中、已完成、争议中、已结算）÷ 全部协议数",
            "agreements that all have signed (delivering, completed, disputed and settled among them) ÷ all agreements",
        ),
        statistic=Statistic.SHARE,
        unit="agreement",
        method=DESIGN,
        query="""
WITH made_up AS (
    SELECT parties.agreement FROM parties JOIN organisations ON organisations.key = parties.organisation
    WHERE organisations.origin = 'generated'
)
SELECT id, kind, state, id IN (SELECT agreement FROM made_up) AS generated,
       (state IN ('signed', 'delivering', 'completed', 'disputed', 'settled'))::BIGINT AS part, 1 AS whole
FROM agreements ORDER BY id""",
        needs=("agreements",),
        empty=Words("尚无协议", "no agreement yet"),
        coverage=Words("{rows} 份协议", "agreements: {rows}"),
        restricted=True,
    ),
)

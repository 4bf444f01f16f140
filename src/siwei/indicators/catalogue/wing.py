"""翼: positions, courses, and who offers them."""

# ruff: noqa: S608  (queries are put together from this file's constants only)
from siwei.indicators.definition import Dimension, Element, Indicator, Statistic
from siwei.market.listing import Words

DESIGN = Words("四维平台设计（docs/reference/indicators.md）", "Siwei's own (docs/reference/indicators.md)")
LIVE = "listings.state NOT IN ('draft', 'withdrawn')"

INDICATORS = (
    Indicator(
        id="wing.courses-per-position",
        dimension=Dimension.WING,
        element=Element.TECHNOLOGY,
        name=Words("每个岗位对应的课程", "Courses for each position"),
        formula=Words("已发布课程数 ÷ 已发布岗位数", "courses published ÷ positions published"),
        statistic=Statistic.RATIO,
        unit="listing",
        method=DESIGN,
        query=f"""
SELECT listings.id, listings.kind, side, CASE WHEN organisation IS NULL THEN '' ELSE title_zh END AS title_zh,
       organisation, origin, state,
       (listings.kind = 'course')::BIGINT AS part, (listings.kind = 'position')::BIGINT AS whole
FROM listings LEFT JOIN organisations ON organisations.key = listings.organisation
WHERE ((listings.kind = 'course' AND side = 'offer') OR (listings.kind = 'position' AND side = 'need')) AND {LIVE}
ORDER BY listings.kind, listings.id""",
        needs=("listings",),
        empty=Words("尚无岗位", "no position yet"),
        coverage=Words("{rows} 条岗位与课程", "positions and courses: {rows}"),
    ),
    Indicator(
        id="wing.positions-answered",
        dimension=Dimension.WING,
        element=Element.PEOPLE,
        name=Words("有人选的岗位", "Positions with a candidate"),
        formula=Words(
            "至少有一个匹配的岗位数 ÷ 已发布岗位数", "positions with at least one match ÷ positions published"
        ),
        statistic=Statistic.SHARE,
        unit="listing",
        method=DESIGN,
        query=f"""
SELECT listings.id, CASE WHEN organisation IS NULL THEN '' ELSE title_zh END AS title_zh, organisation, origin, state,
       (listings.id IN (SELECT need FROM matches))::BIGINT AS part, 1 AS whole
FROM listings LEFT JOIN organisations ON organisations.key = listings.organisation
WHERE listings.kind = 'position' AND side = 'need' AND {LIVE} ORDER BY listings.id""",
        needs=("listings",),
        empty=Words("尚无岗位", "no position yet"),
        coverage=Words("{rows} 个岗位", "positions: {rows}"),
        restricted=True,
    ),
    Indicator(
        id="wing.institutions-taking-part",
        dimension=Dimension.WING,
        element=Element.INSTITUTION,
        name=Words("参与育才引才的高校、实验室", "Universities and laboratories taking part"),
        formula=Words(
            "有岗位、课程或课题的高校、实验室、科研机构 ÷ 名录中此三类",
            "universities, laboratories and institutions listing a position, course or topic ÷ all of them here",
        ),
        statistic=Statistic.SHARE,
        unit="organisation",
        method=DESIGN,
        query=f"""
SELECT key, name, kind, origin, (key IN (
    SELECT organisation FROM listings
    WHERE organisation IS NOT NULL AND kind IN ('position', 'course', 'research') AND {LIVE}
))::BIGINT AS part, 1 AS whole
FROM organisations WHERE kind IN ('university', 'laboratory', 'institution', 'institute') ORDER BY key""",
        needs=("organisations",),
        empty=Words("名录中尚无高校、实验室或科研机构", "no university, laboratory or institution here yet"),
        coverage=Words("名录中 {rows} 家", "here: {rows}"),
    ),
)

"""基: what programmes decide, whom they reach, and what becomes of the money."""

from siwei.indicators.definition import Dimension, Element, Indicator, Statistic
from siwei.market.listing import Words

DESIGN = Words("四维平台设计（docs/reference/indicators.md）", "Siwei's own (docs/reference/indicators.md)")
NOT_DECIDED = Words("尚未判定任何政策", "no programme decided yet")

INDICATORS = (
    Indicator(
        id="base.jobs-succeeded",
        dimension=Dimension.BASE,
        element=Element.TECHNOLOGY,
        name=Words("作业成功率", "Jobs that succeeded"),
        formula=Words(
            "成功的作业数 ÷ 已结束的作业数（成功、失败、取消）",
            "jobs succeeded ÷ jobs ended (succeeded, failed, cancelled)",
        ),
        statistic=Statistic.SHARE,
        unit="job",
        method=DESIGN,
        query="""
WITH made_up AS (
    SELECT parties.agreement FROM parties JOIN organisations ON organisations.key = parties.organisation
    WHERE organisations.origin = 'generated'
)
SELECT id, agreement, state, agreement IN (SELECT agreement FROM made_up) AS generated,
       (state = 'succeeded')::BIGINT AS part, 1 AS whole
FROM jobs WHERE state IN ('succeeded', 'failed', 'cancelled') ORDER BY id""",
        needs=("jobs",),
        empty=Words("尚无已结束的作业", "no job has ended yet"),
        coverage=Words("{rows} 个已结束作业", "jobs ended: {rows}"),
        restricted=True,
    ),
    Indicator(
        id="base.accelerator-models",
        dimension=Dimension.BASE,
        element=Element.TECHNOLOGY,
        name=Words("算力用量在型号间的集中度", "Concentration of metered compute by model"),
        formula=Words(
            "HHI = Σsᵢ²，sᵢ 为各加速器型号（含 cpu）计量秒数占比",
            "HHI = Σsᵢ², sᵢ each accelerator model's share of metered seconds (cpu is one of them)",
        ),
        statistic=Statistic.HHI,
        unit="index",
        method=Words(
            "赫芬达尔-赫希曼指数；秒数按型号分列，不折算",
            "Herfindahl-Hirschman index; seconds are kept by model and never converted",
        ),
        query="""
SELECT unit, count(*) AS readings, sum(quantity)::BIGINT AS quantity,
       bool_or(origin = 'generated') AS generated, sum(quantity)::BIGINT AS part, 0 AS whole
FROM "usage" WHERE unit LIKE 'accelerator-second%:%' GROUP BY unit ORDER BY unit""",
        needs=("usage",),
        empty=Words("尚无计量", "nothing metered yet"),
        coverage=Words("{rows} 个型号有用量", "models metered: {rows}"),
    ),
    Indicator(
        id="base.organisations-reached",
        dimension=Dimension.BASE,
        element=Element.PEOPLE,
        name=Words("政策可及率", "Organisations within a programme's reach"),
        formula=Words(
            "至少符合一项政策的机构数 ÷ 被判定的机构数",
            "organisations eligible for at least one programme ÷ organisations decided",
        ),
        statistic=Statistic.SHARE,
        unit="organisation",
        method=DESIGN,
        query="""
SELECT awards.id, organisations.name, organisations.origin,
       count(*) FILTER (awards.verdict = 'eligible') AS eligible, count(*) AS decided,
       (count(*) FILTER (awards.verdict = 'eligible') > 0)::BIGINT AS part, 1 AS whole
FROM awards LEFT JOIN organisations ON organisations.key = awards.id
GROUP BY awards.id, organisations.name, organisations.origin ORDER BY part DESC, awards.id""",
        needs=("awards",),
        empty=NOT_DECIDED,
        coverage=Words(
            "判定了 {rows} 家机构、{programmes} 项政策", "{rows} organisations, {programmes} programmes decided"
        ),
        restricted=True,
    ),
    Indicator(
        id="base.decisions-made",
        dimension=Dimension.BASE,
        element=Element.INSTITUTION,
        name=Words("可判定率", "Decisions that could be made"),
        formula=Words(
            "判定为符合或不符合的件数 ÷ 全部判定（其余为材料不足）",
            "decisions eligible or not eligible ÷ all decisions (the rest lack facts)",
        ),
        statistic=Statistic.SHARE,
        unit="decision",
        method=DESIGN,
        query="""
SELECT programme, verdict, count(*) AS decisions,
       count(*) FILTER (organisations.origin = 'generated') AS generated,
       CASE WHEN verdict IN ('eligible', 'not_eligible') THEN count(*) ELSE 0 END AS part, count(*) AS whole
FROM awards LEFT JOIN organisations ON organisations.key = awards.id
GROUP BY programme, verdict ORDER BY programme, verdict""",
        needs=("awards",),
        empty=NOT_DECIDED,
        coverage=Words(
            "{decisions} 件判定、{programmes} 项政策", "{decisions} decisions under {programmes} programmes"
        ),
    ),
    Indicator(
        id="base.money-captured",
        dimension=Dimension.BASE,
        element=Element.INSTITUTION,
        name=Words("冻结资金入账率", "Held money that was captured"),
        formula=Words("已入账金额 ÷ 已冻结金额（人民币，分）", "CNY captured ÷ CNY held, in fen"),
        statistic=Statistic.SHARE,
        unit="fen",
        method=Words(
            "账本两阶段转账；人民币为承诺记账，不是支付",
            "two-phase transfers of the ledger; CNY entries are commitments, not payments",
        ),
        query="""
SELECT id, kind, purpose, origin, amount AS amount_fen,
       CASE WHEN kind = 'capture' THEN amount ELSE 0 END AS part,
       CASE WHEN kind = 'hold' THEN amount ELSE 0 END AS whole
FROM transfers WHERE unit = 'CNY' AND kind IN ('hold', 'capture') ORDER BY id""",
        needs=("transfers",),
        empty=Words("尚无资金冻结", "no money held yet"),
        coverage=Words("{rows} 笔冻结与入账", "holds and captures: {rows}"),
        restricted=True,
    ),
    Indicator(
        id="base.award-inequality",
        dimension=Dimension.BASE,
        element=Element.INSTITUTION,
        name=Words("测算扶持额基尼系数", "Gini of computed awards"),
        formula=Words(
            "G = Σ(2i − n − 1)xᵢ ÷ (nΣxᵢ)，xᵢ 为符合条件机构的测算扶持额合计（资金池分配前，不含税收优惠）",
            "G = Σ(2i − n − 1)xᵢ ÷ (nΣxᵢ), xᵢ per eligible organisation, before pots are shared, without tax savings",
        ),
        statistic=Statistic.GINI,
        unit="index",
        method=Words("基尼系数（1912）的离散形式", "discrete form of the Gini coefficient (1912)"),
        query="""
SELECT awards.id, organisations.name, organisations.origin, sum(award_fen)::BIGINT AS award_fen,
       sum(award_fen)::BIGINT AS part, 0 AS whole
FROM awards LEFT JOIN organisations ON organisations.key = awards.id
WHERE verdict = 'eligible' AND award_fen IS NOT NULL
  AND programme NOT IN (SELECT id FROM programmes WHERE kind = 'tax_saving')
GROUP BY awards.id, organisations.name, organisations.origin ORDER BY award_fen DESC, awards.id""",
        needs=("awards",),
        empty=Words("尚无符合条件且金额已知的机构", "no eligible organisation with a known amount yet"),
        coverage=Words("{rows} 家符合条件且金额已知的机构", "eligible organisations with a known amount: {rows}"),
        restricted=True,
    ),
)

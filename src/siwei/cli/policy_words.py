"""What `siwei policy …` prints around its data, in both languages: lines and titles by key, values in braces; headings
and codes by what they are in English, as JSON has them. Terms are those of the portal's pages.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from siwei.cli.words import Words
from siwei.errors import Said

if TYPE_CHECKING:
    from siwei.policy.programmes import Text

LINES: Mapping[str, tuple[str, str]] = {
    # check
    "checked": (
        "{programmes} programmes, no problems, {warnings} warnings",
        "{programmes} 项政策，没有问题，{warnings} 条提醒",
    ),
    # decide
    "decided": ("{rows} rows decided for {day}", "已就 {day} 判定 {rows} 行"),
    "rejected": ("{rejected} rows rejected", "{rejected} 行不能用"),
    # rows that cannot be used
    "rejected_first": (
        "! {rejected} of {rows} rows rejected, the others go on (--rejects FILE keeps them all):",
        "! {rows} 行中有 {rejected} 行不能用，其余照常处理（--rejects 文件 可保存全部）：",
    ),
    # schema
    "columns": ("columns", "各列"),
    "status_columns": (
        "Empty is not known. <column>__status may stand beside each: 0 declared, 1 documented, 2 verified.",
        "空表示不详。每列旁可有 <列名>__status：0 自行申报、1 有文件、2 已核验。",
    ),
    "added_up": (
        "What is added up of other rows may be absent where --rows gives them.",
        "由其他行汇总的列，在 --rows 给出这些行时可以没有。",
    ),
    "holdings": (
        "`holdings` in the folder of --rows: what is held already, which `explain`, `combine` and `diff` weigh",
        "--rows 文件夹中的 `holdings`：已持有的扶持，`explain`、`combine` 与 `diff` 一并权衡",
    ),
    # explain
    "favours_local": (
        "favours local suppliers; fair competition review:",
        "偏向本地供应商；公平竞争审查：",
    ),
    "no_source": ("no source", "无出处"),
    "no_place": ("place not known", "条目不详"),
    "not_known": ("not known", "不详"),
    "worked_out": ("how the award is worked out", "扶持金额的计算"),
    "award": ("award, fen", "扶持金额（分）"),
    "award_cut": ("award (cut by the cap), fen", "扶持金额（受封顶限制，分）"),
    # share
    "after_events": ("after the events", "各事件之后"),
    "rehearsal": (
        "A draft releases no money: this is a rehearsal.",
        "草案不发放资金：这只是预演。",
    ),
    # combine
    "combined": ("awards combined", "扶持的组合"),
    "choices": ("{count} lawful choices", "{count} 种合规组合"),
    "joint_limits": ("joint limits", "合计上限"),
    "not_weighed": (
        "! not weighed here: the joint limits {limits} → {how}",
        "! 此处未权衡合计上限 {limits} → {how}",
    ),
    "give_files": ("give --claims and --projects", "请提供 --claims 与 --projects"),
    "compare_packs": ("compare packs over organisations", "请就机构比较两个政策包"),
    "held_nowhere": (
        "! what {count} subjects hold counts nowhere: no row is theirs, and no organisation is named: {shown}",
        "! {count} 个对象所持有的未计入：文件中没有其行，也未写明所属机构：{shown}",
    ),
    # diff
    "held_of_it": ("of it held already: {held} CNY", "其中已持有 {held} 元"),
    "held_not_weighed": (
        "! not weighed here: what is held of {programmes} → compare packs",
        "! 此处未权衡已持有的 {programmes} → 请比较两个政策包",
    ),
    "compared": ("{subjects} rows on {day}; CNY before pots are shared", "{day}，{subjects} 行；元，资金池分配之前"),
    "changed": ("{what}: what changed", "{what}：改动"),
    "why": ("{what}: why", "{what}：原因"),
    "for_whom": ("{what}: for whom", "{what}：涉及对象"),
    "examples": ("{what}: examples", "{what}：示例"),
    "cost": ("{kind}: {before} → {after} CNY", "{kind}：{before} → {after} 元"),
    "cost_paid": ("paid", "发放资金"),
    "cost_tax_saving": ("tax_saving", "税收优惠"),
    "cost_draft": ("drafts, which release no money", "草案（不发放资金）"),
    "kept_together": ("kept together, {kind}", "合计保留，{kind}"),
    "kept_jointly": ("kept under joint limits, {kind}", "合计上限之下保留，{kind}"),
    "kept": (
        "kept of {programmes}: {before} → {after} CNY; {counts}",
        "{programmes} 合计保留：{before} → {after} 元；{counts}",
    ),
    "kept_by_organisations": (
        "kept of {programmes} by organisations, their contracts and their projects: {before} → {after} CNY; {counts}",
        "{programmes} 由机构及其合同、项目合计保留：{before} → {after} 元；{counts}",
    ),
    "count": ("{count} {what}", "{what} {count}"),
    "of_others": (
        "! {count} rows for a {kind} are of organisations that are not in the table, and are left out",
        "! {count} 行{kind}所属的机构不在表中，未计入",
    ),
    # test, release, replay, new
    "cases": ("cases", "案例"),
    "case": ("{programme}, case {case} on {day}", "{programme} 的案例 {case}（{day}）"),
    "differs": ("{what}: expected {expected}, got {got}", "{what}应为 {expected}，实为 {got}"),
    "came_out": ("{what} {got}", "{what} {got}"),
    "besides": ("besides: {seen}", "此外：{seen}"),
    "mend_case": ("mend the rules or the case", "请改正规则或案例"),
    "without_cases": ("! without cases: {programmes}", "! 没有案例：{programmes}"),
    "released": (
        "{programme} {version} released on {day}: {sha256}",
        "{programme} {version} 已于 {day} 发布：{sha256}",
    ),
    "erased": ("{key}: erased", "{key}：已删除"),
    "replayed": ("{count} decisions replayed, {same} the same", "已重放 {count} 项判定，{same} 项结果相同"),
    "replayed_erased": (
        "{count} decisions replayed, {same} the same, {erased} erased",
        "已重放 {count} 项判定，{same} 项结果相同，{erased} 项已删除",
    ),
    "pack_started": (
        "written: the facts programmes may read; add your own",
        "已写入：政策可读取的事实；请补充所需的",
    ),
    "programme_started": (
        "written: fill in what says TODO, then siwei policy check --pack",
        "已写入：请填写标有 TODO 之处，然后运行 siwei policy check --pack",
    ),
}  # fmt: skip

HEADINGS: Mapping[str, str] = {
    "what": "项目", "value": "值", "programme": "政策", "version": "版本", "id": "id",
    # check
    "kind": "类型", "clauses": "条款", "attributes": "属性", "draft": "草案", "verified": "已核验",
    "without a source": "无出处",
    # decide, explain
    "eligible": "符合", "not_eligible": "不符合", "cannot_tell": "待补材料", "award_fen": "扶持金额（分）",
    "verdict": "判定", "condition": "条件", "saw": "所见事实", "source": "出处", "step": "步骤", "cap": "封顶",
    # schema
    "column": "列", "type": "值的类型", "unit": "单位", "meaning": "含义", "added_up_of": "汇总自",
    # share
    "sharing": "分配方式", "seed": "种子", "budget_fen": "预算（分）", "taken_before_fen": "此前已占用（分）",
    "treasury_before_fen": "此前已退回财政（分）", "claims": "申报", "left_out": "未计入",
    "claimed_fen": "申报金额合计（分）",
    "paid_fen": "所得合计（分）", "left_fen": "剩余（分）", "paid_in_full": "全额", "paid_in_part": "部分",
    "events": "事件", "returns": "退回去向", "put_in_fen": "已投入（分）", "treasury_fen": "退回财政（分）",
    "waiting": "等待", "waiting_fen": "等待金额（分）", "earlier_awards_fen": "此前轮次的扶持（分）",
    "choose_again": "可重新选择", "given_up": "放弃的申报", "given_up_fen": "放弃的金额（分）",
    # combine
    "rows": "行", "rejected": "不能用的行", "awards": "扶持", "entitled_fen": "应得（分）", "kept_fen": "保留（分）",
    "cut_or_declined": "核减或放弃", "drafts": "草案", "draft_fen": "草案金额（分）", "held_fen": "已持有（分）",
    "fen": "分", "organisation": "机构", "limit": "合计上限", "limit_fen": "上限（分）", "counted_fen": "计入（分）",
    # diff
    "part": "部分", "before": "改前", "after": "改后", "gains": "增加", "loses": "减少", "same": "不变",
    "undecided": "未定", "cost before": "改前费用", "cost after": "改后费用", "pot before": "改前资金池",
    "pot after": "改后资金池", "joint limit": "合计上限", "side": "版本", "organisations": "机构", "cut": "受核减",
    "cut, CNY": "核减（元）", "cannot tell": "尚不能判定", "reason": "原因", "change": "变动", "dimension": "维度",
    "group": "组别", "subjects": "对象", "outcome": "结果", "verdict_before": "改前判定", "verdict_after": "改后判定",
    "award_before": "改前金额", "award_after": "改后金额",
    # test
    "cases": "案例", "wrong": "不符", "covered": "覆盖", "limited_fen": "上限核减后的金额（分）",
}  # fmt: skip

CODES: Mapping[str, str] = {
    "eligible": "符合", "not_eligible": "不符合", "cannot_tell": "待补材料",
    "yes": "符合", "no": "不符合", "unknown": "待补材料", "error": "计算出错", "none": "无", "not known": "不详",
    "grant": "补助", "voucher": "券", "tax_saving": "税收优惠", "paid": "发放资金",
    "first_come": "先到先得", "merit": "择优", "pro_rata": "按比例分配", "lottery": "抽签", "not_known": "分配方式不明",
    "pot": "回到资金池，供以后申报", "treasury": "退回财政", "waiting": "给予未足额获得的申报者",
    "organisation": "机构", "claim": "合同", "project": "项目", "person": "个人",
    "before": "改前", "after": "改后", "gains": "增加", "loses": "减少", "same": "不变", "undecided": "未定",
    "0–9 people": "0–9 人", "10–99 people": "10–99 人", "100–299 people": "100–299 人",
    "300 people and more": "300 人以上", "under 1 year": "不满 1 年", "1–2 years": "1–2 年", "3–5 years": "3–5 年",
    "6–10 years": "6–10 年", "over 10 years": "10 年以上", "micro": "微型企业", "small": "小型企业",
    "medium": "中型企业", "large": "大型企业",
    "by_district": "所在区", "by_size": "规模", "by_age": "成立年限", "by_segment": "环节",
}  # fmt: skip


_WORDS = Words(LINES, HEADINGS, CODES)
line, heading, headings, code = _WORDS.line, _WORDS.heading, _WORDS.headings, _WORDS.code


def in_both(text: "Text") -> Said:
    return Said(text.en, text.zh)

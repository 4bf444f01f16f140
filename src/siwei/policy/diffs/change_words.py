"""What differs between two texts, and what made the difference, in both languages: kinds of changes, what a part says
in either text, reasons. Values stand in braces.
"""

import re
from collections.abc import Mapping

from siwei.errors import Said, filled
from siwei.policy.programmes import FactStatus

KINDS: Mapping[str, str] = {
    "parameter": "参数", "table": "表", "aggregate": "汇总", "clause": "条款", "award": "金额", "cap": "封顶",
    "rounding": "舍入", "limit": "合计上限", "period": "期限", "window": "申报期", "voucher": "券", "pot": "资金池",
    "group": "叠加组", "exclusion": "互斥规则", "joint limit": "合计上限", "order of groups": "各组次序",
    "related parties": "关联方", "programmes": "各项政策",
}  # fmt: skip

PARTS: Mapping[str, str] = {
    "kinds": "类别", "rate": "比例", "valid": "有效期", "providers": "供给方", "budget": "预算", "sharing": "分配方式",
    "payment": "支付方式", "returns": "退回去向", "choice": "再选择", "reserve": "预留", "quota by": "限额",
}  # fmt: skip
"""Of a voucher or a pot, whose parts have no ids of their own."""

CODES: Mapping[str, str] = {
    "down": "向下", "up": "向上", "half_up": "四舍五入", "half_even": "四舍六入五成双",
    "sum": "合计", "count": "计数", "greatest": "最大值",
    "first_come": "先到先得", "merit": "择优", "pro_rata": "按比例分配", "lottery": "抽签", "not_known": "分配方式不明",
    "partial": "部分支付", "whole_or_next": "不足额则轮到下一项", "whole_or_stop": "不足额则到此为止",
    "waiting": "给予未足额获得的申报者", "pot": "回到资金池，供以后申报", "treasury": "退回财政",
    "year": "每年", "once": "一次性",
    "year_end": "年底", "period_end": "期限终了",
}  # fmt: skip

STATUSES: Mapping[FactStatus, tuple[str, str]] = {
    FactStatus.DECLARED: ("declared", "自行申报"),
    FactStatus.DOCUMENTED: ("documented", "有文件"),
    FactStatus.VERIFIED: ("verified", "已核验"),
}

TEXTS: Mapping[str, tuple[str, str]] = {
    # of a programme
    "required": ("{code} ({status})", "{code}（{status}）"),
    "rounding": ("{mode} to {fen} fen", "{mode}到 {fen} 分"),
    "in_force": ("in force", "有效"),
    "not_in_force": ("not in force", "不在有效期内"),
    "aggregate": ("{kind}{value} over {of}{where} per {per}", "按 {per} 对 {of}{where}{kind}{value}"),
    "value": (" of {code}", " {code}"),
    "where": (" where {code}", "（满足 {code}）"),
    "no_table": ("none", "无"),
    "table": ("up to {limits}: {results}", "至多 {limits}：{results}"),
    "limit": ("at most {code} per {per}{order}", "每 {per} 至多 {code}{order}"),
    "served": (", served by {order}", "，按 {order} 排列"),
    "days": ("{start} to {end}", "{start} 至 {end}"),
    "open": ("open", "不限"),
    "valid_days": ("{days} days", "{days} 天"),
    "not_known": ("not known", "不详"),
    "listed_only": ("listed only", "仅限入库"),
    "no_budget": ("not in the text", "文本未写明"),
    "budget_fen": ("{fen} fen", "{fen} 分"),
    "budget": ("{budget} ({per})", "{budget}（{per}）"),
    "reserve": ("{share} bp where {code}", "{share} 基点，满足 {code}"),
    "quota": ("{most} bp", "{most} 基点"),
    "again": ("again, where the pot gives less", "资金池给付不足时重新选择"),
    # of stacking.yaml
    "group": (
        "{programmes}: at most {code}{since}, cut in the order {order}",
        "{programmes}：至多 {code}{since}，依次核减 {order}",
    ),
    "since": (" from {count} awards on", "（{count} 项起）"),
    "exclusion": ("at most {most} of {programmes}", "{programmes} 至多 {most} 项"),
    "joint": (
        "{programmes}: at most {code} of one organisation in all, cut in the order {order}{served}",
        "{programmes}：一家机构合计至多 {code}，依次核减 {order}{served}",
    ),
    "related": ("shares from {share} bp on", "{share} 基点起的持股"),
    # what made the difference, where it is no one part
    "new": ("the programme is new", "新增的政策"),
    "gone": ("the programme is gone", "政策已取消"),
    "unexplained": ("another part of the text", "文本的其他部分"),
    "together": ("all changes together", "所有改动合在一起"),
}

REASONS = dict(TEXTS[key] for key in ("new", "gone", "unexplained", "together"))
OR, WITH = Said(" or ", "，或"), Said(" with ", "，连同")
"""Between parts of which each alone made it; between parts of which all are needed."""


def change_text(key: str, /, **values: object) -> Said:
    """Of a line of TEXTS."""
    return filled(*TEXTS[key], values)


def word(code: object) -> Said:
    """A code of the language of programmes."""
    return Said(str(code), CODES.get(str(code), str(code)))


def required(code: str, status: FactStatus) -> Said:
    return change_text("required", code=code, status=Said(*STATUSES[status]))


def part_name(kind: str, id: str) -> Said:
    """`clause firm`, `pot budget`, `award`."""
    name, _, own = id.rpartition(" ") if kind in ("voucher", "pot") else ("", "", id)
    chinese = f"{PARTS.get(name, name)} {own}" if name else PARTS.get(own, own) if kind in ("voucher", "pot") else own
    return Said(f"{kind} {id}" if id else kind, f"{KINDS.get(kind, kind)} {chinese}".strip())


def reason_in_both(reason: str) -> Said:
    """What `find_reasons` says: names of parts, alone or joined."""
    parts = re.split(f"({OR}|{WITH})", reason)
    return Said(reason, "".join(map(_reason_part, parts)))


def _reason_part(part: str) -> str:
    if part in (OR, WITH):
        return (OR if part == OR else WITH).zh
    if part in REASONS:
        return REASONS[part]
    kind = max((each for each in KINDS if part == each or part.startswith(f"{each} ")), key=len, default="")
    return part_name(kind, part.removeprefix(kind).strip()).zh if kind else part

"""The Chinese of the codes that refusals of the exchange name. Pages say the same words (`siwei.portal.words`, held
equal by a test); the exchange stands below them and cannot ask."""

from collections.abc import Mapping
from types import MappingProxyType

from siwei.market.life import STATES_ZH

CHINESE: Mapping[str, str] = MappingProxyType(
    {
        **STATES_ZH,
        # deliveries, disputes, listings, matches, claims
        "planned": "已计划", "submitted": "提交", "accepted": "已接受", "rejected": "已退回", "open": "开放",
        "answered": "已答复", "resolved": "已裁定", "withdrawn": "已撤回", "suggested": "已推荐",
        "introduced": "已引荐", "declined": "已婉拒", "asked": "已申请", "approved": "已批准", "refused": "未通过",
        # payment orders and batches, bank entries and what was found of them
        "ordered": "已下指令", "paid": "已付", "part-paid": "部分已付", "ended": "已部分支付，余款已有处理",
        "returned": "已退回", "exported": "已送银行", "matched": "已匹配", "explained": "已说明",
        "overpaid": "多于指令", "paid-twice": "重复支付", "other-payee": "付至其他账户", "not-ordered": "已付而无指令",
        "received": "收到而未预期",
        # applications and rounds
        "applied": "已申报", "shared": "已分配", "awarded": "已扶持", "notice": "公示中",
        "eligible": "符合", "not_eligible": "不符合", "cannot_tell": "尚不能判定",
        "offer": "供给", "need": "需求",
        "post": "记账", "hold": "冻结", "capture": "入账", "release": "解冻", "reverse": "冲正",
        "owner": "所有者", "manager": "经理", "finance": "财务", "member": "成员",
        "organisation": "机构", "claim": "申领项", "project": "项目", "person": "个人",
    }
)  # fmt: skip


def word_zh(code: str) -> str:
    """The word for a state, a finding, a role, a verdict or a subject; the code itself where there is none."""
    return CHINESE.get(code, code)

"""What is found wrong with the ledger, in words: Chinese and English.

A finding is a code of `WORDS` with its values, so that it is said in the reader's language wherever it is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CHECKS = {
    "guard": "触发器",
    "constraint": "约束",
    "account": "账户",
    "hold": "冻结",
    "transfer": "分录",
    "key": "键",
    "event": "事件",
    "seal": "封存区块",
    "head": "区块头",
}
"""What was checked, in Chinese; the codes are the English."""
WORDS = {
    "guard_missing": ("触发器不在，或与安装时不同", "the trigger is not there, or not as it was installed"),
    "constraint_missing": ("{name} 不在，或与建立时不同", "{name} is not there, or not as it was made"),
    "differs": ("{name_zh}为 {stands}，按其分录应为 {due}", "{name} is {stands}, its entries come to {due}"),
    "below_floor": (
        "余额 {balance} 减去冻结 {held} 低于下限 {floor}",
        "balance {balance} less held {held} is below its floor {floor}",
    ),
    "floor_differs": ("下限为 {stands}，按规定应为 {due}", "its floor is {stands}, what was set is {due}"),
    "floor_untold": ("下限为 {stands}，没有事件设定它", "its floor is {stands}, and no event set it"),
    "unit_sum": ("该单位的余额合计为 {total}，应为零", "the balances of the unit sum to {total}, not to zero"),
    "hold_unplaced": ("没有设立它的分录", "no entry placed it"),
    "hold_exceeded": (
        "{amount} 中已入账 {captured}、已解冻 {released}",
        "{captured} captured and {released} released of {amount}",
    ),
    "hold_gone": ("其进度记录不在", "its progress is not there"),
    "hold_last_other": ("其最后一笔分录不属于它", "its last entry is none of its own"),
    "amount_no_integer": ("金额不是整数", "its amount is not an integer"),
    "amount_out_of_bounds": ("金额超出范围", "its amount is out of bounds"),
    "account_gone": ("其账户不在", "an account of it is not there"),
    "same_account": ("付款与收款是同一账户", "it pays an account from itself"),
    "other_unit": ("其账户使用另一单位", "its accounts keep another unit"),
    "kind_unknown": ("种类不明", "its kind is unknown"),
    "wrong_shape": ("与其种类的形式不符", "it has not the shape of its kind"),
    "ends_before": ("结束早于开始", "it ends before it begins"),
    "not_of_hold": ("不属于其两个账户之间的冻结", "it is not of a hold between its accounts"),
    "hold_expired": ("入账时冻结已到期", "it captures a hold that had expired"),
    "not_a_reversal": ("并未冲回其所指的分录", "it does not reverse what it names"),
    "key_repeated": ("该键用了 {count} 次", "the key is used {count} times"),
    "reversed_repeatedly": ("被冲回 {count} 次", "it is reversed {count} times"),
    "code_repeated": ("该代码用了 {count} 次", "the code is used {count} times"),
    "number_repeated": ("该编号用了 {count} 次", "the number is used {count} times"),
    "seal_before_missing": ("缺少它的前一区块", "the one before it is missing"),
    "seal_differs": ("{name} 为 {stands!r}，封存时为 {due!r}", "{name} is {stands!r}, sealed was {due!r}"),
    "concerned_late": (
        "封存之后又添上一个与之有关的机构（行 {row}）",
        "an organisation it concerned was added after it was sealed (row {row})",
    ),
    "head_order": (
        "在其文件中不接在区块头 {before} 之后",
        "it does not follow head {before} in its own file",
    ),
    "head_unsealed": ("其区块不在数据库中", "its seal is not in the database"),
    "head_differs": ("{name} 为 {stands!r}，导出时为 {due!r}", "{name} is {stands!r}, exported was {due!r}"),
    "more": ("另有 {count} 项", "{count} more"),
    "uncheckable": ("无法检查：{reason}", "cannot be checked: {reason}"),
}
"""Code → Chinese, English."""
COLUMNS = {
    "balance": "余额",
    "held": "冻结额",
    "last entry": "最后一笔分录",
    "amount": "金额",
    "captured": "已入账额",
    "released": "已解冻额",
    "end": "到期时间",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is one of `CHECKS`; `row` names what is wrong (an account's code, an entry's number and key, a table)."""

    check: str
    row: str
    code: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def what(self) -> str:
        return WORDS[self.code][1].format(**self.values)

    @property
    def what_zh(self) -> str:
        name = str(self.values.get("name", ""))
        return WORDS[self.code][0].format(**self.values, name_zh=COLUMNS.get(name, name))

    def as_dict(self) -> dict[str, str]:
        return {
            "check": self.check, "check_zh": CHECKS.get(self.check, self.check), "row": self.row, "what": self.what,
            "what_zh": self.what_zh,
        }  # fmt: skip

    def __str__(self) -> str:
        return f"{self.check} {self.row}: {self.what}"

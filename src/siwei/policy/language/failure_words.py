"""The Chinese of why an evaluation fails and why a pattern is refused, by the message. What it quotes is kept."""

import re
from collections.abc import Mapping

from siwei.errors import Said
from siwei.policy.language.expression_words import refusal

FAILURES: Mapping[str, str] = {
    # numbers
    r"division by zero": "除以零",
    r"integer overflow": "整数超出 64 位",
    r"unsigned integer overflow": "无符号整数超出 64 位，或为负",
    r"a double outside the range of (u?int)": "小数超出 {0} 的范围",
    r"no order between (.*) and (.*)": "{0} 与 {1} 之间没有大小之分",
    # functions of ours
    r"share needs a denominator above zero": "share 的分母须大于零",
    r"what is rounded to must be above zero": "舍入的单位须大于零",
    r"a share of nothing": "整体为零，没有占比",
    r"the least is above the most": "下限高于上限",
    r"band needs one more result than limits": "分档的结果须比界限多一个",
    r"no industry ('.*') in size_classes\.csv": "size_classes.csv 中没有行业 {0}",
    # conversions, moments
    r"bytes that are not UTF-8": "字节不是 UTF-8",
    r"a timestamp outside the years 1 to 9999": "时刻超出公元 1 至 9999 年",
    r"a duration of more than ([\d,]+) years": "时长超过 {0} 年",
    r"not a timestamp of RFC 3339, like (.*)": "不是 RFC 3339 的时刻，如 {0}",
    r"not a duration, like (.*) or (.*)": "不是时长，如 {0} 或 {1}",
    r"a time zone of more than a day": "时区偏移超过一天",
    r"no such moment: .*": "没有这个时刻",
    r"a duration has no (.*)": "时长没有 {0}",
    r"no time zone ('.*')": "没有时区 {0}",
    r"no (.*) can be made of this (.*)": "不能由 {1} 得到 {0}",
    # names, fields, lists, maps
    r"undeclared reference to ('.*')": "没有名为 {0} 的属性、参数或函数",
    r"a (.*) has no fields": "类型为 {0} 的值没有字段",
    r"no such key(?: ('.*'))?": "没有这个键",
    r"no function ('.*')": "没有函数 {0}",
    r"no macro over a (.*)": "宏不能用于 {0}",
    r"an index that is not a whole number": "序号不是整数",
    r"an index outside the list": "序号超出列表",
    r"a key of a map cannot be a (.*)": "映射的键不能是 {0}",
    r"a map holds a key twice": "映射中有重复的键",
    r"a (.*) is no key of a map": "{0} 不能作映射的键",
    # patterns
    r"a pattern of more than (\d+) characters": "模式超过 {0} 个字符",
    r"not a regular expression of RE2": "不是 RE2 的正则表达式",
    r"a pattern with \(\?i\) and characters beyond ASCII is not supported": "(?i) 的模式中不支持 ASCII 以外的字符",
    r"the range in ('.*') is not supported": "不支持 {0} 中的范围",
    r"(.*) in a pattern is not supported": "不支持模式中的 {0}",
    r"(.*) in a class of a pattern is not supported": "不支持字符类中的 {0}",
    # what is not evaluated
    r"more than (\d+) operations, items and characters": "超过 {0} 次运算、项与字符",
    r"(.*) is of an extension of CEL, and not supported": "{0} 属 CEL 的扩展，不支持",
    r"(.*) is not supported": "不支持 {0}",
    r"no (.*) of (.*)": "{0} 不能用于这些类型：{1}",
}
_NAMED = re.compile(r"(\w+): (.*)", re.DOTALL)
"""A function of ours says its name before what is wrong."""


def failure_in_both(message: str) -> str:
    """One message of the evaluator's, in both languages; one that is not known stays in English."""
    for pattern, chinese in FAILURES.items():
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found:
            return Said(message, chinese.format(*found.groups()))
    named = _NAMED.fullmatch(message)
    inner = failure_in_both(named[2]) if named else ""
    return Said(message, f"{named[1]}：{inner.zh}") if named and isinstance(inner, Said) else message


def failed(key: str, error: Exception) -> tuple[Said, Said]:
    """A line of REFUSALS whose {error} is what was raised."""
    return refusal(key, error=failure_in_both(str(error)))

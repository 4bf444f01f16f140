"""The Chinese of what CEL's own parser and checker say, by the beginning of the message. What it quotes is kept."""

import re
from collections.abc import Mapping

from siwei.errors import Said

MESSAGES: Mapping[str, str] = {
    r"undeclared reference to ('.*')": "没有名为 {0} 的属性、参数或函数",
    r"found no matching overload for ('.*') applied to '\((.*)\)'": "{0} 不能用于这些类型：{1}",
    r"expression of type ('.*') cannot be the operand of a select operation": "类型为 {0} 的值没有字段",
    r"expression of type ('.*') cannot be the range of .*": "类型为 {0} 的值不能逐项查看：须为列表或映射",
    r"expected type ('.*') but found ('.*')": "应为类型 {0}，实为 {1}",
    r"undefined field ('.*')": "没有字段 {0}",
    r"reserved identifier: (.*)": "`{0}` 是 CEL 的保留字",
    r"unsupported syntax ('.*')": "不支持写法 {0}",
    r"invalid int literal": "整数超出 64 位的范围，或写法不对",
    r"invalid uint literal": "无符号整数超出 64 位的范围，或写法不对",
    r"invalid double literal": "小数的写法不对",
    r"invalid constant literal expression": "常数的写法不对",
    r"has\(\) argument must be a field selection": "has() 的参数须为字段",
    r"(\w+)\(\) variable name must be a simple identifier": "{0}() 的变量须为简单的名字",
    r"(?i)exceeded max recursion depth of (\d+) when parsing\.?": "嵌套超过 {0} 层",
    r"Expression recursion limit exceeded\. limit: (\d+)": "嵌套超过 {0} 层",
    r"(?i)invalid string literal: .*": "文字的转义不对",
    r"(?i)invalid bytes literal: .*": "字节的转义不对",
    r"Syntax error: token recognition error at: (.*)": "语法错误：无法识别 {0}",
    r"Syntax error: mismatched input (.*)": "语法错误：此处不应为 {0}",
    r"Syntax error: extraneous input (.*)": "语法错误：{0} 是多余的",
    r"Syntax error: no viable alternative at input (.*)": "语法错误：{0} 处读不下去",
    r"Syntax error: missing (.*) at (.*)": "语法错误：{1} 之前缺少 {0}",
    r"Syntax error: (.*)": "语法错误：{0}",
    r"<<nil>> parsetree": "表达式不完整",
}


def in_both(message: str) -> str:
    """One message of CEL's, in both languages; one that is not known stays in English."""
    for pattern, chinese in MESSAGES.items():
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found:
            return Said(message, chinese.format(*found.groups()))
    return message

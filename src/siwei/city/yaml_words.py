"""The Chinese of what the two YAML parsers (PyYAML's own and libyaml) say is wrong, by the message. What they quote is
kept.
"""

import re
from collections.abc import Mapping

from siwei.errors import Said

MESSAGES: Mapping[str, str] = {
    r"mapping values are not allowed (?:here|in this context)": "此处不得有“键: 值”（值中的冒号请加引号）",
    r"mapping keys are not allowed (?:here|in this context)": "此处不得有键",
    r"(?:block )?sequence entries are not allowed (?:here|in this context)": "此处不得有列表项（-）",
    r"found unexpected ':'": "此处的冒号“:”多余（值中的冒号请加引号）",
    r"could not find expected ':'": "缺少冒号“:”",
    r"expected <block end>, but found (.*)": "缩进不一致，或括号、引号没有配对（此处为 {0}）",
    r"did not find expected key": "缩进不一致，或引号没有配对：此处应为键",
    r"did not find expected '-' indicator": "列表项的缩进不一致：此处应为“-”",
    r"(?:did not find expected|expected) (',' or '[\]}]')(?:, but got .*)?": "此处应为 {0}",
    r"(?:did not find expected|expected the) node content(?:, but found .*)?": "此处应为值",
    r"did not find expected <(?:document start|stream-start)>": "文档之后有多余的内容",
    r"expected '<document start>', but found .*": "文档之后有多余的内容",
    r"found unexpected end of stream": "引号或括号没有结束，文件已到末尾",
    r"found unexpected document (?:separator|indicator)": "引号没有结束就出现了文档分隔线",
    r"found character (?:('.*') )?that cannot start any token": "值不能以此字符开头（请加引号）",
    r"found (?:a tab character|character '\\t') .*": "缩进中有制表符，请改用空格",
    r"found unknown escape character.*": "双引号中的转义不对",
    r"found undefined (?:tag handle|alias)(?: '.*')?": "所引用的标签或别名未定义",
    r"found duplicate (?:anchor|key|%?\w+ directive).*|duplicate tag handle.*": "重复定义",
    r"found (?:an )?incompatible YAML document.*": "须为 YAML 1.x",
    r"found (?:unknown|unexpected) directive.*|could not find expected directive name": "无法识别的指令",
    r"(?:did not find|expected).*(?:hexa?decimal|hexdecimal) numbers?.*": "转义中应为十六进制数",
    r"found invalid Unicode character escape code": "转义所写的字符不存在",
    r"(?:expected|found an) indentation indicator.*|expected chomping or indentation indicators.*": "文字块的标记不对",
    r"(?:did not find expected|expected a) comment or (?:a )?line break.*": "此处应换行",
    r"(?:did not find expected|expected) alphabetic or numeric character.*": "锚点或别名缺少名字",
    r"(?:special|control) characters are not allowed": "含有不可见的控制字符",
    r"invalid (?:leading|trailing) UTF-8 octet.*|incomplete UTF-8 octet sequence": "不是 UTF-8",
    r"did not find expected whitespace or line break|expected ' ', but found .*": "此处应为空格或换行",
    r"(?:did not find|expected).* (?:tag URI|URI escaped octet|'>'|'!').*": "标签（!）的写法不对",
    r"expected (?:URI|'>'|'!').*": "标签（!）的写法不对",
    r"(?:did not find|expected).* (?:digit|version number).*": "%YAML 所写的版本不对",
    r"found unexpected non-alphabetical character": "无法识别的指令",
    r"while .*": "写法不完整",
}


def yaml_in_both(message: str) -> Said:
    """One message of a parser's; one that is not known is quoted."""
    for pattern, chinese in MESSAGES.items():
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found:
            return Said(message, chinese.format(*found.groups()))
    return Said(message, f"语法错误（`{message}`）")

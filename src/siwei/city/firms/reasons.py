"""Why a row was rejected or mended, in Chinese: the reasons are written in English where they are found.

A reason is kept as one text in the database and in files; what it quotes of the row stays as it is.
"""

import re
from collections.abc import Iterable

PLAIN = "{}"
WORDS: tuple[tuple[str, str], ...] = (
    ("no name", "没有名称"),
    ("name of {} characters, more than {}", "名称有 {} 个字，多于 {} 个"),
    ("text of {} characters, more than {}", "文字有 {} 个字，多于 {} 个"),
    ("{} cells, the header has {}", "有 {} 个单元格，表头有 {} 个"),
    ("the row holds a NUL byte", "该行含有 NUL 字节"),
    ("code {} looks rounded by a spreadsheet (digits after the 15th lost): correct it from the licence",
     "代码 {} 像是被电子表格四舍五入（第 15 位以后丢失）：请按营业执照更正"),
    ("code {} has {} characters, a code has 18", "代码 {} 有 {} 位，应为 18 位"),
    ("code {} holds '{}', which GB 32100 does not use", "代码 {} 含有 GB 32100 不用的字符“{}”"),
    ("code {} fails its check: character 18 is {}, expected {}", "代码 {} 校验不符：第 18 位为 {}，应为 {}"),
    ("code {} has a 19th character; the first 18 pass their check and were kept",
     "代码 {} 有第 19 位；前 18 位校验相符，予以保留"),
    ("{} is a registration number, not a code: the firm is kept without a code",
     "{} 是注册号而非统一社会信用代码：保留该企业，不记代码"),
    ("code {} is valid, but the organisation code inside it fails GB 11714",
     "代码 {} 有效，但其中的组织机构代码不符合 GB 11714"),
    ("date '{}' cannot be read; write YYYY-MM-DD", "日期“{}”无法识别；请写成 YYYY-MM-DD"),
    ("date '{}' does not exist in the calendar", "日期“{}”在日历中不存在"),
    ("date '{}' is before 1800", "日期“{}”早于 1800 年"),
    ("date '{}' is what a database writes for an empty clock", "日期“{}”是数据库对空日期的写法"),
    ("date '{}' is in the future", "日期“{}”在未来"),
    ("amount '{}' has no unit (元, 万元, 万美元 …)", "金额“{}”没有单位（元、万元、万美元……）"),
    ("amount '{}' cannot be read", "金额“{}”无法识别"),
    ("amount '{}' has an unknown unit or currency '{}'", "金额“{}”的单位或币种“{}”未知"),
    ("amount '{}' is finer than the currency's smallest unit", "金额“{}”小于该币种的最小单位"),
    ("amount '{}' is too large", "金额“{}”过大"),
    ("amount in {}, expected CNY", "金额以 {} 计，应为人民币"),
    ("'{}' is not a whole number", "“{}”不是整数"),
    ("'{}' is neither true nor false", "“{}”既非真也非假"),
    ("capital of zero: taken as not stated", "注册资本为零：视为未填"),
    ("'{}' is no kind of organisation: kept as firm", "“{}”不是机构类型：按企业保留"),
    ("'{}' is no district of this city", "“{}”不是本市的区"),
    ("'{}' is an amount: the cells of this row look shifted", "“{}”是金额：该行的单元格像是错位"),
    ("'{}' is no status: taken as declared", "“{}”不是证明程度：视为自行申报"),
    ("same code as '{}', another name: merged by code", "与“{}”代码相同而名称不同：按代码合并"),
    ("the name fits {} codes: kept apart, without a code", "该名称对应 {} 个代码：单独保留，不记代码"),
    ("{} codes carry this name: kept apart", "有 {} 个代码使用该名称：单独保留"),
)  # fmt: skip
MERGED_BY = {
    "code": ("统一社会信用代码相同", "same code"),
    "name": ("名称相同，代码不矛盾", "same name, no other code"),
}
"""Why a row was taken to be an organisation already known, by the code that is kept: in Chinese and in English."""
BETWEEN = "; "
"""Between the reasons of one row."""


def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("(.*?)".join(re.escape(part) for part in english.split(PLAIN)), re.DOTALL)


Patterns = tuple[tuple[re.Pattern[str], str], ...]


def patterns_of(words: Iterable[tuple[str, str]]) -> Patterns:
    return tuple((_pattern(english), chinese) for english, chinese in words)


_PATTERNS = patterns_of(WORDS)


def in_chinese(reason: str, patterns: Patterns = _PATTERNS) -> str:
    """The reason in Chinese, of several each; what is none of ours stays as it is."""
    parts = reason.split(BETWEEN)
    found, start = [], 0
    while start < len(parts):
        # What a reason quotes, and a reason itself, may hold what stands between two.
        ends = range(start + 1, len(parts) + 1)
        told = ((end, _one_in_chinese(BETWEEN.join(parts[start:end]), patterns)) for end in ends)
        end, chinese = next(((end, text) for end, text in told if text is not None), (start + 1, parts[start]))
        found.append(chinese)
        start = end
    return reason if found == parts else "；".join(found)


def _one_in_chinese(reason: str, patterns: Patterns) -> str | None:
    for pattern, chinese in patterns:
        if found := pattern.fullmatch(reason):
            return chinese.format(*found.groups())
    return None

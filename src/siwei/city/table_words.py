"""What is wrong with a city pack, in both languages, by the kind of the fault: its files, the header and rows of a
table, a cell, and what must hold between rows.
"""

from collections.abc import Mapping

from siwei.errors import Said, Saying

DELIMITERS: Mapping[str, Said] = {
    ";": Said("semicolons", "分号"),
    "\t": Said("tabs", "制表符"),
    "|": Said("bars", "竖线"),
}

TABLES: Mapping[str, Saying] = {
    "header_unreadable": Saying(
        "the header cannot be read: {why}", "表头无法读取：{why}", "mend the quotes", "请改正引号"
    ),
    "empty": Saying("is empty", "是空的", "begin with the header {columns}", "请以表头 {columns} 开始"),
    "delimiter": Saying("is separated by {sign}", "用{sign}分隔", "separate the columns by commas", "请用逗号分隔各列"),
    "many_columns": Saying("has {count} columns", "有 {count} 列", "keep to these: {columns}", "请只用这些：{columns}"),
    "column_twice": Saying("column {name!r} appears twice", "列 {name!r} 出现两次", "remove one of them", "请删去其一"),
    "misspelt": Saying("unknown column {name!r}", "没有列 {name!r}", "rename it {near!r}", "请改名为 {near!r}"),
    "unknown": Saying(
        "unknown column {name!r}",
        "没有列 {name!r}",
        "remove it; known columns are {columns}",
        "请删去；可用的列：{columns}",
    ),
    "missing": Saying("column {name!r} is missing", "缺少列 {name!r}", "add it to the header", "请在表头中补上"),
    "many_problems": Saying(
        "has more than {most} problems; later rows were not looked at",
        "问题超过 {most} 个；其后的行未查看",
        "mend these first",
        "请先改正这些",
    ),
    "broken_off": Saying(
        "cannot be read from here on: {why}",
        "自此处起无法读取：{why}",
        "close the quotes of this row",
        "请补全此行的引号",
    ),
    "row_twice": Saying(
        "{words} is already on line {line}", "{words} 已在第 {line} 行", "remove one of the two rows", "请删去其中一行"
    ),
    "cells": Saying(
        "{count} cells under {columns} columns",
        "{columns} 列之下有 {count} 个单元格",
        "give one cell per column; quote a cell that holds a comma",
        "每列一个单元格；含逗号的单元格请加引号",
    ),
}
CELLS: Mapping[str, Saying] = {
    "no_text": Saying(
        "is not plain text", "不是普通文字", "write one value, not a list or a mapping", "请写一个值，不是列表或映射"
    ),
    "empty": Saying("is empty", "是空的", "write a value", "请写值"),
    "long": Saying(
        "has {count} characters; the limit is {most}", "有 {count} 个字符，至多 {most} 个", "shorten it", "请缩短"
    ),
    "invisible": Saying(
        "holds an invisible character", "含有不可见字符", "type the text again without it", "请去掉后重新输入"
    ),
    "form": Saying("{cell} is not {form}", "{cell} 不是{form}", "write {form}", "请写{form}"),
    "boolean": Saying(
        "{cell} is neither true nor false",
        "{cell} 既不是 true 也不是 false",
        "write true or false",
        "请写 true 或 false",
    ),
    "date": Saying("{cell} is not a date", "{cell} 不是日期", "write it as YYYY-MM-DD", "请写成 YYYY-MM-DD"),
    "future": Saying(
        "{cell} is in the future", "{cell} 是将来的日期", "write a date up to {today}", "请写不晚于 {today} 的日期"
    ),
    "integer": Saying("{cell} is not a whole number", "{cell} 不是整数", "write digits only", "请只写数字"),
    "year": Saying(
        "{cell} is not a year", "{cell} 不是年份", "write four digits, 1900 to 2099", "请写四位数字，1900 至 2099"
    ),
    "number": Saying(
        "{cell} is not a plain number",
        "{cell} 不是普通的数",
        "write digits and at most one decimal point; ranges go to `qualifier`",
        "请写数字，至多一个小数点；范围写在 `qualifier` 中",
    ),
    "digits": Saying("{cell} has more than {most} digits", "{cell} 超过 {most} 位数字", "round it", "请取整"),
    "share": Saying(
        "{cell} is not between 0 and 1",
        "{cell} 不在 0 与 1 之间",
        "write a number over 0 and up to 1",
        "请写大于 0、不大于 1 的数",
    ),
    "link": Saying("{cell} is not a web address", "{cell} 不是网址", "write it with https://", "请以 https:// 开头"),
    "choice": Saying("{cell} is not one of {known}", "{cell} 不是 {known} 之一", "write one of them", "请写其一"),
    "misspelt": Saying("{cell} is not one of {known}", "{cell} 不是 {known} 之一", "write {near!r}", "请写 {near!r}"),
    "time_zone": Saying(
        "{cell} is not a time zone",
        "{cell} 不是时区",
        "write a name such as Asia/Shanghai",
        "请写名称，如 Asia/Shanghai",
    ),
    "unsourced": Saying(
        "is verified but has no source or no date",
        "写作已核验，却没有出处或日期",
        "name both, or write verified=false",
        "请都写明，或写 verified=false",
    ),
    "no_source": Saying(
        "is verified by {source!r}",
        "以 {source!r} 为核验依据",
        "name what it was read in, or write verified=false",
        "请写明读自何处，或写 verified=false",
    ),
    "itself": Saying(
        "joins {name!r} to itself",
        "将 {name!r} 连到自身",
        "name another segment, or remove the row",
        "请写另一环节，或删去此行",
    ),
    "absent": Saying("is missing", "缺少", "add it", "请补上"),
    "other": Saying(
        "{message}", "写法不对（`{message}`）", "see the reference of the pack format", "见政策包格式的参考文档"
    ),
}
FORMS: Mapping[str, Said] = {
    "country": Said("a country code of two capitals", "两个大写字母的国家代码"),
    "currency": Said("a currency code of three capitals", "三个大写字母的货币代码"),
    "identifier": Said(
        "an identifier (a-z, 0-9, dot, hyphen, underscore; up to 60)",
        "标识（a-z、0-9、点、连字符、下划线，至多 60 个）",
    ),
    "attribute": Said(
        "an attribute name (a letter, then a-z, 0-9, underscore; up to 60)",
        "属性名（字母开头，其后 a-z、0-9、下划线，至多 60 个）",
    ),
}

PACK: Mapping[str, Saying] = {
    # files
    "no_folder": Saying(
        "is not a folder", "不是文件夹", "name the folder that holds pack.yaml", "请指定含 pack.yaml 的文件夹"
    ),
    "missing": Saying("file is missing", "缺少此文件", "add the file", "请补上此文件"),
    "unreadable": Saying("cannot be read: {why}", "无法读取：{why}", "mend the file's permissions", "请改正文件的权限"),
    "leaves": Saying(
        "is a link that leaves the pack",
        "是指向包外的链接",
        "put the file itself into the pack",
        "请将文件本身放入包中",
    ),
    "dangling": Saying(
        "is behind a link that leads nowhere",
        "所在的链接没有指向",
        "remove the link, or restore its target",
        "请删去链接，或恢复其所指",
    ),
    "unreachable": Saying("cannot be reached: {why}", "无法到达：{why}", "put a plain file here", "请在此放普通文件"),
    "special": Saying("is not a plain file", "不是普通文件", "put a plain file here", "请在此放普通文件"),
    "large": Saying(
        "has {count:,} bytes; the limit is {most:,}",
        "有 {count:,} 字节，至多 {most:,}",
        "split the data, or keep it out of the pack",
        "请拆分数据，或不放入包中",
    ),
    # pack.yaml
    "no_mapping": Saying("is not a mapping", "不是映射", "write key: value lines", "请写 key: value 各行"),
    "misspelt_key": Saying("unknown key {name!r}", "没有键 {name!r}", "rename it {near!r}", "请改名为 {near!r}"),
    "unknown_key": Saying(
        "unknown key {name!r}", "没有键 {name!r}", "remove it; known keys are {known}", "请删去；可用的键：{known}"
    ),
    "no_statistic": Saying(
        "{name!r} is not in {table}", "{table} 中没有 {name!r}", "name a row of the statistics", "请指定统计表中的一行"
    ),
    # between rows
    "misspelt": Saying("{name} is not in {table}", "{table} 中没有 {name}", "write {near!r}", "请写 {near!r}"),
    "not_there": Saying(
        "{name} is not in {table}",
        "{table} 中没有 {name}",
        "add it there, or name one that is there",
        "请在其中补上，或写其中已有的",
    ),
    "said_again": Saying(
        "says again what line {line} says: {row}",
        "与第 {line} 行所说相同：{row}",
        "remove one of the two rows",
        "请删去两行之一",
    ),
    "split_again": Saying(
        "{name!r} was itself split from {parent!r}",
        "{name!r} 本身由 {parent!r} 分出",
        "write {parent!r}",
        "请写 {parent!r}",
    ),
    "differs": Saying(
        "{name} has {field} {now!r} here and {said!r} on line {line}",
        "{name} 的 {field} 在此为 {now!r}，在第 {line} 行为 {said!r}",
        "write the same on both",
        "请两处写成一样",
    ),
    "no_code": Saying("{why}", "{why}", "copy it from the certificate, or leave it empty", "请照证照抄录，或留空"),
}
READER: Mapping[str, str] = {
    "unexpected end of data": "引号没有结束",
    "' expected after '": "引号之后有多余的字符",
    "field larger than field limit (131072)": "单元格过长",
    "line contains NUL": "含有 NUL 字符",
    "new-line character seen in unquoted field - do you need to open the file with newline=''?": "引号之外有换行符",
}
"""What the reader of CSV says itself."""


def of_table(key: str, **values: object) -> tuple[Said, Said]:
    """What is wrong and what to do, of a line of TABLES."""
    return TABLES[key].told(**values)


def of_cell(key: str, **values: object) -> tuple[Said, Said]:
    """Of a line of CELLS."""
    return CELLS[key].told(**values)


def of_pack(key: str, **values: object) -> tuple[Said, Said]:
    """Of a line of PACK."""
    return PACK[key].told(**values)


def reader_in_both(message: str) -> str:
    """One message of the reader of CSV; one that is not known is quoted."""
    known = message.replace('"', "'").replace("',' expected", "' expected")
    return Said(message, READER.get(known, f"`{message}`"))

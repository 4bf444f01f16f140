"""What is wrong with a table of a city pack, in both languages, by the kind of the fault."""

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


def reader_in_both(message: str) -> str:
    """One message of the reader of CSV; one that is not known is quoted."""
    known = message.replace('"', "'").replace("',' expected", "' expected")
    return Said(message, READER.get(known, f"`{message}`"))

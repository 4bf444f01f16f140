"""What is wrong with a table that is read or a result that is written, in both languages, by the kind of the fault."""

import difflib
from collections.abc import Collection, Mapping

from siwei.errors import Said, Saying
from siwei.policy.pack_words import nearest

FILES: Mapping[str, Saying] = {
    # tables that are read
    "no_file": Saying("no such file", "没有此文件", "check the path", "请检查路径"),
    "folder": Saying("is a folder", "是文件夹", "name a file", "请指定文件"),
    "special": Saying(
        "is no plain file: a pipe, a device or a link in a circle",
        "不是普通文件：是管道、设备或循环链接",
        "name a file",
        "请指定文件",
    ),
    "kind": Saying("is neither {kinds}", "既不是 {kinds}", "convert it", "请转换格式"),
    "unreadable": Saying(
        "cannot be read: {why}",
        "无法读取：{why}",
        "give a whole CSV, Parquet or Arrow file",
        "请给出完整的 CSV、Parquet 或 Arrow 文件",
    ),
    "really": Saying("is {what}, whatever its name says", "其实是 {what}，与名称不符", "{fix}", "{fix}"),
    "no_gzip": Saying("is not compressed by gzip", "没有经 gzip 压缩", "name it .csv", "请命名为 .csv"),
    "empty": Saying(
        "is empty",
        "是空的",
        "write a header: `siwei policy schema` lists the columns",
        "请写表头：`siwei policy schema` 列出各列",
    ),
    "encoding": Saying(
        "is neither UTF-8 nor GB18030", "既不是 UTF-8 也不是 GB18030", "save it as UTF-8", "请存为 UTF-8"
    ),
    "twice": Saying("column {name!r} stands twice", "列 {name!r} 出现两次", "keep one", "请只留一列"),
    "type": Saying(
        "column {name!r} is {type}", "列 {name!r} 的类型是 {type}", "convert it, or leave it out", "请转换类型，或删去"
    ),
    "case": Saying(
        "columns {one!r} and {other!r} differ only by case or spaces",
        "列 {one!r} 与 {other!r} 仅大小写或空格不同",
        "keep one of them",
        "请只留其一",
    ),
    "status_of_nobody": Saying(
        "column {name!r} is of no attribute that is read",
        "列 {name!r} 不属于所读取的任何属性",
        "rename it {near!r}?",
        "是否应改名为 {near!r}？",
    ),
    "no_row": Saying("holds no row", "没有一行", "give at least one", "请至少给出一行"),
    "none_usable": Saying("none of the {rows} rows can be used", "{rows} 行均不能用", "{fix}", "{fix}"),
    "no_id": Saying("no row with id {id!r}", "没有 id 为 {id!r} 的行", "check the id", "请检查 id"),
    "no_column": Saying("no column {name!r}", "缺少列 {name!r}", "{fix}", "{fix}"),
    "not_kind": Saying("{value!r} is not {kind}", "{value!r} 不是{kind}", "mend it", "请改正"),
    "no_attribute": Saying(
        "no attribute {name!r}",
        "没有属性 {name!r}",
        "`siwei policy schema` lists the attributes",
        "`siwei policy schema` 列出各属性",
    ),
    "separator": Saying(
        "its columns are separated by {mark}",
        "各列以 {mark} 分隔",
        "write it with commas, as spreadsheets do on “save as CSV”",
        "请用英文逗号分隔（表格软件“另存为 CSV”）",
    ),
    # folders of rows
    "no_row_folder": Saying("no such folder", "没有此文件夹", "name one with {names}", "请指定含 {names} 的文件夹"),
    "both": Saying("both {names}", "同时有 {names}", "keep one of them", "请只留其一"),
    # results
    "target_kind": Saying(
        "results are written as .csv, .parquet or .arrow",
        "结果写成 .csv、.parquet 或 .arrow",
        "name the file so",
        "请如此命名文件",
    ),
    "target_folder": Saying("no such folder", "没有此文件夹", "make it first", "请先建立"),
    "unwritten": Saying(
        "cannot be written: {why}",
        "无法写入：{why}",
        "make room or name another place; nothing of it is left",
        "请腾出空间或另指定位置；没有留下任何部分",
    ),
    "own_source": Saying(
        "would be overwritten by its own result", "会被自己的结果覆盖", "choose another --out", "请另选 --out"
    ),
    "one_file": Saying("two results would go into one file", "两份结果会写入同一文件", "name another", "请另指定一个"),
}


def of_file(key: str, **values: object) -> tuple[Said, Said]:
    """What is wrong and what to do, of a line of FILES."""
    return FILES[key].told(**values)


def no_attribute(name: str, known: Collection[str]) -> tuple[Said, Said]:
    """The same of a name that is nobody's, with the nearest that is somebody's."""
    message, fix = of_file("no_attribute", name=name[:80])
    return message, nearest(name, known) if difflib.get_close_matches(name, known, n=1, cutoff=0.6) else fix

"""Why an expression is refused that CEL takes and columns cannot give exactly, in both languages, by the kind of the
refusal.
"""

from collections.abc import Mapping

from siwei.errors import Said, Saying

SEE = Said(
    "docs/reference/language.md lists what an expression may use", "表达式可用的写法见 docs/reference/language.md"
)

REFUSALS: Mapping[str, Saying] = {
    "bytes": Saying("bytes are not supported", "不支持字节", "use a string", "请用文字"),
    "map": Saying(
        "a map is not supported", "不支持映射", "use band(), or a list of conditions", "请用 band()，或一列条件"
    ),
    "unsupported": Saying("{what} is not supported", "不支持 {what}", "{see}", "{see}"),
    "table": Saying("{name} is a table", "{name} 是表", "read it by band(value, {name})", "请用 band(值, {name}) 查表"),
    "unknown": Saying(
        "{name!r} is neither an attribute nor a parameter",
        "{name!r} 既不是属性也不是参数",
        "read attributes, p.<parameter> or as_of",
        "请写属性、p.<参数> 或 as_of",
    ),
    "operations": Saying(
        "more than {most} operations, macros written out",
        "展开宏之后超过 {most} 次运算",
        "use shorter lists, or split it into clauses",
        "请缩短列表，或拆为几个条件",
    ),
    "call": Saying("{call} is not supported", "不支持 {call}", "{see}", "{see}"),
    "no_table": Saying("this is no table", "这不是表", "t.<table>, of {tables}", "t.<表>，可选：{tables}"),
    "no_size_classes": Saying(
        "there is no table of size classes",
        "没有企业规模划分表",
        "give the pack a size_classes.csv",
        "请在政策包中提供 size_classes.csv",
    ),
    "macro": Saying(
        "a macro over anything but a list of literals is not supported",
        "宏只能用于由常数构成的列表",
        "use && and ||",
        "请用 && 和 ||",
    ),
    "map_filter": Saying(
        "map and filter over attributes are not supported",
        "不支持对属性使用 map 与 filter",
        "use all, exists or exists_one",
        "请用 all、exists 或 exists_one",
    ),
    "size_class": Saying(
        "size_class of these is not supported",
        "不支持这样的 size_class",
        "size_class(industry, employees, revenue[, assets])",
        "size_class(行业, 从业人员, 营业收入[, 资产])",
    ),
    "no_industry": Saying(
        "no industry {name!r} in size_classes.csv",
        "size_classes.csv 中没有行业 {name!r}",
        "one of {known}",
        "可选：{known}",
    ),
    "needs_assets": Saying(
        "size classes of {names} need the assets",
        "{names} 的规模划分需要资产",
        "give them as the fourth argument",
        "请作为第四个参数给出",
    ),
    "condition": Saying(
        "this is {type}, bool is needed", "此处类型是 {type}，应为 bool", "give a condition", "请写条件"
    ),
    "always_fails": Saying("this always fails: {error}", "这总是出错：{error}", "{see}", "{see}"),
    "much_work": Saying("this takes {error}", "运算过多：{error}", "make it simpler", "请化简"),
    "fine_moment": Saying(
        "a {type} finer than a microsecond",
        "{type} 的精度细于微秒",
        "give it to the microsecond",
        "请精确到微秒",
    ),
    "ascending": Saying(
        "the limits of a band must ascend; {later} follows {earlier}",
        "分档的界限须递增；{earlier} 之后是 {later}",
        "order them",
        "请按大小排列",
    ),
    "pattern": Saying(
        "{error}",
        "模式不对：{error}",
        "RE2 syntax, without what would take too much memory",
        "请用 RE2 的写法，不得占用过多内存",
    ),
    "pattern_in_columns": Saying(
        "{error}",
        "不支持这种模式：{error}",
        "write it with plain classes like [0-9]",
        "请用普通的字符类，如 [0-9]",
    ),
    "pattern_not_searched": Saying(
        "this pattern cannot be searched in columns: {error}",
        "此模式无法在列中查找：{error}",
        "make it simpler",
        "请化简",
    ),
}


def refusal(key: str, **values: object) -> tuple[Said, Said]:
    """What is wrong and what to do, of a line of REFUSALS."""
    return REFUSALS[key].told(see=SEE, **values) if "see" not in values else REFUSALS[key].told(**values)

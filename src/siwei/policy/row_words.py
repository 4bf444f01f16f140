"""What is wrong with rows that are added up, with ties between parties and with parts of a table, in both languages, by
the kind of the fault.
"""

from collections.abc import Mapping

from siwei.errors import Said, Saying

KINDS: Mapping[str, str] = {
    "claims": "合同（claims）", "awards": "扶持（awards）", "organisations": "机构（organisations）",
    "members": "成员（members）", "related": "关联关系（ties）",
}  # fmt: skip

ROWS: Mapping[str, Saying] = {
    # aggregates
    "no_related": Saying(
        "no column {name!r}",
        "缺少列 {name!r}",
        "add it, empty where it is not known, or give `ties` with the rows that are added up",
        "请补上，不详处留空；或与所汇总的行一并给出 `ties`",
    ),
    "no_party": Saying(
        "no column {name!r}",
        "缺少列 {name!r}",
        "add it: by it the ties tell who is a related party",
        "请补上：须据此由关联关系判断关联方",
    ),
    "two_meanings": Saying(
        "{one} and {other} mean different things by the aggregate {name!r}",
        "{one} 与 {other} 的汇总 {name!r} 含义不同",
        "give one of them another name",
        "请给其中之一另取名字",
    ),
    "not_given": Saying(
        "{aggregate} adds up {rows}, and none are given",
        "{aggregate} 汇总{rows}，而未给出",
        "give the {rows}",
        "请给出{rows}",
    ),
    "no_organisations": Saying(
        "members are added up, and no organisations are given",
        "需汇总成员，而未给出机构",
        "give the organisations",
        "请给出机构（organisations）",
    ),
    "no_key": Saying(
        "no column {name!r} in the {rows}", "{rows}缺少列 {name!r}", "add it to the {rows}", "请在{rows}中补上"
    ),
    "no_key_of_subject": Saying(
        "no column {name!r}", "缺少列 {name!r}", "{aggregate} is told apart by it", "{aggregate} 按它分别汇总"
    ),
    # related parties
    "many_pairs": Saying(
        "{count} pairs of related parties, more than {most}",
        "关联方有 {count} 对，超过 {most} 对",
        "look at the ties, and at the share from which they count",
        "请核对关联关系，以及计入的持股比例",
    ),
    "many_controllers": Saying(
        "{party} has {count} ultimate controllers, more than {most}",
        "{party} 有 {count} 个最终控制方，超过 {most} 个",
        "look at its ties and at the share from which they count",
        "请核对其关联关系，以及计入的持股比例",
    ),
    "no_tie_column": Saying(
        "no column {name!r}", "缺少列 {name!r}", "add it, empty where not known", "请补上，不详处留空"
    ),
    "share_from": Saying(
        "a share of {share} basis points", "持股比例为 {share} 基点", "1 to 10,000", "须为 1 至 10,000"
    ),
    "ties": Saying(
        "{count} rows: {what}",
        "{count} 行：{what}",
        "mend or leave them out; first: {where}",
        "请改正或删去；首例：{where}",
    ),
    # parts of a table
    "no_parts": Saying(
        "no parts to decide", "没有要判定的部分", "name at least one Parquet file", "请至少指定一个 Parquet 文件"
    ),
    "not_parquet": Saying("is not .parquet", "不是 .parquet", "write the table as Parquet", "请将表写成 Parquet"),
    "part_twice": Saying(
        "another part has the same name", "另一部分同名", "give every part a name of its own", "请给每一部分各自的名字"
    ),
    "part_overwritten": Saying(
        "would be overwritten by its own result", "会被自己的结果覆盖", "choose another folder", "请另选文件夹"
    ),
    "part_undecided": Saying(
        "cannot be decided: {why}", "无法判定：{why}", "give Parquet that is whole", "请给出完整的 Parquet"
    ),
    # facts given by a program
    "fact_type": Saying(
        "{value!r} is not {type}",
        "{value!r} 不是 {type}",
        "give a value of the attribute's type",
        "请给出该属性类型的值",
    ),
}

TIES: Mapping[str, Said] = {
    "nobody": Said("a tie without holder or held", "缺少持有方或被持有方"),
    "kind": Said("a kind that is neither share nor control", "类型既不是 share 也不是 control"),
    "share": Said("a share that is not given, or not 0 to 10,000", "持股比例未给出，或不在 0 至 10,000 之间"),
    "itself": Said("a party that holds itself", "持有自身"),
    "days": Said("a tie that ends before it begins", "结束早于开始"),
}
"""What may be wrong with a tie."""


def of_rows(key: str, **values: object) -> tuple[Said, Said]:
    """What is wrong and what to do, of a line of ROWS."""
    return ROWS[key].told(**values)


def kind_of_rows(name: str) -> Said:
    return Said(name, KINDS.get(name, name))

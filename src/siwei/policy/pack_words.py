"""Why a programme's file, stacking.yaml, the size classes or a file of cases is refused, in both languages, by the kind
of the fault, as `finding_words` says what a check finds in a file that can be read.
"""

import difflib
from collections.abc import Collection, Mapping

from siwei.errors import Said, Saying

MOST_NAMED = 20
SUBJECTS: Mapping[str, str] = {"organisation": "机构", "claim": "合同", "project": "项目", "person": "个人"}

REFUSED: Mapping[str, Saying] = {
    # folders, names and versions
    "no_folder": Saying(
        "no such folder of programmes", "没有此政策文件夹", "name a folder of *.yaml files", "请指定含 *.yaml 的文件夹"
    ),
    "many_files": Saying(
        "{count} files; at most {most} are read", "{count} 个文件；至多读取 {most} 个", "split it", "请拆分"
    ),
    "version_twice": Saying(
        "version {version!r} of {programme!r} is also {other}",
        "{programme!r} 的版本 {version!r} 也在 {other} 中",
        "give it a version of its own",
        "请另给一个版本号",
    ),
    "id_not_file": Saying(
        "id {id!r} is not the file's name",
        "id {id!r} 与文件名不同",
        "rename the file to {names}",
        "请把文件改名为 {names}",
    ),
    "ended_open": Saying(
        "a version that has ended needs the last day of its period",
        "已终止的版本须有期限的末日",
        "write `end:` in its period",
        "请在期限中写明 `end:`",
    ),
    "voucher_terms": Saying(
        "voucher terms in a programme of kind {kind}",
        "类型为 {kind} 的政策写有券的条款",
        "write `kind: voucher`, or take the terms out",
        "请写 `kind: voucher`，或删去条款",
    ),
    "called_twice": Saying(
        "another {what} is called {name!r}", "另有{what}名为 {name!r}", "rename one", "请改其一的名"
    ),
    "clause_award": Saying(
        "no clause may be called 'award'",
        "条件不得名为 'award'",
        "the award itself is called so: rename it",
        "金额本身已用此名：请改名",
    ),
    "bands": Saying("{problem}", "{problem}", "the bands must hold every whole number once", "每个整数须恰属一档"),
    "no_utf8": Saying("is not UTF-8", "不是 UTF-8", "save it as UTF-8", "请存为 UTF-8"),
    "sizes_large": Saying(
        "is larger than {most} KiB", "大于 {most} KiB", "keep three rows an industry", "每个行业只留三行"
    ),
    # columns and attributes
    "size_industry": Saying("no industry", "缺少行业", "name it", "请写明"),
    "size_unknown": Saying("{size!r} is no size", "{size!r} 不是规模", "one of {known}", "可选：{known}"),
    "size_no_threshold": Saying("no threshold", "没有界限", "give one of {known}", "请给出其一：{known}"),
    "size_twice": Saying("{industry} has {size} twice", "{industry} 的 {size} 出现两次", "keep one row", "请只留一行"),
    "size_day": Saying("{text!r} is no day", "{text!r} 不是日期", "write YYYY-MM-DD", "请写成 YYYY-MM-DD"),
    "size_verified": Saying(
        "{text!r} is neither true nor false", "{text!r} 既不是 true 也不是 false", "write one", "请写其一"
    ),
    "size_missing": Saying("{industry} has no {sizes}", "{industry} 缺少 {sizes}", "give all three", "请给出全部三类"),
    "size_order": Saying(
        "{industry}: {upper} needs less {measure} than {lower}",
        "{industry}：{upper} 的 {measure} 界限低于 {lower}",
        "mend one of them",
        "请改正其一",
    ),
    "size_not_whole": Saying("{text!r} is not a whole number", "{text!r} 不是整数", "in {unit}", "单位为 {unit}"),
    "not_of_subject": Saying(
        "{name!r} is not known of the {subject}",
        "{subject}没有 {name!r}",
        "name a column of the {subject}",
        "请写{subject}的列",
    ),
    "per_not_of_subject": Saying(
        "{name!r} is not known of the {subject}",
        "{subject}没有 {name!r}",
        "compare it in `where` instead",
        "请改在 `where` 中比较",
    ),
    "per_no_column": Saying(
        "{name!r} is not a column of {rows}", "{rows} 没有列 {name!r}", "name one of its columns", "请写其中一列"
    ),
    "no_days": Saying(
        "{name!r} holds no days, so it has no year",
        "{name!r} 不是日期，没有年份",
        "name a column of days",
        "请写日期的列",
    ),
    "already_attribute": Saying(
        "{name!r} is already an attribute",
        "{name!r} 已是属性",
        "give the aggregate a name of its own",
        "请给汇总另取名字",
    ),
    "quota_no_attribute": Saying(
        "{name!r} is not an attribute",
        "{name!r} 不是属性",
        "name an attribute of the {subject}",
        "请写{subject}的属性",
    ),
    # rules of stacking
    "linked_many": Saying(
        "{count} programmes bear on one another; at most {most} are searched",
        "{count} 项政策互相关联；至多搜寻 {most} 项",
        "split the groups",
        "请拆分各组",
    ),
    "other_subject": Saying(
        "{name} is for a {kind}, {first} for a {kind_of_first}",
        "{name} 面向{kind}，{first} 面向{kind_of_first}",
        "a rule holds for one subject at a time: write one rule for each kind, or a `joint` limit over an "
        "organisation, its contracts and its projects",
        "一条规则只针对一种对象：请为每种各写一条，或写机构及其合同、项目合计的 `joint` 上限",
    ),
    "two_joint": Saying(
        "{name!r} stands in two joint limits",
        "{name!r} 在两个合计上限中",
        "name it in one: which of two would cut it first is not declared",
        "请只列入其一：未写明先由哪个核减",
    ),
    "joint_person": Saying(
        "{name} is for a person",
        "{name} 面向个人",
        "what a person has is nobody else's to add up: leave it out",
        "个人所得不应与他人合计：请删去",
    ),
    "joint_alone": Saying(
        "all of them are for the organisation itself",
        "各项都面向机构本身",
        "a limit of one subject is a group",
        "一种对象的上限应写成 `groups`",
    ),
    "served_no_column": Saying(
        "a {kind} has no column {name!r}",
        "{kind}没有列 {name!r}",
        "name a column that all of them have",
        "请写各种对象都有的列",
    ),
    "stands_twice": Saying(
        "{name!r} stands twice", "{name!r} 出现两次", "name each programme once", "每项政策只写一次"
    ),
    "not_of_group": Saying(
        "{name!r} is not of this group",
        "{name!r} 不在此组",
        "reduce must order exactly the programmes of the group",
        "reduce 须恰好排列该组的政策",
    ),
    "not_ordered": Saying(
        "{names} not ordered",
        "{names} 没有排列",
        "reduce must order exactly the programmes of the group",
        "reduce 须恰好排列该组的政策",
    ),
    # cases
    "no_limits": Saying(
        "{programme} has no limits",
        "{programme} 没有合计上限",
        "leave out `limited_fen` and `beside`, or write its limits",
        "请删去 `limited_fen` 与 `beside`，或写明上限",
    ),
    "reads_no_fact": Saying(
        "{programme} reads no fact {name!r}", "{programme} 不读取 {name!r}", "it reads {names}", "它读取 {names}"
    ),
    "no_fact_of_file": Saying("no fact of the file {name!r}", "文件中没有事实 {name!r}", "{known}", "{known}"),
    "no_clause": Saying("no clause {name!r}", "没有条件 {name!r}", "{known}", "{known}"),
    "no_case": Saying("no case {name!r}", "没有案例 {name!r}", "{known}", "{known}"),
    "no_version": Saying(
        "no version {name!r} of {programme!r}", "{programme!r} 没有版本 {name!r}", "{known}", "{known}"
    ),
    "no_programme": Saying("no programme {name!r} in the pack", "政策包中没有政策 {name!r}", "{known}", "{known}"),
    "no_programme_named": Saying("no programme {name!r}", "没有政策 {name!r}", "{known}", "{known}"),
    "no_column": Saying("no column {name!r} of {rows}", "{rows} 没有列 {name!r}", "{known}", "{known}"),
    "row_of_nobody": Saying("no {name}", "缺少 {name}", "name it", "请写明"),
    "ties_no_rule": Saying(
        "there are ties, and the pack does not say which make parties related",
        "有关联关系，而政策包未写明何种构成关联方",
        "write `related_parties:` in its stacking.yaml",
        "请在其 stacking.yaml 中写 `related_parties:`",
    ),
}
"""Lines whose fix is `{known}` name what there is, the nearest first (`nearest`)."""


def refused(key: str, **values: object) -> tuple[Said, Said]:
    """What is wrong and what to do, of a line of REFUSED."""
    return REFUSED[key].told(**values)


def nearest(name: str, there: Collection[str], cutoff: float = 0.6, most: int = MOST_NAMED) -> Said:
    """What to write in place of a name that nobody knows: the nearest that somebody does, or which there are."""
    near = difflib.get_close_matches(name, list(there), n=1, cutoff=cutoff)
    if near:
        return Said(f"did you mean {near[0]!r}?", f"是否应为 {near[0]!r}？")
    listed = ", ".join([*there][:most])
    return Said(f"one of {listed or 'none'}", f"可选：{listed or '无'}")


def subject_named(kind: str) -> Said:
    return Said(kind, SUBJECTS.get(kind, kind))

"""What `siwei policy check` says, in both languages, by the kind of what it finds. A kind that is said in several ways
has a line for each: `kind:way`. Values stand in braces; of a value that is `Said` each text takes its own language.
"""

from collections.abc import Mapping

from siwei.errors import Said, Saying

FINDINGS: Mapping[str, Saying] = {
    # clauses
    "never_true": Saying(
        "clause {clause!r} can never be yes{when}, so nobody can be eligible",
        "条件 {clause!r} {when}永远不会满足，因此无人符合",
        "mend the comparison or the parameter",
        "请改正比较或参数",
    ),
    "never_false": Saying(
        "clause {clause!r} can never be no",
        "条件 {clause!r} 永远满足",
        "remove it, or mend the comparison",
        "请删去，或改正比较",
    ),
    "contradiction:two": Saying(
        "clauses {first!r} and {second!r} can never both be yes{when}",
        "条件 {first!r} 与 {second!r} {when}永远不会同时满足",
        "mend one of them: nobody can be eligible",
        "请改正其一：否则无人符合",
    ),
    "contradiction:all": Saying(
        "clauses {clauses} can never all be yes{when}",
        "条件 {clauses} {when}永远不会全部满足",
        "mend one of them: nobody can be eligible",
        "请改正其一：否则无人符合",
    ),
    "implied:clause": Saying(
        "clause {clause!r} is never no where the others are yes: it decides nothing",
        "其他条件都满足时条件 {clause!r} 也总是满足：它不起作用",
        "remove it, or keep it for its words only",
        "请删去，或仅为其文字保留",
    ),
    # the award
    "award_negative": Saying(
        "the award is negative for everybody who is eligible{when}",
        "凡符合者{when}的金额均为负",
        "turn it round",
        "请颠倒计算",
    ),
    "cap_negative": Saying(
        "the cap is below zero{when}, so no award can be paid",
        "封顶金额{when}小于零，因此无法拨付",
        "give a cap of 0 or more, in fen",
        "请以分为单位给出不小于 0 的封顶金额",
    ),
    "cap_always_binds": Saying(
        "the award ({low} fen or more) is always above its cap ({cap} fen){when}",
        "金额（至少 {low} 分）{when}总是高于封顶（{cap} 分）",
        "grant the cap, or mend it",
        "请直接给予封顶金额，或改正封顶",
    ),
    "cap_never_binds": Saying(
        "the award ({high} fen at most) never reaches its cap ({cap} fen){when}",
        "金额（至多 {high} 分）{when}从不达到封顶（{cap} 分）",
        "remove the cap, or mend it",
        "请删去封顶，或改正",
    ),
    "award_cannot_be_paid": Saying(
        "eligible on {day}, but the award is negative or an error, with {facts}",
        "{day} 符合，但金额为负或出错，当 {facts}",
        "guard it, as in max(0, …), or add a clause that rules it out",
        "请加以防护，如 max(0, …)，或补充排除它的条件",
    ),
    # parameters, tables and bands
    "many_stretches": Saying(
        "figures change on more than {most} days: only the last stretches of days are checked",
        "数值在 {most} 天以上有变动：仅检查最近的各段日期",
        "leave out days long gone",
        "请删去早已过去的日期",
    ),
    "unused_parameter": Saying(
        "parameter {parameter} is never read",
        "参数 {parameter} 从未用到",
        "read p.{parameter} in an expression, or remove it",
        "请在表达式中使用 p.{parameter}，或删去",
    ),
    "unused_parameter:stacking": Saying(
        "parameter {parameter} is never read",
        "参数 {parameter} 从未用到",
        "read p.{parameter} in a limit, or remove it",
        "请在上限中使用 p.{parameter}，或删去",
    ),
    "parameter_missing": Saying(
        "parameter {parameter} has no value before {first}, and the period has no first day",
        "参数 {parameter} 在 {first} 之前没有值，而期限没有首日",
        "give the period its first day, or the parameter a value without `start`",
        "请给出期限的首日，或给参数一个没有 `start` 的值",
    ),
    "parameter_missing:stacking": Saying(
        "parameter {parameter} has no value before {first}, and {group!r} may bind from {since} on",
        "参数 {parameter} 在 {first} 之前没有值，而 {group!r} 自{since}起可能生效",
        "give a value for {since}",
        "请给出{since}的值",
    ),
    "parameter_missing:stacking_open": Saying(
        "parameter {parameter} has no value before {first}, and {group!r} may bind from an open beginning on",
        "参数 {parameter} 在 {first} 之前没有值，而 {group!r} 的生效没有首日",
        "give the first value without `start`",
        "请让第一个值不带 `start`",
    ),
    "value_never_used": Saying(
        "this value of {name} holds on no day of the period",
        "{name} 的这个值在期限内没有一天有效",
        "remove it, or mend the days",
        "请删去，或改正日期",
    ),
    "unused_table": Saying(
        "table {table} is never read",
        "表 {table} 从未用到",
        "read t.{table} in an expression, or remove it",
        "请在表达式中使用 t.{table}，或删去",
    ),
    "table_missing": Saying(
        "table {table} has no bands before {first}, and the period has no first day",
        "表 {table} 在 {first} 之前没有分档，而期限没有首日",
        "give the period its first day, or the table bands without `start`",
        "请给出期限的首日，或给表一组没有 `start` 的分档",
    ),
    "band_overlap": Saying(
        "the limits of the band overlap{when}: {later} follows {earlier}",
        "分档的界限{when}重叠：{earlier} 之后是 {later}",
        "order the limits",
        "请按大小排列界限",
    ),
    # sources and state
    "source_in_the_future": Saying(
        "the source is dated {day}, after today ({today})",
        "来源的日期为 {day}，晚于今天（{today}）",
        "give the day on which it was read",
        "请写明查阅之日",
    ),
    "source_old": Saying(
        "the source was last looked at on {day}",
        "来源上次查阅于 {day}",
        "look at it again, and say so in `as_of`",
        "请重新查阅，并在 `as_of` 中写明",
    ),
    "source_expired": Saying(
        "{document} was valid until {day}",
        "{document} 的有效期至 {day}",
        "name the document that follows it, or end the programme",
        "请写明其后续文件，或终止该政策",
    ),
    "source_expired:stacking": Saying(
        "{document} was valid until {day}",
        "{document} 的有效期至 {day}",
        "name the document that follows it",
        "请写明其后续文件",
    ),
    "period_over": Saying(
        "the period ended on {day}",
        "期限已于 {day} 届满",
        "write `state: ended`, or a version for the time after",
        "请写 `state: ended`，或为其后的时间另写一个版本",
    ),
    "draft": Saying(
        "{programme} stays a draft: {parts} cite nothing",
        "{programme} 仍为草案：{parts} 没有写明出处",
        "cite the document, or write `state: draft`",
        "请写明文件，或写 `state: draft`",
    ),
    # rules of stacking
    "draft_in_rule": Saying(
        "{programme} is a draft: it releases no money, and the rule binds it only once it is in force",
        "{programme} 是草案：不拨付资金，实施后此规则才对它生效",
        "put it in force, or leave it out until then",
        "请付诸实施，或在此之前不列入",
    ),
    "saving_beside_money": Saying(
        "{programme} is a saving of tax, others of the group are money paid: a limit adds them up",
        "{programme} 是税收减免，同组其他是拨付资金：上限会将其相加",
        "keep them in groups of their own, unless the text counts both",
        "请分为不同的组，除非文件规定两者合计",
    ),
    "never_binds:names": Saying(
        "{what} {rule!r} can never bind: it speaks from {needed} awards on, and names {names}",
        "{what} {rule!r} 永远不会生效：自 {needed} 项起适用，而只列了 {names} 项",
        "mend the number, or name more",
        "请改正数目，或多列几项",
    ),
    "never_binds:days": Saying(
        "{what} {rule!r} can never bind: it speaks from {needed} awards on, and at most {most} can be taken together "
        "on any day",
        "{what} {rule!r} 永远不会生效：自 {needed} 项起适用，而任何一天至多可同时享受 {most} 项",
        "look at the periods of its programmes and at the other exclusions",
        "请查看各政策的期限和其他互斥规则",
    ),
    "implied:rule": Saying(
        "rule {rule!r} says nothing that {earlier!r} does not say",
        "规则 {rule!r} 的内容 {earlier!r} 都已规定",
        "remove one of them",
        "请删去其一",
    ),
    "limit_never_positive": Saying(
        "the limit of {group!r} is never above 0: beside one another its awards come to nothing",
        "{group!r} 的上限从不大于 0：同时享受时合计为零",
        "an exclusion (`either_or`) says so plainly; else mend the limit",
        "互斥规则（`either_or`）可直接写明；否则请改正上限",
    ),
    "never_reached": Saying(
        "the limit of {group!r} ({low} fen or more) is never reached: its awards give {sum}",
        "{group!r} 的上限（至少 {low} 分）从不达到：各项合计至多 {sum} 分",
        "remove the group, or mend the limit",
        "请删去该组，或改正上限",
    ),
    "related_missing": Saying(
        "no `related_parties`, but {programmes} asks who is related",
        "没有 `related_parties`，而 {programmes} 需要判定关联方",
        "write from which share on a tie counts: without it nobody can be told",
        "请写明自多少持股比例起算：否则无从判定",
    ),
    "uncited": Saying("{what} cites nothing", "{what} 没有写明出处", "add its `citation`", "请补上其 `citation`"),
    # the lock of released versions
    "lock:unreadable": Saying("cannot be read ({why})", "无法读取（{why}）", "restore it", "请恢复此文件"),
    "lock:large": Saying("is larger than {most} KiB", "大于 {most} KiB", "restore it", "请恢复此文件"),
    "lock:line": Saying(
        "is not a release",
        "不是一条发布记录",
        "restore the line: programme, version, SHA-256 and day, separated by tabs",
        "请恢复此行：政策、版本、SHA-256 与日期，以制表符分隔",
    ),
    "released_version_missing": Saying(
        "{programme} {version} was released on {day} and is not here",
        "{programme} {version} 已于 {day} 发布，此处却没有",
        "restore its file: decisions made by it are replayed from it",
        "请恢复其文件：据其作出的判定须由它重演",
    ),
    "released_version_changed": Saying(
        "version {version} was released on {day} and has changed since",
        "版本 {version} 已于 {day} 发布，此后有改动",
        "restore it, and write the change as another version ({programme}@<version>.yaml)",
        "请恢复原文，并把改动写成另一版本（{programme}@<version>.yaml）",
    ),
    "never_released": Saying(
        "version {version} is in force and was never released",
        "版本 {version} 已实施，却从未发布",
        "siwei policy release {programme} {version}",
        "siwei policy release {programme} {version}",
    ),
    "never_released:draft": Saying(
        "version {version} was never released, while another of {programme} was, so it releases no money",
        "版本 {version} 从未发布，而 {programme} 的其他版本已发布，因此不拨付资金",
        "siwei policy release {programme} {version}",
        "siwei policy release {programme} {version}",
    ),
}


def kind_of(key: str) -> str:
    return key.partition(":")[0]


def told(key: str, **values: object) -> tuple[Said, Said]:
    """What is wrong and what to do, of a line of FINDINGS."""
    return FINDINGS[key].told(**values)

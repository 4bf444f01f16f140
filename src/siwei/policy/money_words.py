"""Why a pot is not shared and awards are not combined, in both languages, by the kind of the fault."""

from collections.abc import Mapping

from siwei.errors import Said, Saying

MONEY: Mapping[str, Saying] = {
    "no_pot": Saying(
        "programme {programme} has no pot", "政策 {programme} 没有资金池", "write its `pot:`", "请写明 `pot:`"
    ),
    "mode": Saying(
        "how the pot is shared is not known", "资金池的分配方式未知", "name a mode to try", "请指定要试的方式"
    ),
    "pro_rata": Saying(
        "the pot cannot be shared pro rata",
        "此资金池不能按比例分配",
        "pro rata pays every claim in part, under one quota at most",
        "按比例分配对每项都部分支付，且至多一个配额",
    ),
    "no_budget": Saying(
        "the programme's text names no budget", "政策文本没有写明预算", "give one to try", "请给出要试的预算"
    ),
    "budget": Saying(
        "the budget is {budget}",
        "预算为 {budget}",
        "a budget is 0 or more fen, within 64 bits",
        "预算以分计，不小于 0，不超过 64 位",
    ),
    "seed": Saying(
        "a lottery needs its published seed",
        "抽签须有公布的种子",
        "give one printable line of at most {most} characters, as it was published",
        "请照公布的写，一行至多 {most} 个可见字符",
    ),
    "beside_organisations": Saying(
        "claims and projects stand beside organisations", "claims、projects 须与机构的行一同给出", "{fix}", "{fix}"
    ),
    "id_alone": Saying(
        "one row is explained without claims and projects",
        "解释某一行时不得给出合同、项目",
        "{explain} tells what joint limits leave it",
        "{explain} 会说明合计上限的结果",
    ),
    "no_column": Saying("no column {name!r}", "缺少列 {name!r}", "add it", "请补上"),
    "order_column": Saying(
        "no column {name!r}", "缺少列 {name!r}", "add it: the pot is shared by it", "请补上：资金池按它分配"
    ),
    "ids": Saying(
        "ids are missing or repeated", "id 缺少或重复", "give each claim an id of its own", "请给每项申报各自的 id"
    ),
    "claims_type": Saying("claims are {type}", "申报金额的类型是 {type}", "give whole fen", "请以分为单位写整数"),
    "claims_null": Saying("{count} claims are null", "{count} 项申报没有金额", "leave them out", "请删去"),
    "claims_range": Saying(
        "a claim is negative or beyond 64 bits",
        "有一项申报为负或超过 64 位",
        "a claim is 0 or more fen",
        "申报金额以分计，不小于 0",
    ),
    "claim_negative": Saying(
        "a claim is negative", "有一项申报为负", "a claim is 0 or more", "申报金额以分计，不小于 0"
    ),
    "ids_of_claims": Saying(
        "ids are missing, repeated or not one per claim",
        "id 缺少、重复，或与申报数目不符",
        "give each claim its id",
        "请给每项申报各自的 id",
    ),
    "order_type": Saying("column {name} is {type}", "列 {name} 的类型是 {type}", "give numbers", "请写数"),
    "order_missing": Saying(
        "{count} claims have no {name}", "{count} 项申报没有 {name}", "every claim needs it", "每项申报都须有"
    ),
    "award_large": Saying(
        "an award of {name} is beyond {most} fen",
        "{name} 的一项金额超过 {most} 分",
        "look at its expression and cap",
        "请查看其表达式与封顶",
    ),
    "other_table": Saying(
        "the table is not the one that was decided",
        "此表不是作出判定的那张",
        "give the same rows in the same order",
        "请按同样的顺序给出同样的行",
    ),
    "sum_large": Saying(
        "what the limit counts of organisation {organisation} is beyond {most} fen",
        "机构 {organisation} 计入此上限的合计超过 {most} 分",
        "look at the expressions and caps of its programmes",
        "请查看其各政策的表达式与封顶",
    ),
    "no_organisations": Saying(
        "joint limits read facts of organisations",
        "合计上限须读取机构的事实",
        "give the organisations too",
        "请一并给出机构",
    ),
    # what happened to a pot
    "events_many": Saying(
        "claims and earlier awards times events are more than {most}",
        "申报及此前扶持的项数与事件数之积超过 {most}",
        "send fewer of them, or use `siwei policy share --events`",
        "请减少，或使用 `siwei policy share --events`",
    ),
    "event_order": Saying(
        "the {what} lies before what precedes it, on {before}",
        "{what}早于其前一事件（{before}）",
        "order events by day",
        "请按日期排列",
    ),
    "event_before": Saying(
        "the {what} lies before the sharing on {before}",
        "{what}早于分配之日（{before}）",
        "give --as-of, the day of the sharing",
        "请用 --as-of 给出分配之日",
    ),
    "event_negative": Saying(
        "the {what} has a negative amount", "{what}的金额为负", "amounts are 0 or more fen", "金额以分计，不小于 0"
    ),
    "event_known": Saying(
        "the {what} names a claim that there is already",
        "{what}的申报此前已有",
        "give a later claim an id of its own",
        "请给后来的申报各自的 id",
    ),
    "event_unknown": Saying(
        "the {what} names no known claim",
        "{what}的申报不存在",
        "check its id: it is of a claim on this sharing, of an earlier row, or of an earlier round that is given",
        "请核对 id：须为本次分配的申报、此前某行的申报，或所给的此前某轮的申报",
    ),
    "event_several": Saying(
        "the {what} names a claim of several rounds",
        "{what}的申报在几轮中都有",
        "give the claims of each round ids of their own",
        "请给各轮的申报各自的 id",
    ),
    "event_no_value": Saying(
        "the {what} has no value for a quota",
        "{what}没有限额所依据的值",
        "give each claim what the pot is shared by",
        "请写明每项申报的分配依据",
    ),
    "event_no_choice": Saying(
        "the {what} is not open to it: nobody chooses again under this text",
        "{what}不可行：该政策不允许重新选择",
        "write `choose_again: true` in its pot, or a withdrawal",
        "请在资金池写明 `choose_again: true`，或改为 withdraw",
    ),
    "event_notice": Saying(
        "the {what} is too late, or of no claim of this sharing",
        "{what}已过公示期，或不是本次分配的申报",
        "a claim is given up while its sharing is on public notice, before anything else happens",
        "须在公示期内、任何其他事件之前放弃本次分配的申报",
    ),
    "event_whole": Saying(
        "the {what} gives up a claim that got all that it claims, or was given up",
        "{what}放弃的申报已全额获得，或已放弃",
        "whoever got less than they claimed may choose again",
        "仅所得少于申报的可以重新选择",
    ),
    "instead": Saying(
        "what a claimant has instead is negative",
        "另可获得的金额为负",
        "0 or more fen, or nothing where it is not known",
        "以分计，不小于 0；不详则留空",
    ),
    "event_awards": Saying(
        "the {what} awards more than is claimed or left",
        "{what}多于所申报或所余",
        "share the pot again",
        "请重新分配",
    ),
    "event_back": Saying(
        "the {what} takes back more than the {has} fen that it has",
        "{what}收回的多于其所得的 {has} 分",
        "look at what it has",
        "请核对其所得",
    ),
}


def of_money(key: str, **values: object) -> tuple[Said, Said]:
    """What is wrong and what to do, of a line of MONEY."""
    return MONEY[key].told(**values)

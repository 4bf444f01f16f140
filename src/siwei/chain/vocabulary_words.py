"""What is wrong with a pack's vocabulary of the chain, in both languages, by the kind of the fault."""

from collections.abc import Mapping

from siwei.errors import Said, Saying

FAULTS: Mapping[str, Saying] = {
    "absent": Saying(
        "the pack has no vocabulary", "政策包没有词表", "add chain/vocabulary.yaml", "请补上 chain/vocabulary.yaml"
    ),
    "field": Saying(
        "unknown field {name!r}", "没有字段 {name!r}", "remove it or correct its spelling", "请删去，或改正拼写"
    ),
    "no_terms": Saying("no terms at all", "没有任何词", "add terms under `segments`", "请在 `segments` 下补上词"),
    "feature": Saying("unknown feature {name!r}", "没有特征 {name!r}", "use {known}", "可用：{known}"),
    "reach": Saying("unknown reach {name!r}", "没有范围 {name!r}", "use one of {known}", "可选：{known}"),
    "frame": Saying(
        "a frame needs words that open it or follow", "框架须有起始词或后随词", "add opens: […]", "请补上 opens: […]"
    ),
    "segment": Saying(
        "unknown segment {name!r}", "没有环节 {name!r}", "use an id of segments.csv", "请用 segments.csv 中的 id"
    ),
    "groups": Saying(
        "a list of term groups is expected",
        "此处应为词组的列表",
        "write - {{weight: …, terms: […]}}",
        "请写 - {{weight: …, terms: […]}}",
    ),
    "group_field": Saying(
        "unknown field {name!r}",
        "没有字段 {name!r}",
        "use weight, terms, near, unless",
        "可用：weight、terms、near、unless",
    ),
    "mapping": Saying("a mapping is expected", "此处应为映射", "write key: value pairs", "请写 key: value"),
    "list": Saying("a list of words is expected", "此处应为词的列表", "write [word, word]", "请写 [词, 词]"),
    "word": Saying("empty or not a word", "为空，或不是词", "write a word, or remove it", "请写词，或删去"),
    "set": Saying("unknown word set {name}", "没有词集 {name}", "define it under `sets`", "请在 `sets` 下定义"),
    "number": Saying(
        "{text!r} is not a number from {low} to {high}", "{text!r} 不是 {low} 至 {high} 的数", "correct it", "请改正"
    ),
    "twice": Saying("{text!r} already on line {line}", "{text!r} 已在第 {line} 行", "keep one", "请只留其一"),
}


def of_vocabulary(key: str, **values: object) -> tuple[Said, Said]:
    """What is wrong and what to do, of a line of FAULTS."""
    return FAULTS[key].told(**values)

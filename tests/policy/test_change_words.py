"""What differs between two texts is said in English and Chinese."""

import re
from string import Formatter

import pytest

from siwei.cli.policy_words import CODES as PRINTED
from siwei.policy.diffs.change_words import CODES, KINDS, PARTS, STATUSES, TEXTS, part_name, reason_in_both, word
from siwei.policy.diffs.comparing import OUTCOMES
from siwei.policy.diffs.dimensions import AGES, DIMENSIONS, LARGEST_AGE, LARGEST_SIZE, SIZES
from siwei.policy.language.size_classes import CLASSES
from siwei.policy.programmes import (
    AggregateKind,
    ClauseVerdict,
    FactStatus,
    Kind,
    Payment,
    Returns,
    RoundingMode,
    Sharing,
    Verdict,
)

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_is_in_both_languages_with_the_same_values(key: str) -> None:
    en, zh = TEXTS[key]
    names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (en, zh)]
    assert names[0] == names[1]
    assert CHINESE.search(en) is None
    assert CHINESE.search(zh) or not re.search("[a-z]", re.sub(r"\{\w+\}| of ", "", en))


def test_every_code_of_a_programme_has_its_word() -> None:
    for values in (RoundingMode, AggregateKind, Sharing, Payment, Returns):
        assert {str(each) for each in values} <= {*CODES}
    assert {*STATUSES} == {*FactStatus}
    assert all(map(CHINESE.search, (*CODES.values(), *KINDS.values(), *PARTS.values())))
    assert (word("half_up").zh, word("something").zh) == ("四舍五入", "something")


def test_every_code_that_a_table_prints_has_its_word() -> None:
    for values in (Verdict, ClauseVerdict, Kind, Sharing, Returns):
        assert {str(each) for each in values} <= {*PRINTED}
    bands = [name for _, name in (*SIZES, *AGES)]
    assert {*OUTCOMES, *DIMENSIONS, *bands, LARGEST_SIZE, LARGEST_AGE, *CLASSES, "micro"} <= {*PRINTED}


@pytest.mark.parametrize(
    ("kind", "id", "en", "zh"),
    [
        ("clause", "firm", "clause firm", "条款 firm"),
        ("award", "", "award", "金额"),
        ("pot", "budget", "pot budget", "资金池 预算"),
        ("pot", "reserve young", "pot reserve young", "资金池 预留 young"),
        ("pot", "quota by district", "pot quota by district", "资金池 限额 district"),
        ("voucher", "valid", "voucher valid", "券 有效期"),
        ("parameter", "rate", "parameter rate", "参数 rate"),
    ],
)
def test_a_part_is_called_in_both_languages(kind: str, id: str, en: str, zh: str) -> None:
    found = part_name(kind, id)
    assert (str(found), found.zh) == (en, zh)


@pytest.mark.parametrize(
    ("reason", "zh"),
    [
        ("parameter rate", "参数 rate"),
        ("clause firm or period", "条款 firm，或期限"),
        ("joint limit city with related parties", "合计上限 city，连同关联方"),
        ("group one or order of groups", "叠加组 one，或各组次序"),
        ("programmes", "各项政策"),
        ("the programme is new", "新增的政策"),
        ("all changes together", "所有改动合在一起"),
        ("another part of the text", "文本的其他部分"),
    ],
)
def test_a_reason_is_told_in_both_languages(reason: str, zh: str) -> None:
    found = reason_in_both(reason)
    assert (str(found), found.zh) == (reason, zh)

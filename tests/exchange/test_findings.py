"""What is wrong with the ledger is said in Chinese and English, with the same values."""

import re

from siwei.exchange.ledger.findings import CHECKS, COLUMNS, WORDS, Finding
from siwei.exchange.ledger.verification import ENTRIES, REPEATED

VALUE = re.compile(r"{(\w+)")


def test_both_languages_say_the_same_values() -> None:
    for code, (chinese, english) in WORDS.items():
        told = {value.removesuffix("_zh") for value in VALUE.findall(chinese)}
        assert told == set(VALUE.findall(english)), code
        assert re.search(r"[\u4e00-\u9fff]", chinese), code


def test_every_fault_that_sql_tells_has_words() -> None:
    codes = re.findall(r"THEN '(\w+)'", ENTRIES) + [code for _, _, _, code in REPEATED]
    assert codes
    assert set(codes) <= set(WORDS)
    assert {subject for subject, _, _, _ in REPEATED} <= set(CHECKS)


def test_a_finding_in_words() -> None:
    found = Finding("account", "CNY:pot:a:2026", "differs", {"name": "balance", "stands": 5, "due": 4})
    assert str(found) == "account CNY:pot:a:2026: balance is 5, its entries come to 4"
    assert found.as_dict() == {
        "check": "account",
        "check_zh": "账户",
        "row": "CNY:pot:a:2026",
        "what": "balance is 5, its entries come to 4",
        "what_zh": f"{COLUMNS['balance']}为 5，按其分录应为 4",
    }

"""Where the terminal's locale is Chinese, commands that run a city print Chinese; elsewhere English."""

import os
import re
from pathlib import Path
from string import Formatter

import forking
import pytest

from siwei.cli.city_words import CODES, LINES, NAMES, line

CHINESE = re.compile(r"[\u4e00-\u9fff]")
SAME = {"id", "sha256", "url"}


@pytest.mark.parametrize("key", LINES)
def test_every_line_has_both_texts_with_the_same_values(key: str) -> None:
    en, zh = LINES[key]
    names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (en, zh)]
    assert names[0] == names[1]
    assert CHINESE.search(en) is None
    assert CHINESE.search(zh) or not re.search("[A-Za-z]{2,}", re.sub(r"\{\w+\}", "", en))
    assert line(key, **dict.fromkeys(names[0], 7)).zh == zh.format(**dict.fromkeys(names[0], 7))


def test_headings_and_codes_are_said_in_chinese() -> None:
    assert {name for name, zh in (NAMES | CODES).items() if not CHINESE.search(zh)} == SAME


def test_a_city_is_told_of_in_chinese(tmp_path: Path) -> None:
    city = tmp_path / "city"
    environment = {**os.environ, "LC_ALL": "zh_CN.UTF-8", "COLUMNS": "200"}
    wanted = {
        ("init", str(city)): "城市已就绪",
        ("city", "digest", "--city", str(city)): "各表",
        ("ledger", "verify", "--city", str(city)): "完整。",
        ("ledger", "trial-balance", "--city", str(city)): "按单位",
        ("people", "list", "--city", str(city)): "职务",
        ("people", "invite", "somebody", "--city", str(city)): "供 somebody 使用一次",
        ("payments", "batches", "--city", str(city)): "付款批次",
        ("payments", "differences", "--city", str(city)): "差额（分）",
        ("datasets", "list", "--city", str(city)): "数据集",
        ("worker", "--once", "--city", str(city)): "",
        ("backup", str(tmp_path / "b.zip"), "--city", str(city)): "个文件",
        ("ledger", "balance", "no-such", "--city", str(city)): "没有账户",
    }
    for words, said in wanted.items():
        done = forking.run([*forking.SIWEI, *words], env=environment, anew=True)
        told = done.stdout + done.stderr
        assert said in told, (words, told)
        headings = [cell.strip() for each in told.splitlines() if "┃" in each for cell in each.split("┃")]
        assert [each for each in headings if each and not CHINESE.search(each) and each not in SAME] == [], words
        sentences = re.findall(
            "[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}", re.sub(r"siwei [a-z]+ [a-z-]+", "", told.replace(str(tmp_path), ""))
        )
        assert (sentences, "Traceback" in told) == ([], False), words

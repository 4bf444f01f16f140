"""The figures of the Shenzhen programmes beside the list they were entered from."""

import csv
import re
from datetime import date
from pathlib import Path

import pytest

from .shenzhen import VERSIONS as ALL

VERSIONS = {(each.id, each.version): each for each in ALL}
YUAN = 100
ENTERED = {
    "SZ_XUNLI_2024": ("xunli", "2024.1"), "SZ_YULIAO_2024": ("yuliao", "2024.1"),
    "SZ_MOXING_2024": ("moxing", "2025.1"),
    "SZ_DEMO_2024": ("application-demonstration", "2024.1"), "SZ_RND_2024": ("key-technology", "2024.1"),
    "SZ_XUNLI_2026": ("xunli", "2026.1"), "LG_COMPUTE_2026": ("longgang-compute", "2026.1"),
}  # fmt: skip
NOT_A_RULE = {"SZ_XUNLI_BATCH1": "what was paid in one batch: told in the notes, no rule of its own"}
IN_PROGRAMMES = {
    "深圳市打造人工智能先锋城市的若干措施": "xunli", "训力券": "xunli", "语料券": "yuliao", "模型券": "moxing",
    "龙岗区算力支持": "longgang-compute", "光明区算力支持": "guangming-compute", "龙华区算力支持": "longhua-compute",
    "研发费用加计扣除": "rd-super-deduction", "研发费用加计扣除 (集成电路、工业母机)": "rd-super-deduction-chips",
    "研发费用加计扣除 excluded industries": "rd-super-deduction", "高新技术企业": "high-tech-enterprise",
    "中小企业划型 (软件和信息技术服务业)": "sme-software-medium", "粤港澳大湾区个人所得税优惠": "gba-income-tax",
    "孔雀计划": "peacock",
}  # fmt: skip
"""Programmes and documents of the other list, and which programme of the pack holds what is known of each."""
NOT_A_PROGRAMME = "“20+8” clusters and future industries: `clusters/` of the pack, no incentive"


@pytest.fixture(scope="module")
def rules(real_data: Path) -> dict[str, dict[str, str]]:
    with (real_data / "shenzhen" / "programme_rules.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: row for row in csv.DictReader(file)}


def whole_numbers(text: str) -> list[int]:
    """Figures of five digits and more: years and shares are shorter."""
    return [int(number) for number in re.findall(r"[0-9]{5,}", text)]


def test_every_rule_was_entered(rules: dict[str, dict[str, str]]) -> None:
    assert set(rules) == {*ENTERED, *NOT_A_RULE}


def test_every_fact_of_a_programme_was_entered(real_data: Path) -> None:
    with (real_data / "shenzhen" / "programme_facts.csv").open(encoding="utf-8", newline="") as file:
        named = {row["programme"] for row in csv.DictReader(file)}
    assert {name for name in named if not name.startswith("20+8")} == set(IN_PROGRAMMES), NOT_A_PROGRAMME
    assert set(IN_PROGRAMMES.values()) <= {id for id, _ in VERSIONS}


@pytest.mark.parametrize("code", sorted(ENTERED))
def test_caps_budgets_rates_and_days_are_those_of_the_list(code: str, rules: dict[str, dict[str, str]]) -> None:
    rule, programme = rules[code], VERSIONS[ENTERED[code]]
    values = {each.id: each.values[-1][1] for each in programme.parameters}
    caps = [fen // YUAN for name, fen in values.items() if name.startswith("cap")]
    assert caps == whole_numbers(rule["cap_cny"])
    budgets = whole_numbers(rule["budget_cny_year"])
    if budgets:
        assert programme.pot is not None
        assert [programme.pot.budget_fen] == [yuan * YUAN for yuan in budgets]
    rates = [bp // 100 for name, bp in values.items() if name.startswith("rate")]
    listed = [int(percent) for percent in re.findall(r"([0-9]+)%", rule["rate"])]
    # The model voucher's rate is in the other list (programme_facts).
    assert rates == listed or (code == "SZ_MOXING_2024" and (rates, listed) == ([30], []))
    if rule["window"]:
        first, last = (date.fromisoformat(day) for day in rule["window"].split(".."))
        span = programme.window or programme.period
        assert (span.start, span.end) == (first, last)

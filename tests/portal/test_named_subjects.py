"""Stored keys as words: nobody reads a code where a name is known."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.utils.translation import override
from portal_city import NOW, City

import siwei.exchange
from siwei.exchange.models import StatementFile, Voucher
from siwei.portal.subjects import LONGEST, account_words, followed, shortened, subject_words, voucher_holders
from siwei.portal.words import GROUPS, ledger_unit, per, quantity

pytestmark = pytest.mark.django_db
FIRM = "n-00000000000000aa"
NAME = "深圳市甲视觉科技有限公司"


@pytest.mark.parametrize(
    ("subject", "chinese", "english"),
    [
        ("agreement:deal", "deal", "deal"),
        (f"bank_account:{FIRM}", NAME, NAME),
        ("bank_account:city", "本市", "the city"),
        (f"invoice:{FIRM}:3", f"{NAME} · 3", f"{NAME} · 3"),
        ("pot:xunli:2026", "训力券 · 2026", "Training voucher (compute for model training) · 2026"),
        (f"account:CNY:commitment:{FIRM}", f"自有承诺 · {NAME}", f"Own commitment · {NAME}"),
        (f"quote:{'0' * 32}", f"{'0' * 12}…", f"{'0' * 12}…"),
        ("unheard-of", "unheard-of", "unheard-of"),
    ],
)
def test_subjects(city: City, subject: str, chinese: str, english: str) -> None:
    told = []
    for language in ("zh-hans", "en"):
        with override(language):
            told.append(subject_words([subject], city.alice)[subject])
    assert told == [chinese, english]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (f"CNY:own-share:{FIRM}", f"自付 · {NAME}"),
        ("CNY:budget:xunli:2026", "公共预算 · 训力券 · 2026"),
        ("CNY:bank-difference:city", "银行差异 · 本市"),
        (f"accelerator-second:cpu:used:{FIRM}", f"已用 · {NAME} · 加速卡秒 · cpu"),
        ("xunli:2026", "训力券 · 2026"),
        ("cap:0123456789abcdef", "支出上限 · 0123456789abcdef"),
    ],
)
def test_accounts(city: City, code: str, words: str) -> None:
    with override("zh-hans"):
        assert account_words([code]) == {code: words}


def test_what_is_called_by_a_title_is_for_who_may_see_it(dealt: City) -> None:
    asked = ["agreement:deal", "listing:need", "job:job", "quote:told", "match:need/offer", "voucher:voucher"]
    with override("zh-hans"):
        assert [subject_words(asked, dealt.alice)[each] for each in asked] == [*["训练"] * 5, "训力券"]
    with override("en"):
        assert subject_words(["agreement:deal", "delivery:deal:1"], dealt.ann) == {
            "agreement:deal": "Training", "delivery:deal:1": "Training",
        }  # fmt: skip
        assert subject_words(["agreement:deal"], dealt.charlie) == {"agreement:deal": "deal"}


def test_a_voucher_is_told_by_its_programme_and_holder(dealt: City) -> None:
    account = Voucher.objects.get(key="voucher").account.code
    with override("en"):
        programme = "Training voucher (compute for model training)"
        assert account_words([account]) == {account: f"Voucher · {programme} · {NAME}"}
        assert voucher_holders(["voucher"], dealt.alice) == {"voucher": f"Voucher · {NAME}"}
        assert voucher_holders(["voucher"], dealt.charlie) == {}


def test_a_bank_statement_is_told_by_its_file(city: City) -> None:
    StatementFile.objects.create(
        account_number="1", sha256="ab" * 32, name="十一月.csv", form="csv", read=0, added=0, rejected=0,
        is_whole=True, imported_at=NOW,
    )  # fmt: skip
    subject = f"statement:{'ab' * 8}"
    assert subject_words([subject], city.olive) == {subject: "十一月.csv"}
    assert subject_words([subject], city.charlie) == {subject: "ab" * 8}


def test_each_kind_takes_one_query(dealt: City, django_assert_num_queries) -> None:
    with django_assert_num_queries(2):
        assert len(subject_words([f"organisation:{FIRM}", "pot:xunli:2026", "agreement:deal"], dealt.alice)) == 3


def test_what_is_followed_is_named_for_who_may_see_it(dealt: City) -> None:
    with override("zh-hans"):
        assert followed("xunli:2026", dealt.olive) == "资金池 · 训力券 · 2026"
        assert followed("voucher", dealt.alice) == f"券 · 训力券 · {NAME}"
        assert followed("voucher", dealt.charlie) == "voucher"


def test_short_keys_stay_whole() -> None:
    assert (shortened("k" * LONGEST), shortened("k" * (LONGEST + 1))) == ("k" * LONGEST, "k" * (LONGEST // 2) + "…")


def test_units_in_words() -> None:
    with override("zh-hans"):
        told = [ledger_unit(unit) for unit in ("CNY", "cap:fen", "cap:accelerator-second", "accelerator-second:cpu")]
        assert told == ["金额（人民币）", "上限内：金额（人民币）", "上限内：加速卡秒", "加速卡秒 · cpu"]
        assert quantity(-5_400, "accelerator-second:cpu") == "−5,400 加速卡秒（−1.50 小时） · cpu"
    with override("en"):
        assert quantity(60, "accelerator-second:cpu") == "60 accelerator-seconds (0.02 h) · cpu"
        assert [quantity(count, "milestone") for count in (1, 2)] == ["1 milestone", "2 milestones"]
        told = [per(3_600, "accelerator-second:cpu"), per(1, "piece"), per(1_000, "token")]
        assert told == ["accelerator-hour", "piece", "1,000 tokens"]


def test_every_state_has_a_word() -> None:
    """A state without one would be shown as its code, in every language."""
    known = {code for group in ("state", "order", "rest", "application", "round", "upstream") for code in GROUPS[group]}
    states = {
        (model.__name__, str(value))
        for model in apps.get_app_config("exchange").get_models()
        for field in model._meta.fields
        if field.name == "state"
        for value, _label in field.choices or ()
    }
    assert {each for each in states if each[1] not in known} == set()
    assert ("Dispute", "resolved") in states


MEMO_AT = {"Entry": 6, "of_hold": 3}
"""Which of what these are given is the memo."""


def memos() -> Iterator[str]:
    """Why an entry was written, as far as the exchange's code says it in so many words; of one put together, its
    beginning."""
    for path in Path(siwei.exchange.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call):
                place = MEMO_AT.get(getattr(call.func, "id", ""), len(call.args))
                told = [*call.args[place : place + 1], *(each.value for each in call.keywords if each.arg == "memo")]
                for each in told:
                    each = each.values[0] if isinstance(each, ast.JoinedStr) else each
                    if isinstance(each, ast.Constant) and isinstance(each.value, str):
                        yield each.value


def test_every_reason_of_an_entry_has_a_word() -> None:
    found = set(memos())
    assert {"award", "repaid", "voucher share", "expired", "returned to cap"} <= found
    codes = GROUPS["memo"]
    assert {each for each in found if each and not any(code.startswith(each) for code in codes)} == set()
    assert {"claw-back: returned", "claw-back: owed"} <= set(codes)

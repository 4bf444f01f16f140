import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.matching import text_similarity
from siwei.matching.retrieval import terms

TEXT = st.text(st.sampled_from("医院影像识别机器人芯片 AIai12-，。"), max_size=30)


def test_terms_are_bigrams_of_chinese_and_words_of_latin() -> None:
    assert terms("医学影像AI与ＧＰＵ，芯") == {"医学": 1, "学影": 1, "影像": 1, "ai": 1, "与": 1, "gpu": 1, "芯": 1}


def test_the_text_that_speaks_of_the_same_is_first() -> None:
    offers = ["工业机器人关节减速器", "医学影像辅助诊断系统，支持肺结节识别", "港口集装箱调度软件"]
    scores = text_similarity("医院放射科需要肺结节影像辅助诊断", offers)
    assert max(range(3), key=scores.__getitem__) == 1
    assert scores[0] == 0.0


def test_a_rare_word_says_more_than_a_common_one() -> None:
    offers = ["平台 昇腾", "平台 服务", "平台 软件", "平台 系统"]
    scores = text_similarity("平台 昇腾", offers)
    assert scores[0] == pytest.approx(1.0)
    assert scores[1] < 0.5


@given(TEXT, st.lists(TEXT, max_size=6))
def test_similarity_is_bounded_and_keeps_the_order_of_documents(query: str, documents: list[str]) -> None:
    scores = text_similarity(query, documents)
    assert len(scores) == len(documents)
    assert all(0.0 <= score <= 1.0 for score in scores)
    assert text_similarity(query, documents[::-1]) == scores[::-1]
    for document, score in zip(documents, scores, strict=True):
        assert (score > 0) == (not terms(query).keys().isdisjoint(terms(document)))


@given(TEXT.filter(lambda text: bool(terms(text))))
def test_a_text_is_wholly_like_itself(text: str) -> None:
    assert text_similarity(text, [text, "别的"])[0] == pytest.approx(1.0)


def test_nothing_is_like_nothing() -> None:
    assert text_similarity("", ["", "芯片"]) == [0.0, 0.0]
    assert text_similarity("芯片", []) == []


def test_a_very_long_text_is_read_to_a_bound() -> None:
    assert sum(terms("芯片" * 1_000_000).values()) == 19_999

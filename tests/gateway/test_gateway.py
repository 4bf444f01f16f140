"""The official client against the gateway, with real models behind it; and what is charged when things go wrong."""

import json
import time
import urllib.request
from typing import Any

import openai
import pytest
from gateway_at_hand import UPSTREAM_SECRET, Running

ASK = "What is a city to a machine"


def ask(client: openai.OpenAI, text: str = ASK, **options: Any) -> Any:
    asked = {"model": "tiny", "messages": [{"role": "user", "content": text}], "max_tokens": 40}
    return client.chat.completions.create(**asked | options)


def test_chat_is_answered_and_charged_by_reported_tokens(running: Running) -> None:
    raw = running.client().chat.completions.with_raw_response.create(
        model="tiny", messages=[{"role": "user", "content": ASK}], max_tokens=40, seed=3
    )
    answer = raw.parse()
    written = answer.choices[0].message.content
    assert written and answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (len(ASK), len(written))
    call = running.calls()[raw.headers["x-request-id"]]
    assert (call["state"], call["basis"], call["outcome"]) == ("done", "reported", "ok")
    assert call["cost_microfen"] == len(ASK) * 200 + len(written) * 800


def test_a_stream_comes_in_pieces_and_is_charged_by_its_usage(running: Running) -> None:
    with running.client().chat.completions.with_streaming_response.create(
        model="tiny", messages=[{"role": "user", "content": ASK}], max_tokens=30, stream=True
    ) as response:
        name = response.headers["x-request-id"]
        lines = list(response.iter_lines())
    assert lines[-2] == "data: [DONE]" or lines[-1] == "data: [DONE]"
    pieces = list(ask(running.client(), max_tokens=30, stream=True))
    # The piece that brings the usage was asked for by the gateway, not by this caller.
    assert all(piece.choices for piece in pieces)
    count = sum(bool(piece.choices[0].delta.content) for piece in pieces)
    call = running.calls()[name]
    assert (call["basis"], call["output_tokens"], call["input_tokens"]) == ("reported", count, len(ASK))


def test_a_caller_who_asks_for_the_usage_of_a_stream_gets_it(running: Running) -> None:
    pieces = list(ask(running.client(), max_tokens=5, stream=True, stream_options={"include_usage": True}))
    assert (pieces[-1].choices, pieces[-1].usage.completion_tokens) == ([], 5)


def test_completions_and_several_prompts(running: Running) -> None:
    answer = running.client().completions.create(model="tiny", prompt=ASK, max_tokens=9)
    assert answer.usage and answer.usage.completion_tokens == len(answer.choices[0].text) <= 9


@pytest.mark.parametrize("encoding", [None, "float"])
def test_embeddings_are_the_models_own(running: Running, encoding: Any) -> None:
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    options = {"encoding_format": encoding} if encoding else {}
    answer = running.client("embedding").embeddings.create(model="minilm", input=texts, **options)
    first, second, third = (each.embedding for each in answer.data)

    def likeness(one: list[float], other: list[float]) -> float:
        return round(sum(a * b for a, b in zip(one, other, strict=True)), 4)

    # As sentence-transformers' own quick start prints them for this model.
    assert (likeness(first, second), likeness(first, third)) == (0.6660, 0.1046)
    assert likeness(second, third) == 0.1411
    assert answer.usage.prompt_tokens == 25


def test_models_are_those_of_the_agreements(running: Running) -> None:
    models = {model.id: model.owned_by for model in running.client().models.list()}
    assert models == {"tiny": "n-centre", "minilm": "n-centre"}
    assert running.client().models.retrieve("tiny").id == "tiny"
    assert list(running.client("other").models.list()) == []


@pytest.mark.parametrize(
    ("key", "options", "error", "code"),
    [
        ("siwei_wrong", {}, openai.AuthenticationError, "invalid_api_key"),
        ("gone", {}, openai.AuthenticationError, "invalid_api_key"),
        ("other", {}, openai.NotFoundError, "model_not_found"),
        ("embedding", {}, openai.PermissionDeniedError, "endpoint_not_allowed"),
        ("poor", {}, openai.RateLimitError, "insufficient_quota"),
        ("free", {"n": 129}, openai.BadRequestError, "invalid_n"),
        ("free", {"max_tokens": 0}, openai.BadRequestError, "invalid_max_tokens"),
        ("free", {"max_tokens": -1}, openai.BadRequestError, "invalid_max_tokens"),
        ("free", {"messages": []}, openai.BadRequestError, "invalid_messages"),
        (
            "free",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]},
            openai.BadRequestError,
            "unsupported_content",
        ),
        ("free", {"extra_body": {"model": 7}}, openai.BadRequestError, "invalid_model"),
        ("free", {"extra_body": {"stream": "yes"}}, openai.BadRequestError, "invalid_stream"),
    ],
)
def test_errors_are_the_clients_own(
    running: Running, key: str, options: dict[str, Any], error: type[openai.APIStatusError], code: str
) -> None:
    before = len(running.calls())
    with pytest.raises(error) as said:
        ask(running.client(key), **options)
    assert (said.value.code, bool(said.value.message)) == (code, True)
    assert len(running.calls()) == before


@pytest.mark.parametrize(
    ("key", "options", "english", "chinese"),
    [
        ("siwei_wrong", {}, "the key is unknown", "该密钥未知、已吊销或已过期"),
        ("other", {}, "no agreement of your organisation", "贵机构没有包含模型"),
        ("free", {"messages": []}, "not empty", "messages 须为非空的对象列表"),
    ],
)
def test_errors_are_said_in_the_callers_language(
    running: Running, key: str, options: dict[str, Any], english: str, chinese: str
) -> None:
    for language, words in (("zh-CN,zh;q=0.9,en;q=0.8", chinese), ("en", english), ("", english)):
        with pytest.raises(openai.APIStatusError) as said:
            ask(running.client(key), extra_headers={"Accept-Language": language}, **options)
        assert words in said.value.message


def test_a_rate_is_answered_with_when_to_ask_again(running: Running) -> None:
    client = running.client("slow")
    with pytest.raises(openai.RateLimitError) as said:
        for _ in range(3):  # a clock minute may end in between, once
            ask(client, max_tokens=1)
    assert said.value.code == "rate_limit_exceeded"
    assert 1 <= int(said.value.response.headers["retry-after"]) <= 60


def test_the_client_tries_a_busy_server_again_and_is_charged_once(running: Running) -> None:
    text = f"[busy] {time.time()}"
    before = set(running.calls())
    ask(running.client(max_retries=2), text, max_tokens=5)
    made = [call for name, call in running.calls().items() if name not in before]
    assert [(call["outcome"], call["cost_microfen"] > 0) for call in made] == [("503", False), ("ok", True)]


def test_an_upstream_that_dies_midway_is_paid_for_what_came(running: Running) -> None:
    seen = ""
    with pytest.raises(openai.APIError, match="broke off"):
        for piece in ask(running.client(), "[die 5] A city", stream=True):
            seen += piece.choices[0].delta.content or ""
    call = list(running.calls().values())[-1]
    assert (len(seen), call["outcome"], call["basis"], call["output_tokens"]) == (5, "cut", "estimated", 5)
    with pytest.raises(openai.InternalServerError, match="did not finish"):
        ask(running.client(), "[die 5] A city")
    call = list(running.calls().values())[-1]
    assert (call["outcome"], call["cost_microfen"]) == ("cut", 0)


def test_the_city_sees_how_an_upstream_fares(running: Running) -> None:
    ask(running.client(), "A city", max_tokens=2)
    assert running.upstream("tiny")["failures"] == 0
    with pytest.raises(openai.InternalServerError):
        ask(running.client(), "[die 5] A city")
    failing = running.upstream("tiny")
    assert (failing["failures"], failing["failure"], failing["failed_at"] is not None) == (1, "cut", True)
    ask(running.client(), "A city", max_tokens=2)
    assert running.upstream("tiny")["failures"] == 0


def test_a_caller_who_leaves_midway_pays_for_what_came(running: Running) -> None:
    began = time.monotonic()
    stream = ask(running.client(), "[slow] A city", stream=True)
    for _ in range(3):
        next(iter(stream))
    stream.close()
    for _ in range(1000):
        call = list(running.calls().values())[-1]
        if call["state"] == "done":
            break
        time.sleep(0.1)
    assert (call["outcome"], call["basis"]) == ("disconnected", "estimated")
    # One came each quarter of a second, until it was seen that nobody listens.
    assert 3 <= call["output_tokens"] <= (time.monotonic() - began) / 0.25 + 1
    assert call["cost_microfen"] == -(-call["request_bytes"] // 4) * 200 + call["output_tokens"] * 800


def test_no_report_is_estimated_and_a_lie_is_capped(running: Running) -> None:
    ask(running.client(), "[silent] A city", max_tokens=10)
    silent = list(running.calls().values())[-1]
    assert (silent["basis"], silent["output_tokens"]) == ("estimated", 3)
    list(ask(running.client(), "[silent] A city", max_tokens=10, stream=True))
    silent = list(running.calls().values())[-1]
    assert (silent["basis"], silent["output_tokens"]) == ("estimated", 10)
    ask(running.client(), "[liar] A city", max_tokens=10)
    capped = list(running.calls().values())[-1]
    assert (capped["basis"], capped["output_tokens"]) == ("capped", 10**6)
    assert capped["cost_microfen"] == (capped["request_bytes"] + 256) * 200 + 10 * 800


def test_nothing_of_the_caller_but_its_request_reaches_the_upstream(running: Running) -> None:
    client = running.client(default_headers={"X-Secret": "mine", "Cookie": "a=b"})
    headers = json.loads(ask(client, "[seen] A city").choices[0].message.content)
    assert headers["Authorization"] == f"Bearer {UPSTREAM_SECRET}"
    known = {"Host", "Authorization", "Content-Type", "Accept", "User-Agent", "X-Request-Id", "Accept-Encoding"}
    assert set(headers) - known == {"Content-Length"}
    assert running.keys["free"] not in str(headers)


def test_a_redirect_is_not_followed(running: Running) -> None:
    with pytest.raises(openai.InternalServerError):
        ask(running.client(), "[redirect] A city")


def test_what_is_too_long_is_refused_before_it_costs_anything(running: Running) -> None:
    with pytest.raises(openai.APIStatusError) as said:
        ask(running.client(), "x" * (4 * 1024 * 1024))
    assert said.value.status_code == 413


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'"x"', b"[" * 100_000, b'{"model": "tiny", "messages": [{"role": "\\ud800"}]}', b"\xff"]
)
def test_bodies_that_cannot_be(running: Running, body: bytes) -> None:
    request = urllib.request.Request(
        f"{running.base_url}/chat/completions", body, {"Authorization": f"Bearer {running.keys['free']}"}
    )
    with pytest.raises(urllib.error.HTTPError) as said:
        urllib.request.urlopen(request, timeout=120)
    with said.value as answer:
        assert (answer.code, json.loads(answer.read())["error"]["code"]) == (400, "invalid_json")


def test_what_was_swept_before_it_ended_is_not_delivered_whole(running: Running) -> None:
    iterator = iter(ask(running.client(), "[slow] A city", stream=True, max_tokens=60))
    next(iterator)
    report = running.report(sweep_after_s=3600)
    call = list(running.calls().values())[-1]
    assert report["calls"][call["name"]]["state"] == "swept"
    # Or its upstream stalled so long, on a machine that had other things to do, that it was given up before.
    with pytest.raises(openai.APIError, match=r"took too long|broke off"):
        list(iterator)
    after = running.report()
    assert after["calls"][call["name"]] == report["calls"][call["name"]]
    assert after["adrift"] == []


def test_only_a_key_that_says_so_has_its_calls_kept(running: Running) -> None:
    ask(running.client("free"), "not to be kept", max_tokens=5)
    answer = ask(running.client("keeping"), "to be kept", max_tokens=5)
    stream = ask(running.client("keeping"), "to be kept too", max_tokens=5, stream=True)
    text = "".join(piece.choices[0].delta.content or "" for piece in stream)
    kept = running.report()["kept"]
    assert [("not to be kept" in request) for _, request, _ in kept] == [False] * len(kept)
    assert [answer for _, _, answer in kept] == [answer.choices[0].message.content, text]


def test_a_gateway_killed_midway_loses_and_doubles_nothing(running: Running) -> None:
    stream = ask(running.client(), "[slow] A city", stream=True, max_tokens=100)
    iterator = iter(stream)
    # A piece each quarter of a second: progress is written down before the last of them.
    while not list(running.calls().values())[-1]["pieces"]:
        next(iterator)
    running.kill()
    with pytest.raises(Exception, match=r"closed|reset|peer|incomplete|Connection"):
        for _ in iterator:
            pass
    call = list(running.calls().values())[-1]
    assert call["state"] == "open"
    running.start()
    ask(running.client(), max_tokens=5)
    report = running.report(sweep_after_s=3600)
    swept = report["calls"][call["name"]]
    assert (swept["state"], swept["basis"], swept["output_tokens"]) == ("swept", "estimated", call["pieces"])
    assert call["pieces"] > 0
    assert report["adrift"] == []
    assert {each["state"] for each in report["calls"].values()} == {"done", "swept"}


def test_the_log_holds_calls_but_neither_words_nor_keys(running: Running) -> None:
    marker = "ZEBRA-7319"
    answer = ask(running.client(), f"{marker} a city", max_tokens=30).choices[0].message.content
    with pytest.raises(openai.APIError):
        list(ask(running.client(), f"[die 2] {marker}", stream=True))
    with pytest.raises(openai.NotFoundError):
        running.client().post(f"/{marker}", cast_to=object)
    log = running.log.read_text(encoding="utf-8")
    assert "POST /v1/chat/completions 200" in log
    assert [each for each in (marker, answer, UPSTREAM_SECRET, *running.keys.values()) if each in log] == []


def test_every_counter_says_what_the_calls_say(running: Running) -> None:
    assert running.report()["adrift"] == []

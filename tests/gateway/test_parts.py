"""The gateway's parts by themselves: events cut anywhere, upstreams spared, secrets guarded, names that lead home."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.errors import InputError
from siwei.exchange.calls.upstream_connections import CheckedResolver, ForbiddenAddress
from siwei.gateway.answers import DONE, EVENT_LIMIT_BYTES, AnswerBroken, EventSplitter, StreamMeter, reported_tokens
from siwei.gateway.breaker import FAILURES, PAUSE_S, Breaker
from siwei.gateway.credentials import read_credentials
from siwei.gateway.protocol import Refusal, parse_request
from siwei.market.model_calls import Delivered, TokenPrice, Tokens, bound_tokens, charge


@given(st.lists(st.sampled_from(["data: {}", ": wait", "data: 中文", "event: x\ndata: 1"]), max_size=8), st.data())
def test_events_come_out_whole_wherever_they_are_cut(events: list[str], data: st.DataObject) -> None:
    stream = "".join(f"{event}\n\n" for event in events).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    splitter, found = EventSplitter(), []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += splitter.feed(stream[begin:end])
    assert [event.decode() for event in found] == [f"{event}\n\n" for event in events]


def test_an_event_without_end_is_cut_off() -> None:
    with pytest.raises(AnswerBroken):
        EventSplitter().feed(b"x" * (EVENT_LIMIT_BYTES + 1))


def test_events_may_end_as_on_other_systems() -> None:
    assert EventSplitter().feed(b"data: 1\r\n\r\ndata: 2\r\n\r\n") == [b"data: 1\n\n", b"data: 2\n\n"]


def test_a_stream_is_metered_piece_by_piece() -> None:
    meter = StreamMeter(wants_usage=False, keeps=True)
    shown = [
        meter.take(event.encode())
        for event in (
            'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n',
            'data: {"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "b"}}]}\n\n',
            'data: {"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]}\n\n',
            'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}\n\n',
            f"data: {DONE}\n\n",
        )
    ]
    assert shown == [True, True, True, False, False]
    assert (meter.pieces, meter.tokens, meter.is_done, meter.text[:2]) == (3, Tokens(3, 4), True, ["a", "b"])
    for broken in ("data: {\n\n", 'data: {"error": {"message": "x"}}\n\n', "data: []\n\n"):
        with pytest.raises(AnswerBroken):
            meter.take(broken.encode())


@pytest.mark.parametrize(
    "usage",
    [None, [], {}, {"prompt_tokens": -1}, {"prompt_tokens": "3"}, {"prompt_tokens": 10**30}, {"prompt_tokens": True}],
)
def test_a_report_that_cannot_be_is_none(usage: object) -> None:
    assert reported_tokens({"usage": usage}) is None


@given(
    read=st.integers(0, 10**9), written=st.integers(0, 10**9), price=st.tuples(*[st.integers(0, 10**7)] * 2),
    size=st.integers(1, 4 * 10**6), most=st.integers(0, 10**6), choices=st.integers(1, 128),
    pieces=st.integers(0, 10**9), is_reported=st.booleans(),
)  # fmt: skip
def test_no_charge_passes_its_bound(
    read: int, written: int, price: tuple[int, int], size: int, most: int, choices: int, pieces: int, is_reported: bool
) -> None:
    prices, bound = TokenPrice(*price), bound_tokens(size, most, choices)
    delivered = Delivered(Tokens(read, written) if is_reported else None, size, 0, pieces)
    made = charge(prices, bound, delivered)
    assert 0 <= made.cost_microfen <= prices.cost(bound) < 2**63
    if made.basis == "reported":
        assert made.cost_microfen == prices.cost(Tokens(read, written))


def test_a_failing_upstream_is_spared_then_tried_by_one() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.wait_s("u", 100.0) == 0
        breaker.note("u", failed=True, now_s=100.0)
    assert breaker.wait_s("u", 110.0) == PAUSE_S - 10
    assert breaker.wait_s("other", 110.0) == 0
    later = 100.0 + PAUSE_S
    assert [breaker.wait_s("u", later) for _ in range(2)] == [0, PAUSE_S]
    assert breaker.note("u", failed=False, now_s=later)
    assert not breaker.note("u", failed=False, now_s=later)
    assert breaker.wait_s("u", later) == 0
    assert breaker.note("u", failed=True, now_s=later)
    assert breaker.wait_s("u", later) == 0


def test_secrets_that_others_may_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "secrets.toml"
    file.write_text('centre = "s"\n')
    file.chmod(0o640)
    with pytest.raises(InputError, match="others than its owner"):
        read_credentials(file)
    file.chmod(0o600)
    assert (read_credentials(file), read_credentials(None)) == ({"centre": "s"}, {})
    for wrong in ("centre = 5", "centre", 'centre = "a\\nb"'):
        file.write_text(wrong)
        with pytest.raises(InputError):
            read_credentials(file)
    with pytest.raises(InputError):
        read_credentials(tmp_path / "none")


def test_a_name_that_leads_home_is_not_called() -> None:
    with pytest.raises(ForbiddenAddress):
        asyncio.run(CheckedResolver(frozenset()).resolve("localhost", 80))
    found = asyncio.run(CheckedResolver(frozenset({("localhost", 80)})).resolve("localhost", 80))
    assert {each["host"] for each in found} <= {"127.0.0.1", "::1"}


def test_the_bound_counts_every_prompt_and_every_choice() -> None:
    body = b'{"model": "m", "prompt": ["a", "b"], "n": 2, "best_of": 3, "max_tokens": 7}'
    assert parse_request("completions", body).wanted.choices == 6
    with pytest.raises(Refusal):
        parse_request("completions", b'{"model": "m", "prompt": ' + str(["a"] * 129).replace("'", '"').encode() + b"}")


def test_what_is_sent_on_holds_the_bound_and_no_names() -> None:
    asked = parse_request(
        "chat", '{"model": "m", "messages": [{"role": "user", "content": "你"}], "user": "Li", "stream": true}'.encode()
    )
    sent = asked.body_for("theirs", 9).decode()
    assert sent == (
        '{"model":"theirs","messages":[{"role":"user","content":"你"}],"stream":true,"max_tokens":9,'
        '"stream_options":{"include_usage":true}}'
    )

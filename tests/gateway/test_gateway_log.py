"""The gateway's own process: what its loggers say, at any level, holds no key, no credential and no word of a call."""

import contextlib
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import openai
import psycopg
import pytest
from gateway_at_hand import UPSTREAM_SECRET, Running, free_port

MARKER = "QUAGGA-4402"
SAYING_ALL = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
logging.getLogger("siwei").debug("everything is said")
from siwei.cli import main
main()
"""


@pytest.fixture
def talkative(running: Running, tmp_path: Path) -> Iterator[Running]:
    """Another gateway of the same city, whose loggers all say everything, asyncio's own included."""
    environment = running.environment | {"PYTHONASYNCIODEBUG": "1"}
    gateway = replace(running, environment=environment, port=free_port(), log=tmp_path / "log", process=None)
    command = [sys.executable, "-c", SAYING_ALL, "gateway", "--port", str(gateway.port), "--log-calls"]
    with gateway.log.open("w") as log:
        gateway.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, text=True)
    for _ in range(600):
        if f"http://127.0.0.1:{gateway.port}" in gateway.log.read_text(encoding="utf-8"):
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"it ended with {gateway.process.wait(0.1)}")
    yield gateway
    gateway.process.terminate()
    gateway.process.wait(120)


@contextlib.contextmanager
def without_meters(running: Running) -> Iterator[None]:
    """The database fails in the middle of admitting a call."""
    away = "ALTER TABLE exchange_callmeter RENAME TO exchange_callmeter_away"
    back = "ALTER TABLE exchange_callmeter_away RENAME TO exchange_callmeter"

    def do(statement: str) -> None:
        if url := running.environment.get("SIWEI_DATABASE_URL"):
            with psycopg.connect(url, autocommit=True) as city:
                city.execute(statement)
            return
        with contextlib.closing(sqlite3.connect(Path(running.environment["SIWEI_CITY"]) / "city.sqlite3")) as city:
            city.execute(statement)

    do(away)
    try:
        yield
    finally:
        do(back)


def ask(gateway: Running, key: str = "free", text: str = "a city", **options: object) -> str:
    asked = {"model": "tiny", "messages": [{"role": "user", "content": f"{text} {MARKER}"}], "max_tokens": 30}
    return str(gateway.client(key).chat.completions.create(**asked | options).choices[0].message.content)  # type: ignore[call-overload]


def test_no_secret_is_in_any_log_of_the_gateway(talkative: Running) -> None:
    secret = talkative.keys["free"]
    wrong = secret[:-4] + ("AAAA" if secret[-4:] != "AAAA" else "BBBB")
    answer = ask(talkative)
    kept = ask(talkative, "keeping")
    talkative.client("embedding").embeddings.create(model="minilm", input=MARKER)
    for key in (wrong, "gone", "slow", "poor", "other", f"{MARKER}-{UPSTREAM_SECRET}"):
        with contextlib.suppress(openai.APIStatusError):
            ask(talkative, key)
    for text in ("[die 2]", "[redirect]", "[busy]", "[liar]", "[seen]"):
        with contextlib.suppress(openai.APIError):
            ask(talkative, text=text)
    # The upstream ends in the middle of a stream, which went on so far.
    asked = [{"role": "user", "content": f"[die 2] {MARKER}"}]
    completions = talkative.client("free").chat.completions
    with pytest.raises(openai.APIError):
        for _piece in completions.create(model="tiny", messages=asked, max_tokens=30, stream=True):  # type: ignore[arg-type]
            pass
    # Where a key does not belong: in the address, in a body that is no JSON, as a name of a model.
    for path, body in ((f"/v1/{secret}?key={secret}", b"{}"), ("/v1/embeddings", f"{{{secret} {MARKER}".encode())):
        request = urllib.request.Request(
            f"http://127.0.0.1:{talkative.port}{path}", body, {"Authorization": f"Bearer {secret}", "X-Api-Key": secret}
        )
        with pytest.raises(urllib.error.HTTPError) as said:
            urllib.request.urlopen(request, timeout=120)
        said.value.close()
    with pytest.raises(openai.NotFoundError):
        ask(talkative, model=secret)
    with without_meters(talkative), pytest.raises(openai.InternalServerError):
        ask(talkative)
    log = talkative.log.read_text(encoding="utf-8")
    # It says much: every call, a fault with its lines of code, and whatever is said for those who look for faults.
    wanted = ("POST /v1/chat/completions 200", "call_meters.py", "DEBUG:siwei:everything is said")
    assert [each for each in wanted if each not in log] == []
    told = {"free": secret, "wrong": wrong, "upstream": UPSTREAM_SECRET, "asked": MARKER, "answers": answer}
    told |= {"kept": kept} | {f"part of {name}": text.split("_", 2)[2] for name, text in talkative.keys.items()}
    assert [name for name, text in told.items() if text in log] == []

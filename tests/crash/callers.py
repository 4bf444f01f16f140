"""Calls of models under an agreement, through whichever gateway answers, whole and streamed. A call that broke off is
made anew: it is another call. What was answered whole is written down, and the city must know exactly that."""

import http.client
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.asking import LONGEST_WAIT_S, PATIENCE_S, GivenUp
from tests.crash.town import MODEL

MOST_TOKENS = 6
WISHES = {"": 14, "[silent] ": 3, "[slow] ": 1, "[die 2] ": 1, "[busy] ": 1}
"""What the upstream is asked to do, and how often: nothing, no report of usage, take its time, break off, be busy."""
AGAIN = (404, 429, 500, 502, 503, 504)
"""An agreement that was signed a moment ago, what calls left by a killed gateway still hold, a model that failed."""


@dataclass(frozen=True)
class Answer:
    """`tokens` are None where the upstream did not say how many it read and wrote."""

    call: str
    tokens: tuple[int, int] | None


class Caller:
    def __init__(self, ports: tuple[int, ...], answered: Path, step: Callable[[], None]) -> None:
        self.ports, self.answered, self.step, self.chance = ports, answered, step, random.Random()

    def call(self, agreement: str, secret: str, times: int) -> None:
        """Until so many calls under the agreement were answered whole."""
        self.answered.touch()
        deadline, wait_s = time.monotonic() + PATIENCE_S, 0.05
        while (done := self._noted(agreement)) < times:
            if time.monotonic() > deadline:
                raise GivenUp(f"{done} of {times} calls under {agreement} were answered in {PATIENCE_S} s")
            if (answer := self._ask(secret)) is None:
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                continue
            with self.answered.open("a") as file:
                read, written = answer.tokens or ("-", "-")
                file.write(f"{agreement} {answer.call} {read} {written}\n")
            deadline, wait_s = time.monotonic() + PATIENCE_S, 0.05

    def _noted(self, agreement: str) -> int:
        return sum(line.split()[0] == agreement for line in self.answered.read_text().splitlines())

    def _ask(self, secret: str) -> Answer | None:
        is_streamed, wish = self.chance.random() < 0.6, self.chance.choices([*WISHES], [*WISHES.values()])[0]
        asked: dict[str, Any] = {
            "model": MODEL, "max_tokens": self.chance.randint(1, MOST_TOKENS), "stream": is_streamed,
            "messages": [{"role": "user", "content": f"{wish}learning {self.chance.randrange(10**6)}"}],
        }  # fmt: skip
        if is_streamed:
            asked["stream_options"] = {"include_usage": True}
        connection = http.client.HTTPConnection("127.0.0.1", self.chance.choice(self.ports), timeout=30)
        self.step()
        try:
            connection.request(
                "POST", "/v1/chat/completions", json.dumps(asked),
                {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            )  # fmt: skip
            return self._read(connection.getresponse(), is_streamed)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
            self.step()

    def _read(self, answer: http.client.HTTPResponse, is_streamed: bool) -> Answer | None:
        """None for one that broke off or may be asked again."""
        if answer.status != 200:
            said = answer.read().decode(errors="replace")
            if answer.status not in AGAIN:
                raise GivenUp(f"a call was refused: {answer.status} {said[:300]}")
            return None
        name = answer.headers["x-request-id"]
        if not is_streamed:
            return Answer(name, _tokens(json.loads(answer.read()).get("usage")))
        tokens, is_whole = None, False
        for line in answer:
            self.step()
            event = line.strip().removeprefix(b"data: ")
            is_whole = is_whole or event == b"[DONE]"
            if event.startswith(b"{"):
                tokens = _tokens(json.loads(event).get("usage")) or tokens
        return Answer(name, tokens) if is_whole else None


def _tokens(usage: Any) -> tuple[int, int] | None:
    return (usage["prompt_tokens"], usage["completion_tokens"]) if usage else None

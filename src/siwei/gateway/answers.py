"""What upstreams answer: the tokens they report, whole or at the end of a stream, and the text that passed through."""

import json
from dataclasses import dataclass, field
from typing import Any

from siwei.market.model_calls import Tokens

MOST_TOKENS = 1_000_000_000
EVENT_LIMIT_BYTES = 1024 * 1024
DONE = "[DONE]"


class AnswerBroken(Exception):
    """The upstream said what is no answer of the protocol."""


def reported_tokens(document: Any) -> Tokens | None:
    """The usage of an answer or of a piece; None where there is none to be believed."""
    usage = document.get("usage") if isinstance(document, dict) else None
    if not isinstance(usage, dict):
        return None
    read, written = usage.get("prompt_tokens"), usage.get("completion_tokens", 0)
    if type(read) is not int or type(written) is not int or not all(0 <= n <= MOST_TOKENS for n in (read, written)):
        return None
    return Tokens(read, written)


def answer_text(document: Any) -> str:
    """All text of an answer, for an estimate where no usage came."""
    return "".join(_texts(document, "message"))


class EventSplitter:
    """Cuts bytes as they come into whole server-sent events, each with the blank line that ends it."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Raises AnswerBroken for an event without end."""
        self._rest = (self._rest + data).replace(b"\r\n", b"\n")
        *events, self._rest = self._rest.split(b"\n\n")
        if len(self._rest) > EVENT_LIMIT_BYTES:
            raise AnswerBroken(f"an event of more than {EVENT_LIMIT_BYTES} bytes")
        return [event + b"\n\n" for event in events if event.strip()]


@dataclass
class StreamMeter:
    """What a stream has brought so far. `pieces` counts those with content: a token each, as a rule."""

    wants_usage: bool
    keeps: bool = False
    tokens: Tokens | None = None
    pieces: int = 0
    is_done: bool = False
    text: list[str] = field(default_factory=list)

    def take(self, event: bytes) -> bool:
        """Note what an event says; whether the caller is to have it. Raises AnswerBroken where it is an error."""
        data = "\n".join(
            line[5:].strip() for line in event.decode("utf-8", "replace").split("\n") if line.startswith("data:")
        )
        if not data:
            return True
        if data == DONE:
            self.is_done = True
            return False
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            raise AnswerBroken("a piece is no JSON") from None
        if not isinstance(document, dict) or document.get("error") is not None:
            raise AnswerBroken("the upstream broke off with an error")
        found = _texts(document, "delta")
        self.pieces += len(found)
        if self.keeps:
            self.text += found
        tokens = reported_tokens(document)
        self.tokens = tokens or self.tokens
        # The piece that only brings the usage is the caller's if it asked for it.
        return self.wants_usage or tokens is None or bool(document.get("choices"))


def _texts(document: Any, part: str) -> list[str]:
    """One text for each choice that has any: its content, its reasoning, the calls of tools it makes."""
    choices = document.get("choices") if isinstance(document, dict) else None
    found = []
    for choice in choices if isinstance(choices, list) else []:
        if not isinstance(choice, dict):
            continue
        given = choice.get(part)
        inner: dict[str, Any] = given if isinstance(given, dict) else {}
        texts = [choice.get("text"), inner.get("content"), inner.get("reasoning_content"), inner.get("reasoning")]
        if inner.get("tool_calls"):
            texts.append(json.dumps(inner["tool_calls"], ensure_ascii=False))
        if text := "".join(each for each in texts if isinstance(each, str)):
            found.append(text)
    return found

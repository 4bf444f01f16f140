"""The OpenAI protocol, as far as money and safety are concerned: what a request asks for, and how a refusal is said."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from siwei.errors import CallRefused, Said, chinese_of
from siwei.exchange.calls.call_routes import Wanted

PATHS = {"chat": "/chat/completions", "completions": "/completions", "embeddings": "/embeddings"}
MOST_CHOICES = 128
MOST_OUTPUT_TOKENS = 1_000_000
NOT_PASSED_ON = ("user", "safety_identifier", "store", "metadata", "service_tier", "prompt_cache_key")
"""Names of people, and requests to keep what is sent: none of the upstream's business."""
STATUS = {
    "invalid_api_key": 401,
    "endpoint_not_allowed": 403,
    "model_not_found": 404,
    "endpoint_not_served": 404,
    "tokens_per_call": 413,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
}


class Refusal(Exception):
    """An answer that is no completion: a status, and an error in the protocol's own shape."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param
        self.headers = dict(headers or {})

    def document(self, *, in_chinese: bool) -> dict[str, Any]:
        kind = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}.get(
            self.status, "invalid_request_error" if self.status < 500 else "server_error"
        )
        kind = "insufficient_quota" if self.code == "insufficient_quota" else kind
        said = chinese_of(self.args[0]) if in_chinese else str(self)
        return {"error": {"message": said, "type": kind, "param": self.param, "code": self.code}}


def wants_chinese(accepted: str) -> bool:
    """By the first of `Accept-Language`; English where a client says nothing, as those of the protocol do."""
    return accepted.strip().lower().startswith("zh")


def refusal_of(refused: CallRefused) -> Refusal:
    headers = {"Retry-After": str(refused.retry_after_s)} if refused.retry_after_s else {}
    if refused.code != "rate_limit_exceeded":
        # What the official client obeys: asking again cannot help.
        headers["x-should-retry"] = "false"
    return Refusal(STATUS.get(refused.code, 400), refused.code, refused.args[0], headers=headers)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that can be passed on. `wants_usage`: the caller itself asked a stream for its usage."""

    wanted: Wanted
    document: dict[str, Any]
    body: bytes
    wants_usage: bool

    def body_for(self, served_as: str, most_output_tokens: int) -> bytes:
        """The request as the upstream is to have it: its own name of the model, and the bound that was paid for."""
        document = {name: value for name, value in self.document.items() if name not in NOT_PASSED_ON}
        document["model"] = served_as
        if self.wanted.endpoint != "embeddings":
            limits = [name for name in ("max_tokens", "max_completion_tokens") if document.get(name) is not None]
            for name in limits or ["max_tokens"]:
                document[name] = most_output_tokens
            if self.wanted.is_streamed:
                document["stream_options"] = {**(document.get("stream_options") or {}), "include_usage": True}
        return _encode(document)


def parse_request(endpoint: str, body: bytes) -> Asked:
    """Raises Refusal (400) for what cannot be bounded or understood."""
    try:
        document = json.loads(body)
        encoded = _encode(document)
    except (ValueError, RecursionError):
        raise Refusal(
            400, "invalid_json", Said("the body is no JSON that can be passed on", "正文不是可转发的 JSON")
        ) from None
    if not isinstance(document, dict):
        raise Refusal(400, "invalid_json", Said("the body is a JSON object", "正文须为 JSON 对象"))
    model = document.get("model")
    if not isinstance(model, str) or not 0 < len(model) <= 120:
        raise Refusal(400, "invalid_model", Said("name a model", "请指定模型"), param="model")
    stream = document.get("stream") or False
    if not isinstance(stream, bool) or (stream and endpoint == "embeddings"):
        raise Refusal(
            400,
            "invalid_stream",
            Said("stream is true or false, and embeddings come whole", "stream 为 true 或 false；向量一次返回"),
            param="stream",
        )
    options = document.get("stream_options") or {}
    if not isinstance(options, dict):
        raise Refusal(
            400,
            "invalid_stream_options",
            Said("stream_options is an object", "stream_options 须为对象"),
            param="stream_options",
        )
    choices, most = 1, None
    if endpoint == "chat":
        _check_messages(document)
    if endpoint != "embeddings":
        choices = max(_integer(document, name, MOST_CHOICES) or 1 for name in ("n", "best_of")) * _prompts(document)
        limits = (_integer(document, name, MOST_OUTPUT_TOKENS) for name in ("max_tokens", "max_completion_tokens"))
        most = min((limit for limit in limits if limit is not None), default=None)
    if choices > MOST_CHOICES:
        raise Refusal(
            400,
            "invalid_n",
            Said(f"at most {MOST_CHOICES} answers to one request", f"一次请求至多 {MOST_CHOICES} 个回答"),
            param="n",
        )
    wanted = Wanted(model, endpoint, len(encoded), most, choices, stream)
    return Asked(wanted, document, encoded, bool(options.get("include_usage")))


def _check_messages(document: Mapping[str, Any]) -> None:
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise Refusal(
            400,
            "invalid_messages",
            Said("messages is a list of objects, not empty", "messages 须为非空的对象列表"),
            param="messages",
        )
    for message in messages:
        parts = message.get("content")
        if isinstance(parts, list) and not all(
            isinstance(part, dict) and part.get("type") in ("text", "refusal") for part in parts
        ):
            # The tokens of an image or a sound have no bound in the bytes of its address.
            raise Refusal(
                400,
                "unsupported_content",
                Said("this gateway meters text: no image, sound or file", "本网关按文字计量：不接受图像、声音或文件"),
                param="messages",
            )
    if document.get("modalities") not in (None, ["text"]) or document.get("audio") is not None:
        raise Refusal(
            400, "unsupported_content", Said("this gateway meters text only", "本网关只按文字计量"), param="modalities"
        )


def _prompts(document: Mapping[str, Any]) -> int:
    """How many prompts one request of `completions` holds; each is answered by itself."""
    prompt = document.get("prompt")
    if isinstance(prompt, list) and any(isinstance(each, (str, list)) for each in prompt):
        return len(prompt)
    return 1


def _integer(document: Mapping[str, Any], name: str, most: int) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= most:
        raise Refusal(
            400,
            f"invalid_{name}",
            Said(f"{name} is an integer from 1 to {most}", f"{name} 须为 1 至 {most} 的整数"),
            param=name,
        )
    return value


def _encode(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")

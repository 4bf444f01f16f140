"""A chat server over a small real character network (`character_model`), in the OpenAI protocol. For tests.

What it writes is the model's own, and its usage is counted: a character is a token. For trying what goes wrong, a
prompt may begin with a wish in brackets: `[die 5]` breaks off after five pieces, `[busy]` answers 503 once for each
text, `[silent]` reports no usage, `[slow]` waits a quarter of a second before each piece, `[seen]` answers with the
headers it was sent, `[liar]` reports more tokens than it was allowed, `[redirect]` sends elsewhere.
"""

import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from character_model import CharacterModel

MODEL = "tiny-titles"
WISH = re.compile(r"^\[(\w+) ?(\d*)\] ?")


class TextHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    network = CharacterModel()
    were_busy: ClassVar[set[str]] = set()
    broken_off = 0

    def do_GET(self) -> None:
        self.answer(200, {"broken_off": TextHandler.broken_off})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked.get("model") != MODEL:
            self.answer(404, {"error": {"message": f"no model {asked.get('model')}", "code": "model_not_found"}})
            return
        is_chat = self.path.endswith("/chat/completions")
        prompt = asked["messages"][-1]["content"] if is_chat else asked["prompt"]
        prompt = prompt if isinstance(prompt, str) else "".join(part["text"] for part in prompt)
        wish = WISH.match(prompt)
        name, number = (wish[1], int(wish[2] or 0)) if wish else ("", 0)
        prompt = WISH.sub("", prompt)
        if name == "busy" and prompt not in self.were_busy:
            self.were_busy.add(prompt)
            self.answer(503, {"error": {"message": "busy"}})
        elif name == "redirect":
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif asked.get("stream"):
            self.stream(asked, prompt, name, number, is_chat)
        else:
            self.whole(asked, prompt, name, is_chat)

    def whole(self, asked: dict[str, Any], prompt: str, wish: str, is_chat: bool) -> None:
        if wish == "die":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')
            self.close_connection = True
            return
        text = json.dumps(dict(self.headers)) if wish == "seen" else "".join(self.written(asked, prompt))
        inner = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(text), "total_tokens": len(prompt) + len(text)}
        if wish == "liar":
            usage = {"prompt_tokens": 10**6, "completion_tokens": 10**6, "total_tokens": 2 * 10**6}
        document = {
            "id": "x", "object": "chat.completion" if is_chat else "text_completion", "created": 0, "model": MODEL,
            "choices": [{"index": 0, "finish_reason": "stop", **inner}],
        }  # fmt: skip
        self.answer(200, document if wish == "silent" else document | {"usage": usage})

    def stream(self, asked: dict[str, Any], prompt: str, wish: str, number: int, is_chat: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        base = {
            "id": "x",
            "object": "chat.completion.chunk" if is_chat else "text_completion",
            "created": 0,
            "model": MODEL,
        }
        count = 0
        try:
            for count, piece in enumerate(self.written(asked, prompt), 1):
                if wish == "slow":
                    time.sleep(0.25)
                inner = {"delta": {"content": piece}} if is_chat else {"text": piece}
                self.event(base | {"choices": [{"index": 0, "finish_reason": None, **inner}]})
                if wish == "die" and count == number:
                    return
            inner = {"delta": {}} if is_chat else {"text": ""}
            self.event(base | {"choices": [{"index": 0, "finish_reason": "stop", **inner}]})
            if (asked.get("stream_options") or {}).get("include_usage") and wish != "silent":
                usage = {"prompt_tokens": len(prompt), "completion_tokens": count, "total_tokens": len(prompt) + count}
                self.event(base | {"choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")
        except ConnectionError:
            TextHandler.broken_off += 1

    def written(self, asked: dict[str, Any], prompt: str) -> Any:
        most = asked.get("max_tokens") or asked.get("max_completion_tokens")
        return self.network.generate(prompt, most, asked.get("seed") or 0, 0.5)

    def event(self, document: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(document).encode() + b"\n\n")

    def answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), TextHandler)
    server.daemon_threads = True
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}/v1\n")
    sys.stdout.flush()
    server.serve_forever()

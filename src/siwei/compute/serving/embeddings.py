"""An embeddings server: `python -m siwei.compute.serving.embeddings FOLDER --name MODEL --port 9100`.

Answers `POST /v1/embeddings` and `GET /v1/models` of the OpenAI protocol from a sentence-transformers folder. Listens
on this machine only unless told otherwise: who may call it, and what for, is the gateway's to say.
"""

import argparse
import base64
import json
import logging
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from siwei.compute.serving.encoder import Encoder

BODY_LIMIT_BYTES = 4 * 1024 * 1024
MOST_TEXTS = 2048
logger = logging.getLogger(__name__)


class Refused(Exception):
    pass


class EmbeddingsHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    encoder: Encoder
    model: str

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            model = {"id": self.model, "object": "model", "created": 0, "owned_by": "centre"}
            self.answer(HTTPStatus.OK, {"object": "list", "data": [model]})
        else:
            self.refuse(HTTPStatus.NOT_FOUND, "no such address")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > BODY_LIMIT_BYTES:
            self.close_connection = True
            self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {BODY_LIMIT_BYTES} bytes")
            return
        body = self.rfile.read(int(length))
        if self.path != "/v1/embeddings":
            self.refuse(HTTPStatus.NOT_FOUND, "no such address")
            return
        try:
            self.answer(HTTPStatus.OK, self.embed(body))
        except Refused as refusal:
            self.refuse(HTTPStatus.BAD_REQUEST, str(refusal))

    def embed(self, body: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError):
            raise Refused("the body is no JSON") from None
        texts = asked.get("input") if isinstance(asked, dict) else None
        texts = [texts] if isinstance(texts, str) else texts
        if (
            not isinstance(texts, list)
            or not 0 < len(texts) <= MOST_TEXTS
            or not all(isinstance(t, str) for t in texts)
        ):
            raise Refused(f"input is a text, or a list of 1 to {MOST_TEXTS} texts")
        if asked.get("model") != self.model:
            raise Refused(f"this server has {self.model} only")
        in_base64 = asked.get("encoding_format") == "base64"
        vectors = [self.encoder.encode(text) for text in texts]
        data = [
            {
                "object": "embedding",
                "index": number,
                "embedding": base64.b64encode(vector.astype("<f4").tobytes()).decode()
                if in_base64
                else vector.tolist(),
            }
            for number, (vector, _) in enumerate(vectors)
        ]
        tokens = sum(count for _, count in vectors)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": self.model, "usage": usage}

    def refuse(self, status: HTTPStatus, message: str) -> None:
        self.answer(status, {"error": {"message": message, "type": "invalid_request_error", "code": None}})

    def answer(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Which address was asked for and how it went; never what was in it."""
        logger.info(format, *args)


def make_server(folder: Path, name: str, host: str, port: int) -> ThreadingHTTPServer:
    handler = type("Handler", (EmbeddingsHandler,), {"encoder": Encoder(folder), "model": name})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    return server


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Serve a sentence encoder in the OpenAI protocol.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    asked = parser.parse_args(arguments)
    server = make_server(asked.folder, asked.name, asked.host, asked.port)
    sys.stdout.write(f"Serving {asked.name} on http://{asked.host}:{server.server_port}/v1\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()

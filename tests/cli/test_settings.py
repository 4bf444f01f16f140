"""What a process is told by its environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from siwei.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SIWEI_{name.upper()}", raising=False)


def test_what_is_not_told_or_empty_is_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings() == Settings()
    for name in Settings.model_fields:
        monkeypatch.setenv(f"SIWEI_{name.upper()}", "")
    assert load_settings() == Settings()
    assert (Settings().city, Settings().worker_lease_s, Settings().debug) == (Path("var/city"), 30.0, False)


def test_each_is_read_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "city": "/cities/one", "database_url": "postgresql://x/y", "data": "inputs", "worker_lease_s": "0.5",
        "block_heads": "/heads", "debug": "true", "hosts": "city.example", "gateway_private_upstreams": "a:1",
        "gateway_secrets": "secrets.toml",
    }  # fmt: skip
    assert told.keys() == Settings.model_fields.keys()
    for name, value in told.items():
        monkeypatch.setenv(f"SIWEI_{name.upper()}", value)
    read = load_settings()
    assert (read.city, read.data, read.worker_lease_s, read.debug) == (Path("/cities/one"), Path("inputs"), 0.5, True)
    assert {name: str(getattr(read, name)) for name in told} == told | {"debug": "True"}


@pytest.mark.parametrize(("name", "value"), [("WORKER_LEASE_S", "soon"), ("WORKER_LEASE_S", "0.1"), ("DEBUG", "2026")])
def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SIWEI_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        load_settings()

"""Settings of one process, read from the environment (`SIWEI_…`). Documented in docs/reference/settings.md."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SIWEI_", env_ignore_empty=True, use_attribute_docstrings=True)

    city: Path = Path("var/city")
    """Directory of the embedded city: city.toml, database, runs, job logs, report."""

    database_url: str = ""
    """PostgreSQL (or other) URL; empty means SQLite inside the city's directory."""

    data: Path | None = None
    """Folder of real inputs (`firms/*`); without it a generated population is used and labelled."""

    worker_lease_s: float = Field(default=30.0, ge=0.2, le=3600)
    """Seconds after which a worker that is no longer heard of is taken for dead and its tasks are given to others."""

    block_heads: Path | None = None
    """Directory to which the worker appends every sealed block's head (block-heads.jsonl); best on another machine."""

    debug: bool = False
    """Django's debug mode, for development only."""

    hosts: str = "127.0.0.1,localhost,[::1]"
    """Host names the portal answers to, separated by commas."""

    gateway_private_upstreams: str = ""
    """Upstreams of models that are not public https addresses and may be called all the same: host:port, by commas."""

    gateway_secrets: Path | None = None
    """TOML file of the credentials that upstreams ask for, by name; readable by its owner alone."""


def load_settings() -> Settings:
    return Settings()

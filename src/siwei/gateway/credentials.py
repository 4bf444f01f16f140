"""The credentials that upstreams ask for: a file of the operator's, never the database."""

import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

from siwei.errors import InputError, Problem


def read_credentials(path: Path | None) -> Mapping[str, str]:
    """Credential by name, from `name = "secret"` lines. Raises InputError where the file is open to others or wrong."""
    if path is None:
        return {}
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise _refusal(path, "others than its owner may read it", f"chmod 600 {path}")
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _refusal(path, error.strerror or "it cannot be read", "name a file that is there") from None
    except ValueError:
        raise _refusal(path, "it is no TOML", 'write name = "secret" lines') from None
    if any(
        not isinstance(secret, str) or not secret.isascii() or not secret.isprintable() for secret in found.values()
    ):
        raise _refusal(path, "an entry is no plain text", 'write name = "secret" lines')
    return found


def _refusal(path: Path, why: str, fix: str) -> InputError:
    return InputError([Problem(f"the file of secrets {path}: {why}", fix=fix, field="SIWEI_GATEWAY_SECRETS")])

"""The credentials that upstreams ask for: a file of the operator's, never the database."""

import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

from siwei.errors import InputError, Problem, Said, chinese_of


def read_credentials(path: Path | None) -> Mapping[str, str]:
    """Credential by name, from `name = "secret"` lines. Raises InputError where the file is open to others or wrong."""
    if path is None:
        return {}
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise _refusal(
                path,
                Said("others than its owner may read it", "所有者之外的人可读"),
                Said(f"chmod 600 {path}", f"chmod 600 {path}"),
            )
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _refusal(
            path,
            error.strerror or Said("it cannot be read", "无法读取"),
            Said("name a file that is there", "请指定存在的文件"),
        ) from None
    except ValueError:
        raise _refusal(
            path,
            Said("it is no TOML", "它不是 TOML"),
            Said('write name = "secret" lines', '请写作 name = "secret" 的行'),
        ) from None
    if any(
        not isinstance(secret, str) or not secret.isascii() or not secret.isprintable() for secret in found.values()
    ):
        raise _refusal(
            path,
            Said("an entry is no plain text", "有条目不是纯文本"),
            Said('write name = "secret" lines', '请写作 name = "secret" 的行'),
        )
    return found


def _refusal(path: Path, why: str, fix: str) -> InputError:
    return InputError(
        [
            Problem(
                Said(f"the file of secrets {path}: {why}", f"密文文件 {path}：{chinese_of(why)}"),
                fix=fix,
                field="SIWEI_GATEWAY_SECRETS",
            )
        ]
    )

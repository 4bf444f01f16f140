"""Which addresses an upstream may have: public ones over HTTPS, and what the operator named besides.

A provider writes the address, the city's machine calls it: without this rule it could reach the city's own network.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from siwei.errors import InputError, Problem, Said, chinese_of

LONGEST = 300


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a base URL points. `path` has no slash at its end."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def allowed_targets(setting: str) -> frozenset[tuple[str, int]]:
    """`host:port` pairs separated by commas, as the operator's setting has them. InputError where one is not."""
    found: set[tuple[str, int]] = set()
    for part in filter(None, (each.strip() for each in setting.split(","))):
        host, colon, port = part.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536 or not host:
            raise InputError(
                [
                    Problem(
                        Said(f"{part!r} is no target", f"{part!r} 不是目标"),
                        fix=Said("write host:port", "写作 host:port"),
                        field="SIWEI_GATEWAY_PRIVATE_UPSTREAMS",
                    )
                ]
            )
        found.add((host.strip("[]").lower(), int(port)))
    return frozenset(found)


def parse_base_url(url: str, allowed: frozenset[tuple[str, int]]) -> Endpoint:
    """The checked parts of an upstream's base URL (`https://host/v1`). InputError says what is wrong with it.

    A host named by its number is checked here; a name's numbers are checked when it is resolved, at every connection.
    """
    problem = ""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _refusal(url, Said("it cannot be read", "无法读取")) from None
    if len(url) > LONGEST or any(ord(each) <= 32 or ord(each) > 126 for each in url):
        problem = Said(
            f"it is longer than {LONGEST} characters or holds other than ASCII",
            f"它超过 {LONGEST} 个字符，或含非 ASCII 字符",
        )
    elif parts.scheme not in ("http", "https") or not host:
        problem = Said("it is no http or https address", "它不是 http 或 https 地址")
    elif parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        problem = Said("it holds a user, a query or a fragment", "它含有用户名、查询或片段")
    if problem:
        raise _refusal(url, problem)
    endpoint = Endpoint(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), parts.path.rstrip("/"))
    named = (endpoint.host, endpoint.port) in allowed
    if endpoint.scheme == "http" and not named:
        raise _refusal(
            url, Said("it is plain http, and the operator does not name it", "它是明文 http，而运营方没有列出它")
        )
    if not named and (refused := refused_number(endpoint.host)):
        raise _refusal(url, refused)
    return endpoint


def refused_number(host: str) -> str:
    """Why an address given by its number may not be called; empty for a public one and for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # Forms that resolvers read as numbers (0x7f000001, 2130706433, 127.1) are nobody's name.
        last = host.rstrip(".").rpartition(".")[2]
        return (
            Said(f"{host} is a number in disguise", f"{host} 是变形的数字地址")
            if last.isdigit() or last.startswith("0x")
            else ""
        )
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            address = inner
    return (
        ""
        if address.is_global and not address.is_multicast
        else Said(f"{host} is not a public address", f"{host} 不是公网地址")
    )


def _refusal(url: str, why: str) -> InputError:
    return InputError(
        [
            Problem(
                Said(
                    f"the upstream {url[:LONGEST]!r} is refused: {why}",
                    f"上游 {url[:LONGEST]!r} 被拒：{chinese_of(why)}",
                ),
                fix=Said(
                    "give a public https address, or have the operator name host:port in "
                    "SIWEI_GATEWAY_PRIVATE_UPSTREAMS",
                    "请给公网 https 地址，或请运营方把 host:port 写入 SIWEI_GATEWAY_PRIVATE_UPSTREAMS",
                ),
                field="base_url",
            )
        ]
    )

"""Calling upstreams: only permitted addresses, no redirects, no proxy, nothing of the caller but its body."""

from collections.abc import Mapping
from typing import Any

import aiohttp
from yarl import URL

from siwei.errors import InputError, Said
from siwei.exchange.calls.call_routes import Route
from siwei.exchange.calls.upstream_addresses import parse_base_url
from siwei.exchange.calls.upstream_connections import CheckedResolver

CONNECT_TIMEOUT_S = 10
CONNECTIONS = 200
READ_BUFFER_BYTES = 256 * 1024


class Upstreams:
    """One session for all upstreams; made inside the event loop."""

    def __init__(self, allowed: frozenset[tuple[str, int]], credentials: Mapping[str, str]) -> None:
        self._allowed, self._credentials = allowed, credentials
        self._bases: dict[str, str] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=CheckedResolver(allowed), limit=CONNECTIONS, use_dns_cache=False, force_close=False
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=True,
            read_bufsize=READ_BUFFER_BYTES,
            raise_for_status=False,
        )

    async def post(self, route: Route, path: str, body: bytes, call: str) -> aiohttp.ClientResponse:
        """Raises ClientError, OSError or TimeoutError where it cannot be reached, InputError where it may not be."""
        base = self._base(route.base_url)
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        headers |= {"User-Agent": "siwei-gateway", "X-Request-Id": call, "Accept-Encoding": "identity"}
        if route.credential:
            secret = self._credentials.get(route.credential)
            if secret is None:
                raise InputError(
                    Said(
                        f"the operator's file of secrets has no {route.credential!r}",
                        f"运营方的密文文件没有 {route.credential!r}",
                    )
                )
            headers["Authorization"] = f"Bearer {secret}"
        options: dict[str, Any] = {
            "timeout": aiohttp.ClientTimeout(total=route.deadline_s, connect=CONNECT_TIMEOUT_S),
            "allow_redirects": False,
        }
        return await self._session.post(URL(f"{base}{path}", encoded=True), data=body, headers=headers, **options)

    def _base(self, base_url: str) -> str:
        """The checked address; what is allowed does not change while a gateway runs, so each is checked once."""
        base = self._bases.get(base_url)
        if base is None:
            endpoint = parse_base_url(base_url, self._allowed)
            base = self._bases[base_url] = f"{endpoint.origin}{endpoint.path}"
        return base

    async def close(self) -> None:
        await self._session.close()

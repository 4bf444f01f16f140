"""Connections to upstreams: only to numbers that were checked, at every connection anew."""

import asyncio
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from siwei.exchange.calls.upstream_addresses import refused_number


class ForbiddenAddress(OSError):
    """A name led to an address that upstreams may not have."""


class CheckedResolver(AbstractResolver):
    """Resolves a name at every new connection and refuses the numbers it may not lead to, so that a name that changes
    its mind after it was registered reaches nothing. Connections go to the very numbers that were checked."""

    def __init__(self, allowed: frozenset[tuple[str, int]]) -> None:
        self._allowed = allowed

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results: list[ResolveResult] = []
        for kind, _, protocol, _, address in found:
            number = str(address[0])
            if (host.lower(), port) not in self._allowed and (refused := refused_number(number)):
                raise ForbiddenAddress(f"{host} leads to {refused}")
            results.append(
                {
                    "hostname": host,
                    "host": number,
                    "port": port,
                    "family": kind,
                    "proto": protocol,
                    "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                }
            )
        return results

    async def close(self) -> None:
        return

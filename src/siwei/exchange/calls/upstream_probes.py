"""Asking upstreams that nobody called lately whether they are there: what the portal shows of an idle one.

A probe is `GET /models` without the credential and without anything of a caller's. Any answer below 500 says that the
server is there; whether it takes the credential only a call shows.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import aiohttp
from django.db.models import Exists, OuterRef, Q, QuerySet

from siwei.errors import InputError, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.calls.upstream_addresses import allowed_targets, parse_base_url
from siwei.exchange.calls.upstream_connections import CheckedResolver
from siwei.exchange.models import ModelCall, Upstream
from siwei.settings import load_settings

IDLE_FOR = timedelta(minutes=5)
"""An upstream that answered a call or was asked within this time is not asked again, unless it did not answer."""
FAILING_FOR = timedelta(minutes=1)
MOST_AT_ONCE = 20
DEADLINE_S = 5.0


def due_upstreams(now: datetime) -> QuerySet[Upstream]:
    """Open to calls, and nobody knows how they are: neither called with success nor asked lately. The longest unasked
    first."""
    answered = ModelCall.objects.filter(line__offer__upstream=OuterRef("pk"), outcome="ok", ended_at__gt=now - IDLE_FOR)
    unasked = Q(probed_at=None) | Q(probed_at__lte=now - IDLE_FOR)
    still_failing = ~Q(probe_failure="") & Q(probed_at__lte=now - FAILING_FOR)
    found = Upstream.objects.filter(unasked | still_failing, approved_at__isnull=False, closed_at=None)
    return found.filter(~Exists(answered)).order_by("probed_at", "pk")


def probe_upstreams(*, actor: Actor, now: datetime) -> dict[str, int]:
    """Ask those that are due, all at once, and write down how they did; nobody's act, and no event."""
    require(can_operate(actor), actor, Said("probe upstreams", "探测上游"))
    found = list(due_upstreams(now)[:MOST_AT_ONCE])
    failures = asyncio.run(_ask_all([each.base_url for each in found]))
    for upstream, failure in zip(found, failures, strict=True):
        changes: dict[str, object] = {"probed_at": now, "probe_failure": failure}
        if not failure:
            changes["seen_at"] = now
        Upstream.objects.filter(pk=upstream.pk).update(**changes)
    return {"probed": len(found), "failing": sum(bool(each) for each in failures)}


async def _ask_all(base_urls: Sequence[str]) -> list[str]:
    allowed = allowed_targets(load_settings().gateway_private_upstreams)
    connector = aiohttp.TCPConnector(resolver=CheckedResolver(allowed), use_dns_cache=False, force_close=True)
    timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    ) as session:
        return list(await asyncio.gather(*(_ask(session, each, allowed) for each in base_urls)))


async def _ask(session: aiohttp.ClientSession, base_url: str, allowed: frozenset[tuple[str, int]]) -> str:
    """How it failed, in the words of `ModelCall.outcome`; empty where it answered."""
    try:
        endpoint = parse_base_url(base_url, allowed)
        async with session.get(
            f"{endpoint.origin}{endpoint.path}/models", headers={"User-Agent": "siwei"}, allow_redirects=False
        ) as answer:
            return str(answer.status) if answer.status >= 500 else ""
    except InputError:
        return "setup"
    except TimeoutError:
        return "deadline"
    except (aiohttp.ClientError, OSError):
        return "unreachable"

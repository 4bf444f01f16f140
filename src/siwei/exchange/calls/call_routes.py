"""Who calls a model and what may pay for it: the key of a call, and the lines of agreements that have the model."""

import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from siwei.errors import CallRefused, Said
from siwei.exchange.models import AgreementLine, AgreementState
from siwei.exchange.people.keys import SHAPE, hash_of_secret
from siwei.market.model_calls import TokenPrice

OPEN_AGREEMENTS = (AgreementState.SIGNED, AgreementState.DELIVERING)
KNOWN_FOR = timedelta(seconds=1)
MOST_KNOWN = 1_000
FIND_KEY = """
SELECT held.secret_sha256, calling.id, calling.access_id, calling.organisation_id, calling.models_allowed,
       calling.endpoints_allowed, calling.keeps_days, held.last_used_at
FROM exchange_modelkey calling
JOIN exchange_accesskey held ON held.id = calling.access_id
JOIN exchange_person maker ON maker.id = held.person_id
JOIN exchange_organisation payer ON payer.id = calling.organisation_id AND payer.merged_into_id IS NULL
WHERE held.identifier = %(identifier)s AND held.revoked_at IS NULL AND held.expires_at > %(now)s AND maker.is_active
  AND EXISTS (SELECT 1 FROM exchange_representative mandate
              WHERE mandate.person_id = maker.id AND mandate.organisation_id = calling.organisation_id
                AND mandate.approved_at IS NOT NULL AND mandate.role IN ('owner', 'finance'))
"""
FIND_LINES = """
SELECT line.id, line.quantity, line.offered, agreement.ends_at, upstream.key, upstream.base_url, upstream.served_as,
       upstream.credential, upstream.deadline_s
FROM exchange_agreementline line
JOIN exchange_agreement agreement ON agreement.id = line.agreement_id
JOIN exchange_listing offer ON offer.id = line.offer_id
JOIN exchange_upstream upstream ON upstream.offer_id = offer.id
WHERE line.consumer_id = %(organisation)s AND offer.kind = 'model' AND agreement.state IN ('signed', 'delivering')
  AND upstream.approved_at IS NOT NULL AND upstream.closed_at IS NULL AND upstream.model = %(model)s
ORDER BY agreement.signed_at, line.id
"""
"""Written out, for they are asked within a call: Django's queries of whole rows took the time of two calls."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for, as far as money is concerned. `most_output_tokens` is None where it does not say."""

    model: str
    endpoint: str
    request_bytes: int
    most_output_tokens: int | None = None
    choices: int = 1
    is_streamed: bool = False


@dataclass(slots=True)
class Caller:
    """The key of a call, as far as calls need it. What was counted on it is in its row alone."""

    key_id: int
    access_id: int
    organisation_id: int
    models_allowed: list[str]
    endpoints_allowed: list[str]
    keeps_days: int
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call goes, and how long it may take."""

    upstream: str
    base_url: str
    served_as: str
    credential: str
    deadline_s: int


@dataclass(frozen=True, slots=True)
class PayingLine:
    """A line that may pay for calls of a model; `quantity` is what it holds for them, in microfen."""

    line_id: int
    quantity: int
    most_output_tokens: int
    price: TokenPrice
    ends_at: datetime
    route: Route


_KNOWN: dict[tuple[str, str, str], tuple[datetime, Caller, list[PayingLine]]] = {}


def find_caller(secret: str, now: datetime) -> Caller:
    """The key of this secret, in force, of somebody who still keeps its organisation's money. Raises CallRefused."""
    shape = SHAPE.fullmatch(secret)
    rows = _read(FIND_KEY, identifier=shape[1], now=now) if shape else []
    held, *found = rows[0] if rows else ("",)
    if not hmac.compare_digest(held, hash_of_secret(shape[2]) if shape else "-"):
        raise CallRefused(
            "invalid_api_key", Said("the key is unknown, revoked or expired", "该密钥未知、已吊销或已过期")
        )
    key_id, access_id, organisation_id, models_allowed, endpoints_allowed, keeps_days, used_at = found
    return Caller(
        key_id,
        access_id,
        organisation_id,
        json.loads(models_allowed),
        json.loads(endpoints_allowed),
        keeps_days,
        _moment(used_at) if used_at is not None else None,
    )


def callable_models(key: Caller) -> list[tuple[str, str, int]]:
    """(model, provider's key, since when as a Unix time) that a key may call now."""
    found = _lines(key).order_by("agreement__signed_at", "pk")
    models: dict[str, tuple[str, str, int]] = {}
    for line in found:
        name = str(line.offered.get("model", ""))
        if name and (not key.models_allowed or name in key.models_allowed):
            signed = line.agreement.signed_at
            models.setdefault(name, (name, line.provider.key, int(signed.timestamp()) if signed else 0))
    return list(models.values())


def _lines(key: Caller) -> Any:
    return AgreementLine.objects.filter(
        consumer_id=key.organisation_id,
        offer__kind="model",
        agreement__state__in=OPEN_AGREEMENTS,
        offer__upstream__approved_at__isnull=False,
        offer__upstream__closed_at=None,
    ).select_related("agreement", "offer", "provider")


def _routes(key: Caller, wanted: Wanted) -> list[PayingLine]:
    """Lines that have the model, the agreement signed first before the others."""
    found = []
    # No text of the database holds the character with the number 0, and PostgreSQL takes no such question.
    rows = _read(FIND_LINES, organisation=key.organisation_id, model=wanted.model) if "\0" not in wanted.model else []
    for line_id, quantity, offered, ends_at, *upstream in rows:
        offer = json.loads(offered)
        if wanted.endpoint not in offer["endpoints"]:
            raise CallRefused(
                "endpoint_not_served",
                Said(f"{wanted.model} does not serve {wanted.endpoint}", f"{wanted.model} 不提供 {wanted.endpoint}"),
            )
        price = TokenPrice(offer["input_fen_per_million"], offer["output_fen_per_million"])
        most = offer["most_output_tokens"]
        found.append(PayingLine(line_id, quantity, most, price, _moment(ends_at), Route(*upstream)))
    return found


def _read(statement: str, **values: Any) -> list[tuple[Any, ...]]:
    connection = connections[DEFAULT_DB_ALIAS]
    if "now" in values:
        values["now"] = connection.ops.adapt_datetimefield_value(values["now"])
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def _moment(read: datetime) -> datetime:
    """SQLite's driver gives moments without their zone, which is UTC."""
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def recently_known(secret: str, wanted: Wanted, now: datetime) -> tuple[Caller, list[PayingLine]]:
    """The key and its lines for a model, as they were at most KNOWN_FOR ago: reading them is most of a call's cost.

    Rates, caps, revocation, expiry and what a line has left are judged at each call by the conditional updates; only a
    change of scopes, mandates, agreements or upstreams is seen this much later.
    """
    known = (hash_of_secret(secret), wanted.model, wanted.endpoint)
    kept = _KNOWN.get(known)
    if kept is not None and kept[0] <= now < kept[0] + KNOWN_FOR:
        return kept[1], kept[2]
    key = find_caller(secret, now)
    _check_scope(key, wanted)
    found = _routes(key, wanted)
    if len(_KNOWN) >= MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN[known] = (now, key, found)
    return key, found


def _check_scope(key: Caller, wanted: Wanted) -> None:
    if key.models_allowed and wanted.model not in key.models_allowed:
        raise CallRefused(
            "model_not_found", Said(f"this key may not call {wanted.model!r}", f"该密钥不能调用 {wanted.model!r}")
        )
    if key.endpoints_allowed and wanted.endpoint not in key.endpoints_allowed:
        raise CallRefused(
            "endpoint_not_allowed", Said(f"this key may not use {wanted.endpoint}", f"该密钥不能使用 {wanted.endpoint}")
        )

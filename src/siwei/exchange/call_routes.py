"""Who calls a model and what may pay for it: the key of a call, and the lines of agreements that have the model."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from siwei.errors import CallRefused, Said
from siwei.exchange.keys import SHAPE, hash_of_secret
from siwei.exchange.models import AgreementLine, AgreementState, ModelKey, Upstream

OPEN_AGREEMENTS = (AgreementState.SIGNED, AgreementState.DELIVERING)
KNOWN_FOR = timedelta(seconds=1)
MOST_KNOWN = 1_000
_KNOWN: dict[tuple[str, str, str], tuple[datetime, ModelKey, list[tuple[AgreementLine, Upstream]]]] = {}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for, as far as money is concerned. `most_output_tokens` is None where it does not say."""

    model: str
    endpoint: str
    request_bytes: int
    most_output_tokens: int | None = None
    choices: int = 1
    is_streamed: bool = False


def find_caller(secret: str, now: datetime) -> ModelKey:
    """The key of this secret, in force, of somebody who still acts for its organisation. Raises CallRefused."""
    shape = SHAPE.fullmatch(secret)
    keys = ModelKey.objects.select_related("access__person")
    key = keys.filter(access__identifier=shape[1]).first() if shape else None
    fits = hmac.compare_digest(key.access.secret_sha256 if key else "", hash_of_secret(shape[2]) if shape else "-")
    if (
        key is None
        or not fits
        or key.access.revoked_at is not None
        or key.access.expires_at <= now
        or not key.access.person.is_active
        or not key.access.person.as_actor().represents(key.organisation_id)
    ):
        raise CallRefused(
            "invalid_api_key", Said("the key is unknown, revoked or expired", "该密钥未知、已吊销或已过期")
        )
    return key


def callable_models(key: ModelKey) -> list[tuple[str, str, int]]:
    """(model, provider's key, since when as a Unix time) that a key may call now."""
    found = _lines(key).order_by("agreement__signed_at", "pk")
    models: dict[str, tuple[str, str, int]] = {}
    for line in found:
        name = str(line.offered.get("model", ""))
        if name and (not key.models_allowed or name in key.models_allowed):
            signed = line.agreement.signed_at
            models.setdefault(name, (name, line.provider.key, int(signed.timestamp()) if signed else 0))
    return list(models.values())


def _lines(key: ModelKey) -> Any:
    return AgreementLine.objects.filter(
        consumer_id=key.organisation_id,
        offer__kind="model",
        agreement__state__in=OPEN_AGREEMENTS,
        offer__upstream__approved_at__isnull=False,
        offer__upstream__closed_at=None,
    ).select_related("agreement", "offer", "provider")


def _routes(key: ModelKey, wanted: Wanted) -> list[tuple[AgreementLine, Upstream]]:
    """Lines that have the model, the agreement signed first before the others."""
    lines = _lines(key).filter(offer__upstream__model=wanted.model).select_related("agreement", "offer__upstream")
    found = []
    for line in lines.order_by("agreement__signed_at", "pk"):
        upstream = line.offer.upstream
        if wanted.endpoint not in line.offered["endpoints"]:
            raise CallRefused(
                "endpoint_not_served",
                Said(f"{wanted.model} does not serve {wanted.endpoint}", f"{wanted.model} 不提供 {wanted.endpoint}"),
            )
        found.append((line, upstream))
    return found


def recently_known(secret: str, wanted: Wanted, now: datetime) -> tuple[ModelKey, list[tuple[AgreementLine, Upstream]]]:
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


def _check_scope(key: ModelKey, wanted: Wanted) -> None:
    if key.models_allowed and wanted.model not in key.models_allowed:
        raise CallRefused(
            "model_not_found", Said(f"this key may not call {wanted.model!r}", f"该密钥不能调用 {wanted.model!r}")
        )
    if key.endpoints_allowed and wanted.endpoint not in key.endpoints_allowed:
        raise CallRefused(
            "endpoint_not_allowed", Said(f"this key may not use {wanted.endpoint}", f"该密钥不能使用 {wanted.endpoint}")
        )

"""Shared by the routers: what every call may answer besides its own, paging, and rows turned into schemas."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from ninja import Field, Query

from siwei.exchange.actors import Actor
from siwei.exchange.models import Organisation, Transfer
from siwei.policy.aggregating.aggregate_gaps import Gap
from siwei.policy.explanation import Explanation, plain
from siwei.policy.windows import deadline_of
from siwei.portal.api import schemas
from siwei.portal.city_pack import decided_on, programmes
from siwei.portal.queries.organisations import PlacementLine, placement_lines, read_evidence

FAULTS: dict[int, Any] = {
    **dict.fromkeys((400, 401, 403, 404, 409, 413), schemas.Fault),
    422: schemas.InvalidRequest,
}
PAGE_SIZE = 50

PageNumber = Annotated[int, Query(ge=1, le=1_000_000, description="From 1; 50 rows a page")]
Text = Annotated[str, Query(max_length=100)]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=80, description="Sent again, it is the same act")]


def answers(schema: Any) -> dict[int, Any]:
    return {200: schema, **FAULTS}


def own_key(actor: Actor, key: str) -> str:
    """Callers choose their idempotency keys apart from one another: two people's may be the same."""
    return hashlib.sha256(f"{actor.person_id}:{key}".encode("utf-8", "surrogatepass")).hexdigest()


def bounds(page: int) -> slice:
    return slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)


def named(value: Any) -> dict[str, str]:
    """From `Words`, `Text`, or a row with name_zh and name_en."""
    if isinstance(value, dict):
        return {"zh": value.get("name_zh") or "", "en": value.get("name_en") or ""}
    return {"zh": value.zh, "en": value.en}


def explained_row(explanation: Explanation, gaps: Sequence[Gap] = ()) -> dict[str, Any]:
    """An explanation with what its verdict must not be read without (`applications`): that nobody can apply now; and
    what its sums wait for (`not_added_up`)."""
    programme = programmes().get(explanation.programme)
    words = None if programme is None else deadline_of(programme, decided_on()).words
    return {
        **explanation.to_dict(),
        "applications": None if words is None else named(words),
        "not_added_up": plain(gaps),
    }


def evidence(text: str) -> list[dict[str, str]]:
    return [{"source": each.source, "term": each.term} for each in read_evidence(text)]


def placement(line: PlacementLine) -> dict[str, Any]:
    found = [{"source": each.source, "term": each.term} for each in line.evidence]
    return {
        "segment": line.segment["id"],
        "layer": line.segment["layer"],
        "confidence": line.confidence,
        "evidence": found,
    }


def organisation(row: Organisation) -> dict[str, Any]:
    """Reads `placements`: prefetch them for lists."""
    return {
        "key": row.key,
        "code": row.code,
        "name": row.name,
        "kind": row.kind,
        "district": row.district,
        "founded_on": row.founded_on,
        "origin": row.origin,
        "generated": row.is_generated,
        "placements": [placement(line) for line in placement_lines(row.placements.all())],
    }


def entries(transfers: Iterable[Transfer]) -> list[dict[str, Any]]:
    return [
        {
            "kind": each.kind,
            "debit_account": each.debit_account.code,
            "credit_account": each.credit_account.code,
            "amount": each.amount,
            "unit": each.unit,
            "memo": each.memo,
            "at": each.at,
        }
        for each in transfers
    ]

"""What every action shares: one transaction, one event, and a key that makes a repeat a look-up; and the seals."""

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from siwei.errors import Conflict, InputError
from siwei.exchange.access import can_operate, require, require_confirmation, require_writer
from siwei.exchange.actors import Actor
from siwei.exchange.canonical import canonical_json, check_storable, sha256_of
from siwei.exchange.models import Event, Organisation, Seal, Transfer

P = ParamSpec("P")
R = TypeVar("R")
TRIES = 3
KEY_LENGTH = 80
LATER_COLUMNS = ("reverses_id",)
"""Columns younger than the first seals, hashed only where they hold something: older blocks keep their hashes."""


def action(function: Callable[P, R]) -> Callable[P, R]:
    """One transaction. A lost race (the same key at the same moment, a deadlock) is tried again, then is a conflict.

    Whoever only reads is refused before anything else is asked.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        actor = kwargs.get("actor")
        if isinstance(actor, Actor):
            require_writer(actor, function.__name__.strip("_").replace("_", " "))
        for attempt in range(1, TRIES + 1):
            try:
                with transaction.atomic():
                    return function(*args, **kwargs)
            except DataError as error:
                words = str(error).splitlines()[0]
                raise InputError(
                    f"{function.__name__}: the database cannot hold this ({words}) → shorten it"
                ) from error
            except (IntegrityError, OperationalError) as error:
                # Inside somebody else's transaction nothing can be tried again: it is already broken.
                if attempt == TRIES or connection.in_atomic_block:
                    words = str(error).splitlines()[0]
                    raise Conflict(f"{function.__name__} lost against another writer ({words}) → try again") from error
        raise AssertionError("unreachable")

    return run


def money_action(function: Callable[P, R]) -> Callable[P, R]:
    """An `action` that commits, approves or pays money: whoever asks must have shown a second factor a moment ago."""
    acting = action(function)

    @functools.wraps(acting)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        actor = kwargs.get("actor")
        if isinstance(actor, Actor):
            what = function.__name__.replace("_", " ")
            require_writer(actor, what)
            require_confirmation(actor, what)
        return acting(*args, **kwargs)

    run.asks_confirmation = True  # type: ignore[attr-defined]
    return run


def repeated(name: str, key: str, content: Mapping[str, Any]) -> Event | None:
    """The event of the same action under the same key, if any; `Conflict` when its content was another."""
    if not key or len(key) > KEY_LENGTH:
        raise InputError(f"an idempotency key has 1 to {KEY_LENGTH} characters, not {len(key)}")
    check_storable([key, content], name)
    earlier = Event.objects.filter(action=name, key=key).first()
    if earlier is not None and earlier.content_sha256 != sha256_of(content):
        raise Conflict(f"key {key!r} was used for another {name} on {earlier.at:%Y-%m-%d} → use a new key")
    return earlier


def record_event(
    name: str,
    key: str,
    content: Mapping[str, Any],
    *,
    subject: str,
    actor: Actor,
    now: datetime,
    organisations: Iterable[Organisation | int] = (),
    payload: Mapping[str, Any] | None = None,
) -> Event:
    """`content` is what was asked (hashed, to tell a repeat from a clash); `payload` what is worth reading later."""
    check_storable(payload or {}, name)
    event = Event.objects.create(
        action=name,
        key=key,
        content_sha256=sha256_of(content),
        subject=subject,
        person_id=actor.person_id,
        actor_name=actor.name,
        payload=dict(payload or {}),
        at=now,
    )
    event.organisations.add(*organisations)
    return event


@action
def seal(*, actor: Actor, now: datetime) -> Seal | None:
    """Hash the events and transfers since the last seal into a new block; None where there is nothing new.

    Run off the hot path; keep the block heads elsewhere too, or nobody can tell that all of them were rewritten.
    """
    require(can_operate(actor), actor, "seal the audit trail")
    _wait_for_writers()
    last = Seal.objects.order_by("-number").first()
    block = _block(last, None)
    if block["events"] == block["transfers"] == 0:
        return None
    return Seal.objects.create(number=last.number + 1 if last else 1, at=now, **block)


def verify_seals() -> list[str]:
    """Every seal that no longer fits what it covers, in words; empty when all is well."""
    faults: list[str] = []
    previous: Seal | None = None
    for current in Seal.objects.order_by("number"):
        block = _block(previous, current)
        if current.number != (previous.number + 1 if previous else 1):
            faults.append(f"seal {current.number}: the one before it is missing")
        faults.extend(
            f"seal {current.number}: {name} is {value!r}, sealed was {getattr(current, name)!r}"
            for name, value in block.items()
            if value != getattr(current, name)
        )
        previous = current
    return faults


def _block(previous: Seal | None, upto: Seal | None) -> dict[str, Any]:
    after_event, after_transfer = (previous.last_event_id, previous.last_transfer_id) if previous else (0, 0)
    events = Event.objects.filter(pk__gt=after_event).order_by("pk")
    transfers = Transfer.objects.filter(pk__gt=after_transfer).order_by("pk")
    if upto is not None:
        events, transfers = events.filter(pk__lte=upto.last_event_id), transfers.filter(pk__lte=upto.last_transfer_id)
    digest = hashlib.sha256((previous.sha256 if previous else "").encode())
    counts: list[int] = []
    lasts: list[int] = []
    for rows, before in ((events, after_event), (transfers, after_transfer)):
        count, last = 0, before
        for values in rows.values().iterator(chunk_size=2_000):
            row: dict[str, Any] = {k: v for k, v in values.items() if v is not None or k not in LATER_COLUMNS}
            digest.update(canonical_json(row).encode("utf-8", "surrogatepass") + b"\n")
            count, last = count + 1, row["id"]
        counts.append(count)
        lasts.append(last)
    return {
        "previous_sha256": previous.sha256 if previous else "",
        "sha256": digest.hexdigest(),
        "last_event_id": lasts[0],
        "last_transfer_id": lasts[1],
        "events": counts[0],
        "transfers": counts[1],
    }


def _wait_for_writers() -> None:
    # On PostgreSQL a smaller id may still be uncommitted while a larger one is visible; SQLite has one writer.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE exchange_event, exchange_transfer IN SHARE MODE")

"""What every action shares: one transaction, one event, and a key that makes a repeat a look-up."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from siwei.errors import Conflict, InputError, Said
from siwei.exchange.access import require_confirmation, require_writer
from siwei.exchange.actors import Actor
from siwei.exchange.canonical import check_storable, sha256_of
from siwei.exchange.models import Event, Organisation

P = ParamSpec("P")
R = TypeVar("R")
TRIES = 3
KEY_LENGTH = 80


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
                    Said(
                        f"{function.__name__}: the database cannot hold this ({words}) → shorten it",
                        f"{function.__name__}：数据库存不下（{words}） → 请缩短",
                    )
                ) from error
            except (IntegrityError, OperationalError) as error:
                # Inside somebody else's transaction nothing can be tried again: it is already broken.
                if attempt == TRIES or connection.in_atomic_block:
                    words = str(error).splitlines()[0]
                    raise Conflict(
                        f"{function.__name__} lost against another writer ({words}) → try again",
                        f"{function.__name__} 与他人同时写入而未成功（{words}） → 请重试",
                    ) from error
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
        raise InputError(
            Said(
                f"an idempotency key has 1 to {KEY_LENGTH} characters, not {len(key)}",
                f"幂等键须为 1 至 {KEY_LENGTH} 个字符，现为 {len(key)} 个",
            )
        )
    check_storable([key, content], name)
    earlier = Event.objects.filter(action=name, key=key).first()
    if earlier is not None and earlier.content_sha256 != sha256_of(content):
        raise Conflict(
            f"key {key!r} was used for another {name} on {timezone.localdate(earlier.at)} → use a new key",
            f"键 {key!r} 已于 {timezone.localdate(earlier.at)} 用于另一次 {name} → 请换新键",
        )
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


@dataclass(frozen=True, slots=True)
class Done:
    """One of many events of the same action: what `record_event` takes of each, `organisations` by id."""

    key: str
    subject: str
    organisations: Sequence[int]
    payload: Mapping[str, Any]
    content: Mapping[str, Any] = field(default_factory=dict)


def record_events(name: str, done: Sequence[Done], *, actor: Actor, now: datetime) -> None:
    """What `record_event` writes for each, all at once."""
    for each in done:
        check_storable(each.payload, name)
    events = Event.objects.bulk_create(
        Event(
            action=name, key=each.key, content_sha256=sha256_of(each.content), subject=each.subject,
            person_id=actor.person_id, actor_name=actor.name, payload=dict(each.payload), at=now,
        )
        for each in done
    )  # fmt: skip
    concerned = Event.organisations.through
    concerned.objects.bulk_create(
        concerned(event_id=event.pk, organisation_id=organisation)
        for event, each in zip(events, done, strict=True)
        for organisation in dict.fromkeys(each.organisations)
    )

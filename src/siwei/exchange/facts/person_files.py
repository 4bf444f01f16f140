"""Files that show a fact of a person: sealed like the fact, read by the person, and by the operator while that fact is
before them. Withdrawing the consent erases them (`siwei.exchange.people.vault.erase`)."""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.facts.person_facts import OWN_WORD, open_fact, require_oneself
from siwei.exchange.files import Source, check_kind, parts_of, plain_name
from siwei.exchange.models import PersonFact, PersonFile
from siwei.exchange.people.consents import PERSON_FACTS, hold_consent
from siwei.exchange.people.vault import commit, find_key, seal, seal_bytes, unseal, unseal_bytes

MOST_FILES = 10
"""Of one fact."""
LIMIT_BYTES = 5 * 1024 * 1024
"""A row of the database holds it."""


@dataclass(frozen=True, slots=True)
class PersonFileLabel:
    """What is told of a person's file before it is opened; `attribute` and `value` are the fact's that it shows."""

    number: int
    attribute: str
    value: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    at: datetime


@action
def attach_person_file(
    attribute: str, source: Source, name: str, *, actor: Actor, now: datetime, idempotency_key: str
) -> PersonFile:
    """Attach a file to one's latest own word on `attribute`. The same bytes are there once.

    `Conflict` without the consent; NotFound where nothing was declared; InputError for a file that is too large or of
    no kind that is taken.
    """
    person_id = require_oneself(actor, Said("attach files to facts of oneself", "为本人情况附文件"))
    # Held before the key is read: what was erased meanwhile, and consented to anew, has another.
    key = find_key(person_id) if hold_consent(person_id, PERSON_FACTS) else None
    if key is None:
        raise Conflict(
            "no consent to keep facts of yourself stands → give it first; it can be withdrawn at any time",
            "您尚未同意保存本人情况 → 请先同意；可随时撤回",
        )
    told = _content(source)
    sha256 = hashlib.sha256(told).hexdigest()
    content = {"commitment": commit(key, {"attribute": attribute, "name": name, "sha256": sha256})}
    if (event := repeated("attach_person_file", idempotency_key, content)) is not None:
        return PersonFile.objects.defer("sealed").get(pk=event.payload["file"], person_id=person_id)
    fact = _latest(person_id, attribute, key)
    media_type = check_kind(io.BytesIO(told))
    files = list(PersonFile.objects.defer("sealed").filter(fact=fact))
    for each, label in ((each, _label(each, key)) for each in files):
        if label["sha256"] == sha256:
            return each
    if len(files) >= MOST_FILES:
        raise Conflict(
            f"{MOST_FILES} files show {attribute} already → put what is left into one archive",
            f"{attribute} 已附 {MOST_FILES} 个文件 → 请将其余文件打成一个压缩包",
        )
    label = {
        "name": plain_name(name, media_type), "media_type": media_type, "size_bytes": len(told), "sha256": sha256
    }  # fmt: skip
    attached = PersonFile.objects.create(
        person_id=person_id, fact=fact, at=now, label=seal(key, _label_name(fact.pk), label),
        sealed=seal_bytes(key, _content_name(fact.pk, sha256), told),
    )  # fmt: skip
    record_event(
        "attach_person_file", idempotency_key, content, subject=f"person:{actor.name}", actor=actor, now=now,
        payload={"file": attached.pk},
    )  # fmt: skip
    return attached


def read_person_file(number: int, *, actor: Actor) -> tuple[PersonFileLabel, bytes]:
    """NotFound for whom it does not concern; `Conflict` where it is not what was sealed."""
    found = PersonFile.objects.visible_to(actor).select_related("fact").filter(pk=number).first()
    key = None if found is None else find_key(found.person_id)
    if found is None or key is None:
        raise NotFound(f"no file {number} of a person's fact that you may see", f"没有您可查看的个人文件 {number}")
    label = _opened(found, key)
    return label, unseal_bytes(key, _content_name(found.fact_id, label.sha256), bytes(found.sealed))


def label_files(files: Iterable[PersonFile]) -> list[PersonFileLabel]:
    """What they are, opened. For files that were chosen by `visible_to`."""
    keys: dict[int, bytes | None] = {}
    found = []
    for each in files:
        key = keys.setdefault(each.person_id, find_key(each.person_id))
        if key is not None:
            found.append(_opened(each, key))
    return found


def _opened(file: PersonFile, key: bytes) -> PersonFileLabel:
    label, fact = _label(file, key), open_fact(file.fact, key)
    return PersonFileLabel(
        file.pk, fact.attribute, fact.value, label["name"], label["media_type"], label["size_bytes"], label["sha256"],
        file.at,
    )  # fmt: skip


def _content(source: Source) -> bytes:
    content = bytearray()
    for part in parts_of(source):
        content += part
        if len(content) > LIMIT_BYTES:
            most = LIMIT_BYTES // 1024 // 1024
            fix = Said(f"{most} MB at most", f"最多 {most} MB")
            raise InputError([Problem(Said("the file is too large", "文件过大"), fix, field="file")])
    return bytes(content)


def _latest(person_id: int, attribute: str, key: bytes) -> PersonFact:
    mine = PersonFact.objects.filter(person_id=person_id, attribute=attribute)
    for each in mine.order_by("-valid_from", "-known_at", "-pk"):
        if open_fact(each, key).source == OWN_WORD:
            return each
    raise NotFound(
        f"nothing was declared of {attribute!r:.60} → enter it first, then attach what shows it",
        f"尚未填报 {attribute!r:.60} → 请先填报，再附上证明文件",
    )


def _label(file: PersonFile, key: bytes) -> dict[str, Any]:
    return unseal(key, _label_name(file.fact_id), bytes(file.label))


def _label_name(fact: int) -> str:
    return f"file-label:{fact}"


def _content_name(fact: int, sha256: str) -> str:
    return f"file:{fact}:{sha256}"

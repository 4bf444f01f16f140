"""The vault: a person's values under a key of that person's own, so that erasing the key erases all that was sealed.

AES-256-GCM with a random nonce; what a row is of is bound in, so that no value can be put in another's place. Records
elsewhere (events) keep keyed commitments at most: without the key a guess cannot be compared with them.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection

from siwei.errors import Conflict
from siwei.exchange.canonical import canonical_json
from siwei.exchange.models import PersonDecision, PersonFact, PersonFile, PersonKey, PersonProof, ProofState

KEY_BYTES = 32
NONCE_BYTES = 12


class Erased(Conflict):
    """What was sealed cannot be read any more: the person had it erased."""


def find_key(person_id: int) -> bytes | None:
    found = PersonKey.objects.filter(person_id=person_id).first()
    return None if found is None else bytes(found.key)


def find_or_make_key(person_id: int, now: datetime) -> bytes:
    made, _ = PersonKey.objects.get_or_create(
        person_id=person_id, defaults={"key": secrets.token_bytes(KEY_BYTES), "made_at": now}
    )
    return bytes(made.key)


def seal(key: bytes, of: str, value: Mapping[str, Any]) -> bytes:
    """`of` says what is sealed (`fact:person_income_tax`); it is not kept, and wanted again to read it."""
    return seal_bytes(key, of, canonical_json(value).encode())


def unseal(key: bytes, of: str, sealed: bytes) -> dict[str, Any]:
    """Raises Conflict where it was sealed under another key, as something else, or was changed since."""
    found: dict[str, Any] = json.loads(unseal_bytes(key, of, sealed))
    return found


def seal_bytes(key: bytes, of: str, content: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(_derived(key, "seal")).encrypt(nonce, content, of.encode())


def unseal_bytes(key: bytes, of: str, sealed: bytes) -> bytes:
    """Raises Conflict as `unseal`."""
    try:
        return AESGCM(_derived(key, "seal")).decrypt(
            bytes(sealed[:NONCE_BYTES]), bytes(sealed[NONCE_BYTES:]), of.encode()
        )
    except InvalidTag:
        raise Conflict(
            f"{of} cannot be read: it was changed, or sealed under another key",
            f"{of} 无法读取：已被改动，或用另一密钥封存",
        ) from None


def commit(key: bytes, value: Mapping[str, Any]) -> str:
    """A keyed hash of the value: equal values have equal ones, and nobody without the key can try values out."""
    return hmac.new(_derived(key, "commit"), canonical_json(value).encode(), hashlib.sha256).hexdigest()


def erase(person_id: int, now: datetime) -> None:
    """Part of an action: every value, and the key, of a person. What decisions were made stays known, without what they
    said; their commitments say nothing without the key."""
    overwrite_deleted()
    PersonProof.objects.filter(person_id=person_id).delete()
    PersonFile.objects.filter(person_id=person_id).delete()
    PersonFact.objects.filter(person_id=person_id).delete()
    PersonDecision.objects.filter(person_id=person_id, erased_at=None).update(sealed=None, erased_at=now)
    PersonKey.objects.filter(person_id=person_id).delete()


def overwrite_deleted() -> None:
    """On this connection: else the bytes of what is deleted stay in SQLite's file until something takes their place."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")


def take_back_proofs(person_id: int, now: datetime) -> None:
    """Part of an action: what the person put before the operator is the person's alone again."""
    waiting = PersonProof.objects.filter(person_id=person_id, state=ProofState.ASKED)
    waiting.update(state=ProofState.WITHDRAWN, decided_at=now)


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.new(key, purpose.encode(), hashlib.sha256).digest()

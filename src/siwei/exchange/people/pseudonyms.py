"""Pseudonyms: a person who is paid, on the ledger and in events, which are never deleted and hold no name.

What must be known of the person to award and pay them (name, decision, bank account, what a file for the bank or a
statement says of them) is sealed under the pseudonym's own secret, not under the key of their facts: it is another
purpose, with another end (`siwei.exchange.people.award_erasure`).
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from siwei.errors import Conflict
from siwei.exchange.actors import Actor
from siwei.exchange.models import Pseudonym
from siwei.exchange.people.consents import PERSON_AWARD, hold_consent
from siwei.exchange.people.vault import KEY_BYTES, Erased, commit, seal, unseal

PREFIX = "p-"


def pseudonym_of(person_id: int | None) -> Pseudonym | None:
    return None if person_id is None else Pseudonym.objects.filter(person_id=person_id).first()


def find_or_make_pseudonym(person_id: int, now: datetime) -> Pseudonym:
    """Inside an action, of a person whose consent stands (`Conflict` without): nothing is sealed without a secret."""
    if not hold_consent(person_id, PERSON_AWARD):
        raise Conflict(
            "no consent to be awarded and paid stands → give it first; it can be withdrawn at any time",
            "没有关于领取扶持的有效同意 → 请先同意，可随时撤回",
        )
    made, _ = Pseudonym.objects.get_or_create(
        person_id=person_id,
        defaults={"key": f"{PREFIX}{secrets.token_hex(10)}", "secret": secrets.token_bytes(KEY_BYTES), "made_at": now},
    )
    if made.secret is None or made.kept_until is not None:
        made.secret = made.secret or secrets.token_bytes(KEY_BYTES)
        made.kept_until = None
        made.save(update_fields=["secret", "kept_until"])
    return made


def acting(pseudonym: Pseudonym) -> Actor:
    """How events name the person: by what says nothing of who it is."""
    return Actor(name=pseudonym.key)


def secret_of(pseudonym: Pseudonym) -> bytes:
    if pseudonym.secret is None:
        raise Erased(f"what was known of {pseudonym.key} was erased", f"{pseudonym.key} 的内容已删除")
    return bytes(pseudonym.secret)


def seal_for(pseudonym: Pseudonym, of: str, value: Mapping[str, Any]) -> bytes:
    return seal(secret_of(pseudonym), of, value)


def open_for(pseudonym: Pseudonym, of: str, sealed: bytes | memoryview | None) -> dict[str, Any]:
    """Raises Erased where it is not there any more. Whoever asks must have looked at who may read it."""
    if sealed is None:
        raise Erased(f"{of} was erased", f"{of} 已删除")
    return unseal(secret_of(pseudonym), of, bytes(sealed))


def commit_for(pseudonym: Pseudonym, value: Mapping[str, Any]) -> str:
    return commit(secret_of(pseudonym), value)


def own_word(pseudonym: Pseudonym, what: str, idempotency_key: str) -> str:
    """A key for a row of the person's, out of the one they gave: theirs might say who they are."""
    return f"{what}-{commit_for(pseudonym, {what: idempotency_key})[:28]}"


def masked(name: str) -> str:
    """As a public notice shows it: the first character and no more, not even how many follow."""
    return f"{name[:1]}*"

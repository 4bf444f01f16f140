"""Which of the pages that events lead to open for the reader: a link is shown where it leads somewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from siwei.exchange.actors import Actor
from siwei.exchange.models import (
    AccessKey,
    Agreement,
    Application,
    Dataset,
    Invoice,
    Job,
    Listing,
    Organisation,
    PaymentBatch,
    Project,
    Quote,
    SharingRound,
    Voucher,
)
from siwei.portal.addresses import project_named, subject_address
from siwei.portal.city_pack import programmes

SCOPED: dict[str, tuple[Any, str]] = {
    "access_key": (AccessKey, "identifier"),
    "agreement": (Agreement, "key"),
    "application": (Application, "key"),
    "dataset": (Dataset, "key"),
    "job": (Job, "key"),
    "listing": (Listing, "key"),
    "payment_batch": (PaymentBatch, "message_id"),
    "quote": (Quote, "key"),
    "round": (SharingRound, "key"),
    "voucher": (Voucher, "key"),
}
"""Kinds of subjects by what `visible_to` is asked of them."""
OF_OFFICES = ("import", "person", "task")
PART_OF = {
    "delivery": ("agreement", lambda key: key.rpartition(":")[0]),
    "match": ("listing", lambda key: key.partition("/")[0]),
}
"""What is seen on the page of something else."""


def open_addresses(subjects: Iterable[str], actor: Actor) -> dict[str, str]:
    """Each subject's address where its page opens for the actor. One query for each kind there is."""
    wanted = {each: address for each in set(subjects) if (address := subject_address(each))}
    keys = {each: _scoped(each) for each in wanted}
    asked: dict[str, set[str]] = {}
    for kind, key in keys.values():
        asked.setdefault(kind, set()).add(key)
    seen = {(kind, key) for kind in asked for key in _seen(kind, asked[kind], actor)}
    return {each: address for each, address in wanted.items() if keys[each] in seen}


def _scoped(subject: str) -> tuple[str, str]:
    kind, _colon, key = subject.partition(":")
    if kind in PART_OF:
        whole, key_of = PART_OF[kind]
        return whole, key_of(key)
    return kind, key


def _seen(kind: str, keys: set[str], actor: Actor) -> set[str]:
    """Those of the keys whose page the actor may open; pages on which things stand among others open for whoever is
    signed in, but for those of the offices."""
    if kind in SCOPED:
        model, field = SCOPED[kind]
        return set(model.objects.visible_to(actor).filter(**{f"{field}__in": keys}).values_list(field, flat=True))
    if kind == "project":
        return _projects(keys, actor)
    if kind == "account":
        owned = Organisation.objects.visible_to(actor).filter(key__in={each.rpartition(":")[2] for each in keys})
        owners = {key for pk, key in owned.values_list("pk", "key") if actor.sees_all or actor.represents(pk)}
        return {each for each in keys if each.rpartition(":")[2] in owners}
    if kind == "invoice":
        parts = [each.rpartition(":") for each in keys]
        found = Invoice.objects.visible_to(actor).filter(
            issuer__key__in={issuer for issuer, _colon, _number in parts},
            number__in={int(number) for _issuer, _colon, number in parts},
        )
        return keys & {f"{issuer}:{number}" for issuer, number in found.values_list("issuer__key", "number")}
    if kind == "pot":
        return {each for each in keys if each.partition(":")[0] in programmes()}
    if kind == "proof":
        return keys if actor.is_operator else set()
    return keys if kind not in OF_OFFICES or actor.sees_all else set()


def _projects(keys: set[str], actor: Actor) -> set[str]:
    names = {each: project_named(each) for each in keys}
    found = Project.objects.visible_to(actor).filter(organisation__key__in={each[0] for each in names.values()})
    own = set(found.values_list("organisation__key", "name"))
    return {each for each, name in names.items() if name in own}

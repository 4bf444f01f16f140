"""Where what an event is about is seen: `kind:key` → the address of its page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

BY_KEY = {
    "agreement": "agreement", "listing": "listing", "job": "job", "quote": "quote",
    "application": "application-page", "round": "notice", "organisation": "organisation", "dataset": "dataset",
    "payment_batch": "payment-batch", "voucher": "trace", "access_key": "model-key",
}  # fmt: skip
"""Pages whose address is the key."""
STANDING = {
    "bank_account": "payments", "payment_order": "payments", "bank_entry": "differences", "statement": "differences",
    "reporter": "meters", "upstream": "upstreams", "cap": "budgets", "import": "imports",
    "invitation": "invitations", "objection": "calls", "proof": "proofs",
    "task": "tasks",
}  # fmt: skip
"""Pages on which the subject stands among others."""


def subject_address(subject: str) -> str:
    """The page of what an event is about; empty where it has none of its own. Whether it opens for a reader:
    `siwei.portal.openable`."""
    kind, _colon, key = subject.partition(":")
    try:
        if kind in BY_KEY:
            return reverse(BY_KEY[kind], args=[key])
        if kind in STANDING:
            return reverse(STANDING[kind])
        return COMPOSED[kind](key) if kind in COMPOSED else ""
    except NoReverseMatch:
        return ""


def _delivery(key: str) -> str:
    agreement, _colon, number = key.rpartition(":")
    return f"{reverse('agreement', args=[agreement])}#delivery-{number}"


def _match(key: str) -> str:
    return reverse("listing", args=[key.partition("/")[0]])


def _person(username: str) -> str:
    return reverse("person-account", args=[username])


def _project(key: str) -> str:
    leader, name = project_named(key)
    return reverse("project", args=[f"{leader}/{name}"]) if name else ""


def project_named(key: str) -> tuple[str, str]:
    """Leader and name of `<leader>/<name>`, of older events `<leader>:<name>`."""
    leader, _mark, name = key.partition("/") if "/" in key else key.partition(":")
    return leader, name


def _invoice(key: str) -> str:
    issuer, _colon, number = key.rpartition(":")
    return reverse("invoice", args=[issuer, int(number)]) if number.isdecimal() else ""


def _pot(key: str) -> str:
    programme, _colon, period = key.partition(":")
    return reverse("call", args=[programme, period])


def _account(code: str) -> str:
    """`CNY:commitment:<organisation>`: the owner's wallet, at that account."""
    owner = code.rpartition(":")[2]
    return f"{reverse('wallet', args=[owner])}?{urlencode({'account': code})}"


def _usage(reading: str) -> str:
    return f"{reverse('meters')}?{urlencode({'reading': reading})}"


def _dispute(key: str) -> str:
    return f"{reverse('disputes')}#dispute-{key}"


COMPOSED: Mapping[str, Callable[[str], str]] = {
    "delivery": _delivery, "invoice": _invoice, "pot": _pot, "account": _account, "usage": _usage, "dispute": _dispute,
    "match": _match, "person": _person, "project": _project,
}  # fmt: skip
SUBJECT_KINDS = (*BY_KEY, *STANDING, *COMPOSED, "decision")
"""What events are about."""

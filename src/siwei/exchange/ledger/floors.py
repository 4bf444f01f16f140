"""Whether every account may go as far below zero as was said, and no further.

A floor is changed without an entry, so entries do not prove it; the events that set one do, and they are sealed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q

from siwei.exchange.ledger.findings import Finding
from siwei.exchange.ledger.units import CNY
from siwei.exchange.models import Account, Event
from siwei.exchange.models.ledger import BALANCE_LIMIT

AT_ZERO = ("pot", "voucher", "own-share", "receivable", "grant", "paid", "written-off")
WITHOUT_BOUND = ("overpaid", "claw-back", "bank-difference", "bank-unordered", "bank-explained")
"""Purposes of the chart of accounts (`accounts`) whose floor never changes."""
CAP_CODE, CAP_SUBJECT = "cap:", "cap:"
BUDGET_CODE, BUDGET_SUBJECT = f"{CNY}:budget:", "pot:"
COMMITMENT_CODE, COMMITMENT_SUBJECT = f"{CNY}:commitment:", f"account:{CNY}:commitment:"


def verify_floors() -> Iterator[Finding]:
    """Every account of the chart whose floor is another than its purpose's, or than the last event said that set it.
    What only a test or a benchmark opens, under a code of its own, is nobody's to know."""
    yield from _fixed(AT_ZERO, 0)
    yield from _fixed(WITHOUT_BOUND, -BALANCE_LIMIT)
    yield from _differing(~Q(unit=CNY) & Q(purpose="used", code__contains=":used:"), 0)
    yield from _differing(~Q(unit=CNY) & Q(purpose="delivered", code__contains=":delivered:"), -BALANCE_LIMIT)
    yield from _declared("budget", BUDGET_CODE, BUDGET_SUBJECT, "open_pot")
    yield from _declared("commitment", COMMITMENT_CODE, COMMITMENT_SUBJECT, "declare_budget")
    yield from _declared("cap", CAP_CODE, CAP_SUBJECT, "set_cap")


def _fixed(purposes: tuple[str, ...], floor: int) -> Iterator[Finding]:
    charted = Q()
    for purpose in purposes:
        charted |= Q(purpose=purpose, code__startswith=f"{CNY}:{purpose}:")
    yield from _differing(charted, floor)


def _differing(charted: Q, floor: int) -> Iterator[Finding]:
    others = Account.objects.filter(charted).exclude(floor=floor).order_by("pk")
    for code, stands in others.values_list("code", "floor"):
        yield Finding("account", code, "floor_differs", {"stands": stands, "due": floor})


def _declared(purpose: str, code: str, subject: str, action: str) -> Iterator[Finding]:
    events = Event.objects.filter(action=action).order_by("pk").values_list("subject", "payload")
    told = {name.removeprefix(subject): payload for name, payload in events.iterator()}
    accounts = Account.objects.filter(purpose=purpose, code__startswith=code).order_by("pk")
    for name, stands in accounts.values_list("code", "floor").iterator():
        due = _floor_of(told.get(name.removeprefix(code)), action)
        if due is None:
            yield Finding("account", name, "floor_untold", {"stands": stands})
        elif stands != due:
            yield Finding("account", name, "floor_differs", {"stands": stands, "due": due})


def _floor_of(payload: Mapping[str, Any] | None, action: str) -> int | None:
    """What an event of that action let the account go down to; None where it does not say."""
    if payload is None:
        # Opened by the first signature, before anything was declared.
        return 0 if action == "declare_budget" else None
    try:
        if action == "set_cap":  # as text
            return -int(payload["amount"]) if payload["is_hard"] == "True" else -BALANCE_LIMIT
        return -int(payload["budget_fen"])
    except (KeyError, TypeError, ValueError):
        return None

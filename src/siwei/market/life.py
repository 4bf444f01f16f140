"""The life of an agreement, declared: which step is possible from which state, and where it may lead.

proposed ──sign──▶ (awaiting approval ──approve──▶) signed ──deliver──▶ delivering
signed, delivering ──complete──▶ completed; signed, delivering, completed ──settle──▶ settled
proposed, awaiting approval, signed ──cancel──▶ cancelled
signed, delivering, completed ──dispute──▶ disputed ──resolve──▶ where it was disputed
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PROPOSED, AWAITING_APPROVAL, SIGNED = "proposed", "awaiting-approval", "signed"
DELIVERING, COMPLETED, DISPUTED = "delivering", "completed", "disputed"
SETTLED, CANCELLED = "settled", "cancelled"
STATES = (PROPOSED, AWAITING_APPROVAL, SIGNED, DELIVERING, COMPLETED, DISPUTED, SETTLED, CANCELLED)
DISPUTABLE = (SIGNED, DELIVERING, COMPLETED)


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody may do to an agreement in one of the states `before`, and the states it may be in `after`."""

    before: frozenset[str]
    after: frozenset[str]


def _step(before: tuple[str, ...], after: tuple[str, ...]) -> Step:
    return Step(frozenset(before), frozenset(after))


STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "sign": _step((PROPOSED,), (PROPOSED, AWAITING_APPROVAL, SIGNED)),
        "approve": _step((PROPOSED, AWAITING_APPROVAL), (PROPOSED, AWAITING_APPROVAL, SIGNED)),
        # The party takes its signature back with the approval it asked for.
        "refuse": _step((PROPOSED, AWAITING_APPROVAL), (PROPOSED,)),
        "cancel": _step((PROPOSED, AWAITING_APPROVAL, SIGNED), (CANCELLED,)),
        "deliver": _step((SIGNED, DELIVERING), (DELIVERING,)),
        # What was begun goes on being metered while the parties disagree about something else.
        "meter": _step((SIGNED, DELIVERING, DISPUTED), (DELIVERING, DISPUTED)),
        "complete": _step((SIGNED, DELIVERING), (COMPLETED,)),
        "dispute": _step((*DISPUTABLE, DISPUTED), (DISPUTED,)),
        "resolve": _step((DISPUTED,), (*DISPUTABLE, DISPUTED)),
        "charge": _step((DELIVERING, COMPLETED), (DELIVERING, COMPLETED)),
        "settle": _step((SIGNED, DELIVERING, COMPLETED), (SETTLED,)),
    }
)


def possible_steps(state: str) -> tuple[str, ...]:
    """What may be done to an agreement in `state`, in the order of a life."""
    return tuple(name for name, step in STEPS.items() if state in step.before)


def refusal(step: str, state: str) -> str:
    """Why `step` is not possible in `state`, and what is; an empty text where it is."""
    if state in STEPS[step].before:
        return ""
    possible = possible_steps(state)
    return f"it is {state}: to {step} is not possible, " + (
        f"what is: {', '.join(possible)}" if possible else "and nothing more is"
    )

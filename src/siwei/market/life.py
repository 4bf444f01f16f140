"""The life of an agreement, declared: which step is possible from which state, and where it may lead.

proposed ──sign──▶ (awaiting approval ──approve──▶) signed ──deliver──▶ delivering
signed, delivering ──complete──▶ completed; signed, delivering, completed ──settle──▶ settled
proposed, awaiting approval, signed ──cancel──▶ cancelled
signed, delivering, completed ──dispute──▶ disputed ──resolve──▶ where it was disputed
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from siwei.errors import Said

PROPOSED, AWAITING_APPROVAL, SIGNED = "proposed", "awaiting-approval", "signed"
DELIVERING, COMPLETED, DISPUTED = "delivering", "completed", "disputed"
SETTLED, CANCELLED = "settled", "cancelled"
STATES = (PROPOSED, AWAITING_APPROVAL, SIGNED, DELIVERING, COMPLETED, DISPUTED, SETTLED, CANCELLED)
STATES_ZH: Mapping[str, str] = MappingProxyType(
    {
        PROPOSED: "已提出", AWAITING_APPROVAL: "待审批", SIGNED: "已签署", DELIVERING: "交付中", COMPLETED: "已完成",
        DISPUTED: "争议中", SETTLED: "已结算", CANCELLED: "已取消",
    }
)  # fmt: skip
STEPS_ZH: Mapping[str, str] = MappingProxyType(
    {
        "sign": "签署", "approve": "批准", "refuse": "拒绝", "cancel": "取消", "deliver": "交付", "meter": "计量",
        "complete": "完成", "dispute": "提出争议", "resolve": "处理争议", "charge": "计收", "settle": "结算",
    }
)  # fmt: skip
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
    """Why `step` is not possible in `state`, and what is, in both languages; an empty text where it is."""
    if state in STEPS[step].before:
        return ""
    possible = possible_steps(state)
    what = f"what is: {', '.join(possible)}" if possible else "and nothing more is"
    then = f"可以{'、'.join(STEPS_ZH[each] for each in possible)}" if possible else "不再有可做的"
    return Said(
        f"it is {state}: to {step} is not possible, {what}",
        f"处于“{STATES_ZH[state]}”，不能{STEPS_ZH[step]}，{then}",
    )

"""One subject's best lawful combination under joint limits: what is left of each, and who of the same
organisation takes the rest."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date

from siwei.policy.combination import CombinationExplanation, explain_combination
from siwei.policy.joint import settle_one
from siwei.policy.joint_choices import NOTHING_HELD, Decided, Holdings
from siwei.policy.joint_shown import JointShown, Within, shown_limit
from siwei.policy.programmes import Programme
from siwei.policy.stacking import JointLimit, Stacking, linked


def joint_family(stacking: Stacking, names: Collection[str]) -> tuple[Stacking, frozenset[str]]:
    """The joint limits that bear on awards of these programmes, directly or through what is chosen with them, and all
    programmes that then bear on one another; both empty where none does."""
    found = {*names} & {name for limit in stacking.joint for name in limit.programmes}
    # What a rule of one kind links is chosen together, so that one of it in a joint limit brings the others along.
    sets = [{*limit.programmes} for limit in stacking.joint]
    parts = [{*part.programmes} for part in linked(stacking)]
    under = {name for each in sets for name in each}
    found = {*names} & (under | {name for part in parts if part & under for name in part})
    while more := {name for each in (*sets, *parts) if each & found for name in each} - found:
        found |= more
    limits = tuple(limit for limit in stacking.joint if found & {*limit.programmes})
    return replace(stacking, joint=limits), frozenset(found if limits else ())


def explain_together(
    stacking: Stacking,
    decided: Mapping[str, Decided],
    organisation: str,
    kind: str,
    id: str,
    as_of: date,
    holdings: Holdings = NOTHING_HELD,
) -> CombinationExplanation:
    """Of the subject `id` of a kind: the best lawful combination of its awards that is part of the best of all of its
    organisation's. `decided` holds at least the organisations; `holdings` are of this organisation. Raises NotFound."""
    within = within_joint(stacking, decided, organisation, kind, id, as_of, holdings)
    each, held = decided[kind], holdings.of(kind, id)
    return explain_combination(stacking.of(kind), each.decisions, each.table, id, held, within)


def within_joint(
    stacking: Stacking, decided: Mapping[str, Decided], organisation: str, kind: str, id: str, as_of: date,
    holdings: Holdings = NOTHING_HELD,
) -> Within:  # fmt: skip
    settled = settle_one(stacking, decided, organisation, as_of, holdings)
    rows = {row[1]: row for row in settled.limits}
    shown: dict[str, JointShown] = {}
    for limit in stacking.joint:
        # Nothing that is taken may count under a limit, and yet another choice: that one is cut like any.
        nothing = (organisation, limit.id, settled.limit_fen[limit.id], 0, 0)
        _, _, most, counted, kept = rows.get(limit.id, nothing)
        assert counted is not None
        shown[limit.id] = shown_limit(limit, most, settled.held_fen[limit.id], counted, kept, settled.awards)
    mine = (kind, id)
    return Within(
        kind, id, stacking.joint, shown, settled.chosen.get(mine, {}), holdings.earlier.get(mine, {}),
        settled.untold.get(mine, frozenset()),
    )  # fmt: skip


def kinds_counted(limits: Collection[JointLimit], programmes: Collection[Programme]) -> frozenset[str]:
    """What the programmes of the limits are for."""
    counted = {name for limit in limits for name in limit.programmes}
    return frozenset(each.applies_to for each in programmes if each.id in counted)

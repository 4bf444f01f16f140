"""One subject's best lawful combination under joint limits: what is left of each, and who of the same
organisation takes the rest."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from siwei.policy.combinations.combination import CombinationExplanation, WithinOf, explain_combination
from siwei.policy.combinations.joint import Settled, settle_one
from siwei.policy.combinations.joint_choices import NOTHING_HELD, Decided, Holdings, Subject
from siwei.policy.combinations.joint_shown import JointShown, Within, shown_limit
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


@dataclass(frozen=True)
class Best:
    """`taken` of each subject: what its awards take of joint limits, by programme."""

    settled: Settled
    shown: Mapping[str, JointShown]
    total_fen: int | None
    taken: Mapping[Subject, Mapping[str, int]]


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
    awards = JointAwards(stacking, decided, organisation, as_of, holdings)
    each, held = decided[kind], holdings.of(kind, id)
    within = awards.within(kind, id)
    return explain_combination(stacking.of(kind), each.decisions, each.table, id, held, within)


@dataclass
class JointAwards:
    """The best of all that an organisation, its contracts and its projects get under joint limits, worked out once for
    all of them; and once more for each draft that would have a part in it."""

    stacking: Stacking
    decided: Mapping[str, Decided]
    organisation: str
    as_of: date
    holdings: Holdings = NOTHING_HELD
    found: dict[frozenset[str], Best] = field(default_factory=dict)

    def within(self, kind: str, id: str) -> WithinOf:
        return lambda in_force: self._within(kind, id, in_force)

    def _within(self, kind: str, id: str, in_force: frozenset[str]) -> Within:
        # What bears on none of these awards changes nothing among them.
        in_force &= {programme.id for each in self.decided.values() for programme in each.decisions.programmes}
        if in_force not in self.found:
            self.found[in_force] = self._best(in_force)
        best, mine = self.found[in_force], (kind, id)
        return Within(
            kind, id, self.stacking.joint, best.shown, best.settled.chosen.get(mine, {}),
            self.holdings.earlier.get(mine, {}), best.settled.untold.get(mine, frozenset()), best.total_fen,
            best.taken.get(mine, {}),
        )  # fmt: skip

    def _best(self, in_force: frozenset[str]) -> Best:
        settled = settle_one(self.stacking, self.decided, self.organisation, self.as_of, self.holdings, in_force)
        kept = [award.kept_fen for award in settled.awards]
        total = None if None in kept else sum(fen for fen in kept if fen is not None)
        taken: dict[Subject, dict[str, int]] = {}
        for award in settled.awards:
            taken.setdefault((award.kind, award.id), {})[award.programme] = award.counted_fen or 0
        return Best(settled, _shown(self.stacking, self.organisation, settled), total, taken)


def _shown(stacking: Stacking, organisation: str, settled: Settled) -> dict[str, JointShown]:
    rows = {row[1]: row for row in settled.limits}
    shown: dict[str, JointShown] = {}
    for limit in stacking.joint:
        # Nothing that is taken may count under a limit, and yet another choice: that one is cut like any.
        nothing = (organisation, limit.id, settled.limit_fen[limit.id], 0, 0)
        _, _, most, counted, kept = rows.get(limit.id, nothing)
        assert counted is not None
        shown[limit.id] = shown_limit(limit, most, settled.held_fen[limit.id], counted, kept, settled.awards)
    return shown


def kinds_counted(limits: Collection[JointLimit], programmes: Collection[Programme]) -> frozenset[str]:
    """What the programmes of the limits are for."""
    counted = {name for limit in limits for name in limit.programmes}
    return frozenset(each.applies_to for each in programmes if each.id in counted)

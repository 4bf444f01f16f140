"""What happens to a pot after it was shared: later claims, money clawed back, the true-up at the year's end.

A pure function of the events in their order. At every moment: what was put in = what is left + what is awarded + what
went back to the treasury. What is clawed back is not claimed again; what a true-up gives back may be paid to others.
Reserves and quotas are parts of all that was put in, less what is awarded of them (`earlier_awards`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import polars as pl

from siwei.errors import InputError, Problem, Said
from siwei.policy.money_words import of_money
from siwei.policy.pots.earlier_awards import Earlier, EarlierAward
from siwei.policy.pots.rounds import QuotaLeft, ReserveLeft, serve_pot, serve_pro_rata
from siwei.policy.pots.share import Shares, matches
from siwei.policy.pots.waiting import WaitingClaims
from siwei.policy.programmes import Payment, Programme, Quota, Reserve, Returns, Sharing
from siwei.policy.subjects import ID


class PotEventKind(StrEnum):
    FUND = "fund"
    """`amount_fen` is put into the pot."""
    AWARD = "award"
    """The pot was shared: the claim asked for `claim_fen` and gets `amount_fen`."""
    CLAIM = "claim"
    """A later claim for `claim_fen`, served from what is left."""
    CLAW_BACK = "claw_back"
    """`amount_fen` of an award is taken back."""
    TRUE_UP = "true_up"
    """What is owed on a claim turns out to be `claim_fen`."""
    WITHDRAW = "withdraw"
    """The claimant gives it up, with all it was awarded."""
    GIVE_UP = "give_up"
    """The claimant chooses again: it got less than it claims, and gives that up while the sharing is on public notice,
    before anything else happens."""


@dataclass(frozen=True, slots=True)
class PotEvent:
    on: date
    kind: PotEventKind
    claim: str = ""
    claim_fen: int = 0
    amount_fen: int = 0
    reserved: Mapping[str, int] = field(default_factory=dict)
    """Of an award: what of it came out of each reserve."""
    row: int | None = None
    """Where it stands in the file it was read from; None: it is of the sharing itself."""


@dataclass(frozen=True, slots=True)
class PotParts:
    """A pot's reserves with the claims they are kept for, and its quotas with each claim's value; of every claim that
    an event names."""

    reserves: tuple[tuple[Reserve, frozenset[str]], ...] = ()
    quotas: tuple[tuple[Quota, Mapping[str, object]], ...] = ()


def parts_of(programme: Programme, claims: pl.DataFrame, as_of: date) -> PotParts:
    """Of all claims, those that come later among them: their `id` and what reserves and quotas read. Raises InputError
    where a claim has no value for a quota."""
    assert programme.pot is not None
    ids = claims[ID].cast(pl.String).to_list()
    kept = ((reserve, matches(programme, reserve, claims, as_of)) for reserve in programme.pot.reserves)
    reserves = tuple(
        (reserve, frozenset(id for id, mine in zip(ids, told, strict=True) if mine)) for reserve, told in kept
    )
    quotas = tuple((quota, dict(zip(ids, claims[quota.by].to_list(), strict=True))) for quota in programme.pot.quotas)
    lacking = {quota.by: [id for id, value in values.items() if value is None] for quota, values in quotas}
    problems = [
        Problem(
            Said(f"{len(mine)} claims have no {by}, such as {mine[0]}", f"{len(mine)} 项申报没有 {by}，如 {mine[0]}"),
            Said("every claim needs it: the pot has a quota of it", "每项申报都需要：资金池对其设有限额"),
            field=by,
        )
        for by, mine in lacking.items() if mine
    ]  # fmt: skip
    if problems:
        raise InputError(problems)
    return PotParts(reserves, quotas)


@dataclass(frozen=True, slots=True)
class Movement:
    """Money between the pot and a claim (to the claim is positive), by the row of the event that caused it."""

    event: int | None
    on: date
    claim: str
    amount_fen: int


@dataclass
class PotState:
    """Claims in the order in which they came: what is owed on each (`owed_fen`) and what it has (`awarded_fen`)."""

    funded_fen: int = 0
    left_fen: int = 0
    treasury_fen: int = 0
    owed_fen: dict[str, int] = field(default_factory=dict)
    awarded_fen: dict[str, int] = field(default_factory=dict)
    reserved_fen: dict[str, dict[str, int]] = field(default_factory=dict)
    """By reserve and claim: what of its award came out of it."""
    to_treasury_fen: dict[str, int] = field(default_factory=dict)
    """By claim: what came back of its award and went to the treasury."""
    movements: list[Movement] = field(default_factory=list)
    given_up_fen: dict[str, int] = field(default_factory=dict)
    """By claim that was given up on public notice: what it would have had."""

    @property
    def waiting_fen(self) -> dict[str, int]:
        """Claims not paid in full, with what is still owed on them."""
        waiting = {claim: owed - self.awarded_fen[claim] for claim, owed in self.owed_fen.items()}
        return {claim: amount for claim, amount in waiting.items() if amount > 0}


def events_of(shares: Shares, on: date) -> tuple[PotEvent, ...]:
    """The sharing of a pot as events: its budget, then every claim in the order it was served."""
    table = shares.table.sort("rank", "id", nulls_last=True)
    out_of = {id: dict(zip(shares.table["id"], amounts, strict=True)) for id, amounts in shares.reserved.items()}
    rows = table.select("id", "claim_fen", "paid_fen").iter_rows()
    awards = (
        PotEvent(
            on, PotEventKind.AWARD, claim, asked, paid,
            {id: amounts[claim] for id, amounts in out_of.items() if amounts[claim]},
        )
        for claim, asked, paid in rows
    )  # fmt: skip
    return (PotEvent(on, PotEventKind.FUND, amount_fen=shares.budget_fen), *awards)


def _with_earlier(parts: PotParts, earlier: Mapping[str, EarlierAward]) -> PotParts:
    """What awards of earlier rounds count under. Of a reserve they are in only where something of them is out of it:
    what its `where` reads is not known of them."""
    reserves = tuple(
        (reserve, kept | {id for id, award in earlier.items() if award.reserves.get(reserve.id)})
        for reserve, kept in parts.reserves
    )
    quotas = tuple(
        (quota, {**{id: award.values.get(quota.by) for id, award in earlier.items()}, **values})
        for quota, values in parts.quotas
    )
    return PotParts(reserves, quotas)


def follow_pot(
    events: Sequence[PotEvent],
    sharing: Sharing,
    payment: Payment = Payment.PARTIAL,
    returns: Returns = Returns.POT,
    parts: PotParts | None = None,
    before: Earlier | None = None,
    *,
    choose_again: bool = False,
) -> PotState:
    """The pot after the events. Later claims are served as they come; where `returns` is WAITING, money that comes back
    goes to the claims not paid in full, in the order they came, or pro rata where the pot was shared so. With `before`
    the pot was shared before these events: what that took of reserves and quotas counts, in the whole of the budget,
    and events may name its awards, which are in the state from the first. Where the text lets claimants `choose_again`
    a claim may be given up before anything else happens: what it would have had stays in the pot, and goes to those who
    wait, where what comes back does, once all have chosen.

    Raises InputError at the first event that cannot be: out of order, of an unknown claim, for more than there is.
    """
    follower = _Follower(sharing, payment, returns, parts, before, choose_again=choose_again)
    for event in events:
        follower.apply(event)
    follower.end_notice()
    return follower.state


def _refused(event: PotEvent, key: str, **values: object) -> InputError:
    of_claim = Said(f" of {event.claim}", f" {event.claim} ") if event.claim else Said("", " ")
    what = Said(f"{event.kind}{of_claim} on {event.on}", f"{event.on}{of_claim.zh}{event.kind}")
    return InputError([Problem(*of_money(key, what=what, **values), line=event.row)])


class _Follower:
    def __init__(
        self, sharing: Sharing, payment: Payment, returns: Returns, parts: PotParts | None = None,
        before: Earlier | None = None, *, choose_again: bool = False,
    ) -> None:  # fmt: skip
        self.sharing, self.payment, self.returns = sharing, payment, returns
        self.choose_again = choose_again
        self.on_notice: set[str] = set()
        self.before = before or Earlier(0)
        earlier = {id: award for id, award in self.before.awards.items() if award is not None}
        self.parts = _with_earlier(parts or PotParts(), earlier)
        # What is awarded out of each reserve and to each value of a quota, kept as it moves: adding it up anew for each
        # later claim would be as much work as there are claims.
        self.taken = {reserve.id: self.before.reserves.get(reserve.id, 0) for reserve, _ in self.parts.reserves}
        self.by_value: dict[str, dict[object, int]] = {
            quota.by: dict(self.before.quotas.get(quota.by, {})) for quota, _ in self.parts.quotas
        }
        self.state = PotState(reserved_fen={reserve.id: {} for reserve, _ in self.parts.reserves})
        self.waiting = WaitingClaims()
        for id, award in earlier.items():
            # They came first. The round they were of is over: they wait for nothing unless a true-up says more is owed.
            self.state.awarded_fen[id] = award.paid_fen
            self._owe(id, award.paid_fen)
            for reserve, out_of in self.state.reserved_fen.items():
                if fen := award.reserves.get(reserve, 0):
                    out_of[id] = fen
        self.event = PotEvent(date.min, PotEventKind.FUND)

    def apply(self, event: PotEvent) -> None:
        if event.on < self.event.on:
            first_of_file = event.row is not None and self.event.row is None
            raise _refused(event, "event_before" if first_of_file else "event_order", before=self.event.on)
        if event.kind not in (PotEventKind.AWARD, PotEventKind.GIVE_UP):
            self.end_notice()
        self.event = event
        if event.amount_fen < 0 or event.claim_fen < 0:
            raise _refused(event, "event_negative")
        new = event.kind in (PotEventKind.AWARD, PotEventKind.CLAIM)
        known = event.claim in self.state.owed_fen
        if not new and self.before.awards.get(event.claim, event) is None:
            raise _refused(event, "event_several")
        if event.kind is not PotEventKind.FUND and new == known:
            raise _refused(event, "event_known" if known else "event_unknown")
        if new and any(event.claim not in values for _, values in self.parts.quotas):
            raise _refused(event, "event_no_value")
        getattr(self, f"_{event.kind}")(event)

    def _owe(self, claim: str, amount: int) -> None:
        self.state.owed_fen[claim] = amount
        self.waiting.want(claim, amount - self.state.awarded_fen.setdefault(claim, 0))

    def _fund(self, event: PotEvent) -> None:
        self.state.funded_fen += event.amount_fen
        self.state.left_fen += event.amount_fen
        if self.returns is Returns.WAITING:
            self._serve_waiting()

    def _award(self, event: PotEvent) -> None:
        if event.amount_fen > min(event.claim_fen, self.state.left_fen):
            raise _refused(event, "event_awards")
        self.on_notice.add(event.claim)
        self._owe(event.claim, event.claim_fen)
        self._move(event.claim, event.amount_fen)
        for id, fen in event.reserved.items():
            self._reserve(id, event.claim, fen)

    def _claim(self, event: PotEvent) -> None:
        self._owe(event.claim, event.claim_fen)
        self._pay(event.claim)

    def _claw_back(self, event: PotEvent) -> None:
        if event.amount_fen > self.state.awarded_fen[event.claim]:
            raise _refused(event, "event_back", has=self.state.awarded_fen[event.claim])
        self._owe(event.claim, self.state.owed_fen[event.claim] - event.amount_fen)
        self._give_back(event.claim, event.amount_fen)

    def _true_up(self, event: PotEvent) -> None:
        self._owe(event.claim, event.claim_fen)
        over = self.state.awarded_fen[event.claim] - event.claim_fen
        if over > 0:
            self._give_back(event.claim, over)
        else:
            self._pay(event.claim)

    def _withdraw(self, event: PotEvent) -> None:
        self._owe(event.claim, 0)
        self._give_back(event.claim, self.state.awarded_fen[event.claim])

    def _give_up(self, event: PotEvent) -> None:
        if not self.choose_again:
            raise _refused(event, "event_no_choice")
        if event.claim not in self.on_notice:
            raise _refused(event, "event_notice")
        had = self.state.awarded_fen[event.claim]
        if had >= self.state.owed_fen[event.claim]:
            raise _refused(event, "event_whole")
        self._owe(event.claim, 0)
        self._take_back(event.claim, had)
        self.state.given_up_fen[event.claim] = had

    def end_notice(self) -> None:
        """All have chosen: what was given up is there for those who wait."""
        if self.on_notice and self.state.given_up_fen and self.returns is Returns.WAITING:
            self._serve_waiting()
        self.on_notice.clear()

    def _pay(self, claim: str) -> None:
        """What is owed and not yet paid, from what is left."""
        owed = self.state.owed_fen[claim] - self.state.awarded_fen[claim]
        if self._has_parts:
            self._serve_parts({claim: owed})
        elif self.payment is Payment.PARTIAL or owed <= self.state.left_fen:
            self._move(claim, min(owed, self.state.left_fen))

    def _move(self, claim: str, amount: int) -> None:
        if amount:
            self.state.left_fen -= amount
            self.state.awarded_fen[claim] += amount
            self.waiting.want(claim, self.state.owed_fen[claim] - self.state.awarded_fen[claim])
            self.state.movements.append(Movement(self.event.row, self.event.on, claim, amount))
            for quota, values in self.parts.quotas:
                taken = self.by_value[quota.by]
                taken[values[claim]] = taken.get(values[claim], 0) + amount

    def _reserve(self, id: str, claim: str, fen: int) -> None:
        """`fen` more (or less) of the claim's award is out of the reserve."""
        out_of = self.state.reserved_fen[id]
        out_of[claim] = out_of.get(claim, 0) + fen
        self.taken[id] += fen

    def _take_back(self, claim: str, amount: int) -> None:
        self._move(claim, -amount)
        left = self.state.awarded_fen[claim]
        for id, amounts in self.state.reserved_fen.items():
            # What was out of no reserve comes back first.
            had = amounts.get(claim, 0)
            self._reserve(id, claim, min(had, left) - had)
            left -= amounts[claim]

    def _give_back(self, claim: str, amount: int) -> None:
        self._take_back(claim, amount)
        if self.returns is Returns.TREASURY:
            self.state.left_fen -= amount
            self.state.treasury_fen += amount
            self.state.to_treasury_fen[claim] = self.state.to_treasury_fen.get(claim, 0) + amount
        elif self.returns is Returns.WAITING:
            self._serve_waiting()

    @property
    def _has_parts(self) -> bool:
        return bool(self.parts.reserves or self.parts.quotas)

    def _serve_parts(self, waiting: Mapping[str, int]) -> None:
        """By the very sharing, of what is left of each part."""
        state, claims = self.state, list(waiting)
        whole_fen = self.before.budget_fen - self.before.left_fen + state.funded_fen
        before = Earlier(whole_fen, 0, self.taken, self.by_value)
        reserves = [
            ReserveLeft(reserve.id, before.left_of_reserve(reserve), [claim in kept for claim in claims])
            for reserve, kept in self.parts.reserves
        ]
        quotas = []
        for quota, values in self.parts.quotas:
            mine = [values[claim] for claim in claims]
            quotas.append(
                QuotaLeft(f"quota:{quota.by}", mine, {value: before.left_of_quota(quota, value) for value in set(mine)})
            )
        order = None if self.sharing is Sharing.PRO_RATA else range(len(claims))
        ids = pl.Series(claims, dtype=pl.String)
        served = serve_pot(list(waiting.values()), ids, order, state.left_fen, self.payment, reserves, quotas)
        for place, claim in enumerate(claims):
            for id, amounts in served.reserved.items():
                self._reserve(id, claim, amounts[place])
            self._move(claim, served.paid[place])

    def _serve_waiting(self) -> None:
        if self._has_parts:
            # As much work as there are claims.
            if self.state.left_fen and self.waiting.first() is not None:
                self._serve_parts(self.state.waiting_fen)
            return
        if self.sharing is Sharing.PRO_RATA:
            self._serve_all_alike()
            return
        while self.state.left_fen:
            left = self.state.left_fen
            claim = self.waiting.first(left) if self.payment is Payment.WHOLE_OR_NEXT else self.waiting.first()
            if claim is None:
                return
            wanted = self.waiting.wanted(claim)
            if wanted > left and self.payment is Payment.WHOLE_OR_STOP:
                return
            self._move(claim, min(wanted, left))

    def _serve_all_alike(self) -> None:
        """Every waiting claim gets its part, so that each return is as much work as there are claims."""
        waiting = self.state.waiting_fen
        if not waiting or not self.state.left_fen:
            return
        ids = pl.Series(list(waiting), dtype=pl.String)
        served = serve_pro_rata(list(waiting.values()), ids, self.state.left_fen, ())
        for claim, amount in zip(waiting, served.paid, strict=True):
            self._move(claim, amount)

"""What happens to a pot after it was shared: later claims, money clawed back, the true-up at the year's end.

A pure function of the events in their order. At every moment: what was put in = what is left + what is awarded + what
went back to the treasury. What is clawed back is not claimed again; what a true-up gives back may be paid to others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import polars as pl

from siwei.errors import InputError, Problem
from siwei.policy.pots import Shares
from siwei.policy.programmes import Payment, Returns, Sharing
from siwei.policy.rounds import serve_pro_rata
from siwei.policy.waiting import WaitingClaims


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


@dataclass(frozen=True, slots=True)
class PotEvent:
    on: date
    kind: PotEventKind
    claim: str = ""
    claim_fen: int = 0
    amount_fen: int = 0


@dataclass(frozen=True, slots=True)
class Movement:
    """Money between the pot and a claim (to the claim is positive), by the number of the event that caused it."""

    event: int
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
    movements: list[Movement] = field(default_factory=list)

    @property
    def waiting_fen(self) -> dict[str, int]:
        """Claims not paid in full, with what is still owed on them."""
        waiting = {claim: owed - self.awarded_fen[claim] for claim, owed in self.owed_fen.items()}
        return {claim: amount for claim, amount in waiting.items() if amount > 0}


def events_of(shares: Shares, on: date) -> tuple[PotEvent, ...]:
    """The sharing of a pot as events: its budget, then every claim in the order it was served."""
    table = shares.table.sort("rank", "id", nulls_last=True)
    rows = table.select("id", "claim_fen", "paid_fen").iter_rows()
    awards = (PotEvent(on, PotEventKind.AWARD, claim, asked, paid) for claim, asked, paid in rows)
    return (PotEvent(on, PotEventKind.FUND, amount_fen=shares.budget_fen), *awards)


def follow_pot(
    events: Sequence[PotEvent], sharing: Sharing, payment: Payment = Payment.PARTIAL, returns: Returns = Returns.POT
) -> PotState:
    """The pot after the events. Later claims are served as they come; where `returns` is WAITING, money that comes back
    goes to the claims not paid in full, in the order they came, or pro rata where the pot was shared so.

    Raises InputError at the first event that cannot be: out of order, of an unknown claim, for more than there is.
    """
    follower = _Follower(sharing, payment, returns)
    for number, event in enumerate(events):
        follower.apply(number, event)
    return follower.state


class _Follower:
    def __init__(self, sharing: Sharing, payment: Payment, returns: Returns) -> None:
        self.sharing, self.payment, self.returns = sharing, payment, returns
        self.state = PotState()
        self.waiting = WaitingClaims()
        self.number, self.event = 0, PotEvent(date.min, PotEventKind.FUND)

    def apply(self, number: int, event: PotEvent) -> None:
        if event.on < self.event.on:
            self._refuse(number, event, "lies before the event that precedes it", "order events by day")
        self.number, self.event = number, event
        if event.amount_fen < 0 or event.claim_fen < 0:
            self._refuse(number, event, "has a negative amount", "amounts are 0 or more fen")
        new = event.kind in (PotEventKind.AWARD, PotEventKind.CLAIM)
        known = event.claim in self.state.owed_fen
        if event.kind is not PotEventKind.FUND and new == known:
            self._refuse(number, event, "names a known claim" if known else "names no known claim", "check its id")
        getattr(self, f"_{event.kind}")(event)

    def _owe(self, claim: str, amount: int) -> None:
        self.state.owed_fen[claim] = amount
        self.waiting.want(claim, amount - self.state.awarded_fen.setdefault(claim, 0))

    def _refuse(self, number: int, event: PotEvent, message: str, fix: str) -> None:
        claim = f" of {event.claim}" if event.claim else ""
        raise InputError([Problem(f"event {number} ({event.kind}{claim} on {event.on}) {message}", fix)])

    def _fund(self, event: PotEvent) -> None:
        self.state.funded_fen += event.amount_fen
        self.state.left_fen += event.amount_fen
        if self.returns is Returns.WAITING:
            self._serve_waiting()

    def _award(self, event: PotEvent) -> None:
        if event.amount_fen > min(event.claim_fen, self.state.left_fen):
            self._refuse(self.number, event, "awards more than is claimed or left", "share the pot again")
        self._owe(event.claim, event.claim_fen)
        self._move(event.claim, event.amount_fen)

    def _claim(self, event: PotEvent) -> None:
        self._owe(event.claim, event.claim_fen)
        self._pay(event.claim)

    def _claw_back(self, event: PotEvent) -> None:
        if event.amount_fen > self.state.awarded_fen[event.claim]:
            self._refuse(self.number, event, "takes back more than was awarded", "look at what it has")
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

    def _pay(self, claim: str) -> None:
        """What is owed and not yet paid, from what is left."""
        owed = self.state.owed_fen[claim] - self.state.awarded_fen[claim]
        if self.payment is Payment.PARTIAL or owed <= self.state.left_fen:
            self._move(claim, min(owed, self.state.left_fen))

    def _move(self, claim: str, amount: int) -> None:
        if amount:
            self.state.left_fen -= amount
            self.state.awarded_fen[claim] += amount
            self.waiting.want(claim, self.state.owed_fen[claim] - self.state.awarded_fen[claim])
            self.state.movements.append(Movement(self.number, self.event.on, claim, amount))

    def _give_back(self, claim: str, amount: int) -> None:
        self._move(claim, -amount)
        if self.returns is Returns.TREASURY:
            self.state.left_fen -= amount
            self.state.treasury_fen += amount
        elif self.returns is Returns.WAITING:
            self._serve_waiting()

    def _serve_waiting(self) -> None:
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

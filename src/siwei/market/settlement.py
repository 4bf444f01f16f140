"""From what was metered to who pays: holds are captured in the agreed proportion, the rest is released."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from siwei.errors import InputError

Payer = Literal["voucher", "own"]


@dataclass(frozen=True, slots=True)
class Held:
    """Money set aside at signing. Several vouchers and one own share may stand under one agreement.

    `captured_fen` of `amount_fen` was paid by earlier settlements of the same line.
    """

    hold: str
    payer: Payer
    amount_fen: int
    captured_fen: int = 0

    @property
    def left_fen(self) -> int:
        return self.amount_fen - self.captured_fen


@dataclass(frozen=True, slots=True)
class Captured:
    """`captured_fen + released_fen` is what was left of the hold; only the last settlement releases it."""

    hold: str
    payer: Payer
    captured_fen: int
    released_fen: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """`gross_fen` is what the meter says; `uncollected_fen`, what of it exceeds all holds, is charged to nobody."""

    gross_fen: int
    captures: tuple[Captured, ...]
    uncollected_fen: int

    @property
    def captured_fen(self) -> int:
        return sum(capture.captured_fen for capture in self.captures)

    @property
    def released_fen(self) -> int:
        return sum(capture.released_fen for capture in self.captures)


def settle(holds: Sequence[Held], gross_fen: int) -> Settlement:
    """Share `gross_fen`, everything metered so far, over `holds` in proportion to what each holds, never above a hold.

    What earlier settlements captured is taken off, so that a bill is the difference of two totals.

    Each hold's share is rounded down; the fen left over go to the own share as far as it reaches, then one each to the
    vouchers by the order of their hold's id: a public fund pays above its proportion only where the own share cannot.
    Raises InputError for a negative amount, a hold named twice, or more captured than held.
    """
    if gross_fen < 0 or any(held.amount_fen < 0 or held.captured_fen < 0 for held in holds):
        raise InputError("an amount to settle is negative; corrections are postings of their own")
    if len({held.hold for held in holds}) != len(holds):
        raise InputError("a hold is named twice in one settlement")
    if any(held.left_fen < 0 for held in holds):
        raise InputError("more was captured than held")
    total = sum(held.amount_fen for held in holds)
    charge = min(gross_fen, total)
    shares = _proportional(holds, charge)
    now = _after_earlier(holds, shares, max(0, charge - sum(held.captured_fen for held in holds)))
    captures = tuple(Captured(held.hold, held.payer, now[held.hold], held.left_fen - now[held.hold]) for held in holds)
    return Settlement(gross_fen, captures, gross_fen - charge)


def _proportional(holds: Sequence[Held], charge: int) -> dict[str, int]:
    total = sum(held.amount_fen for held in holds)
    shares = {held.hold: charge * held.amount_fen // total if total else 0 for held in holds}
    left = charge - sum(shares.values())
    for held in sorted(holds, key=lambda held: (held.payer != "own", held.hold)):
        extra = min(left, held.amount_fen - shares[held.hold])
        if held.payer == "voucher":
            extra = min(extra, 1)
        shares[held.hold] += extra
        left -= extra
    return shares


def _after_earlier(holds: Sequence[Held], shares: dict[str, int], due: int) -> dict[str, int]:
    """What each hold pays now so that all pay `due`. Where an expired hold paid more before than its share is now, the
    vouchers' parts are cut first: they never pay for what the firm's own share overpaid."""
    now = {held.hold: min(max(0, shares[held.hold] - held.captured_fen), held.left_fen) for held in holds}
    for held in sorted(holds, key=lambda held: (held.payer != "voucher", held.hold)):
        over = max(0, sum(now.values()) - due)
        now[held.hold] -= min(over, now[held.hold])
    for held in sorted(holds, key=lambda held: (held.payer != "own", held.hold)):
        short = max(0, due - sum(now.values()))
        now[held.hold] += min(short, held.left_fen - now[held.hold])
    return now

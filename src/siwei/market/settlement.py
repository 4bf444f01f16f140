"""From what was metered to who pays: holds are captured in the agreed proportion, the rest is released."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from siwei.errors import InputError

Payer = Literal["voucher", "own"]


@dataclass(frozen=True, slots=True)
class Held:
    """Money set aside at signing. Several vouchers and one own share may stand under one agreement."""

    hold: str
    payer: Payer
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Captured:
    """`captured_fen + released_fen` is the amount held."""

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
    """Share `gross_fen` over `holds` in proportion to what each holds, exact to the fen, never more than held.

    Each hold's share is rounded down; the fen left over go to the own share as far as it reaches, then one each to the
    vouchers by the order of their hold's id: a public fund pays above its proportion only where the own share cannot.
    Raises InputError for a negative amount or a hold named twice.
    """
    if gross_fen < 0 or any(held.amount_fen < 0 for held in holds):
        raise InputError("an amount to settle is negative; corrections are postings of their own")
    if len({held.hold for held in holds}) != len(holds):
        raise InputError("a hold is named twice in one settlement")
    total = sum(held.amount_fen for held in holds)
    charge = min(gross_fen, total)
    shares = {held.hold: charge * held.amount_fen // total if total else 0 for held in holds}
    left = charge - sum(shares.values())
    for held in sorted(holds, key=lambda held: (held.payer != "own", held.hold)):
        extra = min(left, held.amount_fen - shares[held.hold])
        if held.payer == "voucher":
            extra = min(extra, 1)
        shares[held.hold] += extra
        left -= extra
    captures = tuple(
        Captured(held.hold, held.payer, shares[held.hold], held.amount_fen - shares[held.hold]) for held in holds
    )
    return Settlement(gross_fen, captures, gross_fen - charge)

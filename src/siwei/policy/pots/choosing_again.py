"""Who gives a claim up once the pot is shared, where the programme says `choose_again`.

As on the platform whoever gets less than they claimed may, while the round is on public notice; here whoever then has
more without it does."""

from datetime import date

import polars as pl

from siwei.errors import InputError, Problem
from siwei.policy.money_words import of_money
from siwei.policy.pots.pot_events import PotEvent, PotEventKind
from siwei.policy.pots.share import Shares
from siwei.policy.programmes import Programme
from siwei.policy.sharing import INSTEAD
from siwei.policy.subjects import column_problem


def give_ups(programme: Programme, claims: pl.DataFrame, shares: Shares, on: date) -> tuple[PotEvent, ...]:
    """Of those who got less than they claimed, whoever has more instead; none where the text lets nobody choose again,
    or nothing says what they have. Raises InputError where `instead_fen` is no amount."""
    if programme.pot is None or not programme.pot.choose_again or INSTEAD not in claims.columns:
        return ()
    found = column_problem(INSTEAD, pl.Int64(), claims.schema)
    if found is None and (claims[INSTEAD] < 0).any():
        found = Problem(*of_money("instead"), field=INSTEAD)
    if found is not None:
        raise InputError([found])
    cut, paid = pl.col("paid_fen") < pl.col("claim_fen"), pl.col("paid_fen")
    table = shares.table.with_columns(claims[INSTEAD].cast(pl.Int64))
    mine = table.filter(cut & (pl.col(INSTEAD) > paid)).sort("rank", "id", nulls_last=True)
    return tuple(PotEvent(on, PotEventKind.GIVE_UP, id) for id in mine["id"])

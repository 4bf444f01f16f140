"""A file of what happened to a pot after it was shared, read strictly; and the pot after it, as a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, Problem, Said
from siwei.policy.claim_tables import read_rows, type_names
from siwei.policy.earlier_awards import PAID, RESERVE
from siwei.policy.pot_events import PotEvent, PotEventKind, PotState, events_of, follow_pot, parts_of
from siwei.policy.pots import CLAIM, Shares
from siwei.policy.programmes import Programme
from siwei.policy.sources import subject_types
from siwei.policy.subjects import ID

ON, KIND, AMOUNT = "on", "kind", "amount_fen"
OF_FILES = [each for each in PotEventKind if each is not PotEventKind.AWARD]
"""The sharing itself comes from the claims."""
FIX = Said(
    f"columns {ON}, {KIND} ({', '.join(OF_FILES)}), {ID}, {CLAIM} (claim, true_up), {AMOUNT} (fund, claw_back)",
    f"列为 {ON}、{KIND}（{'、'.join(OF_FILES)}）、{ID}、{CLAIM}（claim、true_up）、{AMOUNT}（fund、claw_back）",
)


@dataclass(frozen=True)
class Followed:
    """`table` has a row per claim, in the order they came: what is owed on it, what it has, and what a later sharing of
    the same pot counts (`earlier_awards`)."""

    state: PotState
    table: pl.DataFrame
    events: int


def read_events(source: Path, programme: Programme, attributes: Mapping[str, Attribute]) -> pl.DataFrame:
    """With the attributes of later claims that reserves and quotas read. Raises ImportRefused with what is wrong."""
    kinds = type_names(subject_types(attributes, programme.applies_to))
    frame = read_rows(source, {**kinds, ON: "date", CLAIM: "int", AMOUNT: "int"})
    problems = [
        Problem(Said(f"no column {name!r}", f"没有 {name!r} 列"), FIX, str(source))
        for name in (ON, KIND, ID) if name not in frame.columns
    ]  # fmt: skip
    for name in (ON, KIND):
        if name in frame.columns:
            wrong = frame[name].is_null()
            wrong = wrong | ~frame[name].cast(pl.String).is_in(list(OF_FILES)) if name == KIND else wrong
            problems += [
                Problem(
                    Said(f"{frame[name][row]!r} is no {name}", f"{frame[name][row]!r} 不是 {name}"), FIX, str(source),
                    row + 2, field=name,
                )
                for row in wrong.arg_true()[:20]
            ]  # fmt: skip
    if problems:
        raise ImportRefused(problems)
    return frame


def follow_file(programme: Programme, claims: pl.DataFrame, shares: Shares, events: pl.DataFrame, on: date) -> Followed:
    """The pot from its sharing on the day `on` through the events of a file (`read_events`). Raises InputError at the
    first that cannot be."""
    assert programme.pot is not None
    later = events.filter(pl.col(KIND) == str(PotEventKind.CLAIM))
    named = [name for name in programme.pot_attributes if name in claims.columns]
    everybody = pl.concat(
        [each.select(pl.col(ID).cast(pl.String), *(name for name in named if name in each.columns))
         for each in (claims, later)],
        how="diagonal_relaxed",
    ).unique(ID, keep="first", maintain_order=True)  # fmt: skip
    parts = parts_of(programme, everybody, on)
    given = events_of(shares, on)
    state = follow_pot([*given, *_events(events)], shares.sharing, programme.pot.payment, programme.pot.returns, parts)
    return Followed(state, _table(state, everybody, [quota.by for quota in programme.pot.quotas]), events.height)


def _events(frame: pl.DataFrame) -> list[PotEvent]:
    return [
        PotEvent(
            row[ON], PotEventKind(row[KIND]), row[ID] or "", row.get(CLAIM) or 0, row.get(AMOUNT) or 0
        )
        for row in frame.iter_rows(named=True)
    ]  # fmt: skip


def _table(state: PotState, claims: pl.DataFrame, quotas: list[str]) -> pl.DataFrame:
    ids = list(state.owed_fen)
    out_of = {f"{RESERVE}{id}": [paid.get(each, 0) for each in ids] for id, paid in state.reserved_fen.items()}
    made = pl.DataFrame(
        {ID: ids, CLAIM: list(state.owed_fen.values()), PAID: [state.awarded_fen[each] for each in ids], **out_of},
        schema={ID: pl.String, CLAIM: pl.Int64, PAID: pl.Int64, **dict.fromkeys(out_of, pl.Int64)},
    )
    return made.join(claims.select(ID, *quotas), on=ID, how="left", maintain_order="left")

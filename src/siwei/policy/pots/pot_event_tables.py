"""What happened to a pot after it was shared, of a file or as a program sends it; and the pot after it, as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, InputError, Problem, Said
from siwei.policy.files.subject_batches import MOST_PROBLEMS
from siwei.policy.files.typed_rows import Given, first_row_of, read_rows, rows_given, type_names
from siwei.policy.language.compile import DTYPES
from siwei.policy.language.types import CelType
from siwei.policy.pots.choosing_again import give_ups
from siwei.policy.pots.earlier_awards import EARLIER, PAID, RESERVE, TREASURY, Earlier, EarlierAward
from siwei.policy.pots.pot_events import PotEvent, PotEventKind, PotState, events_of, follow_pot, parts_of
from siwei.policy.pots.share import CLAIM, Shares
from siwei.policy.programmes import Pot, Programme, Returns
from siwei.policy.sharing import sum_exactly
from siwei.policy.sources import subject_types
from siwei.policy.subjects import ID, column_problem

ON, KIND, AMOUNT = "on", "kind", "amount_fen"
OF_FILES = [each for each in PotEventKind if each is not PotEventKind.AWARD]
"""The sharing itself comes from the claims."""
FIX = Said(
    f"columns {ON}, {KIND} ({', '.join(OF_FILES)}), {ID}, {CLAIM} (claim, true_up), {AMOUNT} (fund, claw_back)",
    f"列为 {ON}、{KIND}（{'、'.join(OF_FILES)}）、{ID}、{CLAIM}（claim、true_up）、{AMOUNT}（fund、claw_back）",
)


NEEDED: Mapping[str, Sequence[PotEventKind]] = {
    ID: [each for each in OF_FILES if each is not PotEventKind.FUND],
    CLAIM: [PotEventKind.CLAIM, PotEventKind.TRUE_UP],
    AMOUNT: [PotEventKind.FUND, PotEventKind.CLAW_BACK],
}
"""By column, the kinds of events that cannot do without it: a blank is no 0."""
TYPES: Mapping[str, pl.DataType] = {ON: pl.Date(), KIND: pl.String(), CLAIM: pl.Int64(), AMOUNT: pl.Int64()}


@dataclass(frozen=True)
class Followed:
    """`table` has a row per claim, in the order they came: what is owed on it, what it has, and what a later sharing of
    the same pot counts (`earlier_awards`); then, marked, by how much awards of earlier rounds changed, which comes to
    `earlier_fen` in all."""

    state: PotState
    table: pl.DataFrame
    events: int
    earlier_fen: int = 0

    @property
    def paid_fen(self) -> int:
        """What this sharing's claims and later ones have."""
        return sum_exactly(self.table[PAID]) - self.earlier_fen


@dataclass(frozen=True)
class EventTable:
    """`table` has the columns on, kind, id, claim_fen, amount_fen, and the attributes of later claims that reserves and
    quotas read; `place` is what it is called, `first_row` the number of its first row, as people are told."""

    place: str
    table: pl.DataFrame
    first_row: int


def read_events(source: Path, programme: Programme, attributes: Mapping[str, Attribute]) -> EventTable:
    """Every event has what its kind needs. Raises ImportRefused with what is wrong."""
    types = subject_types(attributes, programme.applies_to)
    frame = read_rows(source, {**type_names(types), **_KINDS})
    return _checked(EventTable(str(source), frame, first_row_of(source)), programme, types)


def events_given(rows: Sequence[Given], programme: Programme, attributes: Mapping[str, Attribute]) -> EventTable:
    """The same of events as a program sends them."""
    types = subject_types(attributes, programme.applies_to)
    frame = rows_given(rows, {**type_names(types), **_KINDS, KIND: "string", ID: "string"}, "events")
    if ID not in frame.columns:  # money that is put in is nobody's
        frame = frame.with_columns(pl.lit(None, pl.String).alias(ID))
    return _checked(EventTable("events", frame, 1), programme, types)


_KINDS = {ON: "date", CLAIM: "int", AMOUNT: "int"}


def _checked(events: EventTable, programme: Programme, types: Mapping[str, CelType]) -> EventTable:
    frame, place = events.table, events.place
    problems = [
        Problem(Said(f"no column {name!r}", f"没有 {name!r} 列"), FIX, place, field=name)
        for name in (ON, KIND, ID) if name not in frame.columns
    ]  # fmt: skip
    read = {name: DTYPES[types[name].kind] for name in programme.pot_attributes if name in types}
    # Of a Parquet file the types are its own; ids may be numbers, as those of claims may.
    ids = {} if ID in frame.columns and frame.schema[ID].is_integer() else {ID: pl.String()}
    for name, dtype in {**read, **TYPES, **ids}.items():
        found = column_problem(name, dtype, frame.schema) if name in frame.columns else None
        problems += [replace(found, file=place)] if found else []
    if problems:
        raise ImportRefused(problems)
    quotas = [] if programme.pot is None else [quota.by for quota in programme.pot.quotas]
    columns = {**read, **TYPES}
    added = [pl.lit(None, dtype).alias(name) for name, dtype in columns.items() if name not in frame.columns]
    frame = frame.with_columns(*added, pl.col(ON).cast(pl.Date), pl.col(KIND, ID).cast(pl.String))
    frame = frame.with_columns(pl.col(CLAIM, AMOUNT).cast(pl.Int64))
    events = replace(events, table=frame)
    problems = _wrong_cells(events, quotas)
    if problems:
        raise ImportRefused(problems)
    return events


def _wrong_cells(events: EventTable, quotas: Sequence[str]) -> list[Problem]:
    frame, place, first_row = events.table, events.place, events.first_row
    problems = []
    for name, wrong in ((ON, pl.col(ON).is_null()), (KIND, ~pl.col(KIND).is_in(OF_FILES).fill_null(False))):
        for row in frame.select(wrong).to_series().arg_true()[:MOST_PROBLEMS]:
            told = Said(f"{frame[name][row]!r} is no {name}", f"{frame[name][row]!r} 不是 {name}")
            problems.append(Problem(told, FIX, place, row + first_row, field=name))
    for name, kinds in {**NEEDED, **{by: [PotEventKind.CLAIM] for by in quotas}}.items():
        cell = pl.col(name)
        wrong = pl.col(KIND).is_in(kinds) & (
            cell.is_null() | (cell < 0 if name in (CLAIM, AMOUNT) else cell.cast(pl.String) == "")
        )
        for row in frame.select(wrong).to_series().arg_true()[:MOST_PROBLEMS]:
            kind, given = frame[KIND][row], frame[name][row]
            told = Said(f"a {kind} needs its {name}", f"{kind} 须写明 {name}")
            if given not in (None, ""):
                told = Said(f"{given} is no {name}", f"{given} 不是 {name}")
            problems.append(Problem(told, FIX, place, row + first_row, field=name))
    return sorted(problems, key=lambda each: each.line or 0)[:MOST_PROBLEMS]


def follow_table(
    programme: Programme, claims: pl.DataFrame, shares: Shares, events: EventTable | None, on: date,
    before: Earlier | None = None,
) -> Followed | None:  # fmt: skip
    """The pot from its sharing on the day `on`, and what was shared before it, through those who then choose again and
    the events of a table; None where there are neither. Raises ImportRefused with the row of the first that cannot be,
    InputError where what claimants have instead is no amount."""
    assert programme.pot is not None
    chosen = give_ups(programme, claims, shares, on)
    if events is None and not chosen:
        return None
    events = events or EventTable("events", pl.DataFrame(schema={ID: pl.String(), **TYPES}), 1)
    later = events.table.filter(pl.col(KIND) == str(PotEventKind.CLAIM))
    named = [name for name in programme.pot_attributes if name in claims.columns]
    everybody = pl.concat(
        [each.select(pl.col(ID).cast(pl.String), *(name for name in named if name in each.columns))
         for each in (claims, later)],
        how="diagonal_relaxed",
    ).unique(ID, keep="first", maintain_order=True)  # fmt: skip
    parts = parts_of(programme, everybody, on)
    followed = [*events_of(shares, on), *chosen, *_events(events)]
    before = None if before is None else _apart(before, everybody[ID])
    try:
        state = follow_pot(
            followed, shares.sharing, programme.pot.payment, programme.pot.returns, parts, before,
            choose_again=programme.pot.choose_again,
        )  # fmt: skip
    except InputError as error:
        raise ImportRefused([replace(each, file=events.place) for each in error.problems]) from None
    earlier = {} if before is None else {id: award for id, award in before.awards.items() if award is not None}
    own = [id for id in state.owed_fen if id not in earlier]
    table = _table(state, own, everybody, programme.pot)
    changes = _changes(state, earlier, programme.pot)
    if changes.height:
        table = pl.concat([table, changes], how="diagonal_relaxed")
    return Followed(state, table, events.table.height, sum_exactly(changes[PAID]))


def _apart(before: Earlier, claims: pl.Series) -> Earlier:
    """Without the awards of ids that claim anew: nothing would say which of the two an event is of."""
    return replace(before, awards={**before.awards, **dict.fromkeys({*claims} & {*before.awards})})


def _events(events: EventTable) -> list[PotEvent]:
    return [
        PotEvent(
            row[ON], PotEventKind(row[KIND]), row[ID] or "", row[CLAIM] or 0, row[AMOUNT] or 0, row=number
        )
        for number, row in enumerate(events.table.iter_rows(named=True), events.first_row)
    ]  # fmt: skip


def _table(state: PotState, ids: Sequence[str], claims: pl.DataFrame, pot: Pot) -> pl.DataFrame:
    out_of = {f"{RESERVE}{id}": [paid.get(each, 0) for each in ids] for id, paid in state.reserved_fen.items()}
    if pot.returns is Returns.TREASURY:
        out_of = {TREASURY: [state.to_treasury_fen.get(each, 0) for each in ids], **out_of}
    owed, paid = [state.owed_fen[each] for each in ids], [state.awarded_fen[each] for each in ids]
    made = pl.DataFrame(
        {ID: ids, CLAIM: owed, PAID: paid, **out_of},
        schema={ID: pl.String, CLAIM: pl.Int64, PAID: pl.Int64, **dict.fromkeys(out_of, pl.Int64)},
    )
    return made.join(claims.select(ID, *(quota.by for quota in pot.quotas)), on=ID, how="left", maintain_order="left")


def _changes(state: PotState, earlier: Mapping[str, EarlierAward], pot: Pot) -> pl.DataFrame:
    """By how much each award of an earlier round changed, marked as such: its own round's file stays as it is. Nothing
    was claimed of it here."""
    to_treasury = state.to_treasury_fen
    rows = [
        {
            ID: id,
            PAID: state.awarded_fen[id] - award.paid_fen,
            **({TREASURY: to_treasury.get(id, 0)} if pot.returns is Returns.TREASURY else {}),
            **{f"{RESERVE}{each}": out_of.get(id, 0) - award.reserves.get(each, 0)
               for each, out_of in state.reserved_fen.items()},
            **award.values,
            EARLIER: True,
        }
        for id, award in earlier.items() if state.awarded_fen[id] != award.paid_fen or to_treasury.get(id)
    ]  # fmt: skip
    return (
        pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame(schema={ID: pl.String, PAID: pl.Int64})
    )

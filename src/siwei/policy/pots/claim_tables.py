"""Claims on a pot and awards of the past, of a file or as a program sends them, read strictly."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, InputError, Problem, Said
from siwei.policy.files.file_words import of_file
from siwei.policy.files.subject_batches import MOST_PROBLEMS
from siwei.policy.files.typed_rows import (
    Given,
    check_ids,
    first_row_of,
    read_rows,
    rows_given,
    type_columns,
    type_names,
)
from siwei.policy.language.compile import DTYPES
from siwei.policy.language.types import CelType
from siwei.policy.pots.earlier_awards import EARLIER, PAID, RESERVE, TREASURY, Earlier, add_earlier, count_earlier
from siwei.policy.pots.share import APPLIED_AT, CLAIM, SCORE
from siwei.policy.programmes import Pot, Programme, Returns
from siwei.policy.sharing import INSTEAD
from siwei.policy.sources import subject_types
from siwei.policy.subjects import ID, column_problem

AWARD, KEPT, HELD = "award_fen", "kept_fen", "held_fen"


def claims_given(rows: Sequence[Given], programme: Programme, attributes: Mapping[str, Attribute]) -> pl.DataFrame:
    """Claims as a program sends them, as `share_pot` takes them: `id`, `claim_fen`, and what the pot is shared by.
    Raises ImportRefused with the rows and names that are wrong."""
    kinds = type_names(subject_types(attributes, programme.applies_to))
    kinds |= {ID: "string", CLAIM: "int", APPLIED_AT: "moment", SCORE: "number", INSTEAD: "int"}
    told = [{name: value for name, value in row.items() if value is not None} for row in rows]
    claims = rows_given(told, kinds, "claims")
    check_ids(claims, Path("claims"), first_row=1)
    return claims


def typed_order(claims: pl.DataFrame, source: Path) -> pl.DataFrame:
    """`applied_at` and `score` of a table, where they are there as text, as `share_pot` takes them. Raises
    ImportRefused."""
    kinds = {APPLIED_AT: "moment", SCORE: "number"}
    return type_columns(
        claims, {name: kind for name, kind in kinds.items() if claims.schema.get(name) == pl.String}, source
    )


def read_claims(source: Path, programme: Programme, attributes: Mapping[str, Attribute]) -> tuple[pl.DataFrame, int]:
    """The claims on a programme's pot, as `share_pot` takes them, and how many rows are none.

    `claim_fen` may be called `award_fen`, as `siwei policy decide` writes it: then rows of another `programme` are
    passed over, and of those of this one only what is `eligible` with a known amount is a claim. Or `kept_fen`, as
    `siwei policy combine` writes it: then what is kept is claimed, less what is held of it already.
    """
    types = subject_types(attributes, programme.applies_to)
    kinds = {name: kind.kind for name, kind in types.items()}
    kinds |= dict.fromkeys((CLAIM, AWARD, KEPT, HELD, INSTEAD), "int")
    frame = read_rows(source, {**kinds, APPLIED_AT: "moment", SCORE: "number"})
    if CLAIM not in frame.columns and AWARD in frame.columns:
        frame = frame.rename({AWARD: CLAIM})
    amounts = [frame.schema.get(name) for name in (KEPT, HELD)]
    is_combined = CLAIM not in frame.columns and all(dtype is not None and dtype.is_integer() for dtype in amounts)
    if is_combined:
        frame = frame.with_columns(_newly_kept(frame, source).alias(CLAIM))
    for column in (ID, CLAIM):
        if column not in frame.columns:
            fix = Said(
                "claims have columns id, claim_fen (award_fen, kept_fen and held_fen), and what the pot is shared by",
                "申报表有列 id、claim_fen（award_fen、kept_fen 与 held_fen），以及分配所依据的列",
            )
            raise ImportRefused([Problem(*of_file("no_column", name=column, fix=fix), str(source))])
    check_ids(frame, source, first_row_of(source))
    if "programme" in frame.columns:
        frame = frame.filter(pl.col("programme").cast(pl.String) == programme.id)
    rows = frame.height
    if "verdict" in frame.columns:
        frame = frame.filter(pl.col("verdict").cast(pl.String) == "eligible", pl.col(CLAIM).is_not_null())
    if is_combined:
        frame = frame.filter(pl.col(CLAIM) > 0)
    return frame, rows - frame.height


def _newly_kept(frame: pl.DataFrame, source: Path) -> pl.Series:
    """Of what is kept what was not held before; in 128 bits, so that nothing wraps."""
    problems = [
        Problem(
            Said(f"{frame[name][row]} is less than nothing", f"{frame[name][row]} 小于零"),
            Said("give fen, 0 or more", "请以分为单位写不小于 0 的数"),
            str(source),
            row + first_row_of(source),
            field=name,
        )
        for name in (KEPT, HELD) for row in (frame[name] < 0).arg_true()[:MOST_PROBLEMS]
    ]  # fmt: skip
    if problems:
        raise ImportRefused(problems[:MOST_PROBLEMS])
    return frame[KEPT].cast(pl.Int128) - frame[HELD].cast(pl.Int128)


def read_earlier(
    sources: Sequence[Path], programme: Programme, attributes: Mapping[str, Attribute], budget_fen: int | None
) -> Earlier:
    """What files of earlier awards of the programme's pot, one for each round (as `siwei policy share` wrote them,
    `paid_fen` lowered by what came back), took of the period's budget. Raises ImportRefused, InputError."""
    pot, budget = _period(programme, budget_fen)
    files = [source.resolve() for source in sources]
    twice = next((source for place, source in enumerate(sources) if files[place] in files[:place]), None)
    if twice is not None:
        told = Said("is given twice: its awards would count twice", "给出了两次：其中的扶持会被计两次")
        raise ImportRefused([Problem(told, Said("give each round's file once", "每轮的文件只给一次"), str(twice))])
    types = subject_types(attributes, programme.applies_to)
    kinds = _kinds_earlier(pot, types)
    return add_earlier([
        _count_round(read_rows(source, kinds), str(source), first_row_of(source), pot, types, budget)
        for source in sources
    ])  # fmt: skip


def earlier_given(
    rounds: Sequence[Sequence[Given]], programme: Programme, attributes: Mapping[str, Attribute],
    budget_fen: int | None,
) -> Earlier:  # fmt: skip
    """The same of awards as a program sends them, a list for each round, one at least. Raises as `read_earlier`."""
    pot, budget = _period(programme, budget_fen)
    types = subject_types(attributes, programme.applies_to)
    kinds = _kinds_earlier(pot, types) | _SHARED
    return add_earlier([
        _count_round(rows_given(rows, kinds, place), place, 1, pot, types, budget)
        for place, rows in ((f"earlier[{number}]", rows) for number, rows in enumerate(rounds, 1))
    ])  # fmt: skip


_SHARED = {ID: "string", CLAIM: "int", "reserved_fen": "int", "rank": "int", "bound_by": "string"}
"""What a sharing tells of its claims besides: its answer is sent back as it came."""


def _period(programme: Programme, budget_fen: int | None) -> tuple[Pot, int]:
    """The pot and the whole budget of its period."""
    pot = programme.pot
    budget = pot.budget_fen if pot and budget_fen is None else budget_fen
    if pot is None or budget is None:
        fix = Said("give the period's whole budget", "请填本期的全部预算")
        raise InputError([Problem(Said("no budget to count earlier awards in", "没有可计入此前扶持的预算"), fix)])
    return pot, budget


def _kinds_earlier(pot: Pot, types: Mapping[str, CelType]) -> dict[str, str]:
    amounts = [PAID, TREASURY, *(f"{RESERVE}{reserve.id}" for reserve in pot.reserves)]
    return {**type_names(types), **dict.fromkeys(amounts, "int"), EARLIER: "bool"}


def _count_round(
    frame: pl.DataFrame, place: str, first_row: int, pot: Pot, types: Mapping[str, CelType], budget_fen: int
) -> Earlier:
    problems = []
    if pot.returns is Returns.TREASURY and TREASURY not in frame.columns:
        told = Said(f"earlier awards have no column {TREASURY!r}", f"此前的扶持没有 {TREASURY!r} 列")
        fix = Said(
            "add it: `siwei policy share` writes it; what came back of each award and went to the treasury, or 0",
            "请补上：`siwei policy share` 会写出它；即每项扶持退回并缴入财政的金额，没有则为 0",
        )
        problems.append(Problem(told, fix, field=TREASURY))
    for quota in pot.quotas:
        # A district that is a number in one file and a text in another would have two quotas.
        dtype = DTYPES[types[quota.by].kind] if quota.by in types and quota.by in frame.columns else None
        found = None if dtype is None else column_problem(quota.by, dtype, frame.schema)
        problems += [found] if found else []
    try:
        if problems:
            raise InputError(problems)
        return count_earlier(pot, frame, budget_fen, first_row)
    except InputError as error:
        raise InputError([replace(each, file=place) for each in error.problems]) from None

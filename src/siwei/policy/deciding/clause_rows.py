"""Every award and the verdict of every clause as rows for a file: subject after subject, and of each its programmes and
their clauses in their order.

`Decisions.awards` and `Decisions.clauses` say the same programme after programme and clause after clause; putting that
in the order of subjects costs more than making it.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from siwei.policy.decide import (
    CLAUSE_VERDICTS,
    VERDICTS,
    Decisions,
    award_column,
    clause_column,
    verdict_column,
    waiting,
)
from siwei.policy.subjects import ID

MOST_ROWS = 250_000
"""Made at once. A subject gives one for every clause: of many they would be most of what is held."""
Numbers = npt.NDArray[np.int64]


def award_rows(decisions: Decisions) -> pl.DataFrame:
    """A frame with the columns and types of `Decisions.awards`."""
    names, wide = [programme.id for programme in decisions.programmes], decisions.wide
    if not names:
        return decisions.awards
    # Amounts are not made NumPy's: there a null turns all of them into doubles.
    amounts = pl.concat([wide[award_column(name)].alias("award_fen") for name in names])
    by_subject = np.arange(amounts.len()).reshape(len(names), wide.height).T.ravel()
    verdicts = pl.Enum([str(verdict) for verdict in VERDICTS])
    codes = np.column_stack([wide[verdict_column(name)].to_numpy() for name in names])
    return pl.DataFrame(
        {
            ID: wide[ID].gather(np.arange(wide.height).repeat(len(names))),
            "programme": _again(names, pl.Enum(names), wide.height),
            "verdict": pl.Series(codes.ravel()).cat.to(verdicts),
            "award_fen": amounts.gather(by_subject),
        }
    )


def clause_rows(decisions: Decisions) -> Iterator[pl.DataFrame]:
    """Frames with the columns and types of `Decisions.clauses`."""
    clauses = [(programme, clause) for programme in decisions.programmes for clause in programme.clauses]
    if not clauses:
        return
    programmes = pl.Enum([programme.id for programme in decisions.programmes])
    names = pl.Enum(sorted({clause.id for _, clause in clauses}))
    verdicts = pl.Enum([str(verdict) for verdict in CLAUSE_VERDICTS])
    columns = [clause_column(programme.id, clause.id) for programme, clause in clauses]
    for wide in decisions.wide.iter_slices(max(1, MOST_ROWS // len(clauses))):
        subjects = np.arange(wide.height).repeat(len(clauses))
        codes = np.column_stack([wide[name].to_numpy() for name in columns])
        yield pl.DataFrame(
            {
                ID: wide[ID].gather(subjects),
                "programme": _again([programme.id for programme, _ in clauses], programmes, wide.height),
                "clause": _again([clause.id for _, clause in clauses], names, wide.height),
                "verdict": pl.Series(codes.ravel()).cat.to(verdicts),
                "missing": _missing(decisions, wide, codes),
            }
        )


def _again(values: list[str], dtype: pl.Enum, times: int) -> pl.Series:
    codes = pl.Series(values, dtype=dtype).to_physical().to_numpy()
    return pl.Series(np.tile(codes, times)).cat.to(dtype)


def _missing(decisions: Decisions, wide: pl.DataFrame, codes: npt.NDArray[np.uint8]) -> pl.Series:
    """Lists of names by their offsets. Few combinations occur; the names of each are written down once."""
    which = np.zeros(codes.shape, dtype=np.int64)
    combinations: list[list[str]] = [[]]
    clauses = [(programme, clause) for programme in decisions.programmes for clause in programme.clauses]
    for place, (programme, clause) in enumerate(clauses):
        unknown, waits_for, found = waiting(wide, programme, clause)
        which[unknown, place] = len(combinations) + waits_for
        combinations += found
    lengths = np.array([len(each) for each in combinations])
    firsts = lengths.cumsum() - lengths
    rows = which.ravel()
    offsets = np.concatenate(([0], lengths[rows].cumsum()))
    told = rows[rows > 0]
    # The places of every list's names, one after the other: where it begins, and how far along each name stands.
    along = np.arange(offsets[-1]) - np.repeat(lengths[told].cumsum() - lengths[told], lengths[told])
    names = pl.Series([name for each in combinations for name in each], dtype=pl.String)
    flat = names.gather(np.repeat(firsts[told], lengths[told]) + along)
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(offsets, flat.to_arrow())))

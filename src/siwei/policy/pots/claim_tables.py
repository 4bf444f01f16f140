"""Claims, awards of the past and ties of a file, or as a program sends them, read strictly."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, InputError, Problem, Said, said_between
from siwei.policy.bounded import check_plain
from siwei.policy.files.file_words import no_attribute, of_file
from siwei.policy.files.reject_words import is_halved, reason
from siwei.policy.files.subject_batches import MOST_PROBLEMS, UNSEEN
from siwei.policy.files.subject_files import UNREADABLE, check_columns, open_subjects, refused_file
from siwei.policy.language.compile import DTYPES
from siwei.policy.language.types import CelType
from siwei.policy.pots.earlier_awards import EARLIER, PAID, RESERVE, TREASURY, Earlier, add_earlier, count_earlier
from siwei.policy.pots.share import APPLIED_AT, CLAIM, SCORE
from siwei.policy.programmes import Pot, Programme, Returns
from siwei.policy.sources import subject_types
from siwei.policy.subjects import ID, column_problem

AWARD = "award_fen"
MEND = Said("mend it", "请改正")
KINDS = Said(".csv, .csv.gz nor .parquet", ".csv、.csv.gz，也不是 .parquet")
_TEXT = {
    "int": Said("a whole number within 64 bits", " 64 位以内的整数"), "bool": Said("true or false", " true 或 false"),
    "date": Said("YYYY-MM-DD", "日期 YYYY-MM-DD"), "number": Said("a number", "数"),
}  # fmt: skip
_MOMENT = Said("a date, a time or a number, all in one form", "日期、时刻或数，且写法一致")


def read_rows(source: Path, kinds: Mapping[str, str]) -> pl.DataFrame:
    """CSV, CSV.GZ or Parquet; the columns named in `kinds` (string, int, bool, date, number, moment) are typed, the
    others stay text. Empty is null. Raises ImportRefused with the rows and columns that are wrong."""
    name = source.name.lower()
    try:
        check_plain(source)
        if name.endswith(".parquet"):
            check_columns(source)
            return pl.read_parquet(source)
        if name.endswith((".csv", ".csv.gz")):
            open_subjects(source)  # says of the file's encoding and header what `decide` says
            text = pl.read_csv(source, infer_schema=False, encoding="utf8", raise_if_empty=True)
            return _typed(text, kinds, source)
    except FileNotFoundError:
        raise ImportRefused([Problem(*of_file("no_file"), str(source))]) from None
    except UNREADABLE as error:
        raise refused_file(source, error) from None
    raise ImportRefused([Problem(*of_file("kind", kinds=KINDS), str(source))])


Given = Mapping[str, int | float | bool | str | None]


def rows_given(rows: Sequence[Given], kinds: Mapping[str, str], place: str) -> pl.DataFrame:
    """Rows as a program sends them, typed as `read_rows` types a file's; `place` is what they are called. A name that
    is not of `kinds` is refused, since misspelt it would be a column that nobody has; a cell without a value is empty.
    Raises ImportRefused with the rows, from 1, and the names that are wrong."""
    names = dict.fromkeys(name for row in rows for name in row)
    unknown = [name for name in names if name not in kinds]
    if unknown:
        raise ImportRefused(
            [Problem(*no_attribute(name, kinds), place, field=name[:80]) for name in unknown[:MOST_PROBLEMS]]
        )
    cells = {name: [_cell(row.get(name)) for row in rows] for name in names}
    halved = [(row, name) for name, column in cells.items() for row, cell in enumerate(column, 1) if is_halved(cell)]
    if halved:
        words = reason("no_unicode")
        raise ImportRefused([Problem(words, MEND, place, row, field=name) for row, name in halved[:MOST_PROBLEMS]])
    return _typed(pl.DataFrame(cells, dict.fromkeys(names, pl.String)), kinds, Path(place), first_row=1)


def claims_given(rows: Sequence[Given], programme: Programme, attributes: Mapping[str, Attribute]) -> pl.DataFrame:
    """Claims as a program sends them, as `share_pot` takes them: `id`, `claim_fen`, and what the pot is shared by.
    Raises ImportRefused with the rows and names that are wrong."""
    kinds = type_names(subject_types(attributes, programme.applies_to))
    kinds |= {ID: "string", CLAIM: "int", APPLIED_AT: "moment", SCORE: "number"}
    told = [{name: value for name, value in row.items() if value is not None} for row in rows]
    claims = rows_given(told, kinds, "claims")
    _check_ids(claims, Path("claims"), first_row=1)
    return claims


def _check_ids(frame: pl.DataFrame, source: Path, first_row: int) -> None:
    if ID not in frame.columns or frame.schema[ID] != pl.String:
        return
    wrong = frame[ID].str.contains(UNSEEN).fill_null(False).arg_true()[:MOST_PROBLEMS]
    words, file = reason("control_in_id"), str(source)
    problems = [
        Problem(said_between(f"{frame[ID][row][:80]!r}: ", words), MEND, file, row + first_row, field=ID)
        for row in wrong
    ]
    if problems:
        raise ImportRefused(problems)


def typed_order(claims: pl.DataFrame, source: Path) -> pl.DataFrame:
    """`applied_at` and `score` of a table, where they are there as text, as `share_pot` takes them. Raises
    ImportRefused."""
    kinds = {APPLIED_AT: "moment", SCORE: "number"}
    return _typed(claims, {name: kind for name, kind in kinds.items() if claims.schema.get(name) == pl.String}, source)


def _cell(value: int | float | bool | str | None) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None if value is None or value == "" else str(value)


def _typed(text: pl.DataFrame, kinds: Mapping[str, str], source: Path, first_row: int = 2) -> pl.DataFrame:
    wanted = {name: kind for name, kind in kinds.items() if name in text.columns and kind != "string"}
    typed = text.with_columns(_cast(text[name], kind).alias(name) for name, kind in wanted.items())
    problems: list[Problem] = []
    for name, kind in wanted.items():
        wrong = text[name].is_not_null() & typed[name].is_null()
        for row in wrong.arg_true()[: MOST_PROBLEMS - len(problems)]:
            expected = _TEXT.get(kind, _MOMENT)
            # In a file the header is line 1.
            place = row + first_row
            problems.append(
                Problem(*of_file("not_kind", value=text[name][row], kind=expected), str(source), place, field=name)
            )
    if problems:
        raise ImportRefused(problems)
    return typed


def _cast(column: pl.Series, kind: str) -> pl.Series:
    match kind:
        case "int":
            canonical = column.str.contains(r"^(0|-?[1-9][0-9]*)$")
            return column.set(~canonical, None).cast(pl.Int64, strict=False)
        case "bool":
            return column.replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
        case "date":
            return column.str.to_date("%Y-%m-%d", strict=False)
        case "number":
            whole = column.cast(pl.Int64, strict=False)
            number = column.cast(pl.Float64, strict=False)
            return whole if whole.null_count() == column.null_count() else number.set(~number.is_finite(), None)
        case _:
            return _moment(column)


def _moment(column: pl.Series) -> pl.Series:
    """Days, times of one form with or without a zone, or whole numbers: whichever every cell is."""
    forms = [
        column.str.to_date("%Y-%m-%d", strict=False),
        column.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", strict=False, time_unit="us", time_zone="UTC"),
        column.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us"),
        column.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us"),
        column.cast(pl.Int64, strict=False),
    ]
    return min(forms, key=lambda form: form.null_count())


def read_claims(source: Path, programme: Programme, attributes: Mapping[str, Attribute]) -> tuple[pl.DataFrame, int]:
    """The claims on a programme's pot, as `share_pot` takes them, and how many rows are none.

    `claim_fen` may be called `award_fen`, as `siwei policy decide` writes it: then rows of another `programme` are
    passed over, and of those of this one only what is `eligible` with a known amount is a claim.
    """
    types = subject_types(attributes, programme.applies_to)
    kinds = {name: kind.kind for name, kind in types.items()}
    frame = read_rows(source, {**kinds, CLAIM: "int", AWARD: "int", APPLIED_AT: "moment", SCORE: "number"})
    if CLAIM not in frame.columns and AWARD in frame.columns:
        frame = frame.rename({AWARD: CLAIM})
    for column in (ID, CLAIM):
        if column not in frame.columns:
            fix = Said(
                "claims have columns id, claim_fen (or award_fen), and what the pot is shared by",
                "申报表有列 id、claim_fen（或 award_fen），以及分配所依据的列",
            )
            raise ImportRefused([Problem(*of_file("no_column", name=column, fix=fix), str(source))])
    _check_ids(frame, source, first_row_of(source))
    if "programme" in frame.columns:
        frame = frame.filter(pl.col("programme").cast(pl.String) == programme.id)
    rows = frame.height
    if "verdict" in frame.columns:
        frame = frame.filter(pl.col("verdict").cast(pl.String) == "eligible", pl.col(CLAIM).is_not_null())
    return frame, rows - frame.height


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


def first_row_of(source: Path) -> int:
    """The number of its first row as people are told: in a CSV the header is line 1."""
    return 1 if source.suffix.lower() == ".parquet" else 2


def type_names(types: Mapping[str, CelType]) -> dict[str, str]:
    return {name: each.kind for name, each in types.items()}

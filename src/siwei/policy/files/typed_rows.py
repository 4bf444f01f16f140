"""Rows with typed columns, of a file or as a program sends them, read strictly: one wrong cell refuses them all, with
its place."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from siwei.errors import ImportRefused, Problem, Said, said_between
from siwei.policy.bounded import check_plain
from siwei.policy.files.file_words import no_attribute, of_file
from siwei.policy.files.reject_words import is_halved, reason
from siwei.policy.files.subject_batches import MOST_PROBLEMS, UNSEEN
from siwei.policy.files.subject_files import UNREADABLE, check_columns, open_subjects, refused_file
from siwei.policy.language.types import CelType
from siwei.policy.subjects import ID

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
            return type_columns(text, kinds, source)
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
    return type_columns(pl.DataFrame(cells, dict.fromkeys(names, pl.String)), kinds, Path(place), first_row=1)


def check_ids(frame: pl.DataFrame, source: Path, first_row: int) -> None:
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


def _cell(value: int | float | bool | str | None) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None if value is None or value == "" else str(value)


def type_columns(text: pl.DataFrame, kinds: Mapping[str, str], source: Path, first_row: int = 2) -> pl.DataFrame:
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


def first_row_of(source: Path) -> int:
    """The number of its first row as people are told: in a CSV the header is line 1."""
    return 1 if source.suffix.lower() == ".parquet" else 2


def type_names(types: Mapping[str, CelType]) -> dict[str, str]:
    return {name: each.kind for name, each in types.items()}

"""Read claims, awards of the past and ties from a file, strictly."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, InputError, Problem, Said, said_between
from siwei.policy.bounded import check_plain
from siwei.policy.earlier_awards import EARLIER, PAID, RESERVE, TREASURY, Earlier, add_earlier, count_earlier
from siwei.policy.file_words import of_file
from siwei.policy.language.compile import DTYPES
from siwei.policy.language.types import CelType
from siwei.policy.pots import APPLIED_AT, CLAIM, SCORE
from siwei.policy.programmes import Pot, Programme, Returns
from siwei.policy.reject_words import is_halved, reason
from siwei.policy.sources import subject_types
from siwei.policy.subject_batches import MOST_PROBLEMS, UNSEEN
from siwei.policy.subject_files import UNREADABLE, check_columns, open_subjects, refused_file
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


def claims_given(
    rows: Sequence[Mapping[str, int | float | bool | str | None]],
    programme: Programme,
    attributes: Mapping[str, Attribute],
) -> pl.DataFrame:
    """Claims as a program sends them, as `share_pot` takes them: `id`, `claim_fen`, and what the pot is shared by.
    Raises ImportRefused with the rows and names that are wrong."""
    kinds = type_names(subject_types(attributes, programme.applies_to))
    kinds |= {ID: "string", CLAIM: "int", APPLIED_AT: "moment", SCORE: "number"}
    names = dict.fromkeys(name for row in rows for name, value in row.items() if value is not None)
    unknown = [name for name in names if name not in kinds]
    if unknown:
        raise ImportRefused(
            [Problem(*of_file("no_attribute", name=name[:80]), "claims", field=name) for name in unknown]
        )
    cells = {name: [_cell(row.get(name)) for row in rows] for name in names}
    halved = [(row, name) for name, column in cells.items() for row, cell in enumerate(column, 1) if is_halved(cell)]
    if halved:
        words = reason("no_unicode")
        raise ImportRefused([Problem(words, MEND, "claims", row, field=name) for row, name in halved[:MOST_PROBLEMS]])
    text = pl.DataFrame(cells, dict.fromkeys(names, pl.String))
    _check_ids(text, Path("claims"), first_row=1)
    return _typed(text, kinds, Path("claims"), first_row=1)


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
    _check_ids(frame, source, 1 if source.suffix == ".parquet" else 2)
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
    pot = programme.pot
    budget = pot.budget_fen if pot and budget_fen is None else budget_fen
    if pot is None or budget is None:
        fix = Said("give the period's whole budget", "请填本期的全部预算")
        raise InputError([Problem(Said("no budget to count earlier awards in", "没有可计入此前扶持的预算"), fix)])
    files = [source.resolve() for source in sources]
    twice = next((source for place, source in enumerate(sources) if files[place] in files[:place]), None)
    if twice is not None:
        told = Said("is given twice: its awards would count twice", "给出了两次：其中的扶持会被计两次")
        raise ImportRefused([Problem(told, Said("give each round's file once", "每轮的文件只给一次"), str(twice))])
    return add_earlier([_read_round(source, programme, pot, attributes, budget) for source in sources])


def _read_round(
    source: Path, programme: Programme, pot: Pot, attributes: Mapping[str, Attribute], budget_fen: int
) -> Earlier:
    types = subject_types(attributes, programme.applies_to)
    kinds = {**type_names(types), **dict.fromkeys((PAID, TREASURY), "int"), EARLIER: "bool"}
    kinds |= {f"{RESERVE}{reserve.id}": "int" for reserve in pot.reserves}
    frame = read_rows(source, kinds)
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
        return count_earlier(pot, frame, budget_fen)
    except InputError as error:
        raise InputError([replace(each, file=str(source)) for each in error.problems]) from None


def type_names(types: Mapping[str, CelType]) -> dict[str, str]:
    return {name: each.kind for name, each in types.items()}

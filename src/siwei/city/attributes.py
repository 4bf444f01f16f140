"""What can be known of a subject: the attributes a pack declares, their types, and their values as canonical text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

import polars as pl

from siwei.city.cells import shown
from siwei.city.pack_csv import read_csv_table
from siwei.city.pack_files import MAX_CSV_BYTES, read_pack_file
from siwei.city.rows import AttributeRow, Row
from siwei.city.tables import TABLES_BY_ID, check_unique, parse_rows
from siwei.errors import InputError, PackError, Problem, Said

DTYPES: Mapping[str, pl.DataType] = MappingProxyType(
    {"int": pl.Int64(), "bool": pl.Boolean(), "date": pl.Date(), "string": pl.String()}
)
INT64 = 2**63
Value = int | bool | date | str


@dataclass(frozen=True, slots=True)
class Attribute:
    """`type` is int, bool, date or string; `unit` is fen, minor, people, item or None; `period` is "year" or empty."""

    id: str
    subject: str
    type: str
    unit: str | None
    name_zh: str
    name_en: str
    public: bool
    changeable: bool
    period: str
    meaning_zh: str
    meaning_en: str
    source: str | None
    as_of: date | None
    verified: bool

    @property
    def dtype(self) -> pl.DataType:
        return DTYPES[self.type]


def load_attributes(directory: Path, *, today: date | None = None) -> dict[str, Attribute]:
    """The attributes of the pack by id, in the order of the file. Raises PackError with every problem."""
    table = TABLES_BY_ID["attributes"]
    file = read_pack_file(Path(directory), table.path, MAX_CSV_BYTES)
    if file.text is None:
        raise PackError(file.problems)
    csv_table = read_csv_table(file.text, file.name, table.columns, table.required_columns)
    parsed, problems = parse_rows(table, csv_table, file.name, today or date.today())  # noqa: DTZ011  (the reader's day)
    problems = [*csv_table.problems, *problems, *check_unique(parsed)]
    if problems:
        raise PackError(problems)
    return attributes_of(parsed.rows)


def attributes_of(rows: tuple[Row, ...]) -> dict[str, Attribute]:
    return {row.id: Attribute(**row.model_dump()) for row in rows if isinstance(row, AttributeRow)}


def parse_value(attribute: Attribute, text: str) -> Value:
    """Canonical text → value: base-10 integers within 64 bits, `true`/`false`, ISO dates. Raises InputError."""
    try:
        if attribute.type == "string":
            return text
        if attribute.type == "bool":
            return {"true": True, "false": False}[text]
        if attribute.type == "date" and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
        if attribute.type == "int" and re.fullmatch(r"0|-?[1-9][0-9]{0,18}", text) and -INT64 <= int(text) < INT64:
            return int(text)
    except (ValueError, KeyError):
        pass
    forms = {
        "int": Said("a whole number within 64 bits", "64 位以内的整数"),
        "bool": Said("true or false", "true 或 false"),
        "date": Said("a date YYYY-MM-DD", "日期 YYYY-MM-DD"),
    }
    form = forms.get(attribute.type, Said("text", "文字"))
    raise InputError(
        [
            Problem(
                Said(f"{shown(text)} is not {form}", f"{shown(text)} 不是{form.zh}"),
                Said("write it so", "请照此书写"),
                field=attribute.id,
            )
        ]
    )


def canonical_text(value: Value) -> str:
    """Value → the one text a fact keeps it as."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def typed_expression(attribute: Attribute, text: pl.Expr) -> pl.Expr:
    """Canonical text → the attribute's dtype, column-wise; text that is not canonical becomes null."""
    if attribute.type == "string":
        return text
    if attribute.type == "bool":
        return pl.when(text == "true").then(True).when(text == "false").then(False)
    if attribute.type == "date":
        return text.str.to_date("%Y-%m-%d", strict=False)
    return text.cast(pl.Int64, strict=False)

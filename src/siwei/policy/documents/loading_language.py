"""What the expressions of a programme stand on: the units of what they read, its tables, the pack's size classes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

from siwei.city.attributes import Attribute
from siwei.city.pack_csv import read_csv_table
from siwei.city.pack_yaml import KeyPath
from siwei.errors import PolicyError, Problem
from siwei.policy.bounded import read_bounded
from siwei.policy.documents.document import ProgrammeDocument
from siwei.policy.documents.document_tables import BandDocument, TableDocument
from siwei.policy.documents.loading_money import citation_of, text_of
from siwei.policy.language.bands import (
    MOST_BANDS,
    Band,
    BandTable,
    find_band_problems,
    limit_name,
    make_dated_table,
    result_name,
)  # fmt: skip
from siwei.policy.language.size_classes import CLASSES, MEASURES, SizeClasses, SizeRow
from siwei.policy.language.types import INT64_MAX
from siwei.policy.pack_words import refused
from siwei.policy.programmes import Table
from siwei.policy.sources import AWARD_UNITS

SIZE_CLASSES = "size_classes.csv"
_COLUMNS = ("industry", "name_zh", "name_en", "size", *MEASURES, "source", "as_of", "verified")
_MAIN_INDUSTRIES = "main_industries"
"""May be absent: values of the fact `main_industry` that an industry stands for, separated by spaces."""
MOST_BYTES = 256 * 1024


def units_of(document: ProgrammeDocument, attributes: Mapping[str, Attribute]) -> dict[str, str | None]:
    """By name as expressions read it: attributes, columns of awards, aggregates and `p.<parameter>`."""
    units: dict[str, str | None] = {name: each.unit for name, each in attributes.items()}
    units |= AWARD_UNITS
    units |= {name: aggregate.unit for name, aggregate in document.aggregates.items()}
    units |= {f"p.{name}": parameter.unit for name, parameter in document.parameters.items()}
    for name, table in document.tables.items():
        size = MOST_BANDS + 1 if table.values else 0
        units |= {f"p.{limit_name(name, place)}": table.value_unit for place in range(size - 1)}
        units |= {f"p.{result_name(name, place)}": table.result_unit for place in range(size)}
    return units


def unit_needed(document: ProgrammeDocument, path: KeyPath) -> str | None:
    """The unit that the expression at a place of the file must give; None where any will do."""
    match path:
        case ("award", _) | ("limits", _, "at_most"):
            return "fen"
        case ("voucher", "rate"):
            return "basis_point"
        case ("aggregates", str(name), "sum" | "greatest") if name in document.aggregates:
            return document.aggregates[name].unit
    return None


def band_tables(
    document: ProgrammeDocument, complain: Callable[[KeyPath, str, str], None]
) -> tuple[dict[str, BandTable], tuple[Table, ...]]:
    """The tables as expressions read them, and as people do."""
    made, shown = {}, []
    for name, table in document.tables.items():
        read = _versions(name, table)
        right = True
        for path, _, bands in read:
            for place, message in find_band_problems(bands):
                complain((*path, place), *refused("bands", problem=message))
                right = False
        if right:
            units = table.value_unit, table.result_unit
            dated = make_dated_table([(start, bands) for _, start, bands in read], *units)
            made[name] = dated if table.values is not None else replace(dated, later=())
            shown.append(Table(name, made[name], text_of(table.words), citation_of(table.citation)))
    return made, tuple(shown)


def _versions(name: str, table: TableDocument) -> list[tuple[KeyPath, date, list[Band]]]:
    """Where its bands stand in the file, from which day they hold, and themselves."""
    if table.values is None:
        return [(("tables", name, "bands"), date.min, _bands(table.bands or []))]
    return [
        (("tables", name, "values", index, "bands"), value.start or date.min, _bands(value.bands))
        for index, value in enumerate(table.values)
    ]


def _bands(written: Sequence[BandDocument]) -> list[Band]:
    return [Band(band.result, band.from_, band.above, band.to, band.below) for band in written]


def load_size_classes(directory: Path) -> SizeClasses | None:
    """`size_classes.csv` beside the programmes; None where there is none. Raises PolicyError with every problem."""
    path = directory / SIZE_CLASSES
    if not path.is_file():
        return None
    content = read_bounded(path, MOST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PolicyError([Problem(*refused("no_utf8"), str(path))]) from None
    if len(content) > MOST_BYTES:
        raise PolicyError([Problem(*refused("sizes_large", most=MOST_BYTES // 1024), str(path))])
    table = read_csv_table(text, str(path), (*_COLUMNS, _MAIN_INDUSTRIES), _COLUMNS)
    reader = _SizeReader(str(path))
    for row in table.rows:
        reader.add(row.line, row.cells)
    return reader.finish(list(table.problems))


class _SizeReader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.thresholds: dict[str, dict[str, dict[str, int]]] = {}
        self.about: dict[str, tuple[str | None, date | None, bool]] = {}
        self.named: dict[str, tuple[str, str, tuple[str, ...]]] = {}

    def add(self, line: int, cells: Mapping[str, str]) -> None:
        industry, size = cells["industry"], cells["size"]
        if not industry:
            self._complain("size_industry", line, "industry")
        if size not in CLASSES:
            self._complain("size_unknown", line, "size", size=size, known=", ".join(CLASSES))
        least = {measure: self._whole(cells[measure], line, measure) for measure in MEASURES if cells[measure]}
        if not least:
            self._complain("size_no_threshold", line, "size", known=", ".join(MEASURES))
        sizes = self.thresholds.setdefault(industry, {})
        if size in sizes:
            self._complain("size_twice", line, "size", industry=industry, size=size)
        sizes[size] = least
        try:
            as_of = date.fromisoformat(cells["as_of"]) if cells["as_of"] else None
        except ValueError:
            self._complain("size_day", line, "as_of", text=cells["as_of"])
            as_of = None
        if cells["verified"] not in ("true", "false"):
            self._complain("size_verified", line, "verified", text=cells["verified"])
        self.named[industry] = (
            cells["name_zh"], cells["name_en"], tuple(cells.get(_MAIN_INDUSTRIES, "").split()),
        )  # fmt: skip
        _, _, verified = self.about.get(industry, (None, None, True))
        self.about[industry] = (cells["source"] or None, as_of, verified and cells["verified"] == "true")

    def finish(self, problems: list[Problem]) -> SizeClasses:
        for industry, sizes in self.thresholds.items():
            missing = [size for size in CLASSES if size not in sizes]
            if missing:
                self._complain("size_missing", None, "size", industry=industry, sizes=", ".join(missing))
                continue
            for upper, lower in pairwise(CLASSES):
                for measure in sizes[upper]:
                    if sizes[upper][measure] < sizes[lower].get(measure, 0):
                        values = {"industry": industry, "upper": upper, "lower": lower, "measure": measure}
                        self._complain("size_order", None, measure, **values)
        if problems or self.problems:
            raise PolicyError([*problems, *self.problems])
        rows = {
            name: SizeRow(name, sizes, *self.about[name], *self.named[name]) for name, sizes in self.thresholds.items()
        }
        return SizeClasses(rows)

    def _whole(self, text: str, line: int, measure: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 18 and int(text) <= INT64_MAX:
            return int(text)
        self._complain("size_not_whole", line, measure, text=text, unit=MEASURES[measure])
        return 0

    def _complain(self, kind: str, line: int | None, field: str, **values: object) -> None:
        self.problems.append(Problem(*refused(kind, **values), self.file, line, field=field))

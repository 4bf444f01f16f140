"""One file's text cells to clean rows: names, codes, days, amounts and texts as facts hold them, and what was wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from siwei.city.attributes import Attribute
from siwei.city.firms.addresses import Gazetteer, find_districts
from siwei.city.firms.amounts import UNSTATED, parse_amounts
from siwei.city.firms.codes import check_codes
from siwei.city.firms.dates import parse_days
from siwei.city.firms.names import BLANK_NAMES, LONGEST_NAME, clean_names, normalise_names
from siwei.city.firms.shapes import FIXED_SHAPES, STATUS_WORDS, Shape
from siwei.city.firms.tables import BROKEN, ROW, RawTable, cell_column, write_records

NOTES = {"row": pl.UInt32, "field": pl.String, "message": pl.String}
CURRENCY = "registered_capital_currency"
KINDS = ("firm", "centre", "university", "laboratory", "hospital", "government", "institution")
TRUTHS = {
    "true": "true",
    "1": "true",
    "是": "true",
    "有": "true",
    "yes": "true",
    "false": "false",
    "0": "false",
    "否": "false",
    "无": "false",
    "no": "false",
}
BRANCH = "(分公司|分行|支行|营业部|办事处|代表处|分厂|分店|分理处|分支机构|办事机构|代表机构)(\\(.*\\))?$"
BARE = r"^(0|[1-9][0-9]{0,17})?$"
COMPANY = "(有限责任|有限|股份)公司(\\(.*\\))?$"
LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class CleanFile:
    """`rows`: `row, name, name_normalised, code, kind, valid_from`, one String column per attribute (`value:<id>`,
    canonical
    text or null) and `status:<id>` (UInt8); `cells`: the raw cells of all rows; `rejects` as BROKEN; `notes` as
    NOTES."""

    rows: pl.DataFrame
    cells: pl.DataFrame
    rejects: pl.DataFrame
    notes: pl.DataFrame
    read: int


class Columns:
    """The clean columns of one file as they are found, and the notes made on the way."""

    def __init__(self, table: RawTable, shape: Shape) -> None:
        self._table, self._shape = table, shape
        self._by_attribute = {
            attribute: column for column, attribute in shape.columns.items() if column in table.header
        }
        self.rows = table.cells[ROW]
        self.clean: dict[str, pl.Series] = {}
        self.notes: list[pl.DataFrame] = []
        self.problems: list[pl.DataFrame] = []

    def has(self, attribute: str) -> bool:
        return attribute in self._by_attribute

    def field(self, attribute: str) -> str:
        return self._by_attribute.get(attribute, attribute)

    def cells(self, attribute: str) -> pl.Series:
        if attribute not in self._by_attribute:
            return pl.Series(attribute, [""], dtype=pl.String).new_from_index(0, len(self.rows))
        return self._table.cells[cell_column(self._by_attribute[attribute])]

    def note(self, attribute: str, messages: pl.Series, *, reject: bool = False) -> None:
        """Keep each message that is not null, as a reject or as a note."""
        frame = pl.DataFrame({"row": self.rows, "field": self.field(attribute), "message": messages}, schema=NOTES)
        (self.problems if reject else self.notes).append(frame.drop_nulls("message"))


def clean_file(
    table: RawTable, shape: Shape, attributes: Mapping[str, Attribute], gazetteer: Gazetteer, today: date
) -> CleanFile:
    """Rows without a usable name or with a wrong code are rejected; a wrong value elsewhere only costs its fact."""
    columns = Columns(table, shape)
    _clean_identity(columns)
    for attribute in attributes.values():
        if columns.has(attribute.id) and attribute.id != "registered_capital":
            _clean_attribute(columns, attribute, shape, today)
    if columns.has("registered_capital"):
        _clean_capital(columns, shape)
    _clean_row_columns(columns)
    _derive(columns, shape, attributes, gazetteer)
    _clean_statuses(columns, table, shape, attributes)
    rows = pl.DataFrame([columns.rows.alias(ROW), *(series.alias(name) for name, series in columns.clean.items())])
    problems = pl.concat([pl.DataFrame(schema=NOTES), *columns.problems])
    rejects = pl.concat([table.broken, _rejects(table, problems)]).sort(ROW)
    kept = rows.join(rejects.select(ROW), on=ROW, how="anti", maintain_order="left")
    notes = pl.concat([pl.DataFrame(schema=NOTES), *columns.notes])
    notes = notes.join(rejects.select(ROW), on=ROW, how="anti").sort(ROW, "field")
    return CleanFile(kept, table.cells, rejects, notes, table.cells.height + table.broken.height)


def _clean_identity(columns: Columns) -> None:
    names = clean_names(columns.cells("name"))
    normalised = normalise_names(names)
    codes = check_codes(columns.cells("code"))
    columns.clean |= {"name": names, "name_normalised": normalised, "code": codes["code"]}
    frame = pl.DataFrame({"name": names, "normalised": normalised})
    blank = pl.col("name").str.to_uppercase().is_in(BLANK_NAMES) | (pl.col("normalised") == "")
    problem = (
        pl.when(blank).then(pl.lit("no name"))
        .when(pl.max_horizontal(pl.all().str.len_chars()) > LONGEST_NAME)
        .then(pl.format("name of {} characters, more than " + str(LONGEST_NAME), pl.col("name").str.len_chars()))
    )  # fmt: skip
    columns.note("name", frame.select(problem.cast(pl.String)).to_series(), reject=True)
    columns.note("code", codes["problem"], reject=True)
    columns.note("code", codes["warning"])


def _clean_attribute(columns: Columns, attribute: Attribute, shape: Shape, today: date) -> None:
    cells = columns.cells(attribute.id)
    if attribute.type == "date":
        parsed = parse_days(cells, today=today)
        values, problems = parsed["day"].dt.to_string("%Y-%m-%d"), parsed["problem"]
    elif attribute.type == "int" and not shape.unit_required and cells.str.contains(BARE).all():
        # Our own exports hold nothing but whole numbers; a million of them need no reading.
        values, problems = cells.replace("", None), _no_problems(len(cells))
    elif attribute.type == "int" and attribute.unit in ("fen", "minor"):
        amounts = parse_amounts(cells, unit_required=shape.unit_required)
        foreign = _no_problems(len(cells))
        if attribute.unit == "fen":
            foreign = amounts.select(
                pl.when(pl.col("currency") != "CNY").then(pl.format("amount in {}, expected CNY", pl.col("currency")))
            ).to_series()
        frame = amounts.with_columns(foreign=foreign.cast(pl.String))
        values = frame.select(pl.when(pl.col("foreign").is_null()).then("minor").cast(pl.String)).to_series()
        problems = frame.select(pl.coalesce("problem", "foreign")).to_series()
    elif attribute.type == "int":
        values, problems = _clean_numbers(cells)
    elif attribute.type == "bool":
        values, problems = _clean_truths(cells)
    else:
        values, problems = _clean_texts(cells)
    columns.clean[f"value:{attribute.id}"] = values
    columns.note(attribute.id, problems)


def _no_problems(height: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, height)


def _stated(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Cells without outer blanks, and whether they state anything."""
    clean = cells.str.replace_all(r"[\p{Cf}\x00-\x08\x0b-\x1f]", "").str.strip_chars()
    return clean, ~(clean.str.normalize("NFKC").str.to_uppercase().is_in(UNSTATED) | clean.is_in(["[档案缺失]"]))


def _clean_texts(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    clean, stated = _stated(cells)
    frame = pl.DataFrame({"clean": clean, "stated": stated})
    too_long = pl.col("clean").str.len_chars() > LONGEST_TEXT
    chosen = frame.select(
        values=pl.when(pl.col("stated") & ~too_long).then("clean"),
        problems=pl.when(too_long).then(
            pl.format("text of {} characters, more than 20,000", pl.col("clean").str.len_chars())
        ),
    )
    return chosen["values"], chosen["problems"].cast(pl.String)


def _clean_numbers(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    clean, stated = _stated(cells)
    numbers = clean.str.normalize("NFKC").str.extract(r"^(-?\d{1,18})(?:\.0+)?$", 1).cast(pl.Int64, strict=False)
    frame = pl.DataFrame({"shown": cells.str.slice(0, 40), "stated": stated, "number": numbers})
    wrong = pl.col("stated") & pl.col("number").is_null()
    problems = pl.when(wrong).then(pl.format("'{}' is not a whole number", pl.col("shown")))
    return numbers.cast(pl.String), frame.select(problems).to_series()


def _clean_truths(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    clean, stated = _stated(cells)
    truths = clean.str.to_lowercase().replace_strict(TRUTHS, default=None, return_dtype=pl.String)
    # 无 is an answer here (no violation), and no gap.
    frame = pl.DataFrame({"shown": cells.str.slice(0, 40), "stated": stated, "truth": truths})
    wrong = pl.col("stated") & pl.col("truth").is_null()
    problems = pl.when(wrong).then(pl.format("'{}' is neither true nor false", pl.col("shown")))
    return truths, frame.select(problems).to_series()


def _clean_capital(columns: Columns, shape: Shape) -> None:
    """Capital and its currency; a capital of zero is how extracts write "none registered", and is no fact."""
    amounts = parse_amounts(columns.cells("registered_capital"), unit_required=shape.unit_required)
    stated = columns.cells(CURRENCY).str.normalize("NFKC").str.strip_chars().str.to_uppercase()
    frame = amounts.with_columns(
        stated=pl.when(stated.str.contains("^[A-Z]{3}$")).then(stated),
        bare=columns.cells("registered_capital").str.contains(r"^\s*\d+\s*$"),
    )
    currency = pl.when(pl.col("bare") & pl.col("stated").is_not_null()).then("stated").otherwise("currency")
    zero = pl.when(pl.col("minor") == 0).then(pl.lit("capital of zero: taken as not stated"))
    frame = frame.with_columns(currency=currency, problem=pl.coalesce("problem", zero))
    usable = pl.col("problem").is_null() & pl.col("minor").is_not_null()
    columns.clean["value:registered_capital"] = frame.select(pl.when(usable).then("minor").cast(pl.String)).to_series()
    columns.clean[f"value:{CURRENCY}"] = frame.select(pl.when(usable).then("currency")).to_series()
    columns.note("registered_capital", frame["problem"])


def _clean_row_columns(columns: Columns) -> None:
    days = parse_days(columns.cells("valid_from"), today=None)
    columns.clean["valid_from"] = days["day"]
    columns.note("valid_from", days["problem"])
    kinds = columns.cells("kind").str.strip_chars().str.to_lowercase()
    frame = pl.DataFrame({"kind": kinds})
    known = pl.col("kind").is_in(KINDS)
    columns.clean["kind"] = frame.select(pl.when(known).then("kind").otherwise(pl.lit("firm"))).to_series()
    wrong = pl.when(~known & (pl.col("kind") != "")).then(
        pl.format("'{}' is no kind of organisation: kept as firm", pl.col("kind"))
    )
    columns.note("kind", frame.select(wrong).to_series())


def _derive(columns: Columns, shape: Shape, attributes: Mapping[str, Attribute], gazetteer: Gazetteer) -> None:
    """District from the address where no column states it; legal form where name and code settle it.

    The registry reserves 有限公司 and 股份有限公司 for companies, 分公司 and its like for branches; codes of class 92
    are
    individual businesses (个体工商户). Whatever these words leave open stays unknown.
    """
    clean = columns.clean
    if "district" in attributes:
        found = find_districts(clean["value:address"], gazetteer) if "value:address" in clean else None
        stated = clean.get("value:district")
        if stated is not None and not gazetteer.is_empty:
            known = {*gazetteer.districts.values(), *gazetteer.places.values()}
            by_name = find_districts(stated, gazetteer)
            frame = pl.DataFrame({"stated": stated, "by_name": by_name})
            resolved = frame.select(
                pl.when(pl.col("stated").is_in(list(known))).then("stated").otherwise("by_name")
            ).to_series()
            wrong = pl.when(pl.col("stated").is_not_null() & pl.col("resolved").is_null()).then(
                pl.format("'{}' is no district of this city", pl.col("stated"))
            )
            columns.note("district", frame.with_columns(resolved=resolved).select(wrong).to_series())
            stated = resolved
        clean["value:district"] = _first_of(stated, found, len(columns.rows))
    if shape not in FIXED_SHAPES:
        return
    _drop_shifted_types(columns)
    if "legal_form" in attributes:
        frame = pl.DataFrame(
            {"name": clean["name_normalised"], "code": clean["code"], "type": clean["value:enterprise_type"]}
        )
        branch = pl.col("name").str.contains(BRANCH) | pl.col("type").str.contains(BRANCH).fill_null(False)
        form = (
            pl.when(branch).then(pl.lit("branch"))
            .when(pl.col("code").str.starts_with("92")).then(pl.lit("individual"))
            .when(pl.col("code").str.starts_with("91") & pl.col("name").str.contains(COMPANY))
            .then(pl.lit("firm"))
        )  # fmt: skip
        clean["value:legal_form"] = frame.select(form.cast(pl.String)).to_series()


def _first_of(stated: pl.Series | None, found: pl.Series | None, height: int) -> pl.Series:
    series = [each for each in (stated, found) if each is not None]
    if not series:
        return pl.Series("district", [None], dtype=pl.String).new_from_index(0, height)
    return pl.select(pl.coalesce(*series)).to_series()


def _drop_shifted_types(columns: Columns) -> None:
    """Some rows are shifted by one cell: money stands where the type of enterprise should."""
    types = columns.clean.get("value:enterprise_type")
    if types is None:
        columns.clean["value:enterprise_type"] = _first_of(None, None, len(columns.rows))
        return
    frame = pl.DataFrame({"type": types, "shifted": types.str.contains(r"\d.*(万|元)").fill_null(False)})
    columns.clean["value:enterprise_type"] = frame.select(pl.when(~pl.col("shifted")).then("type")).to_series()
    wrong = pl.when("shifted").then(pl.format("'{}' is an amount: the cells of this row look shifted", pl.col("type")))
    columns.note("enterprise_type", frame.select(wrong).to_series())


def _clean_statuses(columns: Columns, table: RawTable, shape: Shape, attributes: Mapping[str, Attribute]) -> None:
    """How well each fact is proven: as the shape says, or as the row's own status column does."""
    for name in [name.removeprefix("value:") for name in columns.clean if name.startswith("value:")]:
        if name in attributes and name in shape.statuses:
            words = table.cells[cell_column(shape.statuses[name])].str.strip_chars().str.to_lowercase()
            status = words.replace_strict(STATUS_WORDS, default=None, return_dtype=pl.UInt8)
            frame = pl.DataFrame({"word": words, "status": status})
            wrong = pl.when(pl.col("status").is_null() & (pl.col("word") != "")).then(
                pl.format("'{}' is no status: taken as declared", pl.col("word"))
            )
            columns.note(f"{name}__status", frame.select(wrong).to_series())
            columns.clean[f"status:{name}"] = status.fill_null(shape.status)


def _rejects(table: RawTable, problems: pl.DataFrame) -> pl.DataFrame:
    """One reject per row: its first field, all its reasons, and the row as it was."""
    by_row = problems.group_by(ROW, maintain_order=True).agg(
        pl.col("field").first(), pl.col("message").str.join("; ").alias("reason")
    )
    records = write_records(table.cells.join(by_row.select(ROW), on=ROW, how="semi"))
    return by_row.join(records, on=ROW, how="left").select(*BROKEN).cast(pl.Schema(BROKEN))

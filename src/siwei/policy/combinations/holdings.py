"""What subjects hold already, as the market knows it or as a file says: what was applied for or granted, and has not
been lost again."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from siwei.errors import ImportRefused, InputError, Problem, Said
from siwei.policy.aggregating.columns import Column
from siwei.policy.aggregating.row_files import table_file
from siwei.policy.combinations.combining import GREATEST_AWARD
from siwei.policy.combinations.joint_choices import Holdings
from siwei.policy.files.typed_rows import read_rows
from siwei.policy.pack_words import nearest, refused
from siwei.policy.pot_periods import is_weighed_on, span_of
from siwei.policy.programmes import Programme, Text
from siwei.policy.sources import ORGANISATION

HOLDINGS = "holdings"
SUBJECT, PROGRAMME, HELD, PERIOD = "subject", "programme", "held_fen", "period"
HOLDINGS_COLUMNS = (
    Column(SUBJECT, "string", None, Text("持有者（该行的 id）", "Whose it is, by the id of its row"), ()),
    Column(PROGRAMME, "string", None, Text("政策的 id", "The programme, by its id"), ()),
    Column(HELD, "int", "fen", Text("已申报或已获得、未失去的金额", "Applied for or granted, and not lost again"), ()),
    Column(PERIOD, "string", None, Text(
        "资金池的期间，如 2026、2026-H1；空则不论判定日均计入",
        "The period of its pot, as 2026 or 2026-H1; empty: it counts whatever the day",
    ), ()),
    Column(ORGANISATION, "string", None, Text(
        "合同或项目所属机构（其 id）；不再判定的合同或项目须写明",
        "Whose contract or project it is, by its id: needed of one that has no row any more",
    ), ()),
)  # fmt: skip
MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Held:
    """`period` is its pot's; empty where it counts whatever the day. `organisation` is empty where it is not said."""

    subject: str
    programme: str
    fen: int
    period: str = ""
    organisation: str = ""


def holdings_on(rows: Iterable[Held], day: date, kinds: Mapping[str, str]) -> Holdings:
    """As the rules of each subject count them: of an organisation or a person from pots that count in the year of the
    day, of a contract or a project from whatever pot; joint limits count that year's alone. `kinds` by programme: what
    it applies to; of others nothing counts."""
    held: dict[tuple[str, str], dict[str, int]] = {}
    earlier: dict[tuple[str, str], dict[str, int]] = {}
    owners: dict[tuple[str, str], str] = {}
    for row in rows:
        kind, counts = kinds.get(row.programme), not row.period or is_weighed_on(row.period, day)
        if kind is None or (kind in (ORGANISATION, "person") and not counts):
            continue
        _add(held.setdefault((kind, row.subject), {}), row)
        if not counts:
            _add(earlier.setdefault((kind, row.subject), {}), row)
        if row.organisation:
            owners[kind, row.subject] = row.organisation
    return Holdings(held, earlier, owners)


def _add(sums: dict[str, int], row: Held) -> None:
    sums[row.programme] = sums.get(row.programme, 0) + row.fen


def read_holdings(folder: Path, programmes: Collection[Programme]) -> tuple[Held, ...]:
    """Of a folder of rows its `holdings` (HOLDINGS_COLUMNS; the last two may be absent); none where it has none. Raises
    ImportRefused with what is wrong: a name that is misspelt would be a holding that nobody counts."""
    path = table_file(folder, HOLDINGS)
    if path is None:
        return ()
    frame = read_rows(path, {HELD: "int"})
    known = [column.name for column in HOLDINGS_COLUMNS]
    absent = [name for name in (SUBJECT, PROGRAMME, HELD) if name not in frame.columns]
    problems = [
        Problem(*refused("no_column", name=name, rows=HOLDINGS, known=nearest(name, known)), str(path))
        for name in absent
    ]
    problems += [
        Problem(
            Said(f"no such column {name[:80]!r}", f"没有列 {name[:80]!r}"),
            nearest(name, known),
            str(path),
            field=name[:80],
        )
        for name in frame.columns if name not in known
    ]  # fmt: skip
    if not problems and not frame.schema[HELD].is_integer():
        problems.append(
            Problem(
                Said("is not whole fen", "不是以分计的整数"),
                Said("give whole numbers", "请写整数"),
                str(path),
                field=HELD,
            )
        )
    if problems:
        raise ImportRefused(problems)
    texts = frame.select(
        pl.col(name).cast(pl.String).fill_null("") if name in frame.columns else pl.lit("").alias(name)
        for name in (SUBJECT, PROGRAMME, PERIOD, ORGANISATION)
    )
    rows = [
        Held(row[SUBJECT], row[PROGRAMME], fen, row[PERIOD], row[ORGANISATION])
        for row, fen in zip(texts.iter_rows(named=True), frame[HELD], strict=True)
    ]
    return checked_holdings(rows, programmes, str(path), 2)


def checked_holdings(
    rows: Sequence[Held], programmes: Collection[Programme], source: str, first_row: int = 1
) -> tuple[Held, ...]:
    """Holdings as somebody gives them. Raises ImportRefused with every wrong one."""
    ids = {programme.id: programme.applies_to for programme in programmes}
    problems = [
        Problem(message, fix, source, number, field=field)
        for number, row in enumerate(rows, first_row)
        for field, message, fix in _faults(row, ids)
    ]
    problems += _said_twice(rows, ids, source, first_row)
    problems.sort(key=lambda each: each.line or 0)
    if not problems and (total := sum(row.fen for row in rows)) > GREATEST_AWARD:
        # However they are added up, beside awards as well, no sum leaves 64 bits.
        told = Said(f"comes to {total} fen in all", f"合计 {total} 分")
        fix = Said(f"{GREATEST_AWARD} in all is the most: give fen", f"合计最多 {GREATEST_AWARD}：请以分为单位填写")
        problems.append(Problem(told, fix, source, field=HELD))
    if problems:
        raise ImportRefused(problems[:MOST_PROBLEMS])
    return tuple(rows)


def _said_twice(rows: Sequence[Held], kinds: Mapping[str, str], source: str, first_row: int) -> Iterable[Problem]:
    """An organisation is its own, and a contract or a project is of one."""
    said: dict[tuple[str, str], str] = {}
    for number, row in enumerate(rows, first_row):
        kind = kinds.get(row.programme)
        if not row.organisation or kind is None:
            continue
        known = row.subject if kind == ORGANISATION else said.setdefault((kind, row.subject), row.organisation)
        if row.organisation != known:
            told = Said(
                f"is {row.organisation[:80]!r}, and {row.subject[:80]!r} is of {known[:80]!r}",
                f"写的是 {row.organisation[:80]!r}，而 {row.subject[:80]!r} 属于 {known[:80]!r}",
            )
            yield Problem(told, Said("name one organisation", "请写同一机构"), source, number, field=ORGANISATION)


def _faults(row: Held, ids: Collection[str]) -> Iterable[tuple[str, str, str]]:
    fen: int | None = row.fen  # of a file it may be absent
    if not row.subject:
        yield SUBJECT, Said("is empty", "为空"), Said("say whose it is", "请写明持有者")
    if row.programme not in ids:
        yield PROGRAMME, *refused("no_programme_named", name=row.programme[:80], known=nearest(row.programme, ids))
    if fen is None or fen < 0:
        told = Said("is not an amount", "不是金额")
        told = told if fen is None else Said(f"{fen} is less than nothing", f"{fen} 小于零")
        yield HELD, told, Said("give fen, 0 or more", "请以分为单位写不小于 0 的数")
    try:
        if row.period:
            span_of(row.period)
    except InputError as error:
        yield PERIOD, error.problems[0].message, error.problems[0].fix

"""`siwei import …`: firms from files, what was merged, what was rejected."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from siwei.cli.app import City, Json, app, open_city
from siwei.cli.city_words import headings, line
from siwei.cli.output import print_json, print_line, print_table, shown
from siwei.cli.progress import progress_bars
from siwei.errors import Said

imports = App(name="import", help="Bring firms in from files; look over what was merged and rejected.")
app.command(imports)
Out = Annotated[Path, Parameter(help="CSV file to write (formulas in cells are neutralised).")]
OfFile = Annotated[
    str | None, Parameter(name="--file", help="Only this imported file (its name or the first digits of its hash).")
]


@imports.command(name="firms")
def import_firms(files: list[Path], /, *, city: City = None, source: str | None = None, json: Json = False) -> None:
    """Import firms from FILES: registry extracts, company profiles, lists of listed firms, or tables of our own
    attributes.

    CSV, .csv.gz, Parquet and XLSX, recognised by content and columns. Every row is created, merged or rejected.
    The same file again changes nothing.

    Parameters
    ----------
    source: where the facts come from, in place of the shape's own words
    """
    home = open_city(city)
    from siwei.city.pack import load_pack
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.facts.imports import import_firms as save

    started = time.perf_counter()
    with progress_bars(quiet=json) as progress:
        summary = save(
            files,
            actor=PLATFORM,
            now=datetime.now(UTC),
            progress=progress,
            pack=load_pack(home.pack_directory),
            source=source,
        )
    _print_summary(summary, time.perf_counter() - started, json)


@imports.command
def generated(
    *, count: int = 20_000, ai_count: int = 2_000, seed: int = 1, city: City = None, json: Json = False
) -> None:
    """Fill the city with made-up firms, labelled as generated everywhere. The same numbers again change nothing.

    Parameters
    ----------
    count: how many firms
    ai_count: how many of them work in AI
    seed: other seeds give other firms
    """
    home = open_city(city)
    from siwei.city.pack import load_pack
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.facts.imports import import_population

    started = time.perf_counter()
    with progress_bars(quiet=json) as progress:
        summary = import_population(
            count,
            ai_count,
            seed,
            actor=PLATFORM,
            now=datetime.now(UTC),
            progress=progress,
            pack=load_pack(home.pack_directory),
            as_of=home.as_of,
        )
    _print_summary(summary, time.perf_counter() - started, json)


@imports.command
def rejects(*, out: Out, file: OfFile = None, city: City = None) -> None:
    """Write the rejected rows, with file, row, field, the reason in Chinese and English, and the original cells."""
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.facts.import_review import write_rejects

    count = write_rejects(out, actor=PLATFORM, file=file)
    print_line(f"{shown(line('rejects_in', count=f'{count:,}'))} {out}")


@imports.command
def warnings(*, out: Out, file: OfFile = None, city: City = None) -> None:
    """Write what was set right or left out in rows that were kept."""
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.facts.import_review import write_warnings

    count = write_warnings(out, actor=PLATFORM, file=file)
    print_line(f"{shown(line('warnings_in', count=f'{count:,}'))} {out}")


@imports.command
def merges(*, file: OfFile = None, limit: int = 50, city: City = None, json: Json = False) -> None:
    """List rows that were taken to be an organisation already known, and why.

    Parameters
    ----------
    limit: how many to show
    """
    open_city(city)
    from siwei.city.firms.reasons import MERGED_BY
    from siwei.exchange.facts.import_review import find_import
    from siwei.exchange.models import Merge

    rows = Merge.objects.select_related("file", "organisation").order_by("file__name", "row")
    rows = rows.filter(file=find_import(file)) if file else rows
    columns = ("file", "row", "organisation", "name", "reason", "reason_zh", "reason_en", "undone_at")
    cells = [
        (
            m.file.name,
            m.row,
            m.organisation.key,
            m.organisation.name,
            m.reason,
            *MERGED_BY.get(m.reason, (m.reason, m.reason)),
            m.undone_at,
        )
        for m in rows[:limit]
    ]
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in cells])
    else:
        told = ("file", "row", "organisation", "name", "reason", "undone_at")
        both = [(*each[:4], Said(str(each[6]), str(each[5])), each[7]) for each in cells]
        print_table(line("merges", count=f"{rows.count():,}"), headings(told), both)


@imports.command
def undo(file: str, row: int, /, *, city: City = None, json: Json = False) -> None:
    """Undo the merge of ROW of FILE: it becomes an organisation of its own, and its facts go with it."""
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.facts.import_review import undo_merge

    organisation = undo_merge(file, row, actor=PLATFORM, now=datetime.now(UTC))
    if json:
        print_json({"key": organisation.key, "code": organisation.code, "name": organisation.name})
    else:
        print_line(f"{organisation.name} {shown(line('now', key=organisation.key))}")


def _print_summary(summary: Any, seconds: float, json: bool) -> None:
    for remark in summary.remarks:
        print_line(remark, error=True)
    if json:
        print_json(summary.as_dict())
        return
    columns = ("file", "read", "created", "merged", "rejected")
    total = summary.all
    rows = [(name, c.read, c.created, c.merged, c.rejected) for name, c in summary.files.items()]
    rows.append((line("all"), total.read, total.created, total.merged, total.rejected))
    print_table(line("imported"), headings(columns), rows)
    print_line(line("rate", seconds=f"{seconds:.1f}", rate=f"{total.read / max(seconds, 0.001):,.0f}"))

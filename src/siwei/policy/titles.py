"""What programmes and subjects are called where people read of them; ids are for programs."""

from collections import Counter
from collections.abc import Iterable, Mapping

import polars as pl

from siwei.policy.programmes import Programme, Text
from siwei.policy.subjects import ID

Titles = Mapping[str, Text]
"""By programme."""
TITLE_COLUMNS = ("title", "title_zh", "title_en")
"""Of rows, where they have titles: of both languages, or of each; no expression reads them."""
LONGEST_TITLE = 80


def titles_of(programmes: Iterable[Programme]) -> dict[str, Text]:
    return {programme.id: programme.title for programme in programmes}


def title_of(titles: Titles, programme: str) -> Text:
    """Its id where nobody knows its text, as of one that is gone and of which something is held still."""
    return titles.get(programme, Text(programme, programme))


def listed(titles: Titles, programmes: Iterable[str]) -> Text:
    found = [title_of(titles, each) for each in programmes]
    return Text("、".join(each.zh for each in found) or "无", ", ".join(each.en for each in found) or "none")


def row_titles(table: pl.DataFrame) -> dict[str, Text]:
    """What rows are called, by id, where a column of titles says it; what stands in one language alone serves both."""
    read = [name for name in TITLE_COLUMNS if table.schema.get(name) == pl.String]
    if not read:
        return {}
    found = {}
    for row in table.select(ID, *read).iter_rows(named=True):
        both, zh, en = (_short(row.get(name)) for name in TITLE_COLUMNS)
        if both or zh or en:
            found[row[ID]] = Text(zh or both or en, en or both or zh)
    return found


def _short(title: str | None) -> str:
    """On one line."""
    text = " ".join("".join(each if each.isprintable() else " " for each in title or "").split())
    return text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 1]}…"


def told_apart(names: Mapping[str, Text]) -> dict[str, Text]:
    """Each in quotation marks; with the id in brackets where two are called the same in either language."""
    zh, en = Counter(each.zh for each in names.values()), Counter(each.en for each in names.values())
    return {
        id: Text(f"“{each.zh}”（{id}）", f"“{each.en}” ({id})")
        if zh[each.zh] > 1 or en[each.en] > 1
        else Text(f"“{each.zh}”", f"“{each.en}”")
        for id, each in names.items()
    }

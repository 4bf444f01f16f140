"""What programmes are called where people read of them; ids are for programs."""

from collections.abc import Iterable, Mapping

from siwei.policy.programmes import Programme, Text

Titles = Mapping[str, Text]
"""By programme."""


def titles_of(programmes: Iterable[Programme]) -> dict[str, Text]:
    return {programme.id: programme.title for programme in programmes}


def title_of(titles: Titles, programme: str) -> Text:
    """Its id where nobody knows its text, as of one that is gone and of which something is held still."""
    return titles.get(programme, Text(programme, programme))


def listed(titles: Titles, programmes: Iterable[str]) -> Text:
    found = [title_of(titles, each) for each in programmes]
    return Text("、".join(each.zh for each in found) or "无", ", ".join(each.en for each in found) or "none")

"""How commands say what stands around their data in two languages: by tables of lines, headings and codes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from siwei.errors import Said, chinese_of, filled


@dataclass(frozen=True, slots=True)
class Words:
    """`lines` by key in both languages, values in braces; `names` of headings and figures, and `codes`, by what they
    are in English, as JSON has them."""

    lines: Mapping[str, tuple[str, str]]
    names: Mapping[str, str]
    codes: Mapping[str, str]

    def line(self, key: str, /, **values: object) -> Said:
        return filled(*self.lines[key], values)

    def heading(self, name: str) -> str:
        return Said(name, self.names[name]) if name in self.names else name

    def headings(self, names: Iterable[str]) -> list[str]:
        return [self.heading(name) for name in names]

    def code(self, value: object) -> object:
        """A code by its word; anything else, the name of a district say, stays as it is."""
        return Said(value, self.codes[value]) if isinstance(value, str) and value in self.codes else value


def joined(parts: Iterable[str]) -> Said:
    """A list of names, or of sayings."""
    listed = list(parts)
    return Said(", ".join(listed), "、".join(map(chinese_of, listed)))

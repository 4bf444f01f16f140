"""What is wrong with an input, for whoever reads a page: the field by its label, never by the name a program knows."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.utils.translation import gettext as _

from siwei.errors import Problem
from siwei.portal.city_pack import attributes
from siwei.portal.languages import choose, is_chinese
from siwei.portal.listing_fields import FIELD_NAMES
from siwei.portal.words import word

PART = re.compile(r"[^.\[\]]+")


def label_of(field: str) -> str:
    """`lines[2].unit` is "Lines 2, Unit"; a name that no form knows stays as it is."""
    labels: list[str] = []
    for part in PART.findall(field):
        if part.isdigit() and labels:
            labels[-1] = f"{labels[-1]} {part}"
        else:
            labels.append(_label(part))
    return choose("，", ", ").join(labels)


def lines_of(problems: Iterable[Problem]) -> list[str]:
    """Each in one line, in the reader's language."""
    found = (each.in_chinese() if is_chinese() else each for each in problems)
    return [_line(each) for each in found]


def _line(problem: Problem) -> str:
    place = ":".join(str(each) for each in (problem.file, problem.line, problem.column) if each not in ("", None))
    named = [each for each in (place, label_of(problem.field)) if each]
    fix = f" → {problem.fix}" if problem.fix else ""
    return choose("：", ": ").join([*named, f"{problem.message}{fix}"])


def _label(name: str) -> str:
    label = word("field", name)
    if label != name:
        return label
    if name in FIELD_NAMES:
        return _(FIELD_NAMES[name])
    row = attributes().get(name)
    return choose(row["name_zh"], row["name_en"]) if row else name

"""What the services say of a form about people that cannot be, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext_noop

from siwei.errors import Problem
from siwei.portal.languages import is_chinese

NOT_IN_DJANGO = (
    gettext_noop("This password is too short. It must contain at least %d character."),
    gettext_noop("This password is too short. It must contain at least %d characters."),
)
"""Said by Django, whose own catalogue has no Chinese for it."""


def told(problems: Iterable[Problem]) -> list[str]:
    """What is wrong and what to do, without the name of the field."""
    found = [each.in_chinese() if is_chinese() else each for each in problems]
    return [f"{each.message} → {each.fix}" if each.fix else each.message for each in found]

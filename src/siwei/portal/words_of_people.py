"""What the services say of a form about people that cannot be, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from siwei.errors import Problem

NOT_IN_DJANGO = (
    gettext_noop("This password is too short. It must contain at least %d character."),
    gettext_noop("This password is too short. It must contain at least %d characters."),
)
"""Said by Django, whose own catalogue has no Chinese for it."""
SAID = frozenset({
    gettext_noop("this cannot be a user name"), gettext_noop("letters, digits and @ . + - _ only"),
    gettext_noop("a user name has 1 to 150 characters"), gettext_noop("shorten it"),
    gettext_noop("this user name is taken"), gettext_noop("choose another"),
    gettext_noop("the password is too long"), gettext_noop("200 characters at most"),
    gettext_noop("an invitation is for somebody"), gettext_noop("their name, 1 to 80 characters"),
    gettext_noop("this code does not check"), gettext_noop("copy its 18 characters from the licence"),
    gettext_noop("this is not the organisation's code"), gettext_noop("compare it with the licence"),
    gettext_noop("the representative needs a name"), gettext_noop("1 to 80 characters"),
    gettext_noop("a contact is needed"), gettext_noop("telephone or e-mail, 120 characters at most"),
    gettext_noop("the note is too long"), gettext_noop("2,000 characters at most"),
    gettext_noop("evidence is needed"), gettext_noop("add the licence as a file, or say where it is"),
    gettext_noop("the file is no PDF, PNG or JPEG"), gettext_noop("scan or photograph the paper"),
    gettext_noop("this needs its reason"), gettext_noop("one sentence: how you know who asked"),
    gettext_noop("a decision needs its reason"), gettext_noop("one sentence: it is sent to the claimant"),
})  # fmt: skip


def told(problems: Iterable[Problem]) -> list[str]:
    """What is wrong and what to do; what no word is known for stays as the service said it."""
    return [f"{_known(each.message)} → {_known(each.fix)}" if each.fix else _known(each.message) for each in problems]


def _known(text: str) -> str:
    return _(text) if text in SAID else text

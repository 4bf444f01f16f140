"""What a stored key stands for, in words: subjects of events, accounts of the ledger, what money is followed by.

`agreement:KEY`, `CNY:commitment:ORGANISATION`, `xunli:2026`. Names of organisations are public; they are read for a
whole page at once. What has no name of its own keeps its key, shortened where it is long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from siwei.exchange.actors import VISITOR, Actor
from siwei.exchange.models import Organisation, Voucher
from siwei.portal import words
from siwei.portal.city_pack import programmes
from siwei.portal.languages import choose

LONGEST = 24
"""Of a key that is shown as it is; a longer one is made by a program, and its beginning tells it apart."""
PURPOSES = words.GROUPS["purpose"]


def subject_words(subjects: Iterable[str]) -> dict[str, str]:
    """`agreement:KEY` → 「协议 KEY」, `bank_account:ORGANISATION` → 「银行账户 NAME」, for each of them. One query."""
    asked = set(subjects)
    names = _names(asked)
    return {each: _subject(each, names) for each in asked}


def account_words(codes: Iterable[str]) -> dict[str, str]:
    """Each account's purpose and whose it is, of a metered one also what it counts; `PROGRAMME:PERIOD` by its title.
    One query."""
    asked = set(codes)
    names = _names(asked)
    return {each: _account(each, names) for each in asked}


def followed(subject: str, actor: Actor) -> str:
    """What `siwei.exchange.traces.trace` was asked to follow: a pot by its programme, a voucher by its pot's."""
    programme, _colon, period = subject.rpartition(":")
    if programme in programmes():
        return f"{_('Pot')} · {_programme(programme)} · {period}"
    voucher = Voucher.objects.visible_to(actor).filter(key=subject).select_related("pot", "organisation").first()
    if voucher is None:
        return shortened(subject)
    return f"{_('Voucher')} · {_programme(voucher.pot.programme)} · {voucher.organisation.name}"


def shortened(key: str) -> str:
    return key if len(key) <= LONGEST else f"{key[: LONGEST // 2]}…"


def _names(texts: Iterable[str]) -> Mapping[str, str]:
    keys = {part for text in texts for part in re.split("[:/]", text)}
    found = Organisation.objects.visible_to(VISITOR).filter(key__in=keys)
    return dict(found.values_list("key", "name"))


def _subject(subject: str, names: Mapping[str, str]) -> str:
    kind, colon, rest = subject.partition(":")
    if not colon:
        return subject
    about = _account(rest, names) if kind == "account" else _whose(rest, names)
    return f"{words.word('subject', kind)} {about}"


def _account(code: str, names: Mapping[str, str]) -> str:
    parts = code.split(":")
    place = next((index for index, part in enumerate(parts) if part in PURPOSES), None)
    if place is None:  # a pot, which is named by its programme and period
        return _whose(code, names)
    unit = ":".join(parts[:place])
    whose = _whose(":".join(parts[place + 1 :]), names)
    counts = words.ledger_unit(unit) if unit not in ("", "CNY") else ""
    return " · ".join(part for part in (words.word("purpose", parts[place]), whose, counts) if part)


def _whose(rest: str, names: Mapping[str, str]) -> str:
    return " · ".join(_part(part, names) for part in rest.split(":") if part)


def _part(part: str, names: Mapping[str, str]) -> str:
    if part in names:
        return names[part]
    if part == "city":
        return _("the city")
    return _programme(part) if part in programmes() else shortened(part)


def _programme(programme_id: str) -> str:
    title = programmes()[programme_id].title
    return choose(title.zh, title.en)

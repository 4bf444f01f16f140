"""What a stored key stands for, in words: subjects of events, accounts of the ledger, what money is followed by.

`agreement:KEY`, `CNY:commitment:ORGANISATION`, `xunli:2026`. Names of organisations are public; they are read for a
whole page at once. What has no name of its own keeps its key, shortened where it is long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from siwei.exchange.actors import VISITOR, Actor
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    Application,
    Decision,
    Delivery,
    Dispute,
    Job,
    Listing,
    Objection,
    Organisation,
    Quote,
    SharingRound,
    StatementFile,
    Voucher,
)
from siwei.market.kinds import KINDS
from siwei.portal import words
from siwei.portal.city_pack import programmes
from siwei.portal.languages import choose

LONGEST = 24
"""Of a key that is shown as it is; a longer one is made by a program, and its beginning tells it apart."""
PURPOSES = words.GROUPS["purpose"]
NEED = ("title_zh", "title_en")
TITLED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "agreement": (Agreement, tuple(f"match__need__{each}" for each in NEED)),
    "application": (Application, ("pot__programme",)),
    "decision": (Decision, ("programme",)),
    "dispute": (Dispute, tuple(f"agreement__match__need__{each}" for each in NEED)),
    "job": (Job, tuple(f"line__agreement__match__need__{each}" for each in NEED)),
    "listing": (Listing, NEED),
    "objection": (Objection, ("application__pot__programme",)),
    "quote": (Quote, tuple(f"match__need__{each}" for each in NEED)),
    "round": (SharingRound, ("pot__programme",)),
    "voucher": (Voucher, ("pot__programme",)),
}
WITHIN: dict[str, Callable[[str], tuple[str, str]]] = {
    "delivery": lambda key: ("agreement", key.rpartition(":")[0]),
    "match": lambda key: ("listing", key.partition("/")[0]),
}
"""What has no name of its own and is called by what it belongs to."""


def subject_words(subjects: Iterable[str], actor: Actor) -> dict[str, str]:
    """`agreement:KEY` → what was needed, `application:KEY` → the programme, `bank_account:ORGANISATION` → its name, for
    each of them; of what kind it is, the action tells that it stands beside. One query for each kind there is."""
    asked = set(subjects)
    names, titles = _names(asked), _titles(asked, actor)
    titles |= _statement_files(asked, actor)
    return {each: titles.get(each) or _subject(each, names) for each in asked}


def agreement_names(keys: Iterable[str], actor: Actor) -> dict[str, str]:
    """Each agreement by what was needed, as far as the actor may see it; else by its key."""
    asked = subject_words({f"agreement:{key}" for key in keys}, actor)
    return {subject.partition(":")[2]: name for subject, name in asked.items()}


def account_words(codes: Iterable[str]) -> dict[str, str]:
    """Each account's purpose and whose it is, of a metered one also what it counts; `PROGRAMME:PERIOD` by its title.
    One query, and one more where a voucher is among them: it is told by its programme and its holder."""
    asked = set(codes)
    names = _names(asked)
    return {each: _account(each, names) for each in asked} | _voucher_accounts(asked)


def voucher_holders(keys: Iterable[str], actor: Actor) -> dict[str, str]:
    """Each voucher that the actor may see by whose it is."""
    found = Voucher.objects.visible_to(actor).filter(key__in=set(keys)).values_list("key", "organisation__name")
    return {key: f"{_('Voucher')} · {name}" for key, name in found}


def _voucher_accounts(codes: Iterable[str]) -> dict[str, str]:
    """Only for codes that the reader was already shown."""
    of_vouchers = [code for code in codes if ":voucher:" in code]
    if not of_vouchers:
        return {}
    found = Voucher.objects.filter(account__code__in=of_vouchers)
    told = found.values_list("account__code", "pot__programme", "organisation__name")
    return {code: " · ".join((_("Voucher"), programme_title(programme), name)) for code, programme, name in told}


def followed(subject: str, actor: Actor) -> str:
    """What `siwei.exchange.payments.traces.trace` was asked to follow: a pot by its programme, a voucher by its pot."""
    programme, _colon, period = subject.rpartition(":")
    if programme in programmes():
        return f"{_('Pot')} · {programme_title(programme)} · {period}"
    voucher = Voucher.objects.visible_to(actor).filter(key=subject).select_related("pot", "organisation").first()
    if voucher is None:
        return shortened(subject)
    return f"{_('Voucher')} · {programme_title(voucher.pot.programme)} · {voucher.organisation.name}"


def line_name(line: AgreementLine) -> str:
    """What a line is about: the offer's title in the reader's language, where it was agreed under that title."""
    offer = line.offer or (line.agreement.match.offer if line.agreement.match else None)
    if offer is not None and line.description == offer.title_zh:
        return choose(offer.title_zh, offer.title_en)
    return line.description


def delivery_name(delivery: Delivery) -> str:
    """As the parties named it; what is called by its line or by its kind, in the reader's language."""
    if delivery.line is not None and delivery.title == delivery.line.description:
        return line_name(delivery.line)
    kind = KINDS.get(delivery.agreement.kind)
    return choose(kind.name.zh, kind.name.en) if kind and delivery.title == kind.name.zh else delivery.title


def shortened(key: str) -> str:
    return key if len(key) <= LONGEST else f"{key[: LONGEST // 2]}…"


def _titles(subjects: Iterable[str], actor: Actor) -> dict[str, str]:
    """The subjects that are called by a listing's or a programme's title, as far as the actor may see them."""
    wanted: dict[str, dict[str, list[str]]] = {}
    for subject in subjects:
        kind, _colon, key = subject.partition(":")
        kind, key = WITHIN[kind](key) if kind in WITHIN else (kind, key)
        if kind in TITLED:
            wanted.setdefault(kind, {}).setdefault(key, []).append(subject)
    titles: dict[str, str] = {}
    for kind, keys in wanted.items():
        model, fields = TITLED[kind]
        for key, *told in model.objects.visible_to(actor).filter(key__in=keys).values_list("key", *fields):
            title = choose(*told) if len(told) > 1 else programme_title(told[0])
            titles |= {each: title for each in keys[key] if title}
    return titles


def _statement_files(subjects: Iterable[str], actor: Actor) -> dict[str, str]:
    """A bank statement is called as its file; its subject is the beginning of what the file hashes to."""
    asked = [each for each in subjects if each.startswith("statement:")]
    if not asked:
        return {}
    wanted = reduce(or_, (Q(sha256__startswith=each.partition(":")[2]) for each in asked))
    found = StatementFile.objects.visible_to(actor).filter(wanted).values_list("sha256", "name")
    return {each: name for sha256, name in found for each in asked if sha256.startswith(each.partition(":")[2])}


def _names(texts: Iterable[str]) -> Mapping[str, str]:
    keys = {part for text in texts for part in re.split("[:/]", text)}
    found = Organisation.objects.visible_to(VISITOR).filter(key__in=keys)
    return dict(found.values_list("key", "name"))


def _subject(subject: str, names: Mapping[str, str]) -> str:
    kind, colon, rest = subject.partition(":")
    if not colon:
        return subject
    return _account(rest, names) if kind == "account" else _whose(rest, names)


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
    return programme_title(part) if part in programmes() else shortened(part)


def programme_title(programme_id: str) -> str:
    found = programmes().get(programme_id)
    return choose(found.title.zh, found.title.en) if found else programme_id

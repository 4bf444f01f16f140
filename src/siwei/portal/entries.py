"""What people type into a form → the canonical text a fact keeps. Exact: nothing typed is ever rounded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal

from django.utils.translation import gettext as _

from siwei.city.attributes import Attribute, parse_value
from siwei.errors import InputError, Problem

FEN_IN = {"yuan": 100, "wan": 1_000_000}
"""Minor units in one of what the form offers: 元 and 万元."""
MONEY_UNITS = ("fen", "minor")
MICROFEN_IN_FEN = 1_000_000
BASIS_POINTS_IN_PER_CENT = 100
NUMBER = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
MOST_DIGITS = 30
INT64 = 2**63
REMARK = re.compile(r" \([^()]*\)$")
CHOICES = re.compile(r"[a-z][a-z0-9_]*(?: / [a-z][a-z0-9_]*)+")


def canonical_entry(attribute: Attribute, text: str, unit: str = "") -> str:
    """`1,280.5` in 万元 → `1280500000`; `15` per cent → `1500`; full-width digits are digits. Raises InputError."""
    if attribute.type == "string":
        return _chosen(attribute, text.strip())
    written = unicodedata.normalize("NFKC", text).strip()
    if attribute.type == "int":
        written = str(whole_number(attribute, written, _multiple(attribute, unit)))
    parse_value(attribute, written)
    return written


def whole_number(attribute: Attribute, written: str, multiple: int) -> int:
    """The number typed, times `multiple`; refused where it would not come out whole."""
    if len(written) > MOST_DIGITS or not NUMBER.fullmatch(written):
        raise InputError([Problem(_("This is not a number"), _("digits, such as 1280.5"), field=attribute.id)])
    exact = Decimal(written.replace(",", "")) * multiple
    if exact != exact.to_integral_value():
        finest = _("nothing finer than one fen") if attribute.unit in MONEY_UNITS else _("a whole number")
        raise InputError([Problem(_("This is too fine"), finest, field=attribute.id)])
    if abs(exact) >= INT64:
        raise InputError([Problem(_("This number is too large"), _("a smaller one"), field=attribute.id)])
    return int(exact)


def amount_entry(text: str, unit: str, field: str) -> int:
    """An amount typed in 元 or 万元, in fen. Raises InputError."""
    written = unicodedata.normalize("NFKC", text).strip().lstrip("¥")
    amount = Attribute(field, "", "int", "fen", field, field, False, False, "", "", "", None, None, False)
    fen = whole_number(amount, written, _multiple(amount, unit))
    parse_value(amount, str(fen))
    return fen


def microfen_entry(text: str, unit: str, field: str) -> int:
    """What calls of a model cost, typed in 元 or 万元, in millionths of a fen. Raises InputError."""
    written = unicodedata.normalize("NFKC", text).strip().lstrip("¥")
    amount = Attribute(field, "", "int", "microfen", field, field, False, False, "", "", "", None, None, False)
    return whole_number(amount, written, FEN_IN.get(unit, FEN_IN["yuan"]) * MICROFEN_IN_FEN)


def choices_of(attribute: Attribute, districts: Mapping[str, object]) -> tuple[str, ...]:
    """The values a text may have, where the pack says which: districts, or a meaning written `a / b / c`, with a
    remark in brackets after it."""
    if attribute.id == "district":
        return tuple(districts)
    listed = REMARK.sub("", attribute.meaning_en)
    return tuple(listed.split(" / ")) if CHOICES.fullmatch(listed) else ()


def _multiple(attribute: Attribute, unit: str) -> int:
    if attribute.unit == "basis_point":
        return BASIS_POINTS_IN_PER_CENT
    if attribute.unit not in MONEY_UNITS:
        return 1
    if unit not in FEN_IN:
        raise InputError(
            [Problem(_("An amount needs its unit"), _("choose yuan or ten thousand yuan"), field=attribute.id)]
        )
    return FEN_IN[unit]


def _chosen(attribute: Attribute, text: str) -> str:
    allowed = choices_of(attribute, {}) if attribute.id != "district" else ()
    if allowed and text not in allowed:
        raise InputError([Problem(_("This is not one of the choices"), ", ".join(allowed), field=attribute.id)])
    return text

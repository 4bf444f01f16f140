"""Figures as pages show them: money, quantities, days, facts, and what a policy saw."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from siwei.market.bank import exact_yuan
from siwei.portal import figures, words
from siwei.portal.city_pack import districts
from siwei.portal.figures import about, exact_microfen, money
from siwei.portal.languages import choose, is_chinese

register = template.Library()


@register.filter
def fen(value: int | None) -> SafeString | str:
    """万元 with every digit the sum has; as yuan to the fen on hover, and in the document for programs."""
    return "–" if value is None else figure(value, exact_yuan(value), money(value, is_chinese()), True)


def figure(value: float, exact: str, shown: str, says_all: bool) -> SafeString:
    """A figure; where what is shown leaves something out it can be focused, and then shows the whole (parts.css):
    a phone has no hover."""
    if says_all:
        return format_html('<data class="figure" value="{}" title="{}">{}</data>', value, exact, shown)
    return format_html('<data class="figure rounded" value="{}" title="{}" tabindex="0">{}</data>', value, exact, shown)


@register.filter
def exact_fen(value: int | None) -> str:
    return "–" if value is None else exact_yuan(value)


@register.filter
def taken_fen(value: int) -> str:
    """What came off a sum: `−¥30,000.00`."""
    return exact_yuan(-value)


@register.filter
def microfen(value: int | None) -> SafeString | str:
    """What calls cost, exact: they are charged to a millionth of a fen."""
    return (
        "–" if value is None else format_html('<data class="figure" value="{}">{}</data>', value, exact_microfen(value))
    )


@register.filter
def grouped(value: Any) -> str:
    """1,234,567; text stays text."""
    return figures.grouped(value) if isinstance(value, int | float) else "–" if value is None else str(value)


@register.filter
def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


@register.filter
def iso(value: date | datetime | str | None) -> str:
    if isinstance(value, datetime):
        return localtime(value).strftime("%Y-%m-%d %H:%M") if value.tzinfo else value.strftime("%Y-%m-%d %H:%M")
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)


@register.simple_tag
def unit_price(fen_each: int, quantity_each: int, unit: str) -> str:
    """A price with what it is for: `¥24.00 / accelerator-hour`, `¥680.00 / piece`."""
    if unit == "microfen":  # calls of a model: the unit is money itself, each call is priced by its tokens
        return _("by call, at the model's price")
    if unit == "milestone":  # one line of all of them: what each pays stands with the deliveries
        return _("by milestone")
    return f"{exact_yuan(fen_each)} / {words.per(quantity_each, unit)}"


@register.filter
def cell(value: Any, column: str) -> str:
    """A cell of an indicator's rows: a code in words where its column holds codes of a group."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str):
        return district(value) if column == "district" else words.word(column, value)
    return grouped(value)


@register.filter
def reading(measured: Mapping[str, Any]) -> list[str]:
    """What a meter measured, part by part, in words; moments in the city's own time."""
    return [f"{words.word('measured', name)} {_moment(value)}" for name, value in measured.items()]


def _moment(value: Any) -> str:
    try:
        return iso(datetime.fromisoformat(value)) if isinstance(value, str) else grouped(value)
    except ValueError:
        return str(value)


@register.simple_tag
def share_of(part: float | None, whole: float | None, width: int = 100) -> float:
    """`part` of `whole` scaled to `width`, for the length of a bar."""
    return 0 if not part or not whole else round(min(part / whole, 1) * width, 2)


@register.simple_tag
def district(code: str) -> str:
    """A district's name; "district not known" where there is none."""
    if not code:
        return _("district not known")
    row = districts().get(code)
    return choose(row["name_zh"], row["name_en"]) if row else code


@register.simple_tag
def fact_value(attribute: Mapping[str, Any], value: str) -> SafeString | str:
    """A fact's canonical text as people read it: money, dates, yes and no, districts."""
    if attribute["id"] == "district":
        return district(value)
    if attribute["id"] in words.CODED:
        return words.word(attribute["id"], value)
    if attribute["type"] == "bool":
        return _("yes") if value == "true" else _("no")
    if attribute["type"] == "int":
        try:
            number = int(value)
        except ValueError:
            return value
        if attribute["unit"] == "fen":
            return fen(number)
        if attribute["unit"] == "minor":
            return minor_units(number)
        if attribute["unit"] == "basis_point":
            return f"{number / 100:g} %"
        return figures.grouped(number)
    return value


def minor_units(value: int) -> SafeString:
    """Hundredths of a currency named by another fact: ten thousands of it, exact on hover."""
    shown = f"{value / 100:,.0f}" if not is_chinese() or value < 1_000_000 else f"{value / 1_000_000:,.2f} 万"
    return figure(value, f"{value / 100:,.2f}", shown, value % (100 if "万" not in shown else 10_000) == 0)


@register.simple_tag
def quantity(value: int, unit: str) -> str:
    """A metered amount with its unit; what calls of a model cost is money, charged finer than a fen."""
    return exact_microfen(value) if unit == "microfen" else words.quantity(value, unit)


@register.simple_tag
def amount(value: int, unit: str) -> SafeString | str:
    """An amount on the ledger: money, or a metered quantity; what is counted under a cap as what it counts."""
    return fen(value) if unit in ("CNY", "cap:fen") else quantity(value, unit.removeprefix("cap:"))


@register.simple_tag
def exact_amount(value: int, unit: str) -> SafeString | str:
    """An amount on the ledger where figures are checked against each other: money to the fen, never shortened."""
    return exact_fen(value) if unit in ("CNY", "cap:fen") else amount(value, unit)


@register.simple_tag
def seen_value(seen: Any) -> SafeString | str:
    """What a clause saw: the fact in its unit, or that it is not known."""
    if seen.fact is None or seen.fact.value is None:
        return format_html('<span class="soft">{}</span>', _("not known"))
    value, unit = seen.fact.value, seen.unit
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return fen(value) if unit == "fen" else f"{value:,}"
    if seen.attribute in words.CODED:
        return words.word(seen.attribute, str(value))
    return district(value) if seen.attribute == "district" else iso(value) if isinstance(value, date) else str(value)


@register.simple_tag
def step_value(step: Any) -> str:
    """A step's result as written in the code: fen stay fen, so that the reader can follow the arithmetic."""
    if step.status != "ok" or step.value is None:
        return _("not known") if step.status == "unknown" else _("error")
    if isinstance(step.value, bool):
        return "true" if step.value else "false"
    return f"{step.value:,}" if isinstance(step.value, int) else str(step.value)


@register.simple_tag
def parameter_value(value: int | None, unit: str) -> SafeString | str:
    """A programme's parameter in its unit: fen as money, basis points as per cent; `fen/people` as money for each."""
    if value is None:
        return "–"
    of, _per, each = unit.partition("/")
    if of == "fen":
        shown: SafeString | str = fen(value)
    elif of in ("bp", "basis_point"):
        shown = f"{value / 100:g} %"
    else:
        shown = f"{figures.grouped(value)} {words.word('unit', of)}".strip()
    return format_html("{} / {}", shown, words.word("unit", each)) if each else shown


@register.filter
def share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


@register.simple_tag
def measured(measurement: Any) -> SafeString | str:
    """An indicator's value in its unit."""
    value, unit = measurement.value, measurement.indicator.unit
    if value is None:
        return "–"
    if measurement.indicator.statistic == "share":
        exact, percent = fraction(measurement), Decimal(repr(value)) * 100
        # A few in a hundred thousand is not nothing: two figures of it, as the report writes them.
        small = 0 < percent < 1
        shown = f"{round(percent, 1 - percent.adjusted()):f}%" if small else f"{percent:.1f}%"
        return figure(value, exact, shown, not exact)
    if unit == "fen":
        whole = round(value)
        is_sum = measurement.indicator.statistic == "total"
        return fen(whole) if is_sum else figure(whole, exact_yuan(whole), about(whole, is_chinese()), False)
    shown = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    # So many of one for each of another: the unit is that of the rows, not of their ratio.
    told = "" if unit in ("", "1") or measurement.indicator.statistic == "ratio" else words.word("unit", unit)
    return format_html("{} <small>{}</small>", shown, told)


@register.simple_tag
def fraction(measurement: Any) -> str:
    """What an indicator's value is exactly, as summed: `12 / 345`, in yuan where it counts money; empty for a total."""
    above, below = measurement.numerator, measurement.denominator
    if above is None or not below or measurement.indicator.statistic == "total":
        return ""
    write = exact_yuan if measurement.indicator.unit == "fen" else "{:,}".format
    return f"{write(above)} / {write(below)}"

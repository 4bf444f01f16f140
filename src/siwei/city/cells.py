"""The types of a pack's cells: each reads text, and says what to write where the text is wrong."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from siwei.city.pack_csv import nearest_name

MAX_TEXT = 1_000
MAX_SHOWN = 80
IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
SIGNIFICANT_DIGITS = 15
# Beyond Unicode's own letters these never belong in a name, and can make a page read as what it does not say.
INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Reference:
    """The cell names a row of another table by its first key column."""

    table: str


def problem(message: str, fix: str) -> PydanticCustomError:
    """An error whose fix travels with it to the `Problem` that people read."""
    # The words go in as a value: braces in them would otherwise be read as places to fill in.
    return PydanticCustomError("pack", "{words}", {"words": message, "fix": fix})


def shown(cell: Any) -> str:
    """A cell as a message quotes it: what cannot be seen is escaped, what is long is cut."""
    text = repr(cell)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 2]}…{text[0]}"


def _text(cell: Any) -> Any:
    if not isinstance(cell, str):
        raise problem("is not plain text", "write one value, not a list or a mapping")
    if not cell:
        raise problem("is empty", "write a value")
    if len(cell) > MAX_TEXT:
        raise problem(f"has {len(cell)} characters; the limit is {MAX_TEXT}", "shorten it")
    if INVISIBLE.search(cell):
        raise problem("holds an invisible character", "type the text again without it")
    return cell


def _matching(pattern: re.Pattern[str], words: str) -> Callable[[Any], Any]:
    def check(cell: Any) -> Any:
        if not pattern.fullmatch(_text(cell)):
            raise problem(f"{shown(cell)} is not {words}", f"write {words}")
        return cell

    return check


def _boolean(cell: Any) -> Any:
    if cell not in ("true", "false"):
        raise problem(f"{shown(cell)} is neither true nor false", "write true or false")
    return cell == "true"


def _date(cell: Any) -> Any:
    try:
        # fromisoformat also takes 20240601 and 2024-W01-1: one form only, so that a reader is never in doubt.
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", _text(cell)):
            raise ValueError
        return date.fromisoformat(cell)
    except ValueError:
        raise problem(f"{shown(cell)} is not a date", "write it as YYYY-MM-DD") from None


def _past_date(cell: Any, info: ValidationInfo) -> Any:
    day: date = _date(cell)
    today: date = info.context["today"] if info.context else date.max
    if day > today:
        raise problem(f"{cell} is in the future", f"write a date up to {today}")
    return day


def _integer(cell: Any) -> Any:
    if not re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", _text(cell)):
        raise problem(f"{shown(cell)} is not a whole number", "write digits only")
    return int(cell)


def _year(cell: Any) -> Any:
    if not re.fullmatch(r"(19|20)[0-9]{2}", _text(cell)):
        raise problem(f"{shown(cell)} is not a year", "write four digits, 1900 to 2099")
    return int(cell)


def _number(cell: Any) -> Any:
    if not NUMBER.fullmatch(_text(cell)):
        raise problem(
            f"{shown(cell)} is not a plain number",
            "write digits and at most one decimal point; ranges go to `qualifier`",
        )
    if len(re.sub(r"[-.]", "", cell).lstrip("0")) > SIGNIFICANT_DIGITS:
        raise problem(f"{shown(cell)} has more than {SIGNIFICANT_DIGITS} digits", "round it")
    return float(cell)


def _share(cell: Any) -> Any:
    value: float = _number(cell)
    if not (math.isfinite(value) and 0 < value <= 1):
        raise problem(f"{shown(cell)} is not between 0 and 1", "write a number over 0 and up to 1")
    return value


def _link(cell: Any) -> Any:
    if not re.fullmatch(r"https?://[^\s<>\"']+", _text(cell)):
        raise problem(f"{shown(cell)} is not a web address", "write it with https://")
    return cell


def _empty_is_none(cell: Any) -> Any:
    return None if cell == "" else cell


def one_of(*values: str) -> BeforeValidator:
    """A cell that holds one word of a closed list."""

    def check(cell: Any) -> Any:
        if cell not in values:
            nearest = nearest_name(str(cell)[:MAX_SHOWN], values)
            raise problem(
                f"{shown(cell)} is not one of {', '.join(values)}",
                f"write {nearest!r}" if nearest else "write one of them",
            )
        return cell

    return BeforeValidator(check)


def _time_zone(cell: Any) -> Any:
    if _text(cell) not in available_timezones():
        raise problem(f"{shown(cell)} is not a time zone", "write a name such as Asia/Shanghai")
    return cell


Text = Annotated[str, BeforeValidator(_text)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
Language = Annotated[str, one_of("zh-Hans", "zh-Hant", "en")]
CountryCode = Annotated[str, BeforeValidator(_matching(re.compile("[A-Z]{2}"), "a country code of two capitals"))]
CurrencyCode = Annotated[str, BeforeValidator(_matching(re.compile("[A-Z]{3}"), "a currency code of three capitals"))]
Identifier = Annotated[
    str, BeforeValidator(_matching(IDENTIFIER, "an identifier (a-z, 0-9, dot, hyphen, underscore; up to 60)"))
]
AttributeName = Annotated[
    str, BeforeValidator(_matching(ATTRIBUTE_NAME, "an attribute name (a letter, then a-z, 0-9, underscore; up to 60)"))
]
Boolean = Annotated[bool, BeforeValidator(_boolean)]
Date = Annotated[date, BeforeValidator(_date)]
PastDate = Annotated[date, BeforeValidator(_past_date)]
Integer = Annotated[int, BeforeValidator(_integer)]
Year = Annotated[int, BeforeValidator(_year)]
Number = Annotated[float, BeforeValidator(_number)]
Share = Annotated[float, BeforeValidator(_share)]
WebAddress = Annotated[str, BeforeValidator(_link)]
# The outer validator runs first: an empty cell never reaches the inner type.
OptionalText = Annotated[Text | None, BeforeValidator(_empty_is_none)]
OptionalIdentifier = Annotated[Identifier | None, BeforeValidator(_empty_is_none)]
OptionalDate = Annotated[Date | None, BeforeValidator(_empty_is_none)]
OptionalPastDate = Annotated[PastDate | None, BeforeValidator(_empty_is_none)]
OptionalInteger = Annotated[Integer | None, BeforeValidator(_empty_is_none)]
OptionalNumber = Annotated[Number | None, BeforeValidator(_empty_is_none)]
OptionalWebAddress = Annotated[WebAddress | None, BeforeValidator(_empty_is_none)]

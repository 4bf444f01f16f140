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
from siwei.city.table_words import FORMS, of_cell

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


def problem(kind: str, **values: object) -> PydanticCustomError:
    """A line of `table_words.CELLS`, which travels with its fix to the `Problem` that people read."""
    message, fix = of_cell(kind, **values)
    # The words go in as a value: braces in them would otherwise be read as places to fill in.
    return PydanticCustomError("pack", "{words}", {"words": message, "fix": fix})


def shown(cell: Any) -> str:
    """A cell as a message quotes it: what cannot be seen is escaped, what is long is cut."""
    text = repr(cell)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 2]}…{text[0]}"


def _text(cell: Any) -> Any:
    if not isinstance(cell, str):
        raise problem("no_text")
    if not cell:
        raise problem("empty")
    if len(cell) > MAX_TEXT:
        raise problem("long", count=len(cell), most=MAX_TEXT)
    if INVISIBLE.search(cell):
        raise problem("invisible")
    return cell


def _matching(pattern: re.Pattern[str], form: str) -> Callable[[Any], Any]:
    def check(cell: Any) -> Any:
        if not pattern.fullmatch(_text(cell)):
            raise problem("form", cell=shown(cell), form=FORMS[form])
        return cell

    return check


def _boolean(cell: Any) -> Any:
    if cell not in ("true", "false"):
        raise problem("boolean", cell=shown(cell))
    return cell == "true"


def _date(cell: Any) -> Any:
    try:
        # fromisoformat also takes 20240601 and 2024-W01-1: one form only, so that a reader is never in doubt.
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", _text(cell)):
            raise ValueError
        return date.fromisoformat(cell)
    except ValueError:
        raise problem("date", cell=shown(cell)) from None


def _past_date(cell: Any, info: ValidationInfo) -> Any:
    day: date = _date(cell)
    today: date = info.context["today"] if info.context else date.max
    if day > today:
        raise problem("future", cell=cell, today=today)
    return day


def _integer(cell: Any) -> Any:
    if not re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", _text(cell)):
        raise problem("integer", cell=shown(cell))
    return int(cell)


def _year(cell: Any) -> Any:
    if not re.fullmatch(r"(19|20)[0-9]{2}", _text(cell)):
        raise problem("year", cell=shown(cell))
    return int(cell)


def _number(cell: Any) -> Any:
    if not NUMBER.fullmatch(_text(cell)):
        raise problem("number", cell=shown(cell))
    if len(re.sub(r"[-.]", "", cell).lstrip("0")) > SIGNIFICANT_DIGITS:
        raise problem("digits", cell=shown(cell), most=SIGNIFICANT_DIGITS)
    return float(cell)


def _share(cell: Any) -> Any:
    value: float = _number(cell)
    if not (math.isfinite(value) and 0 < value <= 1):
        raise problem("share", cell=shown(cell))
    return value


def _link(cell: Any) -> Any:
    if not re.fullmatch(r"https?://[^\s<>\"']+", _text(cell)):
        raise problem("link", cell=shown(cell))
    return cell


def _empty_is_none(cell: Any) -> Any:
    return None if cell == "" else cell


def one_of(*values: str) -> BeforeValidator:
    """A cell that holds one word of a closed list."""

    def check(cell: Any) -> Any:
        if cell not in values:
            nearest = nearest_name(str(cell)[:MAX_SHOWN], values)
            kind = "misspelt" if nearest else "choice"
            near = {"near": nearest} if nearest else {}
            raise problem(kind, cell=shown(cell), known=", ".join(values), **near)
        return cell

    return BeforeValidator(check)


def _time_zone(cell: Any) -> Any:
    if _text(cell) not in available_timezones():
        raise problem("time_zone", cell=shown(cell))
    return cell


Text = Annotated[str, BeforeValidator(_text)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
Language = Annotated[str, one_of("zh-Hans", "zh-Hant", "en")]
CountryCode = Annotated[str, BeforeValidator(_matching(re.compile("[A-Z]{2}"), "country"))]
CurrencyCode = Annotated[str, BeforeValidator(_matching(re.compile("[A-Z]{3}"), "currency"))]
Identifier = Annotated[str, BeforeValidator(_matching(IDENTIFIER, "identifier"))]
AttributeName = Annotated[str, BeforeValidator(_matching(ATTRIBUTE_NAME, "attribute"))]
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

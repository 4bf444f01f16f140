"""A word for every way in which a request can be wrong, by pydantic's code of it: what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_noop

NUMBER = (
    gettext_noop("this is not a whole number"),
    gettext_noop("send an integer: money in fen, no quotes, no point"),
)
TEXT = (gettext_noop("this is not a text"), gettext_noop("send a text in quotes"))
DAY = (gettext_noop("this is not a date"), gettext_noop("such as 2026-11-30"))
MOMENT = (gettext_noop("this is not a moment"), gettext_noop("such as 2026-11-30T18:00:00+08:00"))
YES_OR_NO = (gettext_noop("this is not true or false"), gettext_noop("send true or false, without quotes"))
LIST = (gettext_noop("this is not a list"), gettext_noop("send a list in square brackets"))
OBJECT = (gettext_noop("this is not an object"), gettext_noop("send an object in curly brackets"))
CHOICE = (gettext_noop("this is not one of the choices"), gettext_noop("one of: %(expected)s"))
OTHERS = (gettext_noop("this value cannot be used"), gettext_noop("see what it may be at /api/docs"))

FAULTS: Mapping[str, tuple[str, str]] = {
    "missing": (gettext_noop("this is missing"), gettext_noop("send it")),
    "extra_forbidden": (gettext_noop("this is not known here"), gettext_noop("leave it out")),
    "json_invalid": (gettext_noop("this is not JSON"), gettext_noop("send JSON in UTF-8")),
    "json_type": (gettext_noop("this is not JSON"), gettext_noop("send JSON in UTF-8")),
    "recursion_loop": (gettext_noop("this is nested too deep"), gettext_noop("send it flatter")),
    "recursion_depth_exceeded": (gettext_noop("this is nested too deep"), gettext_noop("send it flatter")),
    "string_type": TEXT,
    "string_unicode": (gettext_noop("this text is not UTF-8"), gettext_noop("send it in UTF-8")),
    "string_too_short": (gettext_noop("this is too short"), gettext_noop("%(min_length)s characters at least")),
    "string_too_long": (gettext_noop("this is too long"), gettext_noop("%(max_length)s characters at most")),
    "string_pattern_mismatch": (gettext_noop("this has another form"), gettext_noop("of the form %(pattern)s")),
    "int_type": NUMBER,
    "int_parsing": NUMBER,
    "int_from_float": NUMBER,
    "int_parsing_size": (gettext_noop("this number is too large"), gettext_noop("send a smaller one")),
    "float_type": (gettext_noop("this is not a number"), gettext_noop("send a number, without quotes")),
    "float_parsing": (gettext_noop("this is not a number"), gettext_noop("send a number, without quotes")),
    "finite_number": (gettext_noop("this is not a number"), gettext_noop("send a number, without quotes")),
    "greater_than": (gettext_noop("this is too small"), gettext_noop("more than %(gt)s")),
    "greater_than_equal": (gettext_noop("this is too small"), gettext_noop("%(ge)s at least")),
    "less_than": (gettext_noop("this is too large"), gettext_noop("less than %(lt)s")),
    "less_than_equal": (gettext_noop("this is too large"), gettext_noop("%(le)s at most")),
    "multiple_of": (gettext_noop("this number does not fit"), gettext_noop("a multiple of %(multiple_of)s")),
    "too_short": (gettext_noop("this has too few entries"), gettext_noop("%(min_length)s at least")),
    "too_long": (gettext_noop("this has too many entries"), gettext_noop("%(max_length)s at most")),
    "bool_type": YES_OR_NO,
    "bool_parsing": YES_OR_NO,
    "literal_error": CHOICE,
    "enum": CHOICE,
    "list_type": LIST,
    "tuple_type": LIST,
    "set_type": LIST,
    "dict_type": OBJECT,
    "mapping_type": OBJECT,
    "model_type": OBJECT,
    "model_attributes_type": OBJECT,
    "date_type": DAY,
    "date_parsing": DAY,
    "date_from_datetime_parsing": DAY,
    "date_from_datetime_inexact": DAY,
    "datetime_type": MOMENT,
    "datetime_parsing": MOMENT,
    "datetime_object_invalid": MOMENT,
    "datetime_from_date_parsing": MOMENT,
    "timezone_aware": (gettext_noop("this moment has no time zone"), gettext_noop("such as 2026-11-30T18:00:00+08:00")),
    "none_required": (gettext_noop("nothing can stand here"), gettext_noop("leave it out")),
}

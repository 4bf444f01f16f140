"""A word for every way in which data can differ from its schema, by pydantic's code of it: what is wrong, what to do.

Never with the value itself: it came from the caller and may be anything."""

from collections.abc import Mapping
from typing import Any

from siwei.errors import Problem, Said

NUMBER = (
    Said("this is not a whole number", "不是整数"),
    Said("send an integer: money in fen, no quotes, no point", "请填整数：金额以分计，不加引号，不带小数点"),
)
TEXT = (Said("this is not a text", "不是文本"), Said("send a text in quotes", "请填带引号的文本"))
DAY = (Said("this is not a date", "不是日期"), Said("such as 2026-11-30", "例如 2026-11-30"))
MOMENT = (
    Said("this is not a moment", "不是时刻"),
    Said("such as 2026-11-30T18:00:00+08:00", "例如 2026-11-30T18:00:00+08:00"),
)
YES_OR_NO = (
    Said("this is not true or false", "不是 true 或 false"),
    Said("send true or false, without quotes", "请填 true 或 false，不加引号"),
)
LIST = (Said("this is not a list", "不是列表"), Said("send a list in square brackets", "请填方括号列表"))
OBJECT = (Said("this is not an object", "不是对象"), Said("send an object in curly brackets", "请填花括号对象"))
CHOICE = (Said("this is not one of the choices", "不在可选值之内"), Said("one of: %(expected)s", "可选：%(expected)s"))
OTHERS = (
    Said("this value cannot be used", "该值无法使用"),
    Said("see what it may be at /api/docs", "可填内容见 /api/docs"),
)

FAULTS: Mapping[str, tuple[Said, Said]] = {
    "missing": (Said("this is missing", "缺少此项"), Said("send it", "请补上")),
    "extra_forbidden": (Said("this is not known here", "此处没有这一项"), Said("leave it out", "请去掉")),
    "json_invalid": (Said("this is not JSON", "不是 JSON"), Said("send JSON in UTF-8", "请发送 UTF-8 编码的 JSON")),
    "json_type": (Said("this is not JSON", "不是 JSON"), Said("send JSON in UTF-8", "请发送 UTF-8 编码的 JSON")),
    "recursion_loop": (Said("this is nested too deep", "嵌套过深"), Said("send it flatter", "请减少层次")),
    "recursion_depth_exceeded": (Said("this is nested too deep", "嵌套过深"), Said("send it flatter", "请减少层次")),
    "string_type": TEXT,
    "string_unicode": (
        Said("this text is not UTF-8", "文本不是 UTF-8 编码"),
        Said("send it in UTF-8", "请用 UTF-8 编码"),
    ),
    "string_too_short": (
        Said("this is too short", "过短"),
        Said("%(min_length)s characters at least", "至少 %(min_length)s 个字符"),
    ),
    "string_too_long": (
        Said("this is too long", "过长"),
        Said("%(max_length)s characters at most", "至多 %(max_length)s 个字符"),
    ),
    "string_pattern_mismatch": (
        Said("this has another form", "格式不符"),
        Said("of the form %(pattern)s", "格式应为 %(pattern)s"),
    ),
    "int_type": NUMBER,
    "int_parsing": NUMBER,
    "int_from_float": NUMBER,
    "int_parsing_size": (Said("this number is too large", "数值过大"), Said("send a smaller one", "请填较小的数")),
    "float_type": (
        Said("this is not a number", "不是数值"),
        Said("send a number, without quotes", "请填数值，不加引号"),
    ),
    "float_parsing": (
        Said("this is not a number", "不是数值"),
        Said("send a number, without quotes", "请填数值，不加引号"),
    ),
    "finite_number": (
        Said("this is not a number", "不是数值"),
        Said("send a number, without quotes", "请填数值，不加引号"),
    ),
    "greater_than": (Said("this is too small", "过小"), Said("more than %(gt)s", "应大于 %(gt)s")),
    "greater_than_equal": (Said("this is too small", "过小"), Said("%(ge)s at least", "不小于 %(ge)s")),
    "less_than": (Said("this is too large", "过大"), Said("less than %(lt)s", "应小于 %(lt)s")),
    "less_than_equal": (Said("this is too large", "过大"), Said("%(le)s at most", "不大于 %(le)s")),
    "multiple_of": (
        Said("this number does not fit", "数值不符"),
        Said("a multiple of %(multiple_of)s", "应为 %(multiple_of)s 的倍数"),
    ),
    "too_short": (
        Said("this has too few entries", "条目过少"),
        Said("%(min_length)s at least", "至少 %(min_length)s 项"),
    ),
    "too_long": (
        Said("this has too many entries", "条目过多"),
        Said("%(max_length)s at most", "至多 %(max_length)s 项"),
    ),
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
    "timezone_aware": (
        Said("this moment has no time zone", "时刻没有时区"),
        Said("such as 2026-11-30T18:00:00+08:00", "例如 2026-11-30T18:00:00+08:00"),
    ),
    "none_required": (Said("nothing can stand here", "此处不应有值"), Said("leave it out", "请去掉")),
}


MOST_CHOICES = 20


def problem_of(error: Mapping[str, Any], field: str) -> Problem:
    """One of pydantic's errors (`error.errors()`), in both languages. A validator of ours that raises
    `ValueError(Said(…))` is told in its own words."""
    context = error.get("ctx", {})
    own = getattr(context.get("error"), "args", ())
    if own and isinstance(own[0], Said):
        return Problem(own[0], field=field)
    message, fix = FAULTS.get(error["type"], OTHERS)
    return Problem(_filled(message, context), _filled(fix, context), field=field)


def _filled(words: Said, context: Mapping[str, Any]) -> Said:
    told = {name: str(value)[:200] for name, value in context.items()}
    try:
        return Said(words % _choices(told, ", "), words.zh % _choices(told, "、")) if told else words
    except (KeyError, ValueError):
        return words


def _choices(told: Mapping[str, str], comma: str) -> dict[str, str]:
    """`'owner', 'manager' or 'member'` → owner, manager, member; the first of many."""
    if "expected" not in told:
        return dict(told)
    choices = [each.strip().strip("'") for each in told["expected"].replace(" or ", ", ").split(", ")]
    return {**told, "expected": comma.join(choices[:MOST_CHOICES]) + ("…" if len(choices) > MOST_CHOICES else "")}

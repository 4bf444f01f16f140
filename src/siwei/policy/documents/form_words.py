"""The Chinese of what is said of a file's form by the library that checks it, by the kind of the fault. The English is
the library's own; figures stand in braces.
"""

from collections.abc import Mapping
from typing import Any

from siwei.errors import Said

FORMS: Mapping[str, str] = {
    "string_type": "应为文字",
    "string_unicode": "应为文字，且须为完整的字符",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "至多 {max_length} 个字符",
    "string_pattern_mismatch": "应符合格式 `{pattern}`",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_parsing_size": "整数过长，无法读取",
    "int_from_float": "应为整数，不得有小数",
    "float_type": "应为数",
    "float_parsing": "应为数",
    "finite_number": "应为有限的数",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "list_type": "应为列表",
    "tuple_type": "应为列表",
    "dict_type": "应为键与值",
    "literal_error": "应为 {expected} 之一",
    "enum": "应为 {expected} 之一",
    "date_type": "应为日期，如 2026-01-31",
    "date_parsing": "应为日期，如 2026-01-31",
    "date_from_datetime_parsing": "应为日期，如 2026-01-31",
    "date_from_datetime_inexact": "应为日期，不得带时刻",
    "too_short": "至少 {min_length} 项，现有 {actual_length} 项",
    "too_long": "至多 {max_length} 项，现有 {actual_length} 项",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "应不大于 {le}",
    "value_error": "值不对：{error}",
    "assertion_error": "值不对：{error}",
}


def form_fault(detail: Mapping[str, Any]) -> str:
    """What is wrong, of one of the library's errors; an error of our own says it itself."""
    context = dict(detail.get("ctx", {}))
    ours = getattr(context.get("error"), "args", ())
    if ours and isinstance(ours[0], Said):
        return ours[0]
    message, form = str(detail["msg"]).removeprefix("Value error, "), FORMS.get(str(detail["type"]))
    if form is None:
        return message
    # As the library joins what may stand there.
    context["expected"] = str(context.get("expected", "")).replace(" or ", "、").replace(", ", "、")
    return Said(message, form.format(**context))

"""Why a row cannot be used, in both languages, by the kind of its fault. Values stand in braces."""

from collections.abc import Mapping

from siwei.errors import Said

REASONS: Mapping[str, tuple[str, str]] = {
    "no_id": ("no id: give every row one", "缺少 id：每行须有一个"),
    "repeated_id": ("the id stands more than once: keep one row per id", "id 重复：每个 id 只留一行"),
    "control_in_id": (
        "the id holds characters that nobody sees (control or direction characters): take them out",
        "id 含有不可见字符（控制字符或方向字符）：请删去",
    ),
    "no_integer": ("not a whole number within 64 bits", "不是 64 位以内的整数"),
    "no_boolean": ("not true or false", "不是 true 或 false"),
    "no_day": ("not a day of the years 1 to 9999, as 2026-01-31", "不是公元 1 至 9999 年的日期，如 2026-01-31"),
    "no_text": ("not text", "不是文字"),
    "no_status": (
        "not 0, 1, 2 or declared, documented, verified",
        "不是 0、1、2 或 declared（已声明）、documented（有文件）、verified（已核验）",
    ),
    "no_utf8": ("not UTF-8", "不是 UTF-8"),
    "no_unicode": ("holds half a character (a lone surrogate)", "含有半个字符（单独的代理项）"),
    "cells": ("{found} cells where the header has {expected}", "有 {found} 个单元格，而表头有 {expected} 个"),
}


def reason(kind: str, **values: object) -> Said:
    """Of a line of REASONS."""
    en, zh = REASONS[kind]
    return Said(en.format(**values), zh.format(**values))


def is_halved(cell: str | None) -> bool:
    """JSON can hold one half of a pair of surrogates, which is no character and no table takes."""
    return cell is not None and any("\ud800" <= each <= "\udfff" for each in cell)

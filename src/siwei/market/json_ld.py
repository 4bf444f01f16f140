"""JSON-LD read within bounds, and its properties had however they are spelt. Nothing is fetched."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from siwei.errors import InputError, Problem, Said

LIMIT_BYTES = 1024 * 1024
MOST_DEPTH = 40
MOST_NODES = 50_000
SPELLINGS = {"sc": "https://schema.org/", "cr": "http://mlcommons.org/croissant/", "dct": "http://purl.org/dc/terms/"}


def parsed(content: bytes | str, file: str) -> dict[str, Any]:
    """One JSON object, within bounds. Raises InputError with what does not let it be read."""

    def refuse(what: str, fix: str) -> InputError:
        return InputError([Problem(what, fix, file=file)])

    if len(content) > LIMIT_BYTES:
        raise refuse(
            Said(f"more than {LIMIT_BYTES} bytes", f"超过 {LIMIT_BYTES} 字节"),
            Said("describe the files, do not list every record", "请描述文件，不要逐条列出记录"),
        )

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a property stands twice in one object")
        return found

    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is no number of JSON")

    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        document = json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        words = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise refuse(
            Said(f"it cannot be read: {words}", f"无法读取：{words}"),
            Said("give JSON-LD in UTF-8", "请用 UTF-8 的 JSON-LD"),
        ) from None
    if not isinstance(document, dict):
        raise refuse(
            Said("it is no JSON object", "它不是 JSON 对象"),
            Said("give one dataset's description", "请给出一个数据集的描述"),
        )
    nodes = 0
    waiting: list[tuple[Any, int]] = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        nodes += 1
        if nodes > MOST_NODES or depth > MOST_DEPTH:
            raise refuse(
                Said(
                    f"more than {MOST_NODES} values, or {MOST_DEPTH} levels",
                    f"超过 {MOST_NODES} 个值，或 {MOST_DEPTH} 层",
                ),
                Said("describe it more simply", "请写得简单些"),
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise refuse(
                Said("a number is too large", "数字过大"),
                Said("write it smaller, or as a text", "请写小些，或写成文字"),
            )
        texts = [value] if isinstance(value, str) else list(value) if isinstance(value, dict) else []
        if any("\0" in text or (not text.isascii() and _is_torn(text)) for text in texts):
            raise refuse(
                Said("a text holds a NUL or half a character", "文字中有 NUL 或半个字符"),
                Said("write it in UTF-8", "请用 UTF-8"),
            )
        below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(each, depth + 1) for each in below]
    return document


def _is_torn(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def type_of(each: Mapping[str, Any]) -> str:
    """`sc:Dataset`, `https://schema.org/Dataset` and `Dataset` are one."""
    value = each.get("@type")
    names = [str(name) for name in (value if isinstance(value, list) else [value])]
    return next((re.split(r"[:/#]", name)[-1] for name in names), "")


def property_of(each: Mapping[str, Any], name: str) -> Any:
    return each.get(spelling_of(each, name))


def spelling_of(each: Mapping[str, Any], name: str) -> str:
    """How the document writes a property: plain, with a prefix, or in full."""
    for prefix, whole in SPELLINGS.items():
        for spelt in (name, f"{prefix}:{name}", f"{whole}{name}"):
            if spelt in each:
                return spelt
    return name


def id_of(each: Mapping[str, Any]) -> str:
    value = each.get("@id")
    return value if isinstance(value, str) else ""


def items_of(each: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects under a property, which may hold one or several; what is no object is left out."""
    value = each.get(name)
    found = value if isinstance(value, list) else [value]
    return [item for item in found if isinstance(item, dict)]


def references_of(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [str(item.get("@id", "") if isinstance(item, dict) else item) for item in found if item is not None]

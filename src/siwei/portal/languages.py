"""简体, 繁體, English: 繁體 is never written by hand but derived from 简体 by OpenCC when a page is sent. Chinese on an
English page (names, titles, what people wrote) is marked as such then, so that it is spoken and drawn as Chinese.

Only what a person reads is converted: text between tags and the attributes a browser shows or speaks. Identifiers,
addresses, form values, scripts, code and logs stay as they are, so that nothing sent back by a form has changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import opencc
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import get_language

from siwei.errors import InputError, Problem, SiweiError
from siwei.traditional import traditional

TRADITIONAL = "zh-hant"
# Elements whose content is kept; then any one tag (attribute values may contain ">"); everything else is text.
PARTS = re.compile(
    r"(<!--.*?-->"
    r"|<(script|style|textarea|pre|code)\b.*?</\2\s*>"
    r"|<(\w+)\b[^<>]*\stranslate=\"no\"[^<>]*>[^<]*</\3\s*>"
    r"|<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>)",
    re.DOTALL | re.IGNORECASE,
)
TAG = re.compile(r"<(?!!--)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
HUMAN_ATTRIBUTES = re.compile(
    r"(\s(?:title|alt|placeholder|label|aria-label|aria-description|data-label|data-caption)=)(\"[^\"]*\"|'[^']*')",
    re.IGNORECASE,
)


HAN = "\u3005\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
BEFORE = "\u3008\u300a\u300c\u300e\u3010\u3014\u3016\uff08"
AFTER = "\u3001-\u3002\u3009\u300b\u300d\u300f\u3011\u3015\u3017\uff01-\uff07\uff09-\uff1f"
CHINESE = re.compile(f"(?:[{HAN}]|[{BEFORE}](?=[^<>&\\s]{{0,60}}[{HAN}]))(?:[^<>&\\s]*[{HAN}{AFTER}])?")
"""Chinese characters and what stands among them without a space, with the Chinese brackets and stops around it."""
OPENING = re.compile(r"<(\w+)(?=[^<]*>$)", re.DOTALL)
TEXT_ONLY = frozenset({"title", "option", "text", "tspan", "desc"})
"""Elements that hold no others."""


@cache
def to_simplified() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def is_chinese() -> bool:
    return (get_language() or "zh-hans").startswith("zh")


def choose(chinese: str | None, english: str | None) -> str:
    """The text in the reader's language; the other one where it is missing, never nothing."""
    first, second = (chinese, english) if is_chinese() else (english, chinese)
    return first or second or ""


def words_of(error: SiweiError) -> str:
    """What an error says, in the reader's language."""
    return error.in_chinese() if is_chinese() else str(error)


def problems_of(error: InputError) -> tuple[Problem, ...]:
    """What is wrong with an input, in the reader's language."""
    return tuple(each.in_chinese() for each in error.problems) if is_chinese() else error.problems


def in_asked_language(text: str) -> str:
    """JSON is not converted on its way out, as pages are."""
    return traditional(text) if get_language() == TRADITIONAL else text


def comma() -> str:
    """What stands between the parts of a list."""
    return "、" if is_chinese() else ", "


def traditional_html(html: str) -> str:
    """`html` with its human text in traditional characters (Hong Kong forms)."""

    def convert_attribute(match: re.Match[str]) -> str:
        return match.group(1) + traditional(match.group(2))

    parts: list[str] = []
    position = 0
    for match in PARTS.finditer(html):
        parts.append(traditional(html[position : match.start()]))
        kept = match.group(0)
        opening = TAG.match(kept) if match.group(3) is None else None  # none: a comment, or asked to stay
        tag = opening[0] if opening is not None else ""
        parts.append(HUMAN_ATTRIBUTES.sub(convert_attribute, tag) + kept[len(tag) :])
        position = match.end()
    parts.append(traditional(html[position:]))
    return "".join(parts)


def chinese_marked(html: str) -> str:
    """An English page's `html` with its Chinese in `lang="zh"`: on the element that holds nothing else, else on a
    `span` around it; of an element that can hold none, and is Chinese in part, nothing is said."""
    parts: list[str] = []
    position = 0
    for match in PARTS.finditer(html):
        text = html[position : match.start()]
        if CHINESE.search(text):
            opening = OPENING.match(parts[-1]) if parts else None
            alone = opening is not None and match.group(0).startswith(f"</{opening[1]}")
            whole = alone and CHINESE.fullmatch(text.strip()) is not None
            if opening is None or not (whole or opening[1].lower() in TEXT_ONLY):
                text = CHINESE.sub(r'<span lang="zh">\g<0></span>', text)
            elif whole and " lang=" not in parts[-1]:
                parts[-1] = f'{opening[0]} lang="zh"{parts[-1][opening.end() :]}'
        parts += [text, match.group(0)] if text else [match.group(0)]
        position = match.end()
    parts.append(CHINESE.sub(r'<span lang="zh">\g<0></span>', html[position:]))
    return "".join(parts)


LANGUAGES: dict[str, Callable[[str], str]] = {TRADITIONAL: traditional_html, "en": chinese_marked}
"""What is done to a page when it is sent."""


def language_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_html = response.get("Content-Type", "").startswith("text/html")
        change = LANGUAGES.get(getattr(request, "LANGUAGE_CODE", ""))
        if change is not None and is_html and isinstance(response, HttpResponse):
            response.content = change(response.content.decode()).encode()
            if response.has_header("Content-Length"):  # set further in, before the text changed
                response.headers["Content-Length"] = str(len(response.content))
        return response

    return middleware

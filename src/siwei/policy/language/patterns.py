r"""From a pattern of RE2, which is what CEL's `matches` means, to one that Polars (Rust's regex) reads the same way.

Both are linear in the text. They differ: `\d`, `\w`, `\s` and `\b` are ASCII in RE2 and Unicode in Rust, and in a class
Rust knows `&&`, `--`, `~~` and `[`. What is not known to mean the same in both is refused.
"""

import re

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_SAME = frozenset("tnrfvaAz")
_HEX = re.compile(r"\\x(?:[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]{1,6}\})")
_QUANTIFIER = re.compile(r"\{\d+(?:,\d*)?\}", re.ASCII)
_GROUP = re.compile(r"\((?:\?(?:P<[A-Za-z_]\w*>|[ims]{0,3}:|[ims]{1,3}\)))?", re.ASCII)
_POSIX = re.compile(r"\[:\^?[a-z]+:\]")


class PatternRefused(Exception):
    pass


def to_column_pattern(pattern: str) -> str:
    """The pattern for Polars; `pattern` is one that RE2 takes. Raises PatternRefused."""
    if not pattern.isascii() and re.search(r"\(\?[ms]*i", pattern):
        raise PatternRefused("a pattern with (?i) and characters beyond ASCII is not supported")
    made: list[str] = []
    place = 0
    while place < len(pattern):
        piece, place = _next_piece(pattern, place)
        made.append(piece)
    return "".join(made)


def _next_piece(pattern: str, place: int) -> tuple[str, int]:
    sign = pattern[place]
    match sign:
        case "\\":
            return _escape(pattern, place)
        case "[":
            return _class(pattern, place)
        case "(":
            group = _GROUP.match(pattern, place)
            if group is None or (group[0] == "(" and pattern[place + 1 : place + 2] == "?"):
                raise PatternRefused(f"{pattern[place : place + 4]!r} in a pattern is not supported")
            return group[0], group.end()
        case "{":
            quantifier = _QUANTIFIER.match(pattern, place)
            return (quantifier[0], quantifier.end()) if quantifier else (r"\{", place + 1)
        case "}" | "]":
            return "\\" + sign, place + 1
    return sign, place + 1


def _escape(pattern: str, place: int) -> tuple[str, int]:
    sign = pattern[place + 1]
    if sign in _CLASSES:
        return f"[{_CLASSES[sign]}]", place + 2
    if sign.lower() in _CLASSES:
        return f"[^{_CLASSES[sign.lower()]}]", place + 2
    if sign == "b":
        return r"(?-u:\b)", place + 2
    hexadecimal = _HEX.match(pattern, place)
    if hexadecimal:
        return hexadecimal[0], hexadecimal.end()
    if sign in _SAME:
        return "\\" + sign, place + 2
    if sign.isascii() and not sign.isalnum():
        return _literal(sign), place + 2
    raise PatternRefused(f"\\{sign} in a pattern is not supported")


def _literal(sign: str) -> str:
    return "\\" + sign if sign in r"\.+*?()|[]{}^$#&-~/" else sign


def _class(pattern: str, place: int) -> tuple[str, int]:
    start = place
    place += 1
    made = "["
    if pattern.startswith("^", place):
        made, place = "[^", place + 1
    first = True
    while first or pattern[place] != "]":
        posix = _POSIX.match(pattern, place)
        if posix:
            made, place, first = made + posix[0], posix.end(), False
            continue
        low, place = _class_member(pattern, place)
        if pattern.startswith("-", place) and not pattern.startswith("-]", place):
            high, place = _class_member(pattern, place + 1)
            if len(low) > 3 or len(high) > 3 or "0-9" in (low[:3], high[:3]):
                raise PatternRefused(f"the range in {pattern[start:place]!r} is not supported")
            low = f"{low}-{high}"
        made, first = made + low, False
    return made + "]", place + 1


def _class_member(pattern: str, place: int) -> tuple[str, int]:
    sign = pattern[place]
    if sign == "\\":
        escaped = pattern[place + 1]
        if escaped in _CLASSES:
            return _CLASSES[escaped], place + 2
        if escaped == "b" or escaped in "Az" or escaped.lower() in _CLASSES:
            raise PatternRefused(f"\\{escaped} in a class of a pattern is not supported")
        return _escape(pattern, place)
    return _literal(sign) if sign in r"\[]^&~-" else sign, place + 1

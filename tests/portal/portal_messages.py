"""Every message our pages can say: taken from the templates and the Python of the portal."""

import io
import re
from pathlib import Path

from babel.messages.extract import extract_python
from babel.messages.pofile import read_po
from django.template.base import Lexer, TokenType

import siwei.portal

PORTAL = Path(siwei.portal.__file__).parent
CATALOGUE = PORTAL / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
KEYWORDS = ("_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "pgettext", "npgettext")


def messages_in_python(text: str) -> set[str]:
    found: set[str] = set()
    for _, _, message, _ in extract_python(io.BytesIO(text.encode()), KEYWORDS, [], {}):
        parts = message if isinstance(message, tuple) else (message,)
        found.update(part for part in parts if part)
    return found


QUOTED = r"\"([^\"]+)\"|'([^']+)'"
TRANSLATE = re.compile(rf"(?:translate|trans) +(?:{QUOTED})")
INLINE = re.compile(rf"_\((?:{QUOTED})\)")


def messages_in_template(text: str) -> set[str]:
    """Messages of `{% translate %}`, `{% blocktranslate %}` and `_("…")`, as Django asks gettext for them."""
    found: set[str] = set()
    block: list[str] | None = None
    for token in Lexer(text).tokenize():
        tag = token.contents.split(" ")[0] if token.token_type is TokenType.BLOCK else ""
        if tag in ("plural", "endblocktranslate"):
            found.add("".join(block or ()))
            block = [] if tag == "plural" else None
        elif tag == "blocktranslate":
            block = []
        elif block is not None:
            block.append(f"%({token.contents})s" if token.token_type is TokenType.VAR else token.contents)
        elif token.token_type in (TokenType.BLOCK, TokenType.VAR):
            pattern = TRANSLATE if tag == "translate" else INLINE
            found.update("".join(match) for match in pattern.findall(token.contents))
    return found


def messages_used() -> set[str]:
    found: set[str] = set()
    for path in PORTAL.rglob("*.html"):
        found |= messages_in_template(path.read_text(encoding="utf-8"))
    for path in PORTAL.rglob("*.py"):
        found |= messages_in_python(path.read_text(encoding="utf-8"))
    return found


def catalogue() -> dict[str, str]:
    """Message → translation ('' where there is none); plurals by their singular and their plural."""
    with CATALOGUE.open("rb") as file:
        messages = read_po(file)
    found: dict[str, str] = {}
    for message in messages:
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        found.update(dict.fromkeys(ids, texts[0]))
    return found

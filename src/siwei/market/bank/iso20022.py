"""What the messages of ISO 20022 that banks send have in common: read as a stream, with entities, document types and
the network off. A bomb is refused before it grows, and of a file that ends in the middle what came before is kept.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from lxml import etree

from siwei.errors import ImportRefused, Problem, Said
from siwei.market.bank.amounts import exact_yuan, fen_of
from siwei.market.bank.orders import CURRENCY

DEEPEST = 40
SMALL_BYTES = 4_096
"""How much is given to the parser at once: what it had read before a fault is kept."""
Element = Any
"""lxml's element: it ships no types."""
BrokenOff = etree.XMLSyntaxError
"""Raised where the file ends in the middle, or is no XML."""


class Unreadable(ValueError):
    """One entry cannot be taken; its words are the reject's reason."""


def stream(
    content: bytes, name: str, *, namespaces: Mapping[str, str], wanted: Collection[tuple[str, ...]]
) -> Iterator[Element]:
    """Every whole element at one of the `wanted` paths below `Document`, with plain tags. `namespaces` gives the
    message's name by its namespace. Raises ImportRefused, and BrokenOff."""
    parser = etree.XMLPullParser(
        events=("start", "end"), resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    path: list[str] = []
    for start in range(0, len(content), SMALL_BYTES):
        parser.feed(content[start : start + SMALL_BYTES])
        yield from _finished(parser, path, name, namespaces, wanted)
    parser.close()
    yield from _finished(parser, path, name, namespaces, wanted)


def _finished(
    parser: Any, path: list[str], name: str, namespaces: Mapping[str, str], wanted: Collection[tuple[str, ...]]
) -> Iterator[Element]:
    for event, element in parser.read_events():
        if event == "start":
            if not path:
                _check_root(element, name, namespaces)
            path.append(etree.QName(element).localname)
            if len(path) > DEEPEST:
                raise refused(
                    name,
                    Said(f"elements nested more than {DEEPEST} deep", f"元素嵌套超过 {DEEPEST} 层"),
                    Said("take the file from the bank again", "请从银行重新取文件"),
                )
            continue
        if tuple(path[1:]) in wanted:
            for each in element.iter(etree.Element):
                each.tag = etree.QName(each).localname
            yield element
            element.clear()
        path.pop()


def _check_root(root: Element, name: str, namespaces: Mapping[str, str]) -> None:
    if root.getroottree().docinfo.doctype:
        raise refused(
            name,
            Said("the file declares a document type", "文件声明了文档类型"),
            Said("ask the bank for a plain file, without entities", "请向银行要不含实体的普通文件"),
        )
    if root.tag not in {f"{{{namespace}}}Document" for namespace in namespaces}:
        raise refused(
            name,
            Said(f"the root is {root.tag!r:.90}", f"根元素为 {root.tag!r:.90}"),
            Said(f"one of {', '.join(namespaces.values())}", f"{'、'.join(namespaces.values())} 之一"),
        )


def amount_of(element: Element | None) -> int:
    """In fen, positive. Raises Unreadable."""
    if element is None:
        raise Unreadable("no amount")
    currency = element.get("Ccy", "")
    if currency != CURRENCY:
        raise Unreadable(f"an amount in {currency or 'no currency':.12}, not {CURRENCY}")
    try:
        fen = fen_of(element.text or "")
    except ValueError as error:
        raise Unreadable(str(error)) from None
    if fen <= 0:
        raise Unreadable(f"an amount of {exact_yuan(fen)}")
    return fen


def found(element: Element, *paths: str) -> Element | None:
    return next((found for path in paths if (found := element.find(path)) is not None), None)


def first(element: Element, *paths: str) -> str:
    texts = ((element.findtext(path) or "").strip() for path in paths)
    return next((printable(text) for text in texts if text), "")


def printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text).strip()


def record(element: Element) -> str:
    """As much of it as is worth keeping with a reject."""
    texts = (printable(text) for text in element.itertext())
    return " · ".join(text for text in texts if text)[:500]


def refused(name: str, message: str, fix: str) -> ImportRefused:
    return ImportRefused([Problem(message, fix, file=name)])

"""BERT's tokeniser for uncased text: words and punctuation, then the longest known pieces of each word."""

import unicodedata
from collections.abc import Iterator, Mapping

UNKNOWN, START, END = "[UNK]", "[CLS]", "[SEP]"
LONGEST_WORD = 100


def tokenise(text: str, vocabulary: Mapping[str, int], most: int) -> list[int]:
    """Token ids of a text between the two marks, cut to `most` in all."""
    pieces = [piece for word in _words(text) for piece in _pieces(word, vocabulary)]
    return [vocabulary[START], *(vocabulary[piece] for piece in pieces[: most - 2]), vocabulary[END]]


def _words(text: str) -> Iterator[str]:
    word: list[str] = []
    for char in unicodedata.normalize("NFD", text.lower()):
        category = unicodedata.category(char)
        if char.isspace() or category == "Cc":
            separate = char.isspace()
            if not separate:
                continue
        elif category == "Mn" or char == "\ufffd" or category == "Cf":
            continue
        else:
            separate = False
        alone = not separate and (_is_punctuation(char, category) or _is_ideograph(char))
        if separate or alone:
            if word:
                yield "".join(word)
            word = []
            if alone:
                yield char
        else:
            word.append(char)
    if word:
        yield "".join(word)


def _pieces(word: str, vocabulary: Mapping[str, int]) -> list[str]:
    if len(word) > LONGEST_WORD:
        return [UNKNOWN]
    pieces: list[str] = []
    start = 0
    while start < len(word):
        mark = "##" if start else ""
        for end in range(len(word), start, -1):
            if mark + word[start:end] in vocabulary:
                pieces.append(mark + word[start:end])
                start = end
                break
        else:
            return [UNKNOWN]
    return pieces


def _is_punctuation(char: str, category: str) -> bool:
    # ASCII signs such as $ and ^ count, though Unicode calls them symbols.
    return (
        category.startswith("P")
        or 33 <= ord(char) <= 47
        or 58 <= ord(char) <= 64
        or (91 <= ord(char) <= 96 or 123 <= ord(char) <= 126)
    )


def _is_ideograph(char: str) -> bool:
    code = ord(char)
    return (
        0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0x20000 <= code <= 0x2FA1F or 0xF900 <= code <= 0xFAFF
    )

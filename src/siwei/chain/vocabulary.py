"""The curated vocabulary: which words place a firm on which segment, and in which surroundings they do not count.

A pack's `chain/vocabulary.yaml`; every field is described in docs/reference/classification.md.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from siwei.chain.folding import fold_text
from siwei.chain.vocabulary_words import of_vocabulary
from siwei.city.pack_files import read_pack_file
from siwei.city.pack_yaml import KeyPath, Value, YamlDocument, read_yaml
from siwei.errors import PackError, Problem

# The built-in vocabulary has 115 kB; YAML of this size takes seconds to read.
MAX_VOCABULARY_BYTES = 512 * 2**10
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)

SOURCES = ("name", "scope", "profile")
REACHES = ("sentence", "clause")
# What the confidence is computed from; `siwei.chain.features` says how each is measured.
FEATURES = (
    "strength",
    "distinct",
    "share",
    "early",
    "first",
    "focused",
    "plain",
    "excluded",
    "mentions",
    "best",
    "unpreceded",
    "stated",
    "listed",
    "ordinary",
    "outdone",
)


@dataclass(frozen=True, slots=True)
class Term:
    """A word that speaks for a segment with a weight in (0, 1].

    With `near`, one of those words must stand in the window around it; with `unless`, none may.
    """

    text: str
    segment: str
    weight: float
    near: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """Surroundings that weaken a word: open from one of `opens` until one of `closes` or the end of the reach.

    With `follows`, one of those words must also stand after the word, before any of `stops`; without `opens`, that is
    enough. `layers` and `sources`, where given, limit the frame to them.
    """

    name: str
    factor: float
    opens: tuple[str, ...]
    closes: tuple[str, ...]
    reach: str
    layers: tuple[str, ...]
    follows: tuple[str, ...]
    stops: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """`threshold`: least confidence to be placed; `intercept`, `coefficients`: the logistic model of the confidence."""

    threshold: float
    at_most: int
    source_factors: dict[str, float]
    intercept: float
    coefficients: dict[str, float]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    version: str
    rules: Rules
    terms: tuple[Term, ...]
    frames: tuple[Frame, ...]
    focus: tuple[str, ...]
    heads: tuple[str, ...]
    openings: tuple[str, ...]
    fillers: tuple[str, ...]
    carriers: tuple[str, ...]
    excluded_names: tuple[str, ...]
    ordinary_names: tuple[str, ...]
    broad: tuple[str, ...]
    ignored: tuple[str, ...]
    layers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Located:
    """A value of the file (dict of str to Located, list of Located, or text) and the line it starts on."""

    value: "str | list[Located] | dict[str, Located]"
    line: int


@dataclass
class _Reader:
    """Collects every problem of one vocabulary file while reading it."""

    file: str
    problems: list[Problem]

    def wrong(self, node: Located, message: str, fix: str, field: str = "") -> None:
        self.problems.append(Problem(message, fix, self.file, node.line, field=field))

    def mapping(self, node: Located | None, field: str) -> dict[str, Located]:
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            self.wrong(node, *of_vocabulary("mapping"), field)
            return {}
        return node.value

    def words(
        self, node: Located | None, field: str, sets: dict[str, tuple[str, ...]] | None = None
    ) -> tuple[str, ...]:
        """Folded words, in order; `$name` stands for a word set."""
        if node is None:
            return ()
        if not isinstance(node.value, list):
            self.wrong(node, *of_vocabulary("list"), field)
            return ()
        found: list[str] = []
        for item in node.value:
            if not isinstance(item.value, str) or not item.value.strip():
                self.wrong(item, *of_vocabulary("word"), field)
            elif sets is not None and item.value.startswith("$"):
                if item.value[1:] in sets:
                    found.extend(sets[item.value[1:]])
                else:
                    self.wrong(item, *of_vocabulary("set", name=item.value), field)
            else:
                found.append(fold_text(item.value.strip()))
        return tuple(found)

    def number(self, node: Located | None, where: Located, field: str, low: float, high: float) -> float:
        text = node.value if node and isinstance(node.value, str) else ""
        value = float(text) if NUMBER.fullmatch(text) else None
        if value is None or not low <= value <= high:
            self.wrong(node or where, *of_vocabulary("number", text=text, low=low, high=high), field)
            return low
        return value


def load_vocabulary(path: Path, segments: pl.DataFrame) -> Vocabulary:
    """Read and check a vocabulary against the pack's segments. Raises PackError: every problem with its line."""
    root = _read_located(path)
    reader = _Reader(str(path), [])
    top = reader.mapping(root, "")
    unknown = set(top) - {
        "version",
        "source",
        "rules",
        "sets",
        "frames",
        "focus",
        "heads",
        "openings",
        "fillers",
        "carriers",
        "excluded_names",
        "ordinary_names",
        "broad",
        "ignored",
        "segments",
    }
    for key in sorted(unknown):
        reader.wrong(top[key], *of_vocabulary("field", name=key))
    layers: dict[str, str] = dict(segments.select("id", "layer").iter_rows())
    sets = {name: reader.words(node, f"sets.{name}") for name, node in reader.mapping(top.get("sets"), "sets").items()}
    vocabulary = Vocabulary(
        version=str(top["version"].value) if "version" in top else "",
        rules=_read_rules(reader, top.get("rules"), root),
        terms=_read_terms(reader, top.get("segments"), sets, layers),
        frames=_read_frames(reader, top.get("frames")),
        focus=reader.words(top.get("focus"), "focus"),
        heads=reader.words(top.get("heads"), "heads"),
        openings=reader.words(top.get("openings"), "openings"),
        fillers=reader.words(top.get("fillers"), "fillers"),
        carriers=reader.words(top.get("carriers"), "carriers"),
        excluded_names=reader.words(top.get("excluded_names"), "excluded_names"),
        ordinary_names=reader.words(top.get("ordinary_names"), "ordinary_names"),
        broad=_read_segments(reader, top.get("broad"), layers),
        ignored=reader.words(top.get("ignored"), "ignored"),
        layers=layers,
    )
    if not vocabulary.terms and not reader.problems:
        reader.wrong(root, *of_vocabulary("no_terms"))
    if reader.problems:
        raise PackError(sorted(reader.problems, key=lambda problem: problem.line or 0))
    return vocabulary


def _read_located(path: Path) -> Located:
    read = read_pack_file(path.parent, path.name, MAX_VOCABULARY_BYTES)
    if read.absent:
        raise PackError([Problem(*of_vocabulary("absent"), str(path))])
    if read.text is None:
        raise PackError(list(read.problems))
    document = read_yaml(read.text, read.name)
    if document.problems:
        raise PackError(list(document.problems))
    return _locate(document.value, (), document)


def _locate(value: Value, path: KeyPath, document: YamlDocument) -> Located:
    line = document.places[path][0]
    if isinstance(value, dict):
        return Located({key: _locate(each, (*path, key), document) for key, each in value.items()}, line)
    if isinstance(value, list):
        return Located([_locate(each, (*path, index), document) for index, each in enumerate(value)], line)
    return Located(value, line)


def _read_rules(reader: _Reader, node: Located | None, root: Located) -> Rules:
    where = node or root
    values = reader.mapping(node, "rules")
    sources = reader.mapping(values.get("source_factors"), "rules.source_factors")
    model = reader.mapping(values.get("coefficients"), "rules.coefficients")
    for key in sorted(set(model) - set(FEATURES)):
        reader.wrong(model[key], *of_vocabulary("feature", name=key, known=", ".join(FEATURES)), "rules.coefficients")
    return Rules(
        threshold=reader.number(values.get("threshold"), where, "rules.threshold", 0, 1),
        at_most=int(reader.number(values.get("at_most"), where, "rules.at_most", 1, 20)),
        source_factors={
            source: reader.number(sources.get(source), where, f"rules.source_factors.{source}", 0, 1)
            for source in SOURCES
        },
        intercept=reader.number(values.get("intercept"), where, "rules.intercept", -50, 50),
        coefficients={
            feature: reader.number(model.get(feature), where, f"rules.coefficients.{feature}", -50, 50)
            for feature in FEATURES
        },
    )


def _read_segments(reader: _Reader, node: Located | None, layers: dict[str, str]) -> tuple[str, ...]:
    found = reader.words(node, "broad")
    for name, line in zip(found, _lines(node), strict=False):
        if name not in layers:
            reader.problems.append(Problem(*of_vocabulary("segment", name=name), reader.file, line, field="broad"))
    return found


def _read_frames(reader: _Reader, node: Located | None) -> tuple[Frame, ...]:
    frames = []
    for name, body in reader.mapping(node, "frames").items():
        values = reader.mapping(body, f"frames.{name}")
        reach = str(values["reach"].value) if "reach" in values else "sentence"
        if reach not in REACHES:
            words = of_vocabulary("reach", name=reach, known=", ".join(REACHES))
            reader.wrong(values["reach"], *words, f"frames.{name}")
        opens = reader.words(values.get("opens"), f"frames.{name}.opens")
        follows = reader.words(values.get("follows"), f"frames.{name}.follows")
        if not opens and not follows:
            reader.wrong(body, *of_vocabulary("frame"), f"frames.{name}")
        frames.append(
            Frame(
                name=name,
                factor=reader.number(values.get("factor"), body, f"frames.{name}.factor", 0, 1),
                opens=opens,
                closes=reader.words(values.get("closes"), f"frames.{name}.closes"),
                reach=reach,
                layers=reader.words(values.get("layers"), f"frames.{name}.layers"),
                follows=follows,
                stops=reader.words(values.get("stops"), f"frames.{name}.stops"),
                sources=reader.words(values.get("sources"), f"frames.{name}.sources"),
            )
        )
    return tuple(frames)


def _read_terms(
    reader: _Reader, node: Located | None, sets: dict[str, tuple[str, ...]], layers: dict[str, str]
) -> tuple[Term, ...]:
    terms: list[Term] = []
    lines: dict[tuple[str, str], int] = {}
    for segment, groups in reader.mapping(node, "segments").items():
        if segment not in layers:
            reader.wrong(groups, *of_vocabulary("segment", name=segment), f"segments.{segment}")
            continue
        if not isinstance(groups.value, list):
            reader.wrong(groups, *of_vocabulary("groups"), segment)
            continue
        for group in groups.value:
            values = reader.mapping(group, segment)
            for key in sorted(set(values) - {"weight", "terms", "near", "unless"}):
                reader.wrong(values[key], *of_vocabulary("group_field", name=key), segment)
            weight = reader.number(values.get("weight"), group, f"{segment}.weight", 0.01, 1)
            near = reader.words(values.get("near"), segment, sets)
            unless = reader.words(values.get("unless"), segment, sets)
            listed = values.get("terms")
            for text, line in zip(reader.words(listed, segment), _lines(listed), strict=False):
                if (text, segment) in lines:
                    first = lines[text, segment]
                    reader.problems.append(
                        Problem(*of_vocabulary("twice", text=text, line=first), reader.file, line, field=segment)
                    )
                lines.setdefault((text, segment), line)
                terms.append(Term(text, segment, weight, near, unless, line))
    return tuple(terms)


def _lines(node: Located | None) -> list[int]:
    if node is None or not isinstance(node.value, list):
        return []
    return [item.line for item in node.value]

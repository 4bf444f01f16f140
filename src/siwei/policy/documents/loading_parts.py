"""What can be checked of a programme's file whose form is wrong, so that one fault does not hide the others: every
expression that is written where one belongs, and the names that are declared well enough to be read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from siwei.city.pack_yaml import KeyPath, Value
from siwei.errors import Problem
from siwei.policy.documents.document import ParameterDocument, ProgrammeDocument, RoundingDocument
from siwei.policy.documents.document_money import AggregateDocument
from siwei.policy.documents.document_parts import PeriodDocument
from siwei.policy.documents.document_tables import TableDocument

LONGEST = 10_000
MOST_EXPRESSIONS = 300
"""Checked of a file whose form is wrong; a right one has fewer."""
SECTIONS: Mapping[str, tuple[str, type[BaseModel]]] = {
    "parameters": ("p.", ParameterDocument), "tables": ("t.", TableDocument), "aggregates": ("", AggregateDocument),
}  # fmt: skip
"""What expressions read by name, with how the name begins."""
Model = TypeVar("Model", bound=BaseModel)
OF = ("claims", "awards", "members", "related")


@dataclass(frozen=True, slots=True)
class WrittenExpression:
    """`of` names the rows it is over, of an aggregate; None: the subject's own."""

    path: KeyPath
    text: str
    is_condition: bool
    of: str | None = None


@dataclass(frozen=True)
class ReadablePart:
    """`document` holds only what is right by itself. `doubtful` are names as expressions read them whose declarations
    are wrong."""

    document: ProgrammeDocument
    expressions: tuple[WrittenExpression, ...]
    clause_ids: tuple[str | None, ...]
    aggregates: tuple[str, ...]
    doubtful: tuple[str, ...]

    @property
    def sources(self) -> set[str]:
        return {each.of for each in self.expressions if each.of is not None}

    def is_doubtful(self, problem: Problem) -> bool:
        """Whether the problem's expression reads something that is wrong itself."""
        written = next((each.text for each in self.expressions if _name(each.path) == problem.field), "")
        return any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", written) for name in self.doubtful)


def _name(path: KeyPath) -> str:
    return ".".join(str(part) for part in path)


def readable_part(value: Value) -> ReadablePart:
    """Of the whole file's value, whatever it is."""
    whole = _mapping(value)
    right: dict[str, dict[str, Any]] = {}
    doubtful: list[str] = []
    for section, (begins, model) in SECTIONS.items():
        right[section] = {}
        for name, each in _mapping(whole.get(section)).items():
            if (read := _valid(model, each)) is not None:
                right[section][name] = read
            else:
                doubtful.append(f"{begins}{name}")
    applies_to = whole.get("applies_to")
    kinds = get_args(ProgrammeDocument.model_fields["applies_to"].annotation)
    fields: dict[str, Any] = dict(
        # Where it is not known what the programme is for: claims have the attributes of their organisation too.
        applies_to=applies_to if applies_to in kinds else "claim",
        rounding=_valid(RoundingDocument, whole.get("rounding", {})) or RoundingDocument(),
        period=_valid(PeriodDocument, whole.get("period", {})) or PeriodDocument(),
        **right,
    )
    document = ProgrammeDocument.model_construct(**fields)
    ids = tuple(_text(_mapping(each).get("id")) for each in _list(whole.get("clauses")))
    aggregates = tuple(_mapping(whole.get("aggregates")))
    expressions = tuple(islice(_expressions(whole), MOST_EXPRESSIONS))
    return ReadablePart(document, expressions, ids, aggregates, tuple(doubtful))


@dataclass(frozen=True)
class ReadableLimits:
    """The same of a pack's stacking.yaml: the limits of its groups."""

    parameters: Mapping[str, ParameterDocument]
    expressions: tuple[WrittenExpression, ...]
    doubtful: tuple[str, ...]
    groups: tuple[Value, ...]

    def is_doubtful(self, written: WrittenExpression) -> bool:
        return any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", written.text) for name in self.doubtful)

    def programmes(self, written: WrittenExpression) -> list[str]:
        """What the group of a limit names."""
        place = written.path[1]
        assert isinstance(place, int)
        named = _list(_mapping(self.groups[place]).get("programmes"))
        return [name for name in named if isinstance(name, str)]


def readable_limits(value: Value) -> ReadableLimits:
    whole = _mapping(value)
    read = {name: _valid(ParameterDocument, each) for name, each in _mapping(whole.get("parameters")).items()}
    limits = [
        written
        for index, group in enumerate(_list(whole.get("groups")))
        for written in _written(group, ("groups", index), "limit", False)
    ]
    right = {name: each for name, each in read.items() if each is not None}
    return ReadableLimits(
        right, tuple(limits[:MOST_EXPRESSIONS]), tuple(f"p.{name}" for name in read if name not in right),
        tuple(_list(whole.get("groups"))),
    )  # fmt: skip


def _expressions(whole: Mapping[str, Value]) -> Iterator[WrittenExpression]:
    for name, aggregate in _mapping(whole.get("aggregates")).items():
        of = _mapping(aggregate).get("of")
        if isinstance(of, str) and of in OF:
            for field in ("sum", "greatest", "where"):
                yield from _written(aggregate, ("aggregates", name), field, field == "where", of)
    for index, clause in enumerate(_list(whole.get("clauses"))):
        yield from _written(clause, ("clauses", index), "expr", True)
    for field in ("expr", "cap"):
        yield from _written(whole.get("award", {}), ("award",), field, False)
    yield from _written(whole.get("voucher", {}), ("voucher",), "rate", False)
    for index, limit in enumerate(_list(whole.get("limits"))):
        yield from _written(limit, ("limits", index), "at_most", False)
    for index, reserve in enumerate(_list(_mapping(whole.get("pot")).get("reserves"))):
        yield from _written(reserve, ("pot", "reserves", index), "where", True)


def _written(
    value: Value, path: KeyPath, field: str, is_condition: bool, of: str | None = None
) -> Iterator[WrittenExpression]:
    text = _text(_mapping(value).get(field))
    if text is not None and 0 < len(text.strip()) <= LONGEST:
        yield WrittenExpression((*path, field), text.strip(), is_condition, of)


def _valid(model: type[Model], value: Value) -> Model | None:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _mapping(value: Value | None) -> Mapping[str, Value]:
    return value if isinstance(value, dict) else {}


def _list(value: Value | None) -> list[Value]:
    return value if isinstance(value, list) else []


def _text(value: Value | None) -> str | None:
    return value if isinstance(value, str) else None

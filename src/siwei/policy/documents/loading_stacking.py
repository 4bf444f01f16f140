"""A pack's `stacking.yaml`, read and checked against the programmes it speaks of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from siwei.city.attributes import Attribute
from siwei.city.pack_yaml import KeyPath
from siwei.errors import PolicyError, Problem, Said
from siwei.policy.documents.document import ParameterDocument
from siwei.policy.documents.document_stacking import JointDocument, StackingDocument
from siwei.policy.documents.loading_money import citation_of, text_of
from siwei.policy.documents.loading_parts import readable_limits
from siwei.policy.documents.reading import read_document, read_form
from siwei.policy.language.check import Checker, ExpressionRefused
from siwei.policy.language.tree import Expression
from siwei.policy.language.types import INT
from siwei.policy.pack_words import nearest, refused, subject_named
from siwei.policy.places import Places
from siwei.policy.programmes import Parameter, Programme
from siwei.policy.sources import SUBJECTS, subject_types
from siwei.policy.stacking import (
    MOST_LINKED,
    ORGANISATION,
    EitherOr,
    JointLimit,
    RelatedRule,
    Stacking,
    StackingGroup,
    linked,
)

FILE = "stacking.yaml"
REFERENCE = "docs/reference/stacking.md"


@dataclass(frozen=True, slots=True)
class WrittenStacking:
    """The rules as they were written, checked, and where each part stands in its file."""

    document: StackingDocument
    stacking: Stacking
    places: Places


def load_stacking(pack: Path, attributes: Mapping[str, Attribute], programmes: Sequence[Programme]) -> Stacking:
    """The rules of a pack folder; none where it has no `stacking.yaml`. Raises PolicyError with every problem."""
    written = read_stacking(pack, attributes, {programme.id: programme.applies_to for programme in programmes})
    return Stacking() if written is None else written.stacking


def read_stacking(
    pack: Path, attributes: Mapping[str, Attribute], known: Mapping[str, str | None]
) -> WrittenStacking | None:
    """The same with its places; `known` are the programmes that rules may name, each with what it applies to (None
    where its file could not be read)."""
    path = Path(pack) / FILE
    if not path.is_file():
        return None
    form = read_form(path, StackingDocument, REFERENCE)
    places = Places(form.file.text, form.file.yaml.places, str(path))
    if form.document is None:
        part = readable_limits(form.file.yaml.value)
        faults = [
            _faults(_checker(attributes, part.parameters, subject), each.text, each.path, places)
            for each in part.expressions
            if not part.is_doubtful(each) and (subject := _subject_of(part.programmes(each), known)) is not None
        ]
        raise PolicyError([*form.problems, *(problem for each in faults for problem in each)])
    builder = _Builder(form.document, places, attributes, known, form.problems)
    return WrittenStacking(form.document, builder.build(), places)


def load_related_rule(pack: Path) -> RelatedRule | None:
    """What makes parties related in a pack folder, without its programmes; None where the pack does not say."""
    path = Path(pack) / FILE
    if not path.is_file():
        return None
    return _related(read_document(path, StackingDocument)[0])


def _related(document: StackingDocument) -> RelatedRule | None:
    rule = document.related_parties
    return None if rule is None else RelatedRule(rule.share_from_bp, text_of(rule.words), citation_of(rule.citation))


def _subject_of(names: Sequence[str], known: Mapping[str, str | None]) -> str | None:
    """What the programmes of a rule are for; None where that cannot be told, or they are for different subjects."""
    found = {subject for name in names if (subject := known.get(name)) is not None}
    return found.pop() if len(found) == 1 else None


def _checker(attributes: Mapping[str, Attribute], parameters: Mapping[str, ParameterDocument], subject: str) -> Checker:
    units: dict[str, str | None] = {name: each.unit for name, each in attributes.items()}
    units |= {f"p.{name}": parameter.unit for name, parameter in parameters.items()}
    return Checker(subject_types(attributes, subject), tuple(parameters), "down", units)


def _faults(checker: Checker, text: str, path: KeyPath, places: Places) -> list[Problem]:
    """What is wrong with a limit."""
    try:
        checker.check(text, INT, unit="fen")
    except ExpressionRefused as refused:
        return [places.problem(path, text, fault.message, fault.fix, fault.line, fault.column)
                for fault in refused.faults]  # fmt: skip
    return []


class _Builder:
    def __init__(
        self, document: StackingDocument, places: Places, attributes: Mapping[str, Attribute],
        known: Mapping[str, str | None], problems: Sequence[Problem] = (),
    ) -> None:  # fmt: skip
        self.document, self.places, self.known, self.attributes = document, places, known, attributes
        self.problems = [*problems]

    def build(self) -> Stacking:
        groups, rules = [], []
        self._check_ids()
        for index, group in enumerate(self.document.groups):
            self._check_programmes(("groups", index, "programmes"), group.programmes)
            self._check_order(("groups", index, "reduce"), group.reduce, group.programmes)
            subject = self._subject(("groups", index, "programmes"), group.programmes, group.limit)
            limit = self._expression(group.limit, ("groups", index, "limit"), subject)
            if limit is not None:
                words, citation = text_of(group.words), citation_of(group.citation)
                names, reduce = tuple(group.programmes), tuple(group.reduce)
                groups.append(
                    StackingGroup(group.id, names, limit, group.applies_from, reduce, words, citation, subject)
                )
        for index, rule in enumerate(self.document.either_or):
            self._check_programmes(("either_or", index, "programmes"), rule.programmes)
            words, citation = text_of(rule.words), citation_of(rule.citation)
            subject = self._subject(("either_or", index, "programmes"), rule.programmes)
            rules.append(EitherOr(rule.id, tuple(rule.programmes), rule.most, words, citation, subject))
        notes = tuple(text_of(note) for note in self.document.notes)
        joint, related = tuple(self._joint()), _related(self.document)
        stacking = Stacking(tuple(groups), tuple(rules), self._parameters(), notes, related, joint)
        for part in linked(stacking):
            if len(part.programmes) > MOST_LINKED:
                told = refused("linked_many", count=len(part.programmes), most=MOST_LINKED)
                self.problems.append(self.places.problem_at((), *told))
        if self.problems:
            raise PolicyError(self.problems)
        return stacking

    def _check_ids(self) -> None:
        seen: set[str] = set()
        named = [("groups", index, rule.id) for index, rule in enumerate(self.document.groups)]
        named += [("either_or", index, rule.id) for index, rule in enumerate(self.document.either_or)]
        named += [("joint", index, rule.id) for index, rule in enumerate(self.document.joint)]
        for kind, index, name in named:
            if name in seen:
                words = refused("called_twice", what=Said("rule", "规则"), name=name)
                self._complain((kind, index, "id"), name, *words)
            seen.add(name)

    def _check_programmes(self, path: KeyPath, names: Sequence[str]) -> None:
        for place, name in enumerate(names):
            if name not in self.known:
                words = refused("no_programme_named", name=name, known=nearest(name, sorted(self.known)))
                self._complain((*path, place), name, *words)
        self._check_once(path, names)

    def _subject(self, path: KeyPath, names: Sequence[str], limit: str = "0") -> str:
        """What all of a rule's programmes are for. Programmes for different subjects have none in common for which
        the rule could hold: that is told."""
        told = [(place, name) for place, name in enumerate(names) if self.known.get(name) is not None]
        if not told:  # of what cannot be read that is told; the limit is held against whichever kind it fits
            kinds = (each for each in SUBJECTS if not self._faults_of(limit, path, each))
            return next(kinds, ORGANISATION)
        first = told[0][1]
        other = next(((place, name) for place, name in told if self.known[name] != self.known[first]), None)
        if other is not None:
            place, name = other
            kind, of_first = (subject_named(str(self.known[each])) for each in (name, first))
            words = refused("other_subject", name=name, kind=kind, first=first, kind_of_first=of_first)
            self._complain((*path, place), name, *words)
        return self.known[first] or ORGANISATION

    def _joint(self) -> Iterator[JointLimit]:
        seen: set[str] = set()
        for index, rule in enumerate(self.document.joint):
            path: KeyPath = ("joint", index)
            self._check_programmes((*path, "programmes"), rule.programmes)
            self._check_order((*path, "reduce"), rule.reduce, rule.programmes)
            self._check_kinds((*path, "programmes"), rule.programmes)
            for place, name in enumerate(rule.programmes):
                if name in seen and name not in rule.programmes[:place]:
                    self._complain((*path, "programmes", place), name, *refused("two_joint", name=name))
            seen |= {*rule.programmes}
            self._check_served((*path, "order"), rule)
            limit = self._expression(rule.limit, (*path, "limit"), ORGANISATION)
            if limit is not None:
                yield JointLimit(
                    rule.id, tuple(rule.programmes), limit, tuple(rule.reduce), tuple(rule.order),
                    text_of(rule.words), citation_of(rule.citation),
                )  # fmt: skip

    def _check_kinds(self, path: KeyPath, names: Sequence[str]) -> None:
        kinds = [(place, name, kind) for place, name in enumerate(names) if (kind := self.known.get(name)) is not None]
        for place, name, kind in kinds:
            if kind == "person":
                self._complain((*path, place), name, *refused("joint_person", name=name))
        if kinds and len(kinds) == len(names) and {kind for *_, kind in kinds} == {ORGANISATION}:
            self.problems.append(self.places.problem_at(path, *refused("joint_alone")))

    def _check_served(self, path: KeyPath, rule: JointDocument) -> None:
        """Every contract and project must have the columns by which it is served."""
        kinds = {self.known.get(name) for name in rule.programmes} - {ORGANISATION, "person", None}
        for place, name in enumerate(rule.order):
            for kind in sorted(kind for kind in kinds if kind is not None):
                if name not in subject_types(self.attributes, kind):
                    words = refused("served_no_column", kind=subject_named(kind), name=name)
                    self._complain((*path, place), name, *words)

    def _check_once(self, path: KeyPath, names: Sequence[str]) -> None:
        for place, name in enumerate(names):
            if name in names[:place]:
                self._complain((*path, place), name, *refused("stands_twice", name=name))

    def _check_order(self, path: KeyPath, reduce: Sequence[str], programmes: Sequence[str]) -> None:
        """A programme that is known and no part of the group is told here, an unknown one where it is a part."""
        self._check_once(path, reduce)
        for place, name in enumerate(reduce):
            if name not in programmes:
                self._complain((*path, place), name, *refused("not_of_group", name=name))
        missing = [name for name in dict.fromkeys(programmes) if name not in reduce]
        if missing:
            self.problems.append(self.places.problem_at(path, *refused("not_ordered", names=", ".join(missing))))

    def _complain(self, path: KeyPath, written: str, message: str, fix: str) -> None:
        self.problems.append(self.places.problem(path, written, message, fix))

    def _faults_of(self, text: str, path: KeyPath, subject: str) -> list[Problem]:
        return _faults(_checker(self.attributes, self.document.parameters, subject), text, path, self.places)

    def _expression(self, text: str, path: KeyPath, subject: str) -> Expression | None:
        checker = _checker(self.attributes, self.document.parameters, subject)
        faults = _faults(checker, text, path, self.places)
        self.problems += faults
        return None if faults else checker.check(text, INT, unit="fen")

    def _parameters(self) -> tuple[Parameter, ...]:
        return tuple(
            Parameter(
                name,
                parameter.unit,
                text_of(parameter.words),
                tuple((value.start or date.min, value.value) for value in parameter.values),
                citation_of(parameter.citation),
            )
            for name, parameter in self.document.parameters.items()
        )

"""From a directory of YAML files to checked programmes, or to every problem in all of them at once."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from siwei.city.attributes import Attribute
from siwei.city.pack_yaml import KeyPath, YamlDocument
from siwei.errors import PolicyError, Problem, Said
from siwei.policy.documents.document import (
    AwardDocument,
    ClauseDocument,
    ProgrammeDocument,
    SourceDocument,
)
from siwei.policy.documents.document_parts import CitationDocument, PeriodDocument, TextDocument
from siwei.policy.documents.loading_language import band_tables, load_size_classes, unit_needed, units_of
from siwei.policy.documents.loading_money import MoneyReader
from siwei.policy.documents.loading_parts import ReadablePart, readable_part
from siwei.policy.documents.reading import read_form
from siwei.policy.language.bands import BandTable
from siwei.policy.language.check import Checker, ExpressionRefused
from siwei.policy.language.size_classes import SizeClasses
from siwei.policy.language.tree import Attribute as AttributeRead
from siwei.policy.language.tree import Expression, Literal
from siwei.policy.language.types import BOOL, INT, CelType
from siwei.policy.pack_words import refused
from siwei.policy.places import Places, with_line
from siwei.policy.programmes import (
    Award,
    Citation,
    Clause,
    FactStatus,
    Kind,
    Parameter,
    Period,
    Programme,
    Rounding,
    RoundingMode,
    Source,
    State,
    Text,
)
from siwei.policy.sources import source_types, subject_types
from siwei.policy.versions import file_stems, latest_versions

MOST_FILES = 500


def load_programmes(
    directory: Path, attributes: Mapping[str, Attribute], as_of: date | None = None
) -> tuple[Programme, ...]:
    """One version of every programme of the directory, ordered by id: the one in force on `as_of`, else the latest.

    Raises PolicyError with all problems of all files.
    """
    return latest_versions(load_all_versions(directory, attributes), as_of)


def load_all_versions(directory: Path, attributes: Mapping[str, Attribute]) -> tuple[Programme, ...]:
    """Every version of every programme (`*.yaml` of the directory, `*.cases.yaml` apart), ordered by id and first
    day. Raises PolicyError with all problems of all files."""
    programmes: list[Programme] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, str], Path] = {}
    for path in programme_files(directory):
        try:
            programme = load_programme(path, attributes)
        except PolicyError as error:
            problems.extend(error.problems)
            continue
        other = seen.setdefault((programme.id, programme.version), path)
        if other != path:
            words = refused("version_twice", version=programme.version, programme=programme.id, other=other.name)
            problems.append(Problem(*words, str(path), field="version"))
        programmes.append(programme)
    if problems:
        raise PolicyError(problems)
    return tuple(sorted(programmes, key=lambda each: (each.id, each.period.start or date.min, each.version)))


def programme_files(directory: Path) -> list[Path]:
    """The files of programmes, by name. Raises PolicyError where there is no such folder or it holds too many."""
    directory = Path(directory)
    if not directory.is_dir():
        raise PolicyError([Problem(*refused("no_folder"), str(directory))])
    found = (path for path in directory.iterdir() if path.suffix in (".yaml", ".yml"))
    paths = sorted(path for path in found if not path.stem.endswith(".cases"))
    if len(paths) > MOST_FILES:
        words = refused("many_files", count=len(paths), most=MOST_FILES)
        raise PolicyError([Problem(*words, str(directory))])
    return paths


def load_programme(path: Path, attributes: Mapping[str, Attribute]) -> Programme:
    """One file. Raises PolicyError with every problem in it: of its form, and of every expression that can be read."""
    form = read_form(path, ProgrammeDocument)
    source = form.file
    if form.document is None:
        part = readable_part(source.yaml.value)
        builder = _Builder(part.document, source.yaml, source.text, path, attributes)
        builder.check(part)
        # What is read of something that is itself wrong may be wrong by that alone.
        found = [each for each in builder.problems if not part.is_doubtful(each)]
        raise PolicyError([*form.problems, *found])
    return _Builder(form.document, source.yaml, source.text, path, attributes, [*form.problems]).build(source.sha256)


def load_readable(path: Path, attributes: Mapping[str, Attribute]) -> tuple[Programme | None, tuple[Problem, ...]]:
    """The same without raising: with every problem what of the programme can be judged all the same. An expression that
    cannot be read stands in it as something unknown, no money in place of an award; None where the form is wrong."""
    form = read_form(path, ProgrammeDocument)
    if form.document is None:
        try:
            load_programme(path, attributes)
        except PolicyError as error:
            return None, tuple(error.problems)
        raise AssertionError(f"{path} has no form and no problems")
    source = form.file
    builder = _Builder(form.document, source.yaml, source.text, path, attributes, [*form.problems])
    return builder.part(source.sha256), tuple(builder.problems)


def cel_types(attributes: Mapping[str, Attribute]) -> dict[str, CelType]:
    """The types of the attributes of organisations, as expressions see them."""
    organisation = (each for each in attributes.items() if each[1].subject == "organisation")
    return {name: CelType(attribute.type) for name, attribute in organisation}


@dataclass
class _Builder:
    document: ProgrammeDocument
    yaml_document: YamlDocument
    text: str
    path: Path
    attributes: Mapping[str, Attribute]
    problems: list[Problem] = field(default_factory=list)
    bands: Mapping[str, BandTable] = field(default_factory=dict)
    units: Mapping[str, str | None] = field(default_factory=dict)
    size_classes: SizeClasses | None = None

    @property
    def places(self) -> Places:
        return Places(self.text, self.yaml_document.places, str(self.path))

    def check(self, part: ReadablePart) -> None:
        """Notes what is wrong with every expression of a part of a programme, and with what stands by itself."""
        self.bands, _ = band_tables(self.document, self._complain)
        self.units = units_of(self.document, self.attributes)
        self.size_classes = load_size_classes(self.path.parent)
        self._check_parameters()
        self._check_clause_ids(part.clause_ids)
        types = subject_types(self.attributes, self.document.applies_to)
        mine = self._checker({**types, **dict.fromkeys(part.aggregates, INT)})
        of = {name: self._checker(source_types(self.attributes, name)) for name in part.sources}
        for each in part.expressions:
            checker = mine if each.of is None else of[each.of]
            self._expression(checker, each.text, BOOL if each.is_condition else INT, each.path)

    def build(self, sha256: str) -> Programme:
        made = self.part(sha256)
        if self.problems:
            raise PolicyError(self.problems)
        return made

    def part(self, sha256: str) -> Programme:
        """Whatever is wrong is among the problems."""
        document = self.document
        self._check_whole()
        self.bands, tables = band_tables(document, self._complain)
        self.units = units_of(document, self.attributes)
        self.size_classes = load_size_classes(self.path.parent)
        money = MoneyReader(document, self.attributes, self._checker, self._expression, self._complain)
        aggregates = money.aggregates()
        types = subject_types(self.attributes, document.applies_to)
        pot = money.pot(self._checker(types))
        # A name that is wrong is told once, where it is declared, and not again wherever it is read.
        checker = self._checker({**types, **dict.fromkeys(document.aggregates, INT)})
        self._check_parameters()
        clauses = [self._clause(checker, clause, index) for index, clause in enumerate(document.clauses)]
        award = self._award(checker, document.award)
        voucher, limits = money.voucher(checker), money.limits(checker)
        return Programme(
            id=document.id,
            version=document.version,
            title=_text(document.title),
            kind=Kind(document.kind),
            issuer=_text(document.issuer),
            source=_source(document.source),
            period=Period(document.period.start, document.period.end),
            window=_period(document.window),
            applies_to=document.applies_to,
            parameters=tuple(self._parameters()),
            clauses=tuple(clauses),
            award=award,
            rounding=Rounding(RoundingMode(document.rounding.mode), 100 if document.rounding.to == "yuan" else 1),
            pot=pot,
            notes=tuple(_text(note) for note in document.notes),
            sha256=sha256,
            state=State(document.state),
            voucher=voucher,
            aggregates=aggregates,
            limits=limits,
            tables=tables,
            text_sha256=hashlib.sha256(self.text.encode()).hexdigest(),
        )

    def _checker(self, types: Mapping[str, CelType]) -> Checker:
        parameters, rounding = tuple(self.document.parameters), self.document.rounding.mode
        return Checker(types, parameters, rounding, self.units, self.bands, self.size_classes)

    def _complain(self, path: KeyPath, message: str, fix: str) -> None:
        self.problems.append(with_line(self.places.problem_at(path, message, fix), self.text))

    def _check_whole(self) -> None:
        """What no field by itself can be wrong about."""
        document = self.document
        stems = file_stems(document.id, document.version)
        if self.path.stem not in stems:
            files = [f"{stem}.yaml" for stem in stems]
            names = Said(" or ".join(files), " 或 ".join(files))
            self._complain(("id",), *refused("id_not_file", id=document.id, names=names))
        if document.state == "ended" and document.period.end is None:
            self._complain(("state",), *refused("ended_open"))
        if document.voucher is not None and document.kind != "voucher":
            self._complain(("voucher",), *refused("voucher_terms", kind=document.kind))
        self._check_clause_ids([clause.id for clause in document.clauses])
        for index, limit in enumerate(document.limits):
            if limit.id in [earlier.id for earlier in document.limits[:index]]:
                words = refused("called_twice", what=Said("limit", "上限"), name=limit.id)
                self._complain(("limits", index, "id"), *words)

    def _check_clause_ids(self, ids: Sequence[str | None]) -> None:
        seen: set[str] = set()
        for index, name in enumerate(ids):
            path: KeyPath = ("clauses", index, "id")
            if name == "award":
                self._complain(path, *refused("clause_award"))
            elif name is not None and name in seen:
                self._complain(path, *refused("called_twice", what=Said("clause", "条件"), name=name))
            if name is not None:
                seen.add(name)

    def _check_parameters(self) -> None:
        start = self.document.period.start
        for name, parameter in self.document.parameters.items():
            first = parameter.values[0].start or date.min
            if start is not None and first > start:
                place = self.yaml_document.places["parameters", name, "values"]
                message = Said(
                    f"parameter {name} has no value from {start} to {first}",
                    f"参数 {name} 自 {start} 至 {first} 没有值",
                )
                fix = Said("give a value for the first day of the period", "请给出期限首日的值")
                self.problems.append(Problem(message, fix, str(self.path), *place, f"parameters.{name}"))

        for name, table in self.document.tables.items():
            begins = (table.values[0].start or date.min) if table.values else date.min
            if start is not None and begins > start:
                none = Said(
                    f"table {name} has no bands from {start} to {begins}", f"表 {name} 自 {start} 至 {begins} 没有档次"
                )
                fix = Said("give bands for the first day of the period", "请给出期限首日的档次")
                self._complain(("tables", name, "values"), none, fix)

    def _parameters(self) -> list[Parameter]:
        return [
            Parameter(
                name,
                parameter.unit,
                _text(parameter.words),
                tuple((value.start or date.min, value.value) for value in parameter.values),
                _citation(parameter.citation),
            )
            for name, parameter in self.document.parameters.items()
        ]

    def _clause(self, checker: Checker, clause: ClauseDocument, index: int) -> Clause:
        expression = self._expression(checker, clause.expr, BOOL, ("clauses", index, "expr"))
        if expression is None:
            expression = Expression(clause.expr, AttributeRead(f"?{index}", BOOL, 0), (), ())
        status = FactStatus[clause.requires.upper()]
        words, citation = _text(clause.words), _citation(clause.citation)
        return Clause(clause.id, expression, words, citation, status, clause.favours_local, clause.review)

    def _award(self, checker: Checker, award: AwardDocument) -> Award:
        expression = self._expression(checker, award.expr, INT, ("award", "expr"))
        cap = None if award.cap is None else self._expression(checker, award.cap, INT, ("award", "cap"))
        if expression is None:
            expression = Expression(award.expr, Literal(0, INT, 0), (), ())
        return Award(expression, cap, _text(award.words), _citation(award.citation), FactStatus[award.requires.upper()])

    def _expression(self, checker: Checker, text: str, expected: CelType, path: KeyPath) -> Expression | None:
        try:
            return checker.check(text, expected, unit=unit_needed(self.document, path))
        except ExpressionRefused as refused:
            for fault in refused.faults:
                if self._is_of_a_wrong_table(fault.message):
                    continue
                fault_at = (fault.message, fault.fix, fault.line, fault.column)
                self.problems.append(self.places.problem(path, text, *fault_at))
            return None

    def _is_of_a_wrong_table(self, message: str) -> bool:
        """What is wrong with a table is told where it is declared, and not again wherever it is read."""
        wrong = {*self.document.tables} - {*self.bands}
        return any(message.startswith(f"undeclared reference to 't.{name}'") for name in wrong)


def _text(text: TextDocument) -> Text:
    return Text(text.zh, text.en)


def _period(period: PeriodDocument | None) -> Period | None:
    return None if period is None else Period(period.start, period.end)


def _citation(citation: CitationDocument | None) -> Citation | None:
    return None if citation is None else Citation(citation.document, citation.locator, citation.url)


def _source(source: SourceDocument) -> Source:
    note = None if source.note is None else _text(source.note)
    return Source(source.document, source.number, source.url, source.as_of, source.verified, note)

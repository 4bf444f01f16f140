"""Cases beside the rules: a subject's facts, and what must come out. `<programme>.cases.yaml`, run by `siwei policy
test`.

`facts` of the file are those of every case unless it says otherwise; `absent` names facts that a case lacks. All facts
are as well proven as `proof` says. What a programme adds up is given as a fact, or as the `rows` it is added up of.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
from pydantic import Field, model_validator

from siwei.city.attributes import Attribute, parse_value
from siwei.city.pack_yaml import YamlDocument
from siwei.errors import InputError, PolicyError, Problem, Said
from siwei.policy.documents.case_rows import CaseRowsDocument, CaseRowsReader, added_up, merged
from siwei.policy.documents.document_parts import Document, Identifier, ShortText, Status, TextDocument
from siwei.policy.documents.reading import ReadFile, read_form
from siwei.policy.files.tables import columns_beside
from siwei.policy.group_keys import YEAR
from siwei.policy.language.compile import DTYPES, STATUS_SUFFIX
from siwei.policy.pack_words import nearest, refused
from siwei.policy.places import with_line
from siwei.policy.programmes import ClauseVerdict, FactStatus, Programme, Verdict
from siwei.policy.sources import ORGANISATION, subject_types
from siwei.policy.stacking import RelatedRule
from siwei.policy.subjects import ID, attribute_dtypes

LARGEST_FILE = 1024 * 1024
SUFFIX = ".cases.yaml"
PAGE = "docs/how-to/write-a-programme.md"
MOST_BESIDE = 200
Cell = int | bool | date | str | None


class ExpectationDocument(Document):
    """What is not written is not looked at."""

    verdict: Literal["eligible", "not_eligible", "cannot_tell"] = Field(description="Of the programme.")
    award_fen: int | Literal["not_known"] | None = Field(None, description="In fen; not_known where it must be.")
    limited_fen: int | Literal["not_known"] | None = Field(
        None, description="What the programme's limits leave of the award, among this case and those of `beside`."
    )
    clauses: dict[str, Literal["yes", "no", "unknown", "error"]] = Field(default_factory=dict, description="By clause.")


class CaseDocument(Document):
    """One subject."""

    id: Identifier = Field(description="Its name within the file.")
    words: TextDocument | None = Field(None, description="What the case shows.")
    as_of: date | None = Field(None, description="The day of the decision; absent: the file's.")
    facts: dict[str, str] = Field(default_factory=dict, description="Added to the file's, or in their place.")
    absent: list[str] = Field(default_factory=list, description="Facts of the file that are not known here.")
    proof: Status | None = Field(None, description="How well the facts are proven; absent: the file's.")
    rows: CaseRowsDocument | None = Field(None, description="What is added up; each list in place of the file's.")
    beside: Annotated[list[Identifier], Field(max_length=MOST_BESIDE)] = Field(
        default_factory=list, description="Other cases of the file that stand under the programme's limits with it."
    )
    expect: ExpectationDocument = Field(description="What must come out.")


class CasesDocument(Document):
    """The cases of one programme."""

    programme: Identifier = Field(description="The programme's id.")
    version: ShortText | None = Field(None, description="The version; absent: the one in force, else the latest.")
    as_of: date = Field(description="The day of the decisions.")
    proof: Status = Field("verified", description="How well the facts are proven.")
    facts: dict[str, str] = Field(default_factory=dict, description="Facts of every case.")
    rows: CaseRowsDocument | None = Field(None, description="Other rows of every case, which aggregates add up.")
    cases: Annotated[list[CaseDocument], Field(min_length=1, max_length=2000, description="The subjects.")]

    @model_validator(mode="after")
    def _once(self) -> "CasesDocument":
        ids = [case.id for case in self.cases]
        twice = sorted({each for each in ids if ids.count(each) > 1})
        if twice:
            names = ", ".join(twice)
            raise ValueError(Said(f"ids of cases must differ: {names}", f"案例的 id 不得相同：{names}"))
        return self


@dataclass(frozen=True, slots=True)
class Case:
    """`facts` by attribute; what is absent is not known. `award_fen` is not looked at where `looks_at_award` is
    false, nor `limited_fen`, which is what limits leave among it and the cases `beside`, where `looks_at_limits` is."""

    id: str
    as_of: date
    facts: Mapping[str, Cell]
    proof: FactStatus
    verdict: Verdict
    looks_at_award: bool
    award_fen: int | None
    clauses: Mapping[str, ClauseVerdict]
    file: str
    line: int
    added: Mapping[str, tuple[int | None, FactStatus]] = field(default_factory=dict)
    """What was added up of the case's other rows, each with its proof."""
    looks_at_limits: bool = False
    limited_fen: int | None = None
    beside: tuple[str, ...] = ()


def case_files(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"*{SUFFIX}"))


def read_cases_document(path: Path) -> tuple[CasesDocument, ReadFile]:
    """Raises PolicyError with every problem of the file's form."""
    form = read_form(path, CasesDocument, PAGE, LARGEST_FILE)
    if form.document is None or form.problems:
        raise PolicyError(form.problems)
    return form.document, form.file


def read_cases(
    path: Path, programme: Programme, attributes: Mapping[str, Attribute], rule: RelatedRule | None = None
) -> tuple[Case, ...]:
    """The cases of one file, for the programme it names; `rule` says which ties make parties related. Raises
    PolicyError with every fact and clause that the programme does not know, and every wrong row."""
    document, file = read_cases_document(path)
    reader = _Reader(document, file.yaml, path, programme, attributes, rule)
    cases = tuple(reader.cases())
    if reader.problems:
        # What is wrong with the file's own rows is wrong in every case that has none of its own.
        raise PolicyError([with_line(problem, file.text) for problem in dict.fromkeys(reader.problems)])
    return cases


class _Reader:
    def __init__(
        self, document: CasesDocument, yaml: YamlDocument, path: Path, programme: Programme,
        attributes: Mapping[str, Attribute], rule: RelatedRule | None,
    ) -> None:  # fmt: skip
        self.document, self.yaml, self.path = document, yaml, path
        self.programme, self.attributes = programme, attributes
        known = subject_types(attributes, programme.applies_to)
        beside = {name: DTYPES[known[name].kind] for name in columns_beside((programme,)) if name in known}
        self.dtypes = {**beside, **attribute_dtypes([programme])}
        self.problems: list[Problem] = []
        self.rows = CaseRowsReader(attributes, rule, self._problem)

    def cases(self) -> Iterator[Case]:
        shared = dict(self._facts(self.document.facts, ("facts",)))
        for index, case in enumerate(self.document.cases):
            place = ("cases", index)
            self._names(case.absent, (*place, "absent"), shared, "no_fact_of_file")
            clauses = [clause.id for clause in self.programme.clauses]
            self._names(list(case.expect.clauses), (*place, "expect", "clauses"), clauses, "no_clause")
            own = dict(self._facts(case.facts, (*place, "facts")))
            facts = {name: value for name, value in {**shared, **own}.items() if name not in case.absent}
            award, limited = case.expect.award_fen, case.expect.limited_fen
            self._names(case.beside, (*place, "beside"), [each.id for each in self.document.cases], "no_case")
            if (limited is not None or case.beside) and not self.programme.limits:
                self._problem((*place, "expect"), *refused("no_limits", programme=self.programme.id))
            day, proof = case.as_of or self.document.as_of, FactStatus[(case.proof or self.document.proof).upper()]
            yield Case(
                case.id,
                day,
                facts,
                proof,
                Verdict(case.expect.verdict),
                award is not None,
                award if isinstance(award, int) else None,
                {name: ClauseVerdict(verdict) for name, verdict in case.expect.clauses.items()},
                str(self.path),
                self.yaml.places[place][0],
                self._added(case, index, facts, proof, day),
                limited is not None,
                limited if isinstance(limited, int) else None,
                tuple(case.beside),
            )

    def _added(
        self, case: CaseDocument, index: int, facts: Mapping[str, Cell], proof: FactStatus, day: date
    ) -> dict[str, tuple[int | None, FactStatus]]:
        document = merged(self.document.rows, case.rows)
        if document is None:
            return {}
        place: tuple[str | int, ...] = ("rows",) if case.rows is None else ("cases", index, "rows")
        subject = str(facts.get(ORGANISATION, case.id))
        told = len(self.problems)
        rows = self.rows.read(document, place, subject, facts, proof, day)
        if rows is None or len(self.problems) > told:
            return {}
        try:
            return added_up(self.programme, facts, rows, subject, day)
        except InputError as error:
            for problem in error.problems:
                self._problem(place, problem.message, problem.fix)
            return {}

    def _facts(self, facts: Mapping[str, str], path: tuple[str | int, ...]) -> Iterator[tuple[str, Cell]]:
        for name, text in facts.items():
            if name not in self.dtypes:
                names = ", ".join(self.dtypes) or Said("nothing", "无")
                self._problem(
                    (*path, name), *refused("reads_no_fact", programme=self.programme.id, name=name, names=names)
                )
                continue
            try:
                yield name, parse_value(self._attribute(name), text)
            except InputError as error:
                self._problem((*path, name), error.problems[0].message, error.problems[0].fix)

    def _attribute(self, name: str) -> Attribute:
        """As declared; a column that other rows are added up into is typed by how it is read."""
        if name in self.attributes:
            return self.attributes[name]
        types = {pl.Int64(): "int", pl.Boolean(): "bool", pl.Date(): "date", pl.String(): "string"}
        kind = types[self.dtypes[name]]
        return Attribute(name, "", kind, None, name, name, False, False, "", "", "", None, None, False)

    def _names(self, given: list[str], path: tuple[str | int, ...], there: Collection[str], key: str) -> None:
        for name in given:
            if name not in there:
                self._problem(path, *refused(key, name=name, known=nearest(name, there)))

    def _problem(self, path: tuple[str | int, ...], message: str, fix: str) -> None:
        known = next(path[:size] for size in range(len(path), -1, -1) if path[:size] in self.yaml.places)
        name = ".".join(str(part) for part in path)
        self.problems.append(Problem(message, fix, str(self.path), *self.yaml.places[known], name))


def case_table(programme: Programme, cases: tuple[Case, ...]) -> pl.DataFrame:
    """One row per case, as `decide` takes it: `id`, a column per attribute and its status."""
    columns: dict[str, pl.Series] = {ID: pl.Series([case.id for case in cases], dtype=pl.String)}
    for name, dtype in attribute_dtypes([programme]).items():
        values = [case.added[name][0] if name in case.added else case.facts.get(name) for case in cases]
        columns[name] = pl.Series(values, dtype=dtype)
        proofs = [
            int(case.added[name][1]) if name in case.added else int(case.proof) if name in case.facts else None
            for case in cases
        ]
        columns[name + STATUS_SUFFIX] = pl.Series(proofs, dtype=pl.UInt8)
    return pl.DataFrame(columns)


def limits_table(programme: Programme, cases: tuple[Case, ...]) -> pl.DataFrame:
    """The same with what the programme's limits group and order rows by. A claim that names no organisation is its
    own."""
    table = case_table(programme, cases)
    for name in columns_beside((programme,)):
        if name not in table.columns:
            values = [case.facts.get(name, case.id if name == ORGANISATION else None) for case in cases]
            # What no case gives: of a day whose year is asked for, a day that nobody knows.
            has_year = any(key == f"{name}{YEAR}" for each in programme.limits for key in each.per)
            unknown = pl.Date() if has_year else pl.String()
            dtype = unknown if all(value is None for value in values) else None
            table = table.with_columns(pl.Series(name, values, dtype=dtype))
    return table

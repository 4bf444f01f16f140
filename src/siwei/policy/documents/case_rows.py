"""The other rows of a case: claims, awards, members and related parties that a programme adds up for its subject."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated

import polars as pl
from pydantic import Field

from siwei.city.attributes import Attribute, parse_value
from siwei.city.pack_yaml import KeyPath
from siwei.errors import InputError
from siwei.policy.aggregating.aggregates import Rows, add_aggregates
from siwei.policy.documents.document_parts import Document
from siwei.policy.files.tables import reads_related
from siwei.policy.language.compile import DTYPES, STATUS_SUFFIX
from siwei.policy.pack_words import nearest, refused
from siwei.policy.programmes import FactStatus, Programme
from siwei.policy.related import TIES_SCHEMA, related
from siwei.policy.sources import IS_RELATED, MEMBER, ORGANISATION, PROVIDER, source_types
from siwei.policy.stacking import RelatedRule
from siwei.policy.subjects import ID

MOST_ROWS = 200
Cell = int | bool | str | date
RowList = Annotated[list[dict[str, str]], Field(max_length=MOST_ROWS)]
Complain = Callable[[KeyPath, str, str], None]
SOURCES = {"claims": "claims", "awards": "awards", "members": "members", "ties": "related"}
"""The lists of a case, and what aggregates call their rows."""


class CaseRowsDocument(Document):
    """Rows that are added up. A column that is left out is not known; `organisation` (of members: the head; of
    organisations: `id`) that is left out is the subject."""

    claims: RowList | None = Field(None, description="Claims: their attributes, `organisation`, `provider`.")
    awards: RowList | None = Field(
        None, description="Past awards: `programme`, `awarded_on`, `award_fen`, `paid_fen`, `organisation`."
    )
    organisations: RowList | None = Field(None, description="Organisations: `id` and attributes.")
    members: RowList | None = Field(None, description="Members of a group: `organisation` and `member`.")
    ties: RowList | None = Field(
        None, description="Ties between parties: `holder`, `held`, `kind` (share or control), `share_bp`."
    )


@dataclass
class CaseRowsReader:
    """`complain` notes a problem at a place of the file."""

    attributes: Mapping[str, Attribute]
    rule: RelatedRule | None
    complain: Complain
    _types: dict[str, dict[str, str]] = field(default_factory=dict)

    def read(
        self, document: CaseRowsDocument, path: KeyPath, subject: str | None, facts: Mapping[str, Cell | None],
        proof: FactStatus, as_of: date,
    ) -> Rows | None:  # fmt: skip
        """The rows of one case whose subject is the organisation `subject`, which is one of the organisations with its
        own `facts` unless they say otherwise; None where something in them is wrong. Without a subject every row names
        its own."""
        made: dict[str, pl.DataFrame] = {}
        wrong = False
        for name in ("claims", "awards", "organisations", "members", "ties"):
            rows = getattr(document, name)
            if rows is None:
                continue
            read = [self._row(row, name, (*path, name, place), subject) for place, row in enumerate(rows)]
            wrong = wrong or any(row is None for row in read)
            made[name] = self._frame(name, [row for row in read if row is not None], proof)
        if subject is not None:
            made["organisations"] = self._with_subject(made.get("organisations"), subject, facts, proof)
        ties = made.pop("ties", None)
        graph = None
        if ties is not None and self.rule is None:
            self.complain((*path, "ties"), *refused("ties_no_rule"))
            wrong = True
        elif ties is not None and self.rule is not None and not wrong:
            try:
                graph = related(ties, as_of, self.rule.share_from_bp)
            except InputError as error:
                for problem in error.problems:
                    self.complain((*path, "ties"), problem.message, problem.fix)
                wrong = True
        return None if wrong else Rows(**made, related=graph)

    def _row(self, row: Mapping[str, str], name: str, path: KeyPath, subject: str | None) -> dict[str, Cell] | None:
        known, made = self._columns(name), dict[str, Cell]()
        right = True
        for column, text in row.items():
            if column not in known:
                words = refused("no_column", name=column, rows=name, known=nearest(column, known))
                self.complain((*path, column), *words)
                right = False
                continue
            try:
                made[column] = parse_value(_stub(column, known[column]), text)
            except InputError as error:
                self.complain((*path, column), error.problems[0].message, error.problems[0].fix)
                right = False
        mine = ID if name == "organisations" else ORGANISATION
        if mine in known and mine not in made:
            if subject is None:
                self.complain(path, *refused("row_of_nobody", name=mine))
                return None
            made[mine] = subject
        return made if right else None

    def _with_subject(
        self, organisations: pl.DataFrame | None, subject: str, facts: Mapping[str, Cell | None], proof: FactStatus
    ) -> pl.DataFrame:
        known = self._columns("organisations")
        own = {column: value for column, value in facts.items() if column in known and value is not None}
        mine = self._frame("organisations", [{**own, ID: subject}], proof)
        if organisations is None:
            return mine
        return organisations if subject in organisations[ID] else pl.concat([mine, organisations])

    def _columns(self, name: str) -> dict[str, str]:
        """Type by column."""
        if name not in self._types:
            match name:
                case "ties":
                    kinds = {column: _kind(dtype) for column, dtype in TIES_SCHEMA.items()}
                case "members":
                    kinds = {ORGANISATION: "string", MEMBER: "string"}
                case "organisations":
                    found = source_types(self.attributes, "members")
                    kinds = {ID: "string", **{column: each.kind for column, each in found.items()}}
                    kinds = {column: kind for column, kind in kinds.items() if column not in (ORGANISATION, MEMBER)}
                case _:
                    kinds = {column: each.kind for column, each in source_types(self.attributes, name).items()}
                    kinds = {ID: "string", **kinds} if name == "claims" else kinds
            self._types[name] = kinds
        return self._types[name]

    def _frame(self, name: str, rows: Sequence[Mapping[str, Cell]], proof: FactStatus) -> pl.DataFrame:
        """Every column there may be, what is not given null; facts are as well proven as the case's."""
        columns = {
            column: pl.Series(column, [row.get(column) for row in rows], dtype=DTYPES[kind])
            for column, kind in self._columns(name).items()
        }
        if name in ("claims", "organisations", "awards"):
            proofs = {column: [int(proof) if row.get(column) is not None else None for row in rows]
                      for column in columns}  # fmt: skip
            statuses = {f"{column}{STATUS_SUFFIX}": pl.Series(each, dtype=pl.UInt8) for column, each in proofs.items()}
            # That a provider is related is told by the ties, where the row does not say.
            if "is_related" in columns and columns["is_related"].null_count() == len(rows):
                columns.pop("is_related")
                statuses.pop(f"is_related{STATUS_SUFFIX}")
            columns |= statuses
        return pl.DataFrame(columns)


def _kind(dtype: pl.DataType) -> str:
    return next(kind for kind, each in DTYPES.items() if each == dtype)


def _stub(name: str, kind: str) -> Attribute:
    return Attribute(name, "", kind, None, name, name, False, False, "", "", "", None, None, False)


def merged(shared: CaseRowsDocument | None, own: CaseRowsDocument | None) -> CaseRowsDocument | None:
    """A case's own lists in place of the file's."""
    if shared is None or own is None:
        return own or shared
    return shared.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


def added_up(
    programme: Programme, facts: Mapping[str, Cell | None], rows: Rows, subject: str, as_of: date
) -> dict[str, tuple[int | None, FactStatus]]:
    """What the programme adds up for the subject out of the lists that are given, where its facts do not say. Raises
    InputError."""
    given = {"claims": rows.claims, "awards": rows.awards, "members": rows.members, "related": rows.related}
    mine = tuple(each for each in programme.aggregates if given[each.of] is not None and each.id not in facts)
    told = {ORGANISATION: subject, **facts}
    asks = reads_related((programme,)) and rows.related is not None and {IS_RELATED, PROVIDER} - {*told} == {IS_RELATED}
    if not mine and not asks:
        return {}
    known = told if asks else {**facts, IS_RELATED: facts.get(IS_RELATED)}
    table = pl.DataFrame({**{name: [value] for name, value in known.items()}, ID: [subject]})
    made = add_aggregates((replace(programme, aggregates=mine),), table, rows, as_of).table.row(0, named=True)
    names = [*(each.id for each in mine), *([IS_RELATED] if asks else [])]
    return {name: (made[name], FactStatus(made.get(name + STATUS_SUFFIX) or 0)) for name in names}

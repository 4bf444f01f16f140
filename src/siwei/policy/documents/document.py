"""A programme's YAML file as its author writes it. The published JSON Schema is made from these classes.

Absent means not known; no field may be empty. The language of people is always given in Chinese and English.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from siwei.errors import Said
from siwei.policy.documents.document_money import AggregateDocument, LimitDocument, PotDocument, VoucherDocument
from siwei.policy.documents.document_parts import (
    INT64_MAX,
    Cel,
    CitationDocument,
    Document,
    Identifier,
    ParameterName,
    PeriodDocument,
    ShortText,
    Status,
    TextDocument,
    editor_schema,
)
from siwei.policy.documents.document_tables import TableDocument, UnitName


class SourceDocument(Document):
    """The legal source of the whole programme."""

    document: ShortText = Field(description="Title of the measure or guide.")
    number: ShortText | None = Field(None, description="Its document number; absent where not known.")
    url: ShortText | None = Field(None, description="Where it was read.")
    as_of: date = Field(description="The day on which this file says what was known.")
    verified: bool = Field(description="Whether somebody compared this file with the published text.")
    note: TextDocument | None = Field(None, description="How well it is known.")


class ParameterValueDocument(Document):
    """A value and the day from which it holds."""

    start: date | None = Field(None, description="First day; absent (first value only): from when is not known.")
    value: int = Field(ge=-INT64_MAX - 1, le=INT64_MAX, description="A whole number in the parameter's unit.")


class ParameterDocument(Document):
    """A figure of the programme, by date."""

    unit: UnitName = Field(description="Its unit; 1 % is 100 basis_point.")
    words: TextDocument = Field(description="What it is.")
    citation: CitationDocument | None = Field(None, description="Where the figure is written.")
    values: Annotated[list[ParameterValueDocument], Field(min_length=1, description="By first day, ascending.")]

    @model_validator(mode="after")
    def _ascending(self) -> "ParameterDocument":
        starts = [value.start or date.min for value in self.values]
        if starts != sorted(set(starts)):
            raise ValueError(Said("values must ascend by their first day, each day once", "各值须按首日递增，每天一次"))
        return self


class ClauseDocument(Document):
    """One condition. All clauses must hold."""

    id: Identifier = Field(description="Its name within the programme.")
    expr: Cel = Field(description="A yes or no over attributes, p.<parameter> and as_of.")
    words: TextDocument = Field(description="The condition in words.")
    citation: CitationDocument | None = Field(None, description="Absent: the programme is a draft.")
    requires: Status = Field("declared", description="The proof asked of every fact the clause reads.")
    favours_local: bool = Field(False, description="Whether it favours local suppliers: shown wherever the clause is.")
    review: ShortText | None = Field(
        None, description="Its fair-competition review (公平竞争审查): where and when; absent: none is known."
    )


class AwardDocument(Document):
    """What is granted where every clause holds."""

    expr: Cel = Field(description="An amount in fen.")
    cap: Cel | None = Field(None, description="The most it can be, in fen.")
    words: TextDocument = Field(description="The award in words.")
    citation: CitationDocument | None = Field(None, description="Absent: the programme is a draft.")
    requires: Status = Field("declared", description="The proof asked of every fact the award reads.")


class RoundingDocument(Document):
    """How divisions in the programme round."""

    mode: Literal["down", "up", "half_up", "half_even"] = Field("down", description="`down` is toward zero.")
    to: Literal["fen", "yuan"] = Field("fen", description="What the award is cut to.")


class ProgrammeDocument(Document):
    """One programme, one file."""

    id: Identifier = Field(description="The same as the file's name without .yaml.")
    version: ShortText = Field(description="The version of this file.")
    state: Literal["draft", "rehearsed", "in_force", "ended"] = Field(
        "in_force", description="Only what is in force releases money; ended needs the period's last day."
    )
    title: TextDocument = Field(description="Its name.")
    kind: Literal["grant", "voucher", "tax_saving"] = Field(
        description="A tax_saving is a computed benefit, kept apart from money paid."
    )
    issuer: TextDocument = Field(description="Who issues it.")
    source: SourceDocument = Field(description="Its legal source.")
    period: PeriodDocument = Field(description="The days on which it is in force.")
    window: PeriodDocument | None = Field(None, description="The days on which applications are taken.")
    applies_to: Literal["organisation", "claim", "project", "person"] = Field(description="What it is decided for.")
    parameters: dict[ParameterName, ParameterDocument] = Field(default_factory=dict, description="Figures by date.")
    tables: dict[ParameterName, TableDocument] = Field(
        default_factory=dict, max_length=30, description="Results by bands, read in expressions as t.<name>."
    )
    clauses: Annotated[list[ClauseDocument], Field(min_length=1, max_length=100, description="The conditions.")]
    award: AwardDocument = Field(description="What is granted.")
    aggregates: dict[ParameterName, AggregateDocument] = Field(
        default_factory=dict, max_length=30, description="Sums over other rows, read in expressions by name."
    )
    limits: Annotated[list[LimitDocument], Field(max_length=10)] = Field(
        default_factory=list, description="What the awards of several rows may come to together."
    )
    voucher: VoucherDocument | None = Field(None, description="What a voucher pays; only for kind voucher.")
    rounding: RoundingDocument = Field(default_factory=RoundingDocument, description="How it rounds.")
    pot: PotDocument | None = Field(None, description="The budget, where there is one.")
    notes: list[TextDocument] = Field(default_factory=list, description="What a reader must know besides.")


def programme_schema() -> dict[str, object]:
    """The JSON Schema (2020-12) of a programme file, for editors."""
    return editor_schema(ProgrammeDocument, "Siwei programme")

"""What every part of a programme's file is made of: names, expressions, words, citations, periods."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

INT64_MAX = 2**63 - 1
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$", description="Small letters, digits and hyphens.")]
ParameterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Read in expressions as p.<name>.")]
ShortText = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]
Cel = Annotated[str, Field(min_length=1, max_length=10_000, description="An expression of CEL (cel.dev).")]
Status = Literal["declared", "documented", "verified"]


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class TextDocument(Document):
    """Words for people, in both languages."""

    zh: ShortText = Field(description="In simplified Chinese; traditional is derived when shown.")
    en: ShortText = Field(description="In English.")


class CitationDocument(Document):
    """Where a rule is written."""

    document: ShortText = Field(description="The document that says so.")
    locator: ShortText = Field("not known", description="Article or page; `not known` where the text was not seen.")
    url: ShortText | None = Field(None, description="Where it was read.")


class PeriodDocument(Document):
    """Days, both included; absent is open."""

    start: date | None = Field(None, description="First day.")
    end: date | None = Field(None, description="Last day.")

    @model_validator(mode="after")
    def _in_order(self) -> "PeriodDocument":
        if self.start and self.end and self.end < self.start:
            raise ValueError("end lies before start")
        return self

"""What every part of a programme's file is made of: names, expressions, words, citations, periods."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from siwei.errors import Said

INT64_MAX = 2**63 - 1
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$", description="Small letters, digits and hyphens.")]
ParameterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Read in expressions as p.<name>.")]
GroupKey = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_]{0,62}(\.year)?$", description="A column, or `<column>.year` of a day's."),
]
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
            raise ValueError(Said("end lies before start", "end 早于 start"))
        return self


LETTER_FIRST = "^[a-z]"


def editor_schema(model: type[BaseModel], title: str) -> dict[str, object]:
    """The JSON Schema (2020-12) of a file, for editors. Files are read with every scalar as text and typed by the
    schema: so what is text may be written as a plain number or yes and no, and a whole number in quotes."""
    schema = _as_written(model.model_json_schema())
    assert isinstance(schema, dict)
    return {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}


def _as_written(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_as_written(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _as_written(each) for name, each in schema.items()}
    names = str(made.get("pattern", "")).startswith(LETTER_FIRST)
    if made.get("type") == "string" and not names and not made.keys() & {"format", "enum", "const"}:
        made["type"] = ["string", "number", "boolean"]
    elif made.get("type") == "integer":
        made |= {"type": ["integer", "string"], "pattern": r"^[+-]?[0-9]+$"}
    return made

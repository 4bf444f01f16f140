"""Tables of a programme's file: a result for each band of a value, read in expressions as `band(value, t.<name>)`."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from siwei.errors import Said
from siwei.policy.documents.document_parts import INT64_MAX, CitationDocument, Document, TextDocument
from siwei.policy.language.bands import MOST_BANDS
from siwei.policy.language.units import UNIT_PATTERN, parse_unit


def _known(unit: str) -> str:
    parse_unit(unit)
    return unit


UnitName = Annotated[
    str,
    AfterValidator(_known),
    Field(
        description="fen, basis_point, people …, or one over another: fen/people.",
        json_schema_extra={"pattern": f"^{UNIT_PATTERN}$"},
    ),
]
Bound = Annotated[int | None, Field(ge=-INT64_MAX, le=INT64_MAX - 1)]


class BandDocument(Document):
    """One band. It starts by `from` or `above` and ends by `to` or `below`; the first has no start, the last no
    end."""

    from_: Bound = Field(None, alias="from", description="The least value of the band.")
    above: Bound = Field(None, description="The band starts above this value.")
    to: Bound = Field(None, description="The greatest value of the band.")
    below: Bound = Field(None, description="The band ends below this value.")
    result: int = Field(ge=-INT64_MAX - 1, le=INT64_MAX, description="What the table gives for a value in the band.")


Bands = Annotated[list[BandDocument], Field(min_length=2, max_length=MOST_BANDS + 1)]


class TableValueDocument(Document):
    """Bands and the day from which they hold."""

    start: date | None = Field(None, description="First day; absent (first value only): from when is not known.")
    bands: Bands = Field(description="Ascending.")


class TableDocument(Document):
    """Bands that hold every whole number once, ascending: a gap or an overlap is refused."""

    value_unit: UnitName | None = Field(None, description="The unit of the value looked up; absent: a plain number.")
    result_unit: UnitName | None = Field(None, description="The unit of the results; absent: a plain number.")
    words: TextDocument = Field(description="What it is.")
    citation: CitationDocument | None = Field(None, description="Absent: the programme is a draft.")
    bands: Bands | None = Field(None, description="Ascending; of a table that changes, `values` instead.")
    values: Annotated[list[TableValueDocument], Field(min_length=1, max_length=50)] | None = Field(
        None, description="Bands by first day, ascending."
    )

    @model_validator(mode="after")
    def _one_form(self) -> "TableDocument":
        if (self.bands is None) == (self.values is None):
            raise ValueError(Said("give `bands`, or `values` by date", "请写 `bands`，或按日期写 `values`"))
        if self.values is not None:
            starts = [value.start or date.min for value in self.values]
            if starts != sorted(set(starts)):
                raise ValueError(
                    Said("values must ascend by their first day, each day once", "各值须按首日递增，每天一次")
                )
        return self

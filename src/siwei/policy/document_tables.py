"""Tables of a programme's file: a result for each band of a value, read in expressions as `band(value, t.<name>)`."""

from typing import Annotated

from pydantic import Field

from siwei.policy.document_parts import INT64_MAX, CitationDocument, Document, TextDocument
from siwei.policy.language.overloads import MOST_BANDS
from siwei.policy.language.units import UNIT_PATTERN

UnitName = Annotated[
    str, Field(pattern=f"^{UNIT_PATTERN}$", description="fen, basis_point, people …, or one over another: fen/people.")
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


class TableDocument(Document):
    """Bands that hold every whole number once, ascending: a gap or an overlap is refused."""

    value_unit: UnitName | None = Field(None, description="The unit of the value looked up; absent: a plain number.")
    result_unit: UnitName | None = Field(None, description="The unit of the results; absent: a plain number.")
    words: TextDocument = Field(description="What it is.")
    citation: CitationDocument | None = Field(None, description="Absent: the programme is a draft.")
    bands: Annotated[list[BandDocument], Field(min_length=2, max_length=MOST_BANDS + 1, description="Ascending.")]

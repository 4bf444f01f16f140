"""A pack's `stacking.yaml` as its author writes it: which awards may stand together, and up to what."""

from typing import Annotated

from pydantic import Field

from siwei.policy.documents.document import ParameterDocument
from siwei.policy.documents.document_parts import (
    Cel,
    CitationDocument,
    Document,
    Identifier,
    ParameterName,
    TextDocument,
    editor_schema,
)

MOST_PROGRAMMES = 12
Programmes = Annotated[list[Identifier], Field(min_length=2, max_length=MOST_PROGRAMMES)]


class StackingGroupDocument(Document):
    """Awards that together may not pass a limit."""

    id: Identifier = Field(description="Its name within the file.")
    programmes: Programmes = Field(description="Whose awards count towards the limit.")
    limit: Cel = Field(description="In fen, over attributes of the subject; below 0 is 0.")
    applies_from: Annotated[int, Field(ge=1, le=MOST_PROGRAMMES)] = Field(
        1, description="The limit holds where at least so many of the awards are taken."
    )
    reduce: Programmes = Field(description="The same programmes: the first is cut first.")
    words: TextDocument = Field(description="The limit in words.")
    citation: CitationDocument | None = Field(None, description="Where it is written.")


class EitherOrDocument(Document):
    """Awards of which only so many may be taken."""

    id: Identifier = Field(description="Its name within the file.")
    programmes: Programmes = Field(description="The awards that exclude one another.")
    most: Annotated[int, Field(ge=1, le=MOST_PROGRAMMES)] = Field(1, description="How many may be taken.")
    words: TextDocument = Field(description="The rule in words.")
    citation: CitationDocument | None = Field(None, description="Where it is written.")


class JointDocument(Document):
    """What an organisation, its contracts and its projects get together, at most: over all of them, not of each."""

    id: Identifier = Field(description="Its name within the file.")
    programmes: Programmes = Field(
        description="Whose awards count: of the organisation itself, of its contracts, of its projects. None stands in "
        "two joint limits."
    )
    limit: Cel = Field(description="In fen, over attributes of the organisation; below 0 is 0.")
    reduce: Programmes = Field(description="The same programmes: the first is cut first.")
    order: Annotated[list[ParameterName], Field(max_length=4)] = Field(
        default_factory=list,
        description="The columns by which contracts or projects of one programme are served, ascending; then the id. "
        "The last is cut first.",
    )
    words: TextDocument = Field(description="The limit in words.")
    citation: CitationDocument | None = Field(None, description="Where it is written.")


class RelatedDocument(Document):
    """Which ties make parties related; money between related parties does not count where a programme says so."""

    share_from_bp: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="The share, direct, from which a tie counts at every step of a chain. Control counts always."
    )
    words: TextDocument = Field(description="The rule in words.")
    citation: CitationDocument | None = Field(None, description="Where it is written.")


class StackingDocument(Document):
    """All rules of a pack about awards standing together."""

    parameters: dict[ParameterName, ParameterDocument] = Field(default_factory=dict, description="Figures by date.")
    groups: Annotated[list[StackingGroupDocument], Field(max_length=50)] = Field(
        default_factory=list, description="Limits, taken in this order."
    )
    either_or: Annotated[list[EitherOrDocument], Field(max_length=50)] = Field(
        default_factory=list, description="Exclusions."
    )
    joint: Annotated[list[JointDocument], Field(max_length=10)] = Field(
        default_factory=list, description="Limits over several kinds of subjects, taken after those of each."
    )
    related_parties: RelatedDocument | None = Field(None, description="Who is related to whom.")
    notes: list[TextDocument] = Field(default_factory=list, description="What a reader must know besides.")


def stacking_schema() -> dict[str, object]:
    """The JSON Schema (2020-12) of `stacking.yaml`, for editors."""
    return editor_schema(StackingDocument, "Siwei stacking")

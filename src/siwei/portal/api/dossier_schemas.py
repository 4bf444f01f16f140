"""What the API takes and answers about dossiers. Money is integer fen; values are canonical text."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from siwei.portal.api.fact_files import FactFileRow
from siwei.portal.api.schemas import Named


class Deadline(Schema):
    is_window: bool
    opens: date | None
    closes: date | None
    state: str
    days: int | None


class DossierField(Schema):
    attribute: str
    group: str
    name: Named
    type: str
    unit: str | None
    choices: list[str]
    value: str | None
    status: str | None
    source: str | None
    source_ref: str | None
    asked_by: list[str]
    files: list[FactFileRow] = Field(description="That show the value, or one's own word where another counts")


class DossierProgramme(Schema):
    programme: str
    title: Named
    verdict: str
    award_fen: int | None
    is_draft: bool
    deadline: Deadline
    to_supply: int


class Unlocking(Schema):
    facts: list[str]
    programmes: list[str]
    paid_at_most_fen: int | None
    tax_saving_at_most_fen: int | None


class SizeTest(Schema):
    size: str
    measure: str
    least: int = Field(description="People, or fen")
    value: int | None
    holds: bool | None = Field(description="Null: the measure is not known")


class SizeByIndustry(Schema):
    industry: str
    size: str | None
    source: str | None
    verified: bool
    tests: list[SizeTest]


class SizeClass(Schema):
    size: str | None = Field(description="large, medium, small or micro; null: it cannot be told")
    main_industry: str | None
    missing: list[str]
    industries: list[SizeByIndustry]


class OrganisationDossier(Schema):
    can_declare: bool
    size: SizeClass | None = Field(description="Null where the pack has no size classes")
    fields: list[DossierField]
    programmes: list[DossierProgramme]
    unlocking: list[Unlocking]


class DeclaredValue(Schema):
    value: Annotated[str, Field(max_length=6_000, description="Canonical: fen, ISO days, true or false")]
    evidence: Annotated[str, Field(max_length=120)] = ""


class Declarations(Schema):
    idempotency_key: Annotated[str, Field(min_length=1, max_length=80)]
    values: Annotated[dict[str, DeclaredValue], Field(min_length=1, max_length=200)]


class Proofs(Declarations):
    proof: Literal["documented", "verified"] = Field(
        description="documented: a paper was seen; verified: it was compared with its source. Each value with evidence"
    )


class ApplicationFile(Schema):
    name: str
    media_type: str
    sha256: str
    base64: str


class ApplicationPackage(Schema):
    as_of: date
    generated: bool
    files: list[ApplicationFile]
    evidence: list[FactFileRow] = Field(description="Files that show its facts, by their names in the package")

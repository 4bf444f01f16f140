"""What a row of each table of a pack holds. The order of the fields is the order of the columns."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from siwei.city.cells import (
    AttributeName,
    Boolean,
    CountryCode,
    CurrencyCode,
    Identifier,
    Language,
    Number,
    OptionalDate,
    OptionalIdentifier,
    OptionalInteger,
    OptionalNumber,
    OptionalPastDate,
    OptionalText,
    OptionalWebAddress,
    PastDate,
    Reference,
    Share,
    Text,
    TimeZone,
    Year,
    one_of,
    problem,
)

LAYERS = ("base", "technology", "application")
EDGE_TYPES = ("supplies", "uses", "substitutes")
QUALIFIERS = ("exact", "less_than", "more_than", "at_least", "at_most", "about")


class Row(BaseModel):
    """A row is a *draft* where its source or its date is not known; what is verified was read in its first source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: OptionalText = None
    as_of: OptionalPastDate = None
    verified: Boolean

    @model_validator(mode="after")
    def _verified_has_a_source(self) -> Self:
        if self.verified and (self.source is None or self.as_of is None):
            raise problem("unsourced")
        if self.verified and self.source is not None and ("from memory" in self.source or self.source == "generated"):
            raise problem("no_source", source=self.source)
        return self


class AttributeRow(Row):
    id: AttributeName
    subject: Annotated[str, one_of("organisation", "person", "project", "agreement")]
    type: Annotated[str, one_of("int", "bool", "date", "string")]
    unit: OptionalText = None
    name_zh: Text
    name_en: Text
    public: Boolean
    changeable: Boolean
    period: Annotated[str, one_of("", "year")] = ""
    meaning_zh: Text
    meaning_en: Text


class SegmentRow(Row):
    id: Identifier
    layer: Annotated[str, one_of(*LAYERS)]
    name_zh: Text
    name_en: Text
    definition_zh: Text


class EdgeRow(Row):
    """`supplies`: what `from` makes goes into `to`. `uses`: `from` builds on `to`. `substitutes`: either way."""

    from_: Annotated[Identifier, Reference("segments")] = Field(alias="from")
    to: Annotated[Identifier, Reference("segments")]
    type: Annotated[str, one_of(*EDGE_TYPES)]
    confidence: Share

    @model_validator(mode="after")
    def _joins_two(self) -> Self:
        if self.from_ == self.to:
            raise problem("itself", name=self.to)
        return self


class AcceleratorRow(Row):
    """One family of one maker; `models` are parted by semicolons."""

    id: Identifier
    maker_zh: Text
    maker_en: Text
    family: Text
    models: Text
    kind: Annotated[str, one_of("gpu", "npu", "tpu", "fpga")]
    segment: Annotated[Identifier, Reference("segments")]


class FrameworkRow(Row):
    id: Identifier
    name: Text
    maker: Text
    kind: Annotated[str, one_of("training", "inference", "compiler")]
    website: OptionalWebAddress = None


class CompatibilityRow(Row):
    """`native`: in the framework itself; `plugin`: a package beside it; `port`: the maker's own version of it."""

    framework: Annotated[Identifier, Reference("frameworks")]
    accelerator: Annotated[Identifier, Reference("accelerators")]
    how: Annotated[str, one_of("native", "plugin", "port")]
    package: OptionalText = None


class ClusterVersionRow(Row):
    """One published list of clusters. `issued_on` is empty where only the year is known."""

    id: Identifier
    name_zh: Text
    name_en: Text
    status: Annotated[str, one_of("in_force", "superseded", "announced")]
    year: Year
    issued_on: OptionalPastDate = None
    document: Annotated[OptionalIdentifier, Reference("documents")] = None


class ClusterRow(Row):
    version: Annotated[Identifier, Reference("cluster_versions")]
    id: Identifier
    kind: Annotated[str, one_of("cluster", "future")]
    name_zh: Text
    name_en: Text


class ClusterSegmentRow(Row):
    version: Identifier
    cluster: Identifier
    segment: Annotated[Identifier, Reference("segments")]


class DocumentRow(Row):
    """A law, measure or plan. `valid_to` is its last day in force, where known."""

    id: Identifier
    name_zh: Text
    name_en: Text
    number: OptionalText = None
    level: Annotated[str, one_of("national", "province", "city", "district")]
    issuer_zh: OptionalText = None
    issued_on: OptionalDate = None
    valid_to: OptionalDate = None
    website: OptionalWebAddress = None


class DistrictRow(Row):
    """`split_from` is the district it was part of, so that an old address is read as today's district."""

    id: Identifier
    name_zh: Text
    name_en: Text
    code: OptionalText = None
    kind: Annotated[str, one_of("district", "functional_area")]
    split_from: Annotated[OptionalIdentifier, Reference("districts")] = None


class PlaceRow(Row):
    """A word of an address: another name of a district (`district`), or a place in it (`place`)."""

    keyword: Text
    district: Annotated[Identifier, Reference("districts")]
    kind: Annotated[str, one_of("district", "place")]


class FacilityRow(Row):
    """One figure of one compute facility. Figures of unlike metric, precision or status are never added."""

    facility: Identifier
    name_zh: Text
    name_en: Text
    kind: Annotated[str, one_of("ai_compute", "supercompute", "cluster", "data_centre")]
    district: Annotated[OptionalIdentifier, Reference("districts")] = None
    operator_zh: OptionalText = None
    status: Annotated[str, one_of("planned", "commissioning", "partial", "operating", "closed")]
    metric: Identifier
    qualifier: Annotated[str, one_of(*QUALIFIERS)]
    value: Number
    unit: Text
    precision: OptionalText = None
    local: Boolean


class InstitutionRow(Row):
    """`code` (unified social credit code) stays empty unless a source gives it."""

    id: Identifier
    name_zh: Text
    name_en: Text
    kind: Annotated[
        str, one_of("university", "laboratory", "institute", "centre", "hospital", "government", "exchange")
    ]
    district: Annotated[OptionalIdentifier, Reference("districts")] = None
    code: OptionalText = None
    website: OptionalWebAddress = None


class StatisticRow(Row):
    id: Identifier
    name_zh: Text
    name_en: Text
    scope: Text
    year: Year
    status: Annotated[str, one_of("actual", "expected", "forecast", "target")]
    qualifier: Annotated[str, one_of(*QUALIFIERS)]
    value: Number
    unit: Text
    growth_percent: OptionalNumber = None
    note: OptionalText = None


class VoucherProviderRow(Row):
    id: Identifier
    name_zh: Text
    voucher: Annotated[str, one_of("training", "corpus", "model")]
    admission_zh: OptionalText = None
    number: OptionalInteger = None


class PackIdentity(BaseModel):
    """`pack.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Identifier
    name_zh: Text
    name_en: Text
    version: Text
    date: PastDate
    country: CountryCode
    division_code: Text
    currency: CurrencyCode
    languages: tuple[Language, ...] = Field(min_length=1)
    time_zone: TimeZone
    official_firm_count: Annotated[OptionalIdentifier, Reference("statistics")] = None
    """The row of `statistics` that counts the city's AI firms: coverage is stated against it."""
    payment_records_years: OptionalInteger = Field(None, ge=1, le=100)
    """For how many years after the fiscal year records of payments to persons are kept, as the law there asks."""

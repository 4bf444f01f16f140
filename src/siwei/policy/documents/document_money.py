"""The parts of a programme's file that say how money is claimed, added up, shared and spent."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from siwei.errors import Said
from siwei.policy.documents.document_parts import (
    INT64_MAX,
    Cel,
    CitationDocument,
    Document,
    GroupKey,
    Identifier,
    ParameterName,
    ShortText,
    TextDocument,
)

BasisPoints = Annotated[int, Field(ge=0, le=10_000, description="1 % is 100.")]


class ReserveDocument(Document):
    """A part of the pot kept for some claims; what they leave goes to all."""

    id: Identifier = Field(description="Its name within the pot.")
    share_bp: BasisPoints = Field(description="The part of the budget kept for them, in basis points.")
    where: Cel = Field(description="Which claims: a yes or no over attributes. Unknown is no.")
    words: TextDocument = Field(description="Whom it is kept for.")
    citation: CitationDocument | None = Field(None, description="Where it is written.")


class QuotaDocument(Document):
    """The most that claims with one and the same value of an attribute may get together."""

    by: ParameterName = Field(description="The attribute, such as district.")
    most_bp: BasisPoints = Field(description="The most of the budget, in basis points.")
    words: TextDocument = Field(description="The quota in words.")
    citation: CitationDocument | None = Field(None, description="Where it is written.")


class PotDocument(Document):
    """The budget awards are paid from."""

    budget_fen: int | None = Field(None, ge=0, le=INT64_MAX, description="Absent where not known.")
    per: Literal["year", "once"] = Field("year", description="How often the budget is given.")
    sharing: Literal["first_come", "merit", "pro_rata", "lottery", "not_known"] = Field(
        description="How it is shared when awards exceed it."
    )
    payment: Literal["partial", "whole_or_next", "whole_or_stop"] = Field(
        "partial",
        description="A claim the money does not suffice for: paid in part; passed over for the next; or the last.",
    )
    reserves: Annotated[list[ReserveDocument], Field(max_length=10)] = Field(
        default_factory=list, description="Parts of the budget kept for some."
    )
    quotas: Annotated[list[QuotaDocument], Field(max_length=5)] = Field(
        default_factory=list, description="The most that some may get together."
    )
    returns: Literal["waiting", "pot", "treasury"] = Field(
        "pot", description="Where money goes that comes back: to claims not paid in full, to the pot, or out of it."
    )
    choose_again: bool = Field(
        False,
        description="Whether those to whom the pot gives less than they claim may choose again: give the claim up "
        "before it is awarded, and take an award that it excludes.",
    )
    words: TextDocument = Field(description="The budget in words.")
    citation: CitationDocument | None = Field(None, description="Where it is written.")

    @model_validator(mode="after")
    def _possible(self) -> "PotDocument":
        if self.sharing == "pro_rata" and self.payment != "partial":
            raise ValueError(
                Said(
                    "pro_rata pays every claim in part; payment must be partial",
                    "pro_rata 对每项申报都部分支付；payment 须为 partial",
                )
            )
        if self.sharing == "pro_rata" and len(self.quotas) > 1:
            raise ValueError(Said("pro_rata takes one quota at most", "pro_rata 至多一个配额"))
        if sum(reserve.share_bp for reserve in self.reserves) > 10_000:
            raise ValueError(Said("the reserves add up to more than the pot", "各预留合计超过资金池"))
        names = [reserve.id for reserve in self.reserves]
        if len(set(names)) != len(names) or len({quota.by for quota in self.quotas}) != len(self.quotas):
            raise ValueError(Said("reserves and quotas must differ by name", "预留、配额的名字不得相同"))
        return self


class VoucherDocument(Document):
    """What a voucher may be spent on."""

    kinds: Annotated[list[ShortText], Field(min_length=1, max_length=20)] = Field(
        description="Kinds of the market it pays for, such as compute."
    )
    rate: Cel = Field(description="The part of each bill it pays, in basis points.")
    listed_providers_only: bool = Field(False, description="Whether only listed providers may be paid with it.")
    valid_until: Literal["year_end", "period_end"] | None = Field(None, description="Its last day.")
    valid_days: Annotated[int, Field(ge=1, le=3660)] | None = Field(
        None, description="Days it is valid from the grant; valid_until and valid_days both absent: not known."
    )
    words: TextDocument = Field(description="Its terms in words.")
    citation: CitationDocument | None = Field(None, description="Absent: the programme is a draft.")

    @model_validator(mode="after")
    def _one_end(self) -> "VoucherDocument":
        if self.valid_until is not None and self.valid_days is not None:
            raise ValueError(Said("give valid_until or valid_days, not both", "valid_until 与 valid_days 只写其一"))
        return self


class AggregateDocument(Document):
    """A sum, a count or an extreme over other rows that belong to the subject."""

    of: Literal["claims", "awards", "members", "related"] = Field(
        description="Claims; awards of the past; organisations of its group; organisations related to it."
    )
    sum: Cel | None = Field(None, description="What is added up, over the other row's columns.")
    count: bool = Field(False, description="Count the rows instead.")
    greatest: Cel | None = Field(None, description="The greatest value instead.")
    where: Cel | None = Field(None, description="Which rows count: a yes or no over their columns.")
    per: Annotated[list[GroupKey], Field(min_length=1, max_length=4)] = Field(
        default_factory=lambda: ["organisation"],
        description="The columns two rows must share to belong together; `<column>.year`: the calendar year of a day.",
    )
    unit: Literal["fen", "year", "people", "item"] = Field("fen", description="The unit of the result.")
    words: TextDocument = Field(description="What it is.")
    citation: CitationDocument | None = Field(None, description="Where it is written.")

    @model_validator(mode="after")
    def _one_kind(self) -> "AggregateDocument":
        if (self.sum is not None) + self.count + (self.greatest is not None) != 1:
            raise ValueError(Said("give one of sum, count and greatest", "sum、count、greatest 只写其一"))
        if "organisation" not in self.per:
            raise ValueError(
                Said("per must name organisation: what belongs to whom", "per 须含 organisation：何者属于谁")
            )
        return self


class LimitDocument(Document):
    """The most that rows sharing some columns may be awarded together, such as a firm's claims of a year."""

    id: Identifier = Field(description="Its name within the programme.")
    per: Annotated[list[GroupKey], Field(min_length=1, max_length=4)] = Field(
        description="The columns that rows under one limit share; `<column>.year`: the calendar year of a day."
    )
    at_most: Cel = Field(description="The limit in fen; where rows disagree, the least.")
    order: Annotated[list[ParameterName], Field(max_length=4)] = Field(
        default_factory=list, description="The columns by which rows are served, ascending; then the id."
    )
    words: TextDocument = Field(description="The limit in words.")
    citation: CitationDocument | None = Field(None, description="Absent: the programme is a draft.")

"""What meets on the market: offers, needs, and the state of the world they are judged in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True, slots=True)
class Words:
    """One saying in the two languages people write; 繁體 is derived when shown."""

    zh: str
    en: str

    def as_dict(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en}


class Body(BaseModel):
    """What an offer or a need says of itself. Unknown members are refused, texts are stripped and bounded."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, str_max_length=4000)


@dataclass(frozen=True, slots=True)
class Offer:
    """`party` is an organisation's key, `body` an instance of its kind's `offer_body`."""

    id: str
    kind: str
    party: str
    body: Any
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """`party` is an organisation's key, `body` an instance of its kind's `need_body`."""

    id: str
    kind: str
    party: str
    body: Any
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class VoucherTerms:
    """What a voucher may pay: `rate` of the gross in ten-thousandths (‱), up to `cap_fen` for one agreement (None: no
    cap of its own) and to what is left of it. `listed_providers` is None where the programme names no list."""

    id: str
    rate: int
    cap_fen: int | None
    remaining_fen: int
    kinds: frozenset[str] = frozenset({"compute"})
    listed_providers: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 10_000:
            raise ValueError(f"rate {self.rate} is not within 0–10000 ‱")
        if self.remaining_fen < 0 or (self.cap_fen is not None and self.cap_fen < 0):
            raise ValueError("a voucher's cap and remainder are not negative")


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a decision may look at besides the offer and the need.

    `related` holds pairs of organisation keys tied by ownership or control. `supplies` holds the chain's edges
    (upstream segment, downstream segment). `similarity` is text similarity by offer id, filled in by `match`.
    """

    as_of: date
    voucher: VoucherTerms | None = None
    related: frozenset[frozenset[str]] = frozenset()
    supplies: frozenset[tuple[str, str]] = frozenset()
    similarity: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def are_related(self, one: str, other: str) -> bool:
        return one == other or frozenset((one, other)) in self.related

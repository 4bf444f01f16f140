"""What one kind of offer and need declares; the market knows nothing else of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from pydantic import ValidationError

from siwei.errors import InputError, Problem, Said, chinese_of
from siwei.market.listing import Body, Context, Need, Offer, Words
from siwei.schema_faults import problem_of

Dimension = Literal["source", "road", "base", "wing"]
DeliveredBy = Literal["meter", "milestone", "event"]
"""`meter`: readings of a quantity; `milestone`: handed over with evidence, accepted or rejected by the consumer;
`event`: something that happened (a post taken up, a course attended), reported by one side, confirmed by the other."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What an offer must satisfy to be considered at all; `words` say what failed."""

    id: str
    words: Words
    test: Callable[[Offer, Need, Context], bool]


@dataclass(frozen=True, slots=True)
class ScorePart:
    """One named part of a score: `score` gives 0..1, `weight` is its share in percent of the whole."""

    id: str
    weight: int
    words: Words
    score: Callable[[Offer, Need, Context], float]


@dataclass(frozen=True, slots=True)
class Price:
    """`amount_fen` for every `per` units: 1200 fen per 3600 accelerator-seconds is 12 yuan an hour."""

    amount_fen: int
    per: int = 1

    def __post_init__(self) -> None:
        if self.amount_fen < 0 or self.per < 1:
            raise ValueError(f"a price below nothing, or per {self.per} units, cannot be")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of deal. `price` and `quantity` are None where nothing is priced by quantity (a scenario, a position);
    `offer_text`/`need_text` are None where texts do not matter. Weights of `parts` sum to 100."""

    id: str
    dimension: Dimension
    name: Words
    unit: str
    offer_body: type[Body]
    need_body: type[Body]
    parts: tuple[ScorePart, ...]
    delivered_by: DeliveredBy
    delivery: Words
    requirements: tuple[Requirement, ...] = ()
    price: Callable[[Offer], Price] | None = None
    quantity: Callable[[Need], int] | None = None
    offer_text: Callable[[Offer], str] | None = None
    need_text: Callable[[Need], str] | None = None

    def __post_init__(self) -> None:
        if sum(part.weight for part in self.parts) != 100:
            raise ValueError(f"the weights of kind {self.id} sum to {sum(part.weight for part in self.parts)}, not 100")
        if (self.price is None) != (self.quantity is None) or (self.offer_text is None) != (self.need_text is None):
            raise ValueError(f"kind {self.id} declares only one of a pair")
        if self.delivered_by == "meter" and self.price is None:
            raise ValueError(f"kind {self.id} is delivered by meter and has no price for a quantity")

    def parse_offer(self, *, id: str, party: str, body: Mapping[str, Any], valid_until: date | None = None) -> Offer:
        """Raises InputError with every problem of the body, by field."""
        return Offer(id, self.id, party, _parse(self.offer_body, body, self, "offer"), valid_until)

    def parse_need(self, *, id: str, party: str, body: Mapping[str, Any], valid_until: date | None = None) -> Need:
        """Raises InputError with every problem of the body, by field."""
        return Need(id, self.id, party, _parse(self.need_body, body, self, "need"), valid_until)


def _parse(schema: type[Body], body: Mapping[str, Any], kind: Kind, side: str) -> Body:
    try:
        return schema.model_validate(body)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)
        raise InputError([_body_problem(dict(each), schema, kind, side) for each in told]) from None


def _body_problem(told: dict[str, Any], schema: type[Body], kind: Kind, side: str) -> Problem:
    found = problem_of(told, ".".join(str(step) for step in told["loc"]))
    what = "供给" if side == "offer" else "需求"
    message = Said(f"{side} of kind {kind.id}: {found.message}", f"{kind.name.zh}{what}：{chinese_of(found.message)}")
    known = ", ".join(schema.model_fields)
    fix = Said(f"members are {known}", f"可有 {known}") if told["type"] == "extra_forbidden" else found.fix
    return Problem(message, fix, field=found.field)

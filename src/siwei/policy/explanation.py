"""What an explanation holds. Everything people read is in Chinese and English; amounts are fen."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import Enum, IntEnum

from siwei.policy.programmes import Citation, ClauseVerdict, FactStatus, Kind, Pot, Source, Text, Verdict

Value = int | bool | str | date | float


@dataclass(frozen=True, slots=True)
class FactValue:
    """A fact of the subject as it stood on the day; a `value` of None is a fact that is not known."""

    value: Value | None
    status: FactStatus = FactStatus.DECLARED
    source: str = ""
    source_ref: str = ""
    valid_from: date | None = None


@dataclass(frozen=True, slots=True)
class SeenValue:
    """A fact a clause read, with where it comes from; `fact` is None where it is not known."""

    attribute: str
    name: Text
    unit: str | None
    fact: FactValue | None


@dataclass(frozen=True, slots=True)
class Missing:
    """What the applicant must supply: the fact itself (`not_given`), or proof of it (`needs_proof`)."""

    attribute: str
    name: Text
    reason: str
    required: FactStatus


@dataclass(frozen=True, slots=True)
class ClauseExplanation:
    id: str
    verdict: ClauseVerdict
    words: Text
    citation: Citation | None
    expression: str
    requires: FactStatus
    saw: tuple[SeenValue, ...]
    missing: tuple[Missing, ...]
    favours_local: bool = False
    review: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of the award as written, and what it gave; `status` is ok, unknown or error (value None)."""

    expression: str
    value: Value | None
    status: str


@dataclass(frozen=True, slots=True)
class AwardExplanation:
    """`bound_by` is `cap` where the cap cut the amount, else None. `award_fen` is None where it cannot be known."""

    words: Text
    citation: Citation | None
    expression: str
    steps: tuple[Step, ...]
    saw: tuple[SeenValue, ...]
    missing: tuple[Missing, ...]
    computed_fen: int | None
    cap_fen: int | None
    bound_by: str | None
    award_fen: int | None


@dataclass(frozen=True, slots=True)
class VoucherExplanation:
    """The terms a voucher granted on the day would have. `rate_bp` is None where it cannot be known, the days where
    the programme does not say how long it is valid."""

    kinds: tuple[str, ...]
    rate_bp: int | None
    listed_providers_only: bool
    valid_from: date
    valid_to: date | None
    words: Text
    citation: Citation | None


@dataclass(frozen=True, slots=True)
class FactChange:
    """`kind` is change, give (the fact is not known yet) or prove (known, and not proven as `required`). `after` is
    None where any value but `other_than` would do."""

    attribute: str
    name: Text
    unit: str | None
    kind: str
    before: Value | None
    after: Value | None
    other_than: tuple[str, ...]
    required: FactStatus


@dataclass(frozen=True, slots=True)
class NearestChange:
    """The fewest and then smallest changes that make the subject eligible, as decided by the rules themselves.
    `is_cut`: there was more to try than is tried, so that a nearer one may exist."""

    changes: tuple[FactChange, ...]
    distance: float
    award_fen: int | None
    sentence: Text
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    programme: str
    version: str
    sha256: str
    title: Text
    kind: Kind
    source: Source
    as_of: date
    in_force: bool
    verdict: Verdict
    sentence: Text
    clauses: tuple[ClauseExplanation, ...]
    award: AwardExplanation
    pot: Pot | None
    is_draft: bool
    unsourced: tuple[str, ...]
    notes: tuple[Text, ...]
    voucher: VoucherExplanation | None = None
    nearest: NearestChange | None = None
    """Only where it was asked for, and one was found."""

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON; days in ISO form, statuses by name."""
        made = plain(self)
        assert isinstance(made, dict)
        return made


def plain(value: object) -> object:
    """Dataclasses and enums as JSON has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def yuan(amount_fen: int) -> str:
    """Fen as yuan with separators; exact."""
    sign, amount = ("-" if amount_fen < 0 else ""), abs(amount_fen)
    whole = f"{sign}{amount // 100:,}"
    return whole if amount % 100 == 0 else f"{whole}.{amount % 100:02d}"

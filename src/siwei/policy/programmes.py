"""What a programme is, once read and checked. Amounts are integer fen; rates are integer basis points (1 % = 100)."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum

from siwei.policy.language.tree import Expression


class FactStatus(IntEnum):
    """How well a fact is proven; the same numbers as in the columns `<attribute>__status`."""

    DECLARED = 0
    DOCUMENTED = 1
    VERIFIED = 2


class Verdict(StrEnum):
    ELIGIBLE = "eligible"
    NOT_ELIGIBLE = "not_eligible"
    CANNOT_TELL = "cannot_tell"


class ClauseVerdict(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    ERROR = "error"


class Kind(StrEnum):
    """What an award is. A tax saving is a computed benefit: it is never added to money paid out."""

    GRANT = "grant"
    VOUCHER = "voucher"
    TAX_SAVING = "tax_saving"


class State(StrEnum):
    """The life of a version. An in-force version never changes; what comes after is another version."""

    DRAFT = "draft"
    REHEARSED = "rehearsed"
    IN_FORCE = "in_force"
    ENDED = "ended"


class RoundingMode(StrEnum):
    DOWN = "down"
    UP = "up"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"


class Sharing(StrEnum):
    """How a pot is shared when it runs short."""

    FIRST_COME = "first_come"
    MERIT = "merit"
    PRO_RATA = "pro_rata"
    LOTTERY = "lottery"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True)
class Text:
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where the programme's rules are published. `verified` says whether somebody compared them with the published
    text."""

    document: str
    number: str | None
    url: str | None
    as_of: date
    verified: bool
    note: Text | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """The place in a document a clause comes from; `locator` is `not known` where the text itself was not seen."""

    document: str
    locator: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """Both ends included; None is open."""

    start: date | None
    end: date | None

    def contains(self, day: date) -> bool:
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


@dataclass(frozen=True, slots=True)
class Parameter:
    """`values` are (first day, value), by day ascending; each holds until the next begins."""

    id: str
    unit: str
    words: Text
    values: tuple[tuple[date, int], ...]
    citation: Citation | None = None

    def value_on(self, day: date) -> int | None:
        known = [value for start, value in self.values if start <= day]
        return known[-1] if known else None


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition. Without a citation the programme is a draft."""

    id: str
    expression: Expression
    words: Text
    citation: Citation | None
    requires: FactStatus = FactStatus.DECLARED


@dataclass(frozen=True, slots=True)
class Rounding:
    """The mode of every division in the programme, and the multiple the award is cut to (1 = to the fen, 100 = to
    the yuan)."""

    mode: RoundingMode = RoundingMode.DOWN
    multiple_fen: int = 1


@dataclass(frozen=True, slots=True)
class Award:
    """An amount in fen, at most `cap` where there is one; rounded after the cap."""

    expression: Expression
    cap: Expression | None
    words: Text
    citation: Citation | None
    requires: FactStatus = FactStatus.DECLARED


@dataclass(frozen=True, slots=True)
class Pot:
    budget_fen: int | None
    per: str
    sharing: Sharing
    words: Text
    citation: Citation | None


@dataclass(frozen=True, slots=True)
class Programme:
    id: str
    version: str
    title: Text
    kind: Kind
    issuer: Text
    source: Source
    period: Period
    window: Period | None
    applies_to: str
    parameters: tuple[Parameter, ...]
    clauses: tuple[Clause, ...]
    award: Award
    rounding: Rounding
    pot: Pot | None
    notes: tuple[Text, ...]
    sha256: str
    """Of the file's bytes: what a decision records to say by which text it was made."""
    state: State = State.IN_FORCE

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every attribute that a clause, the award or its cap reads, sorted."""
        expressions = [clause.expression for clause in self.clauses] + [self.award.expression]
        expressions += [self.award.cap] if self.award.cap else []
        return tuple(sorted({name for expression in expressions for name in expression.attributes}))

    @property
    def unsourced(self) -> tuple[str, ...]:
        """Ids of clauses, `award` and parameters (`p.<id>`) that cite nothing."""
        clauses = [clause.id for clause in self.clauses if clause.citation is None]
        award = ["award"] if self.award.citation is None else []
        parameters = [f"p.{parameter.id}" for parameter in self.parameters if parameter.citation is None]
        return (*clauses, *award, *parameters)

    @property
    def is_draft(self) -> bool:
        """A draft is decided and shown, and releases no money: it cites nothing somewhere, or is not in force yet."""
        return bool(self.unsourced) or self.state in (State.DRAFT, State.REHEARSED)

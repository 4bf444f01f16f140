"""What a programme is, once read and checked. Amounts are integer fen; rates are integer basis points (1 % = 100)."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum

from siwei.policy.language.bands import BandTable
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


class Payment(StrEnum):
    """A claim for which the money does not suffice: paid in part, passed over for the next, or nobody after it."""

    PARTIAL = "partial"
    WHOLE_OR_NEXT = "whole_or_next"
    WHOLE_OR_STOP = "whole_or_stop"


class Returns(StrEnum):
    """Where money goes that comes back: to claims not paid in full, to the pot, or out of it."""

    WAITING = "waiting"
    POT = "pot"
    TREASURY = "treasury"


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
class Table:
    """A result for each band of a value, read in expressions as `t.<id>`."""

    id: str
    bands: BandTable
    words: Text
    citation: Citation | None


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition. Without a citation the programme is a draft."""

    id: str
    expression: Expression
    words: Text
    citation: Citation | None
    requires: FactStatus = FactStatus.DECLARED
    favours_local: bool = False
    """Whether it favours local suppliers; then `review` names its fair-competition review, where one is known."""
    review: str | None = None


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
class Reserve:
    """A part of a pot kept for the claims of which `where` is true."""

    id: str
    share_bp: int
    where: Expression
    words: Text
    citation: Citation | None


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that all claims with one value of the attribute `by` get together."""

    by: str
    most_bp: int
    words: Text
    citation: Citation | None


@dataclass(frozen=True, slots=True)
class Pot:
    budget_fen: int | None
    per: str
    sharing: Sharing
    words: Text
    citation: Citation | None
    payment: Payment = Payment.PARTIAL
    reserves: tuple[Reserve, ...] = ()
    quotas: tuple[Quota, ...] = ()
    returns: Returns = Returns.POT
    choose_again: bool = False
    """Whether a claim that gets less than it asked for may be given up once the pot is shared."""


@dataclass(frozen=True, slots=True)
class Voucher:
    """What a voucher pays: `rate` is in basis points of each bill. Neither `valid_until` nor `valid_days`: not
    known, and none can be granted."""

    kinds: tuple[str, ...]
    rate: Expression
    listed_providers_only: bool
    valid_until: str | None
    valid_days: int | None
    words: Text
    citation: Citation | None


class AggregateKind(StrEnum):
    SUM = "sum"
    COUNT = "count"
    GREATEST = "greatest"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A column made from other rows: over those of `of` that share the columns `per` (`<day>.year`: a day's calendar
    year) and of which `where` is true. `value` is None for a count."""

    id: str
    of: str
    kind: AggregateKind
    value: Expression | None
    where: Expression | None
    per: tuple[str, ...]
    unit: str
    words: Text
    citation: Citation | None


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that the awards of rows sharing the columns `per` come to (`<day>.year`: a day's calendar year);
    served by the columns `order`, then id."""

    id: str
    per: tuple[str, ...]
    at_most: Expression
    order: tuple[str, ...]
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
    voucher: Voucher | None = None
    aggregates: tuple[Aggregate, ...] = ()
    limits: tuple[Limit, ...] = ()
    tables: tuple[Table, ...] = ()
    released_otherwise: date | None = None
    """The day on which this version was released with another text than the one that was read."""
    never_released: bool = False
    """In force by its own word alone: other versions of it were released, this one was not."""
    text_sha256: str = ""
    """The hash of the text: of the file's bytes without a byte order mark and with lines that end in LF."""

    def values_on(self, day: date) -> dict[str, int | None]:
        """What expressions read that is dated: parameters, and the limits and results of tables that change."""
        values = {parameter.id: parameter.value_on(day) for parameter in self.parameters}
        for table in self.tables:
            if table.bands.later:
                values |= table.bands.values_on(table.id, day)
        return values

    @property
    def dated_from(self) -> tuple[date, ...]:
        """Every day on which a parameter or a table begins to have a value."""
        starts = {start for parameter in self.parameters for start, _ in parameter.values}
        return tuple(sorted(starts | {version[0] for table in self.tables for version in table.bands.later}))

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every attribute that a clause, the award, its cap, a limit or the voucher's rate reads, sorted; aggregates
        are among them."""
        return tuple(sorted({name for expression in self.expressions for name in expression.attributes}))

    @property
    def pot_attributes(self) -> tuple[str, ...]:
        """What the pot's reserves and quotas read, sorted: known of every claim when the pot is shared."""
        if self.pot is None:
            return ()
        read = {name for reserve in self.pot.reserves for name in reserve.where.attributes}
        return tuple(sorted(read | {quota.by for quota in self.pot.quotas}))

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """All that is worked out over the subjects' own rows."""
        clauses = (clause.expression for clause in self.clauses)
        cap = (self.award.cap,) if self.award.cap else ()
        rate = (self.voucher.rate,) if self.voucher else ()
        return (*clauses, self.award.expression, *cap, *(limit.at_most for limit in self.limits), *rate)

    @property
    def unsourced(self) -> tuple[str, ...]:
        """Ids of clauses, `award`, `voucher`, limits, parameters (`p.<id>`) and tables (`t.<id>`) that cite nothing."""
        clauses = [clause.id for clause in self.clauses if clause.citation is None]
        award = ["award"] if self.award.citation is None else []
        parameters = [f"p.{parameter.id}" for parameter in self.parameters if parameter.citation is None]
        limits = [limit.id for limit in self.limits if limit.citation is None]
        voucher = ["voucher"] if self.voucher is not None and self.voucher.citation is None else []
        tables = [f"t.{table.id}" for table in self.tables if table.citation is None]
        return (*clauses, *award, *limits, *voucher, *parameters, *tables)

    @property
    def is_draft(self) -> bool:
        """A draft is decided and shown, and releases no money: it cites nothing somewhere, is not in force yet, or is
        not a text that was released."""
        is_early = self.state in (State.DRAFT, State.REHEARSED)
        return bool(self.unsourced) or is_early or self.lacks_release

    @property
    def lacks_release(self) -> bool:
        """A draft by the lock alone: its version was released with another text, or not at all."""
        return self.never_released or self.released_otherwise is not None

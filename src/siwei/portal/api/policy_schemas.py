"""What the calls under `/api/policy` take and answer. Everything that is sent is bounded."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field, StrictBool, StrictFloat, StrictInt

from siwei.policy.documents.reading import LARGEST_FILE
from siwei.portal.api.schemas import Named

MOST_ROWS, MOST_CLAIMS, MOST_COLUMNS = 1_000, 10_000, 300
MOST_ROUNDS, MOST_EVENTS = 20, 1_000
MOST_STEPS = 200_000
"""All claims and earlier awards times events: where all who wait are served alike, an event is work for each."""
AppliesTo = Literal["organisation", "claim", "project", "person"]
Value = StrictBool | StrictInt | StrictFloat | Annotated[str, Field(max_length=10_000)] | None
Row = Annotated[
    dict[Annotated[str, Field(max_length=100)], Value],
    Field(
        max_length=MOST_COLUMNS,
        description="`id`, attributes (whole numbers, true or false, text, days YYYY-MM-DD) and `<attribute>__status`",
    ),
]
Fen = Annotated[int, Field(ge=0, le=10**16)]
Identifier = Annotated[str, Field(min_length=1, max_length=200)]
Yaml = Annotated[str, Field(max_length=LARGEST_FILE, description="A programme's file")]


class Column(Schema):
    column: str
    type: str
    unit: str | None
    meaning: Named
    read_by: list[str]
    added_up_of: str | None = Field(None, description="The rows it is a sum of, where it is one")


class DraftText(Schema):
    yaml: Yaml | None = Field(None, description="A programme's file")
    stacking: Yaml | None = Field(None, description="A stacking.yaml, beside the city's programmes")


class PolicyFinding(Schema):
    severity: str
    kind: str
    programme: str
    message: str
    fix: str
    message_zh: str
    fix_zh: str
    file: str
    line: int | None
    column: int | None
    field: str


class Checked(Schema):
    ok: bool
    problems: list[PolicyFinding]
    warnings: list[PolicyFinding]


class TextToTest(Schema):
    yaml: Yaml
    cases: Annotated[str, Field(max_length=LARGEST_FILE, description="A file of cases for it")]


class Tested(Schema):
    ok: bool
    result: dict[str, Any] = Field(description="As of `siwei policy test --json`: `cases`, `coverage`")


class Started(Schema):
    programme: str
    yaml: str


class Others(Schema):
    """What aggregates add up. Columns by name, as in `siwei policy decide --rows`; what is left out is not known."""

    claims: list[Row] | None = Field(None, max_length=MOST_ROWS)
    awards: list[Row] | None = Field(None, max_length=MOST_ROWS)
    organisations: list[Row] | None = Field(None, max_length=MOST_ROWS)
    members: list[Row] | None = Field(None, max_length=MOST_ROWS)
    ties: list[Row] | None = Field(None, max_length=MOST_ROWS)
    proof: Literal["declared", "documented", "verified"] = "declared"


Kind = Annotated[
    AppliesTo | None,
    Field(description="What a row is; None: what all programmes there are apply to, else an organisation"),
]


class RowsToDecide(Schema):
    rows: list[Row] = Field(min_length=1, max_length=MOST_ROWS)
    programmes: list[Identifier] = Field([], max_length=100, description="None: all that apply to such rows")
    applies_to: Kind = None
    as_of: date | None = Field(None, description="None: the day the city decides for")
    clauses: bool = Field(False, description="Every clause's verdict besides")
    others: Others | None = Field(None, description="Rows to add up; None: aggregates are columns of `rows`")


class RowAward(Schema):
    id: str
    programme: str
    verdict: str
    award_fen: int | None


class RowClause(Schema):
    id: str
    programme: str
    clause: str
    verdict: str
    missing: list[str]


class Reject(Schema):
    row: int
    id: str | None
    column: str | None
    value: str | None
    reason: str
    reason_zh: str


class ProgrammeCounts(Schema):
    programme: str
    eligible: int
    not_eligible: int
    cannot_tell: int
    award_fen: int = Field(description="Of all eligible rows together")
    draft: bool = Field(description="A draft releases no money")


class Decided(Schema):
    as_of: date
    programmes: list[ProgrammeCounts]
    awards: list[RowAward]
    clauses: list[RowClause]
    rejects: list[Reject]


class HeldAward(Schema):
    subject: Identifier = Field(description="Whose it is, by the `id` of its row")
    programme: Identifier
    held_fen: Fen
    period: Annotated[str, Field(max_length=100)] = Field(
        "", description="Of its pot; empty: it counts whatever the day"
    )
    organisation: Annotated[str, Field(max_length=200)] = Field(
        "", description="Whose contract or project it is: needed of one that has no row any more"
    )


Holdings = Annotated[
    list[HeldAward],
    Field(max_length=MOST_CLAIMS, description="What is held already: kept in every choice, and not cut any more"),
]


class RowsToCombine(Schema):
    rows: list[Row] = Field(min_length=1, max_length=MOST_ROWS)
    applies_to: Kind = None
    as_of: date | None = Field(None, description="None: the day the city decides for")
    drafts_in_force: bool = Field(False, description="Take drafts as in force: else nothing is kept of them")
    others: Others | None = Field(None, description="Rows to add up; None: aggregates are columns of `rows`")
    holdings: Holdings = Field([])
    id: Identifier | None = Field(None, description="Explain the choice of this row")
    claims: list[Row] | None = Field(
        None,
        max_length=MOST_ROWS,
        description="Contracts of these organisations: then what all an organisation, its contracts and its projects "
        "get is combined, under the joint limits too; an empty list: there are none",
    )
    projects: list[Row] | None = Field(None, max_length=MOST_ROWS, description="Projects of these, likewise")


class RowKept(Schema):
    kind: str = Field(description="What its row is")
    id: str
    programme: str
    entitled_fen: int | None = Field(description="None: not known, and something of it is held")
    chosen: bool | None = Field(description="None: cannot be told yet")
    kept_fen: int | None
    bound_by: str | None = Field(description="What cut it: a group's id, `declined`, or `draft`")
    held_fen: int
    instead_fen: int | None = Field(
        None,
        description="Where its pot lets claimants choose again: what more of other awards there would be without it",
    )


class RejectOf(Reject):
    of: str = Field(
        description="`rows`, `organisations`, `claims` or `projects`; the `row` that is explained is row 1 of `rows`"
    )


class RowsKept(Schema):
    as_of: date
    awards: list[RowKept]
    rejects: list[RejectOf]
    joint_limits: list[dict[str, Any]] = Field(
        [],
        description="Of each organisation, where `claims` or `projects` are given: `limit_fen`, `counted_fen`, "
        "`kept_fen`",
    )
    joint_limits_not_weighed: list[str] = Field(
        description="Limits over an organisation, its contracts and its projects, where `rows` are given alone"
    )
    joint_kinds_not_given: list[str] = Field([], description="Kinds of rows that joint limits count and nobody gave")
    held_without_row: list[str] = Field(
        description="Subjects that hold something and have no row here: it counts nowhere, unless an organisation is "
        "named"
    )
    held_said_otherwise: list[str] = Field(
        [], description="Subjects whose row names another organisation than the holdings; the row's counts"
    )
    explanation: dict[str, Any] | None = Field(
        None, description="Of `id`: every part of the combination with the best choice and the next ones, in words"
    )


class RowToExplain(Schema):
    programme: Identifier
    row: Row = Field(description="Its `id` is `row` where none is given")
    rows: list[Row] = Field(
        [],
        max_length=MOST_ROWS,
        description="The others of its kind, an `id` each: what limits over several rows and the pot go by, shared by "
        "`applied_at` or `score`",
    )
    organisations: list[Row] | None = Field(
        None, max_length=MOST_ROWS, description="Whose contracts or projects the rows are, for joint limits"
    )
    claims: list[Row] | None = Field(None, max_length=MOST_ROWS, description="Contracts of these, for joint limits")
    projects: list[Row] | None = Field(None, max_length=MOST_ROWS, description="Projects of these, for joint limits")
    seed: Annotated[str, Field(max_length=200)] | None = Field(None, description="The published seed of a lottery")
    as_of: date | None = None
    others: Others | None = Field(None, description="Rows to add up; None: aggregates are columns of `row`")
    holdings: Holdings = Field([])


class Explained(Schema):
    explanation: dict[str, Any]
    failures: list[dict[str, Any]] = Field(
        description="What fails of what is in error: `of` (a clause, or `award`), `sentence`"
    )
    bindings: list[dict[str, Any]] = Field(
        description="What held the award down: `kind` (cap, limit, stacking, joint, pot), `rule`, `before_fen`, "
        "`after_fen`, `sentence`, and of a joint limit `others`, who takes the rest of it"
    )
    related: dict[str, Any] | None = Field(
        None, description="By which ties the contract's provider is a related party: `ties`, `sentence`"
    )
    not_added_up: list[dict[str, Any]] = Field(
        [], description="What sums wait for: `aggregate`, `of`, `row` and the `attributes` not known of it, `sentence`"
    )
    pot_told: list[Named] = Field(description="How the pot is shared among the rows, or why that cannot be known")
    not_told: list[Named] = Field(description="What was not weighed, and what to give")
    joint_limits: list[dict[str, Any]] = Field(
        description="The joint limits over the organisation, its contracts and its projects: `limit_fen`, "
        "`counted_fen`, `kept_fen`, `left_fen`, all `awards` under it, `sentence`"
    )
    drafts: list[dict[str, Any]] = Field(description="What drafts would change were they in force")
    held_fen: dict[str, int] = Field(description="By programme, what is held already of what is combined with it")
    applications: dict[str, Any] = Field(description="Whether applications are taken on the day, and until when")
    rejects: list[RejectOf] = Field(description="Of the other rows those that cannot be used; the rest go on")


class ClaimAmount(Schema):
    id: Identifier
    claim_fen: Fen
    applied_at: Annotated[str, Field(max_length=40)] | None = Field(None, description="A day or a moment, ISO 8601")
    score: float | None = Field(None, allow_inf_nan=False)
    instead_fen: Fen | None = Field(
        None,
        description="What it has of other awards without this one, where the programme lets claimants choose again: "
        "whoever gets less than they claim, and less than this, gives the claim up. None: not known",
    )
    more: Row = Field({}, description="Attributes that reserves and quotas read")


class ClaimsToShare(Schema):
    programme: Identifier
    claims: list[ClaimAmount] = Field(min_length=1, max_length=MOST_CLAIMS)
    budget_fen: Fen | None = Field(None, description="In place of the file's budget; with `earlier` the whole of it")
    mode: Literal["first_come", "merit", "pro_rata", "lottery"] | None = None
    seed: Annotated[str, Field(max_length=200)] | None = Field(None, description="The published seed of a lottery")
    as_of: date | None = None
    earlier: list[Annotated[list[Row], Field(max_length=MOST_CLAIMS)]] = Field(
        [],
        max_length=MOST_ROUNDS,
        description="Awards of earlier sharings of the pot, a list for each: `shares` as they came, or `followed`; "
        "`paid_fen` lowered by what came back since, `treasury_fen` raised by what of it left the pot",
    )
    events: list[Row] | None = Field(
        None,
        max_length=MOST_EVENTS,
        description="What happened to the pot afterwards, by day: `on`, `kind` (fund, claim, claw_back, true_up, "
        "withdraw; give_up before all others), `id`, `claim_fen` (claim, true_up), `amount_fen` (fund, claw_back), and "
        "of later claims what of it "
        f"reserves and quotas read; all claims and earlier awards times events: {MOST_STEPS:,} at most",
    )


Counted = Annotated[
    dict[str, Any],
    Field(
        description="`id`, `claim_fen`, `paid_fen`; and, as a later sharing counts them (`earlier`), `reserve:<id>` "
        "(what came out of a reserve), the attributes of quotas, `treasury_fen`; a row marked `earlier` tells by how "
        "much an award of an earlier round changed"
    ),
]


class PotMovement(Schema):
    event: int | None = Field(description="The place of its event in `events`, from 1; None: the sharing itself")
    on: date
    claim: str
    amount_fen: int = Field(description="To the claim is positive")


class AfterEvents(Schema):
    events: int
    returns: str
    put_in_fen: int
    given_up: int = Field(description="Claims of those who chose again")
    given_up_fen: int = Field(description="What these would have had")
    paid_fen: int
    earlier_awards_fen: int = Field(description="By how much awards of earlier rounds changed")
    left_fen: int
    treasury_fen: int
    waiting: int
    waiting_fen: int


class Shared(Schema):
    programme: str
    sharing: str
    seed: str | None
    budget_fen: int
    taken_before_fen: int
    treasury_before_fen: int
    claimed_fen: int
    paid_fen: int
    left_fen: int
    paid_in_full: int
    paid_in_part: int
    choose_again: bool
    is_draft: bool
    shares: list[Counted] = Field(
        description="Of each claim besides `reserved_fen` (of all reserves), `rank` and `bound_by`"
    )
    after_events: AfterEvents | None = Field(None, description="The pot after `events`")
    movements: list[PotMovement] = Field([], description="Of money between the pot and a claim, the sharing's first")
    followed: list[Counted] = Field(
        [], description="What each claim is owed and has after `events`, and how earlier awards changed"
    )


class VersionsToCompare(Schema):
    programme: Identifier
    version: Annotated[str, Field(max_length=100)] | None = Field(None, description="Another version of the pack")
    yaml: Yaml | None = Field(None, description="A draft, in place of `version`")
    rows: list[Row] = Field(min_length=1, max_length=MOST_ROWS)
    as_of: date | None = None
    ignore_period: bool = False
    drafts_in_force: bool = Field(False, description="Take drafts as in force: else nothing is kept of them")
    others: Others | None = Field(None, description="Rows to add up; None: aggregates are columns of `rows`")
    stacking: Yaml | None = Field(None, description="A stacking.yaml to compare with the city's")
    holdings: Holdings = Field([])
    claims: list[Row] | None = Field(
        None,
        max_length=MOST_ROWS,
        description="Contracts of these organisations: then what organisations keep in all under joint limits is "
        "compared too; an empty list: there are none",
    )
    projects: list[Row] | None = Field(None, max_length=MOST_ROWS, description="Projects of these, likewise")


class Difference(Schema):
    as_of: date
    rows: int
    difference: dict[str, Any]
    stacking: dict[str, Any] | None = Field(
        None,
        description="What is kept of all awards that rules of stacking link with it, beside what is held; where "
        "`stacking`, `holdings`, `claims` or `projects` is given",
    )
    joint: dict[str, Any] | None = Field(
        None, description="What organisations keep in all under joint limits, where `claims` or `projects` are given"
    )
    held_without_row: list[str] = Field(description="Subjects of that kind that hold something and have no row here")
    joint_limits_not_weighed: list[str] = Field(
        description="Limits over an organisation, its contracts and its projects that bear on what is compared, where "
        "`rows` are given alone"
    )
    joint_kinds_not_given: list[str] = Field([], description="Kinds of rows that joint limits count and nobody gave")
    rejects: list[RejectOf] = Field(description="Rows that cannot be used; the others are compared")

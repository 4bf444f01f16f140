"""The ledger: statements, trial balance, whether it is whole, block heads, and where money went."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from siwei.exchange.ledger.books import make_statement, prove_balance, totals_of, trial_balance
from siwei.exchange.ledger.seals import heads
from siwei.exchange.payments.traces import trace
from siwei.exchange.verifications import ask_verification, last_verification
from siwei.portal.access import actor_of, require_operator
from siwei.portal.api.answers import PAGE_SIZE, PageNumber, answers
from siwei.portal.queries.money import pot_boards

router = Router()
Code = Annotated[str, Query(min_length=1, max_length=200)]
HEADS_A_PAGE = 1_000


class AccountStanding(Schema):
    balance: int
    held: int


class StatementEntry(Schema):
    number: int
    at: datetime
    kind: str
    other: str
    change: int
    held_change: int
    balance: int
    held: int
    memo: str
    key: str
    causes: Any


class Statement(Schema):
    account: str
    unit: str
    opening: AccountStanding
    closing: AccountStanding
    count: int
    page: int
    entries: list[StatementEntry]


class OfKind(Schema):
    entries: int
    balance: int
    held: int


class BalanceProof(Schema):
    """What an account stands at, beside what its entries come to; `sealed` of them lie in sealed blocks."""

    account: str
    unit: str
    is_proven: bool
    balance: int
    held: int
    floor: int
    available: int
    from_entries: AccountStanding
    by_kind: dict[str, OfKind]
    entries: int
    sealed: int


class TrialLine(Schema):
    unit: str
    account: str
    purpose: str
    entries: int
    received: int
    given: int
    balance: int
    held: int
    generated: bool


class TrialUnit(Schema):
    unit: str
    accounts: int
    entries: int
    received: int
    given: int
    balance: int
    held: int


class TrialBalance(Schema):
    as_of: date | None
    units: list[TrialUnit]
    count: int
    page: int
    accounts: list[TrialLine]


class Finding(Schema):
    check: str
    check_zh: str
    row: str
    what: str
    what_zh: str


class SealedBlock(Schema):
    number: int
    sha256: str
    at: datetime


class Verified(Schema):
    is_whole: bool
    rows: dict[str, int]
    unsealed: dict[str, int]
    last_seal: SealedBlock | None
    findings: list[Finding]


class Verification(Schema):
    """`asked_at` of one that waits for a worker or, `is_running`, is being done; the rest of the last that ended."""

    asked_at: datetime | None
    is_running: bool
    ended_at: datetime | None
    took_s: float | None
    result: Verified | None
    reason: str


class Head(Schema):
    number: int
    previous_sha256: str
    sha256: str
    events: int
    transfers: int
    accounts: int
    last_event_id: int
    last_transfer_id: int
    last_account_id: int
    concerned: int = 0
    last_concerned_id: int = 0
    at: str


class PotMoney(Schema):
    came_in: int
    in_pot: int
    in_vouchers: int
    held: int
    captured: int
    granted: int
    returned: int
    treasury: int
    adds_up: bool


class PotBoard(Schema):
    programme: str
    period: str
    returns: str
    money: PotMoney


class TraceRow(Schema):
    pot: str | None
    voucher: str | None
    account: str | None
    hold: str | None
    capture: str | None
    agreement: str | None
    line: int | None
    settlement: str | None
    reading: str | None
    job: str | None
    delivery: int | None
    quantity: int | None
    unit: str | None
    fen: int
    generated: bool


class Trace(Schema):
    subject: str
    money: PotMoney | None
    fen: int
    count: int
    page: int
    rows: list[TraceRow]


def _cut(frame: Any, page: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.slice((page - 1) * PAGE_SIZE, PAGE_SIZE).to_dicts()
    return rows


@router.get("/statement", response=answers(Statement))
def get_statement(
    request: HttpRequest,
    account: Code,
    since: Annotated[date | None, Query(alias="from")] = None,
    until: Annotated[date | None, Query(alias="to")] = None,
    page: PageNumber = 1,
) -> Any:
    """An account's entries of a period, oldest first, with what stood before and after each. Its owner's people, the
    operator and the auditor."""
    made = make_statement(account, since, until, actor=actor_of(request))
    entries = [{**row, "causes": json.loads(row["causes"])} for row in _cut(made.entries, page)]
    return {
        "account": made.account.code,
        "unit": made.account.unit,
        "opening": {"balance": made.opening[0], "held": made.opening[1]},
        "closing": {"balance": made.closing[0], "held": made.closing[1]},
        "count": made.entries.height,
        "page": page,
        "entries": entries,
    }


@router.get("/balance", response=answers(BalanceProof))
def get_balance(request: HttpRequest, account: Code) -> Any:
    """An account's balance proven from nothing but its entries. Its owner's people, the operator and the auditor."""
    return prove_balance(account, actor=actor_of(request)).as_dict()


@router.get("/trial-balance", response=answers(TrialBalance))
def get_trial_balance(request: HttpRequest, as_of: date | None = None, page: PageNumber = 1) -> Any:
    """Every account at the end of a day, and each unit's sums; its balances sum to zero. Operator and auditor."""
    trial = trial_balance(as_of, actor=actor_of(request))
    units = totals_of(trial).to_dicts()
    return {"as_of": as_of, "units": units, "count": trial.height, "page": page, "accounts": _cut(trial, page)}


@router.get("/verification", response=answers(Verification))
def get_verification(request: HttpRequest) -> Any:
    """What the last verification found of the ledger, its guards and its sealed blocks. Operator and auditor."""
    return asdict(last_verification(actor=actor_of(request)))


@router.post("/verification", response=answers(Verification))
def start_verification(request: HttpRequest) -> Any:
    """Have a worker verify the ledger: nothing is asked for twice while one waits or is being done."""
    ask_verification(actor=actor_of(request))
    return asdict(last_verification(actor=actor_of(request)))


@router.get("/heads", response=answers(list[Head]))
def list_heads(request: HttpRequest, after: Annotated[int, Query(ge=0, le=2**62)] = 0) -> Any:
    """Heads of up to 1,000 sealed blocks after a number: a copy of them shows whether anything was rewritten."""
    return [head for _, head in zip(range(HEADS_A_PAGE), heads(after), strict=False)]


@router.get("/pots", response=answers(list[PotBoard]))
def list_pot_boards(request: HttpRequest) -> Any:
    """Where each pot's money is: in the pot, promised, held, captured. Operator and auditor."""
    actor = actor_of(request)
    require_operator(actor)
    return [
        {"programme": each.programme, "period": each.period, "returns": each.returns, "money": _money(each.money)}
        for each in pot_boards(actor)
    ]


@router.get("/trace", response=answers(Trace))
def get_trace(request: HttpRequest, subject: Code, page: PageNumber = 1) -> Any:
    """What was bought with the money of a pot (`programme:period`), a voucher or a transfer, or what paid for a job:
    each capture shared over the readings it paid, exactly to the fen. One's own money alone."""
    found = trace(subject, actor=actor_of(request))
    return {
        "subject": found.subject,
        "money": _money(found.money) if found.money else None,
        "fen": int(found.rows["fen"].sum()),
        "count": found.rows.height,
        "page": page,
        "rows": _cut(found.rows, page),
    }


def _money(money: Any) -> dict[str, Any]:
    return {**asdict(money), "adds_up": money.adds_up}

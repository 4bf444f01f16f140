"""The ledger on pages: an organisation's wallet, the operator's money board, and where a fen went."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import polars as pl
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import get_default_timezone_name
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from siwei.errors import InputError, Problem
from siwei.exchange.actors import Actor
from siwei.exchange.canonical import canonical_json
from siwei.exchange.ledger.books import Statement, as_table, make_statement, prove_balance, totals_of, trial_balance
from siwei.exchange.ledger.seals import HEADS_FILE, heads
from siwei.exchange.models import Account, Decision, Seal
from siwei.exchange.payments.traces import trace
from siwei.exchange.verifications import ask_verification, last_verification
from siwei.portal.access import actor_of, require_operator, require_private
from siwei.portal.directory import current_directory
from siwei.portal.exports import export_response
from siwei.portal.languages import choose
from siwei.portal.pages.paging import page_of, text_parameter
from siwei.portal.queries.money import accounts_of, pot_boards, vouchers_of
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.returning import only_post
from siwei.portal.subjects import account_words, agreement_names, followed, programme_title, voucher_holders

ROWS = 50
LONGEST_CODE = 200
FINDINGS = 200


@login_required
@require_safe
def wallet_page(request: HttpRequest, key: str) -> HttpResponse:
    """What an organisation may spend and until when; then one account's entries of a period, each to what led to it."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    if organisation.key != key:
        return redirect("wallet", key=organisation.key)
    require_private(actor, organisation.pk)
    accounts = accounts_of(organisation.pk, actor)
    start, end = day_parameter(request, "from"), day_parameter(request, "to")
    chosen = text_parameter(request, "account", LONGEST_CODE)
    account = next((each for each in accounts if each.code == chosen), None) if chosen else _first(accounts)
    made = None
    if account is not None or chosen:
        made = make_statement(account.code if account else chosen, start, end, actor=actor)
    if made is not None and (form := text_parameter(request, "export")):
        table = _in_minor_units(_in_local_time(as_table(made), form))
        return export_response(table, f"statement-{made.account.pk}", form)
    vouchers = vouchers_of(organisation.pk, actor)
    shown: dict[str, Any] = _entries_of(request, made) if made is not None else {"rows": []}
    context = {
        "organisation": organisation,
        "generated": organisation.is_generated,
        "accounts": accounts,
        "spendable": [each for each in accounts if each.purpose in ("own-share", "commitment")],
        "vouchers": vouchers,
        "account_names": account_words({each.code for each in accounts} | {row["other"] for row in shown["rows"]})
        | {each.account.code: f"{_('Voucher')} · {programme_title(each.decision.programme)}" for each in vouchers},
        "statement": made,
        "proof": prove_balance(made.account.code, actor=actor) if made is not None else None,
        "start": start,
        "end": end,
        **shown,
    }
    return render(request, "portal/ledger/wallet.html", context)


def _first(accounts: list[Account]) -> Account | None:
    """A voucher's where there is one: what people come to the wallet for."""
    return next((each for each in accounts if each.purpose == "voucher"), next(iter(accounts), None))


def _entries_of(request: HttpRequest, made: Statement) -> dict[str, Any]:
    page = page_of(request, range(made.entries.height), ROWS)
    rows = _rows(made.entries, page)
    for row in rows:
        row["causes"] = json.loads(row["causes"])
    decided = {row["causes"].get("decision") for row in rows} - {None}
    programmes = dict(Decision.objects.filter(key__in=decided).values_list("key", "programme"))
    for row in rows:
        row["programme"] = programmes.get(row["causes"].get("decision"))
    return {"page": page, "rows": rows}


@login_required
@require_safe
def ledger_page(request: HttpRequest) -> HttpResponse:
    """The operator's and auditors' money board: pots, trial balance, the last sealed block, the last verification."""
    actor = actor_of(request)
    require_operator(actor)
    as_of = day_parameter(request, "as_of")
    trial = trial_balance(as_of, actor=actor)
    if form := text_parameter(request, "export"):
        return export_response(_in_minor_units(trial), "trial-balance", form)
    unit = text_parameter(request, "unit") or "CNY"
    accounts = trial.filter(pl.col("unit") == unit)
    page = page_of(request, range(accounts.height), ROWS)
    rows = _rows(accounts, page)
    context = {
        "pots": pot_boards(actor),
        "generated": current_directory().has_generated,
        "as_of": as_of,
        "unit": unit,
        "totals": totals_of(trial).to_dicts(),
        "page": page,
        "rows": rows,
        "account_names": account_words(row["account"] for row in rows),
        "seal": Seal.objects.visible_to(actor).order_by("-number").first(),
        **_verification(actor),
    }
    return render(request, "portal/ledger/board.html", context)


@only_post("ledger")
@login_required
def verify(request: HttpRequest) -> HttpResponse:
    """A worker does it; the board shows when it is done, and what it found."""
    ask_verification(actor=actor_of(request))
    return redirect(reverse("ledger") + "#verification")


@login_required
@require_safe
def verification_state(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/ledger/verification.html", _verification(actor_of(request)))


def _verification(actor: Actor) -> dict[str, Any]:
    last = last_verification(actor=actor)
    told = last.result["findings"][:FINDINGS] if last.result else []
    findings = [
        (choose(each["check_zh"], each["check"]), each["row"], choose(each["what_zh"], each["what"])) for each in told
    ]
    return {"verified": last, "findings": findings}


@require_safe
def heads_download(request: HttpRequest) -> StreamingHttpResponse:
    """Block heads as JSON lines: they show nothing of what they cover, and are worth most where many keep a copy."""
    response = StreamingHttpResponse(
        (canonical_json(head) + "\n" for head in heads()), content_type="application/jsonl; charset=utf-8"
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{HEADS_FILE}"'
    return response


@login_required
@require_safe
def trace_page(request: HttpRequest, subject: str) -> HttpResponse:
    """A pot, voucher, transfer or job: what was bought with its money, or what money paid for it."""
    actor = actor_of(request)
    found = trace(subject, actor=actor)
    if form := text_parameter(request, "export"):
        return export_response(found.rows, "trace", form)
    page = page_of(request, range(found.rows.height), ROWS)
    rows = _rows(found.rows, page)
    context = {
        "trace": found,
        "followed": followed(subject, actor),
        "names": account_words(row[name] for row in rows for name in ("pot", "account") if row[name]),
        "agreements": agreement_names((row["agreement"] for row in rows if row["agreement"]), actor),
        "vouchers": voucher_holders((row["voucher"] for row in rows if row["voucher"]), actor),
        "page": page,
        "rows": rows,
        "total": int(found.rows["fen"].sum()),
        "generated": current_directory().has_generated,
    }
    return render(request, "portal/ledger/trace.html", context)


def day_parameter(request: HttpRequest, name: str) -> date | None:
    """A day of the query; InputError for what is none."""
    text = text_parameter(request, name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputError([Problem(_("This is not a day"), _("such as 2026-11-23"), field=name)]) from None


def _rows(frame: pl.DataFrame, page: Page[int]) -> list[dict[str, Any]]:
    return frame.slice((page.number - 1) * ROWS, ROWS).to_dicts()


def _in_minor_units(table: pl.DataFrame) -> pl.DataFrame:
    """The ledger counts money in fen: beside "CNY" 72000000 would be read as yuan."""
    return table.with_columns(pl.col("unit").replace({"CNY": "fen"}))


def _in_local_time(table: pl.DataFrame, form: str) -> pl.DataFrame:
    """The city's hours, with their offset: a sheet knows no time zones, so there it is ISO 8601 as text."""
    at = table["at"].dt.convert_time_zone(get_default_timezone_name())
    return table.with_columns(at if form == "parquet" else at.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f%:z"))

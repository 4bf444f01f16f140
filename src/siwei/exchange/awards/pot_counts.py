"""What awards of a pot count in its reserves and quotas: net of what came back, of the period's whole budget.

A round keeps what counted when it was shared, so that it can be shared again by anyone, whatever came back since.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from siwei.city.attributes import Attribute, canonical_text, parse_value
from siwei.exchange.awards.person_awards import inputs_of
from siwei.exchange.models import (
    Application,
    ApplicationState,
    Pot,
    SharingRound,
    Transfer,
    TransferKind,
    TrueUp,
    Voucher,
)
from siwei.exchange.people.vault import Erased
from siwei.policy import Programme
from siwei.policy.pots.earlier_awards import PAID, RESERVE, Earlier, count_earlier


def earlier_in(programme: Programme, pot: Pot, attributes: Mapping[str, Attribute]) -> Earlier | None:
    """What the pot's awards took of its reserves and quotas and did not give back; None where it has neither."""
    rules = programme.pot
    if rules is None or not (rules.reserves or rules.quotas):
        return None
    rows = list(_awards(pot))
    columns = {PAID: pl.Series([net for net, _, _ in rows], dtype=pl.Int64)}
    for reserve in rules.reserves:
        out_of = [reserved.get(reserve.id, 0) for _, reserved, _ in rows]
        columns[f"{RESERVE}{reserve.id}"] = pl.Series(out_of, dtype=pl.Int64)
    for quota in rules.quotas:
        attribute = attributes[quota.by]
        facts = [inputs.get(quota.by) for _, _, inputs in rows]
        values = [None if fact is None else parse_value(attribute, fact["value"]) for fact in facts]
        columns[quota.by] = pl.Series(values, dtype=attribute.dtype)
    return count_earlier(rules, pl.DataFrame(columns), pot.budget_fen)


def plain_earlier(earlier: Earlier) -> dict[str, Any]:
    """As a round keeps it: values as the text of a fact, null where it is not known."""
    quotas = {
        by: sorted(
            ([None if value is None else canonical_text(value), fen] for value, fen in taken.items()),  # type: ignore[arg-type]
            key=lambda pair: pair[0] or "",
        )
        for by, taken in earlier.quotas.items()
    }
    plain = {"budget_fen": earlier.budget_fen, "taken_fen": earlier.taken_fen}
    return {**plain, "reserves": dict(earlier.reserves), "quotas": quotas}


def earlier_of(made: SharingRound, attributes: Mapping[str, Attribute]) -> Earlier | None:
    """What counted when the round was shared."""
    kept = made.earlier
    if kept is None:
        return None
    quotas: dict[str, dict[object, int]] = {
        by: {None if text is None else parse_value(attributes[by], text): fen for text, fen in taken}
        for by, taken in kept["quotas"].items()
    }
    return Earlier(kept["budget_fen"], kept["taken_fen"], kept["reserves"], quotas)


def net_of_vouchers(pot: Pot) -> dict[int, int]:
    """Fen by voucher: what the pot put into it, less what came back or is claimed back."""
    vouchers = Voucher.objects.filter(pot=pot)
    accounts = dict(vouchers.values_list("account_id", "pk"))
    moving = Q(kind__in=(TransferKind.POST, TransferKind.REVERSE))
    mine = vouchers.values("account_id")
    into = Transfer.objects.filter(moving, debit_account=pot.account_id, credit_account__in=mine)
    back = Transfer.objects.filter(moving, credit_account=pot.account_id, debit_account__in=mine)
    net: dict[int, int] = dict.fromkeys(accounts.values(), 0)
    for account, fen in into.order_by().values_list("credit_account").annotate(Sum("amount")):
        net[accounts[account]] += fen
    for account, fen in back.order_by().values_list("debit_account").annotate(Sum("amount")):
        net[accounts[account]] -= fen
    owed = TrueUp.objects.filter(voucher__pot=pot).order_by().values_list("voucher").annotate(Sum("clawed_back_fen"))
    for voucher, fen in owed:
        net[voucher] -= fen
    return net


def _awards(pot: Pot) -> Iterator[tuple[int, Mapping[str, int], Mapping[str, Any]]]:
    """Of each award, promised or granted: what is left of it, what it had out of reserves, the facts it stands on."""
    vouchers = net_of_vouchers(pot)
    standing = Application.objects.filter(pot=pot, state__in=(ApplicationState.SHARED, ApplicationState.AWARDED))
    taken = Coalesce(Sum(F("grant__claw_backs__returned_fen") + F("grant__claw_backs__owed_fen")), 0)
    found = standing.select_related("decision", "decision__voucher", "pseudonym").annotate(taken=taken).order_by("key")
    for each in found:
        voucher = getattr(each.decision, "voucher", None)
        net = (each.shared_fen or 0) - each.taken if voucher is None else vouchers[voucher.pk]
        yield net, each.reserved, _inputs(each)
    alone = Voucher.objects.filter(pot=pot, decision__application=None).select_related("decision").order_by("key")
    for granted in alone:
        yield vouchers[granted.pk], {}, granted.decision.inputs


def _inputs(application: Application) -> Mapping[str, Any]:
    try:
        return inputs_of(application)
    except Erased:
        return {}

"""Public money from pot to voucher. A draft programme releases none: its pot is not funded, no voucher is granted."""

from collections.abc import Collection
from datetime import date, datetime

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, money_action, record_event, repeated
from siwei.exchange.awards.returns import Coming, bring_back, rule_of_voucher
from siwei.exchange.ledger.accounts import budget_account, pot_account, voucher_account
from siwei.exchange.ledger.actions import Entry, write_transfer
from siwei.exchange.models import (
    Application,
    ApplicationState,
    Decision,
    Grant,
    Organisation,
    Pot,
    TransferKind,
    Voucher,
)
from siwei.exchange.parties import listed_providers
from siwei.exchange.state_words import word_zh
from siwei.market.bank import exact_yuan
from siwei.market.listing import VoucherTerms
from siwei.policy.pot_periods import span_of
from siwei.policy.programmes import Programme, Returns, Verdict


@money_action
def open_pot(
    programme: Programme, period: str, budget_fen: int, *, actor: Actor, now: datetime, idempotency_key: str
) -> Pot:
    """Put a programme's budget for a period on the ledger (a draft's stays outside, so that none can be spent). The
    period's name says which days it spans (`siwei.policy.pot_periods`)."""
    require(can_operate(actor), actor, Said("open a pot", "开立资金池"))
    content = {"programme": programme.id, "sha256": programme.sha256, "period": period, "budget_fen": budget_fen}
    if repeated("open_pot", idempotency_key, content):
        return Pot.objects.get(programme=programme.id, period=period)
    if type(budget_fen) is not int or budget_fen <= 0:
        raise InputError(
            [
                Problem(
                    Said(f"a budget of {exact_yuan(budget_fen)}", f"预算 {exact_yuan(budget_fen)} 不成立"),
                    fix=Said("give a positive integer", "请填正整数"),
                    field="budget_fen",
                )
            ]
        )
    known = programme.pot.budget_fen if programme.pot else None
    if known is not None and budget_fen > known:
        most = exact_yuan(known)
        raise InputError(
            [
                Problem(
                    Said(
                        f"a budget of {exact_yuan(budget_fen)}, and the programme's text has {most} a period",
                        f"预算 {exact_yuan(budget_fen)}，而政策条文每期为 {most}",
                    ),
                    Said(f"at most {most}, or a new version of the programme", f"不超过 {most}，或先更新政策版本"),
                    field="budget_fen",
                )
            ]
        )
    span_of(period)
    account = pot_account(programme.id, period)
    pot = Pot.objects.create(
        programme=programme.id,
        period=period,
        version_sha256=programme.sha256,
        is_draft=programme.is_draft,
        budget_fen=budget_fen,
        returns=str(programme.pot.returns if programme.pot else Returns.POT),
        account=account,
        opened_at=now,
    )
    if not programme.is_draft:
        budget = budget_account(programme.id, period, budget_fen)
        entry = Entry(TransferKind.POST, budget, account, budget_fen, memo="budget", causes={"programme": programme.id})
        write_transfer(entry, key=f"pot:{programme.id}:{period}", now=now)
    record_event(
        "open_pot",
        idempotency_key,
        content,
        subject=f"pot:{programme.id}:{period}",
        actor=actor,
        now=now,
        payload=content,
    )
    return pot


@money_action
def grant_voucher(
    decision: Decision,
    pot: Pot,
    *,
    amount_fen: int,
    rate_bp: int,
    kinds: Collection[str],
    listed_providers_only: bool,
    valid_from: date,
    valid_to: date,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> Voucher:
    """Move an award from its programme's pot into a voucher of the firm.

    `Conflict` where the decision is not an award of that much, the programme is a draft, or the decision was already
    used; `InsufficientFunds` where the pot has less.
    """
    require(can_operate(actor), actor, Said("grant vouchers", "给予券"))
    content = {
        "decision": decision.key,
        "pot": f"{pot.programme}:{pot.period}",
        "amount_fen": amount_fen,
        "rate_bp": rate_bp,
        "kinds": sorted(kinds),
        "listed_providers_only": listed_providers_only,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    if repeated("grant_voucher", idempotency_key, content):
        return Voucher.objects.get(key=idempotency_key)
    # Applying on a decision and paying its award out lock the same: an award is granted once, as the one or the other.
    Organisation.objects.select_for_update(no_key=True).get(pk=decision.organisation_id)
    list(Application.objects.select_for_update(of=("self",)).filter(decision=decision).values_list("pk"))
    _check_grant(decision, pot, amount_fen)
    account = voucher_account(idempotency_key, decision.organisation)
    voucher = Voucher.objects.create(
        key=idempotency_key,
        decision=decision,
        pot=pot,
        organisation=decision.organisation,
        account=account,
        cap_fen=amount_fen,
        rate_bp=rate_bp,
        kinds=sorted(kinds),
        listed_providers_only=listed_providers_only,
        valid_from=valid_from,
        valid_to=valid_to,
        granted_at=now,
    )
    entry = Entry(TransferKind.POST, pot.account, account, amount_fen, memo="award", causes={"decision": decision.key})
    write_transfer(entry, key=f"voucher:{idempotency_key}", now=now)
    record_event(
        "grant_voucher",
        idempotency_key,
        content,
        subject=f"voucher:{voucher.key}",
        actor=actor,
        now=now,
        organisations=[decision.organisation],
        payload={"amount_fen": amount_fen, "programme": pot.programme},
    )
    return voucher


@action
def return_expired_vouchers(*, as_of: date, actor: Actor, now: datetime) -> int:
    """Give back to the pots, and on by their programmes' rule (`returns`), what is left (and not held) of vouchers past
    their last day; returns how many gave."""
    require(can_operate(actor), actor, Said("return expired vouchers", "收回到期的券"))
    returned = 0
    for voucher in Voucher.objects.filter(valid_to__lt=as_of).select_related("account", "pot__account").order_by("key"):
        left = voucher.account.available
        if left == 0:
            continue
        # The account's last transfer makes the key new whenever a later release leaves something more to give back.
        key = f"{voucher.key}:{voucher.account.last_transfer_id}"
        bring_back(
            voucher.pot, rule_of_voucher(voucher), [Coming(f"expired:{key}", voucher.account, left, "expired")],
            onward_key=f"treasury:expired:{key}", causes={"voucher": voucher.key}, now=now,
        )  # fmt: skip
        record_event(
            "return_expired_voucher", key, {}, subject=f"voucher:{voucher.key}", actor=actor, now=now,
            organisations=[voucher.organisation_id],
            payload={"amount_fen": left, "programme": voucher.pot.programme, "valid_to": voucher.valid_to.isoformat()},
        )  # fmt: skip
        returned += 1
    return returned


def voucher_terms(voucher: Voucher, as_of: date) -> VoucherTerms:
    """What the voucher may pay on that day, for the market to reckon with. `Conflict` outside its period."""
    if not voucher.valid_from <= as_of <= voucher.valid_to:
        raise Conflict(
            f"voucher {voucher.key} is for {voucher.valid_from} to {voucher.valid_to}, not for {as_of}",
            f"券 {voucher.key} 的有效期为 {voucher.valid_from} 至 {voucher.valid_to}，不含 {as_of}",
        )
    voucher.account.refresh_from_db()
    return VoucherTerms(
        id=voucher.key,
        rate=voucher.rate_bp,
        cap_fen=None,
        remaining_fen=voucher.account.available,
        kinds=frozenset(voucher.kinds),
        listed_providers=listed_providers(as_of) if voucher.listed_providers_only else None,
    )


def find_voucher(key: str) -> Voucher:
    try:
        return Voucher.objects.select_related("account", "organisation").get(key=key)
    except Voucher.DoesNotExist:
        raise NotFound(f"no voucher {key!r}", f"没有券 {key!r}") from None


def _check_grant(decision: Decision, pot: Pot, amount_fen: int) -> None:
    if decision.is_draft or pot.is_draft:
        raise Conflict(
            f"programme {pot.programme} is a draft (a clause has no source): a draft releases no money",
            f"政策 {pot.programme} 是草案（有条款没有出处）：草案不放款",
        )
    if decision.programme != pot.programme:
        raise Conflict(
            f"decision {decision.key} is of {decision.programme}, the pot of {pot.programme}",
            f"判定 {decision.key} 属于 {decision.programme}，资金池属于 {pot.programme}",
        )
    if decision.verdict != Verdict.ELIGIBLE or decision.award_fen is None:
        raise Conflict(
            f"decision {decision.key} is {decision.verdict}: nothing to grant",
            f"判定 {decision.key} 的结果是“{word_zh(decision.verdict)}”：没有可给予的",
        )
    if type(amount_fen) is not int or not 0 < amount_fen <= decision.award_fen:
        raise Conflict(
            f"decision {decision.key} awards {exact_yuan(decision.award_fen)}, asked for {exact_yuan(amount_fen)}",
            f"判定 {decision.key} 给予 {exact_yuan(decision.award_fen)}，要求的是 {exact_yuan(amount_fen)}",
        )
    application = Application.objects.filter(decision=decision).first()
    if application is not None and (
        application.state != ApplicationState.AWARDED or amount_fen > (application.shared_fen or 0)
    ):
        raise Conflict(
            f"application {application.key} is {application.state}, its share "
            f"{exact_yuan(application.shared_fen or 0)}: not {exact_yuan(amount_fen)}",
            f"申报 {application.key} 处于“{word_zh(application.state)}”，分得 "
            f"{exact_yuan(application.shared_fen or 0)}：不是 {exact_yuan(amount_fen)}",
        )
    if Grant.objects.filter(application__decision=decision).exists():
        raise Conflict(
            f"the award of decision {decision.key} was granted as money already",
            f"判定 {decision.key} 的扶持已以资金给予",
        )
    if Voucher.objects.filter(decision=decision).exists():
        raise Conflict(f"decision {decision.key} was already turned into a voucher", f"判定 {decision.key} 已转为券")

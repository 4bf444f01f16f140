"""Awards that are money and no voucher: out of the pot, once, into what is to be paid to the organisation or person."""

from datetime import datetime

from siwei.errors import Conflict, NotFound, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action, record_event
from siwei.exchange.awards.applications import organisations_of
from siwei.exchange.ledger.accounts import grant_account
from siwei.exchange.ledger.actions import Entry, write_transfer
from siwei.exchange.models import Application, ApplicationState, Grant, RoundState, SharingRound, TransferKind, Voucher
from siwei.exchange.state_words import word_zh


@money_action
def grant_award(key: str, *, actor: Actor, now: datetime) -> Grant:
    """Move an award out of its pot, to be paid by order; done again, it is the same grant.

    `Conflict` for what is not awarded, is a draft's, or is (to be) a voucher; `InsufficientFunds` where the pot has
    less.
    """
    require(can_operate(actor), actor, Said("grant awards", "给予扶持"))
    current = Application.objects.select_for_update(of=("self",)).select_related(
        "decision", "pot", "organisation", "pseudonym"
    )
    found = current.filter(key=key).first()
    if found is None:
        raise NotFound(f"no application {key!r:.130}", f"没有申报 {key!r:.130}")
    earlier = Grant.objects.filter(application=found).first()
    if earlier is not None:
        return earlier
    _check(found)
    amount = found.shared_fen or 0
    account = grant_account(found.applicant)
    causes = {"application": found.key} | ({"decision": found.decision.key} if found.decision else {})
    entry = Entry(TransferKind.POST, found.pot.account, account, amount, memo="grant", causes=causes)
    grant = Grant.objects.create(
        application=found, organisation=found.organisation, pseudonym=found.pseudonym, amount_fen=amount,
        transfer=write_transfer(entry, key=f"grant:{found.key}", now=now), granted_at=now,
    )  # fmt: skip
    record_event(
        "grant_award", found.key, {}, subject=f"application:{found.key}", actor=actor, now=now,
        organisations=organisations_of(found), payload={"amount_fen": amount, "programme": found.pot.programme},
    )  # fmt: skip
    return grant


def grant_round(made: SharingRound, *, actor: Actor, now: datetime) -> list[Grant]:
    """Grant every award of a round, each in a transaction of its own: killed between two, it goes on."""
    require(can_operate(actor), actor, Said("grant awards", "给予扶持"))
    if SharingRound.objects.get(pk=made.pk).state != RoundState.AWARDED:
        raise Conflict(f"round {made.key} is not awarded yet", f"轮次 {made.key} 尚未确认扶持")
    awarded = made.applications.filter(state=ApplicationState.AWARDED).order_by("key")
    return [grant_award(application.key, actor=actor, now=now) for application in awarded]


def is_money(application: Application) -> bool:
    """Whether the award is paid out; what its decision calls a voucher is spent against use instead. Persons have no
    vouchers."""
    return application.decision is None or application.decision.result.get("voucher") is None


def is_to_grant(application: Application) -> bool:
    """Whether it is an award of money that is not granted yet."""
    awarded = application.state == ApplicationState.AWARDED and bool(application.shared_fen)
    return awarded and is_money(application) and not Grant.objects.filter(application=application).exists()


def _check(application: Application) -> None:
    pot = application.pot
    if application.state != ApplicationState.AWARDED or not application.shared_fen:
        raise Conflict(
            f"application {application.key} is {application.state}: nothing to pay",
            f"申报 {application.key} 处于“{word_zh(application.state)}”：没有可付的",
        )
    if pot.is_draft or (application.decision is not None and application.decision.is_draft):
        raise Conflict(
            f"programme {pot.programme} is a draft: a draft releases no money",
            f"政策 {pot.programme} 是草案：草案不放款",
        )
    granted = application.decision is not None and Voucher.objects.filter(decision=application.decision).exists()
    if granted or not is_money(application):
        raise Conflict(
            f"the award of {application.key} is a voucher, spent against use and not paid out",
            f"{application.key} 的扶持是券，按用量抵扣，不支付现金",
        )

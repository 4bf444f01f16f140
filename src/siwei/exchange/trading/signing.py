"""What the last signature, or the last approval, brings about: caps are asked, holds are placed."""

from datetime import date, datetime

from siwei.exchange.actors import Actor
from siwei.exchange.models import Agreement, AgreementState, ApprovalState
from siwei.exchange.states import move
from siwei.exchange.trading.caps import commit_agreement
from siwei.exchange.trading.holds import place_holds


def conclude_signing(agreement: Agreement, step: str, now: datetime, day: date, actor: Actor) -> None:
    """Where all have signed and all approvals are given: count against the caps, place the holds, sign.

    Raises `InsufficientFunds` where a cap, the voucher or the declared budget has less left.
    """
    if agreement.parties.filter(signed_at=None).exists():
        return
    if agreement.approvals.filter(state=ApprovalState.OPEN).exists():
        move(agreement, step, AgreementState.AWAITING_APPROVAL)
        return
    commit_agreement(agreement, now, day)
    place_holds(agreement, now, day, actor)
    move(agreement, step, AgreementState.SIGNED, signed_at=now, signed_on=day)

"""Closing an agreement's lines to further calls; below signing and settling, which both need it."""

from datetime import datetime

from siwei.errors import Conflict
from siwei.exchange.models import Agreement, CallMeter, CallState, ModelCall


def close_meters(agreement: Agreement, *, now: datetime) -> None:
    """Admit no further call under the agreement; part of the caller's transaction.

    Raises Conflict while a call is under way: it ends, or is swept, within its deadline.
    """
    for line in agreement.lines.filter(offer__kind="model").order_by("number"):
        # Made where there was none: a call admitted at this very moment must find it closed.
        CallMeter.objects.get_or_create(line=line, defaults={"limit_microfen": line.quantity, "closed_at": now})
        CallMeter.objects.filter(line=line, closed_at=None).update(closed_at=now)
    if running := ModelCall.objects.filter(line__agreement=agreement, state=CallState.OPEN).count():
        raise Conflict(f"{running} call(s) under {agreement.key} have not ended → stop its calls, and try again")

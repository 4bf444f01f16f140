"""What a resolved dispute changes: what is billed from now on, and what was paid too much comes back by entries."""

from datetime import datetime
from typing import Any

from siwei.errors import InputError, InsufficientFunds, Problem, Said
from siwei.exchange.accounts import own_share_account, receivable_account
from siwei.exchange.charges import charge_lines, come_to, earlier_of, lines_of
from siwei.exchange.ledger import Entry, write_transfer
from siwei.exchange.models import Agreement, AgreementLine, Delivery, DeliveryState, TransferKind, Usage
from siwei.market.settlement import Held, settle


def correct_usage(usage: Usage, quantity: int, key: str, now: datetime) -> dict[str, int]:
    """Bill `quantity` for the reading; the signed report and the counter-reading stay what they were."""
    Usage.objects.filter(pk=usage.pk).update(quantity=quantity, is_held=False)
    return pay_back(usage.line, key, now) if usage.settlement_id is not None else {}


def correct_delivery(
    agreement: Agreement, delivery: Delivery, amount_fen: int, key: str, because: str, now: datetime
) -> dict[str, int]:
    """The delivery is taken for `amount_fen`, at most what it was to pay; the rest is released at the end."""
    if amount_fen > delivery.amount_fen:
        fix = Said(
            f"0 to {delivery.amount_fen} fen; more is a new agreement", f"0 至 {delivery.amount_fen} 分；更多须另签协议"
        )
        raise InputError(
            [
                Problem(
                    Said(
                        f"{amount_fen} fen for delivery {delivery.number}",
                        f"交付 {delivery.number} 填了 {amount_fen} 分",
                    ),
                    fix,
                    field="outcome",
                )
            ]
        )
    paid = delivery.state == DeliveryState.ACCEPTED
    values: dict[str, Any] = {"state": DeliveryState.ACCEPTED, "amount_fen": amount_fen, "reason": because[:4_000]}
    if not paid:
        values |= {"decided_at": now, "submitted_at": delivery.submitted_at or now}
        values |= {"reported_by": delivery.reported_by or delivery.giver}
    Delivery.objects.filter(pk=delivery.pk).update(**values)
    if delivery.line is None:
        return {}
    if paid:
        return pay_back(delivery.line, key, now)
    lines = [line for line in lines_of(agreement) if line.pk == delivery.line_id]
    charge_lines(agreement, lines, f"delivery:{delivery.number}", now)
    return {}


def pay_back(line: AgreementLine, key: str, now: datetime) -> dict[str, int]:
    """Return what earlier settlements of the line took above what it comes to now, in the proportion it was paid.

    Raises InsufficientFunds where the provider's receivable has less: it was paid out, and is to be claimed back.
    """
    earlier, (_, gross) = earlier_of([line])[line.pk], come_to([line], settled_only=True)[line.pk]
    over = earlier.metered_fen - gross
    if over <= 0:
        return {}
    paid = [Held("voucher", "voucher", earlier.voucher_fen), Held("own", "own", earlier.own_fen)]
    due = {share.payer: share.captured_fen for share in settle(paid, gross).captures}
    back = {"voucher": earlier.voucher_fen - due["voucher"], "own": earlier.own_fen - due["own"]}
    receivable = receivable_account(line.provider)
    for payer, amount in back.items():
        if amount:
            voucher = line.agreement.voucher
            own = own_share_account(line.consumer)
            to = voucher.account if payer == "voucher" and voucher is not None else own
            causes = {"agreement": line.agreement.key, "line": line.number, "dispute": key}
            entry = Entry(TransferKind.POST, receivable, to, amount, memo="dispute resolved", causes=causes)
            try:
                write_transfer(entry, key=f"dispute:{key}:{payer}", now=now)
            except InsufficientFunds:
                raise InsufficientFunds(
                    f"{line.provider.name} has less than {amount} fen left to be paid → claim it back from it first",
                    f"{line.provider.name} 尚待支付的不足 {amount} 分 → 请先向其追回",
                ) from None
    return {
        "returned_metered_fen": over, "returned_voucher_fen": back["voucher"], "returned_own_fen": back["own"]
    }  # fmt: skip

"""What a resolved dispute changes: what is billed from now on, and what was paid too much comes back by entries."""

from datetime import datetime
from typing import Any

from siwei.errors import InputError, Problem, Said
from siwei.exchange.ledger.accounts import own_share_account
from siwei.exchange.ledger.quantities import correct_quantity
from siwei.exchange.models import Agreement, AgreementLine, Delivery, DeliveryState, PaymentPart, Usage
from siwei.exchange.trading.charges import charge_lines, earlier_of, lines_of, move_totals, settled_gross_fen
from siwei.exchange.trading.overpayments import take_back
from siwei.market.bank import exact_yuan
from siwei.market.settlement import Held, settle


def correct_usage(usage: Usage, quantity: int, key: str, now: datetime) -> dict[str, int]:
    """Bill `quantity` for the reading; the signed report and the counter-reading stay what they were."""
    before = Usage.objects.select_related("settlement", "line__agreement").get(pk=usage.pk)
    Usage.objects.filter(pk=usage.pk).update(quantity=quantity, is_held=False)
    if before.settlement is None:
        return {}
    by = quantity - before.quantity
    move_totals(usage.line, quantity=by)
    paid_back = pay_back(usage.line, key, now)
    correct_quantity(before, by, key, now)
    return paid_back


def correct_delivery(
    agreement: Agreement, delivery: Delivery, amount_fen: int, key: str, because: str, now: datetime
) -> dict[str, int]:
    """The delivery is taken for `amount_fen`, at most what it was to pay; the rest is released at the end."""
    if amount_fen > delivery.amount_fen:
        fix = Said(
            f"¥0.00 to {exact_yuan(delivery.amount_fen)}; more is a new agreement",
            f"¥0.00 至 {exact_yuan(delivery.amount_fen)}；更多须另签协议",
        )
        raise InputError(
            [
                Problem(
                    Said(
                        f"{exact_yuan(amount_fen)} for delivery {delivery.number}",
                        f"交付 {delivery.number} 填了 {exact_yuan(amount_fen)}",
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
    """Return what earlier settlements of the line took above what it comes to now, in the proportion it was paid."""
    earlier, gross = earlier_of([line])[line.pk], settled_gross_fen(line)
    over = earlier.metered_fen - gross
    if over <= 0:
        return {}
    paid = [Held("voucher", "voucher", earlier.voucher_fen), Held("own", "own", earlier.own_fen)]
    due = {share.payer: share.captured_fen for share in settle(paid, gross).captures}
    back = {"voucher": earlier.voucher_fen - due["voucher"], "own": earlier.own_fen - due["own"]}
    voucher = line.agreement.voucher
    if back["voucher"] and voucher is not None:
        take_back(key, line, PaymentPart.VOUCHER, back["voucher"], voucher.account, now)
    if back["own"]:
        take_back(key, line, PaymentPart.OWN, back["own"], own_share_account(line.consumer), now)
    move_totals(line, metered_fen=-over, voucher_fen=-back["voucher"], own_fen=-back["own"])
    return {
        "returned_metered_fen": over, "returned_voucher_fen": back["voucher"], "returned_own_fen": back["own"]
    }  # fmt: skip

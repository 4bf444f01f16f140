"""The chart of accounts: which account holds what, by a code that anybody can read.

CNY:budget:<programme>:<period>     what was appropriated; below zero by what was put into the pot
CNY:pot:<programme>:<period>        what of it is not promised yet
CNY:voucher:<voucher>               an award, spent against metered use
CNY:commitment:<organisation>       a firm's own money outside; below zero down to its declared budget
CNY:own-share:<organisation>        what a firm has committed here to pay itself
CNY:claw-back:<payee>               below zero by what an organisation or a person is to pay back of its awards
CNY:receivable:<organisation>       what a provider is to be paid, by payment order
CNY:overpaid:<organisation>         below zero by what a provider was paid and disputes took back afterwards
CNY:grant:<payee>                   an award that is money, to be paid by payment order
CNY:paid:<payee>                    what bank statements say was paid to it
CNY:written-off:<payee>             what of it is not paid after all, as two people approved
CNY:bank-difference:<holder>        what statements of this account moved that agrees with no order and nobody explained
CNY:bank-unordered:<holder>         where such money went or came from, as far as it is no payee's
CNY:bank-explained:<holder>         what of it somebody explained

For what is counted and is not money (accelerator-seconds by model, tokens, seats: `units`), alike:

<unit>:delivered:<organisation>     below zero by what a provider delivered and was settled
<unit>:used:<organisation>          what of it a consumer has used
"""

from collections.abc import Collection

from siwei.exchange.ledger.actions import open_account
from siwei.exchange.ledger.units import CNY
from siwei.exchange.models import Account, Organisation, Pseudonym
from siwei.exchange.models.ledger import BALANCE_LIMIT

Payee = Organisation | Pseudonym
"""Whom the city pays an award: a person stands on the ledger under their pseudonym."""


def budget_account(programme: str, period: str, budget_fen: int) -> Account:
    return open_account(f"{CNY}:budget:{programme}:{period}", unit=CNY, purpose="budget", floor=-budget_fen)


def pot_account(programme: str, period: str) -> Account:
    return open_account(f"{CNY}:pot:{programme}:{period}", unit=CNY, purpose="pot")


def voucher_account(voucher: str, owner: Organisation) -> Account:
    return open_account(f"{CNY}:voucher:{voucher}", unit=CNY, purpose="voucher", owner=owner)


def commitment_account(owner: Organisation) -> Account:
    return open_account(f"{CNY}:commitment:{owner.key}", unit=CNY, purpose="commitment", owner=owner)


def own_share_account(owner: Organisation) -> Account:
    return open_account(f"{CNY}:own-share:{owner.key}", unit=CNY, purpose="own-share", owner=owner)


def receivable_account(owner: Organisation) -> Account:
    return open_account(f"{CNY}:receivable:{owner.key}", unit=CNY, purpose="receivable", owner=owner)


def overpaid_account(owner: Organisation) -> Account:
    return _of_payee("overpaid", owner, -BALANCE_LIMIT)


def grant_account(payee: Payee) -> Account:
    return _of_payee("grant", payee)


def paid_account(payee: Payee) -> Account:
    return _of_payee("paid", payee)


def written_off_account(payee: Payee) -> Account:
    return _of_payee("written-off", payee)


def _of_payee(purpose: str, payee: Payee, floor: int = 0) -> Account:
    code = f"{CNY}:{purpose}:{payee.key}"
    if isinstance(payee, Pseudonym):
        return open_account(code, unit=CNY, purpose=purpose, pseudonym=payee, floor=floor)
    return open_account(code, unit=CNY, purpose=purpose, owner=payee, floor=floor)


def bank_account(purpose: str, holder: Organisation | None) -> Account:
    """`bank-difference`, `bank-unordered` or `bank-explained`, of an organisation's bank account or the city's."""
    code = f"{CNY}:{purpose}:{holder.key if holder else 'city'}"
    return open_account(code, unit=CNY, purpose=purpose, owner=holder, floor=-BALANCE_LIMIT)


def claw_back_account(payee: Payee) -> Account:
    return _of_payee("claw-back", payee, -BALANCE_LIMIT)


def open_quantity_accounts(asked: Collection[tuple[str, str, int]]) -> dict[tuple[str, str, int], Account]:
    """Each (unit, `delivered` or `used`, organisation's number), opened where it is not there; few queries for many."""
    owners = Organisation.objects.in_bulk({owner for _, _, owner in asked})
    codes = {f"{unit}:{purpose}:{owners[owner].key}": (unit, purpose, owner) for unit, purpose, owner in asked}
    known = set(Account.objects.filter(code__in=codes).values_list("code", flat=True))
    Account.objects.bulk_create(
        [
            Account(
                code=code,
                unit=unit,
                purpose=purpose,
                owner=owners[owner],
                floor=-BALANCE_LIMIT if purpose == "delivered" else 0,
            )
            for code, (unit, purpose, owner) in sorted(codes.items())
            if code not in known
        ],
        ignore_conflicts=True,  # somebody else opened it meanwhile
    )
    return {codes[account.code]: account for account in Account.objects.filter(code__in=codes)}

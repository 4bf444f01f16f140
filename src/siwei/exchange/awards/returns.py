"""Where money goes that comes back of an award: by the rule of the programme's version that made the award.

It comes back to its pot first, whatever the rule. `treasury`: an entry of the same moment takes it on to the account
the budget came from, so that nothing of the period can be promised of it again. `pot`: it stays, for later ones.
`waiting`: it stays for those of earlier rounds who did not get all they claimed (`supplements`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from siwei.exchange.ledger.accounts import budget_account
from siwei.exchange.ledger.actions import Entry, write_transfer
from siwei.exchange.models import Account, Application, Pot, TransferKind, Voucher
from siwei.policy.programmes import Returns

TREASURY = "treasury"
"""The memo of what went on to the treasury."""


@dataclass(frozen=True, slots=True)
class Coming:
    """`fen` that come back from `account`; nothing where there are none."""

    key: str
    account: Account
    fen: int
    memo: str


def rule_of(application: Application) -> Returns:
    """As the version said that shared the pot. One that no round awarded goes by the version that opened its pot."""
    return Returns(application.pot.returns if application.round is None else application.round.returns)


def rule_of_voucher(voucher: Voucher) -> Returns:
    application = Application.objects.filter(decision=voucher.decision_id).select_related("round", "pot").first()
    return Returns(voucher.pot.returns) if application is None else rule_of(application)


def bring_back(
    pot: Pot, rule: Returns, coming: Sequence[Coming], *, onward_key: str, causes: Mapping[str, Any], now: datetime
) -> None:
    """Part of an action on money. `onward_key` is that of the entry on to the treasury, where the rule asks for one."""
    for each in coming:
        if each.fen:
            entry = Entry(TransferKind.POST, each.account, pot.account, each.fen, memo=each.memo, causes=causes)
            write_transfer(entry, key=each.key, now=now)
    total = sum(each.fen for each in coming)
    if rule is Returns.TREASURY and total:
        budget = budget_account(pot.programme, pot.period, pot.budget_fen)
        entry = Entry(TransferKind.POST, pot.account, budget, total, memo=TREASURY, causes=causes)
        write_transfer(entry, key=onward_key, now=now)

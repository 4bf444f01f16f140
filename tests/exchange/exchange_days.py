"""Agreements under which something was metered, without the steps that lead to them: for the day's run over many."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger.actions import Chain, Entry
from siwei.exchange.models import Account, Agreement, AgreementLine, AgreementParty, Transfer, TransferKind, Usage

PRICE_FEN, HELD_FEN = 7, 7_000


@dataclass
class Days:
    """A centre that serves a firm under as many agreements as are asked for; six tenths of each by a voucher."""

    cast: Any
    now: datetime
    accounts: dict[str, Account] = field(default_factory=dict)
    made: int = 0

    def __post_init__(self) -> None:
        for name, floor in (("budget", -(10**12)), ("voucher", 0), ("own", 0), ("receivable", 0)):
            self.accounts[name] = ledger.open_account(f"days:{name}", unit="CNY", purpose=name, floor=floor)
        for name in ("voucher", "own"):
            entry = Entry(TransferKind.POST, self.accounts["budget"], self.accounts[name], 10**10)
            ledger.write_transfer(entry, key=f"days:{name}", now=self.now)

    def deliver(self, count: int, *, lines: int = 1, voucher_until: datetime | None = None) -> list[Agreement]:
        """So many more agreements, signed and delivering, HELD_FEN held on each of their lines."""
        first, self.made = self.made, self.made + count
        agreements = Agreement.objects.bulk_create(
            Agreement(
                key=f"day-{number:05}", kind="compute", state="delivering", proposed_at=self.now, signed_at=self.now,
                ends_at=self.now + timedelta(days=90),
            )
            for number in range(first, self.made)
        )  # fmt: skip
        AgreementParty.objects.bulk_create(
            AgreementParty(agreement=each, role=role, organisation=organisation)
            for each in agreements
            for role, organisation in (("consumer", self.cast.firm), ("provider", self.cast.centre))
        )
        until = {"voucher": voucher_until, "own": None}
        shares = {"voucher": HELD_FEN * 6 // 10, "own": HELD_FEN - HELD_FEN * 6 // 10}
        outcomes = ledger.write_batch(
            [
                Chain(f"sign:{each.key}:{number}:{payer}", (Entry(
                    TransferKind.HOLD, self.accounts[payer], self.accounts["receivable"], shares[payer],
                    expires_at=until[payer] or self.now + timedelta(days=120),
                ),))
                for each in agreements for number in range(1, lines + 1) for payer in shares
            ],
            now=self.now,
        )  # fmt: skip
        assert all(outcome.refusal is None for outcome in outcomes)
        holds = dict(Transfer.objects.filter(kind="hold").values_list("idempotency_key", "pk"))
        AgreementLine.objects.bulk_create(
            AgreementLine(
                agreement=each, number=number, provider=self.cast.centre, consumer=self.cast.firm, description="算力",
                quantity=HELD_FEN // PRICE_FEN, unit="accelerator-second:cpu", unit_price_fen=PRICE_FEN,
                gross_fen=HELD_FEN, voucher_fen=shares["voucher"], own_fen=shares["own"],
                voucher_hold_id=holds[f"sign:{each.key}:{number}:voucher"],
                own_hold_id=holds[f"sign:{each.key}:{number}:own"],
            )
            for each in agreements for number in range(1, lines + 1)
        )  # fmt: skip
        return agreements

    def meter(self, agreements: list[Agreement], name: str, quantity: int = 100, **given: Any) -> None:
        """One more reading of every line of these agreements."""
        Usage.objects.bulk_create(
            Usage(
                reading=f"{line.agreement.key}:{line.number}:{name}", line=line, quantity=quantity + line.pk % 7,
                unit="accelerator-second:cpu", measured={}, recorded_at=self.now, **given,
            )
            for line in AgreementLine.objects.filter(agreement__in=agreements).select_related("agreement")
        )  # fmt: skip

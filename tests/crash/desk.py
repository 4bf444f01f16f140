"""The payment desk and its bank: orders what is due, has it approved by two, writes it for the bank. The bank pays,
refuses, sends back or is silent, and tells so in statements that repeat what earlier ones said."""

import csv
import io
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TypeVar

from django.db import Error, connections
from django.db.models import F, Q

from siwei.errors import Conflict, InsufficientFunds
from siwei.exchange.awards import vouchers
from siwei.exchange.models import Account, BankEntry, ClawBack, Overpayment, PaymentBatch, PaymentFile, Pot
from siwei.exchange.payments import payment_batches as payments
from siwei.exchange.payments import repayments, statement_imports
from siwei.exchange.payments.payment_files import sent_content
from tests.crash.asking import PATIENCE_S, patiently
from tests.crash.pulse import Pulse
from tests.crash.town import AGREED_DAYS, Party, Town, actor, decide

T = TypeVar("T")
HEADINGS = ("日期", "借方发生额", "贷方发生额", "对方户名", "对方账号", "流水号", "端到端标识")


class Desk:
    def __init__(self, town: Town, seed: int, folder: Path, pulse: Pulse) -> None:
        self.town, self.seed, self.pulse = town, seed, pulse
        self.stop, self.done = folder / "stop", folder / "ordered"

    def run(self) -> None:
        self.done.touch()
        payers: list[Party | None] = [None, *self.town.firms]
        for number in count(len(self.done.read_text().splitlines())):
            if self.stop.exists():
                return
            payer, key = payers[number % len(payers)], f"batch-{number}"
            if number % len(payers) == 0:
                self.grant_too_late(number)
            is_ordered = self.order(payer, key, random.Random(f"{self.seed}:{key}"))
            with self.done.open("a") as file:
                file.write(f"{key} {is_ordered}\n")
            time.sleep(0.3)

    def order(self, payer: Party | None, key: str, chance: random.Random) -> bool:
        by, *treasurers = ("olive", "otto", "oscar") if payer is None else (payer.owner, *payer.treasurers)
        self.take_repayments(payer, key, treasurers[1], random.Random(f"{self.seed}:{key}:back"))
        try:
            batch = payments.make_batch(
                payer.key if payer else None, execute_on=self.town.ends_on, actor=actor(by), now=datetime.now(UTC),
                idempotency_key=key,
            )  # fmt: skip
        except InsufficientFunds:
            # Of an award something may have been taken back meanwhile; what customers owe is there.
            if payer is not None:
                raise
            return False
        except (Conflict, Error):
            connections.close_all()
            return False
        if chance.random() < 0.15:
            self.withdraw(batch, treasurers[0])
            return True
        try:
            for name in treasurers:
                again(
                    lambda name=name: payments.approve_batch(
                        batch.message_id, batch.content_sha256, actor=actor(name), now=datetime.now(UTC)
                    )
                )
            sent = again(
                lambda: payments.export_batch(
                    batch.message_id, "csv", actor=actor(treasurers[0]), now=datetime.now(UTC)
                )
            )
        except Conflict:
            # Somebody who was to be paid has taken their consent back: it is made anew without them.
            self.withdraw(batch, treasurers[0])
            return True
        self.bank(payer, batch, told_to_the_bank(sent), treasurers, chance)
        return True

    def withdraw(self, batch: PaymentBatch, by: str) -> None:
        patiently(
            lambda: payments.withdraw_batch(
                batch.message_id, because="日期不对", actor=actor(by), now=datetime.now(UTC)
            ),
            "withdraw",
        )

    def bank(
        self, payer: Party | None, batch: PaymentBatch, told: "list[Told]", treasurers: list[str], chance: random.Random
    ) -> None:
        paid, returned = [], []
        for each in told:
            fate = chance.choices(("paid", "returned", "rejected", "nothing"), (6, 1, 2, 1))[0]
            if fate == "rejected":
                self.reject(each.end_to_end_id, treasurers[0])
            elif fate != "nothing":
                paid.append(each)
                returned += [each] if fate == "returned" else []
        for rows in (statement(paid, (), batch.execute_on), statement(paid, returned, batch.execute_on)):
            if paid:
                self.tell(payer.key if payer else None, rows, f"{batch.message_id}.csv", treasurers[1])

    def take_repayments(self, payer: Party | None, key: str, by: str, chance: random.Random) -> None:
        """Some providers pay back what disputes found paid too much, or a part of it, before it is set off."""
        holder = payer.key if payer else None
        of_this = {"payer__key": holder} if holder else {"payer": None}
        is_wanted, share = chance.random() < 0.6, chance.choice((1.0, 0.5))
        owing = patiently(lambda: list(Overpayment.objects.filter(**of_this).select_related("payee")), "overpayments")
        for each in owing if is_wanted else ():
            fen, reference = int(each.owed_fen * share), f"back-{key}-{each.pk}"
            told = patiently(lambda told=reference: BankEntry.objects.filter(reference=told).exists(), "entries")
            if fen and not told:
                row = [self.town.ends_on.isoformat(), "", f"{fen / 100:.2f}", each.payee.name, "", reference, ""]
                self.tell(holder, written([row]), f"{reference}.csv", by)
        self.book(holder, by)
        if payer is None:
            self.take_awards_back(key, by, chance)

    def take_awards_back(self, key: str, by: str, chance: random.Random) -> None:
        """Some persons pay back, whole or in part, what was taken back of their awards after it was paid."""
        is_wanted, share = chance.random() < 0.6, chance.choice((1.0, 0.5))
        indebted = Account.objects.filter(purpose="claw-back", balance__lt=0)
        for each in patiently(lambda: list(indebted), "claw-backs") if is_wanted else ():
            fen, reference = int(-each.balance * share), f"award-{key}-{each.pk}"
            waits = BankEntry.objects.filter(reference__startswith="award-", reference__endswith=f"-{each.pk}")
            told = waits.filter(Q(reference=reference) | Q(state="open"))
            if fen and not patiently(lambda told=told: told.exists(), "entries"):
                row = [self.town.ends_on.isoformat(), "", f"{fen / 100:.2f}", "", "", reference, ""]
                self.tell(None, written([row]), f"{reference}.csv", by)
        waiting = BankEntry.objects.filter(state="open", reference__startswith="award-").order_by("pk")
        for entry in patiently(lambda: list(waiting), "entries"):
            owing = Account.objects.get(pk=int(entry.reference.rpartition("-")[2])).pseudonym
            taken = ClawBack.objects.filter(grant__pseudonym=owing, owed_fen__gt=F("repaid_fen")).first()
            assert taken is not None, entry.reference
            again(
                lambda entry=entry, taken=taken: repayments.repay_claw_back(
                    entry.account_number, entry.reference, taken.grant.application.key, because="退回扶持资金",
                    actor=actor(by), now=datetime.now(UTC),
                )
            )  # fmt: skip

    def book(self, holder: str | None, by: str) -> None:
        """Also what came in before this process was killed."""
        of_holder = {"organisation__key": holder} if holder else {"organisation": None}
        found = BankEntry.objects.filter(state="open", reference__startswith="back-", **of_holder)
        waiting = found.order_by("pk")
        for entry in patiently(lambda: list(waiting), "entries"):
            dispute = Overpayment.objects.get(pk=int(entry.reference.rpartition("-")[2])).dispute.key
            again(
                lambda entry=entry, dispute=dispute: repayments.repay_overpayment(
                    entry.account_number, entry.reference, dispute, because="退回多付款", actor=actor(by),
                    now=datetime.now(UTC),
                )
            )  # fmt: skip

    def tell(self, holder: str | None, rows: bytes, name: str, by: str) -> None:
        patiently(
            lambda: statement_imports.import_statement(holder, rows, name, actor=actor(by), now=datetime.now(UTC)),
            "statement",
        )

    def reject(self, end_to_end_id: str, by: str) -> None:
        patiently(
            lambda: payments.reject_order(end_to_end_id, because="账号有误", actor=actor(by), now=datetime.now(UTC)),
            "reject",
        )

    def grant_too_late(self, number: int) -> None:
        """A voucher that ended before it was used: a worker gives it back to its pot."""
        key, founded = f"late-{number}", self.town.ends_on - timedelta(days=AGREED_DAYS)

        def grant() -> object:
            award = decide(self.town.firms[number % len(self.town.firms)].key, key, 1_000_003 + number, founded)
            return vouchers.grant_voucher(
                award, Pot.objects.get(programme="siege"), amount_fen=award.award_fen or 0, rate_bp=5_000,
                kinds=["service"], listed_providers_only=False, valid_from=founded - timedelta(days=90),
                valid_to=founded - timedelta(days=1), actor=actor("olive"), now=datetime.now(UTC), idempotency_key=key,
            )  # fmt: skip

        patiently(grant, "late voucher")


@dataclass(frozen=True)
class Told:
    """One order as the bank reads it in the file it was sent."""

    end_to_end_id: str
    name: str
    number: str
    amount: str


def told_to_the_bank(file: PaymentFile) -> list[Told]:
    rows = csv.reader(io.StringIO(patiently(lambda: sent_content(file), "file").lstrip("\ufeff")))
    columns = next(rows)
    wanted = [columns.index(each) for each in ("端到端标识", "收款人户名", "收款人账号", "金额")]
    return [Told(*(row[place] for place in wanted)) for row in rows]


def again(act: Callable[[], T]) -> T:
    """Until the database is there; what the city refuses stays refused."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except Error:
            if time.monotonic() > deadline:
                raise
            connections.close_all()
            time.sleep(0.1)


def statement(paid: Sequence[Told], returned: Sequence[Told], day: date) -> bytes:
    rows = []
    for each in paid:
        told = each.end_to_end_id
        rows.append([day.isoformat(), each.amount, "", each.name, each.number, f"out-{told}", told])
    for each in returned:
        told = each.end_to_end_id
        rows.append([day.isoformat(), "", each.amount, each.name, each.number, f"in-{told}", told])
    return written(rows)


def written(rows: Sequence[Sequence[str]]) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows((HEADINGS, *rows))
    return file.getvalue().encode()

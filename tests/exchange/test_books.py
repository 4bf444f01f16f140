"""Reading the ledger: proofs, statements, trial balance; and every fen from a pot to what it bought, and back."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from exchange_deal import Deal
from hypothesis import given
from hypothesis import strategies as st
from test_disputes import Court
from test_true_ups import again

from siwei.errors import InputError, NotAllowed, NotFound
from siwei.exchange.awards import vouchers
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger.books import as_table, make_statement, prove_balance, run_balance, totals_of, trial_balance
from siwei.exchange.ledger.seals import seal
from siwei.exchange.models import Account, Organisation, Origin, Transfer
from siwei.exchange.payments.traces import CAPTURES, TRACE, share_captures, trace


@pytest.fixture
def firm(cast: Any, now: datetime) -> str:
    """+1,000, a hold of 600 of which 200 is captured and 100 released, −50, +20 back; a day apart each."""
    ledger.open_account("budget", unit="CNY", purpose="budget", floor=-5_000)
    ledger.open_account("firm", unit="CNY", purpose="own-share", owner=cast.firm)
    ledger.open_account("centre", unit="CNY", purpose="receivable", owner=cast.centre)
    ledger.open_account("seats", unit="seat:course", purpose="seats", floor=-9)
    ledger.open_account("seats-used", unit="seat:course", purpose="used")

    def at(day: int) -> dict[str, Any]:
        return {"actor": cast.olive, "now": now + timedelta(days=day)}

    ledger.post_transfer("budget", "firm", 1_000, idempotency_key="fund", **at(0))
    ledger.hold("firm", "centre", 600, expires_at=now + timedelta(days=9), idempotency_key="h", **at(1))
    seal(**at(1))
    ledger.capture("h", 200, idempotency_key="c", **at(2))
    ledger.release("h", 100, idempotency_key="r", **at(3))
    ledger.post_transfer("firm", "centre", 50, idempotency_key="p", **at(4))
    ledger.reverse("p", 20, idempotency_key="back", **at(5))
    ledger.post_transfer("seats", "seats-used", 4, idempotency_key="s", **at(5))
    return "firm"


class TestBalance:
    def test_a_proof_from_entries_alone(self, cast: Any, firm: str) -> None:
        proof = prove_balance(firm, actor=cast.alice)
        assert proof.is_proven
        assert (proof.balance, proof.held, proof.sealed) == (770, 300, 2)
        assert proof.by_kind == {
            "capture": (1, -200, -200), "hold": (1, 0, 600), "post": (2, 950, 0), "release": (1, 0, -100),
            "reverse": (1, 20, 0),
        }  # fmt: skip
        assert prove_balance("seats", actor=cast.ann).balance == -4

    def test_what_is_not_ones_own(self, cast: Any, firm: str) -> None:
        for actor in (cast.bob, cast.charlie):
            for read in (lambda a: prove_balance(firm, actor=a), lambda a: make_statement(firm, None, None, actor=a)):
                with pytest.raises(NotFound, match="no account 'firm'"):
                    read(actor)
            with pytest.raises(NotAllowed):
                trial_balance(actor=actor)


class TestStatement:
    def test_all_of_it(self, cast: Any, firm: str) -> None:
        made = make_statement(firm, None, None, actor=cast.alice)
        assert made.entries.select("kind", "other", "change", "held_change", "balance", "held").rows() == [
            ("post", "budget", 1_000, 0, 1_000, 0),
            ("hold", "centre", 0, 600, 1_000, 600),
            ("capture", "centre", -200, -200, 800, 400),
            ("release", "centre", 0, -100, 800, 300),
            ("post", "centre", -50, 0, 750, 300),
            ("reverse", "centre", 20, 0, 770, 300),
        ]
        assert (made.opening, made.closing) == ((0, 0), (770, 300))

    def test_a_period_by_days_of_the_city(self, cast: Any, firm: str, now: datetime) -> None:
        # 02:00 UTC is 10:00 in Shenzhen: the same day.
        made = make_statement(firm, date(2026, 11, 25), date(2026, 11, 26), actor=cast.alice)
        assert (made.opening, made.closing) == ((1_000, 600), (800, 300))
        assert made.entries["key"].to_list() == ["c", "r"]
        assert made.entries["at"].to_list() == [now + timedelta(days=2), now + timedelta(days=3)]
        evening = datetime(2026, 11, 29, 16, 0, tzinfo=UTC)  # midnight there
        ledger.post_transfer("budget", "firm", 1, actor=cast.olive, now=evening, idempotency_key="late")
        days = [
            make_statement(firm, day, day, actor=cast.alice).entries.height
            for day in (date(2026, 11, 29), date(2026, 11, 30))
        ]
        assert days == [0, 1]

    def test_an_empty_period_opens_and_closes_alike(self, cast: Any, firm: str) -> None:
        made = make_statement(firm, date(2030, 1, 1), None, actor=cast.alice)
        assert (made.opening, made.closing, made.entries.height) == ((770, 300), (770, 300), 0)
        assert as_table(made).select("kind", "balance").rows() == [("opening", 770), ("closing", 770)]

    def test_to_take_away(self, cast: Any, firm: str) -> None:
        table = as_table(make_statement(firm, None, date(2026, 11, 23), actor=cast.alice))
        assert table["kind"].to_list() == ["opening", "post", "closing"]
        assert table["balance"].to_list() == [0, 1_000, 1_000]
        assert set(table["unit"]) == {"CNY"}

    def test_a_clock_that_went_back(self, cast: Any, firm: str, now: datetime) -> None:
        ledger.post_transfer(
            "budget", "firm", 7, actor=cast.olive, now=now - timedelta(days=9), idempotency_key="early"
        )
        made = make_statement(firm, None, None, actor=cast.alice)
        assert made.entries["balance"].to_list()[:2] == [7, 1_007]
        assert made.closing == (777, 300)
        assert make_statement(firm, date(2026, 11, 23), None, actor=cast.alice).opening == (7, 0)

    def test_the_first_and_the_last_day_there_is(self, cast: Any, firm: str) -> None:
        made = make_statement(firm, date.min, date.max, actor=cast.alice)
        assert (made.entries.height, made.opening) == (6, (0, 0))
        assert make_statement(firm, date.min, date.min, actor=cast.alice).entries.is_empty()
        assert trial_balance(date.min, actor=cast.ann).is_empty()
        assert trial_balance(date.max, actor=cast.ann).height == 5

    def test_a_period_that_ends_before_it_begins(self, cast: Any, firm: str) -> None:
        with pytest.raises(InputError, match="from 2026-11-24 to 2026-11-23"):
            make_statement(firm, date(2026, 11, 24), date(2026, 11, 23), actor=cast.alice)


def test_who_was_made_up_is_marked(cast: Any, firm: str) -> None:
    def marks() -> dict[str, bool]:
        return dict(trial_balance(actor=cast.ann).select("account", "generated").rows())

    everybody = Organisation.objects.all()
    everybody.update(origin=Origin.PACK)
    assert set(marks().values()) == {False}
    assert set(as_table(make_statement(firm, None, None, actor=cast.alice))["generated"]) == {False}
    everybody.filter(pk=cast.firm.pk).update(origin=Origin.GENERATED)
    of_nobody = dict.fromkeys(("budget", "seats", "seats-used"), True)
    assert marks() == {"firm": True, "centre": False, **of_nobody}
    for code, marked in (("firm", True), ("centre", False), ("budget", True)):
        assert set(as_table(make_statement(code, None, None, actor=cast.ann))["generated"]) == {marked}


def test_trial_balance(cast: Any, firm: str) -> None:
    trial = trial_balance(actor=cast.ann)
    assert trial.select("unit", "account", "received", "given", "balance", "held").rows() == [
        ("CNY", "budget", 0, 1_000, -1_000, 0),
        ("CNY", "centre", 250, 20, 230, 0),
        ("CNY", "firm", 1_020, 250, 770, 300),
        ("seat:course", "seats", 0, 4, -4, 0),
        ("seat:course", "seats-used", 4, 0, 4, 0),
    ]
    assert totals_of(trial).select("unit", "accounts", "balance").rows() == [("CNY", 3, 0), ("seat:course", 2, 0)]
    before = trial_balance(date(2026, 11, 24), actor=cast.ann)
    assert before.select("account", "balance", "held").rows() == [("budget", -1_000, 0), ("firm", 1_000, 600)]
    assert trial_balance(date(2020, 1, 1), actor=cast.ann).is_empty()


def test_a_running_balance_of_many_entries_is_their_sum() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [(n, moment, "post", "x", (-1) ** n * (n % 7), 0, "", f"k{n}", "{}") for n in range(100_000)]
    frame = run_balance(rows, (5, 0))
    assert frame["balance"][-1] == 5 + sum(row[4] for row in rows)


class TestTraces:
    def test_every_fen_of_a_pot_to_its_job(self, deal: Deal) -> None:
        deal.signed()
        for key, wall_s in (("job", 61.0), ("other", 7.0)):
            deal.engine.wall_s = wall_s
            deal.submit(key)
            deal.finish(key)
        before = trace("xunli:2026", actor=deal.cast.olive)
        assert before.money is not None
        assert before.money.adds_up
        assert (before.money.captured, before.rows.height) == (0, 0)
        assert before.money.held > 0
        deal.settle()
        found = trace("xunli:2026", actor=deal.cast.olive)
        paid = Account.objects.get(code="CNY:voucher:voucher")
        captured = Transfer.objects.get(kind="capture", debit_account=paid).amount
        assert found.rows["fen"].sum() == captured == found.money.captured  # type: ignore[union-attr]
        assert (found.money.came_in, found.money.in_pot, found.money.held) == (1_000_000, 950_000, 0)  # type: ignore[union-attr]
        assert found.money.adds_up  # type: ignore[union-attr]
        # Minutes begun are billed whole.
        assert found.rows.select("voucher", "job", "quantity").rows() == [
            ("voucher", "job", 120),
            ("voucher", "other", 60),
        ]
        assert found.rows["fen"].to_list() == [round(captured * 120 / 180), round(captured * 60 / 180)]

    def test_back_from_a_job_to_the_pot_and_the_own_share(self, deal: Deal) -> None:
        deal.signed()
        deal.submit()
        deal.finish()
        bill = deal.settle()
        rows = trace("job", actor=deal.cast.alice).rows
        assert rows.select("pot", "account", "fen").rows() == [
            ("xunli:2026", "CNY:voucher:voucher", bill.voucher_fen), (None, "CNY:own-share:n-firm", bill.own_fen)
        ]  # fmt: skip
        assert rows["hold"].to_list() == ["sign:deal:1:voucher", "sign:deal:1:own"]
        Organisation.objects.update(origin=Origin.PACK)
        assert trace("job", actor=deal.cast.alice).rows["generated"].to_list() == [False, False]
        for made_up in (deal.cast.firm, deal.cast.centre):
            Organisation.objects.update(origin=Origin.PACK)
            Organisation.objects.filter(pk=made_up.pk).update(origin=Origin.GENERATED)
            assert trace("job", actor=deal.cast.alice).rows["generated"].to_list() == [True, True]

    def test_from_any_transfer(self, deal: Deal) -> None:
        deal.signed()
        deal.submit()
        deal.finish()
        bill = deal.settle()
        sums = {
            key: trace(key, actor=deal.cast.olive).rows["fen"].sum()
            for key in Transfer.objects.values_list("idempotency_key", flat=True)
        }
        voucher, own = bill.voucher_fen, bill.own_fen
        assert sums == {
            "pot:xunli:2026": voucher, "voucher:voucher": voucher, "sign:deal:1:voucher": voucher,
            "sign:deal:1:own:commit": own, "sign:deal:1:own": own,
            "settle:deal:1:final:voucher:capture": voucher, "settle:deal:1:final:voucher:release": voucher,
            "settle:deal:1:final:own:capture": own, "settle:deal:1:final:own:release": own,
            "settle:deal:1:final:used": voucher + own,
        }  # fmt: skip

    def test_what_a_dispute_gave_back(self, deal: Deal) -> None:
        court = Court(deal)
        court.charge(days=1)
        paid = trace("xunli:2026", actor=deal.cast.olive)
        court.open()
        court.resolve(1_800)
        found = trace("xunli:2026", actor=deal.cast.olive)
        assert found.money is not None
        assert found.money.adds_up
        assert found.rows["fen"].sum() == found.money.captured < paid.money.captured  # type: ignore[union-attr]
        assert found.rows["fen"].min() < 0  # type: ignore[operator]

    def test_true_ups_and_what_is_returned(self, deal: Deal) -> None:
        deal.signed()
        deal.submit()
        deal.finish()
        deal.settle()
        again(deal, 40_000)
        vouchers.return_expired_vouchers(as_of=date(2027, 1, 1), actor=deal.cast.olive, now=deal.now)
        money = trace("xunli:2026", actor=deal.cast.olive).money
        assert money is not None
        assert money.adds_up
        assert (money.in_vouchers, money.in_pot + money.captured) == (0, money.came_in)

    def test_only_ones_own(self, deal: Deal) -> None:
        deal.signed()
        deal.submit()
        deal.finish()
        deal.settle()
        assert trace("xunli:2026", actor=deal.cast.charlie).rows.is_empty()
        assert trace("xunli:2026", actor=deal.cast.charlie).money is None
        assert trace("xunli:2026", actor=deal.cast.alice).rows.height == 1
        for key in ("job", "voucher", "settle:deal:1:final:own:capture", "nothing"):
            with pytest.raises(NotFound, match="no pot, voucher, job or transfer"):
                trace(key, actor=deal.cast.charlie)


@given(st.lists(st.tuples(st.integers(1, 10**16), st.lists(st.integers(0, 10**9), max_size=6)), min_size=1, max_size=5))
def test_shares_of_captures_sum_to_them(given_captures: list[tuple[int, list[int]]]) -> None:
    amounts = [amount for amount, _ in given_captures]
    paid = [(n, None, None, "a", "h", f"c{n}", "deal", n, "final", amount, False) for n, amount in enumerate(amounts)]
    captures = pl.DataFrame(paid, schema=CAPTURES, orient="row")
    names = ("agreement", "line", "settlement", "reading", "job", "delivery", "quantity", "unit")
    read = [
        ("deal", n, "final", f"r{m}", None, None, quantity, "s")
        for n, (_, quantities) in enumerate(given_captures)
        for m, quantity in enumerate(quantities)
    ]
    charged = pl.DataFrame(read, schema={name: TRACE[name] for name in names}, orient="row")
    shared = share_captures(captures, charged)
    for n, (amount, quantities) in enumerate(given_captures):
        rows = shared.filter(pl.col("capture") == f"c{n}")
        assert rows["fen"].sum() == amount
        assert rows.height == max(1, len(quantities))
        total = sum(quantities)
        for fen, quantity in rows.select("fen", "quantity").rows():
            if total:
                assert abs(fen * total - amount * quantity) < total

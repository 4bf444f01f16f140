"""A bank's reports on orders (pain.002): taken in, refused, in part; half a file, replayed, reordered, of others."""

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from exchange_deal import Deal
from exchange_payments import Desk
from hypothesis import given
from hypothesis import strategies as st

from siwei.errors import Conflict, ImportRefused, NotAllowed
from siwei.exchange.digest import digest
from siwei.exchange.models import Account, Event, PaymentBatch, PaymentOrder, StatusFile, StatusLine
from siwei.exchange.payments import payment_orders
from siwei.exchange.payments.statement_imports import import_statement
from siwei.exchange.payments.status_reports import import_status_report
from siwei.exchange.trading.payments_due import payments_due
from siwei.market.bank import Word, read_pain002

SPACE = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"


def single(order: str, status: str, reason: str = "", amount: str = "", currency: str = "CNY") -> str:
    because = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn><AddtlInf>账号户名不符</AddtlInf></StsRsnInf>" if reason else ""
    told = f'<OrgnlTxRef><Amt><InstdAmt Ccy="{currency}">{amount}</InstdAmt></Amt></OrgnlTxRef>' if amount else ""
    ids = f"<OrgnlInstrId>{order}</OrgnlInstrId><OrgnlEndToEndId>{order}</OrgnlEndToEndId>"
    return f"<TxInfAndSts>{ids}<TxSts>{status}</TxSts>{because}{told}</TxInfAndSts>"


def report(message: str, *singles: str, group: str = "PART", payment: str = "", space: str = SPACE) -> bytes:
    of_group = f"<GrpSts>{group}</GrpSts>" if group else ""
    of_payment = f"<PmtInfSts>{payment}</PmtInfSts>" if payment else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{space}"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>B1</MsgId></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId>"
        f"<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{of_group}</OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{message}</OrgnlPmtInfId>{of_payment}{''.join(singles)}"
        "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


class Reports:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.batch: PaymentBatch = desk.exported()
        self.id = f"{self.batch.message_id}-1"

    def give(self, content: bytes, holder: str | None = None, actor: Any = None, name: str = "r.xml") -> StatusFile:
        who = actor or self.desk.cast.olive
        return import_status_report(holder, content, name, actor=who, now=self.desk.now)

    def said(self, status: str, **more: str) -> StatusFile:
        return self.give(report(self.batch.message_id, single(self.id, status, **more)))

    @property
    def order(self) -> PaymentOrder:
        return payment_orders.find_order(self.id, self.desk.cast.olive)

    def state(self) -> tuple[str, int, int]:
        held = Account.objects.get(code="CNY:receivable:n-centre").held
        return self.order.state, held, sum(each.amount_fen for each in payments_due(None))

    def paid(self) -> None:
        text = (
            "交易日期,借方金额,贷方金额,对方户名,对方账号,流水号,客户流水号,摘要\n"
            f"2026-11-25,7.19,,{self.desk.cast.centre.name},{self.order.creditor.number},L1,{self.id},\n"
        )
        import_statement(None, text.encode(), "s.csv", actor=self.desk.cast.olive, now=self.desk.now)


@pytest.fixture
def reports(deal: Deal) -> Reports:
    desk = Desk(deal)
    desk.settle()
    desk.accounts()
    return Reports(desk)


def outcomes() -> list[tuple[str, str]]:
    return list(StatusLine.objects.order_by("file", "position").values_list("code", "outcome"))


def test_what_is_taken_in_is_noted_and_moves_nothing(reports: Reports) -> None:
    before = reports.state()
    reports.said("ACSP", amount="7.19")
    assert (outcomes(), reports.state(), before) == ([("ACSP", "noted")], ("ordered", 719, 0), before)
    reports.paid()
    assert reports.state() == ("paid", 0, 0)


def test_what_is_refused_is_due_again_with_its_reason(reports: Reports) -> None:
    reports.said("RJCT", reason="AC01", amount="7.19")
    assert (reports.state(), reports.order.reason) == (("rejected", 0, 719), "RJCT AC01 账号户名不符")
    event = Event.objects.get(action="reject_order")
    assert reports.desk.cast.centre in event.organisations.all()
    again = reports.desk.exported(key="again")
    assert (again.total_fen, reports.state()) == (719, ("rejected", 719, 0))


@pytest.mark.parametrize("given", [{"group": "RJCT"}, {"group": "", "payment": "RJCT"}, {"group": "CANC"}])
def test_a_whole_batch_is_refused(reports: Reports, given: dict[str, str]) -> None:
    reports.give(report(reports.batch.message_id, **given))
    assert reports.state() == ("rejected", 0, 719)


def test_an_order_named_is_an_exception_to_what_is_said_of_all(reports: Reports) -> None:
    reports.give(report(reports.batch.message_id, single(reports.id, "ACCP"), group="RJCT"))
    assert reports.state() == ("ordered", 719, 0)


def test_replayed_renamed_and_reordered_reports_change_nothing_more(reports: Reports) -> None:
    first = reports.said("RJCT", reason="AC01")
    before = digest()["sha256"]
    assert reports.said("RJCT", reason="AC01") == first
    assert digest()["sha256"] == before
    reports.said("RJCT", reason="AC04")
    reports.said("ACCP")
    assert outcomes() == [("RJCT", "rejected"), ("RJCT", "unchanged"), ("ACCP", "unchanged")]
    assert (reports.state(), Event.objects.filter(action="reject_order").count()) == (("rejected", 0, 719), 1)


def test_a_report_never_undoes_what_a_statement_said(reports: Reports) -> None:
    reports.paid()
    reports.said("RJCT", reason="AC01")
    assert (outcomes(), reports.state()) == ([("RJCT", "unchanged")], ("paid", 0, 0))


def test_paid_although_refused_stands_as_a_difference(reports: Reports) -> None:
    reports.said("RJCT", reason="AC01")
    reports.paid()
    assert reports.state() == ("rejected", 0, 719)
    assert Account.objects.get(code="CNY:bank-difference:city").balance == -719


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"amount": "7.20"}, "¥7.20"),
        ({"amount": "7.19", "currency": "USD"}, "in USD"),
        ({"amount": "9" * 40}, ""),
        ({"amount": "-7.19"}, "−¥7.19"),
        ({"amount": "0.001"}, ""),
        ({"amount": "NaN"}, ""),
    ],
)
def test_wrong_amounts_are_kept_with_their_reason(reports: Reports, status: dict[str, str], words: str) -> None:
    reports.said("RJCT", **status)
    line = StatusLine.objects.get()
    assert (line.outcome, words in line.reason, reports.state()) == ("not-taken", True, ("ordered", 719, 0))


def test_orders_of_elsewhere_and_codes_that_are_unknown(reports: Reports) -> None:
    other = single(f"{reports.batch.message_id}-99", "RJCT")
    unknown, none = single(reports.id, "WHAT"), single("", "RJCT")
    reports.give(report(reports.batch.message_id, other, unknown, none, group="RJCT"))
    assert [each for _code, each in outcomes()] == ["not-taken"] * 3
    assert reports.state() == ("ordered", 719, 0)


def test_whose_report_it_is(reports: Reports) -> None:
    content = report(reports.batch.message_id, group="RJCT")
    for actor in (reports.desk.cast.charlie, reports.desk.cast.bob, reports.desk.cast.ann, reports.desk.fay):
        with pytest.raises(NotAllowed):
            reports.give(content, actor=actor)
    with pytest.raises(ImportRefused, match="no batch of this payer"):
        reports.give(content, holder="n-firm", actor=reports.desk.fay)
    with pytest.raises(ImportRefused, match="no batch of this payer"):
        reports.give(report("SW20261124-00000000"))
    assert (StatusFile.objects.count(), reports.state()[0]) == (0, "ordered")
    seen = [StatusFile.objects.visible_to(each).count() for each in (reports.desk.cast.bob, reports.desk.cast.ann)]
    reports.give(content)
    assert (seen, StatusFile.objects.visible_to(reports.desk.cast.charlie).count()) == ([0, 0], 0)
    assert StatusLine.objects.visible_to(reports.desk.cast.ann).count() == 1


def test_one_that_did_not_go_to_the_bank_has_no_report(deal: Deal) -> None:
    desk = Desk(deal)
    desk.settle()
    desk.accounts()
    batch = desk.approved()
    with pytest.raises(ImportRefused, match="no batch"):
        import_status_report(None, report(batch.message_id, group="RJCT"), "r", actor=desk.cast.olive, now=desk.now)


@given(end=st.integers(0, 900))
def test_half_a_file_says_no_more_than_what_is_whole_in_it(end: int) -> None:
    content = report("M", single("M-1", "ACCP"), single("M-2", "RJCT", "AC01"), group="RJCT")
    try:
        found = read_pain002(content[:end], "half.xml")
    except ImportRefused:
        return
    assert {(each.end_to_end_id, each.word) for each in found.statuses} <= {
        ("M-1", Word.ACCEPTED), ("M-2", Word.REJECTED)
    }  # fmt: skip
    assert found.is_whole == (end >= len(content))


def test_half_a_report_of_the_whole_batch_refuses_nothing(reports: Reports) -> None:
    content = report(reports.batch.message_id, group="RJCT")
    file = reports.give(content[: content.index(b"</OrgnlPmtInfAndSts>")])
    assert (file.is_whole, reports.state()) == (False, ("ordered", 719, 0))
    reports.give(content)
    assert reports.state() == ("rejected", 0, 719)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"<Document/>", report("M", space="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"),
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + report("M")[38:], b"<a>" * 10_000,
        report("M").replace(b"<OrgnlMsgId>M</OrgnlMsgId>", b""), report("M") + b" " * 9_000_000,
    ],
)  # fmt: skip
def test_what_is_no_such_file_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_pain002(content, "x.xml")
    assert "Traceback" not in str(refused.value)


def test_an_order_edited_after_the_first_approval_goes_nowhere(deal: Deal) -> None:
    desk = Desk(deal)
    desk.settle()
    desk.accounts()
    batch = desk.make()
    desk.approve(batch, desk.otto)
    order = desk.order(batch)
    for changed in ({"amount_fen": 1}, {"creditor_id": batch.debtor_id}, {"payee_id": desk.cast.firm.pk}):
        with pytest.raises(DatabaseError), transaction.atomic():
            PaymentOrder.objects.filter(pk=order.pk).update(**changed)
    with pytest.raises(Conflict, match="not what you were shown"):
        desk.approve(batch, desk.oscar, "0" * 64)
    assert desk.approve(batch, desk.oscar).state == "approved"


def test_clocks_that_jump_lose_nothing(reports: Reports) -> None:
    right = reports.desk.now
    reports.desk.now = right.replace(year=2019)
    with pytest.raises(Conflict, match="it came later"):
        reports.said("RJCT", reason="AC01")
    assert (StatusFile.objects.count(), reports.state()) == (0, ("ordered", 719, 0))
    reports.desk.now = right.replace(year=2035)
    reports.said("RJCT", reason="AC01")
    reports.desk.now = right
    reports.said("ACCP")
    assert (outcomes()[1], reports.state()) == (("ACCP", "unchanged"), ("rejected", 0, 719))

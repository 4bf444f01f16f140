"""Paying and being paid by pages and by the API; and that outsiders see and do nothing of it."""

import base64
import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from openpyxl import load_workbook
from portal_city import NOW, City, make_organisation, make_person, signed_in
from pypdf import PdfReader

from siwei.exchange.actors import Role
from siwei.exchange.models import (
    Agreement,
    BankEntry,
    Dispute,
    Invoice,
    PaymentBatch,
    PaymentOrder,
    PaymentPart,
    Person,
    Usage,
)
from siwei.exchange.payments.invoices import find_invoice, issue_invoices
from siwei.exchange.trading.overpayments import take_back
from siwei.portal.settlement_papers import invoice_file

FIRM, CENTRE = "n-00000000000000aa", "n-00000000000000bb"
NUMBERS = {"city": "40000211092", FIRM: "755900012310", CENTRE: "44201501100052500001"}
CODE = "105584000021"
HEADINGS = "交易日期,借方金额,贷方金额,对方户名,对方账号,流水号,客户流水号,摘要\n"


def act(client: Client, name: str, key: str, /, **given: Any) -> Any:
    return client.post(f"/acts/{name}", {"key": key, "token": f"t-{name}-{key}-{sorted(given)}", **given})


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, (address, response.status_code)
    return response.content.decode()


@pytest.fixture
def settled(dealt: City) -> City:
    for name in ("otto", "oscar"):
        make_person(name, is_operator=True)
    for name in ("fay", "finn"):
        make_person(name, dealt.firm, Role.FINANCE)
    return dealt


def client_of(city: City, name: str) -> Client:
    return signed_in(Person.objects.get(username=name).as_actor())


def enter_accounts(city: City) -> None:
    for name, key, holder in (("olive", "city", "示例市财政专户"), ("bob", CENTRE, city.centre.name)):
        given = {"name": holder, "account": NUMBERS[key], "bank_code": CODE, "bank_name": "示例银行"}
        assert act(client_of(city, name), "bank_account", key, **given).status_code == 302


def exported(city: City) -> PaymentBatch:
    """By forms alone: due → batch → two approvals → files."""
    enter_accounts(city)
    olive = client_of(city, "olive")
    assert city.centre.name in page(olive, "/payments")
    response = act(olive, "order", "city", starts_on="2026-11-24")
    batch = PaymentBatch.objects.get()
    assert response.headers["Location"] == f"/payments/{batch.message_id}"
    for name in ("otto", "oscar"):
        shown = page(client_of(city, name), f"/payments/{batch.message_id}")
        (sha256,) = re.findall(r'name="text" value="([0-9a-f]{64})"', shown)
        assert act(client_of(city, name), "approve_batch", batch.message_id, text=sha256).status_code == 302
    assert act(olive, "export_batch", batch.message_id).status_code == 302
    batch.refresh_from_db()
    return batch


def test_a_batch_waits_for_those_alone_who_may_approve_it(settled: City) -> None:
    make_person("mia", settled.firm, Role.MEMBER)
    enter_accounts(settled)
    alice = client_of(settled, "alice")
    given = {"name": settled.firm.name, "account": NUMBERS[FIRM], "bank_code": CODE, "bank_name": "示例银行"}
    assert act(alice, "bank_account", FIRM, **given).status_code == 302
    assert act(alice, "order", FIRM, starts_on="2026-11-24").status_code == 302
    batch = PaymentBatch.objects.get()

    def told(name: str) -> tuple[bool, bool, bool]:
        client = client_of(settled, name)
        shown = page(client, f"/payments/{batch.message_id}")
        return "1 批付款待批准" in page(client, "/desk"), "/acts/approve_batch" in shown, "/acts/withdraw" in shown

    nothing = (False, False, False)
    assert (told("fay"), told("mia"), told("olive")) == ((True, True, True), nothing, nothing)
    assert (
        act(client_of(settled, "fay"), "approve_batch", batch.message_id, text=batch.content_sha256).status_code == 302
    )
    assert (told("fay"), told("finn"), told("alice")) == (
        (False, False, True),
        (True, True, True),
        (False, False, True),
    )


def statement_of(batch: PaymentBatch, fen: str = "7.19") -> bytes:
    identifier = f"{batch.message_id}-1"
    return (
        f"{HEADINGS}2026-11-24,{fen},,乙智算中心,{NUMBERS[CENTRE]},B-1,{identifier},\n"
        "2026-11-24,5.00,,<b>银行</b>,,B-2,,手续费\n2026-11-24,五元,,甲,,B-3,,\n"
    ).encode()


def test_from_due_to_confirmed_by_forms(settled: City) -> None:
    batch = exported(settled)
    olive = client_of(settled, "olive")
    first = olive.get(f"/payments/{batch.message_id}/pain001").content
    assert NUMBERS[CENTRE].encode() in first and olive.get(f"/payments/{batch.message_id}/pain001").content == first
    response = olive.post("/differences", {"holder": "city", "file": io.BytesIO(statement_of(batch))})
    assert response.status_code == 302
    assert PaymentOrder.objects.get().state == "paid"
    again = olive.post("/differences", {"holder": "city", "file": io.BytesIO(statement_of(batch))}, follow=True)
    assert "此前已导入" in again.content.decode()
    assert "仅向管理该账户资金的人" in page(signed_in(make_person("mia", settled.firm, Role.MEMBER)), "/differences")
    shown = page(olive, "/differences")
    assert "&lt;b&gt;银行" in shown and "“五元”不是金额" in shown
    account = BankEntry.objects.get(reference="B-2").account_number
    assert act(olive, "explain_entry", "B-2", account=account, text="手续费").status_code == 302
    assert BankEntry.objects.get(reference="B-2").state == "explained"
    assert "1 / 1" in page(olive, "/payments")
    assert f"{batch.message_id}-1" in page(client_of(settled, "bob"), "/payments")


def test_the_firm_sees_and_pays_its_own_share(settled: City) -> None:
    enter_accounts(settled)
    fay = client_of(settled, "fay")
    given = {"name": settled.firm.name, "account": NUMBERS[FIRM], "bank_code": CODE}
    assert act(fay, "bank_account", FIRM, **given).status_code == 302
    assert "…2310" in page(fay, "/payments") and NUMBERS[FIRM] not in page(fay, "/payments")
    assert act(fay, "order", FIRM, starts_on="2026-11-24").status_code == 302
    batch = PaymentBatch.objects.get()
    assert act(fay, "approve_batch", batch.message_id, text=batch.content_sha256).status_code == 409
    for name in ("alice", "finn"):
        assert (
            act(client_of(settled, name), "approve_batch", batch.message_id, text=batch.content_sha256).status_code
            == 302
        )
    assert act(fay, "export_batch", batch.message_id).status_code == 302
    assert client_of(settled, "fay").get(f"/payments/{batch.message_id}/csv").status_code == 200


def test_outsiders_see_nothing_of_it(settled: City) -> None:
    batch = exported(settled)
    issue_invoices(CENTRE, f"{NOW:%Y-%m}", actor=settled.bob, now=NOW)
    ones = (
        f"/payments/{batch.message_id}", f"/payments/{batch.message_id}/pain001", f"/invoices/{CENTRE}/1",
        f"/invoices/{CENTRE}/1/file.pdf", f"/organisations/{FIRM}/statements/2026-11.pdf",
        f"/api/payments/batches/{batch.message_id}", f"/api/payments/batches/{batch.message_id}/file",
        f"/api/invoices/{CENTRE}/1", f"/api/invoices/{CENTRE}/1/file", f"/api/organisations/{FIRM}/statements/2026-11",
    )  # fmt: skip
    lists = ("/payments", "/differences", "/invoices", "/api/payments/due", "/api/payments/batches",
             "/api/payments/differences", "/api/invoices")  # fmt: skip
    for client, refused in ((signed_in(settled.charlie), (403, 404)), (Client(), (302, 401, 403, 404))):
        for address in ones:
            assert client.get(address).status_code in refused, address
        for address in lists:
            response = client.get(address)
            told = response.content.decode()
            assert response.status_code in (200, 302, 401), address
            hidden = (batch.message_id, NUMBERS[CENTRE], NUMBERS["city"], "7.19", '"amount_fen": 719', "JS-2026")
            assert not any(each in told for each in hidden), address
        given = {"holder": "city", "name": "x", "content": base64.b64encode(statement_of(batch)).decode()}
        sent = client.post("/api/payments/statements", given, content_type="application/json")
        assert sent.status_code in (401, 403)
        form = {"holder": "city", "file": io.BytesIO(statement_of(batch))}
        assert client.post("/differences", form).status_code in (302, 403)
    assert not BankEntry.objects.exists()
    for address in ones:
        assert signed_in(settled.ann).get(address).status_code == 200, address
    given = {"holder": "city", "file": io.BytesIO(statement_of(batch))}
    assert signed_in(settled.ann).post("/differences", given).status_code == 403


def test_the_api_says_what_the_pages_say(settled: City) -> None:
    enter_accounts(settled)
    olive = client_of(settled, "olive")
    due = olive.get("/api/payments/due").json()
    assert [(each["payer"], each["payee"], each["amount_fen"], each["hindrance"]) for each in due] == [
        ("city", CENTRE, 719, ""), (FIRM, CENTRE, 481, "")
    ]  # fmt: skip
    body = {"key": "city", "idempotency_key": "pay", "starts_on": "2026-11-24"}
    made = olive.post("/api/acts/order", body, content_type="application/json").json()["made"]
    batch = olive.get(f"/api/payments/batches/{made}").json()
    assert (batch["state"], batch["orders"], batch["items"][0]["causes"]) == ("open", 1, ["settlement:deal:final:1"])
    for name in ("otto", "oscar"):
        body = {"key": made, "idempotency_key": "a", "text": batch["content_sha256"]}
        sent = client_of(settled, name).post("/api/acts/approve_batch", body, content_type="application/json")
        assert sent.status_code == 200
    body = {"key": made, "idempotency_key": "e"}
    assert olive.get(f"/api/payments/batches/{made}/file").status_code == 404
    assert olive.post("/api/acts/export_batch", body, content_type="application/json").status_code == 200
    file = olive.get(f"/api/payments/batches/{made}/file").json()
    assert b"pain.001.001.09" in base64.b64decode(file["content"])
    content = base64.b64encode(statement_of(PaymentBatch.objects.get())).decode()
    given = {"holder": "city", "name": "流水.csv", "content": content}
    for _ in range(2):
        told = olive.post("/api/payments/statements", given, content_type="application/json").json()
        assert (told["read"], told["added"], told["rejected"]) == (2, 2, 1)
    found = olive.get("/api/payments/differences").json()
    assert [(each["finding"], each["amount_fen"]) for each in found["waiting"]] == [("not-ordered", 500)]
    assert found["rejects"][0]["reason"] == "'五元' is not an amount"
    wrong = olive.post("/api/payments/statements", given | {"content": "%"}, content_type="application/json")
    assert wrong.status_code == 400


def test_an_invoice_in_every_form_and_language(settled: City) -> None:
    bob = client_of(settled, "bob")
    assert act(bob, "issue", CENTRE, period=f"{NOW:%Y-%m}").status_code == 302
    invoice = Invoice.objects.get()
    shown = page(bob, f"/invoices/{CENTRE}/1")
    assert 'href="/agreements/deal"' in shown and "¥12.00" in shown and "job" in shown
    words = {"zh-hans": ("结算单", "不是发票"), "en": ("Settlement statement", "not a tax invoice")}
    for language, wanted in words.items():
        content = bob.get(f"/invoices/{CENTRE}/1/file.pdf?language={language}").content
        text = "".join(each.extract_text() for each in PdfReader(io.BytesIO(content)).pages).replace("\n", "")
        assert all(each in text for each in (*wanted, "12.00", invoice.name))
        assert content == invoice_file(invoice, "pdf", language)
    rows = list(
        csv.reader(io.StringIO(bob.get(f"/invoices/{CENTRE}/1/file.csv?language=en").content.decode("utf-8-sig")))
    )
    told = dict(zip(rows[0], rows[1], strict=True))
    assert (told["In all (yuan)"], told["Voucher (yuan)"], told["Own share (yuan)"]) == ("12.00", "7.19", "4.81")
    assert told["Reading or delivery"].startswith("reading ")
    book = load_workbook(io.BytesIO(bob.get(f"/invoices/{CENTRE}/1/file.xlsx").content))
    assert book.active is not None and book.active.max_row == 2
    heading, row = book.active.iter_rows(values_only=True)
    amounts = dict(zip(heading, row, strict=True))
    assert [amounts[f"{name}（元）"] for name in ("合计", "券付", "自付")] == [12, 7.19, 4.81]
    paper = "".join(
        each.extract_text() for each in PdfReader(io.BytesIO(bob.get(f"/invoices/{CENTRE}/1/file.pdf").content)).pages
    )
    assert ("no credit code" in paper, "统一社会信用代码不详" in paper.replace("\n", "")) == (False, True)
    assert bob.get(f"/invoices/{CENTRE}/1/file.docx").status_code == 400
    assert bob.get(f"/invoices/{CENTRE}/1/file.pdf?language=fr").status_code == 400
    assert act(bob, "tax_number", CENTRE, number="1", text="26442000000123456789").status_code == 302
    assert "26442000000123456789" in page(client_of(settled, "alice"), f"/invoices/{CENTRE}/1")


def test_a_statement_of_account_adds_up(settled: City) -> None:
    batch = exported(settled)
    olive = client_of(settled, "olive")
    olive.post("/differences", {"holder": "city", "file": io.BytesIO(statement_of(batch))})
    bob = client_of(settled, "bob")
    content = bob.get(f"/organisations/{CENTRE}/statements/2026-11.csv?language=en").content.decode("utf-8-sig")
    rows = [(row["Kind"], row["With whom"], row["In all (yuan)"]) for row in csv.DictReader(io.StringIO(content))]
    assert rows == [("Provided", settled.firm.name, "12.00"), ("Received", "the city", "7.19")]
    content = bob.get(f"/organisations/{CENTRE}/statements/2026-11.csv?language=zh-hant").content.decode("utf-8-sig")
    rows = [(row["類型"], row["合計（元）"]) for row in csv.DictReader(io.StringIO(content))]
    assert rows == [("提供", "12.00"), ("收款", "7.19")]
    for form in ("pdf", "xlsx"):
        assert bob.get(f"/organisations/{CENTRE}/statements/2026-11.{form}").status_code == 200
    assert bob.get(f"/organisations/{CENTRE}/statements/2026-99.pdf").status_code == 400


def test_a_reading_on_paper_is_of_the_citys_day(dealt: City) -> None:
    """Five in the afternoon of Greenwich is past midnight in the city."""
    Usage.objects.update(recorded_at=datetime(2026, 11, 23, 17, 0, tzinfo=UTC))
    issue_invoices(CENTRE, f"{NOW:%Y-%m}", actor=dealt.bob, now=NOW)
    content = invoice_file(find_invoice(CENTRE, 1, dealt.bob), "pdf", "en")
    text = "".join(each.extract_text() for each in PdfReader(io.BytesIO(content)).pages)
    assert "2026-11-24" in text[text.index("What the lines are made of") :]


def test_made_up_parties_are_labelled_on_paper(dealt: City) -> None:
    dealt.centre.origin = "generated"
    dealt.centre.save()
    issue_invoices(CENTRE, f"{NOW:%Y-%m}", actor=dealt.bob, now=NOW)
    content = invoice_file(find_invoice(CENTRE, 1, dealt.bob), "pdf", "en")
    assert "Generated data" in "".join(each.extract_text() for each in PdfReader(io.BytesIO(content)).pages)
    table = invoice_file(find_invoice(CENTRE, 1, dealt.bob), "csv", "en").decode("utf-8-sig")
    assert table.splitlines()[1].endswith("true")


def test_a_file_too_large_or_none_is_refused(settled: City) -> None:
    olive = client_of(settled, "olive")
    assert olive.post("/differences", {"holder": "city"}).status_code == 400
    assert olive.post("/differences", {"holder": "city", "file": io.BytesIO(b"x")}).status_code == 409
    make_organisation("n-00000000000000dd", "丁公司")
    enter_accounts(settled)
    assert olive.post("/differences", {"holder": "city", "file": io.BytesIO(b"x,y\n")}).status_code == 400
    assert olive.post("/differences", {"holder": "n-none", "file": io.BytesIO(b"x,y\n")}).status_code == 404


def refusal_of(batch: PaymentBatch) -> bytes:
    identifier = f"{batch.message_id}-1"
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><OrgnlGrpInfAndSts>'
        f"<OrgnlMsgId>{batch.message_id}</OrgnlMsgId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts>"
        f"<TxInfAndSts><OrgnlEndToEndId>{identifier}</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC01</Cd>"
        "</Rsn><AddtlInf>户名 &lt;不符&gt;</AddtlInf></StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt>"
        "</Document>"
    ).encode()


def test_what_the_bank_refused_stands_on_the_batch(settled: City) -> None:
    batch = exported(settled)
    given = io.BytesIO(refusal_of(batch))
    given.name = "pain002.xml"
    olive = client_of(settled, "olive")
    for name in ("charlie", "bob", "ann"):
        client = client_of(settled, name)
        sent = {"holder": "city", "name": "r", "content": base64.b64encode(refusal_of(batch)).decode()}
        assert client.post("/api/payments/reports", sent, content_type="application/json").status_code == 403
    response = olive.post("/differences", {"holder": "city", "file": given})
    assert response.headers["Location"] == f"/payments/{batch.message_id}"
    shown = page(olive, f"/payments/{batch.message_id}")
    assert ("AC01 户名 &lt;不符&gt;" in shown, PaymentOrder.objects.get().state) == (True, "rejected")
    (told,) = olive.get(f"/api/payments/batches/{batch.message_id}/reports").json()
    assert [(each["code"], each["outcome"]) for each in told["lines"]] == [("RJCT", "rejected")]
    address = f"/api/payments/batches/{batch.message_id}/reports"
    assert client_of(settled, "charlie").get(address).status_code == 404
    again = {"holder": "city", "name": "r", "content": base64.b64encode(refusal_of(batch)).decode()}
    assert olive.post("/api/payments/reports", again, content_type="application/json").json() == told
    wrong = olive.post("/api/payments/reports", again | {"content": "!"}, content_type="application/json")
    assert wrong.status_code == 400


def test_the_rest_of_an_order_is_decided_on_its_page(settled: City) -> None:
    batch = exported(settled)
    identifier = f"{batch.message_id}-1"
    olive, otto, oscar = (client_of(settled, name) for name in ("olive", "otto", "oscar"))
    olive.post("/differences", {"holder": "city", "file": io.BytesIO(statement_of(batch, "7.00"))})
    olive.post("/differences", {"holder": "city", "file": report_of(batch, "PDNG")})
    refused = act(olive, "order_rest", identifier, text="少付")
    assert (refused.status_code, "余款仍可能支付" in refused.content.decode()) == (409, True)
    olive.post("/differences", {"holder": "city", "file": report_of(batch, "RJCT")})
    shown = page(olive, f"/payments/{batch.message_id}")
    assert "/acts/order_rest" in shown and "/acts/write_off" in shown
    for name in ("alice", "bob", "charlie", "ann"):
        client = client_of(settled, name)
        for each in ("order_rest", "write_off", "withdraw_write_off", "approve_write_off"):
            assert act(client, each, identifier, text="x", amount="19").status_code in (403, 404)
    assert act(olive, "write_off", identifier, text="<b>不再</b>支付").status_code == 302
    assert act(olive, "approve_write_off", identifier, amount="19").status_code == 409
    shown = page(otto, f"/payments/{batch.message_id}")
    assert "&lt;b&gt;不再" in shown and "/acts/approve_write_off" in shown and "/acts/order_rest" not in shown
    assert act(otto, "withdraw_write_off", identifier, text="再付").headers["Location"].endswith(batch.message_id)
    assert act(olive, "write_off", identifier, text="不再支付", again="1").status_code == 302
    for client in (otto, oscar):
        assert act(client, "approve_write_off", identifier, amount="19").status_code == 302
    told = olive.get(f"/api/payments/batches/{batch.message_id}").json()["items"][0]
    assert (told["state"], [(each["state"], each["approvals"]) for each in told["rests"]]) == (
        "ended", [("withdrawn", 0), ("written-off", 2)]
    )  # fmt: skip
    assert "不再支付" in page(olive, f"/payments/{batch.message_id}")


def test_a_rest_ordered_anew_stands_in_the_next_batch(settled: City) -> None:
    batch = exported(settled)
    identifier = f"{batch.message_id}-1"
    olive = client_of(settled, "olive")
    olive.post("/differences", {"holder": "city", "file": io.BytesIO(statement_of(batch, "7.00"))})
    olive.post("/differences", {"holder": "city", "file": report_of(batch, "RJCT")})
    body = {"key": identifier, "idempotency_key": "rest", "text": "少付"}
    assert olive.post("/api/acts/order_rest", body, content_type="application/json").status_code == 200
    due = olive.get("/api/payments/due").json()
    assert [(each["payer"], each["amount_fen"]) for each in due] == [("city", 19), (FIRM, 481)]
    response = act(olive, "order", "city", starts_on="2026-11-25", again="1")
    made = response.headers["Location"].rpartition("/")[2]
    assert f'href="/payments/{batch.message_id}">{identifier}' in page(olive, f"/payments/{made}")
    (order,) = olive.get(f"/api/payments/batches/{made}").json()["items"]
    assert (order["amount_fen"], order["causes"]) == (19, [f"rest:{identifier}"])


def report_of(batch: PaymentBatch, status: str) -> io.BytesIO:
    given = io.BytesIO(refusal_of(batch).replace(b"RJCT", status.encode()))
    given.name = "pain002.xml"
    return given


def test_a_part_that_came_back_is_booked_on_the_differences_page(settled: City) -> None:
    batch = exported(settled)
    olive = client_of(settled, "olive")
    text = statement_of(batch).decode() + f"2026-11-25,,2.00,乙智算中心,{NUMBERS[CENTRE]},B-4,{batch.message_id}-1,退\n"
    olive.post("/differences", {"holder": "city", "file": io.BytesIO(text.encode())})
    assert "/acts/return_entry" in page(olive, "/differences")
    (entry,) = (each for each in olive.get("/api/payments/differences").json()["waiting"] if each["reference"] == "B-4")
    assert (entry["finding"], entry["suggestions"]) == ("received", [f"{batch.message_id}-1"])
    given = {"account": entry["account"], "order": f"{batch.message_id}-1", "text": "退回"}
    for name in ("alice", "bob", "charlie", "ann"):
        assert act(client_of(settled, name), "return_entry", "B-4", **given).status_code in (403, 404)
    assert act(olive, "return_entry", "B-4", **given).headers["Location"] == "/differences"
    due = olive.get("/api/payments/due").json()
    assert [(each["payer"], each["amount_fen"]) for each in due] == [("city", 200), (FIRM, 481)]
    assert "¥2.00" in page(olive, f"/payments/{batch.message_id}")


def test_what_was_paid_too_much_is_booked_on_the_differences_page(settled: City) -> None:
    """The agreement is over by then; what its dispute found is the city's to get back."""
    batch = exported(settled)
    olive = client_of(settled, "olive")
    came = f"2026-11-25,,0.10,乙智算中心,{NUMBERS[CENTRE]},B-9,,退多付\n"
    olive.post("/differences", {"holder": "city", "file": io.BytesIO(statement_of(batch))})
    agreement = Agreement.objects.get()
    dispute = Dispute.objects.create(
        key="told-late", agreement=agreement, reason="读数偏高", state="resolved", opened_at=NOW, resolved_at=NOW,
        returned_metered_fen=10, returned_voucher_fen=10,
    )  # fmt: skip
    line = agreement.lines.get()
    take_back("told-late", line, PaymentPart.VOUCHER, 10, agreement.voucher.account, NOW)
    olive.post("/differences", {"holder": "city", "file": io.BytesIO((HEADINGS + came).encode())})
    shown = page(olive, "/differences")
    assert ("/acts/repay_overpayment" in shown, "多付了 ¥0.10" in shown, "读数偏高" in shown) == (True, True, True)
    waiting = olive.get("/api/payments/differences").json()["waiting"]
    (entry,) = (each for each in waiting if each["reference"] == "B-9")
    assert entry["overpayments"] == ["told-late"]
    for name in ("alice", "bob"):
        client = client_of(settled, name)
        assert "¥0.10" in page(client, "/disputes")
        (told,) = client.get("/api/disputes").json()
        assert (told["key"], told["owed_fen"]) == ("told-late", 10)
    given = {"account": entry["account"], "dispute": "told-late", "text": "退多付"}
    for name in ("alice", "bob", "charlie", "ann"):
        assert act(client_of(settled, name), "repay_overpayment", "B-9", **given).status_code in (403, 404)
    assert act(olive, "repay_overpayment", "B-9", **given).headers["Location"] == "/differences"
    assert (dispute.overpayments.get().owed_fen, BankEntry.objects.get(reference="B-9").state) == (0, "matched")
    assert "/acts/repay_overpayment" not in page(olive, "/differences")


def test_what_is_owed_of_a_voucher_is_booked_on_the_differences_page(settled: City) -> None:
    """The firm reads what it owes, and what of it came."""
    enter_accounts(settled)
    settled.deal.decision(key="again", verdict="not_eligible", award_fen=None, decided_at=NOW + timedelta(days=30))
    olive = client_of(settled, "olive")
    assert act(olive, "true_up", "voucher", decision="again", text="审计发现").status_code == 302
    came = f"2026-11-25,,3.00,{settled.firm.name},{NUMBERS[FIRM]},B-9,,退回\n"
    came += f"2026-11-25,,1.00,别人,{NUMBERS[CENTRE]},B-10,,退回\n"
    olive.post("/differences", {"holder": "city", "file": io.BytesIO((HEADINGS + came).encode())})
    shown = page(olive, "/differences")
    assert ("/acts/repay" in shown, f"{settled.firm.name} 因扶持被收回应退 ¥7.19" in shown) == (True, True)
    waiting = olive.get("/api/payments/differences").json()["waiting"]
    (entry,) = (each for each in waiting if each["reference"] == "B-9")
    (owed,) = entry["awards"]
    assert (owed["payee"], owed["owed_fen"], owed["voucher"], owed["application"]) == (FIRM, 719, "voucher", "")
    given = {"account": entry["account"], "voucher": "voucher", "text": "退款"}
    for name, status in (("alice", 404), ("bob", 404), ("charlie", 404), ("ann", 403)):
        client = client_of(settled, name)
        assert act(client, "repay", "B-9", **given).status_code == status
        asked = {"key": "B-9", "idempotency_key": "k", **given}
        assert client.post("/api/acts/repay", asked, content_type="application/json").status_code == status
    assert act(olive, "repay", "B-9", **given).headers["Location"] == "/differences"
    asked = {"key": "B-10", "idempotency_key": "k", **given}
    assert olive.post("/api/acts/repay", asked, content_type="application/json").status_code == 200
    owes = [re.findall(r"¥\d+\.\d\d", page(client_of(settled, name), "/true-ups"))[:3] for name in ("alice", "ann")]
    assert owes == [["¥7.19", "¥4.00", "¥3.19"]] * 2
    assert "¥3.19" not in page(client_of(settled, "bob"), "/true-ups")
    assert BankEntry.objects.get(reference="B-10").state == "matched"

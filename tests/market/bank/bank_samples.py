"""Accounts, batches and bank files for the tests."""

from datetime import UTC, date, datetime

from siwei.market.bank import BankAccount, OrderBatch, TransferOrder

CITY = BankAccount("示例市财政专户", "4000021109200012345", "102584002112", "工商银行示例支行")
CENTRE = BankAccount("示例算力中心有限公司", "44201501100052500001", "105584000021", "建设银行 <示例> & 支行")
FIRM = BankAccount("示例科技（深圳）有限公司", "755900012310", "308584001032")
CAMT_PLACES = {
    "08": ("<Sts><Cd>BOOK</Cd></Sts>", "<Cdtr><Pty><Nm>{}</Nm></Pty></Cdtr>", "<Amt Ccy=\"CNY\">{}</Amt>"),
    "02": (
        "<Sts>BOOK</Sts>", "<Cdtr><Nm>{}</Nm></Cdtr>", "<AmtDtls><TxAmt><Amt Ccy=\"CNY\">{}</Amt></TxAmt></AmtDtls>"
    ),
}  # fmt: skip


def make_batch(*orders: TransferOrder, **changes: object) -> OrderBatch:
    values = {
        "message_id": "SW20261123-7F3A",
        "made_at": datetime(2026, 11, 23, 2, 0, tzinfo=UTC),
        "execute_on": date(2026, 11, 24),
        "debtor": CITY,
        "orders": orders or (make_order(1, 123_405), make_order(2, 1, FIRM)),
    }
    return OrderBatch(**{**values, **changes})  # type: ignore[arg-type]


def make_order(
    number: int, fen: int, creditor: BankAccount = CENTRE, remittance: str = "2026-11 结算"
) -> TransferOrder:
    return TransferOrder(f"SW20261123-7F3A-{number}", creditor, fen, remittance)


def camt_entry(
    version: str = "08",
    *,
    amount: str = "1234.05",
    currency: str = "CNY",
    direction: str = "DBIT",
    reference: str = "BANK-1",
    end_to_end_id: str = "SW20261123-7F3A-1",
    status: str | None = None,
    day: str = "2026-11-24",
    transactions: tuple[str, ...] = (),
) -> str:
    booked, creditor, within = CAMT_PLACES[version]
    refs = f"<Refs><EndToEndId>{end_to_end_id}</EndToEndId></Refs>"
    parties = (
        f"<RltdPties>{creditor.format(CENTRE.name)}<CdtrAcct><Id><Othr><Id>{CENTRE.number}</Id></Othr></Id></CdtrAcct>"
        "</RltdPties><RmtInf><Ustrd>2026-11 结算</Ustrd></RmtInf>"
    )
    details = "".join(
        f"<TxDtls>{refs}{within.format(each)}<CdtDbtInd>{direction}</CdtDbtInd>{parties}</TxDtls>"
        for each in transactions or (amount,)
    )
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{status or booked}'
        f"<BookgDt><Dt>{day}</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef><NtryDtls>{details}</NtryDtls></Ntry>"
    )


def camt_file(*entries: str, version: str = "08", account: str = CITY.number, balances: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}">'
        f"<BkToCstmrStmt><GrpHdr><MsgId>1</MsgId><CreDtTm>2026-11-25T00:00:00Z</CreDtTm></GrpHdr><Stmt><Id>1</Id>"
        f"<Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>{balances}{''.join(entries)}"
        "</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def balance(code: str, yuan: str) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{yuan}</Amt>'
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-24</Dt></Dt></Bal>"
    )

"""The same batch as a table, for banks whose upload takes CSV: Chinese headings, UTF-8 with its mark."""

import csv
import io

from siwei.errors import InputError
from siwei.market.bank.amounts import yuan_text
from siwei.market.bank.orders import CURRENCY, OrderBatch, check_batch

HEADINGS = (
    "批次号", "序号", "付款人户名", "付款人账号", "付款行联行号", "收款人户名", "收款人账号", "收款行联行号",
    "收款行名称", "币种", "金额", "期望日期", "端到端标识", "用途",
)  # fmt: skip


def write_orders_csv(batch: OrderBatch) -> bytes:
    """One order a line. Raises InputError as `write_pain001`: no text of a checked batch runs as a formula."""
    if problems := check_batch(batch):
        raise InputError(problems)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    for number, order in enumerate(batch.orders, 1):
        payee, payer = order.creditor, batch.debtor
        writer.writerow(
            (
                batch.message_id, number, payer.name, payer.number, payer.bank_code, payee.name, payee.number,
                payee.bank_code, payee.bank_name, CURRENCY, yuan_text(order.amount_fen), batch.execute_on.isoformat(),
                order.end_to_end_id, order.remittance,
            )
        )  # fmt: skip
    return b"\xef\xbb\xbf" + text.getvalue().encode()

"""Words with a bank, pure: payment orders written as ISO 20022 pain.001 and CSV, what became of
them read from pain.002, statements from camt.053 and CSV.

Amounts are integer fen; a text with half a fen in it is refused, never rounded. Nothing here knows whose money it is.
"""

from siwei.market.bank.amounts import exact_yuan, fen_of, yuan_text
from siwei.market.bank.camt053 import read_camt053
from siwei.market.bank.orders import BankAccount, OrderBatch, TransferOrder, check_batch
from siwei.market.bank.orders_csv import write_orders_csv
from siwei.market.bank.pain001 import write_pain001
from siwei.market.bank.pain002 import OrderStatus, StatusReport, Word, is_pain002, read_pain002
from siwei.market.bank.statement_csv import MAPPINGS, ColumnMapping, read_statement_csv
from siwei.market.bank.statements import BankReject, BankStatement, Direction, StatementEntry

__all__ = [
    "MAPPINGS",
    "BankAccount",
    "BankReject",
    "BankStatement",
    "ColumnMapping",
    "Direction",
    "OrderBatch",
    "OrderStatus",
    "StatementEntry",
    "StatusReport",
    "TransferOrder",
    "Word",
    "check_batch",
    "exact_yuan",
    "fen_of",
    "is_pain002",
    "read_camt053",
    "read_pain002",
    "read_statement_csv",
    "write_orders_csv",
    "write_pain001",
    "yuan_text",
]

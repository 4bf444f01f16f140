"""A bank's statement as CSV: UTF-8 or GBK, a few lines of preamble, headings as the bank writes them.

Which heading means what is a `ColumnMapping`; `MAPPINGS["ordinary"]` knows those of ordinary Chinese banks, and whoever
has another bank declares its own.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date

from siwei.errors import ImportRefused, InputError, Problem, Said
from siwei.market.bank.amounts import fen_of
from siwei.market.bank.orders import CURRENCY, account_number
from siwei.market.bank.statements import (
    LIMIT_BYTES,
    LIMIT_ENTRIES,
    BankReject,
    BankStatement,
    Direction,
    StatementEntry,
    with_references,
)

PREAMBLE_LINES = 30
LONGEST_CELL = 2_000
DATE = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?(?:[ T].*)?")
COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\d{6})?(?:[ T].*)?")
OUT_WORDS = frozenset({"借", "借方", "支出", "付款", "转出", "往账", "d", "debit", "dbit", "out", "-"})
IN_WORDS = frozenset({"贷", "贷方", "收入", "收款", "转入", "来账", "c", "credit", "crdt", "in", "+"})
CURRENCY_WORDS = frozenset({"", CURRENCY, "RMB", "人民币", "人民币元", "01", "156"})
BLANK_AMOUNTS = frozenset({"", "-", "--", "0", "0.00", "0.0"})


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Headings by what they mean; the first that the file has counts. An amount stands in two columns (`paid_out`,
    `paid_in`), or in one with a `direction` beside it or a sign before it."""

    booked_on: tuple[str, ...]
    paid_out: tuple[str, ...] = ()
    paid_in: tuple[str, ...] = ()
    amount: tuple[str, ...] = ()
    direction: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    own_account: tuple[str, ...] = ()
    currency: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    end_to_end_id: tuple[str, ...] = ()
    remittance: tuple[str, ...] = ()

    def place(self, header: Sequence[str]) -> dict[str, int]:
        """Field → column, for those that the header has."""
        columns = {_folded(cell): index for index, cell in reversed(list(enumerate(header)))}
        found = {}
        for each in fields(self):
            names = (_folded(name) for name in getattr(self, each.name))
            column = next((columns[name] for name in names if name in columns), None)
            if column is not None:
                found[each.name] = column
        return found

    @classmethod
    def from_names(cls, names: Mapping[str, str | Sequence[str]]) -> "ColumnMapping":
        """From plain data: `{"booked_on": "交易日", "amount": ["金额"]}`. Raises InputError."""
        known = {each.name for each in fields(cls)}
        unknown = sorted(set(names) - known)
        if unknown or "booked_on" not in names:
            words = (
                Said(f"no column {unknown[0]!r:.40}", f"没有列 {unknown[0]!r:.40}")
                if unknown
                else Said("no column for booked_on", "没有 booked_on（记账日）列")
            )
            raise InputError(
                [
                    Problem(
                        words,
                        Said(f"some of {', '.join(sorted(known))}", f"{'、'.join(sorted(known))} 中的若干"),
                        field="columns",
                    )
                ]
            )
        return cls(**{name: (value,) if isinstance(value, str) else tuple(value) for name, value in names.items()})


MAPPINGS: Mapping[str, ColumnMapping] = {
    "ordinary": ColumnMapping(
        booked_on=("记账日期", "入账日期", "交易日期", "交易日", "交易时间", "日期", "booked_on", "date"),
        paid_out=(
            "借方发生额", "借方发生额(支取)", "借方发生额/元(支取)", "借方金额", "支出金额", "支出", "付款金额",
            "paid_out",
        ),
        paid_in=(
            "贷方发生额", "贷方发生额(收入)", "贷方发生额/元(收入)", "贷方金额", "收入金额", "收入", "收款金额",
            "paid_in",
        ),
        amount=("交易金额", "发生额", "金额", "amount"),
        direction=("借贷标志", "借贷", "借贷方向", "收支标志", "收支", "交易类型", "direction"),
        name=("对方户名", "对方名称", "对方单位名称", "对方单位", "收/付方名称", "收付方名称", "对手方名称", "name"),
        account=("对方账号", "对方帐号", "对方账户", "收/付方账号", "收/付方帐号", "收付方账号", "account"),
        own_account=("本方账号", "本方帐号", "查询账号", "own_account"),
        currency=("币种", "货币", "币别", "currency"),
        reference=(
            "交易流水号", "流水号", "账户明细编号-交易流水号", "核心流水号", "凭证号", "交易序号", "reference",
        ),
        end_to_end_id=("端到端标识", "端到端标识号", "客户流水号", "业务参考号", "企业流水号", "end_to_end_id"),
        remittance=("用途", "附言", "摘要", "备注", "交易用途", "remittance"),
    ),
}  # fmt: skip


def read_statement_csv(
    content: bytes, account: str, mapping: ColumnMapping = MAPPINGS["ordinary"], name: str = ""
) -> BankStatement:
    """Entries and rejects of the statement of `account`. Raises ImportRefused where nothing of it can be read."""
    if len(content) > LIMIT_BYTES:
        raise _refused(
            name,
            Said(f"{len(content):,} bytes", f"有 {len(content):,} 字节"),
            Said(
                f"at most {LIMIT_BYTES:,}: ask the bank for shorter periods",
                f"至多 {LIMIT_BYTES:,}：请向银行要更短的期间",
            ),
        )
    text, is_whole = _decode(content, name)
    rows = _rows(text)
    columns, width = _find_header(rows, mapping, name)
    entries: list[StatementEntry] = []
    rejects: list[BankReject] = []
    last = 0
    for number, cells, fault in rows:
        last = number
        if len(entries) + len(rejects) >= LIMIT_ENTRIES:
            raise _refused(
                name,
                Said(f"more than {LIMIT_ENTRIES:,} rows", f"超过 {LIMIT_ENTRIES:,} 行"),
                Said("ask the bank for shorter periods", "请向银行要更短的期间"),
            )
        record = " · ".join(cell.strip() for cell in cells if cell.strip())[:500]
        if fault:
            rejects.append(BankReject(number, fault, record))
        elif record:
            try:
                entries.append(_entry(number, cells, columns, width, account))
            except ValueError as error:
                rejects.append(BankReject(number, str(error), record))
    if rejects and rejects[-1].row == last and not text.endswith(("\n", "\r")):
        is_whole = False  # the last line is cut off
    taken, doubled = with_references(entries)
    return BankStatement(account, tuple(taken), (*rejects, *doubled), is_whole)


def _decode(content: bytes, name: str) -> tuple[str, bool]:
    """The text, and whether it is whole: a file may be cut in the middle of a character."""
    if b"\0" in content:
        raise _refused(
            name,
            Said("the file holds NUL bytes", "文件含 NUL 字节"),
            Said("save it as CSV in UTF-8 or GBK, not as a workbook", "请另存为 UTF-8 或 GBK 的 CSV，而非工作簿"),
        )
    body = content.removeprefix(b"\xef\xbb\xbf")
    for encoding in ("utf-8", "gb18030"):
        try:
            return body.decode(encoding), True
        except UnicodeDecodeError as error:
            if error.start >= len(body) - 3 and error.start > 0:
                return body[: error.start].decode(encoding), False
    raise _refused(
        name,
        Said("the file is neither UTF-8 nor GBK", "文件既不是 UTF-8 也不是 GBK"),
        Said("save it as CSV in one of the two", "请以其一另存为 CSV"),
    )


def _rows(text: str) -> Iterator[tuple[int, list[str], str]]:
    """Line number, cells, and what is wrong with the row. Tabs part cells where the first lines hold them."""
    head = text[:4_000]
    reader = csv.reader(
        text.splitlines(keepends=True), delimiter="\t" if head.count("\t") > head.count(",") else ",", strict=True
    )
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, [], f"the row cannot be split into cells ({error})"
            continue
        long = any(len(cell) > LONGEST_CELL for cell in cells)
        yield number, cells, f"a cell of more than {LONGEST_CELL} characters" if long else ""


def _find_header(
    rows: Iterator[tuple[int, list[str], str]], mapping: ColumnMapping, name: str
) -> tuple[dict[str, int], int]:
    seen: list[str] = []
    for number, cells, _fault in rows:
        columns = mapping.place(cells)
        if "booked_on" in columns and ("amount" in columns or {"paid_out", "paid_in"} & columns.keys()):
            return columns, len(cells)
        seen += [cell.strip() for cell in cells if cell.strip()]
        if number >= PREAMBLE_LINES:
            break
    words = ", ".join(seen[:12]) or "nothing"
    raise _refused(
        name,
        Said(f"no headings that we know (seen: {words:.200})", f"没有认识的表头（所见：{words:.200}）"),
        Said("say which column is what (`columns`)", "请说明各列是什么（`columns`）"),
    )


def _entry(number: int, cells: Sequence[str], columns: Mapping[str, int], width: int, account: str) -> StatementEntry:
    """Raises ValueError with the reason."""
    # Blank cells after the last heading are of no account; a cell too few is a row cut off.
    if len(cells) < width or any(cell.strip() for cell in cells[width:]):
        raise ValueError(f"{len(cells)} cells, the header has {width}")

    def cell(field: str) -> str:
        text = cells[columns[field]] if field in columns else ""
        kept = "".join(c if c.isprintable() else " " for c in text.strip().strip("'`\t"))
        return kept.strip()

    if cell("currency").upper() not in CURRENCY_WORDS:
        raise ValueError(f"an amount in {cell('currency')!r:.20}, not {CURRENCY}")
    if cell("own_account") and account_number(cell("own_account")) != account:
        raise ValueError("a row of another account")
    direction, amount = _amount(cell, columns)
    return StatementEntry(
        row=number,
        reference=cell("reference")[:70],
        booked_on=_day(cell("booked_on")),
        direction=direction,
        amount_fen=amount,
        name=cell("name")[:140],
        account=account_number(cell("account"))[:40],
        end_to_end_id=cell("end_to_end_id")[:35],
        remittance=cell("remittance")[:500],
    )


def _amount(cell: Callable[[str], str], columns: Mapping[str, int]) -> tuple[Direction, int]:
    if {"paid_out", "paid_in"} & columns.keys():
        out, into = (0 if cell(each) in BLANK_AMOUNTS else fen_of(cell(each)) for each in ("paid_out", "paid_in"))
        if bool(out) == bool(into):
            raise ValueError("an amount on both sides" if out else "no amount")
        # A negative debit is how some banks write a reversal: money that came back.
        signed = into - out
    else:
        signed = fen_of(cell("amount"))
        told = cell("direction").casefold()
        if told in OUT_WORDS or told in IN_WORDS:
            signed = -signed if told in OUT_WORDS else signed
        elif told or not cell("amount").startswith(("-", "+", "－", "＋")):
            raise ValueError(f"neither out nor in: {told!r:.20}")
    if signed == 0:
        raise ValueError("an amount of 0 fen")
    return (Direction.IN if signed > 0 else Direction.OUT), abs(signed)


def _day(text: str) -> date:
    found = COMPACT_DATE.fullmatch(text) or DATE.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise ValueError(f"{text!r:.30} is not a date") from None


def _folded(heading: str) -> str:
    """Headings alike: without blanks, brackets of one kind, small letters."""
    plain = heading.strip().strip("\ufeff").translate(str.maketrans("（）", "()"))
    return "".join(character for character in plain.casefold() if not character.isspace())


def _refused(name: str, message: str, fix: str) -> ImportRefused:
    return ImportRefused([Problem(message, fix, file=name)])

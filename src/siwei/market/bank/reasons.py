"""Why an entry of a bank's file was not taken, in Chinese: the reasons are written in English where they are found, and
kept so; what they quote of the file stays as it is."""

from siwei.city.firms.reasons import in_chinese, patterns_of

WORDS: tuple[tuple[str, str], ...] = (
    ("the {} balance: {}", "{} 余额：{}"),
    ("{} cells, the header has {}", "有 {} 个单元格，表头有 {} 个"),
    ("an amount in {}, not {}", "金额以 {} 计，应为 {}"),
    ("a row of another account", "属于另一账户的行"),
    ("an amount on both sides", "借贷两方都有金额"),
    ("no amount", "没有金额"),
    ("neither out nor in: '{}'", "既非支出也非收入：“{}”"),
    ("neither debit nor credit: '{}'", "既非借方也非贷方：“{}”"),
    ("an amount of {} fen", "金额为 {} 分"),
    ("an amount of {}", "金额为 {}"),
    ("'{}' is not an amount", "“{}”不是金额"),
    ("'{}' has a fraction of a fen", "“{}”细于一分"),
    ("'{}' is larger than any amount here", "“{}”超出此处的最大金额"),
    ("'{}' is no booking date", "“{}”不是记账日期"),
    ("'{}' is not a date", "“{}”不是日期"),
    ("status '{}' is not known", "状态“{}”未知"),
    ("it names no message that it answers", "未写明所答复的报文"),
    ("it names no order", "未写明付款指令"),
    ("of {} it says neither yes nor no", "对 {} 未表明是否受理"),
    ("status {}: not booked yet", "状态 {}：尚未记账"),
    ("its {} transactions come to {} fen, the entry to {}", "其 {} 笔交易合计 {} 分，而该分录为 {} 分"),
    ("its {} transactions come to {}, the entry to {}", "其 {} 笔交易合计 {}，而该分录为 {}"),
    ("the file ends in the middle ({})", "文件在中间断开（{}）"),
    ("opening balance and entries miss the closing balance by {} fen", "期初余额加各笔与期末余额相差 {} 分"),
    ("opening balance and entries miss the closing balance by {}", "期初余额加各笔与期末余额相差 {}"),
    ("reference {} is in row {} already, of the same entry", "流水号 {} 已在第 {} 行，为同一笔"),
    ("reference {} is in row {} already, of another entry", "流水号 {} 已在第 {} 行，为另一笔"),
    ("reference {} is known from another file, with other contents", "流水号 {} 已见于另一文件，内容不同"),
)
_PATTERNS = patterns_of(WORDS)


def reason_in_chinese(reason: str) -> str:
    return in_chinese(reason, _PATTERNS)

"""What commands that run a city print around their data, in both languages: lines and titles by key, values in braces;
headings and codes by what they are in English, as JSON has them. Terms are those of the portal's pages.
"""

from collections.abc import Iterable, Mapping, Sequence

from siwei.cli.words import Words
from siwei.exchange.state_words import CHINESE

LINES: Mapping[str, tuple[str, str]] = {
    # a city, its main job, what serves it
    "city_ready": ("City ready in", "城市已就绪："),
    "of_pack": ("(pack {pack}, {told})", "（政策包 {pack}，{told}）"),
    "by_calendar": ("data of {day}, then by the calendar", "数据截至 {day}，此后按日历"),
    "stands_on": ("stands on {day}", "停在 {day}"),
    "tables": ("Tables", "各表"),
    "main_job": ("Main job", "主流程"),
    "doing": ("main job", "主流程"),
    "stage_done": ("main job · {stage} done", "主流程 · {stage}已完成"),
    "in_seconds": ("main job · {stage} done ({seconds} s)", "主流程 · {stage}已完成（{seconds} 秒）"),
    "report": ("Report:", "报告："),
    "no_second_factor": (
        "This city asks for no second factor: it is a demonstration.",
        "本城市不要求第二因素：仅作演示。",
    ),
    "sign_in_as": ("Sign in as (passwords made for this start only)", "登录账户（密码仅供本次启动）"),
    "models_with_key": ("Models on {where}, the firm's key in", "模型服务在 {where}，企业的密钥在"),
    "no_model": ("No model is served: {why}", "没有提供模型服务：{why}"),
    "serving": ("Serving on {where}  (Ctrl-C stops)", "服务地址 {where}（按 Ctrl-C 停止）"),
    "stopped_serving": ("Stopped serving", "已停止服务："),
    "models": ("Models on {where}  (Ctrl-C stops)", "模型服务在 {where}（按 Ctrl-C 停止）"),
    "stopped_gateway": ("Stopped the gateway of", "已停止网关："),
    "working": ("Working for {city}  (Ctrl-C stops)", "正在处理任务：{city}（按 Ctrl-C 停止）"),
    "nothing_waits": ("Nothing waits.", "没有等待的任务。"),
    # backups
    "saved": (
        "Saved {city} in {file}: {files} files, {bytes} bytes",
        "已将 {city} 备份到 {file}：{files} 个文件，{bytes} 字节",
    ),
    "file_sha256": ("sha256 of the file {sha256}", "文件的 sha256：{sha256}"),
    "city_digest": ("digest of the city {digest}", "城市的摘要：{digest}"),
    "restored": ("Restored {city}, saved at {at}: {rows} rows", "已恢复 {city}，备份于 {at}：{rows} 行"),
    "as_saved": ("digest of the city {digest}, as saved", "城市的摘要：{digest}，与备份时相同"),
    "other_version": (
        "It was saved by another version: rows were compared, digests cannot be.",
        "备份由另一版本所作：已比较各行，摘要无法比较。",
    ),
    # the ledger
    "finding": ("{check} {row}: {what}", "{check} {row}：{what}"),
    "sealed": ("sealed up to block {number} {sha256}", "已封存至区块 {number} {sha256}"),
    "not_sealed": ("nothing is sealed yet", "尚无封存"),
    "unsealed": ("{sealed}; not sealed yet: {rest}", "{sealed}；尚未封存：{rest}"),
    "whole": ("Whole.", "完整。"),
    "findings": ("{count} findings", "发现 {count} 处"),
    "count": ("{count} {what}", "{count} {what}"),
    "heads": ("{count} heads added, the last is of block {last}", "已添加 {count} 个区块头，最后一个属于区块 {last}"),
    "account": ("{account} in {unit}", "{account}，单位 {unit}"),
    "proven": (
        "Proven; available {available} (floor {floor}); {sealed} of {entries} entries are sealed",
        "已证明；可用 {available}（下限 {floor}）；{entries} 笔分录中已封存 {sealed} 笔",
    ),
    "not_proven": (
        "NOT what its entries come to; available {available} (floor {floor}); {sealed} of {entries} entries are sealed",
        "与其分录不符；可用 {available}（下限 {floor}）；{entries} 笔分录中已封存 {sealed} 笔",
    ),
    "entries": ("{count} entries", "{count} 笔分录"),
    "trial_balance": ("Trial balance {day}", "试算平衡表 {day}"),
    "by_unit": ("By unit", "按单位"),
    "rows_of": ("{subject}: {count} rows", "{subject}：{count} 行"),
    # people
    "invited": (
        "For {name}, once, until {day}; open it at the portal's own address:",
        "供 {name} 使用一次，{day} 前有效；请在门户网址打开：",
    ),
    "offices": ("offices", "职务"),
    "no_office": ("no office", "没有职务"),
    "accounts": ("accounts", "账号"),
    # firms that are brought in
    "imported": ("Imported", "已导入"),
    "rate": ("{seconds} s, {rate} rows/s", "{seconds} 秒，每秒 {rate} 行"),
    "merges": ("{count} merges", "{count} 次合并"),
    "rejects_in": ("{count} rejected rows in", "{count} 行不能用，见"),
    "warnings_in": ("{count} warnings in", "{count} 条提醒，见"),
    "all": ("all", "合计"),
    "now": ("is now {key}", "现为 {key}"),
    "placed": (
        "{placed} of {firms} firms placed ({placements} placements, {none} none) in {seconds} s",
        "{firms} 家企业中定位 {placed} 家（{placements} 个环节，{none} 家无），用时 {seconds} 秒",
    ),
    "rows_rejected": ("{count} rows rejected", "{count} 行不能用"),
    # datasets
    "published": ("Published version {version} of {dataset}: {name}", "已发布 {dataset} 的版本 {version}：{name}"),
    "withdrawn": ("Version {version} of {dataset} is handed over no longer.", "{dataset} 的版本 {version} 不再提供。"),
    "files": ("files", "文件"),
    "datasets": ("datasets", "数据集"),
    "accepted_by": ("accepted by", "接受条款者"),
    "had_last": ("had last", "最近获取"),
    "figure": ("{name}: {value}", "{name}：{value}"),
    # payments
    "due_from": ("due from {payer}", "{payer}的应付款"),
    "the_city": ("the city", "本城市"),
    "ordered": ("ordered", "已下指令"),
    "batches": ("batches", "付款批次"),
    "wrote": ("Wrote {file} ({sha256}).", "已写入 {file}（{sha256}）。"),
    "statement": ("statement", "对账单"),
    "bank_report": ("report", "银行回执"),
    "rest": ("rest", "余款"),
    "return": ("return", "退回"),
    "repaid": ("repaid", "已归还"),
    "differences": ("differences", "差异"),
    "settlements": ("settlement statements of {issuer}, {period}", "{issuer} 的结算单，{period}"),
}

NAMES: Mapping[str, str] = {
    "id": "id", "sha256": "sha256", "sha256 (first 16)": "sha256（前 16 位）", "url": "url", "code": "代码",
    "table": "表", "rows": "行", "stage": "阶段", "counts": "计数", "seconds": "秒", "peak MB": "内存峰值（MB）",
    "file": "文件", "row": "行", "read": "读取", "created": "新建", "merged": "合并", "rejected": "不能用",
    "added": "新增", "whole": "完整", "organisation": "机构", "name": "名称", "reason": "原因", "undone_at": "撤销时间",
    # the ledger
    "number": "编号", "at": "时间", "kind": "类型", "other": "对方", "change": "变动", "held_change": "冻结变动",
    "balance": "余额", "held": "冻结", "memo": "摘要", "entries": "分录", "account": "账户", "unit": "单位",
    "accounts": "账户", "received": "收入", "given": "付出", "what": "项目", "amount": "金额",
    "purpose": "用途", "transfers": "转账", "holds": "冻结", "heads": "区块头",
    "events": "事件", "seals": "区块",
    "came_in": "投入", "in_pot": "在资金池",
    "in_vouchers": "在券中", "captured": "已入账", "granted": "已给予", "returned": "已退回", "treasury": "退回财政",
    "adds_up": "合计相符",
    "pot": "资金池", "voucher": "券", "hold": "冻结", "capture": "入账", "reading": "读数", "job": "作业",
    "delivery": "交付项", "quantity": "数量", "fen": "分", "generated": "生成的数据",
    # people
    "person": "个人", "offices": "职务", "can sign in": "可以登录", "username": "用户名", "state": "状态",
    "represents": "代表", "keys": "密钥", "last_login": "最近登录",
    # datasets
    "path": "路径", "bytes": "字节", "dataset": "数据集", "version": "版本", "provider": "供给方", "licence": "许可",
    "files": "文件", "accepted": "已接受", "withdrawn": "已撤回", "offer": "供给", "terms_sha256": "条款的 sha256",
    "published_at": "发布时间", "withdrawn_at": "撤回时间",
    # payments
    "payee": "收款方", "amount_fen": "金额（分）", "reasons": "款项", "hindrance": "障碍", "batch": "批次",
    "orders": "指令", "total_fen": "合计（分）", "payer": "付款方", "on": "日期", "approved_by": "批准人",
    "paid": "已付",
    "order": "指令", "outcome": "结果", "entry": "分录", "finding": "核对结果", "pays_back": "归还",
    "reference": "编号",
    "direction": "方向", "difference_fen": "差额（分）", "recipient": "接收方", "gross_fen": "总额（分）",
    "voucher_fen": "券付（分）", "own_fen": "自付（分）",
}  # fmt: skip

CODES: Mapping[str, str] = {
    **CHINESE,
    # stages of the main job, tasks
    "city": "城市", "firms": "企业", "chain": "产业链", "exchange": "交易", "programmes": "政策", "measure": "指标",
    "succeeded": "成功", "retried": "重试", "failed": "失败",
    # people
    "active": "有效", "disabled": "已停用", "operator": "运营方", "reviewer": "评审", "auditor": "审计",
    # the ledger and payments
    "pot": "资金池", "budget": "公共预算", "voucher": "券", "commitment": "自有承诺", "receivable": "应收",
    "own-share": "自付", "claw-back": "应退回", "overpaid": "多付的款，应退回", "delivered": "已交付", "used": "已用",
    "cap": "支出上限", "cap-spent": "上限内已承诺", "grant": "待付扶持资金", "paid": "银行已付",
    "written-off": "已核销", "bank-difference": "银行差异", "bank-unordered": "无指令的收付",
    "bank-explained": "已说明的银行差异",
    "sum": "合计", "account": "账户", "whole": "完整", "late": "逾期", "in": "收", "out": "付",
    "no-account": "尚无银行账户", "nothing-left": "没有可付的余款",
}  # fmt: skip

CODED = frozenset({"purpose", "state", "direction", "finding", "hindrance", "outcome"})
"""Columns that hold codes."""

_WORDS = Words(LINES, NAMES, CODES)
line, heading, headings, code = _WORDS.line, _WORDS.heading, _WORDS.headings, _WORDS.code


def coded(names: Sequence[str], rows: Iterable[Sequence[object]]) -> list[list[object]]:
    """The rows of a table, codes by their words."""
    return [[code(cell) if name in CODED else cell for name, cell in zip(names, row, strict=True)] for row in rows]

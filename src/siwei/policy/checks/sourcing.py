"""What keeps a programme a draft: every part of its text that cites nothing, by name and in words."""

from dataclasses import dataclass

from siwei.policy.programmes import Programme, State, Text

PART_WORDS = {
    "clause": Text("条款", "clause"), "award": Text("金额", "award"), "limit": Text("合计上限", "limit"),
    "voucher": Text("券的条款", "terms of the voucher"), "parameter": Text("参数", "parameter"),
    "table": Text("表", "table"),
}  # fmt: skip

STATE_WORDS = {
    State.DRAFT: Text("草案", "draft"), State.REHEARSED: Text("预演", "rehearsed"),
    State.IN_FORCE: Text("生效", "in force"), State.ENDED: Text("终止", "ended"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unsourced:
    """`part` is a key of PART_WORDS; `id` is empty of what there is one of."""

    part: str
    id: str
    words: Text


def unsourced_parts(programme: Programme) -> tuple[Unsourced, ...]:
    """In the order of `Programme.unsourced`, which names the same."""
    voucher = programme.voucher
    return (
        *(Unsourced("clause", each.id, each.words) for each in programme.clauses if each.citation is None),
        *([Unsourced("award", "", programme.award.words)] if programme.award.citation is None else []),
        *(Unsourced("limit", each.id, each.words) for each in programme.limits if each.citation is None),
        *([Unsourced("voucher", "", voucher.words)] if voucher is not None and voucher.citation is None else []),
        *(Unsourced("parameter", each.id, each.words) for each in programme.parameters if each.citation is None),
        *(Unsourced("table", each.id, each.words) for each in programme.tables if each.citation is None),
    )


def draft_sentences(programme: Programme) -> Text | None:
    """Why it is a draft and what follows; None where it is none."""
    if not programme.is_draft:
        return None
    title, parts = programme.title, unsourced_parts(programme)
    if programme.released_otherwise is not None:
        day = programme.released_otherwise
        return Text(
            f"{title.zh}（{programme.id}）的版本 {programme.version} 已于 {day} 发布，其文件此后被改动："
            "照常判定和展示，不拨付资金。请恢复原文，或另立版本。",
            f"Version {programme.version} of {title.en} ({programme.id}) was released on {day} and its file has "
            "changed since: it is decided and shown, and releases no money. Restore it, or write another version.",
        )
    if programme.never_released:
        command = f"siwei policy release {programme.id} {programme.version}"
        return Text(
            f"{title.zh}（{programme.id}）的版本 {programme.version} 尚未发布，而该政策已有版本发布："
            f"照常判定和展示，不拨付资金。请发布：{command}。",
            f"Version {programme.version} of {title.en} ({programme.id}) was never released, while another version "
            f"was: it is decided and shown, and releases no money. Release it: {command}.",
        )
    if not parts:
        state = STATE_WORDS[programme.state]
        return Text(
            f"{title.zh}（{programme.id}）各处均有出处，但状态为{state.zh}：照常判定和展示，不拨付资金。",
            f"{title.en} ({programme.id}) cites its sources, and its state is {state.en}: it is decided and shown, "
            "and releases no money.",
        )
    named = [(PART_WORDS[each.part], each.id, each.words) for each in parts]
    zh = "；".join(f"{part.zh}{id and f' {id}'}（{words.zh}）" for part, id, words in named)
    en = "; ".join(f"{part.en}{id and f' {id}'} ({words.en})" for part, id, words in named)
    return Text(
        f"{title.zh}（{programme.id}）是草案，照常判定和展示，不拨付资金。以下无出处：{zh}。",
        f"{title.en} ({programme.id}) is a draft: it is decided and shown, and releases no money. No source: {en}.",
    )

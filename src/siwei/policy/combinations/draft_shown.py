"""An award of a draft beside the best lawful combination, in which it has no part: what would change were it in force.

A draft releases no money, so that no award which does may give way to it. Each draft is weighed by itself: put in force
beside what is in force now.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from siwei.policy.explanation import yuan
from siwei.policy.programmes import Text
from siwei.policy.titles import Titles, title_of


@dataclass(frozen=True, slots=True)
class OtherChange:
    """What another award of the same subject keeps now, and were the draft in force."""

    programme: str
    before_fen: int
    after_fen: int


@dataclass(frozen=True, slots=True)
class DraftShown:
    """`entitled_fen` is null where it is not known, and then nothing else is; were it put in force `kept_fen` would be
    kept of it, `changes` is what other awards of the same subject would gain or lose and `gain_fen` what the subject
    would have more in all. Under joint limits `together_fen` is what all of the organisation's subjects have now and
    would have then; null where there are none, or where it cannot be told."""

    programme: str
    entitled_fen: int | None
    kept_fen: int | None
    gain_fen: int | None
    changes: tuple[OtherChange, ...]
    together_fen: tuple[int, int] | None
    sentence: Text


def draft_shown(
    programme: str,
    title: Text,
    entitled_fen: int | None,
    before: Mapping[str, int],
    after: Mapping[str, int] | None,
    titles: Titles,
    together: tuple[int | None, int | None] | None = None,
) -> DraftShown:
    """`before` is kept of the awards that bear on one another now, `after` were the draft in force; None where that
    cannot be told."""
    zh = f"{title.zh}是草案，不拨付资金，不计入组合"
    en = f"{title.en} is a draft: it releases no money and is in no choice"
    if entitled_fen is None or after is None:
        told = Text(f"{zh}；如付诸实施，结果尚不能判定。", f"{en}; what it would change in force cannot be told yet.")
        return DraftShown(programme, entitled_fen, None, None, (), None, told)
    changes = tuple(
        OtherChange(name, before.get(name, 0), after.get(name, 0))
        for name in sorted({*before, *after} - {programme})
        if before.get(name, 0) != after.get(name, 0)
    )
    kept, gain = after.get(programme, 0), sum(after.values()) - sum(before.values())
    zh += f"；如付诸实施，将参与组合：其 {yuan(entitled_fen)} 元中保留 {yuan(kept)} 元"
    en += f"; put in force it would compete: of its {yuan(entitled_fen)} CNY {yuan(kept)} would be kept"
    for each in changes:
        name = title_of(titles, each.programme)
        zh += f"；{name.zh}由 {yuan(each.before_fen)} 元变为 {yuan(each.after_fen)} 元"
        en += f"; {name.en} would go from {yuan(each.before_fen)} to {yuan(each.after_fen)} CNY"
    zh += f"；合计{'增加' if gain >= 0 else '减少'} {yuan(abs(gain))} 元"
    en += f"; {yuan(abs(gain))} CNY {'more' if gain >= 0 else 'less'} in all"
    now, then = together or (None, None)
    if now is None or then is None:
        return DraftShown(programme, entitled_fen, kept, gain, changes, None, Text(zh + "。", en + "."))
    zh += f"；同一机构合计由 {yuan(now)} 元变为 {yuan(then)} 元"
    en += f"; all of the same organisation together from {yuan(now)} to {yuan(then)} CNY"
    return DraftShown(programme, entitled_fen, kept, gain, changes, (now, then), Text(zh + "。", en + "."))

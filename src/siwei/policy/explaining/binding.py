"""What held an award down after its clauses: its cap, a limit over several rows, a rule of stacking, the pot. In words,
the same on a page and on a command line."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from siwei.policy.aggregating.limits import left_open_by, limited_column
from siwei.policy.combinations.combination import CombinationExplanation, PartExplanation, RuleShown
from siwei.policy.combinations.joint_shown import JointAward, taken_by_others
from siwei.policy.decide import Decisions, award_column
from siwei.policy.explanation import Explanation, yuan
from siwei.policy.pots.share import CLAIM, Shares
from siwei.policy.programmes import Citation, Programme, Text, Verdict
from siwei.policy.subjects import ID

NAMES = {
    "cap": ("封顶", "the cap"), "limit": ("合计上限", "a limit"), "stacking": ("叠加规则", "a rule on stacking"),
    "joint": ("企业、合同与项目合计的上限", "a limit over the organisation, its contracts and its projects"),
    "pot": ("资金池", "the pot"),
}  # fmt: skip
MOST_NAMED = 10
"""Rows that a sentence names."""


@dataclass(frozen=True, slots=True)
class Binding:
    """`kind` is cap, limit, stacking, joint or pot; `rule` the id of the limit, group, exclusion or quota, empty of a
    cap and of the pot's own money. `after_fen` is what it leaves of `before_fen`. `others`: under a joint limit, what
    the organisation's other subjects take of it."""

    kind: str
    rule: str
    words: Text
    citation: Citation | None
    before_fen: int
    after_fen: int
    sentence: Text
    others: tuple[JointAward, ...] = ()


def bound(kind: str, rule: str, words: Text, citation: Citation | None, before_fen: int, after_fen: int) -> Binding:
    less = f"{yuan(before_fen)} 元减为 {yuan(after_fen)} 元", f"from {yuan(before_fen)} to {yuan(after_fen)} CNY"
    if kind == "declined":
        sentence = Text(f"最优组合不取此项：{words.zh}。", f"Left out of the best lawful combination: {words.en}.")
        return Binding("stacking", rule, words, citation, before_fen, after_fen, sentence)
    zh, en = NAMES[kind]
    sentence = Text(f"受{zh}约束：{words.zh}，由 {less[0]}。", f"Held down by {en}: {words.en}; {less[1]}.")
    return Binding(kind, rule, words, citation, before_fen, after_fen, sentence)


def bound_by_cap(explanation: Explanation) -> Iterator[Binding]:
    award = explanation.award
    if award.bound_by != "cap" or award.computed_fen is None or explanation.verdict is not Verdict.ELIGIBLE:
        return
    if award.award_fen is not None:
        words = Text(f"最高 {yuan(award.cap_fen or 0)} 元", f"at most {yuan(award.cap_fen or 0)} CNY")
        yield bound("cap", "", words, award.citation, award.computed_fen, award.award_fen)


def bound_by_limit(programme: Programme, before: Decisions, after: Decisions, id: str) -> Iterator[Binding]:
    """`after` are the decisions `before` with limits applied."""
    if limited_column(programme.id) not in after.wide.columns:
        return
    row = after.wide.filter(pl.col(ID) == id)
    rule = row[limited_column(programme.id)].item()
    alone = before.wide.filter(pl.col(ID) == id)[award_column(programme.id)].item()
    limit = next((each for each in programme.limits if each.id == rule), None)
    if limit is not None:
        yield bound("limit", limit.id, limit.words, limit.citation, alone, row[award_column(programme.id)].item())


def left_open_by_limit(
    programme: Programme, before: Decisions, table: pl.DataFrame | pl.LazyFrame, id: str
) -> Iterator[Text]:
    """Why it cannot be told what a limit leaves of an award that is known by itself."""
    found = left_open_by(before, programme, table, id)
    if found is None:
        return
    limit, rows = found
    if not rows:
        yield Text(
            f"受合计上限约束：{limit.words.zh}；该上限或其所依据的数据未知，不能判定其结果。",
            f"Under a limit: {limit.words.en}; what it leaves cannot be told: it, or what it goes by, is unknown.",
        )
        return
    more = len(rows) - MOST_NAMED
    zh, en = ("", "") if more <= 0 else (f" 等 {len(rows)} 行", f" and {more} more")
    names = rows[:MOST_NAMED]
    yield Text(
        f"受合计上限约束：{limit.words.zh}；先于本行计入的 {'、'.join(names)}{zh} 的金额未知，不能判定其结果。",
        f"Under a limit: {limit.words.en}; what it leaves cannot be told: it waits for the awards of rows that come "
        f"first, {', '.join(names)}{en}.",
    )


def bound_by_stacking(programme: str, combination: CombinationExplanation) -> Iterator[Binding]:
    """A choice that cannot be made yet binds nothing."""
    part = next((each for each in combination.parts if programme in each.entitled_fen), None)
    if part is None or part.best is None or part.entitled_fen[programme] is None:
        return
    left = part.entitled_fen[programme] or 0
    if programme not in part.best.programmes:
        for found, rule in _declined(programme, part, left):
            yield _with_others(found, combination, rule) if rule.is_joint else found
        return
    for cut in part.best.cuts:
        if cut.programme == programme:
            rule = next(each for each in part.rules if each.id == cut.group)
            found = bound("stacking", rule.id, rule.words, rule.citation, left, left - cut.amount_fen)
            yield _jointly(found, combination, rule) if rule.is_joint else found
            left -= cut.amount_fen


def _jointly(found: Binding, combination: CombinationExplanation, rule: RuleShown) -> Binding:
    said = bound("joint", rule.id, rule.words, rule.citation, found.before_fen, found.after_fen)
    return _with_others(said, combination, rule)


def _with_others(found: Binding, combination: CombinationExplanation, rule: RuleShown) -> Binding:
    """With what the organisation's other subjects take of the joint limit."""
    shown = next(each for each in combination.joint if each.id == rule.id)
    taken = taken_by_others(shown, combination.kind, combination.id)
    sentence = Text(f"{found.sentence.zh[:-1]}；{taken.zh}。", f"{found.sentence.en[:-1]}; {taken.en}.")
    others = shown.of_others(combination.kind, combination.id)
    return replace(found, kind="joint", sentence=sentence, others=others)


def _declined(programme: str, part: PartExplanation, entitled_fen: int) -> Iterator[tuple[Binding, RuleShown]]:
    """Left out under whichever rules it shares with what is taken; one is told, an exclusion first."""
    assert part.best is not None
    taken = set(part.best.programmes)
    shared = [each for each in part.rules if programme in each.programmes and taken & set(each.programmes)]
    mine = shared or [each for each in part.rules if programme in each.programmes]
    rule = min(mine, key=lambda each: each.limit_fen is not None)
    yield bound("declined", rule.id, rule.words, rule.citation, entitled_fen, 0), rule


def bound_by_pot(programme: Programme, shares: Shares, id: str) -> Iterator[Binding]:
    """Of one claim among those that were shared."""
    row = shares.table.filter(pl.col(ID) == id)
    if programme.pot is None or row.is_empty() or row["bound_by"].item() is None:
        return
    by: str = row["bound_by"].item()
    quota = next((each for each in programme.pot.quotas if f"quota:{each.by}" == by), None)
    words, citation = (programme.pot.words, programme.pot.citation) if quota is None else (quota.words, quota.citation)
    yield bound("pot", "" if quota is None else quota.by, words, citation, row[CLAIM].item(), row["paid_fen"].item())

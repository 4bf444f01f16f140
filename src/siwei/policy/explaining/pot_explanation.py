"""What a pot leaves of one award among the claims on it: by the pot's own way of sharing, or what cannot be known yet.

First come needs when everybody applied, merit needs scores, a lottery its published seed. Where one is missing the
order is not known, and what the claim gets if it is served first, and where that is certain last, is told instead.
"""

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from siwei.errors import ImportRefused, InputError
from siwei.policy.explaining.binding import Binding, bound_by_pot
from siwei.policy.explanation import yuan
from siwei.policy.pots.share import APPLIED_AT, CLAIM, SCORE, Shares, share_pot
from siwei.policy.programmes import Payment, Pot, Programme, Sharing, Text
from siwei.policy.sharing import sum_exactly
from siwei.policy.subjects import ID
from siwei.policy.windows import deadline_of

MODES = {
    Sharing.FIRST_COME: ("先到先得", "first come, first served"), Sharing.MERIT: ("按评分", "by merit"),
    Sharing.PRO_RATA: ("按比例", "pro rata"), Sharing.LOTTERY: ("抽签", "by lottery"),
}  # fmt: skip
LACKS = {
    Sharing.FIRST_COME: (
        f"未给出申报时间（{APPLIED_AT}）",
        f"no row says when each applied ({APPLIED_AT})",
    ),
    Sharing.MERIT: (f"未给出评分（{SCORE}）", f"no row has a score ({SCORE})"),
    Sharing.LOTTERY: ("种子尚未公布", "no published seed was given"),
}


@dataclass(frozen=True)
class PotExplanation:
    """`bindings` as they stand in `told`'s words; `told` says how the pot was shared, or why that cannot be known."""

    bindings: list[Binding] = field(default_factory=list)
    told: list[Text] = field(default_factory=list)


def explain_pot(
    programme: Programme, claims: pl.DataFrame, as_of: date, id: str, seed: str | None = None
) -> PotExplanation:
    """For the claim `id` among `claims` (as `share_pot` takes them)."""
    pot = programme.pot
    if pot is None or claims.filter(pl.col(ID) == id).is_empty():
        return PotExplanation()
    if pot.budget_fen is None:
        unknown = Text(
            "政策条文未写明资金池预算，由此不能判定是否足够。",
            "The programme's text names no budget for its pot: whether it suffices cannot be told from it.",
        )
        return PotExplanation(told=[unknown])
    if sum_exactly(claims[CLAIM]) <= pot.budget_fen and not pot.quotas:
        return PotExplanation()
    if pot.sharing is Sharing.NOT_KNOWN:
        how = Text("资金池不足，如何分配未知。", "The pot does not suffice; how it is shared is not known.")
        return PotExplanation(told=[how])
    if _lacks_order(pot.sharing, claims, seed):
        return PotExplanation(told=[_bounds(programme, pot, claims, as_of, id)])
    try:
        shares = share_pot(programme, claims, as_of, seed=seed)
    except (InputError, ImportRefused) as error:
        why = "; ".join(str(problem) for problem in error.problems)
        return PotExplanation(
            told=[Text(f"资金池如何分配不能判定：{why}", f"How the pot is shared cannot be told: {why}")]
        )
    return PotExplanation([*bound_by_pot(programme, shares, id)], [_shared(shares, id), *_still_open(programme, as_of)])


def _lacks_order(mode: Sharing, claims: pl.DataFrame, seed: str | None) -> bool:
    column = {Sharing.FIRST_COME: APPLIED_AT, Sharing.MERIT: SCORE}.get(mode)
    return (column is not None and column not in claims.columns) or (mode is Sharing.LOTTERY and seed is None)


def _bounds(programme: Programme, pot: Pot, claims: pl.DataFrame, as_of: date, id: str) -> Text:
    """What the claim gets served first, by the very sharing; and last, where no reserve, quota or rule of whole
    payments lets it hang on the order of the others."""
    mine = pl.col(ID) == id
    (zh, en), (why_zh, why_en) = MODES[pot.sharing], LACKS[pot.sharing]
    try:
        first = claims.with_columns(pl.when(mine).then(0).otherwise(1).alias(APPLIED_AT))
        shares = share_pot(programme, first, as_of, sharing=Sharing.FIRST_COME)
    except (InputError, ImportRefused) as error:
        why = "; ".join(str(problem) for problem in error.problems)
        return Text(f"资金池如何分配不能判定：{why}", f"How the pot is shared cannot be told: {why}")
    best: int = shares.table.filter(mine)["paid_fen"].item()
    said = Text(
        f"资金池不足，{zh}分配；{why_zh}，申报截止前不能确定名次。排在最前可得 {yuan(best)} 元",
        f"The pot does not suffice and is shared {en}; {why_en}, and before applications close nobody can know the "
        f"order. Served first it gets {yuan(best)} CNY",
    )
    if pot.payment is Payment.PARTIAL and not pot.reserves and not pot.quotas:
        others = sum_exactly(claims.filter(~mine)[CLAIM])
        own: int = claims.filter(mine)[CLAIM].item()
        last = min(own, max(0, (pot.budget_fen or 0) - others))
        return Text(f"{said.zh}，排在最后可得 {yuan(last)} 元。", f"{said.en}, served last {yuan(last)} CNY.")
    return Text(f"{said.zh}。", f"{said.en}.")


def _shared(shares: Shares, id: str) -> Text:
    row = shares.table.filter(pl.col(ID) == id).row(0, named=True)
    zh, en = MODES[shares.sharing]
    place_zh = place_en = ""
    if row["rank"] is not None:
        place_zh, place_en = (
            f"，第 {row['rank']} 位，共 {shares.table.height} 项",
            (f", {row['rank']} of {shares.table.height} in order"),
        )
    if row["reserved_fen"]:
        place_zh += f"，其中 {yuan(row['reserved_fen'])} 元出自预留"
        place_en += f", {yuan(row['reserved_fen'])} CNY of it out of a reserve"
    return Text(
        f"资金池{zh}分配，以所给各行全部可得金额为申报{place_zh}：得 {yuan(row['paid_fen'])} 元。",
        f"The pot is shared {en}, all awards of the rows given taken as its claims{place_en}: "
        f"{yuan(row['paid_fen'])} CNY.",
    )


def _still_open(programme: Programme, as_of: date) -> list[Text]:
    deadline = deadline_of(programme, as_of)
    if not deadline.is_window or deadline.state not in ("open", "not_yet"):
        return []
    return [Text(f"申报至 {deadline.closes} 截止，此前结果可因新的申报而变。",
                 f"Applications close on {deadline.closes}; until then further claims may change this.")]  # fmt: skip

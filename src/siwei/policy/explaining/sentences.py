"""A decision in one sentence, in Chinese and English."""

from siwei.policy.explanation import AwardExplanation, ClauseExplanation, yuan
from siwei.policy.programmes import ClauseVerdict, Kind, Programme, Text, Verdict

UNSOURCED = Text(
    "（草案：有条款未注明出处，不发放资金）", " (A draft: some clauses cite no source, so no money is released.)"
)
EARLY = Text("（尚未生效，不发放资金）", " (Not put in force yet, so no money is released.)")
CHANGED = Text(
    "（发布后文本被改动，不发放资金）", " (Its text has changed since it was released, so no money is released.)"
)

UNRELEASED = Text("（该版本尚未发布，不发放资金）", " (This version was never released, so no money is paid by it.)")


def write_sentence(
    programme: Programme,
    verdict: Verdict,
    clauses: tuple[ClauseExplanation, ...],
    award: AwardExplanation,
    in_force: bool,
) -> Text:
    """The verdict in one sentence, with what decided it: the failed conditions, the missing facts, or the amount."""
    zh, en = programme.title.zh, programme.title.en
    tail = _why_draft(programme)
    if not in_force:
        return Text(f"{zh}在判定日不在有效期内。{tail.zh}", f"{en} is not in force on this day.{tail.en}")
    if verdict is Verdict.NOT_ELIGIBLE:
        failed = [clause.words for clause in clauses if clause.verdict is ClauseVerdict.NO]
        zh_reasons, en_reasons = "；".join(words.zh for words in failed), "; ".join(words.en for words in failed)
        return Text(
            f"不符合{zh}：未满足“{zh_reasons}”。{tail.zh}", f"Not eligible for {en}: not met: {en_reasons}.{tail.en}"
        )
    if verdict is Verdict.CANNOT_TELL:
        return _cannot_tell(programme, clauses, tail)
    if award.award_fen is None:
        names = [missing.name for missing in award.missing]
        return Text(
            f"符合{zh}，但金额尚不能算出{_needs_zh(names)}。{tail.zh}",
            f"Eligible for {en}, but the amount cannot be worked out yet{_needs_en(names)}.{tail.en}",
        )
    amount = yuan(award.award_fen)
    if programme.kind is Kind.TAX_SAVING:
        return Text(
            f"符合{zh}，估算节税 {amount} 元。{tail.zh}",
            f"Eligible for {en}: an estimated tax saving of {amount} CNY.{tail.en}",
        )
    return Text(f"符合{zh}，测算金额 {amount} 元。{tail.zh}", f"Eligible for {en}: {amount} CNY by the rules.{tail.en}")


def _why_draft(programme: Programme) -> Text:
    if not programme.is_draft:
        return Text("", "")
    if programme.released_otherwise is not None:
        return CHANGED
    if programme.never_released:
        return UNRELEASED
    return UNSOURCED if programme.unsourced else EARLY


def _cannot_tell(programme: Programme, clauses: tuple[ClauseExplanation, ...], tail: Text) -> Text:
    needed = {missing.attribute: missing.name for clause in clauses for missing in clause.missing}
    failed = [clause.id for clause in clauses if clause.verdict is ClauseVerdict.ERROR]
    zh, en = _needs_zh(list(needed.values())), _needs_en(list(needed.values()))
    if failed:
        zh, en = f"{zh}（条款计算出错：{'、'.join(failed)}）", f"{en} (clauses in error: {', '.join(failed)})"
    return Text(
        f"尚不能判定是否符合{programme.title.zh}{zh}。{tail.zh}",
        f"Cannot tell yet whether {programme.title.en} applies{en}.{tail.en}",
    )


def _needs_zh(names: list[Text]) -> str:
    return f"，需提供或证明：{'、'.join(name.zh for name in names)}" if names else ""


def _needs_en(names: list[Text]) -> str:
    return f"; to be given or proven: {', '.join(name.en for name in names)}" if names else ""

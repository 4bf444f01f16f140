"""The nearest change in words, in Chinese and English."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from siwei.policy.explanation import FactChange, NearestChange, Value, yuan
from siwei.policy.programmes import FactStatus, Kind, Programme, Text

PROOF = {
    FactStatus.DECLARED: Text("", ""),
    FactStatus.DOCUMENTED: Text("（附证明材料）", " (with documents)"),
    FactStatus.VERIFIED: Text("（经核验）", " (verified)"),
}


def write_nearest(
    programme: Programme, changes: Sequence[FactChange], distance: Fraction, award_fen: int | None
) -> NearestChange:
    parts = [_change(change) for change in changes]
    zh, en = "；".join(part.zh for part in parts), "; ".join(part.en for part in parts)
    amount = Text("", "")
    if award_fen is not None:
        money = yuan(award_fen)
        saving = programme.kind is Kind.TAX_SAVING
        amount = Text(
            f"，{'估算节税' if saving else '测算金额'} {money} 元",
            f", {'saving an estimated' if saving else 'for'} {money} CNY{' of tax' if saving else ''}",
        )
    sentence = Text(
        f"最少的改动：{zh}，即符合{programme.title.zh}{amount.zh}。",
        f"The least that would do: {en}; then {programme.title.en} applies{amount.en}.",
    )
    return NearestChange(tuple(changes), float(distance), award_fen, sentence)


def _change(change: FactChange) -> Text:
    zh, en = change.name.zh, change.name.en
    proof = PROOF[change.required]
    after = _value(change.after, change.unit)
    if change.after is None:
        listed_zh, listed_en = "、".join(change.other_than), ", ".join(change.other_than)
        after = Text(f"{listed_zh} 以外的值", f"something other than {listed_en}")
    match change.kind:
        case "prove":
            return Text(f"证明“{zh}”为 {after.zh}{proof.zh}", f"prove {en}: {after.en}{proof.en}")
        case "give":
            return Text(f"提供“{zh}”，例如 {after.zh}{proof.zh}", f"give {en}, such as {after.en}{proof.en}")
        case _:
            before = _value(change.before, change.unit)
            return Text(
                f"“{zh}”由 {before.zh} 变为 {after.zh}{proof.zh}", f"{en} from {before.en} to {after.en}{proof.en}"
            )


def _value(value: Value | None, unit: str | None) -> Text:
    if isinstance(value, bool):
        return Text("是", "yes") if value else Text("否", "no")
    if isinstance(value, int) and unit == "fen":
        return Text(f"{yuan(value)} 元", f"{yuan(value)} CNY")
    if isinstance(value, int):
        return Text(f"{value:,}", f"{value:,}")
    shown = value.isoformat() if isinstance(value, date) else str(value)
    return Text(shown, shown)

"""By which ties a contract's provider is a related party of the organisation that pays it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from siwei.policy.programmes import Text
from siwei.policy.related import Related, Tie
from siwei.policy.sources import IS_RELATED, ORGANISATION, PROVIDER


@dataclass(frozen=True, slots=True)
class RelatedShown:
    """`ties` are the fewest that make the two related, up from the provider to who controls both, then down; none for
    one and the same party."""

    organisation: str
    provider: str
    ties: tuple[Tie, ...]
    sentence: Text


def related_shown(row: Mapping[str, Any], graph: Related | None) -> RelatedShown | None:
    """Of a contract's row that says, or was told, that its provider is related; None where the ties do not say so."""
    organisation, provider = row.get(ORGANISATION), row.get(PROVIDER)
    if graph is None or not row.get(IS_RELATED) or not organisation or not provider:
        return None
    if not graph.is_related(provider, organisation):
        return None
    ties = graph.path(provider, organisation)
    if not ties:
        same = Text(f"供给方就是申请机构 {provider}。", f"The provider is the organisation itself, {provider}.")
        return RelatedShown(organisation, provider, (), same)
    steps = [tie_words(tie) for tie in ties]
    sentence = Text(
        f"供给方 {provider} 是 {organisation} 的关联方：{'；'.join(step.zh for step in steps)}。",
        f"The provider {provider} is a related party of {organisation}: {'; '.join(step.en for step in steps)}.",
    )
    return RelatedShown(organisation, provider, ties, sentence)


def tie_words(tie: Tie) -> Text:
    if tie.share_bp is None or tie.kind == "control":
        return Text(f"{tie.holder} 控制 {tie.held}", f"{tie.holder} controls {tie.held}")
    share = f"{tie.share_bp / 100:g}%"
    return Text(f"{tie.holder} 持有 {tie.held} {share}", f"{tie.holder} holds {share} of {tie.held}")

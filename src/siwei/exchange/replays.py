"""Replay what was decided: every recorded decision again, by the text of the programme it was made by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from siwei.city.attributes import Attribute
from siwei.errors import Conflict, NotFound, SiweiError
from siwei.exchange.decisions import replay_decision
from siwei.exchange.models import Decision
from siwei.policy.programmes import Programme
from siwei.policy.releases import load_version


@dataclass(frozen=True, slots=True)
class Replay:
    """`reason` says why the decision did not come out the same; empty where it did."""

    decision: str
    programme: str
    reason: str


def replay_decisions(pack: Path, attributes: Mapping[str, Attribute], keys: Sequence[str] = ()) -> tuple[Replay, ...]:
    """The decisions with these keys, or all, in the order they were made. `pack` holds the programmes' files, old
    versions among them. Raises NotFound for a key that no decision has."""
    chosen = Decision.objects.order_by("pk")
    if keys:
        chosen = chosen.filter(key__in=keys)
        missing = sorted(set(keys) - set(chosen.values_list("key", flat=True)))
        if missing:
            raise NotFound(f"no decision {', '.join(missing)} → a decision's key is on its page and in its event")
    return tuple(_replay(chosen.iterator(), pack, attributes))


def _replay(decisions: Iterator[Decision], pack: Path, attributes: Mapping[str, Attribute]) -> Iterator[Replay]:
    versions: dict[tuple[str, str], Programme | SiweiError] = {}
    for decision in decisions:
        version = (decision.programme, decision.version_sha256)
        if version not in versions:
            try:
                versions[version] = load_version(pack, *version, attributes)
            except SiweiError as error:
                versions[version] = error
        programme = versions[version]
        reason = str(programme) if isinstance(programme, SiweiError) else ""
        if not isinstance(programme, SiweiError):
            try:
                replay_decision(decision, programme, attributes)
            except Conflict as error:
                reason = str(error)
        yield Replay(decision.key, decision.programme, reason)

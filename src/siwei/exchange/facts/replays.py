"""Replay what was decided: every recorded decision again, by the text of the programme it was made by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from siwei.city.attributes import Attribute
from siwei.errors import NotFound, Said, SiweiError
from siwei.exchange.facts.decisions import replay_decision
from siwei.exchange.facts.person_facts import replay_person_decision
from siwei.exchange.models import Decision, PersonDecision
from siwei.exchange.people.vault import Erased
from siwei.policy.documents.releases import load_version
from siwei.policy.programmes import Programme

AnyDecision = TypeVar("AnyDecision", Decision, PersonDecision)


@dataclass(frozen=True, slots=True)
class Replay:
    """`reason` says why the decision did not come out the same; empty where it did. Of one that was erased
    nothing can be said any more, and nothing is wrong."""

    decision: str
    programme: str
    reason: str
    is_erased: bool = False


def replay_decisions(pack: Path, attributes: Mapping[str, Attribute], keys: Sequence[str] = ()) -> tuple[Replay, ...]:
    """The decisions with these keys, or all, in the order they were made; those for persons, of which nothing but the
    outcome is told, after the others. `pack` holds the programmes' files, old versions among them. Raises NotFound for
    a key that no decision has."""
    chosen, personal = Decision.objects.order_by("pk"), PersonDecision.objects.order_by("pk")
    if keys:
        chosen, personal = chosen.filter(key__in=keys), personal.filter(key__in=keys)
        missing = sorted(
            set(keys) - {key for found in (chosen, personal) for key in found.values_list("key", flat=True)}
        )
        if missing:
            raise NotFound(
                f"no decision {', '.join(missing)} → a decision's key is on its page and in its event",
                f"没有判定 {', '.join(missing)} → 判定的编号见其页面和事件",
            )
    versions = _Versions(pack, attributes)
    replays = [_replay(each, versions, replay_decision) for each in chosen.iterator()]
    return (*replays, *(_replay(each, versions, replay_person_decision) for each in personal.iterator()))


class _Versions:
    """Each version of a programme's text, read once."""

    def __init__(self, pack: Path, attributes: Mapping[str, Attribute]) -> None:
        self.pack, self.attributes = pack, attributes
        self.found: dict[tuple[str, str], Programme | SiweiError] = {}

    def load(self, programme: str, sha256: str) -> Programme:
        if (programme, sha256) not in self.found:
            try:
                self.found[programme, sha256] = load_version(self.pack, programme, sha256, self.attributes)
            except SiweiError as error:
                self.found[programme, sha256] = error
        found = self.found[programme, sha256]
        if isinstance(found, SiweiError):
            raise found
        return found


def _replay(
    decision: AnyDecision,
    versions: _Versions,
    replay: Callable[[AnyDecision, Programme, Mapping[str, Attribute]], object],
) -> Replay:
    try:
        replay(decision, versions.load(decision.programme, decision.version_sha256), versions.attributes)
    except Erased:
        return Replay(decision.key, decision.programme, "", is_erased=True)
    except SiweiError as error:
        return Replay(decision.key, decision.programme, Said(str(error), error.in_chinese()))
    return Replay(decision.key, decision.programme, "")

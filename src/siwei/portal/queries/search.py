"""Searching everything a reader may open, from memory where it can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from siwei.exchange.actors import Actor
from siwei.exchange.models import Job, Organisation
from siwei.policy.programmes import Programme
from siwei.portal.city_pack import chain, programmes
from siwei.portal.directory import syllable
from siwei.portal.languages import to_simplified
from siwei.portal.queries.jobs import NAMED
from siwei.portal.queries.organisations import Search, find_organisations, load_in_order

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Found:
    organisations: list[Organisation]
    organisation_count: int
    segments: list[dict[str, Any]]
    programmes: list[Programme]
    jobs: list[Job]

    @property
    def is_empty(self) -> bool:
        return not (self.organisations or self.segments or self.programmes or self.jobs)


def name_matches(words: list[str], *names: str) -> bool:
    """Every word is in one of the names, in its pinyin, or in its initials."""
    forms: list[str] = []
    for name in names:
        syllables = [syllable(character) for character in name]
        forms += [name.lower(), "".join(syllables), "".join(part[:1] for part in syllables)]
    return all(any(word in form for form in forms) for word in words)


def search_everything(text: str, actor: Actor) -> Found:
    words = to_simplified().convert(text).lower().split()[:8]
    if not words:
        return Found([], 0, [], [], [])
    matched = find_organisations(Search(text=text), actor)
    segments = [
        row for row in chain().segments.values() if name_matches(words, row["id"], row["name_zh"], row["name_en"])
    ]
    offered = [each for each in programmes().values() if name_matches(words, each.id, each.title.zh, each.title.en)]
    jobs = Job.objects.visible_to(actor).filter(key__icontains=text).select_related(NAMED).order_by("key")[:SHOWN]
    organisations = load_in_order(matched.get_column("id").head(SHOWN).to_list(), actor)
    return Found(organisations, matched.height, segments, offered, list(jobs))

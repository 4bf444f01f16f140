"""Of which size class an organisation is (大型 / 中型 / 小型 / 微型), and how that is worked out from its facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from siwei.policy.documents.loading_language import load_size_classes
from siwei.policy.explaining.size_explanation import SizeExplanation, explain_size
from siwei.policy.explanation import FactValue
from siwei.policy.language.size_classes import MEASURES, SizeClasses
from siwei.portal.city_pack import pack_directory

MAIN_INDUSTRY = "main_industry"


@dataclass(frozen=True, slots=True)
class SizeShown:
    """`facts` are those it stands on, by attribute; `found.size` is None where it cannot be told."""

    found: SizeExplanation
    main_industry: str | None
    facts: Mapping[str, FactValue]

    @property
    def missing(self) -> list[str]:
        """Attributes that would have to be known: the main industry first, else the measures that decide."""
        if self.main_industry is None:
            return [MAIN_INDUSTRY]
        return list(dict.fromkeys(name for each in self.found.industries for name in each.missing))


@cache
def size_classes() -> SizeClasses | None:
    return load_size_classes(pack_directory() / "programmes")


def size_class_of(known: Mapping[str, FactValue]) -> SizeShown | None:
    """From an organisation's facts by attribute; None where the pack has no size classes."""
    classes = size_classes()
    if classes is None:
        return None
    facts = {name: known[name] for name in (MAIN_INDUSTRY, *MEASURES) if name in known}
    named = facts.get(MAIN_INDUSTRY)
    industry = str(named.value) if named is not None else None
    measured = {name: fact.value for name, fact in facts.items() if isinstance(fact.value, int)}
    return SizeShown(explain_size(classes, industry, measured), industry, facts)

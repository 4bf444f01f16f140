"""Files that show facts, as pages, the API and applications tell them: of an organisation, a project, or oneself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.urls import reverse

from siwei.exchange.actors import Actor
from siwei.exchange.facts.fact_files import fact_files_of
from siwei.exchange.facts.person_files import PersonFileLabel, label_files, read_person_file
from siwei.exchange.files import PART_BYTES, whole_path
from siwei.exchange.models import FactFile, Organisation, PersonFile, Project
from siwei.portal.city_pack import decided_on, home_or_missing


@dataclass(frozen=True, slots=True)
class ShownFile:
    """`value` is what the fact says that it shows, canonical; `parts` are its bytes, read when they are wanted."""

    number: int
    attribute: str
    value: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    at: datetime
    by: str
    address: str
    parts: Callable[[], Iterable[bytes]] = field(repr=False, compare=False)


def shown_files(of: Organisation | Project) -> list[ShownFile]:
    """Of facts that hold today. Whoever asks must have looked at who may read them."""
    return [shown_file(each) for each in fact_files_of(of, decided_on())]


def shown_file(file: FactFile) -> ShownFile:
    return ShownFile(
        file.pk, file.shows.attribute, file.shows.value, file.name, file.file.media_type, file.file.size_bytes,
        file.file.sha256, file.at, file.file.person.username, reverse("fact-file-content", args=[file.pk]),
        lambda: _kept_parts(file.file.sha256),
    )  # fmt: skip


def shown_person_files(actor: Actor, facts: Iterable[int] | None = None) -> list[ShownFile]:
    """One's own; or those of `facts` (by number), which are before the operator who asks."""
    rows = PersonFile.objects.visible_to(actor).select_related("fact").defer("sealed").order_by("pk")
    chosen = rows.filter(person_id=actor.person_id or 0) if facts is None else rows.filter(fact__in=list(facts))
    return [_shown_label(each, actor) for each in label_files(chosen)]


def files_showing(attribute: str, values: Iterable[str], files: Iterable[ShownFile]) -> tuple[ShownFile, ...]:
    """Those of facts that say one of these canonical values: what shows another value shows nothing of this one."""
    said = set(values)
    return tuple(each for each in files if each.attribute == attribute and each.value in said)


def _shown_label(label: PersonFileLabel, actor: Actor) -> ShownFile:
    return ShownFile(
        label.number, label.attribute, label.value, label.name, label.media_type, label.size_bytes, label.sha256,
        label.at, "", reverse("person-file-content", args=[label.number]),
        lambda: (read_person_file(label.number, actor=actor)[1],),
    )  # fmt: skip


def _kept_parts(sha256: str) -> Iterator[bytes]:
    with whole_path(sha256, home_or_missing().files).open("rb") as file:
        while part := file.read(PART_BYTES):
            yield part

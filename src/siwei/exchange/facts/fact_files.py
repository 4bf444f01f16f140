"""Files that show a fact which an organisation declared of itself or of its project: kept for the reviewer who proves
it and for the application it goes into."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from siwei.errors import Conflict, NotFound, Said
from siwei.exchange.access import can_declare_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.facts.declared import source_of
from siwei.exchange.facts.projects import project_id
from siwei.exchange.facts.subjects import valid_on
from siwei.exchange.files import Source, plain_name, sha256_of_source, store_file, whole_path
from siwei.exchange.models import Fact, FactFile, KnownValue, Organisation, Person, Project

MOST_FILES = 10
"""Of one fact."""


@action
def attach_fact_file(
    of: Organisation | Project,
    attribute: str,
    source: Source,
    name: str,
    *,
    directory: Path,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> FactFile:
    """Attach a file to the latest own word of an organisation, or of a project's leader, on `attribute`. The same bytes
    by the same person are there once.

    NotFound where nothing was declared; InputError for a file that is too large or of no kind that is taken.
    """
    owner, subject = (of, f"organisation:{of.key}") if isinstance(of, Organisation) else _of_project(of)
    require(
        can_declare_for(actor, owner.pk),
        actor,
        Said(f"attach files to facts of {owner.name}", f"为 {owner.name} 的事实附文件"),
    )
    require(actor.person_id is not None, actor, Said("attach files without being a person", "不以个人身份附文件"))
    content = {"of": subject, "attribute": attribute, "name": name, "sha256": sha256_of_source(source)}
    if repeated("attach_fact_file", idempotency_key, content):
        return FactFile.objects.select_related("file", "fact", "project_fact").get(key=idempotency_key)
    fact = _latest(of, attribute, source_of(owner))
    person = Person.objects.get(pk=actor.person_id)
    stored = store_file(source, name, directory=directory, person=person, now=now)
    mine = {"fact": fact} if isinstance(fact, Fact) else {"project_fact": fact}
    already = FactFile.objects.select_related("file", "fact", "project_fact").filter(**mine)
    if (earlier := already.filter(file=stored).first()) is not None:
        return earlier
    if already.count() >= MOST_FILES:
        raise Conflict(
            f"{MOST_FILES} files show {attribute} already → put what is left into one archive",
            f"{attribute} 已附 {MOST_FILES} 个文件 → 请将其余文件打成一个压缩包",
        )
    attached = FactFile.objects.create(
        key=idempotency_key, file=stored, name=plain_name(name, stored.media_type), at=now, **mine
    )
    record_event(
        "attach_fact_file", idempotency_key, content, subject=subject, actor=actor, now=now, organisations=[owner],
        payload={
            "attribute": attribute, "source_ref": fact.source_ref, "title": attached.name, "sha256": stored.sha256,
            "size_bytes": stored.size_bytes,
        },
    )  # fmt: skip
    return attached


def read_fact_file(number: int, *, directory: Path, actor: Actor) -> tuple[FactFile, Path]:
    """The file and where its bytes lie, compared with their hash. NotFound for whom it does not concern."""
    found = FactFile.objects.visible_to(actor).select_related("file").filter(pk=number).first()
    if found is None:
        raise NotFound(f"no file {number} of a fact that you may see", f"没有您可查看的事实文件 {number}")
    return found, whole_path(found.file.sha256, directory)


def fact_files_of(of: Organisation | Project, as_of: date) -> Sequence[FactFile]:
    """The files of facts that hold on the day, in the order in which they were attached. Whoever asks must have looked
    at who may read them."""
    rows = FactFile.objects.select_related("file", "fact", "project_fact").order_by("pk")
    if isinstance(of, Organisation):
        return list(rows.filter(fact__in=valid_on(of.facts.all(), as_of)))
    return list(rows.filter(project_fact__in=valid_on(of.facts.all(), as_of)))


def _of_project(project: Project) -> tuple[Organisation, str]:
    return project.organisation, f"project:{project_id(project)}"


def _latest(of: Organisation | Project, attribute: str, source: str) -> KnownValue:
    """Locked, so that what is attached at the same moment is counted."""
    own = of.facts.select_for_update().filter(attribute=attribute, source=source)
    found = own.order_by("-valid_from", "-known_at", "-pk").first()
    if found is None:
        raise NotFound(
            f"nothing was declared of {attribute!r:.60} → declare it first, then attach what shows it",
            f"尚未填报 {attribute!r:.60} → 请先填报，再附上证明文件",
        )
    return found

"""Saving what was read from files: organisations, facts, merges, rejects and warnings, all in one transaction.

An import is whole or not at all: killed anywhere, it leaves nothing, and run again it does everything once. A file is
known
by the hash of its content; read again, it changes nothing and reports the same counts.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
from django.db import connection
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from siwei.city.firms import Counts, Gazetteer, Imported, build_gazetteer, merge_files, name_files, parse_files
from siwei.city.firms.merging import BY_CODE, KNOWN
from siwei.city.firms.opening import file_sha256
from siwei.city.firms.reading import ParsedFile
from siwei.city.home import open_home
from siwei.city.pack import Pack, load_pack
from siwei.city.population import generate, source_of, write_population
from siwei.errors import ImportRefused, Problem, Said
from siwei.exchange.access import can_operate, forbid_readers, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event
from siwei.exchange.bulk import fill_empty, insert_rows
from siwei.exchange.models import Fact, ImportFile, Merge, Organisation, Reject, RowWarning
from siwei.settings import load_settings

Progress = Callable[[str, int, int], None]
FETCH_ROWS = 50_000
FIELD_LENGTH = 60  # of Reject.field and RowWarning.field


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """Counts by file name, in the order given, and of all; `remarks` say what was not read again."""

    files: Mapping[str, Counts]
    remarks: tuple[str, ...] = ()

    @property
    def all(self) -> Counts:
        return sum(self.files.values(), Counts())

    def as_dict(self) -> dict[str, Any]:
        return {"files": {name: asdict(counts) for name, counts in self.files.items()}, "all": asdict(self.all)}


def counts_of(file: ImportFile) -> Counts:
    return Counts(file.read, file.created, file.merged, file.rejected)


def city_pack() -> Pack:
    """The pack of the city this process has open."""
    return load_pack(open_home(load_settings().city).pack_directory)


def pack_gazetteer(pack: Pack) -> Gazetteer:
    return build_gazetteer(pack.districts, pack.places, city=pack.identity.name_zh)


@forbid_readers
def import_firms(
    paths: Sequence[Path],
    *,
    actor: Actor,
    now: datetime,
    progress: Progress | None = None,
    pack: Pack | None = None,
    origin: str = "imported",
    source: str | None = None,
) -> ImportSummary:
    """Read files into organisations and dated facts. Raises `ImportRefused` (nothing is then saved) and `NotAllowed`.

    `progress(stage, done, total)` is called with the stages `read` (files) and `facts` (rows).
    """
    require(can_operate(actor), actor, Said("import firms", "导入企业"))
    pack = pack or city_pack()
    named = name_files(paths)
    hashes, remarks = _hash_all(named)
    # Reading takes no lock; a file imported meanwhile by another is noticed inside the transaction.
    seen = set(ImportFile.objects.filter(sha256__in=hashes.values()).values_list("sha256", flat=True))
    first_names = {digest: name for name, digest in reversed(hashes.items())}
    fresh = {name: named[name] for name, digest in hashes.items() if digest not in seen and first_names[digest] == name}
    parsed = parse_files(
        fresh,
        attributes=pack.attributes,
        gazetteer=pack_gazetteer(pack),
        today=timezone.localdate(now),
        progress=progress,
    )
    for file in parsed:
        if file.sha256 != hashes[file.name]:
            raise ImportRefused(
                [
                    Problem(
                        Said("the file changed while it was read", "文件在读取时发生变化"),
                        Said("import it again", "请重新导入"),
                        file.name,
                    )
                ]
            )
    _save(parsed, pack, actor=actor, now=now, origin=origin, source=source, progress=progress)
    saved = {each.sha256: each for each in ImportFile.objects.filter(sha256__in=hashes.values())}
    counts = {}
    for name, digest in hashes.items():
        record = saved[digest]
        counts[name] = counts_of(record) if first_names[digest] == name else Counts()
        if digest in seen:
            remarks.append(
                f"{name}: imported before as {record.name} on {timezone.localdate(record.imported_at)}; nothing to do"
            )
    return ImportSummary(counts, tuple(remarks))


@forbid_readers
def import_population(
    count: int,
    ai_count: int,
    seed: int,
    *,
    actor: Actor,
    now: datetime,
    as_of: date,
    pack: Pack,
    progress: Progress | None = None,
) -> ImportSummary:
    """Fill the city with generated firms, by the same path as any file; origin and source say that they are
    generated."""
    require(can_operate(actor), actor, Said("generate firms", "生成企业"))
    name = f"generated-{count}-{ai_count}-seed{seed}.csv"
    before = ImportFile.objects.filter(name=name).first()
    if before is not None:
        return ImportSummary({name: counts_of(before)}, (f"{name}: generated before; nothing to do",))
    with tempfile.TemporaryDirectory(prefix="siwei-population-") as folder:
        path = Path(folder) / name
        write_population(generate(count, ai_count, seed, pack=pack, as_of=as_of), path)
        return import_firms(
            [path], actor=actor, now=now, progress=progress, pack=pack, origin="generated", source=source_of(seed)
        )


def _hash_all(named: Mapping[str, Path]) -> tuple[dict[str, str], list[str]]:
    """The content hash of each file, every unreadable one in one refusal; and which are the same twice."""
    hashes: dict[str, str] = {}
    problems: list[Problem] = []
    remarks: list[str] = []
    for name, path in named.items():
        try:
            digest = file_sha256(path, name)
        except ImportRefused as refused:
            problems += refused.problems
            continue
        if digest in hashes.values():
            first = next(other for other, known in hashes.items() if known == digest)
            remarks.append(f"{name}: the same content as {first}; counted once, there")
        hashes[name] = digest
    if problems:
        raise ImportRefused(problems)
    return hashes, remarks


@action
def _save(
    parsed: list[ParsedFile],
    pack: Pack,
    *,
    actor: Actor,
    now: datetime,
    origin: str,
    source: str | None,
    progress: Progress | None,
) -> None:
    hold_imports()
    done = set(ImportFile.objects.filter(sha256__in=[file.sha256 for file in parsed]).values_list("sha256", flat=True))
    # The least trusted source first: between facts of equal standing, the one written last is read.
    fresh = sorted(
        (file for file in parsed if file.sha256 not in done), key=lambda file: (-file.shape.rank, file.sha256)
    )
    if not fresh:
        return
    imported = merge_files(
        fresh, attributes=pack.attributes, now=now, known=_known_organisations(), origin=origin, source=source
    )
    ids = _save_organisations(imported, now)
    files = _save_files(imported)
    _save_facts(imported, ids, now, progress)
    _save_rows(imported, ids, files)
    shas = sorted(file.sha256 for file in fresh)
    record_event(
        "import_firms",
        sha256("".join(shas).encode()).hexdigest(),
        {"files": shas},
        subject="import",
        actor=actor,
        now=now,
        payload={"files": {file.name: asdict(file.counts) for file in imported.files}, "origin": origin},
    )


def hold_imports() -> None:
    """Within an action: one import, or one merge undone, at a time (on SQLite the transaction itself is the lock).
    Which organisation a row is of depends on all that was imported before: two at once would make one each."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE exchange_importfile IN SHARE ROW EXCLUSIVE MODE")


def _known_organisations() -> pl.DataFrame:
    rows = Organisation.objects.order_by("pk").values_list("key", "code", "name_normalised")
    # Without the other names of merged rows, files imported one by one would end otherwise than together.
    aliases = Merge.objects.filter(reason=BY_CODE, undone_at=None).exclude(name_normalised="")
    aliases = aliases.exclude(name_normalised=F("organisation__name_normalised"))
    others = aliases.order_by("pk").values_list("organisation__key", "organisation__code", "name_normalised")
    chunks = (query.iterator(chunk_size=FETCH_ROWS) for query in (rows, others))
    return pl.DataFrame([row for chunk in chunks for row in chunk], schema=KNOWN, orient="row")


def _save_organisations(imported: Imported, now: datetime) -> pl.DataFrame:
    """Insert the new, teach the known; returns `key, id` of all organisations met."""
    for old_key, key, code in imported.adoptions.iter_rows():
        Organisation.objects.filter(key=old_key, code=None).update(key=key, code=code)
    new = imported.organisations.filter("is_new")
    columns = ["key", "code", "name", "name_normalised", "kind", "district", "founded_on", "origin"]
    rows = new.select(columns).with_columns(
        pl.col("district").fill_null(""), pl.col("founded_on").dt.to_string("%Y-%m-%d"),
        created_at=pl.lit(connection.ops.adapt_datetimefield_value(now)),
    )  # fmt: skip
    insert_rows(Organisation, [*columns, "created_at"], rows.iter_rows())
    known = imported.organisations.filter(~pl.col("is_new"))
    fill_empty(Organisation, "district", "", known.select("district", "key").drop_nulls().iter_rows())
    founded = known.select(pl.col("founded_on").dt.to_string("%Y-%m-%d"), "key").drop_nulls()
    fill_empty(Organisation, "founded_on", None, founded.iter_rows())
    # What is learned of an organisation that was merged belongs to the one it was merged into.
    pairs = Organisation.objects.order_by("pk").values_list("key", Coalesce("merged_into_id", "pk"))
    ids = pl.DataFrame(
        list(pairs.iterator(chunk_size=FETCH_ROWS)), schema={"key": pl.String, "id": pl.Int64}, orient="row"
    )
    return ids.join(imported.organisations.select("key"), on="key", how="semi")


def _save_files(imported: Imported) -> dict[str, int]:
    return {
        file.name: ImportFile.objects.create(
            name=file.name[-200:],
            sha256=file.sha256,
            shape=file.shape,
            header=list(file.header),
            **asdict(file.counts),
        ).pk
        for file in imported.files
    }


def _save_facts(imported: Imported, ids: pl.DataFrame, now: datetime, progress: Progress | None) -> None:
    columns = [
        "organisation_id",
        "attribute",
        "value",
        "valid_from",
        "known_at",
        "source",
        "source_ref",
        "status",
        "is_public",
    ]
    known_at = connection.ops.adapt_datetimefield_value(now)
    total, done = sum(file.rows.height for file in imported.files), 0
    for facts in imported.fact_slices():
        rows = facts.join(ids, on="key", how="left", maintain_order="left").select(
            "id", "attribute", "value", pl.col("valid_from").dt.to_string("%Y-%m-%d"), pl.lit(known_at), "source",
            "source_ref",
            "status", "is_public",
        )  # fmt: skip
        insert_rows(Fact, columns, rows.iter_rows())
        done = min(total, done + facts["source_ref"].n_unique())
        if progress:
            progress("facts", done, total)


def _save_rows(imported: Imported, ids: pl.DataFrame, files: Mapping[str, int]) -> None:
    file = pl.col("file").replace_strict(files, return_dtype=pl.Int64)
    field = pl.col("field").str.slice(0, FIELD_LENGTH)
    merges = imported.merges.join(ids, on="key", how="left", maintain_order="left").select(
        file, "row", "id", "reason", "name_normalised", "record"
    )
    columns = ["file_id", "row", "organisation_id", "reason", "name_normalised", "record"]
    insert_rows(Merge, columns, merges.iter_rows())
    rejects = imported.rejects.select(file, "row", field, "reason", "record")
    insert_rows(Reject, ["file_id", "row", "field", "reason", "record"], rejects.iter_rows())
    warnings = imported.warnings.select(file, "row", field, "message")
    insert_rows(RowWarning, ["file_id", "row", "field", "message"], warnings.iter_rows())

"""Stage 2: firms, from real files or, without any, from the generated population; and the demonstration's cast."""

from pathlib import Path

from siwei.city.population import generate, source_of, write_population
from siwei.errors import Conflict, NotFound
from siwei.exchange.actors import PLATFORM
from siwei.exchange.facts.imports import ImportSummary, import_firms
from siwei.exchange.models import ImportFile, Organisation, Origin
from siwei.run.cast import load_cast
from siwei.run.cast_parties import enter
from siwei.run.stage import Counts, Job

SEED = 20_260_701
FIRMS_PER_AI_FIRM = 10
AI_FIRMS_WITHOUT_A_COUNT = 2_000
POPULATION = "generated-population.csv"
SUFFIXES = (".csv", ".gz", ".parquet", ".xlsx")


def bring_in_firms(job: Job) -> Counts:
    """Import the real files there are; without any, and where none came before, the generated population.

    A city holds one or the other: real firms are never mixed into a generated population.
    """
    cast = load_cast(job.pack.directory, job.pack.attributes)
    if cast is not None:
        enter(job, cast)
    generated = ImportFile.objects.filter(name=POPULATION).exists()
    if job.data is not None:
        if generated:
            raise Conflict(
                f"{job.home.directory} holds a generated population; real files do not go into it "
                "→ make another city (CITY=DIR), or unset SIWEI_DATA"
            )
        return _counts(job, _import(job, real_files(job.data), Origin.IMPORTED, None))
    if not generated and ImportFile.objects.exists():
        return {**_population_counts(), "notes": ("SIWEI_DATA is not set: the firms imported before were kept",)}
    path = write_generated(job)
    return _counts(job, _import(job, [path], Origin.GENERATED, source_of(SEED)))


def real_files(data: Path) -> list[Path]:
    folder = data / "firms"
    files = sorted(each for each in folder.glob("*") if each.suffix in SUFFIXES) if folder.is_dir() else []
    if not files:
        raise NotFound(f"no files of firms in {folder} → put CSV, gz, Parquet or XLSX there, or unset SIWEI_DATA")
    return files


def write_generated(job: Job) -> Path:
    """About as many AI firms as the official count, among ten times as many: the same file whenever it is written."""
    path = job.home.directory / POPULATION
    if path.exists():
        return path
    official = job.pack.official_firm_count
    ai_firms = official.value if official is not None else AI_FIRMS_WITHOUT_A_COUNT
    firms = generate(ai_firms * FIRMS_PER_AI_FIRM, ai_firms, SEED, pack=job.pack, as_of=job.home.as_of)
    draft = path.with_name(f"new-{path.name}")
    write_population(firms, draft)
    draft.replace(path)
    return path


def _import(job: Job, files: list[Path], origin: Origin, source: str | None) -> ImportSummary:
    return import_firms(
        files, actor=PLATFORM, now=job.now(), progress=job.progress, pack=job.pack, origin=origin, source=source
    )


def _counts(job: Job, summary: ImportSummary) -> Counts:
    counts = summary.as_dict()
    return {**counts["all"], "files": len(counts["files"]), "organisations": _living(), "notes": summary.remarks}


def _population_counts() -> dict[str, int]:
    return {"organisations": _living(), "files": ImportFile.objects.count()}


def _living() -> int:
    return Organisation.objects.filter(merged_into=None).count()

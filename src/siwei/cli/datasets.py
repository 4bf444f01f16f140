"""`siwei datasets`: publish datasets from files on this machine, of any size; list, show, withdraw, verify."""

import hashlib
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from siwei.cli.app import City, Json, app, open_city
from siwei.cli.backup import disk_faults, end_on_signal
from siwei.cli.city_words import coded, heading, headings, line
from siwei.cli.output import print_json, print_line, print_table
from siwei.cli.progress import progress_bars
from siwei.errors import Conflict, InputError, NotFound, Problem, Said, chinese_of

datasets_app = App(name="datasets", help="Datasets under terms: publish them from this machine, see who has them.")
app.command(datasets_app)
TERMS_LIMIT_BYTES = 1_000_000


@datasets_app.command
def publish(
    offer: str,
    description: Path,
    /,
    *,
    terms: Path,
    files: Annotated[Path | None, Parameter(help="Folder of the files; left out, the description's own.")] = None,
    key: Annotated[
        str | None, Parameter(help="Sent again, it is the same version; left out, made of what is published.")
    ] = None,
    city: City = None,
    json: Json = False,
) -> None:
    """Publish the dataset of an offer, or a new version: whole, or not at all.

    Files are copied a part at a time, whatever their size, and compared with the description's SHA-256 before anything
    is published. Killed midway it has published nothing; run again it copies only the files that were not whole.

    Parameters
    ----------
    offer: the key of the offer
    description: Croissant 1.0 (JSON-LD); the files it names by a path lie under --files
    terms: a text file with the terms that takers accept
    """
    end_on_signal()
    home = open_city(city)
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.trading.dataset_publication import publish_dataset
    from siwei.market.croissant import read_croissant
    from siwei.market.json_ld import LIMIT_BYTES

    metadata, text = _read(description, LIMIT_BYTES), _text(terms)
    folder = files or description.parent
    named = {each.path for each in read_croissant(metadata, description.name).files if each.path is not None}
    wanted = key or hashlib.sha256(b"\0".join((offer.encode(), metadata, text.encode()))).hexdigest()[:40]
    with disk_faults(home.datasets), progress_bars(quiet=json) as show:
        version = publish_dataset(
            offer, metadata=metadata, terms=text,
            files={path: folder / path for path in named if (folder / path).exists()}, directory=home.datasets,
            actor=PLATFORM, now=timezone.now(), idempotency_key=wanted, progress=show,
        )  # fmt: skip
    kept = [(each.path, each.size_bytes, each.sha256, each.url) for each in version.files.order_by("number")]
    if json:
        print_json(_version(version) | {"files": [dict(zip(FILE_COLUMNS, row, strict=True)) for row in kept]})
        return
    print_line(line("published", version=version.number, dataset=version.dataset.key, name=version.name))
    print_table(line("files"), headings(FILE_COLUMNS), kept)


FILE_COLUMNS = ("path", "bytes", "sha256", "url")
LIST_COLUMNS = ("dataset", "version", "name", "provider", "licence", "files", "bytes", "accepted", "withdrawn")


@datasets_app.command(name="list")
def list_(*, city: City = None, json: Json = False) -> None:
    """List datasets with their newest version."""
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.portal.queries.datasets import datasets

    rows = []
    for dataset in datasets(PLATFORM):
        newest = list(dataset.versions.all())[-1]
        sizes = [each.size_bytes or 0 for each in newest.files.all()]
        rows.append((
            dataset.key, newest.number, newest.name, dataset.organisation.name, newest.licence, len(sizes), sum(sizes),
            newest.acceptances.count(), "yes" if newest.withdrawn_at else "",
        ))  # fmt: skip
    _show(line("datasets"), LIST_COLUMNS, rows, json)


@datasets_app.command
def show(dataset: str, /, *, version: int | None = None, city: City = None, json: Json = False) -> None:
    """Show a version: its files with their checksums, who accepted its terms, and who had what last.

    Parameters
    ----------
    dataset: its key
    version: its number; left out, the newest
    """
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.portal.queries.datasets import version_view

    view = version_view(dataset, version, PLATFORM)
    files = [(each.path, each.size_bytes, each.sha256, each.url) for each in view.files]
    accepted = [
        (each.organisation.key, each.organisation.name, each.accepted_at.isoformat()) for each in view.acceptances
    ]
    had = [(each.at.isoformat(), each.organisation.key, each.person.username, each.file.path) for each in view.accesses]
    if json:
        found = _version(view.version) | {"price_fen_per_licence": view.price_fen, "versions": view.numbers}
        tables: tuple[tuple[str, tuple[str, ...], list[Any]], ...] = (
            ("files", FILE_COLUMNS, files), ("accepted", ACCEPTED_COLUMNS, accepted), ("accesses", HAD_COLUMNS, had),
        )  # fmt: skip
        print_json(
            found | {name: [dict(zip(columns, row, strict=True)) for row in rows] for name, columns, rows in tables}
        )
        return
    for name, value in _version(view.version).items():
        called = heading(name)
        print_line(line("figure", name=Said(name.replace("_", " "), chinese_of(called)), value=value))
    print_table(line("files"), headings(FILE_COLUMNS), files)
    print_table(line("accepted_by"), headings(ACCEPTED_COLUMNS), accepted)
    print_table(line("had_last"), headings(HAD_COLUMNS), had)


ACCEPTED_COLUMNS = ("organisation", "name", "at")
HAD_COLUMNS = ("at", "organisation", "person", "path")


@datasets_app.command
def withdraw(dataset: str, version: int, /, *, city: City = None) -> None:
    """Hand nothing more over under a version's terms. Withdrawing again changes nothing.

    Parameters
    ----------
    dataset: its key
    version: its number
    """
    open_city(city)
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.trading.datasets import withdraw_terms

    done = withdraw_terms(dataset, version, actor=PLATFORM, now=timezone.now())
    print_line(line("withdrawn", version=done.number, dataset=dataset))


@datasets_app.command
def verify(*, city: City = None, json: Json = False) -> None:
    """Read every file kept here and compare it with its checksum. Exit code 6 where one is missing or another."""
    home = open_city(city)
    from siwei.exchange.files import whole_path
    from siwei.exchange.models import DatasetFile

    rows = []
    kept = DatasetFile.objects.filter(url="").order_by("sha256").values_list("sha256", flat=True).distinct()
    with progress_bars(quiet=json) as bars:
        for number, sha256 in enumerate(kept, 1):
            try:
                whole_path(sha256, home.datasets)
                rows.append((sha256, "whole"))
            except NotFound as error:
                rows.append((sha256, Said(str(error), error.in_chinese())))
            if bars is not None:
                bars("files", number, len(kept))
    _show(line("files"), ("sha256", "state"), rows, json)
    if wrong := sum(state != "whole" for _, state in rows):
        raise Conflict(
            f"{wrong} of {len(rows)} file(s) are not what was published → restore them from a backup",
            f"{len(rows)} 个文件中有 {wrong} 个与发布时不符 → 请从备份恢复",
        )


def _version(version: Any) -> dict[str, Any]:
    return {
        "dataset": version.dataset.key, "version": version.number, "name": version.name, "licence": version.licence,
        "offer": version.dataset.offer.key, "terms_sha256": version.terms_sha256,
        "published_at": version.published_at.isoformat(),
        "withdrawn_at": version.withdrawn_at.isoformat() if version.withdrawn_at else None,
    }  # fmt: skip


def _show(title: str, names: tuple[str, ...], rows: list[Any], json: bool) -> None:
    if json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table(title, headings(names), coded(names, rows))


def _read(path: Path, limit_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit_bytes + 1)
    except OSError as error:
        message = Said(f"{path} cannot be read ({error.strerror})", f"{path} 无法读取（{error.strerror}）")
        raise InputError([Problem(message, Said("name a file that is there", "请指定存在的文件"))]) from None
    if len(content) > limit_bytes:
        message = Said(f"{path} is longer than {limit_bytes} bytes", f"{path} 超过 {limit_bytes} 字节")
        raise InputError([Problem(message, Said("give a shorter one", "请给出较短的文件"))])
    return content


def _text(path: Path) -> str:
    try:
        return _read(path, TERMS_LIMIT_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        message = Said(f"{path} is not in UTF-8", f"{path} 不是 UTF-8 编码")
        raise InputError([Problem(message, Said("save it as UTF-8", "请存为 UTF-8"), field="--terms")]) from None

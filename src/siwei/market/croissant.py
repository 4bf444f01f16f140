"""Croissant 1.0: a dataset's description as JSON-LD, read with every fault and its place, and written out again.

Of the format (MLCommons, https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html) what a reader must be able
to rely on is checked: the required properties, files with their checksums, sets inside files, fields with their
sources, every reference. What is not known here is kept and given back as it came. Nothing is fetched or unpacked.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from siwei.errors import InputError, Problem, Said
from siwei.market.croissant_faults import SIZE, faults_of, licences_of
from siwei.market.json_ld import id_of, items_of, parsed, property_of, references_of, spelling_of, type_of

MOST_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class FileObject:
    """A file of the description. `path` is its place among the files handed over, None for one that lies elsewhere
    (`url`) or inside another (`contained_in`)."""

    id: str
    name: str
    media_type: str
    sha256: str
    path: str | None
    url: str
    contained_in: tuple[str, ...]
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Croissant:
    """A description that was checked. `document` is the whole of it, as it came."""

    name: str
    description: str
    licence: str
    version: str
    files: tuple[FileObject, ...]
    fields: int
    document: Mapping[str, Any]


def read_croissant(content: bytes | str, file: str = "croissant.json") -> Croissant:
    """Raises InputError with every fault found, each with its place in the document."""
    document = parsed(content, file)
    faults = list(faults_of(document))
    if faults:
        more = (
            []
            if len(faults) <= MOST_PROBLEMS
            else [
                Problem(
                    Said(f"and {len(faults) - MOST_PROBLEMS} more", f"另有 {len(faults) - MOST_PROBLEMS} 处"), file=file
                )
            ]
        )
        told = [Problem(what, fix, file=file, field=place) for place, what, fix in faults[:MOST_PROBLEMS]]
        raise InputError([*told, *more])
    return Croissant(
        str(document["name"]),
        str(document["description"]),
        licences_of(document)[0],
        str(document.get("version", "")),
        tuple(_file(each) for each in items_of(document, "distribution") if type_of(each) == "FileObject"),
        sum(len(items_of(record, "field")) for record in items_of(document, "recordSet")),
        document,
    )


def written_croissant(croissant: Croissant, addresses: Mapping[str, str], changes: Mapping[str, Any]) -> str:
    """The description for others: each file at the address it is had at here (by its id), `changes` put over it."""
    document = dict(croissant.document) | dict(changes)
    document["distribution"] = [
        {**each, spelling_of(each, "contentUrl"): addresses[id_of(each)]} if id_of(each) in addresses else each
        for each in items_of(croissant.document, "distribution")
    ]
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _file(each: Mapping[str, Any]) -> FileObject:
    url, inner = str(property_of(each, "contentUrl")), references_of(each.get("containedIn"))
    media = property_of(each, "encodingFormat")
    is_here = "://" not in url[:20] and not inner
    size = SIZE.fullmatch(str(each.get("contentSize", "")))
    return FileObject(
        id_of(each),
        str(each.get("name") or id_of(each))[:200],
        str(media[0] if isinstance(media, list) and media else media)[:100],
        str(each.get("sha256") or "").lower(),
        url if is_here else None,
        url if "://" in url[:20] else "",
        tuple(inner),
        int(size[1]) if size and (size[2] or "B").lower() in ("b", "byte", "bytes") else None,
    )

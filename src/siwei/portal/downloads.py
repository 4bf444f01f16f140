"""Files that people gave, or their jobs left, handed out as files: never shown as a page of ours, whatever they say
they are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from siwei.exchange.files import PART_BYTES, UnsatisfiableRange, read_part, wanted_range


@dataclass(frozen=True, slots=True)
class Handed:
    """`sha256` is empty where nobody took it."""

    name: str
    sha256: str
    size_bytes: int


def hand_over(request: HttpRequest, file: Handed, directory: Path) -> HttpResponseBase:
    """A kept file's bytes, whole or the part that `Range` asks for."""
    try:
        part = wanted_range(request.headers.get("Range", ""), file.size_bytes)
    except UnsatisfiableRange:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{file.size_bytes}"})
    if request.method == "HEAD":
        return headed(HttpResponse(), file)
    first, last = part or (0, file.size_bytes - 1)
    return headed(StreamingHttpResponse(read_part(file.sha256, directory, first, last)), file, part)


def hand_over_open(request: HttpRequest, name: str, opened: BinaryIO) -> HttpResponseBase:
    """An open file's bytes, likewise; it is closed when they are sent, or need not be."""
    file = Handed(name, "", os.fstat(opened.fileno()).st_size)
    try:
        part = wanted_range(request.headers.get("Range", ""), file.size_bytes)
    except UnsatisfiableRange:
        opened.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{file.size_bytes}"})
    if request.method == "HEAD":
        opened.close()
        return headed(HttpResponse(), file)
    first, last = part or (0, file.size_bytes - 1)
    return headed(StreamingHttpResponse(_OpenPart(opened, first, last)), file, part)


@dataclass(frozen=True, slots=True)
class _OpenPart:
    """No generator: one that never began would leave the file open when its response is closed."""

    opened: BinaryIO
    first: int
    last: int

    def __iter__(self) -> Iterator[bytes]:
        self.opened.seek(self.first)
        left = self.last - self.first + 1
        while left > 0 and (part := self.opened.read(min(PART_BYTES, left))):
            left -= len(part)
            yield part

    def close(self) -> None:
        self.opened.close()


def headed(
    response: HttpResponseBase,
    file: Handed,
    part: tuple[int, int] | None = None,
    *,
    told: Mapping[str, str] | None = None,
) -> HttpResponseBase:
    """With the headers of a whole file, or of the `part` (first and last byte) that was asked for. `told` are headers
    whose values came from outside: what is not plain ASCII is left out of them."""
    first, last = part or (0, file.size_bytes - 1)
    response.status_code = 206 if part else 200
    for name, value in (told or {}).items():
        response.headers[name] = "".join(each for each in value if each.isascii() and each.isprintable())
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Length"] = str(last - first + 1)
    response.headers["Accept-Ranges"] = "bytes"
    if file.sha256:
        response.headers["ETag"] = f'"{file.sha256}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
    if part:
        response.headers["Content-Range"] = f"bytes {first}-{last}/{file.size_bytes}"
    return response

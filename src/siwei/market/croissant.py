"""Croissant 1.0: a dataset's description as JSON-LD, read with every fault and its place, and written out again.

Of the format (MLCommons, https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html) what a reader must be able
to rely on is checked: the required properties, files with their checksums, sets inside files, fields with their
sources, every reference. What is not known here is kept and given back as it came. Nothing is fetched or unpacked.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from siwei.errors import InputError, Problem, Said

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
LIMIT_BYTES = 1024 * 1024
MOST_DEPTH = 40
MOST_NODES = 50_000
MOST_FILES = 1_000
MOST_FIELDS = 5_000
MOST_PROBLEMS = 50
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
WEB = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[^\s\"<>\\^`{|}]*)?")
SIZE = re.compile(r"([0-9]{1,18})(?: ?(B|bytes?|KB|MB|GB|TB))?", re.IGNORECASE)
NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]')
DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""Names that some systems take for devices."""
SPELLINGS = {"sc": "https://schema.org/", "cr": "http://mlcommons.org/croissant/", "dct": "http://purl.org/dc/terms/"}
SOURCES = ("fileObject", "fileSet", "distribution")


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
    document = _parsed(content, file)
    faults = list(_faults(document))
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
        _licences(document)[0],
        str(document.get("version", "")),
        tuple(_file(each) for each in _items(document, "distribution") if _type(each) == "FileObject"),
        sum(len(_items(record, "field")) for record in _items(document, "recordSet")),
        document,
    )


def written_croissant(croissant: Croissant, addresses: Mapping[str, str], changes: Mapping[str, Any]) -> str:
    """The description for others: each file at the address it is had at here (by its id), `changes` put over it."""
    document = dict(croissant.document) | dict(changes)
    document["distribution"] = [
        {**each, _spelling(each, "contentUrl"): addresses[_id(each)]} if _id(each) in addresses else each
        for each in _items(croissant.document, "distribution")
    ]
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def name_fault(path: str) -> str:
    """Why a file must not be called so; empty where it may. A name is one path, relative, of plain parts."""
    if not 0 < len(path) <= 400 or not path.isprintable():
        return Said("1 to 400 characters, all of them printable", "1 至 400 个可打印字符")
    if NOT_IN_A_NAME.search(path):
        return Said(
            "no backslash, colon, quotation mark, wild card or mark that turns text around",
            "不含反斜杠、冒号、引号、通配符或改变文字方向的符号",
        )
    parts = path.split("/")
    if any(part in ("", ".", "..") or part != part.strip() or part.endswith(".") for part in parts):
        return Said(
            "a path of plain names: none empty, `.` or `..`, none that begins or ends with a blank or ends in a dot",
            "由普通名称组成的路径：不为空，不是 `.` 或 `..`，首尾无空格，不以点结尾",
        )
    if any(DEVICES.fullmatch(part) for part in parts) or any(len(part.encode("utf-8")) > 200 for part in parts):
        return Said("no device's name, and no name longer than 200 bytes", "不是设备名，每个名称不超过 200 字节")
    return ""


Fault = tuple[str, str, str]
"""Where in the document, what is wrong, what to do."""


def _parsed(content: bytes | str, file: str) -> dict[str, Any]:
    def refuse(what: str, fix: str) -> InputError:
        return InputError([Problem(what, fix, file=file)])

    if len(content) > LIMIT_BYTES:
        raise refuse(
            Said(f"more than {LIMIT_BYTES} bytes", f"超过 {LIMIT_BYTES} 字节"),
            Said("describe the files, do not list every record", "请描述文件，不要逐条列出记录"),
        )

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a property stands twice in one object")
        return found

    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is no number of JSON")

    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        document = json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        words = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise refuse(
            Said(f"it cannot be read: {words}", f"无法读取：{words}"),
            Said("give JSON-LD in UTF-8", "请用 UTF-8 的 JSON-LD"),
        ) from None
    if not isinstance(document, dict):
        raise refuse(
            Said("it is no JSON object", "它不是 JSON 对象"),
            Said("give one dataset's description", "请给出一个数据集的描述"),
        )
    nodes = 0
    waiting: list[tuple[Any, int]] = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        nodes += 1
        if nodes > MOST_NODES or depth > MOST_DEPTH:
            raise refuse(
                Said(
                    f"more than {MOST_NODES} values, or {MOST_DEPTH} levels",
                    f"超过 {MOST_NODES} 个值，或 {MOST_DEPTH} 层",
                ),
                Said("describe it more simply", "请写得简单些"),
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise refuse(
                Said("a number is too large", "数字过大"),
                Said("write it smaller, or as a text", "请写小些，或写成文字"),
            )
        texts = [value] if isinstance(value, str) else list(value) if isinstance(value, dict) else []
        if any("\0" in text or (not text.isascii() and _is_torn(text)) for text in texts):
            raise refuse(
                Said("a text holds a NUL or half a character", "文字中有 NUL 或半个字符"),
                Said("write it in UTF-8", "请用 UTF-8"),
            )
        below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(each, depth + 1) for each in below]
    return document


def _is_torn(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    if _type(document) != "Dataset":
        yield "@type", Said("this describes no dataset", "这不是数据集的描述"), Said("sc:Dataset", "sc:Dataset")
    conforms = _get(document, "conformsTo")
    conforms = conforms.get("@id") if isinstance(conforms, dict) else conforms
    if conforms != CONFORMS_TO:
        yield (
            "conformsTo",
            Said(
                f"it is not said to be Croissant 1.0 but {conforms!r:.80}",
                f"没有声明为 Croissant 1.0，而是 {conforms!r:.80}",
            ),
            CONFORMS_TO,
        )
    for name, most in (("name", 200), ("description", 20_000)):
        value = document.get(name)
        if not isinstance(value, str) or not 0 < len(value.strip()) <= most:
            yield (
                name,
                Said(
                    f"{name} is missing, or no text of 1 to {most} characters",
                    f"缺少 {name}，或不是 1 至 {most} 个字符的文字",
                ),
                Said(f"write its {name}", f"请填写 {name}"),
            )
    if not _licences(document):
        yield (
            "license",
            Said("the licence is missing", "缺少许可证"),
            Said(
                "name it by its address, such as https://spdx.org/licenses/CC-BY-4.0",
                "请写其地址，例如 https://spdx.org/licenses/CC-BY-4.0",
            ),
        )
    version = document.get("version", "")
    if not isinstance(version, str | int | float) or len(str(version)) > 60:
        yield "version", Said("the version is no short text", "版本不是短文字"), Said("such as 1.0.0", "例如 1.0.0")
    url = document.get("url")
    if url is not None and not (isinstance(url, str) and re.fullmatch(r"https?://\S{1,500}", url)):
        yield "url", Said("this is no address of a page", "这不是网页地址"), "https://…"
    known: dict[str, str] = {}
    yield from _distribution_faults(document, known)
    yield from _record_faults(document, known)


def _distribution_faults(document: Mapping[str, Any], known: dict[str, str]) -> Iterator[Fault]:
    value = document.get("distribution")
    files = _items(document, "distribution")
    if not files or len(files) > MOST_FILES or (isinstance(value, list) and len(value) != len(files)):
        yield (
            "distribution",
            Said(f"it names no files, or more than {MOST_FILES}", f"没有写明文件，或超过 {MOST_FILES} 个"),
            Said("a list of cr:FileObject and cr:FileSet", "由 cr:FileObject 和 cr:FileSet 组成的列表"),
        )
    paths: set[str] = set()
    for index, each in enumerate(files):
        place, kind, own = f"distribution[{index}]", _type(each), _id(each)
        if kind not in ("FileObject", "FileSet"):
            yield (
                f"{place}.@type",
                Said(f"this is no file: {each.get('@type')!r:.60}", f"这不是文件：{each.get('@type')!r:.60}"),
                Said("cr:FileObject or cr:FileSet", "cr:FileObject 或 cr:FileSet"),
            )
        if not own or len(own) > 200 or own in known:
            yield (
                f"{place}.@id",
                Said("a file needs an @id of its own", "文件须有自己的 @id"),
                Said("1 to 200 characters, used once", "1 至 200 个字符，只用一次"),
            )
        known[own] = kind
        yield from (_object_faults if kind == "FileObject" else _set_faults)(place, each, paths)
    for index, each in enumerate(files):
        for target in _references(each.get("containedIn")):
            if known.get(target) is None or target == _id(each):
                yield (
                    f"distribution[{index}].containedIn",
                    Said(f"no file {target!r:.80}", f"没有文件 {target!r:.80}"),
                    Said("the @id of another file", "另一文件的 @id"),
                )
    yield from _circles(files)


def _object_faults(place: str, each: Mapping[str, Any], paths: set[str]) -> Iterator[Fault]:
    url, inner = _get(each, "contentUrl"), _references(each.get("containedIn"))
    if not isinstance(url, str) or not url:
        yield (
            f"{place}.contentUrl",
            Said("the file's place is missing", "缺少文件的位置"),
            Said("its path, or its https address", "其路径，或 https 地址"),
        )
    elif "://" in url[:20] or url.startswith("//"):
        if not WEB.fullmatch(url) or len(url) > 1000:
            yield (
                f"{place}.contentUrl",
                Said(f"no address that can be given out: {url!r:.80}", f"不能给出的地址：{url!r:.80}"),
                Said("https://, without a name or key", "https://，不含用户名或密钥"),
            )
    elif fault := name_fault(url):
        yield f"{place}.contentUrl", Said(f"a file cannot be called {url!r:.80}", f"文件不能叫 {url!r:.80}"), fault
    elif url in paths and not inner:
        yield (
            f"{place}.contentUrl",
            Said(f"two files are called {url!r:.80}", f"两个文件同名 {url!r:.80}"),
            Said("give each its own path", "请各用自己的路径"),
        )
    else:
        paths.add(url)
    if not isinstance(_get(each, "encodingFormat"), str | list):
        yield (
            f"{place}.encodingFormat",
            Said("the media type is missing", "缺少媒体类型"),
            Said("such as text/csv", "例如 text/csv"),
        )
    sha256 = each.get("sha256")
    if not inner and not (isinstance(sha256, str) and SHA256.fullmatch(sha256)):
        yield (
            f"{place}.sha256",
            Said("the checksum is missing, or is none", "缺少校验和，或不是校验和"),
            Said("64 hexadecimal digits", "64 位十六进制数字"),
        )
    size = each.get("contentSize")
    if size is not None and not (isinstance(size, str | int) and SIZE.fullmatch(str(size))):
        yield (
            f"{place}.contentSize",
            Said(f"no size: {size!r:.40}", f"不是大小：{size!r:.40}"),
            Said("such as 1024 B", "例如 1024 B"),
        )


def _set_faults(place: str, each: Mapping[str, Any], _paths: set[str]) -> Iterator[Fault]:
    includes = each.get("includes")
    patterns = includes if isinstance(includes, list) else [includes]
    if not all(isinstance(pattern, str) and 0 < len(pattern) <= 400 and ".." not in pattern for pattern in patterns):
        yield (
            f"{place}.includes",
            Said(
                "which files belong to the set is missing, or leads out of it", "没有写明集合包含哪些文件，或超出集合"
            ),
            Said("such as images/*.png", "例如 images/*.png"),
        )
    if not isinstance(_get(each, "encodingFormat"), str | list):
        yield (
            f"{place}.encodingFormat",
            Said("the media type is missing", "缺少媒体类型"),
            Said("such as image/png", "例如 image/png"),
        )


def _circles(files: list[Mapping[str, Any]]) -> Iterator[Fault]:
    inside = {_id(each): _references(each.get("containedIn")) for each in files}
    for index, each in enumerate(files):
        seen: set[str] = set()
        waiting = list(inside.get(_id(each), ()))
        while waiting:
            target = waiting.pop()
            if target == _id(each):
                yield (
                    f"distribution[{index}].containedIn",
                    Said("a file contains itself", "文件包含自己"),
                    Said("name what it really lies in", "请写它实际所在"),
                )
                break
            if target not in seen:
                seen.add(target)
                waiting += inside.get(target, ())


def _record_faults(document: Mapping[str, Any], files: Mapping[str, str]) -> Iterator[Fault]:
    records = _items(document, "recordSet")
    value = document.get("recordSet", [])
    if isinstance(value, list | dict) is False or (isinstance(value, list) and len(value) != len(records)):
        yield (
            "recordSet",
            Said("these are no record sets", "这不是记录集"),
            Said("a list of cr:RecordSet", "cr:RecordSet 的列表"),
        )
    names = set(files)
    fields: list[tuple[str, Mapping[str, Any]]] = []
    for index, record in enumerate(records):
        place = f"recordSet[{index}]"
        if _type(record) != "RecordSet" or not _id(record) or _id(record) in names:
            yield (
                place,
                Said(
                    "a record set needs the type cr:RecordSet and an @id of its own",
                    "记录集须有类型 cr:RecordSet 和自己的 @id",
                ),
                Said("see Croissant 1.0", "见 Croissant 1.0"),
            )
        names.add(_id(record))
        found = _items(record, "field")
        if not found and "data" not in record:
            yield (
                f"{place}.field",
                Said("a record set needs fields", "记录集须有字段"),
                Said("a list of cr:Field", "cr:Field 的列表"),
            )
        fields += [(f"{place}.field[{number}]", each) for number, each in enumerate(found)]
    if len(fields) > MOST_FIELDS:
        yield (
            "recordSet",
            Said(f"more than {MOST_FIELDS} fields", f"超过 {MOST_FIELDS} 个字段"),
            Said("describe fewer", "请少描述一些"),
        )
        return
    for place, each in fields:
        if _type(each) != "Field" or not _id(each) or _id(each) in names:
            yield (
                place,
                Said("a field needs the type cr:Field and an @id of its own", "字段须有类型 cr:Field 和自己的 @id"),
                Said("see Croissant 1.0", "见 Croissant 1.0"),
            )
        names.add(_id(each))
        if not isinstance(_get(each, "dataType"), str | list) and "subField" not in each:
            yield (
                f"{place}.dataType",
                Said("what a field holds is missing", "没有写明字段的内容类型"),
                Said("such as sc:Text", "例如 sc:Text"),
            )
    for place, each in fields:
        source = each.get("source")
        targets = [target for name in SOURCES if isinstance(source, dict) for target in _references(source.get(name))]
        for target in targets:
            if target not in files:
                yield (
                    f"{place}.source",
                    Said(f"no file {target!r:.80}", f"没有文件 {target!r:.80}"),
                    Said("the @id of a file of distribution", "distribution 中某文件的 @id"),
                )


def _file(each: Mapping[str, Any]) -> FileObject:
    url, inner = str(_get(each, "contentUrl")), _references(each.get("containedIn"))
    media = _get(each, "encodingFormat")
    is_here = "://" not in url[:20] and not inner
    size = SIZE.fullmatch(str(each.get("contentSize", "")))
    return FileObject(
        _id(each),
        str(each.get("name") or _id(each))[:200],
        str(media[0] if isinstance(media, list) and media else media)[:100],
        str(each.get("sha256") or "").lower(),
        url if is_here else None,
        url if "://" in url[:20] else "",
        tuple(inner),
        int(size[1]) if size and (size[2] or "B").lower() in ("b", "byte", "bytes") else None,
    )


def _type(each: Mapping[str, Any]) -> str:
    """`sc:Dataset`, `https://schema.org/Dataset` and `Dataset` are one."""
    value = each.get("@type")
    names = [str(name) for name in (value if isinstance(value, list) else [value])]
    return next((re.split(r"[:/#]", name)[-1] for name in names), "")


def _get(each: Mapping[str, Any], name: str) -> Any:
    return each.get(_spelling(each, name))


def _spelling(each: Mapping[str, Any], name: str) -> str:
    """How the document writes a property: plain, with a prefix, or in full."""
    for prefix, whole in SPELLINGS.items():
        for spelt in (name, f"{prefix}:{name}", f"{whole}{name}"):
            if spelt in each:
                return spelt
    return name


def _id(each: Mapping[str, Any]) -> str:
    value = each.get("@id")
    return value if isinstance(value, str) else ""


def _items(each: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects under a property, which may hold one or several; what is no object is left out."""
    value = each.get(name)
    found = value if isinstance(value, list) else [value]
    return [item for item in found if isinstance(item, dict)]


def _references(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [str(item.get("@id", "") if isinstance(item, dict) else item) for item in found if item is not None]


def _licences(document: Mapping[str, Any]) -> list[str]:
    value = _get(document, "license")
    found = value if isinstance(value, list) else [value]
    named = [item.get("url") or item.get("@id") if isinstance(item, dict) else item for item in found]
    return [name for name in named if isinstance(name, str) and 0 < len(name.strip()) <= 500]

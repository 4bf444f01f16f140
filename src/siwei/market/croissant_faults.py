"""What is wrong with a description in Croissant 1.0, each with its place in the document."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from siwei.errors import Said
from siwei.market.file_names import name_fault
from siwei.market.json_ld import id_of, items_of, property_of, references_of, type_of

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
MOST_FILES = 1_000
MOST_FIELDS = 5_000
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
WEB = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[^\s\"<>\\^`{|}]*)?")
SIZE = re.compile(r"([0-9]{1,18})(?: ?(B|bytes?|KB|MB|GB|TB))?", re.IGNORECASE)
SOURCES = ("fileObject", "fileSet", "distribution")
Fault = tuple[str, str, str]
"""Where in the document, what is wrong, what to do."""


def faults_of(document: Mapping[str, Any]) -> Iterator[Fault]:
    if type_of(document) != "Dataset":
        yield "@type", Said("this describes no dataset", "这不是数据集的描述"), Said("sc:Dataset", "sc:Dataset")
    conforms = property_of(document, "conformsTo")
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
    if not licences_of(document):
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
    files = items_of(document, "distribution")
    if not files or len(files) > MOST_FILES or (isinstance(value, list) and len(value) != len(files)):
        yield (
            "distribution",
            Said(f"it names no files, or more than {MOST_FILES}", f"没有写明文件，或超过 {MOST_FILES} 个"),
            Said("a list of cr:FileObject and cr:FileSet", "由 cr:FileObject 和 cr:FileSet 组成的列表"),
        )
    paths: set[str] = set()
    for index, each in enumerate(files):
        place, kind, own = f"distribution[{index}]", type_of(each), id_of(each)
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
        for target in references_of(each.get("containedIn")):
            if known.get(target) is None or target == id_of(each):
                yield (
                    f"distribution[{index}].containedIn",
                    Said(f"no file {target!r:.80}", f"没有文件 {target!r:.80}"),
                    Said("the @id of another file", "另一文件的 @id"),
                )
    yield from _circles(files)


def _object_faults(place: str, each: Mapping[str, Any], paths: set[str]) -> Iterator[Fault]:
    url, inner = property_of(each, "contentUrl"), references_of(each.get("containedIn"))
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
    if not isinstance(property_of(each, "encodingFormat"), str | list):
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
    if not isinstance(property_of(each, "encodingFormat"), str | list):
        yield (
            f"{place}.encodingFormat",
            Said("the media type is missing", "缺少媒体类型"),
            Said("such as image/png", "例如 image/png"),
        )


def _circles(files: list[Mapping[str, Any]]) -> Iterator[Fault]:
    inside = {id_of(each): references_of(each.get("containedIn")) for each in files}
    for index, each in enumerate(files):
        seen: set[str] = set()
        waiting = list(inside.get(id_of(each), ()))
        while waiting:
            target = waiting.pop()
            if target == id_of(each):
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
    records = items_of(document, "recordSet")
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
        if type_of(record) != "RecordSet" or not id_of(record) or id_of(record) in names:
            yield (
                place,
                Said(
                    "a record set needs the type cr:RecordSet and an @id of its own",
                    "记录集须有类型 cr:RecordSet 和自己的 @id",
                ),
                Said("see Croissant 1.0", "见 Croissant 1.0"),
            )
        names.add(id_of(record))
        found = items_of(record, "field")
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
        if type_of(each) != "Field" or not id_of(each) or id_of(each) in names:
            yield (
                place,
                Said("a field needs the type cr:Field and an @id of its own", "字段须有类型 cr:Field 和自己的 @id"),
                Said("see Croissant 1.0", "见 Croissant 1.0"),
            )
        names.add(id_of(each))
        if not isinstance(property_of(each, "dataType"), str | list) and "subField" not in each:
            yield (
                f"{place}.dataType",
                Said("what a field holds is missing", "没有写明字段的内容类型"),
                Said("such as sc:Text", "例如 sc:Text"),
            )
    for place, each in fields:
        source = each.get("source")
        targets = [target for name in SOURCES if isinstance(source, dict) for target in references_of(source.get(name))]
        for target in targets:
            if target not in files:
                yield (
                    f"{place}.source",
                    Said(f"no file {target!r:.80}", f"没有文件 {target!r:.80}"),
                    Said("the @id of a file of distribution", "distribution 中某文件的 @id"),
                )


def licences_of(document: Mapping[str, Any]) -> list[str]:
    value = property_of(document, "license")
    found = value if isinstance(value, list) else [value]
    named = [item.get("url") or item.get("@id") if isinstance(item, dict) else item for item in found]
    return [name for name in named if isinstance(name, str) and 0 < len(name.strip()) <= 500]

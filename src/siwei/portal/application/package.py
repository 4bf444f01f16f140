"""The package: the application in both languages as DOCX and PDF, the explanation as JSON, and the files that show its
facts, in one archive."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict
from typing import IO

from siwei.errors import InputError, Problem, Said
from siwei.policy.explanation import FactValue
from siwei.portal.application.content import Application, attached_files, packed_name, write_document
from siwei.portal.application.docx_file import write_docx
from siwei.portal.application.pdf_file import write_pdf

MEDIA_TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
    "json": "application/json",
    "zip": "application/zip",
}
LANGUAGES = ("zh-hans", "zh-hant", "en")
PACKED = (("zh", "zh-hans"), ("en", "en"))
NOTICE = {
    "zh": "非官方表格，由平台根据所列日期的事实生成。",
    "en": "Not an official form; generated from facts as of the day named.",
}


def application_file(application: Application, form: str, language: str) -> bytes:
    """One file: `docx` or `pdf` in a language, `json`, or the whole package as `zip`. Raises InputError."""
    check_form(form, language)
    if form == "zip":
        return application_package(application)
    if form == "json":
        return explanation_json(application)
    document = write_document(application, language)
    return write_pdf(document) if form == "pdf" else write_docx(document, application.explanation.as_of)


def check_form(form: str, language: str) -> None:
    """Raises InputError."""
    if form not in MEDIA_TYPES:
        raise InputError(
            [
                Problem(
                    Said(f"no form {form!r}", f"没有格式 {form!r}"),
                    fix=Said(f"one of {', '.join(MEDIA_TYPES)}", f"{'、'.join(MEDIA_TYPES)} 之一"),
                    field="form",
                )
            ]
        )
    if language not in LANGUAGES:
        raise InputError(
            [
                Problem(
                    Said(f"no language {language!r}", f"没有语言 {language!r}"),
                    fix=Said(f"one of {', '.join(LANGUAGES)}", f"{'、'.join(LANGUAGES)} 之一"),
                    field="language",
                )
            ]
        )


def application_files(application: Application) -> dict[str, bytes]:
    """What is written for the package, by name; the files that show facts stand beside it."""
    files = {
        f"application-{short}.{form}": application_file(application, form, language)
        for short, language in PACKED
        for form in ("docx", "pdf")
    }
    return files | {"explanation.json": explanation_json(application)}


def application_package(application: Application) -> bytes:
    """The same facts and files give the same bytes."""
    buffer = io.BytesIO()
    write_package(application, buffer)
    return buffer.getvalue()


def write_package(application: Application, target: IO[bytes]) -> None:
    """The same, written part by part: files that show facts are never held whole. Raises NotFound where one of them is
    not what was attached."""
    day = application.explanation.as_of
    moment = (day.year, day.month, day.day, 0, 0, 0)
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in application_files(application).items():
            archive.writestr(_member(name, moment, zipfile.ZIP_DEFLATED), content)
        for name, file in attached_files(application):
            part = _member(name, moment, zipfile.ZIP_STORED)
            part.file_size = file.size_bytes
            with archive.open(part, "w") as member:
                for each in file.parts():
                    member.write(each)


def _member(name: str, moment: tuple[int, int, int, int, int, int], packed: int) -> zipfile.ZipInfo:
    part = zipfile.ZipInfo(name, moment)
    part.compress_type, part.external_attr = packed, 0o644 << 16
    return part


def explanation_json(application: Application) -> bytes:
    """The whole explanation with sources, what to attach, and until when; for programs."""
    made = {
        "notice": NOTICE,
        "generated": application.applicant.is_generated,
        "applicant": asdict(application.applicant),
        "explanation": application.explanation.to_dict(),
        "evidence": [
            {
                "attribute": each.attribute,
                "state": each.state,
                "required": each.required.name.lower(),
                "clauses": each.clauses,
                "fact": None if each.fact is None else _fact(each.fact),
                "files": [
                    {
                        "name": packed_name(number, file),
                        "media_type": file.media_type,
                        "size_bytes": file.size_bytes,
                        "sha256": file.sha256,
                    }
                    for number, file in enumerate(each.files, 1)
                ],
            }
            for each in application.evidence
        ],
        "deadline": asdict(application.deadline),
    }
    return json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True, default=str).encode()


def _fact(fact: FactValue) -> dict[str, object]:
    return {
        "value": fact.value,
        "status": fact.status.name.lower(),
        "source": fact.source,
        "source_ref": fact.source_ref,
        "valid_from": fact.valid_from,
    }

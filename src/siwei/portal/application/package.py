"""The package: the application in both languages as DOCX and PDF, and the explanation as JSON, in one archive."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict

from siwei.errors import InputError, Problem, Said
from siwei.policy.explanation import FactValue
from siwei.portal.application.content import Application, write_document
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
    if form == "zip":
        return application_package(application)
    if form == "json":
        return explanation_json(application)
    document = write_document(application, language)
    return write_pdf(document) if form == "pdf" else write_docx(document, application.explanation.as_of)


def application_files(application: Application) -> dict[str, bytes]:
    """What the package holds, by name."""
    files = {
        f"application-{short}.{form}": application_file(application, form, language)
        for short, language in PACKED
        for form in ("docx", "pdf")
    }
    return files | {"explanation.json": explanation_json(application)}


def application_package(application: Application) -> bytes:
    """The same facts give the same bytes."""
    day = application.explanation.as_of
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in application_files(application).items():
            part = zipfile.ZipInfo(name, (day.year, day.month, day.day, 0, 0, 0))
            part.compress_type, part.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(part, content)
    return buffer.getvalue()


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

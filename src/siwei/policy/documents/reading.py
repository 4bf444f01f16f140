"""Read one of a pack's YAML files into a document of its schema, or say everything that is wrong with it."""

import codecs
import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from siwei.city.pack_yaml import KeyPath, YamlDocument, read_yaml
from siwei.errors import PolicyError, Problem, Said, said_between
from siwei.policy.bounded import read_bounded
from siwei.policy.documents.form_words import form_fault
from siwei.policy.places import with_line

LARGEST_FILE = 256 * 1024
MOST_PROBLEMS = 100
MOST_SHOWN = 80
"""Characters of a wrong value or name."""
"""Of a file's form that are told one by one."""
PAGE = "docs/reference/programme.md"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file's text, where its values stand, and the hash of its bytes."""

    text: str
    yaml: YamlDocument
    sha256: str


@dataclass(frozen=True, slots=True)
class Form(Generic[Model]):
    """What could be read of a file: `document` is None where it is not of its schema; `problems` say all that is
    wrong with its form."""

    document: Model | None
    file: ReadFile
    problems: tuple[Problem, ...]


def read_document(path: Path, model: type[Model], page: str = PAGE) -> tuple[Model, ReadFile]:
    """Raises PolicyError with every problem; `page` of the documentation lists the fields."""
    form = read_form(path, model, page)
    if form.document is None or form.problems:
        raise PolicyError(form.problems)
    return form.document, form.file


def read_form(path: Path, model: type[Model], page: str = PAGE, largest: int = LARGEST_FILE) -> Form[Model]:
    """Raises PolicyError where nothing in the file can be read."""
    content = _read_bounded(path, largest)
    unmarked = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = unmarked.decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        before = unmarked[: error.start]
        line, column = before.count(b"\n") + 1, len(before[before.rfind(b"\n") + 1 :].decode()) + 1
        is_wide = content.startswith(UTF_16)
        message = (
            Said("is UTF-16, not UTF-8", "是 UTF-16，不是 UTF-8") if is_wide else Said("is not UTF-8", "不是 UTF-8")
        )
        fix = Said("save it as UTF-8", "请存为 UTF-8")
        raise PolicyError([Problem(message, fix, str(path), line, column)]) from None
    document = read_yaml(text, str(path))
    problems = [with_line(problem, text) for problem in document.problems]
    if problems and not document.value:
        raise PolicyError(problems)
    file = ReadFile(text, document, hashlib.sha256(content).hexdigest())
    try:
        return Form(model.model_validate(document.value), file, tuple(problems))
    except ValidationError as error:
        places = {(problem.line, problem.column) for problem in problems}
        found = _schema_problems(error, document, str(path), model, page)
        # What is told of a place already is not told of it again.
        more = [with_line(each, text) for each in found if (each.line, each.column) not in places]
        return Form(None, file, (*problems, *more))


def _read_bounded(path: Path, largest: int) -> bytes:
    try:
        content = read_bounded(path, largest)
    except OSError as error:
        message = Said(f"cannot be read ({error.strerror})", f"无法读取（{error.strerror}）")
        raise PolicyError([Problem(message, Said("check the path", "请检查路径"), str(path))]) from None
    if len(content) > largest:
        message = Said(f"is larger than {largest // 1024} KiB", f"大于 {largest // 1024} KiB")
        fix = Said("a programme is a few kilobytes of rules", "一项政策是几千字节的规则")
        raise PolicyError([Problem(message, fix, str(path), 1)])
    return content


def _schema_problems(
    error: ValidationError, document: YamlDocument, file: str, model: type[BaseModel], page: str
) -> list[Problem]:
    details = error.errors(include_url=False)
    told = [_schema_problem(dict(detail), document, file, model, page) for detail in details[:MOST_PROBLEMS]]
    if len(details) > MOST_PROBLEMS:
        more = len(details) - MOST_PROBLEMS
        message = Said(f"{more} more faults of its form", f"另有 {more} 处格式错误")
        told.append(Problem(message, Said("mend these first", "请先改正以上各处"), file))
    return told


def _schema_problem(
    detail: dict[str, Any], document: YamlDocument, file: str, model: type[BaseModel], page: str
) -> Problem:
    location: KeyPath = detail["loc"]
    known = next(path for path in _prefixes(location) if path in document.places)
    name = ".".join(str(part) for part in location)
    match detail["type"]:
        case "missing":
            message = Said(f"{location[-1]} is missing", f"缺少 {location[-1]}")
            fix = Said(f"add `{location[-1]}:`", f"请补上 `{location[-1]}:`")
            return Problem(message, fix, file, *document.places[known], name)
        case "extra_forbidden":
            near = difflib.get_close_matches(str(location[-1]), _fields_at(location[:-1], model), n=1, cutoff=0.5)
            if near:
                fix = Said(f"did you mean {near[0]!r}?", f"是否应为 {near[0]!r}？")
            else:
                fix = Said(f"remove it; {page} lists the fields", f"请删去；各字段见 {page}")
            wrong = _cut(str(location[-1]))
            message = Said(f"no such field {wrong!r}", f"没有字段 {wrong!r}")
            return Problem(message, fix, file, *document.places[known], name)
        case _:
            written = f"{_cut(detail['input'])!r}: " if isinstance(detail["input"], str) else ""
            if detail["type"] in ("model_type", "dict_type"):
                mapping = Said(f"{name or 'the file'} is no mapping", f"{name or '文件'} 不是键与值")
                lines = Said("write `key: value` lines", "请写成 `key: value` 的行")
                return Problem(mapping, lines, file, *document.places[known], name)
            told, see = said_between(written, form_fault(detail)), Said(f"see {page}", f"见 {page}")
            return Problem(told, see, file, *document.places[known], name)


def _cut(written: str) -> str:
    """What was written, as far as it is shown."""
    return written if len(written) <= MOST_SHOWN else f"{written[: MOST_SHOWN - 1]}…"


def _prefixes(location: KeyPath) -> list[KeyPath]:
    return [location[:length] for length in range(len(location), -1, -1)]


def _fields_at(location: KeyPath, model: type[BaseModel]) -> list[str]:
    """The fields the schema has at a place, found by following the classes."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            found = _models_in(model.model_fields[part].annotation)
            model = found[0] if found else model
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]

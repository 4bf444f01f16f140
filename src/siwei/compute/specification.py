"""What a job is: a command, its files, and the bounds it runs under."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import PurePosixPath
from typing import Any

from siwei.errors import InputError, Problem, Said

JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
# A variable that changes what the loader or the interpreter runs is the sandbox's business, never the job's.
REFUSED_VARIABLES = ("LD_", "PYTHON", "PATH", "HOME", "SIWEI_")
MAXIMUM_FILES_BYTES = 16 * 1024 * 1024
MAXIMUM_ARGUMENTS_BYTES = 64 * 1024
BOUNDS: Mapping[str, tuple[int, int]] = {
    "count": (1, 1024),
    "wall_limit_s": (1, 30 * 24 * 3600),
    "cpu_limit_s": (1, 1024 * 30 * 24 * 3600),
    "memory_mb": (32, 4 * 1024 * 1024),
    "disk_mb": (1, 1024 * 1024),
    "processes": (1, 4096),
    "log_kb": (1, 64 * 1024),
}


@dataclass(frozen=True, slots=True)
class WorkingFile:
    """A file laid into the job's work directory before it starts; `path` is relative, with `/`."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job, whole: the same specification gives the same run on any engine.

    `accelerator` is a model as the centre names it, or `cpu`; `count` is how many of it. `environment` holds the only
    variables the job sees besides those the engine sets. Limits are for the whole job, not per process.
    A job has no network.
    """

    command: tuple[str, ...]
    files: tuple[WorkingFile, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    accelerator: str = "cpu"
    count: int = 1
    wall_limit_s: int = 600
    cpu_limit_s: int = 600
    memory_mb: int = 1024
    disk_mb: int = 256
    processes: int = 32
    log_kb: int = 1024

    def __post_init__(self) -> None:
        checks = (_command_problems, _file_problems, _environment_problems, _bound_problems)
        problems = [problem for check in checks for problem in check(self)]
        if problems:
            raise InputError(problems)
        # Order says nothing in an environment; JSON stores do not keep it.
        object.__setattr__(self, "environment", tuple(sorted(self.environment)))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` gives an equal specification back."""
        values = asdict(self)
        values["command"] = list(self.command)
        values["files"] = [
            {"path": file.path, "content_base64": base64.b64encode(file.content).decode()} for file in self.files
        ]
        values["environment"] = dict(self.environment)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "JobSpec":
        """Raises InputError for a missing, unknown or ill-formed member."""
        unknown = sorted(set(values) - {member.name for member in fields(cls)})
        if unknown:
            raise InputError(
                [
                    Problem(
                        Said("no such member of a job", "作业没有这个成员"), fix=Said("remove it", "请去掉"), field=name
                    )
                    for name in unknown
                ]
            )
        try:
            members = dict(values)
            if isinstance(members["command"], str):
                raise TypeError("command is a list of words")
            members["command"] = tuple(members["command"])
            members["files"] = tuple(
                WorkingFile(file["path"], base64.b64decode(file["content_base64"], validate=True))
                for file in members.get("files", ())
            )
            members["environment"] = tuple(dict(members.get("environment", {})).items())
            return cls(**members)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise InputError(
                [
                    Problem(
                        Said(f"not a job specification ({error})", f"不是作业说明（{error}）"),
                        fix=Said("see JobSpec.as_dict", "见 JobSpec.as_dict"),
                    )
                ]
            ) from None


def check_job_id(job_id: str) -> str:
    """A job's id names a directory: letters, digits, dot, dash, underscore, at most 80."""
    if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
        fix = Said(
            "1–80 of A–Z a–z 0–9 . _ -, the first a letter or digit", "1–80 个 A–Z a–z 0–9 . _ -，首字符为字母或数字"
        )
        raise InputError(
            [
                Problem(
                    Said(f"job id {job_id!r:.100} cannot be used", f"作业编号 {job_id!r:.100} 不能使用"),
                    fix=fix,
                    field="job_id",
                )
            ]
        )
    return job_id


def is_safe_path(path: str) -> bool:
    """Whether `path` stays inside the directory it is joined to, on any file system."""
    parts = path.split("/")
    return (
        0 < len(path) <= 200
        and not PurePosixPath(path).is_absolute()
        and all(part not in ("", ".", "..") for part in parts)
        and path.isprintable()
    )


def _is_text(value: object) -> bool:
    """Whether it can be passed to a program at all: no NUL, no half of a surrogate pair."""
    return isinstance(value, str) and not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)


def _command_problems(spec: JobSpec) -> list[Problem]:
    if not spec.command or not all(_is_text(word) for word in spec.command) or not spec.command[0].strip():
        return [
            Problem(
                Said("a job needs a command", "作业须有命令"),
                fix=Said('words, such as ["python", "train.py"]', '若干个词，例如 ["python", "train.py"]'),
                field="command",
            )
        ]
    if sum(len(word.encode()) + 1 for word in spec.command) > MAXIMUM_ARGUMENTS_BYTES:
        return [
            Problem(
                Said("the command is too long", "命令过长"),
                fix=Said(f"at most {MAXIMUM_ARGUMENTS_BYTES} bytes", f"不超过 {MAXIMUM_ARGUMENTS_BYTES} 字节"),
                field="command",
            )
        ]
    return []


def _file_problems(spec: JobSpec) -> list[Problem]:
    problems = [
        Problem(
            Said(
                f"working file {file.path!r:.100} leaves the work directory",
                f"工作文件 {file.path!r:.100} 超出工作目录",
            ),
            fix=Said("use a relative path", "请用相对路径"),
            field="files",
        )
        for file in spec.files
        if not isinstance(file.path, str) or not is_safe_path(file.path)
    ]
    paths = [file.path for file in spec.files]
    if len(set(paths)) != len(paths):
        problems.append(
            Problem(
                Said("a working file is given twice", "工作文件给了两次"),
                fix=Said("name each file once", "每个文件只写一次"),
                field="files",
            )
        )
    if sum(len(file.content) for file in spec.files) > MAXIMUM_FILES_BYTES:
        fix = Said(f"at most {MAXIMUM_FILES_BYTES} bytes", f"不超过 {MAXIMUM_FILES_BYTES} 字节")
        problems.append(Problem(Said("the working files are too large", "工作文件过大"), fix=fix, field="files"))
    return problems


def _environment_problems(spec: JobSpec) -> list[Problem]:
    problems = []
    for name, value in spec.environment:
        if not _is_text(name) or not VARIABLE.fullmatch(name) or not _is_text(value) or len(value.encode()) > 4096:
            fix = Said("a name and a short text", "一个名称和一段短文字")
            problems.append(
                Problem(
                    Said(f"variable {name!r:.100} cannot be set", f"变量 {name!r:.100} 不能设置"),
                    fix=fix,
                    field="environment",
                )
            )
        elif name.upper().startswith(REFUSED_VARIABLES):
            fix = Said("leave it out", "请去掉")
            problems.append(
                Problem(
                    Said(f"variable {name!r} is set by the engine only", f"变量 {name!r} 只由引擎设置"),
                    fix=fix,
                    field="environment",
                )
            )
    if len(dict(spec.environment)) != len(spec.environment):
        problems.append(
            Problem(
                Said("a variable is given twice", "变量给了两次"),
                fix=Said("name each once", "每个只写一次"),
                field="environment",
            )
        )
    return problems


def _bound_problems(spec: JobSpec) -> list[Problem]:
    problems = []
    for name, (low, high) in BOUNDS.items():
        value = getattr(spec, name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            problems.append(
                Problem(
                    Said(f"{value!r:.40} is out of bounds", f"{value!r:.40} 超出范围"),
                    fix=Said(f"a whole number {low}–{high}", f"{low}–{high} 的整数"),
                    field=name,
                )
            )
    if not _is_text(spec.accelerator) or not 0 < len(spec.accelerator) <= 60:
        problems.append(
            Problem(
                Said("no accelerator named", "没有写明加速卡"),
                fix=Said("a model's name, or cpu", "型号名称，或 cpu"),
                field="accelerator",
            )
        )
    return problems

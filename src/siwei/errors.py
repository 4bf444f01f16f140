"""Every error a caller may meet.

    SiweiError
    ├── InputError            what was given cannot be used; carries every problem found, not only the first
    │   ├── PackError         a city pack is wrong
    │   ├── PolicyError       a programme is wrong
    │   └── ImportRefused     a file cannot be read at all (single bad rows are kept as rejects instead)
    ├── NotFound              no such city, organisation, programme, job …
    ├── NotAllowed            the actor may not do this
    │   ├── SignInNeeded      nobody may, before it is known who asks
    │   └── ConfirmationNeeded not before they show their second factor (or use an access key that was granted it)
    ├── Conflict              the state of the world does not allow this (already signed, hold expired …)
    │   └── InsufficientFunds a hold or capture would overdraw an account
    ├── CallRefused           a call of a model is not admitted; `code` says why in the words of the OpenAI protocol
    ├── EngineError           an engine could not do what was asked of a job
    │   ├── RetryableEngineError  trying the same again later may help (machine busy, disk full, supervisor not started)
    │   └── FinalEngineError      trying the same again cannot help (unknown accelerator, no such command form)
    └── EnvironmentMissing    the machine lacks something (bubblewrap, a database server, built assets)

The command line prints the message, never a traceback, and exits with `exit_code`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace


class Said(str):
    """A saying made in both languages where it is raised: an English text that knows its Chinese. 繁體 is derived when
    shown. Logs and programs go on with the English; whoever shows it asks `chinese_of`, as the command line does where
    the terminal's locale is Chinese.

    An error makes one of its two arguments: `Conflict(f"round {key} is shared", f"轮次 {key} 已分配")`.
    """

    __slots__ = ("zh",)
    zh: str

    def __new__(cls, en: str, zh: str) -> "Said":
        made = super().__new__(cls, en)
        made.zh = zh
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        return str.__str__(self), self.zh


def said_between(before: str, text: str, after: str = "") -> str:
    """The text in each language with the same before and behind it: what was written, a line with a caret."""
    made = f"{before}{text}{after}"
    return Said(made, f"{before}{text.zh}{after}") if isinstance(text, Said) else made


def chinese_of(text: str) -> str:
    """The Chinese of a saying; a text that is in one language only stays as it is."""
    return text.zh if isinstance(text, Said) else text


@dataclass(frozen=True, slots=True)
class Saying:
    """What is wrong and what to do, in both languages, for a table of them by kind. Values stand in braces; of a value
    that is `Said` each text takes its own language."""

    en: str
    zh: str
    fix_en: str
    fix_zh: str

    def told(self, **values: object) -> tuple[Said, Said]:
        return filled(self.en, self.zh, values), filled(self.fix_en, self.fix_zh, values)


def filled(en: str, zh: str, values: Mapping[str, object]) -> Said:
    """Two texts with values in braces; of a value that is `Said` each takes its own language."""
    chinese = {name: chinese_of(value) if isinstance(value, str) else value for name, value in values.items()}
    return Said(en.format(**values), zh.format(**chinese))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: what, where, and what to do about it."""

    message: str
    fix: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    field: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part not in ("", None))
        text = f"{place}: {self.message}" if place else self.message
        if self.field:
            text = f"{text} [{self.field}]"
        return f"{text} → {self.fix}" if self.fix else text

    def as_dict(self) -> dict[str, object]:
        """For programs, in both languages."""
        return {**asdict(self), "message_zh": chinese_of(self.message), "fix_zh": chinese_of(self.fix)}

    def in_chinese(self) -> "Problem":
        return replace(self, message=chinese_of(self.message), fix=chinese_of(self.fix))


class SiweiError(Exception):
    exit_code = 1

    def __init__(self, message: str = "", zh: str = "") -> None:
        """`message` in English and `zh` the same in Chinese; or a message that is `Said` already."""
        super().__init__(Said(message, zh) if zh else message)

    def in_chinese(self) -> str:
        """What `str` says in English."""
        return chinese_of(self.args[0]) if self.args else ""


class InputError(SiweiError):
    exit_code = 3

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems = (Problem(problems),) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def in_chinese(self) -> str:
        return "\n".join(str(problem.in_chinese()) for problem in self.problems)


class PackError(InputError):
    pass


class PolicyError(InputError):
    pass


class ImportRefused(InputError):
    pass


class NotFound(SiweiError):
    exit_code = 4


class NotAllowed(SiweiError):
    exit_code = 5


class SignInNeeded(NotAllowed):
    pass


class ConfirmationNeeded(NotAllowed):
    """`reason` is a value of `siwei.exchange.actors.Confirmation`: what is missing."""

    def __init__(self, message: str, reason: str) -> None:
        self.reason = reason
        super().__init__(message)


class Conflict(SiweiError):
    exit_code = 6


class InsufficientFunds(Conflict):
    pass


class CallRefused(SiweiError):
    exit_code = 5

    def __init__(self, code: str, message: str, retry_after_s: int | None = None) -> None:
        self.code, self.retry_after_s = code, retry_after_s
        super().__init__(message)


class EngineError(SiweiError):
    exit_code = 8


class RetryableEngineError(EngineError):
    pass


class FinalEngineError(EngineError):
    pass


class EnvironmentMissing(SiweiError):
    exit_code = 7

"""What a check finds in a programme that can be read: faults apart from what is only worth knowing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum

from siwei.errors import Problem, Said
from siwei.policy.constants import Setting
from siwei.policy.documents.finding_words import kind_of, told
from siwei.policy.language.tree import Node
from siwei.policy.places import Places
from siwei.policy.programmes import Programme


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` names the check, so that a program can tell findings apart."""

    severity: Severity
    kind: str
    programme: str
    problem: Problem

    def as_dict(self) -> dict[str, object]:
        return {
            "severity": str(self.severity),
            "kind": self.kind,
            "programme": self.programme,
            **self.problem.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """One version of a programme, where its parts stand, the day of the check, and until when the documents of the
    pack are valid, by name."""

    programme: Programme
    places: Places
    today: date
    documents_until: Mapping[str, date] = field(default_factory=dict)

    def clause_path(self, index: int) -> tuple[str | int, ...]:
        return ("clauses", index, "expr")

    def at_node(
        self, severity: Severity, key: str, path: tuple[str | int, ...], text: str, node: Node, **values: object
    ) -> Finding:
        """A finding at a node of the expression `text` at `path`, said as `finding_words` has it."""
        message, fix = told(key, **values)
        before = text[: node.offset]
        line, column = before.count("\n") + 1, node.offset - (before.rfind("\n") + 1) + 1
        problem = self.places.problem(path, text, message, fix, line, column)
        return Finding(severity, kind_of(key), self.programme.id, problem)

    def at(self, severity: Severity, key: str, path: tuple[str | int, ...], **values: object) -> Finding:
        return Finding(severity, kind_of(key), self.programme.id, self.places.problem_at(path, *told(key, **values)))


ALWAYS = Said("", "")
MOST_STRETCHES = 200
"""Stretches of days that are looked at; `check` says where there are more."""


def is_whole(programme: Programme) -> bool:
    """Whether `settings_of` covers every day of the period: only then is anything certain of all of it."""
    return len(programme.dated_from) <= MOST_STRETCHES


def settings_of(programme: Programme) -> tuple[Setting, ...]:
    """The period cut into stretches of days within which no parameter and no table changes, in order; of more than
    MOST_STRETCHES the last ones, as what is to come matters most."""
    period = programme.period
    changes = sorted(
        {
            start
            for start in programme.dated_from
            if start != date.min
            and (period.start is None or start > period.start)
            and (period.end is None or start <= period.end)
        }
    )
    starts = [period.start, *changes]
    ends = [*(start - timedelta(days=1) for start in changes), period.end]
    stretches = [*zip(starts, ends, strict=True)][-MOST_STRETCHES:]
    return tuple(_setting(programme, first, last) for first, last in stretches)


def setting_on(programme: Programme, day: date) -> Setting:
    """One day alone."""
    return replace(_setting(programme, day, day), first=day, last=day)


def _setting(programme: Programme, first: date | None, last: date | None) -> Setting:
    day = first or date.min
    return Setting(first, last, programme.values_on(day), programme.rounding.mode)


def stretch(setting: Setting) -> Said:
    """The days of a setting in words; empty where both ends are open."""
    if setting.first is None and setting.last is None:
        return ALWAYS
    return Said(
        f" from {setting.first or 'the beginning'} to {setting.last or 'the end'}",
        f"（{setting.first or '起始'}至{setting.last or '结束'}）",
    )


def worst_first(findings: Iterator[Finding]) -> tuple[Finding, ...]:
    """Errors before warnings, each in the order of the files."""
    return tuple(
        sorted(
            findings,
            key=lambda each: (
                each.severity is Severity.WARNING,
                each.problem.file,
                each.problem.line or 0,
                each.problem.column or 0,
                each.kind,
            ),
        )
    )

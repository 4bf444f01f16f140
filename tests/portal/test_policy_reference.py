"""docs/reference/policy.md: every option of `siwei policy …`, every field of `/api/policy/…` and every argument of the
functions named there stands in it once, and what has no counterpart says why."""

import inspect
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from siwei.cli import load_commands
from siwei.cli.policy import policy_app
from siwei.portal.api import api

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "policy.md").read_text(encoding="utf-8")
NOTHING = "—"


@dataclass(frozen=True)
class Section:
    functions: tuple[str, ...]
    calls: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]

    def named(self, column: int) -> set[str]:
        return {name for row in self.rows for name in re.findall(r"`([^`]+)`", row[column])}


def section(text: str) -> Section:
    head, _, table = text.partition("| command | Python | API | |\n|---|---|---|---|\n")
    python, _, calls = head.partition("· API")
    lines = [line for line in table.splitlines() if line.startswith("|")]
    rows = tuple(tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines)
    return Section(
        tuple(re.findall(r"`(siwei\.[\w.]+)`", python)),
        tuple((method.lower(), path) for method, path in re.findall(r"`(GET|POST) (/api/[\w/]+)`", calls)),
        rows,
    )


PARTS = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
SECTIONS = {part.split("\n")[0]: section(part) for part in PARTS if "| command | Python | API | |" in part}
WITHOUT = set(re.findall(r"^\| `(\w+)` \|", next(each for each in PARTS if each.startswith("Commands without")), re.M))


def commands() -> set[str]:
    load_commands()
    return {name for name in policy_app if not name.startswith("-")}


def options(command: str) -> set[str]:
    return {argument.name for argument in policy_app[command].assemble_argument_collection()}


def fields(method: str, path: str) -> set[str]:
    schema = api.get_openapi_schema()
    call = schema["paths"][path][method]
    found = {each["name"] for each in call.get("parameters", [])}
    if "requestBody" in call:
        reference = call["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        found |= {*schema["components"]["schemas"][reference.split("/")[-1]]["properties"]}
    return found


def arguments(function: str) -> set[str]:
    module, _, name = function.rpartition(".")
    return {*inspect.signature(getattr(import_module(module), name)).parameters}


def test_every_command_and_every_call_is_there() -> None:
    assert {*SECTIONS} | WITHOUT == commands()
    assert {*SECTIONS} & WITHOUT == set()
    there = {path for path in api.get_openapi_schema()["paths"] if path.startswith("/api/policy/")}
    assert {path for each in SECTIONS.values() for _, path in each.calls} == there


@pytest.mark.parametrize("command", sorted(SECTIONS))
def test_every_option_field_and_argument_stands_in_its_table(command: str) -> None:
    told = SECTIONS[command]
    listed = [row[0].strip("`") for row in told.rows if row[0] != NOTHING]
    assert sorted(listed) == sorted(options(command))
    assert told.named(1) == {name for function in told.functions for name in arguments(function)}
    assert told.named(2) == {name for method, path in told.calls for name in fields(method, path)}


@pytest.mark.parametrize("command", sorted(SECTIONS))
def test_what_has_no_counterpart_says_why(command: str) -> None:
    for row in SECTIONS[command].rows:
        assert len(row) == 4, row
        assert all(cell == NOTHING or cell.startswith("`") for cell in row[:3]), row
        assert NOTHING not in row[:3] or len(row[3].split()) > 2, f"{row[0]} of {command} has no reason"


def test_commands_without_a_call_name_what_does_the_same() -> None:
    for function in re.findall(r"In Python `(siwei\.[\w.]+)`", TEXT):
        assert arguments(function)

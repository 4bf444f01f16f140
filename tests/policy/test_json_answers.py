"""With --json a command prints one JSON value and nothing else, and docs/reference/programme.md names its keys."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from siwei.city.home import PACKS
from siwei.cli import load_commands
from siwei.cli.policy import policy_app
from siwei.errors import SiweiError

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "programme.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("\n## JSON\n") :]
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    load_commands()

    def run(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
        left: object = 0
        try:
            policy_app([*map(str, arguments), "--json"])
        except SystemExit as gone:
            left = gone.code or 0
        except SiweiError as error:
            left = error.exit_code
        assert left == code
        answer = json.loads(capsys.readouterr().out, parse_constant=_refuse)
        assert isinstance(answer, dict)
        return answer

    return run


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def documented(command: str) -> tuple[list[str], set[str]]:
    """The keys of the whole, in their order, and those of its parts."""
    (row,) = re.findall(rf"^\| `siwei policy {command}`[^|]*\| (.*) \|$", SECTION, re.MULTILINE)
    whole, parts, depth = [], set(), 0
    for token in re.findall(r"[()]|`[^`]+`", row):
        if token in "()":
            depth += 1 if token == "(" else -1
        elif depth:
            parts.add(token.strip("`"))
        else:
            whole.append(token.strip("`"))
    return whole, parts


def keys_within(value: object) -> set[str]:
    """Of the mappings directly in a list, or of a mapping."""
    if isinstance(value, list):
        return {key for each in value if isinstance(each, dict) for key in each}
    return set(value) if isinstance(value, dict) else set()


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    (folder / "programmes").mkdir(parents=True)
    for name in ("attributes.csv",):
        shutil.copy(PACKS / "shenzhen" / name, folder)
    for name in ("xunli.yaml", "xunli.cases.yaml", "longhua-compute.yaml"):
        shutil.copy(PACKS / "shenzhen" / "programmes" / name, folder / "programmes")
    stacking = (PACKS / "shenzhen" / "stacking.yaml").read_text(encoding="utf-8")
    (folder / "stacking.yaml").write_text(stacking.replace(", guangming-compute]", "]"), encoding="utf-8")
    return folder


@pytest.fixture
def firms(tmp_path: Path) -> Path:
    path = tmp_path / "firms.csv"
    path.write_text(
        "id,legal_form,listed_provider,compute_rental_from_listed,compute_other_support,founded_on,district,"
        "longhua_compute_paid,compute_rental\n"
        "a,firm,false,2400000000,0,2020-01-01,longhua,1000000000,2400000000\n"
        "b,firm,false,2400000000,0,2020-01-01,futian,many,2400000000\n",
        encoding="utf-8",
    )
    return path


def test_every_answer_is_one_value_with_the_keys_of_the_page(ask: Ask, pack: Path, firms: Path, tmp_path: Path) -> None:
    other = shutil.copytree(pack, tmp_path / "other")
    path = other / "programmes" / "xunli.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("value: 5000}", "value: 4000}"), encoding="utf-8")
    day = ("--as-of", "2026-06-01")
    source = ("--in", firms)
    answers = {
        "check": ask("check", "--pack", pack),
        "test": ask("test", "--pack", pack),
        "decide": ask("decide", "--pack", pack, *source, "--out", tmp_path / "awards.csv", *day),
        "explain": ask("explain", "xunli", "--pack", pack, *source, "--id", "a", *day),
        "diff": ask("diff", pack, other, *source, *day),
        "share": ask("share", "--pack", pack, "--programme", "xunli", "--in", tmp_path / "awards.csv", "--out",
                     tmp_path / "shares.csv", "--mode", "pro_rata", *day),
        "combine": ask("combine", "--pack", pack, *source, "--id", "a", *day),
        "schema": ask("schema", "--pack", pack),
    }  # fmt: skip
    for command, answer in answers.items():
        whole, parts = documented(command)
        assert (command, [*answer]) == (command, whole)
        within = {key for name, value in answer.items() if name not in FREE for key in keys_within(value)}
        assert (command, sorted(within - parts)) == (command, [])
    assert answers["decide"]["rejected"] == answers["diff"]["rejected"] == 1
    assert answers["diff"]["stacking"] is not None


FREE = {"title", "sentence", "source", "pot", "notes", "voucher", "nearest", "applications", "explanation", "rejects"}
"""Told as a whole."""


def test_answers_of_what_is_wrong_are_json_too(ask: Ask, pack: Path) -> None:
    path = pack / "programmes" / "xunli.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("compute_rental >= p.least_rental", "compute_rentl >= p.least_rental"), "utf-8")
    answer = ask("check", "--pack", pack, code=3)
    assert (answer["ok"], answer["programmes"]) == (False, [])
    assert set(answer["problems"][0]) <= documented("check")[1]
    path.write_text(text, encoding="utf-8")
    cases = pack / "programmes" / "xunli.cases.yaml"
    cases.write_text(
        cases.read_text(encoding="utf-8").replace("verdict: eligible", "verdict: not_eligible", 1), "utf-8"
    )
    answer = ask("test", "--pack", pack, code=3)
    assert answer["ok"] is False
    wrong = [each for each in answer["programmes"][0]["cases"] if not each["ok"]]
    assert {*wrong[0]["differences"][0]} <= documented("test")[1]

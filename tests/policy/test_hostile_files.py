"""Files that are made to hurt: refused or checked in bounded time and memory, each fault with its line and a caret."""

import resource
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from siwei.city.attributes import Attribute
from siwei.policy.checks.check import check_programmes
from siwei.policy.documents.findings import MOST_STRETCHES, Finding
from siwei.policy.documents.reading import MOST_PROBLEMS

Write = Callable[..., Path]
Check = Callable[[str], tuple[Finding, ...]]
TODAY = date(2026, 3, 1)
WORDS = "words: {zh: 限, en: Limit}"
LONGEST_S = 60
"""On any machine, however busy; on a quiet one all of these are done in a few seconds."""
MOST_MB = 300
"""Above what is held before."""


@pytest.fixture
def check(write_programme: Write, attributes: dict[str, Attribute], tmp_path: Path) -> Check:
    """What is found in a pack of `one` and `two` with a stacking.yaml, in bounded time and memory."""
    (tmp_path / "programmes").mkdir()
    for name in ("one", "two"):
        write_programme(id=name).rename(tmp_path / "programmes" / f"{name}.yaml")

    def run(stacking: str, **changes: str) -> tuple[Finding, ...]:
        for name, text in changes.items():
            (tmp_path / "programmes" / f"{name}.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "stacking.yaml").write_text(stacking, encoding="utf-8")
        before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        found = check_programmes(tmp_path / "programmes", attributes, TODAY)
        assert time.process_time() - started < LONGEST_S
        # Kilobytes on Linux, bytes on macOS.
        unit = 1024 if sys.platform == "linux" else 1024**2
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit < MOST_MB
        return found

    return run


def text_of(write_programme: Write, **changes: str) -> str:
    path = write_programme(**changes)
    text = path.read_text(encoding="utf-8")
    path.unlink()
    return text


def group(place: int, limit: str = "spent") -> str:
    return f"  - {{id: g{place}, programmes: [one, two], limit: {limit}, reduce: [one, two], {WORDS}}}\n"


def messages(found: tuple[Finding, ...]) -> list[str]:
    return [each.problem.message.split("\n")[0] for each in found]


def test_a_stacking_file_of_too_many_rules(check: Check) -> None:
    rules = "groups:\n" + "".join(group(place) for place in range(100_000))
    assert messages(check(rules)) == ["is larger than 256 KiB"]
    fewer = check("groups:\n" + "".join(group(place, "spend") for place in range(1_000)))
    assert messages(fewer)[0].startswith("List should have at most 50 items")
    assert all(each.problem.line and "^" in each.problem.message for each in fewer)
    most = check("groups:\n" + "".join(group(place) for place in range(50)))
    assert {each.kind for each in most} == {"uncited", "implied"}


def test_a_stacking_file_of_100_megabytes(check: Check) -> None:
    assert messages(check("x" * 100_000_000)) == ["is larger than 256 KiB"]


@pytest.mark.parametrize(
    ("stacking", "message", "line"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "uses a YAML anchor or alias", 1),
        ("groups: &g\n  - *g\n", "uses a YAML anchor or alias", 1),
        ("groups: " + "[" * 100_000, "is nested deeper than 20 levels", 1),
        ("groups: !!python/object/apply:os.system [id]\n", "uses the YAML tag", 1),
    ],
)
def test_yaml_that_explodes(check: Check, stacking: str, message: str, line: int) -> None:
    (found,) = check(stacking)
    assert (found.problem.message.startswith(message), found.problem.line) == (True, line)
    assert found.problem.message.split("\n")[2].strip() == "^"


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        pytest.param('"' + "(" * 1000 + "spent" + ")" * 1000 + '"', "", id="a thousand brackets"),
        pytest.param('"' + "listed ? spent : " * 500 + 'spent"', "", id="five hundred conditionals"),
        pytest.param('"' + " + ".join(["spent"] * 1500) + '"', "", id="a long sum"),
        pytest.param("\"district.matches('(a*)*(b{1000}){1000}') ? 1 : 2\"", "not a regular expression", id="a regex"),
        pytest.param("one + two", "undeclared reference to 'one'", id="awards of other programmes"),
    ],
)
def test_limits_that_are_monstrous(check: Check, limit: str, message: str) -> None:
    found = check("groups:\n" + group(0, limit))
    refused = [each.problem for each in found if each.kind == "refused"]
    assert refused
    assert all((each.line, each.message.split("\n")[2].strip()) == (2, "^") for each in refused)
    assert any(each.message.startswith(message) for each in refused)


def test_programmes_and_groups_that_go_round_in_a_circle(check: Check, write_programme: Write) -> None:
    """No award can read another's, nor a sum itself or another sum: such a name is nobody's. Groups that overlap all
    round are one part, each limit taken once in the order of the file."""
    sums = f"aggregates:\n  a: {{of: claims, sum: b, {WORDS}}}\n  b: {{of: claims, sum: a, {WORDS}}}\n"
    one = text_of(write_programme, id="one", award="two")
    two = text_of(write_programme, id="two", award="one") + sums
    found = messages(check("", one=one, two=two))
    assert {"undeclared reference to 'one'", "undeclared reference to 'two'", "undeclared reference to 'a'",
            "undeclared reference to 'b'"} <= set(found)  # fmt: skip
    plain = {name: text_of(write_programme, id=name) for name in ("one", "two", "three")}
    pairs = [("one", "two"), ("two", "three"), ("three", "one")]
    rules = [f"  - {{id: g{place}, programmes: [{one}, {two}], limit: spent, reduce: [{one}, {two}], {WORDS}}}\n"
             for place, (one, two) in enumerate(pairs)]  # fmt: skip
    assert {each.kind for each in check("groups:\n" + "".join(rules), **plain)} == {"uncited"}


def test_a_programme_of_too_many_fields(check: Check, write_programme: Write) -> None:
    text = text_of(write_programme, id="one") + "".join(f"k{place}: 1\n" for place in range(8_000))
    found = check("", one=text)
    assert len(found) <= MOST_PROBLEMS + 2
    assert any(message == f"{8_000 - MOST_PROBLEMS} more faults of its form" for message in messages(found))


def test_figures_that_change_every_day(check: Check, write_programme: Write) -> None:
    """What is said of all days is only said where all were looked at."""
    days = (f"{{start: {date.fromordinal(736_000 + place)}, value: {place}}}" for place in range(2_000))
    text = text_of(write_programme, id="one", clause="spent > p.rate && spent < p.rate", award="spent")
    text = text.replace("unit: basis_point", "unit: fen").replace("{start: 2026-01-01, end: 2026-12-31}", "{}")
    text = text.replace("{start: 2026-01-01, value: 5000}, {start: 2026-07-01, value: 6000}", ", ".join(days))
    kinds = {each.kind: str(each.severity) for each in check("", one=text)}
    assert (kinds["many_stretches"], kinds["never_true"]) == ("warning", "warning")
    few = text.replace(text[text.index("values: [") : text.index("]\n") + 1], "values: [{value: 5}]")
    assert {each.kind: str(each.severity) for each in check("", one=few)}["never_true"] == "error"
    assert MOST_STRETCHES < 2_000

"""Documentation follows the code: references are complete, links lead somewhere, named commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
ROOMS = sorted(path.name for path in (ROOT / "src" / "siwei").iterdir() if (path / "__init__.py").is_file())


def test_commands_and_settings_are_written_from_the_code() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "write-docs", "--check"],
        capture_output=True, text=True, check=False, env={"COLUMNS": "100", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:|#", target)]
    missing = [target for target in targets if not (page.parent / target.partition("#")[0]).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_named_exist(page: Path) -> None:
    """Every `siwei …` and `make …` in a code block is a command there is."""
    reference = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^#+ (siwei[a-z ]*)$", reference, flags=re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    blocks = re.findall(r"```(?:\w*)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for block in blocks:
        for words in re.findall(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*siwei ((?:[a-z]+ ?)+)", block, flags=re.MULTILINE):
            steps = words.split()
            prefixes = {"siwei " + " ".join(steps[:size]) for size in range(1, len(steps) + 1)}
            assert prefixes & known, f"siwei {words} is not a command"
        for target in re.findall(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*make ([a-z]+)", block, flags=re.MULTILINE):
            assert target in targets, f"make {target} is not a target"


def test_every_room_has_a_design_note() -> None:
    notes = {path.stem for path in (ROOT / "docs" / "design").glob("*.md")}
    without_note = {"cli"}  # the command line is its own reference
    assert {room for room in ROOMS if room not in without_note} - notes == set()

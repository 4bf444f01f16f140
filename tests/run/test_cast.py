"""The demonstration of a pack is checked like the rest of it: every problem, with its place."""

import shutil
from pathlib import Path

import pytest

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.errors import PackError
from siwei.run.cast import FILE, load_cast

PACK = PACKS / "shenzhen"
ATTRIBUTES = load_attributes(PACK)


def test_the_shipped_cast_loads_and_says_that_it_is_made_up() -> None:
    cast = load_cast(PACK, ATTRIBUTES)
    assert cast is not None
    assert cast.notice.zh and cast.notice.en
    assert all("示例" in party.name for party in cast.parties.values())


def test_a_pack_without_a_demonstration_has_none(tmp_path: Path) -> None:
    assert load_cast(tmp_path, ATTRIBUTES) is None


def changed(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = (PACK / FILE).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    return tmp_path


def line_of(directory: Path, words: str) -> int:
    lines = (directory / FILE).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if words in line)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: compute", "kind: kompute", "no kind 'kompute'"),
        ("party: centre", "party: nobody", "no party 'nobody'"),
        ("count: 64", "count: many", "not a whole number"),
        ("employees: {value: 36", "employees: {value: a few", "'a few' is not a whole number"),
        ("employees: {value: 36", "employes: {value: 36", "no attribute 'employes'"),
        ("name: 深圳示例医院", "name: 深圳医院", "pattern"),
        ("need: camera-need", "need: camera-offer", "is not a listing on the side need"),
        ("declared_budget_fen: 90000000", "declared_budget_fen: 1", "paid out of a declared budget"),
        ("cap_fen: 70000000", "cap_fen: 1", "would refuse the signature"),
        ("      milestone: 1", "      milestone: 2", "about a milestone that was delivered"),
        ("outcome_fen: 15000000", "outcome_fen: 99000000", "no more than it was to pay"),
        ("  need: embedding-need\n  offer:", "  need: camera-need\n  offer:", "no deal of 'camera-need'"),
        ("package: gt_all", "package: ../gt_all", "should match pattern"),
        ("port: 8200", "port: 80", "greater than or equal to 1024"),
        ("title: 验收与培训, amount_fen: 18000000", "title: 验收与培训, amount_fen: -1", "greater than 0"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    directory = changed(tmp_path, (old, new))
    with pytest.raises(PackError) as refused:
        load_cast(directory, ATTRIBUTES)
    problems = [problem for problem in refused.value.problems if words in problem.message]
    assert problems
    assert problems[0].file == str(directory / FILE)
    assert problems[0].line is not None and problems[0].line > 1


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    directory = changed(tmp_path, ("kind: compute", "kind: kompute"), ("party: hospital", "party: clinic"))
    with pytest.raises(PackError) as refused:
        load_cast(directory, ATTRIBUTES)
    assert {problem.message for problem in refused.value.problems} >= {"no kind 'kompute'", "no party 'clinic'"}


def test_a_cast_outside_the_pack_is_not_read(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere.yaml"
    shutil.copy(PACK / FILE, outside)
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / FILE).symlink_to(outside)
    with pytest.raises(PackError, match="link that leaves the pack"):
        load_cast(pack, ATTRIBUTES)

"""Where the terminal's locale is Chinese, what a run of `siwei policy …` prints is in Chinese; elsewhere in English."""

import functools
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from string import Formatter

import pytest

import siwei.cli.policy_author
import siwei.cli.policy_diff
import siwei.cli.policy_explain
import siwei.cli.policy_money
from siwei.city.home import PACKS
from siwei.cli import output
from siwei.cli.policy import policy_app
from siwei.cli.policy_words import CODES, HEADINGS, LINES, line
from siwei.errors import SiweiError

from .test_joint import pack as pack
from .test_joint_commands import folder as folder

assert siwei.cli.policy_author and siwei.cli.policy_diff and siwei.cli.policy_explain and siwei.cli.policy_money
CHINESE = re.compile(r"[\u4e00-\u9fff]")
WORDS = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")
QUOTED = re.compile(r"'[^']*'|`[^`]*`|\"[^\"]*\"|[\w./@-]*[\d_./@-][\w./@-]*")
"""What is no English sentence: what is quoted, ids, names of files, figures."""
COMMAND = re.compile(r"siwei policy \w+|--[a-z-]+ [a-z]+")
SAME = {"id"}
Run = Callable[..., str]


def english(told: str) -> list[str]:
    """Lines that hold English, and headings and names of figures that are not Chinese."""
    found = [each for each in told.splitlines() if WORDS.search(QUOTED.sub("", COMMAND.sub("", each)))]
    names = [cell for each in told.splitlines() if "┃" in each for cell in each.split("┃")]
    for table in re.split(r"(?m)^┏.*$", told):
        if re.match(r"\n┃ 项目 ", table):
            names += re.findall(r"(?m)^│ (\S+)", table)
    return found + [each for each in names if each.strip() and not CHINESE.search(each) and each.strip() not in SAME]


@pytest.mark.parametrize("key", LINES)
def test_every_line_has_both_texts_with_the_same_values(key: str) -> None:
    en, zh = LINES[key]
    names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (en, zh)]
    assert names[0] == names[1]
    assert CHINESE.search(en) is None
    assert CHINESE.search(zh) or not WORDS.search(en)
    assert line(key, **dict.fromkeys(names[0], 7)).zh == zh.format(**dict.fromkeys(names[0], 7))


def test_headings_and_codes_are_said_in_chinese() -> None:
    assert {name for name, zh in (HEADINGS | CODES).items() if not CHINESE.search(zh)} == SAME


@pytest.fixture
def siwei_policy(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """What the command prints on both of its streams; no cell of a table is cut in two."""
    for console in (output.console, output.error_console):
        monkeypatch.setattr(console, "_width", 400)

    def run(command: str, locale: str = "zh_CN.UTF-8") -> str:
        monkeypatch.setenv("LC_ALL", locale)
        try:
            policy_app(shlex.split(command))
        except SystemExit:
            pass
        except SiweiError as error:
            output.print_error(error)
        written = capsys.readouterr()
        return written.out + written.err

    return run


@pytest.fixture
def firms(siwei_policy: Run, tmp_path: Path) -> Path:
    """All columns of Shenzhen: one firm that gets much, one of which hardly anything is known, one bad row."""
    columns = [each["column"] for each in json.loads(siwei_policy("schema --json"))["columns"]]
    known = {
        "id": "a", "legal_form": "firm", "district": "longhua", "listed_provider": "false", "start_up": "false",
        "compute_rental": "10000000000", "compute_rental_from_listed": "10000000000", "compute_other_support": "0",
        "longhua_compute_paid": "100000000", "corpus_purchase": "100000000", "model_purchase": "1000000",
        "founded_on": "2020-01-01", "serious_violation": "false",
    }  # fmt: skip
    rows = [known, {"id": "b", "legal_form": "university"}, {"id": "c", "revenue": "much"}]
    path = tmp_path / "firms.csv"
    lines = [",".join(row.get(column, "") for column in columns) for row in rows]
    path.write_text("\n".join((",".join(columns), *lines)) + "\n", encoding="utf-8")
    return path


def test_what_is_decided_of_firms_is_told_in_chinese(siwei_policy: Run, firms: Path, tmp_path: Path) -> None:
    day, table = "--as-of 2026-06-01", f"--in {firms}"
    told = {
        "check": siwei_policy("check"),
        "schema": siwei_policy("schema"),
        "claims": siwei_policy("schema --applies-to claim"),
        "decide": siwei_policy(f"decide {table} --out {tmp_path}/awards.csv {day}"),
        "eligible": siwei_policy(f"explain xunli {table} --id a {day}"),
        "drafted": siwei_policy(f"explain longgang-compute {table} --id a {day}"),
        "not known": siwei_policy(f"explain high-tech-enterprise {table} --id b {day}"),
        "not eligible": siwei_policy(f"explain yuliao {table} --id b {day}"),
        "combine": siwei_policy(f"combine {table} --id a {day}"),
    }
    assert {name: english(each) for name, each in told.items() if english(each) or not CHINESE.search(each)} == {}
    assert "已就 2026-06-01 判定 2 行" in told["decide"]
    assert "1 行不能用 → " in told["decide"]
    assert "扶持金额（受封顶限制，分）" in told["eligible"]
    in_english = siwei_policy(f"explain xunli {table} --id a {day}", "C.UTF-8")
    # A source is called as it is published.
    sources = {each.split("│")[4] for each in in_english.splitlines() if each.count("│") == 5}
    assert CHINESE.search(functools.reduce(lambda text, source: text.replace(source, ""), sources, in_english)) is None
    assert "award (cut by the cap), fen" in in_english
    hong_kong = siwei_policy(f"explain xunli {table} --id a {day}", "zh_HK.UTF-8")
    assert "扶持金額（受封頂限制，分）" in hong_kong


def test_what_is_written_by_authors_is_told_in_chinese(siwei_policy: Run, tmp_path: Path) -> None:
    made = tmp_path / "pack"
    made.mkdir()
    told = {"new": siwei_policy(f"new one --pack {made}"), "untested": siwei_policy(f"test --pack {made}")}
    programme = made / "programmes" / "one.yaml"
    shenzhen = PACKS / "shenzhen" / "programmes"
    for name in ("longhua-compute.yaml", "longhua-compute.cases.yaml"):
        shutil.copy(shenzhen / name, made / "programmes")
    shutil.copy(PACKS / "shenzhen" / "attributes.csv", made)
    programme.unlink()
    cases = made / "programmes" / "longhua-compute.cases.yaml"
    text = cases.read_text(encoding="utf-8")
    cases.write_text(text.replace("verdict: eligible", "verdict: not_eligible", 1), encoding="utf-8")
    told["failed"] = siwei_policy(f"test --pack {made}")
    told["refused"] = siwei_policy(f"release longhua-compute 1 --pack {made}")
    kept = re.split(r"(?m)^  - ", text)
    cases.write_text("  - ".join(kept[:2]), encoding="utf-8")
    told["gaps"] = siwei_policy(f"test --pack {made}")
    told["released"] = siwei_policy(f"release longhua-compute 1 --pack {made}")
    assert {name: english(each) for name, each in told.items() if english(each) or not CHINESE.search(each)} == {}
    assert "判定应为 不符合，实为 符合" in told["failed"]
    assert "从未" in told["gaps"]
    assert "! 没有案例：one" in told["untested"]


def test_what_is_shared_is_told_in_chinese(siwei_policy: Run, tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text("id,claim_fen\na,500\nb,700\n", encoding="utf-8")
    (tmp_path / "events.csv").write_text("on,kind,id,claim_fen,amount_fen\n2026-07-01,fund,,,500\n", encoding="utf-8")
    share = f"share --programme longhua-compute --in {tmp_path}/claims.csv --out {tmp_path}/paid.csv --budget 900"
    told = siwei_policy(f"{share} --events {tmp_path}/events.csv --as-of 2026-06-01")
    assert english(told) == []
    assert "各事件之后" in told
    assert re.search(r"分配方式 +│ 按比例分配", told)


def test_what_organisations_get_together_is_told_in_chinese(siwei_policy: Run, folder: Path) -> None:
    common = f"--pack {folder}/pack --as-of 2026-06-30"
    claims, projects = f"--claims {folder}/contracts.csv", f"--projects {folder}/projects.csv"
    told = {
        "combine": siwei_policy(f"combine {common} --in {folder}/firms.csv {claims} {projects}"),
        "without projects": siwei_policy(f"combine {common} --in {folder}/firms.csv {claims}"),
        "alone": siwei_policy(f"combine {common} --in {folder}/firms.csv --id a"),
        "explain": siwei_policy(f"explain city {common} --in {folder}/contracts.csv --id c2"),
    }
    told = {name: each.replace("Trial rules", "") for name, each in told.items()}  # what the document is called
    assert {name: english(each) for name, each in told.items() if english(each) or not CHINESE.search(each)} == {}
    assert "! 此处未权衡合计上限" in told["alone"]


def test_what_differs_is_told_in_chinese(siwei_policy: Run, folder: Path, firms: Path) -> None:
    changed = folder / "changed"
    shutil.copytree(folder / "pack", changed)
    rules_ = changed / "stacking.yaml"
    text = rules_.read_text(encoding="utf-8")
    rules_.write_text(text.replace("limit: revenue", "limit: revenue / 2"), encoding="utf-8")
    common = f"{folder}/pack {changed} --as-of 2026-06-30 --in {folder}/firms.csv --drafts-in-force"
    told = {
        "kept": siwei_policy(f"diff {common} --claims {folder}/contracts.csv --projects {folder}/projects.csv"),
        "in part": siwei_policy(f"diff {common} --claims {folder}/contracts.csv"),
        "alone": siwei_policy(f"diff {common}"),
        "versions": siwei_policy(f"diff xunli@2024.1 xunli@2026.1 --in {firms} --as-of 2026-06-01 --ignore-period"),
        "pot": siwei_policy(f"diff longgang-compute@1 longgang-compute@2026.1 --in {firms} --as-of 2026-06-01"),
    }
    told = {name: each.replace("Trial rules", "") for name, each in told.items()}
    assert {name: english(each) for name, each in told.items() if english(each) or not CHINESE.search(each)} == {}
    assert "合计上限" in told["kept"]
    assert re.search("改前 +┃ 改后", told["versions"])

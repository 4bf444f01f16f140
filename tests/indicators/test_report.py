"""The report: complete in itself, every number an anchor that exists, hostile names harmless, the same bytes again."""

import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pytest
from small_city import small_city, table

from siwei.city.rows import PackIdentity
from siwei.errors import EnvironmentMissing
from siwei.indicators import INDICATORS, Measurement, Snapshot, measure
from siwei.indicators.report import Audience, Language, write_report
from siwei.indicators.report.format import show_value

CITY = PackIdentity(
    id="testville", name_zh="测试市", name_en="Testville", version="1", date="2026-11-23", country="CN",
    division_code="4403", currency="CNY", languages=["zh-Hans", "en"], time_zone="Asia/Shanghai",
)  # fmt: skip
HOSTILE = "</script><script>alert(1)</script>"
FORMULA = "=cmd|'/c calc'!A0"


class Page(HTMLParser):
    """Identifiers, links, sources and scripts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.identifiers: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.scripts: list[str] = []
        self.tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tag = tag
        if named.get("id"):
            self.identifiers.append(str(named["id"]))
        if tag == "a":
            self.links.append(str(named["href"]))
        self.loads += [str(value) for name, value in attrs if name in ("src", "srcset", "poster", "data")]
        if tag == "link":
            self.loads.append(str(named["href"]))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tag == "script":
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.tag = ""


@pytest.fixture
def hostile_city() -> Snapshot:
    plain = small_city()
    names = pl.col("name").replace({"甲": HOSTILE, "乙": FORMULA})
    return small_city(organisations=plain.organisations.with_columns(names))


def read(path: Path) -> tuple[str, Page]:
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def test_every_link_leads_somewhere_and_nothing_is_loaded(tmp_path: Path, hostile_city: Snapshot) -> None:
    written = write_report(tmp_path / "report.html", hostile_city, city=CITY)
    _, page = read(written.page)
    assert len(page.identifiers) == len(set(page.identifiers))
    inside = {link[1:] for link in page.links if link.startswith("#")}
    assert inside - set(page.identifiers) == set()
    beside = {unquote(link) for link in page.links if not link.startswith("#")}
    assert beside == {f"report_rows/{file.name}" for file in written.files}
    assert page.loads == []
    data = json.loads(page.scripts[0])
    anchors = {
        anchor for chart in data["charts"] for bar in chart["bars"]
        for anchor, value in zip(bar["anchors"], bar["values"], strict=True) if value
    }  # fmt: skip
    assert anchors - set(page.identifiers) == set()


def test_each_measured_value_is_on_the_page_with_its_rows(tmp_path: Path, city: Snapshot) -> None:
    text, page = read(write_report(tmp_path / "report.html", city, city=CITY).page)
    for row in measure(city).filter(pl.col("state") == "measured").iter_rows(named=True):
        assert f'<a href="#indicator-{row["indicator"]}">' in text
        exported = pl.read_parquet(tmp_path / "report_rows" / f"indicator.{row['indicator']}.parquet")
        assert exported.height == row["rows"]
    for entry in INDICATORS:
        assert f"indicator-{entry.id}" in page.identifiers
    assert "未测量：尚无岗位" in text and "not measured: no position yet" in text


def test_hostile_names_stay_text(tmp_path: Path, hostile_city: Snapshot) -> None:
    text, page = read(write_report(tmp_path / "report.html", hostile_city, city=CITY).page)
    assert HOSTILE not in text
    assert "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert len(page.scripts) == 2
    cells = (tmp_path / "report_rows" / "placements.csv").read_text(encoding="utf-8-sig")
    assert f",'{FORMULA}," in cells


def test_scripts_are_those_the_content_policy_names(tmp_path: Path, city: Snapshot) -> None:
    library = tmp_path / "charts.js"
    library.write_text('window.echarts = undefined; var text = "</script>";\r\n', newline="")
    text, page = read(write_report(tmp_path / "report.html", city, city=CITY, echarts=library).page)
    allowed = set(re.findall(r"'sha256-([^']+)'", unescape(text)))
    assert "unsafe" not in re.search(r"script-src ([^;]*)", text).group(1)  # type: ignore[union-attr]
    assert {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts[1:]
    } == allowed
    with pytest.raises(EnvironmentMissing, match="no-such"):
        write_report(tmp_path / "report.html", city, city=CITY, echarts=tmp_path / "no-such.js")


def test_the_public_copy_holds_no_restricted_row(tmp_path: Path, city: Snapshot) -> None:
    written = write_report(tmp_path / "public.html", city, city=CITY, audience=Audience.PUBLIC)
    text, _ = read(written.page)
    names = {file.name for file in written.files}
    assert not names & {"decisions.csv", "decisions.parquet", "transfers.csv", "indicator.source.research-staff.csv"}
    assert {"placements.csv", "indicator.source.chain-coverage.csv"} <= names
    section = text[text.index('id="indicator-source.research-staff"') :]
    assert "丁" not in section[: section.index("</article>")] and "<td" not in section[: section.index("</article>")]


def test_the_same_city_gives_the_same_bytes_and_stale_files_go(tmp_path: Path, city: Snapshot) -> None:
    (tmp_path / "report_rows").mkdir()
    (tmp_path / "report_rows" / "old.csv").write_text("stale")
    first = write_report(tmp_path / "report.html", city, city=CITY)
    before = {file.name: file.read_bytes() for file in (first.page, *first.files)}
    again = write_report(tmp_path / "report.html", city, city=CITY)
    assert {file.name: file.read_bytes() for file in (again.page, *again.files)} == before
    assert {file.name for file in (tmp_path / "report_rows").iterdir()} == {file.name for file in again.files}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["report.html", "report_rows"]


def test_generated_organisations_are_labelled(tmp_path: Path, city: Snapshot) -> None:
    text, _ = read(write_report(tmp_path / "with.html", city, city=CITY).page)
    assert "7 家机构中有 1 家为生成的示例" in text and 'class="ribbon"' in text
    placements = pl.read_parquet(tmp_path / "with_rows" / "placements.parquet")
    assert placements.select("key", "generated").unique().sort("key").rows() == [
        ("f1", False),
        ("f2", False),
        ("f4", True),
    ]
    real = small_city(organisations=city.organisations.filter(pl.col("origin") != "generated"))
    text, _ = read(write_report(tmp_path / "without.html", real, city=CITY).page)
    assert 'class="ribbon"' not in text


def test_languages(tmp_path: Path, city: Snapshot) -> None:
    simplified, _ = read(write_report(tmp_path / "a.html", city, city=CITY).page)
    traditional, _ = read(write_report(tmp_path / "b.html", city, city=CITY, language=Language.ZH_HANT).page)
    english, _ = read(write_report(tmp_path / "c.html", city, city=CITY, language=Language.EN).page)
    assert '<html lang="zh-Hans"' in simplified and "产业链覆盖率" in simplified
    assert '<html lang="zh-Hant"' in traditional and "產業鏈覆蓋率" in traditional and "产业链覆盖率" not in traditional
    assert '<html lang="en"' in english and re.search(r'id="show-en" value="en" checked', english)


def test_an_empty_city_still_gives_a_report(tmp_path: Path, city: Snapshot) -> None:
    text, page = read(write_report(tmp_path / "empty.html", Snapshot(as_of=city.as_of), city=CITY).page)
    assert text.count("not measured: ") >= len(INDICATORS)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.identifiers)


def test_a_long_table_is_bounded_and_says_so(tmp_path: Path) -> None:
    count = 3000
    keys = [f"f{number:05d}" for number in range(count)]
    organisations = pl.DataFrame({"key": keys}).with_columns(
        name="key", kind=pl.lit("firm"), district=pl.lit("nanshan"), origin=pl.lit("imported"), founded_on=None
    )
    placements = pl.DataFrame({"key": keys}).with_columns(
        segment=pl.lit("chip"), layer=pl.lit("base"), confidence=pl.lit(0.5)
    )
    city = small_city(organisations=organisations, placements=placements, awards=table("awards"))
    text, _ = read(write_report(tmp_path / "report.html", city, city=CITY).page)
    assert "显示 8 / 共 3000 行" in text
    assert len(text) < 400_000


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 7, "0.0 %"),
        (1, 20253, "0.0049 %"),
        (1, 3, "33.3 %"),
        (7, 7, "100.0 %"),
        (1, 1000, "0.10 %"),
        (1, 100, "1.0 %"),
    ],
)
def test_a_small_share_is_not_shown_as_nothing(city: Snapshot, part: int, whole: int, shown: str) -> None:
    definition = next(entry for entry in INDICATORS if entry.id == "base.organisations-reached")
    assert show_value(Measurement(definition, part, whole, definition.coverage, pl.DataFrame())) == shown

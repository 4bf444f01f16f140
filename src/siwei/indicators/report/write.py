"""Write the report: the page, and the rows behind it in a folder beside it.

The same snapshot gives the same bytes: no clock, no random name. The page loads nothing, and its content policy lets
only the scripts written here run, so that a firm's name can never become code.
"""

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from siwei import __version__
from siwei.city.rows import PackIdentity
from siwei.errors import EnvironmentMissing
from siwei.indicators.catalogue import INDICATORS
from siwei.indicators.definition import Dimension, Element, Indicator
from siwei.indicators.measure import Measurement, measure_each
from siwei.indicators.report import figures, sections
from siwei.indicators.report.format import cell, neutralise, show_amount, show_figure, show_value, show_yuan
from siwei.indicators.report.sections import Export, Section
from siwei.indicators.snapshot import QUALIFIERS, Snapshot
from siwei.market.listing import Words
from siwei.traditional import traditional

CSV_ROWS = 200_000
DIMENSIONS = {
    Dimension.SOURCE: ("源", Words("产业链与算力", "chain and compute")),
    Dimension.ROAD: ("路", Words("上下游协同", "upstream meets downstream")),
    Dimension.BASE: ("基", Words("政策与激励", "programmes and incentives")),
    Dimension.WING: ("翼", Words("人才", "talent")),
    Dimension.EVOLVE: ("演", Words("共同演进", "growing together")),
}
ELEMENTS = {
    Element.TECHNOLOGY: Words("科技", "Technology"),
    Element.PEOPLE: Words("人", "People"),
    Element.INSTITUTION: Words("建构", "Institutions"),
}

STATUSES = {
    "actual": Words("实际", "actual"),
    "expected": Words("预计", "expected"),
    "forecast": Words("预测", "forecast"),
    "target": Words("目标", "target"),
    "planned": Words("规划", "planned"),
    "commissioning": Words("调试", "commissioning"),
    "partial": Words("部分投运", "partly operating"),
    "operating": Words("运营", "operating"),
    "closed": Words("关停", "closed"),
}


class Audience(StrEnum):
    """`public` leaves out rows that say of a named organisation what only it and the operator may see."""

    OPERATOR = "operator"
    PUBLIC = "public"


class Language(StrEnum):
    """What the page opens in; it holds Chinese and English, and changes without being loaded again."""

    ZH_HANS = "zh-hans"
    ZH_HANT = "zh-hant"
    EN = "en"


@dataclass(frozen=True, slots=True)
class ReportFiles:
    page: Path
    rows: Path
    files: tuple[Path, ...]


def write_report(
    path: Path,
    snapshot: Snapshot,
    *,
    city: PackIdentity,
    indicators: Iterable[Indicator] = INDICATORS,
    language: Language = Language.ZH_HANS,
    audience: Audience = Audience.OPERATOR,
    echarts: Path | None = None,
) -> ReportFiles:
    """Write `path` (HTML) and the folder `<stem>_rows` beside it; both are replaced whole, the page last.

    `echarts` is the charts library's file, to be put into the page; without it the bars are drawn by the page's style
    alone. Raises EnvironmentMissing where `echarts` is named and is not there.
    """
    measurements = measure_each(snapshot, indicators)
    appendix, charts = compose(snapshot, measurements)
    library = _read_library(echarts)
    rows = path.with_name(f"{path.stem}_rows")
    written = write_exports(rows, _exports(appendix), audience)
    page = render(
        snapshot, city, measurements, appendix, charts, rows.name, {file.name for file in written}, language, audience,
        library,
    )  # fmt: skip
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w", encoding="utf-8", newline="\n") as file:
        file.write(page)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return ReportFiles(path, rows, written)


def compose(
    snapshot: Snapshot, measurements: Iterable[Measurement]
) -> tuple[dict[str, list[Section]], list[figures.Chart]]:
    """The appendix by group, and the charts whose bars lead into it."""
    placements, decisions = sections.placement_export(snapshot), sections.decision_export(snapshot)
    transfers = sections.transfer_export(snapshot)
    districts = list(sections.district_sections(snapshot, placements))
    appendix = {
        "indicators": list(sections.indicator_sections(list(measurements))),
        "segments": list(sections.segment_sections(snapshot, placements)),
        "decisions": list(sections.decision_sections(snapshot, decisions, figures.VERDICT_WORDS)),
        "money": list(
            sections.money_sections(snapshot, decisions, transfers, figures.COMPUTED_WORDS | figures.MOVED_WORDS)
        ),
        "districts": districts,
    }
    charts = [
        figures.layer_chart(snapshot),
        figures.decision_chart(snapshot),
        figures.computed_chart(snapshot),
        figures.ledger_chart(snapshot),
        figures.district_chart((entry.anchor, entry.title, entry.frame.height) for entry in districts),
    ]
    return appendix, charts


def write_exports(folder: Path, exports: Mapping[str, Export], audience: Audience) -> tuple[Path, ...]:
    """Each table that has rows: Parquet, and CSV up to `CSV_ROWS`. The folder is made aside, then put in place."""
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    names = []
    for name, export in exports.items():
        if export.frame.is_empty() or (export.restricted and audience is Audience.PUBLIC):
            continue
        export.frame.write_parquet(draft / f"{name}.parquet")
        names.append(f"{name}.parquet")
        if export.frame.height <= CSV_ROWS:
            neutralise(export.frame).write_csv(draft / f"{name}.csv", include_bom=True)
            names.append(f"{name}.csv")
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)
    return tuple(folder / name for name in names)


def render(
    snapshot: Snapshot, city: PackIdentity, measurements: Iterable[Measurement], appendix: Mapping[str, list[Section]],
    charts: list[figures.Chart], folder: str, files: set[str], language: Language, audience: Audience, library: str,
) -> str:  # fmt: skip
    """The page as text."""
    environment = _environment()
    chinese = traditional if language is Language.ZH_HANT else str
    environment.filters["zh"] = chinese
    behaviour = _asset("behaviour.js")
    scripts = [behaviour, *([library] if library else [])]
    supplies = snapshot.edges.filter(pl.col("type") == "supplies").select("from", "to").rows()
    links: dict[str, tuple[list[str], list[str]]] = {}
    for supplier, customer in supplies:
        links.setdefault(customer, ([], []))[0].append(supplier)
        links.setdefault(supplier, ([], []))[1].append(customer)
    return environment.get_template("report.html.j2").render(
        city=city, snapshot=snapshot, language=language.value, audience=audience.value, version=__version__,
        dimensions=DIMENSIONS, statuses=STATUSES, elements=ELEMENTS, measurements=list(measurements),
        charts=charts, appendix=appendix,
        bands=figures.chain_map(snapshot), links=links, qualifiers=QUALIFIERS, folder=folder, files=files,
        segment_names={row["id"]: row for row in snapshot.segments.iter_rows(named=True)},
        style=Markup(_asset("style.css")),  # noqa: S704  (this package's own file)
        behaviour=Markup(behaviour), library=Markup(library),  # noqa: S704  (own file; the charts library, escaped)
        data=script_json({"charts": figures.chart_data(charts, chinese), "supplies": supplies}),
        script_hashes=" ".join(_script_hash(script) for script in scripts),
    )  # fmt: skip


def script_json(value: object) -> Markup:
    """JSON that cannot end its script element: `<`, `>`, `&` and the two line separators are escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  (escaped above)


def _exports(appendix: Mapping[str, list[Section]]) -> dict[str, Export]:
    return {section.export.name: section.export for group in appendix.values() for section in group}


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("siwei.indicators.report", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "cell": cell,
        "value": show_value,
        "amount": show_amount,
        "yuan": show_yuan,
        "figure": show_figure,
    }
    return environment


def _asset(name: str) -> str:
    return resources.files("siwei.indicators.report").joinpath("templates", name).read_text(encoding="utf-8")


def _read_library(echarts: Path | None) -> str:
    if echarts is None:
        return ""
    try:
        text = echarts.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentMissing(f"the charts library {echarts} cannot be read ({error}) → make setup") from None
    return text.replace("\r\n", "\n").replace("</script", "<\\/script")


def _script_hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"

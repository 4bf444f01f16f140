"""What the report draws: for each chart, its bars, each bar's parts, and where each part's rows are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from siwei.indicators.report.sections import MOVED, VERDICTS, computed_awards
from siwei.indicators.snapshot import Snapshot
from siwei.market.listing import Words

LAYERS: Mapping[str, Words] = {
    "base": Words("基础层", "Base"),
    "technology": Words("技术层", "Technology"),
    "application": Words("应用层", "Application"),
}
VERDICT_WORDS = {
    "eligible": Words("✓ 符合", "✓ Eligible"),
    "not_eligible": Words("✗ 不符合", "✗ Not eligible"),
    "cannot_tell": Words("? 待补材料", "? Cannot tell yet"),
}
COMPUTED_WORDS = {
    "promised": Words("有效政策", "Programmes in force"),
    "draft": Words("草案", "Drafts"),
    "tax": Words("税收优惠", "Tax savings"),
}
MOVED_WORDS = {
    "held": Words("已冻结", "Held"),
    "captured": Words("已入账", "Captured"),
    "released": Words("已解冻", "Released"),
}
FILLED = {
    "several": Words("两家及以上", "Two or more firms"),
    "one": Words("仅一家", "One firm"),
    "none": Words("本数据空缺", "None in this data"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """`values` go with the chart's series; `anchors` lead to the rows of each."""

    label: Words
    values: tuple[int, ...]
    anchors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Horizontal bars, stacked when there are several series. `unit` is `count` or `fen`."""

    id: str
    title: Words
    note: Words
    series: tuple[Words, ...]
    colours: tuple[str, ...]
    bars: tuple[Bar, ...]
    unit: str = "count"

    @property
    def most(self) -> int:
        return max((sum(bar.values) for bar in self.bars), default=0)

    @property
    def scale(self) -> int:
        """What amounts are divided by when shown: fen as 元 where all are under 10 万元, else as 万元."""
        if self.unit != "fen":
            return 1
        return 1_000_000 if self.most >= 10_000_000 else 100


@dataclass(frozen=True, slots=True)
class Tile:
    """A segment on the map. `radius` in pixels grows with the square root of its firms."""

    segment: str
    name: Words
    firms: int
    radius: float


def firms_by_segment(snapshot: Snapshot) -> dict[str, int]:
    counted = snapshot.placements.group_by("segment").agg(pl.col("key").n_unique())
    return dict(counted.rows())


def chain_map(snapshot: Snapshot) -> list[tuple[str, Words, list[Tile]]]:
    """The layers from top to bottom as one reads the chain: application, technology, base."""
    firms = firms_by_segment(snapshot)
    most = max([1, *firms.values()])
    bands = []
    for layer in reversed(list(LAYERS)):
        rows = snapshot.segments.filter(pl.col("layer") == layer).iter_rows(named=True)
        tiles = [
            Tile(
                row["id"], Words(row["name_zh"], row["name_en"]), firms.get(row["id"], 0),
                round(4 + 18 * (firms.get(row["id"], 0) / most) ** 0.5, 1),
            )
            for row in rows
        ]  # fmt: skip
        bands.append((layer, LAYERS[layer], tiles))
    return bands


def layer_chart(snapshot: Snapshot) -> Chart:
    firms = firms_by_segment(snapshot)
    bars = []
    for layer, name in LAYERS.items():
        counts = [firms.get(segment, 0) for segment in snapshot.segments.filter(pl.col("layer") == layer)["id"]]
        values = (sum(count > 1 for count in counts), counts.count(1), counts.count(0))
        bars.append(Bar(name, values, (f"layer-{layer}",) * 3))
    return Chart(
        "layers", Words("各层环节", "Segments by layer"),
        Words("空缺指本数据中没有企业，不等于城市没有。", "None in this data does not mean none in the city."),
        tuple(FILLED.values()), ("--full", "--single", "--gap"), tuple(bars),
    )  # fmt: skip


def decision_chart(snapshot: Snapshot) -> Chart:
    counts = {
        (programme, verdict): count
        for programme, verdict, count in snapshot.awards.group_by("programme", "verdict").len().rows()
    }
    titles = {row["id"]: Words(row["title_zh"], row["title_en"]) for row in snapshot.programmes.iter_rows(named=True)}
    drafts = set(snapshot.programmes.filter("draft")["id"])
    decided = {programme for programme, _ in counts}
    order = [*titles, *sorted(decided - set(titles))]
    bars = []
    for programme in order:
        title = titles.get(programme, Words(programme, programme))
        if programme in drafts:
            title = Words(f"{title.zh}（草案）", f"{title.en} (draft)")
        values = tuple(counts.get((programme, verdict), 0) for verdict in VERDICTS)
        bars.append(Bar(title, values, tuple(f"decisions-{programme}-{verdict}" for verdict in VERDICTS)))
    return Chart(
        "decisions", Words("各政策的判定", "Decisions by programme"),
        Words(
            "每家机构、每项政策一件判定；“待补材料”是缺事实，不是不符合。",
            "One decision per organisation and programme; “cannot tell” lacks facts, it is not a refusal.",
        ),
        tuple(VERDICT_WORDS[verdict] for verdict in VERDICTS), ("--yes", "--no", "--unknown"), tuple(bars),
    )  # fmt: skip


def computed_chart(snapshot: Snapshot) -> Chart:
    """The three are of different kinds: side by side, never summed."""
    amounts = {word: sum(frame["award_fen"]) for word, frame in computed_awards(snapshot, snapshot.awards).items()}
    return Chart(
        "computed", Words("判定测算额", "What decisions compute"),
        Words(
            "全部符合且金额已知的机构之和，是资金池分配前的上限；草案不放款，税收优惠不拨付；三项互不相加。",
            "Upper bounds over eligible organisations with a known amount, before pots are shared. Drafts pay nothing,"
            " tax savings are not paid out; the three are never added up.",
        ),
        (Words("金额", "Amount"),), ("--full",), money_bars(COMPUTED_WORDS, amounts), unit="fen",
    )  # fmt: skip


def ledger_chart(snapshot: Snapshot) -> Chart:
    cny = snapshot.transfers.filter(pl.col("unit") == "CNY")
    moved = {kind: sum(frame["amount"]) for (kind,), frame in cny.partition_by("kind", as_dict=True).items()}
    amounts = {word: moved.get(kind, 0) for word, kind in MOVED.items()}
    return Chart(
        "ledger", Words("账本", "The ledger"),
        Words(
            "人民币为承诺记账，不是支付。冻结 = 入账 + 解冻 + 尚在冻结。",
            "CNY entries are commitments, not payments. Held = captured + released + still held.",
        ),
        (Words("金额", "Amount"),), ("--full",), money_bars(MOVED_WORDS, amounts), unit="fen",
    )  # fmt: skip


def money_bars(words: Mapping[str, Words], amounts: Mapping[str, int]) -> tuple[Bar, ...]:
    return tuple(Bar(name, (amounts[word],), (f"money-{word}",)) for word, name in words.items())


def district_chart(anchors: Iterable[tuple[str, Words, int]]) -> Chart:
    """From the districts' sections, so that a bar and its rows cannot differ."""
    bars = sorted((Bar(name, (count,), (anchor,)) for anchor, name, count in anchors), key=lambda bar: -bar.values[0])
    return Chart(
        "districts", Words("各区上链机构", "Organisations on the chain by district"),
        Words("按注册地址所在区。", "By the district of the registered address."),
        (Words("机构", "Organisations"),), ("--full",), tuple(bars),
    )  # fmt: skip


def chart_data(charts: Sequence[Chart], chinese: Callable[[str], str]) -> list[dict[str, object]]:
    """For the page's script: numbers and words only; `chinese` derives 繁體 where the page is in it."""

    def say(words: Words) -> dict[str, str]:
        return {"zh": chinese(words.zh), "en": words.en}

    return [
        {
            "id": chart.id,
            "scale": chart.scale,
            "series": [say(name) for name in chart.series],
            "colours": chart.colours,
            "bars": [{"label": say(bar.label), "values": bar.values, "anchors": bar.anchors} for bar in chart.bars],
        }
        for chart in charts
    ]

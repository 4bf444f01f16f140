"""The appendix: the rows behind every number of the report, bounded on the page and whole in files beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from siwei.indicators.measure import Measurement
from siwei.indicators.snapshot import Snapshot
from siwei.market.listing import Words

ROWS_OF_AN_INDICATOR = 20
ROWS_OF_A_GROUP = 8
VERDICTS = ("eligible", "not_eligible", "cannot_tell")
COMPUTED = ("promised", "draft", "tax")
MOVED = {"held": "hold", "captured": "capture", "released": "release"}


@dataclass(frozen=True)
class Export:
    """A table written whole beside the report. Without `generated` its rows name no organisation."""

    name: str
    frame: pl.DataFrame
    restricted: bool = False


@dataclass(frozen=True)
class Section:
    """Rows on the page: at most `limit` of `frame`, whole in `export`, there to be found by `where`."""

    anchor: str
    title: Words
    frame: pl.DataFrame
    limit: int
    export: Export
    where: str = ""
    restricted: bool = False

    @property
    def shown(self) -> pl.DataFrame:
        return self.frame.head(self.limit)


def organisations_with_origin(snapshot: Snapshot) -> pl.DataFrame:
    return snapshot.organisations.select("key", "name", "district", generated=pl.col("origin") == "generated")


def placement_export(snapshot: Snapshot) -> Export:
    """One row per organisation and segment."""
    frame = snapshot.placements.join(organisations_with_origin(snapshot), on="key", how="left")
    columns = ("segment", "layer", "key", "name", "district", "confidence", "generated")
    return Export(
        "placements", frame.select(columns).sort("segment", "confidence", "key", descending=[False, True, False])
    )


def decision_export(snapshot: Snapshot) -> Export:
    """One row per organisation and programme."""
    known = organisations_with_origin(snapshot).rename({"key": "id"}).drop("district")
    frame = snapshot.awards.select("programme", "verdict", "id", "award_fen").join(known, on="id", how="left")
    frame = frame.sort(
        "programme", "verdict", "award_fen", "id", descending=[False, False, True, False], nulls_last=True
    )
    return Export("decisions", frame, restricted=True)


def transfer_export(snapshot: Snapshot) -> Export:
    frame = snapshot.transfers.filter(pl.col("unit") == "CNY").sort("kind", "id")
    return Export("transfers", frame.rename({"amount": "amount_fen"}), restricted=True)


def segment_sections(snapshot: Snapshot, placements: Export) -> Iterator[Section]:
    """One per segment, in the order of the pack: its firms, the surest placements first."""
    groups = {key[0]: frame for key, frame in placements.frame.partition_by("segment", as_dict=True).items()}
    columns = ("key", "name", "district", "confidence", "generated")
    for segment in snapshot.segments.iter_rows(named=True):
        frame = groups.get(segment["id"], placements.frame.clear())
        title = Words(segment["name_zh"], segment["name_en"])
        where = f'segment = "{segment["id"]}"'
        yield Section(f"segment-{segment['id']}", title, frame.select(columns), ROWS_OF_A_GROUP, placements, where)


def district_sections(snapshot: Snapshot, placements: Export) -> Iterator[Section]:
    """One per district, then those without one: organisations on the chain."""
    placed = placements.frame.group_by("key", maintain_order=True).agg(
        pl.col("name", "district", "generated").first(), segments=pl.col("segment").sort().str.join(", ")
    )
    districts = snapshot.districts.select("id", "name_zh", "name_en").rows()
    known = [district for district, _, _ in districts]
    for district, name_zh, name_en in districts:
        frame = placed.filter(pl.col("district") == district).drop("district").sort("key")
        where = f'district = "{district}"'
        yield Section(f"district-{district}", Words(name_zh, name_en), frame, ROWS_OF_A_GROUP, placements, where)
    unknown = placed.filter(~pl.col("district").is_in(known) | pl.col("district").is_null()).sort("key")
    if not unknown.is_empty():
        title = Words("所在区未知", "District not known")
        where = "district is none of the above"
        yield Section("district-unknown", title, unknown, ROWS_OF_A_GROUP, placements, where)


def decision_sections(snapshot: Snapshot, decisions: Export, verdict_words: dict[str, Words]) -> Iterator[Section]:
    """One per programme and verdict that was given."""
    titles = {row["id"]: Words(row["title_zh"], row["title_en"]) for row in snapshot.programmes.iter_rows(named=True)}
    columns = ("id", "name", "award_fen", "generated")
    for (programme, verdict), frame in decisions.frame.partition_by("programme", "verdict", as_dict=True).items():
        title, word = titles.get(programme, Words(programme, programme)), verdict_words[verdict]
        yield Section(
            f"decisions-{programme}-{verdict}", Words(f"{title.zh} · {word.zh}", f"{title.en} · {word.en}"),
            frame.select(columns), ROWS_OF_A_GROUP, decisions, f'programme = "{programme}", verdict = "{verdict}"',
            restricted=True,
        )  # fmt: skip


def computed_awards(snapshot: Snapshot, awards: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Known awards of eligible organisations: by programmes in force, by drafts (which pay nothing), as tax savings.

    Three kinds that are never added up; every row of `awards` that is eligible with a known amount is in exactly one.
    """
    known = awards.filter((pl.col("verdict") == "eligible") & pl.col("award_fen").is_not_null())
    programmes = snapshot.programmes.select(programme="id", is_tax=pl.col("kind") == "tax_saving", is_draft="draft")
    known = known.join(programmes, on="programme", how="left", maintain_order="left")
    tax, draft = pl.col("is_tax").fill_null(False), pl.col("is_draft").fill_null(True)
    parts = {"promised": ~tax & ~draft, "draft": ~tax & draft, "tax": tax}
    return {word: known.filter(part).drop("is_tax", "is_draft") for word, part in parts.items()}


def money_sections(
    snapshot: Snapshot, decisions: Export, transfers: Export, words: dict[str, Words]
) -> Iterator[Section]:
    """What decisions compute, and what the ledger held, captured and released."""
    conditions = {"promised": "no draft, no tax saving", "draft": "draft, no tax saving", "tax": "tax saving"}
    for word, frame in computed_awards(snapshot, decisions.frame).items():
        where = f'verdict = "eligible", award_fen known, programme: {conditions[word]}'
        columns = ("programme", "id", "name", "award_fen", "generated")
        yield Section(f"money-{word}", words[word], frame.select(columns), ROWS_OF_A_GROUP, decisions, where, True)
    for word, kind in MOVED.items():
        frame = transfers.frame.filter(pl.col("kind") == kind)
        yield Section(f"money-{word}", words[word], frame, ROWS_OF_AN_INDICATOR, transfers, f'kind = "{kind}"', True)


def indicator_sections(measurements: Sequence[Measurement]) -> Iterator[Section]:
    for entry in measurements:
        definition = entry.indicator
        export = Export(f"indicator.{definition.id}", entry.rows, definition.restricted)
        yield Section(
            f"indicator-{definition.id}", definition.name, entry.rows, ROWS_OF_AN_INDICATOR, export,
            restricted=definition.restricted,
        )  # fmt: skip

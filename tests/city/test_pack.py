"""The shipped pack, another city's pack, and every way a pack can be wrong: file, line, field and what to do."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from siwei.city.firms.codes import check_characters
from siwei.city.home import PACKS
from siwei.city.pack import Pack, load_pack
from siwei.city.pack_csv import MAX_PROBLEMS
from siwei.city.pack_files import MAX_CSV_BYTES
from siwei.city.tables import TABLES
from siwei.errors import PackError, Problem

TINY = Path(__file__).parent.parent / "fixtures" / "packs" / "tiny"
TODAY = date(2026, 11, 23)
Edit = Callable[[str, str, str], None]


@pytest.fixture
def pack_directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "tiny"))


@pytest.fixture
def edit(pack_directory: Path) -> Edit:
    """Replace text that is there exactly once."""

    def replace(relative: str, old: str, new: str) -> None:
        path = pack_directory / relative
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    return replace


def problems_of(directory: Path) -> list[Problem]:
    """Problems with their file named relative to the pack."""
    with pytest.raises(PackError) as caught:
        load_pack(directory, today=TODAY)
    return [
        Problem(each.message, each.fix, str(Path(each.file).relative_to(directory)), each.line, each.column, each.field)
        for each in caught.value.problems
    ]


@pytest.fixture(scope="module")
def shenzhen() -> Pack:
    return load_pack(PACKS / "shenzhen", today=TODAY)


def test_shipped_pack_is_whole(shenzhen: Pack) -> None:
    assert shenzhen.identity.name_zh == "深圳市"
    assert set(shenzhen.segments["layer"]) == {"base", "technology", "application"}
    assert shenzhen.segments.height >= 70
    assert shenzhen.edges.height >= 150
    assert set(shenzhen.edges["type"]) == {"supplies", "uses", "substitutes"}
    assert shenzhen.accelerators["maker_en"].n_unique() >= 10
    assert all(frame.height > 0 for frame in shenzhen.tables.values())


def test_shipped_clusters_are_twenty_and_eight_in_both_versions(shenzhen: Pack) -> None:
    counts = shenzhen.clusters.group_by("version", "kind").len().sort("version", "kind").rows()
    assert counts == [("1.0", "cluster", 20), ("1.0", "future", 8), ("2.0", "cluster", 20), ("2.0", "future", 8)]


def test_every_segment_of_the_shipped_pack_is_on_the_chain(shenzhen: Pack) -> None:
    joined = set(shenzhen.edges["from"]) | set(shenzhen.edges["to"])
    assert set(shenzhen.segments["id"]) - joined == set()


def test_shipped_rows_are_drafts_exactly_where_source_or_date_is_unknown(shenzhen: Pack) -> None:
    for frame in shenzhen.tables.values():
        unknown = frame["source"].is_null() | frame["as_of"].is_null()
        assert frame["draft"].equals(unknown.alias("draft"))
        assert frame.filter(pl.col("draft") & pl.col("verified")).is_empty()
    assert shenzhen.voucher_providers["draft"].all()


def test_figures_from_memory_are_never_verified(shenzhen: Pack) -> None:
    for frame in shenzhen.tables.values():
        remembered = frame.filter(pl.col("source").str.contains("from memory"))
        assert not remembered["verified"].any()


def test_official_firm_count_is_a_row_of_the_statistics(shenzhen: Pack) -> None:
    count = shenzhen.official_firm_count
    assert count is not None
    assert (count.value, count.qualifier, count.year) == (2000, "less_than", 2022)


def test_shipped_figures_agree_with_the_collected_ones(real_data: Path, shenzhen: Pack) -> None:
    collected = pl.read_csv(real_data / "shenzhen" / "compute_facilities.csv", infer_schema=False)
    theirs = sorted(zip(collected["code"].str.to_lowercase(), collected["metric"].str.to_lowercase(), strict=True))
    assert sorted(zip(shenzhen.facilities["facility"], shenzhen.facilities["metric"], strict=True)) == theirs
    values = collected["value"].str.strip_prefix(">=").cast(pl.Float64)
    assert shenzhen.facilities["value"].to_list() == values.to_list()
    at_least = collected["value"].str.starts_with(">=")
    assert (shenzhen.facilities["qualifier"] == "at_least").to_list() == at_least.to_list()
    statistics = pl.read_csv(real_data / "shenzhen" / "official_stats.csv", infer_schema=False)
    figures = statistics["value"].str.extract(r"([0-9.]+)").cast(pl.Float64)
    assert shenzhen.statistics["value"].to_list() == figures.to_list()
    from_secondary_page = shenzhen.statistics.filter(statistics["check"] == "1")
    assert not from_secondary_page["verified"].any()
    providers = pl.read_csv(real_data / "shenzhen" / "training_voucher_providers.csv", infer_schema=False)
    assert shenzhen.voucher_providers["name_zh"].to_list() == providers["provider"].to_list()


def test_another_city_needs_a_pack_and_no_code() -> None:
    pack = load_pack(TINY, today=TODAY)
    assert pack.identity.country == "NO"
    assert pack.identity.version == "1.10"
    assert pack.identity.languages == ("en", "zh-Hans")
    assert list(pack.attributes) == ["employees", "founded_on", "listed", "website"]
    assert pack.institutions.is_empty()
    assert pack.official_firm_count is not None
    assert pack.official_firm_count.value == 12
    for table in TABLES:
        assert pack.tables[table.id].schema == pl.Schema(table.schema)


def test_digest_follows_the_content(pack_directory: Path, edit: Edit) -> None:
    before = load_pack(pack_directory, today=TODAY).sha256
    assert load_pack(TINY, today=TODAY).sha256 == before
    edit("chain/edges.csv", "0.9", "0.8")
    assert load_pack(pack_directory, today=TODAY).sha256 != before


WRONG = [
    pytest.param(
        "chain/segments.csv", "model,technology", "model,tecnology",
        Problem(
            "'tecnology' is not one of base, technology, application", "write 'technology'",
            "chain/segments.csv", 4, None, "layer",
        ),
        id="layer",
    ),
    pytest.param(
        "chain/edges.csv", "health,model", "health,modle",
        Problem("'modle' is not in chain/segments.csv", "write 'model'", "chain/edges.csv", 3, None, "to"),
        id="edge to an unknown segment",
    ),
    pytest.param(
        "chain/edges.csv", "health,model", "model,model",
        Problem("joins 'model' to itself", "name another segment, or remove the row", "chain/edges.csv", 3),
        id="self-loop",
    ),
    pytest.param(
        "chain/edges.csv", "health,model,uses,0.8", "chip,server,supplies,0.8",
        Problem(
            "from chip, to server, type supplies is already on line 2", "remove one of the two rows",
            "chain/edges.csv", 3, None, "from+to+type",
        ),
        id="edge twice",
    ),
    pytest.param(
        "chain/edges.csv", "health,model,uses,0.8", "server,chip,uses,0.8",
        Problem(
            "says again what line 2 says: server uses chip", "remove one of the two rows",
            "chain/edges.csv", 3, None, "type",
        ),
        id="supplies said again as uses",
    ),
    pytest.param(
        "chain/edges.csv", "uses,0.8", "uses,80%",
        Problem(
            "'80%' is not a plain number", "write digits and at most one decimal point; ranges go to `qualifier`",
            "chain/edges.csv", 3, None, "confidence",
        ),
        id="confidence in percent",
    ),
    pytest.param(
        "chain/edges.csv", "uses,0.8", "uses,1.8",
        Problem(
            "'1.8' is not between 0 and 1", "write a number over 0 and up to 1",
            "chain/edges.csv", 3, None, "confidence"
        ),
        id="confidence over one",
    ),
    pytest.param(
        "districts.csv", "south,南区", "north,南区",
        Problem("id north is already on line 2", "remove one of the two rows", "districts.csv", 4, None, "id"),
        id="identifier twice",
    ),
    pytest.param(
        "facilities.csv", ",north,", ",nroth,",
        Problem("'nroth' is not in districts.csv", "write 'north'", "facilities.csv", 2, None, "district"),
        id="facility in no district",
    ),
    pytest.param(
        "facilities.csv", ",2,PFLOPS", ",>=2,PFLOPS",
        Problem(
            "'>=2' is not a plain number", "write digits and at most one decimal point; ranges go to `qualifier`",
            "facilities.csv", 2, None, "value",
        ),
        id="range in the figure",
    ),
    pytest.param(
        "chain/compatibility.csv", "example,example-npu", "exampel,example-npu",
        Problem(
            "'exampel' is not in chain/frameworks.csv", "write 'example'",
            "chain/compatibility.csv", 2, None, "framework"
        ),
        id="unknown framework",
    ),
    pytest.param(
        "clusters/cluster_segments.csv", "1.0,ai", "1.0,aii",
        Problem(
            "'aii' of version 1.0 is not in clusters/clusters.csv", "write 'ai'",
            "clusters/cluster_segments.csv", 2, None, "cluster",
        ),
        id="link to no cluster",
    ),
    pytest.param(
        "clusters/cluster_segments.csv", "1.0,ai", "2.0,ai",
        Problem(
            "'2.0' is not in clusters/clusters.csv", "write '1.0'", "clusters/cluster_segments.csv", 2, None, "version"
        ),
        id="link to no version",
    ),
    pytest.param(
        "statistics.csv", "generated,2026-01-31", "generated,2026-11-24",
        Problem("2026-11-24 is in the future", "write a date up to 2026-11-23", "statistics.csv", 2, None, "as_of"),
        id="future date",
    ),
    pytest.param(
        "statistics.csv", "generated,2026-01-31", "generated,31.01.2026",
        Problem("'31.01.2026' is not a date", "write it as YYYY-MM-DD", "statistics.csv", 2, None, "as_of"),
        id="date in another form",
    ),
    pytest.param(
        "statistics.csv", "generated,2026-01-31,false", "generated,2026-01-31,FALSE",
        Problem("'FALSE' is neither true nor false", "write true or false", "statistics.csv", 2, None, "verified"),
        id="boolean in capitals",
    ),
    pytest.param(
        "statistics.csv", ",generated,2026-01-31,false", ",,2026-01-31,true",
        Problem(
            "is verified but has no source or no date", "name both, or write verified=false", "statistics.csv", 2
        ),
        id="verified without a source",
    ),
    pytest.param(
        "statistics.csv", "generated,2026-01-31,false", "generated,2026-01-31,true",
        Problem(
            "is verified by 'generated'", "name what it was read in, or write verified=false", "statistics.csv", 2
        ),
        id="verified though generated",
    ),
    pytest.param(
        "statistics.csv", ",2025,", ",25,",
        Problem("'25' is not a year", "write four digits, 1900 to 2099", "statistics.csv", 2, None, "year"),
        id="year",
    ),
    pytest.param(
        "facilities.csv", "31,false\n",
        "31,false\nf1,示例智算中心,Other centre,ai_compute,north,,operating,cards,exact,8,count,,true,,,false\n",
        Problem(
            "f1 has name_en 'Other centre' here and 'Example centre' on line 2", "write the same on both",
            "facilities.csv", 3, None, "name_en",
        ),
        id="one facility under two names",
    ),
    pytest.param(
        "chain/frameworks.csv", "https://example.org", "javascript:alert(1)",
        Problem(
            "'javascript:alert(1)' is not a web address", "write it with https://",
            "chain/frameworks.csv", 2, None, "website",
        ),
        id="script for a web address",
    ),
    pytest.param(
        "chain/segments.csv", "Health", "He\u202ealth",
        Problem(
            "holds an invisible character", "type the text again without it", "chain/segments.csv", 5, None, "name_en"
        ),
        id="text that turns round",
    ),
    pytest.param(
        "statistics.csv", "qualifier", "qualifer",
        Problem("unknown column 'qualifer'", "rename it 'qualifier'", "statistics.csv", 1, None, "qualifer"),
        id="column misspelt",
    ),
    pytest.param(
        "statistics.csv", "id,name_zh", "name_zh",
        Problem("column 'id' is missing", "add it to the header", "statistics.csv", 1, None, "id"),
        id="column missing",
    ),
    pytest.param(
        "statistics.csv", "firms-2025,", "firms-2025,extra,",
        Problem(
            "15 cells under 14 columns", "give one cell per column; quote a cell that holds a comma",
            "statistics.csv", 2
        ),
        id="ragged row",
    ),
    pytest.param(
        "districts.csv", "south,南区,South,,district,", "south,南区,South,,district,harbour",
        Problem("'harbour' was itself split from 'north'", "write 'north'", "districts.csv", 4, None, "split_from"),
        id="district split twice",
    ),
    pytest.param(
        "pack.yaml", "country:", "contry:",
        Problem("unknown key 'contry'", "rename it 'country'", "pack.yaml", 7, 9, "contry"),
        id="key misspelt",
    ),
    pytest.param(
        "pack.yaml", "firms-2025", "firms-2026",
        Problem(
            "'firms-2026' is not in statistics.csv", "write 'firms-2025'", "pack.yaml", 12, 22, "official_firm_count",
        ),
        id="unknown statistic",
    ),
    pytest.param(
        "pack.yaml", "id: tiny", "id: tiny\nid: large",
        Problem("key 'id' appears twice", "remove one of them", "pack.yaml", 3, 1, "id"),
        id="key twice",
    ),
    pytest.param(
        "pack.yaml", "[en, zh-Hans]", "[en, zh-CN]",
        Problem(
            "'zh-CN' is not one of zh-Hans, zh-Hant, en", "write one of them", "pack.yaml", 10, 17, "languages.1"
        ),
        id="unknown language",
    ),
    pytest.param(
        "pack.yaml", "Europe/Oslo", "Europe/Olso",
        Problem(
            "'Europe/Olso' is not a time zone", "write a name such as Asia/Shanghai", "pack.yaml", 11, 12, "time_zone",
        ),
        id="time zone",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("relative", "old", "new", "expected"), WRONG)
def test_each_error_names_file_line_and_fix(
    pack_directory: Path, edit: Edit, relative: str, old: str, new: str, expected: Problem
) -> None:
    edit(relative, old, new)
    assert problems_of(pack_directory) == [expected]


def test_all_problems_at_once(pack_directory: Path, edit: Edit) -> None:
    edit("chain/segments.csv", "model,technology", "model,middle")
    edit("chain/edges.csv", "chip,server", "chip,sever")
    edit("districts.csv", "split_from", "splitfrom")
    (pack_directory / "attributes.csv").unlink()
    (pack_directory / "statistics.csv").write_bytes("id,指标\n".encode("gb18030"))
    found = [(each.file, each.line, each.field) for each in problems_of(pack_directory)]
    # The row with a wrong layer is still a segment, and unread districts and statistics blame nobody who names them.
    assert found == [
        ("attributes.csv", None, ""),
        ("chain/edges.csv", 2, "to"),
        ("chain/segments.csv", 4, "layer"),
        ("districts.csv", 1, "splitfrom"),
        ("statistics.csv", 1, ""),
    ]


def test_an_institution_code_carries_its_check_character(pack_directory: Path) -> None:
    header = "id,name_zh,name_en,kind,district,code,website,source,as_of,verified\n"
    row = "lab,示例实验室,Example Laboratory,laboratory,north,{},,generated,2026-01-31,false\n"
    path = pack_directory / "institutions.csv"
    body = "Y1000000000000000"
    (right,) = check_characters(pl.Series([body]))
    path.write_text(header + row.format(body + right))
    assert load_pack(pack_directory, today=TODAY).institutions["code"].to_list() == [body + right]
    wrong = "0" if right != "0" else "1"
    path.write_text(header + row.format(body + wrong))
    (problem,) = problems_of(pack_directory)
    assert (problem.file, problem.line, problem.field) == ("institutions.csv", 2, "code")
    assert f"character 18 is {wrong}, expected {right}" in problem.message


def test_a_file_wrong_throughout_says_so_once(pack_directory: Path) -> None:
    rows = "".join(f"nowhere-{number},server,supplies,0.5,,,false\n" for number in range(50_000))
    (pack_directory / "chain" / "edges.csv").write_text("from,to,type,confidence,source,as_of,verified\n" + rows)
    found = problems_of(pack_directory)
    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1].message == "has more than 100 problems; later rows were not looked at"
    assert found[-1].line == MAX_PROBLEMS + 2


def test_an_absent_optional_table_is_empty(pack_directory: Path) -> None:
    (pack_directory / "chain" / "edges.csv").unlink()
    assert load_pack(pack_directory, today=TODAY).edges.is_empty()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PackError) as caught:
        load_pack(tmp_path / "nowhere")
    assert caught.value.problems == (
        Problem("is not a folder", "name the folder that holds pack.yaml", str(tmp_path / "nowhere")),
    )


def test_a_folder_without_anything_names_every_missing_file(tmp_path: Path) -> None:
    missing = [(each.message, each.file) for each in problems_of(tmp_path)]
    assert missing == [
        ("file is missing", "attributes.csv"),
        ("file is missing", "chain/segments.csv"),
        ("file is missing", "districts.csv"),
        ("file is missing", "pack.yaml"),
    ]


def test_a_huge_file_is_refused_before_it_is_read(pack_directory: Path) -> None:
    with (pack_directory / "places.csv").open("ab") as file:
        file.truncate(2**40)
    assert problems_of(pack_directory) == [
        Problem(
            f"has {2**40:,} bytes; the limit is {MAX_CSV_BYTES:,}", "split the data, or keep it out of the pack",
            "places.csv",
        )
    ]  # fmt: skip

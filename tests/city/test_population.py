"""The generated population: deterministic, sized to the official figures, and never to be taken for real."""

from datetime import date

import polars as pl
import pytest

from siwei.city.firms import check_codes
from siwei.city.firms.codes import inner_check_holds
from siwei.city.home import PACKS
from siwei.city.pack import Pack, load_pack
from siwei.city.population import MARK, generate, sector_ids
from siwei.city.population_texts import AI_SECTORS, OTHER_SECTORS, Sector
from siwei.errors import InputError

AS_OF = date(2026, 11, 23)


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack(PACKS / "shenzhen", today=AS_OF)


@pytest.fixture(scope="module")
def firms(pack: Pack) -> pl.DataFrame:
    return generate(5_000, 500, 1, pack=pack, as_of=AS_OF)


def test_same_seed_same_firms_other_seed_others(pack: Pack, firms: pl.DataFrame) -> None:
    assert generate(5_000, 500, 1, pack=pack, as_of=AS_OF).equals(firms)
    other = generate(5_000, 500, 2, pack=pack, as_of=AS_OF)
    assert set(other["code"]).isdisjoint(firms["code"])


def test_nobody_can_take_them_for_real(firms: pl.DataFrame) -> None:
    assert firms["name"].str.contains(MARK, literal=True).all()
    assert firms["address"].str.contains(MARK, literal=True).all()
    assert firms["code"].str.starts_with("Y1").all()


def test_codes_are_valid_and_names_and_codes_unique(firms: pl.DataFrame) -> None:
    checked = check_codes(firms["code"])
    assert checked["code"].to_list() == firms["code"].to_list()
    assert inner_check_holds(firms["code"]).all()
    assert (firms["code"].n_unique(), firms["name"].n_unique()) == (5_000, 5_000)


def test_as_many_in_ai_as_asked(firms: pl.DataFrame) -> None:
    assert sector_ids(5_000, 500, 1)["is_ai"].sum() == 500


def test_columns_are_attributes_of_the_pack(pack: Pack, firms: pl.DataFrame) -> None:
    named = {column.removesuffix("__status") for column in firms.columns} - {"name", "code", "valid_from"}
    assert named <= set(pack.attributes)
    assert {each.split("/")[0] for each in ("revenue", "employees", "compute_rental", "core_ip", "legal_form")} <= named


def test_facts_agree_with_one_another(firms: pl.DataFrame) -> None:
    for part, whole in (
        ("research_staff", "employees"), ("rd_expense_3y_in_china", "rd_expense_3y"), ("rd_expense_3y", "revenue_3y"),
        ("high_tech_revenue", "revenue"), ("compute_rental_from_listed", "compute_rental"), ("longhua_compute_paid",
        "compute_rental"), ("compute_paid", "compute_rental"), ("rd_expensed", "rd_expense_3y"),
        ("longhua_compute_paid", "compute_paid"),
    ):  # fmt: skip
        both = firms.drop_nulls([part, whole])
        assert both.height > 0
        assert (both[part] <= both[whole]).all(), (part, whole)
    assert (firms["founded_on"] < AS_OF).all()


def test_there_are_gaps_and_every_status(firms: pl.DataFrame) -> None:
    assert 0 < firms["revenue"].null_count() < firms.height
    assert set(firms["revenue__status"].drop_nulls()) == {0, 1, 2}
    assert firms.filter(pl.col("revenue").is_null())["revenue__status"].null_count() == firms["revenue"].null_count()


def test_ai_revenue_follows_the_official_figure(pack: Pack) -> None:
    """308 hundred million CNY over the official count; about a third is not reported."""
    official = pack.official_firm_count
    assert official is not None
    firms, sectors = generate(4_000, official.value, 3, pack=pack, as_of=AS_OF), sector_ids(4_000, official.value, 3)
    reported = int(firms.filter(sectors["is_ai"])["revenue"].sum()) / 10**10
    assert 150 < reported < 308


@pytest.mark.parametrize(("count", "ai_count"), [(-1, 0), (10, 11), (10, -1), (10**9, 0)])
def test_impossible_numbers(pack: Pack, count: int, ai_count: int) -> None:
    with pytest.raises(InputError, match="cannot make"):
        generate(count, ai_count, 1, pack=pack, as_of=AS_OF)


@pytest.mark.parametrize("count", [0, 1])
def test_small_numbers(pack: Pack, count: int) -> None:
    assert generate(count, count, 1, pack=pack, as_of=AS_OF).height == count


def test_ai_sectors_are_segments_and_leave_gaps(pack: Pack) -> None:
    written, segments = [sector.id for sector in AI_SECTORS], pack.segments["id"].to_list()
    assert len(written) == len(set(written))
    assert set(written) <= set(segments)
    assert set(segments) - set(written) == {
        "chip-cpu", "chip-foundry", "chip-fpga", "chip-novel", "data-exchange", "legal", "marine", "memory-chip",
        "new-material", "semi-material",
    }  # fmt: skip
    assert {sector.id for sector in OTHER_SECTORS}.isdisjoint(segments)


def test_a_city_has_many_applications_and_few_models() -> None:
    peopled = sector_ids(20_000, 2_000, 1).filter("is_ai")["sector"].value_counts()
    firms = dict(peopled.iter_rows())
    assert 80 <= len(firms) <= 88
    for rare in ("foundation-model", "dl-framework", "chip-gpu"):
        assert firms.get(rare, 0) < 20 < firms["enterprise-software"], rare


@pytest.mark.parametrize("sector", [*AI_SECTORS, *OTHER_SECTORS], ids=lambda sector: sector.id)
def test_texts_of_a_sector_are_whole(sector: Sector) -> None:
    assert sector.weight > 0
    assert (len(sector.scopes) >= 3, len(sector.claims) >= 2) == (True, True)
    for texts in (sector.names, sector.scopes, sector.claims, sector.customers):
        assert len(texts) == len(set(texts))
        # The separators of what is made from them.
        assert [text for text in texts if not text.strip() or "；" in text or "。" in text] == []


def test_no_line_stands_twice_in_a_scope(firms: pl.DataFrame) -> None:
    lines = firms["scope"].str.split("；")
    assert (lines.list.n_unique() == lines.list.len()).all()


def test_profiles_say_that_they_are_made_up(firms: pl.DataFrame) -> None:
    profiles = firms["profile"].drop_nulls()
    assert profiles.len() > 0
    assert profiles.str.ends_with("（生成的示例，并非真实企业）").all()

"""All programmes of Shenzhen: which there are, which are drafts and why, what each cites, and that their cases hold."""

import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from siwei.city.pack import load_pack
from siwei.city.population import generate
from siwei.policy import Kind, Programme, attribute_dtypes, decide
from siwei.policy.checks.case_results import run_pack_cases
from siwei.policy.combinations.combining import combine
from siwei.policy.documents.loading import programme_files
from siwei.policy.documents.loading_stacking import load_stacking
from siwei.policy.programmes import State
from siwei.policy.versions import file_stems, version_on

from .shenzhen import ATTRIBUTES, PACK, VERSIONS
from .shenzhen import PROGRAMMES as LATEST

ROOT = Path(__file__).resolve().parents[2]
PROGRAMMES = {each.id: each for each in LATEST}
AS_OF = date(2026, 11, 23)
YUAN = 100

APPLIES_TO = {
    "organisation": {
        "guangming-compute", "high-tech-enterprise", "incubator-entry", "longgang-compute", "longhua-compute", "moxing",
        "open-corpus", "rd-super-deduction", "rd-super-deduction-chips", "sme-software-medium", "sme-software-micro",
        "sme-software-small", "xunli", "yuliao",
    },
    "claim": {"compute-contract"},
    "project": {"application-demonstration", "key-technology", "peacock-team", "research-topic"},
    "person": {"gba-income-tax", "peacock"},
}  # fmt: skip
DRAFTS = {
    "compute-contract", "gba-income-tax", "high-tech-enterprise", "incubator-entry", "key-technology",
    "longgang-compute", "open-corpus",
    "peacock", "peacock-team", "rd-super-deduction-chips", "research-topic", "sme-software-medium",
    "sme-software-micro", "sme-software-small",
}  # fmt: skip
DESIGNED = {"compute-contract", "incubator-entry", "research-topic"}
BUDGETS_YUAN = {
    "application-demonstration": 100_000_000, "key-technology": 300_000_000, "moxing": 100_000_000,
    "xunli": 500_000_000, "yuliao": 50_000_000,
}  # fmt: skip


def test_whom_each_programme_applies_to() -> None:
    found: dict[str, set[str]] = {}
    for programme in PROGRAMMES.values():
        found.setdefault(programme.applies_to, set()).add(programme.id)
    assert found == APPLIES_TO


def test_files_are_named_after_their_programme_and_version() -> None:
    allowed = {stem: each.id for each in VERSIONS for stem in file_stems(each.id, each.version)}
    files = programme_files(PACK / "programmes")
    assert {Path(path).stem for path in files} <= set(allowed)
    assert len(files) == len(VERSIONS) == len(PROGRAMMES) + 2


def test_which_are_drafts() -> None:
    assert {each.id for each in PROGRAMMES.values() if each.is_draft} == DRAFTS


def test_what_cites_nothing_is_named() -> None:
    """What keeps a programme a draft besides its state."""
    unsourced = {each.id: each.unsourced for each in PROGRAMMES.values() if each.unsourced and each.id not in DESIGNED}
    sizes = {name: parts for name, parts in unsourced.items() if name.startswith("sme-software-")}
    assert {name: parts for name, parts in unsourced.items() if name not in sizes} == {
        "gba-income-tax": ("talent",),
        "high-tech-enterprise": (
            "high-tech-revenue", "no-serious-violation", "p.high_tech_share", "p.rate_standard",
        ),
        "key-technology": ("award",),
        "longgang-compute": ("award",),
        "open-corpus": ("award",),
        "peacock": ("level",),
        "peacock-team": ("award",),
    }  # fmt: skip
    for name, parts in sizes.items():
        assert len(parts) == 3 + len(PROGRAMMES[name].parameters)


@pytest.mark.parametrize("programme", [PROGRAMMES[name] for name in sorted(DESIGNED)], ids=lambda each: each.id)
def test_what_we_designed_says_so_everywhere(programme: Programme) -> None:
    assert (programme.state, programme.source.number, programme.source.url) == (State.DRAFT, None, None)
    assert programme.source.document.startswith("designed by Siwei")
    assert "designed by Siwei" in programme.title.en
    assert "四维设计" in programme.title.zh
    cited = [clause.id for clause in programme.clauses if clause.citation is not None]
    assert (cited, programme.award.citation) == ([], None)
    assert all("designed by Siwei" in parameter.words.en for parameter in programme.parameters)


def test_nothing_is_said_to_be_verified_and_one_locator_is_known() -> None:
    assert not any(each.source.verified for each in VERSIONS)
    locators = {
        (each.id, clause.id, clause.citation.locator)
        for each in VERSIONS
        for clause in each.clauses
        if clause.citation is not None and clause.citation.locator != "not known"
    }
    assert locators == {("rd-super-deduction", "not-an-excluded-industry", "四（据网页转引，原文未见）")}


def test_nothing_cites_memory() -> None:
    """What is from memory cites nothing, so that it can never pass for a source."""
    citations = [clause.citation for each in VERSIONS for clause in each.clauses]
    citations += [parameter.citation for each in VERSIONS for parameter in each.parameters]
    citations += [each.award.citation for each in VERSIONS]
    told = [f"{each.document} {each.locator} {each.url}" for each in citations if each is not None]
    assert [text for text in told if "memory" in text or "记忆" in text] == []


def test_kinds_and_budgets() -> None:
    of_kind = {kind: {each.id for each in PROGRAMMES.values() if each.kind is kind} for kind in Kind}
    assert of_kind[Kind.TAX_SAVING] == {"high-tech-enterprise", "rd-super-deduction", "rd-super-deduction-chips"}
    assert of_kind[Kind.VOUCHER] == {"moxing", "xunli", "yuliao"}
    budgets = {each.id: each.pot.budget_fen for each in PROGRAMMES.values() if each.pot is not None}
    assert {name: fen for name, fen in budgets.items() if fen is not None} == {
        name: yuan * YUAN for name, yuan in BUDGETS_YUAN.items()
    }


@pytest.mark.parametrize(
    ("programme", "day", "version"),
    [
        ("xunli", date(2024, 12, 17), None),
        ("xunli", date(2024, 12, 18), "2024.1"),
        ("xunli", date(2026, 5, 5), "2024.1"),
        ("xunli", date(2026, 5, 6), "2026.1"),
        ("xunli", date(2026, 12, 18), None),
        ("longgang-compute", date(2026, 6, 28), "1"),
        # The later text is a draft: its rate is not known, so nothing is in force.
        ("longgang-compute", date(2026, 6, 29), None),
        ("peacock", date(2015, 12, 31), "2016.1"),
        ("peacock", date(2021, 1, 1), None),
    ],
)
def test_which_version_holds_on_a_day(programme: str, day: date, version: str | None) -> None:
    found = version_on([each for each in VERSIONS if each.id == programme], day)
    assert (None if found is None else found.version) == version


def test_every_version_has_cases_that_hold_and_show_every_clause_and_branch() -> None:
    runs, without = run_pack_cases(PACK, ATTRIBUTES)
    assert without == ()
    assert {(run.programme.id, run.programme.version) for run in runs} == {(each.id, each.version) for each in VERSIONS}
    wrong = {run.programme.id: [result.case.id for result in run.failed] for run in runs if run.failed}
    gaps = {run.programme.id: run.coverage.gaps for run in runs if run.coverage.gaps}
    assert (wrong, gaps) == ({}, {})


def test_the_reference_has_a_row_for_each_version() -> None:
    page = (ROOT / "docs" / "reference" / "shenzhen-programmes.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    named = {name: row for row in rows for name in re.findall(r"`([a-z-]+)`", row[1])}
    assert set(named) == set(PROGRAMMES)
    assert sum(len(re.findall(r"`[a-z-]+`", row[1])) for row in rows) == len(VERSIONS)
    assert {name: row[2].strip() for name, row in named.items()} == {
        each.id: each.applies_to for each in PROGRAMMES.values()
    }
    assert {name for name, row in named.items() if "**draft**" in row[5]} | {"longgang-compute"} == DRAFTS


def test_what_firms_are_asked_for_exists_in_a_generated_city() -> None:
    """Somebody is eligible and somebody is not wherever no authority must first approve an amount."""
    firms = generate(4_000, 1_500, 7, pack=load_pack(PACK), as_of=AS_OF).rename({"code": "id"})
    programmes = [each for each in PROGRAMMES.values() if each.applies_to == "organisation"]
    lacking = {name: dtype for name, dtype in attribute_dtypes(programmes).items() if name not in firms.columns}
    assert set(lacking) == {"longgang_compute_approved", "open_corpora", "open_corpus_assessed"}
    table = firms.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in lacking.items())
    awards = decide(tuple(programmes), table, AS_OF).awards.with_columns(pl.col("programme").cast(pl.String))
    verdicts = awards.group_by("programme").agg(pl.col("verdict").cast(pl.String).unique())
    without = {name for name, found in verdicts.iter_rows() if not {"eligible", "not_eligible"} <= set(found)}
    assert without == {"open-corpus"}
    known = awards.filter(pl.col("award_fen") > 0)["programme"].unique()
    classes = {name for name in PROGRAMMES if name.startswith("sme-software-")}
    assert {each.id for each in programmes} - set(known) == classes | {"open-corpus", "longgang-compute"}


def test_every_software_firm_has_one_size_class() -> None:
    """Large, or exactly one of the three; at and around every threshold."""
    sizes = [PROGRAMMES[f"sme-software-{name}"] for name in ("medium", "small", "micro")]
    wan = 1_000_000
    staff = [0, 1, 9, 10, 11, 99, 100, 101, 299, 300, 301, 10**6]
    revenue = [-1, 0, 50 * wan - 1, 50 * wan, 1000 * wan - 1, 1000 * wan, 10_000 * wan - 1, 10_000 * wan, 2**62]
    rows = [(people, money) for people in staff for money in revenue]
    table = pl.DataFrame(rows, schema={"employees": pl.Int64, "revenue": pl.Int64}, orient="row").with_columns(
        pl.lit("software_it_services").alias("main_industry"), pl.int_range(pl.len()).cast(pl.String).alias("id")
    )
    awards = decide(tuple(sizes), table, AS_OF).awards
    classes = awards.group_by("id", maintain_order=True).agg((pl.col("verdict") == "eligible").sum().alias("classes"))
    large = table.with_columns(((pl.col("employees") >= 300) & (pl.col("revenue") >= 10_000 * wan)).alias("large"))
    expected = large.select("id", (1 - pl.col("large").cast(pl.Int64)).alias("classes"))
    assert dict(classes.iter_rows()) == dict(expected.iter_rows())


def test_guangming_s_support_and_the_voucher_come_to_half_of_the_contracts() -> None:
    """24 million CNY of rental: 10 million by the voucher and 6 by Guangming may come to 12; the voucher is cut
    first."""
    chosen = tuple(PROGRAMMES[name] for name in ("guangming-compute", "longhua-compute", "xunli"))
    stacking = load_stacking(PACK, ATTRIBUTES, tuple(PROGRAMMES.values()))
    money = 24_000_000 * YUAN
    table = pl.DataFrame(
        {"id": ["f"], "legal_form": ["firm"], "compute_rental": [money], "compute_rental_from_listed": [money],
         "listed_provider": [False], "compute_other_support": [0], "founded_on": [date(2020, 1, 1)],
         "district": ["guangming"], "longhua_compute_paid": [0], "compute_paid": [money],
         "guangming_support_years": [1]}
    )  # fmt: skip
    combined = combine(stacking, decide(chosen, table, AS_OF), table)
    assert combined.rows.select("programme", "entitled_fen", "kept_fen", "bound_by").rows() == [
        ("guangming-compute", 6_000_000 * YUAN, 6_000_000 * YUAN, None),
        ("xunli", 10_000_000 * YUAN, 6_000_000 * YUAN, "compute-contract"),
    ]


def test_no_draft_bears_on_money_that_is_paid() -> None:
    """A draft in a stacking rule could take the place of an award that releases money."""
    stacking = load_stacking(PACK, ATTRIBUTES, tuple(PROGRAMMES.values()))
    assert DRAFTS & set(stacking.programmes) == set()

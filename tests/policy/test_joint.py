"""Limits over an organisation, its contracts and its projects: to the fen as every choice tried by hand, in the
declared order, and refused where they cannot be meant."""

import json
import shlex
import shutil
from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import siwei.cli.policy_money  # noqa: F401
from siwei.city.home import PACKS
from siwei.cli.policy import policy_app
from siwei.errors import InputError, PolicyError
from siwei.policy import Programme, decide
from siwei.policy.checks.check import check_programmes
from siwei.policy.combinations import joint_sums
from siwei.policy.combinations.choices import reckon
from siwei.policy.combinations.choosing import bound_column, kept_column
from siwei.policy.combinations.combining import combine
from siwei.policy.combinations.joint import combine_jointly
from siwei.policy.combinations.joint_choices import Decided
from siwei.policy.documents.loading_stacking import load_stacking
from siwei.policy.stacking import Stacking, lawful_choices, linked

from .test_stacking_subjects import ATTRIBUTES, write

DAY = date(2026, 6, 30)
AWARDS = {
    "own": ("organisation", "compute_other_support"),
    "more": ("organisation", "compute_rental"),
    "city": ("claim", "contract_amount"),
    "district": ("claim", "contract_paid"),
    "park": ("claim", "contract_own_paid"),
    "topic": ("project", "project_budget"),
}
HEAD = """\
either_or:
  - {id: one-of-two, programmes: [district, park], words: {zh: 择一, en: One}, citation: {document: Trial rules}}
groups:
  - id: one-contract
    programmes: [city, district]
    limit: contract_cap
    applies_from: 2
    reduce: [city, district]
    words: {zh: 同一合同, en: One contract}
    citation: {document: Trial rules}
joint:
"""
JOINT = """\
  - id: {id}
    programmes: {programmes}
    limit: {limit}
    reduce: {programmes}
{more}    words: {{zh: 每家合计, en: Each firm together}}
    citation: {{document: Trial rules}}
"""
TWO = JOINT.format(
    id="firm", programmes="[district, own, city]", limit="revenue", more="    order: [contract_signed_on]\n"
) + JOINT.format(id="research", programmes="[more, topic]", limit="rd_expensed", more="")


def rules(folder: Path, text: str, programmes: tuple[Programme, ...]) -> Stacking:
    text = text.replace("contract_cap", "contract_amount * 6 / 10 + 1")
    (folder / "stacking.yaml").write_text(text, encoding="utf-8")
    return load_stacking(folder, ATTRIBUTES, programmes)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Programme, ...], Stacking]:
    folder = tmp_path_factory.mktemp("pack")
    made = []
    for name, (applies_to, award) in AWARDS.items():
        made.append(write(folder, name, applies_to, award, clause=f"{award} > 0"))
    return folder, tuple(made), rules(folder, HEAD + TWO, tuple(made))


amounts = st.integers(0, 12)
firm = st.fixed_dictionaries(
    {"compute_other_support": amounts, "compute_rental": amounts, "revenue": st.integers(-1, 40) | st.none(),
     "rd_expensed": st.integers(0, 25)}
)  # fmt: skip
contract = st.fixed_dictionaries(
    {"organisation": st.sampled_from(["a", "b"]), "contract_amount": amounts, "contract_paid": amounts,
     "contract_own_paid": amounts, "contract_signed_on": st.dates(date(2026, 1, 1), date(2026, 1, 3))}
)  # fmt: skip
project = st.fixed_dictionaries({"organisation": st.sampled_from(["a", "b"]), "project_budget": amounts})
SCHEMAS = {
    "organisation": {"id": pl.String, "compute_other_support": pl.Int64, "compute_rental": pl.Int64,
                     "revenue": pl.Int64, "rd_expensed": pl.Int64},
    "claim": {"id": pl.String, "organisation": pl.String, "contract_amount": pl.Int64, "contract_paid": pl.Int64,
              "contract_own_paid": pl.Int64, "contract_signed_on": pl.Date},
    "project": {"id": pl.String, "organisation": pl.String, "project_budget": pl.Int64},
}  # fmt: skip


def decided(programmes: tuple[Programme, ...], rows: dict[str, list[dict[str, Any]]]) -> dict[str, Decided]:
    found = {}
    for kind, schema in SCHEMAS.items():
        mine = tuple(each for each in programmes if each.applies_to == kind)
        table = pl.DataFrame(rows[kind], schema=schema)
        found[kind] = Decided(decide(mine, table, DAY), table)
    return found


def by_trial(stacking: Stacking, rows: dict[str, list[dict[str, Any]]], organisation: str) -> dict[str, Any]:
    """Every choice of every subject of an organisation, weighed; without a limit that is not known and those whose own
    best counts under it (`None` in place of an amount), on which no other limit bears here. Of the others that best is
    the best of all whatever the limit is."""
    mine = [each for each in rows["organisation"] if each["id"] == organisation]
    head = mine[0]
    subjects = [("organisation", each) for each in mine]
    subjects += [("claim", each) for each in sorted(rows["claim"], key=lambda each: each["id"])
                 if each["organisation"] == organisation]  # fmt: skip
    subjects += [("project", each) for each in rows["project"] if each["organisation"] == organisation]
    limits: dict[str, Any] = {
        "firm": None if head["revenue"] is None else max(head["revenue"], 0), "research": head["rd_expensed"]
    }  # fmt: skip
    unknown = {name for limit in stacking.joint if limits[limit.id] is None for name in limit.programmes}
    parts = {part.programmes: part for part in linked(stacking.of("claim"))}
    (part,) = parts.values()
    choices = []
    for kind, row in subjects:
        entitled = {name: row[award] for name, (of, award) in AWARDS.items() if of == kind and row[award] > 0}
        if kind != "claim":
            choices.append([entitled])
            continue
        lawful = lawful_choices([*entitled], part.either_or)
        kept = [
            reckon(part, chosen, entitled, {"one-contract": row["contract_amount"] * 6 // 10 + 1}) for chosen in lawful
        ]
        best = max(kept, key=lambda each: each.total_fen)
        choices.append([dict(each.kept_fen) for each in (best, *(other for other in kept if other is not best))])
    best_found: Any = None
    for path in product(*(range(len(each)) for each in choices)):
        taken = [dict(options[number]) for options, number in zip(choices, path, strict=True)]
        for limit in stacking.joint:
            total = sum(amount for each in taken for name, amount in each.items() if name in limit.programmes)
            excess = 0 if limits[limit.id] is None else max(total - limits[limit.id], 0)
            for name in limit.reduce:
                places = [place for place, each in enumerate(taken) if name in each]
                places.sort(key=lambda place: tuple(subjects[place][1].get(each, 0) for each in (*limit.order, "id")))
                for place in reversed(places):
                    cut = min(taken[place][name], excess)
                    taken[place][name] -= cut
                    excess -= cut
        key = (-sum(sum(each.values()) for each in taken), sum(number > 0 for number in path), path)
        if best_found is None or key < best_found[0]:
            best_found = (key, {row["id"]: each for (_, row), each in zip(subjects, taken, strict=True)})
    found = dict(best_found[1])
    for (_, row), options in zip(subjects, choices, strict=True):
        if any(fen and name in unknown for name, fen in options[0].items()):
            # What is chosen together with an award under the limit is as open as that one.
            found[row["id"]] = {name: None for name in AWARDS if name in unknown or name == "park"} | {
                name: fen for name, fen in found[row["id"]].items() if name not in unknown and name != "park"
            }
    return found


def kept_of(found: Any) -> Iterator[tuple[str, str, int | None]]:
    for combined in found.combined.values():
        for row in combined.wide.iter_rows(named=True):
            for name in combined.programmes:
                yield row["id"], name, row[kept_column(name)]


@settings(deadline=None, max_examples=150)
@given(firms=st.tuples(firm, firm), contracts=st.lists(contract, max_size=5), projects=st.lists(project, max_size=2))
def test_the_best_of_all_together_is_what_every_choice_tried_gives(
    pack: Any, firms: Any, contracts: Any, projects: Any
) -> None:
    _, programmes, stacking = pack
    rows = {
        "organisation": [{"id": id, **each} for id, each in zip("ab", firms, strict=True)],
        "claim": [{"id": f"c{n}", **each} for n, each in enumerate(contracts)],
        "project": [{"id": f"p{n}", **each} for n, each in enumerate(projects)],
    }
    found = combine_jointly(stacking, decided(programmes, rows), DAY)
    expected = {id: by_trial(stacking, rows, id) for id in "ab"}
    owner = {each["id"]: each.get("organisation", each["id"]) for mine in rows.values() for each in mine}
    for id, name, kept in kept_of(found):
        told = expected[owner[id]][id].get(name, 0)
        # An award that there is none of is nothing, whatever the limit.
        assert kept == told or (told is None and kept == 0), (id, name)
    for organisation, name, limit, counted, kept in found.limits.iter_rows():
        (rule,) = [each for each in stacking.joint if each.id == name]
        told = expected[organisation]
        amounts = [each[programme] for each in told.values() for programme in each if programme in rule.programmes]
        if None in amounts:
            assert (limit, kept) == (None, None)
        else:
            assert (kept, counted >= kept, kept <= limit) == (sum(amounts), True, True)


def one(pack: Any, contracts: list[dict[str, Any]], revenue: int | None = 100, text: str = "") -> Any:
    folder, programmes, stacking = pack
    stacking = rules(folder, text, programmes) if text else stacking
    rows: dict[str, list[dict[str, Any]]] = {
        "organisation": [{"id": "a", "compute_other_support": 0, "compute_rental": 0, "revenue": revenue,
                          "rd_expensed": 0}],
        "claim": [{"id": f"c{n}", "organisation": "a", "contract_paid": 0, "contract_own_paid": 0,
                   "contract_signed_on": date(2026, 1, 9 - n % 9), **each} for n, each in enumerate(contracts)],
        "project": [],
    }  # fmt: skip
    return combine_jointly(stacking, decided(programmes, rows), DAY)


def test_what_is_served_last_is_cut_first_and_says_by_what(pack: Any) -> None:
    found = one(pack, [{"contract_amount": 60}, {"contract_amount": 30}, {"contract_amount": 40}])
    wide = found.combined["claim"].wide
    assert wide[kept_column("city")].to_list() == [30, 30, 40]
    assert wide[bound_column("city")].to_list() == ["firm", None, None]
    assert found.limits.rows() == [("a", "firm", 100, 130, 100)]


def test_a_smaller_award_that_the_limit_does_not_count_is_worth_more(pack: Any) -> None:
    """Alone each contract is best with the district's 10; together these are cut to 10 and the park's 9 is not."""
    contracts = [{"contract_amount": 0, "contract_paid": 10, "contract_own_paid": 9}] * 2
    found = one(pack, contracts, revenue=10)
    wide = found.combined["claim"].wide
    assert wide.select(kept_column("district"), kept_column("park")).rows() == [(10, 0), (0, 9)]
    assert wide[bound_column("district")].to_list() == [None, "declined"]
    free = one(pack, contracts, revenue=20)
    assert free.combined["claim"].wide[kept_column("district")].to_list() == [10, 10]


def test_a_limit_that_is_not_known_leaves_open_what_it_bears_on_alone(pack: Any) -> None:
    found = one(pack, [{"contract_amount": 5}, {"contract_amount": 0, "contract_own_paid": 7}], revenue=None)
    wide = found.combined["claim"].wide
    assert (wide[kept_column("city")].to_list(), wide[kept_column("park")].to_list()) == ([None, 0], [0, 7])
    assert found.limits.rows() == [("a", "firm", None, 5, None)]


SECOND = """\
either_or:
  - {id: one-of-three, programmes: [district, park, city], words: {zh: 择一, en: One},
     citation: {document: Trial rules}}
joint:
"""
UNKNOWN = JOINT.format(id="firm", programmes="[district, own]", limit="5 * 1", more="") + JOINT.format(
    id="other", programmes="[park, more]", limit="revenue", more=""
)


def test_a_choice_that_may_count_under_a_limit_not_known_is_not_told(pack: Any) -> None:
    """The district's 10 are cut to 5; whether the park's 8 are worth more is the other limit's to say."""
    contracts = [{"contract_amount": 0, "contract_paid": 10, "contract_own_paid": 8}]
    found = one(pack, contracts, revenue=None, text=SECOND + UNKNOWN)
    columns = (kept_column("district"), kept_column("park"))
    assert found.combined["claim"].wide.select(columns).rows() == [(None, None)]
    assert found.limits.rows() == [("a", "firm", 5, 10, None), ("a", "other", None, 0, None)]
    known = one(pack, contracts, revenue=100, text=SECOND + UNKNOWN)
    assert known.combined["claim"].wide.select(columns).rows() == [(0, 8)]
    # Whoever keeps the greater award whole wants no other: that is told.
    small = one(pack, [{**contracts[0], "contract_paid": 5, "contract_own_paid": 4}], None, SECOND + UNKNOWN)
    assert small.combined["claim"].wide.select(columns).rows() == [(5, 0)]
    assert small.limits.rows() == [("a", "firm", 5, 5, 5)]
    # One that is cut is not, where another may make room for it under the limit that is not known.
    two = [{"contract_amount": 0, "contract_paid": 4, "contract_own_paid": 3}, {"contract_amount": 0,
           "contract_paid": 4}]  # fmt: skip
    pair = one(pack, two, None, SECOND + UNKNOWN)
    assert pair.combined["claim"].wide.select(columns).rows() == [(None, None), (None, 0)]
    rules(pack[0], HEAD + TWO, pack[1])


def test_whose_own_best_counts_under_no_limit_in_doubt_is_told(pack: Any) -> None:
    """The first contract's park award counts under a limit not known, so that nothing is told of the district's
    either; the city's of the second counts under none."""
    contracts = [{"contract_amount": 0, "contract_paid": 8, "contract_own_paid": 10},
                 {"contract_amount": 10, "contract_paid": 8}]  # fmt: skip
    found = one(pack, contracts, revenue=None, text=SECOND + UNKNOWN)
    rules(pack[0], HEAD + TWO, pack[1])
    columns = [kept_column(name) for name in ("city", "district", "park")]
    assert found.combined["claim"].wide.select(columns).rows() == [(0, None, None), (10, 0, 0)]
    assert found.limits.rows() == [("a", "firm", 5, 0, None), ("a", "other", None, 10, None)]


def test_choices_too_many_to_be_weighed_are_told_and_not_guessed(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint_sums, "MOST_SUMS", 4)
    contracts = [
        {"contract_amount": 0, "contract_paid": 1000 + 2**n, "contract_own_paid": 1000 - 2**n} for n in range(8)
    ]
    found = one(pack, contracts, revenue=3_000)
    assert set(found.combined["claim"].wide[kept_column("district")]) == {None}
    assert found.limits["kept_fen"].to_list() == [None]


def test_a_sum_that_no_column_holds_is_refused_with_its_limit(pack: Any) -> None:
    most = (2**63 - 1) // 64
    with pytest.raises(InputError, match=f"organisation a is beyond {2**63 - 1} fen .firm. → look at") as refused:
        one(pack, [{"contract_amount": most}] * 80)
    assert len(refused.value.problems) == 1


def test_choices_that_can_never_be_the_best_are_not_tried(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """City and park together are never worth less than another of the six lawful sets; where one of two may be, both
    are tried, and beyond the most that are tried nothing is told."""
    monkeypatch.setattr(joint_sums, "MOST_TRIED", 1)
    found = one(pack, [{"contract_amount": 100, "contract_paid": 10, "contract_own_paid": 9}] * 6, revenue=300)
    assert found.limits["kept_fen"].to_list() == [300]
    untold = one(pack, [{"contract_amount": 0, "contract_paid": 10, "contract_own_paid": 9}] * 6, revenue=10)
    assert untold.limits["kept_fen"].to_list() == [None]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=30), st.integers(1, 3))
def test_sums_worth_keeping_are_those_that_none_before_is_never_worth_less_than(
    pairs: list[tuple[int, int]], more: int
) -> None:
    """Over one limit by a staircase and over several column by column: as each held against all before it. Also where
    a sum is larger than the machine's whole numbers."""
    for scale in (1, 2**62):
        sums = [(free * scale, *[own * scale] * more) for free, own in pairs]
        kept: list[int] = []
        for place, (free, own, *_) in enumerate(sums):
            before = [sums[each] for each in kept]
            if not any(one[0] >= free and one[0] + one[1] * more >= free + own * more and all(
                one[0] + one[1] * count >= free + own * count for count in range(more)
            ) for one in before):  # fmt: skip
                kept.append(place)
        if sums:
            assert joint_sums.undominated(sums) == kept


def test_without_a_joint_limit_it_is_each_subjects_own_best(pack: Any) -> None:
    folder, programmes, _ = pack
    stacking = rules(folder, HEAD.replace("joint:\n", ""), programmes)
    rows = {"organisation": [], "project": [], "claim": [
        {"id": "c", "organisation": "a", "contract_amount": 9, "contract_paid": 4, "contract_own_paid": 3,
         "contract_signed_on": None}]}  # fmt: skip
    given = decided(programmes, rows)
    found = combine_jointly(stacking, given, DAY)
    own = combine(stacking.of("claim"), given["claim"].decisions, given["claim"].table)
    assert found.combined["claim"].wide.equals(own.wide)
    rules(folder, HEAD + TWO, programmes)


def test_organisations_must_be_given(pack: Any) -> None:
    _, programmes, stacking = pack
    given = decided(programmes, {"organisation": [], "claim": [], "project": []})
    with pytest.raises(InputError, match="joint limits read facts of organisations"):
        combine_jointly(stacking, {"claim": given["claim"]}, DAY)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (JOINT.format(id="x", programmes="[own, more]", limit="revenue", more=""), "all of them are for the organ"),
        (JOINT.format(id="x", programmes="[own, citi]", limit="revenue", more=""), "did you mean 'city'"),
        (JOINT.format(id="x", programmes="[own, city]", limit="contract_amount", more=""), "undeclared reference"),
        (JOINT.format(id="x", programmes="[own, city]", limit="district", more=""), "int is needed"),
        (
            JOINT.format(id="x", programmes="[own, city]", limit="revenue", more="    order: [signed]\n"),
            "a claim has no column 'signed'",
        ),
        (
            JOINT.format(
                id="x", programmes="[own, city, topic]", limit="revenue", more="    order: [project_budget]\n"
            ),
            "a claim has no column 'project_budget'",
        ),
        (
            JOINT.format(id="x", programmes="[own, city]", limit="revenue", more="")
            + JOINT.format(id="y", programmes="[city, topic]", limit="revenue", more=""),
            "'city' stands in two joint limits",
        ),
        (JOINT.format(id="one-contract", programmes="[own, city]", limit="revenue", more=""), "another rule is called"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(pack: Any, text: str, message: str) -> None:
    folder, programmes, _ = pack
    with pytest.raises(PolicyError) as refused:
        rules(folder, HEAD + text, programmes)
    assert any(message in str(each) and each.line for each in refused.value.problems), refused.value


def test_a_group_over_kinds_is_told_of_the_joint_limit_and_check_reads_it(pack: Any) -> None:
    folder, programmes, _ = pack
    mixed = HEAD.replace("[city, district]\n    limit", "[own, city]\n    limit").replace(
        "reduce: [city, district]", "reduce: [own, city]"
    )
    with pytest.raises(PolicyError, match="a `joint` limit over an organisation"):
        rules(folder, mixed.replace("joint:\n", ""), programmes)
    uncited = TWO.replace("    citation: {document: Trial rules}\n", "", 1)
    figure = "parameters:\n  cap: {unit: fen, words: {zh: 限, en: Cap}, values: [{value: 5}]}\n"
    (folder / "stacking.yaml").write_text(
        figure + HEAD.replace("contract_cap", "contract_amount") + uncited.replace("limit: revenue", "limit: p.cap"),
        encoding="utf-8",
    )
    found = check_programmes(folder / "programmes", ATTRIBUTES, DAY)
    told = [each.problem.message for each in found if each.programme == "stacking.yaml"]
    assert "rule firm cites nothing" in told
    assert not [each for each in told if "never read" in each]
    rules(folder, HEAD + TWO, programmes)


def test_files_of_several_kinds_are_combined_by_the_command(
    pack: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, _, _ = pack
    shutil.copy(PACKS / "shenzhen" / "attributes.csv", folder)
    (tmp_path / "firms.csv").write_text(
        "id,compute_other_support,compute_rental,revenue,rd_expensed\na,5,0,100,0\nb,0,0,,0\nb,0,0,,0\n", "utf-8"
    )
    (tmp_path / "contracts.csv").write_text(
        "id,organisation,contract_amount,contract_paid,contract_own_paid,contract_signed_on\n"
        "c1,a,60,0,0,2026-01-02\nc2,a,50,0,0,2026-01-01\nc3,z,9,0,0,2026-01-01\n", "utf-8"
    )  # fmt: skip
    target = tmp_path / "out.csv"
    given = f"combine --pack {folder} --in {tmp_path}/firms.csv --as-of 2026-06-30"
    policy_app(
        shlex.split(f"{given} --claims {tmp_path}/contracts.csv --out {target} --json"), result_action="return_value"
    )
    told = json.loads(capsys.readouterr().out)
    assert told["joint_limits"] == [
        {"organisation": "a", "limit": "firm", "limit_fen": 100, "counted_fen": 115, "kept_fen": 100},
        {"organisation": "z", "limit": "firm", "limit_fen": None, "counted_fen": 9, "kept_fen": None},
    ]
    assert pl.read_csv(target).rows() == [
        ("a", "own", 5, True, 0, "firm", 0), ("c1", "city", 60, True, 50, "firm", 0),
        ("c2", "city", 50, True, 50, None, 0), ("c3", "city", 9, None, None, None, 0),
    ]  # fmt: skip
    assert (tmp_path / "out.rejects.organisation.csv").read_text("utf-8").count("\n") == 3
    policy_app(shlex.split(given), result_action="return_value")
    assert "not weighed here: the joint limits firm, research" in capsys.readouterr().out

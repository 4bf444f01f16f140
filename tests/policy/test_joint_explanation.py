"""One subject explained under joint limits: with what is held, to the fen as every choice tried by hand, and who of the
same organisation takes the rest."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.policy.combinations.joint import combine_jointly
from siwei.policy.combinations.joint_choices import Holdings
from siwei.policy.combinations.joint_explanation import explain_together, joint_family
from siwei.policy.explaining.binding import bound_by_stacking

from .test_joint import AWARDS, DAY, HEAD, JOINT, SECOND, TWO, contract, decided, firm, project, rules
from .test_joint import pack as pack

Key = tuple[str, str, str]


def lawful(kind: str, row: Mapping[str, Any], held: Mapping[str, int]) -> list[dict[str, int]]:
    """What each lawful choice of a subject leaves, written anew: exclusion, the limit on one contract, what is held."""
    entitled = {name: row[award] for name, (of, award) in AWARDS.items() if of == kind and row[award] > 0}
    amounts = {**entitled, **{name: max(fen, entitled.get(name, 0)) for name, fen in held.items()}}
    broken = {"district", "park"} <= {*held}
    found = []
    for size in range(len(amounts) + 1):
        for chosen in combinations(sorted(amounts), size):
            if not {*held} <= {*chosen} or ({"district", "park"} <= {*chosen} and not broken):
                continue
            kept = {name: amounts[name] for name in chosen}
            if {"city", "district"} <= {*chosen}:
                excess = max(kept["city"] + kept["district"] - (row["contract_amount"] * 6 // 10 + 1), 0)
                for name in ("city", "district"):
                    cut = min(kept[name] - held.get(name, 0), excess)
                    kept[name], excess = kept[name] - cut, excess - cut
            found.append(kept)
    return found


def best_total(rows: dict[str, list[dict[str, Any]]], holdings: Holdings, limits: Mapping[str, int]) -> int:
    """The most that one organisation may have in all, every choice tried."""
    subjects = [(kind, row) for kind, mine in rows.items() for row in mine]
    beside = {
        limit: sum(
            holdings.counted(kind, id, name, fen)
            for (kind, id), held in holdings.held.items() if id == "gone" for name, fen in held.items()
            if name in LIMITED[limit]
        ) for limit in LIMITED
    }  # fmt: skip
    best = 0
    options = [lawful(kind, row, holdings.of(kind, row["id"])) for kind, row in subjects]
    for choice in product(*options):
        total = 0
        held_kept = 0
        for limit, names in LIMITED.items():
            counted, fixed = beside[limit], beside[limit]
            for (kind, row), kept in zip(subjects, choice, strict=True):
                held = holdings.of(kind, row["id"])
                for name in names:
                    if name in kept:
                        early = holdings.earlier.get((kind, row["id"]), {}).get(name, 0)
                        counted += kept[name] - early
                        fixed += held.get(name, 0) - early
                        held_kept += early
            total += min(counted, max(limits[limit], fixed)) - beside[limit]
        free = {"park"}
        total += held_kept + sum(fen for kept in choice for name, fen in kept.items() if name in free)
        best = max(best, total)
    return best


LIMITED = {"firm": ("district", "own", "city"), "research": ("more", "topic")}
small = st.integers(0, 8)
holding = st.fixed_dictionaries({}, optional={name: st.tuples(small, small) for name in AWARDS})


@settings(deadline=None, max_examples=200)
@given(
    one=firm, contracts=st.lists(contract, max_size=3), projects=st.lists(project, max_size=1),
    held=st.lists(holding, min_size=6, max_size=6), revenue=st.sampled_from([0, 3]) | st.integers(0, 40),
)  # fmt: skip
def test_of_all_together_with_what_is_held_nothing_comes_to_more(
    pack: Any, one: Any, contracts: Any, projects: Any, held: Any, revenue: int
) -> None:
    _, programmes, stacking = pack
    rows: dict[str, list[dict[str, Any]]] = {
        "organisation": [{"id": "a", **one, "revenue": revenue}],
        "claim": [{"id": f"c{n}", **each, "organisation": "a"} for n, each in enumerate(contracts)],
        "project": [{"id": f"p{n}", **each, "organisation": "a"} for n, each in enumerate(projects)],
    }
    subjects = [(kind, row["id"]) for kind, mine in rows.items() for row in mine] + [("claim", "gone")]
    mine = {
        key: {name: pair for name, pair in each.items() if AWARDS[name][0] == key[0] and pair[0]}
        for key, each in zip(subjects, held, strict=False)
    }
    holdings = Holdings(
        {key: {name: fen for name, (fen, _) in each.items()} for key, each in mine.items()},
        {key: {name: min(fen, early) for name, (fen, early) in each.items()} for key, each in mine.items()},
    )
    given_ = decided(programmes, rows)
    limits = {"firm": revenue, "research": rows["organisation"][0]["rd_expensed"]}
    expected = best_total(rows, holdings, limits)
    total = 0
    for kind, id in subjects[:-1]:
        found = explain_together(stacking, given_, "a", kind, id, DAY, holdings)
        has = holdings.of(kind, id)
        for part in found.parts:
            assert part.best is not None
            assert all(part.best.kept_fen.get(name, 0) >= fen for name, fen in part.held_fen.items())
            # Of the choices shown none gives this subject more than the one that is part of the best of all.
            assert all(each.total_fen <= part.best.total_fen for each in part.alternatives)
            assert part.best.total_fen == sum(part.best.kept_fen.values())
            total += part.best.total_fen
        shown = {name for part in found.parts for name in (*part.entitled_fen, *part.held_fen)}
        assert {*has} <= shown
        for each in found.joint:
            assert each.kept_fen is not None
            assert each.limit_fen == limits[each.id]
            assert each.kept_fen <= max(each.limit_fen, each.held_fen)
            assert each.left_fen == max(each.limit_fen - each.kept_fen, 0)
            (here,) = [
                {award.programme: award.kept_fen for award in each.awards if (award.kind, award.id) == (kind, id)}
            ]
            told = {name: part.best.kept_fen.get(name, 0) for part in found.parts if part.best for name in
                    (*part.entitled_fen, *part.held_fen) if name in each.programmes}  # fmt: skip
            assert here == told
    assert total == expected
    whose = replace(holdings, organisations={("claim", "gone"): "a"})
    wide = combine_jointly(stacking, given_, DAY, whose).combined
    names = [(each.wide, name) for each in wide.values() for name in each.programmes]
    assert sum(frame[f"{name}:kept_fen"].sum() for frame, name in names) == expected


def explained(pack: Any, contracts: list[dict[str, Any]], id: str, revenue: int | None = 100, **own: int) -> Any:
    _, programmes, stacking = pack
    rows: dict[str, list[dict[str, Any]]] = {
        "organisation": [{"id": "a", "compute_other_support": 0, "compute_rental": 0, "revenue": revenue,
                          "rd_expensed": 0, **own}],
        "claim": [{"id": f"c{n}", "organisation": "a", "contract_paid": 0, "contract_own_paid": 0,
                   "contract_signed_on": date(2026, 1, 1 + n), **each} for n, each in enumerate(contracts)],
        "project": [],
    }  # fmt: skip
    kind = "organisation" if id == "a" else "claim"
    return explain_together(stacking, decided(programmes, rows), "a", kind, id, DAY)


def test_who_takes_the_rest_of_a_joint_limit_is_told_in_both_languages(pack: Any) -> None:
    """Of 60, 30 and 40 yuan under 100, what was signed last is cut; the limit's own words say by whom."""
    yuan = [{"contract_amount": 6_000}, {"contract_amount": 3_000}, {"contract_amount": 4_000}]
    found = explained(pack, yuan, "c2", revenue=10_000, compute_other_support=500)
    (binding,) = bound_by_stacking("city", found)
    assert (binding.kind, binding.rule, binding.before_fen, binding.after_fen) == ("joint", "firm", 4_000, 1_000)
    assert [(each.id, each.programme, each.counted_fen) for each in binding.others] == [
        ("c0", "city", 6_000), ("c1", "city", 3_000), ("a", "own", 0),
    ]  # fmt: skip
    assert binding.sentence.zh == (
        "受企业、合同与项目合计的上限约束：每家合计，由 40 元减为 10 元；同一机构的其他扶持占用 90 元"
        "（合同 c0《city政策》60 元、合同 c1《city政策》30 元）。"
    )
    assert binding.sentence.en == (
        "Held down by a limit over the organisation, its contracts and its projects: Each firm together; from 40 to "
        "10 CNY; the rest of the same organisation takes 90 CNY (Trial of city of contract c0 60 CNY, Trial of city of "
        "contract c1 30 CNY)."
    )
    (shown,) = found.joint
    assert (shown.limit_fen, shown.counted_fen, shown.kept_fen, shown.left_fen) == (10_000, 13_500, 10_000, 0)
    assert found.to_dict()["joint"][0]["awards"][1]["id"] == "c0"
    first = explained(pack, yuan, "c0", revenue=10_000)
    assert [*bound_by_stacking("city", first)] == []
    assert first.joint[0].sentence.en.startswith("Each firm together: at most 100 CNY together; cut from 130")


def test_an_award_that_others_left_no_room_for_is_left_out_and_says_so(pack: Any) -> None:
    both = {"contract_amount": 0, "contract_paid": 10, "contract_own_paid": 9}
    found = explained(pack, [both, both], "c1", revenue=10)
    (part,) = found.parts
    assert dict(part.best.kept_fen) == {"park": 9}
    (binding,) = bound_by_stacking("district", found)
    assert (binding.kind, binding.rule) == ("stacking", "one-of-two")
    assert [each.total_fen for each in part.alternatives] == [0, 0]


@pytest.mark.parametrize("revenue", [0, 3])
def test_a_choice_that_a_limit_leaves_nothing_of_is_never_shown_as_more(pack: Any, revenue: int) -> None:
    """The greater award would be cut to what the limit gives, though nothing that is taken counts under it."""
    found = explained(pack, [{"contract_amount": 0, "contract_paid": 10, "contract_own_paid": 9}], "c0", revenue)
    (part,) = found.parts
    assert (dict(part.best.kept_fen), [each.total_fen for each in part.alternatives]) == ({"park": 9}, [revenue, 0][:2])
    (shown,) = found.joint
    assert (shown.limit_fen, shown.counted_fen, shown.kept_fen, shown.left_fen) == (revenue, 0, 0, revenue)


def test_what_is_left_is_told_where_the_limit_cuts_nothing(pack: Any) -> None:
    found = explained(pack, [{"contract_amount": 60}], "c0")
    (shown,) = found.joint
    assert (shown.kept_fen, shown.left_fen, shown.sentence.zh) == (
        60, 40, "每家合计：合计最多 1 元；已用 0.60 元，尚余 0.40 元。",
    )  # fmt: skip
    assert [*bound_by_stacking("city", found)] == []


def test_a_limit_that_is_not_known_leaves_the_choice_open(pack: Any) -> None:
    found = explained(pack, [{"contract_amount": 60}], "c0", revenue=None)
    (part,) = found.parts
    assert part.best is None
    assert part.sentence.en == "Each firm together: a fact that the limit needs is not known yet."
    assert [*bound_by_stacking("city", found)] == []


def test_a_limit_may_count_contracts_and_projects_alone(pack: Any) -> None:
    """Then no programme is for the organisation, which is read for its limit and nothing else."""
    folder, programmes, _ = pack
    others = tuple(each for each in programmes if each.applies_to != "organisation")
    text = JOINT.format(id="firm", programmes="[city, topic]", limit="revenue", more="")
    stacking = rules(folder, HEAD + text, others)
    rules(folder, HEAD + TWO, programmes)
    rows: dict[str, list[dict[str, Any]]] = {
        "organisation": [{"id": "a", "compute_other_support": 0, "compute_rental": 0, "revenue": 50, "rd_expensed": 0}],
        "claim": [{"id": "c", "organisation": "a", "contract_amount": 40, "contract_paid": 0, "contract_own_paid": 0,
                   "contract_signed_on": DAY}],
        "project": [{"id": "p", "organisation": "a", "project_budget": 30}],
    }  # fmt: skip
    found = explain_together(stacking, decided(others, rows), "a", "claim", "c", DAY)
    assert [dict(part.best.kept_fen) for part in found.parts if part.best] == [{"city": 20}]
    assert combine_jointly(stacking, decided(others, rows), DAY).limits["kept_fen"].to_list() == [50]


THREE = JOINT.format(id="firm", programmes="[district, own]", limit="rd_expensed", more="") + JOINT.format(
    id="other", programmes="[park, more]", limit="revenue", more=""
)
linked_contracts = st.lists(contract.map(lambda row: {**row, "organisation": "a"}), min_size=1, max_size=3)


@settings(deadline=None, max_examples=60)
@given(
    one=firm, contracts=linked_contracts, unknown=st.booleans(), tight=st.integers(0, 12),
    more=st.sampled_from([0, 0, 0, 5]), is_grouped=st.booleans(),
)  # fmt: skip
def test_what_is_told_of_linked_programmes_holds_whatever_a_limit_not_known_is(
    pack: Any, one: Any, contracts: Any, unknown: bool, tight: int, more: int, is_grouped: bool
) -> None:
    """`explain` and `combine` say the same of every award; what they tell is so under every limit there may be; and
    where no award counts under the limit, whatever it is, all is told."""
    folder, programmes, _ = pack
    head = SECOND.replace("one-of-three", "one-of-two").replace("[district, park, city]", "[district, park]")
    group = HEAD[HEAD.index("groups:") : HEAD.index("joint:")]
    head = head.replace("joint:\n", group + "joint:\n") if is_grouped else SECOND
    stacking = rules(folder, head + THREE, programmes)
    rules(folder, HEAD + TWO, programmes)

    def given_with(revenue: int | None) -> Any:
        row = {"id": "a", **one, "revenue": revenue, "rd_expensed": tight, "compute_rental": more}
        claims = [{"id": f"c{n}", **each} for n, each in enumerate(contracts)]
        rows: dict[str, list[dict[str, Any]]] = {"organisation": [row], "claim": claims, "project": []}
        return decided(programmes, rows)

    def told_with(revenue: int | None) -> dict[Key, int | None]:
        wide = combine_jointly(stacking, given_with(revenue), DAY).combined
        return {(kind, row["id"], name): row[f"{name}:kept_fen"] for kind, each in wide.items()
                for row in each.wide.iter_rows(named=True) for name in each.programmes}  # fmt: skip

    most = sum(row["contract_own_paid"] for row in contracts) + more
    told = told_with(None if unknown else one["revenue"])
    if unknown:
        possible = [told_with(revenue) for revenue in range(most + 1)]
        for key, fen in told.items():
            assert fen is None or all(each[key] == fen for each in possible), key
        if not any(each[key] for each in possible for key in told if key[2] in ("park", "more")):
            assert None not in told.values()
    for kind, id in [("organisation", "a"), *(("claim", f"c{n}") for n in range(len(contracts)))]:
        found = explain_together(stacking, given_with(None if unknown else one["revenue"]), "a", kind, id, DAY)
        for part in found.parts:
            for name, fen in part.entitled_fen.items():
                assert fen
                kept = None if part.best is None else part.best.kept_fen.get(name, 0)
                assert kept == told[kind, id, name], (id, name)
            for each in part.alternatives:  # none is cut by a limit of which it is not known what it leaves
                open_ = {limit.id for limit in found.joint if limit.limit_fen is None or limit.kept_fen is None}
                assert not {cut.group for cut in each.cuts} & open_
                assert part.best is not None
                assert each.total_fen <= part.best.total_fen


@pytest.mark.parametrize(
    ("names", "limits", "family"),
    [
        ({"topic"}, ["research"], {"more", "topic"}),
        ({"park"}, ["firm"], {"city", "district", "own", "park"}),
        ({"own"}, ["firm"], {"city", "district", "own", "park"}),
        ({"nobody"}, [], set()),
    ],
)
def test_only_what_bears_on_an_award_is_weighed_with_it(pack: Any, names: set[str], limits: Any, family: Any) -> None:
    folder, programmes, _ = pack
    stacking = rules(folder, HEAD + TWO, programmes)
    found, bearing = joint_family(stacking, names)
    assert ([each.id for each in found.joint], {*bearing}) == (limits, family)

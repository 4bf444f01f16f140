"""A draft releases no money: no award gives way to it, no sum counts it, and what it would change in force is told."""

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.errors import NotFound, PolicyError
from siwei.policy import Programme, decide
from siwei.policy.checks.drafts import load_stacking_text
from siwei.policy.combinations.choosing import bound_column, kept_column
from siwei.policy.combinations.combination import Combinations, explain_combination
from siwei.policy.combinations.combining import DRAFT, combine, combine_lazily
from siwei.policy.combinations.joint import combine_jointly
from siwei.policy.combinations.joint_choices import Decided
from siwei.policy.combinations.joint_explanation import JointAwards, explain_together
from siwei.policy.decide import Decisions
from siwei.policy.diffs.diff import Side
from siwei.policy.diffs.diff_stacking import diff_stacking
from siwei.policy.documents.reading import LARGEST_FILE
from siwei.policy.explaining.binding import bound_by_stacking
from siwei.policy.programmes import State
from siwei.policy.stacking import Stacking

from .test_joint import DAY, contract, decided, firm, project
from .test_joint import pack as pack

Rows = dict[str, list[dict[str, Any]]]
CLAIMS = ("city", "district", "park")
some_claims = st.lists(contract, min_size=1, max_size=4)


def drafted(programmes: tuple[Programme, ...], names: frozenset[str]) -> tuple[Programme, ...]:
    return tuple(replace(each, state=State.DRAFT) if each.id in names else each for each in programmes)


def table_of(contracts: list[dict[str, Any]]) -> pl.DataFrame:
    return decided((), {"organisation": [], "project": [], "claim": [
        {"id": f"c{n}", **each} for n, each in enumerate(contracts)
    ]})["claim"].table  # fmt: skip


def claims(pack: Any, drafts: frozenset[str], contracts: list[dict[str, Any]]) -> tuple[Stacking, Decisions, Any]:
    _, programmes, stacking = pack
    mine = tuple(each for each in drafted(programmes, drafts) if each.id in CLAIMS)
    table = table_of(contracts)
    return replace(stacking.of("claim"), joint=()), decide(mine, table, DAY), table


def row(**amounts: int) -> dict[str, Any]:
    nothing = {"contract_amount": 0, "contract_paid": 0, "contract_own_paid": 0}
    return {"organisation": "a", "contract_signed_on": DAY, **nothing, **amounts}


def test_an_either_or_with_a_draft_takes_the_award_that_can_be_paid(pack: Any) -> None:
    """The draft is worth more, and is worth nothing yet."""
    stacking, decisions, table = claims(pack, frozenset({"district"}), [row(contract_paid=900, contract_own_paid=500)])
    assert combine(stacking, decisions, table).rows.sort("programme").rows() == [
        ("c0", "district", 900, False, 0, DRAFT, 0), ("c0", "park", 500, True, 500, None, 0),
    ]  # fmt: skip
    found = explain_combination(stacking, decisions, table, "c0")
    (part,) = found.parts
    assert part.best is not None
    assert (dict(part.entitled_fen), part.best.programmes, part.best.total_fen) == ({"park": 500}, ("park",), 500)
    assert [choice.programmes for choice in part.alternatives] == [()]
    (draft,) = found.drafts
    assert (draft.programme, draft.entitled_fen, draft.kept_fen, draft.gain_fen) == ("district", 900, 900, 400)
    assert [(each.programme, each.before_fen, each.after_fen) for each in draft.changes] == [("park", 500, 0)]
    assert draft.sentence.zh == (
        "district政策是草案，不拨付资金，不计入组合；如付诸实施，将参与组合：其 9 元中保留 9 元；"
        "park政策由 5 元变为 0 元；合计增加 4 元。"
    )
    assert draft.sentence.en == (
        "Trial of district is a draft: it releases no money and is in no choice; put in force it would compete: of its "
        "9 CNY 9 would be kept; Trial of park would go from 5 to 0 CNY; 4 CNY more in all."
    )
    assert [*bound_by_stacking("district", found)] == [*bound_by_stacking("park", found)] == []
    assert found.drafts_beside("park") == found.drafts_beside("district") == (draft,)
    assert found.drafts_beside("city") == ()


def test_a_draft_of_which_the_amount_is_not_known_is_told_and_leaves_nothing_open(pack: Any) -> None:
    unknown = {**row(contract_own_paid=500), "contract_paid": None}
    stacking, decisions, table = claims(pack, frozenset({"district"}), [unknown])
    combined = combine(stacking, decisions, table)
    assert combined.wide["open"].to_list() == [False]
    (draft,) = explain_combination(stacking, decisions, table, "c0").drafts
    assert (draft.entitled_fen, draft.kept_fen, draft.gain_fen, draft.changes) == (None, None, None, ())
    assert draft.sentence.en.endswith("what it would change in force cannot be told yet.")


def test_what_is_held_of_a_draft_stays_and_no_more_is_added_to_it(pack: Any) -> None:
    stacking, decisions, table = claims(pack, frozenset({"district"}), [row(contract_paid=900, contract_own_paid=500)])
    found = explain_combination(stacking, decisions, table, "c0", {"district": 200})
    (part,) = found.parts
    assert part.best is not None
    assert dict(part.best.kept_fen) == {"district": 200}
    (draft,) = found.drafts
    assert (draft.kept_fen, draft.gain_fen) == (900, 700)


@settings(deadline=None, max_examples=80)
@given(drafts=st.frozensets(st.sampled_from(CLAIMS)), contracts=some_claims)
def test_it_is_as_if_drafts_were_not_there_and_in_force_as_if_they_were_none(
    pack: Any, drafts: frozenset[str], contracts: Any
) -> None:
    stacking, decisions, table = claims(pack, drafts, contracts)
    rest = tuple(each for each in decisions.programmes if not each.is_draft)
    wide = combine(stacking, decisions, table).wide
    without = combine(stacking, decide(rest, table, DAY), table).wide
    assert wide.select(without.columns).equals(without)
    for name in drafts:
        assert wide[kept_column(name)].to_list() == [0] * len(contracts)
    lazily = combine_lazily(stacking, decisions.programmes, table, DAY).collect()
    for name in CLAIMS:
        assert lazily[kept_column(name)].to_list() == wide[kept_column(name)].to_list()
        assert lazily[bound_column(name)].cast(pl.String).to_list() == wide[bound_column(name)].to_list()
    counted = combine(stacking, decisions, table, drafts).wide
    plain = claims(pack, frozenset(), contracts)
    assert counted.equals(combine(stacking, plain[1], table).wide)
    explained = Combinations(stacking, decisions, table)
    for place, id in enumerate(table["id"]):
        for draft in explained.explain(id).drafts:
            then = combine(stacking, decisions, table, {draft.programme}).wide
            kept = {name: (wide[kept_column(name)][place], then[kept_column(name)][place]) for name in CLAIMS}
            assert draft.kept_fen == kept[draft.programme][1]
            assert draft.gain_fen == sum(after - before for before, after in kept.values())
            assert {each.programme: (each.before_fen, each.after_fen) for each in draft.changes} == {
                name: pair for name, pair in kept.items() if pair[0] != pair[1] and name != draft.programme
            }


@settings(deadline=None, max_examples=60)
@given(
    one=firm, contracts=st.lists(contract.map(lambda each: {**each, "organisation": "a"}), max_size=4),
    projects=st.lists(project.map(lambda each: {**each, "organisation": "a"}), max_size=2),
    drafts=st.frozensets(st.sampled_from(["own", "more", "city", "district", "park", "topic"]), max_size=3),
)  # fmt: skip
def test_all_subjects_in_one_pass_are_told_what_each_is_told_alone(
    pack: Any, one: Any, contracts: Any, projects: Any, drafts: frozenset[str]
) -> None:
    """Joint limits and drafts included; drafts of which nothing is held are as if they were not there."""
    _, programmes, stacking = pack
    rows: Rows = {
        "organisation": [{"id": "a", **one}],
        "claim": [{"id": f"c{n}", **each} for n, each in enumerate(contracts)],
        "project": [{"id": f"p{n}", **each} for n, each in enumerate(projects)],
    }
    given_ = decided(drafted(programmes, drafts), rows)
    awards = JointAwards(stacking, given_, "a", DAY)
    kept = combine_jointly(stacking, given_, DAY).combined
    without = {
        kind: Decided(
            decide(tuple(p for p in each.decisions.programmes if not p.is_draft), each.table, DAY), each.table
        )
        for kind, each in given_.items()
    }
    for kind, found_without in combine_jointly(stacking, without, DAY).combined.items():
        assert kept[kind].wide.select(found_without.wide.columns).equals(found_without.wide)
    for kind, each in given_.items():
        combinations = Combinations(stacking.of(kind), each.decisions, each.table)
        for id in each.table["id"]:
            found = combinations.explain(id, within=awards.within(kind, id))
            assert found == explain_together(stacking, given_, "a", kind, id, DAY)
            for draft in found.drafts:
                if draft.together_fen is not None:
                    then = combine_jointly(stacking, given_, DAY, in_force={draft.programme}).combined
                    assert draft.together_fen == (total(kept), total(then))


def in_force(each: Decided) -> tuple[Programme, ...]:
    return tuple(programme for programme in each.decisions.programmes if not programme.is_draft)


def total(found: Any) -> int:
    """Fen of all awards that joint limits bear on: every one of this pack."""
    frames = [(each.wide, name) for each in found.values() for name in each.programmes]
    return sum(int(frame[kept_column(name)].sum()) for frame, name in frames)


@pytest.mark.parametrize("drafts", [frozenset(), frozenset({"park"})], ids=["none", "one draft"])
def test_the_best_of_all_is_worked_out_once_however_many_contracts_there_are(
    pack: Any, drafts: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted at two and at twenty contracts: settling, combining and reading limits hang on neither."""
    from siwei.policy.combinations import combination, joint_choices, joint_explanation

    _, programmes, stacking = pack
    counts: dict[str, int] = {}
    for module, name in (
        (joint_explanation, "settle_one"), (combination, "combine"), (combination, "group_limits"),
        (joint_choices, "combine_beside"),
    ):  # fmt: skip
        called = getattr(module, name)

        def counting(*given: Any, _called: Any = called, _name: str = f"{module.__name__}.{name}", **named: Any) -> Any:
            counts[_name] = counts.get(_name, 0) + 1
            return _called(*given, **named)

        monkeypatch.setattr(module, name, counting)
    seen = []
    for size in (2, 20):
        counts.clear()
        contracts = [row(contract_amount=9, contract_own_paid=5 + n % 3) for n in range(size)]
        one = {"compute_other_support": 5, "compute_rental": 3, "revenue": 4 * size, "rd_expensed": 2}
        rows: Rows = {
            "organisation": [{"id": "a", **one}],
            "claim": [{"id": f"c{n}", **each, "contract_signed_on": date(2026, 1, 1 + n)}
                      for n, each in enumerate(contracts)],
            "project": [],
        }  # fmt: skip
        given_ = decided(drafted(programmes, drafts), rows)
        awards, each = JointAwards(stacking, given_, "a", DAY), given_["claim"]
        combinations = Combinations(stacking.of("claim"), each.decisions, each.table)
        for id in each.table["id"]:
            assert combinations.explain(id, within=awards.within("claim", id)).parts
        seen.append(dict(counts))
    assert seen[0] == seen[1]
    assert seen[0]["siwei.policy.combinations.joint_explanation.settle_one"] == 1 + len(drafts)
    with pytest.raises(NotFound, match="no subject 'other'"):
        combinations.explain("other")


def test_a_draft_put_in_force_is_what_changes_between_two_packs(pack: Any) -> None:
    stacking, decisions, table = claims(pack, frozenset({"district"}), [row(contract_paid=900, contract_own_paid=500)])
    cited = claims(pack, frozenset(), [row(contract_paid=900, contract_own_paid=500)])[1].programmes
    draft = Side(decisions.programmes, stacking)
    for before, after, kept in (
        (draft, draft, (500, 500)), (draft, Side(cited, stacking), (500, 900)),
        (replace(draft, in_force=frozenset({"district"})), Side(cited, stacking), (900, 900)),
    ):  # fmt: skip
        (found,) = diff_stacking(before, after, table, DAY, "claim").kept
        assert (found.kept_before_fen, found.kept_after_fen) == kept


def test_what_others_take_is_added_up_once_and_not_for_every_choice_of_every_subject(pack: Any) -> None:
    """Which was quadratic in an organisation's contracts."""
    _, programmes, stacking = pack
    contracts = [row(contract_amount=9, contract_paid=n % 4, contract_own_paid=5 + n % 3) for n in range(12)]
    rows: Rows = {
        "organisation": [{"id": "a", "compute_other_support": 5, "compute_rental": 3, "revenue": 40, "rd_expensed": 2}],
        "claim": [{"id": f"c{n}", **each} for n, each in enumerate(contracts)],
        "project": [],
    }
    given_ = decided(programmes, rows)
    awards, each = JointAwards(stacking, given_, "a", DAY), given_["claim"]
    gone_through: list[int] = []

    class Watched(tuple[Any, ...]):
        __slots__ = ()

        def __iter__(self) -> Any:
            gone_through.append(len(self))
            return super().__iter__()

    expected = {id: explain_together(stacking, given_, "a", "claim", id, DAY) for id in each.table["id"]}
    awards.within("claim", "c0")(frozenset())
    ((drafts, best),) = awards.found.items()
    shown = {name: replace(limit, awards=Watched(limit.awards)) for name, limit in best.shown.items()}
    awards.found[drafts] = replace(best, shown=shown)
    combinations = Combinations(stacking.of("claim"), each.decisions, each.table)
    found = {id: combinations.explain(id, within=awards.within("claim", id)) for id in each.table["id"]}
    assert gone_through == []
    assert {id: one.parts for id, one in found.items()} == {id: one.parts for id, one in expected.items()}
    assert any(one.alternatives for each_of in found.values() for one in each_of.parts)


def test_what_is_refused_is_told_in_both_languages(pack: Any) -> None:
    stacking, decisions, table = claims(pack, frozenset(), [row(contract_paid=900)])
    with pytest.raises(NotFound) as nobody:
        explain_combination(stacking, decisions, table, "nobody")
    assert nobody.value.in_chinese() == "已判定的主体中没有 'nobody'"
    for text, told in (
        ("\ud800", "含有半个字符 → 请用 UTF-8 书写"),
        ("x" * (LARGEST_FILE + 1), "KiB → 政策文件只有几 KB"),
    ):
        with pytest.raises(PolicyError) as refused:
            load_stacking_text(text, {}, ())
        assert told in refused.value.in_chinese()

"""Who chooses again once a pot is shared: `siwei policy share` rehearses it as the platform lets it happen."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.errors import ImportRefused, InputError
from siwei.policy import Payment, Sharing, Text, decide
from siwei.policy.combinations.held_combining import combine_beside
from siwei.policy.combinations.instead import with_instead
from siwei.policy.pots.pot_events import PotEvent, PotEventKind, follow_pot
from siwei.policy.pots.rounds import serve_in_order, serve_pro_rata
from siwei.policy.programmes import Pot as PotRule
from siwei.policy.programmes import Returns

from .test_joint import AWARDS, SCHEMAS, contract
from .test_joint import DAY as TRIAL
from .test_joint import pack as pack
from .test_joint_commands import folder as folder
from .test_joint_commands import siwei as siwei
from .test_joint_explanation import lawful
from .test_pot_event_tables import DISTRICTS, Pot
from .test_pot_events import DAY

LETS = "choose_again: true"
POT = PotRule(1000, "year", Sharing.FIRST_COME, Text("池", "Pot"), None)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def claims(*rows: str) -> str:
    return "".join(f"{row}\n" for row in rows)


@pytest.mark.parametrize(
    ("returns", "paid", "left"),
    [("waiting", [600, 0, 400, 0], 0), ("pot", [600, 0, 0, 0], 400), ("treasury", [600, 0, 0, 0], 400)],
)
def test_what_is_given_up_stays_in_the_pot_or_goes_to_who_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], returns: str, paid: list[int], left: int
) -> None:
    """Of 1,000 a has its 600, b 400 of 700 and 401 elsewhere, c and d nothing; d has something elsewhere, c as much as
    here."""
    rows = claims("a,600,1,x,9999", "b,700,2,x,401", "c,500,3,x,0", "d,500,4,x,5")
    pot = Pot(tmp_path, f"returns: {returns}, {LETS}")
    header = "id,claim_fen,applied_at,district,instead_fen\n"
    made = pot.share(rows, "out.csv", header=header)
    assert made["paid_fen"].to_list() == paid
    after = told(capsys)
    assert (after["choose_again"], after["paid_fen"]) == (True, 1000)  # as it was shared
    figures = after["after_events"]
    assert (figures["given_up"], figures["given_up_fen"], figures["left_fen"], figures["treasury_fen"]) == (
        2, 400, left, 0,
    )  # fmt: skip
    assert figures["put_in_fen"] == figures["paid_fen"] + figures["left_fen"]
    # What nobody knows the worth of is kept; and where the text lets nobody choose again nothing is given up.
    assert pot.share(rows.replace("401", ""), "out.csv", header=header)["paid_fen"].to_list() == [600, 400, 0, 0]
    stern = Pot(tmp_path / "stern", f"returns: {returns}")
    capsys.readouterr()
    assert stern.share(rows, "out.csv", header=header)["paid_fen"].to_list() == [600, 400, 0, 0]
    assert (told(capsys)["choose_again"]) is False


def test_a_third_round_counts_what_was_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """District x may have 400: b chose again, and what it had of them is free for a later round."""
    pot = Pot(tmp_path, f"returns: pot, {LETS}, {DISTRICTS}")
    events = pot.events("2026-06-10,give_up,b,,,\n2026-06-20,claim,c,500,,y\n")
    made = pot.share(claims("a,300,1,x", "b,300,2,x"), "first.csv", "--events", events)
    assert made.select("id", "paid_fen").rows() == [("a", 300), ("b", 0), ("c", 400)]
    later = pot.share(claims("d,900,1,x"), "second.csv", "--earlier", tmp_path / "first.csv")
    assert later["paid_fen"].to_list() == [100]


@pytest.mark.parametrize(
    ("rules", "rows", "said", "zh"),
    [
        ("returns: pot", "2026-06-10,give_up,b,,,\n", "nobody chooses again under this text", "该政策不允许重新选择"),
        (f"returns: pot, {LETS}", "2026-06-10,give_up,a,,,\n", "got all that it claims", "已全额获得"),
        (f"returns: pot, {LETS}", "2026-06-10,give_up,b,,,\n2026-06-10,give_up,b,,,\n", "csv:3: the give_up of b on "
         "2026-06-10 gives up a claim that got all that it claims, or was given up", "已放弃"),
        (f"returns: pot, {LETS}", "2026-06-10,fund,,,5,\n2026-06-11,give_up,b,,,\n", "csv:3: the give_up of b on "
         "2026-06-11 is too late", "已过公示期"),
        (f"returns: pot, {LETS}", "2026-06-10,claim,c,5000,,x\n2026-06-11,give_up,c,,,\n", "is too late", "已过公示期"),
        (f"returns: pot, {LETS}", "2026-06-10,give_up,zz,,,\n", "names no known claim", "申报不存在"),
        (f"returns: pot, {LETS}", "2026-06-10,give_up,,,,\n", "a give_up needs its id", "须写明 id"),
    ],
)  # fmt: skip
def test_who_may_not_choose_again_is_told_by_row(tmp_path: Path, rules: str, rows: str, said: str, zh: str) -> None:
    pot = Pot(tmp_path, rules)
    with pytest.raises(ImportRefused) as refused:
        pot.share(claims("a,600,1,x", "b,700,2,x"), "out.csv", "--events", pot.events(rows))
    assert said in str(refused.value)
    assert zh in refused.value.in_chinese()


def test_what_is_no_amount_elsewhere_is_refused(tmp_path: Path) -> None:
    pot = Pot(tmp_path, f"returns: pot, {LETS}")
    header = "id,claim_fen,applied_at,district,instead_fen\n"
    with pytest.raises(InputError, match="what a claimant has instead is negative"):
        pot.share(claims("a,600,1,x,-1"), "out.csv", header=header)
    with pytest.raises(ImportRefused, match="'much' is not a whole number"):
        pot.share(claims("a,600,1,x,much"), "out.csv", header=header)


def test_of_what_combine_wrote_what_is_held_already_is_not_claimed_again(tmp_path: Path) -> None:
    pot = Pot(tmp_path, f"returns: pot, {LETS}")
    header, rows = "id,kept_fen,held_fen,applied_at,district\n", "a,700,100,1,x\nb,50,50,2,x\nc,,20,3,x\nd,900,0,4,x\n"
    assert pot.share(rows, "out.csv", header=header).select("id", "claim_fen", "paid_fen").rows() == [
        ("a", 600, 600), ("d", 900, 400),
    ]  # fmt: skip
    for row, said in (
        (f"a,{-(2**63)},1,1,x\n", "csv:2: -9223372036854775808 is less than nothing"),
        ("a,1,-5,1,x\n", "-5 is less than nothing"),
    ):  # fmt: skip
        with pytest.raises(ImportRefused) as refused:
            pot.share(row, "out.csv", header=header)
        assert said in str(refused.value)


def test_ids_of_an_earlier_round_are_text_or_whole_numbers(tmp_path: Path) -> None:
    pot, earlier = Pot(tmp_path, "returns: pot"), tmp_path / "first.parquet"
    for ids, said in (([["a"]], "column id is List"), ([1.5], "column id is Float64")):
        pl.DataFrame({"id": ids, "paid_fen": [5]}).write_parquet(earlier)
        with pytest.raises(InputError, match=said):
            pot.share("b,5,1,x\n", "out.csv", "--earlier", earlier)
    pl.DataFrame({"id": [7], "paid_fen": [5]}).write_parquet(earlier)
    back = pot.events("2026-07-01,withdraw,7,,,\n")
    made = pot.share("b,5,1,x\n", "out.csv", "--earlier", earlier, "--events", back)
    assert made.select(pl.col("id").cast(pl.String), "paid_fen").rows() == [("b", 5), ("7", -5)]


@settings(deadline=None, max_examples=200)
@given(
    wanted=st.lists(st.integers(0, 60), min_size=1, max_size=8), budget=st.integers(0, 200), data=st.data(),
    sharing=st.sampled_from([Sharing.FIRST_COME, Sharing.PRO_RATA]), payment=st.sampled_from(Payment),
    returns=st.sampled_from(Returns),
)  # fmt: skip
def test_as_a_supplementary_round_shares_what_is_given_up(
    wanted: list[int], budget: int, data: st.DataObject, sharing: Sharing, payment: Payment, returns: Returns
) -> None:
    """All choose first; then what they leave is shared once more, among those who got less and did not give it up, for
    the rest of what they claim."""
    payment = Payment.PARTIAL if sharing is Sharing.PRO_RATA else payment
    ids = [f"c{place}" for place in range(len(wanted))]

    def share(amounts: list[int], money: int) -> list[int]:
        if sharing is Sharing.PRO_RATA:
            return serve_pro_rata(amounts, pl.Series(ids, dtype=pl.String), money, ()).paid
        return serve_in_order(amounts, range(len(amounts)), money, payment, ()).paid

    paid = share(wanted, budget)
    cut = [place for place, fen in enumerate(paid) if fen < wanted[place]]
    gone = data.draw(st.sets(st.sampled_from(cut))) if cut else set()
    events = [PotEvent(DAY, PotEventKind.FUND, amount_fen=budget)]
    events += [PotEvent(DAY, PotEventKind.AWARD, id, *amounts) for id, *amounts in zip(ids, wanted, paid, strict=True)]
    events += [PotEvent(DAY, PotEventKind.GIVE_UP, ids[place]) for place in data.draw(st.permutations(sorted(gone)))]
    state = follow_pot(events, sharing, payment, returns, choose_again=True)
    kept = [0 if place in gone else fen for place, fen in enumerate(paid)]
    left = budget - sum(kept)
    if gone and returns is Returns.WAITING:
        rest = [0 if place in gone else want - fen for place, (want, fen) in enumerate(zip(wanted, kept, strict=True))]
        kept = [fen + more for fen, more in zip(kept, share(rest, left), strict=True)]
    assert list(state.awarded_fen.values()) == kept
    assert (state.left_fen, state.treasury_fen) == (budget - sum(kept), 0)
    assert state.given_up_fen == {ids[place]: paid[place] for place in gone}


held_amounts = st.dictionaries(st.sampled_from(["city", "district", "park"]), st.integers(0, 9))


@settings(deadline=None, max_examples=80)
@given(
    contracts=st.lists(st.tuples(contract, held_amounts), min_size=1, max_size=5),
    lets=st.frozensets(st.sampled_from(["city", "district", "park"]), min_size=1),
)
def test_what_one_has_instead_is_the_best_choice_tried_by_hand(pack: Any, contracts: Any, lets: frozenset[str]) -> None:
    """Without the award, and with all else that is kept."""
    _, programmes, everything = pack
    mine = tuple(
        replace(each, pot=replace(POT, choose_again=each.id in lets))
        for each in programmes
        if each.applies_to == "claim"
    )
    rows = [{"id": f"c{n}", **each} for n, (each, _) in enumerate(contracts)]
    held = {f"c{n}": has for n, (_, has) in enumerate(contracts)}
    table, stacking = pl.DataFrame(rows, schema=SCHEMAS["claim"]), everything.of("claim")
    decisions = decide(mine, table, TRIAL)
    combined = combine_beside(stacking, decisions, table, held)
    told = {(row["id"], row["programme"]): row for row in with_instead(stacking, combined, decisions, table).to_dicts()}
    for row in rows:
        kept = {name: each["kept_fen"] for (id, name), each in told.items() if id == row["id"] and each["kept_fen"]}
        for name in {name for id, name in told if id == row["id"]}:
            others = {each: fen for each, fen in kept.items() if each != name}
            without = {**row, AWARDS[name][1]: 0}
            best = max(sum(choice.values()) for choice in lawful("claim", without, others)) - sum(others.values())
            is_claimed = kept.get(name, 0) > held[row["id"]].get(name, 0)
            assert told[row["id"], name]["instead_fen"] == (best if is_claimed and name in lets else None)


def test_a_policy_is_rehearsed_from_facts_to_who_chooses_again(
    pack: Any, folder: Path, siwei: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """`combine` says what each claims and has instead, `share` who then gives it up: c1 has 6,000 of the district's,
    which excludes the park's 5,000; of 8,000 it gets 2,000 after c2."""
    programmes = folder / "pack" / "programmes"
    text = (programmes / "district.yaml").read_text("utf-8")
    pot = "pot: {budget_fen: 8000, sharing: first_come, choose_again: true, words: {zh: 池, en: Pot}}\n"
    (programmes / "district.yaml").write_text(text + pot, "utf-8")
    (folder / "rows.csv").write_text(
        "id,organisation,contract_amount,contract_paid,contract_own_paid,contract_signed_on,applied_at\n"
        "c1,a,0,6000,5000,2026-01-01,2\nc2,a,0,6000,0,2026-01-02,1\n", "utf-8",
    )  # fmt: skip
    siwei("combine {pack} {day} --in {t}/rows.csv --applies-to claim --out {t}/kept.csv --json")
    kept = pl.read_csv(folder / "kept.csv")
    assert kept.select("id", "programme", "kept_fen", "instead_fen").rows() == [
        ("c1", "district", 6000, 5000), ("c1", "park", 0, None), ("c2", "district", 6000, 0),
    ]  # fmt: skip
    order = pl.read_csv(folder / "rows.csv").select("id", "applied_at")
    kept.join(order, on="id", maintain_order="left").write_csv(folder / "claims.csv")
    told = siwei("share --programme district {pack} {day} --in {t}/claims.csv --out {t}/paid.csv --json")
    assert pl.read_csv(folder / "paid.csv").select("id", "paid_fen").rows() == [("c2", 6000), ("c1", 0)]
    assert (told["left_out"], told["paid_fen"], told["after_events"]["given_up_fen"]) == (0, 8000, 2000)

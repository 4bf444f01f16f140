"""Claims made from agreements: what a programme reads of a contract, adds up over contracts and past awards, and how a
decision of it is replayed."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import resolve_pack
from siwei.errors import InputError, NotAllowed, NotFound
from siwei.exchange.awards.held_awards import Room, room_for
from siwei.exchange.facts.aggregates import aggregate_facts, award_table, sum_gaps, with_aggregates
from siwei.exchange.facts.claim_decisions import claims_to_decide
from siwei.exchange.facts.contract_claims import CONTRACT, claim_table
from siwei.exchange.facts.decisions import record_decision, replay_decision, subject_facts
from siwei.exchange.models import Agreement, AgreementState, Decision, Fact, Organisation, Pot, Relation
from siwei.exchange.relations import related_on
from siwei.policy import Programme, Text, decide, load_programme, load_programmes
from siwei.policy.language.check import Checker
from siwei.policy.stacking import Stacking, StackingGroup

DAY = date(2026, 11, 23)
ID = "deal/1"
AMOUNTS = ("contract_amount", "contract_paid", "contract_voucher_paid", "contract_own_paid")


@pytest.fixture(scope="module")
def attributes() -> dict[str, Attribute]:
    return load_attributes(resolve_pack("shenzhen"))


@pytest.fixture(scope="module")
def programme(attributes: dict[str, Attribute]) -> Programme:
    found = load_programmes(resolve_pack("shenzhen") / "programmes", attributes)
    return next(each for each in found if each.id == "compute-contract")


def claims(attributes: dict[str, Attribute], day: date = DAY) -> pl.DataFrame:
    return claim_table(day, attributes=attributes, graph=related_on(day))


def settled(deal: Any) -> None:
    deal.signed()
    deal.submit()
    deal.finish()
    deal.settle()


def tie(cast: Any, now: datetime, share_bp: int | None, **given: Any) -> None:
    Relation.objects.create(
        organisation=cast.firm, other=cast.centre, basis="shareholding", share_bp=share_bp, source="register",
        known_at=now, **given,
    )  # fmt: skip


def test_nothing_is_a_claim_before_all_have_signed(deal: Any, attributes: dict[str, Attribute]) -> None:
    voucher = deal.voucher()
    deal.propose(deal.match(voucher), voucher)
    assert claims(attributes).is_empty()
    deal.budget()
    deal.sign(deal.cast.alice)
    assert claims(attributes).is_empty()
    deal.sign(deal.cast.bob)
    assert claims(attributes)["id"].to_list() == [ID]
    assert claims(attributes, date(2026, 11, 22)).is_empty()


def test_a_contract_is_worth_what_was_signed_and_paid_what_was_settled(
    deal: Any, attributes: dict[str, Attribute]
) -> None:
    deal.signed()
    (before,) = claims(attributes).to_dicts()
    line = Agreement.objects.get(key="deal").lines.get()
    assert (before["organisation"], before["provider"]) == (deal.cast.firm.key, deal.cast.centre.key)
    assert (before["contract_settled"], before["contract_listed_provider"]) == (False, True)
    assert [before[name] for name in AMOUNTS] == [line.gross_fen, 0, 0, 0]
    deal.submit()
    deal.finish()
    settlement = deal.settle()
    (after,) = claims(attributes).to_dicts()
    expected = [line.gross_fen, settlement.gross_fen, settlement.voucher_fen, settlement.own_fen]
    assert [after[name] for name in AMOUNTS] == expected
    assert settlement.gross_fen > 0
    assert after["contract_settled"] is True
    assert {after[f"{name}__status"] for name in ("contract_paid", "contract_settled")} == {2}
    assert {after[f"{name}__status"] for name in ("contract_amount", "contract_kind")} == {1}


def test_a_cancelled_agreement_is_no_claim(deal: Any, attributes: dict[str, Attribute]) -> None:
    deal.signed()
    Agreement.objects.update(state=AgreementState.CANCELLED)
    assert claims(attributes).is_empty()


@pytest.mark.parametrize(("share_bp", "is_related"), [(None, True), (2500, True), (2499, False)])
def test_the_ties_say_whether_the_provider_is_related(
    deal: Any, now: datetime, attributes: dict[str, Attribute], share_bp: int | None, is_related: bool
) -> None:
    deal.signed()
    tie(deal.cast, now, share_bp)
    assert claims(attributes)["is_related"].to_list() == [is_related]


def test_an_attribute_the_exchange_does_not_know_is_not_known(deal: Any, attributes: dict[str, Attribute]) -> None:
    deal.signed()
    other = replace(attributes["contract_amount"], id="contract_colour", type="string", unit=None)
    assert claims({**attributes, other.id: other})["contract_colour"].to_list() == [None]


def test_a_pack_that_declares_another_type_is_refused(deal: Any, attributes: dict[str, Attribute]) -> None:
    wrong = replace(attributes["contract_amount"], type="string", unit=None)
    with pytest.raises(InputError, match="contract_amount is declared as string"):
        claims({**attributes, wrong.id: wrong})


def test_the_pack_declares_what_the_exchange_knows(attributes: dict[str, Attribute]) -> None:
    declared = {name: each.type for name, each in attributes.items() if each.subject == "agreement"}
    assert declared == {name: kind for name, (kind, _) in CONTRACT.items()}


def test_a_claim_is_decided_recorded_and_replayed(
    deal: Any, now: datetime, attributes: dict[str, Attribute], programme: Programme
) -> None:
    settled(deal)
    decision = record_decision(
        programme, deal.cast.firm, subject=ID, as_of=DAY, attributes=attributes, actor=deal.cast.alice, now=now,
        idempotency_key="claim",
    )  # fmt: skip
    own = claims(attributes)["contract_own_paid"][0]
    assert (decision.verdict, decision.award_fen) == ("eligible", own // 10)
    assert decision.inputs["own_paid_on_compute"]["value"] == str(own)
    assert decision.inputs["training_vouchers"]["value"] == "50000"
    # Whatever is known since, it saw what it saw.
    tie(deal.cast, now, None)
    replay_decision(Decision.objects.get(key="claim"), programme, attributes)
    again = record_decision(
        programme, deal.cast.firm, subject=ID, as_of=DAY, attributes=attributes, actor=deal.cast.alice, now=now,
        idempotency_key="claim",
    )  # fmt: skip
    assert again == decision
    later = record_decision(
        programme, deal.cast.firm, subject=ID, as_of=DAY, attributes=attributes, actor=deal.cast.alice, now=now,
        idempotency_key="later",
    )  # fmt: skip
    assert (later.verdict, later.award_fen) == ("not_eligible", 0)


def test_one_decision_is_that_of_the_bulk_run(
    deal: Any, now: datetime, attributes: dict[str, Attribute], programme: Programme
) -> None:
    settled(deal)
    table = claims_to_decide((programme,), DAY, attributes)
    (row,) = decide((programme,), table, DAY).awards.to_dicts()
    own = claims_to_decide((programme,), DAY, attributes, deal.cast.firm)
    assert own.equals(table.select(own.columns))
    assert claims_to_decide((programme,), DAY, attributes, deal.cast.outsider).is_empty()
    decision = record_decision(
        programme, deal.cast.firm, subject=ID, as_of=DAY, attributes=attributes, actor=deal.cast.alice, now=now,
        idempotency_key="claim",
    )  # fmt: skip
    assert (row["id"], row["verdict"], row["award_fen"]) == (ID, decision.verdict, decision.award_fen)


def test_a_claim_is_its_consumers_alone(
    deal: Any, now: datetime, attributes: dict[str, Attribute], programme: Programme
) -> None:
    settled(deal)
    given: dict[str, Any] = {"as_of": DAY, "attributes": attributes, "now": now, "idempotency_key": "claim"}
    with pytest.raises(NotAllowed):
        record_decision(programme, deal.cast.firm, subject=ID, actor=deal.cast.bob, **given)
    with pytest.raises(NotFound):
        record_decision(programme, deal.cast.centre, subject=ID, actor=deal.cast.bob, **given)
    with pytest.raises(NotFound):
        record_decision(programme, deal.cast.firm, actor=deal.cast.alice, **given)
    assert Decision.objects.filter(key="claim").count() == 0


def test_a_programme_for_organisations_takes_no_claim(deal: Any, attributes: dict[str, Attribute]) -> None:
    programmes = load_programmes(resolve_pack("shenzhen") / "programmes", attributes)
    found = {each.id: each for each in programmes}
    for name, subject in (("xunli", ID), ("peacock", "alice")):
        with pytest.raises(InputError, match="not for"):
            subject_facts(found[name], deal.cast.firm, DAY, attributes, subject)
    for subject in ("", ID):
        with pytest.raises(NotFound, match="has no project"):
            subject_facts(found["research-topic"], deal.cast.firm, DAY, attributes, subject)


GROUP = """\
aggregates:
  group_staff: {of: members, sum: employees, unit: people, words: {zh: 集团人数, en: Staff of the group}}
  related_staff: {of: related, sum: employees, unit: people, words: {zh: 关联方人数, en: Staff of related parties}}
  bought: {of: claims, sum: contract_amount, where: "!is_related", words: {zh: 合同额, en: Contracts}}
  awarded: {of: awards, sum: award_fen, words: {zh: 扶持, en: Awards}}
"""


@pytest.fixture
def grouped(tmp_path: Path, attributes: dict[str, Attribute]) -> Programme:
    text = (resolve_pack("shenzhen") / "programmes" / "incubator-entry.yaml").read_text(encoding="utf-8")
    text = text.replace("expr: employees <= p.most_staff", "expr: group_staff + related_staff <= p.most_staff")
    text = text.replace("max(0, basis_points(compute_rental, p.rate))", "bought + awarded")
    path = tmp_path / "incubator-entry.yaml"
    path.write_text(text.replace("clauses:\n", GROUP + "clauses:\n", 1), encoding="utf-8")
    return load_programme(path, attributes)


def test_members_and_related_parties_are_added_up(
    deal: Any, now: datetime, attributes: dict[str, Attribute], grouped: Programme
) -> None:
    """The firm holds the outsider; the centre holds the firm. A group is who one holds; related are all three."""
    deal.signed()
    cast = deal.cast
    for organisation, employees in ((cast.firm, 10), (cast.outsider, 20), (cast.centre, 40)):
        Fact.objects.create(
            organisation=organisation, attribute="employees", value=str(employees), status=1, source="t", known_at=now
        )
    for holder, held in ((cast.firm, cast.outsider), (cast.centre, cast.firm)):
        Relation.objects.create(
            organisation=holder, other=held, basis="shareholding", share_bp=5000, source="register", known_at=now
        )
    gross = Agreement.objects.get(key="deal").lines.get().gross_fen
    expected = {
        cast.firm: (30, 70, 0, 50_000), cast.outsider: (20, 70, 0, 0), cast.centre: (70, 70, 0, 0),
    }  # fmt: skip
    keys = pl.DataFrame({"id": sorted(each.key for each in expected)})
    bulk = {row["id"]: row for row in with_aggregates((grouped,), keys, DAY, attributes).to_dicts()}
    for organisation, sums in expected.items():
        names = ("group_staff", "related_staff", "bought", "awarded")
        found = aggregate_facts((grouped,), organisation, DAY, attributes)
        assert tuple(found[name].value for name in names) == sums
        assert tuple(bulk[organisation.key][name] for name in names) == sums
    Relation.objects.all().delete()
    assert aggregate_facts((grouped,), cast.firm, DAY, attributes)["bought"].value == gross


def test_a_fact_that_is_not_known_leaves_the_sum_unknown(
    deal: Any, now: datetime, attributes: dict[str, Attribute], grouped: Programme
) -> None:
    tie(deal.cast, now, 5000)
    Fact.objects.create(
        organisation=deal.cast.firm, attribute="employees", value="10", status=1, source="t", known_at=now
    )
    found = aggregate_facts((grouped,), deal.cast.firm, DAY, attributes)
    assert {"group_staff", "related_staff"} & found.keys() == set()
    assert found["bought"].value == 0


def test_a_sum_that_is_not_known_says_what_it_waits_for(
    deal: Any, now: datetime, attributes: dict[str, Attribute], grouped: Programme
) -> None:
    """The firm gives its own; that something of another organisation is not known is that one's to know."""
    firm = deal.cast.firm

    def told() -> list[tuple[str, str, tuple[str, ...], int]]:
        facts = aggregate_facts((grouped,), firm, DAY, attributes)
        gaps = sum_gaps(grouped, firm, DAY, attributes, facts)
        assert {gap.aggregate for gap in gaps} == {each.id for each in grouped.aggregates} - facts.keys()
        return [(gap.aggregate, gap.row, gap.attributes, gap.more) for gap in gaps]

    both = ("group_staff", "related_staff")
    assert told() == [(name, firm.key, ("employees",), 0) for name in both]
    sentence = sum_gaps(grouped, firm, DAY, attributes)[0].sentence
    assert sentence.en.startswith("“Staff of the group” cannot be added up yet; to be given:")
    tie(deal.cast, now, 5000)  # the firm holds the centre
    assert told() == [(name, firm.key, ("employees",), 0) for name in both] + [(name, "", (), 1) for name in both]
    Fact.objects.create(organisation=firm, attribute="employees", value="10", status=1, source="t", known_at=now)
    assert told() == [(name, "", (), 1) for name in both]
    (gap, _) = sum_gaps(grouped, firm, DAY, attributes)
    assert (gap.sentence.en, gap.sentence.zh) == (
        "“Staff of the group” cannot be added up yet: facts of 1 other organisations are not known, which they give "
        "themselves.",
        "“集团人数”尚不能合计：1 家其他机构的事实不详，须由它们自行提供。",
    )
    Fact.objects.create(
        organisation=deal.cast.centre, attribute="employees", value="40", status=1, source="t", known_at=now
    )
    assert told() == []


def test_awards_of_the_past_are_vouchers_and_what_they_paid(deal: Any) -> None:
    settled(deal)
    (row,) = award_table().to_dicts()
    settlement = Agreement.objects.get(key="deal").settlements.get()
    assert (row["organisation"], row["programme"], row["awarded_on"]) == (deal.cast.firm.key, "xunli", date(2026, 1, 1))
    assert (row["award_fen"], row["paid_fen"]) == (50_000, settlement.voucher_fen)
    assert settlement.voucher_fen > 0
    assert award_table([deal.cast.outsider.pk]).is_empty()


def test_the_keys_of_organisations_are_what_claims_are_told_by(deal: Any, attributes: dict[str, Attribute]) -> None:
    deal.signed()
    keys = set(Organisation.objects.values_list("key", flat=True))
    assert set(claims(attributes)["organisation"]) | set(claims(attributes)["provider"]) <= keys


@pytest.mark.parametrize("rule", ["limits", "stacking", "none"])
def test_nothing_more_can_be_had_of_a_contract_that_was_cancelled(
    deal: Any, attributes: dict[str, Attribute], programme: Programme, rule: str
) -> None:
    settled(deal)
    words = Text("试验", "Trial")
    group = StackingGroup(
        "both", (programme.id, "xunli"), Checker({}).check("1000000"), 1, (programme.id,), words, None, "claim"
    )
    stacking = Stacking(groups=(group,) if rule == "stacking" else ())
    ruled = programme if rule == "limits" else replace(programme, limits=())

    def room() -> Room:
        return room_for(
            ruled, Pot.objects.get(), deal.cast.firm, 300, subject=ID, stacking=stacking, as_of=DAY,
            attributes=attributes,
        )  # fmt: skip

    assert room().most_fen
    Agreement.objects.update(state=AgreementState.CANCELLED)
    assert room() == Room(0, "", None, {})

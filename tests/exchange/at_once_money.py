"""Two acts on one deal, voucher, pot or round at once, in an order that is certain: test_races.py runs this."""

import json
import sys
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

from at_once import at_once
from django.core.management import call_command
from exchange_cast import NOW, make_organisation, make_person
from exchange_deal import DAY, SPEC, Deal
from exchange_models import ModelDeal
from test_rounds import IN_WINDOW, LATER, NOTICE_END, City

from siwei.city.attributes import load_attributes
from siwei.city.home import resolve_pack
from siwei.exchange.awards import grants, rounds, true_ups, vouchers
from siwei.exchange.calls import model_upstreams
from siwei.exchange.ledger import accounts
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.models import (
    Account,
    Agreement,
    Application,
    ApplicationState,
    Cap,
    Grant,
    Job,
    Listing,
    Match,
    SharingRound,
    TrueUp,
    Voucher,
)
from siwei.exchange.trading import agreements, caps, jobs, listings
from siwei.exchange.trading.agreements import LineTerms, PartyTerms
from siwei.policy import Programme, load_programme

YEAR = {"starts_on": date(2026, 1, 1), "ends_on": date(2026, 12, 31)}
Told = dict[str, dict[str, Any]]


def gather() -> SimpleNamespace:
    made = {name: make_organisation(f"n-{name}", name) for name in ("firm", "centre", "outsider")}
    people = {"alice": "firm", "bob": "centre", "charlie": "outsider"}
    actors = {person: make_person(person, made[of]).as_actor() for person, of in people.items()}
    return SimpleNamespace(**made, **actors, olive=make_person("olive", is_operator=True).as_actor())


def programme_of(attributes: dict[str, Any]) -> Programme:
    made = load_programme(resolve_pack("shenzhen") / "programmes" / "xunli.yaml", attributes)
    assert made.window is not None
    return replace(made, window=replace(made.window, start=date(2026, 5, 6), end=date(2026, 6, 5)))


class Desk:
    """The firm buys of the centre."""

    def __init__(self, cast: Any) -> None:
        self.cast, self.deal, self.given = cast, Deal(cast, NOW), {"now": NOW}

    def ready(self, key: str, fen: int = 10_000, **given: Any) -> str:
        """Proposed and signed by the firm: the centre's signature is the last. Paid by the firm itself, unless `given`
        says what pays it."""
        line = LineTerms("n-centre", "n-firm", "x", 1, "piece", fen)
        kind, lines = ("compute", []) if "match" in given else ("product", [line])
        agreements.propose_agreement(
            kind, [PartyTerms("consumer", "n-firm"), PartyTerms("provider", "n-centre")],
            ends_at=NOW.replace(month=12), actor=self.cast.alice, idempotency_key=key, lines=lines, as_of=DAY,
            **self.given, **given,
        )  # fmt: skip
        agreements.sign_agreement(key, actor=self.cast.alice, as_of=DAY, **self.given)
        return key

    def sign(self, key: str) -> Agreement:
        return agreements.sign_agreement(key, actor=self.cast.bob, as_of=DAY, **self.given)

    def cap(self, fen: int, key: str) -> Cap:
        given: dict[str, Any] = YEAR | self.given
        return caps.set_cap("n-firm", fen, actor=self.cast.alice, idempotency_key=key, **given)


def deals(desk: Desk, told: Told) -> None:
    desk.deal.budget(100_000)
    for key in ("one", "two", "three", "four", "five", "six"):
        desk.ready(key)
    # There before: two who open the same account wait for each other by that alone.
    accounts.own_share_account(desk.cast.firm), accounts.receivable_account(desk.cast.centre)
    given: dict[str, Any] = {"actor": desk.cast.olive, "idempotency_key": "left over", **desk.given}
    ledger.post_transfer("CNY:commitment:n-firm", "CNY:own-share:n-firm", 10_000, **given)
    told["what was left over, twice"] = at_once(lambda: desk.sign("five"), lambda: desk.sign("six"))
    told["signed, then capped"] = at_once(lambda: desk.sign("one"), lambda: desk.cap(29_999, "low"))
    told["capped, then signed"] = at_once(lambda: desk.cap(35_000, "high"), lambda: desk.sign("two"))
    desk.cap(45_000, "higher")
    told["two under one cap"] = at_once(lambda: desk.sign("three"), lambda: desk.sign("four"))
    told["two under one cap"]["left"] = Cap.objects.select_related("account").get().left
    desk.cap(100_000, "highest")
    desk.deal.list_provider()
    programme: Any = SimpleNamespace(id="xunli", sha256="0" * 64, is_draft=False, pot=None)
    given |= {"idempotency_key": "pot 2025"}
    pot = vouchers.open_pot(programme, "2025", 1_000_000, **given)
    voucher = desk.deal.grant(desk.deal.decision(), pot, 30_000)
    match = desk.deal.match(voucher)
    for key in ("seven", "eight"):
        desk.ready(key, match=match, voucher=voucher)
    told["one voucher, two agreements"] = at_once(lambda: desk.sign("seven"), lambda: desk.sign("eight"))


def jobs_of(desk: Desk, told: Told) -> None:
    desk.cap(200_000, "wide")
    desk.sign(desk.ready("nine", match=Match.objects.get()))
    given: dict[str, Any] = {"unit": "accelerator-second", "person": "alice", "actor": desk.cast.alice}

    def cap(seconds: int, until: int) -> Cap:
        days = {"starts_on": date(2026, 1, 1), "ends_on": date(2026, 12, until)}
        return caps.set_cap("n-firm", seconds, idempotency_key=f"{until}", **days, **given, **desk.given)

    def run(key: str) -> Job:
        engine = {"engine": desk.deal.engine, "engine_name": "fake"}
        return jobs.submit_job(
            "nine", 1, SPEC, actor=desk.cast.alice, idempotency_key=key, **engine, **desk.given
        )  # fmt: skip

    told["a job, then capped"] = at_once(lambda: run("first"), lambda: cap(119, 30))
    told["capped, then a job"] = at_once(lambda: cap(130, 31), lambda: run("second"))


def awards(desk: Desk, told: Told) -> None:
    deal, voucher = desk.deal, Voucher.objects.get()
    agreements.cancel_agreement("seven", because="x", actor=desk.cast.alice, **desk.given)

    def decided(award: int) -> TrueUp:
        decision = deal.decision(key=f"award {award}", award_fen=award)
        given: dict[str, Any] = {"actor": desk.cast.olive, "idempotency_key": f"{award}", **desk.given}
        return true_ups.true_up_voucher(voucher, decision, because="x", **given)

    told["two true-ups"] = at_once(lambda: decided(29_000), lambda: decided(28_000))
    told["two true-ups"]["worth"] = Account.objects.get(pk=voucher.account_id).balance
    decision = deal.decision(key="both", award_fen=5_000)
    application = Application.objects.create(
        key="both", organisation=desk.cast.firm, pot=voucher.pot, decision=decision, claim_fen=5_000, shared_fen=5_000,
        state=ApplicationState.AWARDED, applied_at=NOW,
    )  # fmt: skip

    def as_voucher() -> Voucher:
        return vouchers.grant_voucher(
            decision, voucher.pot, amount_fen=5_000, rate_bp=6_000, kinds=["compute"], listed_providers_only=True,
            valid_from=DAY, valid_to=DAY, actor=desk.cast.olive, idempotency_key="both", **desk.given,
        )  # fmt: skip

    told["money, and a voucher"] = at_once(
        lambda: grants.grant_award(application.key, actor=desk.cast.olive, **desk.given), as_voucher
    )
    told["money, and a voucher"]["granted"] = [
        Grant.objects.count(), Voucher.objects.filter(decision=decision).count()
    ]  # fmt: skip


def shared(cast: Any, told: Told) -> None:
    attributes = load_attributes(resolve_pack("shenzhen"))
    city = City(cast, NOW, programme_of(attributes), attributes)
    city.apply(cast.firm, cast.alice)
    late = city.decide(cast.outsider, cast.charlie)
    assert late.as_of == IN_WINDOW
    told["applied, then shared"] = at_once(lambda: city.apply(cast.outsider, cast.charlie), city.share)
    made = SharingRound.objects.get()
    told["applied, then shared"]["among"] = made.applications.count()
    city.notice(made)
    told["objected, then awarded"] = at_once(
        lambda: city.object(Application.objects.filter(round=made)[0], cast.bob, as_of=NOTICE_END),
        lambda: city.award(made),
    )
    told["awarded, then objected"] = awarded_first(city, made)


def awarded_first(city: City, made: SharingRound) -> dict[str, str]:
    for objection in rounds.Objection.objects.filter(upheld=None):
        city.answer(objection, upheld=False)
    applied = Application.objects.filter(round=made)[0]
    given: dict[str, Any] = {"as_of": NOTICE_END, "actor": city.cast.bob, "now": NOW, "idempotency_key": "late"}
    return at_once(lambda: city.award(made, as_of=LATER), lambda: rounds.object_to(applied, "late", **given))


def market(cast: Any, told: Told) -> None:
    model = ModelDeal(cast, NOW)
    model.publish()
    model_upstreams.Upstream.objects.update(approved_at=None)
    given: dict[str, Any] = {"now": NOW}
    told["closed, then approved"] = at_once(
        lambda: model_upstreams.close_upstream("upstream", actor=cast.bob, **given),
        lambda: model_upstreams.approve_upstream("upstream", actor=cast.olive, **given),
    )
    body = Listing.objects.get(key="model-offer").body | {"input_fen_per_million": 1}
    told["withdrawn, then revised"] = at_once(
        lambda: listings.withdraw_listing("model-offer", actor=cast.bob, **given),
        lambda: listings.revise_listing("model-offer", body=body, actor=cast.bob, idempotency_key="r", **given),
    )


def main() -> None:
    call_command("migrate", verbosity=0)
    cast = gather()
    told: Told = {}
    desk = Desk(cast)
    deals(desk, told)
    jobs_of(desk, told)
    awards(desk, told)
    shared(cast, told)
    market(cast, told)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()

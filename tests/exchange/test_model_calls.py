"""Calls of models: admitted within what is held, charged once for what was delivered, settled with the agreement."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import IntegrityError, transaction
from exchange_cast import make_person
from exchange_models import ModelDeal

from siwei.errors import CallRefused, Conflict, InputError, NotAllowed
from siwei.exchange.actors import PLATFORM
from siwei.exchange.calls import call_routes, model_calls, model_keys, model_upstreams
from siwei.exchange.models import (
    AccessKey,
    Account,
    AgreementLine,
    CallMeter,
    Event,
    KeptCall,
    ModelCall,
    ModelKey,
    Reporter,
    Representative,
    Transfer,
    Upstream,
    Usage,
    UsageReport,
)
from siwei.exchange.people import keys
from siwei.exchange.trading import agreements, call_collection, jobs, readings, settlement
from siwei.exchange.trading.reading_batches import Signed, report_usages
from siwei.exchange.trading.usage import Window, write_usage
from siwei.market.model_calls import Delivered, Tokens

pytestmark = pytest.mark.django_db
BOUND = 1000 * 200 + 500 * 800
"""744 bytes and 256 for the template read, 500 written."""


def meter() -> CallMeter:
    return CallMeter.objects.get()


def refused(deal: ModelDeal, secret: str | None, **wanted: Any) -> str:
    with pytest.raises(CallRefused) as said:
        deal.admit(secret, **wanted)
    return said.value.code


def test_a_call_sets_its_bound_aside_and_is_charged_what_was_reported(model_deal: ModelDeal) -> None:
    model_deal.signed()
    made = model_deal.key()
    admitted = model_deal.admit(made.secret)
    assert (admitted.open.bound, admitted.most_output_tokens) == (Tokens(1000, 500), 500)
    assert (meter().reserved_microfen, meter().limit_microfen) == (BOUND, 1000 * 1_000_000)
    charge = model_deal.end(admitted.call, 20, 30)
    assert charge is not None
    assert (charge.cost_microfen, charge.basis) == (20 * 200 + 30 * 800, "reported")
    key = ModelKey.objects.get()
    assert (meter().used_microfen, meter().reserved_microfen) == (28_000, 0)
    assert (key.spent_microfen, key.reserved_microfen, key.window_requests, key.window_tokens) == (28_000, 0, 1, 50)
    assert Transfer.objects.filter(kind="capture").count() == 0


def test_a_call_ends_once(model_deal: ModelDeal) -> None:
    model_deal.signed()
    admitted = model_deal.admit(model_deal.key().secret)
    assert model_deal.end(admitted.call, 1, 1) is not None
    assert model_deal.end(admitted.call, 900, 400) is None
    assert meter().used_microfen == 1000


@pytest.mark.parametrize(
    ("delivered", "cost", "basis"),
    [
        (Delivered(None, 0), 0, "none"),
        (Delivered(None, 744), 186 * 200, "estimated"),
        (Delivered(Tokens(0, 0), 744), 0, "reported"),
        (Delivered(None, 744, 0, 7), 186 * 200 + 7 * 800, "estimated"),
        (Delivered(None, 744, 41, 0), 186 * 200 + 11 * 800, "estimated"),
        (Delivered(None, 744, 0, 10**6), 186 * 200 + 500 * 800, "estimated"),
        (Delivered(Tokens(1000, 501), 744), BOUND, "capped"),
        (Delivered(Tokens(10**9, 10**9), 744), BOUND, "capped"),
    ],
)
def test_what_is_charged_for_what_is_known(model_deal: ModelDeal, delivered: Delivered, cost: int, basis: str) -> None:
    model_deal.signed()
    admitted = model_deal.admit(model_deal.key().secret)
    charge = model_calls.end_call(admitted.call, delivered, outcome="ok", now=model_deal.now)
    assert charge is not None
    assert (charge.cost_microfen, charge.basis, meter().used_microfen) == (cost, basis, cost)


def test_no_call_passes_what_is_held(model_deal: ModelDeal) -> None:
    model_deal.signed(budget_fen=1)  # 1,000,000 microfen: one bound of 600,000, not two
    secret = model_deal.key().secret
    admitted = model_deal.admit(secret)
    assert refused(model_deal, secret) == "insufficient_quota"
    key = ModelKey.objects.get()
    # What was refused left no trace on the key.
    assert (key.window_requests, key.reserved_microfen, ModelCall.objects.count()) == (1, BOUND, 1)
    model_deal.end(admitted.call, 1, 1)
    model_deal.admit(secret)


def test_the_database_itself_refuses_more_than_the_line(model_deal: ModelDeal) -> None:
    model_deal.signed()
    model_deal.admit(model_deal.key(cap_fen=1).secret)
    for model, changes in (
        (CallMeter, {"used_microfen": 10**12}),
        (CallMeter, {"reserved_microfen": -1}),
        (ModelKey, {"spent_microfen": 10**6}),
        (ModelCall, {"state": "done", "cost_microfen": BOUND + 1}),
        (ModelCall, {"state": "done"}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.update(**changes)


def test_who_may_call_what(model_deal: ModelDeal) -> None:
    model_deal.signed()
    assert refused(model_deal, "siwei_none") == "invalid_api_key"
    assert refused(model_deal, model_deal.key("m", models=("other",)).secret) == "model_not_found"
    assert refused(model_deal, model_deal.key("e", endpoints=("embeddings",)).secret) == "endpoint_not_allowed"
    free = model_deal.key("free")
    secret = free.secret
    assert refused(model_deal, secret[:-1] + "-") == "invalid_api_key"
    assert refused(model_deal, secret, model="none") == "model_not_found"
    assert refused(model_deal, secret, endpoint="embeddings") == "endpoint_not_served"
    later = model_deal.now + timedelta(hours=2)
    expiring = model_deal.key("short", expires_at=model_deal.now + timedelta(hours=1)).secret
    assert refused(model_deal, expiring, now=later) == "invalid_api_key"
    model_deal.admit(secret, now=later)
    keys.revoke_access_key(free.key.identifier, actor=model_deal.cast.alice, now=later)
    assert refused(model_deal, secret, now=later) == "invalid_api_key"
    model_upstreams.close_upstream("upstream", actor=model_deal.cast.bob, now=later)
    assert refused(model_deal, model_deal.key("late").secret) == "model_not_found"


def test_a_key_revoked_between_look_up_and_admission_is_refused(
    model_deal: ModelDeal, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_deal.signed()
    made = model_deal.key()
    secret = made.secret
    stale = call_routes.find_caller(secret, model_deal.now)
    keys.revoke_access_key(made.key.identifier, actor=model_deal.cast.alice, now=model_deal.now)
    monkeypatch.setattr(call_routes, "find_caller", lambda secret, now: stale)
    assert refused(model_deal, secret) == "invalid_api_key"


def test_rates_count_by_clock_minute_and_give_back_what_was_not_taken(model_deal: ModelDeal) -> None:
    model_deal.signed()
    secret = model_deal.key("two", requests_per_minute=2).secret
    model_deal.admit(secret)
    model_deal.admit(secret)
    with pytest.raises(CallRefused) as said:
        model_deal.admit(secret)
    assert (said.value.code, said.value.retry_after_s) == ("rate_limit_exceeded", 60)
    model_deal.admit(secret, now=model_deal.now + timedelta(minutes=1))
    secret = model_deal.key("tokens", tokens_per_minute=1600).secret
    first = model_deal.admit(secret)  # 1,500 at most
    assert refused(model_deal, secret) == "rate_limit_exceeded"
    model_deal.end(first.call, 20, 30)
    model_deal.admit(secret)
    assert refused(model_deal, model_deal.key("few", tokens_per_minute=100).secret) == "tokens_per_call"


def test_the_keys_cap_holds_whatever_the_agreement_has_left(model_deal: ModelDeal) -> None:
    model_deal.signed()
    made = model_deal.key(cap_fen=1)
    secret, identifier = made.secret, made.key.identifier
    first = model_deal.admit(secret)
    assert refused(model_deal, secret) == "insufficient_quota"
    model_deal.end(first.call, 1000, 500)
    assert refused(model_deal, secret) == "insufficient_quota"
    with pytest.raises(Conflict, match="already spent"):
        model_keys.change_limits(
            identifier,
            model_keys.KeyLimits(cap_fen=0),
            actor=model_deal.cast.alice,
            now=model_deal.now,
            idempotency_key="lower",
        )
    limits = model_keys.KeyLimits(cap_fen=2)
    for _ in range(2):
        model_keys.change_limits(
            identifier, limits, actor=model_deal.cast.alice, now=model_deal.now, idempotency_key="higher"
        )
    model_deal.admit(secret)
    assert Event.objects.filter(action="change_limits").count() == 1


MIDNIGHT = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
"""Of the city: 1 December begins, a day and a month."""
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_periods_money_is_spent_once_and_anew_in_the_next(model_deal: ModelDeal, period: str) -> None:
    model_deal.signed()
    made = model_deal.key(**{f"{period}_cap_fen": 1})  # 1,000,000 microfen: one bound of 600,000, not two
    evening = MIDNIGHT - SECOND
    first = model_deal.admit(made.secret, now=evening)
    assert refused(model_deal, made.secret, now=evening) == "insufficient_quota"
    model_deal.end(first.call, 1000, 0, now=evening)  # 200,000 spent: one bound more
    second = model_deal.admit(made.secret, now=evening)
    assert refused(model_deal, made.secret, now=evening) == "insufficient_quota"
    third = model_deal.admit(made.secret, now=MIDNIGHT)
    # What yesterday's call gives back is not today's.
    model_deal.end(second.call, 0, 0, now=MIDNIGHT)
    assert getattr(ModelKey.objects.get(), f"{period}_microfen") == BOUND
    assert refused(model_deal, made.secret, now=MIDNIGHT) == "insufficient_quota"
    # Nor does a clock that runs behind open yesterday again.
    assert refused(model_deal, made.secret, now=evening) == "insufficient_quota"
    model_deal.end(third.call, 0, 0, now=MIDNIGHT + SECOND)
    assert getattr(ModelKey.objects.get(), f"{period}_microfen") == 0


def test_a_lower_cap_of_the_day_holds_from_the_next_call_on(model_deal: ModelDeal) -> None:
    model_deal.signed()
    made = model_deal.key(day_cap_fen=2)
    model_deal.admit(made.secret)
    model_keys.change_limits(
        made.key.identifier, model_keys.KeyLimits(day_cap_fen=0), actor=model_deal.cast.alice, now=model_deal.now,
        idempotency_key="lower",
    )  # fmt: skip
    assert refused(model_deal, made.secret) == "insufficient_quota"


def test_how_an_upstream_fares_is_written_down(model_deal: ModelDeal) -> None:
    model_deal.signed()
    model_upstreams.note_health("upstream", failures=5, failure="cut", spared_s=30, now=model_deal.now)
    upstream = Upstream.objects.get()
    assert (upstream.failures, upstream.failure, upstream.failed_at) == (5, "cut", model_deal.now)
    assert upstream.spared_until == model_deal.now + timedelta(seconds=30)
    model_upstreams.note_health("upstream", failures=0, failure="ok", spared_s=0, now=model_deal.now)
    upstream.refresh_from_db()
    assert (upstream.failures, upstream.spared_until, upstream.failure) == (0, None, "cut")


def test_a_call_of_a_dead_process_is_swept_by_what_it_had_written_down(model_deal: ModelDeal) -> None:
    model_deal.signed()
    secret = model_deal.key().secret
    silent, streaming = model_deal.admit(secret), model_deal.admit(secret, is_streamed=True)
    model_calls.note_progress(streaming.call, 12)
    early = model_deal.now + timedelta(seconds=359)
    assert model_calls.sweep_calls(actor=PLATFORM, now=early) == 0
    late = model_deal.now + timedelta(seconds=360)
    assert [model_calls.sweep_calls(actor=PLATFORM, now=late) for _ in range(2)] == [2, 0]
    costs = dict(ModelCall.objects.values_list("name", "cost_microfen"))
    assert costs == {silent.call: 0, streaming.call: 186 * 200 + 12 * 800}
    assert (meter().reserved_microfen, meter().used_microfen) == (0, costs[streaming.call])
    assert model_deal.end(silent.call, 10, 10) is None


def test_calls_are_collected_an_hour_at_a_time_and_never_twice(model_deal: ModelDeal) -> None:
    model_deal.signed()
    secret = model_deal.key().secret
    for read, written in ((10, 1), (20, 2)):
        model_deal.end(model_deal.admit(secret).call, read, written)
    free = model_deal.admit(secret)
    model_calls.end_call(free.call, Delivered(None, 0), outcome="503", now=model_deal.now)
    soon, late = model_deal.now + timedelta(minutes=59), model_deal.now + timedelta(hours=1)
    assert call_collection.collect_due_calls(actor=PLATFORM, now=soon) == 0
    assert [call_collection.collect_due_calls(actor=PLATFORM, now=late) for _ in range(2)] == [1, 0]
    usage = Usage.objects.get()
    assert (usage.quantity, usage.unit, usage.measured["calls"]) == (30 * 200 + 3 * 800, "microfen", 2)
    assert usage.measured["models"] == [
        {"model": "text", "input_tokens": 30, "output_tokens": 3, "cost_microfen": 8400}
    ]
    model_deal.end(model_deal.admit(secret).call, 5, 0)
    assert call_collection.collect_due_calls(actor=PLATFORM, now=late + timedelta(hours=1)) == 1
    assert sorted(Usage.objects.values_list("quantity", flat=True)) == [1000, 8400]


def _report(deal: ModelDeal, quantity: int = 0) -> tuple[str, Signed]:
    """A report that the provider signed on the line of the calls."""
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    made = readings.register_reporter(
        deal.cast.centre.key, "meter", public, actor=deal.cast.bob, now=deal.now, idempotency_key="meter"
    )
    end = (deal.now + timedelta(minutes=1)).isoformat()
    payload = json.dumps(
        {"agreement": "model-deal", "line": 1, "meter": "m", "from": deal.now.isoformat(), "to": end,
         "quantity": quantity}
    )  # fmt: skip
    return made.key_id, Signed(payload, key.sign(payload.encode()).hex())


def test_a_report_on_a_line_of_calls_is_refused(model_deal: ModelDeal) -> None:
    model_deal.signed()
    key_id, sent = _report(model_deal, 5)
    given = {"actor": model_deal.cast.bob, "now": model_deal.now + timedelta(hours=1)}
    with pytest.raises(Conflict, match="metered by its calls") as said:
        readings.report_usage(key_id, sent.payload, sent.signature, **given)
    assert "由网关按调用计量" in said.value.in_chinese()
    assert [str(each) for each in report_usages(key_id, [sent], **given)] == [str(said.value)]
    assert not Usage.objects.exists()


@pytest.mark.parametrize("actor", ["bob", "olive"])
def test_a_reading_by_hand_on_a_line_of_calls_is_refused(model_deal: ModelDeal, actor: str) -> None:
    """It would be added to what the gateway counted, and paid."""
    model_deal.signed()
    late = model_deal.now + timedelta(hours=1)
    model_deal.end(model_deal.admit(model_deal.key().secret).call, 1_000, 0)
    assert call_collection.collect_due_calls(actor=PLATFORM, now=late) == 1
    counted = Usage.objects.get()

    def record(reading: str, quantity: int) -> Usage:
        given: dict[str, Any] = {"actor": getattr(model_deal.cast, actor), "now": late}
        return jobs.record_usage("model-deal", 1, reading=reading, quantity=quantity, measured={}, **given)

    for reading in ("more", "model-calls:model-deal:1:999", "model-deal/1/m/20261123T000000+0000"):
        with pytest.raises(Conflict, match="metered by its calls") as said:
            record(reading, 5_000)
        assert "由网关按调用计量" in said.value.in_chinese()
    with pytest.raises(Conflict, match="was used for another"):
        record(counted.reading, 5_000)
    assert list(Usage.objects.all()) == [counted]


def test_calls_are_charged_whatever_else_was_read_on_their_line(model_deal: ModelDeal) -> None:
    """What was taken before such reports were refused stops neither the collection nor the settlement."""
    model_deal.signed()
    key_id, sent = _report(model_deal)
    line = AgreementLine.objects.select_related("agreement").get()
    end = model_deal.now + timedelta(minutes=1)
    taken = write_usage(line, None, "r", 0, {}, model_deal.cast.bob, end, Window("m", model_deal.now, end))
    UsageReport.objects.create(
        usage=taken, reporter=Reporter.objects.get(key_id=key_id), payload=sent.payload, signature=sent.signature,
        quantity=0, received_at=end,
    )  # fmt: skip
    secret = model_deal.key().secret
    late = model_deal.now + timedelta(hours=1)
    model_deal.end(model_deal.admit(secret).call, 1_000, 0)
    assert call_collection.collect_due_calls(actor=PLATFORM, now=late) == 1
    model_deal.end(model_deal.admit(secret).call, 1_000, 500)
    settled = settlement.settle_agreement("model-deal", actor=model_deal.cast.bob, now=late)
    assert (sorted(Usage.objects.values_list("quantity", flat=True)), settled.gross_fen) == ([0, 200_000, 600_000], 1)


def test_a_line_that_cannot_be_collected_keeps_no_other_back(
    model_deal: ModelDeal, caplog: pytest.LogCaptureFixture
) -> None:
    model_deal.signed()
    secret = model_deal.key().secret
    model_deal.end(model_deal.admit(secret).call, 10, 0)
    line = AgreementLine.objects.get()
    second = AgreementLine.objects.get()
    second.pk, second.number, second.voucher_hold, second.own_hold = None, 2, None, None
    second.save(force_insert=True)
    ModelCall.objects.update(line=second)
    model_deal.end(model_deal.admit(secret).call, 20, 0)
    late = model_deal.now + timedelta(hours=1)
    write_usage(
        AgreementLine.objects.select_related("agreement").get(pk=line.pk), None,
        f"model-calls:model-deal:1:{ModelCall.objects.get(line=line).pk}", 1, {}, PLATFORM, late,
    )  # fmt: skip  # another holds the name of the first line's reading
    assert call_collection.collect_due_calls(actor=PLATFORM, now=late) == 1
    assert ModelCall.objects.get(usage=None).line == line
    assert "calls not collected: model-deal line 1" in caplog.text


def test_the_voucher_and_the_firm_pay_their_shares_of_the_calls(model_deal: ModelDeal, deal: Any) -> None:
    voucher = deal.voucher()
    type(voucher).objects.update(kinds=["model"])
    voucher.refresh_from_db()
    model_deal.signed(voucher)
    secret = model_deal.key().secret
    for _ in range(3):  # 3 × 15,000 tokens read at 200 fen a million: 9 fen
        call = model_deal.admit(secret, request_bytes=15_000)
        model_calls.end_call(call.call, Delivered(Tokens(15_000, 0), 1), outcome="ok", now=model_deal.now)
    settled = settlement.settle_agreement("model-deal", actor=model_deal.cast.bob, now=model_deal.now)
    # 60 % of 9 fen is 5.4: rounded down to the voucher, the fen left over is the firm's.
    assert (settled.metered_fen, settled.voucher_fen, settled.own_fen) == (9, 5, 4)
    assert Account.objects.get(code="CNY:receivable:n-centre").balance == 9
    assert sum(Account.objects.values_list("balance", flat=True)) == 0
    assert refused(model_deal, secret) == "insufficient_quota"
    assert refused(model_deal, secret, now=model_deal.now + timedelta(seconds=1)) == "model_not_found"


def test_an_agreement_is_not_settled_under_a_running_call(model_deal: ModelDeal) -> None:
    model_deal.signed()
    secret = model_deal.key().secret
    running = model_deal.admit(secret)
    with pytest.raises(Conflict, match="have not ended"):
        settlement.settle_agreement("model-deal", actor=model_deal.cast.bob, now=model_deal.now)
    for _ in range(2):
        call_collection.stop_calls("model-deal", actor=model_deal.cast.bob, now=model_deal.now)
    assert refused(model_deal, secret) == "insufficient_quota"
    assert Event.objects.filter(action="stop_calls").count() == 1
    model_deal.end(running.call, 1000, 500)
    settled = settlement.settle_agreement("model-deal", actor=model_deal.cast.bob, now=model_deal.now)
    assert (settled.gross_fen, settled.released_fen) == (1, 999)


def test_an_agreement_called_under_is_not_cancelled(model_deal: ModelDeal) -> None:
    model_deal.signed()
    model_deal.end(model_deal.admit(model_deal.key().secret).call, 1, 1)
    with pytest.raises(Conflict, match="settle it instead"):
        agreements.cancel_agreement("model-deal", because="", actor=model_deal.cast.alice, now=model_deal.now)


def test_nothing_is_kept_unless_the_key_says_so(model_deal: ModelDeal) -> None:
    model_deal.signed()
    silent = model_deal.admit(model_deal.key("silent").secret)
    model_deal.end(silent.call, 1, 1, kept=("asked", "answered"))
    assert KeptCall.objects.count() == 0
    keeping = model_deal.admit(model_deal.key("keeping", keeps_days=2).secret)
    assert (silent.keeps, keeping.keeps) == (False, True)
    model_deal.end(keeping.call, 1, 1, kept=("as\0ked", "answered"))
    assert KeptCall.objects.get().request == "as�ked"
    assert [
        KeptCall.objects.visible_to(who).count()
        for who in (
            model_deal.cast.alice,
            model_deal.cast.bob,
            model_deal.cast.charlie,
            model_deal.cast.olive,
            model_deal.cast.ann,
        )
    ] == [1, 0, 0, 0, 0]
    call_collection.collect_due_calls(actor=PLATFORM, now=model_deal.now + timedelta(days=2))
    assert KeptCall.objects.count() == 0


def test_the_secret_is_shown_once_and_only_its_hash_is_kept(model_deal: ModelDeal) -> None:
    made = model_deal.key()
    with pytest.raises(Conflict, match="shown then"):
        model_deal.key()
    kept = (
        str(list(ModelKey.objects.values())) + str(list(Event.objects.values())) + str(list(AccessKey.objects.values()))
    )
    assert made.secret not in kept
    assert made.secret.split("_", 2)[2] not in kept


def test_whoever_kept_the_secret_before_finds_the_key_again(model_deal: ModelDeal) -> None:
    """A program killed between making its key and writing the secret down would otherwise have lost it."""
    secret = keys.new_secret()
    made = [model_deal.key(secret=secret) for _ in range(2)]
    assert [each.secret for each in made] == [secret] * 2
    assert made[0].key == made[1].key
    assert (AccessKey.objects.count(), ModelKey.objects.count()) == (1, 1)
    for other in (keys.new_secret(), secret[:-1] + ("A" if secret[-1] != "A" else "B"), None):
        with pytest.raises(Conflict, match="shown then"):
            model_deal.key(secret=other)
    with pytest.raises(InputError, match="no key's secret"):
        model_deal.key(name="short", secret="siwei_short_secret")


def test_a_key_ends_with_its_makers_mandate(model_deal: ModelDeal) -> None:
    model_deal.signed()
    secret = model_deal.key().secret
    model_deal.admit(secret)
    Representative.objects.filter(organisation=model_deal.cast.firm).update(approved_at=None)
    assert refused(model_deal, secret, now=model_deal.now + timedelta(seconds=1)) == "invalid_api_key"


@pytest.mark.parametrize("who", ["bob", "charlie", "olive", "ann"])
def test_nobody_else_makes_keys(model_deal: ModelDeal, who: str) -> None:
    with pytest.raises(NotAllowed):
        model_keys.create_model_key(
            model_deal.cast.firm.key,
            "p",
            "theirs",
            expires_at=model_deal.now + timedelta(days=1),
            actor=getattr(model_deal.cast, who),
            now=model_deal.now,
            idempotency_key="theirs",
        )


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"endpoints": ("images",)}, "endpoints"),
        ({"models": ("x" * 121,)}, "models"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"tokens_per_minute": True}, "tokens_per_minute"),
        ({"cap_fen": -1}, "cap_fen"),
        ({"cap_fen": 10**16}, "cap_fen"),
        ({"day_cap_fen": -1}, "day_cap_fen"),
        ({"month_cap_fen": 1.5}, "month_cap_fen"),
        ({"keeps_days": 366}, "keeps_days"),
    ],
)
def test_limits_that_cannot_be(model_deal: ModelDeal, limits: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as said:
        model_deal.key(**limits)
    assert [problem.field for problem in said.value.problems] == [field]


def test_an_upstream_serves_nobody_before_the_operator_approves(model_deal: ModelDeal) -> None:
    model_deal.signed()
    Upstream.objects.update(approved_at=None)
    assert refused(model_deal, model_deal.key().secret) == "model_not_found"
    with pytest.raises(NotAllowed):
        model_upstreams.approve_upstream("upstream", actor=model_deal.cast.bob, now=model_deal.now)
    own = make_person("jo", model_deal.cast.centre, is_operator=True).as_actor()
    with pytest.raises(NotAllowed, match="their own matter"):
        model_upstreams.approve_upstream("upstream", actor=own, now=model_deal.now)


def test_who_sees_calls(model_deal: ModelDeal) -> None:
    model_deal.signed()
    model_deal.end(model_deal.admit(model_deal.key().secret).call, 1, 1)
    cast = model_deal.cast

    def seen(model: Any) -> dict[str, int]:
        people = ("alice", "bob", "charlie", "olive", "ann")
        return {who: model.objects.visible_to(getattr(cast, who)).count() for who in people}

    assert seen(ModelCall) == {"alice": 1, "bob": 1, "charlie": 0, "olive": 1, "ann": 1}
    assert seen(CallMeter) == {"alice": 1, "bob": 1, "charlie": 0, "olive": 1, "ann": 1}
    assert seen(ModelKey) == {"alice": 1, "bob": 0, "charlie": 0, "olive": 1, "ann": 1}
    assert seen(Upstream) == {"alice": 0, "bob": 1, "charlie": 0, "olive": 1, "ann": 1}
    assert replace(cast.alice, roles={}).organisation_ids == frozenset()

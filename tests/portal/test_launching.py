"""Launching a job from the browser: ranked without writing, proposed with its price, really run once it is signed."""

import re
import shutil
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from exchange_deal import OFFER
from portal_city import City, signed_in

from siwei.compute import JobSpec
from siwei.exchange.models import Agreement, AgreementLine, Event, Job, Listing, Quote
from siwei.exchange.trading import caps
from siwei.exchange.trading.jobs import refresh_job
from siwei.exchange.trading.listings import publish_listing
from siwei.portal.launching import own_engine

pytestmark = pytest.mark.django_db
FIRM, CENTRE = "n-00000000000000aa", "n-00000000000000bb"
OWN = {
    "what": "own",
    "script": "print('算完了')\n",
    "count": "1",
    "minutes": "2",
    "accelerator": "cpu",
    "memory_mb": "64",
}
needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture
def pools(city: City) -> City:
    for key, changes in (
        ("pool", {}),
        ("dear", {"price_fen_per_hour": 90_000, "wait_s": 7_200, "title": "快池"}),
        ("ascend", {"accelerator": "Ascend 910B", "title": "昇腾"}),
    ):
        publish_listing(
            "compute", "offer", organisation=CENTRE, title_zh=f"算力池 {key}", title_en=key, body=OFFER | changes,
            actor=city.bob, now=timezone.now(), idempotency_key=key,
        )  # fmt: skip
    return city


def ask(client: Client, act: str, **given: str) -> Any:
    return client.post("/launch", {**OWN, "token": "t", "act": act, **given})


def test_centres_are_ranked_and_nothing_is_written(pools: City) -> None:
    voucher = pools.deal.voucher()
    before = (Event.objects.count(), Listing.objects.count())
    asked_at = timezone.now()
    text = ask(signed_in(pools.alice), "find").content.decode()
    # 120 s at 36,001 fen an hour are 1,200 fen, of which the voucher pays 720; at 90,000 an hour 3,000 and 1,800.
    assert [each in text for each in ("¥12.00", "¥4.80", "¥30.00", voucher.key)] == [True] * 4
    assert text.index("算力池 pool") < text.index("算力池 dear")
    # Between the two an hour may have struck.
    begins = (timezone.localtime(at + timedelta(seconds=7_200)) for at in (asked_at, timezone.now()))
    assert any(f"{each:%Y-%m-%d %H}" in text for each in begins)
    assert "加速卡型号不符" in text
    assert (Event.objects.count(), Listing.objects.count()) == before


def sign(city: City, key: str) -> None:
    for person in (city.alice, city.bob):
        assert signed_in(person).post("/acts/sign", {"key": key, "token": "s"}).status_code == 302


def proposed(city: City) -> Agreement:
    city.deal.budget(1_000_000)
    response = ask(signed_in(city.alice), "propose", offer="pool", voucher="")
    deal = Agreement.objects.get()
    assert response.headers["Location"] == f"/agreements/{deal.key}"
    return deal


@needs_bubblewrap
def test_from_three_answers_to_a_job_that_ran(pools: City) -> None:
    deal = proposed(pools)
    assert (deal.quote, deal.lines.get().gross_fen) == (Quote.objects.get(), 1_200)
    assert ask(signed_in(pools.alice), "propose", offer="pool", voucher="").status_code == 302
    assert (Agreement.objects.count(), Listing.objects.filter(side="need").count()) == (1, 1)
    alice = signed_in(pools.alice)
    assert "/acts/launch" not in alice.get(f"/agreements/{deal.key}").content.decode()
    assert alice.post("/acts/launch", {"key": deal.key, "token": "l"}).status_code == 409
    sign(pools, deal.key)
    assert "/acts/launch" in alice.get(f"/agreements/{deal.key}").content.decode()
    response = alice.post("/acts/launch", {"key": deal.key, "token": "l"})
    job = Job.objects.get()
    assert response.headers["Location"] == f"/jobs/{job.key}"
    assert JobSpec.from_dict(job.spec).files[0].content == OWN["script"].encode()
    ended(pools, job)
    text = alice.get(f"/jobs/{job.key}").content.decode()
    assert ("算完了" in text, "/acts/stop" in text) == (True, False)
    # One started minute at 36,001 fen an hour; and under the same agreement there is room for another.
    assert Job.objects.get().usages.get().quantity == 60
    shorter = {"minutes": "1", "script": "print(2)"}
    assert "立即发起" in ask(alice, "find", **shorter).content.decode()
    line = f"{deal.key}/{AgreementLine.objects.get().number}"
    assert ask(alice, "under", line=line, **shorter).status_code == 302
    second = Job.objects.exclude(pk=job.pk).get()
    assert alice.post("/acts/stop", {"key": second.key, "token": "x"}).status_code == 302
    ended(pools, second)


def ended(city: City, job: Job) -> None:
    engine, _ = own_engine()
    until = time.monotonic() + 240
    while refresh_job(job.key, engine=engine, actor=city.alice, now=timezone.now()).ended_at is None:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_what_ones_own_cap_would_have_left_is_told_before_a_job_begins(dealt: City) -> None:
    """Under a line of which 3,480 s are left; a job of two minutes may take 120 s, 4.81 of its own."""
    Agreement.objects.update(state="delivering", ends_at=timezone.now() + timedelta(days=9))
    today = timezone.localdate()
    given: dict[str, Any] = {"starts_on": today, "ends_on": today, "actor": dealt.alice, "now": timezone.now()}
    caps.set_cap(FIRM, 200, **given, unit="accelerator-second", person="alice", idempotency_key="s")
    caps.set_cap(FIRM, 480, **given, person="alice", idempotency_key="f")
    caps.set_cap(FIRM, 1, **given, idempotency_key="whole")
    client = signed_in(dealt.alice)
    text = ask(client, "find").content.decode()
    assert re.findall(r"您的上限：([^<]+)<", text) == ["200 加速卡秒（0.06 小时）", "¥4.80"]
    asked = {"organisation": FIRM, "accelerator": "cpu", "count": 1, "minutes": 2}
    told = client.post("/api/launch/places", asked, content_type="application/json").json()["standing"]
    assert [[(cap["person"], cap["unit"], cap["before"], cap["after"]) for cap in each["caps"]] for each in told] == [
        [("alice", "accelerator-second", 200, 80), ("alice", "fen", 480, -1)]
    ]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"count": "0"}, "count"),
        ({"count": "1.5"}, "count"),
        ({"minutes": "999999999999"}, "minutes"),
        ({"memory_mb": "1"}, "memory_mb"),
        ({"script": ""}, "script"),
        ({"script": "x" * 70_000}, "script"),
        ({"arguments": "'"}, "arguments"),
        ({"accelerator": ""}, "accelerator"),
    ],
)
def test_what_cannot_be_run_is_said_and_kept(pools: City, wrong: dict[str, str], field: str) -> None:
    for act in ("find", "propose"):
        response = ask(signed_in(pools.alice), act, offer="pool", **wrong)
        text = response.content.decode()
        assert (response.status_code, "尚未发起" in text, 'role="alert"' in text) == (400, True, True), field
    assert not Agreement.objects.exists()


def test_an_outsider_launches_nothing_of_others(pools: City) -> None:
    deal = proposed(pools)
    sign(pools, deal.key)
    before = Event.objects.count()
    # Ann has no organisation to launch for: her page stays as it was.
    for person, act_told, page_told in ((pools.charlie, 404, 404), (pools.ann, 403, 200), (pools.bob, 403, 403)):
        client = signed_in(person)
        assert client.post("/acts/launch", {"key": deal.key, "token": "l"}).status_code == act_told
        assert ask(client, "under", line=f"{deal.key}/1").status_code == page_told
    assert ask(signed_in(pools.charlie), "find", owner=FIRM).status_code == 200
    assert (Event.objects.count(), Job.objects.count()) == (before, 0)
    assert Client().get("/launch").status_code == 302


def test_a_voucher_of_another_is_not_known(pools: City) -> None:
    pools.deal.voucher()
    publish_listing(
        "compute", "offer", organisation=FIRM, title_zh="x", title_en="x", body=OFFER, actor=pools.alice,
        now=timezone.now(), idempotency_key="own",
    )  # fmt: skip
    response = ask(signed_in(pools.charlie), "propose", offer="own", voucher="voucher")
    assert (response.status_code, Agreement.objects.count()) == (404, 0)


def test_matching_again_keeps_what_was_quoted(pools: City) -> None:
    proposed(pools)
    need = Listing.objects.get(side="need")
    alice = signed_in(pools.alice)
    body = {"need": need.key, "offer": "dear", "key": need.key, "token": "q2"}
    assert alice.post("/acts/quote", body).status_code == 302
    assert alice.post("/acts/match", {"key": need.key, "token": "m"}).status_code == 302
    assert Quote.objects.count() == 2

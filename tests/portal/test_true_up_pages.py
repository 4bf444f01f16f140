"""Awards decided again on a page: what waits, what was done with its reason and entries, and who sees and does it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from portal_city import City, signed_in

from siwei.exchange.models import Account, Transfer, TrueUp

pytestmark = pytest.mark.django_db
WHY = {"zh": "年度清算后<不再符合>", "en": "No longer eligible"}


@pytest.fixture
def spent(dealt: City) -> City:
    """A voucher of 50,000 of which 719 fen are spent, and a later decision that awards nothing."""
    dealt.deal.decision(
        key="again", verdict="not_eligible", award_fen=None, result={"sentence": WHY},
        decided_at=dealt.deal.now + timedelta(days=30),
    )  # fmt: skip
    return dealt


def act(client: Client, **given: Any) -> Any:
    sent = {"key": "voucher", "decision": "again", "text": "审计发现", "token": "t"} | given
    return client.post("/acts/true_up", sent)


def page(actor: Any) -> str:
    return signed_in(actor).get("/true-ups").content.decode()


def test_from_what_waits_to_its_entries(spent: City) -> None:
    olive = signed_in(spent.olive)
    assert "/acts/true_up" in page(spent.olive)
    assert ("/acts/true_up" in page(spent.ann), "年度清算后" in page(spent.ann)) == (False, True)
    assert "年度清算后" not in page(spent.alice)  # not hers before it is done
    assert act(olive).headers["Location"] == "/true-ups"
    assert act(olive).status_code == 302
    done = TrueUp.objects.get()
    assert (done.returned_fen, done.clawed_back_fen) == (49_281, 719)
    entries = Transfer.objects.filter(idempotency_key__startswith=f"true-up:{done.key}:")
    for actor in (spent.alice, spent.olive, spent.ann):
        text = page(actor)
        assert "审计发现" in text
        assert "年度清算后&lt;不再符合&gt;" in text
        assert [f'id="entry-{each.pk}"' in text for each in entries] == [True, True]
    workspace = signed_in(spent.alice).get("/agreements/deal").content.decode()
    assert f"/true-ups#true-up-{done.pk}" in workspace
    assert f"/true-ups#true-up-{done.pk}" not in signed_in(spent.bob).get("/agreements/deal").content.decode()
    assert "/acts/true_up" not in page(spent.olive)


def test_outsiders_see_and_do_nothing(spent: City) -> None:
    for actor in (spent.charlie, spent.bob):
        assert act(signed_in(actor)).status_code == 404
        assert "审计发现" not in page(actor)
    for actor in (spent.alice, spent.ann):
        assert act(signed_in(actor)).status_code in (403, 404)
    assert (act(Client()).status_code, Client().get("/true-ups").status_code) == (302, 302)
    assert not TrueUp.objects.exists()
    act(signed_in(spent.olive))
    assert [("审计发现" in page(each)) for each in (spent.charlie, spent.bob)] == [False, False]


@pytest.mark.parametrize("wrong", [{"text": ""}, {"text": "因" * 1_001}, {"decision": "none"}, {"key": "none"}])
def test_what_is_missing_is_said_and_nothing_moves(spent: City, wrong: dict[str, str]) -> None:
    before = dict(Account.objects.values_list("code", "balance"))
    response = act(signed_in(spent.olive), **wrong)
    assert (response.status_code in (400, 404), "Traceback" in response.content.decode()) == (True, False)
    assert dict(Account.objects.values_list("code", "balance")) == before


def test_by_the_api(spent: City) -> None:
    given = {"key": "voucher", "decision": "again", "text": "审计发现", "idempotency_key": "k"}
    answer = signed_in(spent.olive).post("/api/acts/true_up", given, content_type="application/json")
    assert answer.status_code == 200
    (row,) = signed_in(spent.alice).get("/api/true-ups").json()
    assert (row["reason"], row["clawed_back_fen"]) == ("审计发现", 719)

"""What a key was made on the strength of, it ends with: a mandate, a role that keeps money, an organisation."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from exchange_cast import make_organisation, make_person
from exchange_models import ModelDeal

from siwei.errors import CallRefused, SignInNeeded
from siwei.exchange.actors import Actor, Role
from siwei.exchange.calls.model_keys import create_model_key
from siwei.exchange.models import AccessKey, Event, Organisation, Representative
from siwei.exchange.people import mandates
from siwei.exchange.people.keys import MadeKey, create_access_key, read_access_key


def keys_of(deal: ModelDeal, actor: Actor) -> tuple[MadeKey, MadeKey, MadeKey]:
    """One's own, one for the firm, and one that calls models for it."""
    given: dict[str, Any] = {"expires_at": deal.now + timedelta(days=30), "actor": actor, "now": deal.now}
    own = create_access_key("own", ["read"], **given, idempotency_key="own")
    firm = create_access_key("firm", ["write"], organisation="n-firm", **given, idempotency_key="firm")
    return own, firm, create_model_key("n-firm", "客服", "calls", **given, idempotency_key="calls")


def opens(made: MadeKey, now: datetime) -> bool:
    try:
        read_access_key(made.secret, now)
    except SignInNeeded:
        return False
    return True


def calls(deal: ModelDeal, made: MadeKey, after_s: int) -> bool:
    """At another second each time, or what was read of the key would be remembered."""
    try:
        deal.admit(made.secret, now=deal.now + timedelta(seconds=after_s))
    except CallRefused as refused:
        assert refused.code == "invalid_api_key"
        return False
    return True


@pytest.fixture
def finn(cast: Any) -> Actor:
    """Finance of the firm, beside Alice who owns it."""
    return make_person("finn", cast.firm, Role.FINANCE).as_actor()


def test_who_leaves_leaves_no_key_behind(model_deal: ModelDeal, finn: Actor) -> None:
    model_deal.signed()
    own, firm, calling = keys_of(model_deal, finn)
    assert calls(model_deal, calling, 0)
    given: dict[str, Any] = {"actor": model_deal.cast.alice, "now": model_deal.now}
    for _ in range(2):
        mandates.end_mandate("n-firm", "finn", because="left", idempotency_key="end", **given)
    assert (opens(own, model_deal.now), opens(firm, model_deal.now), calls(model_deal, calling, 2)) == (
        True, False, False,
    )  # fmt: skip
    ended = Event.objects.filter(action="revoke_access_key").visible_to(model_deal.cast.alice)
    assert {each.key: each.payload["because"] for each in ended} == {
        each.key.identifier: "mandate ended" for each in (firm, calling)
    }
    # Back again, what the one before made does not come back.
    Representative.objects.filter(person_id=finn.person_id).update(approved_at=model_deal.now, ended_at=None)
    assert (opens(firm, model_deal.now), calls(model_deal, calling, 4)) == (False, False)


def test_who_keeps_the_money_no_more_spends_none_by_calls(model_deal: ModelDeal, finn: Actor) -> None:
    model_deal.signed()
    own, firm, calling = keys_of(model_deal, finn)
    given: dict[str, Any] = {"actor": model_deal.cast.alice, "now": model_deal.now}
    mandates.change_role("n-firm", "finn", Role.OWNER, idempotency_key="up", **given)
    assert calls(model_deal, calling, 0)
    mandates.change_role("n-firm", "finn", Role.MEMBER, idempotency_key="down", **given)
    assert (opens(own, model_deal.now), opens(firm, model_deal.now), calls(model_deal, calling, 2)) == (
        True, True, False,
    )  # fmt: skip
    assert AccessKey.objects.exclude(revoked_at=None).get() == calling.key


@pytest.mark.parametrize("change", [{"role": Role.MANAGER}, {"approved_at": None}])
def test_the_gateway_itself_asks_who_keeps_the_money(
    model_deal: ModelDeal, finn: Actor, change: dict[str, Any]
) -> None:
    """Whoever changed the mandate past us."""
    model_deal.signed()
    calling = keys_of(model_deal, finn)[2]
    Representative.objects.filter(person_id=finn.person_id).update(**change)
    assert not calls(model_deal, calling, 0)


def test_keys_of_an_organisation_that_is_no_more_open_nothing(model_deal: ModelDeal, finn: Actor) -> None:
    model_deal.signed()
    own, firm, calling = keys_of(model_deal, finn)
    into = make_organisation("n-into", "并入")
    Organisation.objects.filter(key="n-firm").update(merged_into=into)
    assert (opens(own, model_deal.now), opens(firm, model_deal.now), calls(model_deal, calling, 2)) == (
        True, False, False,
    )  # fmt: skip

"""Where offered models are served: registered by their provider, opened to calls by the operator."""

import re
from datetime import datetime, timedelta

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_act_for, can_operate, require, require_disinterested
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.calls.upstream_addresses import allowed_targets, parse_base_url
from siwei.exchange.models import ListingState, Side, Upstream
from siwei.exchange.state_words import word_zh
from siwei.exchange.trading.listings import find_listing
from siwei.settings import load_settings

CREDENTIAL = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


@action
def register_upstream(
    offer: str,
    *,
    base_url: str,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    served_as: str = "",
    credential: str = "",
    deadline_s: int = 300,
) -> Upstream:
    """Say where the model of an offer is served. For its provider; nothing is sent there before `approve_upstream`.

    `credential` names an entry of the operator's file of secrets; the secret itself never comes here.
    """
    listing = find_listing(offer, actor)
    require(
        can_act_for(actor, listing.organisation_id),
        actor,
        Said(f"register an upstream for {offer}", f"为 {offer} 登记上游"),
    )
    content = {
        "offer": offer,
        "base_url": base_url,
        "served_as": served_as,
        "credential": credential,
        "deadline_s": deadline_s,
    }
    if repeated("register_upstream", idempotency_key, content):
        return Upstream.objects.get(key=idempotency_key)
    _check(listing.kind, listing.side, listing.state, served_as, credential, deadline_s)
    parse_base_url(base_url, allowed_targets(load_settings().gateway_private_upstreams))
    if Upstream.objects.filter(offer=listing).exists():
        raise Conflict(
            f"{offer} has an upstream → publish another offer for another place",
            f"{offer} 已有上游 → 另一处请发布另一条供给",
        )
    if listing.organisation is None:
        raise Conflict("an organisation offers a model, not a person", "提供模型的是机构，不是个人")
    model = str(listing.body["model"])
    upstream = Upstream.objects.create(
        key=idempotency_key,
        organisation=listing.organisation,
        offer=listing,
        model=model,
        served_as=served_as or model,
        base_url=base_url,
        credential=credential,
        deadline_s=deadline_s,
        registered_at=now,
    )
    _record("register_upstream", idempotency_key, content, upstream, actor, now)
    return upstream


@action
def approve_upstream(key: str, *, actor: Actor, now: datetime) -> Upstream:
    """Open an upstream to calls. For the operator. Approving again changes nothing."""
    require(can_operate(actor), actor, Said(f"approve upstream {key}", f"批准上游 {key}"))
    upstream = find_upstream(key, actor)
    what = Said(f"approve upstream {key}", f"批准上游 {key}")
    require_disinterested(actor, what, [upstream.organisation_id])
    if upstream.closed_at is not None:
        raise Conflict(f"upstream {key} was closed → register the model again", f"上游 {key} 已关闭 → 请重新登记该模型")
    if Upstream.objects.filter(pk=upstream.pk, approved_at=None).update(approved_at=now):
        _record("approve_upstream", key, {}, upstream, actor, now)
    upstream.refresh_from_db()
    return upstream


@action
def close_upstream(key: str, *, actor: Actor, now: datetime) -> Upstream:
    """Send nobody there any more; calls under way end. For its provider and the operator."""
    upstream = find_upstream(key, actor)
    require(can_act_for(actor, upstream.organisation_id), actor, Said(f"close upstream {key}", f"关闭上游 {key}"))
    if Upstream.objects.filter(pk=upstream.pk, closed_at=None).update(closed_at=now):
        _record("close_upstream", key, {}, upstream, actor, now)
    upstream.refresh_from_db()
    return upstream


def note_health(key: str, *, failures: int, failure: str, spared_s: float, now: datetime) -> None:
    """A gateway writes down a failure, or that an upstream answers again; nobody's act, and no event."""
    changes: dict[str, object] = {"failures": failures, "spared_until": None}
    if failures:
        changes |= {"failed_at": now, "failure": failure}
    if spared_s > 0:
        changes["spared_until"] = now + timedelta(seconds=spared_s)
    Upstream.objects.filter(key=key).update(**changes)


def find_upstream(key: str, actor: Actor) -> Upstream:
    try:
        return Upstream.objects.visible_to(actor).select_related("offer").get(key=key)
    except Upstream.DoesNotExist:
        raise NotFound(f"no upstream {key!r}", f"没有上游 {key!r}") from None


def _check(kind: str, side: str, state: str, served_as: str, credential: str, deadline_s: int) -> None:
    if (kind, side, state) != ("model", Side.OFFER, ListingState.OPEN):
        raise Conflict(
            f"an upstream serves an open offer of kind model, and this is a {state} {side} of kind {kind}",
            f"上游服务于开放的模型供给，而这是类别 {kind} 的{word_zh(state)}{word_zh(side)}",
        )
    problems = []
    if len(served_as) > 120:
        problems.append(
            Problem(
                Said("too long a name", "名称过长"),
                fix=Said("120 characters at most", "不超过 120 个字符"),
                field="served_as",
            )
        )
    if credential and not CREDENTIAL.fullmatch(credential):
        fix = Said(
            "the name of an entry in the operator's file: small letters, digits, hyphens",
            "运营方文件中条目的名称：小写字母、数字、连字符",
        )
        problems.append(Problem(Said("that is no credential's name", "这不是凭证的名称"), fix=fix, field="credential"))
    if type(deadline_s) is not int or not 1 <= deadline_s <= 3600:
        problems.append(
            Problem(
                Said(f"a deadline of {deadline_s!r} s", f"时限 {deadline_s!r} 秒不成立"),
                fix=Said("1 to 3600", "1 至 3600"),
                field="deadline_s",
            )
        )
    if problems:
        raise InputError(problems)


def _record(name: str, key: str, content: dict[str, object], upstream: Upstream, actor: Actor, now: datetime) -> None:
    record_event(
        name,
        key,
        content,
        subject=f"upstream:{upstream.key}",
        actor=actor,
        now=now,
        organisations=[upstream.organisation_id],
        payload={"model": upstream.model},
    )

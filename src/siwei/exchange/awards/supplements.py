"""What comes back shared among those who wait for it: a supplementary round that the operator starts.

It goes the way of every round: shared by the pot's own rule, on public notice, objected to, awarded, granted. Each
share is an application of its own, for the rest of the first one's claim and on the same decision.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from siwei.city.attributes import Attribute
from siwei.errors import Conflict, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.awards.applications import locked_pot
from siwei.exchange.awards.person_awards import sealed_again
from siwei.exchange.awards.rounds import check_draft, make_round
from siwei.exchange.awards.waiting_claims import WaitingClaim, propose
from siwei.exchange.canonical import sha256_of
from siwei.exchange.models import Application, Decision, Pot, SharingRound
from siwei.exchange.people.pseudonyms import own_word
from siwei.policy import Programme
from siwei.policy.stacking import Stacking


@action
def share_returned(
    programme: Programme,
    pot: Pot,
    *,
    attributes: Mapping[str, Attribute],
    stacking: Stacking,
    as_of: date,
    seed: str = "",
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> SharingRound:
    """Share what came back to the pot, and nobody was promised, among those of earlier rounds who wait for it
    (`waiting_claims`). `Conflict` where nobody waits that could get any of it, or for a draft."""
    require(can_operate(actor), actor, Said("share a pot", "分配资金池"))
    content = {"pot": str(pot.pk), "sha256": programme.sha256, "seed": seed}
    if repeated("share_returned", idempotency_key, content):
        return SharingRound.objects.get(key=idempotency_key)
    check_draft(programme, pot)
    pot = locked_pot(pot)
    found = propose(programme, pot, attributes=attributes, stacking=stacking, as_of=as_of)
    if found is None:
        raise Conflict(
            f"nobody waits for money of the pot of {programme.id} that could get any of it",
            f"{programme.id} 的资金池没有可获得退回资金的等待者",
        )
    waiting = [_supplement(each, idempotency_key) for each in found.claims]
    made, shares = make_round(
        programme, pot, waiting, attributes=attributes, as_of=as_of, sharing=found.shares.sharing, seed=seed,
        key=idempotency_key, is_supplementary=True,
    )  # fmt: skip
    record_event(
        "share_returned", idempotency_key, content, subject=f"round:{made.key}", actor=actor, now=now,
        payload={
            "applications": len(waiting), "claimed_fen": shares.claimed_fen, "paid_fen": shares.paid_fen, "seed": seed,
        },
    )  # fmt: skip
    return made


def _supplement(waiting: WaitingClaim, key: str) -> Application:
    """It stands where the first one stood: applied at the same time, with the same score, on the same decision."""
    first, decision = waiting.application, waiting.application.decision
    if decision is not None:
        own = f"s-{sha256_of([key, first.key])[:40]}"
        copied = (
            "organisation", "subject", "programme", "version_sha256", "is_draft", "as_of", "verdict", "award_fen",
            "inputs", "result", "decided_at",
        )  # fmt: skip
        copy = Decision.objects.create(key=own, **{name: getattr(decision, name) for name in copied})
        of: dict[str, Any] = {"organisation": first.organisation, "decision": copy}
    else:
        assert first.pseudonym is not None
        own = own_word(first.pseudonym, "ps", f"{key}:{first.key}")
        of = {"pseudonym": first.pseudonym, "sealed": sealed_again(first, own)}
    return Application.objects.create(
        key=own, pot=first.pot, claim_fen=waiting.wanted_fen, score=first.score, applied_at=first.applied_at,
        supplement_to=first, **of,
    )  # fmt: skip

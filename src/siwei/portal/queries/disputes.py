"""Disputes as pages show them: who may say what in one that is open."""

from __future__ import annotations

from siwei.exchange.access import can_operate, can_sign_for, can_speak_for
from siwei.exchange.actors import Actor
from siwei.exchange.models import Dispute, Usage


def possible_in(dispute: Dispute, actor: Actor) -> frozenset[str]:
    """What the actor may do in a dispute now: a form is shown for nothing else. Reads the agreement's parties."""
    if not dispute.is_open or actor.person_id is None:
        return frozenset()
    parties = list(dispute.agreement.parties.all())
    found = {"resolve"} if can_operate(actor) else set()
    if any(can_speak_for(actor, each) for each in parties):
        found |= {"answer", "attach"}
    if dispute.opener is not None and can_speak_for(actor, dispute.opener):
        found.add("withdraw")
    others = [each for each in parties if each.pk != dispute.proposed_by_id]
    if dispute.proposed is not None and any(can_sign_for(actor, each) for each in others):
        found.add("agree")
    return frozenset(found)


def disputed_unit(actor: Actor, *, dispute: str = "", reading: str = "") -> str:
    """The unit of the reading that is disputed; empty where none is that the actor may see."""
    found = Usage.objects.visible_to(actor)
    found = found.filter(disputes__key=dispute) if dispute else found.filter(reading=reading)
    return found.values_list("unit", flat=True).first() or ""

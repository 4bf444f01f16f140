"""The public notice of a shared call: its rounds, who stands where and why, and what was objected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from siwei.errors import Conflict, NotFound
from siwei.exchange.access import can_operate
from siwei.exchange.actors import Actor
from siwei.exchange.awards.rounds import share_again
from siwei.exchange.models import Application, ApplicationState, Objection, Pot, RoundState, SharingRound
from siwei.exchange.models.pseudonyms import is_own
from siwei.exchange.people.vault import Erased
from siwei.policy.pots.share import lottery_digest
from siwei.policy.programmes import Kind, Programme, Sharing
from siwei.portal.city_pack import attributes, decided_on, pack, programmes


def rounds_of(actor: Actor, pot: Pot | None = None) -> QuerySet[SharingRound]:
    found = SharingRound.objects.visible_to(actor).select_related("pot").order_by("-shared_on", "key")
    return found if pot is None else found.filter(pot=pot)


def round_or_missing(key: str, actor: Actor) -> SharingRound:
    made = SharingRound.objects.visible_to(actor).select_related("pot__account").filter(key=key).first()
    if made is None or made.pot.programme not in programmes():
        raise NotFound(
            f"no round {key!r} that you may see; before its public notice only the offices do",
            f"没有您可查看的轮次 {key!r}；公示之前只有主管部门可见",
        )
    return made


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One applicant in a public notice: who, how much, why not more. Neither contracts nor facts."""

    application: Application
    rank: int | None
    reserved_fen: int | None
    """None too where the reader may not know it (`may_know_facts_behind`)."""
    digest: str


@dataclass(frozen=True, slots=True)
class Notice:
    """`is_same` says whether sharing again just now gave the same; None where the programme's text is another since, or
    facts that it read were erased by their person."""

    made: SharingRound
    programme: Programme
    lines: list[NoticeLine]
    is_same: bool | None
    claimed_fen: int
    shared_fen: int
    objections: list[Objection]
    """Those the reader may know: one's own; for the offices all."""
    objected: int
    upheld: int
    is_objectable: bool
    days_left: int | None
    vouchers_to_grant: int
    to_pay: int
    """For the operator: awards of money that do not fall due yet."""
    earlier_reserves: Mapping[str, int]
    """By reserve: what earlier awards had out of it, as far as the reader may know it."""
    earlier_quotas: list[tuple[Mapping[str, Any], Sequence[tuple[str | None, int]]]]
    """By attribute: what earlier awards counted of each value (None: not known any more), as far as the reader may
    know it."""


def notice_of(made: SharingRound, actor: Actor) -> Notice:
    programme, day = programmes()[made.pot.programme], decided_on()
    found = Application.objects.visible_to(actor).filter(round=made).select_related("organisation", "pseudonym")
    rows = list(found.order_by("key"))
    ranks: dict[str, dict[str, Any]] = {}
    is_same: bool | None = None
    if programme.sha256 == made.version_sha256:
        try:
            table = share_again(made, programme, pack().attributes).table
            ranks, is_same = {row["id"]: row for row in table.iter_rows(named=True)}, True
        except Erased:
            is_same = None
        except Conflict:
            is_same = False
    lottery = made.sharing == Sharing.LOTTERY
    is_open = may_know_facts_behind(made, actor)
    own = set() if is_open else set(found.filter(is_own(actor)).values_list("pk", flat=True))
    lines = [
        NoticeLine(
            each,
            ranks.get(each.key, {}).get("rank"),
            ranks.get(each.key, {}).get("reserved_fen")
            if each.standing_fen is not None and (is_open or each.pk in own)
            else None,
            lottery_digest(made.seed, each.key) if lottery else "",
        )
        for each in rows
    ]
    lines.sort(key=lambda line: (line.rank or 0, _order(line.application), line.application.key))
    mine = Objection.objects.visible_to(actor).filter(application__round=made)
    counted = objection_counts(made)
    earlier = earlier_for(made, actor) or {}
    open_ = made.state == RoundState.NOTICE and made.notice_until is not None and day <= made.notice_until
    return Notice(
        made,
        programme,
        lines,
        is_same,
        sum(each.claim_fen for each in rows),
        sum(each.standing_fen or 0 for each in rows),
        list(mine.select_related("application__organisation", "application__pseudonym", "person").order_by("pk")),
        counted["objected"],
        counted["upheld"],
        open_,
        (made.notice_until - day).days if open_ and made.notice_until is not None else None,
        vouchers_to_grant(made, programme, actor),
        made.applications.filter(to_be_paid()).count() if can_operate(actor) and is_paid_out(made) else 0,
        earlier.get("reserves", {}),
        [(attributes()[by], taken) for by, taken in earlier.get("quotas", {}).items() if taken and by in attributes()],
    )


def earlier_for(made: SharingRound, actor: Actor) -> Mapping[str, Any] | None:
    """What earlier awards counted when the round was shared; of persons by reserve and by the values of a quota for the
    offices alone."""
    if made.earlier is None or may_know_facts_behind(made, actor):
        return made.earlier
    return {**made.earlier, "reserves": {}, "quotas": {}}


def may_know_facts_behind(made: SharingRound, actor: Actor) -> bool:
    """Whether the reader may know what counted in a reserve or a quota. Of persons only the offices: who is in a
    reserve has what it asks for, and the sum of a value that one person has would tell it beside the masked name."""
    programme = programmes().get(made.pot.programme)
    return actor.sees_all or (programme is not None and programme.applies_to != "person")


def _order(application: Application) -> str:
    """Persons by nothing that ties one notice to another."""
    return application.organisation.key if application.organisation else ""


def objection_counts(made: SharingRound) -> dict[str, int]:
    """How many objected and how many were right: public, unlike who and why."""
    return Objection.objects.filter(application__round=made).aggregate(
        objected=Count("pk"), upheld=Count("pk", filter=Q(upheld=True))
    )


def to_be_paid() -> Q:
    """Applications whose award is money and was not granted."""
    return Q(state=ApplicationState.AWARDED, shared_fen__gt=0, grant=None)


def is_paid_out(made: SharingRound) -> bool:
    """Whether its awards are money that falls due: a voucher is spent instead, a draft releases nothing."""
    programme = programmes().get(made.pot.programme)
    gives_money = programme is not None and programme.kind is not Kind.VOUCHER
    return gives_money and made.state == RoundState.AWARDED and not made.pot.is_draft


def rounds_to_pay(actor: Actor) -> list[SharingRound]:
    """Awarded rounds of which somebody still waits for their money to fall due."""
    unpaid = Application.objects.filter(to_be_paid(), round__state=RoundState.AWARDED).values("round")
    return [made for made in rounds_of(actor).filter(pk__in=unpaid) if is_paid_out(made)]


def vouchers_to_grant(made: SharingRound, programme: Programme, actor: Actor) -> int:
    """For the operator: awards of a voucher programme that are no vouchers yet."""
    if not can_operate(actor) or made.state != RoundState.AWARDED or programme.kind is not Kind.VOUCHER:
        return 0
    return made.applications.filter(state="awarded", decision__voucher=None).count()

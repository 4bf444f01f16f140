"""A pot shared among its applications: window closed → shared → public notice with objections → award.

The pot is shared by the same pure function that rehearses it (`siwei.policy.share_pot`). A draft releases no money.
"""

from collections.abc import Mapping
from datetime import date, datetime

from django.db.models import Count

from siwei.city.attributes import Attribute
from siwei.errors import Conflict, InputError, NotAllowed, Problem, Said
from siwei.exchange.access import can_operate, require, require_disinterested
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, money_action, record_event, repeated
from siwei.exchange.awards.applications import locked_pot
from siwei.exchange.awards.pot_counts import earlier_in, earlier_of, plain_earlier
from siwei.exchange.awards.round_claims import claims_of
from siwei.exchange.awards.round_claims import left_in as left_in
from siwei.exchange.awards.vouchers import grant_voucher
from siwei.exchange.awards.waiting_claims import Proposal, propose
from siwei.exchange.models import Application, ApplicationState, Objection, Pot, RoundState, SharingRound, Voucher
from siwei.exchange.state_words import word_zh
from siwei.market.bank import exact_yuan
from siwei.policy import Programme, Shares, Sharing, share_pot
from siwei.policy.explaining.pot_explanation import MODES
from siwei.policy.programmes import Returns
from siwei.policy.stacking import Stacking
from siwei.policy.vouchers import last_day

LONGEST_TEXT = 5000


@action
def share_applications(
    programme: Programme,
    pot: Pot,
    *,
    attributes: Mapping[str, Attribute],
    as_of: date,
    sharing: Sharing | None = None,
    seed: str = "",
    stacking: Stacking | None = None,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> SharingRound:
    """Close the window and share what is left in the pot among the applications on it, by the programme's rule.

    `sharing` is for a programme whose text has no rule. `Conflict` where it has another, before the window has closed,
    for a draft, with nothing to share among, or while money came back that is for those of earlier rounds who wait
    (weighed under `stacking`): `supplements.share_returned` comes first.
    """
    require(can_operate(actor), actor, Said("share a pot", "分配资金池"))
    content = {"pot": str(pot.pk), "sha256": programme.sha256, "sharing": str(sharing or ""), "seed": seed}
    if repeated("share_applications", idempotency_key, content):
        return SharingRound.objects.get(key=idempotency_key)
    check_draft(programme, pot)
    _check_own_sharing(programme, sharing)
    if programme.window is not None and (programme.window.end is None or as_of <= programme.window.end):
        raise Conflict(
            f"the window of {programme.id} is open until {programme.window.end} → share after it",
            f"{programme.id} 的申报期到 {programme.window.end} 才结束 → 请在其后分配",
        )
    # Whoever applies at this moment holds the pot too, and is shared among, or is told that they are late; and two
    # rounds at once would promise the same money.
    pot = locked_pot(pot)
    applied = Application.objects.filter(pot=pot, state=ApplicationState.APPLIED)
    waiting = list(applied.select_related("decision", "pseudonym").order_by("key"))
    if not waiting:
        raise Conflict(f"no application waits on the pot of {programme.id}", f"{programme.id} 的资金池没有等待的申报")
    _require_scores(programme, waiting, sharing)
    if programme.pot and programme.pot.returns is Returns.WAITING:
        _check_nobody_waits(
            propose(programme, pot, attributes=attributes, stacking=stacking or Stacking(), as_of=as_of), programme
        )
    made, shares = make_round(
        programme, pot, waiting, attributes=attributes, as_of=as_of, sharing=sharing, seed=seed, key=idempotency_key
    )
    payload = {"applications": len(waiting), "claimed_fen": shares.claimed_fen, "paid_fen": shares.paid_fen}
    record_event(
        "share_applications",
        idempotency_key,
        content,
        subject=f"round:{made.key}",
        actor=actor,
        now=now,
        payload={**payload, "seed": seed},
    )
    return made


def _check_own_sharing(programme: Programme, sharing: Sharing | None) -> None:
    """A rehearsal may try another rule; money is shared by the programme's own, where its text has one."""
    own = programme.pot.sharing if programme.pot else Sharing.NOT_KNOWN
    if sharing is not None and own is not Sharing.NOT_KNOWN and sharing is not own:
        raise Conflict(
            f"{programme.id} is shared {MODES[own][1]}, as its text says → do not choose another rule",
            f"{programme.id} 按其政策文本的规定分配（{MODES[own][0]}）→ 请勿另选分配方式",
        )


def _require_scores(programme: Programme, waiting: list[Application], sharing: Sharing | None) -> None:
    own = programme.pot.sharing if programme.pot else Sharing.NOT_KNOWN
    unscored = sum(each.score is None for each in waiting)
    if unscored and (sharing if own is Sharing.NOT_KNOWN else own) is Sharing.MERIT:
        raise InputError(
            [
                Problem(
                    Said(f"{unscored} of {len(waiting)} applications have no score", f"{unscored} 份申报尚未评分"),
                    Said("score each of them first: the pot is shared by it", "择优分配须先为每份申报评分"),
                    field="sharing",
                )
            ]
        )


def make_round(
    programme: Programme,
    pot: Pot,
    waiting: list[Application],
    *,
    attributes: Mapping[str, Attribute],
    as_of: date,
    sharing: Sharing | None,
    seed: str,
    key: str,
    is_supplementary: bool = False,
) -> tuple[SharingRound, Shares]:
    """Part of an action that has locked the pot: share what is left in it among these applications."""
    claims = claims_of(programme, waiting, attributes)
    earlier = earlier_in(programme, pot, attributes)
    shares = share_pot(
        programme, claims, as_of, budget_fen=left_in(pot), sharing=sharing, seed=seed or None, earlier=earlier
    )
    made = SharingRound.objects.create(
        key=key,
        pot=pot,
        version_sha256=programme.sha256,
        sharing=str(shares.sharing),
        seed=seed,
        budget_fen=shares.budget_fen,
        shared_on=as_of,
        earlier=None if earlier is None else plain_earlier(earlier),
        returns=str(programme.pot.returns if programme.pot else Returns.POT),
        is_supplementary=is_supplementary,
    )
    # SQLite ignores row locks: the count tells whether somebody else shared, or one was withdrawn, meanwhile.
    applied = Application.objects.filter(pot=pot, state=ApplicationState.APPLIED)
    if applied.filter(pk__in=[each.pk for each in waiting]).update(state=ApplicationState.SHARED) != len(waiting):
        raise Conflict(
            f"applications on the pot of {programme.id} changed meanwhile → share again",
            f"{programme.id} 资金池的申报在此期间有变化 → 请重新分配",
        )
    for place, (application, row) in enumerate(zip(waiting, shares.table.iter_rows(named=True), strict=True)):
        application.round, application.state = made, ApplicationState.SHARED
        application.shared_fen, application.bound_by = row["paid_fen"], row["bound_by"] or ""
        application.reserved = {id: paid[place] for id, paid in shares.reserved.items() if paid[place]}
    changed = ["round", "state", "shared_fen", "bound_by", "reserved"]
    Application.objects.bulk_update(waiting, changed, batch_size=500)
    return made, shares


def check_draft(programme: Programme, pot: Pot) -> None:
    if programme.is_draft or pot.is_draft:
        raise Conflict(
            f"programme {programme.id} is a draft: a draft releases no money", f"政策 {programme.id} 是草案：草案不放款"
        )


def _check_nobody_waits(found: Proposal | None, programme: Programme) -> None:
    if found is None:
        return
    back, count = exact_yuan(found.shares.budget_fen), len(found.claims)
    raise Conflict(
        f"{count} applications of earlier rounds of {programme.id} wait, and {back} is there for them → share it among "
        "them first: its text says that what comes back is theirs",
        f"{programme.id} 此前各轮有 {count} 项申报仍在等待，现有 {back} → 请先分配给他们：政策规定退回的资金归等待者",
    )


def share_again(made: SharingRound, programme: Programme, attributes: Mapping[str, Attribute]) -> Shares:
    """Share a round once more from what it was made of: version, budget, mode, seed and applications, with the facts
    that each decision saw. `Conflict` where the text is another version, or somebody would now get another share."""
    if programme.sha256 != made.version_sha256:
        raise Conflict(
            f"round {made.key} was made by version {made.version_sha256[:12]} of {programme.id}, this is "
            f"{programme.sha256[:12]} → share it again with the programme's text of that day",
            f"轮次 {made.key} 由 {programme.id} 的版本 {made.version_sha256[:12]} 作出，此处为 "
            f"{programme.sha256[:12]} → 请用当日的政策文本重新分配",
        )
    applications = list(made.applications.select_related("decision", "pseudonym").order_by("key"))
    claims = claims_of(programme, applications, attributes)
    shares = share_pot(
        programme, claims, made.shared_on, budget_fen=made.budget_fen, sharing=Sharing(made.sharing),
        seed=made.seed or None, earlier=earlier_of(made, attributes),
    )  # fmt: skip
    again = [(row["paid_fen"], row["bound_by"] or "") for row in shares.table.iter_rows(named=True)]
    if again != [(each.shared_fen, each.bound_by) for each in applications]:
        raise Conflict(
            f"round {made.key} does not come out the same when it is shared again",
            f"轮次 {made.key} 重新分配得出不同结果",
        )
    return shares


def grant_round_vouchers(
    made: SharingRound, programme: Programme, *, as_of: date, actor: Actor, now: datetime
) -> list[Voucher]:
    """Turn the awards of a round into vouchers, each in a transaction of its own: killed between two, it goes on.

    Raises Conflict where the programme gives no vouchers, or does not say what one pays or until when.
    """
    require(can_operate(actor), actor, Said("grant vouchers", "给予券"))
    if made.state != RoundState.AWARDED:
        raise Conflict(
            f"round {made.key} is {made.state}: award it first",
            f"轮次 {made.key} 处于“{word_zh(made.state)}”：请先确认扶持",
        )
    awarded = made.applications.filter(state=ApplicationState.AWARDED, decision__isnull=False)
    awarded = awarded.select_related("decision", "pot")
    return [_grant(application, programme, as_of, actor, now) for application in awarded.order_by("key")]


def _grant(application: Application, programme: Programme, as_of: date, actor: Actor, now: datetime) -> Voucher:
    assert application.decision is not None
    found = Voucher.objects.filter(decision=application.decision).first()
    if found is not None:
        return found
    terms, voucher = application.decision.result["voucher"], programme.voucher
    valid_to = None if voucher is None else last_day(programme, voucher, as_of)
    if terms is None or terms["rate_bp"] is None or valid_to is None:
        raise Conflict(
            f"{programme.id} does not say what its voucher pays, or until when → complete its `voucher:`",
            f"{programme.id} 没有写明券支付什么、到何时为止 → 请补全其 `voucher:`",
        )
    return grant_voucher(
        application.decision, application.pot, amount_fen=application.shared_fen or 0, rate_bp=terms["rate_bp"],
        kinds=terms["kinds"], listed_providers_only=terms["listed_providers_only"], valid_from=as_of,
        valid_to=valid_to, actor=actor, now=now, idempotency_key=application.key,
    )  # fmt: skip


@action
def open_notice(
    made: SharingRound, *, until: date, as_of: date, actor: Actor, now: datetime, idempotency_key: str
) -> SharingRound:
    """Put a shared round on public notice (公示) to the day `until`, the last on which one may object."""
    require(can_operate(actor), actor, Said("open a public notice", "开始公示"))
    content = {"round": made.key, "until": until.isoformat()}
    if repeated("open_notice", idempotency_key, content):
        return SharingRound.objects.get(pk=made.pk)
    if until < as_of:
        raise InputError(
            [
                Problem(
                    Said(f"a notice from {as_of} to {until}", f"公示从 {as_of} 到 {until}"),
                    Said("end it on or after its first day", "结束日期不得早于首日"),
                )
            ]
        )
    changed = SharingRound.objects.filter(pk=made.pk, state=RoundState.SHARED).update(
        state=RoundState.NOTICE, notice_from=as_of, notice_until=until
    )
    if not changed:
        raise Conflict(f"round {made.key} is not waiting for its notice", f"轮次 {made.key} 并非等待公示")
    record_event(
        "open_notice", idempotency_key, content, subject=f"round:{made.key}", actor=actor, now=now, payload=content
    )
    return SharingRound.objects.get(pk=made.pk)


@action
def object_to(
    application: Application, text: str, *, as_of: date, actor: Actor, now: datetime, idempotency_key: str
) -> Objection:
    """Object to an award in its public notice: anybody who is signed in may. Who objects, only the offices see."""
    if actor.person_id is None:
        raise NotAllowed("a visitor may not object → sign in", "访客不能提出异议 → 请登录")
    content = {"application": application.key, "text": text}
    if repeated("object_to", idempotency_key, content):
        return Objection.objects.get(key=idempotency_key)
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise InputError(
            [
                Problem(
                    Said("an objection without reasons", "异议没有理由"),
                    Said(f"1 to {LONGEST_TEXT} characters", f"1 至 {LONGEST_TEXT} 个字符"),
                    field="text",
                )
            ]
        )
    # Held, or the round is awarded past an objection that nobody can decide any more.
    rounds = SharingRound.objects.select_for_update(of=("self",), no_key=True)
    made = rounds.filter(applications=application.pk).first()
    if made is None or made.state != RoundState.NOTICE or made.notice_until is None or as_of > made.notice_until:
        raise Conflict(
            f"{application.key} is not in a public notice on {as_of}", f"{application.key} 在 {as_of} 不在公示中"
        )
    objection = Objection.objects.create(
        key=idempotency_key, application=application, person_id=actor.person_id, text=text, raised_at=now
    )
    record_event("object_to", idempotency_key, content, subject=f"objection:{objection.key}", actor=actor, now=now)
    return objection


@action
def decide_objection(
    objection: Objection, *, upheld: bool, reason: str, actor: Actor, now: datetime, idempotency_key: str
) -> Objection:
    """Uphold an objection (the application is refused when the round is awarded) or not, with the reason."""
    require(can_operate(actor), actor, Said("decide objections", "决定异议"))
    against = objection.application
    persons = [objection.person_id, against.pseudonym.person_id if against.pseudonym else None]
    what = Said("decide this objection", "决定该异议")
    require_disinterested(actor, what, [against.organisation_id], persons)
    content = {"objection": objection.key, "upheld": upheld, "reason": reason}
    if repeated("decide_objection", idempotency_key, content):
        return Objection.objects.get(pk=objection.pk)
    if not reason.strip():
        raise InputError(
            [
                Problem(
                    Said("an objection decided without a reason", "对异议的决定没有理由"),
                    Said("say why", "请说明原因"),
                    field="reason",
                )
            ]
        )
    if not Objection.objects.filter(pk=objection.pk, upheld=None).update(upheld=upheld, reason=reason):
        raise Conflict(f"objection {objection.key} was decided already", f"异议 {objection.key} 已作决定")
    record_event(
        "decide_objection",
        idempotency_key,
        content,
        subject=f"objection:{objection.key}",
        actor=actor,
        now=now,
        payload={"upheld": upheld},
    )
    return Objection.objects.get(pk=objection.pk)


@money_action
def award_round(made: SharingRound, *, as_of: date, actor: Actor, now: datetime, idempotency_key: str) -> SharingRound:
    """After the notice: applications become awards, those with an upheld objection are refused; what these would have
    had stays in the pot. `Conflict` while the notice runs or an objection is undecided."""
    require(can_operate(actor), actor, Said("award a round", "确认轮次的扶持"))
    content = {"round": made.key}
    if repeated("award_round", idempotency_key, content):
        return SharingRound.objects.get(pk=made.pk)
    current = SharingRound.objects.select_for_update(no_key=True).get(pk=made.pk)
    if current.state != RoundState.NOTICE or current.notice_until is None or as_of <= current.notice_until:
        raise Conflict(
            f"round {made.key} is {current.state}, its notice until {current.notice_until or 'not opened'}",
            f"轮次 {made.key} 处于“{word_zh(current.state)}”，公示至 {current.notice_until or '（未开始）'}",
        )
    open_ = list(
        Objection.objects.filter(application__round=current, upheld=None).order_by("key").values_list("key", flat=True)
    )
    if open_:
        raise Conflict(
            f"{len(open_)} objections are undecided ({', '.join(open_[:5])}) → decide them first",
            f"有 {len(open_)} 项异议未决（{', '.join(open_[:5])}） → 请先作决定",
        )
    if not SharingRound.objects.filter(pk=made.pk, state=RoundState.NOTICE).update(
        state=RoundState.AWARDED, awarded_on=as_of
    ):
        raise Conflict(f"round {made.key} was awarded meanwhile", f"轮次 {made.key} 在此期间已确认扶持")
    mine = Application.objects.filter(round=current, state=ApplicationState.SHARED)
    refused = mine.filter(objections__upheld=True).values_list("pk", flat=True)
    Application.objects.filter(pk__in=list(refused)).update(state=ApplicationState.REFUSED)
    # Nothing was left for some: they are refused for want of money, not awarded nothing.
    mine.filter(shared_fen=0).update(state=ApplicationState.REFUSED)
    mine.filter(shared_fen__gt=0).update(state=ApplicationState.AWARDED)
    counted = Application.objects.filter(round=current).values("state").annotate(count=Count("pk"))
    record_event(
        "award_round",
        idempotency_key,
        content,
        subject=f"round:{current.key}",
        actor=actor,
        now=now,
        organisations=list(
            Application.objects.filter(round=current, organisation__isnull=False)
            .values_list("organisation_id", flat=True)
            .distinct()
        ),
        payload={row["state"]: row["count"] for row in counted},
    )
    return SharingRound.objects.get(pk=made.pk)

"""A voucher whose award was decided again (at the year's end, after an audit): as entries, with reason and decision."""

from datetime import datetime

from django.db.models import Q, QuerySet, Sum

from siwei.errors import Conflict, InputError, Problem, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action, record_event, repeated
from siwei.exchange.awards.applications import locked_pot
from siwei.exchange.awards.held_awards import LIVE
from siwei.exchange.awards.returns import Coming, bring_back, rule_of_voucher
from siwei.exchange.ledger.accounts import claw_back_account
from siwei.exchange.ledger.actions import Entry, write_transfer
from siwei.exchange.models import Account, Application, ClawBack, Decision, TransferKind, TrueUp, Voucher
from siwei.market.bank import exact_yuan
from siwei.policy.programmes import Verdict


@money_action
def true_up_voucher(
    voucher: Voucher, decision: Decision, *, because: str, actor: Actor, now: datetime, idempotency_key: str
) -> TrueUp:
    """Bring a voucher to what `decision` awards now (nothing, where not eligible any more).

    The award is for the whole claim: what the first application and its supplements got beside this voucher is taken
    off, so that together they never come to more than it, in whatever order they are trued up.

    More comes from the pot. Less is taken from what is unspent and not held; what is spent already is claimed back: the
    organisation owes it to the pot on its `claw-back` account, until the money is in. What comes back goes on by the
    programme's rule (`returns`). `Conflict` where part of it is held for agreements under way: those settle first.
    """
    require(can_operate(actor), actor, Said("true up vouchers", "对券进行年终清算"))
    content = {"voucher": voucher.key, "decision": decision.key, "because": because}
    if repeated("true_up_voucher", idempotency_key, content):
        return TrueUp.objects.get(key=idempotency_key)
    locked_pot(voucher.pot)  # no other voucher of the claim is trued up, and no rest of it shared, meanwhile
    # Two at once would both start from what it was worth before; and what is held is read of an account that stands.
    Voucher.objects.select_for_update().get(pk=voucher.pk)
    account = Account.objects.select_for_update().get(pk=voucher.account_id)
    before, after = award_of(voucher), _awarded(voucher, decision, because)
    causes = {"voucher": voucher.key, "decision": decision.key, "true_up": idempotency_key}
    pot = voucher.pot
    added, less = max(0, after - before), max(0, before - after)
    returned = min(less, account.available)
    clawed = less - returned
    if clawed and account.held:
        raise Conflict(
            f"{exact_yuan(account.held)} of voucher {voucher.key} is held → settle what is under way first",
            f"券 {voucher.key} 有 {exact_yuan(account.held)} 被冻结 → 请先结算进行中的部分",
        )
    key, rule = f"true-up:{idempotency_key}", rule_of_voucher(voucher)
    if added:
        entry = Entry(TransferKind.POST, pot.account, account, added, memo="true-up", causes=causes)
        write_transfer(entry, key=f"{key}:0", now=now)
    coming = (
        Coming(f"{key}:1", account, returned, "true-up"),
        Coming(f"{key}:2", claw_back_account(voucher.organisation), clawed, "claw-back"),
    )
    bring_back(pot, rule, coming, onward_key=f"{key}:3", causes=causes, now=now)
    done = TrueUp.objects.create(
        key=idempotency_key, voucher=voucher, decision=decision, before_fen=before, after_fen=after, added_fen=added,
        returned_fen=returned, clawed_back_fen=clawed, reason=because, at=now,
    )  # fmt: skip
    record_event(
        "true_up_voucher", idempotency_key, content, subject=f"voucher:{voucher.key}", actor=actor, now=now,
        organisations=[voucher.organisation],
        payload={"before_fen": before, "after_fen": after, "clawed_back_fen": clawed, "because": because,
                 "goes_to": str(rule)},
    )  # fmt: skip
    return done


def award_of(voucher: Voucher) -> int:
    """What the voucher is worth after its latest true-up."""
    latest = voucher.true_ups.order_by("-pk").first()
    return latest.after_fen if latest else voucher.cap_fen


def awarded_by(decision: Decision, voucher: Voucher) -> int:
    """What the decision leaves for this voucher, beside what the rest of the same claim got."""
    return max(0, _award(decision) - _had_beside(voucher))


def has_acted(decision: Decision, voucher: Voucher) -> bool:
    """Whether the claim stands on the decision already. Only where the voucher that was trued up could not give back
    all that is too much does the latest decision go on to another."""
    done = _true_ups_of_claim(voucher)
    if not done.filter(decision=decision).exists():
        return False
    latest = done.order_by("-pk").first()
    is_latest = latest is not None and latest.decision_id == decision.pk
    return not is_latest or award_of(voucher) + _had_beside(voucher) <= _award(decision)


def _claim_of(voucher: Voucher) -> QuerySet[Application]:
    """The first application and its supplements; none where the voucher was granted without one."""
    own = Application.objects.filter(decision=voucher.decision_id).first()
    if own is None:
        return Application.objects.none()
    first = own.supplement_to_id or own.pk
    return Application.objects.filter(Q(pk=first) | Q(supplement_to=first))


def _true_ups_of_claim(voucher: Voucher) -> QuerySet[TrueUp]:
    return TrueUp.objects.filter(Q(voucher=voucher) | Q(voucher__decision__application__in=_claim_of(voucher)))


def _had_beside(voucher: Voucher) -> int:
    """What the claim's other applications got: their vouchers as trued up, their money, what is promised to them."""
    others = _claim_of(voucher).exclude(decision=voucher.decision_id)
    vouchers = Voucher.objects.filter(decision__application__in=others)
    promised = others.filter(state__in=LIVE, decision__voucher=None)
    taken = ClawBack.objects.filter(grant__application__in=promised).aggregate(
        fen=Sum("returned_fen", default=0) + Sum("owed_fen", default=0)
    )
    shared = promised.aggregate(fen=Sum("shared_fen", default=0))
    return sum(award_of(each) for each in vouchers) + int(shared["fen"]) - int(taken["fen"])


def _award(decision: Decision) -> int:
    return (decision.award_fen or 0) if decision.verdict == Verdict.ELIGIBLE else 0


def _awarded(voucher: Voucher, decision: Decision, because: str) -> int:
    problems = []
    if not 0 < len(because.strip()) <= 1_000:
        problems.append(
            Problem(
                Said("a reason is wanted", "须说明理由"),
                Said("such as: 年度清算, 审计发现", "例如：年度清算、审计发现"),
                field="because",
            )
        )
    if problems:
        raise InputError(problems)
    if decision.organisation_id != voucher.organisation_id or decision.programme != voucher.pot.programme:
        raise Conflict(
            f"decision {decision.key} is not of voucher {voucher.key}'s organisation and programme",
            f"判定 {decision.key} 与券 {voucher.key} 的机构或政策不符",
        )
    if decision.is_draft or decision.verdict == Verdict.CANNOT_TELL:
        raise Conflict(
            f"decision {decision.key} is not final (a draft, or facts are missing) → decide again first",
            f"判定 {decision.key} 不是最终的（草案，或缺少事实） → 请先重新判定",
        )
    used = voucher.true_ups.filter(decision=decision).exists() or has_acted(decision, voucher)
    if decision.pk == voucher.decision_id or used:
        raise Conflict(
            f"voucher {voucher.key} stands on decision {decision.key} already",
            f"券 {voucher.key} 已以判定 {decision.key} 为依据",
        )
    if _claim_of(voucher).filter(decision=decision).exists():
        raise Conflict(
            f"decision {decision.key} is what another part of the same claim was applied for on → decide again first",
            f"判定 {decision.key} 是同一申报另一部分的依据 → 请先重新判定",
        )
    return awarded_by(decision, voucher)

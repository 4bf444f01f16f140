"""Calls: a programme's pot that takes applications, who may apply, who applied, and what waits for the offices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, Q, QuerySet

from siwei.errors import NotAllowed, NotFound, Said, chinese_of
from siwei.exchange.access import can_review
from siwei.exchange.actors import Actor
from siwei.exchange.awards.applications import claimed_from, duplicate_documents
from siwei.exchange.awards.held_awards import Room, room_for
from siwei.exchange.awards.person_awards import open_application
from siwei.exchange.awards.round_claims import left_in
from siwei.exchange.awards.waiting_claims import Proposal, count_waiting, propose
from siwei.exchange.facts.decisions import subject_facts
from siwei.exchange.models import (
    Application,
    ClaimedDocument,
    Objection,
    Organisation,
    Pot,
    RoundState,
    SharingRound,
    Voucher,
)
from siwei.exchange.models.pseudonyms import is_own
from siwei.exchange.people.vault import Erased
from siwei.exchange.state_words import word_zh
from siwei.policy.explanation import Explanation, FactValue, SeenValue
from siwei.policy.programmes import Clause, Programme, Returns, Sharing, Text, Verdict
from siwei.policy.windows import Deadline, deadline_of
from siwei.portal.access import require_private
from siwei.portal.city_pack import decided_on, pack, programmes, stacking
from siwei.portal.queries.entitlements import entitlement, explained
from siwei.portal.queries.notices import rounds_of, rounds_to_pay

MODES = (Sharing.FIRST_COME, Sharing.MERIT, Sharing.PRO_RATA, Sharing.LOTTERY)


@dataclass(frozen=True, slots=True)
class Call:
    """A pot that takes applications. `left_fen` is what no earlier round has promised."""

    programme: Programme
    pot: Pot
    deadline: Deadline
    left_fen: int
    is_shareable: bool
    """Whether the window is over, so that what is there may be shared."""

    @property
    def is_open(self) -> bool:
        return not self.pot.is_draft and self.deadline.state in ("open", "unlimited")

    @property
    def returns(self) -> Returns:
        """Where money goes that comes back of what is awarded now."""
        return self.programme.pot.returns if self.programme.pot else Returns.POT

    @property
    def text_budget_fen(self) -> int | None:
        """What the programme's text has for a period. None where it names no budget: `pot.budget_fen`, which the
        operator put in, is the only one then."""
        return self.programme.pot.budget_fen if self.programme.pot else None


def call_of(programme: Programme, pot: Pot) -> Call:
    day = decided_on()
    window = programme.window
    over = window is None or (window.end is not None and day > window.end)
    return Call(programme, pot, deadline_of(programme, day), left_in(pot), over and not pot.is_draft)


def calls(actor: Actor) -> list[Call]:
    """The pots of the pack's programmes; those one can apply to now come first."""
    found = Pot.objects.visible_to(actor).filter(programme__in=list(programmes())).select_related("account")
    made = [call_of(programmes()[pot.programme], pot) for pot in found.order_by("programme", "-period")]
    return sorted(made, key=lambda call: not call.is_open)


def call_or_missing(programme_id: str, period: str, actor: Actor) -> Call:
    pot = Pot.objects.visible_to(actor).select_related("account").filter(programme=programme_id, period=period).first()
    programme = programmes().get(programme_id)
    if pot is None or programme is None:
        raise NotFound(
            f"no call of {programme_id!r} for {period!r} → see /calls",
            f"没有 {programme_id!r} 在 {period!r} 的征集 → 见 /calls",
        )
    return call_of(programme, pot)


def current_call(programme: Programme, actor: Actor) -> Call | None:
    """The programme's pot of the city's year, else its latest."""
    pots = list(
        Pot.objects.visible_to(actor).filter(programme=programme.id).select_related("account").order_by("-period")
    )
    year = str(decided_on().year)
    chosen = next((pot for pot in pots if pot.period == year), pots[0] if pots else None)
    return None if chosen is None else call_of(programme, chosen)


def other_current_call(call: Call, actor: Actor) -> Call | None:
    """The programme's current call, to which one applies, where `call` is an earlier or a later one."""
    current = current_call(call.programme, actor)
    return None if current is None or current.pot.pk == call.pot.pk else current


def current_calls(known: Iterable[Programme], actor: Actor) -> dict[str, Call]:
    """`current_call` of each programme that has one."""
    found = {programme.id: current_call(programme, actor) for programme in known}
    return {name: call for name, call in found.items() if call is not None}


def proposal_of(call: Call, actor: Actor) -> Proposal | None:
    """For the offices: how what came back would be shared among those of earlier rounds who wait for it."""
    if not actor.sees_all or not call.pot.rounds.filter(returns=str(Returns.WAITING)).exists():
        return None
    return propose(call.programme, call.pot, attributes=pack().attributes, stacking=stacking(), as_of=decided_on())


def returned_to(pot: Pot, actor: Actor) -> int:
    """For the offices: what the pot has and nobody was promised, where others wait for it, whether or not the rules
    leave any of them more. Told without weighing them, so that a desk can ask of every pot."""
    if not actor.sees_all or not (left := left_in(pot)):
        return 0
    return left if count_waiting(programmes()[pot.programme], pot) else 0


def favouring_clauses(programme: Programme) -> list[Clause]:
    """Clauses that favour local suppliers, which ask for a fair-competition review (公平竞争审查)."""
    return [clause for clause in programme.clauses if clause.favours_local]


def applications(actor: Actor) -> QuerySet[Application]:
    """One's own, newest first; for the offices everybody's. What a public notice shows of others is not among them."""
    found = Application.objects.visible_to(actor)
    mine = Q(organisation_id__in=actor.organisation_ids) | is_own(actor)
    found = found if actor.sees_all else found.filter(mine)
    related = ("organisation", "pseudonym", "pot", "round", "decision", "supplement_to")
    return found.select_related(*related).order_by("-applied_at", "key")


def application_or_missing(key: str, actor: Actor) -> Application:
    application = applications(actor).filter(key=key).first()
    if application is None:
        raise NotFound(f"no application {key!r} that you may see", f"没有您可查看的申报 {key!r}")
    return application


@dataclass(frozen=True, slots=True)
class Applying:
    """What an organisation may claim from a call now, for itself or its claim or project `subject`, and the decision
    it would claim on. `room` is what the rules leave beside what it holds; nothing of an award that is not known."""

    call: Call
    subject: str
    explanation: Explanation
    claimed_fen: int
    room: Room
    most_fen: int


def applying(organisation: Organisation, programme: Programme, actor: Actor, subject: str = "") -> Applying:
    """Raises NotAllowed for those outside the organisation, NotFound where the programme has no pot open or is not for
    such a subject."""
    require_private(actor, organisation.pk)
    if (programme.applies_to == "organisation") is bool(subject) or programme.applies_to == "person":
        what = subject or Said("the organisation itself", "机构本身")
        raise NotFound(
            f"{programme.id} is for a {programme.applies_to}, not for {what}",
            f"{programme.id} 面向{word_zh(programme.applies_to)}，不面向{chinese_of(what)}",
        )
    call = current_call(programme, actor)
    if call is None:
        raise NotFound(
            f"{programme.id} takes no applications: no pot is open for it",
            f"{programme.id} 不接受申报：没有为其开立资金池",
        )
    explanation = (
        explained_for(organisation, programme, subject) if subject else entitlement(organisation, programme, actor)
    )
    claimed = claimed_from(call.pot, organisation, subject)
    award = explanation.award.award_fen if explanation.verdict is Verdict.ELIGIBLE else 0
    room = room_of(organisation, programme, call, award or 0, subject)
    return Applying(call, subject, explanation, claimed, room, max(0, (room.most_fen or 0) - claimed))


def may_claim(call: Call, organisations: Iterable[Organisation], actor: Actor) -> list[tuple[Organisation, int]]:
    """What each may still claim from the call for itself; none of a call that is for claims, projects or persons, or
    is not the programme's current one."""
    if not call.is_open or call.programme.applies_to != "organisation" or other_current_call(call, actor):
        return []
    return [(each, applying(each, call.programme, actor).most_fen) for each in organisations]


def explained_for(organisation: Organisation, programme: Programme, subject: str) -> Explanation:
    """A programme decided for a claim or a project of an organisation. Raises NotFound where it has no such one."""
    return explained(programme, subject_facts(programme, organisation, decided_on(), pack().attributes, subject))


def contract_of(subject: str, programme: Programme) -> str:
    """The number under which a claim's contract is known here, to start the form with."""
    return subject.rpartition("/")[0] if programme.applies_to == "claim" else ""


def room_of(organisation: Organisation, programme: Programme, call: Call, award_fen: int, subject: str = "") -> Room:
    if not award_fen:
        return Room(0, "", None, {})
    return room_for(
        programme, call.pot, organisation, award_fen, subject=subject, stacking=stacking(), as_of=decided_on(),
        attributes=pack().attributes,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecordedClause:
    """A clause of a decision as it was kept: with what it saw then."""

    words: Text
    verdict: str
    saw: tuple[SeenValue, ...]


def recorded_clauses(result: Mapping[str, Any]) -> list[RecordedClause]:
    """Of a kept explanation."""
    return [
        RecordedClause(Text(**clause["words"]), clause["verdict"], tuple(_recorded(seen) for seen in clause["saw"]))
        for clause in result["clauses"]
    ]


@dataclass(frozen=True, slots=True)
class Basis:
    """What an application was decided on. `name` is a person's, `subject` an organisation's claim or project."""

    sentence: Text
    clauses: list[RecordedClause]
    award_fen: int | None
    as_of: date
    version_sha256: str
    name: str = ""
    subject: str = ""


def basis_of(application: Application, actor: Actor) -> Basis | None:
    """None of a person's for whoever may not read it (the auditor), and once it was erased."""
    decision = application.decision
    if decision is not None:
        return Basis(
            Text(**decision.result["sentence"]), recorded_clauses(decision.result), decision.award_fen, decision.as_of,
            decision.version_sha256, subject=decision.subject,
        )  # fmt: skip
    try:
        opened = open_application(application, actor)
    except (NotAllowed, Erased):
        return None
    return Basis(
        Text(**opened.result["sentence"]), recorded_clauses(opened.result), opened.result["award"]["award_fen"],
        date.fromisoformat(opened.as_of), opened.version_sha256, opened.name,
    )  # fmt: skip


def _recorded(seen: dict[str, Any]) -> SeenValue:
    fact = None if seen["fact"] is None else FactValue(seen["fact"]["value"])
    return SeenValue(seen["attribute"], Text(**seen["name"]), seen["unit"], fact)


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """An application as reviewers see it; `duplicates` are the documents it shares with others."""

    application: Application
    documents: list[ClaimedDocument]
    duplicates: list[tuple[str, str, list[str]]]


def review_desk(call: Call, actor: Actor) -> list[ReviewLine]:
    """For the offices and reviewers. Three queries, whatever the number of applications."""
    if not (actor.sees_all or can_review(actor)):
        return []
    found = list(
        Application.objects.filter(pot=call.pot)
        .select_related("organisation", "pseudonym", "decision", "round")
        .prefetch_related("documents")
        .order_by("applied_at", "key")
    )
    alerts = duplicate_documents(actor) if actor.sees_all else []
    by_key: dict[str, list[tuple[str, str, list[str]]]] = {}
    for kind, reference, keys in alerts:
        for key in keys:
            by_key.setdefault(key, []).append((kind, reference, [other for other in keys if other != key]))
    return [ReviewLine(each, list(each.documents.all()), by_key.get(each.key, [])) for each in found]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for an office: rounds to put on notice, to award, to pay out, objections to decide, applications to
    share."""

    to_share: list[tuple[Pot, int]]
    returned: list[tuple[Pot, int]]
    """Pots to which money came back that others wait for, and how much is there for them."""
    rounds: list[SharingRound]
    to_pay: list[SharingRound]
    objections: list[Objection]
    duplicates: list[tuple[str, str, list[str]]]


def waiting_for(actor: Actor) -> Waiting | None:
    if not actor.sees_all:
        return None
    waiting = Pot.objects.annotate(waiting=Count("applications", filter=Q(applications__state="applied")))
    return Waiting(
        [(pot, pot.waiting) for pot in waiting.filter(waiting__gt=0).order_by("programme", "period")],
        _returned(actor),
        list(rounds_of(actor).exclude(state=RoundState.AWARDED)),
        rounds_to_pay(actor),
        list(Objection.objects.visible_to(actor).filter(upheld=None).select_related("application__round")),
        duplicate_documents(actor),
    )


def _returned(actor: Actor) -> list[tuple[Pot, int]]:
    pots = Pot.objects.filter(rounds__returns=str(Returns.WAITING), programme__in=list(programmes())).distinct()
    found = pots.select_related("account").order_by("programme", "period")
    return [(pot, fen) for pot in found if (fen := returned_to(pot, actor))]


def waiting_for_scores(actor: Actor) -> list[tuple[Pot, int]]:
    """For a reviewer: calls with applications that nobody scored yet."""
    if not can_review(actor):
        return []
    unscored = Q(applications__state="applied", applications__score=None)
    waiting = Pot.objects.annotate(waiting=Count("applications", filter=unscored)).filter(waiting__gt=0)
    return [(pot, pot.waiting) for pot in waiting.order_by("programme", "period")]


def voucher_of(application: Application) -> Voucher | None:
    decision = application.decision
    return None if decision is None else Voucher.objects.filter(decision=decision).first()


def documents_of(application: Application, actor: Actor) -> Sequence[ClaimedDocument]:
    return list(ClaimedDocument.objects.visible_to(actor).filter(application=application).order_by("kind", "reference"))

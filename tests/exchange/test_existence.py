"""No act tells an outsider whether a thing is there: what others have is answered as what is nowhere, in the same
words.

What there is to try is read from the code (`acting_functions`). A new act, or a new parameter of one, stands in a table
here or fails `test_what_every_act_is_given_is_known`.
"""

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from exchange_actions import acting_functions, nonsense_for
from exchange_cast import NOW
from exchange_datasets import DatasetDeal
from exchange_deal import Deal
from exchange_models import ModelDeal
from exchange_payments import Desk
from exchange_persons import Persons

from siwei.errors import NotAllowed, NotFound
from siwei.exchange import tasks
from siwei.exchange.actors import VISITOR, Actor, Role
from siwei.exchange.models import (
    BankEntry,
    Claim,
    Hold,
    ImportFile,
    PersonFact,
    PersonProof,
    StatementFile,
    Usage,
)
from siwei.exchange.payments import invoices
from siwei.exchange.people import invitations, keys
from siwei.exchange.trading import caps, disputes, listings

ACTIONS = dict(acting_functions())


class World:
    """Everything is the firm's, the centre's or Alice's; each method makes a thing and says by what it is named."""

    def __init__(self, deal: Deal, directory: Path) -> None:
        self.deal, self.cast, self.now, self.directory = deal, deal.cast, deal.now, directory
        self.made: dict[str, Any] = {}

    def make(self, thing: str) -> Any:
        """The same again when asked again."""
        if thing not in self.made:
            self.made[thing] = getattr(self, thing)()
        return self.made[thing]

    def agreement(self) -> str:
        return str(self.deal.signed().key)

    def job(self) -> str:
        self.make("agreement")
        return self.deal.submit().key

    def reading(self) -> str:
        self.make("job")
        self.deal.finish()
        return Usage.objects.get().reading

    def dispute(self) -> str:
        given = {"reason": "x", "evidence": "y", "actor": self.cast.alice, "now": self.now}
        return disputes.open_dispute("deal", reading=self.make("reading"), idempotency_key="quarrel", **given).key

    def need(self) -> str:
        """Matched, which is for its owner to know; both listings are public."""
        self.make("offer")
        return "need"

    def offer(self) -> str:
        self.deal.match()
        return "offer"

    def withdrawn(self) -> str:
        self.deal.offer()
        return listings.withdraw_listing("offer", actor=self.cast.bob, now=self.now).key

    def withdrawn_need(self) -> str:
        self.deal.need()
        return listings.withdraw_listing("need", actor=self.cast.alice, now=self.now).key

    def dataset(self) -> str:
        made = DatasetDeal(self.cast, self.now, self.directory)
        made.offer()
        key = made.publish().dataset.key
        listings.withdraw_listing("data-offer", actor=self.cast.bob, now=self.now)
        return key

    def upstream(self) -> str:
        ModelDeal(self.cast, self.now).publish()
        return "upstream"

    def model_key(self) -> str:
        caps.open_project("n-firm", "客服", actor=self.cast.alice, now=self.now, idempotency_key="project")
        return ModelDeal(self.cast, self.now).key().key.identifier

    def project(self) -> str:
        given = {"actor": self.cast.alice, "now": self.now, "idempotency_key": "project"}
        return caps.open_project("n-firm", "客服", **given).name

    def access_key(self) -> str:
        until = self.now + timedelta(days=1)
        given = {"actor": self.cast.alice, "now": self.now, "idempotency_key": "key"}
        return keys.create_access_key("k", ["read"], expires_at=until, organisation="n-firm", **given).key.identifier

    def invitation(self) -> str:
        given = {"actor": self.cast.alice, "now": self.now, "idempotency_key": "invitation"}
        return invitations.invite("某人", organisation="n-firm", role=Role.MEMBER, **given).invitation.identifier

    def claim(self) -> str:
        person = self.cast.alice.person_id
        given = {"person_id": person, "organisation": self.cast.centre, "code": "9" * 18, "asked_at": self.now}
        return Claim.objects.create(key="claim", representative_name="某", contact="某", **given).key

    def hold(self) -> str:
        self.make("agreement")
        return Hold.objects.first().transfer.idempotency_key  # type: ignore[union-attr]

    def account(self) -> str:
        self.make("agreement")
        return "CNY:commitment:n-firm"

    def batch(self) -> str:
        desk = Desk(self.deal)
        desk.settle()
        desk.accounts()
        return desk.exported(self.cast.firm).message_id

    def order(self) -> str:
        return str(self.make("batch")) + "-1"

    def entry(self) -> str:
        of = {"organisation": self.cast.firm, "account_number": "755900012310"}
        file = StatementFile.objects.create(
            **of, sha256="0" * 64, name="s", form="csv", imported_at=self.now, read=1, added=1, rejected=0,
            is_whole=True,
        )  # fmt: skip
        row = {"booked_on": self.now.date(), "direction": "out", "amount_fen": 1, "finding": "paid", "state": "matched"}
        return BankEntry.objects.create(file=file, row=1, **of, reference="B-1", **row).reference

    def invoice(self) -> int:
        desk = Desk(self.deal)
        desk.settle()
        return invoices.issue_invoices("n-centre", "2026-11", actor=self.cast.bob, now=self.now)[0].number

    def application(self) -> str:
        return Persons(self.cast, self.directory).applied()[1].key

    def voucher(self) -> str:
        return self.deal.grant(self.deal.decision(), self.deal.pot(key="xunli")).key

    def proof(self) -> int:
        given = {"attribute": "a", "valid_from": self.now.date(), "known_at": self.now, "sealed": b"x"}
        fact = PersonFact.objects.create(person_id=self.cast.alice.person_id, **given)
        return PersonProof.objects.create(person_id=fact.person_id, fact=fact, asked_at=self.now).pk

    def imported(self) -> str:
        return ImportFile.objects.create(
            name="firms.csv", sha256="0" * 64, shape="x", read=0, created=0, merged=0, rejected=0
        ).name

    def task(self) -> str:
        return str(tasks.seal.enqueue().id)

    def person(self) -> str:
        return "alice"


THINGS: Mapping[str, str] = {
    "agreement": "agreement", "dispute": "dispute", "reading": "reading", "hold_key": "hold", "transfer_key": "hold",
    "debit_code": "account", "credit_code": "account", "dataset": "dataset", "end_to_end_id": "order",
    "message_id": "batch", "reference": "entry", "application_key": "application", "voucher_key": "voucher",
    "task_id": "task", "project": "project", "username": "person", "person": "person", "need_key": "need",
    "need": "need",
}  # fmt: skip
"""What a parameter names, whichever act it is of; the method of `World` that makes it."""
OF_ACTS: Mapping[tuple[str, str], str] = {
    ("listings.match_need", "key"): "withdrawn_need",
    ("listings.revise_listing", "key"): "withdrawn",
    ("listings.withdraw_listing", "key"): "withdrawn",
    ("listings.decline_match", "offer_key"): "offer",
    ("listings.introduce_match", "offer_key"): "offer",
    ("quotes.quote_match", "offer"): "offer",
    ("fitting.approach_need", "need_key"): "withdrawn_need",
    ("fitting.approach_need", "offer_key"): "withdrawn",
    ("model_upstreams.register_upstream", "offer"): "withdrawn",
    ("dataset_publication.publish_dataset", "offer"): "withdrawn",
    ("jobs.cancel_job", "key"): "job",
    ("jobs.refresh_job", "key"): "job",
    ("claims.decide_claim", "key"): "claim",
    ("claims.withdraw_claim", "key"): "claim",
    ("disputes.agree_on_dispute", "key"): "dispute",
    ("disputes.answer_dispute", "key"): "dispute",
    ("disputes.resolve_dispute", "key"): "dispute",
    ("disputes.withdraw_dispute", "key"): "dispute",
    ("grants.grant_award", "key"): "application",
    ("model_upstreams.approve_upstream", "key"): "upstream",
    ("model_upstreams.close_upstream", "key"): "upstream",
    ("import_review.undo_merge", "file"): "imported",
    ("invitations.revoke_invitation", "identifier"): "invitation",
    ("keys.revoke_access_key", "identifier"): "access_key",
    ("model_keys.change_limits", "identifier"): "model_key",
    ("invoices.enter_tax_number", "number"): "invoice",
    ("person_proofs.decide_proof", "number"): "proof",
    ("person_proofs.take_back_proof", "number"): "proof",
    ("registration.register_person", "username"): "person",
    # Free to be taken; whether it is, is told to whoever holds an invitation alone.
    ("invitations.accept_as_new", "username"): "",
    **{
        (name, "key"): "agreement"
        for name in ACTIONS
        if name.startswith(("agreements.", "approvals.", "settlement.")) or name == "deliveries.complete_agreement"
    },
}
"""What a parameter of one act names, where the name alone does not say it."""
GIVEN: Mapping[str, Any] = {
    "organisation": "n-firm", "issuer": "n-centre", "payer": "n-firm", "holder": "n-firm", "number": 1,
    "line": 1, "account_number": "755900012310",
}  # fmt: skip
"""Public, or a number within what is named beside it."""
GIVEN_TO: Mapping[str, Mapping[str, Any]] = {
    "datasets.accept_terms": {"organisation": "n-outsider"},
    "datasets.hand_over": {"organisation": "n-outsider"},
    "dataset_publication.publish_dataset": {"metadata": b"{}", "files": {}},
    "keys.create_access_key": {"scopes": ["read"], "expires_at": NOW + timedelta(1)},
    "keys.make_key": {"scopes": ["read"], "expires_at": NOW + timedelta(1)},
    "model_keys.create_model_key": {"expires_at": NOW + timedelta(1)},
}
TEXTS = {
    "because", "evidence", "reason", "answer", "memo", "kind", "side", "title_zh", "title_en", "purpose", "attribute",
    "name", "outcome", "tax_number", "period", "content_sha256", "form", "terms_sha256", "role", "unit", "served_as",
    "base_url", "credential", "source", "origin", "seed", "payload", "signature", "public_key", "contract", "text",
    "inputs_sha256", "terms", "invitee", "idempotency_key",
}  # fmt: skip
"""What is said, not what is named."""
NAMES_NOTHING_HIDDEN = {
    "key_id": "keys that sign meter readings are public",
    "secret": "whoever holds an invitation's link, or a key, may know that it is there",
    "password": "one's own",
    "subject": "of an organisation or programme that the caller has found as the actor",
    "engine_name": "where a job is to run",
}
NOWHERE: Mapping[str, Any] = {"invoice": 98, "proof": 10**6}


def parameters_of(act: str, *kinds: str) -> list[str]:
    """Those that are a text, or a number."""
    wanted = inspect.signature(ACTIONS[act]).parameters.items()
    return [name for name, each in wanted if {*kinds} & set(inspect.formatannotation(each.annotation).split(" | "))]


def named_by(act: str) -> dict[str, str]:
    """Parameter → what it names, of those that name something not everybody may know of."""
    found = {each: OF_ACTS.get((act, each), THINGS.get(each, "")) for each in parameters_of(act, "str", "int")}
    return {each: thing for each, thing in found.items() if thing}


NAMING = sorted(act for act in ACTIONS if named_by(act))


def test_what_every_act_is_given_is_known() -> None:
    """A text that an act is given is a name of a thing or no name at all, and stands in a table above as the one or the
    other."""
    known = TEXTS | set(GIVEN) | set(NAMES_NOTHING_HIDDEN)
    unknown = [
        f"{act}({name})"
        for act in ACTIONS
        for name in parameters_of(act, "str")
        if name not in known | set(named_by(act)) and (act, name) not in OF_ACTS
    ]
    assert unknown == []


@pytest.mark.parametrize("act", NAMING)
def test_an_outsider_does_not_learn_what_there_is(act: str, deal: Deal, tmp_path: Path) -> None:
    world = World(deal, tmp_path)
    there = {name: world.make(thing) for name, thing in named_by(act).items()}
    nowhere = {name: NOWHERE.get(thing, f"no-such-{name}") for name, thing in named_by(act).items()}
    for actor in (deal.cast.charlie, VISITOR):
        told = answer(act, there, actor, deal)
        for each in [{name: nowhere[name]} for name in there] + [nowhere]:
            heard = answer(act, there | each, actor, deal)
            for name, value in each.items():
                heard = tuple(text.replace(str(value), str(there[name])) for text in heard)
            assert heard == told, (actor.name, each)


def answer(act: str, named: Mapping[str, Any], actor: Actor, deal: Deal) -> tuple[str, ...]:
    """How the act is refused: of which kind, and in which words."""
    function: Callable[..., Any] = ACTIONS[act]
    wanted = inspect.signature(function).parameters
    said = {**dict.fromkeys(TEXTS, "文"), **GIVEN, **GIVEN_TO.get(act, {})}
    given = nonsense_for(function) | {name: value for name, value in said.items() if name in wanted}
    with pytest.raises((NotAllowed, NotFound)) as refused:
        function(**given | dict(named) | {"actor": actor, "now": deal.now})
    return type(refused.value).__name__, str(refused.value), refused.value.in_chinese()

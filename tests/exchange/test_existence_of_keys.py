"""No act tells an outsider that an idempotency key was used: whose turn it is to act is asked before keys are looked
up. Which acts there are, and under which names they look keys up, is read from the code."""

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from exchange_deal import Deal
from test_existence import ACTIONS, World, answer, named_by, parameters_of

import siwei
from siwei.exchange.actors import VISITOR, Role
from siwei.exchange.models import Application, Event, Project
from siwei.exchange.trading.agreements import PartyTerms

KEY = "文"
"""What every text is in `answer`, the key too."""
OPEN_TO_ALL = {
    **{
        f"person_{act}": "of oneself; keys are hashed with one's own secret"
        for act in (
            "awards.apply_as_person", "bank_accounts.enter_person_account", "facts.declare_person_facts",
            "facts.record_person_decision", "files.attach_person_file", "proofs.ask_for_proof",
        )
    },
    "claims.claim_organisation": "anybody who is signed in claims",
    "listings.publish_listing": "anybody who is signed in offers a course, or looks for a position",
    "rounds.object_to": "anybody who is signed in objects",
}  # fmt: skip
PARTIES = [PartyTerms("consumer", "n-firm"), PartyTerms("provider", "n-centre")]
OBJECTS: Mapping[str, Callable[[World], dict[str, Any]]] = {
    "agreements.propose_agreement": lambda world: {"parties": PARTIES},
    "applications.apply_for_award": lambda world: {"organisation": world.cast.firm},
    "applications.apply_to_pot": lambda world: {"decision": world.deal.decision(), "documents": []},
    "applications.withdraw_application": lambda world: {
        "application": Application.objects.get(key=world.make("application"))
    },
    "decisions.record_decision": lambda world: {"organisation": world.cast.firm},
    "fact_files.attach_fact_file": lambda world: {"of": world.cast.firm},
    "invitations.invite": lambda world: {"role": Role.MEMBER},
    "projects.declare_project_facts": lambda world: {"project": Project.objects.get(name=world.make("project"))},
    "proofs.prove_facts": lambda world: {"of": world.cast.firm},
}
"""Acts that ask the thing itself whose it is, and are not given nonsense in its place."""
KEYED = sorted(act for act in ACTIONS if "idempotency_key" in parameters_of(act, "str") and act not in OPEN_TO_ALL)


@cache
def looked_up() -> tuple[str, ...]:
    """The names that `repeated` is asked for."""
    return tuple(sorted(set(_looked_up())))


def _looked_up() -> Iterator[str]:
    for path in Path(siwei.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_asked = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "repeated"
            if is_asked and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


def test_acts_that_look_a_key_up_are_found() -> None:
    assert {"change_role", "create_access_key", "set_cap"} <= {*looked_up()}
    assert {"mandates.change_role", "mandates.end_mandate"} <= set(KEYED)


@pytest.mark.parametrize("act", KEYED)
def test_an_outsider_does_not_learn_that_a_key_was_used(act: str, deal: Deal, tmp_path: Path) -> None:
    world = World(deal, tmp_path)
    there = {name: world.make(thing) for name, thing in named_by(act).items()}
    there |= OBJECTS[act](world) if act in OBJECTS else {}
    actors = (deal.cast.charlie, VISITOR)
    before = [answer(act, there, actor, deal) for actor in actors]
    for name in looked_up():
        Event.objects.create(
            action=name, key=KEY, content_sha256="0" * 64, subject="x", actor_name="alice",
            person_id=deal.cast.alice.person_id, at=deal.now,
        )  # fmt: skip
    assert [answer(act, there, actor, deal) for actor in actors] == before

"""The city's office that awards money to persons: round after round they apply under a pseudonym, are awarded after a
public notice and say where to pay it. Some give up, some take their consent back at any moment, also while the payment
desk writes their name for the bank; some awards are clawed back, and what comes back is shared
among those who wait for it where the programme says so."""

import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from siwei.city.attributes import load_attributes
from siwei.city.home import resolve_pack
from siwei.errors import Conflict
from siwei.exchange.awards import applications, grants, rounds, supplements, vouchers
from siwei.exchange.awards.person_awards import apply_as_person
from siwei.exchange.facts.declared import Declaration
from siwei.exchange.facts.person_facts import declare_person_facts
from siwei.exchange.models import Application, ApplicationState, Consent, Grant, Person, Pot, SharingRound
from siwei.exchange.payments import claw_backs, person_bank_accounts
from siwei.exchange.people import consents
from siwei.exchange.people.consents import PERSON_AWARD, PERSON_FACTS
from siwei.market import bank
from siwei.policy import Programme, Sharing, load_programme
from siwei.policy.stacking import Stacking
from tests.crash import engine  # noqa: F401  (makes the exchange's own test modules importable)
from tests.crash.asking import patiently
from tests.crash.pulse import Pulse
from tests.crash.town import BANK_CODE, Town, actor

from exchange_persons import AFTER, IN_WINDOW, LATER, NOTICE_END, TEXT  # isort: skip

MOST_FEN = 300_000
"""A person's award at most; a round's pot has 500,000 and is shared in proportion."""
CLAWED_AFTER = 2
RETURNS = ("waiting", "treasury", "pot")
PAUSE_S = 0.3


class Office:
    def __init__(self, town: Town, seed: int, folder: Path, pulse: Pulse) -> None:
        self.town, self.seed, self.pulse = town, seed, pulse
        self.stop, self.done = folder / "stop", folder / "rounds"
        self.attributes = load_attributes(resolve_pack("shenzhen"))

    def run(self) -> None:
        self.done.touch()
        ended = [each for each in self.done.read_text().splitlines() if each.startswith("round-")]
        for number in count(len(ended)):
            self.round(number, random.Random(f"{self.seed}:round-{number}"))
            self.ended(f"round-{number}")
            if self.stop.exists():
                return
            time.sleep(PAUSE_S)

    def ended(self, key: str) -> None:
        with self.done.open("a") as file:
            file.write(f"{key}\n")

    def round(self, number: int, chance: random.Random) -> None:
        programme = self.programme(number)
        people = [Applicant(f"person-{number}-{one}", chance) for one in range(chance.randint(2, 5))]
        people[0].fate = "stays"  # so that there is something to share
        pot = patiently(
            lambda: vouchers.open_pot(
                programme, "2026", 500_000, actor=actor("olive"), now=datetime.now(UTC), idempotency_key=programme.id
            ),
            "pot",
        )
        for each in people:
            each.apply(programme, pot, self.attributes)
        self.award(number, programme, pot, people, chance)
        for each in people:
            each.take()
        self.claw_back(number - CLAWED_AFTER, chance)
        self.supplement(number - CLAWED_AFTER)

    def programme(self, number: int) -> Programme:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"subsidy-{number}.yaml")
            # Of some what comes back goes on to the treasury, by an entry more; of some others wait for it.
            returns = RETURNS[number % len(RETURNS)]
            text = TEXT.replace("talent-subsidy", path.stem).replace("per: year", f"per: year\n  returns: {returns}")
            path.write_text(text, encoding="utf-8")
            return load_programme(path, self.attributes)

    def award(
        self, number: int, programme: Programme, pot: Any, people: "list[Applicant]", chance: random.Random
    ) -> None:
        by: dict[str, Any] = {"actor": actor("olive")}
        made: SharingRound = patiently(
            lambda: rounds.share_applications(
                programme, pot, attributes=self.attributes, as_of=AFTER, sharing=Sharing.PRO_RATA, **by,
                now=datetime.now(UTC), idempotency_key=f"round-{number}",
            ),
            "share",
        )  # fmt: skip
        patiently(
            lambda: rounds.open_notice(
                made, until=NOTICE_END, as_of=AFTER, **by, now=datetime.now(UTC), idempotency_key=f"notice-{number}"
            ),
            "notice",
        )
        for each in people[1:]:
            if chance.random() < 0.25:
                self.object_to(each, is_upheld=chance.random() < 0.5)
        self.pay_out(made, f"award-{number}")

    def pay_out(self, made: SharingRound, key: str) -> None:
        by: dict[str, Any] = {"actor": actor("olive")}
        awarded = patiently(
            lambda: rounds.award_round(made, as_of=LATER, **by, now=datetime.now(UTC), idempotency_key=key), "award"
        )
        patiently(lambda: grants.grant_round(awarded, **by, now=datetime.now(UTC)), "grant")

    def supplement(self, number: int) -> None:
        """A supplementary round of an earlier round's pot, where somebody waits for what came back to it."""
        key, programme = f"supplement-{number}", self.programme(max(number, 0))
        pot = patiently(Pot.objects.filter(programme=programme.id).first, "pot")
        if number < 0 or pot is None or key in self.done.read_text().splitlines():
            return
        by: dict[str, Any] = {"actor": actor("olive")}

        def share() -> SharingRound | None:
            try:
                return supplements.share_returned(
                    programme, pot, attributes=self.attributes, stacking=Stacking(), as_of=AFTER, **by,
                    now=datetime.now(UTC), idempotency_key=key,
                )  # fmt: skip
            except Conflict as refusal:
                if "nobody waits" in str(refusal):
                    return None
                raise

        made = patiently(share, "supplement")
        if made is None:
            return
        patiently(
            lambda: rounds.open_notice(
                made, until=NOTICE_END, as_of=AFTER, **by, now=datetime.now(UTC), idempotency_key=f"notice-{key}"
            ),
            "notice",
        )
        self.pay_out(made, f"award-{key}")
        self.ended(key)

    def object_to(self, person: "Applicant", *, is_upheld: bool) -> None:
        """By a firm's owner, and decided by another office; nothing where the person is out of the round."""
        found = person.application()
        if found is None or found.state == ApplicationState.WITHDRAWN:
            return
        objector = actor(self.town.firms[0].owner)
        objection = patiently(
            lambda: rounds.object_to(
                found, "已在外地领取", as_of=AFTER, actor=objector, now=datetime.now(UTC),
                idempotency_key=f"objection-{person.username}",
            ),
            "object",
        )  # fmt: skip
        patiently(
            lambda: rounds.decide_objection(
                objection, upheld=is_upheld, reason="已核实", actor=actor("otto"), now=datetime.now(UTC),
                idempotency_key=f"decided-{person.username}",
            ),
            "decide",
        )  # fmt: skip

    def claw_back(self, number: int, chance: random.Random) -> None:
        """Of an earlier round, unless the bank is at it. What was taken once is not taken twice."""
        share, is_wanted = chance.random(), chance.random() < (0.8 if number % len(RETURNS) == 0 else 0.4)
        found = Grant.objects.filter(application__round__key=f"round-{number}").order_by("pk")
        grant = patiently(found.first, "grant") if is_wanted else None
        if grant is None:
            return
        try:
            claw_backs.claw_back_grant(
                grant.application.key, max(1, int(grant.amount_fen * share)), because="不再符合条件",
                actor=actor("olive"), now=datetime.now(UTC), idempotency_key=f"claw-{number}",
            )  # fmt: skip
        except Conflict:
            return


class Applicant:
    """One person of one round, whose fate is drawn before anything is done."""

    def __init__(self, username: str, chance: random.Random) -> None:
        self.username = username
        self.fen, self.wait_s = chance.randint(1, MOST_FEN), chance.uniform(0, 0.6)
        fates = ("stays", "withdraws", "repents early", "repents late", "waits")
        self.fate = chance.choices(fates, (60, 8, 8, 16, 8))[0]
        self.number = "6222" + "".join(str(chance.randrange(10)) for _ in range(15))

    @property
    def name(self) -> str:
        return f"王{self.username}"

    def apply(self, programme: Programme, pot: Any, attributes: Any) -> None:
        patiently(lambda: Person.objects.get_or_create(username=self.username), "person")
        if self.is_gone():
            return
        for purpose in (PERSON_FACTS, PERSON_AWARD):
            self.act(lambda purpose=purpose, **who: consents.give_consent(purpose, **who))
        self.act(
            lambda **who: declare_person_facts(
                {"person_income_tax": Declaration(str(self.fen), "完税证明")}, attributes=attributes,
                valid_from=IN_WINDOW, idempotency_key=f"facts-{self.username}", **who,
            )
        )  # fmt: skip
        self.act(
            lambda **who: apply_as_person(
                programme, pot, name=self.name, claim_fen=self.fen, attributes=attributes, stacking=Stacking(),
                as_of=IN_WINDOW, idempotency_key="form", **who,
            )
        )  # fmt: skip
        if self.fate == "withdraws":
            self.act(
                lambda **who: applications.withdraw_application(
                    self.application(), idempotency_key=f"withdraw-{self.username}", **who
                )
            )
        elif self.fate == "repents early":
            self.repent()

    def take(self) -> None:
        """Say where to be paid what was awarded; or take the consent back while it may be on its way."""
        found = self.application()
        if self.fate == "waits" or self.is_gone() or found is None or found.state != ApplicationState.AWARDED:
            return
        account = bank.BankAccount(self.name, self.number, BANK_CODE, "示例银行")
        self.act(
            lambda **who: person_bank_accounts.enter_person_account(
                account, idempotency_key=f"account-{self.username}", **who
            )
        )
        if self.fate == "repents late":
            time.sleep(self.wait_s)
            self.repent()

    def repent(self) -> None:
        self.act(lambda **who: consents.withdraw_consent(PERSON_AWARD, **who))

    def is_gone(self) -> bool:
        mine = Consent.objects.filter(person__username=self.username, purpose=PERSON_AWARD)
        return bool(patiently(mine.exclude(withdrawn_at=None).exists, "consents"))

    def application(self) -> Application | None:
        mine = Application.objects.filter(pseudonym__person__username=self.username)
        return patiently(mine.first, "application")

    def act(self, act: Callable[..., Any]) -> None:
        patiently(lambda: act(actor=actor(self.username), now=datetime.now(UTC)), self.username)

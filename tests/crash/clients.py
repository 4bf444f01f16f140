"""Clients: take agreement after agreement from a need to its settlement, over HTTP and by actions, each step under a
key of its own. One that was killed begins its last agreement again: every step it had taken is then a look-up.

What a client was told to be done it writes down, and the city must know it at the end.
"""

import json
import random
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from siwei.compute import JobSpec
from siwei.exchange.models import Dispute
from siwei.exchange.trading import jobs, listings, readings
from tests.crash.asking import PATIENCE_S, Api, GivenUp, patiently
from tests.crash.callers import Caller
from tests.crash.deals import grumble, lapse, scenario, sign
from tests.crash.engine import ENGINE_NAME, DoneEngine
from tests.crash.member import Plan
from tests.crash.pulse import Pulse
from tests.crash.town import MODEL, Party, Town, actor

SPEC = JobSpec(command=("python", "train.py"), wall_limit_s=120)
NEEDS = {
    "service": lambda chance: {"title": "检测", "services": ["检测"], "days": chance.randint(3, 30)},
    "compute": lambda chance: {"title": "训练", "accelerators": ["cpu"], "count": 1, "seconds": 3_600},
    "model": lambda chance: {
        "title": "续写",
        "models": [MODEL],
        "endpoints": ["chat"],
        "budget_fen": chance.randint(8_000, 90_000),
    },
}


class Client:
    def __init__(self, town: Town, number: int, plan: Plan, folder: Path, pulse: Pulse) -> None:
        self.town, self.number, self.seed = town, number, plan.seed
        self.api = Api(plan.ports, random.Random(), pulse.step)
        self.caller = Caller(plan.gateways, folder / f"answered-{number}", pulse.step)
        self.done, self.stop = folder / f"done-{number}", folder / "stop"

    def run(self) -> None:
        self.done.touch()
        for index in count(len(self.done.read_text().splitlines())):
            # What was begun is ended, also by one that was killed in the middle of it.
            key, state = self.agreement(f"{self.number}-{index}")
            with self.done.open("a") as file:
                file.write(f"{key} {state}\n")
            if self.stop.exists():
                return

    def agreement(self, name: str) -> tuple[str, str]:
        """Its key, and the state in which it ended."""
        chance = random.Random(f"{self.seed}:{name}")
        kind = chance.choices(("service", "compute", "scenario", "lapse", "model"), (6, 3, 3, 2, 4))[0]
        firm, centre = chance.choice(self.town.firms), chance.choice(self.town.centres)
        if kind == "model":
            # One firm to one client: a firm's calls go to the agreement that it signed first.
            firm = self.town.firms[self.number]
        if kind == "scenario":
            return scenario(self.api, name, self.town, firm, centre, chance)
        if kind == "lapse":
            return lapse(self.api, name, firm, centre, chance)
        key, centre = self.propose(name, kind, firm, chance)
        ending = chance.choices(("settled", "dropped", "cancelled"), (88, 5, 7))[0]
        if ending != "dropped":
            sign(self.api, key, name, firm, centre, chance)
        if ending != "settled":
            self.api.act("cancel", key, chance.choice((firm, centre)), f"cancel-{name}", text="不再需要")
            return key, "cancelled"
        if kind == "service":
            self.meter(key, name, firm, centre, chance)
        elif kind == "compute":
            self.compute(key, name, firm, chance)
        else:
            self.caller.call(key, firm.calling, chance.randint(1, 4))
            self.api.act("stop_calls", key, chance.choice((firm, centre)), f"stop-{name}")
        if kind != "model":
            self.api.act("complete", key, centre, f"complete-{name}")
        self.api.act("settle", key, centre, f"settle-{name}")
        return key, "settled"

    def propose(self, name: str, kind: str, firm: Party, chance: random.Random) -> tuple[str, Party]:
        need, body = f"need-{name}", NEEDS[kind](chance)
        patiently(
            lambda: listings.publish_listing(
                kind, "need", organisation=firm.key, title_zh=kind, title_en=kind, body=body, actor=actor(firm.owner),
                now=datetime.now(UTC), idempotency_key=need,
            ),
            "publish",
        )  # fmt: skip
        self.api.act("match", need, firm, f"match-{name}")
        offer = self.api.get(f"/api/matches?listing={need}", firm)[0]["offer"]
        pair = {"need": need, "offer": offer}
        voucher = firm.voucher if chance.random() < 0.7 else ""
        quote = self.api.act("quote", need, firm, f"quote-{name}", voucher=voucher, **pair)["made"]
        key = self.api.act("propose", quote, firm, f"propose-{name}", ends_on=str(self.town.ends_on))["made"]
        return key, self.town.centres[int(offer.rpartition("-")[2])]

    def meter(self, key: str, name: str, firm: Party, centre: Party, chance: random.Random) -> None:
        """Signed reports, some twice, in any order; now and then the firm counted otherwise."""
        agreed = self.api.get(f"/api/agreement?key={key}", firm)
        days, start = agreed["lines"][0]["quantity"], datetime.fromisoformat(agreed["proposed_at"])
        windows = chance.randint(1, 3)
        reports = [(number, days // windows) for number in range(windows)]
        for number, quantity in chance.sample(reports * 2, windows * 2):
            usage = self.report(key, centre, start + timedelta(seconds=number), quantity)
            if number == 0 and agreed["lines"][0]["gross_fen"] % 5 == 0:
                self.differ(key, name, usage.reading, quantity - 1, firm, centre)
        if chance.random() < 0.15:
            grumble(self.api, key, name, firm, chance)

    def report(self, key: str, centre: Party, start: datetime, quantity: int) -> Any:
        said = {
            "agreement": key, "line": 1, "meter": "days", "from": start.isoformat(),
            "to": (start + timedelta(seconds=1)).isoformat(), "quantity": quantity, "measured": {},
        }  # fmt: skip
        payload = json.dumps(said)
        signature = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(centre.signing)).sign(payload.encode()).hex()
        return patiently(
            lambda: readings.report_usage(
                centre.reporter, payload, signature, actor=actor(centre.owner), now=datetime.now(UTC)
            ),
            "report",
        )

    def differ(self, key: str, name: str, reading: str, quantity: int, firm: Party, centre: Party) -> None:
        patiently(
            lambda: readings.counter_reading(
                reading, quantity, measured={}, actor=actor(firm.owner), now=datetime.now(UTC)
            ),
            "counter-reading",
        )
        dispute = patiently(lambda: Dispute.objects.get(usage__reading=reading).key, "dispute")
        self.api.act("answer", key, centre, f"answer-{name}", dispute=dispute, text="照您说的", amount=quantity)
        self.api.act("agree", key, firm, f"agree-{name}", dispute=dispute)

    def compute(self, key: str, name: str, firm: Party, chance: random.Random) -> None:
        names = [f"job-{name}-{number}" for number in range(chance.randint(1, 3))]
        for job in names:
            patiently(
                lambda job=job: jobs.submit_job(
                    key, 1, SPEC, engine=DoneEngine(), engine_name=ENGINE_NAME, actor=actor(firm.owner),
                    now=datetime.now(UTC), idempotency_key=job,
                ),
                "submit",
            )  # fmt: skip
        deadline, wait_s = time.monotonic() + PATIENCE_S, 0.2
        for job in names:
            while self.api.get(f"/api/jobs/{job}", firm)["state"] != "succeeded":
                if time.monotonic() > deadline:
                    raise GivenUp(f"{job} does not end")
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, 2.0)

"""Clients: take agreement after agreement from a need to its settlement, over HTTP and by actions, each step under a
key of its own. One that was killed begins its last agreement again: every step it had taken is then a look-up.

What a client was told to be done it writes down, and the city must know it at the end.
"""

import http.client
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import Error, connections

from siwei.compute import JobSpec
from siwei.errors import Conflict
from siwei.exchange import agreements, jobs, listings, payments, readings
from siwei.exchange.agreements import LineTerms, PartyTerms
from siwei.exchange.deliveries import DeliveryTerms
from siwei.exchange.models import Dispute
from siwei.portal.proposals import end_of
from tests.crash.engine import ENGINE_NAME, DoneEngine
from tests.crash.town import Party, Town, actor

T = TypeVar("T")
PATIENCE_S = 60.0
AGAIN = (409, 500, 502, 503)
SPEC = JobSpec(command=("python", "train.py"), wall_limit_s=120)
NEEDS = {
    "service": lambda chance: {"title": "检测", "services": ["检测"], "days": chance.randint(3, 30)},
    "compute": lambda chance: {"title": "训练", "accelerators": ["cpu"], "count": 1, "seconds": 3_600},
}


class GivenUp(Exception):
    """Asked for a minute and refused each time: the city is at fault."""


def patiently(act: Callable[[], T], what: str) -> T:
    """An action of ours, again where it lost a race or the database was not there."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except (Conflict, Error) as error:
            if time.monotonic() > deadline:
                raise GivenUp(f"{what}: {error}") from error
            connections.close_all()
            time.sleep(0.1)


class Api:
    """Whichever web process answers; asked again where none does, or where another writer was quicker."""

    def __init__(self, ports: tuple[int, ...], chance: random.Random) -> None:
        self.ports, self.chance = ports, chance

    def get(self, path: str, by: Party) -> Any:
        return self._ask("GET", path, by, None)

    def act(self, act: str, key: str, by: Party, token: str, **values: Any) -> Any:
        return self._ask("POST", f"/api/acts/{act}", by, {"key": key, "idempotency_key": token, **values})

    def _ask(self, method: str, path: str, by: Party, body: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                status, text = self._send(method, path, by, body)
            except (OSError, http.client.HTTPException) as error:
                status, text = 503, repr(error)
            if status == 200:
                return json.loads(text)
            if status not in AGAIN or time.monotonic() > deadline:
                raise GivenUp(f"{method} {path} {json.dumps(body)}: {status} {text[:300]}")
            time.sleep(0.05)

    def _send(self, method: str, path: str, by: Party, body: Any) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.chance.choice(self.ports), timeout=30)
        headers = {"Authorization": f"Bearer {by.secret}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()


class Client:
    def __init__(self, town: Town, number: int, seed: int, ports: tuple[int, ...], folder: Path) -> None:
        self.town, self.number, self.seed = town, number, seed
        self.api = Api(ports, random.Random())
        self.done, self.stop = folder / f"done-{number}", folder / "stop"

    def run(self) -> None:
        self.done.touch()
        for index in count(len(self.done.read_text().splitlines())):
            # What was begun is ended, also by one that was killed in the middle of it.
            key = self.agreement(f"{self.number}-{index}")
            with self.done.open("a") as file:
                file.write(f"{key}\n")
            if self.stop.exists():
                return

    def agreement(self, name: str) -> str:
        chance = random.Random(f"{self.seed}:{name}")
        kind = chance.choices(("service", "compute", "scenario"), (5, 3, 3))[0]
        firm = chance.choice(self.town.firms)
        if kind == "scenario":
            return self.scenario(name, firm, chance.choice(self.town.centres), chance)
        key, centre = self.propose(name, kind, firm, chance)
        if chance.random() < 0.05:
            self.api.act("cancel", key, firm, f"cancel-{name}", text="不再需要")
            return key
        self.sign(key, name, chance.sample((firm, centre), 2))
        if kind == "service":
            self.meter(key, name, firm, centre, chance)
        else:
            self.compute(key, name, firm, chance)
        self.api.act("complete", key, centre, f"complete-{name}")
        self.api.act("settle", key, centre, f"settle-{name}")
        return key

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

    def sign(self, key: str, name: str, parties: list[Party]) -> None:
        for each in parties:
            self.api.act("sign", key, each, f"sign-{name}-{each.key}")

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
        deadline = time.monotonic() + PATIENCE_S
        while {self.api.get(f"/api/jobs/{job}", firm)["state"] for job in names} != {"succeeded"}:
            if time.monotonic() > deadline:
                raise GivenUp(f"{names} do not end")
            time.sleep(0.1)

    def scenario(self, name: str, firm: Party, centre: Party, chance: random.Random) -> str:
        """Milestones of the centre's, paid by the firm; one may be sent back first."""
        key, first, second = f"scenario-{name}", chance.randint(1, 90_000), chance.randint(1, 90_000)
        stages = [DeliveryTerms("方案", 1, first), DeliveryTerms("验收", 1, second)]
        line = LineTerms(centre.key, firm.key, "试点", 1, "project", first + second)
        patiently(
            lambda: agreements.propose_agreement(
                "scenario", [PartyTerms("owner", firm.key), PartyTerms("supplier", centre.key)], lines=[line],
                deliveries=stages, ends_at=end_of(self.town.ends_on), actor=actor(firm.owner), now=datetime.now(UTC),
                idempotency_key=key,
            ),
            "propose",
        )  # fmt: skip
        self.sign(key, name, chance.sample((firm, centre), 2))
        for number in (1, 2):
            self.api.act("submit", key, centre, f"submit-{name}-{number}", number=number, text="报告")
            if chance.random() < 0.2:
                self.api.act("reject", key, firm, f"reject-{name}-{number}", number=number, text="缺记录")
                self.api.act("submit", key, centre, f"again-{name}-{number}", number=number, text="补齐")
            self.api.act("accept", key, firm, f"accept-{name}-{number}", number=number)
        self.api.act("settle", key, centre, f"settle-{name}")
        return key


class Desk:
    """Orders what is due, has it approved by two, writes it for the bank; sometimes the bank says no."""

    def __init__(self, town: Town, seed: int, folder: Path) -> None:
        self.town, self.seed, self.stop, self.done = town, seed, folder / "stop", folder / "ordered"

    def run(self) -> None:
        self.done.touch()
        payers: list[Party | None] = [None, *self.town.firms]
        for number in count(len(self.done.read_text().splitlines())):
            if self.stop.exists():
                return
            is_ordered = self.order(payers[number % len(payers)], f"batch-{number}")
            with self.done.open("a") as file:
                file.write(f"batch-{number} {is_ordered}\n")
            time.sleep(0.2)

    def order(self, payer: Party | None, key: str) -> bool:
        by, first, second = ("olive", "otto", "oscar") if payer is None else (payer.owner, *payer.treasurers)
        now = datetime.now(UTC)
        try:
            batch = payments.make_batch(
                payer.key if payer else None,
                execute_on=self.town.ends_on,
                actor=actor(by),
                now=now,
                idempotency_key=key,
            )
        except (Conflict, Error):
            connections.close_all()
            return False
        for name in (first, second):
            patiently(
                lambda name=name: payments.approve_batch(
                    batch.message_id, batch.content_sha256, actor=actor(name), now=datetime.now(UTC)
                ),
                "approve",
            )
        patiently(
            lambda: payments.export_batch(batch.message_id, "pain001", actor=actor(first), now=datetime.now(UTC)),
            "export",
        )
        if random.Random(f"{self.seed}:{key}").random() < 0.3:
            patiently(
                lambda: payments.reject_order(
                    f"{batch.message_id}-1", because="账号有误", actor=actor(first), now=datetime.now(UTC)
                ),
                "reject",
            )
        return True

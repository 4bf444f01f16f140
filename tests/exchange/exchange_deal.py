"""The steps of one voucher-paid compute deal, for tests to take as far as they need."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from exchange_fakes import FakeEngine

from siwei.compute import JobPhase, JobSpec
from siwei.exchange.awards import vouchers
from siwei.exchange.models import Agreement, Decision, Fact, Job, Match, Pot, Settlement, Voucher
from siwei.exchange.trading import agreements, jobs, listings, settlement
from siwei.exchange.trading.agreements import PartyTerms

DAY = date(2026, 11, 23)
OFFER = {
    "title": "算力池",
    "accelerator": "cpu",
    "count": 8,
    "memory_gb": 0,
    "price_fen_per_hour": 36_001,
    "residence": "shenzhen",
}
NEED = {"title": "训练", "accelerators": ["cpu"], "count": 1, "seconds": 3_600}
SPEC = JobSpec(command=("python", "train.py"), wall_limit_s=120)


class Deal:
    """The steps of the deal, each callable again under its own key."""

    def __init__(self, cast: Any, now: datetime) -> None:
        self.cast, self.now, self.engine = cast, now, FakeEngine()

    def offer(self, **body: Any) -> Any:
        return listings.publish_listing(
            "compute",
            "offer",
            organisation=self.cast.centre.key,
            title_zh="算力池",
            title_en="A pool",
            body=OFFER | body,
            actor=self.cast.bob,
            now=self.now,
            idempotency_key="offer",
        )

    def need(self, **body: Any) -> Any:
        return listings.publish_listing(
            "compute",
            "need",
            organisation=self.cast.firm.key,
            title_zh="训练",
            title_en="Training",
            body=NEED | body,
            actor=self.cast.alice,
            now=self.now,
            idempotency_key="need",
        )

    def list_provider(self, listed: bool = True) -> None:
        Fact.objects.create(
            organisation=self.cast.centre,
            attribute="listed_provider",
            value=str(listed).lower(),
            known_at=self.now,
            source="test",
            source_ref=str(Fact.objects.count()),
            status=2,
            is_public=True,
        )

    def decision(self, **changes: Any) -> Decision:
        values: dict[str, Any] = {
            "key": "decision",
            "organisation": self.cast.firm,
            "programme": "xunli",
            "version_sha256": "0" * 64,
            "is_draft": False,
            "as_of": DAY,
            "verdict": "eligible",
            "award_fen": 50_000,
            "inputs": {},
            "result": {},
            "decided_at": self.now,
        }
        return Decision.objects.create(**values | changes)

    def pot(self, budget_fen: int = 1_000_000, is_draft: bool = False, key: str = "pot") -> Pot:
        programme: Any = SimpleNamespace(id="xunli", sha256="0" * 64, is_draft=is_draft, pot=None)
        return vouchers.open_pot(
            programme, "2026", budget_fen, actor=self.cast.olive, now=self.now, idempotency_key=key
        )

    def grant(self, decision: Decision, pot: Pot, amount_fen: int = 50_000) -> Voucher:
        return vouchers.grant_voucher(
            decision,
            pot,
            amount_fen=amount_fen,
            rate_bp=6_000,
            kinds=["compute"],
            listed_providers_only=True,
            valid_from=date(2026, 1, 1),
            valid_to=date(2026, 12, 31),
            actor=self.cast.olive,
            now=self.now,
            idempotency_key="voucher",
        )

    def voucher(self) -> Voucher:
        self.list_provider()
        return self.grant(self.decision(), self.pot())

    def match(self, voucher: Voucher | None = None) -> Match:
        self.offer()
        self.need()
        return listings.match_need("need", as_of=DAY, actor=self.cast.alice, now=self.now, voucher=voucher)[0]

    def propose(self, match: Match, voucher: Voucher | None = None) -> Agreement:
        return agreements.propose_agreement(
            "compute",
            [PartyTerms("consumer", self.cast.firm.key), PartyTerms("provider", self.cast.centre.key)],
            ends_at=self.now + timedelta(days=30),
            actor=self.cast.alice,
            now=self.now,
            idempotency_key="deal",
            match=match,
            voucher=voucher,
            as_of=DAY,
        )

    def budget(self, fen: int = 100_000) -> None:
        agreements.declare_budget(
            self.cast.firm.key, fen, actor=self.cast.alice, now=self.now, idempotency_key=f"budget-{fen}"
        )

    def sign(self, actor: Any) -> Agreement:
        return agreements.sign_agreement("deal", actor=actor, now=self.now, as_of=DAY)

    def signed(self) -> Agreement:
        voucher = self.voucher()
        self.propose(self.match(voucher), voucher)
        self.budget()
        self.sign(self.cast.alice)
        return self.sign(self.cast.bob)

    def submit(self, key: str = "job", spec: JobSpec = SPEC) -> Job:
        return jobs.submit_job(
            "deal",
            1,
            spec,
            engine=self.engine,
            engine_name="fake",
            actor=self.cast.alice,
            now=self.now,
            idempotency_key=key,
        )

    def refresh(self, key: str = "job", actor: Any = None) -> Job:
        return jobs.refresh_job(key, engine=self.engine, actor=actor or self.cast.alice, now=self.now)

    def finish(self, key: str = "job", phase: JobPhase = JobPhase.SUCCEEDED) -> Job:
        self.engine.phases[Job.objects.get(key=key).engine_job_id] = phase
        return self.refresh(key)

    def settle(self, actor: Any = None) -> Settlement:
        return settlement.settle_agreement("deal", actor=actor or self.cast.bob, now=self.now)
